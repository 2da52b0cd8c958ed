"""Requests that are odd in one or more ways, and what each means where that is beyond doubt.

Drawn by a seeded generator: the same seed gives the same requests.
"""

import enum
import random
from dataclasses import dataclass, field

# Stands before a path: nothing inside a tunnel, the scheme and the host in a plain forward.
ROOT = b"<root>"


class Verdict(enum.IntEnum):
    """What a strict proxy makes of it. Of several oddities the highest counts."""

    SERVED = 0  # it means one thing, and that is in the Meaning
    UNSURE = 1  # both are right: to refuse it, or to pass on what was understood
    REFUSED = 2


SERVED, UNSURE, REFUSED = Verdict


@dataclass
class Meaning:
    method: str = "GET"
    target: str = "/"
    # Without those that frame and route: (name, value) in order.
    fields: list = field(default_factory=list)
    body: bytes = b""


@dataclass
class OddRequest:
    number: int
    data: bytes  # with ROOT in it
    verdict: Verdict
    meaning: Meaning
    # Nothing follows: the client ends within it.
    is_cut: bool
    # Whether its head may have left before the mistake in its body was seen.
    breaks_in_body: bool
    oddities: list

    @property
    def sentinel(self):
        """A plain request to send right behind: what is left of the first must not touch it."""
        return (
            b"GET %s/sentinel?%d HTTP/1.1\r\nHost: api.test\r\nX-Case: %d\r\n"
            b"Connection: close\r\n\r\n" % (ROOT, self.number, self.number)
        )

    def __str__(self):
        what = ", ".join(self.oddities)
        return f"case {self.number} ({what}; {self.verdict.name}): {self.data!r}"


class _Draft:
    """A plain request, which oddities then change."""

    def __init__(self, rng, number):
        self.rng = rng
        self.method = b"GET"
        self.target = ROOT + b"/plain/%d" % number
        self.version = b"HTTP/1.1"
        self.before = b""
        self.between = b" "
        self.behind = b""
        self.hosts = [b"Host: api.test"]
        self.lines = [b"X-Case: %d" % number]
        self.framing = []
        self.body = b""
        self.line_end = b"\r\n"
        self.odd_line = None
        self.odd_line_end = b"\r\n"
        self.meaning = Meaning(fields=[("X-Case", str(number))])
        self.is_cut = False
        self.breaks_in_body = False

    def add(self, name, value, raw=None):
        """A field, and how it is spelled."""
        self.lines.append(raw if raw is not None else name + b": " + value)
        self.meaning.fields.append((name.decode("latin-1"), value.decode("latin-1")))

    def drop(self, names):
        """The fields of these names are for one hop only."""
        kept = [f for f in self.meaning.fields if f[0].lower() not in names]
        self.meaning.fields = kept

    def send_body(self, body, wire, *framing):
        self.method = b"POST" if self.method == b"GET" else self.method
        self.framing = list(framing)
        self.meaning.body = body
        self.body = wire

    def encode(self):
        request_line = self.between.join(
            part for part in (self.method, self.target, self.version) if part is not None
        )
        lines = [request_line + self.behind, *self.hosts, *self.lines, *self.framing, b""]
        ends = [b"\r\n"] * len(lines)
        if self.odd_line is not None:
            ends[self.odd_line % len(lines)] = self.odd_line_end
        return self.before + b"".join(l + e for l, e in zip(lines, ends)) + self.body


# Each kind of oddity is a table of (name, verdict, change), of which a request takes one or none.


def _method(name, verdict=SERVED):
    def change(draft):
        draft.method = name

    return (f"method {name!r}", verdict, change)


METHODS = [
    *[_method(m) for m in (b"POST", b"PUT", b"DELETE", b"PATCH", b"HEAD", b"OPTIONS")],
    *[_method(m) for m in (b"PROPFIND", b"REPORT", b"M-SEARCH", b"MKCOL", b"PURGE")],
    *[_method(m, UNSURE) for m in (b"TRACE", b"BREW", b"get", b"Get", b"GET!", b"X" * 300)],
    *[_method(m, REFUSED) for m in (b"", b"GE\tT", b"GE\0T", b"G(T)", b"\xc7ET", b"GET:")],
]


