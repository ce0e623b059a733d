"""What each endpoint did, case by case, taken from a gate's report; any two can be paired. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

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
        return cls(arms, base, pairs, cases)

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


def both(first: dict[str, bool], second: dict[str, bool]) -> tuple[int, int]:
    """Count the cases that hold in one of two endpoints alone: in the first, in the second."""
    common: Iterable[str] = first.keys() & second.keys()
    only = [(first[case], second[case]) for case in common if first[case] != second[case]]
    return sum(ours for ours, _ in only), sum(theirs for _, theirs in only)
