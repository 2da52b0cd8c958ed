"""What the proxy understood of a request is what the origin behind it understands.

Odd requests go through the proxy to three web servers whose parsers differ. Each is either refused
and no byte of it goes further, or the proxy's reading, the server's reading and the meaning of the
request, where it has but one, are the same.
"""

import os
import re

import pytest

from harness.client import EndOfStream
from harness.deadline import eventually
from harness.fixtures import bearer_rule

from emission import read_requests, without_retries
from odd_requests import REFUSED, ROOT, SERVED, generate
from relay import plain_relay, tls_relay
from web_servers import SERVERS

SEED = int(os.environ.get("SALLYPORT_DIFFERENTIAL_SEED", "20240229"))
COUNT = int(os.environ.get("SALLYPORT_DIFFERENTIAL_COUNT", "300"))

# The proxy's own: how the connection goes on, and whose request it is.
ROUTING = {"host", "connection", "transfer-encoding", "content-length", "te", "upgrade"}
# What servers keep to themselves or change, each its own choice of these: framing, and HTTP_PROXY,
# which programs would take for a setting.
UNTOLD = {
    "CONNECTION", "CONTENT_LENGTH", "CONTENT_TYPE", "EXPECT", "HOST", "MAX_FORWARDS", "PROXY", "TE",
    "TRANSFER_ENCODING", "UPGRADE",
}  # fmt: skip


class Run:
    """All requests through one proxy, to one server, by one way in."""

    def __init__(self, proxy, relay, server, secret, is_tls):
        self.proxy = proxy
        self.relay = relay
        self.server = server
        self.secret = secret
        self.is_tls = is_tls
        self.root = b"" if is_tls else b"http://api.test"
        # What the client got for each case: replies, in order.
        self.replies = {}
        # Whose connection it was, as the log has it; ports may come again.
        self.clients = {}

    def open(self):
        return self.proxy.tls("api.test:443") if self.is_tls else self.proxy.open("api.test")

    def send(self, case):
        with self.open() as client:
            sock = client.sock.raw if self.is_tls else client.sock
            self.clients[case.number] = "%s:%d" % sock.getsockname()
            data = case.data if case.is_cut else case.data + case.sentinel
            try:
                client.send(data.replace(ROOT, self.root))
                if case.is_cut:
                    client.finish_sending()
            except OSError:
                pass  # refused before all of it was sent
            self.replies[case.number] = list(_read_replies(client, case))

    def settle(self):
        """Waits until what was sent last has arrived everywhere."""
        self.proxy.terminate()
        self.proxy.wait_for_exit()
        for connection in self.relay.connections:
            assert connection.closed.wait(20)

    def emitted(self):
        """What reached the origin, by case."""
        cases = {}
        for connection in self.relay.connections:
            for request in read_requests(bytes(connection.received), connection.number):
                number = request.all("x-case")
                assert len(number) == 1, f"a request that nobody sent: {request}"
                cases.setdefault(int(number[0]), []).append(request)
        return cases

    def understood(self):
        """What the server made of it, by case."""
        cases = {}
        for request in self.server.fastcgi.requests:
            number = request.get("HTTP_X_CASE")
            assert re.fullmatch("[0-9]+", number), f"a request that nobody sent: {request}"
            cases.setdefault(int(number), []).append(request)
        return cases

    def audit(self):
        """What the proxy logged, by client."""
        clients = {}
        for record in self.proxy.audit():
            if record["event"] in ("request", "denied"):
                clients.setdefault(record["client"], []).append(record)
        return clients


def _read_replies(client, case):
    method = case.meaning.method
    try:
        while True:
            yield client.read_response(method)
            method = "GET"
    except (EndOfStream, ConnectionResetError):
        pass


@pytest.fixture(params=SERVERS, ids=lambda server: server.program)
def server(request, tmp_path):
    if not request.param.path():
        if os.environ.get("CI", "").lower() == "true":
            pytest.fail(f"{request.param.program} is not installed")
        pytest.skip(f"{request.param.program} is not installed")
    server = request.param(tmp_path / request.param.program)
    yield server
    server.stop()


@pytest.fixture(params=["inside TLS", "plain forward"])
def run(request, server, start_proxy, origins, pki, secret):
    is_tls = request.param == "inside TLS"
    relay = origins._keep(tls_relay(server, pki.leaf) if is_tls else plain_relay(server))
    proxy = start_proxy(
        # Scrubbing narrows what a client accepts; here nothing is to change but what must.
        {"credentials": [bearer_rule(plaintext=True, scrub=False)]},
        {"api.test:443" if is_tls else "api.test:80": relay},
        env={"API_KEY": secret},
    )
    return Run(proxy, relay, server, secret, is_tls)


