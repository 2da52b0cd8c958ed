"""What two parsers could read differently is refused, and nothing behind it is served.

Every case is tried over both ways in: inside an intercepted CONNECT, and as a plain forward.
"""

import socket

import pytest

from harness.fixtures import bearer_rule
from harness.http import chunk
from harness.origin import head, reset_on_close
from harness.stream import EndOfStream

HOST = b"Host: api.test\r\n"
# Stands before a path: nothing inside a tunnel, the scheme and the host in a plain forward.
ROOT = b"<root>"
SMUGGLED = b"GET " + ROOT + b"/smuggled HTTP/1.1\r\n" + HOST + b"\r\n"


class Way:
    """A way to the origin api.test, through a proxy that writes a credential."""

    def __init__(self, proxy, origin, root, connect):
        self.proxy = proxy
        self.origin = origin
        self._root = root
        self._connect = connect

    def open(self):
        return self._connect(self.proxy)

    def spell(self, data):
        return data.replace(ROOT, self._root)


def _inside_tls(start_proxy, origins, secret):
    origin = origins.https()
    proxy = start_proxy(
        {"credentials": [bearer_rule()]}, {"api.test:443": origin}, env={"API_KEY": secret}
    )
    return Way(proxy, origin, b"", lambda proxy: proxy.tls("api.test:443"))


def _plain_forward(start_proxy, origins, secret):
    origin = origins.http()
    proxy = start_proxy(
        {"credentials": [bearer_rule(plaintext=True)]},
        {"api.test:80": origin},
        env={"API_KEY": secret},
    )
    return Way(proxy, origin, b"http://api.test", lambda proxy: proxy.open("api.test"))


@pytest.fixture(params=[_inside_tls, _plain_forward], ids=["inside TLS", "plain forward"])
def way(request, start_proxy, origins, secret):
    return request.param(start_proxy, origins, secret)


@pytest.fixture
def client(way):
    with way.open() as client:
        yield client


@pytest.fixture
def spell(way):
    return way.spell


@pytest.fixture
def origin(way):
    return way.origin


def post(*lines, body=b""):
    head = b"POST " + ROOT + b"/ HTTP/1.1\r\n" + HOST
    return head + b"".join(l + b"\r\n" for l in lines) + b"\r\n" + body


def get(*lines, path=b"/", target=None):
    head = b"GET " + (ROOT + path if target is None else target) + b" HTTP/1.1\r\n" + HOST
    return head + b"".join(l + b"\r\n" for l in lines) + b"\r\n"


CHUNKED = b"Transfer-Encoding: chunked"

