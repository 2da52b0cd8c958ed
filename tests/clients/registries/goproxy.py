"""A Go module proxy: versions, and for each its information, go.mod and zip."""

import base64

from registries.registry import Registry, zip_file

MODULE = "hello.test/hello"
GO_MOD = f"module {MODULE}\n\ngo 1.19\n"
SOURCE = 'package hello\n\nconst Text = "from the registry"\n'


class GoProxy(Registry):
    def __init__(self, user, token):
        login = base64.b64encode(f"{user}:{token}".encode()).decode()
        super().__init__(f"Basic {login}")
        folder = f"/{MODULE}/@v"
        root = f"{MODULE}@v1.0.0"
        self.serve_text(f"{folder}/list", "v1.0.0\n")
        self.serve_json(f"{folder}/v1.0.0.info", {"Version": "v1.0.0"})
        self.serve_text(f"{folder}/v1.0.0.mod", GO_MOD)
        self.serve(
            f"{folder}/v1.0.0.zip",
            zip_file({f"{root}/go.mod": GO_MOD, f"{root}/hello.go": SOURCE}),
        )
