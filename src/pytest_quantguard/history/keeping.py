"""Runs into the history and out of it again."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection
from dataclasses import asdict
from hashlib import sha256
from typing import Any, NamedTuple

from pytest_quantguard._sanitize import one_line
from pytest_quantguard.history.changes import Past, Series
from pytest_quantguard.history.differences import Point
from pytest_quantguard.history.records import Arm, Judged, KeptRun, Rules
from pytest_quantguard.types import Json
from pytest_quantguard.verdicts import Budget, BudgetVerdict, Delta, Group, Unit, Verdict

NOTE_LIMIT = 500
"""Characters of a note."""
_RELATIVE, _BOTH_WAYS, _RATIO = 1, 2, 4
"""Flags of a line: how its budget is meant, and the unit of its delta."""
_BYTES = 8
"""Of a case's digest that are kept."""


# --- in -----------------------------------------------------------------------------------


def add(connection: sqlite3.Connection, run: KeptRun) -> bool:
    """Add a run; return False where it is there already, whatever else it says."""
    if connection.execute("SELECT 1 FROM run WHERE id = ?", (run.id,)).fetchone():
        return False
    rules = {
        "budgets": [_without(asdict(budget), "source") for budget in run.rules.budgets.values()],
        "policies": dict(run.rules.policies),
    }
    number = connection.execute(
        "INSERT INTO run (id, at, whole, golden, rules, baseline, facts) VALUES (?,?,?,?,?,?,?)",
        (
            run.id, run.at, run.whole, run.golden, _part(connection, rules),
            _part(connection, asdict(run.baseline)), json.dumps(dict(run.facts)),
        ),
    ).lastrowid  # fmt: skip
    if run.golden and run.cases is not None:
        cases = b"".join(sorted(bytes.fromhex(case) for case in run.cases))
        connection.execute("INSERT OR IGNORE INTO golden VALUES (?,?)", (run.golden, cases))
    for judged in run.judged:
        _add_judged(connection, number, judged)
    return True


def _add_judged(connection: sqlite3.Connection, run: int | None, judged: Judged) -> None:
    arm = _part(connection, asdict(judged.candidate))
    number = connection.execute(
        "INSERT OR IGNORE INTO judged (run, candidate, arm, verdict) VALUES (?,?,?,?)",
        (run, judged.candidate.name, arm, judged.verdict.value),
    ).lastrowid
    connection.executemany(
        "INSERT OR IGNORE INTO line VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
        [
            (number, position, _subject(connection, row), *_line(row))
            for position, row in enumerate(judged.rows)
        ],
    )


def _line(row: BudgetVerdict) -> tuple[Any, ...]:
    delta = row.delta
    ratio = delta is not None and delta.unit == "ratio"
    flags = _RELATIVE * row.relative | _BOTH_WAYS * row.both_ways | _RATIO * ratio
    found = (delta.value, delta.low, delta.high, delta.n) if delta is not None else (None,) * 4
    levels = (row.baseline_rate, row.candidate_rate, row.noise)
    return (
        row.verdict.value, row.max_drop, row.max_ratio, flags, *found, row.cases, *levels
    )  # fmt: skip


def _subject(connection: sqlite3.Connection, row: BudgetVerdict) -> int:
    names = tuple(name or "" for name in (row.cohort, row.check, row.tag, row.metric))
    query = "SELECT number FROM subject WHERE cohort=? AND chek=? AND tag=? AND metric=?"
    if (found := connection.execute(query, names).fetchone()) is None:
        insert = "INSERT INTO subject (cohort, chek, tag, metric) VALUES (?,?,?,?)"
        return int(connection.execute(insert, names).lastrowid or 0)
    return int(found[0])


def _part(connection: sqlite3.Connection, data: Json) -> int:
    """Keep what many runs have in common once."""
    text = json.dumps(data, sort_keys=True)
    digest = sha256(text.encode()).hexdigest()
    connection.execute("INSERT OR IGNORE INTO part (digest, data) VALUES (?,?)", (digest, text))
    query = "SELECT number FROM part WHERE digest = ?"
    return int(connection.execute(query, (digest,)).fetchone()[0])


