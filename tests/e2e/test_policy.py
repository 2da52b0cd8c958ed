"""policy.yaml: what may be reached and asked, beside proxy-config.json, and how it changes."""

import json
import os
import signal
import subprocess
import textwrap
import threading
from pathlib import Path

import jsonschema
import pytest

from harness import program
from harness.deadline import eventually
from harness.fixtures import bearer_rule


def endpoint(host="api.test", port=443, **more):
    return {"host": host, "port": port, **more}


def policy_of(*endpoints, **sections):
    """A policy with one entry, "e"."""
    return {"version": 1, "network_policies": {"e": {"endpoints": list(endpoints)}}, **sections}


@pytest.fixture
def policy_file(tmp_path):
    """Writes a policy, in one step as an editor would, and says where. JSON is YAML."""

    def write(policy, name="policy.yaml"):
        file = tmp_path / name
        fresh = tmp_path / (name + ".new")
        fresh.write_text(policy if isinstance(policy, str) else json.dumps(policy))
        fresh.chmod(0o644)
        os.replace(fresh, file)
        return file

    return write


@pytest.fixture
def start(start_proxy, policy_file, origin):
    """A proxy with a policy, whose api.test:443 is `origin`."""

    def start(policy, config=None, routes=None, **options):
        routes = {"api.test:443": origin, **(routes or {})}
        args = ["--policy", policy_file(policy), *options.pop("args", [])]
        return start_proxy(config or {}, routes, args=args, **options)

    return start


def by(label):
    return f"network_policies.e.endpoints[{label}"


# Hosts ---------------------------------------------------------------------------------------


def test_only_hosts_and_ports_of_the_policy_are_reached(start, origin, origins):
    other = origins.https()
    proxy = start(policy_of(endpoint()), routes={"other.test:443": other, "api.test:8443": other})
    with proxy.tls("api.test:443", context=proxy.origin_context()) as client:
        assert client.get().status == 200  # tunnelled, with the origin's own certificate
    for authority in ("other.test:443", "api.test:8443", "x.api.test:443", "api.test.evil:443"):
        _, reply = proxy.connect(authority)
        assert (reply.status, reply.error) == (403, "host_denied"), authority
        told = json.loads(reply.body)
        assert told["rule"] == "network_policies"
        assert "network_policies" in told["hint"]
    assert not other.connections
    denied = proxy.wait_for_audit(lambda r: r["host"] == "other.test", "the refusal")
    assert (denied["decision"], denied["by"]) == ("denied", "network_policies")
    allowed = proxy.wait_for_audit(lambda r: r["event"] == "tunnel", "the tunnel")
    assert (allowed["decision"], allowed["by"]) == ("allowed", by("0]"))


def test_every_spelling_of_a_host_is_one_decision(start, origin):
    proxy = start(policy_of(endpoint("API.Test.")))
    for authority in ("api.test:443", "API.TEST:443", "api.test.:443"):
        _, reply = proxy.connect(authority)
        assert reply.status == 200, authority


def test_both_the_policy_and_the_configuration_have_to_allow(start, origins):
    proxy = start(
        policy_of(endpoint(), endpoint("b.test")),
        {"policy": {"default": "deny"}, "network": {"allowedDomains": ["api.test", "c.test"]}},
        routes={"b.test:443": origins.https(), "c.test:443": origins.https()},
    )
    assert proxy.connect("api.test:443")[1].status == 200
    for authority, rule in (("b.test:443", "policy.default"), ("c.test:443", "network_policies")):
        _, reply = proxy.connect(authority)
        assert (reply.status, json.loads(reply.body)["rule"]) == (403, rule)


def test_a_policy_without_network_lets_nothing_out(start, origin):
    proxy = start({"version": 1})
    assert proxy.connect("api.test:443")[1].error == "host_denied"
    assert proxy.get("http://api.test/").error == "host_denied"
    assert not origin.connections


def test_without_a_policy_the_proxy_is_as_it_was(start_proxy, origin):
    proxy = start_proxy({}, {"api.test:443": origin})
    assert proxy.connect("api.test:443")[1].status == 200


# Requests ------------------------------------------------------------------------------------


def test_an_access_preset_has_the_host_intercepted_and_holds(start, origin):
    proxy = start(policy_of(endpoint(protocol="rest", access="read-only")))
    with proxy.tls("api.test:443") as client:
        for method in ("GET", "HEAD", "OPTIONS"):
            assert client.request(method, "/x").status == 200
        seen = len(origin.requests)
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            reply = client.request(method, "/x")
            assert (reply.status, reply.error) == (403, "request_denied"), method
        assert client.get().status == 200  # the connection goes on
    assert len(origin.requests) == seen + 1
    record = proxy.wait_for_audit(lambda r: r["method"] == "POST", "the refusal")
    assert (record["event"], record["decision"]) == ("denied", "denied")
    assert (record["by"], record["error"], record["status"]) == (by("0]"), "request_denied", 403)


