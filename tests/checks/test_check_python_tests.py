import json
import textwrap

import pytest

from pytest_quantguard.checks.python_tests import PythonTests
from pytest_quantguard.contracts import Bound, Fitted
from pytest_quantguard.errors import CheckError, ConfigError
from pytest_quantguard.sandboxes import find
from pytest_quantguard.types import CompletionRequest, GoldenCase, Source


class Services:
    """Lends the best sandbox there is: what is tested here does not depend on which."""

    def judge_model(self, name=None):
        raise ConfigError("no judge")

    def sandbox(self):
        try:
            return find()
        except ConfigError:
            return find("limits")


@pytest.fixture
def run(judge):
    """Judge code: ``run("def f(): ...", cases=[...])``; the code is put into a fence."""

    def outcome(code, *, fence=True, finish_reason=None, **params):
        code = textwrap.dedent(code)
        text = f"Sure!\n```python\n{code}\n```\nDone." if fence else code
        check = PythonTests(**params).bound(Services())
        return judge(check, text, finish_reason=finish_reason)

    return outcome


def case(reference=None):
    return GoldenCase(
        id="case",
        cohort="code",
        request=CompletionRequest(messages=()),
        source=Source(file="golden/a.quant.yaml", line=1),
        reference=reference,
    )


ADD = "def add(a, b): return a + b"
SPEAKS = """import os
for fd in range(3, 20):
    try:
        os.write(fd, b'{}\\n')
    except OSError:
        pass
"""


