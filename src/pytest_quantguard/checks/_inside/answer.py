"""The side that runs the answer: does with it what it is told, and gives values back.

Runs in the sandbox. Nothing that is expected of the code ever comes here.
"""

from __future__ import annotations

import builtins
import io
import operator
import sys
from types import ModuleType
from typing import Any

from pytest_quantguard.checks._inside.wire import Peer, TooMuchError, described

_MOST_PRINTED = 100_000
_BUILT_IN = frozenset(
    ("len", "iter", "next", "str", "bool", "int", "float", "abs", "round", "reversed", "isinstance")
)


class Printed(io.StringIO):
    """What the code prints; what is too much is lost."""

    def write(self, text: str) -> int:
        """Keep a text, if there is room."""
        if self.tell() + len(text) <= _MOST_PRINTED:
            super().write(text)
        return len(text)


class AnswerPeer(Peer):
    """Holds the code under test."""

    def __init__(self) -> None:
        """Make an empty module for it."""
        super().__init__()
        self.module = sys.modules["answer"] = ModuleType("answer")

    def guarded(self, request: Any) -> Any:
        """Return the reply to a request; what cannot be given is told apart from what is raised."""
        printed = sys.stdout = Printed()
        try:
            reply = super().guarded(request)
        finally:
            sys.stdout = sys.__stdout__
        if request["do"] == "case":
            reply["printed"] = printed.getvalue()
        return reply

    def answer(self, request: Any) -> Any:
        """Do what is asked."""
        try:
            return getattr(self, f"do_{request['do']}")(request)
        except TooMuchError:
            return {"gave": {"t": "huge", "v": None}, "changed": {}}

    def do_load(self, request: Any) -> Any:
        """Compile the code and run it; tell which names it defines."""
        try:
            code = compile(request["code"], "<answer>", "exec", dont_inherit=True)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            place = {"line": getattr(error, "lineno", None), "at": getattr(error, "text", None)}
            return {"broken": str(getattr(error, "msg", None) or error)[:500], **place}
        sys.modules["__main__"] = self.module
        try:
            exec(code, self.module.__dict__)  # noqa: S102 - what the sandbox is for
        except BaseException as error:
            return {"raised": described(error)}
        return {"gave": None}

    def missing(self, names: list[str]) -> Any:
        """Say which name is not defined, and some that are."""
        defined = vars(self.module)
        for name in names:
            if name not in defined:
                known = [one for one in defined if not one.startswith("_") and len(one) < 80]
                return {"missing": name, "known": known[:20]}
        return None

    def do_case(self, request: Any) -> Any:
        """Evaluate a call, after its preparations, where the answer was run."""
        if missing := self.missing(request["names"]):
            return missing
        names = dict(vars(self.module))
        exec(compile(request["setup"], "<setup>", "exec"), names)  # noqa: S102
        return {"gave": self.encode(eval(compile(request["call"], "<call>", "eval"), names))}  # noqa: S307

    def do_get(self, request: Any) -> Any:
        """Give the values of some names."""
        names, known = request["names"], vars(self.module)
        return self.missing(names) or {"gave": {name: self.encode(known[name]) for name in names}}

    def do_call(self, request: Any) -> Any:
        """Call an object."""
        return super().answer(request)

    def do_attr(self, request: Any) -> Any:
        """Give an attribute."""
        return {"gave": self.encode(getattr(self.kept[request["of"]], request["name"]))}

    def do_set(self, request: Any) -> Any:
        """Set an attribute."""
        setattr(self.kept[request["of"]], request["name"], self.decode(request["value"]))
        return {"gave": None}

    def do_value(self, request: Any) -> Any:
        """Give what an object holds, where it is of a kind that is plain."""
        return {"gave": self.encode(self.kept[request["of"]]).get("data", {"t": "none", "v": 0})}

    def do_op(self, request: Any) -> Any:
        """Do an operation of Python's."""
        name, operands = request["name"], [self.decode(one) for one in request["args"]]
        home = builtins if name in _BUILT_IN else operator
        return {"gave": self.encode(getattr(home, name)(*operands))}

    def special(self, kind: str, inner: Any) -> Any:
        """Return a value; the tests are trusted, so they may name what Python has built in."""
        if kind == "builtin":
            return getattr(builtins, inner)
        if kind == "iterator":
            return iter(self.decode(inner))
        if kind == "error":
            return getattr(builtins, inner[0], RuntimeError)(inner[1])
        return super().special(kind, inner)


def serve() -> None:
    """Answer until the line is cut."""
    peer = AnswerPeer()
    while True:
        peer.send(peer.guarded(peer.receive()["ask"]))
