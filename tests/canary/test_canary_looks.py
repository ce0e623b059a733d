"""Reading that may stop early: where it stops, what it says, and how often it is wrong."""

from __future__ import annotations

import math
import random
import subprocess
import sys
from itertools import islice
from pathlib import Path

import pytest
from mirrored_traffic import Traffic

from pytest_quantguard import stats
from pytest_quantguard._decide import weigh
from pytest_quantguard.canary.counting import Count
from pytest_quantguard.canary.judging import CanaryJudge
from pytest_quantguard.canary.looking import Schedule, Weights, error_of
from pytest_quantguard.canary.records import Step
from pytest_quantguard.pairs import PairedOutcome
from pytest_quantguard.types import Outcome, Source
from pytest_quantguard.verdicts import Budget, Group, Verdict

BUDGETS = (Budget(cohort="*", max_drop=0.05), Budget(max_drop=0.03))


def read(traffic, most, budgets=BUDGETS):
    judge = CanaryJudge(budgets, sequential=True)
    for step in traffic.steps(most):
        judge.take(step)
        if judge.decided():
            break
    return judge, judge.report()


def test_a_loss_stops_the_reading_and_is_named():
    """The report tells which cohort asks for a rollback, at which pair and line."""
    judge, report = read(Traffic(loss=0.3, losing=("tools",), measured=False), 20_000)

    assert Verdict.FAIL is report.verdict
    assert 250 == judge.pairs
    row = next(row for row in report.budgets if row.cohort == "tools")
    assert row.reason.endswith("; shown by pair 250 (mirror.jsonl:250)")
    (note,) = [text for text in report.notes if "tools" in text]
    assert note.startswith("Rollback trigger, tools / all: over its budget at evidence ")
    assert note.endswith(" : 1, at pair 250 (mirror.jsonl:250)")
    assert "Decided after 250 pairs, at mirror.jsonl:250: not read further" in report.notes


def test_nothing_passes_between_two_looks():
    """A loss in one cohort stops the reading: whether the other one is safe was not its look."""
    _, report = read(Traffic(loss=0.6, losing=("tools",), noise=0.0, measured=False), 20_000)

    assert Verdict.PASS not in {row.verdict for row in report.budgets if row.max_drop is not None}


def test_a_loss_below_the_budget_stops_nothing_by_an_early_estimate():
    """It is shown to be a loss, and its estimate is over the budget: 4.8 points, of which 3 may be.

    What it is in truth is not known yet; reading goes on, and the budget holds.
    """
    judge = CanaryJudge([Budget(max_drop=0.03)], sequential=True)
    for step in losses(12, of=250):
        judge.take(step)
    early = judge.report()
    asked_for = [note for note in early.notes if note.startswith("Rollback trigger, ")]
    assert not judge.decided()
    for step in losses(0, of=5000):
        judge.take(step)
    report = judge.report()

    assert Verdict.FAIL is early.verdict  # had the traffic ended there: one look, no wandering
    assert ["at pair 250 (mirror.jsonl:250)"] == [one[-30:] for one in asked_for]
    assert (Verdict.PASS, 1000) == (report.verdict, judge.pairs)
    assert not any("over its budget" in note for note in report.notes)


@pytest.mark.parametrize(("evidence", "stops"), [("dual", 250), ("strict", 500)])
def test_a_loss_far_over_the_budget_stops_at_the_first_look_that_may(evidence, stops):
    """Evidence against the budget itself holds at every look; the test of ``strict`` at few."""
    judge = CanaryJudge([Budget(max_drop=0.03)], sequential=True, evidence=evidence)
    for step in losses(30, of=250):
        judge.take(step)
    for step in losses(30, of=250):
        judge.take(step)

    assert (Verdict.FAIL, stops) == (judge.report().verdict, judge.pairs)


