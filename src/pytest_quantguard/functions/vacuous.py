"""Bodies that could never fail: two models that are never looked at agree perfectly."""

from __future__ import annotations

import ast
import functools
import inspect
import textwrap
from collections.abc import Callable, Iterator

import pytest

from pytest_quantguard.functions.bodies import code_of, plain_function

_COLLECTORS = {"pytest_check": "pytest-check", "pytest_subtests": "subtests"}
_FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)
_MAY_FAIL = (ast.Assert, ast.Raise, ast.With, ast.AsyncWith, ast.Call, ast.Await)
_ADVICE = "so that it always holds; write an assertion, or give expect=[...]"


@functools.lru_cache(maxsize=1024)
def is_empty(function: Callable[..., object]) -> bool:
    """Tell whether a function does nothing: a docstring, ``pass``, ``...``."""
    node = _parsed(inspect.unwrap(function))
    return node is not None and all(
        isinstance(one, ast.Pass)
        or (isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant))
        for one in node.body
    )


@functools.lru_cache(maxsize=1024)
def never_fails(function: Callable[..., object]) -> str:
    """Return why a body could never fail, or "".

    A function in a wrapper is left alone, for the wrapper may judge what it returns.
    """
    if inspect.isgeneratorfunction(function):
        return "yields, so that pytest does not run it; use assert"
    node = None if hasattr(function, "__wrapped__") else _parsed(function)
    if node is None:
        return ""
    found = list(_own_nodes(node))
    for one in found:
        if isinstance(one, ast.Assert) and isinstance(one.test, ast.Tuple) and one.test.elts:
            return f"asserts a tuple in line {_line(function, one)}, which always holds"
        if isinstance(one, ast.Return) and _is_a_verdict(one.value, node):
            return (
                f"returns a value in line {_line(function, one)}, which judges nothing; write "
                f"assert {ast.unparse(one.value)[:80] if one.value else ''}"
            )
    if not any(_can_fail(one) for one in found):
        return f"holds nothing that could fail, {_ADVICE}"
    return ""


def swallows(item: pytest.Function) -> str:
    """Return why a failed assertion would not leave a test's body, or "".

    Fixtures that go on after a failure tell pytest of it afterwards: which of the two models
    failed is lost by then, and the body seems to hold.
    """
    definitions = item._fixtureinfo.name2fixturedefs
    for name in item.fixturenames:
        for definition in definitions.get(name, ()):
            module = getattr(definition.func, "__module__", None) or ""
            if _is_collector(module) or (name == "subtests" and module.startswith("_pytest")):
                return f"takes {name!r}, {_HIDDEN}"
    function = inspect.unwrap(plain_function(item))
    code, names = getattr(function, "__code__", None), getattr(function, "__globals__", {})
    for name in code.co_names if code else ():
        value = names.get(name)
        module = value.__name__ if inspect.ismodule(value) else _home(value)
        if _is_collector(module):
            return f"uses {name!r} of {_COLLECTORS[module.partition('.')[0]]}, {_HIDDEN}"
    return ""


_HIDDEN = (
    "which goes on after a failed assertion, so that the body would hold for a model that fails; "
    "write plain assert, one case for each property"
)


def _home(value: object) -> str:
    module = getattr(value, "__module__", None) or type(value).__module__
    return module if isinstance(module, str) else ""


def _is_collector(module: str) -> bool:
    return module.partition(".")[0] in _COLLECTORS


def _parsed(function: Callable[..., object]) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
    try:
        node = ast.parse(textwrap.dedent(code_of(function))).body[0]
    except (SyntaxError, ValueError, IndexError, RecursionError):
        return None
    return node if isinstance(node, _FUNCTION) else None


def _own_nodes(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[ast.AST]:
    """Yield what runs when a function does, not what is in functions that it defines."""
    stack: list[ast.AST] = list(reversed(function.body))
    while stack:
        node = stack.pop()
        yield node
        if isinstance(node, ast.Lambda):
            continue
        children = (
            node.decorator_list if isinstance(node, _FUNCTION) else ast.iter_child_nodes(node)
        )
        stack += reversed(list(children))


def _can_fail(node: ast.AST) -> bool:
    if isinstance(node, ast.Assert) and isinstance(node.test, ast.Constant) and node.test.value:
        return False
    return isinstance(node, _MAY_FAIL)


def _is_a_verdict(value: ast.expr | None, function: ast.AST) -> bool:
    """Tell whether a returned value is one for certain; what a call returns shows when it runs.

    Plugins that run async tests do not tell what they return.
    """
    if value is None or (isinstance(value, ast.Constant) and value.value is None):
        return False
    return isinstance(function, ast.AsyncFunctionDef) or not isinstance(value, ast.Call | ast.IfExp)


def _line(function: Callable[..., object], node: ast.stmt) -> int:
    code = getattr(function, "__code__", None)
    return node.lineno + (code.co_firstlineno if code else 1) - 1
