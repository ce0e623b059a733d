"""Which parts of an assertion are worth looking at, and may be."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from pytest_quantguard.functions.looking import can_be_seen, is_plain


@dataclass(frozen=True, slots=True)
class Operand:
    """A part of a condition."""

    node: ast.expr
    source: str
    parts: int
    """So many operands after this one are parts of it, of use where it has no value itself."""


def operands(test: ast.expr) -> Iterator[Operand]:
    """Yield the parts of a condition whose values tell why it is true or not, outer ones first."""
    if any(isinstance(node, ast.NamedExpr | ast.Await) for node in ast.walk(test)):
        return  # a name has another value before the assertion than in it
    seen_already = set()
    for node in _looked_at(test):
        inner = [part for part in _within(node) if ast.unparse(part) not in seen_already]
        for at, part in enumerate(inner):
            below = sum(1 for other in inner[at + 1 :] if _is_in(other, part))
            seen_already.add(ast.unparse(part))
            yield Operand(part, ast.unparse(part), below)


def _is_in(inner: ast.expr, outer: ast.expr) -> bool:
    return any(node is inner for node in ast.walk(outer))


def _within(node: ast.expr) -> Iterator[ast.expr]:
    """Yield a part and what it is made of; constants and the names of functions tell nothing."""
    yield node
    children = _given(node) if isinstance(node, ast.Call) else ast.iter_child_nodes(node)
    for child in children:
        if isinstance(child, ast.expr) and not isinstance(child, ast.Constant | ast.Slice):
            yield from _within(child)


def _looked_at(test: ast.expr) -> Iterator[ast.expr]:
    """Yield the largest parts that can be seen, of what is certain to be evaluated.

    Behind a short circuit stands what a test may have meant to guard: there only names and fields
    are looked at.
    """
    match test:
        case ast.Constant():
            return
        case ast.UnaryOp(op=ast.Not(), operand=inner):
            yield from _looked_at(inner)
        case ast.BoolOp(values=[first, *rest]):
            yield from _looked_at(first)
            yield from _fields_in(*rest)
        case ast.Compare(left=left, comparators=[first, *rest]):
            yield from _largest(left)
            yield from _largest(first)
            yield from _fields_in(*rest)
        case ast.Call():
            parts = [part for child in _given(test) for part in _largest(child)]
            yield from parts or _largest(test)
        case _:
            yield from _largest(test)


def _given(call: ast.Call) -> Iterator[ast.expr]:
    if isinstance(call.func, ast.Attribute):
        yield call.func.value
    yield from call.args
    yield from (keyword.value for keyword in call.keywords)


def _largest(node: ast.expr) -> Iterator[ast.expr]:
    match node:
        case ast.Constant() | ast.Lambda():
            return
        case ast.BoolOp() | ast.Compare():
            yield from _looked_at(node)
        case ast.IfExp(test=test):
            yield from _looked_at(test)
        case ast.GeneratorExp() | ast.ListComp() | ast.SetComp() | ast.DictComp():
            yield from _largest(node.generators[0].iter)
            yield from _fields_in(node)
        case _ if can_be_seen(node):
            yield node
        case ast.Call():
            yield from (part for child in _given(node) for part in _largest(child))
        case _:
            inner = (child for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr))
            yield from (part for child in inner for part in _largest(child))


def _fields_in(*nodes: ast.expr) -> Iterator[ast.expr]:
    """Yield the names and fields below, but for those that a comprehension or lambda makes."""
    stack: list[ast.AST] = list(reversed(nodes))
    made = {
        name.id
        for node in nodes
        for inner in ast.walk(node)
        for name in ast.walk(inner)
        if isinstance(inner, ast.comprehension) and isinstance(name, ast.Name)
        if isinstance(name.ctx, ast.Store)
    }
    while stack:
        node = stack.pop()
        if isinstance(node, ast.Lambda):
            continue
        if isinstance(node, ast.expr) and is_plain(node):
            if not made & {name.id for name in ast.walk(node) if isinstance(name, ast.Name)}:
                yield node
            continue
        children: list[ast.AST] = list(ast.iter_child_nodes(node))
        if isinstance(node, ast.Call):
            children = list(_given(node))
        stack += reversed(children)
