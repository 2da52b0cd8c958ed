"""No secret in anything that the untrusted side can see.

Every test of this suite that has a secret ends in the same search (harness/secrecy.py); these
drive the proxy through all its kinds of answers first, and look into the child.
"""

import base64
import os
import signal
from pathlib import Path

import pytest

from harness.fixtures import bearer_rule
from harness.origin import head
from harness.secrecy import SecretSearch


def test_the_search_finds_every_form_of_a_secret():
    search = SecretSearch()
    secret = search.make()
    raw = secret.encode()
    from urllib.parse import quote

    forms = [raw, quote(raw, safe="").encode()]
    forms += [base64.b64encode(b"x" * n + raw + b"y" * n) for n in range(5)]
    forms += [base64.urlsafe_b64encode(b"x" * n + raw) for n in range(3)]
    for form in forms:
        with pytest.raises(AssertionError):
            search.check(b"before " + form + b" after", "a test")
    search.check(b"nothing of the kind " * 1000, "a test")


def test_no_answer_log_or_file_holds_the_secret(start_proxy, origins, secret, search, pki):
    """Provokes every kind of answer; the search runs as the proxy stops."""
    file_secret, command_secret = search.make(), search.make()
    good, plain, untrusted = origins.https(), origins.http(), origins.https(pki.expired)
    broken = origins.https()
    broken.routes["/"] = lambda turn: (turn.finish_body(), turn.send(b"nonsense\r\n\r\n"))
    unreachable = origins.tcp()
    unreachable.stop()
    (Path(pki.folder) / "a-secret").write_text(file_secret)
    hosts = ["api.test", "bad.svc.test", "broken.svc.test", "gone.svc.test"]
    proxy = start_proxy(
        {
            "policy": {"logAllowed": True, "logBlocked": True},
            "network": {"blockedDomains": ["blocked.test"]},
            "credentials": [
                bearer_rule(hosts, **{"continue": True}),
                {"domain": hosts, "file": f"{pki.folder}/a-secret", "header": "X-File",
                 "format": "Basic ${'u:' value | base64}", "continue": True},
                {"domain": hosts, "command": ["/bin/echo", command_secret], "query": "key"},
            ],
        },
        {
            "api.test:443": good,
            "api.test:80": plain,
            "bad.svc.test:443": untrusted,
            "broken.svc.test:443": broken,
            "gone.svc.test:443": unreachable,
        },
        env={"API_KEY": secret},
    )  # fmt: skip
    placeholder = proxy.placeholder("API_KEY")
    assert proxy.request("GET", "https://api.test/p?a=b", [("X", placeholder)]).status == 200
    assert proxy.get("https://bad.svc.test/").error == "upstream_tls"
    assert proxy.get("https://broken.svc.test/").error == "upstream_protocol"
    assert proxy.get("https://gone.svc.test/").error == "upstream_unreachable"
    assert proxy.get("http://api.test/").error == "plaintext_credential"
    assert proxy.request("TRACE", "https://api.test/").status == 405
    _, reply = proxy.connect("blocked.test:443")
    assert reply.error == "host_denied"
    with proxy.tls("api.test:443") as client:
        assert client.request("GET", "/", host="bad.svc.test").status == 421
    with proxy.tls("api.test:443") as client:
        client.send(b"GET / HTTP/1.1\r\nbroken head\r\n\r\n")
        assert client.read_response().status == 400
    proxy.reload("{ not json")
    proxy.stderr.wait_for("proxy-config.json:1")
    assert good.requests[0].fields.one("authorization") == f"Bearer {secret}"
    proxy.stop()


def test_the_secret_leaves_the_proxys_own_environment(injecting_proxy, search):
    path = Path(f"/proc/{injecting_proxy.pid}/environ")
    if os.geteuid() != 0:
        with pytest.raises(PermissionError):
            path.read_bytes()
        return
    search.check(path.read_bytes(), "the proxy's environment")


def test_the_proxy_cannot_be_dumped_or_traced_by_its_equals(injecting_proxy):
    pid = injecting_proxy.pid
    limits = Path(f"/proc/{pid}/limits").read_text()
    core = next(line for line in limits.splitlines() if line.startswith("Max core file size"))
    assert core.split()[4:6] == ["0", "0"]
    # A process that is not dumpable has its /proc files owned by root, whoever runs it; where the
    # tests are root themselves, coredump_filter and the like do not show it.
    if os.getuid() != 0:
        assert os.stat(f"/proc/{pid}/environ").st_uid == 0


