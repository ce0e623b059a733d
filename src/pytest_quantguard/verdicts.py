"""The records of judging: what was asked of the evidence, and what follows from it.

Positive differences always mean that the candidate is worse.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Literal, NamedTuple, Protocol

from pytest_quantguard.pairs import Mishap, PairedMeasurement, PairedOutcome
from pytest_quantguard.types import Json, Source
from pytest_quantguard.variants import Variant

Unit = Literal["points", "ratio"]
"""Of a delta: a difference of shares, or candidate divided by baseline (1 = equal)."""


class Group(NamedTuple):
    """What one budget, or one piece of evidence, is about; None takes everything together."""

    cohort: str | None = None
    check: str | None = None
    """None = a case's checks averaged."""
    tag: str | None = None
    metric: str | None = None
    """None = the share of cases that hold."""

    def takes(self, found: PairedOutcome | PairedMeasurement) -> bool:
        """Tell whether an outcome, or a measurement whatever its check, belongs to the group."""
        check = getattr(found, "check", self.check)
        return (
            self.cohort in (None, found.cohort)
            and self.check in (None, check)
            and (self.tag is None or self.tag in found.tags)
        )


class Verdict(StrEnum):
    """The answer to one budget, or to a whole run."""

    PASS = "pass"
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    NOT_COMPARABLE = "not comparable"
    """The arms were not asked the same thing, or are one server: no delta means anything."""
    ERROR = "error"

    @property
    def word(self) -> str:
        """As people read it: ``NOT COMPARABLE``."""
        return self.value.upper()


