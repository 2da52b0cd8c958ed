"""`sallyport run`: the child's environment, its terminal, its status and its end."""

import hashlib
import os
import re
import signal
import subprocess
from pathlib import Path

import pexpect
import pytest

from harness import program
from harness.child import ChildRunner
from harness.deadline import LIMIT_SECONDS, eventually
from harness.fixtures import bearer_rule

PYTHON = "/usr/bin/python3"


@pytest.fixture(params=["none", "netns"])
def child_runner(request, tmp_path, pki, search, origins):
    """What holds for a command holds in the sandbox too."""
    return ChildRunner(tmp_path / "run", pki, search, request.param)


@pytest.fixture
def host_process_ids(child_runner):
    """For tests that look for a process by the number that it knows itself by."""
    if child_runner.isolation != "none":
        pytest.skip("processes inside have numbers of their own")


GET = (
    "import sys, urllib.request as u;"
    "print(u.urlopen(u.Request(sys.argv[1])).read().decode())"
)


def test_a_child_uses_a_credential_it_never_sees(run_child, origin, secret):
    result = run_child(
        ["/bin/sh", "-c", f'echo "$API_KEY"; exec {PYTHON} -c "$0" https://api.test/', GET],
        config={"credentials": [bearer_rule()]},
        routes={"api.test:443": origin},
        env={"API_KEY": secret},
    )
    assert result.status == 0, result
    placeholder, body = result.out.split()
    assert re.fullmatch(r"sallyport-[0-9a-f]{32}", placeholder)
    assert body == "ok"
    assert origin.only_request().fields.one("authorization") == f"Bearer {secret}"


def child_environment(run_child, **options):
    result = run_child(["/usr/bin/env", "-0"], **options)
    assert result.status == 0, result
    return dict(pair.split("=", 1) for pair in result.out.split("\0") if pair)


def test_the_childs_environment_holds_the_proxy_and_the_certificates(run_child):
    env = child_environment(run_child)
    proxy = env["HTTPS_PROXY"]
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/?", proxy)
    for name in ("HTTP_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy", "grpc_proxy"):
        assert env[name] == proxy
    for name in ("NO_PROXY", "no_proxy"):
        assert env[name] == "localhost,127.0.0.1,::1"
    assert env["NODE_USE_ENV_PROXY"] == "1"
    for name in (
        "SSL_CERT_FILE NODE_EXTRA_CA_CERTS DENO_CERT REQUESTS_CA_BUNDLE CURL_CA_BUNDLE "
        "GIT_SSL_CAINFO AWS_CA_BUNDLE PIP_CERT CARGO_HTTP_CAINFO npm_config_cafile "
        "BUNDLE_SSL_CA_CERT NIX_SSL_CERT_FILE GRPC_DEFAULT_SSL_ROOTS_FILE_PATH"
    ).split():
        assert name in env
        assert env[name].endswith((".crt", ".pem"))
    assert "trustStore" in env["JAVA_TOOL_OPTIONS"]


def test_the_childs_environment_holds_nothing_else_of_the_parents(run_child, secret):
    parents = {
        "API_KEY": secret,
        "AWS_SECRET_ACCESS_KEY": "x",
        "DATABASE_URL": "x",
        "LD_PRELOAD_NOT": "x",
        "SALLYPORT_LOG_LEVEL": "debug",
        "LC_TIME": "C",
        "TZ": "UTC",
        "COLORTERM": "truecolor",
        "HTTP_PROXY_PASSWORD": "x",
    }
    config = {"credentials": [bearer_rule()]}
    env = child_environment(run_child, config=config, env=parents)
    for name in ("AWS_SECRET_ACCESS_KEY", "DATABASE_URL", "LD_PRELOAD_NOT", "HTTP_PROXY_PASSWORD"):
        assert name not in env
    for name in ("LC_TIME", "TZ", "COLORTERM"):
        assert env[name] == parents[name]
    assert env["API_KEY"] not in ("", secret)


