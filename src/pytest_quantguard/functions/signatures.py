"""Tool definitions from what a project has anyway: pydantic models, dataclasses, typed functions.

The result depends on the declaration alone: arguments stay in the order in which they are written,
because chat templates print them, and everything else is sorted. pydantic is imported only where
a type is not one of Python's own.
"""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import importlib
import inspect
import json
import re
import types
import typing
import uuid
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pytest_quantguard.types import Json

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_PLAIN: dict[Any, Json] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    type(None): {"type": "null"},
    list: {"type": "array"},
    tuple: {"type": "array"},
    set: {"type": "array", "uniqueItems": True},
    frozenset: {"type": "array", "uniqueItems": True},
    dict: {"type": "object"},
    datetime.date: {"type": "string", "format": "date"},
    datetime.datetime: {"type": "string", "format": "date-time"},
    datetime.time: {"type": "string", "format": "time"},
    uuid.UUID: {"type": "string", "format": "uuid"},
    decimal.Decimal: {"type": "number"},
    Any: {},
    object: {},
}
_DEEPEST = 16
_Fields = dict[str, tuple[Any, Any, str]]
"""Name -> type, default, and how errors call it."""


def plain(value: Any) -> Any:
    """Return tuples and mappings as JSON has them."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def tools_of(things: Iterable[Any]) -> tuple[Json, ...]:
    """Return the definition of each tool; see `tool`.

    Raises:
        ValueError: something is no tool, or two tools have one name.
    """
    if isinstance(things, Mapping | str) or not isinstance(things, Iterable):
        raise ValueError(f"tools are a list of tools, not {things!r:.80}")
    found = tuple(tool(thing) for thing in things)
    names = [name for name in (_name_in(one) for one in found) if name]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"two tools are called {name!r:.80}")
    return found


def tool(thing: Any, *, name: str | None = None, description: str | None = None) -> Json:
    """Return the OpenAI tool definition of a function or class.

    Args:
        thing: a pydantic model, a dataclass, a TypedDict, a function with type annotations, or a
            definition that is one already (a map), which stays as it is.
        name: what the model calls the tool; default the function's or class's name.
        description: what the model is told about it; default the docstring's first paragraph.

    Raises:
        ValueError: it is none of these, or a parameter has no type, or one that JSON does not have.
    """
    if isinstance(thing, Mapping):
        return _renamed(plain(thing), name, description)
    if not callable(thing):
        raise ValueError(
            f"{thing!r:.80} is no tool: give a function, a class or an OpenAI definition"
        )
    given = str(name or getattr(thing, "__name__", ""))
    if not _NAME.fullmatch(given):
        raise ValueError(
            f"{thing!r:.80} cannot be a tool: its name has to be letters, digits, '_' and '-', at "
            "most 64; name it: tool(..., name='refund_order')"
        )
    shapes = _Shapes(given)
    parameters = shapes.parameters(thing)
    if shapes.defs:
        parameters["$defs"] = {key: shapes.defs[key] for key in sorted(shapes.defs)}
    told = description or first_paragraph(thing)
    if hasattr(thing, "model_json_schema"):  # said by the tool itself
        parameters.pop("title", None)
        parameters.pop("description", None)
    function: Json = {"name": given, "parameters": _sorted(parameters)}
    if told:
        function["description"] = told
    return {"type": "function", "function": dict(sorted(function.items()))}


def first_paragraph(thing: Any) -> str:
    """Return the first paragraph of a docstring on one line; "" where there is none of its own."""
    text = vars(thing).get("__doc__") if isinstance(thing, type) else thing.__doc__
    if not isinstance(text, str) or text.startswith(f"{getattr(thing, '__name__', '')}("):
        return ""  # a dataclass without a docstring gets its signature as one
    return " ".join(inspect.cleandoc(text).split("\n\n")[0].split())


def _renamed(given: Json, name: str | None, description: str | None) -> Json:
    changes = {k: v for k, v in (("name", name), ("description", description)) if v is not None}
    if not changes:
        return given
    return {**given, "function": {**given.get("function", {}), **changes}}


def _name_in(given: Json) -> Any:
    function = given.get("function")
    return function.get("name") if isinstance(function, Mapping) else None


class _Shapes:
    """Turns types into JSON Schema; collects the definitions that several of them share."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.defs: Json = {}
        self._depth = 0

    def parameters(self, thing: Any) -> Json:
        if hasattr(thing, "model_json_schema"):
            return self._model(thing)
        if isinstance(thing, type):
            return self._class(thing, self.name)
        return self._function(thing)

    def _function(self, function: Any) -> Json:
        hints = self._hints(function, self.name)
        fields: _Fields = {}
        for parameter in inspect.signature(function).parameters.values():
            where = f"parameter {parameter.name!r} of {self.name}"
            if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
                raise ValueError(f"{where} cannot be given by name; a tool's arguments have names")
            if parameter.name not in hints:
                raise ValueError(f"{where} has no type; write one, such as {parameter.name}: str")
            fields[parameter.name] = (hints[parameter.name], parameter.default, where)
        return self._object(fields)

    def _class(self, cls: Any, owner: str) -> Json:
        if dataclasses.is_dataclass(cls):
            hints = self._hints(cls, owner)
            fields: _Fields = {}
            for field in dataclasses.fields(cls):
                default = field.default
                if field.default_factory is not dataclasses.MISSING:
                    default = field.default_factory()
                if default is dataclasses.MISSING:
                    default = inspect.Parameter.empty
                if field.init:
                    where = f"field {field.name!r} of {owner}"
                    fields[field.name] = (hints[field.name], default, where)
            return self._object(fields)
        if typing.is_typeddict(cls):
            nothing, keys = inspect.Parameter.empty, self._hints(cls, owner).items()
            fields = {
                key: (hint, nothing if _needed(cls, key, hint) else None, f"{key!r} of {owner}")
                for key, hint in keys
            }
            return self._object(fields, defaults=False)
        raise ValueError(
            f"{owner} is no tool: a class has to be a pydantic model, a dataclass or a TypedDict"
        )

    def _hints(self, thing: Any, owner: str) -> Json:
        try:
            return typing.get_type_hints(thing, include_extras=True)
        except Exception as error:
            raise ValueError(f"the types of {owner} cannot be read: {error}") from None

    def _object(self, fields: _Fields, *, defaults: bool = True) -> Json:
        properties, required = {}, []
        for name, (hint, default, where) in fields.items():
            schema = self.shape(hint, where)
            if default is inspect.Parameter.empty:
                required.append(name)
            elif defaults and (known := _default(default)) is not _UNKNOWN:
                schema = {**schema, "default": known}
            properties[name] = schema
        found: Json = {"type": "object", "properties": properties, "additionalProperties": False}
        return {**found, "required": required} if required else found

    def shape(self, hint: Any, where: str) -> Json:
        """Return the schema of one type; ``where`` names the place in errors."""
        self._depth += 1
        try:
            if self._depth > _DEEPEST:
                raise ValueError(f"the type of {where} contains itself, or is too deep")
            return self._shape(hint, where)
        finally:
            self._depth -= 1

    def _shape(self, hint: Any, where: str) -> Json:
        origin, inner = get_origin(hint), get_args(hint)
        if origin is Annotated:
            return self._annotated(inner, where)
        if origin in (typing.Required, typing.NotRequired):
            return self.shape(inner[0], where)
        for alias in ("__supertype__", "__value__"):  # NewType; `type X = ...`
            if hasattr(hint, alias) and not isinstance(hint, type):
                return self.shape(getattr(hint, alias), where)
        try:
            if hint in _PLAIN:
                return dict(_PLAIN[hint])
        except TypeError:  # not hashable: some Annotated of pydantic's
            return self._foreign(hint, where)
        if origin is Literal:
            return _choices(list(inner), where)
        if origin in (Union, types.UnionType):
            return {"anyOf": [self.shape(one, where) for one in inner]}
        if isinstance(hint, type) and issubclass(hint, enum.Enum):
            return _choices([member.value for member in hint], where)
        if origin is not None:
            return self._container(hint, origin, inner, where)
        if hasattr(hint, "model_json_schema"):
            return self._reference(hint)
        if dataclasses.is_dataclass(hint) or typing.is_typeddict(hint):
            found = self._class(hint, getattr(hint, "__name__", str(hint)))
            told = first_paragraph(hint)
            return {**found, "description": told} if told else found
        return self._foreign(hint, where)

    def _annotated(self, inner: tuple[Any, ...], where: str) -> Json:
        hint, *notes = inner
        texts = [note for note in notes if isinstance(note, str)]
        if len(texts) < len(notes):  # pydantic's Field and the like
            rest = [note for note in notes if not isinstance(note, str)]
            found = self._foreign(Annotated[(hint, *rest)], where)
        else:
            found = self.shape(hint, where)
        return {**found, "description": texts[0]} if texts else found

    def _container(self, hint: Any, origin: Any, inner: tuple[Any, ...], where: str) -> Json:
        if not inner:
            return self.shape(origin, where)
        if origin is tuple and not (len(inner) == 2 and inner[1] is Ellipsis):
            return {
                "type": "array",
                "prefixItems": [self.shape(one, where) for one in inner],
                "minItems": len(inner),
                "maxItems": len(inner),
            }
        if isinstance(origin, type) and issubclass(origin, Mapping):
            if inner[0] is not str:
                raise ValueError(f"{where} is a map whose keys are no texts: JSON has no such map")
            return {"type": "object", "additionalProperties": self.shape(inner[1], where)}
        if isinstance(origin, type) and issubclass(origin, Iterable):
            found: Json = {"type": "array", "items": self.shape(inner[0], where)}
            unique = issubclass(origin, typing.AbstractSet)
            return {**found, "uniqueItems": True} if unique else found
        return self._foreign(hint, where)

    # --- what pydantic knows ------------------------------------------------------------

    def _model(self, model: Any) -> Json:
        try:
            found = plain(model.model_json_schema())
        except Exception as error:
            raise ValueError(f"{self.name}: its schema cannot be had: {error}") from None
        found = self._hoisted(found)
        root = found.get("$ref", "")
        if root.startswith("#/$defs/"):  # a model that contains itself; arguments are an object
            return dict(self.defs[root.removeprefix("#/$defs/")])
        return found

    def _reference(self, model: Any) -> Json:
        name = str(model.__name__)
        self._define(name, self._model(model))
        return {"$ref": f"#/$defs/{name}"}

    def _foreign(self, hint: Any, where: str) -> Json:
        """Ask pydantic, where it is installed, about a type that is none of Python's own."""
        try:
            adapter = importlib.import_module("pydantic").TypeAdapter
            found = plain(adapter(hint).json_schema())
        except ImportError:
            reason = "pydantic is not installed, which may know it"
        except Exception as error:
            reason = f"{type(error).__name__}: {error}".split("\n", 1)[0]
        else:
            return self._hoisted(found)
        shown = getattr(hint, "__name__", None) or str(hint)
        raise ValueError(f"the type of {where}, {shown:.80}, has no JSON Schema ({reason:.200})")

    def _hoisted(self, schema: Json) -> Json:
        """Move a schema's definitions to the tool's own: references count from its root."""
        for name, definition in schema.pop("$defs", {}).items():
            self._define(name, definition)
        return schema

    def _define(self, name: str, definition: Json) -> None:
        if self.defs.setdefault(name, definition) != definition:
            raise ValueError(f"{self.name} uses two different types called {name!r}")


