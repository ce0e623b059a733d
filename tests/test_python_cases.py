"""``quant_case`` functions: what their markers say, and what is wrong with them."""

from __future__ import annotations

import sys

import pytest

import pytest_quantguard
from gate_project import GateProject, quantized, speaks
from pytest_quantguard._items import CASE
from pytest_quantguard._registry import Registry
from pytest_quantguard._survey import census
from pytest_quantguard.functions.cases import function_cases
from scripted_server import ScriptedServer

IMPORTS = "import pytest\nfrom pytest_quantguard import quant_case\n\n"
USAGE = 4


@pytest.fixture
def collect(pytester):
    """Return what becomes of a module: its cases by name, and what is wrong with it."""

    def collected(text, request=None):
        items = pytester.getitems(IMPORTS + text)
        wrong = function_cases(items, request or {}, Registry())
        return {item.name: item.stash[CASE] for item in items if CASE in item.stash}, wrong

    return collected


@pytest.fixture
def wrong(collect):
    """Return the problems of a module that has some."""

    def problems(text):
        cases, found = collect(text)
        assert found
        assert not cases
        return "\n".join(found)

    return problems


@pytest.fixture
def worse(tmp_path):
    """A project whose candidate is wrong on every third case."""
    with ScriptedServer(default=speaks(quantized)) as server:
        project = GateProject(tmp_path, server)
        (tmp_path / "golden" / "faq.quant.yaml").unlink()
        project.config(server.url, budgets=[{"max_drop": "50 pt"}])
        yield project


def test_every_public_name_can_be_had():
    """For annotations: ``def test_it(quant_model: QuantModel)``."""
    for name in pytest_quantguard.__all__:
        assert name == getattr(pytest_quantguard, name).__name__


# --- what is said where -------------------------------------------------------------------


def test_a_method_takes_what_its_class_and_module_say(collect):
    """The innermost counts; lists are joined, maps are laid over each other."""
    cases, problems = collect("""
pytestmark = quant_case(cohort="module", tags=["m"], request={"seed": 1, "max_tokens": 9})

@quant_case(cohort="shop", system="Be brief.", request={"max_tokens": 20}, tags=["c"])
class TestShop:
    @quant_case(prompt="Hello?", expect=["json"], tags=["f"], weight=2)
    def test_a(self, completion):
        assert completion.text

    @quant_case(cohort="own", prompt="Bye?", system="Be long.", critical=True)
    def test_b(self, completion):
        assert completion.text
""")
    a, b = cases["test_a"], cases["test_b"]

    assert [] == problems
    assert ("shop", ("m", "c", "f"), 2.0) == (a.cohort, a.tags, a.weight)
    assert {"temperature": 0, "seed": 1, "max_tokens": 20} == a.request.params
    assert ["Be brief.", "Hello?"] == [m["content"] for m in a.request.messages]
    assert ["python", "json"] == [check.key for check in a.checks]
    assert ("own", True, ("m", "c")) == (b.cohort, b.critical, b.tags)
    assert "Be long." == b.request.messages[0]["content"]


def test_a_subclass_wins_over_its_base_and_a_parameter_set_over_the_decorator(collect):
    """Which is not the order in which pytest stores them."""
    cases, problems = collect("""
@quant_case(cohort="base", system="base", weight=5)
class Base:
    @pytest.mark.parametrize(
        "name", ["a", pytest.param("b", marks=quant_case(critical=True, weight=3, tags=["hard"]))]
    )
    @quant_case(prompt="Hi {{name}}", weight=2)
    def test_it(self, completion, name):
        assert completion.text

@quant_case(cohort="sub")
class TestSub(Base):
    pass
""")
    a, b = cases["test_it[a]"], cases["test_it[b]"]

    assert [] == problems
    assert ("sub", 2.0, False, ()) == (a.cohort, a.weight, a.critical, a.tags)
    assert ("sub", 3.0, True, ("hard",)) == (b.cohort, b.weight, b.critical, b.tags)
    assert "base" == a.request.messages[0]["content"]


