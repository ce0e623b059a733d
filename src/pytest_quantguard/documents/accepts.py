"""A quick yes from a JSON Schema: most data is right, and only what is not needs sentences.

Covers the keywords that our own schemas use. A yes is always true; a no may also mean that the
full validator has to look: it then finds nothing, or says in a sentence what is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

Accepts = Callable[[Any], bool]

_COMMENTS = {"$schema", "$id", "$defs", "$comment", "title", "description", "default", "examples"}
_OBJECT = {"properties", "required", "additionalProperties"}
_TYPES: Mapping[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "boolean": (bool,),
    "null": (type(None),),
    "integer": (int,),
    "number": (int, float),
}


def accepts(schema: Mapping[str, Any], at: str = "#") -> Accepts:
    """Return a function that is True only for data which the schema at a ``#/...`` path allows.

    Raises:
        ValueError: the schema uses a keyword that is not known here.
    """
    return _Compiler(schema).at(at)


def part_of(schema: Any, pointer: str) -> Any:
    """Return what a ``#/...`` path leads to."""
    for step in pointer.split("/")[1:]:
        schema = schema[step]
    return schema


class _Compiler:
    """Compiles each part of a schema once."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self.root = root
        self.done: dict[str, Accepts] = {}

    def at(self, pointer: str) -> Accepts:
        """Return the test of a part; a part may refer to itself."""

        def later(data: Any) -> bool:
            return self.done[pointer](data)

        if pointer not in self.done:
            self.done[pointer] = later
            self.done[pointer] = self.part(part_of(self.root, pointer))
        return self.done[pointer]

    def part(self, schema: bool | Mapping[str, Any]) -> Accepts:
        if isinstance(schema, bool):
            return lambda data: schema
        known = {key: value for key, value in schema.items() if key not in _COMMENTS}
        tests = [self.keyword(key, known[key]) for key in known if key not in _OBJECT]
        if known.keys() & _OBJECT:
            tests.append(self.members(known))
        first, *others = tests or [lambda data: True]
        if not others:
            return first
        if len(others) == 1:
            second = others[0]
            return lambda data: first(data) and second(data)
        return lambda data: all(test(data) for test in tests)

    def keyword(self, key: str, value: Any) -> Accepts:
        if key == "$ref":
            return self.at(value)
        if key == "anyOf":
            branches = [self.part(branch) for branch in value]
            return lambda data: any(branch(data) for branch in branches)
        if key == "items":
            item = self.part(value)
            return lambda data: not isinstance(data, list) or all(map(item, data))
        if key == "propertyNames":
            name = self.part(value)
            return lambda data: not isinstance(data, dict) or all(map(name, data))
        if key == "type":
            return _type(value)
        if key in ("const", "enum"):
            return _one_of([value] if key == "const" else value)
        return _limit(key, value)

    def members(self, schema: Mapping[str, Any]) -> Accepts:
        """Test an object's values by their keys, and that none is missing."""
        known = {key: self.part(part) for key, part in schema.get("properties", {}).items()}
        required = schema.get("required", ())
        other = self.part(schema.get("additionalProperties", True))

        def test(data: Any) -> bool:
            if not isinstance(data, dict):
                return True
            for key, item in data.items():
                if not known.get(key, other)(item):
                    return False
            return all(key in data for key in required)

        return test


def _type(names: str | list[str]) -> Accepts:
    allowed = {
        kind for name in ([names] if isinstance(names, str) else names) for kind in _TYPES[name]
    }
    return lambda data: type(data) in allowed


def _one_of(allowed: list[Any]) -> Accepts:
    if not all(isinstance(value, str) for value in allowed):
        raise ValueError("constants other than texts")  # 1, 1.0 and true are equal in Python
    return lambda data: isinstance(data, str) and data in allowed


def _limit(key: str, value: Any) -> Accepts:
    numbers: Mapping[str, Accepts] = {
        "minimum": lambda data: data >= value,
        "maximum": lambda data: data <= value,
        "exclusiveMinimum": lambda data: data > value,
    }
    sizes: Mapping[str, tuple[type, Accepts]] = {
        "minLength": (str, lambda data: len(data) >= value),
        "maxLength": (str, lambda data: len(data) <= value),
        "minItems": (list, lambda data: len(data) >= value),
        "maxItems": (list, lambda data: len(data) <= value),
        "minProperties": (dict, lambda data: len(data) >= value),
        "maxProperties": (dict, lambda data: len(data) <= value),
    }
    if key in numbers:
        holds = numbers[key]
        return lambda data: type(data) not in (int, float) or holds(data)
    if key in sizes:
        kind, fits = sizes[key]
        return lambda data: not isinstance(data, kind) or fits(data)
    if key == "pattern":
        search = re.compile(value).search
        return lambda data: not isinstance(data, str) or search(data) is not None
    raise ValueError(f"unknown keyword {key!r}")
