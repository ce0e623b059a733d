"""Shutting this process to others of the same user, while one of them is a model's code."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_PR_GET_DUMPABLE, _PR_SET_DUMPABLE = 3, 4

_lock = threading.Lock()
_within: list[int] = []
"""What the flag was before, once for each program that runs; the first one counts."""


@contextmanager
def shut() -> Iterator[None]:
    """Let nobody but root read our memory and environment, or write them, through ``/proc``.

    The flag is the process's, so it stays until the last program has ended (prctl(2),
    PR_SET_DUMPABLE). While it is set the process leaves no core dump and cannot be debugged.
    """
    with _lock:
        _within.append(_dumpable())
        if len(_within) == 1 and _within[0] == 1:
            _set_dumpable(0)
    try:
        yield
    finally:
        with _lock:
            before = _within.pop()
            if not _within and before == 1:
                _set_dumpable(1)


def _dumpable() -> int:
    return int(ctypes.CDLL(None).prctl(_PR_GET_DUMPABLE, 0, 0, 0, 0))


def _set_dumpable(value: int) -> None:
    ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, value, 0, 0, 0)
