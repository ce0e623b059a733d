"""What a failed assertion looked at, in both models: found by running the body again."""

from __future__ import annotations

import sys
import textwrap
import time

import pytest

from pytest_quantguard.functions.bodies import Body
from pytest_quantguard.functions.operands import headline
from pytest_quantguard.types import Completion, ToolCall

BASE = "We are open from 9 to 17 each day"
CAND = "We are open from 9 to 16 each day"


@pytest.fixture
def told(pytester):
    """Return the violation of the candidate, plain and beside the baseline's values."""

    def violation(source, baseline=BASE, candidate=CAND, scrub=lambda text: text, **funcargs):
        source = textwrap.dedent(source)
        item = pytester.getitem(f"import asyncio, re\nimport pytest\n\n{source}", "test_it")
        # As in a run: pytest's rewritten assertions need somebody who asks for their text.
        item.funcargs = {"completion": None, **funcargs}
        body = Body(item)
        arms = [
            arm if isinstance(arm, Completion) else Completion(text=arm)
            for arm in (baseline, candidate)
        ]
        outcomes = [body(arm, None) for arm in arms]
        assert [True, False] == [outcome.ok for outcome in outcomes]
        found = body.beside(*arms, scrub)
        if found:
            assert [found[0]] == list(outcomes[1].violations)
        return found[1] if found else None

    return violation


TIMES = f'completion.text is "{BASE}" in the baseline, "{CAND}" in the candidate'


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("assert '9 to 17' in completion.text", TIMES),
        ("assert completion.text.endswith('17 each day')", TIMES),
        ("assert not completion.text.endswith('16 each day')", TIMES),
        ("assert completion.text and '17' in completion.text, 'the hours'", TIMES),
        ("assert all(word in completion.text for word in ['open', '17'])", TIMES),
        ("assert any(word == '17' for word in completion.text.split())", "completion.text"),
        ("assert re.search(r'9 to 17', completion.text)", TIMES),
        ("said = completion.text\n    assert '17' in said", f'said is "{BASE}" in the baseline'),
        ("assert completion.text.split()[6] == '17'", 'completion.text.split()[6] is "17" in the'),
        ("assert int(completion.text.split()[6]) > 16", "int(completion.text.split()[6]) is 17 in"),
        (
            "assert [w for w in completion.text.split() if w.isdigit()] == ['9', '17']",
            "assert ['9', '16'] == ['9', '17']; completion.text.split() is ...",
        ),
        (
            "for word in completion.text.split():\n        assert (\n            word\n"
            "            != '16'\n        )",
            'word is "17" in the baseline, "16" in the candidate',
        ),
        ("def ok(text):\n        return '17' in text\n    assert ok(completion.text)", TIMES),
        (
            "async def go():\n        assert '17' in completion.text\n    asyncio.run(go())",
            TIMES,
        ),
    ],
)
def test_shapes_of_assertions(told, body, expected):
    """Comparisons, plain truth, messages, loops, helpers, several lines, coroutines."""
    found = told(f"def test_it(completion):\n    {body}\n")

    assert found is not None
    assert expected in found


def test_the_sentence_as_a_whole(told):
    """Message, assertion, values; the condition's own text where pytest has only False to show."""
    found = told(
        "def test_it(completion):\n    assert completion.text.endswith('17 each day'), 'end'\n"
    )

    assert f"end; assert completion.text.endswith('17 each day'); {TIMES}" == found


def test_a_digit_that_changed_is_named(told):
    """As checks do."""
    arms = [
        Completion(text="", tool_calls=(ToolCall(name="refund", arguments_text=text),))
        for text in ('{"order_id": "88213-A"}', '{"order_id": "88273-A"}')
    ]
    found = told(
        """
        def test_it(completion):
            assert completion.tool_call("refund").arguments["order_id"] == "88213-A"
        """,
        *arms,
    )

    assert (
        "assert '88273-A' == '88213-A'; completion.tool_call('refund').arguments['order_id'] is "
        '"88213-A" in the baseline, "88273-A" in the candidate (digit 4: 1 became 7)'
    ) == found


def test_a_value_that_the_candidate_does_not_have(told):
    """The call was not made: the baseline's value says what was expected."""
    made = Completion(text="", tool_calls=(ToolCall(name="refund", arguments_text='{"a": 1}'),))
    found = told(
        """
        def test_it(completion):
            assert completion.tool_call('refund').arguments == {'a': 1}
        """,
        made,
        Completion(text="I would rather not"),
    )

    assert (
        "expected one call of 'refund'; calls made: none; completion.tool_call('refund').arguments "
        "is {'a': 1} in the baseline"
    ) == found