class TestCalls:
    @pytest.mark.parametrize(
        "expected",
        [
            {"call": "add(1, 2)", "equals": 3},
            {"call": "add(1, 2)", "equals": 3.0},
            {"call": "add('a', 'b')", "equals": "ab"},
            {"call": "add([1], (2,) and [2])", "equals": [1, 2]},
            {"call": "add((1,), (2,))", "equals": [1, 2]},
            {"call": "{'a': add(1, 1), 2: None}", "equals": {"a": 2, "2": None}},
            {"call": "add((1,), (2,))", "literal": "(1, 2)"},
            {"call": "{add(1, 1), 3}", "literal": "{3, 2}"},
            {"call": "{add(1, 1): [(1, 2), {5}]}", "literal": "{2: [(1, 2), {5}]}"},
            {"call": "frozenset({add(1, 1)})", "prints": ""},
            {"call": "add(b'a', b'b')", "literal": "b'ab'"},
            {"call": "add(1j, 1)", "literal": "1+1j"},
            {"call": "add(2**4000, 1)", "literal": str(2**4000 + 1)},
            {"call": "add(2**70, 1)", "equals": 2**70 + 1},
            {"call": "add(0.1, 0.2)", "approx": 0.3},
            {"call": "[add(0.1, 0.2), {'x': 1}]", "approx": [0.3, {"x": 1}]},
            {"call": "add(1, 2)", "approx": 3.4, "tolerance": 0.5},
            {"call": "add(1, None)", "raises": "TypeError"},
            {"call": "add(1, None)", "raises": ["ValueError", "TypeError"]},
            {"call": "add(1, None)", "raises": "Exception"},
            {"call": "print(add(1, 2))", "prints": "3"},
            {"call": "print(add(1, 2)) or 7", "prints": "3", "equals": 7},
            {"setup": "x = [1]\nx.append(add(1, 1))", "call": "[y for y in x]", "equals": [1, 2]},
            {
                "setup": "import asyncio",
                "call": "asyncio.run(asyncio.sleep(0, add(1, 1)))",
                "equals": 2,
            },
        ],
        ids=lambda c: c["call"][:30],
    )
    def test_what_is_expected_holds(self, run, expected):
        """Values, types, numbers up to a tolerance, exceptions and printed text."""
        found = run(ADD, cases=[expected])

        assert found.ok, found.violations
        assert {"code": 1.0, "runs": 1.0, "tests": 1.0} == found.layers

    @pytest.mark.parametrize(
        ("code", "expected", "sentence"),
        [
            (
                "def f(x): return sorted(x)",
                {"call": "f([3, 1, 2])", "equals": [3, 2, 1]},
                "f([3, 1, 2]) gave [1, 2, 3], expected [3, 2, 1]",
            ),
            (
                "def f(): return 88273",
                {"call": "f()", "equals": 88213},
                "f() gave 88273, expected 88213 (digit 4: 1 became 7)",
            ),
            ("def f(): return True", {"call": "f()", "equals": 1}, "f() gave True, expected 1"),
            ("def f(): return '1'", {"call": "f()", "equals": 1}, "f() gave '1', expected 1"),
            ("def f(): pass", {"call": "f()", "equals": 1}, "f() gave None, expected 1"),
            ("def f(): return {1}", {"call": "f()", "equals": [1]}, "f() gave {1}, expected [1]"),
            (
                "def f(): yield 1",
                {"call": "f()", "equals": [1]},
                "f() gave an object of type generator, expected [1]",
            ),
            (
                "def f(): return [1]",
                {"call": "f()", "literal": "(1,)"},
                "f() gave [1], expected (1,)",
            ),
            ("def f(): return 1.0", {"call": "f()", "literal": "1"}, "f() gave 1.0, expected 1"),
            (
                "def f(): return {1: 2}",
                {"call": "f()", "literal": "{1: 3}"},
                "f() gave {1: 2}, expected {1: 3}",
            ),
            (
                "def f(): return 1.01",
                {"call": "f()", "approx": 1},
                "f() gave 1.01, expected 1 up to 1e-06",
            ),
            (
                "def f(): return float('nan')",
                {"call": "f()", "approx": 1},
                "f() gave nan, expected 1 up to 1e-06",
            ),
            (
                "def f(): return 10**5000",
                {"call": "f()", "equals": 1},
                "f() gave a whole number of about 5000 digits, expected 1",
            ),
            (
                "def f(): return '\\ud800\\x1b[31m'",
                {"call": "f()", "equals": ""},
                "f() gave '\\ud800\\x1b[31m', expected ''",
            ),
            (
                "def f(): return [0] * 100 + [1]",
                {"call": "f()", "equals": [0] * 101},
                None,
            ),
            (
                "def f(): return list(range(10**6))",
                {"call": "f()", "equals": 1},
                "f() gave a value that is too large to be looked at, expected 1",
            ),
            (
                "x = []\nx.append(x)\ndef f(): return x",
                {"call": "f()", "equals": []},
                "f() gave a value that is too large to be looked at, expected []",
            ),
            (
                "def f():\n    return 1 // 0",
                {"call": "f()", "equals": 1},
                "f() raised ZeroDivisionError: integer division or modulo by zero "
                "(line 2 of the code), expected 1",
            ),
            (
                "def f(): return 3",
                {"call": "f()", "raises": "ValueError"},
                'f() gave 3, expected "ValueError" to be raised',
            ),
            (
                "def f(): raise KeyError('x')",
                {"call": "f()", "raises": ["ValueError", "TypeError"]},
                "f() raised KeyError: 'x' (line 1 of the code), "
                'expected "ValueError", "TypeError"',
            ),
            (
                "def f(): print('4')",
                {"call": "f()", "prints": "3"},
                'f() printed "4" in line 1, expected "3"',
            ),
            ("def f(): pass", {"call": "f()", "prints": "3"}, 'f() printed nothing, expected "3"'),
            (
                "def f(): raise SystemExit",
                {"call": "f()", "equals": 1},
                "f() raised SystemExit (line 1 of the code), expected 1",
            ),
            (
                "import os\ndef f(): os._exit(3)",
                {"call": "f()", "equals": 1},
                "the code ended its process (exit code 3) in f()",
            ),
            (
                "import os\ndef f(): os.kill(os.getpid(), 11)",
                {"call": "f()", "equals": 1},
                "the code crashed (SIGSEGV) in f()",
            ),
            (
                "def g(): pass",
                {"call": "f()", "raises": "Exception"},
                'the answer defines no f; it defines "g"',
            ),
            (
                "",
                {"call": "f()", "equals": 1},
                "the answer has no code to run: there is nothing between the fences, or nothing "
                "at all",
            ),
            (
                "import os, sys\n_x = 1",
                {"call": "f()", "equals": 1},
                'the answer defines no f; it defines "os", "sys"',
            ),
        ],
        ids=lambda v: str(v)[:30] if isinstance(v, str) else "",
    )
    def test_what_is_wrong_is_said(self, run, code, expected, sentence):
        """The call, what came back and what was expected, in one sentence."""
        found = run(code, cases=[expected])

        assert 0.0 == found.value
        if sentence:
            assert (sentence,) == found.violations
        else:
            (text,) = found.violations
            assert text.endswith("($[100]: expected 0, got 1)")

    def test_an_endless_call_is_ended(self, run, late_from):
        """The others are not run; the time is a parameter."""
        late_from("f(1)")
        found = run(
            "def f(n):\n    while n: pass",
            cases=[{"call": f"f({n})", "equals": None} for n in (0, 1, 2, 3)],
            timeout_s=60,
        )

        assert ("the code was stopped after 60 s, in f(1); 2 further tests were not run",) == (
            found.violations
        )
        assert 0.25 == found.layers["tests"]

    def test_too_much_memory_is_told(self, run):
        """The limit is a parameter."""
        found = run(
            "def f(): return len(bytearray(10**9))",
            cases=[{"call": "f()", "equals": 1}],
            memory_mb=128,
        )

        assert found.violations == ("f() raised MemoryError (line 1 of the code), expected 1",)

    def test_calls_share_what_the_code_made(self, run):
        """The code is loaded once; a setup is of its own call only."""
        code = "seen = []\ndef f(x):\n    seen.append(x)\n    return len(seen)"
        cases = [
            {"setup": "a = 5", "call": "f(a)", "equals": 1},
            {"call": "f(a)", "raises": "NameError"},
            {"call": "f(0)", "equals": 2},
        ]

        found = run(code, cases=cases)

        assert ('the answer defines no a; it defines "seen", "f"',) == found.violations
        assert 2 / 3 == found.layers["tests"]

    def test_what_it_prints_while_it_works_does_not_matter(self, run):
        """Debugging output is no value, and cannot be taken for one."""
        code = """
            print('{"gave": 4}')
            def f():
                print('{"gave": 4}', flush=True)
                import os
                os.write(1, b'{"gave": 4}\\n')
                return 3
            """
        assert run(code, cases=[{"call": "f()", "equals": 3}]).ok

    def test_objects_of_plain_kinds_are_what_they_hold(self, run):
        """A Counter is a map, a namedtuple a tuple, an IntEnum a number."""
        code = """
            from collections import Counter, namedtuple, OrderedDict, defaultdict
            from enum import IntEnum
            P = namedtuple("P", "x y")
            class E(IntEnum):
                A = 3
            def f():
                return [Counter("aab"), P(1, 2), E.A, OrderedDict(a=1), defaultdict(list, b=[])]
            """
        expected = [{"a": 2, "b": 1}, [1, 2], 3, {"a": 1}, {"b": []}]

        assert run(code, cases=[{"call": "f()", "equals": expected}]).ok


