"""Finding where a text goes round in circles, by looking at a bounded part of it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from pytest_quantguard.checks import _regular
from pytest_quantguard.checks._overlap import TOKEN

TAIL = 20_000
"""Characters at the end that are searched for a loop; the loop itself may begin earlier."""
HALF = 50_000
"""Characters at either end in which repeated runs of words are counted."""
RUN = 8
"""Words of a run."""

_LEAST_LETTERS = 60
_LEAST_CHARS = 200
_LEAST_RUNS = 50
_WORD = re.compile(r"\w+")
_FIRST_WORD = re.compile(r"(?<!\w)\w")
_DIGITS = re.compile(r"\d+")
# A counting loop says the same sentence with another number; lists and plans do so for a while.
_COUNTS, _COUNTS_PER_TIME = 25, 5
_LEAST_WORDS = 5
_NO_PROSE = re.compile(r"[{}<>=;|\\]|\w[(,]\w|\w\(\)")
_NUMBERING = re.compile(r"^[^\S\n]*[0-9]{1,9}[.)](?=\s)", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Loop:
    """A part that is repeated."""

    unit: str
    times: int
    start: int
    """Where it begins, in characters from 0."""
    counting: bool = False
    """Whether the repeats have different numbers or letters: "Step 7", "Option C"."""


def tail_loop(text: str, times: int, *, cut: bool = False) -> Loop | None:
    """Return the shortest unit that the text repeats at least ``times`` times up to its end.

    The last repeat may be cut. Two ways of repeating count: character by character, and word by
    word, where blanks, punctuation, case and the numbers of a list do not matter. A loop is not a
    flourish: it holds 60 letters or digits (60 letters, word by word), or is 200 characters long.
    A rule or a table of equal cells is none, unless the answer was ``cut`` off in it.

    A sentence that differs in its numbers or in single letters only, "Step 7: Check the order.",
    is repeated when it stands there 25 times, or five times ``times``.
    """
    bare = text.rstrip()
    blanks = len(text) - len(bare)
    if blanks >= max(times, _LEAST_CHARS):
        return Loop(unit=text[-1], times=blanks, start=len(bare))
    loop = _by_characters(bare, times) or _by_words(bare, times)
    if loop:
        return loop if cut or not _meant(bare, loop.start) else None
    return _by_words(bare, max(_COUNTS, _COUNTS_PER_TIME * times), counting=True)


def _meant(text: str, start: int) -> bool:
    """Tell whether a loop is a rule, or begins in a table."""
    if len(text) - start > _regular.GRID_UP_TO:
        return False
    if _regular.is_rule(text[start:]):
        return True
    line = text.rfind("\n", max(0, start - _LEAST_CHARS), start) + 1
    return _regular.is_grid(text[line if line or start < _LEAST_CHARS else start :])


def duplicate_share(text: str) -> tuple[float, Loop] | None:
    """Return how much of a text repeats itself, and its most frequent run of eight words.

    That is 1 - (distinct runs) / (runs), seq-rep-n of Welleck et al. 2020, "Neural Text Generation
    with Unlikelihood Training", section 6; with n = 8 instead of 4, because shorter runs come again
    in every table and list of objects. Runs of numbers alone do not count. None for fewer than 50
    runs. Of a text of more than 100,000 characters the first and the last 50,000 are looked at,
    each by itself; the larger share counts.
    """
    parts = [(0, len(text))]
    if len(text) > 2 * HALF:
        parts = [(0, HALF), (len(text) - HALF, len(text))]
    found = [share for start, end in parts if (share := _share(text, start, end))]
    return max(found, key=lambda one: one[0], default=None)


def _share(text: str, start: int, end: int) -> tuple[float, Loop] | None:
    words = list(TOKEN.finditer(_regular.without_log_lines(text[start:end])))
    folded = [word[0].casefold() for word in words]
    runs = list(zip(*(folded[shift:] for shift in range(RUN)), strict=False))
    counted = Counter(run for run in runs if not all(map(str.isdecimal, run)))
    if counted.total() < _LEAST_RUNS:
        return None
    run, times = counted.most_common(1)[0]
    at = runs.index(run)
    first, last = words[at].start(), words[at + RUN - 1].end()
    first, last = start + first, start + last
    return 1 - len(counted) / counted.total(), Loop(unit=text[first:last], times=times, start=first)


# --- character by character -------------------------------------------------------------


def _by_characters(text: str, times: int) -> Loop | None:
    window = text[-TAIL:]
    for period, size in _periods(window[::-1], times):
        run = window[len(window) - size :]
        if size < _LEAST_CHARS and sum(map(str.isalnum, run)) < _LEAST_LETTERS:
            continue
        start = _earliest(text, len(text) - size, period)
        # What stood before the loop may end like its unit: show a unit that begins with a word.
        word = _FIRST_WORD.search(text, start, start + period)
        start = word.start() if word else start
        unit = text[start : start + period]
        times, rest = divmod(len(text) - start, period)
        # Blanks at the end are gone: "no no no" is three times "no ".
        last = rest > 0 and text[-rest:] == unit.rstrip()
        return Loop(unit=unit, times=times + last, start=start)
    return None


def _earliest(text: str, start: int, period: int) -> int:
    """Follow a period to the left, in steps that grow while it holds."""
    step = TAIL
    while start and step:
        before = max(0, start - step)
        if text[before:start] == text[before + period : start + period]:
            start, step = before, 2 * step
        else:
            step //= 2
    return start


# --- word by word -----------------------------------------------------------------------


def _by_words(text: str, times: int, *, counting: bool = False) -> Loop | None:
    begin = max(0, len(text) - TAIL)
    window = _NUMBERING.sub(lambda match: " " * len(match[0]), text[begin:])
    window = _regular.without_log_lines(window) if counting else window
    words = list(_WORD.finditer(window))
    folded = [word[0].casefold() for word in words]
    if counting:
        folded = ["#" if len(word) == 1 else _DIGITS.sub("#", word) for word in folded]
    for cut in (0, 1):  # the last word may be cut
        kept = folded[: len(folded) - cut]
        letters = [0, *accumulate(sum(map(str.isalpha, word)) for word in reversed(kept))]
        for period, size in _periods(kept[::-1], times):
            if letters[size] < _LEAST_LETTERS:
                continue
            first = len(kept) - size
            unit = window[words[first].start() : words[first + period - 1].end()]
            after = words[first + period].start()
            if counting and not _is_sentence(window[words[first].start() : after]):
                continue
            start = begin + words[first].start()
            return Loop(unit=unit, times=size // period, start=start, counting=counting)
    return None


def _is_sentence(unit: str) -> bool:
    """Tell a sentence from a line of data or code."""
    words = [word for word in unit.split() if sum(map(str.isalpha, word)) > 1]
    return len(words) >= _LEAST_WORDS and not _NO_PROSE.search(unit)


# --- both -------------------------------------------------------------------------------


def _periods(items: Sequence[str], times: int) -> Iterator[tuple[int, int]]:
    """Yield each period with which a sequence begins, and for how many items it holds.

    Item i of the Z-function is the length of the longest common beginning of the sequence and what
    follows i (Gusfield 1997, "Algorithms on Strings, Trees, and Sequences", section 1.4).
    """
    common = _z_function(items)
    for period in range(1, len(items) // times + 1):
        if common[period] >= (times - 1) * period:
            yield period, period + common[period]


def _z_function(items: Sequence[str]) -> list[int]:
    size = len(items)
    found = [size] + [0] * max(0, size - 1)
    left = right = 0
    for at in range(1, size):
        length = min(right - at, found[at - left]) if at < right else 0
        while at + length < size and items[length] == items[at + length]:
            length += 1
        found[at] = length
        if at + length > right:
            left, right = at, at + length
    return found
