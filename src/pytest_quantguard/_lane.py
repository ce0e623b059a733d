"""One variant's jobs, and the threads that work on them; the only concurrent code.

A lane has one queue and a few workers, each with a connection of its own: a pool that threads
share costs more and can block.
"""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field, replace

from pytest_quantguard._backoff import Gate, pause_s
from pytest_quantguard._cache import CompletionCache, completion_key
from pytest_quantguard._sanitize import one_line
from pytest_quantguard.contracts import Connection, Provider
from pytest_quantguard.errors import LaunchError, ProviderError, RefusedError, TransportError
from pytest_quantguard.types import Completion, CompletionRequest, Json
from pytest_quantguard.variants import Variant

_GIVE_UP_AFTER = 10
"""Completions in a row that failed in all their attempts: the rest would too."""
_LOOK_AGAIN_S = 0.02
_LOOK_AGAIN_MAX_S = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One completion that is needed."""

    variant: str
    """The variant's name."""
    request: CompletionRequest
    """As it is sent: repeats bring their own seed (`CompletionRequest.for_repeat`)."""
    repeat: int = 0
    """Which draw of the same request, from 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What became of a job: a completion or an error, never both."""

    key: str
    """Name in the cache; empty when not even that could be found out."""
    completion: Completion | None = None
    error: ProviderError | None = None
    cached: bool = False
    """True when this process did not ask for it."""


@dataclass(slots=True)
class Counts:
    """What happened to the jobs of one variant; all numbers count completions but the last."""

    planned: int = 0
    cached: int = 0
    sent: int = 0
    """Asked of the server, whatever came of it."""
    answered: int = 0
    failed: int = 0
    """Without an answer, sent or not."""
    attempts: int = 0
    """Requests made of the server, repeated ones included."""


@dataclass(slots=True, eq=False)
class Task:
    """A job on its way, known by its key."""

    key: str
    request: CompletionRequest
    answer: Answer
    done: threading.Event = field(default_factory=threading.Event)
    taken: bool = False
    looks: int = 0


