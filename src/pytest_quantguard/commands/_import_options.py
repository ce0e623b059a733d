"""The options of ``quantguard import``."""

from __future__ import annotations

from argparse import ArgumentTypeError, Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pytest_quantguard._registry import Registry
from pytest_quantguard.cli import Parser
from pytest_quantguard.commands._as_json import add_json, arguments_of
from pytest_quantguard.commands._manual import manual
from pytest_quantguard.documents.document import parse
from pytest_quantguard.documents.labels import label_problem
from pytest_quantguard.errors import InputError
from pytest_quantguard.importers import IMPORTERS

_MOST = 10_000


def options_of(arguments: Sequence[str]) -> Namespace:
    """Return what was given; argparse ends the program where that is no import."""
    parser = Parser(
        prog="quantguard import",
        description="Make golden cases of what you have: eval files of other tools, chat data,\n"
        "recorded traffic. What cannot be carried over is listed; what is written loads.",
        usage="quantguard import SOURCE ... [--from FORMAT] [--to FILE | --into FILE]\n"
        "                         [--limit N | --sample N] [--dry-run] [--json[=FILE]]",
        epilog=manual(
            {
                0: "golden cases are written",
                4: "wrong options, or a file that cannot be read or written",
                5: "no case could be made",
            },
            {
                "quantguard import promptfooconfig.yaml": "golden/promptfooconfig.quant.yaml",
                "quantguard import traffic.jsonl --sample 200 --cohort-by metadata.topic": "cases "
                "of recorded traffic, a cohort for each topic",
                "quantguard import more.jsonl --into golden/faq.quant.yaml --dry-run": "what "
                "would be added",
            },
            "Formats and what becomes of each part of them: docs/importing.md.\n"
            "Traffic holds what users wrote: read the cases before you commit them.",
        ),
    )
    add = parser.add_argument
    add("source", nargs="+", type=Path, metavar="SOURCE", help="file to read")
    add("--from", dest="format", choices=list(IMPORTERS), help="its format; guessed if left out")
    _add_places(parser)
    _add_contents(parser)
    add_json(parser, "what was done")
    return parser.parse_args(arguments_of(arguments))


def _add_places(parser: Parser) -> None:
    place = parser.add_mutually_exclusive_group()
    place.add_argument(
        "--to",
        type=Path,
        metavar="FILE",
        help="golden file to write, .quant.yaml or .quant.jsonl; default golden/SOURCE.quant.yaml",
    )
    place.add_argument("--into", type=Path, metavar="FILE", help="golden file to add to")
    parser.add_argument("--force", action="store_true", help="replace a file that is there")
    parser.add_argument("--dry-run", action="store_true", help="write nothing")
    many = parser.add_mutually_exclusive_group()
    first = f"take the first N cases (default {_MOST:,})"
    many.add_argument("--limit", type=_count, default=_MOST, metavar="N", help=first)
    many.add_argument("--sample", type=_count, metavar="N", help="take N cases at random")
    which = "which ones --sample takes (default 0)"
    parser.add_argument("--seed", type=int, default=0, metavar="N", help=which)


def _add_contents(parser: Parser) -> None:
    add = parser.add_argument
    add("--cohort", type=_label, metavar="NAME", help="cohort of all cases")
    by = "make cohorts of a label, such as metadata.topic"
    add("--cohort-by", metavar="KEY", help=by)
    add(
        "--expect",
        action="append",
        default=[],
        type=_check,
        metavar="CHECK",
        help="check added to every case, as under 'expect:', such as 'length: {max_words: 90}'",
    )
    how = "how fields become a prompt, such as '{{context}} {{input}}'"
    add("--prompt", metavar="TEXT", help=how)
    definitions = "tool definitions (OpenAI's JSON) for sources that have none"
    add("--tools", type=Path, metavar="FILE", help=definitions)
    keep = "keep answers that a model gave as 'reference'"
    add("--references", action="store_true", help=keep)


def _label(text: str) -> str:
    if problem := label_problem("the cohort", text):
        raise ArgumentTypeError(problem)
    return text


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text[:12]) < 10**9:
        raise ArgumentTypeError(f"{text!r} is no number of cases")
    return int(text)


def _check(text: str) -> Any:
    try:
        spec = parse(text, "--expect").data
        Registry().build_check(spec)
    except (InputError, LookupError, ValueError) as error:
        raise ArgumentTypeError(f"{text!r}: {error.args[0]}") from None
    return spec