def test_the_innermost_says_anew_what_is_asked(collect):
    """A prompt on the function replaces the messages of the class, and the other way round."""
    cases, problems = collect("""
@quant_case(cohort="x", messages=[{"role": "user", "content": "from the class"}])
class TestX:
    @quant_case(prompt="from the function")
    def test_a(self, completion):
        assert completion.text

    def test_b(self, completion):
        assert completion.text
""")

    assert [] == problems
    assert ["from the function", "from the class"] == [
        case.request.messages[0]["content"] for case in cases.values()
    ]


def test_a_marker_of_a_module_leaves_its_ordinary_tests_alone(collect):
    """It is a default for golden cases; other tests stay what they are."""
    cases, problems = collect("""
pytestmark = quant_case(cohort="x", prompt="Hello?")

def test_case(completion):
    assert completion.text

def test_plain():
    pass

def test_by_hand(quant_baseline):
    pass
""")

    assert [] == problems
    assert ["test_case"] == list(cases)


# --- variables ----------------------------------------------------------------------------


def test_variables_and_parameters_are_filled_in(collect):
    """In prompt, system, messages, expect, reference, tags and cohort; parameters win."""
    cases, problems = collect("""
@quant_case(vars={"shop": "ACME", "n": 7})
class TestX:
    @pytest.mark.parametrize(("order", "n"), [("88213-A", 1.5)])
    @quant_case(
        cohort="{{shop}}",
        prompt="Refund {{ order }} x{{n}}",
        system="{{shop}}",
        tags=["t-{{shop}}"],
        reference="Done: {{order}}",
        expect=[{"contains": ["{{order}}"]}, {"json": {"equals": "{{n}}"}}],
    )
    def test_it(self, completion, order, n):
        assert completion.text
""")
    (case,) = cases.values()

    assert [] == problems
    assert ("ACME", ("t-ACME",), "Done: 88213-A") == (case.cohort, case.tags, case.reference)
    assert ["ACME", "Refund 88213-A x1.5"] == [m["content"] for m in case.request.messages]
    assert ["88213-A"] == list(case.checks[1].texts)
    assert 1.5 == case.checks[2].equals


def test_a_prompt_that_is_one_number_is_a_text(collect):
    """``prompt="{{n}}"``: what is asked is always text."""
    cases, problems = collect("""
@pytest.mark.parametrize("n", [7])
@quant_case(cohort="x", prompt="{{n}}")
def test_it(completion, n):
    assert completion.text
""")

    assert [] == problems
    assert "7" == cases["test_it[7]"].request.prompt


def test_braces_stay_where_there_are_no_variables(collect):
    """A prompt about templates needs no escapes."""
    cases, problems = collect("""
@quant_case(cohort="x", prompt="What is {{name}} in Jinja?")
def test_it(completion):
    assert completion.text
""")

    assert [] == problems
    assert "What is {{name}} in Jinja?" == cases["test_it"].request.prompt


def test_an_unknown_variable_is_a_mistake_with_a_place(wrong):
    """And the nearest known one."""
    found = wrong("""
@pytest.mark.parametrize("order", ["1"])
@quant_case(cohort="x", prompt="Refund {{oder}}")
def test_it(completion, order):
    assert completion.text
""")

    assert "test_an_unknown_variable_is_a_mistake_with_a_place.py:5: quant_case: " in found
    assert "unknown variable 'oder'; did you mean 'order'?" in found


# --- checks beside the body ---------------------------------------------------------------


def test_a_body_may_be_empty_when_there_are_checks(collect):
    """Then it is no check of its own: nothing counts that cannot fail."""
    cases, problems = collect('''
@quant_case(cohort="x", prompt="?", expect=["json"])
def test_a(completion):
    """Says what it is about."""

@quant_case(cohort="x", prompt="?", expect=["json"])
async def test_b(completion): ...
''')

    assert [] == problems
    assert [["json"], ["json"]] == [[check.key for check in c.checks] for c in cases.values()]


