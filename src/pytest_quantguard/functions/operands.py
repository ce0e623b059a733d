"""What a failed assertion looked at, in both arms: pytest shows the candidate's side alone.

The body of the test is run again on answers that are there already, and its frame is looked at
where the assertion stands. This is done for regressions only, never under a debugger or a
coverage tracer, and whatever goes wrong leaves the values out.
"""

from __future__ import annotations

import ast
import functools
import linecache
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FrameType, TracebackType
from typing import Any

from pytest_quantguard._sanitize import one_line
from pytest_quantguard.checks._text import digit_note, quote
from pytest_quantguard.functions.looking import seen
from pytest_quantguard.functions.parts import Operand, operands
from pytest_quantguard.reporters._excerpts import first_difference
from pytest_quantguard.reporters._texts import spoken
from pytest_quantguard.types import Completion, ToolCall

_HERE = str(Path(__file__).parent)
_MOST_HITS = 1000
"""Times that a loop may pass an assertion before it fails, for its values to be shown."""
_SHOWN = 2
"""Operands that a sentence has room for."""
_ROOM = 60
"""Characters of a value."""
_BEFORE = 20
"""Of these, characters before the first difference."""
_LONGEST_SOURCE = 5_000_000
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_WHERE = re.compile(r"\s*\+\s+where (.*)")
_BARE = "assert False"
"""What pytest says of a condition that is no comparison."""


@dataclass(frozen=True, slots=True)
class Place:
    """A failed assertion: where it stands, and what it looked at."""

    code: CodeType
    lines: range
    operands: tuple[Operand, ...]
    source: str
    """The condition, in Python's own way of writing it."""
    joined: bool
    """It has an ``and`` or ``or``: pytest shows both sides, each with its lines."""


@dataclass(frozen=True, slots=True)
class _Value:
    text: str
    is_text: bool


# --- finding the assertion ----------------------------------------------------------------


Step = tuple[CodeType, int]
"""One frame of a traceback: its code, and the line it had come to."""


def steps_of(error: BaseException) -> tuple[Step, ...]:
    """Return the way an error came, outermost first; keeps no frame alive."""
    steps: list[Step] = []
    traceback: TracebackType | None = error.__traceback__
    while traceback is not None:
        steps.append((traceback.tb_frame.f_code, traceback.tb_lineno))
        traceback = traceback.tb_next
    return tuple(steps)


def place_of(steps: Sequence[Step]) -> Place | None:
    """Return the innermost ``assert`` on the way of an error.

    None where there is none, and where several share a line: which one failed is not known.
    """
    for code, line in reversed(steps):
        if code.co_filename.startswith(_HERE):
            continue
        found = [n for n in _assertions(code.co_filename) if line in _lines(n)]
        if len(found) > 1:
            return None
        if found:
            test = found[0].test
            return Place(
                code=code,
                lines=_lines(found[0]),
                operands=tuple(operands(test)),
                source=ast.unparse(test),
                joined=any(isinstance(node, ast.BoolOp) for node in ast.walk(test)),
            )
    return None


def _lines(node: ast.Assert) -> range:
    return range(node.lineno, (node.end_lineno or node.lineno) + 1)


@functools.lru_cache(maxsize=64)
def _assertions(filename: str) -> tuple[ast.Assert, ...]:
    source = "".join(linecache.getlines(filename))
    if not source or len(source) > _LONGEST_SOURCE:
        return ()
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return ()
    return tuple(node for node in ast.walk(tree) if isinstance(node, ast.Assert))


# --- looking ------------------------------------------------------------------------------


class _Watch:
    """Counts how often a run comes to an assertion, and looks at its operands once."""

    def __init__(self, place: Place, hit: int | None) -> None:
        self.place = place
        self.hit = hit
        self.hits = 0
        self.values: list[_Value | None] | None = None
        self._inside = False

    def __call__(self, frame: FrameType, event: str, arg: Any) -> Any:
        if frame.f_code is not self.place.code or self.hits >= (self.hit or _MOST_HITS):
            return None  # the run itself goes on: another plugin's event loop may carry it
        self._inside = False
        return self._local

    def _local(self, frame: FrameType, event: str, arg: Any) -> Any:
        if event == "line" and self.hits < (self.hit or _MOST_HITS):
            before, self._inside = self._inside, frame.f_lineno in self.place.lines
            if self._inside and not before:  # a statement of several lines is gone through twice
                self._arrive(frame)
        return self._local

    def _arrive(self, frame: FrameType) -> None:
        self.hits += 1
        if self.hits == self.hit:
            names = {**frame.f_globals, **frame.f_locals}
            self.values = [_value(one.node, names) for one in self.place.operands]

    def watch(self, run: Callable[[], object]) -> _Watch:
        sys.settrace(self)
        try:
            run()
        except KeyboardInterrupt:
            raise
        except BaseException:  # whatever the run came to, the values are there or they are not
            pass
        finally:
            sys.settrace(None)
        return self


