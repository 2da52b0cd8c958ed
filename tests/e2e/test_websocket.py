"""WebSockets (RFC 6455), over HTTP/1.1 and HTTP/2 (RFC 8441) on either side."""

import base64
import hashlib
import json
import threading

import pytest
from h2.errors import ErrorCodes
from h2.settings import SettingCodes
from wsproto.events import CloseConnection, Ping, Pong

from harness.fixtures import bearer_rule
from harness.h2 import H2Client, H2Origin
from harness.origin import head
from harness.websocket import CLIENT, SERVER, WebSocket

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
# What each side speaks. "h2 alone" has HTTP/2 and no RFC 8441, so that it is asked over HTTP/1.1.
PAIRS = [
    ("h1", "h1"), ("h1", "h2"), ("h1", "h2 alone"),
    ("h2", "h1"), ("h2", "h2"), ("h2", "h2 alone"),
]  # fmt: skip


def accept_of(key):
    digest = hashlib.sha1(f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest()
    return base64.b64encode(digest).decode()


class EchoOrigin(H2Origin):
    """Opens every WebSocket and serves it an echo, over what it is asked by."""

    def __init__(self, leaf, speaks):
        settings = {SettingCodes.ENABLE_CONNECT_PROTOCOL: 1} if speaks == "h2" else None
        alpn = ("http/1.1",) if speaks == "h1" else ("h2", "http/1.1")
        self.fields = [("Sec-WebSocket-Protocol", "chat")]
        self.opened = []
        super().__init__(leaf, settings=settings, alpn=alpn)
        self.routes["/ws"] = self._open_h1
        self.on_head = self._open_h2
        answer = self.on_request
        self.on_request = lambda session, request: (
            None if request.fields.get(":protocol") else answer(session, request)
        )

    def _open_h1(self, turn):
        self.opened.append(("h1", turn.request))
        fields = [
            ("Connection", "Upgrade"), ("Upgrade", "websocket"),
            ("Sec-WebSocket-Accept", accept_of(turn.request.fields.one("sec-websocket-key"))),
        ]  # fmt: skip
        turn.send(head(101, [*fields, *self.fields]))
        WebSocket(SERVER, turn.send, turn.read_some).serve_echo()
        turn.close()

    def _open_h2(self, session, request):
        if request.fields.get(":protocol") is None:
            return
        assert request.method == "CONNECT" and request.fields.get("sec-websocket-key") is None
        self.opened.append(("h2", request))
        session.send_head(request, 200, [(n.lower(), v) for n, v in self.fields])
        taken = 0

        def is_over():
            return request.ended or request.reset or session.connection.closed.is_set()

        def receive():
            nonlocal taken
            self.wait_for(lambda: len(request.body) > taken or is_over(), "more")
            data = request.body[taken:]
            taken += len(data)
            return data

        def serve():
            send = lambda data: session.send_body(request, data, end=False)  # noqa: E731
            try:
                WebSocket(SERVER, send, receive).serve_echo()
                if not request.reset:
                    session.send_body(request, b"")
            except OSError:
                pass  # the connection is gone

        threading.Thread(target=serve).start()


@pytest.fixture
def start(start_proxy, secret):
    def start(origin, *args, **options):
        options.setdefault("config", {"credentials": [bearer_rule()]})
        return start_proxy(
            routes={"api.test:443": origin}, env={"API_KEY": secret}, args=args, **options
        )

    return start


class Opening:
    """A WebSocket handshake through a proxy, over HTTP/1.1 or HTTP/2."""

    def __init__(self, proxy, speaks, fields=(), path="/ws"):
        self.proxy = proxy
        fields = [("sec-websocket-version", "13"), *fields]
        if speaks == "h1":
            self._open_h1(path, fields)
        else:
            self._open_h2(path, fields)

    def _open_h1(self, path, fields):
        self.client = self.proxy.tls("api.test:443")
        self.reply = self.client.request(
            "GET", path,
            [("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Key", KEY),
             *fields],
        )  # fmt: skip
        self.is_open = self.reply.status == 101
        if self.is_open:
            assert self.reply.fields.one("sec-websocket-accept") == accept_of(KEY)

        def receive():
            try:
                return self.client.stream.read_some()
            except ConnectionResetError:
                return b""

        self.socket = WebSocket(CLIENT, self.client.send, receive)

    def _open_h2(self, path, fields):
        proxy = self.proxy
        inner = proxy.tls("api.test:443", context=proxy.context(alpn=("h2", "http/1.1")))
        self.client = client = H2Client(inner)
        client.wait(lambda: client.h2.remote_settings.enable_connect_protocol)
        self.stream = stream = client.start(
            pseudo=[(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "https"),
                    (":authority", "api.test"), (":path", path)],
            fields=fields, end=False,
        )  # fmt: skip
        self.reply = reply = client.replies[stream]
        client.wait(lambda: reply.status or reply.over)
        self.is_open = reply.status == 200
        assert reply.fields.get("sec-websocket-accept") is None
        taken = 0

        def receive():
            nonlocal taken
            client.wait(lambda: len(reply.body) > taken or reply.over)
            data = reply.body[taken:]
            taken += len(data)
            return data

        self.socket = WebSocket(
            CLIENT, lambda data: client.send_body(stream, data, end=False), receive
        )


@pytest.fixture(params=PAIRS, ids=lambda pair: f"{pair[0]} to {pair[1]}")
def pair(request):
    return request.param


@pytest.fixture
def echo(pki, pair):
    with EchoOrigin(pki.leaf, pair[1]) as origin:
        yield origin
    assert not origin.errors, origin.errors


@pytest.fixture
def opening(start, echo, pair):
    """A WebSocket that is open. A request before it has shown what the origin speaks."""
    proxy = start(echo)
    assert proxy.get("https://api.test/").status == 200
    made = Opening(proxy, pair[0])
    assert made.is_open, made.reply
    yield made
    made.client.close()


@pytest.fixture
def socket(opening):
    return opening.socket


def test_messages_of_every_size_and_kind_go_both_ways(socket):
    for message in ["", "text ü", b"", bytes(range(256)), "x" * 70_000, b"y" * (1 << 20)]:
        socket.message(message)
        assert socket.next() == message


def test_the_handshake_carries_the_credential(opening, echo, pair, secret):
    spoken, request = echo.opened[0]
    assert spoken == ("h2" if pair[1] == "h2" else "h1")
    assert request.fields.all("authorization") == [f"Bearer {secret}"]
    assert request.fields.get("sec-websocket-version") == "13"
    assert opening.reply.fields.get("sec-websocket-protocol") == "chat"
    opening.client.close()
    record = opening.proxy.wait_for_audit(lambda r: r["path"] == "/ws", "the WebSocket")
    names = {"h1": "http/1.1", "h2": "h2"}
    assert (record["protocol"], record["upstreamProtocol"]) == (names[pair[0]], names[spoken])


def test_pings_are_answered_by_the_other_end(socket):
    socket.send(Ping(payload=b"client"))
    event = socket.next()
    assert isinstance(event, Pong) and bytes(event.payload) == b"client"
    socket.message("ping")
    event = socket.next()
    assert isinstance(event, Ping) and bytes(event.payload) == b"origin"
    socket.send(event.response())
    assert socket.next() == "pong origin"


@pytest.mark.parametrize("code,reason", [(1000, ""), (1001, "going"), (4999, "ü")])
def test_a_close_by_the_client_is_answered_and_ends_both(opening, socket, code, reason):
    socket.close(code, reason)
    event = socket.next()
    assert isinstance(event, CloseConnection)
    assert (event.code, event.reason or "") == (code, reason)
    assert socket.next() is None and socket.ended


def test_a_close_by_the_origin_arrives(opening, socket):
    socket.message("close 4001 bye now")
    event = socket.next()
    assert isinstance(event, CloseConnection) and (event.code, event.reason) == (4001, "bye now")
    socket.send(event.response())
    assert socket.next() is None and socket.ended


def test_a_client_that_vanishes_is_gone_for_the_origin(opening, echo):
    spoken, request = echo.opened[0]
    if hasattr(opening, "stream"):
        opening.client.h2.reset_stream(opening.stream, ErrorCodes.CANCEL)
        opening.client.flush()
    else:
        opening.client.close()
    if spoken == "h2":
        echo.wait_for(lambda: request.reset or request.ended, "the end of its stream")
    else:
        echo.wait_for(request.connection.closed.is_set, "the end of its connection")


def test_an_origin_that_vanishes_is_gone_for_the_client(opening, echo, socket):
    echo.opened[0][1].connection.sock.shutdown(2)
    assert socket.next() is None


def test_several_at_once_do_not_mix(start, echo, pair):
    proxy = start(echo)
    assert proxy.get("https://api.test/").status == 200
    openings = [Opening(proxy, pair[0]) for _ in range(8)]
    for n, made in enumerate(openings):
        made.socket.message(f"message {n}")
    for n, made in enumerate(openings):
        assert made.socket.next() == f"message {n}"
        made.client.close()


# Handshakes that fail ----------------------------------------------------------------------------


@pytest.mark.parametrize("client", ["h1", "h2"])
def test_what_the_policy_denies_is_not_opened(start, pki, tmp_path, client):
    endpoint = {
        "host": "api.test", "port": 443, "protocol": "rest",
        "rules": [{"allow": {"method": "GET", "path": "/allowed"}}],
    }  # fmt: skip
    policy = tmp_path / "policy.yaml"
    policy.write_text(
        json.dumps({"version": 1, "network_policies": {"e": {"endpoints": [endpoint]}}})
    )
    with EchoOrigin(pki.leaf, "h2") as origin:
        origin.routes["/allowed"] = origin.routes["/ws"]
        proxy = start(origin, "--policy", policy)
        refused = Opening(proxy, client)
        assert (refused.reply.status, refused.reply.error) == (403, "request_denied")
        assert not origin.requests
        assert Opening(proxy, client, path="/allowed").is_open


@pytest.mark.parametrize("client", ["h1", "h2"])
def test_an_origin_that_declines_is_heard(start, origins, client):
    origin = origins.https()
    origin.routes["/ws"] = lambda turn: turn.reply(401, [("X-Why", "no")], b"declined")
    opening = Opening(start(origin), client)
    assert (opening.reply.status, opening.reply.fields.get("x-why")) == (401, "no")


@pytest.mark.parametrize(
    "reply",
    [
        head(200, [("Content-Length", "2")]) + b"ok",
        head(101, [("Connection", "Upgrade"), ("Upgrade", "websocket"),
                   ("Sec-WebSocket-Accept", "wrong")]),
        head(101, [("Connection", "Upgrade"), ("Upgrade", "other"),
                   ("Sec-WebSocket-Accept", accept_of(KEY))]),
    ],
    ids=["200", "wrong accept", "another protocol"],
)  # fmt: skip
def test_what_is_no_websocket_never_looks_like_one_over_http2(start, origins, reply):
    origin = origins.https()

    def answer(turn):
        turn.send(reply)
        turn.close()

    origin.routes["/ws"] = answer
    opening = Opening(start(origin), "h2")
    assert (opening.reply.status, opening.reply.error) == (502, "upstream_protocol")


@pytest.mark.parametrize("client", ["h1", "h2"])
def test_a_placeholder_in_the_subprotocol_is_replaced(start, pki, secret, client):
    with EchoOrigin(pki.leaf, "h2") as origin:
        proxy = start(origin)
        fields = [("sec-websocket-protocol", f"v1, {proxy.placeholder('API_KEY')}")]
        # The origin has spoken HTTP/2 before, and speaks it again.
        assert proxy.get("https://api.test/").status == 200
        assert Opening(proxy, client, fields).is_open
        spoken, request = origin.opened[0]
        assert spoken == "h2"
        assert request.fields.get("sec-websocket-protocol") == f"v1, {secret}"


@pytest.mark.parametrize("client", ["h1", "h2"])
@pytest.mark.parametrize("upstream", ["h1", "h2"])
def test_the_handshakes_reply_is_scrubbed(start, pki, secret, client, upstream):
    with EchoOrigin(pki.leaf, upstream) as origin:
        origin.fields = [("X-Echo", f"<{secret}>")]
        proxy = start(origin)
        assert proxy.get("https://api.test/").status == 200
        opening = Opening(proxy, client)
        assert opening.is_open
        assert opening.reply.fields.get("x-echo") == "<" + "*" * len(secret) + ">"
