"""How many answers run into the token limit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pytest_quantguard.metrics._paired import known
from pytest_quantguard.metrics._points import Share
from pytest_quantguard.pairs import Measurement


@dataclass(frozen=True, slots=True, kw_only=True)
class Truncation(Share):
    """Share of answers that were cut off by the token limit. Delta: its rise, in points.

    Cases that both arms answered count. Quantized models ramble, or repeat themselves without end.

    Example:
        budgets:
          - {metric: truncation, max_rise: 1 pt}
    """

    key: ClassVar[str] = "truncation"

    def _share(self, measurement: Measurement) -> float | None:
        return known(measurement.truncated, most=1)
