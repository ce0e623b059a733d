"""The answer is in the right language, from its beginning to its end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from pytest_quantguard.checks import _params
from pytest_quantguard.checks._drift import Reading, read
from pytest_quantguard.checks._languages import NAMES
from pytest_quantguard.checks._text import capped, quote
from pytest_quantguard.errors import did_you_mean
from pytest_quantguard.types import Completion, GoldenCase, Outcome

_ALIASES = {"nb": "no", "ms": "id", "iw": "he", "in": "id", "cmn": "zh", "fil": "tl"}
_MAINLY = 0.8
_UNDECIDED = ("short", "fail", "hold")
_SHORT = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """The text is in a language, and does not change over to another one on the way.

    Told by scripts, common words and letters, always the same and without a model. Code, addresses,
    identifiers, "quotations", *emphasis* and (bracketed words in another script) do not count, and
    names hardly do. A part in another language is found when it has about five words, whether it
    ends a sentence or is one; two Chinese characters in an English text are found too.

    Short answers get the benefit of the doubt: they hold unless another language is clearly
    likelier; names and lists of names say little. What has no words, such as "42", or none that any
    language has, is ``undecided``. Of 515 sentences of 3 to 14 words that were written in 33
    languages to test this, none is refused in its own language, and one of 200 is accepted in
    another that is no close relative.

    Languages: ar bg bn ca cs da de el en es fa fi fr gu he hi hr hu hy id it ja ka km kn ko lo ml
    my nl no pa pl pt ro ru si sk sv ta te th tr uk ur vi zh. An answer in one that is not among
    them is taken for its nearest relative. Close relatives are hard to tell apart in short texts:
    da and no, cs and sk, es and ca, ru, uk and bg. Malay is not told from Indonesian, nor Marathi
    and Nepali from Hindi: languages with a script of their own are told by it alone.

    Parameters:
        language: ISO 639-1 code, such as ``de``; or several, any mixture of which will do.
        max_foreign: largest share of letters that may be in other languages, from 0 to 1.
        undecided: what an answer does by whose words no language can be told: ``short`` (it holds
            when it has one to four words, as names and one-word answers do, and fails otherwise),
            ``fail`` or ``hold``.

    Of a text of more than 20,000 characters the first and the last 10,000 are read.

    Example:
        expect:
          - language: de
          - language: {language: [ja, en], undecided: hold}

    Quantized models typically answer in English where another language was asked for, change over
    to it half-way, or let Chinese characters slip in: ``line 2 changes over to English: "and will
    be credited to your account within five days"; German is expected``.
    """

    key: ClassVar[str] = "language"
    shorthand: ClassVar[str | None] = "language"

    language: str | Sequence[str]
    max_foreign: float = 0.0
    undecided: str = "short"

    def __post_init__(self) -> None:
        given = _params.texts("language", self.language)
        if not given:
            raise ValueError("`language` is an empty list; give at least one, such as de")
        object.__setattr__(self, "language", tuple(map(_code, given)))
        _params.one_of("undecided", self.undecided, _UNDECIDED)
        if self.max_foreign != 0 or isinstance(self.max_foreign, bool):
            _params.number("max_foreign", self.max_foreign, most=1.0)
        if self.max_foreign is None:
            raise ValueError("`max_foreign` has to be a number from 0 to 1, got None")

    def __call__(self, completion: Completion, case: GoldenCase) -> Outcome:
        """Judge the text, or the refusal field where there is none."""
        text = completion.text if completion.text.strip() else completion.refusal or ""
        return Outcome.of(capped(self._found(text)))

    def _found(self, text: str) -> Iterator[str]:
        reading = read(text, tuple(self.language))
        expected = " or ".join(NAMES[code] for code in self.language)
        main = reading.nearest
        if _share(reading) > _MAINLY and self.max_foreign < _MAINLY:
            main = max(reading.stretches, key=lambda stretch: stretch.letters).name
        if main:
            yield f"reads like {main}, {expected} is expected: {quote(text.strip(), 80)}"
        elif reading.stretches and _share(reading) > self.max_foreign:
            for stretch in reading.stretches:
                yield (
                    f"line {stretch.line} changes over to {stretch.name}: "
                    f"{quote(stretch.text, 80)}; {expected} is expected"
                )
        elif not (reading.known or reading.stretches) and not self._passes(reading):
            yield f"there is no word by which to tell that it is {expected}: {quote(text.strip())}"

    def _passes(self, reading: Reading) -> bool:
        short = self.undecided == "short" and 1 <= reading.words <= _SHORT
        return short or self.undecided == "hold"


def _share(reading: Reading) -> float:
    return sum(stretch.letters for stretch in reading.stretches) / max(1, reading.letters)


def _code(given: str) -> str:
    code = given.lower()
    code = _ALIASES.get(code, code)
    if code in NAMES:
        return code
    base = code.replace("_", "-").partition("-")[0]
    if base != code and base in NAMES:
        raise ValueError(
            f"`language` is {given!r:.80}; countries and scripts are not told apart, write {base}"
        )
    by_name = {name.lower(): known for known, name in NAMES.items()}
    if code in by_name:
        raise ValueError(f"`language` is {given!r:.80}; write its code, {by_name[code]}")
    raise ValueError(
        f"`language` is {given!r:.80}, which is not known; {did_you_mean(code, NAMES)}"
    )