RULES = policy_of(
    endpoint(
        protocol="rest",
        rules=[
            {"allow": {"method": "GET", "path": "/repos/**"}},
            {"allow": {"method": "POST", "path": "/search", "query": {"kind": "public-*"}}},
        ],
        deny_rules=[{"method": "*", "path": "/repos/private/**"}],
    )
)


@pytest.mark.parametrize(
    "method,target,rule",
    [
        ("GET", "/repos/a/b", None),
        ("GET", "/repos/a/../b", None),
        ("GET", "//repos//a", None),
        ("GET", "/%72epos/a", None),
        ("POST", "/search?kind=public-code&page=2", None),
        ("GET", "/other", "0]"),
        ("POST", "/repos/a", "0]"),
        ("POST", "/search", "0]"),
        ("POST", "/search?kind=private", "0]"),
        ("POST", "/search?kind=public-x&kind=private", "0]"),
        ("GET", "/repos/private/x", "0].deny_rules[0]"),
        ("GET", "/repos/x/..//private/x", "0].deny_rules[0]"),
        ("GET", "/repos/%70rivate/x", "0].deny_rules[0]"),
        ("GET", "/repos/a/%2e%2E/private/x", "0].deny_rules[0]"),
        ("GET", "/repos/a%2Fb", "0]"),
        ("GET", "/repos/a/..;/private/x", "0]"),
    ],
)
def test_rules_judge_method_path_and_query(start, origin, method, target, rule):
    proxy = start(RULES)
    with proxy.tls("api.test:443") as client:
        reply = client.request(method, target)
    if rule is None:
        assert reply.status == 200, reply
        assert len(origin.requests) == 1
    else:
        assert (reply.status, reply.error) == (403, "request_denied")
        assert json.loads(reply.body)["rule"] == by(rule)
        assert not origin.requests


def test_rules_hold_for_plain_http_too(start, origins):
    origin = origins.http()
    proxy = start(
        policy_of(endpoint("plain.test", 80, protocol="rest", access="read-only")),
        routes={"plain.test:80": origin},
    )
    assert proxy.get("http://plain.test/").status == 200
    assert proxy.request("POST", "http://plain.test/").error == "request_denied"
    with proxy.tunnel("plain.test:80") as client:
        client.authority = "plain.test"
        assert client.request("DELETE", "/").error == "request_denied"
        assert client.get().status == 200
    assert [r.method for r in origin.requests] == ["GET", "GET"]


def test_an_encoded_slash_passes_where_the_policy_says_so(start, origin):
    proxy = start(
        policy_of(endpoint(protocol="rest", access="full", allow_encoded_slash=True))
    )
    assert proxy.get("https://api.test/@scope%2Fname").status == 200
    assert origin.only_request().target == "/@scope%2Fname"


def test_what_is_only_audited_passes_and_is_reported(start, origin):
    proxy = start(
        policy_of(endpoint(protocol="rest", access="read-only", enforcement="audit"))
    )
    assert proxy.request("POST", "https://api.test/write", body=b"x").status == 200
    assert origin.only_request().method == "POST"
    record = proxy.wait_for_audit(lambda r: r["method"] == "POST", "the request")
    assert (record["event"], record["decision"], record["by"]) == ("request", "audited", by("0]"))
    proxy.stderr.wait_for(r"audits.*api\.test")
    assert proxy.get("https://api.test/a%2Fb").error == "request_denied"


def test_credentials_are_written_into_what_the_policy_allows(start, origin, secret):
    proxy = start(
        policy_of(endpoint(protocol="rest", access="read-only")),
        {"credentials": [bearer_rule()]},
        env={"API_KEY": secret},
    )
    assert proxy.get("https://api.test/").status == 200
    assert proxy.request("DELETE", "https://api.test/").error == "request_denied"
    assert origin.only_request().fields.one("authorization") == f"Bearer {secret}"


def test_skipped_tls_is_tunnelled_even_when_all_else_is_intercepted(start, origin):
    proxy = start(policy_of(endpoint(tls="skip")), {"network": {"intercept": "all"}})
    with proxy.tls("api.test:443", context=proxy.origin_context()) as client:
        assert client.get().status == 200


