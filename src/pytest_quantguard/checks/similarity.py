"""The answer resembles a reference."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from pytest_quantguard.checks import _params
from pytest_quantguard.checks._overlap import MEASURES
from pytest_quantguard.checks._text import quote
from pytest_quantguard.errors import CheckError
from pytest_quantguard.types import Completion, GoldenCase, Outcome

_LOOKED_AT = 50_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Similarity:
    """The text shares enough characters or words with a reference answer.

    Letters and words are compared, not meaning: a right answer in other words scores low. Choose
    ``least`` well below what the baseline reaches, or let ``graded`` compare the models' scores.

    Parameters:
        least: smallest score that holds, above 0 and at most 1. Usual are 0.4 to 0.7.
        reference: the text to resemble, or several of which the nearest counts. Without it: the
            ``reference`` of the case.
        measure: ``chrf`` (characters in runs of 1 to 6; any language; chrF2 of Popović 2015),
            ``rouge_l`` (longest common subsequence of words; Lin 2004) or ``token_f1`` (common
            words in any order, as in SQuAD).
        graded: true makes the score itself the value of the case, instead of 1 or 0; leave
            ``least`` out then.

    A text of more than 50,000 characters is not compared, and scores 0.

    Example:
        expect:
          - similarity: {least: 0.5, reference: "Your order 88213-A was refunded today."}
          - similarity: {graded: true, measure: token_f1, reference: [Paris, "It is Paris."]}

    Quantized models typically leave out the second half of an answer, or drift from the subject:
    ``chrF with the reference is 0.31, at least 0.5 is needed; the text is "Your order was..."``.
    """

    key: ClassVar[str] = "similarity"
    shorthand: ClassVar[str | None] = "least"

    least: float | None = None
    reference: str | Sequence[str] = ()
    measure: str = "chrf"
    graded: bool = False

    def __post_init__(self) -> None:
        _params.number("least", self.least, most=1.0)
        _params.one_of("measure", self.measure, MEASURES)
        _params.flag("graded", self.graded)
        references = _params.texts("reference", self.reference)
        for text in references:
            if problem := _unusable(text):
                raise ValueError(f"`reference` {problem}")
        if (self.least is None) != self.graded:
            raise ValueError("give one of `least`, such as 0.5, and `graded: true`")
        object.__setattr__(self, "reference", references)

    def misfit(self, case: GoldenCase) -> str:
        """Say that there is nothing to compare with."""
        if self.reference:
            return ""
        if case.reference is None:
            return "there is nothing to compare with; give `reference` here or with the case"
        problem = _unusable(case.reference)
        return f"the case's reference {problem}" if problem else ""

    def __call__(self, completion: Completion, case: GoldenCase) -> Outcome:
        """Judge the text.

        Raises:
            CheckError: when neither the check nor the case has a reference that can be used.
        """
        if misfit := self.misfit(case):
            raise CheckError(misfit)
        text = completion.text
        name, score_of = MEASURES[self.measure]
        if len(text) > _LOOKED_AT:
            return Outcome.of(
                [f"the answer has {len(text)} characters; at most {_LOOKED_AT} are compared"]
            )
        references = self.reference or (case.reference or "",)
        score = max(score_of(text, reference) for reference in references)
        least = 1.0 if self.least is None else self.least
        if score >= least:
            return Outcome.of([])
        which = "the nearest of the references" if len(references) > 1 else "the reference"
        needed = "" if self.graded else f", at least {self.least:g} is needed"
        shown = math.floor(1000 * score) / 1000  # never rounded up to what is needed
        sentence = f"{name} with {which} is {shown:g}{needed}; the text is {quote(text, 80)}"
        return Outcome(value=score if self.graded else 0.0, violations=(sentence,))


def _unusable(reference: str) -> str:
    if len(reference) > _LOOKED_AT:
        return f"has {len(reference)} characters; at most {_LOOKED_AT} are compared"
    if not any(char.isalnum() for char in reference):
        return f"is {quote(reference)}, without a letter or a digit"
    return ""
