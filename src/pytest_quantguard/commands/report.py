"""``quantguard report``: everything that a run writes, rendered again from its report.json."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from pytest_quantguard import _publish
from pytest_quantguard._github import Job
from pytest_quantguard._github import show as show_github
from pytest_quantguard._registry import Registry
from pytest_quantguard._sanitize import one_line
from pytest_quantguard._screen import Screen
from pytest_quantguard.cli import Parser, refuse, tell
from pytest_quantguard.commands._as_json import add_json, alone, arguments_of, put
from pytest_quantguard.commands._manual import manual
from pytest_quantguard.commands._summary import summary
from pytest_quantguard.errors import InputError, QuantGuardError
from pytest_quantguard.reporters import json as report_json
from pytest_quantguard.reporters._checked import read
from pytest_quantguard.reporters._texts import Texts
from pytest_quantguard.verdicts import GateReport

_INDEX = "index.html"


def report(arguments: Sequence[str]) -> int:
    """Render a report; return 0 when that is done, whatever its verdict, and 4 when it cannot."""
    options = _options(arguments)
    try:
        targets = _targets(options)
        found, texts = report_json.both(read(Path(options.file), options.file), options.file)
        silent = alone(options.json)
        written = _write(found, texts, targets, silent=silent)
        if not (targets or silent):
            _show(found, texts, options)
        file = one_line(options.file, 500)
        put({"file": file, **summary(found), "written": written}, options.json)
        if options.github:
            annotations = Job.of(os.environ, Path.cwd()).tell(found, texts)
            if not silent:
                show_github(annotations)
    except (QuantGuardError, LookupError) as error:
        problems = error.problems if isinstance(error, InputError) else [str(error)]
        return refuse(f"quantguard report: {problem}" for problem in problems)
    return 0


_MANUAL = manual(
    {
        0: "all is rendered, also of a run that failed ('quantguard check-report' judges)",
        4: "wrong options, no report, or a file that cannot be written",
    },
    {
        "quantguard report quant-report/report.json": "what the terminal showed",
        "quantguard report report.json --html site --comment note.md": "pages, and a text "
        "for a pull request",
    },
    "It asks nothing of any server. docs/reports.md tells more.",
)


def _options(arguments: Sequence[str]) -> Namespace:
    parser = Parser(
        prog="quantguard report",
        usage="quantguard report FILE [--html DIR] [--markdown PATH] [--comment PATH]\n"
        "                         [--junit PATH] [--junit-strict] [--routes PATH] [--github]\n"
        "                         [-v | -q] [--json[=FILE]]",
        description="Render the report.json of a run again. Without a target it prints what the\n"
        "terminal showed. Several targets may be given at once; their folders are made.",
        epilog=_MANUAL,
    )
    parser.add_argument("file", metavar="FILE", help="such as quant-report/report.json")
    parser.add_argument("--html", metavar="DIR", help="pages for people; open DIR/index.html")
    parser.add_argument("--markdown", metavar="PATH", help="the summary, such as of a CI job")
    parser.add_argument("--comment", metavar="PATH", help="Markdown for a pull request")
    parser.add_argument("--junit", metavar="PATH", help="JUnit XML for dashboards")
    parser.add_argument(
        "--junit-strict",
        action="store_true",
        help="leave out of it what the schema of Jenkins' xUnit plugin does not know",
    )
    parser.add_argument("--routes", metavar="PATH", help="which cohort may go where, for a router")
    parser.add_argument(
        "--github",
        action="store_true",
        help="append to the step summary of GitHub Actions, and print annotations",
    )
    shown = parser.add_mutually_exclusive_group()
    shown.add_argument("-v", "--verbose", action="count", default=0, help="show both texts, too")
    shown.add_argument("-q", "--quiet", action="store_true", help="show what did not pass")
    add_json(parser, "verdict, budgets and what was written")
    options = parser.parse_args(arguments_of(arguments))
    if options.junit_strict and not options.junit:
        parser.error("--junit-strict needs --junit PATH")
    return options


def _targets(options: Namespace) -> dict[str, Path]:
    """Return which reporter writes which file.

    Raises:
        InputError: two would write one file, or one the report itself.
    """
    asked = {
        "html": Path(options.html) / _INDEX if options.html else None,
        "summary": options.markdown,
        "comment": options.comment,
        "junit-strict" if options.junit_strict else "junit": options.junit,
        "routes": options.routes,
    }
    found = {name: Path(path) for name, path in asked.items() if path}
    taken = {_place(Path(options.file)): "FILE"}
    for name, path in found.items():
        option = {"summary": "markdown", "junit-strict": "junit"}.get(name, name)
        other = taken.setdefault(_place(path), f"--{option}")
        if other != f"--{option}":
            raise InputError(f"--{option} and {other} are one file: {path}")
    return found


def _place(path: Path) -> str:
    return os.path.normcase(os.path.realpath(path))


def _write(
    found: GateReport, texts: Texts, targets: dict[str, Path], *, silent: bool
) -> dict[str, str]:
    """Write all targets, as a run does, and say which; return which reporter wrote where.

    Raises:
        InputError: some cannot be written; a sentence for each, with its path.
    """
    wrong, written = [], {}
    for name, target in targets.items():
        try:
            (path,) = _publish.write(
                found, {name: target}, Registry().reporters, texts, Path()
            ).values()
        except QuantGuardError as error:
            wrong.append(str(error))
            continue
        written[name] = path
        if not silent:
            tell(f"Written: {path}")
    if wrong:
        raise InputError(wrong)
    return written


def _show(found: GateReport, texts: Texts, options: Namespace) -> None:
    lines = _publish.terminal_lines(
        found,
        texts,
        Screen.of(),
        verbosity=-1 if options.quiet else options.verbose,
    )
    tell("\n".join(lines))