def test_check_objects_stand_beside_names(collect):
    """A check of the user's own needs no registration here."""
    cases, problems = collect("""
import dataclasses
from typing import ClassVar
from pytest_quantguard import Outcome
from pytest_quantguard.checks.length import Length

@dataclasses.dataclass(frozen=True)
class Polite:
    key: ClassVar[str] = "polite"
    shorthand: ClassVar[str | None] = None
    def __call__(self, completion, case):
        return Outcome.of([])

@quant_case(cohort="x", prompt="?", expect=[Polite(), Length(max_chars=5), {"exact": "a"}])
def test_a(completion):
    assert completion.text
""")

    assert [] == problems
    assert ["python", "polite", "length", "exact"] == [c.key for c in cases["test_a"].checks]


def test_a_check_that_does_not_fit_its_case_is_a_mistake(wrong):
    """Found while tests are collected, as in a golden file."""
    found = wrong("""
class Tagged:
    key = "tagged"
    shorthand = None
    def __call__(self, completion, case):
        raise NotImplementedError
    def misfit(self, case):
        return "" if case.tags else "it needs a tag"

@quant_case(cohort="x", prompt="?", expect=[Tagged()])
def test_a(completion):
    assert completion.text
""")

    assert "quant_case: tagged: it needs a tag" in found


def test_every_check_is_counted_for_budgets(pytester):
    """A budget can name the body or any check beside it."""
    items = pytester.getitems(
        IMPORTS
        + """
@pytest.mark.parametrize("i", range(3))
@quant_case(cohort="x", prompt="?", check="refunds", expect=["json"])
def test_a(completion, i):
    assert completion.text
"""
    )
    function_cases(items, {}, Registry())

    assert {("x", "refunds"): 3, ("x", "json"): 3} == {
        leaf: len(cases) for leaf, cases in census(items).leaves.items()
    }


def test_the_fingerprint_of_a_case_changes_with_its_body(collect):
    """What is checked is part of the golden set's identity."""
    cases, problems = collect("""
@quant_case(cohort="x", prompt="?")
def test_a(completion): assert completion.text

@quant_case(cohort="x", prompt="?")
def test_b(completion): assert completion.text == ""
""")
    first, second = (repr(case.checks) for case in cases.values())

    assert [] == problems
    assert first != second


def test_checks_beside_a_body_are_judged_like_those_of_golden_files(worse):
    """Each under its own name, with misfits found before anything is asked."""
    worse.write(
        "tests/test_py.py",
        IMPORTS
        + """
@pytest.mark.parametrize("i", range(30))
@quant_case(
    cohort="py",
    prompt="faq {{i}}",
    expect=[{"exact": "answer faq {{i}}"}, {"length": {"max_chars": 99}}],
)
def test_a(completion, i):
    assert completion.text.startswith("answer")
""",
    )
    run = worse.run("-n", "2")

    assert 1 != run.code, run.output
    (candidate,) = run.report["candidates"]
    (row,) = [r for r in candidate["budgets"] if r["max_drop"]]
    assert 30 == row["cases"]
    assert run.has("90 of 90 planned checks were compared")
    assert 60 == worse.server.requests


def test_a_sequential_run_counts_every_check(worse):
    """A look is judged by all checks that its functions have."""
    worse.config(
        worse.server.url, budgets=[{"max_drop": "50 pt"}], policies={"underpowered": "allow"}
    )
    worse.write(
        "tests/test_py.py",
        IMPORTS
        + """
@pytest.mark.parametrize("i", range(60))
@quant_case(cohort="py", prompt="faq 1", samples=1, expect=[{"length": {"max_chars": 99}}])
def test_a(completion, i):
    assert completion.text
""",
    )
    run = worse.run("--quant-sequential")

    assert 0 == run.code, run.output
    assert {"cand": "pass"} == run.verdicts


