"""How likely a reference is, from scripted servers: shapes that are read, and all others."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import pytest

from pytest_quantguard.contracts import Connection
from pytest_quantguard.errors import RefusedError, TransportError
from pytest_quantguard.providers import _reference
from pytest_quantguard.providers.openai import OpenAIProvider
from pytest_quantguard.types import Completion, CompletionRequest
from pytest_quantguard.variants import Variant
from scripted_server import Reply, ScriptedServer, answers, says

TEXT = "The total is 420."
KEY = "sk-test-0123456789abcdef"
PROPS = {"default_generation_settings": {}, "build_info": "b9000"}
ASKED = CompletionRequest(
    messages=({"role": "user", "content": "7 x 60?"},),
    tools=({"type": "function", "function": {"name": "f"}},),
    params={"temperature": 0, "max_tokens": 9, "stop": ["."], "response_format": {}},
    reference=TEXT,
)


@pytest.fixture
def connect(server: ScriptedServer) -> Iterator[Callable[..., Connection]]:
    """Return a maker of connections, each of a provider of its own."""
    made: list[Connection] = []

    def make(dialect: str = "auto", **extra: Any) -> Connection:
        options = {"reference": dialect, "extra_body": extra}
        variant = Variant(
            name="awq", provider="openai", model="m", base_url=server.url, options=options
        )
        provider = OpenAIProvider(variant)
        provider.start()
        made.append(provider.connect())
        return made[-1]

    yield make
    for connection in made:
        connection.close()


def sends(body: Any, code: int = 200) -> Reply:
    return answers(code, body if isinstance(body, str) else json.dumps(body))


def probability(found: Completion) -> float:
    return math.exp(sum(token.logprob for token in found.tokens))


# --- vLLM -------------------------------------------------------------------------------

PROMPT = [("<|user|>", -9.0), ("7 x 60?", -8.0), ("<|assistant|>\n", -0.5)]
SAID = [("The", -0.1), (" total", -0.2), (" is", 0.0), (" ", -0.0), ("420", -1.5), (".", -0.25)]


def vllm(*tokens: tuple[Any, Any], **more: Any) -> dict[str, Any]:
    """Return what vLLM answers to ``prompt_logprobs: 0``; the first token has none."""
    listed = [
        {str(100 + n): {"logprob": value, "rank": 1, "decoded_token": text}}
        for n, (text, value) in enumerate(tokens)
    ]
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": "\n"},
        "finish_reason": "length",
    }
    return {
        "object": "chat.completion",
        "model": "served",
        "system_fingerprint": "vllm-0.33-ab",
        "choices": [choice],
        "usage": {"prompt_tokens": len(tokens) + 1, "completion_tokens": 1},
        "prompt_logprobs": [None, *listed],
        **more,
    }


def test_vllm_tells_the_last_tokens_of_the_prompt(
    server: ScriptedServer, connect: Callable[..., Connection]
) -> None:
    """One request; the reference is the unfinished last message, and nothing limits it."""
    server.replies.append(sends(vllm(*PROMPT, *SAID)))
    found = connect(top_k=3, max_completion_tokens=99).complete(ASKED)

    assert [text for text, _ in SAID] == [token.text for token in found.tokens]
    assert probability(found) == pytest.approx(math.exp(-2.05))
    assert (TEXT, "reference") == (found.text, found.finish_reason)
    assert (4, 6) == (found.usage.prompt_tokens, found.usage.completion_tokens)
    assert ("served", "vllm-0.33-ab") == (found.served_as, found.fingerprint)
    assert found.latency_s > 0
    assert server.bodies == [
        {
            "model": "m",
            "top_k": 3,
            "messages": [*ASKED.messages, {"role": "assistant", "content": TEXT}],
            "tools": list(ASKED.tools),
            "add_generation_prompt": False,
            "continue_final_message": True,
            "prompt_logprobs": 0,
            "max_tokens": 1,
            "temperature": 0,
            "stream": False,
        }
    ]


@pytest.mark.parametrize(
    "said",
    [
        [(" The", -0.1), *SAID[1:]],  # SentencePiece's blank before a text
        [("The total is ", -0.3), ("42", -0.7), ("", -0.5), ("0.", -0.55)],
    ],
)
def test_vllm_tokens_of_other_tokenizers(
    server: ScriptedServer, connect: Callable[..., Connection], said: list[Any]
) -> None:
    """A blank before the text, and inside it tokens that complete no character."""
    server.replies.append(sends(vllm(*PROMPT, *said)))

    assert probability(connect("vllm").complete(ASKED)) == pytest.approx(math.exp(-2.05))


NOT_LAST = "the prompt's last tokens are not those of the reference"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"choices": [{"message": {"content": "420"}}]}, "tells no log-probs of a prompt"),
        (vllm(*PROMPT, *SAID, prompt_logprobs=None), "tells no log-probs of a prompt"),
        (vllm(*PROMPT, *SAID, prompt_logprobs={"a": 1}), "tells no log-probs of a prompt"),
        (vllm(*PROMPT, *SAID, ("<|end|>", 0.0), ("\n", 0.0)), NOT_LAST),
        (vllm(*PROMPT, *SAID, ("", 0.0)), NOT_LAST),  # a hidden mark after it
        (vllm(*PROMPT, *SAID[:-1]), NOT_LAST),
        (vllm(*PROMPT, *SAID[1:]), NOT_LAST),
        (vllm(*SAID[1:]), NOT_LAST),
        (vllm(*PROMPT, ("\nThe", -1), *SAID[1:]), NOT_LAST),
        (vllm(*PROMPT, ("", -1), *SAID), "a character of it is cut into several tokens"),
        (vllm(*PROMPT, ("\ufffd", -1), *SAID), "a character of it is cut"),
        (vllm(*PROMPT, *SAID[:-1], (".", None)), "a log-prob is None, no number"),
        (vllm(*PROMPT, *SAID[:-1], (".", "-1")), "a log-prob is '-1', no number"),
        (vllm(*PROMPT, *SAID[:-1], (".", True)), "a log-prob is True, no number"),
        (vllm(*PROMPT, *SAID[:-1], (".", [[-1]])), "a log-prob is a list, no number"),
        (vllm(*PROMPT, *SAID[:-1], (".", math.nan)), "a log-prob is nan"),
        (vllm(*PROMPT, *SAID[:-1], (".", -math.inf)), "a log-prob is -inf"),
        (vllm(*PROMPT, *SAID[:-1], (".", 1e-5)), "a log-prob is 1e-05"),
        (vllm(*PROMPT, *SAID[:-1], (".", 10**400)), "a log-prob is inf"),
        (vllm(*PROMPT, *SAID[:-1], (None, -1)), "has no text"),
        (vllm(prompt_logprobs=[None, 3, "x", []]), "is no object"),
        (vllm(prompt_logprobs=[None] * 100_001), "too many tokens"),
        ({"error": {"message": "no such thing"}}, "no such thing"),
        ("<html>", "not JSON"),
        ("[1]", "no JSON object"),
    ],
)
def test_vllm_anything_else_is_refused(
    server: ScriptedServer, connect: Callable[..., Connection], body: Any, words: str
) -> None:
    """Never a wrong number: one sentence, and the variant's ordinary requests go on."""
    server.replies.append(sends(body))
    connection = connect("vllm")
    with pytest.raises(RefusedError) as caught:
        connection.complete(ASKED)

    assert str(caught.value).startswith(f"variant 'awq' at {server.url}: ")
    assert words in str(caught.value)
    assert not caught.value.final
    assert connection.complete(_ordinary()).text == "fine"


