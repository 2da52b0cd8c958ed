"""sallyport set up in other ways, each to be compared with its plain self under the same load."""

import json

# Variant: what it does to sallyport's descriptor.
VARIANTS = {
    "10 patterns, 10 rules": lambda peer: _with_config(peer, patterns=10, rules=10),
    "10,000 patterns, 1,000 rules": lambda peer: _with_config(peer, patterns=10_000, rules=1_000),
    "audit log": lambda peer: _with_arguments(peer, "--audit-log", "@FOLDER@/audit.jsonl"),
    "4 workers": lambda peer: _with_arguments(peer, "--workers", "4"),
}

# The variants of a load whose replies are worth searching.
SCRUBBING = {"no scrubbing": lambda peer: _without_scrubbing(peer)}


def make(peer, name):
    changed = {**VARIANTS, **SCRUBBING}[name](peer)
    changed["name"] = f"{peer['name']}, {name}"
    return changed


def _with_arguments(peer, flag, value):
    command = list(peer["command"])
    if flag in command:
        command[command.index(flag) + 1] = value
    else:
        command += [flag, value]
    return {**peer, "command": command}


def _with_config(peer, patterns, rules):
    """The measured host's own pattern and rule stand last, behind all the others."""
    config = _config(peer)
    kinds = ["host{}.example.com", "*.zone{}.example.com", "api{}.example.net:443",
             "*.cluster{}.example.org:8443"]
    others = [kinds[i % len(kinds)].format(i) for i in range(patterns)]
    config["network"]["allowedDomains"] = others + config["network"]["allowedDomains"]
    config["credentials"] = [
        {"domain": f"rule{i}.example.com", "envVar": "BENCH_CREDENTIAL",
         "header": "Authorization", "format": "Bearer ${value}"}
        for i in range(rules)
    ] + config["credentials"]
    return _configured(peer, config)


def _without_scrubbing(peer):
    config = _config(peer)
    for rule in config["credentials"]:
        rule["scrub"] = False
    return _configured(peer, config)


def _config(peer):
    return json.loads((peer["folder"] / "proxy-config.json").read_text())


def _configured(peer, config):
    files = [name for name in peer["files"] if name != "proxy-config.json"]
    return {**peer, "files": files, "texts": {"proxy-config.json": json.dumps(config)}}
