"""``quantguard history``: what earlier runs found, what changed in between, and why."""

from __future__ import annotations

import sys
import time
from argparse import ArgumentTypeError, Namespace
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

from pytest_quantguard import _config
from pytest_quantguard._config_file import HISTORY, find
from pytest_quantguard._sanitize import one_line
from pytest_quantguard._screen import Screen
from pytest_quantguard.cli import Parser, refuse, tell
from pytest_quantguard.commands._as_json import add_json, alone, arguments_of, put
from pytest_quantguard.commands._manual import manual
from pytest_quantguard.errors import ConfigError, InputError, QuantGuardError
from pytest_quantguard.history import keeping
from pytest_quantguard.history.changes import Change, changes
from pytest_quantguard.history.records import reason_in
from pytest_quantguard.history.shown import text
from pytest_quantguard.history.store import opened
from pytest_quantguard.history.view import Wanted, views
from pytest_quantguard.verdicts import Group

_LEAST = 4
"""Characters of an entry's id that are enough where no other begins alike."""


def history(arguments: Sequence[str]) -> int:
    """Show the history, import reports into it, or note a reason; return 0, or 4 for mistakes."""
    actions = {"import": _import, "note": _note}
    action = actions.get(arguments[0]) if arguments else None
    try:
        return action(arguments[1:]) if action is not None else _show(arguments)
    except InputError as error:
        return refuse(f"quantguard history: {problem}" for problem in error.problems)
    except QuantGuardError as error:
        return refuse([f"quantguard history: {error}"])


# --- showing ------------------------------------------------------------------------------


def _show(arguments: Sequence[str]) -> int:
    options = _options(arguments)
    group = Group(options.cohort, options.check, options.tag, options.metric)
    wanted = Wanted(
        group=group, candidate=options.candidate, last=options.last, since=options.since
    )
    path = _file(options)
    with opened(path, write=False) as connection:
        found = views(connection, wanted)
    if not found:
        raise InputError(
            f"{one_line(str(path))} holds no run that was asked for; a run adds one, "
            "and so does 'quantguard history import REPORT'"
        )
    if options.html:
        from pytest_quantguard.history.page import write

        for written in write(found, Path(options.html)):
            sys.stderr.write(f"Written: {one_line(str(written), 500)}\n")
    if options.json:
        from pytest_quantguard.history.plain import to_json

        put(to_json(found), options.json)
    if not (options.html or alone(options.json)):
        tell("\n".join(text(found, Screen.of(), tables=options.verbose or any(group))))
    return 0


_MANUAL = manual(
    {
        0: "shown, whatever the verdicts were",
        4: "wrong options, no history, or one that cannot be read",
    },
    {
        "quantguard history": "each budget in one line",
        "quantguard history --cohort tool-calling --last 5": "each run of some budgets",
        "quantguard history --html history.html --since 2026-11-01": "a page with pictures",
    },
    "A cohort, check, tag or metric, or -v, shows a table of each budget; otherwise\n"
    "each budget is one line. docs/history.md tells more.",
)


def _options(arguments: Sequence[str]) -> Namespace:
    parser = Parser(
        prog="quantguard history",
        usage="quantguard history [--cohort NAME] [--check NAME | --metric NAME] [--tag NAME]\n"
        "                          [--candidate NAME] [--last N] [--since DATE] [-v]\n"
        "                          [--json[=FILE]] [--html PATH] [--file PATH]\n"
        "       quantguard history import REPORT ...\n"
        "       quantguard history note ENTRY TEXT",
        words=("import", "note"),
        description="Show what earlier runs found, budget by budget, and what changed between\n"
        "them: budgets that were loosened, baselines that were replaced, and why.",
        epilog=_MANUAL,
    )
    parser.add_argument("--cohort", metavar="NAME", help="only budgets of this cohort")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--check", metavar="NAME", help="only budgets on this check")
    what.add_argument("--metric", metavar="NAME", help="only budgets on this metric")
    parser.add_argument("--tag", metavar="NAME", help="only budgets of this tag")
    parser.add_argument("--candidate", metavar="NAME", help="only runs of this candidate")
    parser.add_argument(
        "--last", type=_count, default=20, metavar="N", help="the newest N runs (20)"
    )
    parser.add_argument(
        "--since", type=_day, default=0.0, metavar="DATE", help="runs since a day, as 2026-11-01"
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="a table of each budget")
    add_json(parser, "runs, verdicts and changes")
    parser.add_argument("--html", metavar="PATH", help="write a page with pictures instead")
    _add_file(parser)
    return parser.parse_args(arguments_of(arguments))


def _add_file(parser: Parser) -> None:
    parser.add_argument(
        "--file", metavar="PATH", help="the history; default: as configured, here or further up"
    )


