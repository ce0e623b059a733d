"""Claims that the context supports, and claims that it does not."""

import re
from pathlib import Path

import pytest
from grounding_samples import GOOD, KETTLE, KNOWN
from grounding_unseen import LAST, UNSEEN

from pytest_quantguard.checks._claims import claims
from pytest_quantguard.checks.groundedness import Groundedness
from pytest_quantguard.errors import CheckError
from pytest_quantguard.types import Completion, CompletionRequest, GoldenCase, Source

STRICT = Groundedness(least=1.0)


def case(prompt):
    return GoldenCase(
        id="a",
        cohort="b",
        request=CompletionRequest(messages=({"role": "user", "content": prompt},)),
        source=Source(file="f", line=1),
    )


def flagged(pairs):
    """Count unsupported answers that are found, and supported ones that are held unsupported."""
    judged = [(pair, STRICT(Completion(text=pair.answer), case(pair.context)).ok) for pair in pairs]
    found = sum(not ok for pair, ok in judged if not pair.supported)
    alarms = sum(not ok for pair, ok in judged if pair.supported)
    return found, alarms


@pytest.mark.parametrize(
    ("pairs", "size", "unsupported", "least_found", "most_alarms"),
    [
        pytest.param(KNOWN, 89, 49, 46, 0, id="known"),
        pytest.param(UNSEEN, 76, 43, 38, 1, id="unseen"),
        pytest.param(LAST, 46, 26, 22, 1, id="last"),
    ],
)
def test_how_many_labelled_answers_are_told_apart(
    pairs, size, unsupported, least_found, most_alarms
):
    """Whatever is changed in the check, it gets no worse on the labelled answers."""
    found, alarms = flagged(pairs)

    assert (size, unsupported) == (len(pairs), sum(not pair.supported for pair in pairs))
    assert found >= least_found
    assert alarms <= most_alarms


def test_a_number_of_another_product_is_found():
    """In our own golden set: references with a number swapped for one of another device."""
    yaml = pytest.importorskip("yaml")
    golden = Path(__file__).parents[2] / "golden" / "cited-answers.quant.yaml"
    entries = yaml.safe_load(golden.read_text("utf-8"))["cases"][:60]

    kept, swapped = [], []
    for entry in entries:
        prompt, reference = case(entry["prompt"]), entry["reference"]
        (number,) = re.findall(r" ([0-9]+) \[", reference)
        other = next(n for n in re.findall(r" ([0-9]+) \[", entry["prompt"]) if n != number)
        kept.append(STRICT(Completion(text=reference), prompt).ok)
        wrong = reference.replace(number, other)
        swapped.append(STRICT(Completion(text=wrong), prompt).ok)

    assert all(kept)
    assert sum(swapped) <= 4


class TestSentences:
    @pytest.mark.parametrize(
        ("text", "why"),
        [
            (
                "The Torardal kettle weighs 625 grams.",
                '"625 grams" stands nowhere in the context',
            ),
            (
                "The Torardal is made in Lyon by Anna Brandt.",
                '"Lyon", "Anna Brandt" stand nowhere in the context',
            ),
            (
                "It must be immersed in water.",
                'the context says "It must not be immersed in water."',
            ),
            (
                "The Pirarmora kettle weighs 652 grams.",
                '"652 grams" stands in the context with something else: "The Torardal kettle '
                'weighs 652 grams and holds 1.7 litres."; for this it says "870 grams"',
            ),
            (
                "The handle stays cool because it is made of beech wood.",
                "of its 5 content words 0 stand together in the context, but not "
                '"handle", "stays", "cool", "beech", "wood"',
            ),
        ],
    )
    def test_a_doubt_has_a_reason(self, judge, text, why):
        """An unsupported claim is quoted with what speaks against it."""
        violations = judge(STRICT, text, prompt=KETTLE).violations

        assert violations == (
            f'"{text}" is not supported: {why}',
            "0 of 1 claims are supported, at least 100% are needed",
        )

    def test_a_share_is_enough(self, judge):
        """`least` decides; the layer tells the share either way."""
        text = (
            "The Torardal weighs 652 grams. It holds 1.7 litres. It costs 49.90 EUR. It is made in "
            "Porto. It weighs 999 grams."
        )

        outcome = judge(Groundedness(), text, prompt=KETTLE)
        strict = judge(Groundedness(least=0.9), text, prompt=KETTLE)

        assert outcome.ok
        assert {"supported": 0.8} == outcome.layers == strict.layers
        assert strict.violations == (
            '"It weighs 999 grams." is not supported: "999 grams" stands nowhere in the context',
            "4 of 5 claims are supported, at least 90% are needed",
        )

    def test_a_claim_behind_a_polite_word_counts(self, judge):
        """Neither "Sure," nor "Here is what it says:" hides what follows."""
        for text in (
            "Sure, the handle is carved from beech wood by hand.",
            "Here is what it says: the handle is carved from beech wood by hand.",
            "Thanks for asking about the 999 gram kettle.",
        ):
            assert not judge(STRICT, text, prompt=KETTLE).ok

    def test_only_the_given_context_counts(self, judge):
        """`context` replaces the prompt."""
        check = Groundedness(least=1.0, context=["The lamp weighs 5 kg."])

        assert judge(check, "The lamp weighs 5 kg.", prompt=KETTLE).ok
        assert not judge(check, "The Torardal weighs 652 grams.", prompt=KETTLE).ok

    def test_documents_are_read_from_every_message_but_the_assistants(self):
        """System and tool texts support a claim; an earlier answer does not."""
        messages = (
            {"role": "system", "content": "The lamp weighs 5 kg."},
            {"role": "assistant", "content": "The lamp was built in 1950 by monks."},
            {"role": "user", "content": "What about the lamp?"},
        )
        multi = GoldenCase(
            id="a",
            cohort="b",
            request=CompletionRequest(messages=messages),
            source=Source(file="f", line=1),
        )

        assert STRICT(Completion(text="The lamp weighs 5 kg."), multi).ok
        assert not STRICT(Completion(text="The lamp was built in 1950 by monks."), multi).ok


