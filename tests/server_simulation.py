"""A server with a number of slots and a queue before them, simulated event by event; no clock."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from pytest_quantguard.engine.backoff import Pace

Service = Callable[[int], float]
"""Number of a request, from 0 -> seconds that a slot is busy with it."""


@dataclass(slots=True)
class Simulated:
    """What came of a run."""

    seconds: float = 0.0
    places: list[int] = field(default_factory=list)
    """How many were let in at once, after each answer."""
    refused: int = 0


def simulate(
    pace: Pace,
    requests: int,
    service: Service,
    *,
    slots: int = 10**6,
    most_queued: int = 10**6,
    streamed: bool = False,
) -> Simulated:
    """Ask for everything as fast as ``pace`` allows; a queue that is full refuses at once."""
    now, inside, busy, number = 0.0, 0, 0, 0
    todo = deque(range(requests))
    queue: deque[tuple[int, float, int]] = deque()
    ends: list[tuple[float, int, int, float, int, float]] = []
    found = Simulated()

    def begin(job: int, entered: float, then: int) -> None:
        nonlocal busy, number
        busy += 1
        number += 1
        heapq.heappush(ends, (now + service(job), number, job, entered, then, now))

    while todo or ends:
        while todo and inside < pace.places:
            inside += 1
            if busy < slots:
                begin(todo.popleft(), now, inside)
            elif len(queue) < most_queued:
                queue.append((todo.popleft(), now, inside))
            else:
                found.refused += 1
                inside -= 1
                pace.troubled(now, now)
                break
        now, _, _, entered, then, began = heapq.heappop(ends)
        busy -= 1
        inside -= 1
        wait = began - entered + 0.1 if streamed else now - entered
        pace.answered(entered, then, wait, now - entered)
        found.places.append(pace.places)
        if queue:
            begin(*queue.popleft())
    found.seconds = now
    return found
