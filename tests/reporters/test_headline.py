"""The head of every report: what was found in a few words, and the reason in one sentence."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from pytest_quantguard.reporters._headline import headline, reason_of
from pytest_quantguard.reporters._order import worst_budgets_first
from pytest_quantguard.verdicts import Verdict


@pytest.mark.parametrize(
    ("verdict", "said"),
    [
        (Verdict.PASS, "awq-int4 may replace bf16"),
        (Verdict.FAIL, "awq-int4 is worse than bf16 by more than is allowed"),
        (Verdict.INCONCLUSIVE, "awq-int4 is not yet shown to be as good as bf16"),
        (Verdict.NOT_COMPARABLE, "awq-int4 and bf16 cannot be compared"),
        (Verdict.ERROR, "No sound evidence about awq-int4 against bf16"),
    ],
)
def test_each_verdict_has_its_words(make, verdict, said):
    """Only a PASS says that the candidate may replace the baseline."""
    report = make.realistic()

    assert said == headline(
        replace(report, candidates=(replace(report.candidates[0], verdict=verdict),))
    )


def test_a_name_with_braces_is_a_name(make):
    """Names are never read as a template."""
    report = make.realistic()
    variant = replace(report.candidates[0].variant, name="{baseline}")
    found = headline(replace(report, candidates=(replace(report.candidates[0], variant=variant),)))

    assert found.startswith("{baseline} is worse than bf16")


def test_a_fail_names_the_budget_that_is_exceeded_most(make):
    """After how many budgets there are, and how they ended."""
    assert (
        "Of 4 budgets, 2 failed, 1 is undecided and 1 passed. tool-calling / tool_call: "
        "31 of 160 regressed, 0 improved; worse by 19.4 pt, budget 10 pt."
    ) == reason_of(make.realistic().candidates[0])


def test_a_critical_case_is_counted_apart_from_the_budgets(make):
    """It has none; "all / critical: 1 of 1" says less than the loss that the budgets are about."""
    candidate = make.realistic().candidates[0]
    suite, tools = (candidate.budgets[i] for i in (1, 4))
    critical = replace(suite, check="critical", max_drop=None, delta=None)

    assert (
        "All 2 budgets failed; besides, a critical case regressed. tool-calling / tool_call: "
    ) in reason_of(replace(candidate, budgets=(critical, suite, tools)))
    assert "besides" not in reason_of(replace(candidate, budgets=(suite, tools)))


def test_budgets_stand_in_one_order_in_all_reports(make):
    """By verdict, then by how far over the budget: shares, then ratios, then what has no budget."""
    suite = make.realistic().candidates[0].budgets[1]
    ratio = make.delta(1.5, 1.2, 1.9, unit="ratio")
    nan = make.delta(math.nan, math.nan, math.nan)
    rows = {
        "critical": replace(suite, max_drop=None, delta=None),
        "slow": replace(suite, max_drop=None, max_ratio=1.1, metric="latency_p50", delta=ratio),
        "slower": replace(suite, max_drop=None, max_ratio=1.01, metric="length", delta=ratio),
        "unknown": replace(suite, delta=nan),
        "far": replace(suite, max_drop=0.01),
        "relative": replace(suite, max_drop=0.05, baseline_rate=0.1, relative=True),
        "passed": replace(suite, verdict=Verdict.PASS),
        "error": replace(suite, verdict=Verdict.ERROR, delta=None),
    }
    names = {id(row): name for name, row in rows.items()}

    assert ["error", "relative", "far", "unknown", "slower", "slow", "critical", "passed"] == [
        names[id(row)] for row in worst_budgets_first(rows.values())
    ]


def test_a_pass_counts_its_budgets(make):
    """Rows without a budget, such as that of the evidence, are not budgets."""
    candidate = make.realistic().candidates[0]
    passed = tuple(replace(row, verdict=Verdict.PASS) for row in candidate.budgets)

    def said(rows):
        return reason_of(replace(candidate, verdict=Verdict.PASS, budgets=rows))

    assert "All 4 budgets passed." == said(passed)
    assert "The only budget passed." == said(passed[:2])
    assert "Everything that was judged passed." == said(passed[:1])


def test_without_sound_evidence_no_budget_is_counted(make):
    """The reason alone: what the other rows say means nothing."""
    candidate = make.realistic().candidates[0]
    for verdict in (Verdict.ERROR, Verdict.NOT_COMPARABLE):
        broken = replace(candidate.budgets[0], verdict=verdict, reason="the server is gone.")
        found = replace(candidate, verdict=verdict, budgets=(broken, *candidate.budgets[1:]))
        assert "all / evidence: the server is gone." == reason_of(found)


def test_a_verdict_that_no_row_explains_is_said(make):
    """It never looks like a pass."""
    candidate = replace(make.realistic().candidates[0], verdict=Verdict.ERROR)

    assert "The verdict on this candidate is ERROR." == reason_of(candidate)


def test_one_budget_is_not_counted(make):
    """It is the only one, however it ended."""
    candidate = make.realistic().candidates[0]
    unsure = candidate.budgets[3]
    found = replace(candidate, verdict=Verdict.INCONCLUSIVE, budgets=(unsure,))

    assert reason_of(found).startswith("The only budget is undecided. regulated / citations: ")


def test_that_budgets_passed_is_no_reason_for_a_fail(make):
    """What failed without being a budget comes first."""
    candidate = make.realistic().candidates[0]
    lost = replace(
        candidate.budgets[0],
        check="critical", verdict=Verdict.FAIL, reason="the critical case x regressed",
    )  # fmt: skip
    found = replace(candidate, budgets=(lost, candidate.budgets[2]))

    assert (
        reason_of(found) == "all / critical: the critical case x regressed. The only budget passed."
    )


def test_with_an_error_no_candidate_may_replace_the_baseline(two_candidates):
    """The routes of such a run leave everything with the baseline: the headline says why."""
    first, second = two_candidates.candidates
    good, dead = replace(first, verdict=Verdict.PASS), replace(second, verdict=Verdict.ERROR)

    found = headline(replace(two_candidates, candidates=(good, dead)))
    assert found == "1 of 2 candidates ended in an error"


def test_the_baseline_asked_again_is_no_candidate(make, two_candidates):
    """A null run never counts among those that may replace the baseline."""
    first, second = two_candidates.candidates
    again = replace(make.BASELINE, name="bf16-again", revision="again 1")
    again = replace(second, variant=again, verdict=Verdict.PASS)

    def said(*candidates):
        return headline(replace(two_candidates, candidates=candidates))

    assert said(first, again) == "awq-int4 is worse than bf16 by more than is allowed"
    assert said(first, second, again) == "None of 2 candidates may replace bf16"
    assert said(again) == "bf16 was asked once more"
    passed = replace(first, verdict=Verdict.PASS)
    assert said(passed, again) == "awq-int4 may replace bf16"
    assert "error" in said(passed, replace(again, verdict=Verdict.ERROR))
