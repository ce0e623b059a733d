"""The verdict table, in the widest layout that fits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from textwrap import wrap

from pytest_quantguard.reporters._words import allowance, interval, label, percent, points, why
from pytest_quantguard.verdicts import BudgetVerdict, CandidateReport

WIDE = ("cohort", "check", "n", "baseline", "candidate", "worse by", "90% interval", "budget")
NARROW = ("cohort", "check", "n", "base", "cand", "worse by", "90% interval", "budget")
TIGHT = ("cohort", "check", "n", "base", "cand", "worse", "90% interval", "budget")
DENSE = ("cohort", "check", "n", "base%", "cand%", "worse", "90% interval", "max")
_LABELS = 2
"""Leading columns that hold names: set left, all others right."""
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


def table(candidate: CandidateReport, width: int) -> list[Line]:
    """Lay out one row per budget: in one line, else with the reason below, else stacked."""
    rows = [_row(verdict, candidate) for verdict in candidate.budgets]
    if not rows:
        return []
    if width - _total(WIDE, rows, gap=2) >= _READABLE:
        return _wide(rows, width)
    tight = [replace(row, cells=_without_unit(row.cells)) for row in rows]
    word = max(len(row.verdict) for row in rows)
    dense = [replace(row, cells=_without_units(row.cells)) for row in rows]
    layouts = ((NARROW, rows, 2), (NARROW, rows, 1), (TIGHT, tight, 1), (DENSE, dense, 1))
    for heads, shown, gap in layouts:
        if _total(heads, shown, gap) + word <= width:
            return _narrow(heads, shown, width, gap)
    return _stacked(tight, width)


def _without_unit(cells: tuple[str, ...]) -> tuple[str, ...]:
    worse = cells[_WORSE].removesuffix(" pt")
    return (*cells[:_WORSE], worse, *cells[_WORSE + 1 :])


def _without_units(cells: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(
        cell.removesuffix(" pt").removesuffix("%") if i > _LABELS else cell
        for i, cell in enumerate(cells)
    )


def _row(verdict: BudgetVerdict, candidate: CandidateReport) -> _Row:
    delta = verdict.delta
    cells = (
        *(label(name) for name in verdict.group),
        str(verdict.cases),
        percent(verdict.baseline_rate),
        percent(verdict.candidate_rate),
        points(delta.value, signed=True) if delta else "",
        interval(delta) if delta else "",
        allowance(verdict.max_drop),
    )
    return _Row(cells, verdict.verdict.name, why(verdict, candidate))


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
    widths = _widths(TIGHT, rows)[_LABELS:]
    lines = [Line("cohort / check"), Line(f"  {_aligned(heads, widths, 1, labels=0)}verdict")]
    for row in rows:
        name = " / ".join(row.cells[:_LABELS])
        lines += [Line(piece) for piece in _wrapped(name, width)]
        lines.append(Line(f"  {_aligned(row.cells[_LABELS:], widths, 1, labels=0)}", row.verdict))
        lines += _below(row.reason, width)
    return lines


def _below(reason: str, width: int) -> list[Line]:
    return [Line(f"    {piece}") for piece in _wrapped(reason, width - 4)]


def _wrapped(text: str, width: int) -> list[str]:
    return wrap(text, max(width, 20), break_on_hyphens=False)
