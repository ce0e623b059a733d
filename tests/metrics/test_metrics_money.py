"""Metrics of tokens, money and time-outs."""

import pytest
from metric_arms import NO_NUMBERS, load, measured, shares

from pytest_quantguard.types import Usage
from pytest_quantguard.variants import Price

FIELDS = {
    "cost_per_request": "cost",
    "tokens_in": "prompt_tokens",
    "tokens_out": "completion_tokens",
}


@pytest.mark.parametrize("key", FIELDS)
def test_levels_are_means_and_the_delta_their_ratio(key):
    """40 cases of 1 and 3, all one more in the candidate: 3 / 2."""
    reading = shares(FIELDS[key], [(1.0, 2.0), (3.0, 4.0)] * 20).read(key)

    assert (2.0, 3.0, 40, "") == (
        reading.baseline,
        reading.candidate,
        reading.cases,
        reading.note,
    )
    assert pytest.approx(1.5) == reading.delta.value
    assert 1.43 < reading.delta.low < 1.5 < reading.delta.high < 1.58


@pytest.mark.parametrize("key", FIELDS)
def test_one_endless_answer_counts_as_what_it_costs(key):
    """One case of 100 takes 100 times as much: the mean doubles, where a median would not move."""
    pairs = [(1.0, 1.0)] * 99 + [(1.0, 101.0)]
    reading = shares(FIELDS[key], pairs).read(key)

    assert pytest.approx(2.0) == reading.delta.value
    assert reading.delta.low < 1.3


@pytest.mark.parametrize("bad", NO_NUMBERS)
@pytest.mark.parametrize("key", FIELDS)
def test_what_is_no_amount_is_left_out(key, bad):
    """In either arm: the case does not count, and the note says so."""
    pairs = [(2.0, 3.0)] * 12 + [(bad, 1.0), (1.0, bad)]
    reading = shares(FIELDS[key], pairs).read(key)

    assert (12, 2.0, 3.0) == (reading.cases, reading.baseline, reading.candidate)
    assert reading.note.startswith("2 of 14 cases left out: an arm lacks a c")


@pytest.mark.parametrize("key", FIELDS)
def test_nine_cases_show_levels_and_no_delta(key):
    """A mean needs ten."""
    found = shares(FIELDS[key], [(1.0, 2.0)] * 9)
    reading = found.read(key)

    assert (None, 1.0, 2.0) == (reading.delta, reading.baseline, reading.candidate)
    assert f"{key} needs at least 10 cases, there are 9" == reading.note
    assert 1.0 == found.p_over(key, 1.1)


@pytest.mark.parametrize("pair", [(0.0, 1.0), (1.0, 0.0), (0.0, 0.0)])
def test_an_arm_that_costs_nothing_has_no_ratio(pair):
    """A local server at the price 0: said, and never passed."""
    reading = shares("cost", [pair] * 20).read("cost_per_request")

    assert (None, "an arm took nothing at all") == (reading.delta, reading.note)
    assert 1.0 == shares("cost", [pair] * 20).p_over("cost_per_request", 1.1)


def test_prompt_tokens_in_a_cache_are_cheaper():
    """1,000 tokens in, 400 of them found again: 600 at 2, 400 at 0.5, 100 out at 8 per million."""
    usage = Usage(prompt_tokens=1000, completion_tokens=100, cached_tokens=400)

    assert pytest.approx((1200 + 200 + 800) / 1e6) == Price(input=2, output=8, cached_input=0.5).of(
        usage
    )
    assert pytest.approx((2000 + 800) / 1e6) == Price(input=2, output=8).of(usage)


def test_no_more_tokens_come_from_a_cache_than_there_are():
    """A server that counts wrong makes no cost negative."""
    usage = Usage(prompt_tokens=10, completion_tokens=0, cached_tokens=99)

    assert 0 == Price(input=2, output=8, cached_input=0).of(usage)


def test_time_outs_are_a_part_of_the_errors():
    """Of 100 cases the candidate loses 5 to time-outs and 3 otherwise."""
    late, refused = {"answered": False, "timed_out": True}, {"answered": False}
    found = measured(*[({}, late)] * 5, *[({}, refused)] * 3, *[({}, {})] * 92)

    assert (0.0, 0.05, 100) == (
        found.read("timeouts").baseline,
        found.read("timeouts").candidate,
        found.read("timeouts").cases,
    )
    assert pytest.approx(0.08) == found.read("errors").delta.value
    assert found.p_over("timeouts", 0.0) < 0.05 < found.p_over("timeouts", 0.03)


def test_an_answer_in_the_end_is_no_time_out():
    """What was answered counts as answered, whatever else a record says."""
    assert 0.0 == measured(({}, {"timed_out": True})).read("timeouts").candidate


def test_weights_do_not_make_money():
    """A heavy case costs what it costs."""
    pairs = (({"cost": 1.0}, {"cost": 1.0}),) * 20
    heavy = (({"cost": 9.0}, {"cost": 90.0}),)
    found = measured(*pairs, *heavy, weights=[1.0] * 20 + [50.0])

    assert pytest.approx((20 + 90) / (20 + 9)) == found.read("cost_per_request").delta.value
    assert load("cost_per_request").floor(0.9) == 10
