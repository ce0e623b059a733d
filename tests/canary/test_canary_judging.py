"""Pairs that are counted one by one are judged as the gate judges the same pairs."""

from __future__ import annotations

import doctest
import gc
import math
import random
import tracemalloc
from dataclasses import replace

import pytest
from mirrored_traffic import Traffic

from pytest_quantguard import judge
from pytest_quantguard.canary import judging
from pytest_quantguard.canary.judging import CanaryJudge
from pytest_quantguard.canary.records import Step
from pytest_quantguard.errors import ConfigError
from pytest_quantguard.pairs import Mishap, PairedOutcome
from pytest_quantguard.types import EMPTY, Outcome, Source
from pytest_quantguard.verdicts import Budget, Group, Verdict

ON_CHECKS = (
    Budget(cohort="*", max_drop=0.05),
    Budget(check="*", max_drop=0.04),
    Budget(cohort="chat", check="json", max_drop=0.08),
    Budget(max_drop=0.03),
)
ON_METRICS = (
    Budget(metric="latency_p50", max_ratio=1.1),
    Budget(metric="errors", cohort="*", max_drop=0.02),
    Budget(metric="refusals", max_drop=0.05),
    Budget(metric="length", max_ratio=1.2),
    Budget(metric="cost_per_success", max_ratio=1.3),
)


def canary(steps, budgets, **terms):
    """The report on all steps, and the judge."""
    judge = CanaryJudge(budgets, **terms)
    for step in steps:
        judge.take(step)
        if judge.decided():
            break
    return judge.report(), judge


def of(row):
    return Group(row.cohort, row.check, row.tag, row.metric)


def one(report, **group):
    """The one row of a group."""
    wanted = Group(**group)
    (found,) = [row for row in report.budgets if of(row) == wanted]
    return found


def test_the_example_is_true():
    """What the module shows is what it does."""
    assert doctest.testmod(judging).failed == 0
    assert doctest.testmod(judging).attempted > 3


@pytest.mark.parametrize("seed", range(14))
def test_it_agrees_with_the_gate(seed):
    """Verdicts, numbers of cases and losses, intervals, evidence and notes are those of `judge`."""
    draw = random.Random(seed)
    traffic = Traffic(
        seed=seed,
        loss=draw.choice([0.0, 0.05, 0.2]),
        noise=draw.choice([0.0, 0.05]),
        graded=seed % 3 == 0,
        silent=0.03 * (seed % 2),
        slower=1 + 0.3 * (seed % 2),
        tags=((),) if seed % 4 else ((), ("a",), ("a", "b")),
        layers=("name", "arguments") if seed % 3 == 1 else (),
        unlike=(7,) if seed % 5 == 0 else (),
    )
    budgets = [*ON_CHECKS, *ON_METRICS]
    if traffic.tags != ((),):
        budgets.append(Budget(tag="*", max_drop=0.1))
    if traffic.layers:
        budgets.append(Budget(cohort="chat", check="json.arguments", max_drop=0.1))
    terms = {"evidence": draw.choice(["dual", "strict"])}
    steps = list(traffic.steps(draw.choice([20, 150, 600])))

    counted, _ = canary(steps, budgets, **terms)

    kept = judge(
        [o for step in steps for o in step.outcomes],
        budgets,
        measurements=[step.measurement for step in steps if step.measurement],
        mishaps=[m for step in steps for m in step.mishaps],
        **terms,
    )
    rows = {of(row): row for row in counted.budgets}
    assert kept.verdict == counted.verdict
    assert {of(row) for row in kept.budgets} == rows.keys()
    for row in kept.budgets:
        _alike(row, rows[of(row)])
    assert math.isclose(kept.log_evidence, counted.log_evidence, rel_tol=1e-9, abs_tol=1e-9)
    assert kept.notes[:1] == counted.notes[:1]
    assert {(r.cohort, r.check, r.layer): r.cases for r in kept.layers} == {
        (r.cohort, r.check, r.layer): r.cases for r in counted.layers
    }
    assert {r.group for r in kept.readings} - {Group(metric="throughput")} >= {
        r.group for r in counted.readings
    }


