"""Which host a request is for: CONNECT, SNI, Host and absolute URIs must agree, in any spelling."""

import ssl

import pytest

from harness.fixtures import bearer_rule


@pytest.fixture
def other(origins):
    return origins.https()


@pytest.fixture
def proxy(start_proxy, origin, other, secret):
    """Injects for api.test and svc.test's subdomains; other.test is intercepted too."""
    return start_proxy(
        {
            "credentials": [
                bearer_rule("api.test"),
                bearer_rule("other.test", header="X-Other", format="${value}"),
            ]
        },
        routes={"api.test:443": origin, "other.test:443": other, "api.test:80": origin},
        env={"API_KEY": secret},
    )


def test_sni_of_another_host_is_refused(proxy, origin, other):
    client = proxy.tunnel("api.test:443")
    try:
        secured = client.start_tls(proxy.context(check_hostname=False), "other.test")
        secured.authority = "other.test"
        assert secured.get().status == 421
    except (ssl.SSLError, ConnectionResetError):
        pass
    assert origin.saw_nothing() and other.saw_nothing()


def test_sni_of_another_host_closes_an_untouched_tunnel(start_proxy, origin, secret):
    proxy = start_proxy(
        {"network": {"allowedDomains": ["*"]}}, routes={"api.test:443": origin}
    )
    client = proxy.tunnel("api.test:443")
    with pytest.raises((ssl.SSLError, ConnectionResetError)):
        client.start_tls(proxy.context(), "other.test")
    record = proxy.wait_for_audit(lambda r: "sni_mismatch" in str(r), "sni_mismatch")
    assert record["host"] == "api.test"
    assert origin.saw_nothing()


def test_host_of_another_origin_inside_the_tunnel_is_misdirected(proxy, origin, other):
    with proxy.tls("api.test:443") as client:
        reply = client.request("GET", "/", host="other.test")
    assert (reply.status, reply.error) == (421, "authority_mismatch")
    assert origin.saw_nothing() and other.saw_nothing()


def test_host_with_another_port_is_misdirected(proxy, origin):
    with proxy.tls("api.test:443") as client:
        reply = client.request("GET", "/", host="api.test:8443")
    assert (reply.status, reply.error) == (421, "authority_mismatch")
    assert origin.saw_nothing()


def test_absolute_uri_of_another_host_inside_the_tunnel_is_refused(proxy, origin, other):
    with proxy.tls("api.test:443") as client:
        reply = client.request("GET", "https://other.test/", host="api.test")
    assert (reply.status, reply.error) == (400, "bad_request")
    assert origin.saw_nothing() and other.saw_nothing()


def test_host_is_rewritten_from_an_absolute_uri(start_proxy, origins):
    a, b = origins.http(), origins.http()
    proxy = start_proxy(routes={"api.test:80": a, "other.test:80": b})
    reply = proxy.request("GET", "http://api.test/x", [("Host", "other.test")])
    assert reply.status == 200
    assert a.only_request().fields.one("host") == "api.test"
    assert a.only_request().target == "/x"
    assert b.saw_nothing()


def test_https_in_absolute_form_reaches_the_origin_over_tls(proxy, origin, secret):
    reply = proxy.open("api.test").get("https://api.test/x?y=1")
    assert reply.status == 200
    request = origin.only_request()
    assert request.target == "/x?y=1"
    assert request.connection.sni == "api.test"
    assert request.fields.one("authorization") == f"Bearer {secret}"


def test_a_later_request_with_another_host_fails_alone(proxy, origin, other):
    with proxy.tls("api.test:443") as client:
        assert client.get("/first").status == 200
        reply = client.request("GET", "/second", host="other.test")
    assert (reply.status, reply.error) == (421, "authority_mismatch")
    assert [r.target for r in origin.requests] == ["/first"]
    assert other.saw_nothing()


def test_connect_inside_an_intercepted_tunnel_is_not_allowed(proxy, origin):
    with proxy.tls("api.test:443") as client:
        reply = client.request("CONNECT", "api.test:443")
    assert (reply.status, reply.error) == (405, "method_not_allowed")
    assert origin.saw_nothing()


@pytest.mark.parametrize("spelling", ["API.Test", "api.test.", "API.TEST."])
def test_every_spelling_of_a_host_gets_the_same_credential(proxy, origin, secret, spelling):
    with proxy.tls(f"{spelling}:443", server_name="api.test") as client:
        assert client.get().status == 200
        assert client.request("GET", "/", host="aPi.tEst").status == 200
        assert client.request("GET", "/", host="api.test.:443").status == 200
    for request in origin.requests:
        assert request.fields.one("authorization") == f"Bearer {secret}"
        assert request.connection.sni == "api.test"


