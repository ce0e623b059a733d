"""From paired outcomes to verdicts: pure functions, callable without pytest.

The rules are those of docs/verdicts.md. In short, with positive differences meaning "candidate
worse": a budget FAILS when the whole run is evidence of at least 100 : 1 that something got worse,
this group is to blame, and its estimated loss exceeds the budget; it PASSES when the upper
confidence bound of its loss is inside the budget; otherwise it is INCONCLUSIVE. What is not
evidence is an ERROR.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from pytest_quantguard import stats
from pytest_quantguard._budgets import ALPHA_PASS, Group
from pytest_quantguard.types import EMPTY, Variant
from pytest_quantguard.verdicts import (
    Budget,
    BudgetVerdict,
    CandidateReport,
    Delta,
    Mishap,
    PairedOutcome,
    Verdict,
)

ALPHA_FAIL = 0.01
"""Largest probability, over a whole run, of any FAIL without a loss: evidence of 100 : 1."""
LEVEL_WEIGHTS = {"leaf": 0.4, "cohort": 0.2, "check": 0.2, "suite": 0.2}


@dataclass(frozen=True, slots=True)
class _Cases:
    """One group's cases: the differences, baseline values, and weights, one number per case."""

    differences: tuple[float, ...]
    baseline: tuple[float, ...]
    weights: tuple[float, ...]

    @property
    def rate(self) -> float:
        return math.fsum(b * w for b, w in zip(self.baseline, self.weights, strict=True)) / sum(
            self.weights
        )


@dataclass(frozen=True, slots=True)
class _Family:
    """Evidence of the whole run."""

    log_evidence: float
    log_of: Mapping[Group, float]
    strongest: Group | None
    rejected: frozenset[Group]

    def blames(self, group: Group) -> bool:
        if self.strongest is None or self.log_evidence < math.log(1 / ALPHA_FAIL):
            return False
        return group in self.rejected or _within(group, self.strongest)


def judge(
    variant: Variant,
    outcomes: Sequence[PairedOutcome],
    mishaps: Sequence[Mishap],
    budgets: Sequence[Budget],
    *,
    planned: int,
    max_errors: float = 0.01,
    interrupted: Sequence[str] = (),
    quantization_note: str = "",
) -> CandidateReport:
    """Judge one candidate.

    Args:
        variant: the candidate.
        outcomes: one record per case and check; order does not matter.
        mishaps: pairs without evidence, and why.
        budgets: as `expand` returns them.
        planned: number of (case, check) pairs that were to be judged.
        max_errors: share of planned pairs, in [0, 1], that may end in a failed request.
        interrupted: sentences that say why the evidence as a whole cannot be trusted.
        quantization_note: what the server says about its precision.
    """
    outcomes = sorted(outcomes, key=lambda o: (o.cohort, o.case, o.check))
    family = _family(outcomes)
    grounds = [
        _evidence_row(outcomes, mishaps, planned, max_errors, interrupted),
        *_comparability_rows(mishaps),
    ]
    rows = [_budget_row(budget, outcomes, family) for budget in budgets]
    if any(row.verdict is Verdict.ERROR for row in grounds):
        # What was measured is kept, but nothing is concluded from evidence that is not sound.
        reason = "not judged: the evidence itself is in error"
        rows = [replace(row, verdict=Verdict.ERROR, reason=reason) for row in rows]
    rows = grounds + _critical_rows(outcomes, mishaps) + rows
    return CandidateReport(
        variant=variant,
        verdict=_worst(row.verdict for row in rows),
        budgets=tuple(rows),
        outcomes=tuple(outcomes),
        mishaps=tuple(mishaps),
        log_evidence=family.log_evidence,
        quantization_note=quantization_note,
    )


def _worst(verdicts: Iterable[Verdict]) -> Verdict:
    order = (Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.FAIL, Verdict.ERROR)
    return max(verdicts, key=order.index)


