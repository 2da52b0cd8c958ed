"""A throw-away certificate authority and the certificates of one run, all P-256, made by openssl(1)."""

import subprocess

EXTENSIONS = """
subjectAltName = {names}
extendedKeyUsage = serverAuth
basicConstraints = CA:FALSE
"""


class Pki:
    """Files of one CA, and of one certificate that both the origin and the reverse proxies have."""

    def __init__(self, folder, hosts):
        self.ca = folder / "ca.crt"
        self.ca_key = folder / "ca.key"
        self.leaf = folder / "leaf.crt"
        self.leaf_key = folder / "leaf.key"
        self.ca_with_key = folder / "ca-with-key.pem"
        self.leaf_with_key = folder / "leaf-with-key.pem"
        request, extensions = folder / "leaf.csr", folder / "leaf.ext"
        new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]

        _openssl("req", "-x509", *new_key, "-days", "2", "-subj", "/CN=Benchmark CA",
                 "-keyout", self.ca_key, "-out", self.ca)
        _openssl("req", *new_key, "-subj", f"/CN={hosts[0]}",
                 "-keyout", self.leaf_key, "-out", request)
        extensions.write_text(EXTENSIONS.format(names=",".join(f"DNS:{h}" for h in hosts)))
        _openssl("x509", "-req", "-in", request, "-CA", self.ca, "-CAkey", self.ca_key,
                 "-CAcreateserial", "-days", "2", "-extfile", extensions, "-out", self.leaf)
        self.ca_with_key.write_text(self.ca.read_text() + self.ca_key.read_text())
        self.leaf_with_key.write_text(self.leaf.read_text() + self.leaf_key.read_text())


def _openssl(*arguments):
    done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"openssl {arguments[0]}: {done.stderr.strip()}")
