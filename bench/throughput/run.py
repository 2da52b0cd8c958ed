#!/usr/bin/python3
"""Measures sallyport beside the other proxies on this machine.

Starts a TLS origin and each proxy in turn, A B C A B C, has the same loads done through all of them, reads from the
kernel what each proxy spent, and writes a page with tables, a picture and all raw results. See bench/throughput/README.md.
"""

import argparse
import datetime
import json
import os
import platform
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from harness import figures, measure, peers, pki, probes, procfs, report, sandbox, variants  # noqa: E402
from harness.loads import LOADS, QUICK  # noqa: E402

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
HINT = "left out, not installed: {} (scripts/setup.sh bench installs the packaged ones)"


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=2, help="of each measurement")
    parser.add_argument("--loads", help="only these, with commas: " + ", ".join(l.name for l in LOADS))
    parser.add_argument("--peers", help="only these and sallyport, with commas")
    parser.add_argument("--peer", type=Path, action="append", default=[], metavar="FOLDER",
                        help="one more proxy; harness/peers.py says what its peer.json holds")
    parser.add_argument("--programs", type=Path, default=ROOT / "build/release/bin", metavar="FOLDER",
                        help="where sallyport, throughput_load and throughput_origin are")
    parser.add_argument("--output", type=Path, default=ROOT / "docs", metavar="FOLDER",
                        help="gets benchmarks.md, benchmarks.svg and benchmarks.json; default docs/")
    parser.add_argument("--report", type=Path, metavar="FILE",
                        help="write the page again from a benchmarks.json; nothing is measured")
    parser.add_argument("--quick", action="store_true",
                        help="a test of the harness itself: one short round, whatever it measures")
    options = parser.parse_args(arguments)
    if options.quick:
        options.rounds, options.seconds = 1, 0.5
    return options


def main(arguments):
    options = parse(arguments)
    if options.report:
        run = json.loads(options.report.read_text())
        write(options.output, run)
        return 0
    with tempfile.TemporaryDirectory(prefix="throughput-") as folder:
        folder = Path(folder)
        folder.chmod(0o755)  # Squid gives up root for a user of its own
        run = measure_all(options, folder)
    write(options.output, run)
    print((options.output / "benchmarks.md").read_text())
    # The page says what did not count; a test of the harness fails for it.
    failed = [r for r in run["results"] if figures.why_it_does_not_count(r)]
    return 1 if options.quick and failed else 0


def measure_all(options, folder):
    chosen, present = choose(options)
    cpus = sorted(os.sched_getaffinity(0))
    certificates = pki.Pki(folder, [measure.HOST, measure.TUNNEL_HOST])
    bench = measure.Bench(options.programs.resolve(), folder, certificates,
                          proxy_cpus={cpus[-1]}, client_cpus={cpus[0]})
    setting = {"command": command_line(), "rounds": options.rounds, "seconds": options.seconds,
               "when": datetime.date.today().isoformat(), "machine": machine(cpus),
               "pinning": pinning(cpus), "load_before": procfs.load_average(),
               "versions": ", ".join(f"{p['name']} {peers.version(p, bench.values)}" for p in present)}
    try:
        results = [result for load in chosen
                   for result in rounds_of(load, present, bench, options)]
        extras = {} if options.loads else single_numbers(present, bench, options)
    finally:
        bench.stop()
    setting["load_after"] = procfs.load_average()
    return {"setting": setting, "peers": [p["name"] for p in present], "results": results,
            "extras": extras}


def choose(options):
    folders = sorted(path.parent for path in (HERE / "peers").glob("*/peer.json")) + options.peer
    present, missing = peers.find(folders)
    if missing:
        print(HINT.format(", ".join(missing)), file=sys.stderr)
    found = {p["name"] for p in present}
    names = set(options.peers.split(",")) if options.peers else found
    if unknown := names - found - {figures.US}:
        raise SystemExit(f"no proxy {', '.join(sorted(unknown))} here; "
                         f"there are {', '.join(sorted(found))}")
    if options.quick:
        names &= {"nginx"}
    present = [p for p in present if p["name"] in names | {figures.US}]
    # The tables' columns: ours, then the yardsticks.
    order = [figures.US, "nginx", "HAProxy", "nghttpx", "Squid", "mitmproxy"]
    present.sort(key=lambda p: order.index(p["name"]) if p["name"] in order else len(order))

    wanted = QUICK if options.quick else {load.name for load in LOADS}
    if options.loads:
        wanted = set(options.loads.split(","))
        unknown = wanted - {load.name for load in LOADS}
        if unknown:
            raise SystemExit(f"no load {', '.join(sorted(unknown))}")
    return [load for load in LOADS if load.name in wanted], present


def rounds_of(load, present, bench, options):
    participants = [peer for peer in present if all(peer.get(need) for need in load.needs)]
    if not options.quick:
        ours = next(peer for peer in present if peer["name"] == figures.US)
        participants += [variants.make(ours, name) for name in load.variants]
    for number in range(options.rounds):
        for peer in participants:
            yield named(measured(bench, load, peer, options), load, peer["name"], number)
        if load.baseline:
            yield named(bench.measure_baseline(load, options.seconds), load, "no proxy", number)


def measured(bench, load, peer, options):
    try:
        return bench.measure(load, peer, options.seconds)
    except (RuntimeError, OSError, subprocess.SubprocessError) as error:
        return {"errors": 1, "first_error": str(error), "done": 0}


def named(result, load, peer, number):
    problem = f"{result['errors']} errors: {result['first_error']}" if result["errors"] else "ok"
    print(f"{load.name} {number + 1} {peer}: {problem}", file=sys.stderr)
    return {**result, "load": load.name, "peer": peer, "round": number + 1}


def single_numbers(present, bench, options):
    ours = next(peer for peer in present if peer["name"] == figures.US)
    load, connecting = (next(load for load in LOADS if load.name == name)
                        for name in ("keep-alive-32", "new-connection"))
    start_ms, resident_mib = probes.start(bench, load, ours, times=min(options.rounds, 10))
    return {"system_calls": probes.system_calls(bench, load, ours, options.seconds),
            "allocations": probes.allocations(bench, load, ours, options.seconds),
            "start_ms": start_ms, "resident_mib": resident_mib,
            "sandbox_start_ms": sandbox.start_ms(bench, times=2 * options.rounds),
            "captured": sandbox.captured_ratio(bench, connecting, options.rounds, options.seconds)}


def machine(cpus):
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((l.partition(":")[2].strip() for l in lines if l.startswith("model name")), "CPU")
    openssl = subprocess.run(["openssl", "version"], capture_output=True, text=True).stdout.split()
    return f"{len(cpus)} × {model}, Linux {platform.release().split('-')[0]}, OpenSSL {openssl[1]}"


def pinning(cpus):
    if len(cpus) == 1:
        return "There is one CPU, and everything shares it."
    return "The proxy is pinned to one CPU, client and origin to another; one worker unless said otherwise."


def command_line():
    """What makes the page again: scripts/bench.sh says by itself where the programs are."""
    arguments = sys.argv[1:]
    if "--programs" in arguments:
        place = arguments.index("--programs")
        del arguments[place:place + 2]
    return shlex.join(["scripts/bench.sh", "throughput", *arguments])


def write(folder, run):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "benchmarks.md").write_text(report.markdown(run))
    (folder / "benchmarks.svg").write_text(report.picture(run))
    (folder / "benchmarks.json").write_text(json.dumps(run, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
