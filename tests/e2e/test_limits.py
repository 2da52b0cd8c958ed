"""Every time-out and bound, with a setting short or small enough to be reached."""

import socket
import threading
import time

import pytest

from harness.deadline import LIMIT_SECONDS, eventually
from harness.fixtures import bearer_rule
from harness.program import is_sanitized

SHORT = "250ms"


@pytest.fixture
def start_limited(start_proxy, origin, secret):
    """Starts a proxy that injects for api.test, with the given limits."""

    def start(*args, routes=None, **options):
        return start_proxy(
            {"credentials": [bearer_rule()]},
            {} if "--connect-to" in args else routes or {"api.test:443": origin},
            env={"API_KEY": secret},
            args=args,
            **options,
        )

    return start


def ended_within(client, start, least=0.2, most=LIMIT_SECONDS):
    """The peer ended the connection by itself, and not before the limit."""
    data = client.read_what_comes()
    assert least <= time.monotonic() - start <= most
    return data


# Time --------------------------------------------------------------------------------------------


def test_a_connection_that_says_nothing_is_closed(start_limited):
    proxy = start_limited("--head-timeout", SHORT)
    start = time.monotonic()
    with proxy.open() as client:
        assert ended_within(client, start) == b""


def test_a_slow_head_is_refused(start_limited, origin):
    proxy = start_limited("--head-timeout", SHORT)
    start = time.monotonic()
    with proxy.tls("api.test:443") as client:
        client.send(b"GET / HTTP/1.1\r\nHost: api.")
        answer = ended_within(client, start)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert origin.saw_nothing()


def test_a_slow_socks_client_is_closed(start_limited):
    proxy = start_limited("--head-timeout", SHORT)
    start = time.monotonic()
    with proxy.open() as client:
        client.send(b"\x05\x01")
        assert ended_within(client, start) == b""


def test_a_tunnel_that_stays_silent_after_connect_is_closed(start_limited):
    proxy = start_limited("--head-timeout", SHORT)
    start = time.monotonic()
    with proxy.tunnel("api.test:443") as client:
        assert ended_within(client, start) == b""


def test_a_slow_handshake_of_the_client_ends(start_limited):
    proxy = start_limited("--handshake-timeout", SHORT)
    with proxy.tunnel("api.test:443") as client:
        start = time.monotonic()
        client.send(b"\x16\x03\x01\x02\x00")
        ended_within(client, start)


def test_a_slow_handshake_of_the_upstream_is_a_504(start_limited, origins):
    silent = origins.tcp()
    proxy = start_limited("--handshake-timeout", SHORT, routes={"api.test:443": silent})
    reply = proxy.get("https://api.test/")
    assert (reply.status, reply.error) == (504, "upstream_timeout")


def test_an_upstream_that_does_not_accept_is_a_504(start_limited):
    with socket.socket() as listener, socket.socket() as first, socket.socket() as second:
        # A full backlog: the kernel answers no further SYN.
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for filler in (first, second):
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        proxy = start_limited(
            "--connect-timeout", SHORT,
            "--connect-to", "api.test:443:127.0.0.1:%d" % listener.getsockname()[1],
        )
        reply = proxy.get("https://api.test/")
        assert (reply.status, reply.error) == (504, "upstream_timeout")


def test_an_idle_client_connection_is_closed(start_limited):
    proxy = start_limited("--idle-timeout", SHORT)
    with proxy.tls("api.test:443") as client:
        assert client.get("/").status == 200
        start = time.monotonic()
        assert ended_within(client, start) == b""


def test_a_reply_that_does_not_come_is_a_504(start_limited, origin):
    told = threading.Event()
    origin.routes["/never"] = lambda turn: (turn.wait(told, "end"), turn.close())
    proxy = start_limited("--stall-timeout", SHORT)
    try:
        reply = proxy.get("https://api.test/never")
    finally:
        told.set()
    assert (reply.status, reply.error) == (504, "upstream_timeout")


def test_a_body_that_stalls_is_cut_and_looks_cut(start_limited, origin):
    told = threading.Event()

    def stall(turn):
        turn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
        turn.wait(told, "end")
        turn.close()

    origin.routes["/stall"] = stall
    proxy = start_limited("--stall-timeout", SHORT)
    with proxy.tls("api.test:443") as client:
        client.send_request("GET", "/stall")
        start = time.monotonic()
        answer = ended_within(client, start)
    told.set()
    assert answer.endswith(b"\r\n\r\nhalf")


