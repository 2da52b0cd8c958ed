"""HTTP/1.1 that must keep working through the proxy, in both directions."""

import socket
import threading

import pytest

from harness.deadline import eventually
from harness.fixtures import bearer_rule
from harness.http import chunk
from harness.origin import head
from harness.stream import EndOfStream


@pytest.fixture
def client(injecting_proxy):
    """A connection inside the intercepted tunnel to api.test."""
    with injecting_proxy.tls("api.test:443") as client:
        yield client


def script(origin, data, path="/", close=False):
    """Makes the origin answer `path` with exactly these bytes."""

    def route(turn):
        turn.finish_body()
        turn.send(data)
        if close:
            turn.close()

    origin.routes[path] = route


BODILESS = {
    "HEAD with length": ("HEAD", head(200, [("Content-Length", "1234")])),
    "HEAD without length": ("HEAD", head(200, [("X", "1")])),
    "HEAD chunked": ("HEAD", head(200, [("Transfer-Encoding", "chunked")])),
    "204": ("GET", head(204)),
    "204 with zero length": ("DELETE", head(204, [("Content-Length", "0")])),
    "304": ("GET", head(304, [("ETag", '"x"')])),
    "304 with length": ("GET", head(304, [("ETag", '"x"'), ("Content-Length", "1234")])),
    "304 chunked": ("GET", head(304, [("Transfer-Encoding", "chunked")])),
}


@pytest.mark.parametrize("case", BODILESS.values(), ids=BODILESS)
def test_replies_without_a_body_do_not_hang(client, origin, case):
    method, data = case
    script(origin, data)
    reply = client.request(method, "/")
    assert reply.status == int(data.split()[1])
    assert reply.body == b""
    assert client.get("/next").body == b"ok"
    assert len(origin.connections) == 1, "the upstream connection was not used again"


def test_head_keeps_the_content_length(client, origin):
    script(origin, head(200, [("Content-Length", "1234")]))
    assert client.request("HEAD", "/").fields.one("content-length") == "1234"


def test_not_modified_keeps_its_fields(client, origin):
    script(origin, head(304, [("ETag", '"x"'), ("Cache-Control", "max-age=1")]))
    reply = client.get()
    assert reply.fields.one("etag") == '"x"'
    assert reply.fields.one("cache-control") == "max-age=1"


@pytest.mark.parametrize("size", [0, 1, 15, 16383, 16384, 16385, 65536, 300_000])
def test_bodies_of_a_known_length_are_whole_both_ways(client, origin, size):
    body = bytes(i * 7 & 0xFF for i in range(size))
    origin.routes["/"] = lambda turn: turn.reply(200, body=turn.read_body())
    reply = client.request("POST", "/", body=body)
    assert reply.body == body
    assert reply.fields.one("content-length") == str(size)
    assert origin.only_request().body == body


@pytest.mark.parametrize("sizes", [[], [1], [1] * 300, [16384, 1, 65536], [100_000] * 3])
def test_chunked_bodies_are_whole_both_ways(client, origin, sizes):
    pieces = [bytes([i & 0xFF]) * size for i, size in enumerate(sizes)]

    def echo(turn):
        turn.read_body()
        turn.send(head(200, [("Transfer-Encoding", "chunked")]))
        for piece in pieces:
            turn.send(chunk(piece))
        turn.send(b"0\r\n\r\n")

    origin.routes["/"] = echo
    client.send(b"POST / HTTP/1.1\r\nHost: api.test\r\nTransfer-Encoding: chunked\r\n\r\n")
    for piece in pieces:
        client.send(chunk(piece))
    client.send(b"0\r\n\r\n")
    reply = client.read_response("POST")
    assert reply.body == b"".join(pieces)
    assert origin.only_request().body == b"".join(pieces)
    assert client.get("/next").status == 200


