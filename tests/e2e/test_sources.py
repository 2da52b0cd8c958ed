"""Where values come from: files that change, commands, the environment."""

import os
import sys

import pytest

from harness.deadline import eventually


def rule(**source):
    return {"domain": "api.test", "header": "X-Key", "name": "the rule", **source}


@pytest.fixture
def start(start_proxy, origin):
    def start(*rules, **options):
        return start_proxy({"credentials": list(rules)}, {"api.test:443": origin}, **options)

    return start


def sent_key(proxy, origin):
    """The X-Key that the origin receives with the next request."""
    assert proxy.get("https://api.test/").status == 200
    return origin.last_request().fields.get("x-key")


def test_a_files_value_loses_one_trailing_newline(start, origin, search, tmp_path):
    value = search.make()
    (tmp_path / "key").write_text(value + "\n")
    assert sent_key(start(rule(file=str(tmp_path / "key"))), origin) == value


def test_a_changed_file_is_used_for_the_next_request(start, origin, search, tmp_path):
    old, new = search.make(), search.make()
    file = tmp_path / "key"
    file.write_text(old)
    proxy = start(rule(file=str(file)))
    with proxy.tls("api.test:443") as client:
        assert client.get().status == 200
        assert origin.last_request().fields.one("x-key") == old
        file.write_text(new)

        def new_value_arrives():
            assert client.get().status == 200
            return origin.last_request().fields.one("x-key") == new

        eventually(new_value_arrives, "the file's new value at the origin")


def test_a_mounted_secret_that_is_swapped_by_symlink_is_followed(start, origin, search, tmp_path):
    """As Kubernetes updates a secret volume: ..data points to another folder."""
    old, new = search.make(), search.make()
    mount = tmp_path / "mount"
    for version, value in (("v1", old), ("v2", new)):
        (mount / version).mkdir(parents=True)
        (mount / version / "key").write_text(value)
    (mount / "..data").symlink_to("v1")
    (mount / "key").symlink_to("..data/key")
    proxy = start(rule(file=str(mount / "key")))
    assert sent_key(proxy, origin) == old
    (mount / "..new").symlink_to("v2")
    os.replace(mount / "..new", mount / "..data")
    eventually(lambda: sent_key(proxy, origin) == new, "the swapped value at the origin")


def test_a_file_that_appears_later_is_used(start, origin, search, tmp_path):
    value = search.make()
    file = tmp_path / "folder" / "key"
    file.parent.mkdir()
    proxy = start(rule(file=str(file)))
    fresh = file.with_name("key.new")
    fresh.write_text(value)
    os.replace(fresh, file)

    def arrives():
        reply = proxy.get("https://api.test/")
        return reply.status == 200 and origin.last_request().fields.get("x-key") == value

    eventually(arrives, "the new file's value at the origin")


def test_a_commands_output_is_the_value(start, origin, search, tmp_path):
    value = search.make()
    (tmp_path / "key").write_text(value + "\n")
    proxy = start(rule(command=["/bin/cat", str(tmp_path / "key")]))
    assert sent_key(proxy, origin) == value


def test_a_command_runs_without_a_shell(start, origin, search):
    literal = "$(id);`id`|&>x* $HOME"
    proxy = start(rule(command=["/bin/echo", literal]))
    assert sent_key(proxy, origin) == literal


def test_a_commands_output_is_cached_until_its_ttl(start, origin, search, tmp_path):
    runs = tmp_path / "runs"
    value = search.make()
    script = f"open({str(runs)!r}, 'a').write('x'); print({value!r})"
    proxy = start(rule(command=[sys.executable, "-c", script], ttlSeconds=300))
    for _ in range(3):
        assert sent_key(proxy, origin) == value
    assert runs.read_text() == "x"


def test_a_commands_value_is_refreshed_in_the_background(start, origin, search, tmp_path):
    old, new = search.make(), search.make()
    file = tmp_path / "key"
    file.write_text(old)
    proxy = start(rule(command=["/bin/cat", str(file)], ttlSeconds=1))
    assert sent_key(proxy, origin) == old
    file.write_text(new)
    eventually(lambda: sent_key(proxy, origin) == new, "the command's new value at the origin")


def test_a_failing_commands_stderr_is_logged_and_the_request_refused(start, origin):
    proxy = start(rule(command=["/bin/sh", "-c", "echo the vault is sealed >&2; exit 3"]))
    reply = proxy.get("https://api.test/")
    assert (reply.status, reply.error) == (503, "credential_unavailable")
    assert reply.json()["rule"] == "the rule"
    assert origin.saw_nothing()
    proxy.stderr.wait_for("the vault is sealed")


def test_a_failed_refresh_keeps_the_value_until_its_ttl_and_then_refuses(
    start, origin, search, tmp_path
):
    value = search.make()
    file = tmp_path / "key"
    file.write_text(value)
    proxy = start(rule(command=["/bin/cat", str(file)], ttlSeconds=2))
    assert sent_key(proxy, origin) == value
    file.unlink()
    with proxy.tls("api.test:443") as client:
        client.get()

        def refused():
            reply = client.get()
            if reply.status == 200:
                assert origin.last_request().fields.one("x-key") == value
                return False
            return (reply.status, reply.error) == (503, "credential_unavailable")

        eventually(refused, "a refusal once the value is too old")


@pytest.mark.parametrize(
    "value", ["a\rb", "a\nb", "a\r\nX-Evil: 1", "x" * (16 * 1024 + 1)],
    ids=["CR", "LF", "CRLF", "over 16 KiB"],
)  # fmt: skip
def test_an_unusable_value_of_a_variable_is_refused_at_load(start, search, value):
    proxy = start(rule(envVar="API_KEY"), env={"API_KEY": value}, wait=False)
    check_refused_start(proxy, "API_KEY", value)


@pytest.mark.parametrize("value", ["a\0b", "a\nb", "a\rb"], ids=["NUL", "LF", "CR"])
def test_an_unusable_value_of_a_file_is_refused_at_load(start, tmp_path, value):
    (tmp_path / "key").write_text(value, newline="")
    proxy = start(rule(file=str(tmp_path / "key")), wait=False)
    check_refused_start(proxy, "key", value)


def check_refused_start(proxy, named, value):
    proxy.expect_failure()
    log = proxy.stderr.text()
    assert named in log or "the rule" in log
    assert value not in log
    assert not proxy.ready_file.exists()


def test_the_largest_allowed_value_is_injected(start, origin, search):
    value = "x" * (16 * 1024)
    assert sent_key(start(rule(envVar="API_KEY"), env={"API_KEY": value}), origin) == value


def test_an_empty_variable_counts_as_unset(start, origin):
    proxy = start(rule(envVar="API_KEY", format="Bearer ${value}"), env={"API_KEY": ""})
    assert sent_key(proxy, origin) is None
