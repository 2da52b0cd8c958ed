"""The confined process: what it sees, holds, and may ask of the kernel."""

import ctypes
import json
import os
import random
import re
import statistics
import subprocess
import time

import pytest

from harness import program
from harness.fixtures import bearer_rule
from harness.sandbox import make_sandbox, needs_root, netns, sandbox  # noqa: F401

# Secrets ---------------------------------------------------------------------------------------

SEARCH = """
needle = os.environ["NEEDLE"][::-1]  # reversed, so that this process does not hold it
found = []
def look(path):
    try:
        with open(path, "rb") as f:
            if needle.encode() in f.read(1 << 24):
                found.append(path)
    except OSError:
        pass
for pid in filter(str.isdigit, os.listdir("/proc")):
    for name in ("environ", "cmdline", "maps", "mountinfo", "status"):
        look(f"/proc/{pid}/{name}")
    try:
        for fd in os.listdir(f"/proc/{pid}/fd"):
            look(f"/proc/{pid}/fd/{fd}") if pid != str(os.getpid()) else None
    except OSError:
        pass
for top in (os.path.dirname(os.getcwd()), "/etc", os.path.dirname(os.environ["SSL_CERT_FILE"])):
    for folder, _, files in os.walk(top):
        for name in files:
            look(os.path.join(folder, name))
print(json.dumps(found))
"""


def test_no_secret_is_anywhere_inside(sandbox, secret):
    result = sandbox.python(
        SEARCH,
        config={"credentials": [bearer_rule()]},
        args=["--env", f"NEEDLE={secret[::-1]}"],
        env={"API_KEY": secret},
    )
    assert json.loads(result.out) == []


def test_only_the_standard_descriptors_are_inherited(sandbox):
    result = sandbox.run(["/bin/ls", "/proc/self/fd"], close_fds=False)
    assert result.out.split() == ["0", "1", "2", "3"], result  # 3 is the folder that ls reads


def test_no_privilege_is_left(sandbox):
    status = dict(
        line.split(":\t", 1)
        for line in sandbox.run(["/bin/cat", "/proc/self/status"]).out.splitlines()
        if ":\t" in line
    )
    for name in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
        assert int(status[name], 16) == 0, name
    # Without a user namespace a plain user cannot empty it; no_new_privs makes it worthless.
    if sandbox.isolation == "netns" or sandbox.as_root:
        assert int(status["CapBnd"], 16) == 0
    assert status["NoNewPrivs"] == "1"
    assert status["Seccomp"] == "2"
    limits = sandbox.run(["/bin/sh", "-c", "ulimit -Hc"])
    assert limits.out.strip() == "0"


@needs_root
def test_the_command_runs_as_the_user_whom_the_policy_names(pki, search, tmp_path):
    policy = tmp_path / "policy.yaml"
    policy.write_text(
        "version: 1\n"
        "filesystem_policy: { read_only: [/usr, /lib, /lib64, /bin, /etc, /proc],"
        " read_write: [/tmp] }\n"
        "process: { run_as_user: nobody }\n"
    )
    for mode in ("netns", "landlock"):
        made, remove = make_sandbox(pki, search, mode, False)
        result = made.run(
            ["/bin/sh", "-c", "id -u; id -G; cat /etc/shadow; cat $SSL_CERT_FILE | wc -l"],
            args=["--policy", policy],
        )
        remove()
        lines = result.out.split()
        assert lines[:2] == ["65534", "65534"], result
        assert "Permission denied" in result.err
        assert int(lines[2]) > 100


# The supervisor --------------------------------------------------------------------------------

SUPERVISOR = """
supervisor = int(sys.argv[1]) if len(sys.argv) > 1 else 1
targets = {1}
parent = os.getppid()
if parent > 1:
    targets.add(parent)
    try:
        with open(f"/proc/{parent}/status") as f:
            for line in f:
                if line.startswith("PPid"):
                    targets.add(int(line.split()[1]))
    except OSError:
        pass
for pid in sorted(t for t in targets if t > 0):
    for name in ("environ", "mem", "maps"):
        attempt(f"{pid} {name}", lambda: open(f"/proc/{pid}/{name}", "rb").read(1))
    attempt(f"{pid} fd", lambda: os.readlink(f"/proc/{pid}/fd/1"))
    attempt(f"{pid} root", lambda: os.listdir(f"/proc/{pid}/root/root"))
    attempt(f"{pid} ptrace", lambda: call(101, 16, pid, 0, 0))
    buffer = ctypes.create_string_buffer(16)
    iov = ctypes.create_string_buffer(struct.pack("QQ", ctypes.addressof(buffer), 16))
    attempt(f"{pid} process_vm_readv", lambda: call(310, pid, iov, 1, iov, 1, 0))
    def pidfd():
        fd = os.pidfd_open(pid)
        return call(438, fd, 0, 0)
    attempt(f"{pid} pidfd_getfd", pidfd)
    attempt(f"{pid} kill", lambda: os.kill(pid, 9))
    attempt(f"{pid} signal by pidfd", lambda: call(424, os.pidfd_open(pid), 9, 0, 0))
    no_core = ctypes.create_string_buffer(16)
    attempt(f"{pid} limits", lambda: call(302, pid, 4, no_core, 0))
attempt("seen", lambda: [p for p in os.listdir("/proc") if p.isdigit()])
"""


