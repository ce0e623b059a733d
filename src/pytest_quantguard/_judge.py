"""From paired outcomes to verdicts: one pure function, callable without pytest.

    >>> from pytest_quantguard import Budget, Outcome, PairedOutcome, judge
    >>> held, broke = Outcome.of([]), Outcome.of(["not JSON"])
    >>> pairs = [
    ...     PairedOutcome(case=str(i), cohort="json", check="json", baseline=held,
    ...                   candidate=broke if i < 30 else held)
    ...     for i in range(200)
    ... ]
    >>> judge(pairs, [Budget(max_drop=0.05)]).verdict
    <Verdict.FAIL: 'fail'>

The rule itself is in `_decide.py`, on plain numbers; docs/statistics.md explains it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

from pytest_quantguard import _budgets
from pytest_quantguard._decide import Cases, EvidenceRule, weigh
from pytest_quantguard._grounds import (
    comparability_rows,
    critical_rows,
    evidence_row,
    judge_rows,
    withheld,
    without_numbers,
)
from pytest_quantguard._layers import layer_readings, layered
from pytest_quantguard._measures import LatencyRule, Times, metric_rows, readings
from pytest_quantguard._noise import Noise
from pytest_quantguard._noticed import differences
from pytest_quantguard._rates import grouped, rate_rows
from pytest_quantguard.errors import ConfigError
from pytest_quantguard.pairs import (
    Mishap,
    PairedMeasurement,
    PairedOutcome,
)
from pytest_quantguard.variants import Variant
from pytest_quantguard.verdicts import (
    WORST_FIRST,
    Budget,
    BudgetVerdict,
    CandidateReport,
    Group,
    Metric,
    Verdict,
)

_UNNAMED = Variant(name="candidate", provider="", model="")


def judge(
    outcomes: Sequence[PairedOutcome],
    budgets: Sequence[Budget],
    *,
    variant: Variant = _UNNAMED,
    mishaps: Sequence[Mishap] = (),
    measurements: Sequence[PairedMeasurement] = (),
    metrics: Mapping[str, Metric] | None = None,
    planned: int | None = None,
    max_errors: float = 0.01,
    evidence: EvidenceRule = "dual",
    latency: LatencyRule = "side-by-side",
    apart: bool = False,
    look: tuple[int, int] = (1, 1),
    interrupted: Sequence[str] = (),
    unselected: Collection[Group] = (),
    incomparable: Sequence[str] = (),
    noise: Noise | None = None,
    quantization_note: str = "",
    remarks: Sequence[str] = (),
) -> CandidateReport:
    """Judge one candidate. The same arguments, in any order, always give the same report.

    Args:
        outcomes: one record per case and check.
        budgets: what is allowed; those with ``*`` become one for each cohort, check or tag that
            occurs. A budget that nothing belongs to is an ERROR.
        variant: the candidate, for the report.
        mishaps: pairs without evidence, and why.
        measurements: one record per case, for budgets on metrics.
        metrics: the metrics by key; those that are built in when left out.
        planned: number of (case, check) pairs that were to be judged; those given when left out.
        max_errors: share of planned pairs, in [0, 1], that may end in a failed request.
        evidence: what a FAIL takes, ``dual`` or ``strict``; see `EvidenceRule`.
        latency: when times are judged, ``side-by-side`` or ``same-run``; see `LatencyRule`.
        apart: True where the arms were not asked at the same time, whatever the clock says.
        look: number of this look at growing evidence, from 1, and how many there are. PASS then
            spends its error over the looks (O'Brien-Fleming); FAIL holds at every look.
        interrupted: sentences that say why the evidence as a whole cannot be trusted.
        unselected: groups of budgets that lost all their cases to a selection of the user's: they
            are INCONCLUSIVE, not an ERROR.
        incomparable: sentences that say why no delta between the arms means anything.
        noise: what differs between two runs of the baseline, if known.
        quantization_note: what the server says about its precision.
        remarks: further sentences for the notes of the report.

    Raises:
        ConfigError: a ``*`` that matches nothing, or two budgets for one group.
        ValueError: a value outside its range.
    """
    _check_ranges(look, max_errors)
    outcomes = sorted(outcomes, key=lambda o: (o.cohort, o.case, o.check))
    measurements = sorted(measurements, key=lambda m: (m.cohort, m.case))
    mishaps = sorted(mishaps, key=lambda m: (m.cohort, m.case, m.check, m.role, m.kind, m.message))
    budgets = expanded(budgets, lambda: _census(outcomes, mishaps))
    metrics = _built_in() if metrics is None else metrics
    grounds = [
        _evidence_row(
            outcomes, mishaps, budgets, planned=planned, max_errors=max_errors, faults=interrupted
        ),
        *comparability_rows(outcomes, mishaps, incomparable),
        *judge_rows(outcomes),
    ]
    everything = [*outcomes, *layered(outcomes, (b.group for b in budgets))]
    cases = grouped(everything, (b.group for b in budgets if b.metric is None))
    rows = rate_rows(budgets, cases, everything, mishaps, evidence=evidence, look=look)
    rows = _if_selected(rows, set(unselected))
    times = Times.of(measurements, latency, apart=apart)
    rows += metric_rows(
        [budget for budget in budgets if budget.metric is not None],
        measurements,
        outcomes,
        metrics,
        times=times,
        evidence=evidence,
        max_errors=max_errors,
        look=look,
    )
    rows, wholly = noisy(rows, noise), bool(incomparable)
    rows = _believed(grounds, rows, outcomes, mishaps, measurements, wholly=wholly)
    unlike = any(row.check == "comparability" for row in grounds)
    return CandidateReport(
        variant=variant,
        verdict=worst_of(row.verdict for row in rows),
        budgets=tuple(rows),
        outcomes=tuple(outcomes),
        mishaps=tuple(mishaps),
        log_evidence=0.0 if wholly else weigh(cases).log_evidence,
        quantization_note=quantization_note,
        measurements=tuple(measurements),
        readings=() if unlike else readings(measurements, outcomes, metrics, times),
        layers=() if unlike else layer_readings(outcomes),
        notes=(*([] if wholly else _notes(grounds, outcomes, cases, noise)), *remarks),
    )


def _check_ranges(look: tuple[int, int], max_errors: float) -> None:
    if not 1 <= look[0] <= look[1]:
        raise ValueError(f"look is {look}; it is a number from 1, and of how many")
    if not 0 <= max_errors <= 1:
        raise ValueError(f"max_errors is {max_errors}; a share lies between 0 and 1")


def _evidence_row(
    outcomes: Sequence[PairedOutcome],
    mishaps: Sequence[Mishap],
    budgets: Sequence[Budget],
    *,
    planned: int | None,
    max_errors: float,
    faults: Sequence[str],
) -> BudgetVerdict:
    if planned is None:
        seen = {(o.case, o.check) for o in outcomes} | {(m.case, m.check) for m in mishaps}
        planned = len(seen)
    unasked = ["no budget: nothing was judged"] if planned and not budgets else []
    return evidence_row(
        outcomes,
        mishaps,
        planned=planned,
        max_errors=max_errors,
        interrupted=[*faults, *unasked],
        error_groups=[b.group for b in budgets if b.metric == "errors"],
    )


def _if_selected(rows: Sequence[BudgetVerdict], unselected: set[Group]) -> list[BudgetVerdict]:
    """Tell budgets that a selection left without cases from those that never had any."""
    unknown, why = Verdict.INCONCLUSIVE, "no case of it was selected"
    return [
        replace(row, verdict=unknown, reason=why)
        if row.cases == 0 and _group_of(row) in unselected
        else row
        for row in rows
    ]


def _believed(
    grounds: list[BudgetVerdict],
    rows: list[BudgetVerdict],
    outcomes: Sequence[PairedOutcome],
    mishaps: Sequence[Mishap],
    measurements: Sequence[PairedMeasurement],
    *,
    wholly: bool,
) -> list[BudgetVerdict]:
    """Put grounds, critical cases and budgets together; unsound evidence takes every number away.

    ``wholly``: the arms as such are not comparable.
    """
    critical = critical_rows(outcomes, mishaps)
    rows = withheld(rows, outcomes, mishaps, measurements, wholly=wholly)
    if _unsound(grounds):
        reason = "not judged: the evidence itself is in error"
        rows = [without_numbers(row, Verdict.ERROR, reason) for row in rows]
    elif wholly:
        critical = withheld(critical, outcomes, mishaps, measurements, wholly=True)
    return grounds + critical + rows


def _unsound(grounds: Sequence[BudgetVerdict]) -> bool:
    return any(row.verdict is Verdict.ERROR for row in grounds)


def _notes(
    grounds: Sequence[BudgetVerdict],
    outcomes: Sequence[PairedOutcome],
    cases: Mapping[Group, Cases],
    noise: Noise | None,
) -> list[str]:
    """Say how much differs between the arms, and how much between two runs of one."""
    if not outcomes or _unsound(grounds):
        return []
    return [differences(outcomes, cases[Group()]), *([noise.sentence()] if noise else [])]


def _built_in() -> Mapping[str, Metric]:
    from pytest_quantguard._registry import built_in_metrics

    return built_in_metrics()


def _census(outcomes: Sequence[PairedOutcome], mishaps: Sequence[Mishap]) -> _budgets.Census:
    return _budgets.Census.of(
        [((o.cohort, o.check), o.case, o.tags) for o in outcomes]
        + [((m.cohort, m.check), m.case, ()) for m in mishaps],
        {o.check: o.baseline.layers for o in outcomes if o.baseline.layers},
    )


def expanded(
    budgets: Sequence[Budget], census: Callable[[], _budgets.Census]
) -> tuple[Budget, ...]:
    """Replace stars by what occurs; a budget without a star stays, to be an ERROR if it must.

    Raises:
        ConfigError: a star that matches nothing, or two budgets for one group.
    """
    starred = [b for b in budgets if "*" in (b.cohort, b.check, b.tag)]
    named = [b for b in budgets if b not in starred]
    if starred:
        taken = {b.group for b in named}
        starred = [b for b in _budgets.expand(starred, census()) if b.group not in taken]
    found = sorted((*named, *starred), key=_budgets.order)
    for one, other in pairwise(found):
        if one.group == other.group:
            raise ConfigError(f"two budgets for {_budgets.name(one.group)}")
    return tuple(found)


def _group_of(row: BudgetVerdict) -> Group:
    return Group(row.cohort, row.check, row.tag, row.metric)


def worst_of(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the worst, by `WORST_FIRST`."""
    return min(verdicts, key=WORST_FIRST.index)


def noisy(rows: Iterable[BudgetVerdict], noise: Noise | None) -> list[BudgetVerdict]:
    """Put beside each delta what differs between two runs of the baseline alone."""
    return [
        replace(row, noise=noise.of(_group_of(row))) if noise and row.delta else row for row in rows
    ]