REFUSED_HEADS = {
    "length then chunked": post(b"Content-Length: 5", CHUNKED, body=b"0\r\n\r\n"),
    "chunked then length": post(CHUNKED, b"Content-Length: 5", body=b"0\r\n\r\n"),
    "unequal lengths": post(b"Content-Length: 3", b"Content-Length: 4", body=b"abcd"),
    "signed length": post(b"Content-Length: +5", body=b"abcde"),
    "negative length": post(b"Content-Length: -5", body=b"abcde"),
    "equal list of lengths": post(b"Content-Length: 5,5", body=b"abcde"),
    "unequal list of lengths": post(b"Content-Length: 5,6", body=b"abcde"),
    "hexadecimal length": post(b"Content-Length: 0x5", body=b"abcde"),
    "length of 2^64": post(b"Content-Length: 18446744073709551616", body=b"abcde"),
    "length of 2^64 and 5": post(b"Content-Length: 18446744073709551621", body=b"abcde"),
    "empty length": post(b"Content-Length:", body=b""),
    "length with a space inside": post(b"Content-Length: 5 5", body=b"abcde"),
    "xchunked": post(b"Transfer-Encoding: xchunked", body=b"0\r\n\r\n"),
    "chunked, identity": post(b"Transfer-Encoding: chunked, identity", body=b"0\r\n\r\n"),
    "chunked, chunked": post(b"Transfer-Encoding: chunked, chunked", body=b"0\r\n\r\n"),
    "chunked twice": post(CHUNKED, CHUNKED, body=b"0\r\n\r\n"),
    "gzip, chunked": post(b"Transfer-Encoding: gzip, chunked", body=b"0\r\n\r\n"),
    "identity": post(b"Transfer-Encoding: identity"),
    "empty coding": post(b"Transfer-Encoding:", body=b"0\r\n\r\n"),
    "coding with a vertical tab": post(b"Transfer-Encoding: \x0bchunked", body=b"0\r\n\r\n"),
    "quoted coding": post(b'Transfer-Encoding: "chunked"', body=b"0\r\n\r\n"),
    "coding with a parameter": post(b"Transfer-Encoding: chunked;x=1", body=b"0\r\n\r\n"),
    "chunked in HTTP/1.0": post(CHUNKED, body=b"0\r\n\r\n").replace(b"HTTP/1.1", b"HTTP/1.0"),
    "bare LF after a field": b"GET " + ROOT + b"/ HTTP/1.1\r\nHost: api.test\nX: 1\r\n\r\n",
    "bare LF after the request line": b"GET " + ROOT + b"/ HTTP/1.1\nHost: api.test\r\n\r\n",
    "bare LF at the end": b"GET " + ROOT + b"/ HTTP/1.1\r\nHost: api.test\r\n\n",
    "only bare LFs": b"GET " + ROOT + b"/ HTTP/1.1\nHost: api.test\n\n",
    "bare CR in a value": get(b"X: a\rb"),
    "bare CR after a field": b"GET " + ROOT + b"/ HTTP/1.1\r\nHost: api.test\rX: 1\r\n\r\n",
    "obs-fold": get(b"X: a", b" folded"),
    "obs-fold with a tab": get(b"X: a", b"\tfolded"),
    "obs-fold of an empty value": get(b"X:", b" folded"),
    "folded length": post(b"Content-Length:", b" 5", body=b"abcde"),
    "folded coding": post(b"Transfer-Encoding:", b" chunked", body=b"0\r\n\r\n"),
    "folded host": b"GET " + ROOT + b"/ HTTP/1.1\r\nHost:\r\n api.test\r\n\r\n",
    "folded first field": b"GET " + ROOT + b"/ HTTP/1.1\r\n Host: api.test\r\n\r\n",
    "space before the colon": get(b"X : a"),
    "tab before the colon": get(b"X\t: a"),
    "space before the length's colon": post(b"Content-Length : 5", body=b"abcde"),
    "no colon": get(b"nothing"),
    "empty name": get(b": a"),
    "name with a space": get(b"X Y: a"),
    "name with a control byte": get(b"X\x01: a"),
    "name with obs-text": get(b"X\xff: a"),
    "NUL in a value": get(b"X: a\0b"),
    "control byte in a value": get(b"X: a\x1bb"),
    "DEL in a value": get(b"X: a\x7fb"),
    "two hosts": get(b"Host: api.test"),
    "two unequal hosts": get(b"Host: other.test"),
    "two hosts in a list": b"GET " + ROOT + b"/ HTTP/1.1\r\nHost: api.test, other.test\r\n\r\n",
    "empty host": b"GET " + ROOT + b"/ HTTP/1.1\r\nHost:\r\n\r\n",
    "host with a space": b"GET " + ROOT + b"/ HTTP/1.1\r\nHost: api test\r\n\r\n",
    "host with a user": b"GET " + ROOT + b"/ HTTP/1.1\r\nHost: u@api.test\r\n\r\n",
    "host with a path": b"GET " + ROOT + b"/ HTTP/1.1\r\nHost: api.test/x\r\n\r\n",
    "host with a bad port": b"GET " + ROOT + b"/ HTTP/1.1\r\nHost: api.test:443x\r\n\r\n",
    "host with a percent-escape": b"GET " + ROOT + b"/ HTTP/1.1\r\nHost: api%2etest\r\n\r\n",
    "no host": b"GET " + ROOT + b"/ HTTP/1.1\r\nX: 1\r\n\r\n",
    "fragment in the target": get(path=b"/#x"),
    "control byte in the target": get(path=b"/\x01"),
    "NUL in the target": get(path=b"/\0"),
    "space in the target": get(path=b"/a b"),
    "target above the root": get(path=b"/../x"),
    "target above the root, deeper": get(path=b"/a/../../x"),
    "target above the root, encoded": get(path=b"/%2e%2e/x"),
    "relative target": get(target=b"x"),
    "empty target": get(target=b""),
    "asterisk for a GET": get(target=b"*"),
    "no version": b"GET " + ROOT + b"/\r\n" + HOST + b"\r\n",
    "version of another protocol": b"GET " + ROOT + b"/ HTTQ/1.1\r\n" + HOST + b"\r\n",
    "version with digits": b"GET " + ROOT + b"/ HTTP/1.10\r\n" + HOST + b"\r\n",
    "version with a leading zero": b"GET " + ROOT + b"/ HTTP/01.1\r\n" + HOST + b"\r\n",
    "version of HTTP/2": b"GET " + ROOT + b"/ HTTP/2.0\r\n" + HOST + b"\r\n",
    "version of HTTP/1.2": b"GET " + ROOT + b"/ HTTP/1.2\r\n" + HOST + b"\r\n",
    "version in lower case": b"GET " + ROOT + b"/ http/1.1\r\n" + HOST + b"\r\n",
    "two spaces in the request line": b"GET  " + ROOT + b"/ HTTP/1.1\r\n" + HOST + b"\r\n",
    "tabs in the request line": b"GET\t" + ROOT + b"/\tHTTP/1.1\r\n" + HOST + b"\r\n",
    "space behind the version": b"GET " + ROOT + b"/ HTTP/1.1 \r\n" + HOST + b"\r\n",
    "space before the method": b" GET " + ROOT + b"/ HTTP/1.1\r\n" + HOST + b"\r\n",
    "bare LF before the request line": b"\n" + get(),
    "method with a control byte": b"GE\x01T " + ROOT + b"/ HTTP/1.1\r\n" + HOST + b"\r\n",
}


