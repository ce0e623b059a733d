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


class TestSpellings:
    @pytest.mark.parametrize(
        ("number", "text"),
        [
            ("1,234.50 EUR", "Das macht 1.234,50 €."),
            ("1,234.50 EUR", "That is €1,234.50 in total."),
            ("1,234.50 EUR", "| 1 234,50 Euro |"),
            ("CHF 1'234.50", "1234.50 francs"),
            ("$2.5 million", "USD 2,500,000"),
            ("12.5 %", "Es sind 12,5 Prozent."),
            ("12.5 %", "12.50 per cent"),
            ("5 kg", "a 5kg parcel"),
            ("30 days", "a 30-day period"),
            ("-5 °C", "at \u22125°C"),
            ("2026-03-01", "on March 1, 2026."),
            ("2026-03-01", "am 1. März 2026"),
            ("2026-03-01", "le 1er mars 2026"),
            ("2026-03-01", "el 1 de marzo de 2026"),
            ("2026-03-01", "on 03/01/2026"),
            ("1 March 2026", "2026-03-01T10:00"),
            ("14:30", "at 2:30 pm"),
            ("+49 30 1234567", "ruf 030/1234567 an"),
            ("+49 30 1234567", "+49 (0)30 123 45 67"),
            ("DE89 3704 0044 0532 0130 00", "DE89 3704 0044 0532 0130 00."),
        ],
    )
    def test_other_spellings_keep_a_number(self, judge, number, text):
        """Separators, currency signs, month names and blanks are a matter of spelling."""
        assert judge(NumbersPreserved(numbers=[number]), text).violations == ()

    @pytest.mark.parametrize(
        ("number", "text", "sentence"),
        [
            (
                "1,234.50 EUR",
                "Total: 1,243.50 EUR",
                '"1,234.50 EUR" is lost, closest is "1,243.50 EUR" (digits 3 and 4 changed places)',
            ),
            (
                "1,234.50 EUR",
                "Total: $1,234.50",
                '"1,234.50 EUR" is lost, closest is "$1,234.50" ("EUR" became "$")',
            ),
            ("5 kg", "It is 5 g.", '"5 kg" is lost, closest is "5 g" ("kg" became "g")'),
            (
                "2026-03-01",
                "on 1 March 2025",
                '"2026-03-01" is lost, closest is "1 March 2025" (the year 2026 became 2025)',
            ),
            (
                "2026-03-01",
                "on 10.03.2026",
                '"2026-03-01" is lost, closest is "10.03.2026" (the day 01 became 10)',
            ),
            ("2026-03-01", "on March 1", '"2026-03-01" is lost, closest is "March 1"'),
            (
                "+49 30 1234567",
                "call +49 30 1234576",
                '"+49 30 1234567" is lost, closest is "+49 30 1234576" '
                "(digits 10 and 11 changed places)",
            ),
            ("12.5 %", "none", '"12.5 %" is lost'),
            ("-5 °C", "5 °C", '"-5 °C" is lost, closest is "5 °C"'),
        ],
    )
    def test_what_changed_is_named(self, judge, number, text, sentence):
        """A digit, a unit or a part of a date that changed is a loss, and is said."""
        assert (sentence,) == judge(NumbersPreserved(numbers=[number]), text).violations

    def test_kinds_choose_what_the_prompt_gives(self, judge):
        """With `kinds` the amounts, dates and identifiers of the prompt have to survive."""
        prompt = (
            "Order INV-2024-017 of 2026-03-01: 3 items, 1,234.50 EUR, 19 % VAT, order 4711000012"
        )
        check = NumbersPreserved(kinds=["amounts", "dates", "identifiers"])

        assert judge(check, "INV-2024-017, 1 March 2026, 1.234,50 €", prompt=prompt).ok
        assert judge(check, "INV-2024-071 1 March 2026: 1234.50", prompt=prompt).violations == (
            '"INV-2024-017" is lost, closest is "INV-2024-071" (digits 6 and 7 changed places)',
        )
        assert judge(NumbersPreserved(kinds="percentages"), "19%", prompt=prompt).ok

    def test_long_runs_inside_another_kind_count_once(self, judge):
        """A telephone number is not asked for digit run by digit run as well."""
        check = NumbersPreserved(kinds=["long", "phones"])
        prompt = "Call +49 30 1234567 about 88213."

        assert judge(check, "88213: 030 123 45 67", prompt=prompt).ok
        assert len(judge(check, "nothing", prompt=prompt).violations) == 2

    def test_the_prompt_is_more_than_the_users_messages(self):
        """`given_in: prompt` looks into what the system and the tools said."""
        messages = (
            {"role": "system", "content": "The fee is 12.50 EUR."},
            {"role": "user", "content": "What is the fee?"},
        )
        case = GoldenCase(
            id="a",
            cohort="b",
            request=CompletionRequest(messages=messages),
            source=Source(file="f", line=1),
        )

        check = NumbersPreserved(kinds=["amounts"], given_in="prompt")

        assert check.misfit(case) == ""
        assert check(Completion(text="12,50 €"), case).ok
        assert not check(Completion(text="12,60 €"), case).ok
        assert "the user's messages hold no number of the kinds" in NumbersPreserved(
            kinds=["amounts"]
        ).misfit(case)

    def test_a_case_without_numbers_is_found_while_it_is_read(self, judge):
        """The misfit names the kinds that are there."""
        check = NumbersPreserved()

        with pytest.raises(CheckError) as caught:
            judge(check, "x", prompt="Pay 12.50 EUR by 2026-03-01.")

        assert str(caught.value) == (
            "the user's messages hold no number of 5 digits or more, so none can be lost; list "
            "`numbers`, or lower `min_digits`, or name `kinds` that are there: numbers, amounts, "
            "dates"
        )


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

    @pytest.mark.parametrize(
        "text",
        [
            "1,111" * 2_000_000,
            "1 March 2025 " * 800_000,
            "€1,2 " * 2_000_000,
            "+49 30 " * 1_400_000,
        ],
        ids=lambda text: f"{text[:9]!a}-{len(text)}",
    )
    def test_spellings_are_searched_in_bounded_time(self, judge, bounded, text):
        """Millions of amounts and dates are not more than the check can look through."""
        check = NumbersPreserved(numbers=["2026-03-01", "1,234.50 EUR", "+49 30 1234567"])

        with bounded():
            violations = judge(check, text).violations

        assert len(violations) == 3


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
            ({"kinds": ["amount"]}, "did you mean 'amounts'?"),
            ({"kinds": []}, "`kinds` is an empty list"),
            ({"given_in": "answer"}, "`given_in` cannot be 'answer'"),
        ],
    )
    def test_nonsense_is_refused(self, parameters, part):
        """A parameter that makes no sense is a ValueError of one sentence."""
        with pytest.raises(ValueError, match="`") as caught:
            NumbersPreserved(**parameters)

        assert part in str(caught.value)
