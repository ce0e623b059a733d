"""Data as the text of a golden file: YAML that our reader, and any other, reads back the same.

Texts are quoted unless they are plain words, so that nothing depends on which words a reader of
YAML takes for something else; texts of several lines become blocks where a block keeps them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pytest_quantguard.errors import InputError

_WIDTH = 96
"""Lists and maps stand on one line, in brackets, up to this column."""
_BLOCKS = ("cases", "expect", "messages", "turns")
"""Lists that are easier to edit with an item a line."""
_DEEPEST = 60
_DIGITS = 4000
_WORD = re.compile(r"\$?[A-Za-z_][A-Za-z0-9_.-]*")
_TAKEN = {"null", "true", "false", "yes", "no", "on", "off", "y", "n", "nan", "inf"}
"""Words that mean something else to some reader of YAML, in any mixture of cases."""


def value_lines(value: Any, column: int = 0, place: str = "") -> list[str]:
    """Return a map or a list, neither of them empty, as lines that begin at a column.

    Raises:
        InputError: something in it cannot be written; says where.
    """
    if place.count("/") > _DEEPEST:
        raise InputError(f"{place[:80]}...: nested deeper than {_DEEPEST} levels")
    if isinstance(value, Mapping):
        return [
            line
            for key, item in value.items()
            for line in _entry(f"{_key(key, place)}:", key, item, column, f"{place}/{key}")
        ]
    return [
        line
        for index, item in enumerate(value)
        for line in _entry("-", None, item, column, f"{place}/{index}")
    ]


def scalar(value: Any, place: str = "the value") -> str:
    """Return a text, a number, a boolean or null on one line, for any place in a YAML text.

    Raises:
        InputError: it is something else, or cannot be written.
    """
    if isinstance(value, str):
        return _text(value, place)
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, int) and abs(value) < 10**_DIGITS:
        return str(int(value))
    if isinstance(value, float) and value - value == 0:
        return json.dumps(float(value))
    kind = type(value).__name__
    if isinstance(value, int | float):
        raise InputError(f"{place}: a number has to be finite and of at most {_DIGITS} digits")
    raise InputError(f"{place}: golden files hold texts, numbers, lists and maps, not {kind}")


def _entry(head: str, key: Any, value: Any, column: int, place: str) -> Iterator[str]:
    """Yield what stands behind ``head``, which is a dash or a key with its colon."""
    pad = " " * column
    if isinstance(value, str) and _fits_block(value):
        yield f"{pad}{head} {'|' if value.endswith(chr(10)) else '|-'}"
        for line in value.removesuffix("\n").split("\n"):
            yield f"{pad}  {line}" if line else ""
        return
    if not isinstance(value, Mapping | list | tuple):
        yield f"{pad}{head} {scalar(value, place)}"
        return
    check = head == "-" and isinstance(value, Mapping) and len(value) == 1
    short = key not in _BLOCKS and not check
    flow = _flow(value, place, _WIDTH - column - len(head)) if short else ""
    if flow or not value:
        yield f"{pad}{head} {flow or ('{}' if isinstance(value, Mapping) else '[]')}"
        return
    lines = value_lines(value, column + 2, place)
    if head == "-":
        lines[0] = f"{pad}- {lines[0][column + 2 :]}"
    else:
        yield f"{pad}{head}"
    yield from lines


def _flow(value: Any, place: str, room: int) -> str:
    """Return a value in brackets, or nothing where it does not fit on one line."""
    if room < 0:
        return ""
    if isinstance(value, str) and "\n" in value:
        return ""
    if not isinstance(value, Mapping | list | tuple):
        shown = scalar(value, place) if len(str(value)[:room]) < room else ""
        return shown if len(shown) <= room else ""
    parts: list[str] = []
    pairs: Any = value.items() if isinstance(value, Mapping) else enumerate(value)
    for key, item in pairs:
        head = f"{_key(key, place)}: " if isinstance(value, Mapping) else ""
        part = _flow(item, f"{place}/{key}", room - len(head) - 2)
        room -= len(head) + len(part) + 2
        if not part or room < 0:
            return ""
        parts.append(head + part)
    opening, closing = "{}" if isinstance(value, Mapping) else "[]"
    return f"{opening}{', '.join(parts)}{closing}"


def _key(key: Any, place: str) -> str:
    if not isinstance(key, str):
        raise InputError(f"{place or '/'}: the key {key!r:.80} is no text")
    if len(key) > 200:
        raise InputError(f"{place or '/'}: the key {key[:40]!r}... has more than 200 characters")
    return _text(key, place)


def _text(text: str, place: str) -> str:
    if _WORD.fullmatch(text) and text.lower() not in _TAKEN:
        return text
    quoted = json.dumps(text, ensure_ascii=False)
    if quoted.isprintable():
        return quoted
    if any("\ud800" <= char <= "\udfff" for char in text):
        raise InputError(f"{place}: half of a surrogate pair, which no UTF-8 file can hold")
    return "".join(char if char.isprintable() else _escape(char) for char in quoted)


def _escape(char: str) -> str:
    return f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}"


def _fits_block(text: str) -> bool:
    """Whether a block keeps every character, and an editor does too."""
    if "\n" not in text or text[0] in " \t\n" or text.endswith("\n\n"):
        return False
    lines: Sequence[str] = text.split("\n")
    return all(
        line.replace("\t", "").isprintable() and not line.endswith((" ", "\t")) for line in lines
    )
