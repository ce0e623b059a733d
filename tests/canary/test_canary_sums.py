"""Metrics of sums say what the metrics say of the pairs; feedback of split and paired traffic."""

from __future__ import annotations

import math
import random
from dataclasses import replace

import pytest
from mirrored_traffic import Traffic

from pytest_quantguard._registry import built_in_metrics
from pytest_quantguard.canary.feedback import METRICS, FeedbackSums, feedback_metrics
from pytest_quantguard.canary.histogram import RESOLUTION, Histogram
from pytest_quantguard.canary.judging import CanaryJudge
from pytest_quantguard.canary.measured import Plan
from pytest_quantguard.canary.records import Feedback, Step
from pytest_quantguard.canary.windows import MOST, Windows
from pytest_quantguard.types import Source
from pytest_quantguard.verdicts import Budget, Group, Verdict

PAIRS = 2000
NEEDS_REQUESTS = {"divergence", "instability", "reference", "throughput"}
LIMIT = 1.1


@pytest.fixture(scope="module")
def steps():
    return list(Traffic(silent=0.03, slower=1.08, seed=3).steps(PAIRS))


@pytest.fixture(scope="module")
def sums(steps):
    """Two halves, counted apart and put together."""
    plan = Plan(built_in_metrics(), {key: [LIMIT] for key in built_in_metrics()})
    halves = plan.empty(), plan.empty()
    for number, step in enumerate(steps):
        halves[number % 2].add(step.measurement, step.outcomes)
    return plan, halves[0].merge(halves[1])


def test_every_metric_is_counted_but_those_that_need_requests_of_their_own(sums):
    """A new metric has to be added here, or to say that it cannot be."""
    assert built_in_metrics().keys() - NEEDS_REQUESTS == sums[0].place.keys()


@pytest.mark.parametrize("key", sorted(built_in_metrics().keys() - NEEDS_REQUESTS))
def test_a_metric_of_sums_agrees_with_the_metric(key, steps, sums):
    """Levels, delta and p-value: times within the width of a bin, all else to rounding."""
    metric = built_in_metrics()[key]
    outcomes = [o for step in steps for o in step.outcomes]
    measurements = [step.measurement for step in steps]
    group = Group(metric=key)
    kept = metric.read(group, measurements, outcomes)

    counted = sums[1].read(group, 0.05)

    timed = getattr(metric, "timed", False)
    allowed = 2 * RESOLUTION if timed else 1e-9
    assert (kept.cases, kept.unit) == (counted.cases, counted.unit)
    assert kept.baseline == pytest.approx(counted.baseline, rel=allowed)
    assert kept.candidate == pytest.approx(counted.candidate, rel=allowed)
    for end in ("value", "low", "high", "n"):
        ours, theirs = getattr(kept.delta, end), getattr(counted.delta, end)
        assert ours == pytest.approx(theirs, rel=allowed, abs=1e-9)
    if timed:  # wider by less than two bins, never narrower
        assert counted.delta.low <= kept.delta.low * (1 + 1e-9)
        assert counted.delta.high >= kept.delta.high * (1 - 1e-9)
    limit = LIMIT if metric.unit == "ratio" else 0.01
    ours, theirs = metric.p_over(measurements, outcomes, limit), sums[1].p_over(key, limit)
    if timed and metric.quantile != 0.5:
        assert theirs >= ours - 1e-9
    else:
        assert ours == pytest.approx(theirs, rel=1e-6, abs=1e-12)


def test_few_pairs_say_what_the_metric_says():
    """The notes of what is too little are the same sentences."""
    few = list(Traffic(seed=1).steps(4))
    metrics = built_in_metrics()
    plan = Plan(metrics, {"latency_p50": [LIMIT]})
    sums = plan.empty()
    for step in few:
        sums.add(step.measurement, step.outcomes)
    for key in ("latency_p50", "latency_p99", "length", "tokens_out", "cost_per_success"):
        group = Group(metric=key)
        kept = metrics[key].read(
            group, [s.measurement for s in few], [o for s in few for o in s.outcomes]
        )
        counted = sums.read(group, 0.05)
        assert (None, kept.note) == (counted.delta, counted.note)
        assert 1.0 == sums.p_over(key, LIMIT) or key == "latency_p50"


def test_a_histogram_knows_every_quantile_to_half_a_bin():
    """Over fifteen decades, in order, and however it was put together."""
    draw = random.Random(2)
    values = sorted(math.exp(draw.uniform(-17, 17)) for _ in range(3000))
    found, other = Histogram(), Histogram()
    for number, value in enumerate(values):
        (found if number % 3 else other).add(value)
    ordered = found.merge(other).ordered()

    assert len(values) == len(ordered)
    assert all(
        abs(math.log(a / b)) <= math.log1p(RESOLUTION) / 2 + 1e-9
        for a, b in zip(values, ordered, strict=True)
    )
    assert ordered[-1] == ordered[2999]
    with pytest.raises(IndexError):
        ordered[3000]


def test_feedback_of_split_traffic_is_compared_by_groups():
    """A third of the requests go to the candidate, which is liked less."""
    judge = CanaryJudge([Budget(metric="thumbs_down", max_drop=0.02)])
    for step in Traffic(feedback=(0.05, 0.15)).steps(4000):
        judge.take(replace(step, outcomes=(), measurement=None))
    report = judge.report()
    (row,) = [row for row in report.budgets if row.metric]

    assert Verdict.FAIL is report.verdict
    assert 4000 == row.cases
    assert 0.06 < row.delta.low < 0.1 < row.delta.high < 0.13
    assert "requests of the baseline" in row.reason


