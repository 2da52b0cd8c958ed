"""The Markdown page and its picture, from a run's results."""

import statistics

from harness import chart, figures
from harness.loads import LOADS

INTRODUCTION = """\
# Benchmarks

What sallyport costs beside other proxies, measured in one run that took them in turn. Made by

```sh
{command}
```

{when}; {machine}; load average {load_before} before, {load_after} after. {rounds} rounds of {seconds:g} s for each load and proxy. {pinning}
{versions}.

Every number is the proxy's own CPU time, user and system, of all its processes and threads, for one unit of work; lower is better. A cell has the
median of the rounds and, in brackets, the lowest and the highest. Clients speak TLS 1.3, verify certificates and send an `Authorization` that
has to be replaced; the origin, TLS with a P-256 certificate, says whether it received the real one. One wrong byte, and the measurement counts for nothing.

nginx, HAProxy and nghttpx are reverse proxies: TLS in, a header set, pooled TLS out, without CONNECT, certificates made on the way, or rules.
Squid (`ssl_bump`) and mitmproxy do all of that, as sallyport does.

![The same as bars](benchmarks.svg)
"""


def markdown(run):
    samples = figures.Samples(run["results"])
    parts = [INTRODUCTION.format(**run["setting"])]
    parts.append("## Costs\n\n" + _costs(samples, run["peers"]))
    set_ups = _set_ups(samples)
    if set_ups:
        parts.append("## Set up in other ways\n\n" + set_ups)
    parts.append("## Figures to reach\n\n" + _figures(samples, run))
    parts.append("## Throughput and latency\n\nRequests a second, and the p50 and p99 of their latency, medians of the rounds. "
                 "Client and origin share a CPU, which may be what sets the pace.\n\n"
                 + _throughput(run))
    if samples.failures:
        parts.append("## What did not count\n\n" + _failures(samples))
    return "\n".join(parts)


def picture(run, yardstick="nginx"):
    samples, panels = figures.Samples(run["results"]), []
    for load in LOADS:
        unit = samples.median(load.name, yardstick)
        if not unit or load.quantity == "latency" or load.variants:
            continue
        bars = []
        for peer in run["peers"]:
            values = [value / unit for value in samples.of(load.name, peer)]
            if values:
                middle = statistics.median(values)
                label = f"{_number(middle * unit)} {load.unit.split()[0]}, {middle:.2f} ×"
                bars.append((peer, middle, min(values), max(values), label))
        panels.append((f"{load.title} ({load.unit})", bars))
    return chart.draw(f"Cost beside {yardstick}: shorter is better", panels)


def _costs(samples, peers):
    lines = []
    for load in LOADS:
        cells = [_cell(samples.of(load.name, peer)) for peer in peers]
        if any(cells) and not load.variants:
            lines.append([load.title, load.unit, *(cell or "" for cell in cells)])
    return _table(["load", "unit", *peers], lines)


def _set_ups(samples):
    lines = []
    for load in LOADS:
        for name in (figures.US, *(f"{figures.US}, {variant}" for variant in load.variants)):
            cell = _cell(samples.of(load.name, name)) if load.variants else None
            if cell:
                lines.append([load.title, name, cell])
    return _table(["load", "set-up", "µs CPU a request"], lines) if lines else ""


def _figures(samples, run):
    rows = figures.rows(samples, run["extras"])
    return _table(["figure", "at most", "measured", ""],
                  [[row.title, row.limit, row.measured, row.verdict] for row in rows])


def _throughput(run):
    lines = []
    for load in LOADS:
        if load.quantity == "memory" or load.variants:
            continue
        for peer in [*run["peers"], "no proxy"]:
            good = [r for r in run["results"] if (r["load"], r["peer"]) == (load.name, peer)
                    and not figures.why_it_does_not_count(r)]
            if good:
                rate = statistics.median(r["done"] / r["seconds"] for r in good)
                p50, p99 = (statistics.median(r["latency_us"][q] for r in good)
                            for q in ("p50", "p99"))
                lines.append([load.title, peer, _number(rate), _number(p50), _number(p99)])
    return _table(["load", "proxy", "a second", "p50 µs", "p99 µs"], lines)


def _failures(samples):
    seen = {}
    for load, peer, number, problem in samples.failures:
        seen.setdefault((load, peer, problem), []).append(str(number))
    return _table(["load", "proxy", "rounds", "why"],
                  [[load, peer, ", ".join(rounds), problem]
                   for (load, peer, problem), rounds in seen.items()])


def _cell(values):
    if not values:
        return None
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{_number(middle)} ({_number(low)}–{_number(high)})"


def _number(value):
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def _table(heads, lines):
    rows = [heads, ["---"] * len(heads), *lines]
    return "".join("| " + " | ".join(row) + " |\n" for row in rows)
