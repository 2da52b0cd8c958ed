"""Starting, listening, draining and ending of the proxy."""

import json
import os
import re
import signal
import socket
import stat
import threading
import time

import pytest

from harness.deadline import eventually
from harness.fixtures import bearer_rule
from harness.http import chunk
from harness.origin import head
from harness.program import needs_root


def test_the_ready_file_says_where_everything_is(start_proxy):
    ready = start_proxy().ready
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/?", ready["proxy"])
    assert os.path.isabs(ready["ca"]) and os.path.isfile(ready["ca"])
    assert os.path.isabs(ready["caBundle"]) and os.path.isfile(ready["caBundle"])


def test_the_ready_file_is_never_seen_half_written(start_proxy):
    proxy = start_proxy(wait=False)

    def readable():
        try:
            return json.loads(proxy.ready_file.read_text())
        except FileNotFoundError:
            return None

    assert eventually(readable, "a whole ready file")
    proxy.wait_until_ready()


def test_the_bundle_holds_the_systems_roots_and_ours(start_proxy):
    proxy = start_proxy()
    ca = proxy.ca_file.read_text().strip()
    bundle = open(proxy.ready["caBundle"]).read()
    assert ca in bundle
    assert bundle.count("BEGIN CERTIFICATE") > 10
    assert ca.count("BEGIN CERTIFICATE") == 1


def test_without_a_folder_given_the_certificates_go_to_a_private_one(sallyport, tmp_path):
    import subprocess

    from harness import program

    ready = tmp_path / "ready.json"
    process = subprocess.Popen(
        [program.binary(), "proxy", "--listen", "127.0.0.1:0", "--ready-file", str(ready)],
        env=program.environment(tmp_path, {"TMPDIR": str(tmp_path)}),
        stderr=subprocess.DEVNULL,
    )
    eventually(ready.exists, "the ready file")
    ca = json.loads(ready.read_text())["ca"]
    folder = os.path.dirname(ca)
    assert stat.S_IMODE(os.stat(folder).st_mode) == 0o700
    process.terminate()
    assert process.wait(20) == 0
    assert not os.path.exists(folder)


def test_the_certificate_authority_is_new_for_every_run_unless_kept(start_proxy, tmp_path):
    plain = {start_proxy().ca_file.read_text() for _ in range(2)}
    assert len(plain) == 2
    folder = tmp_path / "kept"
    kept = set()
    for _ in range(2):
        proxy = start_proxy(args=["--ca-dir", folder, "--ca-persist"])
        kept.add(proxy.ca_file.read_text())
        proxy.stop()
    assert len(kept) == 1
    assert stat.S_IMODE((folder / "ca.key").stat().st_mode) == 0o600


def test_a_kept_authority_still_signs(start_proxy, origin, secret, tmp_path):
    for _ in range(2):
        proxy = start_proxy(
            {"credentials": [bearer_rule()]},
            {"api.test:443": origin},
            env={"API_KEY": secret},
            args=["--ca-dir", tmp_path / "kept", "--ca-persist"],
        )
        assert proxy.get("https://api.test/").status == 200
        proxy.stop()


def test_a_unix_listener_serves_as_a_tcp_one(start_proxy, origin, secret, tmp_path):
    path = tmp_path / "proxy.sock"
    proxy = start_proxy(
        {"credentials": [bearer_rule()]},
        {"api.test:443": origin},
        env={"API_KEY": secret},
        args=["--listen", f"unix:{path}", "--listen", "127.0.0.1:0"],
        workers=2,
    )
    for address in (f"unix:{path}", proxy_tcp_address(proxy)):
        with proxy.tls("api.test:443", address=address) as client:
            assert client.get().status == 200
    assert [r.fields.one("authorization") for r in origin.requests] == [f"Bearer {secret}"] * 2
    proxy.stop()
    assert not path.exists()


def proxy_tcp_address(proxy):
    """The TCP listener's address, also where it is not the one the ready file names."""
    if not proxy.address.startswith("unix"):
        return proxy.address
    return re.search(r"127\.0\.0\.1:\d+", proxy.stderr.text())[0]


def test_a_stale_unix_socket_is_replaced(start_proxy, origin, tmp_path):
    path = tmp_path / "proxy.sock"
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(str(path))
    stale.close()
    proxy = start_proxy(
        routes={"api.test:80": origin}, args=["--listen", "127.0.0.1:0", "--listen", f"unix:{path}"]
    )
    with proxy.open(address=f"unix:{path}") as client:
        assert client.get("/").status == 400