WORST_FIRST = (
    Verdict.ERROR,
    Verdict.NOT_COMPARABLE,
    Verdict.FAIL,
    Verdict.INCONCLUSIVE,
    Verdict.PASS,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """The largest loss that is accepted in one group; exactly one of the two limits is given."""

    max_drop: float | None = None
    """Share of cases, in (0, 1]: 0.02 is two percentage points. For a metric in points it is the
    largest rise of its share, or the largest shift where both directions are a loss."""
    max_ratio: float | None = None
    """For a metric that is a ratio: the largest candidate / baseline, above 0."""
    relative: bool = False
    """True: ``max_drop`` is a share of the baseline's rate, not of the cases."""
    cohort: str | None = None
    """None = all cohorts together; ``*`` = one budget for each cohort."""
    check: str | None = None
    """None = a case's checks averaged; ``*`` = one budget for each check; ``tool_call.arguments``
    is one layer of a check."""
    tag: str | None = None
    """None = whatever the tags; ``*`` = one budget for each tag."""
    metric: str | None = None
    """None = the share of cases that hold; else a key of the metrics drawer."""
    source: Source | None = None
    reason: str = ""
    """Why it is what it is, in the user's words; the history shows it where the budget changes."""

    @property
    def group(self) -> Group:
        """What the budget is about."""
        return Group(self.cohort, self.check, self.tag, self.metric)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delta:
    """How much worse the candidate is; positive points, or a ratio above 1, mean worse."""

    value: float
    low: float
    """Lower end of the two-sided 90 % interval."""
    high: float
    """Upper end: the one-sided 95 % bound by which PASS is judged."""
    n: float
    """Effective number of cases: their number, less when weights differ."""
    unit: Unit = "points"
    best: float | None = None
    """The value if every missing answer had been a good one for the candidate; None = none is
    missing."""
    worst: float | None = None
    """The value if every missing answer had been a bad one."""
    resampled: tuple[float, float] | None = None
    """Ends of a 90 % bootstrap interval, for the reader: narrower where cases are many, and never
    what judges. None = not resampled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What there was in a group of which a report holds only some cases: a canary's traffic."""

    checks: int
    """Checks that were compared; a case can have several."""
    regressed: int
    """How many of them regressed."""
    unanswered: int = 0
    """Requests that got no answer, of either arm."""
    shown: str = ""
    """By which pair, and line, the budget was shown to be exceeded; empty where it was not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetVerdict:
    """One budget, judged."""

    cohort: str | None
    check: str | None
    max_drop: float | None
    verdict: Verdict
    reason: str
    """One sentence for a reader who sees nothing else."""
    tag: str | None = None
    metric: str | None = None
    max_ratio: float | None = None
    relative: bool = False
    both_ways: bool = False
    """True for a metric of which a shift in either direction is a loss."""
    delta: Delta | None = None
    cases: int = 0
    baseline_rate: float | None = None
    """Share of cases that hold in the baseline, in [0, 1]; for a metric its own level."""
    candidate_rate: float | None = None
    regressed: tuple[PairedOutcome, ...] = ()
    improved: int = 0
    log_evidence: float | None = None
    """Natural logarithm of this group's e-value that the candidate got worse."""
    noise: float | None = None
    """Share of this group's outcomes, in [0, 1], that differ between two runs of the baseline."""
    counts: Counts | None = None
    """Where ``regressed`` holds only the first ones: how many there were. None = they are all."""

    @property
    def losses(self) -> int:
        """How many checks regressed, whether or not all of them are in ``regressed``."""
        return len(self.regressed) if self.counts is None else self.counts.regressed

    @property
    def group(self) -> tuple[str, str]:
        """Two names for display; ``all`` where everything is taken together."""
        place = self.cohort or (f"#{self.tag}" if self.tag else "all")
        if self.cohort and self.tag:
            place = f"{self.cohort}#{self.tag}"
        return (place, self.metric or self.check or "all")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What one metric found in one group, whether or not a budget asks."""

    group: Group
    unit: Unit
    delta: Delta | None = None
    """None where nothing can be said; the note tells why."""
    baseline: float | None = None
    """Level in the baseline, in the metric's own unit: a share, seconds, tokens, money."""
    candidate: float | None = None
    cases: int = 0
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerReading:
    """One layer of a check, such as the arguments of a tool call: how often each arm reached it."""

    cohort: str | None
    """None = all cohorts together."""
    check: str
    layer: str
    cases: int
    baseline_rate: float
    """Weighted share of the cases, in [0, 1]."""
    candidate_rate: float
    regressed: int
    improved: int


class Metric(Protocol):
    """A measure of the answers of both arms, beside the checks; pure.

    One that is about time may have a class attribute ``timed = True``: it is then judged only where
    both arms were asked side by side.
    """

    key: ClassVar[str]
    """Name in YAML: ``metric: latency_p50``."""
    unit: ClassVar[Unit]
    both_ways: ClassVar[bool]
    """True where a shift in either direction is a loss, such as of the answers' length."""
    report_only: ClassVar[bool]
    """True where it says something, but neither good nor bad: no budget may name it."""

    def read(
        self,
        group: Group,
        measurements: Sequence[PairedMeasurement],
        outcomes: Sequence[PairedOutcome],
    ) -> Reading:
        """Return what the group's cases show; no delta, and a note, where they show nothing."""
        ...

    def p_over(
        self,
        measurements: Sequence[PairedMeasurement],
        outcomes: Sequence[PairedOutcome],
        limit: float,
    ) -> float:
        """Return the p-value, in [0, 1], of "the true delta is not above the limit".

        1 where unknown. In points a limit of 0 asks whether the candidate is worse at all.
        """
        ...

    def floor(self, limit: float) -> int:
        """Return the fewest cases with which a budget of this limit can pass.

        Raises:
            ValueError: a limit that cannot be; the sentence says why.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CohortCounts:
    """The cases of one cohort where a report holds only some: a canary's traffic."""

    cohort: str
    cases: int
    """That were compared."""
    regressed: int
    """Cases in which the candidate did worse, their checks averaged."""
    improved: int
    both_wrong: int = 0
    """Cases without a difference, of which a check holds in neither arm."""
    unanswered: int = 0
    """Requests without an answer, of either arm."""


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
    measurements: tuple[PairedMeasurement, ...] = ()
    readings: tuple[Reading, ...] = ()
    """What the metrics found over all cases, for the report."""
    layers: tuple[LayerReading, ...] = ()
    """What the layers of layered checks show, over all cases and per cohort."""
    notes: tuple[str, ...] = ()
    """Sentences that a reader of the verdict should see: flips, noise, what was not asked."""
    counted: tuple[CohortCounts, ...] | None = None
    """What there was in each cohort, where ``outcomes`` holds only the first losses of each cohort
    and check, and ``measurements`` nothing. None = everything is there."""

    @property
    def compared(self) -> bool:
        """True when anything was compared, whether or not it was kept."""
        return bool(self.outcomes) or any(one.cases for one in self.counted or ())


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
        """The worst of the candidates', by `WORST_FIRST`; no candidate is an error."""
        found = {candidate.verdict for candidate in self.candidates}
        return next((verdict for verdict in WORST_FIRST if verdict in found), Verdict.ERROR)