def _target(path, verdict=SERVED, root=ROOT):
    def change(draft):
        draft.target = root + path

    return (f"target {path[:40]!r}", verdict, change)


TARGETS = [
    *[_target(p) for p in (b"/", b"//", b"/a//b", b"/a/", b"/./a", b"/a/./b", b"/a/../b")],
    *[_target(p) for p in (b"/a/%2e%2e/b", b"/a%2fb", b"/%41", b"/%c3%a9", b"/a;p=1/b;q")],
    *[_target(p) for p in (b"/...", b"/a/..", b"/.")],
    *[_target(p) for p in (b"/a?b?c", b"/?", b"/?a=%zz", b"/?a=../../b", b"/a?x=http://b.test/")],
    *[_target(p) for p in (b"/caf\xe9", b"/\xff", b"//other.test/x", b"/http://other.test/x")],
    *[_target(p) for p in (b"/" + b"x" * 5000, b"/?" + b"y" * 5000, b"/a:b@c", b"/~a!$&'()*+,=")],
    *[_target(p, UNSURE) for p in (b'/"', b"/<>", b"/a|b", b"/a\\b", b"/^`{}", b"/%00")],
    *[_target(p, UNSURE) for p in (b"/..%2fa", b"/a%0d%0aX:b", b"/a/..;/b", b"?q", b"")],
    _target(b"/%252e%252e/a", UNSURE),
    *[_target(p, UNSURE, b"") for p in (b"http://api.test/x", b"HTTP://api.test/x")],
    *[_target(p, UNSURE, b"") for p in (b"http://api.test:80/x", b"http://other.test/x")],
    *[_target(p, REFUSED) for p in (b"/../a", b"/a/../../b", b"/%2e%2e/a", b"/.%2E/a", b"/..")],
    *[_target(p, REFUSED) for p in (b"/a b", b"/a\tb", b"/\0", b"/\x7f", b"/#f", b"/a#", b"/\x1f")],
    *[_target(p, REFUSED) for p in (b"/%zz", b"/%", b"/a%4")],
    *[_target(p, REFUSED, b"") for p in (b"*", b"a", b"api.test/a", b"http:/a", b"http:///a")],
    *[_target(p, REFUSED, b"") for p in (b"http://u@api.test/", b"http://api.test\\a/")],
    _target(b"ftp://api.test/", REFUSED, b""),
]


def _version(text, verdict):
    def change(draft):
        draft.version = text

    return (f"version {text!r}", verdict, change)


VERSIONS = [
    _version(b"HTTP/1.0", SERVED),
    *[_version(v, REFUSED) for v in (b"HTTP/1.2", b"HTTP/2.0", b"HTTP/0.9", b"HTTP/1.10", None)],
    *[_version(v, REFUSED) for v in (b"http/1.1", b"HTTP/01.1", b"HTTP/1,1", b"HTTP/1", b"")],
]


def _spacing(name, verdict, **parts):
    def change(draft):
        for part, text in parts.items():
            setattr(draft, part, text)

    return (name, verdict, change)


SPACINGS = [
    _spacing("an empty line before", SERVED, before=b"\r\n"),
    _spacing("two empty lines before", SERVED, before=b"\r\n\r\n"),
    _spacing("many empty lines before", REFUSED, before=b"\r\n" * 20),
    _spacing("LF before", REFUSED, before=b"\n"),
    _spacing("CR before", REFUSED, before=b"\r"),
    _spacing("a space before", REFUSED, before=b" "),
    _spacing("NUL before", REFUSED, before=b"\0"),
    _spacing("two spaces", REFUSED, between=b"  "),
    _spacing("tabs", REFUSED, between=b"\t"),
    _spacing("vertical tabs", REFUSED, between=b"\x0b"),
    _spacing("a space behind", REFUSED, behind=b" "),
    _spacing("a word behind", REFUSED, behind=b" x"),
]