def test_the_supervisor_cannot_be_read_traced_or_signalled(sandbox):
    results = sandbox.attempts(SUPERVISOR)
    seen = results.pop("seen")[1]
    if sandbox.isolation == "netns":
        # The first process inside, whose signals to itself the kernel drops, and this one.
        assert seen == "['1', '2']"
        for name in ("1 kill", "1 signal by pidfd", "1 limits"):
            results.pop(name)
    results.failed(*results)


# Files -----------------------------------------------------------------------------------------

FILES = """
import fcntl, pathlib
outside = sys.argv[1]
attempt("work folder", lambda: pathlib.Path("mine").write_text("x"))
attempt("/tmp", lambda: (pathlib.Path(f"/tmp/sallyport-{os.getpid()}").write_text("x"),
                         os.unlink(f"/tmp/sallyport-{os.getpid()}")))
attempt("/dev/null", lambda: open("/dev/null", "w").write("x"))
attempt("write outside", lambda: open(outside + "/file", "w"))
attempt("read outside", lambda: open(outside + "/file").read())
attempt("list outside", lambda: os.listdir(outside))
attempt("make outside", lambda: os.mkdir(outside + "/folder"))
attempt("remove outside", lambda: os.unlink(outside + "/file"))
attempt("rename out", lambda: os.rename("mine", outside + "/mine"))
attempt("link in", lambda: os.link("/etc/hostname", "hostname"))
attempt("write to /usr", lambda: open("/usr/x", "w"))
attempt("write to /etc", lambda: open("/etc/x", "w"))
attempt("truncate", lambda: os.truncate("/etc/hostname", 0))
attempt("chmod", lambda: os.chmod("/etc/hostname", 0o777))
attempt("/proc/sys", lambda: open("/proc/sys/kernel/core_pattern", "w"))
attempt("/proc/sysrq-trigger", lambda: open("/proc/sysrq-trigger", "w"))
attempt("make a device", lambda: os.mknod("device", 0o20666, os.makedev(1, 3)))
attempt("ioctl on a device", lambda: fcntl.ioctl(open("/dev/null", "w"), 0x5401, b"\\0" * 64))
attempt("home", lambda: os.listdir(os.environ["HOME"]))
attempt("root's home", lambda: os.listdir("/root"))
attempt("disks", lambda: open("/dev/vda", "rb"))
attempt("memory", lambda: open("/dev/mem", "rb"))
attempt("certificates", lambda: open(os.environ["SSL_CERT_FILE"], "a"))
"""

ALLOWED = ["work folder", "/tmp", "/dev/null"]


def test_nothing_is_written_or_read_outside_the_policy(sandbox, tmp_path_factory):
    # Beside the work folder, and not below /tmp, which is writable.
    folder = f"/var/tmp/sallyport-{os.getpid()}-{time.monotonic_ns()}"
    os.mkdir(folder)
    os.chmod(folder, 0o777)
    try:
        with open(folder + "/file", "w") as f:
            f.write("untouched")
        os.chmod(folder + "/file", 0o666)
        results = sandbox.attempts(FILES, folder)
        assert os.listdir(folder) == ["file"]
        with open(folder + "/file") as f:
            assert f.read() == "untouched"
    finally:
        subprocess.run(["rm", "-rf", folder], check=True)
    for name in ALLOWED:
        assert results.pop(name)[0] == "done", name
    # Of the home folder only what leads to other folders can be there.
    if "/tmp/" in str(sandbox.home):
        results.pop("home")
    # Below /tmp, where Landlock alone takes no file out; they are for the program's own use.
    if sandbox.isolation == "landlock":
        results.pop("certificates")
    # Changing a mode is not Landlock's to forbid; a plain user may not, and the view is read-only.
    if sandbox.isolation == "landlock" and sandbox.as_root:
        os.chmod("/etc/hostname", 0o644)
        results.pop("chmod")
    results.failed(*results)


