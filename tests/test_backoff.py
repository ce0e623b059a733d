"""Pace, gate and patience: no server and no clock, but simulated ones."""

from __future__ import annotations

import threading
from random import Random

import pytest

from pytest_quantguard.engine.backoff import Gate, Pace, Patience, bounded_s
from server_simulation import Service, Simulated, simulate


class Fixed(Pace):
    """As many at once as configured, come what may."""

    @property
    def places(self) -> int:
        return int(self._places)


def one(number: int) -> float:
    """Every answer takes a second."""
    return 1.0


def spread(sigma: float, seed: int) -> Service:
    """Answers of very different lengths."""
    random = Random(seed)
    found = [random.lognormvariate(0.0, sigma) for _ in range(3000)]
    return found.__getitem__


def lost(service: Service, places: int, requests: int, **server: int) -> tuple[float, Simulated]:
    """Return how much longer it takes than with all places, as a share, and the run."""
    found = simulate(Pace(places), requests, service, **server)
    ideal = simulate(Fixed(places), requests, service, **server)
    return found.seconds / ideal.seconds - 1, found


# --- how many at once -------------------------------------------------------------------


@pytest.mark.parametrize("places", [1, 2, 8, 32, 128])
@pytest.mark.parametrize("slots", [128, 10**6])
def test_constant_latency_is_never_throttled(places: int, slots: int) -> None:
    """Where nothing waits nothing is taken back, not even once."""
    found = simulate(Pace(places), 2000, one, slots=slots)

    assert set(found.places) == {places}


