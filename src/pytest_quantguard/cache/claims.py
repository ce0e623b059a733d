"""Who may ask for what, agreed on by all threads and processes that use a folder."""

from __future__ import annotations

import errno
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import ClassVar
from weakref import WeakValueDictionary

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

_TAKEN = (errno.EAGAIN, errno.EACCES, errno.EDEADLK)
_NOBODYS = 2**48
"""A place that is nobody's: to find out whether locks work at all."""


class Claims:
    """Locks on numbers in [0, 2**48): one byte each of one empty file, so that no files are left.

    Such locks belong to the process and end with it; among threads a set does the same. A process
    loses them when it closes the file anywhere, so all who use one file share this object.
    """

    _open: ClassVar[WeakValueDictionary[Path, Claims]] = WeakValueDictionary()
    _finding: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd: int | None = None
        self._held: set[int] = set()
        self._lock = threading.Lock()
        self._trouble: OSError | None = None
        self._tried = False

    @classmethod
    def of(cls, path: Path) -> Claims:
        """Return the claims in a file, which is made when it is first needed."""
        path = path.resolve()
        with cls._finding:  # two for one file would end each other's locks
            found = cls._open.get(path)
            return found if found is not None else cls._open.setdefault(path, cls(path))

    @property
    def trouble(self) -> OSError | None:
        """Why other processes do not see these claims: a read-only folder, no locks; else None."""
        if not self._tried:
            with self._lock:
                try:
                    _try(self._look(), _NOBODYS)
                    self._give(_NOBODYS)
                except OSError as error:
                    self._trouble = error
                self._tried = True
        return self._trouble

    @contextmanager
    def claim(self, place: int) -> Iterator[bool]:
        """Hold a number; yields False, at once, when another thread or process holds it.

        Where locks do not work it is held among the threads of this process only: ask twice rather
        than never.
        """
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
        try:
            return _try(self._look(), place)
        except OSError:
            return True

    def _look(self) -> int:
        """Open the file, again if somebody removed it: others lock the one that has its name."""
        if self._fd is not None:
            if sys.platform == "win32":  # there nobody can remove an open file
                return self._fd
            with suppress(OSError):
                here, there = os.fstat(self._fd), self._path.stat()
                if (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino):
                    return self._fd
        self._path.parent.mkdir(parents=True, exist_ok=True)
        old, self._fd = self._fd, os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
        if old is not None:
            os.close(old)
        return self._fd

    def _give(self, place: int) -> None:
        if self._fd is not None:
            with suppress(OSError):
                _unlock_byte(self._fd, place)

    def __del__(self) -> None:
        if self._fd is not None:
            os.close(self._fd)


def _try(fd: int, place: int) -> bool:
    try:
        _lock_byte(fd, place)
    except OSError as error:
        if error.errno not in _TAKEN:
            raise
        return False
    return True


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
