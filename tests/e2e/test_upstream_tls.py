"""Origins are verified before a request byte leaves, and TLS sessions resume on both sides."""

import ssl

import pytest

from harness.fixtures import bearer_rule

UNTRUSTED = ["expired", "not_yet_valid", "self_signed", "wrong_name", "unknown_ca"]


def start(start_proxy, origin, secret, **options):
    return start_proxy(
        {"credentials": [bearer_rule()]},
        {"api.test:443": origin},
        env={"API_KEY": secret},
        **options,
    )


@pytest.mark.parametrize("kind", UNTRUSTED)
def test_an_untrusted_origin_gets_no_byte(start_proxy, origins, pki, secret, kind):
    origin = origins.https(getattr(pki, kind))
    proxy = start(start_proxy, origin, secret)
    reply = proxy.request("POST", "https://api.test/", body=b"x" * 1000)
    assert (reply.status, reply.error) == (502, "upstream_tls")
    assert reply.json()["message"] and reply.json()["hint"]
    assert origin.connections and origin.saw_nothing()


def test_a_revoked_origin_gets_no_byte(start_proxy, origins, pki, secret):
    origin = origins.https(pki.revoked)
    proxy = start(start_proxy, origin, secret, upstream_ca=pki.root_with_crl)
    reply = proxy.get("https://api.test/")
    assert (reply.status, reply.error) == (502, "upstream_tls")
    assert "revoked" in reply.json()["message"]
    assert origin.connections and origin.saw_nothing()


def test_an_origin_that_the_revocation_list_spares_is_reached(start_proxy, origin, pki, secret):
    proxy = start(start_proxy, origin, secret, upstream_ca=pki.root_with_crl)
    assert proxy.get("https://api.test/").status == 200


def test_without_a_revocation_list_nothing_is_revoked(start_proxy, origins, pki, secret):
    origin = origins.https(pki.revoked)
    assert start(start_proxy, origin, secret).get("https://api.test/").status == 200


def test_a_certificate_for_the_dialled_address_does_not_serve_for_the_name(
    start_proxy, origins, pki, secret
):
    origin = origins.https(pki.root.issue(["127.0.0.1"]))
    proxy = start(start_proxy, origin, secret)
    reply = proxy.get("https://api.test/")
    assert (reply.status, reply.error) == (502, "upstream_tls")
    assert origin.saw_nothing()


def test_a_common_name_is_no_substitute_for_a_subject_alternative_name(
    start_proxy, origins, pki, secret
):
    # Issued leaves have the common name "origin".
    origin = origins.https(pki.root.issue(["elsewhere.test"]))
    proxy = start_proxy(
        {"network": {"intercept": "all"}, "credentials": [bearer_rule("svc.test")]},
        {"origin:443": origin},
        env={"API_KEY": secret},
    )
    reply = proxy.get("https://origin/")
    assert (reply.status, reply.error) == (502, "upstream_tls")
    assert origin.saw_nothing()


@pytest.mark.parametrize("pattern,works", [("*.svc.test", True), ("a*.svc.test", None)])
def test_a_wildcard_certificate_covers_one_label(start_proxy, origins, pki, pattern, works):
    origin = origins.https(pki.root.issue([pattern]))
    proxy = start_proxy(
        {"network": {"intercept": "all"}},
        {f"{name}:443": origin for name in ("a.svc.test", "a.b.svc.test", "svc.test")},
    )
    if works:
        assert proxy.get("https://a.svc.test/").status == 200
    for name in ("a.b.svc.test", "svc.test"):
        assert proxy.get(f"https://{name}/").error == "upstream_tls"


def test_an_origin_that_speaks_only_an_old_tls_version_is_refused(
    start_proxy, origins, pki, secret
):
    origin = origins.https(maximum_version=ssl.TLSVersion.TLSv1_2)
    proxy = start(start_proxy, origin, secret)
    assert proxy.get("https://api.test/").status == 200
    assert origin.only_request().connection.tls_version == "TLSv1.2"


def test_an_origin_that_does_not_speak_tls_is_a_tls_failure(start_proxy, origins, secret):
    origin = origins.tcp(lambda connection, stream: stream.send(b"HTTP/1.1 200 OK\r\n\r\n"))
    reply = start(start_proxy, origin, secret).get("https://api.test/")
    assert (reply.status, reply.error) == (502, "upstream_tls")


def test_an_origin_that_refuses_connections_is_unreachable(start_proxy, origins, secret):
    origin = origins.tcp()
    origin.stop()
    reply = start(start_proxy, origin, secret).get("https://api.test/")
    assert (reply.status, reply.error) == (502, "upstream_unreachable")


