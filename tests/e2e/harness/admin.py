"""The admin endpoint of a running proxy."""

import re
import urllib.error
import urllib.request

from harness.deadline import LIMIT_SECONDS

SAMPLE = re.compile(r'([a-z_]+)(?:\{(.*)\})? (\S+)')
LABEL = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)"')


class Admin:
    """The admin endpoint of a running proxy."""

    def __init__(self, proxy):
        self.url = proxy.ready["admin"]
        self._proxy = proxy

    def get(self, path):
        """Status and text."""
        try:
            with urllib.request.urlopen(self.url + path, timeout=LIMIT_SECONDS) as reply:
                status, body = reply.status, reply.read()
        except urllib.error.HTTPError as error:
            status, body = error.code, error.read()
        # What it says must hold no secret either.
        self._proxy.record(body)
        return status, body.decode()

    def metrics(self):
        """Every sample: name and labels -> value."""
        status, text = self.get("/metrics")
        assert status == 200
        samples = {}
        for line in text.splitlines():
            if line and not line.startswith("#"):
                name, labels, value = SAMPLE.fullmatch(line).groups()
                samples[name, tuple(sorted(LABEL.findall(labels or "")))] = float(value)
        return samples

    def value(self, name, **labels):
        return self.metrics().get((name, tuple(sorted(labels.items()))), 0)
