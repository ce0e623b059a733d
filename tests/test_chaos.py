"""Servers that misbehave: every case is accounted for, and nothing complete is asked for twice."""

from __future__ import annotations

import hashlib
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from faults import FAULTS, HALF, ODDITIES
from pytest_quantguard.cache.completions import CompletionCache
from pytest_quantguard.contracts import Connection
from pytest_quantguard.engine import backoff as _backoff
from pytest_quantguard.engine.complete import Answer, CompletionEngine, Job
from pytest_quantguard.errors import ProviderError
from pytest_quantguard.providers._refusals import retry_after_s
from pytest_quantguard.providers.openai import OpenAIProvider
from pytest_quantguard.types import Completion, CompletionRequest
from pytest_quantguard.variants import Variant
from scripted_server import Exchange, Reply, ScriptedServer, answers, event, piece, says, streams

TIMEOUT_S = 10.0
"""Bounds nothing: no good answer is late, however busy the machine is."""
SILENT_S = 1.0
"""For requests to which no good answer comes."""
ATTEMPTS = 2
Make = Callable[..., CompletionEngine]


@pytest.fixture(autouse=True)
def quick_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_backoff, "_BACKOFF_S", 0.01)


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[CompletionCache]:
    cache = CompletionCache(tmp_path / "cache")
    yield cache
    cache.close()


@pytest.fixture
def engine_on(cache: CompletionCache) -> Iterator[Make]:
    made: list[CompletionEngine] = []

    def make(
        server: ScriptedServer, kind: type[OpenAIProvider] = OpenAIProvider
    ) -> CompletionEngine:
        variant = Variant(
            name="awq",
            provider="openai",
            model="m",
            base_url=server.url,
            timeout_s=TIMEOUT_S,
            max_attempts=ATTEMPTS,
            concurrency=2,
        )
        engine = CompletionEngine(cache, {"awq": kind(variant)}, {"awq": variant})
        made.append(engine)
        return engine

    yield make
    for engine in made:
        engine.close()


def job(prompt: str) -> Job:
    message = {"role": "user", "content": prompt}
    return Job(variant="awq", request=CompletionRequest(messages=(message,)))


def ask(engine: CompletionEngine, prompts: list[str]) -> dict[str, Answer]:
    jobs = {prompt: job(prompt) for prompt in prompts}
    engine.plan(jobs.values())
    engine.start()
    return {prompt: engine.get(one) for prompt, one in jobs.items()}


class Knowing(OpenAIProvider):
    """Waits for no answer long that will not be good: a `Script` gives only faults to those."""

    def __init__(self, variant: Variant) -> None:
        super().__init__(variant)
        self._short = OpenAIProvider(replace(variant, timeout_s=SILENT_S))
        self._once = iter([True])

    def start(self) -> str:
        self._short.start()
        return super().start()

    def connect(self) -> Connection:
        return KnowingLine(super().connect(), self._short.connect(), self._once)


class KnowingLine:
    """Two connections of which each request takes one."""

    def __init__(self, patient: Connection, short: Connection, once: Iterator[bool]) -> None:
        self._patient, self._short, self._once = patient, short, once

    def complete(self, request: CompletionRequest) -> Completion:
        prompt = request.messages[-1]["content"]
        bad = prompt == "always" or (prompt == "once" and next(self._once, False))
        return (self._short if bad else self._patient).complete(request)

    def close(self) -> None:
        self._patient.close()
        self._short.close()


class Script:
    """Gives "once" the fault the first time, "always" every time, and others a good answer."""

    def __init__(self, fault: Reply) -> None:
        self.fault = fault
        self.asked: Counter[str] = Counter()
        self.lock = threading.Lock()

    def __call__(self, exchange: Exchange) -> None:
        prompt = json.loads(exchange.body)["messages"][-1]["content"]
        with self.lock:
            self.asked[prompt] += 1
            first = self.asked[prompt] == 1
        bad = prompt == "always" or (prompt == "once" and first)
        (self.fault if bad else says("fine"))(exchange)


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_costs_its_own_case_at_most(
    engine_on: Make, cache: CompletionCache, name: str
) -> None:
    """Whatever a server does to one case: the others are asked once, none is left out."""
    fault = FAULTS[name]
    script = Script(fault.reply)
    others = [f"good {number}" for number in range(4)]
    with ScriptedServer(default=script) as server:
        waits = fault.words == "no complete answer within"
        engine = engine_on(server, Knowing if waits else OpenAIProvider)
        found = ask(engine, ["once", *others[:2], "always", *others[2:]])
        counts = engine.counts()["awq"]
        engine.close()

    error = found["always"].error
    assert type(error).__mro__[1] is ProviderError, "an error that was foreseen, by its kind"
    assert fault.words in str(error)
    assert str(error).startswith("variant 'awq' at http://127.0.0.1:")
    assert "\n" not in str(error)
    assert len(str(error)) < 500
    assert (found["once"].error is None) == fault.asked_again
    good = [one.completion.text for one in found.values() if one.completion is not None]
    assert good == ["fine"] * (5 if fault.asked_again else 4), "no fault is taken for an answer"
    assert all((one.completion is None) != (one.error is None) for one in found.values())
    assert all((cache.get(one.key) is None) == (one.completion is None) for one in found.values())
    attempts = ATTEMPTS if fault.asked_again else 1
    assert attempts <= script.asked["always"] <= attempts + fault.like_stale
    assert script.asked["once"] == (2 if fault.asked_again else 1)
    assert [script.asked[other] for other in others] == [1, 1, 1, 1]
    assert counts["planned"] == 6 == counts["answered"] + counts["failed"]
    assert counts["attempts"] == sum(script.asked.values())


