"""One thread of a lane, with one connection: looks up, asks, tries again."""

from __future__ import annotations

import itertools
import time
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_quantguard.engine.backoff import bounded_s, pause_s
from pytest_quantguard.engine.tasks import Answer, Task, bare
from pytest_quantguard.errors import LimitError, ProviderError, RefusedError, TransportError
from pytest_quantguard.types import Completion

if TYPE_CHECKING:
    from pytest_quantguard.contracts import Connection
    from pytest_quantguard.engine.lane import Lane


class Worker:
    """One thread with one connection."""

    def __init__(self, lane: Lane) -> None:
        self._lane = lane
        self._line: Connection | None = None
        self._turn = 0

    def run(self) -> None:
        """Work until the run stops."""
        try:
            while (task := self._lane.next()) is not None:
                self._serve(task)
        finally:
            if self._line is not None:
                with suppress(BaseException):  # a connection of the user's
                    self._line.close()
            self._lane.cache.close()

    def _serve(self, task: Task) -> None:
        lane = self._lane
        try:
            answer = self._answer(task)
        except ProviderError as error:
            answer = Answer(key=task.key, error=bare(error))
        except BaseException as error:  # SystemExit, too: else all wait for ever
            answer = Answer(key=task.key, error=lane.broke(error))
        if answer is None:
            lane.postpone(task)
        else:
            lane.finish(task, answer)

    def _look_up(self, task: Task) -> Answer | None:
        found = self._lane.cache.get(task.key)
        if found is None:
            return None
        if found.is_of(self._lane.run):  # asked by another process: the server is well
            self._lane.heard()
        return Answer(key=task.key, completion=found, cached=True)

    def _answer(self, task: Task) -> Answer | None:
        """Find it, or ask for it; None when another process is doing so."""
        cache = self._lane.cache
        if (fault := self._lane.fault) is not None:
            if (answer := self._look_up(task)) is not None:
                return answer
            raise fault
        with cache.claim(task.key) as mine:
            if not mine:
                return None
            # Only now: each look at the disk costs, as the other threads take over meanwhile.
            if (answer := self._look_up(task)) is not None:
                return answer
            if (refused := self._lane.refusals.get(task.key)) is not None:
                raise refused
            completion = self._ask(self._connected(), task)
        return Answer(key=task.key, completion=completion)

    def _connected(self) -> Connection:
        """Return an open connection, once the server is there."""
        if self._line is None or self._turn != self._lane.turn:
            self._line, self._turn = self._lane.open_line(), self._lane.turn
        return self._line

    def _ask(self, line: Connection, task: Task) -> Completion:
        lane, since, reached = self._lane, time.monotonic(), False
        lane.count(sent=1)
        for attempt in itertools.count(1):
            try:
                return self._attempt(line, task)
            except RefusedError as error:
                if error.final:
                    lane.give_up(bare(error))
                else:
                    lane.refusals.put(task.key, error)
                raise
            except TransportError as error:
                failure = error
            reached, last = reached or failure.connected, attempt >= lane.variant.max_attempts
            lane.look_after(failure, last)
            if not lane.halt.is_set() and (last or not lane.again(failure)):
                break
            asked_s = bounded_s(failure.retry_after_s, lane.variant.timeout_s)
            if lane.halt.wait(pause_s(asked_s, attempt, task.key)):
                raise lane.fault or failure
        if lane.fault is not None:
            raise lane.fault
        failure = _after(failure, attempt)
        lane.exhausted(failure, reached, since)
        raise failure

    def _attempt(self, line: Connection, task: Task) -> Completion:
        """Make one attempt, and a second one where the connection had only grown old."""
        try:
            return self._entered(line, task, may_be_stale=True)
        except TransportError as error:
            if not error.stale:
                raise
        return self._entered(line, task)

    def _entered(self, line: Connection, task: Task, *, may_be_stale: bool = False) -> Completion:
        lane = self._lane
        turn, ok, wait_s, first_s = lane.gate.enter(), None, 0.0, 0.0
        try:
            if lane.halt.is_set():
                raise lane.fault or lane.cut_short()
            completion = self._paid(line, task)
            ok, first_s = True, completion.ttft_s or completion.latency_s
            return completion
        except TransportError as error:
            error.stale &= may_be_stale
            if not error.stale:
                ok, wait_s = False, lane.failed(error, turn.at)
            raise
        finally:
            lane.gate.leave(turn, ok, wait_s=wait_s, first_s=first_s)

    def _paid(self, line: Connection, task: Task) -> Completion:
        """Make one request, counted against the limits of the run where there are any."""
        lane, purse = self._lane, self._lane.purse
        if purse is None:
            return self._kept(line, task)
        try:
            bound = purse.take(task.request)
        except LimitError as error:
            lane.give_up(bare(error))
            raise
        try:
            completion = self._kept(line, task)
        except BaseException as error:
            purse.settle(bound, None, error)
            raise
        purse.settle(bound, completion, None)
        return completion

    def _kept(self, line: Connection, task: Task) -> Completion:
        """Ask, and store the answer before anything else is done with it."""
        lane = self._lane
        lane.count(attempts=1)
        found = self._seen(line, task)
        completion = replace(found, asked_at=time.time(), asked_in=lane.run)
        lane.cache.put(task.key, completion, task.request)
        lane.answered(completion)
        return completion

    def _seen(self, line: Connection, task: Task) -> Completion:
        """Ask, and let the run's witness know, where there is one."""
        witness = self._lane.witness
        if witness is None:
            return line.complete(task.request)
        ending = witness(self._lane.variant.name, task)
        try:
            found = line.complete(task.request)
        except BaseException as error:
            ending(None, error)
            raise
        ending(found, None)
        return found


def _after(failure: TransportError, attempts: int) -> TransportError:
    text = f"{failure} (gave up after {attempts} attempts)" if attempts > 1 else str(failure)
    return TransportError(
        text,
        retry_after_s=failure.retry_after_s,
        connected=failure.connected,
        timed_out=failure.timed_out,
    )
