import json

import pytest

from pytest_quantguard.checks.tool_call import ToolCall
from pytest_quantguard.errors import CheckError

REFUND = {
    "type": "function",
    "function": {
        "name": "refund_order",
        "parameters": {
            "type": "object",
            "properties": {"order_id": {"type": "string"}, "amount": {"type": "number"}},
            "required": ["order_id"],
        },
    },
}
TRACK = {"type": "function", "function": {"name": "track_parcel"}}
TOOLS = (REFUND, TRACK)
GOOD = ("refund_order", '{"order_id": "88213-A"}')
CHECK = ToolCall(name="refund_order", arguments={"order_id": "88213-A"})


class TestHolds:
    @pytest.mark.parametrize("tools", [TOOLS, (), ({"name": "refund_order"},)])
    def test_the_right_call_holds(self, judge, tools):
        """Tool, arguments and nothing else: with or without tools in the request."""
        assert judge(CHECK, calls=[GOOD], tools=tools).violations == ()

    def test_any_valid_arguments_hold_without_arguments(self, judge):
        """Without `arguments` the tool's own schema decides."""
        check = ToolCall(name="refund_order")

        assert judge(check, calls=[("refund_order", '{"order_id": "1"}')], tools=TOOLS).ok
        assert not judge(check, calls=[("refund_order", "{}")], tools=TOOLS).ok

    def test_numbers_are_compared_by_value(self, judge):
        """5 is 5.0 among arguments."""
        check = ToolCall(name="refund_order", arguments={"order_id": "1", "amount": 5})
        call = ("refund_order", '{"amount": 5.0, "order_id": "1"}')

        assert judge(check, calls=[call], tools=TOOLS).ok

    def test_extra_calls_hold_on_request(self, judge):
        """With `extra_calls` the best call of the tool counts, wherever it stands."""
        check = ToolCall(name="refund_order", arguments={"order_id": "88213-A"}, extra_calls=True)
        calls = [("track_parcel", "{}"), ("refund_order", '{"order_id": "1"}'), GOOD]

        assert judge(check, calls=calls, tools=TOOLS).ok


