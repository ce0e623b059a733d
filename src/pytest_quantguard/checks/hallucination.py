"""The answer invents no facts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import ClassVar

from pytest_quantguard.checks import _params
from pytest_quantguard.checks._closest import closest, closest_quantity
from pytest_quantguard.checks._derived import derived
from pytest_quantguard.checks._entities import is_altered, letter_note
from pytest_quantguard.checks._facts import KINDS, Fact, facts, unknown
from pytest_quantguard.checks._known import (
    LONGEST_ANSWER,
    Context,
    context,
    nothing_to_know,
    read_by,
    too_long,
)
from pytest_quantguard.checks._text import capped, digit_note, quote
from pytest_quantguard.errors import CheckError
from pytest_quantguard.types import Completion, GoldenCase, Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Hallucination:
    """Every fact that the answer names stands in what the model was given to read.

    Facts are numbers with their units (amounts, dates, percentages ...), names, references (URLs,
    mail addresses, telephone numbers, identifiers) and quotations of at least four words. Spelling
    does not matter: 1.2 million is 1,200,000, March 1 is 2026-03-01, two years are 2 years; behind
    a word such as *about* a number may be rounded. The numbers of lists, steps and sources, and
    what stands in a code block, are no facts. That a fact stands somewhere does not make the
    sentence around it true: for that take ``groundedness``, or a ``judge``, beside this check.

    Names are told by their capitals, as in ``entities_preserved``: not at the start of a sentence,
    and in German only those of several words, with a title, or with unusual capitals.

    Parameters:
        kinds: what is looked at, one or several of ``numbers``, ``names``, ``references`` and
            ``quotes``. Default: all.
        allow: texts whose facts may be named though the context lacks them, such as a product's
            name or the year.
        derived: true allows results of simple calculations with the numbers of the context: sums,
            differences, products, quotients, percentages, days between dates. With many numbers in
            the context nearly every small number is such a result.
        context: texts that count instead of the prompt. Without it: all messages but the
            assistant's, at most 2 million characters.

    The kinds are layers: 1 where no fact of the kind is invented, else 0. Of 122 hand-labelled
    answers that had no part in making it, it found all 40 that invent something, and 3 of the other
    82 were false alarms. An answer of more than 200,000 characters violates the check, and so does
    one without text.

    Example:
        expect:
          - hallucination
          - hallucination: [numbers, references]
          - hallucination: {allow: ["Torardal Support", "2026"], derived: true}

    Quantized models typically get one digit or letter wrong, or fill a gap with a likely value:
    ``"625 grams" stands nowhere in the context, closest is "652 grams"``.
    """

    key: ClassVar[str] = "hallucination"
    shorthand: ClassVar[str | None] = "kinds"
    layers: ClassVar[tuple[str, ...]] = KINDS

    kinds: Sequence[str] = KINDS
    allow: Sequence[str] = ()
    derived: bool = False
    context: Sequence[str] = ()

    def __post_init__(self) -> None:
        kinds = _params.texts("kinds", self.kinds)
        for kind in kinds:
            _params.one_of("kinds[]", kind, KINDS)
        if not kinds:
            raise ValueError(f"`kinds` is an empty list; name one of {', '.join(KINDS)}")
        _params.flag("derived", self.derived)
        object.__setattr__(self, "kinds", kinds)
        object.__setattr__(self, "allow", _params.texts("allow", self.allow))
        object.__setattr__(self, "context", _params.texts("context", self.context))

    def misfit(self, case: GoldenCase) -> str:
        """Say so when there is nothing that a fact could stand in."""
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
        wrong = ""
        if len(text) > LONGEST_ANSWER:
            wrong = too_long(text)
        elif not text.strip():
            wrong = "there is no text whose facts could be looked up"
        if wrong:
            return Outcome.of([wrong], dict.fromkeys(KINDS, 0.0))
        known = context(read_by(case, self.context))
        invented = self._invented(text, known)
        kinds = {fact.kind for fact in invented}
        return Outcome.of(
            capped(_sentence(fact, known) for fact in invented),
            {kind: float(kind not in kinds) for kind in KINDS},
        )

    def _invented(self, text: str, known: Context) -> list[Fact]:
        allowed = context("\n".join(self.allow)) if self.allow else None
        found: dict[tuple[str, str], Fact] = {}
        results: dict[str, bool] = {}
        for fact in facts(text):
            if fact.kind not in self.kinds or not unknown(fact, known, text):
                continue
            if allowed and not unknown(fact, allowed, text):
                continue
            if self.derived and fact.number:
                if fact.text not in results:
                    results[fact.text] = derived(fact.number, known.numbers)
                if results[fact.text]:
                    continue
            found.setdefault((fact.kind, fact.text), fact)
        return list(found.values())


def _sentence(fact: Fact, known: Context) -> str:
    if fact.kind == "quotes":
        return f"the quotation {quote(fact.text, 80)} stands nowhere in the context"
    return f"{quote(fact.text)} stands nowhere in the context{_nearest(fact, known)}"


def _nearest(fact: Fact, known: Context) -> str:
    """Say what stands there instead, or nothing."""
    if fact.kind == "names":
        for word in fact.words:
            for other in islice(sorted(known.name_words), 2_000):
                if is_altered(other, word) and word.casefold() != other:
                    return f", closest is {quote(other)}{letter_note(other, word.casefold())}"
        return ""
    one = fact.number
    if one is None:
        return closest(fact.text, known.text)
    alike = [
        other
        for other in known.numbers
        if not (one.units and other.units) or one.units & other.units
    ]
    if nearest := closest_quantity(one, alike):
        return f", closest is {quote(nearest.text)}{digit_note(nearest.text, one.text)}"
    mates = {other.text for other in alike if other.units and one.units}
    return f"; there it is {quote(mates.pop())}" if len(mates) == 1 else ""
