"""The audit log: one JSON object a line for all that happened, and nothing secret in it."""

import datetime
import json
import threading

import pytest

from harness.deadline import eventually
from harness.fixtures import bearer_rule


@pytest.fixture
def proxy(start_proxy, origin, secret, origins):
    return start_proxy(
        {
            "network": {"allowedDomains": ["api.test", "other.test"],
                        "blockedDomains": ["blocked.test"]},
            "policy": {"default": "deny", "logAllowed": True, "logBlocked": True},
            "credentials": [bearer_rule(), bearer_rule(variable="NOT_SET", name="named")],
        },
        {"api.test:443": origin, "other.test:443": origin},
        env={"API_KEY": secret},
    )  # fmt: skip


def test_a_request_is_recorded_with_all_its_fields(proxy, origin):
    origin.routes["/v1/messages"] = lambda turn: turn.reply(201, body=b"x" * 123)
    reply = proxy.request("POST", "https://api.test/v1/messages?key=private", body=b"y" * 45)
    assert reply.status == 201
    record = proxy.wait_for_audit(lambda r: r["event"] == "request", "the request")
    time = datetime.datetime.strptime(record["time"], "%Y-%m-%dT%H:%M:%S.%fZ")
    assert abs((datetime.datetime.utcnow() - time).total_seconds()) < 60
    assert len(record["time"]) == len("2026-01-02T03:04:05.678Z")
    expected = {
        "event": "request",
        "method": "POST",
        "scheme": "https",
        "host": "api.test",
        "port": 443,
        "path": "/v1/messages",
        "protocol": "http/1.1",
        "upstreamProtocol": "http/1.1",
        "decision": "allowed",
        "by": "allowedDomains[0]",
        "rule": "credentials[0]",
        "injected": ["authorization"],
        "status": 201,
        "requestBytes": 45,
        "responseBytes": 123,
        "error": None,
    }
    assert {k: record.get(k) for k in expected} == expected
    assert record["client"]
    assert 0 <= record["upstreamMs"] <= record["durationMs"] < 60_000
    assert "private" not in json.dumps(record)


def test_a_denied_host_is_recorded(proxy):
    proxy.connect("blocked.test:443")
    record = proxy.wait_for_audit(lambda r: r.get("host") == "blocked.test", "the denial")
    assert record["event"] == "denied"
    assert record["decision"] == "denied"
    assert record["by"] == "blockedDomains[0]"
    assert record["error"] == "host_denied"
    assert record["port"] == 443


def test_a_host_denied_by_default_is_recorded_with_what_decided(proxy):
    proxy.connect("unlisted.test:443")
    record = proxy.wait_for_audit(lambda r: r.get("host") == "unlisted.test", "the denial")
    assert record["by"] == "policy.default"


def test_a_tunnel_is_recorded_when_it_ends(proxy, origin):
    with proxy.tls("other.test:443", context=proxy.origin_context()) as client:
        assert client.get("/path/inside").status == 200
    record = proxy.wait_for_audit(lambda r: r["event"] == "tunnel", "the tunnel")
    assert record["host"] == "other.test"
    assert record["decision"] == "allowed"
    assert record["by"] == "allowedDomains[1]"
    assert record["requestBytes"] > 100 and record["responseBytes"] > 100
    assert not record.get("path")


def test_refusals_within_a_connection_are_recorded(proxy, origin):
    with proxy.tls("api.test:443") as client:
        client.request("GET", "/", host="other.test")
    record = proxy.wait_for_audit(lambda r: r.get("error") == "authority_mismatch", "the 421")
    assert record["status"] == 421
    with proxy.tls("api.test:443") as client:
        client.send(b"GET / HTTP/1.1\r\nbroken\r\n\r\n")
        client.read_what_comes()
    proxy.wait_for_audit(lambda r: r.get("error") == "bad_request", "the 400")


def test_a_request_that_breaks_in_its_body_has_one_record(proxy, origin):
    with proxy.tls("api.test:443") as client:
        client.send(b"POST /broken HTTP/1.1\r\nHost: api.test\r\n"
                    b"Transfer-Encoding: chunked\r\n\r\nzz\r\n")
        assert client.read_response("POST").status == 400
        assert client.is_closed()
    proxy.request("GET", "https://api.test/after")
    proxy.wait_for_audit(lambda r: r.get("path") == "/after", "the request after it")
    (record,) = [r for r in proxy.audit()
                 if r["event"] in ("request", "denied") and r["path"] != "/after"]
    assert (record["path"], record["status"], record["error"]) == ("/broken", 400, "bad_request")