@pytest.mark.parametrize("configured", ["bücher.test", "BÜCHER.test", "xn--bcher-kva.test"])
@pytest.mark.parametrize("asked", ["bücher.test", "xn--bcher-kva.test", "XN--BCHER-KVA.test."])
def test_unicode_and_ascii_forms_of_a_name_are_one(
    start_proxy, origin, secret, configured, asked
):
    proxy = start_proxy(
        {"credentials": [bearer_rule(configured)]},
        routes={"xn--bcher-kva.test:443": origin},
        env={"API_KEY": secret},
    )
    client = proxy.open("xn--bcher-kva.test")
    client.send(f"CONNECT {asked}:443 HTTP/1.1\r\nHost: {asked}:443\r\n\r\n".encode())
    assert client.read_response("CONNECT").status == 200
    secured = client.start_tls(proxy.context(), "xn--bcher-kva.test")
    assert secured.get().status == 200
    assert origin.only_request().fields.one("authorization") == f"Bearer {secret}"


@pytest.mark.parametrize("spelling", ["api.test", "API.TEST", "api.test.", "aPI.tEST."])
def test_every_spelling_of_a_blocked_host_is_denied(start_proxy, origin, spelling):
    proxy = start_proxy(
        {"network": {"blockedDomains": ["Api.Test"]}},
        routes={"api.test:443": origin, "api.test:80": origin},
    )
    _, reply = proxy.connect(f"{spelling}:443")
    assert (reply.status, reply.error) == (403, "host_denied")
    reply = proxy.get(f"http://{spelling}/")
    assert (reply.status, reply.error) == (403, "host_denied")
    assert not origin.connections


MALFORMED_HOSTS = {
    "userinfo": b"user@api.test",
    "percent": b"api%2etest",
    "nul": b"api.test\0.evil",
    "space": b"api.test evil",
    "tab": b"api.test\tevil",
    "empty label": b"api..test",
    "leading dot": b".api.test",
    "slash": b"api.test/evil",
    "backslash": b"api.test\\evil",
    "nothing": b"",
    "too long": b"a." * 127 + b"test",
    "long label": b"a" * 64 + b".test",
    "unclosed bracket": b"[::1",
}


@pytest.mark.parametrize("host", MALFORMED_HOSTS.values(), ids=MALFORMED_HOSTS)
def test_connect_to_a_malformed_host_is_a_bad_request(proxy, origin, host):
    client = proxy.open()
    client.send(b"CONNECT " + host + b":443 HTTP/1.1\r\nHost: api.test:443\r\n\r\n")
    reply = client.read_response()
    assert (reply.status, reply.error) == (400, "bad_request")
    assert not origin.connections


@pytest.mark.parametrize("port", ["0", "65536", "99999999999", "-1", "+443", "0x1bb", "", "https"])
def test_connect_to_a_malformed_port_is_a_bad_request(proxy, origin, port):
    client = proxy.open()
    client.send(f"CONNECT api.test:{port} HTTP/1.1\r\nHost: api.test\r\n\r\n".encode())
    assert client.read_response().status == 400
    assert not origin.connections


def test_connect_without_a_port_is_a_bad_request(proxy, origin):
    _, reply = proxy.connect("api.test")
    assert reply.status == 400
    assert not origin.connections


@pytest.mark.parametrize("host", MALFORMED_HOSTS.values(), ids=MALFORMED_HOSTS)
def test_malformed_host_inside_the_tunnel_is_a_bad_request(proxy, origin, host):
    with proxy.tls("api.test:443") as client:
        client.send(b"GET / HTTP/1.1\r\nHost: " + host + b"\r\n\r\n")
        assert client.read_response().status == 400
    assert origin.saw_nothing()


@pytest.mark.parametrize(
    "host", [b"user@api.test", b"api%2etest", b"api.test\0.evil", b"api..test"]
)
def test_malformed_host_in_an_absolute_uri_is_a_bad_request(proxy, origin, host):
    client = proxy.open()
    client.send(b"GET http://" + host + b"/ HTTP/1.1\r\nHost: api.test\r\n\r\n")
    assert client.read_response().status == 400
    assert not origin.connections


@pytest.mark.parametrize("lookalike", ["evil-api.test", "api.test.evil"])
def test_lookalike_names_match_nothing(start_proxy, origin, secret, lookalike):
    proxy = start_proxy(
        {"credentials": [bearer_rule("api.test"), bearer_rule("*.api.test")]},
        routes={f"{lookalike}:443": origin},
        env={"API_KEY": secret},
    )
    with proxy.tls(f"{lookalike}:443", context=proxy.origin_context()) as client:
        assert client.get().status == 200
    assert not origin.only_request().fields.all("authorization")