def test_chunks_cut_at_every_byte_arrive_whole(client, origin):
    whole = (
        b"POST /cut HTTP/1.1\r\nHost: api.test\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"3;ext=1\r\nabc\r\n0000A\r\n0123456789\r\n0\r\nX-Sum: 1\r\n\r\n"
    )
    for cut in range(1, len(whole)):
        client.send(whole[:cut])
        client.send(whole[cut:])
        assert client.read_response("POST").status == 200
    for request in origin.requests:
        assert request.body == b"abc0123456789"
        assert request.trailers.one("x-sum") == "1"


def test_trailers_pass_both_ways(client, origin):
    def answer(turn):
        turn.read_body()
        turn.send(
            head(200, [("Transfer-Encoding", "chunked"), ("Trailer", "X-Check")])
            + chunk(b"body")
            + b"0\r\nX-Check: abc\r\nX-More: d\r\n\r\n"
        )

    origin.routes["/"] = answer
    client.send(
        b"POST / HTTP/1.1\r\nHost: api.test\r\nTransfer-Encoding: chunked\r\nTrailer: X-Up\r\n\r\n"
        b"2\r\nup\r\n0\r\nX-Up: yes\r\n\r\n"
    )
    reply = client.read_response("POST")
    assert reply.body == b"body"
    assert reply.trailers.one("x-check") == "abc"
    assert reply.trailers.one("x-more") == "d"
    assert origin.only_request().trailers.one("x-up") == "yes"


def test_a_reply_ended_by_close_is_whole(client, origin):
    body = b"until the end" * 10_000
    script(origin, head(200, [("Content-Type", "text/plain")]) + body, close=True)
    assert client.get().body == body


def test_an_http_1_0_reply_is_whole(client, origin):
    body = b"old" * 50_000
    script(origin, head(200, version="1.0") + body, close=True)
    assert client.get().body == body


def test_an_http_1_0_reply_with_length_is_whole(client, origin):
    script(origin, head(200, [("Content-Length", "3")], version="1.0") + b"old", close=True)
    assert client.get().body == b"old"
    assert client.get("/next").body == b"ok"


def test_an_http_1_0_client_is_served_and_closed(injecting_proxy, origin, secret):
    with injecting_proxy.tls("api.test:443") as client:
        client.send(b"GET / HTTP/1.0\r\nHost: api.test\r\n\r\n")
        reply = client.read_response()
        assert reply.body == b"ok"
        assert client.is_closed()
    assert origin.only_request().fields.one("authorization") == f"Bearer {secret}"


def test_an_http_1_0_client_never_gets_chunks(injecting_proxy, origin):
    script(origin, head(200, [("Transfer-Encoding", "chunked")]) + chunk(b"data") + b"0\r\n\r\n")
    with injecting_proxy.tls("api.test:443") as client:
        client.send(b"GET / HTTP/1.0\r\nHost: api.test\r\n\r\n")
        reply = client.read_response()
    assert reply.body == b"data"
    assert not reply.fields.all("transfer-encoding")


CUT_SHORT = {
    "fixed length": head(200, [("Content-Length", "100")]) + b"only this.",
    "chunked": head(200, [("Transfer-Encoding", "chunked")]) + chunk(b"only this."),
    "until a close that is a reset": head(200) + b"only this.",
}


@pytest.mark.parametrize("data", CUT_SHORT.values(), ids=CUT_SHORT)
def test_a_reply_cut_short_is_not_passed_off_as_whole(client, origin, data):
    arrived = threading.Event()

    def cut(turn):
        turn.finish_body()
        turn.send(data)
        turn.wait(arrived, "cut")
        turn.reset()

    origin.routes["/"] = cut
    client.send_request("GET", "/")
    body = client.read_head().body_pieces(client.stream, "GET")
    # What came is passed on; then the end is one that no client takes for the reply's.
    assert next(body) == b"only this."
    arrived.set()
    with pytest.raises((EndOfStream, ConnectionResetError)):
        for piece in body:
            assert not piece, piece
        if not client.sock.ended_by_close_notify:
            raise EndOfStream("TLS was cut")


