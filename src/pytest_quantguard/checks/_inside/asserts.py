"""The side that runs a user's tests: ``assert`` statements on code that runs elsewhere.

Runs in the sandbox, in a process of its own. What the tests expect stays here.
"""

from __future__ import annotations

import ast
import builtins
import itertools
import operator
import re
import sys
from types import ModuleType
from typing import Any

from pytest_quantguard.checks._inside.proxy import (
    NOTHING,
    HugeError,
    LimitError,
    MissingError,
    Proxy,
    UnusableError,
    class_of,
)
from pytest_quantguard.checks._inside.thrown import described
from pytest_quantguard.checks._inside.wire import GoneError, Peer, StandIn, TooMuchError

_MOST_FAILURES = 6
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
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


class GarbledError(BaseException):
    """The answer's process sent what is no value; no test may take it for its own."""


class TestsPeer(Peer):
    """Holds the tests; the other side may call what it was lent, and nothing else."""

    given = False
    """Whether the answer gave anything yet: what the tests do from then on may be its doing."""

    def ask(self, **request: Any) -> Any:
        """Ask the answer's process to do something."""
        try:
            reply = super().ask(**request)
        finally:
            self.given = self.given or request["do"] != "get"
        if "gave" not in reply and "missing" not in reply:
            raise GarbledError
        return reply

    def answer(self, request: Any) -> Any:
        """Call a function of the tests."""
        self.given = True
        if request["do"] != "call":
            raise RuntimeError("tests are called, and nothing else")
        try:
            return super().answer(request)
        except (UnusableError, LimitError) as error:  # what is called over there is its own affair
            raise RuntimeError(str(error)) from None

    def decode(self, wire: Any) -> Any:
        """Return the value that the answer means, if it means any."""
        try:
            return super().decode(wire)
        except Exception:
            raise GarbledError from None

    def settled(self, given: dict[Any, Any], reply: Any) -> Any:
        """Return what a call gave."""
        try:
            return super().settled(given, reply)
        except Exception:
            raise GarbledError from None

    def rebuilt(self, told: Any) -> BaseException:
        """Return what was raised over there."""
        try:
            return super().rebuilt(told)
        except Exception:
            raise GarbledError from None

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
            raise MissingError(reply["missing"], reply.get("known"))
        try:
            return {name: self.decode(reply["gave"][name]) for name in names}
        except (KeyError, TypeError, IndexError):
            raise GarbledError from None

    def stand_in(self, wire: dict[str, Any]) -> Any:
        """Return a proxy; classes and exceptions become such, so that they can be caught."""
        found = super().stand_in(wire)
        return Proxy(self, wire) if isinstance(found, StandIn) else found

    def encode(self, value: Any) -> Any:
        """Return a value as JSON types."""
        try:
            return super().encode(value)
        except TooMuchError:
            told = "a value that the tests give to the answer is too large"
            raise (LimitError if self.given else UnusableError)(told) from None

    def lend(self, value: Any) -> dict[str, Any]:
        """Lend a function; all else has to be plain."""
        name = getattr(value, "__name__", "")
        if isinstance(value, BaseException):
            return super().lend(value)
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
        test = node.test
        if isinstance(test, ast.Compare) and len(test.ops) == 1:
            left, right = test.left, test.comparators[0]
            texts = (ast.unparse(left), _SIGNS[type(test.ops[0])], ast.unparse(right))
            call = _call("__compare__", left, right, *map(ast.Constant, texts))
        else:
            call = _call("__hold__", test, ast.Constant(ast.unparse(test)))
        self.generic_visit(call)
        return ast.copy_location(ast.Expr(call), node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.func, ast.Name) and node.func.id == "type" and len(node.args) == 1:
            node.func = ast.copy_location(ast.Name("__type__", ast.Load()), node.func)
        return node


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
        text = repr(value)[:300]
        if not isinstance(value, StandIn):
            return text
        kind = "an object of type " + str(object.__getattribute__(value, "_type"))
        return kind if _ADDRESS.search(text) else f"{kind}, {text}"  # it differs from run to run
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
        self.names.update(__compare__=_compare, __hold__=_hold, __type__=class_of)
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
        except GarbledError as error:
            self.failures.append({"line": _line(error), "garbled": True})
            return False
        except LimitError as error:
            self.failures.append({"line": _line(error), "limit": str(error)})
            return counts
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
