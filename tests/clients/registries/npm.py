"""The npm registry: a document for each package, and the tarballs that it names."""

import base64
import hashlib
import json

from registries.registry import Registry, tar_gz

NAME = "@acme/hello"


class NpmRegistry(Registry):
    def __init__(self, url, token):
        super().__init__(f"Bearer {token}")
        manifest = {"name": NAME, "version": "1.0.0", "main": "index.js"}
        tarball = tar_gz(
            {
                "package/package.json": json.dumps(manifest),
                "package/index.js": "module.exports = 'from the registry';\n",
            }
        )
        path = f"/{NAME}/-/hello-1.0.0.tgz"
        digest = base64.b64encode(hashlib.sha512(tarball).digest()).decode()
        dist = {"tarball": url + path, "integrity": f"sha512-{digest}"}
        self.serve(path, tarball)
        self.serve_json(
            f"/{NAME}",
            {
                "name": NAME,
                "dist-tags": {"latest": "1.0.0"},
                "versions": {"1.0.0": manifest | {"dist": dist}},
            },
        )
