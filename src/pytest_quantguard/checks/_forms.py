"""One meaning, many spellings: numbers, days and texts in the form in which they are compared."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Hashable, Mapping
from datetime import date
from decimal import Decimal
from functools import cache
from typing import Any
from unicodedata import category, combining, normalize

from pytest_quantguard.checks._lexicon import MONTHS, fold

FOLDS = ("case", "whitespace", "punctuation")
"""What can be overlooked in a text; and then, whether an umlaut is one character or two."""
NORMS = (*FOLDS, "number", "date", "order")
"""What can be overlooked in a value."""
ORDERS = ("dmy", "mdy")
"""How a day written as 03/01/2026 is meant."""

_MOST_MARKS = 30
_LONGEST_NUMBER = 1_000
_LONGEST_DAY = 40
_HEAD, _GROUP = "[+-]?[1-9][0-9]{0,2}", "[0-9]{3}"
_PLAIN = re.compile(r"[+-]?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?")
# 12,5 and 0,125 and 1234,567, but not 1,234: that is a thousand to some, and about one to others.
_COMMA = re.compile(r"[+-]?(?:0|[1-9][0-9]{3,}|[1-9][0-9]{0,2}(?!,[0-9]{3}$)),[0-9]+")
# Two groups, or one and a decimal sign of the other kind, so that there is one reading.
_GROUPS = (
    (",", re.compile(rf"{_HEAD}(?:(?:,{_GROUP}){{2,}}|,{_GROUP}(?=\.))(?:\.[0-9]+)?")),
    (".", re.compile(rf"{_HEAD}(?:(?:\.{_GROUP}){{2,}}|\.{_GROUP}(?=,))(?:,[0-9]+)?")),
    (" ", re.compile(rf"{_HEAD}(?: {_GROUP})+(?:[.,][0-9]+)?")),
)
_SPACES = re.compile("['\u2019_\u00a0\u2009\u202f]")

_Y, _M, _D = "(?P<y>[0-9]{4})", "(?P<m>[0-9]{1,2})", "(?P<d>[0-9]{1,2})"
_NAME = r"(?P<name>[a-z]{3,12})\.?"
_DAYS = (
    re.compile(rf"{_Y}-{_M}-{_D}(?:[t ]00:00(?::00(?:\.0+)?)?z?)?"),
    re.compile(rf"{_Y}([/.]){_M}\2{_D}"),
    re.compile(rf"{_D}\. ?{_M}\. ?{_Y}"),
    re.compile(rf"{_D}(?:st|nd|rd|th|er|o|\.)?(?: of| de)?[ -]{_NAME},?(?: de| del)?[ -]{_Y}"),
    re.compile(rf"{_NAME} {_D}(?:st|nd|rd|th)?,? {_Y}"),
)
_OPEN = {  # a day that can be read in two ways
    "dmy": re.compile(rf"{_D}([/-]){_M}\2{_Y}"),
    "mdy": re.compile(rf"{_M}([/-]){_D}\2{_Y}"),
}


def number(text: str) -> Decimal | None:
    """Read a number as JSON writes it, or with grouped thousands or a decimal comma.

    None for anything else: for 007, where the zeros may count, and for 1,234, which has two
    readings.

    >>> number("1,234.50"), number("12,5"), number("1,234")
    (Decimal('1234.50'), Decimal('12.5'), None)
    """
    text = text.strip().replace("\u2212", "-")
    if len(text) > _LONGEST_NUMBER:
        return None
    if _PLAIN.fullmatch(text):
        return Decimal(text)
    if _COMMA.fullmatch(text):
        return Decimal(text.replace(",", "."))
    spaced = _SPACES.sub(" ", text)
    for mark, pattern in _GROUPS:
        if pattern.fullmatch(spaced):
            return Decimal(spaced.replace(mark, "").replace(",", "."))
    return None


def day(text: str, order: str | None = None) -> date | None:
    """Read a day in ISO form, with the name of its month, or as 1.3.2026; None for anything else.

    03/01/2026 and 03-01-2026 are read where ``order`` (one of `ORDERS`) says how.
    """
    if len(text) > _LONGEST_DAY:
        return None
    words = " ".join(fold(text).split())
    for pattern in (*_DAYS, *((_OPEN[order],) if order else ())):
        if match := pattern.fullmatch(words):
            return _date(match.groupdict())
    return None


def two_days(text: str) -> bool:
    """Tell whether a text is a day that only an order would make clear."""
    return day(text) is None and any(day(text, order) for order in ORDERS)


def folded(text: str, how: Collection[str]) -> str:
    """Return a text without what is overlooked; ``how`` holds some of `FOLDS`."""
    if not text.isascii() and not set(how).isdisjoint(FOLDS):
        text = composed(text)
    if "punctuation" in how:
        text = _punctuation().sub("", text)
    if "whitespace" in how:
        text = " ".join(text.split())
    return text.casefold() if "case" in how else text


def composed(text: str) -> str:
    """Return a text in Unicode's composed form (NFC): a letter and its marks become one character.

    A text with a longer run of marks than any writing has stays as it is: Python takes time that
    grows with the square of the run. Source of the limit: UAX #15, section 13, Stream-Safe Text
    Format, 30 marks.
    """
    marks = {char for char in set(text) if combining(normalize("NFD", char)[0])}
    run = 0
    for char in text if marks else "":
        run = run + 1 if char in marks else 0
        if run > _MOST_MARKS:
            return text
    return normalize("NFC", text)


def form(value: Any, norms: Collection[str]) -> Hashable:
    """Return the same for JSON values that are the same to somebody who overlooks ``norms``."""
    if isinstance(value, Mapping):
        return "object", frozenset((key, form(item, norms)) for key, item in value.items())
    if isinstance(value, list | tuple):
        items = [form(item, norms) for item in value]
        if "order" in norms:
            return "array", frozenset(Counter(items).items())
        return "array", tuple(items)
    if isinstance(value, str):
        if "date" in norms and (meant := day(value)):
            return "day", meant
        if "number" in norms and (read := number(value)) is not None:
            return "number", read
        return "text", folded(value, norms)
    if isinstance(value, bool) or value is None:
        return "word", value
    return "number", decimal(value)


def decimal(value: float) -> Decimal:
    """Return a number with the digits it is written with."""
    return Decimal(value) if isinstance(value, int) else Decimal(repr(value))


def decimal_of(value: Any) -> Decimal | None:
    """Return the number that a JSON number is, or a text such as "12.50"; else None."""
    if isinstance(value, str):
        return number(value)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return decimal(value) if is_number else None


def _date(parts: dict[str, str | None]) -> date | None:
    name = parts.get("name")
    month = int(parts["m"] or 0) if name is None else MONTHS.get(name, 0)
    try:
        return date(int(parts["y"] or 0), month, int(parts["d"] or 0))
    except ValueError:  # the 30th of February
        return None


@cache
def _punctuation() -> re.Pattern[str]:
    """Match punctuation, but neither what stands between two digits nor a sign before one."""
    marks = re.escape("".join(chr(c) for c in range(0x10000) if category(chr(c))[0] == "P"))
    sign = r"(?<!\w)-[0-9]"
    return re.compile(f"(?<![0-9])(?!{sign})[{marks}]|[{marks}](?![0-9])")
