"""Measurements and outcomes for the tests of the metrics."""

from __future__ import annotations

import importlib
import random
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from pytest_quantguard.metrics import METRICS
from pytest_quantguard.pairs import Measurement, PairedMeasurement, PairedOutcome
from pytest_quantguard.types import Outcome, Source
from pytest_quantguard.verdicts import Group, Metric, Reading

EVERYTHING = Group()
SOURCE = Source(file="g.quant.yaml", line=1)
NO_NUMBERS = (None, float("nan"), float("inf"), -float("inf"), -1.0, 1e300)
REPORTED = ("divergence", "throughput")
BUDGETABLE = tuple(key for key in METRICS if key not in REPORTED)
POINTS = ("errors", "instability", "reference", "refusals", "timeouts", "truncation")
LIMITS = {key: 0.05 if key in POINTS else 1.2 for key in BUDGETABLE}

Arm = dict[str, Any]


def load(key: str) -> Metric:
    """Return a metric as the registry makes it."""
    module, _, attr = METRICS[key].partition(":")
    return getattr(importlib.import_module(module), attr)()


class Evidence(NamedTuple):
    """What a metric is handed."""

    measurements: Sequence[PairedMeasurement] = ()
    outcomes: Sequence[PairedOutcome] = ()

    def read(self, key: str) -> Reading:
        return load(key).read(EVERYTHING, self.measurements, self.outcomes)

    def p_over(self, key: str, limit: float) -> float:
        return load(key).p_over(self.measurements, self.outcomes, limit)


def measured(*arms: tuple[Arm, Arm], weights: Sequence[float] = ()) -> Evidence:
    """Return one live, answered case for each pair of arms."""
    return Evidence(
        [
            PairedMeasurement(
                variant="q",
                case=f"case-{place:05}",
                cohort="c",
                baseline=Measurement(**{"live": True, **baseline}),
                candidate=Measurement(**{"live": True, **candidate}),
                weight=weights[place] if weights else 1.0,
            )
            for place, (baseline, candidate) in enumerate(arms)
        ]
    )


def repeated(
    *arms: tuple[Sequence[float], Sequence[float]], check: str = "exact", weight: float = 1.0
) -> list[PairedOutcome]:
    """Return one case for each pair of repeats."""
    return [
        PairedOutcome(
            variant="q",
            case=f"case-{place:05}",
            cohort="c",
            check=check,
            source=SOURCE,
            baseline=Outcome(value=sum(baseline) / len(baseline), repeats=tuple(baseline)),
            candidate=Outcome(value=sum(candidate) / len(candidate), repeats=tuple(candidate)),
            weight=weight,
        )
        for place, (baseline, candidate) in enumerate(arms)
    ]


def shares(field: str, pairs: Iterable[tuple[float, float]]) -> Evidence:
    return measured(*(({field: b}, {field: c}) for b, c in pairs))


# --- worlds: cases drawn at random, with a true delta ---------------------------------------


def _yes_no(draw: random.Random, n: int, rise: float, churn: float = 0.03) -> list[tuple[int, int]]:
    """Yes in 10 % of the baseline; the candidate's share is higher by ``rise``."""
    found = []
    for _ in range(n):
        kind = draw.random()
        lost, gained = kind < churn + rise, churn + rise <= kind < 2 * churn + rise
        same = int(draw.random() < 0.1)
        found.append((0, 1) if lost else (1, 0) if gained else (same, same))
    return found


def _errors(draw: random.Random, n: int, delta: float) -> Evidence:
    pairs = _yes_no(draw, n, delta)
    return measured(*(({"answered": not b}, {"answered": not c}) for b, c in pairs))


def _timeouts(draw: random.Random, n: int, delta: float) -> Evidence:
    late = {"answered": False, "timed_out": True}
    pairs = _yes_no(draw, n, delta)
    return measured(*((late if b else {}, late if c else {}) for b, c in pairs))


def _share(field: str) -> Callable[[random.Random, int, float], Evidence]:
    return lambda draw, n, delta: shares(field, _yes_no(draw, n, delta))


