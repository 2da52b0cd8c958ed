"""What may be reached at all: names first, then the addresses they stand for."""

import pytest

from harness.fixtures import bearer_rule


@pytest.mark.parametrize(
    "authority", ["169.254.169.254:80", "[fd00:ec2::254]:80", "[fe80::1]:80", "10.0.0.1:80",
                  "[::]:80", "0.0.0.0:80", "224.0.0.1:80", "100.64.0.1:80"]
)  # fmt: skip
def test_private_and_metadata_addresses_are_denied_even_under_a_star(start_proxy, authority):
    proxy = start_proxy({"network": {"allowedDomains": ["*"]}})
    _, reply = proxy.connect(authority)
    assert (reply.status, reply.error) == (403, "address_denied")
    assert proxy.get(f"http://{authority}/").error == "address_denied"


def test_a_name_that_resolves_to_loopback_is_denied_when_dialled(start_proxy, origins):
    origin = origins.http()
    proxy = start_proxy({"network": {"allowedDomains": ["*"]}})
    _, reply = proxy.connect(f"localhost:{origin.port}")
    assert (reply.status, reply.error) == (403, "address_denied")
    assert not origin.connections


@pytest.mark.parametrize("pattern,allowed", [("localhost:{}", True), ("localhost", False)])
def test_loopback_needs_an_exact_host_and_port(start_proxy, origins, pattern, allowed):
    origin = origins.http()
    proxy = start_proxy({"network": {"allowedDomains": [pattern.format(origin.port)]}})
    reply = proxy.get(f"http://localhost:{origin.port}/")
    assert (reply.status == 200) is allowed, reply
    assert bool(origin.connections) is allowed


def test_an_address_is_judged_for_an_intercepted_host_too(start_proxy, origins, secret):
    origin = origins.https()
    proxy = start_proxy(
        {"credentials": [bearer_rule(f"localhost:{origin.port}")]}, env={"API_KEY": secret}
    )
    with proxy.tls(f"localhost:{origin.port}") as client:
        reply = client.get()
    assert (reply.status, reply.error) == (403, "address_denied")
    assert not origin.connections


def test_the_proxy_cannot_be_reached_through_itself(start_proxy):
    proxy = start_proxy()
    port = proxy.address.rpartition(":")[2]
    exact = [f"127.0.0.1:{port}", f"localhost:{port}"]
    proxy.reload_and_wait({"network": {"allowedDomains": exact, "blockedCIDRs": []}})
    for authority in exact:
        _, reply = proxy.connect(authority)
        assert (reply.status, reply.error) in [(403, "address_denied"), (403, "host_denied")]


def test_with_an_empty_allow_list_and_default_deny_nothing_passes(start_proxy, origins):
    origin = origins.http()
    proxy = start_proxy(
        {"policy": {"default": "deny"}, "network": {"allowedDomains": []}},
        routes={"api.test:80": origin, "api.test:443": origin},
    )
    _, reply = proxy.connect("api.test:443")
    assert (reply.status, reply.error) == (403, "host_denied")
    assert proxy.get("http://api.test/").error == "host_denied"
    assert not origin.connections


@pytest.mark.parametrize(
    "allowed,blocked,passes",
    [
        (["*"], ["api.test"], False),
        (["api.test"], ["*"], True),
        (["api.test"], ["api.test"], False),
        (["api.test:80"], ["api.test"], True),
        (["*.test"], ["*"], True),
        (["*:80"], ["*.test"], False),
        (["~.*"], ["*:80"], True),
        (["*.test:80"], ["*.test"], True),
        (["*:80"], ["*"], True),
        (["~.*"], ["*.test"], False),
    ],
)
def test_the_most_specific_pattern_decides(start_proxy, origins, allowed, blocked, passes):
    origin = origins.http()
    proxy = start_proxy(
        {"network": {"allowedDomains": allowed, "blockedDomains": blocked}},
        routes={"api.test:80": origin},
    )
    assert (proxy.get("http://api.test/").status == 200) is passes
    assert bool(origin.connections) is passes


def test_own_cidrs_replace_the_built_in_ones(start_proxy, origins):
    origin = origins.http()
    for network, passes in [
        ({"allowedDomains": ["*"], "blockedCIDRs": []}, True),
        ({"allowedDomains": ["*"], "allowedCIDRs": ["127.0.0.0/8"]}, True),
        ({"allowedDomains": ["*"], "blockedCIDRs": ["127.0.0.0/8"]}, False),
    ]:
        proxy = start_proxy({"network": network})
        assert (proxy.get(f"http://127.0.0.1:{origin.port}/").status == 200) is passes, network
