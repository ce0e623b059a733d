"""A required notice is there."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import ClassVar

from pytest_quantguard.checks import _params, _regex
from pytest_quantguard.checks._lexicon import fold
from pytest_quantguard.checks._text import capped, listed, quote
from pytest_quantguard.types import Completion, GoldenCase, Outcome

PLACES = ("anywhere", "start", "end")
"""What `where` can be."""

_LOOKED_AT = 300_000
# A character of Chinese or Japanese counts as a word: there are no blanks between words.
_HAN = "\u3040-\u30ff\u3400-\u9fff"
_WORD = re.compile(rf"[{_HAN}]|(?:(?![{_HAN}])[^\W_])+(?:['.,-](?:(?![{_HAN}])[^\W_])+)*")
_ALIKE = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Disclaimer:
    """A notice that the answer has to carry is there: whole, in its place, and once if asked.

    Case, accents, blanks, line breaks, punctuation and emphasis do not matter; every word does, in
    its order. ``texts`` may be the whole notice or its key phrases: each of them has to be there.

    Parameters, at least one of the first three:
        texts: texts that have to be there, all of them.
        any_of: texts of which one has to be there, such as a notice in two wordings.
        pattern: regular expression that has to match, case and punctuation as written. A text of
            more than a million characters is not searched, and violates the check.
        where: ``anywhere``, ``start`` or ``end`` of the answer, for ``texts`` and ``any_of``.
        margin: characters that may stand before it at the ``start``, or behind it at the ``end``.
        once: true forbids that a notice is repeated.

    Example:
        expect:
          - disclaimer: "This is not financial advice."
          - disclaimer:
              any_of: ["not legal advice", "keine Rechtsberatung"]
              where: end
              once: true
          - disclaimer: {pattern: "(?i)consult (a|your) (doctor|physician)"}

    Quantized models typically drop the notice at the end of a long answer, or blur its words: ``the
    notice "This is not financial advice." is missing; nearest is "this is financial advice"
    (missing: "not")``.
    """

    key: ClassVar[str] = "disclaimer"
    shorthand: ClassVar[str | None] = "texts"

    texts: Sequence[str] = ()
    any_of: Sequence[str] = ()
    pattern: str | None = None
    where: str = "anywhere"
    margin: int = 100
    once: bool = False

    def __post_init__(self) -> None:
        for field in ("texts", "any_of"):
            texts = _params.texts(field, getattr(self, field))
            for text in texts:
                if not _words(text):
                    raise ValueError(f"`{field}` holds a text without a word, got {text!r:.80}")
            object.__setattr__(self, field, texts)
        if self.pattern is not None:
            _params.text("pattern", self.pattern)
            _regex.compiled("pattern", self.pattern)
        _params.one_of("where", self.where, PLACES)
        _params.count("margin", self.margin)
        if self.margin is None:
            raise ValueError("`margin` has to be a whole number of at least 0, got None")
        _params.flag("once", self.once)
        if not (self.texts or self.any_of or self.pattern):
            raise ValueError("`disclaimer` asks for nothing; give one of texts, any_of, pattern")
        if self.pattern and not (self.texts or self.any_of) and self.where != "anywhere":
            raise ValueError("`where` is for texts and any_of; write ^ or $ into the pattern")

    def __call__(self, completion: Completion, case: GoldenCase) -> Outcome:
        """Judge the text.

        Raises:
            CheckError: when the pattern took too long.
        """
        return Outcome.of(capped(self._violations(completion.text)))

    def _violations(self, text: str) -> Iterator[str]:
        if self.texts or self.any_of:
            yield from self._notices(text)
        if self.pattern is not None:
            if too_long := _regex.too_long(text):
                yield from too_long
            elif not _regex.found(self.pattern, text):
                yield f"the pattern {quote(self.pattern)} matches nowhere"

    def _notices(self, text: str) -> Iterator[str]:
        if len(text) > _LOOKED_AT:
            yield (
                f"the answer has {len(text)} characters; notices are looked for in up to "
                f"{_LOOKED_AT} of them"
            )
            return
        answer = _Words(text)
        for notice in self.texts:
            yield from self._wrong(notice, answer)
        wrong = [list(self._wrong(notice, answer)) for notice in self.any_of]
        if wrong and all(wrong):
            there = [found for found in wrong if "is missing" not in found[0]]
            yield from (there or [[self._none(answer)]])[0]

    def _wrong(self, notice: str, answer: _Words) -> Iterator[str]:
        wanted = _words(notice)
        places = answer.places(wanted)
        if not places:
            yield f"the notice {quote(notice)} is missing{answer.nearest(wanted)}"
            return
        if self.once and len(places) > 1:
            yield f"the notice {quote(notice)} stands there {len(places)} times instead of once"
        before, behind = answer.before(places[0]), answer.behind(places[-1] + len(wanted) - 1)
        if self.where == "start" and before > self.margin:
            yield (
                f"the notice {quote(notice)} has to stand at the start, and {before} characters "
                f"stand before it; at most {self.margin} may"
            )
        if self.where == "end" and behind > self.margin:
            yield (
                f"the notice {quote(notice)} has to stand at the end, and {behind} characters "
                f"stand behind it; at most {self.margin} may"
            )

    def _none(self, answer: _Words) -> str:
        near = next(filter(None, (answer.nearest(_words(one)) for one in self.any_of)), "")
        return f"none of the notices {listed(self.any_of)} is there{near}"


def _words(text: str) -> list[str]:
    return _WORD.findall(fold(text))


class _Words:
    """The words of an answer, and where they stand."""

    def __init__(self, text: str) -> None:
        self._text = text.strip()
        # Words are folded one by one, as folding a whole text would move its places.
        self._matches = list(_WORD.finditer(self._text.translate(_MARKUP)))
        self._folded = [fold(match[0]) for match in self._matches]

    def places(self, wanted: Sequence[str]) -> list[int]:
        """Return the indexes of the words at which these words begin."""
        size, first = len(wanted), wanted[0]
        starts = (at for at, word in enumerate(self._folded) if word == first)
        return [at for at in starts if self._folded[at : at + size] == wanted]

    def before(self, at: int) -> int:
        """Count the characters before a word."""
        return self._matches[at].start()

    def behind(self, at: int) -> int:
        """Count the characters behind a word, not counting the punctuation next to it."""
        end = self._matches[at].end()
        return len(self._text[end:].lstrip(".!?)]*_\"'\u201d\u00bb "))

    def nearest(self, wanted: Sequence[str]) -> str:
        """Say what is most like these words, and which of them it lacks; or nothing."""
        size = len(wanted)
        need = Counter(wanted)
        have: Counter[str] = Counter()
        shared = best = best_at = 0
        for at, word in enumerate(self._folded):
            have[word] += 1
            shared += have[word] <= need[word]
            if at >= size:
                gone = self._folded[at - size]
                shared -= have[gone] <= need[gone]
                have[gone] -= 1
            if shared > best:
                best, best_at = shared, max(0, at - size + 1)
        if best < _ALIKE * size or best < 2:
            return ""
        window = self._matches[best_at : best_at + size]
        missing = list((need - Counter(self._folded[best_at : best_at + size])).elements())
        shown = self._text[window[0].start() : window[-1].end()]
        lacks = f" (missing: {listed(islice(missing, 6))})" if missing else " (in another order)"
        return f"; nearest is {quote(shown)}{lacks}"


_MARKUP = str.maketrans(dict.fromkeys("*_`", " "))
