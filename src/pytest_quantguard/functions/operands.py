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
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FrameType, TracebackType
from typing import Any

from pytest_quantguard._sanitize import one_line
from pytest_quantguard.checks._text import digit_note, quote
from pytest_quantguard.reporters._excerpts import first_difference, spoken
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
_UNWANTED = (ast.Await, ast.Yield, ast.YieldFrom, ast.NamedExpr, ast.Lambda)
_PLACES = (ast.Attribute, ast.Subscript, ast.Name, ast.Call)


@dataclass(frozen=True, slots=True)
class Place:
    """A failed assertion: where it stands, and what it looked at."""

    code: CodeType
    lines: range
    operands: tuple[tuple[str, CodeType], ...]
    """Source and code of each."""
    source: str
    """The condition."""


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
    """Return the innermost ``assert`` on the way of an error; None where there is none."""
    for code, line in reversed(steps):
        if code.co_filename.startswith(_HERE):
            continue
        node = _assertion(code.co_filename, line)
        if node is not None:
            lines = range(node.lineno, (node.end_lineno or node.lineno) + 1)
            return Place(code, lines, tuple(_compiled(node.test)), ast.unparse(node.test))
    return None


def _assertion(filename: str, line: int) -> ast.Assert | None:
    around = [n for n in _assertions(filename) if n.lineno <= line <= (n.end_lineno or n.lineno)]
    return around[-1] if around else None


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


def _compiled(test: ast.expr) -> Iterator[tuple[str, CodeType]]:
    seen = set()
    for node in _operands(test):
        source = ast.unparse(node)
        if source not in seen and not any(isinstance(n, _UNWANTED) for n in ast.walk(node)):
            seen.add(source)
            yield source, compile(source, "<operand>", "eval")


def _operands(test: ast.expr) -> Iterator[ast.expr]:
    """Yield the parts of a condition whose values tell why it is true or not."""
    match test:
        case ast.Constant():
            return
        case ast.Compare():
            parts = [test.left, *test.comparators]
            yield from (part for whole in parts for part in _looked_into(whole))
        case ast.BoolOp():
            yield from (part for value in test.values for part in _operands(value))
        case ast.UnaryOp(op=ast.Not()):
            yield from _operands(test.operand)
        case ast.Call():
            owner = [test.func.value] if isinstance(test.func, ast.Attribute) else []
            given = [*owner, *test.args, *(keyword.value for keyword in test.keywords)]
            parts = [part for whole in given for part in _looked_into(whole)]
            yield from parts or [test]
        case _:
            yield from _looked_into(test)


def _looked_into(node: ast.expr) -> Iterator[ast.expr]:
    """Yield a part itself; of a generator, which shows nothing, the things it looks at."""
    if isinstance(node, ast.Constant):
        return
    if not isinstance(node, ast.GeneratorExp):
        yield node
        return
    bound = {
        name.id
        for generator in node.generators
        for name in ast.walk(generator.target)
        if isinstance(name, ast.Name)
    }
    yield from _largest(node, bound)


def _largest(node: ast.AST, bound: set[str]) -> Iterator[ast.expr]:
    """Yield the largest places below a node that do not depend on a loop's own names."""
    for inner in ast.iter_child_nodes(node):
        names = {name.id for name in ast.walk(inner) if isinstance(name, ast.Name)}
        if isinstance(inner, _PLACES) and not names & bound:
            yield inner
        else:
            yield from _largest(inner, bound)


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
            self.values = [_value(code, names) for _, code in self.place.operands]

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


def _value(code: CodeType, names: dict[str, Any]) -> _Value | None:
    try:
        value = eval(code, names)  # noqa: S307 - the user's own test, which has just done the same
        if isinstance(value, Completion):
            return _Value(spoken(value), True)
        if isinstance(value, ToolCall):
            return _Value(f"{value.name}({value.arguments_text})", True)
        if isinstance(value, str):
            return _Value(str(value), True)
        return _Value(_ADDRESS.sub("", repr(value)), False)
    except (KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException:  # it has no value here: a call that is not there, pytest.fail() ...
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
    found = []
    for (source, _), held, broke in zip(place.operands, ours, theirs, strict=True):
        if held is not None and (broke is None or held.text != broke.text):
            found.append(f"{one_line(source, 100)} is {_told(held, broke, scrub)}")
    return "; ".join(found[:_SHOWN])


# --- telling ------------------------------------------------------------------------------


def headline(message: str, *, where: bool = True) -> str:
    """Return what pytest says of a failed assertion, on one line and without its long diff.

    ``where`` keeps the lines that say which call a value comes from.

    >>> headline("no\\nassert 'a' == 'b'\\n  \\n  - b\\n  + a")
    "no; assert 'a' == 'b'"
    """
    kept: list[str] = []
    found = False
    for line in message.split("\n", 200)[:200]:
        origin = re.match(r"\s*\+\s+where (.*)", line) if found else None
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
