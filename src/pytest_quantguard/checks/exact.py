"""The answer is one particular text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pytest_quantguard.checks import _params
from pytest_quantguard.checks._text import digit_note, quote
from pytest_quantguard.types import Completion, GoldenCase, Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Exact:
    """The answer is this text and nothing else.

    Parameters:
        text: the text.
        strip: false makes blanks and newlines around the text count.
        case_sensitive: false makes upper and lower case alike.

    Example:
        expect:
          - exact: "B"
          - exact: {text: paris, case_sensitive: false}

    Quantized models typically explain where one word was asked for, or pick the neighbouring
    label: ``expected "B", got "B) because ..."``.
    """

    key: ClassVar[str] = "exact"
    shorthand: ClassVar[str | None] = "text"

    text: str
    strip: bool = True
    case_sensitive: bool = True

    def __post_init__(self) -> None:
        _params.text("text", self.text)
        _params.flag("strip", self.strip)
        _params.flag("case_sensitive", self.case_sensitive)
        if self.strip and not self.text.strip():
            raise ValueError(
                f"`text` is nothing but blanks, got {self.text!r:.80}; add strip: false"
            )

    def __call__(self, completion: Completion, case: GoldenCase) -> Outcome:
        """Judge the text."""
        expected, got = self._folded(self.text), self._folded(completion.text)
        if expected == got:
            return Outcome.of([])
        pairs = enumerate(zip(expected, got, strict=False))
        shorter = min(len(expected), len(got))
        at = next((index for index, (one, other) in pairs if one != other), shorter)
        start = max(0, at - 20)
        place = f" from character {at + 1}" if start else ""
        dots = "…" if start else ""
        return Outcome.of(
            [
                f"expected{place} {quote(dots + expected[start:])}, "
                f"got {quote(dots + got[start : start + 10_000])}{digit_note(expected, got)}"
            ]
        )

    def _folded(self, text: str) -> str:
        text = text.strip() if self.strip else text
        return text if self.case_sensitive else text.casefold()