def test_a_unix_socket_that_someone_serves_is_not_taken_over(start_proxy, tmp_path):
    path = tmp_path / "proxy.sock"
    first = start_proxy(args=["--listen", "127.0.0.1:0", "--listen", f"unix:{path}"])
    second = start_proxy(
        args=["--listen", "127.0.0.1:0", "--listen", f"unix:{path}"], wait=False
    )
    second.expect_failure()
    assert str(path) in second.stderr.text()
    with first.open(address=f"unix:{path}") as client:
        assert client.get("/").status == 400


def test_several_listeners_serve_side_by_side(start_proxy, origin):
    args = ["--listen", "127.0.0.1:0", "--listen", "[::1]:0", "--listen", "127.0.0.1:0"]
    proxy = start_proxy(routes={"api.test:443": origin}, args=args)
    addresses = set(json.loads(proxy.ready_file.read_text())["listen"])
    assert len(addresses) == 3
    for address in addresses:
        context = proxy.origin_context()
        with proxy.tls("api.test:443", context=context, address=address) as client:
            assert client.get().status == 200


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_every_worker_serves(start_proxy, origin, secret, workers):
    proxy = start_proxy(
        {"credentials": [bearer_rule()]},
        {"api.test:443": origin},
        env={"API_KEY": secret},
        workers=workers,
    )
    clients = [proxy.tls("api.test:443") for _ in range(32)]
    for client in clients:
        assert client.get().status == 200
    assert len(origin.requests) == 32
    # Each worker that took part has a pool of its own.
    assert 1 <= len(origin.connections) <= workers


def test_connect_to_redirects_one_port_of_one_host(start_proxy, origins):
    first, second = origins.http(), origins.http()
    proxy = start_proxy(routes={"api.test:80": first, "api.test:8080": second})
    assert proxy.get("http://api.test/1").status == 200
    assert proxy.get("http://api.test:8080/2").status == 200
    assert first.only_request().fields.one("host") == "api.test"
    assert second.only_request().fields.one("host") == "api.test:8080"


def test_connect_to_reaches_an_ipv6_address(start_proxy, origins):
    origin = origins.http(host="::1")
    proxy = start_proxy(routes={"api.test:80": origin})
    assert proxy.get("http://api.test/").status == 200


def test_connect_to_does_not_get_round_the_block_list(start_proxy, origins):
    origin = origins.http()
    proxy = start_proxy(
        {"network": {"blockedDomains": ["api.test"]}}, routes={"api.test:80": origin}
    )
    assert proxy.get("http://api.test/").error == "host_denied"
    assert not origin.connections


def test_flags_may_come_from_the_environment_and_the_command_line_wins(start_proxy, tmp_path):
    from_environment, from_flag = tmp_path / "env.jsonl", tmp_path / "flag.jsonl"
    env = {"SALLYPORT_AUDIT_LOG": str(from_environment), "SALLYPORT_CA_PERSIST": "0"}
    start_proxy(env=env, args=["--audit-log", from_flag]).stop()
    assert from_flag.exists() and not from_environment.exists()


def test_the_log_can_be_json_for_machines(start_proxy):
    proxy = start_proxy({"network": {"allowedDomains": ["*.com"]}}, args=["--log-format", "json"])
    proxy.stop()
    lines = proxy.stderr.text().splitlines()
    assert lines
    for line in lines:
        assert {"time", "level", "component", "message"} <= json.loads(line).keys()


def test_the_configuration_is_found_in_its_usual_places(sallyport, origins, tmp_path):
    """In order: $SALLYPORT_CONFIG, $XDG_CONFIG_HOME, ~/.sandboxd; never the working folder."""
    home = tmp_path / "home"

    def decided_by(pattern, env=None):
        result = sallyport("explain", "https://api.test/", env=env, cwd=tmp_path)
        assert result.status == 0, result
        return pattern in result.out

    def blocking(file):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text('{"network": {"blockedDomains": ["api.test"]}}')
        return file

    blocking(tmp_path / "proxy-config.json")
    assert not decided_by("blockedDomains[0]")
    docker = blocking(home / ".sandboxd" / "proxy-config.json")
    assert decided_by("blockedDomains[0]")
    docker.unlink()
    usual = blocking(home / ".config" / "sallyport" / "proxy-config.json")
    assert decided_by("blockedDomains[0]")
    usual.unlink()
    xdg = blocking(tmp_path / "xdg" / "sallyport" / "proxy-config.json")
    assert decided_by("blockedDomains[0]", env={"XDG_CONFIG_HOME": str(tmp_path / "xdg")})
    named = blocking(tmp_path / "named.json")
    xdg.unlink()
    assert decided_by("blockedDomains[0]", env={"SALLYPORT_CONFIG": str(named)})