@pytest.mark.parametrize("data", REFUSED_HEADS.values(), ids=REFUSED_HEADS)
def test_an_ambiguous_head_is_refused_and_nothing_behind_it_served(way, spell, origin, data):
    with way.open() as client:
        client.send(spell(data + SMUGGLED))
        reply = client.read_response("POST")
        assert (reply.status, reply.error) == (400, "bad_request")
        assert client.is_closed()
    assert origin.saw_nothing()
    # Behind a good request it harms only itself.
    with way.open() as client:
        client.send(spell(get(path=b"/good") + data + SMUGGLED))
        assert client.read_response().body == b"ok"
        assert client.read_response("POST").status == 400
        assert client.is_closed()
    assert [r.target for r in origin.requests] == ["/good"]


BAD_CHUNKS = {
    "extension without a name": b"5;\r\nabcde\r\n0\r\n\r\n",
    "negative size": b"-1\r\na\r\n0\r\n\r\n",
    "overflowing size": b"FFFFFFFFFFFFFFFF\r\nabcde\r\n0\r\n\r\n",
    "17 digits": b"10000000000000005\r\nabcde\r\n0\r\n\r\n",
    "prefixed size": b"0x5\r\nabcde\r\n0\r\n\r\n",
    "signed size": b"+5\r\nabcde\r\n0\r\n\r\n",
    "empty size": b"\r\nabcde\r\n0\r\n\r\n",
    "leading space": b" 5\r\nabcde\r\n0\r\n\r\n",
    "trailing space": b"5 \r\nabcde\r\n0\r\n\r\n",
    "no CRLF after the data": b"5\r\nabcde0\r\n\r\n",
    "bare LF after the data": b"5\r\nabcde\n0\r\n\r\n",
    "bare LF after the size": b"5\nabcde\r\n0\r\n\r\n",
    "bare LF in an extension": b"5;a=\nb\r\nabcde\r\n0\r\n\r\n",
    "bare CR after the size": b"5\rabcde\r\n0\r\n\r\n",
    "longer than its size": b"3\r\nabcde\r\n0\r\n\r\n",
    "obs-fold in a trailer": b"0\r\nX: a\r\n b\r\n\r\n",
    "space before a trailer's colon": b"0\r\nX : a\r\n\r\n",
    "bare LF in the trailers": b"0\r\nX: a\n\r\n",
    "NUL in a trailer": b"0\r\nX: a\0\r\n\r\n",
}


