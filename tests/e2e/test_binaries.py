"""A policy's `binaries`: which programs may connect, told by their sockets."""

import json
import os
import threading
from pathlib import Path

import pytest

from harness import program
from harness.deadline import eventually
from harness.sandbox import PYTHON, make_sandbox, needs_root, netns, sandbox  # noqa: F401

CURL = os.path.realpath("/usr/bin/curl")
SLEEP = os.path.realpath("/bin/sleep")
REAL_PYTHON = os.path.realpath(PYTHON)
LIST = "network_policies.listed.binaries"
REFUSED = "403 host_denied"


def policy_of(*binaries, protocol="rest"):
    """api.test is for the listed programs, on 443 by requests that are read; open.test for all."""
    inspected = {"protocol": protocol, "access": "full"} if protocol else {}
    return {
        "version": 1,
        # Not /tmp: a policy that the command could change is not followed.
        "filesystem_policy": {
            "include_workdir": True,
            "read_only": ["/usr", "/lib", "/lib64", "/bin", "/etc", "/proc"],
            "read_write": ["/dev/null"],
        },
        "network_policies": {
            "listed": {
                "endpoints": [{"host": "api.test", "port": 443, **inspected},
                              {"host": "api.test", "port": 80}],
                "binaries": [{"path": str(binary)} for binary in binaries],
            },
            "everybody": {"endpoints": [{"host": "open.test", "port": 80}]},
        },
    }  # fmt: skip


class Network:
    """What the sandbox reaches, and the policy that says who may; in the sandbox's folder."""

    def __init__(self, sandbox, origins):
        self.sandbox = sandbox
        plain = origins.http()
        self.routes = {
            "api.test:443": origins.https(), "api.test:80": plain, "open.test:80": plain
        }  # fmt: skip
        self.file = Path(sandbox.outside()) / "policy.yaml"

    def write(self, policy):
        fresh = self.file.with_suffix(".new")
        fresh.write_text(json.dumps(policy))
        fresh.chmod(0o644)
        os.replace(fresh, self.file)

    def options(self, policy):
        self.write(policy)
        return {"routes": self.routes, "args": ["--policy", self.file]}

    def sh(self, policy, script, **options):
        """What each line of the script that asks for something was told."""
        result = self.sandbox.run(["/bin/sh", "-ec", SHELL + script], **self.options(policy), **options)
        assert result.status == 0, result
        return [outcome(*line.split(":")) for line in result.out.split("\n")[:-1]]

    def python(self, policy, code, *arguments):
        return json.loads(
            self.sandbox.python(ASK + code, *arguments, **self.options(policy)).out.split("\n")[-2]
        )

    def refusals(self):
        return [r for r in self.sandbox.audit() if r["decision"] == "denied"]


def outcome(status, connect, error):
    """"200", "403 host_denied", "403" of a CONNECT, or "closed"."""
    told = [code for code in (status, connect) if code != "000"]
    return f"{told[0] if told else 'closed'} {error}".strip()


@pytest.fixture
def network(sandbox, origins):
    return Network(sandbox, origins)


# `ask CURL URL` prints the reply's status, that of CONNECT, and the proxy's reason.
SHELL = """
cp /usr/bin/curl copy
ask() {
  "$@" -ks -o /dev/null -w '%{http_code}:%{http_connect}:%header{x-sallyport-error}\\n' || :
}
"""

# `ask(url)` is the same in Python; a Connection is open before anything is asked.
ASK = """
import array, http.client, threading, time
proxy = os.environ["HTTPS_PROXY"].removeprefix("http://").strip("/").rsplit(":", 1)
class Connection(http.client.HTTPConnection):
    def __init__(self):
        super().__init__(proxy[0], int(proxy[1]), timeout=60)
        self.connect()
        os.set_inheritable(self.sock.fileno(), True)
    def ask(self, url="http://api.test/"):
        self.request("GET", url)
        reply = self.getresponse()
        body = reply.read().decode(errors="replace")
        error = reply.headers["x-sallyport-error"]
        return f"{reply.status} {error}" if error else str(reply.status), body
def ask(url="http://api.test/"):
    return Connection().ask(url)[0]
def tell(value):
    print(json.dumps(value))
"""

WAYS = {
    "absolute form": "http://api.test/",
    "intercepted": "https://api.test/",
    "socks": "--proxy socks5h://${HTTPS_PROXY#http://} http://api.test/",
}