def _hosts(name, verdict, *lines):
    def change(draft):
        draft.hosts = list(lines)

    return (name, verdict, change)


HOSTS = [
    _hosts("Host in capitals", SERVED, b"HOST: API.Test"),
    _hosts("Host without a space", SERVED, b"Host:api.test"),
    _hosts("Host among spaces", SERVED, b"Host: \t api.test \t"),
    _hosts("Host with a dot", SERVED, b"Host: api.test."),
    _hosts("Host with a port", UNSURE, b"Host: api.test:80"),
    _hosts("Host with another port", UNSURE, b"Host: api.test:443"),
    _hosts("another Host", UNSURE, b"Host: other.test"),
    _hosts("no Host", UNSURE),  # which HTTP/1.0 allows
    _hosts("two Hosts", REFUSED, b"Host: api.test", b"Host: api.test"),
    _hosts("unequal Hosts", REFUSED, b"Host: api.test", b"host: other.test"),
    _hosts("a list of Hosts", REFUSED, b"Host: api.test, other.test"),
    _hosts("an empty Host", REFUSED, b"Host:"),
    _hosts("Host with a user", REFUSED, b"Host: u:p@api.test"),
    _hosts("Host with a space", REFUSED, b"Host: api .test"),
    _hosts("Host with a path", REFUSED, b"Host: api.test/x"),
    _hosts("Host with a long port", REFUSED, b"Host: api.test:00080000"),
    _hosts("Host with a space before its colon", REFUSED, b"Host : api.test"),
    _hosts("a folded Host", REFUSED, b"Host:", b" api.test"),
]


def _field(name, value, raw=None, verdict=SERVED):
    def change(draft):
        draft.add(name, value, raw)

    return (f"field {(raw or name)[:40]!r}", verdict, change)


def _line(raw, verdict=REFUSED):
    """A line that is no field, or one that does not go further."""

    def change(draft):
        draft.lines.append(raw)

    return (f"line {raw[:40]!r}", verdict, change)


FIELDS = [
    _field(b"X-Spaces", b"a  b", b"X-Spaces: \t a  b \t "),
    _field(b"X-Tight", b"1", b"X-Tight:1"),
    _field(b"X-Tab", b"a\tb"),
    _field(b"X-Empty", b"", b"X-Empty:"),
    _field(b"X-Blank", b"", b"X-Blank:   \t"),
    _field(b"X-Obs", b"caf\xe9 \xff\x80"),
    _field(b"X-Long", b"v" * 8000),
    _field(b"X-" + b"n" * 300, b"1"),
    _field(b"X-Colons", b":a: b::"),
    _field(b"X-Quoted", b'"a, \\"b" , (c)'),
    _field(b"x-lower", b"1"),
    _field(b"X_Under", b"1"),
    _field(b"X!#$%&'*+.^`|~z", b"1"),
    _field(b"0", b"1"),
    _field(b"Content-Type", b"text/plain; charset=x"),
    _field(b"Content-Encoding", b"gzip"),
    _field(b"Range", b"bytes=0-1"),
    _field(b"Accept-Encoding", b"gzip, br"),
    _field(b"X-Forwarded-For", b"127.0.0.1"),
    _field(b"X-Original-URL", b"/admin"),
    _field(b"X-HTTP-Method-Override", b"DELETE"),
    _field(b"Max-Forwards", b"5"),
    _field(b"Proxy", b"http://evil.test"),
    _field(b"Trailer", b"X-Sum"),
    _field(b"Set-Cookie", b"a=b"),
    _line(b"Proxy-Authorization: Basic eA==", SERVED),
    _line(b"Proxy-Connection: close", SERVED),
    _line(b"Proxy-Anything: x", SERVED),
    _line(b"Keep-Alive: timeout=5", SERVED),
    _line(b"TE: trailers, deflate", SERVED),
    _line(b"Upgrade: h2c", SERVED),
    _line(b"HTTP2-Settings: AAMAAABk", SERVED),
    _line(b"Authorization: Basic eDp5", SERVED),
    _line(b"AUTHORIZATION:", SERVED),
    _line(b"Max-Forwards: 0", UNSURE),
    _line(b"X-Space : 1"),
    _line(b"X-Tab\t: 1"),
    _line(b"Transfer-Encoding : chunked"),
    _line(b"Content-Length : 5"),
    _line(b" X-Folded: 1"),
    _line(b"\tfolded"),
    _line(b" "),
    _line(b"nothing"),
    _line(b": nameless"),
    _line(b"X Y: 1"),
    _line(b"X\xe9: 1"),
    _line(b"X\0: 1"),
    _line(b"X(y): 1"),
    _line(b"X-Nul: a\0b"),
    _line(b"X-Control: a\x01b"),
    _line(b"X-Delete: a\x7fb"),
    _line(b"X-Escape: \x1b[0m"),
    _line(b"X-CR: a\rX-Other: b"),
    _line(b"X-LF: a\nX-Other: b"),
    _line(b"X-LF: a\nTransfer-Encoding: chunked"),
    _line(b"X-Huge: " + b"v" * 70_000),
]


