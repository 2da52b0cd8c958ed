"""Scrubbing and body placeholders where either side, or both, speak HTTP/2.

What is found and written where is the business of test_scrubbing.py and test_body_placeholders.py;
here it is found whatever the frames are.
"""

import gzip
import json
import struct
import threading
from urllib.parse import quote

import pytest

from harness.fixtures import bearer_rule
from harness.h2 import H2Client, H2Origin
from harness.http import chunk, encode_fields
from harness.origin import head
from test_scrubbing import encodings

PAIRS = [("h2", "h2"), ("h2", "h1"), ("h1", "h2")]
KIB = 1 << 10


class H1Requests:
    """An HTTP/1.1 client with the interface of H2Requests."""

    def __init__(self, proxy):
        self._client = proxy.tls("api.test:443")

    def begin(self, method="GET", path="/", fields=(), body=None):
        sent = [("Host", "api.test"), *fields]
        is_chunked = body is not None and not any(n == "content-length" for n, _ in fields)
        if is_chunked:
            sent.append(("Transfer-Encoding", "chunked"))
        self._client.send(f"{method} {path} HTTP/1.1\r\n".encode() + encode_fields(sent) + b"\r\n")
        for piece in body or ():
            self._client.send(chunk(piece) if is_chunked else piece)
        if is_chunked:
            self._client.send(b"0\r\n\r\n")
        self._method = method
        self._body = None

    def read_body(self, size):
        """So many bytes of the reply's body, as soon as they are there."""
        if self._body is None:
            head = self._client.read_head()
            self._body = head.body_pieces(self._client.stream, self._method)
            self._rest = b""
        while len(self._rest) < size:
            self._rest += next(self._body)
        data, self._rest = self._rest[:size], self._rest[size:]
        return data

    def finish(self):
        return self._client.read_response(self._method)


class H2Requests:
    def __init__(self, proxy):
        self._client = H2Client(proxy.tls("api.test:443", context=proxy.context(alpn=("h2",))))

    def begin(self, method="GET", path="/", fields=(), body=None):
        """Sends a request, each of the body's pieces in a frame of its own."""
        self._stream = self._client.start(method, path, fields, end=body is None)
        for n, piece in enumerate(body or ()):
            self._client.send_body(self._stream, piece, end=n + 1 == len(body))
        self._taken = 0

    def read_body(self, size):
        reply = self._client.replies[self._stream]
        self._client.wait(lambda: len(reply.body) >= self._taken + size)
        data = bytes(reply.body[self._taken : self._taken + size])
        self._taken += size
        return data

    def finish(self):
        return self._client.finish(self._stream)


class H1Answers:
    """An HTTP/1.1 origin with the interface of H2Answers."""

    def __init__(self, origin):
        self.origin = origin

    def reply(self, pieces, fields=(), trailers=(), status=200, go_on=None):
        def answer(turn):
            turn.read_body()
            turn.send(head(status, [*fields, ("Transfer-Encoding", "chunked")]))
            for n, piece in enumerate(pieces):
                if go_on and n:
                    turn.wait(go_on[n - 1], "the next piece")
                turn.send(chunk(piece))
            turn.send(b"0\r\n" + encode_fields(trailers) + b"\r\n")

        self.origin.fallback = answer

    def body(self):
        return self.origin.last_request().body


class H2Answers:
    def __init__(self, origin):
        self.origin = origin

    def reply(self, pieces, fields=(), trailers=(), status=200, go_on=None):
        """Answers requests, each piece in a frame of its own, from the second on when told to."""

        def answer(session, request):
            session.send_head(request, status, [(n.lower(), v) for n, v in fields])
            for n, piece in enumerate(pieces):
                if go_on and n:
                    assert go_on[n - 1].wait(20)
                session.send_body(request, piece, end=False)
            session.send_body(request, b"", trailers=[(n.lower(), v) for n, v in trailers] or None)

        self.origin.on_request = answer

    def body(self):
        return bytes(self.origin.requests[-1].body)


@pytest.fixture(params=PAIRS, ids=lambda pair: f"{pair[0]} to {pair[1]}")
def pair(request):
    return request.param


@pytest.fixture
def answers(pki, origins, pair):
    if pair[1] == "h1":
        yield H1Answers(origins.https())
        return
    with H2Origin(pki.leaf) as origin:
        yield H2Answers(origin)
        assert not origin.errors, origin.errors


@pytest.fixture
def start(start_proxy, answers, secret):
    """Starts a proxy whose one rule has these keys too."""

    def start(**more):
        return start_proxy(
            {"network": {"intercept": "all"}, "credentials": [bearer_rule(**more)]},
            {"api.test:443": answers.origin},
            env={"API_KEY": secret},
        )

    return start


@pytest.fixture
def client(pair):
    return {"h1": H1Requests, "h2": H2Requests}[pair[0]]


@pytest.fixture
def requests(start, client):
    """A client behind a proxy of the usual kind."""
    return client(start())


