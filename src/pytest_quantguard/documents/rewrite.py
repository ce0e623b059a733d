"""Writing golden files, and adding to one: comments, order and everything else stay as they are.

Each edit replaces characters at known places, reads the text it made, and compares: only what was
asked for may have changed. Texts come and go as they are in the file, line ends included, so read
and write them with ``newline=""``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pytest_quantguard.documents.document import Document, Path_, Span, parse
from pytest_quantguard.documents.written import value_lines
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
    expected = {**edit.data, "cases": [*known, *cases]}
    end = edit.end_of_item("cases", last, column)
    try:
        return edit.replaced(end, end, new, expected)
    except InputError:  # a block that keeps the empty lines after it
        end = edit.empty_lines(end)
        return edit.replaced(end, end, new, expected)


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

    def end_of_item(self, key: str, index: int, column: int) -> int:
        """Return where the lines of an item end, its inner comments included."""
        end = self._end_of_line(self.content_end((key, index)))
        inner = re.compile(rf"(?:[ \t]*\r?\n)*? {{{column + 1},}}#[^\n]*(?:\n|\Z)")
        while comment := inner.match(self.text, end):
            end = comment.end()
        return end

    def content_end(self, path: Path_) -> int:
        """Return where a value ends, without the empty lines that a block may have after it."""
        here = self.spans[path]
        return here.start + len(self.text[here.start : here.end].rstrip())

    def empty_lines(self, at: int) -> int:
        """Return where the empty lines that begin at ``at`` end."""
        while found := _EMPTY.match(self.text, at):
            at = found.end()
        return at

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