# --- mistakes -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("decorator", "function", "message"),
    [
        ("prompt='x'", "completion", "no cohort; give cohort=... here, on the class, or for the"),
        ("cohort='x'", "completion", "needs either 'prompt' or 'messages', or a test that takes"),
        (
            "cohort='x', prompt='x', messages=[{'role': 'user', 'content': 'x'}]",
            "completion",
            "needs",
        ),
        (
            "cohort='x', prompt='x', promt='y'",
            "completion",
            "unknown argument 'promt'; did you mean",
        ),
        ("cohort='x', prompt='x'", "", "does not take the 'completion' fixture (or 'quant_model'"),
        (
            "cohort='x', prompt='x'",
            "completion, quant_model",
            "takes both 'completion' and 'quant_m",
        ),
        (
            "cohort='x', prompt='x'",
            "quant_model",
            "'prompt' has no place in a test that takes 'quan",
        ),
        (
            "cohort='x', expect=['json']",
            "quant_model",
            "'expect' has no place in a test that takes",
        ),
        (
            "cohort='x', prompt='x'",
            "completion, quant_candidate",
            "drives both models by hand is no",
        ),
        ("cohort='x', prompt='x', tags='smoke'", "completion", "tags is a list, not 'smoke'"),
        ("cohort='x', prompt='x', expect='json'", "completion", "expect is a list, not 'json'"),
        ("cohort='x', prompt='x', vars=[1]", "completion", "vars is a map, not [1]"),
        (
            "cohort='x', prompt='x', expect=['jsn']",
            "completion",
            "expect[0]: unknown check 'jsn'; did",
        ),
        ("cohort='x', prompt='x', expect=[{'length': {}}]", "completion", "expect[0]: length: "),
        (
            "cohort='x', prompt='x', expect=[3]",
            "completion",
            "a check is a name, a map of one name",
        ),
        ("cohort='x', prompt='x', expect=['json', 'json']", "completion", "'json' stands twice"),
        (
            "cohort='x', prompt='x', check='json', expect=['json']",
            "completion",
            "the body is called",
        ),
        ("cohort='x', prompt='x', tools=[lambda a: 1]", "completion", "tools: <function <lambda>"),
        ("cohort='x', prompt='x', critical='yes'", "completion", "critical"),
        ("cohort='x', prompt='x', samples=0", "completion", "samples is the number of repeats"),
        ("cohort='x', prompt='x', tags=['a b']", "completion", 'a tag is "a b"'),
        ("cohort='x', prompt='x', request={'max_token': 3}", "completion", "max_tokens"),
        ("cohort='x', messages=[{'role': 'user', 'content': [object()]}]", "completion", "as JSON"),
        ("'x', cohort='x'", "completion", "takes keyword arguments only"),
    ],
)
def test_a_marker_that_cannot_be_used(wrong, decorator, function, message):
    """One sentence with the function's line; a raw marker is read by the same rules."""
    body = f"def test_it({function}):\n    assert {function or 1}\n"
    found = wrong(f"@pytest.mark.quant_case({decorator})\n{body}")

    assert "test_a_marker_that_cannot_be_used.py:4: quant_case: " in found
    assert message in found


@pytest.mark.parametrize("body", ["pass", "...", '"""Nothing but words."""'])
def test_a_body_that_does_nothing_always_holds_and_is_refused(wrong, body):
    """Two models that are never looked at agree perfectly."""
    found = wrong(f"@quant_case(cohort='x', prompt='?')\ndef test_it(completion):\n    {body}\n")

    assert "the body of test_it is empty, so that it always holds" in found


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("completion.text", "holds nothing that could fail"),
        ("if completion.text:\n        found = 1", "holds nothing that could fail"),
        ("def inner():\n        assert completion.text", "holds nothing that could fail"),
        ("assert True", "holds nothing that could fail"),
        ("assert (completion.text == 'x', 'not x')", "asserts a tuple in line 6"),
        ("return 'x' in completion.text", "returns a value in line 6, which judges nothing; write"),
        ("return 'x' in completion.text", "assert 'x' in completion.text"),
    ],
)
@pytest.mark.filterwarnings("ignore:assertion is always true")
def test_a_body_that_cannot_fail_is_refused(wrong, body, message):
    """A pass of both models would say nothing."""
    for kind in ("def", "async def"):
        found = wrong(
            f"@quant_case(cohort='x', prompt='?')\n{kind} test_it(completion):\n    {body}\n"
        )

        assert message in found


