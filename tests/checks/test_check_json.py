import json
from dataclasses import FrozenInstanceError

import pytest

from pytest_quantguard.checks import _json
from pytest_quantguard.checks.json import Json


class TestReading:
    @pytest.mark.parametrize("text", ['{"a": 1}', " [1, 2]\n", '"x"', "null", "-1.5e3", '"\ud800"'])
    def test_any_json_value_holds(self, judge, text):
        """Without parameters every JSON value holds, blanks around it included."""
        assert judge(Json(), text).violations == ()

    @pytest.mark.parametrize(
        ("text", "sentence"),
        [
            ("", "the answer should be JSON and is empty"),
            (" \n", "the answer should be JSON and is empty"),
            ('Sure! {"a": 1}', 'the answer has prose before the JSON: "Sure! "'),
            ('{"a": 1}\nDone.', 'the answer goes on after the JSON has ended: "Done."'),
            ('{"a": 1, "a": 2}', 'the answer has the key "a" twice in one object'),
            ('[{"b": {"a": 1, "a": 1}}]', 'the answer has the key "a" twice in one object'),
            ("[NaN]", "the answer has NaN, which JSON does not know"),
            ("-Infinity", "the answer has -Infinity, which JSON does not know"),
            ("1e999", 'the answer has the number "1e999", which is beyond every float'),
            ('{"a": 1', 'the answer is JSON that ends in the middle: "…{"a": 1"'),
            ('{"a": "b', 'the answer is JSON that ends in the middle: "…{"a": "b"'),
            (
                "{'a': 1}",
                "the answer is no JSON: Expecting property name enclosed in double quotes at "
                "line 1, column 2, near \"{'a': 1}\"",
            ),
        ],
    )
    def test_says_why_a_text_is_no_json(self, judge, text, sentence):
        """Each way to miss JSON has its own sentence."""
        outcome = judge(Json(), text)

        assert (sentence,) == outcome.violations
        assert outcome.value == 0.0

    def test_says_that_the_answer_was_cut_off(self, judge):
        """A finish reason of length explains JSON that ends in the middle."""
        (violation,) = judge(Json(), '{"a": 1', finish_reason="length").violations

        assert violation.endswith("(finish_reason is length)")

    @pytest.mark.parametrize("fence", ["```json\n{}\n```", "```\n{}```", " ```JSON\r\n{}\r\n``` "])
    def test_fence_is_allowed_on_request_only(self, judge, fence):
        """A Markdown fence holds with `fenced` and is named without it."""
        assert judge(Json(fenced=True), fence).ok
        assert "fence around the JSON" in judge(Json(), fence).violations[0]

    def test_fenced_still_takes_bare_json(self, judge):
        """`fenced` allows the fence and does not demand it."""
        assert judge(Json(fenced=True), "{}").ok

    @pytest.mark.parametrize("text", ["```", "``````", "```json```", "```python\n{}\n```", "```\n"])
    def test_half_a_fence_is_no_json(self, judge, text):
        """A broken or foreign fence violates, with and without `fenced`."""
        assert not judge(Json(fenced=True), text).ok
        assert not judge(Json(), text).ok


class TestEquals:
    @pytest.mark.parametrize(
        ("expected", "text"),
        [
            (None, "null"),
            (1, "1.0"),
            (0.1, "0.10"),
            (10**20, "1e20"),
            ({"a": 1, "b": (1, 2)}, '{"b": [1, 2], "a": 1}'),
            ("é", '"\\u00e9"'),
        ],
    )
    def test_equal_values_hold(self, judge, expected, text):
        """Numbers count by value, key order and spelling do not count; null can be expected."""
        assert judge(Json(equals=expected), text).violations == ()

    @pytest.mark.parametrize(
        ("expected", "text", "sentence"),
        [
            (1, "true", "$: expected 1 (number), got true (boolean)"),
            (True, "1", "$: expected true (boolean), got 1 (number)"),
            ("1", "1", '$: expected "1" (string), got 1 (number)'),
            (None, "0", "$: expected null (null), got 0 (number)"),
            ([1, 2], "[1]", "$ has 1 item, expected 2"),
            ({"a": 1}, "{}", "$.a is missing, expected 1"),
            ({}, '{"b c": [1]}', '$["b c"] was not asked for: [1]'),
            ({"a": [{"b": 1}]}, '{"a": [{"b": 2}]}', "$.a[0].b: expected 1, got 2"),
            (
                {"id": "88213-A"},
                '{"id": "88273-A"}',
                '$.id: expected "88213-A", got "88273-A" (digit 4: 1 became 7)',
            ),
            (
                4711000012,
                "4711000021",
                "$: expected 4711000012, got 4711000021 (digits 9 and 10 changed places)",
            ),
            (
                "47110",
                '"4711"',
                '$: expected "47110", got "4711" (digit 5 is missing: 0)',
            ),
            (
                "47110",
                '"471180"',
                '$: expected "47110", got "471180" (added after digit 4: 8)',
            ),
        ],
    )
    def test_says_where_values_differ(self, judge, expected, text, sentence):
        """A violation names the JSON path, both values, and the digit that changed."""
        assert (sentence,) == judge(Json(equals=expected), text).violations

    def test_many_differences_are_counted_not_listed(self, judge):
        """Five differences are written out, and a sixth sentence says that there are more."""
        violations = judge(Json(equals=[0] * 1000), json.dumps([1] * 1000)).violations

        assert len(violations) == 6
        assert violations[-1] == "there are more differences"

    def test_deep_paths_stay_short(self, judge):
        """A path of long keys is cut from the left."""
        value: object = 1
        for _ in range(60):
            value = {"k" * 50: value}
        text = json.dumps(value).replace("1", "2")

        (violation,) = judge(Json(equals=value), text).violations

        assert len(violation) < 200
        assert violation.startswith("$…")


