"""The OpenAI provider: odd answers are read, faults are named, nothing leaks, time is bounded."""

from __future__ import annotations

import gzip
import json
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pytest_quantguard.contracts import Connection
from pytest_quantguard.errors import LaunchError, ProviderError, RefusedError, TransportError
from pytest_quantguard.providers.openai import OpenAIProvider
from pytest_quantguard.types import CompletionRequest
from pytest_quantguard.variants import Variant
from scripted_server import (
    USAGE,
    Exchange,
    Reply,
    ScriptedServer,
    answers,
    drips,
    event,
    hangs_up_after,
    nobody,
    piece,
    resets,
    says,
    sleeps,
    stays_silent,
    streams,
    told,
)

KEY = "sk-test-0123456789abcdef"
REQUEST = CompletionRequest(
    messages=({"role": "user", "content": "hi \ud800"},), params={"temperature": 0}
)


@pytest.fixture
def connect(server: ScriptedServer) -> Iterator[Callable[..., Connection]]:
    """Return a maker of connections to the scripted server; they are closed at the end."""
    made: list[Connection] = []

    def make(**given: Any) -> Connection:
        given = {"base_url": server.url, "timeout_s": 5.0, **given}
        provider = OpenAIProvider(Variant(name="awq", provider="openai", model="m", **given))
        provider.start()
        made.append(provider.connect())
        return made[-1]

    yield make
    for connection in made:
        connection.close()


# --- a good exchange --------------------------------------------------------------------


