"""The facts that an answer names: numbers, dates, codes, addresses, names, quotations."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import islice
from typing import Literal

from pytest_quantguard.checks._claims import SOURCE, announces
from pytest_quantguard.checks._entities import addresses, names
from pytest_quantguard.checks._known import SPELLED, Context, with_digits
from pytest_quantguard.checks._quantities import Quantity, quantities
from pytest_quantguard.checks._sentences import sentences

KINDS = ("numbers", "names", "references", "quotes")
"""Kinds of facts, in the order in which they are reported."""

Kind = Literal["numbers", "names", "references", "quotes"]

_FENCED = re.compile(r"^ {0,3}(```|~~~)[^\n]*\n.*?(?:^ {0,3}\1|\Z)", re.MULTILINE | re.DOTALL)
_MARKER = re.compile(r"^[\s>*#_]{0,12}\(?[0-9]{1,3}[.)](?=\s)", re.MULTILINE)
_STEP = re.compile(
    r"\b(?:step|schritt|\u00e9tape|paso|passo|stap|point|punkt|option|example|beispiel) "
    r"[0-9]{1,2}\b",
    re.IGNORECASE,
)
_QUOTED = re.compile(
    "\u201c([^\u201c\u201d\n]{8,600})\u201d|\u201e([^\u201e\u201c\u201d\n]{8,600})[\u201c\u201d]"
    '|\u00ab\\s?([^\u00ab\u00bb\n]{8,600})\u00bb|(?<!\\w)"([^"\n]{8,600})"(?!\\w)'
)
_FEWEST_WORDS = 4
_SMALL = frozenset(map(str, range(21)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One thing that can be looked up in a context."""

    kind: Kind
    text: str
    start: int
    """Where it begins in the answer, in characters from 0."""
    number: Quantity | None = None
    words: tuple[str, ...] = ()


@lru_cache(maxsize=8)
def facts(answer: str) -> tuple[Fact, ...]:
    """Return the facts of an answer in their order; none out of code or labels of sources."""
    text = blanked(answer)
    found = [*_numbers(text), *_names(text), *_addresses(text), *_quotes(text)]
    return tuple(sorted(found, key=lambda fact: fact.start))


def blanked(answer: str) -> str:
    """Blank out what states nothing: code, sources, the numbers of lists and steps."""
    for pattern in (_FENCED, SOURCE, _MARKER, _STEP):
        answer = pattern.sub(lambda found: " " * len(found[0]), answer)
    return answer


def unknown(fact: Fact, known: Context, answer: str) -> bool:
    """Tell whether a fact stands nowhere in the context."""
    if fact.number is not None:
        before = answer[max(0, fact.start - 20) : fact.start]
        return not known.has_number(fact.number, before)
    if fact.kind == "names":
        return not all(map(known.has_word, fact.words))
    if fact.kind == "references":
        return not known.has_address(fact.text)
    return not known.has_quote(fact.text)


def _numbers(text: str) -> Iterator[Fact]:
    every = sorted((*quantities(text), *_spelled(text)), key=lambda one: one.start)
    announced = iter(_announcing(text))
    start, end = next(announced, (len(text), len(text)))
    for one in every:
        while one.start >= end and start < len(text):
            start, end = next(announced, (len(text), len(text)))
        count = one.kind == "number" and one.values <= _SMALL
        if count and start <= one.start < end:  # "Here are 3 points:"
            continue
        code = one.kind in ("identifier", "phone")
        kind: Kind = "references" if code else "numbers"
        yield Fact(kind=kind, text=one.text, start=one.start, number=one)


def _announcing(text: str) -> list[tuple[int, int]]:
    pieces = (piece for piece in sentences(text) if announces(piece.text))
    return [(piece.start, piece.start + len(piece.text)) for piece in pieces]


def _spelled(text: str) -> Iterator[Quantity]:
    """Yield numbers that are written out and have a unit: ``five years``, but not ``two ways``."""
    for match in islice(SPELLED.finditer(text), 5_000):
        piece = text[match.start() : match.end() + 24]
        written = (
            with_digits(piece[: match.end() - match.start()]) + piece[match.end() - match.start() :]
        )
        first = next(iter(quantities(written)), None)
        if first and first.start == 0 and first.units:
            end = match.start() + first.end + len(piece) - len(written)
            yield replace(first, text=text[match.start() : end], start=match.start(), end=end)


def _names(text: str) -> Iterator[Fact]:
    for name in names(text):
        yield Fact(kind="names", text=name.text, start=name.start, words=name.words)


def _addresses(text: str) -> Iterator[Fact]:
    for address in addresses(text):
        yield Fact(kind="references", text=address, start=text.find(address))


def _quotes(text: str) -> Iterator[Fact]:
    for match in islice(_QUOTED.finditer(text), 1_000):
        said = next(filter(None, match.groups()))
        if len(said.split()) >= _FEWEST_WORDS:
            yield Fact(kind="quotes", text=said.strip(), start=match.start())
