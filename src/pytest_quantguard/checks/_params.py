"""Judging the parameters that a user wrote: one sentence for each mistake."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from pytest_quantguard.errors import did_you_mean


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


def number(field: str, value: Any, *, most: float = math.inf) -> None:
    """Demand a finite number above 0 and not above ``most``, or None.

    Raises:
        ValueError: when it is anything else.
    """
    if value is None:
        return
    plain = isinstance(value, int | float) and not isinstance(value, bool)
    if not (plain and 0 < value <= most and math.isfinite(value)):
        upper = "" if math.isinf(most) else f" and at most {most:g}"
        raise ValueError(f"`{field}` has to be a number above 0{upper}, got {_shown(value)}")


def one_of(field: str, value: Any, known: Iterable[str]) -> None:
    """Demand one of a few words.

    Raises:
        ValueError: when it is anything else; names the nearest of them.
    """
    words = list(known)
    if value not in words:
        near = did_you_mean(f"{value!s:.80}", words)
        raise ValueError(f"`{field}` cannot be {_shown(value)}; {near}")


def _shown(value: Any) -> str:
    try:
        return f"{value!r:.80}"
    except ValueError:  # an integer of more digits than Python likes to write
        return f"a huge {type(value).__name__}"


def _hint(value: Any) -> str:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return "; put the number in quotes" if number else ""