def test_a_reply_that_never_gets_beyond_its_beginning_is_not_passed_off_as_whole(client, origin):
    script(origin, head(200, [("Content-Length", "100")]) + b"only this", close=True)
    client.send_request("GET", "/")
    with pytest.raises((EndOfStream, ConnectionResetError)):
        assert client.read_response().status == 502
        raise EndOfStream("the head had not gone yet")


def test_pipelined_requests_are_answered_in_order(client, origin):
    release = threading.Event()

    def slow(turn):
        turn.wait(release, "go on")
        turn.reply(200, body=b"slow")

    origin.routes["/0"] = slow
    for i in range(1, 20):
        origin.routes[f"/{i}"] = lambda turn, i=i: turn.reply(200, body=b"%d" % i)
    client.send(
        b"".join(b"GET /%d HTTP/1.1\r\nHost: api.test\r\n\r\n" % i for i in range(20))
    )
    origin.wait_for_requests(1)
    release.set()
    assert client.read_response().body == b"slow"
    for i in range(1, 20):
        assert client.read_response().body == b"%d" % i


def test_pipelined_posts_keep_their_bodies_apart(client, origin):
    client.send(
        b"POST /1 HTTP/1.1\r\nHost: api.test\r\nContent-Length: 3\r\n\r\none"
        b"POST /2 HTTP/1.1\r\nHost: api.test\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"3\r\ntwo\r\n0\r\n\r\n"
        b"GET /3 HTTP/1.1\r\nHost: api.test\r\n\r\n"
    )
    for _ in range(3):
        assert client.read_response().status == 200
    assert [r.body for r in origin.requests] == [b"one", b"two", b""]


def test_a_close_asked_by_the_client_is_honoured(client):
    assert client.request("GET", "/", [("Connection", "close")]).status == 200
    assert client.is_closed()


def test_a_close_asked_by_the_origin_does_not_end_the_clients_connection(client, origin):
    def last(turn):
        turn.reply(200, [("Connection", "close")], b"bye")
        turn.close()

    origin.routes["/last"] = last
    assert client.get("/last").body == b"bye"
    assert client.get("/again").body == b"ok"
    assert len(origin.connections) == 2


def test_continue_is_passed_before_a_large_body(client, origin):
    body = b"x" * (2 << 20)

    def expecting(turn):
        assert turn.request.fields.one("expect") == "100-continue"
        turn.send(head(100))
        turn.read_body()
        turn.reply(201, body=b"stored")

    origin.routes["/"] = expecting
    client.send(
        b"POST / HTTP/1.1\r\nHost: api.test\r\nExpect: 100-continue\r\n"
        b"Content-Length: %d\r\n\r\n" % len(body)
    )
    assert client.read_head().status == 100
    client.send(body)
    reply = client.read_response("POST")
    assert (reply.status, reply.body) == (201, b"stored")
    assert origin.only_request().body == body


def test_an_expectation_refused_by_the_origin_is_passed(client, origin):
    def refusing(turn):
        turn.send(head(417, [("Content-Length", "2"), ("Connection", "close")]) + b"no")
        turn.close()

    origin.routes["/"] = refusing
    client.send(
        b"POST / HTTP/1.1\r\nHost: api.test\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n"
    )
    reply = client.read_response("POST")
    assert (reply.status, reply.body) == (417, b"no")


def test_early_hints_and_the_final_reply_both_arrive(client, origin):
    script(
        origin,
        head(103, [("Link", "</a.css>; rel=preload")])
        + head(103, [("Link", "</b.css>; rel=preload")])
        + head(200, [("Content-Length", "4")])
        + b"page",
    )
    reply = client.get()
    assert [h.status for h in reply.interim] == [103, 103]
    assert reply.interim[1].fields.one("link") == "</b.css>; rel=preload"
    assert (reply.status, reply.body) == (200, b"page")


