"""Answers that wait for the other model's: the last ones in memory, all that are older on disk.

Where a log has one model's answers after the other's, each of them waits for hours. The disk is a
private database of SQLite without a name, which the system removes whatever happens to the process.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import zlib
from collections import OrderedDict, deque
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, fields
from typing import Any

from pytest_quantguard._sanitize import one_line
from pytest_quantguard.canary.records import Feedback, MirroredPair, Side
from pytest_quantguard.errors import InputError
from pytest_quantguard.types import Completion, CompletionRequest, Role, Source

MAX_WAITING = 256 * 2**20
"""Characters that answers may hold that wait in memory, all together."""
_GONE = 64
"""Numbers that are gone and are remembered in any case, of one question."""
_TABLE = (
    "PRAGMA journal_mode = OFF",
    "PRAGMA synchronous = OFF",
    "PRAGMA cache_size = -16384",  # KiB of it that stay in memory
    "CREATE TABLE waiting (number INTEGER PRIMARY KEY, key BLOB, trace BLOB, role TEXT,"
    " file BLOB, line INTEGER, data BLOB)",
    "CREATE INDEX by_key ON waiting (key)",
    "CREATE INDEX by_trace ON waiting (trace)",
)
_ANY = ("utf-8", "surrogatepass")
"""A file's name may hold bytes that are no characters: Python has them as half ones."""
_OLDEST = {
    "key": "SELECT number, role, data FROM waiting WHERE key = ? ORDER BY number LIMIT 1",
    "trace": "SELECT number, role, data FROM waiting WHERE trace = ? ORDER BY number LIMIT 1",
}
_NEWEST = {by: query.replace("LIMIT", "DESC LIMIT") for by, query in _OLDEST.items()}


@dataclass(slots=True)
class Waiting:
    """One arm's answer."""

    role: Role
    key: bytes
    """What it has in common with answers of the same role that may take its place; see `mark`."""
    trace: bytes
    """The same, and one trace; empty where the log tells none."""
    half: MirroredPair
    """The pair, of which this arm is known."""
    size: int
    """About how many characters it holds."""


def mark(*names: str) -> bytes:
    """Return what tells a key from all others, 16 bytes whatever a log made of it."""
    text = json.dumps(names).encode("ascii")
    return hashlib.blake2b(text, digest_size=16).digest()


