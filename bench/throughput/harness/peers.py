"""Proxies that can be measured: how each is started, and how a client speaks to it.

A peer is a folder with a peer.json:

  name                  what reports call it
  program               without it on this machine, the peer is left out
  version               command that prints its version
  command               starts it in the foreground
  prepare               commands to run before, if any
  environment           variables to set, if any
  files                 templates beside peer.json, written to the peer's own folder @FOLDER@
  ready_file            written by it once it is ready, if it does that; it must listen too
  mode                  "connect" for proxies that are asked by CONNECT, "direct" for reverse proxies
  client_ca             whom its clients trust; without it @CA@
  client_authorization  what its clients send; without it a placeholder
  tunnels               whether it tunnels @TUNNEL_HOST@ without opening its TLS
  mints                 whether it answers CONNECT and TLS for any host under @HOST@ by itself
  set_ups               whether harness/variants.py knows how to vary it
  http2                 whether its clients can speak HTTP/2
  http2_origin          whether it speaks HTTP/2 with the origin

Everywhere @NAME@ stands for a value of this run: PORT (to listen on, at 127.0.0.1), ORIGIN_PORT,
ORIGIN_PROTOCOL (h2 or http/1.1), HOST,
TUNNEL_HOST, CREDENTIAL (to inject: Authorization: Bearer CREDENTIAL), FOLDER, CA, CA_WITH_KEY, LEAF,
LEAF_KEY, LEAF_WITH_KEY (PEM files for HOST), SALLYPORT (the program under test).
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

from harness import procfs

START_LIMIT_SECONDS = 30


def find(folders):
    """The peers in `folders`; first those that are installed, then the names of the others."""
    installed, missing = [], []
    for folder in folders:
        peer = json.loads((folder / "peer.json").read_text())
        peer["folder"] = folder
        present = peer["program"].startswith("@") or shutil.which(peer["program"], path=_path())
        (installed if present else missing).append(peer)
    return installed, [peer["name"] for peer in missing]


def version(peer, values):
    command = [fill(part, values) for part in peer["version"]]
    done = subprocess.run(command, capture_output=True, text=True, env=_environment({}))
    first_line = (done.stdout + done.stderr).splitlines()[0]
    found = re.search(r"\d+\.\d+(\.\d+)?", first_line)
    return found[0] if found else first_line


def fill(text, values):
    """Puts values in place of their @NAME@."""
    return re.sub(r"@([A-Z_]+)@", lambda match: str(values[match[1]]), text)


class Running:
    """A started proxy, from when it accepts connections until `stop`."""

    def __init__(self, peer, values, folder, cpus):
        self.peer = peer
        folder.mkdir(parents=True)
        folder.chmod(0o755)
        self.values = {**values, "FOLDER": folder, "PORT": _free_port()}
        for name in peer.get("files", []):
            (folder / name).write_text(self._fill((peer["folder"] / name).read_text()))
        for name, text in peer.get("texts", {}).items():
            (folder / name).write_text(self._fill(text))
        for command in peer.get("prepare", []):
            subprocess.run([self._fill(part) for part in command], check=True, capture_output=True)
        environment = {k: self._fill(v) for k, v in peer.get("environment", {}).items()}
        self._log = open(folder / "output.log", "wb")
        began = time.monotonic()
        self._process = subprocess.Popen(
            [self._fill(part) for part in peer["command"]],
            env=_environment(environment), cwd=folder, stdin=subprocess.DEVNULL,
            stdout=self._log, stderr=self._log, start_new_session=True,
            preexec_fn=lambda: os.sched_setaffinity(0, cpus))
        try:
            self._wait_until_listening()
        except BaseException:
            self.stop()
            raise
        self.start_seconds = time.monotonic() - began

    @property
    def pids(self):
        # Asked anew each time: servers start their workers after they listen.
        return procfs.family(self._process.pid)

    @property
    def address(self):
        return f"127.0.0.1:{self.values['PORT']}"

    @property
    def client_ca(self):
        return self._fill(self.peer.get("client_ca", "@CA@"))

    def cpu_seconds(self):
        return procfs.cpu_seconds(self.pids)

    def resident_kib(self, kind=procfs.PROPORTIONAL):
        return procfs.memory_kib(self.pids, kind)

    def stop(self):
        # The session is the proxy's own: this ends what it started too, and nothing else.
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self._process.pid, number)
                self._process.wait(3)
            except ProcessLookupError:
                break
            except subprocess.TimeoutExpired:
                continue
        self._process.wait()
        self._log.close()

    def _fill(self, text):
        return fill(text, self.values)

    def _wait_until_listening(self):
        limit = time.monotonic() + START_LIMIT_SECONDS
        while True:
            if self._process.poll() is not None:
                self._log.flush()
                said = Path(self._log.name).read_text(errors="replace")[-2000:]
                raise RuntimeError(f"{self.peer['name']} did not start: {said}")
            if self._is_ready():
                return
            if time.monotonic() > limit:
                raise RuntimeError(f"{self.peer['name']} does not get ready")
            time.sleep(0.001)

    def _is_ready(self):
        if "ready_file" in self.peer and not Path(self._fill(self.peer["ready_file"])).exists():
            return False
        try:
            socket.create_connection(("127.0.0.1", self.values["PORT"])).close()
            return True
        except ConnectionRefusedError:
            return False


def _path():
    # Where Debian has its servers, which a plain user's PATH leaves out.
    return os.environ.get("PATH", "") + ":/usr/sbin:/sbin"


def _environment(more):
    # Nothing of the caller's that could lead a proxy to another proxy.
    return {"PATH": _path(), "HOME": os.environ.get("HOME", "/"), "LANG": "C.UTF-8", **more}


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
