"""What each candidate loses against what it saves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from pytest_quantguard._noise import is_null
from pytest_quantguard.reporters._words import change, interval, label, ratio
from pytest_quantguard.reporters.html._markup import Child, Markup, tag
from pytest_quantguard.reporters.html._pieces import (
    Column,
    badge,
    row,
    table,
    verdict_class,
    wide,
)
from pytest_quantguard.reporters.html._scale import Scale, round_up
from pytest_quantguard.reporters.html._svg import line, number, picture, shape, words
from pytest_quantguard.stats import loss_interval, paired_counts
from pytest_quantguard.verdicts import CandidateReport, Delta, GateReport, Verdict

WIDTH, HEIGHT = 880, 300
LEFT, RIGHT, TOP, BOTTOM = 56, 24, 18, 40
NAME_ROOM = 24
"""Longest name, in characters, that stands in the picture beside its number."""
_SAVINGS = (
    ("cost_per_success", "cost per success"),
    ("cost_per_request", "cost per request"),
    ("latency_p50", "median latency"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where one candidate stands."""

    name: str
    verdict: Verdict
    loss: Delta
    saving: float
    """Candidate / baseline, above 0; below 1 it is cheaper, or faster."""

    def beats(self, other: Place) -> bool:
        """Tell whether it is nowhere worse than another, and somewhere better."""
        mine, theirs = (self.loss.value, self.saving), (other.loss.value, other.saving)
        return mine != theirs and all(a <= b for a, b in zip(mine, theirs, strict=True))


def pareto(report: GateReport) -> list[Child]:
    """Return picture and table; a sentence where there is nothing to draw."""
    candidates = [one for one in report.candidates if not is_null(one.variant)]
    about, places = _places(candidates)
    if not places:
        text = "Neither cost nor latency of any candidate is known: there is nothing to weigh."
        return [tag("p", text, class_="muted")]
    budgets = {row.max_drop for c in candidates for row in c.budgets if _suite(row)}
    limit = next(iter(budgets)) if len(budgets) == 1 else None
    return [
        wide(_picture(about, places, limit, label(report.baseline.name)), "Loss against saving"),
        _table(about, places),
        *filter(None, [_left_out(candidates, places)]),
    ]


def _suite(row: object) -> bool:
    names = ("cohort", "check", "tag", "metric")
    return all(getattr(row, name) is None for name in names) and not getattr(row, "relative", False)


def loss_of(candidate: CandidateReport) -> Delta | None:
    """Return the loss over all cases: as judged, or where no budget asks, found in the same way."""
    judged = next((row.delta for row in candidate.budgets if _suite(row) and row.delta), None)
    if judged or not candidate.outcomes or candidate.verdict is Verdict.NOT_COMPARABLE:
        return judged
    cases: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for outcome in candidate.outcomes:
        found = cases.setdefault((outcome.cohort, outcome.case), [])
        found.append((outcome.difference, outcome.weight))
    losses = [sum(d for d, _ in found) / len(found) for found in cases.values()]
    weights = [found[0][1] for found in cases.values()]
    counts = paired_counts(losses, weights)
    low, high = loss_interval(counts)
    return Delta(value=(counts.lost - counts.gained) / counts.n, low=low, high=high, n=counts.n)


def _places(candidates: Sequence[CandidateReport]) -> tuple[str, list[Place]]:
    """Weigh the candidates by the first of cost and latency that is known of most of them."""
    lost = [(c, loss) for c in candidates if (loss := loss_of(c))]
    kinds = [(text, [_reading(c, key) for c, _ in lost]) for key, text in _SAVINGS]
    kept = [_kept(candidate) for candidate, _ in lost]
    kinds.append(("median latency as kept with the answers", kept))
    text, savings = max(kinds, key=lambda kind: sum(one is not None for one in kind[1]))
    return text, [
        Place(name=label(c.variant.name), verdict=c.verdict, loss=loss, saving=saving)
        for (c, loss), saving in zip(lost, savings, strict=True)
        if saving is not None
    ]


def _left_out(candidates: Sequence[CandidateReport], places: Sequence[Place]) -> Markup | None:
    """Name the candidates that stand nowhere in the picture."""
    shown = {place.name for place in places}
    names = [label(c.variant.name) for c in candidates]
    absent = ", ".join(name for name in names if name not in shown)
    if not absent:
        return None
    return tag("p", f"Not shown, since loss or saving is not known: {absent}.", class_="muted")


def _reading(candidate: CandidateReport, metric: str) -> float | None:
    for reading in candidate.readings:
        if reading.group.metric == metric and not (reading.group.cohort or reading.group.tag):
            return _ratio(reading.candidate, reading.baseline)
    return None