def test_env_passes_a_variable_or_sets_one(run_child):
    env = child_environment(
        run_child,
        args=["--env", "MINE", "--env=SET=to this", "--env", "ABSENT", "--env", "EMPTY="],
        env={"MINE": "passed", "OTHER": "not"},
    )
    assert env["MINE"] == "passed"
    assert env["SET"] == "to this"
    assert env["EMPTY"] == ""
    assert "OTHER" not in env and "ABSENT" not in env


def test_env_cannot_pass_a_rules_secret(run_child, secret):
    env = child_environment(
        run_child,
        config={"credentials": [bearer_rule()]},
        args=["--env", "API_KEY"],
        env={"API_KEY": secret},
    )
    assert env["API_KEY"] != secret


def test_a_rule_without_a_value_leaves_its_variable_unset(run_child):
    env = child_environment(run_child, config={"credentials": [bearer_rule()]})
    assert "API_KEY" not in env


def test_the_work_folder_is_the_current_one_or_the_one_given(run_child, child_runner, tmp_path):
    assert run_child(["/bin/pwd"]).out.strip() == str(child_runner.workdir)
    other = tmp_path / "elsewhere"
    other.mkdir()
    result = run_child(["/bin/sh", "-c", "pwd; echo $PWD"], args=["--workdir", other])
    assert result.out.split() == [str(other)] * 2


def test_isolation_none_warns_of_what_it_does_not_protect(run_child, child_runner):
    result = run_child(["/bin/true"])
    assert result.status == 0
    warns = re.search(r" warn .*isolation", result.err) is not None
    assert warns == (child_runner.isolation == "none"), result


@pytest.mark.parametrize("status", [0, 1, 3, 124, 125, 126, 127, 255])
def test_the_childs_status_is_returned(run_child, status):
    assert run_child(["/bin/sh", "-c", f"exit {status}"]).status == status


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGINT, signal.SIGUSR1])
def test_a_child_ended_by_a_signal_gives_128_and_its_number(run_child, number):
    assert run_child(["/bin/sh", "-c", f"kill -{int(number)} $$"]).status == 128 + number


def test_a_command_that_is_not_found_gives_127(run_child):
    for command in ("/no/such/program", "no-such-program-anywhere"):
        result = run_child([command])
        assert result.status == 127, result
        assert command in result.err


def test_a_command_that_cannot_be_executed_gives_126(run_child, tmp_path):
    plain = tmp_path / "plain"
    plain.write_text("not a program")
    for command in (plain, tmp_path):
        result = run_child([command])
        assert result.status == 126, result
        assert str(command) in result.err


def test_a_bad_configuration_starts_no_child(run_child, tmp_path):
    marker = tmp_path / "started"
    result = run_child(["/usr/bin/touch", marker], config={"nonsense": 1})
    assert result.status == 125, result
    assert "nonsense" in result.err
    assert not marker.exists()


def test_a_required_program_is_named_when_no_command_is_given(sallyport):
    result = sallyport("run", "--isolation", "none")
    assert result.status == 2
    assert "COMMAND" in result.err.upper()


def test_ten_mebibytes_pass_through_standard_output(run_child):
    script = (
        "import sys, random; sys.stdout.buffer.write(random.Random(7).randbytes(10 << 20))"
    )
    import random

    expected = random.Random(7).randbytes(10 << 20)
    result = run_child([PYTHON, "-c", script])
    assert result.status == 0
    assert hashlib.sha256(result.stdout).digest() == hashlib.sha256(expected).digest()


def test_standard_input_reaches_the_child_and_ends(run_child):
    data = os.urandom(1 << 20)
    result = run_child(["/usr/bin/sha256sum"], stdin=data)
    assert result.out.split()[0] == hashlib.sha256(data).hexdigest()


def test_standard_output_and_standard_error_stay_apart(run_child):
    result = run_child(["/bin/sh", "-c", "echo to-out; echo to-err >&2"])
    assert result.out == "to-out\n"
    assert "to-err" in result.err and "to-out" not in result.err


