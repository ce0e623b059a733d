"""What the answer claims is supported by the context."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import ClassVar

from pytest_quantguard.checks import _params
from pytest_quantguard.checks._claims import Claim, claims
from pytest_quantguard.checks._facts import facts, within
from pytest_quantguard.checks._known import (
    LONGEST_ANSWER,
    context,
    nothing_to_know,
    read_by,
    too_long,
)
from pytest_quantguard.checks._support import doubt
from pytest_quantguard.checks._text import MOST, quote
from pytest_quantguard.errors import CheckError
from pytest_quantguard.types import Completion, GoldenCase, Outcome

MOST_CLAIMS = 400
"""Claims of one answer that are judged; one that makes more violates the check."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Groundedness:
    """What the answer claims is supported by what the model was given to read.

    Every sentence and list item is a claim, but for headings, questions, announcements ("Here is a
    summary:"), greetings, and sentences that say that something is not known. A claim is supported
    unless

    - a number, date, name, address or quotation of it stands nowhere in the context;
    - a sentence of the context says the same without, or with, a negation, with an opposite word,
      or of another party;
    - its number stands only in sentences about something else;
    - fewer than 60 % of its content words (cut to five letters, numbers count one and a half) stand
      in the three sentences of the context that fit it best.

    This is a comparison of words, not of meanings: it is deterministic, needs no model, and is at
    home in English, German, French, Spanish, Italian, Portuguese and Dutch, when answer and context
    are in the same language. A paraphrase in quite other words is held unsupported, and a claim that
    rearranges the words of one sentence passes. On 45 hand-labelled claims that had no part in
    making it, it found X of Y unsupported ones, with Z false alarms. Where that is not enough, give
    the case a `judge` check as well: each has its own budget, and the judge's cost is spent on
    meaning only. For invented facts alone take `hallucination`.

    Parameters:
        least: share of the claims that have to be supported, above 0 and at most 1.
        context: texts that count instead of the prompt. Without it: all messages but the
            assistant's, the first 2 million characters.
        allow_none: true lets an answer without any claim hold, such as "The text does not say".

    The layer ``supported`` is the share of supported claims. An answer of more than 200,000
    characters or 400 claims violates the check.

    Example:
        expect:
          - groundedness
          - groundedness: 1.0
          - groundedness: {least: 0.9, context: ["The Torardal weighs 652 grams."]}

    Quantized models typically keep the sentence and change the fact, or lose a *not*: ``"The
    Torardal weighs 625 grams." is not supported: "625 grams" stands nowhere in the context``.
    """

    key: ClassVar[str] = "groundedness"
    shorthand: ClassVar[str | None] = "least"
    layers: ClassVar[tuple[str, ...]] = ("supported",)

    least: float = 0.8
    context: Sequence[str] = ()
    allow_none: bool = False

    def __post_init__(self) -> None:
        _params.number("least", self.least, most=1.0)
        if self.least is None:
            raise ValueError("`least` has to be a number above 0 and at most 1, got None")
        _params.flag("allow_none", self.allow_none)
        object.__setattr__(self, "context", _params.texts("context", self.context))

    def misfit(self, case: GoldenCase) -> str:
        """Say so when there is nothing that could support a claim."""
        return nothing_to_know(read_by(case, self.context))

    def __call__(self, completion: Completion, case: GoldenCase) -> Outcome:
        """Judge the text.

        Raises:
            CheckError: when there is no context.
        """
        if nothing := self.misfit(case):
            raise CheckError(nothing)
        text = completion.text
        if len(text) > LONGEST_ANSWER:
            return Outcome.of([too_long(text)], {"supported": 0.0})
        made = list(islice(claims(text), MOST_CLAIMS + 1))
        if len(made) > MOST_CLAIMS:
            return Outcome.of(
                [f"the answer makes more than {MOST_CLAIMS} claims; no more are judged"],
                {"supported": 0.0},
            )
        if not made:
            violations = [] if self.allow_none else [f"nothing is claimed: {quote(text, 100)}"]
            return Outcome.of(violations, {"supported": float(self.allow_none)})
        return self._judged(made, text, read_by(case, self.context))

    def _judged(self, made: Sequence[Claim], text: str, read: str) -> Outcome:
        known, found = context(read), facts(text)
        doubts: dict[str, str] = {}
        supported = 0
        for claim in made:
            if claim.bare not in doubts:
                near = within(found, claim.start, claim.start + len(claim.text))
                why = doubt(claim, near, known, text)
                doubts[claim.bare] = why.why if why else ""
            supported += not doubts[claim.bare]
        share = supported / len(made)
        if share >= self.least:
            return Outcome.of([], {"supported": share})
        first = (
            f"{supported} of {len(made)} claims are supported, at least {self.least:.0%} are needed"
        )
        reasons = [
            f"{quote(claim, 100)} is not supported: {why}" for claim, why in doubts.items() if why
        ]
        return Outcome.of([*reasons[: MOST - 1], first], {"supported": share})
