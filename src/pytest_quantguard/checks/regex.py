"""The answer matches a pattern."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from pytest_quantguard.checks import _params, _regex
from pytest_quantguard.checks._text import quote
from pytest_quantguard.types import Completion, GoldenCase, Outcome

# Texts that have nothing in common.
_PROBES = ("", "a", "\n", "7 \u00e9!", "\U0001f600")


@dataclass(frozen=True, slots=True, kw_only=True)
class Regex:
    """A regular expression matches somewhere in the text, or with ``full`` all of it.

    A match that takes more than 2 seconds of processor time is stopped and is an error of the
    check. A text of more than a million characters is not matched, and violates the check.

    Parameters:
        pattern: a regular expression as Python knows it; flags stand inside, as ``(?i)``. One that
            matches the empty text, as ``x*`` does, is refused: it would hold always.
        full: true demands that the whole text matches.

    Example:
        expect:
          - regex: '(?i)order\\s+88213-A'
          - regex: {pattern: "[A-D]", full: true}

    Quantized models typically break a format that was described in words only, such as a date
    or a fixed first line.
    """

    key: ClassVar[str] = "regex"
    shorthand: ClassVar[str | None] = "pattern"

    pattern: str
    full: bool = False

    def __post_init__(self) -> None:
        _params.text("pattern", self.pattern)
        _params.flag("full", self.full)
        pattern = _regex.compiled("pattern", self.pattern)
        if not self.full and _holds_always(pattern):
            raise ValueError(
                f"`pattern` is {self.pattern!r:.80}, which matches the empty text and so every "
                "answer; write what has to be there, or `full: true`"
            )

    def __call__(self, completion: Completion, case: GoldenCase) -> Outcome:
        """Judge the text.

        Raises:
            CheckError: when matching took more than 2 seconds of processor time.
        """
        if too_long := _regex.too_long(completion.text):
            return Outcome.of(too_long)
        if _regex.found(self.pattern, completion.text, full=self.full):
            return Outcome.of([])
        how = "does not match the whole text" if self.full else "matches nowhere"
        return Outcome.of([f"{quote(self.pattern)} {how}; the text is {quote(completion.text)}"])


def _holds_always(pattern: re.Pattern[str]) -> bool:
    """Tell whether a pattern can match nothing anywhere; ``\\A(?!...)`` matches nothing too."""
    if "(?!" in pattern.pattern or "(?<!" in pattern.pattern:
        return False
    return all(pattern.search(probe) for probe in _PROBES)
