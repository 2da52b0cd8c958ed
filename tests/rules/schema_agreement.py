"""What the test of each schema holds it to: that it is one, and says the same as the parser."""

import json
import subprocess
import sys

import jsonschema

PRINT_SCHEMA, CHECK_CONFIG, ROOT = sys.argv[1:4]


class SchemaAgreement:
    """For a TestCase, which says what `kind` of file it is of (arguments of the two programs), and has
    `good` and `bad` documents."""

    kind = []

    @classmethod
    def setUpClass(cls):
        done = subprocess.run([PRINT_SCHEMA, *cls.kind], check=True, capture_output=True)
        cls.schema = json.loads(done.stdout)
        cls.validator = jsonschema.Draft202012Validator(cls.schema)

    def parser_says(self, documents):
        lines = "".join(json.dumps(document) + "\n" for document in documents)
        done = subprocess.run([CHECK_CONFIG, *self.kind], input=lines, text=True, check=True,
                              capture_output=True)  # fmt: skip
        return done.stdout.split()

    def test_the_schema_is_valid_draft_2020_12(self):
        self.assertEqual(self.schema["$schema"], "https://json-schema.org/draft/2020-12/schema")
        jsonschema.Draft202012Validator.check_schema(self.schema)

    def test_schema_and_parser_take_the_same_files(self):
        for document, verdict in zip(self.good, self.parser_says(self.good), strict=True):
            with self.subTest(document=document):
                self.validator.validate(document)
                self.assertEqual(verdict, "good")

    def test_schema_and_parser_refuse_the_same_files(self):
        for document, verdict in zip(self.bad, self.parser_says(self.bad), strict=True):
            with self.subTest(document=document):
                self.assertFalse(self.validator.is_valid(document))
                self.assertEqual(verdict, "bad")
