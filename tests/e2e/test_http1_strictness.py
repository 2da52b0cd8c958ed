"""What two parsers could read differently is refused, and nothing behind it is served."""

import socket

import pytest

from harness.http import chunk

HOST = b"Host: api.test\r\n"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: api.test\r\n\r\n"


def post(*lines, body=b""):
    return b"POST / HTTP/1.1\r\n" + HOST + b"".join(l + b"\r\n" for l in lines) + b"\r\n" + body


def get(*lines, target=b"/"):
    head = b"GET " + target + b" HTTP/1.1\r\n" + HOST
    return head + b"".join(l + b"\r\n" for l in lines) + b"\r\n"


CHUNKED = b"Transfer-Encoding: chunked"

REFUSED_HEADS = {
    "length then chunked": post(b"Content-Length: 5", CHUNKED, body=b"0\r\n\r\n"),
    "chunked then length": post(CHUNKED, b"Content-Length: 5", body=b"0\r\n\r\n"),
    "unequal lengths": post(b"Content-Length: 3", b"Content-Length: 4", body=b"abcd"),
    "signed length": post(b"Content-Length: +5", body=b"abcde"),
    "negative length": post(b"Content-Length: -5", body=b"abcde"),
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
    "bare LF after a field": b"GET / HTTP/1.1\r\nHost: api.test\nX: 1\r\n\r\n",
    "bare LF after the request line": b"GET / HTTP/1.1\nHost: api.test\r\n\r\n",
    "bare LF at the end": b"GET / HTTP/1.1\r\nHost: api.test\r\n\n",
    "only bare LFs": b"GET / HTTP/1.1\nHost: api.test\n\n",
    "bare CR in a value": get(b"X: a\rb"),
    "bare CR after a field": b"GET / HTTP/1.1\r\nHost: api.test\rX: 1\r\n\r\n",
    "obs-fold": get(b"X: a", b" folded"),
    "obs-fold with a tab": get(b"X: a", b"\tfolded"),
    "folded first field": b"GET / HTTP/1.1\r\n Host: api.test\r\n\r\n",
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
    "two hosts in a list": b"GET / HTTP/1.1\r\nHost: api.test, other.test\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\nX: 1\r\n\r\n",
    "fragment in the target": get(target=b"/#x"),
    "control byte in the target": get(target=b"/\x01"),
    "NUL in the target": get(target=b"/\0"),
    "space in the target": get(target=b"/a b"),
    "target above the root": get(target=b"/../x"),
    "target above the root, deeper": get(target=b"/a/../../x"),
    "target above the root, encoded": get(target=b"/%2e%2e/x"),
    "relative target": get(target=b"x"),
    "empty target": get(target=b""),
    "asterisk for a GET": get(target=b"*"),
    "no version": b"GET /\r\n" + HOST + b"\r\n",
    "version of another protocol": b"GET / HTTQ/1.1\r\n" + HOST + b"\r\n",
    "version with digits": b"GET / HTTP/1.10\r\n" + HOST + b"\r\n",
    "version in lower case": b"GET / http/1.1\r\n" + HOST + b"\r\n",
    "two spaces in the request line": b"GET  / HTTP/1.1\r\n" + HOST + b"\r\n",
    "method with a control byte": b"GE\x01T / HTTP/1.1\r\n" + HOST + b"\r\n",
}


@pytest.mark.parametrize("data", REFUSED_HEADS.values(), ids=REFUSED_HEADS)
def test_an_ambiguous_head_is_refused_and_nothing_behind_it_served(
    injecting_proxy, origin, data
):
    with injecting_proxy.tls("api.test:443") as client:
        client.send(data + SMUGGLED)
        reply = client.read_response("POST")
        assert (reply.status, reply.error) == (400, "bad_request")
        assert client.is_closed()
    assert origin.saw_nothing()


@pytest.mark.parametrize("data", REFUSED_HEADS.values(), ids=REFUSED_HEADS)
def test_an_ambiguous_head_behind_a_good_request_harms_only_itself(injecting_proxy, origin, data):
    with injecting_proxy.tls("api.test:443") as client:
        client.send(get(target=b"/good") + data + SMUGGLED)
        assert client.read_response().body == b"ok"
        assert client.read_response("POST").status == 400
        assert client.is_closed()
    assert [r.target for r in origin.requests] == ["/good"]


