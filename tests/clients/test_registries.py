"""Package managers install from private registries with a token that they never have."""

import os
from pathlib import Path

import pytest

from registries.cargo import CargoRegistry
from registries.goproxy import GoProxy
from registries.npm import NpmRegistry
from registries.pypi import PythonIndex

URL = "https://api.test"
# Writes a header that the registries do not look at: what they do look at is what the package
# manager sent, with the value in its placeholder's place.
RULE = {"domain": "api.test", "header": "X-Token"}


def writing(template):
    """A rule that writes what they do look at: the package manager need not have a token."""
    return {"domain": "api.test", "header": "Authorization", "format": template}


@pytest.fixture
def install(run_child, origin, secret):
    """Runs a script in an empty home, which has the token's placeholder in `variable`."""

    def install(registry, script, variable, args=(), rule=RULE):
        origin.fallback = registry
        result = run_child(
            ["/bin/sh", "-ec", f'echo "child has ${variable}"\n{script}'],
            config={"credentials": [rule | {"envVar": variable}]},
            routes={"api.test:443": origin},
            env={variable: secret},
            args=args,
        )
        assert result.status == 0, result
        assert "child has sallyport-" in result.out
        assert "from the registry" in result.out, result

    return install


@pytest.mark.parametrize(
    "login,rule",
    [("//api.test/:_authToken=\\${NPM_TOKEN}", RULE), ("", writing("Bearer ${value}"))],
    ids=["token in .npmrc", "nothing at all"],
)
def test_npm(needs, install, secret, login, rule):
    needs("npm")
    registry = NpmRegistry(URL, secret)
    script = f"""
cat >~/.npmrc <<END
registry={URL}/
{login}
audit=false
fund=false
update-notifier=false
END
npm install @acme/hello >&2
node -p 'require("@acme/hello")'
"""
    install(registry, script, "NPM_TOKEN", rule=rule)
    assert registry.refused == 0


@pytest.mark.parametrize(
    "login,rule",
    [
        ("__token__:$PIP_TOKEN@", RULE),
        ("", writing("Basic ${'__token__:' value | base64}")),
    ],
    ids=["login in the URL", "nothing at all"],
)
def test_pip(made, install, secret, login, rule):
    registry = PythonIndex("__token__", secret)
    pip = f"{made('python', 'bin/python')} -m pip install --quiet --disable-pip-version-check"
    script = f"""
{pip} --target=installed --index-url="https://{login}api.test/simple/" hello
PYTHONPATH=installed /usr/bin/python3 -c 'import hello; print(hello.text)'
"""
    install(registry, script, "PIP_TOKEN", ["--env", "PIP_CONFIG_FILE=/dev/null"], rule)
    assert registry.refused == 0


def test_cargo(needs, install, secret):
    needs("cargo", "cc")
    registry = CargoRegistry(URL, secret)
    script = f"""
mkdir .cargo src
cat >.cargo/config.toml <<END
[registries.acme]
index = "sparse+{URL}/index/"
credential-provider = "cargo:token"
END
cat >Cargo.toml <<END
[package]
name = "greeting"
version = "0.0.0"
edition = "2021"
[dependencies]
hello = {{ version = "1", registry = "acme" }}
END
echo 'fn main() {{ println!("{{}}", hello::TEXT); }}' >src/main.rs
cargo run --quiet
"""
    # Where cargo is rustup's, it finds the real one there.
    rustup = os.environ.get("RUSTUP_HOME") or Path.home() / ".rustup"
    args = ["--env", f"RUSTUP_HOME={rustup}"]
    install(registry, script, "CARGO_REGISTRIES_ACME_TOKEN", args)
    # cargo asks for a registry's configuration without a token first.
    assert registry.refused <= 1


@pytest.mark.parametrize(
    "login,rule",
    [
        ("machine api.test login tester password $GOPROXY_TOKEN", RULE),
        ("", writing("Basic ${'tester:' value | base64}")),
    ],
    ids=["login in .netrc", "nothing at all"],
)
def test_go_get(needs, install, secret, login, rule):
    needs("go")
    registry = GoProxy("tester", secret)
    script = f"""
echo "{login}" >~/.netrc
go mod init greeting.test
go get hello.test/hello
cat "$(go list -m -f '{{{{.Dir}}}}' hello.test/hello)/hello.go"
"""
    settings = {
        "GOPROXY": URL,
        "GOSUMDB": "off",
        "GOTOOLCHAIN": "local",
        "GOFLAGS": "-modcacherw",
    }
    args = [arg for name, value in settings.items() for arg in ("--env", f"{name}={value}")]
    install(registry, script, "GOPROXY_TOKEN", args, rule)
    assert registry.refused == 0
