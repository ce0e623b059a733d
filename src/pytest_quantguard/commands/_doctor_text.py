"""Findings of the doctor as text: one line each, and what to do below it."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterable, Sequence

from pytest_quantguard._sanitize import neutral, one_line, scrub
from pytest_quantguard._screen import Screen, plain
from pytest_quantguard.doctor.records import Finding

_COLOURS = {"ok": 32, "warn": 33, "wrong": 31}
_LINES = 24
"""Lines of one finding: the end of a server's log may be among them."""
_LONGEST = 1200


def cleaned(findings: Iterable[Finding], secrets: tuple[str, ...]) -> list[Finding]:
    """Return findings without our keys, and with nothing in them that could be live."""

    def safe(text: str) -> str:
        lines = scrub(text, secrets).splitlines()[:_LINES]
        return "\n".join(one_line(line, _LONGEST) for line in lines)

    return [
        Finding(
            level=one.level,
            about=safe(one.about),
            topic=safe(one.topic),
            saw=safe(one.saw),
            fix=safe(one.fix),
        )
        for one in findings
    ]


def section(title: str, findings: Sequence[Finding], screen: Screen) -> str:
    """Return the lines about one thing, its name above them; ``findings`` are cleaned."""
    lines = ["", plain(title, screen.encoding)]
    for one in findings:
        first, *more = one.saw.split("\n")
        word = f"{one.level:<5}"
        if screen.colour:
            word = f"\x1b[{_COLOURS[one.level]}m{word}\x1b[0m"
        told = _wrapped(f"{one.topic}: {first}", screen.width - 8)
        lines += [f"  {word} {told[0]}", *(f"        {line}" for line in told[1:])]
        lines += [f"        {line}" for line in more]
        if one.fix:
            fix = _wrapped(f"do: {one.fix}", screen.width - 8)
            lines += [f"        {line}" for line in fix]
    return "\n".join(plain(line, screen.encoding) for line in lines)


def _wrapped(text: str, width: int) -> list[str]:
    # An address or a path is never broken: it is there to be copied.
    lines = textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)
    return [neutral(line) for line in lines] or [""]  # a command may have come to a line's start


def summary(findings: Iterable[Finding], requests: int, tokens: tuple[int, int]) -> str:
    """Return the last line: how many findings of each kind, and what was used up."""
    levels = Counter(one.level for one in findings)
    counts = ", ".join(f"{levels[level]} {level}" for level in ("ok", "warn", "wrong"))
    spent = f"{requests} requests, {tokens[0]} tokens in, {tokens[1]} out"
    return f"\n{counts}; {spent if requests else 'nothing was asked'}"
