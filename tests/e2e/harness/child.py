"""`sallyport run`: a command with the proxy as its way out."""

import json
import os
import shutil
from pathlib import Path

from harness import program


class ChildRunner:
    """Runs commands under `sallyport run`, each in a folder of its own.

    With `user`, a number, sallyport runs as that user, who gets the folders.
    """

    def __init__(self, folder, pki, search, isolation="none", user=None):
        self._folder = Path(folder)
        self._pki = pki
        self._search = search
        self._count = 0
        self._next_folder = None
        self.isolation = isolation
        self.user = user
        self.audit_file = None
        self.workdir = None

    def make_folder(self):
        """The folder of the next run, with its empty `home` and `work`."""
        if self._next_folder is None:
            self._next_folder = self._folder / str(self._count)
            self._count += 1
            for name in ("home", "work"):
                (self._next_folder / name).mkdir(parents=True)
        return self._next_folder

    def command_line(self, command, config=None, routes=None, args=()):
        """The arguments after the program's name; writes the configuration they name.

        `config` False: there is none.
        """
        folder = self.make_folder()
        self._next_folder = None
        self.home = folder / "home"
        self.workdir = folder / "work"
        config_file = folder / "proxy-config.json"
        config_file.write_text(config if isinstance(config, str) else json.dumps(config or {}))
        if config is False:
            config_file.unlink()
        self.audit_file = folder / "audit.jsonl"
        roots = folder / "roots.pem"
        shutil.copy(self._pki.root.file, roots)
        if self.user is not None:
            for path in (folder, self.home, self.workdir, config_file, roots):
                if path.exists():
                    os.chown(path, self.user, self.user)
        line = [
            "run", "--isolation", self.isolation,
            *([] if config is False else ["--config", config_file]),
            "--upstream-ca", roots,
            "--audit-log", self.audit_file,
            "--log-level", "debug",
        ]  # fmt: skip
        for name, origin in (routes or {}).items():
            line += ["--connect-to", f"{name}:{origin.address}"]
        return [str(a) for a in [*line, *args, "--", *command]]

    def run(self, command, config=None, routes=None, args=(), env=None, **options):
        """Runs `command` to its end and searches all that it could see for the secrets."""
        line = self.command_line(command, config, routes, args)
        options.setdefault("cwd", self.workdir)
        if self.user is not None:
            options.update(user=self.user, group=self.user, extra_groups=[])
        result = program.run_program(line, self.home, env, **options)
        self._search.check(result.stdout, "the child's output")
        self._search.check(result.stderr, "the log at level debug")
        if self.audit_file.exists():
            self._search.check(self.audit_file.read_bytes(), "the audit log")
        return result

    def audit(self):
        """The audit records written so far; the last may be only half there while it is written."""
        return [json.loads(line) for line in self.audit_file.read_text().split("\n")[:-1]]
