"""A report in a few numbers, as JSON: what a script wants of a verdict, without cases and texts."""

from __future__ import annotations

from pytest_quantguard._sanitize import one_line
from pytest_quantguard.reporters._measured import delta_to
from pytest_quantguard.reporters._words import label
from pytest_quantguard.types import Json
from pytest_quantguard.verdicts import BudgetVerdict, CandidateReport, GateReport


def summary(report: GateReport) -> Json:
    """Return verdict, baseline and candidates, with one entry for each budget; plain JSON types."""
    return {
        "verdict": report.verdict.value,
        "baseline": label(report.baseline.name),
        "candidates": [_candidate(candidate) for candidate in report.candidates],
    }


def _candidate(candidate: CandidateReport) -> Json:
    return {
        "name": label(candidate.variant.name),
        "verdict": candidate.verdict.value,
        "cases": len({(o.cohort, o.case) for o in candidate.outcomes}),
        "cohorts": sorted({label(o.cohort) for o in candidate.outcomes}),
        "budgets": [row_of(row) for row in candidate.budgets],
    }


def row_of(row: BudgetVerdict) -> Json:
    """Return one budget and its verdict; shares are fractions, null is not known."""
    names = {"cohort": row.cohort, "check": row.check, "tag": row.tag, "metric": row.metric}
    return {
        **{key: label(name) if name is not None else None for key, name in names.items()},
        "verdict": row.verdict.value,
        "reason": one_line(row.reason, 500),
        "max_drop": row.max_drop,
        "max_ratio": row.max_ratio,
        "relative": row.relative,
        "delta": delta_to(row.delta),
        "cases": row.cases,
        "regressed": len(row.regressed),
        "improved": row.improved,
    }
