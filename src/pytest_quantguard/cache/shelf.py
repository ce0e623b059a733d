"""Text by key in a folder, for many processes and threads at once; the only home of diskcache.

diskcache may run code that it finds in its folder (CVE-2025-69872: it unpickles rows, and deletes
files that rows name). A cache folder travels through CI systems, so here it is data and nothing
else: text in, text out.
"""

from __future__ import annotations

import os
import re
import sqlite3
import stat
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import diskcache
from diskcache.core import DEFAULT_SETTINGS, METADATA, MODE_RAW, MODE_TEXT, UNKNOWN

from pytest_quantguard._sanitize import one_line

MAX_VALUE = 64 * 2**20
"""Longest text, in bytes."""

_LOCK_WAIT_S = 30
_REST_S = 1.0
_REST_MAX_S = 60.0
_DAMAGED = (11, 26)  # SQLITE_CORRUPT, SQLITE_NOTADB
_FILE = re.compile(r"[0-9a-f]{2}[/\\][0-9a-f]{2}[/\\][0-9a-f]{28}\.val")
_MARK = "CACHEDIR.TAG"
_TAG = "Signature: 8a477f597d28d172789f06886806bc55\n# Made by pytest-quantguard; can be deleted.\n"


class ShelfError(Exception):
    """A text could not be stored; says why, in one line."""


def reason(error: BaseException) -> str:
    """Return an error as a part of a sentence."""
    if isinstance(error, diskcache.Timeout):
        return f"another program has locked it for {_LOCK_WAIT_S} s"
    return one_line(str(error) or type(error).__name__)


@dataclass(slots=True, eq=False)
class _Text:
    """A text on its way to the disk."""

    key: str
    text: str
    kept: bool = False


