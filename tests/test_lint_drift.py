"""How recorded traffic differs from a golden set: said only where it matters."""

import random

import pytest
import scipy.stats

from pytest_quantguard.lint._profile import KEPT, Profile, ks_distance, quantile, traits
from pytest_quantguard.lint.drift import compare
from pytest_quantguard.types import CompletionRequest

TOOL = {"type": "function", "function": {"name": "cancel_order"}}


def request(words=8, **fields):
    text = " ".join(["word"] * words)
    return CompletionRequest(messages=({"role": "user", "content": text},), **fields)


def profile(*requests, route="faq"):
    found = Profile()
    for each in requests:
        found.add(each, route)
    return found


def sentences(golden, traffic):
    return [text for _, text in compare(golden, traffic)]


def test_equal_sets_have_no_drift():
    """The same kind of questions: nothing to say."""
    rng = random.Random(0)
    one, other = (profile(*(request(rng.randint(3, 30)) for _ in range(500))) for _ in range(2))

    assert [] == sentences(one, other)


def test_a_tool_that_no_case_offers():
    """Named with its share of the traffic."""
    traffic = profile(*[request() for _ in range(90)], *[request(tools=(TOOL,)) for _ in range(10)])

    found = sentences(profile(*[request() for _ in range(50)]), traffic)

    assert "10 % of 100 recorded requests offer or call the tool 'cancel_order'" in found[0]


def test_a_tool_that_answers_called_counts_too():
    """A log may have the calls and not the definitions."""
    traffic = profile(*[request() for _ in range(9)])
    traffic.add(request(), "faq", ["cancel_order"])

    assert "cancel_order" in sentences(profile(request()), traffic)[0]


def test_a_rare_tool_is_not_missed():
    """Below one request in a hundred there is always something."""
    traffic = profile(*[request() for _ in range(199)], request(tools=(TOOL,)))

    assert [] == sentences(profile(*[request() for _ in range(50)]), traffic)


def test_a_route_without_a_cohort():
    """Where the log says what a request belongs to, every large group needs a cohort."""
    traffic = profile(*[request() for _ in range(20)], route="translation")

    (found,) = sentences(profile(*[request() for _ in range(20)]), traffic)

    assert "100 % of 20 recorded requests are 'translation'" in found


@pytest.mark.parametrize(
    ("fields", "trait"),
    [
        ({"params": {"response_format": {"type": "json_object"}}}, "a response format"),
        ({"tools": (TOOL,)}, "tools"),
    ],
)
def test_a_trait_of_the_traffic_that_no_case_has(fields, trait):
    """Such as structured output: quantization breaks it first."""
    traffic = profile(*[request() for _ in range(15)], *[request(**fields) for _ in range(5)])

    found = sentences(profile(*[request() for _ in range(20)]), traffic)

    assert any(f"25 % of 20 recorded requests have {trait}" in text for text in found)


def test_traits_of_a_conversation():
    """Turns, tool results, parts and scripts are told from the messages."""
    messages = (
        {"role": "system", "content": "s"},
        {"role": "user", "content": "где мой заказ"},
        {"role": "assistant", "content": None},
        {"role": "tool", "content": "{}"},
        {"role": "user", "content": [{"type": "text", "text": "спасибо"}]},
    )

    assert {
        "several turns",
        "a system message",
        "results of tool calls",
        "content parts, such as images",
        "Cyrillic script",
    } == traits(CompletionRequest(messages=messages))


def test_longer_prompts_than_any_golden_one():
    """Said in words a reader can check: medians, nine of ten, and what is beyond."""
    golden = profile(*[request(10) for _ in range(100)])
    traffic = profile(*[request(300) for _ in range(100)])

    (found,) = sentences(golden, traffic)

    assert "half of the prompts have at most 300 words" in found
    assert "half of the golden ones have at most 10 words" in found
    assert "100 % are longer than any golden prompt" in found


def test_few_requests_say_nothing_about_lengths():
    """Ten prompts can be of any length by chance."""
    assert [] == sentences(
        profile(*[request(10) for _ in range(100)]), profile(*[request(300) for _ in range(10)])
    )


def test_the_memory_of_a_profile_is_bounded():
    """A million requests leave a sample that looks like all of them."""
    found = Profile()
    for length in [5] * 30_000 + [50] * 30_000:
        found.requests += 1
        found._keep(length)

    assert KEPT == len(found.lengths)
    assert 0.5 == pytest.approx(sum(x == 5 for x in found.lengths) / KEPT, abs=0.03)


@pytest.mark.parametrize("seed", range(6))
def test_the_distance_of_two_samples_as_scipy_has_it(seed):
    """Kolmogorov-Smirnov: the distance exactly, the p-value asymptotically."""
    rng = random.Random(seed)
    one = [rng.randint(1, 10_000) for _ in range(400)]
    other = [rng.randint(1, 10_000 + 1_500 * seed) for _ in range(300)]
    reference = scipy.stats.ks_2samp(one, other, method="asymp")

    distance, p = ks_distance(one, other)

    assert reference.statistic == pytest.approx(distance)
    # scipy corrects for finite samples; Smirnov's own series is a little larger.
    assert reference.pvalue == pytest.approx(p, rel=0.25, abs=0.02)


def test_quantiles_are_values_of_the_sample():
    """No prompt has 7.5 words."""
    assert (2, 4) == (quantile([1, 2, 3, 4], 0.5), quantile([4, 3, 2, 1], 1.0))
