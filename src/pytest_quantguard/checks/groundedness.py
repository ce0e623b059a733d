"""What the answer claims is supported by the context."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from pytest_quantguard.checks import _params
from pytest_quantguard.checks._claims import Claim, claims
from pytest_quantguard.checks._facts import Fact, facts
from pytest_quantguard.checks._known import (
    LONGEST_ANSWER,
    Context,
    content_words,
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

    This compares words, not meanings: it is deterministic, needs no model, and is at home in
    English, German, French, Spanish, Italian, Portuguese and Dutch, when answer and context are in
    the same language. A paraphrase in quite other words is held unsupported; a claim that swaps
    the facts of one and the same sentence passes. Of 122 hand-labelled answers that had no part in
    making it, it found 56 of the 69 unsupported ones, and 4 of the 53 supported ones were false
    alarms. Where that is not enough, give the case a ``judge`` as well: both are reported and
    budgeted apart. For invented facts alone take ``hallucination``.

    Parameters:
        least: share of the claims that have to be supported, above 0 and at most 1.
        context: texts that count instead of the prompt. Without it: all messages but the
            assistant's, at most 2 million characters.
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
        read = read_by(case, self.context)
        return nothing_to_know(read) if case.request.messages else ""  # a test may ask later

    def __call__(self, completion: Completion, case: GoldenCase) -> Outcome:
        """Judge the text.

        Raises:
            CheckError: when there is no context.
        """
        if nothing := nothing_to_know(read_by(case, self.context)):
            raise CheckError(nothing)
        text = completion.text
        if len(text) > LONGEST_ANSWER:
            return Outcome.of([too_long(text)], {"supported": 0.0})
        found = facts(text)
        every = ((claim, _facts_of(claim, found)) for claim in claims(text))
        made = [(claim, near) for claim, near in every if near or _says_something(claim)]
        made = made[: MOST_CLAIMS + 1]
        if len(made) > MOST_CLAIMS:
            return Outcome.of(
                [f"the answer makes more than {MOST_CLAIMS} claims; no more are judged"],
                {"supported": 0.0},
            )
        if not made:
            violations = [] if self.allow_none else [f"nothing is claimed: {quote(text, 100)}"]
            return Outcome.of(violations, {"supported": float(self.allow_none)})
        return self._judged(made, text, context(read_by(case, self.context)))

    def _judged(
        self, made: Sequence[tuple[Claim, Sequence[Fact]]], text: str, known: Context
    ) -> Outcome:
        doubts: dict[str, str] = {}
        supported = 0
        for claim, near in made:
            if claim.bare not in doubts:  # a loop says one thing a hundred times
                why = doubt(claim, near, known, text)
                doubts[claim.bare] = why.why if why else ""
            supported += not doubts[claim.bare]
        share = supported / len(made)
        if share >= self.least:
            return Outcome.of([], {"supported": share})
        reasons = [
            f"{quote(claim, 100)} is not supported: {why}" for claim, why in doubts.items() if why
        ]
        total = (
            f"{supported} of {len(made)} claims are supported, at least {self.least:.0%} are needed"
        )
        return Outcome.of([*reasons[: MOST - 1], total], {"supported": share})


def _says_something(claim: Claim) -> bool:
    return not claim.meta and bool(content_words(claim.bare))


def _facts_of(claim: Claim, found: Sequence[Fact]) -> list[Fact]:
    """Return the facts that begin in a claim; ``found`` is in order."""
    first = bisect_left(found, claim.start, key=_start)
    return list(found[first : bisect_left(found, claim.start + len(claim.text), key=_start)])


def _start(fact: Fact) -> int:
    return fact.start
