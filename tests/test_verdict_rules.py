"""The rules beyond one budget: tags, metrics, looks, strict evidence, what missing answers hide."""

from __future__ import annotations

import doctest
import math
import random
import subprocess
import sys
from dataclasses import dataclass, replace
from typing import ClassVar

import pytest

from pytest_quantguard import _decide, _judge, _rates, judge, stats
from pytest_quantguard._noise import Noise
from pytest_quantguard.errors import ConfigError
from pytest_quantguard.pairs import Measurement, Mishap, PairedMeasurement, PairedOutcome
from pytest_quantguard.types import Outcome
from pytest_quantguard.verdicts import Budget, Delta, Group, Reading, Verdict

HOLDS, BREAKS = Outcome.of([]), Outcome.of(["wrong"])


def pairs(cohort="a", *, lost=0, gained=0, n=100, check="exact", **fields):
    """n pairs of one leaf; the first are lost, the next gained."""
    arms = [(HOLDS, BREAKS)] * lost + [(BREAKS, HOLDS)] * gained
    arms += [(HOLDS, HOLDS)] * (n - len(arms))
    return [
        PairedOutcome(
            case=f"{cohort}-{i}", cohort=cohort, check=check, baseline=b, candidate=c, **fields
        )
        for i, (b, c) in enumerate(arms)
    ]


def row(report, **group):
    """The one row of a group."""
    (found,) = [
        r
        for r in report.budgets
        if (r.cohort, r.check, r.tag, r.metric)
        == Group(group.get("cohort"), group.get("check"), group.get("tag"), group.get("metric"))
    ]
    return found