def _ordinary() -> CompletionRequest:
    return CompletionRequest(messages=ASKED.messages)


@pytest.mark.parametrize("reference", ["\nThe", "The ", "\u2003The", " \n"])
def test_vllm_outer_white_space_is_refused(
    server: ScriptedServer, connect: Callable[..., Connection], reference: str
) -> None:
    """A template that trims would have its own line end taken for the reference's."""
    connection = connect("vllm")
    asked = CompletionRequest(messages=ASKED.messages, reference=reference)
    with pytest.raises(RefusedError, match="begins or ends with white space") as caught:
        connection.complete(asked)

    assert (0, False) == (server.requests, caught.value.final)
    server.replies.append(sends(vllm(*PROMPT, *SAID)))
    assert connection.complete(ASKED).tokens  # the next one is asked all the same


class Counted(str):
    """A text that counts how much of it is copied."""

    copied: ClassVar[list[int]] = []

    def __getitem__(self, key: Any) -> Counted:
        found = Counted(super().__getitem__(key))
        self.copied.append(len(found))
        return found


def test_a_long_reference_is_not_copied_for_each_token() -> None:
    """It would take the square of its length."""
    tokens = [f" {n:09}" for n in range(1000)]
    reference = Counted("".join(tokens))
    listed: list[Any] = [
        {"7": {"decoded_token": text, "logprob": -1.0}} for text in ["<|x|>", *tokens]
    ]
    found = _reference._trailing([None, *listed], reference)

    assert tokens == [token.text for token in found]
    assert sum(Counted.copied) < 10 * len(reference)


