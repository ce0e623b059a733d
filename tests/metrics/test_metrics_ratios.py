"""Metrics that are ratios: what a reading says, and which cases count."""

import random

import pytest
from metric_arms import NO_NUMBERS, Evidence, load, measured, repeated

TIMES = {"latency": "latency_s", "ttft": "ttft_s"}
SPREAD = [0.5 + 0.01 * place for place in range(320)]


def timed(field, pairs, **arm):
    return measured(*(({field: b, **arm}, {field: c, **arm}) for b, c in pairs))


@pytest.mark.parametrize("kind", TIMES)
@pytest.mark.parametrize(("q", "place"), [("p50", 159.5), ("p95", 303.05), ("p99", 315.81)])
def test_levels_are_quantiles_in_seconds(kind, q, place):
    """320 cases, all 10 % slower: the ratio is 1.1, the levels are the arms' quantiles."""
    reading = timed(TIMES[kind], [(s, 1.1 * s) for s in SPREAD]).read(f"{kind}_{q}")

    assert (pytest.approx(1.1), "ratio", 320) == (
        reading.delta.value,
        reading.delta.unit,
        reading.cases,
    )
    assert pytest.approx(0.5 + 0.01 * place) == reading.baseline
    assert pytest.approx(1.1 * (0.5 + 0.01 * place)) == reading.candidate


@pytest.mark.parametrize("kind", TIMES)
@pytest.mark.parametrize(("q", "least"), [("p50", 6), ("p95", 59), ("p99", 299)])
def test_a_quantile_needs_its_minimum_of_cases(kind, q, least):
    """One case less: levels, no delta, no p-value, and the minimum is told."""
    short = timed(TIMES[kind], [(1.0, 9.0)] * (least - 1))
    enough = timed(TIMES[kind], [(1.0, 9.0)] * least)
    reading = short.read(f"{kind}_{q}")

    assert (None, 1.0, 9.0) == (reading.delta, reading.baseline, reading.candidate)
    assert f"{kind}_{q} needs at least {least} cases, {least - 1} were timed" == reading.note
    assert 1.0 == short.p_over(f"{kind}_{q}", 1.1)
    assert least == load(f"{kind}_{q}").floor(1.1)
    assert 9 == pytest.approx(enough.read(f"{kind}_{q}").delta.value)


@pytest.mark.parametrize("key", ["latency_p50", "latency_p95", "ttft_p50", "tokens_per_second"])
def test_time_is_judged_only_when_both_arms_were_asked_in_this_run(key):
    """One answer from the cache: no delta, no p-value; the levels are those of the live cases."""
    arm = {"latency_s": 1.0, "ttft_s": 1.0, "completion_tokens": 1.0}
    slow = {**arm, "latency_s": 2.0, "ttft_s": 2.0}
    live = [(arm, slow)] * 99
    found = measured(({**arm, "live": False}, slow), *live)
    reading = found.read(key)

    assert (None, 99) == (reading.delta, reading.cases)
    assert (
        "latency is judged only when both arms were asked in this run: "
        "1 of 200 answers came from the cache; delete it, or give both variants another "
        "'revision', to measure again"
    ) == reading.note
    assert 1.0 == found.p_over(key, 1.1)
    assert measured(*live).p_over(key, 1.1) < 0.01


def test_nothing_live_has_no_level():
    """A run that only replays the cache measured nothing."""
    reading = timed("latency_s", [(1.0, 1.0)] * 9, live=False).read("latency_p50")

    assert (None, None, 0) == (reading.delta, reading.baseline, reading.cases)
    assert "18 of 18 answers came from the cache" in reading.note


def test_a_case_without_an_answer_has_no_latency():
    """A time-out is left out: `errors` counts it; that it is not live matters to nobody."""
    pairs = [({"latency_s": 1.0}, {"latency_s": 1.0})] * 9
    lost = ({"latency_s": 1.0}, {"answered": False, "live": False, "latency_s": 60.0})
    reading = measured(*pairs, lost).read("latency_p50")

    assert (9, 1.0, 1.0) == (reading.cases, reading.candidate, reading.delta.value)
    assert "1 of 10 cases left out: an arm lacks a latency above 0" == reading.note


@pytest.mark.parametrize("bad", [*NO_NUMBERS, 0.0, 5e-324])
@pytest.mark.parametrize("kind", TIMES)
def test_what_is_no_time_is_missing(kind, bad):
    """No answer takes no time: such a value, in either arm, never enters a ratio."""
    good = [(1.0, 1.5)] * 8
    reading = timed(TIMES[kind], [*good, (bad, 1.0), (1.0, bad)]).read(f"{kind}_p50")
    none = timed(TIMES[kind], [(bad, bad)] * 8)

    assert (8, 1.0, 1.5) == (reading.cases, reading.baseline, reading.candidate)
    assert pytest.approx(1.5) == reading.delta.value
    assert reading.note.startswith("2 of 10 cases left out: an arm lacks a ")
    assert none.read(f"{kind}_p50").note.startswith("no case has a ")
    assert 1.0 == none.p_over(f"{kind}_p50", 1.1)


