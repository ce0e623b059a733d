"""How sure the model is of the right answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from pytest_quantguard.metrics._paired import Found, Pair, known, left_out, pairs_of
from pytest_quantguard.metrics._points import Score
from pytest_quantguard.pairs import Measurement, PairedMeasurement, PairedOutcome
from pytest_quantguard.verdicts import Delta


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference(Score):
    """Mean probability of the case's reference answer. Delta: its drop, in points.

    It falls long before a greedy answer changes, so it warns early, and needs its own budget. It
    needs reference answers that the baseline did not write, and a server that gives the log-probs
    of a prompt. Cases in which both probabilities are known count.

    Example:
        budgets:
          - {metric: reference, max_drop: 2 pt}
    """

    key: ClassVar[str] = "reference"
    more_is_worse: ClassVar[bool] = False
    needs: ClassVar[str] = "a probability of a reference answer"

    def _find(
        self, measurements: Sequence[PairedMeasurement], outcomes: Sequence[PairedOutcome]
    ) -> Found:
        pairs = pairs_of(measurements, _probability)
        return Found(pairs, left_out(len(measurements), len(pairs), self.needs))

    def _remark(self, pairs: Sequence[Pair], delta: Delta | None) -> str:
        shown = delta is not None and delta.low > 0
        return "early warning: the model is less sure of the right answer" if shown else ""


def _probability(measurement: Measurement) -> float | None:
    return known(measurement.reference_p, most=1)
