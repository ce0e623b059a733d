"""Editing the text of a golden file: comments, order and everything else stay as they are.

Each edit replaces characters at known places, reads the text it made, and compares: only what was
asked for may have changed. Texts come and go as they are in the file, line ends included, so read
and write them with ``newline=""``.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pytest_quantguard.documents.document import Document, Path_, Span, parse
from pytest_quantguard.documents.written import scalar, value_lines
from pytest_quantguard.errors import InputError

_BOM = "\ufeff"
_DASH = re.compile(r"^( *)-(?=\s)", re.MULTILINE)
_EMPTY = re.compile(r"[ \t]*\r?\n")


def to_yaml(cases: Sequence[Mapping[str, Any]], head: Mapping[str, Any] | None = None) -> str:
    """Return a golden file: the keys of ``head``, then ``cases``.

    Raises:
        InputError: something cannot be written so that it is read back the same.
    """
    data = {**(head or {}), "cases": list(cases)}
    if not cases:
        raise InputError("there are no cases to write")
    text = "\n".join(value_lines(data)) + "\n"
    _prove(text, data, "the text")
    return text


def to_jsonl(cases: Sequence[Mapping[str, Any]], head: Mapping[str, Any] | None = None) -> str:
    """Return the same as JSON lines: ``{"defaults": ...}`` where there is a head, then the cases.

    Raises:
        InputError: something is no JSON, or holds half of a surrogate pair.
    """
    lines = [{"defaults": dict(head)}] if head else []
    try:
        written = [
            json.dumps(line, ensure_ascii=False, allow_nan=False) for line in [*lines, *cases]
        ]
        "".join(written).encode("utf-8")
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(f"the cases cannot be written as JSON: {str(error)[:200]}") from None
    return "".join(f"{line}\n" for line in written)


def append_cases(
    text: str, cases: Sequence[Mapping[str, Any]], name: str = "the golden file"
) -> str:
    """Return a golden file's text with more cases after its last one.

    ``name`` is what messages call the file.

    Raises:
        InputError: the text is no golden file in YAML, an id is there already, ``cases`` is
            written in brackets, or a value cannot be written.
    """
    if not cases:
        return text
    edit = _Edit(text, name)
    data: Any = {} if edit.data is None else edit.data
    known = data.get("cases") or [] if isinstance(data, dict) else None
    if not isinstance(known, list):
        raise InputError(f"{name}:1: is no golden file: 'cases' has to be a list")
    _refuse_twice(known, cases, name)
    if known:
        return _after_the_last(edit, known, cases)
    if "cases" in data:
        line = edit.document.line(("cases",))
        raise InputError(f"{name}:{line}: 'cases' is empty; remove the line, then append")
    lines = "\n".join(value_lines({"cases": list(cases)})) + "\n"
    end = len(edit.text)
    return edit.replaced(end, end, lines, {**data, "cases": list(cases)})


def _after_the_last(edit: _Edit, known: Sequence[Any], cases: Sequence[Mapping[str, Any]]) -> str:
    column, last = edit.column("cases"), len(known) - 1
    gap = "\n" if last and edit.apart("cases", last) else ""
    new = "".join(gap + "\n".join(value_lines([case], column)) + "\n" for case in cases)
    expected = _with(edit.data, ("cases",), [*known, *cases])
    end = edit.item("cases", last)[1]
    try:
        return edit.replaced(end, end, new, expected)
    except InputError:  # a block that keeps the empty lines after it
        end = edit.empty_lines(end)
        return edit.replaced(end, end, new, expected)


def remove_case(text: str, name: str, index: int) -> str:
    """Return a golden file's text without one case, counted from 0.

    Comments inside the case go with it; those above it stay.

    Raises:
        InputError: there is no such case, it is the only one, or it is not on lines of its own.
    """
    edit = _Edit(text, name)
    cases = edit.data.get("cases") if isinstance(edit.data, dict) else None
    if not isinstance(cases, list) or not 0 <= index < len(cases):
        raise InputError(f"{name}: has no case number {index}, counting from 0")
    if len(cases) == 1:
        raise InputError(f"{name}: holds this case alone; delete the file instead")
    start, end = edit.item("cases", index)
    if edit.under_empty_line(start):
        end = edit.empty_lines(end)
    rest = [case for number, case in enumerate(cases) if number != index]
    return edit.replaced(start, end, "", _with(edit.data, ("cases",), rest))


def set_value(text: str, name: str, path: Path_, value: Any) -> str:
    """Return a golden file's text with another text, number, boolean or null at ``path``.

    ``path`` holds keys and, counted from 0, places in lists: ``("cases", 3, "weight")``.

    Raises:
        InputError: nothing stands there, or a list or a map does, or other places share it.
    """
    edit = _Edit(text, name)
    span = edit.spans.get(path)
    shown = ".".join(map(str, path))
    if span is None or not path:
        raise InputError(f"{name}: has no value at {shown}")
    where = edit.document.where(path)
    if span.kind not in ("scalar", "alias"):
        raise InputError(f"{where}: {shown} is a list or a map; one value can be replaced")
    new = scalar(value, where)
    end = edit.content_end(path)
    if span.start == span.end:  # nothing stands behind the colon or the dash
        new = f" {new}"
    return edit.replaced(span.start, end, new, _with(edit.data, path, value))


class _Edit:
    """A text, what it means, and where everything stands in it."""

    def __init__(self, text: str, name: str) -> None:
        self.name = name
        self.bom = _BOM if text.startswith(_BOM) else ""
        self.text = text.removeprefix(_BOM)
        self.spans: dict[Path_, Span] = {}
        self.document: Document = parse(self.text, name, self.spans)
        self.data = self.document.data
        self.newline = "\r\n" if "\r\n" in self.text else "\n"

    def replaced(self, start: int, end: int, new: str, expected: Any) -> str:
        """Return the whole text with ``new`` in one place, after proving what it means."""
        before = self.text[:start]
        if new.endswith("\n") and before and not before.endswith("\n"):
            new = f"\n{new}"  # the last line of the file had no end
        text = f"{before}{new.replace(chr(10), self.newline)}{self.text[end:]}"
        _prove(text, expected, self.name)
        return self.bom + text

    def column(self, key: str) -> int:
        """Return the column of a block list's dashes."""
        span = self.spans[(key,)]
        dash = self._dash(span.start, self.spans[(key, 0)].start) if span.kind == "block" else None
        if dash is None:
            raise InputError(
                f"{self.document.where((key,))}: {key!r} is written in brackets or shared; "
                "write it as a list with an item a line"
            )
        return len(dash[1])

    def item(self, key: str, index: int) -> tuple[int, int]:
        """Return where an item's lines begin and end, its inner comments included."""
        column = self.column(key)
        here = self.spans[(key, index)]
        floor = self.spans[(key, index - 1)].end if index else self.spans[(key,)].start
        dash = self._dash(floor, here.start)
        begin = dash.start() if dash else here.start
        end = self._end_of_line(self.content_end((key, index)))
        inner = re.compile(rf"(?:[ \t]*\r?\n)*? {{{column + 1},}}#[^\n]*(?:\n|\Z)")
        while comment := inner.match(self.text, end):
            end = comment.end()
        return begin, end

    def content_end(self, path: Path_) -> int:
        """Return where a value ends, without the empty lines that a block may have after it."""
        here = self.spans[path]
        return here.start + len(self.text[here.start : here.end].rstrip())

    def empty_lines(self, at: int) -> int:
        """Return where the empty lines that begin at ``at`` end."""
        while found := _EMPTY.match(self.text, at):
            at = found.end()
        return at

    def under_empty_line(self, at: int) -> bool:
        """Whether nothing stands on the line above the one that begins at ``at``."""
        above = self.text.rfind("\n", 0, max(0, at - 1)) + 1
        return at > 0 and not self.text[above:at].strip()

    def apart(self, key: str, index: int) -> bool:
        """Whether an empty line keeps an item from the one above it."""
        above = self.content_end((key, index - 1))
        lines = self.text[above : self.spans[(key, index)].start].split("\n")
        return any(not line.strip() for line in lines[1:-1])

    def _dash(self, start: int, end: int) -> re.Match[str] | None:
        """Find the first line from ``start`` on that begins with a dash, before ``end``."""
        begin = self.text.rfind("\n", 0, start) + 1
        return _DASH.search(self.text, begin, end + 1)

    def _end_of_line(self, at: int) -> int:
        end = self.text.find("\n", at)
        return len(self.text) if end < 0 else end + 1


def _refuse_twice(known: Sequence[Any], cases: Sequence[Mapping[str, Any]], name: str) -> None:
    seen = {case.get("id") for case in known if isinstance(case, dict)}
    for case in cases:
        if case.get("id") in seen:
            raise InputError(f"{name}: the id {case.get('id')!r:.100} is there already")
        seen.add(case.get("id"))


def _with(data: Any, path: Path_, value: Any) -> Any:
    """Return a copy of ``data`` with another value at ``path``; what is shared is not copied."""
    if not path:
        return value
    new: Any = copy.copy(data)
    new[path[0]] = _with(data[path[0]], path[1:], value)
    return new


def _prove(text: str, expected: Any, name: str) -> None:
    """Raise where ``text`` does not mean ``expected``, to the type and the order of keys."""
    try:
        means = parse(text, name).data
        same: Callable[[Any], str] = json.dumps
        if same(means) == same(expected):
            return
        why = "another value would have changed"
    except InputError as error:
        why = error.problems[0]
    raise InputError(f"{name}: cannot be edited without changing more than was asked for: {why}")