def test_a_slower_candidate_has_a_ratio_above_1():
    """30 against 20 tokens a second: 1.5. Levels are speeds; the answers' lengths do not matter."""
    arms = [
        (
            {"completion_tokens": 30.0 * k, "latency_s": 1.0 * k},
            {"completion_tokens": 20.0, "latency_s": 1.0},
        )
        for k in range(1, 20)
    ]
    reading = measured(*arms).read("tokens_per_second")

    assert (pytest.approx(1.5), 30, 20) == (
        reading.delta.value,
        reading.baseline,
        reading.candidate,
    )
    assert measured(*arms).p_over("tokens_per_second", 1.1) < 0.001
    assert measured(*arms).p_over("tokens_per_second", 1.6) > 0.5


@pytest.mark.parametrize("bad", [*NO_NUMBERS, 0.0])
@pytest.mark.parametrize("field", ["completion_tokens", "latency_s"])
def test_a_speed_needs_tokens_and_time(field, bad):
    """Nothing is divided by nothing."""
    arm = {"completion_tokens": 10.0, "latency_s": 2.0}
    reading = measured(*[(arm, arm)] * 6, (arm, {**arm, field: bad})).read("tokens_per_second")

    assert (6, 5.0) == (reading.cases, reading.candidate)
    assert "1 of 7 cases left out: an arm lacks a token count and a latency above 0" == reading.note


def test_length_is_in_tokens_where_every_answer_has_them():
    """Geometric means: 100 and 110 tokens, whatever the characters."""
    arms = [
        ({"completion_tokens": 50.0 * k, "characters": 1.0}, {"completion_tokens": 55.0 * k})
        for k in (1, 4)
    ] * 20
    reading = measured(*arms).read("length")

    assert (pytest.approx(1.1), "ratio", 40) == (
        reading.delta.value,
        reading.delta.unit,
        reading.cases,
    )
    assert (pytest.approx(100), pytest.approx(110)) == (reading.baseline, reading.candidate)


@pytest.mark.parametrize("bad", NO_NUMBERS)
def test_length_is_in_characters_otherwise(bad):
    """One answer without a count, and all cases are compared in characters."""
    both = {"completion_tokens": 10.0, "characters": 40.0}
    arms = [(both, both)] * 9 + [(both, {"completion_tokens": bad, "characters": 40.0})]
    reading = measured(*arms).read("length")

    assert (10, pytest.approx(40)) == (reading.cases, reading.baseline)
    assert "in characters: not every answer came with a token count" == reading.note


@pytest.mark.parametrize("bad", NO_NUMBERS[1:])
def test_a_length_that_is_none_is_missing(bad):
    """Neither tokens nor characters that count: the case is left out."""
    arms = [({"characters": 9.0}, {"characters": 9.0})] * 9 + [({"characters": bad}, {})]
    reading = measured(*arms).read("length")

    assert 9 == reading.cases
    assert reading.note.startswith("1 of 10 cases left out: an arm lacks an answer; in characters")


def test_an_empty_answer_is_a_short_one():
    """It counts as one token, so that lost answers make the arm shorter; and it is told."""
    full, empty = {"completion_tokens": 64.0}, {"completion_tokens": 0.0}
    arms = [*[(full, full)] * 30, *[(full, empty)] * 10]
    reading = measured(*arms).read("length")

    assert pytest.approx(64**-0.25) == reading.delta.value
    assert "empty answers: 0 of the baseline, 10 of the candidate" in reading.note
    assert measured(*arms).p_over("length", 1.1) < 0.01
    mute = measured(*[({"completion_tokens": 0.0},) * 2] * 20).read("length")
    assert (1.0, 1.0) == (mute.delta.value, mute.baseline)


def lengths(seed, change, cases=150):
    draw = random.Random(seed)
    arms = []
    for place in range(cases):
        own = draw.lognormvariate(5, 0.3)
        arms.append(
            (own * draw.lognormvariate(0, 0.05), change(place, own) * draw.lognormvariate(0, 0.05))
        )
    return measured(*(({"completion_tokens": b}, {"completion_tokens": c}) for b, c in arms))


def test_longer_and_shorter_are_both_a_shift():
    """The p-value is that of a shift beyond the limit in either direction."""
    for factor in (1.3, 1 / 1.3):
        found = lengths(1, lambda place, own, f=factor: f * own)
        assert found.p_over("length", 1.1) < 0.001
        assert found.p_over("length", 1.4) == 1.0


