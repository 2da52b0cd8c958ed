"""Providers without a gateway: types from providers/, values from the host's environment."""

import base64
import json
import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from harness.child import ChildRunner
from harness.deadline import eventually
from harness.sandbox import (  # noqa: F401
    PLAIN_USER,
    make_sandbox,
    needs_root,
    sandbox,
)
from provider_cases import CASES

PYTHON = "/usr/bin/python3"
TYPES = Path(__file__).parents[2] / "providers"
OTHER_HOST = "other.test"

# Makes the requests it is given, fills the child's variables in, and tells what there is.
CLIENT = """
import base64, json, os, re, ssl, sys, urllib.error, urllib.request
told = {"env": dict(os.environ), "files": {}, "status": []}
def fill(text):
    text = re.sub(r"{(\\w+)}", lambda match: os.environ[match[1]], text)
    if text.startswith("BASIC "):
        text = "Basic " + base64.b64encode(text[6:].encode()).decode()
    return text
work = json.loads(sys.argv[1])
for url, header, value in work["requests"]:
    request = urllib.request.Request(url, headers={header: fill(value)} if value else {})
    # Hosts that get no credential are tunnelled, and show a certificate that is not known here.
    trust = None if header != "Accept" else ssl._create_unverified_context()
    try:
        told["status"].append(urllib.request.urlopen(request, context=trust).status)
    except urllib.error.HTTPError as error:
        told["status"].append(error.code)
    except OSError as error:
        told["status"].append(str(error))
for name in work["files"]:
    path = os.path.expanduser("~/" + name)
    with open(path) as file:
        told["files"][name] = [file.read(), os.stat(path).st_mode & 0o777]
print(json.dumps(told))
"""


def basic_or(text, secret):
    text = text.replace("SECRET", secret)
    if not text.startswith("BASIC "):
        return text
    return "Basic " + base64.b64encode(text[6:].encode()).decode()


@pytest.fixture(params=["none", "netns"])
def child_runner(request, tmp_path, pki, search, origins):
    return ChildRunner(tmp_path / "run", pki, search, request.param)


@pytest.fixture
def run_client(child_runner, pki, origins):
    """Runs the client under `sallyport run` with an origin behind every host it may name."""

    def run(args, requests=(), hosts=(), files=(), config=None, env=None):
        names = {urlsplit(url).hostname for url, *_ in requests}
        names |= {OTHER_HOST, *hosts}
        origin = origins.https(pki.root.issue(sorted(names)))
        work = {"requests": [list(r[:3]) for r in requests], "files": list(files)}
        result = child_runner.run(
            [PYTHON, "-c", CLIENT, json.dumps(work)],
            args=args,
            routes={f"{name}:443": origin for name in names},
            config=config,
            env=env,
        )
        assert result.status == 0, result
        return json.loads(result.out.splitlines()[-1]), origin

    return run


@pytest.mark.parametrize("name", sorted(path.stem for path in TYPES.glob("*.yaml")))
def test_every_shipped_type(run_client, secret, name):
    assert name in CASES, f"providers/{name}.yaml has no case in provider_cases.py"
    case = CASES[name]
    config = False
    if name == "generic":
        config = {
            "network": {"allowedDomains": ["api.test:443"]},
            "policy": {"default": "deny"},
            "credentials": [
                {"domain": "api.test", "provider": "generic", "property": "token", "query": "t"}
            ],
        }
    requests = [
        *case.requests,
        *[(f"https://{host}/", "Accept", "*/*") for host in case.hosts],
        (f"https://{OTHER_HOST}/", "Accept", "*/*"),
    ]
    told, origin = run_client(
        ["--provider", name],
        requests,
        files=case.files,
        config=config,
        env={key: value.replace("SECRET", secret) for key, value in case.host.items()},
    )
    allowed = len(requests) - 1
    assert told["status"][:allowed] == [200] * allowed, told["status"]
    assert "403" in told["status"][-1], "a host that is not the provider's was reached"

    received = {request.target: request for request in origin.requests}
    assert len(origin.requests) == allowed
    for request, (_, header, _, wanted) in zip(origin.requests, case.requests):
        assert request.fields.one(header.lower()) == basic_or(wanted, secret)
    # What is reached beside the credential's hosts gets none.
    for request in origin.requests[len(case.requests) :]:
        assert secret.encode() not in request.raw_head, received

    for variable, shape in case.child.items():
        assert re.fullmatch(shape, told["env"][variable]), (variable, told["env"][variable])
    for file, part in case.files.items():
        text, mode = told["files"][file]
        assert re.sub(r"{(\w+)}", lambda match: told["env"][match[1]], part) in text
        assert mode == 0o600


