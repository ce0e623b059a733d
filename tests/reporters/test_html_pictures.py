"""The pictures of the index: bars, histograms and the plot of loss against saving."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from itertools import pairwise

import pytest

from pytest_quantguard.reporters._routing import rollout
from pytest_quantguard.reporters.html._bars import MARGIN, bar
from pytest_quantguard.reporters.html._budgets import scales
from pytest_quantguard.reporters.html._distributions import DRAWN, distributions
from pytest_quantguard.reporters.html._histogram import Sample, histogram
from pytest_quantguard.reporters.html._markup import join
from pytest_quantguard.reporters.html._pareto import loss_of, pareto
from pytest_quantguard.reporters.html._scale import Scale, limit_of, round_up, scale_of
from pytest_quantguard.verdicts import Delta, Group, Reading, Verdict

POINTS = Scale(unit="points", low=-0.05, high=0.15, width=200)
RATIOS = Scale(unit="ratio", low=0.5, high=2.0, width=200)


# --- scales -------------------------------------------------------------------------------------


def test_a_scale_is_even_in_points_and_in_ratios_by_their_logarithm():
    """Half and double are equally far from 1; beyond the ends is the end."""
    assert [0, 50, 200, 200, 0] == [POINTS.at(v) for v in (-0.05, 0.0, 0.15, 9.0, -9.0)]
    assert [0, 100, 200] == [pytest.approx(RATIOS.at(v)) for v in (0.5, 1.0, 2.0)]
    assert 200 == RATIOS.at(math.inf)
    assert 0 == RATIOS.at(0.0)


@pytest.mark.parametrize("scale", [POINTS, RATIOS], ids=["points", "ratio"])
def test_ticks_are_apart_inside_and_hold_the_neutral_one(scale):
    """So that their labels never touch."""
    ticks = scale.ticks(36)
    places = [scale.at(tick) for tick in ticks]

    assert (1 if scale is RATIOS else 0.0) in ticks
    assert all(scale.holds(tick) for tick in ticks)
    assert 2 <= len(ticks)
    assert all(b - a >= 36 - 1e-6 for a, b in pairwise(places))


@pytest.mark.parametrize(("value", "found"), [(0.3, 0.5), (1.0, 1.0), (6, 10), (0.002, 0.002)])
def test_round_up_goes_to_1_2_5(value, found):
    """The usual steps of an axis."""
    assert pytest.approx(found) == round_up(value)


def test_one_scale_for_all_candidates(make, two_candidates):
    """A bar of one can be compared with that of another."""
    first, second = two_candidates.candidates
    far = replace(second.budgets[1], delta=make.delta(0.35, 0.3, 0.38))
    report = replace(
        two_candidates,
        candidates=(first, replace(second, budgets=(*second.budgets, far))),
    )
    scale = scales(report)["points"]

    assert scale.holds(0.38)
    assert scale.holds(min(row.delta.low for row in first.budgets if row.delta))
    assert scales(report)["ratio"] is None


def test_one_wild_interval_does_not_crush_the_others(make):
    """The scale ends at a multiple of the widest budget; what lies beyond has an arrow."""
    report = make.measured()
    rows = report.candidates[0].budgets
    wild = replace(rows[5], delta=make.delta(0.5, 0.0001, math.inf, unit="ratio"))
    scale = scale_of([*rows, wild], "ratio", 270)

    assert 2 < scale.high < 10
    assert scale.low > 0.1
    drawn = bar(wild, wild.delta, scale)
    assert 2 == drawn.count("<polygon")
    assert "90 % interval" in drawn


def test_a_build_that_is_wrong_everywhere_does_not_crush_the_others(make):
    """Where others lie against their budgets can be seen beside a loss of 95 points."""
    row = replace(make.realistic().candidates[0].budgets[1], max_drop=0.04)
    good = replace(row, delta=make.delta(0.01, -0.01, 0.03))
    awful = replace(row, delta=make.delta(0.95, 0.9, 0.99))
    scale = scale_of([good, awful], "points", 240)

    assert scale.at(0.04) - scale.at(0.03) >= 10
    assert "<polygon" not in bar(replace(good, verdict=Verdict.PASS), good.delta, scale)
    assert 1 == bar(awful, awful.delta, scale).count("<polygon")


def test_a_budget_of_the_baselines_rate_is_shown_in_points(make):
    """5 % of a rate of 80 % is 4 points."""
    row = make.measured().candidates[0].budgets[4]

    assert row.relative
    assert pytest.approx(0.05 * row.baseline_rate) == limit_of(row)
    assert limit_of(replace(row, max_drop=None)) is None


def test_a_scale_is_never_empty(make):
    """A budget of nothing, no interval, and values that are no numbers can be drawn, too."""
    row = make.realistic().candidates[0].budgets[1]
    nothing = replace(row, relative=True, baseline_rate=0.0, delta=make.delta(0.0, 0.0, 0.0))
    unknown = replace(row, delta=make.delta(math.nan, math.nan, math.inf))
    for one in (nothing, unknown):
        scale = scale_of([one], "points", 270)
        assert scale.low < scale.high
        assert "nan" not in re.sub("<desc>.*</desc>", "", bar(one, one.delta, scale))
    assert scale_of([replace(row, delta=None)], "points", 270) is None


# --- bars ---------------------------------------------------------------------------------------


def test_verdicts_differ_in_shape_not_only_in_colour(make):
    """A diamond, a disc, a ring: also on paper."""
    row = make.realistic().candidates[0].budgets[1]
    scale = scale_of([row], "points", 270)
    drawn = {
        verdict: re.sub(
            "is-[a-z-]+|<title>.*</title>", "", bar(replace(row, verdict=verdict), row.delta, scale)
        )
        for verdict in (Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE)
    }

    assert 3 == len(set(drawn.values()))
    assert "<polygon" in drawn[Verdict.FAIL]
    assert 'fill="white"' in drawn[Verdict.INCONCLUSIVE]


def test_what_lies_beyond_a_scale_has_one_arrow_outwards(make):
    """Two arrows that meet would look like the mark of a FAIL; what is no number has no mark."""
    row = make.realistic().candidates[0].budgets[2]
    ends = MARGIN + POINTS.at(POINTS.low), MARGIN + POINTS.at(POINTS.high)
    for found, end, way in (
        (make.delta(0.9, 0.8, 1.0), ends[1], 1),
        (make.delta(-0.9, -1.0, -0.8), ends[0], -1),
    ):
        drawn = bar(replace(row, delta=found), found, POINTS)
        (points,) = re.findall('points="([^"]+)"', drawn)
        corners = [float(corner.split(",")[0]) for corner in points.split()]
        assert pytest.approx([end, end + 9 * way, end]) == corners
    unknown = make.delta(math.nan, math.nan, math.nan)
    drawn = bar(replace(row, delta=unknown), unknown, POINTS)
    assert "<polygon" not in drawn
    assert "<circle" not in drawn


def test_a_shift_is_bounded_on_both_sides(make):
    """Where both directions are a loss there are two lines."""
    row = replace(make.measured().candidates[0].budgets[7], both_ways=True)
    one_way = replace(row, both_ways=False)
    scale = scale_of([row], "ratio", 270)
    wide = replace(scale, low=0.5)

    assert row.metric == "length"
    assert 2 == bar(row, row.delta, wide).count('class="limit"')
    assert 1 == bar(one_way, row.delta, wide).count('class="limit"')


def test_a_bar_says_in_words_what_it_draws(make):
    """Name, verdict, difference, interval and budget."""
    row = make.realistic().candidates[0].budgets[4]
    drawn = bar(row, row.delta, scale_of([row], "points", 270))

    assert "<title>tool-calling / tool_call: FAIL</title>" in drawn
    assert "<desc>+19.4 pt, 90 % interval [13.6, 26.4], budget 10 pt</desc>" in drawn


def test_what_missing_answers_could_hide_is_drawn(make):
    """Between what bounds the loss could be."""
    row = make.measured().candidates[0].budgets[1]
    scale = scale_of([row], "points", 270)

    assert 'class="possible"' in bar(row, row.delta, scale)
    assert 'class="possible"' not in bar(row, replace(row.delta, best=None), scale)


# --- distributions ------------------------------------------------------------------------------


def sample(baseline, candidate, unit="tokens"):
    return Sample(name="faq", unit=unit, baseline=sorted(baseline), candidate=sorted(candidate))


def test_a_histogram_says_its_quantiles():
    """For those who do not see it."""
    drawn = histogram(sample(range(1, 102), range(101, 202)), ("a", "b"), 400, 100)

    assert "<title>Length in tokens, faq</title>" in drawn
    assert "a: median 51, 95 % up to 96, 99 % up to 100" in drawn
    assert "b: median 151, 95 % up to 196, 99 % up to 200" in drawn


@pytest.mark.parametrize(
    "values",
    [[5.0], [0.0, 0.0], [0.001] * 9, [1.0] * 99 + [1e9], [3.0, 1e12]],
    ids=["one", "zeros", "equal", "tail", "far"],
)
def test_any_values_can_be_drawn(values):
    """Every coordinate is a finite number inside the picture."""
    for unit in ("tokens", "s"):
        drawn = histogram(sample(values, values, unit), ("a", "b"), 400, 100)
        places = [float(x) for x in re.findall(r'(?: x\d?="|M)(-?[\d.]+)', drawn)]
        assert places
        assert all(-1 <= x <= 401 for x in places)
        assert "nan" not in drawn.replace("<desc>", "")


def test_labels_of_quantiles_do_not_overlap():
    """One that has no room is a line without a label."""
    drawn = histogram(sample([10.0] * 50 + [11.0] * 50, [10.0] * 100), ("a", "b"), 400, 100)

    assert 6 == drawn.count('class="quantile')
    assert drawn.count('class="label') < 6


def test_lengths_are_tokens_where_they_are_known(make):
    """Else characters; and both say what they are."""
    report = make.measured()
    first, second = report.candidates[0].measurements
    answered = replace(first, case="x", cohort="faq")
    candidate = replace(report.candidates[0], measurements=(first, answered, second))
    bare = replace(first.baseline, completion_tokens=None, latency_s=None)
    silent = replace(candidate, measurements=(replace(first, baseline=bare, candidate=bare),))

    assert "Length of the answers, in tokens" in join(distributions(candidate, "bf16"))
    told = join(distributions(silent, "bf16"))
    assert "Length of the answers, in characters" in told
    assert "Latency" not in told
    assert [] == distributions(replace(candidate, measurements=()), "bf16")


def test_times_from_the_cache_are_said_to_be_so(make):
    """They were measured at another time, maybe on another machine."""
    report = make.measured()
    live = report.candidates[0].measurements[0]
    kept = replace(live, baseline=replace(live.baseline, live=False))

    def told(*measurements):
        candidate = replace(report.candidates[0], measurements=measurements)
        return join(distributions(candidate, "bf16"))

    assert "load and hardware may differ" not in told(live)
    assert "in 1 of 2 cases; all other times were kept" in told(live, kept)


def test_cohorts_beyond_what_is_drawn_stand_in_the_table(make):
    """And it is said that they are not drawn."""
    report = make.measured()
    one = report.candidates[0].measurements[0]
    several = tuple(replace(one, cohort=f"cohort-{i:02d}", case=f"c{i}") for i in range(DRAWN + 3))
    told = join(distributions(replace(report.candidates[0], measurements=several), "bf16"))

    assert 2 * (DRAWN + 1) == told.count("<title>")
    assert "3 further cohorts: see the numbers." in told
    assert f'role="rowheader">cohort-{DRAWN + 2}</th>' in told


# --- loss against saving ------------------------------------------------------------------------


def measured_as(candidate, name, metric, delta, note="", **more):
    """A candidate of that name, with one reading over all cases."""
    found = Reading(group=Group(metric=metric), unit="ratio", delta=delta, baseline=1.0,
                    candidate=2.0, cases=9, note=note)  # fmt: skip
    return replace(
        candidate, variant=replace(candidate.variant, name=name), readings=(found,), **more
    )


def priced(candidate, name, value, low, high, **more):
    """A candidate with a known cost per success."""
    delta = Delta(value=value, low=low, high=high, n=9, unit="ratio")
    return measured_as(candidate, name, "cost_per_success", delta, **more)


def drawn(report, *candidates):
    """Heading, picture and table as one text."""
    found = replace(report, candidates=candidates)
    return join(pareto(found, rollout(found)))


def test_who_is_beaten_is_said(two_candidates):
    """No better in loss, and shown to be dearer: the metric's own ratio, with its interval."""
    first, second = two_candidates.candidates
    cheap, dear = priced(first, "cheap", 0.5, 0.4, 0.6), priced(second, "dear", 0.8, 0.7, 0.9)
    told = drawn(two_candidates, cheap, dear)

    assert "Quality loss against cost per success" in told
    assert "cheap: loss +6.4 pt [4.2, 8.9], x0.50 [0.40, 0.60]" in told
    (row,) = [row for row in told.split("<tr") if "x0.80</b> [0.70, 0.90]</td>" in row]
    assert ">cheap</td>" in row
    assert "takes the cheapest first by this cost" in told


