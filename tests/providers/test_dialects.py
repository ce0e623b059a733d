"""Kinds of servers: what is sent to each, what is read from each, what each is not asked."""

from __future__ import annotations

from typing import Any

import pytest
from dialect_servers import MODEL, SHAPES, WEATHER

from pytest_quantguard.contracts import Choosy, Omitting
from pytest_quantguard.errors import ProviderError, RefusedError, TransportError
from pytest_quantguard.providers._dialects import DIALECTS, dialect_of
from pytest_quantguard.providers.openai import OpenAIProvider
from pytest_quantguard.types import Completion, CompletionRequest
from pytest_quantguard.variants import Variant
from scripted_server import ScriptedServer, streams

TOOLS = ({"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}},)
CHAT = "/v1/chat/completions"
PARAMS = {"temperature": 0, "max_tokens": 64}


def request(**params: Any) -> CompletionRequest:
    return CompletionRequest(
        messages=({"role": "user", "content": "hi"},), tools=TOOLS, params={**PARAMS, **params}
    )


def provider(server: ScriptedServer, dialect: str, **given: Any) -> OpenAIProvider:
    return OpenAIProvider(
        Variant(
            name="awq",
            provider="openai",
            model=MODEL,
            base_url=server.url,
            timeout_s=60.0,
            dialect=dialect,
            **given,
        )
    )


def ask(server: ScriptedServer, dialect: str, **given: Any) -> Completion:
    there = provider(server, dialect, **given)
    there.start()
    line = there.connect()
    try:
        return line.complete(request())
    finally:
        line.close()


@pytest.mark.parametrize("name", SHAPES)
def test_an_answer_of_each_kind_of_server(server: ScriptedServer, name: str) -> None:
    """Text, thoughts, the call, every count and the fingerprint, each read from its own place."""
    shape = SHAPES[name]
    server.replies.append(streams(*shape.stream))
    found = ask(server, shape.dialect)

    assert ("It is 7.", shape.reasoning) == (found.text, found.reasoning)
    assert [("weather", WEATHER)] == [(c.name, c.arguments_text) for c in found.tool_calls]
    assert "tool_calls" == found.finish_reason
    usage = found.usage
    counted = (usage.prompt_tokens, usage.completion_tokens)
    assert shape.usage == (*counted, usage.cached_tokens, usage.reasoning_tokens)
    assert (shape.model, shape.fingerprint) == (found.served_as, found.fingerprint)


@pytest.mark.parametrize("name", [name for name in SHAPES if name != "anthropic"])
def test_the_default_reads_all_that_speak_one_language(server: ScriptedServer, name: str) -> None:
    """Without a dialect the same is read, from the same single request."""
    shape = SHAPES[name]
    server.replies.append(streams(*shape.stream))
    found = ask(server, "auto")

    assert ("It is 7.", shape.reasoning) == (found.text, found.reasoning)
    assert WEATHER == found.tool_calls[0].arguments_text
    assert 1 == server.requests


@pytest.mark.parametrize("name", [name for name, shape in SHAPES.items() if shape.reasoning])
def test_thinking_is_the_first_token(server: ScriptedServer, name: str) -> None:
    """The time to the first token ends with the first thing of any kind; an answer of thoughts
    alone is empty."""
    shape = SHAPES[name]
    said = ("7.", "weather", "city", "input_json")
    thoughts = [e for e in shape.stream if not any(word in e for word in said)]
    server.replies.append(streams(*thoughts))
    found = ask(server, shape.dialect)

    assert found.reasoning == shape.reasoning
    assert found.empty
    assert found.ttft_s is not None


@pytest.mark.parametrize("name", SHAPES)
def test_an_error_in_mid_stream(server: ScriptedServer, name: str) -> None:
    """It ends the answer, with its own words and its own status, however much was said before."""
    shape = SHAPES[name]
    server.replies.append(streams(*shape.stream[:3], shape.late_error))
    with pytest.raises(ProviderError, match=f"HTTP {shape.late_status}: overloaded") as caught:
        ask(server, shape.dialect)

    retried = shape.late_status >= 500 or shape.late_status == 429
    assert isinstance(caught.value, TransportError if retried else RefusedError)


@pytest.mark.parametrize("name", SHAPES)
def test_half_an_answer_is_none(server: ScriptedServer, name: str) -> None:
    """A stream that ends before the server said why is cut off."""
    shape = SHAPES[name]
    ends = ('"finish_reason": "t', '"stop_reason": "t')
    last = next(i for i, e in enumerate(shape.stream) if any(end in e for end in ends))
    server.replies.append(streams(*shape.stream[:last]))
    with pytest.raises(TransportError, match="ended before the answer was complete"):
        ask(server, shape.dialect)


# --- what is sent -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dialect", "path", "header", "limit"),
    [
        ("auto", CHAT, "Authorization: Bearer sk-12345678", "max_tokens"),
        ("vllm", CHAT, "Authorization: Bearer sk-12345678", "max_tokens"),
        ("openai", CHAT, "Authorization: Bearer sk-12345678", "max_completion_tokens"),
        ("azure", CHAT, "api-key: sk-12345678", "max_completion_tokens"),
        ("anthropic", "/v1/messages", "x-api-key: sk-12345678", "max_tokens"),
    ],
)
def test_where_and_how_it_is_asked(
    server: ScriptedServer,
    monkeypatch: pytest.MonkeyPatch,
    dialect: str,
    path: str,
    header: str,
    limit: str,
) -> None:
    """The path, the key's header and the name of the limit are the server's own."""
    monkeypatch.setenv("QG_KEY", "sk-12345678")
    asked: list[str] = []

    def reply(exchange: Any) -> None:
        asked.append(exchange.path)
        name = "anthropic" if dialect == "anthropic" else "openai"
        exchange.stream(*SHAPES[name].stream)

    server.replies.append(reply)
    ask(server, dialect, api_key_env="QG_KEY")
    name, _, value = header.partition(": ")
    sent = {key.lower(): text for key, text in server.headers[0].items()}

    assert [path] == asked
    assert value == sent[name.lower()]
    assert ("authorization" in sent) == (name == "Authorization")
    assert 64 == server.bodies[0][limit]
    assert ("stream_options" in server.bodies[0]) == (dialect != "anthropic")
    assert (sent.get("anthropic-version") is not None) == (dialect == "anthropic")


@pytest.mark.parametrize(("dialect", "streamed"), [("vllm", True), ("llamacpp", False)])
def test_log_probs_beside_tools(dialect: str, streamed: bool) -> None:
    """Only where a server refuses to stream them are they not streamed."""
    body = dialect_of(dialect).body("m", request(logprobs=True), {})

    assert streamed == body.get("stream", False)


def test_an_unknown_dialect() -> None:
    """The nearest name is told; the configuration adds where it is written."""
    with pytest.raises(ValueError, match=r"dialect cannot be 'vlm'; did you mean 'vllm'\?"):
        dialect_of("vlm")


# --- what cannot be asked ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("dialect", "params", "said"),
    [
        ("auto", {"tool_choice": "required", "frequency_penalty": 1}, ""),
        ("ollama", {"tool_choice": "auto", "parallel_tool_calls": True}, ""),
        ("ollama", {"tool_choice": "required"}, "ollama ignores 'tool_choice' without a word"),
        ("tgi", {"reasoning_effort": "low"}, "tgi ignores 'reasoning_effort'"),
        ("anthropic", {"frequency_penalty": 0, "logprobs": False, "seed": 1}, ""),
        ("anthropic", {"frequency_penalty": 0.5}, "anthropic does not know 'frequency_penalty'"),
        ("anthropic", {"logprobs": True}, "anthropic does not know 'logprobs'"),
        ("anthropic", {"response_format": {"type": "json_object"}}, "with a JSON Schema only"),
        ("anthropic", {"max_tokens": None}, "has to be told how long an answer may be"),
    ],
)
def test_parameters_that_a_server_does_not_know(
    server: ScriptedServer, dialect: str, params: dict[str, Any], said: str
) -> None:
    """They are refused, not sent; a value that says what holds anyway is no loss."""
    there = provider(server, dialect)
    why = there.unfit(request(**params))

    assert (said in why) if said else ("" == why)
    if said:
        there.start()
        line = there.connect()
        with pytest.raises(RefusedError) as caught:
            line.complete(request(**params))
        line.close()
        assert why in str(caught.value)
        assert not caught.value.final
        assert 0 == server.requests


