"""Loops are found, and what repeats itself for a reason is none."""

import json

import pytest

from pytest_quantguard.checks import _loops
from pytest_quantguard.checks.repetition import Repetition

TABLE = """| Day | Open | Room | Note |
|---|---|---|---|
""" + "".join(
    f"| {day} | yes | yes | yes |\n"
    for day in ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
)
FIGURES = "| Year | Passed | Failed | Note |\n|---|---|---|---|\n" + "".join(
    f"| {year} | {year % 7} % | no data | no data |\n" for year in range(1990, 2024)
)
OBJECTS = json.dumps(
    [
        {"order_id": f"88{number}", "status": "shipped", "carrier": "post", "gift": False}
        for number in range(30)
    ],
    indent=2,
)
CODE = """def test_add(self):
    self.assertEqual(3, add(1, 2))
    self.assertEqual(0, add(0, 0))
    self.assertEqual(-1, add(-2, 1))
    self.assertEqual(10, add(5, 5))


for row in rows:
    if row:
        for cell in row:
            if cell:
                for part in cell:
                    if part:
                        print(part)
"""
REFRAIN = """The river runs down to the sea,
  down, down, down to the sea.
It carries the boats and it carries me,
  down, down, down to the sea.

The moon looks on from the hill above,
  down, down, down to the sea.
She sings of sorrow, she sings of love,
  down, down, down to the sea.

The morning comes and the gulls all cry,
  down, down, down to the sea.
"""
RECIPE = """1. Wash the rice until the water is clear.
2. Add the rice to the pot.
3. Add the water to the pot.
4. Add the salt to the pot.
5. Bring the pot to the boil.
6. Cover the pot and wait.
"""
TERMS = " ".join(
    f"Section {number}. The customer may cancel within {number} days of delivery, and the company "
    f"shall refund the price of item {number} in full, unless the goods were made to order."
    for number in range(1, 4)
)
LOG = "".join(
    f"2026-03-01T10:{minute:02}:00Z INFO worker-{minute % 3} finished job {minute * 37 % 101}\n"
    for minute in range(40)
)
CHINESE = (
    "\u4eca\u5929\u5929\u6c14\u5f88\u597d\uff0c\u6211\u4eec\u53bb\u516c\u56ed\u6563\u6b65\u3002"
    "\u516c\u56ed\u91cc\u6709\u5f88\u591a\u82b1\uff0c\u4e5f\u6709\u5f88\u591a\u6811\u3002"
    "\u5b69\u5b50\u4eec\u5728\u6e56\u8fb9\u653e\u98ce\u7b5d\uff0c\u8001\u4eba\u4eec\u5728\u6811\u4e0b"
    "\u4e0b\u68cb\u3002\u508d\u665a\u65f6\u5206\uff0c\u6211\u4eec\u5728\u8336\u9986\u559d\u8336\u804a"
    "\u5929\uff0c\u7136\u540e\u5750\u5730\u94c1\u56de\u5bb6\u3002"
)
ORDINARY = {
    "empty": "",
    "one word": "Yes",
    "laughter": "That is funny! Ha ha ha ha ha ha ha ha!",
    "rule": "Title\n" + "=" * 80,
    "form": "Name: ______________________\nDate: ______________________\n" * 2,
    "zeros": json.dumps([[0] * 8] * 8),
    "braces": '{"a": {"b": {"c": {"d": {"e": {"f": {}}}}}}}',
    "divs": "<div>\n" * 8 + "text\n" + "</div>\n" * 8,
    "bullets": "- [ ] Done\n- [ ] Done\n- [ ] Open\n- [ ] Done\n",
    "table": TABLE,
    "figures": FIGURES,
    "objects": OBJECTS,
    "code": CODE,
    "refrain": REFRAIN,
    "recipe": RECIPE,
    "terms": TERMS,
    "log": LOG,
    "chinese": CHINESE,
}


@pytest.mark.parametrize("name", ORDINARY)
def test_ordinary_answers_are_no_loops(judge, name):
    """Lists, tables, code, data, refrains and laughter repeat themselves for a reason."""
    assert () == judge(Repetition(), ORDINARY[name]).violations


