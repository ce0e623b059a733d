"""Writes golden.editor.schema.json: what an editor knows about golden files, every check included.

The loader's own schema (golden.schema.json) says how a golden file is built; the dataclasses and
docstrings of the checks say which there are and what they take. Run this from the repository's root
after changing either; a test compares the file with what this would write.

The result is draft-07, which every editor and check-jsonschema understand.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import re
import textwrap
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Any

from pytest_quantguard._registry import Registry
from pytest_quantguard.documents import document as _document

Schema = dict[str, Any]

TARGET = Path("src/pytest_quantguard/golden.editor.schema.json")
DOCS = "docs/golden-files.md"
PLACEHOLDER = {"$ref": "#/definitions/placeholder"}
FILE = {"$ref": "#/definitions/file"}


def editor_schema() -> Schema:
    """Return the whole schema."""
    loader = _document.packaged("golden.schema.json")
    schema = draft_07({key: value for key, value in loader.items() if key != "$schema"})
    definitions = schema.pop("definitions")
    checks = Registry().checks
    found = {name: checks.get(name) for name in sorted(checks)}
    definitions["expect"] = {
        **definitions["expect"],
        "items": {"anyOf": [{"$ref": "#/definitions/check"}, PLACEHOLDER, FILE]},
    }
    definitions |= {
        "placeholder": {
            "type": "string",
            "pattern": r"\{\{",
            "description": "{{name}}: a variable, where the file or the case has vars or a matrix",
        },
        "check": check_item(found),
        **{f"check-{name}": check_schema(name, cls) for name, cls in found.items()},
        "line": {
            "description": "one line of a golden file of JSON lines (*.quant.jsonl)",
            "anyOf": [{"$ref": "#/definitions/case"}, {"$ref": "#/definitions/first"}],
        },
    }
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$comment": "Written by tools/schema/make_editor_schema.py: change that, not this.",
        **schema,
        "description": f"golden cases of pytest-quantguard; see {DOCS}",
        "definitions": definitions,
    }


def draft_07(part: Any) -> Any:
    """Return a part of a 2020-12 schema in the words of draft-07, which reads $ref alone."""
    if isinstance(part, list):
        return [draft_07(item) for item in part]
    if not isinstance(part, dict):
        return part
    new = {("definitions" if key == "$defs" else key): draft_07(item) for key, item in part.items()}
    if isinstance(new.get("$ref"), str):
        reference = {"$ref": new.pop("$ref").replace("#/$defs/", "#/definitions/")}
        return {"allOf": [reference], **new} if new else reference
    return new


# --- checks -------------------------------------------------------------------------------


def check_item(checks: Mapping[str, type]) -> Schema:
    """Return what may stand under expect: a name, or a map of one name to its parameters."""
    alone = [name for name, cls in checks.items() if not required(cls)]
    return {
        "description": "a check: its name, or a map of one name to its parameters",
        "anyOf": [
            {"enum": alone},
            {
                "type": "object",
                "additionalProperties": False,
                "minProperties": 1,
                "maxProperties": 1,
                "properties": {
                    name: {
                        "allOf": [{"$ref": f"#/definitions/check-{name}"}],
                        "description": description(cls),
                    }
                    for name, cls in checks.items()
                },
            },
        ],
    }


def check_schema(name: str, cls: type) -> Schema:
    """Return what stands behind a check's name."""
    hints = typing.get_type_hints(cls)
    words = parameters(cls)
    fields = {field.name: field for field in dataclasses.fields(cls) if field.init}
    properties = {
        key: {
            "description": words[key],
            **default_of(field),
            **type_schema(hints[key]),
        }
        for key, field in fields.items()
    }
    as_map: Schema = {
        "type": "object",
        "additionalProperties": False,
        "properties": properties,
        "required": required(cls),
    }
    kinds: list[Schema] = [as_map, PLACEHOLDER, FILE]
    if (shorthand := cls.shorthand) is not None and not set(required(cls)) - {shorthand}:
        kinds.append({key: properties[shorthand][key] for key in ("description", "anyOf")
                      if key in properties[shorthand]})  # fmt: skip
    if not required(cls):
        kinds.append({"type": "null"})
    return {
        "title": name,
        "description": description(cls),
        "examples": [value for value in examples(cls) if value is not None],
        "anyOf": kinds,
    }


