"""Several calls in one answer: which is missing, extra, repeated, out of place or wrong."""

import json

import pytest

from pytest_quantguard.checks.tool_sequence import ToolSequence
from pytest_quantguard.errors import CheckError
from pytest_quantguard.types import CompletionRequest, GoldenCase, Source


def tool(name, **properties):
    parameters = {"type": "object", "properties": properties}
    return {"type": "function", "function": {"name": name, "parameters": parameters}}


TOOLS = (
    tool("find", order_id={"type": "string"}),
    tool("refund", order_id={"type": "string"}),
    tool("mail", to={"type": "string"}),
)
FIND, REFUND, MAIL = ("find", "{}"), ("refund", "{}"), ("mail", "{}")
CHECK = ToolSequence(calls=["find", "refund", "mail"])


def weather(*cities):
    return [("find", json.dumps({"order_id": city})) for city in cities]


def orders(*names, **parameters):
    calls = [{"name": "find", "arguments": {"order_id": name}} for name in names]
    return ToolSequence(calls=calls, **parameters)


class TestHolds:
    @pytest.mark.parametrize(
        ("parameters", "calls"),
        [
            ({}, [FIND, REFUND, MAIL]),
            ({"in_order": False}, [MAIL, FIND, REFUND]),
            ({"extra_calls": True}, [MAIL, FIND, FIND, REFUND, FIND, MAIL, REFUND]),
            ({"in_order": False, "extra_calls": True}, [MAIL, MAIL, REFUND, FIND]),
        ],
    )
    def test_each_call_once(self, judge, parameters, calls):
        """In order or not, alone or among others: each expected call has one of its own."""
        check = ToolSequence(calls=["find", "refund", "mail"], **parameters)

        assert judge(check, calls=calls, tools=TOOLS).violations == ()

    def test_one_tool_several_times(self, judge):
        """Parallel calls of one tool are told apart by their arguments, matchers included."""
        check = orders("a", {"$regex": "[ab]"}, {"$any": True}, in_order=False)

        assert judge(check, calls=weather("c", "b", "a"), tools=TOOLS).ok
        assert not judge(check, calls=weather("c", "c", "a"), tools=TOOLS).ok

    def test_normalize_and_extra_arguments_are_for_all_calls(self, judge):
        """What is overlooked is said once; a call may have an own word on extra arguments."""
        entry = {"name": "find", "arguments": {}}
        check = ToolSequence(
            calls=[
                {"name": "find", "arguments": {"order_id": "A"}},
                {**entry, "extra_arguments": "forbid"},
            ],
            normalize="case",
            extra_arguments="allow",
        )
        first = ("find", '{"order_id": "a", "more": 1}')

        assert judge(check, calls=[first, FIND], tools=TOOLS).ok
        assert not judge(check, calls=[first, first], tools=TOOLS).ok


class TestDoesNotHold:
    @pytest.mark.parametrize("in_order", [True, False])
    def test_one_call_is_not_two(self, judge, in_order):
        """A call that was made once does not satisfy two expected ones, extra calls or not."""
        check = ToolSequence(calls=["find", "find"], extra_calls=True, in_order=in_order)

        assert judge(check, calls=[FIND, MAIL, MAIL], tools=TOOLS).violations == (
            'expected call 2 of 2 is missing: "find"',
        )


class TestViolations:
    @pytest.mark.parametrize(
        ("calls", "sentences"),
        [
            ([FIND, REFUND], ['expected call 3 of 3 is missing: "mail"']),
            ([FIND, MAIL], ['expected call 2 of 3 is missing: "refund"']),
            (
                [FIND, REFUND, REFUND, MAIL],
                ['call 3 repeats call 2: "refund" with the same arguments'],
            ),
            (
                [FIND, REFUND, ("refund", '{"order_id": "1"}'), MAIL],
                ['call 3 was not asked for: "refund"'],
            ),
            (
                [FIND, REFUND, ("find", '{"a": 1}'), ("find", '{"a": 1}'), MAIL],
                ['call 3 was not asked for: "find"', 'call 4 was not asked for: "find"'],
            ),
            (
                [FIND, REFUND, MAIL, ("\x1b[1m", "{}")],
                [r'call 4 is of "\x1b[1m", which no tool of the case is called'],
            ),
            (
                [REFUND, MAIL, FIND],
                ['call 3 is out of place: "find" is expected as call 1'],
            ),
            (
                [FIND, ("refund", '{"order_id": 5}'), MAIL],
                ["call 2, refund: $.order_id: 5 is not of type 'string'"],
            ),
            (
                [FIND, MAIL, FIND],
                [
                    'call 3 repeats call 1: "find" with the same arguments',
                    'expected call 2 of 3 is missing: "refund"',
                ],
            ),
        ],
    )
    def test_name_the_call(self, judge, calls, sentences):
        """What is missing, extra, repeated, unknown, out of place or invalid is told apart."""
        assert judge(CHECK, calls=calls, tools=TOOLS).violations == tuple(sentences)

    @pytest.mark.parametrize("in_order", [True, False])
    def test_arguments_are_held_against_the_nearest_expected_call(self, judge, in_order):
        """A digit that changed in one of several calls is found in that call."""
        check = orders("111111", "222222", "333333", in_order=in_order)

        assert judge(check, calls=weather("111111", "222922", "333333")).violations == (
            'call 2, find: $.order_id: expected "222222", got "222922" (digit 4: 2 became 9)',
        )

    def test_swapped_arguments_are_out_of_place(self, judge):
        """Right calls in the wrong order are not wrong calls."""
        (violation,) = judge(orders("a", "b"), calls=weather("b", "a")).violations

        assert "is out of place" in violation
        assert judge(orders("a", "b", in_order=False), calls=weather("b", "a")).ok

    def test_a_missing_call_may_stand_in_the_text(self, judge):
        """The second of two parallel calls, written into the text, is named as such."""
        text = 'And then: refund(order_id="1")'
        check = ToolSequence(calls=["find", "refund"])

        assert judge(check, text, calls=[FIND], tools=TOOLS).violations == (
            'expected call 2 of 2 is missing: "refund"; a call of "refund" stands in the text '
            'instead, as code: "refund(order_id="1")"',
        )

    @pytest.mark.parametrize(
        ("calls", "expected"), [(["find"], '"find"'), (["find", "mail"], '2 calls: "find", "mail"')]
    )
    def test_no_call_at_all(self, judge, calls, expected):
        """Without any call the sentence lists what was expected."""
        assert judge(ToolSequence(calls=calls), "Hello", tools=TOOLS).violations == (
            f'no tool was called, expected {expected}; the answer is the text "Hello"',
        )


