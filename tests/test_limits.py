"""Limits of a run: planned against them, counted over processes, never exceeded."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import pytest

from gate_project import GateProject, speaks, truthful
from pytest_quantguard._cache import CompletionCache
from pytest_quantguard._complete import CompletionEngine, Job
from pytest_quantguard._limits import Ledger, Limits, Purse, cost_bound, prompt_tokens
from pytest_quantguard._run import Run
from pytest_quantguard.errors import LimitError, RefusedError, TransportError
from pytest_quantguard.providers.openai import OpenAIProvider
from pytest_quantguard.types import Completion, CompletionRequest, Usage
from pytest_quantguard.variants import Price, Variant
from scripted_server import ScriptedServer, answers, says

PRICE = Price(input=1e6, output=1e6)
"""One for every token."""


def asks(text: str, **params: object) -> CompletionRequest:
    return CompletionRequest(messages=({"role": "user", "content": text},), params=dict(params))


def variant(**given: object) -> Variant:
    return Variant(**{"name": "a", "provider": "openai", "model": "m", "timeout_s": 0.1, **given})


# --- bounds -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "tokens"),
    [("12345678901234567890", 10), ("hello, how are you", 6), ("\u6f22\u5b57" * 10, 20), ("", 0)],
)
def test_prompts_have_fewer_tokens_than_their_bound(text: str, tokens: int) -> None:
    """One token for every two bytes, and some for each message."""
    assert prompt_tokens(asks(text)) >= tokens


def test_everything_that_is_sent_counts() -> None:
    """Tools, tool calls, schemas, references and pictures are paid for as well."""
    plain = prompt_tokens(asks("x"))
    tool = {"type": "function", "function": {"name": "refund" * 10}}
    more = [
        CompletionRequest(messages=asks("x").messages, tools=(tool,)),
        CompletionRequest(messages=({"role": "user", "content": "x", "tool_calls": [tool]},)),
        CompletionRequest(messages=({"role": "user", "content": [{"type": "image_url"}]},)),
        CompletionRequest(messages=asks("x").messages, reference="y" * 80),
        asks("x", response_format={"json_schema": tool}),
    ]

    assert all(prompt_tokens(request) > plain + 20 for request in more)


def test_cost_needs_a_price_and_max_tokens() -> None:
    """What nobody can bound has no bound; a variant's own body may hold max_tokens."""
    assert cost_bound(asks("x"), variant(price=PRICE)) is None
    assert cost_bound(asks("x", max_tokens=5), variant()) is None
    assert cost_bound(asks("x", max_tokens=True), variant(price=PRICE)) is None
    bound = cost_bound(asks("x", max_tokens=5), variant(price=PRICE))
    assert bound == prompt_tokens(asks("x")) + 5
    found = variant(price=PRICE, options={"extra_body": {"max_completion_tokens": 9}})
    assert cost_bound(asks("x", max_tokens=5), found) == bound + 4


# --- the ledger -------------------------------------------------------------------------


def test_processes_count_together(tmp_path: Path) -> None:
    """Two ledgers on one folder: five requests, whoever makes them."""
    ledgers = [Ledger(tmp_path, Limits(requests=5)) for _ in range(2)]
    found = [ledgers[i % 2].take(0.0)[0] for i in range(7)]

    assert found[:5] == [""] * 5
    assert found[5] == found[6] == "all 5 requests that the run may make have been made"
    assert ledgers[1].requests == 5


def test_seconds_count_from_the_first_request(tmp_path: Path) -> None:
    """Time before it is free; the other process has the same beginning."""
    now = [100.0]
    ledgers = [Ledger(tmp_path, Limits(seconds=10), lambda: now[0]) for _ in range(2)]
    now[0] = 500.0
    assert ledgers[0].take(0.0)[0] == ""
    now[0] = 509.9
    assert ledgers[1].take(0.0)[0] == ""
    now[0] = 510.0

    assert ledgers[1].take(0.0)[0] == "the 10 s that the run may take are over"


def test_cost_is_held_until_it_is_known(tmp_path: Path) -> None:
    """What is in flight counts with its bound, what is answered with what it did cost."""
    ledger = Ledger(tmp_path, Limits(cost=10.0))
    assert [ledger.take(4.0) for _ in range(2)] == [("", False)] * 2
    reason, later = ledger.take(4.0)
    assert "0 of 10 are spent" in reason
    assert later, "the other two may turn out to be cheap"
    ledger.settle(4.0, 1.0)
    assert ledger.take(4.0) == ("", False)
    ledger.settle(4.0, 4.0)
    ledger.settle(4.0, 4.0)

    assert ledger.take(4.0) == ("9 of 10 are spent, and the next request may cost 4", False)


@pytest.mark.parametrize(
    ("error", "cost"),
    [
        (TransportError("cut off"), 13.0),
        (TransportError("refused", connected=False), 0.0),
        (TransportError("429", retry_after_s=0.0), 0.0),
        (RefusedError("400", status=400), 0.0),
    ],
)
def test_what_failed_may_have_been_paid_for(tmp_path: Path, error: Exception, cost: float) -> None:
    """An exchange that broke off counts in full; one that never took place, or was refused, not."""
    limits = Limits(cost=1e9)
    ledger = Ledger(tmp_path, limits)
    purse = Purse(ledger, limits, variant(price=PRICE))
    bound = purse.take(asks("", max_tokens=13 - prompt_tokens(asks(""))) if False else asks("x"))
    purse.settle(bound, None, error)

    assert ledger._read().cost == (bound if cost else 0.0)
