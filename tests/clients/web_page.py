"""A page with a style sheet, a script that fetches JSON, and a WebSocket that echoes."""

import base64
import hashlib

from harness.origin import head

PAGE = b"""<!DOCTYPE html>
<link rel="stylesheet" href="/style.css">
<img id="last" src="/last.png" alt="">
<p id="style">style missing</p><p id="data">data missing</p><p id="socket">socket missing</p>
<script src="/script.js"></script>
"""

STYLE = b"#style { color: rgb(1, 2, 3) }\n"

SCRIPT = b"""
const show = (id, text) => { document.getElementById(id).textContent = `${id}: ${text}`; };
const color = getComputedStyle(document.getElementById('style')).color;
const data = fetch('/data.json').then((reply) => reply.json()).then((value) => value.text);
const socket = new Promise((resolve, reject) => {
  const echo = new WebSocket('wss://api.test/echo');
  echo.onopen = () => echo.send('a frame');
  echo.onmessage = (event) => resolve(event.data);
  echo.onerror = reject;
});
show('style', color);
Promise.allSettled([data.then((text) => show('data', text)),
                    socket.then((text) => show('socket', text))])
  .then(() => fetch('/done', { method: 'POST' }));
"""

_ACCEPT = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_TEXT, _CLOSE = 1, 8


class WebPage:
    """Routes of an origin; for a browser the page is not loaded before its script is done."""

    def __init__(self, origin):
        self._origin = origin
        origin.routes |= {
            "/": _file("text/html", PAGE),
            "/style.css": _file("text/css", STYLE),
            "/script.js": _file("text/javascript", SCRIPT),
            "/data.json": _file("application/json", b'{"text": "from the origin"}'),
            "/last.png": self._last,
            "/done": _file("text/plain", b""),
            "/echo": echo,
        }

    def _last(self, turn):
        def done():
            return any(request.path == "/done" for request in self._origin.requests)

        self._origin.wait_for(done, "the script's end")
        turn.reply(404)


def _file(content_type, body):
    return lambda turn: turn.reply(200, [("Content-Type", content_type)], body)


def echo(turn):
    """A WebSocket (RFC 6455) that sends each short text frame back, until it is closed."""
    key = turn.request.fields.one("sec-websocket-key").encode()
    accept = base64.b64encode(hashlib.sha1(key + _ACCEPT).digest()).decode()
    fields = [("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Accept", accept)]
    turn.finish_body()
    turn.send(head(101, fields))
    turn.close()
    while True:
        opcode, payload = _read_frame(turn)
        turn.send(bytes([0x80 | opcode, len(payload)]) + payload)
        if opcode == _CLOSE:
            return


def _read_frame(turn):
    first, second = turn.read_exactly(2)
    length = second & 0x7F
    assert first & 0x80 and second & 0x80 and length < 126, "not a short, whole and masked frame"
    mask = turn.read_exactly(4)
    masked = turn.read_exactly(length)
    return first & 0x0F, bytes(byte ^ mask[i % 4] for i, byte in enumerate(masked))
