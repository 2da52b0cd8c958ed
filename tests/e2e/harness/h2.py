"""HTTP/2 clients and origins over hyper-h2, which say exactly what a test wants."""

import threading

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings

from harness.http import Fields
from harness.origin import TlsHttpOrigin

_READ_SIZE = 1 << 16


class Reply:
    """What came on one stream."""

    def __init__(self):
        self.status = None
        self.fields = Fields()
        self.body = bytearray()
        self.trailers = Fields()
        self.interim = []
        self.ended = False
        # The error code of the RST_STREAM that ended it.
        self.reset = None

    @property
    def error(self):
        """The proxy's own error code, or None where the origin answered."""
        return self.fields.get("x-sallyport-error")

    @property
    def over(self):
        return self.ended or self.reset is not None

    def __repr__(self):
        return f"<{self.status} {self.fields} {bytes(self.body[:300])!r} reset={self.reset}>"


class H2Client:
    """An HTTP/2 connection inside TLS. `inner` is what Proxy.tls gives, made with ALPN h2."""

    def __init__(self, inner, window=None, strict=True):
        self.inner = inner
        self.authority = inner.authority
        self.h2 = h2.connection.H2Connection(
            h2.config.H2Configuration(
                client_side=True,
                header_encoding="latin-1",
                validate_outbound_headers=strict,
                normalize_outbound_headers=strict,
            )
        )
        self.replies = {}
        self.goaway = None  # its error code
        self.goaway_last = None
        self.closed = False
        if window is not None:
            self.h2.local_settings = h2.settings.Settings(
                client=True,
                initial_values={h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: window},
            )
        self.h2.initiate_connection()
        self.flush()

    def flush(self):
        data = self.h2.data_to_send()
        if data:
            self.inner.send(data)

    def start(self, method="GET", path="/", fields=(), end=True, authority=None, pseudo=None):
        """Begins a request; gives its stream's number."""
        stream = self.h2.get_next_available_stream_id()
        if pseudo is None:
            pseudo = [
                (":method", method),
                (":scheme", "https"),
                (":authority", authority or self.authority),
                (":path", path),
            ]
        self.replies[stream] = Reply()
        self.h2.send_headers(stream, [*pseudo, *fields], end_stream=end)
        self.flush()
        return stream

    def send_body(self, stream, body, end=True, trailers=None):
        """Sends a body as the windows permit."""
        view = memoryview(body)
        while view:
            size = min(
                self.h2.local_flow_control_window(stream), self.h2.max_outbound_frame_size, len(view)
            )
            if size <= 0:
                self.flush()
                self.read_some()
                if self.replies[stream].over:
                    return
                continue
            self.h2.send_data(stream, view[:size])
            view = view[size:]
        if trailers is not None:
            self.h2.send_headers(stream, trailers, end_stream=True)
        elif end:
            self.h2.end_stream(stream)
        self.flush()

    def request(self, method="GET", path="/", fields=(), body=None, trailers=None, **options):
        stream = self.start(method, path, fields, end=body is None, **options)
        if body is not None:
            self.send_body(stream, body, trailers=trailers)
        return self.finish(stream)

    def finish(self, stream):
        """The reply, once it is over."""
        reply = self.replies[stream]
        while not reply.over and not self.closed:
            self.read_some()
        assert reply.over, f"the connection ended before the reply: {reply}, GOAWAY {self.goaway}"
        return reply

    def wait(self, condition):
        while not condition():
            assert not self.closed, "the connection ended"
            self.read_some()

    def read_some(self, acknowledge=True):
        """Takes what comes next, and gives the windows back."""
        data = self.inner.stream.read_some(_READ_SIZE)
        if not data:
            self.closed = True
            return
        for event in self.h2.receive_data(data):
            self._take(event, acknowledge)
        self.flush()

    def _take(self, event, acknowledge):
        reply = self.replies.get(getattr(event, "stream_id", None))
        if isinstance(event, h2.events.ResponseReceived):
            reply.fields = Fields(event.headers)
            reply.status = int(reply.fields.get(":status"))
        elif isinstance(event, h2.events.InformationalResponseReceived):
            reply.interim.append(Fields(event.headers))
        elif isinstance(event, h2.events.DataReceived):
            reply.body += event.data
            if acknowledge and event.flow_controlled_length:
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.TrailersReceived):
            reply.trailers = Fields(event.headers)
        elif isinstance(event, h2.events.StreamEnded):
            reply.ended = True
        elif isinstance(event, h2.events.StreamReset):
            if reply is not None:
                reply.reset = event.error_code
        elif isinstance(event, h2.events.ConnectionTerminated):
            self.goaway = event.error_code
            self.goaway_last = event.last_stream_id
            # hyper-h2 takes it for the end; streams that were begun before go on (RFC 9113 §6.8).
            self.h2.state_machine.state = h2.connection.ConnectionState.CLIENT_OPEN

    def close(self):
        self.inner.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class H2Request:
    """A request as an HTTP/2 origin saw it."""

    def __init__(self, connection, stream, fields):
        self.connection = connection
        self.stream = stream
        self.fields = fields
        self.body = bytearray()
        self.trailers = Fields()
        self.ended = False
        self.reset = False

    @property
    def method(self):
        return self.fields.get(":method")

    @property
    def path(self):
        return self.fields.get(":path")