class TestViolations:
    @pytest.mark.parametrize(
        ("text", "sentence"),
        [
            ("", 'no tool was called, expected "refund_order"; there is no text'),
            (
                "Done!",
                'no tool was called, expected "refund_order"; the answer is the text "Done!"',
            ),
            (
                '<tool_call>{"name": "refund_order"}</tool_call>',
                'no tool was called: a call of "refund_order" stands in the text instead, as a '
                '<tool_call> tag: "<tool_call>{"name": "refund_order"}</tool_call>"',
            ),
            (
                '{"name": "refund_order", "arguments": {}}',
                'no tool was called: a call of "refund_order" stands in the text instead, as JSON: '
                '"{"name": "refund_order", "arguments": {}}"',
            ),
        ],
    )
    def test_no_call(self, judge, text, sentence):
        """No call is told apart from a call that is hidden in the text."""
        assert (sentence,) == judge(CHECK, text, tools=TOOLS).violations

    @pytest.mark.parametrize(
        ("call", "sentence"),
        [
            (
                ("track_parcel", "{}"),
                'called the wrong tool: "track_parcel", expected "refund_order"',
            ),
            (
                ("refund_orders", "{}"),
                'called "refund_orders", which no tool of the case is called, '
                'expected "refund_order"',
            ),
            (
                ("refund_order", ""),
                "refund_order: the text of its arguments should be JSON and is empty",
            ),
            (
                ("refund_order", "order 88213-A"),
                "refund_order: the text of its arguments is no JSON: Expecting value at "
                'line 1, column 1, near "order 88213-A"',
            ),
            (
                ("refund_order", '["88213-A"]'),
                'refund_order: the arguments have to be a JSON object, got array "["88213-A"]"',
            ),
            (
                ("refund_order", '"{}"'),
                'refund_order: the arguments are JSON inside a JSON text, encoded twice: ""{}""',
            ),
            (
                ("refund_order", '"88213-A"'),
                'refund_order: the arguments have to be a JSON object, got string ""88213-A""',
            ),
            (
                ("refund_order", '{"order_id": "8821'),
                "refund_order: the text of its arguments is JSON that ends in the middle: "
                '"…{"order_id": "8821"',
            ),
            (
                ("refund_order", '{"order_id": NaN}'),
                "refund_order: the text of its arguments has NaN, which JSON does not know",
            ),
            (
                ("refund_order", '{"order_id": "1", "order_id": "88213-A"}'),
                'refund_order: the text of its arguments has the key "order_id" twice in one '
                "object",
            ),
            (
                ("refund_order", {"order_id": "88213-A"}),
                "refund_order: the arguments came as object instead of as JSON text",
            ),
            (
                ("refund_order", '{"order_id": "88273-A"}'),
                'refund_order: $.order_id: expected "88213-A", got "88273-A" (digit 4: 1 became 7)',
            ),
            (
                ("refund_order", '{"order_id": "88213-A", "note": "x"}'),
                'refund_order: $.note was not asked for: "x"',
            ),
        ],
    )
    def test_one_wrong_call(self, judge, call, sentence):
        """Wrong tool, unknown tool, unreadable, and different arguments are told apart."""
        assert (sentence,) == judge(CHECK, calls=[call], tools=TOOLS).violations

    def test_invalid_and_different_arguments_are_both_named(self, judge):
        """The tool's schema and the expected value each have a sentence."""
        violations = judge(CHECK, calls=[("refund_order", '{"order_id": 5}')], tools=TOOLS)

        assert violations.violations == (
            "refund_order: $.order_id: 5 is not of type 'string'",
            'refund_order: $.order_id: expected "88213-A" (string), got 5 (number)',
        )

    def test_extra_calls_are_named_after_many_differences(self, judge):
        """What is wrong with the arguments leaves room for the calls that were too many."""
        wrong = ("refund_order", json.dumps({f"key_{i}": i for i in range(10)}))
        violations = judge(CHECK, calls=[wrong, ("track_parcel", "{}")], tools=TOOLS).violations

        assert len(violations) <= 6
        assert violations[-1] == 'called more than was asked for: "track_parcel"'

    def test_more_arguments_than_are_judged(self, judge):
        """Calls beyond a million characters of arguments are not judged, and say so."""
        calls = [("refund_order", f'{{"order_id": "{i}{"8" * 190_000}"}}') for i in range(6)]
        check = ToolCall(name="refund_order", arguments={"order_id": "1"}, extra_calls=True)

        assert not judge(check, calls=[*calls, GOOD], tools=TOOLS).ok
        only = ("refund_order", "8" * 1_000_001)
        assert "more than 1000000 characters" in judge(CHECK, calls=[only]).violations[0]

    def test_extra_calls_are_named(self, judge):
        """Calls beyond the right one violate; unknown tools have a sentence of their own."""
        calls = [GOOD, GOOD, ("track_parcel", "{}"), ("\x1b[31m", "{}")]

        assert judge(CHECK, calls=calls, tools=TOOLS).violations == (
            'called "refund_order" 2 times with the same arguments',
            'called more than was asked for: "track_parcel"',
            r'also called what no tool of the case is called: "\x1b[31m"',
        )


class TestLayers:
    @pytest.mark.parametrize(
        ("calls", "reached"),
        [
            ([], 0),
            ([("track_parcel", "{}")], 1),
            ([("refund_order", '{"order_id": 5}')], 2),
            ([("refund_order", '{"order_id": "88213-A"')], 2),
            ([("refund_order", '{"order_id": "1"}')], 3),
            ([GOOD, ("track_parcel", "{}")], 3),
            ([GOOD, GOOD], 3),
            ([GOOD], 4),
            ([("refund_order", "{"), ("refund_order", '{"order_id": "1"}')], 3),
        ],
    )
    def test_are_a_funnel(self, judge, calls, reached):
        """Called, right name, valid, expected: each needs the one before; the value is the last."""
        outcome = judge(CHECK, "hm", calls=calls, tools=TOOLS)
        values = [1.0] * reached + [0.0] * (4 - reached)

        assert dict(zip(ToolCall.layers, values, strict=True)) == outcome.layers
        assert outcome.value == values[-1]
        assert outcome.ok == (not outcome.violations)


class TestInstead:
    def test_a_refusal_is_quoted(self, judge):
        """Where the API says that the model refused, that is what there is instead of a call."""
        outcome = judge(CHECK, refusal="I cannot help.", tools=TOOLS)

        assert outcome.violations == (
            'no tool was called, expected "refund_order"; the answer is the refusal '
            '"I cannot help."',
        )

    @pytest.mark.parametrize("calls", [[], [("refund_order", '{"order')]])
    def test_an_answer_that_was_cut_off(self, judge, calls):
        """A finish reason of length explains a call that is not there, or not whole."""
        (violation,) = judge(
            CHECK, "Let me", calls=calls, tools=TOOLS, finish_reason="length"
        ).violations

        assert violation.endswith("(finish_reason is length)")

    def test_the_best_call_is_found_among_many(self, judge):
        """With `extra_calls` a right call counts wherever it stands, among equal wrong ones."""
        check = ToolCall(name="refund_order", arguments={"order_id": "88213-A"}, extra_calls=True)
        wrong = ("refund_order", '{"order_id": "1"}')

        assert judge(check, calls=[*[wrong] * 5_000, GOOD], tools=TOOLS).ok