def test_a_metric_is_judged_at_its_own_looks_alone():
    """Errors of a tenth, where a loss of a check ends the reading between two looks of theirs."""
    budgets = [Budget(max_drop=0.03), Budget(metric="errors", max_drop=0.01)]
    judge, report = read(Traffic(loss=0.3, silent=0.1, noise=0.0), 20_000, budgets)
    errors = next(row for row in report.budgets if row.metric == "errors")

    assert (250, Verdict.FAIL) == (judge.pairs, report.verdict)
    assert Verdict.INCONCLUSIVE is errors.verdict
    assert errors.reason.startswith("open: reading stopped")


def losses(number, of):
    """Pairs with one check, of which the first that many got worse."""
    held, broke = Outcome.of([]), Outcome.of(["not JSON"])
    for line in range(1, of + 1):
        outcome = PairedOutcome(
            case=str(line),
            cohort="json",
            check="json",
            baseline=held,
            candidate=broke if line <= number else held,
        )
        source = Source(file="mirror.jsonl", line=line)
        yield Step(cohort="json", outcomes=(outcome,), source=source)


def test_equal_arms_pass_at_a_look():
    """PASS comes at 500 pairs or at twice, four times ... as many, at a smaller error each."""
    judge, report = read(Traffic(noise=0.01, measured=False), 20_000)

    assert Verdict.PASS is report.verdict
    assert judge.pairs in (500, 1000, 2000, 4000)


def test_once_decided_nothing_more_is_counted():
    """What is read after the decision changes nothing."""
    judge, report = read(Traffic(loss=0.3, measured=False), 20_000)
    for step in Traffic(seed=5, measured=False).steps(500):
        assert not judge.take(step)

    assert report == judge.report()


def test_an_open_verdict_says_how_much_traffic_it_takes():
    """In pairs of the whole traffic, at the rate at which the cohort occurs in it."""
    traffic = Traffic(cohorts=("chat",) * 9 + ("tools",), noise=0.03, measured=False)
    judge, report = read(traffic, 700)

    assert not judge.decided()
    row = next(row for row in report.budgets if row.cohort == "tools")
    assert Verdict.INCONCLUSIVE is row.verdict
    assert "more such case" in row.reason
    assert "at the present rate that is about " in row.reason


def test_the_whole_file_is_judged_once_without_stopping():
    """A loss that was over at half of the file, and no longer at its end, is told and no FAIL."""
    judge = CanaryJudge([Budget(max_drop=0.05)])
    first = Traffic(loss=0.12, noise=0.0, measured=False, right=1.0)
    for step in (*first.steps(600), *Traffic(seed=9, noise=0.0, measured=False).steps(6000)):
        judge.take(step)
    report = judge.report()

    assert not judge.decided()
    assert Verdict.PASS is report.verdict
    assert any(text.endswith("(mirror.jsonl:250); not at the end") for text in report.notes)


def test_looks_are_planned_by_pairs_alone():
    """The e-value every 250 pairs, PASS at sizes that double; many groups are looked at less."""
    schedule, looks, passes = Schedule(), [], []
    for pairs in range(1, 9001):
        if pairs >= schedule.next:
            looks.append(pairs)
            if schedule.after(pairs, 4, shown=False):
                passes.append(pairs)
    assert [500, 1000, 2000, 4000, 8000] == passes
    assert list(range(250, 9001, 250)) == looks
    assert 5 == schedule.look

    schedule.after(9250, 100, shown=False)
    assert 9250 + 2000 == schedule.evidence


def test_the_error_of_all_looks_is_bounded():
    """However many looks there are, they share 5 % for PASS and 1 % for FAIL on metrics."""
    errors = [error_of(look) for look in range(1, 3000)]

    assert 0.0499 < sum(error.passing for error in errors) < 0.05
    assert 0.00998 < sum(error.failing for error in errors) < 0.01


