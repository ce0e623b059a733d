"""Where requests go after a run: every combination of verdicts, and what is said about it."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest

from pytest_quantguard.reporters._cheapest import AS_GIVEN, cheapest_first
from pytest_quantguard.reporters._routing import LONGEST, rollout, routes
from pytest_quantguard.types import Outcome, Swaps
from pytest_quantguard.variants import Price, Quantization, Variant
from pytest_quantguard.verdicts import (
    WORST_FIRST,
    BudgetVerdict,
    CandidateReport,
    Delta,
    GateReport,
    Group,
    Reading,
)

PASS, UNSURE, FAIL, UNLIKE, ERROR = reversed(WORST_FIRST)
WORSE = {PASS: UNSURE, UNSURE: FAIL, FAIL: UNLIKE, UNLIKE: ERROR}
BOLDNESS = ("roll-back", "keep-mirrored", "promote-cohorts", "promote")
BASELINE = Variant(name="bf16", provider="openai", model="full")
COHORTS = ("a", "b")


def row(cohort, verdict, **more):
    """A budget of a cohort on its checks, judged; None = over all cohorts."""
    reason = {UNSURE: "needs about 90 more cases", ERROR: "no case of it could be judged"}
    found = {"check": None, "max_drop": 0.05, "reason": reason.get(verdict, "so it is"), **more}
    return BudgetVerdict(cohort=cohort, verdict=verdict, **found)


def judged(name, *rows, verdict=None, outcomes=(), **variant):
    """A candidate with these rows; its verdict is the worst of theirs."""
    worst = min((r.verdict for r in rows), key=WORST_FIRST.index, default=PASS)
    return CandidateReport(
        variant=Variant(**{"name": name, "provider": "openai", "model": f"m-{name}", **variant}),
        verdict=verdict or worst,
        budgets=rows,
        outcomes=outcomes,
        mishaps=(),
        log_evidence=0.0,
    )


def report(*candidates):
    return GateReport(baseline=BASELINE, candidates=candidates, provenance={})


def found(*candidates):
    """The rollout, with its routes by cohort."""
    rolled = rollout(report(*candidates))
    return rolled, {route.cohort: route for route in rolled.routes}


# --- every combination ----------------------------------------------------------------------------


STATES = tuple(product(WORSE.keys() | {ERROR}, repeat=3))
"""Verdicts on all cohorts together, on the first and on the second."""


def candidates_of(name):
    """A candidate for each state; the cheapest is the one that comes first."""
    groups = (None, *COHORTS)
    return {
        state: judged(name, *(row(c, v) for c, v in zip(groups, state, strict=True)))
        for state in STATES
    }


@pytest.fixture(scope="module")
def every():
    """The rollout for each combination of verdicts of one candidate, and of two."""
    first, second = candidates_of("q4"), candidates_of("q8")
    alone = {(one,): rollout(report(first[one])) for one in STATES}
    both = {
        (one, other): rollout(report(first[one], second[other]))
        for one, other in product(STATES, STATES)
    }
    return {**alone, **both}


def test_only_what_is_shown_to_be_safe_gets_requests(every):
    """A candidate serves a cohort only with PASS there, and sound, comparable evidence."""
    for states, rolled in every.items():
        known = dict(zip(("q4", "q8"), states, strict=False))
        for number, route in enumerate(rolled.routes, start=1):
            for name in {*route.safe} | ({route.variant} - {"bf16"}):
                assert known[name][number] is PASS
                assert not {UNLIKE, ERROR} & {*known[name]}
            assert (route.variant == "bf16") == (route.to != "candidate")
            assert (route.to == "candidate") == bool(route.safe)


def test_an_error_sends_everything_to_the_baseline(every):
    """Wherever it is, and whatever else passed."""
    for states, rolled in every.items():
        if any(ERROR in state for state in states):
            assert {"bf16"} == {route.variant for route in rolled.routes}
            assert rolled.advice in ("keep-mirrored", "roll-back")


def test_promote_means_that_all_that_serves_passed_as_a_whole(every):
    """And the advice says what the routes do."""
    for states, rolled in every.items():
        known = dict(zip(("q4", "q8"), states, strict=False))
        serving = {route.variant for route in rolled.routes if route.to == "candidate"}
        if rolled.advice == "promote":
            assert "bf16" not in {route.variant for route in rolled.routes}
            assert {PASS} == {verdict for name in serving for verdict in known[name]}
        assert bool(serving) == (rolled.advice in ("promote", "promote-cohorts"))
        if rolled.advice == "keep-mirrored":
            assert any(route.mirrored for route in rolled.routes)
    assert set(BOLDNESS) == {rolled.advice for rolled in every.values()}


def test_worse_evidence_never_makes_the_advice_bolder(every):
    """One verdict worse: no further cohort leaves the baseline, no candidate is safer."""
    steps = 0
    for states, rolled in every.items():
        for i, state in enumerate(states):
            for j, verdict in enumerate(state):
                if verdict is ERROR:
                    continue
                lower = (*state[:j], WORSE[verdict], *state[j + 1 :])
                after = every[(*states[:i], lower, *states[i + 1 :])]
                steps += 1
                assert BOLDNESS.index(after.advice) <= BOLDNESS.index(rolled.advice)
                for one, other in zip(rolled.routes, after.routes, strict=True):
                    assert {*other.safe} <= {*one.safe}
    assert steps == 2 * 125 * 125 * 6 * 4 // 10 + 125 * 3 * 4 // 5


def test_copies_go_where_something_is_open_and_nothing_failed(every):
    """With what would settle it; one that failed there, or as a whole in error, gets none."""
    for states, rolled in every.items():
        known = dict(zip(("q4", "q8"), states, strict=False))
        for number, route in enumerate(rolled.routes, start=1):
            assert (route.to == "mirror-only") == (bool(route.mirrored) and not route.safe)
            assert bool(route.reason) or route.variant == "q4"
            assert route.settle or not route.mirrored
            for name in route.mirrored:
                assert known[name][number] in (PASS, UNSURE)
                assert not {UNLIKE, ERROR} & {*known[name]}


# --- one candidate --------------------------------------------------------------------------------


def routed(candidate):
    return {r.cohort: (r.to, r.reason) for r in routes(candidate)}


def test_each_cohort_has_its_target_and_its_reason(make):
    """Passed, undecided, failed."""
    (candidate,) = make.realistic().candidates

    assert routed(candidate) == {
        "faq": ("candidate", ""),
        "regulated": ("mirror-only", "not shown to be safe"),
        "tool-calling": ("baseline", "fail"),
    }


def test_what_would_settle_it_is_what_the_row_says(make):
    """The number of cases, or the budget, with the name of the check."""
    (candidate,) = make.realistic().candidates

    assert {r.cohort: r.settle for r in routes(candidate)} == {
        "faq": "",
        "regulated": "citations: needs about 130 more cases, or a budget of 7.6 pt",
        "tool-calling": "",
    }


def test_many_open_budgets_are_told_shortly():
    """Three, and how many more."""
    rows = [row("a", UNSURE, check=f"check-{i}", reason="x" * 400) for i in range(9)]

    (route,) = routes(judged("q4", *rows))

    assert len(route.settle) <= LONGEST
    assert "check-2: xxx" in route.settle
    assert route.settle.endswith("and 6 more")


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([row(None, PASS)], "no budget of its own"),
        ([row("a", PASS, tag="pii")], "no budget on the checks of the whole cohort"),
        ([row("a", PASS, metric="latency_p50")], "no budget on the checks of the whole cohort"),
    ],
)
def test_without_a_budget_nothing_is_known(make, rows, reason):
    """The candidate gets copies, and a budget would settle it."""
    (route,) = routes(judged("q4", *rows, outcomes=(make.pair("x", cohort="a"),)))

    assert (route.to, route.reason) == ("mirror-only", reason)
    assert "a budget of a on its checks" in route.settle


def test_a_cohort_without_a_budget_or_with_a_lost_critical_case_stays(make):
    """Nobody said what loss would be allowed; or one loss was said to be too many."""
    (candidate,) = make.realistic().candidates
    outcomes = (
        make.pair("x", cohort="chat"),
        make.pair("y", cohort="faq", lost=True, critical=True),
    )
    candidate = replace(candidate, outcomes=outcomes, mishaps=(), budgets=candidate.budgets[:3])

    assert routed(candidate) == {
        "chat": ("baseline", "rolled back as a whole: no budget of its own"),
        "faq": ("baseline", "a critical case regressed"),
    }


def test_evidence_that_cannot_be_trusted_moves_nothing(make):
    """ERROR or NOT COMPARABLE of any row spoils all cohorts; so does one that no row explains."""
    (candidate,) = make.realistic().candidates
    for verdict, reason in ((ERROR, "error"), (UNLIKE, "not comparable")):
        for broken in range(len(candidate.budgets)):
            rows = list(candidate.budgets)
            rows[broken] = replace(rows[broken], verdict=verdict, reason="the server died")
            (only,) = set(routed(replace(candidate, budgets=tuple(rows))).values())
            assert only == ("baseline", reason)
            said = {r.settle for r in routes(replace(candidate, budgets=tuple(rows)))}
            assert "the server died" in said.pop()
        unexplained = replace(candidate, verdict=verdict)
        assert {("baseline", reason)} == set(routed(unexplained).values())


def test_a_critical_case_outweighs_what_is_undecided(make):
    """It is lost for sure, so that there is nothing to wait for."""
    lost = make.pair("x", cohort="a", lost=True, critical=True)
    candidate = judged("q4", row("a", UNSURE), outcomes=(lost,))

    assert routed(candidate) == {"a": ("baseline", "a critical case regressed")}
    rolled, _ = found(candidate)
    assert rolled.advice == "roll-back"
    assert "q4 lost a critical case" in rolled.sentence
    once = replace(lost, confirmation=(3, 2))
    assert routed(replace(candidate, outcomes=(once,)))["a"][0] == "mirror-only"


def test_one_that_is_rolled_back_gets_no_copies_either(make):
    """Advice and routes say the same, where the one budget over all cohorts failed, too."""
    case = make.pair("x", cohort="a")
    alone, by = found(judged("q4", row(None, FAIL), outcomes=(case,)))

    assert (alone.advice, by["a"].to, by["a"].mirrored) == ("roll-back", "baseline", ())
    assert by["a"].reason == "rolled back as a whole: no budget of its own"
    mixed, by = found(judged("q4", row("a", FAIL), row("b", UNSURE)))
    assert (mixed.advice, by["b"].to) == ("roll-back", "baseline")
    assert by["b"].settle == "needs about 90 more cases"


def test_advice_and_routes_never_contradict(every):
    """Roll back means no copies, and copies mean that nothing is rolled back."""
    for rolled in every.values():
        if rolled.advice == "roll-back":
            assert not any(route.mirrored for route in rolled.routes)


def test_a_judge_that_contradicts_itself_shows_nothing_where_it_judged(make):
    """What it says are ties may be losses; cohorts that it did not judge stay as they are."""
    swayed = Outcome(value=1.0, swaps=Swaps(by="critic", compared=1, contradicted=1))
    mine = replace(make.pair("x", cohort="a"), baseline=swayed, candidate=swayed)
    other = make.pair("y", cohort="b")
    judge = row(None, UNSURE, check="judge:critic", reason="it contradicted itself")
    candidate = judged("q4", judge, row("a", PASS), row("b", PASS), outcomes=(mine, other))

    assert routed(candidate) == {
        "a": ("mirror-only", "not shown to be safe"),
        "b": ("candidate", ""),
    }
    assert "judge:critic: it contradicted itself" in routes(candidate)[0].settle


# --- several candidates ---------------------------------------------------------------------------


def test_the_cheapest_safe_candidate_serves_each_cohort():
    """A mix: what the cheap one may not have goes to the next; nobody else gets copies for it."""
    rolled, by = found(
        judged("q4", row("a", PASS), row("b", FAIL)),
        judged("q8", row("a", PASS), row("b", PASS), row("c", UNSURE)),
    )

    assert (by["b"].variant, by["b"].reason) == ("q8", "q4: fail")
    assert by["b"].mirrored == ()
    assert (by["c"].to, by["c"].variant) == ("mirror-only", "bf16")
    assert by["c"].mirrored == ("q4", "q8")
    assert rolled.advice == "promote-cohorts"
    assert by["a"].variant == "q4"
    assert rolled.sentence == (
        "Promote these cohorts: a to q4; b to q8; keep c with bf16 "
        "(cheapest first, by bits of the weights)."
    )


def test_one_that_passed_as_a_whole_goes_before_a_cheaper_one_that_did_not():
    """What may not be shipped is not mixed in; that it would be safe here is told."""
    cheap = judged("q4", row(None, FAIL), row("a", PASS), row("b", UNSURE))
    whole = judged("q8", row(None, PASS), row("a", PASS), row("b", PASS))

    rolled, by = found(cheap, whole)

    assert rolled.advice == "promote"
    assert rolled.sentence == (
        "Promote: every cohort to q8; q4, cheaper, is safe for a, but did not pass as a whole "
        "(cheapest first, by bits of the weights)."
    )
    assert (by["a"].variant, by["a"].safe) == ("q8", ("q4", "q8"))
    assert by["a"].reason == "q4: shown to be safe here, but it did not pass as a whole"
    assert (by["b"].variant, by["b"].mirrored) == ("q8", ("q4",))
    assert by["b"].settle == "q4: needs about 90 more cases"


def test_a_failed_budget_over_all_cohorts_keeps_from_promoting():
    """Each cohort may go, and yet the whole is not promoted."""
    rolled, by = found(judged("q4", row(None, FAIL), row("a", PASS)))

    assert (rolled.advice, by["a"].variant) == ("promote-cohorts", "q4")
    assert rolled.sentence == ("Promote: every cohort to q4, although q4 did not pass as a whole.")


def test_an_error_of_one_candidate_holds_the_others_back():
    """They are sound, and get copies until the run is; the one in error gets nothing."""
    rolled, by = found(judged("q4", row("a", ERROR)), judged("q8", row("a", PASS)))

    assert (rolled.advice, by["a"].to, by["a"].variant) == ("keep-mirrored", "mirror-only", "bf16")
    assert (by["a"].mirrored, by["a"].safe) == (("q8",), ())
    assert by["a"].reason == "q4: error; q8: the run ended in an error"
    assert rolled.sentence == "Keep bf16 serving, with copies to q8: the run ended in an error."


def again(number=3, **more):
    return judged("bf16-again", row("a", PASS), revision=f"again {number}", **more)


def test_the_baseline_asked_again_is_never_served():
    """A null run judges no candidate; beside one, it changes nothing."""
    rolled, by = found(again())
    assert (rolled.advice, by["a"].to, by["a"].variant) == ("keep-mirrored", "baseline", "bf16")
    assert rolled.sentence == "No candidate was judged: bf16 serves."
    assert routed(again()) == {"a": ("baseline", "the baseline asked once more")}

    rolled, by = found(again(), judged("q4", row("a", PASS)))
    assert (rolled.advice, by["a"].variant, by["a"].safe) == ("promote", "q4", ("q4",))
    assert rolled.candidates == ("q4",)

    named_so = replace(again(), variant=replace(again().variant, revision="2026-11"))
    assert found(named_so)[0].advice == "promote"


def test_without_a_candidate_everything_stays(empty_report):
    """Nothing was judged: that is an error."""
    rolled = rollout(empty_report)

    assert (rolled.advice, rolled.routes) == ("roll-back", ())


def test_a_candidate_that_was_not_asked_about_a_cohort_does_not_get_it():
    """Nothing is known of it there."""
    _, by = found(judged("q4", row("a", PASS)), judged("q8", row("b", PASS)))

    assert (by["a"].variant, by["b"].variant) == ("q4", "q8")
    assert by["b"].reason == "q4: no budget of its own"


def test_what_several_candidates_have_in_common_is_said_once():
    """As one would say it: the advice is read more often than anything else."""
    rolled, _ = found(judged("q4", row("a", FAIL)), judged("q8", row("a", FAIL)))
    assert rolled.sentence == (
        "Roll back to bf16: q4 and q8 failed, and no cohort is shown to be safe."
    )
    mixed, _ = found(
        judged("q4", row("a", PASS), row("b", FAIL)), judged("q8", row("a", FAIL), row("b", PASS))
    )
    assert mixed.sentence.startswith(
        "Promote: a to q4; b to q8, although q4 and q8 did not pass as a whole"
    )


def test_long_names_and_many_cohorts_stay_one_sentence():
    """One line of at most 500 characters, whatever the names are."""
    names = [f"::error::{i}\n" + "c" * 300 for i in range(40)]
    rolled, _ = found(judged("q4", *(row(name, PASS) for name in names), row("z", FAIL)))

    assert len(rolled.sentence) <= 500
    assert "\n" not in rolled.sentence
    assert "c" * 101 not in rolled.sentence
    rolled, _ = found(judged("q4", *(row(f"c{i}", PASS) for i in range(9)), row("z", FAIL)))
    assert "c0, c1, c2, c3, c4, c5 and 3 more to q4; keep z with bf16" in rolled.sentence


# --- the cheapest ---------------------------------------------------------------------------------


def costs(candidate, ratio):
    delta = Delta(value=ratio, low=ratio / 2, high=2 * ratio, n=300, unit="ratio")
    group = Group(metric="cost_per_success")
    return replace(candidate, readings=(Reading(group=group, unit="ratio", delta=delta),))


def bits(name, number, method="awq", **more):
    return judged(name, quantization=Quantization(method=method, weight_bits=number), **more)


def order(*candidates):
    rule = cheapest_first(report(*candidates))
    return rule.by, [c.variant.name for c in rule.candidates]


def test_the_first_rule_with_a_number_for_each_candidate_decides():
    """Measured before declared, declared before the weights."""
    dear = bits("q4", 4, price=Price(input=1, output=3))
    cheap = bits("q8", 8, price=Price(input=2, output=1))

    assert order(costs(dear, 0.4), costs(cheap, 0.3)) == (
        "measured cost per successful request",
        ["q8", "q4"],
    )
    assert order(costs(dear, 0.4), cheap) == ("declared price", ["q8", "q4"])
    unpriced = bits("q2", 2)
    assert order(cheap, dear, unpriced) == ("bits of the weights", ["q2", "q4", "q8"])


def test_what_is_not_quantized_has_sixteen_bits():
    """One of unknown bits leaves the order as it was given."""
    plain = judged("plain")

    assert order(plain, bits("q8", 8)) == ("bits of the weights", ["q8", "plain"])
    unknown = bits("q4", None, method="gguf")
    assert order(plain, bits("q8", 8), unknown) == (AS_GIVEN, ["plain", "q8", "q4"])


def test_equals_stay_in_the_order_in_which_they_were_given():
    """So that one run gives one answer."""
    assert order(bits("b", 4), bits("a", 4))[1] == ["b", "a"]


def test_a_cost_that_is_no_number_decides_nothing():
    """An endless ratio is no measure of what is cheap."""
    assert order(costs(bits("q8", 8), float("inf")), costs(bits("q4", 4), 0.5)) == (
        "bits of the weights",
        ["q4", "q8"],
    )