def test_the_public_function_needs_neither_pytest_nor_a_variant():
    """That is how others test us: from records to verdicts, in a bare interpreter."""
    code = (
        "from pytest_quantguard import judge, Budget, Outcome, PairedOutcome; import sys\n"
        "ok, no = Outcome.of([]), Outcome.of(['x'])\n"
        "pairs = [PairedOutcome(case=str(i), cohort='c', check='k', baseline=ok,"
        " candidate=no if i < 30 else ok) for i in range(200)]\n"
        "print(judge(pairs, [Budget(max_drop=0.05)]).verdict.value, 'pytest' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert "fail False" == done.stdout.strip(), done.stderr


def test_the_example_in_the_docstring_is_true():
    """What the module shows is what it does."""
    assert 0 == doctest.testmod(_judge).failed


# --- stars, tags, relative budgets ----------------------------------------------------------------


def test_a_star_becomes_one_budget_for_each_cohort_that_occurs():
    """A name wins over the star, also when the caller did not expand anything."""
    report = judge(
        pairs("a") + pairs("b"),
        [Budget(cohort="*", max_drop=0.05), Budget(cohort="b", max_drop=0.2)],
    )

    assert 0.05 == row(report, cohort="a").max_drop
    assert 0.2 == row(report, cohort="b").max_drop


def test_a_tag_budget_judges_the_cases_that_have_the_tag():
    """A loss among the tagged cases is theirs, though the whole run is inside its budget."""
    found = pairs("a", lost=25, n=50, tags=("long",)) + pairs("b", n=450)

    report = judge(found, [Budget(max_drop=0.1), Budget(tag="long", max_drop=0.1)])

    assert Verdict.FAIL is row(report, tag="long").verdict
    assert 50 == row(report, tag="long").cases
    assert Verdict.PASS is row(report).verdict


def test_a_tag_that_no_case_has_is_an_error_not_a_pass():
    """By name it is an ERROR row; by star there is nothing to make budgets of."""
    report = judge(pairs(), [Budget(tag="long", max_drop=0.1)])

    assert Verdict.ERROR is row(report, tag="long").verdict
    with pytest.raises(ConfigError, match="no case has a tag"):
        judge(pairs(), [Budget(tag="*", max_drop=0.1)])


def test_a_relative_budget_is_a_share_of_what_the_baseline_can_do():
    """10 % of a baseline that holds in half of the cases is 5 points."""
    half = [replace(o, baseline=BREAKS, candidate=BREAKS) for o in pairs("z", n=500)]
    found = pairs("a", lost=20, n=500) + half

    relative = judge(found, [Budget(max_drop=0.1, relative=True)])
    points = judge(found, [Budget(max_drop=0.05)])

    assert row(points).verdict is row(relative).verdict
    assert row(points).reason == row(relative).reason


# --- strict evidence ------------------------------------------------------------------------------


def test_strict_evidence_takes_proof_that_the_budget_itself_is_exceeded():
    """A real loss just over the budget fails under dual, is open under strict, fails when large."""
    small, large = pairs(lost=24, n=400), pairs(lost=60, n=400)
    budget = [Budget(max_drop=0.05)]

    assert Verdict.FAIL is judge(small, budget).verdict
    assert Verdict.INCONCLUSIVE is judge(small, budget, evidence="strict").verdict
    assert Verdict.FAIL is judge(large, budget, evidence="strict").verdict


def test_strict_evidence_pays_for_every_budget():
    """Holm: what is proof for one budget alone is none for one of twenty."""
    lost, n = 26, 300
    p = stats.loss_p(stats.PairedCounts(lost=lost, gained=0, n=n), 0.05)
    assert 0.01 / 21 < p < 0.01
    calm = [o for i in range(20) for o in pairs(f"calm{i}", n=300)]

    alone = judge(pairs(lost=lost, n=n), [Budget(cohort="a", max_drop=0.05)], evidence="strict")
    among = judge(
        pairs(lost=lost, n=n) + calm, [Budget(cohort="*", max_drop=0.05)], evidence="strict"
    )

    assert Verdict.FAIL is row(alone, cohort="a").verdict
    assert Verdict.INCONCLUSIVE is row(among, cohort="a").verdict


# --- looks ----------------------------------------------------------------------------------------


def test_an_early_look_asks_more_of_a_pass_and_as_much_of_a_fail():
    """What passes with all the evidence does not pass at the first of five looks."""
    equal, broken = pairs(n=70), pairs(lost=35, n=70)
    budget = [Budget(max_drop=0.05)]

    assert Verdict.PASS is judge(equal, budget).verdict
    assert Verdict.INCONCLUSIVE is judge(equal, budget, look=(1, 5)).verdict
    assert Verdict.FAIL is judge(broken, budget, look=(1, 5)).verdict


def test_looking_five_times_does_not_make_more_false_passes():
    """At a loss that equals the budget: 5 % of runs, give or take what 600 of them can show."""
    draw, passed, alphas = random.Random(7), 0, stats.looks_alpha(0.05, 5)
    for _ in range(600):
        found = [draw.random() < 0.065 for _ in range(300)]
        back = [draw.random() < 0.015 for _ in range(300)]
        passed += any(
            stats.loss_upper(
                stats.PairedCounts(lost=sum(found[:n]), gained=sum(back[:n]), n=n), alphas[look]
            )
            < 0.05
            for look, n in enumerate((60, 120, 180, 240, 300))
        )

    assert passed / 600 <= 0.075


# --- what missing answers could hide --------------------------------------------------------------


def silent(case, role, check="exact", cohort="a"):
    return Mishap(
        variant="",
        case=case,
        cohort=cohort,
        check=check,
        source=pairs(n=1)[0].source,
        role=role,
        kind="TransportError",
        message="time-out",
    )


def test_a_candidate_that_does_not_answer_is_judged_as_wrong_and_the_best_case_is_told():
    """One of 100 requests failed: between no loss and one point."""
    report = judge(pairs(lost=1), [Budget(max_drop=0.1)], mishaps=[silent("a-0", "candidate")])

    delta = row(report).delta
    assert (0.01, 0.0, 0.01) == pytest.approx((delta.value, delta.best, delta.worst))


def test_a_silent_baseline_leaves_no_pair_and_both_ends_open():
    """One of 101 cases has no baseline: it could have been a loss or a gain."""
    report = judge(
        pairs(),
        [Budget(max_drop=0.1)],
        mishaps=[silent("a-x", "baseline")],
        planned=101,
    )

    delta = row(report).delta
    assert (-1 / 101, 1 / 101) == pytest.approx((delta.best, delta.worst))


def test_an_error_budget_of_its_own_takes_the_place_of_the_tolerated_share():
    """Three of 100 requests failed: an ERROR without, a judged metric with an error budget."""
    mishaps = [silent(f"a-{i}", "candidate") for i in range(3)]
    measured = [
        PairedMeasurement(
            variant="",
            case=f"a-{i}",
            cohort="a",
            baseline=Measurement(),
            candidate=Measurement(answered=i >= 3),
        )
        for i in range(100)
    ]
    found = pairs(lost=3)

    without = judge(found, [Budget(max_drop=0.1)], mishaps=mishaps)
    with_one = judge(
        found,
        [Budget(max_drop=0.1), Budget(metric="errors", max_drop=0.1)],
        mishaps=mishaps,
        measurements=measured,
    )

    assert Verdict.ERROR is without.verdict
    assert Verdict.PASS is row(with_one, metric="errors").verdict
    assert 0.03 == pytest.approx(row(with_one, metric="errors").delta.value)


# --- critical cases -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("confirmation", "verdict"),
    [(None, "FAIL"), ((3, 0), "FAIL"), ((2, 1), "FAIL"), ((3, 2), "PASS"), ((1, 0), "PASS")],
)
def test_a_critical_case_fails_when_further_runs_confirm_it(confirmation, verdict):
    """The baseline holds in two of three runs, the candidate fails in two of three."""
    found = pairs()
    broken = replace(found[0], critical=True, candidate=BREAKS, confirmation=confirmation)

    report = judge([broken, *found[1:]], [Budget(max_drop=0.2)])

    assert verdict == row(report, check="critical").verdict.name


