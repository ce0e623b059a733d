"""Rules that say FAIL: this project's own decision code, and what others use.

The others are vectorised over runs, looks and budgets; each is its source's rule in a line or two.
They are given the baseline's answers to the same cases, which is more than most of them ask for.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import compress

import numpy as np
from numpy.typing import NDArray
from world import Draw

from pytest_quantguard._decide import ALPHA_FAIL, LEVEL_WEIGHTS, Cases, decide, weigh
from pytest_quantguard.verdicts import Budget, Group, Verdict

Flags = NDArray[np.bool_]
"""FAIL or not; axes: run, look, cohort, check."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What a rule sees at each look; all but ``cases`` have the axes run, look, cohort, check."""

    lost: NDArray[np.int64]
    gained: NDArray[np.int64]
    held: NDArray[np.int64]
    """Cases that hold in the baseline."""
    cases: NDArray[np.int64]
    """Per look."""

    @property
    def n(self) -> NDArray[np.int64]:
        """Cases per look, with axes to divide by."""
        return self.cases[:, None, None]

    @property
    def drop(self) -> NDArray[np.float64]:
        """Baseline's rate minus candidate's."""
        return (self.lost - self.gained) / self.n

    @property
    def baseline(self) -> NDArray[np.float64]:
        """Share of cases that hold in the baseline."""
        return self.held / self.n


def count(draw: Draw, looks: Sequence[int]) -> Counts:
    """Count the outcomes of the first so many cases of every cohort."""
    return Counts(
        _at_looks(draw.differences > 0, looks),
        _at_looks(draw.differences < 0, looks),
        _at_looks(draw.baseline > 0.5, looks),
        np.array(looks),
    )


def _at_looks(flags: Flags, looks: Sequence[int]) -> NDArray[np.int64]:
    """Sum over axis 2, the cases, up to each look; the looks become axis 1."""
    starts = [0, *looks[:-1]]
    parts = np.add.reduceat(flags[:, :, : looks[-1]], starts, axis=2, dtype=np.int64)
    return np.moveaxis(parts.cumsum(axis=2), 2, 1)


# --- ours -------------------------------------------------------------------------------------


def groups_of(draw: Draw, run: int, cases: int) -> dict[Group, Cases]:
    """Return one run's groups after so many cases per cohort, as the gate forms them."""
    return {
        group: Cases(differences.tolist(), baseline.tolist())
        for group, differences, baseline in _members(draw, run, cases)
    }


def _members(
    draw: Draw, run: int, cases: int
) -> Iterator[tuple[Group, NDArray[np.float64], NDArray[np.float64]]]:
    both = (draw.differences, draw.baseline)
    arms = [values[run, :, :cases].astype(np.float64) for values in both]
    means = [values.mean(axis=2) for values in arms]
    cohorts, _, checks = arms[0].shape
    for cohort in range(cohorts):
        yield Group(f"cohort-{cohort}"), *(values[cohort] for values in means)
        for check in range(checks):
            leaf = Group(f"cohort-{cohort}", f"check-{check}")
            yield leaf, *(values[cohort, :, check] for values in arms)
    for check in range(checks):
        yield Group(None, f"check-{check}"), *(values[:, :, check].ravel() for values in arms)
    yield Group(), *(values.ravel() for values in means)


def leaf_budgets(cohorts: int, checks: int, max_drop: float) -> list[Budget]:
    """Return one budget per cohort and check."""
    return [
        Budget(max_drop=max_drop, cohort=f"cohort-{cohort}", check=f"check-{check}")
        for cohort in range(cohorts)
        for check in range(checks)
    ]


def ours_fails(draw: Draw, run: int, cases: int, max_drop: float) -> bool:
    """Tell whether any leaf's budget FAILs, by the package's own code.

    Budgets that the estimate does not exceed are not asked for, and nothing is while the evidence
    is short of 1 / alpha: none of them can FAIL. Equal outcomes stake nothing, so the evidence is
    weighed without them, which is quick.
    """
    _, cohorts, _, checks = draw.differences.shape
    over = draw.differences[run, :, :cases].mean(axis=1).ravel() > max_drop - 1e-6
    budgets = list(compress(leaf_budgets(cohorts, checks, max_drop), over))
    if not budgets:
        return False
    differing = {
        group: Cases(differences[differences != 0].tolist(), ())
        for group, differences, _ in _members(draw, run, cases)
    }
    if weigh(differing).log_evidence < math.log(1 / ALPHA_FAIL) - 1e-9:
        return False
    decisions = decide(budgets, groups_of(draw, run, cases))
    return any(decision.verdict is Verdict.FAIL for decision in decisions.values())


def possible(draw: Draw, looks: Sequence[int]) -> NDArray[np.bool_]:
    """Tell at which (run, look) a FAIL is possible at all: elsewhere `decide` need not be asked.

    A mean over stakes is at most its best stake, and no stake gains more than
    exp(N KL(worse / N, 1/2)) on N differing cases. Where even the weighted mean of these bounds
    stays below 1 / alpha, the evidence does too.
    """
    differences = draw.differences
    per_case = differences.mean(axis=3, keepdims=True)
    leaf = [_at_looks(sign, looks) for sign in (differences > 0, differences < 0)]
    whole = [_at_looks(sign, looks) for sign in (per_case > 1e-6, per_case < -1e-6)]
    levels = {
        "leaf": leaf,
        "cohort": whole,
        "check": [signs.sum(axis=2, keepdims=True) for signs in leaf],
        "suite": [signs.sum(axis=2, keepdims=True) for signs in whole],
    }
    total = sum(LEVEL_WEIGHTS[level] for level in levels)
    bound = sum(
        LEVEL_WEIGHTS[level] / total * np.exp(np.minimum(_best_log(*signs), 600)).mean(axis=(2, 3))
        for level, signs in levels.items()
    )
    return bound >= 1 / ALPHA_FAIL