class Lane:
    """The jobs of one variant and those who work on them."""

    def __init__(
        self,
        variant: Variant,
        provider: Provider,
        cache: CompletionCache,
        places: int,
        stop: threading.Event,
        *,
        run: str = "",
    ) -> None:
        self.run = run
        self.variant = variant
        self.provider = provider
        self.cache = cache
        self.stop = stop
        self.halt = threading.Event()
        """Set when nothing more may be sent: the run stops, or the variant is beyond help."""
        self.fault: ProviderError | None = None
        self.counts = Counts()
        self.gate = Gate(places, self.halt)
        self.lines: set[Connection] = set()
        self._places = places
        self._identity: Json | ProviderError | None = None
        self._tasks: dict[str, Task] = {}
        self._queue: deque[Task] = deque()
        self._later: list[tuple[float, int, Task]] = []
        self._changed = threading.Condition(threading.RLock())
        self._starting = threading.Lock()
        self._started = False
        self._threads: list[threading.Thread] = []
        self._busy = 0
        self._failures = 0
        self._answered_at = 0.0

    # --- jobs ---------------------------------------------------------------------------

    def add(self, job: Job) -> Task:
        """Return the task of a job, queued if it is new."""
        with self._changed:
            key, error = self._key(job)
            if (task := self._tasks.get(key)) is not None:
                return task
            task = self._tasks[key] = Task(key, job.request, Answer(key=key))
            self.counts.planned += 1
            if error is not None:
                self.finish(task, Answer(key="", error=error))
            elif self.stop.is_set():
                found = self.cache.get(key)
                error = self.cut_short() if found is None else None
                self.finish(task, Answer(key=key, completion=found, error=error, cached=not error))
            else:
                self._queue.append(task)
                self._changed.notify()
            return task

    def _key(self, job: Job) -> tuple[str, ProviderError | None]:
        if self._identity is None:
            try:
                self._identity = self.provider.identity()
            except ProviderError as error:
                self._identity = _bare(error)
        if isinstance(self._identity, ProviderError):
            return completion_key(job.request, {}, job.repeat), self._identity
        return completion_key(job.request, self._identity, job.repeat), None

    def urge(self, task: Task) -> None:
        """Put a task that nobody works on in front."""
        with self._changed:
            if not task.taken and not task.done.is_set():
                self._queue.appendleft(task)
                self._changed.notify()
        self.staff()

    def known(self) -> tuple[int, int]:
        """Return how many of the planned completions are cached, and how many are planned."""
        keys = list(self._tasks)
        return sum(key in self.cache for key in keys), len(keys)

    def next(self) -> Task | None:
        """Wait for a task that is due and take it; None when the run stops."""
        with self._changed:
            while not self.stop.is_set():
                while self._later and self._later[0][0] <= time.monotonic():
                    self._queue.appendleft(heapq.heappop(self._later)[2])
                while self._queue:
                    task = self._queue.popleft()
                    if not task.taken and not task.done.is_set():  # an urged one is in it twice
                        task.taken = True
                        self._busy += 1
                        return task
                due = self._later[0][0] - time.monotonic() if self._later else None
                self._changed.wait(due)
        return None

    def postpone(self, task: Task) -> None:
        """Look again later: another process is asking for the same completion."""
        with self._changed:
            task.taken = False
            self._busy -= 1
            wait = min(_LOOK_AGAIN_S * 1.5**task.looks, _LOOK_AGAIN_MAX_S)
            task.looks += 1
            heapq.heappush(self._later, (time.monotonic() + wait, id(task), task))
            self._changed.notify()

    def finish(self, task: Task, answer: Answer) -> None:
        """Give a task its answer, and count it."""
        with self._changed:
            self._busy -= task.taken
            if task.done.is_set():
                return
            task.answer = answer
            self.counts.cached += answer.cached
            self.counts.failed += answer.error is not None
            task.done.set()

    # --- workers ------------------------------------------------------------------------

    def staff(self) -> None:
        """Have as many workers as there is work for, within the variant's concurrency."""
        with self._changed:
            wanted = self._busy + len(self._queue) + len(self._later)
            while len(self._threads) < min(wanted, self._places) and not self.stop.is_set():
                name = f"quantguard-{self.variant.name}-{len(self._threads)}"
                thread = threading.Thread(target=Worker(self).run, name=name, daemon=True)
                self._threads.append(thread)
                thread.start()

    def open_line(self) -> Connection:
        """Start the provider, once, and return a new connection."""
        with self._starting:
            if not self._started:
                self._start()
        line = self.provider.connect()
        with self._changed:
            self.lines.add(line)
            late = self.stop.is_set()
        if late:
            line.close()
        return line

    def _start(self) -> None:
        if self.fault is not None:
            raise self.fault
        try:
            self.provider.start()
        except ProviderError as error:
            self.give_up(_bare(error))
            raise
        except Exception as error:  # a provider of the user's
            reason = one_line(f"{type(error).__name__}: {error}")
            fault = LaunchError(f"variant {self.variant.name!r}: it could not be started: {reason}")
            self.give_up(fault)
            raise fault from None
        self._started = True

    def give_up(self, fault: ProviderError) -> None:
        """Fail all that is not cached from now on, with the same error."""
        with self._changed:
            self.fault = self.fault or fault
            self.halt.set()

    def count(self, *, sent: int = 0, attempts: int = 0) -> None:
        """Add to the counts."""
        with self._changed:
            self.counts.sent += sent
            self.counts.attempts += attempts

    def answered(self) -> None:
        """Note that the server gave an answer."""
        with self._changed:
            self.counts.answered += 1
            self._failures = 0
            self._answered_at = time.monotonic()

    def exhausted(self, error: TransportError, reached: bool, since: float) -> None:
        """Note that a job failed in all its attempts, and give up when the server is gone."""
        with self._changed:
            self._failures += 1
            gone = not reached and self._answered_at < since
            if gone:
                self.give_up(error)
            elif self._failures >= _GIVE_UP_AFTER:
                text = (
                    f"{error}; {self._failures} completions in a row failed, "
                    f"{self.counts.attempts} requests were made: nothing more is asked"
                )
                self.give_up(TransportError(text, retry_after_s=error.retry_after_s))

    # --- the end ------------------------------------------------------------------------

    def dismiss(self, cancel: bool) -> None:
        """Tell the workers to go home, and cut their exchanges short if asked."""
        self.halt.set()
        with self._changed:
            self._changed.notify_all()
            lines = list(self.lines) if cancel else []
        for line in lines:
            with suppress(Exception):  # a connection of the user's must not keep us from ending
                line.close()

    def wind_up(self, end: float | None) -> None:
        """Wait for the workers, until ``end`` on the monotonic clock; then leave nothing open."""
        for thread in self._threads:
            thread.join(None if end is None else max(0.0, end - time.monotonic()))
        with suppress(Exception):
            self.provider.stop()
        for task in list(self._tasks.values()):
            self.finish(task, Answer(key=task.key, error=self.cut_short()))

    def cut_short(self) -> TransportError:
        """Return what becomes of jobs that the end of the run overtakes."""
        return TransportError(f"variant {self.variant.name!r}: the run was cut short")


