import json

import pytest

from pytest_quantguard.checks import _limited, _schema
from pytest_quantguard.checks.json_schema import JsonSchema
from pytest_quantguard.errors import CheckError

ORDER = {
    "type": "object",
    "required": ["order_id"],
    "properties": {
        "order_id": {"type": "string", "pattern": "^[0-9]{5}$"},
        "status": {"enum": ["open", "refunded"]},
        "items": {"type": "array", "items": {"type": "integer"}, "uniqueItems": True},
    },
    "additionalProperties": False,
}
LIST = {"$defs": {"n": {"type": "array", "items": {"$ref": "#/$defs/n"}}}, "$ref": "#/$defs/n"}


class TestJudging:
    def test_what_the_schema_allows_holds(self, judge):
        """A valid answer holds."""
        text = '{"order_id": "88213", "status": "open", "items": [1, 2]}'

        assert judge(JsonSchema(schema=ORDER), text).violations == ()

    @pytest.mark.parametrize(
        ("text", "sentence"),
        [
            ("{}", "$: 'order_id' is a required property"),
            ('{"order_id": 88213}', "$.order_id: 88213 is not of type 'string'"),
            ('{"order_id": "8821"}', "$.order_id: '8821' does not match '^[0-9]{5}$'"),
            (
                '{"order_id": "88213", "status": "refundedd"}',
                "$.status: 'refundedd' is not one of ['open', 'refunded']",
            ),
            (
                '{"order_id": "88213", "items": [1, "2"]}',
                "$.items[1]: '2' is not of type 'integer'",
            ),
            (
                '{"order_id": "88213", "items": [1, 1]}',
                "$.items: [1, 1] has non-unique elements",
            ),
            (
                '{"order_id": "88213", "x": 1}',
                "$: Additional properties are not allowed ('x' was unexpected)",
            ),
            ("Here: {}", 'the answer has prose before the JSON: "Here: "'),
            ("true", "$: True is not of type 'object'"),
        ],
    )
    def test_says_what_the_schema_forbids(self, judge, text, sentence):
        """A violation names the JSON path and the rule."""
        assert (sentence,) == judge(JsonSchema(schema=ORDER), text).violations

    def test_all_places_are_named_up_to_five(self, judge):
        """Several mistakes give several sentences, never more than five."""
        schema = {"items": {"type": "string"}}

        assert len(judge(JsonSchema(schema=schema), "[1, 2]").violations) == 2
        assert len(judge(JsonSchema(schema=schema), json.dumps([1] * 1000)).violations) == 5

    def test_fence_is_allowed_on_request(self, judge):
        """`fenced` works as in the json check."""
        assert judge(JsonSchema(schema={}, fenced=True), "```json\n1\n```").ok
        assert not judge(JsonSchema(schema={}), "```json\n1\n```").ok

    def test_references_inside_the_schema_work(self, judge):
        """`#/...`, `#anchor` and recursion are followed."""
        anchored = {"$defs": {"a": {"$anchor": "num", "type": "integer"}}, "$ref": "#num"}

        assert judge(JsonSchema(schema=LIST), "[[], [[]]]").ok
        assert judge(JsonSchema(schema=LIST), "[[], [1]]").violations == (
            "$[1][0]: 1 is not of type 'array'",
        )
        assert judge(JsonSchema(schema=anchored), "1").ok
        assert not judge(JsonSchema(schema=anchored), "{}").ok

    def test_the_schema_chooses_its_draft(self, judge):
        """`$schema` is honoured: draft 4 knows a boolean exclusiveMinimum, 2020-12 does not."""
        rule = {"minimum": 1, "exclusiveMinimum": True}
        draft4 = {"$schema": "http://json-schema.org/draft-04/schema#", **rule}

        assert not judge(JsonSchema(schema=draft4), "1").ok
        with pytest.raises(ValueError, match="exclusiveMinimum"):
            JsonSchema(schema=rule)

    def test_format_is_a_comment(self, judge):
        """`format` is not asserted, as draft 2020-12 has it."""
        assert judge(JsonSchema(schema={"format": "date"}), '"no date"').ok


