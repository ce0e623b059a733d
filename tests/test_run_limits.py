"""Limits of a run: planned against them, counted over processes, never exceeded."""

from __future__ import annotations

import math
from argparse import ArgumentTypeError
from collections.abc import Iterator
from pathlib import Path

import pytest

from gate_project import GateProject
from pytest_quantguard._run import Run
from pytest_quantguard.cache.completions import CompletionCache
from pytest_quantguard.engine.complete import CompletionEngine, Job
from pytest_quantguard.engine.limits import Ledger, Limits, Purse, cost_bound, prompt_tokens
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
    ("error", "paid"),
    [
        (TransportError("cut off"), True),
        (TransportError("refused", connected=False), False),
        (TransportError("429", retry_after_s=0.0), False),
        (RefusedError("400", status=400), False),
        (SystemExit("broken"), True),
    ],
)
def test_what_failed_may_have_been_paid_for(
    tmp_path: Path, error: BaseException, paid: bool
) -> None:
    """An exchange that broke off counts in full; one that never took place, or was refused, not."""
    limits = Limits(cost=1e9)
    ledger = Ledger(tmp_path, limits)
    purse = Purse(ledger, limits, variant(price=PRICE))
    bound = purse.take(asks("x", max_tokens=5))
    purse.settle(bound, None, error)

    assert ledger._read().cost == (bound if paid else 0.0)
    assert ledger._read().held == 0.0


def test_what_cannot_be_counted_is_not_asked(tmp_path: Path) -> None:
    """A full disk ends the asking with its reason; an answer that has come is not lost by it."""
    limits = Limits(cost=1e9)
    ledger = Ledger(tmp_path, limits)
    purse = Purse(ledger, limits, variant(price=PRICE))
    bound = purse.take(asks("x", max_tokens=5))
    ledger._path = tmp_path / "gone" / "spent"
    purse.settle(bound, Completion(text=""), None)

    with pytest.raises(LimitError, match="requests cannot be counted"):
        purse.take(asks("x", max_tokens=5))


def test_answers_cost_what_the_server_counted(tmp_path: Path) -> None:
    """Where it does not count them, they cost their bound."""
    limits = Limits(cost=1e9)
    ledger = Ledger(tmp_path, limits)
    purse = Purse(ledger, limits, variant(price=PRICE))
    counted = Usage(prompt_tokens=3, completion_tokens=4)
    bounds = [purse.take(asks("x", max_tokens=5)) for _ in range(2)]
    purse.settle(bounds[0], Completion(text="", usage=counted), None)
    assert ledger._read().cost == 7
    purse.settle(bounds[1], Completion(text=""), None)

    assert ledger._read().cost == 7 + bounds[1]


@pytest.mark.parametrize(
    ("given", "params", "lacks"),
    [({}, {"max_tokens": 5}, "price"), ({"price": PRICE}, {}, "max_tokens")],
)
def test_without_a_bound_nothing_is_asked(
    tmp_path: Path, given: dict[str, Price], params: dict[str, int], lacks: str
) -> None:
    """A turn of a conversation, which no plan could look at, is refused when it comes."""
    limits = Limits(cost=1.0)
    purse = Purse(Ledger(tmp_path, limits), limits, variant(**given))

    with pytest.raises(LimitError, match=lacks):
        purse.take(asks("x", **params))


# --- the engine -------------------------------------------------------------------------


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as server:
        yield server


