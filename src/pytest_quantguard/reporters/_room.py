"""Which test cases a JUnit file has room for: consumers refuse files of too many nodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

NODE_LIMIT = 240_000
"""Elements, attributes and texts of one file; GitLab refuses files of 250,000 objects."""

Kind = Literal["failure", "error", "note", "pass"]
KINDS: tuple[Kind, ...] = ("failure", "error", "note", "pass")
"""What a test case says, most important first."""
NODES: Mapping[Kind, int] = {"failure": 10, "error": 10, "note": 8, "pass": 6}
"""Nodes of a test case with five attributes, and of what is in it."""
_SUITE = 9
"""Nodes of a suite itself, as the file and its budgets have them whatever else is in it."""
_PROPERTY = 3
_SUMMARY = 4 * 10
"""Nodes of the test cases that say how many of each kind are not listed."""

Counts = Mapping[Kind, int]


def standing(budgets: int, suites: int, properties: int) -> int:
    """Return at most how many nodes a file has before any test case of a golden case."""
    return NODES["failure"] * budgets + _SUITE * (suites + 1) + _PROPERTY * properties


def listed(suites: Sequence[Counts], limit: int) -> list[dict[Kind, int]]:
    """Return how many test cases of each kind each suite may list in ``limit`` nodes.

    Failures come first, then errors: where they do not all fit, every suite lists the same number
    at most. Notes and passing cases are listed all or not at all: a part of them would look like
    the whole.
    """
    room = max(0, limit - _SUMMARY * len(suites))
    found: list[dict[Kind, int]] = [{} for _ in suites]
    for kind in KINDS:
        counts = [counts.get(kind, 0) for counts in suites]
        most = _share(counts, room // NODES[kind])
        if kind in ("note", "pass") and most < max(counts, default=0):
            most = 0
        for one, count in zip(found, counts, strict=True):
            one[kind] = min(count, most)
            room -= NODES[kind] * one[kind]
    return found


def _share(counts: Sequence[int], room: int) -> int:
    """Return the largest number that each may have so that all together have at most ``room``."""
    low, high = 0, max(counts, default=0)
    while low < high:
        middle = (low + high + 1) // 2
        if sum(min(count, middle) for count in counts) <= room:
            low = middle
        else:
            high = middle - 1
    return low
