"""The value of a part of an assertion, found without running any code of the test's.

A test may guard what it does (``assert safe(text) and execute(text) == 1``), so an assertion is
never evaluated as Python would: names are looked up, attributes read where no property stands
behind them, and a few functions and methods of built-in types called, on values of exactly these
types. Whatever else stands there has no value.
"""

from __future__ import annotations

import ast
import builtins
import inspect
import json
from collections.abc import Callable, Mapping
from types import MemberDescriptorType, ModuleType
from typing import Any

from pytest_quantguard.types import Completion, Token, ToolCall, Usage

_OURS = (Completion, ToolCall, Usage, Token)
_SCALARS = (str, int, float, bool, type(None))
_CONTAINERS = (str, list, tuple, dict)
_FUNCTIONS: tuple[Callable[..., Any], ...] = (len, int, float, json.loads)
_METHODS: Mapping[type, frozenset[str]] = {
    str: frozenset(
        ("strip", "lstrip", "rstrip", "lower", "upper", "casefold", "split", "splitlines", "count")
    )
    | {"startswith", "endswith", "removeprefix", "removesuffix", "partition", "rpartition"}
    | {"find", "isdigit", "isalpha"},
    dict: frozenset(("get", "keys")),
    Completion: frozenset(("json", "tool_call")),
}
_NAMES = frozenset(name for names in _METHODS.values() for name in names)
_CALLED = frozenset(function.__name__ for function in _FUNCTIONS)


class NoValue(Exception):  # noqa: N818  an answer, not an error
    """A part of an assertion that only running it could tell."""


def can_be_seen(node: ast.expr) -> bool:
    """Tell whether a part is built of nothing but what `seen` knows."""
    match node:
        case ast.Constant() | ast.Name():
            return True
        case ast.Attribute(value=owner):
            return can_be_seen(owner)
        case ast.Subscript(value=owner, slice=ast.Slice(lower, upper, step)):
            return all(can_be_seen(one) for one in (owner, lower, upper, step) if one)
        case ast.Subscript(value=owner, slice=key):
            return can_be_seen(owner) and can_be_seen(key)
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant()):
            return True
        case ast.Call(func=function, args=given, keywords=[]):
            return _may_be_called(function) and all(can_be_seen(one) for one in given)
        case _:
            return False


def _may_be_called(function: ast.expr) -> bool:
    match function:
        case ast.Name(id=name):
            return name in _CALLED
        case ast.Attribute(value=owner, attr=name):
            return name in _NAMES | _CALLED and can_be_seen(owner)
        case _:
            return False


def is_plain(node: ast.expr) -> bool:
    """Tell whether a part is a name, or fields of one: nothing is computed to see it."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return isinstance(node, ast.Name)


def seen(node: ast.expr, names: Mapping[str, Any]) -> Any:
    """Return the value of a part.

    Raises:
        NoValue: it would take code of somebody else's to tell.
        Exception: it has none: a key that is not there, a call that was not made.
    """
    match node:
        case ast.Constant(value=value):
            return value
        case ast.Name(id=name):
            return names[name] if name in names else _static(builtins, name)
        case ast.Attribute(value=owner, attr=name):
            return _field(seen(owner, names), name)
        case ast.Subscript(value=owner, slice=key):
            return _exactly(seen(owner, names), _CONTAINERS)[_key(key, names)]
        case ast.UnaryOp(operand=ast.Constant(value=value)):
            return -_exactly(value, (int, float))
        case ast.Call(func=function, args=given):
            return _called(function, [seen(one, names) for one in given], names)
        case _:
            raise NoValue


def _key(key: ast.expr, names: Mapping[str, Any]) -> Any:
    if isinstance(key, ast.Slice):
        parts = [seen(one, names) if one else None for one in (key.lower, key.upper, key.step)]
        return slice(*(_exactly(part, _SCALARS) for part in parts))
    return _exactly(seen(key, names), _SCALARS)


def _called(function: ast.expr, given: list[Any], names: Mapping[str, Any]) -> Any:
    if isinstance(function, ast.Attribute):
        owner = seen(function.value, names)
        if function.attr in _METHODS.get(type(owner), ()):
            return getattr(owner, function.attr)(*(_argument(one) for one in given))
    known = seen(function, names)
    if not any(known is one for one in _FUNCTIONS):
        raise NoValue
    return known(*(_exactly(one, (*_SCALARS, *_CONTAINERS)) for one in given))


def _argument(value: Any) -> Any:
    if type(value) is tuple:  # startswith(("a", "b"))
        return tuple(_exactly(part, (str,)) for part in value)
    return _exactly(value, _SCALARS)


def _field(owner: Any, name: str) -> Any:
    """Read an attribute, but no property of somebody else's: it may do anything."""
    if type(owner) in _OURS:
        return getattr(owner, name)
    return _static(owner, name)


def _static(owner: Any, name: str) -> Any:
    if isinstance(owner, ModuleType):
        return vars(owner)[name]
    found = inspect.getattr_static(owner, name)
    if isinstance(found, MemberDescriptorType):
        return found.__get__(owner)
    if hasattr(type(found), "__get__"):
        raise NoValue
    return found


def _exactly(value: Any, kinds: tuple[type, ...]) -> Any:
    """Let a value of one of these types through, and of no type derived from it."""
    if type(value) not in kinds:
        raise NoValue
    return value