def test_helpers_classes_and_parameters(told, pytester):
    """The assertion may stand in a helper, also of another module; operands that agree are left."""
    pytester.makepyfile(
        helpers="def check(text, want):\n    got = text.split()[6]\n    assert got == want\n"
    )
    found = told(
        """
        from helpers import check

        def test_it(completion, want):
            check(completion.text, want)
        """,
        want="17",
    )

    assert 'got is "17" in the baseline, "16" in the candidate' in found
    assert "want is" not in found


def test_long_values_are_shown_where_they_part(told):
    """Not their first words, which are the same."""
    found = told(
        "def test_it(completion):\n    assert completion.text.endswith('1')\n",
        "x" * 5000 + "0" * 30 + "1",
        "x" * 5000 + "0" * 30 + "2",
    )

    assert f'is "...{"0" * 20}1" in the baseline, "...{"0" * 20}2" in the candidate' in found
    assert len(found) < 400


@pytest.mark.parametrize(
    "body",
    [
        "assert (found := completion.text.split()[6]) == '17'",
        "pytest.fail('not good') if '16' in completion.text else None",
        "if '16' in completion.text:\n        raise AssertionError('by hand')",
        "for i in range(2000):\n        assert i < 1999 or '17' in completion.text",
    ],
    ids=["walrus", "pytest.fail", "raise", "long loop"],
)
def test_what_cannot_be_told_is_left_out(pytester, body):
    """No guess, and no error: the plain sentence stays."""
    item = pytester.getitem(f"import pytest\n\ndef test_it(completion):\n    {body}\n", "test_it")
    item.funcargs = {"completion": None}
    judge = Body(item)
    arms = Completion(text=BASE), Completion(text=CAND)
    outcomes = [judge(arm, None) for arm in arms]

    assert outcomes[1].violations
    assert judge.beside(*arms, str) is None


def test_a_body_that_fails_in_another_way_again_is_not_explained(pytester):
    """Something outside of it has changed: then its values mean nothing."""
    item = pytester.getitem(
        "SEEN = []\n\ndef test_it(completion):\n    SEEN.append(1)\n"
        "    assert '17' in completion.text or len(SEEN) == 99\n",
        "test_it",
    )
    item.funcargs = {"completion": None}
    body = Body(item)
    arms = Completion(text=BASE), Completion(text=CAND)
    for arm in arms:
        body(arm, None)

    assert body.beside(*arms, str) is None


def test_a_debugger_or_a_coverage_tracer_is_left_alone(told):
    """It sees the body run, not us."""
    events = []

    def tracer(frame, event, arg):
        events.append(event)

    before = sys.gettrace()
    sys.settrace(tracer)
    try:
        found = told("def test_it(completion):\n    assert '17' in completion.text\n")
        after = sys.gettrace()
    finally:
        sys.settrace(before)

    assert found is None
    assert tracer is after
    assert events


def test_no_tracer_is_left_behind(told):
    """Whatever the runs came to."""
    told("def test_it(completion):\n    assert '17' in completion.text\n")

    assert sys.gettrace() is None


def test_running_again_prints_nothing(told, capsys):
    """What a body prints was printed once per arm."""
    told("def test_it(completion):\n    print('said')\n    assert '17' in completion.text\n")

    assert 2 == capsys.readouterr().out.count("said")


HOSTILE = [
    "\ud800\x00\x1b[31m]]>\u202e::error::x\n##[group]",
    "x" * 10_000_000,
    "\n" * 1_000_000,
    "[" * 100_000,
    "9" * 10_000,
]


@pytest.mark.parametrize("text", HOSTILE, ids=["controls", "10 MB", "lines", "nested", "digits"])
@pytest.mark.parametrize(
    "condition",
    [
        "completion.text == 'fine'",
        "completion.text.split() == ['fine']",
        "completion == 1 or 'fine' in completion.text",
    ],
)
def test_hostile_values_are_short_escaped_and_quick(told, text, condition):
    """In sentences that reports and terminals print."""
    started = time.process_time()
    found = told(f"def test_it(completion):\n    assert {condition}\n", "fine", text)

    assert time.process_time() - started < 60
    after = (
        found.split("; ", 1)[-1] if "== 'fine'" not in condition else found.rpartition(" is ")[2]
    )
    assert not {"\x00", "\x1b", "\ud800", "\u202e", "\n"} & set(after)
    assert len(after) < 1000


