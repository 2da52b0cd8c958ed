"""Single numbers that are not CPU time: system calls, allocations, the way to readiness."""

import re
import shutil
import signal
import statistics
import struct
import subprocess
import tempfile
from contextlib import contextmanager

from harness import procfs


def system_calls(bench, load, peer, seconds):
    """System calls for each unit of work, or None where nothing can count them."""
    counted = {}
    observer = _by_perf if _perf_works() else _by_strace if shutil.which("strace") else None
    if observer is None:
        return None
    result = bench.measure(load, peer, seconds, lambda running: observer(running, counted))
    if result["errors"] or not counted:
        return None
    return counted["calls"] / result["done"]


def allocations(bench, load, peer, seconds):
    """Calls of operator new for each request of a warm keep-alive load, or None without the counter."""
    library = bench.programs / "throughput_count_allocations.so"
    if not library.exists():
        return None
    with tempfile.NamedTemporaryFile() as file:
        file.write(bytes(8))
        file.flush()
        environment = {**peer.get("environment", {}), "LD_PRELOAD": str(library),
                       "COUNT_ALLOCATIONS_FILE": file.name}
        counts = []

        def read():
            file.seek(0)
            counts.append(struct.unpack("Q", file.read(8))[0])

        @contextmanager
        def observer(_running):
            read()
            yield
            read()

        result = bench.measure(load, {**peer, "environment": environment}, seconds, observer)
        # Nothing at all at start means that the counter was not there.
        if result["errors"] or not counts[0]:
            return None
        return (counts[1] - counts[0]) / result["done"]


def start(bench, load, peer, times):
    """Medians over some starts: milliseconds to readiness, and MiB resident then."""
    durations, sizes = [], []
    for _ in range(times):
        running = bench.start(peer, load)
        durations.append(running.start_seconds * 1e3)
        sizes.append(running.resident_kib(procfs.RESIDENT) / 1024)
        running.stop()
    return statistics.median(durations), statistics.median(sizes)


def _perf_works():
    if not shutil.which("perf"):
        return False
    done = subprocess.run(["perf", "stat", "-e", "raw_syscalls:sys_enter", "true"],
                          capture_output=True)
    return done.returncode == 0


@contextmanager
def _by_perf(running, counted):
    pids = ",".join(map(str, running.pids))
    process = _started(["perf", "stat", "-x,", "-e", "raw_syscalls:sys_enter", "-p", pids])
    yield
    process.send_signal(signal.SIGINT)
    said = process.communicate()[1]
    for line in said.splitlines():
        count, _, rest = line.partition(",")
        if "raw_syscalls" in rest and count.isdigit():
            counted["calls"] = int(count)


@contextmanager
def _by_strace(running, counted):
    command = ["strace", "-c", "-f"]
    for pid in running.pids:
        command += ["-p", str(pid)]
    process = _started(command)
    yield
    process.send_signal(signal.SIGINT)
    found = re.search(r"^100\.00\s+\S+\s+\S+\s+(\d+).*total$", process.communicate()[1], re.M)
    if found:
        counted["calls"] = int(found[1])


def _started(command):
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    # Neither program says when it has attached; both do it at once.
    try:
        process.wait(0.5)
    except subprocess.TimeoutExpired:
        pass
    return process
