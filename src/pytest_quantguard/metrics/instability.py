"""How much the repeats of a case disagree."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from pytest_quantguard import stats
from pytest_quantguard._plural import counted
from pytest_quantguard.metrics._paired import Found, Pair
from pytest_quantguard.metrics._points import Score
from pytest_quantguard.pairs import PairedMeasurement, PairedOutcome
from pytest_quantguard.types import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Instability(Score):
    """Share of pairs of repeats, of one case and check, of which one holds and one does not.

    That is 2 m (k - m) / (k (k - 1)) where m of k repeats hold; a case's checks are averaged.
    Delta: its rise, in points. Cases with ``samples`` of 2 or more count; 5 or more are advised.

    Example:
        budgets:
          - {metric: instability, max_rise: 5 pt}
    """

    key: ClassVar[str] = "instability"

    def _find(
        self, measurements: Sequence[PairedMeasurement], outcomes: Sequence[PairedOutcome]
    ) -> Found:
        cases: dict[str, list[Pair]] = {}
        for found in sorted(outcomes, key=lambda o: (o.case, o.check)):
            mine = cases.setdefault(found.case, [])
            baseline, candidate = _disagreement(found.baseline), _disagreement(found.candidate)
            if baseline is not None and candidate is not None:
                mine.append(Pair(found.case, baseline, candidate, found.weight))
        pairs = tuple(_mean(checks) for checks in cases.values() if checks)
        if cases and not pairs:
            return Found((), "no case has samples > 1")
        left = len(cases) - len(pairs)
        note = f"{left} of {counted(len(cases), 'case')} left out: one sample"
        return Found(pairs, note if left else "")


def _disagreement(outcome: Outcome) -> float | None:
    """Return the share of pairs of repeats that disagree; None for fewer than two repeats."""
    repeats = [value for value in outcome.repeats if not math.isnan(value)]
    if len(repeats) < 2:
        return None
    return stats.instability(sum(value >= 1.0 for value in repeats), len(repeats))


def _mean(checks: Sequence[Pair]) -> Pair:
    return checks[0]._replace(
        baseline=math.fsum(pair.baseline for pair in checks) / len(checks),
        candidate=math.fsum(pair.candidate for pair in checks) / len(checks),
    )