def _twice(first, second):
    def change(draft):
        for name, value in (first, second):
            draft.add(name, value)

    return (f"{first[0].decode()} twice", SERVED, change)


def _many_fields(draft):
    for i in range(200):
        draft.add(b"X-%d" % i, b"v")


def _too_many_fields(draft):
    draft.lines += [b"X-%d: v" % i for i in range(300)]


REPEATED = [
    _twice((b"X-Twice", b"1"), (b"X-Twice", b"2")),
    _twice((b"X-Twice", b"1"), (b"x-tWICE", b"1")),
    _twice((b"Cookie", b"a=1"), (b"Cookie", b"b=2")),
    _twice((b"Accept", b"text/html, */*"), (b"Accept", b"a/b;q=0.5")),
    _twice((b"X-Empty", b""), (b"X-Empty", b"1")),
    ("200 fields", SERVED, _many_fields),
    ("300 fields", REFUSED, _too_many_fields),
]


def _connection(value, *named, verdict=SERVED):
    """A Connection field, and fields that it names."""

    def change(draft):
        draft.lines += [b"Connection: " + value, *named]
        draft.drop(value.decode().lower().replace(" ", "").split(","))

    return (f"Connection {value!r}", verdict, change)


CONNECTIONS = [
    _connection(b"close"),
    _connection(b"keep-alive"),
    _connection(b"Close, X-Drop", b"X-Drop: 1", b"x-drop: 2"),
    _connection(b"X-Drop , ,\tX-Also", b"X-Drop: 1", b"X-Also:"),
    _connection(b"X-Drop", b"Connection: X-Also", b"X-Drop: 1", b"X-Also: 1"),
    _connection(b"Authorization"),
    _connection(b"Authorization, Cookie, close", b"Authorization: Basic eDp5", b"Cookie: a=1"),
    _connection(b"Host"),
    _connection(b"Content-Length, Transfer-Encoding"),
    _connection(b"TE", b"TE: trailers"),
    _connection(b",,"),
    _connection(b""),
    _connection(b"not a token"),
    _connection(b"Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABk"),
    _connection(b"Upgrade", b"Upgrade: unheard-of", verdict=UNSURE),
]

BODY = b"hello, body"


def _body(name, verdict, *framing, body=BODY, wire=None, breaks=False):
    def change(draft):
        draft.send_body(body, body if wire is None else wire, *framing)
        draft.breaks_in_body = breaks

    return (name, verdict, change)


def _length(value, verdict):
    return _body(f"Content-Length {value!r}", verdict, b"Content-Length:" + value)


def _coding(value, verdict):
    return _body(
        f"Transfer-Encoding {value!r}", verdict, b"Transfer-Encoding:" + value, wire=_chunks(BODY)
    )


def _chunks(*pieces, end=b"0\r\n\r\n"):
    return b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in pieces) + end


def _chunked(name, wire, verdict=REFUSED):
    return _body(f"chunks: {name}", verdict, CHUNKED, wire=wire, breaks=verdict is not SERVED)


