"""What PASS is worth: its errors and its power, one budget at a time.

With yes-no outcomes of equal weight a verdict depends on three numbers: cases lost, cases gained,
cases. So each table is decided once, and chances are sums over all tables: exact, no simulation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import product

import numpy as np
from numpy.typing import NDArray
from rules import PEERS, count
from scenarios import REPEATED, REPEATS, Size, one_budget
from world import Draw, Drop, World, draw

from pytest_quantguard import stats
from pytest_quantguard._decide import ALPHA_PASS, Cases, EvidenceRule, decide
from pytest_quantguard.verdicts import Budget, Group, Verdict

OURS: Mapping[str, EvidenceRule] = {
    "quantguard": "dual",
    "quantguard, evidence: strict": "strict",
}
_SUITE = Group()


@lru_cache(maxsize=200_000)
def verdict(
    lost: int,
    gained: int,
    n: int,
    max_drop: float,
    alpha_pass: float = ALPHA_PASS,
    evidence: EvidenceRule = "dual",
) -> Verdict:
    """Return the package's verdict on one budget, for a table of outcomes."""
    differences = [1.0] * lost + [-1.0] * gained + [0.0] * (n - lost - gained)
    return _verdict(Cases(differences, [1.0] * n), max_drop, alpha_pass, evidence)


def _verdict(
    cases: Cases,
    max_drop: float,
    alpha_pass: float = ALPHA_PASS,
    evidence: EvidenceRule = "dual",
) -> Verdict:
    budget = Budget(max_drop=max_drop)
    decisions = decide([budget], {_SUITE: cases}, alpha_pass=alpha_pass, evidence=evidence)
    return decisions[_SUITE].verdict


# --- exact ------------------------------------------------------------------------------------


@cache
def _most_lost(n: int, max_drop: float, gains: int) -> NDArray[np.int64]:
    """Return for 0, 1 ... gained cases the most lost cases that still PASS; -1: not even none."""
    limits, lost = [], 0
    for gained in range(gains + 1):
        while lost + gained < n and verdict(lost + 1, gained, n, max_drop) is Verdict.PASS:
            lost += 1
        while lost >= 0 and verdict(lost, gained, n, max_drop) is not Verdict.PASS:
            lost -= 1
        limits.append(lost)
        lost = max(lost, 0)
    return np.array(limits)


def pass_chance(n: int, max_drop: float, psi: float, drop: float) -> float:
    """Return the exact chance of PASS, for a true drop and share of differing outcomes."""
    loss, gain = (psi + drop) / 2, max((psi - drop) / 2, 0.0)
    gains = min(n, int(n * gain + 8 * np.sqrt(n * gain) + 8)) if gain else 0
    limits = _most_lost(n, max_drop, gains)
    gained = np.arange(gains + 1)
    lost = np.arange(max(int(limits.max()), 0) + 1)
    rest = n - gained[:, None] - lost
    ways = _log_factorials(n)
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = ways[n] - ways[gained][:, None] - ways[lost] - ways[np.maximum(rest, 0)]
        logs = logs + _times(gained, gain)[:, None] + _times(lost, loss) + _times(rest, 1 - psi)
    inside = (lost <= limits[:, None]) & (rest >= 0)
    return float(np.where(inside, np.exp(np.where(inside, logs, 0.0)), 0.0).sum())


def _times(number: NDArray[np.int64], share: float) -> NDArray[np.float64]:
    return number * np.log(share) if share > 0 else np.where(number == 0, 0.0, -np.inf)


@cache
def _log_factorials(n: int) -> NDArray[np.float64]:
    return np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, n + 1)))])


@dataclass(frozen=True, slots=True, kw_only=True)
class FalsePass:
    """The largest chance of PASS at a loss that is not allowed, and where it is."""

    chance: float
    n: int
    max_drop: float
    psi: float