class TestLayers:
    @pytest.mark.parametrize(
        ("calls", "reached"),
        [
            ([], 0),
            ([FIND], 1),
            ([MAIL, FIND], 1),
            ([FIND, MAIL, MAIL], 1),
            ([("find", "[]"), MAIL], 2),
            ([("find", '{"order_id": "2"}'), MAIL], 3),
            ([("find", '{"order_id": "1"}'), MAIL], 4),
        ],
    )
    def test_are_a_funnel(self, judge, calls, reached):
        """Called, all names, all valid, all expected: each needs the one before."""
        check = ToolSequence(calls=[{"name": "find", "arguments": {"order_id": "1"}}, "mail"])
        outcome = judge(check, calls=calls, tools=TOOLS)
        values = [1.0] * reached + [0.0] * (4 - reached)

        assert dict(zip(ToolSequence.layers, values, strict=True)) == outcome.layers
        assert outcome.value == values[-1]
        assert outcome.ok == (not outcome.violations)


def misfit(check, **params):
    request = CompletionRequest(messages=(), tools=TOOLS, params=params)
    source = Source(file="a.quant.yaml", line=1)
    return check.misfit(GoldenCase(id="a", cohort="b", request=request, source=source))


class TestMistakes:
    @pytest.mark.parametrize(
        ("calls", "part"),
        [
            ([], "a list of 1 to 32 calls, got 0; where no tool should be called, use no_tool"),
            (["a"] * 33, "a list of 1 to 32 calls, got 33"),
            (5, "`calls` has to be a list of calls, got 5"),
            ([5], "`calls[0]` has to be a name or a map, got 5"),
            ([{"nam": "a"}], "`calls[0]`: unknown parameter 'nam'; did you mean 'name'?"),
            ([{"arguments": {}}], "`calls[0].name` has to be a text"),
            (["a", {"name": "a", "arguments": []}], "`calls[1].arguments` has to be a map"),
            ([{"name": "a", "arguments": {"x": {"$regx": 1}}}], "`calls[0].arguments` at $.x"),
            ([{"name": "a", "extra_arguments": 1}], "`calls[0].extra_arguments` cannot be 1"),
        ],
    )
    def test_are_found_before_the_run(self, calls, part):
        """A list of calls that makes no sense is refused with the place in it."""
        with pytest.raises(ValueError, match="`calls") as caught:
            ToolSequence(calls=calls)

        assert part in str(caught.value)

    def test_cases_that_no_answer_could_satisfy(self):
        """An unknown tool, forbidden arguments, and one call where several are expected."""
        wrong = {"name": "mail", "arguments": {"to": 5}}

        assert misfit(CHECK) == ""
        assert "did you mean 'find'?" in misfit(ToolSequence(calls=["mail", "fnd"]))
        assert "$.to: 5 is not of type" in misfit(ToolSequence(calls=["find", wrong]))
        assert "one call at most" in misfit(CHECK, parallel_tool_calls=False)
        assert misfit(ToolSequence(calls=["find"]), parallel_tool_calls=False) == ""

    def test_a_tool_that_a_case_made_by_hand_does_not_offer(self, judge):
        """At run time an unknown tool is the check's error."""
        with pytest.raises(CheckError, match="did you mean 'find'"):
            judge(ToolSequence(calls=["fnd"]), calls=[FIND], tools=TOOLS)


class TestHostile:
    @pytest.mark.parametrize("in_order", [True, False])
    @pytest.mark.parametrize(
        "calls",
        [
            [FIND] * 100_000,
            weather(*map(str, range(100_000))),
            [("find", '{"order_id": "' + "8" * 199_000 + f'{i}"}}') for i in range(64)],
            [("find", "[" * 100_000)] * 64,
            [("find", json.dumps({str(i): i for i in range(1_500)}))] * 64,
            [("\ud800" * 10_000, "\x1b" * 10_000)] * 1_000,
        ],
        ids=["same", "different", "huge", "deep", "wide", "odd"],
    )
    def test_any_number_of_calls_is_bounded(self, judge, bounded, calls, in_order):
        """Too many, too large and unreadable calls end in a few short sentences."""
        check = orders(*({"$regex": f"[a-z]{i}"} for i in range(32)), in_order=in_order)

        with bounded():
            outcome = judge(check, calls=calls, tools=TOOLS)

        assert not outcome.ok
        assert len(outcome.violations) <= 6
        assert all(len(violation) <= 400 for violation in outcome.violations)
        "".join(outcome.violations).encode("utf-8")