@pytest.mark.parametrize("way", WAYS)
def test_a_listed_program_passes_and_another_is_refused(network, way):
    told = network.sh(
        policy_of(CURL), f"ask /usr/bin/curl {WAYS[way]}\nask ./copy {WAYS[way]}\nask ./copy http://open.test/"
    )
    assert told[0] == "200"
    assert told[1] == {"socks": "closed", "intercepted": "403"}.get(way, REFUSED)
    assert told[2] == "200"
    refusal, = network.refusals()
    assert refusal["by"] == LIST
    assert refusal["binary"] == str(network.sandbox.workdir / "copy")
    assert refusal["pid"] > 1
    assert refusal["error"].startswith("host_denied: api.test:")
    assert f"which does not name {network.sandbox.workdir}/copy" in refusal["error"]
    allowed = [r for r in network.sandbox.audit() if r["host"] == "api.test" and r["decision"] == "allowed"]
    assert {r["binary"] for r in allowed} == {CURL}
    # Where there is no list nobody was looked for.
    other, = [r for r in network.sandbox.audit() if r["host"] == "open.test"]
    assert (other["binary"], other["pid"]) == (None, None)


def test_a_request_with_a_body_waits_for_its_client_to_be_known(network):
    told = network.python(
        policy_of(REAL_PYTHON),
        "body = b'x' * 300000\n"
        "connection = Connection()\n"
        "connection.request('POST', 'http://api.test/', body)\n"
        "tell(connection.getresponse().status)",
    )
    assert told == 200
    assert network.routes["api.test:80"].only_request().body == b"x" * 300000


def test_a_tunnel_is_for_listed_programs_too(network):
    told = network.sh(
        policy_of(CURL, protocol=None), "ask /usr/bin/curl https://api.test/\nask ./copy https://api.test/"
    )
    assert told == ["200", "403"]
    tunnel, = [r for r in network.sandbox.audit() if r["event"] == "tunnel"]
    assert (tunnel["binary"], tunnel["by"]) == (CURL, "network_policies.listed.endpoints[0]")


@pytest.mark.parametrize("protocol", ["rest", None], ids=["intercepted", "tunnel"])
@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("family", ["-4", "-6"])
def test_captured_connections_are_told_apart(netns, origins, protocol, scheme, family):
    network = Network(netns, origins)
    url = f"{family} {scheme}://api.test/"
    told = network.sh(
        policy_of(CURL, protocol=protocol),
        f"alone='env -i PATH=/usr/bin:/bin'\nask $alone /usr/bin/curl {url}\nask $alone ./copy {url}",
    )
    assert told == ["200", REFUSED if scheme == "http" else "closed"], netns.audit()
    refusal, = network.refusals()
    assert (refusal["binary"], refusal["by"]) == (str(netns.workdir / "copy"), LIST)


@pytest.fixture
def unconfined(pki, search):
    made, remove = make_sandbox(pki, search, "none", False)
    yield made
    remove()


def test_without_isolation_programs_are_told_apart_all_the_same(unconfined, origins):
    told = Network(unconfined, origins).sh(
        policy_of(CURL), "ask /usr/bin/curl http://api.test/\nask ./copy https://api.test/"
    )
    assert told == ["200", "403"]


@needs_root
def test_a_mount_of_its_own_gives_a_program_no_other_name(unconfined, origins):
    """Confined programs cannot mount. This one can, and its path is that of the listed one."""
    network = Network(unconfined, origins)
    told = network.sh(
        policy_of(CURL),
        "cat > mounted <<'END'\nmount --bind copy /usr/bin/curl\n"
        "exec /usr/bin/curl -s -o /dev/null -w '%{http_code}:000:%header{x-sallyport-error}\\n' "
        "http://api.test/\nEND\nunshare -m sh mounted",
    )
    assert told == [REFUSED]
    refusal, = network.refusals()
    assert f"{CURL} is not, or no longer, the file" in refusal["error"]


def test_a_link_counts_as_what_it_leads_to(network):
    told = network.sh(
        policy_of(CURL),
        "ln -s /usr/bin/curl link\nask ./link https://api.test/\n"
        "ln copy curl\nask ./curl https://api.test/",
    )
    assert told == ["200", "403"]


def test_what_a_listed_program_starts_is_judged_by_itself(network):
    told = network.python(
        policy_of(REAL_PYTHON),
        "done = subprocess.run(['/usr/bin/curl', '-sSi', 'http://api.test/'], capture_output=True)\n"
        "tell([ask(), done.stdout.decode()])",
    )
    assert told[0] == "200"
    assert told[1].startswith("HTTP/1.1 403 ")
    # A script's program is its interpreter.
    script = "printf '#!/usr/bin/curl -K\\n' > script; chmod +x script\nask ./script http://api.test/"
    assert network.sh(policy_of(CURL), script) == ["200"]


# Files that change -------------------------------------------------------------------------------


