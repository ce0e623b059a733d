"""Strict documents: YAML that means what it says, knows its lines, and fits a JSON Schema.

The only home of PyYAML. Scalars follow the YAML 1.2 core schema (``no`` is a string, ``012`` is
twelve, a date is a string); duplicate keys, tags, deep nesting and alias bombs are errors.
"""

from __future__ import annotations

import functools
import importlib.resources
import json
import math
import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from pytest_quantguard.errors import InputError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jsonschema.protocols import Validator

MAX_BYTES = 32 * 1024 * 1024
MAX_DEPTH = 64
MAX_ALIASED_NODES = 100_000

# Built on libyaml where the wheel has it: five times faster than pure Python on large sets.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_INT = re.compile(r"[-+]?[0-9]{1,4000}\Z")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
_WORDS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}

Path_ = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """Parsed data, with the line of every key and list item."""

    name: str
    """File name for messages, relative to pytest's root directory."""
    data: Any
    lines: dict[Path_, int] = field(default_factory=dict)
    """Line, counting from 1, of each path into ``data``; empty for formats without lines."""

    def where(self, path: Path_) -> str:
        """Return ``file:line`` of the nearest known part of ``path``."""
        return f"{self.name}:{self.line(path)}" if self.lines else self.name

    def line(self, path: Path_) -> int:
        """Return the line of ``path``, or of the nearest thing that contains it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


def read(path: Path, name: str) -> Document:
    """Read a ``.yaml``, ``.yml``, ``.json`` or ``.toml`` file.

    Raises:
        InputError: the file cannot be read or parsed; the message has file and line.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InputError(f"{name}: larger than {MAX_BYTES // 2**20} MB; split the file")
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise InputError(f"{name}:{line}: not UTF-8 text; save the file as UTF-8") from None
    except OSError as error:
        raise InputError(f"{name}: cannot be read: {error.strerror or error}") from None
    if path.suffix == ".toml":
        try:
            return Document(name, tomllib.loads(text))
        except tomllib.TOMLDecodeError as error:
            raise InputError(f"{name}: {error}") from None
    return parse(text, name)


def parse(text: str, name: str) -> Document:
    """Parse YAML (JSON is a part of it).

    Raises:
        InputError: with ``name`` and the line.
    """
    document = Document(name, None)
    try:
        data = _Builder(text, document).build()
    except yaml.MarkedYAMLError as error:
        mark: Any = error.problem_mark or error.context_mark
        line = 1 + (0 if mark is None else mark.line)
        problem = error.problem or error.context or "cannot be parsed"
        hint = "; indent with spaces, not tabs" if "'\\t'" in problem else ""
        raise InputError(f"{name}:{line}: not valid YAML: {problem}{hint}") from None
    except yaml.YAMLError as error:  # the reader's errors carry a position, not a mark
        position = int(getattr(error, "position", 0) or 0)
        line = text.count("\n", 0, position) + 1
        reason = getattr(error, "reason", "cannot be read")
        raise InputError(f"{name}:{line}: not valid YAML: {reason}") from None
    return Document(name, data, document.lines)


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1


