"""What ends the help of every command, as a manual page does: exit codes and examples."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import wrap

_WIDTH = 78
"""Columns; terminals have 80."""


def manual(codes: Mapping[int, str], examples: Mapping[str, str], more: str = "") -> str:
    """Return the epilog of a command's parser.

    Args:
        codes: exit code -> when it is that, in a few words; 0 and 4 (usage) are in all.
        examples: what is typed -> what for, in a few words.
        more: sentences before them, such as where the command is explained; line ends stay.
    """
    lines = [*more.splitlines(), ""] if more else []
    lines += ["exit codes:"]
    for code, when in codes.items():
        lines += wrap(when, _WIDTH, initial_indent=f"  {code:<4}", subsequent_indent=" " * 6)
    lines += ["", "examples:"]
    for typed, what in examples.items():
        lines += [f"  {typed}", *(f"      {line}" for line in wrap(what, _WIDTH - 6))]
    return "\n".join(lines)
