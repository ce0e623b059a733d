"""Golden cases of tool calls that no answer could satisfy: found while golden files are read."""

import json

import pytest

from pytest_quantguard._golden import load
from pytest_quantguard._registry import Registry
from pytest_quantguard.checks.tool_call import ToolCall
from pytest_quantguard.errors import GoldenFileError
from pytest_quantguard.types import CompletionRequest, GoldenCase, Source

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
EITHER = {"oneOf": [{"required": [one], "not": {"required": [two]}} for one, two in ("ab", "ba")]}
CHECK = ToolCall(name="refund_order", arguments={"order_id": "88213-A"})


def misfit(check, *tools, **params):
    request = CompletionRequest(messages=(), tools=tools or TOOLS, params=params)
    source = Source(file="a.quant.yaml", line=1)
    return check.misfit(GoldenCase(id="a", cohort="b", request=request, source=source))


def tool(**properties):
    """A tool `book` with these arguments, all of them required."""
    schema = {"type": "object", "properties": properties, "required": [*properties]}
    parameters = {**schema, "additionalProperties": False}
    return {"type": "function", "function": {"name": "book", "parameters": parameters}}


class TestMisfit:
    def test_a_right_case_fits(self):
        """What an answer could satisfy is no mistake, with tools or without."""
        assert misfit(CHECK) == ""
        assert misfit(CHECK, {"function": {"name": "refund_order"}}) == ""
        assert misfit(ToolCall(name="refund_order")) == ""

    @pytest.mark.parametrize(
        ("arguments", "part"),
        [
            ({"order_id": 5}, "$.order_id: 5 is not of type 'string'"),
            ({"amount": 5}, "$: 'order_id' is a required property"),
        ],
    )
    def test_expected_arguments_that_the_tool_forbids(self, arguments, part):
        """Arguments that the tool's own schema refuses could never be right."""
        found = misfit(ToolCall(name="refund_order", arguments=arguments))

        assert found == (
            'the expected arguments of "refund_order" contradict the tool\'s own schema, so that '
            f"no call can be right: {part}"
        )

    @pytest.mark.parametrize(
        ("schema", "expected"),
        [
            ({"type": "string"}, {"$any": True}),
            ({"type": "string", "minLength": 3}, {"$regex": "a+"}),
            ({"type": "string", "enum": ["Bonn"]}, {"$text": "bonn"}),
            ({"type": "string", "format": "date"}, {"$date": "2026-03-01"}),
            ({"type": "string"}, {"$number": 12.5}),
            ({"type": "integer"}, {"$number": 12.5, "tolerance": 1}),
            ({"type": "array", "minItems": 2}, {"$unordered": ["a", "b"]}),
            ({"type": "string", "enum": ["a"]}, {"$one_of": [1, "a"]}),
            ({"enum": ["b"]}, {"$one_of": ["a", {"$any": True}]}),
            ({"type": "string"}, {"$optional": "a"}),
            ({"type": "object", "properties": {"x": {"type": "string"}}}, {"x": {"$any": True}}),
            ({"anyOf": [{"properties": {"x": {"minLength": 2}}}]}, {"x": {"$regex": ".."}}),
        ],
    )
    def test_matchers_get_the_benefit_of_the_doubt(self, schema, expected):
        """A matcher is a mistake only where nothing that it matches is allowed."""
        assert misfit(ToolCall(name="book", arguments={"x": expected}), tool(x=schema)) == ""

    @pytest.mark.parametrize(
        ("schema", "expected", "part"),
        [
            ({"type": "integer"}, {"$regex": "a+"}, "is not of type 'integer'"),
            ({"type": "boolean"}, {"$number": 1}, "is not of type 'boolean'"),
            ({"type": "integer"}, {"$date": "2026-03-01"}, "is not of type 'integer'"),
            ({"type": "string"}, {"$unordered": ["a"]}, "is not of type 'string'"),
            ({"type": "string", "enum": ["c"]}, {"$one_of": ["a", "b"]}, "is not one of ['c']"),
            ({"type": "string"}, {"$equals": {"$any": True}}, "is not of type 'string'"),
            ({"type": "string"}, {"$optional": 5}, "5 is not of type 'string'"),
            (
                {"type": "object", "additionalProperties": False},
                {"y": {"$any": True}},
                "Additional properties are not allowed",
            ),
        ],
    )
    def test_matchers_that_can_never_match(self, schema, expected, part):
        """A matcher for texts on a number, or alternatives that are all forbidden, are mistakes."""
        found = misfit(ToolCall(name="book", arguments={"x": expected}), tool(x=schema))

        assert part in found
        assert "contradict the tool's own schema" in found

    @pytest.mark.parametrize(
        ("schema", "arguments"),
        [
            ({"maxProperties": 1}, {"a": 1, "b": {"$optional": 2}}),
            ({"maxProperties": 1}, {"a": {"$regex": "x"}, "b": {"$optional": 2}}),
            (EITHER, {"a": 1, "b": {"$optional": 2}}),
            (EITHER, {"a": {"$optional": 1}, "b": {"$optional": 2}}),
            (EITHER, {"a": {"$optional": 1}, "b": {"$optional": {"$number": 2}}}),
            (EITHER, {key: {"$optional": 1} for key in "abcde"}),
            ({"additionalProperties": False}, {"b": {"$optional": 2}}),
            ({"minProperties": 2}, {"a": 1, "b": {"$optional": 2}}),
        ],
    )
    def test_an_optional_argument_may_be_absent(self, schema, arguments):
        """A schema that takes the call with or without it takes an expected call."""
        book = {"type": "function", "function": {"name": "book", "parameters": schema}}

        assert misfit(ToolCall(name="book", arguments=arguments), book) == ""

    @pytest.mark.parametrize("more", [{}, {"z": {"$optional": {"$regex": "x"}}}], ids=str)
    @pytest.mark.parametrize(
        ("schema", "part"),
        [
            ({"maxProperties": 0}, "is expected to be empty"),
            ({"minProperties": 4}, "does not have enough properties"),
            ({"required": ["c"]}, "'c' is a required property"),
            ({"properties": {"a": {"type": "string"}}}, "1 is not of type 'string'"),
        ],
    )
    def test_what_is_wrong_with_and_without_optional_arguments(self, schema, part, more):
        """No call can be right, whichever of them it has."""
        arguments = {"a": 1, "b": {"$optional": 2}, **more}
        book = {"type": "function", "function": {"name": "book", "parameters": schema}}

        assert part in misfit(ToolCall(name="book", arguments=arguments), book)

    def test_what_is_overlooked_is_no_contradiction(self):
        """With `normalize` another spelling may be the one that the schema has."""
        city, beds = {"enum": ["Bonn"]}, {"type": "string"}
        arguments = {"city": "BONN", "beds": 2}
        check = ToolCall(name="book", arguments=arguments, normalize=["case", "number"])

        assert misfit(check, tool(city=city, beds=beds)) == ""
        assert "'BONN' is not one of" in misfit(
            ToolCall(name="book", arguments={"city": "BONN"}), tool(city=city)
        )

    def test_required_arguments_may_be_left_to_the_model(self):
        """With extra arguments allowed, a required one need not be named; a wrong name is wrong."""
        tools = tool(city={"type": "string"}, beds={"type": "integer"})

        check = ToolCall(name="book", arguments={"city": "Bonn"}, extra_arguments="allow")
        assert misfit(check, tools) == ""

        wrong = ToolCall(name="book", arguments={"town": "Bonn"}, extra_arguments="allow")
        assert "('town' was unexpected)" in misfit(wrong, tools)

    @pytest.mark.parametrize(
        ("params", "part"),
        [
            ({"tool_choice": "none"}, "tool_choice: none"),
            (
                {"tool_choice": {"type": "function", "function": {"name": "track_parcel"}}},
                'leaves only "track_parcel"',
            ),
        ],
    )
    def test_a_tool_choice_that_forbids_the_call(self, params, part):
        """A request that rules the expected call out is a mistake; one that demands it is not."""
        forced = {"type": "function", "function": {"name": "refund_order"}}

        assert part in misfit(CHECK, **params)
        assert misfit(CHECK, tool_choice=forced) == ""
        assert misfit(CHECK, tool_choice="required") == ""

    def test_a_pattern_that_backtracks_for_ever(self, quick):
        """A schema that cannot be applied to the expected arguments is told, not waited for."""
        slow = tool(x={"type": "string", "pattern": "^(a+)+$"})
        found = misfit(ToolCall(name="book", arguments={"x": "a" * 40 + "!"}), slow)

        assert "was stopped after 0.3 s" in found

    def test_golden_files_name_the_line(self, tmp_path):
        """The mistakes of a golden file are found while it is read, each with its line."""
        path = tmp_path / "a.quant.yaml"
        path.write_text(
            f"cohort: a\ntools: {json.dumps(TOOLS)}\ncases:\n"
            "  - id: a\n    prompt: p\n    expect:\n"
            "      - tool_call: refund_ordr\n"
            "  - id: b\n    prompt: p\n    expect:\n"
            "      - tool_call: {name: refund_order, arguments: {order_id: 88213}}\n"
            "  - id: c\n    prompt: p\n    expect:\n"
            "      - tool_call: {name: refund_order, arguments: {order_id: {$regx: a}}}\n"
        )

        with pytest.raises(GoldenFileError) as caught:
            load(path, "a.quant.yaml", Registry(), {})

        lines = sorted(caught.value.problems)
        assert [line.split(": ")[:2] for line in lines] == [
            ["a.quant.yaml:11", "tool_call"],
            ["a.quant.yaml:15", "tool_call"],
            ["a.quant.yaml:7", "tool_call"],
        ]
        assert "88213 is not of type 'string'" in lines[0]
        assert "unknown matcher '$regx'; did you mean '$regex'?" in lines[1]
        assert "did you mean 'refund_order'?" in lines[2]

    def test_golden_files_hold_matchers_as_they_are_written(self, tmp_path, judge):
        """A day needs no quotes, a share may have a blank, and a list can be a matcher's."""
        path = tmp_path / "a.quant.yaml"
        path.write_text(
            "cohort: a\ncases:\n  - id: a\n    prompt: p\n    expect:\n"
            "      - tool_call:\n"
            "          name: book\n"
            "          normalize: case\n"
            "          arguments:\n"
            "            day: {$date: 2026-03-01}\n"
            "            price: {$number: 99.5, tolerance: 1 %}\n"
            "            city: Bonn\n"
            "            tags: {$unordered: [a, {$regex: 'b+'}]}\n"
        )
        (case,) = load(path, "a.quant.yaml", Registry(), {})
        arguments = {"day": "March 1, 2026", "price": 100, "city": "BONN", "tags": ["bb", "a"]}

        assert judge(case.checks[0], calls=[("book", json.dumps(arguments))]).ok
