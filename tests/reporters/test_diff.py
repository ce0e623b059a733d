"""Two texts, two structures: what is marked, and that nothing gets lost."""

from __future__ import annotations

import json
import random
from itertools import pairwise

import pytest

from pytest_quantguard.reporters.html import _align, _diff, _structure
from pytest_quantguard.reporters.html._diff import CHANGED, SAME, SHARP, compare
from pytest_quantguard.reporters.html._structure import parsed, reordered, rows

PARTS = ("a", "bb", "the", " ", "  ", "\n", "\t", "1", "22", "-", '"', "é", "日本", "e\u0301", "🙂")


def text_of(pieces):
    return "".join(piece.text for piece in pieces)


def marked(pieces, mark=None):
    """The parts that are marked, or marked that way."""
    return [p.text for p in pieces if (p.mark if mark is None else p.mark == mark)]


def drawn(draw, longest=30):
    return "".join(draw.choices(PARTS, k=draw.randrange(longest)))


def test_joined_pieces_are_the_texts():
    """Nothing is lost or made up, whatever the texts; neighbours never have the same mark."""
    draw = random.Random(1)
    for _ in range(1500):
        one, other = drawn(draw), drawn(draw)
        if draw.random() < 0.5:
            at = draw.randrange(len(one) + 1)
            other = one[:at] + drawn(draw, 4) + one[at + draw.randrange(3) :]
        sides = compare(one, other)

        assert (one, other) == tuple(map(text_of, sides))
        assert all(a.mark != b.mark for side in sides for a, b in pairwise(side))
        assert all(piece.text for side in sides for piece in side)


def test_what_is_not_marked_is_the_same_on_both_sides():
    """Unmarked text is a common text of both, in the same order."""
    draw = random.Random(2)
    for _ in range(1500):
        sides = compare(drawn(draw), drawn(draw))

        same = ["".join(p.text for p in side if p.mark == SAME) for side in sides]
        assert same[0] == same[1]


@pytest.mark.parametrize("text", ["", " ", "word", "two words\n", "日本語 e\u0301 \u202e"])
def test_equal_texts_have_no_marks(text):
    """Of a text that is the same nothing is marked."""
    assert [] == marked(compare(text, text).baseline) == marked(compare(text, text).candidate)


def test_a_changed_word_is_marked_and_its_neighbours_are_not():
    """One word of a sentence differs: it alone is marked."""
    sides = compare("Refund the blue parcel today.", "Refund the lost parcel today.")

    assert ["blue"] == marked(sides.baseline)
    assert ["lost"] == marked(sides.candidate)


def test_numbers_are_compared_digit_by_digit():
    """In a number or an identifier of equal length each digit that differs is marked sharply."""
    sides = compare("order 47133785552619.", "order 47133785566619.")

    assert ["52"] == marked(sides.baseline, SHARP)
    assert ["66"] == marked(sides.candidate, SHARP)
    assert "47133785552619" == "".join(marked(sides.baseline))


def test_a_missing_character_of_an_identifier_is_marked():
    """88213-A against 88213A: the hyphen is what is missing."""
    sides = compare("order 88213-A now", "order 88213A now")

    assert ["-"] == marked(sides.baseline, SHARP)
    assert [] == marked(sides.candidate, SHARP)
    assert "88213A" == "".join(marked(sides.candidate))


def test_of_a_long_word_the_middle_is_marked():
    """Such as a line of 100 KB without a blank: what is the same before and after is not."""
    head, tail = "ab1" * 9000, "cd2" * 9000
    sides = compare(f"{head}x{tail}", f"{head}yz{tail}")

    assert [["x"], ["yz"]] == [marked(side) for side in sides]
    assert [[""], ["z"]] == [marked(side) or [""] for side in compare(head, f"{head}z")]
    unlike = compare("ab1" * 50, "xy2" * 50)
    assert [["ab1" * 50], ["xy2" * 50]] == [marked(side) for side in unlike]


def test_unlike_words_are_marked_whole():
    """Of words with little in common no single letters are marked."""
    sides = compare("total 270", "total 405")

    assert ["270"] == marked(sides.baseline, CHANGED)
    assert [] == marked(sides.baseline, SHARP) == marked(sides.candidate, SHARP)


def test_characters_that_sit_on_others_are_never_cut_off():
    """A combining accent stays with its letter."""
    sides = compare("cafe\u0301s 12", "cafes 12")

    assert ["cafe\u0301s"] == marked(sides.baseline)


@pytest.mark.parametrize(
    ("one", "other", "lost", "new"),
    [
        ("a b", "a  b", " ", "  "),
        ("a\nb", "a\n\nb", "\n", "\n\n"),
        ("a", " a", "", " "),
        ("a ", "a", " ", ""),
    ],
)
def test_blanks_that_differ_are_marked(one, other, lost, new):
    """White space is text, too."""
    sides = compare(one, other)

    assert (lost, new) == tuple("".join(marked(side)) for side in sides)


def test_an_answer_that_ends_early_marks_what_is_missing():
    """All that the baseline alone goes on to say is one mark."""
    sides = compare("one two three four", "one two")

    assert [" three four"] == marked(sides.baseline)
    assert [] == marked(sides.candidate)


