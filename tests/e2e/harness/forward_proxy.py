"""An HTTP proxy to go out through: what stands between the proxy under test and the network."""

import socket
import threading

from harness.deadline import LIMIT_SECONDS
from harness.http import Fields
from harness.origin import TcpOrigin, TlsOpening


class ForwardProxy(TcpOrigin):
    """Serves CONNECT and absolute-form requests, and keeps what it was asked.

    `routes` says which origin stands for a "host:port", as a resolver would.
    """

    def __init__(self, routes, required_authorization=None, refuse_with=None, stall=None,
                 origin_speaks_first=False):
        self.routes = routes
        self.required_authorization = required_authorization
        self.refuse_with = refuse_with
        self.stall = stall  # an event: answers nothing before it is set
        self.origin_speaks_first = origin_speaks_first
        self.asked = []  # request lines
        self.fields = []  # of each
        super().__init__()

    def _serve(self, connection, stream):
        head = stream.read_until(b"\r\n\r\n")
        line, _, block = head.partition(b"\r\n")
        fields = Fields()
        for text in block.split(b"\r\n"):
            name, colon, value = text.partition(b":")
            if colon:
                fields.append((name.decode(), value.strip().decode()))
        with self._changed:
            self.asked.append(line.decode())
            self.fields.append(fields)
            self._changed.notify_all()
        if self.stall is not None:
            self.stall.wait(LIMIT_SECONDS)
            return
        if self.required_authorization not in (None, fields.get("proxy-authorization")):
            stream.send(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
            return
        if self.refuse_with is not None:
            stream.send(self.refuse_with)
            return
        method, target, _ = line.decode().split(" ")
        if method == "CONNECT":
            self._tunnel(stream, connection, target)
        else:
            self._forward(stream, target, line, block)

    def _dial(self, authority):
        origin = self.routes[authority]
        return socket.create_connection((origin.host, origin.port), LIMIT_SECONDS)

    def _tunnel(self, stream, connection, target):
        upstream = self._dial(target)
        # Its first words leave in one packet with the reply.
        first = upstream.recv(1 << 16) if self.origin_speaks_first else b""
        stream.send(b"HTTP/1.1 200 Tunnel\r\nContent-Length: 5\r\n\r\n" + first)

        def back():
            try:
                while data := upstream.recv(1 << 16):
                    stream.send(data)
            except OSError:
                pass
            finally:
                self._end(connection.sock)

        thread = threading.Thread(target=back, daemon=True)
        thread.start()
        try:
            while data := stream.read_some():
                upstream.sendall(data)
        finally:
            self._end(upstream)
            thread.join(LIMIT_SECONDS)
            upstream.close()

    def _forward(self, stream, target, line, block):
        authority, _, path = target.removeprefix("http://").partition("/")
        if ":" not in authority:
            authority += ":80"
        with self._dial(authority) as upstream:
            first = line.replace(target.encode(), b"/" + path.encode())
            kept = [f for f in block.split(b"\r\n") if not f.lower().startswith(b"proxy-")]
            upstream.sendall(first + b"\r\n" + b"\r\n".join(kept))
            upstream.shutdown(socket.SHUT_WR)
            while data := upstream.recv(1 << 16):
                stream.send(data)

    @staticmethod
    def _end(sock):
        try:
            sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


class TlsForwardProxy(TlsOpening, ForwardProxy):
    """One that is itself spoken to over TLS."""

    def __init__(self, leaf, routes, **options):
        self.use_tls(leaf)
        super().__init__(routes, **options)
