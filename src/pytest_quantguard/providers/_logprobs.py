"""Log-probabilities as servers write them: checked numbers, or none at all."""

from __future__ import annotations

import math
from typing import Any

from pytest_quantguard.types import Token

MAX_TOKENS = 100_000
"""Longest answer of which log-probs are kept, in tokens."""
MAX_TOP = 20
"""Alternatives that are kept at each place: as many as the OpenAI API gives."""

_SLACK = 1e-6  # a softmax in single precision may end a hair above 1


class LogprobError(Exception):
    """What stands there is no log-probability; the text says what does: raw, uncut."""


def logprob(value: Any) -> float:
    """Return the natural log-probability that ``value`` holds, at most 0.

    Raises:
        LogprobError: no number, not finite, or a probability above 1.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        shown = f"a {type(value).__name__}"
        if value is None or isinstance(value, bool | str):
            shown = f"'{value}'" if isinstance(value, str) else str(value)
        raise LogprobError(f"a log-prob is {shown}, no number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number) or number > _SLACK:
        raise LogprobError(f"a log-prob is {number!r}, not a finite number up to 0")
    return min(number, 0.0)


def token_text(entry: Any) -> str:
    """Return the text of one token; bytes that are no whole characters become ``\\xe2`` ...

    Raises:
        LogprobError: the entry names no token.
    """
    text, data = entry.get("token"), entry.get("bytes")
    if not isinstance(text, str):
        raise LogprobError("a token is no text")
    if isinstance(data, list) and data and all(type(byte) is int for byte in data):
        try:
            return bytes(data).decode("utf-8", "backslashreplace")
        except ValueError:  # no bytes after all
            return text
    return text


def tokens(content: Any) -> list[Token]:
    """Read ``logprobs.content`` of a choice, of a whole message or of one streamed piece.

    Raises:
        LogprobError: it has another shape.
    """
    if not isinstance(content, list) or len(content) > MAX_TOKENS:
        raise LogprobError("the log-probs are no list, or too long a one")
    return [_token(entry) for entry in content]


def _token(entry: Any) -> Token:
    if not isinstance(entry, dict):
        raise LogprobError("a token is no object")
    top = entry.get("top_logprobs") or []
    if not isinstance(top, list) or not all(isinstance(other, dict) for other in top):
        raise LogprobError("'top_logprobs' is no list of objects")
    return Token(
        text=token_text(entry),
        logprob=logprob(entry.get("logprob")),
        top=tuple((token_text(other), logprob(other.get("logprob"))) for other in top[:MAX_TOP]),
    )