def _select(outcomes: Iterable[PairedOutcome], group: Group) -> list[PairedOutcome]:
    cohort, check = group
    return [o for o in outcomes if cohort in (None, o.cohort) and check in (None, o.check)]


def _within(inner: Group, outer: Group) -> bool:
    return outer[0] in (None, inner[0]) and outer[1] in (None, inner[1])


def _per_case(outcomes: Iterable[PairedOutcome]) -> _Cases:
    """Average a case's checks, so that a case is one piece of evidence however often it is read."""
    cases: dict[str, list[PairedOutcome]] = {}
    for outcome in outcomes:
        cases.setdefault(outcome.case, []).append(outcome)
    return _Cases(
        tuple(math.fsum(o.difference for o in case) / len(case) for case in cases.values()),
        tuple(math.fsum(o.baseline.value for o in case) / len(case) for case in cases.values()),
        tuple(case[0].weight for case in cases.values()),
    )


def _family(outcomes: Sequence[PairedOutcome]) -> _Family:
    """Weigh the evidence of every leaf, cohort, check and the suite into one e-value."""
    leaves = sorted({(o.cohort, o.check) for o in outcomes})
    levels: dict[str, list[Group]] = {
        "leaf": list(leaves),
        "cohort": [(cohort, None) for cohort in sorted({c for c, _ in leaves})],
        "check": [(None, check) for check in sorted({k for _, k in leaves})],
        "suite": [(None, None)] if leaves else [],
    }
    groups = {
        group: (
            LEVEL_WEIGHTS[level] / len(members),
            stats.sign_evidence(_per_case(_select(outcomes, group)).differences).log_e,
        )
        for level, members in levels.items()
        for group in members
    }
    if not groups:
        return _Family(0.0, {}, None, frozenset())
    strongest = max(groups, key=lambda g: math.log(groups[g][0]) + groups[g][1])
    return _Family(
        stats.family_evidence(groups).log_e,
        {group: log_e for group, (_, log_e) in groups.items()},
        strongest,
        frozenset(stats.closure_rejects(groups, alpha=ALPHA_FAIL)),
    )


def _budget_row(
    budget: Budget, outcomes: Sequence[PairedOutcome], family: _Family
) -> BudgetVerdict:
    group = (budget.cohort, budget.check)
    members = _select(outcomes, group)
    if not members:
        return BudgetVerdict(
            cohort=budget.cohort,
            check=budget.check,
            max_drop=budget.max_drop,
            verdict=Verdict.ERROR,
            reason="no case of this budget could be judged",
        )
    cases = _per_case(members)
    counts = stats.paired_counts(cases.differences, cases.weights)
    value = counts.drop
    low, high = stats.tango_interval(counts, confidence=1 - 2 * ALPHA_PASS)
    verdict, reason = _decide(budget, counts, value, family, group)
    regressed = tuple(o for o in members if o.regressed)
    return BudgetVerdict(
        cohort=budget.cohort,
        check=budget.check,
        max_drop=budget.max_drop,
        verdict=verdict,
        reason=reason,
        delta=Delta(value=value, low=low, high=high, n=counts.n),
        cases=len(cases.differences),
        baseline_rate=cases.rate,
        candidate_rate=cases.rate - value,
        regressed=regressed,
        improved=sum(o.improved for o in members),
        log_evidence=family.log_of[group],
    )


def _decide(
    budget: Budget,
    counts: stats.PairedCounts,
    value: float,
    family: _Family,
    group: Group,
) -> tuple[Verdict, str]:
    allowed = f"{100 * budget.max_drop:g} pt"
    if value > budget.max_drop and family.blames(group):
        return Verdict.FAIL, f"worse by {100 * value:.1f} pt, more than the {allowed} allowed"
    upper = stats.tango_upper(counts, alpha=ALPHA_PASS)
    if upper < budget.max_drop:
        return Verdict.PASS, f"at most {100 * upper:.1f} pt worse, inside the {allowed} allowed"
    if value >= budget.max_drop:
        return (
            Verdict.INCONCLUSIVE,
            "over the budget, but this could still be chance: needs more cases",
        )
    more = stats.cases_to_pass(counts, budget.max_drop, alpha=ALPHA_PASS)
    enough = math.ceil(1000 * upper + 1e-9) / 10  # rounded up: a budget that would really pass
    return (
        Verdict.INCONCLUSIVE,
        f"needs about {max(1, more or 1)} more cases, or a budget of {enough:.1f} pt",
    )