# --- metrics --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Fixed:
    """A metric that says what it is told."""

    key: ClassVar[str] = "fixed"
    unit: ClassVar[str] = "ratio"
    both_ways: ClassVar[bool] = False
    report_only: ClassVar[bool] = False
    delta: Delta | None = None
    p: float = 1.0

    def read(self, group, measurements, outcomes):
        return Reading(group=group, unit="ratio", delta=self.delta, cases=9, note="as told")

    def p_over(self, measurements, outcomes, limit):
        return self.p

    def floor(self, limit):
        return 10


def judged_metric(metric, **options):
    budgets = [Budget(max_drop=0.1), Budget(metric="fixed", max_ratio=1.1)]
    report = judge(pairs(), budgets, metrics={"fixed": metric}, **options)
    return row(report, metric="fixed")


def ratio(value, low, high):
    return Delta(value=value, low=low, high=high, n=100, unit="ratio")


def test_a_metric_passes_inside_its_limit_fails_over_it_and_else_is_open():
    """One bound for PASS, one p-value for FAIL."""
    assert Verdict.PASS is judged_metric(Fixed(ratio(1.0, 0.9, 1.09))).verdict
    assert Verdict.INCONCLUSIVE is judged_metric(Fixed(ratio(1.0, 0.9, 1.11))).verdict
    assert Verdict.INCONCLUSIVE is judged_metric(Fixed(ratio(1.3, 0.9, 1.5), 0.02)).verdict
    assert Verdict.FAIL is judged_metric(Fixed(ratio(1.3, 1.2, 1.5), 0.001)).verdict


def test_a_metric_that_was_not_measured_is_not_kept():
    """No evidence is never a pass: INCONCLUSIVE, with the metric's own reason."""
    found = judged_metric(Fixed(None))

    assert Verdict.INCONCLUSIVE is found.verdict
    assert "as told" == found.reason