def test_a_bypassed_host_whose_requests_are_judged_is_refused(start, origin):
    proxy = start(
        policy_of(endpoint(protocol="rest", access="full")),
        {"network": {"bypassDomains": ["api.test"]}},
    )
    _, reply = proxy.connect("api.test:443")
    assert reply.error == "host_denied"
    assert "bypassDomains" in json.loads(reply.body)["hint"]


# Addresses -----------------------------------------------------------------------------------


def test_allowed_ips_hold_the_addresses_that_are_dialled(start_proxy, policy_file, origins):
    origin = origins.http()
    config = {"network": {"allowedDomains": [f"localhost:{origin.port}"]}}
    for ranges, status in ((["10.0.0.0/8"], 403), (["127.0.0.0/8", "::1"], 200)):
        policy = policy_of(endpoint("localhost", origin.port, allowed_ips=ranges))
        proxy = start_proxy(config, args=["--policy", policy_file(policy)])
        reply = proxy.get(f"http://localhost:{origin.port}/")
        assert reply.status == status, ranges
        if status == 403:
            assert reply.error == "address_denied"
            assert json.loads(reply.body)["rule"] == by("0]")
            assert not origin.connections


def test_a_policy_opens_no_loopback(start, origins):
    origin = origins.http()
    proxy = start(policy_of(endpoint("localhost", origin.port, allowed_ips=["127.0.0.1"])))
    assert proxy.get(f"http://localhost:{origin.port}/").error == "address_denied"
    assert not origin.connections


def test_metadata_is_denied_though_the_policy_names_it(start):
    proxy = start(policy_of(endpoint("169.254.169.254", 80)))
    assert proxy.get("http://169.254.169.254/").error == "address_denied"


# Changes -------------------------------------------------------------------------------------


def test_a_changed_policy_holds_for_the_next_request_of_an_open_connection(
    start, origin, policy_file
):
    proxy = start(policy_of(endpoint(protocol="rest", access="read-only")))
    with proxy.tls("api.test:443") as client:
        assert client.request("POST", "/").error == "request_denied"
        policy_file(policy_of(endpoint(protocol="rest", access="full")))
        eventually(lambda: client.request("POST", "/").status == 200, "the wider policy")
        policy_file(policy_of(endpoint("b.test")))
        eventually(lambda: client.get().error == "host_denied", "the host taken away")
        policy_file(policy_of(endpoint("b.test"), endpoint()))
        eventually(lambda: client.get().status == 200, "the host given back")
    assert len(origin.connections) == 1

    def changes():
        return [r["decision"] for r in proxy.audit("policy") if r["by"].endswith("policy.yaml")]

    eventually(lambda: changes() == ["loaded"] * 4, "a record of each policy")


def test_a_stream_to_a_host_that_stays_survives_a_change(start, origin, policy_file):
    def events(turn):
        turn.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n")
        turn.wait(turn.origin.go_on, "go on")
        turn.send(b"data: 2\n\n")
        turn.close()

    origin.go_on = threading.Event()
    origin.routes["/events"] = events
    proxy = start(
        policy_of(endpoint(protocol="rest", access="read-only")),
        routes={"b.test:443": origin},
    )
    with proxy.tls("api.test:443") as client:
        client.send_request("GET", "/events")
        eventually(lambda: origin.requests, "the request")
        policy_file(policy_of(endpoint(protocol="rest", access="read-only"), endpoint("b.test")))
        eventually(lambda: proxy.connect("b.test:443")[1].status == 200, "the new host")
        policy_file(policy_of(endpoint(protocol="rest", access="read-only")))
        eventually(lambda: proxy.connect("b.test:443")[1].status == 403, "the host gone")
        origin.go_on.set()
        assert client.read_response().body == b"data: 1\n\ndata: 2\n\n"


def test_tunnels_end_with_the_policy_that_let_them_open(start, origin, policy_file):
    proxy = start(
        policy_of(endpoint(), endpoint("svc.test"), endpoint("other.test")),
        routes={"svc.test:443": origin, "other.test:443": origin},
    )
    outside = proxy.origin_context()
    with (
        proxy.tls("api.test:443", context=outside) as stays,
        proxy.tls("svc.test:443", context=outside) as goes,
        proxy.tls("other.test:443", context=outside) as judged,
    ):
        for client in (stays, goes, judged):
            assert client.get().status == 200
        policy_file(policy_of(endpoint(), endpoint("other.test", protocol="rest", access="full")))
        proxy.wait_for_audit(lambda r: (r["host"], r["error"]) == ("svc.test", "host_denied"), "svc")
        proxy.wait_for_audit(lambda r: (r["host"], r["error"]) == ("other.test", "host_denied"), "other")
        for client in (goes, judged):
            with pytest.raises(OSError):
                client.get()
        assert stays.get().status == 200


