"""Small checks of an answer's shape: not_contains, finish_reason, latency, length."""

import math

import pytest

from pytest_quantguard._judging import reads_timing
from pytest_quantguard.checks.finish_reason import FinishReason
from pytest_quantguard.checks.latency import Latency
from pytest_quantguard.checks.length import Length
from pytest_quantguard.checks.not_contains import NotContains
from pytest_quantguard.errors import CheckError
from pytest_quantguard.types import Usage


class TestNotContains:
    def test_says_where_the_text_stands(self, judge):
        """The line, and what is around it."""
        check = NotContains(texts=["<|im_end|>", "secret"])

        assert judge(check, "It is on its way.").ok
        assert judge(check, "Hello,\nit is on its way.<|im_end|>\nuser").violations == (
            '"<|im_end|>" must not occur, and stands in line 2 of the text: '
            '"…o,\\nit is on its way.<|im_end|>\\nuser"',
        )
        assert judge(check, "my secret").violations == (
            '"secret" must not occur, and stands in the text: "my secret"',
        )

    def test_calls_and_the_refusal_field_are_part_of_the_answer(self, judge):
        """What must not get out must not get out anywhere."""
        outcome = judge(
            NotContains(texts="4111"),
            "",
            calls=[("pay", '{"card": "4111"}'), ("4111", "{}")],
            refusal="I cannot charge 4111.",
        )

        assert outcome.violations == (
            '"4111" must not occur, and stands in the arguments of "pay": "{"card": "4111"}"',
            '"4111" must not occur, and stands in the name of a called tool: "4111"',
            '"4111" must not occur, and stands in the refusal field: "I cannot charge 4111."',
        )

    def test_whole_words(self, judge):
        """whole_words leaves out what is part of a longer word."""
        assert not judge(NotContains(texts="ace"), "in place").ok
        assert judge(NotContains(texts="ace", whole_words=True), "in place, an aces").ok
        assert not judge(NotContains(texts="ace", whole_words=True), "in place of an ace.").ok
        assert judge(NotContains(texts="[INST]", whole_words=True), "a[INST]b").ok

    def test_folding_finds_the_place_in_the_text_as_it_is(self, judge):
        """Letters that fold to two do not shift what is quoted."""
        check = NotContains(texts="ACME", case_sensitive=False)

        (violation,) = judge(check, "ß" * 100_000 + "x" * 30 + "Acme tools").violations

        assert violation.endswith(f'stands in the text: "…{"x" * 20}Acme tools"')
        assert judge(NotContains(texts="ACME"), "Acme").ok

    @pytest.mark.parametrize(
        ("parameters", "part"),
        [
            ({"texts": []}, "empty list"),
            ({"texts": [""]}, "`texts[]` is empty"),
            ({"texts": 5}, "got 5"),
            ({"texts": "a", "whole_words": 1}, "`whole_words` has to be true or false"),
            ({"texts": "a", "case_sensitive": 1}, "`case_sensitive` has to be true or false"),
        ],
    )
    def test_nonsense_is_refused(self, parameters, part):
        """A parameter that makes no sense is a ValueError of one sentence."""
        with pytest.raises(ValueError, match=r"^`") as caught:
            NotContains(**parameters)

        assert part in str(caught.value)


class TestFinishReason:
    def test_ends_by_itself(self, judge):
        """Without parameters stop and tool_calls are allowed."""
        assert judge(FinishReason(), "a", finish_reason="stop").ok
        assert judge(FinishReason(), "a", finish_reason="tool_calls").ok
        assert judge(FinishReason(allowed="length"), "a", finish_reason="length").ok

    @pytest.mark.parametrize(
        ("fields", "sentence"),
        [
            (
                {"finish_reason": "length", "usage": Usage(completion_tokens=64)},
                'finish_reason is "length", allowed: "stop", "tool_calls"; cut off after 64 '
                'tokens, at "…and then"',
            ),
            (
                {"finish_reason": "length", "calls": [("f", '{"a": "b')]},
                'finish_reason is "length", allowed: "stop", "tool_calls"; cut off, at "…{"a": "b"',
            ),
            (
                {"finish_reason": "content_filter"},
                'finish_reason is "content_filter", allowed: "stop", "tool_calls"; a content '
                "filter of the server ended it",
            ),
            (
                {"finish_reason": "\x1b[31mabort"},
                'finish_reason is "\\x1b[31mabort", allowed: "stop", "tool_calls"',
            ),
        ],
    )
    def test_says_how_it_ended(self, judge, fields, sentence):
        """A cut answer is shown where it was cut."""
        assert (sentence,) == judge(FinishReason(), "and then", **fields).violations

    def test_an_unknown_end_is_no_evidence(self, judge):
        """A server that gives no reason makes the check an error, whatever is allowed."""
        with pytest.raises(CheckError, match="came without a finish_reason"):
            judge(FinishReason(allowed=["stop", "length"]), "a")

    @pytest.mark.parametrize(
        ("allowed", "part"),
        [
            ([], "empty list"),
            (["stop", "tool_call"], "'tool_call'; did you mean 'tool_calls'?"),
            ("lenght", "did you mean 'length'?"),
            (5, "got 5"),
        ],
    )
    def test_nonsense_is_refused(self, allowed, part):
        """Typos of known reasons are seen; a server's own reasons are taken."""
        with pytest.raises(ValueError, match=r"^`") as caught:
            FinishReason(allowed=allowed)

        assert part in str(caught.value)
        assert FinishReason(allowed=["end_turn", "eos"]).allowed == ("end_turn", "eos")


