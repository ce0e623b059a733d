"""``quantguard merge``: shards of a run, or reports of several candidates, become one report."""

from __future__ import annotations

import os
import stat
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

import pytest

from pytest_quantguard import _config, _config_file, _github, _publish
from pytest_quantguard._plural import counted
from pytest_quantguard._preview import OFF, tolerant
from pytest_quantguard._registry import Registry, metrics_of
from pytest_quantguard._screen import Screen
from pytest_quantguard.cli import Parser, refuse, tell
from pytest_quantguard.commands._as_json import add_json, alone, arguments_of, put
from pytest_quantguard.commands._manual import manual
from pytest_quantguard.commands._summary import summary
from pytest_quantguard.errors import ConfigError, InputError, QuantGuardError
from pytest_quantguard.reporters import json as report_json
from pytest_quantguard.reporters._checked import read as read_report
from pytest_quantguard.reporters._texts import Texts
from pytest_quantguard.sharding.joining import OneReport, join
from pytest_quantguard.sharding.merging import disagreements, texts
from pytest_quantguard.sharding.merging import merge as merge_shards
from pytest_quantguard.sharding.shard_file import read
from pytest_quantguard.verdicts import GateReport

FOLDER = "quant-report"


def merge(arguments: Sequence[str]) -> int:
    """Judge shards; return 0, 1, 4 or 10, as the run would have."""
    options = _options(arguments)
    project = _Project.here()
    if project.code:
        return project.code
    start = Path.cwd()
    junit = start / options.quant_junit if options.quant_junit else None
    reporters = project.registry.reporters
    try:
        files = _publish.targets(
            start / options.quant_report, junit, reporters, strict=options.quant_junit_strict
        )
    except InputError as error:
        return refuse(f"quantguard merge: {problem}" for problem in error.problems)
    job = _github.Job.listening(options.quant_github, os.environ, start)
    given = {(start / name).resolve() for name in options.files}
    _publish.clear({name: path for name, path in files.items() if path.resolve() not in given})
    try:
        whole = (
            _joined(options) if any(map(_is_report, options.files)) else _judged(options, project)
        )
        policy = options.quant_inconclusive or whole.policy
        told = whole.report.provenance["policies"]
        whole.report.provenance["policies"] = {**told, "inconclusive": policy}
        report, unkept = _publish.remember(whole.report, project.history)
        project.tell(report)
        written = _publish.write(report, files, reporters, whole.texts, start)
        code = 1 if whole.red else _publish.exit_code(report, policy)
        put({**summary(report), "written": written, "exit_code": code}, options.json)
    except QuantGuardError as error:
        problems = error.problems if isinstance(error, InputError) else [str(error)]
        _github.show(job.tell_no_verdict(problems))
        return refuse(f"quantguard merge: {problem}" for problem in problems)
    annotations = job.tell(report, whole.texts)
    if not alone(options.json):
        _show(report, whole, options, written, unkept)
        _github.show(annotations)
    return code


@dataclass(frozen=True, slots=True, kw_only=True)
class _Whole:
    """What the files are together."""

    report: GateReport
    texts: Texts
    parts: str
    """How many of what, for the first line."""
    policy: Literal["fail", "warn"]
    """Whether an inconclusive budget is red, as configured."""
    auto: bool = False
    """Whether the budgets chose themselves."""
    red: tuple[str, ...] = ()
    """Why it is red, whatever the verdict."""


def _judged(options: Namespace, project: _Project) -> _Whole:
    """Judge shards together.

    Raises:
        InputError: they are not all the shards of one run.
    """
    shards, unread = _read(options.files, read)
    metrics = metrics_of(project.registry.metrics)
    if unread:
        raise InputError([*unread, *disagreements(shards, metrics, complete=False)])
    terms = shards[0].data["terms"]
    failed = [(one.shard, one.data["failed_tests"]) for one in shards]
    return _Whole(
        report=merge_shards(shards, metrics),
        texts=texts(shards),
        parts=counted(len(shards), "shard"),
        policy=terms["inconclusive"],
        auto=terms["auto"],
        red=tuple(
            f"Shard {one}: failed tests that are no golden cases: {n}" for one, n in failed if n
        ),
    )


def _is_report(name: str) -> bool:
    """Tell by its first bytes whether a file is the report of a run; a shard is read otherwise."""
    path = Path(name)
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return False  # a pipe would wait for ever; said where it is read
        with path.open("rb") as file:
            return b'"reportFormat"' in file.read(200)
    except (OSError, ValueError):
        return False


def _joined(options: Namespace) -> _Whole:
    """Put the reports of several candidates together.

    Raises:
        InputError: one is no report, or they are not about the same question.
    """

    def one_report(path: Path, name: str) -> OneReport:
        if not _is_report(name):
            raise InputError(
                f"{name}: no report.json, as others are; shards and reports do not mix"
            )
        report, found = report_json.both(read_report(path, name), name)
        return OneReport(name=name, report=report, texts=found)

    parts, unread = _read(options.files, one_report)
    if unread:
        raise InputError(unread)
    report, found = join(parts)
    policy = report.provenance.get("policies", {}).get("inconclusive", "fail")
    return _Whole(report=report, texts=found, parts=counted(len(parts), "report"), policy=policy)


