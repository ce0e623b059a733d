"""Facts that stand in the context, and facts that stand nowhere."""

import pytest
from grounding_samples import KETTLE, KNOWN
from grounding_unseen import LAST, UNSEEN

from pytest_quantguard.checks._derived import derived
from pytest_quantguard.checks._facts import KINDS, facts
from pytest_quantguard.checks._quantities import quantities
from pytest_quantguard.checks.hallucination import Hallucination
from pytest_quantguard.errors import CheckError
from pytest_quantguard.types import Completion, CompletionRequest, GoldenCase, Source

CHECK = Hallucination()
PROMPT = (
    "On 1 March 2026 Anna Kowalska ordered two lamps at 49.90 EUR and 12 bulbs (order "
    "INV-2024-17), "
    'see https://shop.example/lamps. She wrote: "Please send the bulbs first." About 1,234,000 '
    "people use the Torardal; 12.5 % of them have called +49 30 1234567."
)


def case(prompt):
    return GoldenCase(
        id="a",
        cohort="b",
        request=CompletionRequest(messages=({"role": "user", "content": prompt},)),
        source=Source(file="f", line=1),
    )


@pytest.mark.parametrize(
    ("pairs", "invented", "most_alarms"),
    [
        pytest.param(KNOWN, 29, 0, id="known"),
        pytest.param(UNSEEN, 26, 0, id="unseen"),
        pytest.param(LAST, 14, 1, id="last"),
    ],
)
def test_how_many_labelled_answers_are_told_apart(pairs, invented, most_alarms):
    """All answers with an invented fact are found; hardly any other one is."""
    judged = [(pair, CHECK(Completion(text=pair.answer), case(pair.context)).ok) for pair in pairs]

    assert invented == sum(not ok for pair, ok in judged if pair.invented)
    assert invented == sum(pair.invented for pair in pairs)
    assert most_alarms >= sum(not ok for pair, ok in judged if not pair.invented)


class TestJudging:
    @pytest.mark.parametrize(
        "text",
        [
            "Anna ordered 2 lamps at €49.90.",
            "The order INV-2024-17 is of 2026-03-01.",
            "She ordered in March 2026, on the 1st.",
            "Kowalska's order has twelve bulbs.",
            "About 1.2 million people use it.",
            "Call 030 1234567 or see shop.example/lamps.",
            "She wrote \u201cplease send the bulbs first\u201d.",
            "1. Lamps\n2. Bulbs\n3. Cables [7]",
            "Here are 5 remarks:\n- lamps\n- bulbs",
            "Step 3: wait.",
            "```\nx = 4711\n```",
            "On Monday I called the team. Thanks! The PDF is ready.",
            "",
        ],
    )
    def test_known_facts_hold(self, judge, text):
        """Other spellings, parts of dates, rounded numbers and list numbers are no inventions."""
        assert judge(CHECK, text or "Yes.", prompt=PROMPT).violations == ()

    @pytest.mark.parametrize(
        ("text", "sentence"),
        [
            (
                "She ordered 2 lamps at 48.90 EUR.",
                '"48.90 EUR" stands nowhere in the context, closest is "49.90 EUR" '
                "(digit 2: 9 became 8)",
            ),
            ("It was in 1988.", '"1988" stands nowhere in the context'),
            (
                "It was ordered by Anna Kowalski.",
                '"Anna Kowalski" stands nowhere in the context, closest is "kowalska" '
                '(letter 8: "a" became "i")',
            ),
            (
                "See https://shop.example/lamp.",
                '"https://shop.example/lamp" stands nowhere in the context',
            ),
            (
                "The order is INV-2024-71.",
                '"INV-2024-71" stands nowhere in the context, closest is "INV-2024-17" '
                "(digits 5 and 6 changed places)",
            ),
            (
                'She wrote: "Please send the lamps first."',
                'the quotation "Please send the lamps first." stands nowhere in the context',
            ),
            ("1.3 billion people use it.", '"1.3 billion" stands nowhere in the context'),
            (
                "Call +49 30 1234576.",
                '"+49 30 1234576" stands nowhere in the context, closest is "+49 30 1234567" '
                "(digits 10 and 11 changed places)",
            ),
            (
                "13.5 % have called.",
                '"13.5 %" stands nowhere in the context, closest is "12.5 %"',
            ),
        ],
    )
    def test_invented_facts_are_named(self, judge, text, sentence):
        """Each invented fact has a sentence, with what stands in the context instead."""
        assert (sentence,) == judge(CHECK, text, prompt=PROMPT).violations

    def test_layers_say_which_kind_was_invented(self, judge):
        """Every kind has its layer: 1 unless a fact of it is invented."""
        outcome = judge(CHECK, "Order INV-2024-18 of 1 May 2026.", prompt=PROMPT)

        assert {"numbers": 0.0, "names": 1.0, "references": 0.0, "quotes": 1.0} == outcome.layers
        assert KINDS == tuple(outcome.layers)

    def test_kinds_choose_what_is_looked_at(self, judge):
        """With `kinds` only these facts count."""
        text = "John Smith ordered INV-2024-18."

        assert not judge(Hallucination(kinds=["names"]), f"So {text}", prompt=PROMPT).ok
        assert judge(Hallucination(kinds=["numbers", "quotes"]), text, prompt=PROMPT).ok

    def test_what_is_allowed_is_not_invented(self, judge):
        """`allow` holds facts that the context need not have, in any spelling."""
        check = Hallucination(allow=["Torardal Support", "1 May 2026", "1,500 EUR"])

        assert judge(check, "Ask Torardal Support by 2026-05-01 for €1500.", prompt=PROMPT).ok
        assert not judge(check, "Ask Torardal Support by 2026-05-02.", prompt=PROMPT).ok

    def test_results_can_be_allowed(self, judge):
        """With `derived` sums and products of the context's numbers are no inventions."""
        text = "Both lamps together cost 99.80 EUR."

        assert not judge(CHECK, text, prompt="2 lamps at 49.90 EUR").ok
        assert judge(Hallucination(derived=True), text, prompt="2 lamps at 49.90 EUR").ok

    def test_a_call_alone_is_no_pass(self, judge):
        """Where there is no text, no fact could be looked up."""
        outcome = judge(CHECK, "", calls=[("f", "{}")], prompt=PROMPT)

        assert outcome.violations == ("there is no text whose facts could be looked up",)

    def test_a_prompt_without_text_is_a_misfit(self, judge):
        """Without a context nothing can be judged: the check's error, found while reading."""
        assert "holds no text" in CHECK.misfit(case(""))
        with pytest.raises(CheckError, match="give `context`"):
            judge(CHECK, "hello there", prompt="?")


