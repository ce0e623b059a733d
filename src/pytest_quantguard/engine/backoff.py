"""How hard a server is pressed: requests at once, waits after trouble, and when to ask no more.

`Pace` and `Patience` are plain arithmetic on times they are told; `Gate` is what threads wait at.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

_BACKOFF_S = 0.5
_BACKOFF_MAX_S = 8.0

RETRIES = 10
"""Further attempts that a variant has in a run, whatever comes of them ..."""
RETRIES_PER_ANSWER = 0.2
"""... and that each answer adds."""
GIVE_UP_AFTER = 10
"""Completions in a row that failed in all their attempts: the rest would too."""
_NEVER_ANSWERED = 3
"""The same, of a server that has not given a single answer."""
_RESTS = 5
"""Rests after waves that failed as a whole, of half a second, one, two ...: about 16 s."""
_RESTS_UNREACHED = 3
"""The same where not even a connection could be made: about 4 s."""
_SILENCE = 3.0
"""Time-outs without any answer, while something failed again and again."""

_WINDOW = 16
"""Answers that are looked at together, or twice as many as are asked for at once."""
_WELL_ABOVE = 1.5
_NOTABLE_S = 0.1
"""Waiting has risen when it is that many times, and seconds, longer than it was at best."""
_REST_WINDOWS = 4
"""Windows in which no trial is made after one that found no queue."""


def pause_s(asked_s: float, attempt: int, seed: str) -> float:
    """Return how long to wait after failure number ``attempt`` (from 1), in seconds.

    That is what the server asks for, and a random while more, up to twice as long each time; the
    same for the same ``seed``.
    """
    longest = min(_BACKOFF_S * 2 ** (attempt - 1), _BACKOFF_MAX_S)
    return asked_s + Random(f"{seed}{attempt}").uniform(0.0, longest)  # noqa: S311  no secret


def bounded_s(asked_s: float | None, most_s: float) -> float:
    """Return the wait that a server asks for, in seconds: never negative, at most ``most_s``."""
    if asked_s is None or math.isnan(asked_s):
        return 0.0
    return min(max(0.0, asked_s), most_s)


@dataclass(frozen=True, slots=True)
class _Trial:
    """What was seen before fewer requests were made at once, to find out what that changes."""

    open: float
    rate: float
    inside: float
    wait_s: float


class Pace:
    """How many requests may be in flight, at most ``places``.

    Trouble (429, 5xx, a time-out) halves it, each answer wins a part of a place back. When waiting
    has risen, fewer are asked for on trial: a server that answers as many per second all the same
    had a queue, and it stays at that; else waiting was no queue, and all is as before.
    """

    def __init__(self, places: int) -> None:
        self.open = float(places)
        self._places = float(places)
        self._since = self._narrowed = -math.inf
        self._best: float | None = None
        self._trial: _Trial | None = None
        self._queued = False
        self._quiet = 1
        """Windows since waiting was last too long: the more of them, the more is dared."""
        self._skip = 0
        self._waits: list[float] = []
        self._took = self._inside = 0.0

    @property
    def places(self) -> int:
        """How many requests may be in flight now; at least 1."""
        return max(1, int(self.open))

    def answered(self, entered: float, inside: int, wait_s: float, took_s: float) -> None:
        """Take in an answer.

        Args:
            entered: when it was asked for, on any clock that goes forward.
            inside: how many were then in flight, this one included.
            wait_s: seconds to the first token, where that is known, else to the last.
            took_s: seconds it was in flight.
        """
        if self._trial is None and not self._queued:
            self.open = min(self._places, self.open + 1 / self.open)
        if entered <= self._since:
            return  # asked for when others were in flight
        self._waits.append(wait_s)
        self._took += took_s
        self._inside += inside
        if self._best is None:
            if len(self._waits) >= self._places:
                self._best = min(self._waits)  # the first of the first wave met an empty server
                self._begin(entered + took_s)
        elif len(self._waits) >= max(_WINDOW, 2 * self.places):
            self._best = self._judge(entered + took_s, self._best)

    def troubled(self, entered: float, now: float) -> None:
        """Halve; a wave of trouble, asked for before the last one, counts once."""
        if entered < self._narrowed:
            return
        self.open = max(1.0, self.open / 2)
        self._trial = None
        self._narrowed = now
        self._begin(now)

    def _begin(self, now: float) -> None:
        self._since = now
        self._waits, self._took, self._inside = [], 0.0, 0.0

    def _judge(self, now: float, best: float) -> float:
        """Look at a window, and return the shortest wait that is to be expected."""
        count = len(self._waits)
        wait = sorted(self._waits)[count // 2]
        inside = self._inside / count
        # Little's law: what is in flight, by how long it is, is what arrives per second.
        rate = inside / max(self._took / count, 1e-9)
        if self._trial is not None and not self._confirmed(self._trial, inside, rate, wait):
            best = self._trial.wait_s
        self._trial = None
        best = min(best, wait)
        if wait > max(_WELL_ABOVE * best, best + _NOTABLE_S) and self.places > 1:
            self._quiet = 1
            if self._skip > 0:
                self._skip -= 1
            else:
                self._trial = _Trial(self.open, rate, inside, wait)
                self.open = max(1.0, round(self.open * self._share(best)))
        elif self._queued:
            self.open = min(self._places, self.open + self._quiet)
            self._quiet += 1
        self._begin(now)
        return best

    def _share(self, best: float) -> float:
        """Return the part of the requests at which nothing would wait, and a fifth more.

        A first trial is gentle: it may find out that there is no queue.
        """
        least = 0.5 if self._queued else 0.7
        queued_s = sum(self._waits) - best * len(self._waits)
        return min(0.7, max(least, 1.2 * (1 - queued_s / max(self._took, 1e-9))))

    def _confirmed(self, trial: _Trial, inside: float, rate: float, wait: float) -> bool:
        """Tell whether there was a queue: with fewer in flight as much came, and sooner."""
        fewer = inside / trial.inside
        between = (1 + fewer) / 2
        if rate >= trial.rate * between and wait <= trial.wait_s * between:
            self._queued = True
            return True
        # It answers less, or was never full: these answers take longer, and that is all.
        self.open = trial.open
        self._queued = False
        self._skip = _REST_WINDOWS
        return False


@dataclass(slots=True, eq=False)
class Turn:
    """A place at the gate, or one who waits for it."""

    at: float = 0.0
    """When the place was given; 0 = not yet."""
    inside: int = 0
    """How many had one then."""
    called: threading.Event = field(default_factory=threading.Event)


class Gate:
    """Where threads wait for a place; first come, first served."""

    def __init__(
        self, places: int, halt: threading.Event, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.pace = Pace(places)
        self.shut_until = 0.0
        """Nobody enters before, on the clock."""
        self._clock = clock
        self._inside = 0
        self._halt = halt
        self._lock = threading.Lock()
        self._waiting: deque[Turn] = deque()

    def enter(self) -> Turn:
        """Wait for a place. With the halt signal, and `wake`, nobody waits."""
        turn = Turn()
        with self._lock:
            self._waiting.append(turn)
            wait = self._admit()
        while not turn.at:
            turn.called.wait(wait if wait > 0 else None)
            with self._lock:
                turn.called.clear()
                wait = self._admit()
        return turn

    def leave(
        self, turn: Turn, ok: bool | None, *, wait_s: float = 0.0, first_s: float = 0.0
    ) -> None:
        """Give the place back and tell how it went.

        Args:
            turn: what `enter` returned.
            ok: whether there was an answer; None = nothing that tells about the server.
            wait_s: for how long nobody may enter, in seconds.
            first_s: seconds until the first token, or until all was there; 0 = not known.
        """
        with self._lock:
            now = self._clock()
            self._inside -= 1
            if ok:
                took = now - turn.at
                self.pace.answered(turn.at, turn.inside, first_s or took, took)
            elif ok is False:
                self.pace.troubled(turn.at, now)
            if now + wait_s > self.shut_until and wait_s > 0:
                self.shut_until = now + wait_s
                for one in self._waiting:
                    one.called.set()  # they look again when it opens
            self._admit()

    def wake(self) -> None:
        """Let everybody in who waits, after the halt signal."""
        with self._lock:
            self._admit()

    def _admit(self) -> float:
        """Let in who may enter; return for how long nobody may, in seconds."""
        now = self._clock()
        shut = now < self.shut_until
        while self._waiting and (
            self._halt.is_set() or (not shut and self._inside < self.pace.places)
        ):
            turn = self._waiting.popleft()
            self._inside += 1
            turn.at, turn.inside = now or 1e-9, self._inside
            turn.called.set()
        return self.shut_until - now if shut else 0.0


class Patience:
    """When a failed request is made again, and when nothing more is asked of a server.

    Args:
        places: requests at once: the first wave.
        timeout_s: longest wait for one completion, in seconds.
        shares: processes that share the variant's budget of further attempts.
    """

    def __init__(self, places: int, timeout_s: float, shares: int = 1) -> None:
        self._wave = max(2, places)
        self._timeout_s = timeout_s
        self._free = max(_RESTS + 1, math.ceil(RETRIES / shares))  # less would end before the rests
        self.answers = 0
        """That the server gave, as far as is known, to whichever process of the run."""
        self._retries = 0
        self._failed = self._lost = self._late = 0
        """Since the last answer: attempts, completions in all their attempts, time-outs."""
        self._silent_since, self._reached, self._unasked_s = 0.0, False, 0.0
        self._rests, self._rested = 0, -math.inf

    def answered(self, count: int = 1) -> None:
        """Note an answer, or so many."""
        self.answers += count
        self._failed = self._lost = self._late = self._rests = 0

    def failed(
        self,
        began: float,
        now: float,
        planned: int,
        *,
        timed_out: bool = False,
        connected: bool = True,
    ) -> str:
        """Note a failed attempt; return why nothing more should be asked, or nothing.

        ``planned`` completions are wanted of the server: the first wave may be that small.
        """
        if not self._failed:
            self._silent_since, self._reached, self._unasked_s = began, False, 0.0
        self._reached |= connected
        self._failed += 1
        self._late += timed_out
        if not self.answers and self._late >= max(2, min(self._wave, planned)):
            return "it has never answered"
        most = _RESTS if self._reached else _RESTS_UNREACHED
        if self._rests >= most and began >= self._rested:
            return f"there was nothing but errors for {now - self._silent_since:.0f} s"
        silent_s = now - self._silent_since - self._unasked_s  # rests are not its silence
        if self._failed > _SILENCE and silent_s >= _SILENCE * self._timeout_s:
            return f"there was no answer for {now - self._silent_since:.0f} s"
        return ""

    def rest_s(self, began: float, now: float, places: int) -> float:
        """Return for how long nothing should be asked at all: a whole wave has just failed.

        Twice as long each time until there is an answer, so that the budget of further attempts
        outlasts a server that is started again. ``places`` is how many are in flight now.
        """
        if self._failed < max(2, places) or began < self._rested:
            return 0.0
        rest: float = min(_BACKOFF_S * 2**self._rests, _BACKOFF_MAX_S)
        self._rests += 1
        self._rested = now + rest
        self._unasked_s += rest
        return rest

    def again(self, busy: bool) -> bool:
        """Take one further attempt from the budget; False when there is none left.

        One that the server itself asked for (``busy``: a 429, or a Retry-After) is not counted.
        """
        if busy:
            return True
        if self._retries >= self._free + RETRIES_PER_ANSWER * self.answers:
            return False
        self._retries += 1
        return True

    def lost(self) -> str:
        """Note a completion without an answer; return why nothing more should be asked."""
        self._lost += 1
        if not self.answers and self._lost >= _NEVER_ANSWERED:
            return "it has never answered"
        if self._lost >= GIVE_UP_AFTER:
            return f"{self._lost} completions in a row failed"
        return ""