@pytest.mark.parametrize("name", ODDITIES)
def test_an_odd_answer_that_is_complete_is_asked_for_once(engine_on: Make, name: str) -> None:
    """Servers differ: what is there is read, what is missing is not known."""
    with ScriptedServer(default=ODDITIES[name]) as server:
        found = ask(engine_on(server), [f"good {number}" for number in range(4)])

        assert [one.completion and one.completion.text for one in found.values()] == ["fine"] * 4
        assert server.requests == 4


def test_text_sent_twice_without_numbers_stays_as_it_came(
    engine_on: Make,
) -> None:
    """Nobody can tell "ha" sent twice from "haha": the text is what the server sent."""
    laugh = event(piece({"content": "ha"}))
    with ScriptedServer(default=streams(laugh, laugh, event(piece({}, "stop")))) as server:
        found = ask(engine_on(server), ["joke"])

    assert found["joke"].completion is not None
    assert found["joke"].completion.text == "haha"


def test_a_redirect_tells_another_host_nothing(
    engine_on: Make,
) -> None:
    """Neither the prompt nor the key goes there; nothing more is asked."""
    with ScriptedServer() as other, ScriptedServer() as server:
        server.default = answers(307, Location=f"{other.url}/chat/completions")
        found = ask(engine_on(server), [f"case {number}" for number in range(20)])

        assert other.requests == 0
        assert server.requests <= 2
        assert all("redirected to" in str(one.error) for one in found.values())


def test_a_date_to_wait_for_is_meant_by_the_servers_clock() -> None:
    """Ours may be an hour off: nobody waits an hour for that, or not at all."""
    date, later = (f"Sat, 21 Nov 2026 10:00:{second:02} GMT" for second in (0, 7))
    clocks = (0.0, 1_795_255_200.0, 1_795_258_800.0, 1e11)

    for ours in clocks:
        assert retry_after_s({"retry-after": later, "date": date}, ours) == 7.0
    assert retry_after_s({"retry-after": later}, 1_795_255_200.0) == 7.0
    assert retry_after_s({"retry-after": later, "date": "noon"}, 1_795_255_200.0) == 7.0


@pytest.mark.parametrize(
    "fault",
    [answers(503), answers(429), answers(429, Retry_After="0"), streams(HALF), answers(200, "{")],
    ids=["503", "429", "429 with a wait", "cut off", "no json"],
)
def test_a_storm_ends_soon_and_is_told_in_one_sentence(engine_on: Make, fault: Reply) -> None:
    """A server that only fails is not asked for each of 300 cases: every case has the reason."""
    with ScriptedServer(default=fault) as server:
        engine = engine_on(server)
        found = ask(engine, [f"case {number}" for number in range(300)])
        requests = server.requests

    assert all(one.error is not None and one.completion is None for one in found.values())
    assert requests <= 60
    assert engine.counts()["awq"]["failed"] == 300
    assert engine.counts()["awq"]["attempts"] == requests


def test_what_came_before_a_storm_is_kept(engine_on: Make, cache: CompletionCache) -> None:
    """A server that dies in mid-run: the next run asks only for what is missing."""
    prompts = [f"case {number}" for number in range(60)]
    with ScriptedServer(default=answers(503)) as server:
        server.replies.extend([says("fine")] * 25)
        first = ask(engine_on(server), prompts)
    had = [prompt for prompt, one in first.items() if one.completion is not None]
    bodies = Counter(hashlib.sha256(json.dumps(b).encode()).hexdigest() for b in server.bodies)
    assert len(had) == 25
    assert all(cache.get(first[prompt].key) for prompt in had)
    assert max(bodies.values()) <= ATTEMPTS
    # The same server, at the same address, has come back.
    engine = engine_on(server)
    with ScriptedServer() as again:
        provider = OpenAIProvider(
            Variant(name="awq", provider="openai", model="m", base_url=again.url)
        )
        provider.identity = engine._lanes["awq"].provider.identity  # type: ignore[method-assign]
        variant = Variant(name="awq", provider="openai", model="m", base_url=again.url)
        second = CompletionEngine(cache, {"awq": provider}, {"awq": variant})
        found = ask(second, prompts)
        second.close()

        assert all(one.completion is not None for one in found.values())
        assert again.requests == 35
