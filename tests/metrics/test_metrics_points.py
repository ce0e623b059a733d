"""Metrics in points: what a reading says, and which cases count."""

import pytest
from metric_arms import EVERYTHING, NO_NUMBERS, Evidence, load, measured, repeated, shares

from pytest_quantguard.pairs import Divergence

FIELDS = {"reference": "reference_p", "refusals": "refused", "truncation": "truncated"}
UP, DOWN, BOTH, NEITHER = (0.0, 1.0), (1.0, 0.0), (1.0, 1.0), (0.0, 0.0)


def asked(*pairs):
    return measured(*(({"answered": not b}, {"answered": not c}) for b, c in pairs))


def test_errors_count_every_case():
    """Of 100 cases the candidate leaves 4 more without an answer, the baseline 1 more."""
    reading = asked(*[UP] * 4, DOWN, BOTH, *[NEITHER] * 94).read("errors")

    assert (pytest.approx(0.03), pytest.approx(100)) == (reading.delta.value, reading.delta.n)
    assert (pytest.approx(0.02), pytest.approx(0.05)) == (reading.baseline, reading.candidate)
    assert 100 == reading.cases
    assert "4 cases answered by the baseline only, 1 by the candidate only" == reading.note


@pytest.mark.parametrize(("key", "field"), [("truncation", "truncated"), ("refusals", "refused")])
def test_shares_rise_when_the_candidate_has_more(key, field):
    """The delta is a rise in points, with the levels of both arms."""
    reading = shares(field, [*[UP] * 5, *[DOWN] * 2, *[NEITHER] * 43]).read(key)

    assert pytest.approx(0.06) == reading.delta.value
    assert reading.delta.low < 0.06 < reading.delta.high
    assert (pytest.approx(0.04), pytest.approx(0.1)) == (reading.baseline, reading.candidate)


def test_reference_falls():
    """The probability of the right answer is a good thing: its drop is the loss."""
    reading = shares("reference_p", [(0.8, 0.7), (0.6, 0.55)] * 40).read("reference")

    assert pytest.approx(0.075) == reading.delta.value
    assert (pytest.approx(0.7), pytest.approx(0.625)) == (reading.baseline, reading.candidate)
    assert "early warning: the model is less sure of the right answer" == reading.note


@pytest.mark.parametrize("pairs", [[(0.7, 0.7)] * 60, [(0.7, 0.8)] * 60, [(0.7, 0.6)]])
def test_reference_warns_of_nothing_that_is_not_shown(pairs):
    """Equal, better, and a single case: no early warning."""
    assert "" == shares("reference_p", pairs).read("reference").note


@pytest.mark.parametrize(
    ("pairs", "note"),
    [
        ([*[UP] * 9, *[DOWN] * 2, BOTH], "9 cases newly refused, 2 no longer"),
        ([UP], "1 case newly refused, 0 no longer"),
        ([(0.2, 0.6), (0.4, 0.2), (0, 0.2)], "2 cases refused more often, 1 less often"),
    ],
)
def test_refusals_tell_both_directions(pairs, note):
    """Over-refusal and lost refusal do not cancel out in the note."""
    assert note == shares("refused", pairs).read("refusals").note


def test_lost_refusals_are_over_the_limit_too():
    """A shift down is as much a shift as one up; a rise in truncation is one-sided."""
    down, up = ([pair] * 40 + [NEITHER] * 60 for pair in (DOWN, UP))

    assert shares("refused", down).p_over("refusals", 0.05) < 0.001
    assert shares("refused", down).p_over("refusals", 0.05) == pytest.approx(
        shares("refused", up).p_over("refusals", 0.05)
    )
    assert shares("truncated", down).p_over("truncation", 0.05) > 0.99
    assert shares("refused", up).p_over("refusals", 0.05) == pytest.approx(
        2 * shares("truncated", up).p_over("truncation", 0.05)
    )


@pytest.mark.parametrize("key", FIELDS)
@pytest.mark.parametrize("bad", [*NO_NUMBERS, 1.5])
def test_what_is_no_share_is_missing(key, bad):
    """Such a case is left out, and said to be; it never counts as zero."""
    field = FIELDS[key]
    reading = shares(field, [*[(0.5, 0.5)] * 8, (bad, 0.5), (0.5, bad)]).read(key)

    assert (0, 0.5, 0.5, 8) == (
        reading.delta.value,
        reading.baseline,
        reading.candidate,
        reading.cases,
    )
    assert reading.note.startswith("2 of 10 cases left out: an arm lacks a")


@pytest.mark.parametrize("key", FIELDS)
def test_nothing_known_in_any_case(key):
    """No crash, no delta, no level, no p-value; the note says what lacks."""
    found = shares(FIELDS[key], [(None, float("nan"))] * 5)
    reading = found.read(key)

    assert (None, None, 0) == (reading.delta, reading.baseline, reading.cases)
    assert reading.note.startswith("no case has a")
    assert 1.0 == found.p_over(key, 0.05)


@pytest.mark.parametrize("key", ["truncation", "refusals"])
def test_an_answer_that_is_missing_is_no_good_answer(key):
    """A case that an arm did not answer is left out instead of counting as not cut off."""
    unanswered = ({"answered": False}, {})
    reading = measured(unanswered, unanswered[::-1], *[({}, {})] * 6).read(key)

    assert 6 == reading.cases
    assert "2 of 8 cases left out: an arm lacks an answer" in reading.note


