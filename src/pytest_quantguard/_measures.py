"""Budgets on metrics: what was measured beside the checks, judged at the end of the run.

FAIL takes a p-value, with Holm's correction over all metric budgets of the run, so that they add at
most `ALPHA_FAIL` to its false alarms. For a share or score it is that of "no worse than the
baseline", and the estimate has to be over the limit, as for checks; under ``strict``, and for
ratios (no two servers are equally fast), it is that of "not over the limit".
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, Self

from pytest_quantguard import stats
from pytest_quantguard._decide import ALPHA_FAIL, EvidenceRule
from pytest_quantguard.metrics._windows import why_apart
from pytest_quantguard.pairs import PairedMeasurement, PairedOutcome
from pytest_quantguard.verdicts import Budget, BudgetVerdict, Delta, Group, Metric, Reading, Verdict

LatencyRule = Literal["side-by-side", "same-run"]
"""When times are judged: ``side-by-side``, only where both arms were asked at the same time, so
that whatever slows a machine down hits both; ``same-run``, also where one followed the other."""


@dataclass(frozen=True, slots=True)
class Times:
    """Whether metrics of time may be judged, and what is to be said about it."""

    barred: bool = False
    note: str = ""
    rule: LatencyRule = "same-run"
    """What holds for parts of the run, too."""

    @classmethod
    def of(
        cls,
        measurements: Sequence[PairedMeasurement],
        rule: LatencyRule,
        *,
        apart: bool = False,
    ) -> Self:
        """Look when the arms of the whole run were asked: a group's cases come when they come."""
        why = why_apart(measurements, apart=apart)
        if why and rule == "same-run":
            return cls(note=f"{why}; accepted by policies: {{latency: same-run}}", rule=rule)
        advice = "; judge times with both servers up at once, or set policies: {latency: same-run}"
        return cls(barred=bool(why), note=why and why + advice, rule=rule)

    def within(self, measurements: Sequence[PairedMeasurement]) -> Times:
        """Return what holds for readings of a part, such as a cohort, of a run that is fine.

        A slower arm falls behind, and may meet another minute with each cohort. A budget on one is
        judged all the same: else the slowest candidates would be those that cannot fail.
        """
        why = "" if self.note or self.rule == "same-run" else why_apart(measurements)
        return Times(barred=True, note=f"in this part {why}", rule=self.rule) if why else self

    def told(self, metric: Metric, reading: Reading) -> Reading:
        """Return a reading as it may be used; times that nothing follows from have no delta."""
        if not (self.note and getattr(metric, "timed", False) and reading.cases):
            return reading
        note = "; ".join(filter(None, (self.note, reading.note)))
        return replace(reading, note=note, delta=None if self.barred else reading.delta)

    def bars(self, metric: Metric) -> bool:
        """Tell whether nothing may follow from this metric."""
        return self.barred and bool(getattr(metric, "timed", False))


_ANY_TIME = Times()


