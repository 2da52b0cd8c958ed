"""Running sallyport: where it is, what environment it gets, what its end must look like."""

import os
import re
import signal
import subprocess
import threading

from harness.deadline import LIMIT_SECONDS

import pytest

# What a sanitizer, the C++ runtime or an assertion prints before the end.
_CRASH = re.compile(
    rb"(AddressSanitizer|ThreadSanitizer|LeakSanitizer|UndefinedBehaviorSanitizer"
    rb"|runtime error:|terminate called|Assertion .* failed|Check failed|stack smashing"
    rb"|pure virtual|double free|malloc\(\):|corrupted)"
)


def binary():
    path = os.environ.get("SALLYPORT_BIN")
    assert path, "SALLYPORT_BIN must name the program under test"
    return path


def sanitizer():
    """The sanitizer of the program under test: "thread", "address…", or nothing."""
    return os.environ.get("SALLYPORT_SANITIZED", "")


def is_sanitized():
    """Whether the program under test is a sanitizer build: slower, and larger in memory."""
    return sanitizer() not in ("", "0")


def environment(home, extra=None):
    """A small environment: nothing of the tester's own reaches the program but what it needs."""
    env = {
        "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "TERM": "xterm",
    }
    for name, value in os.environ.items():
        if name.endswith("SAN_OPTIONS") or name == "LD_LIBRARY_PATH":
            env[name] = value
    env.update(extra or {})
    return env


# The program is not dumpable, so that only root may count its descriptors.
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may look into the program")


def check_no_crash(output, where):
    match = _CRASH.search(output)
    if match:
        report = output[match.start() :][:8000].decode(errors="replace")
        raise AssertionError(f"{where} reports a crash:\n{report}")


class Completed:
    """A finished run of the program."""

    def __init__(self, args, status, stdout, stderr):
        self.args = args
        self.status = status
        self.stdout = stdout
        self.stderr = stderr

    @property
    def out(self):
        return self.stdout.decode(errors="replace")

    @property
    def err(self):
        return self.stderr.decode(errors="replace")

    def __repr__(self):
        return (
            f"<exit status {self.status} of {' '.join(map(str, self.args))}\n"
            f"stdout: {self.out[-2000:]}\nstderr: {self.err[-4000:]}>"
        )


def run_program(args, home, env=None, stdin=b"", limit=3 * LIMIT_SECONDS, **popen):
    """Runs sallyport to its end; a crash or a hang fails the test."""
    args = [str(a) for a in args]
    process = subprocess.Popen(
        [binary(), *args],
        env=environment(home, env),
        stdin=subprocess.PIPE if stdin is not None else None,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **popen,
    )
    try:
        stdout, stderr = process.communicate(stdin, timeout=limit)
    except subprocess.TimeoutExpired:
        process.kill()
        stdout, stderr = process.communicate()
        raise AssertionError(
            f"sallyport {' '.join(args)} did not end\n{stdout[-2000:]}\n{stderr[-4000:]}"
        ) from None
    check_no_crash(stderr, "stderr")
    assert process.returncode not in (-signal.SIGSEGV, -signal.SIGABRT, -signal.SIGBUS), stderr
    return Completed(args, process.returncode, stdout, stderr)


class Output:
    """What a process writes to a pipe, gathered by a thread."""

    def __init__(self, pipe):
        self._pipe = pipe
        self._data = bytearray()
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self):
        while data := os.read(self._pipe.fileno(), 1 << 16):
            with self._changed:
                self._data += data
                self._changed.notify_all()

    def bytes(self):
        with self._changed:
            return bytes(self._data)

    def text(self):
        return self.bytes().decode(errors="replace")

    def wait_for(self, pattern, after=0):
        """Waits until the regular expression is found past offset `after`; returns the match."""
        compiled = re.compile(pattern.encode() if isinstance(pattern, str) else pattern)
        with self._changed:
            found = self._changed.wait_for(
                lambda: compiled.search(self._data, after), LIMIT_SECONDS
            )
        assert found, f"{pattern!r} never appeared in:\n{self.text()}"
        return found

    def finish(self):
        """Waits for the end of the stream."""
        self._thread.join(LIMIT_SECONDS)
        assert not self._thread.is_alive(), "something still holds the program's output open"
        self._pipe.close()