def _count(value: str) -> int:
    if not value.isdecimal() or not 0 < int(value) <= 1_000_000:
        raise ArgumentTypeError(f"{value!r:.40} is no number of runs from 1 to 1000000")
    return int(value)


def _day(value: str) -> float:
    try:
        day = date.fromisoformat(value)
    except ValueError:
        raise ArgumentTypeError(f"{value!r:.40} is no day, such as 2026-11-01") from None
    return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()


def _file(options: Namespace) -> Path:
    """Return where the history is: as given, or as the nearest configuration has it."""
    if options.file:
        return Path(options.file)
    here = Path.cwd()
    for folder in (here, *here.parents):
        try:
            path = find(folder, None)
        except (ConfigError, OSError, UnicodeError):
            continue
        found = _config.history_of(path, folder)
        if found is None:
            raise InputError(f"{path.name} has 'history: false'; name a file with --file")
        return found
    return here / HISTORY


# --- adding -------------------------------------------------------------------------------


def _import(arguments: Sequence[str]) -> int:
    from pytest_quantguard.history.importing import found

    parser = Parser(
        prog="quantguard history import",
        usage="quantguard history import REPORT ... [--file PATH] [--json[=FILE]]",
        description="Add the runs of reports to the history: report.json files, folders that hold\n"
        "such files, and zip files as CI keeps them. A run that is there stays as it is.",
        epilog=manual(
            {0: "all is added, or was there", 4: "wrong options, or something was no report"},
            {"quantguard history import quant-report artifacts/*.zip": "take in what CI has kept"},
        ),
    )
    parser.add_argument("files", nargs="+", metavar="REPORT", help="file or folder to read")
    _add_file(parser)
    add_json(parser, "what was added")
    options = parser.parse_args(arguments_of(arguments))
    path = _file(options)
    read = [one for name in options.files for one in found(Path(name), one_line(name, 500))]
    runs = [one for one in read if not isinstance(one, InputError)]
    problems = [text for one in read if isinstance(one, InputError) for text in one.problems]
    added = 0
    if runs:
        with opened(path, write=True) as connection:
            added = sum(keeping.add(connection, run) for run in runs)
    if not runs:
        return refuse(f"quantguard history import: {problem}" for problem in problems)
    known = len(runs) - added
    said = "1 run" if added == 1 else f"{added} runs"
    there = f"; {known} already there" if known else ""
    name = one_line(str(path), 500)
    if not alone(options.json):
        tell(f"quantguard: {said} added to {name}{there}")
    told = [one_line(problem, 500) for problem in problems]
    put({"file": name, "added": added, "known": known, "problems": told}, options.json)
    if problems:
        return refuse(f"quantguard history import: {problem}" for problem in problems)
    return 0


def _note(arguments: Sequence[str]) -> int:
    parser = Parser(
        prog="quantguard history note",
        usage="quantguard history note ENTRY TEXT [--file PATH] [--json[=FILE]]",
        description="Give an entry of the history its reason, where the configuration has none.",
        epilog=manual(
            {0: "noted", 4: "wrong options, no such entry, or one that has a reason"},
            {'quantguard history note 1a2b3c4d "the judge is noisy"': "why a budget was loosened"},
        ),
    )
    parser.add_argument("entry", metavar="ENTRY", help="as 'quantguard history' shows it")
    parser.add_argument("text", metavar="TEXT", help="the reason, in at most 500 characters")
    _add_file(parser)
    add_json(parser, "the entry")
    options = parser.parse_args(arguments_of(arguments))
    if not reason_in(options.text) or len(options.text) > keeping.NOTE_LIMIT:
        raise InputError(f"a note has words, in at most {keeping.NOTE_LIMIT} characters")
    path = _file(options)
    with opened(path, write=False):  # a note begins no history
        pass
    with opened(path, write=True) as connection:
        entries = {one.id: one for one in changes(keeping.past(connection), {})}
        entry = _chosen(options.entry, entries)
        keeping.add_note(connection, entry.id, options.text.strip(), time.time())
    text_of = one_line(entry.text, 500)
    if not alone(options.json):
        tell(f"quantguard: noted: {entry.id} {text_of}")
    put({"entry": entry.id, "text": text_of, "reason": options.text.strip()}, options.json)
    return 0


def _chosen(given: str, entries: dict[str, Change]) -> Change:
    wanted = given.removeprefix("#").lower()
    near = [id_ for id_ in entries if id_.startswith(wanted)] if len(wanted) >= _LEAST else []
    if len(near) != 1:
        why = "several entries begin so" if near else "'quantguard history' shows them"
        raise InputError(f"there is no entry {given!r:.40}; {why}")
    entry = entries[near[0]]
    if entry.reason:
        raise InputError(
            f"{entry.id} has a reason in the configuration already: {one_line(entry.reason, 500)}"
        )
    return entry