class TestPrograms:
    SUM = "n = int(input())\nprint(sum(map(int, input().split())))"

    def test_input_and_output(self, run):
        """The code is a program; spaces at line ends and empty lines at the end do not count."""
        cases = [
            {"stdin": "3\n1 2 3\n", "stdout": "6"},
            {"stdin": "0\n\n", "stdout": "0  \n\n"},
        ]

        assert run(self.SUM, cases=cases).ok

    @pytest.mark.parametrize(
        ("code", "sentence"),
        [
            (
                "print(5)",
                'with the input "3\\n1 2 3\\n" printed "5" in line 1, expected "6"',
            ),
            (
                "print(6)\nprint()\nprint(7)",
                'with the input "3\\n1 2 3\\n" printed 3 lines, expected 1; too much: ""',
            ),
            ("pass", 'with the input "3\\n1 2 3\\n" printed nothing, expected "6"'),
            (
                "print(1 / 0)",
                'the code failed with the input "3\\n1 2 3\\n": line 1: ZeroDivisionError: '
                "division by zero",
            ),
            (
                "import sys\nprint(6)\nsys.exit(2)",
                'the code ended its process (exit code 2) with the input "3\\n1 2 3\\n"',
            ),
            ("print(6", "the code is no Python: line 1: SyntaxError: '(' was never closed"),
            (
                "while True: print('x' * 100_000)",
                'the code was stopped, as it wrote too much, with the input "3\\n1 2 3\\n"',
            ),
        ],
    )
    def test_what_is_wrong_is_said(self, run, code, sentence):
        """The input, the line, and what was expected there."""
        found = run(code, cases=[{"stdin": "3\n1 2 3\n", "stdout": "6\n"}])

        assert (sentence,) == found.violations
        assert float("no Python" not in sentence) == found.layers["code"]

    def test_a_main_guard_is_for_programs(self, run):
        """The guarded part runs as a program, and does not when calls are evaluated."""
        code = "def f(): return 1\nif __name__ == '__main__':\n    print(input())"

        assert run(code, cases=[{"stdin": "x", "stdout": "x"}, {"call": "f()", "equals": 1}]).ok

    def test_one_that_never_ends_is_run_once(self, run, late_from_its_first_word):
        """Time is not spent on the other inputs."""
        cases = [{"stdin": str(n), "stdout": "1"} for n in range(5)]

        code = "print(1, flush=True)\nwhile True: pass"
        found = run(code, cases=cases, timeout_s=60)

        (text,) = found.violations
        assert text.startswith("the code was stopped after 60 s, ")
        assert text.endswith('with the input "0"; 4 further tests were not run')


