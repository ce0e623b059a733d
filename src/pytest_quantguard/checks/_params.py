"""Judging the parameters that a user wrote: one sentence for each mistake."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def flag(field: str, value: Any) -> None:
    """Demand true or false.

    Raises:
        ValueError: when it is anything else.
    """
    if not isinstance(value, bool):
        raise ValueError(f"`{field}` has to be true or false, got {_shown(value)}")


def text(field: str, value: Any) -> None:
    """Demand a text that is not empty.

    Raises:
        ValueError: when it is anything else.
    """
    if not isinstance(value, str):
        raise ValueError(f"`{field}` has to be a text, got {_shown(value)}{_hint(value)}")
    if not value:
        raise ValueError(f"`{field}` is empty; write the text that is meant")


def texts(field: str, value: Any) -> tuple[str, ...]:
    """Return the texts of a list; a bare text counts as a list of one.

    Raises:
        ValueError: when it is no list of texts, or one of them is empty.
    """
    if isinstance(value, str):
        value = (value,)
    if not isinstance(value, Sequence):
        raise ValueError(f"`{field}` has to be a list of texts, got {_shown(value)}{_hint(value)}")
    for item in value:
        text(f"{field}[]", item)
    return tuple(value)


def count(field: str, value: Any, least: int = 0) -> None:
    """Demand a whole number of at least ``least``, or None where nothing was written.

    Raises:
        ValueError: when it is anything else.
    """
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ValueError(
            f"`{field}` has to be a whole number of at least {least}, got {_shown(value)}"
        )


def _shown(value: Any) -> str:
    try:
        return f"{value!r:.80}"
    except ValueError:  # an integer of more digits than Python likes to write
        return f"a huge {type(value).__name__}"


def _hint(value: Any) -> str:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return "; put the number in quotes" if number else ""