@pytest.mark.parametrize("abrupt", [False, True], ids=["and it reads on", "and it resets"])
def test_a_final_reply_during_an_upload_is_delivered(client, origin, abrupt):
    def too_large(turn):
        body = turn.body_pieces()
        next(body)
        turn.send(head(413, [("Content-Length", "5"), ("Connection", "close")]) + b"large")
        if not abrupt:
            discard(body)
        turn.close()

    origin.routes["/"] = too_large
    client.send(b"POST / HTTP/1.1\r\nHost: api.test\r\nContent-Length: 50000000\r\n\r\n")
    sender = threading.Thread(target=send_until_refused, args=(client, b"x" * 65536, 760))
    sender.start()
    reply = client.read_response("POST")
    assert (reply.status, reply.body) == (413, b"large")
    client.close()
    sender.join()


def discard(pieces):
    """Reads what still comes, as servers do that close a connection with care."""
    try:
        for _ in pieces:
            pass
    except (OSError, EndOfStream):
        pass


def send_until_refused(client, data, times):
    try:
        for _ in range(times):
            client.send(data)
    except (OSError, ValueError):
        pass


def test_server_sent_events_leave_as_they_arrive(client, origin):
    pieces = [b"data: %d\n\n" % i for i in range(5)]
    sent = [threading.Event() for _ in pieces]

    def stream(turn):
        turn.finish_body()
        kind = ("Content-Type", "text/event-stream")
        turn.send(head(200, [kind, ("Transfer-Encoding", "chunked")]))
        for piece, go in zip(pieces, sent):
            turn.wait(go, "send the next event")
            turn.send(chunk(piece))
        turn.send(b"0\r\n\r\n")

    origin.routes["/"] = stream
    client.send_request("GET", "/")
    reply = client.read_head()
    body = reply.body_pieces(client.stream, "GET")
    for piece, go in zip(pieces, sent):
        # The origin waits until the one before has been read here.
        go.set()
        assert next(body) == piece
    assert list(body) == []


def test_a_request_streams_while_its_reply_already_does(client, origin):
    def echo(turn):
        turn.send(head(200, [("Transfer-Encoding", "chunked")]))
        for piece in turn.body_pieces():
            turn.send(chunk(piece))
        turn.send(b"0\r\n\r\n")

    origin.routes["/"] = echo
    client.send(b"POST / HTTP/1.1\r\nHost: api.test\r\nTransfer-Encoding: chunked\r\n\r\n")
    body = client.read_head().body_pieces(client.stream, "POST")
    for i in range(10):
        client.send(chunk(b"ping %d" % i))
        assert next(body) == b"ping %d" % i
    client.send(b"0\r\n\r\n")
    assert list(body) == []


def test_a_pause_within_a_body_does_not_cut_it(client, origin):
    half, rest = b"a" * 1000, b"b" * 1000
    resume = threading.Event()

    def pausing(turn):
        turn.finish_body()
        turn.send(head(200, [("Content-Length", "2000")]) + half)
        turn.wait(resume, "resume")
        turn.send(rest)

    origin.routes["/"] = pausing
    client.send_request("GET", "/")
    body = client.read_head().body_pieces(client.stream, "GET")
    assert next(body) == half
    # A pause is what is tested: longer than any interval at which a proxy might look around.
    assert not threading.Event().wait(7)
    resume.set()
    assert b"".join(body) == rest


def test_alt_svc_is_removed_from_intercepted_replies(client, origin):
    script(origin, head(200, [("Alt-Svc", 'h3=":443"'), ("X-Kept", "1"), ("Content-Length", "0")]))
    reply = client.get()
    assert not reply.fields.all("alt-svc")
    assert reply.fields.one("x-kept") == "1"


def test_reply_fields_keep_order_case_and_bytes(client, origin):
    script(
        origin,
        b"HTTP/1.1 299 Odd Reason\r\nx-LOWER: 1\r\nSet-Cookie: a=1\r\nX-Obs: caf\xe9\r\n"
        b"Set-Cookie: b=2\r\nContent-Length: 0\r\n\r\n",
    )
    reply = client.get()
    assert (reply.status, reply.reason) == (299, "Odd Reason")
    assert list(reply.fields) == [
        ("x-LOWER", "1"),
        ("Set-Cookie", "a=1"),
        ("X-Obs", "caf\xe9"),
        ("Set-Cookie", "b=2"),
        ("Content-Length", "0"),
    ]


