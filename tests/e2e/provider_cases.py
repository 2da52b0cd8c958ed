"""What each shipped provider type is held to: how its credential is found, sent and received."""

from dataclasses import dataclass, field


@dataclass
class Case:
    # Variables of the host; "SECRET" stands for the test's secret.
    host: dict
    # What a client sends to each URL, "{NAME}" standing for the child's variable: (URL, header,
    # what the child sends, what the origin receives). "BASIC user:password" is encoded.
    requests: list
    # The child's variables and the regular expressions that their values match.
    child: dict
    # Files in the child's home folder, and a part that each holds.
    files: dict = field(default_factory=dict)
    # Further hosts that may be reached.
    hosts: list = field(default_factory=list)


def bearer(variable, url, shape, *further, header="Authorization", scheme="Bearer ", **more):
    """The usual: one key, found in one variable or another, in one header."""
    return Case(
        host={variable: "SECRET"},
        requests=[(url, header, f"{scheme}{{{variable}}}", f"{scheme}SECRET")],
        child={name: shape for name in (variable, *further)},
        **more,
    )


ANTHROPIC_KEY = r"sk-ant-api03-[\w-]{75}-sallyport-sandboxAA"
GITHUB_TOKEN = r"ghp_[A-Za-z0-9]{36}"

CASES = {
    "anthropic": Case(
        # Discovered from one variable, projected to another.
        host={"CLAUDE_API_KEY": "SECRET"},
        requests=[
            (
                "https://api.anthropic.com/v1/messages",
                "x-api-key",
                "{ANTHROPIC_API_KEY}",
                "SECRET",
            )
        ],
        child={"ANTHROPIC_API_KEY": ANTHROPIC_KEY},
        files={".claude.json": '"primaryApiKey": "{ANTHROPIC_API_KEY}"'},
    ),
    "aws-bedrock": bearer(
        "AWS_BEARER_TOKEN_BEDROCK",
        "https://bedrock-runtime.us-east-1.amazonaws.com/model/x/converse",
        r"ABSK[A-Za-z0-9]{128}",
    ),
    "claude-code": bearer(
        "CLAUDE_CODE_OAUTH_TOKEN",
        "https://api.anthropic.com/v1/messages",
        r"sk-ant-oat01-[\w-]{93}AA",
        files={".claude.json": '"hasCompletedOnboarding": true'},
    ),
    "codex": bearer(
        "OPENAI_API_KEY",
        "https://api.openai.com/v1/responses",
        r"sk-proj-[\w-]{156}",
        "CODEX_API_KEY",
        files={".codex/auth.json": '"OPENAI_API_KEY": "{OPENAI_API_KEY}"'},
    ),
    "cohere": bearer(
        "COHERE_API_KEY", "https://api.cohere.com/v2/chat", r"[A-Za-z0-9]{40}", "CO_API_KEY"
    ),
    "copilot": Case(
        host={"GITHUB_TOKEN": "SECRET"},
        requests=[
            (
                "https://api.githubcopilot.com/chat/completions",
                "Authorization",
                "Bearer {COPILOT_GITHUB_TOKEN}",
                "Bearer SECRET",
            ),
            (
                "https://api.github.com/copilot_internal/user",
                "Authorization",
                "token {COPILOT_GITHUB_TOKEN}",
                "Bearer SECRET",
            ),
        ],
        child={"COPILOT_GITHUB_TOKEN": r"github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}"},
    ),
    "deepinfra": bearer(
        "DEEPINFRA_API_KEY",
        "https://api.deepinfra.com/v1/openai/models",
        r"[A-Za-z0-9]{32}",
        "DEEPINFRA_TOKEN",
    ),
    "deepseek": bearer(
        "DEEPSEEK_API_KEY", "https://api.deepseek.com/chat/completions", r"sk-[0-9a-f]{32}"
    ),
    "docker-hub": Case(
        host={"DOCKER_USERNAME": "somebody", "DOCKER_PASSWORD": "SECRET"},
        requests=[
            (
                "https://auth.docker.io/token?service=registry.docker.io",
                "Authorization",
                "BASIC {DOCKERHUB_USERNAME}:{DOCKERHUB_TOKEN}",
                "BASIC somebody:SECRET",
            )
        ],
        child={
            "DOCKERHUB_USERNAME": "somebody",
            "DOCKERHUB_TOKEN": r"dckr_pat_[\w-]{27}",
            "DOCKER_PASSWORD": r"dckr_pat_[\w-]{27}",
        },
        files={".docker/config.json": "https://index.docker.io/v1/"},
        hosts=["registry-1.docker.io"],
    ),
    "fireworks": bearer(
        "FIREWORKS_API_KEY", "https://api.fireworks.ai/inference/v1/models", r"fw_[A-Za-z0-9]{22}"
    ),
    # It goes where a rule of the configuration says.
    "generic": Case(
        host={"GENERIC_TOKEN": "SECRET"},
        requests=[("https://api.test/", "X-Token", "{GENERIC_TOKEN}", "SECRET")],
        child={"GENERIC_TOKEN": r"sallyport-[0-9a-f]{32}"},
    ),
    "github": Case(
        host={"GH_TOKEN": "SECRET"},
        requests=[
            (
                "https://api.github.com/user",
                "Authorization",
                "token {GITHUB_TOKEN}",
                "Bearer SECRET",
            ),
            (
                "https://github.com/o/r.git/info/refs?service=git-upload-pack",
                "Authorization",
                "BASIC x-access-token:{GH_TOKEN}",
                "BASIC x-access-token:SECRET",
            ),
        ],
        child={"GITHUB_TOKEN": GITHUB_TOKEN, "GH_TOKEN": GITHUB_TOKEN},
        files={
            ".gitconfig": '[url "https://x-access-token:{GITHUB_TOKEN}@github.com/"]',
            ".config/gh/hosts.yml": "oauth_token: {GITHUB_TOKEN}",
        },
        hosts=["codeload.github.com", "raw.githubusercontent.com"],
    ),
    "gitlab": Case(
        host={"GITLAB_TOKEN": "SECRET"},
        requests=[
            (
                "https://gitlab.com/api/v4/user",
                "Authorization",
                "Bearer {GITLAB_TOKEN}",
                "Bearer SECRET",
            ),
            ("https://gitlab.com/api/v4/user", "Private-Token", "{GITLAB_TOKEN}", "SECRET"),
            (
                "https://gitlab.com/g/p.git/info/refs",
                "Authorization",
                "",
                "BASIC oauth2:SECRET",
            ),
        ],
        child={"GITLAB_TOKEN": r"glpat-[\w-]{20}"},
        files={".config/glab-cli/config.yml": "token: {GITLAB_TOKEN}"},
        hosts=["registry.gitlab.com"],
    ),
    "google": bearer(
        "GEMINI_API_KEY",
        "https://generativelanguage.googleapis.com/v1beta/models",
        r"AIzaSy[\w-]{33}",
        "GOOGLE_API_KEY",
        header="x-goog-api-key",
        scheme="",
    ),
    "groq": bearer(
        "GROQ_API_KEY", "https://api.groq.com/openai/v1/models", r"gsk_[A-Za-z0-9]{52}"
    ),
    "huggingface": bearer(
        "HF_TOKEN",
        "https://huggingface.co/api/whoami-v2",
        r"hf_[A-Za-z0-9]{34}",
        "HUGGING_FACE_HUB_TOKEN",
        hosts=["cdn-lfs.hf.co"],
    ),
    "mistral": bearer(
        "MISTRAL_API_KEY", "https://api.mistral.ai/v1/models", r"[A-Za-z0-9]{32}"
    ),
    "nebius": bearer(
        "NEBIUS_API_KEY", "https://api.tokenfactory.nebius.com/v1/models", r"[\w-]{180}"
    ),
    "npm": bearer(
        "NPM_TOKEN",
        "https://registry.npmjs.org/-/whoami",
        r"npm_[A-Za-z0-9]{36}",
        "NODE_AUTH_TOKEN",
        files={".npmrc": "//registry.npmjs.org/:_authToken={NPM_TOKEN}"},
    ),
    "nvidia": bearer(
        "NVIDIA_API_KEY", "https://integrate.api.nvidia.com/v1/models", r"nvapi-[\w-]{64}"
    ),
    "openai": bearer("OPENAI_API_KEY", "https://api.openai.com/v1/models", r"sk-proj-[\w-]{156}"),
    "opencode": bearer(
        "OPENCODE_API_KEY", "https://opencode.ai/zen/v1/models", r"sk-[A-Za-z0-9]{64}"
    ),
    "openrouter": bearer(
        "OPENROUTER_API_KEY", "https://openrouter.ai/api/v1/models", r"sk-or-v1-[0-9a-f]{64}"
    ),
    "perplexity": bearer(
        "PPLX_API_KEY",
        "https://api.perplexity.ai/chat/completions",
        r"pplx-[A-Za-z0-9]{48}",
        "PERPLEXITY_API_KEY",
    ),
    "pypi": Case(
        host={"TWINE_PASSWORD": "SECRET"},
        requests=[
            (
                "https://upload.pypi.org/legacy/",
                "Authorization",
                "BASIC __token__:{PYPI_TOKEN}",
                "BASIC __token__:SECRET",
            )
        ],
        child={"PYPI_TOKEN": r"pypi-[\w-]{160}", "UV_PUBLISH_TOKEN": r"pypi-[\w-]{160}"},
        files={".pypirc": "password = {PYPI_TOKEN}"},
        hosts=["pypi.org", "files.pythonhosted.org"],
    ),
    "slack": Case(
        host={"SLACK_BOT_TOKEN": "SECRET"},
        requests=[
            (
                "https://slack.com/api/auth.test",
                "Authorization",
                "Bearer {SLACK_TOKEN}",
                "Bearer SECRET",
            ),
            (
                "https://files.slack.com/files-pri/T1-F1/a.png",
                "Authorization",
                "Bearer {SLACK_TOKEN}",
                "Bearer SECRET",
            ),
        ],
        child={"SLACK_TOKEN": r"xoxb-\d{12}-\d{13}-[A-Za-z0-9]{24}"},
        hosts=["wss-primary.slack.com"],
    ),
    "together": bearer(
        "TOGETHER_API_KEY", "https://api.together.xyz/v1/models", r"[0-9a-f]{64}"
    ),
    "xai": bearer("XAI_API_KEY", "https://api.x.ai/v1/models", r"xai-[A-Za-z0-9]{80}"),
}
