"""Two candidates of two runs: budgets, cases, and candidate against candidate."""

from __future__ import annotations

import math
import random
from dataclasses import replace

import pytest
from two_runs import BASELINE, outcomes, side

from pytest_quantguard import stats
from pytest_quantguard.comparing.sides import compare
from pytest_quantguard.errors import InputError
from pytest_quantguard.pairs import Mishap
from pytest_quantguard.types import Source
from pytest_quantguard.verdicts import Budget, Group, Verdict


def test_a_run_and_itself_show_nothing():
    """The evidence is one to one in both directions, and a mistaken name is not green for ever."""
    same = side(outcomes(lost={1, 2}))
    found = compare(same, same)

    assert "cannot be said" == found.answer
    assert ((), ()) == (found.regressed, found.recovered)
    assert (200, 200, 0, 0) == (
        found.direct.cases,
        found.direct.checks,
        found.direct.worse,
        found.direct.better,
    )
    assert 0 == pytest.approx(found.direct.log_evidence)
    assert "both files are of one run: it is no evidence about itself" in found.notes


def test_a_lost_candidate_is_worse_and_its_cases_are_named():
    """PASS -> FAIL, by paired evidence of the two candidates too."""
    found = compare(side(outcomes(lost={1, 2})), side(outcomes(lost=set(range(2, 40))), number=1))

    assert "worse" == found.answer
    assert [("c1")] == [one.now.case for one in found.recovered]
    assert {f"c{i}" for i in range(3, 40)} == {one.now.case for one in found.regressed}
    assert all(row.worse for row in found.rows)
    assert (37, 1) == (found.direct.worse, found.direct.better)
    assert (37 - 1) / 200 == pytest.approx(found.direct.delta.value)
    assert found.direct.log_evidence > math.log(100)


def test_the_interval_and_the_odds_are_those_of_the_gate():
    """Tango's interval of the paired table, and the sign evidence of the same numbers."""
    found = compare(side(outcomes(lost={1, 2})), side(outcomes(lost=set(range(2, 12))), number=1))
    counts = stats.paired_counts([1.0] * 9 + [-1.0] + [0.0] * 190)
    delta, log_evidence = found.direct.groups[Group("faq")]

    assert stats.loss_interval(counts, confidence=0.9) == pytest.approx((delta.low, delta.high))
    assert stats.sign_evidence([1.0] * 9 + [-1.0]).log_e == pytest.approx(log_evidence)


def test_paired_evidence_is_seen_where_both_verdicts_are_a_pass():
    """Both are inside a wide budget, and the later one is worse all the same: exit code 1."""
    wide = Budget(max_drop=0.3)
    found = compare(side(outcomes(400), wide), side(outcomes(400, set(range(30))), wide, number=1))

    assert [Verdict.PASS] * 2 == [found.rows[0].then.verdict, found.rows[0].now.verdict]
    assert not found.rows[0].worse
    assert "worse" == found.answer


def test_better_takes_the_same_odds():
    """A candidate that gained is BETTER; one that gained two cases is not shown to be."""
    worse, better = side(outcomes(lost=set(range(40)))), side(outcomes(), number=1)
    nearly = side(outcomes(lost={0, 1}))

    assert "better" == compare(worse, better).answer
    assert "not shown to be worse" == compare(nearly, better).answer


def test_a_loosened_budget_is_no_progress():
    """The later answers are judged by the earlier budget too, and that counts."""
    strict, loose = Budget(max_drop=0.05), Budget(max_drop=0.25)
    lost = set(range(24))
    then, now = side(outcomes(), strict), side(outcomes(lost=lost), loose, number=1)
    (row,) = compare(then, now).rows

    assert (Verdict.PASS, Verdict.PASS) == (row.then.verdict, row.now.verdict)
    assert Verdict.FAIL is row.by_then
    assert row.worse
    assert any("loosened from 5 pt to 25 pt" in said for said in compare(then, now).changes)


def test_a_budget_that_is_gone_is_judged_by_what_it_was():
    """Taking a budget away hides nothing."""
    everywhere = (Budget(max_drop=0.25), Budget(cohort="faq", max_drop=0.05))
    then = side(outcomes(), *everywhere)
    now = side(outcomes(lost=set(range(24))), everywhere[0], number=1)
    rows = {row.group: row for row in compare(then, now).rows}

    assert rows[Group("faq")].now is None
    assert Verdict.FAIL is rows[Group("faq")].by_then
    assert rows[Group("faq")].worse


def test_a_tightened_budget_says_what_the_old_one_would():
    """The verdict got worse, and it was the budget: both are to be seen."""
    then = side(outcomes(lost=set(range(8))), Budget(max_drop=0.25))
    now = side(outcomes(lost=set(range(8))), Budget(max_drop=0.02), number=1)
    (row,) = compare(then, now).rows

    assert Verdict.PASS is row.by_then
    assert Verdict.PASS is not row.now.verdict
    assert row.worse


def test_an_unsound_run_is_no_evidence():
    """An ERROR then says nothing about now, and an ERROR now shows no loss."""
    sound = side(outcomes())
    mishaps = [
        Mishap(
            variant="awq-int4",
            case=f"m{i}",
            cohort="faq",
            check="json",
            source=Source(file="g", line=1),
            role="candidate",
            kind="CheckError",
            message="broke",
        )
        for i in range(9)
    ]
    broken = replace(
        sound,
        candidate=replace(sound.candidate, verdict=Verdict.ERROR, mishaps=tuple(mishaps)),
    )

    assert "cannot be said" == compare(broken, sound).answer
    assert "cannot be said" == compare(sound, broken).answer
    assert compare(broken, sound).direct is None
    assert ((), ()) == (compare(broken, sound).regressed, compare(broken, sound).recovered)