def test_control_characters_and_quotes_in_a_path_cannot_forge_a_record(proxy, origin):
    target = '/a"b\\c%0A{"event":"forged"}'
    with proxy.tls("api.test:443") as client:
        client.send_request("GET", target)
        client.read_response()
    proxy.wait_for_audit(lambda r: r.get("host") == "api.test", "the request")
    for record in proxy.audit():
        assert record["event"] != "forged"


def test_no_header_value_or_query_is_recorded(proxy, origin):
    fields = [("User-Agent", "agent-value"), ("Cookie", "cookie-value")]
    proxy.request("GET", "https://api.test/?query-value", fields)
    proxy.wait_for_audit(lambda r: r["event"] == "request", "the request")
    text = proxy.audit_file.read_text()
    for value in ("agent-value", "cookie-value", "query-value"):
        assert value not in text


def test_every_request_of_a_busy_time_is_recorded_once(proxy, origin):
    def ask(number):
        with proxy.tls("api.test:443") as client:
            for i in range(25):
                assert client.get(f"/{number}/{i}").status == 200

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    eventually(lambda: len(proxy.audit("request")) >= 200, "200 records")
    paths = sorted(r["path"] for r in proxy.audit("request"))
    assert paths == sorted(f"/{n}/{i}" for n in range(8) for i in range(25))


def test_start_and_end_are_recorded(proxy):
    proxy.stop()
    lifecycle = proxy.audit("lifecycle")
    assert len(lifecycle) >= 2, proxy.audit()


def test_a_policy_change_is_recorded(proxy):
    proxy.reload({"network": {"blockedDomains": ["api.test"]}})
    assert proxy.wait_for_audit(lambda r: r["event"] == "policy", "the change")


def test_a_credential_change_is_recorded_without_its_value(start_proxy, search, tmp_path):
    old, new = search.make(), search.make()
    file = tmp_path / "key"
    file.write_text(old)
    proxy = start_proxy(
        {"credentials": [{"domain": "api.test", "file": str(file), "header": "X", "name": "it"}]}
    )
    file.write_text(new)
    record = proxy.wait_for_audit(lambda r: r["event"] == "credential", "the new value")
    assert record["rule"] == "it"


def test_the_log_can_go_to_standard_output(start_proxy, origin):
    proxy = start_proxy(
        {"network": {"blockedDomains": ["api.test"]}},
        {"api.test:443": origin},
        args=["--audit-log", "-"],
    )
    proxy.connect("api.test:443")
    proxy.stdout.wait_for('"host_denied"')
    *lines, _ = proxy.stdout.text().split("\n")
    for line in lines:
        json.loads(line)


def test_the_log_can_be_events_of_ocsf(start_proxy, origin, secret):
    proxy = start_proxy(
        {"network": {"blockedDomains": ["blocked.test"]}, "credentials": [bearer_rule()]},
        routes={"api.test:443": origin},
        env={"API_KEY": secret},
        args=["--audit-format", "ocsf"],
    )
    assert proxy.request("GET", "https://api.test/a?query").status == 200
    proxy.connect("blocked.test:443")
    denied = proxy.wait_for_audit(lambda e: e.get("action_id") == 2, "the denial")
    assert proxy.wait_for_audit(lambda e: e["type_uid"] == 600203, "the start")
    request = proxy.wait_for_audit(lambda e: e["type_uid"] == 400203, "the GET")
    assert request["http_request"]["url"]["path"] == "/a"
    assert request["unmapped"]["injected"] == ["authorization"]
    assert denied["dst_endpoint"] == {"hostname": "blocked.test", "port": 443}
    assert denied["firewall_rule"]["name"] == "blockedDomains[0]"


def test_the_log_is_private_and_appended_to(start_proxy, tmp_path):
    audit = tmp_path / "audit.jsonl"
    for _ in range(2):
        start_proxy({}, args=["--audit-log", audit]).stop()
    assert audit.stat().st_mode & 0o077 == 0
    events = [json.loads(line)["event"] for line in audit.read_text().splitlines()]
    assert events.count("lifecycle") >= 4


def test_run_writes_its_log_to_the_state_folder(sallyport, tmp_path):
    state = tmp_path / "state"
    result = sallyport(
        "run", "--isolation", "none", "--", "/bin/true", env={"XDG_STATE_HOME": str(state)}
    )
    assert result.status == 0, result
    audit = state / "sallyport" / "audit.jsonl"
    assert audit.exists()
    assert audit.stat().st_mode & 0o077 == 0
