import pytest

from pytest_quantguard.checks.citations import Citations
from pytest_quantguard.errors import CheckError

PROMPT = "[doc-1] Berlin is a city.\n[doc-2] It has a wall.\nsource doc-31: none."


class TestJudging:
    @pytest.mark.parametrize(
        ("check", "text"),
        [
            (Citations(required=["doc-2"]), "It has a wall [doc-2]."),
            (Citations(required=["[doc-2]"]), "It has a wall [doc-2] in a city [doc-1]."),
            (Citations(required="doc-2"), "Both [doc-1, doc-2]."),
            (Citations(required=["doc-1", "doc-2"]), "Both [doc-1; doc-2]."),
            (Citations(), "See [doc-31]."),
            (Citations(allow_none=True), "I do not know."),
            (Citations(allow_none=True), ""),
            (Citations(pattern=r"\((doc-\d)\)", required=["doc-1"]), "A city (doc-1) [doc-9]."),
            (Citations(pattern=r"doc-\d+"), "According to doc-1."),
        ],
    )
    def test_real_citations_hold(self, judge, check, text):
        """Required labels are cited and every label stands in the prompt."""
        assert judge(check, text, prompt=PROMPT).violations == ()

    @pytest.mark.parametrize(
        ("check", "text", "sentence"),
        [
            (
                Citations(required=["doc-2", "doc-1"]),
                "A city [doc-1].",
                'not cited: "doc-2"; cited: "doc-1"',
            ),
            (Citations(required=["doc-2"]), "", 'not cited: "doc-2"; nothing is cited'),
            (Citations(), "A city.", "no source is cited at all"),
            (Citations(), "A city [doc-9].", 'cited, but not in the prompt: "doc-9"'),
            (Citations(), "A city [doc-3].", 'cited, but not in the prompt: "doc-3"'),
            (Citations(), "A city [Doc-1].", 'cited, but not in the prompt: "Doc-1"'),
            (
                Citations(allow_none=True),
                "A city [doc-1, doc-9].",
                'cited, but not in the prompt: "doc-9"',
            ),
        ],
    )
    def test_missing_and_invented_citations(self, judge, check, text, sentence):
        """What is missing and what is invented have sentences of their own."""
        assert (sentence,) == judge(check, text, prompt=PROMPT).violations

    def test_both_are_named(self, judge):
        """Missing and invented in one answer are two violations."""
        assert len(judge(Citations(required=["doc-1"]), "[doc-9]", prompt=PROMPT).violations) == 2

    def test_bare_numbers_need_the_same_form_in_the_prompt(self, judge):
        """[1] is not made real by any 1 in the prompt."""
        assert judge(Citations(), "Yes [1].", prompt="[1] It costs 2 euros.").ok
        assert judge(Citations(), "Yes [2].", prompt="[1] It costs 2 euros.").violations == (
            'cited, but not in the prompt: "2"',
        )

    def test_other_brackets_are_no_citations(self, judge):
        """Markdown links and check boxes are not looked at."""
        text = "[x] done, [see here](http://example.com), [doc-1]"

        assert judge(Citations(), text, prompt=PROMPT).ok


class TestHostile:
    @pytest.mark.parametrize(
        "text",
        [
            "[" * 1_000_000,
            "[1]" * 330_000,
            "".join(f"[{i}]" for i in range(120_000)),
            "[" + "a" * 999_000,
            "[doc-1, " * 120_000,
            "a" * 10_000_000,
            "\ud800[doc-9]\x1b",
            "[" * 100_000 + "]" * 100_000,
            "[" + "9" * 10_000 + "]",
        ],
        ids=lambda text: f"{text[:9]!a}-{len(text)}",
    )
    def test_text_is_judged_in_bounded_time(self, judge, bounded, text):
        """Hostile text never crashes the check, and violates it."""
        with bounded():
            violations = judge(Citations(required=["doc-2"]), text, prompt=PROMPT).violations

        assert violations
        assert all(len(violation) <= 300 for violation in violations)

    def test_hostile_labels_are_shown_escaped(self, judge):
        """A user's pattern may catch anything; sentences stay clean."""
        check = Citations(pattern=r"(?s)<(.*)>", allow_none=True)

        (violation,) = judge(check, "<\x1b[31m\ud800" + "x" * 10_000 + ">").violations

        assert violation.startswith(r'cited, but not in the prompt: "\x1b[31m\ud800xxx')
        assert len(violation) <= 300

    def test_an_endless_pattern_is_stopped(self, judge, quick):
        """A pattern that backtracks for ever is the check's error."""
        with pytest.raises(CheckError, match=r"stopped after 0\.3 s"):
            judge(Citations(pattern="(a+)+$"), "a" * 60 + "b")

    @pytest.mark.parametrize("pattern", ["(x)?a", "a*", "()"])
    def test_empty_labels_are_passed_over(self, judge, pattern):
        """A pattern that matches nothing at all, or a group that is not there, cites nothing."""
        assert judge(Citations(pattern=pattern, allow_none=True), "b").ok


class TestParameters:
    @pytest.mark.parametrize(
        ("parameters", "part"),
        [
            ({"required": 5}, "`required` has to be a list of texts, got 5"),
            ({"required": [1]}, "put the number in quotes"),
            ({"required": ["[]"]}, "a label without a name"),
            ({"pattern": "("}, "`pattern` is no regular expression"),
            ({"pattern": ""}, "`pattern` is empty"),
            ({"allow_none": "no"}, "`allow_none` has to be true or false"),
            ({"required": ["doc-1"], "allow_none": True}, "`allow_none` contradicts `required`"),
        ],
    )
    def test_nonsense_is_refused(self, parameters, part):
        """A parameter that makes no sense is a ValueError of one sentence."""
        with pytest.raises(ValueError, match="`") as caught:
            Citations(**parameters)

        assert part in str(caught.value)
