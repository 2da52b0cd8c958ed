"""Searching for a secret in everything the untrusted side could see."""

import base64
import re
import secrets
from urllib.parse import quote, quote_plus


class SecretSearch:
    """The secrets of one test and the bytes that were seen."""

    def __init__(self):
        self._forms = {}

    def make(self, prefix="sk-"):
        """A new random secret, which from now on is looked for.

        It holds characters that percent-encoding and both base64 alphabets treat differently.
        """
        secret = f"{prefix}{secrets.token_hex(12)}+/%&={secrets.token_hex(4)}"
        self.watch(secret)
        return secret

    def watch(self, secret):
        raw = secret.encode() if isinstance(secret, str) else secret
        for name, form in _forms(raw):
            self._forms[form] = name

    def check(self, data, where):
        """Fails when `data` holds any form of any secret."""
        for form, name in self._forms.items():
            at = data.find(form)
            if at >= 0:
                around = bytes(data[max(0, at - 60) : at]).decode("latin-1")
                raise AssertionError(f"a secret ({name}) is in {where}, after {around!r}")

    def __bool__(self):
        return bool(self._forms)


def _forms(raw):
    yield "raw", raw
    text = raw.decode("latin-1")
    yield "percent-encoded", quote(raw, safe="").encode()
    yield "percent-encoded, lower case", re.sub(
        rb"%[0-9A-F]{2}", lambda m: m[0].lower(), quote(raw, safe="").encode()
    )
    yield "percent-encoded for a path", quote(raw).encode()
    yield "form-encoded", quote_plus(raw).encode()
    yield "JSON", text.replace("/", "\\/").encode()
    for offset in range(3):
        for alphabet in (None, b"-_"):
            encoded = base64.b64encode(bytes(offset) + raw, alphabet)
            # The first and last characters also depend on the neighbours.
            skipped = -(-offset * 8 // 6)
            kept = (offset + len(raw)) * 8 // 6
            yield f"base64 at offset {offset}", encoded[skipped:kept]
