"""Expected calls against the calls that were made: which belongs to which, and what is left."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pytest_quantguard.checks import _tools, _values
from pytest_quantguard.checks._hidden import hidden
from pytest_quantguard.checks._text import quote
from pytest_quantguard.types import Completion

MOST_MADE = 64
"""Calls of one answer that are looked at."""

_WORTH = (0, 1, 100, 10_000)
"""Of a pair by its grade: one right call outweighs any number of calls that are merely valid."""

Pairs = dict[int, int]


class Alignment:
    """The calls of one answer beside the expected ones."""

    def __init__(
        self, wanted: Sequence[_tools.Wanted], completion: Completion, tools: Mapping[str, Any]
    ) -> None:
        self.wanted = wanted
        self.completion = completion
        self.tools = tools
        self.made = completion.tool_calls[:MOST_MADE]
        self._reader = _tools.Reader(completion, self.made, tools)
        self._judged: dict[tuple[int, int], tuple[int, list[str]]] = {}

    def judged(self, expected: int, made: int) -> tuple[int, list[str]]:
        """Return the grade of a pair (0 for another tool), and what is wrong with the call.

        Raises:
            CheckError: the tool's schema is none, or judging took too long.
        """
        if self.wanted[expected].name != self.made[made].name:
            return 0, []
        pair = (expected, made)
        if pair not in self._judged:
            self._judged[pair] = self._reader.judge(made, self.wanted[expected])
        return self._judged[pair]

    def complete(self, grade: int, in_order: bool, extra_calls: bool) -> bool:
        """Tell whether each expected call has a call of its own of at least this grade."""
        count = len(self.completion.tool_calls)
        if count < len(self.wanted) or (count > len(self.wanted) and not extra_calls):
            return False
        if not in_order:
            return len(_values.matching(self._fits(grade))) == len(self.wanted)
        at = 0
        for expected in range(len(self.wanted)):  # the first that fits leaves most to the others
            fits = (m for m in range(at, len(self.made)) if self.judged(expected, m)[0] >= grade)
            found = next(fits, None)
            if found is None:
                return False
            at = found + 1
        return True

    def sentences(self, *, in_order: bool, extra_calls: bool) -> Iterator[str]:
        """Yield what is wrong, call by call."""
        total = len(self.completion.tool_calls)
        if total > MOST_MADE:
            yield f"there are {total} calls; the first {MOST_MADE} are looked at"
        pairs = self._in_order() if in_order else self._in_any_order()
        moved = self._moved(pairs) if in_order else {}
        taken = {made: expected for expected, made in (pairs | moved).items()}
        missing = [e for e in range(len(self.wanted)) if e not in pairs and e not in moved]
        for made, call in enumerate(self.made):
            if made in taken:
                yield from self._pair(taken[made], made, taken[made] in moved)
            elif not extra_calls:
                yield self._extra(made, call.name, list(taken))
        for expected in missing:
            yield self._missing(expected)

    # --- which belongs to which -----------------------------------------------------------

    def _fits(self, grade: int) -> list[list[int]]:
        made = range(len(self.made))
        return [[m for m in made if self.judged(e, m)[0] >= grade] for e in range(len(self.wanted))]

    def _in_order(self) -> Pairs:
        """Pair calls without changing their order, so that the pairs are worth most.

        Source: Needleman and Wunsch (1970), J. Mol. Biol. 48, 443-453, without a price for gaps.
        """
        rows, columns = len(self.wanted), len(self.made)
        worth = [[0] * (columns + 1) for _ in range(rows + 1)]
        for e in reversed(range(rows)):
            for m in reversed(range(columns)):
                both = _WORTH[self.judged(e, m)[0]] + worth[e + 1][m + 1]
                worth[e][m] = max(both, worth[e + 1][m], worth[e][m + 1])
        pairs, e, m = {}, 0, 0
        while e < rows and m < columns:
            grade = self.judged(e, m)[0]
            if grade and worth[e][m] == _WORTH[grade] + worth[e + 1][m + 1]:
                pairs[e] = m
                e, m = e + 1, m + 1
            elif worth[e][m] == worth[e][m + 1]:
                m += 1
            else:
                e += 1
        return pairs

    def _in_any_order(self) -> Pairs:
        """Pair right calls first, then valid ones, then those of the right tool."""
        pairs: Pairs = {}
        for grade in (_tools.EXPECTED, _tools.VALID, _tools.NAMED):
            taken = set(pairs.values())
            open_ = [e for e in range(len(self.wanted)) if e not in pairs]
            fits = self._fits(grade)
            found = _values.matching([[m for m in fits[e] if m not in taken] for e in open_])
            pairs |= {open_[index]: made for index, made in found.items()}
        return pairs

    def _moved(self, pairs: Pairs) -> Pairs:
        """Pair what is left, out of order: the best calls first."""
        left = set(range(len(self.made))) - set(pairs.values())
        rated = sorted(
            (-grade, e, m)
            for e in range(len(self.wanted))
            if e not in pairs
            for m in left
            if (grade := self.judged(e, m)[0])
        )
        moved: Pairs = {}
        for _, e, m in rated:
            if e not in moved and m in left:
                moved[e] = m
                left.discard(m)
        return moved

    # --- sentences --------------------------------------------------------------------------

    def _pair(self, expected: int, made: int, moved: bool) -> Iterator[str]:
        name = quote(self.wanted[expected].name)
        if moved:
            yield f"call {made + 1} is out of place: {name} is expected as call {expected + 1}"
        for violation in self.judged(expected, made)[1]:
            yield f"call {made + 1}, {self.wanted[expected].name}: {violation}"

    def _extra(self, made: int, name: str, taken: list[int]) -> str:
        if _tools.unknown(name, self.tools):
            return f"call {made + 1} is of {quote(name)}, which no tool of the case is called"
        same = (other for other in range(made) if self.made[other] == self.made[made])
        if (first := next(same, None)) is not None and first in taken:
            return (
                f"call {made + 1} repeats call {first + 1}: {quote(name)} with the same arguments"
            )
        return f"call {made + 1} was not asked for: {quote(name)}"

    def _missing(self, expected: int) -> str:
        name = self.wanted[expected].name
        found = hidden(self.completion.text, [name], known_only=True)
        return (
            f"expected call {expected + 1} of {len(self.wanted)} is missing: {quote(name)}"
            f"{f'; {found}' if found else ''}"
        )
