"""How long answers are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

from pytest_quantguard import stats
from pytest_quantguard.metrics._paired import (
    ALPHA,
    LEAST_RATIO,
    Found,
    Pair,
    Paired,
    answered,
    check_decidable,
    check_ratio,
    known,
    left_out,
    pairs_of,
    sentences,
)
from pytest_quantguard.metrics._ratios import ratio_delta
from pytest_quantguard.pairs import Measurement, PairedMeasurement, PairedOutcome
from pytest_quantguard.stats.ratios import MEAN_FLOOR
from pytest_quantguard.verdicts import Delta, Unit

SHAPE_CASES = 500
"""Of more cases, so many evenly chosen ones are looked at for the shape: it takes long."""
SHAPE_DRAWS = 999
SHAPE_P = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Length(Paired):
    """Length of the answers: tokens where both servers counted them in every case, else characters.

    Delta: geometric mean of the cases' ratios. Both directions are a loss: a limit of 1.1 means
    from 1/1.1 to 1.1. The levels are geometric means, so that their ratio is the delta of cases
    that count alike. An empty answer counts as one token, or character, long: an answer that is
    lost is a shorter one. The note tells when the lengths are spread otherwise although their mean
    may be the same: Wasserstein's distance of the two arms, labels swapped at random. Cases that
    both arms answered count; weights do not enter.

    Example:
        budgets:
          - {metric: length, max_ratio: 1.10}
    """

    key: ClassVar[str] = "length"
    unit: ClassVar[Unit] = "ratio"
    both_ways: ClassVar[bool] = True

    def _find(
        self, measurements: Sequence[PairedMeasurement], outcomes: Sequence[PairedOutcome]
    ) -> Found:
        both = answered(measurements)
        arms = [arm for m in both for arm in (m.baseline, m.candidate)]
        counted = bool(arms) and all(known(arm.completion_tokens) is not None for arm in arms)
        raw = pairs_of(both, _tokens if counted else _characters)
        pairs = tuple(
            p._replace(baseline=max(p.baseline, 1.0), candidate=max(p.candidate, 1.0)) for p in raw
        )
        note = sentences(
            left_out(len(measurements), len(pairs), self.needs), _remarks(raw, counted=counted)
        )
        if pairs and len(pairs) < MEAN_FLOOR:
            too_few = f"length needs at least {MEAN_FLOOR} cases, there are {len(pairs)}"
            return Found(pairs, sentences(note, too_few), barred=True)
        return Found(pairs, note)

    def _level(self, values: Sequence[float], weights: Sequence[float]) -> float:
        return math.exp(math.fsum(math.log(value) for value in values) / len(values))

    def _delta(self, pairs: Sequence[Pair]) -> Delta | None:
        return ratio_delta(stats.mean_log_ratio(*_arms(pairs), ALPHA))

    def _p_above(self, pairs: Sequence[Pair], limit: float) -> float:
        return stats.mean_log_ratio_p(*_arms(pairs), limit)

    def _remark(self, pairs: Sequence[Pair], delta: Delta | None) -> str:
        baseline, candidate = _arms(pairs[:: math.ceil(len(pairs) / SHAPE_CASES)])
        return _shape(tuple(baseline), tuple(candidate))

    def _check(self, limit: float) -> None:
        check_ratio(limit, least=1.0)

    def floor(self, limit: float) -> int:
        """Return the fewest cases with which a budget can pass where no case differs.

        Raises:
            ValueError: unless the limit is finite and 1.001 at least: it holds in both directions.
        """
        self._check(limit)
        check_decidable(limit, LEAST_RATIO, "1.001")
        return stats.mean_ratio_floor(limit, ALPHA)


@lru_cache(maxsize=64)  # one group's cases are looked at by its budget and by the report
def _shape(baseline: tuple[float, ...], candidate: tuple[float, ...]) -> str:
    """Tell when the lengths are spread otherwise; one of each arm for each case."""
    distance, p_value = stats.wasserstein_swap_p(
        baseline, candidate, SHAPE_DRAWS, seed=0, stop=SHAPE_P
    )
    if not p_value < SHAPE_P:
        return ""
    share = 100 * distance * len(baseline) / math.fsum(baseline)
    return f"shape differs (p = {p_value:.3f}): lengths lie {share:.0f} % of the mean apart"


def _remarks(pairs: Sequence[Pair], *, counted: bool) -> str:
    """Tell what the lengths are made of."""
    empty = sum(pair.baseline == 0 for pair in pairs), sum(pair.candidate == 0 for pair in pairs)
    return remark(*empty, counted=counted or not pairs)


def remark(baseline: int, candidate: int, *, counted: bool) -> str:
    """Tell how many answers of each arm are empty, and where lengths are in characters."""
    unit = "" if counted else "in characters: not every answer came with a token count"
    if not (baseline or candidate):
        return unit
    return sentences(
        unit, f"empty answers: {baseline} of the baseline, {candidate} of the candidate"
    )


def _tokens(measurement: Measurement) -> float | None:
    return known(measurement.completion_tokens)


def _characters(measurement: Measurement) -> float | None:
    return known(measurement.characters)


def _arms(pairs: Sequence[Pair]) -> tuple[list[float], list[float]]:
    return [pair.baseline for pair in pairs], [pair.candidate for pair in pairs]