def _kept(candidate: CandidateReport) -> float | None:
    pairs = [(m.baseline.latency_s, m.candidate.latency_s) for m in candidate.measurements]
    known = [(one, other) for one, other in pairs if one and other]
    if not known:
        return None
    ours, theirs = (sorted(values)[len(known) // 2] for values in zip(*known, strict=True))
    return _ratio(theirs, ours)


def _ratio(above: float | None, below: float | None) -> float | None:
    if above is None or below is None or not above > 0 or not below > 0:
        return None
    found = above / below
    return found if math.isfinite(found) else None


# --- the picture --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Axes:
    across: Scale
    low: float
    high: float

    def x(self, saving: float) -> float:
        return LEFT + self.across.at(saving)

    def y(self, loss: float) -> float:
        place = (min(self.high, max(self.low, loss)) - self.low) / (self.high - self.low)
        return HEIGHT - BOTTOM - place * (HEIGHT - TOP - BOTTOM)


def _axes(places: Sequence[Place], limit: float | None) -> _Axes:
    savings = [1.0, *(place.saving for place in places)]
    losses = [0.0, 0.01, limit or 0.0]
    losses += [end for place in places for end in (place.loss.low, place.loss.high)]
    low, high = max(-1.0, min(losses)), min(1.0, max(losses))
    margin = 0.06 * (high - low)
    low_saving, high_saving = min(savings) / 1.15, max(savings) * 1.3
    scale = Scale(unit="ratio", low=low_saving, high=high_saving, width=WIDTH - LEFT - RIGHT)
    return _Axes(across=scale, low=low - margin, high=high + margin)


def _picture(about: str, places: Sequence[Place], limit: float | None, baseline: str) -> Markup:
    axes = _axes(places, limit)
    drawn = [_grid(axes, about), _limit(axes, limit), _baseline(axes, baseline)]
    drawn += [_point(axes, i, place) for i, place in enumerate(places, 1)]
    said = "; ".join(
        f"{p.name}: loss {change(p.loss)} {interval(p.loss)}, {ratio(p.saving)}" for p in places
    )
    title = f"Quality loss against {about}, as a multiple of {baseline}'s"
    return picture(WIDTH, HEIGHT, title, said, drawn, class_="pareto")


def _grid(axes: _Axes, about: str) -> list[Markup]:
    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    found = []
    step = round_up((axes.high - axes.low) / 6)
    for i in range(math.ceil(axes.low / step), math.floor(axes.high / step) + 1):
        y = axes.y(i * step)
        found.append(line(LEFT, y, right, y, "neutral" if i == 0 else "grid"))
        name = f"{100 * i * step:+.3g} pt" if i else "0"
        found.append(words(LEFT - 8, y + 4, name, "end", "tick"))
    for tick in axes.across.ticks(60):
        x = axes.x(tick)
        found.append(line(x, TOP, x, bottom, "neutral" if tick == 1 else "grid"))
        found.append(words(x, bottom + 16, axes.across.name(tick), "middle", "tick"))
    found.append(words(right, HEIGHT - 6, f"{about}, candidate / baseline", "end", "tick"))
    found.append(words(LEFT, HEIGHT - 6, "lower left is better", "start", "tick"))
    return found


def _limit(axes: _Axes, limit: float | None) -> list[Markup]:
    if limit is None:
        return []
    y = axes.y(limit)
    return [
        line(LEFT, y, WIDTH - RIGHT, y, "limit", stroke_width=1.5, stroke_dasharray="6 4"),
        words(WIDTH - RIGHT, y - 5, "budget over all cases", "end", "tick"),
    ]


def _baseline(axes: _Axes, name: str) -> list[Markup]:
    x, y = axes.x(1.0), axes.y(0.0)
    shown = name if len(name) <= NAME_ROOM else "baseline"
    mark = tag("circle", cx=number(x), cy=number(y), r=4, class_="neutral", fill="currentColor")
    return [mark, words(x + 9, y + 15, shown, "start", "tick")]


def _point(axes: _Axes, index: int, place: Place) -> list[Markup]:
    x, y, color = axes.x(place.saving), axes.y(place.loss.value), verdict_class(place.verdict)
    low, high = axes.y(place.loss.low), axes.y(place.loss.high)
    name = f"{index} {place.name}" if len(place.name) <= NAME_ROOM else f"{index}"
    right = x < WIDTH - RIGHT - 150
    anchor = words(x + 12 if right else x - 12, y + 4, name, "start" if right else "end", "name")
    found = [line(x, low, x, high, f"end {color}", stroke_width=2)]
    found += [line(x - 4, end, x + 4, end, f"end {color}", stroke_width=1.5) for end in (low, high)]
    return [*found, _mark(place.verdict, x, y, color), anchor]


def _mark(verdict: Verdict, x: float, y: float, color: str) -> Markup:
    if verdict is Verdict.FAIL:
        return shape(((x, y - 8), (x + 8, y), (x, y + 8), (x - 8, y)), f"mark {color}")
    at = {"cx": number(x), "cy": number(y)}
    if verdict is Verdict.PASS:
        return tag("circle", r=6, class_=f"mark {color}", fill="currentColor", **at)
    return tag(
        "circle", r=6, class_=f"ring {color}", fill="white", stroke="currentColor",
        stroke_width=2, **at,
    )  # fmt: skip


def _table(about: str, places: Sequence[Place]) -> Markup:
    columns = (
        Column(title="Candidate"),
        Column(title="Verdict"),
        Column(title="Loss over all cases", number=True),
        Column(title=f"{about.capitalize()}, against the baseline", number=True),
        Column(title="No better than", class_="text"),
    )
    rows = []
    for i, place in enumerate(places, 1):
        better = ", ".join(other.name for other in places if other.beats(place))
        loss = [tag("b", change(place.loss)), f" {interval(place.loss)}"]
        cells: list[Child] = [f"{i} {place.name}", badge(place.verdict), loss]
        rows.append(row(columns, [*cells, ratio(place.saving), better or None]))
    return table(f"Loss against {about}", columns, rows)