BROKEN = [
    ("version: 2\n", r"version: must be 1"),
    ("version: 1\nnetwork_polices: {}\n", r":2:1: network_polices: unknown key.*network_policies"),
    ("version: 1\n a: [", r"not YAML"),
    (json.dumps(policy_of(endpoint(), filesystem_policy={"read_only": ["/usr"]})),
     r"changes filesystem_policy, which is fixed"),
    (json.dumps(policy_of(endpoint(), process={"run_as_user": "nobody"})),
     r"changes process, which is fixed"),
]  # fmt: skip


@pytest.mark.parametrize("hup", [False, True])
@pytest.mark.parametrize("text,said", BROKEN)
def test_a_change_that_cannot_be_taken_leaves_the_old_policy(
    start, origin, policy_file, text, said, hup
):
    proxy = start(policy_of(endpoint()))
    policy_file(text)
    if hup:
        proxy.process.send_signal(signal.SIGHUP)
    proxy.stderr.wait_for(said)
    assert proxy.connect("api.test:443")[1].status == 200
    proxy.wait_for_audit(
        lambda r: r["event"] == "policy" and r["decision"] == "refused", "the refusal"
    )
    policy_file(policy_of(endpoint("b.test")))
    eventually(lambda: proxy.connect("api.test:443")[1].status == 403, "the mended policy")


def test_a_policy_that_becomes_unsafe_is_not_read(start, origin, policy_file):
    proxy = start(policy_of(endpoint()))
    file = policy_file(policy_of(endpoint("b.test")), "other.yaml")
    file.chmod(0o666)
    os.replace(file, file.with_name("policy.yaml"))
    proxy.stderr.wait_for("writable by others")
    assert proxy.connect("api.test:443")[1].status == 200


# At the start --------------------------------------------------------------------------------


def expect_no_start(start_proxy, file, said):
    proxy = start_proxy({}, args=["--policy", file], wait=False)
    proxy.expect_failure()
    assert said in proxy.stderr.text(), proxy.stderr.text()


def test_a_bad_policy_is_an_error_and_no_reason_for_the_default(start_proxy, policy_file, tmp_path):
    expect_no_start(start_proxy, policy_file("version: 1\nlandlok: {}\n"), ":2:1: landlok")
    expect_no_start(start_proxy, tmp_path / "absent.yaml", "absent.yaml")


def test_an_unsafe_policy_is_an_error(start_proxy, policy_file, tmp_path):
    file = policy_file({"version": 1})
    file.chmod(0o646)
    expect_no_start(start_proxy, file, "writable by others")
    folder = tmp_path / "open"
    folder.mkdir()
    inside = folder / "policy.yaml"
    inside.write_text("version: 1\n")
    inside.chmod(0o644)
    folder.chmod(0o777)
    expect_no_start(start_proxy, inside, f"{folder} is writable by others")


def test_binaries_that_cannot_be_held_are_an_error(start, start_proxy, policy_file):
    """A proxy without the program cannot tell who connects."""
    policy = policy_of(endpoint())
    policy["network_policies"]["e"]["binaries"] = [{"path": "/usr/bin/git"}]
    expect_no_start(start_proxy, policy_file(policy), "network_policies.e.binaries: this cannot be")
    proxy = start(policy_of(endpoint()))
    policy_file(policy)
    refused = proxy.wait_for_audit(lambda r: r["decision"] == "refused", "the refusal")
    assert refused["event"] == "policy"
    proxy.stderr.wait_for("start the program by 'sallyport run'")
    assert proxy.connect("api.test:443")[1].status == 200


GET = (
    "import urllib.request as u, urllib.error as e, sys\n"
    "try: print(u.urlopen(sys.argv[1]).status)\n"
    "except e.HTTPError as error: print(error.code, error.headers['X-Sallyport-Error'])\n"
    "except OSError as error: print(error)\n"
)


def test_run_obeys_a_policy(run_child, policy_file, origin):
    policy = policy_file(policy_of(endpoint(protocol="rest", access="read-only")))
    result = run_child(
        ["/usr/bin/python3", "-c", GET, "https://api.test/"],
        config={},
        routes={"api.test:443": origin},
        args=["--policy", policy],
    )
    assert result.out.strip() == "200", result
    result = run_child(
        ["/usr/bin/python3", "-c", GET, "http://other.test/"],
        config={},
        routes={"other.test:80": origin},
        args=["--policy", policy],
    )
    assert result.out.strip() == "403 host_denied", result