def _without(data: Json, key: str) -> Json:
    return {name: value for name, value in data.items() if name != key}


# --- out ----------------------------------------------------------------------------------


def past(connection: sqlite3.Connection) -> Past:
    """Return all runs without the rows of budgets; what several have in common is one object.

    Raises:
        ValueError, TypeError, KeyError: what is there is no history.
    """
    reader = _Reader(connection)
    runs = _runs(connection, reader)
    judged: dict[int, list[tuple[str, Judged]]] = {}
    query = "SELECT run, candidate, arm, verdict FROM judged ORDER BY number"
    for number, name, arm, verdict in connection.execute(query):
        found = Judged(candidate=reader.arm(arm), verdict=Verdict(verdict), rows=())
        judged.setdefault(number, []).append((str(name), found))
    lines: dict[Series, list[Point]] = {}
    for number, run in runs.items():
        for name, found in judged.get(number, ()):
            series = Series(name, run.baseline.name, run.config)
            lines.setdefault(series, []).append(Point(run, found))
    return Past(tuple(runs.values()), lines)


def past_until(connection: sqlite3.Connection, at: float) -> Past:
    """Return the runs that began until then, without candidates.

    Raises:
        ValueError, TypeError, KeyError: what is there is no history.
    """
    runs = _runs(connection, _Reader(connection))
    return Past([run for run in runs.values() if run.at <= at], {})


def newest(connection: sqlite3.Connection) -> float:
    """Return when the newest run began, in seconds since the epoch; 0 where there is none."""
    (at,) = connection.execute("SELECT max(at) FROM run").fetchone()
    return float(at or 0.0)


def _runs(connection: sqlite3.Connection, reader: _Reader) -> dict[int, KeptRun]:
    """Return runs by their numbers, the oldest first."""
    query = (
        "SELECT number, id, at, whole, golden, rules, baseline, facts FROM run ORDER BY at, number"
    )
    return {
        number: KeptRun(
            id=str(id_),
            at=float(at),
            whole=bool(whole),
            golden=str(golden),
            cases=reader.cases(golden),
            rules=reader.rules(rules),
            baseline=reader.arm(baseline),
            judged=(),
            facts=dict(json.loads(told)),
        )
        for number, id_, at, whole, golden, rules, baseline, told in connection.execute(query)
    }


class Spot(NamedTuple):
    """One budget in one run, as it was judged."""

    run: str
    verdict: str
    max_drop: float | None
    max_ratio: float | None
    flags: int
    value: float | None
    """How much worse the candidate was; None where nothing could be said."""
    low: float | None
    high: float | None
    n: float | None
    cases: int
    baseline: float | None
    candidate: float | None
    noise: float | None

    @property
    def limit(self) -> float | None:
        """The budget, on the scale of the value; None where it is a share of another number."""
        if self.flags & _RELATIVE:
            return None if self.baseline is None else (self.max_drop or 0) * self.baseline
        return self.max_drop if self.max_ratio is None else self.max_ratio

    def row(self, group: Group) -> BudgetVerdict:
        """Return the record that reports are rendered from."""
        delta = None
        if self.value is not None and self.low is not None and self.high is not None:
            unit: Unit = "ratio" if self.flags & _RATIO else "points"
            delta = Delta(
                value=self.value, low=self.low, high=self.high, n=self.n or 0.0, unit=unit
            )
        return BudgetVerdict(
            **group._asdict(),
            max_drop=self.max_drop,
            max_ratio=self.max_ratio,
            relative=bool(self.flags & _RELATIVE),
            both_ways=bool(self.flags & _BOTH_WAYS),
            verdict=Verdict(self.verdict),
            reason="",
            delta=delta,
            cases=self.cases,
            baseline_rate=self.baseline,
            candidate_rate=self.candidate,
            noise=self.noise,
        )


