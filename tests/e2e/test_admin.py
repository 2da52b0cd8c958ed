"""Health, metrics and access logs: what an operator sees."""

import http.client
import json
import signal
import socket
import threading

import pytest

from harness.admin import Admin
from harness.deadline import LIMIT_SECONDS, eventually
from harness.fixtures import bearer_rule

@pytest.fixture
def observed(start_proxy, origin, secret):
    """A proxy with an admin endpoint that writes a credential into requests to api.test."""
    return start_proxy(
        {
            "policy": {"default": "deny"},
            "network": {"allowedDomains": ["api.test"]},
            "credentials": [bearer_rule(name="the api")],
        },
        {"api.test:443": origin},
        env={"API_KEY": secret},
        args=["--admin", "127.0.0.1:0"],
    )


def test_it_is_alive_and_ready(observed):
    admin = Admin(observed)
    assert admin.get("/healthz") == (200, "alive\n")
    assert admin.get("/readyz") == (200, "ready\n")
    assert admin.get("/elsewhere")[0] == 404


def test_only_reading_is_served(observed):
    host = observed.ready["admin"].removeprefix("http://")
    connection = http.client.HTTPConnection(host, timeout=LIMIT_SECONDS)
    connection.request("POST", "/metrics", body=b"x")
    reply = connection.getresponse()
    assert (reply.status, reply.getheader("Allow")) == (405, "GET, HEAD")
    reply.read()
    connection.request("HEAD", "/healthz")
    reply = connection.getresponse()
    assert (reply.status, reply.getheader("Content-Length"), reply.read()) == (200, "6", b"")
    connection.close()


def test_it_serves_on_a_unix_socket(start_proxy, tmp_path):
    path = tmp_path / "admin.sock"
    proxy = start_proxy(args=["--admin", f"unix:{path}"])
    assert proxy.ready["admin"] == f"unix:{path}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(LIMIT_SECONDS)
        sock.connect(str(path))
        sock.sendall(b"GET /healthz HTTP/1.1\r\nHost: admin\r\nConnection: close\r\n\r\n")
        assert sock.makefile("rb").read().endswith(b"\r\n\r\nalive\n")
    proxy.stop()
    assert not path.exists()


def test_there_is_none_by_default(start_proxy):
    assert start_proxy().ready["admin"] is None


def test_the_child_cannot_reach_it(start_proxy, origin):
    proxy = start_proxy(
        {"network": {"allowedDomains": ["*"], "allowedCIDRs": ["127.0.0.0/8"]}},
        {"api.test:443": origin},
        args=["--admin", "127.0.0.1:0"],
    )
    host = proxy.ready["admin"].removeprefix("http://")
    with proxy.open() as client:
        reply = client.request("GET", f"http://{host}/metrics", host=host)
        assert (reply.status, reply.error) == (403, "address_denied")


def test_it_is_not_ready_while_draining_but_alive(observed, origin):
    admin = Admin(observed)
    release = origin_holding(origin)
    with observed.tls("api.test:443") as client:
        client.send_request("GET", "/held")
        origin.wait_for_requests(1)
        observed.terminate()
        eventually(lambda: admin.get("/readyz")[0] == 503, "not ready")
        assert admin.get("/healthz")[0] == 200
        release()
        assert client.read_response().status == 200


def origin_holding(origin):
    """Holds the answer to /held until the returned function is called."""
    told = threading.Event()

    def hold(turn):
        turn.wait(told, "release")
        turn.reply(200, body=b"at last")

    origin.routes["/held"] = hold
    return told.set


def test_requests_are_counted(observed):
    admin = Admin(observed)
    with observed.tls("api.test:443") as client:
        assert client.get("/").status == 200
        assert client.get("/").status == 200
    with observed.open() as client:
        assert client.request("GET", "http://evil.test/", host="evil.test").status == 403
    rule = {"rule": "the api"}
    assert admin.value("sallyport_requests_total", decision="allowed", protocol="http/1.1",
                       status_class="2xx", **rule) == 2
    assert admin.value("sallyport_requests_total", decision="denied", protocol="http/1.1",
                       status_class="4xx", rule="") == 1
    assert admin.value("sallyport_injections_total", **rule) == 2
    assert admin.value("sallyport_denied_total", reason="host_denied") == 1
    assert admin.value("sallyport_request_duration_seconds_count") == 3
    assert admin.value("sallyport_request_duration_seconds_bucket", le="+Inf") == 3
    assert admin.value("sallyport_upstream_duration_seconds_count") == 2
    assert admin.value("sallyport_tls_handshakes_total", side="client", resumed="false") == 1
    assert admin.value("sallyport_tls_handshakes_total", side="upstream", resumed="false") == 1
    assert admin.value("sallyport_certificates_minted_total") == 1
    assert admin.value("sallyport_upstream_pool", state="idle") == 1
    assert admin.value("sallyport_policy_version") == 1
    assert admin.value("sallyport_gateway_connected") == 0
    assert admin.value("sallyport_credential_age_seconds", **rule) > 0
    assert admin.value("process_resident_memory_bytes") > 1 << 20
    assert admin.value("process_open_fds") > 3