class H2Session:
    """One connection of an HTTP/2 origin. Its functions may be called by any thread."""

    def __init__(self, origin, connection, stream):
        self.origin = origin
        self.connection = connection
        self.stream = stream
        self.requests = {}
        self._lock = threading.RLock()
        # That which serves the connection; it makes this object.
        self._thread = threading.get_ident()
        self.h2 = h2.connection.H2Connection(
            h2.config.H2Configuration(client_side=False, header_encoding="latin-1")
        )
        if origin.settings:
            self.h2.local_settings = h2.settings.Settings(
                client=False, initial_values=origin.settings
            )
        self.h2.initiate_connection()
        self._flush()

    def reply(self, request, status=200, fields=(), body=b"", trailers=None):
        """A whole reply; a body larger than the windows goes on as they open."""
        with self._lock:
            headers = [(":status", str(status)), *fields]
            self.h2.send_headers(request.stream, headers, end_stream=not body and not trailers)
            self._flush()
        if body or trailers:
            self.send_body(request, body, trailers)

    def send_head(self, request, status=200, fields=()):
        with self._lock:
            self.h2.send_headers(request.stream, [(":status", str(status)), *fields])
            self._flush()

    def send_body(self, request, body, trailers=None, end=True):
        view = memoryview(bytes(body))
        while view:
            with self._lock:
                window = self.h2.local_flow_control_window(request.stream)
                size = min(window, self.h2.max_outbound_frame_size, len(view))
                if size > 0:
                    self.h2.send_data(request.stream, view[:size])
                    view = view[size:]
                self._flush()
            if size <= 0:
                self._wait_for_window(request)
        with self._lock:
            if trailers is not None:
                self.h2.send_headers(request.stream, trailers, end_stream=True)
            elif end:
                self.h2.end_stream(request.stream)
            self._flush()

    def reset(self, request, code):
        with self._lock:
            self.h2.reset_stream(request.stream, code)
            self._flush()

    def go_away(self, code=0, last=None):
        """GOAWAY for what was begun after `last`; the connection goes on for the others."""
        with self._lock:
            # hyper-h2's own close_connection lets nothing follow.
            self.stream.send(
                (8).to_bytes(3, "big") + b"\x07\0" + bytes(4) + last.to_bytes(4, "big")
                + code.to_bytes(4, "big")
            )  # fmt: skip

    def _wait_for_window(self, request):
        if threading.get_ident() == self._thread:
            self._read()
            return
        # The thread that serves the connection reads what opens it.
        self.origin.wait_for(
            lambda: request.reset or self.h2.local_flow_control_window(request.stream) > 0,
            "a window",
        )

    def serve(self):
        while self._read():
            pass

    def _read(self):
        data = self.stream.read_some(_READ_SIZE)
        if not data:
            return False
        with self._lock:
            try:
                events = self.h2.receive_data(data)
            except h2.exceptions.ProtocolError as error:
                self.origin.errors.append(error)
                self._flush()
                return False
            self._flush()
        for event in events:
            self._take(event)
        self.origin.note()
        return True

    def _take(self, event):
        number = getattr(event, "stream_id", None)
        if isinstance(event, h2.events.RequestReceived):
            request = H2Request(self.connection, number, Fields(event.headers))
            self.requests[number] = request
            self.origin.note(request)
            self.origin.on_head(self, request)
            return
        request = self.requests.get(number)
        if isinstance(event, h2.events.DataReceived):
            request.body += event.data
            with self._lock:
                if event.flow_controlled_length:
                    self.h2.acknowledge_received_data(event.flow_controlled_length, number)
                self._flush()
        elif isinstance(event, h2.events.TrailersReceived):
            request.trailers = Fields(event.headers)
        elif isinstance(event, h2.events.StreamEnded):
            request.ended = True
            self.origin.on_request(self, request)
        elif isinstance(event, h2.events.StreamReset):
            if request is not None:
                request.reset = True

    def _flush(self):
        data = self.h2.data_to_send()
        if data:
            self.stream.send(data)


class H2Origin(TlsHttpOrigin):
    """An HTTPS origin whose `on_request(session, request)` answers over HTTP/2.

    It speaks HTTP/1.1 too, as a TlsHttpOrigin does, where `alpn` has it.
    """

    def __init__(self, leaf, on_request=None, settings=None, alpn=("h2",)):
        self.settings = settings
        self.on_request = on_request or (lambda session, request: session.reply(request, body=b"ok"))
        # Called when a head has come.
        self.on_head = lambda session, request: None
        super().__init__(leaf, alpn=alpn)

    def note(self, request=None):
        """Wakes who waits for a change, of which a new request is one."""
        with self._changed:
            if request is not None:
                self.requests.append(request)
            self._changed.notify_all()

    def _serve(self, connection, stream):
        if connection.sock.session_object.selected_alpn_protocol() == "http/1.1":
            super()._serve(connection, stream)
        else:
            H2Session(self, connection, stream).serve()


