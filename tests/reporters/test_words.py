"""Numbers and sentences, routes, and excerpts: what all reports share."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from pytest_quantguard.reporters import REPORTERS, _excerpts, _views, _words
from pytest_quantguard.reporters._texts import Texts
from pytest_quantguard.reporters.terminal import budget_details, budget_sentence
from pytest_quantguard.types import UNANSWERED, Completion, Outcome
from pytest_quantguard.verdicts import Delta, Verdict


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (137, "137 : 1"),
        (4.1e5, "4.1e5 : 1"),
        (99.7, "99 : 1"),
        (100, "100 : 1"),
        (1, "1.0 : 1"),
        (0.34, "0.3 : 1"),
        (9.99, "9.9 : 1"),
        (9_999, "9999 : 1"),
        (10_000, "1.0e4 : 1"),
        (9.96e5, "1.0e6 : 1"),
        (1e98, "1.0e98 : 1"),
    ],
)
def test_odds_of_a_natural_logarithm(value, text):
    """Rounded down, so that 99.7 : 1 never looks like the 100 : 1 that a FAIL takes."""
    assert text == _words.odds(math.log(value))


@pytest.mark.parametrize(
    ("log", "text"),
    [
        (1e6, "> 1e99 : 1"),
        (math.inf, "> 1e99 : 1"),
        (-1e6, "< 0.1 : 1"),
        (-math.inf, "< 0.1 : 1"),
        (math.nan, "unknown"),
    ],
)
def test_odds_beyond_all_bounds(log, text):
    """No overflow, whatever the evidence."""
    assert text == _words.odds(log)


def test_points_and_percent():
    """One decimal; + = worse; zero has no sign, not even a negative one."""
    assert _words.points(0.19375, signed=True) == "+19.4 pt"
    assert _words.points(-0.005, signed=True) == "-0.5 pt"
    assert _words.points(-0.0001, signed=True) == "0.0 pt"
    assert _words.points(0, signed=True) == "0.0 pt"
    assert _words.interval(Delta(value=0, low=-0.0001, high=0.0765, n=1)) == "[0.0, 7.6]"
    assert _words.percent(0.975) == "97.5%"
    assert _words.percent(None) == ""
    assert _words.allowance(0.025) == "2.5 pt"
    assert _words.allowance(0.1) == "10 pt"
    assert _words.allowance(None) == ""


def test_the_sentence_of_a_failed_budget(make):
    """The one line that pytest's summary and JUnit show."""
    (candidate,) = make.realistic().candidates

    assert (
        "31 of 160 regressed, 0 improved; worse by 19.4 pt, budget 10 pt"
        == budget_sentence(candidate.budgets[-1], candidate)
        == budget_sentence(candidate.budgets[-1])
    )


def test_the_sentence_counts_checks_where_cases_have_several(make):
    """Regressed and improved are pairs of case and check, and so must the total be."""
    outcomes = [make.pair(f"c{i}", check=k, lost=i < 3) for i in range(10) for k in ("a", "b")]
    row = make.row(
        outcomes, cohort="tool-calling", check=None, max_drop=0.1, verdict=Verdict.FAIL, reason="x"
    )
    (candidate,) = make.realistic().candidates
    candidate = replace(candidate, outcomes=tuple(outcomes))

    assert budget_sentence(row, candidate).startswith("6 of 20 checks regressed, 0 improved; ")


def test_regressed_cases_that_stand_above_are_counted_in_words():
    """``47, 47 of them counted above`` would send the reader to look for the difference."""
    assert ["", ", 31 of them counted above", ", all of them counted above"] == [
        _words.counted_above(above, 47) for above in (0, 31, 47)
    ]


def test_a_gain_is_called_better(make):
    """A negative loss needs no reader who turns signs."""
    outcomes = [make.pair(f"c{i}", won=i < 3) for i in range(10)]
    row = make.row(
        outcomes, cohort=None, check=None, max_drop=0.05, verdict=Verdict.PASS, reason=""
    )

    assert budget_sentence(row) == "0 of 10 regressed, 3 improved; better by 30.0 pt, budget 5 pt"


def test_a_sentence_is_never_empty(make):
    """junit-xml drops a failure without text, and the case would look green."""
    (broken, *_), *_ = (c.budgets for c in make.hostile("").candidates)

    assert budget_sentence(broken) == "error, without a reason"


