"""What each endpoint did, case by case, taken from a gate's report; any two can be paired. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import combinations

from pytest_quantguard.metrics._windows import why_apart
from pytest_quantguard.pairs import Measurement, PairedMeasurement, PairedOutcome
from pytest_quantguard.types import Outcome
from pytest_quantguard.verdicts import GateReport


@dataclass(frozen=True, slots=True)
class Arm:
    """One endpoint's evidence."""

    name: str
    outcomes: dict[tuple[str, str], Outcome] = field(default_factory=dict)
    """What was found, by case and check."""
    measured: dict[str, Measurement] = field(default_factory=dict)
    """What was measured, by case."""

    @property
    def holds(self) -> dict[str, bool]:
        """Whether each case holds: every check, in every repeat. No answer does not hold."""
        found: dict[str, bool] = {}
        for (case, _), outcome in self.outcomes.items():
            found[case] = found.get(case, True) and outcome.ok
        return found

    @property
    def answered(self) -> dict[str, bool]:
        """Whether each case got an answer."""
        return {case: one.answered for case, one in self.measured.items()}


@dataclass(frozen=True, slots=True)
class Evidence:
    """All endpoints, the reference first, and how any two of them compare."""

    arms: dict[str, Arm]
    reference: str
    pairs: dict[tuple[str, str], PairedOutcome]
    """One record of each case and check: where it stands in the golden set."""
    cases: dict[str, PairedMeasurement]
    """One record of each case."""
    exclusive: frozenset[str] = frozenset()
    """Endpoints that take turns: no two of them were asked at the same time."""
    same_run: bool = False
    """Whether times are judged all the same (``policies: {latency: same-run}``)."""

    @classmethod
    def of(cls, report: GateReport) -> Evidence:
        """Take a report apart: the reference is the baseline of all its candidates."""
        base = report.baseline.name
        arms = {name: Arm(name) for name in (base, *(c.variant.name for c in report.candidates))}
        pairs: dict[tuple[str, str], PairedOutcome] = {}
        cases: dict[str, PairedMeasurement] = {}
        for candidate in report.candidates:
            arm = arms[candidate.variant.name]
            for pair in candidate.outcomes:
                key = (pair.case, pair.check)
                pairs.setdefault(key, pair)
                arm.outcomes[key] = pair.candidate
                arms[base].outcomes.setdefault(key, pair.baseline)
            for one in candidate.measurements:
                cases.setdefault(one.case, one)
                arm.measured[one.case] = one.candidate
                arms[base].measured.setdefault(one.case, one.baseline)
        asked = (report.baseline, *(one.variant for one in report.candidates))
        turns = frozenset(one.name for one in asked if one.exclusive)
        rule = report.provenance.get("policies", {}).get("latency")
        return cls(arms, base, pairs, cases, turns, rule == "same-run")

    def outcomes(self, first: str, second: str) -> list[PairedOutcome]:
        """Return two endpoints' outcomes as a gate has them: ``second`` against ``first``."""
        ours, theirs = self.arms[first].outcomes, self.arms[second].outcomes
        return [
            replace(pair, variant=second, baseline=ours[key], candidate=theirs[key])
            for key, pair in self.pairs.items()
            if key in ours and key in theirs
        ]

    def measurements(self, first: str, second: str) -> list[PairedMeasurement]:
        """Return two endpoints' measurements as a gate has them."""
        ours, theirs = self.arms[first].measured, self.arms[second].measured
        return [
            replace(one, variant=second, baseline=ours[case], candidate=theirs[case])
            for case, one in self.cases.items()
            if case in ours and case in theirs
        ]

    def together(self, first: str, second: str) -> bool:
        """Tell whether two endpoints were asked at the same time, so that times tell them apart."""
        if self.same_run:
            return True
        turns = {first, second} <= self.exclusive
        return not why_apart(self.measurements(first, second), apart=turns)

    def apart(self) -> tuple[str, ...]:
        """Return the endpoints that were not asked at the same time as some other."""
        timed = [n for n, arm in self.arms.items() if any(map(_timed, arm.measured.values()))]
        pairs = [one for one in combinations(timed, 2) if not self.together(*one)]
        return tuple(name for name in self.arms if any(name in pair for pair in pairs))


def _timed(one: Measurement) -> bool:
    return one.live and one.answered


def both(first: dict[str, bool], second: dict[str, bool]) -> tuple[int, int]:
    """Count the cases that hold in one of two endpoints alone: in the first, in the second."""
    common: Iterable[str] = first.keys() & second.keys()
    only = [(first[case], second[case]) for case in common if first[case] != second[case]]
    return sum(ours for ours, _ in only), sum(theirs for _, theirs in only)
