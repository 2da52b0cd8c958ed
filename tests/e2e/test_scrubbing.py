"""What an origin repeats of a credential never reaches the client; nothing else is changed.

Each test that has a secret ends with the search of harness/secrecy.py over every byte that the
proxy sent, so that a form that was missed fails it whatever the test looks at itself.
"""

import base64
import gzip
import html
import json
import re
import threading
import time
from urllib.parse import quote, quote_plus

import pytest

from harness import program
from harness.client import EndOfStream
from harness.fixtures import bearer_rule
from harness.http import chunk
from harness.origin import head
from harness.pattern import Pattern

MIB = 1 << 20


def encodings(secret):
    """The secret as origins may repeat it."""
    raw = secret.encode()
    forms = {
        "raw": raw,
        "formatted": b"Bearer " + raw,
        "percent-encoded": quote(secret, safe="").encode(),
        "percent-encoded, lower case": re.sub(
            "%..", lambda escape: escape[0].lower(), quote(secret, safe="")
        ).encode(),
        "percent-encoded for a path": quote(secret).encode(),
        "form-encoded": quote_plus(secret).encode(),
        "JSON": json.dumps(secret).encode(),
        "JSON with slashes escaped": json.dumps(secret).replace("/", "\\/").encode(),
        "HTML": html.escape(secret).encode(),
    }
    for before in range(3):
        text = b"u:x"[:before] + raw + b"!"
        forms[f"base64 at alignment {before}"] = base64.b64encode(text)
        forms[f"base64url at alignment {before}"] = base64.urlsafe_b64encode(text)
    return forms


def replying(body, fields=()):
    return lambda turn: turn.reply(200, fields, body)


def chunked(pieces, fields=(), trailers=b""):
    """A route that answers in chunks, a write each."""

    def route(turn):
        turn.finish_body()
        turn.send(head(200, [*fields, ("Transfer-Encoding", "chunked")]))
        for piece in pieces:
            turn.send(chunk(piece))
        turn.send(b"0\r\n" + trailers + b"\r\n")

    return route


@pytest.mark.parametrize("name", encodings("any"))
def test_no_form_of_the_secret_passes(injecting_proxy, origin, secret, name):
    body = b"<" + encodings(secret)[name] + b"> says the origin"
    origin.routes["/"] = replying(body)
    reply = injecting_proxy.get("https://api.test/")
    assert reply.status == 200
    assert len(reply.body) == len(body)
    assert reply.body.startswith(b"<") and reply.body.endswith(b"> says the origin")
    assert b"*****" in reply.body
    assert injecting_proxy.wait_for_audit(lambda r: r["event"] == "request", "it")["scrubbed"] == 1


def test_cut_at_every_byte_it_does_not_pass(injecting_proxy, origin, secret):
    """Two chunks, each in a write of its own, cut at every place of the secret and around it."""
    forms = encodings(secret)
    texts = [forms["raw"], forms["percent-encoded"], forms["base64 at alignment 1"]]
    with injecting_proxy.tls("api.test:443") as client:
        for text in texts:
            whole = None
            body = b"ab" + text + b"cd"
            for cut in range(1, len(body)):
                origin.routes["/"] = chunked([body[:cut], body[cut:]])
                reply = client.get("/")
                assert len(reply.body) == len(body)
                whole = whole or reply.body
                assert reply.body == whole, f"cut at {cut}"


def test_in_single_bytes_it_does_not_pass(injecting_proxy, origin, secret):
    body = f"<{secret}|{secret}>".encode()
    origin.routes["/"] = chunked([bytes([b]) for b in body])
    reply = injecting_proxy.get("https://api.test/")
    assert reply.body == b"<" + b"*" * len(secret) + b"|" + b"*" * len(secret) + b">"


@pytest.mark.parametrize("framing", ["length", "chunked", "until close"])
def test_framing_stays_as_it_was(injecting_proxy, origin, secret, framing):
    body = f"before {secret} after".encode()

    def until_close(turn):
        turn.finish_body()
        turn.send(head(200, [("Connection", "close")]) + body)
        turn.close()

    origin.routes["/"] = {
        "length": replying(body),
        "chunked": chunked([body[:9], body[9:]]),
        "until close": until_close,
    }[framing]
    reply = injecting_proxy.get("https://api.test/")
    assert reply.body == b"before " + b"*" * len(secret) + b" after"
    if framing == "length":
        assert reply.fields.one("content-length") == str(len(body))


