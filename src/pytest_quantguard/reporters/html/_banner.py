"""What a reader sees first: the verdict, the reason in one sentence, and what to do."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from pytest_quantguard.reporters._headline import EASIER, eased, headline, reason_of
from pytest_quantguard.reporters._routing import Rollout
from pytest_quantguard.reporters._views import compared
from pytest_quantguard.reporters._words import NO_CANDIDATE, duration, label, sentence
from pytest_quantguard.reporters.html._cohorts import read_first
from pytest_quantguard.reporters.html._markup import Child, Markup, join, tag
from pytest_quantguard.reporters.html._pieces import badge, counted, listed, verdict_class
from pytest_quantguard.types import Json
from pytest_quantguard.verdicts import GateReport


def banner(report: GateReport, found: Rollout) -> Markup:
    """Return the head of the index."""
    only = report.candidates[0] if len(report.candidates) == 1 else None
    reason = tag("p", reason_of(only), class_="reason") if only else _each(report)
    advice = found.sentence if report.candidates else ""
    todo = tag("p", tag("b", "What to do: "), sentence(advice), class_="todo") if advice else None
    return tag(
        "section",
        tag("p", badge(report.verdict), class_="verdict"),
        tag("h1", headline(report)),
        reason,
        todo,
        _eased(report),
        read_first(0, only) if only else None,
        tag("p", scope(report), class_="muted"),
        class_=f"banner {verdict_class(report.verdict)}",
    )


def _eased(report: GateReport) -> list[Markup]:
    """Say why this run passes more easily than those before it."""
    told = (sentence(note.removeprefix(EASIER)) for note in eased(report))
    return [tag("p", tag("b", EASIER), text, class_="todo eased") for text in told]


def _each(report: GateReport) -> Markup | None:
    """Return one line for each candidate, with a link to what was found about it."""
    if not report.candidates:
        return tag("p", f"Error: {NO_CANDIDATE}.", class_="reason")
    items: list[Child] = [
        [
            badge(candidate.verdict),
            " ",
            tag("a", label(candidate.variant.name), href=f"#candidate-{number}"),
            tag("span", reason_of(candidate), class_="small"),
            read_first(number, candidate),
        ]
        for number, candidate in enumerate(report.candidates)
    ]
    return listed(items, class_="candidates")


def scope(report: GateReport) -> Markup:
    """Say what was asked, when, and how long it took."""
    cases = {(o.cohort, o.case) for c in report.candidates for o in c.outcomes}
    cases |= {(m.cohort, m.case) for c in report.candidates for m in c.mishaps}
    cohorts = {cohort for cohort, _ in cases}
    sums = [compared(c) for c in report.candidates if c.counted is not None]
    if sums:
        cohorts |= set().union(*(names for _, names in sums))
    size = max([len(cases), *(found for found, _ in sums)])
    parts = [f"{counted(size, 'case')} in {counted(len(cohorts), 'cohort')}"]
    parts += _when(report.provenance)
    return join(tag("span", part) for part in parts)


def _when(provenance: Json) -> list[str]:
    started, seconds = (_number(provenance.get(key)) for key in ("started", "seconds"))
    found = []
    if 0 < started < 1e11:
        found.append(f"{datetime.fromtimestamp(started, UTC):%Y-%m-%d %H:%M} UTC")
    if 0 <= seconds < 1e8:
        found.append(duration(seconds))
    return found


def _number(value: Any) -> float:
    return float(value) if type(value) in (int, float) else -1.0