@pytest.mark.parametrize("loss", [0.064, 0.05])
def test_a_point_alone_beats_nobody(make, two_candidates, loss):
    """x1.01 [0.90, 1.10] is not shown to be slower than x0.99; nor is a loss to be larger."""
    first, second = two_candidates.candidates
    suite = replace(first.budgets[1], delta=make.delta(loss, loss - 0.02, loss + 0.02))
    near = priced(first, "near", 0.99, 0.9, 1.1, budgets=(suite,))
    told = drawn(two_candidates, near, priced(second, "far", 1.01, 0.9, 1.1))
    clear = drawn(two_candidates, near, priced(second, "far", 3.0, 2.0, 4.0))

    assert ">near</td>" not in told
    assert ">near</td>" not in clear  # cheaper for sure, but nothing is known about the loss


@pytest.mark.parametrize("high", [math.inf, 9.0])
def test_wide_intervals_do_not_leave_the_picture(two_candidates, high):
    """Their ends stand at its edge, and the number is told."""
    first, second = two_candidates.candidates
    wide = priced(first, "wide", 0.5, 0.0, high)
    told = drawn(two_candidates, wide, priced(second, "b", 0.8, 0.7, 0.9))
    places = [float(x) for x in re.findall(r' (?:x1|x2|cx)="(-?[\d.]+)"', told)]

    assert len(places) > 10
    assert all(0 <= x <= 880 for x in places)
    assert "x0.50 [0, " in told