@pytest.mark.parametrize("body", BAD_CHUNKS.values(), ids=BAD_CHUNKS)
def test_a_bad_chunk_is_refused_and_nothing_behind_it_served(client, spell, origin, body):
    client.send(spell(post(CHUNKED, body=body + SMUGGLED)))
    reply = client.read_response("POST")
    assert (reply.status, reply.error) == (400, "bad_request")
    assert client.is_closed()
    # The head may have been on its way, but never as a request that has ended.
    assert not [r for r in origin.requests if r.complete.is_set()]
    assert not [r for r in origin.requests if r.target == "/smuggled"]


def test_the_origin_does_not_take_a_broken_upload_for_a_whole_one(client, spell, origin):
    client.send(spell(post(CHUNKED, body=chunk(b"first"))))
    origin.wait_for_requests(1)
    client.send(b"zz\r\n")
    client.read_what_comes()
    assert origin.connections[0].closed.wait(10)
    assert not origin.requests[0].complete.is_set()


def test_equal_duplicate_lengths_are_refused(client, spell, origin):
    client.send(spell(post(b"Content-Length: 3", b"Content-Length: 3", body=b"abc" + SMUGGLED)))
    reply = client.read_response("POST")
    assert (reply.status, reply.error) == (400, "bad_request")
    assert client.is_closed()
    assert origin.saw_nothing()


LARGE_HEADS = {
    "of many fields": [b"X-%d: %s" % (i, b"v" * 1000) for i in range(66)],
    "of one field": [b"X: " + b"v" * (65 * 1024)],
    "of too many fields": [b"X-%d: v" % i for i in range(257)],
}


@pytest.mark.parametrize("lines", LARGE_HEADS.values(), ids=LARGE_HEADS)
def test_a_head_over_the_limit_is_too_large(client, spell, origin, lines):
    client.send(spell(get(*lines) + SMUGGLED))
    reply = client.read_response()
    assert (reply.status, reply.error) == (431, "header_too_large")
    assert client.is_closed()
    assert origin.saw_nothing()


def test_a_large_head_within_the_limit_passes(client, spell, origin):
    client.send(spell(get(*[b"X-%d: %s" % (i, b"v" * 1000) for i in range(60)])))
    assert client.read_response().status == 200
    assert len(origin.only_request().fields) >= 61


def test_a_target_over_the_limit_is_refused(client, spell, origin):
    client.send(spell(get(path=b"/" + b"x" * (70 * 1024)) + SMUGGLED))
    assert client.read_response().status in (400, 414, 431)
    assert client.is_closed()
    assert origin.saw_nothing()


def test_a_client_that_closes_within_its_head_is_forgotten(way, origin):
    for data in (b"", b"GET", b"GET " + ROOT + b"/ HTTP/1.1\r\nHost: api.te"):
        with way.open() as client:
            if data:
                client.send(way.spell(data))
    with way.open() as client:
        client.send(way.spell(get()))
        assert client.read_response().status == 200
    assert len(origin.requests) == 1


def test_a_client_that_resets_within_its_body_ends_the_upload(way, origin):
    client = way.open()
    client.send(way.spell(post(b"Content-Length: 100", body=b"half")))
    origin.wait_for_requests(1)
    reset_on_close(client.sock)
    assert origin.connections[0].closed.wait(10)
    assert not origin.requests[0].complete.is_set()
    with way.open() as client:
        client.send(way.spell(get()))
        assert client.read_response().status == 200