def test_header_values_are_scrubbed(injecting_proxy, origin, secret):
    origin.routes["/"] = replying(
        b"",
        [
            ("Location", f"https://elsewhere.test/?token={quote(secret, safe='')}&x=1"),
            ("Set-Cookie", f"k={base64.b64encode(secret.encode()).decode()}; Path=/"),
            ("X-Echo", f"Bearer {secret}"),
            ("X-Plain", "left alone"),
        ],
    )
    reply = injecting_proxy.get("https://api.test/")
    location = reply.fields.one("location")
    assert location == f"https://elsewhere.test/?token={'*' * len(quote(secret, safe=''))}&x=1"
    assert reply.fields.one("set-cookie").endswith("; Path=/")
    assert reply.fields.one("x-echo") == "Bearer " + "*" * len(secret)
    assert reply.fields.one("x-plain") == "left alone"
    assert injecting_proxy.wait_for_audit(lambda r: r["event"] == "request", "it")["scrubbed"] == 3


def test_the_reason_phrase_is_scrubbed(injecting_proxy, origin, secret):
    origin.routes["/"] = lambda turn: turn.reply(401, reason=f"Bad key {secret}!")
    reply = injecting_proxy.get("https://api.test/")
    assert (reply.status, reply.reason) == (401, "Bad key " + "*" * len(secret) + "!")


def test_interim_replies_are_scrubbed(injecting_proxy, origin, secret):
    origin.routes["/"] = lambda turn: (
        turn.finish_body(),
        turn.send(head(103, [("Link", f"</{secret}>; rel=preload")])),
        turn.reply(200, body="done"),
    )
    reply = injecting_proxy.get("https://api.test/")
    assert reply.interim[0].fields.one("link") == f"</{'*' * len(secret)}>; rel=preload"
    assert reply.body == b"done"


def test_trailers_are_scrubbed_and_come_after_the_whole_body(injecting_proxy, origin, secret):
    # The body ends with what may be the beginning of the secret.
    body = f"{secret}.{secret[:-1]}".encode()
    origin.routes["/"] = chunked([body], trailers=f"X-Sum: {secret}\r\n".encode())
    reply = injecting_proxy.get("https://api.test/")
    assert reply.body == f"{'*' * len(secret)}.{secret[:-1]}".encode()
    assert reply.trailers.one("x-sum") == "*" * len(secret)


def test_the_handshake_of_a_websocket_is_scrubbed(injecting_proxy, origin, secret):
    def upgrade(turn):
        turn.send(
            head(101, [("Connection", "Upgrade"), ("Upgrade", "websocket"), ("X-Echo", secret)])
        )
        turn.send(b"hello")
        turn.close()

    origin.routes["/"] = upgrade
    fields = [("Connection", "Upgrade"), ("Upgrade", "websocket")]
    with injecting_proxy.tls("api.test:443") as client:
        reply = client.request("GET", "/", fields)
        assert reply.status == 101
        assert reply.fields.one("x-echo") == "*" * len(secret)
        assert client.stream.read_exactly(5) == b"hello"


def test_a_secret_in_the_place_of_a_placeholder_is_scrubbed(start_proxy, origin, secret):
    """The rule's own header does not matter: another rule applies."""
    proxy = start_proxy(
        {
            "credentials": [
                {"domain": "api.test", "paths": ["/other"], "envVar": "OTHER", "header": "X-A"},
                {"domain": "api.test", "envVar": "API_KEY", "header": "X-B", "paths": ["/**"]},
            ]
        },
        {"api.test:443": origin},
        env={"API_KEY": secret},
    )
    placeholder = proxy.placeholder("API_KEY")
    origin.routes["/"] = lambda turn: turn.reply(
        200, body=f"{turn.request.fields.get('authorization')} {turn.request.query}"
    )
    basic = base64.b64encode(f"user:{placeholder}".encode()).decode()
    reply = proxy.request(
        "GET", f"https://api.test/?q={placeholder}", [("Authorization", f"Basic {basic}")]
    )
    assert reply.status == 200
    sent = base64.b64encode(f"user:{secret}".encode())
    assert len(reply.body) == len(b"Basic " + sent + b" q=" + quote(secret, safe="").encode())
    assert reply.body.startswith(b"Basic dXNlcj")


def test_what_the_rules_format_makes_of_a_secret_is_scrubbed(start_proxy, origin, search):
    secret = search.make()
    rule = bearer_rule(format="Basic ${'x-token:' value | base64}")
    proxy = start_proxy({"credentials": [rule]}, {"api.test:443": origin}, env={"API_KEY": secret})
    origin.routes["/"] = lambda turn: turn.reply(
        200, body="got " + turn.request.fields.one("authorization")
    )
    written = "Basic " + base64.b64encode(f"x-token:{secret}".encode()).decode()
    search.watch(written)
    assert proxy.get("https://api.test/").text == "got " + "*" * len(written)


