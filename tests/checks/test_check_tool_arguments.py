"""Expected arguments: literal values, what is overlooked in them, and matchers."""

import json
import pickle

import pytest

from pytest_quantguard.checks.tool_call import ToolCall
from pytest_quantguard.errors import CheckError


@pytest.fixture
def wrong(judge):
    """Return what is wrong with an argument: ``wrong(expected, got, **parameters)``."""

    def run(expected, got, **parameters):
        check = ToolCall(name="book", arguments={"x": expected}, **parameters)
        text = json.dumps({"x": got})
        found = judge(check, calls=[("book", text)]).violations
        return [violation.removeprefix("book: ") for violation in found]

    return run


class TestLiteral:
    @pytest.mark.parametrize(
        "value",
        ["88213-A", 5, 5.5, True, None, [1, [2]], {"a": {"b": [1]}}, {"regex": "a", "any": True}],
    )
    def test_a_value_is_itself(self, wrong, value):
        """What has no key with a $ is meant literally, words that matchers are called included."""
        assert wrong(value, value) == []
        assert wrong(value, "another") != []

    @pytest.mark.parametrize(
        ("expected", "got"),
        [("5", 5), (1, True), (None, 0), ("Bonn", "bonn"), ("a b", "a  b"), ([1, 2], [2, 1])],
    )
    def test_nothing_is_overlooked_by_itself(self, wrong, expected, got):
        """Without `normalize` the comparison is strict."""
        assert wrong(expected, got) != []

    def test_names_the_place_inside(self, wrong):
        """The sentence has the path and the digit."""
        expected = {"items": [{"id": "100200300"}]}

        assert wrong(expected, {"items": [{"id": "100200800"}]}) == [
            '$.x.items[0].id: expected "100200300", got "100200800" (digit 7: 3 became 8)'
        ]

    @pytest.mark.parametrize("value", [{"$filter": "a", "$top": 5}, {"$any": True}, ["$x"], "$any"])
    def test_equals_holds_any_value_literally(self, wrong, value):
        """Keys that start with $ are ordinary inside $equals."""
        assert wrong({"$equals": value}, value) == []
        assert wrong({"$equals": value}, "b") != []

    def test_equals_is_strict(self, wrong):
        """What `normalize` overlooks counts inside $equals."""
        assert wrong({"$equals": "Bonn"}, "bonn", normalize="case") == [
            '$.x: expected "Bonn", got "bonn"'
        ]


