"""Which items of two sequences belong together; the cost is bounded by sizes, never by a clock.

By their longest common subsequence: by the fewest edits where these are few, else over all pairs of
equal items where these are few; where both would take long, by items that occur once on both sides
first. What cannot be aligned within the bounds is left alone.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple

_EDITS = 40
"""Most items that are in one side only, of two ranges that are aligned by their fewest edits."""
_PAIRS = 2500
"""Most pairs of equal items of which the longest common subsequence is looked for."""
_DEPTH = 8
"""How often a gap between aligned items is searched again."""


class Block(NamedTuple):
    """``size`` equal items, from ``i`` of one side and ``j`` of the other on."""

    i: int
    j: int
    size: int


def aligned(one: Sequence[str], other: Sequence[str]) -> list[tuple[int, int]]:
    """Return indices of equal items in the same order on both sides."""
    return [(i + k, j + k) for i, j, size in blocks(one, other) for k in range(size)]


def blocks(one: Sequence[str], other: Sequence[str]) -> list[Block]:
    """Return what `aligned` does, each stretch of neighbours at once and as long as it can be."""
    found: list[Block] = []
    todo = [(0, len(one), 0, len(other), 0)]
    while todo:
        i1, i2, j1, j2, depth = todo.pop()
        here, end = i1, i2
        while i1 < i2 and j1 < j2 and one[i1] == other[j1]:
            i1, j1 = i1 + 1, j1 + 1
        while i1 < i2 and j1 < j2 and one[i2 - 1] == other[j2 - 1]:
            i2, j2 = i2 - 1, j2 - 1
        found += (Block(here, j1 - (i1 - here), i1 - here), Block(i2, j2, end - i2))
        if i1 == i2 or j1 == j2:
            continue
        if (same := _few_edits(one, other, (i1, i2), (j1, j2))) is not None:
            found += same
        elif (pairs := _pairs(one, other, (i1, i2), (j1, j2))) is not None:
            found += (Block(i, j, 1) for i, j in _rising(pairs))
        elif depth < _DEPTH and (anchors := _anchors(one, other, (i1, i2), (j1, j2))):
            ends = [*anchors, (i2, j2)]
            for (i, j), (up_to_i, up_to_j) in zip(anchors, ends[1:], strict=True):
                todo.append((i, up_to_i, j, up_to_j, depth + 1))
            todo.append((i1, anchors[0][0], j1, anchors[0][1], depth + 1))
    return _joined(sorted(found))


def _joined(found: list[Block]) -> list[Block]:
    """Put blocks that touch on both sides together; empty ones vanish."""
    whole: list[Block] = []
    for block in found:
        if not block.size:
            continue
        if whole and (last := whole[-1]).i + last.size == block.i and last.j + last.size == block.j:
            whole[-1] = Block(last.i, last.j, last.size + block.size)
        else:
            whole.append(block)
    return whole


class _Chain(NamedTuple):
    """A block, and those before it."""

    block: Block
    before: _Chain | None

    def blocks(self) -> list[Block]:
        """Return all blocks, in their order."""
        found, last = [self.block], self.before
        while last is not None:
            found.append(last.block)
            last = last.before
        return found[::-1]


def _few_edits(
    one: Sequence[str], other: Sequence[str], here: tuple[int, int], there: tuple[int, int]
) -> list[Block] | None:
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
                chain = _Chain(Block(start, start + shift, i - start), chain)
            if way == end and i >= i2:
                return chain.blocks() if chain else []
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
