"""Interval bars: where a difference lies against its budget, all rows of a unit on one scale.

The verdict can be read without colour: a FAIL is a diamond, a PASS a disc, what is open a ring.
"""

from __future__ import annotations

import math

from pytest_quantguard.reporters._words import budget_of, change, group_name, interval
from pytest_quantguard.reporters.html._markup import Markup, tag
from pytest_quantguard.reporters.html._pieces import verdict_class
from pytest_quantguard.reporters.html._scale import Scale, limit_of
from pytest_quantguard.reporters.html._svg import box, line, number, picture, shape, words
from pytest_quantguard.verdicts import BudgetVerdict, Delta, Verdict

WIDTH = 300
"""Of a bar and its axis, in units: pixels where there is room."""
MARGIN = 14
HEIGHT = 26
_MIDDLE = HEIGHT / 2


def inner_width() -> float:
    """Return the room between the margins."""
    return WIDTH - 2.0 * MARGIN


def axis(scale: Scale) -> Markup:
    """Return the axis of a unit."""
    ticks = scale.ticks(36)
    unit = "percentage points" if scale.unit == "points" else "candidate / baseline"
    said = ", ".join(scale.name(tick) for tick in ticks)
    marks = [line(_x(scale, tick), 16, _x(scale, tick), 21, "tick") for tick in ticks]
    names = [words(_x(scale, tick), 12, scale.name(tick), class_="tick") for tick in ticks]
    return picture(
        WIDTH, 21, f"Scale in {unit}", f"Marks at {said}; to the right is worse", marks, names,
        class_="axis",
    )  # fmt: skip


def bar(row: BudgetVerdict, delta: Delta, scale: Scale) -> Markup:
    """Return one row's interval, its estimate, and its budget."""
    budget = budget_of(row)
    against = f", budget {budget}" if budget else ""
    return picture(
        WIDTH,
        HEIGHT,
        f"{group_name(row)}: {row.verdict.word}",
        f"{change(delta)}, 90 % interval {interval(delta)}{against}",
        _budget(row, scale),
        _neutral(scale),
        _possible(delta, scale),
        _interval(row.verdict, delta, scale),
        class_="bar",
    )


def legend() -> Markup:
    """Return what the marks of the bars mean, as text with the marks drawn."""
    sample = Delta(value=0.5, low=0.1, high=0.9, n=1)
    scale = Scale(unit="points", low=0, high=1, width=44)
    items = (
        (tag("g", _interval(Verdict.PASS, sample, scale)), "PASS, with its 90 % interval"),
        (tag("g", _interval(Verdict.FAIL, sample, scale)), "FAIL"),
        (tag("g", _interval(Verdict.INCONCLUSIVE, sample, scale)), "INCONCLUSIVE"),
        (_line_of_budget(36), "budget; shaded is inside, to the right is worse"),
    )
    return tag(
        "ul",
        (tag("li", _key(mark), " ", text) for mark, text in items),
        class_="legend",
        aria_label="What the marks of the bars mean",
    )


def _key(mark: Markup) -> Markup:
    return tag(
        "svg", mark, viewBox=f"0 0 72 {HEIGHT}", width=58, height=21, aria_hidden="true",
        class_="bar",
    )  # fmt: skip


def _x(scale: Scale, value: float) -> float:
    return MARGIN + scale.at(value)


def _neutral(scale: Scale) -> Markup:
    x = _x(scale, 1.0 if scale.unit == "ratio" else 0.0)
    return line(x, 0, x, HEIGHT, "neutral")


def _budget(row: BudgetVerdict, scale: Scale) -> list[Markup]:
    """Shade what is allowed, and draw its end; both ends where both directions count."""
    limit = limit_of(row)
    if limit is None or not limit > 0:
        return []
    end, start = _x(scale, limit), MARGIN * 0.5
    marks = [_line_of_budget(end)] if scale.holds(limit) else []
    if row.both_ways:
        other = 1 / limit if scale.unit == "ratio" else -limit
        start = _x(scale, other)
        marks += [_line_of_budget(start)] if scale.holds(other) else []
    return [box(start, 2, end - start, HEIGHT - 4, "allowed"), *marks]


def _line_of_budget(x: float) -> Markup:
    return line(x, 0, x, HEIGHT, "limit", stroke_width=2)


def _possible(delta: Delta, scale: Scale) -> list[Markup]:
    """Draw between what bounds the difference could be, had no answer been missing."""
    if delta.best is None or delta.worst is None:
        return []
    ends = _x(scale, delta.best), _x(scale, delta.worst)
    return [line(ends[0], HEIGHT - 3, ends[1], HEIGHT - 3, "possible", stroke_dasharray="2 3")]


def _interval(verdict: Verdict, delta: Delta, scale: Scale) -> list[Markup]:
    """Draw what is on the scale; an arrow says that something lies beyond its end."""
    if any(map(math.isnan, (delta.low, delta.value, delta.high))):
        return []
    color = verdict_class(verdict)
    low, high = _x(scale, delta.low), _x(scale, delta.high)
    found = [box(low, _MIDDLE - 2.5, max(high - low, 1), 5, f"span {color}")]
    found += [
        _end(x, color) for x, end in ((low, delta.low), (high, delta.high)) if scale.holds(end)
    ]
    found += [_arrow(low, -1, color)] if delta.low < scale.low else []
    found += [_arrow(high, 1, color)] if delta.high > scale.high else []
    known = scale.holds(delta.value)
    return [*found, _mark(verdict, _x(scale, delta.value), color)] if known else found


def _end(x: float, color: str) -> Markup:
    return line(x, _MIDDLE - 5, x, _MIDDLE + 5, f"end {color}", stroke_width=1.5)


def _arrow(x: float, way: int, color: str) -> Markup:
    """Say that the interval goes on beyond the scale."""
    tip, top, bottom = x + way * 9, _MIDDLE - 6, _MIDDLE + 6
    return shape(((x, top), (tip, _MIDDLE), (x, bottom)), f"span {color}")


def _mark(verdict: Verdict, x: float, color: str) -> Markup:
    if verdict is Verdict.FAIL:
        corners = ((x, _MIDDLE - 7), (x + 7, _MIDDLE), (x, _MIDDLE + 7), (x - 7, _MIDDLE))
        return shape(corners, f"mark {color}")
    if verdict is Verdict.PASS:
        return _disc(x, f"mark {color}", fill="currentColor")
    return _disc(x, f"ring {color}", fill="white", stroke="currentColor", stroke_width=2)


def _disc(x: float, class_: str, **more: str | int) -> Markup:
    return tag("circle", cx=number(x), cy=number(_MIDDLE), r=5.5, class_=class_, **more)
