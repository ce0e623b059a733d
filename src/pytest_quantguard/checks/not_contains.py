"""Certain texts do not occur in the answer."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from pytest_quantguard.checks import _params
from pytest_quantguard.checks._lexicon import normalized
from pytest_quantguard.checks._text import capped, quote
from pytest_quantguard.types import Completion, GoldenCase, Outcome

_STRIDE = 65_536
_AROUND = 20
_APOSTROPHE = "['\u2018\u2019\u02bc\u00b4`]"
# Not the line breaks of a template, as in "\\n\\nHuman:", and not the blanks at either end.
_LOOSE = re.compile(rf"(?<=\S)[ \xa0]+(?=\S)|{_APOSTROPHE}")


@dataclass(frozen=True, slots=True, kw_only=True)
class NotContains:
    """None of these texts occurs in the answer.

    The answer is its text, the name and arguments of every tool call as the model wrote them, and
    the refusal field: what must not get out must not get out anywhere.

    A blank inside a text stands for any run of blanks and line breaks, an apostrophe for any kind
    of it, and a letter with an accent for both ways to write it in Unicode.

    Parameters:
        texts: one text or several.
        case_sensitive: false makes upper and lower case alike.
        whole_words: true lets a text count only where no letter, digit or underscore touches it,
            so that "ace" is not found in "place".

    Example:
        expect:
          - not_contains: "as an AI language model"
          - not_contains: {texts: [ACME, "[INST]"], case_sensitive: false, whole_words: true}

    Quantized models typically let parts of the chat template, of the system prompt or of another
    customer's data through: ``"<|im_end|>" must not occur, and stands in line 3 of the text:
    "…is on its way.<|im_end|>\\nuser"``.
    """

    key: ClassVar[str] = "not_contains"
    shorthand: ClassVar[str | None] = "texts"

    texts: str | Sequence[str]
    case_sensitive: bool = True
    whole_words: bool = False

    def __post_init__(self) -> None:
        texts = _params.texts("texts", self.texts)
        if not texts:
            raise ValueError("`texts` is an empty list; give at least one text")
        _params.flag("case_sensitive", self.case_sensitive)
        _params.flag("whole_words", self.whole_words)
        object.__setattr__(self, "texts", texts)

    def __call__(self, completion: Completion, case: GoldenCase) -> Outcome:
        """Judge the text, the tool calls and the refusal field."""
        return Outcome.of(capped(self._found(completion)))

    def _found(self, completion: Completion) -> Iterator[str]:
        for name, said in _places(completion):
            place = said if said.isascii() else normalized("NFC", said)
            folded = self._folded(place)
            for text in self.texts:
                at = self._at(self._folded(text), folded)
                if at >= 0:
                    yield _sentence(text, name, place, self._unfolded(place, at))

    def _folded(self, text: str) -> str:
        return text if self.case_sensitive else text.casefold()

    def _at(self, text: str, folded: str) -> int:
        text = normalized("NFC", text)
        if not self.whole_words and not _LOOSE.search(text):
            return folded.find(text)
        pattern = _loosely(text)
        if self.whole_words:
            pattern = rf"(?<!\w){pattern}(?!\w)"
        match = re.search(pattern, folded)
        return match.start() if match else -1

    def _unfolded(self, place: str, at: int) -> int:
        """Return the index in the text of what is at ``at`` after folding: "ß" becomes "ss"."""
        if self.case_sensitive:
            return at
        start = gone = 0
        while start < len(place):
            size = len(place[start : start + _STRIDE].casefold())
            if gone + size > at:
                break
            start, gone = start + _STRIDE, gone + size
        while start < len(place) and gone + len(place[start].casefold()) <= at:
            start, gone = start + 1, gone + len(place[start].casefold())
        return start


def _loosely(text: str) -> str:
    """Return a pattern for a text; blanks inside, apostrophes and quotes stand for their kind."""
    found, end = "", 0
    for match in _LOOSE.finditer(text):
        found += re.escape(text[end : match.start()])
        found += r"\s+" if match[0].isspace() else _APOSTROPHE
        end = match.end()
    return found + re.escape(text[end:])


def _places(completion: Completion) -> Iterator[tuple[str, str]]:
    yield "the text", completion.text
    for call in completion.tool_calls:
        yield "the name of a called tool", call.name
        yield f"the arguments of {quote(call.name, 40)}", call.arguments_text
    if completion.refusal:
        yield "the refusal field", completion.refusal


def _sentence(text: str, name: str, place: str, at: int) -> str:
    line = place.count("\n", 0, at) + 1
    start, end = max(0, at - _AROUND), at + min(len(text), 40) + _AROUND
    around = f"{'…' if start else ''}{place[start:end]}{'…' if end < len(place) else ''}"
    where = f"in line {line} of {name}" if "\n" in place else f"in {name}"
    return f"{quote(text)} must not occur, and stands {where}: {quote(around, 90)}"
