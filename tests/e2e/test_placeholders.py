"""Placeholders: the child sends what it was given, and the origin gets what it stands for."""

import base64
import re
from urllib.parse import parse_qsl, quote, unquote

import pytest

from harness.fixtures import bearer_rule


def key_rule(**more):
    """A rule whose own header stays out of a placeholder's way."""
    return {"domain": "api.test", "envVar": "API_KEY", "header": "X-Key", **more}


@pytest.fixture
def other(origins):
    return origins.https()


@pytest.fixture
def proxy(start_proxy, origin, other, secret):
    return start_proxy(
        {"network": {"intercept": "all"}, "credentials": [key_rule()]},
        routes={"api.test:443": origin, "other.test:443": other},
        env={"API_KEY": secret},
    )


@pytest.fixture
def placeholder(proxy):
    return proxy.placeholder("API_KEY")


def basic(user, password):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def test_a_placeholder_is_random_and_new_for_every_run(start_proxy, secret):
    config = {"credentials": [key_rule()]}
    seen = {
        start_proxy(config, env={"API_KEY": secret}).placeholder("API_KEY") for _ in range(2)
    }
    assert len(seen) == 2
    for placeholder in seen:
        assert re.fullmatch(r"sallyport-[0-9a-f]{32}", placeholder)


def test_a_placeholder_is_not_in_the_log(proxy, placeholder):
    assert proxy.request("GET", "https://api.test/", [("X-A", placeholder)]).status == 200
    proxy.stop()
    assert placeholder not in proxy.stderr.text()
    assert placeholder not in proxy.audit_file.read_text()


def test_a_rules_own_placeholder_is_used(start_proxy, origin, secret):
    proxy = start_proxy(
        {"credentials": [key_rule(placeholder="sk-ant-api03-pretend-0123456789")]},
        routes={"api.test:443": origin},
        env={"API_KEY": secret},
    )
    assert proxy.placeholder("API_KEY") == "sk-ant-api03-pretend-0123456789"
    fields = [("X-A", "sk-ant-api03-pretend-0123456789")]
    assert proxy.request("GET", "https://api.test/", fields).status == 200
    assert origin.only_request().fields.one("x-a") == secret


def test_a_file_rules_placeholder_is_replaced(start_proxy, origin, search, tmp_path):
    value = search.make()
    (tmp_path / "key").write_text(value)
    rule = {
        "domain": "api.test",
        "file": str(tmp_path / "key"),
        "header": "X-Key",
        "placeholder": "a-file-placeholder-0123",
    }
    proxy = start_proxy({"credentials": [rule]}, routes={"api.test:443": origin})
    fields = [("X-A", "<a-file-placeholder-0123>")]
    assert proxy.request("GET", "https://api.test/", fields).status == 200
    assert origin.only_request().fields.one("x-a") == f"<{value}>"


@pytest.mark.parametrize("form", ["{}", "Bearer {}", "a{}b", "{}, {}", "x={};y"])
def test_in_any_header_value_it_is_replaced(proxy, placeholder, origin, secret, form):
    fields = [("X-Any", form.replace("{}", placeholder))]
    assert proxy.request("GET", "https://api.test/", fields).status == 200
    assert origin.only_request().fields.one("x-any") == form.replace("{}", secret)


def test_in_several_headers_each_is_replaced(proxy, placeholder, origin, secret):
    fields = [
        ("X-A", placeholder),
        ("Authorization", f"Bearer {placeholder}"),
        ("Sec-WebSocket-Protocol", f"v1, {placeholder}"),
        ("Cookie", f"k={placeholder}"),
    ]
    assert proxy.request("GET", "https://api.test/", fields).status == 200
    seen = origin.only_request().fields
    assert seen.one("x-a") == secret
    assert seen.one("authorization") == f"Bearer {secret}"
    assert seen.one("sec-websocket-protocol") == f"v1, {secret}"
    assert seen.one("cookie") == f"k={secret}"


@pytest.mark.parametrize(
    "user,password",
    [("x-access-token", "{}"), ("{}", ""), ("{}", "x-oauth-basic"), ("a{}b", "c{}d"), ("", "{}")],
)
def test_in_basic_credentials_it_is_decoded_replaced_and_encoded(
    proxy, placeholder, origin, secret, user, password
):
    sent = basic(user.replace("{}", placeholder), password.replace("{}", placeholder))
    assert proxy.request("GET", "https://api.test/", [("Authorization", sent)]).status == 200
    assert origin.only_request().fields.one("authorization") == basic(
        user.replace("{}", secret), password.replace("{}", secret)
    )


@pytest.mark.parametrize("scheme", ["basic", "BASIC"])
def test_the_basic_scheme_is_found_in_any_case(proxy, placeholder, origin, secret, scheme):
    sent = basic("u", placeholder).replace("Basic", scheme)
    assert proxy.request("GET", "https://api.test/", [("Authorization", sent)]).status == 200
    seen = origin.only_request().fields.one("authorization").split(" ", 1)
    assert seen[0].lower() == "basic"
    assert base64.b64decode(seen[1]).decode() == f"u:{secret}"


def test_basic_credentials_without_placeholder_are_left_alone(proxy, origin):
    fields = [("Authorization", "Basic dTpw"), ("X-B", "Basic !!not base64")]
    assert proxy.request("GET", "https://api.test/", fields).status == 200
    assert origin.only_request().fields.one("authorization") == "Basic dTpw"
    assert origin.only_request().fields.one("x-b") == "Basic !!not base64"


