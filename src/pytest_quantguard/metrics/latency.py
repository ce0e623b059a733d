"""How long an answer takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pytest_quantguard.metrics._paired import positive
from pytest_quantguard.metrics._timing import Timing
from pytest_quantguard.pairs import Measurement


class _Latency(Timing):
    __slots__ = ()

    needs: ClassVar[str] = "a latency above 0"

    def _value(self, measurement: Measurement) -> float | None:
        return positive(measurement.latency_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyP50(_Latency):
    """Median time to the whole answer, in seconds. Delta: median of the cases' ratios.

    A case that an arm did not answer is left out; `errors` counts it.

    Example:
        budgets:
          - {metric: latency_p50, max_ratio: 1.10}
    """

    key: ClassVar[str] = "latency_p50"


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyP95(_Latency):
    """Time in which 95 % of answers are complete, in seconds. Delta: the ratio of both arms'.

    Example:
        budgets:
          - {metric: latency_p95, max_ratio: 1.5}
    """

    key: ClassVar[str] = "latency_p95"
    quantile: ClassVar[float] = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyP99(_Latency):
    """Time in which 99 % of answers are complete, in seconds. Delta: the ratio of both arms'.

    Example:
        budgets:
          - {metric: latency_p99, max_ratio: 2.0}
    """

    key: ClassVar[str] = "latency_p99"
    quantile: ClassVar[float] = 0.99