def required(cls: type) -> list[str]:
    """Return the parameters that have to be given."""
    return [
        field.name
        for field in dataclasses.fields(cls)
        if field.init
        and field.default is dataclasses.MISSING
        and field.default_factory is dataclasses.MISSING
    ]


def default_of(field: dataclasses.Field[Any]) -> Schema:
    """Return the default where it is plain JSON."""
    value = field.default
    if value is dataclasses.MISSING or value is None or isinstance(value, Enum):
        return {}
    return {"default": list(value) if isinstance(value, tuple) else value}


def type_schema(hint: Any) -> Schema:
    """Return the schema of a parameter: its own types, a placeholder, or a file's content."""
    kinds = list(kinds_of(hint))
    if {} in kinds:
        return {}
    texts = any(kind.get("type") == "string" and len(kind) == 1 for kind in kinds)
    return {"anyOf": [*kinds, *([] if texts else [PLACEHOLDER]), FILE]}


def kinds_of(hint: Any) -> Iterator[Schema]:
    """Yield a schema for each alternative of a type; {} stands for anything."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    plain = {
        str: "string",
        bool: "boolean",
        int: "integer",
        float: "number",
        types.NoneType: "null",
    }
    if origin in (typing.Union, types.UnionType):
        for argument in arguments:
            yield from kinds_of(argument)
    elif hint in plain:
        yield {"type": plain[hint]}
    elif origin is typing.Literal:
        yield {"enum": list(arguments)}
    elif inspect.isclass(origin) and issubclass(origin, Mapping):
        yield {"type": "object"}
    elif inspect.isclass(origin) and issubclass(origin, Sequence):
        if {"type": "string"} in kinds_of(arguments[0]):  # a bare text counts as a list of one
            yield {"type": "string"}
        items = [kind for kind in kinds_of(arguments[0]) if kind]
        yield {
            "type": "array",
            **({"items": {"anyOf": [*items, PLACEHOLDER, FILE]}} if items else {}),
        }
    elif not (inspect.isclass(hint) and issubclass(hint, Enum)):  # "not given" is written by nobody
        yield {}


# --- docstrings ---------------------------------------------------------------------------


def paragraphs(cls: type) -> list[str]:
    """Return the blocks of a check's docstring."""
    return (inspect.getdoc(cls) or "").split("\n\n")


def description(cls: type) -> str:
    """Return what a check means, and how a quantized model typically fails it."""
    first, *rest = paragraphs(cls)
    typical = [block for block in rest if block.startswith("Quantized models")]
    return "\n\n".join(" ".join(block.replace("``", "`").split()) for block in (first, *typical))


def parameters(cls: type) -> dict[str, str]:
    """Return what the docstring says about each parameter.

    Raises:
        LookupError: it says nothing about one.
    """
    found: dict[str, str] = {}
    for block in paragraphs(cls):
        head, _, body = block.partition("\n")
        if head.startswith("Parameters"):
            entries = re.split(r"\n(?=\S)", textwrap.dedent(body))
            for entry in entries:
                names, _, words = entry.partition(":")
                text = " ".join(words.replace("``", "`").split())
                found |= dict.fromkeys(re.split(r",\s*", names.strip()), text)
    missing = [f.name for f in dataclasses.fields(cls) if f.init and f.name not in found]
    if missing:
        raise LookupError(f"{cls.__name__}: the docstring does not explain {missing[0]!r}")
    return found


def examples(cls: type) -> Iterator[Any]:
    """Yield the parameters of each example in the docstring."""
    for block in paragraphs(cls):
        if block.startswith("Example:\n"):
            text = textwrap.dedent(block.partition("\n")[2])
            for entry in _document.parse(text, cls.__name__).data["expect"]:
                yield None if isinstance(entry, str) else next(iter(entry.values()))


def page() -> str:
    """Return the file's text."""
    return json.dumps(editor_schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    TARGET.write_text(page(), encoding="utf-8")