def test_an_abrupt_end_within_a_body_is_not_its_end(client, spell, origin):
    """A TCP FIN, without a close-notify in TLS, must not pass for the end of a body."""
    client.send(spell(post(CHUNKED, body=chunk(b"half"))))
    origin.wait_for_requests(1)
    client.sock.shutdown(socket.SHUT_WR)
    assert origin.connections[0].closed.wait(10)
    assert not origin.requests[0].complete.is_set()


def test_refusals_hold_before_the_tunnel_too(injecting_proxy):
    for data in (
        b"CONNECT api.test:443 HTTP/1.1\r\nHost: api.test:443\nX: 1\r\n\r\n",
        b"CONNECT api.test:443 HTTP/1.1\r\nHost: api.test:443\r\nX : 1\r\n\r\n",
        b"CONNECT api.test:443 HTTP/1.1\r\nHost: api.test:443\r\nHost: b\r\n\r\n",
        b"CONNECT api.test:443 HTTP/1.1\r\nHost: b\r\nContent-Length: 4\r\n\r\nbody",
        b"\x00\x01\x02\x03 not http\r\n\r\n",
        b"SSH-2.0-client\r\n\r\n",
    ):
        with injecting_proxy.open() as client:
            client.send(data)
            assert client.read_response().status == 400
            assert client.is_closed()


# The same strictness towards the origin ------------------------------------------------------


def script(origin, data):
    """Makes the origin answer a request with exactly these bytes, and then close."""

    def route(turn):
        turn.finish_body()
        turn.send(data)
        turn.close()

    origin.routes["/"] = route


def reply(*lines, line=b"HTTP/1.1 200 OK", body=b""):
    return line + b"\r\n" + b"".join(l + b"\r\n" for l in lines) + b"\r\n" + body


EMPTY = b"Content-Length: 0"

MALFORMED_REPLIES = {
    "not HTTP": b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
    "a body alone": b"<html></html>",
    "length then chunked": reply(b"Content-Length: 4", CHUNKED, body=b"0\r\n\r\n"),
    "chunked then length": reply(CHUNKED, b"Content-Length: 4", body=b"0\r\n\r\n"),
    "unequal lengths": reply(b"Content-Length: 1", b"Content-Length: 2", body=b"ab"),
    "equal lengths": reply(b"Content-Length: 2", b"Content-Length: 2", body=b"ab"),
    "equal list of lengths": reply(b"Content-Length: 2,2", body=b"ab"),
    "signed length": reply(b"Content-Length: +1", body=b"a"),
    "negative length": reply(b"Content-Length: -1", body=b"a"),
    "hexadecimal length": reply(b"Content-Length: 0x1", body=b"a"),
    "length of 2^64": reply(b"Content-Length: 18446744073709551616", body=b"a"),
    "empty length": reply(b"Content-Length:", body=b"a"),
    "xchunked": reply(b"Transfer-Encoding: xchunked", body=b"0\r\n\r\n"),
    "chunked, identity": reply(b"Transfer-Encoding: chunked, identity", body=b"0\r\n\r\n"),
    "chunked, chunked": reply(b"Transfer-Encoding: chunked, chunked", body=b"0\r\n\r\n"),
    "chunked twice": reply(CHUNKED, CHUNKED, body=b"0\r\n\r\n"),
    "gzip, chunked": reply(b"Transfer-Encoding: gzip, chunked", body=b"0\r\n\r\n"),
    "identity": reply(b"Transfer-Encoding: identity", body=b"a"),
    "empty coding": reply(b"Transfer-Encoding:", body=b"0\r\n\r\n"),
    "chunked in HTTP/1.0": reply(CHUNKED, line=b"HTTP/1.0 200 OK", body=b"0\r\n\r\n"),
    "bare LF after a field": b"HTTP/1.1 200 OK\r\nX: 1\nContent-Length: 0\r\n\r\n",
    "bare LF after the status line": b"HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n",
    "only bare LFs": b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
    "bare CR in a value": reply(b"X: a\rY: b", EMPTY),
    "bare CR in the reason": reply(EMPTY, line=b"HTTP/1.1 200 O\rK"),
    "obs-fold": reply(b"X: a", b" b", EMPTY),
    "obs-fold of an empty value": reply(b"X:", b" a", EMPTY),
    "folded length": reply(b"Content-Length:", b" 0"),
    "folded first field": reply(b" X: a", EMPTY),
    "space before the colon": reply(b"X : a", EMPTY),
    "space before the length's colon": reply(b"Content-Length : 0"),
    "no colon": reply(b"nothing", EMPTY),
    "empty name": reply(b": a", EMPTY),
    "name with a space": reply(b"X Y: a", EMPTY),
    "name with obs-text": reply(b"X\xff: a", EMPTY),
    "NUL in a value": reply(b"X: a\0b", EMPTY),
    "control byte in a value": reply(b"X: a\x1bb", EMPTY),
    "NUL in the reason": reply(EMPTY, line=b"HTTP/1.1 200 O\0K"),
    "status of two digits": reply(EMPTY, line=b"HTTP/1.1 20 OK"),
    "status of four digits": reply(EMPTY, line=b"HTTP/1.1 2000 OK"),
    "status with a letter": reply(EMPTY, line=b"HTTP/1.1 2x0 OK"),
    "status below 100": reply(EMPTY, line=b"HTTP/1.1 099 OK"),
    "two spaces before the status": reply(EMPTY, line=b"HTTP/1.1  200 OK"),
    "version of HTTP/2": reply(EMPTY, line=b"HTTP/2.0 200 OK"),
    "version in lower case": reply(EMPTY, line=b"http/1.1 200 OK"),
    "head over the limit": reply(EMPTY, b"X: " + b"v" * (65 * 1024)),
    "too many fields": reply(EMPTY, *[b"X: v"] * 256),
    "malformed behind an interim reply": reply(line=b"HTTP/1.1 103 Early") + reply(b"X : a", EMPTY),
}


