"""What a server says when it says no: bodies of errors, in every shape that is known."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

from pytest_quantguard.types import Json

_STATUS_OF = {
    "authentication_error": 401,
    "exceed_context_size_error": 400,
    "insufficient_quota": 402,
    "invalid_request_error": 400,
    "not_found_error": 404,
    "overloaded_error": 529,
    "permission_error": 403,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "request_too_large": 413,
    "timeout_error": 504,
    "unavailable_error": 503,
    "validation": 422,
}
"""Errors that are known by a word; whatever is not among them is taken for the server's fault."""


def error_text(body: bytes) -> str:
    """Return the server's own message out of an error body of any known shape; raw."""
    text = body.decode("utf-8", "replace").strip()
    try:
        found = _find_message(json.loads(text))
    except (ValueError, RecursionError):
        found = None
    if found:
        return found
    if text[:200].lower().startswith(("<!doctype", "<html", "<?xml")):
        return "an HTML page"
    return text or "no explanation"


def _find_message(value: Any) -> str | None:
    """Look into ``{error: {message}}``, ``{error: text}``, ``{message}``, ``{detail}``, a list."""
    if isinstance(value, str):
        return value or None
    if isinstance(value, list):
        return "; ".join(filter(None, map(_find_message, value))) or None
    if not isinstance(value, dict):
        return None
    keys = ("error", "message", "detail", "msg")
    return next(filter(None, (_find_message(value.get(key)) for key in keys)), None)


def status_of(piece: Json) -> int:
    """Return the HTTP status that an error in mid-stream stands for, or 500.

    It is told as a number (vLLM, SGLang, llama.cpp, OpenRouter; TGI: ``http_status_code``) or by a
    word (OpenAI and Anthropic: ``type`` or ``code``).
    """
    inner = piece.get("error")
    places = [place for place in (inner, piece) if isinstance(place, dict)]
    for key in ("code", "http_status_code", "status"):
        for place in places:
            status = place.get(key)
            if type(status) is int and 400 <= status < 600:
                return status
    words = [place.get(key) for place in places for key in ("code", "type", "error_type")]
    return next((_STATUS_OF[w] for w in words if isinstance(w, str) and w in _STATUS_OF), 500)


def is_unpaid(body: bytes) -> bool:
    """Tell whether an account is used up: OpenAI says so with the 429 of a server that is busy."""
    try:
        piece = json.loads(body)
    except (ValueError, RecursionError):
        return False
    return isinstance(piece, dict) and status_of(piece) == 402


def retry_after_s(headers: Mapping[str, str], now: float) -> float | None:
    """Return how long the server asks to wait, in seconds from 0 to a day; None when it does not.

    A date is meant by the server's clock, which it tells in ``Date``; ``now``, in seconds since the
    epoch, is ours, for servers that do not.
    """
    text = headers.get("retry-after", "").strip()
    try:
        seconds = float(text)
    except ValueError:
        due, told = _moment(text), _moment(headers.get("date", ""))
        if due is None:
            return None
        seconds = due - (now if told is None else told)
    return min(max(seconds, 0.0), 86400.0) if math.isfinite(seconds) else None


def _moment(text: str) -> float | None:
    """Return a date of HTTP in seconds since the epoch; None when it is none."""
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