class TestHostile:
    @pytest.mark.parametrize(
        "text",
        [
            "",
            "[" * 100_000,
            "[" * 100_000 + "]" * 100_000,
            "9" * 10_000,
            "[NaN]",
            "1e999",
            '{"order_id": "88213", "order_id": "88213"}',
            '"\ud800"',
            "\x1b[31m",
            "a" * 10_000_000,
            "[" + "1," * 5_000_000 + "1]",
            json.dumps({"order_id": "\x1b[31m\ud800" + "x" * 100_000, "::error::": 1}),
            json.dumps({"\x1b[31m" * 100: "\ud800"}),
        ],
        ids=lambda text: f"{text[:12]!a}-{len(text)}",
    )
    def test_text_is_a_violation_in_short_sentences(self, judge, bounded, text):
        """Hostile text never crashes the check nor reaches a sentence raw."""
        with bounded():
            violations = judge(JsonSchema(schema=ORDER), text).violations

        assert violations
        assert all(len(violation) <= 300 for violation in violations)
        assert "\x1b" not in "".join(violations)
        "".join(violations).encode("utf-8")

    def test_the_deepest_answer_meets_a_recursive_schema(self, judge):
        """64 levels are judged without running out of stack."""
        node = {"type": "array", "items": {"$ref": "#"}}
        tree = {"anyOf": [node, {"type": "integer"}]}

        assert judge(JsonSchema(schema=LIST), "[" * 64 + "]" * 64).ok
        assert judge(JsonSchema(schema=tree), "[" * 64 + "1" + "]" * 64).ok
        assert judge(JsonSchema(schema=tree), "[" * 64 + '"x"' + "]" * 64).violations

    @pytest.mark.parametrize(
        ("schema", "text"),
        [
            ({"pattern": "(a+)+$"}, json.dumps("a" * 50 + "b")),
            ({"patternProperties": {"(a+)+$": {}}}, json.dumps({"a" * 50 + "b": 1})),
        ],
    )
    def test_an_endless_pattern_is_stopped(self, judge, quick, schema, text):
        """A pattern that backtracks for ever is the check's error, and is really ended."""
        with pytest.raises(CheckError, match=r"stopped after 0\.3 s"):
            judge(JsonSchema(schema=schema), text)

    def test_alternatives_that_multiply_are_stopped(self, judge, quick):
        """Work that doubles with every level of the answer is ended too."""
        array = {"type": "array", "items": {"$ref": "#"}}
        schema = {"anyOf": [{"type": "integer"}, array, {**array, "maxItems": 2}]}

        with pytest.raises(CheckError, match="stopped"):
            judge(JsonSchema(schema=schema), "[" * 60 + '"x"' + "]" * 60)

    @pytest.mark.parametrize(
        ("schema", "part"),
        [({"$ref": "#"}, "refers to itself without end"), ({"$ref": "#nowhere"}, "nowhere")],
    )
    def test_a_schema_that_cannot_be_used_is_no_violation(self, judge, schema, part):
        """What only shows when judging is the check's error, never the model's failure."""
        with pytest.raises(CheckError, match=part):
            judge(JsonSchema(schema=schema), "1")


