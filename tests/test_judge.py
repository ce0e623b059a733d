"""Verdicts from paired outcomes."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from pytest_quantguard import _budgets, _judge
from pytest_quantguard.errors import ConfigError
from pytest_quantguard.pairs import Mishap, PairedOutcome
from pytest_quantguard.types import Outcome, Source
from pytest_quantguard.variants import Variant
from pytest_quantguard.verdicts import Budget, Verdict

SOURCE = Source(file="g.quant.yaml", line=1)
VARIANT = Variant(name="q", provider="openai", model="m")
HOLDS, BREAKS = Outcome.of([]), Outcome.of(["wrong"])


def outcomes(cohort, *, lost=0, gained=0, n=100, check="exact", weight=1.0):
    """n pairs of one leaf, of which some are lost and some gained."""
    pairs = [(HOLDS, BREAKS)] * lost + [(BREAKS, HOLDS)] * gained
    pairs += [(HOLDS, HOLDS)] * (n - len(pairs))
    return [
        PairedOutcome(
            variant="q",
            case=f"{cohort}-{i}",
            cohort=cohort,
            check=check,
            source=SOURCE,
            baseline=baseline,
            candidate=candidate,
            weight=weight,
        )
        for i, (baseline, candidate) in enumerate(pairs)
    ]


def mishap(kind, case="a-0", role="candidate"):
    return Mishap(
        variant="q",
        case=case,
        cohort="a",
        check="exact",
        source=SOURCE,
        role=role,
        kind=kind,
        message="why",
    )


def judged(found, *budgets, mishaps=(), planned=None, **options):
    count = len(found) if planned is None else planned
    return _judge.judge(found, budgets, variant=VARIANT, mishaps=mishaps, planned=count, **options)


def verdicts(report):
    return {row.group: row.verdict for row in report.budgets}


@pytest.mark.parametrize(("lost", "told"), [(1, True), (68, False)])
def test_what_could_be_chance_is_not_told_of_a_larger_loss(lost, told):
    """Beside a loss of 68 points the size of the noise says nothing."""
    notes = " ".join(judged(outcomes("faq", lost=lost), Budget(max_drop=0.02)).notes)

    assert f"{lost} of 100 checks got worse" in notes
    assert ("could be chance" in notes) == told


def test_an_equal_candidate_passes():
    """No difference in 100 cases shows that the loss is inside five points."""
    report = judged(outcomes("a"), Budget(max_drop=0.05))

    assert Verdict.PASS is report.verdict
    assert 0 == report.budgets[1].delta.value


def test_a_heavy_loss_fails_and_is_blamed_where_it_happened():
    """The broken cohort and the suite fail; the sound cohort passes."""
    found = outcomes("bad", lost=30) + outcomes("good")

    report = judged(found, Budget(max_drop=0.05), Budget(cohort="*", max_drop=0.05))

    assert Verdict.FAIL is report.verdict
    assert Verdict.FAIL is verdicts(report)["bad", "all"]
    assert Verdict.PASS is verdicts(report)["good", "all"]
    assert 30 == len(report.budgets[2].regressed)
    assert report.log_evidence > math.log(100)


def test_a_small_real_loss_inside_the_budget_is_no_failure():
    """Evidence that something got worse is not evidence that it got too much worse."""
    report = judged(outcomes("a", lost=20, n=1000), Budget(max_drop=0.05))

    assert report.log_evidence > math.log(100)
    assert Verdict.PASS is report.verdict


def test_a_loss_that_could_be_chance_is_inconclusive():
    """Four of fifty lost is over the budget, but not proof."""
    report = judged(outcomes("a", lost=4, gained=1, n=50), Budget(max_drop=0.05))

    assert Verdict.INCONCLUSIVE is report.verdict
    assert "could still be chance" in report.budgets[1].reason


def test_inconclusive_says_how_much_more_is_needed():
    """The number of further cases and the budget that would pass today."""
    report = judged(outcomes("a", lost=2, n=100), Budget(max_drop=0.05))

    assert Verdict.INCONCLUSIVE is report.verdict
    assert "needs about" in report.budgets[1].reason
    assert "or a budget of" in report.budgets[1].reason


def test_flips_in_both_directions_are_noise_not_loss():
    """Ten lost and ten gained is churn: never FAIL."""
    report = judged(outcomes("a", lost=10, gained=10, n=200), Budget(max_drop=0.05))

    assert report.verdict in (Verdict.PASS, Verdict.INCONCLUSIVE)
    assert report.log_evidence < math.log(100)


def test_a_case_with_many_checks_counts_once():
    """Ten checks of one lost case are one piece of evidence in its cohort."""
    found = [o for i in range(10) for o in outcomes("a", lost=3, n=60, check=f"c{i}")]

    report = judged(found, Budget(cohort="a", max_drop=0.2))

    assert 60 == report.budgets[1].cases
    assert 60 == report.budgets[1].delta.n


def test_unequal_weights_shrink_the_effective_number_of_cases():
    """Kish: half the cases at weight 9 leave fewer than all of them."""
    found = [*outcomes("a", n=50), *outcomes("b", n=50, weight=9.0)]

    report = judged(found, Budget(max_drop=0.1))

    assert 100 == report.budgets[1].cases
    assert math.isclose(500**2 / (50 + 50 * 81), report.budgets[1].delta.n)


def test_the_order_of_outcomes_does_not_matter():
    """Workers report in any order; the verdict is the same."""
    found = outcomes("a", lost=9, gained=1) + outcomes("b", lost=2)
    budgets = (Budget(max_drop=0.02), Budget(cohort="*", max_drop=0.05))

    assert judged(found, *budgets) == judged(found[::-1], *budgets)


@pytest.mark.parametrize(
    ("report", "words"),
    [
        (judged([], planned=0), "no golden case was selected"),
        (judged([], planned=3), "not one case could be compared"),
        (judged(outcomes("a"), planned=101), "1 of 101 planned checks never reported"),
        (judged(outcomes("a"), mishaps=[mishap("CheckError")]), "1 check crashed, first exact"),
        (
            judged(outcomes("a"), mishaps=[mishap("TransportError", f"a-{i}") for i in range(5)]),
            "5 of 100 checks had no answer to judge (5 TransportError; 1 % are allowed)",
        ),
        (judged(outcomes("a"), interrupted=["a worker died"]), "a worker died"),
    ],
)
def test_what_is_not_evidence_is_an_error(report, words):
    """Never a pass: each way of having no evidence is an ERROR with its own sentence."""
    assert Verdict.ERROR is report.verdict
    assert any(words in row.reason for row in report.budgets)


def test_no_budget_is_judged_on_unsound_evidence():
    """A crashed check makes every budget an error, the failing ones too."""
    report = judged(outcomes("a", lost=50), Budget(max_drop=0.02), mishaps=[mishap("CheckError")])

    assert {Verdict.ERROR} == set(verdicts(report).values())


def test_a_few_failed_requests_are_tolerated():
    """One candidate time-out in 100 counts as a lost case and does not void the run."""
    found = outcomes("a", lost=1)

    report = judged(found, Budget(max_drop=0.1), mishaps=[mishap("TransportError")])

    assert Verdict.PASS is report.verdict


def test_every_answer_empty_is_an_error():
    """Two servers that say nothing agree perfectly, and show nothing."""
    silent = Outcome.of(["the answer is empty"])
    found = [
        PairedOutcome(
            variant="q",
            case=str(i),
            cohort="a",
            check="exact",
            source=SOURCE,
            baseline=silent,
            candidate=silent,
        )
        for i in range(60)
    ]

    report = judged(found, Budget(max_drop=0.1))

    assert Verdict.ERROR is report.verdict
    assert "every answer of the baseline is empty" in report.budgets[0].reason


CENSUS = _budgets.Census(
    {
        ("tools", "tool_call"): {f"tools-{i}" for i in range(100)},
        ("faq", "exact"): {f"faq-{i}" for i in range(30)},
        ("faq", "length"): {f"faq-{i}" for i in range(20, 50)},
    },
    {f"faq-{i}": ("long", "hard") for i in range(10)} | {"tools-0": ("long",)},
)


def test_a_star_makes_one_budget_for_each():
    """cohort: '*' is every cohort, both stars every leaf; a name wins over a star."""
    budgets = [
        Budget(max_drop=0.02),
        Budget(cohort="*", max_drop=0.1),
        Budget(cohort="faq", max_drop=0.2),
        Budget(cohort="*", check="*", max_drop=0.3),
    ]

    groups = {(b.cohort, b.check): b.max_drop for b in _budgets.expand(budgets, CENSUS)}

    assert {
        (None, None): 0.02,
        ("tools", None): 0.1,
        ("faq", None): 0.2,
        ("tools", "tool_call"): 0.3,
        ("faq", "exact"): 0.3,
        ("faq", "length"): 0.3,
    } == groups


@pytest.mark.parametrize(
    ("budget", "words"),
    [
        (Budget(cohort="toolz", max_drop=0.1, source=SOURCE), "did you mean 'tools'?"),
        (Budget(check="exac", max_drop=0.1, source=SOURCE), "did you mean 'exact'?"),
        (
            Budget(cohort="tools", check="exact", max_drop=0.1, source=SOURCE),
            "the cohort 'tools' and the check 'exact'",
        ),
    ],
)
def test_a_budget_that_matches_nothing_is_an_error(budget, words):
    """A budget for a cohort that does not exist would be green for ever."""
    with pytest.raises(ConfigError) as caught:
        _budgets.expand([budget], CENSUS)

    assert words in str(caught.value)
    assert str(caught.value).startswith("g.quant.yaml:1: ")


def test_two_budgets_for_one_group_are_an_error():
    """Which of them counts would be a guess."""
    with pytest.raises(ConfigError, match="has a budget at"):
        _budgets.expand([Budget(max_drop=0.1, source=SOURCE)] * 2, CENSUS)


def test_a_budget_that_cannot_be_decided_is_named_with_the_cases_it_needs():
    """Two points need more than 200 cases; 150 will not do, 600 will.

    Cases are counted once, whichever of their checks differ.
    """
    budget = Budget(max_drop=0.02, source=SOURCE)

    (sentence,) = _budgets.undecidable([budget], CENSUS)

    assert sentence.startswith("g.quant.yaml:1: all / all: 150 cases cannot decide a budget of")
    enough = _budgets.Census({("a", "b"): set(map(str, range(600)))})
    assert [] == _budgets.undecidable([budget], enough)


def test_weights_are_told_where_they_are_why_a_budget_is_refused():
    """One case of weight 100 among 100: hardly more than one case."""
    cases = {("a", "b"): set(map(str, range(101)))}
    census = _budgets.Census(cases, weights={"0": 100.0})

    (sentence,) = _budgets.undecidable([Budget(max_drop=0.1)], census)

    assert "101 cases, which by their weights count as 4, cannot decide" in sentence


def test_one_regressed_critical_case_fails_the_candidate():
    """Whatever the budgets say; without a regressed one the row passes."""
    sound = [replace(o, critical=True) for o in outcomes("a")]
    broken = [replace(o, critical=True) for o in outcomes("a", lost=1)]

    assert Verdict.PASS is judged(sound, Budget(max_drop=0.1)).verdict
    assert Verdict.FAIL is judged(broken, Budget(max_drop=0.1)).verdict
    assert Verdict.FAIL is verdicts(judged(broken, Budget(max_drop=0.1)))["all", "critical"]


def test_a_cohort_that_no_budget_looks_at_is_named():
    """Else it could collapse without a word."""
    (sentence,) = _budgets.uncovered([Budget(cohort="faq", max_drop=0.1)], CENSUS)

    assert "cohort 'tools', check 'tool_call': no budget covers it" in sentence
    assert [] == _budgets.uncovered([Budget(max_drop=0.1)], CENSUS)


def test_a_critical_case_that_was_not_judged_is_an_error():
    """Unknown is not unharmed, even where a few failed requests are tolerated."""
    lost = replace(mishap("RefusedError", "crit", "baseline"), critical=True)

    report = judged(outcomes("a", n=200), Budget(max_drop=0.1), mishaps=[lost], planned=201)

    assert Verdict.ERROR is verdicts(report)["all", "critical"]
    assert Verdict.ERROR is report.verdict
