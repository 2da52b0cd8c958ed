"""Going out through another HTTP proxy."""

import base64
import threading
import urllib.parse

import pytest

from harness.fixtures import bearer_rule
from harness.forward_proxy import ForwardProxy, TlsForwardProxy


@pytest.fixture
def forward_proxies():
    """Starts forward proxies and ends them with the test."""
    started = []

    def start(*args, kind=ForwardProxy, **options):
        started.append(kind(*args, **options))
        return started[-1]

    yield start
    for proxy in started:
        proxy.stop()
        assert not proxy.errors, f"a forward proxy failed: {proxy.errors!r}"


@pytest.fixture
def start_behind(start_proxy, secret):
    """Starts a proxy that injects for api.test and goes out through the given one."""

    def start(forward, url=None, args=(), config=None):
        url = url or f"http://{forward.address}"
        return start_proxy(
            config or {"credentials": [bearer_rule(plaintext=True)]},
            env={"API_KEY": secret, "SALLYPORT_UPSTREAM_PROXY": url},
            args=args,
        )

    return start


def test_https_goes_through_a_tunnel(start_behind, forward_proxies, origin, secret):
    forward = forward_proxies({"api.test:443": origin})
    proxy = start_behind(forward)
    with proxy.tls("api.test:443") as client:
        assert client.get("/a").status == 200
        assert client.get("/b").status == 200
    assert forward.asked == ["CONNECT api.test:443 HTTP/1.1"]
    assert [r.fields.get("authorization") for r in origin.requests] == [f"Bearer {secret}"] * 2
    assert secret.encode() not in bytes(forward.connections[0].received)


def test_plain_http_is_forwarded_in_absolute_form(start_behind, forward_proxies, origins, secret):
    origin = origins.http()
    forward = forward_proxies({"api.test:80": origin, "api.test:8080": origin})
    proxy = start_behind(forward)
    assert proxy.get("http://api.test/x?y=1").status == 200
    assert proxy.get("http://api.test:8080/z").status == 200
    assert forward.asked == [
        "GET http://api.test/x?y=1 HTTP/1.1",
        "GET http://api.test:8080/z HTTP/1.1",
    ]
    assert [r.fields.get("host") for r in origin.requests] == ["api.test", "api.test:8080"]
    assert origin.requests[0].fields.all("authorization") == [f"Bearer {secret}"]


def test_a_tunnel_for_an_untouched_host_goes_through_it(start_proxy, forward_proxies, origin):
    forward = forward_proxies({"api.test:443": origin})
    proxy = start_proxy(args=["--upstream-proxy", f"http://{forward.address}"])
    with proxy.tls("api.test:443", context=proxy.origin_context()) as client:
        assert client.get("/").status == 200
    assert forward.asked == ["CONNECT api.test:443 HTTP/1.1"]


def test_what_the_origin_says_first_is_not_lost(start_proxy, forward_proxies, origins):
    def banner(_, stream):
        stream.send(b"220 ready\r\n")
        stream.read_some()

    forward = forward_proxies({"mail.test:25": origins.tcp(banner)}, origin_speaks_first=True)
    proxy = start_proxy(args=["--upstream-proxy", forward.address])
    with proxy.tunnel("mail.test:25") as client:
        assert client.stream.read_exactly(11) == b"220 ready\r\n"


def test_the_proxy_may_be_spoken_to_over_tls(start_behind, forward_proxies, origin, pki, secret):
    forward = forward_proxies(pki.leaf, {"api.test:443": origin}, kind=TlsForwardProxy)
    proxy = start_behind(forward, url=f"https://127.0.0.1:{forward.port}")
    body = bytes(range(256)) * 4096
    origin.routes["/big"] = lambda turn: turn.reply(200, body=turn.read_body())
    with proxy.tls("api.test:443") as client:
        assert client.request("POST", "/big", body=body).body == body
    assert forward.asked == ["CONNECT api.test:443 HTTP/1.1"]
    assert origin.requests[0].fields.get("authorization") == f"Bearer {secret}"


def test_its_certificate_is_verified(start_behind, forward_proxies, origin, pki):
    forward = forward_proxies(pki.unknown_ca, {"api.test:443": origin}, kind=TlsForwardProxy)
    proxy = start_behind(forward, url=f"https://127.0.0.1:{forward.port}")
    reply = proxy.get("https://api.test/")
    assert (reply.status, reply.error) == (502, "upstream_tls")
    assert "upstream proxy" in reply.json()["message"]
    assert not forward.asked


def test_the_user_in_its_url_is_told_to_it_alone(start_behind, forward_proxies, origin, origins,
                                                 search):
    password = search.make()
    plain = origins.http()
    expected = "Basic " + base64.b64encode(f"us:er:{password}".encode()).decode()
    forward = forward_proxies(
        {"api.test:443": origin, "api.test:80": plain}, required_authorization=expected
    )
    quoted = urllib.parse.quote(password, safe="")
    proxy = start_behind(forward, url=f"http://us%3Aer:{quoted}@{forward.address}")
    assert proxy.get("https://api.test/").status == 200
    assert proxy.get("http://api.test/").status == 200
    assert [f.get("proxy-authorization") for f in forward.fields] == [expected] * 2
    for request in origin.requests + plain.requests:
        assert request.fields.get("proxy-authorization") is None


