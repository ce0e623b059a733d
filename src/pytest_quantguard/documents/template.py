"""``{{ name }}`` in the texts of a golden case: one pass, no logic, no escapes.

Only texts are looked at, wherever they stand in lists and maps; keys never. What a variable holds
is not looked at again, so a value can never bring placeholders of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pytest_quantguard.errors import did_you_mean

NAME = r"[A-Za-z0-9_.-]+"
"""What a variable may be called."""

_PLACEHOLDER = re.compile(r"\{\{[ \t]*+(" + NAME + r"+)[ \t]*+\}\}")


class UnknownVariableError(LookupError):
    """A placeholder names no variable."""


def fill(value: Any, variables: Mapping[str, Any]) -> Any:
    """Replace the placeholders of every text in ``value``; return the filled copy.

    A text that is one placeholder and nothing else becomes the variable's value, with its type;
    inside a longer text, texts, numbers and booleans are written out. ``{{`` that begins no
    placeholder stays as it is.

    Raises:
        UnknownVariableError: a variable is not known.
        LookupError: its value cannot stand inside a text.
    """
    if isinstance(value, str):
        return _filled(value, variables) if "{{" in value else value
    if isinstance(value, Mapping):
        return {key: fill(item, variables) for key, item in value.items()}
    if isinstance(value, list):
        return [fill(item, variables) for item in value]
    if isinstance(value, tuple):
        return tuple(fill(item, variables) for item in value)
    return value


def names(value: Any) -> set[str]:
    """Return the names of all placeholders in the texts of ``value``."""
    return {found[1] for text in _texts(value) for found in _PLACEHOLDER.finditer(text)}


def written(name: str, value: Any) -> str:
    """Return what a variable looks like inside a text: ``true`` and ``false`` as in YAML.

    Raises:
        LookupError: it is neither a text nor a number nor a boolean.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        try:
            return str(value)
        except ValueError:  # an integer of more digits than Python likes to write
            raise LookupError(
                f"the variable {name!r:.80} is too long a number for a text"
            ) from None
    kind = "null" if value is None else "a list or a map"
    raise LookupError(
        f"the variable {name!r:.80} is {kind}, which cannot stand inside a text; "
        f'write "{{{{{name:.80}}}}}" alone, or make the variable a text'
    )


def as_text(value: Any) -> Any:
    """Write out the numbers that stand alone where a text belongs: a prompt, a tag, a message.

    Raises:
        LookupError: a whole number is too long.
    """
    if isinstance(value, list):
        return [as_text(item) for item in value]
    if isinstance(value, dict) and not isinstance(value.get("content", []), list | str):
        return {**value, "content": as_text(value["content"])}
    return written("it", value) if isinstance(value, bool | int | float) else value


def length(value: Any) -> int:
    """Count the characters of all texts in a value."""
    if isinstance(value, str):
        return len(value)
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return sum(map(length, items))


def _filled(text: str, variables: Mapping[str, Any]) -> Any:
    if whole := _PLACEHOLDER.fullmatch(text):
        return _value(whole[1], variables)
    return _PLACEHOLDER.sub(lambda found: written(found[1], _value(found[1], variables)), text)


def _value(name: str, variables: Mapping[str, Any]) -> Any:
    if name not in variables:
        near = did_you_mean(name[:80], variables)
        raise UnknownVariableError(f"unknown variable {name!r:.80}; {near}")
    return variables[name]


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        if "{{" in value:
            yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)
