"""Names, addresses and identifiers survive letter by letter."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from pytest_quantguard.checks import _params
from pytest_quantguard.checks._entities import (
    addresses,
    altered,
    distance,
    identifiers,
    letter_note,
    names,
)
from pytest_quantguard.checks._given import PLACES, given, holder
from pytest_quantguard.checks._lexicon import fold, normalized
from pytest_quantguard.checks._text import capped, listed, quote
from pytest_quantguard.errors import CheckError
from pytest_quantguard.types import Completion, GoldenCase, Outcome

KINDS = ("names", "addresses", "identifiers")
"""What `kinds` may name."""

_LOOKED_AT = 300_000
_MARKS = " \"'(_#\u201c\u201e\u00ab"
_WORD = re.compile(r"(?<![\w@])[^\W\d_]++(?:['-][^\W\d_]++)*+(?![\w@])")


@dataclass(frozen=True, slots=True, kw_only=True)
class EntitiesPreserved:
    """Names, addresses and identifiers of the prompt are written in the answer as in the prompt.

    Two things violate it: a ``required`` name is not there, and a name, URL, mail address or
    identifier of the prompt stands in the answer almost, but not quite, as it was given. A name
    that is like none of the prompt's is nobody's alteration: that is for ``hallucination``. The
    answer is the text together with the arguments of all tool calls, its first 300,000 characters.

    Names are told by their capitals, in languages with Latin letters: not at the start of a
    sentence, and in German only those of several words, with a title, or with unusual capitals.
    Where that is not enough, list them. Endings are no alteration (Berlin's, Germans), short names
    (below five letters) only with another accent.

    Parameters:
        required: names that have to be there, letter by letter; a genitive s may follow.
        kinds: what is looked for in the prompt, one or several of ``names``, ``addresses`` (URLs
            and mail addresses) and ``identifiers`` (88213-A, an IBAN). Default: all.
        least: share of what was found in the prompt that has to be in the answer too, above 0 and
            at most 1. Without it an answer need not repeat a name.
        given_in: ``user`` looks into the user's messages, ``prompt`` into the system's and the
            tools' too.

    Example:
        expect:
          - entities_preserved: ["Anna Kowalska", "Müller & Söhne"]
          - entities_preserved                       # nothing of the prompt is misspelled
          - entities_preserved: {least: 1.0, kinds: [names, addresses], given_in: prompt}

    Quantized models typically lose accents and rare letters: ``"Müller" became "Muller" (letter 2:
    "ü" became "u")``.
    """

    key: ClassVar[str] = "entities_preserved"
    shorthand: ClassVar[str | None] = "required"

    required: Sequence[str] = ()
    kinds: Sequence[str] = KINDS
    least: float | None = None
    given_in: str = "user"

    def __post_init__(self) -> None:
        required = _params.texts("required", self.required)
        for name in required:
            if not any(char.isalnum() for char in name):
                raise ValueError(f"`required` holds a name without a letter, got {name!r:.80}")
        kinds = _params.texts("kinds", self.kinds)
        for kind in kinds:
            _params.one_of("kinds[]", kind, KINDS)
        if not kinds:
            raise ValueError(f"`kinds` is an empty list; name one of {', '.join(KINDS)}")
        _params.number("least", self.least, most=1.0)
        _params.one_of("given_in", self.given_in, PLACES)
        object.__setattr__(self, "required", required)
        object.__setattr__(self, "kinds", kinds)

    def misfit(self, case: GoldenCase) -> str:
        """Say so when there is no name that could be lost."""
        return self._nothing(case) if case.request.messages else ""  # a test may ask later

    def _nothing(self, case: GoldenCase) -> str:
        if self.required or self._given(case):
            return ""
        return (
            f"{holder(self.given_in)} nothing that looks like one of {listed(self.kinds)}, so "
            "nothing can be lost; list the names as `required`"
        )

    def __call__(self, completion: Completion, case: GoldenCase) -> Outcome:
        """Judge text and arguments.

        Raises:
            CheckError: when there is no name that could be lost.
        """
        if nothing := self._nothing(case):
            raise CheckError(nothing)
        parts = [completion.text, *(call.arguments_text for call in completion.tool_calls)]
        answer = _plain("\n".join(parts)[:_LOOKED_AT])
        return Outcome.of(capped(self._violations(answer, case)))

    def _violations(self, answer: str, case: GoldenCase) -> Iterator[str]:
        given = self._given(case)
        wrong = dict(self._altered(answer, case))
        for name in self.required:
            if not _stands(name, answer):
                yield f"{quote(name)} is lost{_closest(name, answer)}"
        for got, expected in wrong.items():
            if not any(expected in name for name in self.required if not _stands(name, answer)):
                yield f"{quote(expected)} became {quote(got)}{letter_note(expected, got)}"
        if self.least is not None and given:
            lost = [name for name in given if not _stands(name, answer)]
            if len(given) - len(lost) < self.least * len(given):
                yield (
                    f"{len(given) - len(lost)} of {len(given)} names of the prompt are there, at "
                    f"least {self.least:.0%} are needed; lost: {listed(lost)}"
                )

    def _given(self, case: GoldenCase) -> list[str]:
        prompt = self._prompt(case)
        found: list[str] = []
        if "names" in self.kinds:
            found += [name.text for name in names(prompt)]
        if "addresses" in self.kinds:
            found += addresses(prompt)
        if "identifiers" in self.kinds:
            found += identifiers(prompt)
        return list(dict.fromkeys(found))

    def _prompt(self, case: GoldenCase) -> str:
        return _plain(given(case, self.given_in))

    def _altered(self, answer: str, case: GoldenCase) -> Iterator[tuple[str, str]]:
        """Yield what stands in the answer, and what it was in the prompt."""
        prompt = self._prompt(case)
        if "names" in self.kinds:
            known = {word.casefold() for word in _WORD.findall(prompt)}
            originals = [word for name in names(prompt) for word in name.words]
            required = [word for name in self.required for word in _WORD.findall(_plain(name))]
            known.update(word.casefold() for word in required)
            there = set(_WORD.findall(answer))
            slips = altered([*originals, *required], _suspects(answer, known))
            for got, expected in slips.items():
                # A short name that is there has neighbours by chance: Stone, and the App Store.
                if len(expected) > 5 or expected not in there or fold(expected) == fold(got):
                    yield got, expected
        codes: list[tuple[list[str], list[str]]] = []
        if "addresses" in self.kinds:
            codes.append((addresses(prompt), addresses(answer)))
        if "identifiers" in self.kinds:
            codes.append((identifiers(prompt), identifiers(answer)))
        for originals, found in codes:
            yield from _slips(originals, found)


def _suspects(answer: str, known: set[str]) -> Iterator[tuple[str, bool]]:
    """Yield capitalised words the prompt lacks, and whether every word has a capital there."""
    small = {word for word in _WORD.findall(answer) if word.islower()}
    for match in _WORD.finditer(answer):
        word = re.sub("'s?$", "", match[0])
        folded = word.casefold()
        if any(char.isupper() for char in word) and folded not in known and folded not in small:
            before = answer[max(0, match.start() - 3) : match.start()].strip(
                " \"'(*_#\u201c\u201e\u00ab"
            )
            yield word, not before or before[-1] in ".!?:\n|-\u2022"


def _slips(expected: Sequence[str], got: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield addresses and identifiers that differ from one of the prompt in a character or two."""
    known = {one.casefold().rstrip("/") for one in expected}
    for other in got[:100]:
        if other.casefold().rstrip("/") in known or len(other) < 5:
            continue
        for one in expected[:100]:
            steps = _steps(one, other)
            if 0 < steps <= (1 if len(one) < 8 else 2):
                yield other, one
                break


def _steps(one: str, other: str) -> int:
    """Count the characters in which two codes differ, looking past what they share in front."""
    same = 0
    while same < min(len(one), len(other)) and one[same].casefold() == other[same].casefold():
        same += 1
    if other.startswith(one) or one.startswith(other):  # a longer path is another page
        return 9 if abs(len(one) - len(other)) > 1 else 1
    at = max(0, same - 1)
    return distance(one[at:].casefold(), other[at:].casefold()) if len(one) - at < 64 else 9


def _closest(name: str, answer: str) -> str:
    """Say what stands in the answer instead of a required name, or nothing."""
    size = len(name.split())
    tokens = [word.strip(".,;:!?\"'()[]*_\u201c\u201d\u201e") for word in answer.split()[:20_000]]
    best, found = max(2, len(name) // 4) + 1, ""
    for at in range(len(tokens) - size + 1):
        window = " ".join(tokens[at : at + size])
        if abs(len(window) - len(name)) < best and window[:1].casefold() == name[:1].casefold():
            steps = distance(name, window, most=best)
            if steps < best:
                best, found = steps, window
    return f", closest is {quote(found)}{letter_note(name, found)}" if found else ""


def _stands(name: str, answer: str) -> bool:
    words = _plain(name).split()
    if words[0] not in answer:
        return False
    name = r"\s+".join(map(re.escape, words))
    return bool(re.search(rf"(?<!\w){name}(?=s?(?!\w)|'s)", answer))


def _plain(text: str) -> str:
    """Make alike what looks alike: composed accents, kinds of blanks; drop Markdown's asterisks."""
    if not text.isascii():
        text = normalized("NFC", text).translate(_ALIKE)
    return text.replace("*", "")


_ALIKE = str.maketrans({"\u2019": "'", "\u2018": "'", "\u00a0": " ", "\u202f": " "})
