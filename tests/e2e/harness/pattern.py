"""An endless byte sequence in which every place is recognisable, for large bodies."""

import random


class Pattern:
    """Generates the sequence, and checks that what arrives is the sequence.

    The block's odd length keeps it out of step with every buffer size a program may use, so that a
    lost, doubled or swapped buffer shows as a wrong byte.
    """

    _BLOCK = random.Random(1).randbytes((1 << 20) + 7)
    _TWICE = memoryview(_BLOCK + _BLOCK)

    def __init__(self):
        self.count = 0

    def next(self, size):
        """The next `size` bytes, at most a block's length."""
        start = self.count % len(self._BLOCK)
        self.count += size
        return self._TWICE[start : start + size]

    def check(self, data):
        """Fails unless `data` continues the sequence."""
        at = self.count
        assert data == self.next(len(data)), f"a wrong byte in the {len(data)} after {at}"

    @classmethod
    def pieces(cls, total, size=1 << 18):
        """The first `total` bytes, in pieces."""
        pattern = cls()
        while pattern.count < total:
            yield pattern.next(min(size, total - pattern.count))
