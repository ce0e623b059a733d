"""Asks every variant for every completion, cache first: the engine that the test run talks to.

All lanes (one for each variant, see `lane.py`) hold the cases in the same order, so that the arms
are asked side by side. Items of the test run wait for the one answer they need.
"""

from __future__ import annotations

import atexit
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict

from pytest_quantguard._run import Run
from pytest_quantguard.cache.completions import CompletionCache
from pytest_quantguard.contracts import Provider
from pytest_quantguard.engine.lane import Lane
from pytest_quantguard.engine.limits import Ledger, Limits, Purse
from pytest_quantguard.engine.progress import Progress, Snapshot
from pytest_quantguard.engine.tasks import Answer, Counts, Job, Refusals, Task, Witness
from pytest_quantguard.errors import LimitError
from pytest_quantguard.types import CompletionRequest
from pytest_quantguard.variants import Variant

__all__ = ["Answer", "CompletionEngine", "Counts", "Job"]

_POLL_S = 0.2
_CLOSE_S = 1.5


class CompletionEngine:
    """Gets completions through the cache and the providers, many at once.

    ``run`` is what the processes share that work on the same jobs: each takes its part of a
    variant's concurrency, at least one. ``caches`` holds those of variants with one of their own.
    ``witness`` is told of each request that is sent.
    """

    def __init__(
        self,
        cache: CompletionCache,
        providers: Mapping[str, Provider],
        variants: Mapping[str, Variant],
        *,
        run: Run | None = None,
        caches: Mapping[str, CompletionCache] | None = None,
        limits: Limits | None = None,
        witness: Witness | None = None,
    ) -> None:
        found = caches or {}
        self._caches = {id(one): one for one in (cache, *found.values())}
        self._stop = threading.Event()
        shares = run.processes if run else 1
        purses: dict[str, Purse] = {}
        if run is not None and limits is not None and limits.given:
            ledger = Ledger(run.part("limits"), limits)
            purses = {name: Purse(ledger, limits, variant) for name, variant in variants.items()}
        refusals = Refusals(run.part("refusals") if run is not None and shares > 1 else None)
        self._lanes = {
            name: Lane(
                variant,
                providers[name],
                found.get(name, cache),
                max(1, variant.concurrency // shares),
                self._stop,
                run=run.id if run else "",
                shares=shares,
                purse=purses.get(name),
                refusals=refusals,
            )
            for name, variant in variants.items()
        }
        for lane in self._lanes.values():
            lane.witness = witness
        self.progress: Progress | None = None
        """Where those who wait for an answer show how far it is."""
        self._closing = threading.Lock()
        atexit.register(self.close)

    def plan(self, jobs: Iterable[Job]) -> None:
        """Queue jobs in the order given; those that are planned already are left where they are."""
        for job in jobs:
            self._lanes[job.variant].add(job)

    def start(self) -> None:
        """Begin to work on what is planned, in the background."""
        for lane in self._lanes.values():
            lane.staff()

    def get(self, job: Job) -> Answer:
        """Wait for one job; one that was not planned, or has not begun, goes first.

        Ends early only when `close` was called, with an error in the answer.
        """
        lane = self._lanes[job.variant]
        task = lane.add(job)
        lane.urge(task)
        if self.progress is None:
            while not task.done.wait(_POLL_S):  # in pieces, so that Ctrl-C is heard everywhere
                pass
        else:
            self._show_while(task, self.progress)
        return task.answer

    @staticmethod
    def _show_while(task: Task, progress: Progress) -> None:
        progress.tick()
        try:
            while not task.done.wait(_POLL_S):
                progress.waiting()
        finally:
            progress.over()

    def known(self) -> dict[str, tuple[int, int]]:
        """Return how many planned completions of each variant are cached, and of how many."""
        return {name: lane.known() for name, lane in self._lanes.items()}

    def unknown(self, job: Job) -> str:
        """Return the key of a job that no cache can answer; empty when one can."""
        return self._lanes[job.variant].unknown(job)

    def pending(self, variant: str) -> dict[str, CompletionRequest]:
        """Return what is planned for a variant and has no answer yet, by its key."""
        return self._lanes[variant].pending()

    def snapshot(self) -> Snapshot:
        """Return how far everything is that was planned."""
        return sum((lane.snapshot() for lane in self._lanes.values()), Snapshot())

    def limited(self) -> list[str]:
        """Return why lanes stopped because of a limit of the run; empty when none did."""
        faults = (lane.fault for lane in self._lanes.values())
        return [str(fault) for fault in faults if isinstance(fault, LimitError)]

    def counts(self) -> dict[str, dict[str, int]]:
        """Return the `Counts` of each variant as plain numbers."""
        return {name: asdict(lane.counts) for name, lane in self._lanes.items()}

    def reach(self, variant: str) -> None:
        """Make a variant reachable before anything is asked of it.

        Raises:
            ProviderError: it cannot be, and why.
        """
        lane = self._lanes[variant]
        lane.provider.identity()
        lane.provider.start()

    def leave(self) -> None:
        """Close what the calling thread has open; a thread of one's own ends with it."""
        for cache in self._caches.values():
            cache.close()

    def close(self, cancel: bool = True) -> None:
        """Stop asking, hang up, stop the providers; safe to call twice.

        With ``cancel`` exchanges are cut short and this returns within about two seconds, else
        those in flight are waited for. Completions that have arrived are stored in both cases;
        jobs that have not begun get an error.
        """
        with self._closing:
            if self._stop.is_set():
                return
            self._stop.set()
        atexit.unregister(self.close)
        for lane in self._lanes.values():
            lane.dismiss(cancel)
        end = time.monotonic() + _CLOSE_S if cancel else None
        for lane in self._lanes.values():
            lane.wind_up(end)
        self.leave()
