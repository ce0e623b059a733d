"""A server that echoes our key gets it nowhere: not on the screen, not stored, not in part."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pytest_quantguard.contracts import Connection
from pytest_quantguard.errors import ProviderError
from pytest_quantguard.providers.openai import OpenAIProvider
from pytest_quantguard.types import CompletionRequest
from pytest_quantguard.variants import Variant
from scripted_server import Exchange, Reply, ScriptedServer, answers, event, piece, streams

PLAIN = "SK-test-0123456789abcdef"
ODD = 'sk-"te\\st/0123456789+Abc='
REQUEST = CompletionRequest(messages=({"role": "user", "content": "hi"},))


@pytest.fixture(params=[PLAIN, ODD])
def key(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return a key, with and without characters that JSON escapes; it is in the environment."""
    monkeypatch.setenv("QG_KEY", request.param)
    return str(request.param)


@pytest.fixture
def provider(server: ScriptedServer) -> OpenAIProvider:
    return provider_of(server, 10.0)


def provider_of(server: ScriptedServer, timeout_s: float) -> OpenAIProvider:
    return OpenAIProvider(
        Variant(
            name="awq",
            provider="openai",
            model="m",
            base_url=server.url,
            api_key_env="QG_KEY",
            timeout_s=timeout_s,
        )
    )


@pytest.fixture
def line(key: str, provider: OpenAIProvider) -> Iterator[Connection]:
    provider.start()
    connection = provider.connect()
    yield connection
    connection.close()


def holds(text: str, key: str) -> bool:
    """Tell whether 8 characters of the key, in any case and however escaped, are in a text."""
    text = text.lower().replace("\\", "")
    key = key.lower().replace("\\", "")
    return any(key[n : n + 8] in text for n in range(len(key) - 7))


# --- what a server says about itself ----------------------------------------------------


@pytest.mark.parametrize("meta", [True, False])
def test_what_a_server_says_about_itself(
    server: ScriptedServer, provider: OpenAIProvider, key: str, meta: bool
) -> None:
    """Name, format and build are shown and kept: the key is blotted out before they are cut."""
    told = "x" * 190 + key
    model = {"id": told, **({"meta": {"ftype": key}} if meta else {})}
    server.pages["/v1/models"] = {"data": [model]}
    server.pages["/props"] = {"model_ftype": key, "build_info": f"b1 {key.lower()}"}
    provider.start()
    found = provider.served_as()

    assert ("[secret]", "b1 [secret]") == (found.quantization, found.version)
    assert (found.model or "").startswith("x" * 190)
    assert not holds(repr(found), key)


