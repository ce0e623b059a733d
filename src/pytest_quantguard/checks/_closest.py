"""Finding what became of a long number: the candidate in the answer that is nearest to it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import SequenceMatcher
from itertools import islice

from pytest_quantguard.checks._quantities import Quantity
from pytest_quantguard.checks._text import digit_note, quote

_RUN = re.compile(r"[0-9]+")
_TOKEN = re.compile(r"[0-9A-Za-z]+(?:[-_./][0-9A-Za-z]+)*")
# Bounds that keep the search below some 50 ms, whatever the answer is.
_LOOKED_AT = 200_000
_LONGEST = 40
_CANDIDATES = 500


def closest(expected: str, text: str) -> str:
    """Say what stands in the text instead, as ``, closest is "88273" (digit 4: ...)``, or nothing.

    Looks at the first 200,000 characters and at 500 different candidates.
    """
    if len(expected) > _LONGEST or sum("0" <= char <= "9" for char in expected) < 4:
        return ""
    matcher = SequenceMatcher(None, "", expected, autojunk=False)
    best, nearest = 0.6, ""
    for candidate in _candidates(expected, text):
        matcher.set_seq1(candidate)
        if matcher.quick_ratio() > best and (ratio := matcher.ratio()) > best:
            best, nearest = ratio, candidate
    return f", closest is {quote(nearest)}{digit_note(expected, nearest)}" if nearest else ""


def closest_quantity(one: Quantity, others: Iterable[Quantity]) -> Quantity | None:
    """Return the quantity that is spelled most like this one, or None when none is much alike.

    Looks at 500 of them; dates are compared with dates only.
    """
    matcher = SequenceMatcher(None, "", min(one.values)[:_LONGEST], autojunk=False)
    best, nearest = 0.6, None
    fitting = (other for other in others if (other.kind == "date") == (one.kind == "date"))
    for other in islice(fitting, _CANDIDATES):
        matcher.set_seq1(min(other.values)[:_LONGEST])
        if matcher.quick_ratio() > best and (ratio := matcher.ratio()) > best:
            best, nearest = ratio, other
    return nearest


def _candidates(expected: str, text: str) -> list[str]:
    pattern = _RUN if expected.isdecimal() else _TOKEN
    least, most = len(expected) // 2, 2 * len(expected)
    found = (match[0] for match in pattern.finditer(text, 0, _LOOKED_AT))
    fitting = dict.fromkeys(
        word for word in found if least <= len(word) <= most and _RUN.search(word)
    )
    return list(islice(fitting, _CANDIDATES))
