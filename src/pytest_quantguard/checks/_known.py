"""What a context says: its words, numbers, addresses and sentences, ready to be looked up."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from pytest_quantguard.checks._citations import plain_url
from pytest_quantguard.checks._entities import addresses, names
from pytest_quantguard.checks._given import given
from pytest_quantguard.checks._lexicon import NO_NAMES, UNITS, fold
from pytest_quantguard.checks._quantities import Quantity, agrees, quantities
from pytest_quantguard.checks._sentences import sentences
from pytest_quantguard.checks._small_words import NUMBER_WORDS, ONE, STOP
from pytest_quantguard.types import GoldenCase

LONGEST_CONTEXT = 2_000_000
"""Longest context that is read, in characters."""
LONGEST_ANSWER = 200_000
"""Longest answer that is judged, in characters."""

_UNITS = 50_000
_COMMON = 2_000
_WORD = re.compile(r"[^\W\d_]+")
_HAN = re.compile("[\u3040-\u30ff\u3400-\u9fff]+")


def _any_of(words: Iterable[str]) -> str:
    """Return a pattern of one of these words, at its beginning.

    The letters with which they begin stand in front: most places are none of a hundred words, and
    this tells it at once.
    """
    ordered = sorted(words, key=len, reverse=True)
    letters = "".join(sorted({word[0] for word in ordered}))
    return rf"(?<![\w'-])(?=[{letters}])(?:{'|'.join(ordered)})"


_UMLAUTS = ("f\u00fcnf", "zw\u00f6lf", "drei\u00dfig", "f\u00fcnfzehn", "f\u00fcnfzig", "tr\u00eas")
SPELLED = re.compile(rf"{_any_of((*NUMBER_WORDS, *_UMLAUTS))}(?![\w'-])", re.IGNORECASE)
_ONE = re.compile(rf"{_any_of(ONE)}(?=\s([^\W\d_]{{3,16}}))", re.IGNORECASE)
_COUNTED = frozenset(UNITS) - {"second", "seconde"}
_ABOUT = re.compile(
    r"(?:about|around|approximately|approx\.?|roughly|nearly|almost|some|circa|ca\.?|etwa|rund"
    r"|ungef\u00e4hr|knapp|fast|environ|pr\u00e8s de|unos|unas|aproximadamente|cerca de|quasi"
    r"|ongeveer|~|\u2248)\s?$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """A sentence, item, row or heading of a context."""

    text: str
    heading: bool
    stems: frozenset[str]
    numbers: tuple[Quantity, ...]
    names: frozenset[str]
    """The words in it that are part of a name anywhere in the context, folded."""


def with_digits(text: str) -> str:
    """Write the numbers from two to sixty as digits where they are spelled out.

    One is a number only in front of a unit: *one litre*, but not *one of them*.
    """
    text = SPELLED.sub(lambda found: str(NUMBER_WORDS[fold(found[0])]), text)
    return _ONE.sub(lambda found: "1" if fold(found[1]) in _COUNTED else found[0], text)


def content_words(text: str) -> dict[str, str]:
    """Return the content words of a text by their stem, in their order.

    A stem is the first five letters: that makes *weighs* and *weight* one word, in every language
    alike (truncation stemming). Of Chinese and Japanese every two neighbouring characters count as
    a word.
    """
    folded = fold(text)
    found: dict[str, str] = {}
    for word in _WORD.findall(folded):
        if len(word) > 1 and word not in STOP:
            found.setdefault(_stem(word), word)
    for run in _HAN.findall(folded):
        found.pop(_stem(run), None)
        found.update((run[at : at + 2],) * 2 for at in range(len(run) - 1))
    return found


def _stem(word: str) -> str:
    if len(word) > 3 and word.endswith("s") and not word.endswith("ss"):
        word = word[:-1]
    return word[:5]


def without_numbers(text: str, found: Iterable[Quantity], start: int = 0) -> str:
    """Blank out quantities with their units; ``start`` is where the text begins in theirs."""
    parts, at = [], 0
    for one in found:
        first, last = one.start - start, one.end - start
        if first >= at:
            parts += [text[at:first], " " * (last - first)]
            at = last
    return "".join([*parts, text[at:]])


# Plural, genitive; and what belongs to a place: Norway, Norwegian.
_ENDINGS = ("s", "es", "e", "n", "en", "ns", "er", "in", "a")
_OF_PLACES = (
    "an",
    "ans",
    "ish",
    "ese",
    "isch",
    "ische",
    "ischen",
    "ien",
    "ienne",
    "ano",
    "ana",
    "er",
)


class Context:
    """A context, read once and looked up often."""

    def __init__(self, text: str) -> None:
        self.text = with_digits(text)
        self.numbers = quantities(self.text)
        self.words = frozenset(_WORD.findall(fold(text)))

    @cached_property
    def values(self) -> dict[str, list[Quantity]]:
        """The quantities by what they may stand for; years and days of dates by themselves too."""
        found: dict[str, list[Quantity]] = {}
        for one in self.numbers:
            for value in one.values:
                found.setdefault(value.lstrip("-"), []).append(one)
        return found

    @cached_property
    def running(self) -> str:
        """All its words, folded, with one blank between them."""
        return f" {' '.join(running_words(self.text))} "

    @cached_property
    def addresses(self) -> frozenset[str]:
        """Its URLs and mail addresses, in one spelling."""
        return frozenset(map(one_address, addresses(self.text)))

    @cached_property
    def name_words(self) -> frozenset[str]:
        """The words of its names, folded."""
        every = (word for name in names(self.text) for word in name.words)
        return frozenset(part for word in every for part in _WORD.findall(fold(word)))

    # --- sentences -------------------------------------------------------------------------------

    @cached_property
    def units(self) -> Sequence[Unit]:
        """Its sentences, at most 50,000."""
        return list(self._units())

    def _units(self) -> Iterator[Unit]:
        at = 0
        for piece in sentences(self.text, _UNITS):
            end = piece.start + len(piece.text)
            first = at
            while at < len(self.numbers) and self.numbers[at].start < end:
                at += 1
            inside = tuple(one for one in self.numbers[first:at] if one.start >= piece.start)
            bare = without_numbers(piece.text, inside, piece.start)
            yield Unit(
                text=piece.text,
                heading=piece.kind == "heading",
                stems=frozenset(content_words(bare)),
                numbers=inside,
                names=self.name_words.intersection(_WORD.findall(fold(piece.text))),
            )

    @cached_property
    def places(self) -> dict[str, list[int]]:
        """The units in which each stem stands, by index."""
        found: dict[str, list[int]] = {}
        for at, unit in enumerate(self.units):
            for stem in unit.stems:
                found.setdefault(stem, []).append(at)
        return found

    def rarity(self, stem: str) -> float:
        """Weigh a stem by how few units it stands in (inverse document frequency)."""
        return math.log(1 + len(self.units) / max(1, len(self.places.get(stem, ()))))

    def common(self, stem: str) -> bool:
        """Tell whether a stem stands in so many units that it tells none of them."""
        return len(self.places.get(stem, ())) > _COMMON

    def scores(self, wanted: Iterable[str]) -> dict[int, float]:
        """Weigh the units by which of these stems they hold; the commonest stems are left out."""
        found: dict[int, float] = {}
        for stem in wanted:
            there = self.places.get(stem, ())
            if len(there) <= _COMMON:
                weight = self.rarity(stem)
                for at in there:
                    found[at] = found.get(at, 0.0) + weight
        return found

    @cached_property
    def holders(self) -> dict[str, list[int]]:
        """The units in which each value stands, by index."""
        found: dict[str, list[int]] = {}
        for at, unit in enumerate(self.units):
            for value in {value for one in unit.numbers for value in one.values}:
                found.setdefault(value, []).append(at)
        return found

    # --- facts -----------------------------------------------------------------------------------

    def has_number(self, one: Quantity, before: str = "") -> bool:
        """Tell whether a quantity stands in the context; ``before`` is the text in front of it.

        Signs are passed over, part of a date is enough, and behind a word such as *about* it may
        be rounded.
        """
        if one.kind in ("identifier", "phone"):
            return self.has_code(one)
        bare = [value.lstrip("-") for value in one.values]
        near = (other for value in bare for other in self.values.get(value, ()))
        if any(_units_agree(one, other) for other in near):
            return True
        if bare == ["1"] and not one.units and not self.words.isdisjoint(ONE):
            return True
        if one.kind == "date":
            return any(_part_of_date(value, self._dates) for value in one.values)
        if not one.units and not self._dates.isdisjoint(f"#{value}" for value in bare):
            return True
        return bool(before and _ABOUT.search(before[-20:])) and self._rounded(one)

    def has_code(self, one: Quantity) -> bool:
        """Tell whether an identifier or a telephone number stands in the context."""
        if any(value in self.values for value in one.values):
            return True
        same = (other for other in self.numbers if other.kind == one.kind == "phone")
        return any(agrees(one, other) for other in same) or self._written(one.text)

    def _written(self, text: str) -> bool:
        words = " ".join(running_words(text))
        return bool(words) and f" {words} " in self.running

    @cached_property
    def _dates(self) -> frozenset[str]:
        """Dates, and their years and days as ``#2026`` and ``#1``."""
        dates = {value for one in self.numbers if one.kind == "date" for value in one.values}
        parts = {part.lstrip("0") for date in dates for part in (date[:4], date[8:])}
        return frozenset(dates | {f"#{part}" for part in parts if part.isdecimal()})

    def _rounded(self, one: Quantity) -> bool:
        for other in self.numbers:
            if other.kind == one.kind or not other.units or not one.units:
                for value in one.values:
                    if any(_close(value, exact) for exact in other.values):
                        return _units_agree(one, other)
        return False

    def has_word(self, word: str) -> bool:
        """Tell whether a word of a name stands in the context, in any form."""
        folded = fold(word)
        return folded in NO_NAMES or all(map(self._has_form, _WORD.findall(folded)))

    def _has_form(self, word: str) -> bool:
        if word in self.words or any(word + ending in self.words for ending in _ENDINGS):
            return True
        if any(word.removesuffix(ending) in self.words for ending in _ENDINGS):
            return True
        return word.endswith(_OF_PLACES) and word[:4] in self._beginnings

    @cached_property
    def _beginnings(self) -> frozenset[str]:
        return frozenset(word[:4] for word in self.words)

    def has_address(self, address: str) -> bool:
        """Tell whether a URL or a mail address stands in the context."""
        return one_address(address) in self.addresses

    def has_quote(self, quoted: str) -> bool:
        """Tell whether a quotation stands in the context, word by word."""
        return self._written(with_digits(quoted))


