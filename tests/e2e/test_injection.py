"""Credential rules: which one applies, what it writes, and what is never sent without it."""

import base64

import pytest

from harness.fixtures import bearer_rule


def header_rule(name, variable, domain="api.test", **more):
    return {"domain": domain, "envVar": variable, "header": name, **more}


@pytest.fixture
def start(start_proxy, origin):
    """Starts a proxy with the given rules; api.test:443 and :80 lead to origins."""

    def start(*rules, env=None, routes=None, **config):
        return start_proxy(
            {"credentials": list(rules), **config},
            routes={"api.test:443": origin, **(routes or {})},
            env=env,
        )

    return start


def test_the_origin_receives_the_real_credential(injecting_proxy, origin, secret):
    assert injecting_proxy.get("https://api.test/").status == 200
    assert origin.only_request().fields.one("authorization") == f"Bearer {secret}"


def test_the_first_matching_rule_wins(start, origin, search):
    first, second = search.make(), search.make()
    proxy = start(
        bearer_rule(variable="FIRST"),
        bearer_rule(variable="SECOND"),
        env={"FIRST": first, "SECOND": second},
    )
    assert proxy.get("https://api.test/").status == 200
    assert origin.only_request().fields.one("authorization") == f"Bearer {first}"


def test_an_unset_variable_lets_the_next_rule_apply(start, origin, secret):
    proxy = start(
        bearer_rule(variable="NOT_SET"), bearer_rule(variable="API_KEY"), env={"API_KEY": secret}
    )
    assert proxy.get("https://api.test/").status == 200
    assert origin.only_request().fields.one("authorization") == f"Bearer {secret}"


def test_without_any_value_the_request_goes_out_unchanged(start, origin):
    proxy = start(bearer_rule(variable="NOT_SET"))
    assert proxy.request("GET", "https://api.test/", [("Authorization", "mine")]).status == 200
    assert origin.only_request().fields.one("authorization") == "mine"


def test_a_required_rule_without_value_refuses_the_request(start, origin, secret):
    proxy = start(
        bearer_rule(variable="NOT_SET", required=True, name="the needed one"),
        bearer_rule(variable="API_KEY"),
        env={"API_KEY": secret},
    )
    reply = proxy.get("https://api.test/")
    assert (reply.status, reply.error) == (503, "credential_unavailable")
    assert reply.json()["rule"] == "the needed one"
    assert origin.saw_nothing()


@pytest.mark.parametrize(
    "sent",
    [
        [("Authorization", "Bearer forged")],
        [("authorization", "Bearer forged")],
        [("AUTHORIZATION", "Bearer forged")],
        [("Authorization", "Bearer forged"), ("authorization", "Basic Zm9yZ2Vk")],
        [("authorization", ""), ("X-Before", "1"), ("Authorization", "Bearer forged")],
    ],
    ids=["as is", "lower case", "upper case", "twice", "empty and full"],
)
def test_a_header_of_the_clients_own_is_replaced(injecting_proxy, origin, secret, sent):
    assert injecting_proxy.request("GET", "https://api.test/", sent).status == 200
    assert origin.only_request().fields.all("authorization") == [f"Bearer {secret}"]
    assert b"forged" not in origin.only_request().raw_head


@pytest.mark.parametrize(
    "connection",
    ["Authorization", "authorization, close", "close,AUTHORIZATION", "x, authorization"],
)
def test_the_connection_header_cannot_strip_the_credential(
    injecting_proxy, origin, secret, connection
):
    fields = [("Connection", connection), ("X", "hop")]
    assert injecting_proxy.request("GET", "https://api.test/", fields).status == 200
    assert origin.only_request().fields.one("authorization") == f"Bearer {secret}"
    assert "authorization" not in origin.only_request().fields.get("connection", "").lower()


def test_hop_by_hop_fields_stay_behind(injecting_proxy, origin):
    fields = [
        ("Connection", "X-Mine, keep-alive"),
        ("X-Mine", "1"),
        ("Keep-Alive", "timeout=5"),
        ("Proxy-Authorization", "Basic eA=="),
        ("Proxy-Connection", "keep-alive"),
        ("Proxy-Whatever", "1"),
        ("TE", "gzip"),
        ("X-Kept", "1"),
    ]
    assert injecting_proxy.request("GET", "https://api.test/", fields).status == 200
    names = origin.only_request().fields.names()
    assert "x-kept" in names
    for gone in ("x-mine", "keep-alive", "te"):
        assert gone not in names
    assert not [n for n in names if n.startswith("proxy-")]


def test_header_order_and_bytes_are_kept_and_none_is_added(start, origin):
    proxy = start(bearer_rule(variable="NOT_SET"))
    fields = [
        ("Host", "api.test"),
        ("X-Obs", b"caf\xe9 \x80\xff"),
        ("x-CaSe", "Kept"),
        ("Accept", "a"),
        ("X-Empty", ""),
        ("Accept", "b"),
    ]
    with proxy.tls("api.test:443") as client:
        client.send_request("GET", "/a%2Fb?x=%41&y", fields)
        assert client.read_response().status == 200
    request = origin.only_request()
    assert request.target == "/a%2Fb?x=%41&y"
    assert list(request.fields) == [
        (n, v.decode("latin-1") if isinstance(v, bytes) else v) for n, v in fields
    ]


