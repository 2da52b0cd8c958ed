"""Origins that record every byte they receive and answer as a test tells them to."""

import hashlib
import re
import socket
import ssl
import struct
import threading

from harness.deadline import LIMIT_SECONDS
from harness.http import Fields, chunked_pieces, encode_fields
from harness.stream import EndOfStream, Stream
from harness.tls import TlsSocket

_RAW_LIMIT = 4 << 20
_REQUEST_LINE = re.compile(rb"(\S+) (.+) HTTP/(1\.[01])\r\n\Z")


class Connection:
    """One accepted connection and what came over it."""

    def __init__(self, number, sock):
        self.number = number
        self.sock = sock
        self.sni = None
        self.resumed = None
        self.tls_version = None
        self.handshake_error = None
        self.handshake_done = threading.Event()
        self.received = bytearray()  # plaintext, the first few MiB
        self.received_count = 0
        self.closed = threading.Event()
        self.was_reset = False
        # Whether TLS ends as it should, with a close-notify, when the origin closes.
        self.ends_politely = True

    def record(self, data):
        self.received_count += len(data)
        if len(self.received) < _RAW_LIMIT:
            self.received += data


class Request:
    """A request as the origin saw it."""

    def __init__(self, connection, raw_head):
        self.connection = connection
        self.raw_head = raw_head
        line, _, block = raw_head.partition(b"\r\n")
        match = _REQUEST_LINE.match(line + b"\r\n")
        assert match, f"not a request line: {line!r}"
        self.method = match[1].decode("latin-1")
        self.target = match[2].decode("latin-1")
        self.version = match[3].decode()
        self.fields = Fields()
        for text in block.split(b"\r\n"):
            if text:
                name, _, value = text.partition(b":")
                self.fields.append((name.decode("latin-1"), value.strip().decode("latin-1")))
        self.body = b""
        self.body_count = 0
        self.trailers = Fields()
        self.complete = threading.Event()

    @property
    def path(self):
        return self.target.partition("?")[0]

    @property
    def query(self):
        return self.target.partition("?")[2]

    def __repr__(self):
        return f"<{self.method} {self.target} {self.fields}>"


class Turn:
    """A request that waits for its answer: what a route's function is given."""

    _KEPT_BODY = 4 << 20

    def __init__(self, origin, request, stream):
        self.origin = origin
        self.request = request
        self._stream = stream
        self._body_read = False
        self.keep_alive = request.version == "1.1" and "close" not in request.fields.get(
            "connection", ""
        )

    def body_pieces(self):
        """Yields the request's body as it arrives."""
        request = self.request
        for piece in self._framed_pieces():
            request.body_count += len(piece)
            if len(request.body) < self._KEPT_BODY:
                request.body += piece
            yield piece
        self._body_read = True
        request.complete.set()

    def read_body(self):
        for _ in self.body_pieces():
            pass
        return self.request.body

    def finish_body(self):
        if not self._body_read:
            self.read_body()

    def send(self, data):
        self._stream.send(data)

    def read_some(self):
        """Bytes after the request, for what is no longer HTTP; b"" at the end."""
        return self._stream.read_some()

    def read_exactly(self, count):
        """So many bytes after the request; raises EndOfStream where fewer come."""
        return self._stream.read_exactly(count)

    def reply(self, status=200, fields=(), body=b"", reason=None):
        """A reply with Content-Length, in one write."""
        body = body.encode() if isinstance(body, str) else body
        self.finish_body()
        fields = [*fields, ("Content-Length", str(len(body)))]
        sent = b"" if self.request.method == "HEAD" else body
        self.send(head(status, fields, reason) + sent)

    def close(self):
        """The connection ends after this turn."""
        self.keep_alive = False

    def reset(self):
        """The connection ends at once, with a TCP reset."""
        self.keep_alive = False
        reset_on_close(self.request.connection.sock)

    def wait(self, event, what):
        """Waits for the test, which says when to go on."""
        assert event.wait(LIMIT_SECONDS), f"the test never said: {what}"

    def _framed_pieces(self):
        fields = self.request.fields
        if "chunked" in fields.get("transfer-encoding", "").lower():
            self.request.trailers = yield from chunked_pieces(self._stream)
            return
        left = int(fields.get("content-length", "0"))
        while left:
            piece = self._stream.read_some(min(left, 1 << 16))
            if not piece:
                raise EndOfStream(f"{left} bytes of the body missing")
            left -= len(piece)
            yield piece


def head(status, fields=(), reason=None, version="1.1"):
    """The bytes of a reply's head."""
    line = f"HTTP/{version} {status} {reason if reason is not None else 'Scripted'}\r\n"
    return line.encode() + encode_fields(fields) + b"\r\n"


