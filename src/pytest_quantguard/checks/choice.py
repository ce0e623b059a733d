"""The answer is one of a few labels."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

from pytest_quantguard.checks import _params
from pytest_quantguard.checks._text import listed, quote
from pytest_quantguard.errors import did_you_mean
from pytest_quantguard.types import Completion, GoldenCase, Outcome

_PLACES = ("whole", "first_line", "last_line", "anywhere")
_LOOKED_AT = 100_000
# What models put around a label: "**B.**", "(B)", "`yes`", "- maybe", "> B".
_BULLET = re.compile(r"\s*(?:[-+>\u2022]|#{1,6})\s+")
_OPENING = " \t\r\n*_`~\"'\u2018\u2019\u201a\u201c\u201d\u201e\u2039\u203a\u00ab\u00bb()[]{}<>|"
_CLOSING = _OPENING + ".,:;!?"
# Where no word begins or ends: inside "yesterday", "no-one", "don't", "1.5".
_STARTS = r"(?<!\w)(?<!\w[-'\u2019])(?<!\d[.,])"
_ENDS = r"(?!\w)(?![-'\u2019]\w)(?![.,]\d)"
# Scripts without blanks between words, where a label may touch the next letter.
_DENSE = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The answer names one of the given options, and one that is expected.

    With ``where: whole`` the option is all there is, apart from blanks, brackets, quotes, Markdown
    and punctuation around it: ``(B)``, ``**B.**`` and ``"b"`` are B. Elsewhere exactly one option
    has to stand in the place as a word of its own: a "yes" in "yesterday" does not count, the
    longer of two options does ("very likely" is not "likely"), and two different options are
    ambiguous. Only labels are read, not their meaning: "not B" names B.

    Parameters:
        options: the labels, at least two.
        expected: the right label, or several that are allowed. Without it any option will do.
        where: ``whole`` (the whole answer), ``first_line``, ``last_line`` or ``anywhere``.
        after: a text such as "Answer:", instead of ``where``: the option stands after its last
            occurrence, in the same line, or in the next one where nothing follows.
        case_sensitive: true makes upper and lower case differ. Without it they are alike, except
            that in running text an option of one letter has to be written as it is given, or
            with a bracket, as "(b)": "a" is an article, not option A.

    A text of more than 100,000 characters is not looked at, and violates the check.

    Layers: ``named``, exactly one option stands where it should; ``right``, it is an expected one.

    Example:
        expect:
          - choice: [approve, reject, escalate]
          - choice: {options: [A, B, C, D], expected: B, after: "Answer:"}

    Quantized models typically pick the neighbouring label, or explain where one word was asked
    for: ``chose "C", expected "B"``.
    """

    key: ClassVar[str] = "choice"
    shorthand: ClassVar[str | None] = "options"
    layers: ClassVar[tuple[str, ...]] = ("named", "right")

    options: Sequence[str]
    expected: str | Sequence[str] = ()
    where: str = "whole"
    after: str | None = None
    case_sensitive: bool = False

    def __post_init__(self) -> None:
        options = _params.texts("options", self.options)
        expected = _params.texts("expected", self.expected)
        _params.one_of("where", self.where, _PLACES)
        _params.flag("case_sensitive", self.case_sensitive)
        if self.after is not None:
            _params.text("after", self.after)
            if self.where != "whole":
                raise ValueError("`after` says where to look; leave `where` out")
        if len(options) < 2:
            raise ValueError(f"`options` has to hold at least two labels, got {options!r:.80}")
        folded = [self._plain(option) for option in options]
        for number, option in enumerate(folded):
            if not option:
                raise ValueError("`options` holds a label of nothing but blanks")
            if option in folded[:number]:
                raise ValueError(f"`options` holds {options[number]!r:.80} twice")
        for label in expected:
            if self._plain(label) not in folded:
                raise ValueError(
                    f"`expected` is {label!r:.80}, which is no option; "
                    f"{did_you_mean(label, options)}"
                )
        object.__setattr__(self, "options", options)
        object.__setattr__(self, "expected", expected)

    def __call__(self, completion: Completion, case: GoldenCase) -> Outcome:
        """Judge the text."""
        text = completion.text
        if len(text) > _LOOKED_AT:
            return self._none(
                f"the answer has {len(text)} characters; at most {_LOOKED_AT} are looked at"
            )
        place = self._place(text)
        if place is None:
            return self._none(f"{quote(self.after or '')} does not occur in {quote(text)}")
        alone = self._alone(place)
        if alone is not None:
            return self._judged(alone)
        if self.where == "whole" and self.after is None:
            return self._none(
                f"the answer should be one of {listed(self.options)} and nothing else, "
                f"got {quote(text.strip())}"
            )
        named = self._named(place)
        if not named:
            return self._none(f"none of {listed(self.options)} is named in {quote(place.strip())}")
        if len(named) > 1:
            return self._none(
                f"ambiguous: {listed(named)} are all named in {quote(place.strip(), 100)}"
            )
        return self._judged(next(iter(named)))

    def _judged(self, chosen: str) -> Outcome:
        expected = {self._plain(label) for label in self.expected}
        if not expected or self._plain(chosen) in expected:
            return Outcome.of([], {"named": 1.0, "right": 1.0})
        sentence = f"chose {quote(chosen)}, expected {listed(self.expected)}"
        return Outcome.of([sentence], {"named": 1.0, "right": 0.0})

    def _none(self, sentence: str) -> Outcome:
        return Outcome.of([sentence], {"named": 0.0, "right": 0.0})

    def _place(self, text: str) -> str | None:
        if self.after is not None:
            marker = re.escape(self.after)
            ends = [found.end() for found in re.finditer(marker, text, re.IGNORECASE)]
            if not ends:
                return None
            lines = text[ends[-1] :].split("\n", 100)[:100]
            return next((line for line in lines if re.search(r"\w", line)), lines[0])
        lines = [line for line in text.split("\n") if line.strip()] or [""]
        return {"first_line": lines[0], "last_line": lines[-1]}.get(self.where, text)

    def _alone(self, place: str) -> str | None:
        """Return the option that is all there is in the place."""
        bare = _BULLET.sub("", place, count=1) if _BULLET.match(place) else place
        for said in (self._plain(place), self._plain(bare)):
            for option in sorted(self.options, key=len, reverse=True):
                label = self._plain(option)
                before, found, behind = said.partition(label)
                if found and not before.strip(_OPENING) and not behind.strip(_CLOSING):
                    return option
        return None

    def _named(self, place: str) -> list[str]:
        """Return the distinct options that the place names."""
        pattern = _any(tuple(self.options), self.case_sensitive)
        found = {self._plain(match[0]) for match in pattern.finditer(place)}
        return [option for option in self.options if self._plain(option) in found]

    def _plain(self, text: str) -> str:
        plain = " ".join(text.split())
        return plain if self.case_sensitive else plain.casefold()


@lru_cache(maxsize=256)
def _any(options: tuple[str, ...], case_sensitive: bool) -> re.Pattern[str]:
    words = []
    for option in sorted(options, key=len, reverse=True):
        exactly = case_sensitive or len(option) == 1
        start = _STARTS if _is_word(option[0]) else ""
        end = _ENDS if _is_word(option[-1]) else ""
        literal = r"\s+".join(map(re.escape, option.split()))
        words.append(f"{start}(?{'' if exactly else 'i'}:{literal}){end}")
        if len(option) == 1 and start and not case_sensitive:
            words.append(rf"{start}(?i:{literal})(?=\))")  # "b)" and "(b)" are no words
    return re.compile("|".join(words))


def _is_word(char: str) -> bool:
    return (char.isalnum() or char == "_") and not _DENSE.match(char)
