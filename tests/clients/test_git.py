"""git clones and pushes over smart HTTP with a token that it never has."""

import os
import random
import subprocess

import pytest

from git_backend import GitBackend

URL = "https://api.test/project.git"

# The ways in which people hand git a token; each holds what the child has in GITHUB_TOKEN.
BASIC = '"$(printf "x-access-token:%s" "$GITHUB_TOKEN" | base64 -w0)"'
LOGINS = {
    "extra header": f'git config --global http.extraHeader "Authorization: Basic "{BASIC}',
    "credential helper": (
        "git config --global credential.helper "
        "'!f() { echo username=x-access-token; echo password=$GITHUB_TOKEN; }; f'"
    ),
    "login in the URL": (
        'git config --global url."https://x-access-token:$GITHUB_TOKEN@api.test/".insteadOf '
        "https://api.test/"
    ),
}
PLACEHOLDER_RULE = {"domain": "api.test", "envVar": "GITHUB_TOKEN", "header": "X-Token"}
BASIC_RULE = {
    "domain": "api.test",
    "envVar": "GITHUB_TOKEN",
    "header": "Authorization",
    "format": "Basic ${'x-access-token:' value | base64}",
}

CLONE_CHANGE_PUSH = f"""
set -e
git config --global user.name tester
git config --global user.email tester@api.test
git config --global init.defaultBranch main
echo "child has $GITHUB_TOKEN"
git clone -q {URL} copy
cd copy
cat README
cp "$1" large
git add large
git commit -q -m "Add a file"
git push -q origin HEAD
"""


def git(*args, cwd=None):
    env = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1"}
    for who in ("AUTHOR", "COMMITTER"):
        env |= {f"GIT_{who}_NAME": "x", f"GIT_{who}_EMAIL": "x@api.test"}
    result = subprocess.run(["git", *args], cwd=cwd, env=env, check=True, capture_output=True)
    return result.stdout


@pytest.fixture
def repository(needs, tmp_path):
    needs("git")
    bare, seed = tmp_path / "served" / "project.git", tmp_path / "seed"
    git("init", "-q", "--bare", "-b", "main", str(bare))
    git("init", "-q", "-b", "main", str(seed))
    (seed / "README").write_text("cloned\n")
    git("add", "README", cwd=seed)
    git("commit", "-q", "-m", "Begin", cwd=seed)
    git("push", "-q", str(bare), "HEAD", cwd=seed)
    return bare


@pytest.mark.parametrize(
    "rule,login",
    [*[(PLACEHOLDER_RULE, login) for login in LOGINS.values()], (BASIC_RULE, "true")],
    ids=[*LOGINS, "nothing at all"],
)
def test_clone_and_push(repository, run_child, origin, secret, tmp_path, rule, login):
    backend = GitBackend(repository.parent, "x-access-token", secret)
    origin.fallback = backend
    # Large enough for git to send it in chunks.
    large = random.Random(3).randbytes(3 << 20)
    (tmp_path / "large").write_bytes(large)
    result = run_child(
        ["/bin/sh", "-c", f"{login}\n{CLONE_CHANGE_PUSH}", "sh", str(tmp_path / "large")],
        config={"credentials": [rule]},
        routes={"api.test:443": origin},
        env={"GITHUB_TOKEN": secret, "GIT_TERMINAL_PROMPT": "0"},
        args=["--env", "GIT_TERMINAL_PROMPT"],
    )
    assert result.status == 0, result
    assert "child has sallyport-" in result.out
    assert "cloned" in result.out
    assert git("show", "main:large", cwd=repository) == large
    pushed = [r for r in origin.requests if r.path.endswith("git-receive-pack")]
    assert "chunked" in [r.fields.get("transfer-encoding") for r in pushed]


def test_a_clone_without_the_placeholder_gets_nowhere(repository, run_child, origin, secret):
    """What the other tests rely on: the origin does refuse a wrong token."""
    backend = GitBackend(repository.parent, "x-access-token", secret)
    origin.fallback = backend
    result = run_child(
        ["git", "clone", "-q", "https://x-access-token:wrong@api.test/project.git", "copy"],
        config={"credentials": [PLACEHOLDER_RULE]},
        routes={"api.test:443": origin},
        env={"GITHUB_TOKEN": secret, "GIT_TERMINAL_PROMPT": "0"},
        args=["--env", "GIT_TERMINAL_PROMPT"],
    )
    assert result.status != 0
    assert backend.refused > 0
