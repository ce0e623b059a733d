"""What one arm's completions measure, and how cheaply."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import pytest

from examined_models import Counted, Models, case
from pytest_quantguard._measurement import Declines, divergence, measurement, probability
from pytest_quantguard.checks.refusal import Refusal
from pytest_quantguard.engine.worker import _after
from pytest_quantguard.errors import RefusedError, TransportError
from pytest_quantguard.pairs import PairedMeasurement
from pytest_quantguard.types import Completion, Token, ToolCall, Usage
from pytest_quantguard.variants import Price


@dataclass
class Watched:
    """A refusal check that remembers what it read."""

    read: list = field(default_factory=list)

    def __call__(self, completion, case):
        self.read.append(completion.text)
        return Refusal(must=True)(completion, case)


def measured(*completions):
    return measurement(completions, Declines(Refusal(must=True), case()), live=True, price=None)


def test_repeats_are_averaged():
    """Two answers: times and tokens are means, and it is known how many they were."""
    found = measured(
        Completion(text="a", asked_at=100.0, usage=Usage(prompt_tokens=10, cached_tokens=4)),
        Completion(text="b", asked_at=104.0, usage=Usage(prompt_tokens=10, cached_tokens=8)),
    )

    assert (2, 102.0, 6.0, 10.0) == (
        found.answers,
        found.asked_at,
        found.cached_tokens,
        found.prompt_tokens,
    )


def test_what_one_repeat_does_not_tell_is_not_known():
    """A mean over some of the repeats would be of another question."""
    found = measured(Completion(text="a", asked_at=100.0), Completion(text="b"))

    assert (None, None) == (found.asked_at, found.cached_tokens)


@pytest.mark.parametrize(
    ("completion", "share", "aloud"),
    [
        (Completion(text="42", reasoning="6 times 7"), 1.0, 0.0),
        (Completion(text="42", usage=Usage(reasoning_tokens=12)), 1.0, 0.0),
        (Completion(text="42", usage=Usage(reasoning_tokens=0)), 0.0, 0.0),
        (Completion(text="6 times 7</think>42"), 1.0, 1.0),
        (Completion(text="42"), 0.0, 0.0),
    ],
)
def test_reasoning_is_noticed(completion, share, aloud):
    """By its text, apart or in the answer, or by the server's count."""
    assert (share, aloud) == (measured(completion).reasoned, measured(completion).aloud)
    assert share / 2 == measured(completion, Completion(text="42")).reasoned


def test_one_text_is_searched_for_a_refusal_once():
    """Both arms, four repeats, the same answer: read once; another one is read, too."""
    watched = Watched()
    models = Models({"base": "I cannot help with that.", "cand": "I cannot help with that."})
    examiner = models.examiner()
    object.__setattr__(examiner, "refusal", lambda case: watched)

    (found,) = examiner.examine(case(samples=4), {"k": Counted()}).measurements

    assert ["I cannot help with that."] == watched.read
    assert (1.0, 1.0) == (found.baseline.refused, found.candidate.refused)


def test_what_tells_a_refusal_apart_is_read_again():
    """The same text with a tool call, an end by a filter, or a refusal field is another answer."""
    watched = Watched()
    declines = Declines(watched, case())
    call = ToolCall(name="refund", arguments_text="{}")
    answers = [
        Completion(text="Done."),
        Completion(text="Done.", tool_calls=(call,)),
        Completion(text="Done.", finish_reason="content_filter"),
        Completion(text="Done.", refusal="no"),
    ]

    assert [0.0, 0.0, 1.0, 1.0] == [declines(answer) for answer in answers]
    assert [0.0, 0.0, 1.0, 1.0] == [declines(answer) for answer in answers]
    assert 4 == len(watched.read)


@pytest.mark.parametrize(
    ("error", "late"),
    [
        (TransportError("no complete answer within 5 s", timed_out=True), True),
        (TransportError("connection reset"), False),
        (RefusedError("HTTP 400", status=400), False),
    ],
)
def test_a_time_out_is_told_from_other_errors(error, late):
    """All are cases without an answer."""
    models = Models({"base": "right", "cand": error})
    (found,) = models.examiner().examine(case(), {"k": Counted()}).measurements

    assert (False, late) == (found.candidate.answered, found.candidate.timed_out)
    assert (True, False) == (found.baseline.answered, found.baseline.timed_out)
    assert found == PairedMeasurement.from_dict(found.to_dict())


def test_giving_up_keeps_that_it_was_a_time_out():
    """The last attempt's error is told again with the number of attempts."""
    found = _after(TransportError("too late", timed_out=True, connected=False), 3)

    assert (True, False, "too late (gave up after 3 attempts)") == (
        found.timed_out,
        found.connected,
        str(found),
    )


@pytest.mark.parametrize(
    "said",
    [
        Completion(text=""),
        Completion(text="Done.", latency_s=1.5, ttft_s=0.25, asked_at=9.0, finish_reason="length"),
        Completion(
            text="<think>so</think>",
            reasoning="so",
            usage=Usage(prompt_tokens=3, completion_tokens=5, cached_tokens=1),
            tool_calls=(ToolCall(name="f", arguments_text="{}"),),
        ),
        Completion(text="x", latency_s=float("nan"), ttft_s=1e300),
    ],
)
def test_one_completion_is_the_mean_of_two_equal_ones(said):
    """A case of one repeat is measured in a quicker way, and no other."""
    price = Price(input=1e6, output=2e6)
    one = measurement((said,), lambda _: 0.25, live=True, price=price)
    two = measurement((said, said), lambda _: 0.25, live=True, price=price)

    assert replace(two, answers=1) == one


def test_probability_of_nothing_is_unknown():
    """An empty list of tokens is no certainty."""
    assert probability(()) is None
    assert probability((Token(text="a", logprob=math.nan),)) is None


def token(text, **top):
    return Token(text=text, logprob=top[text], top=tuple(top.items()))


def test_answers_are_compared_up_to_where_they_part():
    """Two shared tokens and the first that differs; what follows depends on it."""
    first = token("a", a=math.log(0.8), b=math.log(0.1))
    base = (first, token("c", c=math.log(0.6), d=math.log(0.4)), first)
    cand = (first, token("d", c=math.log(0.4), d=math.log(0.6)), token("b", b=-1.0, a=-2.0))

    found = divergence(base, cand)

    assert 2 == found.tokens
    assert 0.5 == found.same_top
    expected = (0.6 * math.log(0.6 / 0.4) + 0.4 * math.log(0.4 / 0.6)) / 2
    assert math.isclose(expected, found.kl, abs_tol=1e-9)
    assert math.isclose(math.log(0.6 / 0.4), found.margin)


def test_without_log_probs_nothing_is_compared():
    """Unknown, not equal."""
    assert divergence((), ()) is None
    assert divergence((Token(text="a", logprob=-1.0),), (Token(text="a", logprob=-1.0),)) is None
