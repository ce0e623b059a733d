"""What every report needs to know about a candidate, derived from its verdicts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from pytest_quantguard.pairs import Mishap, PairedOutcome
from pytest_quantguard.verdicts import BudgetVerdict, CandidateReport, Group, Verdict

Finding = Literal["fail", "tolerated", "pass"]
"""One outcome in the light of all budgets; ``tolerated`` = regressed, but no budget failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Where the requests of one cohort should go."""

    cohort: str
    to: Literal["candidate", "baseline"]
    reason: str = ""
    """Why not to the candidate; empty when it may."""


def cohorts(candidate: CandidateReport) -> list[str]:
    """Return every cohort that was asked about, sorted."""
    named = {row.cohort for row in candidate.budgets if row.cohort is not None}
    return sorted(
        named | {o.cohort for o in candidate.outcomes} | {m.cohort for m in candidate.mishaps}
    )


def findings(candidate: CandidateReport) -> list[tuple[PairedOutcome, Finding]]:
    """Pair each outcome with what it means: a critical one may not regress, once confirmed."""
    failed = {_key(o) for row in candidate.budgets if _failed(row) for o in row.regressed}

    def finding(outcome: PairedOutcome) -> Finding:
        if outcome.critical and outcome.confirmed:
            return "fail"
        if not outcome.regressed:
            return "pass"
        return "fail" if _key(outcome) in failed else "tolerated"

    return [(outcome, finding(outcome)) for outcome in candidate.outcomes]


def failed_rows(candidate: CandidateReport) -> list[BudgetVerdict]:
    """Return the failed budgets, those of the smallest groups first."""
    rows = [row for row in candidate.budgets if _failed(row)]
    return sorted(rows, key=lambda r: (r.cohort is None) + (r.check is None) + (r.tag is None))


def worst_first(outcomes: Iterable[PairedOutcome]) -> list[PairedOutcome]:
    """Put critical cases first, then the largest losses."""
    return sorted(outcomes, key=lambda o: (not o.critical, -o.difference))


def unconfirmed(outcome: PairedOutcome) -> bool:
    """Tell whether a critical case regressed, but not in two of three runs."""
    return outcome.critical and outcome.regressed and not outcome.confirmed


def both_wrong(candidate: CandidateReport, every: bool) -> list[PairedOutcome]:
    """Return outcomes in which neither arm holds: cases that cannot be lost.

    ``every`` of them, or those of budgets that nothing is shown about because of them.
    """
    groups = [
        Group(row.cohort, row.check, row.tag)
        for row in candidate.budgets
        if row.metric is None
        and row.baseline_rate is not None
        and row.baseline_rate <= (row.max_drop or 0)
    ]
    return [
        o
        for o in candidate.outcomes
        if not o.baseline.value
        and not o.candidate.value
        and (every or any(group.takes(o) for group in groups))
    ]


def unanswered(row: BudgetVerdict, candidate: CandidateReport) -> int:
    """Count the requests of a row's group that got no answer; a case's checks share one."""
    mishaps = (m for m in candidate.mishaps if m.unanswered and _of_row(row, m))
    return len({(m.case, m.role) for m in mishaps})


def _of_row(row: BudgetVerdict, mishap: Mishap) -> bool:
    return row.cohort in (None, mishap.cohort) and row.check in (None, mishap.check)


def unexplained(candidate: CandidateReport) -> bool:
    """Tell whether no row shows why the candidate did not pass; reports then say it themselves."""
    return candidate.verdict not in {row.verdict for row in candidate.budgets} | {Verdict.PASS}


def routes(candidate: CandidateReport) -> tuple[Route, ...]:
    """Send a cohort to the candidate only where each of its own budgets passed.

    Those on metrics and tags of the cohort count too, but one of them must be on the checks of the
    whole cohort: to be fast enough is no reason. Budgets over all cohorts do not count, except
    that an ERROR among them spoils everything. Nor does anything go to a candidate that cannot be
    compared, be it in a few cases: another chat template is another one for every cohort.
    """
    untrusted = candidate.verdict is Verdict.ERROR and unexplained(candidate)
    if untrusted or any(r.cohort is None and r.verdict is Verdict.ERROR for r in candidate.budgets):
        return tuple(_to_baseline(cohort, "error") for cohort in cohorts(candidate))
    rows = (row.verdict for row in candidate.budgets)
    if Verdict.NOT_COMPARABLE in (candidate.verdict, *rows):
        return tuple(_to_baseline(cohort, "not comparable") for cohort in cohorts(candidate))
    critical = {o.cohort for o in candidate.outcomes if o.critical and o.confirmed}
    return tuple(_route(cohort, candidate, cohort in critical) for cohort in cohorts(candidate))


def _route(cohort: str, candidate: CandidateReport, critical: bool) -> Route:
    rows = [row for row in candidate.budgets if row.cohort == cohort]
    found = {row.verdict for row in rows}
    for verdict, reason in (
        (Verdict.ERROR, "error"),
        (Verdict.FAIL, "fail"),
        (Verdict.INCONCLUSIVE, "not shown to be safe"),
    ):
        if verdict in found:
            return _to_baseline(cohort, reason)
    if critical:
        return _to_baseline(cohort, "a critical case regressed")
    if not found:
        return _to_baseline(cohort, "no budget of its own")
    if all(row.metric is not None or row.tag is not None for row in rows):
        return _to_baseline(cohort, "no budget on the checks of the whole cohort")
    return Route(cohort=cohort, to="candidate")


def _to_baseline(cohort: str, reason: str) -> Route:
    return Route(cohort=cohort, to="baseline", reason=reason)


def _failed(row: BudgetVerdict) -> bool:
    return row.verdict is Verdict.FAIL


def _key(outcome: PairedOutcome) -> tuple[str, str, str]:
    return (outcome.cohort, outcome.case, outcome.check)