def test_good_stream(server: ScriptedServer, connect: Callable[..., Connection]) -> None:
    """Everything the server tells is in the completion; the request is what was asked for."""
    found = connect(options={"extra_body": {"top_k": 3}}).complete(REQUEST)

    assert (found.text, found.finish_reason, found.served_as) == ("fine", "stop", "scripted")
    assert (found.usage.prompt_tokens, found.usage.completion_tokens) == (5, 2)
    assert found.fingerprint == "fp1"
    assert found.ttft_s is not None
    assert 0 < found.ttft_s <= found.latency_s < 5
    assert server.bodies == [
        {
            "model": "m",
            "messages": [{"role": "user", "content": "hi \ud800"}],
            "temperature": 0,
            "top_k": 3,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
    ]


@pytest.mark.parametrize(
    "reply",
    [
        streams(*told("fine")[:-1]),  # no [DONE]
        streams(*(e for e in told("fine") if "usage" not in e)),  # no usage
        streams(*("".join(told("fine")))),  # letter by letter
        streams("".join(told("fine")).replace("\n", "\r\n")),
        streams(": ping\n\n", *told("fine"), event(piece({"content": "late"}))),
        streams(event({"choices": [], "usage": USAGE}), *told("fine")),
        streams(*told("fine"), end=False),  # cut after [DONE]
        answers(200, json.dumps({"choices": [{"message": {"content": "fine"}}]})),
        answers(
            200,
            gzip.compress("".join(told("fine")).encode()),
            "text/event-stream; charset=utf-8",
            Content_Encoding="gzip",
        ),
    ],
)
def test_odd_but_complete_answers_are_read(
    server: ScriptedServer, connect: Callable[..., Connection], reply: Reply
) -> None:
    """Servers differ; one request suffices."""
    server.replies.append(reply)

    assert connect().complete(REQUEST).text == "fine"
    assert server.requests == 1


def test_log_probs_beside_tools_are_not_streamed(
    server: ScriptedServer, connect: Callable[..., Connection]
) -> None:
    """llama.cpp refuses to stream them; either one alone is streamed."""
    tools = ({"type": "function", "function": {"name": "f"}},)
    connection = connect()
    for asked in (
        CompletionRequest(messages=REQUEST.messages, params={"logprobs": True}),
        CompletionRequest(messages=REQUEST.messages, tools=tools, params={"logprobs": False}),
        CompletionRequest(messages=REQUEST.messages, tools=tools, params={"logprobs": True}),
    ):
        connection.complete(asked)

    assert [True, True, None] == [body.get("stream") for body in server.bodies]
    assert "stream_options" not in server.bodies[2]


def test_a_key_in_pieces_is_not_kept(
    server: ScriptedServer, connect: Callable[..., Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An echoed key is blotted out of the text, and the tokens that spell it are dropped."""
    monkeypatch.setenv("QG_KEY", KEY)
    halves = [{"token": half, "logprob": -1.0} for half in (KEY[:9], KEY[9:])]
    chunk = piece({"content": KEY}, "stop")
    chunk["choices"][0]["logprobs"] = {"content": halves}
    server.replies.append(streams(event(chunk), event("[DONE]")))
    found = connect(api_key_env="QG_KEY").complete(REQUEST)

    assert KEY[9:] not in repr(found)
    assert found.tokens == ()


def test_connection_is_kept(server: ScriptedServer, connect: Callable[..., Connection]) -> None:
    """Streams are read to the end, so that the next request needs no new connection."""
    connection = connect()
    for _ in range(5):
        connection.complete(REQUEST)

    assert (server.requests, len(server.clients)) == (5, 1)


def test_dropped_keep_alive_is_told_once(
    server: ScriptedServer, connect: Callable[..., Connection]
) -> None:
    """A server that hangs up after each stream is asked on new connections from then on."""
    server.default = hangs_up_after("fine")
    connection, stale = connect(), 0
    for _ in range(10):
        try:
            assert connection.complete(REQUEST).text == "fine"
        except TransportError as error:
            stale += 1 if error.stale else 10

    assert stale <= 1
    assert server.requests == 10 - stale


def test_a_broken_exchange_is_stale_before_an_answer_only(
    server: ScriptedServer, connect: Callable[..., Connection]
) -> None:
    """On a reused connection, before any byte, and not twice: else it is the server's doing."""
    server.replies.extend([says("fine"), resets(), resets(), says("fine"), resets("data: 1")])
    connection, stale = connect(), []
    for _ in range(5):
        try:
            connection.complete(REQUEST)
        except TransportError as error:
            stale.append(error.stale)

    assert stale == [True, False, False]


def test_stream_that_stays_open_after_done_costs_once(
    server: ScriptedServer, connect: Callable[..., Connection]
) -> None:
    """A complete answer is not lost when its stream is never closed."""
    server.default = stays_silent(*told("fine"))
    connection = connect(timeout_s=60)
    start = time.monotonic()
    found = [connection.complete(REQUEST) for _ in range(3)]

    assert [one.text for one in found] == ["fine"] * 3
    assert len(server.clients) == 3
    assert time.monotonic() - start < 60, "no time-out was waited for"


# --- faults -----------------------------------------------------------------------------

CUT = piece({"content": "half"})


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (streams(event(CUT)), "ended before the answer was complete"),
        (streams(event(CUT), end=False), "broke off"),
        (resets(event(CUT)), "broke off"),
        (resets(), "broke off"),
        (sleeps(0.0), "broke off"),
        (streams(event(piece({}, "stop")), event("{")), "cannot be used: not JSON"),
        (streams(event("[DONE]")), "no 'choices'"),
        (streams(event(CUT), event({"error": {"message": "out of memory"}})), "out of memory"),
        (answers(200, "<html>", "text/html"), "content type 'text/html'"),
        (answers(200, "fine", ""), "content type ''"),
        (answers(200, "{"), "not JSON"),
        (answers(200, '{"choices": []}'), "no 'choices'"),
        (answers(200, '{"error": {"message": "busy"}}'), "HTTP 500: busy"),
        (answers(200, "x" * 9, Content_Encoding="gzip"), "no valid gzip"),
        (answers(200, "x", Content_Encoding="br"), "compressed"),
        (answers(200, gzip.compress(bytes(40 << 20)), Content_Encoding="gzip"), "larger than"),
        (answers(200, "{}", X_Long="x" * 1_000_000), "broke off"),
        (answers(503, "<html>"), "HTTP 503: an HTML page"),
        (answers(500, '{"error": {"message": "\x1b[31m::error::boom"}}'), r"\x1b[31m::error::boom"),
        (answers(429, '{"error": "slow"}', Retry_After="7"), "asks to wait 7 s"),
    ],
)
def test_broken_answers_are_worth_another_attempt(
    server: ScriptedServer, connect: Callable[..., Connection], reply: Reply, words: str
) -> None:
    """Each fault says which variant and what happened, after exactly one request."""
    server.replies.append(reply)
    with pytest.raises(TransportError) as caught:
        connect().complete(REQUEST)

    assert words in str(caught.value)
    assert str(caught.value).startswith(f"variant 'awq' at {server.url}: ")
    assert "\n" not in str(caught.value)
    assert caught.value.connected
    assert server.requests == 1


def test_retry_after_is_on_the_error(
    server: ScriptedServer, connect: Callable[..., Connection]
) -> None:
    """429 with seconds, without the header (busy, for nobody knows how long), an absurd wait."""
    server.replies.extend(
        [answers(429, Retry_After="3"), answers(429), answers(503, Retry_After="1e12")]
    )
    waits = []
    for _ in range(3):
        with pytest.raises(TransportError) as caught:
            connect().complete(REQUEST)
        waits.append(caught.value.retry_after_s)

    assert waits == [3.0, 0.0, 86400.0]


@pytest.mark.parametrize(
    ("reply", "status", "words"),
    [
        (answers(400, '{"error": {"message": "too long"}}'), 400, "HTTP 400: too long"),
        (answers(401, '{"detail": "who?"}'), 401, "who?; the key came from TEST_KEY"),
        (answers(403, "{}"), 403, "the key came from TEST_KEY"),
        (answers(402, '{"error": "no credit"}'), 402, "no credit; the key came from TEST_KEY"),
        (
            answers(429, '{"error": {"message": "quota", "code": "insufficient_quota"}}'),
            402,
            "HTTP 429: quota; the key came from TEST_KEY",
        ),
        (answers(404, '{"message": "no model"}'), 404, "check base_url and the model name 'm'"),
        (
            answers(307, Location="http://u:p@elsewhere.test/v1?k=1"),
            307,
            "redirected to http://elsewhere.test/v1;",
        ),
        (answers(302, Location="http://[x"), 302, "redirected to"),
        (streams(event({"error": {"message": "too long", "code": 400}})), 400, "too long"),
    ],
)
def test_refusals_are_final_words(
    server: ScriptedServer,
    connect: Callable[..., Connection],
    monkeypatch: pytest.MonkeyPatch,
    reply: Reply,
    status: int,
    words: str,
) -> None:
    """The server's no comes with its own message and a way out; one request, none elsewhere."""
    monkeypatch.setenv("TEST_KEY", KEY)
    server.replies.append(reply)
    with pytest.raises(RefusedError) as caught:
        connect(api_key_env="TEST_KEY").complete(REQUEST)

    assert words in str(caught.value)
    assert caught.value.status == status
    assert caught.value.final == (status != 400)
    assert server.requests == 1


@pytest.mark.parametrize("reply", [drips("x" * 1000, 0.1), stays_silent()])
def test_whole_exchange_is_bounded(
    server: ScriptedServer, connect: Callable[..., Connection], reply: Reply
) -> None:
    """Neither silence nor a slow drip outlasts the time-out."""
    server.replies.append(reply)
    with pytest.raises(
        TransportError, match=r"no complete answer within 1.5 s \(timeout_s\)"
    ) as late:
        connect(timeout_s=1.5).complete(REQUEST)

    assert late.value.timed_out
    assert server.requests == 1


def test_no_server(connect: Callable[..., Connection]) -> None:
    """A refused connection is told apart from a broken exchange."""
    with nobody() as url, pytest.raises(TransportError, match="no connection") as caught:
        connect(base_url=url).complete(REQUEST)

    assert not caught.value.connected


def test_close_cuts_an_exchange_short(
    server: ScriptedServer, connect: Callable[..., Connection]
) -> None:
    """Another thread can end a wait at once; afterwards nothing can be asked."""
    asked = threading.Event()

    def reply(exchange: Exchange) -> None:
        asked.set()
        stays_silent()(exchange)

    server.replies.append(reply)
    connection = connect(timeout_s=60.0)
    thread = threading.Thread(target=lambda: asked.wait(60.0) and connection.close())
    thread.start()
    with pytest.raises(TransportError, match="cut short"):
        connection.complete(REQUEST)

    thread.join()
    with pytest.raises(TransportError, match="closed"):
        connection.complete(REQUEST)


# --- start, identity, key ---------------------------------------------------------------


def variant(**given: Any) -> Variant:
    return Variant(**{"name": "awq", "provider": "openai", "model": "m", **given})


@pytest.mark.parametrize(
    "url", [None, "", "localhost:8000", "ftp://x/v1", "http://", "http://x:y/"]
)
def test_base_url_must_be_an_address(url: str | None) -> None:
    """What is no address is refused before anything is sent."""
    with pytest.raises(LaunchError, match="'awq': base_url must be an address"):
        OpenAIProvider(variant(base_url=url)).start()


def test_credentials_in_the_address_are_refused_and_not_shown() -> None:
    """A password in base_url appears neither in the error nor in the identity."""
    provider = OpenAIProvider(variant(base_url="http://me:hunter22@host.test/v1"))
    with pytest.raises(LaunchError, match="use api_key_env") as caught:
        provider.start()

    assert "hunter22" not in f"{caught.value}{provider.identity()}"
    assert provider.identity()["base_url"] == "http://host.test/v1"


@pytest.mark.parametrize("key", [None, "", "  ", "two words", "ключ", "a\nb"])
def test_unusable_key_names_its_variable(monkeypatch: pytest.MonkeyPatch, key: str | None) -> None:
    """The message names the variable and never its value."""
    monkeypatch.delenv("TEST_KEY", raising=False)
    if key is not None:
        monkeypatch.setenv("TEST_KEY", key)
    with pytest.raises(LaunchError, match="environment variable TEST_KEY is not set") as caught:
        OpenAIProvider(variant(base_url="http://x/v1", api_key_env="TEST_KEY")).start()

    assert not (key and key.strip()) or key not in str(caught.value)


def test_key_is_sent_and_never_told(
    server: ScriptedServer, connect: Callable[..., Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that echoes the key gets it neither into errors nor into completions."""
    monkeypatch.setenv("TEST_KEY", f"{KEY}\n")
    connection = connect(api_key_env="TEST_KEY")
    arguments = [{"index": 0, "function": {"name": KEY, "arguments": KEY}}]
    echo = piece({"content": KEY, "refusal": KEY, "tool_calls": arguments}, KEY, model=KEY)
    echo["system_fingerprint"] = KEY
    server.replies.extend(
        [
            streams(event(echo)),
            answers(400, json.dumps({"error": {"message": f"bad key {KEY}"}})),
            answers(500, KEY * 100),
            answers(302, Location=f"http://{KEY}.test/"),
            streams(event(KEY)),
        ]
    )
    seen = [repr(connection.complete(REQUEST))]
    for _ in range(4):
        with pytest.raises(ProviderError) as caught:
            connection.complete(REQUEST)
        seen += [str(caught.value), repr(vars(caught.value))]
        found = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
        seen += [repr(frame.locals) for frame in found.stack if frame.filename != __file__]

    assert server.headers[0]["Authorization"] == f"Bearer {KEY}"
    assert "[secret]" in seen[0]
    assert KEY not in "".join(seen)


def test_identity_is_the_variants_own() -> None:
    """Another model, address, revision or option is another identity; the key is no part of it."""
    base = {"base_url": "http://x/v1", "api_key_env": "A"}
    same = OpenAIProvider(variant(**base)).identity()

    assert same == OpenAIProvider(variant(**{**base, "api_key_env": "B"})).identity()
    for other in (
        {"model": "n"},
        {"base_url": "http://y/v1"},
        {"revision": "2"},
        {"options": {"extra_body": {"top_k": 1}}},
    ):
        assert same != OpenAIProvider(variant(**{**base, **other})).identity()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"extra_bdy": {}}, "did you mean 'extra_body'"),
        ({"extra_body": 3}, "must be a map"),
        ({"extra_body": {"stream": False}}, "must not set 'stream'"),
    ],
)
def test_unknown_options_are_refused(options: Any, words: str) -> None:
    """A misspelt option would silently change what is compared."""
    with pytest.raises(ValueError, match=words):
        OpenAIProvider(variant(base_url="http://x/v1", options=options))


@pytest.mark.parametrize(
    ("pages", "expected"),
    [
        ({}, (None, None, None)),
        ({"/v1/models": {"data": [{"id": "only"}]}}, ("only", None, None)),
        ({"/v1/models": {"data": [{"id": "a"}, {"id": "m", "meta": 3}]}}, ("m", None, None)),
        ({"/v1/models": {"data": [{"id": "a"}, {"id": "b"}]}}, (None, None, None)),
        ({"/v1/models": [3]}, (None, None, None)),
        ({"/v1/models": {"data": {"id": "a"}}}, (None, None, None)),
        ({"/v1/models": {"data": [{"id": "m", "meta": {"ftype": "Q8_0"}}]}}, ("m", "Q8_0", None)),
        ({"/props": {"model_ftype": "Q4_K - M", "build_info": "b1"}}, (None, "Q4_K - M", "b1")),
    ],
)
def test_served_as(
    server: ScriptedServer, pages: dict[str, Any], expected: tuple[str | None, ...]
) -> None:
    """What the server tells about itself, in whichever place; silence is None."""
    server.pages = pages
    provider = OpenAIProvider(variant(base_url=server.url))
    provider.start()
    found = provider.served_as()

    assert (found.model, found.quantization, found.version) == expected


def test_served_as_never_raises() -> None:
    """Not started, and nobody there."""
    with nobody() as url:
        provider = OpenAIProvider(variant(base_url=url))
        assert provider.served_as().model is None
        provider.start()

        assert provider.served_as().model is None
