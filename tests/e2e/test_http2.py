"""HTTP/2 with clients and with origins, in every pairing."""

import hashlib
import threading

import pytest
from h2.errors import ErrorCodes
from h2.settings import SettingCodes

from harness.deadline import eventually
from harness.fixtures import bearer_rule
from harness.h2 import H2Client, H2Origin
from harness.program import is_sanitized

# A sanitizer's own memory hides what the proxy takes; only a run-away still shows.
SLACK_KIB = (1 << 20) if is_sanitized() else 0


@pytest.fixture
def h2_origin(pki):
    with H2Origin(pki.leaf) as origin:
        yield origin
        assert not origin.errors, origin.errors


@pytest.fixture
def start(start_proxy, secret):
    """Starts a proxy that injects for api.test, which is the given origin."""

    def start(origin, *args, **options):
        return start_proxy(
            {"credentials": [bearer_rule()]},
            {"api.test:443": origin},
            env={"API_KEY": secret},
            args=args,
            **options,
        )

    return start


@pytest.fixture
def h2():
    """Opens HTTP/2 connections to a host through a proxy; closed with the test."""
    opened = []

    def open_h2(proxy, authority="api.test:443", **options):
        inner = proxy.tls(authority, context=proxy.context(alpn=("h2", "http/1.1")))
        assert inner.sock.session_object.selected_alpn_protocol() == "h2"
        opened.append(H2Client(inner, **options))
        return opened[-1]

    yield open_h2
    for client in opened:
        client.close()


def echo_h1(turn):
    """Sends the request's body back in chunks, with trailers that say what came."""
    body = turn.read_body()
    received = turn.request.trailers.get("x-sum", "none")
    turn.send(
        b"HTTP/1.1 203 Echo\r\nX-Reply: yes\r\nTransfer-Encoding: chunked\r\nTrailer: X-Got\r\n\r\n"
    )
    if body:
        turn.send(b"%x\r\n%s\r\n" % (len(body), body))
    turn.send(b"0\r\nX-Got: %s\r\n\r\n" % received.encode())


def echo_h2(session, request):
    received = request.trailers.get("x-sum", "none")
    session.reply(request, 203, [("x-reply", "yes")], request.body, [("x-got", received)])


# Pairings ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [b"", b"small", bytes(range(256)) * 2000], ids=["0", "5", "512k"])
@pytest.mark.parametrize("upstream", ["h1", "h2"])
@pytest.mark.parametrize("client", ["h1", "h2"])
def test_every_pairing_carries_the_same(
    start, h2, origins, h2_origin, secret, client, upstream, body
):
    if upstream == "h1":
        origin = origins.https()
        origin.fallback = echo_h1
    else:
        origin = h2_origin
        origin.on_request = echo_h2
    proxy = start(origin)
    trailers = [("x-sum", "12ab")]
    if client == "h2":
        reply = h2(proxy).request("POST", "/e?q=1", [("te", "trailers")], body, trailers)
    else:
        inner = proxy.tls("api.test:443")
        chunks = b"%x\r\n%s\r\n" % (len(body), body) if body else b""
        inner.send(
            b"POST /e?q=1 HTTP/1.1\r\nHost: api.test\r\nTE: trailers\r\nConnection: TE\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\nX-Sum: 12ab\r\n\r\n"
        )
        reply = inner.read_response("POST")
    assert reply.status == 203
    assert reply.fields.get("x-reply") == "yes"
    assert bytes(reply.body) == body
    assert reply.trailers.get("x-got") == "12ab"
    seen = origin.requests[0]
    assert seen.fields.all("authorization") == [f"Bearer {secret}"]
    record = proxy.wait_for_audit(lambda r: r["event"] == "request", "the request")
    names = {"h1": "http/1.1", "h2": "h2"}
    assert record["protocol"] == names[client]
    assert record["upstreamProtocol"] == names[upstream]
    assert (record["status"], record["path"]) == (203, "/e")


