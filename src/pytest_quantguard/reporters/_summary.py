"""The sentences below the table: what no budget's row says."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from pytest_quantguard._plural import counted
from pytest_quantguard.reporters._headline import EASIER
from pytest_quantguard.reporters._layers import layer_sentences
from pytest_quantguard.reporters._views import unanswered
from pytest_quantguard.reporters._words import (
    group_name,
    interval,
    label,
    levels,
    measured,
    measured_change,
    percent,
    points,
    sentence,
)
from pytest_quantguard.verdicts import BudgetVerdict, CandidateReport, Delta, Reading, Verdict

SHORT_NOTE = 45
"""Longest note of a metric, in characters, that stands in the list of what was also measured."""
DROPS_SHOWN = 3
"""Groups named in the early warning."""
_SURE = "reference"
"""The metric whose drop is the early warning."""
_TOLD = "divergence"
"""The metric that has no delta: its note is what it found."""
_COUNTED = re.compile("[1-9]")


def facts(candidate: CandidateReport) -> list[str]:
    """Return what a reader of the verdict should know, one clean line for each."""
    told = (_reading(candidate, _TOLD),)
    notes = sorted(candidate.notes, key=lambda note: not note.startswith(EASIER))
    found = [
        missing_answers(candidate),
        early_warning(candidate),
        *layer_sentences(candidate),
        *(sentence(note) for note in notes),
        *(f"Divergence: {sentence(r.note)}" for r in told if r and r.cases and not r.delta),
    ]
    return [text for text in found if text]


def missing_answers(candidate: CandidateReport) -> str:
    """Say between what bounds the loss could be, had all answers come; of the widest group."""
    rows = [(row, row.delta) for row in candidate.budgets if row.delta and row.metric is None]
    open_rows = [(r, d.best, d.worst) for r, d in rows if d.best is not None]
    if not open_rows:
        return ""
    row, best, worst = max(open_rows, key=lambda found: (_is_suite(found[0]), found[0].cases))
    if best is None or worst is None:
        return ""
    count = unanswered(row, candidate)
    requests = "1 request" if count == 1 else f"{count} requests"
    place = "" if _is_suite(row) else f" in {group_name(row)}"
    return (
        f"{requests}{place} had no answer: the loss could be between "
        f"{points(best, signed=True)} and {points(worst, signed=True)}"
    )


def _is_suite(row: BudgetVerdict) -> bool:
    return row.cohort is None and row.check is None and row.tag is None


# --- the early warning --------------------------------------------------------------------------


class _Drop(NamedTuple):
    """A fall of the probability of the right answer, in one group."""

    place: tuple[str | None, str | None]
    """Cohort and tag."""
    delta: Delta
    levels: tuple[float | None, float | None]


def early_warning(candidate: CandidateReport) -> str:
    """Say where the model is shown to be less sure of the right answer, whatever it answers."""
    drops = sorted(_drops(candidate), key=lambda d: (d.place != (None, None), -d.delta.value))
    if not drops:
        return ""
    more = len(drops) - DROPS_SHOWN
    parts = [_drop_words(drop) for drop in drops[:DROPS_SHOWN]]
    parts += [f"and in {more} more groups" if more > 1 else "and in 1 more group"][: max(0, more)]
    return (
        "Early warning: the model is less sure of the right answer: its probability fell "
        + "; ".join(parts)
    )


def _drops(candidate: CandidateReport) -> list[_Drop]:
    """Those of budgets first, then those that no budget asked about; each group once."""
    found: dict[tuple[str | None, str | None], _Drop] = {}
    for row in candidate.budgets:
        sound = row.metric == _SURE and row.verdict is not Verdict.ERROR
        if sound and row.delta and (row.verdict is Verdict.FAIL or row.delta.low > 0):
            place = (row.cohort, row.tag)
            found[place] = _Drop(place, row.delta, (row.baseline_rate, row.candidate_rate))
    reading = _reading(candidate, _SURE)
    if reading and reading.delta and candidate.verdict is not Verdict.ERROR:
        place = (reading.group.cohort, reading.group.tag)
        if reading.delta.low > 0 and place not in found:
            found[place] = _Drop(place, reading.delta, (reading.baseline, reading.candidate))
    return list(found.values())


def _drop_words(drop: _Drop) -> str:
    place = f"in {_place(*drop.place)} " if any(drop.place) else ""
    before, after = map(percent, drop.levels)
    fell = f", from {before} to {after}" if before and after else ""
    return f"{place}by {points(drop.delta.value)} {interval(drop.delta)}{fell}"


def _place(cohort: str | None, tag: str | None) -> str:
    return label((cohort or "") + (f"#{tag}" if tag else ""))


# --- what no budget asks about ------------------------------------------------------------------


def also_measured(candidate: CandidateReport) -> list[str]:
    """Return a few words for each metric without a budget, those shown to be worse first.

    Metrics that show nothing, and those on which the arms are exactly equal, are left out.
    """
    return [_few_words(reading, delta) for reading, delta in _unbudgeted(candidate)]


def measured_to_differ(candidate: CandidateReport) -> list[str]:
    """Return those of `also_measured` in which the candidate is shown to be worse, or better."""
    found = _unbudgeted(candidate)
    return [_few_words(reading, delta) for reading, delta in found if _rank(delta) < 2]


def _unbudgeted(candidate: CandidateReport) -> list[tuple[Reading, Delta]]:
    budgeted = {(row.cohort, row.tag, row.metric) for row in candidate.budgets}
    warned = bool(early_warning(candidate))
    kept = [
        (reading, reading.delta)
        for reading in candidate.readings
        if reading.group.cohort is None
        and (reading.group.cohort, reading.group.tag, reading.group.metric) not in budgeted
        and not (warned and reading.group.metric == _SURE)
    ]
    told = [(reading, delta) for reading, delta in kept if delta and not _equal(reading, delta)]
    return sorted(told, key=lambda found: _rank(found[1]))


def every_reading(candidate: CandidateReport) -> list[str]:
    """Return one line for each metric, with levels and note: over all cases."""
    return [_all_words(reading) for reading in candidate.readings if reading.group.cohort is None]


def in_cohorts(candidate: CandidateReport) -> list[str]:
    """Return one line for each cohort in which a metric is shown to be worse, or better."""
    found: dict[str, list[tuple[Reading, Delta]]] = {}
    for reading in candidate.readings:
        delta = reading.delta
        if reading.group.cohort is not None and delta and _rank(delta) < 2:
            found.setdefault(reading.group.cohort, []).append((reading, delta))
    return [
        f"{label(cohort)}: "
        + "; ".join(
            f"{label(reading.group.metric or 'all')} {measured_change(reading.group.metric, delta)}"
            for reading, delta in sorted(told, key=lambda one: _rank(one[1]))
        )
        for cohort, told in found.items()
    ]


def _neutral(delta: Delta) -> float:
    return 1.0 if delta.unit == "ratio" else 0.0


def _equal(reading: Reading, delta: Delta) -> bool:
    """Tell whether nothing differs, not even in two directions that make up for each other.

    What is shown to be equal to the last printed digit is equal.
    """
    same = delta.value == _neutral(delta) and reading.baseline == reading.candidate
    digit = 0.005 if delta.unit == "ratio" else 0.0005
    shown = all(abs(end - _neutral(delta)) < digit for end in (delta.low, delta.high))
    return (same or shown) and not _COUNTED.search(reading.note)


def _rank(delta: Delta) -> int:
    """Shown to be worse, shown to be better, neither."""
    return 0 if delta.low > _neutral(delta) else 1 if delta.high < _neutral(delta) else 2


def _few_words(reading: Reading, delta: Delta) -> str:
    note = f" ({sentence(reading.note)})" if 0 < len(reading.note) <= SHORT_NOTE else ""
    return f"{_name(reading)} {measured_change(reading.group.metric, delta)}{note}"


def _all_words(reading: Reading) -> str:
    group, delta = reading.group, reading.delta
    both = levels(group.metric, reading.unit, reading.baseline, reading.candidate)
    parts = (measured(group.metric, delta, both), f"{counted(reading.cases, 'case')}")
    text = f"{_name(reading)}: {', '.join(part for part in parts if part)}"
    return f"{text}; {sentence(reading.note)}" if reading.note else text


def _name(reading: Reading) -> str:
    group = reading.group
    place = f" in {_place(group.cohort, group.tag)}" if group.cohort or group.tag else ""
    return f"{label(group.metric or 'all')}{place}"


def _reading(candidate: CandidateReport, metric: str) -> Reading | None:
    mine = (r for r in candidate.readings if r.group.metric == metric and r.group.cohort is None)
    return next(mine, None)


# --- what the servers say -----------------------------------------------------------------------


def servers_say(provenance: Mapping[str, Any], baseline: str, candidate: str) -> str:
    """Say what both servers report about memory, context and cache; empty where they do not."""
    told = provenance.get("served_as")
    if not isinstance(told, Mapping):
        return ""
    ours, theirs = (told.get(name) for name in (baseline, candidate))
    if not (isinstance(ours, Mapping) and isinstance(theirs, Mapping)):
        return ""
    parts = []
    for word, key, shown in (
        ("quantization", "quantization", _text),
        ("memory", "memory_bytes", _memory),
        ("KV cache", "kv_cache", _text),
        ("context", "context", _tokens),
    ):
        before, after = shown(ours.get(key)), shown(theirs.get(key))
        if before == after:
            parts += [f"{word} {before}"] if before else []
        else:
            parts.append(f"{word} {before or 'not told'} -> {after or 'not told'}")
    return f"Servers: {', '.join(parts)}, as they say themselves" if parts else ""


def _text(value: Any) -> str:
    return sentence(value, 60) if isinstance(value, str) else ""


def _memory(value: Any) -> str:
    if type(value) is not int or not 0 < value < 2**60:
        return ""
    return f"{value / 2**30:.1f} GiB" if value >= 2**30 / 10 else f"{value / 2**20:.1f} MiB"


def _tokens(value: Any) -> str:
    return f"{value} tokens" if type(value) is int and 0 < value < 2**40 else ""


# --- the run ------------------------------------------------------------------------------------


def sequential(provenance: Mapping[str, Any]) -> str:
    """Say how far a run went that stops as soon as it is decided; empty for any other run."""
    found = provenance.get("sequential")
    keys = ("look", "looks", "cases", "cases_planned", "requests_saved", "requests_planned")
    if not isinstance(found, Mapping):
        return ""
    numbers = [found.get(key) for key in keys]
    if not all(isinstance(n, int | float) and math.isfinite(n) for n in numbers):
        return ""
    look, looks, cases, planned, saved, requests = map(_whole, numbers)
    if found.get("stopped_early"):
        return (
            f"Sequential: stopped at look {look} of {looks}: {cases} of {planned} cases were "
            f"asked, {saved} of {requests} requests were not needed"
        )
    if look == looks:
        return f"Sequential: all {looks} looks were needed"
    return f"Sequential: ended at look {look} of {looks}, with {cases} of {planned} cases"


def _whole(number: Any) -> str:
    return f"{number:.0f}"
