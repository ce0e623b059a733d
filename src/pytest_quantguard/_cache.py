"""Completions on disk, so that nothing is paid for twice; the only home of diskcache.

diskcache may run code that it finds in its folder (CVE-2025-69872: it unpickles rows, and deletes
files that rows name). A cache folder travels through CI systems, so here it is data and nothing
else: text in, text out, each entry under its own hash. Whatever is not exactly what we wrote is a
miss with a warning.
"""

from __future__ import annotations

import errno
import hashlib
import json
import math
import os
import re
import sqlite3
import stat
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, ClassVar
from weakref import WeakValueDictionary

import diskcache
from diskcache.core import DEFAULT_SETTINGS, METADATA, MODE_RAW, MODE_TEXT, UNKNOWN

from pytest_quantguard._sanitize import one_line
from pytest_quantguard.errors import QuantGuardWarning
from pytest_quantguard.types import Completion, CompletionRequest, Json

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

SCHEMA = 1
"""Version of keys and entries; another one is another cache."""
MAX_VALUE = 64 * 2**20
"""Longest entry, in bytes."""

_LOCK_WAIT_S = 30
_TRIES = 3
_NOTICES = 20
_FILE = re.compile(r"[0-9a-f]{2}[/\\][0-9a-f]{2}[/\\][0-9a-f]{28}\.val")
_ENTRY = re.compile(r'\{"schema":(\d{1,9}),"sha256":"([0-9a-f]{64})","entry":')
_TAG = "Signature: 8a477f597d28d172789f06886806bc55\n# Made by pytest-quantguard; can be deleted.\n"


def completion_key(request: CompletionRequest, identity: Json, repeat: int) -> str:
    """Return the name of one completion: 64 hexadecimal digits.

    Everything that can change the answer is in it: the request, who is asked, and which repeat
    (from 0). Parameters may come in any order; inside messages, tools and schemas the order
    counts, because chat templates print it.
    """
    body = request.body()
    if request.reference is not None:
        body = {**body, "reference": request.reference}
    ordered = {name: body[name] for name in sorted(body)}
    return _sha256(_dump([SCHEMA, ordered, json.dumps(identity, sort_keys=True), repeat]))


class CompletionCache:
    """A folder of completions that many processes and threads may use at once."""

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        self._memory: dict[str, Completion] = {}
        self._writing = threading.Lock()  # one writer a process: SQLite makes waiters sleep
        self._failures = 0
        self._notices: dict[str, None] = {}
        self._store = self._open()
        self._claims = _Claims.of(self.folder / "claims.lock")

    @property
    def notices(self) -> tuple[str, ...]:
        """What was warned about, for the report; the run went on."""
        return tuple(self._notices)

    def get(self, key: str) -> Completion | None:
        """Return the completion, or None; what cannot be trusted is None, with a warning."""
        found = self._memory.get(key)
        if found is not None or self._store is None:
            return found
        try:
            text = self._store.get(key)
            return None if text is None else _decode(key, text)
        except Exception as error:  # foreign bytes can break anything: each of it is a miss
            self._notice(f"cache entry {key[:12]} in {self.folder} is not used: {_reason(error)}")
            return None

    def put(self, key: str, completion: Completion, request: CompletionRequest) -> None:
        """Store a completion; where that fails it is kept in memory, with one warning."""
        try:
            if self._store is None or self._failures >= _TRIES:
                raise OSError("the folder is not writable")
            text = _encode(key, completion, request)
            with self._writing:
                self._store.set(key, text)
        except (OSError, ValueError, sqlite3.Error, diskcache.Timeout) as error:
            self._memory[key] = completion
            if not isinstance(error, ValueError):
                self._failures += 1
            if self._failures <= 1:
                self._notice(
                    f"cannot write to the cache {self.folder} ({_reason(error)}); "
                    "answers are kept for this run only"
                )

    def __contains__(self, key: str) -> bool:
        return self.get(key) is not None

    @contextmanager
    def claim(self, key: str) -> Iterator[bool]:
        """Hold the right to ask for ``key``; yields False, at once, when another holds it.

        Seen by all threads and processes that use the folder; ends with the process.
        """
        with self._claims.claim(int(key[:12], 16)) as mine:
            yield mine

    def close(self) -> None:
        """Close this thread's connection to the database; each thread that used it calls this.

        The cache can still be used afterwards.
        """
        with suppress(sqlite3.Error, AttributeError):
            self._store.close()

    def __del__(self) -> None:
        # An open connection that is dropped is a warning, and an error in a strict test run.
        self.close()

    def _open(self) -> Any:
        try:
            self._prepare_folder()
            return _fenced(self.folder)
        except Exception as error:  # settings in the file reach diskcache's constructor unchecked
            reason = _reason(error)
        with suppress(Exception):
            return _FrozenStore(self.folder)
        self._notice(
            f"cannot open the cache {self.folder} ({reason}); answers are kept for this run only; "
            "delete the folder if it is damaged"
        )
        return None

    def _prepare_folder(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        for name, text in ((".gitignore", "*\n"), ("CACHEDIR.TAG", _TAG)):
            if not (self.folder / name).exists():
                (self.folder / name).write_text(text, encoding="utf-8")

    def _notice(self, text: str) -> None:
        if text in self._notices or len(self._notices) >= _NOTICES:
            return
        self._notices[text] = None
        # Where warnings are errors this raises in a worker thread, and would cost a completion.
        with suppress(QuantGuardWarning):
            warnings.warn(text, QuantGuardWarning, stacklevel=3)


# --- entries ----------------------------------------------------------------------------


def _reason(error: Exception) -> str:
    return one_line(str(error) or type(error).__name__)


def _dump(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=True)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _encode(key: str, completion: Completion, request: CompletionRequest) -> str:
    entry = _dump({"key": key, "completion": completion.to_dict(), "request": request.body()})
    if len(entry) > MAX_VALUE:
        raise ValueError(f"the answer is larger than {MAX_VALUE >> 20} MiB")
    return f'{{"schema":{SCHEMA},"sha256":"{_sha256(entry)}","entry":{entry}}}'


def _decode(key: str, text: str) -> Completion:
    """Return what ``text`` holds; raises, in any way, unless it is our own entry for ``key``."""
    match = _ENTRY.match(text)
    if not match or not text.isascii():
        raise ValueError("it is no entry")
    if int(match[1]) != SCHEMA:
        raise ValueError(f"schema version {int(match[1])} instead of {SCHEMA}")
    entry = text[match.end() : -1]
    if _sha256(entry) != match[2]:
        raise ValueError("it is damaged, its hash is another one")
    data = json.loads(entry)
    if data["key"] != key:  # an entry moved to another name
        raise ValueError("it belongs to another request")
    return _well_typed(Completion.from_dict(data["completion"]))


def _well_typed(found: Completion) -> Completion:
    texts = [
        found.text,
        *(t for call in found.tool_calls for t in (call.name, call.arguments_text)),
    ]
    maybe = [found.finish_reason, found.refusal, found.served_as, found.fingerprint]
    counts = [found.usage.prompt_tokens, found.usage.completion_tokens]
    times = [found.latency_s, found.asked_at, *([] if found.ttft_s is None else [found.ttft_s])]
    if not (
        all(isinstance(text, str) for text in texts)
        and all(text is None or isinstance(text, str) for text in maybe)
        and all(count is None or type(count) is int for count in counts)
        and all(type(time) in (int, float) and math.isfinite(time) for time in times)
    ):
        raise ValueError("its fields have wrong types")
    return found


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
        tag_index=0,
    )


