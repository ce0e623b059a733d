"""A provider that changes its weights overnight, behind the same address and the same name."""

from __future__ import annotations

import gc
import json
import shutil
import socket
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


FEW = ("--no-golden", "--looks", "4")


@pytest.fixture
def port() -> Iterator[int]:
    """Return a port that nobody else is given while no server is up on it."""
    with socket.socket() as kept:
        kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server does
        kept.bind(("127.0.0.1", 0))
        yield kept.getsockname()[1]


@contextmanager
def served(model_folder, scheme: str, port: int, cache: str = "") -> Iterator[None]:
    """Serve one precision of the embedded model as ``tiny`` on this port.

    cache: the type of llama.cpp's KV cache, such as ``Q4_0``; empty = its own.
    """
    variant = Variant(
        name="tiny",
        provider="llamacpp",
        model=f"embedded:{scheme}",
        options={"n_threads": 1, "n_parallel": 2, "ctx": 512},
    )
    params = _parameters(xllamacpp, variant, embedded.gguf_path(scheme, model_folder))
    params.port = port
    if cache:
        kind = getattr(xllamacpp.ggml_type, f"GGML_TYPE_{cache}")
        params.cache_type_k = params.cache_type_v = kind
    server = xllamacpp.Server(params)
    try:
        LlamaCppProvider(variant)._await_loop(f"{server.listening_address}/v1")
        yield
    finally:
        del server
        gc.collect()


class Night:
    """An endpoint ``api`` on a port, and looks at it."""

    cases = "smoke and (faq or tool)"

    def __init__(self, folder, capsys) -> None:
        self.folder = folder
        self.capsys = capsys
        shutil.copytree(ROOT / "golden", folder / "golden")

    def at(self, port: int) -> None:
        """Write the configuration: nothing in it knows what is served."""
        base_url = f"http://127.0.0.1:{port}/v1"
        self._write({"provider": "openai", "base_url": base_url, "model": "tiny", "timeout_s": 30})

    def of_file(self, model: Path) -> None:
        """Write the configuration of a model file that is loaded here."""
        options = {"n_threads": 1, "n_parallel": 2, "ctx": 512}
        self._write({"provider": "llamacpp", "model": str(model), "options": options})

    def _write(self, variant) -> None:
        config = {
            "baseline": "api",
            "request": {"temperature": 0, "seed": 7},
            "variants": {"api": {**variant, "concurrency": 2}},
            "budgets": [{"max_drop": "5 pt"}],
        }
        (self.folder / "quantguard.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")

    def look(self, *options: str):
        """Return the exit code and the JSON of one call."""
        cases = [] if "--no-golden" in options else ["-k", self.cases]
        code = main(["watch", "api", "--json", *cases, *options])
        return code, json.loads(self.capsys.readouterr().out)


@pytest.fixture
def night(tmp_path, monkeypatch, capsys):
    """Return an endpoint in a fresh project, which is the current folder."""
    monkeypatch.chdir(tmp_path)
    return Night(tmp_path, capsys)


def changed(document) -> set[str]:
    """Return the kinds of evidence that show a change."""
    return {one["kind"] for one in document["findings"] if one["changed"] and one["decides"]}


def test_another_precision_behind_the_same_name_is_noticed_in_one_look(night, model_folder, port):
    """Blessed at f16: a quiet night is 0, q4_0 is a change, weights that broke are worse."""
    with served(model_folder, "f16", port):
        night.at(port)
        assert night.look("--bless", "go-live, checked by hand", "--looks", "4")[0] == 0
        quiet_code, quiet = night.look()
    with served(model_folder, "q4_0", port):
        cheaper_code, cheaper = night.look("--no-golden")
    with served(model_folder, "rtn3", port):
        broken_code, broken = night.look()

    assert (quiet_code, quiet["answer"], changed(quiet)) == (0, "unchanged", set())
    assert quiet["gate"]["cases"] == 40
    assert cheaper_code == 11
    assert "logprobs" in changed(cheaper)
    assert (broken_code, broken["answer"]) == (1, "worse")
    assert broken["gate"]["verdict"] == "fail"


def test_another_kv_cache_behind_the_same_name_is_noticed_in_one_look(night, model_folder, port):
    """The weights are the same to the last bit: only what is kept of the prompt is rounded."""
    with served(model_folder, "f16", port):
        night.at(port)
        assert night.look("--bless", "go-live", *FEW)[0] == 0
    with served(model_folder, "f16", port, cache="Q4_0"):
        code, found = night.look("--no-golden")

    assert (code, changed(found)) == (11, {"logprobs"})


def test_texts_alone_show_a_cheaper_precision_in_one_look(night, model_folder, port, monkeypatch):
    """Where an API gives no log-probs, likeliest and drawn answers are compared."""
    monkeypatch.setattr("pytest_quantguard.watch.probes.has_logprobs", lambda completion: False)
    with served(model_folder, "f16", port):
        night.at(port)
        assert night.look("--bless", "go-live", *FEW)[0] == 0
        quiet_code, quiet = night.look("--no-golden")
    with served(model_folder, "q4_0", port):
        code, found = night.look("--no-golden")

    assert (quiet_code, quiet["provenance"]["mode"]) == (0, "sampled")
    assert code == 11
    assert "sampled" in changed(found)


def test_a_file_of_ones_own_that_became_another_is_named(night, model_folder, tmp_path):
    """Same path, another content: a change, compared with the pin like any other."""
    model = tmp_path / "model.gguf"
    shutil.copy(embedded.gguf_path("f16", model_folder), model)
    night.of_file(model)
    night.cases = "smoke and faq"
    assert night.look("--bless", "go-live", "--looks", "4")[0] == 0
    shutil.copy(embedded.gguf_path("rtn3", model_folder), model)

    code, found = night.look()

    assert code in (1, 11)
    assert {"identity", "logprobs"} <= changed(found)
    assert (found["gate"]["cases"], found["gate"]["mishaps"]) == (20, 0)
    assert any("content of the model file" in reason for reason in found["reasons"])
