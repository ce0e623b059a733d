"""Mirrored histograms: the baseline above the line, the candidate below, on one scale."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pytest_quantguard.reporters.html._markup import Markup, tag
from pytest_quantguard.reporters.html._scale import plain_number, round_up
from pytest_quantguard.reporters.html._svg import line, number, picture, words
from pytest_quantguard.stats._order import sample_quantile

QUANTILES = (0.5, 0.95, 0.99)
BINS_OF_COUNTS = 16
"""Fewest bins of whole numbers: three bars as wide as the picture would say nothing more."""
_LETTER = 6.6
"""Width of a letter of a label, in units: an upper bound."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The values of both arms on the same cases, each sorted; never empty."""

    name: str
    """Of the cohort; ``all`` for all together."""
    unit: str
    """``tokens``, ``characters`` or ``s``."""
    baseline: list[float]
    candidate: list[float]

    def marks(self) -> tuple[list[float], list[float]]:
        """Return p50, p95 and p99 of both arms."""
        one, other = (
            [sample_quantile(values, q) for q in QUANTILES]
            for values in (self.baseline, self.candidate)
        )
        return one, other


@dataclass(frozen=True, slots=True, kw_only=True)
class _Frame:
    """Where the values go; what is above ``high`` goes into the last bin."""

    low: float
    high: float
    bins: int
    width: int
    height: int
    top: int

    @property
    def middle(self) -> float:
        return self.top + self.height / 2

    def at(self, value: float) -> float:
        return self.width * min(1.0, max(0.0, (value - self.low) / (self.high - self.low)))

    def bin(self, value: float) -> int:
        place = (value - self.low) / (self.high - self.low)
        return max(0, min(self.bins - 1, int(place * self.bins)))


def histogram(sample: Sample, arms: tuple[str, str], width: int, height: int) -> Markup:
    """Return the picture of one sample, ``width`` by ``height`` units and its labels."""
    marks, written = sample.marks(), plain_number(sample.unit)
    frame = _frame(sample, marks, width, height)
    shares = [_shares(values, frame) for values in (sample.baseline, sample.candidate)]
    most = max(max(share) for share in shares)
    sides = zip(("baseline", "candidate"), shares, marks, (-1, 1), strict=True)
    drawn = [_side(frame, arm, share, most, way) for arm, share, _, way in sides]
    sides = zip(("baseline", "candidate"), shares, marks, (-1, 1), strict=True)
    drawn += [m for arm, _, mark, way in sides for m in _marks(frame, arm, mark, way, written)]
    drawn += _axis(frame, written, open_end=max(sample.baseline[-1], sample.candidate[-1]))
    return picture(
        width, height + frame.top + 34, f"{_what(sample)}, {sample.name}",
        "; ".join(f"{arm}: {_said(mark, written)}" for arm, mark in zip(arms, marks, strict=True)),
        drawn, class_="histogram",
    )  # fmt: skip


def _what(sample: Sample) -> str:
    return "Latency" if sample.unit == "s" else f"Length in {sample.unit}"


def _said(mark: Sequence[float], written: Callable[[float], str]) -> str:
    named = zip(("median", "95 % up to", "99 % up to"), mark, strict=True)
    return ", ".join(f"{name} {written(value)}" for name, value in named)


def _frame(
    sample: Sample, marks: tuple[list[float], list[float]], width: int, height: int
) -> _Frame:
    low = min(sample.baseline[0], sample.candidate[0])
    most = max(sample.baseline[-1], sample.candidate[-1])
    high = min(most, low + 1.3 * (max(marks[0][-1], marks[1][-1]) - low))
    if high <= low:
        low, high = low - 0.5 * abs(low) - 1e-3, high + 0.5 * abs(high) + 1e-3
    whole = sample.unit != "s" and high - low < width // 12
    bins = max(1, int(high - low) + 1) if whole else max(12, min(60, width // 12))
    if whole:
        spare = max(0, BINS_OF_COUNTS - bins)
        bins += spare
        low = max(0.0, low - spare // 2) - 0.5
        high = low + bins
    return _Frame(low=low, high=high, bins=bins, width=width, height=height, top=16)


def _shares(values: Sequence[float], frame: _Frame) -> list[float]:
    counts = [0] * frame.bins
    for value in values:
        counts[frame.bin(value)] += 1
    return [count / len(values) for count in counts]


def _side(frame: _Frame, arm: str, shares: Sequence[float], most: float, way: int) -> Markup:
    """Return one arm's bars as one outline, from left to right and back along the line."""
    reach, step = frame.height / 2 - 2, frame.width / frame.bins
    steps = []
    for i, share in enumerate(shares):
        if share:
            y = way * max(1.0, reach * share / most)
            left, wide = number(step * i + 0.5), number(max(step - 1, 0.5))
            steps.append(f"M{left} {number(frame.middle + way)}h{wide}v{number(y)}h-{wide}z")
    return tag("path", d="".join(steps), class_=f"arm {arm}", fill="currentColor")


def _marks(
    frame: _Frame, arm: str, mark: Sequence[float], way: int, written: Callable[[float], str]
) -> list[Markup]:
    """Mark the quantiles; those that would stand in each other's way have no label."""
    found: list[Markup] = []
    taken = 0.0
    edge = frame.middle + way * frame.height / 2
    for name, value in zip(("p50", "p95", "p99"), mark, strict=True):
        x, text = frame.at(value), f"{name} {written(value)}"
        found.append(line(x, frame.middle, x, edge, f"quantile {arm}", stroke_dasharray="3 2"))
        room = _LETTER * len(text)
        left = min(max(x - room / 2, 0), frame.width - room)
        if left >= taken:
            taken = left + room
            y = edge - 4 if way < 0 else edge + 12
            found.append(words(left + room / 2, y, text, "middle", f"label {arm}"))
    return found


def _axis(frame: _Frame, written: Callable[[float], str], open_end: float) -> list[Markup]:
    """Return the line in the middle, and round values below; the last says what it holds."""
    step = round_up((frame.high - frame.low) * 64 / frame.width)
    y = frame.top + frame.height + 30
    found = [line(0, frame.middle, frame.width, frame.middle, "neutral")]
    ticks = range(int(frame.low // step) + 1, int(frame.high // step) + 1)
    last = f"up to {written(open_end)}" if open_end > frame.high else ""
    room = frame.width - (88 if last else 22)
    for tick in ticks:
        if 14 < (x := frame.at(tick * step)) < room:
            found += [
                line(x, y - 13, x, y - 9, "tick"),
                words(x, y, written(tick * step), "middle", "tick"),
            ]
    return [*found, words(frame.width, y, last, "end", "tick")] if last else found
