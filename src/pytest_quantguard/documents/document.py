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
import stat
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml

from pytest_quantguard.documents.accepts import Accepts, accepts, part_of
from pytest_quantguard.documents.strict_json import NotStrict, loads
from pytest_quantguard.errors import InputError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable

    from jsonschema.protocols import Validator

MAX_BYTES = 32 * 1024 * 1024
MAX_DEPTH = 64
MAX_ALIASED_NODES = 100_000

# Built on libyaml where the wheel has it: five times faster than pure Python on large sets.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_INT = re.compile(r"[-+]?[0-9]{1,4000}\Z")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
_ELSEWHERE = re.compile(r'"([a-z]+\.schema\.json)#/')
"""A reference from one schema into another."""
_HALF_PAIR = re.compile(r"\\(?:u|U0000)[dD][89a-fA-F]")
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
    words: dict[str, str] = field(default_factory=dict)
    """Keys of ``data`` that the file itself has other words for, which messages use."""

    def where(self, path: Path_) -> str:
        """Return ``file:line`` of the nearest known part of ``path``."""
        return f"{self.name}:{self.line(path)}" if self.lines else self.name

    def line(self, path: Path_) -> int:
        """Return the line of ``path``, or of the nearest thing that contains it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


class Span(NamedTuple):
    """Where a value stands in its text, counted in characters from 0."""

    start: int
    end: int
    kind: str
    """scalar, alias, flow (in brackets) or block."""


def read(path: Path, name: str, *, lines: bool = True) -> Document:
    """Read a ``.yaml``, ``.yml``, ``.json`` or ``.toml`` file.

    Without ``lines`` JSON is read faster, and its lines are not known.

    Raises:
        InputError: the file cannot be read or parsed; the message has file and line.
    """
    text = read_text(path, name)
    if path.suffix == ".toml":
        try:
            return Document(name, tomllib.loads(text))
        except tomllib.TOMLDecodeError as error:
            raise InputError(f"{name}: {error}") from None
    if path.suffix == ".json" and not lines:
        try:
            return Document(name, loads(text))
        except NotStrict as error:
            where = f"{name}:{error.line}" if error.line else name
            raise InputError(f"{where}: not valid JSON: {error}") from None
    return parse(text, name)


def read_text(path: Path, name: str) -> str:
    """Return what an ordinary file of UTF-8 text holds, line ends as ``\\n``.

    Raises:
        InputError: it is none, or larger than ``MAX_BYTES``; the message has ``name``.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise InputError(f"{name}: no ordinary file")
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
        if len(raw) > MAX_BYTES:
            raise InputError(f"{name}: larger than {MAX_BYTES // 2**20} MB; split the file")
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise InputError(f"{name}:{line}: not UTF-8 text; save the file as UTF-8") from None
    except OSError as error:
        raise InputError(f"{name}: cannot be read: {error.strerror or error}") from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def parse(text: str, name: str, spans: dict[Path_, Span] | None = None) -> Document:
    """Parse YAML (JSON is a part of it); note in ``spans`` where each value stands.

    Raises:
        InputError: with ``name`` and the line.
    """
    document = Document(name, None)
    try:
        data = _Builder(text, document, spans).build()
    except yaml.MarkedYAMLError as error:
        mark: Any = error.problem_mark or error.context_mark
        line = 1 + (0 if mark is None else mark.line)
        problem = error.problem or error.context or "cannot be parsed"
        at = "" if mark is None else text[mark.index : mark.index + 1]
        raise InputError(f"{name}:{line}: not valid YAML: {problem}{_hint(problem, at)}") from None
    except yaml.YAMLError as error:  # the reader's errors carry a position, not a mark
        position = int(getattr(error, "position", 0) or 0)
        line = text.count("\n", 0, position) + 1
        reason = getattr(error, "reason", "cannot be read")
        raise InputError(f"{name}:{line}: not valid YAML: {reason}") from None
    if half := _HALF_PAIR.search(text):
        _refuse_half_pairs(data, f"{name}:{text.count(chr(10), 0, half.start()) + 1}")
    return Document(name, data, document.lines)


