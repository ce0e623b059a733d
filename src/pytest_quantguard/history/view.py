"""What is shown of the history: the runs that were asked for, and what changed in between."""

from __future__ import annotations

import math
import sqlite3
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from pytest_quantguard.errors import InputError, did_you_mean
from pytest_quantguard.history import keeping
from pytest_quantguard.history.changes import Change, Series, changes
from pytest_quantguard.history.differences import Point
from pytest_quantguard.history.keeping import Spot
from pytest_quantguard.reporters._words import label
from pytest_quantguard.verdicts import Group

_COMMIT = 10
"""Characters of a commit that are shown."""


EVERY = Group()
"""Takes every budget."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which part of the history is asked for."""

    group: Group = EVERY
    candidate: str | None = None
    last: int = 20
    """Runs of each candidate, the newest ones."""
    since: float = 0.0
    """No run that began before, in seconds since the epoch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One series of the history: a candidate against a baseline, by one configuration file."""

    candidate: str
    baseline: str
    config: str = ""
    """Name of the file, where the history has runs of several; else empty."""
    points: tuple[Point, ...]
    """The runs, the oldest first."""
    older: int
    """Runs before these that are not shown."""
    changes: tuple[Change, ...]
    """What changed from run to run; of the oldest one, since the last that is not shown."""
    since_last: Mapping[str, Sequence[Change]]
    """The same by run: each change stands with the first run of this candidate that it is of."""
    spots: Mapping[Group, Sequence[Spot]]
    """What was found of each budget, the oldest first; those of a part of the cases too."""

    @property
    def parts(self) -> int:
        """How many runs asked a part of the cases alone: they stand in no picture."""
        return sum(not point.run.whole for point in self.points)

    def whole(self, group: Group) -> list[Spot]:
        """Return what the runs over all golden cases found of a budget."""
        part = {point.run.id for point in self.points if not point.run.whole}
        return [spot for spot in self.spots[group] if spot.run not in part]

    def before(self, run: str, group: Group | None = None) -> list[Change]:
        """Return what changed up to a run, since the one before it that is shown.

        Entries of other budgets than the given one are left out.
        """
        found = self.since_last.get(run, ())
        return [c for c in found if group is None or not c.groups or group in c.groups]


def views(connection: sqlite3.Connection, wanted: Wanted) -> list[View]:
    """Return what is asked for, series by series.

    Raises:
        InputError: no candidate, cohort, check or metric has the name that was asked for.
    """
    past = keeping.past(connection)
    lines = past.lines
    names = {series.candidate: None for series in lines}
    if wanted.candidate is not None and wanted.candidate not in names:
        raise InputError(
            f"no run has a candidate {wanted.candidate!r:.100}; "
            + did_you_mean(wanted.candidate[:80], names)
        )
    found = changes(past, keeping.notes(connection))
    entries = [change for change in found if _about(change, wanted)]
    chosen = [one for one in lines if wanted.candidate in (None, one.candidate)]
    several = len({series.config for series in lines}) > 1
    parts = [_view(connection, one, lines[one], entries, wanted) for one in chosen]
    shown = [view if several else replace(view, config="") for view in parts if view is not None]
    if shown and any(wanted.group) and not any(view.spots for view in shown):
        raise InputError(_unknown(connection, wanted.group))
    return shown


def _view(
    connection: sqlite3.Connection,
    series: Series,
    line: Sequence[Point],
    entries: Sequence[Change],
    wanted: Wanted,
) -> View | None:
    points = [point for point in line if point.run.at >= wanted.since][-wanted.last :]
    if not points:
        return None
    runs = {point.run.id for point in points}
    older = len(line) - len(points)
    last = line[older - 1].run.at if older else math.nextafter(points[0].run.at, -math.inf)
    courses = {point.run.course for point in line}
    mine = [c for c in entries if c.candidate in ("", series.candidate) and c.course in courses]
    since_last: dict[str, list[Change]] = {}
    for point in points:
        since_last[point.run.id] = [c for c in mine if last < c.at <= point.run.at]
        last = max(last, point.run.at)
    spots = keeping.spots(connection, series.candidate, runs, points[0].run.at, wanted.group)
    return View(
        candidate=series.candidate,
        baseline=series.baseline,
        config=series.config,
        points=tuple(points),
        older=older,
        changes=tuple(change for found in since_last.values() for change in found),
        since_last=since_last,
        spots={group: spots[group] for group in sorted(spots, key=_order)},
    )


def _about(change: Change, wanted: Wanted) -> bool:
    """Tell whether an entry is about a budget that was asked for, or about all of them."""
    return not change.groups or any(_within(group, wanted.group) for group in change.groups)


def _within(group: Group, wanted: Group) -> bool:
    return all(name in (None, has) for name, has in zip(wanted, group, strict=True))


def _order(group: Group) -> tuple[str, ...]:
    """Quality before metrics, wide before narrow."""
    return tuple(name or "" for name in (group.metric, group.tag, group.cohort, group.check))


def _unknown(connection: sqlite3.Connection, group: Group) -> str:
    """Say which of the names no budget of these runs has."""
    for kind, name in group._asdict().items():
        if name is None:
            continue
        column = "chek" if kind == "check" else kind
        rows = connection.execute("SELECT cohort, chek, tag, metric FROM subject").fetchall()
        place = ("cohort", "chek", "tag", "metric").index(column)
        known = {str(row[place]) for row in rows} - {""}
        if name not in known:
            return f"no budget has the {kind} {name!r:.100}; {did_you_mean(name[:80], known)}"
    return "no budget of these runs has all of these names"


# --- what text and pictures share ---------------------------------------------------------


def when(at: float) -> str:
    """Return a time as people read it: ``2026-11-21 09:30``, UTC."""
    return time.strftime("%Y-%m-%d %H:%M", time.gmtime(at))


def title_of(view: View) -> str:
    """Return who is judged against whom, and by which file where that is not clear."""
    said = f"{label(view.candidate)} against {label(view.baseline)}"
    return f"{said} by {label(view.config)}" if view.config else said


def place_of(point: Point) -> str:
    """Return commit and branch, as far as CI has told them."""
    ci = point.run.facts.get("ci")
    told = ci if isinstance(ci, dict) else {}
    commit, ref = (str(told.get(key) or "") for key in ("commit", "ref"))
    branch = ref.removeprefix("refs/heads/").removeprefix("refs/")
    return label(" ".join(filter(None, (commit[:_COMMIT], branch)))) if commit or branch else ""


def scale(spots: Sequence[Spot]) -> tuple[float, float]:
    """Return the ends of a picture of these deltas: no change and the budget are always inside."""
    neutral = 1.0 if any(spot.max_ratio is not None for spot in spots) else 0.0
    values = [neutral]
    for spot in spots:
        values += [v for v in (spot.value, spot.limit) if v is not None and math.isfinite(v)]
    low, high = min(values), max(values)
    return (low, high) if high > low else (low, low + 1e-9)