def test_a_probability_of_zero_is_a_number(
    server: ScriptedServer, connect: Callable[..., Connection]
) -> None:
    """vLLM writes -9999 for it; a hair above 1 is 1."""
    server.replies.append(sends(vllm(*PROMPT, ("The total is", -9999.0), (" 420.", 9e-7))))
    found = connect("vllm").complete(ASKED)

    assert [-9999.0, 0.0] == [token.logprob for token in found.tokens]
    assert probability(found) == 0


# --- llama.cpp --------------------------------------------------------------------------

IDS = [11, 12, 13, 14]
PIECES = ["The", " total", " is", " 420."]


def llamacpp(
    pieces: Any = PIECES,
    ids: Any = IDS,
    logprobs: Any = (-0.1, 0.0, -0.4, -1.5, -0.05),
    **more: Any,
) -> list[Reply]:
    """Return llama.cpp's answers to /apply-template, /tokenize and /completion."""
    tokens = [{"id": i, "piece": p} for i, p in zip(IDS, pieces, strict=False)]
    listed = [
        {"id": i, "token": "?", "bytes": [63], "logprob": value, "top_logprobs": []}
        for i, value in zip([*ids, 99], logprobs, strict=False)
    ]
    said = {"content": TEXT, "completion_probabilities": listed, "stop_type": "eos"}
    said |= {"model": "alias", "tokens_evaluated": 42, **more}
    return [sends({"prompt": "<user>7 x 60?<assistant>"}), sends({"tokens": tokens}), sends(said)]


def test_llamacpp_is_made_to_say_the_reference(
    server: ScriptedServer, connect: Callable[..., Connection]
) -> None:
    """Found by its own page; token numbers are forced, the end of the answer counts."""
    server.pages["/props"] = PROPS
    server.replies.extend(llamacpp())
    found = connect(cache_prompt=False, grammar="x", n=3).complete(ASKED)

    assert [*PIECES, ""] == [token.text for token in found.tokens]
    assert probability(found) == pytest.approx(math.exp(-2.05))
    assert (TEXT, "reference") == (found.text, found.finish_reason)
    assert (42, 5) == (found.usage.prompt_tokens, found.usage.completion_tokens)
    assert found.served_as == "alias"
    template, tokenize, completion = server.bodies
    assert template == {"model": "m", "cache_prompt": False, **ASKED.body()}
    assert (TEXT, False) == (tokenize["content"], tokenize["add_special"])
    assert "root ::= <[11]> <[12]> <[13]> <[14]>" == completion["grammar"]
    assert (5, 0) == (completion["n_predict"], completion["temperature"])
    assert completion["prompt"] == "<user>7 x 60?<assistant>"


def test_llamacpp_with_sentencepiece(
    server: ScriptedServer, connect: Callable[..., Connection]
) -> None:
    """The blank before a text belongs to its first token."""
    server.replies.extend(llamacpp([" The", *PIECES[1:]]))

    assert connect("llamacpp").complete(ASKED).tokens[0].text == " The"


DID_NOT_SAY = "did not say the reference when it was forced to"


