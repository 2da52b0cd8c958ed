"""Clients of the proxy that write exactly the bytes a test wants, and read strictly."""

import json
import socket
import ssl

from harness.deadline import LIMIT_SECONDS
from harness.http import Fields, Head, chunk, encode_fields
from harness.stream import EndOfStream, Stream
from harness.tls import TlsSocket


class Response:
    """A whole reply."""

    def __init__(self, head, body, trailers, interim):
        self.version = head.version
        self.status = head.status
        self.reason = head.reason
        self.fields = head.fields
        self.body = body
        self.trailers = trailers
        # Heads of the 1xx replies before it.
        self.interim = interim

    @property
    def error(self):
        """The proxy's own error code, or None where the origin answered."""
        return self.fields.get("x-sallyport-error")

    @property
    def text(self):
        return self.body.decode()

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"<{self.status} {self.fields} {self.body[:300]!r}>"


class Client:
    """One HTTP/1.1 connection: to the proxy, through a tunnel, or inside TLS."""

    def __init__(self, sock, record, authority):
        sock.settimeout(LIMIT_SECONDS)
        self.sock = sock
        self.stream = Stream(sock, record)
        self.authority = authority
        self._record = record

    def send(self, data):
        self.stream.send(data)

    def send_request(self, method, target, fields=(), body=None, host=None, chunked=False):
        """Writes a request in one go.

        Host comes first unless `fields` has one. `body` is framed by Content-Length, or as one
        chunk.
        """
        fields = list(fields)
        if not any(name.lower() == "host" for name, _ in fields):
            fields.insert(0, ("Host", host or self.authority))
        if chunked:
            fields.append(("Transfer-Encoding", "chunked"))
            body = (chunk(body) if body else b"") + b"0\r\n\r\n"
        elif body is not None:
            fields.append(("Content-Length", str(len(body))))
        head = f"{method} {target} HTTP/1.1\r\n".encode("latin-1")
        self.send(head + encode_fields(fields) + b"\r\n" + (body or b""))

    def read_head(self):
        return Head(self.stream)

    def read_response(self, method="GET"):
        """The next final reply and the 1xx replies before it."""
        interim = []
        while (head := self.read_head()).status < 200 and head.status != 101:
            interim.append(head)
        if head.status == 101 or (method == "CONNECT" and head.status == 200):
            return Response(head, b"", Fields(), interim)
        pieces = head.body_pieces(self.stream, method)
        body, trailers = _collect(pieces)
        return Response(head, body, trailers, interim)

    def request(self, method, target, fields=(), body=None, host=None, chunked=False):
        self.send_request(method, target, fields, body, host, chunked)
        return self.read_response(method)

    def get(self, target="/", fields=()):
        return self.request("GET", target, fields)

    def start_tls(self, context, server_name, session=None):
        """A client inside TLS on this connection, which it takes over."""
        assert not self.stream.buffered(), "bytes arrived before the handshake"
        sock = TlsSocket(self.sock, context, server_name, session=session)
        return Client(sock, self._record, self.authority)

    def is_closed(self):
        """Whether the peer ends the connection without another byte; waits for it."""
        try:
            data = self.stream.read_some()
        except (ConnectionResetError, ssl.SSLError):
            return True
        assert not data, f"expected the end of the stream, got {data!r}"
        return True

    def read_what_comes(self):
        """Everything up to the end of the stream, be it orderly or not."""
        data = bytearray()
        try:
            while piece := self.stream.read_some():
                data += piece
        except (ConnectionResetError, ssl.SSLError):
            pass
        return bytes(data)

    def finish_sending(self):
        self.stream.finish_sending()

    def close(self):
        try:
            # Wakes a thread that is reading or writing, which a close alone would not.
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.stream.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def client_context(*ca_files, check_hostname=True, alpn=("http/1.1",), version=None):
    """A TLS client that trusts only the given files."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = check_hostname
    # What strict clients check of a CA and a leaf; later Pythons do so unasked.
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    for file in ca_files:
        context.load_verify_locations(file)
    if alpn:
        context.set_alpn_protocols(list(alpn))
    if version is not None:
        context.minimum_version = context.maximum_version = version
    return context


def connect(address):
    """A socket to "127.0.0.1:3128", "[::1]:3128" or "unix:/path"."""
    if address.startswith("unix:"):
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.settimeout(LIMIT_SECONDS)
        sock.connect(address.removeprefix("unix:"))
        return sock
    host, _, port = address.rpartition(":")
    sock = socket.create_connection((host.strip("[]"), int(port)), LIMIT_SECONDS)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def _collect(pieces):
    body = bytearray()
    while True:
        try:
            body += next(pieces)
        except StopIteration as end:
            return bytes(body), end.value


__all__ = ["Client", "EndOfStream", "Response", "client_context", "connect"]
