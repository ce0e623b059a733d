import pytest

from pytest_quantguard.checks.numbers_preserved import NumbersPreserved
from pytest_quantguard.errors import CheckError
from pytest_quantguard.types import Completion, CompletionRequest, GoldenCase, Source

PROMPT = "Refund order 88213 of customer 4711000012, 3 items, PIN 1234."
ID = NumbersPreserved(numbers=["88213-A"])


class TestJudging:
    @pytest.mark.parametrize(
        "text",
        [
            "Order 88213 of 4711000012 is refunded.",
            "88213,4711000012",
            "Order-88213A: 4,711,000,012.",
            "88213/4 711 000 012",
        ],
    )
    def test_numbers_that_survive_hold(self, judge, text):
        """Every long number of the prompt stands in the answer; thousands may be set apart."""
        assert judge(NumbersPreserved(), text, prompt=PROMPT).violations == ()

    def test_tool_arguments_count(self, judge):
        """The answer is the text and the arguments of the calls."""
        calls = [("refund", '{"id": "88213"}'), ("look_up", '{"customer": 4711000012}')]

        assert judge(NumbersPreserved(), calls=calls, prompt=PROMPT).ok

    @pytest.mark.parametrize(
        ("text", "sentence"),
        [
            ("Order 88273.", '"88213" is lost, closest is "88273" (digit 4: 1 became 7)'),
            ("Order 8823.", '"88213" is lost, closest is "8823" (digit 4 is missing: 1)'),
            ("Order 882134.", '"88213" is lost, closest is "882134" (added after digit 5: 4)'),
            ("Order 82813.", '"88213" is lost, closest is "82813" (digits 2 and 3 changed places)'),
            ("Order 8821.3", '"88213" is lost, closest is "8821" (digit 5 is missing: 3)'),
            ("Order 882,13", '"88213" is lost, closest is "882" (digits 4 to 5 are missing: 13)'),
            ("Done.", '"88213" is lost'),
            ("", '"88213" is lost'),
        ],
    )
    def test_says_which_digit_was_lost(self, judge, text, sentence):
        """A lost number is shown with the nearest candidate and the digit that changed."""
        assert (sentence,) == judge(NumbersPreserved(), text, prompt="Order 88213").violations

    def test_listed_numbers_replace_those_of_the_prompt(self, judge):
        """With `numbers` only these have to survive, letters and separators included."""
        assert judge(ID, "Order 88213-A.", prompt=PROMPT).ok
        assert judge(ID, "Order 88213-B.").violations == (
            '"88213-A" is lost, closest is "88213-B"',
        )
        assert not judge(ID, "Order 88213-AB.").ok
        assert not judge(ID, "Order 188213-A.").ok
        assert judge(NumbersPreserved(numbers="42"), "It is 42.").ok
        assert not judge(NumbersPreserved(numbers=["42"]), "It is 421.").ok

    def test_min_digits_chooses_what_is_long(self, judge):
        """Runs below min_digits are not looked for."""
        text = "88213 4711000012"

        assert judge(NumbersPreserved(min_digits=5), text, prompt=PROMPT).ok
        assert judge(NumbersPreserved(min_digits=4), text, prompt=PROMPT).violations == (
            '"1234" is lost',
        )

    def test_only_what_the_user_wrote_counts(self):
        """System texts are not searched; texts in content parts are."""
        messages = (
            {"role": "system", "content": "You are version 20250101."},
            {"role": "user", "content": [{"type": "text", "text": "Order 88213"}, {"x": 1}, "y"]},
            {"role": "user", "content": None},
        )
        case = GoldenCase(
            id="a",
            cohort="b",
            request=CompletionRequest(messages=messages),
            source=Source(file="f", line=1),
        )

        assert NumbersPreserved()(Completion(text="88213"), case).ok
        assert not NumbersPreserved()(Completion(text="88214"), case).ok

    def test_a_prompt_without_long_numbers_is_no_pass(self, judge):
        """Where nothing can be lost the check is an error, with a way out."""
        with pytest.raises(CheckError, match="list `numbers`, or lower `min_digits`"):
            judge(NumbersPreserved(), "hello", prompt="Order 1234")


class TestHostile:
    @pytest.mark.parametrize(
        "text",
        [
            "8" * 10_000_000,
            "88214 " * 1_600_000,
            "".join(f"{i:05} " for i in range(99_999) if i != 88213) * 10,
            "1,111" * 2_000_000,
            "[" * 100_000,
            "\ud800" * 1_000_000,
            "\x1b[31m88214",
            "8" * 10_000,
            "8-8_8.8/" * 1_000_000,
            "a" * 10_000_000,
        ],
        ids=lambda text: f"{text[:9]!a}-{len(text)}",
    )
    def test_text_is_judged_in_bounded_time(self, judge, bounded, text):
        """Hostile text never crashes the check, and violates it."""
        prompt = " ".join(f"88213{i:03}" for i in range(500)) + " 88213 " + "7" * 10_000

        with bounded():
            automatic = judge(NumbersPreserved(), text, prompt=prompt).violations
            listed = judge(ID, text).violations

        assert [len(automatic), len(listed)] == [6, 1]
        assert all(len(violation) <= 300 for violation in (*automatic, *listed))
        assert "\x1b" not in "".join(automatic + listed)


class TestParameters:
    @pytest.mark.parametrize(
        ("parameters", "part"),
        [
            ({"numbers": [88213]}, "got 88213; put the number in quotes"),
            ({"numbers": 88213}, "put the number in quotes"),
            ({"numbers": ["A-B"]}, "without a digit"),
            ({"numbers": [""]}, "`numbers[]` is empty"),
            ({"min_digits": 0}, "at least 1, got 0"),
            ({"min_digits": "5"}, "`min_digits` has to be a whole number"),
            ({"min_digits": None}, "`min_digits` has to be a whole number"),
        ],
    )
    def test_nonsense_is_refused(self, parameters, part):
        """A parameter that makes no sense is a ValueError of one sentence."""
        with pytest.raises(ValueError, match="`") as caught:
            NumbersPreserved(**parameters)

        assert part in str(caught.value)
