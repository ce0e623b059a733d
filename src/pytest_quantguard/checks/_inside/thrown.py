"""Exceptions and classes on their way over the line: their names, what they hold and derive from.

Runs in the sandbox, on both sides. Classes keep their identity: one that Python brings along is the
real one on the other side, and any other becomes one class there, with the same bases.
"""

from __future__ import annotations

import sys
from typing import Any

_MOST_CLASSES = 50
_MOST_HELD = 10
_DEEPEST_CAUSE = 3

# Asked of `type` itself: a metaclass of the answer's may say anything, or fail.
_mro: Any = type.__dict__["__mro__"].__get__
_bases: Any = type.__dict__["__bases__"].__get__
_name: Any = type.__dict__["__name__"].__get__
_module: Any = type.__dict__["__module__"].__get__


class Foreign(type):
    """The class of the classes that stand for an exception class of the other side."""

    def __call__(cls, *args: Any, **named: Any) -> Any:
        """Make the exception over there."""
        peer, number = _told(cls)
        gave = peer.ask(
            do="call",
            of=number,
            args=[peer.encode(one) for one in args],
            named={name: peer.encode(one) for name, one in named.items()},
        )["gave"]
        return peer.decode(gave)

    def __getattr__(cls, name: str) -> Any:
        """Give what the class has over there."""
        if name.startswith("__"):
            raise AttributeError(name)
        peer, number = _told(cls)
        return peer.decode(peer.ask(do="attr", of=number, name=name)["gave"])


def _told(cls: Any) -> Any:
    return next(vars(one)["_told"] for one in cls.__mro__ if "_told" in vars(one))


def _text(error: Any) -> str:
    return str(vars(error).get("_text", ""))


def _attribute(error: Any, name: str) -> Any:
    """Give what an exception has over there."""
    if name.startswith("__") or "_number" not in vars(error):
        raise AttributeError(name)
    peer, _ = _told(type(error))
    return peer.decode(peer.ask(do="attr", of=vars(error)["_number"], name=name)["gave"])


def is_error(value: Any) -> bool:
    """Tell whether a value is an exception class."""
    return isinstance(value, type) and BaseException in _mro(value)


def known(cls: Any) -> list[str] | None:
    """Return where Python keeps a class, if it is one of its own."""
    module, name = _module(cls), _name(cls)
    return [module, name] if type(module) is str and found([module, name]) is cls else None


def found(place: Any, *, imports: bool = False) -> Any:
    """Return a class of Python's by its place; None where its module is not loaded."""
    module, name = place
    if module.partition(".")[0] not in sys.stdlib_module_names:
        return None
    if imports:
        __import__(module)
    cls = vars(sys.modules[module]).get(name) if module in sys.modules else None
    return cls if isinstance(cls, type) else None


def foreign(value: Any) -> int | None:
    """Return the number that an exception, or a class of them, has on the other side."""
    cls = value if isinstance(value, type) else type(value)
    if type(cls) is not Foreign:
        return None
    number = vars(cls).get("_told", (0, None))[1] if value is cls else vars(value).get("_number")
    return None if number is None else int(number)


def classes(peer: Any, cls: Any) -> list[dict[str, Any]]:
    """Describe an exception class and those that it is derived from, in the order of its MRO."""
    order = [one for one in _mro(cls) if BaseException in _mro(one)]
    if len(order) > _MOST_CLASSES:
        order = [order[0], *order[-(_MOST_CLASSES - 1) :]]
    found = []
    for one in order:
        bases = [order.index(base) for base in _bases(one) if base in order]
        told: dict[str, Any] = {"name": _name(one), "bases": bases}
        if (place := known(one)) is not None:
            told["known"] = place
        elif (number := foreign(one)) is not None:
            told["yours"] = number
        else:
            told["v"] = peer.number(one)
        found.append(told)
    return found


def built(peer: Any, told: Any) -> Any:
    """Return the class that `classes` describes."""
    done: dict[int, Any] = {}
    for place in reversed(range(len(told))):
        one = told[place]
        cls = found(one["known"], imports=peer.imports) if "known" in one else None
        if "yours" in one:
            cls = peer.kept[one["yours"]]
        if cls is None or not issubclass(cls, BaseException):
            bases = tuple(done[base] for base in one["bases"]) or (Exception,)
            cls = _made(peer, one, bases)
        done[place] = cls
    return done[0]


def _made(peer: Any, told: Any, bases: tuple[Any, ...]) -> Any:
    key = told.get("v", "/".join(told.get("known", ())))
    if key not in peer.borrowed:
        body: dict[str, Any] = {"_told": (peer, told.get("v")), "__module__": "answer"}
        body |= {"__str__": _text, "__getattr__": _attribute}
        peer.borrowed[key] = Foreign(told["name"], bases, body)
    return peer.borrowed[key]


def described(error: BaseException) -> dict[str, Any]:
    """Return an exception as plain values, with the line of the answer that raised it."""
    line, trace = vars(error).get("_line", 0), error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "<answer>":
            line = trace.tb_lineno
        trace = trace.tb_next
    try:
        text = str(error)[:500]
    except BaseException:  # its own description is as broken as the rest
        text = ""
    names = [_name(cls) for cls in _mro(type(error))[:_MOST_CLASSES]]
    return {"mro": names, "text": text, "line": line}


def sent(peer: Any, error: BaseException, depth: int = 0) -> dict[str, Any]:
    """Return an exception as it goes over the line: `rebuilt` makes one like it."""
    told = described(error)
    told["class"] = classes(peer, type(error))
    if (number := foreign(error)) is not None:
        return {**told, "yours": number}
    if known(type(error)) is None:
        told["v"] = peer.number(error)
    told["args"], told["held"] = [told["text"]], {}
    try:
        told["args"] = [peer.encode(one) for one in error.args]
        if known(type(error)) is not None:
            held = [item for item in vars(error).items() if not item[0].startswith("_")]
            told["held"] = {name: peer.encode(value) for name, value in held[:_MOST_HELD]}
    except Exception:  # too large, or of no kind that goes over: the text has to do
        pass
    if error.__cause__ is not None and depth < _DEEPEST_CAUSE:
        told["cause"] = sent(peer, error.__cause__, depth + 1)
    return told


def rebuilt(peer: Any, told: Any) -> BaseException:
    """Return an exception like the one on the other side."""
    if "yours" in told and isinstance(own := peer.kept[told["yours"]], BaseException):
        return own
    cls: Any = built(peer, told["class"])
    args = [peer.decode(one) for one in told["args"]]
    make: Any = cls.__new__  # not its __call__, which would make another one over there
    error: BaseException
    try:
        error = make(cls, *args) if type(cls) is Foreign else cls(*args)
    except Exception:  # one that wants something else, such as JSONDecodeError
        error = make(cls)
    if type(cls) is Foreign or not args:
        error.args = tuple(args)
    held = {name: peer.decode(value) for name, value in told["held"].items()}
    vars(error).update(held, _line=told["line"], _text=told["text"])
    if "v" in told and type(cls) is Foreign:
        vars(error)["_number"] = told["v"]
    if "cause" in told:
        error.__cause__ = rebuilt(peer, told["cause"])
    return error