@pytest.mark.parametrize(
    "pattern,host,matches",
    [
        ("*.svc.test", "svc.test", False),
        ("*.svc.test", "a.svc.test", True),
        ("*.svc.test", "a.b.svc.test", True),
        ("**.svc.test", "a.b.svc.test", True),
        ("**.svc.test", "svc.test", False),
        ("svc.test", "a.svc.test", False),
        ("a*.svc.test", "a1.svc.test", True),
        ("a*.svc.test", "b1.svc.test", False),
        ("a*.svc.test", "a.b.svc.test", False),
        ("~a[0-9]\\.svc\\.test:443", "a1.svc.test", True),
        ("~a[0-9]\\.svc\\.test", "a1.svc.test", False),
    ],
)
def test_patterns_match_as_documented(start_proxy, origin, secret, pattern, host, matches):
    proxy = start_proxy(
        {"credentials": [bearer_rule(pattern)]},
        routes={f"{host}:443": origin},
        env={"API_KEY": secret},
    )
    context = proxy.context() if matches else proxy.origin_context()
    with proxy.tls(f"{host}:443", context=context) as client:
        assert client.get().status == 200
    assert origin.only_request().fields.all("authorization") == (
        [f"Bearer {secret}"] if matches else []
    )


def test_a_rule_for_one_port_does_not_apply_on_another(start_proxy, origin, origins, secret):
    elsewhere = origins.https()
    proxy = start_proxy(
        {"credentials": [bearer_rule("api.test:443")]},
        routes={"api.test:443": origin, "api.test:8443": elsewhere},
        env={"API_KEY": secret},
    )
    with proxy.tls("api.test:8443", context=proxy.origin_context()) as client:
        assert client.get().status == 200
    assert not elsewhere.only_request().fields.all("authorization")
    assert proxy.get("https://api.test/").status == 200
    assert origin.only_request().fields.one("authorization") == f"Bearer {secret}"


def test_ipv6_literal_needs_brackets(start_proxy, origins, secret):
    origin = origins.https(host="::1")
    authority = f"[::1]:{origin.port}"
    proxy = start_proxy(
        {
            "network": {"allowedDomains": [authority]},
            "credentials": [bearer_rule(authority)],
        },
        env={"API_KEY": secret},
    )
    _, reply = proxy.connect(f"::1:{origin.port}")
    assert reply.status == 400
    assert not origin.connections
    # The client verifies the certificate's IP address.
    context = proxy.context()
    with proxy.tls(authority, context=context, server_name="::1") as client:
        assert client.get().status == 200
    assert origin.only_request().fields.one("authorization") == f"Bearer {secret}"


def test_without_sni_the_certificate_is_for_the_connect_host(proxy, origin):
    with proxy.tls(
        "api.test:443", context=proxy.context(check_hostname=False), server_name=None
    ) as client:
        names = client.sock.getpeercert()["subjectAltName"]
        assert client.get().status == 200
    assert names == (("DNS", "api.test"),)
    assert origin.only_request().connection.sni == "api.test"


LOOPBACK_SPELLINGS = [
    "127.0.0.1", "127.1", "2130706433", "0x7f.1", "0177.0.0.1", "0x7f000001", "127.0.1",
    "[::ffff:127.0.0.1]", "[::ffff:7f00:1]",
]  # fmt: skip


@pytest.mark.parametrize("spelling", [*LOOPBACK_SPELLINGS, "[64:ff9b::7f00:1]", "[2002:7f00:1::]"])
def test_loopback_is_denied_in_every_spelling(start_proxy, origins, spelling):
    origin = origins.http()
    proxy = start_proxy({"network": {"allowedDomains": ["*"]}})
    _, reply = proxy.connect(f"{spelling}:{origin.port}")
    assert (reply.status, reply.error) == (403, "address_denied")
    reply = proxy.get(f"http://{spelling}:{origin.port}/")
    assert (reply.status, reply.error) == (403, "address_denied")
    assert not origin.connections


@pytest.mark.parametrize("spelling", LOOPBACK_SPELLINGS)
def test_loopback_allowed_by_address_and_port_is_reached_in_every_spelling(
    start_proxy, origins, spelling
):
    origin = origins.http()
    proxy = start_proxy({"network": {"allowedDomains": [f"127.0.0.1:{origin.port}"]}})
    assert proxy.get(f"http://{spelling}:{origin.port}/").status == 200
    assert origin.only_request().fields.one("host") == f"127.0.0.1:{origin.port}"


@pytest.mark.parametrize("spelling", LOOPBACK_SPELLINGS)
def test_a_blocked_address_is_denied_in_every_spelling(start_proxy, origins, spelling):
    origin = origins.http()
    proxy = start_proxy(
        {"network": {"blockedDomains": ["127.0.0.1"], "allowedDomains": ["*"], "blockedCIDRs": []}}
    )
    _, reply = proxy.connect(f"{spelling}:{origin.port}")
    assert (reply.status, reply.error) == (403, "host_denied")
    assert not origin.connections