def test_an_injected_header_sent_as_a_trailer_is_dropped(injecting_proxy, origin, secret):
    with injecting_proxy.tls("api.test:443") as client:
        client.send(
            b"POST / HTTP/1.1\r\nHost: api.test\r\nTransfer-Encoding: chunked\r\n"
            b"Trailer: Authorization, X-Sum\r\n\r\n4\r\nbody\r\n0\r\n"
            b"Authorization: Bearer forged\r\nX-Sum: 1\r\n\r\n"
        )
        assert client.read_response().status == 200
    request = origin.only_request()
    assert request.body == b"body"
    assert request.fields.all("authorization") == [f"Bearer {secret}"]
    assert not request.trailers.all("authorization")
    assert request.trailers.one("x-sum") == "1"


def test_a_value_is_never_expanded_again(start, origin, search):
    value = "a${value}b$${value}%s{}"
    search.watch(value)
    proxy = start(bearer_rule(), env={"API_KEY": value})
    assert proxy.get("https://api.test/").status == 200
    assert origin.only_request().fields.one("authorization") == f"Bearer {value}"


@pytest.mark.parametrize(
    "format,expected",
    [
        ("${value}", lambda s: s),
        ("token $${value} ${value}", lambda s: "token ${value} " + s),
        (
            "Basic ${'x-access-token:' value | base64}",
            lambda s: "Basic " + base64.b64encode(b"x-access-token:" + s.encode()).decode(),
        ),
        (
            "Basic ${value ':' | base64url}",
            lambda s: "Basic " + base64.urlsafe_b64encode(s.encode() + b":").decode(),
        ),
        (
            "k=${value | urlencode}",
            lambda s: "k=" + s.replace("%", "%25").replace("+", "%2B").replace("/", "%2F")
            .replace("&", "%26").replace("=", "%3D"),
        ),
    ],
)
def test_formats_write_what_they_say(start, origin, secret, format, expected):
    proxy = start(header_rule("X-Key", "API_KEY", format=format), env={"API_KEY": secret})
    assert proxy.get("https://api.test/").status == 200
    written = origin.only_request().fields.one("x-key")
    assert written.rstrip("=") == expected(secret).rstrip("=")


def test_a_host_without_a_rule_gets_no_secret_and_shows_its_own_certificate(
    injecting_proxy, start_proxy, origins, pki, secret
):
    other = origins.https()
    proxy = start_proxy(
        {"credentials": [bearer_rule()]}, {"other.test:443": other}, env={"API_KEY": secret}
    )
    with proxy.tls("other.test:443", context=proxy.origin_context()) as client:
        assert client.sock.getpeercert(binary_form=True) == pki.leaf.certificate.public_bytes(
            _der()
        )
        assert client.get().status == 200
    assert not other.only_request().fields.all("authorization")


def test_intercept_all_terminates_tls_without_adding_anything(start_proxy, origin, secret):
    proxy = start_proxy(
        {
            "network": {"intercept": "all", "bypassDomains": ["other.test"]},
            "credentials": [bearer_rule("svc.test")],
        },
        routes={"api.test:443": origin, "other.test:443": origin},
        env={"API_KEY": secret},
    )
    with proxy.tls("api.test:443") as client:
        assert client.get("/intercepted").status == 200
    with proxy.tls("other.test:443", context=proxy.origin_context()) as client:
        assert client.get("/bypassed").status == 200
    for request in origin.requests:
        assert not request.fields.all("authorization")


def test_a_plaintext_request_to_a_rules_host_is_refused(start, origins, secret):
    plain = origins.http()
    proxy = start(bearer_rule(), env={"API_KEY": secret}, routes={"api.test:80": plain})
    reply = proxy.get("http://api.test/")
    assert (reply.status, reply.error) == (403, "plaintext_credential")
    assert plain.saw_nothing()


def test_a_plaintext_rule_is_applied_to_plaintext(start, origins, secret):
    plain = origins.http()
    proxy = start(
        bearer_rule(plaintext=True), env={"API_KEY": secret}, routes={"api.test:80": plain}
    )
    assert proxy.get("http://api.test/").status == 200
    assert plain.only_request().fields.one("authorization") == f"Bearer {secret}"


def test_a_redirect_reaches_the_client_and_its_target_gets_no_secret(
    start, origin, origins, secret
):
    other = origins.https()
    proxy = start(bearer_rule(), env={"API_KEY": secret}, routes={"other.test:443": other})
    origin.routes["/"] = lambda turn: turn.reply(302, [("Location", "https://other.test/next")])
    reply = proxy.get("https://api.test/")
    assert reply.status == 302
    assert reply.fields.one("location") == "https://other.test/next"
    assert other.saw_nothing()
    with proxy.tls("other.test:443", context=proxy.origin_context()) as client:
        assert client.get("/next").status == 200
    assert not other.only_request().fields.all("authorization")