def spots(
    connection: sqlite3.Connection,
    candidate: str,
    runs: Collection[str],
    since: float,
    wanted: Group,
) -> dict[Group, list[Spot]]:
    """Return what was found of each budget of a candidate in these runs, the oldest first.

    Args:
        connection: as `store.opened` gives it.
        candidate: its name.
        runs: their ids.
        since: when the first of them began.
        wanted: names that a budget has to have; None takes every one.
    """
    query = (
        "SELECT s.number, s.cohort, s.chek, s.tag, s.metric, r.id, l.verdict, l.max_drop, "
        "l.max_ratio, l.flags, l.value, l.low, l.high, l.n, l.cases, l.baseline, l.candidate, "
        "l.noise FROM judged j JOIN run r ON r.number = j.run JOIN line l ON l.judged = j.number "
        "JOIN subject s ON s.number = l.subject WHERE j.candidate = ? AND r.at >= ? "
        "AND coalesce(?, s.cohort) = s.cohort AND coalesce(?, s.chek) = s.chek "
        "AND coalesce(?, s.tag) = s.tag AND coalesce(?, s.metric) = s.metric "
        "ORDER BY r.at, r.number, l.position"
    )
    found: dict[Group, list[Spot]] = {}
    groups: dict[int, Group] = {}
    for line in connection.execute(query, (candidate, since, *wanted)):
        number = line[0]
        if number not in groups:
            groups[number] = Group(*(str(name) or None for name in line[1:5]))
        if line[5] in runs:
            found.setdefault(groups[number], []).append(Spot._make(_checked(line[5:])))
    return found


def _checked(line: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return a line of which each cell is what it should be: SQLite keeps whatever it is given."""
    run, verdict, drop, ratio, flags, *numbers = line
    Verdict(verdict)
    if type(run) is not str or type(flags) is not int or type(numbers[4]) is not int:
        raise TypeError("no line of a history")
    for value in (drop, ratio, *numbers):
        if value is not None and type(value) not in _NUMBERS:
            raise TypeError("no number")
    return line


_NUMBERS = (float, int)


class _Reader:
    """Parts that runs have in common, each read once."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._data: dict[int, str] = dict(connection.execute("SELECT number, data FROM part"))
        self._rules: dict[int, Rules] = {}
        self._arms: dict[int, Arm] = {}
        self._cases: dict[str, frozenset[str] | None] = {}

    def rules(self, number: int) -> Rules:
        if number not in self._rules:
            data = json.loads(self._data[number])
            budgets = [Budget(**budget) for budget in data["budgets"]]
            policies = dict(data["policies"])
            self._rules[number] = Rules(
                budgets={budget.group: budget for budget in budgets}, policies=policies
            )
        return self._rules[number]

    def arm(self, number: int) -> Arm:
        if number not in self._arms:
            data = json.loads(self._data[number])
            data["fingerprints"] = tuple(data["fingerprints"])
            self._arms[number] = Arm(**data)
        return self._arms[number]

    def cases(self, golden: str) -> frozenset[str] | None:
        if golden not in self._cases:
            query = "SELECT cases FROM golden WHERE hash = ?"
            found = self._connection.execute(query, (golden,)).fetchone()
            blob = bytes(found[0]) if found else b""
            each = [blob[i : i + _BYTES].hex() for i in range(0, len(blob), _BYTES)]
            self._cases[golden] = frozenset(each) if found else None
        return self._cases[golden]


# --- notes --------------------------------------------------------------------------------


def notes(connection: sqlite3.Connection) -> dict[str, str]:
    """Return the reasons that were given later, by the id of their entry."""
    found = connection.execute("SELECT entry, text FROM note")
    return {str(entry): one_line(str(text), NOTE_LIMIT) for entry, text in found}


def add_note(connection: sqlite3.Connection, entry: str, text: str, at: float) -> None:
    """Give an entry its reason, in place of an earlier note."""
    text = one_line(text, NOTE_LIMIT)
    connection.execute("INSERT OR REPLACE INTO note VALUES (?,?,?)", (entry, at, text))