@pytest.mark.parametrize("places", [8, 32, 64])
@pytest.mark.parametrize("slots", [1, 2, 4, 8, 16])
@pytest.mark.parametrize("streamed", [False, True])
def test_a_queue_at_the_server_is_kept_short(places: int, slots: int, streamed: bool) -> None:
    """A server with a few slots is asked about as much as it can do, and stays busy."""
    found = simulate(Pace(places), 2000, one, slots=slots, streamed=streamed)
    ideal = 2000 / min(slots, places)
    settled = found.places[len(found.places) // 2 :]

    assert found.seconds <= 1.04 * ideal
    assert sum(settled) / len(settled) <= max(2.2 * slots, 2)
    assert min(settled) >= min(slots, places) * 0.75


@pytest.mark.parametrize("places", [8, 32])
@pytest.mark.parametrize("sigma", [0.3, 0.6, 1.0])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_long_answers_are_no_queue(places: int, sigma: float, seed: int) -> None:
    """Where some answers are long and others short, trials cost little and end well."""
    share, found = lost(spread(sigma, seed), places, 2000)

    assert share < (0.25 if sigma == 1.0 else 0.1)
    assert sum(found.places) / len(found.places) > 0.8 * places


def test_answers_that_become_longer_are_no_queue() -> None:
    """A cohort of long answers after one of short ones: a trial or two, then all as before."""
    share, found = lost(lambda number: 0.3 if number < 600 else 3.0, 32, 1800)

    assert share < 0.06
    assert found.places[-1] == 32


def test_a_server_that_refuses_is_asked_less() -> None:
    """Eight slots and no queue: nearly all requests are let in, and the slots stay busy."""
    found = simulate(Pace(32), 2000, one, slots=8, most_queued=0)

    assert found.refused < 100
    assert found.seconds < 1.25 * 2000 / 8


def test_one_wave_of_trouble_counts_once() -> None:
    """What was asked for before the last trouble tells nothing new; answers win places back."""
    pace = Pace(8)
    for _ in range(8):
        pace.troubled(1.0, 2.0)
    assert pace.places == 4
    pace.troubled(2.5, 3.0)
    assert pace.places == 2
    for at in range(60):
        pace.answered(4.0 + at, 1, 1.0, 1.0)

    assert pace.places == 8


# --- the gate ---------------------------------------------------------------------------


class Clock:
    """Shows what it is set to."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_first_come_first_served() -> None:
    """Who waits longest is next, also before who has just left."""
    gate = Gate(1, threading.Event(), Clock())
    first, order = gate.enter(), []

    def visit(name: str) -> None:
        turn = gate.enter()
        order.append(name)
        gate.leave(turn, True)

    threads = []
    for name in "abc":
        threads.append(threading.Thread(target=visit, args=(name,)))
        threads[-1].start()
        while len(gate._waiting) < len(threads):
            pass
    gate.leave(first, True)
    for thread in threads:
        thread.join(60)

    assert order == ["a", "b", "c"]


def test_shut_for_everybody_until_it_opens() -> None:
    """One 429 with a Retry-After keeps all out, and then all come in at once."""
    clock = Clock()
    gate = Gate(4, threading.Event(), clock)
    turns = [gate.enter() for _ in range(4)]
    gate.leave(turns[0], False, wait_s=0.05)
    for turn in turns[1:]:
        gate.leave(turn, True)
    entered: list[float] = []
    thread = threading.Thread(target=lambda: entered.append(gate.enter().at))
    thread.start()
    while not gate._waiting:
        pass
    assert not entered
    clock.now = 100.06
    thread.join(60)

    assert entered == [100.06]


def test_nobody_waits_when_the_run_halts() -> None:
    """The halt signal lets everybody in, who then find out and go home."""
    halt = threading.Event()
    gate = Gate(1, halt, Clock())
    gate.enter()
    thread = threading.Thread(target=gate.enter)
    thread.start()
    while not gate._waiting:
        pass
    halt.set()
    gate.wake()
    thread.join(60)

    assert not thread.is_alive()


@pytest.mark.parametrize(
    ("asked", "waited"),
    [(None, 0.0), (-5.0, 0.0), (float("nan"), 0.0), (2.0, 2.0), (1e9, 60.0), (float("inf"), 60.0)],
)
def test_absurd_waits_are_bounded(asked: float | None, waited: float) -> None:
    """Whatever a server asks for, the wait is neither negative nor longer than the time-out."""
    assert bounded_s(asked, 60.0) == waited


# --- patience ---------------------------------------------------------------------------


def test_budget_of_further_attempts() -> None:
    """Ten, and one for every five answers; what a busy server asks for is not counted."""
    patience = Patience(8, 60.0)
    assert [patience.again(busy=False) for _ in range(12)] == [True] * 10 + [False] * 2
    assert all(patience.again(busy=True) for _ in range(100))
    for _ in range(10):
        patience.answered()

    assert [patience.again(busy=False) for _ in range(3)] == [True, True, False]


@pytest.mark.parametrize(("shares", "attempts"), [(1, 10), (2, 6), (100, 6)])
def test_processes_share_the_budget(shares: int, attempts: int) -> None:
    """Each has its part, and as many at least as there are rests, and one more."""
    patience = Patience(8, 60.0, shares)

    assert sum(patience.again(busy=False) for _ in range(50)) == attempts


@pytest.mark.parametrize("shares", [1, 2, 8])
def test_no_process_uses_up_its_budget_before_the_last_rest(shares: int) -> None:
    """One request at a time, and errors for 15 seconds: it is the rests that end it."""
    patience, now = Patience(1, 60.0, shares), 0.0
    while now < 15.0:
        assert not patience.failed(now, now + 0.1, 99)
        now += 0.1 + patience.rest_s(now, now + 0.1, 1)
        assert patience.again(busy=False)


@pytest.mark.parametrize("seed", range(20))
def test_a_flaky_server_never_uses_up_its_budget(seed: int) -> None:
    """With one failure in ten there is always a further attempt."""
    random, patience = Random(seed), Patience(8, 60.0)
    for _ in range(2000):
        if random.random() < 0.1:
            assert not patience.failed(0.0, 1.0, 2000, timed_out=False)
            assert patience.again(busy=False)
        else:
            patience.answered()


def test_a_hanging_server_is_left_after_three_time_outs() -> None:
    """It answered before: after three times ``timeout_s`` of silence nothing more is asked."""
    patience = Patience(8, 60.0)
    patience.answered()
    found = [patience.failed(t, t + 60.0, 99, timed_out=True) for t in (0.0, 0.1, 60.0, 121.0)]

    assert found == ["", "", "", "there was no answer for 181 s"]


def test_rests_are_not_a_servers_silence() -> None:
    """A short time-out and a few failures: what was not asked for cannot have been unanswered."""
    patience, now = Patience(1, 0.5), 0.0
    patience.answered()
    for _ in range(3):
        began, now = now, now + 0.1
        assert not patience.failed(began, now, 100)
        now += patience.rest_s(began, now, 1)

    assert now > 2 * 0.5
    assert not patience.failed(now, now + 0.1, 100)


def test_rests_grow_while_whole_waves_fail() -> None:
    """Four in flight fail: a rest, twice as long after the next wave; an answer ends that."""
    patience = Patience(4, 60.0)

    def wave(began: float, now: float, size: int) -> list[float]:
        found = []
        for _ in range(size):
            patience.failed(began, now, 99, timed_out=False)
            found.append(patience.rest_s(began, now, size))
        return found

    assert wave(0.0, 0.1, 4) == [0.0, 0.0, 0.0, 0.5]
    assert wave(0.0, 0.2, 1) == [0.0], "still of the first wave"
    assert wave(0.7, 0.8, 2) == [1.0, 0.0]
    assert wave(1.9, 2.0, 1) == [2.0]
    assert not patience.failed(4.1, 4.2, 99, timed_out=False)
    patience.answered()
    assert wave(4.3, 4.4, 1) == [0.0]


def test_five_rests_in_vain_are_enough() -> None:
    """Nothing but errors for about 16 seconds: nothing more is asked, whatever came before."""
    patience, now, why = Patience(1, 60.0), 0.0, ""
    for _ in range(100):
        patience.answered()
    while not why:
        why = patience.failed(now, now + 0.1, 99, timed_out=False)
        now += 0.1 + patience.rest_s(now, now + 0.1, 1)

    assert why == "there was nothing but errors for 16 s"


def test_one_bad_case_ends_nothing() -> None:
    """A first case that always fails, and then answers: the run goes on."""
    patience = Patience(1, 60.0)
    for attempt in range(4):
        assert not patience.failed(attempt, attempt + 0.5, 50, timed_out=False)
    assert not patience.lost()
    patience.answered()

    assert [bool(patience.lost()) for _ in range(10)] == [False] * 9 + [True]
