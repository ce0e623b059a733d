"""The repeats of one case agree with each other."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from pytest_quantguard.checks import _json, _params, _regex
from pytest_quantguard.checks._text import quote
from pytest_quantguard.errors import CheckError
from pytest_quantguard.types import EMPTY, Completion, GoldenCase, Outcome

_KINDS = ("text", "json", "tool_calls")
_MEASURES = ("majority", "pairwise")
_FOLDED_UP_TO = 1_000_000
_ALONE = "stability needs repeats to compare; give the case `samples: 2` or more"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stability:
    """A model that is asked the same several times gives the same answer.

    Judges all repeats of a case together, so the case needs ``samples`` of at least 2. A repeat in
    which what is compared is missing (no JSON, no call, no match, no text) agrees with no other.
    Whether the answers are *right* is for other checks.

    Parameters:
        of: what has to agree: ``text`` (without case and blanks), ``json`` (the value; order of
            keys and ``1`` or ``1.0`` do not matter), ``tool_calls`` (names and arguments, in any
            order) or ``{pattern: "..."}``, the first match of a regular expression: its group 1
            where it has one.
        least: smallest agreement that holds, above 0 and at most 1; the value of the case is then
            1 or 0. Without it the value is the agreement itself.
        measure: ``majority`` (share of repeats that give the most frequent answer; 0 when no two
            agree) or ``pairwise`` (share of pairs of repeats that agree).

    Example:
        expect:
          - stability: tool_calls
          - stability: {of: {pattern: '(?i)total: ([0-9]+(?:\\.[0-9]+)?)'}, least: 0.8}

    Quantized models typically waver where the baseline is sure: ``3 of 5 repeats agree: 3 times
    "88213-A", 1 time "88273-A"``.
    """

    key: ClassVar[str] = "stability"
    shorthand: ClassVar[str | None] = "of"

    of: str | Mapping[str, Any] = "text"
    least: float | None = None
    measure: str = "majority"

    def __post_init__(self) -> None:
        _params.number("least", self.least, most=1.0)
        _params.one_of("measure", self.measure, _MEASURES)
        if isinstance(self.of, str):
            _params.one_of("of", self.of, _KINDS)
            return
        if not isinstance(self.of, Mapping) or set(self.of) != {"pattern"}:
            raise ValueError(
                f"`of` has to be one of {', '.join(_KINDS)}, or {{pattern: ...}}, "
                f"got {self.of!r:.80}"
            )
        _params.text("of.pattern", self.of["pattern"])
        _regex.compiled("of.pattern", self.of["pattern"])

    def misfit(self, case: GoldenCase) -> str:
        """Say that there are no repeats."""
        return "" if case.samples > 1 else _ALONE

    def __call__(self, completion: Completion, case: GoldenCase) -> Outcome:
        """Refuse: one answer says nothing about stability.

        Raises:
            CheckError: always.
        """
        raise CheckError(_ALONE)

    def over(self, completions: Sequence[Completion], case: GoldenCase) -> Outcome:
        """Judge all repeats together.

        Raises:
            CheckError: when there is only one.
        """
        if len(completions) < 2:
            raise CheckError(_ALONE)
        said = [None if one.empty else self._compared(one) for one in completions]
        counted = Counter(answer for answer in said if answer is not None)
        ranked = counted.most_common()
        top, most = ranked[0] if ranked else (None, 0)
        repeats = tuple(float(answer is not None and answer == top) for answer in said)
        agreement = self._agreement(counted, most, len(said))
        if agreement >= (self.least or 1.0):
            return Outcome(value=1.0, repeats=repeats)
        violations = self._sentences(completions, said, ranked, agreement)
        value = agreement if self.least is None else 0.0
        return Outcome(value=value, violations=violations, repeats=repeats)

    def _agreement(self, counted: Counter[str], most: int, repeats: int) -> float:
        if self.measure == "pairwise":
            pairs = sum(number * (number - 1) for number in counted.values())
            return pairs / (repeats * (repeats - 1))
        return most / repeats if most > 1 else 0.0  # an answer does not agree with itself

    def _compared(self, completion: Completion) -> str | None:
        """Return what is compared as a text; None where it is missing."""
        if self.of == "tool_calls":
            return _calls(completion)
        text = completion.text
        if isinstance(self.of, Mapping):
            matches = [] if _regex.too_long(text) else _regex.labels(self.of["pattern"], text)
            return matches[0] or None if matches else None
        if self.of == "json":
            try:
                return _canonical(_json.parse(text, fenced=True))
            except _json.NotJson:
                return None
        folds = len(text) <= _FOLDED_UP_TO
        return (" ".join(text.casefold().split()) if folds else text) or None

    def _sentences(
        self,
        completions: Sequence[Completion],
        said: Sequence[str | None],
        ranked: Sequence[tuple[str, int]],
        agreement: float,
    ) -> tuple[str, ...]:
        total, most = len(said), ranked[0][1] if ranked else 0
        agree = f"{most} of {total} repeats agree" if most > 1 else f"no two of {total} agree"
        if self.measure == "pairwise":
            agree = f"{100 * agreement:.0f}% of the pairs of {total} repeats agree"
        needed = f", at least {100 * self.least:g}% are needed" if self.least else ""
        shown = ", ".join(
            f"{number} time{'s' if number > 1 else ''} {quote(answer)}"
            for answer, number in ranked[:2]
        )
        more = len(ranked) - 2
        others = f", and {more} other{'s' if more > 1 else ''}" if more > 0 else ""
        found = [f"{agree}{needed}: {shown}{others}" if ranked else f"{agree}{needed}"]
        empty = sum(one.empty for one in completions)
        without = sum(answer is None for answer in said) - empty
        if empty:
            found.append(EMPTY if empty == total else f"{empty} of {total} repeats are empty")
        if without:
            found.append(f"{without} of {total} repeats have {self._missing()}")
        return tuple(found)

    def _missing(self) -> str:
        known = {"json": "no JSON that can be read", "tool_calls": "no tool call"}
        return known.get(str(self.of), "no text" if self.of == "text" else "no match")


def _calls(completion: Completion) -> str | None:
    calls = []
    for call in completion.tool_calls:
        try:
            arguments = _canonical(_json.parse(call.arguments_text))
        except _json.NotJson:
            arguments = call.arguments_text
        calls.append(f"{call.name}({arguments})")
    return ", ".join(sorted(calls)) or None


def _canonical(value: Any) -> str:
    return json.dumps(_plain(value), sort_keys=True, ensure_ascii=False)


def _plain(value: Any) -> Any:
    """Write 1.0 as 1; no deeper than `_json.parse` lets through."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value
