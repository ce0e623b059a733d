"""The line between the code under test and its tests: values as JSON, and calls both ways.

Runs in the sandbox, on both sides. Plain values are copied; an object of any other type stays
where it is, and the other side gets its number.
"""

from __future__ import annotations

import builtins
import json
import os
from typing import Any

from pytest_quantguard.checks._inside import thrown

MOST_NODES = 100_000
"""Values in one value: items of lists, keys and values of maps."""
MOST_TEXT = 1_000_000
"""Characters of all texts in one value."""
MOST_DEPTH = 60
"""Levels of nesting of one value."""
MOST_KEPT = 100_000
"""Objects that are kept for the other side."""

_PLAIN: tuple[Any, ...] = (str, int, float, list, tuple, dict, set, frozenset, bytes)
_TEXTUAL = {
    **dict.fromkeys(("date", "datetime", "time", "timedelta"), "datetime"),
    "Decimal": "decimal",
    "Fraction": "fractions",
}
# Their classes are the same ones for the tests. No others: one of unittest.mock equals everything.
_SHARED = ("builtins", "collections", "datetime", "decimal", "fractions")
_RANGE = ("start", "stop", "step")


class TooMuchError(Exception):
    """A value is too large to be looked at."""


class GoneError(BaseException):
    """The other side is no more. BaseException, so that nobody catches it by mistake."""


class StandIn:
    """Stands here for an object of the other side."""

    __slots__ = ("_class", "_number", "_peer", "_type")

    def __init__(self, peer: Peer, wire: dict[str, Any]) -> None:
        """Stand in for the object of this number."""
        object.__setattr__(self, "_peer", peer)
        object.__setattr__(self, "_number", wire["v"])
        object.__setattr__(self, "_type", wire["type"])
        object.__setattr__(self, "_class", peer.shape(wire))

    def __call__(self, *args: Any, **named: Any) -> Any:
        """Call it over there; lists, maps and sets that it changes are changed here too."""
        peer: Peer = object.__getattribute__(self, "_peer")
        reply = peer.ask(
            do="call",
            of=object.__getattribute__(self, "_number"),
            args=[peer.encode(one) for one in args],
            named={name: peer.encode(one) for name, one in named.items()},
        )
        return peer.settled({**dict(enumerate(args)), **named}, reply)


def _become(value: Any, new: Any) -> None:
    if isinstance(value, list):
        value[:] = new
    else:
        value.clear()
        value.update(new)