def metric_rows(
    budgets: Sequence[Budget],
    measurements: Sequence[PairedMeasurement],
    outcomes: Sequence[PairedOutcome],
    metrics: Mapping[str, Metric],
    *,
    times: Times = _ANY_TIME,
    evidence: EvidenceRule = "dual",
    max_errors: float = 0.0,
    look: tuple[int, int] = (1, 1),
) -> list[BudgetVerdict]:
    """Judge the budgets that name a metric.

    ``max_errors`` is the share of references, in [0, 1], that may go without a probability.

    At one of several looks FAIL takes its share of the error (Bonferroni), and PASS waits for the
    last one: these tests are made for evidence of a fixed size.
    """
    rows: dict[Group, BudgetVerdict] = {}
    p_values: dict[Group, float] = {}
    notes: dict[Group, str] = {}
    for budget in budgets:
        group = budget.group
        mine = [m for m in measurements if group.takes(m)]
        theirs = [o for o in outcomes if group.takes(o)]
        try:
            metric = metrics[str(budget.metric)]
            reading = times.told(metric, _checked(metric.read(group, mine, theirs)))
            dual = evidence == "dual" and metric.unit == "points"
            limit = 0.0 if dual else limit_of(budget)
            p_value = 1.0 if times.bars(metric) else float(metric.p_over(mine, theirs, limit))
            if not 0 <= p_value <= 1:
                raise ValueError(f"p_over returned {p_value}, which is no probability")
            rows[group] = row_of(budget, metric, reading)
            p_values[group], notes[group] = p_value, reading.note
        except Exception as error:  # a metric of the user's: an error with a name, never a pass
            text = f"the metric {budget.metric!r} broke: {type(error).__name__}: {error}"
            rows[group] = bare_row(budget, Verdict.ERROR, text)
        unscored = _unscored(mine, max_errors) if budget.metric == "reference" else ""
        if unscored:
            rows[group] = bare_row(budget, Verdict.ERROR, unscored)
    over = stats.holm(p_values, ALPHA_FAIL / look[1]) if p_values else frozenset()
    last = look[0] == look[1]
    return [
        final_row(row, group in over, notes.get(group, ""), last=last)
        for group, row in rows.items()
    ]


def _unscored(measurements: Sequence[PairedMeasurement], max_errors: float) -> str:
    """Say how many references a server could not judge: what is not known has not been kept."""
    asked = [m for m in measurements if m.baseline.reference_p is not None or _error_of(m)]
    broken = [m for m in asked if _error_of(m)]
    if len(broken) <= max_errors * len(asked):
        return ""
    return f"{len(broken)} of {len(asked)} references got no probability: {_error_of(broken[0])}"


def _error_of(measurement: PairedMeasurement) -> str:
    return measurement.baseline.reference_error or measurement.candidate.reference_error


def final_row(row: BudgetVerdict, over: bool, note: str, *, last: bool) -> BudgetVerdict:
    """Return a row of `row_of` with its FAIL, where its p-value is ``over`` what chance allows."""
    if row.verdict is Verdict.ERROR:
        return row
    if over and row.delta is not None and _exceeds(row, row.delta.value):
        said = f"{_said(row.delta, row.delta.value)}, more than is allowed"
        return replace(row, verdict=Verdict.FAIL, reason=f"{said}; {note}" if note else said)
    if row.verdict is Verdict.PASS and not last:
        return replace(row, verdict=Verdict.INCONCLUSIVE, reason="judged at the last look")
    return row


def _exceeds(row: BudgetVerdict, value: float) -> bool:
    """Tell whether an estimate is over its limit, in the direction that the evidence is about."""
    if row.max_ratio is not None:  # its p-value is about the limit itself, on either side
        return True
    return (abs(value) if row.both_ways else value) > (row.max_drop or 0.0)


def readings(
    measurements: Sequence[PairedMeasurement],
    outcomes: Sequence[PairedOutcome],
    metrics: Mapping[str, Metric],
    times: Times = _ANY_TIME,
) -> tuple[Reading, ...]:
    """Return what every metric shows over all cases, then in each cohort where there are several.

    Those that show nothing are left out.
    """
    every = _readings(None, measurements, outcomes, metrics, times)
    names = sorted({m.cohort for m in measurements} | {o.cohort for o in outcomes})
    if len(names) > 1:
        measured: dict[str, list[PairedMeasurement]] = {name: [] for name in names}
        judged: dict[str, list[PairedOutcome]] = {name: [] for name in names}
        for m in measurements:
            measured[m.cohort].append(m)
        for o in outcomes:
            judged[o.cohort].append(o)
        for name in names:
            part = times.within(measured[name])
            every += _readings(name, measured[name], judged[name], metrics, part)
    return tuple(found for found in every if found.delta or (found.note and found.cases))


