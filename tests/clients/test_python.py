"""Python's HTTP clients make a request with a credential that they never see."""

import pytest

from conftest import PYTHON, PYTHON_PACKAGES, URL, unavailable

URLLIB = f"""
import os, urllib.request as u
request = u.Request({URL!r}, headers={{'X-Api-Key': os.environ['API_KEY']}})
print(u.urlopen(request).read().decode())
"""

REQUESTS = f"""
import os, requests
reply = requests.get({URL!r}, headers={{'X-Api-Key': os.environ['API_KEY']}})
reply.raise_for_status()
print(reply.text)
"""

HTTPX = f"""
import os, httpx
reply = httpx.get({URL!r}, headers={{'X-Api-Key': os.environ['API_KEY']}})
reply.raise_for_status()
print(reply.text)
"""

# It reads the proxy from the environment only when asked to.
AIOHTTP = f"""
import aiohttp, asyncio, os

async def main():
    headers = {{'X-Api-Key': os.environ['API_KEY']}}
    async with aiohttp.ClientSession(trust_env=True, raise_for_status=True) as session:
        async with session.get({URL!r}, headers=headers) as reply:
            print(await reply.text())

asyncio.run(main())
"""


@pytest.mark.parametrize(
    "module,script",
    [("urllib", URLLIB), ("requests", REQUESTS), ("httpx", HTTPX), ("aiohttp", AIOHTTP)],
    ids=["urllib", "requests", "httpx", "aiohttp"],
)
def test_python(request_by, module, script):
    if module != "urllib" and not (PYTHON_PACKAGES / module).exists():
        unavailable(f"python3-{module} not installed")
    request_by([PYTHON, "-c", script])


def test_python_httpx2(made, request_by):
    """Its successor, on which the SDKs stand."""
    request_by([made("python", "bin/python"), "-c", HTTPX.replace("httpx", "httpx2")])
