"""Which kind of server is asked for references: found out once, from a definite answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from pytest_quantguard.contracts import Connection
from pytest_quantguard.errors import RefusedError, TransportError
from pytest_quantguard.providers.openai import OpenAIProvider
from pytest_quantguard.types import CompletionRequest
from pytest_quantguard.variants import Variant
from scripted_server import Exchange, Reply, ScriptedServer, answers

ASKED = CompletionRequest(messages=({"role": "user", "content": "7 x 60?"},), reference="420")
PROPS = {"default_generation_settings": {}, "build_info": "b9000"}


def sends(body: Any, code: int = 200) -> Reply:
    return answers(code, body if isinstance(body, str) else json.dumps(body))


def told(text: str, number: int) -> dict[str, Any]:
    return {"id": number, "decoded_token": text, "logprob": -0.5}


#: The token of the reference at the end of the prompt.
VLLM = sends({"prompt_logprobs": [None, {"1": told(">", 1)}, {"2": told("420", 2)}]})
#: The prompt, the tokens of the reference, and what was said: these, and the end of the answer.
LLAMACPP = [
    sends({"prompt": "<user>7 x 60?<assistant>"}),
    sends({"tokens": [{"id": 2, "piece": "420"}]}),
    sends({"completion_probabilities": [told("420", 2), told("", 3)], "stop_type": "eos"}),
]


@pytest.fixture
def line(server: ScriptedServer) -> Iterator[Connection]:
    provider = OpenAIProvider(
        Variant(name="awq", provider="openai", model="m", base_url=server.url)
    )
    provider.start()
    connection = provider.connect()
    yield connection
    connection.close()


def pages(monkeypatch: pytest.MonkeyPatch, *replies: Reply) -> list[str]:
    """Answer GET with these in turn, the last one for good; return the paths asked for."""
    asked: list[str] = []

    def answer(exchange: Exchange) -> None:
        asked.append(exchange.path)
        replies[min(len(asked), len(replies)) - 1](exchange)

    monkeypatch.setattr(Exchange, "do_GET", answer)
    return asked


@pytest.mark.parametrize("code", [408, 425, 429, 500, 502, 503, 504])
def test_a_server_that_is_not_ready_is_asked_again_what_it_is(
    server: ScriptedServer,
    line: Connection,
    monkeypatch: pytest.MonkeyPatch,
    code: int,
) -> None:
    """llama.cpp answers 503 while it loads: that is no sign of vLLM."""
    loading = sends({"error": {"message": "Loading model", "code": code}}, code)
    asked = pages(monkeypatch, loading, sends(PROPS))
    server.replies.extend(LLAMACPP * 2)
    with pytest.raises(TransportError, match=f"HTTP {code}: Loading model"):
        line.complete(ASKED)

    assert server.requests == 0
    assert [2] * 2 == [len(line.complete(ASKED).tokens) for _ in range(2)]
    assert ["/props"] * 2 == asked


@pytest.mark.parametrize(
    "reply",
    [
        sends({}, 404),
        sends({}, 405),
        sends({}, 501),
        sends({"build_info": "b1"}),
        sends({"error": "unknown page"}),
        sends("<html>"),
        sends("[]"),
    ],
)
def test_a_server_without_the_page_is_asked_as_vllm(
    server: ScriptedServer,
    line: Connection,
    monkeypatch: pytest.MonkeyPatch,
    reply: Reply,
) -> None:
    """No such page, or a page of something else: a definite answer, asked for once."""
    asked = pages(monkeypatch, reply)
    server.replies.extend([VLLM] * 2)

    assert [1] * 2 == [len(line.complete(ASKED).tokens) for _ in range(2)]
    assert ["/props"] == asked


@pytest.mark.parametrize("code", [307, 400, 401, 403])
def test_a_server_that_hides_what_it_is_must_be_named(
    server: ScriptedServer,
    line: Connection,
    monkeypatch: pytest.MonkeyPatch,
    code: int,
) -> None:
    """Nothing is guessed: the reason that is told would be a wrong one."""
    asked = pages(monkeypatch, sends({}, code))
    for _ in range(2):
        with pytest.raises(RefusedError, match=f"/props .*HTTP {code}.*'reference'") as caught:
            line.complete(ASKED)
        assert not caught.value.final

    assert (["/props"], 0) == (asked, server.requests)
    assert line.complete(replace(ASKED, reference=None)).text == "fine"
