"""A program that may write where the files lie that steer sallyport: the configuration, a command
that gives a value, the audit log. It runs as the same user, so that no owner and no mode keeps them
from it."""

import json
import os
import threading

from harness.deadline import eventually
from harness.sandbox import landlock, make_sandbox, netns, sandbox  # noqa: F401

PRELUDE = """
import time
folder = os.path.dirname(os.getcwd())
def write(path, text):
    with open(path, "w") as f:
        f.write(text)
def wait_for(condition):
    end = time.monotonic() + 20
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
def audit():
    with open(folder + "/audit.jsonl") as f:
        return [json.loads(line) for line in f.read().split("\\n")[:-1]]
def attempt_to_replace(path, text):
    attempt("write", lambda: write(path, text))
    attempt("remove", lambda: (os.unlink(path), write(path, text)))
    attempt("put another in its place", lambda: (write(path + ".new", text),
                                                 os.rename(path + ".new", path)))
    attempt("write by another name", lambda: (os.link(path, path + ".link"),
                                              write(path + ".link", text)))
    attempt("move its folder", lambda: (os.rename(folder, folder + ".old"),
                                        os.rename(folder + ".old", folder)))
"""
WAYS = ["write", "remove", "put another in its place", "write by another name", "move its folder"]

STEER = PRELUDE + """
evil = {"credentials": [{"domain": "a.test", "header": "X-A",
                         "command": ["/bin/sh", "-c", f"touch {folder}/escaped; echo x"]}]}
attempt_to_replace(folder + "/proxy-config.json", json.dumps(evil))
if results["write"][0] == "done":
    wait_for(lambda: any(r["event"] == "policy" and r["decision"] == "refused" for r in audit())
             or os.path.exists(folder + "/escaped"))
"""


def folder_of(sandbox):
    return sandbox.audit_file.parent


def test_a_program_cannot_write_its_own_configuration(netns):
    netns.attempts(STEER, config={}).failed(*WAYS)
    assert not (folder_of(netns) / "escaped").exists()


def test_a_configuration_that_the_program_can_write_is_not_read_again(landlock):
    results = landlock.attempts(STEER, config={})
    assert results["write"][0] == "done", results
    assert not (folder_of(landlock) / "escaped").exists()


RUN_AGAIN = PRELUDE + """
evil = f"#!/bin/sh\\ntouch {folder}/escaped; echo x\\n"
attempt_to_replace(folder + "/work/token", evil)
if results["write"][0] == "done":
    wait_for(lambda: any(r["event"] == "credential" for r in audit())
             or os.path.exists(folder + "/escaped"))
"""


def command_config(folder):
    return {"credentials": [{"domain": "api.test", "header": "X-A", "ttlSeconds": 1,
                             "command": [str(folder / "work" / "token")]}]}


def run_with_command(sandbox):
    """Runs the program in a folder that holds the command by which sallyport gets a value."""
    work = sandbox.make_folder() / "work"
    script = work / "token"
    script.write_text("#!/bin/sh\necho value\n")
    script.chmod(0o755)
    if sandbox.user is not None:
        os.chown(script, sandbox.user, sandbox.user)
    return sandbox.attempts(RUN_AGAIN, config=command_config(work.parent))


def test_a_program_cannot_write_the_command_that_gives_a_value(netns):
    run_with_command(netns).failed(*WAYS[:4])
    assert not (folder_of(netns) / "escaped").exists()


def test_a_command_that_the_program_can_write_is_not_run_again(landlock):
    results = run_with_command(landlock)
    assert results["write"][0] == "done", results
    assert not (folder_of(landlock) / "escaped").exists()


# As the shell that reads the file it leads to would be told by a record's text.
MOVE_THE_LOG = PRELUDE + """
log = folder + "/audit.jsonl"
attempt_to_replace(log, "")
if results["remove"][0] == "done":
    os.unlink(log)
    os.symlink(folder + "/victim", log)
port = int(os.environ["HTTPS_PROXY"].rpartition(":")[2])
for _ in range(3):
    with socket.create_connection(("127.0.0.1", port)) as s:
        s.sendall(b"CONNECT blocked.test:443 HTTP/1.1\\r\\nHost: blocked.test:443\\r\\n\\r\\n")
        attempt("a refused request", lambda: s.recv(4096)[:12])
"""


def test_the_audit_log_leads_nowhere_else(sandbox):
    results = sandbox.attempts(MOVE_THE_LOG, config={"network": {"blockedDomains": ["*.test"]}})
    assert results["a refused request"][1] == "b'HTTP/1.1 403'", results
    assert not (folder_of(sandbox) / "victim").exists()
    if sandbox.isolation == "netns":
        results.failed(*WAYS)


READ = """
for name, path in zip(("file", "key"), sys.argv[1:]):
    attempt(name, lambda: open(path).read())
"""


def test_files_that_hold_secrets_are_empty_for_the_program(netns, secret):
    folder = netns.make_folder()
    token, authority = folder / "token", folder / "authority"
    token.write_text(secret)
    authority.mkdir(mode=0o700)
    if netns.user is not None:
        for path in token, authority:
            os.chown(path, netns.user, netns.user)
    results = netns.attempts(
        READ, token, authority / "ca.key",
        config={"credentials": [{"domain": "api.test", "header": "X-A", "file": str(token)}]},
        args=["--ca-dir", authority, "--ca-persist"],
    )  # fmt: skip
    assert "PRIVATE KEY" in (authority / "ca.key").read_text()
    assert results["file"] == results["key"] == ["done", "''"], results


def test_without_a_view_of_its_own_a_program_that_could_read_a_secret_is_not_started(
    landlock, secret
):
    token = landlock.make_folder() / "token"
    token.write_text(secret)
    config = {"credentials": [{"domain": "api.test", "header": "X-A", "file": str(token)}]}
    if landlock.user is not None:
        os.chown(token, landlock.user, landlock.user)
    result = landlock.run(["/bin/true"], config=config)
    assert result.status == 125
    assert f"the command could read {token}" in result.err, result


ADMIN = """
attempt("admin", lambda: exchange(sys.argv[1], b"GET /metrics HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n",
                                  socket.AF_UNIX))
"""


def test_the_admin_endpoints_socket_is_out_of_reach(sandbox):
    path = sandbox.make_folder() / "admin.sock"
    if sandbox.user is not None:
        os.chown(path.parent, sandbox.user, sandbox.user)
    results = sandbox.attempts(ADMIN, path, config={}, args=["--admin", f"unix:{path}"])
    results.failed("admin")


WAIT = PRELUDE + """
write("started", "")
wait_for(lambda: os.path.exists("go"))
"""


def test_what_is_written_into_it_from_outside_is_followed(netns):
    """And a file that takes its place is not: the program can write that one."""
    folder = netns.make_folder()
    config = folder / "proxy-config.json"
    thread = threading.Thread(target=netns.attempts, args=(WAIT,), kwargs={"config": {}})
    thread.start()
    try:
        eventually((folder / "work" / "started").exists, "the program's start")

        def outcomes():
            return [r["decision"] for r in netns.audit() if r["event"] == "policy"]

        config.write_text(json.dumps({"network": {"blockedDomains": ["a.test"]}}))
        eventually(lambda: outcomes().count("loaded") >= 2, "the changed configuration")
        other = folder / "other.json"
        other.write_text(json.dumps({"network": {"blockedDomains": ["b.test"]}}))
        other.rename(config)
        eventually(lambda: "refused" in outcomes(), "the refusal")
    finally:
        (folder / "work" / "go").touch()
        thread.join()
