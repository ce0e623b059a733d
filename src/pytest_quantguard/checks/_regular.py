"""Texts that repeat themselves for a reason: data, tables, rules, logs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from pytest_quantguard.checks import _json

RULE_UP_TO = 500
"""Longest run of dashes, dots and the like that is a rule or a line to write on, in characters."""
GRID_UP_TO = 4_000
"""Longest table of equal cells, in characters."""

_RULE = frozenset("-=._#*~\u2500\u2550\u2014\u2026 \t\n|+")
_FENCES = ("```", "~~~")
_PROSE_WORDS, _PROSE_CHARS = 4, 60
_NUMBER = re.compile(r"(?=[^\n]*\d)[-+]?[0-9A-Fa-f.]{1,8}|[^\s\w]|[A-Za-z]")
_CELL = re.compile(r"[^|\n]{0,24}")
_LEAST_CELLS = 4
_LOG_LINE = re.compile(
    r"^[^\w\n]{0,4}(?:\d{4}-\d\d-\d\d[T ]\d\d:\d\d|\d\d:\d\d:\d\d|\d{1,3}(?:\.\d{1,3}){3}[ :]"
    r"|[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d)[^\n]*",
    re.MULTILINE,
)


def values(text: str) -> list[str] | None:
    """Return the prose in a text that is JSON, or ends with a fence of JSON; None for others.

    Prose is what stands before the fence, and each string of at least four words or 60 characters.
    """
    before, body = _fenced(text)
    if not body.lstrip().startswith(("{", "[")):
        return None
    try:
        value = _json.parse(body)
    except _json.NotJson:
        return None
    found = [before] if before.strip() else []
    return found + [one for one in _strings(value) if _is_prose(one)]


def is_rule(run: str) -> bool:
    """Tell whether a run is a rule, leaders or a line to write on: at most two characters, again.

    >>> is_rule("- - - -"), is_rule("no no"), is_rule("." * 5_000)
    (True, False, False)
    """
    return len(run) <= RULE_UP_TO and len(kinds := set(run)) <= 2 and kinds <= _RULE


def is_grid(part: str) -> bool:
    """Tell whether lines are rows of a table, a matrix, a board or a dump."""
    if len(part) > GRID_UP_TO:
        return False
    lines = [line.strip() for line in part.split("\n") if line.strip(" \t`~")]
    if all(line.startswith("|") and line.endswith("|") for line in lines):
        return all(_CELL.fullmatch(cell.strip()) for line in lines for cell in line.split("|"))
    rows = [re.split(r"[ \t,;]+", line.strip(" \t,;[]()")) for line in lines]
    wide = all(len(row) >= _LEAST_CELLS for row in rows)
    if wide and all(_NUMBER.fullmatch(cell) for row in rows for cell in row):
        return True
    cells = [re.split(r",|\t", line) for line in lines]
    return len(lines) > 1 and all(
        len(row) >= _LEAST_CELLS and all(len(cell.split()) == 1 for cell in row) for row in cells
    )


def without_log_lines(text: str) -> str:
    """Blank out lines that begin with a time or an address; the length stays the same."""
    return _LOG_LINE.sub(lambda match: " " * len(match[0]), text)


def _fenced(text: str) -> tuple[str, str]:
    """Return what stands before a fence that ends the text, and what is inside."""
    bare = text.rstrip()
    if not bare.endswith(_FENCES):
        return "", text
    start = bare.rfind(bare[-3:], 0, len(bare) - 3)
    label, newline, body = bare[start + 3 : -3].partition("\n")
    if start < 0 or not newline or label.strip().lower() not in ("", "json"):
        return "", text
    return bare[:start], body


def _strings(value: Any) -> Iterator[str]:
    """Yield the strings of a value in their order; no deeper than `_json.parse` lets through."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for child in value.values() if isinstance(value, dict) else value:
            yield from _strings(child)


def _is_prose(text: str) -> bool:
    return len(text) >= _PROSE_CHARS or len(text.split(None, _PROSE_WORDS)) >= _PROSE_WORDS
