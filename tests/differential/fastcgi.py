"""What a web server understood of a request, as it tells a FastCGI program."""

import socket
import struct
import threading

_HEADER = struct.Struct(">BBHHBx")
_BEGIN, _END, _PARAMS, _STDIN, _STDOUT = 1, 3, 4, 5, 6
_KEEP_CONNECTION = 1
_REPLY = b"Status: 200 OK\r\nContent-Type: text/plain\r\nX-Understood: yes\r\n\r\nunderstood"


class Understood:
    """One request, as the server's parser saw it: CGI variables in order, and the body."""

    def __init__(self, params, body):
        self.params = params
        self.body = body

    def get(self, name, default=""):
        return next((value for key, value in self.params if key == name), default)

    def fields(self):
        """The header fields by their CGI names, repeated ones joined."""
        joined = {}
        for key, value in self.params:
            if key.startswith("HTTP_"):
                joined.setdefault(key.removeprefix("HTTP_"), []).append(value)
        return {key: ", ".join(values) for key, values in joined.items()}

    def __repr__(self):
        line = f"{self.get('REQUEST_METHOD')} {self.get('REQUEST_URI')}"
        return f"<{line} {self.fields()} {self.body}>"


class FastCgiProgram:
    """Answers every request in the same way and keeps what it was told."""

    def __init__(self):
        self.requests = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def stop(self):
        # Wakes the acceptor, which a close alone would leave in accept(2).
        self._listener.shutdown(socket.SHUT_RDWR)
        self._threads[0].join()
        self._listener.close()

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            thread.start()

    def _serve(self, connection):
        with connection, connection.makefile("rb") as stream:
            try:
                while self._serve_request(connection, stream):
                    pass
            except OSError:
                pass

    def _serve_request(self, connection, stream):
        """Whether another request may follow."""
        params, body, flags = b"", b"", 0
        while True:
            header = stream.read(_HEADER.size)
            if len(header) < _HEADER.size:
                return False
            _, kind, number, length, padding = _HEADER.unpack(header)
            content = stream.read(length)
            stream.read(padding)
            if kind == _BEGIN:
                flags = content[2]
            elif kind == _PARAMS:
                params += content
            elif kind == _STDIN and content:
                body += content
            elif kind == _STDIN:
                break
        self.requests.append(Understood(list(_pairs(params)), body))
        connection.sendall(
            _record(_STDOUT, number, _REPLY)
            + _record(_STDOUT, number, b"")
            + _record(_END, number, bytes(8))
        )
        return bool(flags & _KEEP_CONNECTION)


def _record(kind, number, content):
    return _HEADER.pack(1, kind, number, len(content), 0) + content


def _pairs(data):
    at = 0

    def length():
        nonlocal at
        size = data[at]
        at += 1
        if size & 0x80:
            size = (size & 0x7F) << 24 | int.from_bytes(data[at : at + 3], "big")
            at += 3
        return size

    while at < len(data):
        name_size, value_size = length(), length()
        name = data[at : at + name_size]
        value = data[at + name_size : at + name_size + value_size]
        at += name_size + value_size
        yield name.decode("latin-1"), value.decode("latin-1")
