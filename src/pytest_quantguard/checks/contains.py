"""Certain texts occur in the answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from pytest_quantguard.checks import _params
from pytest_quantguard.checks._closest import closest
from pytest_quantguard.checks._text import capped, quote
from pytest_quantguard.types import Completion, GoldenCase, Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Contains:
    """All these texts occur in the answer, letter by letter.

    Parameters:
        texts: one text or several.
        case_sensitive: false makes upper and lower case alike.

    Example:
        expect:
          - contains: "not financial advice"
          - contains: {texts: [Berlin, "1989"], case_sensitive: false}

    Quantized models typically paraphrase a fixed sentence, or write a name or number almost
    right: ``"88213-A" does not occur, closest is "88273-A" (digit 4: 1 became 7)``.
    """

    key: ClassVar[str] = "contains"
    shorthand: ClassVar[str | None] = "texts"

    texts: str | Sequence[str]
    case_sensitive: bool = True

    def __post_init__(self) -> None:
        texts = _params.texts("texts", self.texts)
        if not texts:
            raise ValueError("`texts` is an empty list; give at least one text")
        _params.flag("case_sensitive", self.case_sensitive)
        object.__setattr__(self, "texts", texts)

    def __call__(self, completion: Completion, case: GoldenCase) -> Outcome:
        """Judge the text."""
        answer = self._folded(completion.text)
        missing = (text for text in self.texts if self._folded(text) not in answer)
        return Outcome.of(
            capped(
                f"{quote(text)} does not occur{closest(text, completion.text)}" for text in missing
            )
        )

    def _folded(self, text: str) -> str:
        return text if self.case_sensitive else text.casefold()
