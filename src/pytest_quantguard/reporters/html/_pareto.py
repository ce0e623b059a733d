"""What each candidate loses, against what it costs or how long it takes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from pytest_quantguard._noise import is_null
from pytest_quantguard.reporters._cheapest import MEASURED_COST
from pytest_quantguard.reporters._routing import Rollout
from pytest_quantguard.reporters._words import change, interval, label, sentence
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
from pytest_quantguard.verdicts import CandidateReport, Delta, GateReport, Group, Reading, Verdict

WIDTH, HEIGHT = 880, 300
LEFT, RIGHT, TOP, BOTTOM = 56, 24, 18, 40
NAME_ROOM = 24
"""Longest name, in characters, that stands in the picture beside its number."""
_SAVINGS = {
    "cost_per_success": "cost per success",
    "cost_per_request": "cost per request",
    "latency_p50": "latency in the median case",
}
"""Metrics and their names, in the order in which they are wanted."""
_INTERVAL_ROOM = 4
"""The end of an interval moves the end of the scale by this factor at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where one candidate stands."""

    name: str
    verdict: Verdict
    loss: Delta
    saving: Delta
    """Candidate / baseline, above 0; below 1 it is cheaper, or faster."""

    def beats(self, other: Place) -> bool:
        """Tell whether it is shown to be better in one of the two, and in the other, too, or equal.

        Shown: their intervals do not meet. Equal: to the last digit.
        """
        pairs = ((self.loss, other.loss), (self.saving, other.saving))
        better = [mine.high < theirs.low for mine, theirs in pairs]
        equal = [mine.value == theirs.value for mine, theirs in pairs]
        return any(better) and all(b or e for b, e in zip(better, equal, strict=True))


def pareto(report: GateReport, found: Rollout) -> list[Child]:
    """Return heading, picture and table; a sentence where there is nothing to draw.

    What is drawn is what the metric itself found, with its interval. Times of arms that were not
    asked side by side are no finding: they are not drawn.
    """
    candidates = [one for one in report.candidates if not is_null(one.variant)]
    metric, places = _places(candidates)
    if not places:
        text = "No cost and no latency could be compared, so there is nothing to weigh."
        why = _why_none(candidates, "latency_p50")
        return [tag("h3", "Loss against cost or time"), tag("p", text, why, class_="muted")]
    about = _SAVINGS[metric]
    budgets = {row.max_drop for c in candidates for row in c.budgets if _suite(row)}
    limit = next(iter(budgets)) if len(budgets) == 1 else None
    return [
        tag("h3", f"Loss against {about}"),
        tag("p", _advised(metric, found), class_="muted"),
        wide(_picture(about, places, limit, label(report.baseline.name)), f"Loss against {about}"),
        _table(about, places),
        *filter(None, [_left_out(metric, candidates, places)]),
    ]


def _advised(metric: str, found: Rollout) -> str:
    """Say what the advice means by cheaper: it need not be what is drawn."""
    if found.cheapest_by == MEASURED_COST and metric == "cost_per_success":
        return "The advice above takes the cheapest first by this cost."
    first = ", ".join(map(label, found.candidates))
    return (
        f"This picture shows {_SAVINGS[metric]} as measured in this run. The advice above does not "
        f"use it: it takes the cheapest first by {found.cheapest_by}: {first}."
    )


def _suite(row: object) -> bool:
    names = ("cohort", "check", "tag", "metric")
    return all(getattr(row, name) is None for name in names) and not getattr(row, "relative", False)


def loss_of(candidate: CandidateReport) -> Delta | None:
    """Return the loss over all cases: as judged, or where no budget asks, found in the same way."""
    judged = next((row.delta for row in candidate.budgets if _suite(row) and row.delta), None)
    kept = candidate.outcomes and candidate.counted is None
    if judged or not kept or candidate.verdict is Verdict.NOT_COMPARABLE:
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
    """Weigh the candidates by the first of cost and latency that is compared for most of them."""
    lost = [(c, loss) for c in candidates if (loss := loss_of(c))]
    kinds = [(key, [_compared(c, key) for c, _ in lost]) for key in _SAVINGS]
    metric, savings = max(kinds, key=lambda kind: sum(one is not None for one in kind[1]))
    return metric, [
        Place(name=label(c.variant.name), verdict=c.verdict, loss=loss, saving=saving)
        for (c, loss), saving in zip(lost, savings, strict=True)
        if saving is not None
    ]


def _left_out(
    metric: str, candidates: Sequence[CandidateReport], places: Sequence[Place]
) -> Markup | None:
    """Name the candidates that stand nowhere in the picture."""
    shown = {place.name for place in places}
    absent = [one for one in candidates if label(one.variant.name) not in shown]
    if not absent:
        return None
    names = ", ".join(label(one.variant.name) for one in absent)
    text = f"Not shown, since the loss or the {_SAVINGS[metric]} could not be compared: {names}."
    return tag("p", text, _why_none(absent, metric), class_="muted")


def _why_none(candidates: Sequence[CandidateReport], metric: str) -> str:
    """Return what the metric itself says about it; of several reasons the first."""
    found = (_reading(candidate, metric) for candidate in candidates)
    why = next((sentence(one.note) for one in found if one and one.note and not one.delta), "")
    return f" {_SAVINGS[metric].capitalize()}: {why}." if why else ""


def _reading(candidate: CandidateReport, metric: str) -> Reading | None:
    group = Group(metric=metric)
    return next((one for one in candidate.readings if one.group == group), None)


def _compared(candidate: CandidateReport, metric: str) -> Delta | None:
    """Return what a metric found over all cases, where that is a ratio that can be drawn."""
    reading = _reading(candidate, metric)
    delta = reading.delta if reading else None
    if delta is None or delta.unit != "ratio":
        return None
    return delta if 0 < delta.value < math.inf and delta.low >= 0 else None


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
    savings = [1.0, *(place.saving.value for place in places)]
    for saving in (place.saving for place in places):
        savings.append(max(saving.low, saving.value / _INTERVAL_ROOM))
        savings.append(min(saving.high, saving.value * _INTERVAL_ROOM))
    losses = [0.0, 0.01, limit or 0.0]
    losses += [end for place in places for end in (place.loss.low, place.loss.high)]
    low, high = max(-1.0, min(losses)), min(1.0, max(losses))
    margin = 0.06 * (high - low)
    low_saving, high_saving = min(savings) / 1.1, max(savings) * 1.2
    scale = Scale(unit="ratio", low=low_saving, high=high_saving, width=WIDTH - LEFT - RIGHT)
    return _Axes(across=scale, low=low - margin, high=high + margin)


def _picture(about: str, places: Sequence[Place], limit: float | None, baseline: str) -> Markup:
    axes = _axes(places, limit)
    drawn = [_grid(axes, about), _limit(axes, limit), _baseline(axes, baseline)]
    drawn += [_point(axes, i, place) for i, place in enumerate(places, 1)]
    said = "; ".join(
        f"{p.name}: loss {change(p.loss)} {interval(p.loss)}, "
        f"{change(p.saving)} {interval(p.saving)}"
        for p in places
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
    x, y = axes.x(place.saving.value), axes.y(place.loss.value)
    color = verdict_class(place.verdict)
    left, end = axes.x(place.saving.low), axes.x(place.saving.high)
    low, high = axes.y(place.loss.low), axes.y(place.loss.high)
    name = f"{index} {place.name}" if len(place.name) <= NAME_ROOM else f"{index}"
    right = x < WIDTH - RIGHT - 150
    anchor = words(x + 9 if right else x - 9, y - 10, name, "start" if right else "end", "name")
    found = [line(x, low, x, high, f"end {color}", stroke_width=2)]
    found += [line(x - 4, at, x + 4, at, f"end {color}", stroke_width=1.5) for at in (low, high)]
    found += [line(left, y, end, y, f"end {color}", stroke_width=2)]
    found += [line(at, y - 4, at, y + 4, f"end {color}", stroke_width=1.5) for at in (left, end)]
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
        Column(title="Verdict", class_="verdict"),
        Column(title="Loss over all cases", number=True, class_="delta"),
        Column(title=f"{about.capitalize()}, against the baseline", number=True, class_="delta"),
        Column(title="Shown to be no better than", class_="text"),
    )
    rows = []
    for i, place in enumerate(places, 1):
        better = ", ".join(other.name for other in places if other.beats(place))
        numbers = [
            [tag("b", change(delta)), f" {interval(delta)}"] for delta in (place.loss, place.saving)
        ]
        cells: list[Child] = [f"{i} {place.name}", badge(place.verdict), *numbers]
        rows.append(row(columns, [*cells, better or None]))
    return table(f"Loss against {about}", columns, rows)