def test_a_returned_call_is_looked_at_when_it_runs_but_not_in_async_bodies(collect):
    """What runs async tests for us does not tell what they return."""
    cases, found = collect(
        """
import functools

def holds(function):
    @functools.wraps(function)
    def test(completion):
        assert function(completion)
    return test

def judged(completion):
    assert completion.text

@quant_case(cohort="x", prompt="?")
def test_a(completion):
    return judged(completion)

@quant_case(cohort="x", prompt="?")
@holds
def test_b(completion):
    return completion.text == "x"

@quant_case(cohort="x", prompt="?")
async def test_c(completion):
    return judged(completion)
"""
    )

    assert ["test_a", "test_b"] == list(cases)
    assert "test_c returns a value in line 27" in found[0]


@pytest.mark.parametrize(
    ("function", "what"),
    [
        ("def test_it(completion):\n    return bool(completion.text == 'x')", "False"),
        ("def test_it(completion):\n    return str(completion.text)", "a str"),
        ("def test_it(completion):\n    return later(completion)", "True"),
    ],
    ids=["bool", "text", "awaited"],
)
def test_a_returned_value_is_an_error_of_the_test(worse, function, what):
    """False is no failed assertion, and True is none that held."""
    worse.write(
        "tests/test_py.py",
        f"{IMPORTS}async def later(completion):\n    return True\n\n"
        f"@quant_case(cohort='py', prompt='faq 1')\n{function}\n",
    )
    run = worse.run("--quant-underpowered=allow")

    assert {"cand": "error"} == run.verdicts
    assert run.has(f"the test returned {what}, which judges nothing; write assert")


@pytest.mark.parametrize(
    ("plugin", "fixture"), [("pytest_check", "check"), ("pytest_subtests", "subtests")]
)
def test_fixtures_that_go_on_after_a_failure_are_refused(worse, plugin, fixture):
    """Neither model would ever fail: what they noticed comes too late."""
    worse.write(
        f"{plugin}.py",
        "import contextlib\nimport pytest\n\n"
        f"@pytest.fixture\ndef {fixture}():\n    return contextlib.suppress(AssertionError)\n",
    )
    worse.write(
        "tests/test_py.py",
        f"{IMPORTS}@quant_case(cohort='py', prompt='faq 3', critical=True)\n"
        f"def test_it(completion, {fixture}):\n    with {fixture}:\n"
        "        assert completion.text == 'answer faq 3'\n",
    )
    run = worse.run("-p", plugin, PYTHONPATH=str(worse.folder))

    assert USAGE == run.code, run.output
    assert run.has(
        f"tests/test_py.py:4: quant_case: test_it takes '{fixture}', which goes on after a failed"
    )
    assert 0 == worse.server.requests


def test_the_subtests_of_pytest_itself_are_refused(wrong):
    """They are part of it from version 9 on."""
    if int(pytest.__version__.partition(".")[0]) < 9:
        pytest.skip("this pytest has none")
    found = wrong(
        "@quant_case(cohort='x', prompt='?')\ndef test_it(completion, subtests):\n"
        "    with subtests.test('a'):\n        assert completion.text\n"
    )

    assert "test_it takes 'subtests', which goes on after a failed assertion" in found


@pytest.mark.parametrize(
    ("line", "use"),
    [
        ("import pytest_check as check", "check"),
        ("from pytest_check import check", "check"),
        ("from pytest_check import equal", "equal"),
    ],
)
def test_a_library_that_goes_on_after_a_failure_is_refused(wrong, pytester, monkeypatch, line, use):
    """As its fixture is."""
    pytester.makepyfile(
        pytest_check="class Check:\n    pass\n\ncheck = Check()\n\ndef equal(a, b):\n    pass\n"
    )
    monkeypatch.syspath_prepend(pytester.path)
    monkeypatch.delitem(sys.modules, "pytest_check", raising=False)
    found = wrong(
        f"{line}\n\n@quant_case(cohort='x', prompt='?')\ndef test_it(completion):\n"
        f"    {use}(completion.text, 'x')\n"
    )
    sys.modules.pop("pytest_check")

    assert f"test_it uses '{use}' of pytest-check, which goes on" in found