def read_by(case: GoldenCase, instead: Sequence[str] = ()) -> str:
    """Return what answers are compared with: these texts, else what the model was given to read."""
    return "\n\n".join(instead) if instead else given(case)


def nothing_to_know(text: str) -> str:
    """Say in one sentence why a text cannot be a context; empty when it can."""
    if len(text) > LONGEST_CONTEXT:
        return (
            f"the context has {len(text)} characters, and at most {LONGEST_CONTEXT} are read; give "
            "the part that matters as `context`"
        )
    if not any(char.isalnum() for char in text):
        return "the prompt holds no text that an answer could be compared with; give `context`"
    return ""


def too_long(text: str) -> str:
    """Return the violation of an answer that is not read."""
    return f"the answer has {len(text)} characters; at most {LONGEST_ANSWER} are read"


@lru_cache(maxsize=4)
def context(text: str) -> Context:
    """Return a text as a context; the same object for the same text."""
    return Context(text)


def running_words(text: str) -> list[str]:
    """Return the words and numbers of a text, folded, without any punctuation."""
    return re.findall(r"[^\W_]+", fold(text).replace("'", ""))


def one_address(address: str) -> str:
    """Return an address in one spelling: no scheme, no ``www``, no final slash."""
    if "@" in address and "://" not in address:
        return address.casefold()
    full = address if "://" in address else f"https://{address}"
    return plain_url(full).partition("://")[2].removeprefix("www.")


def _units_agree(one: Quantity, other: Quantity) -> bool:
    return not (one.units and other.units and one.units.isdisjoint(other.units))


def _part_of_date(value: str, dates: frozenset[str]) -> bool:
    """A day without a year, or a month, is known when a whole date holds it."""
    if value.startswith("--"):
        return any(date.endswith(value[1:]) for date in dates)
    return any(date.startswith(value) for date in dates)


def _close(rounded: str, exact: str) -> bool:
    try:
        one, other = float(rounded[:300]), float(exact[:300])
    except ValueError:  # a date or a time
        return False
    return other != 0 and abs(one - other) <= 0.06 * abs(other)
