"""How a failed comparison of model text reads: side by side, from where it parts, bounded.

pytest's own differences take minutes and more for long answers, under ``-vv`` or in CI.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import fields

import pytest

from pytest_quantguard._sanitize import one_line
from pytest_quantguard.checks._text import digit_note
from pytest_quantguard.reporters._excerpts import first_difference
from pytest_quantguard.reporters._texts import spoken
from pytest_quantguard.types import Completion

_LONG = 2000
"""Characters from which on pytest does not compare any more: its time grows with the square."""
_ROOM = 72
_BEFORE = 24

Namer = Callable[[object], str]
"""Names the model that said something, or returns ""."""
Scrub = Callable[[str], str]


class _Answered(Exception):  # noqa: N818  a result, not an error
    """Carries an explanation past the hooks that would need too long for theirs."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__()
        self.lines = lines


class Comparison:
    """Explains comparisons in tests that drive models."""

    def __init__(self, active: Callable[[], bool], name: Namer, scrub: Scrub) -> None:
        self._active = active
        self._name = name
        self._scrub = scrub

    @pytest.hookimpl(tryfirst=True)
    def pytest_assertrepr_compare(self, op: str, left: object, right: object) -> None:
        """Explain where model text is compared; else leave it to pytest."""
        if self._active():
            lines = explain(op, left, right, self._name, self._scrub)
            if lines:
                raise _Answered(lines)


class ComparisonResult:
    """Turns what `Comparison` raises into the hook's result."""

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_assertrepr_compare(self) -> Generator[None, list[list[str]], list[list[str]]]:
        """Return the explanation that cut the others short, or theirs."""
        try:
            return (yield)
        except _Answered as answered:
            return [answered.lines]


def explain(op: str, left: object, right: object, name: Namer, scrub: Scrub) -> list[str]:
    """Return the lines that say why ``left op right`` does not hold; empty for pytest's own."""
    labels = name(left), name(right)
    if isinstance(left, Completion) and isinstance(right, Completion):
        if spoken(left) == spoken(right):
            return list(_same(op, left, right, labels))
        return list(_apart(op, spoken(left), spoken(right), labels, scrub))
    both_texts = isinstance(left, str) and isinstance(right, str)
    if both_texts and op == "==" and any(labels):
        return list(_apart(op, str(left), str(right), labels, scrub))
    texts = _text(left), _text(right)
    if max(map(len, texts)) <= _LONG:
        return []
    if op == "==":
        return list(_apart(op, *texts, labels, scrub))
    return [f"{_short(texts[0], scrub)} {op} {_short(texts[1], scrub)}"]


def _text(value: object) -> str:
    if isinstance(value, str):
        return str(value)
    if isinstance(value, Completion):
        return spoken(value)
    try:
        return repr(value)
    except Exception:  # then there is nothing to compare either
        return ""


def _short(text: str, scrub: Scrub) -> str:
    return "'" + one_line(scrub(text), 60) + "'"


def _same(op: str, left: Completion, right: Completion, labels: tuple[str, str]) -> Iterator[str]:
    differ = [f.name for f in fields(left) if getattr(left, f.name) != getattr(right, f.name)]
    yield f"{labels[0] or 'one completion'} {op} {labels[1] or 'another'}"
    yield (
        f"both say the same, and differ in {', '.join(differ) or 'nothing'}: compare .text or "
        ".tool_calls"
    )


def _apart(op: str, left: str, right: str, labels: tuple[str, str], scrub: Scrub) -> Iterator[str]:
    left, right = scrub(left), scrub(right)
    at = first_difference(left, right) or 0
    names = labels[0] or "left", labels[1] or "right"
    width = max(map(len, names))
    yield f"{_short(left, scrub)} {op} {_short(right, scrub)}"
    yield f"{names[0]} and {names[1]} part at character {at + 1:,}{digit_note(right, left)}"
    start = max(0, at - _BEFORE)
    before = ("..." if start else "") + one_line(left[start:at], _BEFORE)
    for name, text in zip(names, (left, right), strict=True):
        more = "..." if start + _ROOM < len(text) else ""
        piece = one_line(text[at : start + _ROOM], _ROOM)
        yield f"  {name:>{width}}: {before}{piece or ' (the end)'}{more}"
    yield f"  {'':>{width}}  {' ' * len(before)}^"
