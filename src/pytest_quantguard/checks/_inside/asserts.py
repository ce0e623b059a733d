"""The side that runs a user's tests: ``assert`` statements on code that runs elsewhere.

Runs in the sandbox, in a process of its own. What the tests expect stays here.
"""

from __future__ import annotations

import ast
import builtins
import itertools
import operator
import sys
from types import ModuleType
from typing import Any

from pytest_quantguard.checks._inside.proxy import (
    NOTHING,
    BuiltIn,
    HugeError,
    MissingError,
    Proxy,
    Told,
    UnusableError,
)
from pytest_quantguard.checks._inside.wire import (
    GoneError,
    Peer,
    TooMuchError,
    described,
    exception_class,
)

_MOST_FAILURES = 6
_COMPARISONS: dict[str, Any] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "is": operator.is_,
    "is not": operator.is_not,
    "in": lambda a, b: a in b,
    "not in": lambda a, b: a not in b,
}
_SIGNS: dict[type[ast.cmpop], str] = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Is: "is",
    ast.IsNot: "is not",
    ast.In: "in",
    ast.NotIn: "not in",
}


class TooLargeError(UnusableError):
    """The tests give more to the answer than goes over the line."""


class TestsPeer(Peer):
    """Holds the tests; the other side may call what it was lent, and nothing else."""

    def answer(self, request: Any) -> Any:
        """Call a function of the tests."""
        if request["do"] != "call":
            raise RuntimeError("tests are called, and nothing else")
        try:
            return super().answer(request)
        except TooLargeError:  # it may have grown over there
            raise RuntimeError("the value is too large") from None

    def special(self, kind: str, inner: Any) -> Any:
        """Return a value."""
        if kind == "none":
            return NOTHING
        if kind == "huge":
            raise HugeError("the value is too large to be looked at")
        return super().special(kind, inner)

    def bind(self, names: list[str]) -> dict[str, Any]:
        """Return what the answer has under some names; only those, whatever it offers."""
        reply = self.ask(do="get", names=names)
        if "missing" in reply:
            raise MissingError(reply["missing"], reply["known"])
        return {name: self.decode(reply["gave"][name]) for name in names}

    def stand_in(self, wire: dict[str, Any]) -> Any:
        """Return a proxy; an exception class becomes one that can be caught."""
        return exception_class(wire["mro"]) if "mro" in wire else Proxy(self, wire)

    def encode(self, value: Any) -> Any:
        """Return a value as JSON types."""
        try:
            return super().encode(value)
        except TooMuchError:
            raise TooLargeError("a value that the tests give to the answer is too large") from None

    def lend(self, value: Any) -> dict[str, Any]:
        """Lend a function; all else has to be plain."""
        name = getattr(value, "__name__", "")
        if isinstance(value, Told):
            return {"t": "error", "v": [value.name, value.text]}
        if isinstance(value, BuiltIn):
            return {"t": "builtin", "v": value.name}
        if name and getattr(builtins, name, None) is value:
            return {"t": "builtin", "v": name}
        if hasattr(value, "__next__"):
            return {"t": "iterator", "v": self.encode(list(itertools.islice(value, 10_000)))}
        if not callable(value):
            raise UnusableError(
                f"tests can give plain values and functions to the answer, not a "
                f"{type(value).__name__} object"
            )
        return super().lend(value)


# --- the tests ------------------------------------------------------------------------------------


class _Shows(ast.NodeTransformer):
    """Makes every ``assert`` tell both sides of what it compares."""

    def visit_Assert(self, node: ast.Assert) -> ast.AST:
        self.generic_visit(node)
        test, text = node.test, ast.unparse(node.test)
        if isinstance(test, ast.Compare) and len(test.ops) == 1:
            left, right = test.left, test.comparators[0]
            sign = _SIGNS[type(test.ops[0])]
            texts = map(ast.Constant, (ast.unparse(left), sign, ast.unparse(right)))
            call = _call("__compare__", left, right, *texts)
        else:
            call = _call("__hold__", test, ast.Constant(text))
        return ast.copy_location(ast.Expr(call), node)


def _call(name: str, *args: ast.expr) -> ast.Call:
    return ast.Call(ast.Name(name, ast.Load()), list(args), [])


class Broken(AssertionError):  # noqa: N818 - an assertion, with both sides of it
    """An assertion does not hold."""

    def __init__(self, *parts: str) -> None:
        super().__init__(" ".join(parts))
        self.parts = parts


def _compare(left: Any, right: Any, first: str, sign: str, second: str) -> None:
    if not _COMPARISONS[sign](left, right):
        raise Broken(first, sign, second, _shown(left), _shown(right))


def _hold(value: Any, text: str) -> None:
    if not value:
        raise Broken(text, _shown(value))


def _shown(value: Any) -> str:
    try:
        return repr(value)[:300]
    except GoneError:
        raise
    except Exception:  # a proxy whose other side cannot describe it, an int of 5,000 digits
        return f"<{type(value).__name__}>"


class _Tests:
    """The tests of one answer."""

    def __init__(self, text: str, counted: list[int], functions: list[str]) -> None:
        self.statements = ast.fix_missing_locations(_Shows().visit(ast.parse(text))).body
        self.counted, self.functions = set(counted), functions
        module = sys.modules["tests"] = ModuleType("tests")
        self.names = vars(module)
        self.names.update(__compare__=_compare, __hold__=_hold)
        self.passed = 0
        self.failures: list[Any] = []

    def run(self) -> None:
        """Run all statements, then the functions that are tests."""
        for index, statement in enumerate(self.statements):
            code = compile(ast.Module([statement], []), "<tests>", "exec")
            if not self.tried(exec, code, self.names, counts=index in self.counted):
                return
        for name in self.functions:
            if not self.tried(self.names[name], counts=True):
                return

    def tried(self, action: Any, *arguments: Any, counts: bool) -> bool:
        """Do one thing and note how it went; False when what follows makes no sense."""
        try:
            action(*arguments)
        except UnusableError as error:
            self.failures.append({"line": _line(error), "unusable": str(error)})
            return False
        except MissingError as error:
            self.failures.append({"line": 0, "missing": error.args[0], "known": error.args[1]})
            return False
        except GoneError as error:
            self.failures.append({"line": _line(error), "gone": True})
            return False
        except Broken as error:
            self.failures.append({"line": _line(error), "broken": error.parts})
            return counts
        except BaseException as error:
            self.failures.append({"line": _line(error), "raised": described(error)})
            return counts
        self.passed += counts
        return True


def _line(error: BaseException) -> int:
    """Return the line of the tests in which something went wrong."""
    line, trace = 0, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "<tests>":
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def serve() -> None:
    """Run the tests that come over the line, and tell how they went."""
    peer = TestsPeer()
    told = peer.receive()
    tests = _Tests(told["tests"], told["counted"], told["functions"])
    if tests.tried(lambda: tests.names.update(peer.bind(told["names"])), counts=False):
        tests.run()
    peer.send({"done": tests.failures[:_MOST_FAILURES], "passed": tests.passed})