def test_latency_takes_the_place_of_unknown_costs(make, two_candidates):
    """Of all candidates; and it is told that the advice does not go by it."""
    first, second = two_candidates.candidates
    delta = make.delta(0.7, 0.6, 0.8, unit="ratio")
    fast = measured_as(first, "fast", "latency_p50", delta)
    unknown = measured_as(second, "unknown", "latency_p50", None, note="one after the other")
    told = drawn(two_candidates, fast, unknown)

    assert "fast: loss +6.4 pt [4.2, 8.9], x0.70 [0.60, 0.80]" in told
    assert "latency in the median case as measured in this run. The advice above does not" in told
    assert "cheapest first by bits of the weights: fast, unknown." in told
    assert "could not be compared: unknown. Latency in the median case: one after the other." in (
        told
    )


def test_times_that_were_not_asked_side_by_side_are_not_drawn(make, two_candidates):
    """Neither from the levels nor from what was kept with the answers; the reason stands there."""
    timed = make.measured().candidates[0].measurements
    told = drawn(
        two_candidates,
        *(
            measured_as(one, one.variant.name, "latency_p50", None, "asked in turn <i>",
                        measurements=timed)
            for one in two_candidates.candidates
        ),
    )  # fmt: skip

    assert "<svg" not in told
    assert "No cost and no latency could be compared" in told
    assert "Latency in the median case: asked in turn &lt;i&gt;." in told


