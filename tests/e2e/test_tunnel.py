"""CONNECT itself: what may follow it, and tunnels that pass bytes untouched."""

import socket
import ssl
import threading

import pytest

from harness.fixtures import bearer_rule
from harness.origin import reset_on_close


@pytest.fixture
def tunnelling(start_proxy):
    """Starts a proxy that tunnels api.test:443 to the given origin."""

    def start(origin, port=443, **options):
        return start_proxy(routes={f"api.test:{port}": origin}, **options)

    return start


def client_hello(server_name, context):
    """The first flight of a handshake, and what continues it."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    session = context.wrap_bio(incoming, outgoing, server_hostname=server_name)
    with pytest.raises(ssl.SSLWantReadError):
        session.do_handshake()
    return session, incoming, outgoing


def finish_handshake(client, session, incoming, outgoing):
    while True:
        try:
            session.do_handshake()
            client.send(outgoing.read())
            return
        except ssl.SSLWantReadError:
            if outgoing.pending:
                client.send(outgoing.read())
            data = client.stream.read_some()
            assert data, "the connection ended within the handshake"
            incoming.write(data)


def exchange(client, session, incoming, outgoing, request):
    session.write(request)
    client.send(outgoing.read())
    while True:
        try:
            return session.read(1 << 16)
        except ssl.SSLWantReadError:
            data = client.stream.read_some()
            assert data
            incoming.write(data)


@pytest.mark.parametrize("intercepted", [True, False])
def test_a_client_hello_in_the_packet_of_connect_works(
    start_proxy, origin, secret, intercepted
):
    proxy = start_proxy(
        {"credentials": [bearer_rule()] if intercepted else []},
        {"api.test:443": origin},
        env={"API_KEY": secret} if intercepted else {},
    )
    context = proxy.context() if intercepted else proxy.origin_context()
    tls = client_hello("api.test", context)
    with proxy.open() as client:
        connect = b"CONNECT api.test:443 HTTP/1.1\r\nHost: api.test:443\r\n\r\n"
        client.send(connect + tls[2].read())
        assert client.read_response("CONNECT").status == 200
        finish_handshake(client, *tls)
        request = b"GET / HTTP/1.1\r\nHost: api.test\r\n\r\n"
        assert exchange(client, *tls, request).startswith(b"HTTP/1.1 200")
    expected = [f"Bearer {secret}"] if intercepted else []
    assert origin.only_request().fields.all("authorization") == expected


def test_a_client_hello_in_single_bytes_works(injecting_proxy, origin):
    tls = client_hello("api.test", injecting_proxy.context())
    client = injecting_proxy.tunnel("api.test:443")
    for byte in tls[2].read():
        client.send(bytes([byte]))
    finish_handshake(client, *tls)
    request = b"GET / HTTP/1.1\r\nHost: api.test\r\n\r\n"
    assert exchange(client, *tls, request).startswith(b"HTTP/1.1 200")


def test_a_refused_connect_names_the_reason(start_proxy, origin):
    proxy = start_proxy({"network": {"blockedDomains": ["api.test"]}}, {"api.test:443": origin})
    _, reply = proxy.connect("api.test:443")
    assert (reply.status, reply.error) == (403, "host_denied")
    assert reply.fields.one("content-type") == "application/json"
    body = reply.json()
    assert body["error"] == "host_denied"
    assert set(body) >= {"error", "message", "host", "rule", "hint"}


def test_plain_http_inside_an_intercepted_tunnel_is_refused(injecting_proxy, origin):
    client = injecting_proxy.tunnel("api.test:443")
    client.authority = "api.test"
    reply = client.get()
    assert (reply.status, reply.error) == (403, "plaintext_credential")
    assert not origin.connections


def test_plain_http_inside_a_tunnel_is_served_where_the_rule_allows_plaintext(
    start_proxy, origins, secret
):
    plain = origins.http()
    proxy = start_proxy(
        {"credentials": [bearer_rule(plaintext=True)]},
        {"api.test:80": plain},
        env={"API_KEY": secret},
    )
    client = proxy.tunnel("api.test:80")
    client.authority = "api.test"
    assert client.get("/x").status == 200
    request = plain.only_request()
    assert request.target == "/x"
    assert request.fields.one("authorization") == f"Bearer {secret}"


@pytest.mark.parametrize(
    "data",
    [b"SSH-2.0-client\r\n", b"\x00\x00\x00\x08\x04\xd2\x16\x2f", b"\x80\x2e\x01\x03\x01", b"\xff"],
    ids=["SSH", "PostgreSQL", "SSLv2", "a byte"],
)
def test_neither_tls_nor_http_in_an_intercepted_tunnel_is_closed(injecting_proxy, origin, data):
    client = injecting_proxy.tunnel("api.test:443")
    client.send(data)
    # An answer that says why is fine; a connection to the origin is not.
    client.read_what_comes()
    assert not origin.connections


def test_a_broken_client_hello_is_closed(injecting_proxy, origin):
    client = injecting_proxy.tunnel("api.test:443")
    client.send(b"\x16\x03\x01\x00\x05" + b"\x01\xff\xff\xff\xff" * 10)
    client.read_what_comes()
    assert not origin.connections
    assert injecting_proxy.get("https://api.test/").status == 200


def test_a_banner_of_a_server_that_speaks_first_arrives(origins, tunnelling):
    def greet(connection, stream):
        stream.send(b"220 ready\r\n")
        assert stream.read_until(b"\r\n") == b"EHLO x\r\n"
        stream.send(b"250 fine\r\n")

    proxy = tunnelling(origins.tcp(greet), port=25)
    client = proxy.tunnel("api.test:25")
    assert client.stream.read_until(b"\r\n") == b"220 ready\r\n"
    client.send(b"EHLO x\r\n")
    assert client.stream.read_until(b"\r\n") == b"250 fine\r\n"


def test_bytes_sent_with_connect_reach_a_tunnelled_origin(origins, tunnelling):
    origin = origins.tcp(lambda connection, stream: stream.send(stream.read_exactly(5)))
    client = tunnelling(origin, port=22).open()
    client.send(b"CONNECT api.test:22 HTTP/1.1\r\nHost: api.test:22\r\n\r\nearly")
    assert client.read_response("CONNECT").status == 200
    assert client.stream.read_exactly(5) == b"early"


def test_a_half_close_of_the_client_reaches_the_origin(origins, tunnelling):
    def after_the_end(connection, stream):
        got = stream.read_to_end()
        stream.send(b"got %d" % len(got))

    client = tunnelling(origins.tcp(after_the_end), port=22).tunnel("api.test:22")
    client.send(b"x" * 100_000)
    client.finish_sending()
    assert client.stream.read_to_end() == b"got 100000"


def test_a_half_close_of_the_origin_reaches_the_client(origins, tunnelling):
    received = []

    def end_first(connection, stream):
        stream.send(b"all I have to say")
        stream.finish_sending()
        received.append(stream.read_to_end())

    origin = origins.tcp(end_first)
    client = tunnelling(origin, port=22).tunnel("api.test:22")
    assert client.stream.read_to_end() == b"all I have to say"
    client.send(b"still talking" * 1000)
    client.finish_sending()
    assert origin.connections[0].closed.wait(10)
    assert received == [b"still talking" * 1000]


def test_a_reset_of_the_origin_reaches_the_client(origins, tunnelling):
    def reset(connection, stream):
        stream.read_exactly(2)
        reset_on_close(connection.sock)

    client = tunnelling(origins.tcp(reset), port=22).tunnel("api.test:22")
    client.send(b"go")
    with pytest.raises(ConnectionResetError):
        client.stream.read_to_end()


def test_a_reset_of_the_client_reaches_the_origin(origins, tunnelling):
    origin = origins.tcp(lambda connection, stream: stream.read_to_end())
    client = tunnelling(origin, port=22).tunnel("api.test:22")
    client.send(b"x")
    origin.wait_for(lambda: origin.received_count == 1, "the first byte")
    reset_on_close(client.sock)
    assert origin.connections[0].closed.wait(10)
    assert origin.connections[0].was_reset


@pytest.mark.parametrize("direction", ["up", "down"])
def test_megabytes_pass_a_tunnel_unchanged(origins, tunnelling, direction):
    payload = bytes(range(256)) * 40_000
    received = []

    def serve(connection, stream):
        if direction == "down":
            stream.send(payload)
        else:
            received.append(stream.read_to_end())

    origin = origins.tcp(serve)
    client = tunnelling(origin, port=22).tunnel("api.test:22")
    if direction == "down":
        assert client.stream.read_to_end() == payload
    else:
        client.send(payload)
        client.finish_sending()
        assert origin.connections[0].closed.wait(10)
        assert received == [payload]


def test_a_tunnel_to_an_unreachable_origin_is_refused_at_connect(origins, tunnelling):
    origin = origins.tcp()
    origin.stop()
    _, reply = tunnelling(origin).connect("api.test:443")
    assert (reply.status, reply.error) == (502, "upstream_unreachable")


def test_an_intercepted_tunnel_is_accepted_before_the_origin_is_dialled(injecting_proxy, origin):
    client = injecting_proxy.tunnel("api.test:443")
    client.start_tls(injecting_proxy.context(), "api.test")
    assert not origin.connections


def test_a_tunnel_and_requests_live_side_by_side(start_proxy, origins, secret):
    banner = threading.Event()

    def serve(connection, stream):
        banner.wait(10)
        stream.send(b"late banner")

    tcp, https = origins.tcp(serve), origins.https()
    proxy = start_proxy(
        {"credentials": [bearer_rule()]},
        {"other.test:22": tcp, "api.test:443": https},
        env={"API_KEY": secret},
    )
    tunnel = proxy.tunnel("other.test:22")
    for _ in range(3):
        assert proxy.get("https://api.test/").status == 200
    banner.set()
    assert tunnel.stream.read_to_end() == b"late banner"


def test_a_client_that_leaves_during_connect_is_forgotten(origins, tunnelling, pki):
    origin = origins.https()
    proxy = tunnelling(origin)
    for _ in range(20):
        client = proxy.open()
        client.send(b"CONNECT api.test:443 HTTP/1.1\r\nHost: api.test:443\r\n\r\n")
        reset_on_close(client.sock)
    with proxy.tls("api.test:443", context=proxy.origin_context()) as client:
        assert client.get().status == 200


def test_tls_through_a_tunnel_shuts_down_cleanly(origins, tunnelling):
    origin = origins.https()
    proxy = tunnelling(origin)
    client = proxy.tls("api.test:443", context=proxy.origin_context())
    assert client.get().status == 200
    raw = client.sock.unwrap()
    assert isinstance(raw, socket.socket)


def test_an_intercepted_connection_ends_with_a_close_notify(injecting_proxy):
    """Without one the client could not tell a truncated reply from a whole one."""
    client = injecting_proxy.tls("api.test:443")
    assert client.request("GET", "/", [("Connection", "close")]).body == b"ok"
    assert client.is_closed()
    assert client.sock.ended_by_close_notify
