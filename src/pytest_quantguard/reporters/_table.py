"""The verdict table, in the widest layout that fits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pytest_quantguard._screen import shown
from pytest_quantguard.reporters._words import (
    budget_of,
    change,
    folded,
    interval,
    label,
    row_levels,
    why,
)
from pytest_quantguard.verdicts import BudgetVerdict, CandidateReport

WIDE = ("cohort", "check", "n", "baseline", "candidate", "worse by", "90% interval", "budget")
NARROW = ("cohort", "check", "n", "base", "cand", "worse by", "90% interval", "budget")
TIGHT = ("cohort", "check", "n", "base", "cand", "worse", "90% interval", "budget")
DENSE = ("cohort", "check", "n", "base%", "cand%", "worse", "90% interval", "max")
MIXED = ("cohort", "check", "n", "base", "cand", "worse", "90% interval", "max")
"""As `DENSE`, where not every level is in percent."""
_LABELS = 2
"""Leading columns that hold names: set left, all others right."""
_BASE, _CAND = WIDE.index("baseline"), WIDE.index("candidate")
_WORSE = WIDE.index("worse by")
_READABLE = 36
"""Columns that the verdict and its reason need to stand in one column."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table; the verdict is apart, so that it can be coloured."""

    text: str
    verdict: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True)
class _Row:
    cells: tuple[str, ...]
    verdict: str
    reason: str

    @property
    def shares(self) -> bool:
        """True where both levels are in percent, or not known."""
        return all(not cell or cell.endswith("%") for cell in self.cells[_BASE : _CAND + 1])


def table(candidate: CandidateReport, width: int, encoding: str = "utf-8") -> list[Line]:
    """Lay out one row per budget: in one line, else with the reason below, stacked, or told.

    What ``encoding`` does not have is escaped, which takes columns too.
    """
    rows = [_row(verdict, candidate, encoding) for verdict in candidate.budgets]
    if not rows:
        return []
    if width - _total(WIDE, rows, gap=2) >= _READABLE:
        return _wide(rows, width)
    tight = [replace(row, cells=_without_unit(row.cells)) for row in rows]
    word = max(len("verdict"), *(len(row.verdict) for row in rows))
    shares = all(row.shares for row in rows)
    dense = [replace(row, cells=_without_units(row.cells, shares=shares)) for row in rows]
    last = DENSE if shares else MIXED
    layouts = ((NARROW, rows, 2), (NARROW, rows, 1), (TIGHT, tight, 1), (last, dense, 1))
    for heads, set_rows, gap in layouts:
        if _total(heads, set_rows, gap) + word <= width:
            return _narrow(heads, set_rows, width, gap)
    if 2 + _total(TIGHT[_LABELS:], _numbers(tight), gap=1) + word <= width:
        return _stacked(tight, width)
    return _told(rows, width)


def _without_unit(cells: tuple[str, ...]) -> tuple[str, ...]:
    worse = cells[_WORSE].removesuffix(" pt")
    return (*cells[:_WORSE], worse, *cells[_WORSE + 1 :])


def _without_units(cells: tuple[str, ...], *, shares: bool) -> tuple[str, ...]:
    """Leave out the units that heads can tell; those of levels only where all are shares."""
    short = [cell.removesuffix(" pt") if i > _CAND else cell for i, cell in enumerate(cells)]
    if shares:
        short[_BASE], short[_CAND] = (short[i].removesuffix("%") for i in (_BASE, _CAND))
    return tuple(short)


def _row(verdict: BudgetVerdict, candidate: CandidateReport, encoding: str) -> _Row:
    delta = verdict.delta
    cells = (
        *(shown(label(name), encoding) for name in verdict.group),
        str(verdict.cases),
        *row_levels(verdict),
        change(delta) if delta else "",
        interval(delta) if delta else "",
        budget_of(verdict),
    )
    return _Row(cells, verdict.verdict.word, shown(why(verdict, candidate), encoding))


def _widths(heads: Sequence[str], rows: Sequence[_Row]) -> list[int]:
    return [max(len(heads[i]), *(len(row.cells[i]) for row in rows)) for i in range(len(heads))]


def _total(heads: Sequence[str], rows: Sequence[_Row], gap: int) -> int:
    return sum(_widths(heads, rows)) + gap * len(heads)


def _aligned(cells: Sequence[str], widths: Sequence[int], gap: int, labels: int = _LABELS) -> str:
    set_cells = [
        cell.ljust(width) if i < labels else cell.rjust(width)
        for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return (" " * gap).join(set_cells) + " " * gap


def _wide(rows: Sequence[_Row], width: int) -> list[Line]:
    """One line per budget; a long reason goes on under the verdict."""
    widths = _widths(WIDE, rows)
    lines = [Line(f"{_aligned(WIDE, widths, 2)}verdict")]
    for row in rows:
        text = _aligned(row.cells, widths, 2)
        reason = f"({row.reason})" if row.reason else ""
        first, *more = _wrapped(f"{row.verdict} {reason}".rstrip(), width - len(text))
        lines.append(Line(text, row.verdict, first.removeprefix(row.verdict)))
        lines += [Line(" " * len(text) + piece) for piece in more]
    return lines


def _narrow(heads: Sequence[str], rows: Sequence[_Row], width: int, gap: int) -> list[Line]:
    """One line per budget, its reason below."""
    widths = _widths(heads, rows)
    lines = [Line(f"{_aligned(heads, widths, gap)}verdict")]
    for row in rows:
        lines.append(Line(_aligned(row.cells, widths, gap), row.verdict))
        lines += _below(row.reason, width)
    return lines


def _stacked(rows: Sequence[_Row], width: int) -> list[Line]:
    """Names in a line of their own, for names that leave no room for numbers."""
    heads = TIGHT[_LABELS:]
    widths = _widths(heads, _numbers(rows))
    lines = [Line("cohort / check"), Line(f"  {_aligned(heads, widths, 1, labels=0)}verdict")]
    for row in rows:
        lines += _name(row, width)
        lines.append(Line(f"  {_aligned(row.cells[_LABELS:], widths, 1, labels=0)}", row.verdict))
        lines += _below(row.reason, width)
    return lines


def _told(rows: Sequence[_Row], width: int) -> list[Line]:
    """Each number with its head, for terminals that are too narrow for columns."""
    lines: list[Line] = []
    for row in rows:
        told = [f"{head} {cell}" for head, cell in zip(WIDE, row.cells, strict=True) if cell]
        lines += [*_name(row, width), Line("  ", row.verdict)]
        lines += _below(", ".join(told[_LABELS:]), width)
        lines += _below(row.reason, width)
    return lines


def _numbers(rows: Sequence[_Row]) -> list[_Row]:
    return [replace(row, cells=row.cells[_LABELS:]) for row in rows]


def _name(row: _Row, width: int) -> list[Line]:
    return [Line(piece) for piece in _wrapped(" / ".join(row.cells[:_LABELS]), width)]


def _below(reason: str, width: int) -> list[Line]:
    return [Line(f"    {piece}") for piece in _wrapped(reason, width - 4)]


def _wrapped(text: str, width: int) -> list[str]:
    return folded(text, max(width, 20))
