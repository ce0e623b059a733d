"""How likely a word is in each language: a small model of common words and of letters.

P(word) = P(common word) + 0.55 P(letters). A common word's probability falls with its rank as
0.12 / (rank + 5), so that the lists cover 0.45 of running text. The letters are a Markov chain of
order 2 over the lists of a language, smoothed as in Witten and Bell 1991, "The zero-frequency
problem", method C. The lists are ours: `_language_words.txt`.
"""

from __future__ import annotations

import functools
import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

# fmt: off
ALPHABETS = {
    "Latin": (
        "en", "de", "fr", "es", "it", "pt", "nl", "sv", "da", "no", "fi", "pl", "cs", "sk", "hr",
        "tr", "ro", "hu", "id", "vi", "ca",
    ),
    "Cyrillic": ("ru", "uk", "bg"),
    "Arabic": ("ar", "fa", "ur"),
}
"""Languages that are told apart by their words, by script."""

NAMES = {
    "en": "English", "de": "German", "fr": "French", "es": "Spanish", "it": "Italian",
    "pt": "Portuguese", "nl": "Dutch", "sv": "Swedish", "da": "Danish", "no": "Norwegian",
    "fi": "Finnish", "pl": "Polish", "cs": "Czech", "sk": "Slovak", "hr": "Croatian",
    "tr": "Turkish", "ro": "Romanian", "hu": "Hungarian", "id": "Indonesian", "vi": "Vietnamese",
    "ca": "Catalan", "ru": "Russian", "uk": "Ukrainian", "bg": "Bulgarian", "ar": "Arabic",
    "fa": "Persian", "ur": "Urdu", "el": "Greek", "he": "Hebrew", "hi": "Hindi", "th": "Thai",
    "ko": "Korean", "zh": "Chinese", "ja": "Japanese", "ka": "Georgian", "hy": "Armenian",
    "ta": "Tamil", "te": "Telugu", "kn": "Kannada", "ml": "Malayalam", "gu": "Gujarati",
    "pa": "Punjabi", "si": "Sinhala", "bn": "Bengali", "km": "Khmer", "lo": "Lao", "my": "Burmese",
}
# fmt: on
"""Every language that can be expected, by its ISO 639-1 code."""

_COMMON, _SHIFT, _TYPICAL, _LETTERS = 0.12, 5, 0.0003, 0.55
_SYMBOLS = 60
_LONGEST = 40
_NOISE = math.log(36)


def noise(word: str) -> float:
    """Return the log-probability of a word among random letters."""
    return -(min(len(word), _LONGEST) + 1) * _NOISE


class Alphabet:
    """The languages of one script."""

    def __init__(self, codes: tuple[str, ...]) -> None:
        self.codes = codes
        lists = _lists()
        self._listed: dict[str, list[float]] = defaultdict(lambda: [0.0] * len(codes))
        self._chains = [_Chain() for _ in codes]
        for place, code in enumerate(codes):
            common, typical = lists[code]
            for rank, word in enumerate(common):
                self._listed[word][place] += _COMMON / (rank + _SHIFT)
            for word in typical:
                self._listed[word][place] += _TYPICAL
            for word in {*common, *typical}:
                self._chains[place].learn(word)
        self._listed.default_factory = None
        self._steps: dict[str, tuple[float, ...]] = {}
        self._words: dict[str, tuple[float, ...]] = {}

    def scores(self, word: str) -> tuple[float, ...]:
        """Return the log-probability of a word in small letters, in the order of ``codes``."""
        found = self._words.get(word)
        if found is None:
            if len(self._words) > 100_000:  # one process judges many answers
                self._words.clear()
                self._steps.clear()
            found = self._words[word] = self._scored(word)
        return found

    def knows(self, word: str, place: int) -> bool:
        """Tell whether a word is in the lists of the language at this place of ``codes``."""
        return word in self._listed and self._listed[word][place] > 0

    def _scored(self, word: str) -> tuple[float, ...]:
        spelled = [0.0] * len(self.codes)
        for step in _steps(word[:_LONGEST]):
            chances = self._steps.get(step)
            if chances is None:
                chances = tuple(math.log(chain.chance(step)) for chain in self._chains)
                self._steps[step] = chances
            spelled = [one + other for one, other in zip(spelled, chances, strict=True)]
        listed = self._listed.get(word)
        if listed is None:
            return tuple(math.log(_LETTERS) + one for one in spelled)
        return tuple(
            math.log(common + _LETTERS * math.exp(one))
            for common, one in zip(listed, spelled, strict=True)
        )


class _Chain:
    """Letters that follow letters."""

    def __init__(self) -> None:
        self._seen: dict[str, Counter[str]] = defaultdict(Counter)

    def learn(self, word: str) -> None:
        for step in _steps(word):
            for start in range(len(step)):
                self._seen[step[start:-1]][step[-1]] += 1

    def chance(self, step: str) -> float:
        """P(last letter | the letters before it), backing off to fewer of them."""
        shorter = self.chance(step[1:]) if len(step) > 1 else 1 / _SYMBOLS
        seen = self._seen.get(step[:-1])
        if not seen:
            return shorter
        kinds = len(seen)
        return (seen[step[-1]] + kinds * shorter) / (seen.total() + kinds)


def _steps(word: str) -> Iterator[str]:
    framed = f"^{word}$"
    yield framed[:2]
    for end in range(3, len(framed) + 1):
        yield framed[end - 3 : end]


@functools.cache
def alphabet(script: str) -> Alphabet:
    """Return the model of a script's languages; made when it is first asked for."""
    return Alphabet(ALPHABETS[script])


@functools.cache
def _lists() -> dict[str, tuple[tuple[str, ...], tuple[str, ...]]]:
    text = Path(__file__).with_name("_language_words.txt").read_text(encoding="utf-8")
    found = {}
    for section in re.split(r"^\[(?=[a-z]+\]$)", text, flags=re.MULTILINE)[1:]:
        code, _, words = section.partition("]")
        common, _, typical = words.partition("--")
        found[code] = (_words(common), _words(typical))
    return found


def _words(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(re.findall(r"[^\W\d_]+", text)))
