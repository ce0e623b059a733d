"""How fast answers are generated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pytest_quantguard.metrics._paired import positive
from pytest_quantguard.metrics._timing import Timing
from pytest_quantguard.pairs import Measurement


@dataclass(frozen=True, slots=True, kw_only=True)
class TokensPerSecond(Timing):
    """Median tokens per second of whole answers, the wait for the first token included.

    Delta: median of the cases' ratios of baseline speed / candidate speed, so that above 1 the
    candidate is slower. Unlike latency, it does not rise because answers get longer.

    Example:
        budgets:
          - {metric: tokens_per_second, max_ratio: 1.10}
    """

    key: ClassVar[str] = "tokens_per_second"
    more_is_worse: ClassVar[bool] = False
    needs: ClassVar[str] = "a token count and a latency above 0"

    def _value(self, measurement: Measurement) -> float | None:
        tokens = positive(measurement.completion_tokens)
        seconds = positive(measurement.latency_s)
        return positive(tokens / seconds) if tokens and seconds else None
