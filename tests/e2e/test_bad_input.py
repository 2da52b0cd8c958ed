"""Bad configuration, flags and files: one clear message, and nothing is half-started."""

import json
import os
import socket
import subprocess

import pytest

from harness import program
from harness.fixtures import bearer_rule

RULE = bearer_rule()


def rule(**changes):
    merged = {**RULE, **changes}
    return {"credentials": [{k: v for k, v in merged.items() if v is not None}]}


# What is wrong, and what the message must say: the JSON path, and part of the remedy.
BAD_CONFIGS = {
    "unknown key": ({"credentails": []}, ["credentails", "credentials"]),
    "unknown key in network": (
        {"network": {"allowDomains": []}}, ["network", "allowDomains", "allowedDomains"]
    ),
    "unknown key in a rule": (rule(headers="X"), ["credentials[0]", "headers", "header"]),
    "wrong type": ({"network": {"allowedDomains": "x"}}, ["network.allowedDomains"]),
    "wrong type in a list": (
        {"network": {"blockedDomains": ["a", 1]}}, ["network.blockedDomains[1]"]
    ),
    "unknown default": ({"policy": {"default": "maybe"}}, ["policy.default", "deny"]),
    "unknown intercept": ({"network": {"intercept": "some"}}, ["network.intercept", "rules"]),
    "bad pattern": (
        {"network": {"allowedDomains": ["ok.test", "a..b"]}}, ["network.allowedDomains[1]"]
    ),
    "bad regex": ({"network": {"allowedDomains": ["~("]}}, ["network.allowedDomains[0]"]),
    "bad port": ({"network": {"allowedDomains": ["a.test:0"]}}, ["network.allowedDomains[0]"]),
    "bad CIDR": ({"network": {"blockedCIDRs": ["10.0.0.0/33"]}}, ["network.blockedCIDRs[0]"]),
    "no domain": (rule(domain=None), ["credentials[0]", "domain"]),
    "bad domain": (rule(domain="a b"), ["credentials[0].domain"]),
    "no source": (rule(envVar=None), ["credentials[0]", "envVar"]),
    "two sources": (rule(file="/x"), ["credentials[0]", "envVar", "file"]),
    "no target": (rule(header=None), ["credentials[0]", "header"]),
    "two targets": (rule(query="k"), ["credentials[0]", "query"]),
    "bad header name": (rule(header="X Y"), ["credentials[0].header"]),
    "format without value": (rule(format="Bearer"), ["credentials[0].format", "${value}"]),
    "format with an unknown name": (rule(format="${valeu}"), ["credentials[0].format", "valeu"]),
    "format with an unknown filter": (
        rule(format="${value | base46}"), ["credentials[0].format", "base46", "base64"]
    ),
    "format that is not closed": (rule(format="x ${value"), ["credentials[0].format"]),
    "format with a line break": (rule(format="${value}\r\nX: 1"), ["credentials[0].format"]),
    "public suffix": (rule(domain="*.co.uk"), ["credentials[0].domain", "publicSuffix"]),
    "bypassed host": (
        {"network": {"bypassDomains": ["api.test"]}, **rule()}, ["credentials[0]", "bypass"]
    ),
    "empty command": (rule(envVar=None, command=[]), ["credentials[0].command"]),
    "bad method": (rule(methods=["GE T"]), ["credentials[0].methods[0]"]),
    "bad scrub": (rule(scrub="maybe"), ["credentials[0].scrub"]),
}  # fmt: skip

FORBIDDEN_HEADERS = [
    "Host", "content-length", "Transfer-Encoding", "Connection", "UPGRADE", "TE", "Trailer",
    "Keep-Alive", "Proxy-Authorization", "proxy-anything", ":authority",
]  # fmt: skip


def write(tmp_path, config):
    file = tmp_path / "proxy-config.json"
    file.write_text(config if isinstance(config, str) else json.dumps(config))
    return file