def rule(**more):
    return {"domain": "api.test", "provider": "github", "property": "token", **more}


BEARER = {"header": "Authorization", "format": "Bearer ${value}"}
API = "https://api.test/"


def test_a_rule_of_the_file_takes_a_property_from_the_environment(run_client, secret):
    told, origin = run_client(
        [],
        [(API, "X-Token", "{GITHUB_TOKEN}")],
        config={"credentials": [rule(**BEARER)]},
        env={"GH_TOKEN": secret},
    )
    request = origin.only_request()
    assert request.fields.one("authorization") == f"Bearer {secret}"
    assert request.fields.one("x-token") == secret
    assert re.fullmatch(r"ghp_[A-Za-z0-9]{36}", told["env"]["GITHUB_TOKEN"])
    assert told["env"]["GH_TOKEN"] == told["env"]["GITHUB_TOKEN"]


def test_the_first_variable_that_is_set_counts_and_all_are_taken(run_client, secret, search):
    other = search.make()
    _, origin = run_client(
        ["--env", "GH_TOKEN"],
        [(API, "Accept", "*/*")],
        config={"credentials": [rule(**BEARER)]},
        env={"GITHUB_TOKEN": secret, "GH_TOKEN": other},
    )
    assert origin.only_request().fields.one("authorization") == f"Bearer {secret}"


def test_a_rule_whose_property_is_not_set_is_skipped(run_client, secret):
    config = {
        "credentials": [
            rule(**BEARER),
            {"domain": "api.test", "envVar": "API_KEY", "header": "X-Key"},
        ]
    }
    _, origin = run_client([], [(API, "X-A", "a")], config=config, env={"API_KEY": secret})
    request = origin.only_request()
    assert request.fields.one("x-key") == secret
    assert "authorization" not in dict(request.fields)


def test_a_required_property_that_is_not_set_fails_the_request(run_client):
    told, origin = run_client(
        [], [(API, "X-A", "a")], config={"credentials": [rule(**BEARER, required=True)]}
    )
    assert told["status"] == [503]
    origin.saw_nothing()


def test_a_format_may_use_several_properties(run_client, secret):
    _, origin = run_client(
        [],
        [(API, "X-A", "a")],
        config={
            "credentials": [
                {
                    "domain": "api.test",
                    "provider": "docker-hub",
                    "property": "token",
                    "header": "Authorization",
                    "format": "Basic ${username ':' value | base64}",
                }
            ]
        },
        env={"DOCKER_USERNAME": "somebody", "DOCKERHUB_TOKEN": secret},
    )
    value = origin.only_request().fields.one("authorization")
    assert base64.b64decode(value.removeprefix("Basic ")).decode() == f"somebody:{secret}"


def test_a_rule_that_shares_a_variable_shares_its_placeholder(run_client, secret):
    told, origin = run_client(
        ["--provider", "github"],
        [
            (API, "X-A", "{GITHUB_TOKEN}"),
            ("https://api.github.com/user", "X-A", "{GITHUB_TOKEN}"),
        ],
        config={
            "credentials": [{"domain": "api.test", "envVar": "GITHUB_TOKEN", "header": "X-Key"}]
        },
        env={"GITHUB_TOKEN": secret},
    )
    assert told["status"] == [200, 200]
    assert [r.fields.one("x-a") for r in origin.requests] == [secret, secret]
    assert origin.requests[0].fields.one("x-key") == secret
    assert told["env"]["GITHUB_TOKEN"].startswith("ghp_")


