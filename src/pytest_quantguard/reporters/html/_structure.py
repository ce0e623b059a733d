"""Two JSON values line by line: the keys in one order, what differs marked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import zip_longest
from typing import Any, NamedTuple, TypeAlias

from pytest_quantguard._sanitize import clean
from pytest_quantguard.reporters.html._align import aligned
from pytest_quantguard.reporters.html._diff import CHANGED, Piece, compare

LINES = 400
"""Most lines of a structure; a longer one is compared as words."""
DEPTH = 30
"""Deepest nesting of a structure."""
_INDENT = "  "
_BRACKETS = {True: ("{", "}"), False: ("[", "]")}

Value: TypeAlias = "Literal | dict[str, Value] | list[Value]"


class Literal(str):
    """A number, string, true, false or null as JSON writes it: ``1.0`` is not ``1``."""

    __slots__ = ()


class Row(NamedTuple):
    """One line of each side; None where a side has no such line."""

    baseline: tuple[Piece, ...] | None
    candidate: tuple[Piece, ...] | None

    @property
    def same(self) -> bool:
        """True when both sides have the line, and it is the same."""
        return self.baseline == self.candidate


class _Side(NamedTuple):
    """What goes before and after a value on one side: its key, and a comma."""

    lead: str
    tail: str


class _TooMuchError(Exception):
    """More than a reader could follow line by line."""


def parsed(text: str) -> Value | None:
    """Read an object or array strictly: None for anything else, such as JSON with a double key."""
    if not text.lstrip().startswith(("{", "[")):
        return None
    try:
        value = json.loads(
            text,
            object_pairs_hook=_object,
            parse_int=Literal,
            parse_float=Literal,
            parse_constant=_refuse,
        )
        return _literals(value, DEPTH)
    except (ValueError, RecursionError, _TooMuchError):
        return None


def rows(one: Value, other: Value) -> list[Row] | None:
    """Return two values line by line, or None when they have more than `LINES`.

    Keys stand in the baseline's order, those that only the candidate has after them.
    """
    found: list[Row] = []
    try:
        for row in _both(one, other, _Side("", ""), _Side("", ""), ""):
            found.append(row)
            if len(found) > LINES:
                return None
    except _TooMuchError:
        return None
    return found


def reordered(one: Value, other: Value) -> bool:
    """Tell whether keys that both values have stand in another order."""
    if isinstance(one, dict) and isinstance(other, dict):
        keys = [key for key in one if key in other]
        moved = keys != [key for key in other if key in one]
        return moved or any(reordered(one[key], other[key]) for key in keys)
    if isinstance(one, list) and isinstance(other, list):
        return any(map(reordered, one, other))
    return False


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _literals(value: Any, room: int) -> Value:
    """Write what has no parts as JSON writes it."""
    if room < 0:
        raise _TooMuchError
    if isinstance(value, dict):
        return {key: _literals(inner, room - 1) for key, inner in value.items()}
    if isinstance(value, list):
        return [_literals(inner, room - 1) for inner in value]
    return value if isinstance(value, Literal) else Literal(_written(value))


def _written(value: Any) -> str:
    return clean(json.dumps(value, ensure_ascii=False))


def _both(one: Value, other: Value, left: _Side, right: _Side, indent: str) -> Iterator[Row]:
    """Yield the lines of two values that stand at the same place."""
    if type(one) is type(other) in (dict, list) and (one or other):
        yield from _framed(one, other, left, right, indent)
    elif isinstance(one, Literal) and isinstance(other, Literal):
        yield _values(one, other, left, right, indent)
    elif one == other:
        yield _values(_flat(one), _flat(other), left, right, indent)
    else:
        lines = zip_longest(_alone(one, left, indent), _alone(other, right, indent))
        yield from (Row(*pair) for pair in lines)


def _values(one: str, other: str, left: _Side, right: _Side, indent: str) -> Row:
    sides = compare(one, other)
    return Row(
        (*_lead(indent, left), *sides.baseline, *_tail(left)),
        (*_lead(indent, right), *sides.candidate, *_tail(right)),
    )


def _lead(indent: str, side: _Side) -> tuple[Piece, ...]:
    return (Piece(indent + side.lead),) if indent or side.lead else ()


def _tail(side: _Side) -> tuple[Piece, ...]:
    return (Piece(side.tail),) if side.tail else ()


def _framed(one: Any, other: Any, left: _Side, right: _Side, indent: str) -> Iterator[Row]:
    """Yield brackets and what stands between them."""
    first, last = _BRACKETS[isinstance(one, dict)]
    yield Row((Piece(indent + left.lead + first),), (Piece(indent + right.lead + first),))
    for a, b, leads in _members(one, other) if isinstance(one, dict) else _items(one, other):
        sides = [_Side(*part) for part in leads]
        deeper = indent + _INDENT
        if a is None:
            yield from (Row(None, line) for line in _alone(b, sides[1], deeper))
        elif b is None:
            yield from (Row(line, None) for line in _alone(a, sides[0], deeper))
        else:
            yield from _both(a, b, sides[0], sides[1], deeper)
    yield Row((Piece(indent + last + left.tail),), (Piece(indent + last + right.tail),))


_Pair: TypeAlias = "tuple[Any, Any, tuple[tuple[str, str], tuple[str, str]]]"


def _members(one: dict[str, Value], other: dict[str, Value]) -> Iterator[_Pair]:
    """Pair the members of two objects by their keys, each with the comma of its own side."""
    keys = list(dict.fromkeys((*one, *other)))
    ends = [next((k for k in reversed(keys) if k in side), None) for side in (one, other)]
    for key in keys:
        lead = f"{_written(key)}: "
        tails = ["" if key == end else "," for end in ends]
        yield one.get(key), other.get(key), ((lead, tails[0]), (lead, tails[1]))


def _items(one: list[Value], other: list[Value]) -> Iterator[_Pair]:
    """Pair the items of two arrays: equal ones, and between them one after the other."""
    names = [[_flat(item) for item in side] for side in (one, other)]
    i = j = 0
    for at_i, at_j in [*aligned(*names), (len(one), len(other))]:
        for a, b in zip_longest(range(i, at_i), range(j, at_j)):
            yield _item(one, a, other, b)
        if at_i < len(one):
            yield _item(one, at_i, other, at_j)
        i, j = at_i + 1, at_j + 1


def _item(one: list[Value], i: int | None, other: list[Value], j: int | None) -> _Pair:
    tails = ["" if k == len(side) - 1 else "," for side, k in ((one, i), (other, j))]
    values = [None if k is None else side[k] for side, k in ((one, i), (other, j))]
    return values[0], values[1], (("", tails[0]), ("", tails[1]))


def _alone(value: Value, side: _Side, indent: str) -> Iterator[tuple[Piece, ...]]:
    """Yield the lines of a value that the other side does not have: all of them marked."""
    for line in _lines(value, side.lead, side.tail, indent):
        bare = line.lstrip(" ")
        blank = line[: len(line) - len(bare)]
        yield (Piece(blank), Piece(bare, CHANGED)) if blank else (Piece(bare, CHANGED),)


def _lines(value: Value, lead: str, tail: str, indent: str) -> Iterator[str]:
    if isinstance(value, Literal) or not value:
        yield f"{indent}{lead}{_flat(value)}{tail}"
        return
    mapped = isinstance(value, dict)
    first, last = _BRACKETS[mapped]
    pairs = (
        [(f"{_written(key)}: ", inner) for key, inner in value.items()]
        if isinstance(value, dict)
        else [("", inner) for inner in value]
    )
    yield f"{indent}{lead}{first}"
    for number, (name, inner) in enumerate(pairs, 1):
        yield from _lines(inner, name, "," if number < len(pairs) else "", indent + _INDENT)
    yield f"{indent}{last}{tail}"


def _flat(value: Value) -> str:
    """Return a value in one line; one text per meaning, whatever the order of keys."""
    if isinstance(value, Literal):
        return value
    if isinstance(value, dict):
        members = (f"{_written(key)}: {_flat(value[key])}" for key in sorted(value))
        return f"{{{', '.join(members)}}}"
    return f"[{', '.join(map(_flat, value))}]"