@pytest.mark.parametrize("config,words", BAD_CONFIGS.values(), ids=BAD_CONFIGS)
def test_a_bad_configuration_is_refused_with_its_path(sallyport, tmp_path, config, words):
    file = write(tmp_path, config)
    checked = sallyport("check", file)
    assert checked.status == 1, checked
    started = start_proxy_that_must_fail(sallyport, tmp_path, "--config", file)
    for message in (checked.out + checked.err, started.err):
        for word in ["proxy-config.json", *words]:
            assert word in message


@pytest.mark.parametrize("header", FORBIDDEN_HEADERS)
def test_a_rule_may_not_write_a_header_that_frames_or_routes(sallyport, tmp_path, header):
    file = write(tmp_path, rule(header=header))
    result = sallyport("check", file)
    assert result.status == 1
    assert "credentials[0].header" in result.out + result.err


def test_all_problems_are_listed_at_once(sallyport, tmp_path):
    config = {
        "polcy": {},
        "network": {"allowedDomains": ["a..b"], "blockedCIDRs": ["x"]},
        "credentials": [RULE, {**RULE, "format": "none"}, {**RULE, "header": "Host"}],
    }
    result = sallyport("check", write(tmp_path, config))
    assert result.status == 1
    text = result.out + result.err
    for path in (
        "polcy", "network.allowedDomains[0]", "network.blockedCIDRs[0]",
        "credentials[1].format", "credentials[2].header",
    ):  # fmt: skip
        assert path in text


@pytest.mark.parametrize(
    "text,place",
    [
        ('{\n  "network": {\n    "allowedDomains": [,]\n  }\n}', ":3:"),
        ('{"a"', ":1:"),
        ("", ":1:"),
        ("[]", "proxy-config.json"),
        ('{} {"x":1}', ":1:"),
        ('{"policy": {"default": "deny", "default": "allow"}}', "default"),
        ("{\"policy\": \"\xff\"}", "proxy-config.json"),
    ],
    ids=["misplaced comma", "cut short", "empty", "not an object", "two values", "a key twice",
         "not UTF-8"],
)  # fmt: skip
def test_a_file_that_does_not_parse_is_refused_with_line_and_column(
    sallyport, tmp_path, text, place
):
    file = tmp_path / "proxy-config.json"
    file.write_bytes(text.encode("latin-1"))
    result = sallyport("check", file)
    assert result.status == 1, result
    assert place in result.out + result.err


def test_comments_are_accepted(sallyport, tmp_path):
    file = write(tmp_path, '// one\n{ /* two */ "credentials": [] // three\n}\n')
    assert sallyport("check", file).status == 0


def test_a_deeply_nested_file_is_refused_and_does_not_crash(sallyport, tmp_path):
    file = write(tmp_path, '{"credentials":' + "[" * 200_000)
    assert sallyport("check", file).status == 1


def start_proxy_that_must_fail(sallyport, tmp_path, *args, ports=("127.0.0.1:0",), env=None):
    """Starts a proxy with bad arguments: it must end by itself, say why and leave nothing."""
    ready = tmp_path / "ready.json"
    listen = [word for port in ports for word in ("--listen", port)]
    result = sallyport("proxy", *listen, "--ready-file", ready, *args, stdin=b"", env=env)
    assert result.status > 0, result
    assert result.err.strip(), "no message"
    assert not ready.exists()
    return result


def test_a_missing_configuration_file_is_named(sallyport, tmp_path):
    result = start_proxy_that_must_fail(sallyport, tmp_path, "--config", tmp_path / "absent.json")
    assert "absent.json" in result.err
    assert "No such file" in result.err


def test_a_folder_as_configuration_is_refused(sallyport, tmp_path):
    result = start_proxy_that_must_fail(sallyport, tmp_path, "--config", tmp_path)
    assert str(tmp_path) in result.err