@pytest.mark.parametrize("word", ["none", "EMPTY", "x"])
def test_a_word_in_place_of_a_key_is_no_secret(
    server: ScriptedServer, provider: OpenAIProvider, monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    """It would blot out names."""
    monkeypatch.setenv("QG_KEY", word)
    server.pages["/props"] = {"build_info": f"b-{word}"}
    provider.start()

    assert f"b-{word}" == provider.served_as().version


# --- what a server says when it fails ---------------------------------------------------


def breaks(line: str) -> Reply:
    """Send a header that is none."""

    def reply(exchange: Exchange) -> None:
        exchange.wfile.write(f"HTTP/1.1 200 OK\r\n{line}\r\n\r\n".encode())
        exchange.close_connection = True

    return reply


def echoes(before: int) -> dict[str, Callable[[str], Reply]]:
    """Return answers that hold the key after so many other characters, in every place we tell."""
    x = "x" * before
    return {
        "no JSON": lambda key: answers(200, x + key),
        "no object": lambda key: answers(200, json.dumps([x + key])),
        "event": lambda key: streams(event(x + key)),
        "encoding": lambda key: answers(200, "{}", Content_Encoding=x + key),
        "type": lambda key: answers(200, "{}", x + key),
        "type cut": lambda key: answers(200, "{}", f"{x}{key[:-4]};{key[-4:]}"),
        "message": lambda key: answers(500, json.dumps({"error": {"message": x + key}})),
        "unknown": lambda key: answers(400, json.dumps({"cause": x + key})),
        "text": lambda key: answers(401, x + key),
        "reported": lambda key: streams(event({"error": {"message": x + key}})),
        "path": lambda key: answers(302, Location=f"http://else.test/{x}{key}"),
        "host": lambda key: answers(302, Location=f"http://{x[:20]}{key}.test/"),
        "header": lambda key: breaks(x + key),
        "quoted": lambda key: answers(302, Location=f"/{x}%73%6b{key[2:]}"),
    }


@pytest.mark.parametrize("before", [3, 28, 33, 50, 69, 110, 285])
@pytest.mark.parametrize("place", echoes(0))
def test_no_error_tells_the_key(
    server: ScriptedServer, line: Connection, key: str, place: str, before: int
) -> None:
    """Wherever a text is cut, the key was taken out of it before."""
    server.replies.append(echoes(before)[place](key))
    with pytest.raises(ProviderError) as caught:
        line.complete(REQUEST)

    assert not holds(str(caught.value), key)


def test_an_explanation_that_is_cut_in_the_key(server: ScriptedServer, key: str) -> None:
    """The time is up in the middle of it: what was read is told, without the half key."""

    def reply(exchange: Exchange) -> None:
        exchange.head(500, {"Content-Type": "text/plain", "Transfer-Encoding": "chunked"})
        exchange.chunk(f"bad key {key[:12]}")
        exchange.rfile.read(1)  # until the client hangs up

    server.replies.append(reply)
    provider = provider_of(server, 2.0)
    provider.start()
    line = provider.connect()
    with pytest.raises(ProviderError) as caught:
        line.complete(REQUEST)
    line.close()

    assert str(caught.value).endswith("HTTP 500: bad key [secret]")


@pytest.mark.parametrize("before", [0, 20, 30])
def test_a_log_prob_that_is_the_key(
    server: ScriptedServer, provider: OpenAIProvider, key: str, before: int
) -> None:
    """The refusal of a reference shows the server's nonsense, and no key."""
    entry = {"7": {"logprob": "x" * before + key, "decoded_token": "fine"}}
    server.replies.append(answers(200, json.dumps({"prompt_logprobs": [None, entry, entry]})))
    provider.start()
    connection = provider.connect()
    asked = CompletionRequest(messages=REQUEST.messages, reference="fine")
    with pytest.raises(ProviderError, match=r"is 'x*\[secret\]', no number") as caught:
        connection.complete(asked)
    connection.close()

    assert not holds(str(caught.value), key)


# --- answers ----------------------------------------------------------------------------


def call(name: str = "f", arguments: str = "{}") -> dict[str, Any]:
    return {"tool_calls": [{"index": 0, "function": {"name": name, "arguments": arguments}}]}


@pytest.mark.parametrize(
    "field", ["text", "reasoning", "refusal", "name", "arguments", "model", "fingerprint"]
)
def test_no_answer_keeps_the_key(
    server: ScriptedServer, line: Connection, key: str, field: str
) -> None:
    """Each field by itself, and also where the key stands in JSON inside of it."""
    echo = f"your key: {key}"
    chunk = {
        "text": piece({"content": echo}, "stop"),
        "reasoning": piece({"reasoning": echo}, "stop"),
        "refusal": piece({"refusal": echo}, "stop"),
        "name": piece(call(echo), "stop"),
        "arguments": piece(call(arguments=json.dumps({"key": echo})), "stop"),
        "model": piece({"content": "x"}, "stop", model=echo),
        "fingerprint": {**piece({"content": "x"}, "stop"), "system_fingerprint": echo},
    }[field]
    server.replies.append(streams(event(chunk), event("[DONE]")))
    found = line.complete(REQUEST)

    assert "your key: [secret]" in repr(found)
    assert not holds(repr(found), key)


@pytest.mark.parametrize("top", [True, False])
def test_tokens_that_spell_the_key_are_dropped(
    server: ScriptedServer, line: Connection, key: str, top: bool
) -> None:
    """In pieces or as an alternative, also where the text itself does not hold it."""
    parts = [key] if top else [key[:9], key[9:]]
    told: list[dict[str, Any]] = [{"token": one, "logprob": -1.0} for one in parts]
    if top:
        told = [{"token": "x", "logprob": -1.0, "top_logprobs": told}]
    chunk = piece({"content": "fine"}, "stop")
    chunk["choices"][0]["logprobs"] = {"content": told}
    server.replies.append(streams(event(chunk), event("[DONE]")))
    found = line.complete(REQUEST)

    assert ("fine", ()) == (found.text, found.tokens)


def test_other_tokens_are_kept(server: ScriptedServer, line: Connection) -> None:
    """An answer without the key stays as it is."""
    chunk = piece({"content": "fine"}, "stop")
    chunk["choices"][0]["logprobs"] = {"content": [{"token": "fine", "logprob": -1.0}]}
    server.replies.append(streams(event(chunk), event("[DONE]")))

    assert ["fine"] == [token.text for token in line.complete(REQUEST).tokens]
