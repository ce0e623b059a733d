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

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

from pytest_quantguard import _budgets, stats
from pytest_quantguard._decide import (
    ALPHA_FAIL,
    ALPHA_PASS,
    Cases,
    Decision,
    EvidenceRule,
    decide,
    weigh,
)
from pytest_quantguard._grounds import (
    comparability_rows,
    critical_rows,
    evidence_row,
    judge_rows,
    unmatched,
    withheld,
    without_numbers,
)
from pytest_quantguard._layers import layer_readings, layered
from pytest_quantguard._measures import LatencyRule, Times, metric_rows, readings
from pytest_quantguard._noise import Noise
from pytest_quantguard._noticed import differences
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
    Delta,
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
    if not 1 <= look[0] <= look[1]:
        raise ValueError(f"look is {look}; it is a number from 1, and of how many")
    if not 0 <= max_errors <= 1:
        raise ValueError(f"max_errors is {max_errors}; a share lies between 0 and 1")
    outcomes = sorted(outcomes, key=lambda o: (o.cohort, o.case, o.check))
    measurements = sorted(measurements, key=lambda m: (m.cohort, m.case))
    mishaps = sorted(mishaps, key=lambda m: (m.cohort, m.case, m.check, m.role, m.kind, m.message))
    budgets = expanded(budgets, lambda: _census(outcomes, mishaps))
    if planned is None:
        seen = {(o.case, o.check) for o in outcomes} | {(m.case, m.check) for m in mishaps}
        planned = len(seen)
    metrics = _built_in() if metrics is None else metrics
    parts = layered(outcomes, (b.group for b in budgets))
    cases = grouped([*outcomes, *parts], (b.group for b in budgets if b.metric is None))
    unasked = ["no budget: nothing was judged"] if planned and not budgets else []
    grounds = [
        evidence_row(
            outcomes,
            mishaps,
            planned=planned,
            max_errors=max_errors,
            interrupted=[*interrupted, *unasked],
            error_groups=[b.group for b in budgets if b.metric == "errors"],
        ),
        *comparability_rows(outcomes, mishaps, incomparable),
        *judge_rows(outcomes),
    ]
    rows = _rate_rows(budgets, cases, [*outcomes, *parts], mishaps, evidence=evidence, look=look)
    unselected = set(unselected)
    rows = [
        replace(row, verdict=Verdict.INCONCLUSIVE, reason="no case of it was selected")
        if row.cases == 0 and _group_of(row) in unselected
        else row
        for row in rows
    ]
    measured = [budget for budget in budgets if budget.metric is not None]
    times = Times.of(measurements, latency, apart=apart)
    rows += metric_rows(
        measured,
        measurements,
        outcomes,
        metrics,
        times=times,
        evidence=evidence,
        max_errors=max_errors,
        look=look,
    )
    critical, wholly = critical_rows(outcomes, mishaps), bool(incomparable)
    rows = withheld(noisy(rows, noise), outcomes, mishaps, measurements, wholly=wholly)
    unsound = any(row.verdict is Verdict.ERROR for row in grounds)
    if unsound:
        reason = "not judged: the evidence itself is in error"
        rows = [without_numbers(row, Verdict.ERROR, reason) for row in rows]
    elif wholly:
        critical = withheld(critical, outcomes, mishaps, measurements, wholly=True)
    rows = grounds + critical + rows
    notes = [] if wholly or unsound or not outcomes else [differences(outcomes, cases[Group()])]
    if notes and noise:
        notes.append(noise.sentence())
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
        notes=(*notes, *remarks),
    )


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


# --- one number per case ------------------------------------------------------------------------


def grouped(outcomes: Iterable[PairedOutcome], wanted: Iterable[Group] = ()) -> dict[Group, Cases]:
    """Sort outcomes into the groups that evidence is weighed in, and the groups ``wanted``.

    A case's checks are averaged, so that a case is one piece of evidence however often it is read.
    """
    groups_of = _Sorter(wanted)
    sums: dict[Group, dict[str, list[float]]] = {}
    for o in outcomes:
        difference, held = o.difference, o.baseline.value
        for group in groups_of(o):
            case = sums.setdefault(group, {}).setdefault(o.case, [0.0, 0.0, 0, o.weight])
            case[0] += difference
            case[1] += held
            case[2] += 1
    return {group: _cases(found.values()) for group, found in sums.items()}


class _Sorter:
    """Tells to which groups an outcome belongs; thousands of outcomes share a few answers."""

    def __init__(self, wanted: Iterable[Group]) -> None:
        self._wanted = list(dict.fromkeys(wanted))
        self._known: dict[tuple[str, str, tuple[str, ...]], list[Group]] = {}

    def __call__(self, o: PairedOutcome) -> list[Group]:
        key = (o.cohort, o.check, o.tags)
        groups = self._known.get(key)
        if groups is None:
            groups = self._known[key] = self._groups(o)
        return groups

    def _groups(self, o: PairedOutcome) -> list[Group]:
        mine = [group for group in self._wanted if group.takes(o)]
        if o.layer:  # a part of a check is no evidence beside the whole, unless a budget names it
            return [group for group in mine if group.check == o.check]
        groups = [Group(o.cohort, o.check), Group(o.cohort), Group(None, o.check), Group()]
        return groups + [group for group in mine if group.tag is not None]


