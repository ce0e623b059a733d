"""Simulate the decision rule and its peers, and write results.md: one command.

    python benchmarks/decision/run.py [--quick] [--seed N] [--jobs N] [--out FILE]

The same seed gives the same tables, but for the times, which are of the machine. ``--quick`` shows
in a minute that everything runs; its figures are rough, and it keeps off the published worlds.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path

import alarms
import goals
import numpy as np
import passes
import report
import speed
from scenarios import (
    DEVELOPMENT_SEED,
    EVALUATION_SEED,
    FIRST,
    FULL,
    LOSSES,
    QUICK,
    SECOND,
    Size,
    one_budget,
)
from world import Drop, World

HERE = Path(__file__).parent


def main() -> None:
    """Read the arguments, simulate, write and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few runs, the first world alone")
    parser.add_argument("--seed", type=int, help="published tables: leave it out")
    parser.add_argument("--jobs", type=int, default=2, help="processes (default: %(default)s)")
    parser.add_argument(
        "--out",
        type=Path,
        help="default: results.md beside this file; "
        "with --quick nothing is written unless this is given",
    )
    given = parser.parse_args()
    size = QUICK if given.quick else FULL
    seed = given.seed or (DEVELOPMENT_SEED if given.quick else EVALUATION_SEED)
    worlds = {"first": FIRST} if given.quick else {"first": FIRST, "second": SECOND}
    with ProcessPoolExecutor(given.jobs) as pool:
        exact = _Exact(pool, quick=given.quick)
        found = {
            name: _Simulated(pool, world, size, [seed, place])
            for place, (name, world) in enumerate(worlds.items())
        }
        simulated = {name: parts.result() for name, parts in found.items()}
        checked = exact.result()
    text = report.write(simulated, checked, worlds=worlds, size=size, seed=seed)
    out = given.out or (None if given.quick else HERE / "results.md")
    if out:
        out.write_text(text, encoding="utf-8")
    print(text)


class _Simulated:
    """The simulations of one world, each with a seed of its own, so that order does not matter."""

    def __init__(
        self, pool: ProcessPoolExecutor, world: World, size: Size, seed: Sequence[int]
    ) -> None:
        self._pool, self._seed, self._started = pool, seed, 0
        self.alarms = self._start(alarms.false_alarms, world, size)
        self.beyond = self._start(alarms.beyond, world, size)
        self.caught = [self._start(alarms.caught, world, loss, size) for loss in LOSSES]
        self.fixed = self._start(alarms.fixed, world, size)
        self.repeats = self._start(passes.repeats, world, size)
        self.early_stop = self._start(passes.early_stop, world, size)
        self.weighted = self._start(passes.weighted, world, size)
        self.one_budget = {
            (truth, n, budget): self._start(
                passes.verdict_shares,
                one_budget(world, churn=churn),
                n,
                budget,
                Drop(size=factor * budget),
                size,
            )
            for truth, churn, factor in report.TRUTHS
            for n in report.SINGLE_SIZES
            for budget in report.SINGLE_BUDGETS
        }

    def _start(self, task: Callable[..., object], *given: object) -> Future:
        self._started += 1
        rng = np.random.default_rng([*self._seed, self._started])
        future = self._pool.submit(task, *given, rng)
        name, started = f"{task.__name__} {self._seed[-1] + 1}-{self._started}", time.monotonic()
        future.add_done_callback(
            lambda _: print(f"{time.monotonic() - started:5.0f} s {name}", file=sys.stderr)
        )
        return future

    def result(self) -> goals.Found:
        """Wait for all."""
        return goals.Found(
            alarms=self.alarms.result(),
            beyond=self.beyond.result(),
            caught=[part.result() for part in self.caught],
            fixed=self.fixed.result(),
            early_stop=self.early_stop.result(),
            repeats=self.repeats.result(),
            weighted=self.weighted.result(),
            one_budget={key: part.result() for key, part in self.one_budget.items()},
        )


class _Exact:
    """What needs no simulation."""

    def __init__(self, pool: ProcessPoolExecutor, *, quick: bool) -> None:
        self.edge = pool.submit(passes.worst_false_pass, 1.0, quick=quick)
        self.double = pool.submit(passes.worst_false_pass, 2.0, quick=quick)
        self.plan = pool.submit(passes.plan_error)

    def result(self) -> goals.Exact:
        """Wait for all; the times are taken last, when nothing else runs."""
        return goals.Exact(
            edge=self.edge.result(),
            double=self.double.result(),
            plan=self.plan.result(),
            speed=speed.measure(),
        )


if __name__ == "__main__":
    main()