def _leftover(draft):
    draft.send_body(b"hel", b"hello", b"Content-Length: 3")


def _cut_length(draft):
    draft.send_body(b"", b"half", b"Content-Length: 40")
    draft.is_cut = draft.breaks_in_body = True


def _cut_chunk(draft):
    draft.send_body(b"", b"5\r\nhalf", CHUNKED)
    draft.is_cut = draft.breaks_in_body = True


def _cut_last_chunk(draft):
    draft.send_body(b"", b"4\r\nhalf\r\n0\r\n", CHUNKED)
    draft.is_cut = draft.breaks_in_body = True


CHUNKED = b"Transfer-Encoding: chunked"
LENGTH = b"Content-Length: %d" % len(BODY)

FRAMINGS = [
    *[_length(v, SERVED) for v in (b" 11", b"11", b" \t11 ", b" 011", b" 00000000000000000011")],
    *[_length(v, REFUSED) for v in (b" +11", b" -11", b" 11,11", b" 11, 11", b" 0xb", b"")],
    *[_length(v, REFUSED) for v in (b" 11;", b" 1 1", b" 11.0", b" 1e1", b" \x0b11")],
    _length(b" 18446744073709551627", REFUSED),
    _body("no body of length 0", SERVED, b"Content-Length: 0", body=b""),
    _body("no body at all", SERVED, body=b""),
    _body("equal lengths", REFUSED, LENGTH, LENGTH),
    _body("unequal lengths", REFUSED, LENGTH, b"content-length: 5"),
    _body("length and chunked", REFUSED, LENGTH, CHUNKED, wire=_chunks(BODY)),
    _body("chunked and length", REFUSED, CHUNKED, LENGTH, wire=_chunks(BODY)),
    _body("chunked and length 0", REFUSED, CHUNKED, b"Content-Length: 0", wire=_chunks(BODY)),
    _body("chunked twice", REFUSED, CHUNKED, CHUNKED, wire=_chunks(BODY)),
    *[_coding(v, SERVED) for v in (b" chunked", b"chunked", b" Chunked", b"\tCHUNKED \t")],
    *[_coding(v, REFUSED) for v in (b" chunked,", b" xchunked", b" chunkedx", b" identity", b"")],
    *[_coding(v, REFUSED) for v in (b" gzip, chunked", b" chunked, chunked", b" chunked;q=1")],
    *[_coding(v, REFUSED) for v in (b" \x0bchunked", b' "chunked"', b" chunked\x0c", b" ,chunked")],
    _chunked("several", _chunks(b"h", b"ello", b", body"), SERVED),
    _chunked("extensions", b'b;a;b=c;d="e;\\"f"\r\n' + BODY + b"\r\n0;z\r\n\r\n", SERVED),
    _chunked("capitals and zeros", b"0000B\r\n" + BODY + b"\r\n000\r\n\r\n", SERVED),
    _chunked("trailers", _chunks(BODY, end=b"0\r\nX-Sum: 1\r\nx-sum: 2\r\n\r\n"), SERVED),
    _chunked(
        "trailers that frame",
        _chunks(BODY, end=b"0\r\nContent-Length: 5\r\nHost: b\r\nAuthorization: x\r\n\r\n"),
        SERVED,
    ),
    _chunked("bad trailers", _chunks(BODY, end=b"0\r\nX-Sum : 1\r\n\r\n")),
    _chunked("folded trailers", _chunks(BODY, end=b"0\r\nX-Sum: 1\r\n 2\r\n\r\n")),
    _chunked("space before the size", b" b\r\n" + BODY + b"\r\n0\r\n\r\n"),
    _chunked("space behind the size", b"b \r\n" + BODY + b"\r\n0\r\n\r\n"),
    _chunked("signed", b"+b\r\n" + BODY + b"\r\n0\r\n\r\n"),
    _chunked("prefixed", b"0xb\r\n" + BODY + b"\r\n0\r\n\r\n"),
    _chunked("overflowing", b"1000000000000000b\r\n" + BODY + b"\r\n0\r\n\r\n"),
    _chunked("LF behind the size", b"b\n" + BODY + b"\r\n0\r\n\r\n"),
    _chunked("CR behind the size", b"b\r" + BODY + b"\r\n0\r\n\r\n"),
    _chunked("LF in an extension", b"b;a\nb\r\n" + BODY + b"\r\n0\r\n\r\n"),
    _chunked("LF behind the data", b"b\r\n" + BODY + b"\n0\r\n\r\n"),
    _chunked("no end of the data", b"b\r\n" + BODY + b"0\r\n\r\n"),
    _chunked("too long", b"5\r\n" + BODY + b"\r\n0\r\n\r\n"),
    _chunked("LF at the end", b"b\r\n" + BODY + b"\r\n0\r\n\n"),
    _chunked("no size", b"\r\n" + BODY + b"\r\n0\r\n\r\n"),
    ("more than Content-Length", SERVED, _leftover),
    ("cut within the length", UNSURE, _cut_length),
    ("cut within a chunk", UNSURE, _cut_chunk),
    ("cut before the last line", UNSURE, _cut_last_chunk),
]