class _FrozenStore:
    """Reads a cache folder that cannot be written, such as a read-only volume."""

    def __init__(self, folder: Path) -> None:
        self._uri = f"{(folder / 'cache.db').resolve().as_uri()}?mode=ro&immutable=1"
        self._disk = _TextDisk(str(folder))
        self.get("")  # is there anything to read?

    def get(self, key: str) -> str | None:
        query = "SELECT mode, filename, value FROM Cache WHERE key = ? AND raw = 1"
        with closing(sqlite3.connect(self._uri, uri=True)) as db:
            db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_VALUE)
            row = db.execute(query, (key,)).fetchone()
        return None if row is None else self._disk.fetch(row[0], row[1], row[2], False)

    def set(self, key: str, value: str) -> None:
        raise PermissionError(errno.EROFS, os.strerror(errno.EROFS))

    def close(self) -> None:
        """Nothing stays open between two looks."""


# --- claims -----------------------------------------------------------------------------


class _Claims:
    """Locks on numbers: one byte each of one empty file, so that no files are left behind.

    Such locks belong to the process and end with it; among threads a set does the same. A process
    loses them when it closes the file anywhere, so all caches on one folder share this object.
    """

    _open: ClassVar[WeakValueDictionary[Path, _Claims]] = WeakValueDictionary()

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd: int | None = None
        self._held: set[int] = set()
        self._lock = threading.Lock()

    @classmethod
    def of(cls, path: Path) -> _Claims:
        return cls._open.setdefault(path.resolve(), cls(path.resolve()))

    @contextmanager
    def claim(self, place: int) -> Iterator[bool]:
        with self._lock:
            mine = place not in self._held and self._take(place)
            if mine:
                self._held.add(place)
        try:
            yield mine
        finally:
            if mine:
                with self._lock:
                    self._held.discard(place)
                    self._give(place)

    def _take(self, place: int) -> bool:
        # A read-only folder, or a file system without locks: ask twice rather than never.
        try:
            if self._fd is None:
                self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError:
            return True
        try:
            _lock_byte(self._fd, place)
        except OSError as error:
            return error.errno not in (errno.EAGAIN, errno.EACCES, errno.EDEADLK)
        return True

    def _give(self, place: int) -> None:
        if self._fd is not None:
            with suppress(OSError):
                _unlock_byte(self._fd, place)

    def __del__(self) -> None:
        if self._fd is not None:
            os.close(self._fd)


if sys.platform == "win32":

    def _lock_byte(fd: int, place: int) -> None:
        os.lseek(fd, place, os.SEEK_SET)
        msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)

    def _unlock_byte(fd: int, place: int) -> None:
        os.lseek(fd, place, os.SEEK_SET)
        msvcrt.locking(fd, msvcrt.LK_UNLCK, 1)

else:

    def _lock_byte(fd: int, place: int) -> None:
        fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, place)

    def _unlock_byte(fd: int, place: int) -> None:
        fcntl.lockf(fd, fcntl.LOCK_UN, 1, place)
