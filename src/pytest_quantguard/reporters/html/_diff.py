"""Where two texts part, word by word; the cost is bounded by sizes, never by a clock.

Words are aligned by their longest common subsequence: by the fewest edits where these are few,
else over all pairs of equal words where these are few; where both would take long, by words that
occur once on both sides first. What cannot be aligned within the bounds is marked as a whole.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import NamedTuple
from unicodedata import category

SAME, CHANGED, SHARP = 0, 1, 2
"""Marks of a piece: in both; in this side only; the very characters that differ in a word."""
_SCRIPTS = "\u0e00-\u0eff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
"""Scripts that are written without blanks: a character is a word."""
_WORD = re.compile(rf"([^\s\x00-\x2f\x3a-\x40\x5b-\x5e\x60\x7b-\x7f{_SCRIPTS}]+|\S)(\s*)")
_BLANKS = re.compile(r"\s*")
_EDITS = 40
"""Most words that are in one side only, of two ranges that are aligned by their fewest edits."""
_PAIRS = 2500
"""Most pairs of equal words of which the longest common subsequence is looked for."""
_DEPTH = 8
"""How often a gap between aligned words is searched again."""
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

    @classmethod
    def of(cls, text: str) -> _Words:
        lead = _BLANKS.match(text)
        words, gaps = ([""], [lead[0]]) if lead and lead[0] else ([], [])
        found = _WORD.findall(text)
        words += [word for word, _ in found]
        gaps += [gap for _, gap in found]
        return cls(words, gaps)

    def text(self, start: int, end: int) -> str:
        """Return some words with the blanks between them, but not those after the last."""
        inner = zip(self.words[start : end - 1], self.gaps[start : end - 1], strict=True)
        parts = [part for pair in inner for part in pair]
        return "".join((*parts, self.words[end - 1])) if end > start else ""


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


def aligned(one: Sequence[str], other: Sequence[str]) -> list[tuple[int, int]]:
    """Return indices of equal items in the same order on both sides."""
    found: list[tuple[int, int]] = []
    todo = [(0, len(one), 0, len(other), 0)]
    while todo:
        i1, i2, j1, j2, depth = todo.pop()
        while i1 < i2 and j1 < j2 and one[i1] == other[j1]:
            found.append((i1, j1))
            i1, j1 = i1 + 1, j1 + 1
        while i1 < i2 and j1 < j2 and one[i2 - 1] == other[j2 - 1]:
            i2, j2 = i2 - 1, j2 - 1
            found.append((i2, j2))
        if i1 == i2 or j1 == j2:
            continue
        if (same := _few_edits(one, other, (i1, i2), (j1, j2))) is not None:
            found += same
        elif (pairs := _pairs(one, other, (i1, i2), (j1, j2))) is not None:
            found += _rising(pairs)
        elif depth < _DEPTH and (anchors := _anchors(one, other, (i1, i2), (j1, j2))):
            ends = [*anchors, (i2, j2)]
            for (i, j), (up_to_i, up_to_j) in zip(anchors, ends[1:], strict=True):
                todo.append((i, up_to_i, j, up_to_j, depth + 1))
            todo.append((i1, anchors[0][0], j1, anchors[0][1], depth + 1))
    return sorted(found)


class _Chain(NamedTuple):
    """``size`` equal items from ``i`` and ``j`` on, and those before them."""

    i: int
    j: int
    size: int
    before: _Chain | None

    def pairs(self) -> list[tuple[int, int]]:
        """Return the indices of all items, in their order."""
        runs, last = [self], self.before
        while last is not None:
            runs.append(last)
            last = last.before
        return [(run.i + k, run.j + k) for run in reversed(runs) for k in range(run.size)]


def _few_edits(
    one: Sequence[str], other: Sequence[str], here: tuple[int, int], there: tuple[int, int]
) -> list[tuple[int, int]] | None:
    """Align two ranges by their fewest edits, or return None when these are more than `_EDITS`.

    Greedy, after E. Myers (1986): for each number of edits, how far one comes on each diagonal. It
    costs the edits, squared, and the length of what is the same.
    """
    (i1, i2), (j1, j2) = here, there
    end = (i2 - i1) - (j2 - j1)
    if abs(end) > _EDITS:
        return None
    reach: dict[int, tuple[int, _Chain | None]] = {1: (i1, None)}
    for edits in range(_EDITS + 1):
        for way in range(-edits, edits + 1, 2):
            added = way == -edits or (way != edits and reach[way - 1][0] < reach[way + 1][0])
            i, chain = reach[way + 1] if added else reach[way - 1]
            i += not added
            start, shift = i, j1 - i1 - way
            while i < i2 and i + shift < j2 and one[i] == other[i + shift]:
                i += 1
            if i > start:
                chain = _Chain(start, start + shift, i - start, chain)
            if way == end and i >= i2:
                return chain.pairs() if chain else []
            reach[way] = (i, chain)
    return None


def _anchors(
    one: Sequence[str], other: Sequence[str], here: tuple[int, int], there: tuple[int, int]
) -> list[tuple[int, int]]:
    """Return the longest rising chain of items that occur once in each of two ranges."""
    left, right = _once(one, *here), _once(other, *there)
    pairs = [(i, right[item]) for item, i in left.items() if item in right]
    return _rising(pairs)


def _once(items: Sequence[str], start: int, end: int) -> dict[str, int]:
    places: dict[str, int] = {}
    for i in range(start, end):
        places[items[i]] = -1 if items[i] in places else i
    return {item: i for item, i in places.items() if i >= 0}


def _rising(pairs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the longest chain of pairs in which both numbers rise; the first are in order."""
    ends: list[int] = []
    last: list[int] = []
    before: list[int] = []
    for place, (_, j) in enumerate(pairs):
        at = bisect_left(ends, j)
        before.append(last[at - 1] if at else -1)
        if at == len(ends):
            ends.append(j)
            last.append(place)
        else:
            ends[at], last[at] = j, place
    chain = []
    place = last[-1] if last else -1
    while place >= 0:
        chain.append(pairs[place])
        place = before[place]
    return chain[::-1]


