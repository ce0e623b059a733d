"""The history as one static page: a picture of each budget over time, and every entry.

The page stands beside one style sheet, asks for nothing else, and needs no script.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from importlib import resources
from itertools import groupby
from pathlib import Path

from pytest_quantguard.history.changes import NO_REASON, Change, name_of
from pytest_quantguard.history.keeping import Spot
from pytest_quantguard.history.view import View, place_of, scale, title_of, when
from pytest_quantguard.reporters._files import write_whole
from pytest_quantguard.reporters._words import budget_of, change, interval, sentence
from pytest_quantguard.reporters.html._markup import Child, Markup, tag
from pytest_quantguard.reporters.html._page import head
from pytest_quantguard.reporters.html._pieces import Column, badge, counted, folded, row, table
from pytest_quantguard.reporters.html._pieces import verdict_class as class_of
from pytest_quantguard.reporters.html._svg import line, number, picture, shape, words
from pytest_quantguard.verdicts import Group, Verdict

POLICY = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'"
_WIDTH, _HEIGHT, _EDGE, _FOOT = 520, 110, 12, 16
"""Of a picture, in its units: with a margin all around, and room for dates below."""
_MOST = 60
"""Runs of one picture, the newest: more cannot be told apart. The table below has all."""


def write(views: Sequence[View], path: Path) -> list[Path]:
    """Write the page and its style sheet beside it; return both paths.

    Raises:
        QuantGuardError: one cannot be written; names it.
    """
    sheet = path.with_suffix(".css")
    look = resources.files("pytest_quantguard.reporters.html").joinpath("style.css").read_bytes()
    own = resources.files("pytest_quantguard.history").joinpath("history.css").read_bytes()
    write_whole(sheet, look + b"\n" + own)
    write_whole(path, page(views, sheet.name).encode())
    return [path, sheet]


def page(views: Sequence[View], sheet: str) -> str:
    """Return the page; ``sheet`` is the address of its style sheet, in the same folder."""
    body = tag(
        "body",
        tag("a", "Skip to the content", class_="skip", href="#content"),
        tag(
            "main",
            tag("header", tag("h1", "History of verdicts"), _legend(), class_="history"),
            *(_section(i, view) for i, view in enumerate(views)),
            id="content",
            tabindex=-1,
        ),
        tag("footer", tag("p", "Made by pytest-quantguard. Times are UTC.")),
    )
    top = head("History of verdicts", POLICY, [sheet])
    return f"<!doctype html>\n{tag('html', top, body, lang='en')}\n"


def _legend() -> Markup:
    return tag(
        "p",
        "Each picture shows how much worse the candidate was, run by run, the newest at the right: "
        "a dot per run with its 90 % interval as a band, and the budget as a dashed line. Round "
        "marks passed, crosses failed, triangles are inconclusive, squares are errors or not "
        "comparable. Upright lines with a letter are changes, which the list below explains.",
        class_="muted",
    )


def _section(place: int, view: View) -> Markup:
    shown = view.points[-1]
    span = f"{when(view.points[0].run.at)} to {when(shown.run.at)}"
    older = f"; {counted(view.older, 'older run')} not shown" if view.older else ""
    letters = _letters(view.changes)
    groups = [group for group in view.spots if view.whole(group)]
    name = title_of(view)
    part = f"; {view.parts} of a part of the cases, in no picture" if view.parts else ""
    return tag(
        "section",
        tag("h2", badge(shown.judged.verdict), name, id=f"candidate-{place}"),
        tag("p", f"{counted(len(view.points), 'run')}, {span}{older}{part}", class_="muted"),
        tag("div", [_figure(view, group, letters) for group in groups], class_="grid"),
        tag("h3", "What changed"),
        _changes(view.changes, letters),
        folded(f"All {counted(len(view.points), 'run')}", _runs(view), class_="runs"),
        aria_labelledby=f"candidate-{place}",
    )


def _letters(changes: Sequence[Change]) -> dict[str, str]:
    """Return a short mark for each entry: A to Z, then numbers."""
    names = [chr(65 + i) if i < 26 else str(i + 1) for i in range(len(changes))]
    return {change.id: name for change, name in zip(changes, names, strict=True)}


# --- one budget ---------------------------------------------------------------------------


def _figure(view: View, group: Group, letters: dict[str, str]) -> Markup:
    spots = view.whole(group)
    shown = spots[-_MOST:]
    rows = [spot.row(group) for spot in spots]
    points = {point.run.id: point for point in view.points}
    last = rows[-1]
    said = f"{change(last.delta)}, " if last.delta else ""
    caption = tag(
        "figcaption",
        name_of(group),
        tag("span", f"{said}budget {budget_of(last)} ", badge(last.verdict), class_="small"),
    )
    columns = (
        Column(title="when"),
        Column(title="worse by", number=True),
        Column(title="90% interval", number=True),
        Column(title="cases", number=True),
        Column(title="budget", number=True),
        Column(title="verdict"),
    )
    lines = (
        row(
            columns,
            (
                when(points[spot.run].run.at),
                change(found.delta) if found.delta else "",
                interval(found.delta) if found.delta else "",
                str(found.cases),
                budget_of(found),
                badge(found.verdict),
            ),
        )
        for spot, found in zip(reversed(spots), reversed(rows), strict=True)
    )
    numbers = folded("All numbers", table(f"{name_of(group)}, {title_of(view)}", columns, lines))
    drawn = _picture(view, group, shown, letters)
    return tag("figure", caption, drawn, numbers)


def _picture(view: View, group: Group, spots: Sequence[Spot], letters: dict[str, str]) -> Markup:
    place = _Place(spots)
    rows = [spot.row(group) for spot in spots]
    said = "; ".join(
        f"{change(one.delta) if one.delta else 'no delta'} {one.verdict.word}" for one in rows
    )
    at = {point.run.id: point.run.at for point in view.points}
    first, last = (when(at[spot.run])[:10] for spot in (spots[0], spots[-1]))
    foot = _HEIGHT + _FOOT - 4
    return picture(
        _WIDTH,
        _HEIGHT + _FOOT,
        f"{name_of(group)} over {counted(len(spots), 'run')}",
        f"From the oldest run to the newest: {said}",
        line(_EDGE, place.y(place.neutral), _WIDTH - _EDGE, place.y(place.neutral), "tick"),
        _band(place, spots),
        _limits(place, spots),
        *_marked(view, group, place, spots, letters),
        _course(place, spots),
        *(_mark(place.x(i), place.y(s.value), Verdict(s.verdict)) for i, s in enumerate(spots)),
        words(_EDGE, foot, first, "start", "tick"),
        words(_WIDTH - _EDGE, foot, last, "end", "tick") if len(spots) > 1 else None,
        class_="history",
    )


class _Place:
    """Where things stand in a picture."""

    def __init__(self, spots: Sequence[Spot]) -> None:
        self.neutral = 1.0 if any(spot.max_ratio is not None for spot in spots) else 0.0
        low, high = scale(spots)
        ends = [low, high]
        for spot in spots:  # the band, unless it is much taller than what it surrounds
            reach = (high - low) * 1.5
            ends += [max(v, low - reach) for v in (spot.low,) if v is not None]
            ends += [min(v, high + reach) for v in (spot.high,) if v is not None]
        self.low, self.high = min(ends), max(ends)
        self._count = max(len(spots) - 1, 1)
        self._only = len(spots) == 1

    def x(self, index: float) -> float:
        """Return where a run is, from the left."""
        share = 0.5 if self._only else index / self._count
        return 2 * _EDGE + share * (_WIDTH - 4 * _EDGE)

    def y(self, value: float | None) -> float:
        """Return where a delta is, from the top; an unknown one is at the bottom."""
        if value is None or math.isnan(value):
            return _HEIGHT - _EDGE / 2
        inside = min(max(value, self.low), self.high)
        share = (inside - self.low) / (self.high - self.low or 1)
        return _EDGE + (1 - share) * (_HEIGHT - 2 * _EDGE)


def _known(spots: Sequence[Spot]) -> list[list[tuple[int, Spot]]]:
    """Return the stretches of runs that have a delta."""
    parts: list[list[tuple[int, Spot]]] = [[]]
    for i, spot in enumerate(spots):
        if spot.value is None:
            parts.append([])
        else:
            parts[-1].append((i, spot))
    return [part for part in parts if part]


def _band(place: _Place, spots: Sequence[Spot]) -> list[Markup]:
    found = []
    for part in _known(spots):
        upper = [(place.x(i), place.y(s.high)) for i, s in part]
        lower = [(place.x(i), place.y(s.low)) for i, s in reversed(part)]
        if len(part) == 1:  # a band of one run has a width all the same
            (x, top), (_, foot) = upper[0], lower[0]
            upper, lower = [(x - 3, top), (x + 3, top)], [(x + 3, foot), (x - 3, foot)]
        found.append(shape([*upper, *lower], "band"))
    return found


def _limits(place: _Place, spots: Sequence[Spot]) -> list[Markup]:
    """Return the budget as a dashed line that steps where it was changed."""
    found = []
    for limit, part in groupby(enumerate(spots), key=lambda one: one[1].limit):
        runs = [i for i, _ in part]
        if limit is None:
            continue
        left = place.x(runs[0] - 0.5) if runs[0] else _EDGE
        right = place.x(runs[-1] + 0.5) if runs[-1] + 1 < len(spots) else _WIDTH - _EDGE
        y = place.y(limit)
        found.append(line(left, y, right, y, "limit", stroke_width=1.5, stroke_dasharray="5 3"))
    return found


def _course(place: _Place, spots: Sequence[Spot]) -> list[Markup]:
    found = []
    for part in _known(spots):
        corners = " ".join(f"{number(place.x(i))},{number(place.y(s.value))}" for i, s in part)
        found.append(
            tag("polyline", points=corners, fill="none", stroke="currentColor", class_="course")
        )
    return found


def _mark(x: float, y: float, verdict: Verdict) -> Markup:
    """Return a mark that tells the verdict by its shape; the colour says it once more."""
    name = class_of(verdict)
    if verdict is Verdict.PASS:
        return tag(
            "circle", cx=number(x), cy=number(y), r=4, class_=f"{name} mark", fill="currentColor"
        )
    if verdict is Verdict.FAIL:
        both = [line(x - 4, y - d, x + 4, y + d, f"{name} cross", stroke_width=3) for d in (4, -4)]
        return tag("g", both)
    if verdict is Verdict.INCONCLUSIVE:
        return shape([(x - 5, y + 4), (x + 5, y + 4), (x, y - 5)], f"{name} mark")
    corners = [(x - 4, y - 4), (x + 4, y - 4), (x + 4, y + 4), (x - 4, y + 4)]
    return shape(corners, f"{name} mark")


def _marked(
    view: View, group: Group, place: _Place, spots: Sequence[Spot], letters: dict[str, str]
) -> Iterator[Markup]:
    """Yield an upright line where something changed, with the letters of its entries."""
    for i, spot in enumerate(spots):
        found = view.before(spot.run, group)
        if not found:
            continue
        x = place.x(i - 0.5) if i else _EDGE
        names = ",".join(letters[one.id] for one in found[:3]) + ("..." if len(found) > 3 else "")
        yield line(x, 10, x, _HEIGHT - 2, "change", stroke_dasharray="2 3")
        yield words(x, 9, names, "middle", "change")


# --- entries and runs ---------------------------------------------------------------------


def _changes(changes: Sequence[Change], letters: dict[str, str]) -> Child:
    if not changes:
        return tag("p", "Nothing: all of these runs were judged alike.", class_="muted")
    items = []
    for one in changes:
        missing = one.looser and not one.reason
        reason = f"Reason: {one.reason}" if one.reason else NO_REASON.capitalize() * missing
        mark = tag("strong", f"{letters[one.id]} ")
        said: Child = tag("strong", reason) if missing else reason
        items.append(
            tag(
                "li",
                mark,
                f"{when(one.at)}: {sentence(one.text, 2000)} ",
                tag("code", one.id),
                tag("span", said, class_="small") if reason else None,
            )
        )
    return tag("ul", items, class_="notes")


def _runs(view: View) -> Markup:
    columns = (
        Column(title="when"),
        Column(title="cases"),
        Column(title="commit"),
        Column(title="verdict"),
    )
    lines = (
        row(
            columns,
            (
                when(point.run.at),
                "all" if point.run.whole else "a part",
                place_of(point),
                badge(point.judged.verdict),
            ),
        )
        for point in reversed(view.points)
    )
    return table(f"{title_of(view)}, the newest run first", columns, lines)