def test_the_rules_of_the_file_come_before_the_providers(run_client, secret, search):
    other = search.make()
    _, origin = run_client(
        ["--provider", "github"],
        [("https://api.github.com/user", "X-A", "a")],
        config={
            "credentials": [
                {"domain": "api.github.com", "envVar": "OTHER", **BEARER},
            ]
        },
        env={"GITHUB_TOKEN": secret, "OTHER": other},
    )
    assert origin.only_request().fields.one("authorization") == f"Bearer {other}"


def test_the_file_may_block_a_providers_host(run_client, secret):
    told, origin = run_client(
        ["--provider", "github"],
        [("https://api.github.com/user", "X-A", "a")],
        config={"network": {"blockedDomains": ["api.github.com:443"]}},
        env={"GITHUB_TOKEN": secret},
    )
    assert "403" in told["status"][0]
    origin.saw_nothing()


def test_a_policy_is_not_widened(run_client, secret, tmp_path):
    policy = tmp_path / "policy.yaml"
    policy.write_text(
        "version: 1\nnetwork_policies: {e: {endpoints: [{host: other.test, port: 443}]}}\n"
    )
    told, origin = run_client(
        ["--provider", "github", "--policy", policy],
        [("https://api.github.com/user", "X-A", "a"), ("https://other.test/", "Accept", "*/*")],
        config=False,
        env={"GITHUB_TOKEN": secret},
    )
    assert "403" in told["status"][0]
    assert told["status"][1] == 200
    origin.only_request()


def test_a_placeholder_sent_elsewhere_is_refused(run_client, secret):
    told, origin = run_client(
        ["--provider", "generic", "--provider", "github"],
        [
            (API, "X-A", "{GENERIC_TOKEN}"),
            (API, "X-A", "{GITHUB_TOKEN}"),
            ("https://api.github.com/", "X-A", "{GENERIC_TOKEN}"),
        ],
        config={"network": {"intercept": "all"}},
        env={"GENERIC_TOKEN": secret, "GITHUB_TOKEN": secret},
    )
    assert told["status"] == [403, 403, 403]
    origin.saw_nothing()


def test_several_providers_work_side_by_side(run_client, search):
    github, anthropic = search.make(), search.make()
    told, origin = run_client(
        ["--provider", "anthropic", "--provider", "github"],
        [
            ("https://api.anthropic.com/v1/messages", "X-A", "a"),
            ("https://api.github.com/user", "X-A", "a"),
            ("https://other.test/", "X-A", "a"),
        ],
        config=False,
        env={"ANTHROPIC_API_KEY": anthropic, "GITHUB_TOKEN": github},
        files=[".claude.json", ".gitconfig", ".config/gh/hosts.yml", ".config/gh/config.yml"],
    )
    assert told["status"][:2] == [200, 200]
    assert "403" in told["status"][2]
    assert origin.requests[0].fields.one("x-api-key") == anthropic
    assert origin.requests[1].fields.one("authorization") == f"Bearer {github}"
    assert json.loads(told["files"][".claude.json"][0])["hasCompletedOnboarding"] is True
    assert told["env"]["GIT_CONFIG_GLOBAL"].endswith("/.gitconfig")
    assert told["env"]["GH_CONFIG_DIR"].endswith("/.config/gh")


def test_the_proxy_alone_gives_placeholders_of_the_types_shape(start_proxy, origin, secret):
    proxy = start_proxy(
        {"credentials": [rule(**BEARER)]},
        routes={"api.test:443": origin},
        env={"GITHUB_TOKEN": secret},
    )
    placeholder = proxy.placeholder("GH_TOKEN")
    assert re.fullmatch(r"ghp_[A-Za-z0-9]{36}", placeholder)
    assert proxy.request("GET", API, [("X-A", placeholder)]).status == 200
    assert origin.only_request().fields.one("x-a") == secret


