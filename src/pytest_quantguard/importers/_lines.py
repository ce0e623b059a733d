"""Reading other people's files: line by line where that is possible, and never without bounds."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from pytest_quantguard.errors import InputError
from pytest_quantguard.importers._records import Loss, Note
from pytest_quantguard.types import Json

MAX_LINE = 32 * 2**20
"""Longest line that is read, in bytes."""
MAX_DOCUMENT = 64 * 2**20
"""Largest JSON document that is read as a whole, in bytes."""
MAX_DEPTH = 48
"""Deepest nesting that golden files can take in."""

_HEAD = 2**16
_DEEPEST = 200
"""Levels that a record may have: nested AnyValues of OTLP have three for each of theirs."""
_VALUE = 100
"""Characters that any value takes at least."""
_UNREADABLE = "the line cannot be read"


class NotJsonError(Exception):
    """Bytes are no JSON that every reader understands alike; the text says why."""


def open_source(path: Path, name: str) -> BinaryIO:
    """Open a file for reading, unpacked where its name ends in ``.gz``.

    Raises:
        InputError: it cannot be read, is empty, or holds no text.
    """
    try:
        if not path.is_file():
            raise InputError(f"{name}: {'is no file' if path.exists() else 'no such file'}")
        opener: Any = gzip.open if path.suffix == ".gz" else open
        stream = opener(path, "rb")
        with_head = io.BufferedReader(stream, buffer_size=_HEAD)
        head = with_head.peek(_HEAD)[:_HEAD]
    except (OSError, EOFError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{name}: cannot be read: {reason}") from None
    problem = ""
    if not head.strip():
        problem = "the file is empty"
    elif b"\0" in head:
        problem = "is no text: it holds zero bytes"
    if problem:
        with_head.close()
        raise InputError(f"{name}: {problem}")
    return with_head


def suffix_of(path: Path) -> str:
    """Return ``.jsonl`` for ``log.jsonl`` and for ``log.jsonl.gz``."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    return next((suffix for suffix in reversed(suffixes) if suffix != ".gz"), "")


class Line(NamedTuple):
    """One line of a file."""

    number: int
    """Counting from 1."""
    start: int
    """Where it begins, in bytes from the start of the (unpacked) file."""
    data: bytes


def numbered_lines(path: Path, name: str, note: Note) -> Iterator[Line]:
    """Yield the lines that are not blank; too long ones are a loss.

    Raises:
        InputError: the file cannot be read.
    """
    number = start = 0
    with open_source(path, name) as stream:
        while chunk := _chunk(stream, name, MAX_LINE + 1):
            number, size = number + 1, len(chunk)
            if len(chunk) > MAX_LINE and not chunk.endswith(b"\n"):
                why = f"the line is longer than {MAX_LINE >> 20} MiB"
                note(Loss(place=f"{name}:{number}", what=_UNREADABLE, why=why, whole=True))
                while chunk and not chunk.endswith(b"\n"):
                    chunk = _chunk(stream, name, 2**20)
                    size += len(chunk)
            elif chunk.strip():
                yield Line(number, start, chunk)
            start += size


def _chunk(stream: BinaryIO, name: str, size: int) -> bytes:
    try:
        return stream.readline(size)
    except (OSError, EOFError) as error:  # a damaged gzip file
        raise InputError(f"{name}: cannot be read to its end: {error}") from None


def parse(data: bytes, constant: Callable[[str], None] = lambda _: None) -> Any:
    """Parse JSON; NaN and Infinity, which some logs hold, become null, and ``constant`` is told.

    Raises:
        NotJsonError: it is none, or says the same thing twice.
    """
    try:
        found = json.loads(
            data.rstrip(b" \t\r\n").decode("utf-8-sig"),
            parse_constant=constant,
            object_pairs_hook=_once,
        )
        # Few texts have so many brackets; what is deeper ends in somebody's RecursionError.
        if data.count(b"[") + data.count(b"{") > _DEEPEST and depth_of(found) > _DEEPEST:
            raise RecursionError
        return found
    except UnicodeDecodeError:
        raise NotJsonError("it is not UTF-8 text") from None
    except RecursionError:
        raise NotJsonError("it is nested too deeply") from None
    except json.JSONDecodeError as error:
        line = f"line {error.lineno}, " if error.lineno > 1 else ""
        what = error.msg.removesuffix(" at")  # some of Python's messages end with it
        raise NotJsonError(f"it is no JSON: {what} at {line}column {error.colno}") from None
    except ValueError as error:  # a key twice; an integer of more digits than Python reads
        text = str(error)
        known = text.startswith("the key")
        raise NotJsonError(text if known else "it holds a number without measure") from None


def _once(pairs: list[tuple[str, Any]]) -> Json:
    found = dict(pairs)
    if len(found) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in found if keys.count(key) > 1)
        raise ValueError(f"the key {twice!r:.60} stands twice in one object")
    return found