class TestBrokenCases:
    def test_a_tool_that_the_case_does_not_offer(self, judge):
        """A misspelled tool is the check's error and suggests the right one."""
        with pytest.raises(CheckError, match="did you mean 'refund_order'"):
            judge(ToolCall(name="refund_ordr"), calls=[GOOD], tools=TOOLS)

    @pytest.mark.parametrize("parameters", [{"type": "objekt"}, {"$ref": "http://x"}, [1]])
    def test_a_tool_whose_schema_is_none(self, judge, parameters):
        """A broken tool schema is the check's error, and nothing is fetched for it."""
        tool = {"function": {"name": "refund_order", "parameters": parameters}}

        with pytest.raises(CheckError, match='the case\'s tool "refund_order" cannot be used'):
            judge(CHECK, calls=[GOOD], tools=[tool])

    def test_odd_tools_are_passed_over(self, judge):
        """Tools that are no functions do not break the check."""
        tools = [{"type": "web_search"}, {"function": None}, {"function": {"name": 5}}]

        assert judge(CHECK, calls=[GOOD], tools=tools).ok


class TestHostile:
    @pytest.mark.parametrize(
        "text",
        [
            "[" * 100_000,
            '{"a":' * 100_000,
            '{"order_id": NaN}',
            '{"order_id": 1e999}',
            '{"order_id": ' + "9" * 10_000 + "}",
            '{"order_id": "88213-A", "order_id": "88213-A"}',
            '{"order_id": "\ud800"}',
            json.dumps({"order_id": "\x1b]0;x\x07"}),
            json.dumps({"::error::" * 1000: 1}),
            "x" * 10_000_000,
            '{"order_id": "' + "8" * 10_000_000 + '"}',
        ],
        ids=lambda text: f"{text[:12]!a}-{len(text)}",
    )
    def test_arguments_are_violations_in_short_sentences(self, judge, bounded, text):
        """Hostile arguments never crash the check nor reach a sentence raw."""
        with bounded():
            violations = judge(CHECK, calls=[("refund_order", text)], tools=TOOLS).violations

        assert violations
        assert all(len(violation) <= 330 for violation in violations)
        assert "\x1b" not in "".join(violations)
        "".join(violations).encode("utf-8")

    def test_text_and_names(self, judge, bounded):
        """A huge text without a call, and ten thousand calls with huge names, are bounded."""
        with bounded():
            first = judge(CHECK, "\x1b" * 10_000_000, tools=TOOLS).violations
            name = "\ud800" * 10_000
            second = judge(CHECK, calls=[(name, "{}")] * 10_000, tools=TOOLS).violations
            third = judge(CHECK, calls=[GOOD] * 10_000, tools=TOOLS).violations

            different = [("refund_order", f'{{"order_id": "{i}"}}') for i in range(100_000)]
            fourth = judge(CHECK, calls=different, tools=TOOLS).violations
            big = [("refund_order", f'{{"order_id": "{i}{"8" * 199_000}"}}') for i in range(70)]
            fifth = judge(CHECK, calls=big, tools=TOOLS).violations

        assert [len(first), len(second), len(third)] == [1, 6, 1]
        assert [len(fourth), len(fifth)] == [2, 2]
        assert all(
            len(violation) <= 300 for violation in (*first, *second, *third, *fourth, *fifth)
        )


class TestParameters:
    @pytest.mark.parametrize(
        ("parameters", "part"),
        [
            ({"name": ""}, "`name` is empty"),
            ({"name": 5}, "`name` has to be a text, got 5"),
            ({"name": "a", "arguments": []}, "`arguments` has to be a map"),
            ({"name": "a", "arguments": {"x": float("nan")}}, "`arguments` cannot be"),
            ({"name": "a", "arguments": {1: 2}}, "the key 1 is not a text"),
            ({"name": "a", "extra_calls": "no"}, "`extra_calls` has to be true or false"),
            ({"name": "a", "extra_arguments": "alow"}, "did you mean 'allow'?"),
            ({"name": "a", "extra_arguments": True}, "`extra_arguments` cannot be True"),
            ({"name": "a", "normalize": ["cases"]}, "knows no 'cases'; did you mean 'case'?"),
            ({"name": "a", "normalize": 5}, "`normalize` has to be a list of texts"),
        ],
    )
    def test_nonsense_is_refused(self, parameters, part):
        """A parameter that makes no sense is a ValueError of one sentence."""
        with pytest.raises(ValueError, match="`") as caught:
            ToolCall(**parameters)

        assert part in str(caught.value)