class _Builder:
    """Builds data from parse events, so that depth and size are bounded before memory is used."""

    def __init__(self, text: str, document: Document) -> None:
        self.document = document
        self.events: Iterator[Any] = iter(yaml.parse(text, Loader=_Loader))
        self.anchors: dict[str, tuple[Any, int]] = {}
        self.nodes = 0
        self.aliased = 0

    def fail(self, event: Any, problem: str) -> InputError:
        return InputError(f"{self.document.name}:{_line(event)}: {problem}")

    def build(self) -> Any:
        next(self.events)  # stream start
        event = next(self.events)
        if isinstance(event, yaml.StreamEndEvent):
            return None
        data = self.node(next(self.events), ())
        next(self.events)  # document end
        event = next(self.events)
        if not isinstance(event, yaml.StreamEndEvent):
            raise self.fail(event, "a second document starts here ('---'); one is allowed")
        return data

    def node(self, event: Any, path: Path_) -> Any:
        self.document.lines.setdefault(path, _line(event))
        if isinstance(event, yaml.AliasEvent):
            return self.alias(event)
        if len(path) > MAX_DEPTH:
            raise self.fail(event, f"nested deeper than {MAX_DEPTH} levels")
        if event.tag not in (None, "!"):
            raise self.fail(event, f"the tag {event.tag!r} is not allowed; write plain values")
        self.nodes += 1
        before = self.nodes
        data: Any
        if isinstance(event, yaml.ScalarEvent):
            data = self.scalar(event) if event.implicit[0] else event.value
        elif isinstance(event, yaml.SequenceStartEvent):
            data = self.sequence(path)
        else:
            data = self.mapping(path)
        if event.anchor:
            self.anchors[event.anchor] = (data, self.nodes - before + 1)
        return data

    def alias(self, event: Any) -> Any:
        if event.anchor not in self.anchors:
            raise self.fail(event, f"the alias '*{event.anchor}' has no anchor before it")
        data, size = self.anchors[event.anchor]
        self.aliased += size
        self.nodes += size
        if self.aliased > MAX_ALIASED_NODES:
            raise self.fail(event, f"aliases expand to more than {MAX_ALIASED_NODES} values")
        return data

    def sequence(self, path: Path_) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            items.append(self.node(event, (*path, len(items))))
        return items

    def mapping(self, path: Path_) -> dict[str, Any]:
        data: dict[str, Any] = {}
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent):
                raise self.fail(event, "a key must be plain text")
            key, line = event.value, _line(event)
            if key in data:
                first = self.document.lines[(*path, key)]
                raise self.fail(event, f"the key {key!r} is already on line {first}")
            self.document.lines[(*path, key)] = line
            data[key] = self.node(next(self.events), (*path, key))
        return data

    def scalar(self, event: Any) -> Any:
        text = event.value
        if text in _WORDS:
            return _WORDS[text]
        if _INT.match(text):
            return int(text)
        if _FLOAT.match(text):
            number = float(text)
            if math.isinf(number):
                raise self.fail(event, f"the number {text} is too large")
            return number
        return text


# --- JSON Schema ------------------------------------------------------------------------


def problems(document: Document, schema: str) -> list[str]:
    """Return one sentence with file:line for each way ``document`` breaks a packaged schema."""
    errors = _validator(schema).iter_errors(document.data)
    found = []
    for error in errors:
        for leaf in _leaves(error):
            path = tuple(leaf.absolute_path)
            found += [f"{document.where(p)}: {text}" for p, text in _sentences(leaf, path)]
    return list(dict.fromkeys(found))


@functools.cache
def _validator(schema: str) -> Validator:
    from jsonschema import Draft202012Validator

    text = importlib.resources.files("pytest_quantguard").joinpath(schema).read_text("utf-8")
    return Draft202012Validator(json.loads(text))


def _leaves(error: Any) -> list[Any]:
    """Under ``oneOf``/``anyOf``: the branch that got furthest, since it was meant."""
    if not error.context:
        return [error]
    branches: dict[Any, list[Any]] = {}
    for child in error.context:
        branches.setdefault(child.schema_path[0], []).append(child)
    best = max(branches.values(), key=lambda b: (max(len(e.absolute_path) for e in b), -len(b)))
    if all(child.validator in ("type", "const") and not child.path for child in error.context):
        return [error]
    return [leaf for child in best for leaf in _leaves(child)]


def _sentences(error: Any, path: Path_) -> list[tuple[Path_, str]]:
    place = ".".join(str(part) for part in path if isinstance(part, str)) or "the file"
    value = json.dumps(error.instance, ensure_ascii=True, default=str)[:120]
    if error.validator == "additionalProperties":
        known = error.schema.get("properties", {})
        return [
            ((*path, key), f"unknown key {key!r} in {place}; {did_you_mean(key, known)}")
            for key in error.instance
            if key not in known
        ]
    if error.validator == "required":
        missing = [key for key in error.validator_value if key not in error.instance]
        return [(path, f"{place} lacks the key {key!r}") for key in missing]
    hint = error.schema.get("description") if isinstance(error.schema, dict) else None
    if error.validator == "type":
        return [(path, f"{place} must be {_kind(error.validator_value)}, not {value}")]
    if error.validator == "enum":
        allowed = ", ".join(map(str, error.validator_value))
        return [(path, f"{place} is {value}; allowed: {allowed}")]
    return [(path, f"{place} is {value}; " + (hint or error.message))]


def _kind(kind: str | list[str]) -> str:
    names = {"object": "a map", "array": "a list", "string": "text", "boolean": "true or false"}
    kinds = [kind] if isinstance(kind, str) else kind
    return " or ".join(names.get(k, f"a {k}") for k in kinds)
