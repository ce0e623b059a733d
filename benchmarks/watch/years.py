"""Whole years of an unchanged endpoint, each look through `findings` and `decide`, gate included.

Everything that decides is simulated together: log-probs or texts, golden values and lengths, each
with noise of its own and with a night's share that all answers of that night have in common.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import nights
import numpy as np

from pytest_quantguard._judge import judge
from pytest_quantguard.pairs import PairedOutcome
from pytest_quantguard.types import Outcome
from pytest_quantguard.verdicts import Budget, CandidateReport
from pytest_quantguard.watch import distances, draws, fingerprint, probes
from pytest_quantguard.watch.decision import decide
from pytest_quantguard.watch.findings import findings
from pytest_quantguard.watch.limits import pace
from pytest_quantguard.watch.records import Answer, Behaviour, Look, Pin, ProbeAnswer

DAY_S = 86_400.0
CASES, ALARMS = 60, (Answer.CHANGED, Answer.WORSE)
BUDGETS = (Budget(max_drop=0.05),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One endpoint that does not change, and who looks at it."""

    name: str
    what: str
    mode: probes.Mode = "logprobs"
    flips: float = 0.0
    """Share of golden answers that a night turns from right to wrong, or the reverse."""
    length: float = 0.0
    """Standard deviation of an answer's log length; a night's own is a tenth of it."""
    one_day: bool = False
    """Whether the pin's looks are of one day, its golden answers of one look."""
    a_day: int = 1
    """Looks a day."""


