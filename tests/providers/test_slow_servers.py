"""Servers that take their time: whatever they send, and however slowly, a wait ends."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pytest_quantguard.contracts import Connection
from pytest_quantguard.errors import ProviderError, RefusedError, TransportError
from pytest_quantguard.providers import _pages
from pytest_quantguard.providers.openai import OpenAIProvider
from pytest_quantguard.types import CompletionRequest
from pytest_quantguard.variants import ServedAs, Variant
from scripted_server import Exchange, Reply, ScriptedServer, event, says

REQUEST = CompletionRequest(messages=({"role": "user", "content": "hi"},))
JSON = {"Content-Type": "application/json", "Transfer-Encoding": "chunked"}


@pytest.fixture
def provider(server: ScriptedServer) -> OpenAIProvider:
    made = OpenAIProvider(
        Variant(name="awq", provider="openai", model="m", base_url=server.url, timeout_s=1.5)
    )
    made.start()
    return made


@pytest.fixture
def line(provider: OpenAIProvider) -> Iterator[Connection]:
    connection = provider.connect()
    yield connection
    connection.close()


def drips_body(code: int) -> Reply:
    """Send a body letter by letter, for a minute."""

    def reply(exchange: Exchange) -> None:
        exchange.head(code, JSON)
        for _ in range(1200):
            exchange.chunk("x")
            time.sleep(0.05)

    return reply


def drips_headers(exchange: Exchange) -> None:
    """Send a header letter by letter, for a minute."""
    exchange.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
    for _ in range(1200):
        exchange.wfile.write(b"x")
        time.sleep(0.05)


def falls_silent(exchange: Exchange) -> None:
    """Begin, go on late, then say nothing more."""
    exchange.head(200, {"Content-Type": "text/event-stream", "Transfer-Encoding": "chunked"})
    time.sleep(0.5)
    exchange.chunk(event({"choices": []}))
    exchange.rfile.read(1)  # until the client hangs up


def seconds(ask: Callable[[], Any]) -> float:
    start = time.monotonic()
    ask()
    return time.monotonic() - start


@pytest.mark.parametrize(
    ("code", "error"), [(503, TransportError), (400, RefusedError), (401, RefusedError)]
)
def test_an_error_that_drips_is_told_as_far_as_it_came(
    server: ScriptedServer, line: Connection, code: int, error: type[ProviderError]
) -> None:
    """The status counts; half an explanation will do."""
    server.replies.append(drips_body(code))

    def ask() -> None:
        with pytest.raises(error, match=f"HTTP {code}: xxx"):
            line.complete(REQUEST)

    assert seconds(ask) < 50


@pytest.mark.parametrize("reply", [drips_headers, falls_silent, drips_body(200)])
def test_no_answer_outlasts_the_time_out(
    server: ScriptedServer, line: Connection, reply: Reply
) -> None:
    """Headers that drip, a body that drips, and one that begins and stops: one limit for all."""
    server.replies.extend([says("fine"), reply, says("fine")])
    line.complete(REQUEST)

    def ask() -> None:
        with pytest.raises(TransportError, match=r"no complete answer within 1.5 s \(timeout_s\)"):
            line.complete(REQUEST)

    assert seconds(ask) < 50
    assert line.complete(REQUEST).text == "fine"


@pytest.mark.parametrize("reply", [drips_headers, drips_body(200), drips_body(500)])
def test_asking_what_is_served_ends(
    provider: OpenAIProvider, monkeypatch: pytest.MonkeyPatch, reply: Reply
) -> None:
    """It is a courtesy: both questions together take a few seconds at most."""
    monkeypatch.setattr(_pages, "ASK_S", 0.4)
    monkeypatch.setattr(Exchange, "do_GET", reply)
    found: list[ServedAs] = []

    assert seconds(lambda: found.append(provider.served_as())) < 50
    assert [ServedAs()] == found
