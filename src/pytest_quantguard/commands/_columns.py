"""Tables of a command, in the widest layout that fits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from textwrap import wrap

Cells = Mapping[str, str]
"""Head of a column -> what one row has there; the same heads in all rows."""


def fitted(
    rows: Sequence[Cells],
    width: int,
    *,
    names: Sequence[str],
    drops: Sequence[Sequence[str]] = ((),),
    notes: Sequence[Sequence[str]] = (),
) -> list[str]:
    """Return a head and one line per row, none wider than ``width`` where names allow it.

    Args:
        rows: at least one.
        width: columns.
        names: heads of the columns that hold names: set left, all others right.
        drops: columns to do without, the first choice first.
        notes: lines to stand below each row; none, or one entry per row.
    """
    below = notes or [()] * len(rows)
    for dropped, gap in product(drops, (2, 1)):
        lines = aligned([without(line, dropped) for line in rows], gap, names)
        if max(map(len, lines)) <= width:
            return [lines[0], *_interleaved(lines[1:], below)]
    return _stacked(rows, width, names, drops, below)


def aligned(rows: Sequence[Cells], gap: int, names: Sequence[str]) -> list[str]:
    """Return a head and one line per row, with ``gap`` blanks between columns."""
    heads = list(rows[0])
    widths = {head: max(len(head), *(len(row[head]) for row in rows)) for head in heads}
    lines = []
    for row in ({head: head for head in heads}, *rows):
        cells = (
            cell.ljust(widths[head]) if head in names else cell.rjust(widths[head])
            for head, cell in row.items()
        )
        lines.append((" " * gap).join(cells).rstrip())
    return lines


def without(cells: Cells, heads: Sequence[str]) -> Cells:
    """Return the cells of a row but those under ``heads``."""
    return {head: cell for head, cell in cells.items() if head not in heads}


def _interleaved(lines: Sequence[str], notes: Sequence[Sequence[str]]) -> list[str]:
    return [text for line, note in zip(lines, notes, strict=True) for text in (line, *note)]


def _stacked(
    rows: Sequence[Cells],
    width: int,
    names: Sequence[str],
    drops: Sequence[Sequence[str]],
    notes: Sequence[Sequence[str]],
) -> list[str]:
    """Names in a line of their own, for names that leave no room for numbers."""
    numbers = [without(line, names) for line in rows]
    for dropped in drops:
        lines = aligned([without(line, dropped) for line in numbers], 1, names)
        if max(map(len, lines)) <= width - 2:
            break
    heads = [head for head in rows[0] if head in names]
    found = [" / ".join(heads), f"  {lines[0]}"]
    for row, line, note in zip(rows, lines[1:], notes, strict=True):
        found += [*wrap(" / ".join(row[head] for head in heads), width), f"  {line}", *note]
    return found