def stars(secret):
    return "*" * len(secret)


# Scrubbing ---------------------------------------------------------------------------------------


def test_no_form_of_the_secret_passes_in_body_fields_or_trailers(requests, answers, secret):
    for name, form in encodings(secret).items():
        text = form.decode()
        if '"' in text:
            text = text.strip('"')
        body = b"<" + form + b"> says the origin"
        answers.reply([body], [("X-Echo", f"<{text}>")], [("X-Sum", f"({text})")])
        requests.begin()
        reply = requests.finish()
        assert reply.status == 200
        assert len(reply.body) == len(body) and b"*****" in reply.body, name
        assert reply.body.endswith(b"> says the origin")
        echo, summed = reply.fields.get("x-echo"), reply.trailers.get("x-sum")
        assert len(echo) == len(summed) == len(text) + 2
        assert text not in echo and text not in summed, name
        assert echo[0] + echo[-1] + summed[0] + summed[-1] == "<>()"


def test_cut_into_frames_at_every_byte_it_does_not_pass(requests, answers, secret):
    body = f"ab{secret}cd".encode()
    expected = f"ab{stars(secret)}cd".encode()
    for cut in range(1, len(body)):
        answers.reply([body[:cut], body[cut:]])
        requests.begin()
        assert requests.finish().body == expected, f"cut at {cut}"
    answers.reply([bytes([byte]) for byte in body])
    requests.begin()
    assert requests.finish().body == expected


def test_trailers_are_scrubbed_and_come_after_the_whole_body(requests, answers, secret):
    # The body ends with what may be the beginning of the secret.
    answers.reply([f"{secret}.{secret[:-1]}".encode()], trailers=[("X-Sum", secret)])
    requests.begin()
    reply = requests.finish()
    assert bytes(reply.body) == f"{stars(secret)}.{secret[:-1]}".encode()
    assert reply.trailers.get("x-sum") == stars(secret)


def test_the_length_of_a_body_stays_as_it_was(requests, answers, secret):
    body = f"before {secret} after".encode()
    if isinstance(answers, H1Answers):
        answers.origin.fallback = lambda turn: turn.reply(200, body=body)
    else:
        answers.reply([body[:12], body[12:]], [("content-length", str(len(body)))])
    requests.begin()
    reply = requests.finish()
    assert reply.fields.get("content-length") == str(len(body))
    assert bytes(reply.body) == f"before {stars(secret)} after".encode()


def test_each_event_arrives_before_the_next_is_sent(requests, answers, secret):
    events = [
        b"data: one\n\n",
        f"data: {secret}\n\n".encode(),
        f"data: {secret[:-1]}\n\n".encode(),
        b"data: four\n\n",
    ]
    go_on = [threading.Event() for _ in events]
    answers.reply(events, [("Content-Type", "text/event-stream")], go_on=go_on)
    requests.begin()
    for event, ready in zip(events, go_on):
        got = requests.read_body(len(event))
        assert got == event.replace(secret.encode(), stars(secret).encode())
        ready.set()


def test_strict_refuses_an_encoded_reply_and_nothing_else(start, client, answers):
    requests = client(start(scrub="strict"))
    for _ in range(2):
        answers.reply([gzip.compress(b"x" * 100)], [("Content-Encoding", "gzip")])
        requests.begin()
        reply = requests.finish()
        assert (reply.status, reply.error) == (502, "unscrubbable_reply")
        answers.reply([b"plain"])
        requests.begin()
        assert bytes(requests.finish().body) == b"plain"
    if isinstance(answers, H2Answers):
        assert len(answers.origin.connections) == 1


# gRPC --------------------------------------------------------------------------------------------


def enveloped(message):
    return struct.pack(">BI", 0, len(message)) + message


GRPC = [("Content-Type", "application/grpc")]


def test_in_grpc_messages_and_its_status_the_secret_is_scrubbed(requests, answers, secret):
    messages = [enveloped(f"\x0a\x30{secret}".encode()), enveloped(b""), enveloped(b"plain")]
    whole = b"".join(messages)
    expected = whole.replace(secret.encode(), stars(secret).encode())
    status = [("grpc-status", "3"), ("grpc-message", f"bad key {quote(secret, safe='')}")]
    for cut in range(1, len(whole)):
        answers.reply([whole[:cut], whole[cut:]], GRPC, status)
        requests.begin("POST", "/a.B/C", [("te", "trailers")], [enveloped(b"request")])
        reply = requests.finish()
        assert bytes(reply.body) == expected, f"cut at {cut}"
        assert reply.trailers.get("grpc-status") == "3"
        assert reply.trailers.get("grpc-message") == "bad key " + stars(quote(secret, safe=""))


