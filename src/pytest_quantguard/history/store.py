"""The file that remembers: one SQLite database, opened for as long as it is read or added to.

Whatever is wrong with the file is a `HistoryError` with one sentence. Nothing in it is trusted: it
may come out of a cache that others write, or have been damaged.
"""

from __future__ import annotations

import sqlite3
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pytest_quantguard._sanitize import one_line
from pytest_quantguard.errors import QuantGuardError

APPLICATION = 0x71_67_68_31
"""Marks the file as ours, among SQLite's: ``qgh1``."""
VERSION = 1
"""Of the tables below."""
WAIT_S = 10.0
"""How long one run waits for another that is writing, in seconds."""
_SQLITE = b"SQLite format 3\x00"
_TABLES = """
CREATE TABLE part (number INTEGER PRIMARY KEY, digest TEXT NOT NULL UNIQUE, data TEXT NOT NULL);
CREATE TABLE golden (hash TEXT PRIMARY KEY, cases BLOB NOT NULL);
CREATE TABLE run (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, at REAL NOT NULL, whole INTEGER NOT NULL,
    golden TEXT NOT NULL, rules INTEGER NOT NULL, baseline INTEGER NOT NULL, facts TEXT NOT NULL
);
CREATE INDEX run_at ON run (at);
CREATE TABLE judged (
    number INTEGER PRIMARY KEY, run INTEGER NOT NULL, candidate TEXT NOT NULL, arm INTEGER NOT NULL,
    verdict TEXT NOT NULL, UNIQUE (run, candidate)
);
CREATE INDEX judged_candidate ON judged (candidate);
CREATE TABLE subject (
    number INTEGER PRIMARY KEY, cohort TEXT NOT NULL, chek TEXT NOT NULL, tag TEXT NOT NULL,
    metric TEXT NOT NULL, UNIQUE (cohort, chek, tag, metric)
);
CREATE TABLE line (
    judged INTEGER, position INTEGER, subject INTEGER NOT NULL, verdict TEXT NOT NULL,
    max_drop REAL, max_ratio REAL, flags INTEGER NOT NULL, value REAL, low REAL, high REAL, n REAL,
    cases INTEGER NOT NULL, baseline REAL, candidate REAL, noise REAL,
    PRIMARY KEY (judged, position)
) WITHOUT ROWID;
CREATE TABLE note (entry TEXT PRIMARY KEY, at REAL NOT NULL, text TEXT NOT NULL);
"""


class HistoryError(QuantGuardError):
    """The history cannot be read, or not be added to; one sentence that names the file."""


@contextmanager
def opened(path: Path, *, write: bool) -> Iterator[sqlite3.Connection]:
    """Open the history for one transaction, which is kept unless something is raised.

    Args:
        path: where it is; with ``write`` it is made where it is missing, folders included.
        write: whether anything is added. Two who write wait for each other, at most `WAIT_S`.

    Raises:
        HistoryError: it cannot be opened, is damaged, is newer than this version, or is not ours.
    """
    connection = None
    try:
        _look(path, write=write)
        connection = _connect(path, write=write)
        connection.execute("BEGIN IMMEDIATE" if write else "BEGIN")
        _recognise(connection, path, write=write)
        yield connection
        connection.commit()
    except sqlite3.Error as error:
        raise HistoryError(f"{_named(path)}: {_why(error)}") from error
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise HistoryError(f"{_named(path)}: {why}") from error
    except _NO_HISTORY as error:
        raise HistoryError(f"{_named(path)}: {_DAMAGED}") from error
    finally:
        if connection is not None:
            connection.close()  # what was not committed is undone


_NO_HISTORY = (TypeError, ValueError, KeyError, AttributeError, OverflowError, RecursionError)
"""What reading raises where the file holds something else than was written."""
_DAMAGED = (
    "the file is damaged; move it away, and the next run begins a new one "
    "('quantguard history import' takes in what reports still tell)"
)

_ELSEWHERE = "move it away, or name another file with 'history: PATH' in the configuration"


def _look(path: Path, *, write: bool) -> None:
    """Refuse what is no database before SQLite touches it: it would wait at a pipe for ever."""
    try:
        about = path.stat()
    except FileNotFoundError:
        if not write:
            raise HistoryError(
                f"{_named(path)}: there is no history yet; a run begins one "
                "('pytest --quant-candidate=NAME'), or 'quantguard history import REPORT'"
            ) from None
        path.parent.mkdir(parents=True, exist_ok=True)
        return
    if not stat.S_ISREG(about.st_mode):
        raise HistoryError(f"{_named(path)}: no ordinary file")
    with path.open("rb") as file:
        head = file.read(len(_SQLITE))
    if head and head != _SQLITE:
        raise HistoryError(
            f"{_named(path)}: this is no SQLite file; it is left as it is: {_ELSEWHERE}"
        )


def _connect(path: Path, *, write: bool) -> sqlite3.Connection:
    mode = "rwc" if write else "ro"
    uri = f"{path.absolute().as_uri()}?mode={mode}"
    connection = sqlite3.connect(uri, uri=True, timeout=WAIT_S, isolation_level=None)
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA cell_size_check = ON")
    return connection


def _recognise(connection: sqlite3.Connection, path: Path, *, write: bool) -> None:
    """Make the tables of a new file; refuse one that is somebody else's, or newer."""
    (owner,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if write and not tables and not owner and not version:
        for statement in filter(str.strip, _TABLES.split(";")):
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION}")
        connection.execute(f"PRAGMA user_version = {VERSION}")
        return
    if owner != APPLICATION:
        raise HistoryError(
            f"{_named(path)}: this SQLite file is no history of quantguard; it is left as it is: "
            f"{_ELSEWHERE}"
        )
    query = "SELECT count(*) FROM sqlite_master WHERE type IN ('view', 'trigger')"
    if connection.execute(query).fetchone() != (0,):  # we make none: reading might never end
        raise HistoryError(f"{_named(path)}: {_DAMAGED}")
    if version != VERSION:
        raise HistoryError(
            f"{_named(path)}: written in version {version} of the format, and this "
            f"pytest-quantguard knows version {VERSION}; use a newer one"
        )


def _why(error: sqlite3.Error) -> str:
    """Return SQLite's reason in our words, where there are any."""
    text = str(error)
    if "locked" in text:
        return f"another process has been writing for more than {WAIT_S:g} s"
    if "readonly" in text or "unable to open" in text:
        return "it cannot be written or opened here (read-only?)"
    if "full" in text:
        return "the disk is full"
    if type(error) is sqlite3.DatabaseError or "malformed" in text or "no such" in text:
        return _DAMAGED
    return one_line(text)


def _named(path: Path) -> str:
    return f"history {one_line(str(path))}"
