"""How hard a server is pressed: how many requests at once, and how long to wait after trouble."""

from __future__ import annotations

import threading
import time
from random import Random

_BACKOFF_S = 0.5
_BACKOFF_MAX_S = 8.0


def pause_s(asked_s: float, attempt: int, seed: str) -> float:
    """Return how long to wait after failure number ``attempt`` (from 1), in seconds.

    That is what the server asks for, and a random while more, up to twice as long each time; the
    same for the same ``seed``.
    """
    longest = min(_BACKOFF_S * 2 ** (attempt - 1), _BACKOFF_MAX_S)
    return asked_s + Random(f"{seed}{attempt}").uniform(0.0, longest)  # noqa: S311  no secret


class Gate:
    """How many requests may be in flight: halved by trouble, regained answer by answer."""

    def __init__(self, places: int, halt: threading.Event) -> None:
        self._places = float(places)
        self._open = float(places)
        self._inside = 0
        self._halt = halt
        self._narrowed_at = 0.0
        self._shut_until = 0.0
        self._changed = threading.Condition()

    def enter(self) -> float:
        """Wait for a place; return when it was given. With the halt signal nobody waits."""
        with self._changed:
            while not self._halt.is_set():
                wait = self._shut_until - time.monotonic()
                if wait <= 0 and self._inside < max(1, int(self._open)):
                    break
                self._changed.wait(min(0.1, wait) if wait > 0 else 0.1)
            self._inside += 1
            return time.monotonic()

    def leave(self, entered: float, ok: bool, wait_s: float = 0.0) -> None:
        """Give the place back and tell how it went; ``wait_s`` shuts the gate for all."""
        with self._changed:
            now = time.monotonic()
            self._inside -= 1
            if ok:
                self._open = min(self._places, self._open + 1 / self._open)
            elif entered >= self._narrowed_at:  # one wave of trouble counts once
                self._open = max(1.0, self._open / 2)
                self._narrowed_at = now
            self._shut_until = max(self._shut_until, now + wait_s)
            self._changed.notify_all()