def test_length_tells_another_shape():
    """Half of the answers twice as long, half of them half as long: the mean hides it."""
    found = lengths(2, lambda place, own: own * (2 if place % 2 else 0.5))
    same = lengths(2, lambda place, own: own)

    assert found.read("length").note.startswith("shape differs (p = 0.001)")
    assert found.p_over("length", 1.2) > 0.5
    assert "" == same.read("length").note


def test_the_shape_takes_few_draws_unless_it_differs(monkeypatch):
    """What is surely chance is not drawn 999 times, and what was drawn once is known."""
    drawn = []

    class Counted(random.Random):
        def getrandbits(self, k, /):
            drawn.append(k)
            return super().getrandbits(k)

    same, other = (lengths(40, lambda place, own, f=f: own * f ** (-1) ** place) for f in (1, 2))
    monkeypatch.setattr(random, "Random", Counted)
    counts = []
    for found in (same, same, other, other):
        drawn.clear()
        found.read("length")
        counts.append(len(drawn))

    assert 9 <= counts[0] < 200
    assert [0, 999, 0] == counts[1:]


def test_of_many_cases_the_shape_takes_some():
    """The whole of 4,000 cases enters the ratio, 500 of them the 999 draws."""
    found = lengths(3, lambda place, own: own, cases=4000)

    assert (4000, "") == (found.read("length").cases, found.read("length").note)


def spent(*arms):
    """One case for each (baseline cost, holds, candidate cost, holds)."""
    found = measured(*(({"cost": b}, {"cost": c}) for b, _, c, _ in arms))
    return Evidence(found.measurements, repeated(*(((b,), (c,)) for _, b, _, c in arms)))


def test_a_cheap_model_that_fails_is_dear():
    """3 units per case and always right, against 2 and right in half: 3 and 4 per success."""
    reading = spent(*[(3.0, 1, 2.0, 1), (3.0, 1, 2.0, 0)] * 30).read("cost_per_success")

    assert (pytest.approx(4 / 3), "ratio", 60) == (
        reading.delta.value,
        reading.delta.unit,
        reading.cases,
    )
    assert (pytest.approx(3), pytest.approx(4), "") == (
        reading.baseline,
        reading.candidate,
        reading.note,
    )


def test_a_success_holds_all_checks():
    """One of two checks, or half of a check, is no success."""
    found = spent(*[(1.0, 1, 1.0, 1)] * 20)
    other = repeated(*[((1,), (1,)), ((1,), (0.5,))] * 10, check="json")
    reading = Evidence(found.measurements, [*found.outcomes, *other]).read("cost_per_success")

    assert (1, 2) == (reading.baseline, reading.candidate)


@pytest.mark.parametrize("bad", NO_NUMBERS)
def test_cost_needs_a_price_on_both_variants(bad):
    """One answer without a cost: no delta, no level, and what to do."""
    found = spent(*[(1.0, 1, 1.0, 1)] * 20, (1.0, 1, bad, 1))
    reading = found.read("cost_per_success")

    assert (None, None, None, 21) == (
        reading.delta,
        reading.baseline,
        reading.candidate,
        reading.cases,
    )
    assert "set price: on both variants; 1 of 42 answers have no cost" == reading.note
    assert 1.0 == found.p_over("cost_per_success", 1.1)


@pytest.mark.parametrize(
    ("arm", "note"),
    [
        ((0.0, 1, 1.0, 1), "the answers of the baseline cost nothing"),
        ((1.0, 1, 1.0, 0), "no case of the candidate holds: a success has no cost"),
        ((1.0, 0, 1.0, 1), "no case of the baseline holds: a success has no cost"),
    ],
)
def test_a_ratio_that_does_not_exist_is_told(arm, note):
    """Nothing is divided by nothing, and nothing is concluded."""
    found = spent(*[arm] * 20)

    assert (None, note) == (
        found.read("cost_per_success").delta,
        found.read("cost_per_success").note,
    )
    assert 1.0 == found.p_over("cost_per_success", 1.1)


def test_a_case_that_was_not_answered_or_judged_has_no_cost_per_success():
    """Its cost is not known; the missing price of a case that does not count is no reason."""
    answered = spent(*[(1.0, 1, 2.0, 1)] * 20)
    lost = measured(*[({}, {})] * 20, ({"cost": 1.0}, {"answered": False}), ({}, {}))
    found = Evidence([*answered.measurements, *lost.measurements[20:]], answered.outcomes)

    assert (20, pytest.approx(2)) == (
        found.read("cost_per_success").cases,
        found.read("cost_per_success").delta.value,
    )
    unjudged = Evidence(answered.measurements).read("cost_per_success")
    assert "no case was answered by both arms and judged" == unjudged.note
