"""The tests that a user writes for generated Python code, read and checked before anything runs."""

from __future__ import annotations

import ast
import builtins
import symtable
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pytest_quantguard.checks import _params
from pytest_quantguard.errors import did_you_mean

_MOST_CHARS = 100_000
_VALUES = ("equals", "literal", "approx", "raises")
_KEYS = ("call", "setup", *_VALUES, "tolerance", "prints", "stdin", "stdout")
_COPIES = (
    "values are copied between the tests and the answer, so that it says nothing: compare with == "
    'or ask where the answer runs, such as {call: "f(x) is x", setup: "x = [1]", equals: false}'
)
TOLERANCE = 1e-6
"""How far numbers may be from `approx`, relative or absolute, where nothing is said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallCase:
    """An expression that is evaluated where the answer was run."""

    call: str
    names: tuple[str, ...]
    """What it uses that the answer has to define."""
    setup: str = ""
    how: str = ""
    """One of equals, literal, approx, raises; empty when only what it prints matters."""
    expected: Any = None
    tolerance: float = TOLERANCE
    prints: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramCase:
    """The answer, run as a program with an input."""

    stdin: str
    stdout: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Asserts:
    """A text of tests."""

    text: str
    names: tuple[str, ...]
    """What it uses that the answer has to define."""
    counted: tuple[int, ...]
    """Which of its statements count as a test of their own."""
    functions: tuple[str, ...]
    """Functions that are tests."""

    @property
    def total(self) -> int:
        """Number of tests."""
        return len(self.counted) + len(self.functions)


# --- asserts --------------------------------------------------------------------------------------


def asserts(field: str, text: Any) -> Asserts:
    """Read a text of tests.

    Raises:
        ValueError: it is no Python, tests nothing, or needs what is not there.
    """
    _params.text(field, text)
    tree = _parsed(field, text, "exec")
    assert isinstance(tree, ast.Module)  # noqa: S101 - for mypy
    if foreign := _foreign_import(tree):
        raise ValueError(
            f"`{field}` imports {foreign!r}; only Python's standard library is there, name by name"
            + ("; write try and except instead" if foreign == "pytest" else "")
        )
    if unseen := _identity(tree):
        raise ValueError(f"`{field}` {unseen}")
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    asynchronous = [node.name for node in tree.body if isinstance(node, ast.AsyncFunctionDef)]
    if late := [name for name in asynchronous if name.startswith("test_")]:
        raise ValueError(f"`{field}`: {late[0]} is asynchronous, and nobody would wait for it")
    tests = [name for name in functions if name.startswith("test_")]
    if wanting := [name for name in tests if _required(functions[name])]:
        raise ValueError(f"`{field}`: {wanting[0]} takes arguments; tests have none")
    counted = tuple(i for i, node in enumerate(tree.body) if _judges(node, set(functions)))
    if not counted and not tests:
        raise ValueError(f"`{field}` has no assert that is run, so that nothing could ever fail")
    names = _foreign(field, text)
    return Asserts(text=text, names=names, counted=counted, functions=tuple(tests))


def _judges(node: ast.stmt, functions: set[str]) -> bool:
    """Tell whether a statement can fail as a test; the others are preparations."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return False
    return any(
        isinstance(inner, ast.Assert | ast.Raise)
        or (isinstance(inner, ast.Call) and _called(inner) in functions)
        for inner in ast.walk(node)
    )


def _called(node: ast.Call) -> str:
    return node.func.id if isinstance(node.func, ast.Name) else ""


def _required(node: ast.FunctionDef) -> bool:
    args = node.args
    plain = len(args.posonlyargs) + len(args.args) - len(args.defaults)
    return plain > 0 or any(default is None for default in args.kw_defaults)


def _foreign_import(tree: ast.AST) -> str:
    """Return the first imported module that Python does not bring along."""
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or "."]
        for name in names:
            if name.split(".")[0] not in sys.stdlib_module_names:
                return name
        if isinstance(node, ast.ImportFrom) and node.names[0].name == "*":
            return f"{node.module}.*"
    return ""


