"""A buffered reader over a socket, for both ends of a connection."""

import socket


class EndOfStream(Exception):
    """The peer closed before everything that was asked for had arrived."""


class Stream:
    """Reads lines, exact counts and whatever is there; hands every byte to `record` as it arrives.

    A read that takes longer than the socket's timeout raises TimeoutError (socket.timeout), so
    that a hang is a failure.
    """

    _READ_SIZE = 1 << 16

    def __init__(self, sock, record=None):
        self.sock = sock
        self._record = record
        self._buffer = bytearray()

    def read_some(self, limit=_READ_SIZE):
        """At least one byte and at most `limit`; b"" at the end of the stream."""
        if not self._buffer:
            data = self.sock.recv(limit)
            if self._record:
                self._record(data)
            return data
        data = bytes(self._buffer[:limit])
        del self._buffer[:limit]
        return data

    def read_exactly(self, count):
        while len(self._buffer) < count:
            self._fill(f"{len(self._buffer)} of {count} bytes")
        data = bytes(self._buffer[:count])
        del self._buffer[:count]
        return data

    def read_until(self, delimiter, limit=1 << 20):
        """Everything up to and including `delimiter`."""
        searched = 0
        while (at := self._buffer.find(delimiter, searched)) < 0:
            searched = max(0, len(self._buffer) - len(delimiter) + 1)
            assert len(self._buffer) < limit, f"no {delimiter!r} within {limit} bytes"
            self._fill(f"{bytes(self._buffer[:200])!r} and no {delimiter!r}")
        end = at + len(delimiter)
        data = bytes(self._buffer[:end])
        del self._buffer[:end]
        return data

    def read_to_end(self):
        chunks = [bytes(self._buffer)]
        self._buffer.clear()
        while data := self.sock.recv(self._READ_SIZE):
            if self._record:
                self._record(data)
            chunks.append(data)
        return b"".join(chunks)

    def buffered(self):
        """Bytes that arrived and were not read yet."""
        return bytes(self._buffer)

    def send(self, data):
        self.sock.sendall(data)

    def finish_sending(self):
        """Half-closes: nothing more will be sent, reading goes on."""
        self.sock.shutdown(socket.SHUT_WR)

    def close(self):
        self.sock.close()

    def _fill(self, got):
        data = self.sock.recv(self._READ_SIZE)
        if self._record:
            self._record(data)
        if not data:
            raise EndOfStream(f"closed after {got}")
        self._buffer += data