def _readings(
    cohort: str | None,
    measurements: Sequence[PairedMeasurement],
    outcomes: Sequence[PairedOutcome],
    metrics: Mapping[str, Metric],
    times: Times,
) -> list[Reading]:
    every = []
    for key, metric in metrics.items():
        group = Group(cohort=cohort, metric=key)
        try:
            found = _checked(metric.read(group, measurements, outcomes))
            every.append(times.told(metric, found))
        except Exception as error:  # for information only: a budget would make it an ERROR
            note = f"the metric broke: {type(error).__name__}: {error}"
            every.append(Reading(group=group, unit="points", cases=1, note=note))
    return every


def _checked(reading: Reading) -> Reading:
    """Return what a metric read, or raise ValueError: a metric of the user's returns anything."""
    if not isinstance(reading, Reading) or not isinstance(reading.note, str):
        raise ValueError(f"read returned {reading!r:.80}, not a Reading with a note")
    levels = [level for level in (reading.baseline, reading.candidate) if level is not None]
    delta = reading.delta
    if not all(math.isfinite(float(level)) for level in levels):
        raise ValueError("its levels are not finite numbers")
    if delta is not None and not delta.low <= delta.value <= delta.high:
        raise ValueError(f"its delta {delta.value} is not inside [{delta.low}, {delta.high}]")
    return reading


def limit_of(budget: Budget) -> float:
    """Return the limit of a budget on a metric, in the metric's unit."""
    limit = budget.max_drop if budget.max_ratio is None else budget.max_ratio
    if limit is None:
        raise ValueError(f"the budget of {budget.group} has no limit")
    return limit


def bare_row(budget: Budget, verdict: Verdict, reason: str) -> BudgetVerdict:
    """Return a row on a metric that has nothing to show but its verdict."""
    return BudgetVerdict(
        cohort=budget.cohort,
        check=None,
        tag=budget.tag,
        metric=budget.metric,
        max_drop=budget.max_drop,
        max_ratio=budget.max_ratio,
        verdict=verdict,
        reason=reason,
    )


def row_of(budget: Budget, metric: Metric, reading: Reading) -> BudgetVerdict:
    """Return what a reading means for a budget: PASS where its interval is inside, or open."""
    verdict, reason = _inside(budget, metric, reading)
    return replace(
        bare_row(budget, verdict, reason),
        both_ways=metric.both_ways,
        delta=reading.delta,
        cases=reading.cases,
        baseline_rate=reading.baseline,
        candidate_rate=reading.candidate,
    )


def _inside(budget: Budget, metric: Metric, reading: Reading) -> tuple[Verdict, str]:
    """Say whether the interval is inside the limit; whether it is over it is not asked here."""
    delta, limit = reading.delta, limit_of(budget)
    if delta is None:
        # Silence is no evidence: a budget that nothing was measured for has not been kept.
        return Verdict.INCONCLUSIVE, reading.note or "nothing was measured"
    note = f"; {reading.note}" if reading.note else ""
    falls = budget.metric == "reference" and reading.baseline is not None
    if falls and (reading.baseline or 0.0) <= limit:
        return (
            Verdict.INCONCLUSIVE,
            f"the baseline's mean is {100 * (reading.baseline or 0.0):.1f} %, which cannot fall by "
            "more than is allowed; are the references answers that it would give?",
        )
    inside = delta.high < limit
    if metric.both_ways:
        inside = inside and delta.low > (1 / limit if delta.unit == "ratio" else -limit)
    if inside:
        return Verdict.PASS, f"inside the limit at 95 %: {_said(delta, delta.high)}{note}"
    return (
        Verdict.INCONCLUSIVE,
        f"between {_said(delta, delta.low)} and {_said(delta, delta.high)}: needs more cases{note}",
    )


def _said(delta: Delta, value: float) -> str:
    return f"x{value:.2f}" if delta.unit == "ratio" else f"{100 * value:+.1f} pt"