def test_texts_that_have_little_in_common_are_marked_whole():
    """Some words that are the same by chance do not break the marks of unlike texts."""
    draw = random.Random(3)
    one = " ".join(["Dear", *(f"a{draw.randrange(900)} of" for _ in range(60)), "End"])
    other = " ".join(["Dear", *(f"b{draw.randrange(900)} to it" for _ in range(60)), "End"])

    for side in compare(one, other):
        assert 1 == len(marked(side, CHANGED))
        assert "Dear " == side[0].text


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a b " * 5_000, "b a a " * 3_300),
        (", " * 10_000, "., " * 6_600),
        ("x" * 20_000, "y" * 20_000),
        (" ".join(map(str, range(4_000))), " ".join(map(str, range(4_000, 0, -1)))),
    ],
    ids=["two words", "commas", "one word", "backwards"],
)
def test_the_work_is_bounded_by_the_length(monkeypatch, one, other):
    """However often words repeat, no more pairs are looked at than a few per word."""
    looked = []
    true_rising = _align._rising

    def rising(pairs):
        looked.append(len(pairs))
        return true_rising(pairs)

    monkeypatch.setattr(_align, "_rising", rising)
    sides = compare(one, other)

    assert (one, other) == tuple(map(text_of, sides))
    words = len(_diff._Words.of(one).words) + len(_diff._Words.of(other).words)
    assert sum(looked) <= _align._DEPTH * (words + _align._PAIRS)


# --- structures -------------------------------------------------------------------------------


def sides_of(found):
    """Both sides as text again."""
    return [
        "\n".join(text_of(row[side]) for row in found if row[side] is not None) for side in (0, 1)
    ]


def lines(one, other):
    return rows(parsed(json.dumps(one)), parsed(json.dumps(other)))


def value(draw, depth):
    kind = draw.randrange(6 if depth else 4)
    if kind < 4:
        return draw.choice([1, 2.5, "a b", "88213-A", None, True, {}, []])
    if kind == 4:
        return [value(draw, depth - 1) for _ in range(draw.randrange(4))]
    return {draw.choice("abcdef"): value(draw, depth - 1) for _ in range(draw.randrange(4))}


def test_the_lines_of_each_side_are_its_value():
    """Each column, read alone, is JSON with that side's value: commas and brackets included."""
    draw = random.Random(4)
    for _ in range(400):
        one = {"k": value(draw, 3), "l": value(draw, 2)}
        other = {"l": value(draw, 2), "k": value(draw, 3)}

        assert [one, other] == [json.loads(side) for side in sides_of(lines(one, other))]


def test_the_order_of_keys_marks_nothing():
    """The same values in another order are the same lines, in the order of the baseline."""
    found = lines({"b": 1, "a": {"y": [1, 2], "x": None}}, {"a": {"x": None, "y": [1, 2]}, "b": 1})

    assert all(row.same for row in found)
    assert ["b", "a"] == list(json.loads(sides_of(found)[1]))
    assert reordered(parsed('{"b": 1, "a": 2}'), parsed('{"a": 2, "b": 1}'))
    assert not reordered(parsed('{"b": 1, "a": 2}'), parsed('{"b": 3, "c": 1, "a": 2}'))


def test_a_value_that_differs_is_marked_and_its_key_is_not():
    """Only the line of the value differs, and in it only the value."""
    found = lines({"order": "88213", "n": 1}, {"order": "88413", "n": 1})

    (changed,) = [row for row in found if not row.same]
    assert ["88", "2", "13"] == marked(changed.baseline)
    assert ["4"] == marked(changed.candidate, SHARP)


def test_keys_and_items_of_one_side_stand_beside_nothing():
    """What one arm alone has stands in a line of its own, and the rest stays aligned."""
    found = lines({"a": 1, "gone": {"x": 1}, "l": [1, 2, 3]}, {"l": [1, 9, 2, 3], "a": 1, "new": 0})

    beside = [row for row in found if None in row]
    assert ['  "gone": {', '    "x": 1', "  },"] == [
        text_of(row.baseline) for row in beside if row.baseline
    ]
    assert ["    9,", '  "new": 0'] == [text_of(row.candidate) for row in beside if row.candidate]


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1',
        "{'a': 1}",
        '{"a": 1, "a": 2}',
        "[NaN]",
        "[" * 100_000,
        "[" * 200 + "]" * 200,
        "12",
        '"text"',
        "",
        "```json\n{}\n```",
    ],
    ids=str.__len__,
)
def test_what_is_no_structure_is_compared_as_words(text):
    """Broken, ambiguous or bottomless JSON, and single values, are no structure."""
    assert parsed(text) is None


def test_numbers_stay_as_they_were_written():
    """1.0 is not 1, and a number of a thousand digits is no trouble."""
    assert parsed("[1.0]") != parsed("[1]")
    assert "9" * 5_000 in sides_of(rows(parsed(f"[{'9' * 5_000}]"), parsed("[1]")))[0]


def test_a_long_structure_is_not_listed():
    """More lines than a reader follows are left to the words."""
    long = list(range(_structure.LINES))

    assert lines(long, long) is None
    assert lines(long[:-2], long[:-2]) is not None


def test_invisible_characters_of_values_are_seen():
    """An override of the reading direction in a value or a key is an escape."""
    (_, row, _) = lines({"k\u202e": "v\u2066"}, {"k\u202e": "v"})

    assert '  "k\\u202e": "v\\u2066"' == text_of(row.baseline)