def test_a_refused_reload_leaves_rules_and_their_values_together(
    start_proxy, origin, secret, search, tmp_path
):
    file = tmp_path / "secret"
    file.write_text(search.make())
    from_file = {"domain": "api.test", "file": str(file), "header": "X-File"}
    proxy = start_proxy(
        {"credentials": [rule(**BEARER, **{"continue": True}), from_file]},
        routes={"api.test:443": origin},
        env={"GITHUB_TOKEN": secret, "DOCKER_USERNAME": "not a name!"},
    )
    wrong = {"domain": "api.test", "provider": "docker-hub", "property": "username"}
    proxy.write_config({"credentials": [{**wrong, "header": "X-User"}, from_file, rule(**BEARER)]})
    eventually(lambda: "is no username" in proxy.stderr.text(), "the refusal of the new file")
    changed = search.make()
    file.write_text(changed)

    def is_taken():
        assert proxy.request("GET", API).status == 200
        fields = origin.last_request().fields
        assert fields.one("authorization") == f"Bearer {secret}"
        return fields.one("x-file") == changed

    eventually(is_taken, "the changed file's value")


# Files


READ_ALL = """
import json, os, sys
print(json.dumps({name: open(os.path.expanduser(name)).read() for name in sys.argv[1:]}))
"""
CLAUDE, GITCONFIG, HOSTS = "~/.claude.json", "~/.gitconfig", "~/.config/gh/hosts.yml"


def tree(folder):
    """Everything in a folder, with what could have been changed about it."""
    return {
        str(path.relative_to(folder)): (
            path.lstat().st_mtime_ns,
            path.lstat().st_mode,
            path.read_bytes() if path.is_file() else None,
        )
        for path in Path(folder).rglob("*")
    }


@pytest.fixture
def home(tmp_path):
    """A home folder of somebody who has these files already."""
    folder = tmp_path / "somebody"
    (folder / ".config" / "gh").mkdir(parents=True)
    (folder / ".gitconfig").write_text("[user]\n\tname = Somebody\n")
    (folder / ".claude.json").write_text("{}")
    (folder / ".config" / "gh" / "hosts.yml").write_text("github.com: {oauth_token: own}\n")
    (folder / ".config" / "gh" / "config.yml").write_text("own")
    return folder


BOTH = ["--provider", "anthropic", "--provider", "github"]


def keys(search):
    return {"ANTHROPIC_API_KEY": search.make(), "GITHUB_TOKEN": search.make()}


def test_what_the_user_has_is_neither_seen_nor_changed(child_runner, home, search):
    before = tree(home)
    result = child_runner.run(
        [PYTHON, "-c", READ_ALL, CLAUDE, GITCONFIG, HOSTS],
        config=False,
        args=BOTH,
        env={"HOME": str(home), **keys(search)},
    )
    assert tree(home) == before
    if child_runner.isolation == "none":
        assert result.status == 125
        assert ".claude.json already, which is not overwritten" in result.err
        assert result.out == ""
        return
    assert result.status == 0, result
    seen = json.loads(result.out)
    assert "sk-ant-api03-" in seen[CLAUDE]
    assert "x-access-token:ghp_" in seen[GITCONFIG] and "Somebody" not in seen[GITCONFIG]
    assert "oauth_token: ghp_" in seen[HOSTS] and "own" not in seen[HOSTS]


def test_what_was_written_goes_with_the_command(child_runner, tmp_path, search):
    home = tmp_path / "fresh"
    (home / ".config").mkdir(parents=True)
    result = child_runner.run(
        ["/bin/sh", "-c", "cat ~/.gitconfig ~/.config/gh/hosts.yml; echo more >> ~/.claude.json"],
        config=False,
        args=BOTH,
        env={"HOME": str(home), **keys(search)},
    )
    assert result.status == 0, result
    assert "ghp_" in result.out
    assert list(tree(home)) == [".config"]


