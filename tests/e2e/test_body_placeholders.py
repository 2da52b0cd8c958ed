"""Placeholders in request bodies, for rules that say `"body": true`."""

import json
import threading
from urllib.parse import parse_qs, quote

import pytest

from harness.http import chunk
from harness.pattern import Pattern

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
TEXT = "text/plain"
KIB = 1 << 10
MIB = 1 << 20
# What a body is gathered up to before it is sent.
GATHERED = 64 * KIB


def body_rule(**more):
    return {"domain": "api.test", "envVar": "API_KEY", "header": "X-Key", "body": True, **more}


@pytest.fixture
def other(origins):
    return origins.https()


@pytest.fixture
def start(start_proxy, origin, other, secret):
    """Starts a proxy whose one rule has these keys too."""

    def run(**more):
        return start_proxy(
            {"network": {"intercept": "all"}, "credentials": [body_rule(**more)]},
            routes={"api.test:443": origin, "other.test:443": other},
            env={"API_KEY": secret},
        )

    return run


@pytest.fixture
def proxy(start):
    return start()


@pytest.fixture
def placeholder(proxy):
    return proxy.placeholder("API_KEY")


def post(proxy, body, content_type, url="https://api.test/", fields=(), **options):
    body = body.encode() if isinstance(body, str) else body
    fields = [("Content-Type", content_type), *fields]
    return proxy.request("POST", url, fields, body, **options)


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
@pytest.mark.parametrize(
    "content_type",
    [JSON, "application/json; charset=utf-8", "application/vnd.api+json", "text/json",
     "application/x-ndjson", "Application/JSON"],
)  # fmt: skip
def test_in_json_it_becomes_a_string_with_the_value(
    proxy, placeholder, origin, secret, content_type, chunked
):
    document = {"a": 1, "key": placeholder, "b": [f"<{placeholder}>"], "c": "ü"}
    reply = post(proxy, json.dumps(document), content_type, chunked=chunked)
    assert reply.status == 200
    request = origin.only_request()
    assert json.loads(request.body) == {"a": 1, "key": secret, "b": [f"<{secret}>"], "c": "ü"}
    if not chunked:
        assert request.fields.all("content-length") == [str(len(request.body))]
        assert request.fields.all("transfer-encoding") == []


def test_json_stays_json_whatever_the_value_is(start_proxy, origin, search):
    secret = 'back\\slash "quoted"\ttab ü'
    search.watch(secret)
    proxy = start_proxy(
        {"credentials": [body_rule()]}, {"api.test:443": origin}, env={"API_KEY": secret}
    )
    post(proxy, json.dumps({"key": proxy.placeholder("API_KEY")}), JSON)
    assert json.loads(origin.only_request().body) == {"key": secret}


def test_in_a_form_it_stays_one_field(proxy, placeholder, origin, secret):
    post(proxy, f"a=1&key={placeholder}&{placeholder}=x&b=+%41", FORM)
    fields = parse_qs(origin.only_request().body.decode(), keep_blank_values=True)
    assert fields == {"a": ["1"], "key": [secret], secret: ["x"], "b": [" A"]}


@pytest.mark.parametrize("content_type", [TEXT, "text/html; charset=utf-8", "Text/XML"])
def test_in_text_it_becomes_the_value_itself(proxy, placeholder, origin, secret, content_type):
    post(proxy, f"key: {placeholder}{placeholder}\n", content_type)
    assert origin.only_request().body == f"key: {secret}{secret}\n".encode()


@pytest.mark.parametrize(
    "content_type,write",
    [
        (JSON, lambda p: json.dumps({"k": p})),
        (JSON, lambda p: json.dumps({"k": p}).replace("/", "\\/")),
        (FORM, lambda p: "k=" + quote(p, safe="")),
        (FORM, lambda p: "k=" + quote(p)),
        (FORM, lambda p: "k=" + p),
    ],
    ids=["JSON", "JSON with slashes escaped", "form", "form keeping slashes", "form as it is"],
)
def test_a_placeholder_is_found_as_the_format_writes_it(start, origin, secret, content_type, write):
    placeholder = 'sk/ant\\api"03+0123456789'
    proxy = start(placeholder=placeholder)
    post(proxy, write(placeholder), content_type)
    body = origin.only_request().body.decode()
    found = json.loads(body)["k"] if content_type == JSON else parse_qs(body)["k"][0]
    assert found == secret


@pytest.mark.parametrize(
    "content_type,fields",
    [
        ("application/octet-stream", []),
        ("multipart/form-data; boundary=x", []),
        ("application/grpc+json", []),
        (JSON, [("Content-Encoding", "gzip")]),
    ],
)
def test_other_bodies_are_left_alone(proxy, placeholder, origin, content_type, fields):
    post(proxy, f"<{placeholder}>", content_type, fields=fields)
    assert origin.only_request().body == f"<{placeholder}>".encode()