class TestNormalize:
    @pytest.mark.parametrize(
        ("norms", "expected", "same", "other"),
        [
            ("case", "Straße", "STRASSE", "Gasse"),
            ("whitespace", "New York", " New\n York ", "NewYork"),
            ("punctuation", "St. John's!", "St Johns", "St Johnson"),
            ("punctuation", "at 12.50", "at, 12.50.", "at 1250"),
            ("punctuation", "-5", "-5.", "5"),
            ("number", 12.5, "12.50", "12.51"),
            ("number", "1234.5", "1,234.50", "1,234.60"),
            ("number", 1234567, "1.234.567", "1.234.568"),
            ("number", 0.125, "0,125", "0,126"),
            ("number", 12.5, "12,5", "125"),
            ("number", "-1e3", "\u22121000", "1000"),
            ("number", 10000, "10 000", "10 0000"),
            ("number", 1234, "1234.0", "1,234"),
            ("number", 1.234, "1.234", "1,234"),
            ("number", "0123", "0123", "123"),
            ("number", 12345678901234567890123, "12345678901234567890123", 1.2345678901234567e22),
            ("number", 1, 1.0, True),
            ("date", "2026-03-01", "March 1, 2026", "March 2, 2026"),
            ("date", "2026-03-01", "1st of March 2026", "1 March 2025"),
            ("date", "01.03.2026", "2026-03-01T00:00:00Z", "2026-03-01T10:00:00Z"),
            ("date", "1. März 2026", "1 de marzo de 2026", "1 de mayo de 2026"),
            ("date", "2026/3/1", "1 Mar 2026", "03/01/2026"),
            ("date", "2026-02-30", "2026-02-30", "30 February 2026"),
            ("order", ["a", "b", "b"], ["b", "a", "b"], ["a", "a", "b"]),
            ("order", [[1, 2], {"a": [3, 4]}], [{"a": [4, 3]}, [2, 1]], [{"a": [4, 4]}, [2, 1]]),
        ],
    )
    def test_one_way_to_be_the_same(self, wrong, norms, expected, same, other):
        """Each word overlooks one kind of difference, and no other."""
        assert wrong(expected, same, normalize=norms) == []
        assert wrong(expected, other, normalize=norms) != []

    @pytest.mark.parametrize("fold", ["case", "whitespace", "punctuation"])
    def test_a_letter_and_its_mark_are_one_character(self, wrong, bounded, fold):
        """Composed or not looks the same; endless runs of marks are compared as they are."""
        assert wrong("M\u00fcnchen", "Mu\u0308nchen", normalize=fold) == []
        assert wrong({"$text": "u\u0308", "ignore": [fold]}, "\u00fc") == []
        assert wrong("M\u00fcnchen", "Munchen", normalize=fold) != []
        assert wrong("M\u00fcnchen", "Mu\u0308nchen") != []
        for marks in ("\u0308\u0323", "\u0f73\u0f71"):
            with bounded():
                found = wrong("u" + marks * 50_000, "u" + marks[::-1] * 50_000, normalize=fold)
            assert len(found) == 1

    def test_works_together_and_deep_inside(self, wrong):
        """All words apply to every literal value, wherever it stands, but never to keys."""
        norms = ["order", "case", "whitespace", "number", "date"]
        expected = {"stops": [{"city": "Bonn", "day": "2026-03-01"}, {"city": "New York"}]}
        got = {"stops": [{"city": "new  york"}, {"city": "BONN", "day": "1 March 2026"}]}

        assert wrong(expected, got, normalize=norms) == []
        assert wrong({"a": 1}, {"A": 1}, normalize=norms) == [
            "$.x.a is missing, expected 1",
            "$.x.A was not asked for: 1",
        ]

    def test_names_only_what_is_not_overlooked(self, wrong):
        """What differs in an overlooked way only is not among the violations."""
        expected = {"city": "Bonn", "street": "Am Hof 8"}
        got = {"city": "BONN", "street": "am hof 9"}

        assert wrong(expected, got, normalize="case") == [
            '$.x.street: expected "Am Hof 8", got "am hof 9"'
        ]

    @pytest.mark.parametrize(
        ("got", "found"),
        [
            (["b", "c"], ['$.x[1]: expected "a", got "c"']),
            (["b"], ['$.x lacks "a"']),
            (["a", "b", "a"], ['$.x[0] was not asked for: "a"']),
            ("ab", ['$.x: expected ["a", "b"] in any order, got "ab" (string)']),
            (["c", "d"], None),
        ],
    )
    def test_lists_in_any_order(self, wrong, got, found):
        """Items that are missing, too many, or changed are told apart."""
        told = wrong(["a", "b"], got, normalize="order")

        assert told == found if found else len(told) == 4


