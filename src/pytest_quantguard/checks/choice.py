"""The answer is one of a few labels."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

from pytest_quantguard.checks import _labels, _params
from pytest_quantguard.checks._text import listed, quote
from pytest_quantguard.errors import did_you_mean
from pytest_quantguard.types import Completion, GoldenCase, Outcome

_PLACES = ("whole", "first_line", "last_line", "anywhere")
_LOOKED_AT = 100_000
_BULLET = re.compile(r"\s*(?:[-+>\u2022]|#{1,6})\s+")
# Where no word begins or ends: inside "yesterday", "no-one", "don't", "1.5".
_STARTS = r"(?<!\w)(?<!\w[-'\u2019])(?<!\d[.,])"
_ENDS = r"(?!\w)(?![-'\u2019]\w)(?![.,]\d)"
# Scripts without blanks between words, where a label may touch the next letter.
_DENSE = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")
# Behind a label with which a place begins; what follows is its text or its reason.
_SET_OFF = re.compile(
    "[*_`\"'\u2019\u201d)\\]}>]*(?:$|\\s?[(\u2014\u2013]|\\s-\\s|[.):,;\u3001\u3002](?!\\d)|(?<=[)\\]])(?!\\w))"
)
_JOINED = re.compile(r"(?:or|and|oder|und|ou|et|o|e|y|of|en|eller|og|och)\b|[/&+]")
_LISTED = re.compile(r"[^\w\s]*(?:$|[.,;)/&]|\s(?:or|and|oder|und|ou|et)\b)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The answer names one of the given options, and one that is expected.

    With ``where: whole`` the option is all there is, apart from blanks, brackets, quotes, Markdown
    and punctuation around it: ``(B)``, ``**B.**`` and ``"b"`` are B. Elsewhere exactly one option
    has to stand in the place as a word of its own: a "yes" in "yesterday" does not count, the
    longer of two options does ("very likely" is not "likely"), and two different options are
    ambiguous. Only labels are read, not their meaning: "not B" names B.

    Compared is the NFKC form: full-width letters, punctuation of any script, invisible characters
    and ``\\boxed{}`` make no difference. A place that begins with a label which is set off by
    ``.``, ``)``, ``:``, ``,``, ``(`` or a dash names that label, whatever follows it ("B. Vitamin
    C"), unless another one is listed next ("A, B"); ``anywhere`` does not look at the order.
    "4/5", "4 out of 5" and "4.0" name 4. Lines of fences, rules, brackets or one tag are skipped.

    Parameters:
        options: the labels, at least two.
        expected: the right label, or several that are allowed. Without it any option will do.
        where: ``whole`` (the whole answer), ``first_line``, ``last_line`` or ``anywhere``.
        after: a text such as "Answer:", instead of ``where``: the option stands after its last
            occurrence, in the same line, or in the next one where nothing follows. Case, Markdown
            emphasis and blanks in it do not matter: "**answer** :" will do.
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
            if not self.after.strip():
                raise ValueError('`after` is nothing but blanks; write a text such as "Answer:"')
            if self.where != "whole":
                raise ValueError("`after` says where to look; leave `where` out")
        if len(options) < 2:
            raise ValueError(f"`options` has to hold at least two labels, got {options!r:.80}")
        _distinct(options, [self._plain(option) for option in options])
        folded = [self._core(option) for option in options]
        for label in expected:
            if self._core(label) not in folded:
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
        place = self._place(_labels.one_spelling(text))
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
        place = _labels.without_scale(place, self.options)
        first = self._first(place) if self.where != "anywhere" else None
        if first is not None:
            return self._judged(first)
        named = self._named(place)
        if not named:
            return self._none(f"none of {listed(self.options)} is named in {quote(place.strip())}")
        if len(named) > 1:
            return self._none(
                f"ambiguous: {listed(named)} are all named in {quote(place.strip(), 100)}"
            )
        return self._judged(next(iter(named)))

    def _judged(self, chosen: str) -> Outcome:
        expected = {self._core(label) for label in self.expected}
        if not expected or self._core(chosen) in expected:
            return Outcome.of([], {"named": 1.0, "right": 1.0})
        sentence = f"chose {quote(chosen)}, expected {listed(self.expected)}"
        return Outcome.of([sentence], {"named": 1.0, "right": 0.0})

    def _none(self, sentence: str) -> Outcome:
        return Outcome.of([sentence], {"named": 0.0, "right": 0.0})

    def _place(self, text: str) -> str | None:
        labels = [_labels.one_spelling(option) for option in self.options]
        if self.after is not None:
            ends = [found.end() for found in _marker(self.after).finditer(text)]
            if not ends:
                return None
            lines = text[ends[-1] :].split("\n", 100)[:100]
            return next(iter(_labels.saying(lines, labels)), lines[0])
        if self.where not in ("first_line", "last_line"):
            return text
        lines = _labels.saying(text.split("\n"), labels) or [""]
        return lines[0 if self.where == "first_line" else -1]

    def _alone(self, place: str) -> str | None:
        """Return the option that is all there is in the place."""
        symbols = not any(map(_labels.symbolic, "".join(self.options)))
        bare = _BULLET.sub("", place, count=1) if _BULLET.match(place) else place
        for said in (self._plain(place), self._plain(bare)):
            opening, closing = _labels.opening(said, symbols), _labels.closing(said, symbols)
            for option in self._longest_first():
                before, found, behind = said.partition(self._core(option))
                if found and not before.strip(opening) and not behind.strip(closing):
                    return option
        return None

    def _first(self, place: str) -> str | None:
        """Return the option with which the place begins, when it is set off: "B. Vitamin C"."""
        said = self._plain(_BULLET.sub("", place, count=1) if _BULLET.match(place) else place)
        said = said.lstrip(_labels.opening(said[:200], True))
        for option in self._longest_first():
            label = self._core(option)
            if not said.startswith(label):
                continue
            mark = _SET_OFF.match(said, len(label))
            return option if mark and not self._goes_on(said[mark.end() :], option) else None
        return None

    def _goes_on(self, rest: str, option: str) -> bool:
        """Tell whether another option follows as in a list: "A, B", "(A) or (B)"."""
        rest = _JOINED.sub("", rest.lstrip(_labels.closing(rest[:200], False)), count=1)
        rest = rest.lstrip(_labels.closing(rest[:200], False))
        others = [self._core(other) for other in self.options if other != option]
        return any(
            rest.startswith(other) and _LISTED.match(rest, len(other)) is not None
            for other in others
        )

    def _named(self, place: str) -> list[str]:
        """Return the distinct options that the place names."""
        cores = tuple(_core_of(option) for option in self.options)
        pattern = _any(cores, self.case_sensitive)
        found = {self._plain(match[0]) for match in pattern.finditer(place)}
        return [option for option in self.options if self._core(option) in found]

    def _longest_first(self) -> list[str]:
        return sorted(self.options, key=lambda option: len(_core_of(option)), reverse=True)

    def _core(self, label: str) -> str:
        return self._plain(_core_of(label))

    def _plain(self, text: str) -> str:
        plain = " ".join(_labels.one_spelling(text).split())
        return plain if self.case_sensitive else plain.casefold()


def _distinct(options: Sequence[str], folded: Sequence[str]) -> None:
    cores = [_labels.core(option) for option in folded]
    for number, option in enumerate(folded):
        if not option:
            raise ValueError("`options` holds a label of nothing but blanks")
        if option in folded[:number]:
            raise ValueError(f"`options` holds {options[number]!r:.80} twice")
        if cores[number] in cores[:number]:
            other = options[cores.index(cores[number])]
            raise ValueError(
                f"`options` holds {other!r:.80} and {options[number]!r:.80}, which are the same "
                "without the brackets and punctuation around them"
            )


@lru_cache(maxsize=1024)
def _core_of(label: str) -> str:
    return _labels.core(" ".join(_labels.one_spelling(label).split()))


@lru_cache(maxsize=256)
def _marker(after: str) -> re.Pattern[str]:
    return _labels.marker(after)


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
