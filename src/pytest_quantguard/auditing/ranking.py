"""Ranks that evidence can carry: a range for each endpoint, as far as paired tests tell. Pure.

Ranks are sets, as in Mogstad, Romano, Shaikh and Wilhelm (2024), "Inference for ranks": of two
endpoints that no test tells apart none is put before the other, also where a third is told apart
from only one of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import permutations
from typing import NamedTuple

from pytest_quantguard import stats
from pytest_quantguard.auditing.arms import Evidence
from pytest_quantguard.auditing.measures import MEASURES, Level, Measure
from pytest_quantguard.verdicts import WORST_FIRST, CandidateReport, GateReport, Verdict

ALPHA = 0.05
"""Chance, for each measure, that any endpoint's true rank is outside of its range."""


class Rank(NamedTuple):
    """The ranks that an endpoint may have, from 1; the same twice where its place is known."""

    best: int
    """One more than there are endpoints shown to be better."""
    worst: int
    """As many as there are endpoints, less those shown to be worse."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CohortVerdict:
    """The worst verdict of an endpoint's budgets on one cohort."""

    cohort: str
    verdict: Verdict
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One endpoint in the ranking."""

    name: str
    quantization: str
    """As the configuration has it."""
    note: str
    """What the server itself says about its precision."""
    verdict: Verdict | None
    """Against the reference; None = it is the reference."""
    reason: str
    """Of the worst budget, or of what kept it from being judged."""
    cohorts: tuple[CohortVerdict, ...]
    levels: Mapping[str, Level]
    """By the key of each measure."""
    ranks: Mapping[str, Rank | None]
    """By the key of each measure; None where nothing is known."""
    beaten_by: tuple[str, ...]
    """Endpoints shown to be better in one measure, and shown to be worse in none."""
    memory_bytes: int | None = None
    """Memory that the model takes, in bytes, where the server tells."""
    file_bytes: int | None = None
    """Size of the model's file, in bytes, where it is one of this machine."""

    @property
    def rank(self) -> Rank | None:
        """The rank by cases that hold."""
        return self.ranks[MEASURES[0].key]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """The answer of an audit."""

    reference: str
    verdict: Verdict
    """The worst of all endpoints'."""
    cases: int
    standings: tuple[Standing, ...]
    """Best ranks first; those that have the same by their level."""
    apart: tuple[str, ...] = field(default=())
    """Endpoints that were not asked at the same time as others: no times of theirs are ranked."""
    remarks: tuple[str, ...] = field(default=())


def ranking(report: GateReport, files: Mapping[str, int] | None = None) -> Ranking:
    """Rank what a gate's report compared; ``files`` are sizes of models' files, in bytes."""
    evidence = Evidence.of(report)
    apart = {one.key: _worse(evidence, one) for one in MEASURES}
    levels = {n: {one.key: one.level(evidence, n) for one in MEASURES} for n in evidence.arms}
    served = report.provenance.get("served_as", {})
    candidates = {one.variant.name: one for one in report.candidates}
    standings = [
        Standing(
            name=name,
            quantization=str(
                (candidates[name].variant if name in candidates else report.baseline).quantization
            ),
            note=candidates[name].quantization_note if name in candidates else "",
            verdict=candidates[name].verdict if name in candidates else None,
            reason=_reason(candidates.get(name)),
            cohorts=_cohorts(candidates.get(name)),
            levels=levels[name],
            ranks={one.key: _rank(name, one.key, levels, apart) for one in MEASURES},
            beaten_by=_beaten_by(name, list(evidence.arms), apart),
            memory_bytes=served.get(name, {}).get("memory_bytes"),
            file_bytes=(files or {}).get(name),
        )
        for name in evidence.arms
    ]
    return Ranking(
        reference=evidence.reference,
        verdict=report.verdict,
        cases=int(report.provenance.get("cases", 0)),
        apart=evidence.apart(),
        standings=tuple(sorted(standings, key=_order)),
        remarks=tuple(report.provenance.get("remarks", ())),
    )


_Apart = Mapping[str, frozenset[tuple[str, str]]]
"""By measure: which endpoints are shown to be worse than which others, as (better, worse)."""


def _worse(evidence: Evidence, measure: Measure) -> frozenset[tuple[str, str]]:
    """Return which pairs a measure tells apart, all of them together wrong with 5 % at most."""
    found = {pair: measure.worse_p(evidence, *pair) for pair in permutations(evidence.arms, 2)}
    return stats.holm(found, ALPHA) if found else frozenset()


def _rank(
    name: str, key: str, levels: Mapping[str, Mapping[str, Level]], apart: _Apart
) -> Rank | None:
    """Return which ranks are left among those of whom something is known."""
    known = [one for one, found in levels.items() if found[key].value is not None]
    if name not in known:
        return None
    better = sum((one, name) in apart[key] for one in known)
    worse = sum((name, one) in apart[key] for one in known)
    return Rank(1 + better, len(known) - worse)


def _beaten_by(name: str, names: list[str], apart: _Apart) -> tuple[str, ...]:
    """Return who is better in something and worse in nothing: choosing ``name`` costs, for sure."""

    def beats(other: str) -> bool:
        better = any((other, name) in pairs for pairs in apart.values())
        return better and not any((name, other) in pairs for pairs in apart.values())

    return tuple(other for other in names if other != name and beats(other))


def _order(one: Standing) -> tuple[bool, Rank, float, str]:
    level = one.levels[MEASURES[0].key].value
    return (one.rank is None, one.rank or Rank(0, 0), -(level or 0.0), one.name)


def _reason(candidate: CandidateReport | None) -> str:
    if candidate is None:
        return ""
    rows = [row for row in candidate.budgets if row.verdict is candidate.verdict]
    if rows:
        return rows[0].reason
    return candidate.notes[0] if candidate.notes else ""


def _cohorts(candidate: CandidateReport | None) -> tuple[CohortVerdict, ...]:
    found: dict[str, CohortVerdict] = {}
    for row in candidate.budgets if candidate is not None else ():
        if row.cohort is None:
            continue
        one = CohortVerdict(cohort=row.cohort, verdict=row.verdict, reason=row.reason)
        held = found.setdefault(row.cohort, one)
        if WORST_FIRST.index(row.verdict) < WORST_FIRST.index(held.verdict):
            found[row.cohort] = one
    return tuple(found.values())
