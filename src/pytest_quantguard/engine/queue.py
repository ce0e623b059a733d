"""The tasks of a lane that nobody works on: in their order, and those to look at again later.

Nothing here locks: a lane does, around whatever it does with its queue.
"""

from __future__ import annotations

import heapq
import itertools
from collections import deque
from collections.abc import Iterator

from pytest_quantguard.engine.tasks import Task

_LOOK_AGAIN_S = 0.02
_LOOK_AGAIN_MAX_S = 0.2


class Queue:
    """Tasks that wait; times are seconds of the monotonic clock, given by the caller."""

    def __init__(self) -> None:
        self._ready: deque[Task] = deque()
        self._later: list[tuple[float, int, Task]] = []

    def __len__(self) -> int:
        """How many workers could have something to do; a task that was urged counts twice."""
        return len(self._ready) + len(self._later)

    def __iter__(self) -> Iterator[Task]:
        """All that wait, those to take now before the others."""
        return itertools.chain(self._ready, (task for _, _, task in self._later))

    def waiting(self) -> list[Task]:
        """Return each task once that nobody works on and that has no answer.

        One that was urged stands here twice, one that was postponed after it has its answer.
        """
        return [task for task in dict.fromkeys(self) if not task.taken and not task.done.is_set()]

    def put(self, task: Task) -> None:
        """Put a task behind all others."""
        self._ready.append(task)

    def urge(self, task: Task) -> None:
        """Put a task in front; where it waits already, it is taken once all the same."""
        self._ready.appendleft(task)

    def postpone(self, task: Task, now: float) -> None:
        """Look at a task again soon; each further time after a longer while, up to a limit."""
        wait = min(_LOOK_AGAIN_S * 1.5**task.looks, _LOOK_AGAIN_MAX_S)
        task.looks += 1
        heapq.heappush(self._later, (now + wait, id(task), task))

    def take(self, now: float) -> Task | None:
        """Take the first task that is due; None where nothing is."""
        while self._later and self._later[0][0] <= now:
            self._ready.appendleft(heapq.heappop(self._later)[2])
        while self._ready:
            task = self._ready.popleft()
            if not task.taken and not task.done.is_set():  # an urged one is in it twice
                task.taken = True
                return task
        return None

    def due_s(self, now: float) -> float | None:
        """Return in how many seconds the next postponed task is due; None where there is none."""
        return self._later[0][0] - now if self._later else None

    def drop_done(self) -> None:
        """Forget what has its answer."""
        self._ready = deque(task for task in self._ready if not task.done.is_set())
