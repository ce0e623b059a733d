"""One variant's jobs, and the threads that work on them (`worker.py`).

A lane has one queue and a few workers, each with a connection of its own: a pool that threads
share costs more and can block.
"""

from __future__ import annotations

import threading
import time
from contextlib import suppress

from pytest_quantguard._plural import counted
from pytest_quantguard._sanitize import one_line
from pytest_quantguard.cache.completions import CompletionCache, completion_key
from pytest_quantguard.contracts import Connection, Launched, Provider
from pytest_quantguard.engine.backoff import Gate, Patience, bounded_s
from pytest_quantguard.engine.limits import Purse
from pytest_quantguard.engine.progress import Snapshot
from pytest_quantguard.engine.queue import Queue
from pytest_quantguard.engine.tasks import Answer, Counts, Job, Refusals, Task, Witness, bare
from pytest_quantguard.engine.worker import Worker
from pytest_quantguard.errors import LaunchError, ProviderError, TransportError
from pytest_quantguard.types import Completion, CompletionRequest, Json
from pytest_quantguard.variants import Variant

_WORD_S = 1.0
"""How long it may take at most until it is known that a server has ended, in seconds."""
_OTHERS = 4
"""Times the longest exchange, all attempts included: so long another process is waited for."""


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
        shares: int = 1,
        purse: Purse | None = None,
        refusals: Refusals | None = None,
    ) -> None:
        self.run = run
        self.purse = purse
        """What counts requests against the limits of the run; None = there are none."""
        self.refusals = refusals or Refusals()
        self.witness: Witness | None = None
        self.variant = variant
        self.provider = provider
        self.cache = cache
        self.stop = stop
        self.halt = threading.Event()
        """Set when nothing more may be sent: the run stops, or the variant is beyond help."""
        self.fault: ProviderError | None = None
        self.counts = Counts()
        self.cost = 0.0
        """Of the answers that this process asked for, as far as tokens and prices are known."""
        self.gate = Gate(places, self.halt)
        self.lines: set[Connection] = set()
        self.turn = 0
        """Grows when the server may have been ended: connections of earlier turns are closed."""
        self._launched = provider if isinstance(provider, Launched) else None
        self._places = places
        self._identity: Json | ProviderError | None = None
        self._tasks: dict[str, Task] = {}
        self._met: dict[tuple[int, int], Task] = {}
        """By the id of the very request, which the task keeps, and the repeat: keys take long."""
        self._queue = Queue()
        self._changed = threading.Condition(threading.RLock())
        self._starting = threading.Lock()
        self._started = False
        self._threads: list[threading.Thread] = []
        self._busy = 0
        self._patience = Patience(places, variant.timeout_s, shares)
        self._shared = shares > 1
        self._answered_at = 0.0

    # --- jobs ---------------------------------------------------------------------------

    def add(self, job: Job) -> Task:
        """Return the task of a job, queued if it is new."""
        with self._changed:
            if (task := self._met.get((id(job.request), job.repeat))) is not None:
                return task
            key, error = self._key(job)
            if (task := self._tasks.get(key)) is not None:
                return task
            task = Task(key, job.request, Answer(key=key), repeat=job.repeat, about=job.about)
            self._tasks[key] = self._met[id(job.request), job.repeat] = task
            self.counts.planned += 1
            if error is not None:
                self.finish(task, Answer(key="", error=error))
            elif self.stop.is_set():
                found = self.cache.get(key)
                error = self.cut_short() if found is None else None
                self.finish(task, Answer(key=key, completion=found, error=error, cached=not error))
            else:
                self._queue.put(task)
                self._changed.notify()
            return task

    def _key(self, job: Job) -> tuple[str, ProviderError | None]:
        if self._identity is None:
            try:
                self._identity = self.provider.identity()
            except ProviderError as error:
                self._identity = bare(error)
            except Exception as error:  # a provider of the user's
                self._identity = self.broke(error)
        if isinstance(self._identity, ProviderError):
            return completion_key(job.request, {}, job.repeat), self._identity
        return completion_key(job.request, self._identity, job.repeat), None

    def urge(self, task: Task) -> None:
        """Put a task that nobody works on in front."""
        with self._changed:
            if not task.taken and not task.done.is_set():
                self._queue.urge(task)
                self._changed.notify()
        self.staff()

    def known(self) -> tuple[int, int]:
        """Look up what is planned: how many completions are cached, and of how many?"""
        with self._changed:
            self._catch_up()
            return self.counts.cached, len(self._tasks)

    def _catch_up(self) -> bool:
        """Look up what waits; tell whether another process of the run was given any of it."""
        heard = 0
        for task in self._queue.waiting():
            if (found := self.cache.get(task.key)) is not None:
                self.finish(task, Answer(key=task.key, completion=found, cached=True))
                heard += found.is_of(self.run)
        self._queue.drop_done()
        if heard:
            self.heard(heard)
        return heard > 0

    def unknown(self, job: Job) -> str:
        """Return the key of a job that the cache cannot answer; empty when it can."""
        with self._changed:
            key, _ = self._key(job)
            task = self._tasks.get(key)
            known = key in self.cache if task is None else task.answer.completion is not None
            return "" if known else key

    def pending(self) -> dict[str, CompletionRequest]:
        """Return what is planned and has no answer, by its key."""
        with self._changed:
            return {
                key: task.request for key, task in self._tasks.items() if not task.done.is_set()
            }

    def next(self) -> Task | None:
        """Wait for a task that is due and take it; None when the run stops."""
        with self._changed:
            while not self.stop.is_set():
                now = time.monotonic()
                if (task := self._queue.take(now)) is not None:
                    self._busy += 1
                    return task
                self._changed.wait(self._queue.due_s(now))
        return None

    def postpone(self, task: Task) -> None:
        """Look again later: another process is asking for the same completion."""
        with self._changed:
            now = time.monotonic()
            task.since = task.since or now
            longest = _OTHERS * self.variant.max_attempts * self.variant.timeout_s
            if self._launched is None and now - task.since >= longest:  # it may be stopped
                self.finish(task, Answer(key=task.key, error=self._others(longest)))
                return
            task.taken = False
            self._busy -= 1
            self._queue.postpone(task, now)
            self._changed.notify()

    def _others(self, seconds: float) -> ProviderError:
        return ProviderError(
            f"variant {self.variant.name!r}: another process that uses the cache "
            f"{self.cache.folder} has been asking for the same for {seconds:.0f} s: let it go on, "
            "or end it, and run again"
        )

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
            self._rest()

    def _rest(self) -> None:
        """Let another variant have its turn when nothing is left to ask."""
        if self._launched is None or not self.variant.exclusive or self._busy:
            return
        if any(not task.done.is_set() for task in self._queue):  # those that are done were urged
            return
        self._hang_up()
        self.turn += 1
        self._started = False
        try:
            self._launched.rest()
        except BaseException as error:  # of the user's: no worker may end of it
            self.give_up(self.broke(error))

    # --- workers ------------------------------------------------------------------------

    def staff(self) -> None:
        """Have as many workers as there is work for, within the variant's concurrency."""
        with self._changed:
            wanted = self._busy + len(self._queue)
            while len(self._threads) < min(wanted, self._places) and not self.stop.is_set():
                name = f"quantguard-{self.variant.name}-{len(self._threads)}"
                thread = threading.Thread(target=Worker(self).run, name=name, daemon=True)
                try:
                    thread.start()
                except RuntimeError:  # no more threads are to be had: those that are must do
                    if not self._threads:
                        raise
                    return
                self._threads.append(thread)

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
            self.give_up(bare(error))
            raise
        except BaseException as error:  # a provider of the user's
            reason = one_line(f"{type(error).__name__}: {error}")
            fault = LaunchError(f"variant {self.variant.name!r}: it could not be started: {reason}")
            self.give_up(fault)
            raise fault from None
        self._started = True

    def give_up(self, fault: ProviderError) -> None:
        """Fail all that is not cached from now on, with the same error."""
        own = None
        if self._launched is not None and isinstance(fault, TransportError):
            own = self._launched.fault(_WORD_S)  # the reason why nobody answers any more
        with self._changed:
            self.fault = self.fault or own or fault
            self.halt.set()
        self.gate.wake()

    def broke(self, error: BaseException) -> ProviderError:
        """Return the error that stands for what a provider of the user's raised."""
        text = one_line(f"{type(error).__name__}: {error}")
        return ProviderError(f"variant {self.variant.name!r}: the provider broke: {text}")

    def snapshot(self) -> Snapshot:
        """Return how far it is; numbers that do not wait for each other."""
        counts = self.counts
        return Snapshot(
            planned=counts.planned,
            done=min(counts.planned, counts.cached + counts.answered + counts.failed),
            cached=counts.cached,
            errors=counts.failed,
            cost=None if self.variant.price is None else self.cost,
        )

    def count(self, *, sent: int = 0, attempts: int = 0) -> None:
        """Add to the counts."""
        with self._changed:
            self.counts.sent += sent
            self.counts.attempts += attempts

    def answered(self, completion: Completion) -> None:
        """Note that the server gave an answer."""
        price = self.variant.price
        with self._changed:
            self.counts.answered += 1
            self._patience.answered()
            self._answered_at = time.monotonic()
            if price is not None:
                self.cost += price.of(completion.usage) or 0.0

    def heard(self, count: int = 1) -> None:
        """Note that another process of the run was given an answer, or so many.

        What others were given is found in the cache, and only what failed is asked once more: a
        process that counted its own answers alone would take a good server for a dead one.
        """
        with self._changed:
            self._patience.answered(count)
            self._answered_at = time.monotonic()

    def failed(self, error: TransportError, began: float) -> float:
        """Note that an attempt failed, and give up on a server that does not answer.

        Returns:
            Seconds for which nobody should ask: what the server wants, or after a failed wave.
        """
        with self._changed:
            wanted, now = self.counts.planned - self.counts.cached, time.monotonic()
            self._end(
                error,
                self._patience.failed(
                    began, now, wanted, timed_out=error.timed_out, connected=error.connected
                ),
            )
            if error.retry_after_s or error.timed_out:
                return bounded_s(error.retry_after_s, self.variant.timeout_s)
            return self._patience.rest_s(began, now, self.gate.pace.places)

    def again(self, error: TransportError) -> bool:
        """Tell whether there may be a further attempt; a variant has a budget of them."""
        busy = error.retry_after_s is not None
        with self._changed:
            if not (granted := self._patience.again(busy)) and not self._patience.answers:
                self._end(error, "it has never answered")  # unless others show that it does
                granted = self._patience.answers > 0 and self._patience.again(busy)
            return granted

    def exhausted(self, error: TransportError, reached: bool, since: float) -> None:
        """Note that a job failed in all its attempts, and give up when the server is gone."""
        with self._changed:
            if not reached and self._answered_at < since and not self._others_heard():
                self.give_up(error)
            self._end(error, self._patience.lost())

    def _others_heard(self) -> bool:
        """Tell whether another process of the run was given an answer that is news here."""
        return self._shared and self._catch_up()

    def _end(self, error: TransportError, why: str) -> None:
        if not why or self.halt.is_set() or self._others_heard():
            return
        said = counted(self.counts.attempts, "request"), counted(self.counts.answered, "answer")
        text = f"{error}; {why}: {', '.join(said)}; nothing more is asked"
        self.give_up(TransportError(text, connected=error.connected, timed_out=error.timed_out))

    def look_after(self, error: TransportError, last: bool) -> None:
        """Give up when our own server has ended: after the ``last`` attempt nobody looks again."""
        if self._launched is not None and not self.halt.is_set():
            patience_s = _WORD_S if last or not error.connected else 0.0
            if (fault := self._launched.fault(patience_s)) is not None:
                self.give_up(bare(fault))

    # --- the end ------------------------------------------------------------------------

    def dismiss(self, cancel: bool) -> None:
        """Tell the workers to go home, and cut their exchanges short if asked."""
        self.halt.set()
        self.gate.wake()
        if self._launched is not None:
            self._launched.dismiss()
        with self._changed:
            self._changed.notify_all()
        if cancel:
            self._hang_up()

    def _hang_up(self) -> None:
        with self._changed:
            lines, self.lines = self.lines, set()
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
