"""Git's own smart HTTP backend behind a recording origin."""

import base64
import subprocess

from harness.http import parse_fields


class GitBackend:
    """Answers with `git http-backend` for the repositories in a folder, to one login only."""

    def __init__(self, folder, user, password):
        self.folder = folder
        self._expected = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
        self.refused = 0

    def __call__(self, turn):
        request = turn.request
        body = b"".join(turn.body_pieces())
        if request.fields.get("authorization") != self._expected:
            self.refused += 1
            turn.reply(401, [("WWW-Authenticate", 'Basic realm="git"')], b"log in\n")
            return
        env = {
            "PATH": "/usr/bin:/bin",
            "GIT_PROJECT_ROOT": str(self.folder),
            "GIT_HTTP_EXPORT_ALL": "1",
            "REMOTE_USER": "tester",
            "REQUEST_METHOD": request.method,
            "PATH_INFO": request.path,
            "QUERY_STRING": request.query,
            "CONTENT_TYPE": request.fields.get("content-type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": request.fields.get("content-encoding", ""),
            "GIT_PROTOCOL": request.fields.get("git-protocol", ""),
        }
        result = subprocess.run(
            ["git", "http-backend"], input=body, env=env, capture_output=True, check=True
        )
        head, _, content = result.stdout.partition(b"\r\n\r\n")
        fields = parse_fields(head)
        status = int(fields.get("status", "200 OK").split()[0])
        kept = [(n, v) for n, v in fields if n.lower() not in ("status", "content-length")]
        turn.reply(status, kept, content)