def test_a_file_that_has_changed_is_refused(network):
    told = network.sh(
        policy_of("/**/work/*"),
        "ask ./copy http://api.test/\n"
        "cp copy same; mv same copy; ask ./copy http://api.test/\n"  # other inode, same bytes
        "printf x >> copy; ask ./copy http://api.test/\n"
        "cp /usr/bin/curl new; mv new copy; ask ./copy http://api.test/\n"
        "cp copy fresh; ask ./fresh http://api.test/",
    )
    assert told == ["200", "200", REFUSED, "200", "200"]
    refusal, = network.refusals()
    assert f"{network.sandbox.workdir}/copy has changed since it was first met" in refusal["error"]


GONE = """
def replace():
    open("new", "w").close()
    os.rename("new", sys.executable)
def link():
    os.rename(sys.executable, "moved")
    os.symlink("../moved", sys.executable)
ways = {"deleted": lambda: os.unlink(sys.executable), "replaced": replace, "linked": link}
before = ask()
ways[sys.argv[1]]()
tell([before, *Connection().ask()])
"""


@pytest.mark.parametrize("how", ["deleted", "replaced", "linked"])
def test_a_path_that_names_another_file_is_refused(network, how):
    policy = policy_of("/**/folder/python")
    told = network.sandbox.run(
        ["/bin/sh", "-ec", f'mkdir folder; cp {REAL_PYTHON} folder/python; '
         'PYTHONHOME=/usr exec "$PWD/folder/python" -c "$0" "$1"',
         "import json, os, sys\n" + ASK + GONE, how], **network.options(policy)
    )  # fmt: skip
    before, after, body = json.loads(told.out)
    assert (before, after) == ("200", REFUSED), body
    problem = json.loads(body)
    if how == "linked":
        assert "/work/moved" in problem["message"]
    else:
        assert "is not, or no longer, the file" in problem["message"]
        assert "start sallyport again" in problem["hint"]


# Who holds a connection ---------------------------------------------------------------------------


def test_every_program_that_shares_a_connection_has_to_be_listed(network):
    code = (
        "connection = Connection()\n"
        "child = subprocess.Popen([sys.argv[1], '60'], pass_fds=[connection.sock.fileno()])\n"
        "told = connection.ask()\n"
        "child.kill(); child.wait()\n"
        "tell([told[0], json.loads(told[1]) if told[0] != '200' else None, ask()])"
    )
    shared, problem, alone = network.python(policy_of(REAL_PYTHON), code, SLEEP)
    assert (shared, alone) == (REFUSED, "200")
    assert REAL_PYTHON in problem["message"] and SLEEP in problem["message"]
    assert "close-on-exec" in problem["hint"]
    assert network.python(policy_of(REAL_PYTHON, SLEEP), code, SLEEP) == ["200", None, "200"]


PASSED = """
receiver = "import socket, sys; s = socket.socket(fileno=int(sys.argv[1]));" \\
    "kept = socket.recv_fds(s, 1, 1); s.send(b'k'); s.recv(1)"
ours, theirs = socket.socketpair()
child = subprocess.Popen(["./python", "-c", receiver, str(theirs.fileno())],
                         pass_fds=[theirs.fileno()], env={"PYTHONHOME": "/usr"})
theirs.close()
connection = Connection()
socket.send_fds(ours, [b"x"], [connection.sock.fileno()])
assert ours.recv(1) == b"k"
tell(connection.ask()[0])
ours.close()
child.wait()
"""


def test_a_socket_that_was_passed_on_belongs_to_both(network):
    copy = f"import shutil; shutil.copy({REAL_PYTHON!r}, 'python')\n"
    assert network.python(policy_of(REAL_PYTHON), copy + PASSED) == REFUSED
    refusal, = network.refusals()
    assert f"{network.sandbox.workdir}/python" in refusal["error"]
    assert network.python(policy_of(REAL_PYTHON, "/**/work/python"), copy + PASSED) == "200"


def test_who_cannot_be_found_is_refused_and_the_audit_log_says_why(network):
    """A thread with descriptors of its own."""
    told = network.python(
        policy_of(REAL_PYTHON),
        "told = []\n"
        "def apart():\n"
        "    call(272, 0x400)  # unshare(CLONE_FILES)\n"
        "    told.extend(Connection().ask())\n"
        "thread = threading.Thread(target=apart); thread.start(); thread.join()\n"
        "tell(told)",
    )
    assert told[0] == REFUSED
    assert "first thread" in json.loads(told[1])["hint"]
    refusal, = network.refusals()
    assert (refusal["binary"], refusal["pid"]) == (None, None)
    assert "no process of the sandbox has this connection open" in refusal["error"]


