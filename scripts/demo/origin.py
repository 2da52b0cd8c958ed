#!/usr/bin/python3
"""The service that the demonstration talks to: an API and a git server behind TLS.

It answers only who shows the right credential, keeps a journal of what it was shown, and never
says it back. Environment: ORIGIN_FOLDER (origin.crt, origin.key, repositories, journal),
ORIGIN_API_KEY, ORIGIN_GIT_TOKEN. Prints the port that it listens on.
"""

import base64
import hmac
import http.server
import json
import os
import ssl
import subprocess
import sys
import urllib.parse
from pathlib import Path

FOLDER = Path(os.environ["ORIGIN_FOLDER"])
API_KEY = os.environ.pop("ORIGIN_API_KEY")
GIT_TOKEN = os.environ.pop("ORIGIN_GIT_TOKEN")
BASIC = base64.b64encode(f"x-access-token:{GIT_TOKEN}".encode()).decode()


class Origin(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def setup(self):
        # Here and not in accept, so that a slow handshake holds up nobody else.
        self.request.settimeout(30)
        self.request.do_handshake()
        super().setup()

    def do_GET(self):
        self.answer()

    def do_POST(self):
        self.answer()

    def answer(self):
        body = self.read_body()
        shown = self.headers.get("Authorization", "")
        with open(FOLDER / "journal", "a", encoding="utf-8") as journal:
            print(self.headers["Host"], self.command, self.path, shown, sep="\t", file=journal)
        if self.headers["Host"] == "git.example.com":
            if not hmac.compare_digest(shown, f"Basic {BASIC}"):
                self.reply(401, {"error": "unauthorized"}, {"WWW-Authenticate": 'Basic realm="git"'})
            else:
                self.git(body)
        elif not hmac.compare_digest(shown, f"Bearer {API_KEY}"):
            self.reply(401, {"error": "unauthorized"})
        else:
            self.reply(200, {"models": ["example-small", "example-large"]})

    def read_body(self):
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return body

    def git(self, body):
        """Git's own server for its HTTP protocol, a CGI program (git-http-backend(1))."""
        url = urllib.parse.urlsplit(self.path)
        environment = dict(os.environ, GIT_PROJECT_ROOT=str(FOLDER / "repositories"),
                           GIT_HTTP_EXPORT_ALL="1", REMOTE_USER="x-access-token",
                           REQUEST_METHOD=self.command, PATH_INFO=url.path, QUERY_STRING=url.query,
                           CONTENT_TYPE=self.headers.get("Content-Type", ""),
                           CONTENT_LENGTH=str(len(body)),
                           HTTP_CONTENT_ENCODING=self.headers.get("Content-Encoding", ""),
                           HTTP_GIT_PROTOCOL=self.headers.get("Git-Protocol", ""))
        output = subprocess.run(["git", "http-backend"], input=body, env=environment, check=True,
                                stdout=subprocess.PIPE).stdout
        head, _, content = output.partition(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        self.send(int(fields.pop("Status", "200").split()[0]), fields, content)

    def reply(self, status, value, fields=None):
        self.send(status, {"Content-Type": "application/json", **(fields or {})},
                  json.dumps(value).encode() + b"\n")

    def send(self, status, fields, content):
        self.send_response(status)
        for name, value in fields.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        """The journal says it all."""


def main():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Origin)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(FOLDER / "origin.crt", FOLDER / "origin.key")
    server.socket = context.wrap_socket(server.socket, server_side=True,
                                        do_handshake_on_connect=False)
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    sys.exit(main())
