"""One measurement: a load through one proxy, and what the proxy spent on it."""

import json
import os
import select
import subprocess

from harness import peers

HOST = "bench.test"
TUNNEL_HOST = "tunnel.test"
CREDENTIAL = "the-real-credential-0123456789abcdef"
PLACEHOLDER = "Bearer what-the-client-has"
# Beyond what the load itself takes; a hundred MiB through a slow proxy is under way for long.
PATIENCE_SECONDS = 120


class Origin:
    """throughput_origin, from start to end."""

    def __init__(self, programs, pki, cpus, http2):
        command = [programs / "throughput_origin", "--certificate", pki.leaf,
                   "--key", pki.leaf_key, "--authorization", f"Bearer {CREDENTIAL}"]
        self._process = subprocess.Popen(
            command + ["--http2"] * http2,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            preexec_fn=lambda: os.sched_setaffinity(0, cpus))
        self.port = json.loads(self._process.stdout.readline())["port"]

    def stop(self):
        self._process.stdin.close()
        self._process.wait(10)


class Bench:
    """The fixed part of a run: programs, certificates, origin, CPUs."""

    def __init__(self, programs, folder, pki, proxy_cpus, client_cpus):
        self.programs, self.folder, self.pki = programs, folder, pki
        self.proxy_cpus, self.client_cpus = proxy_cpus, client_cpus
        self._origins = {http2: Origin(programs, pki, client_cpus, http2)
                         for http2 in (False, True)}
        self.values = {
            "SALLYPORT": programs / "sallyport", "HOST": HOST, "TUNNEL_HOST": TUNNEL_HOST,
            "CREDENTIAL": CREDENTIAL, "CA": pki.ca,
            "CA_WITH_KEY": pki.ca_with_key, "LEAF": pki.leaf, "LEAF_KEY": pki.leaf_key,
            "LEAF_WITH_KEY": pki.leaf_with_key,
        }
        self._started = 0

    def stop(self):
        for origin in self._origins.values():
            origin.stop()

    def origin_port(self, load):
        return self._origins[load.http2_origin].port

    def start(self, peer, load):
        """The peer, set up for the origin of `load`."""
        self._started += 1
        values = {**self.values, "ORIGIN_PORT": self.origin_port(load),
                  "ORIGIN_PROTOCOL": "h2" if load.http2_origin else "http/1.1"}
        return peers.Running(peer, values, self.folder / f"peer-{self._started}", self.proxy_cpus)

    def measure(self, load, peer, seconds, observer=None):
        """Starts the peer, has the load done, and returns the result with the peer's expense.

        `observer(running)` is a context manager that is entered for the measured time.
        """
        running = self.start(peer, load)
        try:
            with LoadClient(self, load, running, seconds) as client:
                return client.run(observer)
        finally:
            running.stop()

    def measure_baseline(self, load, seconds):
        """The same load, straight to the origin."""
        with LoadClient(self, load, None, seconds) as client:
            return client.run(None)


class LoadClient:
    """throughput_load, for one measurement. Without a proxy it goes straight to the origin."""

    def __init__(self, bench, load, running, seconds):
        self._running = running
        origin_port = bench.origin_port(load)
        flags = {"target": f"{HOST}:{origin_port}", "ca": bench.pki.ca, "seconds": seconds,
                 "warm-up": min(seconds, 0.5), "credential": "no", "authorization": PLACEHOLDER}
        if running is None:
            flags.update({"peer": f"127.0.0.1:{origin_port}", "direct": True})
        else:
            flags["peer"] = running.address
            flags["direct"] = running.peer["mode"] == "direct"
            if load.tunnel:
                flags["target"] = f"{TUNNEL_HOST}:{origin_port}"
            else:
                flags["ca"] = running.client_ca
                flags["credential"] = "yes"
                flags["authorization"] = running.peer.get("client_authorization", PLACEHOLDER)
        flags.update(load.client)
        command = [bench.programs / "throughput_load"]
        for flag, value in flags.items():
            if value is True:
                command.append(f"--{flag}")
            elif value is not False and value != "":
                command.append(f"--{flag}={value}")
        self._patience = seconds + PATIENCE_SECONDS
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            preexec_fn=lambda: os.sched_setaffinity(0, bench.client_cpus))

    def run(self, observer):
        ready = self._read()
        if ready["event"] == "result":
            return ready
        if self._running is None:
            self._say("go")
            return self._read()
        before_kib = self._running.resident_kib()
        before = self._running.cpu_seconds()
        if observer:
            with observer(self._running):
                self._say("go")
                result = self._read()
        else:
            self._say("go")
            result = self._read()
        result["cpu_seconds"] = self._running.cpu_seconds() - before
        result["resident_kib"] = self._running.resident_kib()
        result["resident_kib_before"] = before_kib
        return result

    def _say(self, word):
        self._process.stdin.write(word + "\n")
        self._process.stdin.flush()

    def _read(self):
        readable, _, _ = select.select([self._process.stdout], [], [], self._patience)
        line = self._process.stdout.readline() if readable else ""
        if not line:
            self._process.kill()
            why = "ended without a result" if readable else "took too long"
            return {"event": "result", "errors": 1, "first_error": f"the load {why}", "done": 0}
        return json.loads(line)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
