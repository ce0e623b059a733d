"""The answer is as long as it should be."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from pytest_quantguard.checks import _params
from pytest_quantguard.checks._sentences import sentences
from pytest_quantguard.checks._text import quote
from pytest_quantguard.errors import CheckError
from pytest_quantguard.types import Completion, GoldenCase, Outcome

_GAP = re.compile(r"\n[^\S\n]*\n\s*")
_MOST_SENTENCES = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Length:
    """The text is neither too short nor too long, and with ``complete`` was not cut off.

    Blanks around the text never count. All limits are inclusive.

    Parameters, at least one of them:
        min_chars, max_chars: characters.
        min_words, max_words: what stands between blanks; Chinese, Japanese and Thai put none
            between words, so limit their characters.
        min_sentences, max_sentences: sentences and list items; headings, rows of tables and fenced
            code are none. At most 20,000 are counted.
        min_lines, max_lines: lines that are not blank.
        min_paragraphs, max_paragraphs: what stands between blank lines.
        min_tokens, max_tokens: tokens as counted by the server, reasoning included; a server that
            does not count makes the check an error.
        complete: true demands that the answer ended by itself (finish_reason is not ``length``).

    Example:
        expect:
          - length: {max_words: 120, complete: true}
          - length: {min_sentences: 2, max_sentences: 3}

    Quantized models typically ramble or repeat until the token limit stops them: ``the answer was
    cut off: finish_reason is length``.
    """

    key: ClassVar[str] = "length"
    shorthand: ClassVar[str | None] = None

    min_chars: int | None = None
    max_chars: int | None = None
    min_words: int | None = None
    max_words: int | None = None
    min_sentences: int | None = None
    max_sentences: int | None = None
    min_lines: int | None = None
    max_lines: int | None = None
    min_paragraphs: int | None = None
    max_paragraphs: int | None = None
    min_tokens: int | None = None
    max_tokens: int | None = None
    complete: bool = False

    def __post_init__(self) -> None:
        _params.flag("complete", self.complete)
        limited = self.complete
        for unit in _UNITS:
            least, most = self._limits(unit)
            _params.count(f"min_{unit}", least, least=1)
            _params.count(f"max_{unit}", most)
            if least is not None and most is not None and least > most:
                raise ValueError(
                    f"`min_{unit}` is {least} and `max_{unit}` {most}; no text is both that long "
                    "and that short"
                )
            limited = limited or (least, most) != (None, None)
        if not limited:
            raise ValueError(
                f"`length` limits nothing; give complete, or min_ or max_ with one of "
                f"{', '.join(_UNITS)}"
            )

    def __call__(self, completion: Completion, case: GoldenCase) -> Outcome:
        """Judge the text and the server's count.

        Raises:
            CheckError: when tokens are limited and the server did not count.
        """
        text = completion.text.strip()
        found = []
        for unit, (name, count) in _UNITS.items():
            least, most = self._limits(unit)
            if least is None and most is None:
                continue
            size = count(text) if count else _tokens(completion, "max" if least is None else "min")
            said = f"{size} {name}{'' if size == 1 else 's'}"
            if least is not None and size < least:
                found.append(f"{said}, at least {least} are needed: {quote(text)}")
            if most is not None and size > most:
                found.append(f"{said}, at most {most} are allowed")
        if self.complete and completion.finish_reason == "length":
            found.append("the answer was cut off: finish_reason is length")
        return Outcome.of(found)

    def _limits(self, unit: str) -> tuple[int | None, int | None]:
        return getattr(self, f"min_{unit}"), getattr(self, f"max_{unit}")


def _words(text: str) -> int:
    return len(text.split())


def _sentences(text: str) -> int:
    found = sentences(text, _MOST_SENTENCES)
    return sum(sentence.kind in ("prose", "item") for sentence in found)


def _lines(text: str) -> int:
    return sum(1 for line in text.split("\n") if line.strip())


def _paragraphs(text: str) -> int:
    return len(_GAP.findall(text)) + 1 if text else 0


_UNITS: dict[str, tuple[str, Callable[[str], int] | None]] = {
    "chars": ("character", len),
    "words": ("word", _words),
    "sentences": ("sentence", _sentences),
    "lines": ("line", _lines),
    "paragraphs": ("paragraph", _paragraphs),
    "tokens": ("token", None),
}


def _tokens(completion: Completion, limit: str) -> int:
    tokens = completion.usage.completion_tokens
    if tokens is None:
        raise CheckError(
            f"`{limit}_tokens` needs the server's count, and this answer came without "
            f"usage.completion_tokens; limit {limit}_words or {limit}_chars instead"
        )
    return tokens