def test_a_client_that_stalls_in_its_body_is_cut(start_limited, origin):
    proxy = start_limited("--stall-timeout", SHORT)
    with proxy.tls("api.test:443") as client:
        client.send(b"POST / HTTP/1.1\r\nHost: api.test\r\nContent-Length: 10\r\n\r\nhalf")
        start = time.monotonic()
        assert ended_within(client, start).startswith(b"HTTP/1.1 504 ")


def test_a_stream_that_has_begun_may_pause(start_limited, origin):
    told = threading.Event()

    def events(turn):
        turn.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\none\n\r\n")
        turn.wait(told, "go on")
        turn.send(b"4\r\ntwo\n\r\n0\r\n\r\n")

    origin.routes["/events"] = events
    proxy = start_limited("--stall-timeout", SHORT)
    with proxy.tls("api.test:443") as client:
        client.send_request("GET", "/events")
        assert client.stream.read_until(b"one\n")
        # Longer than the limit, by the clock of another request that reaches it.
        other_told = threading.Event()
        origin.routes["/never"] = lambda turn: (turn.wait(other_told, "end"), turn.close())
        assert proxy.get("https://api.test/never").status == 504
        other_told.set()
        told.set()
        assert client.stream.read_until(b"0\r\n\r\n").endswith(b"two\n\r\n0\r\n\r\n")


# Size --------------------------------------------------------------------------------------------


def test_a_header_block_beyond_the_limit_is_a_431(start_limited, origin):
    proxy = start_limited("--max-header-size", "2KiB")
    assert proxy.get("https://api.test/", [("X", "x" * 1500)]).status == 200
    reply = proxy.get("https://api.test/", [("X", "x" * 2500)])
    assert (reply.status, reply.error) == (431, "header_too_large")
    assert len(origin.requests) == 1


def test_too_many_fields_are_a_431(start_limited, origin):
    proxy = start_limited("--max-header-fields", "16")
    assert proxy.get("https://api.test/", [("X", "x")] * 15).status == 200
    reply = proxy.get("https://api.test/", [("X", "x")] * 16)
    assert (reply.status, reply.error) == (431, "header_too_large")
    assert len(origin.requests) == 1


@pytest.mark.parametrize("limit", ["16KiB", "256KiB"])
def test_what_nobody_reads_is_not_fetched(start_limited, origin, limit):
    """With a client that stops reading, the origin can send only what the buffers take."""
    sent = 0
    piece = b"x" * (16 << 10)

    def endless(turn):
        nonlocal sent
        turn.request.connection.sock.settimeout(1)
        turn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        try:
            while True:
                turn.send(piece)
                sent += len(piece)
        except OSError:
            pass
        turn.close()

    origin.routes["/endless"] = endless
    proxy = start_limited("--buffer-limit", limit)
    before, _ = proxy.memory_kib()
    with proxy.tls("api.test:443") as client:
        client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.send_request("GET", "/endless")
        connection = origin.wait_for_requests(1)[0].connection
        eventually(connection.closed.is_set, "the origin to be stopped")
        after, _ = proxy.memory_kib()
    assert is_sanitized() or after - before < 2048
    assert sent < 16 << 20


def test_connections_beyond_the_limit_wait(start_limited):
    proxy = start_limited("--max-connections", "2")
    first, second = (proxy.tls("api.test:443") for _ in range(2))
    third = proxy.open("api.test:443")
    third.send_request("CONNECT", "api.test:443")
    third.sock.settimeout(0.3)
    with pytest.raises(TimeoutError):
        third.read_response("CONNECT")
    assert first.get("/").status == 200
    second.close()
    third.sock.settimeout(LIMIT_SECONDS)
    assert third.read_response("CONNECT").status == 200


# Spelling ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "option, value",
    [
        ("--idle-timeout", "0"),
        ("--idle-timeout", "-1"),
        ("--idle-timeout", "5 s"),
        ("--idle-timeout", "nan"),
        ("--idle-timeout", "1e300"),
        ("--idle-timeout", "soon"),
        ("--max-header-size", "10"),
        ("--max-header-size", "1e3"),
        ("--buffer-limit", "99999999999999999999"),
        ("--buffer-limit", "4GiB"),
        ("--max-connections", "0"),
        ("--max-origin-connections", "many"),
    ],
)
def test_a_bad_limit_is_a_usage_error(sallyport, option, value):
    result = sallyport("proxy", f"{option}={value}")
    assert result.status == 2
    assert option in result.err and value in result.err


def test_limits_are_read_from_the_environment(start_proxy):
    proxy = start_proxy(env={"SALLYPORT_HEAD_TIMEOUT": SHORT})
    start = time.monotonic()
    with proxy.open() as client:
        assert ended_within(client, start) == b""