def test_equal_feedback_passes():
    """The rise is shown to be inside the budget."""
    judge = CanaryJudge([Budget(metric="thumbs_down", max_drop=0.03)])
    for step in Traffic(feedback=(0.05, 0.05)).steps(4000):
        judge.take(replace(step, outcomes=(), measurement=None))

    assert Verdict.PASS is judge.report().verdict


@pytest.mark.parametrize("by", ["hour", "cohort"])
def test_a_share_of_the_traffic_that_changes_hides_no_loss(by):
    """The candidate gets most of the easy traffic, and is worse there and elsewhere."""
    draw = random.Random(5)
    judge = CanaryJudge([Budget(metric="thumbs_down", max_drop=0.02)])
    for number in range(6000):
        easy = number >= 3000 if by == "hour" else draw.random() < 0.5
        candidate = draw.random() < (0.8 if easy else 0.1)
        down = draw.random() < (0.05 if easy else 0.3) + 0.08 * candidate
        found = Feedback(thumbs=float(not down))
        arms = (None, found) if candidate else (found, None)
        cohort = "easy" if easy and by == "cohort" else "any"
        judge.take(Step(cohort=cohort, feedback=arms, source=Source(file="s.jsonl", line=1)))
    (row,) = [row for row in judge.report().budgets if row.metric]

    assert Verdict.FAIL is row.verdict
    assert 0.05 < row.delta.value < 0.11  # pooled it would look 12 points better


def test_windows_are_few_and_lose_nothing():
    """Beyond a number of them neighbours become one; sums stay what they were."""
    windows, draw = Windows(), random.Random(1)
    told = [(draw.random(), draw.randrange(2)) for _ in range(50_000)]
    for value, arm in told:
        windows.add(value, arm)
    found = list(windows)

    assert len(found) <= MOST
    assert sum(sum(part[1::2]) for part in found) == 50_000
    for arm in (0, 1):
        given = math.fsum(value for value, other in told if other == arm)
        assert given == pytest.approx(math.fsum(part[2 * arm] for part in found))


def test_arms_that_never_ran_at_one_time_are_not_compared():
    """Baseline last week, candidate this week: that is two weeks, and the budget stays open."""
    judge = CanaryJudge([Budget(metric="retries", max_drop=0.05)])
    for number in range(400):
        found = Feedback(retried=False)
        arms = (found, None) if number < 200 else (None, found)
        judge.take(Step(cohort="c", feedback=arms, source=Source(file="s.jsonl", line=1)))
    (row,) = [row for row in judge.report().budgets if row.metric]

    assert Verdict.INCONCLUSIVE is row.verdict
    assert "at no time both arms had requests" in row.reason


def test_feedback_on_one_arm_alone_is_no_evidence():
    """Mirrored answers that no user saw have no thumbs: the budget stays open."""
    judge = CanaryJudge([Budget(metric="retries", max_drop=0.03)])
    seen = Feedback(retried=False)
    for step in Traffic(noise=0.0).steps(300):
        judge.take(replace(step, feedback=(seen, None)))
    (row,) = [row for row in judge.report().budgets if row.metric]

    assert (Verdict.INCONCLUSIVE, "no feedback on the candidate's answers") == (
        row.verdict,
        row.reason,
    )


def test_feedback_on_both_answers_is_paired():
    """Where the user saw both, each request is its own comparison."""
    sums = FeedbackSums(feedback_metrics()["escalations"])
    for number in range(200):
        sums.add(Feedback(escalated=False), Feedback(escalated=number < 20))
    reading = sums.read(Group(metric="escalations"), 0.05)

    assert (200, 0.0, 0.1) == (reading.cases, reading.baseline, reading.candidate)
    assert sums.p_over(0.0) < 1e-4
    assert not sums.always


def test_ratings_that_are_none_are_left_out():
    """A thumb of 7 or of NaN is no rating."""
    metric = feedback_metrics()["thumbs_down"]

    assert [None, None, 1.0, 0.5] == [
        metric.value(Feedback(thumbs=t)) for t in (7.0, math.nan, 0.0, 0.5)
    ]


def test_the_gate_itself_has_no_feedback():
    """A budget on feedback stays open where requests are asked by the gate."""
    assert tuple(feedback_metrics()) == METRICS
    for metric in feedback_metrics().values():
        assert metric.read(Group(), [], []).delta is None
        assert 1.0 == metric.p_over([], [], 0.01)
        assert metric.floor(0.01) > 100
        with pytest.raises(ValueError, match="share"):
            metric.floor(2.0)


def test_split_requests_count_as_traffic_and_not_as_pairs():
    """Nothing but feedback: budgets on checks cannot pass on it."""
    judge = CanaryJudge(
        [Budget(metric="thumbs_down", max_drop=0.05), Budget(cohort="chat", max_drop=0.05)]
    )
    for line in range(1, 500):
        found = Feedback(thumbs=1.0)
        arms = (found, None) if line % 2 else (None, found)
        judge.take(Step(cohort="chat", feedback=arms, source=Source(file="split.jsonl", line=line)))
    report = judge.report()

    assert Verdict.ERROR is report.verdict
    assert {Verdict.PASS, Verdict.ERROR} == {row.verdict for row in report.budgets}


def test_an_improvement_is_no_loss():
    """Where early blocks showed a rise, and all requests together a fall, nobody failed."""
    judge = CanaryJudge([Budget(metric="thumbs_down", max_drop=0.02)])
    for number in range(2000):
        candidate = number % 2 == 1
        down = candidate if number < 60 else number % 4 == 0
        found = Feedback(thumbs=float(not down))
        arms = (None, found) if candidate else (found, None)
        judge.take(Step(cohort="c", feedback=arms, source=Source(file="s.jsonl", line=1)))
    (row,) = [row for row in judge.report().budgets if row.metric]

    assert row.delta.value < -0.02
    assert Verdict.PASS is row.verdict
