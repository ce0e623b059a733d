"""The terminal report as a test reads it."""

from __future__ import annotations

import re

from pytest_quantguard._screen import Screen
from pytest_quantguard.reporters import terminal
from pytest_quantguard.reporters._texts import Texts

NOTHING = Texts(lambda key: None)


def shown(report, *, width=160, verbosity=0):
    lines = terminal.render(report, Screen(width=width), verbosity=verbosity, texts=NOTHING)
    return "\n".join(lines)


def unwrapped(text):
    """One line, so that a sentence is found wherever it was broken."""
    return re.sub(r"\s+", " ", text)