def test_a_fixture_of_ones_own_may_be_called_so(collect):
    """Only where it comes from tells what it does."""
    cases, found = collect(
        """
@pytest.fixture
def check():
    return len

@quant_case(cohort="x", prompt="?")
def test_it(completion, check):
    assert check(completion.text)
"""
    )

    assert ["test_it"] == list(cases)
    assert not found


def test_parameters_of_fixtures_are_no_variables(collect):
    """A prompt about templates keeps its braces under anyio, or a fixture with parameters."""
    cases, found = collect(
        """
@pytest.fixture(params=["p", "q"], autouse=True)
def backend(request):
    return request.param

@quant_case(cohort="x", prompt="Explain {{mustache}}")
def test_a(completion, backend):
    assert completion.text

@pytest.mark.parametrize("order", ["88213-A"])
class TestShop:
    @pytest.mark.parametrize(argnames="a, b", argvalues=[(1, 2)])
    @quant_case(cohort="x", prompt="{{order}} {{a}} {{b}}")
    def test_b(self, completion, order, a, b):
        assert completion.text

@pytest.mark.parametrize("backend", ["r"], indirect=True)
@quant_case(cohort="x", prompt="{{backend}}")
def test_c(completion, backend):
    assert completion.text

def pytest_generate_tests(metafunc):
    if "made" in metafunc.fixturenames:
        metafunc.parametrize("made", ["m"])

@quant_case(cohort="x", prompt="{{made}}")
def test_d(completion, made):
    assert completion.text
"""
    )
    said = sorted({case.request.messages[0]["content"] for case in cases.values()})

    assert not found
    assert ["88213-A 1 2", "Explain {{mustache}}", "m", "r"] == said


def test_a_mistake_is_told_once_for_all_parameters(collect):
    """A thousand cases of one function have one marker."""
    _, found = collect(
        "@pytest.mark.parametrize('i', range(1000))\n@quant_case(cohort='x', prompt='?')\n"
        "def test_it(completion, i): pass\n"
    )

    assert 1 == len(found)


def test_all_mistakes_of_a_marker_are_told_at_once(wrong):
    """A round of mending for each would be tiresome."""
    found = wrong(
        "@quant_case(cohort='a b', weight=-1, expect=['jsn'])\n"
        "def test_it(completion):\n    assert completion\n"
    )

    for part in ("needs either 'prompt'", 'cohort is "a b"', "unknown check", "weight is a number"):
        assert part in found


def test_cases_that_would_never_run_are_usage_errors(worse):
    """A function whose name pytest passes over; a class without a test."""
    worse.write(
        "tests/test_py.py",
        IMPORTS
        + """
@quant_case(cohort="x", prompt="?")
def refunds(completion):
    assert completion.text

@quant_case(cohort="x", prompt="?")
class TestNothing:
    def helper(self):
        return 1
""",
    )
    for options in ((), ("-n", "2")):
        run = worse.run(*options)

        assert USAGE == run.code, run.output
        assert run.has(
            "tests/test_py.py:5: quant_case: pytest does not collect refunds()",
            "tests/test_py.py:9: quant_case: the class TestNothing has no tests",
        )
    assert 0 == worse.server.requests


def test_a_fixture_that_reads_the_completion_is_an_error(worse):
    """Fixtures run once, before there is an answer; said so, and not the model's failure."""
    worse.write(
        "tests/test_py.py",
        IMPORTS
        + """
@pytest.fixture
def order(completion):
    return completion.text

@quant_case(cohort="x", prompt="faq 1")
def test_it(completion, order):
    assert order
""",
    )
    run = worse.run("--quant-underpowered=allow")

    assert run.code not in (0, 10), run.output
    assert run.has("'completion' can only be read in the body of a quant_case test")


