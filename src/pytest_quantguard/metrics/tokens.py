"""How many tokens are read and written: what servers count and bill."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pytest_quantguard.metrics._paired import known
from pytest_quantguard.metrics._totals import Totals
from pytest_quantguard.pairs import Measurement


@dataclass(frozen=True, slots=True, kw_only=True)
class TokensIn(Totals):
    """Mean tokens of the prompts, as the servers counted them. Delta: the ratio of both arms'.

    The same prompt has the same number in both arms; only cases of several turns, whose later
    prompts hold the model's own answers, can differ. Cases that both arms answered count.

    Example:
        budgets:
          - {metric: tokens_in, max_ratio: 1.10}
    """

    key: ClassVar[str] = "tokens_in"
    needs: ClassVar[str] = "a count of prompt tokens"

    def _amount(self, measurement: Measurement) -> float | None:
        return known(measurement.prompt_tokens)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokensOut(Totals):
    """Mean tokens of the answers, as the servers counted them. Delta: the ratio of both arms'.

    This is what is paid and waited for: reasoning counts, and a few endless answers weigh as much
    as they cost. `length` is about the typical answer, and takes shorter ones for a loss, too.
    Cases that both arms answered count.

    Example:
        budgets:
          - {metric: tokens_out, max_ratio: 1.10}
    """

    key: ClassVar[str] = "tokens_out"
    needs: ClassVar[str] = "a count of the answer's tokens"

    def _amount(self, measurement: Measurement) -> float | None:
        return known(measurement.completion_tokens)