def test_the_evidence_of_groups_that_come_later_is_weighed_with_what_was_kept_back():
    """The weighted sum stays an e-value: weights never add up to more than 1."""
    weights = Weights()
    first = {Group(): _count(3, 1), Group("a"): _count(3, 1)}
    weights.family(first, 0.01)
    cases = {**first, **{Group(f"late{i}"): _count(0, 0) for i in range(50)}}
    even = weights.family({group: _count(0, 0) for group in cases}, 0.01)

    assert math.isclose(0.0, even.log_evidence, abs_tol=1e-12)
    assert sum(weights._of.values()) <= 1
    alone = {**cases, Group(): _count(40, 0), Group("a"): _count(40, 0)}
    assert weights.family(alone, 0.01).log_evidence == pytest.approx(
        math.log(0.9 * stats.sign_evidence_of(40, 0).e + 0.1)
    )
    assert weights.family(alone, 0.01).log_evidence < weigh(first | alone).log_evidence + 1


def _count(worse, better):
    count = Count()
    for _ in range(worse):
        count.add(1.0, 1.0)
    for _ in range(better):
        count.add(-1.0, 0.0)
    count.add(0.0, 1.0)
    return count


# --- how often it is wrong; benchmarks/canary has the long runs -----------------------------------


def test_equal_arms_hardly_ever_fail_however_often_they_are_looked_at():
    """No FAIL in 60 streams of 3,000 pairs in which one outcome of 20 flips either way."""
    failed = 0
    for seed in range(60):
        judge = CanaryJudge([Budget(max_drop=0.0005)], sequential=True)  # never to PASS
        for step in _quick(random.Random(seed), 3000, lost=0.025, gained=0.025):
            judge.take(step)
        failed += judge.report().verdict is Verdict.FAIL

    assert failed <= 2  # P(more than 2 of 60 | 1 %) = 2.2 %


def test_a_loss_as_large_as_the_budget_hardly_ever_passes():
    """At most 5 %, over all looks: 8 of 60 have a chance of 0.7 %."""
    passed = 0
    for seed in range(60):
        judge = CanaryJudge([Budget(max_drop=0.05)], sequential=True)
        for step in _quick(random.Random(seed), 4000, lost=0.06, gained=0.01):
            judge.take(step)
            if judge.decided():
                break
        passed += judge.report().verdict is Verdict.PASS

    assert passed <= 7


def _quick(draw, count, *, lost, gained):
    """Steps of one cohort and check, from four that are made once."""
    kinds = {}
    for step in islice(
        Traffic(noise=0.5, right=0.5, cohorts=("a",), checks=("k",), measured=False).steps(200), 200
    ):
        kinds.setdefault(step.outcomes[0].difference, step)
    for _ in range(count):
        at = draw.random()
        yield kinds[1.0 if at < lost else -1.0 if at < lost + gained else 0.0]


def test_the_benchmark_runs():
    """A slice of `benchmarks/canary`: every stage once, and every world once."""
    bench = Path(__file__).resolve().parents[2] / "benchmarks" / "canary"
    if not bench.is_dir():
        pytest.skip("the benchmarks are not in this copy")
    code = "import run; run.LONGEST = 300; print(*run.speeds(20), *run.rates(1), sep='\\n')"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=bench, capture_output=True, text=True, check=True
    )

    assert "| the same, and judge 9 budgets | 2 |" in done.stdout
    assert "| large: 10 points lost everywhere | 100.0 %" in done.stdout


def test_the_spread_of_differences_is_kept_as_it_is():
    """Fractions of up to six checks exactly, others between two steps: the mean is the same."""
    drawn = random.Random(3)
    exact = [drawn.choice((1.0, -1.0, 0.0, 0.5, -0.5, round(1 / 3, 12), 0.2)) for _ in range(500)]
    odd = [round(drawn.uniform(-1, 1), 12) for _ in range(500)]
    one, other = Count(), Count()
    for difference in exact:
        one.add(difference, 1.0)
    for difference in odd:
        other.add(difference, 1.0)
    known = {d: pytest.approx(exact.count(d)) for d in (1.0, -1.0, 0.0, 0.5, -0.5, 0.2)}

    assert known == {d: one.spread[d] for d in known}
    assert pytest.approx(exact.count(round(1 / 3, 12))) == one.spread[40 / 120]
    both = one.merge(other).spread
    assert pytest.approx(1000) == sum(both.values())
    assert pytest.approx(sum(exact) + sum(odd)) == sum(d * n for d, n in both.items())
    assert len(both) <= 241
