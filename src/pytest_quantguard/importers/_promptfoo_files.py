"""Files that a promptfoo config names: read only below its folder, or the one worked in."""

from __future__ import annotations

import csv
import io
import json
from itertools import islice
from pathlib import Path
from typing import Any

from pytest_quantguard.documents.document import MAX_BYTES, Document, Path_, parse
from pytest_quantguard.errors import InputError
from pytest_quantguard.importers._lines import MAX_DEPTH, MAX_LINE, NotJsonError, depth_of
from pytest_quantguard.importers._lines import parse as parse_json
from pytest_quantguard.types import Json

_MOST_FILES = 1000
_CODE = (".js", ".cjs", ".mjs", ".ts", ".cts", ".mts", ".py", ".rb", ".go", ".sh")


class ForeignError(Exception):
    """A reference leads to what cannot be read here; the text says why."""


class Files:
    """The files around one config."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()
        self._roots = (self._folder, Path.cwd().resolve())

    def find(self, reference: str) -> list[Path]:
        """Return the files that ``file://...`` names, in the order of their names.

        Raises:
            ForeignError: it is no such reference, or there are none.
        """
        name = reference.removeprefix("file://")
        if "://" in name or ":" in name.split("/")[0][2:]:
            raise ForeignError(f"{reference[:80]!r} is fetched or run by promptfoo")
        try:
            found = self._named(name)
            files = all(path.is_file() for path in found)
        except (OSError, ValueError, NotImplementedError):  # no name that a file could have
            found, files = [], False
        if len(found) > _MOST_FILES:
            raise ForeignError(f"{reference[:80]!r} names more than {_MOST_FILES} files")
        if not found or not files:
            raise ForeignError(f"{reference[:80]!r}: no such file")
        for path in found:
            if not any(path.resolve().is_relative_to(root) for root in self._roots):
                raise ForeignError(f"{reference[:80]!r} is outside the config's folder")
            if path.suffix.lower() in _CODE:
                raise ForeignError(f"{reference[:80]!r} is code that promptfoo runs")
        return found

    def _named(self, name: str) -> list[Path]:
        if any(mark in name for mark in "*?["):
            return sorted(islice(self._folder.glob(name), _MOST_FILES + 1))
        path = self._folder / name
        return sorted(path.iterdir()) if path.is_dir() else [path]

    def name(self, path: Path) -> str:
        """Return what messages call a file."""
        for root in reversed(self._roots):
            if path.resolve().is_relative_to(root):
                return path.resolve().relative_to(root).as_posix()
        return str(path)

    def text(self, path: Path) -> str:
        """Read a text.

        Raises:
            ForeignError: it cannot be read, or is larger than 32 MB.
        """
        try:
            if path.stat().st_size > MAX_BYTES:
                raise ForeignError(f"{self.name(path)} is larger than {MAX_BYTES >> 20} MB")
            return path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "not UTF-8 text"
            raise ForeignError(f"{self.name(path)}: {reason}") from None

    def document(self, path: Path) -> Document:
        """Read YAML, JSON, JSON lines or CSV as data, with lines where the format has them.

        Raises:
            ForeignError: it cannot be read.
        """
        text, name, suffix = self.text(path), self.name(path), path.suffix.lower()
        try:
            if suffix == ".jsonl":
                return _json_lines(text, name)
            if suffix == ".csv":
                return _csv(text, name)
            return parse(text, name)
        except (InputError, NotJsonError) as error:
            raise ForeignError(f"{name} cannot be read: {error}") from None


def _json_lines(text: str, name: str) -> Document:
    rows: list[Any] = []
    lines: dict[Path_, int] = {(): 1}
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        row = parse_json(line.encode())
        if depth_of(row) > MAX_DEPTH:
            raise ForeignError(f"{name}:{number} is nested too deeply")
        lines[(len(rows),)] = number
        rows.append(row)
    return Document(name, rows, lines)


def _csv(text: str, name: str) -> Document:
    """Read a table of tests: columns are variables, those that start with __ mean something."""
    before = csv.field_size_limit(MAX_LINE)
    try:
        reader = csv.DictReader(io.StringIO(text, newline=""), restval="")
        rows: list[Json] = []
        lines: dict[Path_, int] = {(): 1}
        for row in reader:
            lines[(len(rows),)] = reader.line_num
            rows.append(_row(row))
    except csv.Error as error:
        raise ForeignError(f"{name} cannot be read: {error}") from None
    finally:
        csv.field_size_limit(before)
    return Document(name, rows, lines)


def _row(row: dict[str | Any, Any]) -> Json:
    test: Json = {"vars": {}, "assert": [], "options": {}, "metadata": {}}
    for column, cell in row.items():
        key = column.strip() if isinstance(column, str) else ""
        if not key or not isinstance(cell, str):
            continue
        if key.startswith("__expected"):
            if cell.strip():
                test["assert"].append(expected(cell.strip()))
        elif key.startswith("__metadata:"):
            test["metadata"][key.partition(":")[2]] = cell
        elif key in ("__prefix", "__suffix"):
            test["options"][key[2:]] = cell
        elif key == "__description":
            test["description"] = cell
        elif key.startswith("__"):
            test[key] = cell
        else:
            test["vars"][key] = cell
    return {key: value for key, value in test.items() if value}


_SHORT = {"eval": "javascript", "fn": "javascript", "grade": "llm-rubric"}


def expected(cell: str) -> Json:
    """Read the short form of an assertion in a CSV file, such as ``contains-any: a,b``.

    >>> expected("similar(0.8): hello")
    {'type': 'similar', 'threshold': 0.8, 'value': 'hello'}
    >>> expected("Paris")
    {'type': 'equals', 'value': 'Paris'}
    """
    head, colon, value = cell.partition(":")
    kind, bracket, number = head.strip().partition("(")
    kind = _SHORT.get(kind, kind)
    if cell.strip() in _ALONE:
        return {"type": cell.strip()}
    if not colon or not _is_kind(kind):
        return {"type": "equals", "value": cell}
    found: Json = {"type": kind}
    if bracket and number.rstrip(")").replace(".", "", 1).isdigit():
        found["threshold"] = float(number.rstrip(")"))
    text = value.strip()
    if kind in ("is-json", "contains-json") and text:
        try:
            return {**found, "value": json.loads(text)}
        except (ValueError, RecursionError):
            return {**found, "value": text}
    if kind == "latency" and "threshold" not in found and text.replace(".", "", 1).isdigit():
        return {**found, "threshold": float(text)}
    return {**found, "value": text}


_ALONE = ("is-json", "contains-json", "is-xml", "is-refusal", "not-is-refusal", "contains-html")


def _is_kind(kind: str) -> bool:
    """Tell an assertion's type from a sentence that happens to have a colon in it."""
    return 0 < len(kind) <= 40 and all(
        char.isascii() and (char.islower() or char in "-:0123456789") for char in kind
    )