def _evidence_row(
    outcomes: Sequence[PairedOutcome],
    mishaps: Sequence[Mishap],
    planned: int,
    max_errors: float,
    interrupted: Sequence[str],
) -> BudgetVerdict:
    """Say whether there is evidence at all, and whether it can be trusted."""
    faults = list(interrupted)
    broken = [m for m in mishaps if m.kind == "CheckError"]
    failed = [m for m in mishaps if m.kind not in ("CheckError", "NotComparable")]
    pairs = {(o.case, o.check) for o in outcomes}
    seen = pairs | {(m.case, m.check) for m in mishaps}
    if planned == 0:
        faults.append("no golden case was selected: nothing was compared")
    elif not outcomes:
        faults.append("not one case could be compared")
    if len(seen) < planned:
        faults.append(f"{planned - len(seen)} of {planned} planned checks never reported")
    if broken:
        first = broken[0]
        faults.append(
            f"{len(broken)} checks crashed, first {first.check} on {first.case} "
            f"({first.source}): {first.message}"
        )
    unanswered = {(m.case, m.check) for m in failed}
    if len(unanswered) > max_errors * planned:
        kinds = ", ".join(f"{n} {kind}" for kind, n in Counter(m.kind for m in failed).items())
        faults.append(
            f"{len(unanswered)} of {planned} checks had no answer to judge ({kinds}; "
            f"{100 * max_errors:g} % are allowed), first: {failed[0].message}"
        )
    faults += [
        f"every answer of the {role} is empty"
        for role in ("baseline", "candidate")
        if outcomes and all(EMPTY in getattr(o, role).violations for o in outcomes)
    ]
    reason = "; ".join(faults) or f"{len(pairs)} of {planned} planned checks were compared"
    return BudgetVerdict(
        cohort=None,
        check="evidence",
        max_drop=None,
        verdict=Verdict.ERROR if faults else Verdict.PASS,
        reason=reason,
        cases=len({o.case for o in outcomes}),
    )


def _critical_rows(
    outcomes: Sequence[PairedOutcome], mishaps: Sequence[Mishap]
) -> list[BudgetVerdict]:
    """Critical cases have no budget: one that regressed, or was not judged, is one too many."""
    critical = [o for o in outcomes if o.critical]
    judged = {(o.case, o.check) for o in critical}
    missing = {(m.case, m.check) for m in mishaps if m.critical} - judged
    if not critical and not missing:
        return []
    regressed = tuple(o for o in critical if o.regressed)
    verdict = Verdict.ERROR if missing else Verdict.FAIL if regressed else Verdict.PASS
    reason = f"{len(regressed)} of {len(critical)} critical checks regressed"
    if missing:
        reason = f"{len(missing)} critical checks could not be compared, first {min(missing)[0]}"
    return [
        BudgetVerdict(
            cohort=None,
            check="critical",
            max_drop=None,
            verdict=verdict,
            reason=reason,
            cases=len({o.case for o in critical}),
            regressed=regressed,
            improved=sum(o.improved for o in critical),
        )
    ]


def _comparability_rows(mishaps: Sequence[Mishap]) -> list[BudgetVerdict]:
    found = [m for m in mishaps if m.kind == "NotComparable"]
    if not found:
        return []
    cases = {m.case for m in found}
    return [
        BudgetVerdict(
            cohort=None,
            check="comparability",
            max_drop=None,
            verdict=Verdict.ERROR,
            reason=f"NOT COMPARABLE in {len(cases)} cases, first {found[0].case} "
            f"({found[0].source}): {found[0].message}",
            cases=len(cases),
        )
    ]