class Worker:
    """One thread with one connection."""

    def __init__(self, lane: Lane) -> None:
        self._lane = lane
        self._line: Connection | None = None

    def run(self) -> None:
        """Work until the run stops."""
        try:
            while (task := self._lane.next()) is not None:
                self._serve(task)
        finally:
            if self._line is not None:
                self._line.close()
            self._lane.cache.close()

    def _serve(self, task: Task) -> None:
        lane = self._lane
        try:
            answer = self._look_up(task) or self._answer(task)
        except ProviderError as error:
            answer = Answer(key=task.key, error=_bare(error))
        except Exception as error:  # a provider of the user's: an error, never a hanging run
            text = one_line(f"{type(error).__name__}: {error}")
            fault = ProviderError(f"variant {lane.variant.name!r}: the provider broke: {text}")
            answer = Answer(key=task.key, error=fault)
        if answer is None:
            lane.postpone(task)
        else:
            lane.finish(task, answer)

    def _look_up(self, task: Task) -> Answer | None:
        found = self._lane.cache.get(task.key)
        return None if found is None else Answer(key=task.key, completion=found, cached=True)

    def _answer(self, task: Task) -> Answer | None:
        """Ask for it; None when another process is doing so."""
        cache = self._lane.cache
        if self._lane.fault is not None:
            raise self._lane.fault
        with cache.claim(task.key) as mine:
            if not mine:
                return None
            if (answer := self._look_up(task)) is not None:  # put since we looked
                return answer
            self._line = self._line or self._lane.open_line()
            completion = replace(
                self._ask(self._line, task), asked_at=time.time(), asked_in=self._lane.run
            )
            cache.put(task.key, completion, task.request)
        return Answer(key=task.key, completion=completion)

    def _ask(self, line: Connection, task: Task) -> Completion:
        lane, since, reached = self._lane, time.monotonic(), False
        lane.count(sent=1)
        for attempt in itertools.count(1):
            try:
                completion = self._attempt(line, task)
                lane.answered()
                return completion
            except RefusedError as error:
                if error.final:
                    lane.give_up(_bare(error))
                raise
            except TransportError as error:
                failure = error
            reached = reached or failure.connected
            if attempt >= lane.variant.max_attempts and not lane.halt.is_set():
                break
            asked_s = min(failure.retry_after_s or 0.0, lane.variant.timeout_s)
            if lane.halt.wait(pause_s(asked_s, attempt, task.key)):
                raise lane.fault or failure
        failure = _after(failure, attempt)
        lane.exhausted(failure, reached, since)
        raise failure

    def _attempt(self, line: Connection, task: Task) -> Completion:
        lane = self._lane
        entered, ok, wait_s = lane.gate.enter(), True, 0.0
        try:
            if lane.halt.is_set():
                raise lane.fault or lane.cut_short()
            lane.count(attempts=1)
            return line.complete(task.request)
        except TransportError as error:
            ok, wait_s = False, min(error.retry_after_s or 0.0, lane.variant.timeout_s)
            raise
        finally:
            lane.gate.leave(entered, ok, wait_s)


def _after(failure: TransportError, attempts: int) -> TransportError:
    text = f"{failure} (gave up after {attempts} attempts)" if attempts > 1 else str(failure)
    return TransportError(text, retry_after_s=failure.retry_after_s, connected=failure.connected)


def _bare(error: ProviderError) -> ProviderError:
    """Cut an error off from the frames it went through: they know the API key."""
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)