def _identity(tree: ast.AST) -> str:
    """Return what asks whether two values are one object: values are copied on their way."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _called(node) == "id":
            return f"line {node.lineno} uses id(); {_COPIES}"
        if not isinstance(node, ast.Compare):
            continue
        sides = [node.left, *node.comparators]
        for sign, one, other in zip(node.ops, sides, sides[1:], strict=False):
            if isinstance(sign, ast.Is | ast.IsNot) and not (_only(one) or _only(other)):
                word = "is" if isinstance(sign, ast.Is) else "is not"
                return f"line {node.lineno} uses `{word}` between two values; {_COPIES}"
    return ""


def _only(node: ast.expr) -> bool:
    """Tell whether there is one such object only, on both sides: None, True, a built-in type."""
    if isinstance(node, ast.Constant):
        return node.value is None or node.value is ... or isinstance(node.value, bool)
    if isinstance(node, ast.Call):
        return _called(node) == "type"
    name = node.id if isinstance(node, ast.Name) else ""
    return name == "NotImplemented" or isinstance(getattr(builtins, name, None), type)


def _foreign(field: str, *texts: str) -> tuple[str, ...]:
    """Return the names that texts use, one after the other, and neither make nor get from Python.

    Raises:
        ValueError: there is none, so that the answer is not tested; or a text cannot be compiled.
    """
    made, found = set(dir(builtins)), dict[str, None]()
    for text in texts:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                table = symtable.symtable(text, field, "exec")
        except SyntaxError as error:
            raise ValueError(f"`{field}` is no Python: {error.msg}") from None
        scopes = list(_scopes(table))
        made |= {one.get_name() for scope in scopes for one in _globals(scope) if _is_made(one)}
        for scope in scopes:
            names = (one.get_name() for one in _globals(scope) if one.is_referenced())
            found.update(dict.fromkeys(name for name in names if name not in made))
    if not found:
        raise ValueError(
            f"`{field}` uses nothing that the answer defines, only its own names and Python's, so "
            "that the answer is not tested"
        )
    return tuple(found)


def _scopes(table: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    yield table
    for child in table.get_children():
        yield from _scopes(child)


def _globals(scope: symtable.SymbolTable) -> list[symtable.Symbol]:
    everything = scope.get_symbols()
    return [one for one in everything if scope.get_type() == "module" or one.is_global()]


def _is_made(symbol: symtable.Symbol) -> bool:
    return symbol.is_assigned() or symbol.is_imported() or symbol.is_namespace()


# --- cases ----------------------------------------------------------------------------------------


def cases(field: str, value: Any) -> tuple[CallCase | ProgramCase, ...]:
    """Read a list of cases.

    Raises:
        ValueError: it is none, or one of them makes no sense.
    """
    if not isinstance(value, Sequence) or isinstance(value, str) or not value:
        raise ValueError(f"`{field}` has to be a list of cases, each with a call or a stdin")
    return tuple(_case(f"{field}[{index}]", one) for index, one in enumerate(value))


def _case(field: str, data: Any) -> CallCase | ProgramCase:
    if not isinstance(data, Mapping):
        raise ValueError(f"`{field}` has to be a map such as {{call: f(1), equals: 2}}")
    for key in data:
        if key not in _KEYS:
            raise ValueError(f"`{field}`: unknown key {key!r:.40}; {did_you_mean(str(key), _KEYS)}")
    if ("call" in data) == ("stdin" in data):
        raise ValueError(f"`{field}` needs either a call or a stdin")
    return _program_case(field, data) if "stdin" in data else _call_case(field, data)


def _program_case(field: str, data: Mapping[str, Any]) -> ProgramCase:
    if set(data) != {"stdin", "stdout"}:
        raise ValueError(f"`{field}`: a stdin goes with a stdout, and with nothing else")
    for key, value in data.items():
        if not isinstance(value, str):
            raise ValueError(f"`{field}.{key}` has to be a text, got {value!r:.40}")
    return ProgramCase(stdin=data["stdin"], stdout=data["stdout"])


def _call_case(field: str, data: Mapping[str, Any]) -> CallCase:
    _params.text(f"{field}.call", data["call"])
    setup = data.get("setup", "")
    _parsed(f"{field}.call", data["call"].strip(), "eval")
    if setup:
        _params.text(f"{field}.setup", setup)
        _parsed(f"{field}.setup", setup, "exec")
    names = _foreign(field, setup, data["call"].strip())
    given = [key for key in _VALUES if key in data]
    if len(given) > 1 or not (given or "prints" in data):
        raise ValueError(f"`{field}` needs one of {', '.join(_VALUES)}, or prints")
    if "stdout" in data:
        raise ValueError(f"`{field}`: a stdout goes with a stdin; for a call it is called prints")
    how = given[0] if given else ""
    _params.number(f"{field}.tolerance", data.get("tolerance"))
    if "tolerance" in data and how != "approx":
        raise ValueError(f"`{field}`: a tolerance goes with approx")
    prints = data.get("prints")
    if not isinstance(prints, str | None):
        raise ValueError(f"`{field}.prints` has to be a text, got {prints!r:.40}")
    return CallCase(
        call=data["call"].strip(),
        names=names,
        setup=setup,
        how=how,
        expected=_expected(field, how, data.get(how)),
        tolerance=float(data.get("tolerance") or TOLERANCE),
        prints=prints,
    )


def _expected(field: str, how: str, value: Any) -> Any:
    if how == "literal":
        _params.text(f"{field}.literal", value)
        try:
            return ast.literal_eval(value.strip())
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            raise ValueError(
                f"`{field}.literal` has to be a value as Python writes it, such as (1, 2) or "
                f"{{'a', 'b'}}, got {value!r:.40}"
            ) from None
    if how == "raises":
        names = _params.texts(f"{field}.raises", value)
        if odd := [name for name in names if not name.isidentifier()]:
            raise ValueError(f"`{field}.raises` has to name exceptions, got {odd[0]!r:.40}")
        return names
    return _with_text_keys(value)


def _with_text_keys(value: Any) -> Any:
    """Return a value whose keys are texts, as those of what is compared with it are."""
    if isinstance(value, Mapping):
        keys = (key if isinstance(key, str) else repr(key) for key in value)
        return dict(zip(keys, map(_with_text_keys, value.values()), strict=True))
    return [_with_text_keys(one) for one in value] if isinstance(value, list) else value


def _parsed(field: str, text: str, mode: str) -> ast.AST:
    if len(text) > _MOST_CHARS:
        raise ValueError(f"`{field}` has {len(text)} characters; at most {_MOST_CHARS} are read")
    try:
        with warnings.catch_warnings():  # such as one about a backslash: the run is not about it
            warnings.simplefilter("ignore")
            tree = ast.parse(text, mode=mode)
            compile(text, field, mode)  # finds more, such as a return outside of a function
            return tree
    except SyntaxError as error:
        where = f"line {error.lineno}: " if mode == "exec" else ""
        raise ValueError(f"`{field}` is no Python: {where}{error.msg}") from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise ValueError(f"`{field}` is no Python: {error!s:.80}") from None
