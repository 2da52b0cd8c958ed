"""Waiting for something to become true, with a limit and a reason when it does not."""

import time

# Long enough for a sanitizer build on a busy machine; only a failing test ever waits it out.
LIMIT_SECONDS = 20.0
_INTERVAL_SECONDS = 0.005


def eventually(condition, what, limit=LIMIT_SECONDS):
    """Calls `condition` until it returns something true, and returns that.

    Fails with `what`, the thing waited for, once `limit` seconds have passed.
    """
    end = time.monotonic() + limit
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > end:
            raise AssertionError(f"not within {limit:g} s: {what}")
        time.sleep(_INTERVAL_SECONDS)
