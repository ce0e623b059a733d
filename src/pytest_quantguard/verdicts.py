"""The records of evidence and judging: what was found, and what follows from it.

Positive differences always mean that the candidate is worse.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Self

from pytest_quantguard.types import Json, Outcome, Role, Source, Variant

# --- evidence ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedOutcome:
    """One case and check, judged on both arms."""

    variant: str
    """The candidate's name."""
    case: str
    cohort: str
    check: str
    source: Source
    baseline: Outcome
    candidate: Outcome
    weight: float = 1.0
    critical: bool = False
    tags: tuple[str, ...] = ()
    keys: tuple[str, str] = ("", "")
    """Cache keys of the two completions (first repeat), baseline first."""

    @property
    def difference(self) -> float:
        """Baseline value minus candidate value, in [-1, 1]; positive = candidate worse."""
        return self.baseline.value - self.candidate.value

    @property
    def regressed(self) -> bool:
        """True when the candidate did worse."""
        return self.difference > 0

    @property
    def improved(self) -> bool:
        """True when the candidate did better."""
        return self.difference < 0

    def to_dict(self) -> Json:
        """Return plain JSON types."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Rebuild from `to_dict`."""
        outcomes = {
            role: Outcome(**{**data[role], "violations": tuple(data[role]["violations"])})
            for role in ("baseline", "candidate")
        }
        return cls(
            **{
                **data,
                **outcomes,
                "source": Source(**data["source"]),
                "tags": tuple(data["tags"]),
                "keys": tuple(data["keys"]),
            }
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Mishap:
    """A case and check for which there is no evidence, and why."""

    variant: str
    """The candidate's name."""
    case: str
    cohort: str
    check: str
    source: Source
    role: Role
    """The arm in which it happened."""
    kind: str
    """Name of the error: TransportError, RefusedError, CheckError, NotComparable ..."""
    message: str
    critical: bool = False

    def to_dict(self) -> Json:
        """Return plain JSON types."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Rebuild from `to_dict`."""
        return cls(**{**data, "source": Source(**data["source"])})


# --- judging ----------------------------------------------------------------------------


class Verdict(StrEnum):
    """The answer to one budget, or to a whole run."""

    PASS = "pass"
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    ERROR = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """The largest loss that is accepted in one group of paired outcomes."""

    max_drop: float
    """Share of cases, in (0, 1]: 0.02 is two percentage points."""
    cohort: str | None = None
    """None = all cohorts together; ``*`` = one budget for each cohort."""
    check: str | None = None
    """None = a case's checks averaged; ``*`` = one budget for each check."""
    source: Source | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delta:
    """How much worse the candidate is, as a share of cases; positive = worse."""

    value: float
    low: float
    """Lower end of the two-sided 90 % interval."""
    high: float
    """Upper end: the one-sided 95 % bound by which PASS is judged."""
    n: float
    """Effective number of cases: their number, less when weights differ."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetVerdict:
    """One budget, judged."""

    cohort: str | None
    check: str | None
    max_drop: float | None
    verdict: Verdict
    reason: str
    """One sentence for a reader who sees nothing else."""
    delta: Delta | None = None
    cases: int = 0
    baseline_rate: float | None = None
    """Share of cases that hold in the baseline, in [0, 1]."""
    candidate_rate: float | None = None
    regressed: tuple[PairedOutcome, ...] = ()
    improved: int = 0
    log_evidence: float | None = None
    """Natural logarithm of this group's e-value that the candidate got worse."""

    @property
    def group(self) -> tuple[str, str]:
        """Cohort and check for display; ``all`` where everything is taken together."""
        return (self.cohort or "all", self.check or "all")


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateReport:
    """Everything that was found out about one candidate."""

    variant: Variant
    verdict: Verdict
    budgets: tuple[BudgetVerdict, ...]
    outcomes: tuple[PairedOutcome, ...]
    mishaps: tuple[Mishap, ...]
    log_evidence: float
    """Natural logarithm of the run's family e-value."""
    quantization_note: str = ""
    """What the server itself says about its precision."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GateReport:
    """The whole answer; every report is rendered from it."""

    baseline: Variant
    candidates: tuple[CandidateReport, ...]
    provenance: Json
    """Versions, hashes, counts and times; plain JSON types."""
    version: int = 1

    @property
    def verdict(self) -> Verdict:
        """Error before fail before inconclusive before pass; no candidate is an error."""
        found = {candidate.verdict for candidate in self.candidates}
        for verdict in (Verdict.ERROR, Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.PASS):
            if verdict in found:
                return verdict
        return Verdict.ERROR
