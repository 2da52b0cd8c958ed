"""A private cargo registry with a sparse index, which wants a token for everything."""

import hashlib
import json

from registries.registry import Registry, tar_gz

MANIFEST = """
[package]
name = "hello"
version = "1.0.0"
edition = "2021"
"""
SOURCE = 'pub const TEXT: &str = "from the registry";\n'


class CargoRegistry(Registry):
    # Without it cargo does not even try its token.
    challenge = [("WWW-Authenticate", "Cargo")]

    def __init__(self, url, token):
        super().__init__(token)
        crate = tar_gz({"hello-1.0.0/Cargo.toml": MANIFEST, "hello-1.0.0/src/lib.rs": SOURCE})
        entry = {
            "name": "hello",
            "vers": "1.0.0",
            "deps": [],
            "cksum": hashlib.sha256(crate).hexdigest(),
            "features": {},
            "yanked": False,
        }
        self.serve_json("/index/config.json", {"dl": f"{url}/crates", "auth-required": True})
        self.serve_text("/index/he/ll/hello", json.dumps(entry) + "\n")
        self.serve("/crates/hello/1.0.0/download", crate)