def test_a_metric_that_breaks_is_an_error_with_its_name():
    """A bug in a project's own metric neither passes nor crashes the run."""

    class Broken(Fixed):
        def p_over(self, measurements, outcomes, limit):
            raise ZeroDivisionError("no tokens")

    found = judged_metric(Broken())

    assert Verdict.ERROR is found.verdict
    assert "the metric 'fixed' broke: ZeroDivisionError: no tokens" == found.reason


@pytest.mark.parametrize("p", [math.nan, 1.0001, -1, None, "low"])
def test_a_metric_whose_p_value_is_none_is_an_error(p):
    """What is no probability is no evidence; it must not end the run without a report."""
    found = judged_metric(Fixed(ratio(1.0, 0.9, 1.05), p))

    assert Verdict.ERROR is found.verdict
    assert "the metric 'fixed' broke" in found.reason


def test_a_metric_whose_delta_is_not_a_number_is_an_error():
    """NaN is neither inside nor over a limit."""
    assert Verdict.ERROR is judged_metric(Fixed(ratio(math.nan, 0.9, 1.05))).verdict


def test_references_that_the_baseline_would_never_give_show_nothing():
    """From almost nothing, nothing can fall: such a budget could not be broken."""
    measured = [
        PairedMeasurement(
            variant="",
            case=f"a-{i}",
            cohort="a",
            baseline=Measurement(reference_p=1e-12),
            candidate=Measurement(reference_p=1e-15),
        )
        for i in range(300)
    ]
    budgets = [Budget(metric="reference", max_drop=0.02)]

    report = judge(pairs(n=300), budgets, measurements=measured)

    assert Verdict.INCONCLUSIVE is row(report, metric="reference").verdict


def test_metrics_pass_at_the_last_look_only():
    """Their tests are made for evidence of a fixed size; a FAIL takes its share at each look."""
    inside, over = Fixed(ratio(1.0, 0.9, 1.05)), Fixed(ratio(1.5, 1.4, 1.6), 0.005)

    assert Verdict.INCONCLUSIVE is judged_metric(inside, look=(1, 5)).verdict
    assert Verdict.PASS is judged_metric(inside, look=(5, 5)).verdict
    assert Verdict.FAIL is judged_metric(over).verdict
    assert Verdict.INCONCLUSIVE is judged_metric(over, look=(1, 5)).verdict


def test_a_reference_that_could_not_be_scored_is_an_error():
    """Early warning is no warning when the server did not answer."""
    measured = [
        PairedMeasurement(
            variant="",
            case=f"a-{i}",
            cohort="a",
            baseline=Measurement(reference_p=0.9),
            candidate=Measurement(reference_p=None, reference_error="no log-probs"),
        )
        for i in range(100)
    ]

    report = judge(pairs(), [Budget(metric="reference", max_drop=0.05)], measurements=measured)

    assert Verdict.ERROR is report.verdict
    assert "no log-probs" in row(report, metric="reference").reason


# --- the numeric core -----------------------------------------------------------------------------


def test_records_and_numbers_give_the_same_verdicts():
    """`judge` adds words and records to what `decide` decides."""
    found = pairs("a", lost=12, n=150) + pairs("b", lost=2, gained=1, n=150)
    budgets = [Budget(max_drop=0.05), *(Budget(cohort=c, max_drop=0.05) for c in "ab")]

    report = judge(found, budgets)
    decisions = _decide.decide(budgets, _rates.grouped(found))

    for budget in budgets:
        decided, judged = decisions[budget.group], row(report, cohort=budget.cohort)
        assert (decided.verdict, decided.delta) == (judged.verdict, judged.delta)