@pytest.mark.parametrize("upstream", ["h1", "h2"])
def test_a_hundred_streams_at_once(start, h2, origins, h2_origin, upstream):
    sizes = [(i * 7919) % 200_000 for i in range(100)]
    if upstream == "h1":
        origin = origins.https()
        origin.fallback = lambda turn: turn.reply(200, body=b"x" * int(turn.request.query))
    else:
        origin = h2_origin
        origin.on_request = lambda session, request: session.reply(
            request, body=b"x" * int(request.path.partition("?")[2])
        )
    client = h2(start(origin))
    streams = [client.start(path=f"/?{size}") for size in sizes]
    for stream, size in zip(streams, sizes):
        reply = client.finish(stream)
        assert (reply.status, len(reply.body)) == (200, size)
    if upstream == "h2":
        assert len(origin.connections) == 1


def test_an_upstream_connection_is_shared_by_clients(start, h2, h2_origin):
    proxy = start(h2_origin)
    first, second = h2(proxy), h2(proxy)
    assert first.request().status == second.request().status == 200
    with proxy.tls("api.test:443") as third:
        assert third.get("/").status == 200
    assert len(h2_origin.connections) == 1


def test_simultaneous_first_requests_share_one_dial(start, h2_origin):
    proxy = start(h2_origin)
    clients = [proxy.tls("api.test:443") for _ in range(8)]
    for client in clients:
        client.send_request("GET", "/")
    for client in clients:
        assert client.read_response().status == 200
    assert len(h2_origin.connections) == 1


def test_the_origins_limit_of_streams_is_kept(start, h2, pki):
    held = []
    with H2Origin(
        pki.leaf, lambda session, request: held.append((session, request)),
        settings={SettingCodes.MAX_CONCURRENT_STREAMS: 2},
    ) as origin:
        proxy = start(origin, "--max-origin-connections", "1")
        client = h2(proxy)
        # The first lets the origin's settings arrive.
        stream = client.start()
        eventually(lambda: held, "the first request")
        held.pop()[0].reply(origin.requests[0], body=b"first")
        assert bytes(client.finish(stream).body) == b"first"
        streams = [client.start() for _ in range(6)]
        for done in range(6):
            eventually(lambda: held, "a request")
            assert len(held) <= 2
            session, request = held.pop(0)
            session.reply(request, body=b"%d" % done)
        for stream in streams:
            assert client.finish(stream).status == 200
        assert len(origin.connections) == 1


# Heads -------------------------------------------------------------------------------------------


def test_the_credential_replaces_what_the_client_sent(start, h2, h2_origin, secret):
    proxy = start(h2_origin)
    placeholder = proxy.placeholder("API_KEY")
    client = h2(proxy)
    reply = client.request(
        fields=[("authorization", "Bearer theirs"), ("authorization", f"Bearer {placeholder}")]
    )
    assert reply.status == 200
    assert h2_origin.requests[0].fields.all("authorization") == [f"Bearer {secret}"]


def test_a_placeholder_in_a_field_is_replaced(start, h2, h2_origin, secret):
    proxy = start(h2_origin)
    placeholder = proxy.placeholder("API_KEY")
    assert h2(proxy).request(fields=[("x-key", placeholder)]).status == 200
    assert h2_origin.requests[0].fields.get("x-key") == secret


def test_a_misdirected_placeholder_is_refused(start_proxy, h2, h2_origin, secret):
    proxy = start_proxy(
        {"network": {"intercept": "all"}, "credentials": [bearer_rule("other.test")]},
        {"api.test:443": h2_origin},
        env={"API_KEY": secret},
    )
    reply = h2(proxy).request(fields=[("x-key", proxy.placeholder("API_KEY"))])
    assert (reply.status, reply.error) == (403, "placeholder_misdirected")
    assert not h2_origin.requests


def test_cookies_are_joined_for_http1(start, h2, origin):
    client = h2(start(origin))
    assert client.request(fields=[("cookie", "a=1"), ("cookie", "b=2")]).status == 200
    assert origin.only_request().fields.all("cookie") == ["a=1; b=2"]


def test_another_authority_fails_its_stream_alone(start, h2, h2_origin):
    client = h2(start(h2_origin))
    before = client.start(path="/before")
    wrong = client.start(authority="other.test")
    after = client.start(path="/after")
    assert (client.finish(wrong).status, client.finish(wrong).error) == (421, "authority_mismatch")
    assert client.finish(before).status == client.finish(after).status == 200
    assert sorted(r.path for r in h2_origin.requests) == ["/after", "/before"]