def _pairs(
    one: Sequence[str], other: Sequence[str], here: tuple[int, int], there: tuple[int, int]
) -> list[tuple[int, int]] | None:
    """Return every pair of equal items in two ranges, or None when they are more than `_PAIRS`."""
    places: dict[str, list[int]] = {}
    for j in range(there[1] - 1, there[0] - 1, -1):
        places.setdefault(other[j], []).append(j)
    found: list[tuple[int, int]] = []
    for i in range(*here):
        if one[i] in places:
            # Falling: a chain that rises takes no more than one of them.
            found += [(i, j) for j in places[one[i]]]
            if len(found) > _PAIRS:
                return None
    return found


def _runs(one: Sequence[str], other: Sequence[str]) -> Iterator[_Run]:
    """Yield equal and unequal runs in turn, over the whole of both sides."""
    i = j = 0
    pairs = aligned(one, other)
    place = 0
    while place < len(pairs):
        first_i, first_j = pairs[place]
        if (first_i, first_j) != (i, j):
            yield _Run(False, i, first_i, j, first_j)
        i, j = first_i, first_j
        while place < len(pairs) and pairs[place] == (i, j):
            place, i, j = place + 1, i + 1, j + 1
        yield _Run(True, first_i, i, first_j, j)
    if (i, j) != (len(one), len(other)):
        yield _Run(False, i, len(one), j, len(other))


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
    gaps = zip(left.gaps[run.i1 : run.i2], right.gaps[run.j1 : run.j2], strict=True)
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
    if not (one and other) or max(len(one), len(other)) > _LONGEST_WORD or _joins(one + other):
        return plain
    if len(one) == len(other) and _has_digit(one) and _has_digit(other):
        kept = [(i, i) for i, char in enumerate(one) if char == other[i]]
    else:
        kept = aligned(one, other)
    if 2 * len(kept) < max(len(one), len(other)):
        return plain
    lines = []
    for text, same in ((one, {i for i, _ in kept}), (other, {j for _, j in kept})):
        marked = (Piece(c, CHANGED if i in same else SHARP) for i, c in enumerate(text))
        lines.append(tuple(_joined(marked)))
    return Sides(*lines)


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
