"""Side by side or one after the other; time per token; throughput."""

import json
import random
from dataclasses import replace

import pytest
from metric_arms import Evidence, load, measured, repeated

from pytest_quantguard._config import load as load_config
from pytest_quantguard._judge import judge
from pytest_quantguard._judgement import Terms
from pytest_quantguard._measures import Times, metric_rows, readings
from pytest_quantguard.metrics._windows import ONE_AFTER_THE_OTHER, why_apart
from pytest_quantguard.verdicts import Budget, Group, Verdict

APART = ONE_AFTER_THE_OTHER


def timed(n, *, offset=0.0, slower=1.0, gap=1.0, latency=2.0, **more):
    """Return n cases; the candidate is asked ``offset`` seconds later, at its own pace."""
    return measured(
        *(
            (
                {"latency_s": latency, "asked_at": 1e9 + latency + gap * i, **more},
                {
                    "latency_s": latency * slower,
                    "asked_at": 1e9 + offset + slower * (latency + gap * i),
                    **more,
                },
            )
            for i in range(n)
        )
    )


def test_interleaved_arms_are_side_by_side():
    """Both windows are open together, also where one arm takes four times as long."""
    assert "" == why_apart(timed(100).measurements)
    assert "" == why_apart(timed(100, slower=4).measurements)
    assert "" == why_apart(timed(100, slower=0.25).measurements)


@pytest.mark.parametrize(("offset", "apart"), [(101, True), (60, True), (45, False), (-60, True)])
def test_half_of_the_shorter_window_must_be_shared(offset, apart):
    """Two windows of 101 seconds: 50 of them and a half are enough, 41 are not."""
    assert (APART if apart else "") == why_apart(timed(100, offset=offset).measurements)


@pytest.mark.parametrize(("offset", "apart"), [(9.5, False), (11, True)])
def test_of_few_answers_any_overlap_will_do(offset, apart):
    """Nine answers of each in ten seconds: half a second together is enough, none is not."""
    assert (APART if apart else "") == why_apart(timed(9, offset=offset).measurements)


def test_servers_that_cannot_run_at_once_were_asked_one_after_the_other():
    """Whatever the clock says: it may have been set back between the two."""
    assert APART == why_apart(timed(100).measurements, apart=True)


def test_a_clock_that_jumps_moves_both_arms():
    """Set back by an hour in mid-run: the windows grow, and are still shared."""
    found = timed(50).measurements + timed(50, offset=0).measurements
    jumped = [
        m if i < 50 else replace(m, baseline=_at(m.baseline), candidate=_at(m.candidate))
        for i, m in enumerate(found)
    ]

    assert "" == why_apart(jumped)


def _at(arm):
    return replace(arm, asked_at=arm.asked_at - 3600)


def test_an_unknown_time_proves_nothing():
    """One live answer without a time: not side by side; nothing live is for the metrics to say."""
    some = timed(20).measurements
    unknown = measured(({"latency_s": 1.0}, {"latency_s": 1.0})).measurements

    assert "when the answers came is not known" in why_apart([*some, *unknown])
    assert "" == why_apart(timed(20, live=False).measurements)


# --- what follows for budgets and readings ---------------------------------------------------


def judged(found, rule="side-by-side", *, key="latency_p50", limit=1.5, apart=False):
    """Judge one budget, and return its row and the reading over all cases."""
    metrics, times = {key: load(key)}, Times.of(found.measurements, rule, apart=apart)
    budget = Budget(metric=key, max_ratio=limit)
    (row,) = metric_rows([budget], found.measurements, [], metrics, times=times)
    read = readings(found.measurements, [], metrics, times)
    return row, read[0]


def test_arms_that_were_asked_side_by_side_are_judged():
    """Equal times, limit 1.5: passed; ten times as slow: failed."""
    assert Verdict.PASS is judged(timed(60))[0].verdict
    assert Verdict.FAIL is judged(timed(60, slower=10, gap=0.01))[0].verdict


@pytest.mark.parametrize("slower", [1.0, 9.0])
def test_arms_that_were_asked_in_turn_are_not_judged(slower):
    """Neither passed nor failed: inconclusive, with the reason and the way out; levels stay."""
    row, reading = judged(timed(60, offset=1000, slower=slower, gap=0.1))

    assert (Verdict.INCONCLUSIVE, None) == (row.verdict, row.delta)
    assert row.reason.startswith(APART)
    assert "policies: {latency: same-run}" in row.reason
    assert (None, 2.0, 2.0 * slower) == (reading.delta, reading.baseline, reading.candidate)


