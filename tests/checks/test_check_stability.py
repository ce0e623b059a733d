"""Agreement over the repeats of a case."""

from dataclasses import replace

import pytest

from pytest_quantguard._judging import Reusable, judged, repeatable
from pytest_quantguard.checks.stability import Stability
from pytest_quantguard.errors import CheckError
from pytest_quantguard.types import (
    EMPTY,
    Completion,
    CompletionRequest,
    GoldenCase,
    Source,
    ToolCall,
)

CASE = GoldenCase(
    id="case",
    cohort="cohort",
    request=CompletionRequest(messages=({"role": "user", "content": "?"},)),
    source=Source(file="golden/a.quant.yaml", line=1),
    samples=5,
)
TOTAL = {"pattern": "(?i)total: ([0-9.]+)"}


def said(*texts):
    return [Completion(text=text) for text in texts]


def called(*calls):
    return Completion(
        text="", tool_calls=tuple(ToolCall(name=n, arguments_text=a) for n, a in calls)
    )


@pytest.mark.parametrize(
    ("of", "answers"),
    [
        ("text", said("It is  PARIS.", "it is\nParis.", "It is Paris.")),
        (
            "json",
            said('{"a": 1, "b": [2.0]}', '{"b": [2], "a": 1.0}', '```json\n{"a":1,"b":[2]}\n```'),
        ),
        (
            "tool_calls",
            [
                called(("f", '{"x": 1}'), ("g", "{}")),
                called(("g", "{ }"), ("f", '{"x":1.0}')),
            ],
        ),
        (TOTAL, said("Total: 42 EUR", "The total: 42, of course", "TOTAL: 42")),
    ],
)
def test_the_same_said_in_other_ways_agrees(of, answers):
    """What does not matter for the kind of comparison does not count."""
    outcome = Stability(of=of).over(answers, CASE)

    assert (1.0, (), (1.0,) * len(answers)) == (outcome.value, outcome.violations, outcome.repeats)


@pytest.mark.parametrize(
    ("of", "answers"),
    [
        ("text", said("Paris", "Paris!")),
        ("json", said("1", "true")),
        ("json", said('{"a": "1"}', '{"a": 1}')),
        ("tool_calls", [called(("f", "{}")), called(("f", "{}"), ("f", "{}"))]),
        ("tool_calls", [called(("f", "{")), called(("f", "{}"))]),
        (TOTAL, said("total: 42", "total: 42.5")),
    ],
)
def test_other_things_said_do_not(of, answers):
    """Two repeats that differ do not agree at all."""
    assert 0.0 == Stability(of=of).over(answers, CASE).value


def test_the_value_is_the_share_of_the_most_frequent_answer():
    """The sentence shows the two most frequent ones, each repeat has its own value."""
    outcome = Stability().over(said("88213", "88273", "88213", "88213", "no"), CASE)

    assert (0.6, (1.0, 0.0, 1.0, 1.0, 0.0)) == (outcome.value, outcome.repeats)
    assert outcome.violations == (
        '3 of 5 repeats agree: 3 times "88213", 1 time "88273", and 1 other',
    )


def test_pairs_of_repeats():
    """3 of 5 the same are 3 of 10 pairs."""
    outcome = Stability(measure="pairwise").over(said("a", "a", "a", "b", "c"), CASE)

    assert 0.3 == outcome.value
    assert outcome.violations[0].startswith("30% of the pairs of 5 repeats agree: ")


def test_least_makes_it_hold_or_not():
    """The bound itself holds."""
    answers = said("a", "a", "a", "a", "b")

    assert 1.0 == Stability(least=0.8).over(answers, CASE).value
    outcome = Stability(least=0.9).over(answers, CASE)
    assert 0.0 == outcome.value
    assert outcome.violations[0].startswith("4 of 5 repeats agree, at least 90% are needed: ")


@pytest.mark.parametrize(
    ("of", "answers", "part"),
    [
        ("json", said("no", "no", "1"), "2 of 3 repeats have no JSON that can be read"),
        ("tool_calls", said("a", "a"), "2 of 2 repeats have no tool call"),
        (TOTAL, said("total: 1", "total: 1", "none"), "1 of 3 repeats have no match"),
        (TOTAL, said("total: 1", "x" * 1_000_001), "1 of 2 repeats have no match"),
        ("text", said("a", "a", ""), "1 of 3 repeats are empty"),
        ("text", [*said("a"), called(("f", "{}"))], "1 of 2 repeats have no text"),
    ],
)
def test_what_is_missing_agrees_with_nothing(of, answers, part):
    """Two answers that both lack what is compared are no agreement."""
    outcome = Stability(of=of).over(answers, CASE)

    assert part in outcome.violations
    assert outcome.value < 1.0


def test_all_repeats_empty():
    """Silence is never stable."""
    outcome = Stability().over(said("", " "), CASE)

    assert (0.0, (0.0, 0.0)) == (outcome.value, outcome.repeats)
    assert EMPTY in outcome.violations


def test_it_needs_repeats():
    """One answer is no evidence: a mistake in the file, and an error for cases made by hand."""
    check = Stability()

    assert "" == check.misfit(CASE)
    assert "give the case `samples: 2` or more" in check.misfit(replace(CASE, samples=1))
    with pytest.raises(CheckError, match="needs repeats"):
        check.over(said("a"), CASE)
    with pytest.raises(CheckError, match="needs repeats"):
        check(Completion(text="a"), CASE)


def test_the_gate_hands_over_all_repeats():
    """Through the gate's own way of judging, with the repeats kept."""
    judge = Reusable(Stability())

    outcome = judged(said("a", "a", "b", "b", "a"), CASE, "stability", judge)

    assert (0.6, 5) == (outcome.value, len(outcome.repeats))
    assert not repeatable(judge)


def test_hostile_answers_take_no_time(bounded):
    """Huge answers are compared as they are."""
    with bounded():
        assert Stability().over(said("\x1b" * 10_000_000, "\x1b" * 10_000_000), CASE).value == 1.0
        outcome = Stability().over(said("\ud800" * 10_000_000, "[" * 10_000_000), CASE)
    assert all(len(violation) < 400 for violation in outcome.violations)
    "".join(outcome.violations).encode()


@pytest.mark.parametrize(
    ("parameters", "part"),
    [
        ({"of": "txt"}, "`of` cannot be 'txt'; did you mean 'text'?"),
        ({"of": {"pattern": "("}}, "`of.pattern` is no regular expression"),
        ({"of": {"pattern": ""}}, "`of.pattern` is empty"),
        ({"of": {"regex": "a"}}, "or {pattern: ...}, got {'regex': 'a'}"),
        ({"of": 5}, "or {pattern: ...}, got 5"),
        ({"least": 1.5}, "`least` has to be a number above 0 and at most 1, got 1.5"),
        ({"measure": "majorty"}, "did you mean 'majority'?"),
    ],
)
def test_nonsense_is_refused(parameters, part):
    """A parameter that makes no sense is a ValueError of one sentence."""
    with pytest.raises(ValueError, match="`") as caught:
        Stability(**parameters)

    assert part in str(caught.value)
