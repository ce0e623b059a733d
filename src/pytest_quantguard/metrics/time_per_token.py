"""How long each token takes after the first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pytest_quantguard.metrics._paired import positive
from pytest_quantguard.metrics._timing import Timing
from pytest_quantguard.pairs import Measurement

LEAST_S = 5e-5
"""What comes faster, 20,000 tokens a second, was held back somewhere and handed over whole."""


class _TimePerToken(Timing):
    __slots__ = ()

    needs: ClassVar[str] = "a stream of 2 counted tokens at least, told as they come"

    def _value(self, measurement: Measurement) -> float | None:
        first, last = positive(measurement.ttft_s), positive(measurement.latency_s)
        tokens = positive(measurement.completion_tokens)
        if first is None or last is None or tokens is None or tokens < 2:
            return None
        each = (last - first) / (tokens - 1)
        return each if each >= LEAST_S else None


@dataclass(frozen=True, slots=True, kw_only=True)
class TimePerTokenP50(_TimePerToken):
    """Median time per token after the first, in seconds. Delta: median of the cases' ratios.

    (latency - time to the first token) / (tokens - 1), as the server counted them: how fast text
    appears, whatever the wait before it and however long the answer. A case is left out where a
    proxy holds the stream back and hands it over whole: less than 0.05 ms for each token.

    Example:
        budgets:
          - {metric: time_per_token_p50, max_ratio: 1.10}
    """

    key: ClassVar[str] = "time_per_token_p50"


@dataclass(frozen=True, slots=True, kw_only=True)
class TimePerTokenP95(_TimePerToken):
    """Time per token that 95 % of answers keep within, in seconds. Delta: the ratio of both arms'.

    Example:
        budgets:
          - {metric: time_per_token_p95, max_ratio: 1.5}
    """

    key: ClassVar[str] = "time_per_token_p95"
    quantile: ClassVar[float] = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class TimePerTokenP99(_TimePerToken):
    """Time per token that 99 % of answers keep within, in seconds. Delta: the ratio of both arms'.

    Example:
        budgets:
          - {metric: time_per_token_p99, max_ratio: 2.0}
    """

    key: ClassVar[str] = "time_per_token_p99"
    quantile: ClassVar[float] = 0.99
