"""Long numbers survive digit by digit."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from pytest_quantguard.checks import _params
from pytest_quantguard.checks._closest import closest
from pytest_quantguard.checks._text import capped, quote
from pytest_quantguard.errors import CheckError
from pytest_quantguard.types import Completion, GoldenCase, Outcome

_LOOKED_AT = 1_000_000
_GROUPED = re.compile(
    r"(?<![0-9])[1-9][0-9]{0,2}([,'_ \u00a0\u202f])[0-9]{3}(?:\1[0-9]{3})*(?![0-9])"
)
_SEPARATOR = re.compile(r"[^0-9]")


@dataclass(frozen=True, slots=True, kw_only=True)
class NumbersPreserved:
    """The long numbers of the prompt stand in the answer, digit by digit.

    The answer is the text together with the arguments of all tool calls. ``1,234,567`` counts as
    1234567, a digit more or less on either side does not. What stands after a million characters
    counts as lost.

    Parameters:
        numbers: the numbers or identifiers that have to survive, such as ``88213-A``. Without
            them: every run of at least ``min_digits`` digits (0 to 9) in the user's messages.
        min_digits: shortest run that is looked for in the prompt, in digits.

    Example:
        expect:
          - numbers_preserved: ["88213-A", "4711000012"]
          - numbers_preserved: {min_digits: 6}

    Quantized models typically change, drop or swap one digit of a long identifier: ``"88213-A" is
    lost, closest is "88273-A" (digit 4: 1 became 7)``.
    """

    key: ClassVar[str] = "numbers_preserved"
    shorthand: ClassVar[str | None] = "numbers"

    numbers: Sequence[str] = ()
    min_digits: int = 5

    def __post_init__(self) -> None:
        numbers = _params.texts("numbers", self.numbers)
        for number in numbers:
            if not re.search("[0-9]", number):
                raise ValueError(
                    f"`numbers` has to hold numbers, got {number!r:.80} without a digit"
                )
        _params.count("min_digits", self.min_digits, least=1)
        if self.min_digits is None:
            raise ValueError("`min_digits` has to be a whole number of at least 1, got None")
        object.__setattr__(self, "numbers", numbers)

    def __call__(self, completion: Completion, case: GoldenCase) -> Outcome:
        """Judge text and arguments.

        Raises:
            CheckError: when there is no number that could be lost.
        """
        wanted = self.numbers or self._from_prompt(case)
        if not wanted:
            raise CheckError(
                f"the user's messages hold no number of {self.min_digits} digits or more, so none "
                "can be lost; list `numbers`, or lower `min_digits`"
            )
        answer = "\n".join(
            [completion.text, *(call.arguments_text for call in completion.tool_calls)]
        )
        answer = answer[:_LOOKED_AT]
        whole = _whole_numbers({number for number in wanted if number.isdecimal()}, answer)
        lost = (
            number
            for number in wanted
            if number not in whole and (number.isdecimal() or not _stands(number, answer))
        )
        return Outcome.of(
            capped(f"{quote(number)} is lost{closest(number, answer)}" for number in lost)
        )

    def _from_prompt(self, case: GoldenCase) -> list[str]:
        found = re.findall(rf"[0-9]{{{self.min_digits},}}", "\n".join(_user_texts(case)))
        return list(dict.fromkeys(found))


def _user_texts(case: GoldenCase) -> list[str]:
    texts: list[Any] = []
    for message in case.request.messages:
        if message.get("role") == "user":
            content = message.get("content")
            parts = content if isinstance(content, list) else [{"text": content}]
            texts += [part.get("text") for part in parts if isinstance(part, dict)]
    return [text for text in texts if isinstance(text, str)]


def _whole_numbers(wanted: set[str], answer: str) -> set[str]:
    """Return those that stand in the answer with no further digit on either side."""
    if not wanted:
        return set()
    shortest, longest = min(map(len, wanted)), max(map(len, wanted))
    run = re.compile(rf"(?<![0-9])[0-9]{{{shortest},{longest}}}(?![0-9])")
    found = {match[0] for match in run.finditer(answer) if match[0] in wanted}
    grouped = (_SEPARATOR.sub("", match[0]) for match in _GROUPED.finditer(answer))
    return found.union(number for number in grouped if number in wanted)


def _stands(number: str, answer: str) -> bool:
    if number not in answer:
        return False
    return bool(re.search(rf"(?<![0-9A-Za-z]){re.escape(number)}(?![0-9A-Za-z])", answer))
