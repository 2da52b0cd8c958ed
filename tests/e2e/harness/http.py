"""HTTP/1.1 messages for tests: strict where the program under test writes them, free elsewhere."""

import re

from harness.stream import EndOfStream

_STATUS_LINE = re.compile(rb"HTTP/(1\.[01]) (\d{3})(?: ([^\r\n]*))?\r\n\Z")
_FIELD_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,16})(?:;[^\r\n]*)?\r\n\Z")


class Fields(list):
    """Header fields in order: (name, value) pairs of str, obs-text as Latin-1."""

    def all(self, name):
        return [value for field, value in self if field.lower() == name.lower()]

    def one(self, name):
        """The value of a field that must be there exactly once."""
        values = self.all(name)
        assert len(values) == 1, f"{name}: expected one, got {values} in {self}"
        return values[0]

    def get(self, name, default=None):
        values = self.all(name)
        return values[0] if values else default

    def names(self):
        return [name.lower() for name, _ in self]


def encode_fields(fields):
    """Fields as the wire wants them; bytes values are sent as they are."""
    lines = bytearray()
    for name, value in fields:
        lines += _bytes(name) + b": " + _bytes(value) + b"\r\n"
    return bytes(lines)


def parse_fields(block):
    """Fields of a head, without its first line; strict about their form."""
    fields = Fields()
    for line in block.split(b"\r\n"):
        if not line:
            continue
        name, colon, value = line.partition(b":")
        assert colon and _FIELD_NAME.match(name), f"not a header field: {line!r}"
        assert b"\r" not in value and b"\n" not in value, f"bare CR or LF: {line!r}"
        fields.append((name.decode("latin-1"), value.strip(b" \t").decode("latin-1")))
    return fields


class Head:
    """A response's status line and fields."""

    def __init__(self, stream):
        line = stream.read_until(b"\r\n")
        match = _STATUS_LINE.match(line)
        assert match, f"not a status line: {line!r}"
        self.version = match[1].decode()
        self.status = int(match[2])
        self.reason = (match[3] or b"").decode("latin-1")
        block = bytearray()
        while (line := stream.read_until(b"\r\n")) != b"\r\n":
            block += line
        self.fields = parse_fields(bytes(block))

    def body_pieces(self, stream, method):
        """Yields the body as it arrives; returns the trailers, and raises when it is cut short."""
        lengths = set(self.fields.all("content-length"))
        codings = [value.lower() for value in self.fields.all("transfer-encoding")]
        assert len(lengths) <= 1, f"several Content-Lengths: {lengths}"
        assert not (lengths and codings), "both Content-Length and Transfer-Encoding"
        if method == "HEAD" or self.status in (204, 304) or self.status < 200:
            return Fields()
        if codings:
            assert codings == ["chunked"], codings
            return (yield from chunked_pieces(stream))
        if lengths:
            left = int(lengths.pop())
            while left:
                piece = stream.read_some(min(left, 1 << 16))
                if not piece:
                    raise EndOfStream(f"{left} bytes of the body missing")
                left -= len(piece)
                yield piece
            return Fields()
        while piece := stream.read_some():
            yield piece
        return Fields()


def chunked_pieces(stream):
    """Yields the data of a chunked body; returns its trailers."""
    while True:
        line = stream.read_until(b"\r\n")
        match = _CHUNK_SIZE.match(line)
        assert match, f"not a chunk size: {line!r}"
        left = int(match[1], 16)
        if left == 0:
            break
        while left:
            piece = stream.read_some(min(left, 1 << 16))
            if not piece:
                raise EndOfStream("cut within a chunk")
            left -= len(piece)
            yield piece
        assert stream.read_exactly(2) == b"\r\n", "a chunk does not end in CRLF"
    block = bytearray()
    while (line := stream.read_until(b"\r\n")) != b"\r\n":
        block += line
    return parse_fields(bytes(block))


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


def _bytes(text):
    return text if isinstance(text, bytes) else text.encode("latin-1")
