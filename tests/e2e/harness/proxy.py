"""`sallyport proxy`, from start to a clean end."""

import json
import os
import signal
import subprocess
from pathlib import Path

from harness import program
from harness.client import Client, client_context, connect
from harness.deadline import LIMIT_SECONDS, eventually


class Proxy:
    """A running proxy. Made by the `start_proxy` fixture, which also ends it and checks its end.

    `routes` says which origin answers for a "host:port".
    """

    def __init__(self, folder, config, pki, search, routes=None, env=None, args=(),
                 upstream_ca=None, workers=1, wait=True):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.config_file = self.folder / "proxy-config.json"
        self.ca_dir = self.folder / "ca"
        self.ready_file = self.folder / "ready.json"
        self.audit_file = self.folder / "audit.jsonl"
        self.env_file = self.folder / "proxy.env"
        self.search = search
        self.pki = pki
        self.write_config(config)
        args = [str(a) for a in args]
        defaults = {
            "--config": self.config_file,
            "--listen": "127.0.0.1:0",
            "--ca-dir": self.ca_dir,
            "--ready-file": self.ready_file,
            "--env-file": self.env_file,
            "--audit-log": self.audit_file,
            "--upstream-ca": upstream_ca or pki.root.file,
            "--log-level": "debug",
            "--workers": workers,
        }
        command = [program.binary(), "proxy"]
        for flag, value in defaults.items():
            if flag not in args:
                command += [flag, str(value)]
        for name, origin in (routes or {}).items():
            command += ["--connect-to", f"{name}:{origin.address}"]
        command += args
        self._clients = []
        self._transcript = bytearray()
        self._checked = False
        self._terminated = False
        self._expected_status = 0
        self.process = subprocess.Popen(
            command,
            env=program.environment(self.folder, env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.stdout = program.Output(self.process.stdout)
        self.stderr = program.Output(self.process.stderr)
        if wait:
            self.wait_until_ready()

    # Life ------------------------------------------------------------------------------------

    def wait_until_ready(self):
        def ready():
            assert self.process.poll() is None, (
                f"the proxy ended with {self.process.returncode}:\n{self.stderr.text()}"
            )
            return self.ready_file.exists()

        eventually(ready, "the ready file")
        self.record(self.ready_file.read_bytes())
        self.ready = json.loads(self.ready_file.read_text())
        self.address = self.ready["proxy"].removeprefix("http://").rstrip("/")
        self.ca_file = Path(self.ready["ca"])

    @property
    def pid(self):
        return self.process.pid

    def write_config(self, config):
        """Replaces the configuration file in one step, as an editor or a deployment would."""
        text = config if isinstance(config, str) else json.dumps(config, indent=2)
        fresh = self.config_file.with_suffix(".new")
        fresh.write_text(text)
        os.replace(fresh, self.config_file)

    def reload(self, config):
        """Writes a configuration and asks for it to be read."""
        self.write_config(config)
        self.process.send_signal(signal.SIGHUP)

    def reload_and_wait(self, config):
        """The same with a good one; returns when it is in force."""
        # The first record is of the start, and may be on its way still.
        before = eventually(lambda: len(self.audit("policy")), "the record of the start")
        self.reload(config)
        eventually(lambda: len(self.audit("policy")) > before, "the record of the reload")

    def terminate(self):
        """Asks it to drain and end. Again: to end at once, with status 1."""
        self._terminated = True
        self.process.send_signal(signal.SIGTERM)

    def wait_for_exit(self, limit=LIMIT_SECONDS):
        try:
            return self.process.wait(limit)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the proxy does not end:\n{self.stderr.text()}") from None

    def expect_failure(self):
        """Waits for the proxy to end by itself with an error, as it was meant to."""
        status = self.wait_for_exit()
        assert status > 0, f"ended by a signal or without an error: {status}"
        self.expect_status(status)
        self.stderr.finish()
        return status

    def expect_status(self, status):
        """Says with which status this proxy is meant to end, if not 0."""
        self._expected_status = status

    def stop(self):
        """Ends the proxy, and checks that its end was clean and that it let no secret out."""
        if self._checked:
            return
        self._checked = True
        try:
            for client in self._clients:
                client.close()
            if self.process.poll() is None:
                self._search_process()
                if not self._terminated:
                    self.terminate()
            status = self.wait_for_exit()
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            self.stdout.finish()
            self.stderr.finish()
        program.check_no_crash(self.stderr.bytes(), "the proxy")
        assert status == self._expected_status, f"exit status {status}:\n{self.stderr.text()[-4000:]}"
        self._search_outputs()

    def _search_process(self):
        if self.search:
            for name in ("environ", "cmdline"):
                try:
                    data = Path(f"/proc/{self.pid}/{name}").read_bytes()
                except PermissionError:
                    # Not dumpable, and these tests are not root: nobody else can read it either.
                    continue
                self.search.check(data, f"/proc/PID/{name}")

    def _search_outputs(self):
        if not self.search:
            return
        self.search.check(bytes(self._transcript), "what the proxy sent or announced")
        self.search.check(self.stderr.bytes(), "the log at level debug")
        self.search.check(self.stdout.bytes(), "standard output")
        for path in [self.audit_file, self.env_file, *self._ca_files()]:
            if path.is_file():
                self.search.check(path.read_bytes(), str(path.name))

    def _ca_files(self):
        return self.ca_dir.iterdir() if self.ca_dir.is_dir() else []

    # Clients ---------------------------------------------------------------------------------

    def record(self, data):
        self._transcript += data

    def context(self, **options):
        """A TLS client context that trusts the proxy's CA and nothing else."""
        return client_context(self.ca_file, **options)

    def origin_context(self, **options):
        """A TLS client context for untouched tunnels: it trusts the origins' root alone."""
        return client_context(self.pki.root.file, **options)

    def open(self, authority="", address=None, record=True):
        """A connection to the proxy itself."""
        client = Client(
            connect(address or self.address), self.record if record else None, authority
        )
        self._clients.append(client)
        return client

    def connect(self, authority, **options):
        """Asks for a tunnel: the client and the proxy's answer to CONNECT."""
        client = self.open(authority, **options)
        client.send_request("CONNECT", authority, host=authority)
        return client, client.read_response("CONNECT")

    def tunnel(self, authority, **options):
        """An open tunnel; fails when the proxy refuses it."""
        client, reply = self.connect(authority, **options)
        assert reply.status == 200, reply
        return client

    def tls(self, authority, server_name=..., context=None, **options):
        """TLS through a tunnel, verified against the proxy's CA; `server_name` None sends no SNI.

        The Host of its requests is the authority, without the default port.
        """
        client = self.tunnel(authority, **options)
        host, _, port = authority.rpartition(":")
        client.authority = host if port == "443" else authority
        if server_name is ...:
            server_name = host.strip("[]")
        secured = client.start_tls(context or self.context(), server_name)
        self._clients.append(secured)
        return secured

    def get(self, url, fields=()):
        return self.request("GET", url, fields)

    def request(self, method, url, fields=(), body=None, chunked=False):
        """One request on a connection of its own: https by CONNECT, http in absolute form."""
        scheme, _, rest = url.partition("://")
        authority, slash, path = rest.partition("/")
        if scheme == "https":
            if not authority.rpartition(":")[0]:
                authority += ":443"
            with self.tls(authority) as client:
                return client.request(method, slash + path or "/", fields, body, chunked=chunked)
        with self.open(authority) as client:
            return client.request(method, url, fields, body, chunked=chunked)

    def forget(self):
        """Drops the clients that were opened so far, for tests that go on for long."""
        for client in self._clients:
            client.close()
        self._clients.clear()

    # Observations ----------------------------------------------------------------------------

    def audit(self, event=None):
        """The audit records written so far, of one event or all."""
        return [r for r in self._whole_audit() if event is None or r["event"] == event]

    def wait_for_audit(self, condition, what):
        """The first audit record for which `condition` is true."""

        def found():
            return next((r for r in self._whole_audit() if condition(r)), None)

        return eventually(found, f"an audit record: {what}, in {self._whole_audit()}")

    def _whole_audit(self):
        """Without a last line that is only half there, as a file being written may look."""
        if not self.audit_file.exists():
            return []
        lines = self.audit_file.read_text().split("\n")[:-1]
        return [json.loads(line) for line in lines]

    def memory_kib(self):
        """Resident memory now and at its highest, in KiB."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        values = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
        return int(values["VmRSS"].split()[0]), int(values["VmHWM"].split()[0])

    def placeholder(self, variable):
        """What a program behind the proxy has in its environment for a rule's variable."""
        return self.environment_for_child()[variable]

    def environment_for_child(self):
        lines = self.env_file.read_text().splitlines()
        return dict(line.split("=", 1) for line in lines if line)
