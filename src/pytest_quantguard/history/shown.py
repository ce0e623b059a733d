"""The history as text: a line per budget, or a table of each, and what changed in between."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from pytest_quantguard._sanitize import neutral, one_line
from pytest_quantguard._screen import Screen, shown
from pytest_quantguard.history.changes import NO_REASON, Change, name_of
from pytest_quantguard.history.differences import Point
from pytest_quantguard.history.keeping import Spot
from pytest_quantguard.history.view import View, place_of, scale, title_of, when
from pytest_quantguard.reporters._words import budget_of, change, folded, interval
from pytest_quantguard.verdicts import WORST_FIRST, BudgetVerdict, Group, Verdict

MARKS = {
    Verdict.PASS: ".",
    Verdict.FAIL: "F",
    Verdict.INCONCLUSIVE: "?",
    Verdict.NOT_COMPARABLE: "N",
    Verdict.ERROR: "E",
}
"""One character per verdict, in the order of time."""
_COLOURS = {Verdict.PASS: "32", Verdict.INCONCLUSIVE: "33"}
_RED = "31;1"
_LEVELS = {True: "\u2581\u2582\u2583\u2584\u2585\u2586\u2587\u2588", False: "_.-:=+*#"}
_NOTHING = {True: "\u00b7", False: "x"}
SHAPES = _LEVELS[True] + _NOTHING[True]
"""What an output must be able to show; ASCII is used where it cannot."""
_SPARK = 16
"""Runs that a sparkline shows at most, in 80 columns."""
_NARROW = 60
_SINCE = 5
"""Budgets of which it is said since when they do not pass."""


def text(views: Sequence[View], screen: Screen, *, tables: bool = False) -> list[str]:
    """Return the lines of the history, without line ends; none is wider than the screen.

    With ``tables`` a table of each budget, else a line of each. Screens of less than 60 columns are
    taken for 60.
    """
    lines: list[str] = []
    for view in views:
        part = _tables(view, screen) if tables else _overview(view, screen)
        lines += [*_head(view, screen), *part, ""]
    lines += folded(_LEGEND, _width(screen))
    return [_finished(line, screen) for line in lines]


_LEGEND = (
    ". pass  F fail  ? inconclusive  N not comparable  E error; the newest run is last. Positive "
    "is worse; the top of a sparkline is the budget, or the largest loss above it. Times are UTC."
)


def sparkline(spots: Sequence[Spot], *, unicode: bool = True) -> str:
    """Return one character per run, higher where the candidate was worse."""
    low, high = scale(spots)
    levels = _LEVELS[unicode]
    found = ""
    for spot in spots:
        if spot.value is None:
            found += _NOTHING[unicode]
            continue
        share = (min(max(spot.value, low), high) - low) / (high - low)
        found += levels[min(int(share * len(levels)), len(levels) - 1)]
    return found


def _head(view: View, screen: Screen) -> list[str]:
    first, last = view.points[0].run.at, view.points[-1].run.at
    runs = len(view.points)
    said = f"{title_of(view)}: "
    said += "1 run" if runs == 1 else f"{runs} runs"
    said += f", {when(first)}" + (f" to {when(last)}" if runs > 1 else "")
    if view.older:
        said += f" ({view.older} older: --last, --since)"
    if view.parts:
        said += f"; {view.parts} of a part of the cases, in no sparkline"
    return [*folded(said, _width(screen)), ""]


# --- a line of each budget ----------------------------------------------------------------


def _overview(view: View, screen: Screen) -> Iterator[str]:
    groups = [group for group in view.spots if view.whole(group)]
    groups.sort(key=lambda group: WORST_FIRST.index(Verdict(view.whole(group)[-1].verdict)))
    cells = [_cells(view, group, screen) for group in groups]
    if not cells:
        yield "  No budget was judged over all golden cases in these runs."
    else:
        heads = ("cohort / check", "over time", "worse by", "budget", "verdicts")
        sizes = [max(map(len, column)) for column in zip(heads, *cells, strict=True)]
        sizes[0] = min(sizes[0], _width(screen) - 10 - sum(sizes[1:]))
        for name, spark, delta, budget, marks in (heads, *cells):
            yield (
                f"  {_cut(name, sizes[0]):<{sizes[0]}}  {spark:<{sizes[1]}}  "
                f"{delta:>{sizes[2]}}  {budget:>{sizes[3]}}  {marks}"
            )
    yield ""
    yield from _since(view, groups, screen)
    size = max(len(point.judged.verdict.word) for point in view.points)
    for point in view.points:
        for entry in view.before(point.run.id):
            yield from _entry(entry, screen)
        yield _run(point, size, screen)


def _since(view: View, groups: Sequence[Group], screen: Screen) -> Iterator[str]:
    """Say since when each budget does not pass that passed once."""
    at = {point.run.id: point.run.at for point in view.points}
    said = []
    for group in groups:
        spots = view.whole(group)
        held = [i for i, spot in enumerate(spots) if Verdict(spot.verdict) is Verdict.PASS]
        if held and held[-1] + 1 < len(spots):
            first = spots[held[-1] + 1]
            said.append(f"{name_of(group)} has not passed since {when(at[first.run])}")
    for line in said[:_SINCE]:
        yield from folded(line, _width(screen), "  ", "    ")
    if len(said) > _SINCE:
        yield f"  and {len(said) - _SINCE} more budgets"
    if said:
        yield ""


def _cells(view: View, group: Group, screen: Screen) -> tuple[str, ...]:
    spots = view.whole(group)[-_most(screen) :]
    row = spots[-1].row(group)
    return (
        name_of(group),
        sparkline(spots, unicode=_draws(screen)),
        change(row.delta) if row.delta else "",
        budget_of(row),
        "".join(MARKS[Verdict(spot.verdict)] for spot in spots),
    )


def _run(point: Point, size: int, screen: Screen) -> str:
    word = point.judged.verdict.word
    part = "" if point.run.whole else "(a part of the cases) "
    head, gap = f"  {when(point.run.at)}  ", " " * (size - len(word) + 2)
    place = _cut(place_of(point), _width(screen) - len(head) - size - 2 - len(part))
    return f"{head}{_painted(point.judged.verdict, word, screen)}{gap}{part}{place}"


# --- a table of each budget ---------------------------------------------------------------


def _tables(view: View, screen: Screen) -> Iterator[str]:
    if not view.spots:
        yield "  No budget was judged in these runs."
    points = {point.run.id: point for point in view.points}
    for group, spots in view.spots.items():
        whole = view.whole(group)[-_most(screen) :]
        spark = sparkline(whole, unicode=_draws(screen))
        name = _cut(name_of(group), _width(screen) - len(spark) - 4)
        yield f"  {name}  {spark}".rstrip()
        rows = [spot.row(group) for spot in spots]
        yield from _table(view, group, [points[spot.run] for spot in spots], rows, screen)
        yield ""


def _table(
    view: View, group: Group, points: Sequence[Point], rows: Sequence[BudgetVerdict], screen: Screen
) -> Iterator[str]:
    heads = ("when", "worse by", "90% interval", "n", "budget", "verdict")
    cells = [
        (
            when(point.run.at),
            change(row.delta) if row.delta else "",
            interval(row.delta) if row.delta else "",
            str(row.cases),
            budget_of(row),
        )
        for point, row in zip(points, rows, strict=True)
    ]
    sizes = [max(map(len, column)) for column in zip(heads[:-1], *cells, strict=True)]
    yield _cells_of(heads[:-1], sizes) + heads[-1]
    judged = {point.run.id: i for i, point in enumerate(points)}
    for point in view.points:
        for entry in view.before(point.run.id, group):
            yield from _entry(entry, screen)
        if (i := judged.get(point.run.id)) is not None:
            verdict = rows[i].verdict
            part = "" if point.run.whole else " (part)"
            yield _cells_of(cells[i], sizes) + _painted(verdict, verdict.word, screen) + part


def _cells_of(cells: Sequence[str], sizes: Sequence[int]) -> str:
    first, *others = (f"{cell:>{size}}" for cell, size in zip(cells, sizes, strict=True))
    return "  ".join([f"    {first.strip():<{sizes[0]}}", *others, ""])


# --- pieces -------------------------------------------------------------------------------


def _entry(entry: Change, screen: Screen) -> list[str]:
    """Return an entry, set apart from the runs by a mark of its own."""
    reason = f"reason: {one_line(entry.reason, 500)}" if entry.reason else NO_REASON * entry.looser
    mark = "!" if entry.looser and not entry.reason else "*"
    indent = " " * 6
    said = f"{entry.id}  {one_line(entry.text, 2000)}"
    lines = folded(said, _width(screen), f"    {mark} ", indent)
    return [*lines, *(folded(reason, _width(screen), indent, indent) if reason else [])]


def _draws(screen: Screen) -> bool:
    return shown(SHAPES, screen.encoding) == SHAPES


def _most(screen: Screen) -> int:
    return max(_SPARK, min(40, _SPARK + (_width(screen) - 80) // 2))


def _width(screen: Screen) -> int:
    return max(screen.width, _NARROW)


def _cut(name: str, size: int) -> str:
    """Shorten a name in its middle, where it does not fit."""
    if len(name) <= size:
        return name
    kept = max(size - 3, 2)
    return f"{name[: math.ceil(kept / 2)]}...{name[len(name) - kept // 2 :]}"


def _painted(verdict: Verdict, word: str, screen: Screen) -> str:
    return f"\x1b[{_COLOURS.get(verdict, _RED)}m{word}\x1b[0m" if screen.colour else word


def _finished(line: str, screen: Screen) -> str:
    """Make sure that no line commands a CI system; what names hold is clean already."""
    line = neutral(line).rstrip()
    return shown(line, screen.encoding)
