"""What is weak about a golden set, found without asking any model: one rule a file, and this table.

A rule is a function from an `Outset` to findings; it is imported when it is run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pytest_quantguard.types import GoldenCase, Json

if TYPE_CHECKING:
    from pytest_quantguard._budgets import Census
    from pytest_quantguard.verdicts import Budget, Metric

RULES: dict[str, str] = {
    "near-duplicate": "pytest_quantguard.lint.near_duplicate:find",
    "blind-check": "pytest_quantguard.lint.blind_check:find",
    "reference-fails": "pytest_quantguard.lint.reference_fails:find",
    "too-few-cases": "pytest_quantguard.lint.too_few_cases:find",
    "unused-tool": "pytest_quantguard.lint.unused_tool:find",
    "calibration": "pytest_quantguard.lint.calibration:find",
    "drift": "pytest_quantguard.lint.drift:find",
}
"""Name -> where the function is."""

Severity = Literal["warning", "note"]
"""A warning weakens the gate's answer; a note may be as it was meant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One weakness of a golden set."""

    rule: str
    severity: Severity
    place: str
    """``file:line``, or the file."""
    text: str
    """What is wrong, and what to do about it."""
    case: str = ""
    """The case it is about, where it is one."""

    def to_dict(self) -> Json:
        """Return plain JSON types."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outset:
    """What the rules look at."""

    cases: Sequence[GoldenCase]
    census: Census
    budgets: Sequence[Budget]
    metrics: Mapping[str, Metric]
    file: str
    """The configuration, for messages."""
    calibration: Sequence[Path] = ()
    against: Sequence[Path] = ()
    """Recorded traffic."""
    scripted: frozenset[str] = field(default_factory=frozenset)
    """Ids of cases whose property is the body of a test function, which no rule can read."""