def test_a_closed_output_reaches_the_child_as_a_broken_pipe(child_runner):
    line = child_runner.command_line(["/usr/bin/yes"])
    process = subprocess.Popen(
        [program.binary(), *line],
        env=program.environment(child_runner.home),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    process.stdout.read(100)
    process.stdout.close()
    assert process.wait(LIMIT_SECONDS) == 128 + signal.SIGPIPE


class Background:
    """A `sallyport run` that goes on while the test looks at it."""

    def __init__(self, child_runner, command, **options):
        line = child_runner.command_line(command, **options)
        self.process = subprocess.Popen(
            [program.binary(), *line],
            env=program.environment(child_runner.home),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=child_runner.workdir,
        )
        self.stdout = program.Output(self.process.stdout)
        self.stderr = program.Output(self.process.stderr)

    def wait(self):
        try:
            return self.process.wait(LIMIT_SECONDS)
        finally:
            self.process.kill()
            self.process.wait()
            self.stdout.finish()
            self.stderr.finish()
            program.check_no_crash(self.stderr.bytes(), "sallyport run")


@pytest.mark.parametrize(
    "number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2,
               signal.SIGQUIT]
)  # fmt: skip
def test_a_signal_reaches_the_child(child_runner, number):
    script = (
        "import os, signal, sys\n"
        "def caught(number, frame):\n"
        "    os.write(1, b'caught %d' % number)\n"
        "    sys.exit(42)\n"
        f"signal.signal({int(number)}, caught)\n"
        "print('ready', flush=True)\n"
        "while True: signal.pause()\n"
    )
    run = Background(child_runner, [PYTHON, "-c", script])
    run.stdout.wait_for("ready")
    run.process.send_signal(number)
    assert run.wait() == 42
    assert f"caught {int(number)}" in run.stdout.text()


def test_a_child_that_takes_no_notice_of_a_signal_goes_on(child_runner):
    script = (
        "import os, signal, sys\n"
        "signal.signal(signal.SIGTERM, lambda *_: os.write(1, b'noticed'))\n"
        "signal.signal(signal.SIGUSR1, lambda *_: sys.exit(7))\n"
        "print('ready', flush=True)\n"
        "while True: signal.pause()\n"
    )
    run = Background(child_runner, [PYTHON, "-c", script])
    run.stdout.wait_for("ready")
    run.process.send_signal(signal.SIGTERM)
    run.stdout.wait_for("noticed")
    assert run.process.poll() is None
    run.process.send_signal(signal.SIGUSR1)
    assert run.wait() == 7


