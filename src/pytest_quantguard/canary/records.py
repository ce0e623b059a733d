"""One pair of mirrored traffic, and what is counted of it.

A million pairs are read one after the other; none is kept. What stays is `Step`, a few numbers of
one pair, until it is counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pytest_quantguard.pairs import Mishap, PairedMeasurement, PairedOutcome
from pytest_quantguard.types import Completion, CompletionRequest, Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback:
    """What users did with one answer, where it was logged; None = not known."""

    thumbs: float | None = None
    """In [0, 1]: 1 = up."""
    retried: bool | None = None
    """The user asked the same again."""
    escalated: bool | None = None
    """A person had to take over."""

    @property
    def known(self) -> bool:
        """True when anything is."""
        return any(one is not None for one in (self.thumbs, self.retried, self.escalated))


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """What one arm did with a request."""

    completion: Completion | None
    """None where it gave no answer."""
    failure: str = ""
    """Why there is no answer; empty where there is one."""
    timed_out: bool = False
    cost: float | None = None
    """In the currency of the log; None = not known."""
    feedback: Feedback = Feedback()


@dataclass(frozen=True, slots=True, kw_only=True)
class MirroredPair:
    """One recorded request and what both arms made of it."""

    id: str
    request: CompletionRequest
    baseline: Side | None
    """None in traffic that was split and not mirrored: each request then has one arm."""
    candidate: Side | None
    source: Source
    """The line of the file."""
    tells_tools: bool = True
    """False where the log may leave out which tools were offered."""
    route: str = ""
    tags: tuple[str, ...] = ()
    labels: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """Further attributes of the record, for cohort rules."""
    at: float = 0.0
    """When it was asked, in seconds since the epoch; 0 = not known."""
    unlike: str = ""
    """Why both arms did not answer the same question; empty where they did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one pair adds to the evidence."""

    cohort: str
    outcomes: tuple[PairedOutcome, ...] = ()
    """One for each check that applies to the request."""
    measurement: PairedMeasurement | None = None
    """None where one arm is missing."""
    feedback: tuple[Feedback | None, Feedback | None] = (None, None)
    """Baseline's and candidate's; None where the arm is missing."""
    mishaps: tuple[Mishap, ...] = ()
    """What is no evidence, and why: as the gate has it, one for each check."""
    again: bool = False
    """True where the same was asked before, so that it is no evidence of its own."""
    source: Source