def test_a_host_that_differs_from_the_authority_is_refused(start, h2, h2_origin):
    client = h2(start(h2_origin), strict=False)
    reply = client.request(fields=[("host", "other.test")])
    assert reply.status in (400, 421) or reply.reset is not None
    assert client.request().status == 200
    assert len(h2_origin.requests) == 1


def test_connect_inside_is_refused(start, h2, h2_origin):
    client = h2(start(h2_origin), strict=False)
    stream = client.start(
        pseudo=[(":method", "CONNECT"), (":authority", "api.test:443")], end=False
    )
    reply = client.finish(stream)
    assert (reply.status, reply.error) == (405, "method_not_allowed")
    assert not h2_origin.requests


@pytest.mark.parametrize(
    "fields",
    [
        [("X-Upper", "1")],
        [("connection", "close")],
        [("keep-alive", "1")],
        [("proxy-connection", "x")],
        [("transfer-encoding", "chunked")],
        [("upgrade", "websocket")],
        [("te", "gzip")],
        [("x", "a\nb")],
        [("x", " a")],
        [("content-length", "5")],
    ],
    ids=str,
)
def test_what_http2_forbids_is_a_stream_error(start, h2, h2_origin, fields):
    client = h2(start(h2_origin), strict=False)
    reply = client.request(fields=fields)
    assert reply.reset == ErrorCodes.PROTOCOL_ERROR or reply.status == 400
    assert client.request().status == 200
    assert len(h2_origin.requests) == 1


@pytest.mark.parametrize(
    "pseudo",
    [
        [(":method", "GET"), (":scheme", "https"), (":authority", "api.test")],
        [(":method", "GET"), (":path", "/"), (":authority", "api.test")],
        [(":scheme", "https"), (":path", "/"), (":authority", "api.test")],
        [(":method", "GET"), (":scheme", "https"), (":path", ""), (":authority", "api.test")],
        [(":method", "GET")] * 2 + [(":scheme", "https"), (":path", "/"), (":authority", "api.test")],
        [(":method", "GET"), (":scheme", "https"), (":path", "/"), (":status", "200")],
        [(":method", "GET"), (":scheme", "https"), (":path", "/"), ("x", "1"), (":authority", "a")],
        [(":method", "GET"), (":scheme", "https"), (":path", "/a b"), (":authority", "api.test")],
        [(":method", "GET"), (":scheme", "https"), (":path", "/../x"), (":authority", "api.test")],
    ],
    ids=str,
)  # fmt: skip
def test_a_malformed_request_is_refused_alone(start, h2, h2_origin, pseudo):
    client = h2(start(h2_origin), strict=False)
    reply = client.request(pseudo=pseudo)
    assert reply.reset == ErrorCodes.PROTOCOL_ERROR or reply.status == 400
    assert client.request().status == 200
    assert len(h2_origin.requests) == 1


def test_a_huge_header_list_is_a_431(start, h2, h2_origin):
    client = h2(start(h2_origin))
    fields = [(f"x-{i}", "v" * 2000) for i in range(40)]
    reply = client.request(fields=fields)
    assert (reply.status, reply.error) == (431, "header_too_large")
    assert client.request().status == 200


def test_interim_replies_pass(start, h2, origin):
    def hints(turn):
        turn.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
        turn.reply(200, body=b"done")

    origin.fallback = hints
    reply = h2(start(origin)).request()
    assert [f.get(":status") for f in reply.interim] == ["103"]
    assert bytes(reply.body) == b"done"


@pytest.mark.parametrize("method, status", [("HEAD", 200), ("GET", 204), ("GET", 304)])
@pytest.mark.parametrize("upstream", ["h1", "h2"])
def test_replies_without_a_body(start, h2, origins, h2_origin, upstream, method, status):
    if upstream == "h1":
        origin = origins.https()
        origin.fallback = lambda turn: turn.send(
            b"HTTP/1.1 %d Nothing\r\nX: y\r\n%s\r\n"
            % (status, b"Content-Length: 5\r\n" if status == 200 else b"")
        )
    else:
        origin = h2_origin
        origin.on_request = lambda session, request: session.reply(request, status, [("x", "y")])
    client = h2(start(origin))
    for _ in range(2):
        reply = client.request(method)
        assert (reply.status, bytes(reply.body), reply.reset) == (status, b"", None)


