"""What pytest says about a failed test, made safe: model text may stand anywhere in it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from pytest_quantguard._sanitize import clean, neutral, scrub_cut

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
"""pytest colours some comparisons before anybody can look at them."""


def make_safe(report: pytest.TestReport, secrets: tuple[str, ...]) -> None:
    """Escape what a report shows of a test, and take keys out; its structure stays."""

    def safe(text: str) -> str:
        lines = _COLOUR.sub("", text).split("\n")
        return "\n".join(neutral(clean(scrub_cut(line, secrets))) for line in lines)

    report.sections = [(str(name), safe(str(text))) for name, text in report.sections]
    shown: Any = report.longrepr
    if shown is None:
        return
    if isinstance(shown, str):
        report.longrepr = safe(shown)
    elif isinstance(shown, tuple):  # a skipped test: file, line, reason
        path, line, reason = shown
        report.longrepr = (path, line, safe(str(reason)))
    else:
        try:
            _chain(shown, safe)
        except (AttributeError, TypeError, ValueError):  # a shape that we do not know
            report.longrepr = safe(str(shown))


def _chain(shown: Any, safe: Callable[[str], str]) -> None:
    if (crash := getattr(shown, "reprcrash", None)) is not None:
        crash.message = safe(crash.message)
    links = getattr(shown, "chain", None) or [(shown.reprtraceback, None, None)]
    for traceback, crash, _ in links:
        if crash is not None:
            crash.message = safe(crash.message)
        if traceback.extraline:
            traceback.extraline = safe(traceback.extraline)
        for entry in traceback.reprentries:
            _entry(entry, safe)


def _entry(entry: Any, safe: Callable[[str], str]) -> None:
    entry.lines = [safe(line) for line in entry.lines]
    arguments = getattr(entry, "reprfuncargs", None)
    if arguments is not None:
        arguments.args = [(name, safe(str(value))) for name, value in arguments.args]
    names = getattr(entry, "reprlocals", None)
    if names is not None:
        names.lines = [safe(line) for line in names.lines]
    place = getattr(entry, "reprfileloc", None)
    if place is not None:
        place.message = safe(place.message)
