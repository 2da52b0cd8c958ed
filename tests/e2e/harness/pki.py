"""A certificate authority for one test session, and origins' certificates of every kind."""

import datetime
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY = datetime.timedelta(days=1)

# Every name that tests give to an origin. All but the literals reach it by --connect-to.
ORIGIN_NAMES = [
    "api.test",
    "*.api.test",
    "other.test",
    "evil-api.test",
    "api.test.evil",
    "xn--bcher-kva.test",
    "svc.test",
    "*.svc.test",
    "*.b.svc.test",
    "localhost",
    "127.0.0.1",
    "::1",
]


@dataclass(frozen=True)
class Leaf:
    """A certificate chain and key as files, as ssl.SSLContext.load_cert_chain wants them."""

    chain: Path
    key: Path
    certificate: x509.Certificate


class Authority:
    """A P-256 root that issues leaves and CRLs."""

    def __init__(self, folder, name):
        self._folder = Path(folder)
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._issued = 0
        now = _now()
        self.certificate = (
            x509.CertificateBuilder()
            .subject_name(self._name)
            .issuer_name(self._name)
            .public_key(self._key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - DAY)
            .not_valid_after(now + 30 * DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_ca_key_usage(), critical=True)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False
            )
            .sign(self._key, hashes.SHA256())
        )
        self.pem = self.certificate.public_bytes(serialization.Encoding.PEM)
        self.file = self._folder / f"{name.replace(' ', '-')}.crt"
        self.file.write_bytes(self.pem)

    def issue(self, names, not_before=None, not_after=None, self_signed=False):
        """A leaf for `names`, DNS or IP; the first one names its files."""
        now = _now()
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "origin")])
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject if self_signed else self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(not_before or now - DAY)
            .not_valid_after(not_after or now + DAY)
            .add_extension(
                x509.SubjectAlternativeName([_general_name(n) for n in names]), critical=False
            )
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False
            )
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(
                    (key if self_signed else self._key).public_key()
                ),
                critical=False,
            )
        )
        certificate = builder.sign(key if self_signed else self._key, hashes.SHA256())
        self._issued += 1
        stem = f"{self.file.stem}-{self._issued}"
        chain, key_file = self._folder / f"{stem}.crt", self._folder / f"{stem}.key"
        chain.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        key_file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return Leaf(chain, key_file, certificate)

    def revocation_list(self, *revoked):
        """PEM of a CRL that revokes the given certificates."""
        now = _now()
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self._name)
            .last_update(now - DAY)
            .next_update(now + DAY)
        )
        for certificate in revoked:
            builder = builder.add_revoked_certificate(
                x509.RevokedCertificateBuilder()
                .serial_number(certificate.serial_number)
                .revocation_date(now - DAY / 2)
                .build()
            )
        crl = builder.sign(self._key, hashes.SHA256())
        return crl.public_bytes(serialization.Encoding.PEM)


class Pki:
    """The session's authorities and the leaves that tests share."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.root = Authority(folder, "test root")
        self.unknown_root = Authority(folder, "unknown root")
        now = _now()
        self.leaf = self.root.issue(ORIGIN_NAMES)
        self.wrong_name = self.root.issue(["elsewhere.test"])
        self.expired = self.root.issue(
            ORIGIN_NAMES, not_before=now - 10 * DAY, not_after=now - 1 * DAY
        )
        self.not_yet_valid = self.root.issue(
            ORIGIN_NAMES, not_before=now + 10 * DAY, not_after=now + 20 * DAY
        )
        self.self_signed = self.root.issue(ORIGIN_NAMES, self_signed=True)
        self.unknown_ca = self.unknown_root.issue(ORIGIN_NAMES)
        self.revoked = self.root.issue(ORIGIN_NAMES)
        # The root together with a CRL that revokes one leaf and spares the others.
        self.root_with_crl = self.folder / "root-with-crl.pem"
        self.root_with_crl.write_bytes(
            self.root.pem + self.root.revocation_list(self.revoked.certificate)
        )


def _now():
    return datetime.datetime.utcnow().replace(microsecond=0)


def _general_name(name):
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _ca_key_usage():
    return x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
