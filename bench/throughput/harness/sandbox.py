"""What `sallyport run` costs: the way to the command's start, and a captured connection."""

import json
import os
import shlex
import shutil
import statistics
import subprocess
import time

from harness import measure, procfs

# What the load needs beside the restrictive default.
POLICY = {
    "version": 1,
    "filesystem_policy": {
        "include_workdir": True,
        "read_only": ["/usr", "/lib", "/lib64", "/bin", "/sbin", "/etc", "/proc", "/dev/urandom"],
        "read_write": ["/dev/null"],
    },
    "network_policies": {"origin": {"endpoints": [{"host": measure.HOST, "port": 443}]}},
}
CONFIG = {
    "credentials": [{"domain": measure.HOST, "envVar": "BENCH_CREDENTIAL",
                     "header": "Authorization", "format": "Bearer ${value}"}],
}
# How the load finds the proxy.
BY_VARIABLES = "--peer=${HTTPS_PROXY#http://}"
CAPTURED = f"--direct --peer=$(getent ahostsv4 {measure.HOST} | sed -n '1s/ .*//p'):443"


def start_ms(bench, times):
    """How many milliseconds longer a command takes in a sandbox: medians over alternating starts."""
    folder = bench.folder / "sandbox-start"
    folder.mkdir()
    bare = ["/bin/true"]
    inside = [bench.programs / "sallyport", "run", "--isolation", "netns", "--audit-log",
              folder / "audit.jsonl", "--log-level", "error", "--", *bare]
    durations = {False: [], True: []}
    for _ in range(times):
        for is_inside in (False, True):
            began = time.monotonic()
            subprocess.run(inside if is_inside else bare, check=True, cwd=folder,
                           env=_environment(folder))
            durations[is_inside].append((time.monotonic() - began) * 1e3)
    return statistics.median(durations[True]) - statistics.median(durations[False])


def captured_ratio(bench, load, rounds, seconds):
    """The CPU of a unit of `load` where connections are captured, as a multiple of what it is where
    the client asks the proxy for tunnels; both in a sandbox. The median of the rounds' ratios, or
    None where one does not count."""
    ratios = []
    for number in range(rounds):
        by_variables, captured = (
            _cost(bench, load, f"sandbox-{number}-{way}", flags, seconds)
            for way, flags in (("variables", BY_VARIABLES), ("captured", CAPTURED)))
        if by_variables is None or captured is None:
            return None
        ratios.append(captured / by_variables)
    return statistics.median(ratios) if ratios else None


def _cost(bench, load, name, peer_flags, seconds):
    """CPU seconds of the proxy, without the load that is its child, for one unit of work."""
    folder = bench.folder / name
    folder.mkdir()
    policy = json.loads(json.dumps(POLICY))
    policy["filesystem_policy"]["read_only"] += [str(bench.programs), str(bench.folder)]
    (folder / "policy.yaml").write_text(json.dumps(policy))
    (folder / "proxy-config.json").write_text(json.dumps(CONFIG))
    flags = {"target": f"{measure.HOST}:443", "seconds": seconds, "warm-up": min(seconds, 0.5),
             "authorization": measure.PLACEHOLDER, **load.client}
    words = [f"--{flag}={value}" for flag, value in flags.items()]
    cpus = ",".join(map(str, bench.client_cpus))
    script = (f'exec taskset -c {cpus} {shlex.join([str(bench.programs / "throughput_load")])} '
              f'--ca="$SSL_CERT_FILE" {peer_flags} {shlex.join(words)}')
    process = subprocess.Popen(
        [bench.programs / "sallyport", "run", "--isolation", "netns", "--workers", "1",
         "--config", folder / "proxy-config.json", "--policy", folder / "policy.yaml",
         "--connect-to", f"{measure.HOST}:443:127.0.0.1:{bench.origin_port(load)}",
         "--upstream-ca", bench.pki.ca, "--audit-log", folder / "audit.jsonl",
         "--log-level", "error", "--", "/bin/sh", "-c", script],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=folder,
        env={**_environment(folder), "BENCH_CREDENTIAL": measure.CREDENTIAL},
        preexec_fn=lambda: os.sched_setaffinity(0, bench.proxy_cpus))
    with process:
        if json.loads(process.stdout.readline() or '{"event": "result"}')["event"] == "result":
            return None
        before = procfs.cpu_seconds([process.pid])
        process.stdin.write("go\n")
        process.stdin.flush()
        result = json.loads(process.stdout.readline() or '{"errors": 1}')
        spent = procfs.cpu_seconds([process.pid]) - before
    return None if result["errors"] else spent / result["done"]


def _environment(folder):
    return {"PATH": os.environ["PATH"], "HOME": str(folder)}


def is_possible():
    return shutil.which("taskset") is not None and shutil.which("getent") is not None