class Peer:
    """One end of the line: asks the other side, and answers while it waits."""

    imports = False
    """Whether the other side may name any module of Python's."""

    def __init__(self) -> None:
        """Take over standard input and output; what runs here finds both empty."""
        self._in = os.fdopen(os.dup(0), "r", encoding="utf-8", newline="\n")
        self._out = os.fdopen(os.dup(1), "w", encoding="utf-8", newline="\n")
        nothing = os.open(os.devnull, os.O_RDWR)
        for fd in (0, 1, 2):
            os.dup2(nothing, fd)
        self.kept: list[Any] = []
        self._numbers: dict[int, int] = {}
        self.borrowed: dict[int, Any] = {}

    # --- messages ---------------------------------------------------------------------------------

    def receive(self) -> Any:
        """Return the next message; ends the process when there is none."""
        line = self._in.readline()
        if not line:
            os._exit(0)
        return json.loads(line)

    def send(self, message: Any) -> None:
        """Send a message."""
        self._out.write(json.dumps(message) + "\n")
        self._out.flush()

    def ask(self, **request: Any) -> Any:
        """Ask the other side to do something; return its reply.

        Raises:
            Exception: what was raised over there, as far as it can be rebuilt here.
            GoneError: there is no other side any more.
        """
        self.send({"ask": request})
        while "ask" in (message := self.receive()):
            self.send(self.guarded(message["ask"]))
        if "gone" in message:
            raise GoneError
        if "raised" in message:
            raise self.rebuilt(message["raised"])
        return message

    def guarded(self, request: Any) -> Any:
        """Return the reply to a request: what it gave, or what was raised."""
        try:
            return self.answer(request)
        except GoneError:
            raise
        except BaseException as error:
            try:
                return {"raised": thrown.sent(self, error)}
            except Exception:  # a class that is made to be in the way
                return {"raised": thrown.sent(self, RuntimeError("nothing that can be told"))}

    def answer(self, request: Any) -> Any:
        """Call what was lent; tell what became of the arguments, and which of them came back."""
        positional = [self.decode(one) for one in request["args"]]
        named = {name: self.decode(one) for name, one in request["named"].items()}
        gave = self.kept[request["of"]](*positional, **named)
        wires = {**dict(enumerate(request["args"])), **request["named"]}
        reply: dict[str, Any] = {"gave": None, "changed": []}
        for place, value in {**dict(enumerate(positional)), **named}.items():
            if type(value) not in (list, dict, set):
                continue
            if value is gave:
                reply["same"] = place
            if (wire := self.encode(value)) != wires[place]:
                reply["changed"].append([place, wire])
        return reply if "same" in reply else {**reply, "gave": self.encode(gave)}

    def settled(self, given: dict[Any, Any], reply: Any) -> Any:
        """Return what a call gave, after its changes were made to what it was given."""
        for place, wire in reply["changed"]:
            if type(given[place]) in (list, dict, set):
                _become(given[place], self.decode(wire))
        return given[reply["same"]] if "same" in reply else self.decode(reply["gave"])

    # --- values -----------------------------------------------------------------------------------

    def encode(self, value: Any) -> Any:
        """Return a value as JSON types.

        Raises:
            TooMuchError: it is too large, or refers to itself.
        """
        return _Encoder(self).encode(value, 0)

    def decode(self, wire: Any) -> Any:
        """Return the value that the other side means."""
        if isinstance(wire, list):
            return [self.decode(one) for one in wire]
        if not isinstance(wire, dict):
            return wire
        kind, inner = wire["t"], wire["v"]
        if kind == "yours":
            return self.kept[inner]
        if kind == "object":
            if inner not in self.borrowed:
                self.borrowed[inner] = self.stand_in(wire)
            return self.borrowed[inner]
        if kind == "dict":
            return {self.decode(key): self.decode(value) for key, value in inner}
        if kind in ("tuple", "set", "frozenset"):
            return getattr(builtins, kind)(self.decode(one) for one in inner)
        return self.special(kind, inner)

    def special(self, kind: str, inner: Any) -> Any:
        """Return a value that goes as text or numbers."""
        if kind == "int":
            return int(inner, 16)
        if kind in ("float", "complex"):
            return getattr(builtins, kind)(inner)
        if kind == "bytes":
            return bytes.fromhex(inner)
        if kind == "range":
            return range(*(self.decode(one) for one in inner))
        cls = getattr(__import__(_TEXTUAL[kind]), kind)
        if kind == "timedelta":
            return cls(*inner)
        return cls(inner) if kind in ("Decimal", "Fraction") else cls.fromisoformat(inner)

    def stand_in(self, wire: dict[str, Any]) -> Any:
        """Return what stands here for an object of the other side; classes are classes."""
        if "classes" in wire:
            return thrown.built(self, wire["classes"])
        if "error" in wire:
            return self.rebuilt(wire["error"])
        shared = "known" in wire and (self.imports or wire["known"][0] in _SHARED)
        cls = thrown.found(wire["known"], imports=self.imports) if shared else None
        return cls or StandIn(self, wire)

    def shape(self, wire: dict[str, Any]) -> Any:
        """Return the plain class that an object of the other side is derived from, if any."""
        if "data" not in wire:
            return None
        base = type(self.decode(wire["data"]))
        cls = thrown.found(wire["class"]) if "class" in wire else None
        return cls if cls is not None and issubclass(cls, base) else base

    def rebuilt(self, told: Any) -> BaseException:
        """Return an exception like the one on the other side."""
        return thrown.rebuilt(self, told)

    def lend(self, value: Any) -> dict[str, Any]:
        """Keep an object for the other side, and describe it."""
        if isinstance(value, BaseException):
            number = self.number(value)
            return {"t": "object", "v": number, "type": "", "error": thrown.sent(self, value)}
        found: dict[str, Any] = {"t": "object", "v": self.number(value), "type": _name(value)}
        if thrown.is_error(value):
            found["classes"] = thrown.classes(self, value)
        elif isinstance(value, type) and (place := thrown.known(value)):
            found["known"] = place
        elif place := thrown.known(type(value)):
            found["class"] = place
        return found

    def number(self, value: Any) -> int:
        """Keep an object, so that the other side can name it by a number."""
        number = self._numbers.get(id(value))
        if number is None:
            if len(self.kept) >= MOST_KEPT:
                raise TooMuchError
            number = self._numbers[id(value)] = len(self.kept)
            self.kept.append(value)
        return number