def test_a_client_cannot_authenticate_itself_to_it(start_behind, forward_proxies, origins):
    plain = origins.http()
    forward = forward_proxies({"api.test:80": plain})
    proxy = start_behind(forward)
    reply = proxy.get("http://api.test/", [("Proxy-Authorization", "Basic Zm9vOmJhcg==")])
    assert reply.status == 200
    assert forward.fields[0].get("proxy-authorization") is None


@pytest.mark.parametrize(
    "answer, hint",
    [
        (b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n", "log"),
        (b"HTTP/1.1 407 Who\r\nContent-Length: 0\r\n\r\n", "USER:PASSWORD"),
        (b"SSH-2.0-OpenSSH\r\n", "log"),
        (b"", "log"),
    ],
)
def test_its_refusal_is_a_502_that_says_so(start_behind, forward_proxies, answer, hint):
    forward = forward_proxies({}, refuse_with=answer)
    proxy = start_behind(forward)
    reply = proxy.get("https://api.test/")
    assert (reply.status, reply.error) == (502, "upstream_unreachable")
    assert "upstream proxy" in reply.json()["message"]
    assert hint in reply.json()["hint"]


def test_a_proxy_that_is_not_there_is_a_502(start_behind, forward_proxies):
    forward = forward_proxies({})
    proxy = start_behind(forward)
    forward.stop()
    reply = proxy.get("https://api.test/")
    assert (reply.status, reply.error) == (502, "upstream_unreachable")
    assert "upstream proxy" in reply.json()["message"]


def test_a_silent_proxy_is_a_504(start_behind, forward_proxies):
    told = threading.Event()
    forward = forward_proxies({}, stall=told)
    proxy = start_behind(forward, args=["--connect-timeout", "300ms"])
    try:
        reply = proxy.get("https://api.test/")
    finally:
        told.set()
    assert (reply.status, reply.error) == (504, "upstream_timeout")


@pytest.mark.parametrize(
    "bypass, host, direct",
    [
        ("localhost", "localhost", True),
        (".localhost", "localhost", True),
        ("127.0.0.0/8", "127.0.0.1", True),
        ("10.0.0.0/8, 127.0.0.1", "127.0.0.1", True),
        ("*", "localhost", True),
        ("host", "localhost", False),
        ("127.0.0.0/8", "localhost", False),
        ("", "localhost", False),
    ],
)
def test_some_hosts_are_reached_without_it(
    start_proxy, forward_proxies, origins, bypass, host, direct
):
    origin = origins.http()
    name = f"{host}:{origin.port}"
    forward = forward_proxies({name: origin})
    args = ["--upstream-proxy", forward.address]
    if bypass:
        args += ["--upstream-no-proxy", bypass]
    proxy = start_proxy({"network": {"allowedDomains": [name]}}, args=args)
    assert proxy.get(f"http://{name}/").status == 200
    assert bool(forward.connections) is not direct


def test_addresses_that_are_known_are_judged_here(start_proxy, forward_proxies):
    forward = forward_proxies({})
    proxy = start_proxy(args=["--upstream-proxy", forward.address])
    assert proxy.get("http://169.254.169.254/").error == "address_denied"
    assert proxy.get("http://localhost/").error == "address_denied"
    assert proxy.connect("any.localhost:3128")[1].error == "address_denied"
    assert proxy.connect("10.0.0.1:443")[1].error == "address_denied"
    assert not forward.connections


def test_the_child_cannot_talk_to_it(start_proxy, forward_proxies):
    forward = forward_proxies({})
    proxy = start_proxy(
        {"network": {"allowedDomains": [forward.address]}},
        args=["--upstream-proxy", forward.address, "--upstream-no-proxy", "127.0.0.1"],
    )
    assert proxy.connect(forward.address)[1].error == "address_denied"
    assert proxy.get(f"http://{forward.address}/").error == "address_denied"
    assert not forward.connections


def test_a_denied_host_is_never_asked_of_it(start_proxy, forward_proxies):
    forward = forward_proxies({})
    proxy = start_proxy({"policy": {"default": "deny"}}, args=["--upstream-proxy", forward.address])
    assert proxy.connect("api.test:443")[1].error == "host_denied"
    assert not forward.connections


def test_two_of_us_in_a_row_work(start_proxy, origin, secret):
    second = start_proxy({}, {"api.test:443": origin})
    first = start_proxy(
        {"credentials": [bearer_rule()]},
        env={"API_KEY": secret},
        args=["--upstream-proxy", f"http://{second.address}"],
    )
    assert first.get("https://api.test/").status == 200
    # Its pooled connection is a tunnel to the other, which waits for tunnels when it ends.
    first.stop()
    assert origin.only_request().fields.get("authorization") == f"Bearer {secret}"


@pytest.mark.parametrize(
    "args, complaint",
    [
        (["--upstream-proxy", "socks5://127.0.0.1:1"], "http and https"),
        (["--upstream-proxy", "http://"], "no valid host"),
        (["--upstream-proxy", "http://host:99999"], "no valid host"),
        (["--upstream-proxy", "http://a%zz:b@host:1"], "percent"),
        (["--upstream-proxy", "http://h:1", "--upstream-no-proxy", "a..b"], "a..b"),
        (["--upstream-no-proxy", "x"], "needs --upstream-proxy"),
    ],
)
def test_a_bad_option_is_a_usage_error(sallyport, args, complaint):
    result = sallyport("proxy", *args)
    assert result.status == 2
    assert complaint in result.err
