"""Regular expressions of the user on model text, with a time limit that really ends them."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from itertools import islice

from pytest_quantguard.checks import _limited
from pytest_quantguard.checks._text import quote
from pytest_quantguard.errors import CheckError

MAX_CHARS = 1_000_000
"""Longest text that is matched, in characters."""

_MOST_LABELS = 1_000
_MOST_HITS = 20_000


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


def hits(pattern: str, text: str) -> list[tuple[int, int, str]]:
    """Return start, end and group 1 (the whole match without groups) of at most 20,000 matches.

    Raises:
        CheckError: when that took longer than the limit.
    """
    try:
        return [(start, end, label) for start, end, label in _limited.call(_hits, pattern, text)]
    except TimeoutError:
        raise _too_slow(pattern, text) from None


def matching(pattern: str, texts: Sequence[str]) -> list[bool]:
    """Tell for each text whether the pattern matches somewhere in it.

    Raises:
        CheckError: when all together took longer than the limit.
    """
    try:
        return _limited.call(_matching, pattern, list(texts))
    except TimeoutError:
        raise _too_slow(pattern, "".join(texts)) from None


def _hits(pattern: str, text: str) -> list[tuple[int, int, str]]:
    expression = re.compile(pattern)
    group = 1 if expression.groups else 0
    matches = islice(expression.finditer(text), _MOST_HITS)
    return [(match.start(), match.end(), match[group] or "") for match in matches]


def _matching(pattern: str, texts: list[str]) -> list[bool]:
    expression = re.compile(pattern)
    return [expression.search(text) is not None for text in texts]


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
