"""What every report needs to know about a candidate, derived from its verdicts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from pytest_quantguard.pairs import Mishap, PairedOutcome
from pytest_quantguard.verdicts import BudgetVerdict, CandidateReport, Group, Verdict

Finding = Literal["fail", "tolerated", "pass", "unanswered"]
"""One outcome in the light of all budgets; ``tolerated`` = regressed, but no budget failed;
``unanswered`` = the candidate said nothing: it is without evidence, and stands as a mishap too."""


def cohorts(candidate: CandidateReport) -> list[str]:
    """Return every cohort that was asked about, sorted."""
    named = {row.cohort for row in candidate.budgets if row.cohort is not None}
    named |= {one.cohort for one in candidate.counted or ()}
    return sorted(
        named | {o.cohort for o in candidate.outcomes} | {m.cohort for m in candidate.mishaps}
    )


def compared(candidate: CandidateReport) -> tuple[int, set[str]]:
    """Return how many cases were compared, and of which cohorts, whether or not all are kept."""
    if candidate.counted is not None:
        sums = [one for one in candidate.counted if one.cases]
        return sum(one.cases for one in sums), {one.cohort for one in sums}
    found = {(o.cohort, o.case) for o in candidate.outcomes}
    return len(found), {cohort for cohort, _ in found}


def findings(candidate: CandidateReport) -> list[tuple[PairedOutcome, Finding]]:
    """Pair each outcome with what it means: a critical one may not regress, once confirmed."""
    none = silent(candidate)
    failed = {key_of(o) for row in candidate.budgets if _failed(row) for o in row.regressed}

    def finding(outcome: PairedOutcome) -> Finding:
        if key_of(outcome) in none:
            return "unanswered"
        if outcome.critical and outcome.confirmed:
            return "fail"
        if not outcome.regressed:
            return "pass"
        return "fail" if key_of(outcome) in failed else "tolerated"

    return [(outcome, finding(outcome)) for outcome in candidate.outcomes]


def failed_rows(candidate: CandidateReport) -> list[BudgetVerdict]:
    """Return the failed budgets, those of the smallest groups first."""
    rows = [row for row in candidate.budgets if _failed(row)]
    return sorted(rows, key=lambda r: (r.cohort is None) + (r.check is None) + (r.tag is None))


def regressed_groups(
    candidate: CandidateReport,
) -> list[tuple[BudgetVerdict, list[PairedOutcome]]]:
    """Return the failed budgets on checks with their regressed cases, the worst first.

    The smallest groups come first, and each case stands only under the first budget that counts it.
    """
    named: set[tuple[str, str, str]] = set()
    found = []
    for row in failed_rows(candidate):
        fresh = [o for o in worst_first(row.regressed) if key_of(o) not in named]
        named.update(map(key_of, fresh))
        if row.metric is None and row.regressed:
            found.append((row, fresh))
    return found


def worst_first(outcomes: Iterable[PairedOutcome]) -> list[PairedOutcome]:
    """Put critical cases first, then the largest losses."""
    return sorted(outcomes, key=lambda o: (not o.critical, -o.difference))


def unconfirmed(outcome: PairedOutcome) -> bool:
    """Tell whether a critical case regressed, but not in two of three runs."""
    return outcome.critical and outcome.regressed and not outcome.confirmed


def undecided(candidate: CandidateReport) -> list[PairedOutcome]:
    """Return what regressed in budgets that are INCONCLUSIVE, and failed none; the worst first."""
    groups = [
        Group(row.cohort, row.check, row.tag)
        for row in candidate.budgets
        if row.metric is None and row.verdict is Verdict.INCONCLUSIVE
    ]
    tolerated = (o for o, finding in findings(candidate) if finding == "tolerated")
    return worst_first(o for o in tolerated if any(group.takes(o) for group in groups))


def both_wrong(candidate: CandidateReport) -> list[PairedOutcome]:
    """Return the checks that hold in neither arm: they cannot be lost. Reports count checks."""
    none = silent(candidate)
    return [
        o
        for o in candidate.outcomes
        if key_of(o) not in none and not o.baseline.value and not o.candidate.value
    ]


def silent(candidate: CandidateReport) -> set[tuple[str, str, str]]:
    """Return cohort, case and check of outcomes to which the candidate gave no answer.

    Budgets count it as wrong; but there is nothing to read. (Without an answer of the baseline
    there is no outcome.)
    """
    return {(m.cohort, m.case, m.check) for m in candidate.mishaps if is_silent(m)}


def is_silent(mishap: Mishap) -> bool:
    """Tell whether the candidate gave no answer, which counts as a wrong one."""
    return mishap.unanswered and mishap.role == "candidate"


def regressed_cases(candidate: CandidateReport) -> set[tuple[str, str]]:
    """Return cohort and name of the cases in which an answer is worse than the baseline's."""
    none = silent(candidate)
    return {(o.cohort, o.case) for o in candidate.outcomes if o.regressed and key_of(o) not in none}


def first_of(shown: int, candidates: Iterable[CandidateReport]) -> str:
    """Say of how many regressed cases the ``shown`` are the first; empty where these are all."""
    total = sum(one.regressed for c in candidates for one in c.counted or ())
    return f"the first {shown:,} of {total:,} regressed cases" if total > shown else ""


def unanswered(row: BudgetVerdict, candidate: CandidateReport) -> int:
    """Count the requests of a row's group that got no answer; a case's checks share one."""
    if row.counts is not None:
        return row.counts.unanswered
    mishaps = (m for m in candidate.mishaps if m.unanswered and _of_row(row, m))
    return len({(m.case, m.role) for m in mishaps})


def _of_row(row: BudgetVerdict, mishap: Mishap) -> bool:
    return row.cohort in (None, mishap.cohort) and row.check in (None, mishap.check)


def unexplained(candidate: CandidateReport) -> bool:
    """Tell whether no row shows why the candidate did not pass; reports then say it themselves."""
    return candidate.verdict not in {row.verdict for row in candidate.budgets} | {Verdict.PASS}


def _failed(row: BudgetVerdict) -> bool:
    return row.verdict is Verdict.FAIL


def key_of(outcome: PairedOutcome) -> tuple[str, str, str]:
    """Return cohort, case and check: what an outcome is known by, within a candidate."""
    return (outcome.cohort, outcome.case, outcome.check)
