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
from pytest_quantguard.cli import Parser, tell
from pytest_quantguard.commands._collecting import refuse
from pytest_quantguard.errors import InputError, did_you_mean
from pytest_quantguard.reporters import json as report_json
from pytest_quantguard.reporters._checked import read
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
        return NO_VERDICT
    wrong = [
        *_lacking(report, options),
        *_old(report, options.max_age),
        *_elsewhere(report, options.commit),
    ]
    for candidate in report.candidates:
        names = f"{label(candidate.variant.name)} against {label(report.baseline.name)}"
        tell(f"{names}: {candidate.verdict.value.upper()}, {_size(candidate)}")
    if wrong:
        refuse(f"quantguard check-report: {options.file}: {problem}" for problem in wrong)
        return NO_VERDICT
    return _publish.exit_code(report, options.inconclusive or _policy(report))


def _options(arguments: Sequence[str]) -> Namespace:
    parser = Parser(
        prog="quantguard check-report",
        usage="quantguard check-report FILE [--max-age HOURS] [--commit SHA]\n"
        "                               [--candidate NAME ...] [--require-cohort NAME ...]\n"
        "                               [--inconclusive fail|warn]",
        description="Tell a workflow that expects a verdict whether there is one: the exit code\n"
        "is 0 only when FILE is a whole report whose verdict is a pass.",
        epilog="exit codes: 0 pass; 10 inconclusive; 1 everything else: failed, no sound\n"
        "evidence, no such file, no report, too old, for another commit, or lacking what is\n"
        "required; 4 wrong options.",
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
    return parser.parse_args(arguments)


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
        compared = {outcome.cohort for outcome in candidate.outcomes}
        for cohort in options.require_cohort:
            if cohort not in compared:
                where = label(candidate.variant.name)
                near = did_you_mean(cohort[:80], compared)
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
    cases = len({(outcome.cohort, outcome.case) for outcome in candidate.outcomes})
    cohorts = len({outcome.cohort for outcome in candidate.outcomes})
    return f"{counted(cases, 'case')} in {counted(cohorts, 'cohort')}"