SORRY = "I am sorry for the inconvenience. "


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "Hello.\n\n" + SORRY * 41 + "I am so",
            f'the text repeats "{SORRY}" 41 times, from line 3 to the end',
        ),
        (
            "Well, " + "the the " * 20,
            'the text repeats "the " 40 times, from character 7 to the end',
        ),
        (
            "".join(f"{number}. Buy some  milk today\n" for number in range(1, 9)),
            'the text repeats "Buy some  milk today" 8 times, from character 4 to the end',
        ),
        (
            "- Call us today.\n- Write to us!\n" * 4 + "-  CALL us today!\n- write to us",
            'the text repeats "Call us today.\\n- Write to us" 5 times, from character 3 to the '
            "end",
        ),
        (
            "x" + "\n" * 500,
            'the text repeats "\\n" 500 times, from character 2 to the end',
        ),
        ("0" * 300, 'the text repeats "0" 300 times, from character 1 to the end'),
        (
            "\u6211\u4eec\u5f88\u62b1\u6b49\u3002" * 20,
            'the text repeats "\u6211\u4eec\u5f88\u62b1\u6b49\u3002" 20 times, from character 1 to '
            "the end",
        ),
    ],
)
def test_a_loop_at_the_end(judge, text, sentence):
    """The unit, how often, and where it begins; numbers, blanks and case do not hide it."""
    assert (sentence,) == judge(Repetition(), text).violations


def test_a_loop_longer_than_what_is_searched(judge, bounded):
    """The beginning is found though only the last 20,000 characters are searched."""
    with bounded():
        (violation,) = judge(Repetition(), "Start. " + SORRY * 100_000).violations

    assert "100000 times, from character 8 to the end" in violation


def test_how_often_is_a_parameter(judge):
    """Four times are allowed by default."""
    text = SORRY * 4

    assert judge(Repetition(), text).ok
    assert not judge(Repetition(times=4), text).ok


def test_a_loop_that_ends_is_found_by_its_share(judge):
    """Runs of eight words that stood there before; the most frequent one is quoted."""
    text = "First.\n" + SORRY * 30 + "At last I can tell you something else."

    (violation,) = judge(Repetition(), text).violations

    assert violation == (
        "92% of the runs of 8 words in the text stood there before, at most 50% are allowed; "
        '"I am sorry for the inconvenience. I am" stands there 29 times, from line 2 on'
    )
    assert judge(Repetition(max_share=1), text).ok


def test_the_share_is_that_of_the_paper():
    """1 - distinct / all: 60 runs of eight words, of which 6 are distinct."""
    words = "one two three four five six "

    share, most = _loops.duplicate_share(words * 11 + "one")

    assert 1 - 6 / 60 == pytest.approx(share)
    assert ("one two three four five six one two", 10, 0) == (most.unit, most.times, most.start)
    assert _loops.duplicate_share(words * 9) is None  # 47 runs are too few


def test_long_paragraphs_that_come_again(judge):
    """Three times the same page is half and more of it."""
    page = TERMS + " " + RECIPE + " " + REFRAIN

    assert judge(Repetition(), page).ok
    assert not judge(Repetition(), f"{page}\n\n{page}\n\n{page}\n\nThat is all.").ok


def test_arguments_and_calls(judge):
    """A loop in the arguments, and the same call made again and again."""
    arguments = '{"text": "' + SORRY * 20
    (inside,) = judge(Repetition(), "", calls=[("send", arguments)]).violations
    (again,) = judge(Repetition(), "", calls=[("f", "{}")] * 6 + [("g", "{}")]).violations

    assert inside.startswith('the text of the arguments of "send" repeats "I am sorry for the inc')
    assert '"f" is called 6 times with the same "{}"' == again
    assert judge(Repetition(), "", calls=[("f", f"{n}") for n in range(9)]).ok


