"""Reports of several candidates, each from a job of its own, put together as if of one run; pure.

Nothing is judged again: a candidate's verdict does not depend on the others.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pytest_quantguard._plural import counted
from pytest_quantguard.errors import InputError
from pytest_quantguard.pairs import PairedOutcome
from pytest_quantguard.reporters._texts import Texts
from pytest_quantguard.reporters._words import label
from pytest_quantguard.types import Json
from pytest_quantguard.verdicts import GateReport

_ALIKE = {
    "golden_hash": "other golden cases",
    "budgets": "other budgets",
    "policies": "other policies",
    "whole": "another selection of the golden cases",
    "pytest_quantguard": "another version of pytest-quantguard",
}
"""What the provenance of all has to say alike, and what it is where it does not."""
_BY_NAME = ("requests", "judges", "served_as", "probes", "fingerprints")
_LISTS = ("notices", "remarks", "left_out")


@dataclass(frozen=True, slots=True, kw_only=True)
class OneReport:
    """One report, as it was read."""

    name: str
    """Of the file, for messages."""
    report: GateReport
    texts: Texts


def join(parts: Sequence[OneReport]) -> tuple[GateReport, Texts]:
    """Return one report of all candidates, in the order of the files.

    Raises:
        InputError: they are not about the same question: every problem, by file.
    """
    if problems := list(_disagreements(parts)):
        raise InputError(problems)
    candidates = tuple(c for part in parts for c in part.report.candidates)
    joined = GateReport(
        baseline=parts[0].report.baseline,
        candidates=candidates,
        provenance=_provenance(parts),
    )
    return joined, _texts([part.texts for part in parts])


def _disagreements(parts: Sequence[OneReport]) -> Iterator[str]:
    first = parts[0]
    for part in parts[1:]:
        if part.report.baseline != first.report.baseline:
            yield f"{part.name}: another baseline than in {first.name}"
        for key, what in _ALIKE.items():
            if part.report.provenance.get(key) != first.report.provenance.get(key):
                yield f"{part.name}: {what} than in {first.name}"
        if _commit(part) != _commit(first):
            yield f"{part.name}: of another commit than {first.name}"
    places: dict[str, str] = {}
    for part in parts:
        if "canary" in part.report.provenance:
            yield (
                f"{part.name}: is of mirrored traffic, which is counted and not kept; give all "
                "files to one run of pytest --quant-pairs"
            )
        if part.report.provenance.get("sequential"):
            yield f"{part.name}: a sequential run stops where its own candidates are decided"
        for candidate in part.report.candidates:
            name = candidate.variant.name
            if (other := places.setdefault(name, part.name)) != part.name:
                yield f"{part.name}: the candidate {label(name)} is in {other}, too"


def _commit(part: OneReport) -> Any:
    told = part.report.provenance.get("ci")
    return told.get("commit") if isinstance(told, dict) else None


def _provenance(parts: Sequence[OneReport]) -> Json:
    told = [part.report.provenance for part in parts]
    started = [one.get("started", 0.0) for one in told]
    ends = [begun + one.get("seconds", 0.0) for begun, one in zip(started, told, strict=True)]
    found: Json = {**told[0], **{key: _by_name(told, key) for key in _BY_NAME}}
    for key in _LISTS:
        found[key] = list(dict.fromkeys(text for one in told for text in one.get(key, ())))
    found["remarks"] += _unsteady(parts)
    return {
        **found,
        "run": _run_of(told),
        "started": min(started),
        "seconds": max(ends) - min(started),
        "joined": [
            {
                "run": one.get("run"),
                "started": begun,
                "candidates": [c.variant.name for c in part.report.candidates],
            }
            for part, one, begun in zip(parts, told, started, strict=True)
        ],
    }


def _run_of(told: Iterable[Json]) -> str:
    """Return an id that is the same whenever the same reports are joined."""
    runs = sorted(str(one.get("run")) for one in told)
    return hashlib.sha256("\n".join(runs).encode("utf-8", "backslashreplace")).hexdigest()[:32]


def _by_name(told: Iterable[Json], key: str) -> Json:
    """Put together what is told by variant or judge; numbers of one that several had add up."""
    whole: Json = {}
    for one in told:
        for name, found in one.get(key, {}).items():
            known = whole.get(name)
            if key in ("requests", "judges") and isinstance(known, dict):
                whole[name] = {**known, **found, **_sums(known, found)}
            else:
                whole.setdefault(name, found)
    return whole


def _sums(one: Json, other: Json) -> Json:
    counts = Counter({k: v for k, v in one.items() if type(v) in (int, float)})
    counts.update({k: v for k, v in other.items() if type(v) in (int, float)})
    return dict(counts)


def _unsteady(parts: Sequence[OneReport]) -> list[str]:
    """Say in how many checks the baseline, asked by each job, did not find the same."""
    seen: dict[tuple[str, str], set[float]] = {}
    for outcome in _outcomes(parts):
        seen.setdefault((outcome.case, outcome.check), set()).add(outcome.baseline.value)
    moved = sum(len(values) > 1 for values in seen.values())
    if not moved:
        return []
    return [
        f"the baseline was asked by each job, and its own answers differ in "
        f"{counted(moved, 'check')} of {len(seen)}: let the jobs share its cached answers"
    ]


def _outcomes(parts: Iterable[OneReport]) -> Iterator[PairedOutcome]:
    for part in parts:
        for candidate in part.report.candidates:
            yield from candidate.outcomes


def _texts(parts: Sequence[Texts]) -> Texts:
    def first(find: str, key: str) -> Any:
        found = (getattr(texts, find)(key) for texts in parts)
        return next((text for text in found if text is not None), None)

    return Texts(
        lambda key: first("completion", key),
        lambda key: first("request", key),
        sum(texts.left_out for texts in parts),
    )