def test_a_candidate_without_evidence_does_not_hide_the_others(make, two_candidates):
    """It is named below the picture; the baseline asked again is none of the candidates."""
    first, second = two_candidates.candidates
    dead = replace(second, outcomes=(), mishaps=(), budgets=(), verdict=Verdict.ERROR)
    again = replace(make.BASELINE, name="bf16-again", revision="again 1")
    alive = priced(first, "alive", 0.5, 0.4, 0.6)
    told = drawn(two_candidates, alive, dead, replace(second, variant=again))

    assert "alive: loss +6.4 pt [4.2, 8.9], x0.50 [0.40, 0.60]" in told
    assert "could not be compared: gptq-int4." in told
    assert "bf16-again" not in told


def test_nothing_to_weigh_is_said(two_candidates):
    """Instead of an empty picture."""
    told = drawn(two_candidates, *two_candidates.candidates)

    assert "<svg" not in told
    assert "there is nothing to weigh" in told


def test_the_loss_is_the_judges_or_found_in_the_same_way(make):
    """Where no budget is over all cases: per case, weighted, with the same kind of interval."""
    candidate = make.realistic().candidates[0]
    judged = candidate.budgets[1]
    found = loss_of(replace(candidate, budgets=()))

    assert judged.delta == loss_of(candidate)
    assert pytest.approx(36 / 560) == found.value
    assert found.low < found.value < found.high
    assert 0.04 < found.low
    assert found.high < 0.1
    assert loss_of(replace(candidate, budgets=(), outcomes=())) is None
