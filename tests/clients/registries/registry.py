"""What all registries have in common."""

import io
import json
import tarfile
import zipfile
from urllib.parse import unquote


class Registry:
    """Answers with `files`, by path, to requests with the right Authorization.

    A path is compared after percent-decoding, since clients differ in what they encode.
    """

    # Fields of the reply to who has no token.
    challenge = ()

    def __init__(self, authorization):
        self._authorization = authorization
        self.files = {}
        self.refused = 0

    def __call__(self, turn):
        request = turn.request
        turn.finish_body()
        if request.fields.get("authorization") != self._authorization:
            self.refused += 1
            turn.reply(401, self.challenge, b"log in\n")
            return
        found = self.files.get(unquote(request.path))
        if found is None:
            turn.reply(404, body=b"no such file\n")
            return
        content_type, body = found
        turn.reply(200, [("Content-Type", content_type)], body)

    def serve(self, path, body, content_type="application/octet-stream"):
        self.files[path] = (content_type, body)

    def serve_json(self, path, value):
        self.serve(path, json.dumps(value).encode(), "application/json")

    def serve_text(self, path, text):
        self.serve(path, text.encode(), "text/plain")


def tar_gz(files):
    """A compressed tar archive of text files, by path."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for path, text in files.items():
            data = text.encode()
            entry = tarfile.TarInfo(path)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


def zip_file(files):
    """A zip archive of text files, by path."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return buffer.getvalue()
