"""How far the reading is: a line that comes and goes on a terminal, or one now and then without."""

from __future__ import annotations

import time
from collections.abc import Callable

from pytest_quantguard.engine.progress import Screen

_DRAW_S = 0.5
_FIRST_S = 5.0
_EVERY_S = 10.0
_STEP = 64
"""The clock is looked at after so many pairs."""


class ReadingLine:
    """Shows how many pairs, and which part of the bytes, have been read."""

    def __init__(
        self, screen: Screen | None, total: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """``total`` is the size of all files in bytes; 0 = not known, as of packed ones."""
        self._screen = screen
        self._total = total
        self._clock = clock
        self._began = clock()
        self._due = self._began + (_DRAW_S if self._transient else _FIRST_S)
        self._drawn = False
        self._bytes = 0
        self._before = 0

    @property
    def _transient(self) -> bool:
        return self._screen is not None and self._screen.is_terminal

    def passed(self, size: int) -> None:
        """Note how much of the present file has been read, in bytes; less than before: the next."""
        if size < self._bytes:
            self._before += self._bytes
        self._bytes = size

    def show(self, pairs: int) -> None:
        """Draw, when it is time."""
        if self._screen is None or pairs % _STEP:
            return
        now = self._clock()
        if now < self._due:
            return
        self._due = now + (_DRAW_S if self._transient else _EVERY_S)
        text = self.text(pairs, now - self._began)
        if not self._transient:
            self._screen.line(text)
            return
        below = "" if self._drawn else "\n"
        self._screen.raw(f"{below}\r\x1b[K{text[: self._screen.width - 1]}")
        self._drawn = True

    def text(self, pairs: int, seconds: float) -> str:
        """Return one line in plain ASCII: pairs, part of the files, rate."""
        parts = [f"quantguard: {pairs} pairs read"]
        read = self._before + self._bytes
        if self._total and read:
            share = min(1.0, read / self._total)
            parts.append(f"{_mega(read)} of {_mega(self._total)} ({100 * share:.0f} %)")
        elif read:
            parts.append(_mega(read))
        if seconds > 0:
            parts.append(f"{pairs / seconds:.3g} a second")
        return ", ".join(parts)

    def hide(self) -> None:
        """Put the screen back as it was."""
        if self._drawn and self._screen is not None:
            self._screen.raw("\r\x1b[K\x1b[1A")
            self._drawn = False


def _mega(size: int) -> str:
    return f"{size / 2**20:.1f} MB"