def worst_false_pass(factor: float, *, quick: bool = False) -> FalsePass:
    """Search sizes, budgets and shares for the largest chance of PASS at a multiple of the budget.

    Every size of the first 40 that can decide the budget, then in steps of 4 % up to 1,000.
    """
    found = []
    for max_drop, extra in product((0.01, 0.02, 0.03, 0.05, 0.10), (0, 0.0025, 0.005, 0.01, 0.03)):
        floor, drop = stats.pass_floor(max_drop), factor * max_drop
        sizes = {*range(floor, floor + 40), *(round(floor * 1.04**k) for k in range(95))}
        for n in sorted(sizes)[:: 20 if quick else 1]:
            if n <= 1000:
                chance = pass_chance(n, max_drop, drop + extra, drop)
                found.append((chance, n, max_drop, drop + extra))
    chance, n, max_drop, psi = max(found)
    return FalsePass(chance=chance, n=n, max_drop=max_drop, psi=psi)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanError:
    """Planned against exact power, over many settings."""

    settings: int
    worst: float
    within: float
    """Share of settings with an error of at most 5 points."""
    where: tuple[int, float, float, float]
    """Cases, budget, psi, drop of the worst."""
    refused: float
    """Share of undecidable budgets that are refused before the first request."""


def plan_error(least: float = 3.0) -> PlanError:
    """Compare `stats.pass_power` with the exact power wherever psi n is large enough."""
    found = []
    for max_drop, psi, share, power in product(
        (0.02, 0.03, 0.05, 0.10), (0.02, 0.05, 0.08), (0.0, 0.25), (0.5, 0.65, 0.8, 0.9, 0.95)
    ):
        drop = share * max_drop
        if drop > psi:
            continue
        n = stats.pass_cases(max_drop, psi, power, drop)
        if least / psi <= n <= 1500:
            planned = stats.pass_power(n, max_drop, psi, drop)
            error = abs(planned - pass_chance(n, max_drop, psi, drop))
            found.append((error, n, max_drop, psi, drop))
    worst = max(found)
    return PlanError(
        settings=len(found),
        worst=worst[0],
        within=sum(error <= 0.05 for error, *_ in found) / len(found),
        where=worst[1:],
        refused=_refused(),
    )


def _refused() -> float:
    from pytest_quantguard import _budgets

    asked = []
    for max_drop in (0.01, 0.02, 0.03, 0.05, 0.10):
        for n in range(1, stats.pass_floor(max_drop)):
            cases = {("a", "b"): frozenset(map(str, range(n)))}
            budget = Budget(max_drop=max_drop, cohort="a", check="b")
            asked.append(bool(_budgets.undecidable([budget], _budgets.Census(cases))))
    return sum(asked) / len(asked)


# --- simulated --------------------------------------------------------------------------------


def verdict_shares(
    world: World, n: int, max_drop: float, drop: Drop, size: Size, rng: np.random.Generator
) -> dict[str, tuple[float, float]]:
    """Return per rule the shares of FAIL and of PASS, one budget alone."""
    found = draw(world, rng, runs=size.single, cases=n, drop=drop)
    counts = count(found, [n])
    shares: dict[str, tuple[float, float]] = {}
    for name, evidence in OURS.items():
        pairs = _pairs(counts.lost, counts.gained)
        ours = [verdict(*pair, n, max_drop, evidence=evidence) for pair in pairs]
        shares[name] = (ours.count(Verdict.FAIL) / len(ours), ours.count(Verdict.PASS) / len(ours))
    for rule, fails in PEERS.items():
        share = float(fails(counts, max_drop).mean())
        shares[rule] = (share, 1 - share)
    return shares


