"""Origins that keep every byte that the proxy sends them, and pass it on to a web server."""

import socket
import threading

from harness.origin import TcpOrigin, TlsTcpOrigin


def plain_relay(server):
    return TcpOrigin(_passing_to(server))


def tls_relay(server, leaf):
    return TlsTcpOrigin(leaf, _passing_to(server))


def _passing_to(server):
    def serve(connection, stream):
        with socket.create_connection(("127.0.0.1", server.port)) as backend:
            backend.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            answers = threading.Thread(target=_pass_answers, args=(backend, connection.sock))
            answers.start()
            try:
                while data := stream.read_some():
                    backend.sendall(data)
            except OSError:
                pass
            _end(backend)
            answers.join()

    return serve


def _pass_answers(backend, sock):
    try:
        while data := backend.recv(1 << 16):
            sock.sendall(data)
    except OSError:
        pass
    # The proxy learns of a server that closes.
    _end(sock)


def _end(sock):
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