@pytest.mark.parametrize(
    "method,fields",
    [
        ("TRACE", []),
        ("TRACE", [("Max-Forwards", "0")]),
        ("OPTIONS", [("Max-Forwards", "0")]),
    ],
)
def test_a_request_that_would_be_echoed_is_not_allowed(injecting_proxy, origin, method, fields):
    reply = injecting_proxy.request(method, "https://api.test/", fields)
    assert (reply.status, reply.error) == (405, "method_not_allowed")
    assert origin.saw_nothing()


@pytest.mark.parametrize(
    "target,expected",
    [
        ("/", "/?key={}"),
        ("/?", "/?key={}"),
        ("/p?a=1", "/p?a=1&key={}"),
        ("/p?key=forged", "/p?key={}"),
        ("/p?key=forged&b=2&key=again", "/p?b=2&key={}"),
        ("/p?%6bey=forged&b=%41", "/p?b=%41&key={}"),
        ("/p?keys=1&xkey=2&key", "/p?keys=1&xkey=2&key={}"),
    ],
)
def test_a_query_rule_sets_its_parameter_once(start, origin, secret, target, expected):
    proxy = start(
        {"domain": "api.test", "envVar": "API_KEY", "query": "key"}, env={"API_KEY": secret}
    )
    assert proxy.get(f"https://api.test{target}").status == 200
    seen = origin.only_request()
    assert seen.path == expected.partition("?")[0]
    # Which place the parameter takes among the others is the proxy's to choose.
    assert sorted(seen.query.split("&")) == sorted(
        expected.format(percent_encoded(secret)).partition("?")[2].split("&")
    )


def test_rules_that_continue_write_several_headers(start, origin, search):
    values = [search.make() for _ in range(4)]
    proxy = start(
        header_rule("X-One", "V0", **{"continue": True}),
        header_rule("X-Unset", "NOT_SET"),
        header_rule("X-Two", "V1", **{"continue": True}),
        {"domain": "api.test", "envVar": "V2", "query": "q"},
        header_rule("X-Last", "V3"),
        env={f"V{i}": value for i, value in enumerate(values)},
    )
    assert proxy.get("https://api.test/").status == 200
    seen = origin.only_request()
    assert seen.fields.one("x-one") == values[0]
    assert seen.fields.one("x-two") == values[1]
    assert seen.query == f"q={percent_encoded(values[2])}"
    assert not seen.fields.all("x-last") and not seen.fields.all("x-unset")


def test_methods_and_paths_choose_the_rule(start, origin, search):
    values = {name: search.make() for name in ("WRITE", "V1", "ONE", "REST")}
    proxy = start(
        bearer_rule(variable="WRITE", methods=["POST", "PUT"]),
        bearer_rule(variable="ONE", paths=["/v1/*/models"]),
        bearer_rule(variable="V1", paths=["/v1/**", "/v1"]),
        bearer_rule(variable="REST"),
        env=values,
    )
    cases = [
        ("POST", "/v1/x", "WRITE"),
        ("GET", "/v1/x", "V1"),
        ("GET", "/v1/x/models", "ONE"),
        ("GET", "/v1/x/y/models", "V1"),
        ("GET", "/v1", "V1"),
        ("GET", "/v10", "REST"),
        ("DELETE", "/", "REST"),
        # However the path is spelt.
        ("GET", "/%761/x?y", "V1"),
        ("GET", "/a/../v1/./x", "V1"),
        ("GET", "//v1//x", "V1"),
        ("GET", "/v1/../other", "REST"),
    ]
    with proxy.tls("api.test:443") as client:
        for method, target, _ in cases:
            assert client.request(method, target).status == 200
    for request, (method, target, variable) in zip(origin.requests, cases):
        assert request.fields.one("authorization") == f"Bearer {values[variable]}", (method, target)
        assert request.target == target


def test_one_rule_may_name_several_hosts(start_proxy, origin, secret):
    proxy = start_proxy(
        {"credentials": [bearer_rule(["api.test", "*.svc.test"])]},
        routes={"api.test:443": origin, "a.svc.test:443": origin},
        env={"API_KEY": secret},
    )
    assert proxy.get("https://api.test/").status == 200
    assert proxy.get("https://a.svc.test/").status == 200
    assert [r.fields.one("authorization") for r in origin.requests] == [f"Bearer {secret}"] * 2


def test_a_denied_host_gets_nothing_though_a_rule_names_it(start_proxy, origin, secret):
    proxy = start_proxy(
        {
            "policy": {"default": "deny"},
            "network": {"allowedDomains": ["other.test"]},
            "credentials": [bearer_rule()],
        },
        routes={"api.test:443": origin},
        env={"API_KEY": secret},
    )
    _, reply = proxy.connect("api.test:443")
    assert (reply.status, reply.error) == (403, "host_denied")
    assert reply.json()["host"].startswith("api.test")
    assert reply.json()["hint"]
    assert not origin.connections


def percent_encoded(text):
    from urllib.parse import quote

    return quote(text, safe="")


def _der():
    from cryptography.hazmat.primitives.serialization import Encoding

    return Encoding.DER
