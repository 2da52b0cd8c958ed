"""SOCKS5 and TLS on the proxy's own port: other ways to open what CONNECT opens."""

import ipaddress
import struct

import pytest

from harness.fixtures import bearer_rule

NO_AUTHENTICATION = 0
CONNECT, BIND, UDP_ASSOCIATE = 1, 2, 3


def greeting(*methods):
    return bytes([5, len(methods), *methods])


def request(host, port=443, command=CONNECT):
    """A request by name, or by address where `host` is an ipaddress object."""
    if isinstance(host, ipaddress.IPv4Address):
        address = b"\x01" + host.packed
    elif isinstance(host, ipaddress.IPv6Address):
        address = b"\x04" + host.packed
    else:
        name = host.encode()
        address = bytes([3, len(name)]) + name
    return bytes([5, command, 0]) + address + struct.pack("!H", port)


def read_reply(client):
    """The code of the reply to a request, which always has the length of an IPv4 reply."""
    reply = client.stream.read_exactly(10)
    assert reply[:1] + reply[2:] == b"\x05\x00\x01" + bytes(6)
    return reply[1]


def open_socks(proxy, host, port=443):
    """A client whose SOCKS request was granted."""
    client = proxy.open()
    client.authority = host
    client.send(greeting(NO_AUTHENTICATION))
    assert client.stream.read_exactly(2) == b"\x05\x00"
    client.send(request(host, port))
    assert read_reply(client) == 0
    return client


@pytest.fixture
def tunnelling_proxy(start_proxy, origin):
    return start_proxy({}, {"api.test:443": origin})


def test_the_credential_is_written_into_a_socks_clients_request(injecting_proxy, origin, secret):
    with open_socks(injecting_proxy, "api.test") as client:
        with client.start_tls(injecting_proxy.context(), "api.test") as inner:
            assert inner.get("/").status == 200
            assert inner.get("/again").status == 200
    for seen in origin.requests:
        assert seen.fields.all("authorization") == [f"Bearer {secret}"]


def test_everything_in_one_packet_works(injecting_proxy, origin, secret):
    with injecting_proxy.open() as client:
        client.send(greeting(NO_AUTHENTICATION) + request("api.test"))
        assert client.stream.read_exactly(2) == b"\x05\x00"
        assert read_reply(client) == 0
        client.authority = "api.test"
        with client.start_tls(injecting_proxy.context(), "api.test") as inner:
            assert inner.get("/").status == 200
    assert origin.only_request().fields.all("authorization") == [f"Bearer {secret}"]


def test_single_bytes_work(injecting_proxy, origin):
    with injecting_proxy.open() as client:
        for byte in greeting(NO_AUTHENTICATION) + request("api.test"):
            client.send(bytes([byte]))
        assert client.stream.read_exactly(2) == b"\x05\x00"
        assert read_reply(client) == 0


def test_a_host_without_a_rule_is_tunnelled(tunnelling_proxy, origin):
    with open_socks(tunnelling_proxy, "api.test") as client:
        with client.start_tls(tunnelling_proxy.origin_context(), "api.test") as inner:
            assert inner.get("/").status == 200
    record = tunnelling_proxy.wait_for_audit(lambda r: r["event"] == "tunnel", "the tunnel")
    assert (record["host"], record["port"], record["decision"]) == ("api.test", 443, "allowed")


def test_a_server_that_speaks_first_is_heard(start_proxy, origins):
    def banner(_, stream):
        stream.send(b"220 ready\r\n")
        stream.read_some()

    proxy = start_proxy({}, {"mail.test:25": origins.tcp(banner)})
    with open_socks(proxy, "mail.test", 25) as client:
        assert client.stream.read_exactly(11) == b"220 ready\r\n"


def test_another_sni_than_the_requests_host_is_refused(tunnelling_proxy, origin):
    with open_socks(tunnelling_proxy, "api.test") as client:
        with pytest.raises(OSError):
            client.start_tls(tunnelling_proxy.origin_context(), "evil.test")
    assert origin.saw_nothing()


