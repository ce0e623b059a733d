"""Regular expressions of the user on model text, with a time limit that really ends them."""

from __future__ import annotations

import re
import warnings

from pytest_quantguard.checks import _limited
from pytest_quantguard.checks._text import quote
from pytest_quantguard.errors import CheckError

MAX_CHARS = 1_000_000
"""Longest text that is matched, in characters."""

_MOST_LABELS = 1_000


def compiled(field: str, pattern: str) -> re.Pattern[str]:
    """Compile a parameter.

    Raises:
        ValueError: when it is no regular expression.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of sets that may mean something else one day
            return re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(
            f"`{field}` is no regular expression: {error}; got {pattern!r:.80}"
        ) from None


def too_long(text: str) -> list[str]:
    """Return the violation of a text that is not matched, or nothing."""
    if len(text) <= MAX_CHARS:
        return []
    return [f"the answer has {len(text)} characters; at most {MAX_CHARS} are matched"]


def found(pattern: str, text: str, *, full: bool = False) -> bool:
    """Tell whether the pattern matches somewhere, or with ``full`` the whole text.

    Raises:
        CheckError: when that took longer than the limit.
    """
    try:
        return _limited.call(_found, pattern, text, full)
    except TimeoutError:
        raise _too_slow(pattern, text) from None


def labels(pattern: str, text: str) -> list[str]:
    """Return the distinct texts of group 1 (of the whole match without groups), at most 1000.

    Raises:
        CheckError: when that took longer than the limit.
    """
    try:
        return _limited.call(_labels, pattern, text)
    except TimeoutError:
        raise _too_slow(pattern, text) from None


def _found(pattern: str, text: str, full: bool) -> bool:
    expression = re.compile(pattern)
    return bool(expression.fullmatch(text) if full else expression.search(text))


def _labels(pattern: str, text: str) -> list[str]:
    seen: dict[str, None] = {}
    for match in re.compile(pattern).finditer(text):
        seen[match[1 if match.re.groups else 0] or ""] = None
        if len(seen) > _MOST_LABELS:
            break
    return list(seen)


def _too_slow(pattern: str, text: str) -> CheckError:
    return CheckError(
        f"the pattern {quote(pattern, 80)} was stopped after {_limited.LIMIT_S:g} s on "
        f"{len(text)} characters; avoid repeats inside repeats, such as (a+)+"
    )
