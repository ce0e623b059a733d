"""Where text is shown: how wide, in which encoding, and whether in colours."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

_DOT = " \N{MIDDLE DOT} "
LEAST = 40
"""Columns; a terminal that says it has fewer does not know, or cannot show a table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Screen:
    """What an output can show."""

    width: int = 80
    """Columns, at least 40."""
    colour: bool = False
    encoding: str = "utf-8"
    """What it cannot encode is escaped."""

    @classmethod
    def of(cls, output: Any = None, environ: Mapping[str, str] = os.environ) -> Self:
        """Return what is known about ``output``; by default of where Python prints."""
        output = sys.stdout if output is None else output
        return cls(
            width=max(shutil.get_terminal_size((80, 24)).columns, LEAST),
            colour=colours(output, environ),
            encoding=encoding(output),
        )

    @classmethod
    def like(cls, width: int, colour: bool) -> Self:
        """Return what pytest's writer knows, of where Python prints."""
        return cls(width=max(width, LEAST), colour=colour, encoding=encoding(sys.stdout))


def colours(output: Any, environ: Mapping[str, str]) -> bool:
    """Tell whether to colour, by the rules that pytest follows.

    PY_COLORS=1 or 0 decides; else NO_COLOR forbids and FORCE_COLOR demands it, each with any value
    but an empty one; else it takes a terminal, and one that is not called dumb.
    """
    if environ.get("PY_COLORS") in ("0", "1"):
        return environ["PY_COLORS"] == "1"
    if environ.get("NO_COLOR"):
        return False
    if environ.get("FORCE_COLOR"):
        return True
    return bool(output and output.isatty()) and environ.get("TERM") != "dumb"


def encoding(output: Any) -> str:
    """Return how characters are written to ``output``; ASCII where that is not known."""
    return getattr(output, "encoding", None) or "ascii"


def shown(text: str, encoding: str) -> str:
    """Escape what cannot be encoded, such as on a terminal without Unicode."""
    return text.encode(encoding, "backslashreplace").decode(encoding)


def plain(text: str, encoding: str) -> str:
    """Put a semicolon where a middle dot cannot be encoded; everything else as `shown` does."""
    return shown(text if shown(_DOT, encoding) == _DOT else text.replace(_DOT, "; "), encoding)
