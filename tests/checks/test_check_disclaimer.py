"""Notices that are there, blurred, misplaced or repeated."""

import pytest

from pytest_quantguard.checks.disclaimer import Disclaimer
from pytest_quantguard.errors import CheckError

NOTICE = "This is not financial advice; consult a licensed adviser."
LONG = "Bonds are loans. " * 30


class TestJudging:
    @pytest.mark.parametrize(
        "text",
        [
            f"{LONG}{NOTICE}",
            f"{LONG}\n\n> **This is NOT financial advice;**\n> consult a licensed adviser",
            f"{LONG}_This is not financial advice: consult a licensed adviser!_",
            "This is not  financial\nadvice - consult a licensed adviser.",
        ],
    )
    def test_a_notice_is_found_whatever_its_looks(self, judge, text):
        """Case, line breaks, emphasis and punctuation do not matter."""
        assert judge(Disclaimer(texts=NOTICE), text).violations == ()

    @pytest.mark.parametrize(
        ("text", "sentence"),
        [
            (
                "Buy bonds. This is financial advice; consult a licensed adviser.",
                f'the notice "{NOTICE}" is missing; nearest is "bonds. This is financial advice; '
                'consult a licensed adviser" (missing: "not")',
            ),
            (
                "This is no financial advice; consult a licensed advisor.",
                f'the notice "{NOTICE}" is missing; nearest is "This is no financial advice; '
                'consult a licensed advisor" (missing: "not", "adviser")',
            ),
            (
                "Consult a licensed adviser; this is not financial advice.",
                f'the notice "{NOTICE}" is missing; nearest is "Consult a licensed adviser; this '
                'is not financial advice" (in another order)',
            ),
            ("Buy bonds.", f'the notice "{NOTICE}" is missing'),
        ],
    )
    def test_a_blurred_notice_is_missing(self, judge, text, sentence):
        """Every word counts; what comes nearest is shown with the words that it lacks."""
        assert (sentence,) == judge(Disclaimer(texts=[NOTICE]), text).violations

    def test_key_phrases_are_all_needed(self, judge):
        """Several texts are phrases of a notice that may stand apart."""
        check = Disclaimer(texts=["not financial advice", "licensed adviser"])

        assert judge(check, "Ask a licensed adviser. It is not financial advice.").ok
        assert judge(check, "It is not financial advice.").violations == (
            'the notice "licensed adviser" is missing',
        )

    def test_one_of_several_wordings_is_enough(self, judge):
        """`any_of` needs one of them, and names all when none is there."""
        check = Disclaimer(any_of=["not legal advice", "keine Rechtsberatung"])

        assert judge(check, "Das ist keine Rechtsberatung.").ok
        assert judge(check, "Das ist eine Rechtsberatung, kein Zweifel.").violations == (
            'none of the notices "not legal advice", "keine Rechtsberatung" is there',
        )

    def test_languages_without_blanks_are_read_by_character(self, judge):
        """A Chinese notice is found inside a longer sentence."""
        check = Disclaimer(texts="\u4e0d\u6784\u6210\u6295\u8d44\u5efa\u8bae")

        assert judge(check, "\u672c\u6587\u4e0d\u6784\u6210\u6295\u8d44\u5efa\u8bae\u3002").ok
        assert not judge(check, "\u672c\u6587\u6784\u6210\u6295\u8d44\u5efa\u8bae\u3002").ok

    def test_a_word_inside_another_one_is_none(self, judge):
        """ "not" does not stand in "nothing"."""
        assert not judge(Disclaimer(texts="not advice"), "nothing: not adviceable").ok

    def test_a_pattern_matches_as_written(self, judge):
        """A regular expression is an alternative to texts."""
        check = Disclaimer(pattern="(?i)consult (a|your) doctor")

        assert judge(check, "Consult your doctor.").ok
        assert judge(check, "Consult a lawyer.").violations == (
            'the pattern "(?i)consult (a|your) doctor" matches nowhere',
        )


class TestPlace:
    @pytest.mark.parametrize(
        ("where", "text", "sentence"),
        [
            ("start", f"# Advice\n\n{NOTICE} {LONG}", None),
            ("end", f"{LONG} {NOTICE}", None),
            ("end", f"{LONG} {NOTICE}\n\nKind regards", None),
            (
                "start",
                f"{LONG}{NOTICE}",
                f'the notice "{NOTICE}" has to stand at the start, and 510 characters stand before '
                "it; at most 100 may",
            ),
            (
                "end",
                f"{NOTICE} {LONG}",
                f'the notice "{NOTICE}" has to stand at the end, and 509 characters stand behind '
                "it; at most 100 may",
            ),
        ],
    )
    def test_a_notice_has_its_place(self, judge, where, text, sentence):
        """A heading before it, or a greeting behind it, stays inside the margin."""
        expected = (sentence,) if sentence else ()

        assert expected == judge(Disclaimer(texts=NOTICE, where=where), text).violations

    def test_once_forbids_repetition(self, judge):
        """A notice that a loop repeats is counted."""
        check = Disclaimer(texts="not advice", once=True)

        assert judge(check, "It is not advice.").ok
        assert judge(check, "Not advice. " * 3).violations == (
            'the notice "not advice" stands there 3 times instead of once',
        )


class TestHostile:
    @pytest.mark.parametrize(
        "text",
        [
            "this " * 2_000_000,
            "this is " * 37_000,
            "a" * 10_000_000,
            "*_`" * 3_000_000,
            "\ud800" * 300_000,
            "\x1b[31m" * 60_000,
            "'a" * 150_000,
            "[" * 100_000,
        ],
        ids=lambda text: f"{text[:9]!a}-{len(text)}",
    )
    def test_text_is_judged_in_bounded_time(self, judge, bounded, text):
        """Hostile text never crashes the check, and violates it."""
        with bounded():
            violations = judge(Disclaimer(texts=NOTICE, once=True), text).violations

        assert len(violations) == 1
        assert len(violations[0]) <= 500
        assert "\x1b" not in violations[0]
        violations[0].encode("utf-8")

    def test_an_endless_pattern_is_stopped(self, judge, quick):
        """A pattern that backtracks for ever is the check's error."""
        with pytest.raises(CheckError, match=r"stopped after 0\.3 s"):
            judge(Disclaimer(pattern="(a+)+$"), "a" * 60 + "b")


class TestParameters:
    @pytest.mark.parametrize(
        ("parameters", "part"),
        [
            ({}, "`disclaimer` asks for nothing; give one of texts, any_of, pattern"),
            ({"texts": [5]}, "`texts[]` has to be a text, got 5"),
            ({"texts": ["..."]}, "`texts` holds a text without a word, got '...'"),
            ({"any_of": ["--"]}, "`any_of` holds a text without a word"),
            ({"pattern": "("}, "`pattern` is no regular expression"),
            ({"texts": "a", "where": "ende"}, "did you mean 'end'?"),
            ({"texts": "a", "margin": -1}, "at least 0, got -1"),
            ({"texts": "a", "margin": None}, "`margin` has to be a whole number"),
            ({"texts": "a", "once": 1}, "`once` has to be true or false"),
            ({"pattern": "a", "where": "end"}, "write ^ or $ into the pattern"),
        ],
    )
    def test_nonsense_is_refused(self, parameters, part):
        """A parameter that makes no sense is a ValueError of one sentence."""
        with pytest.raises(ValueError, match="`") as caught:
            Disclaimer(**parameters)

        assert part in str(caught.value)