def _hint(problem: str, at: str) -> str:
    """Say what to do about what YAML's parser says; ``at`` is the character it stumbled over."""
    if at == "\t" or "'\\t'" in problem or "tab character" in problem:
        return "; indent with spaces, not tabs"
    if "cannot start any token" in problem:
        return f"; a text that begins with {at} needs quotes"
    if problem.startswith("mapping values are not allowed"):
        return "; a text with ': ' in it needs quotes"
    return ""


def _refuse_half_pairs(data: Any, where: str) -> None:
    # PyYAML's own reader lets them pass; libyaml does not.
    try:
        json.dumps(data, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        raise InputError(f"{where}: half of a surrogate pair, which no text can hold") from None


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1


class _Builder:
    """Builds data from parse events, so that depth and size are bounded before memory is used."""

    def __init__(
        self, text: str, document: Document, spans: dict[Path_, Span] | None = None
    ) -> None:
        self.document = document
        self.spans = spans
        self.end = 0
        """Where the last value ended that is no block."""
        self.event: Callable[[], Any] = _Loader(text).get_event
        self.anchors: dict[str, tuple[Any, int]] = {}
        self.nodes = 0
        self.aliased = 0

    def fail(self, event: Any, problem: str) -> InputError:
        return InputError(f"{self.document.name}:{_line(event)}: {problem}")

    def build(self) -> Any:
        self.event()  # stream start
        event = self.event()
        if isinstance(event, yaml.StreamEndEvent):
            return None
        data = self.node(self.event(), ())
        self.event()  # document end
        event = self.event()
        if not isinstance(event, yaml.StreamEndEvent):
            raise self.fail(event, "a second document starts here ('---'); one is allowed")
        return data

    def node(self, event: Any, path: Path_) -> Any:
        self.document.lines.setdefault(path, _line(event))
        if isinstance(event, yaml.AliasEvent):
            self.note(path, event, "alias")
            return self.alias(event)
        if len(path) > MAX_DEPTH:
            raise self.fail(event, f"nested deeper than {MAX_DEPTH} levels")
        if event.tag not in (None, "!"):
            raise self.fail(event, f"the tag {event.tag!r:.80} is not allowed; write plain values")
        self.nodes += 1
        before = self.nodes
        data: Any
        if isinstance(event, yaml.ScalarEvent):
            self.note(path, event, "scalar")
            data = self.scalar(event) if event.implicit[0] else event.value
        elif isinstance(event, yaml.SequenceStartEvent):
            data = self.sequence(path)
        else:
            data = self.mapping(path)
        if isinstance(event, yaml.CollectionStartEvent):
            self.note(path, event, "flow" if event.flow_style else "block")
        if event.anchor:
            self.anchors[event.anchor] = (data, self.nodes - before + 1)
        return data

    def note(self, path: Path_, event: Any, kind: str) -> None:
        """Remember where a value stands: a block ends where its last value does."""
        if kind in ("scalar", "alias"):
            self.end = event.end_mark.index
        if self.spans is not None:
            self.spans[path] = Span(event.start_mark.index, self.end, kind)

    def close(self, event: Any) -> None:
        """Brackets end a value; the end of a block is no character, and far behind comments."""
        if event.start_mark.index < event.end_mark.index:
            self.end = event.end_mark.index

    def alias(self, event: Any) -> Any:
        if event.anchor not in self.anchors:
            raise self.fail(event, f"the alias '*{event.anchor:.80}' has no anchor before it")
        data, size = self.anchors[event.anchor]
        self.aliased += size
        self.nodes += size
        if self.aliased > MAX_ALIASED_NODES:
            raise self.fail(event, f"aliases expand to more than {MAX_ALIASED_NODES} values")
        return data

    def sequence(self, path: Path_) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := self.event(), yaml.SequenceEndEvent):
            items.append(self.node(event, (*path, len(items))))
        self.close(event)
        return items

    def mapping(self, path: Path_) -> dict[str, Any]:
        data: dict[str, Any] = {}
        while not isinstance(event := self.event(), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent):
                why = "a key must be plain text; a text that begins with { needs quotes"
                raise self.fail(event, why)
            key, line = event.value, _line(event)
            if key in data:
                first = self.document.lines[(*path, key)]
                raise self.fail(event, f"the key {key!r:.80} is already on line {first}")
            self.document.lines[(*path, key)] = line
            data[key] = self.node(self.event(), (*path, key))
        self.close(event)
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
                raise self.fail(event, f"the number {text:.40} is too large")
            return number
        return text


