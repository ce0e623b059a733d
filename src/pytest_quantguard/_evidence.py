"""What was found out about one case: the record that travels on the test report, or in a shard."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pytest_quantguard.pairs import Mishap, PairedMeasurement, PairedOutcome
from pytest_quantguard.types import Json


@dataclass(slots=True)
class Evidence:
    """What was found out about one case, for all candidates."""

    outcomes: list[PairedOutcome] = field(default_factory=list)
    mishaps: list[Mishap] = field(default_factory=list)
    measurements: list[PairedMeasurement] = field(default_factory=list)
    requests: dict[str, str] = field(default_factory=dict)
    """What was asked, as JSON, by the baseline's cache key: of outcomes that do not hold in both
    arms, which somebody will read side by side."""

    def to_dict(self) -> Json:
        """Return plain JSON types, fit to cross a process border."""
        return {
            "outcomes": [outcome.to_dict() for outcome in self.outcomes],
            "mishaps": [mishap.to_dict() for mishap in self.mishaps],
            "measurements": [found.to_dict() for found in self.measurements],
            "requests": self.requests,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Evidence:
        """Rebuild from `to_dict`."""
        return cls(
            [PairedOutcome.from_dict(outcome) for outcome in data["outcomes"]],
            [Mishap.from_dict(mishap) for mishap in data["mishaps"]],
            [PairedMeasurement.from_dict(found) for found in data["measurements"]],
            dict(data["requests"]),
        )