USAGE_ERRORS = {
    "unknown flag": (["--lisen", "127.0.0.1:0"], "lisen"),
    "unknown level": (["--log-level", "loud"], "loud"),
    "listen without port": (["--listen", "127.0.0.1"], "listen"),
    "listen with a bad port": (["--listen", "127.0.0.1:65536"], "listen"),
    "listen with a bad address": (["--listen", "300.0.0.1:1"], "listen"),
    "workers zero": (["--workers", "0"], "workers"),
    "workers negative": (["--workers", "-1"], "workers"),
    "workers not a number": (["--workers", "many"], "workers"),
    "connect-to cut short": (["--connect-to", "api.test:443:127.0.0.1"], "connect-to"),
    "connect-to with a bad port": (["--connect-to", "a:443:127.0.0.1:x"], "connect-to"),
    "an argument too many": (["surplus"], "surplus"),
    "a flag without its value": (["--config"], "config"),
}


@pytest.mark.parametrize("args,named", USAGE_ERRORS.values(), ids=USAGE_ERRORS)
def test_a_usage_error_exits_2_with_one_line_and_a_hint(sallyport, tmp_path, args, named):
    listen = () if "--listen" in args else ("127.0.0.1:0",)
    result = start_proxy_that_must_fail(sallyport, tmp_path, *args, ports=listen)
    assert result.status == 2, result
    assert named in result.err
    assert len(result.err.strip().splitlines()) <= 2, "one line and a hint"
    assert "--help" in result.err or "expected" in result.err or "e.g." in result.err


def test_an_unknown_command_exits_2(sallyport):
    result = sallyport("prxy")
    assert result.status == 2
    assert "prxy" in result.err


def test_no_command_exits_2(sallyport):
    assert sallyport().status == 2


