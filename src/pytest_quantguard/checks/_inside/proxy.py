"""Stands in a test for an object of the answer.

Runs in the sandbox, beside the tests. Comparing with a plain value is done here, on a copy,
whatever the classes of the answer make of ``==``, ``<``, ``in`` or ``-``. An operator between an
object of the answer and a plain value is refused, as the object could say anything.
"""

from __future__ import annotations

import operator
from typing import Any

from pytest_quantguard.checks._inside.wire import GoneError, Peer, StandIn


class UnusableError(GoneError):
    """The tests do what cannot be done from here: their fault, not the answer's."""


class MissingError(GoneError):
    """The answer does not define what the tests use."""


class HugeError(BaseException):
    """A value is too large to come over; BaseException, as no test may take it for its own."""


class LimitError(BaseException):
    """The tests come to something that cannot be tested from here; no test may take it for its own.

    What the answer gave may have led there, so it is the answer that fails.
    """


class Nothing:
    """What an object holds that holds nothing plain."""


class Proxy(StandIn):
    """Stands in a test for an object of the answer."""

    __slots__ = ()

    def __getattribute__(self, name: str) -> Any:
        # Operators do not come along here, so that a method such as __add__ can be called by name.
        if name == "__class__":  # isinstance asks for it; what holds a list is one
            return object.__getattribute__(self, "_class") or Proxy
        return _attribute(self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        _asked(self, do="set", of=_number(self), name=name, value=_peer(self).encode(value))

    def __eq__(self, other: object) -> bool:
        if isinstance(other, StandIn):
            return bool(_operated(self, "eq", self, other))
        held = _held(self)
        return held is not NOTHING and bool(held == other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return int(_operated(self, "hash", self))

    def __contains__(self, item: object) -> bool:
        held = _held(self)
        if held is not NOTHING:
            return item in held
        if not isinstance(item, StandIn):
            raise _refused(self, "in", "; call its __contains__")
        return bool(_operated(self, "contains", self, item))

    def __repr__(self) -> str:
        return str(_operated(self, "repr", self))

    def __format__(self, spec: str) -> str:
        return str(_operated(self, "format", self, spec))

    def __copy__(self) -> Any:
        return _operated(self, "copy", self)

    def __deepcopy__(self, memo: Any) -> Any:
        return _operated(self, "deepcopy", self)

    def __instancecheck__(self, instance: object) -> bool:
        return bool(_operated(self, "isinstance", instance, self))

    def __enter__(self) -> Any:
        return _attribute(self, "__enter__")()

    def __exit__(self, kind: Any, error: Any, trace: Any) -> bool:
        return bool(_attribute(self, "__exit__")(kind, error, None))


def _peer(proxy: StandIn) -> Peer:
    found: Peer = object.__getattribute__(proxy, "_peer")
    return found


def _number(proxy: StandIn) -> int:
    return int(object.__getattribute__(proxy, "_number"))


def _type(proxy: StandIn) -> str:
    return str(object.__getattribute__(proxy, "_type"))


def _asked(proxy: StandIn, **request: Any) -> Any:
    peer = _peer(proxy)
    return peer.decode(peer.ask(**request)["gave"])


def _attribute(proxy: StandIn, name: str) -> Any:
    return _asked(proxy, do="attr", of=_number(proxy), name=name)


def _operated(proxy: StandIn, name: str, *operands: Any) -> Any:
    return _asked(proxy, do="op", name=name, args=[_peer(proxy).encode(one) for one in operands])


def _held(proxy: StandIn) -> Any:
    """Return what an object holds, if its class is a subclass of a plain one."""
    return _asked(proxy, do="value", of=_number(proxy))


def _refused(proxy: StandIn, sign: str, instead: str) -> LimitError:
    return LimitError(
        f"`tests` cannot use {sign} between an object of the answer's class {_type(proxy)} and a "
        f"plain value{instead}, compare its attributes, or write a `call`"
    )


def class_of(*args: Any) -> Any:
    """Return what ``type`` returns, for an object of the answer too."""
    if len(args) == 1 and isinstance(args[0], StandIn):
        return _attribute(args[0], "__class__")
    return type(*args)


NOTHING = Nothing()
_UNARY = ("len", "iter", "next", "str", "bool", "int", "float", "index", "reversed")
_SIGNED = ("neg", "pos", "abs", "round", "getitem", "setitem", "delitem")
_ORDER = ("lt", "le", "gt", "ge")
_NUMERIC = ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul")
_WHOLE = ("divmod",)
_BITWISE = ("and", "or", "xor", "lshift", "rshift")


def _free(name: str) -> Any:
    def method(self: Proxy, *operands: Any) -> Any:
        return _operated(self, name, self, *operands)

    return method


def _binary(name: str, *, swapped: bool) -> Any:
    known = f"{name}_" if name in ("and", "or") else name
    function = getattr(operator, known, divmod)

    def method(self: Proxy, other: Any) -> Any:
        if isinstance(other, StandIn):
            return _operated(self, known, *((other, self) if swapped else (self, other)))
        held = _held(self)
        if held is NOTHING:
            raise _refused(self, name, f"; call its __{name}__")
        return function(other, held) if swapped else function(held, other)

    return method


def _in_place(name: str) -> Any:
    def method(self: Proxy, other: Any) -> Any:
        if isinstance(other, StandIn):
            return _operated(self, f"i{name}", self, other)
        return NotImplemented  # then Python tries the operator itself, which looks at what it holds

    return method


for _name in (*_UNARY, *_SIGNED):
    setattr(Proxy, f"__{_name}__", _free(_name))
for _name in (*_NUMERIC, *_BITWISE):
    setattr(Proxy, f"__i{_name}__", _in_place(_name))
for _name in (*_NUMERIC, *_BITWISE, *_WHOLE, *_ORDER):
    setattr(Proxy, f"__{_name}__", _binary(_name, swapped=False))
for _name in (*_NUMERIC, *_BITWISE, *_WHOLE):
    setattr(Proxy, f"__r{_name}__", _binary(_name, swapped=True))