def test_flips_and_noise_are_told():
    """The number everything hangs on is in every report."""
    noise = Noise(compared=1000, flipped=13, name="bf16")
    report = judge(pairs(lost=3, gained=2), [Budget(max_drop=0.2)], noise=noise)

    flips, floor = report.notes
    assert "3 of 100 checks got worse and 2 better: 5.0 % differ" in flips
    assert "Noise floor: two runs of bf16 disagree on 1.3 % of outcomes" in floor
    assert [0.013] == [row.noise for row in report.budgets if row.delta]
    assert math.isfinite(report.log_evidence)


def test_a_loss_that_could_be_chance_says_how_many_cases_would_settle_it():
    """At the same rates, that many further cases make it a FAIL; a few fewer do not."""
    found = pairs(lost=30, gained=12, n=300)
    report = judge(found, [Budget(max_drop=0.05)])
    assert Verdict.INCONCLUSIVE is row(report).verdict
    (text,) = [word for word in row(report).reason.split() if word.isdigit()]

    def with_cases(n):
        lost, gained = round(30 * n / 300), round(12 * n / 300)
        return row(judge(pairs(lost=lost, gained=gained, n=n), [Budget(max_drop=0.05)])).verdict

    assert Verdict.FAIL is with_cases(300 + int(1.1 * int(text)))
    assert Verdict.INCONCLUSIVE is with_cases(300 + int(0.8 * int(text)))


def test_a_loss_that_equals_the_budget_to_the_last_digit_is_told_as_such():
    """Graded values make a loss a hair below the budget: no number of cases is promised."""
    found = pairs(n=200)
    graded = [replace(o, candidate=Outcome(value=0.9)) for o in found[:60]] + found[60:]

    report = judge(graded, [Budget(max_drop=0.03 + 1e-9)])

    assert Verdict.INCONCLUSIVE is row(report).verdict
    assert "as large as the budget" in row(report).reason


def test_rounding_makes_no_loss():
    """0.1 + 0.2 - 0.3 is not zero for a computer; it is no evidence either."""
    found = []
    for i in range(100):
        arms = {"a": (0.1, 0.0), "b": (0.2, 0.0), "c": (0.0, 0.3)}
        found += [
            replace(
                pairs(n=1, check=check)[0],
                case=str(i),
                baseline=Outcome(value=b),
                candidate=Outcome(value=c),
            )
            for check, (b, c) in arms.items()
        ]

    assert set(_rates.grouped(found)[Group()].differences) == {0.0}


def test_company_blames_only_for_what_the_company_lost():
    """The suite lost 2 points for certain; a small cohort is 10 points down by chance."""
    wide = pairs("wide", lost=24, n=1000)
    small = pairs("small", lost=3, gained=0, n=30)
    budgets = [Budget(max_drop=0.1), Budget(cohort="small", max_drop=0.08)]

    report = judge(wide + small, budgets)

    assert report.log_evidence > math.log(100)
    assert Verdict.INCONCLUSIVE is row(report, cohort="small").verdict
    assert "that it was here could still be chance" in row(report, cohort="small").reason


@pytest.mark.parametrize("cohorts", [1, 2, 4, 7, 20])
def test_a_clear_loss_of_one_cohort_is_blamed_among_calm_ones(cohorts):
    """18 lost and 2 gained of 300: evidence and blame, as docs/verdicts.md has it."""
    found = pairs("bad", lost=18, gained=2, n=300)
    found += [o for i in range(cohorts - 1) for o in pairs(f"calm{i}", n=150)]

    report = judge(found, [Budget(cohort="*", max_drop=0.05)])

    assert Verdict.FAIL is row(report, cohort="bad").verdict
    assert {"bad"} == {r.cohort for r in report.budgets if r.verdict is Verdict.FAIL}


# --- what must not pass -----------------------------------------------------------------------


def test_without_a_budget_nothing_is_judged():
    """A total loss that nobody asked about is an ERROR, not a pass."""
    assert Verdict.ERROR is judge(pairs(lost=100), []).verdict


