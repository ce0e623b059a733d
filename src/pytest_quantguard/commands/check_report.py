"""``quantguard check-report``: what a workflow asks that expects a verdict.

A plugin that was switched off writes no report, and a cache or an artifact may hold an old one:
only a whole report of what was asked for, whose verdict is a pass, ends with 0.
"""

from __future__ import annotations

import math
import re
import time
from argparse import ArgumentTypeError, Namespace
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pytest_quantguard import _publish
from pytest_quantguard._plural import counted
from pytest_quantguard._sanitize import one_line
from pytest_quantguard.cli import Parser, refuse, tell
from pytest_quantguard.commands._as_json import add_json, alone, arguments_of, put
from pytest_quantguard.commands._manual import manual
from pytest_quantguard.commands._summary import summary
from pytest_quantguard.errors import InputError, QuantGuardError, did_you_mean
from pytest_quantguard.reporters import json as report_json
from pytest_quantguard.reporters._checked import read
from pytest_quantguard.reporters._views import compared
from pytest_quantguard.reporters._words import label
from pytest_quantguard.verdicts import CandidateReport, GateReport

NO_VERDICT = 1
AHEAD = 3600.0
"""Seconds that a report may seem to come from the future: clocks of machines differ."""


def check_report(arguments: Sequence[str]) -> int:
    """Return 0 for a whole report of what is asked for that passed; 10 inconclusive; 1 else."""
    options = _options(arguments)
    try:
        report = report_json.from_json(read(Path(options.file), options.file), options.file)
    except InputError as error:
        refuse(f"quantguard check-report: {problem}" for problem in error.problems)
        return _done(None, error.problems, NO_VERDICT, options)
    wrong = [
        *_lacking(report, options),
        *_old(report, options.max_age),
        *_elsewhere(report, options.commit),
    ]
    for candidate in report.candidates if not alone(options.json) else ():
        names = f"{label(candidate.variant.name)} against {label(report.baseline.name)}"
        tell(f"{names}: {candidate.verdict.value.upper()}, {_size(candidate)}")
    if wrong:
        refuse(f"quantguard check-report: {options.file}: {problem}" for problem in wrong)
        return _done(report, wrong, NO_VERDICT, options)
    code = _publish.exit_code(report, options.inconclusive or _policy(report))
    return _done(report, (), code, options)


def _done(report: GateReport | None, problems: Sequence[str], code: int, options: Namespace) -> int:
    """Write the JSON that is asked for; return the exit code."""
    found = summary(report) if report is not None else {"verdict": None}
    document = {
        "file": one_line(options.file, 500),
        **found,
        "problems": [one_line(problem, 500) for problem in problems],
        "exit_code": code,
    }
    try:
        put(document, options.json)
    except QuantGuardError as error:
        return refuse([f"quantguard check-report: {error}"])
    return code


_MANUAL = manual(
    {
        0: "the verdict is a pass, and all that was required is there",
        1: "everything else: failed, no sound evidence, no such file, no report, too "
        "old, for another commit, or lacking what is required",
        4: "wrong options",
        10: "inconclusive",
    },
    {
        "quantguard check-report quant-report/report.json": "is it a pass?",
        "quantguard check-report r.json --max-age 24 --commit 0123abc": "of this commit, "
        "and of the last day?",
        "quantguard check-report r.json --require-cohort tool-calling": "was it compared?",
    },
    "docs/ci.md tells more.",
)