def test_a_port_in_use_is_named_and_nothing_else_stays_bound(sallyport, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        free = tmp_path / "free.sock"
        result = start_proxy_that_must_fail(
            sallyport, tmp_path, ports=[f"unix:{free}", f"127.0.0.1:{port}"]
        )
    assert f"127.0.0.1:{port}" in result.err
    assert "in use" in result.err
    assert not free.exists()


def test_an_address_that_is_not_ours_is_named(sallyport, tmp_path):
    result = start_proxy_that_must_fail(sallyport, tmp_path, ports=["192.0.2.1:3128"])
    assert "192.0.2.1:3128" in result.err


def test_a_certificate_folder_that_cannot_be_made_is_named(sallyport, tmp_path):
    blocker = tmp_path / "a-file"
    blocker.write_text("")
    result = start_proxy_that_must_fail(sallyport, tmp_path, "--ca-dir", blocker / "ca")
    assert str(blocker) in result.err


def test_a_file_in_place_of_the_certificate_folder_is_refused(sallyport, tmp_path):
    blocker = tmp_path / "a-file"
    blocker.write_text("mine")
    result = start_proxy_that_must_fail(sallyport, tmp_path, "--ca-dir", blocker)
    assert str(blocker) in result.err
    assert blocker.read_text() == "mine"


@pytest.mark.parametrize("what", ["folder", "key"])
def test_a_kept_key_that_others_can_read_is_refused(sallyport, start_proxy, tmp_path, what):
    ca = tmp_path / "ca"
    ca.mkdir(mode=0o700)
    start_proxy(args=["--ca-dir", ca, "--ca-persist"]).stop()
    assert (ca / "ca.key").stat().st_mode & 0o777 == 0o600
    (ca if what == "folder" else ca / "ca.key").chmod(0o755 if what == "folder" else 0o644)
    result = start_proxy_that_must_fail(sallyport, tmp_path, "--ca-dir", ca, "--ca-persist")
    assert str(ca) in result.err
    assert "chmod" in result.err


def test_a_kept_key_that_is_no_key_is_refused_and_kept(sallyport, tmp_path):
    ca = tmp_path / "ca"
    ca.mkdir(mode=0o700)
    key = ca / "ca.key"
    key.touch(mode=0o600)
    key.write_text("not a key")
    result = start_proxy_that_must_fail(sallyport, tmp_path, "--ca-dir", ca, "--ca-persist")
    assert "ca.key" in result.err
    assert key.read_text() == "not a key"


@pytest.mark.parametrize("content", [None, "no PEM here"], ids=["absent", "not PEM"])
def test_a_bad_upstream_ca_file_is_named(sallyport, tmp_path, content):
    file = tmp_path / "roots.pem"
    if content is not None:
        file.write_text(content)
    result = start_proxy_that_must_fail(sallyport, tmp_path, "--upstream-ca", file)
    assert "roots.pem" in result.err


@pytest.mark.parametrize("flag", ["--ready-file", "--env-file", "--audit-log"])
def test_an_output_file_in_a_missing_folder_is_named(sallyport, tmp_path, flag):
    file = tmp_path / "no-such-folder" / "file"
    result = sallyport("proxy", "--listen", "127.0.0.1:0", flag, file)
    assert result.status > 0, result
    assert "no-such-folder" in result.err


def test_a_unix_socket_in_a_missing_folder_is_named(sallyport, tmp_path):
    result = start_proxy_that_must_fail(
        sallyport, tmp_path, ports=[f"unix:{tmp_path}/missing/sock"]
    )
    assert "missing/sock" in result.err


def test_a_file_in_place_of_a_unix_socket_is_not_removed(sallyport, tmp_path):
    file = tmp_path / "precious"
    file.write_text("mine")
    result = start_proxy_that_must_fail(sallyport, tmp_path, ports=[f"unix:{file}"])
    assert "precious" in result.err
    assert file.read_text() == "mine"


def test_a_unix_path_that_is_too_long_is_refused(sallyport, tmp_path):
    result = start_proxy_that_must_fail(sallyport, tmp_path, ports=["unix:/tmp/" + "x" * 200])
    assert "xxx" in result.err


def test_a_bad_variable_is_named_as_its_flag_would_be(sallyport, tmp_path):
    result = start_proxy_that_must_fail(sallyport, tmp_path, env={"SALLYPORT_WORKERS": "many"})
    assert result.status == 2
    assert "SALLYPORT_WORKERS" in result.err or "--workers" in result.err


@program.needs_root
def test_running_out_of_descriptors_pauses_accepting_and_recovers(start_proxy, origin, secret):
    """The limit is the proxy's own soft limit, lowered from outside."""
    import resource

    from harness.deadline import eventually

    proxy = start_proxy(
        {"credentials": [RULE]}, {"api.test:443": origin}, env={"API_KEY": secret}
    )
    assert proxy.get("https://api.test/").status == 200
    used = len(os.listdir(f"/proc/{proxy.pid}/fd"))
    hard = resource.prlimit(proxy.pid, resource.RLIMIT_NOFILE)[1]
    resource.prlimit(proxy.pid, resource.RLIMIT_NOFILE, (used + 10, hard))
    idle = [proxy.open() for _ in range(40)]
    eventually(lambda: len(os.listdir(f"/proc/{proxy.pid}/fd")) >= used + 9, "the limit")
    for client in idle:
        client.close()

    # The next one waits for its turn, and is served.
    assert proxy.get("https://api.test/").status == 200


def test_a_full_audit_disk_does_not_stop_requests(start_proxy, origin):
    proxy = start_proxy(
        routes={"api.test:443": origin}, args=["--audit-log", "/dev/full"]
    )
    for _ in range(3):
        with proxy.tls("api.test:443", context=proxy.origin_context()) as client:
            assert client.get().status == 200


def test_a_standard_error_that_nobody_reads_does_not_stop_the_proxy(tmp_path):
    """Closed from the start: writing to it must not end the program."""
    ready = tmp_path / "ready.json"
    process = subprocess.Popen(
        [program.binary(), "proxy", "--listen", "127.0.0.1:0", "--ready-file", str(ready)],
        env=program.environment(tmp_path),
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    )
    process.stderr.close()
    from harness.deadline import eventually

    eventually(lambda: ready.exists() or process.poll() is not None, "the ready file")
    assert process.poll() is None
    process.terminate()
    assert process.wait(20) == 0
