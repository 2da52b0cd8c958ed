"""Node.js programs make a request with a credential that they never see.

Node.js itself obeys HTTPS_PROXY from 22.21 and 24.5 on, because NODE_USE_ENV_PROXY says so. Before
them a program needs a library for it.
"""

from pathlib import Path

import pytest

from conftest import URL, unavailable

# Debian's packages of what Node programs commonly use to go through a proxy.
NODE_MODULES = Path("/usr/share/nodejs")

FETCH = f"""
fetch('{URL}', {{ headers: {{ 'X-Api-Key': process.env.API_KEY }} }})
  .then((reply) => reply.text())
  .then(console.log);
"""

HTTPS = f"""
const options = {{ agent, headers: {{ 'X-Api-Key': process.env.API_KEY }} }};
require('https').get('{URL}', options, (reply) => reply.pipe(process.stdout));
"""

AXIOS = f"""
require('axios')
  .get('{URL}', {{ headers: {{ 'X-Api-Key': process.env.API_KEY }} }})
  .then((reply) => console.log(reply.data));
"""

# Each goes before one of the scripts above.
NO_AGENT = "const agent = undefined;"
PROXY_AGENT = "const { ProxyAgent } = require('proxy-agent'); const agent = new ProxyAgent();"
HTTPS_PROXY_AGENT = """
const { HttpsProxyAgent } = require('https-proxy-agent');
const agent = new HttpsProxyAgent(process.env.HTTPS_PROXY);
"""
UNDICI = """
const { EnvHttpProxyAgent, setGlobalDispatcher } = require('undici');
setGlobalDispatcher(new EnvHttpProxyAgent());
"""
UNDICI_5 = """
const { ProxyAgent, setGlobalDispatcher } = require('undici');
setGlobalDispatcher(new ProxyAgent(process.env.HTTPS_PROXY));
"""


@pytest.mark.by_variables
@pytest.mark.parametrize(
    ("module", "script"),
    [
        ("undici", UNDICI_5 + FETCH),
        ("https-proxy-agent", HTTPS_PROXY_AGENT + HTTPS),
        # This old one asks for no tunnel, but sends the proxy `GET https://…`.
        ("axios", AXIOS),
    ],
    ids=["fetch by undici", "https by https-proxy-agent", "axios without a tunnel"],
)
def test_debians_modules(needs, request_by, module, script):
    needs("node")
    if not (NODE_MODULES / module).exists():
        unavailable(f"node-{module} not installed")
    request_by(["node", "-e", script], args=["--env", f"NODE_PATH={NODE_MODULES}"])


@pytest.mark.by_variables
@pytest.mark.parametrize(
    "script",
    [UNDICI + FETCH, PROXY_AGENT + HTTPS, AXIOS],
    ids=["fetch by undici", "https by proxy-agent", "axios"],
)
def test_current_modules(needs, made, request_by, script):
    needs("node")
    modules = made("node", "node_modules")
    request_by(["node", "-e", script], args=["--env", f"NODE_PATH={modules}"])


@pytest.mark.parametrize("script", [FETCH, NO_AGENT + HTTPS], ids=["fetch", "https"])
def test_a_captured_node_needs_nothing(needs, way, request_by, script):
    needs("node")
    if way != "captured":
        pytest.skip("Debian's knows of no proxy")
    request_by(["node", "-e", script])


@pytest.mark.parametrize("script", [FETCH, NO_AGENT + HTTPS], ids=["fetch", "https"])
def test_current_node_needs_nothing(current_node, request_by, script):
    request_by([current_node, "-e", script])
