"""``quantguard plan``: which budgets the golden cases can decide, and what it takes.

The cases are collected by pytest itself, selected as in a run, and nothing is asked of any server.
"""

from __future__ import annotations

import math
import shutil
from argparse import ArgumentTypeError, Namespace
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from pytest_quantguard._plan import Outset, Plan, make_plan
from pytest_quantguard.cli import NOTHING, USAGE_ERROR, Parser, refuse, tell
from pytest_quantguard.commands._as_json import add_json, alone, arguments_of, put
from pytest_quantguard.commands._manual import manual
from pytest_quantguard.commands._plan_text import render
from pytest_quantguard.errors import QuantGuardError


def plan(arguments: Sequence[str]) -> int:
    """Plan a run; return 0, 4 for mistakes and (with --check) undecidable budgets, 5 for nothing.

    Every argument that is not its own goes to pytest.
    """
    options, rest = _options(arguments)
    from pytest_quantguard._preview import collect  # brings pytest: not for a mere --help

    found = collect(rest, options.candidate, _look, near=options.near)
    if found.said:
        refuse(found.said)
    if found.looked is None:
        return found.code
    outset, problems = found.looked
    if problems:
        return refuse(["quantguard: " + "\n".join(problems)])
    if not outset.census.leaves:
        refuse(["quantguard plan: no golden case was selected: there is nothing to plan"])
        return NOTHING
    made = make_plan(outset, power=options.power, noise=options.noise)
    try:
        _tell(made, options)
    except QuantGuardError as error:
        return refuse([f"quantguard plan: {error}"])
    return USAGE_ERROR if options.check and made.undecidable else 0


def _look(gate: Any, items: Any) -> tuple[Outset, list[str]]:
    from pytest_quantguard.commands._outset import outset

    return outset(gate, items)


# --- options ------------------------------------------------------------------------------


_MANUAL = manual(
    {
        0: "planned",
        4: "a wrong option, configuration or golden file; with --check an undecidable budget, too",
        5: "no golden case was selected",
    },
    {
        "quantguard plan": "every variant but the baseline",
        "quantguard plan --candidate awq-int4 --power 95%": "one of them",
        "quantguard plan --cost": "requests, tokens and money, cohort by cohort",
        "quantguard plan golden/tools.quant.yaml -k smoke --check": "some cases; for CI",
    },
    "Everything else goes to pytest: paths, -k, -m, --quant-config ...\n"
    "The columns are explained in docs/plan.md.",
)


def _options(arguments: Sequence[str]) -> tuple[Namespace, list[str]]:
    parser = Parser(
        prog="quantguard plan",
        usage="quantguard plan [--candidate NAME ...] [--noise 2%%|auto] [--power .8]\n"
        "[--cost] [--check] [--json[=FILE]] [pytest arguments ...]",
        description="Say what the golden cases can see, and which budgets they can decide, before\n"
        "the first request: the chance that an equal candidate passes, how many cases\n"
        "are missing, which loss would be noticed, and what a run costs.",
        epilog=_MANUAL,
        pytest=True,
    )
    add = parser.add_argument
    add(
        "--candidate",
        action="append",
        default=[],
        metavar="NAME",
        help="variant to plan for; may be given several times; default: all but the baseline",
    )
    add(
        "--noise",
        type=_noise,
        metavar="SHARE",
        help="outcomes on which two runs of one model differ, such as 2%%; auto (default): as "
        "measured, else 2%%",
    )
    add(
        "--power",
        type=_power,
        default=0.8,
        metavar="SHARE",
        help="wanted chance that an equal candidate passes, such as .8 (default) or 95%%",
    )
    add("--cost", action="store_true", help="show requests, tokens and money cohort by cohort")
    add("--check", action="store_true", help="exit with 4 when a budget cannot be decided")
    add_json(parser, "the plan")
    return parser.parse_known_args(arguments_of(arguments))


def _share(text: str) -> float:
    percent = text.strip().endswith("%")
    with suppress(ValueError):
        number = float(text.strip().removesuffix("%"))
        return number / 100 if percent else number
    return math.nan


def _noise(text: str) -> float | None:
    if text == "auto":
        return None
    share = _share(text)
    if not 0 <= share < 1:
        raise ArgumentTypeError(f"{text!r} is no share below 100%; write 2% or 0.02, or auto")
    return share


def _power(text: str) -> float:
    share = _share(text)
    if not 0.5 <= share <= 0.999:
        raise ArgumentTypeError(f"{text!r} is no share from 50% to 99.9%; write 80% or 0.8")
    return share


# --- telling ------------------------------------------------------------------------------


def _tell(made: Plan, options: Namespace) -> None:
    put(made.to_dict(), options.json)
    if not alone(options.json):
        width = shutil.get_terminal_size().columns
        tell("\n".join(render(made, width, costs=options.cost)))
