"""Which words of two texts belong together: the longest common subsequence, in bounded work."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from pytest_quantguard.reporters.html import _align


def longest_common(one, other):
    """Length of the longest common subsequence, by the book."""
    row = [0] * (len(other) + 1)
    for item in one:
        before = 0
        for j, there in enumerate(other, 1):
            kept = before + 1 if item == there else max(row[j], row[j - 1])
            before, row[j] = row[j], kept
    return row[-1]


def test_few_edits_find_the_longest_common_subsequence():
    """In any part of both sides; None only where there are more edits than are looked for."""
    draw = random.Random(3)
    given_up = 0
    for _ in range(400):
        letters = "abcdefgh"[: draw.choice((1, 2, 3, 8))]
        one = draw.choices(letters, k=draw.randrange(45))
        other = list(one) if draw.random() < 0.5 else draw.choices(letters, k=draw.randrange(45))
        for at in draw.sample(range(len(other)), k=min(len(other), draw.randrange(4))):
            other[at] = draw.choice("xy")
        i, j, longest = draw.randrange(3), draw.randrange(3), longest_common(one, other)
        left, right = ["-"] * i + one + ["+"], ["+"] * j + other + ["-"]
        same = _align._few_edits(left, right, (i, i + len(one)), (j, j + len(other)))
        if same is None:
            given_up += 1
            assert len(one) + len(other) - 2 * longest > _align._EDITS
        else:
            found = [(a + k, b + k) for a, b, size in same for k in range(size)]
            assert longest == len(found)
            assert all(a < c and b < d for (a, b), (c, d) in pairwise(found))
            assert all(left[a] == right[b] and left[a] not in "+-" for a, b in found)
    assert 0 < given_up < 40


class Counted(list):
    """A list that counts how often it is looked into."""

    looks = 0

    def __getitem__(self, at):
        self.looks += 1
        return super().__getitem__(at)


@pytest.mark.parametrize("words", [1, 2, 30, 900])
def test_the_work_grows_with_the_length_alone(words):
    """Also where words repeat so often that nearly everything is equal to everything."""
    draw = random.Random(words)
    for size in (500, 2000):
        one, other = (Counted(draw.choices(range(words), k=size)) for _ in range(2))
        other.insert(0, "only here")
        _align.aligned(one, other)

        assert one.looks <= _align._DEPTH * (4 * _align._EDITS * size + _align._PAIRS)


def test_blocks_are_as_long_as_they_can_be():
    """They say the same as the pairs, and no two of them touch on both sides."""
    draw = random.Random(5)
    sizes = set()
    for _ in range(200):
        one, other = (draw.choices("abcdef"[: draw.choice((1, 3, 6))], k=60) for _ in range(2))
        other[20:50] = one[10:40]
        found = _align.blocks(one, other)

        assert all(size > 0 and one[i : i + size] == other[j : j + size] for i, j, size in found)
        pairs = [(i + k, j + k) for i, j, size in found for k in range(size)]
        assert pairs == _align.aligned(one, other)
        ends = [(i + size, j + size) for i, j, size in found]
        assert not {(i, j) for i, j, _ in found} & set(ends)
        sizes |= {size for _, _, size in found}
    assert 20 <= max(sizes)