def test_no_message_waits_for_the_next(requests, answers, secret):
    """Whatever it ends with: its receiver may have to answer before there is a next one."""
    messages = [enveloped(f"ends with {secret[:n]}".encode()) for n in range(len(secret))]
    go_on = [threading.Event() for _ in messages]
    answers.reply(messages, GRPC, [("grpc-status", "0")], go_on=go_on)
    requests.begin("POST", "/a.B/C", [("te", "trailers")], [enveloped(b"request")])
    for message, ready in zip(messages, go_on):
        assert requests.read_body(len(message)) == message
        ready.set()


def test_nor_does_one_whose_last_byte_comes_alone(requests, answers, secret):
    message = enveloped(f"ends with {secret[:3]}".encode())
    go_on = [threading.Event(), threading.Event()]
    answers.reply([message[:-1], message[-1:], enveloped(b"")], GRPC, go_on=go_on)
    requests.begin("POST", "/a.B/C", [("te", "trailers")], [enveloped(b"request")])
    go_on[0].set()
    assert requests.read_body(len(message)) == message
    go_on[1].set()


def test_across_messages_that_are_none_the_rest_is_still_overwritten(requests, answers, secret):
    """An origin that says gRPC and sends something else does not get the secret through."""
    half = len(secret) // 2
    body = enveloped(secret[:half].encode()) + secret[half:].encode() + b"....."
    answers.reply([body[: 5 + half], body[5 + half :]], GRPC)
    requests.begin()
    expected = enveloped(secret[:half].encode()) + b"*" * (len(secret) - half) + b"....."
    assert bytes(requests.finish().body) == expected


# Placeholders in bodies --------------------------------------------------------------------------

JSON = ("content-type", "application/json")


@pytest.fixture
def searching(start):
    """A proxy that looks for placeholders in bodies."""
    return start(body=True)


def test_a_placeholder_cut_into_frames_at_every_byte_is_replaced(
    searching, client, answers, secret
):
    requests = client(searching)
    body = json.dumps({"k": searching.placeholder("API_KEY")}).encode()
    answers.reply([b"ok"])
    for cut in range(1, len(body)):
        requests.begin("POST", "/", [JSON], [body[:cut], body[cut:]])
        assert requests.finish().status == 200
        assert json.loads(answers.body()) == {"k": secret}, f"cut at {cut}"


@pytest.mark.parametrize("filler", [0, 200 * KIB], ids=["gathered", "streamed"])
def test_a_length_is_made_to_fit(searching, client, answers, secret, filler):
    requests = client(searching)
    body = json.dumps(["x" * filler, searching.placeholder("API_KEY")]).encode()
    answers.reply([b"ok"])
    pieces = [body[:20], body[20:]]
    requests.begin("POST", "/", [JSON, ("content-length", str(len(body)))], pieces)
    assert requests.finish().status == 200
    assert json.loads(answers.body()) == ["x" * filler, secret]
    length = answers.origin.requests[-1].fields.get("content-length")
    assert length == (None if filler else str(len(answers.body())))


def test_what_is_sent_back_of_it_is_scrubbed(searching, client, answers, secret):
    requests = client(searching)
    answers.reply([f'{{"k":"{secret}"}}'.encode()])
    requests.begin("POST", "/", [JSON], [f'"{searching.placeholder("API_KEY")}"'.encode()])
    assert json.loads(bytes(requests.finish().body)) == {"k": stars(secret)}


@pytest.mark.parametrize("size", [0, 200 * KIB], ids=["short", "long"])
def test_misdirected_it_breaks_the_request_off(start, client, answers, size):
    """The origin never sees the placeholder, nor a request that looks complete."""
    proxy = start(domain="other.test", body=True)
    requests = client(proxy)
    placeholder = proxy.placeholder("API_KEY")
    body = [b"x" * size, f'"{placeholder}"'.encode()]
    requests.begin("POST", "/", [JSON], [piece for piece in body if piece])
    reply = requests.finish()
    assert (reply.status, reply.error) == (403, "placeholder_misdirected")
    record = proxy.wait_for_audit(lambda r: r["event"] == "denied", "the refusal")
    assert (record["host"], record["error"]) == ("api.test", "placeholder_misdirected")
    origin = answers.origin
    if isinstance(answers, H1Answers):
        origin.wait_for(lambda: all(c.closed.is_set() for c in origin.connections), "the end")
        assert not any(r.complete.is_set() for r in origin.requests)
    elif origin.requests:
        origin.wait_for(lambda: origin.requests[0].reset, "the reset")
    for connection in origin.connections:
        assert placeholder.encode() not in connection.received


def test_after_the_refusal_the_connections_go_on(start, client, answers, pair):
    proxy = start(domain="other.test", body=True)
    requests = client(proxy)
    answers.reply([b"ok"])
    for _ in range(2):
        requests.begin("POST", "/", [JSON], [f'"{proxy.placeholder("API_KEY")}"'.encode()])
        assert requests.finish().status == 403
        if pair[0] == "h1":
            requests = client(proxy)
        requests.begin()
        assert requests.finish().status == 200