@pytest.mark.parametrize(
    ("value", "context", "follows"),
    [
        ("5", "2 and 3", True),
        ("1", "2 and 3", True),
        ("6", "2 and 3", True),
        ("66.7 %", "2 and 3", True),
        ("50 %", "2 and 3", True),
        ("0.67", "2 and 3", True),
        ("119", "100 EUR and 19 %", True),
        ("10", "1, 2, 3 and 4", True),
        ("2.5", "1, 2, 3 and 4", True),
        ("31 days", "from 2026-03-01 to 2026-04-01", True),
        ("7", "2 and 3", False),
        ("67.6 %", "2 and 3", False),
        ("30 days", "from 2026-03-01 to 2026-04-01", False),
        ("2026-03-02", "2026-03-01", False),
    ],
)
def test_what_follows_from_the_numbers_of_a_context(value, context, follows):
    """Sums, differences, products, quotients, percentages, means and days, rounded as written."""
    (one,) = quantities(value)

    assert follows == derived(one, quantities(context))


def test_facts_are_found_with_their_places():
    """A fact is a piece of the answer, so that it can be quoted and found again."""
    text = (
        "So Anna Kowalska, for five years \u201cthe very best lamp ever\u201d, 7 EUR, x@y.example."
    )

    found = facts(text)

    assert [
        ("names", "Anna Kowalska"),
        ("numbers", "five years"),
        ("quotes", "the very best lamp ever"),
        ("numbers", "7 EUR"),
        ("references", "x@y.example"),
    ] == [(fact.kind, fact.text) for fact in found]
    assert all(fact.text in text[fact.start :] for fact in found)


class TestHostile:
    @pytest.mark.parametrize(
        "text",
        [
            "4711 " * 39_000,
            "Aa Bb. " * 28_000,
            "so Kowalskx " * 16_000,
            '"a b c d e" ' * 16_000,
            "\u201ca b c d" * 19_000,
            "http://a.b/c " * 15_000,
            "five years " * 18_000,
            "a" * 10_000_000,
            "```\n" * 49_999,
            "1. \n" * 49_000,
            "\ud800 4711 " * 20_000,
            "\x1b[31m4711 " * 19_000,
            "[" * 100_000 + "4711",
        ],
        ids=lambda text: f"{text[:9]!a}-{len(text)}",
    )
    def test_text_is_judged_in_bounded_time(self, judge, bounded, text):
        """Hostile text never crashes the check, and what it names is invented."""
        check = Hallucination(allow=["7 EUR"], derived=True)

        with bounded():
            outcome = judge(check, f"{text} In Berlin 77,777,777 EUR", prompt=PROMPT + KETTLE)

        assert outcome.violations
        assert all(len(violation) <= 400 for violation in outcome.violations)
        assert "\x1b" not in "".join(outcome.violations)
        "".join(outcome.violations).encode("utf-8")

    @pytest.mark.parametrize(
        "prompt",
        [
            "4711 " * 100_000,
            "Aa Bb " * 80_000,
            "a" * 1_000_000,
            "http://a.b/c " * 40_000,
            "[" * 100_000,
        ],
        ids=lambda text: f"{text[:9]!a}-{len(text)}",
    )
    def test_contexts_are_read_in_bounded_time(self, judge, bounded, prompt):
        """Half a million characters of context are read once."""
        with bounded():
            outcome = judge(CHECK, "In Berlin it costs 77 EUR", prompt=f"lamp {prompt}")

        assert not outcome.ok


class TestParameters:
    @pytest.mark.parametrize(
        ("parameters", "part"),
        [
            ({"kinds": ["number"]}, "did you mean 'numbers'?"),
            ({"kinds": []}, "`kinds` is an empty list"),
            ({"allow": [5]}, "`allow[]` has to be a text, got 5; put the number in quotes"),
            ({"derived": "yes"}, "`derived` has to be true or false"),
            ({"context": [""]}, "`context[]` is empty"),
        ],
    )
    def test_nonsense_is_refused(self, parameters, part):
        """A parameter that makes no sense is a ValueError of one sentence."""
        with pytest.raises(ValueError, match="`") as caught:
            Hallucination(**parameters)

        assert part in str(caught.value)
