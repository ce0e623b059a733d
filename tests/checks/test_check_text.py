"""The checks that look at text: exact, contains, regex, length."""

import pytest

from pytest_quantguard.checks import _limited
from pytest_quantguard.checks.contains import Contains
from pytest_quantguard.checks.exact import Exact
from pytest_quantguard.checks.length import Length
from pytest_quantguard.checks.refusal import Refusal
from pytest_quantguard.checks.regex import Regex
from pytest_quantguard.errors import CheckError
from pytest_quantguard.types import Usage

HOSTILE = {
    "empty": "",
    "control": "\x1b]0;x\x07\n::error::x",
    "surrogates": "\ud800" * 1000,
    "nested": "[" * 100_000,
    "huge": "a" * 10_000_000,
    "huge-digits": "8" * 10_000_000,
    "huge-words": "1 " * 5_000_000,
    "huge-control": "\x1b" * 10_000_000,
    "huge-unicode": "\U0001f600" * 10_000_000,
    "huge-phrases": "i can " * 1_500_000,
    "huge-lines": "\n" * 10_000_000,
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize(
    "check",
    [
        Exact(text="88213-A"),
        Exact(text="straße 88213", case_sensitive=False, strip=False),
        Contains(texts=["88213-A", "Berlin"], case_sensitive=False),
        Regex(pattern="order [0-9]+-A"),
        Regex(pattern="(?s).*order", full=True),
        Length(min_chars=1, max_chars=20_000_000, max_words=10_000_000),
        Refusal(must=True),
        Refusal(must=False, phrases=["nein"]),
    ],
    ids=lambda check: check.key,
)
def test_hostile_text_is_judged_in_bounded_time(judge, bounded, check, name):
    """Hostile text never crashes a check, takes long, or reaches a sentence raw."""
    with bounded():
        violations = judge(check, HOSTILE[name]).violations

    assert all(len(violation) <= 330 for violation in violations)
    assert "\x1b" not in "".join(violations)
    "".join(violations).encode("utf-8")


@pytest.mark.parametrize("check", [Exact(text="x"), Contains(texts="x"), Regex(pattern="x")])
def test_an_empty_answer_violates(judge, check):
    """Nothing is never what was asked for."""
    assert not judge(check, "").ok


class TestExact:
    @pytest.mark.parametrize("text", ["B", " B\n"])
    def test_the_text_holds(self, judge, text):
        """Blanks around the answer do not count."""
        assert judge(Exact(text="B"), text).ok

    def test_blanks_count_on_request(self, judge):
        """strip: false compares every character."""
        assert not judge(Exact(text="B", strip=False), "B\n").ok
        assert judge(Exact(text=" ", strip=False), " ").ok

    def test_case_counts_unless_told(self, judge):
        """case_sensitive: false folds case, beyond ASCII too."""
        assert not judge(Exact(text="STRASSE"), "straße").ok
        assert judge(Exact(text="STRASSE", case_sensitive=False), "straße").ok

    @pytest.mark.parametrize(
        ("expected", "text", "sentence"),
        [
            ("B", "B) because", 'expected "B", got "B) because"'),
            ("88213", "88273", 'expected "88213", got "88273" (digit 4: 1 became 7)'),
            (
                "x" * 500 + "a",
                "x" * 500 + "b",
                f'expected from character 501 "…{"x" * 20}a", got "…{"x" * 20}b"',
            ),
            (
                "é" * 30 + "a",
                "é" * 30,
                f'expected from character 31 "…{"é" * 20}a", got "…{"é" * 20}"',
            ),
        ],
    )
    def test_says_where_the_texts_part(self, judge, expected, text, sentence):
        """Long texts are shown from shortly before the first difference."""
        assert (sentence,) == judge(Exact(text=expected), text).violations

    @pytest.mark.parametrize(
        ("parameters", "part"),
        [
            ({"text": ""}, "`text` is empty"),
            ({"text": 5}, "got 5; put the number in quotes"),
            ({"text": " "}, "nothing but blanks"),
            ({"text": "a", "strip": None}, "`strip` has to be true or false"),
            ({"text": "a", "case_sensitive": 0}, "`case_sensitive` has to be true or false"),
        ],
    )
    def test_nonsense_is_refused(self, parameters, part):
        """A parameter that makes no sense is a ValueError of one sentence."""
        with pytest.raises(ValueError, match="`") as caught:
            Exact(**parameters)

        assert part in str(caught.value)


class TestContains:
    def test_all_texts_have_to_occur(self, judge):
        """One text or several; each missing one has its sentence."""
        assert judge(Contains(texts="Berlin"), "In Berlin.").ok
        assert judge(Contains(texts=["Berlin", "1989"]), "Berlin, 1989").ok
        assert judge(Contains(texts=["Berlin", "Bonn"]), "Berlin").violations == (
            '"Bonn" does not occur',
        )

    def test_case_counts_unless_told(self, judge):
        """case_sensitive: false folds case."""
        assert not judge(Contains(texts="BERLIN"), "Berlin").ok
        assert judge(Contains(texts="BERLIN", case_sensitive=False), "Berlin").ok

    def test_names_what_stands_instead_of_a_number(self, judge):
        """A number that is almost right is shown with the digit that changed."""
        assert judge(Contains(texts="88213-A"), "Order 88273-A of 2024").violations == (
            '"88213-A" does not occur, closest is "88273-A" (digit 4: 1 became 7)',
        )

    @pytest.mark.parametrize(
        ("texts", "part"),
        [
            ([], "empty list"),
            ("", "`texts[]` is empty"),
            (["a", ""], "`texts[]` is empty"),
            ([5], "`texts[]` has to be a text, got 5; put the number in quotes"),
            (5, "`texts` has to be a list of texts, got 5"),
            ({"a": 1}, "`texts` has to be a list of texts"),
        ],
    )
    def test_nonsense_is_refused(self, texts, part):
        """A parameter that makes no sense is a ValueError of one sentence."""
        with pytest.raises(ValueError, match="`texts") as caught:
            Contains(texts=texts)

        assert part in str(caught.value)


class TestRegex:
    def test_matches_somewhere_or_everything(self, judge):
        """`full` decides whether the rest of the text counts; flags stand inside."""
        assert judge(Regex(pattern="[A-D]"), "It is B.").ok
        assert judge(Regex(pattern="(?i)ORDER"), "order").ok
        assert judge(Regex(pattern="[A-D]", full=True), "B").ok
        assert judge(Regex(pattern="[A-D]", full=True), "B\n").violations == (
            r'"[A-D]" does not match the whole text; the text is "B\n"',
        )
        assert judge(Regex(pattern="[A-D]"), "no").violations == (
            '"[A-D]" matches nowhere; the text is "no"',
        )

    @pytest.mark.parametrize("text", ["\ud800", "\ud83d\ude00", "\U0001f600", "\x00", "é"])
    def test_the_helper_sees_the_text_unchanged(self, judge, text):
        """Surrogates, alone and in pairs, cross the process border as they are."""
        pattern = "".join(f"\\U{ord(char):08x}" for char in text)

        assert judge(Regex(pattern=pattern, full=True), text).ok

    def test_an_endless_match_is_stopped(self, judge, monkeypatch):
        """A pattern that backtracks for ever is the check's error; the next match works."""
        with monkeypatch.context() as patch:
            patch.setattr(_limited, "LIMIT_S", 0.3)
            with pytest.raises(CheckError) as caught:
                judge(Regex(pattern="(a+)+$"), "a" * 60 + "b")

        assert str(caught.value) == (
            'the pattern "(a+)+$" was stopped after 0.3 s on 61 characters; avoid repeats inside '
            "repeats, such as (a+)+"
        )
        assert judge(Regex(pattern="b"), "abc").ok

    def test_more_than_a_million_characters_are_not_matched(self, judge):
        """A huge answer is a violation, whatever the pattern."""
        assert judge(Regex(pattern="a"), "a" * 1_000_000).ok
        assert judge(Regex(pattern="a"), "a" * 1_000_001).violations == (
            "the answer has 1000001 characters; at most 1000000 are matched",
        )

    @pytest.mark.parametrize(
        ("parameters", "part"),
        [
            ({"pattern": "("}, "`pattern` is no regular expression: missing )"),
            ({"pattern": "a{99999999999999}"}, "`pattern` is no regular expression"),
            ({"pattern": "(" * 5000 + ")" * 5000}, "`pattern` is no regular expression"),
            ({"pattern": ""}, "`pattern` is empty"),
            ({"pattern": 5}, "`pattern` has to be a text"),
            ({"pattern": "a", "full": "no"}, "`full` has to be true or false"),
        ],
    )
    def test_nonsense_is_refused(self, parameters, part):
        """A parameter that makes no sense is a ValueError of one sentence."""
        with pytest.raises(ValueError, match="`") as caught:
            Regex(**parameters)

        assert part in str(caught.value)

    def test_patterns_that_python_warns_about_are_taken(self, judge):
        """A FutureWarning about the pattern neither shows nor stops the run."""
        assert judge(Regex(pattern="[[a]b"), "[b").ok


class TestLength:
    @pytest.mark.parametrize(
        ("parameters", "text", "fields", "sentence"),
        [
            ({"min_chars": 3}, " ab ", {}, '2 characters, at least 3 are needed: "ab"'),
            ({"max_chars": 3}, "abcd", {}, "4 characters, at most 3 are allowed"),
            ({"max_words": 2}, "a b\nc", {}, "3 words, at most 2 are allowed"),
            (
                {"max_tokens": 5},
                "",
                {"usage": Usage(completion_tokens=6)},
                "6 tokens, at most 5 are allowed",
            ),
            (
                {"complete": True},
                "a",
                {"finish_reason": "length"},
                "the answer was cut off: finish_reason is length",
            ),
        ],
    )
    def test_each_limit_has_its_sentence(self, judge, parameters, text, fields, sentence):
        """A violation says how much there was and what is allowed."""
        assert (sentence,) == judge(Length(**parameters), text, **fields).violations

    def test_limits_are_inclusive(self, judge):
        """The limit itself is allowed, and a cut is only looked at on request."""
        check = Length(min_chars=3, max_chars=3, max_words=1, max_tokens=1)

        outcome = judge(check, " abc\n", usage=Usage(completion_tokens=1), finish_reason="length")

        assert outcome.ok

    def test_a_server_that_does_not_count_is_no_failure_of_the_model(self, judge):
        """max_tokens without a count is the check's error, with a way out."""
        with pytest.raises(CheckError, match="limit max_words or max_chars instead"):
            judge(Length(max_tokens=5), "a")

    @pytest.mark.parametrize(
        ("parameters", "part"),
        [
            ({}, "limits nothing"),
            ({"max_chars": -1}, "at least 0, got -1"),
            ({"min_chars": 0}, "at least 1, got 0"),
            ({"max_words": 1.5}, "`max_words` has to be a whole number"),
            ({"max_tokens": True}, "`max_tokens` has to be a whole number"),
            ({"max_tokens": "12"}, "got '12'"),
            ({"complete": 1}, "`complete` has to be true or false"),
            ({"min_chars": 5, "max_chars": 4}, "both that long and that short"),
        ],
    )
    def test_nonsense_is_refused(self, parameters, part):
        """A parameter that makes no sense is a ValueError of one sentence."""
        with pytest.raises(ValueError, match="`") as caught:
            Length(**parameters)

        assert part in str(caught.value)
