"""The gate and the kinds of servers: what is refused, and where no secret may ever stand."""

from __future__ import annotations

import sys

import pytest

from gate_project import GateProject, speaks
from scripted_server import ScriptedServer

KEYS = {
    "MY_KEY": "sk-very-secret-4711",
    "MY_TEAM": "Bearer team-token-0815",
    "MY_PROXY": "http://user:pass%2Fword-2718@{}",
}
TOLD = "sk-from-a-command-3141"
HIDDEN = ("sk-very-secret", "team-token", "pass%2Fword", "pass/word", "sk-from-a-command")


def echoes(model: str, prompt: str) -> str:
    """Answer with everything that a server, or the proxy before it, was told in confidence."""
    own = f"{KEYS['MY_KEY']} {KEYS['MY_TEAM']} pass/word-2718" if model == "cand" else TOLD
    return f"{prompt}: {own}"


@pytest.fixture
def project(tmp_path):
    """Return a project whose models say what the gate must not tell."""
    with ScriptedServer(default=speaks(echoes)) as server:
        made = GateProject(tmp_path, server)
        made.write("key.py", f"print({TOLD[:10]!r} + {TOLD[10:]!r})")
        yield made


def test_no_secret_is_in_anything_that_is_written(project):
    """Keys of the environment and of a command, headers, proxies: all bytes are searched."""
    url = project.server.url
    both = {"provider": "openai", "base_url": url, "max_attempts": 1}
    base = {**both, "model": "base", "api_key_command": [sys.executable, "key.py"]}
    cand = {**both, "model": "cand", "api_key_env": "MY_KEY"}
    cand |= {"headers": {"X-Team": {"$env": "MY_TEAM"}}, "proxy": {"$env": "MY_PROXY"}}
    project.config(url, variants={"base": base, "cand": cand})
    env = {**KEYS, "MY_PROXY": KEYS["MY_PROXY"].format(url.split("/")[2])}
    run = project.run("--quant-junit=ours.xml", "--junitxml=p.xml", "-l", "-rA", **env)
    names = ("Authorization", "X-Team")
    sent = {tuple(map(headers.get, names)) for headers in project.server.headers}

    assert {(f"Bearer {TOLD}", None), (f"Bearer {KEYS['MY_KEY']}", KEYS["MY_TEAM"])} <= sent
    for path in project.folder.rglob("*"):
        data = path.read_bytes() if path.is_file() else b""
        # The file that makes the key has it in two pieces.
        assert not [word for word in HIDDEN if word.encode() in data], path
    assert not [word for word in HIDDEN if word in run.output]


def test_a_dialect_that_is_none(project):
    """It is a mistake of the configuration, with its place, the nearest name, and no request."""
    both = {"provider": "openai", "base_url": project.server.url}
    variants = {"base": {**both, "model": "base"}, "cand": {**both, "model": "c", "dialect": "vlm"}}
    project.config(project.server.url, variants=variants)
    run = project.run()

    assert 4 == run.code, run.output
    assert run.has(
        "quantguard.yaml:", "variant 'cand': dialect cannot be 'vlm'; did you mean 'vllm'"
    )
    assert 0 == project.server.requests


def test_a_parameter_that_a_server_ignores(project):
    """It is refused before the first request, once for all its cases."""
    both = {"provider": "openai", "base_url": project.server.url}
    variants = {
        "base": {**both, "model": "base"},
        "cand": {**both, "model": "cand", "dialect": "anthropic"},
    }
    request = {"max_tokens": 8, "seed": 1, "frequency_penalty": 1}
    project.config(project.server.url, variants=variants, request=request)
    run = project.run()

    assert 4 == run.code, run.output
    assert run.has(
        "variant 'cand': anthropic does not know 'frequency_penalty'", "(60 cases, first"
    )
    assert 0 == project.server.requests
