"""The records of a comparison; differences are positive where the later candidate is worse."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pytest_quantguard._decide import ALPHA_FAIL
from pytest_quantguard.pairs import PairedOutcome
from pytest_quantguard.verdicts import (
    WORST_FIRST,
    BudgetVerdict,
    CandidateReport,
    Delta,
    GateReport,
    Group,
    Verdict,
)

Answer = Literal["worse", "better", "not shown to be worse", "cannot be said"]
NEEDED = math.log(1 / ALPHA_FAIL)
"""Natural logarithm of the odds from which a loss is taken as shown: 100 : 1, as for a FAIL."""
_UNSOUND = (Verdict.ERROR, Verdict.NOT_COMPARABLE)


Shared = Sequence[tuple[PairedOutcome, PairedOutcome]]
"""What both runs judged, the earlier one first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One candidate of one report."""

    name: str
    """What the user called the file."""
    report: GateReport
    candidate: CandidateReport

    @property
    def sound(self) -> bool:
        """True when the run's evidence can be trusted."""
        return self.candidate.verdict not in _UNSOUND

    def is_of_one_run_with(self, other: Side) -> bool:
        """Tell whether both are one candidate of one run: such a comparison shows nothing."""
        mine, its = (one.report.provenance.get("run") for one in (self, other))
        return bool(mine) and mine == its and self.variant == other.variant

    @property
    def variant(self) -> str:
        """The candidate's name."""
        return self.candidate.variant.name

    def rows(self) -> dict[Group, BudgetVerdict]:
        """Return the budgets, and of the other rows those that did not pass."""
        return {
            group_of(row): row
            for row in self.candidate.budgets
            if limited(row) or row.verdict is not Verdict.PASS
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class RowChange:
    """What became of one budget."""

    group: Group
    then: BudgetVerdict | None
    """None = there was no such budget."""
    now: BudgetVerdict | None
    by_then: Verdict | None = None
    """Verdict of the later answers by the earlier budget, where the budget changed or is gone;
    None elsewhere, and for budgets on metrics."""

    @property
    def worse(self) -> bool:
        """True when the verdict got worse, by its own budget or by the one of before."""
        if self.then is None:
            return False
        later = (v for v in self._later if v not in _UNSOUND)  # no evidence is no loss
        return any(rank(verdict) < rank(self.then.verdict) for verdict in later)

    @property
    def lost(self) -> bool:
        """True when it got worse, and a loss is shown: not for want of cases."""
        return self.worse and Verdict.FAIL in self._later

    @property
    def _later(self) -> tuple[Verdict, ...]:
        found = (self.now.verdict if self.now else None, self.by_then)
        return tuple(verdict for verdict in found if verdict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseChange:
    """A case and check whose outcome against the baseline is another one."""

    then: PairedOutcome
    now: PairedOutcome

    @property
    def baseline_moved(self) -> bool:
        """True when it is the baseline that changed, and the candidate did not."""
        return self.then.candidate.value == self.now.candidate.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Direct:
    """The later candidate against the earlier one, on the cases that both runs judged."""

    cases: int
    checks: int
    worse: int
    """Checks that hold less than before."""
    better: int
    delta: Delta
    """Over all shared cases; positive = the later candidate is worse."""
    log_evidence: float
    """Natural logarithm of the family's e-value that something got worse."""
    log_better: float
    """The same, that something got better."""
    groups: Mapping[Group, tuple[Delta, float]]
    """Budget on checks -> delta, and logarithm of the evidence of this group alone."""
    said: str
    """How much differs, in a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """All that can be said of two candidates of two runs."""

    then: Side
    now: Side
    rows: tuple[RowChange, ...]
    regressed: tuple[CaseChange, ...]
    """Held up against the baseline before, and do not now; critical ones first."""
    recovered: tuple[CaseChange, ...]
    direct: Direct | None
    """None where nothing of one of the runs can be trusted."""
    only_then: int
    """Cases that only the earlier run judged."""
    only_now: int
    left_out: int
    """Cases with one name in both runs of which it is not sure that they ask the same."""
    changes: tuple[str, ...]
    """What else is not as it was, in sentences without an end."""
    notes: tuple[str, ...]

    @property
    def answer(self) -> Answer:
        """The whole in a word or two; see docs/compare.md, whose table has this order."""
        if any(row.lost for row in self.rows):
            return "worse"
        if not (self.then.sound and self.now.sound) or self.then.is_of_one_run_with(self.now):
            return "cannot be said"
        worse = rank(self.now.candidate.verdict) < rank(self.then.candidate.verdict)
        if worse or any(row.worse for row in self.rows):
            return "worse"
        if self.direct is None:
            return "cannot be said"
        if self.direct.log_evidence >= NEEDED:
            return "worse"
        return "better" if self.direct.log_better >= NEEDED else "not shown to be worse"


def rank(verdict: Verdict) -> int:
    """Return a number that is smaller for what is worse."""
    return WORST_FIRST.index(verdict)


def limited(row: BudgetVerdict) -> bool:
    """Tell a budget from the rows that say whether there is any evidence."""
    return row.max_drop is not None or row.max_ratio is not None


def group_of(row: BudgetVerdict) -> Group:
    """Return what a row is about."""
    return Group(row.cohort, row.check, row.tag, row.metric)