def _options(arguments: Sequence[str]) -> Namespace:
    parser = Parser(
        prog="quantguard check-report",
        usage="quantguard check-report FILE [--max-age HOURS] [--commit SHA]\n"
        "                               [--candidate NAME ...]\n"
        "                               [--require-cohort NAME ...]\n"
        "                               [--inconclusive fail|warn] [--json[=FILE]]",
        description="Tell a workflow that expects a verdict whether there is one: the exit code\n"
        "is 0 only when FILE is a whole report whose verdict is a pass.",
        epilog=_MANUAL,
    )
    parser.add_argument("file", metavar="FILE", help="such as quant-report/report.json")
    parser.add_argument(
        "--max-age", type=_hours, metavar="HOURS", help="refuse what ended longer ago than that"
    )
    parser.add_argument(
        "--commit", type=_commit, metavar="SHA", help="refuse a report of another commit"
    )
    parser.add_argument(
        "--candidate", action="append", default=[], metavar="NAME", help="must have been judged"
    )
    parser.add_argument(
        "--require-cohort",
        action="append",
        default=[],
        metavar="NAME",
        help="must have been compared, for each candidate",
    )
    parser.add_argument(
        "--inconclusive",
        choices=("fail", "warn"),
        help="whether an inconclusive verdict gives 10 (fail) or 0 (warn); default: as the run",
    )
    add_json(parser, "what was found")
    return parser.parse_args(arguments_of(arguments))


def _hours(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise ArgumentTypeError(f"{text!r:.40} is no number of hours above 0, such as 24 or 0.5")
    return value


def _commit(text: str) -> str:
    if not re.fullmatch(r"[0-9a-fA-F]{7,64}", text):
        raise ArgumentTypeError(f"{text!r:.80} is no commit: 7 to 64 hexadecimal digits")
    return text.lower()


def _policy(report: GateReport) -> Literal["fail", "warn"]:
    """Return the policy of the run, which chose its own exit code."""
    told = report.provenance.get("policies", {})
    return "warn" if told.get("inconclusive") == "warn" else "fail"


def _lacking(report: GateReport, options: Namespace) -> Iterator[str]:
    """Find candidates and cohorts that were asked for and are not there."""
    judged = {candidate.variant.name: candidate for candidate in report.candidates}
    for name in options.candidate:
        if name not in judged:
            yield f"the candidate {name!r:.80} was not judged; {did_you_mean(name[:80], judged)}"
    for candidate in judged.values():
        _, there = compared(candidate)
        for cohort in options.require_cohort:
            if cohort not in there:
                where = label(candidate.variant.name)
                near = did_you_mean(cohort[:80], there)
                yield f"no case of the cohort {cohort!r:.80} was compared for {where}; {near}"


def _old(report: GateReport, hours: float | None) -> Iterator[str]:
    if hours is None:
        return
    started, seconds = (report.provenance.get(key) for key in ("started", "seconds"))
    if not started:
        yield "it does not tell when it was made, so its age is not known"
        return
    ended = started + (seconds or 0.0)
    age = time.time() - ended
    if age > 3600 * hours:
        limit = _span(3600 * hours)
        yield f"it was made {_at(ended)}, {_span(age)} ago; at most {limit} are allowed"
    elif age < -AHEAD:
        yield f"it was made {_at(ended)}, which is in the future: is a clock wrong?"


def _span(seconds: float) -> str:
    """Return a length of time in the unit in which it is no fraction."""
    if seconds >= 3600:
        return f"{seconds / 3600:.1f} hours"
    return f"{seconds / 60:.1f} minutes" if seconds >= 60 else f"{seconds:.3g} seconds"


def _at(seconds: float) -> str:
    try:
        return f"at {datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"
    except (OverflowError, OSError, ValueError):
        return f"{seconds:.3g} seconds after 1970"


def _elsewhere(report: GateReport, commit: str | None) -> Iterator[str]:
    """Find a report of another commit; what was given may be the beginning of one."""
    if commit is None:
        return
    found = report.provenance.get("ci", {}).get("commit", "")
    if not found:
        yield "it does not tell of which commit it is: it was not made in a CI job that says so"
    elif not found.startswith(commit):
        yield f"it is of commit {found}, and not of {commit}"


def _size(candidate: CandidateReport) -> str:
    cases, there = compared(candidate)
    return f"{counted(cases, 'case')} in {counted(len(there), 'cohort')}"