def test_a_secret_in_a_query_parameter_is_scrubbed(start_proxy, origin, secret):
    rule = {"domain": "api.test", "envVar": "API_KEY", "query": "key"}
    proxy = start_proxy({"credentials": [rule]}, {"api.test:443": origin}, env={"API_KEY": secret})
    origin.routes["/"] = lambda turn: turn.reply(200, body=turn.request.target)
    reply = proxy.get("https://api.test/?a=b")
    assert reply.text == "/?a=b&key=" + "*" * len(quote(secret, safe=""))


def test_of_several_credentials_each_is_scrubbed(start_proxy, origin, search):
    first, second = search.make(), search.make("key-")
    proxy = start_proxy(
        {
            "credentials": [
                bearer_rule(variable="FIRST", name="one", **{"continue": True}),
                {"domain": "api.test", "envVar": "SECOND", "header": "X-Key", "name": "two"},
            ]
        },
        {"api.test:443": origin},
        env={"FIRST": first, "SECOND": second},
        args=["--admin", "127.0.0.1:0"],
    )
    origin.routes["/"] = chunked([f"{first} {second[:4]}".encode(), f"{second[4:]} {first}".encode()])
    reply = proxy.get("https://api.test/")
    assert reply.text == f"{'*' * len(first)} {'*' * len(second)} {'*' * len(first)}"
    assert proxy.wait_for_audit(lambda r: r["event"] == "request", "it")["scrubbed"] == 3


def test_another_rules_secret_is_left_alone(start_proxy, origins, secret):
    """Only what the request itself carried is searched for."""
    other = origins.https()
    proxy = start_proxy(
        {
            "network": {"intercept": "all"},
            "credentials": [bearer_rule("svc.test", variable="OTHER")],
        },
        {"api.test:443": other},
        env={"OTHER": "words-that-anybody-may-say"},
    )
    other.routes["/"] = replying(b"words-that-anybody-may-say")
    assert proxy.get("https://api.test/").body == b"words-that-anybody-may-say"


# ---- Encoded replies


@pytest.fixture
def start(start_proxy, origin, secret):
    """Starts a proxy whose one rule has these keys too."""

    def run(**more):
        return start_proxy(
            {"credentials": [bearer_rule(**more)]},
            {"api.test:443": origin},
            env={"API_KEY": secret},
        )

    return run


GZIPPED = gzip.compress(b"nothing secret here " * 100)


@pytest.mark.parametrize("wish", ["gzip", "gzip, br;q=0.5, *;q=0", "identity;q=0, gzip"])
def test_the_request_asks_for_no_encoding(injecting_proxy, origin, wish):
    fields = [("X-A", "1"), ("Accept-Encoding", wish), ("accept-encoding", "br"), ("X-B", "2")]
    assert injecting_proxy.request("GET", "https://api.test/", fields).status == 200
    seen = origin.only_request().fields
    assert seen.all("accept-encoding") == ["identity"]
    assert seen.names().index("x-a") < seen.names().index("accept-encoding")


def test_a_request_that_names_no_encoding_is_left_alone(injecting_proxy, origin):
    assert injecting_proxy.get("https://api.test/").status == 200
    assert origin.only_request().fields.all("accept-encoding") == []


def test_a_request_without_credential_is_left_alone(start_proxy, origin, secret):
    proxy = start_proxy(
        {"credentials": [bearer_rule(paths=["/v1/**"])]},
        {"api.test:443": origin},
        env={"API_KEY": secret},
    )
    origin.routes["/"] = replying(GZIPPED, [("Content-Encoding", "gzip")])
    reply = proxy.request("GET", "https://api.test/", [("Accept-Encoding", "gzip, br")])
    assert reply.body == GZIPPED
    assert origin.only_request().fields.one("accept-encoding") == "gzip, br"
    record = proxy.wait_for_audit(lambda r: r["event"] == "request", "it")
    assert "scrub" not in record


def test_a_reply_that_is_encoded_all_the_same_passes_and_is_audited(start, origin):
    proxy = start()
    origin.routes["/"] = replying(GZIPPED, [("Content-Encoding", "gzip")])
    reply = proxy.request("GET", "https://api.test/", [("Accept-Encoding", "gzip")])
    assert (reply.status, reply.body) == (200, GZIPPED)
    record = proxy.wait_for_audit(lambda r: r["event"] == "request", "it")
    assert (record["scrub"], record["scrubbed"]) == ("skipped", 0)


