"""Numbers, amounts, dates and identifiers survive digit by digit."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from pytest_quantguard.checks import _params
from pytest_quantguard.checks._closest import closest, closest_quantity
from pytest_quantguard.checks._given import PLACES, given, holder
from pytest_quantguard.checks._quantities import Quantity, agrees, quantities
from pytest_quantguard.checks._text import capped, digit_note, listed, quote
from pytest_quantguard.errors import CheckError
from pytest_quantguard.types import Completion, GoldenCase, Outcome

KINDS = {
    "long": (),
    "numbers": ("number", "amount", "percentage", "measure"),
    "amounts": ("amount",),
    "percentages": ("percentage",),
    "measures": ("measure",),
    "dates": ("date",),
    "times": ("time",),
    "phones": ("phone",),
    "identifiers": ("identifier",),
}
"""What `kinds` may name, and the kinds of quantities that it means."""

_LOOKED_AT = 1_000_000
_GROUPED = re.compile(
    r"(?<![0-9])[1-9][0-9]{0,2}([,'_ \u00a0\u202f])[0-9]{3}(?:\1[0-9]{3})*(?![0-9])"
)
_SEPARATOR = re.compile(r"[^0-9]")

Wanted = str | Quantity


@dataclass(frozen=True, slots=True, kw_only=True)
class NumbersPreserved:
    """The numbers of the prompt stand in the answer, digit by digit.

    The answer is the text together with the arguments of all tool calls. ``1,234,567`` counts as
    1234567, a digit more or less on either side does not. What stands after a million characters
    counts as lost.

    Amounts, percentages, measures, dates, times and telephone numbers may be spelled another way:
    ``1.234,50 EUR`` is kept by ``1,234.50 euros``, ``2026-03-01`` by ``March 1, 2026``, and
    ``+49 30 1234567`` by ``030 1234567``. Nothing is converted or rounded (1 kg is not 1000 g);
    what can be read in two ways (``1,234``, ``03/04/2026``) is kept by either. For one spelling
    only, take ``contains``. Identifiers are compared letter by letter.

    Parameters:
        numbers: the numbers or identifiers that have to survive, such as ``88213-A`` or
            ``12.50 EUR``. Without them those of the prompt.
        kinds: what is looked for in the prompt, one or several: ``long`` (runs of at least
            ``min_digits`` digits), ``numbers`` (all, with their units), ``amounts``,
            ``percentages``, ``measures``, ``dates``, ``times``, ``phones``, ``identifiers``.
        min_digits: shortest run that is ``long``, in digits (0 to 9).
        given_in: ``user`` looks into the user's messages, ``prompt`` into the system's and the
            tools' too.

    Example:
        expect:
          - numbers_preserved: ["88213-A", "4711000012", "1,234.50 EUR"]
          - numbers_preserved: {min_digits: 6}
          - numbers_preserved: {kinds: [amounts, dates], given_in: prompt}

    Quantized models typically change, drop or swap one digit of a long identifier: ``"88213-A" is
    lost, closest is "88273-A" (digit 4: 1 became 7)``.
    """

    key: ClassVar[str] = "numbers_preserved"
    shorthand: ClassVar[str | None] = "numbers"

    numbers: Sequence[str] = ()
    kinds: Sequence[str] = ("long",)
    min_digits: int = 5
    given_in: str = "user"

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
        kinds = _params.texts("kinds", self.kinds)
        for kind in kinds:
            _params.one_of("kinds[]", kind, KINDS)
        if not kinds:
            raise ValueError(f"`kinds` is an empty list; name one of {', '.join(KINDS)}")
        _params.one_of("given_in", self.given_in, PLACES)
        object.__setattr__(self, "numbers", numbers)
        object.__setattr__(self, "kinds", kinds)

    def misfit(self, case: GoldenCase) -> str:
        """Say so when the prompt holds no number that could be lost."""
        if self._wanted(case) or not case.request.messages:  # a test may ask later
            return ""
        return self._nothing(case)

    def _nothing(self, case: GoldenCase) -> str:
        long = "long" in self.kinds
        found = {quantity.kind for quantity in quantities(given(case, self.given_in))}
        others = [name for name, kinds in KINDS.items() if found.intersection(kinds)]
        return (
            f"{holder(self.given_in)} no number of "
            + (f"{self.min_digits} digits or more" if long else f"the kinds {listed(self.kinds)}")
            + ", so none can be lost; list `numbers`"
            + (", or lower `min_digits`" if long else "")
            + (f", or name `kinds` that are there: {', '.join(others)}" if others else "")
        )

    def __call__(self, completion: Completion, case: GoldenCase) -> Outcome:
        """Judge text and arguments.

        Raises:
            CheckError: when there is no number that could be lost.
        """
        wanted = self._wanted(case)
        if not wanted:
            raise CheckError(self._nothing(case))
        answer = "\n".join(
            [completion.text, *(call.arguments_text for call in completion.tool_calls)]
        )
        return Outcome.of(capped(_lost(wanted, answer[:_LOOKED_AT])))

    def _wanted(self, case: GoldenCase) -> list[Wanted]:
        if self.numbers:
            return [_understood(number) for number in self.numbers]
        prompt = given(case, self.given_in)
        names = {name for kind in self.kinds for name in KINDS[kind]}
        chosen = [quantity for quantity in quantities(prompt) if quantity.kind in names]
        if "long" not in self.kinds:
            return _distinct(chosen)
        taken = {at for quantity in chosen for at in range(quantity.start, quantity.end)}
        runs = re.finditer(rf"[0-9]{{{self.min_digits},}}", prompt)
        bare = dict.fromkeys(run[0] for run in runs if run.start() not in taken)
        return [*bare, *_distinct(chosen)]


def _understood(number: str) -> Wanted:
    """Read a listed number: as a quantity where its spelling may change, else letter by letter."""
    bare = number.strip()
    found = quantities(bare)
    if len(found) != 1 or (found[0].start, found[0].end) != (0, len(bare)):
        return number
    literal = found[0].kind == "identifier" or bare.isdecimal()
    return number if literal else found[0]


def _distinct(found: Iterable[Quantity]) -> list[Wanted]:
    return list({(quantity.values, quantity.units): quantity for quantity in found}.values())


# --- looking for them -----------------------------------------------------------------------------


def _lost(wanted: Sequence[Wanted], answer: str) -> Iterator[str]:
    plain = {number for number in wanted if isinstance(number, str) and number.isdecimal()}
    whole = _whole_numbers(plain, answer)
    index = _index(answer) if any(isinstance(one, Quantity) for one in wanted) else {}
    for one in wanted:
        if isinstance(one, Quantity):
            if not _kept(one, index) and not _stands(one.text, answer):
                yield f"{quote(one.text)} is lost{_nearest(one, index, answer)}"
        elif one not in whole and (one in plain or not _stands(one, answer)):
            yield f"{quote(one)} is lost{closest(one, answer)}"


def _index(answer: str) -> dict[str, list[Quantity]]:
    found: dict[str, list[Quantity]] = {}
    for quantity in quantities(answer):
        for value in quantity.values:
            found.setdefault(value, []).append(quantity)
    return found


def _kept(wanted: Quantity, index: Mapping[str, list[Quantity]]) -> bool:
    if wanted.kind == "phone":  # a national number is the end of an international one
        others = (other for found in index.values() for other in found if other.kind == "phone")
    else:
        others = (other for value in wanted.values for other in index.get(value, ()))
    if wanted.kind == "identifier":  # only the blanks of an IBAN are a matter of spelling
        bare = wanted.text.replace(" ", "")
        return any(other.text.replace(" ", "") == bare for other in others)
    return any(agrees(wanted, other) for other in others)


def _nearest(wanted: Quantity, index: Mapping[str, list[Quantity]], answer: str) -> str:
    """Say what stands in the answer instead of a quantity, and what changed."""
    if wanted.kind == "identifier":
        return closest(wanted.text, answer)
    for other in (other for value in wanted.values for other in index.get(value, ())):
        return f", closest is {quote(other.text)} ({_unit(wanted)} became {_unit(other)})"
    every = (other for found in index.values() for other in found)
    nearest = closest_quantity(wanted, every)
    if nearest is None:
        return closest(wanted.text, answer)
    date = wanted.kind == "date"
    note = _part(wanted, nearest) if date else digit_note(wanted.text, nearest.text)
    return f", closest is {quote(nearest.text)}{note}"


def _unit(quantity: Quantity) -> str:
    return quote(re.sub(r"[0-9][0-9.,' \u00a0\u202f]*", "", quantity.text).strip() or "no unit")


def _part(wanted: Quantity, other: Quantity) -> str:
    """Say which part of a date changed."""
    have, got = min(wanted.values).split("-"), min(other.values).split("-")
    if len(have) != len(got) or not (have[0] and got[0]):
        return ""
    changed = [
        f"the {name} {one} became {another}"
        for name, one, another in zip(("year", "month", "day"), have, got, strict=False)
        if one != another
    ]
    return f" ({', '.join(changed)})" if changed else ""


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
