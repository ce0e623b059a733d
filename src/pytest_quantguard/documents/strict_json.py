"""JSON that every reader understands alike, and files with one JSON value a line.

Refused are duplicate keys, NaN, numbers beyond every float, deep nesting, and halves of surrogate
pairs, which no request could carry.
"""

from __future__ import annotations

import json
import math
import re
import stat
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_quantguard.errors import InputError

MAX_DEPTH = 64
MAX_LINE = 32 * 1024 * 1024
"""Bytes of the longest line that is read."""
MAX_FILE = 1024 * 1024 * 1024
"""Bytes of the largest file that is read line by line."""

_SPACE = " \t\r\n"
_CUT = "it ends in the middle"
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]|[\ud800-\udfff]")
_DIGITS = re.compile(r"\d{309}")
"""What only a whole number, or a text, has that is beyond every float."""


class NotStrict(ValueError):  # noqa: N818 - the message is what is wrong with the text
    """The text is not such JSON; the message says why, ``line`` counts from 1, or is 0."""

    def __init__(self, message: str, line: int = 0) -> None:
        super().__init__(message)
        self.line = line


@dataclass(frozen=True, slots=True)
class Line:
    """One line that is not empty."""

    number: int
    """Counting from 1."""
    value: Any = None
    problem: str = ""
    """Why there is no value."""


def loads(text: str, *, halves: bool = False) -> Any:
    """Read a text as one JSON value; ``halves`` of surrogate pairs are let through if wanted.

    Raises:
        NotStrict: for anything else.
    """
    try:
        value = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise NotStrict(_why(error, text), error.lineno) from None
    except RecursionError:
        raise NotStrict(f"nested deeper than {MAX_DEPTH} levels") from None
    except NotStrict:
        raise
    except ValueError:  # an integer of more digits than Python likes to read
        raise NotStrict("a whole number has too many digits") from None
    if text.count("[") + text.count("{") > MAX_DEPTH and deep(value):
        raise NotStrict(f"nested deeper than {MAX_DEPTH} levels")
    if _DIGITS.search(text) and _beyond_floats(value):
        raise NotStrict("a whole number has too many digits")
    if not halves and (half := _half_pair(text, value)):
        raise NotStrict(f"{half} is half of a surrogate pair, which no text can hold")
    return value


def read_lines(path: Path, name: str) -> Iterator[Line]:
    """Yield the lines of a file, in memory that does not grow with it; ``name`` is for messages.

    Raises:
        InputError: the file cannot be read, or is too large.
    """
    try:
        about = path.stat()
        if not stat.S_ISREG(about.st_mode):
            raise InputError(f"{name}: no ordinary file")
        with path.open("rb") as file:
            if about.st_size > MAX_FILE:
                raise InputError(f"{name}: larger than {MAX_FILE // 2**20} MB; split the file")
            number = 0
            while raw := file.readline(MAX_LINE + 1):
                number += 1
                if len(raw) > MAX_LINE:
                    raise InputError(f"{name}:{number}: a line of more than {MAX_LINE // 2**20} MB")
                if number == 1:
                    raw = raw.removeprefix(b"\xef\xbb\xbf")
                if not raw.isspace() and raw:
                    yield _line(raw, number)
    except OSError as error:
        raise InputError(f"{name}: cannot be read: {error.strerror or error}") from None


def _line(raw: bytes, number: int) -> Line:
    try:
        return Line(number, loads(raw.decode("utf-8").strip(_SPACE)))
    except UnicodeDecodeError:
        return Line(number, problem="not UTF-8 text; save the file as UTF-8")
    except NotStrict as error:
        cut = str(error).startswith(_CUT) and not raw.endswith(b"\n")
        hint = "; is the end of the file missing?" if cut else ""
        return Line(number, problem=f"not valid JSON: {error}{hint}")


def _why(error: json.JSONDecodeError, text: str) -> str:
    if text[error.pos : error.pos + 1] == "\ufeff":
        return f"a byte order mark in the middle of the file (column {error.colno})"
    if error.pos >= len(text) or error.msg.startswith("Unterminated string"):
        return f"{_CUT} (column {error.colno}: {error.msg})"
    return f"{error.msg} (column {error.colno})"


def deep(value: Any) -> bool:
    """Whether lists and maps are nested deeper than allowed."""
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        level = [
            item
            for node in level
            if isinstance(node, dict | list)
            for item in (node.values() if isinstance(node, dict) else node)
        ]
    return bool(level)


def _beyond_floats(value: Any) -> bool:
    """Tell whether a whole number is in it with which nothing can be computed."""
    if isinstance(value, dict | list):
        return any(map(_beyond_floats, value.values() if isinstance(value, dict) else value))
    return isinstance(value, int) and not -_MOST <= value <= _MOST


_MOST = int(sys.float_info.max)


def _half_pair(text: str, value: Any) -> str:
    """Return the first escape that leaves half a surrogate pair in ``value``."""
    if not _SURROGATE.search(text):
        return ""
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError as error:
        return f"\\u{ord(error.object[error.start]):04x}"
    return ""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        ((twice, _),) = Counter(key for key, _ in pairs).most_common(1)
        raise NotStrict(f"the key {twice[:80]!r} stands twice in one object")
    return found


def _float(number: str) -> float:
    value = float(number)
    if math.isinf(value):
        raise NotStrict(f"the number {number[:30]} is too large")
    return value


def _constant(name: str) -> float:
    raise NotStrict(f"{name} is no JSON number")


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_float=_float, parse_constant=_constant)