def test_open_connections_are_shown(observed, origin):
    admin = Admin(observed)
    with observed.tls("api.test:443") as client:
        assert client.get("/").status == 200
        assert admin.value("sallyport_connections", side="client", protocol="http/1.1") == 1
        assert admin.value("sallyport_connections", side="upstream", protocol="http/1.1") == 1
    eventually(
        lambda: admin.value("sallyport_connections", side="client", protocol="http/1.1") == 0,
        "the connection's end",
    )


def test_all_workers_are_counted_together(start_proxy, origin, secret):
    proxy = start_proxy(
        {"credentials": [bearer_rule()]}, {"api.test:443": origin}, env={"API_KEY": secret},
        args=["--admin", "127.0.0.1:0"], workers=3,
    )
    for _ in range(6):
        with proxy.tls("api.test:443") as client:
            assert client.get("/").status == 200
    metrics = Admin(proxy).metrics()
    total = sum(v for (name, _), v in metrics.items() if name == "sallyport_requests_total")
    assert total == 6


def test_no_label_comes_from_a_client(observed):
    admin = Admin(observed)
    for host in ("one.test", "two.test", "three.test"):
        with observed.open() as client:
            client.request("GET", f"http://{host}/", host=host)
    text = admin.get("/metrics")[1]
    assert "one.test" not in text and "api.test" not in text


def test_a_reload_and_a_failing_source_are_counted(start_proxy, origin, tmp_path):
    key_file = tmp_path / "key"
    key_file.write_text("first")
    config = {"credentials": [{"domain": "api.test", "file": str(key_file),
                               "header": "x-api-key", "name": "by file"}]}
    proxy = start_proxy(config, {"api.test:443": origin}, args=["--admin", "127.0.0.1:0"])
    admin = Admin(proxy)
    assert admin.value("sallyport_credential_errors_total", rule="by file") == 0
    key_file.unlink()
    eventually(lambda: admin.value("sallyport_credential_errors_total", rule="by file") > 0,
               "the error to be counted")
    assert ("sallyport_credential_age_seconds", (("rule", "by file"),)) not in admin.metrics()
    proxy.process.send_signal(signal.SIGHUP)
    eventually(lambda: admin.value("sallyport_policy_version") == 2, "the reload")


def access_lines(proxy):
    lines = [json.loads(line) for line in proxy.stderr.text().splitlines()]
    return [line for line in lines if line["component"] == "access"]


@pytest.mark.parametrize("allowed, blocked", [(False, False), (True, False), (False, True)])
def test_access_is_logged_as_the_policy_says(start_proxy, origin, secret, allowed, blocked):
    proxy = start_proxy(
        {
            "policy": {"default": "deny", "logAllowed": allowed, "logBlocked": blocked},
            "network": {"allowedDomains": ["api.test"]},
            "credentials": [bearer_rule()],
        },
        {"api.test:443": origin},
        env={"API_KEY": secret},
        args=["--log-format", "json", "--log-level", "info"],
    )
    with proxy.tls("api.test:443") as client:
        assert client.get("/?q=private").status == 200
    with proxy.open() as client:
        assert client.request("GET", "http://evil.test/", host="evil.test").status == 403
    proxy.stop()
    lines = access_lines(proxy)
    hosts = [line["host"] for line in lines]
    assert hosts == (["api.test"] if allowed else ["evil.test"] if blocked else [])
    if allowed:
        assert lines[0]["status"] == 200
    if blocked:
        assert lines[0]["reason"] == "host_denied"
    assert "private" not in proxy.stderr.text()
