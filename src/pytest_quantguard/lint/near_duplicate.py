"""Cases that ask nearly the same: they look like more evidence than they are."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_quantguard.lint import Finding, Outset
from pytest_quantguard.lint._shingles import twins
from pytest_quantguard.types import GoldenCase

RULE = "near-duplicate"
LEAST = 0.9
"""Jaccard similarity, of runs of three words, from which two prompts count as twins."""
_SHOWN = 3


def find(outset: Outset) -> Iterator[Finding]:
    """Yield one finding for each case that repeats an earlier one of its cohort."""
    cases = {case.id: case for case in outset.cases}
    asked = {case.id: case.request.canonical() for case in outset.cases}
    cohorts: dict[str, dict[str, str]] = {}
    for case in outset.cases:
        cohorts.setdefault(case.cohort, {})[case.id] = case.request.question
    for texts in cohorts.values():
        for group in twins(texts, LEAST):
            yield from _tell([cases[key] for key in group], asked)


def _tell(group: list[GoldenCase], asked: dict[str, str]) -> Iterator[Finding]:
    first_with: dict[str, GoldenCase] = {}
    near: list[GoldenCase] = []
    for case in group:
        same = first_with.setdefault(asked[case.id], case)
        if same is not case:
            yield Finding(
                rule=RULE,
                severity="warning",
                place=str(case.source),
                case=case.id,
                text=f"{case.id} asks exactly what {same.id} ({same.source}) asks: it is no "
                "evidence of its own; make one case of the two, with the checks of both",
            )
        else:
            near.append(case)
    if len(near) > 1:
        first, *others = near
        names = ", ".join(case.id for case in others[:_SHOWN])
        more = f" and {len(others) - _SHOWN} more" if len(others) > _SHOWN else ""
        yield Finding(
            rule=RULE,
            severity="note",
            place=str(first.source),
            case=first.id,
            text=f"{first.id} asks nearly the same as {names}{more}: they will fail together, so "
            "that they count for less than their number; vary the wording",
        )
