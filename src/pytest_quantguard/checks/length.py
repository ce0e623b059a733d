"""The answer is as long as it should be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pytest_quantguard.checks import _params
from pytest_quantguard.checks._text import quote
from pytest_quantguard.errors import CheckError
from pytest_quantguard.types import Completion, GoldenCase, Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Length:
    """The text is neither too short nor too long, and with ``complete`` was not cut off.

    Parameters, at least one of them:
        min_chars, max_chars: characters, counted after removing blanks around the text.
        max_words: what stands between blanks.
        max_tokens: tokens as counted by the server, reasoning included; a server that does not
            count makes the check an error.
        complete: true demands that the answer ended by itself (finish_reason is not ``length``).

    Example:
        expect:
          - length: {max_words: 120, complete: true}

    Quantized models typically ramble or repeat until the token limit stops them: ``the answer was
    cut off: finish_reason is length``.
    """

    key: ClassVar[str] = "length"
    shorthand: ClassVar[str | None] = None

    min_chars: int | None = None
    max_chars: int | None = None
    max_words: int | None = None
    max_tokens: int | None = None
    complete: bool = False

    def __post_init__(self) -> None:
        limits = {
            "min_chars": self.min_chars,
            "max_chars": self.max_chars,
            "max_words": self.max_words,
            "max_tokens": self.max_tokens,
        }
        for field, value in limits.items():
            _params.count(field, value, least=1 if field == "min_chars" else 0)
        _params.flag("complete", self.complete)
        if not self.complete and all(value is None for value in limits.values()):
            raise ValueError(f"`length` limits nothing; give one of {', '.join(limits)}, complete")
        if self.min_chars and self.max_chars is not None and self.min_chars > self.max_chars:
            raise ValueError(
                f"`min_chars` is {self.min_chars} and `max_chars` {self.max_chars}; "
                "no text is both that long and that short"
            )

    def __call__(self, completion: Completion, case: GoldenCase) -> Outcome:
        """Judge the text and the server's count.

        Raises:
            CheckError: when ``max_tokens`` is given and the server did not count.
        """
        text = completion.text.strip()
        found = []
        if self.min_chars and len(text) < self.min_chars:
            found.append(
                f"{len(text)} characters, at least {self.min_chars} are needed: {quote(text)}"
            )
        if self.max_chars is not None and len(text) > self.max_chars:
            found.append(f"{len(text)} characters, at most {self.max_chars} are allowed")
        if self.max_words is not None and (words := len(text.split())) > self.max_words:
            found.append(f"{words} words, at most {self.max_words} are allowed")
        if self.max_tokens is not None and (tokens := _tokens(completion)) > self.max_tokens:
            found.append(f"{tokens} tokens, at most {self.max_tokens} are allowed")
        if self.complete and completion.finish_reason == "length":
            found.append("the answer was cut off: finish_reason is length")
        return Outcome.of(found)


def _tokens(completion: Completion) -> int:
    tokens = completion.usage.completion_tokens
    if tokens is None:
        raise CheckError(
            "`max_tokens` needs the server's count, and this answer came without "
            "usage.completion_tokens; limit max_words or max_chars instead"
        )
    return tokens
