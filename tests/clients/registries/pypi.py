"""A Python package index: PEP 503's page of a project's files, and a wheel."""

import base64
import hashlib

from registries.registry import Registry, zip_file

WHEEL = "hello-1.0-py3-none-any.whl"
INFO = "hello-1.0.dist-info"


class PythonIndex(Registry):
    challenge = [("WWW-Authenticate", 'Basic realm="index"')]

    def __init__(self, user, token):
        login = base64.b64encode(f"{user}:{token}".encode()).decode()
        super().__init__(f"Basic {login}")
        wheel = zip_file(
            {
                "hello.py": "text = 'from the registry'\n",
                f"{INFO}/METADATA": "Metadata-Version: 2.1\nName: hello\nVersion: 1.0\n",
                f"{INFO}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
                f"{INFO}/RECORD": f"hello.py,,\n{INFO}/METADATA,,\n{INFO}/WHEEL,,\n",
            }
        )
        digest = hashlib.sha256(wheel).hexdigest()
        page = f'<!DOCTYPE html><a href="/files/{WHEEL}#sha256={digest}">{WHEEL}</a>\n'
        self.serve("/simple/hello/", page.encode(), "text/html")
        self.serve(f"/files/{WHEEL}", wheel)