# Commands ------------------------------------------------------------------------------------


def test_check_knows_policies(sallyport, policy_file):
    good = sallyport("check", policy_file(RULES))
    assert (good.status, "1 network policy and 1 endpoint" in good.out) == (0, True), good
    bad = sallyport("check", policy_file(
        textwrap.dedent("""\
            version: 1
            landlock: { compatibility: best_efort }
            network_policies:
              e:
                endpoints:
                  - { host: a.test, prot: 443 }
            """)))  # fmt: skip
    assert bad.status == 1
    assert ':2:28: landlock.compatibility: must be "hard_requirement" or "best_effort"; did you ' \
        'mean "best_effort"?' in bad.out  # fmt: skip
    assert ":6:25: network_policies.e.endpoints[0].prot: unknown key; did you mean" in bad.out
    unnamed = sallyport("check", policy_file(RULES, name="policy"))
    assert unnamed.status == 0
    unsafe = policy_file(RULES)
    unsafe.chmod(0o666)
    assert "writable by others" in sallyport("check", unsafe).out


def test_the_example_that_ships_is_valid(sallyport):
    example = Path(__file__).parents[2] / "examples" / "policy.yaml"
    result = sallyport("check", example)
    assert (result.status, "warning" in result.out) == (0, False), result


def test_the_schema_of_policies_is_valid_and_takes_them(sallyport):
    result = sallyport("schema", "policy")
    assert result.status == 0
    schema = json.loads(result.out)
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(RULES, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"version": 1, "landlok": {}}, schema)


def explain(sallyport, policy, *args):
    result = sallyport("explain", "--policy", policy, "--json", *args)
    assert result.status == 0, result
    return json.loads(result.out)


def test_explain_says_which_entry_of_the_policy_decides(sallyport, policy_file):
    policy = RULES | {"network_policies": {"e": {
        **RULES["network_policies"]["e"], "binaries": [{"path": "/usr/bin/git"}]}}}  # fmt: skip
    file = policy_file(policy)
    good = explain(sallyport, file, "https://api.test/repos/a")
    assert (good["decision"], good["handling"], good["by"]) == ("allowed", "intercepted", by("0]"))
    assert good["policy"] == {
        "endpoints": [by("0]")], "binaries": ["/usr/bin/git"], "request": "allowed",
    }  # fmt: skip
    denied = explain(sallyport, file, "https://api.test/repos/x/../private/y")
    assert (denied["error"], denied["by"]) == ("request_denied", by("0].deny_rules[0]"))
    assert denied["policy"]["request"] == "denied"
    method = explain(sallyport, file, "--method", "DELETE", "https://api.test/repos/a")
    assert (method["error"], method["by"]) == ("request_denied", by("0]"))
    host = explain(sallyport, file, "https://other.test/")
    assert (host["error"], host["by"]) == ("host_denied", "network_policies")
    people = sallyport("explain", "--policy", file, "https://api.test/repos/private/y").out
    assert "deny_rules[0]" in people and "/usr/bin/git" in people


@pytest.mark.parametrize("place", ["sallyport", "navigator"])
def test_a_policy_is_found_under_etc(tmp_path, place):
    """In a mount namespace of its own, where /etc can be written to without harm."""
    script = (
        "set -e\n"
        "mount -t tmpfs -o mode=0755 tmpfs /mnt\n"
        "mkdir /mnt/upper /mnt/work && chmod 0755 /mnt/upper\n"
        "mount -t overlay overlay -o lowerdir=/etc,upperdir=/mnt/upper,workdir=/mnt/work /etc\n"
        f"mkdir -m 0755 /etc/{place}\n"
        f"printf '%s' \"$1\" > /etc/{place}/policy.yaml\n"
        f"chmod 0644 /etc/{place}/policy.yaml\n"
        "echo ready\n"
        'exec "$2" explain --json https://api.test/\n'
    )
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, "sh", json.dumps(policy_of(endpoint("b.test"))),
         program.binary()],
        capture_output=True, text=True, env=program.environment(tmp_path, None),
    )  # fmt: skip
    if not done.stdout.startswith("ready\n"):
        pytest.skip(f"no overlay over /etc here: {done.stderr}")
    told = json.loads(done.stdout.removeprefix("ready\n"))
    assert (told["error"], told["by"]) == ("host_denied", "network_policies"), done.stderr
