"""The answer does not go round in circles."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import ClassVar

from pytest_quantguard.checks import _params, _regular
from pytest_quantguard.checks._loops import RUN, Loop, duplicate_share, tail_loop
from pytest_quantguard.checks._text import capped, quote
from pytest_quantguard.types import Completion, GoldenCase, Outcome

_CALLS = 16
"""Tool calls whose arguments are searched for loops."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Repetition:
    """The answer does not get stuck in a loop.

    Two signs are looked for in the text and in the arguments of the first 16 tool calls: a unit
    (letters, a line, several sentences) that is repeated up to the very end, and a large share of
    runs of eight words that occurred before. The same call made again and again is a loop too.
    Ordinary lists, tables, code, refrains and a "ha ha ha" are none.

    A loop at the end holds at least 60 letters, or is 200 characters long; its last repeat may be
    cut; blanks, punctuation, case and the numbers of a list do not matter. It is searched in the
    last 20,000 characters. The same sentence with other numbers or single letters ("Step 7: Check
    the order.") is a loop from 25 repeats on, or five times ``times``. Runs of words are counted in
    the first and the last 50,000 characters, when there are at least 50; lines that begin with a
    time or an address, as in a log, do not count.

    Unless the answer was cut off by the token limit, these are none either: JSON, whole or in a
    fence at the end, of which only texts of four words and more are looked at; rules and lines to
    write on of up to 500 characters; rows of equal short cells of up to 4,000.

    Parameters:
        times: smallest number of repeats that makes a loop, at least 2.
        max_share: largest share of repeated runs of eight words, above 0 and at most 1 (1 looks
            for loops at the end only). Prose has less than 0.05, contracts and lists of objects
            have up to 0.4.

    Example:
        expect:
          - repetition                 # 5 times, a share of 0.5
          - repetition: {times: 3, max_share: 0.2}

    Quantized models typically fall into a loop in long answers and stay there until the token limit
    stops them: ``the text repeats "I am sorry for the inconvenience. " 41 times, from line 3 to the
    end``.
    """

    key: ClassVar[str] = "repetition"
    shorthand: ClassVar[str | None] = "times"

    times: int = 5
    max_share: float = 0.5

    def __post_init__(self) -> None:
        _params.count("times", self.times, least=2)
        _params.number("max_share", self.max_share, most=1.0)
        for field, value in (("times", self.times), ("max_share", self.max_share)):
            if value is None:
                raise ValueError(f"`{field}` has to be a number, got None")

    def __call__(self, completion: Completion, case: GoldenCase) -> Outcome:
        """Judge the text and the tool calls."""
        return Outcome.of(capped(self._found(completion)))

    def _found(self, completion: Completion) -> Iterator[str]:
        cut = completion.finish_reason == "length"
        yield from self._looked_at("the text", completion.text, cut)
        for call in islice(completion.tool_calls, _CALLS):
            where = f"the text of the arguments of {quote(call.name, 40)}"
            yield from self._looked_at(where, call.arguments_text, cut)
        if len(completion.tool_calls) >= self.times:
            made = Counter((call.name, call.arguments_text) for call in completion.tool_calls)
            (name, arguments), times = made.most_common(1)[0]
            if times >= self.times:
                yield f"{quote(name, 40)} is called {times} times with the same {quote(arguments)}"

    def _looked_at(self, where: str, text: str, cut: bool) -> Iterator[str]:
        values = None if cut else _regular.values(text)
        if values is None:
            yield from self._loop(where, text, cut) or self._share(where, text)
            return
        for value in values:
            if problem := self._loop(f"a value in {where}", value, cut):
                yield from problem
                return
        yield from self._share(f"the values in {where}", "\n".join(values))

    def _loop(self, where: str, text: str, cut: bool) -> list[str]:
        loop = tail_loop(text, self.times, cut=cut)
        if not loop:
            return []
        numbers = " with other numbers or letters" if loop.counting else ""
        times = f"{loop.times} times{numbers}"
        return [f"{where} repeats {quote(loop.unit)} {times}, {_from(loop, text)} to the end"]

    def _share(self, where: str, text: str) -> Iterator[str]:
        found = duplicate_share(text) if self.max_share < 1 else None
        if found and found[0] > self.max_share:
            share, most = found
            yield (
                f"{100 * share:.0f}% of the runs of {RUN} words in {where} stood there before, at "
                f"most {100 * self.max_share:g}% are allowed; {quote(most.unit)} stands there "
                f"{most.times} times, {_from(most, text)} on"
            )


def _from(loop: Loop, text: str) -> str:
    line = text.count("\n", 0, loop.start) + 1
    if line > 1:
        return f"from line {line}"
    return f"from character {loop.start + 1}"