class TestParameters:
    @pytest.mark.parametrize(
        ("schema", "part"),
        [
            ([], "has to be a JSON Schema object"),
            ("object", "has to be a JSON Schema object"),
            ({"type": "objekt"}, "`schema` is no JSON Schema: $.type"),
            ({"pattern": "("}, "`schema` is no JSON Schema: $.pattern"),
            ({"required": "a"}, "`schema` is no JSON Schema: $.required"),
            ({"a": float("inf")}, "cannot be written as JSON"),
            ({"properties": {1: {}}}, "the key 1 is not a text"),
            ({"$schema": "urn:mine"}, "unknown `$schema`: 'urn:mine'"),
            ({"$schema": 7}, "unknown `$schema`: 7"),
            ({"$ref": "http://example.com/x.json"}, "refers to 'http://example.com/x.json'"),
            ({"$ref": "file:///etc/passwd"}, "nothing is ever fetched"),
            ({"items": [{"$ref": "other.json#/a"}]}, "nothing is ever fetched"),
            ({"$dynamicRef": "https://example.com"}, "nothing is ever fetched"),
            ({"$id": "http://example.com/", "$ref": "x"}, "nothing is ever fetched"),
            ({"$ref": "#/$defs/lost"}, "refers to '#/$defs/lost', which it does not have"),
        ],
    )
    def test_nonsense_is_refused(self, schema, part):
        """A schema that is none, or that looks outside itself, is a ValueError of one sentence."""
        with pytest.raises(ValueError, match="`schema`") as caught:
            JsonSchema(schema=schema)

        assert part in str(caught.value)
        assert len(str(caught.value)) <= 300

    def test_a_bottomless_schema_is_refused(self):
        """Nesting is limited to 64 levels."""
        schema: dict[str, object] = {}
        for _ in range(100):
            schema = {"items": schema}

        with pytest.raises(ValueError, match="64 levels"):
            JsonSchema(schema=schema)

    def test_names_that_look_like_keywords_are_names(self, judge):
        """A property called $ref, and data that contain $ref, refer to nothing."""
        schema = {"properties": {"$ref": {"type": "string"}}, "default": {"$ref": "http://x"}}

        assert judge(JsonSchema(schema=schema), '{"$ref": "x"}').ok

    def test_the_schema_is_required_and_fenced_a_flag(self):
        """Missing and wrong parameters are refused."""
        with pytest.raises(TypeError):
            JsonSchema()
        with pytest.raises(ValueError, match="`fenced` has to be true or false"):
            JsonSchema(schema={}, fenced=1)


SMALL = {"type": "object", "required": ["id"], "properties": {"id": {"enum": [1, 2]}}}


@pytest.mark.parametrize("value", [{"id": 1}, {"id": 3}, {}, [], {"id": [[]]}, "x", None])
def test_small_values_are_judged_here_as_in_the_helper(value, monkeypatch):
    """The sentences are the same; only the way is shorter."""
    text = _schema.canonical("schema", SMALL)
    here = _schema.violations(text, value)
    monkeypatch.setattr(_schema, "_STEPS", 0)

    assert here == _schema.violations(text, value)


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        (SMALL, {"id": list(range(50_000))}),
        ({"type": "string", "pattern": "a+"}, "b"),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"type": "array"}}}, {}),
        ({"uniqueItems": True}, [1, 1]),
        ({"anyOf": [{"type": "null"}] * 50}, "x" * 2_000_000),
        ({"type": "null"}, {"k" * 10_000_000: 1}),
        ({"allOf": [{"required": ["a"]}], "unevaluatedProperties": {"type": "null"}}, {}),
        ({"allOf": [{"minItems": 1}], "unevaluatedItems": {"type": "null"}}, []),
    ],
)
def test_what_may_take_long_goes_to_the_helper(schema, value, monkeypatch):
    """Large values, patterns, references, what doubles with each level: there a clock ends them."""
    asked = []

    def call(function, *arguments):
        asked.append(function)
        return function(*arguments)

    monkeypatch.setattr(_limited, "call", call)

    assert _schema.violations(_schema.canonical("schema", schema), value)
    assert 1 == len(asked)


def test_a_pattern_that_cannot_be_read_is_a_mistake():
    """Thousands of brackets are more than Python's reader of patterns takes."""
    with pytest.raises(ValueError, match="nested too deeply"):
        _schema.canonical("schema", {"pattern": "(" * 5000 + ")" * 5000})
