"""``--json``, alike in every command: bare it prints JSON and no text, ``--json=FILE`` writes it.

After a bare ``--json`` a path is never its value: it may be the command's own argument.
"""

from __future__ import annotations

import json
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path

from pytest_quantguard.cli import tell
from pytest_quantguard.reporters._files import write_whole
from pytest_quantguard.types import Json

_PRINTED = "-"


def add_json(parser: ArgumentParser, what: str) -> None:
    """Give a command the option; ``what`` is written, in a few words, such as "the plan"."""
    parser.add_argument(
        "--json",
        metavar="FILE",
        help=f"write {what} as JSON to FILE as well; without =FILE, only JSON is printed",
    )


def arguments_of(given: Sequence[str]) -> list[str]:
    """Return a command's arguments with a bare ``--json`` made to mean standard output."""
    end = given.index("--") if "--" in given else len(given)
    options = [f"--json={_PRINTED}" if one == "--json" else one for one in given[:end]]
    return [*options, *given[end:]]


def alone(target: str | None) -> bool:
    """Tell whether JSON is all that may be printed."""
    return target == _PRINTED


def put(document: Json, target: str | None) -> None:
    """Print or write a document, as the option says; pure ASCII, so that no text is live in it.

    Raises:
        QuantGuardError: the file cannot be written.
    """
    if target is None:
        return
    text = json.dumps(document, indent=2, allow_nan=False)
    if alone(target):
        tell(text)
        return
    write_whole(Path(target), text.encode("ascii") + b"\n")