def test_its_head_is_scrubbed_all_the_same(start, origin, secret):
    origin.routes["/"] = replying(GZIPPED, [("Content-Encoding", "gzip"), ("X-Echo", secret)])
    assert start().get("https://api.test/").fields.one("x-echo") == "*" * len(secret)


@pytest.mark.parametrize("coding", ["gzip", "br", "Identity, GZIP", "zstd"])
def test_strict_refuses_an_encoded_reply(start, origin, coding):
    proxy = start(scrub="strict")
    origin.routes["/"] = replying(GZIPPED, [("Content-Encoding", coding)])
    with proxy.tls("api.test:443") as client:
        reply = client.get("/")
        assert (reply.status, reply.error) == (502, "unscrubbable_reply")
        assert client.get("/plain").status == 200
    record = proxy.wait_for_audit(lambda r: r["event"] == "request", "it")
    assert (record["status"], record["error"]) == (502, "unscrubbable_reply")


@pytest.mark.parametrize("coding", ["identity", "IDENTITY"])
def test_identity_is_no_encoding(start, origin, secret, coding):
    origin.routes["/"] = replying(f"<{secret}>", [("Content-Encoding", coding)])
    assert start(scrub="strict").get("https://api.test/").text == f"<{'*' * len(secret)}>"


def test_strict_lets_replies_without_a_body_pass(start, origin):
    proxy = start(scrub="strict")
    origin.routes["/"] = lambda turn: turn.send(
        head(304, [("Content-Encoding", "gzip"), ("ETag", '"x"')])
    )
    assert proxy.get("https://api.test/").status == 304
    origin.routes["/head"] = replying(GZIPPED, [("Content-Encoding", "gzip")])
    reply = proxy.request("HEAD", "https://api.test/head")
    assert (reply.status, reply.fields.one("content-length")) == (200, str(len(GZIPPED)))


def test_false_leaves_request_and_reply_alone(start_proxy, origin, search):
    # Not one that the search knows: it passes.
    proxy = start_proxy(
        {"credentials": [bearer_rule(scrub=False)]},
        {"api.test:443": origin},
        env={"API_KEY": "known-to-everybody"},
    )
    origin.routes["/"] = replying(b"known-to-everybody")
    reply = proxy.request("GET", "https://api.test/", [("Accept-Encoding", "gzip, br")])
    assert reply.body == b"known-to-everybody"
    assert origin.only_request().fields.one("accept-encoding") == "gzip, br"


# ---- Streams and ends


def test_an_event_leaves_at_once(injecting_proxy, origin, secret):
    """Also after an event that held the secret, and after one that began like it."""
    events = [
        b"data: one\n\n",
        f"data: {secret}\n\n".encode(),
        f"data: {secret[:-1]}\n\n".encode(),
        b"data: four\n\n",
    ]
    go_on = [threading.Event() for _ in events]
    sent = []

    def stream(turn):
        turn.finish_body()
        fields = [("Content-Type", "text/event-stream"), ("Transfer-Encoding", "chunked")]
        turn.send(head(200, fields))
        for event, ready in zip(events, go_on):
            turn.wait(ready, "the next event")
            sent.append(time.monotonic())
            turn.send(chunk(event))
        turn.send(b"0\r\n\r\n")

    origin.routes["/"] = stream
    limit = 1.0 if program.is_sanitized() else 0.05
    with injecting_proxy.tls("api.test:443") as client:
        client.send_request("GET", "/")
        response = client.read_head()
        pieces = response.body_pieces(client.stream, "GET")
        for number, event in enumerate(events):
            go_on[number].set()
            got = b""
            while len(got) < len(event):
                got += next(pieces)
            assert time.monotonic() - sent[number] < limit, f"event {number} was late"
            assert got == event.replace(secret.encode(), b"*" * len(secret))


