"""Showing model text inside a sentence: short, escaped, and with the digit that changed."""

from __future__ import annotations

import json
from collections.abc import Iterable
from difflib import SequenceMatcher
from itertools import islice
from typing import Any

from pytest_quantguard._sanitize import one_line

MOST = 5
"""Violations that one check writes out; the rest is counted."""


def quote(text: str, limit: int = 60) -> str:
    """Put text in quotes: cut to ``limit`` characters, escaped, on one line."""
    shown = one_line(text, limit)
    if len(shown) > 2 * limit + 40:  # nothing but escapes: six characters for one
        shown = one_line(text, limit // 6)
    return f'"{shown}"'


def bare(text: str, limit: int = 60) -> str:
    """Write text into a sentence without quotes, as code is: cut, escaped, on one line."""
    return quote(text, limit)[1:-1]


def show(value: Any, limit: int = 60) -> str:
    """Write a JSON value into a sentence."""
    if isinstance(value, str):
        return quote(value, limit)
    return one_line(json.dumps(value, ensure_ascii=False), limit)


def listed(items: Iterable[str], limit: int = 40) -> str:
    """Quote a few items, comma separated, and count the others."""
    items = list(items)
    more = f" and {len(items) - MOST} more" if len(items) > MOST else ""
    return ", ".join(quote(item, limit) for item in items[:MOST]) + more


def capped(violations: Iterable[str], most: int = MOST) -> list[str]:
    """Keep the first ``most`` sentences; a last one says when there were more.

    Takes no more from a generator than it needs to know that.
    """
    found = list(islice(violations, most + 1))
    return found if len(found) <= most else [*found[:most], "there are more differences"]


def digit_note(expected: str, got: str) -> str:
    """Say which digit of a long number changed, in brackets, or nothing.

    >>> digit_note("88213-A", "88273-A")
    ' (digit 4: 1 became 7)'
    >>> digit_note("88213-A", "8823-A")
    ' (digit 4 is missing: 1)'
    """
    want, have = _digits(expected), _digits(got)
    if not 4 <= len(want) <= 100 or not 1 <= len(have) <= 200 or want == have:
        return ""
    if len(expected) > 4 * len(want):  # prose with a number in it, not a number
        return ""
    if len(want) == len(have):
        return f" ({_changed(want, have)})"
    changes = SequenceMatcher(None, want, have, autojunk=False).get_opcodes()
    kind, start, end, other, other_end = next(change for change in changes if change[0] != "equal")
    if kind == "insert":
        return f" (added after digit {start}: {have[other:other_end]})"
    if kind == "delete" and end == start + 1:
        return f" (digit {end} is missing: {want[start]})"
    if kind == "delete":
        return f" (digits {start + 1} to {end} are missing: {want[start:end]})"
    return f" (digit {start + 1}: {want[start:end]} became {have[other:other_end]})"


def _changed(want: str, have: str) -> str:
    wrong = [i for i, (a, b) in enumerate(zip(want, have, strict=True)) if a != b]
    first = wrong[0]
    neighbours = len(wrong) == 2 and wrong[1] == first + 1
    if neighbours and want[first : first + 2] == have[first : first + 2][::-1]:
        return f"digits {first + 1} and {first + 2} changed places"
    more = f", and {len(wrong) - 1} more" if len(wrong) > 1 else ""
    return f"digit {first + 1}: {want[first]} became {have[first]}{more}"


def _digits(text: str) -> str:
    return "".join(char for char in text[:400] if "0" <= char <= "9")