class Shelf:
    """One folder of texts. Reading goes on where writing cannot.

    ``fault`` says why it cannot be used, or not be written; empty while it can. ``notices`` are
    sentences about what was mended.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.fault = ""
        self.notices: list[str] = []
        self._writing = threading.Lock()  # one writer a process: SQLite makes waiters sleep
        self._waiting: deque[_Text] = deque()
        self._retired: list[_Cache] = []
        self._rest_s, self._rests_until = _REST_S, 0.0
        self._inode: tuple[int, int] | None = None
        self._store: _Cache | _FrozenStore | None = self._open()

    @staticmethod
    def is_at(folder: Path) -> bool:
        """Tell whether there is a shelf in a folder."""
        return os.path.exists(f"{folder}/cache.db")

    @property
    def usable(self) -> bool:
        """Whether at least reading is possible."""
        return self._store is not None

    def get(self, key: str) -> str | None:
        """Return the text, or None; foreign bytes can make this raise any exception."""
        return None if self._store is None else self._store.get(key)

    def set(self, key: str, text: str, *, urgent: bool = False) -> None:
        """Store a text; it is on disk, as far as a crash of the process goes, when this returns.

        What threads bring while one is writing is stored by the next of them, all at once. After
        a failure the folder is left in peace for a while, unless a text is ``urgent``.

        Raises:
            ShelfError: it cannot be stored now.
        """
        mine = _Text(key, text)
        self._waiting.append(mine)
        with self._writing:
            if mine.kept:
                return
            others = [one for one in self._brought() if one is not mine]
            if not urgent and time.monotonic() < self._rests_until:
                raise ShelfError(self.fault)
            began = time.monotonic()
            try:
                self._write_all(mine, others)
            except (OSError, ValueError, sqlite3.Error, diskcache.Timeout) as error:
                # A folder that makes us wait is tried the more rarely.
                pause = max(self._rest_s, 10 * (time.monotonic() - began))
                self._rests_until = time.monotonic() + pause
                self._rest_s = min(2 * self._rest_s, _REST_MAX_S)
                self.fault = reason(error)
                raise ShelfError(self.fault) from None
            self._rest_s, self._rests_until, self.fault = _REST_S, 0.0, ""

    def _brought(self) -> Iterator[_Text]:
        """Take what waits to be written; who brought it writes it himself unless it is kept."""
        while self._waiting:
            yield self._waiting.popleft()

    def stay(self) -> None:
        """Make sure that what was stored is still to be found, as far as that can be done."""
        with self._writing, suppress(OSError, ValueError, sqlite3.Error, diskcache.Timeout):
            self._stay()

    def close(self) -> None:
        """Close what the calling thread has open; the shelf can still be used afterwards."""
        for store in (self._store, *self._retired):
            with suppress(sqlite3.Error, AttributeError):
                store.close()  # type: ignore[union-attr]

    # --- trouble --------------------------------------------------------------------------

    def _open(self) -> _Cache | _FrozenStore | None:
        try:
            ours = (self.folder / _MARK).exists()
            self._prepare_folder()
            try:
                return self._opened()
            except sqlite3.DatabaseError as error:
                if not (ours and _is_damage(error)):
                    raise
                return self._renewed(error)
        except Exception as error:  # settings in the file reach diskcache's constructor unchecked
            self.fault = reason(error)
        with suppress(Exception):
            frozen = _FrozenStore(self.folder, self.fault)
            if frozen.left_behind:
                self.notices.append(
                    f"the cache {self.folder} was not closed by its last run, and what that wrote "
                    "last cannot be read as long as the folder cannot be written"
                )
            return frozen
        return None

    def _opened(self) -> _Cache:
        store = _fenced(self.folder)
        self._inode = self._found()
        return store

    def _found(self) -> tuple[int, int] | None:
        try:
            info = os.stat(self.folder / "cache.db")
        except OSError:
            return None
        return info.st_dev, info.st_ino

    def _write_all(self, mine: _Text, others: Sequence[_Text]) -> None:
        """Write a text, and others with it; a fault of theirs is no fault of it."""
        try:
            self._write([mine, *others])
        except (OSError, ValueError, sqlite3.Error):
            if not others:
                raise
            self._write([mine])

    def _write(self, texts: Sequence[_Text]) -> None:
        if self._store is None:
            raise OSError(self.fault)
        store = self._store
        try:
            store.put(texts)
        except sqlite3.DatabaseError as error:
            if not (isinstance(store, _Cache) and _is_damage(error)):
                raise
            self._renew(store, error).put(texts)
        self._stay()
        for one in texts:
            one.kept = True

    def _stay(self) -> None:
        """Notice a removed database: it takes texts all the same, and nobody would find them."""
        if isinstance(self._store, _Cache) and self._found() != self._inode:
            self._renew(self._store, None)

    def _renew(self, old: _Cache, damage: sqlite3.DatabaseError | None) -> _Cache:
        """Begin a new database, and carry over what can still be read of the old one."""
        self._prepare_folder()
        self._store = new = self._renewed(damage)
        self._retired.append(old)
        kept = lost = 0
        for key, text in _texts_of(old):
            if text is None:
                lost += 1
            else:
                new.set(key, text)
                kept += 1
        with suppress(sqlite3.Error):
            old.close()
        if damage is None:
            self.notices.append(
                f"the cache {self.folder} was removed while the run was going on: it was made "
                f"anew, with {kept} of its answers{f', and {lost} are lost' if lost else ''}"
            )
        return new

    def _renewed(self, damage: sqlite3.DatabaseError | None) -> _Cache:
        if damage is not None:
            aside = self.folder / f"cache.db.damaged-{time.time_ns():x}"
            for end in ("", "-wal", "-shm"):
                with suppress(FileNotFoundError):  # another process did so
                    os.replace(f"{self.folder / 'cache.db'}{end}", f"{aside}{end}")
            self.notices.append(
                f"the cache {self.folder} was damaged ({reason(damage)}): it was set aside as "
                f"{aside.name} and a new one begun; what it held is asked again"
            )
        return self._opened()

    def _prepare_folder(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        for name, text in ((".gitignore", "*\n"), (_MARK, _TAG)):
            if not (self.folder / name).exists():
                (self.folder / name).write_text(text, encoding="utf-8")


def _is_damage(error: sqlite3.DatabaseError) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGED


def _texts_of(store: _Cache) -> Iterator[tuple[str, str | None]]:
    """Yield what can be read; None for a text whose file is gone. Ends where reading ends."""
    query = "SELECT key, mode, filename, value FROM Cache WHERE raw = 1"
    with suppress(sqlite3.Error):
        for key, mode, filename, value in store._con.execute(query):
            text: str | None = None
            with suppress(OSError, ValueError):
                text = store.disk.fetch(mode, filename, value, False)
            if type(key) is str:
                yield key, text


# --- diskcache, fenced ------------------------------------------------------------------


class _TextDisk(diskcache.Disk):  # type: ignore[misc]
    """Knows text and nothing else; what a row says about files is not believed either."""

    def put(self, key: Any) -> tuple[str, bool]:
        if type(key) is not str:
            raise TypeError("keys are text")
        return key, True

    def get(self, key: Any, raw: Any) -> str:
        if not raw or type(key) is not str:
            raise ValueError("a key is not text")
        return str(key)

    def store(self, value: Any, read: bool, key: Any = UNKNOWN) -> Any:
        if type(value) is not str or read:
            raise TypeError("values are text")
        return super().store(value, read, key=key)

    def fetch(self, mode: int, filename: str | None, value: Any, read: bool) -> str:
        if mode == MODE_RAW and type(value) is str:
            return value
        if mode != MODE_TEXT or read or not _is_ours(filename):
            raise ValueError("it is not text")
        path = Path(self._directory, str(filename))
        info = path.stat()
        if not stat.S_ISREG(info.st_mode) or info.st_size > MAX_VALUE + 1024:
            raise ValueError("its file is too large, or is no file")
        return path.read_text(encoding="utf-8")

    def remove(self, file_path: str) -> None:
        if _is_ours(file_path):
            super().remove(file_path)


def _is_ours(filename: Any) -> bool:
    return isinstance(filename, str) and _FILE.fullmatch(filename) is not None


class _Cache(diskcache.Cache):  # type: ignore[misc]
    def __init__(self, *args: Any, **settings: Any) -> None:
        try:
            super().__init__(*args, **settings)
        except BaseException:
            self.close()
            raise

    def put(self, texts: Sequence[_Text]) -> None:
        """Store texts, all or none of them."""
        with self.transact():
            for one in texts:
                self.set(one.key, one.text)

    @property
    def _con(self) -> sqlite3.Connection:
        connection: sqlite3.Connection = super()._con
        # Refuses a huge value before it is in memory.
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_VALUE)
        return connection


def _fenced(folder: Path) -> _Cache:
    """Open the folder for reading and writing.

    Raises:
        ValueError: settings in the file would become attributes of diskcache's objects.
    """
    path = folder / "cache.db"
    if path.exists():
        with closing(sqlite3.connect(path)) as db, suppress(sqlite3.OperationalError):
            found = {row[0] for row in db.execute("SELECT key FROM Settings")}
            if foreign := found.difference(DEFAULT_SETTINGS, METADATA):
                raise ValueError(f"unknown settings: {sorted(map(str, foreign))}")
    return _Cache(
        str(folder),
        timeout=_LOCK_WAIT_S,
        disk=_TextDisk,
        eviction_policy="none",  # the default one silently drops the oldest at 1 GiB
        cull_limit=0,
        statistics=0,
        sqlite_mmap_size=0,  # each thread's connection would map it; cut short, it would be SIGBUS
        tag_index=0,
    )


class _FrozenStore:
    """Reads a cache folder that cannot be written, such as a read-only volume."""

    def __init__(self, folder: Path, why: str) -> None:
        self._why = why
        self._uri = f"{(folder / 'cache.db').resolve().as_uri()}?mode=ro"
        self._disk = _TextDisk(str(folder))
        self.left_behind = False
        """Whether the last run was killed, and what it wrote last cannot be seen."""
        wal = folder / "cache.db-wal"
        if wal.exists() and wal.stat().st_size:
            try:
                self.get("")
            except sqlite3.Error:
                self.left_behind = True
            else:
                return
        self._uri += "&immutable=1"
        self.get("")  # is there anything to read?

    def get(self, key: str) -> str | None:
        query = "SELECT mode, filename, value FROM Cache WHERE key = ? AND raw = 1"
        with closing(sqlite3.connect(self._uri, uri=True)) as db:
            db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_VALUE)
            row = db.execute(query, (key,)).fetchone()
        return None if row is None else self._disk.fetch(row[0], row[1], row[2], False)

    def put(self, texts: Sequence[_Text]) -> None:
        raise OSError(self._why)

    def close(self) -> None:
        """Nothing stays open between two looks."""