def test_only_what_may_begin_the_secret_waits(injecting_proxy, origin, secret):
    go_on = threading.Event()
    start = f"said: {secret[:10]}".encode()

    def stream(turn):
        turn.finish_body()
        turn.send(head(200, [("Transfer-Encoding", "chunked")]) + chunk(start))
        turn.wait(go_on, "the rest")
        turn.send(chunk(b"!") + b"0\r\n\r\n")

    origin.routes["/"] = stream
    with injecting_proxy.tls("api.test:443") as client:
        client.send_request("GET", "/")
        pieces = client.read_head().body_pieces(client.stream, "GET")
        assert next(pieces) == b"said: "
        go_on.set()
        assert b"".join(pieces) == secret[:10].encode() + b"!"


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_a_reply_cut_short_still_looks_cut_short(injecting_proxy, origin, secret, framing):
    """And what may be nearly all of the secret is not passed on."""
    body = f"half of {secret[:-1]}".encode()

    def route(turn):
        turn.finish_body()
        if framing == "length":
            turn.send(head(200, [("Content-Length", str(len(body) + 10))]) + body)
        else:
            turn.send(head(200, [("Transfer-Encoding", "chunked")]) + chunk(body))
        turn.close()

    origin.routes["/"] = route
    with injecting_proxy.tls("api.test:443") as client:
        client.send_request("GET", "/")
        pieces = client.read_head().body_pieces(client.stream, "GET")
        got = b""
        with pytest.raises((EndOfStream, OSError)):
            for piece in pieces:
                got += piece
    assert got == b"half of "


def test_a_body_that_ends_like_the_secret_begins_is_whole(injecting_proxy, origin, secret):
    body = f"ends with {secret[:-1]}".encode()
    origin.routes["/"] = replying(body)
    assert injecting_proxy.get("https://api.test/").body == body


def test_a_part_of_a_resource_is_scrubbed(injecting_proxy, origin, secret):
    body = f"..{secret}..".encode()
    fields = [("Content-Range", f"bytes 10-{9 + len(body)}/1000")]
    origin.routes["/"] = lambda turn: turn.reply(206, fields, body)
    reply = injecting_proxy.request("GET", "https://api.test/", [("Range", "bytes=10-99")])
    assert (reply.status, reply.body) == (206, b".." + b"*" * len(secret) + b"..")


def test_content_length_is_not_taken_for_a_secret(start_proxy, origin):
    proxy = start_proxy(
        {"credentials": [bearer_rule()]}, {"api.test:443": origin}, env={"API_KEY": "12345"}
    )
    origin.routes["/"] = replying(b"x" * 12345)
    assert proxy.get("https://api.test/").body == b"x" * 12345


def test_a_large_body_without_the_secret_is_identical(injecting_proxy, origin):
    size = 64 * MIB

    def route(turn):
        turn.finish_body()
        turn.send(head(200, [("Content-Length", str(size))]))
        for piece in Pattern.pieces(size):
            turn.send(piece)

    origin.routes["/"] = route
    pattern = Pattern()
    with injecting_proxy.tls("api.test:443", record=False) as client:
        client.send_request("GET", "/")
        for piece in client.read_head().body_pieces(client.stream, "GET"):
            pattern.check(piece)
    assert pattern.count == size


def test_many_occurrences_in_a_large_body_all_go(injecting_proxy, origin, secret):
    """At places that have nothing to do with how the body is read."""
    gap = b"0123456789abcdef" * 61
    body = (gap + secret.encode()) * 2000
    origin.routes["/"] = replying(body)
    reply = injecting_proxy.get("https://api.test/")
    assert reply.body == (gap + b"*" * len(secret)) * 2000
    record = injecting_proxy.wait_for_audit(lambda r: r["event"] == "request", "it")
    assert record["scrubbed"] == 2000


def test_a_long_secret_is_scrubbed(start_proxy, origin, search):
    secret = search.make() + "".join(f"{n:x}" for n in range(4000))
    search.watch(secret)
    proxy = start_proxy(
        {"credentials": [bearer_rule()]}, {"api.test:443": origin}, env={"API_KEY": secret}
    )
    encoded = base64.b64encode(secret.encode()).rstrip(b"=")
    origin.routes["/"] = chunked([f"<{secret}".encode(), b">", encoded[:9000], encoded[9000:], b"."])
    reply = proxy.get("https://api.test/")
    assert reply.body.startswith(b"<" + b"*" * len(secret) + b">**")
    assert len(reply.body) == len(secret) + len(encoded) + 3


def test_a_new_value_is_scrubbed_after_a_reload(start_proxy, origin, search, tmp_path):
    old, new = search.make(), search.make()
    file = tmp_path / "key"
    file.write_text(old)
    rule = {"domain": "api.test", "file": str(file), "header": "X-Key"}
    proxy = start_proxy({"credentials": [rule]}, {"api.test:443": origin})
    origin.routes["/"] = lambda turn: turn.reply(200, body=turn.request.fields.one("x-key"))
    assert proxy.get("https://api.test/").text == "*" * len(old)
    file.write_text(new)
    proxy.wait_for_audit(lambda r: r["event"] == "credential", "the new value")
    assert proxy.get("https://api.test/").text == "*" * len(new)
    assert origin.last_request().fields.one("x-key") == new