def process_exists(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


ORPHANS = {
    "a background job": "sleep 1000 & echo $!",
    "in a session of its own": "setsid sleep 1000 & echo $!",
    "that ignores signals": "sh -c 'trap \"\" TERM HUP INT; exec sleep 1000' & echo $!",
}


@pytest.mark.parametrize("script", ORPHANS.values(), ids=ORPHANS)
def test_what_the_child_left_behind_ends_with_it(run_child, script, host_process_ids):
    result = run_child(["/bin/sh", "-c", f"{script} >&2; exit 5"])
    assert result.status == 5, result
    pid = int(re.findall(r"^(\d+)$", result.err, re.M)[-1])
    assert not process_exists(pid)


DAEMON = """
import os, sys
if os.fork():
    os.wait()
    sys.exit(6)
os.setsid()
if pid := os.fork():
    print(pid, flush=True)
    os._exit(0)
for descriptor in range(3):
    os.close(descriptor)
os.execv("/bin/sleep", ["sleep", "1000"])
"""


def test_a_daemon_that_detached_itself_ends_with_the_child(run_child, host_process_ids):
    result = run_child([PYTHON, "-c", DAEMON])
    assert result.status == 6, result
    assert not process_exists(int(result.out))


def test_the_child_ends_when_sallyport_is_killed(child_runner, host_process_ids):
    run = Background(child_runner, ["/bin/sh", "-c", "echo pid $$; exec sleep 1000"])
    pid = int(run.stdout.wait_for(r"pid (\d+)")[1])
    run.process.kill()
    run.process.wait()
    eventually(lambda: not process_exists(pid), "the child's end")
    run.wait()


def test_nothing_is_left_in_the_temporary_folder(run_child, tmp_path):
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    result = run_child(["/bin/true"], env={"TMPDIR": str(temporary)})
    assert result.status == 0, result
    assert list(temporary.iterdir()) == []


def test_a_reload_reaches_a_running_child(child_runner, origins, search):
    """The configuration file is followed by `run` as by `proxy`."""
    origin = origins.https()
    script = (
        "import urllib.request as u\n"
        "for line in open(0):\n"
        "    try: print(u.urlopen('https://api.test/').status, flush=True)\n"
        "    except Exception as e: print(repr(e), flush=True)\n"
    )
    line = child_runner.command_line([PYTHON, "-c", script], routes={"api.test:443": origin})
    config = Path(line[line.index("--config") + 1])
    process = subprocess.Popen(
        [program.binary(), *line],
        env=program.environment(child_runner.home, {"SSL_CERT_FILE": str(bundle(child_runner))}),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=child_runner.workdir,
    )
    output = program.Output(process.stdout)

    def ask():
        before = len(output.bytes())
        process.stdin.write(b"go\n")
        process.stdin.flush()
        return output.wait_for(r"[^\n]+\n", after=before)[0]

    assert ask() == b"200\n"
    # Into the same file: the command may write in its folder.
    config.write_text('{"network": {"blockedDomains": ["api.test"]}}')
    eventually(lambda: b"403" in ask(), "the block in force")
    process.stdin.close()
    assert process.wait(LIMIT_SECONDS) == 0
    output.finish()


def bundle(child_runner):
    """The parent's own SSL_CERT_FILE, which the child's bundle takes in."""
    return child_runner._pki.root.file


def test_the_parents_own_certificate_file_is_part_of_the_childs_bundle(run_child, pki):
    result = run_child(
        ["/bin/sh", "-c", "cat $SSL_CERT_FILE"], env={"SSL_CERT_FILE": str(pki.root.file)}
    )
    assert result.status == 0, result
    assert pki.root.pem.strip() in result.stdout
    assert result.stdout.count(b"BEGIN CERTIFICATE") > 10


# The terminal ---------------------------------------------------------------------------------


class Terminal:
    """A pexpect session with `sallyport run` or with a shell that starts it."""

    def __init__(self, child_runner, command, through_shell=False):
        line = child_runner.command_line(command)
        env = program.environment(child_runner.home, {"PS1": "outer$ "})
        self.line = " ".join([program.binary(), *line])
        if through_shell:
            argv = ["/bin/bash", "--norc", "--noprofile", "--noediting", "-i"]
        else:
            argv = [program.binary(), *line]
        self.terminal = pexpect.spawn(
            argv[0], argv[1:], env=env, timeout=LIMIT_SECONDS, dimensions=(33, 111),
            cwd=str(child_runner.workdir), encoding="utf-8",
        )  # fmt: skip

    def __enter__(self):
        return self.terminal

    def __exit__(self, *_):
        self.terminal.close(force=True)


INNER_SHELL = ["/usr/bin/env", "PS1=inner$$ ", "/bin/bash", "--norc", "--noprofile",
               "--noediting", "-i"]  # fmt: skip
PROMPT = r"inner\d+ "


def test_the_child_has_the_terminal(child_runner):
    with Terminal(child_runner, ["/bin/sh", "-c", "tty && test -t 0 -a -t 1 && echo yes"]) as tty:
        tty.expect("/dev/")
        tty.expect("yes")
        tty.expect(pexpect.EOF)


def test_the_child_sees_the_terminals_size_and_its_changes(child_runner):
    script = "trap 'stty size' WINCH; stty size; while true; do sleep 0.05; done"
    with Terminal(child_runner, ["/bin/sh", "-c", script]) as tty:
        tty.expect("33 111")
        tty.setwinsize(44, 122)
        tty.expect("44 122")
        tty.sendintr()
        tty.expect(pexpect.EOF)


def test_interrupt_at_the_terminal_ends_the_child(child_runner):
    with Terminal(child_runner, ["/bin/sh", "-c", "echo ready; exec sleep 1000"]) as tty:
        tty.expect("ready")
        tty.sendintr()
        tty.expect(pexpect.EOF)
        tty.wait()
        assert (tty.exitstatus, tty.signalstatus) in [(130, None), (None, signal.SIGINT)]


def test_interrupt_does_not_end_a_child_that_handles_it(child_runner):
    # Held back until it is waited for, so that none can come between "ready" and the wait.
    script = (
        "import signal\n"
        "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})\n"
        "print('ready', flush=True)\n"
        "signal.sigwait({signal.SIGINT})\n"
        "print('handled', flush=True)\n"
        "print('got', input())\n"
    )
    with Terminal(child_runner, [PYTHON, "-c", script]) as tty:
        tty.expect("ready")
        tty.sendintr()
        tty.expect("handled")
        tty.sendline("more")
        tty.expect("got more")
        tty.expect(pexpect.EOF)
        tty.wait()
        assert tty.exitstatus == 0


# Says itself that it runs: by then the shell has handed the terminal to it, where before that an
# interrupt can leave the terminal with a command that the shell no longer waits for. The quotes
# keep the terminal's echo of the line from being taken for its output.
SLEEPER = "/bin/sh -c 'echo be\"\"gun; exec sleep 1000'"


def test_job_control_of_a_shell_inside_works(child_runner):
    with Terminal(child_runner, INNER_SHELL) as tty:
        tty.expect(PROMPT)
        tty.sendline(SLEEPER)
        tty.expect("begun")
        tty.sendintr()
        tty.expect(PROMPT)
        tty.sendline(SLEEPER)
        tty.expect("begun")
        tty.send("\x1a")
        tty.expect("Stopped")
        tty.expect(PROMPT)
        tty.sendline("jobs")
        tty.expect("Stopped.*sleep 1000")
        tty.expect(PROMPT)
        tty.sendline("bg")
        tty.expect(PROMPT)
        tty.sendline("jobs")
        tty.expect("Running.*sleep 1000")
        tty.expect(PROMPT)
        tty.sendline("kill %1; wait %1")
        tty.expect("Terminated.*sleep 1000")
        tty.expect(PROMPT)
        tty.sendline("exit 9")
        tty.expect(pexpect.EOF)
        tty.wait()
        assert tty.exitstatus == 9


def test_the_whole_run_can_be_suspended_and_resumed_by_the_shell_outside(child_runner):
    script = "echo ready; while read line; do echo got $line; done; echo bye"
    session = Terminal(child_runner, ["/bin/bash", "-c", f"'{script}'"], through_shell=True)
    with session as tty:
        tty.expect_exact("outer$ ")
        tty.sendline(session.line + " 2>/dev/null")
        tty.expect(r"\nready")
        tty.sendline("one")
        tty.expect("got one")
        tty.send("\x1a")
        tty.expect("Stopped")
        tty.expect_exact("outer$ ")
        tty.sendline("fg")
        tty.expect("--")
        tty.sendline("two")
        tty.expect("got two")
        tty.sendeof()
        tty.expect("bye")
        tty.expect_exact("outer$ ")
        tty.sendline("echo status-$?")
        tty.expect("status-0")
        tty.expect_exact("outer$ ")
        # The terminal is the shell's again, in its own mode.
        tty.sendline("cat")
        tty.sendline("echoed")
        tty.expect("echoed\r\nechoed")
        tty.sendintr()
        tty.expect_exact("outer$ ")


def test_a_full_screen_program_can_use_the_terminal_raw(child_runner):
    script = (
        "import sys, termios, tty\n"
        "old = termios.tcgetattr(0)\n"
        "tty.setraw(0)\n"
        "sys.stdout.write('raw\\r\\n'); sys.stdout.flush()\n"
        "keys = [sys.stdin.buffer.raw.read(1)[0] for _ in range(3)]\n"
        "termios.tcsetattr(0, termios.TCSADRAIN, old)\n"
        "print('keys', keys)\n"
    )
    with Terminal(child_runner, [PYTHON, "-c", script]) as tty:
        tty.expect("raw")
        tty.send("\x03\x1aq")
        tty.expect_exact("keys [3, 26, 113]")
        tty.expect(pexpect.EOF)