def test_a_process_that_hides_may_hold_anything(network):
    told = network.python(
        policy_of(REAL_PYTHON),
        "hide = 'import ctypes; ctypes.CDLL(None).prctl(4, 0); print(flush=True); input()'\n"
        "child = subprocess.Popen([sys.executable, '-c', hide], stdin=-1, stdout=-1)\n"
        "child.stdout.readline()\n"
        "hidden = ask(), ask('http://open.test/')\n"
        "child.communicate(b'\\n')\n"
        "tell([*hidden, ask()])",
    )
    assert told == ["200" if network.sandbox.as_root else REFUSED, "200", "200"]
    if not network.sandbox.as_root:
        refusal, = network.refusals()
        assert "cannot be looked into, and may share the connection" in refusal["error"]


# Policies that change -----------------------------------------------------------------------------

UNTIL = """
def until(wanted, told):
    while told() != wanted:
        time.sleep(0.01)
    print(wanted, flush=True)
kept = Connection()
for wanted in sys.argv[1:]:
    until(wanted, lambda: kept.ask()[0])
"""


def run_beside(network, policy, code, *arguments):
    """Starts Python inside, and a thread that waits for its end; `ended` gives the result."""
    results = []
    options = network.options(policy)
    thread = threading.Thread(
        target=lambda: results.append(network.sandbox.python(ASK + code, *arguments, **options))
    )
    thread.start()

    def ended():
        thread.join()
        return results[0]

    return ended


def wait_for_audit(network, condition):
    def found():
        file = network.sandbox.audit_file
        return file and file.exists() and next(filter(condition, network.sandbox.audit()), None)

    return eventually(found, "an audit record")


def test_a_policy_that_changes_adds_and_removes_programs(network):
    """Over one connection, whose client is asked for once."""
    ended = run_beside(network, policy_of(CURL), UNTIL, REFUSED, "200", REFUSED)
    wait_for_audit(network, lambda r: r["decision"] == "denied")
    network.write(policy_of(CURL, REAL_PYTHON))
    wait_for_audit(network, lambda r: r["event"] == "request")
    network.write(policy_of(CURL))
    assert ended().out.split("\n")[:-1] == [REFUSED, "200", REFUSED]


TUNNEL = """
connection = Connection()
connection.sock.sendall(b"CONNECT api.test:443 HTTP/1.1\\r\\nHost: api.test:443\\r\\n\\r\\n")
tell(connection.sock.recv(100).decode().split()[1])
open("up", "w").close()
try:
    tell(connection.sock.recv(1).decode())
except ConnectionResetError:
    tell("reset")
"""


@pytest.mark.parametrize("first", [None, [CURL, REAL_PYTHON]], ids=["no list", "listed"])
def test_a_tunnel_ends_when_its_program_is_not_listed_any_more(network, first):
    policy = policy_of(*(first or [CURL]), protocol=None)
    if first is None:
        del policy["network_policies"]["listed"]["binaries"]
    ended = run_beside(network, policy, TUNNEL)
    sandbox = network.sandbox
    # A reset would overtake a reply that has not been read.
    eventually(lambda: sandbox.workdir and (sandbox.workdir / "up").exists(), "the tunnel")
    network.write(policy_of(CURL, protocol=None))
    assert ended().out.split("\n")[-3:-1] == ['"200"', '"reset"']


# Scale ------------------------------------------------------------------------------------------

MANY = """
count = int(sys.argv[1])
ready, go_on = os.pipe(), os.pipe()
for _ in range(count):
    if os.fork() == 0:
        os.close(go_on[1])
        os.write(ready[1], b"x")
        os.read(go_on[0], 1)
        os._exit(0)
started = 0
while started < count:
    started += len(os.read(ready[0], 65536))
told, slowest, over = [], [0], threading.Event()
def others():
    connection = Connection()
    while not over.is_set():
        begun = time.monotonic()
        assert connection.ask("http://open.test/")[0] == "200"
        slowest[0] = max(slowest[0], time.monotonic() - begun)
threads = [threading.Thread(target=lambda: told.append(ask())) for _ in range(50)]
beside = threading.Thread(target=others)
beside.start()
begun = time.monotonic()
for thread in threads: thread.start()
for thread in threads: thread.join()
took = time.monotonic() - begun
over.set()
beside.join()
os.close(go_on[1])
tell({"told": sorted(set(told)), "took": took, "slowest": slowest[0]})
"""


def test_thousands_of_processes_are_looked_through_once_for_all_that_wait(network):
    count = 300 if program.is_sanitized() else 2000
    told = network.python(policy_of(REAL_PYTHON), MANY, count)
    assert told["told"] == ["200"], told
    assert told["took"] < 10 and told["slowest"] < 5, told
