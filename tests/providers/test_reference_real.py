"""How likely a reference is: the real llama.cpp server against a forward pass of our own."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from loopback import Steady
from numpy.typing import NDArray

from pytest_quantguard.contracts import Connection
from pytest_quantguard.embedded.chat import render_chat
from pytest_quantguard.embedded.gguf_writer import (
    HEADS,
    NORM_EPSILON,
    ROPE_BASE,
    WEIGHTS_FILE,
    load_arrays,
)
from pytest_quantguard.embedded.tokenizer import Tokenizer
from pytest_quantguard.errors import RefusedError
from pytest_quantguard.providers.llamacpp import LlamaCppProvider
from pytest_quantguard.providers.openai import OpenAIProvider
from pytest_quantguard.types import Completion, CompletionRequest
from pytest_quantguard.variants import Variant

TOOLS = tuple(json.loads((Path(__file__).parents[2] / "golden" / "tools.json").read_text("utf-8")))
Array = NDArray[np.float32]

CARDS = "We accept bank transfer, credit card and invoice."
LAMPS = "7 lamps, 60 EUR each: what do I pay? (ticket 69583)"
REFUND = "Refund 911.62 EUR on order 72487275773."
CALL = '{"name": "refund_order", "arguments": {"order_id": "72487275773", "amount": 911.62}}'
#: Likely, likely but not the likeliest, unlikely, a call, and what a grammar must not stumble over.
ASKED = [
    ("Do you take credit cards? (ticket 28941)", CARDS, ()),
    (LAMPS, "The total is 420 EUR.", ()),
    (LAMPS, "The total is 240 EUR.", ()),
    (REFUND, f"<tool_call>\n{CALL}\n</tool_call>", TOOLS),
    (LAMPS, 'a "b" \\n\n\n[c] <[3]> # | ::=\t{d}\n', ()),
]


def half(x: Array) -> Array:
    """Round to half precision, as ggml does with what it multiplies by half-precision weights."""
    return np.asarray(x.astype(np.float16), np.float32)


def forward(weights: dict[str, Array], tokens: list[int]) -> Array:
    """Return the log-probs of every next token: the network in plain numpy, in one piece."""
    x = weights["token_embd.weight"][tokens]
    length, dim = x.shape
    size = dim // HEADS
    angles = np.outer(np.arange(length), ROPE_BASE ** (-np.arange(0, size, 2) / size))
    cos, sin = np.cos(angles)[:, None], np.sin(angles)[:, None]
    mask = np.triu(np.full((length, length), -np.inf), 1)

    def norm(h: Array, name: str) -> Array:
        return h / np.sqrt((h * h).mean(-1, keepdims=True) + NORM_EPSILON) * weights[name]

    def rotated(h: Array) -> Array:
        even, odd = h[..., 0::2], h[..., 1::2]
        turned = (even * cos - odd * sin, even * sin + odd * cos)
        return np.stack(turned, -1).reshape(h.shape)

    for n in range(sum(name.endswith("attn_q.weight") for name in weights)):

        def times(h: Array, name: str, block: int = n) -> Array:
            return half(h) @ weights[f"blk.{block}.{name}.weight"].T

        h = norm(x, f"blk.{n}.attn_norm.weight")
        q, k, v = (
            times(h, f"attn_{name}").reshape(length, HEADS, size).swapaxes(0, 1) for name in "qkv"
        )
        q, k = (half(rotated(one.swapaxes(0, 1)).swapaxes(0, 1)) for one in (q, k))
        scores = q @ k.swapaxes(1, 2) / math.sqrt(size) + mask
        shares = np.exp(scores - scores.max(-1, keepdims=True))
        mixed = shares / shares.sum(-1, keepdims=True) @ half(v)
        x = x + times(mixed.swapaxes(0, 1).reshape(length, dim), "attn_output")
        h = norm(x, f"blk.{n}.ffn_norm.weight")
        gate = times(h, "ffn_gate")
        x = x + times(gate / (1 + np.exp(-gate)) * times(h, "ffn_up"), "ffn_down")
    logits = half(norm(x, "output_norm.weight")) @ weights["token_embd.weight"].T
    logits -= logits.max(-1, keepdims=True)
    return np.asarray(logits - np.log(np.exp(logits).sum(-1, keepdims=True)))


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LlamaCppProvider]:
    """Return a provider whose server runs."""
    options = {"n_threads": 1, "model_folder": str(tmp_path_factory.mktemp("models"))}
    made = LlamaCppProvider(
        Variant(name="tiny", provider="llamacpp", model="embedded:f16", options=options)
    )
    made.start()
    yield made
    made.stop()


@pytest.fixture
def line(provider: LlamaCppProvider) -> Iterator[Connection]:
    connection = Steady(provider.connect())
    yield connection
    connection.close()


def request(prompt: str, reference: str | None, tools: Any = ()) -> CompletionRequest:
    return CompletionRequest(
        messages=({"role": "user", "content": prompt},),
        tools=tools,
        params={"temperature": 0, "seed": 7, "max_tokens": 96},
        reference=reference,
    )


def probability(found: Completion) -> float:
    return math.exp(sum(token.logprob for token in found.tokens))


@pytest.mark.parametrize(("prompt", "reference", "tools"), ASKED)
def test_log_probs_are_those_of_the_network(
    line: Connection, prompt: str, reference: str, tools: Any
) -> None:
    """Before the grammar and before sampling, of the canonical tokens, the end included."""
    tokenizer = Tokenizer.load()
    before = tokenizer.encode(render_chat(prompt, tools=tools), parse_special=True)
    said = [*tokenizer.encode(reference), tokenizer.ids["<|im_end|>"]]
    told = forward(load_arrays(WEIGHTS_FILE), [*before, *said])[len(before) - 1 : -1]
    expected = [float(told[place, number]) for place, number in enumerate(said)]

    found = line.complete(request(prompt, reference, tools))
    logprobs = [token.logprob for token in found.tokens]

    assert len(expected) == len(logprobs)
    assert "".join(token.text for token in found.tokens) == reference == found.text
    assert (len(before), len(said)) == (found.usage.prompt_tokens, found.usage.completion_tokens)
    assert math.exp(sum(expected)) == pytest.approx(probability(found), abs=1e-3)
    # The server adds up in half precision here and there: it shows in tokens that are unlikely.
    assert expected == pytest.approx(logprobs, abs=2e-3, rel=1e-2)
    assert found.finish_reason == "reference"


def test_the_likeliest_answer_is_the_one_that_is_given(line: Connection) -> None:
    """At temperature 0 the answer is the reference one would have to choose; twice the same."""
    answer = line.complete(request(LAMPS, None))
    own = line.complete(request(LAMPS, answer.text))
    right = line.complete(request(LAMPS, "The total is 420 EUR."))

    assert probability(own) > probability(right) > 0.01
    assert own.usage.prompt_tokens == answer.usage.prompt_tokens
    assert own.tokens == line.complete(request(LAMPS, answer.text)).tokens


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("Größe", "a character of the reference is cut into several tokens"),
        ("a<|im_end|>b", "a mark that ends an answer"),
        ("word " * 600, "the context is too short"),
    ],
)
def test_what_cannot_be_told_is_refused(line: Connection, reference: str, words: str) -> None:
    """A sentence instead of a wrong number; the server goes on."""
    with pytest.raises(RefusedError, match=words) as caught:
        line.complete(request(LAMPS, reference))

    assert not caught.value.final
    assert line.complete(request(LAMPS, None)).text


def test_the_openai_provider_finds_out_that_it_is_llamacpp(
    provider: LlamaCppProvider, line: Connection
) -> None:
    """The same numbers without a word in the configuration; said to be vLLM, it is refused."""
    variant = Variant(name="far", provider="openai", model="tiny", base_url=provider.start())
    extra = {"extra_body": {"cache_prompt": False}}
    found: list[Completion] = []
    for options in (extra, {**extra, "reference": "vllm"}):
        other = OpenAIProvider(replace(variant, options=options))
        other.start()
        connection = other.connect()
        with suppress(RefusedError):
            found.append(connection.complete(request(*ASKED[1])))
        connection.close()

    assert [line.complete(request(*ASKED[1])).tokens] == [one.tokens for one in found]


@pytest.mark.parametrize(("prompt", "tools"), [(LAMPS, ()), (REFUND, TOOLS)])
def test_ordinary_answers_come_with_log_probs(line: Connection, prompt: str, tools: Any) -> None:
    """Streamed, and whole where llama.cpp cannot stream them: beside tools."""
    asked = request(prompt, None, tools)
    plain = line.complete(asked)
    found = line.complete(
        replace(asked, params={**asked.params, "logprobs": True, "top_logprobs": 3})
    )
    said = "".join(token.text for token in found.tokens)

    assert (plain.text, plain.tool_calls) == (found.text, found.tool_calls)
    assert said == (f"<tool_call>\n{CALL}\n</tool_call>" if tools else found.text)
    assert plain.tokens == ()
    for token in found.tokens:
        assert len(token.top) == 3
        assert (token.text, token.logprob) == token.top[0]  # temperature 0
