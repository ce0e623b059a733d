"""The same request again is no further evidence, and takes a PASS away where it loses."""

from __future__ import annotations

import pytest
from recorded_pairs import asked, pair, said

from pytest_quantguard.canary import repeats
from pytest_quantguard.canary.checking import Checker
from pytest_quantguard.canary.judging import CanaryJudge
from pytest_quantguard.canary.pair_lines import pair_of
from pytest_quantguard.canary.repeats import Repeats
from pytest_quantguard.checks.refusal import Refusal
from pytest_quantguard.types import Source
from pytest_quantguard.verdicts import Budget, Verdict

JSON = {"response_format": {"type": "json_object"}}
BUDGETS = [Budget(max_drop=0.05)]


def line(number, question="Is it open?", theirs="{}", **more):
    """Return one pair that asks for JSON; the candidate says ``theirs``."""
    arms = {"baseline": said("{}"), "candidate": said(theirs, "help-desk-awq")}
    return pair(number, request=asked(question, **JSON), **{**arms, **more})


@pytest.fixture
def judged(canary):
    """Return a function that judges lines as a run does, and returns the report."""

    def judge(*lines, budgets=BUDGETS, sequential=False, **block):
        canary.configure(**block)
        config = canary.config()
        checker = Checker(config, Refusal(must=True), prices={})
        seen, judge = Repeats(config.unit), CanaryJudge(budgets, sequential=sequential)
        for number, data in enumerate(lines, start=1):
            found = pair_of(data, Source(file="m.jsonl", line=number), config.labels)
            judge.take(seen.marked(found, checker.step(found)))
        return judge.report()

    return judge


def budget_row(report):
    """Return the row of the only budget."""
    (row,) = [row for row in report.budgets if row.check not in ("evidence", "comparability")]
    return row


def test_copies_of_one_request_are_one_piece_of_evidence(judged):
    """They neither pass nor fail anything, however many there are, and the report says so."""
    good = judged(*[line(i) for i in range(2000)])
    bad = judged(*[line(i, theirs="no") for i in range(2000)], sequential=True)

    assert Verdict.INCONCLUSIVE is good.verdict is bad.verdict
    assert 1 == budget_row(good).cases == budget_row(bad).cases
    assert any("1,999 of 2000 pairs ask what was asked before" in note for note in good.notes)


def test_a_loss_of_what_is_asked_often_is_not_passed_over(judged):
    """One broken request among many good ones is no FAIL; as half of the traffic it is no PASS."""
    others = [line(i, f"Question {i}") for i in range(500)]
    rare = judged(*others, line(1000, theirs="no"))
    often = judged(*others, *[line(1000 + i, theirs="no") for i in range(500)])

    assert Verdict.PASS is budget_row(rare).verdict
    row = budget_row(often)
    assert Verdict.INCONCLUSIVE is row.verdict
    assert 501 == row.cases
    assert "with the 499 pairs that repeat a request it is +25.0 pt" in row.reason


def test_metrics_of_what_was_said_are_guarded_too(judged):
    """Length is told of different requests; errors and times are of all that was served."""
    long = said("x" * 400, "help-desk-awq", usage={"completion_tokens": 100})
    others = [line(i, f"Question {i}") for i in range(300)]
    lines = [*others, *[line(1000 + i, candidate=long) for i in range(900)]]
    length = [Budget(metric="length", max_ratio=1.5)]
    silent = [line(1000 + i, candidate={"error": "503"}) for i in range(900)]

    assert Verdict.PASS is budget_row(judged(*others, budgets=length)).verdict
    row = budget_row(judged(*lines, budgets=length))
    assert Verdict.INCONCLUSIVE is row.verdict
    assert "which is over the budget" in row.reason
    errors = judged(*others, *silent, budgets=[Budget(metric="errors", max_drop=0.1)])
    assert (Verdict.FAIL, 1200) == (budget_row(errors).verdict, budget_row(errors).cases)


def test_what_is_one_piece_can_be_chosen(judged):
    """`unit: pair` counts each, `unit: label:NAME` one of each session and cohort."""
    lines = [line(i, f"Question {i}", labels={"session": f"s{i % 10}"}) for i in range(300)]

    assert 300 == budget_row(judged(*lines)).cases
    assert 10 == budget_row(judged(*lines, unit="label:session")).cases
    assert 300 == budget_row(judged(*[line(i) for i in range(300)], unit="pair")).cases
    unlabelled = [line(i, f"Question {i}") for i in range(30)]
    assert 30 == budget_row(judged(*unlabelled, unit="label:session")).cases


def test_each_cohort_has_its_own_first(judged):
    """A cohort is not emptied by another that was asked the same before."""
    rules = [{"cohort": "a", "route": "a"}, {"cohort": "b", "route": "b"}]
    lines = [line(i, route="ab"[i % 2]) for i in range(100)]
    found = judged(*lines, cohorts=rules)

    assert {"a": 1, "b": 1} == {one.cohort: one.cases for one in found.counted}


def test_a_request_that_the_baseline_left_open_is_not_known_again(judged):
    """Nothing was compared of it: the next one is the first."""
    others = [line(i, f"Question {i}") for i in range(199)]
    found = judged(*others, line(200, baseline={"error": "503"}), line(201), line(202))

    assert 200 == budget_row(found).cases
    assert any("1 of 202 pairs ask what was asked before" in note for note in found.notes)


def test_memory_is_bounded(monkeypatch):
    """What was asked long ago counts as new: it is known for a while only."""
    monkeypatch.setattr(repeats, "REMEMBERED", 10)
    seen = Repeats("request")._seen
    first = [seen.seen(str(i)) for i in range(1000)]

    assert not any(first)
    assert seen.forgot
    assert seen._new.held + seen._old.held <= 20
    assert seen.seen("999")