def test_an_upgrade_is_passed_with_the_credential_and_then_bytes(client, origin, secret):
    def websocket(turn):
        assert turn.request.fields.one("upgrade") == "websocket"
        turn.send(
            head(101, [("Connection", "Upgrade"), ("Upgrade", "websocket"),
                       ("Sec-WebSocket-Accept", "x")]) + b"\x81\x05early"
        )  # fmt: skip
        while data := turn.read_some():
            turn.send(data)
        turn.close()

    origin.routes["/ws"] = websocket
    client.send_request(
        "GET", "/ws",
        [("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Key", "eA=="),
         ("Sec-WebSocket-Version", "13")],
    )  # fmt: skip
    reply = client.read_response()
    assert reply.status == 101
    assert reply.fields.one("upgrade").lower() == "websocket"
    assert client.stream.read_exactly(7) == b"\x81\x05early"
    for size in (1, 1000, 1 << 20):
        frame = bytes(i & 0xFF for i in range(size))
        sender = threading.Thread(target=client.send, args=(frame,))
        sender.start()
        assert client.stream.read_exactly(size) == frame
        sender.join()
    assert origin.requests[0].fields.one("authorization") == f"Bearer {secret}"


def test_an_upgrade_that_the_origin_declines_stays_http(client, origin):
    origin.routes["/ws"] = lambda turn: turn.reply(426, body=b"no")
    fields = [("Connection", "Upgrade"), ("Upgrade", "websocket")]
    assert client.request("GET", "/ws", fields).status == 426
    assert client.get("/next").body == b"ok"


def test_switching_protocols_unasked_is_a_bad_gateway(client, origin):
    script(origin, head(101, [("Connection", "Upgrade"), ("Upgrade", "websocket")]) + b"bytes")
    reply = client.get()
    assert (reply.status, reply.error) == (502, "upstream_protocol")


def test_an_upgrade_to_h2c_is_dropped(client, origin):
    fields = [
        ("Connection", "Upgrade, HTTP2-Settings"),
        ("Upgrade", "h2c"),
        ("HTTP2-Settings", "AAMAAABkAAQAAP__"),
    ]
    assert client.request("GET", "/", fields).status == 200
    names = origin.only_request().fields.names()
    assert "upgrade" not in names and "http2-settings" not in names


def test_bytes_after_a_reply_are_no_reply_to_the_next_request(client, origin):
    poison = head(200, [("Content-Length", "6")]) + b"poison"
    script(origin, head(200, [("Content-Length", "2")]) + b"ok" + poison)
    assert client.get().body == b"ok"
    assert client.get("/next").body == b"ok"


def test_requests_share_an_upstream_connection(injecting_proxy, origin):
    for _ in range(3):
        with injecting_proxy.tls("api.test:443") as client:
            for _ in range(3):
                assert client.get().status == 200
    assert len(origin.requests) == 9
    assert len(origin.connections) == 1


def test_simultaneous_requests_get_connections_of_their_own(injecting_proxy, origin):
    release = threading.Event()

    def waiting(turn):
        turn.wait(release, "go on")
        turn.reply(200, body=b"done")

    origin.routes["/"] = waiting
    clients = [injecting_proxy.tls("api.test:443") for _ in range(5)]
    for client in clients:
        client.send_request("GET", "/")
    origin.wait_for_requests(5)
    release.set()
    for client in clients:
        assert client.read_response().body == b"done"
    assert len(origin.connections) == 5


def test_a_pooled_connection_that_the_origin_closed_is_replaced(client, origin):
    assert client.get("/1").status == 200
    close_quietly(origin.connections[0])
    assert client.get("/2").status == 200
    assert [r.target for r in origin.requests] == ["/1", "/2"]