def test_the_env_file_says_what_a_program_behind_the_proxy_needs(start_proxy, secret):
    proxy = start_proxy(
        {"credentials": [bearer_rule(), bearer_rule(variable="NOT_SET")]},
        env={"API_KEY": secret},
    )
    env = proxy.environment_for_child()
    assert env["HTTPS_PROXY"].rstrip("/") == proxy.ready["proxy"].rstrip("/")
    for name in ("SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "GIT_SSL_CAINFO"):
        assert env[name] == proxy.ready["caBundle"]
    assert re.fullmatch(r"sallyport-[0-9a-f]{32}", env["API_KEY"])
    assert "NOT_SET" not in env
    assert not [name for name in env if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name)]


# Draining -------------------------------------------------------------------------------------


def test_idle_connections_do_not_delay_the_end(injecting_proxy):
    with injecting_proxy.tls("api.test:443") as idle, injecting_proxy.open() as silent:
        assert idle.get().status == 200
        began = time.monotonic()
        injecting_proxy.terminate()
        assert injecting_proxy.wait_for_exit() == 0
        assert time.monotonic() - began < 5
        assert idle.is_closed() and silent.is_closed()


def test_a_request_in_flight_is_finished_and_new_connections_are_refused(injecting_proxy, origin):
    arrived, go_on = threading.Event(), threading.Event()

    def slow(turn):
        turn.finish_body()
        turn.send(head(200, [("Transfer-Encoding", "chunked")]) + chunk(b"begun "))
        arrived.set()
        turn.wait(go_on, "go on")
        turn.send(chunk(b"and finished") + b"0\r\n\r\n")

    origin.routes["/"] = slow
    with injecting_proxy.tls("api.test:443") as client:
        client.send_request("GET", "/")
        assert arrived.wait(10)
        injecting_proxy.terminate()

        def refused():
            try:
                injecting_proxy.open().close()
            except ConnectionRefusedError:
                return True

        eventually(refused, "new connections refused")
        assert injecting_proxy.process.poll() is None
        go_on.set()
        assert client.read_response().body == b"begun and finished"
        assert client.is_closed()
    assert injecting_proxy.wait_for_exit() == 0


def test_a_second_signal_ends_at_once(injecting_proxy, origin):
    arrived = threading.Event()
    never = threading.Event()

    def stuck(turn):
        arrived.set()
        never.wait(20)
        turn.close()

    origin.routes["/"] = stuck
    with injecting_proxy.tls("api.test:443") as client:
        client.send_request("GET", "/")
        assert arrived.wait(10)
        injecting_proxy.terminate()
        began = time.monotonic()
        eventually(lambda: send_until_gone(injecting_proxy), "the end")
        assert time.monotonic() - began < 8
        never.set()
    # Not 0: a request was cut short.
    injecting_proxy.expect_status(1)


def send_until_gone(proxy):
    proxy.terminate()
    return proxy.process.poll() is not None


def test_interrupt_ends_the_proxy_as_terminate_does(injecting_proxy):
    injecting_proxy.process.send_signal(signal.SIGINT)
    assert injecting_proxy.wait_for_exit() == 0


def test_an_end_leaves_no_ready_file_behind(injecting_proxy):
    injecting_proxy.stop()
    assert not injecting_proxy.ready_file.exists()


@needs_root
def test_connections_and_descriptors_are_given_back(injecting_proxy, origin):
    def descriptors():
        return len(os.listdir(f"/proc/{injecting_proxy.pid}/fd"))

    def round():
        for _ in range(20):
            with injecting_proxy.tls("api.test:443") as client:
                assert client.get().status == 200
            with injecting_proxy.open() as client:
                client.send(b"garbage\r\n\r\n")
                client.read_what_comes()

    round()
    settled = descriptors()
    round()
    eventually(lambda: descriptors() <= settled + 1, "the descriptors given back")
