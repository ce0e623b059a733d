"""How often intervals of latency ratios miss the truth: order statistics and the paired bootstrap.

Run alone it prints the table of docs/statistics.md: how often each one-sided 95 % bound lies on
the wrong side of the true ratio, in percent, and how wide the 90 % interval is.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pytest_quantguard import stats

SEED = 20_260_711
RUNS = 400
WORLDS = {
    "alike": "20 % slower throughout, 2 % stalls in both",
    "apart": "20 % slower throughout, nothing in common case by case",
    "stalls": "as fast, but 5 % instead of 1 % stalls of any length",
    "cliff": "as fast, but 4 % instead of 1 % take 10 times as long",
}
"""Latencies with heavy tails; long prompts are slow in both arms, but for `apart`."""
SIZES = {0.5: (60, 200, 1000), 0.95: (60, 200, 1000), 0.99: (300, 1000)}
_Times = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What two intervals of one quantile ratio are worth; shares in percent."""

    world: str
    q: float
    n: int
    ratio: float
    """The true one."""
    order: tuple[float, float]
    """Runs in which the upper, or the lower, bound by order statistics misses the truth."""
    bootstrap: tuple[float, float]
    widths: tuple[float, float]
    """Mean of ln(high / low): order statistics, bootstrap."""


def draw(world: str, n: int, rng: np.random.Generator) -> tuple[_Times, _Times]:
    """Return the latencies of both arms for n cases."""
    own = np.exp(rng.normal(0, 0.6, n))
    if world == "apart":
        return np.exp(rng.normal(0, 0.7, n)), 1.2 * np.exp(rng.normal(0, 0.7, n))
    if world == "alike":
        return _arm(own, 0.02, rng), 1.2 * _arm(own, 0.02, rng)
    if world == "stalls":
        return _arm(own, 0.01, rng), _arm(own, 0.05, rng)
    return _arm(own, 0.01, rng, 10.0), _arm(own, 0.04, rng, 10.0)


def _arm(own: _Times, share: float, rng: np.random.Generator, times: float | None = None) -> _Times:
    usual = own * np.exp(rng.normal(0, 0.15, len(own)))
    factor = 2 + rng.pareto(1.5, len(own)) if times is None else times
    return np.where(rng.random(len(own)) < share, usual * factor, usual)


def measure(world: str, q: float, n: int, runs: int = RUNS, seed: int = SEED) -> Row:
    """Simulate one world, quantile and number of cases."""
    rng = np.random.default_rng([seed, n, round(100 * q), list(WORLDS).index(world)])
    truth = _ratio(*draw(world, 2_000_000, rng), q)
    misses, widths = np.zeros(4), np.zeros(2)
    for _ in range(runs):
        arms = tuple(times.tolist() for times in draw(world, n, rng))
        order, resampled = _intervals(q)
        for place, (low, high) in enumerate((order(*arms), resampled(*arms))):
            misses[2 * place : 2 * place + 2] += (high < truth, low > truth)
            widths[place] += math.log(high / low) if low and high < math.inf else math.inf
    shares = [float(100 * count / runs) for count in misses]
    return Row(
        world=world,
        q=q,
        n=n,
        ratio=truth,
        order=(shares[0], shares[1]),
        bootstrap=(shares[2], shares[3]),
        widths=(float(widths[0] / runs), float(widths[1] / runs)),
    )


def _ratio(baseline: _Times, candidate: _Times, q: float) -> float:
    if q == 0.5:
        return float(np.median(candidate / baseline))
    return float(np.quantile(candidate, q) / np.quantile(baseline, q))


_Interval = Callable[[list[float], list[float]], tuple[float, float]]


def _intervals(q: float) -> tuple[_Interval, _Interval]:
    def order(baseline: list[float], candidate: list[float]) -> tuple[float, float]:
        if q == 0.5:
            found = stats.median_ratio(baseline, candidate)
        else:
            at_least = stats.quantile_ratio(baseline, candidate, q)
            assert at_least is not None, "fewer cases than the quantile's floor"
            found = at_least
        return found.low, found.high

    if q == 0.5:
        return order, stats.bootstrap_median_ratio
    return order, lambda ours, theirs: stats.bootstrap_quantile_ratio(ours, theirs, q)


def main() -> None:
    """Print the table."""
    print(
        "| world | quantile | cases | true ratio | order statistics miss | bootstrap misses |",
        end="",
    )
    print(" widths |\n|---|---|---|---|---|---|---|")
    for world in WORLDS:
        for q, sizes in SIZES.items():
            for n in sizes:
                row = measure(world, q, n)
                cells = (
                    world,
                    f"p{100 * q:.0f}",
                    str(n),
                    f"{row.ratio:.2f}",
                    "{:.1f} / {:.1f} %".format(*row.order),
                    "{:.1f} / {:.1f} %".format(*row.bootstrap),
                    "{:.2f}, {:.2f}".format(*row.widths),
                )
                print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