def test_a_home_that_is_not_in_view_has_these_files_alone(tmp_path, pki, search):
    runner = ChildRunner(tmp_path / "run", pki, search, "netns")
    result = runner.run(
        [
            "/bin/sh",
            "-c",
            "cat ~/.gitconfig && echo '# mine' >> ~/.gitconfig && tail -1 ~/.gitconfig && "
            "find ~ -type f && ! touch ~/other",
        ],
        config=False,
        args=["--provider", "github", "--env", "HOME=/nowhere/home"],
        env=keys(search),
    )
    assert result.status == 0, result
    lines = result.out.split()
    assert "mine" in lines
    assert {line for line in lines if line.startswith("/nowhere")} == {
        "/nowhere/home/.gitconfig",
        "/nowhere/home/.config/gh/hosts.yml",
        "/nowhere/home/.config/gh/config.yml",
    }
    assert not Path("/nowhere").exists()


def test_a_link_to_a_file_is_covered_where_it_leads(tmp_path, home, pki, search):
    runner = ChildRunner(tmp_path / "run", pki, search, "netns")
    (home / "dotfiles").mkdir()
    (home / ".gitconfig").rename(home / "dotfiles" / "gitconfig")
    (home / ".gitconfig").symlink_to("dotfiles/gitconfig")
    before = tree(home)
    result = runner.run(
        [PYTHON, "-c", READ_ALL, GITCONFIG],
        config=False,
        args=["--provider", "github"],
        env={"HOME": str(home), **keys(search)},
    )
    assert result.status == 0, result
    assert "ghp_" in json.loads(result.out)[GITCONFIG]
    assert tree(home) == before


def test_without_a_home_the_run_fails(child_runner, search):
    result = child_runner.run(
        ["/bin/true"],
        config=False,
        args=["--provider", "github", "--env", "HOME=relative"],
        env=keys(search),
    )
    assert result.status == 125
    assert "set HOME" in result.err


def test_an_operators_variable_stands(child_runner, search):
    result = child_runner.run(
        ["/usr/bin/env"],
        config=False,
        args=["--provider", "github", "--env", "GIT_CONFIG_GLOBAL=/dev/null"],
        env=keys(search),
    )
    assert "GIT_CONFIG_GLOBAL=/dev/null" in result.out.splitlines()


HOOKS = """
for name in ("~/.claude.json", "~/.gitconfig", "~/.config/gh/hosts.yml"):
    attempt(name, lambda: open(os.path.expanduser(name)).read())
    attempt("write " + name, lambda: open(os.path.expanduser(name), "a").write(" "))
    attempt("owner of " + name, lambda: os.stat(os.path.expanduser(name)).st_uid == os.getuid())
"""


def test_in_every_sandbox_and_for_every_user_the_files_are_there(sandbox, search):
    tried = sandbox.attempts(HOOKS, config=False, args=BOTH, env=keys(search))
    for name in (CLAUDE, GITCONFIG, HOSTS):
        assert tried[name][0] == "done", tried
        assert "sk-ant-api03-" in tried[name][1] or "ghp_" in tried[name][1]
        assert tried["write " + name][0] == "done", tried
        assert tried["owner of " + name] == ["done", "True"], tried
    assert tree(sandbox.home) == {}


@needs_root
def test_the_files_belong_to_the_user_that_the_policy_names(pki, search, tmp_path):
    made, remove = make_sandbox(pki, search, "netns", plain_user=False)
    try:
        policy = tmp_path / "policy.yaml"
        policy.write_text(f'version: 1\nprocess: {{run_as_user: "{PLAIN_USER}"}}\n')
        tried = made.attempts(
            HOOKS,
            config=False,
            args=[*BOTH, "--policy", policy, "--env", "HOME=/nowhere/home"],
            env=keys(search),
        )
        for name in (CLAUDE, GITCONFIG, HOSTS):
            assert tried["write " + name][0] == "done", tried
            assert tried["owner of " + name] == ["done", "True"], tried
    finally:
        remove()