def test_no_request_more_than_allowed(server: ScriptedServer, tmp_path: Path) -> None:
    """Second attempts count; the rest fails with one sentence, and what is cached is had."""
    server.replies.extend([answers(429, Retry_After="0"), says("fine")] * 5)
    run = Run(id="r", started=0.0, folder=tmp_path)
    one = variant(base_url=server.url, concurrency=4, timeout_s=5.0)
    jobs = [Job(variant="a", request=asks(f"case {i}")) for i in range(40)]
    cache = CompletionCache(tmp_path / "cache")

    def engine() -> CompletionEngine:
        limits = Limits(requests=25)
        return CompletionEngine(
            cache, {"a": OpenAIProvider(one)}, {"a": one}, run=run, limits=limits
        )

    first = engine()
    first.plan(jobs)
    first.start()
    found = [first.get(job) for job in jobs]
    had = [answer for answer in found if answer.completion]
    said = {str(answer.error) for answer in found if answer.error}
    first.close()
    second = engine()  # such as that of another worker
    assert server.requests == 25
    assert 15 <= len(had) <= 20
    assert len(said) == 1
    assert "all 25 requests that the run may make have been made" in said.pop()
    assert first.limited()
    assert second.get(jobs[found.index(had[0])]).cached
    second.close()
    cache.close()


# --- the gate ---------------------------------------------------------------------------


def priced(project: GateProject, **more: object) -> None:
    both = {
        "provider": "openai",
        "base_url": project.server.url,
        "concurrency": 4,
        "price": {"input": 1, "output": 2},
    }
    arms = {name: {**both, "model": name} for name in ("base", "cand")}
    project.config(project.server.url, variants=arms, **more)


def test_a_plan_that_is_too_large_is_refused(project: GateProject) -> None:
    """The plan is printed with the numbers; nothing is sent, in workers neither."""
    priced(project)
    run = project.run("--quant-max-requests=119")

    assert (run.code, project.server.requests) == (4, 0)
    run.has(
        "plan: base: 60 to ask (0 cached), at most",
        "the run may need 120 requests (base 60, cand 60), and may make 119",
        "nothing was sent",
    )
    assert "quantguard: quantguard:" not in run.output
    run = project.run("--quant-max-cost=100", "-n2")

    assert (run.code, project.server.requests) == (4, 0)
    run.has("golden/faq.quant.yaml:2: case 'faq-0' has no max_tokens", "and 57 more cases")


def test_further_runs_count_and_the_option_wins(project: GateProject) -> None:
    """Critical cases may be asked twice more, which the configuration's limit does not allow."""
    priced(project, limits={"requests": 130, "cost": 0.01}, request={"max_tokens": 4})
    project.golden(40, critical=True)
    run = project.run("--quant-underpowered=allow")

    assert (run.code, project.server.requests) == (4, 0)
    run.has("the run may need 240 requests", "at most 80 more as needed", "may make 130")
    run = project.run("--quant-underpowered=allow", "--quant-max-requests=240", "-n2")

    assert project.server.requests == 80
    assert "/40 cached) · 40 cases" in run.output, "a worker's plan, shown by the controller"
    run.has("quantguard: plan: in all at most ", "requests, cost at most 0.")
    assert run.verdicts["cand"] != "error"


def test_a_limit_that_is_reached_is_an_error(project: GateProject) -> None:
    """Second attempts use the requests up: whatever the rest says, there is no PASS."""
    project.server.replies.append(answers(500))
    priced(project, policies={"max_errors": 50})
    run = project.run("--quant-max-requests=120")

    assert (run.code, project.server.requests) == (1, 120)
    assert run.verdicts == {"cand": "error"}
    run.has("a limit of the run is reached: all 120 requests that the run may make have been made")


def test_limits_are_positive_and_finite() -> None:
    """An option with another number is a usage error, not a limit that nothing meets."""
    from pytest_quantguard.plugin import _more_than_nothing

    for text in ("0", "-1", "nan", "inf", "x"):
        with pytest.raises(ArgumentTypeError, match=f"'{text}' is no number above 0, such as 2.5"):
            _more_than_nothing(float)(text)
    with pytest.raises(ArgumentTypeError, match="is no whole number above 0, such as 500"):
        _more_than_nothing(int)("2.5")
    assert math.isclose(_more_than_nothing(float)("0.5"), 0.5)