def reset_on_close(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


class TcpOrigin:
    """Accepts connections on a free loopback port and runs `serve` on a thread for each.

    `serve` is called with a Connection and its Stream. Used as a context; its end closes
    everything and joins the threads.
    """

    def __init__(self, serve=None, host="127.0.0.1"):
        if serve is not None:
            self._serve = serve
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.socket(family, socket.SOCK_STREAM)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind((host, 0))
        self._listener.listen(256)
        self.host = host
        self.port = self._listener.getsockname()[1]
        self.connections = []
        self.errors = []
        self._changed = threading.Condition()
        self._threads = []
        self._stopping = False
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()

    @property
    def address(self):
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def received_count(self):
        """Application bytes received, over all connections."""
        return sum(c.received_count for c in self.connections)

    def wait_for(self, condition, what):
        """Waits until `condition()` is true; asked again at each change at this origin."""
        with self._changed:
            assert self._changed.wait_for(condition, LIMIT_SECONDS), (
                f"the origin never saw {what}"
            )

    def wait_for_connections(self, count):
        self.wait_for(lambda: len(self.connections) >= count, f"{count} connections")
        return self.connections

    def forget(self):
        """Drops what was kept of connections that have ended, for tests that go on for long."""
        with self._changed:
            self.connections = [c for c in self.connections if not c.closed.is_set()]
            self._threads = [t for t in self._threads if t.is_alive()]

    def stop(self):
        if self._stopping:
            return
        self._stopping = True
        # Wakes the acceptor, which a close alone would leave in accept(2).
        self._listener.shutdown(socket.SHUT_RDWR)
        self._acceptor.join(LIMIT_SECONDS)
        self._listener.close()
        for connection in list(self.connections):
            try:
                connection.sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        for thread in self._threads:
            thread.join(LIMIT_SECONDS)
            assert not thread.is_alive(), "an origin's connection does not end"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def _accept(self):
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            sock.settimeout(3 * LIMIT_SECONDS)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = Connection(len(self.connections), sock)
            thread = threading.Thread(target=self._run, args=(connection,), daemon=True)
            self._threads.append(thread)
            with self._changed:
                self.connections.append(connection)
                self._changed.notify_all()
            thread.start()

    def _run(self, connection):
        try:
            stream = self._open(connection)
            if stream is not None:
                self._serve(connection, stream)
        except (OSError, EndOfStream) as error:
            connection.was_reset = isinstance(error, ConnectionResetError)
        except Exception as error:  # a test's own mistake, reported at its end
            if not self._stopping:
                self.errors.append(error)
        finally:
            self._close(connection)
            with self._changed:
                connection.closed.set()
                self._changed.notify_all()

    def _close(self, connection):
        try:
            connection.sock.close()
        except OSError:
            pass

    def _open(self, connection):
        connection.handshake_done.set()
        return Stream(connection.sock, self._recorder(connection))

    def _recorder(self, connection):
        def record(data):
            with self._changed:
                connection.record(data)
                self._changed.notify_all()

        return record

    def _serve(self, connection, stream):
        """Reads to the end and answers nothing."""
        while stream.read_some():
            pass


class TlsOpening:
    """Mixed into an origin: terminates TLS with the given leaf before serving."""

    def use_tls(self, leaf, alpn=("http/1.1",), maximum_version=None):
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(leaf.chain, leaf.key)
        self._context.set_alpn_protocols(list(alpn))
        self._context.sni_callback = self._note_sni
        if maximum_version is not None:
            self._context.maximum_version = maximum_version
        self.leaf = leaf

    def _close(self, connection):
        if isinstance(connection.sock, TlsSocket) and connection.ends_politely:
            try:
                connection.sock.send_close_notify()
            except OSError:
                pass
        super()._close(connection)

    def _note_sni(self, session_object, name, _context):
        session_object.asked_name = name

    def _open(self, connection):
        try:
            sock = TlsSocket(connection.sock, self._context, server_side=True)
        except OSError as error:
            connection.handshake_error = error
            with self._changed:
                connection.handshake_done.set()
                self._changed.notify_all()
            return None
        connection.sock = sock
        connection.sni = getattr(sock.session_object, "asked_name", None)
        connection.resumed = sock.session_reused
        connection.tls_version = sock.version()
        with self._changed:
            connection.handshake_done.set()
            self._changed.notify_all()
        return Stream(sock, self._recorder(connection))


class HttpOrigin(TcpOrigin):
    """An HTTP/1.1 origin; `routes` maps a path to a function of a Turn.

    Without a route `fallback` answers: it reads the request's body and says "ok".
    """

    def __init__(self, host="127.0.0.1"):
        self.requests = []
        self.routes = {}
        # What answers where there is no route.
        self.fallback = _ok
        super().__init__(host=host)

    def forget(self):
        super().forget()
        with self._changed:
            self.requests = [r for r in self.requests if not r.complete.is_set()]

    def wait_for_requests(self, count):
        self.wait_for(lambda: len(self.requests) >= count, f"{count} requests")
        return self.requests

    def only_request(self):
        """The one request that arrived, whole."""
        assert len(self.requests) == 1, f"expected one request, saw {self.requests}"
        assert self.requests[0].complete.wait(LIMIT_SECONDS), "the request never ended"
        return self.requests[0]

    def last_request(self):
        assert self.requests, "the origin saw no request"
        return self.requests[-1]

    def saw_nothing(self):
        """Whether no byte of any request arrived, on any connection."""
        return not self.requests and self.received_count == 0

    def _serve(self, connection, stream):
        while True:
            try:
                raw_head = stream.read_until(b"\r\n\r\n")
            except EndOfStream:
                return
            request = Request(connection, raw_head)
            with self._changed:
                self.requests.append(request)
                self._changed.notify_all()
            turn = Turn(self, request, stream)
            route = self.routes.get(request.path, self.fallback)
            route(turn)
            if not turn.keep_alive:
                return
            turn.finish_body()


class TlsHttpOrigin(TlsOpening, HttpOrigin):
    """An HTTPS origin with the given certificate."""

    def __init__(self, leaf, host="127.0.0.1", alpn=("http/1.1",), maximum_version=None):
        self.use_tls(leaf, alpn, maximum_version)
        super().__init__(host=host)


class TlsTcpOrigin(TlsOpening, TcpOrigin):
    """TLS with the given certificate, and then whatever `serve` does."""

    def __init__(self, leaf, serve=None, host="127.0.0.1"):
        self.use_tls(leaf)
        super().__init__(serve, host=host)


def _ok(turn):
    turn.read_body()
    turn.reply(200, [("Content-Type", "text/plain")], b"ok")


def sha256(data):
    return hashlib.sha256(data).hexdigest()