def _cases(found: Iterable[list[float]]) -> Cases:
    found = list(found)
    # Rounded, since 0.1 + 0.2 - 0.3 is no loss; a sign counts however small the number.
    means = (round(total / count, 12) for total, _, count, _ in found)
    differences = tuple(max(-1.0, min(1.0, mean)) for mean in means)
    baseline = tuple(total / count for _, total, count, _ in found)
    weights = tuple(weight for *_, weight in found)
    return Cases(differences, baseline, weights if len(set(weights)) > 1 else None)


# --- budgets on the share of cases that hold ------------------------------------------------------


def _rate_rows(
    budgets: Sequence[Budget],
    cases: Mapping[Group, Cases],
    outcomes: Sequence[PairedOutcome],
    mishaps: Sequence[Mishap],
    *,
    evidence: EvidenceRule,
    look: tuple[int, int],
) -> list[BudgetVerdict]:
    mine = [budget for budget in budgets if budget.metric is None]
    judged = [budget for budget in mine if budget.group in cases]
    alpha_pass, alpha_strict = (
        stats.looks_alpha(alpha, look[1])[look[0] - 1] for alpha in (ALPHA_PASS, ALPHA_FAIL)
    )
    decisions = decide(
        judged, cases, evidence=evidence, alpha_pass=alpha_pass, alpha_strict=alpha_strict
    )
    members: dict[Group, list[PairedOutcome]] = {}
    groups_of = _Sorter(budget.group for budget in mine)
    for outcome in outcomes:
        for group in groups_of(outcome):
            members.setdefault(group, []).append(outcome)
    return [
        _rate_row(budget, decisions[budget.group], cases[budget.group], members, mishaps)
        if budget.group in decisions
        else unmatched(budget)
        for budget in mine
    ]


def _rate_row(
    budget: Budget,
    decision: Decision,
    cases: Cases,
    members_of: Mapping[Group, Sequence[PairedOutcome]],
    mishaps: Sequence[Mishap],
) -> BudgetVerdict:
    members = members_of[budget.group]
    return BudgetVerdict(
        cohort=budget.cohort,
        check=budget.check,
        tag=budget.tag,
        max_drop=budget.max_drop,
        relative=budget.relative,
        verdict=decision.verdict,
        reason=decision.reason,
        delta=_bounded(decision.delta, budget.group, members, mishaps),
        cases=len(cases.differences),
        baseline_rate=decision.rate,
        candidate_rate=decision.rate - decision.delta.value,
        regressed=tuple(o for o in members if o.regressed),
        improved=sum(o.improved for o in members),
        log_evidence=decision.log_evidence,
    )


def _bounded(
    delta: Delta, group: Group, members: Sequence[PairedOutcome], mishaps: Sequence[Mishap]
) -> Delta:
    """Say what the missing answers could hide: the value had they all been good, or all bad.

    A request that the candidate did not answer is judged as a loss; had it been answered, it could
    have held. Where the baseline is silent there is no pair, and either arm could have been right.
    """
    missing = {
        (m.case, m.check): m.role
        for m in mishaps
        if m.unanswered
        and group.cohort in (None, m.cohort)
        and (group.check in (None, m.check) or str(group.check).startswith(f"{m.check}."))
        and group.tag is None
    }
    if not missing:
        return delta
    best: list[PairedOutcome] = []
    for outcome in members:
        answered = missing.pop((outcome.case, outcome.whole_check), None) != "candidate"
        full = replace(outcome.candidate, value=1.0)
        best.append(outcome if answered else replace(outcome, candidate=full))
    # What is left has no pair at all: each could have been a loss or a gain of a whole case.
    pairs, alone = len({o.case for o in members}), len({case for case, _ in missing})
    kindest = math.fsum(_cases_of(best).differences) if best else 0.0
    harshest = math.fsum(_cases_of(members).differences) if members else 0.0
    return replace(
        delta,
        best=(kindest - alone) / (pairs + alone),
        worst=(harshest + alone) / (pairs + alone),
    )


def _cases_of(members: Iterable[PairedOutcome]) -> Cases:
    return grouped(replace(o, cohort="", check="", layer="") for o in members)[Group()]


def noisy(rows: Iterable[BudgetVerdict], noise: Noise | None) -> list[BudgetVerdict]:
    """Put beside each delta what differs between two runs of the baseline alone."""
    return [
        replace(row, noise=noise.of(_group_of(row))) if noise and row.delta else row for row in rows
    ]