# --- JSON Schema ------------------------------------------------------------------------


def problems(document: Document, schema: str, at: str = "#") -> list[str]:
    """Return one sentence with file:line for each way ``document`` breaks a packaged schema.

    ``at`` leads to the part of the schema that is meant.
    """
    found = [f"{document.where(path)}: {text}" for path, text in misshapen(document, schema, at)]
    return list(dict.fromkeys(found))


def misshapen(document: Document, schema: str, at: str = "#") -> list[tuple[Path_, str]]:
    """Return the same as `problems`: each place, and what is wrong there."""
    if _accepts(schema, at)(document.data):
        return []
    return [
        pair
        for error in _validator(schema, at).iter_errors(document.data)
        for leaf in _leaves(error)
        for pair in _sentences(leaf, _WHOLES.get(at, "the file"), document.words)
    ]


_WHOLES = {"#/$defs/case": "the case", "#/$defs/first": "the line"}


@functools.cache
def packaged(schema: str) -> Any:
    """Return a schema that comes with the package; not to be changed.

    A schema may refer to definitions of another one, which become its own.
    """
    text = importlib.resources.files("pytest_quantguard").joinpath(schema).read_text("utf-8")
    found = json.loads(_ELSEWHERE.sub('"#/', text))
    for other in sorted(set(_ELSEWHERE.findall(text))):
        found["$defs"] = {**packaged(other)["$defs"], **found["$defs"]}
    return found


@functools.cache
def _accepts(schema: str, at: str) -> Accepts:
    try:
        return accepts(packaged(schema), at)
    except ValueError:  # a keyword that only the full validator knows
        return lambda data: False


@functools.cache
def _validator(schema: str, at: str) -> Validator:
    from jsonschema import Draft202012Validator

    whole = packaged(schema)
    part = part_of(whole, at)
    return Draft202012Validator({**part, "$defs": whole.get("$defs", {})})


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


def _sentences(error: Any, whole: str, words: dict[str, str]) -> list[tuple[Path_, str]]:
    path: Path_ = tuple(error.absolute_path)
    named = (words.get(str(part), part) for part in path[:1])
    place = ".".join(part for part in (*named, *path[1:]) if isinstance(part, str)) or whole
    words = {} if path else words
    value = json.dumps(error.instance, ensure_ascii=True, default=str)[:120]
    if error.validator == "additionalProperties":
        known = error.schema.get("properties", {})
        told = [words.get(key, key) for key in known]
        return [
            ((*path, key), f"unknown key {key!r:.80} in {place}; {did_you_mean(key[:80], told)}")
            for key in error.instance
            if key not in known
        ]
    if error.validator == "required":
        missing = [key for key in error.validator_value if key not in error.instance]
        return [(path, f"{place} lacks the key {words.get(key, key)!r}") for key in missing]
    hint = error.schema.get("description") if isinstance(error.schema, dict) else None
    if error.validator == "type":
        return [(path, f"{place} must be {_kind(error.validator_value)}, not {value}")]
    if error.validator == "enum":
        allowed = ", ".join(map(str, error.validator_value))
        return [(path, f"{place} is {value}; allowed: {allowed}")]
    return [(path, f"{place} is {value}; " + (hint or error.message[:200]))]


def _kind(kind: str | list[str]) -> str:
    names = {
        "object": "a map",
        "array": "a list",
        "string": "text",
        "boolean": "true or false",
        "integer": "a whole number",
    }
    kinds = [kind] if isinstance(kind, str) else kind
    return " or ".join(names.get(k, f"a {k}") for k in kinds)
