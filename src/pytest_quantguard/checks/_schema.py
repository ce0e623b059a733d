"""The home of jsonschema: schemas are checked here, and answers are judged by them.

Judging is done in the helper process: a schema may hold patterns that backtrack for ever, or
alternatives that grow with every level of the answer.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, ValidationError, best_match
from jsonschema.validators import validator_for
from referencing import Registry

from pytest_quantguard.checks import _json, _limited
from pytest_quantguard.checks._text import MOST, quote
from pytest_quantguard.errors import CheckError

_DEFAULT = Draft202012Validator
_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")
_DATA = ("const", "default", "enum", "examples")
_ENDLESS = (
    *_REFERENCES,
    "pattern",
    "patternProperties",
    "uniqueItems",
    # What is inside is judged again at each level: twice as long for each one more.
    "unevaluatedItems",
    "unevaluatedProperties",
)
_MOST_FAILINGS = 100
_STEPS = 1_000_000
"""Characters of a schema times parts of a value: fewer are judged in far less than the limit."""
_PART = 100
"""Characters of a text that are one part: jsonschema writes a value into each of its complaints."""


def canonical(field: str, schema: Any) -> str:
    """Return a usable schema as text; equal schemas give equal texts.

    Raises:
        ValueError: when it is no JSON Schema, or refers to something outside itself.
    """
    if not isinstance(schema, Mapping):
        raise ValueError(f"`{field}` has to be a JSON Schema object, got {schema!r:.80}")
    if problem := _json.problem(schema):
        raise ValueError(f"`{field}` cannot be written as JSON: {problem}")
    text = json.dumps(schema, sort_keys=True)
    if complaint := _complaint(text):
        raise ValueError(f"`{field}` {complaint}")
    return text


def violations(schema: str, value: Any) -> list[str]:
    """Judge a JSON value by a `canonical` schema; one sentence for each place that is wrong.

    Raises:
        CheckError: when it took longer than the limit, or the schema refers to itself for ever.
    """
    if _bounded(schema) and _small(value, _STEPS // len(schema)):
        try:  # the helper is far away: this takes a tenth
            return _violations(schema, value)
        except Exception as error:
            raise CheckError(f"the check broke: {type(error).__name__}: {error}") from None
    try:
        return _limited.call(_violations, schema, value)
    except TimeoutError:
        raise _too_slow() from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failing:
    """One keyword of a schema that a value does not satisfy."""

    path: tuple[str | int, ...]
    keyword: str
    sentence: str


def failings(schema: str, value: Any) -> list[Failing]:
    """Judge a user's own value by a `canonical` schema: the same as `violations`, to be looked at.

    Raises:
        CheckError: as `violations` does.
    """
    if _bounded(schema):  # golden files ask thousands of times, and the helper is far away
        found = _failings(schema, value)
    else:
        try:
            found = _limited.call(_failings, schema, value)
        except TimeoutError:
            raise _too_slow() from None
    return [
        Failing(path=tuple(path), keyword=keyword, sentence=text) for path, keyword, text in found
    ]


def _too_slow() -> CheckError:
    return CheckError(
        f"judging by the schema was stopped after {_limited.LIMIT_S:g} s; look for a pattern "
        "with repeats inside repeats, or for alternatives that refer to the schema"
    )


@lru_cache(maxsize=1024)
def _complaint(text: str) -> str | None:
    schema = json.loads(text)  # jsonschema wants true dicts and lists
    named = schema.get("$schema", _DEFAULT.META_SCHEMA["$schema"])
    draft = _draft(schema) if isinstance(named, str) else None
    if draft is None or named.rstrip("#") != draft.META_SCHEMA["$schema"].rstrip("#"):
        return (
            f"names an unknown `$schema`: {named!r:.80}; known are "
            "https://json-schema.org/draft/2020-12/schema and the drafts before it"
        )
    for reference in _references(schema):
        if not reference.startswith("#"):
            return (
                f"refers to {reference!r:.80}; only references inside the schema (#/...) are "
                "allowed, nothing is ever fetched"
            )
    try:
        draft.check_schema(schema)
    except SchemaError as error:
        return f"is no JSON Schema: {_sentence(error)}"
    except (RecursionError, OverflowError):  # of a pattern with thousands of brackets
        return "is no JSON Schema that can be read: it is nested too deeply"
    for reference in _references(schema):
        if reference.startswith("#/") and not _leads_somewhere(schema, reference):
            return f"refers to {reference!r:.80}, which it does not have"
    return None


@lru_cache(maxsize=1024)
def _bounded(text: str) -> bool:
    """Tell whether judging takes no more steps than schema and value have parts together."""
    nodes = _objects(json.loads(text))
    return not any(key in node for node in nodes for key in _ENDLESS)


def _small(value: Any, most: int) -> bool:
    """Tell whether a value has at most so many parts; a larger one is not looked at to its end."""
    left = [value]
    while left and most > 0:
        part = left.pop()
        most -= 1
        if isinstance(part, dict):
            left += part.values()
            most -= sum(map(len, part)) // _PART
        elif isinstance(part, list):
            left += part
        elif isinstance(part, str):
            most -= len(part) // _PART
    return not left and most >= 0


def _draft(schema: dict[str, Any]) -> Any:
    return validator_for(schema, default=_DEFAULT)


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        for key, value in schema.items():
            if key in _REFERENCES and isinstance(value, str):
                yield value
            elif key not in _DATA:
                yield from _references(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _references(value)


def _leads_somewhere(schema: Any, reference: str) -> bool:
    if any("$id" in node or "id" in node for node in _objects(schema) if node is not schema):
        return True  # "#" may mean another root there; judging will tell
    node = schema
    for part in reference[2:].split("/"):
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(node, list) and name.isdecimal() and int(name) < len(node):
            node = node[int(name)]
        elif isinstance(node, dict) and name in node:
            node = node[name]
        else:
            return "%" in reference  # an escape that is not worth decoding here
    return True


def _objects(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        yield schema
        schema = list(schema.values())
    if isinstance(schema, list):
        for value in schema:
            yield from _objects(value)


# --- in the helper process --------------------------------------------------------------


def _violations(schema: str, value: Any) -> list[str]:
    return [text for _, _, text in _found(schema, value, MOST)]


def _failings(schema: str, value: Any) -> list[tuple[list[str | int], str, str]]:
    return _found(schema, value, _MOST_FAILINGS)


def _found(schema: str, value: Any, most: int) -> list[tuple[list[str | int], str, str]]:
    errors = islice(_validator(schema).iter_errors(value), most)
    try:
        return [
            (
                list(error.absolute_path),
                str(error.validator),
                _sentence(best_match([error]) or error),
            )
            for error in errors
        ]
    except RecursionError:
        raise ValueError("the schema refers to itself without end") from None


@lru_cache(maxsize=256)
def _validator(schema: str) -> Any:
    plain = json.loads(schema)
    return _draft(plain)(plain, registry=Registry())


def _sentence(error: ValidationError | SchemaError) -> str:
    path = "$" + "".join(
        f"[{part}]" if isinstance(part, int) else _json.step(part) for part in error.absolute_path
    )
    shown = repr(error.instance)
    message = error.message
    if message.startswith(shown):  # jsonschema writes the whole value
        message = f"{shown[:60]}{'...' if len(shown) > 60 else ''}{message[len(shown) :]}"
    return f"{_json.clip(path)}: {quote(message, 150)[1:-1]}"
