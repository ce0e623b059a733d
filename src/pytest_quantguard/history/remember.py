"""The end of a run: its verdict is remembered, and whoever reads it learns what changed.

Nothing here can change a verdict, or keep it from being told: what goes wrong is a notice.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from pytest_quantguard._sanitize import one_line
from pytest_quantguard.history import keeping
from pytest_quantguard.history.changes import Past, changes, course_of, sentence_of, unexplained
from pytest_quantguard.history.records import KeptRun, of_report
from pytest_quantguard.history.store import opened
from pytest_quantguard.history.view import when
from pytest_quantguard.reporters._headline import EASIER
from pytest_quantguard.verdicts import GateReport

_BEHIND_S = 86400.0
"""Seconds that the newest run may be ahead: runs overlap, and shards are merged later."""
_NOTES = 5
"""Entries that the notes of one candidate tell; the others are counted."""


def remember(report: GateReport, path: Path) -> tuple[GateReport, str]:
    """Add a run to the history; return the report with notes on what changed, and a notice.

    The notice is empty where all went well. Otherwise the run is not remembered, or not as the
    newest, and the notice says why.
    """
    try:
        run = of_report(report)
        with opened(path, write=True) as connection:
            keeping.add(connection, run)
            notice = _behind(run, keeping.newest(connection))
            said = _told(run, keeping.past_until(connection, run.at), keeping.notes(connection))
    except Exception as error:  # a verdict is worth more than its history
        why = one_line(str(error), 300) or type(error).__name__
        return report, f"this run is not in the history: {why}"
    candidates = [
        replace(candidate, notes=(*candidate.notes, *said)) for candidate in report.candidates
    ]
    return replace(report, candidates=tuple(candidates)), notice


def _behind(run: KeptRun, newest: float) -> str:
    """Say that a run is not the newest one: what it loosened may stand before an older run."""
    if newest - run.at <= _BEHIND_S:
        return ""
    return (
        f"the history has a run of {when(newest)}, after this one: is a clock wrong? What changed "
        "is told against the runs before this one"
    )


def _told(run: KeptRun, past: Past, notes: dict[str, str]) -> list[str]:
    """Say what makes this run easier to pass than those before it."""
    if not run.whole or not any(one.id == run.id for one in past.runs):
        return []
    past = course_of(past, run)
    new = [one for one in changes(past, notes) if one.run == run.id and one.looser and one.reason]
    told = {one.id: sentence_of(one) for one in (*unexplained(past, notes), *new)}
    said = [f"{EASIER}{text} (entry {id_})" for id_, text in told.items()]
    return _few(said)


def _few(said: Collection[str]) -> list[str]:
    shown = [*said][:_NOTES]
    more = len(said) - len(shown)
    return (
        [*shown, f"{EASIER}{more} more such changes, see 'quantguard history'"]
        if more > 0
        else shown
    )