# --- choosing -----------------------------------------------------------------------------

CHOICE = (
    IMPORTS
    + """
@quant_case(cohort="shop", prompt="faq 1")
class TestShop:
    @quant_case(critical=True, tags=["smoke"])
    def test_a(self, completion):
        assert completion.text

    def test_b(self, completion):
        assert completion.text

@quant_case(cohort="other", prompt="faq 2")
def test_c(completion):
    assert completion.text
"""
)


@pytest.mark.parametrize(
    ("options", "count"),
    [
        (("-k", "smoke"), 1),
        (("-k", "TestShop"), 2),
        (("tests/test_py.py::TestShop::test_b",), 1),
        (("-m", "quant_case"), 3),
        (("-m", "quant_case(cohort='shop')"), 2),
        (("-m", "quant_case(critical=True)"), 1),
    ],
)
def test_ordinary_selection_works(worse, options, count):
    """By tag, class, node and marker, inherited ones included."""
    if "(" in options[-1] and pytest.version_tuple < (8, 3):
        options, count = ("-m", "quant_case"), 3  # arguments in -m came with pytest 8.3
    worse.write("tests/test_py.py", CHOICE)
    run = worse.run("--quant-underpowered=allow", "--collect-only", "-q", *options)

    assert count == run.output.count("::test_"), run.output


def test_a_critical_function_that_regressed_can_be_run_again_alone(worse):
    """--lf knows it by its node id; the sentence shows both models' values."""
    worse.write(
        "tests/test_py.py",
        IMPORTS
        + """
@pytest.mark.parametrize("i", range(1, 9))
@quant_case(cohort="shop", prompt="faq {{i}}", critical=True)
def test_it(completion, i):
    assert completion.text == f"answer faq {i}"
""",
    )
    first = worse.run("--quant-underpowered=allow")
    again = worse.run("--quant-underpowered=allow", "--lf")

    assert 1 == first.code == again.code
    assert first.has("collected 8 items")
    assert again.has("2 items", "test_it[3]", "test_it[6]")
    assert again.has(
        "critical case regressed on cand: python holds in the baseline, not in the candidate: "
        "assert 'I forgot' == 'answer faq 3'; completion.text is \"answer faq 3\" in the baseline, "
        '"I forgot" in the candidate'
    )


# --- rules that golden files have too -----------------------------------------------------

FUNCTION = """
@quant_case(cohort="faq", prompt="Hello?", {argument})
def test_it(completion):
    assert completion.text
"""


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        (" ", 'reference is " "'),
        ("Hi\n", "without white space around it: write `reference: |-`"),
        (3, "reference must be text"),
    ],
)
def test_a_reference_has_the_rules_of_a_golden_file(wrong, reference, message):
    """Its number would not be exact."""
    assert message in wrong(FUNCTION.format(argument=f"reference={reference!r}"))


def test_a_reference_is_kept(collect):
    """Word for word."""
    cases, problems = collect(FUNCTION.format(argument="reference='Hi ä'"))

    assert [] == problems
    assert "Hi ä" == cases["test_it"].reference


@pytest.mark.parametrize("check", ["json", "numbers-2.x", "a" * 80])
def test_a_function_names_its_check(collect, check):
    """A label, as a cohort is."""
    cases, problems = collect(FUNCTION.format(argument=f"check={check!r}"))

    assert [] == problems
    assert check == cases["test_it"].checks[0].key


@pytest.mark.parametrize("check", ["*", "", "ünï", "two words", "json\n", "a" * 81, 3, "-x"])
def test_a_check_that_is_no_label_is_refused(wrong, check):
    """``*`` would be every check in a budget, and a budget with the others could not be pasted."""
    found = wrong(FUNCTION.format(argument=f"check={check!r}"))

    assert "quant_case: check is" in found
    assert "allowed are letters, digits, '.', '_' and '-', at most 80" in found