def test_what_vllm_drops_without_a_word(server: ScriptedServer) -> None:
    """Guided decoding by its old name is refused, also where every request is given it."""
    extra = {"extra_body": {"guided_json": {"type": "object"}}}
    why = provider(server, "vllm", options=extra).unfit(request())

    assert "vllm ignores 'guided_json' without a word; since 0.12 use response_format" in why
    assert "" == provider(server, "auto", options=extra).unfit(request())


def test_what_only_makes_answers_repeat_is_left_out(server: ScriptedServer) -> None:
    """The seed is not sent to a server that would refuse it, and a sentence says so."""
    there = provider(server, "anthropic")
    server.replies.append(streams(*SHAPES["anthropic"].stream))
    there.start()
    line = there.connect()
    line.complete(request(seed=7))
    line.close()

    assert "seed" not in server.bodies[0]
    assert "anthropic has no 'seed', which is left out" in there.omitted(request(seed=7))
    assert "" == there.omitted(request())
    assert isinstance(there, Choosy)
    assert isinstance(there, Omitting)


@pytest.mark.parametrize("name", DIALECTS)
def test_a_seed_is_sent_to_whoever_takes_one(name: str) -> None:
    """And nothing of an ordinary request is lost on the way to any server."""
    body = DIALECTS[name].body("m", request(seed=7, top_p=0.5, stop=["x"]), {"extra": 1})

    assert (body.get("seed") == 7) == (name != "anthropic")
    assert (0, 0.5, 1, True) == tuple(body[k] for k in ("temperature", "top_p", "extra", "stream"))
    assert ["x"] == (body.get("stop") or body.get("stop_sequences"))


def test_references_follow_the_dialect(server: ScriptedServer) -> None:
    """A server that cannot tell them is not asked, and not looked at."""
    there = provider(server, "sglang")
    there.start()
    line = there.connect()
    asked = CompletionRequest(messages=request().messages, reference="fine")
    with pytest.raises(RefusedError, match="kind 'sglang' cannot tell how likely") as caught:
        line.complete(asked)
    line.close()

    assert 501 == caught.value.status
    assert 0 == server.requests