@pytest.mark.parametrize(
    "host",
    [
        "API.Test.",
        pytest.param("127.0.0.1", id="an address as a name"),
        ipaddress.ip_address("127.0.0.1"),
        ipaddress.ip_address("::ffff:127.0.0.1"),
    ],
)
def test_hosts_are_judged_in_every_spelling(start_proxy, origin, host):
    proxy = start_proxy(
        {"network": {"blockedDomains": ["api.test", "127.0.0.1"]}}, {"api.test:443": origin}
    )
    with proxy.open() as client:
        client.send(greeting(NO_AUTHENTICATION) + request(host))
        assert client.stream.read_exactly(2) == b"\x05\x00"
        assert read_reply(client) == 2
        assert client.is_closed()
    record = proxy.wait_for_audit(lambda r: r["event"] == "denied", "the refusal")
    assert record["error"] == "host_denied"
    assert origin.saw_nothing()


def test_an_address_that_is_not_allowed_is_refused(start_proxy, origin):
    proxy = start_proxy({"network": {"allowedDomains": ["*"]}})
    with proxy.open() as client:
        client.send(greeting(NO_AUTHENTICATION) + request(ipaddress.ip_address("10.1.2.3")))
        assert client.stream.read_exactly(2) == b"\x05\x00"
        assert read_reply(client) == 2


def test_an_upstream_that_is_not_there_gets_its_reply(start_proxy, origins):
    origin = origins.tcp()
    origin.stop()
    proxy = start_proxy({}, {"api.test:443": origin})
    with proxy.open() as client:
        client.send(greeting(NO_AUTHENTICATION) + request("api.test"))
        assert client.stream.read_exactly(2) == b"\x05\x00"
        assert read_reply(client) == 5
        assert client.is_closed()


@pytest.mark.parametrize(
    "bytes_sent, answer",
    [
        (greeting(2), b"\x05\xff"),
        (greeting(), b"\x05\xff"),
        (greeting(0) + request("api.test", command=BIND), b"\x05\x00\x05\x07\x00\x01" + bytes(6)),
        (
            greeting(0) + request("api.test", command=UDP_ASSOCIATE),
            b"\x05\x00\x05\x07\x00\x01" + bytes(6),
        ),
        (greeting(0) + request("user@api.test"), b"\x05\x00\x05\x01\x00\x01" + bytes(6)),
        (greeting(0) + request("api.test", port=0), b"\x05\x00\x05\x01\x00\x01" + bytes(6)),
    ],
)
def test_what_is_not_served_is_refused(injecting_proxy, origin, bytes_sent, answer):
    with injecting_proxy.open() as client:
        client.send(bytes_sent)
        assert client.read_what_comes() == answer
    assert not origin.connections


def test_plain_http_inside_obeys_the_plaintext_rule(injecting_proxy, origin):
    with open_socks(injecting_proxy, "api.test") as client:
        assert client.get("/").error == "plaintext_credential"
    assert origin.saw_nothing()


# TLS that was led here ---------------------------------------------------------------------------


def test_tls_on_the_proxys_port_goes_where_its_sni_says(injecting_proxy, origin, secret):
    with injecting_proxy.open() as client:
        client.authority = "api.test"
        with client.start_tls(injecting_proxy.context(), "api.test") as inner:
            assert inner.get("/").status == 200
            assert inner.get("/", [("Host", "other.test")]).status == 421
    assert origin.only_request().fields.all("authorization") == [f"Bearer {secret}"]


def test_captured_tls_without_a_rule_is_tunnelled(tunnelling_proxy, origin):
    with tunnelling_proxy.open() as client:
        client.authority = "api.test"
        with client.start_tls(tunnelling_proxy.origin_context(), "api.test") as inner:
            assert inner.get("/").status == 200


def test_captured_tls_to_a_host_that_is_not_allowed_is_closed(start_proxy, origin):
    proxy = start_proxy(
        {"policy": {"default": "deny"}, "credentials": [bearer_rule("other.test")]},
        {"api.test:443": origin},
    )
    with proxy.open() as client, pytest.raises(OSError):
        client.start_tls(proxy.context(), "api.test")
    record = proxy.wait_for_audit(lambda r: r["event"] == "denied", "the refusal")
    assert (record["host"], record["error"]) == ("api.test", "host_denied")


def test_captured_tls_without_a_name_is_closed(injecting_proxy, origin):
    context = injecting_proxy.context()
    context.check_hostname = False
    with injecting_proxy.open() as client, pytest.raises(OSError):
        client.start_tls(context, None)
    assert origin.saw_nothing()
