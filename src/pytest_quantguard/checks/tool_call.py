"""The right tool is called with the right arguments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from pytest_quantguard import types
from pytest_quantguard.checks import _expected, _params, _tools
from pytest_quantguard.checks._text import MOST, capped, quote
from pytest_quantguard.types import Completion, GoldenCase, Outcome

_JUDGED = 64
"""Different calls of the right tool that are looked at; the best one counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """The answer calls one tool, its arguments fit the tool's own schema, and nothing else is.

    Four layers are reported, each of which implies the one before: ``called`` (any tool at all),
    ``name`` (the right one), ``valid`` (its arguments are JSON that the tool's schema allows),
    ``expected`` (they are the expected ones, and no other call is made).

    Parameters:
        name: name of the tool; has to be among the case's tools where it has any.
        arguments: the arguments, compared by value: 1 is 1.0, "1" is not 1. Without them any
            arguments will do that the tool's schema allows. A map in it that has a key starting
            with $ is a matcher, from the list below; everything else is meant literally.
        normalize: what is overlooked in literal arguments, any of: case, whitespace, punctuation
            (in texts), number ("12.50" is 12.5, "1,234.5" is 1234.5; 007 is no number), date
            (1 March 2026, March 1, 2026 and 01.03.2026 are 2026-03-01), order (of lists).
        extra_arguments: allow makes arguments right that are not named in `arguments` and that
            the tool's schema allows; forbid is the default.
        extra_calls: true allows further calls.

    Matchers, each wherever a value can stand in `arguments`:
        {$any: true}: any value, as long as there is one.
        {$optional: VALUE}: this value, or no such key.
        {$equals: VALUE}: exactly this, `normalize` or not; $ keys in it are ordinary keys.
        {$one_of: [VALUE, ...]}: one of these.
        {$unordered: [VALUE, ...]}: these, in any order.
        {$regex: PATTERN}: a text that the pattern matches as a whole, within 2 seconds of
            processor time.
        {$number: 12.5, tolerance: 0.01}: a number, or a text that is one; the tolerance is
            absolute, or a share such as "1 %".
        {$date: "2026-03-01"}: this day in any spelling of `normalize: date`; with order: dmy or
            mdy also as 01/03/2026 or 03/01/2026.
        {$text: Berlin, ignore: [case]}: this text, overlooking case, whitespace or punctuation
            (all three without ignore).

    Example:
        expect:
          - tool_call: {name: refund_order, arguments: {order_id: "88213-A"}}
          - tool_call: refund_order            # the same with any valid arguments
          - tool_call:
              name: book_room
              arguments:
                city: {$text: Munich, ignore: [case]}
                from: {$date: "2026-03-01"}
                budget: {$number: 120, tolerance: "1 %"}
                beds: {$optional: {$one_of: [1, 2]}}

    Quantized models typically write the call into the text instead of making it, pick the
    neighbour of the right tool, call twice, or change one digit of an argument: ``refund_order:
    $.order_id: expected "88213-A", got "88273-A" (digit 4: 1 became 7)``.
    """

    key: ClassVar[str] = "tool_call"
    shorthand: ClassVar[str | None] = "name"
    layers: ClassVar[tuple[str, ...]] = ("called", "name", "valid", "expected")

    name: str
    arguments: Mapping[str, Any] | None = None
    normalize: str | Sequence[str] = ()
    extra_arguments: Literal["forbid", "allow"] = "forbid"
    extra_calls: bool = False
    _wanted: _tools.Wanted = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        _params.flag("extra_calls", self.extra_calls)
        norms = _expected.norms("normalize", self.normalize)
        wanted = _tools.wanted(self.name, self.arguments, norms, self.extra_arguments)
        object.__setattr__(self, "normalize", norms)
        object.__setattr__(self, "_wanted", wanted)

    def misfit(self, case: GoldenCase) -> str:
        """Say why no answer to this case could hold; empty when one could."""
        return _tools.misfit(case, [self._wanted])

    def __call__(self, completion: Completion, case: GoldenCase) -> Outcome:
        """Judge the calls.

        Raises:
            CheckError: when the case does not offer the tool, the tool's schema is none, or
                judging took too long.
        """
        tools = _tools.offered(case)
        _tools.demand([self._wanted], tools)
        calls = completion.tool_calls
        if not calls:
            sentence = _tools.no_call(completion, quote(self.name), [self.name, *tools])
            return self._outcome(0, [sentence])
        ours = [call for call in calls if call.name == self.name]
        if not ours:
            return self._outcome(1, capped(self._wrong_tool(call, tools) for call in calls))
        best, grade, found = self._best(completion, ours, tools)
        others = [] if self.extra_calls else self._others(calls, best, tools)
        found = [f"{self.name}: {violation}" for violation in found]
        found = capped(found, MOST - len(others)) + others
        return self._outcome(1 + (grade if not others else min(grade, _tools.VALID)), found)

    def _outcome(self, reached: int, violations: list[str]) -> Outcome:
        layers = {name: float(reached > place) for place, name in enumerate(self.layers)}
        return Outcome.of(violations, layers)

    def _best(
        self, completion: Completion, ours: _tools.Calls, tools: Mapping[str, Any]
    ) -> tuple[types.ToolCall, int, list[str]]:
        """Return the call that got furthest, how far, and what is wrong with it."""
        different = list({str(call.arguments_text): call for call in ours}.values())[:_JUDGED]
        reader = _tools.Reader(completion, different, tools)
        best = (different[0], 0, [""])
        for index, call in enumerate(different):
            grade, found = reader.judge(index, self._wanted)
            if (grade, -len(found)) > (best[1], -len(best[2])):
                best = (call, grade, found)
            if grade == _tools.EXPECTED:
                break
        return best

    def _others(
        self, calls: _tools.Calls, best: types.ToolCall, tools: Mapping[str, Any]
    ) -> list[str]:
        """Say which calls were made beside the best one, and how often that was made."""
        others = [call for call in calls if call != best]
        times = len(calls) - len(others)
        again = f"called {quote(self.name)} {times} times with the same arguments"
        return ([again] if times > 1 else []) + _tools.further(others, tools)

    def _wrong_tool(self, call: types.ToolCall, tools: Mapping[str, Any]) -> str:
        if _tools.unknown(call.name, tools):
            return (
                f"called {quote(call.name)}, which no tool of the case is called, "
                f"expected {quote(self.name)}"
            )
        return f"called the wrong tool: {quote(call.name)}, expected {quote(self.name)}"
