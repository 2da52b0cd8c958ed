"""TLS over a socket that two threads may use at once, one reading and one writing.

Python's own SSLSocket may not: it lets the library read and write one session from two threads.
"""

import ssl
import threading

_READ_SIZE = 1 << 16


class TlsSocket:
    """A TLS session on a connected socket; the constructor completes the handshake."""

    def __init__(self, sock, context, server_name=None, server_side=False, session=None):
        self.raw = sock
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self.session_object = context.wrap_bio(
            self._incoming,
            self._outgoing,
            server_side=server_side,
            server_hostname=server_name,
            session=session,
        )
        # Guards the session; held for no system call.
        self._lock = threading.Lock()
        # Keeps records in order on the wire.
        self._send_lock = threading.Lock()
        self.ended_by_close_notify = False
        self._until_done(self.session_object.do_handshake)

    def recv(self, limit=_READ_SIZE):
        """Like socket.recv; b"" also where the stream was cut without a close-notify."""
        while True:
            with self._lock:
                try:
                    data = self.session_object.read(limit)
                    self.ended_by_close_notify = not data
                    return data
                except ssl.SSLWantReadError:
                    pass
                except ssl.SSLEOFError:
                    return b""
            self._flush()
            self._fill()

    def sendall(self, data):
        with self._send_lock:
            with self._lock:
                self.session_object.write(data)
                records = self._outgoing.read()
            self.raw.sendall(records)

    def send_close_notify(self):
        """Ends the sending direction, and waits for nothing."""
        with self._lock:
            try:
                self.session_object.unwrap()
            except ssl.SSLError:
                # It wants to read the peer's, or the session has failed.
                pass
        self._flush()

    def unwrap(self):
        """Sends a close-notify and waits for the peer's; returns the socket beneath."""
        self._until_done(self.session_object.unwrap)
        return self.raw

    @property
    def session(self):
        return self.session_object.session

    @property
    def session_reused(self):
        return self.session_object.session_reused

    def version(self):
        return self.session_object.version()

    def getpeercert(self, binary_form=False):
        return self.session_object.getpeercert(binary_form)

    def settimeout(self, seconds):
        self.raw.settimeout(seconds)

    def setsockopt(self, *args):
        self.raw.setsockopt(*args)

    def shutdown(self, how):
        """Of the socket beneath: no close-notify goes out."""
        self.raw.shutdown(how)

    def close(self):
        """Of the socket beneath: no close-notify goes out."""
        self.raw.close()

    def _until_done(self, step):
        while True:
            try:
                with self._lock:
                    step()
            except ssl.SSLWantReadError:
                self._flush()
                self._fill()
                continue
            except ssl.SSLError:
                # The alert that says why.
                self._flush()
                raise
            self._flush()
            return

    def _flush(self):
        if self._outgoing.pending:
            with self._send_lock:
                with self._lock:
                    records = self._outgoing.read()
                self.raw.sendall(records)

    def _fill(self):
        data = self.raw.recv(_READ_SIZE)
        with self._lock:
            if data:
                self._incoming.write(data)
            else:
                self._incoming.write_eof()