def test_sentences_are_one_clean_line(make, hostile_text):
    """At most 500 characters, whatever stands in the reason."""
    for candidate in make.hostile(hostile_text).candidates:
        for row in candidate.budgets:
            said = budget_sentence(row, candidate)
            assert 0 < len(said) <= 500
            assert make.UNPRINTABLE.search(said) is None


def test_details_hold_the_regressed_cases_and_count_the_rest(make):
    """Worst first, each with both texts."""
    (candidate,) = make.realistic().candidates
    text = budget_details(candidate.budgets[-1], make.REALISTIC_TEXTS, 3)

    assert text.startswith("refund-order-4 (tool_call, critical)  golden/tools.quant.yaml:12\n")
    assert text.count("differs from character") == 3
    assert text.endswith("... and 28 more")
    assert max(map(len, text.splitlines())) <= 80


def test_details_of_a_budget_without_losses_are_empty(make):
    """Nothing to add to the sentence."""
    (candidate,) = make.realistic().candidates

    assert budget_details(candidate.budgets[0], make.REALISTIC_TEXTS) == ""


def test_a_reason_too_long_for_the_sentence_stands_in_the_details(make):
    """The end of a long reason is not lost."""
    (candidate,) = make.realistic().candidates
    row = replace(candidate.budgets[0], reason="because " * 100 + "at last")

    assert budget_details(row, make.REALISTIC_TEXTS).endswith("at last")


@pytest.mark.parametrize("characters", [200, 1_000, 20_000])
def test_details_are_bounded(make, hostile_text, characters):
    """In characters too, with ten texts of 10 MB."""
    (candidate,) = make.hostile(hostile_text).candidates
    row = replace(candidate.budgets[1], regressed=candidate.budgets[1].regressed * 20)

    text = budget_details(row, make.saying(hostile_text), 10, characters=characters)
    assert len(text) <= characters


def test_a_critical_case_that_regressed_is_a_failure(make):
    """Even where every budget passed."""
    (candidate,) = make.realistic().candidates
    outcomes = (make.pair("a", lost=True, critical=True), make.pair("b", lost=True))
    candidate = replace(candidate, outcomes=outcomes, budgets=())

    assert [finding for _, finding in _views.findings(candidate)] == ["fail", "tolerated"]


@pytest.mark.parametrize(
    ("one", "other", "at"),
    [
        ("", "", None),
        ("a", "a", None),
        ("", "a", 0),
        ("ab", "ac", 1),
        ("x" * 4096, "x" * 4096 + "y", 4096),
        ("x" * 10_000 + "a", "x" * 10_000 + "b", 10_000),
    ],
)
def test_first_difference(one, other, at):
    """The index of the first character that differs, or the end of the shorter text."""
    assert at == _excerpts.first_difference(one, other)
    assert at == _excerpts.first_difference(other, one)


def test_an_empty_answer_is_said_to_be_nothing(make):
    """An empty block would look like a mistake of the report."""
    lines = _excerpts.side_by_side(
        make.pair("c", lost=True),
        Texts(lambda key: Completion(text="" if key[0] == "c" else "x")),
        80,
    )

    assert lines[-1] == "| (nothing)"


@pytest.mark.parametrize("kept", [True, False])
def test_a_candidate_that_gave_no_answer_is_not_said_to_be_lost_from_the_cache(make, kept):
    """There was no text: the failure's own words stand there, beside what the baseline said."""
    lost = make.pair("c", lost=True)
    silent = replace(lost, candidate=Outcome.of([f"{UNANSWERED}HTTP 503: \x1b[31mbusy"]))
    said = Completion(text="Berlin") if kept else None
    lines = _excerpts.side_by_side(
        silent, Texts(lambda key: said if key == silent.keys[0] else None), 80
    )

    shown = ["baseline, 6 characters:", "| Berlin"] if kept else []
    assert [*shown, "candidate: no answer: HTTP 503: "] == [*lines[:-1], lines[-1][:32]]
    assert "\x1b" not in lines[-1]


def test_the_table_of_reporters_leads_to_functions():
    """Each line of the table can be imported and called with the same three arguments."""
    import importlib
    import inspect

    for target in REPORTERS.values():
        module, _, attr = target.partition(":")
        signature = inspect.signature(getattr(importlib.import_module(module), attr))
        signature.bind("report", "path", "completions")