def _alike(row, counted):
    """Everything of a row but its sentence and the names of its cases."""
    shown = (row.verdict, row.cases, row.improved, len(row.regressed))
    assert shown == (counted.verdict, counted.cases, counted.improved, counted.losses)
    assert (row.log_evidence is None) == (counted.log_evidence is None)
    if row.log_evidence is not None:
        assert math.isclose(row.log_evidence, counted.log_evidence, abs_tol=1e-9)
    assert (row.delta is None) == (counted.delta is None)
    if row.delta is not None:
        allowed = 0.011 if row.metric == "latency_p50" else 1e-9
        for end in ("value", "low", "high", "best", "worst"):
            ours, theirs = getattr(row.delta, end), getattr(counted.delta, end)
            assert ours == theirs or math.isclose(ours, theirs, rel_tol=allowed, abs_tol=allowed)


def test_what_it_keeps_does_not_grow_with_the_pairs():
    """After the first losses of each kind are kept, 20,000 further pairs take no memory."""
    traffic = Traffic(loss=0.2, feedback=(0.05, 0.05), measured=True)
    judge = CanaryJudge([*ON_CHECKS, *ON_METRICS])
    steps = traffic.steps(8000)
    for _, step in zip(range(5000), steps, strict=False):
        judge.take(step)
    sizes = judge._traffic.places.size, len(judge._traffic.examples)
    gc.collect()
    tracemalloc.start()
    for step in steps:
        judge.take(step)
    gc.collect()
    grown, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert sizes == (judge._traffic.places.size, len(judge._traffic.examples)) == (8, 800)
    assert grown < 220_000  # bins of times that had not occurred before, windows of feedback
    assert judge.pairs == 8000


def test_losses_are_counted_and_the_first_ones_kept():
    """A report of many losses holds 200 of each cohort and check, and says how many there were."""
    traffic = Traffic(cohorts=("chat",), checks=("json",), right=1.0, noise=0.0, loss=0.5)
    steps = list(traffic.steps(1000))
    report, _ = canary(steps, [Budget(max_drop=0.05)])

    lost = [step.outcomes[0] for step in steps if step.outcomes[0].regressed]
    row = one(report)
    assert row.losses == len(lost) > 400
    assert set(row.regressed) == set(report.outcomes) == set(lost[:200])
    assert [one.cases for one in report.counted] == [1000]


def test_take_says_what_is_kept():
    """Whoever has the texts needs to know which ones the report will show."""
    steps = Traffic(cohorts=("chat",), checks=("json",), loss=0.5).steps(900)
    judge = CanaryJudge([Budget(max_drop=0.05)])

    kept = [step.outcomes[0].case for step in steps if judge.take(step)]

    assert set(kept) == {o.case for o in judge.report().outcomes}
    assert len(kept) == 200


# --- no evidence is never green -----------------------------------------------------------------


def test_no_pair_is_an_error():
    """An empty log passes nothing, with and without stars."""
    report = CanaryJudge([Budget(max_drop=0.05), Budget(cohort="*", max_drop=0.1)]).report()

    assert Verdict.ERROR is report.verdict
    assert "no pair of the log has anything to compare" == report.budgets[0].reason


def test_no_budget_is_an_error():
    """Nothing that could fail is no pass."""
    report, _ = canary(Traffic().steps(50), [])

    assert Verdict.ERROR is report.verdict
    assert "no budget: nothing was judged" in report.budgets[0].reason


def test_a_budget_of_a_cohort_that_no_pair_has_is_an_error():
    """A renamed cohort must not turn its budget green."""
    report, _ = canary(
        Traffic(noise=0.0).steps(300),
        [Budget(max_drop=0.05), Budget(cohort="medical", max_drop=0.05)],
    )

    assert Verdict.ERROR is one(report, cohort="medical").verdict
    assert Verdict.ERROR is report.verdict


