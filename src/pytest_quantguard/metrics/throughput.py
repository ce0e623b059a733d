"""How many answers come in a second."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from pytest_quantguard import stats
from pytest_quantguard._plural import counted
from pytest_quantguard.metrics._paired import ALPHA, NOTHING, sentences
from pytest_quantguard.metrics._ratios import ratio_delta
from pytest_quantguard.metrics._windows import Window, both_windows, why_apart
from pytest_quantguard.pairs import Measurement, PairedMeasurement, PairedOutcome
from pytest_quantguard.verdicts import Delta, Group, Reading, Unit

SLICES = 20
"""Equal parts of the time in which both arms were asked: each is one observation."""
PER_SLICE = 5
"""Fewest answers in a slice on average, of either arm; else there are fewer slices."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Throughput:
    """Answers per second of each arm, from its first request to its last answer in this run.

    Reported, never judged: it depends on how many requests the gate keeps in flight and on what
    else it does, and a run is one observation. Where both arms were asked side by side there is a
    delta, baseline speed / candidate speed: of the time that both were asked in, cut into equal
    slices (batch means), so that above 1 the candidate is slower.
    """

    key: ClassVar[str] = "throughput"
    unit: ClassVar[Unit] = "ratio"
    both_ways: ClassVar[bool] = False
    report_only: ClassVar[bool] = True
    timed: ClassVar[bool] = True

    def read(
        self,
        group: Group,
        measurements: Sequence[PairedMeasurement],
        outcomes: Sequence[PairedOutcome],
    ) -> Reading:
        """Return both speeds; no delta, and a note, where they cannot be compared."""
        group = group._replace(metric=self.key)
        if not measurements:
            return Reading(group=group, unit=self.unit, note=NOTHING)
        if group.cohort is not None or group.tag is not None:
            note = "a part of the cases has no time of its own in a run"
            return Reading(group=group, unit=self.unit, note=note)
        live = [m for m in measurements if m.baseline.live and m.candidate.live]
        windows = both_windows(live)
        if windows is None:
            note = "no case was asked of both arms in this run"
            return Reading(group=group, unit=self.unit, note=note)
        cached = len(measurements) - len(live)
        part = f"{cached} of {counted(len(measurements), 'case')} left out: not asked in this run"
        note = why_apart(live)
        delta = None if note else _delta(live, windows)
        if delta is None and not note:
            least = stats.MEAN_FLOOR * PER_SLICE
            note = f"fewer than {least} answers of an arm came while both were asked"
        levels = [_speed(arms, of) for arms, of in zip(_arms(live), windows, strict=True)]
        return Reading(
            group=group,
            unit=self.unit,
            delta=delta,
            baseline=levels[0],
            candidate=levels[1],
            cases=len(live),
            note=sentences(part if cached else "", note),
        )

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
            "throughput cannot be budgeted: it is one number for each run, and depends on how many "
            "requests are in flight; budget `latency_p50` or `time_per_token_p50`"
        )


def _arms(live: Sequence[PairedMeasurement]) -> tuple[list[Measurement], list[Measurement]]:
    return [m.baseline for m in live], [m.candidate for m in live]


def _speed(arms: Sequence[Measurement], window: Window) -> float | None:
    answers = sum(arm.answers for arm in arms if arm.answered)
    seconds = window.end - window.start
    return answers / seconds if seconds > 0 else None


def _delta(live: Sequence[PairedMeasurement], windows: tuple[Window, Window]) -> Delta | None:
    """Compare the answers that came while both arms were asked, slice by slice."""
    start, end = windows[0].shared(windows[1])
    times = [
        [
            (arm.asked_at, arm.answers)
            for arm in arms
            if arm.asked_at is not None and start < arm.asked_at <= end
        ]
        for arms in _arms(live)
    ]
    slices = min(SLICES, min(len(found) for found in times) // PER_SLICE)
    if slices < stats.MEAN_FLOOR:
        return None
    counts = []
    for found in times:
        counts.append([0.0] * slices)
        for time, answers in found:
            counts[-1][min(int(slices * (time - start) / (end - start)), slices - 1)] += answers
    return ratio_delta(stats.total_ratio(counts[1], counts[0], ALPHA))
