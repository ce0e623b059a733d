"""The engine: each completion is had once, trouble is bounded, and the end comes at once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from pytest_quantguard._run import Run
from pytest_quantguard.cache.completions import CompletionCache
from pytest_quantguard.engine import backoff as _backoff
from pytest_quantguard.engine import complete as _complete
from pytest_quantguard.engine.backoff import pause_s
from pytest_quantguard.engine.complete import Answer, CompletionEngine, Job
from pytest_quantguard.errors import LaunchError, ProviderError, RefusedError, TransportError
from pytest_quantguard.providers.openai import OpenAIProvider
from pytest_quantguard.types import Completion, CompletionRequest, Json
from pytest_quantguard.variants import Launch, ServedAs, Variant
from scripted_server import (
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
    stays_silent,
    streams,
    told,
)

KEY = "sk-test-0123456789abcdef"
Ask = Callable[[CompletionRequest], Completion]


@pytest.fixture(autouse=True)
def quick_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_backoff, "_BACKOFF_S", 0.02)


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as server:
        yield server


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[CompletionCache]:
    cache = CompletionCache(tmp_path / "cache")
    yield cache
    cache.close()


@pytest.fixture
def engine_for(
    cache: CompletionCache, server: ScriptedServer, tmp_path: Path
) -> Iterator[Callable[..., CompletionEngine]]:
    """Return a maker of engines, with variant ``a`` on the scripted server unless said else."""
    made: list[CompletionEngine] = []

    def make(
        *providers: FakeProvider, shares: int = 1, folder: Path = tmp_path / "run", **given: Any
    ) -> CompletionEngine:
        given = {"base_url": server.url, "timeout_s": 5.0, "concurrency": 2, **given}
        variants = [p.variant for p in providers] or [
            Variant(name="a", provider="openai", model="m", **given)
        ]
        known = {p.variant.name: p for p in providers} or {"a": OpenAIProvider(variants[0])}
        run = Run(id="run", started=0.0, folder=folder, processes=shares)
        made.append(CompletionEngine(cache, known, {v.name: v for v in variants}, run=run))
        return made[-1]

    yield make
    for engine in made:
        engine.close()


class FakeProvider:
    """A provider without a network: ``ask`` makes the completions."""

    def __init__(self, name: str, ask: Ask | None = None, **given: Any) -> None:
        self.variant = Variant(
            name=name, provider="fake", model=name, **{"concurrency": 1, "timeout_s": 1.0, **given}
        )
        self.ask = ask or (lambda request: Completion(text=name))
        self.launch: Exception | None = None
        self.started = self.stopped = self.connected = 0

    def start(self) -> None:
        self.started += 1
        if self.launch:
            raise self.launch

    def identity(self) -> Json:
        return self.variant.identity()

    def connect(self) -> FakeProvider:
        self.connected += 1
        return self

    def complete(self, request: CompletionRequest) -> Completion:
        return self.ask(request)

    def close(self) -> None:
        """Nothing is open."""

    def served_as(self) -> ServedAs:
        return ServedAs()

    def stop(self) -> None:
        self.stopped += 1


def jobs(n: int, *names: str, repeat: int = 0) -> list[Job]:
    """Return ``n`` jobs for each variant, case by case."""
    return [
        Job(
            variant=name,
            request=CompletionRequest(messages=({"role": "user", "content": f"case {i}"},)),
            repeat=repeat,
        )
        for i in range(n)
        for name in names or ("a",)
    ]


def run(engine: CompletionEngine, asked: list[Job]) -> list[Answer]:
    engine.plan(asked)
    engine.start()
    return [engine.get(job) for job in asked]


def texts(found: list[Answer]) -> list[str]:
    return [answer.completion.text if answer.completion else "-" for answer in found]


def errors(found: list[Answer]) -> list[str]:
    return [type(answer.error).__name__ for answer in found if answer.error]


# --- what is asked, and what is not -----------------------------------------------------


def test_each_completion_is_asked_for_once(
    engine_for: Callable[..., CompletionEngine], server: ScriptedServer
) -> None:
    """Planned twice, got twice, and by a second run: one request each, and all counted."""
    engine = engine_for()
    found = run(engine, jobs(20) + jobs(20))
    again = engine_for()
    again.plan(jobs(20))

    assert again.known() == {"a": (20, 20)}
    assert texts(found) == ["fine"] * 40
    assert not any(answer.cached for answer in found)
    assert all(answer.cached for answer in run(again, jobs(20)))
    assert (server.requests, len(server.counts)) == (20, 20)
    assert engine.counts()["a"] == {
        "planned": 20,
        "cached": 0,
        "sent": 20,
        "answered": 20,
        "failed": 0,
        "attempts": 20,
    }
    assert again.counts()["a"]["cached"] == 20
    assert again.counts()["a"]["attempts"] == 0


def test_repeats_are_completions_of_their_own(
    engine_for: Callable[..., CompletionEngine], server: ScriptedServer
) -> None:
    """The same request as another repeat is asked again."""
    found = run(engine_for(), jobs(1) + jobs(1, repeat=1))

    assert found[0].key != found[1].key
    assert server.requests == 2


def test_cached_variant_is_not_started(engine_for: Callable[..., CompletionEngine]) -> None:
    """With everything in the cache no server is started and no connection made."""
    run(engine_for(FakeProvider("a")), jobs(5))
    second = FakeProvider("a")
    run(engine_for(second), jobs(5))

    assert (second.started, second.connected) == (0, 0)


def test_provider_is_started_once_and_stopped(engine_for: Callable[..., CompletionEngine]) -> None:
    """Many workers, one start; a connection each, at most."""
    provider = FakeProvider("a", lambda _: time.sleep(0.01) or Completion(text=""), concurrency=8)
    engine = engine_for(provider)
    run(engine, jobs(40))
    engine.close()

    assert provider.started == 1
    assert 1 <= provider.connected <= 8
    assert provider.stopped == 1


def test_empty_completions_are_answers(engine_for: Callable[..., CompletionEngine]) -> None:
    """Saying nothing is no error of the transport, and is not paid for twice."""
    run(engine_for(FakeProvider("a", lambda _: Completion(text=""))), jobs(1))
    (found,) = run(engine_for(FakeProvider("a")), jobs(1))

    assert found.cached
    assert found.completion is not None
    assert found.completion.asked_at > 0, "when it was asked is kept with it"
    assert replace(found.completion, asked_at=0.0, asked_in="") == Completion(text="")


def test_arms_are_asked_side_by_side(engine_for: Callable[..., CompletionEngine]) -> None:
    """Neither arm is far ahead of the other, so that their latencies can be compared."""
    order: list[tuple[str, str]] = []
    both = threading.Barrier(2, timeout=30.0)

    def asks(name: str) -> Ask:
        def ask(request: CompletionRequest) -> Completion:
            order.append((name, request.prompt))
            both.wait()  # breaks where the other arm is not asked meanwhile
            return Completion(text=name)

        return ask

    asked = jobs(30, "a", "b")
    found = run(engine_for(*(FakeProvider(name, asks(name)) for name in "ab")), asked)
    half = [name for name, _ in order[:30]]

    assert texts(found) == ["a", "b"] * 30
    assert half.count("a") == 15
    for name in "ab":
        assert [text for who, text in order if who == name] == [f"case {i}" for i in range(30)]


@pytest.mark.parametrize(("shares", "most"), [(1, 6), (2, 3), (100, 1)])
def test_concurrency_is_bounded(
    engine_for: Callable[..., CompletionEngine], server: ScriptedServer, shares: int, most: int
) -> None:
    """Never more at once than configured; processes share, each with one at least."""

    def reply(exchange: Exchange) -> None:
        end = time.monotonic() + 20.0
        while server.peak < most and time.monotonic() < end:  # none is answered before all came
            time.sleep(0.005)
        says("fine")(exchange)

    server.default = reply
    run(engine_for(concurrency=6, shares=shares, timeout_s=60), jobs(24 if most > 1 else 4))

    assert server.peak == most
    assert len(server.clients) <= most


def test_unplanned_job_goes_first(engine_for: Callable[..., CompletionEngine]) -> None:
    """What an item waits for is not queued behind what nobody waits for yet."""
    provider = FakeProvider("a", lambda _: time.sleep(0.02) or Completion(text="x"))
    engine = engine_for(provider)
    engine.plan(jobs(1000))
    engine.start()
    (other,) = jobs(1, repeat=1)

    assert engine.get(other).completion is not None
    assert engine.get(jobs(1000)[-1]).completion is not None
    assert engine.counts()["a"]["sent"] < 500, "half of them take ten seconds"


def test_waits_for_another_process(
    engine_for: Callable[..., CompletionEngine], server: ScriptedServer, cache: CompletionCache
) -> None:
    """What another one is asking for is not asked again, and others are not held up by it."""
    engine = engine_for(concurrency=1)
    first, second = jobs(2)
    key = engine._lanes["a"].add(first).key
    with cache.claim(key) as mine:
        assert mine
        engine.plan([second])
        engine.start()
        assert engine.get(second).completion is not None
        cache.put(key, Completion(text="theirs"), first.request)
    found = engine.get(first)

    assert (texts([found]), found.cached) == (["theirs"], True)
    assert server.requests == 1


# --- trouble ----------------------------------------------------------------------------


HALF = event(piece({"content": "half"}))


@pytest.mark.parametrize(
    "fault",
    [
        answers(429),
        answers(429, Retry_After="nonsense"),
        answers(500, "<html>"),
        answers(200, "<html>", "text/html"),
        answers(200, "{"),
        streams(HALF),
        streams(HALF, end=False),
        resets(HALF),
        resets(),
    ],
)
def test_passing_faults_cost_one_more_request(
    engine_for: Callable[..., CompletionEngine], server: ScriptedServer, fault: Reply
) -> None:
    """Two faults in a row, then the answer: three requests, none of the faults is cached."""
    server.replies.extend([fault, fault])
    engine = engine_for()

    assert texts(run(engine, jobs(1))) == ["fine"]
    assert server.requests == 3
    assert engine.counts()["a"]["attempts"] == 3
    assert engine.counts()["a"]["failed"] == 0


@pytest.mark.parametrize("wait", ["1", "Sat, 21 Nov 2026 10:00:01 GMT"])
def test_waits_as_long_as_the_server_asks(
    engine_for: Callable[..., CompletionEngine], server: ScriptedServer, wait: str
) -> None:
    """Seconds and dates; the other workers wait too."""
    engine = engine_for()
    gate = engine._lanes["a"].gate

    def busy(exchange: Exchange) -> None:
        exchange.date_time_string = lambda *_: "Sat, 21 Nov 2026 10:00:00 GMT"  # type: ignore[method-assign]
        answers(429, Retry_After=wait)(exchange)

    def fine(exchange: Exchange) -> None:
        while not gate.shut_until:  # the other worker is not free before
            time.sleep(0.005)
        says("fine")(exchange)

    server.replies.append(busy)
    server.default = fine
    run(engine, jobs(4))

    assert server.requests == 5
    assert gate.shut_until - server.times[0] >= 1.0
    assert all(at >= gate.shut_until for at in server.times[2:]), "one was under way"


def test_absurd_waits_are_capped(
    engine_for: Callable[..., CompletionEngine], server: ScriptedServer
) -> None:
    """Nobody waits for an hour: a wait is never longer than the time-out."""
    server.replies.append(answers(429, Retry_After="3600"))
    start = time.monotonic()

    assert texts(run(engine_for(timeout_s=2), jobs(1))) == ["fine"]
    assert time.monotonic() - start >= 2.0
    assert server.requests == 2


@pytest.mark.parametrize("fault", [drips("x" * 2000, 0.05), stays_silent()])
def test_time_outs_are_attempts(
    engine_for: Callable[..., CompletionEngine], server: ScriptedServer, fault: Reply
) -> None:
    """A slow drip and a silent server each cost their attempts, then an error of this case."""
    run(engine_for(), jobs(1))  # in the same run, by a process with time: it has answered
    server.default = fault
    engine = engine_for(timeout_s=1, max_attempts=2, concurrency=1)
    found = run(engine, jobs(2))

    assert [answer.cached for answer in found] == [True, False]
    assert "no complete answer within 1 s" in str(found[1].error)
    assert str(found[1].error).endswith("(gave up after 2 attempts)")
    assert engine.counts()["a"]["attempts"] == 2


@pytest.mark.parametrize(("n", "places", "cost"), [(50, 6, 6), (3, 6, 3), (1, 6, 2)])
def test_black_hole_costs_one_wave(
    engine_for: Callable[..., CompletionEngine],
    server: ScriptedServer,
    n: int,
    places: int,
    cost: int,
) -> None:
    """A server that takes requests and never answers any is left after its first wave."""
    server.default = stays_silent()
    engine = engine_for(timeout_s=1, concurrency=places)
    found = run(engine, jobs(n))
    attempts = engine.counts()["a"]["attempts"]

    assert cost <= attempts <= cost + 2  # those that found a place while the wave ended
    assert server.requests <= attempts
    assert errors(found) == ["TransportError"] * n
    assert len({str(answer.error) for answer in found}) == 1
    assert "it has never answered" in str(found[-1].error)
    assert "0 answers; nothing more is asked" in str(found[-1].error)


def test_flaky_server_completes_everything(
    engine_for: Callable[..., CompletionEngine], server: ScriptedServer
) -> None:
    """A tenth of all requests fails, at random: each is asked again, and all are answered."""
    random = Random(7)
    faults = [random.random() < 0.1 for _ in range(400)]
    server.replies.extend(answers(503) if fault else says("fine") for fault in faults)
    engine = engine_for(concurrency=1)  # the next fault is met by the same case in every run
    found = run(engine, jobs(300))

    assert texts(found) == ["fine"] * 300
    assert sum(faults[: server.requests]) == server.requests - 300 > 20
    assert engine.counts()["a"]["attempts"] == server.requests


def test_without_a_budget_nothing_is_asked_twice(
    engine_for: Callable[..., CompletionEngine], server: ScriptedServer
) -> None:
    """A third of the cases always fails: each costs its attempts until those of all are used up."""
    server.default = lambda exchange: (
        answers(500) if b"case 0" in exchange.body or b"bad" in exchange.body else says("fine")
    )(exchange)
    asked = [
        replace(
            job,
            request=CompletionRequest(
                messages=({"role": "user", "content": f"{'bad' if i % 3 == 0 else 'good'} {i}"},)
            ),
        )
        for i, job in enumerate(jobs(90))
    ]
    engine = engine_for(concurrency=1)
    found = run(engine, asked)

    assert texts(found) == ["-" if i % 3 == 0 else "fine" for i in range(90)]
    assert server.requests <= 90 + 10 + 0.2 * 60 + 1


def test_storm_ends_with_one_sentence(
    engine_for: Callable[..., CompletionEngine], server: ScriptedServer
) -> None:
    """After five rests without an answer nothing more is tried; the counts are told, once."""
    server.default = answers(503, '{"error": "overloaded"}')
    engine = engine_for(concurrency=1)
    found = run(engine, jobs(100))

    assert errors(found) == ["TransportError"] * 100
    assert server.requests == 7
    assert "HTTP 503: overloaded; there was nothing but errors for" in str(found[-1].error)
    assert "7 requests, 0 answers; nothing more is asked" in str(found[-1].error)
    assert str(found[0].error).endswith("(gave up after 4 attempts)")
    assert len({str(answer.error) for answer in found[1:]}) == 1
    assert engine.counts()["a"]["failed"] == 100
    assert engine.counts()["a"]["attempts"] == server.requests


def test_storm_costs_no_more_than_a_wave_and_the_budget(
    engine_for: Callable[..., CompletionEngine], server: ScriptedServer
) -> None:
    """Whichever comes first, the end of the rests or of the budget: one sentence, and no more."""
    server.default = answers(503, '{"error": "overloaded"}')
    engine = engine_for(concurrency=8)
    found = run(engine, jobs(100))

    assert errors(found) == ["TransportError"] * 100
    assert server.requests <= 8 + 10
    told = {str(answer.error) for answer in found}
    assert len([text for text in told if not text.endswith("(gave up after 4 attempts)")]) == 1
    assert f"{server.requests} requests, 0 answers; nothing more is" in str(found[-1].error)
    assert engine.counts()["a"]["attempts"] == server.requests


def test_late_storm_ends_with_one_sentence(
    engine_for: Callable[..., CompletionEngine], server: ScriptedServer
) -> None:
    """After five rests without a single answer the rest is not tried; the counts are told."""
    server.replies.extend([says("fine")] * 20)
    server.default = answers(503, '{"error": "overloaded"}')
    engine = engine_for(max_attempts=3, concurrency=1)
    found = run(engine, jobs(120))

    assert texts(found) == ["fine"] * 20 + ["-"] * 100
    assert errors(found) == ["TransportError"] * 100
    assert server.requests == 20 + 7
    last = str(found[-1].error)
    assert "there was nothing but errors for" in last
    assert "27 requests, 20 answers; nothing more is asked" in last


def test_single_failures_do_not_add_up(
    engine_for: Callable[..., CompletionEngine], server: ScriptedServer
) -> None:
    """Every second case fails: each is an error of its own, the run goes on."""
    server.replies.extend([answers(500), says("fine")] * 15)
    found = run(engine_for(concurrency=1, max_attempts=1), jobs(30))

    assert len(errors(found)) == 15
    assert server.requests == 30


def test_server_down(engine_for: Callable[..., CompletionEngine]) -> None:
    """A dead endpoint ends the run after a few tries, with the same error for all jobs."""
    with nobody() as url:
        engine = engine_for(base_url=url, concurrency=4)
        found = run(engine, jobs(500))

    assert errors(found) == ["TransportError"] * 500
    assert len({str(answer.error) for answer in found}) <= 4
    assert "no connection" in str(found[-1].error)
    assert engine.counts()["a"]["attempts"] <= 16
    assert engine.counts()["a"]["failed"] == 500


@pytest.mark.parametrize("fault", [answers(401), answers(404), answers(301, Location="/x")])
def test_final_refusal_ends_the_variant(
    engine_for: Callable[..., CompletionEngine], server: ScriptedServer, fault: Reply
) -> None:
    """No is no: one request for each worker at most; what is cached is still had."""
    run(engine_for(), jobs(3))
    server.default = fault
    engine = engine_for()
    found = run(engine, jobs(50))

    assert texts(found[:3]) == ["fine"] * 3
    assert errors(found) == ["RefusedError"] * 47
    assert server.requests <= 3 + 2


def test_refused_request_is_that_cases_error(
    engine_for: Callable[..., CompletionEngine], server: ScriptedServer
) -> None:
    """A prompt that is too long is asked once and stops nobody; it is not cached."""
    server.replies.append(answers(400, '{"error": {"message": "too long"}}'))
    found = run(engine_for(concurrency=1), jobs(5))

    assert texts(found) == ["-", "fine", "fine", "fine", "fine"]
    assert isinstance(found[0].error, RefusedError)
    assert server.requests == 5
    assert texts(run(engine_for(), jobs(5))) == ["fine"] * 5


def test_dropped_keep_alive_costs_no_attempt(
    engine_for: Callable[..., CompletionEngine], server: ScriptedServer
) -> None:
    """A server that hangs up after each stream is no trouble."""
    server.default = hangs_up_after("fine")
    engine = engine_for()
    run(engine, jobs(20))

    assert server.requests == 20
    assert engine.counts()["a"]["attempts"] - 20 in (0, 1, 2), "once for each connection at most"


def test_a_stale_connection_is_asked_again_and_counted(
    engine_for: Callable[..., CompletionEngine], server: ScriptedServer
) -> None:
    """It costs no attempt of the case and no pause, but it is a request that was made."""
    server.replies.extend([says("fine"), resets(), says("fine"), resets()])
    engine = engine_for(max_attempts=1, concurrency=1)
    found = run(engine, jobs(4))

    assert texts(found) == ["fine", "fine", "-", "fine"], "on a new connection it is a failure"
    assert engine.counts()["a"]["attempts"] == server.requests == 5


def test_server_that_does_not_start(engine_for: Callable[..., CompletionEngine]) -> None:
    """Its reason is every job's error; it is tried once."""
    provider = FakeProvider("a", concurrency=4)
    provider.launch = LaunchError("no GPU")
    found = run(engine_for(provider), jobs(30))

    assert {str(answer.error) for answer in found} == {"no GPU"}
    assert errors(found) == ["LaunchError"] * 30
    assert provider.started == 1