def test_without_a_content_type_a_body_is_left_alone(proxy, placeholder, origin):
    proxy.request("POST", "https://api.test/", [], placeholder.encode())
    assert origin.only_request().body == placeholder.encode()


@pytest.mark.parametrize("host", ["api.test", "other.test"])
def test_without_the_key_bodies_are_not_searched(start, origin, other, host):
    proxy = start(body=False)
    body = f'"{proxy.placeholder("API_KEY")}"'
    assert post(proxy, body, JSON, f"https://{host}/").status == 200
    seen = origin if host == "api.test" else other
    assert seen.only_request().body == body.encode()


def test_cut_at_every_byte_it_is_found(proxy, placeholder, origin, secret):
    body = f'{{"k":"{placeholder}"}}'.encode()
    head = (
        f"POST / HTTP/1.1\r\nHost: api.test\r\nContent-Type: {JSON}\r\n"
        "Transfer-Encoding: chunked\r\n\r\n"
    ).encode()
    with proxy.tls("api.test:443") as client:
        for cut in range(1, len(body)):
            client.send(head + chunk(body[:cut]))
            client.send(chunk(body[cut:]) + b"0\r\n\r\n")
            assert client.read_response().status == 200
            assert json.loads(origin.last_request().body) == {"k": secret}, cut


def test_in_single_bytes_it_is_found(proxy, placeholder, origin, secret):
    body = f"{placeholder} and {placeholder}".encode()
    with proxy.tls("api.test:443") as client:
        client.send(
            f"POST / HTTP/1.1\r\nHost: api.test\r\nContent-Type: {TEXT}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n".encode()
        )
        for byte in body:
            client.send(bytes([byte]))
        assert client.read_response().status == 200
    assert origin.only_request().body == f"{secret} and {secret}".encode()


def test_a_body_without_any_is_identical(proxy, origin):
    body = json.dumps({"text": "sallyport- sallyport-0123" * 100}).encode()
    post(proxy, body, JSON)
    request = origin.only_request()
    assert request.body == body
    assert request.fields.one("content-length") == str(len(body))


def test_a_large_body_is_streamed_without_a_length(proxy, placeholder, origin, secret):
    filler = "x" * MIB
    post(proxy, json.dumps([filler, placeholder, filler]), JSON)
    request = origin.only_request()
    assert json.loads(request.body) == [filler, secret, filler]
    assert request.fields.all("content-length") == []
    assert request.fields.one("transfer-encoding") == "chunked"


def test_a_large_body_for_another_host_keeps_its_length(proxy, other):
    size = 8 * MIB
    checked = []

    def take(turn):
        pattern = Pattern()
        for piece in turn.body_pieces():
            pattern.check(piece)
        checked.append(pattern.count)
        turn.reply(200)

    other.routes["/"] = take
    body = b"".join(Pattern.pieces(size))
    assert post(proxy, body, TEXT, "https://other.test/").status == 200
    assert checked == [size]
    assert other.only_request().fields.one("content-length") == str(size)


