"""The side that runs the answer: does with it what it is told, and gives values back.

Runs in the sandbox. Nothing that is expected of the code ever comes here.
"""

from __future__ import annotations

import builtins
import copy
import io
import operator
import os
import sys
from types import ModuleType
from typing import Any

from pytest_quantguard.checks._inside.thrown import described
from pytest_quantguard.checks._inside.wire import Peer, TooMuchError

_MOST_PRINTED = 100_000
_BUILT_IN = frozenset(
    ("len", "iter", "next", "str", "repr", "hash", "format", "bool", "int", "float", "abs", "round")
) | {"reversed", "isinstance", "divmod"}


class Printed(io.BufferedIOBase):
    """What the code prints; what is too much is lost."""

    def __init__(self) -> None:
        """Start with nothing; `stream` is what the code prints to, from the first line on."""
        super().__init__()
        self.kept = bytearray()
        raw: Any = self
        self.stream = io.TextIOWrapper(
            raw, "utf-8", errors="backslashreplace", newline="\n", write_through=True
        )

    def writable(self) -> bool:
        """Say that one can write."""
        return True

    def write(self, data: Any) -> int:
        """Keep some bytes, if there is room."""
        size = memoryview(data).nbytes
        if len(self.kept) + size <= _MOST_PRINTED:
            self.kept += data
        return size

    def take(self) -> str:
        """Return what was printed, and forget it."""
        text = self.kept.decode("utf-8", "replace")
        self.kept.clear()
        return text


class AnswerPeer(Peer):
    """Holds the code under test."""

    imports = True

    def __init__(self) -> None:
        """Make an empty module for it."""
        super().__init__()
        self.module = sys.modules["answer"] = ModuleType("answer")
        self.module.__file__ = os.path.join(os.getcwd(), "answer.py")
        self.printed = Printed()

    def guarded(self, request: Any) -> Any:
        """Return the reply to a request; what cannot be given is told apart from what is raised."""
        if request["do"] == "case":
            self.printed.take()
        sys.stdout = self.printed.stream  # the same one each time: the code may keep its `write`
        reply = super().guarded(request)
        if request["do"] == "case":
            reply["printed"] = self.printed.take()
        return reply

    def answer(self, request: Any) -> Any:
        """Do what is asked."""
        try:
            return getattr(self, f"do_{request['do']}")(request)
        except TooMuchError:
            return {"gave": {"t": "huge", "v": None}, "changed": []}

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
        home: Any = builtins if name in _BUILT_IN else operator
        home = copy if name in ("copy", "deepcopy") else home
        return {"gave": self.encode(getattr(home, name)(*operands))}

    def special(self, kind: str, inner: Any) -> Any:
        """Return a value; the tests are trusted, so they may name what Python has built in."""
        if kind == "builtin":
            return getattr(builtins, inner)
        if kind == "iterator":
            return iter(self.decode(inner))
        return super().special(kind, inner)


def serve() -> None:
    """Answer until the line is cut."""
    peer = AnswerPeer()
    while True:
        peer.send(peer.guarded(peer.receive()["ask"]))