class TestNothing:
    @pytest.mark.parametrize(
        "text",
        ["What do you mean?", "I don't know.", "The text does not say who made it.", "# Kettle"],
    )
    def test_an_answer_without_a_claim_is_no_pass(self, judge, text):
        """Nothing claimed is nothing shown, unless it is allowed."""
        assert judge(STRICT, text, prompt=KETTLE).violations == (f'nothing is claimed: "{text}"',)
        assert judge(Groundedness(allow_none=True), text, prompt=KETTLE).ok

    def test_a_prompt_without_text_is_a_misfit(self, judge):
        """Without a context nothing can be judged: the check's error, found while reading."""
        assert "holds no text" in Groundedness().misfit(case(" "))
        assert Groundedness(context="a b").misfit(case(" ")) == ""
        with pytest.raises(CheckError, match="give `context`"):
            judge(Groundedness(), "hello there", prompt="?")

    def test_a_context_that_is_too_long_is_no_pass(self):
        """What cannot be read whole cannot show that something is missing."""
        assert "at most 2000000 are read" in Groundedness().misfit(case("a " * 1_000_001))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The sky is blue. Is it? # no", ["The sky is blue.", "no"]),
        (
            "Sure! Here are the facts:\n- One is big [doc-1].\n- **Two** is small.",
            ["Sure!", "Here are the facts:", "One is big.", "Two is small."],
        ),
        ("Yes, the sky is blue.", ["the sky is blue."]),
        ("Here is the text: the sky is blue.", ["the sky is blue."]),
        ("I am not sure. The text does not mention it.", []),
        ("```\ncode is no claim\n```\nBut this is.", ["But this is."]),
    ],
)
def test_what_is_a_claim(text, expected):
    """Questions, hedges, headings and code claim nothing; list items claim like sentences."""
    assert expected == [claim.bare for claim in claims(text)]


def test_greetings_are_only_asked_for_their_facts():
    """They are marked, so that their words need no support."""
    text = "Hello! The sky is blue. Let me know if you need more. Here is a list:"

    assert [True, False, True, True] == [claim.meta for claim in claims(text)]


class TestHostile:
    @pytest.mark.parametrize(
        "text",
        [
            "The Torardal weighs 1 g. " * 8_000,
            "".join(f"Torardal {i} weighs {i} grams. " for i in range(390)),
            "".join(f"Torardal {i} weighs {i} grams. " for i in range(6_000)),
            "a" * 10_000_000,
            "a" * 199_999,
            "." * 199_999,
            "Aa Bb. " * 28_000,
            '"' * 199_999,
            "\u201ca" * 99_999,
            "```\n" * 49_999,
            "- \n" * 66_000,
            "\ud800 " * 99_999,
            "\x1b[31m weighs 7 g" * 10_000,
            "[" * 100_000,
            "and " * 49_999,
            "x, " * 66_000,
        ],
        ids=lambda text: f"{text[:9]!a}-{len(text)}",
    )
    def test_text_is_judged_in_bounded_time(self, judge, bounded, text):
        """Hostile text never crashes the check, and violates it."""
        with bounded():
            outcome = judge(STRICT, text, prompt=KETTLE)

        assert outcome.violations
        assert 0 <= outcome.layers["supported"] <= 1
        assert all(len(violation) <= 800 for violation in outcome.violations)
        assert "\x1b" not in "".join(outcome.violations)
        "".join(outcome.violations).encode("utf-8")

    def test_a_long_context_is_read_once(self, judge):
        """A context of half a million characters supports what stands at its end."""
        prompt = "".join(f"Tool {i} of series Alpha weighs {i} grams. " for i in range(12_000))

        assert judge(STRICT, "Tool 11999 of series Alpha weighs 11999 grams.", prompt=prompt).ok
        assert not judge(STRICT, "Tool 7 of series Alpha weighs 12345 grams.", prompt=prompt).ok


class TestParameters:
    @pytest.mark.parametrize(
        ("parameters", "part"),
        [
            ({"least": 0}, "`least` has to be a number above 0 and at most 1, got 0"),
            ({"least": 80}, "at most 1, got 80"),
            ({"least": None}, "got None"),
            ({"least": "0.8"}, "got '0.8'"),
            ({"context": 5}, "`context` has to be a list of texts"),
            ({"allow_none": 1}, "`allow_none` has to be true or false"),
        ],
    )
    def test_nonsense_is_refused(self, parameters, part):
        """A parameter that makes no sense is a ValueError of one sentence."""
        with pytest.raises(ValueError, match="`") as caught:
            Groundedness(**parameters)

        assert part in str(caught.value)


def test_the_samples_are_labelled_evenly():
    """About as many supported as unsupported answers, so that figures mean something."""
    assert GOOD == "good"
    for pairs in (KNOWN, UNSEEN, LAST):
        share = sum(pair.supported for pair in pairs) / len(pairs)
        assert 0.4 <= share <= 0.6