def percent_encoded(text):
    return "".join(f"%{ord(c):02X}" for c in text)


@pytest.mark.parametrize(
    "spell",
    [str, quote, percent_encoded, lambda p: percent_encoded(p).lower()],
    ids=["plain", "quoted", "percent-encoded", "in lower case"],
)
def test_in_the_path_it_stays_one_segment(proxy, placeholder, origin, secret, spell):
    assert proxy.get(f"https://api.test/bot{spell(placeholder)}/send?x=/").status == 200
    segments = origin.only_request().path.split("/")
    assert [unquote(s) for s in segments] == ["", f"bot{secret}", "send"]
    assert origin.only_request().query == "x=/"


@pytest.mark.parametrize("spell", [str, percent_encoded], ids=["plain", "percent-encoded"])
def test_in_the_query_it_stays_one_value(proxy, placeholder, origin, secret, spell):
    assert proxy.get(f"https://api.test/p?a=1&key={spell(placeholder)}&b=%41+c").status == 200
    query = origin.only_request().query
    assert parse_qsl(query) == [("a", "1"), ("key", secret), ("b", "A c")]
    assert query.startswith("a=1&key=") and query.endswith("&b=%41+c")


def test_the_header_of_an_applying_rule_wins(start_proxy, origin, secret):
    proxy = start_proxy(
        {"credentials": [bearer_rule()]}, {"api.test:443": origin}, env={"API_KEY": secret}
    )
    fields = [("Authorization", f"token {proxy.placeholder('API_KEY')}")]
    assert proxy.request("GET", "https://api.test/", fields).status == 200
    assert origin.only_request().fields.one("authorization") == f"Bearer {secret}"


PLACES = {
    "header": lambda p: ("/", [("X-Any", f"k {p}")]),
    "basic": lambda p: ("/", [("Authorization", basic("u", p))]),
    "path": lambda p: (f"/a/{p}/b", []),
    "encoded path": lambda p: (f"/a/%{ord(p[0]):02X}{p[1:]}", []),
    "query": lambda p: (f"/?q={p}", []),
    "cookie": lambda p: ("/", [("Cookie", f"a=b; c={p}")]),
    "user agent": lambda p: ("/", [("User-Agent", p)]),
}


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_sent_to_another_host_it_is_refused(proxy, placeholder, other, place):
    target, fields = place(placeholder)
    reply = proxy.request("GET", f"https://other.test{target}", fields)
    assert (reply.status, reply.error) == (403, "placeholder_misdirected")
    assert other.saw_nothing()
    record = proxy.wait_for_audit(
        lambda r: "placeholder_misdirected" in str(r), "placeholder_misdirected"
    )
    assert record["host"] == "other.test"


def test_sent_to_another_host_over_plaintext_it_is_refused(start_proxy, origins, secret):
    plain = origins.http()
    proxy = start_proxy(
        {"credentials": [key_rule()]}, {"other.test:80": plain}, env={"API_KEY": secret}
    )
    fields = [("X-Any", proxy.placeholder("API_KEY"))]
    reply = proxy.request("GET", "http://other.test/", fields)
    assert (reply.status, reply.error) == (403, "placeholder_misdirected")
    assert plain.saw_nothing()


def test_sent_where_its_rules_filters_do_not_match_it_is_refused(start_proxy, origin, secret):
    proxy = start_proxy(
        {"credentials": [key_rule(methods=["GET"], paths=["/v1/**"])]},
        {"api.test:443": origin},
        env={"API_KEY": secret},
    )
    fields = [("X-Any", proxy.placeholder("API_KEY"))]
    for method, path in (("POST", "/v1/x"), ("GET", "/v2/x")):
        reply = proxy.request(method, f"https://api.test{path}", fields)
        assert (reply.status, reply.error) == (403, "placeholder_misdirected")
    assert origin.saw_nothing()
    assert proxy.request("GET", "https://api.test/v1/x", fields).status == 200
    assert origin.only_request().fields.one("x-any") == secret


def test_one_of_several_rules_that_share_a_variable_is_enough(start_proxy, origin, secret):
    proxy = start_proxy(
        {"credentials": [key_rule(domain="svc.test"), key_rule(domain="api.test")]},
        {"api.test:443": origin},
        env={"API_KEY": secret},
    )
    fields = [("X-Any", proxy.placeholder("API_KEY"))]
    assert proxy.request("GET", "https://api.test/", fields).status == 200
    assert origin.only_request().fields.one("x-any") == secret


def test_after_a_refusal_the_connection_goes_on(proxy, placeholder, other):
    with proxy.tls("other.test:443") as client:
        assert client.get("/", [("X-Any", placeholder)]).status == 403
        assert client.get("/fine").status == 200
    assert [r.target for r in other.requests] == ["/fine"]


def test_a_placeholder_survives_a_reload(proxy, placeholder, origin, secret):
    proxy.reload_and_wait({"credentials": [key_rule(), bearer_rule("svc.test", "OTHER")]})
    assert proxy.request("GET", "https://api.test/", [("X-A", placeholder)]).status == 200
    assert origin.only_request().fields.one("x-a") == secret