def test_host_services_cannot_be_reached_by_their_sockets(netns):
    """Docker's, D-Bus', an agent's: connecting to a path needs no right that Landlock knows."""
    results = netns.attempts(
        "for path in ('/run', '/var/run', '/var/lib', '/home', '/root', '/sys', '/mnt'):\n"
        "    attempt(path, lambda: os.listdir(path))\n"
    )
    results.failed(*results)


def test_the_system_bundle_holds_our_authority(netns):
    script = (
        "cmp /etc/ssl/certs/ca-certificates.crt $SSL_CERT_FILE && echo same;"
        "umount /etc/ssl/certs/ca-certificates.crt; cmp /etc/ssl/certs/ca-certificates.crt"
        " $SSL_CERT_FILE && echo still"
    )
    result = netns.run(["/bin/sh", "-c", script])
    assert result.out.split() == ["same", "still"], result


def test_the_terminal_is_the_one_terminal_inside(netns):
    import pexpect

    line = netns.command_line(["/bin/sh", "-c", "tty; ls /dev/pts; exit 3"])
    if netns.user is not None:
        pytest.skip("the terminal of this test is root's")
    child = pexpect.spawn(
        program.binary(), line, env=program.environment(netns.home), timeout=60,
        cwd=str(netns.workdir), encoding="utf-8",
    )  # fmt: skip
    child.expect("/dev/console")
    child.expect("ptmx")
    child.expect(pexpect.EOF)
    child.wait()
    assert child.exitstatus == 3


# System calls ----------------------------------------------------------------------------------

# x86-64 numbers (asm/unistd_64.h).
FORBIDDEN = {
    "ptrace": 101, "process_vm_readv": 310, "process_vm_writev": 311, "pidfd_getfd": 438,
    "kcmp": 312, "bpf": 321, "perf_event_open": 298, "userfaultfd": 323, "io_uring_setup": 425,
    "io_uring_enter": 426, "io_uring_register": 427, "keyctl": 250, "add_key": 248,
    "request_key": 249, "mount": 165, "umount2": 166, "mount_setattr": 442, "move_mount": 429,
    "open_tree": 428, "open_tree_attr": 467, "fsopen": 430, "fsconfig": 431, "fsmount": 432,
    "fspick": 433, "setns": 308, "pivot_root": 155, "kexec_load": 246, "kexec_file_load": 320,
    "init_module": 175, "finit_module": 313, "delete_module": 176, "open_by_handle_at": 304,
}  # fmt: skip
NAMESPACES = {
    "user": 0x10000000, "mount": 0x20000, "network": 0x40000000, "pid": 0x20000000,
    "ipc": 0x8000000, "uts": 0x4000000, "cgroup": 0x2000000,
}  # fmt: skip

SYSTEM_CALLS = """
forbidden, namespaces = json.loads(sys.argv[1])
for name, number in forbidden.items():
    attempt(name, lambda: call(number, 0, 0, 0, 0, 0, 0))
for name, flag in namespaces.items():
    attempt(f"unshare {name}", lambda: call(272, flag))
    attempt(f"clone {name}", lambda: call(56, flag | 17, 0, 0, 0, 0))
attempt("unshare time", lambda: call(272, 0x80))
attempt("clone3", lambda: call(435, 0, 0))
attempt("personality without randomisation", lambda: call(135, 0x40000))
attempt("personality with high bits", lambda: call(135, 0x80040000))
attempt("personality query", lambda: call(135, 0xffffffff))
attempt("personality of Linux", lambda: call(135, 0))
attempt("x32", lambda: call(0x40000000 | 39))
attempt("typing into the terminal", lambda: call(16, 0, 0x5412, b"x"))
attempt("and with high bits", lambda: call(16, 0, (1 << 32) | 0x5412, b"x"))
attempt("memfd_create", lambda: os.memfd_create("x"))
attempt("fork", lambda: os.waitpid(os.posix_spawn("/bin/true", ["true"], {}), 0)[1])
import threading
thread = threading.Thread(target=lambda: results.__setitem__("thread", ["done", ""]))
thread.start()
thread.join()
"""


def test_each_forbidden_system_call_is_refused(sandbox):
    results = sandbox.attempts(SYSTEM_CALLS, json.dumps([FORBIDDEN, NAMESPACES]))
    assert results.pop("clone3")[0] == "ENOSYS"
    for name in ("memfd_create", "fork", "thread", "personality query", "personality of Linux"):
        assert results.pop(name)[0] == "done", name
    assert {name: result[0] for name, result in results.items() if result[0] != "EPERM"} == {}


