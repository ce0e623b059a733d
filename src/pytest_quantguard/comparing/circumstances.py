"""What else is not as it was between two runs, and what a reader of a comparison has to know."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_quantguard._plural import counted
from pytest_quantguard.comparing.records import Shared, Side
from pytest_quantguard.errors import InputError
from pytest_quantguard.history.differences import Point, differences, of_candidate
from pytest_quantguard.history.records import of_report
from pytest_quantguard.reporters._words import label

_NAMED = 4
"""Budgets that changed alike and are named; the others are counted."""
_VERSIONS = ("pytest_quantguard", "python", "pytest", "platform", "config")


def changes(then: Side, now: Side) -> Iterator[str]:
    """Say what is not as it was: budgets, policies, baseline, golden cases, candidate, versions."""
    try:
        one, other = of_report(then.report), of_report(now.report)
    except InputError as error:
        yield f"what else changed is not known: {error}"
        return
    alike: dict[str, list[str]] = {}  # budgets that changed alike share a sentence
    for found in differences(one, other):
        about = alike.setdefault(found.text, [])
        if found.group is not None:
            about.append(" / ".join(label(name) for name in found.group if name) or "all")
    for text, groups in alike.items():
        more = f" and {len(groups) - _NAMED} more" if len(groups) > _NAMED else ""
        yield f"{text}: {', '.join(groups[:_NAMED])}{more}" if groups else text
    points = [
        Point(run, run.judged[_names(side).index(side.candidate.variant.name)])
        for run, side in ((one, then), (other, now))
    ]
    yield from (found.text for found in of_candidate(*points))
    for key in _VERSIONS:
        old, new = one.facts.get(key), other.facts.get(key)
        if old and new and old != new:
            yield f"{key.replace('_', '-')} is {new}, was {old}"


def notes(shared: Shared, then: Side, now: Side) -> Iterator[str]:
    """Say what a reader has to know about this comparison itself."""
    old, new = then.report.provenance, now.report.provenance
    if then.is_of_one_run_with(now):
        yield "both files are of one run: it is no evidence about itself"
    elif _number(old.get("started")) > _number(new.get("started")):
        yield "the first file is of the later run: what is called 'now' is the older one"
    for side in (then, now):
        if not side.sound:
            word = side.candidate.verdict.word
            yield f"{label(side.name)} is {word}: its cases are no evidence of anything"
        elif side.report.provenance.get("whole") is False:
            yield f"{label(side.name)} asked a part of its golden cases"
    again = [other for one, other in shared if one.keys[0] == other.keys[0] != ""]
    moved = sum(
        one.baseline.value != other.baseline.value
        for one, other in shared
        if one.keys[0] == other.keys[0] != ""
    )
    if moved:
        yield (
            f"{moved} of {counted(len(again), 'outcome')} of the baseline differ although it was "
            "asked the same: its answers vary, or the checks changed"
        )
    if _from_cache(shared, now):
        yield (
            "the later run took every shared answer of the candidate from the cache: this compares "
            "one set of answers with itself"
        )


def _from_cache(shared: Shared, now: Side) -> bool:
    """Tell whether the later run asked nothing anew that both have."""
    live = {(m.cohort, m.case) for m in now.candidate.measurements if m.candidate.live}
    known = {(m.cohort, m.case) for m in now.candidate.measurements}
    return all(
        one.keys[1] == other.keys[1] != ""
        and (other.cohort, other.case) in known
        and (other.cohort, other.case) not in live
        for one, other in shared
    )


def _names(side: Side) -> list[str]:
    return [candidate.variant.name for candidate in side.report.candidates]


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
