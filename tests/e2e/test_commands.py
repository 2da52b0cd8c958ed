"""check, explain, schema, and what every command answers to --help and --version."""

import json
import re
from pathlib import Path

import jsonschema
import pytest

from harness.fixtures import bearer_rule

FULL_CONFIG = """{
  // Everything there is, with comments.
  "$schema": "https://example.com/schema.json",
  "policy": { "default": "deny", "logAllowed": false, "logBlocked": true },
  "network": {
    "allowedDomains": ["api.example.com:443", "*.pypi.org", "10.1.2.3:8080", "api.test",
                       "*.svc.test", "plain.test"],
    "blockedDomains": ["metadata.google.internal", "bad.svc.test"],
    "allowedCIDRs": [], "blockedCIDRs": ["10.0.0.0/8", "169.254.0.0/16"],
    "bypassDomains": ["pinned.example.com"], "bypassCIDRs": [],
    "intercept": "rules"
  },
  "credentials": [
    { "domain": "api.test", "envVar": "API_KEY", "header": "Authorization",
      "format": "Bearer ${value}", "methods": ["GET"], "paths": ["/v1/**"], "name": "main" },
    { "domain": ["a.svc.test", "b.svc.test"], "file": "/no/such/key", "query": "key",
      "continue": true, "plaintext": true, "scrub": "strict", "placeholder": "pretend-0123456789" },
    { "domain": "api.test", "command": ["/bin/echo", "x"], "ttlSeconds": 60, "header": "X-Key",
      "required": true }
  ]
}"""

DOCKER_CONFIG = json.dumps(
    {
        "policy": {"default": "allow", "logBlocked": False, "logAllowed": False},
        "network": {
            "allowedDomains": [],
            "blockedDomains": [
                "metadata.azure.internal",
                "metadata.google.internal",
                "kube-dns.kube-system.svc.cluster.local",
            ],
            "blockedCIDRs": [
                "10.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
                "192.168.0.0/16", "::1/128", "fc00::/7", "fe80::/10",
            ],
            "bypassDomains": [],
            "bypassCIDRs": [],
        },
    }
)  # fmt: skip


@pytest.fixture
def config(tmp_path):
    def write(text):
        file = tmp_path / "proxy-config.json"
        file.write_text(text if isinstance(text, str) else json.dumps(text))
        return file

    return write


COMMANDS = ["run", "proxy", "check", "explain", "schema"]


@pytest.mark.parametrize("command", [[], *[[c] for c in COMMANDS]])
def test_help_names_its_options(sallyport, command):
    result = sallyport(*command, "--help")
    assert result.status == 0
    assert result.out and not result.err
    for word in {"run": ["--isolation", "COMMAND"], "proxy": ["--listen", "--ready-file"]}.get(
        " ".join(command), ["--help"]
    ):
        assert word in result.out
    if not command:
        for name in COMMANDS:
            assert name in result.out


def test_version_is_one_line_on_standard_output(sallyport):
    result = sallyport("--version")
    assert result.status == 0
    assert re.fullmatch(r"sallyport \d+\.\d+\.\d+.*\n", result.out)


@pytest.mark.parametrize("text", [FULL_CONFIG, DOCKER_CONFIG, "{}"], ids=["full", "Docker's", "{}"])
def test_check_accepts_a_good_file(sallyport, config, text):
    result = sallyport("check", config(text))
    assert result.status == 0, result


def test_check_looks_at_every_file(sallyport, tmp_path):
    good, bad, worse = (tmp_path / f"{n}.json" for n in ("good", "bad", "worse"))
    good.write_text("{}")
    bad.write_text('{"nonsense": 1}')
    worse.write_text("{")
    result = sallyport("check", good, bad, worse)
    assert result.status == 1
    text = result.out + result.err
    assert "bad.json" in text and "worse.json:1:" in text


def test_check_of_a_missing_file_fails(sallyport, tmp_path):
    result = sallyport("check", tmp_path / "absent.json")
    assert result.status == 1
    assert "absent.json" in result.out + result.err


def test_check_warns_of_a_public_suffix_in_an_allow_list(sallyport, config):
    result = sallyport("check", config({"network": {"allowedDomains": ["*.co.uk"]}}))
    assert result.status == 0
    text = result.out + result.err
    assert "network.allowedDomains[0]" in text and "warning" in text.lower()