# What does not work, and commands


@pytest.mark.parametrize(
    ("args", "env", "status", "says"),
    [
        (["--provider", "anthropic"], {}, 125, "set ANTHROPIC_API_KEY or CLAUDE_API_KEY"),
        (["--provider", "anthropic"], {"ANTHROPIC_API_KEY": ""}, 125, "set ANTHROPIC_API_KEY"),
        (["--provider", "antropic"], {}, 125, 'did you mean "anthropic"?'),
        (["--provider", "github=work"], {"GITHUB_TOKEN": "x"}, 2, "there is no gateway"),
        (
            ["--provider", "docker-hub"],
            {"DOCKER_USERNAME": "no name", "DOCKER_PASSWORD": "x"},
            125,
            "is no username",
        ),
        (
            ["--provider", "openai", "--provider", "codex"],
            {"OPENAI_API_KEY": "x"},
            125,
            "cannot go together",
        ),
        (["--provider", "openai"], {"OPENAI_API_KEY": "a\nb"}, 125, "a line feed"),
    ],
)
def test_what_cannot_be_attached_is_told(child_runner, args, env, status, says):
    result = child_runner.run(["/bin/echo", "ran"], config=False, args=args, env=env)
    assert result.status == status, result
    assert says in result.err
    assert result.out == ""
    assert "no name" not in result.err and "a\nb" not in result.err


def own_type(folder, **changes):
    folder.mkdir()
    text = {
        "type": "mine",
        "description": "Mine",
        "properties": {"token": {"help": "x", "discover": ["MY_TOKEN"], "project": ["THEIR_TOKEN"]}},
        "credentials": [{"domain": "api.test", "header": "X-Mine", "format": "${token}"}],
    }
    text.update(changes)
    (folder / "mine.yaml").write_text(json.dumps(text))
    (folder / "mine.yaml").chmod(0o644)
    return folder


def test_an_operator_adds_a_type(run_client, secret, tmp_path):
    told, origin = run_client(
        ["--provider-types", own_type(tmp_path / "types"), "--provider", "mine"],
        [(API, "X-A", "{THEIR_TOKEN}")],
        config=False,
        env={"MY_TOKEN": secret},
    )
    assert told["status"] == [200]
    assert origin.only_request().fields.one("x-mine") == secret
    assert "MY_TOKEN" not in told["env"]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"type": "github"}, "already"),
        ({"fils": []}, 'did you mean "files"?'),
    ],
)
def test_a_wrong_type_of_an_operators_is_refused(child_runner, tmp_path, changes, says):
    folder = own_type(tmp_path / "types", **changes)
    result = child_runner.run(["/bin/echo", "ran"], args=["--provider-types", folder])
    assert result.status == 125
    assert says in result.err and "mine.yaml" in result.err
    checked = child_runner.run(["/bin/echo", "ran"], args=["--provider-types", folder])
    assert checked.out == ""


def test_a_type_that_others_may_write_to_is_refused(child_runner, tmp_path):
    folder = own_type(tmp_path / "types")
    (folder / "mine.yaml").chmod(0o666)
    result = child_runner.run(["/bin/echo", "ran"], args=["--provider-types", folder])
    assert result.status == 125
    assert "mine.yaml" in result.err and result.out == ""