class TestHostileText:
    @pytest.mark.parametrize(
        ("text", "part"),
        [
            ("[" * 100_000, "64 levels deep"),
            ("[" * 100_000 + "]" * 100_000, "64 levels deep"),
            ('{"a":' * 30_000 + "1" + "}" * 30_000, "64 levels deep"),
            ("[" * 65 + "]" * 65, "64 levels deep"),
            ("9" * 10_000, "a number of 10000 digits"),
            ("[" + "{}," * 3_000_000 + "1]", "at most 200000 are judged as JSON"),
            ('"' + "\ud800" * 1000, r"\ud800"),
            ("\x1b]0;title\x07", r"\x1b]0;title\x07"),
            ("\n::error::x", ": :error::x"),
        ],
    )
    def test_is_a_violation_and_is_shown_escaped(self, judge, bounded, text, part):
        """Nesting, sizes, surrogates and control characters are violations in short sentences."""
        with bounded():
            (violation,) = judge(Json(equals={"a": 1}), text).violations

        assert part in violation
        assert len(violation) <= 300
        violation.encode("utf-8")

    def test_a_key_that_comes_twice_among_thousands(self, judge, bounded):
        """The one repeated key of a huge object is found in bounded time."""
        keys = ",".join(f'"{i:05}":1' for i in range(19_000))
        with bounded():
            outcome = judge(Json(), f'{{{keys},"18999":2}}')

        assert outcome.violations == ('the answer has the key "18999" twice in one object',)

    def test_a_nesting_of_64_levels_holds(self, judge):
        """The limit itself is allowed."""
        assert judge(Json(), "[" * 64 + "1" + "]" * 64).ok

    def test_hostile_keys_are_shown_escaped(self, judge):
        """Keys of the model reach the sentence through the sanitizer."""
        text = json.dumps({"\x1b[31m" + "k" * 10_000: 1})

        (violation,) = judge(Json(equals={}), text).violations

        assert "\x1b" not in violation
        assert len(violation) <= 300


class TestParameters:
    @pytest.mark.parametrize(
        ("parameters", "part"),
        [
            ({"fenced": "yes"}, "`fenced` has to be true or false, got 'yes'"),
            ({"equals": float("nan")}, "`equals` cannot be the value of any JSON text"),
            ({"equals": {1: 2}}, "the key 1 is not a text"),
            ({"equals": [{"a": {2: 1}}]}, "the key 2 is not a text"),
            ({"equals": {1, 2}}, "not JSON serializable"),
            ({"equals": 10**5000}, "limit (4300 digits)"),
        ],
    )
    def test_nonsense_is_refused(self, parameters, part):
        """A parameter that makes no sense is a ValueError of one sentence."""
        with pytest.raises(ValueError, match="`") as caught:
            Json(**parameters)

        assert part in str(caught.value)

    def test_a_value_that_refers_to_itself_is_refused(self):
        """A circular value is a ValueError, not an endless loop."""
        loop: list[object] = []
        loop.append(loop)

        with pytest.raises(ValueError, match="`equals` cannot be"):
            Json(equals=loop)

    def test_is_frozen_and_unset_by_default(self):
        """Checks cannot be changed; unset is not null."""
        check = Json()

        assert check.equals is _json.UNSET
        assert Json(equals=None) != check
        with pytest.raises(FrozenInstanceError):
            check.fenced = True