def test_a_get_that_meets_a_dying_connection_is_sent_again(client, origin):
    """The origin reads the request on the reused connection and closes without a word."""

    def dying(turn):
        if turn.request.connection.number == 0:
            turn.close()
        else:
            turn.reply(200, body=b"second try")

    origin.routes["/dying"] = dying
    assert client.get("/first").status == 200
    assert client.get("/dying").body == b"second try"
    assert [r.target for r in origin.requests] == ["/first", "/dying", "/dying"]


def test_a_post_that_meets_a_dying_connection_is_not_sent_twice(client, origin):
    def dying(turn):
        turn.read_body()
        turn.close()

    origin.routes["/dying"] = dying
    assert client.get("/first").status == 200
    assert client.request("POST", "/dying", body=b"pay").status == 502
    assert [r.target for r in origin.requests] == ["/first", "/dying"]


def test_a_client_that_leaves_ends_the_upstream_request(injecting_proxy, origin):
    def endless(turn):
        turn.finish_body()
        turn.send(head(200, [("Transfer-Encoding", "chunked")]) + chunk(b"first"))
        assert turn.read_some() == b""
        turn.close()

    origin.routes["/"] = endless
    with injecting_proxy.tls("api.test:443") as client:
        client.send_request("GET", "/")
        body = client.read_head().body_pieces(client.stream, "GET")
        assert next(body) == b"first"
    assert origin.connections[0].closed.wait(10)


def close_quietly(connection):
    """Ends an idle connection from the origin's side and waits until that is done."""
    connection.sock.shutdown(socket.SHUT_RDWR)
    assert connection.closed.wait(10)


def test_plain_http_keeps_alive_and_serves_several_hosts(start_proxy, origins):
    a, b = origins.http(), origins.http()
    proxy = start_proxy(routes={"api.test:80": a, "other.test:80": b})
    with proxy.open() as client:
        assert client.request("GET", "http://api.test/1", host="api.test").status == 200
        assert client.request("GET", "http://other.test/2", host="other.test").status == 200
        assert client.request("GET", "http://api.test/3", host="api.test").status == 200
    assert [r.target for r in a.requests] == ["/1", "/3"]
    assert [r.target for r in b.requests] == ["/2"]


def test_a_request_for_the_proxy_itself_explains_what_it_is(injecting_proxy):
    with injecting_proxy.open("127.0.0.1") as client:
        reply = client.get("/")
    assert (reply.status, reply.error) == (400, "bad_request")
    assert "proxy" in reply.text
    assert reply.fields.one("content-type").startswith("application/json")


def test_a_large_number_of_clients_is_served(injecting_proxy, origin):
    results = []

    def ask():
        with injecting_proxy.tls("api.test:443") as client:
            results.extend(client.get().status for _ in range(5))

    threads = [threading.Thread(target=ask) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [200] * 250
    eventually(lambda: len(origin.requests) == 250, "every request at the origin")


def test_requests_to_several_hosts_do_not_mix(start_proxy, origins, search):
    a, b = search.make(), search.make()
    origin_a, origin_b = origins.https(), origins.https()
    proxy = start_proxy(
        {"credentials": [bearer_rule("api.test", "A"), bearer_rule("other.test", "B")]},
        {"api.test:443": origin_a, "other.test:443": origin_b},
        env={"A": a, "B": b},
        workers=2,
    )

    def ask(host):
        with proxy.tls(f"{host}:443") as client:
            for _ in range(20):
                assert client.get().status == 200

    threads = [
        threading.Thread(target=ask, args=(host,)) for host in ("api.test", "other.test") * 4
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {r.fields.one("authorization") for r in origin_a.requests} == {f"Bearer {a}"}
    assert {r.fields.one("authorization") for r in origin_b.requests} == {f"Bearer {b}"}
    assert len(origin_a.requests) == len(origin_b.requests) == 80