class TestAsserts:
    CODE = """
        from dataclasses import dataclass

        class Empty(IndexError):
            pass

        class Stack:
            def __init__(self, items=()):
                self.items = list(items)
            def push(self, item):
                self.items.append(item)
                return self
            def pop(self):
                if not self.items:
                    raise Empty("nothing left")
                return self.items.pop()
            def __len__(self):
                return len(self.items)
            def __contains__(self, item):
                return item in self.items
            def __iter__(self):
                return iter(self.items)
            def __getitem__(self, index):
                return self.items[index]

        @dataclass(frozen=True, order=True)
        class Point:
            x: int = 0
            y: int = 0
            def __add__(self, other):
                return Point(self.x + other.x, self.y + other.y)
            def __mul__(self, n):
                return Point(self.x * n, self.y * n)

        class Opened:
            def __enter__(self):
                self.open = True
                return self
            def __exit__(self, kind, error, trace):
                self.open = False
                return kind is not None and issubclass(kind, ValueError)

        def f(x): return x * 2
        def each(g, items): return [g(item) for item in items]
        def count(n):
            for i in range(n):
                yield i
        def sort(items): items.sort()
        def total(items): return sum(items)
        LIMIT = 10
        """

    @pytest.mark.parametrize(
        "tests",
        [
            "assert f(2) == 4",
            "def check(g):\n    assert g(2) == 4\ncheck(f)",
            "for i in range(3):\n    assert f(i) == i + i",
            "def test_a():\n    assert f(1) == 2\ndef test_b():\n    assert f(2) == 4",
            "s = Stack()\ns.push(1).push(2)\nassert s.pop() == 2\n"
            "assert len(s) == 1 and list(s) == [1]",
            "assert Stack([7, 8])[1] == 8",
            "assert Stack([7]).__contains__(7)",
            "assert bool(Stack()) is False",
            "try:\n    Stack().pop()\nexcept Empty as error:\n"
            "    assert str(error) == 'nothing left'\n"
            "else:\n    raise AssertionError",
            "try:\n    Stack().pop()\nexcept IndexError:\n    pass\n"
            "else:\n    assert False, 'no error'",
            "assert Point(1, 2) == Point(1, 2) != Point(2, 1)",
            "assert Point(1, 2) < Point(2, 1)",
            "assert (Point(1, 2) + Point(1, 1)).y == 3",
            "assert Point(1, 2).__mul__(2).x == 2",
            "assert repr(Point(1, 2).x) == '1' and str(Point()) == 'Point(x=0, y=0)'",
            "assert isinstance(Stack(), Stack) and not isinstance(Point(), Stack)",
            "assert each(lambda x: x + 1, [1, 2]) == [2, 3]",
            "assert each(str, [1, 2]) == ['1', '2']",
            "assert each(f, [1, 2]) == [2, 4]",
            "assert list(count(4)) == [0, 1, 2, 3]",
            "it = count(2)\nassert next(it) == 0 and next(it) == 1\ntry:\n    next(it)\n"
            "except StopIteration:\n    pass\nelse:\n    raise AssertionError",
            "items = [3, 1, 2]\nsort(items)\nassert items == [1, 2, 3]",
            "assert total(x for x in [1, 2]) == 3",
            "assert LIMIT == 10",
            "with Opened() as o:\n    assert o.open is True\nassert o.open is False",
            "with Opened():\n    raise ValueError\nassert f(1) == 2",
            "import math\nassert math.isclose(f(0.1), 0.2)",
            "from decimal import Decimal\nassert f(Decimal('1.5')) == Decimal('3.0')",
            "import datetime as d\nassert f(d.timedelta(1)) == d.timedelta(2)",
            "assert f((1, {2}, b'x')) == (1, {2}, b'x', 1, {2}, b'x')",
            "assert {f(1): f('a')} == {2: 'aa'}",
            "seen = []\neach(seen.append, [1, 2])\nassert seen == [1, 2] and f(1)",
            "p = Stack()\np.name = 'n'\nassert p.name == 'n'",
            "class Case:\n    value = 2\nassert f(Case.value) == 4",
            "assert (f(1) if True else 0) == 2, 'with a message'",
            "assert 1 < f(1) < 3",
            "assert f(2) in (3, 4) and f(2) is not None",
        ],
        ids=lambda text: text[:40],
    )
    def test_what_python_can_say_can_be_tested(self, run, tests):
        """Functions, classes, exceptions, generators, callbacks and changed arguments."""
        found = run(self.CODE, tests=tests)

        assert found.ok, found.violations

    @pytest.mark.parametrize(
        ("tests", "sentence"),
        [
            ("assert f(2) == 5", "tests line 1: f(2) gave 4, expected 5"),
            ("\nassert f(2) < 4", "tests line 2: f(2) < 4 does not hold: 4 < 4"),
            ("assert not f(2)", "tests line 1: not f(2) does not hold, it is False"),
            ("assert f(2) is None, 'x'", "tests line 1: f(2) is None does not hold: 4 is None"),
            ("assert f(2) in [1]", "tests line 1: f(2) in [1] does not hold: 4 in [1]"),
            (
                "def check(g):\n    assert g(1) == 3\ncheck(f)",
                "tests line 2: g(1) gave 2, expected 3",
            ),
            ("assert f(None) == 1", None),
            (
                "Stack().pop()\nassert f(1)",
                "tests line 1: raised Empty: nothing left (line 15 of the code)",
            ),
            (
                "assert Point(1, 2) == (1, 2)",
                "tests line 1: Point(1, 2) gave an object of type Point, Point(x=1, y=2), "
                "expected (1, 2)",
            ),
            (
                "assert g(1) == 1",
                'the answer defines no g; it defines "dataclass", "Empty", "Stack", "Point", '
                '"Opened" and 6 more',
            ),
            ("try:\n    g(1)\nexcept Exception:\n    pass\nassert f(1)", None),
            ("assert f(1) == undefined", None),
            ("raise ValueError(f(1))", "tests line 1: raised ValueError: 2"),
        ],
        ids=lambda text: str(text)[:40],
    )
    def test_what_is_wrong_is_said(self, run, tests, sentence):
        """The line of the tests, the expression, what came and what was expected."""
        found = run(self.CODE, tests=tests)

        assert 0.0 == found.value
        if sentence:
            assert (sentence,) == found.violations

    def test_tests_count_one_by_one(self, run):
        """A statement that asserts is a test, and so is a function; a preparation is none."""
        tests = """
x = f(1)
assert x == 2
assert f(2) == 5
for i in (1, 2): assert f(i) > i
def test_a(): assert f(3) == 6
def test_b(): assert f(3) == 7
"""
        found = run(self.CODE, tests=tests, partial=True)

        assert 3 / 5 == found.value == found.layers["tests"]
        assert 2 == len(found.violations)

    def test_a_value_too_large_to_come_over_is_no_error_of_the_code(self, run):
        """A test that waits for an exception does not take one of ours for it."""
        tests = "try:\n    f(1)\nexcept Exception:\n    pass\nelse:\n    assert False"

        (text,) = run("def f(x): return [x] * 10**6", tests=tests).violations

        assert "too large to be looked at" in text

    def test_only_functions_of_the_tests_are_tests(self, run):
        """One of the answer's that is called alike is none; one of a name counts once."""
        tests = "def test_a(): assert f(1) == 1\ndef test_a(): assert f(2) == 2\ntest_f(f)"
        found = run("def f(x): return x\ndef test_f(g): return 1 / (g(1) - 1)", tests=tests)

        assert "ZeroDivisionError" in found.violations[0]
        assert run("def f(x): return x\ndef test_f(g): return g(1)", tests=tests).ok

    def test_an_error_inside_with_reaches_the_code(self, run):
        """Also one of a class that only the tests know."""
        tests = """
class Mine(ValueError):
    pass
with Opened():
    raise Mine("x")
assert f(1) == 2
"""
        assert run(self.CODE, tests=tests).ok

    def test_a_callback_that_is_given_too_much_is_the_codes_failure(self, run):
        """What grew over there is not the tests' fault."""
        found = run("def f(g): return g([0] * 90_000)", tests="assert f(lambda x: x + x) == 1")

        assert "too large" in found.violations[0]

    def test_a_preparation_that_fails_ends_it(self, run):
        """What follows would make no sense."""
        found = run(self.CODE, tests="x = f(None)\nassert x == 1\nassert f(1) == 2", partial=True)

        (text,) = found.violations
        assert 0.0 == found.value
        assert text.startswith("tests line 1: raised TypeError")

    def test_endless_iteration_ends(self, run, late_from):
        """A generator that never stops is ended by the clock, and is the code's failure."""
        late_from('"call"')
        found = run("def f():\n    while True: yield 1", tests="assert sum(f()) == 1", timeout_s=60)

        (text,) = found.violations
        assert "the code was stopped after 60 s" in text

    def test_a_number_that_is_too_large_for_the_tests(self, run, late_from):
        """Tests that go on for ever with what they were given are ended too."""
        tests = "n = f()\nwhile n:\n    n -= 1\nassert n == 0"

        late_from(str(10**18))
        found = run("def f(): return 10**18", tests=tests, timeout_s=60)

        assert found.violations == (
            "the process of the tests was stopped after 65 s, with what the code gave them",
        )

    def test_a_crash_is_told_with_the_line(self, run):
        """The rest is not run."""
        found = run(
            "import os\ndef f(x): return os._exit(9) if x else 0",
            tests="assert f(0) == 0\nassert f(1) == 0\nassert f(0) == 0",
        )

        assert ("the code ended its process (exit code 9) in tests line 2",) == found.violations
        assert 1 / 3 == found.layers["tests"]

    @pytest.mark.parametrize(
        ("tests", "part"),
        [
            (
                "import pathlib\nassert f(pathlib.Path())",
                "plain values and functions to the answer, not a PosixPath",
            ),
            ("assert f([0] * 10**6)", "too large"),
        ],
    )
    def test_what_tests_cannot_do_is_the_checks_error(self, run, tests, part):
        """It is never the model's failure."""
        with pytest.raises(CheckError, match=part):
            run("def f(x): return x", tests=tests)


