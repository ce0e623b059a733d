"""Where two texts part, word by word; the cost is bounded by sizes, never by a clock.

What cannot be aligned within the bounds of `blocks` is marked as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple
from unicodedata import category

from pytest_quantguard.reporters._excerpts import first_difference
from pytest_quantguard.reporters.html._align import aligned, blocks

SAME, CHANGED, SHARP = 0, 1, 2
"""Marks of a piece: in both; in this side only; the very characters that differ in a word."""
_SCRIPTS = "\u0e00-\u0eff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
"""Scripts that are written without blanks: a character is a word."""
_WORD = re.compile(rf"([^\s\x00-\x2f\x3a-\x40\x5b-\x5e\x60\x7b-\x7f{_SCRIPTS}]+|\S)")
_LONGEST_WORD = 80
"""Longest run without a blank that is compared character by character."""
_UNLIKE, _MANY = 5, 20
"""Where of ``_MANY`` words and more not every fifth is the same, all are taken for changed."""
_FEW = 3
"""Characters of an equal run between two changed ones that would only make a reader stumble."""


class Piece(NamedTuple):
    """A part of a text, and whether the other side has it."""

    text: str
    mark: int = SAME


class Sides(NamedTuple):
    """Two texts in pieces, baseline first; joined, the pieces of a side are its text."""

    baseline: tuple[Piece, ...]
    candidate: tuple[Piece, ...]


class _Run(NamedTuple):
    """Words ``i1:i2`` of one text beside words ``j1:j2`` of the other."""

    equal: bool
    i1: int
    i2: int
    j1: int
    j2: int


class _Words(NamedTuple):
    """A text as words, each with the blanks after it; the first word may be empty."""

    words: list[str]
    gaps: list[str]
    parts: list[str]
    """Words and gaps in turn: the text."""

    @classmethod
    def of(cls, text: str) -> _Words:
        parts = _WORD.split(text)  # what is between words is blank
        if parts[0]:
            parts.insert(0, "")
        else:
            del parts[0]
        return cls(parts[::2], parts[1::2], parts)

    def text(self, start: int, end: int) -> str:
        """Return some words with the blanks between them, but not those after the last."""
        return "".join(self.parts[2 * start : max(0, 2 * end - 1)])


def compare(one: str, other: str) -> Sides:
    """Return both texts in pieces, with what differs marked; nothing is in equal texts.

    The texts are taken as they are: clean and cut them first. The cost grows with their length,
    not with its square.
    """
    if one == other:
        whole = (Piece(one),) if one else ()
        return Sides(whole, whole)
    left, right = _Words.of(one), _Words.of(other)
    sides: tuple[list[Piece], list[Piece]] = ([], [])
    for run in _calm(_runs(left.words, right.words), left, right):
        (_equal if run.equal else _unequal)(run, left, right, sides)
    return Sides(*(tuple(_joined(pieces)) for pieces in sides))


def _runs(one: Sequence[str], other: Sequence[str]) -> Iterator[_Run]:
    """Yield equal and unequal runs in turn, over the whole of both sides."""
    i = j = 0
    for at_i, at_j, size in (*blocks(one, other), (len(one), len(other), 0)):
        if (at_i, at_j) != (i, j):
            yield _Run(False, i, at_i, j, at_j)
        i, j = at_i + size, at_j + size
        if size:
            yield _Run(True, at_i, i, at_j, j)


def _calm(runs: Iterator[_Run], left: _Words, right: _Words) -> list[_Run]:
    """Take for changed what is the same by chance: a reader would only stumble over it."""
    found: list[_Run] = []
    for run in runs:
        found.append(run)
        if len(found) < 3 or run.equal:
            continue
        first, middle = found[-3:-1]
        lonely = sum(map(len, left.words[middle.i1 : middle.i2])) <= _FEW
        if lonely and not first.equal and _long(first) and _long(run):
            found[-3:] = [_spanned(first, run)]
    changed = [place for place, run in enumerate(found) if not run.equal]
    if not changed:
        return found
    start, end = changed[0], changed[-1] + 1
    whole = _spanned(found[start], found[end - 1])
    same = sum(run.i2 - run.i1 for run in found[start:end] if run.equal)
    words = min(whole.i2 - whole.i1, whole.j2 - whole.j1)
    if words >= _MANY and _UNLIKE * same < words:
        found[start:end] = [whole]
    return found


def _spanned(first: _Run, last: _Run) -> _Run:
    return _Run(False, first.i1, last.i2, first.j1, last.j2)


def _long(run: _Run) -> bool:
    return min(run.i2 - run.i1, run.j2 - run.j1) >= 2


def _equal(run: _Run, left: _Words, right: _Words, sides: tuple[list[Piece], list[Piece]]) -> None:
    """Words that both sides have; the blanks after them may still differ."""
    start = run.i1
    one, other = left.gaps[run.i1 : run.i2], right.gaps[run.j1 : run.j2]
    gaps = () if one == other else zip(one, other, strict=True)
    for i, both in enumerate(gaps, start):
        if both[0] == both[1]:
            continue
        text = left.text(start, i + 1)
        for side, gap in zip(sides, both, strict=True):
            side.extend((Piece(text), Piece(gap, CHANGED)))
        start = i + 1
    if start < run.i2:
        text = left.text(start, run.i2) + left.gaps[run.i2 - 1]
        for side in sides:
            side.append(Piece(text))


def _unequal(
    run: _Run, left: _Words, right: _Words, sides: tuple[list[Piece], list[Piece]]
) -> None:
    one, other = left.text(run.i1, run.i2), right.text(run.j1, run.j2)
    gaps = [
        words.gaps[end - 1] if end > start else ""
        for words, start, end in ((left, run.i1, run.i2), (right, run.j1, run.j2))
    ]
    mark = SAME if gaps[0] == gaps[1] else CHANGED
    for side, pieces, gap in zip(sides, _letters(one, other), gaps, strict=True):
        side.extend((*pieces, Piece(gap, mark)))


def _letters(one: str, other: str) -> Sides:
    """Mark a changed word, and in it the characters that differ where most are the same.

    Numbers and identifiers of equal length are compared digit by digit.
    """
    plain = Sides((Piece(one, CHANGED),), (Piece(other, CHANGED),))
    if not (one and other) or _joins(one + other):
        return plain
    if max(len(one), len(other)) > _LONGEST_WORD:
        return _middle(one, other)
    if len(one) == len(other) and _has_digit(one) and _has_digit(other):
        kept = [(i, i) for i, char in enumerate(one) if char == other[i]]
    elif 2 * _in_common(one, other) < max(len(one), len(other)):
        return plain
    else:
        kept = aligned(one, other)
    if 2 * len(kept) < max(len(one), len(other)):
        return plain
    lines = []
    for text, same in ((one, {i for i, _ in kept}), (other, {j for _, j in kept})):
        marked = (Piece(c, CHANGED if i in same else SHARP) for i, c in enumerate(text))
        lines.append(tuple(_joined(marked)))
    return Sides(*lines)


def _in_common(one: str, other: str) -> int:
    """Return how many characters both have in whatever order: at least as many as in one order."""
    return sum(min(one.count(char), other.count(char)) for char in set(one))


def _middle(one: str, other: str) -> Sides:
    """Mark what is left of two long words without their common beginning and end."""
    start = _shared(one, other)
    end = min(_shared(one[::-1], other[::-1]), min(len(one), len(other)) - start)
    if 2 * (start + end) < max(len(one), len(other)):
        start = end = 0
    sides = []
    for text in (one, other):
        last = len(text) - end
        sides.append((Piece(text[:start]), Piece(text[start:last], CHANGED), Piece(text[last:])))
    return Sides(*sides)


def _shared(one: str, other: str) -> int:
    """Return how many characters two texts begin with in common."""
    return min(len(one), len(other)) if (at := first_difference(one, other)) is None else at


def _has_digit(text: str) -> bool:
    return any(map(str.isdigit, text))


def _joins(text: str) -> bool:
    """Tell whether it cannot be cut anywhere: blanks, or characters that sit on others."""
    if " " in text or any(map(str.isspace, text)):
        return True
    return not text.isascii() and any(category(char)[0] == "M" for char in text)


def _joined(pieces: Iterator[Piece] | list[Piece]) -> Iterator[Piece]:
    """Put neighbours with the same mark together; empty ones vanish."""
    parts: list[str] = []
    mark = SAME
    for text, this in pieces:
        if not text:
            continue
        if this != mark and parts:
            yield Piece("".join(parts), mark)
            parts = []
        parts.append(text)
        mark = this
    if parts:
        yield Piece("".join(parts), mark)