def test_one_after_the_other_can_be_accepted_and_is_told():
    """`same-run`: the verdict is given, and the note says how it was measured."""
    row, reading = judged(timed(60, offset=1000), "same-run")

    assert Verdict.PASS is row.verdict
    assert f"{APART}; accepted by policies: {{latency: same-run}}" in reading.note


def test_a_cohort_that_was_not_asked_side_by_side_shows_no_times():
    """The run was; its levels stay, and its budget is judged: a slow arm falls behind with each."""
    found = [
        replace(m, cohort="early" if i < 40 else "late")
        for i, m in enumerate(timed(60, slower=2.0, completion_tokens=50.0).measurements)
    ]
    keys = ("latency_p50", "tokens_out")
    metrics = {key: load(key) for key in keys}
    for rule in ("side-by-side", "same-run"):
        times = Times.of(found, rule)
        read = {r.group[0::3]: r for r in readings(found, [], metrics, times)}
        budget = Budget(cohort="late", metric="latency_p50", max_ratio=1.1)
        (row,) = metric_rows([budget], found, [], metrics, times=times)
        accepted = rule == "same-run"

        assert not times.note
        assert Verdict.FAIL is row.verdict
        assert read[None, "latency_p50"].delta
        assert read["early", "latency_p50"].delta
        assert bool(read["late", "latency_p50"].delta) == accepted
        assert (f"in this part {APART}" in read["late", "latency_p50"].note) != accepted
        assert read["late", "tokens_out"].delta
    assert 4.0 == read["late", "latency_p50"].candidate


def test_exclusive_servers_are_never_side_by_side():
    """One GPU: even with windows that seem to overlap."""
    assert Verdict.INCONCLUSIVE is judged(timed(60), apart=True)[0].verdict
    assert Verdict.PASS is judged(timed(60), "same-run", apart=True)[0].verdict


@pytest.mark.parametrize(
    ("options", "verdict"),
    [
        ({}, Verdict.INCONCLUSIVE),
        ({"latency": "same-run"}, Verdict.PASS),
        ({"latency": "same-run", "apart": True}, Verdict.PASS),
    ],
)
def test_the_whole_judge_knows_the_rule(options, verdict):
    """From the arguments of `judge` to the row of the budget."""
    found = timed(60, offset=1000).measurements
    outcomes = repeated(*[((1.0,), (1.0,))] * 60)
    budgets = [Budget(max_drop=0.1), Budget(metric="latency_p50", max_ratio=1.5)]

    report = judge(outcomes, budgets, measurements=found, **options)

    assert [verdict] == [row.verdict for row in report.budgets if row.metric]


@pytest.mark.parametrize("rule", ["side-by-side", "same-run"])
def test_the_rule_comes_from_the_configuration(tmp_path, rule):
    """`policies: {latency: ...}` reaches what the verdicts depend on; side by side by default."""
    variants = {
        name: {"provider": "openai", "base_url": "http://x/v1", "model": name} for name in "bc"
    }
    data = {"baseline": "b", "variants": variants, "budgets": [{"max_drop": "2 pt"}]}
    path = tmp_path / "quantguard.yaml"
    path.write_text(json.dumps({**data, "policies": {"latency": rule}}))
    settings = load_config(path, tmp_path, candidates=["c"])
    path.write_text(json.dumps(data))

    assert rule == settings.latency == Terms.of(settings, {}).latency
    assert "side-by-side" == load_config(path, tmp_path, candidates=["c"]).latency


def test_a_metric_without_time_does_not_care():
    """Lengths are the same whenever they are asked for."""
    row, reading = judged(timed(60, offset=1000, completion_tokens=50.0), key="tokens_out")

    assert Verdict.PASS is row.verdict
    assert "" == reading.note


def test_every_cohort_is_read_where_there_are_several():
    """Over all cases first, then each cohort by name; a single cohort is not told twice."""
    found = timed(60).measurements
    cases = [replace(m, cohort="ab"[i % 2]) for i, m in enumerate(found)]
    metrics = {"latency_p50": load("latency_p50")}

    names = [r.group.cohort for r in readings(cases, [], metrics)]

    assert [None, "a", "b"] == names
    assert [30, 30] == [r.cases for r in readings(cases, [], metrics)][1:]
    assert 1 == len(readings(found, [], metrics))


# --- time per token ------------------------------------------------------------------------------