def test_a_body_that_waits_for_a_100_is_streamed(proxy, placeholder, origin, secret):
    def route(turn):
        turn.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        turn.read_body()
        turn.reply(200)

    origin.routes["/"] = route
    body = f'"{placeholder}"'.encode()
    with proxy.tls("api.test:443") as client:
        client.send(
            f"POST / HTTP/1.1\r\nHost: api.test\r\nContent-Type: {JSON}\r\n"
            f"Expect: 100-continue\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        )
        assert client.read_head().status == 100
        client.send(body)
        assert client.read_response().status == 200
    assert json.loads(origin.only_request().body) == secret


def test_a_chunked_body_is_not_held_back(proxy, origin):
    """What cannot begin a placeholder leaves at once: the origin may be waiting for it."""
    arrived, go_on = threading.Event(), threading.Event()

    def route(turn):
        pieces = turn.body_pieces()
        assert next(pieces) == b'{"one":1}\n'
        arrived.set()
        turn.wait(go_on, "the rest")
        assert b"".join(pieces) == b'{"two":2}\n'
        turn.reply(200)

    origin.routes["/"] = route
    with proxy.tls("api.test:443") as client:
        client.send(
            f"POST / HTTP/1.1\r\nHost: api.test\r\nContent-Type: {JSON}\r\n"
            "Transfer-Encoding: chunked\r\n\r\n".encode()
            + chunk(b'{"one":1}\n')
        )
        assert arrived.wait(10)
        go_on.set()
        client.send(chunk(b'{"two":2}\n') + b"0\r\n\r\n")
        assert client.read_response().status == 200
    assert origin.only_request().body == b'{"one":1}\n{"two":2}\n'


def test_trailers_come_after_the_whole_body(proxy, placeholder, origin, secret):
    # The body ends with what may be the beginning of a placeholder.
    body = f"{placeholder}.{placeholder[:-1]}".encode()
    with proxy.tls("api.test:443") as client:
        client.send(
            f"POST / HTTP/1.1\r\nHost: api.test\r\nContent-Type: {TEXT}\r\n"
            "Transfer-Encoding: chunked\r\n\r\n".encode()
            + chunk(body)
            + b"0\r\nX-Sum: 1\r\n\r\n"
        )
        assert client.read_response().status == 200
    request = origin.only_request()
    assert request.body == f"{secret}.{placeholder[:-1]}".encode()
    assert request.trailers.one("x-sum") == "1"


def test_what_the_origin_echoes_of_it_is_scrubbed(start, origin, secret):
    """Though the rule writes nothing into this request itself."""
    proxy = start(paths=["/**"], header="X-Key")
    origin.routes["/"] = lambda turn: turn.reply(200, body=turn.read_body())
    reply = post(proxy, json.dumps({"k": proxy.placeholder("API_KEY")}), JSON)
    assert reply.json()["k"].strip("*") == ""


# ---- Where it does not belong


@pytest.mark.parametrize(
    "content_type,form", [(JSON, '{"k":"%s"}'), (FORM, "k=%s"), (TEXT, "%s")]
)
def test_sent_to_another_host_it_is_refused(proxy, placeholder, other, content_type, form):
    reply = post(proxy, form % placeholder, content_type, "https://other.test/")
    assert (reply.status, reply.error) == (403, "placeholder_misdirected")
    assert other.saw_nothing()
    record = proxy.wait_for_audit(lambda r: r["event"] == "denied", "the refusal")
    assert (record["host"], record["error"]) == ("other.test", "placeholder_misdirected")


def test_after_a_refusal_the_connection_goes_on(proxy, placeholder, other):
    with proxy.tls("other.test:443") as client:
        fields = [("Content-Type", TEXT)]
        assert client.request("POST", "/", fields, placeholder.encode()).status == 403
        assert client.request("POST", "/fine", fields, b"nothing").status == 200
    assert [r.target for r in other.requests] == ["/fine"]


def test_where_the_rules_filters_do_not_match_it_is_refused(start, origin):
    proxy = start(methods=["POST"], paths=["/v1/**"])
    body = f'"{proxy.placeholder("API_KEY")}"'
    assert post(proxy, body, JSON, "https://api.test/v2/x").error == "placeholder_misdirected"
    assert origin.saw_nothing()
    assert post(proxy, body, JSON, "https://api.test/v1/x").status == 200


@pytest.mark.parametrize("framing", ["chunked", "length"])
def test_in_a_body_under_way_the_request_is_broken_off(proxy, placeholder, other, framing):
    """The origin never sees the placeholder, nor a request that looks complete."""
    lead = b"x" * (GATHERED + 1)
    body = lead + placeholder.encode()
    reply = post(proxy, body, TEXT, "https://other.test/", chunked=framing == "chunked")
    assert (reply.status, reply.error) == (403, "placeholder_misdirected")
    other.wait_for(lambda: all(c.closed.is_set() for c in other.connections), "the end")
    for connection in other.connections:
        assert placeholder.encode() not in connection.received
    assert not any(r.complete.is_set() for r in other.requests)
    record = proxy.wait_for_audit(lambda r: r["event"] == "denied", "the refusal")
    assert record["error"] == "placeholder_misdirected"


def test_once_the_reply_has_begun_both_are_broken_off(proxy, placeholder, other):
    begun = threading.Event()

    def route(turn):
        turn.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(b"early"))
        begun.set()
        turn.read_body()

    other.routes["/"] = route
    with proxy.tls("other.test:443") as client:
        client.send(
            f"POST / HTTP/1.1\r\nHost: other.test\r\nContent-Type: {TEXT}\r\n"
            "Transfer-Encoding: chunked\r\n\r\n".encode()
            + chunk(b"first")
        )
        assert client.read_head().status == 200
        client.send(chunk(placeholder.encode()) + b"0\r\n\r\n")
        assert not client.read_what_comes().endswith(b"0\r\n\r\n")
    record = proxy.wait_for_audit(lambda r: r["event"] == "denied", "the refusal")
    assert record["error"] == "placeholder_misdirected"


def test_over_plaintext_the_value_does_not_go(start_proxy, origins, secret):
    plain = origins.http()
    proxy = start_proxy(
        {"credentials": [body_rule(methods=["GET"]), body_rule(envVar="API_KEY")]},
        {"api.test:80": plain},
        env={"API_KEY": secret},
    )
    reply = post(proxy, proxy.placeholder("API_KEY"), TEXT, "http://api.test/")
    assert (reply.status, reply.error) == (403, "plaintext_credential")
    assert plain.saw_nothing()
