"""The figures' arithmetic: what is compared with what, and what counts."""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3] / "bench/throughput"))

from harness import figures  # noqa: E402


def result(load, peer, number, cpu_us=10.0, **more):
    return {"load": load, "peer": peer, "round": number, "done": 1000, "errors": 0,
            "first_error": "", "opened": 0, "resumed": 0, "cpu_seconds": cpu_us / 1e3, **more}


def row(results, title, limit, extras=None):
    found = [r for r in figures.rows(figures.Samples(results), extras or {})
             if (r.title, r.limit) == (title, limit)]
    assert len(found) == 1, found
    return found[0]


class FiguresTest(unittest.TestCase):
    ONE = ("keep-alive, 1 KiB, 1 connection", "1 × nginx")

    def test_a_ratio_compares_what_was_measured_in_the_same_round(self):
        # The machine was three times as slow in the third round, for both; a ratio of medians over
        # rounds that are not each other's would be 1.5.
        results = [result("keep-alive-1", "sallyport", n, us) for n, us in ((1, 10), (2, 15), (3, 30))]
        results += [result("keep-alive-1", "nginx", n, us) for n, us in ((1, 10), (3, 30))]
        found = row(results, *self.ONE)
        self.assertEqual((found.measured, found.met), ("1.00 ×", True))

    def test_a_missed_figure_says_by_how_much(self):
        results = [result("keep-alive-1", "sallyport", 1, 12), result("keep-alive-1", "nginx", 1, 10)]
        found = row(results, *self.ONE)
        self.assertEqual((found.measured, found.met), ("1.20 ×, 20 % over", False))

    def test_a_measurement_with_one_error_counts_for_nothing(self):
        results = [result("keep-alive-1", "sallyport", 1, 1, errors=1, first_error="another body"),
                   result("keep-alive-1", "nginx", 1, 10)]
        found = row(results, *self.ONE)
        self.assertIsNone(found.met)
        self.assertIn("another body", found.measured)

    def test_a_proxy_that_does_not_resume_has_no_figure_for_it(self):
        full = result("resumed", "Squid", 1, opened=1000, resumed=3)
        short = result("resumed", "Squid", 1, opened=1000, resumed=1000)
        self.assertIsNotNone(figures.why_it_does_not_count(full))
        self.assertIsNone(figures.why_it_does_not_count(short))

    def test_added_latency_leaves_out_what_the_way_itself_takes(self):
        results = [result("latency", who, 1, latency_us={"p50": p50})
                   for who, p50 in (("sallyport", 300), ("nginx", 200), ("no proxy", 100))]
        found = row(results, "added p50 latency", "1 × nginx")
        self.assertEqual(found.measured, "2.00 × (200 µs to 100 µs), 100 % over")

    def test_no_allocation_is_no_allocation(self):
        title = "heap allocations of ours a warm keep-alive request"
        self.assertTrue(row([], title, "0", {"allocations": 0.0004}).met)
        self.assertFalse(row([], title, "0", {"allocations": 1.0}).met)
        self.assertIsNone(row([], title, "0", {"allocations": None}).met)


if __name__ == "__main__":
    unittest.main()
