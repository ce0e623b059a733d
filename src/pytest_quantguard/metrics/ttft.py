"""How long the first token takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pytest_quantguard.metrics._paired import positive
from pytest_quantguard.metrics._timing import Timing
from pytest_quantguard.pairs import Measurement


class _Ttft(Timing):
    __slots__ = ()

    needs: ClassVar[str] = "a time to the first token above 0"

    def _value(self, measurement: Measurement) -> float | None:
        return positive(measurement.ttft_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class TtftP50(_Ttft):
    """Median time to the first token, in seconds. Delta: median of the cases' ratios.

    Example:
        budgets:
          - {metric: ttft_p50, max_ratio: 1.10}
    """

    key: ClassVar[str] = "ttft_p50"


@dataclass(frozen=True, slots=True, kw_only=True)
class TtftP95(_Ttft):
    """Time in which 95 % of first tokens come, in seconds. Delta: the ratio of both arms'.

    Example:
        budgets:
          - {metric: ttft_p95, max_ratio: 1.5}
    """

    key: ClassVar[str] = "ttft_p95"
    quantile: ClassVar[float] = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class TtftP99(_Ttft):
    """Time in which 99 % of first tokens come, in seconds. Delta: the ratio of both arms'.

    Example:
        budgets:
          - {metric: ttft_p99, max_ratio: 2.0}
    """

    key: ClassVar[str] = "ttft_p99"
    quantile: ClassVar[float] = 0.99
