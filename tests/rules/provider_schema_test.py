#!/usr/bin/python3
"""The JSON Schema of provider types is valid, says the same as the parser, takes the types that are
shipped, and is what the page docs/providers.md describes.

Usage: provider_schema_test.py PRINT_SCHEMA CHECK_CONFIG ROOT
"""

import re
import sys
import unittest
from pathlib import Path

from schema_agreement import ROOT, SchemaAgreement
import yaml



def changed(members, changes):
    members = {**members, **changes}
    return {k: v for k, v in members.items() if v is not None}


def kind(**changes):
    """A good type with changes; None takes a key away."""
    return changed(
        {"type": "t", "description": "T", "properties": {"k": {"help": "h"}}}, changes
    )


def with_property(**changes):
    return kind(properties={"k": changed({"help": "h"}, changes)})


def with_rule(**changes):
    rule = {"domain": "a.test", "header": "x", "format": "${k}"}
    return kind(credentials=[changed(rule, changes)])


def with_file(**changes):
    return kind(files=[changed({"path": "~/x", "template": "${k}\n"}, changes)])


GOOD = [
    kind(), kind(any_property=True, hosts=["*.a.test:443"], credentials=[], files=[]),
    with_property(secret=False, required=True, pattern="[a-z]+", discover=["A"], project=["B"]),
    with_property(placeholder="x-{alnum:20}"),
    with_rule(), with_rule(domain=["a.test", "*.b.test"], methods=["GET"], paths=["/**"]),
    with_rule(header=None, query="q"),
    with_rule(**{"continue": True}, required=True, plaintext=True, body=True, scrub="strict"),
    with_rule(domain="*.github.io", publicSuffix=True, name="n"),
    with_file(), with_file(path="/etc/x", mode="0444", template="no value\n\tat all"),
    with_file(file_variable="A", folder_variable="B"),
]  # fmt: skip

BAD = [
    [], 3, None, {}, kind(type=None), kind(type="T"), kind(type="a b"), kind(type=""),
    kind(description=None), kind(description=""), kind(properties=None), kind(properties=[]),
    kind(propertys={}), kind(properties={"value": {"help": "h"}}),
    kind(properties={"a-b": {"help": "h"}}), kind(any_property="yes"), kind(hosts="a.test"),
    with_property(help=None), with_property(secret="no"), with_property(discover=[]),
    with_property(discover=["A B"]), with_property(project="A"), with_property(envVar="A"),
    with_rule(domain=None), with_rule(format=None), with_rule(header="Host"),
    with_rule(header=None), with_rule(query="q"), with_rule(envVar="A"), with_rule(file="/x"),
    with_rule(provider="t", property="k"), with_rule(placeholder="sk-0123456789"),
    with_file(path=None), with_file(path="x"), with_file(path="~/../x"), with_file(path="~/x/"),
    with_file(template=None), with_file(mode=384), with_file(mode="4755"),
    with_file(file_variable="$A"), with_file(contents="x"),
]  # fmt: skip

# What the page calls each object of the schema.
HEADINGS = {
    "Type": [],
    "Property": ["properties", "*"],
    "Rule": ["credentials", "[]"],
    "File": ["files", "[]"],
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


class ProviderSchemaTest(SchemaAgreement, unittest.TestCase):
    kind = ["provider-type"]
    good = GOOD
    bad = BAD

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.page = Path(ROOT, "docs/providers.md").read_text(encoding="utf-8")
        cls.shipped = [
            yaml.safe_load(path.read_text(encoding="utf-8"))
            for path in sorted(Path(ROOT, "providers").glob("*.yaml"))
        ]

    def test_the_schema_takes_the_types_that_are_shipped(self):
        self.assertGreater(len(self.shipped), 20)
        for document in self.shipped:
            with self.subTest(type=document["type"]):
                self.validator.validate(document)

    def test_the_example_is_good(self):
        text = Path(ROOT, "examples/provider-type.yaml").read_text(encoding="utf-8")
        example = yaml.safe_load(text)
        self.validator.validate(example)
        self.assertEqual(self.parser_says([example]), ["good"])

    def test_each_file_is_named_for_its_type(self):
        names = [path.stem for path in sorted(Path(ROOT, "providers").glob("*.yaml"))]
        self.assertEqual([document["type"] for document in self.shipped], names)

    def test_the_page_describes_every_key_and_no_other(self):
        sections = dict(
            (part.partition("\n")[0].strip(), part)
            for part in re.split(r"^##+ ", self.page, flags=re.M)
        )
        for heading, steps in HEADINGS.items():
            with self.subTest(heading=heading):
                described = set()
                for line in sections[heading].splitlines():
                    cell = line.split("|")[1] if line.startswith("| `") else ""
                    described.update(re.findall(r"`([^`]+)`", cell))
                self.assertEqual(described, set(at(self.schema, steps)["properties"]))

    def test_the_page_has_every_type_with_its_variables_files_and_hosts(self):
        rows = dict(
            (row[1].strip().strip("`"), row)
            for row in (line.split("|") for line in self.page.splitlines())
            if len(row) == 7
        )
        for document in self.shipped:
            with self.subTest(type=document["type"]):
                row = rows[document["type"]]
                self.assertEqual(row[2].strip(), document["description"])
                properties = document["properties"].values()
                found = [name for p in properties for name in p.get("discover", [])]
                given = [name for p in properties for name in p.get("project", [])]
                given += [file["path"] for file in document.get("files", [])]
                hosts = []
                for rule in document.get("credentials", []):
                    domains = rule["domain"]
                    hosts += [domains] if isinstance(domains, str) else domains
                hosts = [host.removesuffix(":443") for host in hosts]
                for cell, wanted in [(row[3], found), (row[4], given), (row[5], hosts)]:
                    self.assertEqual(set(re.findall(r"`([^`]+)`", cell)), set(wanted))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
