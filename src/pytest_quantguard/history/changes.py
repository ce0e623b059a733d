"""What changed from one run of a candidate to the next, and what nobody has explained; pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, NamedTuple

from pytest_quantguard.history.differences import (
    Difference,
    Kind,
    Point,
    differences,
    looser_than,
    of_candidate,
    reason_by,
)
from pytest_quantguard.history.records import Arm, KeptRun
from pytest_quantguard.reporters._words import group_name
from pytest_quantguard.verdicts import BudgetVerdict, Group, Verdict

NO_REASON = "no reason given"
_SHOWN = 4
"""Budgets that one entry names; the others are counted."""
_ID_DIGITS = 8


@dataclass(frozen=True, slots=True)
class Past:
    """All runs, the oldest first."""

    runs: Sequence[KeptRun]
    lines: Mapping[Series, Sequence[Point]]
    """The same, series by series."""


class Series(NamedTuple):
    """What is drawn as one line: a candidate against a baseline, by one configuration file."""

    candidate: str
    baseline: str
    config: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """An entry of the history: something that a verdict depends on is not what it was."""

    id: str
    """Hexadecimal; the same whenever the history is read."""
    run: str
    at: float
    """When the first run began that was judged so, in seconds since the epoch."""
    kind: Kind
    text: str
    """A sentence without its end: ``budget loosened from 2 pt to 5 pt: faq / all``."""
    reason: str
    """In the words of the configuration, or of a note; empty where nobody gave one."""
    looser: bool
    """True when runs can be green because of it that were not before: it needs a reason."""
    groups: tuple[Group, ...] = ()
    """The budgets that changed; empty where it is about all of them."""
    candidate: str = ""
    """The one that it is about; empty where it is about the run."""
    course: tuple[str, str] = ("", "")
    """As `KeptRun.course`: it is about no other runs."""


def changes(past: Past, notes: Mapping[str, str]) -> list[Change]:
    """Return the entries of all runs, the oldest first.

    A run is compared with the one before it of the same configuration file, whichever candidates
    they had: budgets, policies, baseline and golden cases belong to the run. Runs whose baseline
    was given by hand are compared among themselves. Only a candidate is compared with itself.

    Args:
        past: the runs; those of a part of the cases are passed over.
        notes: reasons that were given later, by the id of their entry.
    """
    found: list[Change] = []
    for course in _courses(past.runs):
        pairs = [*_pairs(course)]
        for i, (before, now) in enumerate(pairs):
            found_here = differences(before, now)
            if any(one.looser and not one.reason for one in found_here):
                later = [run for _, run in pairs[i + 1 :]]
                found_here = [_with_later_reason(one, now, later) for one in found_here]
            found += _entries(found_here, now, notes)
    for series, line in past.lines.items():
        points = [point for point in line if _tells(point.run)]
        for one, other in pairwise(points):
            found += _entries([*of_candidate(one, other)], other.run, notes, series.candidate)
    return sorted(found, key=lambda change: change.at)


def course_of(past: Past, run: KeptRun) -> Past:
    """Return the runs that one is compared with, itself included."""
    return replace(past, runs=[one for one in past.runs if one.course == run.course])


def _courses(runs: Sequence[KeptRun]) -> list[list[KeptRun]]:
    found: dict[tuple[str, str], list[KeptRun]] = {}
    for run in runs:
        found.setdefault(run.course, []).append(run)
    return [*found.values()]


def unexplained(past: Past, notes: Mapping[str, str]) -> list[Change]:
    """Return what made the gate easier to pass, is still so, and has no reason.

    ``past`` is of one course, see `course_of`.

    It is told until there is a reason, or until it is undone: a second run on the same commit is
    not the first to be judged so, and its reader should know all the same.
    """
    standing: dict[str, tuple[KeptRun, Difference]] = {}
    for before, now in _pairs(past.runs):
        for found in differences(before, now):
            if found.looser:
                first = standing.get(found.key)
                old = first[1].old if first is not None else found.old
                standing[found.key] = (now, replace(found, old=old))
        standing = {
            key: (run, found)
            for key, (run, found) in standing.items()
            if looser_than(found, now) and not reason_by(found, now)
        }
    by_run: dict[str, tuple[KeptRun, list[Difference]]] = {}
    for run, found in standing.values():
        by_run.setdefault(run.id, (run, []))[1].append(found)
    told = [one for run, found in by_run.values() for one in _entries(found, run, notes)]
    return [one for one in told if not one.reason]


def sentence_of(change: Change) -> str:
    """Say an entry with its reason: ``... faq / all; reason: the judge is noisy``."""
    if change.reason:
        return f"{change.text}; reason: {change.reason}"
    return f"{change.text}; {NO_REASON}" if change.looser else change.text


def _pairs(runs: Sequence[KeptRun]) -> Iterator[tuple[KeptRun, KeptRun]]:
    """Pair each whole run with the one before; what was known of a server is not forgotten."""
    before: KeptRun | None = None
    for now in filter(_tells, runs):
        if before is not None:
            yield before, now
        before = now if before is None else _remembering(before, now)


def _tells(run: KeptRun) -> bool:
    """Tell whether a run can be compared: it is whole, and came as far as having budgets."""
    return run.whole and bool(run.rules.budgets)


def _remembering(before: KeptRun, now: KeptRun) -> KeptRun:
    """Fill in what only the earlier run was told."""
    baseline = _filled(before.baseline, now.baseline)
    rules = now.rules
    if not rules.policies and before.rules.policies:
        rules = replace(rules, policies=before.rules.policies)
    if baseline is now.baseline and rules is now.rules:
        return now
    return replace(now, baseline=baseline, rules=rules)


def _filled(old: Arm, new: Arm) -> Arm:
    if old.digest != new.digest:
        return new
    served, seen = {**old.served, **new.served}, new.fingerprints or old.fingerprints
    if served == new.served and seen == new.fingerprints:
        return new
    return replace(new, served=served, fingerprints=seen)


def _with_later_reason(found: Difference, now: KeptRun, later: Sequence[KeptRun]) -> Difference:
    """Take the reason from a later configuration, where it came after the change."""
    if not found.looser or found.reason:
        return found
    for run in later:
        if run.rules is now.rules and run.baseline is now.baseline:
            continue
        if not looser_than(found, run):
            break
        if reason := reason_by(found, run):
            return replace(found, later=reason)
        now = run
    return found


# --- entries ------------------------------------------------------------------------------


def _entries(
    found: Sequence[Difference], run: KeptRun, notes: Mapping[str, str], candidate: str = ""
) -> Iterator[Change]:
    """Make entries, about one ``candidate`` if named; budgets that changed alike share one."""
    alike: dict[tuple[str, str, str], list[Difference]] = {}
    for one in found:
        alike.setdefault((one.kind, one.text, one.reason), []).append(one)
    for (kind, text, reason), several in alike.items():
        id_ = _digest([run.id, kind, text, reason, candidate])
        groups = tuple(one.group for one in several if one.group is not None)
        yield Change(
            id=id_,
            run=run.id,
            at=run.at,
            kind=several[0].kind,
            text=_naming(text, groups),
            reason=reason or notes.get(id_, "") or several[0].later,
            looser=several[0].looser,
            groups=groups,
            candidate=candidate,
            course=run.course,
        )


def _naming(text: str, groups: Sequence[Group]) -> str:
    if not groups:
        return text
    names = [name_of(group) for group in groups[:_SHOWN]]
    more = len(groups) - _SHOWN
    tail = f" and {more} more" if more > 0 else ""
    return f"{text}: {', '.join(names)}{tail}"


def name_of(group: Group) -> str:
    """Return ``cohort / check``, as all reports name a budget."""
    row = BudgetVerdict(max_drop=None, verdict=Verdict.PASS, reason="", **group._asdict())
    return group_name(row)


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:_ID_DIGITS]
