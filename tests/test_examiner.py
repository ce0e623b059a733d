"""One case, asked of both arms: what is judged, what is reused, what is asked again."""

from __future__ import annotations

import math
from collections import Counter

import pytest

from examined_models import Counted, Models, case
from pytest_quantguard._evidence import Evidence
from pytest_quantguard._judging import Reusable
from pytest_quantguard.errors import RefusedError, TransportError
from pytest_quantguard.types import (
    Outcome,
    Token,
)
from pytest_quantguard.variants import Price


def test_identical_answers_are_judged_once():
    """One text has one outcome: the second call of a paid judge is saved."""
    check = Counted()
    evidence = (
        Models({"base": "right", "cand": "right"})
        .examiner()
        .examine(case(), {"k": Reusable(check)})
    )

    assert 1 == check.calls
    assert evidence.outcomes[0].baseline == evidence.outcomes[0].candidate


@pytest.mark.parametrize(
    "answers", [{"base": "right", "cand": "right!"}, {"base": "a", "cand": "b"}]
)
def test_different_answers_are_judged_each(answers):
    """Reuse is for word-for-word equality only."""
    check = Counted()
    Models(answers).examiner().examine(case(), {"k": Reusable(check)})

    assert 2 == check.calls


def test_a_check_that_may_look_at_more_than_the_text_is_called_for_each_arm():
    """Test bodies read latencies, or count: they run once per arm."""
    check = Counted()
    Models({"base": "right", "cand": "right"}).examiner().examine(case(), {"k": check})

    assert 2 == check.calls


# --- critical cases -------------------------------------------------------------------------------


def examined(texts, **fields):
    models = Models(texts)
    evidence = models.examiner().examine(case(**fields), {"k": Reusable(Counted())})
    return evidence.outcomes[0], Counter((job.variant, job.repeat) for job in models.asked)


def test_a_critical_case_that_holds_is_asked_once():
    """Further runs are paid for after a first failure only."""
    outcome, asked = examined({"base": "right", "cand": "right"}, critical=True)

    assert outcome.confirmation is None
    assert {("base", 0): 1, ("cand", 0): 1} == asked


def test_a_case_that_is_not_critical_is_never_asked_again():
    """The budget judges it."""
    outcome, asked = examined({"base": "right", "cand": "no"})

    assert outcome.confirmation is None
    assert 2 == sum(asked.values())


def test_a_critical_case_that_fails_is_asked_twice_more_on_both_arms():
    """Broken in all three runs: confirmed."""
    outcome, asked = examined({"base": "right", "cand": "no"}, critical=True)

    assert (3, 0) == outcome.confirmation
    assert outcome.confirmed
    assert {(arm, i): 1 for arm in ("base", "cand") for i in range(3)} == asked


def test_a_critical_case_that_failed_by_chance_is_not_confirmed():
    """Wrong once in three runs: regressed in the budgets, but no verdict of its own."""
    texts = {"base": "right", "cand": "right", ("cand", 0): "no"}
    outcome, _ = examined(texts, critical=True)

    assert (3, 2) == outcome.confirmation
    assert outcome.regressed
    assert not outcome.confirmed


def test_further_runs_without_an_answer_speak_against_the_candidate():
    """Unknown is not unharmed."""
    gone = TransportError("reset")
    texts = {"base": gone, "cand": gone, ("base", 0): "right", ("cand", 0): "no"}
    outcome, _ = examined(texts, critical=True)

    assert (3, 0) == outcome.confirmation


def test_repeats_of_a_critical_case_come_before_the_further_runs():
    """Three samples use repeats 0 to 2; confirmation asks 3 and 4."""
    _, asked = examined({"base": "right", "cand": "no"}, critical=True, samples=3)

    assert {0, 1, 2, 3, 4} == {repeat for _, repeat in asked}


# --- measurements ---------------------------------------------------------------------------------


