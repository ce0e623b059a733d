"""Reading a date or a time of day that stands at a place in a text, whatever its spelling."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pytest_quantguard.checks._lexicon import MONTHS, fold

_YEAR = r"(1[0-9]{3}|2[01][0-9]{2})"
_ISO = re.compile(rf"{_YEAR}([-/.])([01]?[0-9])\2([0-3]?[0-9])(?![0-9])(?:T|(?!\w))")
_ISO_MONTH = re.compile(rf"{_YEAR}-(0[1-9]|1[0-2])(?![\w-])")
_DAY_FIRST = re.compile(
    r"([0-3]?[0-9])([./-])\s?([01]?[0-9])\2\s?"
    r"(1[0-9]{3}|2[01][0-9]{2}|(?<=[0-9]{2}[./-][0-9]{2}[./-])[0-9]{2})(?!\w|[./-][0-9])"
)
_DAY_MONTH = re.compile(r"([0-3]?[0-9])\.([01]?[0-9])\.(?=\s[a-z0-9(])")
_CJK = re.compile(
    r"([12][0-9]{3})\s?[\u5e74\ub144]\s?([01]?[0-9])\s?[\u6708\uc6d4]\s?"
    r"([0-3]?[0-9])\s?[\u65e5\uc77c]"
)
_NAMED = re.compile(
    r"([0-3]?[0-9])(?:st|nd|rd|th|er|\.|[\u00ba\u00aa])?[\s-](?:of\s|de\s|di\s)?([^\W\d_]{3,12})\.?"
    rf"(?:,?[\s-](?:de\s|del\s|do\s|of\s)?{_YEAR}(?!\w))?"
)
_MONTH_BEFORE = re.compile(r"(?<![^\W_])([^\W\d_]{3,12})\.?[ \u00a0-](?:de |del )?$")
_AFTER_MONTH = re.compile(
    rf"(?:{_YEAR}(?![\w]|[.,][0-9])|([0-3]?[0-9])(?:st|nd|rd|th)?(?![\w]|[.,:][0-9])"
    rf"(?:,?\s{{1,3}}{_YEAR}(?![\w]|[.,][0-9]))?)"
)
_TIME = re.compile(
    r"([01]?[0-9]|2[0-4])(?::([0-5][0-9])(?::[0-5][0-9])?|h([0-5][0-9])"
    r"|\.([0-5][0-9])(?=\s?(?:Uhr|[ap]\.?m\b)))(?![0-9:])(?:\s?([AaPp])\.?[Mm]\b)?"
    r"|(1[0-2]|[1-9])\s?([AaPp])\.?[Mm]\b|(2[0-4]|1?[0-9])\s(?:Uhr|o'clock)\b"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A date or a time of day, as found."""

    start: int
    end: int
    values: frozenset[str]
    """``2026-03-01``, ``2026-03``, ``--03-01`` without a year, ``14:30``; several when unclear."""


def date_at(text: str, at: int) -> Moment | None:
    """Return the date whose first digit stands at ``at``, or None."""
    return _numeric(text, at) or _month_before(text, at) or _named(text, at)


def time_at(text: str, at: int) -> Moment | None:
    """Return the time of day that begins at ``at``, or None."""
    found = _TIME.match(text, at)
    if found is None:
        return None
    hour, minute, minute_h, minute_dot, half, hour_half, half_only, full = found.groups()
    minutes = minute or minute_h or minute_dot or "00"
    number = int(hour or hour_half or full)
    half = (half or half_only or "").lower()
    if half:
        number = number % 12 + (12 if half == "p" else 0)
    value = f"{number:02}:{minutes}"
    return Moment(start=at, end=found.end(), values=frozenset({value}))


def _numeric(text: str, at: int) -> Moment | None:
    if found := _ISO.match(text, at) or _CJK.match(text, at):
        groups = found.groups()
        return _moment(at, found.end(), {_date(groups[0], groups[-2], groups[-1])})
    if found := _ISO_MONTH.match(text, at):
        return _moment(at, found.end(), {f"{found[1]}-{found[2]}"})
    if found := _DAY_FIRST.match(text, at):
        first, mark, second, year = found.groups()
        years = [year] if len(year) == 4 else [f"20{year}", f"19{year}"]
        values = {_date(y, second, first) for y in years}
        if mark != ".":  # 03/04/2026: the reader's country decides
            values |= {_date(y, first, second) for y in years}
        return _moment(at, found.end(), values)
    if found := _DAY_MONTH.match(text, at):
        return _moment(at, found.end(), {_date("-", found[2], found[1])})
    return None


def _month_before(text: str, at: int) -> Moment | None:
    """Read ``March 1, 2026``, ``March 1`` and ``March 2026`` from the first digit on."""
    name = _MONTH_BEFORE.search(text, max(0, at - 24), at)
    found = _AFTER_MONTH.match(text, at)
    month = _month(name[1]) if name else 0
    if not (name and found and month):
        return None
    year, day, day_year = found.groups()
    if not year and not name[1][0].isupper():  # "marzo de 2026" is a date, "may 5" is none
        return None
    value = f"{year}-{month:02}" if year else _date(day_year or "-", str(month), day)
    return _moment(name.start(1), found.end(), {value})


def _named(text: str, at: int) -> Moment | None:
    found = _NAMED.match(text, at)
    month = _month(found[2]) if found else 0
    if not found or not month or found[2] in ("may", "march"):  # "section 3 may apply"
        return None
    return _moment(at, found.end(), {_date(found[3] or "-", str(month), found[1])})


def _month(name: str) -> int:
    return MONTHS.get(fold(name), 0)


def _date(year: str, month: str, day: str) -> str:
    if not (1 <= int(month) <= 12 and 1 <= int(day) <= 31):
        return ""
    return f"{year}-{int(month):02}-{int(day):02}"


def _moment(start: int, end: int, values: set[str]) -> Moment | None:
    real = frozenset(value for value in values if value)
    return Moment(start=start, end=end, values=real) if real else None