@pytest.mark.parametrize(
    ("replies", "words"),
    [
        (llamacpp(stop_type="limit"), DID_NOT_SAY),
        (llamacpp(ids=[11, 12, 13]), DID_NOT_SAY),
        (llamacpp(ids=[11, 12, 13, 15]), DID_NOT_SAY),  # another way to cut the same text
        (llamacpp(ids=[*IDS, 15], logprobs=[0.0] * 6), DID_NOT_SAY),
        (llamacpp(completion_probabilities=[]), DID_NOT_SAY),
        (llamacpp(completion_probabilities=None), "tells no log-probs (n_probs)"),
        (llamacpp(completion_probabilities=[3]), "tells no log-probs (n_probs)"),
        (llamacpp(logprobs=[-1, None, 0, 0, 0]), "a log-prob is None"),
        (llamacpp(logprobs=[-1, 0.5, 0, 0, 0]), "a log-prob is 0.5"),
        (llamacpp(["The", [195], [182], "."]), "a character of the reference is cut"),
        (llamacpp(["The", " sum", " is", " 420."]), "do not add up to it"),
        (llamacpp([]), "gave no tokens"),
        (llamacpp([None] * 4), "no numbers with pieces"),
        ([sends({"prompt": 3}), llamacpp()[1]], "gave no prompt"),
        ([llamacpp()[0], sends({"tokens": [1, 2]})], "no numbers with pieces"),
        (
            [sends({"error": {"message": "File Not Found"}}, 404)],
            "has no /apply-template (HTTP 404)",
        ),
        ([*llamacpp()[:2], sends({"error": "cannot parse grammar"}, 400)], "of 2026 or later"),
        ([*llamacpp()[:2], sends({"error": "grammar stack"}, 500)], "a mark that ends"),
        ([*llamacpp()[:2], sends({"error": "too long"}, 400)], "HTTP 400: too long"),
        ([sends({"error": "who are you"}, 401)], "HTTP 401: who are you"),
    ],
)
def test_llamacpp_anything_else_is_refused(
    server: ScriptedServer, connect: Callable[..., Connection], replies: list[Reply], words: str
) -> None:
    """Other tokens, other shapes, other servers: a sentence, and ordinary requests go on."""
    server.replies.extend(replies)
    connection = connect("llamacpp")
    with pytest.raises(RefusedError) as caught:
        connection.complete(ASKED)

    assert words in str(caught.value)
    assert not caught.value.final
    server.replies.clear()
    assert connection.complete(_ordinary()).text == "fine"


def test_images_are_not_taken_for_text(
    server: ScriptedServer, connect: Callable[..., Connection]
) -> None:
    """llama.cpp's prompt would hold a mark in place of the image."""
    parts = [{"type": "text", "text": "?"}, {"type": "image_url", "image_url": {"url": "data:"}}]
    asked = CompletionRequest(messages=({"role": "user", "content": parts},), reference="a cat")
    with pytest.raises(RefusedError, match="only where all input is text"):
        connect("llamacpp").complete(asked)

    assert server.requests == 0


# --- all servers ------------------------------------------------------------------------


def test_a_server_that_cannot_is_asked_once(
    server: ScriptedServer, connect: Callable[..., Connection]
) -> None:
    """What lacks for one reference lacks for all: later ones cost no request."""
    server.default = says("fine")
    server.replies.append(sends({"choices": []}))
    connection = connect()
    for _ in range(5):
        with pytest.raises(RefusedError, match="tells no log-probs of a prompt"):
            connection.complete(ASKED)

    assert server.requests == 1


def test_a_fault_is_worth_another_attempt(
    server: ScriptedServer, connect: Callable[..., Connection]
) -> None:
    """A busy server is no server that cannot; one that breaks on the question is."""
    server.replies.extend([sends({"error": "busy"}, 503), sends({"error": "oops"}, 500)])
    server.replies.append(sends(vllm(*PROMPT, *SAID)))
    connection = connect("vllm")
    with pytest.raises(TransportError, match="HTTP 503: busy"):
        connection.complete(ASKED)
    with pytest.raises(RefusedError, match="HTTP 500: oops"):
        connection.complete(ASKED)

    assert connection.complete(ASKED).tokens


@pytest.mark.parametrize("option", ["vlm", 3, ["vllm"]])
def test_an_unknown_dialect_is_refused(option: Any) -> None:
    """Before anything is asked, with the words that are known."""
    given = {"reference": option}
    with pytest.raises(ValueError, match=r"option 'reference' cannot be .*vllm"):
        OpenAIProvider(Variant(name="x", provider="openai", model="m", options=given))