def test_keys_are_taken_out_before_values_are_cut(told):
    """A server may echo the key; the half of it that fits is still a key."""
    key = "sk-very-secret-4711"
    found = told(
        "def test_it(completion):\n    assert completion.text.endswith('good')\n",
        "a" * 40 + key + " good",
        "a" * 40 + key + " bad",
        scrub=lambda text: text.replace(key, "[secret]"),
    )

    assert "sk-very" not in found.partition("; ")[2]


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("assert 'a' == 'b'\n  \n  - b\n  + a", "assert 'a' == 'b'"),
        (
            "because\nassert False\n +  where False = f('x')",
            "because; assert False; where False = f('x')",
        ),
        ("two\nlines of a helper", "two; lines of a helper"),
        ("", ""),
    ],
)
def test_what_pytest_says_on_one_line(message, expected):
    """Without its diff, which has no room in a sentence."""
    assert expected == headline(message)


# --- what is never evaluated --------------------------------------------------------------


@pytest.mark.parametrize(
    "condition",
    [
        "completion.text.startswith('SELECT') and execute(completion.text) == 'SELECT 1'",
        "completion.text.startswith('SELECT') and all(execute(t) for t in [completion.text])",
        "completion.text.startswith('SELECT') and Row(completion.text).get('x')",
        "completion.text.startswith('SELECT') and row.risky",
        "execute(completion.text) if completion.text.startswith('SELECT') else False",
        "[execute(t) for t in [completion.text] if t.startswith('SELECT')] == ['SELECT 1']",
        "(lambda: completion.text.startswith('SELECT') and execute(completion.text))()",
        "completion.text.startswith('SELECT') and f'{execute(completion.text)}'",
        "completion.text.startswith('SELECT') and -row",
        "completion.text.startswith('SELECT') and Row.get(row, completion.text)",
    ],
)
def test_what_a_test_guards_is_not_run(told, pytester, condition):
    """The candidate's text is never given to what the test itself would not have called."""
    pytester.syspathinsert()  # a worker of pytest-xdist does not look into the working folder
    pytester.makepyfile(
        the_guarded="""
        RUN = []

        def execute(text):
            RUN.append(text)
            return text

        class Row:
            def __init__(self, text="x"):
                self.text = execute(text)

            def get(self, name):
                return execute(self.text)

            def __neg__(self):
                return execute("negated")

            @property
            def risky(self):
                return execute("property")
        """
    )
    told(
        f"""
        from the_guarded import RUN, Row, execute

        row = Row()
        RUN.clear()

        def test_it(completion):
            assert {condition}
        """,
        "SELECT 1",
        "DROP TABLE users",
    )
    ran = sys.modules.pop("the_guarded").RUN

    assert ran
    assert "DROP TABLE users" not in ran
    if "risky" in condition or "-row" in condition:
        assert 2 == len(ran)  # the baseline's own run, and the same again


def test_parts_are_shown_where_the_whole_cannot_be(told):
    """A method of the test's own class has no value; what it was given has."""
    found = told(
        """
        class Book:
            def get(self, text):
                return "17" in text

        book = Book()

        def test_it(completion):
            assert book.get(completion.text) == True
        """
    )

    assert found.endswith(TIMES)


# --- what the sentence says ---------------------------------------------------------------


def test_several_assertions_on_one_line_are_not_told_apart(pytester):
    """Values of the wrong one would mislead."""
    item = pytester.getitem(
        "def test_it(completion):\n    assert completion.text; assert '17' in completion.text\n",
        "test_it",
    )
    item.funcargs = {"completion": None}
    judge = Body(item)
    arms = Completion(text=BASE), Completion(text=CAND)
    outcomes = [judge(arm, None) for arm in arms]

    assert f"assert '17' in '{CAND}'" in outcomes[1].violations[0]
    assert judge.beside(*arms, str) is None


def test_a_condition_that_pytest_shows_in_several_lines_is_shown_as_it_is_written(told):
    """The first of pytest's lines ends within its brackets."""
    found = told(
        "def test_it(completion):\n"
        "    assert completion.finish_reason is None and completion.text == 'good', 'odd'\n",
        "good",
        "bad",
    )

    assert (
        "odd; assert completion.finish_reason is None and completion.text == 'good'; "
        'completion.text is "good" in the baseline, "bad" in the candidate'
    ) == found