_UNKNOWN = object()


def _needed(cls: Any, key: str, hint: Any) -> bool:
    """Tell whether a TypedDict's key is required; the class itself errs with text annotations."""
    if get_origin(hint) in (typing.Required, typing.NotRequired):
        return get_origin(hint) is typing.Required
    return key in cls.__required_keys__


def _default(value: Any) -> Any:
    """Return a default as JSON has it; a default that JSON does not have is not told."""
    value = value.value if isinstance(value, enum.Enum) else plain(value)
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return _UNKNOWN
    return value


def _choices(values: list[Any], where: str) -> Json:
    kinds = {str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null"}
    found = list(dict.fromkeys(kinds.get(type(value)) for value in values))
    if None in found:
        raise ValueError(f"{where} has a choice that is no text, number, boolean or null")
    return {"enum": values, **({"type": found[0]} if len(found) == 1 else {})}


def _sorted(schema: Any) -> Any:
    """Sort keywords; what maps the names of arguments to their schemas keeps its order."""
    if isinstance(schema, list):
        return [_sorted(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {key: _sorted_value(key, value) for key, value in sorted(schema.items())}


def _sorted_value(key: str, value: Any) -> Any:
    if key in ("default", "enum", "const", "examples"):
        return value
    if key in ("properties", "$defs") and isinstance(value, dict):
        return {name: _sorted(item) for name, item in value.items()}
    return _sorted(value)
