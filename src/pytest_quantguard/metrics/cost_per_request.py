"""What an answer costs, right or wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pytest_quantguard.metrics._paired import known
from pytest_quantguard.metrics._totals import Totals
from pytest_quantguard.pairs import Measurement


@dataclass(frozen=True, slots=True, kw_only=True)
class CostPerRequest(Totals):
    """Mean cost of asking a case once, in the currency of `price`. Delta: the ratio of both arms'.

    A case of several turns costs what all of them cost. Cases count that both arms answered and
    of which both costs are known: `price:` on both variants, and token counts from both servers.

    Example:
        budgets:
          - {metric: cost_per_request, max_ratio: 1.0}
    """

    key: ClassVar[str] = "cost_per_request"
    needs: ClassVar[str] = "a cost (a 'price:' and token counts)"

    def _amount(self, measurement: Measurement) -> float | None:
        return known(measurement.cost)