def _value(node: ast.expr, names: dict[str, Any]) -> _Value | None:
    try:
        value = seen(node, names)
        if isinstance(value, Completion):
            return _Value(spoken(value), True)
        if isinstance(value, ToolCall):
            return _Value(f"{value.name}({value.arguments_text})", True)
        if isinstance(value, str):
            return _Value(str(value), True)
        return _Value(_ADDRESS.sub("", repr(value)), False)
    except (KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException:  # it has no value here, such as a call that was not made
        return None


def beside(
    place: Place,
    baseline: Callable[[], object],
    candidate: Callable[[], object],
    scrub: Callable[[str], str],
) -> str:
    """Return what the assertion looked at, in both arms; "" where that cannot be told.

    ``baseline`` and ``candidate`` run the body once more each. ``candidate`` returns True when it
    failed as before. ``scrub`` takes keys out of a text before it is cut.
    """
    if sys.gettrace() is not None or not place.operands:
        return ""
    failed_again: list[object] = []
    hits = _Watch(place, None).watch(lambda: failed_again.append(candidate())).hits
    if not hits or hits >= _MOST_HITS or failed_again != [True]:
        return ""
    ours = _Watch(place, hits).watch(baseline).values
    theirs = _Watch(place, hits).watch(candidate).values
    if ours is None or theirs is None:
        return ""
    found, at = [], 0
    while at < len(place.operands):
        operand, held, broke = place.operands[at], ours[at], theirs[at]
        at += 1
        if held is None:
            continue  # but perhaps one of its parts has a value
        at += operand.parts
        if broke is None or held.text != broke.text:
            found.append(f"{one_line(operand.source, 100)} is {_told(held, broke, scrub)}")
    return "; ".join(found[:_SHOWN])


# --- telling ------------------------------------------------------------------------------


def in_short(message: str, place: Place | None, *, where: bool = True) -> str:
    """Return the `headline` of a message, with the condition itself where pytest's has no sense.

    It shows ``False`` for a condition that is no comparison, and where a side of ``and`` or ``or``
    has a difference to show, a first line that ends in the middle.
    """
    told = headline(message, where=where)
    if place is None:
        return told
    lines = message.split("\n", 200)[:200]
    at = next((at for at, line in enumerate(lines) if line.startswith("assert ")), len(lines))
    torn = place.joined and any(line.strip() and not _WHERE.match(line) for line in lines[at + 1 :])
    if torn:
        said = [line.strip() for line in lines[:at]]
        return "; ".join(filter(None, [*said, f"assert {one_line(place.source, 120)}"]))
    if not where and told.endswith(_BARE):
        return told.removesuffix(_BARE) + f"assert {one_line(place.source, 120)}"
    return told


def headline(message: str, *, where: bool = True) -> str:
    """Return what pytest says of a failed assertion, on one line and without its long diff.

    ``where`` keeps the lines that say which call a value comes from.

    >>> headline("no\\nassert 'a' == 'b'\\n  \\n  - b\\n  + a")
    "no; assert 'a' == 'b'"
    """
    kept: list[str] = []
    found = False
    for line in message.split("\n", 200)[:200]:
        origin = _WHERE.match(line) if found else None
        if found and not (origin and where):
            continue
        kept.append(f"where {origin[1]}" if origin else line.strip())
        found = found or line.startswith("assert ")
    return "; ".join(filter(None, kept))


def told_by(error: BaseException) -> str:
    """Return what an error says, without the addresses of objects: they differ from run to run."""
    return _ADDRESS.sub("", str(error)).strip()


def _told(held: _Value, broke: _Value | None, scrub: Callable[[str], str]) -> str:
    ours = scrub(held.text)
    if broke is None:
        return f"{_cut(ours, 0, held.is_text)} in the baseline"
    theirs = scrub(broke.text)
    at = first_difference(ours, theirs) or 0
    note = digit_note(ours, theirs) if held.is_text and broke.is_text else ""
    return (
        f"{_cut(ours, at, held.is_text)} in the baseline, "
        f"{_cut(theirs, at, broke.is_text)} in the candidate{note}"
    )


def _cut(text: str, at: int, is_text: bool) -> str:
    """Show a value around the first difference."""
    start = max(0, at - _BEFORE) if len(text) > _ROOM else 0
    piece = ("..." if start else "") + text[start : start + _ROOM]
    piece += "..." if start + _ROOM < len(text) else ""
    return quote(piece, _ROOM + 6) if is_text else one_line(piece, _ROOM + 6)