def test_every_connection_is_verified_on_its_own(start_proxy, origins, pki, secret):
    """A good origin's session or verdict must not serve another name at the same address."""
    good = origins.https(pki.root.issue(["api.test"]))
    proxy = start_proxy(
        {"credentials": [bearer_rule(["api.test", "other.test"])]},
        {"api.test:443": good, "other.test:443": good},
        env={"API_KEY": secret},
    )
    good.routes["/"] = closing
    assert proxy.get("https://api.test/").status == 200
    reply = proxy.get("https://other.test/")
    assert (reply.status, reply.error) == (502, "upstream_tls")
    assert len(good.requests) == 1


def closing(turn):
    turn.reply(200, [("Connection", "close")], b"ok")
    turn.close()


@pytest.mark.parametrize("polite", [True, False], ids=["close-notify", "abrupt end"])
@pytest.mark.parametrize("version", [None, ssl.TLSVersion.TLSv1_2], ids=["TLS 1.3", "TLS 1.2"])
def test_sessions_with_an_origin_are_resumed(start_proxy, origins, secret, version, polite):
    def ending(turn):
        turn.request.connection.ends_politely = polite
        closing(turn)

    origin = origins.https(maximum_version=version)
    origin.routes["/"] = ending
    proxy = start(start_proxy, origin, secret)
    for _ in range(4):
        assert proxy.get("https://api.test/").status == 200
    assert [c.resumed for c in origin.connections] == [False, True, True, True]


@pytest.mark.parametrize(
    "version", [ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2], ids=["TLS 1.3", "TLS 1.2"]
)
@pytest.mark.parametrize("workers", [1, 4])
def test_a_client_resumes_its_session_with_any_worker(
    start_proxy, origin, secret, version, workers
):
    proxy = start(start_proxy, origin, secret, workers=workers)
    context = proxy.context(version=version)
    session = None
    resumed = []
    for _ in range(8):
        client = proxy.tunnel("api.test:443").start_tls(context, "api.test", session)
        client.authority = "api.test"
        resumed.append(client.sock.session_reused)
        # The ticket of TLS 1.3 comes with the first bytes read.
        assert client.get().status == 200
        session = client.sock.session
        client.close()
    assert resumed == [False] + [True] * 7


def test_a_session_of_one_host_is_not_resumed_for_another(start_proxy, origin, origins, secret):
    other = origins.https()
    proxy = start_proxy(
        {"credentials": [bearer_rule(["api.test", "other.test"])]},
        {"api.test:443": origin, "other.test:443": other},
        env={"API_KEY": secret},
    )
    context = proxy.context()
    with proxy.tls("api.test:443", context=context) as client:
        assert client.get().status == 200
        session = client.sock.session
    tunnel = proxy.tunnel("other.test:443")
    with tunnel.start_tls(context, "other.test", session) as client:
        names = client.sock.getpeercert()["subjectAltName"]
    assert names == (("DNS", "other.test"),)


def test_the_leaf_is_what_strict_clients_want(injecting_proxy):
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID

    with injecting_proxy.tls("api.test:443") as client:
        leaf = x509.load_der_x509_certificate(client.sock.getpeercert(binary_form=True))
    ca = x509.load_pem_x509_certificate(injecting_proxy.ca_file.read_bytes())

    def extension(certificate, kind):
        return certificate.extensions.get_extension_for_class(kind)

    ca.public_key().verify(
        leaf.signature, leaf.tbs_certificate_bytes, ec.ECDSA(leaf.signature_hash_algorithm)
    )
    assert isinstance(leaf.public_key().curve, ec.SECP256R1)
    assert isinstance(ca.public_key().curve, ec.SECP256R1)
    names = extension(leaf, x509.SubjectAlternativeName).value
    assert list(names) == [x509.DNSName("api.test")]
    usage = extension(leaf, x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.SERVER_AUTH]
    assert (leaf.not_valid_after - leaf.not_valid_before).total_seconds() <= 24 * 3600
    assert 64 < leaf.serial_number.bit_length() <= 160
    assert leaf.issuer == ca.subject
    constraints = extension(ca, x509.BasicConstraints)
    assert constraints.critical and constraints.value.ca and constraints.value.path_length == 0
    key_usage = extension(ca, x509.KeyUsage)
    assert key_usage.critical and key_usage.value.key_cert_sign
    ski = extension(ca, x509.SubjectKeyIdentifier).value
    aki = extension(leaf, x509.AuthorityKeyIdentifier).value
    assert aki.key_identifier == ski.digest


def test_tls_before_1_2_is_refused(injecting_proxy):
    context = injecting_proxy.context()
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    tunnel = injecting_proxy.tunnel("api.test:443")
    with pytest.raises((ssl.SSLError, ConnectionResetError)):
        tunnel.start_tls(context, "api.test")