class TestForging:
    """Nothing but right values passes, whatever the code does."""

    EVIL = """
        class Yes:
            def __eq__(self, other): return True
            def __ne__(self, other): return False
            def __bool__(self): return True
            def __abs__(self): return 0
            def __hash__(self): return 7
            __lt__ = __le__ = __gt__ = __ge__ = __contains__ = __eq__
            def __sub__(self, other): return 0
            __rsub__ = __add__ = __radd__ = __sub__
            def __iter__(self): return iter([])
            def __len__(self): return 0
        class Int(int):
            __eq__ = Yes.__eq__
            __hash__ = int.__hash__
            __sub__ = __rsub__ = Yes.__sub__
            __lt__ = __gt__ = Yes.__eq__
        class List(list):
            __eq__ = __contains__ = Yes.__eq__
        """

    @pytest.mark.parametrize("value", ["Yes()", "Int(3)", "List()", "[Yes()]", "(Yes(),)"])
    @pytest.mark.parametrize(
        "test",
        [
            "assert f() == 7",
            "assert 7 == f()",
            "assert f() in (7, 8)",
            "assert 7 in f()",
            "assert abs(f() - 7) < 0.1",
            "assert abs(7 - f()) < 0.1",
            "assert f() > 7",
            "assert not f() != 7",
            "assert {f()} == {7}",
            "assert [f()] == [7]",
        ],
    )
    def test_objects_that_say_yes_to_all(self, run, value, test):
        """Operators of the answer's classes have no say about plain values."""
        assert not run(f"{textwrap.dedent(self.EVIL)}\ndef f(): return {value}", tests=test).ok

    @pytest.mark.parametrize("value", ["Yes()", "Int(3)", "List()", "[Yes()]", "{Yes(): Yes()}"])
    def test_they_do_not_help_against_cases(self, run, value):
        """Values are compared outside, as plain data."""
        cases = [
            {"call": "f()", "equals": 7},
            {"call": "f()", "literal": "{7}"},
            {"call": "f()", "approx": [7]},
        ]
        found = run(
            f"{textwrap.dedent(self.EVIL)}\ndef f(): return {value}", cases=cases, partial=True
        )

        assert 0.0 == found.value

    @pytest.mark.parametrize(
        "code",
        [
            "import builtins\nbuiltins.all = builtins.sorted = lambda *a, **k: True\n"
            "builtins.len = lambda x: 7\nbuiltins.abs = lambda x: 0",
            "import json\njson.dumps = lambda *a, **k: '{\"gave\": 7}'",
            "import sys\nfor m in list(sys.modules.values()):\n"
            "    for n in ('described', 'Peer'):\n        hasattr(m, n) and delattr(m, n)",
            SPEAKS.format('{"gave": 7}'),
            SPEAKS.format('{"done": [], "passed": 9}'),
            SPEAKS.format('{"ask": {"do": "get"}}'),
            "import os\nos.write(1, b'passed'); os._exit(0)",
            "import gc, sys\nfor o in gc.get_objects():\n    if type(o).__name__ == 'AnswerPeer':\n"
            "        o.encode = lambda v: True",
            "import sys\nsys.exit(0)",
            "raise SystemExit(0)",
            "import threading, os\n"
            "say = lambda: [os.write(f, b'{\"gave\": true}\\n') for f in (3, 4)]\n"
            "threading.Thread(target=say).start()",
        ],
        ids=lambda code: code[:40],
    )
    def test_taking_over_the_process_does_not_help(self, run, code):
        """Whatever is written where, the expected value is not known there."""
        code = f"def f(): return 8\n{code}"

        assert not run(code, tests="x = f()\nassert x == 9\nassert abs(x - 9) < 0.5").ok
        assert not run(code, cases=[{"call": "f()", "equals": 9}, {"call": "f()", "equals": 9}]).ok

    def test_names_that_nobody_asked_for_do_not_reach_the_tests(self, run):
        """A false `abs` stays where it was made."""
        code = "def abs(x): return 0\ndef f(): return 8"

        assert not run(code, tests="assert abs(f() - 7) < 0.1").ok

    def test_expected_values_are_not_in_the_process(self, run):
        """A search through everything that is reachable finds the call, and not the answer."""
        code = """
            import gc
            def f():
                wanted = "".join(reversed("2951413"))
                return any(wanted in repr(o) for o in gc.get_objects() if type(o) is not type)
            """
        assert run(code, cases=[{"call": "f() or 3141592", "equals": True}]).ok
        cases = [{"call": "f()", "equals": 3141592}, {"call": "f()", "literal": "(3141592,)"}]
        assert ("f() gave False, expected 3141592", "f() gave False, expected (3141592,)") == (
            run(code, cases=cases).violations
        )
        assert run(code, tests="assert f() == 3141592 or f() is False").ok

    def test_the_tests_cannot_be_asked_for_anything(self, run):
        """The code may call a function that it was given, and nothing else."""
        code = """
            import sys
            def f(g):
                peer = g._peer
                try:
                    return peer.ask(do="attr", of=g._number, name="__globals__")
                except RuntimeError as error:
                    return str(error)
            """
        found = run(code, tests="assert f(lambda: 1) == 'tests are called, and nothing else'")

        assert found.ok, found.violations