def _pairs(lost: NDArray[np.int64], gained: NDArray[np.int64]) -> list[tuple[int, int]]:
    return list(zip(lost.ravel().tolist(), gained.ravel().tolist(), strict=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlyStop:
    """PASS at the first of several looks that allows it, against one look at the end."""

    fixed: float
    early: float
    cases: float
    """Mean, with early stopping; the fixed rule takes all."""
    wrong_fixed: float
    """Chance of PASS at a drop that equals the budget."""
    wrong_early: float
    wrong_peeking: float
    """The same, looking as often with the level of one look."""


def early_stop(world: World, size: Size, rng: np.random.Generator, looks: int = 5) -> EarlyStop:
    """300 cases, 5 points allowed, 3 % churn."""
    world, allowed = one_budget(world, churn=0.03), 0.05
    alphas = stats.looks_alpha(ALPHA_PASS, looks)
    at = [300 * (look + 1) // looks for look in range(looks)]

    def passes(drop: float, levels: tuple[float, ...]) -> NDArray[np.bool_]:
        counts = count(draw(world, rng, runs=size.single, cases=300, drop=Drop(size=drop)), at)
        tables = [_pairs(counts.lost[:, look], counts.gained[:, look]) for look in range(looks)]
        verdicts = [
            [verdict(*pair, n, allowed, alpha) is Verdict.PASS for pair in pairs]
            for pairs, n, alpha in zip(tables, at, levels, strict=True)
        ]
        return np.array(verdicts).T

    equal, edge = passes(0.0, alphas), passes(allowed, alphas)
    plain_equal, plain_edge = (passes(drop, (ALPHA_PASS,) * looks) for drop in (0.0, allowed))
    first = np.where(equal.any(axis=1), equal.argmax(axis=1), looks - 1)
    return EarlyStop(
        fixed=float(plain_equal[:, -1].mean()),
        early=float(equal.any(axis=1).mean()),
        cases=float(np.array(at)[first].mean()),
        wrong_fixed=float(plain_edge[:, -1].mean()),
        wrong_early=float(edge.any(axis=1).mean()),
        wrong_peeking=float(plain_edge.any(axis=1).mean()),
    )


def repeats(
    world: World, size: Size, rng: np.random.Generator
) -> dict[tuple[int, float, int], tuple[float, float]]:
    """Return false PASS at the budget, ours and pooled, by (cases, budget, repeats).

    At a temperature: two runs of one model differ on 10 % of outcomes.
    """
    world, found, runs = one_budget(world, noise=0.10, churn=0.03), {}, size.single
    for n, allowed in REPEATED:
        for times in REPEATS:
            drawn = draw(world, rng, runs=runs, cases=n, drop=Drop(size=allowed), repeats=times)
            flat = drawn.differences[:, 0, :, 0].astype(np.float64)
            ours = [_verdict(Cases(row.tolist(), [1.0] * n), allowed) for row in flat]
            found[n, allowed, times] = (
                ours.count(Verdict.PASS) / runs,
                _pooled(drawn, times, allowed, rng),
            )
    return found


def _pooled(drawn: Draw, times: int, allowed: float, rng: np.random.Generator) -> float:
    """Take every repeat for a case of its own: the i-th of one model against that of the other."""
    good, kept = (
        np.rint(arm[:, 0, :, 0] * times).astype(np.int64)
        for arm in (drawn.baseline, drawn.candidate)
    )
    both = rng.hypergeometric(kept, times - kept, good)
    pairs = _pairs((good - both).sum(axis=1), (kept - both).sum(axis=1))
    n = good.shape[1] * times
    return sum(verdict(*pair, n, allowed) is Verdict.PASS for pair in pairs) / len(pairs)


def weighted(world: World, size: Size, rng: np.random.Generator) -> tuple[float, float]:
    """Return false PASS at the budget when half of 150 cases weigh five times as much.

    Ours, which counts effective cases, and the same bound with all cases counted.
    """
    n, allowed = 150, 0.05
    drawn = draw(
        one_budget(world, churn=0.03), rng, runs=size.single, cases=n, drop=Drop(size=allowed)
    )
    weights = [5.0] * (n // 2) + [1.0] * (n - n // 2)
    ours = plain = 0
    for row in drawn.differences[:, 0, :, 0].astype(np.float64).tolist():
        ours += _verdict(Cases(row, [1.0] * n, weights), allowed) is Verdict.PASS
        table = stats.paired_counts(row, weights)
        whole = stats.PairedCounts(
            lost=table.lost / table.n * n, gained=table.gained / table.n * n, n=n
        )
        plain += stats.loss_upper(whole, alpha=ALPHA_PASS) < allowed
    return ours / size.single, plain / size.single