@pytest.mark.parametrize(
    "unit", ["a", "ab c", "1 ", "\n", "\U0001f600"], ids=["a", "abc", "ones", "lines", "emoji"]
)
def test_huge_loops_take_no_time(judge, bounded, unit):
    """Ten million characters are one loop."""
    with bounded():
        assert not judge(Repetition(), unit * (10_000_000 // len(unit))).ok


@pytest.mark.parametrize("char", ["-", "a", "\u0301", "\ud800"])
def test_nearly_periodic_texts_take_no_time(judge, bounded, char):
    """Whatever nearly repeats, a bounded part is looked at, in linear time."""
    text = (char * 9_999 + "b") * 1_000
    with bounded():
        judge(Repetition(), text)
        judge(Repetition(times=2), text + "c")


@pytest.mark.parametrize(
    ("parameters", "part"),
    [
        ({"times": 1}, "at least 2, got 1"),
        ({"times": None}, "`times` has to be a number"),
        ({"max_share": 0}, "above 0 and at most 1, got 0"),
        ({"max_share": 50}, "at most 1, got 50"),
        ({"max_share": None}, "`max_share` has to be a number"),
    ],
)
def test_nonsense_is_refused(parameters, part):
    """A parameter that makes no sense is a ValueError of one sentence."""
    with pytest.raises(ValueError, match="`") as caught:
        Repetition(**parameters)

    assert part in str(caught.value)


REGULAR = {
    "json": '{"seats": [' + ", ".join(["false"] * 40) + "]}",
    "nulls": "[" + ", ".join(["null"] * 300) + "]",
    "fenced": "Here it is:\n```json\n[" + ", ".join(["false"] * 40) + "]\n```",
    "board": "\n".join(["| empty | empty | empty | empty |"] * 5),
    "matrix": "\n".join([" ".join(["0"] * 20)] * 20),
    "cells": "\n".join(["1, true, true, true, true, true"] * 5),
    "dump": "00000000  " + "00 " * 200,
    "signature": "Signature: " + "_" * 210,
    "rule": "Title\n" + "=" * 210,
    "access log": "Here is the log:\n"
    + "".join(f"2024-01-0{n % 9 + 1} 10:00:0{n % 9} GET /health 200 OK web\n" for n in range(40)),
    "sql": "\n".join(
        f"INSERT INTO t (id, a, b, c) VALUES ({n}, 'User {n}', 1);" for n in range(50)
    ),
    "csv": "".join(f"{n},active,eu-central\n" for n in range(60)),
    "twenty steps": "".join(f"Room {n} is open for you from nine.\n" for n in range(20)),
}


@pytest.mark.parametrize("name", REGULAR)
def test_regular_data_is_no_loop(judge, name):
    """JSON, grids, rules, logs and statements look alike because they should."""
    assert () == judge(Repetition(), REGULAR[name]).violations


@pytest.mark.parametrize("name", ["board", "matrix", "rule"])
def test_what_was_cut_off_is_a_loop(judge, name):
    """A table or a rule that only the token limit ended is no table."""
    assert not judge(Repetition(), REGULAR[name], finish_reason="length").ok


@pytest.mark.parametrize(
    "text",
    ["-" * 600, "| no data | no data |\n" * 300, "0 " * 3_000],
    ids=["rule", "rows", "zeros"],
)
def test_data_without_end_is_a_loop(judge, text):
    """A rule or table that long is nothing that anybody asked for."""
    assert not judge(Repetition(), text).ok


def test_a_loop_inside_of_json(judge):
    """The texts in JSON are looked at, each one and all together."""
    (one,) = judge(Repetition(), json.dumps({"text": SORRY * 20})).violations
    (many,) = judge(Repetition(), json.dumps({"steps": [SORRY] * 40})).violations

    assert one == f'a value in the text repeats "{SORRY}" 20 times, from character 1 to the end'
    assert "of the runs of 8 words in the values in the text stood there before" in many


COUNTING = {
    "step": "".join(
        f"Step {n}: Please check the order status and contact support. " for n in range(1, 60)
    ),
    "heading": "".join(f"### Step {n}\nPlease check the order.\n" for n in range(1, 60)),
    "counter": "".join(f"The number is {n} and the next number is {n + 1}. " for n in range(60)),
    "dates": "".join(f"On 2024-01-{n:02} the customer called us again. " for n in range(1, 29)),
    "letters": "".join(
        f"Option {char}: The customer should call. " for char in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    ),
}


@pytest.mark.parametrize("name", COUNTING)
def test_a_loop_that_counts(judge, name):
    """The same sentence with another number or letter is a loop, after more repeats."""
    (violation,) = judge(Repetition(), COUNTING[name]).violations

    assert "times with other numbers or letters, from character " in violation
