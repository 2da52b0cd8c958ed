#!/usr/bin/python3
"""The JSON Schema of policy.yaml is valid, says the same as the parser, and is what the page
docs/policy.md describes.

Usage: policy_schema_test.py PRINT_SCHEMA CHECK_CONFIG ROOT
"""

import re
import sys
import unittest
from pathlib import Path

from schema_agreement import ROOT, SchemaAgreement


def endpoint(**changes):
    """A policy with one endpoint: the usual one with changes; None takes a key away."""
    members = {"host": "a.test", "port": 443, **changes}
    members = {k: v for k, v in members.items() if v is not None}
    return {"version": 1, "network_policies": {"e": {"endpoints": [members]}}}


def rest(**changes):
    return endpoint(protocol="rest", **changes)


def allow(**matcher):
    return rest(rules=[{"allow": {"method": "GET", "path": "/v1/**", **matcher}}])


def section(name, **members):
    return {"version": 1, name: members}


GOOD = [
    {"version": 1},
    {"version": 1, "filesystem_policy": {}, "landlock": {}, "process": {}, "network_policies": {}},
    section("filesystem_policy", include_workdir=False, read_only=["/usr", "/"], read_write=[]),
    section("filesystem_policy", read_only=["/a..b", "/..a", "/a/.b"]),
    section("landlock", compatibility="best_effort"),
    section("process", run_as_user="sandbox", run_as_group="1500"),
    section("process", run_as_user=1, run_as_group=4294967294),
    section("network_policies", e={}, other={"name": "Other", "endpoints": []}),
    section("network_policies", e={"binaries": [{"path": "/usr/bin/*", "harness": True}]}),
    endpoint(), endpoint(host="**.a.test"), endpoint(host="2001:db8::1"),
    endpoint(host="bücher.test"),
    endpoint(port=None, ports=[80, 443]),
    endpoint(host=None, allowed_ips=["10.0.0.0/8", "::1"]),
    endpoint(protocol=""), endpoint(protocol="tcp"), endpoint(tls="skip"),
    endpoint(tls="terminate"), endpoint(tls="auto", enforcement="audit"),
    rest(access="read-only"), rest(access="full", allow_encoded_slash=True),
    endpoint(protocol="websocket", access="full"),
    allow(), allow(method="*"), allow(query={}),
    allow(query={"q": "a*", "r": {"any": ["", "b"]}}),
    rest(access="full", deny_rules=[{"method": "GET", "path": "/x"}]),
]  # fmt: skip

BAD = [
    [], 3, None, "x", {}, {"version": 2}, {"version": "1"}, {"version": 1, "nonsense": {}},
    {"version": 1, "network_middlewares": {}}, {"version": 1, "network_policies": []},
    section("filesystem_policy", read_only=["usr"]),
    section("filesystem_policy", read_only=["/usr/.."]),
    section("filesystem_policy", read_only=["/../usr"]),
    section("filesystem_policy", read_only=[3]), section("filesystem_policy", read_only="/usr"),
    section("filesystem_policy", read_onyl=[]),
    section("filesystem_policy", include_workdir="yes"),
    section("landlock", compatibility="maybe"), section("landlock", compat="best_effort"),
    section("process", run_as_user="root"), section("process", run_as_user=0),
    section("process", run_as_user="0"), section("process", run_as_user=""),
    section("process", run_as_user="a b"), section("process", run_as_user=4294967295),
    section("network_policies", e=[]), section("network_policies", **{"": {}}),
    section("network_policies", e={"binaries": []}),
    section("network_policies", e={"binaries": ["/bin/git"]}),
    section("network_policies", e={"binaries": [{}]}),
    section("network_policies", e={"binaries": [{"path": "git"}]}),
    section("network_policies", e={"endpoints": {}}),
    endpoint(host=None), endpoint(port=None), endpoint(ports=[80]), endpoint(port=0),
    endpoint(port=65536), endpoint(port="443"), endpoint(port=None, ports=[]),
    endpoint(host=""), endpoint(host="a/b"), endpoint(host="~.*"), endpoint(host="a b"),
    endpoint(host=7), endpoint(protocol="graphql"), endpoint(protocol="http"),
    endpoint(tls="passthrough"), endpoint(enforcement="warn"), endpoint(access="full"),
    endpoint(rules=[]), endpoint(allowed_ips=[]), endpoint(allowed_ips=["a.test"]),
    endpoint(path="/x"), endpoint(mcp={}), endpoint(credential_signing="sigv4"),
    rest(access="none"), rest(access="full", deny_rules=[]), rest(rules=[{}]),
    rest(rules=[{"method": "GET", "path": "/"}]), rest(access="full", allow_encoded_slash="true"),
    allow(method=None), allow(path=None), allow(method="G T"), allow(path="v1"),
    allow(path="/?q"), allow(query=[]), allow(query={"q": 1}), allow(query={"q": {}}),
    allow(query={"q": {"any": []}}), allow(query={"q": {"any": ["x"], "all": []}}),
    allow(operation_type="query"),
]  # fmt: skip

# What the page calls each object of the schema.
HEADINGS = {
    "Top level": [],
    "`filesystem_policy`": ["filesystem_policy"],
    "`landlock`": ["landlock"],
    "`process`": ["process"],
    "An entry of `network_policies`": ["network_policies", "*"],
    "An endpoint": ["network_policies", "*", "endpoints", "[]"],
    "A rule": ["network_policies", "*", "endpoints", "[]", "deny_rules", "[]"],
    "A binary": ["network_policies", "*", "binaries", "[]"],
}


def at(schema, steps):
    for step in steps:
        if step == "*":
            schema = schema["additionalProperties"]
        elif step == "[]":
            schema = schema["items"]
        else:
            schema = schema["properties"][step]
    return schema


class PolicySchemaTest(SchemaAgreement, unittest.TestCase):
    kind = ["policy"]
    good = GOOD
    bad = BAD

    def test_the_page_describes_every_key_and_no_other(self):
        page = Path(ROOT, "docs/policy.md").read_text(encoding="utf-8")
        sections = dict(
            (part.partition("\n")[0].strip(), part) for part in re.split(r"^##+ ", page, flags=re.M)
        )
        for heading, steps in HEADINGS.items():
            with self.subTest(heading=heading):
                self.assertIn(heading, sections)
                described = set()
                for line in sections[heading].splitlines():
                    cell = line.split("|")[1] if line.startswith("| `") else ""
                    described.update(re.findall(r"`([^`]+)`", cell))
                self.assertEqual(described, set(at(self.schema, steps)["properties"]))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
