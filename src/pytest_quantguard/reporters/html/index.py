"""The index: what broke, for whom, and what to do, on one page."""

from __future__ import annotations

from pytest_quantguard.reporters._headline import reason_of
from pytest_quantguard.reporters._routing import Rollout, rollout
from pytest_quantguard.reporters._words import label, sentence
from pytest_quantguard.reporters.html._banner import banner
from pytest_quantguard.reporters.html._budgets import Scales, budgets, scales
from pytest_quantguard.reporters.html._cohorts import cohort_table
from pytest_quantguard.reporters.html._distributions import distributions
from pytest_quantguard.reporters.html._found import mishaps, notes
from pytest_quantguard.reporters.html._markup import Child, Markup, tag
from pytest_quantguard.reporters.html._matrix import matrix
from pytest_quantguard.reporters.html._page import page
from pytest_quantguard.reporters.html._pareto import pareto
from pytest_quantguard.reporters.html._pieces import badge
from pytest_quantguard.reporters.html._provenance import provenance, remarks
from pytest_quantguard.verdicts import CandidateReport, GateReport


def index_page(report: GateReport) -> str:
    """Return the page as text."""
    several = len(report.candidates) > 1
    shared = scales(report)
    names = ", ".join(label(candidate.variant.name) for candidate in report.candidates)
    title = (
        f"{report.verdict.word}: {names or 'no candidate'} against {label(report.baseline.name)}"
    )
    run = remarks(report.provenance)
    found = rollout(report)
    return page(
        sentence(title),
        banner(report, found),
        _comparison(report, found) if several else None,
        [_candidate(i, one, report, shared, found) for i, one in enumerate(report.candidates)],
        tag("section", tag("h2", "About this run"), run, provenance(report), class_="about"),
    )


def _comparison(report: GateReport, found: Rollout) -> Markup:
    return tag(
        "section",
        tag("h2", "Candidates side by side"),
        matrix(report, found),
        pareto(report, found),
        class_="comparison",
    )


def _candidate(
    number: int, candidate: CandidateReport, report: GateReport, shared: Scales, found: Rollout
) -> Markup:
    baseline = report.baseline.name
    missing = mishaps(candidate)
    several = len(report.candidates) > 1
    content: list[Child] = [
        tag("h2", badge(candidate.verdict), f" {label(candidate.variant.name)}"),
        tag("p", reason_of(candidate)) if several else None,
        tag("h3", "Budgets"),
        budgets(candidate, baseline, shared),
        tag("h3", "Cohorts"),
        cohort_table(number, candidate, found) or tag("p", "No case was asked."),
        tag("h3", "What else was found"),
        notes(candidate, baseline, report.provenance),
        [tag("h3", "Missing evidence"), missing] if missing else None,
        distributions(candidate, baseline),
    ]
    return tag("section", content, id=f"candidate-{number}", class_="candidate")
