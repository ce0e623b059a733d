"""Where no tool should be called."""

import pytest

from pytest_quantguard.checks.no_tool_call import NoToolCall
from pytest_quantguard.errors import CheckError
from pytest_quantguard.types import CompletionRequest, GoldenCase, Source

TOOLS = tuple({"type": "function", "function": {"name": name}} for name in ("refund", "track"))
HIDDEN = '<tool_call>{"name": "refund", "arguments": {}}</tool_call>'


class TestCalls:
    @pytest.mark.parametrize("check", [NoToolCall(), NoToolCall(tools="refund")])
    def test_a_text_holds(self, judge, check):
        """An answer in words is what was wanted; what it says is others' business."""
        assert judge(check, "You can ask for a refund.", tools=TOOLS).ok

    def test_only_named_tools_are_forbidden(self, judge):
        """With `tools` the others may be called."""
        check = NoToolCall(tools=["refund"])

        assert judge(check, calls=[("track", "{}")], tools=TOOLS).ok
        assert not judge(check, calls=[("track", "{}"), ("refund", "{}")], tools=TOOLS).ok

    @pytest.mark.parametrize(
        ("tools", "calls", "sentence"),
        [
            (
                None,
                [("refund", '{"id": "12345"}')],
                'called "refund", where no tool should be called; its arguments are '
                '"{"id": "12345"}"',
            ),
            (
                None,
                [("refund", "{}"), ("tarck", "{}"), ("refund", "{}")],
                'called "refund", "tarck" (3 calls), where no tool should be called',
            ),
            (
                ["refund"],
                [("track", "{}"), ("refund", "{}")],
                'called "refund", where this must not be called; its arguments are "{}"',
            ),
            (
                ["refund", "track"],
                [("track", "{}"), ("refund", "{}")],
                'called "track", "refund" (2 calls), where these must not be called',
            ),
        ],
    )
    def test_names_the_calls(self, judge, tools, calls, sentence):
        """The sentence has the tools, how often, and what was made up as arguments."""
        assert judge(NoToolCall(tools=tools), calls=calls, tools=TOOLS).violations == (sentence,)


class TestHidden:
    def test_counts_on_request_only(self, judge):
        """A call in the text is made by nobody; with `hidden` it counts."""
        assert judge(NoToolCall(), HIDDEN, tools=TOOLS).ok
        assert judge(NoToolCall(hidden=True), HIDDEN, tools=TOOLS).violations == (
            'no tool was called, but a call of "refund" stands in the text instead, as a '
            f'<tool_call> tag: "{HIDDEN}"',
        )

    def test_of_a_named_tool(self, judge):
        """With `tools` only a hidden call of one of them counts, wherever it stands."""
        check = NoToolCall(tools=["track"], hidden=True)

        assert judge(check, HIDDEN, tools=TOOLS).ok
        assert not judge(check, f"{HIDDEN} track(id=5)", tools=TOOLS).ok

    def test_of_a_tool_that_does_not_exist(self, judge):
        """A marked call of an unknown tool is a call."""
        check = NoToolCall(hidden=True)

        assert not judge(check, '[TOOL_CALLS] [{"name": "x"}]', tools=TOOLS).ok


def misfit(check, *tools, **params):
    request = CompletionRequest(messages=(), tools=tools, params=params)
    source = Source(file="a.quant.yaml", line=1)
    return check.misfit(GoldenCase(id="a", cohort="b", request=request, source=source))


class TestMistakes:
    def test_cases_on_which_it_means_something(self):
        """With tools, or with `hidden`, an answer can fail."""
        assert misfit(NoToolCall(), *TOOLS) == ""
        assert misfit(NoToolCall(tools="refund"), *TOOLS) == ""
        assert misfit(NoToolCall(hidden=True)) == ""
        assert misfit(NoToolCall(tools="refund"), *TOOLS, tool_choice="required") == ""

    def test_a_case_without_tools_could_never_fail(self):
        """What cannot fail is no evidence."""
        assert "no answer could fail" in misfit(NoToolCall())

    def test_an_unknown_tool(self, judge):
        """A misspelled tool would never be called: a mistake, and an error at run time."""
        check = NoToolCall(tools=["refnd"])

        assert "did you mean 'refund'?" in misfit(check, *TOOLS)
        with pytest.raises(CheckError, match="did you mean 'refund'"):
            judge(check, "a", tools=TOOLS)

    @pytest.mark.parametrize(
        ("tools", "choice"),
        [
            (None, "required"),
            (["refund", "track"], "required"),
            (None, {"type": "function", "function": {"name": "track"}}),
            (["track"], {"type": "function", "function": {"name": "track"}}),
        ],
    )
    def test_a_request_that_demands_the_call(self, tools, choice):
        """A tool choice that leaves no way not to call is a mistake."""
        found = misfit(NoToolCall(tools=tools), *TOOLS, tool_choice=choice)

        assert found == "the request's tool_choice demands the very call that must not be made"

    @pytest.mark.parametrize(
        ("parameters", "part"),
        [
            ({"tools": []}, "`tools` is an empty list; leave it out"),
            ({"tools": 5}, "`tools` has to be a list of texts"),
            ({"tools": [5]}, "`tools[]` has to be a text"),
            ({"hidden": "yes"}, "`hidden` has to be true or false"),
        ],
    )
    def test_nonsense_is_refused(self, parameters, part):
        """A parameter that makes no sense is a ValueError of one sentence."""
        with pytest.raises(ValueError, match="`") as caught:
            NoToolCall(**parameters)

        assert part in str(caught.value)


class TestHostile:
    def test_huge_answers(self, judge, bounded):
        """A text of 10 MB and 100,000 calls with odd names are bounded."""
        calls = [(f"\x1b{i}\ud800", "\x00" * 100) for i in range(100_000)]
        with bounded():
            assert judge(NoToolCall(hidden=True), '{"name": "' * 1_000_000, tools=TOOLS).ok
            (violation,) = judge(NoToolCall(), calls=calls, tools=TOOLS).violations

        assert violation.endswith("and 99995 more (100000 calls), where no tool should be called")
        assert "\x1b" not in violation
        violation.encode("utf-8")
