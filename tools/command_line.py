"""Writes the part of docs/command-line.md that is made of the commands' own parsers.

``python tools/command_line.py`` writes it; with ``--check`` it only tells whether it is up to date.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from pytest_quantguard.commands._parsers import Described, described

PAGE = Path(__file__).parents[1] / "docs" / "command-line.md"
BEGIN, END = "<!-- commands: begin -->", "<!-- commands: end -->"


def main() -> int:
    """Write the page, or check it."""
    text = PAGE.read_text("utf-8")
    made = page(text)
    if "--check" in sys.argv[1:]:
        return int(made != text)
    PAGE.write_text(made, encoding="utf-8")
    return 0


def page(text: str) -> str:
    """Return the page with the part between the marks made anew."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    sections = "\n".join(line for one in described() for line in section(one))
    return f"{before}{BEGIN}\n\n{sections}\n{END}{after}"


def section(one: Described) -> Iterator[str]:
    """Describe one command: what it does, how it is typed, its arguments, codes and examples."""
    name = " ".join(one.words)
    more, codes, examples = parts(one.parser.epilog or "")
    yield f"{'#' * (1 + len(one.words))} quantguard {name}"
    yield ""
    yield from escaped(one.parser.description or "")
    yield ""
    yield "```text"
    usage = one.parser.usage or f"quantguard {name}"
    yield usage.replace("%%", "%").replace("\n       ", "\n")
    yield "```"
    yield ""
    yield "| argument | meaning |"
    yield "|---|---|"
    for action in one.parser._actions:
        if action.dest != "help" and not isinstance(action, argparse._SubParsersAction):
            yield f"| {named(action)} | {cell(one, action)} |"
    yield ""
    yield from escaped(linked(more))
    yield ""
    yield "| exit code | meaning |"
    yield "|---|---|"
    yield from (f"| {code} | {what} |" for code, what in codes)
    yield ""
    yield "```text"
    yield from examples
    yield "```"
    yield ""


def parts(epilog: str) -> tuple[str, list[tuple[str, str]], list[str]]:
    """Take an epilog apart, as commands/_manual.py has put it together."""
    more, _, rest = epilog.partition("exit codes:\n")
    told, _, examples = rest.partition("\n\nexamples:\n")
    codes: list[tuple[str, str]] = []
    for line in told.splitlines():
        if begins := re.match(r"  (\d+) +(.*)", line):
            codes.append((begins[1], begins[2]))
        elif codes:
            codes[-1] = (codes[-1][0], f"{codes[-1][1]} {line.strip()}")
    return more.strip(), codes, [line[2:] for line in examples.splitlines()]


def named(action: argparse.Action) -> str:
    """Return how an argument is given."""
    if not action.option_strings:
        return f"`{action.metavar or action.dest}`"
    if action.option_strings == ["--json"]:
        return "`--json[=FILE]`"
    value = ""
    if action.nargs != 0:
        given = action.metavar or "|".join(map(str, action.choices or ())) or action.dest.upper()
        value = f" {given}".replace("|", "\\|")
    return ", ".join(f"`{option}{value}`" for option in action.option_strings)


def cell(one: Described, action: argparse.Action) -> str:
    """Return what an argument means, for a table."""
    formatter = one.parser._get_formatter()
    text = formatter._expand_help(action) if action.help else ""
    return "".join(escaped(" ".join(text.split()))).replace("|", "\\|")


def linked(text: str) -> str:
    """Make links of the names of pages."""
    return re.sub(r"docs/([a-z-]+)\.md", r"[\1](\1.md)", text)


def escaped(text: str) -> list[str]:
    """Keep what looks like markup from being it."""
    return [re.sub(r"([<*_])", r"\\\1", line) for line in text.splitlines()]


if __name__ == "__main__":
    sys.exit(main())