def test_unknown_identity(engine_for: Callable[..., CompletionEngine]) -> None:
    """Without an identity there is no key and nothing is asked; each job has the reason."""
    provider = FakeProvider("a")
    provider.identity = lambda: (_ for _ in ()).throw(LaunchError("no file"))  # type: ignore[method-assign]
    engine = engine_for(provider)
    found = run(engine, jobs(3))

    assert [(answer.key, str(answer.error)) for answer in found] == [("", "no file")] * 3
    assert engine.counts()["a"]["failed"] == engine.counts()["a"]["planned"] == 3
    assert provider.started == 0


@pytest.mark.parametrize("place", ["complete", "start", "connect", "identity"])
def test_broken_provider_never_hangs(
    engine_for: Callable[..., CompletionEngine], place: str
) -> None:
    """A bug in a user's provider is an error with its name, not a run that stands still."""
    provider = FakeProvider("a")
    setattr(provider, place, lambda *_: {}["gone"])
    found = run(engine_for(provider), jobs(3))

    assert all(isinstance(answer.error, ProviderError) for answer in found)
    assert all("KeyError: 'gone'" in str(answer.error) for answer in found)


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt, GeneratorExit])
@pytest.mark.parametrize("place", ["complete", "start", "connect", "close"])
def test_provider_that_ends_its_thread_never_hangs(
    engine_for: Callable[..., CompletionEngine], place: str, kind: type[BaseException]
) -> None:
    """What would end a thread is an error of the case: each worker goes on with the next."""

    def end(*_: object) -> None:
        raise kind("enough")

    provider = FakeProvider("a", concurrency=2)
    setattr(provider, place, end)
    engine = engine_for(provider)
    found = run(engine, jobs(6))
    engine.close(cancel=False)

    said = [f"{kind.__name__}: enough" in str(answer.error) for answer in found]
    assert said == [place != "close"] * 6
    assert not [
        thread for thread in threading.enumerate() if thread.name.startswith("quantguard-a")
    ]


