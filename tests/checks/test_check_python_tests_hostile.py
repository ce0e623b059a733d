"""What an answer sends instead of values is its failure, and what it does well is none."""

import json
import random
import textwrap

import pytest

from pytest_quantguard.checks import _running
from pytest_quantguard.checks._python_cases import cases
from pytest_quantguard.checks.python_tests import PythonTests
from pytest_quantguard.contracts import Services
from pytest_quantguard.errors import CheckError, ConfigError
from pytest_quantguard.sandboxes import find

SENDS = """
import os, sys
frame = sys._getframe()
while type(frame.f_locals.get("peer")).__name__ != "AnswerPeer":
    frame = frame.f_back
peer = frame.f_locals["peer"]
peer.send({"gave": None})
while peer.receive():
    peer._out.write(%r + "\\n")
    peer._out.flush()
"""

ERRORS = """
from dataclasses import dataclass
class Base(Exception): pass
class Low(Base):
    def __init__(self, amount):
        super().__init__(f"low {amount}", amount)
        self.amount = amount
    def doubled(self): return self.amount * 2
    def __str__(self): return "too low"
class Other(Exception): pass
@dataclass(frozen=True)
class Point:
    x: int
    def __hash__(self): return hash(self.x)
    def __add__(self, other): return Point(self.x + other.x)
    def __divmod__(self, other): return (self.x, other.x)
def f(): raise Low(5)
def k(): return {}["x"]
def caused():
    try: k()
    except KeyError as error: raise Low(1) from error
def parsed(): import json; return json.loads("{")
def catches(g):
    try: g()
    except Low as error: return error.amount
def same(xs): return xs
def fill(xs=None):
    xs.append(1)
def held():
    from collections import Counter, defaultdict, namedtuple
    return [Counter("aab"), defaultdict(list), namedtuple("P", "a b")(1, 2)]
"""


class Lends(Services):
    def judge_model(self, name=None):
        raise ConfigError("no judge")

    def sandbox(self):
        try:
            return find()
        except ConfigError:
            return find("limits")


@pytest.fixture
def run(judge):
    """Judge code, inside a fence unless it is said to be an answer as it is."""

    def outcome(code, *, fence=True, **params):
        code = textwrap.dedent(code)
        text = f"```python\n{code}\n```" if fence else code
        return judge(PythonTests(**params).bound(Lends()), text)

    return outcome


class TestForgedReplies:
    @pytest.mark.parametrize(
        "reply",
        [
            '{"gave": {"t": []}}',
            '{"gave": {"t": "tuple"}}',
            '{"gave": {"t": "dict", "v": [[]]}}',
            '{"gave": {"t": "dict", "v": ["a"]}}',
            '{"raised": null}',
            '{"raised": {"mro": [[]], "line": ' + "9" * 4_200 + "}}",
            '{"missing": {"a": 1}, "known": [[1]]}',
            '{"gave": ' + "[" * 900 + "]" * 900 + "}",
            '{"gone": true}',
            "hello",
        ],
        ids=lambda text: text[:35],
    )
    @pytest.mark.parametrize("expected", ["(1, 2)", "{'a': 1}", "[1]"])
    def test_calls(self, run, reply, expected):
        """No reply ends the run; each is a failure in a short sentence."""
        found = run(SENDS % reply, cases=[{"call": "f()", "literal": expected}])

        assert (0.0, 1) == (found.value, len(found.violations))
        assert len(found.violations[0]) < 300

    @pytest.mark.parametrize(
        "reply",
        [
            '{"gone": true}',
            '{"gone": true, "gave": 1}',
            '{"done": [], "passed": 1}',
            '{"raised": {}}',
            '{"raised": {"class": [], "args": []}}',
            '{"gave": {"f": {"t": "object", "v": 0, "type": "f"}}}',
            '{"gave": {"f": {"t": "object", "v": 0, "type": "f", "classes": [{}]}}}',
            '{"gave": {"f": {"t": "object", "v": [], "type": "f"}}, "changed": [[0, 1]]}',
            '{"gave": 2, "changed": {"0": []}}',
            '{"ask": 5}',
            '{"missing": [], "known": 5}',
            "5",
            "[" * 5_000,
        ],
        ids=lambda text: text[:35],
    )
    def test_asserts(self, run, late_from, reply):
        """Also where the reply goes on to the process of the tests."""
        late_from('"get"')
        found = run(SENDS % reply, tests="assert f(1) == 2", timeout_s=60)

        assert (0.0, 1) == (found.value, len(found.violations))

    def test_any_shape_at_all(self):
        """Values put together at random are compared with whatever is expected."""
        literals = ["(1, 2)", "{1, 2}", "{'a': 1}", "b'a'", "1j", "[(1,), {'a': {2}}]", "1"]
        expected = [{"equals": one} for one in (1, [1, 2], {"a": 1}, "x", None, True, 2**70)]
        expected += [{"literal": one} for one in literals]
        expected += [{"approx": [1.0, {"a": 2}]}, {"raises": "ValueError"}, {"prints": "x"}]
        tests = cases("cases", [{"call": "f()", **one} for one in expected])
        draw = random.Random(1)

        for _ in range(10_000):
            told = {draw.choice(("gave", "gave", "raised")): value(draw, 4)}
            told |= {"printed": value(draw, 2)} if draw.random() < 0.1 else {}
            told = json.loads(json.dumps(told))
            assert isinstance(_running._judged(draw.choice(tests), told), str)

    def test_a_size_that_comes_from_the_code_is_the_codes_failure(self, run):
        """The tests hand back twice what they were given."""
        code = "def f(x): return [0] * 60_000 if x == 2 else 2"

        found = run(code, tests="assert f(1) == 2\nassert f([f(2), f(2)]) == 2", partial=True)

        sentence = "tests line 2: a value that the tests give to the answer is too large"
        assert (0.5, (sentence,)) == (found.value, found.violations)

    def test_a_class_that_is_equal_to_everything(self, run):
        """A class of Python's own is used over there, where nobody believes it."""
        code = "from unittest import mock\nf = type(mock.ANY)"

        assert not run(code, tests="from unittest import mock\nassert f() == 2").ok

    def test_a_size_that_comes_from_the_tests_is_their_mistake(self, run):
        """Nothing was given yet."""
        with pytest.raises(CheckError, match="too large"):
            run("def f(x): return 1", tests="assert f([0] * 200_000) == 1")


