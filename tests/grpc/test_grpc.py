"""gRPC's own clients and servers, in every pair of languages, through the real program.

The three probes take the same arguments: probe.py, probe.cc and go/main.go. A server tells of each
call on its standard output, and so does a client of what came of one.
"""

import importlib.util
import json
import os
import subprocess
from pathlib import Path

import pytest

from harness import program
from harness.deadline import LIMIT_SECONDS, eventually
from harness.fixtures import bearer_rule

HERE = Path(__file__).parent
LANGUAGES = ["cpp", "python", "go"]
HOST = "api.test:443"

OK, CANCELLED, INVALID_ARGUMENT, DEADLINE_EXCEEDED, PERMISSION_DENIED = 0, 1, 3, 4, 7
UNAVAILABLE = 14
MIB = 1 << 20
# What every server's calls end with, in trailing metadata.
END = "0001ff"


def unavailable(reason):
    if os.environ.get("CI", "").lower() == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def probe(language):
    """The command line of a language's probe."""
    if language == "go":
        made = HERE.parents[1] / "build" / "clients"
        if not (made / "grpc.stamp").exists():
            unavailable("scripts/clients.sh has not made grpc")
        return [made / "grpc" / "probe"]
    built = Path(program.binary()).resolve().parents[1]
    if language == "cpp":
        return [built / "bin" / "grpc_probe"]
    if importlib.util.find_spec("grpc") is None:
        unavailable("python3-grpcio not installed")
    return ["/usr/bin/python3", HERE / "probe.py", built / "tests" / "grpc" / "generated"]


def target(language):
    """Before 1.71 Go's client looks a bare name up itself before it asks the proxy."""
    return f"passthrough:///{HOST}" if language == "go" else HOST