def _line_end(text):
    def change(draft):
        draft.odd_line = draft.rng.randrange(100)
        draft.odd_line_end = text

    return (f"line end {text!r}", REFUSED, change)


LINE_ENDS = [_line_end(e) for e in (b"\n", b"\r", b"\n\r", b"\r\r\n", b"\0\r\n", b"\x0b\r\n")]


def _expect(value, verdict):
    def change(draft):
        draft.add(b"Expect", value)

    return (f"Expect {value!r}", verdict, change)


EXPECTS = [_expect(v, SERVED) for v in (b"100-continue", b"100-Continue", b"x")]

# With how likely a request is to have one of the kind. Framing comes last: a body makes a GET a
# POST.
KINDS = [
    (METHODS, 0.3),
    (TARGETS, 0.5),
    (VERSIONS, 0.1),
    (SPACINGS, 0.1),
    (HOSTS, 0.2),
    (FIELDS, 0.5),
    (FIELDS, 0.3),
    (REPEATED, 0.2),
    (CONNECTIONS, 0.25),
    (EXPECTS, 0.1),
    (FRAMINGS, 0.5),
    (LINE_ENDS, 0.0),
]


def generate(seed, count):
    rng = random.Random(seed)
    decks = {verdict: _Deck(rng, verdict) for verdict in Verdict}
    return [_make(rng, decks, number) for number in range(count)]


class _Deck:
    """All oddities of one verdict, drawn in a random order so that each has its turn."""

    def __init__(self, rng, verdict):
        self._rng = rng
        self._all = [
            (index, entry) for index, (table, _) in enumerate(KINDS)
            for entry in _of_verdict(table, verdict)
        ]  # fmt: skip
        self._left = []

    def draw(self):
        if not self._left:
            self._left = self._rng.sample(self._all, len(self._all))
        return self._left.pop()


def _make(rng, decks, number):
    draft = _Draft(rng, number)
    # At most one oddity is more than odd, so that it alone is what a request is refused for.
    verdict = rng.choices([SERVED, UNSURE, REFUSED], [9, 2, 9])[0]
    worst_kind, worst = decks[verdict].draw()
    names = []
    for index, (table, likelihood) in enumerate(KINDS):
        if index != worst_kind and rng.random() >= likelihood:
            continue
        name, _, change = worst if index == worst_kind else rng.choice(_of_verdict(table, SERVED))
        change(draft)
        names.append(name)
    if draft.version == b"HTTP/1.0":
        if any(line.lower().startswith(b"transfer-encoding") for line in draft.framing):
            verdict = REFUSED
    elif not draft.hosts:
        verdict = REFUSED
    draft.meaning.method = draft.method.decode("latin-1")
    draft.meaning.target = draft.target.replace(ROOT, b"").decode("latin-1")
    return OddRequest(
        number, draft.encode(), verdict, draft.meaning, draft.is_cut, draft.breaks_in_body, names
    )


def _of_verdict(table, verdict):
    return [entry for entry in table if entry[1] is verdict]