@pytest.mark.parametrize("ended", [Verdict.ERROR, Verdict.NOT_COMPARABLE])
@pytest.mark.parametrize(
    ("verdict", "answer"),
    [
        (Verdict.PASS, "cannot be said"),
        (Verdict.INCONCLUSIVE, "cannot be said"),
        (Verdict.ERROR, "cannot be said"),
        (Verdict.NOT_COMPARABLE, "cannot be said"),
        (Verdict.FAIL, "worse"),
    ],
)
def test_of_an_unsound_run_only_a_failed_budget_is_worse(ended, verdict, answer):
    """No evidence is no loss; a loss that a budget shows all the same is not hidden by it."""
    then, now = side(outcomes()), side(outcomes(), number=1)
    rows = tuple(replace(row, verdict=verdict) for row in now.candidate.budgets)
    now = replace(now, candidate=replace(now.candidate, verdict=ended, budgets=rows))

    assert answer == compare(then, now).answer


def test_what_the_candidate_did_not_answer_is_no_evidence_against_it():
    """A silent candidate counts as wrong in its own run; two runs are not compared by it."""
    then, now = side(outcomes()), side(outcomes(lost={0, 1}), number=1)
    silent = Mishap(
        variant="awq-int4",
        case="c0",
        cohort="faq",
        check="json",
        source=Source(file="g", line=1),
        role="candidate",
        kind="TransportError",
        message="gone",
    )
    found = compare(then, replace(now, candidate=replace(now.candidate, mishaps=(silent,))))

    assert (199, 1) == (found.direct.cases, found.direct.worse)


# --- the same question --------------------------------------------------------------------


def test_after_a_change_of_the_golden_set_only_sure_cases_are_paired():
    """One key of the completion that is the same is the same question; the others are counted."""
    before = outcomes(100)
    after = [replace(o, keys=("new", "also")) if i < 30 else o for i, o in enumerate(before)]
    extra = outcomes(5, prefix="x")
    found = compare(side(before), side([*after, *extra], number=1, golden="b" * 64))

    assert (70, 30, 0, 5) == (
        found.direct.cases,
        found.left_out,
        found.only_then,
        found.only_now,
    )
    assert any("golden cases changed" in said for said in found.changes)


def test_mirrored_traffic_is_refused():
    """Its report keeps losses alone: on them no candidate could look better than another."""
    found = outcomes(lost=range(9))
    with pytest.raises(InputError, match="mirrored traffic, and a report keeps only the losses"):
        compare(side(found), side(found, canary={"pairs": 200}))


def test_two_golden_sets_are_refused():
    """No case in common: a sentence, no number."""
    with pytest.raises(InputError, match="no case in common: these are two golden sets"):
        compare(side(outcomes()), side(outcomes(prefix="other"), golden="b" * 64, number=1))


def test_names_alone_are_no_evidence_of_one_question():
    """Golden set and both models changed: refused, with how many have one name."""
    other = [replace(o, keys=("x", "y")) for o in outcomes()]

    with pytest.raises(InputError, match=r"200 cases of one name.*cannot be told"):
        compare(side(outcomes()), side(other, golden="b" * 64, number=1))


def test_empty_keys_are_not_the_same():
    """Models that a test drives itself have no keys: nothing is taken for granted."""
    driven = outcomes(keys=("", ""))

    assert 200 == compare(side(driven), side(driven, number=1)).direct.cases
    with pytest.raises(InputError, match="cannot be told"):
        compare(side(driven), side(driven, golden="", number=1))


# --- what else ----------------------------------------------------------------------------


def test_what_else_changed_is_said():
    """Baseline, versions; and that a baseline's own answers moved."""
    then = side(outcomes())
    now = side(
        outcomes(baseline_lost={5}),
        number=1,
        baseline=replace(BASELINE, model="acme/other"),
        python="3.13.0",
    )
    found = compare(then, now)

    assert "python is 3.13.0, was 3.12.1" in found.changes
    assert any("model is acme/other, was acme/assist" in said for said in found.changes)
    assert any("1 of 200 outcomes of the baseline differ" in said for said in found.notes)


def test_the_order_of_time_is_checked():
    """Whoever gives the newer report first is told."""
    found = compare(side(outcomes(), number=3), side(outcomes(), number=1))

    assert any("the first file is of the later run" in said for said in found.notes)


def test_a_moved_baseline_is_told_from_a_moved_candidate():
    """A case that regressed only because the baseline got better says so."""
    then, now = side(outcomes(lost={3}, baseline_lost={3})), side(outcomes(lost={3}), number=1)
    (one,) = compare(then, now).regressed

    assert one.baseline_moved


def test_equal_candidates_are_rarely_called_worse():
    """Two runs of one noisy candidate, 100 times: odds of 100 : 1 keep false alarms to 1 %."""
    draw = random.Random(11)
    alarms = 0
    for _ in range(100):
        one, other = ({i for i in range(120) if draw.random() < 0.1} for _ in range(2))
        found = compare(
            side(outcomes(120, one), Budget(max_drop=0.5)),
            side(outcomes(120, other), Budget(max_drop=0.5), number=1),
        )
        alarms += found.answer == "worse"

    assert alarms <= 2