class WaitingRoom:
    """Holds what waits: bounded memory, and as much disk as it takes."""

    def __init__(self, window: int, *, newest: bool = False) -> None:
        """``window``: answers in memory at most; ``newest``: of several the last one is taken."""
        self._window = window
        self._newest = newest
        self._here: OrderedDict[int, Waiting] = OrderedDict()
        """In memory, by number, in the order in which they came."""
        self._numbers: dict[bytes, deque[int]] = {}
        """By key and by trace; numbers that are gone are passed over."""
        self._last = self._size = self._stored = 0
        self._disk: sqlite3.Connection | None = None

    def put(self, new: Waiting) -> None:
        """Let an answer wait.

        Raises:
            InputError: the disk has no room for it.
        """
        self._last += 1
        self._here[self._last] = new
        for name in filter(None, (new.key, new.trace)):
            self._numbers.setdefault(name, deque()).append(self._last)
        self._size += new.size
        while len(self._here) > self._window or self._size > MAX_WAITING:
            number = next(iter(self._here))
            self._store(number, self._leave(number))

    def take(self, key: bytes, trace: bytes) -> Waiting | None:
        """Take out an answer: one of the same trace where there is one, else of the same key.

        Raises:
            InputError: the disk cannot be read.
        """
        for by, name in (("trace", trace), ("key", key)):
            if not name:
                continue
            first, second = self._stored_one, self._waiting_one
            if self._newest:
                first, second = second, first
            found = first(by, name) or second(by, name)
            if found is not None:
                return found
        return None

    def rest(self) -> Iterator[tuple[Role, Source]]:
        """Yield whose answers still wait, and where they stand, oldest first; they stay.

        Raises:
            InputError: the disk cannot be read.
        """
        if self._disk is not None:
            with _told():
                query = "SELECT role, file, line FROM waiting ORDER BY number"
                for role, file, line in self._disk.execute(query):
                    yield role, Source(file=file.decode(*_ANY), line=line)
        for found in self._here.values():
            yield found.role, found.half.source

    def close(self) -> None:
        """Leave nothing behind."""
        if self._disk is not None:
            self._disk.close()
            self._disk = None

    # --- memory -------------------------------------------------------------------------

    def _waiting_one(self, by: str, name: bytes) -> Waiting | None:
        del by
        numbers = self._numbers.get(name)
        while numbers:
            number = numbers[-1] if self._newest else numbers[0]
            if number in self._here:
                return self._leave(number)
            (numbers.pop if self._newest else numbers.popleft)()
        return None

    def _leave(self, number: int) -> Waiting:
        found = self._here.pop(number)
        self._size -= found.size
        for name in filter(None, (found.key, found.trace)):
            numbers = self._numbers[name]
            while numbers and numbers[0] not in self._here:
                numbers.popleft()
            while numbers and numbers[-1] not in self._here:
                numbers.pop()
            if not numbers:
                del self._numbers[name]
            elif len(numbers) > 2 * len(self._here) + _GONE:  # those between two that wait
                self._numbers[name] = deque(one for one in numbers if one in self._here)
        return found

    # --- disk ---------------------------------------------------------------------------

    def _store(self, number: int, old: Waiting) -> None:
        with _told():
            if self._disk is None:
                self._disk = sqlite3.connect("", isolation_level=None)
                for statement in _TABLE:
                    self._disk.execute(statement)
            self._disk.execute(
                "INSERT INTO waiting VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    number,
                    old.key,
                    old.trace or None,
                    old.role,
                    old.half.source.file.encode(*_ANY),
                    old.half.source.line,
                    packed(old.half),
                ),
            )
        self._stored += 1

    def _stored_one(self, by: str, name: bytes) -> Waiting | None:
        if self._disk is None or not self._stored:
            return None
        query = (_NEWEST if self._newest else _OLDEST)[by]
        with _told(), closing(self._disk.execute(query, (name,))) as rows:
            row = rows.fetchone()
        if row is None:
            return None
        number, role, data = row
        with _told():
            self._disk.execute("DELETE FROM waiting WHERE number = ?", (number,))
        self._stored -= 1
        return Waiting(role, b"", b"", unpacked(data), 0)


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise InputError(
            "--quant-pairs: the answers that wait for the other model's find no room on the disk "
            f"({one_line(str(error))}); let TMPDIR name a folder with more of it, or give each "
            "model's answers as a file of its own: such files are read side by side"
        ) from None


# --- on the disk --------------------------------------------------------------------------


def packed(half: MirroredPair) -> bytes:
    """Return what is known of a pair as bytes; `unpacked` gives the same pair back."""
    request = half.request
    data = {one.name: getattr(half, one.name) for one in fields(half)}
    data["request"] = [request.messages, request.tools, request.params]
    data["source"] = [half.source.file, half.source.line]
    data["labels"] = dict(half.labels)
    data["baseline"], data["candidate"] = _of_side(half.baseline), _of_side(half.candidate)
    return zlib.compress(json.dumps(data, separators=(",", ":")).encode("ascii"), 1)


def _of_side(side: Side | None) -> dict[str, Any] | None:
    if side is None:
        return None
    said = side.feedback
    return {
        "completion": None if side.completion is None else side.completion.to_dict(),
        "failure": side.failure,
        "timed_out": side.timed_out,
        "cost": side.cost,
        "feedback": [said.thumbs, said.retried, said.escalated],
    }


def unpacked(data: bytes) -> MirroredPair:
    """Return the pair that `packed` made these bytes of."""
    found = json.loads(zlib.decompress(data))
    messages, tools, params = found["request"]
    file, line = found["source"]
    return MirroredPair(
        **{
            **found,
            "request": CompletionRequest(
                messages=tuple(messages), tools=tuple(tools), params=params
            ),
            "source": Source(file=file, line=line),
            "tags": tuple(found["tags"]),
            "baseline": _side(found["baseline"]),
            "candidate": _side(found["candidate"]),
        }
    )


def _side(data: dict[str, Any] | None) -> Side | None:
    if data is None:
        return None
    thumbs, retried, escalated = data["feedback"]
    said = data["completion"]
    return Side(
        completion=None if said is None else Completion.from_dict(said),
        failure=data["failure"],
        timed_out=data["timed_out"],
        cost=data["cost"],
        feedback=Feedback(thumbs=thumbs, retried=retried, escalated=escalated),
    )