def test_time_per_token_leaves_the_wait_and_the_length_out():
    """0.5 s, then 10 tokens at 50 ms; 3 s, then 100 tokens at 100 ms: twice as slow."""
    arms = [
        (
            {"ttft_s": 0.5, "completion_tokens": 11.0, "latency_s": 1.0},
            {"ttft_s": 3.0, "completion_tokens": 101.0, "latency_s": 13.0},
        )
    ] * 20
    reading = measured(*arms).read("time_per_token_p50")

    assert (pytest.approx(2.0), pytest.approx(0.05), pytest.approx(0.1)) == (
        reading.delta.value,
        reading.baseline,
        reading.candidate,
    )


@pytest.mark.parametrize(
    "arm",
    [
        {"ttft_s": None, "completion_tokens": 10.0, "latency_s": 1.0},
        {"ttft_s": 0.5, "completion_tokens": 1.0, "latency_s": 1.0},
        {"ttft_s": 0.5, "completion_tokens": None, "latency_s": 1.0},
        {"ttft_s": 1.0, "completion_tokens": 10.0, "latency_s": 1.0},
        {"ttft_s": 0.9999, "completion_tokens": 10.0, "latency_s": 1.0},
        {"ttft_s": 2.0, "completion_tokens": 10.0, "latency_s": 1.0},
        {"ttft_s": 0.5, "completion_tokens": float("nan"), "latency_s": 1.0},
    ],
)
def test_without_a_stream_there_is_no_time_per_token(arm):
    """No first token, one token, no count, all at once after the first: left out."""
    good = {"ttft_s": 0.5, "completion_tokens": 10.0, "latency_s": 1.0}
    reading = measured((arm, good), *[(good, good)] * 7).read("time_per_token_p50")

    assert 7 == reading.cases
    assert reading.note.startswith(
        "1 of 8 cases left out: an arm lacks a stream of 2 counted tokens"
    )


# --- throughput ----------------------------------------------------------------------------------


def test_throughput_counts_answers_in_an_arms_own_window():
    """200 answers of 3 repeats in 201 s, and the same at half the pace: 3 and 1.5 a second."""
    found = timed(200, slower=2.0, latency=1.0, answers=3)
    reading = found.read("throughput")

    assert pytest.approx(600 / 200) == reading.baseline
    assert pytest.approx(600 / 400) == reading.candidate
    assert pytest.approx(2.0, rel=0.03) == reading.delta.value
    assert 1.8 < reading.delta.low < reading.delta.high < 2.2


def test_throughput_of_arms_asked_in_turn_is_told_without_a_delta():
    """Both speeds, and why they are not compared."""
    reading = timed(200, offset=5000).read("throughput")

    assert (None, APART) == (reading.delta, reading.note)
    assert reading.baseline == pytest.approx(reading.candidate)


def test_throughput_of_few_answers_has_no_delta():
    """Fewer than ten slices of five answers: both speeds, and why."""
    reading = timed(49).read("throughput")

    assert reading.delta is None
    assert reading.baseline > 0
    assert "fewer than 50 answers of an arm came while both were asked" == reading.note


def test_throughput_leaves_out_what_was_not_asked():
    """Cached answers took no time of this run; with none asked there is nothing to tell."""
    found = timed(100).measurements + timed(50, live=False).measurements
    reading = Evidence(found).read("throughput")

    assert 100 == reading.cases
    assert reading.note.startswith("50 of 150 cases left out")
    assert 0 == timed(9, live=False).read("throughput").cases


def test_throughput_has_no_budget_and_no_cohorts():
    """One run is one observation, and a cohort has no window of its own."""
    metric, found = load("throughput"), timed(200)

    assert 0 == metric.read(Group(cohort="c"), found.measurements, []).cases
    assert 1.0 == metric.p_over(found.measurements, [], 1.1)
    with pytest.raises(ValueError, match="throughput cannot be budgeted"):
        metric.floor(1.1)


# --- bootstrap -----------------------------------------------------------------------------------


def test_tails_tell_the_bootstrap_beside_the_bounds_that_judge():
    """The delta's own ends are order statistics, wider; the note and `resampled` have the other."""
    draw = random.Random(4)
    own = [draw.lognormvariate(0, 0.6) for _ in range(200)]
    arms = [({"latency_s": x}, {"latency_s": x * draw.lognormvariate(0.2, 0.1)}) for x in own]
    reading = measured(*arms).read("latency_p95")
    delta, (low, high) = reading.delta, reading.delta.resampled

    assert delta.low < low < delta.value < high < delta.high
    assert f"bootstrap [{low:.2f}, {high:.2f}]" == reading.note
    assert measured(*arms).read("latency_p50").delta.resampled is not None