@pytest.mark.parametrize("data", MALFORMED_REPLIES.values(), ids=MALFORMED_REPLIES)
def test_a_malformed_reply_is_a_bad_gateway(client, spell, origin, data):
    script(origin, data + b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison")
    # A POST, which is not sent a second time.
    client.send(spell(post(b"Content-Length: 1", body=b"x")))
    answer = client.read_response("POST")
    assert (answer.status, answer.error) == (502, "upstream_protocol")
    # The client is not to blame, and what came behind is answered to nobody.
    client.send(spell(get(path=b"/next")))
    assert client.read_response().body == b"ok"
    assert len(origin.connections) == 2


@pytest.mark.parametrize("data", [b"", b"HTT", b"HTTP/1.1 200 OK\r\nX: 1"])
def test_an_origin_that_says_too_little_is_a_bad_gateway(client, spell, origin, data):
    script(origin, data)
    client.send(spell(post(b"Content-Length: 1", body=b"x")))
    answer = client.read_response("POST")
    assert answer.status == 502 and answer.error
    assert len(origin.requests) == 1


@pytest.mark.parametrize("body", BAD_CHUNKS.values(), ids=BAD_CHUNKS)
def test_a_bad_chunk_in_a_reply_ends_it_visibly(client, spell, origin, body):
    script(origin, reply(CHUNKED, body=chunk(b"good") + body + reply(EMPTY)))
    client.send(spell(get()))
    if (answer := client.read_head()).status == 502:
        return  # where the mistake came together with the head
    assert answer.status == 200
    data = bytearray()
    with pytest.raises((EndOfStream, ConnectionResetError)):
        for piece in answer.body_pieces(client.stream, "GET"):
            data += piece
    assert bytes(data) in (b"", b"good", b"goodabcde", b"goodabc")


def test_a_length_that_is_not_reached_ends_the_reply_visibly(client, spell, origin):
    script(origin, head(200, [("Content-Length", "100")]) + b"only this")
    client.send(spell(get()))
    if (answer := client.read_head()).status == 502:
        return
    with pytest.raises((EndOfStream, ConnectionResetError)):
        for _ in answer.body_pieces(client.stream, "GET"):
            pass