class _Encoder:
    """Encodes one value."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.nodes, self.text = MOST_NODES, MOST_TEXT

    def encode(self, value: Any, depth: int) -> Any:
        self.nodes -= 1
        if self.nodes < 0 or depth > MOST_DEPTH:
            raise TooMuchError
        kind = type(value)
        if value is None or kind is bool:
            return value
        if kind in _PLAIN:
            return self.plain(value, depth)
        if isinstance(value, StandIn):
            return {"t": "yours", "v": object.__getattribute__(value, "_number")}
        if (number := thrown.foreign(value)) is not None:
            return {"t": "yours", "v": number}
        if _TEXTUAL.get(kind.__name__) == kind.__module__:
            return self.textual(value, kind.__name__)
        if kind is complex:
            return {"t": "complex", "v": repr(value)}
        if kind is range:
            inner = [self.encode(getattr(value, name), depth) for name in _RANGE]
            return {"t": "range", "v": inner}
        found = self.peer.lend(value)
        base = next((base for base in _PLAIN if isinstance(value, base)), None)
        if base is not None:  # a Counter, a namedtuple, an IntEnum: what it holds comes along
            found["data"] = self.plain(_as_base(base, value), depth)
        return found

    def plain(self, value: Any, depth: int) -> Any:
        kind = type(value)
        if kind is int:
            return value if abs(value) < 1 << 63 else {"t": "int", "v": self.cut(hex(value))}
        if kind is float:
            return value if value - value == 0 else {"t": "float", "v": repr(value)}
        if kind is str:
            return self.cut(value)
        if kind is bytes:
            return {"t": "bytes", "v": self.cut(value.hex())}
        if kind is dict:
            pairs = [[self.encode(x, depth + 1) for x in pair] for pair in list(value.items())]
            return {"t": "dict", "v": pairs}
        items = [self.encode(item, depth + 1) for item in list(value)]
        return items if kind is list else {"t": kind.__name__, "v": items}

    def textual(self, value: Any, name: str) -> Any:
        if name == "timedelta":
            return {"t": name, "v": [value.days, value.seconds, value.microseconds]}
        text = str(value) if name in ("Decimal", "Fraction") else value.isoformat()
        return {"t": name, "v": self.cut(text)}

    def cut(self, text: str) -> str:
        self.text -= len(text)
        if self.text < 0:
            raise TooMuchError
        return text


def _as_base(base: Any, value: Any) -> Any:
    """Return an instance of a subclass as its base, without asking the subclass."""
    if base is dict:
        return dict(dict.items(value))
    if base in (list, tuple, set, frozenset):
        return base(base.__iter__(value))
    if base is int:
        return int.__index__(value)
    if base is str:
        return str.__str__(value)
    return float.__float__(value) if base is float else bytes(memoryview(value))


def _name(value: Any) -> str:
    return str(type.__dict__["__name__"].__get__(type(value)))
