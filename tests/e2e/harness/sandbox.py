"""Hostile code: Python that runs inside the sandbox and says how each attempt ended."""

import json
import os
import shutil
import tempfile
from pathlib import Path

import pytest

from harness import program
from harness.child import ChildRunner

PYTHON = "/usr/bin/python3"
# Nobody's number on any system.
PLAIN_USER = 54321

# What every attempt may use. `attempt` runs a function and tells its result or its error.
PRELUDE = """
import ctypes, errno, json, os, signal, socket, struct, subprocess, sys
libc = ctypes.CDLL(None, use_errno=True)
results = {}
def attempt(name, action):
    try:
        results[name] = ["done", repr(action())]
    except OSError as error:
        results[name] = [errno.errorcode.get(error.errno, type(error).__name__), str(error)]
    except Exception as error:
        results[name] = [type(error).__name__, str(error)]
def call(number, *arguments):
    arguments = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    result = libc.syscall(ctypes.c_long(number), *arguments)
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result
def exchange(address, request, family=socket.AF_INET, kind=socket.SOCK_STREAM):
    with socket.socket(family, kind) as s:
        s.settimeout(10)
        s.connect(address)
        s.sendall(request)
        return s.recv(65536)
"""


class Attempts(dict):
    """How each attempt ended: "done", the name of an errno, or of an exception."""

    def failed(self, *names):
        for name in names:
            assert self[name][0] != "done", f"{name}: {self[name]}"


class Sandbox(ChildRunner):
    """A ChildRunner that runs Python inside."""

    @property
    def as_root(self):
        return is_root() and self.user is None

    def install(self, file):
        """Copies a program to where every user, and the default policy, finds it."""
        return shutil.copy(file, self._folder.parent)

    def outside(self):
        """A folder that every user reaches, and only the tester writes to."""
        folder = self._folder.parent / "outside"
        folder.mkdir(exist_ok=True)
        folder.chmod(0o755)
        return folder

    def python(self, code, *arguments, **options):
        result = self.run([PYTHON, "-c", PRELUDE + code, *map(str, arguments)], **options)
        assert result.status == 0, result
        return result

    def attempts(self, code, *arguments, **options):
        result = self.python(code + "\nprint(json.dumps(results))\n", *arguments, **options)
        return Attempts(json.loads(result.out.splitlines()[-1]))


def is_root():
    return os.geteuid() == 0


needs_root = pytest.mark.skipif(not is_root(), reason="only root can become another user")


def make_sandbox(pki, search, isolation, plain_user):
    """A Sandbox whose folders the user can reach, and a function that removes them."""
    is_plain = plain_user or not is_root()
    if is_plain and isolation == "netns" and program.sanitizer() == "thread":
        # user_namespaces(7): unshare(2) wants a process of one thread.
        pytest.skip("ThreadSanitizer's own thread is in the way of a user namespace")
    user = PLAIN_USER if plain_user and is_root() else None
    folder = Path(tempfile.mkdtemp(prefix="sallyport-test-"))
    folder.chmod(0o755)
    return Sandbox(folder / "run", pki, search, isolation, user), lambda: shutil.rmtree(folder)


USERS = ["root", "plain"] if is_root() else ["plain"]


@pytest.fixture(params=[f"{mode}-{user}" for mode in ("netns", "landlock") for user in USERS])
def sandbox(request, pki, search):
    mode, user = request.param.split("-")
    made, remove = make_sandbox(pki, search, mode, user == "plain")
    yield made
    remove()


@pytest.fixture(params=USERS)
def netns(request, pki, search):
    made, remove = make_sandbox(pki, search, "netns", request.param == "plain")
    yield made
    remove()


@pytest.fixture(params=USERS)
def landlock(request, pki, search):
    made, remove = make_sandbox(pki, search, "landlock", request.param == "plain")
    yield made
    remove()
