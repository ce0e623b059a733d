"""``quantguard plan``: which budgets the golden cases can decide, and what it takes.

The cases are collected by pytest itself, selected as in a run, and nothing is asked of any server.
"""

from __future__ import annotations

import io
import json
import math
import shutil
import sys
from argparse import ArgumentTypeError, Namespace
from collections.abc import Iterable, Sequence
from contextlib import redirect_stdout, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_quantguard._plan import Outset, Plan, make_plan
from pytest_quantguard._sanitize import clean
from pytest_quantguard.cli import USAGE_ERROR, Parser, tell
from pytest_quantguard.commands._plan_text import render

if TYPE_CHECKING:
    from pytest_quantguard._session import GateSession

NOTHING = int(pytest.ExitCode.NO_TESTS_COLLECTED)
_OFF = (
    "quantguard: the plugin is off; take '-p no:quantguard' away, or, where "
    "PYTEST_DISABLE_PLUGIN_AUTOLOAD is set, give '-p quantguard'"
)


def plan(arguments: Sequence[str]) -> int:
    """Plan a run; return 0, 4 for mistakes and (with --check) undecidable budgets, 5 for nothing.

    Every argument that is not its own goes to pytest.
    """
    options, rest = _options(arguments)
    collector = Collector(options.candidate)
    output = io.StringIO()
    with redirect_stdout(output):
        code = int(pytest.main(["--collect-only", "-qq", *rest], plugins=[collector]))
    outset = collector.outset
    if collector.failed:
        return _refuse(collector.failed)
    if outset is None or code not in (0, NOTHING):
        if code != USAGE_ERROR:  # pytest has said on stderr what a usage error is about
            _refuse([output.getvalue()])
        return code or USAGE_ERROR
    if collector.problems:
        return _refuse(["quantguard: " + "\n".join(collector.problems)])
    if not outset.census.leaves:
        _refuse(["quantguard: no golden case was selected: there is nothing to plan"])
        return NOTHING
    made = make_plan(outset, power=options.power, noise=options.noise)
    try:
        _tell(made, options)
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            raise
        return _refuse([f"quantguard: {options.json}: cannot be written: {error.strerror}"])
    return USAGE_ERROR if options.check and made.undecidable else 0


# --- options ------------------------------------------------------------------------------


def _options(arguments: Sequence[str]) -> tuple[Namespace, list[str]]:
    parser = Parser(
        prog="quantguard plan",
        usage="quantguard plan [--candidate NAME ...] [--noise 2%%|auto] [--power .8] [--check]\n"
        "                       [--json[=FILE]] [pytest arguments ...]",
        description="Say which budgets the golden cases can decide, before the first request: the\n"
        "chance that an equal candidate passes, how many cases are missing, which loss\n"
        "would be noticed, which budgets the cases could decide, and what a run costs.",
        epilog="Everything else goes to pytest: paths, -k, -m, --quant-config ... The columns are\n"
        "explained in docs/plan.md.",
    )
    parser.add_argument(
        "--candidate",
        action="append",
        default=[],
        metavar="NAME",
        help="variant to plan for; may be given several times; default: all but the baseline",
    )
    parser.add_argument(
        "--noise",
        type=_noise,
        metavar="SHARE",
        help="outcomes on which two runs of one model differ, such as 2%%; auto (default): as "
        "measured, else 2%%",
    )
    parser.add_argument(
        "--power",
        type=_power,
        default=0.8,
        metavar="SHARE",
        help="wanted chance that an equal candidate passes, such as .8 (default) or 95%%",
    )
    parser.add_argument(
        "--check", action="store_true", help="exit with 4 when a budget cannot be decided"
    )
    parser.add_argument(
        "--json",
        metavar="FILE",
        help="write the plan as JSON to FILE as well; without =FILE, only JSON is printed",
    )
    # Only `--json=FILE` names a file: after a bare `--json` a path is pytest's.
    given = ["--json=-" if argument == "--json" else argument for argument in arguments]
    return parser.parse_known_args(given)


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


# --- collecting ---------------------------------------------------------------------------


class Collector:
    """A pytest plugin that reads what the gate would do, once everything is collected."""

    def __init__(self, candidates: Sequence[str]) -> None:
        self.candidates = candidates
        self.outset: Outset | None = None
        self.problems: list[str] = []
        self.failed: list[str] = []
        """What could not be collected, in pytest's own words."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        """Plan for the candidates that were named; for every one there is when none was."""
        given = getattr(config.option, "quant_candidate", None)
        if given is None:
            raise pytest.UsageError(_OFF)
        config.option.quant_candidate = [*self.candidates, *given] or _all_candidates(config)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Keep what is wrong with a file."""
        if report.failed:
            self.failed.append(report.longreprtext)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Look at what was selected."""
        from pytest_quantguard.plugin import GATE

        gate: GateSession | None = session.config.pluginmanager.get_plugin(GATE)
        if gate is not None and not self.failed:
            from pytest_quantguard.commands._outset import outset

            self.outset, self.problems = outset(gate, session.items)


def _all_candidates(config: pytest.Config) -> list[str]:
    """Return every variant but the baseline."""
    from pytest_quantguard import _config
    from pytest_quantguard._document import read
    from pytest_quantguard.errors import InputError

    option = config.option
    given = option.quant_config or config.getini("quant_config") or None
    try:
        path = _config.find(config.rootpath, given, config.invocation_params.dir)
        data = read(path, path.name).data
    except InputError as error:
        raise pytest.UsageError(f"quantguard: {error}") from None
    for key in ("tool", "quantguard") if path.suffix == ".toml" else ():
        data = data.get(key, {}) if isinstance(data, dict) else {}
    data = data if isinstance(data, dict) else {}
    variants = data.get("variants")
    if not isinstance(variants, dict) or not variants:
        return ["candidate"]  # the configuration is wrong, and reading it says how
    baseline = option.quant_baseline or data.get("baseline")
    others = [str(name) for name in variants if name != baseline]
    if not others:
        raise pytest.UsageError(
            f"quantguard: {path.name}: {baseline!r} is the only variant; a plan needs another one, "
            "to be compared with it"
        )
    return others


# --- telling ------------------------------------------------------------------------------


def _tell(made: Plan, options: Namespace) -> None:
    text = json.dumps(made.to_dict(), indent=2)
    if options.json == "-":
        tell(text)
        return
    if options.json:
        Path(options.json).write_text(f"{text}\n", encoding="utf-8")
    tell("\n".join(render(made, shutil.get_terminal_size().columns)))


def _refuse(sentences: Iterable[str]) -> int:
    for sentence in dict.fromkeys(sentences):
        sys.stderr.write(f"{clean(sentence)}\n")
    return USAGE_ERROR
