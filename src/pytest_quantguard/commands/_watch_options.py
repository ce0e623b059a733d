"""What can be typed after ``quantguard watch``."""

from __future__ import annotations

import re
from argparse import ArgumentTypeError, Namespace
from collections.abc import Sequence

from pytest_quantguard.cli import Parser
from pytest_quantguard.commands._as_json import add_json, arguments_of
from pytest_quantguard.commands._manual import manual
from pytest_quantguard.watch import probes
from pytest_quantguard.watch.endpoint import is_address
from pytest_quantguard.watch.limits import LOOKS_A_YEAR

_REASON = 2000
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600}
_EPILOG = manual(
    codes={
        0: "unchanged; or what was asked for was blessed or shown",
        1: "changed for the worse: the golden set's gate fails against the pin",
        4: "a mistake in options, configuration or golden files; nothing was asked",
        10: "could not tell: no pin, too little evidence, a silent endpoint, a full disk",
        11: "changed, and not shown to be worse",
    },
    examples={
        'quantguard watch awq-int4 --bless "go-live"': "record eight looks, and pin them",
        "quantguard watch awq-int4": "each night, from cron or a scheduled workflow",
        "quantguard watch awq-int4 --no-golden": "the fingerprint alone, at little cost",
        "quantguard watch awq-int4 --show": "every look that is kept, and its drift",
    },
    more="docs/watch.md tells more.",
)


def options_of(arguments: Sequence[str]) -> Namespace:
    """Return what was typed; exits with 4 for what cannot be, and with 0 after ``--help``."""
    parser = Parser(
        prog="quantguard watch",
        usage="quantguard watch ENDPOINT [--golden PATH ... | --no-golden] [-k EXPR] [-m EXPR]\n"
        "                        [--bless REASON [--looks N] [--every TIME] [--newest N]]\n"
        "                        [--show] [--looks-a-year N]\n"
        "                        [--max-requests N] [--max-cost X]\n"
        "                        [--json[=FILE]] [--markdown FILE] [--junit FILE]",
        description="Say whether an endpoint has changed since its reference day, by a few\n"
        "short probes, and whether it is worse, by the golden cases. A reference day is\n"
        "blessed first.",
        epilog=_EPILOG,
    )
    parser.add_argument(
        "endpoint",
        metavar="ENDPOINT",
        help="a variant of the configuration, or an address such as https://host/v1 with --model",
    ).complete = "variant"  # type: ignore[attr-defined]
    _add_endpoint(parser)
    _add_golden(parser)
    _add_bless(parser)
    _add_bounds(parser)
    add_json(parser, "the answer")
    parser.add_argument("--markdown", metavar="FILE", help="write the answer as Markdown, too")
    parser.add_argument("--junit", metavar="FILE", help="write the answer as JUnit XML, too")
    options = parser.parse_args(arguments_of(arguments))
    _check(parser, options)
    return options


def _add_bounds(parser: Parser) -> None:
    parser.add_argument("--show", action="store_true", help="show the looks; asks nothing")
    parser.add_argument(
        "--looks-a-year",
        type=_above(int),
        default=LOOKS_A_YEAR,
        metavar="N",
        help="how many looks share the 1%% of false alarms that a year may have (%(default)s; more "
        "where the last week had more)",
    )
    parser.add_argument(
        "--max-requests", type=_above(int), metavar="N", help="requests that a call may make"
    )
    parser.add_argument(
        "--max-cost", type=_above(float), metavar="X", help="what a call may cost, as prices say"
    )


def _add_endpoint(parser: Parser) -> None:
    parser.add_argument("--quant-config", metavar="PATH", help="configuration file")
    parser.add_argument("--model", metavar="TEXT", help="of an address: what the server calls it")
    parser.add_argument(
        "--api-key-env", metavar="VARIABLE", help="of an address: the variable that holds the key"
    )


def _add_golden(parser: Parser) -> None:
    parser.add_argument(
        "--golden",
        action="append",
        default=[],
        metavar="PATH",
        help="golden files or folders; default: what a bare pytest collects",
    )
    parser.add_argument(
        "--no-golden", action="store_true", help="ask no golden case: did it change, and no more"
    )
    parser.add_argument("-k", dest="keyword", metavar="EXPR", help="which cases, as pytest's -k")
    parser.add_argument("-m", dest="mark", metavar="EXPR", help="which cases, as pytest's -m")


def _add_bless(parser: Parser) -> None:
    parser.add_argument(
        "--bless", metavar="REASON", help="record looks, and pin them as good, for this reason"
    )
    parser.add_argument(
        "--looks",
        type=_above(int),
        metavar="N",
        help=f"with --bless: how many looks to record ({probes.PIN_LOOKS})",
    )
    parser.add_argument(
        "--every",
        type=_time,
        metavar="TIME",
        help="with --bless: from one look to the next, as 30s, 10m or 2h; default: at once",
    )
    parser.add_argument(
        "--newest",
        type=_above(int),
        metavar="N",
        help="with --bless: record nothing, and pin the N newest looks there are",
    )


def _check(parser: Parser, options: Namespace) -> None:
    if options.bless is None and (options.looks or options.every or options.newest):
        parser.error("--looks, --every and --newest need --bless REASON")
    if options.bless is not None and not 0 < len(options.bless.strip()) <= _REASON:
        parser.error(f"--bless needs a reason in words, in at most {_REASON} characters")
    if options.newest and (options.looks or options.every):
        parser.error("--newest pins looks that are there: it takes no --looks and no --every")
    if options.no_golden and (options.golden or options.keyword or options.mark):
        parser.error("--no-golden asks no golden case: take --golden, -k and -m away")
    if options.show and options.bless is not None:
        parser.error("give --show or --bless, not both")
    if is_address(options.endpoint):
        if options.quant_config:
            parser.error("an address needs no --quant-config: give a variant's name with it")
    elif options.model or options.api_key_env:
        parser.error("--model and --api-key-env are for an address; a variant has its own")


def _above(kind: type[float]) -> type[float]:
    def number(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            value = 0
        if not 0 < value < 1e9:
            raise ArgumentTypeError(f"{text!r:.40} is no number above 0")
        return value

    return number  # type: ignore[return-value]


def _time(text: str) -> float:
    match = re.fullmatch(r"(\d{1,6})([smh]?)", text)
    if match is None:
        raise ArgumentTypeError(f"{text!r:.40} is no time, such as 30s, 10m or 2h")
    return float(match[1]) * _SECONDS[match[2]]
