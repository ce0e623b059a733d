"""What servers say about themselves: each kind by its own pages, none of them believed."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from dialect_servers import MODEL, SHAPES, Shape

from pytest_quantguard.providers import _pages
from pytest_quantguard.providers.openai import OpenAIProvider
from pytest_quantguard.variants import ServedAs, Variant
from scripted_server import Exchange, ScriptedServer

KINDS = {name: shape for name, shape in SHAPES.items() if name != "groq"}


class Site:
    """Pages that are got or posted for; ``asked`` has their addresses."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, pages: dict[str, Any]) -> None:
        self.asked: list[str] = []
        self.bodies: list[Any] = []

        def answer(exchange: Exchange) -> None:
            length = int(exchange.headers.get("content-length", 0))
            self.bodies.append(exchange.rfile.read(length).decode())
            self.asked.append(exchange.path)
            page = pages.get(exchange.path)
            text = page if isinstance(page, str) else json.dumps(page)
            exchange.answer(404 if page is None else 200, text)

        monkeypatch.setattr(Exchange, "do_GET", answer)
        monkeypatch.setattr(Exchange, "do_POST", answer)


def served(server: ScriptedServer, dialect: str = "auto", model: str = MODEL) -> ServedAs:
    variant = Variant(
        name="awq", provider="openai", model=model, base_url=server.url, dialect=dialect
    )
    provider = OpenAIProvider(variant)
    provider.start()
    return provider.served_as()


def expected(shape: Shape) -> dict[str, Any]:
    names = tuple(entry["id"] for entry in shape.pages["/v1/models"]["data"])
    return {"model": MODEL, "models": names, **shape.served}


def told(found: ServedAs) -> dict[str, Any]:
    return {
        name: getattr(found, name)
        for name in found.__slots__
        if getattr(found, name) not in (None, ())
    }


@pytest.mark.parametrize("name", KINDS)
def test_each_kind_by_its_own_pages(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Model, quantization, version, context, cache and memory, as far as it tells them."""
    shape = KINDS[name]
    site = Site(monkeypatch, shape.pages)
    found = told(served(server, shape.dialect))

    assert expected(shape) == found
    assert set(shape.pages) <= set(site.asked)
    assert len(site.asked) == len(set(site.asked))
    assert ('{"model": "my-model"}' in site.bodies) == (name == "ollama")


@pytest.mark.parametrize("name", ["vllm", "sglang", "llamacpp", "ollama", "tgi"])
def test_the_kind_is_found_out(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Without a dialect, by the owner of the models or by the pages there are."""
    shape = KINDS[name]
    Site(monkeypatch, shape.pages)

    assert expected(shape) == told(served(server))


def test_a_hosted_service_is_not_searched(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever says it is OpenAI is asked for its models, and for nothing else."""
    site = Site(monkeypatch, KINDS["openai"].pages)
    served(server)

    assert ["/v1/models"] == site.asked


def test_endpoints_that_differ(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A router with servers of several precisions behind it tells none."""
    shape = KINDS["openrouter"]
    two = {"data": {"endpoints": [{"quantization": "fp8"}, {"quantization": "bf16"}]}}
    Site(monkeypatch, {**shape.pages, f"/v1/models/{MODEL}/endpoints": two})

    assert served(server, "openrouter").quantization is None


DEEP = "[" * 100_000 + "]" * 100_000


@pytest.mark.parametrize(
    "page",
    [
        3,
        [],
        {},
        "not JSON",
        DEEP,
        '{"data": ' + DEEP + "}",
        {"data": 3},
        {"data": [3, None, {"id": 3}, {"id": ""}]},
        {"data": [{"id": MODEL, "meta": 3, "max_model_len": "8192"}]},
        {"data": [{"id": MODEL, "meta": {"ftype": 3, "size": -1}, "max_model_len": True}]},
        '{"data": [{"id": "' + MODEL + '", "max_model_len": 1' + "0" * 400 + "}]}",
        '{"data": [{"id": "' + MODEL + '", "meta": {"size": NaN}, "max_model_len": Infinity}]}',
        {"default_generation_settings": 3, "build_info": [], "model_ftype": {"a": 1}},
        {"internal_states": [{"memory_usage": {"weight": 1e300}}], "version": None},
        {"internal_states": {"0": 1}, "vllm_config": [1], "models": "x", "details": "y"},
    ],
)
@pytest.mark.parametrize("dialect", ["auto", "vllm", "sglang", "llamacpp", "ollama"])
def test_pages_that_make_no_sense(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch, dialect: str, page: Any
) -> None:
    """Every page is the same nonsense: nothing is told, and nothing is raised."""
    answer = page if isinstance(page, str) else json.dumps(page)
    monkeypatch.setattr(Exchange, "do_GET", lambda exchange: exchange.answer(200, answer))
    monkeypatch.setattr(Exchange, "do_POST", lambda exchange: exchange.answer(200, answer))
    found = served(server, dialect)

    assert replace(found, model=None, models=()) == ServedAs()
    assert found.model in (None, MODEL)


def test_hostile_names(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are one line each, cut, harmless, and not more than 50."""
    bad = "::error::\x1b[31m\n" + "x" * 10_000
    many = [{"id": f"{bad}{n}"} for n in range(200)]
    Site(monkeypatch, {"/v1/models": {"data": many}, "/props": {"build_info": bad}})
    found = served(server)

    assert 50 == len(found.models)
    for text in (*found.models, found.version or ""):
        assert len(text) < 300
        assert "\n" not in text
        assert "\x1b" not in text
        assert not text.startswith("::")


def test_a_page_without_end(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is read up to a limit, then it is as good as none."""
    monkeypatch.setattr(_pages, "MAX_PAGE", 10_000)
    Site(monkeypatch, {"/v1/models": json.dumps({"data": [{"id": MODEL}], "x": "y" * 20_000})})

    assert ServedAs() == served(server)


@pytest.mark.parametrize("model", ["a?b", "a b#c", "a\nb", "\ud800", "../a", "%"])
def test_name_of_a_model_is_no_address(server: ScriptedServer, model: str) -> None:
    """It may hold what means something in one; asking about it never raises."""
    assert served(server, "openrouter", model) == ServedAs()