def test_a_quit_signal_leaves_no_core(injecting_proxy):
    """Even when asked for one: the limit is the process's own."""
    os.kill(injecting_proxy.pid, signal.SIGQUIT)
    injecting_proxy.expect_status(injecting_proxy.wait_for_exit())
    assert not list(injecting_proxy.folder.glob("core*"))


def test_secret_files_are_private(start_proxy, secret):
    proxy = start_proxy({"credentials": [bearer_rule()]}, env={"API_KEY": secret})
    assert proxy.env_file.stat().st_mode & 0o777 == 0o600
    assert not (proxy.ca_dir / "ca.key").exists()
    for file in proxy.ca_dir.iterdir():
        assert b"PRIVATE KEY" not in file.read_bytes()


LOOK_EVERYWHERE = r"""
import os, pathlib, sys
out = sys.stdout.buffer
for name in ("environ", "cmdline", "mounts", "mountinfo", "limits", "status"):
    out.write(pathlib.Path("/proc/self", name).read_bytes())
for number in os.listdir("/proc/self/fd"):
    try:
        out.write(f"fd {number} -> {os.readlink('/proc/self/fd/' + number)}\n".encode())
    except OSError:
        pass
# Every file that a variable or an argument names, and the folders beside them.
for value in os.environ.values():
    path = pathlib.Path(value)
    if path.is_absolute() and path.is_file():
        for file in path.parent.iterdir() if "sallyport" in str(path) else [path]:
            if file.is_file():
                out.write(file.read_bytes())
for line in pathlib.Path("/proc/self/maps").read_text().splitlines():
    area, mode = line.split()[:2]
    if "r" not in mode or line.endswith(("[vvar]", "[vsyscall]")):
        continue
    start, end = (int(x, 16) for x in area.split("-"))
    with open("/proc/self/mem", "rb", 0) as memory:
        memory.seek(start)
        try:
            out.write(memory.read(end - start))
        except OSError:
            pass
"""


def test_the_child_holds_no_secret_in_memory_environment_arguments_or_files(
    run_child, secret, search
):
    result = run_child(
        ["/usr/bin/python3", "-c", LOOK_EVERYWHERE],
        config={"credentials": [bearer_rule()]},
        env={"API_KEY": secret},
    )
    assert result.status == 0, result
    assert b"API_KEY=" in result.stdout, "the child does not even have the placeholder"
    search.check(result.stdout, "the child")


def test_the_child_inherits_only_its_three_descriptors(run_child, tmp_path):
    extra = os.open(tmp_path, os.O_RDONLY)
    os.set_inheritable(extra, True)
    try:
        listing = "import os; print(sorted(int(n) for n in os.listdir('/proc/self/fd')))"
        result = run_child(["/usr/bin/python3", "-c", listing], pass_fds=[extra])
    finally:
        os.close(extra)
    # The fourth is the listing's own.
    assert result.out.strip() == "[0, 1, 2, 3]", result


def test_help_and_version_do_not_show_the_environment(sallyport, search):
    secret = search.make()
    for args in (["--help"], ["proxy", "--help"], ["run", "--help"], ["--version"]):
        result = sallyport(*args, env={"API_KEY": secret, "SALLYPORT_SANDBOX": secret})
        assert result.status == 0
        search.check(result.stdout + result.stderr, " ".join(args))


def test_explain_never_prints_the_value(sallyport, search, tmp_path):
    secret = search.make()
    config = tmp_path / "proxy-config.json"
    config.write_text(
        '{"credentials":[{"domain":"api.test","envVar":"API_KEY","header":"X-Key"}]}'
    )
    for extra in ([], ["--json"]):
        result = sallyport(
            "explain", "--config", config, *extra, "https://api.test/", env={"API_KEY": secret}
        )
        assert result.status == 0, result
        search.check(result.stdout + result.stderr, "explain")


def test_replies_that_are_never_finished_leak_nothing(injecting_proxy, origin):
    """What the proxy buffers while it waits is not sent on by mistake."""
    origin.routes["/"] = lambda turn: (
        turn.finish_body(),
        turn.send(head(200, [("Content-Length", "10")]) + b"half"),
        turn.close(),
    )
    with injecting_proxy.tls("api.test:443") as client:
        client.send_request("GET", "/", [("Authorization", "Bearer x")])
        client.read_what_comes()


