"""The snippets of docs/servers.md can be copied."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from pytest_quantguard import _config
from pytest_quantguard.providers._dialects import DIALECTS
from pytest_quantguard.providers.openai import OpenAIProvider

TEXT = (Path(__file__).parents[1] / "docs/servers.md").read_text("utf-8")
SNIPPETS = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)


@pytest.mark.parametrize(
    "snippet", SNIPPETS, ids=lambda text: "-".join(yaml.safe_load(text)["variants"])
)
def test_each_snippet_is_a_configuration(snippet, tmp_path, monkeypatch):
    """It is read without a mistake, and the provider can use it."""
    monkeypatch.setenv("GATEWAY_TOKEN", "some-token")
    monkeypatch.setenv("PROXY_URL", "http://proxy.example:3128")
    (tmp_path / "certificates").mkdir()
    (tmp_path / "certificates/inside.pem").touch()
    base = "  zero: {provider: openai, model: m, base_url: 'http://127.0.0.1:1/v1'}\n"
    file = tmp_path / "quantguard.yaml"
    file.write_text(f"baseline: zero\nbudgets: auto\n{snippet}{base}")
    names = list(yaml.safe_load(snippet)["variants"])
    config = _config.load(file, tmp_path, candidates=names)

    for variant in config.candidates:
        OpenAIProvider(variant)


def test_every_dialect_is_told_of():
    """Each has its row in the table; none is told of that there is not."""
    rows = re.findall(r"^\| (`[a-z`, ]+`) \| [a-z]", TEXT, re.MULTILINE)
    told = set(re.findall(r"`(\w+)`", " ".join(rows)))
    keys = {"api_key_env", "api_key_command", "headers", "proxy", "ca_file"}

    assert DIALECTS.keys() - {"auto"} == told - keys