ENDPOINTS = (
    Endpoint(name="likeliest answers", what="2 % of golden answers flip", flips=0.02, length=0.05),
    Endpoint(name="drawn at 0.7", what="5 % flip", flips=0.05, length=0.2),
    Endpoint(
        name="drawn at 0.7, plain bless",
        what="5 % flip; pin of one day, one golden look",
        flips=0.05,
        length=0.2,
        one_day=True,
    ),
    Endpoint(
        name="hourly, plain bless",
        what="24 looks a day for 15 days; 2 % flip",
        flips=0.02,
        length=0.05,
        one_day=True,
        a_day=24,
    ),
    Endpoint(
        name="no log-probs", what="texts alone; 2 % flip", mode="sampled", flips=0.02, length=0.05
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Year:
    """What the looks of a year came to."""

    answers: Counter[Answer]
    closest: float
    """The smallest p of anything that decides, divided by its limit."""

    @property
    def alarm(self) -> bool:
        """Whether any look said that something changed."""
        return any(self.answers[answer] for answer in ALARMS)


def year(endpoint: Endpoint, rng: np.random.Generator, looks: int = nights.YEAR) -> Year:
    """Pin eight looks, and look at so many more; nothing ever changes."""
    pin_at = np.zeros(nights.PIN) if endpoint.one_day else np.arange(nights.PIN)
    when = np.concatenate([pin_at, nights.PIN + np.arange(looks) // endpoint.a_day])
    made = list(_looks(endpoint, rng, when))
    pin = Pin(looks=tuple(one.id for one in made[: nights.PIN]), reason="simulated", at=0.0)
    answers, closest = Counter[Answer](), float("inf")
    known: list[Look] = made[: nights.PIN]
    times: list[float] = []
    with _remembered():
        for now in made[nights.PIN :]:
            gate = _gate(made[0], now)
            recent = [*made[: nights.PIN], *known[nights.PIN :][-100:]]
            often = pace(times, now.at)
            found = findings(recent, now, pin, gate, looks_a_year=often)
            answer, _, _ = decide(found, now=now, looks=recent, pin=pin, gate=gate)
            answers[answer] += 1
            held = [f for f in found if f.decides and f.able and f.p is not None and f.limit]
            closest = min([closest, *((f.p or 0.0) / (f.limit or 1.0) for f in held)])
            known.append(now)
            times.append(now.at)
    return Year(answers=answers, closest=closest)


def _looks(endpoint: Endpoint, rng: np.random.Generator, when: nights.Floats) -> Iterator[Look]:
    count = len(when)
    weather = nights.wander(rng, when, 0.5)
    right = rng.random(CASES) < 0.9
    usual = rng.uniform(20, 200, CASES)
    write = _logprobs(rng, when) if endpoint.mode == "logprobs" else _texts(rng)
    for number in range(count):
        flips = rng.random(CASES) < endpoint.flips * np.exp(0.5 * weather[number] - 0.125)
        noise = rng.standard_normal(CASES) + 0.1 * weather[number]
        lengths = np.maximum(1, np.round(usual * np.exp(endpoint.length * noise)))
        golden = number == 0 or number >= nights.PIN or not endpoint.one_day
        values = {f"c{k}": {"exact": float(one)} for k, one in enumerate(right ^ flips)}
        behaviour = Behaviour(
            values=values, tokens={f"c{k}": int(n) for k, n in enumerate(lengths)}, golden="g"
        )
        inside = number % max(endpoint.a_day, 1) if number >= nights.PIN else number
        yield Look(
            id=f"{number:06}",
            at=(20_000 + float(when[number])) * DAY_S + inside * 3_600.0,
            endpoint="api",
            identity={},
            probes=probes.digest(endpoint.mode),
            answers=write(number),
            behaviour=behaviour if golden else None,
        )


def _logprobs(
    rng: np.random.Generator, when: nights.Floats
) -> Callable[[int], tuple[ProbeAnswer, ...]]:
    """Noise of its own on each night, and an offset that the night's answers share."""
    level = -1 - 9 * np.sort(rng.random((nights.PROBES, nights.TOKENS)))
    moved = nights.own_nights(rng, len(when), when).reshape(-1, nights.PROBES, nights.TOKENS)

    def write(number: int) -> tuple[ProbeAnswer, ...]:
        rows = level + moved[number]
        return tuple(
            ProbeAnswer(
                probe=probe.name,
                round=0,
                top=tuple((f"t{k}", min(0.0, float(p))) for k, p in enumerate(row)),
            )
            for probe, row in zip(probes.PROBES, rows, strict=False)
        )

    return write


def _texts(rng: np.random.Generator) -> Callable[[int], tuple[ProbeAnswer, ...]]:
    """Likeliest texts that end otherwise now and then, and draws from twelve texts each."""
    alphabet = np.array(list("abcdefghij"))
    known = {q.probe: _words(rng, alphabet) for q in probes.questions("sampled")}
    chances = {name: rng.dirichlet(np.full(12, 0.3)) for name in known}

    def one(question: probes.Question) -> ProbeAnswer:
        name, round_ = question.probe, question.round
        if name.startswith(probes.DRAWN):
            text = known[name][int(rng.choice(12, p=chances[name]))]
        else:
            text = known[name][0]
            cut = int(rng.integers(60, len(text))) if rng.random() < 0.05 else len(text)
            text = text[:cut] + "z" * (len(text) - cut)
        return ProbeAnswer(probe=name, round=round_, text=text)

    return lambda number: tuple(map(one, probes.questions("sampled")))


def _words(rng: np.random.Generator, alphabet: Any) -> list[str]:
    return ["".join(rng.choice(alphabet, 80)) for _ in range(12)]


def _gate(pinned: Look, now: Look) -> CandidateReport:
    """The gate's own judgement of tonight's golden values against the pin's."""
    if pinned.behaviour is None or now.behaviour is None:
        raise ValueError("a look without golden answers has no gate")
    outcomes = [
        PairedOutcome(
            case=case,
            cohort="faq",
            check="exact",
            baseline=Outcome(value=checks["exact"]),
            candidate=Outcome(value=now.behaviour.values[case]["exact"]),
        )
        for case, checks in pinned.behaviour.values.items()
    ]
    return judge(outcomes, BUDGETS)


@contextmanager
def _remembered() -> Iterator[None]:
    """Work out once what is the same each night: how far the pin's own looks are apart."""
    memory: dict[Any, Any] = {}

    def kept(name: str, work: Callable[..., Any], *given: Any) -> Any:
        key = (name, *map(_names, given))
        if key not in memory:
            memory[key] = work(*given)
        return memory[key]

    ways = (fingerprint._LOGPROBS, fingerprint._TEXTS)
    with ExitStack() as stack:
        for place, name in (
            (distances, "_tops"),
            (fingerprint, "_own"),
            (draws, "discrepancy"),
            *((way, "measure") for way in ways),
        ):
            work = getattr(place, name)
            object.__setattr__(place, name, partial(kept, f"{id(place)} {name}", work))
            stack.callback(object.__setattr__, place, name, work)
        yield


def _names(given: Any) -> Any:
    if isinstance(given, Look):
        return given.id
    return tuple(map(_names, given)) if isinstance(given, Sequence) else given
