"""Reading model text as JSON, strictly and in bounded time, and comparing two JSON values."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any, Final

from pytest_quantguard._plural import counted
from pytest_quantguard.checks._text import digit_note, quote, show
from pytest_quantguard.types import Completion

MAX_CHARS = 200_000
"""Longest text that is judged as JSON, in characters."""
MAX_DEPTH = 64
"""Deepest nesting that is judged, in levels."""
MAX_DIGITS = 1_000
"""Longest whole number that is judged, in digits."""

_SPACE = " \t\r\n"


class Unset(Enum):
    """A parameter that was not written, where null has a meaning of its own."""

    UNSET = "unset"


UNSET: Final = Unset.UNSET


class NotJson(Exception):  # noqa: N818 - not an error of ours: the message is the violation
    """The text is not the JSON that was asked for; the message says why."""


# --- reading ----------------------------------------------------------------------------


def parse(text: str, *, fenced: bool = False, subject: str = "the answer") -> Any:
    """Read a whole text as one JSON value; ``fenced`` allows one Markdown fence around it.

    Raises:
        NotJson: for anything but JSON that every reader understands alike: so not for NaN,
            duplicate keys, prose around it, or more than the limits of this module.
    """
    if len(text) > MAX_CHARS:
        raise NotJson(
            f"{subject} has {len(text)} characters; at most {MAX_CHARS} are judged as JSON"
        )
    body = text.strip(_SPACE)
    if not body:
        raise NotJson(f"{subject} should be JSON and is empty")
    inner = _inside_fence(body)
    if inner is not None:
        if not fenced:
            raise NotJson(
                f"{subject} has a {body[:3]} fence around the JSON, which `fenced` would allow"
            )
        body = inner.strip(_SPACE)
    value = _decode(body, subject)
    if _deeper_than(value, MAX_DEPTH):
        raise NotJson(f"{subject} is JSON nested more than {MAX_DEPTH} levels deep")
    return value


def sentence(error: NotJson, completion: Completion) -> str:
    """Return the violation; says so when the answer had no room to end."""
    cut = " (finish_reason is length)" if completion.finish_reason == "length" else ""
    return f"{error}{cut}"


def problem(value: Any) -> str | None:
    """Say what keeps a parameter from being a JSON value, or None."""
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        return f"{error}"[:120]
    if _deeper_than(value, MAX_DEPTH):
        return f"nested more than {MAX_DEPTH} levels deep"
    return _bad_key(value)


def _decode(body: str, subject: str) -> Any:
    try:
        value, end = _DECODER.raw_decode(body)
    except json.JSONDecodeError as error:
        raise NotJson(_why(error, body, subject)) from None
    except RecursionError:
        raise NotJson(f"{subject} is JSON nested more than {MAX_DEPTH} levels deep") from None
    except NotJson as error:
        raise NotJson(f"{subject} {error}") from None
    rest = body[end:].strip(_SPACE)
    if rest:
        raise NotJson(f"{subject} goes on after the JSON has ended: {quote(rest)}")
    return value


def _why(error: json.JSONDecodeError, body: str, subject: str) -> str:
    start = min((at for at in (body.find("{"), body.find("[")) if at > 0), default=0)
    if start and error.pos == 0:
        try:
            _DECODER.raw_decode(body, start)
        except (ValueError, RecursionError, NotJson):
            pass  # what follows is no JSON either: the general sentence fits
        else:
            return f"{subject} has prose before the JSON: {quote(body[:start])}"
    if error.pos >= len(body) or error.msg.startswith("Unterminated string"):
        return f"{subject} is JSON that ends in the middle: {quote('…' + body[-40:])}"
    near = quote(body[max(0, error.pos - 15) : error.pos + 25])
    where = f"line {error.lineno}, column {error.colno}"
    return f"{subject} is no JSON: {error.msg} at {where}, near {near}"


def _inside_fence(body: str) -> str | None:
    mark = body[:3]
    if mark not in ("```", "~~~") or not body.endswith(mark) or len(body) <= 6:
        return None
    inner = body.strip(mark[0])
    label = inner[:4].lower()
    if label == "json" and inner[4:5] in (*_SPACE, "{", "["):
        return inner[4:]
    return inner if inner[:1] in (*_SPACE, "{", "[") else None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        times = Counter(key for key, _ in pairs)
        twice = next(key for key, count in times.items() if count > 1)
        raise NotJson(f"has the key {quote(twice)} twice in one object")
    return found


def _integer(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise NotJson(f"has a number of {len(digits)} digits; at most {MAX_DIGITS} are judged")
    return int(digits)


def _float(number: str) -> float:
    value = float(number)
    if math.isinf(value):
        raise NotJson(f"has the number {quote(number, 30)}, which is beyond every float")
    return value


def _constant(name: str) -> Any:
    raise NotJson(f"has {name}, which JSON does not know")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_float, parse_constant=_constant
)


def _children(value: Any) -> Any:
    if isinstance(value, Mapping):
        return value.values()
    return value if isinstance(value, list | tuple) else ()


def _deeper_than(value: Any, levels: int) -> bool:
    row = [value]  # the containers of one level; no recursion
    for _ in range(levels):
        row = [
            child
            for node in row
            for child in _children(node)
            if isinstance(child, Mapping | list | tuple)
        ]
        if not row:
            return False
    return True


def _bad_key(value: Any) -> str | None:
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                return f"the key {key!r:.40} is not a text"
    return next(filter(None, map(_bad_key, _children(value))), None)


# --- comparing --------------------------------------------------------------------------


def differences(expected: Any, got: Any, path: str = "$") -> Iterator[str]:
    """Yield one sentence for each place where two JSON values differ.

    Numbers are compared by value (1 is 1.0); true is not 1, and "1" is not 1.
    """
    if isinstance(expected, Mapping) and isinstance(got, Mapping):
        for key, value in expected.items():
            if key in got:
                yield from differences(value, got[key], path + step(key))
            else:
                yield f"{clip(path + step(key))} is missing, expected {show(value)}"
        for key in got:
            if key not in expected:
                yield f"{clip(path + step(key))} was not asked for: {show(got[key])}"
    elif isinstance(expected, list | tuple) and isinstance(got, list | tuple):
        if len(expected) != len(got):
            yield f"{clip(path)} has {counted(len(got), 'item')}, expected {len(expected)}"
        for index, (one, other) in enumerate(zip(expected, got, strict=False)):
            yield from differences(one, other, f"{path}[{index}]")
    elif kind(expected) != kind(got):
        yield (
            f"{clip(path)}: expected {show(expected)} ({kind(expected)}), "
            f"got {show(got)} ({kind(got)})"
        )
    elif expected != got:
        note = digit_note(_plain(expected), _plain(got))
        yield f"{clip(path)}: expected {show(expected)}, got {show(got)}{note}"


def kind(value: Any) -> str:
    """Name the JSON type of a value."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "string"
    return "object" if isinstance(value, Mapping) else "array"


def step(key: str) -> str:
    """Write one step of a JSON path: ``.key``, or ``["odd key"]``."""
    return f".{key}" if key.isidentifier() and key.isascii() else f"[{quote(key, 30)}]"


def clip(path: str) -> str:
    """Shorten a path from the left."""
    return path if len(path) <= 100 else f"$…{path[-90:]}"


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
