"""The cases of one candidate as its pages list them: each once, under what matters most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pytest_quantguard.pairs import Mishap, PairedOutcome
from pytest_quantguard.reporters._views import is_silent
from pytest_quantguard.verdicts import CandidateReport

Status = Literal["regressed", "no-evidence", "improved", "both-wrong", "held"]
STATUSES: tuple[Status, ...] = ("regressed", "no-evidence", "improved", "both-wrong", "held")
"""What matters most comes first; also the ids of the sections of a cohort's pages."""
WORDS = {
    "regressed": "regressed",
    "no-evidence": "without evidence",
    "improved": "improved",
    "both-wrong": "wrong in both",
    "held": "held in both",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One case with all its checks."""

    cohort: str
    case: str
    status: Status
    outcomes: tuple[PairedOutcome, ...]
    mishaps: tuple[Mishap, ...]

    @property
    def found(self) -> tuple[PairedOutcome | Mishap, ...]:
        """Everything that is known of it: at least one."""
        return (*self.outcomes, *self.mishaps)

    @property
    def judged(self) -> tuple[PairedOutcome, ...]:
        """Without those that only say that there was no answer."""
        return _judged(self.outcomes, self.mishaps)

    @property
    def critical(self) -> bool:
        """True when no budget excuses its loss."""
        return any(found.critical for found in self.found)

    @property
    def worst(self) -> float:
        """The largest loss among its checks, in [-1, 1]; 0 where there are none."""
        return max((outcome.difference for outcome in self.judged), default=0.0)


def entries(candidate: CandidateReport) -> dict[str, list[Entry]]:
    """Return each cohort's cases in the order of the report; those without any outcome last."""
    found: dict[tuple[str, str], tuple[list[PairedOutcome], list[Mishap]]] = {}
    for outcome in candidate.outcomes:
        found.setdefault((outcome.cohort, outcome.case), ([], []))[0].append(outcome)
    for mishap in candidate.mishaps:
        found.setdefault((mishap.cohort, mishap.case), ([], []))[1].append(mishap)
    cohorts: dict[str, list[Entry]] = {}
    for (cohort, case), (outcomes, mishaps) in found.items():
        entry = Entry(
            cohort=cohort,
            case=case,
            status=_status(outcomes, mishaps),
            outcomes=tuple(outcomes),
            mishaps=tuple(mishaps),
        )
        cohorts.setdefault(cohort, []).append(entry)
    return cohorts


def _judged(
    outcomes: Sequence[PairedOutcome], mishaps: Sequence[Mishap]
) -> tuple[PairedOutcome, ...]:
    silent = {mishap.check for mishap in mishaps if is_silent(mishap)}
    return tuple(outcome for outcome in outcomes if outcome.check not in silent)


def _status(outcomes: Sequence[PairedOutcome], mishaps: Sequence[Mishap]) -> Status:
    """A loss counts most, then what is not known; a case is improved if any check of it is."""
    if any(outcome.regressed for outcome in _judged(outcomes, mishaps)):
        return "regressed"
    if mishaps:
        return "no-evidence"
    if any(outcome.improved for outcome in outcomes):
        return "improved"
    return "held" if all(outcome.both_hold for outcome in outcomes) else "both-wrong"
