"""Which span asked for which completion: remembered, and told to the other processes of a run."""

from __future__ import annotations

import threading
from contextlib import suppress
from pathlib import Path

Mark = tuple[int, int]
"""Trace id and span id."""


class Marks:
    """Spans by cache key; with a folder each process appends to a file of its own.

    A line that is lost costs a link between two spans, and nothing else.
    """

    def __init__(self, folder: Path | None = None, own: str = "") -> None:
        self._folder = folder
        self._own = folder / f"{own}.txt" if folder is not None and own else None
        self._known: dict[str, Mark] = {}
        self._read: dict[Path, int] = {}
        self._lock = threading.Lock()

    def put(self, key: str, mark: Mark) -> None:
        """Remember which span asked."""
        with self._lock:
            self._known[key] = mark
            if self._own is not None:
                with suppress(OSError), self._own.open("a", encoding="ascii") as file:
                    file.write(f"{key} {mark[0]:032x} {mark[1]:016x}\n")

    def get(self, key: str) -> Mark | None:
        """Return which span asked; None for an answer from the cache."""
        if key and key not in self._known and self._folder is not None and self._own is None:
            self._catch_up(self._folder)
        return self._known.get(key)

    def _catch_up(self, folder: Path) -> None:
        """Read what the other processes have appended since."""
        for path in folder.glob("*.txt"):
            with suppress(OSError, ValueError), path.open("rb") as file:
                file.seek(self._read.get(path, 0))
                for line in file:
                    if not line.endswith(b"\n"):  # still being written
                        break
                    key, trace, span = line.decode("ascii").split()
                    self._known[key] = int(trace, 16), int(span, 16)
                    self._read[path] = self._read.get(path, 0) + len(line)
