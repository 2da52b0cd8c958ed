"""One end of a WebSocket that is open, over whatever carries its bytes."""

from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Ping, Pong, TextMessage

CLIENT, SERVER = ConnectionType.CLIENT, ConnectionType.SERVER


class WebSocket:
    """`send` takes bytes; `receive` waits for the next ones and gives b"" at their end."""

    def __init__(self, role, send, receive):
        self._connection = Connection(role)
        self._send = send
        self._receive = receive
        self._events = []
        self.ended = False  # no more bytes come

    def send(self, event):
        self._send(self._connection.send(event))

    def message(self, data):
        text = isinstance(data, str)
        self.send(TextMessage(data=data) if text else BytesMessage(data=data))

    def close(self, code, reason=""):
        self.send(CloseConnection(code=code, reason=reason))

    def next(self):
        """The next message (str or bytes), Ping, Pong or CloseConnection; None at the end."""
        parts = []
        while (event := self._next_event()) is not None:
            if not isinstance(event, (TextMessage, BytesMessage)):
                return event
            parts.append(event.data)
            if event.message_finished:
                return type(event.data)().join(parts)
        return None

    def _next_event(self):
        while not self._events:
            data = b"" if self.ended else self._receive()
            if not data:
                self.ended = True
                return None
            self._connection.receive_data(bytes(data))
            self._events += self._connection.events()
        return self._events.pop(0)

    def serve_echo(self):
        """Repeats messages and answers pings and the close, to the end.

        "close CODE REASON" makes it close first, and "ping" makes it ping and tell of the pong.
        """
        while (event := self.next()) is not None:
            if isinstance(event, Ping):
                self.send(event.response())
            elif isinstance(event, Pong):
                self.message(f"pong {bytes(event.payload).decode()}")
            elif isinstance(event, CloseConnection):
                if self._connection.state is ConnectionState.REMOTE_CLOSING:
                    self.send(event.response())
                return
            elif isinstance(event, str) and event.startswith("close "):
                _, code, reason = event.split(" ", 2)
                self.close(int(code), reason)
            elif event == "ping":
                self.send(Ping(payload=b"origin"))
            else:
                self.message(event)