def test_schema_is_a_valid_schema_and_agrees_with_check(sallyport, config):
    result = sallyport("schema", "proxy-config")
    assert result.status == 0
    schema = json.loads(result.out)
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    good = [
        json.loads(re.sub(r"//.*(?=\n)", "", FULL_CONFIG.replace("https://", "https:"))),
        json.loads(DOCKER_CONFIG),
        {},
    ]
    for document in good:
        validator.validate(document)
        assert sallyport("check", config(document)).status == 0
    rule = bearer_rule()
    bad = [
        {"nonsense": 1},
        {"policy": {"default": "maybe"}},
        {"network": {"intercept": "some"}},
        {"network": {"allowedDomains": "x"}},
        {"credentials": [{**rule, "headers": "X"}]},
        {"credentials": [{k: v for k, v in rule.items() if k != "domain"}]},
        {"credentials": [{**rule, "file": "/x"}]},
        {"credentials": [{**rule, "query": "x"}]},
        {"credentials": [{**rule, "required": "yes"}]},
    ]
    for document in bad:
        assert not validator.is_valid(document), document
        assert sallyport("check", config(document)).status == 1, document


def test_an_unknown_schema_is_a_usage_error(sallyport):
    result = sallyport("schema", "nonsense")
    assert result.status == 2
    assert "proxy-config" in result.err


def explain(sallyport, file, *args, **options):
    result = sallyport("explain", "--config", file, "--json", *args, **options)
    assert result.status == 0, result
    return json.loads(result.out)


def test_explain_says_what_would_happen_to_a_request(sallyport, config, secret):
    file = config(FULL_CONFIG)
    env = {"API_KEY": secret}
    told = json.dumps(explain(sallyport, file, "https://api.test/v1/x", env=env))
    assert "allowedDomains[3]" in told
    assert "main" in told and "authorization" in told.lower()
    assert "intercept" in told.lower()
    denied = json.dumps(explain(sallyport, file, "https://unlisted.test/"))
    assert "policy.default" in denied and "denied" in denied
    blocked = json.dumps(explain(sallyport, file, "https://bad.svc.test/"))
    assert "blockedDomains[1]" in blocked
    tunnelled = json.dumps(explain(sallyport, file, "https://c.svc.test/"))
    assert "tunnel" in tunnelled.lower()


def test_explain_weighs_the_method_the_path_and_the_source(sallyport, config, secret):
    file = config(FULL_CONFIG)
    env = {"API_KEY": secret}
    get = explain(sallyport, file, "https://api.test/v1/x", env=env)
    post = explain(sallyport, file, "--method", "POST", "https://api.test/v1/x", env=env)
    elsewhere = explain(sallyport, file, "https://api.test/v2/x", env=env)
    unset = explain(sallyport, file, "https://api.test/v1/x")
    assert get != post and get != elsewhere and get != unset


def test_explain_for_people_is_readable(sallyport, config, secret):
    result = sallyport(
        "explain", "--config", config(FULL_CONFIG), "https://api.test/v1/x", env={"API_KEY": secret}
    )
    assert result.status == 0
    for word in ("api.test", "allowed", "main", "Authorization", "API_KEY"):
        assert word in result.out


def test_explain_agrees_with_the_proxy(sallyport, start_proxy, origin, secret, tmp_path):
    text = FULL_CONFIG.replace("api.example.com:443", "api.example.test:443")
    proxy = start_proxy(text, {"api.test:443": origin}, env={"API_KEY": secret})
    assert proxy.get("https://api.test/v1/x").status == 200
    record = proxy.wait_for_audit(lambda r: r["event"] == "request", "the request")
    told = explain(sallyport, proxy.config_file, "https://api.test/v1/x", env={"API_KEY": secret})
    assert record["by"] in json.dumps(told)
    assert record["rule"] in json.dumps(told)


@pytest.mark.parametrize("url", ["nonsense", "ftp://api.test/", "https://", "https://a b/"])
def test_explain_of_a_bad_url_is_a_usage_error(sallyport, config, url):
    result = sallyport("explain", "--config", config("{}"), url)
    assert result.status == 2, result
    assert url in result.err


def test_the_example_that_ships_is_valid(sallyport):
    example = Path(__file__).parents[2] / "examples" / "proxy-config.json"
    assert sallyport("check", example).status == 0
