"""The figures to reach, and whether a run reached them."""

import statistics
from dataclasses import dataclass

from harness.loads import LOADS

US = "sallyport"


@dataclass(frozen=True)
class Row:
    """One line of the table of figures: what was asked, what came out."""

    title: str
    limit: str
    measured: str
    met: bool | None  # None: not measured, and `measured` says why

    @property
    def verdict(self):
        return {True: "met", False: "**missed**", None: "not measured"}[self.met]


class Samples:
    """All results of a run, by load and by who did it."""

    def __init__(self, results):
        self._values = {}
        self.failures = []
        loads = {load.name: load for load in LOADS}
        for result in results:
            problem = why_it_does_not_count(result)
            key = (result["load"], result["peer"])
            if problem:
                self.failures.append((*key, result["round"], problem))
            else:
                value = loads[result["load"]].value(result)
                self._values.setdefault(key, {})[result["round"]] = value

    def of(self, load, peer):
        """The figures of each round, in order."""
        rounds = self._values.get((load, peer), {})
        return [rounds[number] for number in sorted(rounds)]

    def problem(self, load, peer):
        """Why a peer's measurements did not count; None where they did, or were not made."""
        if self.of(load, peer):
            return None
        return next((why for *key, _, why in self.failures if key == [load, peer]), None)

    def median(self, load, peer):
        values = self.of(load, peer)
        return statistics.median(values) if values else None

    def ratio(self, load, peer, other):
        """The median over rounds of one's figure by the other's of the same round, so that what disturbs
        both is left out. None without a common round."""
        ours, theirs = (self._values.get((load, name), {}) for name in (peer, other))
        ratios = [ours[number] / theirs[number] for number in ours.keys() & theirs.keys()
                  if theirs[number] > 0]
        return statistics.median(ratios) if ratios else None

    def difference(self, load, peer, other):
        """The same for how much more one's figure is."""
        ours, theirs = (self._values.get((load, name), {}) for name in (peer, other))
        differences = [ours[number] - theirs[number] for number in ours.keys() & theirs.keys()]
        return statistics.median(differences) if differences else None


def why_it_does_not_count(result):
    """None for a result that counts."""
    if result["errors"]:
        return f"errors: {result['errors']}, the first: {result['first_error']}"
    if not result["done"]:
        return "not one request came back"
    if result["load"] == "resumed" and result["resumed"] < 0.95 * result["opened"]:
        return "does not resume TLS sessions"
    return None


def rows(samples, extras):
    """Every figure to reach. `extras` are the run's single numbers, by name."""
    table = []
    for load, limits in RATIOS:
        for other, limit in limits:
            table.append(_ratio_row(samples, load, other, limit))
    table.append(_minting_row(samples))
    table.append(_latency_row(samples))
    for load, kib in (("idle", 16), ("idle-tunnel", 4)):
        table.append(_absolute_row(_title(load), samples.median(load, US), kib, "KiB", "not run"))
    for load, variant, base, limit, title in VARIANTS:
        table.append(_variant_row(samples, load, variant, base, limit, title))
    for name, limit, unit, title in EXTRAS:
        table.append(_absolute_row(title, extras.get(name), limit, unit))
    return table + [Row(title, limit, why, None) for title, limit, why in NOT_YET]


RATIOS = [
    ("keep-alive-1", [("nginx", 1.0), ("Squid", 0.4)]),
    ("keep-alive-32", [("nginx", 1.0), ("Squid", 0.4)]),
    ("keep-alive-256", [("nginx", 0.75)]),
    ("new-connection", [("nginx", 0.9), ("Squid", 0.15)]),
    ("resumed", [("nginx", 0.9)]),
    ("bulk-down", [("nginx", 0.75)]),
    ("bulk-up", [("nginx", 0.9)]),
    ("http2", [("nginx", 0.9)]),
    ("http2-origin", [("nghttpx", 1.0)]),
    ("tunnel", [("Squid", 0.6)]),
]

VARIANTS = [
    ("set-ups", "10,000 patterns, 1,000 rules", "10 patterns, 10 rules", 1.05,
     "10,000 patterns and 1,000 rules against 10"),
    ("set-ups", "audit log", None, 1.05, "audit log on, against off"),
    ("set-ups", "4 workers", None, 1.1, "4 workers against 1, same load"),
    ("scrubbing", None, "no scrubbing", 1.05, "scrubbing a 64 KiB reply"),
]

EXTRAS = [
    ("system_calls", 4.5, "", "system calls a keep-alive request, 32 connections"),
    ("allocations", 0, "", "heap allocations of ours a warm keep-alive request"),
    ("start_ms", 50, "ms", "process start to ready"),
    ("resident_mib", 15, "MiB", "resident after start, proxy alone"),
    ("sandbox_start_ms", 30, "ms", "start of a command in a sandbox, over the bare command"),
    ("captured", 1.05, "×", "new connection in a sandbox, captured against asked for"),
]

NOT_YET = [
    ("resident after start, with gateway client", "30 MiB", "the gateway client has not landed"),
]


def _title(name):
    return next(load.title for load in LOADS if load.name == name)


def _ratio_row(samples, load, other, limit):
    asked = f"{limit:g} × {other}"
    ratio = samples.ratio(load, US, other)
    if ratio is None:
        why = samples.problem(load, US) or f"no round with both sallyport and {other}"
        return Row(_title(load), asked, why, None)
    return Row(_title(load), asked, f"{ratio:.2f} ×{_excess(ratio, limit)}", ratio <= limit)


def _absolute_row(title, value, limit, unit, without="not counted here"):
    asked = f"{limit:g} {unit}".strip()
    if value is None:
        return Row(title, asked, without, None)
    # An allocation now and then, as buffers find their size, is not one a request.
    met = value <= limit if limit else value < 0.005
    return Row(title, asked, f"{value:.3g} {unit}".strip() + _excess(value, limit), met)


def _variant_row(samples, load, variant, base, limit, title):
    variant, base = (f"{US}, {name}" if name else US for name in (variant, base))
    ratio = samples.ratio(load, variant, base)
    if ratio is None:
        return Row(title, f"{limit:g} ×", "not run", None)
    return Row(title, f"{limit:g} ×", f"{ratio:.2f} ×{_excess(ratio, limit)}", ratio <= limit)


def _minting_row(samples):
    title = "new host (leaf minted), over a cached one"
    minted, cached = (samples.median(f"handshake-{kind}", US) for kind in ("minted", "cached"))
    more = None if None in (minted, cached) else minted - cached
    return _absolute_row(title, more, 60, "µs", "not run")


def _latency_row(samples):
    ours = samples.difference("latency", US, "no proxy")
    theirs = samples.difference("latency", "nginx", "no proxy")
    if ours is None or theirs is None or theirs <= 0:
        return Row("added p50 latency", "1 × nginx", "not run with both", None)
    ratio = ours / theirs
    measured = f"{ratio:.2f} × ({ours:.0f} µs to {theirs:.0f} µs)"
    return Row("added p50 latency", "1 × nginx", measured + _excess(ratio, 1), ratio <= 1)


def _excess(value, limit):
    if not limit or value <= limit:
        return ""
    return f", {100 * (value / limit - 1):.0f} % over"