class TestInit:
    @pytest.fixture
    def init(self, sallyport):
        return lambda *args, **env: sallyport("init", *args, env=env)

    @pytest.fixture
    def file(self, tmp_path):
        return tmp_path / "home" / ".config" / "sallyport" / "proxy-config.json"

    def test_writes_what_it_found(self, init, file, sallyport, secret, search):
        result = init(GITHUB_TOKEN=secret, ANTHROPIC_API_KEY=secret, OTHER=secret)
        assert result.status == 0, result
        assert "found anthropic, by ANTHROPIC_API_KEY\n" in result.out
        assert "found github, by GITHUB_TOKEN\n" in result.out
        assert "found copilot" not in result.out
        search.check(result.stdout + result.stderr, "what init printed")
        search.check(file.read_bytes(), "the file")
        checked = sallyport("check", file)
        assert checked.status == 0, checked
        explained = sallyport(
            "explain", "--json", "https://api.github.com/user", env={"GITHUB_TOKEN": secret}
        )
        assert json.loads(explained.out)["rules"][0]["outcome"] == "applies"
        denied = sallyport("explain", "--json", "https://example.com/")
        assert json.loads(denied.out)["decision"] == "denied"

    def test_finds_nothing_and_denies_everything(self, init, file, sallyport):
        result = init()
        assert result.status == 0, result
        assert "found no provider" in result.out
        assert sallyport("check", file).status == 0
        denied = sallyport("explain", "--json", "https://example.com/")
        assert json.loads(denied.out)["decision"] == "denied"

    def test_never_writes_over_a_file(self, init, file, tmp_path):
        file.parent.mkdir(parents=True)
        file.write_text("mine")
        result = init(GITHUB_TOKEN="x")
        assert result.status == 1
        assert str(file) in result.err
        assert file.read_text() == "mine"

    def test_never_takes_the_place_of_the_other_file(self, init, file, tmp_path):
        other = tmp_path / "home" / ".sandboxd" / "proxy-config.json"
        other.parent.mkdir(parents=True)
        other.write_text("{}")
        result = init(GITHUB_TOKEN="x")
        assert result.status == 1
        assert str(other) in result.err
        assert not file.exists()

    def test_writes_where_it_is_told(self, init, tmp_path):
        place = tmp_path / "new" / "c.json"
        assert init("--config", place, GITHUB_TOKEN="x").status == 0
        assert '"provider": "github"' in place.read_text()

    def test_what_it_wrote_works(self, init, file, run_client, secret):
        init(GITHUB_TOKEN=secret)
        told, origin = run_client(
            [],
            [("https://api.github.com/user", "X-A", "{GITHUB_TOKEN}")],
            config=file.read_text(),
            env={"GITHUB_TOKEN": secret},
        )
        assert told["status"] == [200]
        assert origin.only_request().fields.one("authorization") == f"Bearer {secret}"


def test_explain_shows_what_a_provider_would_do(sallyport):
    result = sallyport(
        "explain", "--provider", "github", "https://api.github.com/", env={"GH_TOKEN": "x"}
    )
    assert "allowed by provider github" in result.out
    assert "github.credentials[1] applies" in result.out
    assert "provider github.token is set" in result.out
    other = sallyport("explain", "--provider", "github", "https://example.com/")
    assert "denied by policy.default" in other.out


def test_check_knows_types_and_their_properties(sallyport, tmp_path):
    file = tmp_path / "c.json"
    file.write_text(json.dumps({"credentials": [rule(**BEARER, provider="githup")]}))
    result = sallyport("check", file)
    assert result.status == 1
    assert 'credentials[0].provider: no such provider type; did you mean "github"?' in result.out
    types = own_type(tmp_path / "types")
    file.write_text(json.dumps({"credentials": [rule(**BEARER, provider="mine")]}))
    assert sallyport("check", file).status == 1
    assert sallyport("check", "--provider-types", types, file).status == 0
    assert "good, the provider type mine" in sallyport("check", types / "mine.yaml").out


def test_check_tells_what_is_wrong_with_a_type_and_where(sallyport, tmp_path):
    file = tmp_path / "t.yaml"
    file.write_text("type: t\ndescription: T\nproperties:\n  k:\n    hlp: x\n")
    result = sallyport("check", file)
    assert result.status == 1
    assert f'{file}:5:5: properties.k.hlp: unknown key; did you mean "help"?' in result.out
