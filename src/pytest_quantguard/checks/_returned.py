"""Values that code under test gave back: described, and compared with what is expected.

They come over the line of `_inside/wire.py` and are hostile: nothing here trusts their shape, and
no container is filled with keys that the code chose.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import islice
from typing import Any

from pytest_quantguard.checks import _json
from pytest_quantguard.checks._text import bare, digit_note

_DEEPEST = 64
_LONGEST_INT = 3_000  # hexadecimal digits; Python refuses to write out more than 4,300 decimal ones
_BRACKETS = {"tuple": ("(", ")"), "set": ("{", "}"), "frozenset": ("frozenset({", "})")}


class NotPlain(Exception):  # noqa: N818 - a fact about the value; the message describes it
    """A value is of a type that YAML has no form for."""


def plain(wire: Any, depth: int = 0) -> Any:
    """Return a value as JSON types: a tuple is a list, a key is a text.

    Raises:
        NotPlain: there is no such form for it.
    """
    if depth > _DEEPEST:
        raise NotPlain("a value of too many levels")
    if isinstance(wire, list):
        return [plain(item, depth + 1) for item in wire]
    if not isinstance(wire, dict):
        return wire
    kind, inner = _kind(wire), wire.get("v")
    if kind == "tuple" and isinstance(inner, list):
        return [plain(item, depth + 1) for item in inner]
    if kind == "dict":
        return {_key(key): plain(value, depth + 1) for key, value in _pairs(inner)}
    if "data" in wire:
        return plain(wire["data"], depth + 1)
    if kind == "int" and isinstance(inner, str) and len(inner) <= _LONGEST_INT:
        return _number(inner)
    if kind == "float" and inner in ("nan", "inf", "-inf"):
        return float(inner)
    raise NotPlain(described(wire))


def differences(expected: Any, wire: Any) -> str:
    """Compare with a value of a YAML file; say what came instead, or nothing.

    Lists and tuples are alike, numbers are compared by value, true is not 1.
    """
    try:
        got = plain(wire)
        first = next(_json.differences(expected, got), "")
    except NotPlain as error:
        return f"gave {error}, expected {written(expected)}"
    if not first:
        return ""
    return _difference(expected, wire, got, first)


def distant(expected: Any, wire: Any, tolerance: float) -> str:
    """Compare like `differences`, but numbers only up to a tolerance, relative or absolute."""
    try:
        got = plain(wire)
    except NotPlain as error:
        return f"gave {error}, expected {written(expected)} up to {tolerance:g}"
    if _close(expected, got, tolerance):
        return ""
    return f"gave {described(wire)}, expected {written(expected)} up to {tolerance:g}"


def unlike(expected: Any, wire: Any) -> str:
    """Compare with a Python value, types and all; say what came instead, or nothing."""
    if _same(expected, wire):
        return ""
    return f"gave {described(wire)}, expected {written(expected)}"


def described(wire: Any) -> str:
    """Describe a value the way Python writes it, on one short line, safe to print."""
    return bare(_text(wire, 0), 80)


def written(expected: Any) -> str:
    """Write down what a user expects."""
    try:
        return bare(repr(expected), 80)
    except ValueError:  # a number of more digits than Python likes to write
        return "a huge number"


def _difference(expected: Any, wire: Any, got: Any, first: str) -> str:
    said = f"gave {described(wire)}, expected {written(expected)}"
    if isinstance(expected, list | dict):
        return f"{said} ({first})" if len(said) > 120 else said
    if isinstance(got, str | int) and isinstance(expected, str | int):
        return said + digit_note(str(expected), str(got))
    return said


def _pairs(inner: Any) -> list[tuple[Any, Any]]:
    if not isinstance(inner, list) or not all(isinstance(p, list) and len(p) == 2 for p in inner):
        raise NotPlain("no value")
    return [(key, value) for key, value in inner]


def _key(wire: Any) -> str:
    return wire if isinstance(wire, str) else _text(wire, 3)


def _number(digits: str) -> int:
    try:
        return int(digits, 16)
    except ValueError:
        raise NotPlain("no value") from None


def _close(expected: Any, got: Any, tolerance: float) -> bool:
    if isinstance(expected, dict) and isinstance(got, dict):
        return expected.keys() == got.keys() and all(
            _close(value, got[key], tolerance) for key, value in expected.items()
        )
    if isinstance(expected, list) and isinstance(got, list):
        pairs = zip(expected, got, strict=False)
        return len(expected) == len(got) and all(_close(a, b, tolerance) for a, b in pairs)
    if _json.kind(expected) == _json.kind(got) == "number":
        try:
            return math.isclose(expected, got, rel_tol=tolerance, abs_tol=tolerance)
        except OverflowError:  # a whole number beyond every float
            return bool(expected == got)
    return not any(True for _ in _json.differences(expected, got))


def _same(expected: Any, wire: Any) -> bool:
    if isinstance(expected, list):
        return isinstance(wire, list) and _all_same(expected, wire)
    if isinstance(expected, tuple):
        return _kind(wire) == "tuple" and _all_same(expected, wire.get("v"))
    if isinstance(expected, set | frozenset | dict):
        return _same_keys(expected, wire)
    if isinstance(expected, bytes):
        return bool(_kind(wire) == "bytes" and wire.get("v") == expected.hex())
    if isinstance(expected, complex):
        return bool(_kind(wire) == "complex" and wire.get("v") == repr(expected))
    if type(expected) is int and _kind(wire) == "int":
        return bool(wire.get("v") == hex(expected))
    return type(wire) is type(expected) and bool(wire == expected)


def _same_keys(expected: Any, wire: Any) -> bool:
    """Compare sets and maps: each key that is expected has to be there, and no other."""
    kind, inner = _kind(wire), wire.get("v") if isinstance(wire, dict) else None
    if kind != type(expected).__name__ or not isinstance(inner, list):
        return False
    if len(inner) != len(expected):
        return False
    pairs = isinstance(expected, dict)
    if pairs and not all(isinstance(one, list) and len(one) == 2 for one in inner):
        return False
    given = [one[0] if pairs else one for one in inner]
    for key in expected:
        place = next((i for i, one in enumerate(given) if _same(key, one)), None)
        if place is None:
            return False
        if pairs and not _same(expected[key], inner[place][1]):
            return False
    return True


def _all_same(expected: Any, items: Any) -> bool:
    if not isinstance(items, list) or len(items) != len(expected):
        return False
    return all(_same(one, item) for one, item in zip(expected, items, strict=True))


def _kind(wire: Any) -> str:
    return _word(wire.get("t")) if isinstance(wire, dict) else ""


def _word(value: Any) -> str:
    return value if isinstance(value, str) else ""


# --- describing -----------------------------------------------------------------------------------


def _text(wire: Any, depth: int) -> str:
    if isinstance(wire, str):
        return repr(wire[:120])
    if isinstance(wire, list):
        return f"[{_items(wire, depth)}]"
    if not isinstance(wire, dict):
        return repr(wire)
    kind, inner = _kind(wire), wire.get("v")
    if "data" in wire:
        return _derived(wire, depth) if depth < 5 else "..."
    if kind in _BRACKETS and isinstance(inner, list):
        left, right = _BRACKETS[kind]
        single = "," if kind == "tuple" and len(inner) == 1 else ""
        return f"{left}{_items(inner, depth)}{single}{right}" if inner else f"{kind}()"
    if kind == "dict" and isinstance(inner, list):
        pairs = (p for p in inner if isinstance(p, list) and len(p) == 2)
        return f"{{{_joined((f'{_text(k, 4)}: {_text(v, depth + 1)}' for k, v in pairs), depth)}}}"
    return _special(kind, inner, wire)


def _derived(wire: dict[str, Any], depth: int) -> str:
    """Describe what an object of a derived class holds, such as P(1, 2) or Counter({'a': 1})."""
    text = _text(wire["data"], depth + 1)
    name = _word(wire.get("type"))[:40]
    return f"{name}{text}" if text.startswith("(") else f"{name}({text})"


def _special(kind: str, inner: Any, wire: dict[str, Any]) -> str:
    if kind == "object":
        return f"an object of type {_word(wire.get('type'))[:40] or '?'}"
    if kind == "huge":
        return "a value that is too large to be looked at"
    if kind == "int" and isinstance(inner, str):
        return f"a whole number of about {int((len(inner) - 2) * 1.2041)} digits"
    if kind == "float":
        return _word(inner)[:10] or "no value"
    if kind == "bytes":
        return f"the bytes {_word(inner)[:80]} (hexadecimal)"
    if kind in ("complex", "Decimal", "Fraction", "date", "datetime", "time"):
        return f"{kind} {_word(inner)[:60]}"
    return f"a {kind[:20]}" if kind else "no value"


def _items(items: list[Any], depth: int) -> str:
    return _joined((_text(item, depth + 1) for item in items), depth)


def _joined(texts: Iterable[str], depth: int) -> str:
    if depth >= 4:
        return "..."
    shown = list(islice(texts, 21))
    return ", ".join(shown[:20]) + (", ..." if len(shown) > 20 else "")