BAD_CHUNKS = {
    "extension without a name": b"5;\r\nabcde\r\n0\r\n\r\n",
    "negative size": b"-1\r\na\r\n0\r\n\r\n",
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
def test_a_bad_chunk_is_refused_and_nothing_behind_it_served(injecting_proxy, origin, body):
    with injecting_proxy.tls("api.test:443") as client:
        client.send(post(CHUNKED, body=body + SMUGGLED))
        reply = client.read_response("POST")
        assert (reply.status, reply.error) == (400, "bad_request")
        assert client.is_closed()
    # The head may have been on its way, but never as a request that has ended.
    assert not [r for r in origin.requests if r.complete.is_set()]
    assert not [r for r in origin.requests if r.target == "/smuggled"]


def test_the_origin_does_not_take_a_broken_upload_for_a_whole_one(injecting_proxy, origin):
    with injecting_proxy.tls("api.test:443") as client:
        client.send(post(CHUNKED, body=chunk(b"first")))
        origin.wait_for_requests(1)
        client.send(b"zz\r\n")
        client.read_what_comes()
    assert origin.connections[0].closed.wait(10)
    assert not origin.requests[0].complete.is_set()


def test_equal_duplicate_lengths_are_refused_or_sent_once(injecting_proxy, origin):
    with injecting_proxy.tls("api.test:443") as client:
        client.send(post(b"Content-Length: 3", b"Content-Length: 3", body=b"abc"))
        reply = client.read_response("POST")
    if reply.status == 200:
        assert origin.only_request().fields.all("content-length") == ["3"]
        assert origin.only_request().body == b"abc"
    else:
        assert reply.status == 400
        assert origin.saw_nothing()


def test_a_head_over_the_limit_is_too_large(injecting_proxy, origin):
    with injecting_proxy.tls("api.test:443") as client:
        client.send_request("GET", "/", [(f"X-{i}", "v" * 1000) for i in range(66)])
        reply = client.read_response()
        assert (reply.status, reply.error) == (431, "header_too_large")
        assert client.is_closed()
    assert origin.saw_nothing()


def test_one_field_over_the_limit_is_too_large(injecting_proxy, origin):
    with injecting_proxy.tls("api.test:443") as client:
        client.send_request("GET", "/", [("X", "v" * (65 * 1024))])
        assert client.read_response().status == 431
    assert origin.saw_nothing()


def test_too_many_fields_are_too_large(injecting_proxy, origin):
    with injecting_proxy.tls("api.test:443") as client:
        client.send_request("GET", "/", [(f"X-{i}", "v") for i in range(300)])
        assert client.read_response().status == 431
    assert origin.saw_nothing()


def test_a_large_head_within_the_limit_passes(injecting_proxy, origin):
    fields = [(f"X-{i}", "v" * 1000) for i in range(60)]
    assert injecting_proxy.request("GET", "https://api.test/", fields).status == 200
    assert len(origin.only_request().fields) >= 61


def test_a_target_over_the_limit_is_refused(injecting_proxy, origin):
    with injecting_proxy.tls("api.test:443") as client:
        client.send_request("GET", "/" + "x" * (70 * 1024))
        assert client.read_response().status in (400, 414, 431)
    assert origin.saw_nothing()


def test_refusals_hold_before_the_tunnel_too(injecting_proxy, origin):
    for data in (
        b"CONNECT api.test:443 HTTP/1.1\r\nHost: api.test:443\nX: 1\r\n\r\n",
        b"CONNECT api.test:443 HTTP/1.1\r\nHost: api.test:443\r\nX : 1\r\n\r\n",
        b"CONNECT api.test:443 HTTP/1.1\r\nHost: api.test:443\r\nHost: b\r\n\r\n",
        b"\x00\x01\x02\x03 not http\r\n\r\n",
        b"SSH-2.0-client\r\n\r\n",
    ):
        with injecting_proxy.open() as client:
            client.send(data)
            assert client.read_response().status == 400
            assert client.is_closed()
    assert not origin.connections


def test_a_client_that_closes_within_its_head_is_forgotten(injecting_proxy, origin):
    for data in (b"", b"GET", b"GET / HTTP/1.1\r\nHost: api.te"):
        with injecting_proxy.tls("api.test:443") as client:
            if data:
                client.send(data)
    assert injecting_proxy.get("https://api.test/").status == 200
    assert len(origin.requests) == 1


def test_a_client_that_resets_within_its_body_ends_the_upload(injecting_proxy, origin):
    from harness.origin import reset_on_close

    client = injecting_proxy.tls("api.test:443")
    client.send(post(b"Content-Length: 100", body=b"half"))
    origin.wait_for_requests(1)
    reset_on_close(client.sock)
    assert origin.connections[0].closed.wait(10)
    assert not origin.requests[0].complete.is_set()
    assert injecting_proxy.get("https://api.test/").status == 200


def test_an_abrupt_end_of_tls_within_a_body_is_not_its_end(injecting_proxy, origin):
    """A TCP FIN without close-notify must not pass for the end of a body."""
    client = injecting_proxy.tls("api.test:443")
    client.send(post(CHUNKED, body=chunk(b"half")))
    origin.wait_for_requests(1)
    client.sock.shutdown(socket.SHUT_WR)
    assert origin.connections[0].closed.wait(10)
    assert not origin.requests[0].complete.is_set()
