"""Cohorts too small for their budgets: such a budget can never pass, however good the candidate."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_quantguard import _budgets
from pytest_quantguard.lint import Finding, Outset

RULE = "too-few-cases"


def find(outset: Outset) -> Iterator[Finding]:
    """Yield a finding for each budget that could hardly ever be decided."""
    for sentence in _budgets.undecidable(outset.budgets, outset.census, outset.metrics):
        place, text = _split(sentence, outset.file)
        advice = "; 'quantguard plan' shows the numbers"
        yield Finding(rule=RULE, severity="warning", place=place, text=text + advice)


def _split(sentence: str, file: str) -> tuple[str, str]:
    place, found, text = sentence.partition(": ")
    return (place, text) if found and ":" in place else (file, sentence)