# Bodies ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("upstream", ["h1", "h2"])
def test_a_large_body_goes_both_ways_in_little_memory(start, h2, origins, h2_origin, upstream):
    size = 24 << 20
    body = bytes(range(256)) * (size // 256)
    wanted = hashlib.sha256(body).hexdigest()
    if upstream == "h1":
        origin = origins.https()

        def take(turn):
            digest = hashlib.sha256()
            for piece in turn.body_pieces():
                digest.update(piece)
            turn.reply(200, [("X-Sum", digest.hexdigest())], body)

        origin.fallback = take
    else:
        origin = h2_origin
        origin.on_request = lambda session, request: session.reply(
            request, 200, [("x-sum", hashlib.sha256(request.body).hexdigest())], body
        )
    proxy = start(origin)
    before, _ = proxy.memory_kib()
    reply = h2(proxy).request("POST", "/", body=body)
    assert reply.fields.get("x-sum") == wanted
    assert hashlib.sha256(reply.body).hexdigest() == wanted
    _, highest = proxy.memory_kib()
    assert highest - before < SLACK_KIB + (16 << 10)


def test_a_stream_nobody_reads_stalls_no_other(start, h2, origin):
    big = b"x" * (8 << 20)
    origin.routes["/big"] = lambda turn: turn.reply(200, body=big)
    proxy = start(origin)
    client = h2(proxy, window=65_535)
    slow = client.start(path="/big")
    # Take its head and some of its body, and give no window back for it.
    while len(client.replies[slow].body) < 65_535:
        client.read_some(acknowledge=False)
    # The connection's window is given back by hand, so that only the stream is stuck.
    client.h2.increment_flow_control_window(1 << 20)
    client.flush()
    for _ in range(20):
        assert client.request(path="/quick").status == 200
    assert not client.replies[slow].over
    assert proxy.memory_kib()[0] < SLACK_KIB + (64 << 10)


def test_a_reply_cut_short_is_reset_and_never_looks_whole(start, h2, origin):
    def cut(turn):
        turn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        turn.close()

    origin.routes["/cut"] = cut
    client = h2(start(origin))
    reply = client.finish(client.start(path="/cut"))
    assert not reply.ended and reply.reset is not None
    assert client.request().status == 200


def test_an_early_reply_arrives(start, h2, origin):
    def refuse(turn):
        turn.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 4\r\nConnection: close\r\n\r\nstop")
        turn.close()

    origin.routes["/up"] = refuse
    client = h2(start(origin))
    stream = client.start("POST", "/up", end=False)
    client.send_body(stream, b"x" * 1000, end=False)
    reply = client.finish(stream)
    assert (reply.status, bytes(reply.body)) == (413, b"stop")
    assert client.request().status == 200


def test_a_cancelled_stream_is_cancelled_upstream(start, h2, h2_origin):
    h2_origin.on_request = lambda session, request: None
    client = h2(start(h2_origin))
    stream = client.start()
    request = h2_origin.wait_for_requests(1)[0]
    client.h2.reset_stream(stream, ErrorCodes.CANCEL)
    client.flush()
    h2_origin.wait_for(lambda: request.reset, "the cancellation")


def test_an_upstream_reset_reaches_the_client_alone(start, h2, h2_origin):
    def answer(session, request):
        if request.path == "/reset":
            session.send_head(request)
            session.reset(request, ErrorCodes.INTERNAL_ERROR)
        else:
            session.reply(request, body=b"ok")

    h2_origin.on_request = answer
    client = h2(start(h2_origin))
    reply = client.request(path="/reset")
    assert reply.reset is not None and not reply.ended
    assert client.request().status == 200
    assert len(h2_origin.connections) == 1


def test_server_sent_events_leave_as_they_come(start, h2, h2_origin):
    told = threading.Event()

    def events(session, request):
        session.send_head(request, 200, [("content-type", "text/event-stream")])
        session.send_body(request, b"data: one\n\n", end=False)
        threading.Thread(
            target=lambda: (told.wait(20), session.send_body(request, b"data: two\n\n"))
        ).start()

    h2_origin.on_request = events
    client = h2(start(h2_origin))
    stream = client.start()
    client.wait(lambda: bytes(client.replies[stream].body) == b"data: one\n\n")
    told.set()
    assert bytes(client.finish(stream).body) == b"data: one\n\ndata: two\n\n"


# The life of connections -------------------------------------------------------------------------


def test_an_upstream_goaway_lets_earlier_streams_finish(start, h2, h2_origin):
    held = {}
    ready = threading.Event()

    def hold(session, request):
        if session.connection.number > 0:
            session.reply(request, body=b"second connection")
            return
        held[request.path] = (session, request)
        if len(held) == 2:
            ready.set()

    h2_origin.on_request = hold
    client = h2(start(h2_origin))
    first = client.start(path="/first")
    second = client.start(path="/second")
    assert ready.wait(20)
    session, request = held["/first"]
    _, later = held["/second"]
    assert request.stream < later.stream
    session.go_away(last=request.stream)
    # What the origin has not looked at goes to a new connection, without the client's knowing.
    assert bytes(client.finish(second).body) == b"second connection"
    session.reply(request, body=b"finished")
    assert bytes(client.finish(first).body) == b"finished"
    assert bytes(client.request(path="/third").body) == b"second connection"


def test_an_upstream_that_closes_is_dialled_again(start, h2, h2_origin):
    proxy = start(h2_origin)
    client = h2(proxy)
    assert client.request().status == 200
    h2_origin.connections[0].sock.shutdown(2)
    eventually(h2_origin.connections[0].closed.is_set, "the connection's end")
    assert client.request().status == 200
    assert len(h2_origin.connections) == 2


def test_a_drain_lets_streams_finish(start, h2, h2_origin):
    held = []
    h2_origin.on_request = lambda session, request: held.append((session, request))
    proxy = start(h2_origin)
    client = h2(proxy)
    stream = client.start()
    h2_origin.wait_for_requests(1)
    proxy.terminate()
    client.wait(lambda: client.goaway is not None)
    assert client.goaway == ErrorCodes.NO_ERROR
    session, request = held[0]
    session.reply(request, body=b"finished")
    assert bytes(client.finish(stream).body) == b"finished"
    assert proxy.wait_for_exit() == 0


def test_an_idle_connection_is_told_good_bye(start, h2, h2_origin):
    client = h2(start(h2_origin, "--idle-timeout", "300ms"))
    assert client.request().status == 200
    client.wait(lambda: client.goaway is not None)
    assert client.goaway == ErrorCodes.NO_ERROR


def test_a_reload_is_obeyed_on_open_connections(start, h2, h2_origin, secret):
    proxy = start(h2_origin)
    client = h2(proxy)
    assert client.request().status == 200
    blocked = {"network": {"blockedDomains": ["api.test"]}, "credentials": [bearer_rule()]}
    proxy.reload_and_wait(blocked)
    reply = client.request()
    assert (reply.status, reply.error) == (403, "host_denied")


def test_clients_without_h2_are_served_http1(start, h2_origin, secret):
    proxy = start(h2_origin)
    with proxy.tls("api.test:443", context=proxy.context(alpn=None)) as client:
        assert client.get("/").status == 200
    assert h2_origin.requests[0].fields.get("authorization") == f"Bearer {secret}"


# Floods ------------------------------------------------------------------------------------------


def frame(kind, flags, stream, payload=b""):
    return (
        len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload
    )


def survives(proxy, h2):
    """Another client is served as ever, and the proxy has not grown."""
    assert h2(proxy).request().status == 200
    assert proxy.memory_kib()[0] < SLACK_KIB + (96 << 10)


def flood(client, pieces):
    """Sends until the proxy ends the connection; gives the error code of its GOAWAY."""
    try:
        for piece in pieces:
            client.inner.send(piece)
    except OSError:
        pass
    try:
        while not client.closed:
            client.read_some()
    except OSError:
        pass
    return client.goaway


def test_rapid_resets_end_the_connection(start, h2, h2_origin):
    h2_origin.on_request = lambda session, request: None
    proxy = start(h2_origin)
    client = h2(proxy)
    try:
        for _ in range(20_000):
            stream = client.start()
            client.h2.reset_stream(stream, ErrorCodes.CANCEL)
            client.flush()
    except OSError:
        pass
    try:
        while not client.closed:
            client.read_some()
    except OSError:
        pass
    assert client.goaway in (ErrorCodes.ENHANCE_YOUR_CALM, None)
    assert len(h2_origin.requests) < 5_000
    h2_origin.on_request = lambda session, request: session.reply(request, body=b"ok")
    survives(proxy, h2)


def test_an_endless_header_block_ends_the_connection(start, h2, h2_origin):
    proxy = start(h2_origin)
    client = h2(proxy)
    # A literal field without indexing, "x: <100 bytes>", again and again, never END_HEADERS.
    field = b"\x00\x01x\x64" + b"v" * 100
    pieces = [frame(1, 0, 1, field)] + [frame(9, 0, 1, field * 100)] * 10_000
    assert flood(client, pieces) is not None
    survives(proxy, h2)


@pytest.mark.parametrize(
    "piece",
    [
        frame(6, 0, 0, bytes(8)),  # PING
        frame(4, 0, 0),  # SETTINGS
        frame(4, 0, 0, b"\x00\x03\x00\x00\x00\x64"),
        frame(2, 0, 1, bytes(5)),  # PRIORITY
        frame(8, 0, 0, b"\x00\x00\x00\x01"),  # WINDOW_UPDATE of one byte
        frame(0xFA, 0, 0, b"x"),  # a type that nobody knows
    ],
    ids=["ping", "empty settings", "settings", "priority", "window", "unknown"],
)
def test_frames_for_nothing_are_bounded(start, h2, h2_origin, piece):
    proxy = start(h2_origin)
    client = h2(proxy)
    flood_pieces = [piece * 1000] * 500
    thread = threading.Thread(target=flood, args=(client, flood_pieces))
    thread.start()
    survives(proxy, h2)
    thread.join(60)
    if thread.is_alive():
        # It was let through at no cost to anybody; end it.
        client.close()
        thread.join(20)
    survives(proxy, h2)


def test_a_window_of_nothing_is_bounded(start, h2, origin):
    origin.routes["/big"] = lambda turn: turn.reply(200, body=b"x" * (4 << 20))
    proxy = start(origin, "--stall-timeout", "1s", "--idle-timeout", "1s")
    client = h2(proxy, window=0)
    streams = [client.start(path="/big") for _ in range(50)]
    client.wait(lambda: all(client.replies[s].status for s in streams))
    assert proxy.memory_kib()[0] < SLACK_KIB + (96 << 10)
    for stream in streams:
        reply = client.finish(stream)
        assert reply.reset is not None and not reply.body
    assert client.request(path="/quick").status == 200


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x00" * 1000,
        frame(0, 0, 0, b"x"),  # DATA on stream 0
        frame(1, 4, 2, b"\x82"),  # an even stream
        frame(9, 4, 1, b"\x82"),  # CONTINUATION of nothing
        frame(1, 4, 1, b"\xff" * 50),  # HPACK that decodes to nothing
        frame(8, 0, 0, b"\x00\x00\x00\x00"),  # an increment of 0
        frame(4, 0, 0, b"\x00\x04\xff\xff\xff\xff"),  # a window that is too large
        frame(5, 4, 1, b"\x00\x00\x00\x02"),  # PUSH_PROMISE from a client
        frame(3, 0, 9, bytes(4)),  # RST_STREAM of an idle stream
    ],
    ids=["zeros", "data 0", "even", "continuation", "hpack", "increment", "window", "push", "rst"],
)
def test_a_broken_connection_ends_alone(start, h2, h2_origin, garbage):
    proxy = start(h2_origin)
    other = h2(proxy)
    client = h2(proxy)
    assert client.request().status == 200
    assert flood(client, [garbage]) not in (None, ErrorCodes.NO_ERROR)
    assert other.request().status == 200