_MANUAL = manual(
    {
        0: "every budget passed (or was inconclusive under 'inconclusive: warn')",
        1: "a budget failed, the evidence is in error, or another test of a shard failed",
        4: "wrong options, or the files are not all shards of one run",
        10: "nothing failed, but something is inconclusive",
    },
    {
        "quantguard merge shards/*.json": "one verdict of all shards of a run",
        "quantguard merge reports/*/report.json --quant-report all": "candidates that were "
        "judged apart, in one table",
    },
    "It reads the files and asks nothing of any server. Where conftest.py registers\n"
    "metrics or reporters, call it in the folder of the project. docs/sharding.md.",
)


def _options(arguments: Sequence[str]) -> Namespace:
    parser = Parser(
        prog="quantguard merge",
        usage="quantguard merge [--quant-report DIR]\n"
        "                        [--quant-junit PATH] [--quant-junit-strict]\n"
        "                        [--quant-inconclusive fail|warn] [--quant-github auto|off]\n"
        "                        [-v | -q] [--json[=FILE]] FILE ...",
        description="Judge the shards of a run (pytest --quant-shard=K/N) together: the same\n"
        "verdicts, reports and exit code as of one run. All shards have to be there.\n"
        "Or put the report.json of several candidates together, each judged by a job of\n"
        "its own against the same baseline: one report, one table, one route.json.",
        epilog=_MANUAL,
    )
    parser.add_argument(
        "files", nargs="+", metavar="FILE", help="such as shards/*.json or reports/*/report.json"
    )
    parser.add_argument(
        "--quant-report", default=FOLDER, metavar="DIR", help=f"folder of report.json ({FOLDER})"
    )
    parser.add_argument("--quant-junit", metavar="PATH", help="write JUnit XML to PATH as well")
    parser.add_argument(
        "--quant-junit-strict",
        action="store_true",
        help="leave out of it what the schema of Jenkins' xUnit plugin does not know",
    )
    parser.add_argument(
        "--quant-inconclusive",
        choices=("fail", "warn"),
        help="whether an inconclusive budget gives exit code 10 or 0; as configured by default",
    )
    parser.add_argument(
        "--quant-github",
        choices=("auto", "off"),
        default="auto",
        help="whether a job of GitHub Actions gets a summary and annotations",
    )
    _add_shown(parser)
    return parser.parse_args(arguments_of(arguments))


def _add_shown(parser: Parser) -> None:
    shown = parser.add_mutually_exclusive_group()
    shown.add_argument("-v", "--verbose", action="count", default=0, help="show both texts, too")
    shown.add_argument("-q", "--quiet", action="store_true", help="show what did not pass")
    add_json(parser, "verdict, budgets and what was written")


class _Project:
    """What the project in this folder registers; pytest finds its conftest.py as in a run."""

    def __init__(self) -> None:
        self.registry = Registry()
        self.code = 0
        self.history: Path | None = None
        """Where the project remembers verdicts; None = there is no configuration, or it does not.
        """
        self._hook: Any = None

    @classmethod
    def here(cls) -> _Project:
        """Load the project of the working directory, if there is any."""
        project = cls()
        project.code = int(pytest.main(tolerant([]), plugins=[project]))
        return project

    @pytest.hookimpl(tryfirst=True)
    def pytest_cmdline_main(self, config: pytest.Config) -> int:
        """Take in what is registered, and run nothing."""
        self._hook = config.hook
        register = getattr(self._hook, "pytest_quantguard_register", None)
        if register is None:
            raise pytest.UsageError(OFF)
        try:
            register.call_historic(kwargs={"registry": self.registry})
            metrics_of(self.registry.metrics)
            self.history = _history(config)
        except InputError as error:
            raise pytest.UsageError(f"quantguard: {error}") from None
        return 0

    def tell(self, report: GateReport) -> None:
        """Let the project know the report, as at the end of a run."""
        self._hook.pytest_quantguard_report(report=report)


def _history(config: pytest.Config) -> Path | None:
    """Return the project's history, where there is a configuration: shards merge anywhere."""
    try:
        given = config.option.quant_config or config.getini("quant_config") or None
        path = _config_file.find(config.rootpath, given, config.invocation_params.dir)
    except ConfigError:
        return None
    return _config.history_of(path, config.rootpath)


_Part = TypeVar("_Part")


def _read(
    names: Sequence[str], read_one: Callable[[Path, str], _Part]
) -> tuple[list[_Part], list[str]]:
    """Read all files that can be read; say what is wrong with the others."""
    found: list[_Part] = []
    problems: list[str] = []
    seen: dict[Path, str] = {}
    for name in names:
        path = Path(name)
        try:
            if path.resolve() in seen:
                raise InputError(f"{name}: it is given twice, first as {seen[path.resolve()]}")
            seen[path.resolve()] = name
            found.append(read_one(path, name))
        except InputError as error:
            problems += error.problems
    return found, problems


def _show(
    report: GateReport,
    whole: _Whole,
    options: Namespace,
    written: Mapping[str, str],
    unkept: Sequence[str],
) -> None:
    tell(f"quantguard: {whole.parts}, {counted(report.provenance['cases'], 'case')}\n")
    lines = _publish.terminal_lines(
        report,
        whole.texts,
        Screen.of(),
        verbosity=-1 if options.quiet else options.verbose,
        auto=whole.auto,
        notices=[*whole.red, *unkept],
        written=written,
    )
    tell("\n".join(lines))
