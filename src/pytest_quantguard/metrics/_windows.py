"""When each arm was asked: times tell models apart only where both met the same minutes.

An arm's window goes from the first request to the last answer, by the clock of the machine that
asked. Durations are monotonic; a clock that is set back or forward in mid-run moves both arms'
windows alike, and can at worst hide that one followed the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from pytest_quantguard.pairs import Measurement, PairedMeasurement

OVERLAP = 0.5
"""Share of the shorter window in which the other arm must have been asked, too."""
FEW = 10
"""With fewer answers of an arm, any overlap will do: windows of a few answers are haphazard."""
ONE_AFTER_THE_OTHER = (
    "the arms were asked one after the other, and a slow minute then hits only one of them"
)
_UNKNOWN = "when the answers came is not known, so they may not have been asked side by side"


class Window(NamedTuple):
    """From the first request to the last answer of one arm, in seconds since the epoch."""

    start: float
    end: float
    answers: int
    """Cases that were answered in it."""

    def shared(self, other: Window) -> tuple[float, float]:
        """Return when both were open; the end is before the start where they never were."""
        return max(self.start, other.start), min(self.end, other.end)


def window_of(arms: Iterable[Measurement]) -> Window | None:
    """Return the window of one arm's live answers; None where a time is missing, or all are."""
    spans = []
    for arm in arms:
        if not (arm.answered and arm.live):
            continue
        if arm.asked_at is None or arm.latency_s is None:
            return None
        spans.append((arm.asked_at - arm.latency_s, arm.asked_at))
    if not spans:
        return None
    return Window(min(start for start, _ in spans), max(end for _, end in spans), len(spans))


def both_windows(measurements: Sequence[PairedMeasurement]) -> tuple[Window, Window] | None:
    """Return the windows of both arms; None where one of them is not known."""
    ours = window_of(m.baseline for m in measurements)
    theirs = window_of(m.candidate for m in measurements)
    return (ours, theirs) if ours and theirs else None


def why_apart(measurements: Sequence[PairedMeasurement], *, apart: bool = False) -> str:
    """Say why the arms of a run were not asked side by side; empty where they were.

    ``apart``: they were not, whatever a clock says: their servers take turns. A run without a live
    answer has no windows; that is for the metrics to tell.
    """
    if not any(arm.live for m in measurements for arm in (m.baseline, m.candidate)):
        return ""
    if apart:
        return ONE_AFTER_THE_OTHER
    windows = both_windows(measurements)
    if windows is None:
        return _UNKNOWN
    ours, theirs = windows
    start, end = ours.shared(theirs)
    shorter = min(ours.end - ours.start, theirs.end - theirs.start)
    least = 0.0 if min(ours.answers, theirs.answers) < FEW else OVERLAP * shorter
    return "" if end > start and end - start >= least else ONE_AFTER_THE_OTHER