def test_only_mishaps_are_an_error():
    """A baseline that never answered leaves nothing to compare."""
    mishap = Mishap(
        variant="awq",
        case="r1",
        cohort="chat",
        check="json",
        source=Source(file="mirror.jsonl", line=1),
        role="baseline",
        kind="TransportError",
        message="connection reset",
    )
    step = Step(cohort="chat", mishaps=(mishap,), source=mishap.source)
    report, _ = canary([step] * 20, [Budget(max_drop=0.05)])

    assert Verdict.ERROR is report.verdict
    assert "not one pair could be compared" in report.budgets[0].reason
    assert "20 of 20 checks had no answer to judge (20 TransportError" in report.budgets[0].reason
    assert "(mirror.jsonl:1)" in report.budgets[0].reason


def test_a_value_that_is_no_number_is_a_broken_check():
    """NaN compares with nothing: it is neither a loss nor none."""
    source = Source(file="mirror.jsonl", line=3)
    nan = Outcome(value=math.nan)
    outcome = PairedOutcome(case="r", cohort="chat", check="mine", baseline=nan, candidate=nan)
    steps = [
        *Traffic(noise=0.0).steps(200),
        Step(cohort="chat", outcomes=(outcome,), source=source),
    ]
    report, _ = canary(steps, [Budget(max_drop=0.05)])

    assert Verdict.ERROR is report.verdict
    assert "1 check crashed, first mine on r (mirror.jsonl:3)" in report.budgets[0].reason


def test_empty_answers_are_an_error():
    """A candidate that says nothing at all was not there."""
    empty = Outcome(value=0.0, violations=(EMPTY,))
    steps = [
        replace(step, outcomes=tuple(replace(o, candidate=empty) for o in step.outcomes))
        for step in Traffic().steps(100)
    ]
    report, _ = canary(steps, [Budget(max_drop=0.05)])

    assert "every answer of the candidate is empty" == report.budgets[0].reason


def test_too_many_cohorts_are_an_error():
    """A rule that names a cohort after the user id is noticed, and memory stays bounded."""
    steps = [replace(s, cohort=f"u{i}") for i, s in enumerate(Traffic(measured=False).steps(1002))]
    steps = [
        replace(s, outcomes=tuple(replace(o, cohort=s.cohort) for o in s.outcomes)) for s in steps
    ]
    report, judge = canary(steps, [Budget(max_drop=0.05)])

    assert "more than 1000 cohorts: what follows was left out" in report.budgets[0].reason
    assert 1000 == len(judge._traffic.places.of)


def test_a_metric_that_needs_requests_of_its_own_is_an_error():
    """Traffic has no repeats: a budget on instability cannot be kept by silence."""
    report, _ = canary(Traffic().steps(300), [Budget(metric="instability", max_drop=0.05)])

    row = one(report, metric="instability")
    assert (Verdict.ERROR, "'instability' is no metric of recorded pairs") == (
        row.verdict,
        row.reason.split(":")[0],
    )


def test_two_budgets_of_one_group_are_refused_at_once():
    """Before a line of a long file is read."""
    with pytest.raises(ConfigError, match="two budgets for chat / all"):
        CanaryJudge([Budget(cohort="chat", max_drop=0.1), Budget(cohort="chat", max_drop=0.2)])


def test_a_pair_that_is_not_the_same_question_takes_the_delta_from_all_of_its_cohort():
    """Other prompt-token counts, told once for the pair: every check of the cohort is withheld."""
    steps = list(Traffic(noise=0.0).steps(400))
    mishap = Mishap(
        variant="awq",
        case="r",
        cohort="chat",
        check="",
        source=Source(file="mirror.jsonl", line=401),
        role="candidate",
        kind="NotComparable",
        message="12 prompt tokens and 14",
    )
    steps.append(Step(cohort="chat", mishaps=(mishap,), source=mishap.source))
    report, _ = canary(steps, [Budget(cohort="*", check="*", max_drop=0.1)])

    withheld = {row.cohort for row in report.budgets if row.verdict is Verdict.NOT_COMPARABLE}
    assert {None, "chat"} == withheld  # None is the row that says which pair
    assert Verdict.PASS is one(report, cohort="tools", check="json").verdict
    assert one(report, cohort="chat", check="json").delta is None
