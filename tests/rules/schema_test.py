#!/usr/bin/python3
"""The JSON Schema of proxy-config.json is valid, and says the same as the parser.

Usage: schema_test.py PRINT_SCHEMA CHECK_CONFIG ROOT
"""

import json
import re
import sys
import unittest
from pathlib import Path

from schema_agreement import ROOT, SchemaAgreement

RULE = {"domain": "api.example.com", "envVar": "API_KEY", "header": "Authorization"}


def rule(**changes):
    """A file with one rule: the usual one with changes; None takes a key away."""
    members = {k: v for k, v in {**RULE, **changes}.items() if v is not None}
    return {"credentials": [members]}


GOOD = [
    {},
    {"$schema": "./schema.json", "policy": {}, "network": {}, "credentials": []},
    {"policy": {"default": "deny", "logAllowed": True, "logBlocked": False}},
    {"network": {"intercept": "all", "bypassDomains": ["a.example.com"], "bypassCIDRs": ["::1"]}},
    {"network": {"allowedDomains": [
        "example.com", "example.com:443", "*.example.com", "**.example.com:443",
        "api-*.example.com", "*", "*:443", "192.0.2.7:8080", "[2001:db8::1]:443", "192.0.2.0/24",
        "2001:db8::/32", "~api-[0-9]+\\.example\\.com:443", "bücher.example"]}},
    {"network": {"blockedCIDRs": ["10.0.0.0/8", "::1/128", "fc00::/7"], "allowedCIDRs": []}},
    rule(),
    rule(domain=["a.example.com", "*.b.example.com"]),
    rule(domain="*.com", publicSuffix=True),
    rule(methods=["GET", "post"], paths=["/v1/**", "/"]),
    rule(envVar=None, file="/run/secrets/key"),
    rule(envVar=None, command=["helper", "", "--x"], ttlSeconds=60),
    rule(envVar=None, command=["/bin/helper"], ttlSeconds=60.0),
    rule(envVar=None, provider="work", property="token"),
    rule(header=None, query="api key"),
    rule(format="Basic ${'x-access-token:' value | base64}"),
    rule(placeholder="sk-placeholder", name="main"),
    rule(required=True, plaintext=True, body=False, **{"continue": True}),
    rule(scrub=True), rule(scrub=False), rule(scrub="strict"),
    rule(header="x-api-key"), rule(header="Hosts"), rule(header="TEA"), rule(header="X-Proxy-Y"),
]  # fmt: skip

BAD = [
    [], 3, None, "x",
    {"nonsense": 1},
    {"policy": {"default": "maybe"}},
    {"policy": {"logAllowed": "yes"}},
    {"policy": []},
    {"network": {"intercept": "some"}},
    {"network": {"allowedDomains": "example.com"}},
    {"network": {"allowedDomains": [7]}},
    {"network": {"allowedDomains": [""]}},
    {"network": {"allowedDomains": ["a b"]}},
    {"network": {"allowedDomains": ["user@example.com"]}},
    {"network": {"allowedDomains": ["~"]}},
    {"network": {"blockedCIDRs": ["example.com"]}},
    {"network": {"blockedCIDRs": ["10.0.0.0/1000"]}},
    {"network": {"allowDomains": []}},
    {"credentials": {}},
    {"credentials": [3]},
    {"credentials": [{}]},
    rule(domain=None), rule(domain=[]), rule(domain=3), rule(domain=["a b"]),
    rule(envVar=None), rule(file="/x"), rule(header=None), rule(query="x"),
    rule(envVar="A B"), rule(envVar="1A"), rule(envVar=""), rule(envVar="$A"),
    rule(envVar=None, file="x"), rule(envVar=None, command=[]), rule(envVar=None, command="x"),
    rule(envVar=None, provider="x"), rule(property="x"),
    rule(ttlSeconds=5),
    rule(envVar=None, command=["x"], ttlSeconds=0),
    rule(envVar=None, command=["x"], ttlSeconds=1.5),
    rule(envVar=None, command=["x"], ttlSeconds=10**12),
    rule(methods=[]), rule(methods=["GE T"]), rule(paths=[]), rule(paths=["v1"]),
    rule(paths=["/v1?x"]),
    rule(format=""), rule(format="Bearer"), rule(format="${value}\nX: 1"), rule(format="${value"),
    rule(placeholder="short"), rule(placeholder="with a space"),
    rule(scrub="maybe"), rule(scrub=1), rule(required="yes"), rule(name=""), rule(headers="X"),
    *(rule(header=name) for name in (
        "Host", "HOST", "content-length", "Transfer-Encoding", "Connection", "Upgrade", "te",
        "Trailer", "Keep-Alive", "Proxy-Authorization", "proxy-x", ":authority", "X Y", "", "ü")),
]  # fmt: skip


def read(path):
    """A configuration file without its comments, which JSON Schema knows nothing of."""
    text = re.sub(r'("(?:[^"\\]|\\.)*")|//[^\n]*|/\*.*?\*/', lambda m: m[1] or "",
                  Path(ROOT, path).read_text(encoding="utf-8"), flags=re.DOTALL)  # fmt: skip
    return json.loads(text)


class SchemaTest(SchemaAgreement, unittest.TestCase):
    good = GOOD
    bad = BAD

    def test_the_files_that_ship_are_valid(self):
        files = ["examples/proxy-config.json", "tests/rules/testdata/docker-proxy-config.json"]
        documents = [read(file) for file in files]
        for document in documents:
            self.validator.validate(document)
        self.assertEqual(self.parser_says(documents), ["good"] * len(documents))

    def test_every_key_is_described(self):
        def keys(schema, path):
            for name, value in schema.get("properties", {}).items():
                yield f"{path}.{name}", value
                yield from keys(value.get("items", value), f"{path}.{name}")

        for path, value in keys(self.schema, ""):
            self.assertTrue(value.get("description"), path)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
