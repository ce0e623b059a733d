"""Finding numbers, amounts, dates and phone numbers in text, whatever their spelling.

A quantity holds every value that its spelling may stand for: ``1,234`` is 1234 for some readers
and 1.234 for others. Two spellings agree when they have a value in common and their units do not
contradict each other. Nothing is converted: 1 kg is not 1000 g.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Literal

from pytest_quantguard.checks._dates import date_at, time_at
from pytest_quantguard.checks._lexicon import CURRENCIES, MONTHS, PERCENT, SCALES, UNITS, fold

MOST = 50_000
"""Quantities that are found in one text; the rest of it is not looked at."""

Kind = Literal["number", "amount", "percentage", "measure", "date", "time", "phone", "identifier"]

_SIGNS = "$\u20ac\u00a3\u00a5\u20b9\u20a9\u20bd"
_DIGIT = re.compile(r"[0-9]")
_ADDRESS = re.compile(
    r"(?:https?://|www\.)[^\s<>\"]{1,2000}|[\w.+-]{1,64}@[\w-]{1,63}\.[\w.-]{1,190}"
)
_SPACED = re.compile(
    r"[1-9][0-9]{0,2}(?:([ \u00a0\u202f\u2009'\u2019_])[0-9]{3})(?:\1[0-9]{3})*+"
    r"(?:[.,][0-9]{1,9})?(?![0-9])"
)
_NUMBER = re.compile(r"[0-9]++(?:[.,'\u2019_][0-9]++){0,12}+")
_RUN = re.compile(r"[0-9]+")
_PHONE = re.compile(
    r"\+[1-9][0-9]{0,2}(?:[ ./\u00a0-]{0,2}\(?[0-9]{1,8}\)?){1,7}"
    r"|00[1-9][0-9]{1,2}(?:[ /\u00a0-]{1,2}\(?[0-9]{1,8}\)?){1,7}"
    r"|\(?0[0-9]{1,5}\)?[ /\u00a0-]{1,2}[0-9]{2,9}(?:[ \u00a0-][0-9]{1,6}){0,4}"
    r"|\(?[2-9][0-9]{2}\)?[ .-][0-9]{3}[ .-][0-9]{4}"
)
_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?(?![A-Za-z0-9])")
_CARD = re.compile(r"[0-9]{4}([ -])[0-9]{4}(?:\1[0-9]{4}){1,3}(?![0-9])")
_TOKEN = re.compile(r"[A-Za-z0-9]++(?:[-_/.][A-Za-z0-9]++)*+")
_LETTERS_AND_DIGITS = "".join(map(chr, (*range(48, 58), *range(65, 91), *range(97, 123))))
_JOINTS = "-_/."
_DECADE = re.compile(r"[12][0-9]{2}0s")
_COUNTED = re.compile(r"([0-9]+(?:[.,][0-9]+)*)([A-Za-z]{0,16})")
_PREFIXES = frozenset(("mid", "pre", "post", "non", "sub", "early", "late", "top", "under", "over"))
_BEFORE = re.compile(rf"(US\$|R\$|[{_SIGNS}]|\b[A-Z]{{3}}|\b(?:Fr|kr|Rs)\.?)[ \u00a0]?$")
_AFTER = re.compile(
    rf"(?:[ \u00a0\u202f-]|\n {{0,8}})?(km/h|US\$|R\$|[{_SIGNS}](?![0-9])|%|\u00b0[CF]?"
    r"|per ?cent\b|por ciento\b|pro cent\b"
    r"|per cento\b|[^\W\d_]{1,16}[\u00b2\u00b323]?(?![^\W_]))"
)
_BETWEEN = re.compile(r"\.|\s(?:de|di|d')(?=\s?\w)")  # "3 Mio. Euro", "2 millones de euros"
_ORDINALS = frozenset(("st", "nd", "rd", "th", "er", "re", "eme", "e", "o", "a", "ste", "de", "x"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """A number with what belongs to it."""

    kind: Kind
    text: str
    """As written, with sign, currency and unit."""
    start: int
    end: int
    values: frozenset[str]
    """What it may stand for, in a spelling of our own: ``-1234.5``, ``2026-03-01``, ``14:30``."""
    units: frozenset[str] = frozenset()
    """What its unit or currency may be; empty when none is written."""


def agrees(one: Quantity, other: Quantity) -> bool:
    """Tell whether two quantities may be the same."""
    if one.units and other.units and one.units.isdisjoint(other.units):
        return False
    if one.kind == other.kind == "phone":
        return any(_same_line(a, b) for a in one.values for b in other.values)
    return not one.values.isdisjoint(other.values)


def _same_line(one: str, other: str) -> bool:
    """Compare phone numbers: a national one is the end of an international one."""
    short, long = sorted((one, other), key=len)
    return long.endswith(short) and (len(short) >= 7 or one == other)


@lru_cache(maxsize=8)
def quantities(text: str) -> tuple[Quantity, ...]:
    """Return the quantities of a text in their order, at most `MOST`; none out of an address."""
    return tuple(islice(_quantities(text), MOST))


def _quantities(text: str) -> Iterator[Quantity]:
    bare = _ADDRESS.sub(lambda found: " " * len(found[0]), text)
    at = 0
    while digit := _DIGIT.search(bare, at):
        for found in _at(bare, digit.start(), at):
            yield found
            at = found.end


def _at(text: str, at: int, floor: int) -> list[Quantity]:
    """Read what the digit at ``at`` belongs to; it begins at ``floor`` or later."""
    start = at
    window = text[max(floor, at - 64) : at]
    glued = window[len(window.rstrip(_LETTERS_AND_DIGITS + _JOINTS)) :].lstrip(_JOINTS)
    if not glued:
        moment = date_at(text, at) or time_at(text, at)
        if moment and moment.start >= floor:
            kind: Kind = "time" if ":" in min(moment.values) else "date"
            found = _quantity(kind, text, (moment.start, moment.end), moment.values)
            return [found]
        if phone := _phone(text, at, floor):
            return [phone]
    for start, pattern in ((at - len(glued), _IBAN), (at, _CARD)):
        code = pattern.match(text, start)
        if code and (glued if pattern is _IBAN else not glued):
            value = code[0].replace(" ", "").replace("-", "")
            return [_quantity("identifier", text, (start, code.end()), {value.lower()})]
    token = _TOKEN.match(text, at - len(glued))
    if token and _is_identifier(token[0]):
        return [_quantity("identifier", text, token.span(), {token[0].lower()})]
    return _numbers(text, at, floor)


def _quantity(
    kind: Kind,
    text: str,
    span: tuple[int, int],
    values: Iterable[str],
    units: Iterable[str] = (),
) -> Quantity:
    start, end = span
    return Quantity(
        kind=kind,
        text=text[start:end].strip(),
        start=start,
        end=end,
        values=frozenset(values),
        units=frozenset(units),
    )


# --- identifiers and telephone numbers ----------------------------------------------------------


def _is_identifier(token: str) -> bool:
    """Tell ``88213-A``, ``INV-2024-17``, ``v1.2`` and ``10.0.0.1`` from ``30-day`` and ``5kg``."""
    if token.isdecimal():
        return False
    parts = re.split(r"[-_/.]", token[:200])
    if token.replace(".", "").isdigit():
        return len(parts) > 2 and _readings(token) is None
    if all(part.isdigit() for part in parts):
        return len(parts) > 2
    if parts[0] in _PREFIXES or fold(parts[0]) in MONTHS:
        return False
    money = token[:3].lower() in CURRENCIES and token[:3].isupper() and token[3:4].isdigit()
    return not money and not (token[0].isdigit() and all(map(_is_counted, _pieces(token))))


def _pieces(token: str) -> list[str]:
    return re.split(r"[-/]|\.(?![0-9])", token[:200])


def _is_counted(piece: str) -> bool:
    """Tell whether a piece of a token is a number with or without its unit, or a plain word."""
    found = _COUNTED.fullmatch(piece)
    if found is None:
        return len(piece) > 1 and piece.isalpha() and piece[1:].islower()
    word = fold(found[2])
    return not word or word in _ORDINALS or any(word in table for table in _AFTER_NUMBERS)


_AFTER_NUMBERS = (UNITS, SCALES, CURRENCIES, PERCENT)


def _phone(text: str, at: int, floor: int) -> Quantity | None:
    start = at
    while start > max(floor, at - 2) and text[start - 1] in "+(":
        start -= 1
    found = _PHONE.match(text, start)
    if found is None or text[found.end() : found.end() + 1].isalnum():
        return None
    digits = "".join(_RUN.findall(found[0].replace("(0)", "")))
    far = found[0].startswith(("+", "00"))
    if not (8 if far else 7) <= len(digits.lstrip("0")) + (not far) <= 16:
        return None
    spaced = _SPACED.match(text, at)
    if spaced and spaced.end() == found.end():  # "+12 500 000" is no telephone
        return None
    return _quantity("phone", text, (start, found.end()), {digits.lstrip("0")})


# --- numbers ------------------------------------------------------------------------------------


def _numbers(text: str, at: int, floor: int) -> list[Quantity]:
    """Read a number; several where its separators make no sense in one: ``1,2,3``."""
    token = _SPACED.match(text, at) or _NUMBER.match(text, at)
    assert token is not None  # noqa: S101 - a digit stands here
    readings = _readings(token[0])
    if readings is None:
        runs = _RUN.finditer(text, at, token.end())
        return [_quantity("number", text, run.span(), {run[0].lstrip("0") or "0"}) for run in runs]
    start = at
    before = _BEFORE.search(text, max(floor, at - 6), at)
    money = CURRENCIES.get(fold(before[1]).rstrip("."), frozenset()) if before else frozenset()
    if before and money:
        start = before.start()
    sign = start > floor and text[start - 1] in "-\u2212"
    if sign and (start == 1 or text[start - 2] in " \t\n(=:,;|"):
        start -= 1
        readings = [f"-{value}" for value in readings]
    end, shift, units = _suffix(text, token.end(), money)
    kind: Kind = "number"
    if units:
        kind = "percentage" if "%" in units else "amount" if units & _MONEY else "measure"
    values = {_shifted(value, shift) for value in readings}
    return [_quantity(kind, text, (start, end), values, units)]


_MONEY = frozenset().union(*CURRENCIES.values()) - {"lb"}


def _suffix(text: str, end: int, money: frozenset[str]) -> tuple[int, int, frozenset[str]]:
    """Read what stands behind a number: where it ends, its power of ten, its units."""
    shift = 0
    for _ in range(2):
        between = _BETWEEN.match(text, end) if shift else None
        found = _AFTER.match(text, between.end() if between else end)
        if found is None:
            break
        written = found[1].replace(" ", "")
        word = fold(written)
        scale = 6 if written == "M" or (word == "m" and money) else SCALES.get(word, 0)
        if scale and not shift and (word != "k" or found.start() == found.start(1)):
            shift, end = scale, found.end()
            continue
        if units := money or _units(word, written, text[end - 4 : found.end()]):
            return (end if money else found.end()), shift, units
        break
    return end, shift, money


def _units(word: str, written: str, around: str) -> frozenset[str]:
    if word in PERCENT or word in ("percent", "porciento", "procent", "percento"):
        return frozenset("%")
    if word in CURRENCIES:
        return CURRENCIES[word]
    if _DECADE.fullmatch(around) or (len(written) == 1 and written not in "gtmlshWVA\u00b0"):
        return frozenset()
    return frozenset({UNITS[word]} if word in UNITS else ())


def _readings(token: str) -> list[str] | None:
    """Return what a number may stand for, or None when its separators fit no number."""
    if token.isdecimal():
        return [token.lstrip("0") or "0"]
    marks = re.sub("[0-9]", "", token)
    groups = re.split("[^0-9]", token)
    grouped = (
        1 <= len(groups[0]) <= 3
        and groups[0][0] != "0"
        and (all(len(group) == 3 for group in groups[1:]) or _indian(groups))
    )
    whole = "".join(groups)
    if len(set(marks)) == 1 and len(marks) > 1:
        return [whole] if grouped else None
    if len(marks) == 1:
        if marks == "," and len(groups[1]) > 6:  # "88213,4711000012" is a list
            return None
        decimal = [_decimal(*groups)] if marks in ".," else []
        return decimal + ([whole] if grouped else []) or None
    # Several kinds of separators: the last one is the decimal mark, the others set groups apart.
    head, _, tail = token.rpartition(marks[-1])
    if marks[-1] not in ".," or len(set(marks[:-1])) != 1 or marks[-1] == marks[0]:
        return None
    inner = _readings(head) if len(marks) > 2 else _grouped_once(head)
    return [_decimal(inner[-1], tail)] if inner else None


def _indian(groups: list[str]) -> bool:
    """``12,34,567``: three digits at the end, two in each group before it."""
    return len(groups[-1]) == 3 and all(len(group) == 2 for group in groups[1:-1])


def _grouped_once(head: str) -> list[str] | None:
    first, second = re.split("[^0-9]", head)
    return [first + second] if len(second) == 3 and 1 <= len(first) <= 3 else None


def _decimal(whole: str, part: str) -> str:
    whole, part = whole.lstrip("0") or "0", part.rstrip("0")
    return f"{whole}.{part}" if part else whole


def _shifted(value: str, shift: int) -> str:
    """Multiply by a power of ten; done on text, as a number of a text may have 10,000 digits."""
    if not shift:
        return value
    sign, bare = ("-", value[1:]) if value.startswith("-") else ("", value)
    whole, _, part = bare.partition(".")
    part = part.ljust(shift, "0")
    return sign + _decimal(whole + part[:shift], part[shift:])