def test_two_budgets_for_one_group_are_refused():
    """Which of them counted would depend on their order."""
    with pytest.raises(ConfigError, match="two budgets for all / all"):
        judge(pairs(lost=20, n=200), [Budget(max_drop=0.05), Budget(max_drop=0.5)])


def test_an_error_budget_of_one_cohort_excuses_no_other():
    """Eight unanswered requests elsewhere are still more than 1 %."""
    found = pairs("faq", n=300) + pairs("tools", lost=8, n=300)
    mishaps = [silent(f"tools-{i}", "candidate", cohort="tools") for i in range(8)]
    measured = [
        PairedMeasurement(
            variant="",
            case=o.case,
            cohort=o.cohort,
            baseline=Measurement(),
            candidate=Measurement(),
        )
        for o in found
    ]
    budgets = [Budget(max_drop=0.1), Budget(metric="errors", cohort="faq", max_drop=0.02)]

    report = judge(found, budgets, mishaps=mishaps, measurements=measured)

    assert Verdict.ERROR is report.verdict


def test_a_budget_whose_cases_were_not_selected_is_open():
    """Not run is not kept; it is no error either, where the user selected."""
    budgets = [Budget(max_drop=0.1), Budget(cohort="tools", max_drop=0.1)]

    report = judge(pairs(), budgets, unselected=[Group(cohort="tools")])

    assert Verdict.INCONCLUSIVE is row(report, cohort="tools").verdict
    assert "no case of it was selected" == row(report, cohort="tools").reason
    assert Verdict.ERROR is judge(pairs(), budgets).verdict


def test_strict_evidence_pays_for_looks_too():
    """What is proof at the only look is none at the first of five."""
    found, budget = pairs(lost=14, n=100), [Budget(max_drop=0.05)]

    assert Verdict.FAIL is judge(found, budget, evidence="strict").verdict
    early = judge(found, budget, evidence="strict", look=(1, 5))
    assert Verdict.INCONCLUSIVE is early.verdict


@pytest.mark.parametrize("options", [{"look": (0, 5)}, {"look": (6, 5)}, {"max_errors": 5}])
def test_arguments_out_of_range_are_refused(options):
    """A look that is none must not borrow another one's error."""
    with pytest.raises(ValueError, match=next(iter(options))):
        judge(pairs(), [Budget(max_drop=0.1)], **options)


def test_the_order_of_mishaps_does_not_matter():
    """Workers report in any order."""
    mishaps = [silent(f"a-{i}", "candidate") for i in range(5)]
    reports = [judge(pairs(), [Budget(max_drop=0.1)], mishaps=m) for m in (mishaps, mishaps[::-1])]

    assert reports[0] == reports[1]


@pytest.mark.parametrize(
    "reading",
    [None, Delta(value=0.9, low=0.9, high=0.0, n=9, unit="ratio"), "text"],
)
def test_a_metric_that_reads_nonsense_is_an_error(reading):
    """Neither a pass nor the end of the run."""

    class Odd(Fixed):
        def read(self, group, measurements, outcomes):
            found = super().read(group, measurements, outcomes)
            return replace(found, delta=reading) if isinstance(reading, Delta) else reading

    assert Verdict.ERROR is judged_metric(Odd()).verdict


@pytest.mark.parametrize(
    ("held", "verdict"), [(0, "inconclusive"), (5, "inconclusive"), (6, "pass")]
)
def test_where_the_baseline_holds_on_hardly_anything_no_budget_passes(held, verdict):
    """What no candidate could exceed shows nothing by being kept: both arms are wrong."""
    both_wrong = [replace(pair, baseline=BREAKS, candidate=BREAKS) for pair in pairs(n=100)[held:]]

    found = row(judge([*pairs(n=100)[:held], *both_wrong], [Budget(max_drop=0.05)]), check=None)

    assert verdict == found.verdict
    assert (verdict == "pass") != ("mend the cases or their checks" in found.reason)
