#!/usr/bin/python3
"""Holds the floors of docs/architecture.md.

Reads every #include of the sources and fails on an arrow that runs upward (or sideways, to another
folder of the same floor), on a third-party header outside the folders that own it, and on a header
that nobody has declared. Usage: include_direction.py [ROOT]
"""

import re
import sys
from pathlib import Path

# Lowest first. A folder includes itself and what stands on a lower floor.
FLOORS = [
    ["base"],
    ["rules", "ca", "proto"],
    ["gateway-client"],
    ["proxy/audit", "proxy/scrub"],
    ["proxy/net", "proxy/metrics", "proxy/socks"],
    ["proxy/dns", "proxy/tls"],
    ["proxy/http"],
    ["proxy/upstream"],
    ["proxy/exchange", "proxy/admin"],
    ["proxy/server"],
    ["supervisor"],
    ["cli"],
]

# The beginning of a third-party header's name -> the folders that may include it.
# The longest prefix that fits decides.
EVERYWHERE = None
THIRD_PARTY = {
    "absl/base/": EVERYWHERE,
    "absl/cleanup/": EVERYWHERE,
    "absl/container/": EVERYWHERE,
    "absl/functional/": EVERYWHERE,
    "absl/hash/": EVERYWHERE,
    "absl/status/": EVERYWHERE,
    # Of Abseil's strings only what has no counterpart: formatting and joining are fmt's.
    "absl/strings/ascii.h": EVERYWHERE,
    "absl/strings/escaping.h": EVERYWHERE,
    "absl/strings/string_view.h": EVERYWHERE,
    "absl/synchronization/": EVERYWHERE,
    "absl/time/": EVERYWHERE,
    "fmt/": EVERYWHERE,
    "spdlog/": {"base"},
    "nlohmann/": {"rules"},
    "re2/": {"rules"},
    "yaml-cpp/": {"rules"},
    "libpsl.h": {"rules"},
    "idn2.h": {"rules"},
    "openssl/": {"ca", "proxy/tls"},
    "google/protobuf/": {"proto"},
    "grpcpp/": {"gateway-client"},
    "uv.h": {"proxy/net"},
    "llhttp.h": {"proxy/http"},
    "nghttp2/": {"proxy/http"},
    "prometheus/": {"proxy/admin"},
    "seccomp.h": {"supervisor"},
    "linux/": {"supervisor"},
    "CLI/": {"cli"},
}

# What the C library brings; anything else must be declared above.
SYSTEM_PREFIXES = ("arpa/", "net/", "netinet/", "sys/")
SYSTEM_HEADERS = {
    "assert.h", "ctype.h", "dirent.h", "errno.h", "fcntl.h", "fnmatch.h", "glob.h", "grp.h",
    "ifaddrs.h", "inttypes.h", "limits.h", "malloc.h", "netdb.h", "poll.h", "pthread.h", "pty.h",
    "pwd.h", "sched.h", "signal.h", "spawn.h", "stddef.h", "stdint.h", "stdio.h", "stdlib.h", "string.h",
    "strings.h", "syslog.h", "termios.h", "time.h", "unistd.h", "wchar.h",
}
STANDARD_LIBRARY = re.compile(r"[a-z_0-9]+")

# Programs about the product, not part of it: they look at any floor, and no floor looks at them.
OUTSIDE = ("bench", "examples", "tests")

INCLUDE = re.compile(r"""^[ \t]*\#[ \t]*include(?:_next)?[ \t]*
                         (?: "([^"]+)" | <([^>]+)> | (\S+) )""", re.MULTILINE | re.VERBOSE)
SOURCES = {".c", ".cc", ".cpp", ".h", ".hpp"}


def folder_of(path):
    """The folder of the plan that a root-relative path belongs to, or None."""
    found = [f for floor in FLOORS for f in floor if path.startswith(f + "/")]
    return max(found, key=len, default=None)


def height(folder):
    return next(i for i, floor in enumerate(FLOORS) if folder in floor)


def judge_ours(folder, header):
    """Why `folder` may not include our own `header`; None where it may."""
    target = folder_of(header)
    if target is None:
        return "is not on any floor; product code includes only product code"
    if target == folder or height(target) < height(folder):
        return None
    relation = "the same floor as" if height(target) == height(folder) else "a floor above"
    return f"is in {target}, {relation} {folder}"


def judge_foreign(folder, header):
    """Why `folder` may not include the foreign `header`; None where it may."""
    if STANDARD_LIBRARY.fullmatch(header):
        return None
    if header in SYSTEM_HEADERS or header.startswith(SYSTEM_PREFIXES):
        return None
    prefix = max((p for p in THIRD_PARTY if header.startswith(p)), key=len, default=None)
    if prefix is None:
        return ("is neither a file of ours (includes are root-relative) nor a header that "
                "include_direction.py knows")
    owners = THIRD_PARTY[prefix]
    if owners is EVERYWHERE or folder in owners:
        return None
    return f"belongs to {', '.join(sorted(owners))} alone"


def check(root):
    """One line for each include that breaks the plan."""
    problems = []
    tops = sorted({folder.split("/")[0] for floor in FLOORS for folder in floor})
    for source in sorted(f for top in tops for f in (root / top).rglob("*") if f.suffix in SOURCES):
        path = source.relative_to(root).as_posix()
        folder = folder_of(path)
        if folder is None:
            problems.append(f"{path}:1: is in no folder of the plan")
            continue
        text = source.read_text(encoding="utf-8")
        for match in INCLUDE.finditer(text):
            header = match[1] or match[2]
            if header is None:
                reason, header = "is a macro; write the header's name", match[3]
            elif header.split("/")[0] in OUTSIDE:
                reason = "is not part of the product"
            elif (root / header).is_file():
                reason = judge_ours(folder, header)
            else:
                reason = judge_foreign(folder, header)
            if reason:
                line = text.count("\n", 0, match.start()) + 1
                problems.append(f"{path}:{line}: {header} {reason}")
    return problems


def main():
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parents[2]
    problems = check(root)
    for problem in problems:
        print(problem)
    if problems:
        print(f"{len(problems)} includes break the plan of docs/architecture.md", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