def test_server_that_cannot_rest_is_the_variants_end(
    engine_for: Callable[..., CompletionEngine],
) -> None:
    """A turn that does not end is told to those that are asked next; nobody waits for ever."""

    class Restless(FakeProvider):
        def fault(self, patience_s: float = 0.0) -> None:
            """It never says why."""

        def rest(self) -> None:
            sys.exit("no rest")

        def dismiss(self) -> None:
            """Nobody waits."""

    engine = engine_for(Restless("a", launch=Launch(command=("x",), exclusive=True)))
    first, second = (run(engine, [job])[0] for job in jobs(2))

    assert texts([first]) == ["a"]
    assert "SystemExit: no rest" in str(second.error)


def test_an_answer_is_stored_before_anything_else(
    engine_for: Callable[..., CompletionEngine],
    cache: CompletionCache,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Killed in the next moment, a run has it: before it is counted, and its place given back."""
    engine, seen = engine_for(FakeProvider("a")), []
    (job,) = jobs(1)
    key = engine.unknown(job)
    for home, name in ((engine._lanes["a"], "answered"), (engine._lanes["a"].gate, "leave")):
        real = getattr(home, name)

        def look(*args: Any, name: str = name, real: Any = real, **more: Any) -> None:
            seen.append((name, key in cache))
            real(*args, **more)

        monkeypatch.setattr(home, name, look)
    run(engine, [job])

    assert seen == [("answered", True), ("leave", True)]


def test_one_process_is_told_of_a_refusal_for_all(
    engine_for: Callable[..., CompletionEngine], server: ScriptedServer, tmp_path: Path
) -> None:
    """The others of the run do not ask again for what was refused; the next run does."""
    server.default = answers(400, '{"error": {"message": "context length is 2048"}}')
    first, second = (engine_for(shares=2, folder=tmp_path / "run") for _ in range(2))
    found = [run(engine, jobs(2)) for engine in (first, second)]

    assert server.requests == 2
    assert [str(answer.error) for answer in found[0]] == [str(answer.error) for answer in found[1]]
    assert errors(found[1]) == ["RefusedError"] * 2
    assert second.counts()["a"]["failed"] == 2
    run(engine_for(shares=2, folder=tmp_path / "another"), jobs(2))
    assert server.requests == 4


@pytest.mark.parametrize("seen", ["before it asks", "when it would give up"])
def test_what_another_process_was_given_shows_that_the_server_lives(
    engine_for: Callable[..., CompletionEngine], server: ScriptedServer, seen: str
) -> None:
    """A process whose own first requests all fail does not call a server dead that others use."""
    server.default = lambda exchange: (
        answers(503) if any(b"case %d" % i in exchange.body for i in range(4)) else says("fine")
    )(exchange)
    first, second = (engine_for(shares=2, max_attempts=1) for _ in range(2))
    *bad, good, last = jobs(6)
    if seen == "before it asks":
        run(first, [good])
    second.plan([*bad, last, good])
    assert second.known() == {"a": (int(seen == "before it asks"), 6)}
    if seen != "before it asks":
        run(first, [good])
    found = [second.get(job) for job in bad]

    assert errors(found) == ["TransportError"] * 4
    assert {str(answer.error).partition(": HTTP ")[2] for answer in found} == {"503: {}"}
    assert texts([second.get(good), second.get(last)]) == ["fine"] * 2
    assert server.requests == 6


@pytest.mark.parametrize(
    ("seen", "bad", "faults"), [("before it asks", 12, 1), ("when it would give up", 4, 3)]
)
def test_what_other_processes_were_given_adds_to_the_budget(
    engine_for: Callable[..., CompletionEngine],
    server: ScriptedServer,
    seen: str,
    bad: int,
    faults: int,
) -> None:
    """A process that comes late asks again as often as one that was there from the start."""
    left = {f"case {i}": faults for i in range(bad)}

    def reply(exchange: Exchange) -> None:
        prompt = json.loads(exchange.body)["messages"][-1]["content"]
        with server.lock:
            left[prompt] = left.get(prompt, 0) - 1
        (answers(503) if left[prompt] >= 0 else says("fine"))(exchange)

    server.default = reply
    first, second = (engine_for(shares=2, concurrency=8, max_attempts=9) for _ in range(2))
    good = jobs(60)[bad:]
    if seen == "before it asks":
        run(first, good)
    second.plan(jobs(60))
    assert second.known() == {"a": (len(good) if seen == "before it asks" else 0, 60)}
    if seen != "before it asks":
        run(first, good)

    assert texts([second.get(job) for job in jobs(60)]) == ["fine"] * 60


def test_an_answer_of_another_process_is_news_once(
    engine_for: Callable[..., CompletionEngine], server: ScriptedServer
) -> None:
    """Also where it was waited for: else a server that has died since would never be given up."""
    first, second = (engine_for(shares=2) for _ in range(2))
    second.plan(jobs(1))
    lane = second._lanes["a"]
    task = lane.next()
    assert task is not None
    lane.postpone(task)
    run(first, jobs(1))

    assert [lane._others_heard() for _ in range(2)] == [True, False]
    assert second.counts()["a"]["cached"] == 1


def test_another_process_is_not_waited_for_for_ever(
    engine_for: Callable[..., CompletionEngine], cache: CompletionCache
) -> None:
    """One that was stopped keeps its locks: that is said, and nothing is asked twice."""
    provider = FakeProvider("a", timeout_s=0.01, max_attempts=2)
    engine = engine_for(provider)
    held, free = jobs(2)
    with cache.claim(engine.unknown(held)):
        found = run(engine, [held, free])

    assert "another process that uses the cache" in str(found[0].error)
    assert texts(found) == ["-", "a"]


def test_key_is_nowhere(
    engine_for: Callable[..., CompletionEngine],
    server: ScriptedServer,
    cache: CompletionCache,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A run with a key, and a server that echoes it: not in errors, nor in any byte stored."""
    monkeypatch.setenv("TEST_KEY", KEY)
    server.replies.extend([streams(*told(f"your key is {KEY}")), answers(400, KEY)])
    found = run(engine_for(api_key_env="TEST_KEY", concurrency=1), jobs(3))
    cache.close()

    assert server.headers[0]["Authorization"] == f"Bearer {KEY}"
    assert texts(found) == ["your key is [secret]", "-", "fine"]
    assert found[1].error is not None
    assert found[1].error.__traceback__ is found[1].error.__context__ is None
    assert KEY not in repr(found)
    files = [path for path in cache.folder.rglob("*") if path.is_file()]
    assert len(files) >= 3
    assert not [path for path in files if KEY.encode() in path.read_bytes()]


# --- back-off ---------------------------------------------------------------------------


def test_pause_grows_and_repeats(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pause is random up to a limit that doubles; the same seed gives the same pause."""
    monkeypatch.setattr(_backoff, "_BACKOFF_S", 0.5)
    pauses = [[pause_s(0.0, n, str(seed)) for seed in range(200)] for n in (1, 2, 3, 9)]

    assert pause_s(2.0, 1, "x") == pause_s(2.0, 1, "x") > 2.0
    for longest, found in zip((0.5, 1.0, 2.0, 8.0), pauses, strict=True):
        assert longest * 0.9 < max(found) <= longest
        assert min(found) < longest * 0.1


# --- the end ----------------------------------------------------------------------------


@pytest.mark.parametrize("busy", [stays_silent(), drips("x" * 2000, 0.02), answers(503)])
def test_close_is_quick(
    engine_for: Callable[..., CompletionEngine],
    server: ScriptedServer,
    monkeypatch: pytest.MonkeyPatch,
    busy: Reply,
) -> None:
    """With requests in flight, or waits between them, nothing waits for their end."""
    monkeypatch.setattr(_backoff, "_BACKOFF_S", 20.0)
    monkeypatch.setattr(_complete, "_CLOSE_S", 60.0)  # on a busy machine 16 threads end late
    server.default = busy
    engine = engine_for(concurrency=16, timeout_s=20.0)
    engine.plan(jobs(50))
    engine.start()
    while server.requests < 3:
        time.sleep(0.01)
    waiting: list[Answer] = []
    thread = threading.Thread(target=lambda: waiting.append(engine.get(jobs(50)[40])))
    thread.start()
    start = time.monotonic()
    engine.close()
    engine.close()
    thread.join()

    assert time.monotonic() - start < 10.0
    assert errors(waiting) == ["TransportError"]
    assert not [t for t in threading.enumerate() if t.name.startswith("quantguard-")]
    assert "the run was cut short" in str(engine.get(jobs(60)[-1]).error)
    assert engine.counts()["a"]["failed"] == engine.counts()["a"]["planned"] == 51


def test_gentle_close_keeps_what_is_in_flight(
    engine_for: Callable[..., CompletionEngine], server: ScriptedServer
) -> None:
    """What is under way is waited for and stored; nothing new is asked."""

    def reply(exchange: Exchange) -> None:
        engine._stop.wait(30.0)
        says("fine", 0.05)(exchange)

    server.default = reply
    engine = engine_for(concurrency=3, timeout_s=60)
    engine.plan(jobs(30))
    engine.start()
    while server.requests < 3:
        time.sleep(0.01)
    engine.close(cancel=False)
    again = engine_for()
    again.plan(jobs(30))

    assert server.requests == 3
    assert again.known() == {"a": (3, 30)}
    assert engine.get(jobs(1)[0]).completion is not None


def test_gentle_close_sends_nothing_new(engine_for: Callable[..., CompletionEngine]) -> None:
    """Workers that wait because the server asked for it go home without asking."""
    asked: list[str] = []

    def ask(request: CompletionRequest) -> Completion:
        asked.append(request.prompt)
        if request.prompt == "case 0":
            while len(asked) < 4:
                time.sleep(0.01)
            raise TransportError("busy", retry_after_s=60.0)
        while not engine._lanes["a"].gate.shut_until:
            time.sleep(0.01)
        return Completion(text="fine")

    engine = engine_for(FakeProvider("a", ask, concurrency=4, timeout_s=60.0))
    engine.plan(jobs(30))
    engine.start()
    while engine.counts()["a"]["sent"] < 7:
        time.sleep(0.01)
    engine.close(cancel=False)

    assert len(asked) == 4
    assert engine.counts()["a"]["answered"] == 3


SCRIPT = """
import sys, time
from pytest_quantguard._run import Run
from pytest_quantguard.cache.completions import CompletionCache
from pytest_quantguard.engine.complete import CompletionEngine, Job
from pytest_quantguard.providers.openai import OpenAIProvider
from pytest_quantguard.types import CompletionRequest
from pytest_quantguard.variants import Variant
url, folder, n, then = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
a = Variant(name="a", provider="openai", model="m", base_url=url, concurrency=4)
engine = CompletionEngine(CompletionCache(folder), {"a": OpenAIProvider(a)}, {"a": a})
jobs = [
    Job(variant="a", request=CompletionRequest(messages=({"role": "user", "content": str(i)},)))
    for i in range(n)
]
try:
    engine.plan(jobs)
    engine.start()
    if then == "leave":
        time.sleep(0.3)
        sys.exit()
    found = [engine.get(job) for job in jobs]
except KeyboardInterrupt:
    engine.close()
    sys.exit(2)
assert all(answer.completion for answer in found), found
engine.close()
print(engine.counts()["a"])
"""


def script(server: ScriptedServer, folder: Path, n: int, then: str = "") -> subprocess.Popen[str]:
    command = [sys.executable, "-c", SCRIPT, server.url, str(folder), str(n), then]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen[str], timeout_s: float = 120.0) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=timeout_s)
    return process.returncode, out, err


def test_processes_share_the_work(server: ScriptedServer, tmp_path: Path) -> None:
    """Three processes with the same jobs on a new cache send each request once, together."""
    server.default = says("fine", 0.01)
    processes = [script(server, tmp_path / "cache", 120) for _ in range(3)]
    ends = [finish(process) for process in processes]

    assert [(code, err) for code, _, err in ends] == [(0, "")] * 3
    assert (server.requests, len(server.counts)) == (120, 120)


def test_killed_run_is_resumed(server: ScriptedServer, tmp_path: Path) -> None:
    """After kill -9 only what was in flight is asked again."""
    killed = threading.Event()

    def reply(exchange: Exchange) -> None:
        if server.requests > 60:
            killed.wait(90.0)  # a busy machine may be late with the signal
        says("fine", 0.02)(exchange)

    server.default = reply
    process = script(server, tmp_path / "cache", 300)
    while server.requests < 20:
        time.sleep(0.005)
    process.kill()
    finish(process)
    killed.set()
    before = server.requests
    code, _, err = finish(script(server, tmp_path / "cache", 300))

    assert (code, err) == (0, "")
    assert 20 <= before < 300
    assert len(server.counts) == 300
    assert server.requests <= 300 + 4


def test_interrupted_run_ends_at_once(server: ScriptedServer, tmp_path: Path) -> None:
    """Ctrl-C is heard while an item waits for an answer that takes long."""
    server.default = stays_silent()
    process = script(server, tmp_path / "cache", 10)
    while server.requests < 4:
        time.sleep(0.01)
    for _ in range(5):
        # Python drops a signal whose handler runs in a destructor; a person presses again.
        os.kill(process.pid, signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=20.0)
            break

    assert process.poll() is not None
    assert finish(process) == (2, "", "")


def test_interpreter_ends_without_close(server: ScriptedServer, tmp_path: Path) -> None:
    """Forgotten engines keep no process alive and leave no noise."""
    server.default = stays_silent()
    process = script(server, tmp_path / "cache", 10, "leave")

    assert finish(process, 50.0) == (0, "", ""), "sooner than any time-out"
