"""What the kernel knows of a group of processes."""

import time
from pathlib import Path

# From linux/posix-timers.h: the clock of a process's CPU time, all its threads together, those that
# have ended included. It is the sum of utime and stime in /proc/PID/stat, in nanoseconds in place
# of ticks of 10 ms, which are too coarse for a load of 200 requests a second.
CPUCLOCK_SCHED = 2


def family(root):
    """The process `root` and all its descendants."""
    children = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The command stands in parentheses and may hold anything.
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        children.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    found, waiting = [], [root]
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        waiting += children.get(pid, [])
    return found


def cpu_seconds(pids):
    """User and system time of all `pids` together."""
    return sum(time.clock_gettime((~pid << 3) | CPUCLOCK_SCHED) for pid in pids)


# Of smaps_rollup in proc(5): with shared pages divided by how many share them, so that processes can be
# added up; or as one process's alone.
PROPORTIONAL, RESIDENT = "Pss", "Rss"


def memory_kib(pids, kind):
    """Memory of all `pids` together."""
    return sum(_memory_kib(pid, kind) for pid in pids)


def _memory_kib(pid, kind):
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith(f"{kind}:"):
            return int(line.split()[1])
    raise ValueError(f"no {kind} of process {pid}")


def load_average():
    return Path("/proc/loadavg").read_text().split()[0]
