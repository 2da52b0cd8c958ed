#!/usr/bin/python3
"""The include-direction check finds what it is there to find, and says what the documents say."""

import re
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import include_direction  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]


class IncludeDirectionTest(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.addCleanup(self.temporary.cleanup)
        self.root = Path(self.temporary.name)
        for header in ("base/status.h", "rules/template.h", "ca/leaf.h", "proxy/net/loop.h",
                       "proxy/http/head.h", "proxy/exchange/exchange.h", "supervisor/child.h",
                       "tests/proxy/fake.h"):
            self.write(header, "#include <string>\n")

    def write(self, path, text):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def problems_of(self, path, text):
        self.write(path, text)
        return include_direction.check(self.root)

    def test_accepts_what_the_plan_allows(self):
        allowed = (
            ("base/log.cc", '#include "base/status.h"\n#include "spdlog/logger.h"\n'),
            ("rules/config.cc", '#include "base/status.h"\n#include "nlohmann/json.hpp"\n'),
            ("ca/mint.cc", "#include <openssl/x509.h>\n#include <sys/mman.h>\n#include <ctime>\n"),
            ("proxy/http/h1.cc", '#include "proxy/net/loop.h"\n#include "llhttp.h"\n'),
            ("proxy/exchange/a.cc", '#include "rules/template.h"\n#include "fmt/core.h"\n'),
            ("supervisor/run.cc", '#include "proxy/exchange/exchange.h"\n#include <linux/prctl.h>\n'),
            ("tests/proxy/x_test.cc", '#include "supervisor/child.h"\n#include <uv.h>\n'),
        )
        for path, text in allowed:
            self.assertEqual(self.problems_of(path, text), [], path)

    def test_refuses_what_the_plan_forbids(self):
        forbidden = (
            ("upward", "rules/a.cc", "proxy/net/loop.h", "is in proxy/net, a floor above rules"),
            ("upward in proxy", "proxy/net/a.cc", "proxy/http/head.h", "a floor above proxy/net"),
            ("sideways", "rules/b.cc", "ca/leaf.h", "is in ca, the same floor as rules"),
            ("TLS library in http", "proxy/http/a.cc", "openssl/ssl.h", "belongs to ca, proxy/tls"),
            ("libuv in exchange", "proxy/exchange/a.cc", "uv.h", "belongs to proxy/net alone"),
            ("JSON library in ca", "ca/a.cc", "nlohmann/json.hpp", "belongs to rules alone"),
            ("undeclared library", "base/a.cc", "boost/asio.hpp", "neither a file of ours"),
            ("strings of Abseil", "base/a.cc", "absl/strings/str_cat.h", "neither a file of ours"),
            ("not root-relative", "base/a.cc", "status.h", "includes are root-relative"),
            ("test code", "base/a.cc", "tests/proxy/fake.h", "is not part of the product"),
        )
        for name, path, header, reason in forbidden:
            with self.subTest(name):
                problems = self.problems_of(path, f'#include <string>\n  # include "{header}"\n')
                self.assertEqual(len(problems), 1, problems)
                self.assertIn(f"{path}:2: {header} ", problems[0])
                self.assertIn(reason, problems[0])
                (self.root / path).unlink()

    def test_refuses_an_include_hidden_in_a_macro(self):
        self.assertIn("is a macro", self.problems_of("base/a.cc", "#include HEADER\n")[0])

    def test_refuses_a_source_in_no_folder_of_the_plan(self):
        self.assertIn("no folder of the plan", self.problems_of("proxy/stray.cc", "")[0])


class DocumentTest(unittest.TestCase):
    """docs/architecture.md shows the same table that the check works with."""

    def test_floors_and_headers_agree(self):
        floors, owners = [], {}
        for row in (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8").splitlines():
            cells = [cell.strip() for cell in row.strip().strip("|").split("|")]
            if len(cells) != 4 or not cells[0].isdigit():
                continue
            folder = cells[1].strip("`")
            while len(floors) < int(cells[0]):
                floors.append([])
            floors[int(cells[0]) - 1].append(folder)
            for header in re.findall(r"`([^`]+)`", cells[3]):
                owners.setdefault(header, set()).add(folder)
        restricted = {h: o for h, o in include_direction.THIRD_PARTY.items()
                      if o is not include_direction.EVERYWHERE}
        self.assertEqual(floors, include_direction.FLOORS)
        self.assertEqual(owners, restricted)


if __name__ == "__main__":
    unittest.main()