class TestMatchers:
    @pytest.mark.parametrize(
        ("matcher", "fits", "fails"),
        [
            ({"$any": True}, [None, 0, "", {}], []),
            ({"$regex": "[0-9]{5}"}, ["88213"], ["x88213", "88213\n", 88213, ""]),
            ({"$number": 12.5, "tolerance": 0.01}, [12.51, 12.49, "12.50"], [12.52, "x", True]),
            ({"$number": 200, "tolerance": "1 %"}, [198, 202.0], [197.9, 203, None]),
            ({"$number": 0.3}, [0.3, "0,3"], [0.30000001]),
            ({"$number": 10**30 + 1}, [10**30 + 1, str(10**30 + 1)], [10**30]),
            ({"$date": "2026-03-01"}, ["01.03.2026", "Mar 1, 2026"], ["03/01/2026", 20260301]),
            ({"$date": "2026-03-01", "order": "mdy"}, ["03/01/2026", "3-1-2026"], ["01/03/2026"]),
            ({"$date": "01/03/2026", "order": "dmy"}, ["1/3/2026", "2026-03-01"], ["03/01/2026"]),
            ({"$one_of": ["Bonn", {"$regex": "B.*n"}, 5]}, ["Bonn", "Berlin", 5.0], ["Ulm", "5"]),
            ({"$unordered": [1, 2, 2]}, [[2, 1, 2]], [[1, 2], [1, 1, 2], "122", [1, 2, 2, 2]]),
            ({"$unordered": [{"$any": True}, {"$regex": "a"}, "b"]}, [["b", "a", 5]], [["b", 5]]),
            ({"$text": "St. Johns"}, ["st johns", "ST.  JOHNS"], ["st johann", 5]),
            ({"$text": "Bonn", "ignore": ["case"]}, ["bonn"], ["bonn ", "bon"]),
            ({"a": {"$number": 1}, "b": [{"$any": True}]}, [{"a": 1, "b": [2]}], [{"a": 1}]),
        ],
    )
    def test_what_fits_and_what_does_not(self, wrong, matcher, fits, fails):
        """Each matcher has its own idea of the right value."""
        for got in fits:
            assert wrong(matcher, got) == []
        for got in fails:
            assert wrong(matcher, got) != []

    def test_an_item_is_used_once(self, wrong):
        """In any order each expected item needs an item of its own, whatever else would fit."""
        expected = {"$unordered": [{"$any": True}, {"$regex": "[ab]"}, {"$one_of": ["a"]}]}

        assert wrong(expected, ["a", "b", "c"]) == []
        assert wrong(expected, ["a", "c", "d"]) != []

    def test_optional_may_be_absent_but_not_wrong(self, judge):
        """A key under $optional may be missing; when it is there it has to be right."""
        check = ToolCall(name="book", arguments={"unit": {"$optional": "celsius"}})

        assert judge(check, calls=[("book", "{}")]).ok
        assert judge(check, calls=[("book", '{"unit": "celsius"}')]).ok
        assert not judge(check, calls=[("book", '{"unit": "kelvin"}')]).ok

    @pytest.mark.parametrize(
        ("matcher", "got", "sentence"),
        [
            ({"$regex": "[0-9]+"}, "a1", '$.x: expected a text that matches "[0-9]+", got "a1"'),
            ({"$regex": "a"}, 5, '$.x: expected a text that matches "a", got 5 (number)'),
            (
                {"$number": 12.5, "tolerance": 0.01},
                13,
                "$.x: expected 12.5 ± 0.01, got 13",
            ),
            (
                {"$number": 1234567},
                1235567,
                "$.x: expected 1234567, got 1235567 (digit 4: 4 became 5)",
            ),
            ({"$number": 5}, "five", '$.x: expected 5, got "five" (string)'),
            (
                {"$date": "2026-03-01"},
                "2026-03-07",
                '$.x: expected the day 2026-03-01, got "2026-03-07" (digit 8: 1 became 7)',
            ),
            (
                {"$date": "2026-03-01"},
                "2 March 2026",
                '$.x: expected the day 2026-03-01, got "2 March 2026" (2026-03-02)',
            ),
            (
                {"$date": "2026-03-01"},
                "03/01/2026",
                '$.x: expected the day 2026-03-01, got "03/01/2026" (which could be two days; '
                "`order` says dmy or mdy)",
            ),
            (
                {"$date": "2026-03-01"},
                "tomorrow",
                '$.x: expected the day 2026-03-01, got "tomorrow" (not read as a day)',
            ),
            ({"$one_of": ["a", 2]}, "c", '$.x: expected one of "a", 2, got "c"'),
            (
                {"$text": "Bonn", "ignore": ["case"]},
                "Ulm",
                '$.x: expected "Bonn" (whatever its case), got "Ulm"',
            ),
        ],
    )
    def test_sentences(self, wrong, matcher, got, sentence):
        """The violation says what was expected, what there is, and what it was taken for."""
        assert wrong(matcher, got) == [sentence]

    def test_a_missing_argument_says_what_is_wanted(self, judge):
        """An argument that is not there is described by its matcher."""
        check = ToolCall(name="book", arguments={"x": {"$regex": "a"}, "y": {"$any": True}})

        assert judge(check, calls=[("book", "{}")]).violations == (
            'book: $.x is missing, expected a text that matches "a"',
            "book: $.y is missing, expected any value",
        )

    @pytest.mark.parametrize(
        "arguments",
        [
            {"$one_of": [{"city": "Bonn"}, {"zip": "53111"}]},
            {"$equals": {"zip": "53111"}},
            {"$any": True},
        ],
    )
    def test_a_matcher_can_stand_for_all_arguments(self, judge, arguments):
        """The whole map of arguments can be one of several, a literal one, or any."""
        check = ToolCall(name="book", arguments=arguments)

        assert judge(check, calls=[("book", '{"zip": "53111"}')]).ok
        assert judge(check, calls=[("book", '{"zip": "5"}')]).ok == ("$any" in arguments)