class TestAnswers:
    CASES = ({"call": "f()", "equals": 1},)

    @pytest.mark.parametrize(
        ("text", "which", "ok"),
        [
            ("def f(): return 1", "first", True),
            ("```python\ndef f(): return 1\n```", "first", True),
            ("```\ndef f(): return 1\n```", "first", True),
            ("```bash\npip install x\n```\n```py\ndef f(): return 1\n```", "first", True),
            ("```python\ndef f(): return 1\n```\n```python\nprint(f())\n1/0\n```", "first", True),
            ("```python\ndef f(): return 1\n```\n```python\n1/0\n```", "all", False),
            ("```python\ndef g(): return 1\n```\n```python\nf = g\n```", "all", True),
            ("```python\ndef f(): return 1\n```", "whole", False),
            ("```python\ndef f(): return 1", "first", True),
            ("~~~python\ndef f():\n    return 1\n~~~", "first", True),
            ("1. This:\n   ```python\n   def f():\n       return 1\n   ```", "first", True),
        ],
    )
    def test_the_code_is_found(self, run, text, which, ok):
        """Fences, other languages, prose, lists, and an answer that was cut off."""
        assert ok == run(text, fence=False, cases=list(self.CASES), answer=which).ok

    @pytest.mark.parametrize(
        ("text", "sentence"),
        [
            (
                "```sh\nls\n```",
                "the answer has no code to run: no code block is Python; "
                'the first one is marked "sh"',
            ),
            ("I cannot help.", 'the code is no Python: line 1: invalid syntax: "I cannot help."'),
            (
                "x" * 1_000_001,
                "the answer has no code to run: 1000001 characters; at most 1000000 are run",
            ),
            (
                "```python\n```",
                "the answer has no code to run: there is nothing between the fences, or nothing "
                "at all",
            ),
        ],
        ids=["shell", "prose", "huge", "empty"],
    )
    def test_no_code_is_said(self, run, text, sentence):
        """All layers are lost."""
        found = run(text, fence=False, cases=list(self.CASES))

        assert (sentence,) == found.violations
        assert {"code": 0.0, "runs": 0.0, "tests": 0.0} == found.layers

    def test_an_answer_that_was_cut_off_says_so(self, run):
        """The usual reason for half a function."""
        found = run(
            "```python\ndef f():\n    return (1,",
            fence=False,
            finish_reason="length",
            cases=list(self.CASES),
        )

        (text,) = found.violations
        assert text.endswith("(finish_reason is length)")

    def test_the_layers_tell_code_loading_and_tests_apart(self, run):
        """Each is lost by itself."""
        layers = [
            dict(run(code, cases=list(self.CASES)).layers)
            for code in ("def f(:", "1/0", "def f(): return 2", "def f(): return 1")
        ]

        assert layers == [
            {"code": 0.0, "runs": 0.0, "tests": 0.0},
            {"code": 1.0, "runs": 0.0, "tests": 0.0},
            {"code": 1.0, "runs": 1.0, "tests": 0.0},
            {"code": 1.0, "runs": 1.0, "tests": 1.0},
        ]

    def test_five_sentences_at_most(self, run):
        """The others are counted."""
        cases = [{"call": f"f({n})", "equals": n} for n in range(9)]

        found = run("def f(n): return -1", cases=cases)

        assert 6 == len(found.violations)
        assert "there are more differences" == found.violations[-1]