def _best_log(worse: NDArray[np.int64], better: NDArray[np.int64]) -> NDArray[np.float64]:
    differing = np.maximum(worse + better, 1)
    share = worse / differing
    entropy = sum(p * np.log(2 * np.maximum(p, 1e-300)) for p in (share, 1 - share))
    return np.where(worse > better, differing * entropy, 0.0)


def fails_at(draw: Draw, looks: Sequence[int], max_drop: float) -> NDArray[np.bool_]:
    """Tell at which (run, look) ours says FAIL of any leaf."""
    found = possible(draw, looks)
    for run, look in np.argwhere(found):
        found[run, look] = ours_fails(draw, run, looks[look], max_drop)
    return found


def first_fail(draw: Draw, looks: Sequence[int], max_drop: float) -> list[int | None]:
    """Return for each run the look, a number of cases per cohort, at which ours FAILs first."""
    return [
        next((n for n in np.compress(asked, looks) if ours_fails(draw, run, n, max_drop)), None)
        for run, asked in enumerate(possible(draw, looks))
    ]


# --- the peers --------------------------------------------------------------------------------


def naive(counts: Counts, max_drop: float) -> Flags:
    """Difference of the averages over the budget: what most scripts in CI do."""
    return counts.drop > max_drop + 1e-12


def stored_number(counts: Counts, max_drop: float) -> Flags:
    """vLLM, tests/evals/gsm8k/test_gsm8k_correctness.py: measured >= stored - 0.08."""
    return counts.drop > 0.08 + 1e-12


def relative_tolerance(counts: Counts, max_drop: float) -> Flags:
    """vLLM, test_lm_eval_correctness.py: numpy.isclose(stored, measured, rtol=0.05)."""
    return ~np.isclose(counts.baseline, counts.baseline - counts.drop, rtol=0.05)


def mlperf(counts: Counts, max_drop: float) -> Flags:
    """MLPerf inference rules: quality at least 99 % of the reference's."""
    return counts.baseline - counts.drop < 0.99 * counts.baseline - 1e-12


def unpaired(counts: Counts, max_drop: float) -> Flags:
    """Two-proportion z test, pooled, one-sided p < .05: the pairing is not used."""
    pooled = counts.baseline - counts.drop / 2
    error = np.sqrt(np.maximum(2 * pooled * (1 - pooled) / counts.n, 1e-12))
    return counts.drop / error > 1.6449


def mcnemar(counts: Counts, max_drop: float) -> Flags:
    """McNemar's exact test, one-sided p < .05 (evalci, deltagate): one test per budget."""
    return _mcnemar_p(counts) < 0.05


def flips(counts: Counts, max_drop: float) -> Flags:
    """Share of changed outcomes over the budget, in whichever direction (Dutta et al. 2024)."""
    return (counts.lost + counts.gained) / counts.n > max_drop + 1e-12


def mcnemar_holm(counts: Counts, max_drop: float) -> Flags:
    """McNemar with Holm's correction at .01, estimate over the budget: best per-budget rule."""
    p_values = _mcnemar_p(counts)
    flat = p_values.reshape(*p_values.shape[:2], -1)
    ordered = np.sort(flat, axis=2)
    budgets = flat.shape[2]
    below = np.logical_and.accumulate(ordered <= 0.01 / (budgets - np.arange(budgets)), axis=2)
    last = np.where(below, ordered, -1.0).max(axis=2)[..., None, None]
    return (p_values <= last) & naive(counts, max_drop)


PEERS: Mapping[str, Callable[[Counts, float], Flags]] = {
    "mean difference > budget": naive,
    "stored number - 0.08 (vLLM GSM8K)": stored_number,
    "isclose, rtol 0.05 (vLLM lm-eval)": relative_tolerance,
    "99 % of reference (MLPerf)": mlperf,
    "unpaired z, p < .05": unpaired,
    "McNemar, p < .05": mcnemar,
    "flips > budget": flips,
    "McNemar, Holm .01, estimate > budget": mcnemar_holm,
}


def _mcnemar_p(counts: Counts) -> NDArray[np.float64]:
    """P(X >= lost), X ~ Binomial(lost + gained, 1/2)."""
    differing = counts.lost + counts.gained
    size = 1 << max(6, int(differing.max()).bit_length())
    return _fair_tails(size)[differing, counts.lost]


@cache
def _fair_tails(size: int) -> NDArray[np.float64]:
    """Return P(X >= k) for every number of tosses (rows) and every k (columns)."""
    table = np.zeros((size + 1, size + 2))
    table[:, 0] = 1.0
    for tosses in range(1, size + 1):
        table[tosses, 1:] = (table[tosses - 1, 1:] + table[tosses - 1, :-1]) / 2
    return table


def wilson(hits: int, runs: int) -> tuple[float, float]:
    """Return the 95 % interval of a share: the Monte Carlo error of a figure in the tables."""
    z, share = 1.96, hits / runs
    middle = (share + z * z / (2 * runs)) / (1 + z * z / runs)
    half = z * math.sqrt(share * (1 - share) / runs + (z / (2 * runs)) ** 2) / (1 + z * z / runs)
    return max(0.0, middle - half), min(1.0, middle + half)