class TestExtraArguments:
    def test_are_forbidden_unless_allowed(self, judge):
        """Arguments that are not named are extra; allowed ones still have to fit the schema."""
        strict = ToolCall(name="book", arguments={"city": "Bonn"})
        loose = ToolCall(name="book", arguments={"city": "Bonn"}, extra_arguments="allow")
        schema = {"properties": {"beds": {"type": "integer"}}}
        tool = {"function": {"name": "book", "parameters": schema}}
        good = ("book", '{"city": "Bonn", "beds": 2}')
        bad = ("book", '{"city": "Bonn", "beds": "two"}')

        assert judge(strict, calls=[good], tools=[tool]).violations == (
            "book: $.beds was not asked for: 2",
        )
        assert judge(loose, calls=[good], tools=[tool]).ok
        assert judge(loose, calls=[bad], tools=[tool]).layers == {
            "called": 1.0,
            "name": 1.0,
            "valid": 0.0,
            "expected": 0.0,
        }
        assert not judge(loose, calls=[("book", '{"beds": 2}')], tools=[tool]).ok

    def test_inside_an_argument_nothing_is_extra(self, judge):
        """Allowing arguments does not allow keys in the values of those that are named."""
        check = ToolCall(name="book", arguments={"x": {"a": 1}}, extra_arguments="allow")

        assert not judge(check, calls=[("book", '{"x": {"a": 1, "b": 2}}')]).ok