class TestHostile:
    @pytest.mark.parametrize(
        "text",
        [
            "```python\n" + "(" * 100_000,
            "```python\n" + "[" * 100_000 + "]" * 100_000,
            "```python\nx = " + "-" * 100_000 + "1",
            "```python\nx = " + "1+" * 100_000 + "1",
            "```python\n" + "a" * 900_000,
            "```\n" * 100_000,
            "x" * 10_000_000,
            "\x00",
            "```python\nx = '\ud800'\n```",
            "```python\n\x1b[31m\n```",
            "```python\nraise Exception('\\x1b[31m' + '\\ud800' * 10_000)\n```",
            "```python\nclass E(Exception):\n    def __str__(self): raise self\nraise E\n```",
            "```python\nimport sys\nsys.setrecursionlimit(10**9)\ndef f(): f()\nf()\n```",
            "```python\nraise type('\\x1b' * 1000, (Exception,), {})\n```",
        ],
        ids=lambda text: f"{text[:24]!a}-{len(text)}",
    )
    def test_text_is_a_violation_in_short_sentences(self, judge, text):
        """Hostile code never crashes the check nor reaches a sentence raw."""
        check = PythonTests(cases=[{"call": "g()", "equals": 1}], timeout_s=6).bound(Services())

        violations = judge(check, text).violations

        assert violations
        assert all(len(violation) <= 400 for violation in violations)
        assert "\x1b" not in "".join(violations)
        "".join(violations).encode("utf-8")

    @pytest.mark.parametrize(
        "value",
        [
            "'\\x1b[31m::error::' * 10_000",
            "{'\\ud800' * 100: float('inf')}",
            "type('\\x1b' * 500, (), {})()",
            "[[[[[[[[[[[[]]]]]]]]]]]] * 1000",
            "10**100_000",
            "__import__('decimal').Decimal('1e999999')",
            "b'\\xff' * 100_000",
        ],
    )
    def test_values_are_short_sentences(self, run, value):
        """What the code gives back is as hostile as its text."""
        code = f"def f(): return {value}"

        for params in (
            {"cases": [{"call": "f()", "equals": 1}]},
            {"cases": [{"call": "f()", "literal": "{1}"}]},
            {"tests": "assert f() == 1"},
        ):
            (text,) = run(code, **params).violations
            assert len(text) <= 400
            assert "\x1b" not in text
            assert "::error::" not in text[:2]
            text.encode("utf-8")

    def test_numbers_that_collide_cost_nothing(self, run, bounded):
        """No map of ours is filled with keys that the code chose."""
        code = "def f(): return {i * (2**61 - 1): 0 for i in range(6_000)}"

        with bounded():
            found = run(code, cases=[{"call": "f()", "literal": "{1: 2}"}], timeout_s=60)

        assert 1 == len(found.violations)


