"""Changing the configuration of a running proxy."""

import os
import signal
import threading

from harness.deadline import eventually
from harness.fixtures import bearer_rule


def key_rule(format="${value}", **more):
    return {"domain": "api.test", "envVar": "API_KEY", "header": "X-Key", "format": format, **more}


def test_rules_added_changed_and_removed_hold_for_the_next_request_of_an_open_connection(
    start_proxy, origin, secret
):
    proxy = start_proxy(
        {"network": {"intercept": "all"}, "credentials": [key_rule()]},
        {"api.test:443": origin},
        env={"API_KEY": secret},
    )

    def sent(client):
        assert client.get().status == 200
        return origin.last_request().fields.get("x-key")

    with proxy.tls("api.test:443") as client:
        assert sent(client) == secret
        for rules, expected in [
            ([key_rule("changed ${value}")], f"changed {secret}"),
            ([], None),
            ([key_rule("back ${value}")], f"back {secret}"),
        ]:
            proxy.reload({"network": {"intercept": "all"}, "credentials": rules})
            eventually(lambda: sent(client) == expected, f"a request with {expected}")
    assert len(origin.connections) == 1


def test_a_changed_file_is_picked_up_without_a_signal(start_proxy, origin, secret):
    proxy = start_proxy(
        {"credentials": [key_rule()]}, {"api.test:443": origin}, env={"API_KEY": secret}
    )
    with proxy.tls("api.test:443") as client:
        proxy.write_config({"credentials": [key_rule("new ${value}")]})

        def new_rule_holds():
            assert client.get().status == 200
            return origin.last_request().fields.one("x-key") == f"new {secret}"

        eventually(new_rule_holds, "the new rule's format at the origin")


def test_a_file_written_in_place_is_picked_up_too(start_proxy, origin, secret):
    proxy = start_proxy(
        {"credentials": [key_rule()]}, {"api.test:443": origin}, env={"API_KEY": secret}
    )
    text = proxy.config_file.read_text().replace('"${value}"', '"new ${value}"')
    proxy.config_file.write_text(text)

    def new_rule_holds():
        assert proxy.get("https://api.test/").status == 200
        return origin.last_request().fields.one("x-key") == f"new {secret}"

    eventually(new_rule_holds, "the new rule's format at the origin")


def test_a_configuration_swapped_by_symlink_is_picked_up(start_proxy, origin, secret, tmp_path):
    """As Kubernetes updates a config map: ..data points to another folder."""
    proxy = start_proxy(
        {"credentials": [key_rule()]}, {"api.test:443": origin}, env={"API_KEY": secret}
    )
    config = proxy.config_file.read_text()
    proxy.stop()
    mount = tmp_path / "mount"
    for version, text in (("v1", config), ("v2", config.replace('"${value}"', '"v2 ${value}"'))):
        (mount / version).mkdir(parents=True)
        (mount / version / "proxy-config.json").write_text(text)
    (mount / "..data").symlink_to("v1")
    (mount / "proxy-config.json").symlink_to("..data/proxy-config.json")
    proxy = start_proxy(
        {}, {"api.test:443": origin}, env={"API_KEY": secret},
        args=["--config", mount / "proxy-config.json"],
    )  # fmt: skip
    assert proxy.get("https://api.test/").status == 200
    assert origin.last_request().fields.one("x-key") == secret
    (mount / "..new").symlink_to("v2")
    os.replace(mount / "..new", mount / "..data")

    def new_rule_holds():
        assert proxy.get("https://api.test/").status == 200
        return origin.last_request().fields.one("x-key") == f"v2 {secret}"

    eventually(new_rule_holds, "the swapped rule's format at the origin")


