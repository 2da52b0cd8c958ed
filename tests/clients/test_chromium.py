"""Chromium loads a page whose every request carries a credential that it never sees."""

from harness.fixtures import bearer_rule
from web_page import WebPage

FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --disable-dev-shm-usage --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync"
)

# Chromium reads the proxy from the environment, but its roots from an NSS database.
SCRIPT = f"""
echo "child has $API_KEY"
database="$HOME/.pki/nssdb"
mkdir -p "$database"
certutil -d "sql:$database" -N --empty-password
certutil -d "sql:$database" -A -t C,, -n sallyport -i "$(dirname "$SSL_CERT_FILE")/ca.crt"
exec chromium {FLAGS} --user-data-dir="$HOME/profile" --dump-dom https://api.test/
"""


def test_chromium(needs, run_child, origin, secret):
    needs("chromium", "certutil")
    WebPage(origin)
    result = run_child(
        ["/bin/sh", "-ec", SCRIPT],
        config={"credentials": [bearer_rule()]},
        routes={"api.test:443": origin},
        env={"API_KEY": secret},
    )
    assert result.status == 0, result
    assert result.out.startswith("child has sallyport-")
    for line in ("style: rgb(1, 2, 3)", "data: from the origin", "socket: a frame"):
        assert line in result.out, result
    paths = {r.path for r in origin.requests}
    assert paths >= {"/", "/style.css", "/script.js", "/data.json", "/echo", "/done"}
    for request in origin.requests:
        assert request.fields.one("authorization") == f"Bearer {secret}"