KINDS = ["tuple", "set", "frozenset", "dict", "int", "float", "bytes", "complex", "object", "huge"]
PLAIN = [None, True, 1, 1.5, "a", "0x10", "nan", float("nan"), -1, [], {}, "61", "-0x", "1j"]


def value(draw, depth):
    kind = draw.randrange(12)
    if depth <= 0 or kind < 4:
        return draw.choice(PLAIN)
    if kind < 7:
        return [value(draw, depth - 1) for _ in range(draw.randrange(3))]
    parts = {"t": draw.choice([*KINDS, "Decimal", [], {}, None, 5]), "v": value(draw, depth - 1)}
    parts |= {"data": value(draw, depth - 1), "type": value(draw, 1)}
    return {key: one for key, one in parts.items() if draw.random() < 0.7}


class TestErrors:
    @pytest.mark.parametrize(
        "statement",
        [
            "try: f()\nexcept Base: pass\nelse: assert False",
            "try: f()\nexcept Low as e: assert (e.amount, e.doubled()) == (5, 10)",
            "try: f()\nexcept Low as e: assert str(e) == 'too low'",
            "try: f()\nexcept Low as e: assert e.args == ('low 5', 5)",
            "try: k()\nexcept KeyError as e: assert (e.args, str(e)) == (('x',), \"'x'\")",
            "try: caused()\nexcept Low as e: assert type(e.__cause__) is KeyError",
            "import json\ntry: parsed()\nexcept json.JSONDecodeError as e: assert e.pos == 1",
            "from dataclasses import FrozenInstanceError\n"
            "try: Point(1).x = 2\nexcept FrozenInstanceError: pass\nelse: assert False",
            "assert Low(3).amount == 3",
            "assert issubclass(Low, Base) and isinstance(Low(3), Base)",
            "def g(): raise Low(7)\nassert catches(g) == 7",
            "class Own(Exception): pass\ndef g(): raise Own(1)\n"
            "try: catches(g)\nexcept Own as e: assert e.args == (1,)",
            "assert str(same(ValueError('x'))) == 'x' and type(same(Low(1))) is Low",
            "assert Low.__name__ == 'Low'",
        ],
    )
    def test_classes_and_what_they_hold_are_real(self, run, statement):
        """A base catches what is derived from it; attributes, arguments and causes are there."""
        lines = textwrap.indent(statement, "    ")
        found = run(ERRORS, tests=f"def test_it():\n{lines}\n    assert same(1) == 1")

        assert found.ok, found.violations

    def test_another_class_is_not_caught(self, run):
        """A class of the answer is no other of its classes."""
        found = run(ERRORS, tests="try: f()\nexcept Other: pass\nassert same(1) == 1")

        assert "raised Low: too low" in found.violations[0]


