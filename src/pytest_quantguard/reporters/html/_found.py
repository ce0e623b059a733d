"""What no budget's row says: sentences about a candidate, and why evidence is missing."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_quantguard.pairs import Mishap
from pytest_quantguard.reporters._headline import EASIER
from pytest_quantguard.reporters._summary import (
    also_measured,
    every_reading,
    facts,
    in_cohorts,
    servers_say,
)
from pytest_quantguard.reporters._views import unconfirmed
from pytest_quantguard.reporters._words import UNCONFIRMED, label, odds, sentence
from pytest_quantguard.reporters.html._markup import Child, Markup, tag
from pytest_quantguard.reporters.html._pieces import Column, counted, folded, listed, row, table
from pytest_quantguard.types import Json
from pytest_quantguard.verdicts import CandidateReport, Verdict

CASES_NAMED = 5
"""Cases named in a line."""
COHORTS_NAMED = 3
"""Cohorts named in a line of the table of missing evidence."""
_MISHAPS = (
    Column(title="What happened"),
    Column(title="Arm"),
    Column(title="Times", number=True),
    Column(title="Cohorts", class_="text"),
    Column(title="For example", class_="text"),
)


def notes(candidate: CandidateReport, baseline: str, provenance: Json) -> list[Child]:
    """Return what else a reader of the verdict should know; what is long is folded."""
    servers = servers_say(provenance, baseline, candidate.variant.name)
    sound = candidate.verdict not in (Verdict.ERROR, Verdict.NOT_COMPARABLE)
    told = [
        *(text for text in facts(candidate) if not text.startswith(EASIER)),  # in the banner
        _once(candidate),
        f"Precision: {sentence(candidate.quantization_note)}"
        if candidate.quantization_note
        else "",
        servers,
        f"Evidence of the whole run that it got worse: {odds(candidate.log_evidence)}"
        if sound
        else "",
    ]
    found: list[Child] = [listed(filter(None, told), class_="notes")]
    also = also_measured(candidate)
    found.append(_fold("Measured without a budget, and not equal", also))
    found.append(_fold("Every metric, over all cases", every_reading(candidate)))
    found.append(_fold("Metrics that moved in single cohorts", in_cohorts(candidate)))
    return found


def _once(candidate: CandidateReport) -> str:
    """Name the critical cases whose loss further runs did not confirm."""
    names = [label(outcome.case) for outcome in candidate.outcomes if unconfirmed(outcome)]
    more = [f"{len(names) - CASES_NAMED:,} more"] if len(names) > CASES_NAMED else []
    return f"{UNCONFIRMED}: {', '.join([*names[:CASES_NAMED], *more])}" if names else ""


def _fold(title: str, lines: Sequence[str]) -> Markup | None:
    if not lines:
        return None
    return folded(f"{title} ({len(lines):,})", listed(lines, class_="notes"))


def mishaps(candidate: CandidateReport) -> Markup | None:
    """Return what happened where there is no evidence, each kind and arm once; None if nothing."""
    if not candidate.mishaps:
        return None
    groups: dict[tuple[str, str], list[Mishap]] = {}
    for mishap in candidate.mishaps:
        groups.setdefault((mishap.kind, mishap.role), []).append(mishap)
    most_first = sorted(groups.items(), key=lambda group: (-len(group[1]), group[0]))
    rows = (
        row(_MISHAPS, [label(kind), role, f"{len(found):,}", _places(found), _example(found)])
        for (kind, role), found in most_first
    )
    total = counted(len(candidate.mishaps), "check")
    return table(f"{total} of {label(candidate.variant.name)} without evidence", _MISHAPS, rows)


def _places(found: Sequence[Mishap]) -> str:
    names = sorted({mishap.cohort for mishap in found})
    more = len(names) - COHORTS_NAMED
    shown = ", ".join(label(name) for name in names[:COHORTS_NAMED])
    return f"{shown} and {more} more" if more > 0 else shown


def _example(found: Sequence[Mishap]) -> list[Child]:
    first = found[0]
    messages = len({mishap.message for mishap in found})
    more = f"; {counted(messages - 1, 'other message')} with the cases" if messages > 1 else ""
    place = f"{label(first.case)}, {sentence(str(first.source), 200)}{more}"
    return [sentence(first.message), tag("span", place, class_="small")]
