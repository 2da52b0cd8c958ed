"""Programs in common use make a request with a credential that they never see."""

import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from conftest import unavailable
from harness.fixtures import bearer_rule

URL = "https://api.test/v1/things?limit=1"
HERE = Path(__file__).parent


@pytest.fixture
def request_by(run_child, origin, secret):
    """Runs a client, which sends X-Api-Key: $API_KEY to URL, and checks what each side had."""

    def request_by(command, args=(), method="GET", body=b""):
        result = run_child(
            ["/bin/sh", "-c", 'echo "child has $API_KEY"; exec "$@"', "sh", *command],
            config={"credentials": [bearer_rule()]},
            routes={"api.test:443": origin},
            env={"API_KEY": secret},
            args=args,
        )
        assert result.status == 0, result
        assert "ok" in result.out.splitlines()[-1], result
        # The child had a placeholder; run_child has searched its output for the secret.
        assert re.match(r"child has sallyport-[0-9a-f]{32}\n", result.out), result
        request = origin.only_request()
        assert request.fields.one("authorization") == f"Bearer {secret}"
        # Where the client sent its placeholder, the origin got the value.
        assert request.fields.one("x-api-key") == secret
        assert (request.method, request.body) == (method, body)
        assert request.target == "/v1/things?limit=1"

    return request_by


def test_curl(needs, request_by):
    needs("curl")
    script = f'exec curl -sS --fail -H "X-Api-Key: $API_KEY" "{URL}"'
    request_by(["sh", "-c", script])


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


def test_python_requests(request_by):
    script = (
        "import os, requests\n"
        f"reply = requests.get({URL!r}, headers={{'X-Api-Key': os.environ['API_KEY']}})\n"
        "reply.raise_for_status()\n"
        "print(reply.text)\n"
    )
    request_by(["/usr/bin/python3", "-c", script])


def test_python_urllib(request_by):
    script = (
        "import os, urllib.request as u\n"
        f"request = u.Request({URL!r}, headers={{'X-Api-Key': os.environ['API_KEY']}})\n"
        "print(u.urlopen(request).read().decode())\n"
    )
    request_by(["/usr/bin/python3", "-c", script])


# Debian's packages of what Node programs commonly use to go through a proxy.
NODE_MODULES = Path("/usr/share/nodejs")

NODE_FETCH = f"""
const {{ ProxyAgent, setGlobalDispatcher }} = require('undici');
setGlobalDispatcher(new ProxyAgent(process.env.HTTPS_PROXY));
fetch('{URL}', {{ headers: {{ 'X-Api-Key': process.env.API_KEY }} }})
  .then((reply) => reply.text())
  .then(console.log);
"""

NODE_HTTPS = f"""
const https = require('https');
const {{ HttpsProxyAgent }} = require('https-proxy-agent');
const options = {{
  agent: new HttpsProxyAgent(process.env.HTTPS_PROXY),
  headers: {{ 'X-Api-Key': process.env.API_KEY }},
}};
https.get('{URL}', options, (reply) => reply.pipe(process.stdout)).on('error', (error) => {{
  console.error(error);
  process.exit(1);
}});
"""


@pytest.mark.parametrize(
    ("module", "script"),
    [("undici", NODE_FETCH), ("https-proxy-agent", NODE_HTTPS)],
    ids=["fetch", "https"],
)
def test_node(needs, request_by, module, script):
    needs("node")
    if not (NODE_MODULES / module).exists():
        unavailable(f"node-{module} not installed")
    request_by(["node", "-e", script], args=["--env", f"NODE_PATH={NODE_MODULES}"])


@pytest.fixture(scope="session")
def go_client(build_folder, tmp_path_factory):
    if not shutil.which("go"):
        unavailable("go not installed")
    source = (HERE / "go_client.go").read_bytes()
    program = build_folder / f"go-client-{hashlib.sha256(source).hexdigest()[:12]}"
    if not program.exists():
        env = {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path_factory.mktemp("go-home")),
            "GOCACHE": str(build_folder / "go-cache"),
            "GOTOOLCHAIN": "local",
            "CGO_ENABLED": "0",
        }
        subprocess.run(
            ["go", "build", "-o", program, HERE / "go_client.go"], check=True, env=env, cwd=HERE
        )
    return program


def test_go(go_client, request_by):
    request_by([str(go_client), URL])


def test_java(needs, build_folder, request_by):
    needs("java", "javac")
    source = HERE / "JavaClient.java"
    digest = hashlib.sha256(source.read_bytes()).hexdigest()[:12]
    classes = build_folder / f"java-{digest}"
    if not (classes / "JavaClient.class").exists():
        subprocess.run(["javac", "-d", classes, source], check=True)
    request_by(["java", "-cp", str(classes), "JavaClient", URL])