class TestMistakes:
    @pytest.mark.parametrize(
        ("value", "part"),
        [
            ({"$regx": "a"}, "at $.x: unknown matcher '$regx'; did you mean '$regex'?"),
            ({"$filter": "a"}, "write {$equals: ...} around it"),
            ({"$any": True, "$regex": "a"}, "'$any' and '$regex' stand in one map"),
            ({"$number": 5, "tolerence": 1}, "did you mean 'tolerance'?"),
            ({"$any": True, "a": 1}, "unknown option 'a' of $any; it has none"),
            ({"$any": False}, "written as {$any: true}"),
            ({"$regex": "("}, "`$regex` is no regular expression"),
            ({"$regex": 5}, "`$regex` has to be a text, got 5; put the number in quotes"),
            ({"$number": "abc"}, "$number has to be a number, got 'abc'"),
            ({"$number": 5, "tolerance": -1}, "`tolerance` of $number"),
            ({"$number": 5, "tolerance": "some %"}, "`tolerance` of $number"),
            ({"$number": 5, "tolerance": True}, "`tolerance` of $number"),
            ({"$date": "2026-02-30"}, "$date has to be a day such as 2026-03-01"),
            ({"$date": "03/01/2026"}, "$date has to be a day"),
            ({"$date": 2026}, "$date has to be a day"),
            ({"$date": "2026-03-01", "order": "ymd"}, "`order` of $date has to be dmy or mdy"),
            ({"$one_of": []}, "$one_of has to be a list of values"),
            ({"$one_of": "ab"}, "$one_of has to be a list of values"),
            ({"$one_of": [{"$optional": 1}]}, "at $.x[0]: $optional is for the value of a key"),
            ([{"$optional": 1}], "at $.x[0]: $optional is for the value of a key"),
            ({"$unordered": {}}, "$unordered has to be a list of values"),
            ({"$unordered": [{"$any": True}] * 33}, "at most 32 items, got 33"),
            ({"$text": "a", "ignore": ["cases"]}, "did you mean 'case'?"),
            ({"$text": "a", "ignore": []}, "`ignore` of $text is empty"),
            ({"$text": "!", "ignore": ["punctuation"]}, "nothing is left of the $text '!'"),
            ({"a": [{"b": {"$txt": 1}}]}, "at $.x.a[0].b: unknown matcher '$txt'"),
        ],
    )
    def test_are_found_before_the_run(self, value, part):
        """A matcher that makes no sense is refused with its place and what to do."""
        with pytest.raises(ValueError, match="`arguments` at") as caught:
            ToolCall(name="book", arguments={"x": value})

        assert part in str(caught.value)

    def test_a_matcher_for_one_value_in_place_of_the_map(self):
        """A matcher that no map of arguments satisfies is refused there."""
        with pytest.raises(ValueError, match=r"\$regex never matches"):
            ToolCall(name="book", arguments={"$regex": "a"})

    def test_crosses_process_borders(self):
        """A check with every matcher survives pickling."""
        matchers = [{"$any": True}, {"$date": "2026-03-01"}, {"$equals": 1}, {"$number": 5}]
        more = [{"$regex": "a"}, {"$text": "a"}, {"$unordered": [1]}]
        check = ToolCall(name="a", arguments={"x": {"$one_of": [*matchers, *more]}})

        copy = pickle.loads(pickle.dumps(check))
        assert copy == check
        assert repr(copy) == repr(check)


class TestHostile:
    def test_a_pattern_that_backtracks_for_ever_is_the_checks_error(self, wrong, quick):
        """The time limit ends a $regex; the model is not blamed."""
        with pytest.raises(CheckError, match="was stopped after"):
            wrong({"$regex": "(a+)+"}, "a" * 40 + "!")

    @pytest.mark.parametrize(
        "got",
        [
            "9" * 150_000,
            "1," * 70_000,
            "\u0301" * 30_000,
            "\ud800",
            "\x1b[31m::error::",
            ["a"] * 30_000,
            [[]] * 30_000,
            {str(i): i for i in range(10_000)},
            1e308,
        ],
        ids=lambda value: f"{type(value).__name__}-{str(value)[:6]!a}",
    )
    @pytest.mark.parametrize(
        "expected",
        [
            {"$number": 5, "tolerance": "1 %"},
            {"$date": "2026-03-01"},
            {"$text": "a"},
            {"$regex": "[0-9]"},
            {"$unordered": [{"$regex": "b"}] * 32},
            {"$one_of": ["b", {"$unordered": ["b"]}]},
            ["b", {"b": "c"}],
        ],
        ids=lambda value: f"{value!s:.12}",
    )
    def test_values_are_violations_in_short_sentences(self, wrong, bounded, expected, got):
        """Huge, odd and deceptive values are judged in bounded time and quoted safely."""
        with bounded():
            found = wrong(expected, got, normalize=["case", "punctuation", "number", "order"])

        assert 1 <= len(found) <= 6
        assert all(len(sentence) <= 400 for sentence in found)
        assert "\x1b" not in "".join(found)
        "".join(found).encode("utf-8")
