"""Fixtures of all end-to-end tests."""

import pytest

from harness import program
from harness.child import ChildRunner
from harness.origin import HttpOrigin, TcpOrigin, TlsHttpOrigin, TlsTcpOrigin
from harness.pki import Pki
from harness.proxy import Proxy
from harness.secrecy import SecretSearch


@pytest.fixture(scope="session")
def pki(tmp_path_factory):
    return Pki(tmp_path_factory.mktemp("pki"))


@pytest.fixture
def search():
    """The secrets of this test, looked for in all that the proxy let out when it ends."""
    return SecretSearch()


@pytest.fixture
def secret(search):
    """The test's main secret."""
    return search.make()


class Origins:
    """Starts origins and ends them with the test."""

    def __init__(self, pki):
        self.pki = pki
        self._all = []

    def https(self, leaf=None, **options):
        return self._keep(TlsHttpOrigin(leaf or self.pki.leaf, **options))

    def http(self, **options):
        return self._keep(HttpOrigin(**options))

    def tcp(self, serve=None, **options):
        return self._keep(TcpOrigin(serve, **options))

    def tls(self, serve=None, leaf=None, **options):
        return self._keep(TlsTcpOrigin(leaf or self.pki.leaf, serve, **options))

    def _keep(self, origin):
        self._all.append(origin)
        return origin

    def stop(self):
        for origin in self._all:
            origin.stop()
        for origin in self._all:
            assert not origin.errors, f"an origin failed: {origin.errors!r}"


@pytest.fixture
def origins(pki):
    kept = Origins(pki)
    yield kept
    kept.stop()


@pytest.fixture
def origin(origins):
    """The HTTPS origin behind api.test:443."""
    return origins.https()


class ProxyStarter:
    """Starts proxies; at the end each must stop cleanly and have let no secret out."""

    def __init__(self, folder, pki, search):
        self._folder = folder
        self._pki = pki
        self._search = search
        self._started = []

    def __call__(self, config=None, routes=None, **options):
        folder = self._folder / f"proxy-{len(self._started)}"
        proxy = Proxy(folder, config or {}, self._pki, self._search, routes, **options)
        self._started.append(proxy)
        return proxy

    def stop(self):
        for proxy in self._started:
            proxy.stop()


@pytest.fixture
def start_proxy(tmp_path, pki, search, origins):
    starter = ProxyStarter(tmp_path, pki, search)
    yield starter
    starter.stop()


def bearer_rule(domain="api.test", variable="API_KEY", **more):
    """The usual rule: `Authorization: Bearer` and the value of a variable."""
    rule = {
        "domain": domain,
        "envVar": variable,
        "header": "Authorization",
        "format": "Bearer ${value}",
    }
    rule.update(more)
    return rule


@pytest.fixture
def injecting_proxy(start_proxy, origin, secret):
    """A proxy that writes `Authorization: Bearer SECRET` into requests to api.test."""
    return start_proxy(
        {"credentials": [bearer_rule()]},
        routes={"api.test:443": origin},
        env={"API_KEY": secret},
    )


@pytest.fixture
def child_runner(tmp_path, pki, search, origins):
    return ChildRunner(tmp_path / "run", pki, search)


@pytest.fixture
def run_child(child_runner):
    """Runs a command under `sallyport run` to its end: `run_child(["env"], config=…)`."""
    return child_runner.run


@pytest.fixture
def sallyport(tmp_path):
    """Runs the program to its end: `sallyport("check", file)`."""

    def run(*args, **options):
        home = tmp_path / "home"
        home.mkdir(exist_ok=True)
        return program.run_program(args, home, **options)

    return run