def depth_of(value: Any) -> int:
    """Return how deep lists and maps are nested in a value; a text is 0 deep."""
    depth, level = 0, [value]
    while level := [
        item
        for outer in level
        if isinstance(outer, list | dict)
        for item in (outer.values() if isinstance(outer, dict) else outer)
    ]:
        depth += 1
    return depth


def size_of(values: Iterable[Any]) -> int:
    """Return about how much memory values take, in characters: each at least a hundred."""
    total, left = 0, list(values)
    while left:
        value = left.pop()
        if isinstance(value, str):
            total += len(value)
        elif isinstance(value, dict):
            left += value
            left += value.values()
        elif isinstance(value, list | tuple):
            left += value
        total += _VALUE
    return total


# --- records ------------------------------------------------------------------------------


def records(path: Path, name: str, note: Note) -> Iterator[tuple[str, Json]]:
    """Yield the maps of a file, each with its place: JSON lines, a JSON list, one JSON map or CSV.

    Raises:
        InputError: the file cannot be read, or is one JSON document that is broken or too large.
    """
    if suffix_of(path) == ".csv":
        yield from _csv_records(path, name, note)
    elif is_document(path, name):
        yield from _document_records(document(path, name), name, note)
    else:
        yield from line_records(path, name, note)


def line_records(path: Path, name: str, note: Note) -> Iterator[tuple[str, Json]]:
    """Yield the maps of a file of JSON lines, each with its ``file:line``."""
    for line in numbered_lines(path, name, note):
        place = f"{name}:{line.number}"
        if (value := map_of(line.data, place, note)) is not None:
            yield place, value


def map_of(data: bytes, place: str, note: Note) -> Json | None:
    """Return the map that a line holds; anything else is a loss."""
    try:
        value = parse(data)
    except NotJsonError as error:
        cut = "" if data.endswith(b"\n") else "; it is the last one and may have been cut off"
        note(Loss(place=place, what=_UNREADABLE, why=f"{error}{cut}", whole=True))
        return None
    if not isinstance(value, dict):
        why = f"it holds {kind(value)}, no map"
        note(Loss(place=place, what=_UNREADABLE, why=why, whole=True))
        return None
    return value


def is_document(path: Path, name: str) -> bool:
    """Tell whether a file is one JSON document, and not one per line."""
    with open_source(path, name) as stream:
        first = b""
        while not first.strip():
            if not (line := _chunk(stream, name, _HEAD)):
                return False
            first = line.removeprefix(b"\xef\xbb\xbf").lstrip()
        if first.startswith(b"["):
            return True
        if not first.startswith(b"{"):
            return False
        if not first.endswith(b"\n") and len(first) >= _HEAD - 3:
            return False  # one long line: read as a line, a document of one line is the same
        try:
            parse(first)
        except NotJsonError:  # is it pretty-printed, or JSON lines of which the first is broken?
            return first.strip() in (b"{", b"{}") or not _ends_object(first)
        return False


def _ends_object(line: bytes) -> bool:
    return line.rstrip().endswith(b"}")


def document(path: Path, name: str) -> Any:
    """Read one JSON document.

    Raises:
        InputError: it is larger than 64 MiB, or no JSON.
    """
    with open_source(path, name) as stream:
        try:
            data = stream.read(MAX_DOCUMENT + 1)
        except (OSError, EOFError) as error:
            raise InputError(f"{name}: cannot be read to its end: {error}") from None
    if len(data) > MAX_DOCUMENT:
        raise InputError(
            f"{name}: one JSON document of more than {MAX_DOCUMENT >> 20} MiB; write one record "
            "per line (JSON lines), which is read without such a limit"
        )
    try:
        return parse(data)
    except NotJsonError as error:
        raise InputError(f"{name}: {error}") from None


def _document_records(value: Any, name: str, note: Note) -> Iterator[tuple[str, Json]]:
    if isinstance(value, dict):
        yield f"{name}: $", value
        return
    for index, item in enumerate(value if isinstance(value, list) else ()):
        place = f"{name}: $[{index}]"
        if isinstance(item, dict):
            yield place, item
        else:
            note(Loss(place=place, what="the entry", why=f"it is {kind(item)}, no map"))


def _csv_records(path: Path, name: str, note: Note) -> Iterator[tuple[str, Json]]:
    """Yield the rows of a CSV file as maps of texts; cells beyond the header are a loss."""
    before = csv.field_size_limit(MAX_LINE)
    try:
        with io.TextIOWrapper(open_source(path, name), "utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream, restkey="", restval="")
            for row in reader:
                place = f"{name}:{reader.line_num}"
                if row.pop("", None):
                    note(Loss(place=place, what="cells", why="the header has fewer columns"))
                yield place, dict(row)
    except UnicodeDecodeError:
        raise InputError(f"{name}: not UTF-8 text; save the file as UTF-8") from None
    except csv.Error as error:
        raise InputError(f"{name}: not valid CSV: {error}") from None
    finally:
        csv.field_size_limit(before)


def kind(value: Any) -> str:
    """Name the kind of a JSON value."""
    names = {dict: "a map", list: "a list", str: "a text", bool: "true or false"}
    if value is None:
        return "null"
    return names.get(type(value), "a number")