class TestParameters:
    @pytest.mark.parametrize(
        ("params", "part"),
        [
            ({}, "give `tests` or `cases`"),
            ({"tests": ""}, "`tests` is empty"),
            ({"tests": 7}, "`tests` has to be a text"),
            ({"tests": "assert f(:"}, "`tests` is no Python: line 1"),
            ({"tests": "x = f()"}, "`tests` has no assert that is run"),
            ({"tests": "def check(g):\n    assert g(1)"}, "`tests` has no assert that is run"),
            (
                {"tests": "class T:\n    def test_a(self):\n        assert f()"},
                "has no assert that is run",
            ),
            ({"tests": "assert 1 == 1"}, "`tests` uses nothing that the answer defines"),
            ({"tests": "assert sorted([1]) == [1]"}, "uses nothing that the answer defines"),
            (
                {"tests": "import pytest\nassert f()"},
                "imports 'pytest'; only Python's standard library",
            ),
            ({"tests": "from math import *\nassert f()"}, "imports 'math.*'"),
            ({"tests": "from . import x\nassert f()"}, "imports '.'"),
            ({"tests": "async def test_a():\n    assert f()"}, "test_a is asynchronous"),
            ({"tests": "def test_a(x):\n    assert f(x)"}, "test_a takes arguments"),
            ({"tests": "return f()\nassert f()"}, "`tests` is no Python"),
            ({"tests": "x" * 100_001}, "at most 100000 are read"),
            ({"tests": "(" * 1000}, "`tests` is no Python"),
            ({"cases": []}, "`cases` has to be a list of cases"),
            ({"cases": "f()"}, "`cases` has to be a list of cases"),
            ({"cases": ["f()"]}, "`cases[0]` has to be a map"),
            ({"cases": [{}]}, "`cases[0]` needs either a call or a stdin"),
            (
                {"cases": [{"call": "f()", "stdin": ""}]},
                "`cases[0]` needs either a call or a stdin",
            ),
            (
                {"cases": [{"call": "f()"}]},
                "needs one of equals, literal, approx, raises, or prints",
            ),
            ({"cases": [{"call": "f()", "equals": 1, "approx": 1}]}, "needs one of"),
            (
                {"cases": [{"call": "f()", "equal": 1}]},
                "unknown key 'equal'; did you mean 'equals'?",
            ),
            ({"cases": [{"call": "f(", "equals": 1}]}, "`cases[0].call` is no Python"),
            ({"cases": [{"call": "x = f()", "equals": 1}]}, "`cases[0].call` is no Python"),
            ({"cases": [{"call": "", "equals": 1}]}, "`cases[0].call` is empty"),
            ({"cases": [{"call": "len([])", "equals": 0}]}, "uses nothing that the answer defines"),
            ({"cases": [{"call": "x", "setup": "x = 1", "equals": 1}]}, "uses nothing that"),
            (
                {"cases": [{"call": "f()", "setup": "x =", "equals": 1}]},
                "`cases[0].setup` is no Python",
            ),
            (
                {"cases": [{"call": "f()", "literal": "f()"}]},
                "`cases[0].literal` has to be a value",
            ),
            ({"cases": [{"call": "f()", "literal": 3}]}, "`cases[0].literal` has to be a text"),
            ({"cases": [{"call": "f()", "raises": "a b"}]}, "has to name exceptions, got 'a b'"),
            (
                {"cases": [{"call": "f()", "equals": 1, "tolerance": 1}]},
                "a tolerance goes with approx",
            ),
            (
                {"cases": [{"call": "f()", "approx": 1, "tolerance": 0}]},
                "`cases[0].tolerance` has to be",
            ),
            ({"cases": [{"call": "f()", "prints": 1}]}, "`cases[0].prints` has to be a text"),
            (
                {"cases": [{"call": "f()", "equals": 1, "stdout": "x"}]},
                "for a call it is called prints",
            ),
            ({"cases": [{"stdin": "x"}]}, "a stdin goes with a stdout"),
            ({"cases": [{"stdin": 1, "stdout": "x"}]}, "`cases[0].stdin` has to be a text"),
            ({"tests": "assert f()", "answer": "last"}, "`answer` cannot be 'last'"),
            ({"tests": "assert f()", "partial": 1}, "`partial` has to be true or false"),
            ({"tests": "assert f()", "timeout_s": 0}, "`timeout_s` has to be a number above 0"),
            ({"tests": "assert f()", "timeout_s": None}, "cannot be null"),
            (
                {"tests": "assert f()", "memory_mb": 10},
                "`memory_mb` has to be a whole number of at least 64",
            ),
        ],
        ids=lambda v: str(v)[:50],
    )
    def test_nonsense_is_refused(self, params, part):
        """Tests that make no sense, or that nothing could fail, are mistakes of the file."""
        with pytest.raises(ValueError) as caught:  # noqa: PT011 - the text is looked at
            PythonTests(**params)

        assert part in str(caught.value)
        assert len(str(caught.value)) <= 300

    @pytest.mark.parametrize(
        ("reference", "part"),
        [
            (None, ""),
            ("```python\ndef f(): return 1\n```", ""),
            ("```python\ndef f(:\n```", "reference is no Python: line 1"),
            ("```js\nf\n```", "reference cannot pass: no code block is Python"),
            ("\0", "reference is no Python"),
        ],
    )
    def test_a_reference_that_is_no_code_is_a_misfit(self, reference, part):
        """It is looked at while golden files are read, and never run there."""
        check = PythonTests(tests="assert f() == 1")
        found = check.misfit(case(reference))

        assert isinstance(check, Fitted)
        assert part in found
        assert bool(part) == bool(found)

    def test_without_a_sandbox_nothing_runs(self, judge):
        """A check that was not given one is an error; binding gives another check."""
        check = PythonTests(tests="assert f() == 1")

        assert isinstance(check, Bound)
        assert check.bound(Services()) == check
        with pytest.raises(CheckError, match="has no sandbox"):
            judge(check, "def f(): return 1")

    def test_a_sandbox_that_breaks_is_no_failure_of_the_model(self, judge):
        """The error goes through."""

        class Broken(Services):
            def sandbox(self):
                return self

            def open(self, program, **options):
                raise CheckError("the sandbox broke")

        with pytest.raises(CheckError, match="the sandbox broke"):
            judge(PythonTests(tests="assert f()").bound(Broken()), "def f(): return 1")


def test_answers_are_judged_the_same_way_each_time(run):
    """Sets have one order, and no address gets into a sentence."""
    code = "def f(): return [str(x) for x in {'a', 'b', 'c', 'd'}] + [repr(object())[:10]]"

    found = [run(code, cases=[{"call": "f()", "equals": []}]) for _ in range(3)]

    assert found[0] == found[1] == found[2]
    assert json.dumps(found[0].violations)