def with_weights(key, weights):
    if key == "errors":
        arms = [({}, {"answered": False}), *[({}, {})] * 39]
        return measured(*arms, weights=weights)
    if key == "instability":
        arms = [((1, 1), (1, 0)), *[((1, 1), (1, 1))] * 39]
        found = [repeated(arm, weight=weight) for arm, weight in zip(arms, weights, strict=True)]
        named = [o.from_dict({**o.to_dict(), "case": str(i)}) for i, (o,) in enumerate(found)]
        return Evidence(outcomes=named)
    field = FIELDS[key]
    worse = (1.0, 0.0) if key == "reference" else (0.0, 1.0)
    arms = [({field: b}, {field: c}) for b, c in [worse, *[(0.5, 0.5)] * 39]]
    return measured(*arms, weights=weights)


@pytest.mark.parametrize("key", ["errors", "instability", "reference", "refusals", "truncation"])
def test_weights_matter(key):
    """The one case that got worse weighs 10 of 49, and unequal weights are fewer cases."""
    plain = with_weights(key, [1.0] * 40).read(key)
    heavy = with_weights(key, [10.0] + [1.0] * 39).read(key)

    assert (pytest.approx(1 / 40), pytest.approx(40)) == (plain.delta.value, plain.delta.n)
    assert pytest.approx(10 / 49) == heavy.delta.value
    assert pytest.approx(49**2 / 139) == heavy.delta.n
    assert pytest.approx(10 / 49) == abs(heavy.candidate - heavy.baseline)
    assert heavy.delta.high - heavy.delta.low > plain.delta.high - plain.delta.low
    assert with_weights(key, [10.0] + [1.0] * 39).p_over(key, 0.01) < with_weights(
        key, [1.0] * 40
    ).p_over(key, 0.01)


def test_instability_counts_pairs_of_repeats():
    """3 of 5 hold: 2 * 3 * 2 / (5 * 4) = .6 of the pairs disagree; 4 of 5: .4."""
    arms = [((1, 1, 1, 1, 0), (1, 1, 1, 0, 0))] * 30
    reading = Evidence(outcomes=repeated(*arms)).read("instability")

    assert (pytest.approx(0.4), pytest.approx(0.6)) == (reading.baseline, reading.candidate)
    assert pytest.approx(0.2) == reading.delta.value
    assert (30, "") == (reading.cases, reading.note)


def test_instability_averages_the_checks_of_a_case():
    """A case is one piece of evidence however often it is judged."""
    one = repeated(*[((1, 1), (1, 0))] * 20, check="exact")
    other = repeated(*[((1, 1), (1, 1))] * 20, check="json")
    reading = Evidence(outcomes=one + other).read("instability")

    assert (pytest.approx(0.5), 20) == (reading.delta.value, reading.cases)


def test_a_graded_repeat_holds_when_it_holds_fully():
    """.9 and 1 disagree; .9 and .2 agree, as neither holds."""
    arms = [((0.9, 0.2), (0.9, 1.0))] * 20
    reading = Evidence(outcomes=repeated(*arms)).read("instability")

    assert (0, 1) == (reading.baseline, reading.candidate)


@pytest.mark.parametrize("lone", [((1,), (1,)), ((1, 1), (0,)), ((1, float("nan")), (1, 1))])
def test_instability_needs_repeats(lone):
    """Cases with one repeat that counts are left out; when there are no others, so it is said."""
    alone = Evidence(outcomes=repeated(*[lone] * 5))
    mixed = Evidence(outcomes=repeated(lone, *[((1, 1), (1, 0))] * 7))

    assert (None, 0) == (alone.read("instability").delta, alone.read("instability").cases)
    assert "no case has samples > 1" == alone.read("instability").note
    assert 1.0 == alone.p_over("instability", 0.05)
    assert (7, "1 of 8 cases left out: one sample") == (
        mixed.read("instability").cases,
        mixed.read("instability").note,
    )


def diverged(*found):
    evidence = measured(*[({}, {})] * len(found))
    return [
        m.from_dict({**m.to_dict(), "divergence": d and dict(zip(FIELD_NAMES, d, strict=True))})
        for m, d in zip(evidence.measurements, found, strict=True)
    ]


FIELD_NAMES = [*Divergence.__slots__]


def test_divergence_is_told_and_never_judged():
    """Averages over the cases that have it, in the note; NaN from a server is left out."""
    nan = float("nan")
    found = diverged((10, 1.0, 0.001, 0.02), (30, 0.9, 0.003, 0.04), None, (5, nan, 0.1, 0.1))
    reading = load("divergence").read(EVERYTHING, found, [])

    assert (None, None, None, 2) == (
        reading.delta,
        reading.baseline,
        reading.candidate,
        reading.cases,
    )
    assert (
        "same likeliest token 95.0 %, KL divergence 0.002 nats, lost lead 0.03 nats a token, "
        "over 20 tokens a case"
    ) == reading.note
    assert 1.0 == load("divergence").p_over(found, [], 0.01)
    with pytest.raises(ValueError, match="cannot be budgeted"):
        load("divergence").floor(0.01)


def test_divergence_without_log_probs():
    """A server that gives none makes no number."""
    reading = load("divergence").read(EVERYTHING, diverged(None, None), [])

    assert (0, "no case has log-probs in both arms") == (reading.cases, reading.note)
