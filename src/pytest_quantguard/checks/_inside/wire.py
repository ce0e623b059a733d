"""The line between the code under test and its tests: values as JSON, and calls both ways.

Runs in the sandbox, on both sides. Plain values are copied; an object of any other type stays
where it is, and the other side gets its number.
"""

from __future__ import annotations

import builtins
import json
import os
from typing import Any

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
_RANGE = ("start", "stop", "step")


class TooMuchError(Exception):
    """A value is too large to be looked at."""


class GoneError(BaseException):
    """The other side is no more. BaseException, so that nobody catches it by mistake."""


class StandIn:
    """Stands here for an object of the other side."""

    __slots__ = ("_number", "_peer", "_type")

    def __init__(self, peer: Peer, wire: dict[str, Any]) -> None:
        """Stand in for the object of this number."""
        object.__setattr__(self, "_peer", peer)
        object.__setattr__(self, "_number", wire["v"])
        object.__setattr__(self, "_type", wire["type"])

    def __call__(self, *args: Any, **named: Any) -> Any:
        """Call it over there; lists, maps and sets that it changes are changed here too."""
        peer: Peer = object.__getattribute__(self, "_peer")
        reply = peer.ask(
            do="call",
            of=object.__getattribute__(self, "_number"),
            args=[peer.encode(one) for one in args],
            named={name: peer.encode(one) for name, one in named.items()},
        )
        for place, wire in reply["changed"].items():
            _become(args[int(place)], peer.decode(wire))
        return peer.decode(reply["gave"])


def _become(value: Any, new: Any) -> None:
    if isinstance(value, list):
        value[:] = new
    else:
        value.clear()
        value.update(new)


class Peer:
    """One end of the line: asks the other side, and answers while it waits."""

    def __init__(self) -> None:
        """Take over standard input and output; what runs here finds both empty."""
        self._in = os.fdopen(os.dup(0), "r", encoding="utf-8", newline="\n")
        self._out = os.fdopen(os.dup(1), "w", encoding="utf-8", newline="\n")
        nothing = os.open(os.devnull, os.O_RDWR)
        for fd in (0, 1, 2):
            os.dup2(nothing, fd)
        self.kept: list[Any] = []
        self._numbers: dict[int, int] = {}
        self._borrowed: dict[int, Any] = {}

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
            raise rebuilt(message["raised"])
        return message

    def guarded(self, request: Any) -> Any:
        """Return the reply to a request: what it gave, or what was raised."""
        try:
            return self.answer(request)
        except GoneError:
            raise
        except BaseException as error:
            return {"raised": described(error)}

    def answer(self, request: Any) -> Any:
        """Call what was lent."""
        positional = [self.decode(one) for one in request["args"]]
        named = {name: self.decode(one) for name, one in request["named"].items()}
        gave = self.encode(self.kept[request["of"]](*positional, **named))
        changed = {}
        for place, value in enumerate(positional):
            if type(value) in (list, dict, set):
                wire = self.encode(value)
                if wire != request["args"][place]:
                    changed[str(place)] = wire
        return {"gave": gave, "changed": changed}

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
            if inner not in self._borrowed:
                self._borrowed[inner] = self.stand_in(wire)
            return self._borrowed[inner]
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
        """Return what stands here for an object of the other side."""
        return StandIn(self, wire)

    def lend(self, value: Any) -> dict[str, Any]:
        """Keep an object for the other side, and describe it."""
        number = self._numbers.get(id(value))
        if number is None:
            if len(self.kept) >= MOST_KEPT:
                raise TooMuchError
            number = self._numbers[id(value)] = len(self.kept)
            self.kept.append(value)
        found: dict[str, Any] = {"t": "object", "v": number, "type": type(value).__name__}
        if isinstance(value, type) and issubclass(value, BaseException):
            found["mro"] = [cls.__name__ for cls in value.__mro__]
        return found


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


# --- what was raised ------------------------------------------------------------------------------


def described(error: BaseException) -> dict[str, Any]:
    """Return an exception as plain values, with the line of the answer that raised it."""
    line, trace = getattr(error, "answer_line", 0), error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "<answer>":
            line = trace.tb_lineno
        trace = trace.tb_next
    try:
        text = str(error)[:500]
    except Exception:  # its own description is as broken as the rest
        text = ""
    return {"mro": [cls.__name__ for cls in type(error).__mro__], "text": text, "line": line}


def rebuilt(told: dict[str, Any]) -> BaseException:
    """Return an exception like the one on the other side."""
    cls = exception_class(told["mro"])
    try:
        error = cls(told["text"])
    except TypeError:  # one that wants more, such as UnicodeDecodeError
        error = exception_class([told["mro"][0], "Exception"])(told["text"])
    error.answer_line = told["line"]  # type: ignore[attr-defined]
    return error


def exception_class(mro: list[str]) -> type[BaseException]:
    """Return an exception class by its names: a built-in one, or one made for that name."""
    found: type[BaseException] = Exception
    for place, name in enumerate(mro):
        known = getattr(builtins, name, None)
        if isinstance(known, type) and issubclass(known, BaseException):
            if place == 0:
                return known
            found = known
            break
    return _CLASSES.setdefault((mro[0], found), type(mro[0], (found,), {}))


_CLASSES: dict[tuple[str, type], type[BaseException]] = {}
