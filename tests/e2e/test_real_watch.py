"""A provider that changes its weights overnight, behind the same address and the same name."""

from __future__ import annotations

import gc
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from pytest_quantguard import embedded
from pytest_quantguard.cli import main
from pytest_quantguard.providers.llamacpp import LlamaCppProvider, _parameters
from pytest_quantguard.variants import Variant

xllamacpp = pytest.importorskip("xllamacpp")
ROOT = Path(__file__).parents[2]


@contextmanager
def served(model_folder, scheme: str, port: int = 0) -> Iterator[int]:
    """Serve one precision of the embedded model as ``tiny``; yields the port."""
    variant = Variant(
        name="tiny",
        provider="llamacpp",
        model=f"embedded:{scheme}",
        options={"n_threads": 1, "n_parallel": 2, "ctx": 512},
    )
    params = _parameters(xllamacpp, variant, embedded.gguf_path(scheme, model_folder))
    params.port = port
    server = xllamacpp.Server(params)
    try:
        url = server.listening_address
        LlamaCppProvider(variant)._await_loop(f"{url}/v1")
        yield int(url.rsplit(":", 1)[1])
    finally:
        del server
        gc.collect()


class Night:
    """An endpoint ``api`` on a port, and looks at it."""

    def __init__(self, folder, capsys) -> None:
        self.folder = folder
        self.capsys = capsys
        shutil.copytree(ROOT / "golden", folder / "golden")

    def at(self, port: int) -> None:
        """Write the configuration: nothing in it knows what is served."""
        variant = {"provider": "openai", "base_url": f"http://127.0.0.1:{port}/v1", "model": "tiny"}
        config = {
            "baseline": "api",
            "request": {"temperature": 0, "seed": 7},
            "variants": {"api": {**variant, "concurrency": 2, "timeout_s": 30}},
            "budgets": [{"max_drop": "5 pt"}],
        }
        (self.folder / "quantguard.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")

    def look(self, *options: str):
        """Return the exit code and the JSON of one call."""
        code = main(["watch", "api", "--json", "-k", "smoke and (faq or tool)", *options])
        return code, json.loads(self.capsys.readouterr().out)


@pytest.fixture
def night(tmp_path, monkeypatch, capsys):
    """Return an endpoint in a fresh project, which is the current folder."""
    monkeypatch.chdir(tmp_path)
    return Night(tmp_path, capsys)


def changed(document) -> set[str]:
    """Return the kinds of evidence that show a change."""
    return {one["kind"] for one in document["findings"] if one["changed"] and one["decides"]}


def test_another_precision_behind_the_same_name_is_noticed_in_one_look(night, model_folder):
    """Blessed at f16: a quiet night is 0; q4_0 is never 0; weights that broke are for the worse."""
    with served(model_folder, "f16") as port:
        night.at(port)
        assert night.look("--bless", "go-live, checked by hand")[0] == 0
        quiet_code, quiet = night.look()
    with served(model_folder, "q4_0", port):
        cheaper_code, cheaper = night.look()
    with served(model_folder, "rtn3", port):
        broken_code, broken = night.look()

    assert (quiet_code, quiet["answer"], changed(quiet)) == (0, "unchanged", set())
    assert quiet["gate"]["cases"] == 40
    assert cheaper_code in (1, 11)
    assert "logprobs" in changed(cheaper)
    assert (broken_code, broken["answer"]) == (1, "worse")
    assert broken["gate"]["verdict"] == "fail"