class TestLatency:
    def test_limits_are_inclusive(self, judge):
        """The limit itself is soon enough."""
        check = Latency(max_s=2, max_ttft_s=0.5)

        assert judge(check, "a", latency_s=2.0, ttft_s=0.5).ok
        assert judge(check, "a", latency_s=2.5, ttft_s=0.51).violations == (
            "took 2.5 s, at most 2 s are allowed",
            "the first token came after 0.51 s, at most 0.5 s are allowed",
        )
        assert judge(
            Latency(max_s=2), "a", latency_s=12, usage=Usage(completion_tokens=9)
        ).violations == ("took 12 s, at most 2 s are allowed (9 tokens)",)

    @pytest.mark.parametrize(
        ("check", "fields"),
        [
            (Latency(max_s=2), {}),
            (Latency(max_s=2), {"latency_s": math.nan}),
            (Latency(max_s=2), {"latency_s": -1.0}),
            (Latency(max_ttft_s=2), {"latency_s": 1.0}),
            (Latency(max_ttft_s=2), {"latency_s": 1.0, "ttft_s": math.inf}),
        ],
    )
    def test_an_unknown_time_is_no_evidence(self, judge, check, fields):
        """What was not measured is never soon enough."""
        with pytest.raises(CheckError, match="is not known"):
            judge(check, "a", **fields)

    def test_the_gate_knows_that_times_are_read(self):
        """Answers from the cache are not compared."""
        assert reads_timing(Latency(max_s=1))

    @pytest.mark.parametrize(
        ("parameters", "part"),
        [
            ({}, "limits nothing"),
            ({"max_s": 0}, "a number above 0, got 0"),
            ({"max_s": "3 s"}, "got '3 s'"),
            ({"max_s": math.inf}, "got inf"),
            ({"max_s": True}, "got True"),
            ({"max_ttft_s": math.nan}, "got nan"),
            ({"max_s": 1, "max_ttft_s": 2}, "never comes after the last"),
        ],
    )
    def test_nonsense_is_refused(self, parameters, part):
        """A parameter that makes no sense is a ValueError of one sentence."""
        with pytest.raises(ValueError, match="`") as caught:
            Latency(**parameters)

        assert part in str(caught.value)


TEXT = """# Refund

Your order was refunded, Mr. Smith. It took 2.5 days.

- Check your account.
- Call us.
"""


class TestLength:
    @pytest.mark.parametrize(
        ("unit", "size", "name"),
        [
            ("chars", 97, "characters"),
            ("words", 19, "words"),
            ("sentences", 4, "sentences"),
            ("lines", 4, "lines"),
            ("paragraphs", 3, "paragraphs"),
            ("tokens", 30, "tokens"),
        ],
    )
    def test_every_unit_has_two_limits(self, judge, unit, size, name):
        """Both limits are inclusive, and the sentence gives the number and the limit."""
        usage = Usage(completion_tokens=30)

        both = Length(**{f"min_{unit}": size, f"max_{unit}": size})
        (short,) = judge(Length(**{f"min_{unit}": size + 1}), TEXT, usage=usage).violations
        (long,) = judge(Length(**{f"max_{unit}": size - 1}), TEXT, usage=usage).violations

        assert judge(both, TEXT, usage=usage).ok
        assert short.startswith(f"{size} {name}, at least {size + 1} are needed: ")
        assert f"{size} {name}, at most {size - 1} are allowed" == long

    def test_one_is_singular(self, judge):
        """1 word, not 1 words."""
        assert judge(Length(min_words=2), "Yes").violations == (
            '1 word, at least 2 are needed: "Yes"',
        )

    def test_several_limits_in_one_check(self, judge):
        """A case may have a check once, so it takes all limits."""
        check = Length(min_words=2, max_words=3, max_lines=1, complete=True)

        assert judge(check, "one two three", finish_reason="stop").ok
        assert 3 == len(judge(check, "1 2 3\n4", finish_reason="length").violations)

    @pytest.mark.parametrize("limit", ["min_tokens", "max_tokens"])
    def test_uncounted_tokens_are_no_evidence(self, judge, limit):
        """A server that does not count makes the check an error."""
        with pytest.raises(CheckError, match=f"`{limit}` needs the server's count"):
            judge(Length(**{limit: 1}), "a")

    @pytest.mark.parametrize(
        ("parameters", "part"),
        [
            ({}, "limits nothing; give complete, or min_ or max_ with one of chars, words"),
            ({"min_sentences": 0}, "at least 1, got 0"),
            ({"max_lines": 1.5}, "`max_lines` has to be a whole number"),
            ({"min_words": 5, "max_words": 4}, "`min_words` is 5 and `max_words` 4"),
        ],
    )
    def test_nonsense_is_refused(self, parameters, part):
        """A parameter that makes no sense is a ValueError of one sentence."""
        with pytest.raises(ValueError, match="`") as caught:
            Length(**parameters)

        assert part in str(caught.value)
