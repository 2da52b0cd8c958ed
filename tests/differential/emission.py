"""What the proxy sent to an origin, read as strictly as anything can be read.

The proxy writes requests anew, in one form; what is not in that form is a mistake of its own.
"""

import re
from dataclasses import dataclass

_TOKEN = r"([!#$%&'*+.^_`|~0-9A-Za-z-]+)"
_REQUEST_LINE = re.compile(_TOKEN + r" (\*|/[^\x00-\x20\x7f#]*) HTTP/1\.1")
_FIELD_LINE = re.compile(_TOKEN + r": ((?:[^\x00-\x08\x0a-\x1f\x7f]*[^\x00-\x20\x7f])?)")
_CHUNK_LINE = re.compile(rb"([1-9a-f][0-9a-f]*|0)\r\n")


@dataclass
class Emitted:
    """A request on the wire."""

    method: str
    target: str
    fields: list
    body: bytes
    is_whole: bool
    connection: int = 0

    def all(self, name):
        return [value for key, value in self.fields if key.lower() == name.lower()]


class _Cut(Exception):
    """The stream ends within a request."""


def read_requests(data, connection):
    """All requests of one connection's bytes; the last one may have been cut."""
    requests = []
    while data:
        request, data = _read_request(data)
        request.connection = connection
        requests.append(request)
    return requests


def without_retries(requests):
    """Without those that were sent again on another connection, the first one having died."""
    kept = []
    for request in requests:
        if kept and kept[-1].connection != request.connection and _repeats(kept[-1], request):
            kept.pop()
        kept.append(request)
    return kept


def _repeats(a, b):
    return (a.method, a.target, a.fields, a.body) == (b.method, b.target, b.fields, b.body)


def _read_request(data):
    head, end, rest = data.partition(b"\r\n\r\n")
    if not end:
        return Emitted("", "", [], head, False), b""
    line, *lines = head.decode("latin-1").split("\r\n")
    match = _REQUEST_LINE.fullmatch(line)
    assert match, f"the proxy wrote a request line of its own kind: {line!r}"
    fields = []
    for text in lines:
        field = _FIELD_LINE.fullmatch(text)
        assert field, f"the proxy wrote a field of its own kind: {text!r}"
        fields.append((field[1], field[2]))
    request = Emitted(match[1], match[2], fields, b"", True)
    assert len(request.all("host")) == 1, f"not one Host: {fields}"
    lengths, codings = request.all("content-length"), request.all("transfer-encoding")
    assert len(lengths) + len(codings) <= 1, f"more than one framing: {fields}"
    try:
        if codings:
            assert codings == ["chunked"], codings
            request.body, rest = _read_chunks(rest)
        elif lengths:
            assert re.fullmatch("0|[1-9][0-9]*", lengths[0]), lengths
            request.body, rest = _take(rest, int(lengths[0]))
    except _Cut:
        request.is_whole = False
        return request, b""
    return request, rest


def _read_chunks(data):
    body = b""
    while True:
        line = _CHUNK_LINE.match(data)
        if not line:
            assert b"\r\n" not in data[:20], f"not a chunk size: {data[:20]!r}"
            raise _Cut
        size = int(line[1], 16)
        data = data[line.end() :]
        if size == 0:
            break
        piece, data = _take(data, size + 2)
        assert piece.endswith(b"\r\n"), f"a chunk of another size: {piece[-20:]!r}"
        body += piece[:-2]
    while True:
        line, end, data = data.partition(b"\r\n")
        if not end:
            raise _Cut
        if not line:
            return body, data
        assert _FIELD_LINE.fullmatch(line.decode("latin-1")), f"not a trailer: {line!r}"


def _take(data, size):
    if len(data) < size:
        raise _Cut
    return data[:size], data[size:]