def test_the_proxy_and_the_origin_understand_the_same(run):
    print(f"seed {SEED}, {COUNT} requests")
    cases = generate(SEED, COUNT)
    for case in cases:
        run.send(case)
    run.settle()
    emitted, understood, audit = run.emitted(), run.understood(), run.audit()
    first = {number: replies[0] for number, replies in run.replies.items() if replies}
    died = [number for number, reply in first.items() if _met_a_dying_connection(reply)]
    assert len(died) <= 2 + COUNT // 200, f"the origin closes connections under requests: {died}"
    differences = []
    for case in cases:
        sent = without_retries(emitted.pop(case.number, []))
        seen = understood.pop(case.number, [])
        replies = run.replies[case.number]
        records = take_records(case, replies, audit.get(run.clients[case.number], []))
        try:
            check_case(run, case, replies, sent, seen, records)
        except AssertionError as difference:
            differences.append(f"{case}\n  {difference}\n  replies {replies}\n  sent {sent}\n"
                               f"  seen {seen}")  # fmt: skip
    assert not differences, (
        f"seed {SEED}: {len(differences)} differences\n" + "\n".join(differences[:5])
    )
    assert not emitted and not understood and not any(audit.values())
    assert len(run.server.fastcgi.requests) > COUNT / 3, "too few pass for this to say anything"


def take_records(case, replies, log):
    """Takes those of one case off the front of its client's."""
    if (case.breaks_in_body or case.is_cut) and log and log[0]["status"] is None:
        # What had begun before it was refused, or cut.
        del log[0]
    records = log[: len(replies)]
    del log[: len(replies)]
    return records


def check_case(run, case, replies, sent, seen, records):
    assert replies or case.is_cut, "no reply"
    if case.is_cut:
        assert not any(request.is_whole for request in sent), "a cut request was passed on whole"
        assert not seen, "the origin took a cut request for a whole one"
        return
    first = replies[0]
    # Malformed: nothing of it leaves but a head whose body broke later, and nothing is served then.
    refused = first.error in ("bad_request", "header_too_large")
    assert case.verdict is not REFUSED or refused, "it was not refused"
    died = _met_a_dying_connection(first)
    assert case.verdict is not SERVED or first.error is None or died, "it was refused"
    if refused:
        assert len(replies) == 1, "something behind a refused request was served"
        assert not seen, "the origin served what the proxy refused"
        assert not sent or (case.breaks_in_body and not any(r.is_whole for r in sent))
        sent = []
    if died:
        sent = sent[1:]
    passed = [reply for reply in replies if reply.error is None]
    assert len(sent) == len(passed), "replies and requests do not match"
    check_audit(replies, sent, records)
    # Servers have tastes of their own. What they refuse, some before its body has come, they did
    # not misunderstand.
    told = [request for request, reply in zip(sent, passed) if reply.fields.get("x-understood")]
    assert all(request.is_whole for request in told), "the origin served what was not whole"
    assert len(told) == len(seen), "the origin counts another number of requests"
    for request, origin_request in zip(told, seen):
        check_same(request, origin_request)
    for request in sent:
        assert request.all("authorization") == [f"Bearer {run.secret}"]
        assert request.all("host") == ["api.test"]
    if first.error is None:
        if case.verdict is SERVED and sent[0].is_whole:
            check_meaning(case.meaning, sent[0])
        sent = sent[1:]
    for request in sent:
        assert (request.method, request.target) == ("GET", f"/sentinel?{case.number}")
        assert request.is_whole and request.body == b"" and not request.all("content-length")


def _met_a_dying_connection(reply):
    """Servers close idle connections when they like, and a POST is not sent twice."""
    return reply.error == "upstream_protocol" and b"closed the connection before" in reply.body


def check_audit(replies, sent, records):
    """The proxy's log tells the same as the wire."""
    assert len(records) == len(replies), "the log counts another number of requests"
    passed = iter(sent)
    for reply, record in zip(replies, records):
        assert record["status"] == reply.status, record
        if reply.error is not None:
            assert record["error"] == reply.error, record
            continue
        request = next(passed)
        assert record["method"] == request.method, record
        # What came from the client; of a request that the server ended early, less goes on.
        assert not request.is_whole or record["requestBytes"] == len(request.body), record
        path = request.target.partition("?")[0]
        # Bytes beyond ASCII are escaped in the log.
        assert not path.isascii() or record["path"] == path, record


def check_same(sent, seen):
    """What the proxy wrote and what the origin read."""
    assert seen.get("REQUEST_METHOD") == sent.method
    assert seen.get("REQUEST_URI") == sent.target
    assert seen.get("HTTP_HOST") == sent.all("host")[0]
    assert seen.body == sent.body
    plain, all_of_them = {}, {}
    for name, value in sent.fields:
        key = _cgi(name)
        all_of_them.setdefault(key, []).append(value)
        # Names with other characters may be dropped on the way into a program's environment.
        if re.fullmatch("[A-Za-z0-9-]+", name):
            plain.setdefault(key, []).append(value)
    fields = {_cgi(name): value for name, value in seen.fields().items()}
    for key in (all_of_them.keys() | fields.keys()) - UNTOLD:
        readings = [_joined(plain.get(key, [])), _joined(all_of_them.get(key, []))]
        assert _joined([fields.get(key, "")]) in readings, f"{key}: {fields.get(key)!r}"


def check_meaning(meaning, sent):
    """What the proxy wrote and what was meant."""
    assert (sent.method, sent.target) == (meaning.method, meaning.target)
    assert sent.body == meaning.body
    ours = ROUTING | {"authorization"}
    fields = [(name, value) for name, value in sent.fields if name.lower() not in ours]
    assert fields == meaning.fields


def _cgi(name):
    return re.sub("[^A-Z0-9]", "_", name.upper())


def _joined(values):
    """Of a field that came several times; empty ones, and how they are joined, say nothing."""
    return [part for part in re.split("[,;] ?", ",".join(values)) if part]
