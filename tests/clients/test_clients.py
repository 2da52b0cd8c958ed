"""Programs in common use make a request with a credential that they never see."""

import os
import subprocess

import pytest

from conftest import URL


def test_curl(needs, request_by):
    needs("curl")
    script = f'exec curl -sS --fail -H "X-Api-Key: $API_KEY" "{URL}"'
    request_by(["sh", "-c", script])


def test_curl_behind_the_proxy_alone(needs, injecting_proxy, origin, secret):
    needs("curl")
    script = f"""
set -a
. {injecting_proxy.env_file}
set +a
exec curl -sS --fail -H "X-Api-Key: $API_KEY" "{URL}"
"""
    env = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"}
    reply = subprocess.run(["sh", "-ec", script], env=env, check=True, capture_output=True)
    assert reply.stdout == b"ok"
    request = origin.only_request()
    assert request.fields.one("authorization") == f"Bearer {secret}"
    assert request.fields.one("x-api-key") == secret


def test_curl_uploads(needs, request_by, tmp_path):
    needs("curl")
    body = b"line\n" * 100_000
    (tmp_path / "body").write_bytes(body)
    script = (
        'exec curl -sS --fail -H "X-Api-Key: $API_KEY" -H "Transfer-Encoding: chunked" '
        f'-T "{tmp_path}/body" "{URL}"'
    )
    request_by(["sh", "-c", script], method="PUT", body=body)


def test_wget(needs, request_by):
    needs("wget")
    # Debian's is built on GnuTLS, which reads no variable for its roots.
    script = (
        'exec wget -q -O - --ca-certificate="$SSL_CERT_FILE" --header "X-Api-Key: $API_KEY" '
        f'"{URL}"'
    )
    request_by(["sh", "-c", script])


def test_go(made, request_by):
    request_by([made("go", "go_client"), URL])


def test_java(needs, made, request_by):
    needs("java")
    request_by(["java", "-cp", made("java"), "JavaClient", URL])


@pytest.mark.parametrize("tls", ["openssl", "rustls"])
def test_rust(made, request_by, tls):
    request_by([made("rust", "target/debug/rust_client"), URL, tls])
