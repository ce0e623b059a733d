"""The ``matrix:`` of a golden file: one case written down, many cases asked.

A map of lists is multiplied out, the last list varying fastest; a list of maps is taken row by
row. Each resulting case gets a suffix for its id, made of the values that are short labels; the
number of the value in its list, or of the row, stands for the others.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pytest_quantguard.documents.template import NAME, written

RESERVED = ("id", "weight", "tags")
"""Keys of a row that are about the case; no variable can have these names in a matrix."""
_LABEL = re.compile(r"[A-Za-z0-9._-]{1,24}")
_NAME = re.compile(NAME)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What one cell of a matrix adds to a case."""

    suffix: str
    values: Mapping[str, Any]
    weight: float | None = None
    tags: Sequence[Any] = ()
    index: int | None = None
    """Place in a list of rows, from 0; None in a product."""


@dataclass(frozen=True, slots=True)
class Matrix:
    """A matrix that has been looked at, and not yet multiplied out."""

    names: tuple[str, ...]
    size: int
    """Number of rows."""
    _given: Any = field(repr=False)

    @classmethod
    def of(cls, given: Any) -> Matrix:
        """Look at what stands under ``matrix:``.

        Raises:
            ValueError: with one sentence.
        """
        if isinstance(given, Mapping) and given:
            for name, values in given.items():
                _refuse_axis(name, values)
            size = 1
            for values in given.values():
                size *= len(values)
            return cls(tuple(given), size, given)
        if isinstance(given, list) and given:
            names = dict.fromkeys(name for row in given for name in _row_names(row))
            return cls(tuple(names), len(given), given)
        raise ValueError(
            "matrix has to be a map of lists, which is multiplied out, or a list of maps, "
            "one for each case; neither may be empty"
        )

    def rows(self) -> Iterator[Row]:
        """Yield the rows, in the order in which they are written."""
        if self._given is None:
            yield Row(suffix="", values={})
        elif isinstance(self._given, Mapping):
            axes = [zip(_parts(*axis), axis[1], strict=True) for axis in self._given.items()]
            for cell in itertools.product(*axes):
                values = {name: pair[1] for name, pair in zip(self.names, cell, strict=True)}
                yield Row(suffix="-".join(part for part, _ in cell), values=values)
        else:
            yield from map(_row, itertools.count(), self._given)


def _row(index: int, row: Mapping[str, Any]) -> Row:
    values = {name: value for name, value in row.items() if name not in RESERVED}
    parts = [_label(value) for value in values.values()]
    if not all(parts):
        parts = [*filter(None, parts), str(index + 1)]
    return Row(
        suffix=str(row.get("id", "-".join(parts))),
        values=values,
        weight=row.get("weight"),
        tags=row.get("tags", ()),
        index=index,
    )


NONE = Matrix((), 1, None)
"""No matrix: one row that adds nothing."""


def crossed(outer: Row, inner: Row) -> Row:
    """Return two matrices' rows as one; where both say something, the inner one counts."""
    return Row(
        suffix="-".join(filter(None, (outer.suffix, inner.suffix))),
        values={**outer.values, **inner.values},
        weight=outer.weight if inner.weight is None else inner.weight,
        tags=(*outer.tags, *inner.tags),
        index=inner.index,
    )


def _parts(name: str, values: Sequence[Any]) -> list[str]:
    """Return what each value of a list adds to an id."""
    return [_label(value) or f"{name}{number}" for number, value in enumerate(values, 1)]


def _label(value: Any) -> str:
    """Return what a value adds to an id, where it is a short label; else ''."""
    try:
        text = written("", value)
    except LookupError:
        return ""
    return text if _LABEL.fullmatch(text) else ""


def _refuse_axis(name: str, values: Any) -> None:
    if name in RESERVED:
        raise ValueError(
            f"matrix: {name!r} belongs to the case; a list of maps may set it row by row"
        )
    if not _NAME.fullmatch(name):
        raise ValueError(f"matrix: {name!r:.80} is no name of a variable; {ALLOWED}")
    if not isinstance(values, list) or not values:
        raise ValueError(f"matrix: {name!r:.80} has to be a list of values that is not empty")
    ((part, times),) = Counter(_parts(name, values)).most_common(1)
    if times > 1:
        raise ValueError(
            f"matrix: {name!r:.80} has {part!r:.80} twice, which would make an id twice"
        )


def _row_names(row: Any) -> list[str]:
    if not isinstance(row, Mapping) or not row:
        raise ValueError(f"matrix: a row is a map of variables to values, not {row!r:.80}")
    if "id" in row and not (isinstance(row["id"], str) and _LABEL.fullmatch(row["id"])):
        raise ValueError(f"matrix: the id of a row is a short label, not {row['id']!r:.80}")
    weight = row.get("weight", 1)
    if (
        isinstance(weight, bool)
        or not isinstance(weight, int | float)
        or not 0 < weight <= 1_000_000
    ):
        raise ValueError(
            f"matrix: the weight of a row is a number above 0, up to 1,000,000, not {weight!r:.80}"
        )
    if not isinstance(row.get("tags", []), list):
        raise ValueError(f"matrix: the tags of a row are a list of labels, not {row['tags']!r:.80}")
    names = [name for name in row if name not in RESERVED]
    for name in names:
        if not _NAME.fullmatch(name):
            raise ValueError(f"matrix: {name!r:.80} is no name of a variable; {ALLOWED}")
    return names


ALLOWED = "allowed are letters, digits, '.', '_' and '-'"