def test_what_is_measured_of_both_arms():
    """Lengths, tokens, cost, refusals, truncation; latency and whether it is of this run."""
    models = Models({"base": "right", "cand": "I'm sorry, but I can't help with that."})
    prices = {"base": Price(input=1, output=2), "cand": None}
    (found,) = models.examiner(prices=prices).examine(case(), {"k": Counted()}).measurements

    assert (5, 5, 10, 0.5) == (
        found.baseline.characters,
        found.baseline.completion_tokens,
        found.baseline.prompt_tokens,
        found.baseline.latency_s,
    )
    assert math.isclose(20e-6, found.baseline.cost)
    assert found.candidate.cost is None
    assert (0, 1) == (found.baseline.refused, found.candidate.refused)
    assert found.baseline.live
    assert found == Evidence.from_dict(Evidence(measurements=[found]).to_dict()).measurements[0]


def test_an_arm_without_an_answer_is_measured_as_such():
    """Errors are counted, and nothing else is made up."""
    (found,) = (
        Models({"base": "right", "cand": TransportError("down")})
        .examiner()
        .examine(case(), {"k": Counted()})
        .measurements
    )

    assert found.baseline.answered
    assert not found.candidate.answered
    assert found.candidate.latency_s is None


def test_references_are_asked_for_only_where_a_budget_wants_them():
    """No budget, no request; no reference, no request."""
    models = Models({"base": "a", "cand": "a"}, references={"base": (), "cand": ()})
    models.examiner().examine(case(reference="yes"), {"k": Counted()})
    models.examiner(references=True).examine(case(), {"k": Counted()})

    assert not [job for job in models.asked if job.request.reference]


def test_the_probability_of_a_reference_is_measured_or_its_error_kept():
    """exp of the sum of log-probs; a server that cannot tell is remembered, never guessed."""
    tokens = (Token(text="y", logprob=math.log(0.5)), Token(text="es", logprob=math.log(0.5)))
    models = Models(
        {"base": "a", "cand": "a"},
        references={"base": tokens, "cand": RefusedError("gives no log-probs", status=400)},
    )
    examiner = models.examiner(references=True)
    (found,) = examiner.examine(case(reference="yes"), {"k": Counted()}).measurements

    assert (None, None) == (found.baseline.reference_p, found.candidate.reference_p)
    assert "gives no log-probs" in found.candidate.reference_error

    models.references["cand"] = (*tokens[:1], Token(text="es", logprob=math.log(0.1)))
    (found,) = examiner.examine(case(reference="yes"), {"k": Counted()}).measurements

    assert math.isclose(0.25, found.baseline.reference_p)
    assert math.isclose(0.05, found.candidate.reference_p)


def test_log_probs_that_are_no_numbers_are_an_error_of_the_server():
    """A broken build's worst cases must not leave the average."""
    sound, broken = ((Token(text="y", logprob=p),) for p in (-0.1, math.nan))
    models = Models({"base": "a", "cand": "a"}, references={"base": sound, "cand": broken})
    examiner = models.examiner(references=True)
    (found,) = examiner.examine(case(reference="y"), {"k": Counted()}).measurements

    assert found.baseline.reference_p is None
    assert "not numbers" in found.candidate.reference_error


def test_a_graded_critical_check_that_never_holds_fully_is_not_asked_again():
    """From 0.9 to 0.1: runs of "holds" cannot be counted, so the loss stands."""

    def graded(completion, case):
        return Outcome(value=0.9 if "right" in completion.text else 0.1)

    models = Models({"base": "right", "cand": "no"})
    evidence = models.examiner().examine(case(critical=True), {"k": Reusable(graded)})

    assert evidence.outcomes[0].confirmed
    assert 2 == len(models.asked)


def test_references_cut_into_other_tokens_are_not_compared():
    """Another tokenizer, or a server that counts the end of the answer and one that does not."""
    whole = (Token(text="yes", logprob=-0.1),)
    models = Models(
        {"base": "a", "cand": "a"},
        references={"base": whole, "cand": (*whole, Token(text="", logprob=-0.1))},
    )
    examiner = models.examiner(references=True)
    (found,) = examiner.examine(case(reference="yes"), {"k": Counted()}).measurements

    assert found.candidate.reference_p is None
    assert "1 tokens for the baseline and 2 others" in found.candidate.reference_error
