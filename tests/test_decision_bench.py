"""A small slice of benchmarks/decision: seeds are fixed and bounds wide; the rest is by hand."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from pytest_quantguard._decide import decide
from pytest_quantguard._judge import judge
from pytest_quantguard.pairs import PairedOutcome
from pytest_quantguard.types import Outcome
from pytest_quantguard.verdicts import Budget, Verdict

np = pytest.importorskip("numpy")

BENCH = Path(__file__).resolve().parents[1] / "benchmarks" / "decision"


@pytest.fixture(scope="module")
def bench():
    """Return the bench's modules; they are scripts and import each other by their bare names."""
    if not BENCH.is_dir():
        pytest.skip("the benchmarks are not part of this copy")
    sys.path.insert(0, str(BENCH))
    try:
        import passes
        import rules
        import scenarios
        import world
    finally:
        sys.path.remove(str(BENCH))
    return SimpleNamespace(passes=passes, rules=rules, scenarios=scenarios, world=world)


def drawn(bench, *, runs, cases, size=0.0, scope="everywhere", kind="diffuse", seed=3, churn=0.03):
    """Draw runs of the first world: 5 cohorts, 4 checks, 2 % serving noise."""
    drop = bench.world.Drop(size=size, scope=scope, kind=kind)
    setting = bench.world.World(churn=churn)
    rng = np.random.default_rng(seed)
    return bench.world.draw(setting, rng, runs=runs, cases=cases, drop=drop)


def records(draw, run, cases):
    """Return one run as the records that the gate judges."""
    return [
        PairedOutcome(
            case=f"{cohort}-{case}",
            cohort=f"cohort-{cohort}",
            check=f"check-{check}",
            baseline=Outcome(value=float(draw.baseline[run, cohort, case, check])),
            candidate=Outcome(value=float(draw.candidate[run, cohort, case, check])),
        )
        for cohort in range(draw.baseline.shape[1])
        for case in range(cases)
        for check in range(draw.baseline.shape[3])
    ]


@pytest.mark.parametrize("name", ["FIRST", "SECOND"])
@pytest.mark.parametrize("kind", ["diffuse", "checks", "cases"])
def test_the_world_has_the_rates_it_promises(bench, name, kind):
    """Baseline rates, the loss where it belongs, and nothing lost elsewhere."""
    setting = bench.scenarios.usual(getattr(bench.scenarios, name))
    drop = bench.world.Drop(size=0.05, scope="cohort", kind=kind)
    found = bench.world.draw(setting, np.random.default_rng(5), runs=20, cases=1000, drop=drop)

    rates = found.baseline.mean(axis=(0, 1, 2))
    lost = found.differences.mean(axis=(0, 2))
    differing = np.abs(found.differences[:, 1:]).mean()
    assert rates == pytest.approx(np.array(setting.rates), abs=0.01)
    assert np.full(4, 0.05) == pytest.approx(lost[0], abs=0.012)
    assert np.zeros((4, 4)) == pytest.approx(lost[1:], abs=0.012)
    assert bench.world.expected_differing(setting) == pytest.approx(differing, abs=0.004)


def test_the_gate_and_the_bench_ask_the_same_rule(bench):
    """Records through `judge` and arrays through `decide` end in the same verdicts."""
    seen = set()
    for seed, size in enumerate((0.0, 0.05, 0.10, 0.30)):
        found = drawn(bench, runs=1, cases=60, size=size, scope="cohort", seed=seed)
        budgets = [
            *bench.rules.leaf_budgets(5, 4, 0.05),
            *(Budget(max_drop=0.04, cohort=f"cohort-{cohort}") for cohort in range(5)),
            *(Budget(max_drop=0.03, check=f"check-{check}") for check in range(4)),
            Budget(max_drop=0.02),
        ]

        report = judge(records(found, 0, 60), budgets)
        decisions = decide(budgets, bench.rules.groups_of(found, 0, 60))

        judged = {
            (row.cohort, row.check): (row.verdict, row.delta, row.log_evidence)
            for row in report.budgets
            if row.delta is not None
        }
        assert 30 == len(judged)
        for group, decision in decisions.items():
            verdict, delta, log_evidence = judged[group.cohort, group.check]
            assert decision.verdict is verdict
            assert decision.delta.value == pytest.approx(delta.value)
            assert decision.delta.high == pytest.approx(delta.high)
            assert decision.log_evidence == pytest.approx(log_evidence)
        seen |= {decision.verdict for decision in decisions.values()}

    assert {Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE} == seen


def test_no_false_alarm_where_the_naive_rule_cries_wolf(bench):
    """20 budgets, an equal candidate: at most 1 % at any of six looks, against most runs."""
    looks = (20, 30, 50, 100, 200, 300)
    naive, ours, runs = 0, 0, 0
    for seed in range(10):
        found = drawn(bench, runs=20, cases=300, seed=seed)
        counts = bench.rules.count(found, looks)
        naive += int(bench.rules.naive(counts, 0.02)[:, 1].any(axis=(1, 2)).sum())
        ours += int(bench.rules.fails_at(found, looks, 0.02).any(axis=1).sum())
        runs += 20

    assert naive > 0.9 * runs
    assert ours <= 0.03 * runs  # the rule's own bound is 1 %


@pytest.mark.parametrize(("scope", "most"), [("everywhere", 150), ("cohort", 700)])
def test_a_real_loss_is_caught_with_few_requests(bench, scope, most):
    """10 points lost, 5 allowed; the goals are 80 and 350 requests on average."""
    looks = tuple(range(5, 300, 5))
    found = drawn(bench, runs=20, cases=300, size=0.10, scope=scope)

    firsts = bench.rules.first_fail(found, looks, 0.05)

    assert None not in firsts
    assert sum(firsts) / len(firsts) * 5 < most


def test_the_shortcuts_never_hide_a_fail(bench):
    """Where the bench does not ask for a verdict, the package's rule does not say FAIL."""
    looks, fails = (10, 20, 40), 0
    budgets = bench.rules.leaf_budgets(5, 4, 0.02)
    for scope in ("everywhere", "cohort", "cell"):
        found = drawn(bench, runs=8, cases=40, size=0.25, scope=scope)
        short = bench.rules.fails_at(found, looks, 0.02)
        for run, look in np.ndindex(short.shape):
            decisions = decide(budgets, bench.rules.groups_of(found, run, looks[look])).values()
            assert short[run, look] == any(d.verdict is Verdict.FAIL for d in decisions)
            fails += int(short[run, look])

    assert 20 < fails < 70


@pytest.mark.parametrize(("n", "max_drop", "drop"), [(100, 0.05, 0.0), (60, 0.10, 0.10)])
def test_the_exact_chance_of_pass_is_what_simulation_finds(bench, n, max_drop, drop):
    """Summed over all tables, and counted in 2,000 runs."""
    setting = bench.scenarios.one_budget(bench.world.World(), churn=0.03)
    size = bench.scenarios.Size(alarms=0, losses=0, single=2000)
    loss, rng = bench.world.Drop(size=drop), np.random.default_rng(1)

    shares = bench.passes.verdict_shares(setting, n, max_drop, loss, size, rng)
    psi = bench.world.expected_differing(setting, drop)

    assert bench.passes.pass_chance(n, max_drop, psi, drop) == pytest.approx(
        shares["quantguard"][1], abs=0.04
    )