class TestObjects:
    @pytest.mark.parametrize(
        "statement",
        [
            "xs = []\nfill(xs=xs)\nassert xs == [1]",
            "xs = [1]\nsame(xs).append(2)\nassert xs == [1, 2]",
            "assert repr(Point(1)) == f'{Point(1)!r}' == 'Point(x=1)'",
            "assert len({Point(1), Point(1)}) == 1 and Point(1) in {Point(1)}",
            "p = Point(1)\np += Point(2)\nassert p.x == 3",
            "assert divmod(Point(1), Point(2)) == (1, 2)",
            "assert type(Point(1)) is Point and type(same(1)) is int and type(Point(1)) != Low",
            "c, d, n = held()\nassert isinstance(c, dict) and isinstance(d, dict)\n"
            "assert isinstance(n, tuple) and not isinstance(n, list)",
            "from collections import Counter\nassert isinstance(held()[0], Counter)",
            "assert same(1) is not None",
        ],
    )
    def test_more_works_from_afar(self, run, statement):
        """What a test may reasonably ask of an object."""
        found = run(ERRORS, tests=statement)

        assert found.ok, found.violations

    def test_a_copy_that_should_have_been_made(self, run):
        """A function that returns its argument itself is told from one that copies it."""
        tests = "xs = [1]\nsame(xs).append(2)\nassert xs == [1]"

        assert run(ERRORS, tests=tests).violations == (
            "tests line 3: xs gave [1, 2], expected [1]",
        )
        assert run("def same(xs): return list(xs)", tests=tests).ok

    @pytest.mark.parametrize(
        "test", ["f(x) is x", "x is not f(x)", "1 < f(x) is x", "id(f(x)) == 1"]
    )
    def test_identity_is_refused_at_load(self, test):
        """Values are copied: the answer would pass whatever it does."""
        with pytest.raises(ValueError, match=r"line 2 uses .* values are copied"):
            PythonTests(tests=f"x = [1]\nassert {test}")

    def test_a_refused_operator_is_no_type_error(self, run):
        """A test that wants a TypeError does not pass as nothing was asked."""
        tests = "try:\n    Point(1) + 2\nexcept TypeError:\n    pass\nelse:\n    assert False"

        found = run(ERRORS, tests=tests)

        assert "tests line 2: `tests` cannot use add between an object" in found.violations[0]

    def test_keys_of_any_kind(self, run):
        """A whole number is a key in YAML too."""
        expected = {"call": "f()", "equals": {1: {2: 3}}}

        assert run("def f(): return {1: {2: 3}}", cases=[expected]).ok

    def test_a_derived_class_is_named(self, run):
        """A namedtuple is no tuple for `literal`, and the sentence says so."""
        code = "from collections import namedtuple\ndef f(): return namedtuple('P', 'a b')(1, 2)"

        found = run(code, cases=[{"call": "f()", "literal": "(1, 2)"}])

        assert found.violations == ("f() gave P(1, 2), expected (1, 2)",)


class TestSurroundings:
    def test_who_was_too_slow(self, run, late_from):
        """The code, and not the tests that wait for it."""
        late_from('"call"')
        found = run("def f():\n    while True: pass", tests="assert f() == 1", timeout_s=60)

        assert found.violations == ("the code was stopped after 60 s, in tests line 1",)

    @pytest.mark.parametrize(
        "code",
        [
            "import sys\nwrite = sys.stdout.write\ndef f(): write('1')",
            "import sys\ndef f(out=sys.stdout): print(1, file=out)",
            "import sys\ndef f(): sys.stdout.buffer.write(b'1')",
            "import os\nhere = os.path.dirname(os.path.abspath(__file__))\ndef f(): print(1)",
        ],
    )
    def test_printing_in_every_way(self, run, code):
        """What was bound while the code was loaded prints too; there is a file name."""
        expected = {"call": "f()", "prints": "1"}

        found = run(code, cases=[expected, expected])

        assert found.ok, found.violations

    @pytest.mark.parametrize(
        "text",
        [
            "```python\nf(1)\n```\nwith\n```python\ndef f(x): return x\n```",
            "```Python3.11\ndef f(x): return x\n```",
            '```py\ndef f(x):\n  """D.\n  ```py\n  f(1)\n  ```\n  """\n  return x\n```',
        ],
    )
    def test_the_code_is_found(self, run, text):
        """Behind its usage, under a version, around a block in a docstring."""
        assert run(text, fence=False, cases=[{"call": "f(1)", "equals": 1}]).ok
