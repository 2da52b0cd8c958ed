"""The SDKs of two providers, unchanged and at their real host names, with a key they never see."""

import json

import pytest

from conftest import HERE
from llm_api import WORDS, AnthropicApi, OpenAiApi

SDK = HERE / "sdk"
APIS = {"openai": OpenAiApi, "anthropic": AnthropicApi}


@pytest.fixture
def converse(origins, pki, child_runner, secret):
    """Runs a program that asks twice, and checks what came and went."""

    def converse(api, command, args=()):
        origin = origins.https(leaf=pki.root.issue([api.HOST]))
        origin.routes[api.PATH] = api(lambda: child_runner.workdir)
        result = child_runner.run(
            ["/bin/sh", "-c", f'echo "child has ${api.VARIABLE}"; exec "$@"', "sh", *command],
            config={"credentials": [api.RULE | {"domain": api.HOST, "envVar": api.VARIABLE}]},
            routes={f"{api.HOST}:443": origin},
            env={api.VARIABLE: secret},
            args=args,
        )
        assert result.status == 0, result
        placeholder, *answers = result.out.splitlines()
        assert placeholder.startswith("child has sallyport-")
        assert answers == [f"{kind}: {''.join(WORDS)}" for kind in ("whole", "stream")], result
        assert len(origin.requests) == 2
        assert all(api.credential(request, secret) for request in origin.requests)

    return converse


@pytest.mark.parametrize("name", APIS)
def test_python(made, converse, name):
    converse(APIS[name], [str(made("python", "bin/python")), str(SDK / f"{name}_client.py")])


@pytest.mark.parametrize("name", APIS)
def test_node(needs, made, converse, name):
    needs("node")
    command = ["node", "--require", str(SDK / "env_proxy.cjs"), str(SDK / f"{name}_client.cjs")]
    converse(APIS[name], command, ["--env", f"NODE_PATH={made('node', 'node_modules')}"])


@pytest.mark.parametrize("name", APIS)
def test_current_node(current_node, made, converse, name):
    command = [str(current_node), str(SDK / f"{name}_client.cjs")]
    converse(APIS[name], command, ["--env", f"NODE_PATH={made('node', 'node_modules')}"])


def test_a_key_that_is_sent_elsewhere_is_refused(made, origin, run_child, secret):
    script = """
import openai
try:
    openai.OpenAI(base_url='https://api.test/v1').models.list()
except openai.PermissionDeniedError as error:
    print(error.response.text)
"""
    result = run_child(
        [str(made("python", "bin/python")), "-c", script],
        config={
            "network": {"intercept": "all"},
            "credentials": [
                OpenAiApi.RULE | {"domain": OpenAiApi.HOST, "envVar": OpenAiApi.VARIABLE}
            ],
        },
        routes={"api.test:443": origin},
        env={OpenAiApi.VARIABLE: secret},
    )
    assert result.status == 0, result
    assert json.loads(result.out)["error"] == "placeholder_misdirected"
    assert origin.saw_nothing()