def test_an_invalid_file_is_reported_and_the_running_one_stays(start_proxy, origin, secret):
    proxy = start_proxy(
        {"credentials": [key_rule()]}, {"api.test:443": origin}, env={"API_KEY": secret}
    )
    with proxy.tls("api.test:443") as client:
        for broken, named in [
            ({"credentials": [key_rule("no value here")]}, r"credentials\[0\]\.format"),
            ({"network": {"blockedCIDRs": ["10.0.0.0/33"]}}, r"network\.blockedCIDRs\[0\]"),
            ({"credentails": []}, r"credentails.*credentials"),
            ("{ not json", r"proxy-config\.json:1:"),
        ]:
            before = len(proxy.stderr.bytes())
            proxy.reload(broken)
            proxy.stderr.wait_for(named, after=before)
            assert client.get().status == 200
            assert origin.last_request().fields.one("x-key") == secret
        proxy.reload({"credentials": [key_rule("mended ${value}")]})

        def mended():
            assert client.get().status == 200
            return origin.last_request().fields.one("x-key") == f"mended {secret}"

        eventually(mended, "the mended configuration")


def test_a_file_that_vanishes_leaves_the_running_configuration(start_proxy, origin, secret):
    proxy = start_proxy(
        {"credentials": [key_rule()]}, {"api.test:443": origin}, env={"API_KEY": secret}
    )
    config = proxy.config_file.read_text()
    before = len(proxy.stderr.bytes())
    proxy.config_file.unlink()
    proxy.process.send_signal(signal.SIGHUP)
    proxy.stderr.wait_for(r"proxy-config\.json", after=before)
    assert proxy.get("https://api.test/").status == 200
    assert origin.last_request().fields.one("x-key") == secret
    proxy.write_config(config)


def test_a_request_in_flight_ends_under_the_rules_it_began_with(start_proxy, origin, secret):
    proxy = start_proxy(
        {"credentials": [key_rule()]}, {"api.test:443": origin}, env={"API_KEY": secret}
    )
    arrived, go_on = threading.Event(), threading.Event()

    def slow(turn):
        arrived.set()
        turn.wait(go_on, "go on")
        turn.reply(200, body=b"slow but whole")

    origin.routes["/slow"] = slow
    with proxy.tls("api.test:443") as waiting, proxy.tls("api.test:443") as asking:
        waiting.send_request("GET", "/slow")
        assert arrived.wait(10)
        proxy.reload({"network": {"blockedDomains": ["api.test"]}})
        eventually(lambda: asking.get().status in (403, 421), "the block in force")
        go_on.set()
        assert waiting.read_response().body == b"slow but whole"


def test_a_block_added_later_holds_on_an_open_connection(start_proxy, origin, secret):
    config = {"credentials": [key_rule()]}
    proxy = start_proxy(config, {"api.test:443": origin}, env={"API_KEY": secret})
    with proxy.tls("api.test:443") as client:
        assert client.get().status == 200
        proxy.reload({**config, "network": {"blockedDomains": ["api.test"]}})

        def denied():
            reply = client.get()
            return (reply.status, reply.error) == (403, "host_denied")

        eventually(denied, "the request denied")


def test_the_audit_log_is_reopened(start_proxy, origin, secret):
    proxy = start_proxy(
        {"credentials": [bearer_rule()]}, {"api.test:443": origin}, env={"API_KEY": secret}
    )
    assert proxy.get("https://api.test/before").status == 200
    proxy.wait_for_audit(lambda r: r.get("path") == "/before", "/before")
    rotated = proxy.audit_file.with_suffix(".1")
    os.rename(proxy.audit_file, rotated)
    proxy.process.send_signal(signal.SIGHUP)
    eventually(proxy.audit_file.exists, "a new audit log")
    assert proxy.get("https://api.test/after").status == 200
    proxy.wait_for_audit(lambda r: r.get("path") == "/after", "/after")
    assert "/after" not in rotated.read_text()


def test_many_reloads_under_load_lose_no_request(start_proxy, origin, secret):
    rules = [{"credentials": [key_rule(f"{n} ${{value}}")]} for n in range(2)]
    proxy = start_proxy(rules[0], {"api.test:443": origin}, env={"API_KEY": secret}, workers=2)
    stop = threading.Event()
    failures = []

    def ask():
        try:
            with proxy.tls("api.test:443") as client:
                while not stop.is_set():
                    assert client.get().status == 200
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for turn in range(20):
        seen = len(origin.requests)
        proxy.reload(rules[turn % 2])
        origin.wait_for_requests(seen + 5)
    stop.set()
    for thread in threads:
        thread.join()
    assert not failures
    assert {r.fields.one("x-key") for r in origin.requests} <= {f"0 {secret}", f"1 {secret}"}
