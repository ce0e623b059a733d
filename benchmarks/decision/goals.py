"""The goals of the decision rule, and whether the figures of one world reach them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from alarms import Alarms, Caught, Fixed
from passes import EarlyStop, FalsePass, PlanError
from speed import Speed

TOP = 0.06
"""Largest chance of PASS at a loss that equals the budget."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Everything that was simulated in one world."""

    alarms: Sequence[Alarms]
    beyond: Sequence[Alarms]
    caught: Sequence[Caught]
    fixed: Fixed
    early_stop: EarlyStop
    repeats: dict[tuple[int, float, int], tuple[float, float]]
    weighted: tuple[float, float]
    one_budget: dict[tuple[str, int, float], dict[str, tuple[float, float]]]
    """(what is true, cases, budget) -> rule -> shares of FAIL and PASS."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exact:
    """What does not depend on a world."""

    edge: FalsePass
    """At the budget."""
    double: FalsePass
    """At twice the budget."""
    plan: PlanError
    speed: Speed


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """One line of the first table."""

    key: str
    wanted: str
    figure: str
    met: bool


_CATCH = (
    # key, size, scope, share, by how many cases, mean requests, further (share, cases)
    ("M2", 0.05, "everywhere", 0.99, 500, 200, None),
    ("M3", 0.05, "cohort", 0.95, 500, 900, None),
    ("M4", 0.05, "cell", 0.95, 1000, 3000, 0.55),
    ("M5", 0.10, "everywhere", 0.99, 1000, 80, None),
    ("M5", 0.10, "cohort", 0.99, 1000, 350, None),
    ("M5", 0.10, "cell", 0.99, 1000, 1200, None),
)


def in_world(found: Found) -> list[Goal]:
    """Return the goals that are simulated."""
    return [_no_false_alarm(found.alarms), *_catching(found.caught), _early(found), _repeats(found)]


def in_every_world(exact: Exact) -> list[Goal]:
    """Return the goals that are computed or measured."""
    edge, double, plan, speed = exact.edge, exact.double, exact.plan, exact.speed
    slowest = next(iter(speed.decisions.values()))
    importing = speed.imports["pytest_quantguard.stats"]
    foreign = speed.foreign["pytest_quantguard.stats"]
    return [
        Goal(
            key="M6",
            wanted=f"PASS in <= {100 * TOP:.0f} % at a loss of the budget, <= 1 % at twice the "
            "budget, for every size and budget, with up to 3 points of outcomes that differ beyond "
            "the loss (docs/statistics.md has all shares)",
            figure=f"worst {_percent(edge.chance, 2)} ({_at(edge)}); "
            f"worst {_percent(double.chance, 2)} at twice ({_at(double)}); exact",
            met=edge.chance <= TOP and double.chance <= 0.01,
        ),
        Goal(
            key="M11",
            wanted="planned power within 5 points of the exact one where 3 outcomes differ; "
            "undecidable budgets refused before the first request",
            figure=f"worst {100 * plan.worst:.1f} points of {plan.settings} settings; "
            f"{_percent(plan.refused)} refused",
            met=plan.worst <= 0.05 and plan.refused == 1,
        ),
        Goal(
            key="M12",
            wanted="statistics from the standard library, imported in <= 0.05 CPU s, 20 budgets "
            "decided in <= 20 ms, published values met to 4 decimals",
            figure=f"{'no' if not foreign else ', '.join(foreign)} foreign module, "
            f"{importing:.3f} s, {1000 * slowest:.1f} ms, "
            f"{speed.references - len(speed.wrong)} of {speed.references} values",
            met=not foreign and importing <= 0.05 and slowest <= 0.020 and not speed.wrong,
        ),
    ]


def _no_false_alarm(alarms: Sequence[Alarms]) -> Goal:
    worst = max(alarms, key=lambda a: a.at_any)
    hits, runs = sum(a.at_any for a in alarms), sum(a.runs for a in alarms)
    return Goal(
        key="M1",
        wanted="any FAIL without a loss in <= 1 % of runs of 20 budgets: 20 to 1,000 cases, noise "
        "1-3 %, churn 0-5 %, budgets 2-5 points, at any of ten looks",
        figure=f"{_percent(hits / runs, 2)} of all {runs:,} runs; worst of {len(alarms)} settings "
        f"{_percent(worst.at_any / worst.runs, 2)} (noise {_percent(worst.noise)}, churn "
        f"{_percent(worst.churn)}, {100 * worst.budget:.0f} points)",
        met=worst.at_any / worst.runs <= 0.01,
    )


def _catching(caught: Sequence[Caught]) -> list[Goal]:
    goals = []
    for key, size, scope, share, by, requests, early in _CATCH:
        for found in caught:
            loss = found.loss
            if (loss.size, loss.scope) != (size, scope):
                continue
            reached = found.by_500 if by == 500 else found.by_1000
            mean = float(found.requests.mean())
            wanted = f"{_percent(share)} caught by {by:,} cases per cohort, mean <= {requests:,}"
            figure = f"{_percent(reached, 1)}, mean {mean:,.0f}"
            if early:
                wanted += f", {_percent(early)} by 500"
                figure += f", {_percent(found.by_500, 1)} by 500"
            met = reached >= share and mean <= requests and found.by_500 >= (early or 0)
            name = {"everywhere": "everywhere", "cohort": "in one cohort", "cell": "in one cell"}
            what = f"{100 * size:.0f} points lost {name[scope]} ({loss.kind}): "
            goals.append(Goal(key=key, wanted=what + wanted, figure=figure, met=met))
    return goals


def _early(found: Found) -> Goal:
    early = found.early_stop
    return Goal(
        key="M7",
        wanted="early PASS: power within 3 points of one look at <= 70 % of the cases, and no more "
        "wrong at the budget",
        figure=f"{_percent(early.early, 1)} against {_percent(early.fixed, 1)}, {early.cases:.0f} "
        f"of 300 cases; {_percent(early.wrong_early, 1)} wrong (peeking: "
        f"{_percent(early.wrong_peeking, 1)})",
        met=early.fixed - early.early <= 0.03
        and early.cases <= 210
        and early.wrong_early <= max(TOP, early.wrong_fixed),
    )


def _repeats(found: Found) -> Goal:
    ours = {key: value[0] for key, value in found.repeats.items()}
    pooled = {key: value[1] for key, value in found.repeats.items()}
    n, budget, times = max(ours, key=ours.__getitem__)
    return Goal(
        key="M10",
        wanted=f"1 to 10 repeats of a case: PASS in <= {100 * TOP:.0f} % at a loss of the budget",
        figure=f"worst {_percent(ours[n, budget, times], 1)} ({n} cases x {times}, "
        f"{100 * budget:.0f} points); repeats taken for cases: up to "
        f"{_percent(max(pooled.values()))}",
        met=ours[n, budget, times] <= TOP,
    )


def _at(found: FalsePass) -> str:
    return (
        f"{found.n} cases, {100 * found.max_drop:.0f} points, {100 * found.psi:.1f} % of outcomes "
        "differ"
    )


def _percent(share: float, digits: int = 0) -> str:
    return f"{100 * share:.{digits}f} %"
