"""Annotations of GitHub Actions: what a reviewer sees beside the files of a pull request."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain, zip_longest
from typing import Any, Literal, NamedTuple

from pytest_quantguard.pairs import PairedOutcome
from pytest_quantguard.reporters._views import regressed_groups, unexplained
from pytest_quantguard.reporters._words import (
    NO_CANDIDATE,
    budget_sentence,
    group_name,
    label,
    outcome_sentence,
    sentence,
)
from pytest_quantguard.types import Source
from pytest_quantguard.verdicts import WORST_FIRST, BudgetVerdict, GateReport, Group, Verdict

MOST = 10
"""Annotations of a run; GitHub shows 10 of each kind for a step and drops the others."""
MESSAGE_LIMIT = 4_096
"""Characters of a message that GitHub shows."""
NO_VERDICT = "quantguard: no verdict"
_PLACE = re.compile(
    r"(?P<file>[^\s:][^:\n]{0,300}):(?P<line>[1-9]\d{0,8}): (?P<text>.+)", re.DOTALL
)
_DATA = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_PROPERTY = _DATA | str.maketrans({":": "%3A", ",": "%2C"})


class Annotation(NamedTuple):
    """One annotation; its texts are one clean line each."""

    level: Literal["error", "warning"]
    title: str
    message: str
    source: Source | None = None


def annotate(report: GateReport) -> list[Annotation]:
    """Return at most `MOST` annotations: what did not pass first, then regressed cases.

    A budget stands at its line of the configuration, a case at its line of the golden file. Of
    each failed budget the worst case comes before the second of any.
    """
    gates = list(_gates(report))
    if len(gates) > MOST:
        more = len(gates) - MOST + 1
        text = f"{more} more budgets did not pass; the report and the step's summary have them all"
        return [*gates[: MOST - 1], Annotation("error", f"quantguard: {more} more", text)]
    return [*gates, *_cases(report)][:MOST]


def refused(problems: Sequence[str]) -> list[Annotation]:
    """Return at most `MOST` annotations for a run without verdict, from what was wrong with it.

    A problem that begins with ``file:line:`` stands there.
    """
    found = []
    for problem in problems[:MOST]:
        place = _PLACE.fullmatch(problem)
        source = Source(file=place["file"], line=int(place["line"])) if place else None
        text = sentence(place["text"] if place else problem)
        found.append(Annotation("error", NO_VERDICT, text, source))
    if len(problems) > MOST:
        more = len(problems) - MOST + 1
        found[-1] = Annotation("error", NO_VERDICT, f"and {more} more problems; the log has them")
    return found


def command(annotation: Annotation, place: Callable[[str], str] = str) -> str:
    """Return the line by which the runner learns of it; ``place`` makes a path one of GitHub's."""
    source = annotation.source
    properties = {"title": annotation.title}
    if source is not None and source.file:
        file = sentence(place(source.file), 300)
        properties = {"file": file, "line": str(max(1, source.line)), **properties}
    told = ",".join(f"{key}={text.translate(_PROPERTY)}" for key, text in properties.items())
    message = annotation.message[: MESSAGE_LIMIT // 2].translate(_DATA)
    return f"::{annotation.level} {told}::{message}"


def _gates(report: GateReport) -> Iterator[Annotation]:
    """Yield what did not pass, of all candidates, the worst first."""
    if not report.candidates:
        yield Annotation("error", "quantguard: ERROR", NO_CANDIDATE)
    written = _sources(report.provenance.get("budgets"))
    found: list[tuple[Verdict, Annotation]] = []
    for candidate in report.candidates:
        name = label(candidate.variant.name)
        for row in candidate.budgets:
            if row.verdict is not Verdict.PASS:
                title = f"quantguard: {row.verdict.word}: {name}, {group_name(row)}"
                text = budget_sentence(row, candidate)
                source = written.get(Group(row.cohort, row.check, row.tag, row.metric))
                found.append((row.verdict, Annotation(_level(row), title, text, source)))
        if unexplained(candidate):
            word = candidate.verdict.word
            text = f"the verdict on this candidate is {candidate.verdict.value}"
            one = Annotation("error", f"quantguard: {word}: {name}", text)
            found.append((candidate.verdict, one))
    for _, annotation in sorted(found, key=lambda one: WORST_FIRST.index(one[0])):
        yield annotation


def _level(row: BudgetVerdict) -> Literal["error", "warning"]:
    return "warning" if row.verdict is Verdict.INCONCLUSIVE else "error"


def _sources(budgets: Any) -> dict[Group, Source]:
    """Return where each budget was written; what a report says of it may be anything."""
    found = {}
    for budget in budgets if isinstance(budgets, list) else ():
        source = budget.get("source") if isinstance(budget, Mapping) else None
        if isinstance(source, Mapping):
            file, line = source.get("file"), source.get("line")
            group = Group(*(budget.get(name) for name in Group._fields))
            if isinstance(file, str) and type(line) is int:
                found[group] = Source(file=file, line=line)
    return found


def _cases(report: GateReport) -> Iterator[Annotation]:
    baseline = report.baseline.name
    groups = (
        [(label(candidate.variant.name), outcome) for outcome in fresh]
        for candidate in report.candidates
        for _, fresh in regressed_groups(candidate)
    )
    in_turn = chain.from_iterable(zip_longest(*groups))
    return (_case(found[0], found[1], baseline) for found in in_turn if found is not None)


def _case(variant: str, outcome: PairedOutcome, baseline: str) -> Annotation:
    title = f"quantguard: regressed in {variant}: {label(outcome.case)}"
    return Annotation("error", title, outcome_sentence(outcome, baseline), outcome.source)