class Server:
    """A gRPC server of one language; its `address` is that of an origin."""

    def __init__(self, language, leaf, *options):
        self.process = subprocess.Popen(
            [*probe(language), "serve", leaf.chain, leaf.key, *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._output = program.Output(self.process.stdout)
        self.address = f"127.0.0.1:{self._wait_for('port')['port']}"
        self.forget()

    def forget(self):
        """What comes after this is what the test looks at."""
        self._seen = len(self._output.bytes())

    def call(self):
        """Waits for the next call."""
        return self._wait_for("call")

    def end(self):
        """Waits for the end of the call that `call` gave."""
        return self._wait_for("end")

    def _wait_for(self, key):
        match = self._output.wait_for(rb'\{[^\n]*"%s":[^\n]*\}\n' % key.encode(), self._seen)
        self._seen = match.end()
        return json.loads(match[0])

    def stop(self):
        self.process.stdin.close()
        assert self.process.wait(LIMIT_SECONDS) == 0
        self._output.finish()

    _seen = 0


@pytest.fixture(scope="module")
def servers(pki):
    """Gives the server of a language, which all tests of this file share."""
    started = {}

    def get(language, *options):
        if (language, *options) not in started:
            started[language, *options] = Server(language, pki.leaf, *options)
        server = started[language, *options]
        server.forget()
        return server

    yield get
    for server in started.values():
        server.stop()


@pytest.fixture(params=LANGUAGES)
def server(request, servers):
    return servers(request.param)


@pytest.fixture(params=LANGUAGES)
def client(request):
    """The language of a client."""
    return request.param


@pytest.fixture
def start(start_proxy, secret):
    def start(server, **options):
        options.setdefault("config", {"credentials": [bearer_rule()]})
        return start_proxy(routes={HOST: server}, env={"API_KEY": secret}, **options)

    return start


@pytest.fixture
def begin(search):
    """Starts a client behind a proxy; gives what waits for its end and gives what it told."""
    processes = []

    def begin(language, proxy, method, **options):
        env = {"PATH": os.environ["PATH"], **proxy.environment_for_child()}
        process = subprocess.Popen(
            [*probe(language), "call", target(language), method,
             *(f"{name}={int(value)}" for name, value in options.items())],
            env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        processes.append(process)

        def finish():
            out, err = process.communicate(timeout=3 * LIMIT_SECONDS)
            search.check(out + err, "what the client had")
            assert process.returncode == 0, err.decode()
            return [json.loads(line) for line in out.splitlines()]

        finish.process = process
        return finish

    yield begin
    for process in processes:
        if process.poll() is None:
            process.kill()
            process.communicate()


@pytest.fixture
def call(begin):
    """Makes one call, and gives what the client told of it."""

    def call(*args, **options):
        (outcome,) = begin(*args, **options)()
        return outcome

    return call


# Calls -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "method,options,replies,received",
    [
        ("Unary", {"size": 1000}, 1, 1000),
        ("Upload", {"count": 50, "size": 1000}, 1, 50_000),
        ("Download", {"replies": 50, "size": 1000}, 50, 0),
        ("Chat", {"count": 50, "size": 1000}, 50, 50_000),
    ],
    ids=["unary", "upload", "download", "chat"],
)
def test_every_kind_of_call(
    start, call, client, server, secret, method, options, replies, received
):
    outcome = call(client, start(server), method, **options)
    assert outcome == {
        "code": OK, "message": "", "replies": replies, "received": received, "intact": True,
        "end": END,
    }  # fmt: skip
    assert server.call() == {
        "call": method, "authorization": f"Bearer {secret}", "deadline": False
    }  # fmt: skip
    assert server.end() == {"end": method, "cancelled": False}


@pytest.mark.parametrize("method", ["Unary", "Chat"])
def test_messages_larger_than_any_window(start, call, client, server, method):
    outcome = call(client, start(server), method, size=8 * MIB, count=2 if method == "Chat" else 1)
    assert (outcome["code"], outcome["intact"]) == (OK, True), outcome
    assert outcome["received"] == 8 * MIB * outcome["replies"]


def test_many_calls_at_once(start, begin, client, server):
    proxy = start(server)
    outcomes = begin(client, proxy, "Chat", calls=100, count=5, size=20_000)()
    assert len(outcomes) == 100
    assert all((o["code"], o["replies"], o["intact"]) == (OK, 5, True) for o in outcomes), outcomes
    eventually(lambda: len(proxy.audit("request")) == 100, "the audit records")
    assert {r["upstreamProtocol"] for r in proxy.audit("request")} == {"h2"}


# Ends --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "method,options,replies",
    [
        ("Unary", {}, 0),
        ("Upload", {"count": 3}, 0),
        # The status comes behind messages, and in the only head that there is.
        ("Download", {"replies": 3, "size": 10}, 3),
        ("Download", {}, 0),
        ("Chat", {"count": 3}, 2),
    ],
    ids=["unary", "upload", "download", "download nothing", "chat"],
)
def test_an_errors_status_message_and_metadata_arrive(
    start, call, client, server, method, options, replies
):
    outcome = call(client, start(server), method, code=INVALID_ARGUMENT, **options)
    assert (outcome["code"], outcome["message"]) == (INVALID_ARGUMENT, "asked for: 100 % ü")
    assert (outcome["replies"], outcome["end"]) == (replies, END)


@pytest.mark.parametrize("method", ["Upload", "Chat"])
def test_a_server_that_ends_early_is_heard(start, call, client, server, method):
    """The client has not ended its requests, and will not."""
    outcome = call(client, start(server), method, code=INVALID_ARGUMENT, open=True)
    assert (outcome["code"], outcome["message"]) == (INVALID_ARGUMENT, "asked for: 100 % ü")
    server.call()
    server.end()


@pytest.mark.parametrize("method", ["Unary", "Chat"])
def test_a_deadline_passes_to_the_server_and_cancels_there(start, call, client, server, method):
    outcome = call(client, start(server), method, hold=True, timeout_ms=700)
    assert outcome["code"] == DEADLINE_EXCEEDED, outcome
    assert server.call()["deadline"] is True
    assert server.end()["cancelled"] is True


@pytest.mark.parametrize("method", ["Download", "Chat"])
def test_a_cancellation_reaches_the_server(start, call, client, server, method):
    """Without a deadline: nothing but the client's reset can end what the server holds."""
    outcome = call(client, start(server), method, hold=True, replies=1, cancel_after=1)
    assert (outcome["code"], outcome["replies"]) == (CANCELLED, 1), outcome
    assert server.call()["deadline"] is False
    assert server.end()["cancelled"] is True


def test_a_client_that_dies_is_a_cancellation(start, begin, client, server):
    finish = begin(client, start(server), "Chat", hold=True)
    server.call()
    finish.process.kill()
    assert server.end()["cancelled"] is True


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_server_that_dies_is_unavailable(start, begin, pki, client, language):
    server = Server(language, pki.leaf)
    finish = begin(client, start(server), "Chat", hold=True)
    server.call()
    server.process.kill()
    (outcome,) = finish()
    assert outcome["code"] not in (OK, CANCELLED, DEADLINE_EXCEEDED), outcome
    server.process.wait()


# Connections -------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_pings_keep_quiet_calls_alive(start, call, servers, client, language):
    """Both ends ping, and give a connection up whose other end does not answer in a second."""
    server = servers(language, "pings")
    outcome = call(client, start(server), "Chat", hold=True, pings=True, timeout_ms=4000)
    assert (outcome["code"], outcome["replies"]) == (DEADLINE_EXCEEDED, 1), outcome


# What the proxy says itself -----------------------------------------------------------------------


def test_a_method_that_the_policy_denies_is_permission_denied(
    start, call, servers, client, tmp_path
):
    endpoint = {
        "host": "api.test", "port": 443, "protocol": "rest",
        "rules": [{"allow": {"method": "POST", "path": "/probe.Probe/Unary"}}],
    }  # fmt: skip
    policy = tmp_path / "policy.yaml"
    policy.write_text(
        json.dumps({"version": 1, "network_policies": {"grpc": {"endpoints": [endpoint]}}})
    )
    server = servers("cpp")
    proxy = start(server, args=["--policy", policy])
    assert call(client, proxy, "Unary")["code"] == OK
    assert call(client, proxy, "Chat")["code"] == PERMISSION_DENIED
    assert server.call()["call"] == "Unary"
    record = proxy.wait_for_audit(lambda r: r["event"] == "denied", "the refusal")
    assert (record["path"], record["error"]) == ("/probe.Probe/Chat", "request_denied")


def test_a_credential_that_is_missing_is_unavailable(start_proxy, call, servers, client):
    server = servers("cpp")
    proxy = start_proxy({"credentials": [bearer_rule(required=True)]}, {HOST: server})
    assert call(client, proxy, "Unary")["code"] == UNAVAILABLE


# As a child --------------------------------------------------------------------------------------


def test_as_a_child_with_nothing_set_by_hand(run_child, servers, client, secret):
    server = servers("cpp")
    result = run_child(
        [*probe(client), "call", target(client), "Chat", "count=3", "size=100"],
        config={"credentials": [bearer_rule()]},
        routes={HOST: server},
        env={"API_KEY": secret},
    )
    assert result.status == 0, result
    outcome = json.loads(result.out)
    assert (outcome["code"], outcome["replies"]) == (OK, 3)
    assert server.call()["authorization"] == f"Bearer {secret}"
