"""What every report needs to know about a candidate, derived from its verdicts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from pytest_quantguard.verdicts import BudgetVerdict, CandidateReport, PairedOutcome, Verdict

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
    """Pair each outcome with what it means: a critical one may not regress at all."""
    failed = {_key(o) for row in candidate.budgets if _failed(row) for o in row.regressed}

    def finding(outcome: PairedOutcome) -> Finding:
        if not outcome.regressed:
            return "pass"
        return "fail" if outcome.critical or _key(outcome) in failed else "tolerated"

    return [(outcome, finding(outcome)) for outcome in candidate.outcomes]


def failed_rows(candidate: CandidateReport) -> list[BudgetVerdict]:
    """Return the failed budgets, those of the smallest groups first."""
    rows = [row for row in candidate.budgets if _failed(row)]
    return sorted(rows, key=lambda row: (row.cohort is None) + (row.check is None))


def worst_first(outcomes: Iterable[PairedOutcome]) -> list[PairedOutcome]:
    """Put critical cases first, then the largest losses."""
    return sorted(outcomes, key=lambda o: (not o.critical, -o.difference))


def unexplained(candidate: CandidateReport) -> bool:
    """Tell whether no row shows why the candidate did not pass; reports then say it themselves."""
    return candidate.verdict not in {row.verdict for row in candidate.budgets} | {Verdict.PASS}


def routes(candidate: CandidateReport) -> tuple[Route, ...]:
    """Send a cohort to the candidate only where each of its own budgets passed.

    Budgets over all cohorts do not count, except that an ERROR among them spoils everything.
    """
    untrusted = candidate.verdict is Verdict.ERROR and unexplained(candidate)
    if untrusted or any(r.cohort is None and r.verdict is Verdict.ERROR for r in candidate.budgets):
        return tuple(_to_baseline(cohort, "error") for cohort in cohorts(candidate))
    critical = {o.cohort for o in candidate.outcomes if o.critical and o.regressed}
    return tuple(_route(cohort, candidate, cohort in critical) for cohort in cohorts(candidate))


def _route(cohort: str, candidate: CandidateReport, critical: bool) -> Route:
    found = {row.verdict for row in candidate.budgets if row.cohort == cohort}
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
    return Route(cohort=cohort, to="candidate")


def _to_baseline(cohort: str, reason: str) -> Route:
    return Route(cohort=cohort, to="baseline", reason=reason)


def _failed(row: BudgetVerdict) -> bool:
    return row.verdict is Verdict.FAIL


def _key(outcome: PairedOutcome) -> tuple[str, str, str]:
    return (outcome.cohort, outcome.case, outcome.check)
