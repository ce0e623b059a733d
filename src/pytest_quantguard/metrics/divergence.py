"""How far the two models' log-probs part."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import ClassVar

from pytest_quantguard.metrics._paired import NOTHING, weighted_mean
from pytest_quantguard.pairs import PairedMeasurement, PairedOutcome
from pytest_quantguard.verdicts import Group, Reading, Unit


@dataclass(frozen=True, slots=True, kw_only=True)
class Divergence:
    """Top-token agreement, Kullback-Leibler divergence and lost lead, averaged over cases.

    Reported, never judged: it tells how much the models disagree, not which of them is right. It
    needs a server that gives the log-probs of its answer.
    """

    key: ClassVar[str] = "divergence"
    unit: ClassVar[Unit] = "points"
    both_ways: ClassVar[bool] = False
    report_only: ClassVar[bool] = True

    def read(
        self,
        group: Group,
        measurements: Sequence[PairedMeasurement],
        outcomes: Sequence[PairedOutcome],
    ) -> Reading:
        """Return the averages, in the note."""
        found = [
            (m.divergence, m.weight)
            for m in measurements
            if m.divergence and all(math.isfinite(value) for value in astuple(m.divergence))
        ]
        if found:
            weights = [weight for _, weight in found]
            same, kl, margin, tokens = (
                weighted_mean([getattr(d, name) for d, _ in found], weights)
                for name in ("same_top", "kl", "margin", "tokens")
            )
            note = (
                f"same likeliest token {100 * same:.1f} %, KL divergence {kl:.2g} nats, lost lead "
                f"{margin:.2g} nats a token, over {tokens:.0f} tokens a case"
            )
        else:
            note = "no case has log-probs in both arms" if measurements else NOTHING
        label = group._replace(metric=self.key)
        return Reading(group=label, unit=self.unit, cases=len(found), note=note)

    def p_over(
        self,
        measurements: Sequence[PairedMeasurement],
        outcomes: Sequence[PairedOutcome],
        limit: float,
    ) -> float:
        """Return 1: no limit is ever shown to be exceeded."""
        return 1.0

    def floor(self, limit: float) -> int:
        """Refuse a budget.

        Raises:
            ValueError: always.
        """
        raise ValueError(
            "divergence cannot be budgeted: it tells how much two models disagree, not which one "
            "is worse; budget `reference`, or the checks"
        )