def _reference(draw: random.Random, n: int, delta: float) -> Evidence:
    pairs = []
    for _ in range(n):
        sure = draw.uniform(0.4, 0.9)
        pairs.append((sure, sure - delta + draw.uniform(-0.1, 0.1)))
    return shares("reference_p", pairs)


def _instability(draw: random.Random, n: int, delta: float) -> Evidence:
    """Each repeat holds with p; two disagree with 2 p (1 - p), here .095 and .095 + delta."""
    holds = [(1 + (1 - 2 * (0.095 + more)) ** 0.5) / 2 for more in (0.0, delta)]
    arms = [tuple([int(draw.random() < p) for _ in range(5)] for p in holds) for _ in range(n)]
    return Evidence(outcomes=repeated(*arms))


def _ratios(*fields: str, spread: float = 0.5, noise: float = 0.15, level: float = 2.0) -> Any:
    def world(draw: random.Random, n: int, delta: float) -> Evidence:
        arms = []
        for _ in range(n):
            own = level * draw.lognormvariate(0, spread)
            base, cand = (own * draw.lognormvariate(0, noise) for _ in range(2))
            arms.append((dict.fromkeys(fields, base), dict.fromkeys(fields, cand * delta)))
        return measured(*arms)

    return world


def _speed(draw: random.Random, n: int, delta: float) -> Evidence:
    arms = []
    for _ in range(n):
        pair = []
        for slower in (1.0, delta):
            tokens = draw.randint(20, 400)
            seconds = tokens / 50 * draw.lognormvariate(0, 0.15) * slower
            pair.append({"completion_tokens": tokens, "latency_s": seconds})
        arms.append(pair)
    return measured(*arms)


def _per_token(draw: random.Random, n: int, delta: float) -> Evidence:
    arms = []
    for _ in range(n):
        own, pair = draw.lognormvariate(-4, 0.3), []
        for slower in (1.0, delta):
            tokens, first = draw.randint(20, 400), draw.uniform(0.1, 2.0)
            each = own * draw.lognormvariate(0, 0.15) * slower
            last = first + each * (tokens - 1)
            pair.append({"completion_tokens": tokens, "ttft_s": first, "latency_s": last})
        arms.append(pair)
    return measured(*arms)


def _cost(draw: random.Random, n: int, delta: float) -> Evidence:
    arms, held = [], []
    for _ in range(n):
        own = draw.lognormvariate(-6, 0.3)
        costs = [own * draw.lognormvariate(0, 0.1) for _ in range(2)]
        arms.append(({"cost": costs[0]}, {"cost": costs[1] * delta}))
        right = draw.random() < 0.9
        held.append(tuple([int(right) if draw.random() < 0.97 else 0] for _ in range(2)))
    return Evidence(measured(*arms).measurements, repeated(*held))


WORLDS: dict[str, Callable[[random.Random, int, float], Evidence]] = {
    "cost_per_request": _ratios("cost", level=0.01),
    "cost_per_success": _cost,
    "errors": _errors,
    "instability": _instability,
    **{
        f"{kind}_{q}": _ratios("latency_s", "ttft_s")
        for kind in ("latency", "ttft")
        for q in ("p50", "p95", "p99")
    },
    "length": _ratios("completion_tokens", level=200),
    "reference": _reference,
    "refusals": _share("refused"),
    **{f"time_per_token_{q}": _per_token for q in ("p50", "p95", "p99")},
    "timeouts": _timeouts,
    "tokens_in": _ratios("prompt_tokens", level=200),
    "tokens_out": _ratios("completion_tokens", level=200),
    "tokens_per_second": _speed,
    "truncation": _share("truncated"),
}
"""``world(draw, cases, delta)``: equal arms have the delta 0 in points, 1 as a ratio."""
EQUAL = {key: 0.0 if key in POINTS else 1.0 for key in BUDGETABLE}
CASES = {key: {"p95": 120, "p99": 480}.get(key[-3:], 60) for key in BUDGETABLE}
"""At which 1 % can be reached: p95 takes 90 cases for that, p99 459."""