ATTACH = """
libc.shmat.restype = ctypes.c_void_p
def attach(identifier):
    address = libc.shmat(identifier, None, 0o10000)  # SHM_RDONLY
    if address in (None, ctypes.c_void_p(-1).value):
        raise OSError(ctypes.get_errno(), "shmat")
    return ctypes.string_at(address, 4)
attempt("attach", lambda: attach(int(sys.argv[1])))
attempt("find", lambda: call(29, int(sys.argv[2]), 0, 0))
"""


def test_the_hosts_shared_memory_is_out_of_reach(sandbox):
    """That of System V, which asks for nothing but a number."""
    libc = ctypes.CDLL(None, use_errno=True)
    key = random.getrandbits(31)
    identifier = libc.shmget(key, 4096, 0o1644)  # IPC_CREAT
    assert identifier >= 0, os.strerror(ctypes.get_errno())
    try:
        sandbox.attempts(ATTACH, identifier, key).failed("attach", "find")
    finally:
        libc.shmctl(identifier, 0, None)  # IPC_RMID


C_32_BIT = """
int main(void) {
  long result;
  /* getpid by the 32-bit gate, whose numbers mean something else */
  __asm__ volatile("int $0x80" : "=a"(result) : "a"(20L));
  return result > 0 ? 1 : 0;
}
"""


def test_system_calls_by_the_32_bit_gate_are_refused(sandbox):
    sandbox.command_line(["/bin/true"])
    source = sandbox.workdir / "gate.c"
    source.write_text(C_32_BIT)
    binary = f"/tmp/sallyport-gate-{os.getpid()}-{time.monotonic_ns()}"
    subprocess.run(["cc", "-o", binary, source], check=True)
    try:
        assert sandbox.run([binary]).status == 0
    finally:
        os.unlink(binary)


# The end ---------------------------------------------------------------------------------------


def test_nothing_that_was_left_behind_lives_on(sandbox):
    marker = f"9{os.getpid()}{time.monotonic_ns() % 1000000}"
    result = sandbox.run(["/bin/sh", "-c", f"setsid sleep {marker} & exit 4"])
    assert result.status == 4, result
    running = subprocess.run(["pgrep", "-f", f"sleep {marker}"], capture_output=True, check=False)
    assert running.stdout == b""


def test_the_start_costs_little(netns):
    """The median of what a confined `true` takes beyond the supervisor without confinement."""

    def median(isolation):
        netns.isolation = isolation
        line = netns.command_line(["/bin/true"])
        options = {"user": netns.user, "group": netns.user} if netns.user is not None else {}
        times = []
        for _ in range(15):
            begin = time.perf_counter()
            subprocess.run(
                [program.binary(), *line], env=program.environment(netns.home), check=True,
                cwd=netns.workdir, capture_output=True, **options,
            )  # fmt: skip
            times.append(time.perf_counter() - begin)
        return statistics.median(times)

    none, confined = median("none"), median("netns")
    print(f"none {none * 1000:.1f} ms, netns {confined * 1000:.1f} ms")
    if not program.is_sanitized():
        # Far above what an idle machine takes: tests run beside each other.
        assert confined - none < 0.25


def test_a_command_that_does_not_exist_is_not_found(sandbox):
    result = sandbox.run(["/opt/no-such-program"])
    assert result.status == 127, result
    assert "command not found" in result.err


def test_what_the_policy_leaves_out_cannot_be_executed(sandbox, tmp_path):
    policy = tmp_path / "policy.yaml"
    policy.write_text(
        "version: 1\nfilesystem_policy: {read_only: [/usr, /lib, /lib64, /bin], include_workdir: true}\n"
    )
    if sandbox.user is not None:
        policy = sandbox.install(policy)
    hidden = sandbox.install("/bin/true")
    result = sandbox.run([hidden], args=["--policy", policy])
    assert result.status == 126, result
    assert f"cannot execute {hidden}: the policy's filesystem_policy does not include it" in result.err


def test_a_missing_interpreter_is_named_as_such(sandbox, tmp_path):
    script = tmp_path / "script"
    script.write_text("#!/opt/nowhere/interpreter\n")
    script.chmod(0o755)
    result = sandbox.run([sandbox.install(script)])
    assert result.status == 126, result
    assert "the interpreter it names does not exist" in result.err
