"""What is shown of tests with models: comparisons, hostile text, keys; and async bodies."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import pytest

from gate_project import GateProject, quantized, speaks
from pytest_quantguard._sanitize import scrub_cut
from pytest_quantguard.functions.comparison import explain
from pytest_quantguard.types import Completion
from scripted_server import ScriptedServer

IMPORTS = "import asyncio\nimport pytest\nfrom pytest_quantguard import quant_case\n\n"
KEY = "sk-very-secret-4711"
HOSTILE = "\ud800\x00\x1b[31m\x1b]0;x\x07\u202e\ufffe\n::error file=x::owned\n  ##[group]z"


@pytest.fixture
def worse(tmp_path):
    """A project whose candidate is wrong on every third case."""
    with ScriptedServer(default=speaks(quantized)) as server:
        project = GateProject(tmp_path, server)
        (tmp_path / "golden" / "faq.quant.yaml").unlink()
        project.config(server.url, budgets=[{"max_drop": "50 pt"}])
        yield project


def names(*pairs):
    """Tell whose words a value is."""
    return lambda value: next((name for name, text in pairs if text is value), "")


def explained(op, left, right, name=lambda value: ""):
    return explain(op, left, right, name, lambda text: text)


# --- comparisons --------------------------------------------------------------------------


def test_texts_of_two_models_are_shown_from_where_they_part():
    """Under each other, with a mark, and the digit that changed."""
    ours, theirs = "order 88213-A", "order 88273-A"
    lines = explained("==", theirs, ours, names(("candidate q4", theirs), ("baseline f16", ours)))

    assert [
        "'order 88273-A' == 'order 88213-A'",
        "candidate q4 and baseline f16 part at character 10 (digit 4: 1 became 7)",
        "  candidate q4: order 88273-A",
        "  baseline f16: order 88213-A",
        "                         ^",
    ] == lines


def test_two_completions_that_say_the_same_are_not_equal():
    """They took a different time; the text says what to compare instead."""
    lines = explained("==", Completion(text="a", latency_s=1.0), Completion(text="a"))

    assert "both say the same, and differ in latency_s: compare .text or .tool_calls" in lines[1]
    assert explained("==", Completion(text="a"), Completion(text="b"))[1].startswith("left and")


def test_short_values_of_the_test_itself_are_left_to_pytest():
    """Its own difference is better there."""
    assert [] == explained("==", "a", "b")
    assert [] == explained("in", "a", ["b"])
    assert [] == explained("==", {"a": 1}, {"a": 2})


@pytest.mark.parametrize("op", ["==", "!=", "in", "not in", "<"])
def test_long_values_are_bounded(op):
    """pytest's own comparison of two such texts takes minutes."""
    lines = explained(op, "x" * 5_000_000 + "a", "x" * 5_000_000 + "b")

    assert 1 <= len(lines) <= 5
    assert all(len(line) < 250 for line in lines)


LONG = (
    IMPORTS
    + """
def words(seed):
    return " ".join(str(i * seed % 997) for i in range(60_000))

@quant_case(cohort="py", prompt="faq 1", critical=True)
def test_it(completion):
    assert words(7) + completion.text == words(7)[:-5]

def test_hand(quant_baseline, quant_candidate):
    quant_candidate.complete("faq 1")
    assert {"a": words(7)} == {"a": words(7).replace("12", "13")}

def test_not_in(quant_candidate):
    assert "12" not in quant_candidate.complete("faq 1").text + words(7)
"""
)


def test_long_answers_do_not_stop_a_verbose_run(worse):
    """Under -vv, as in CI, where pytest compares everything: for longer than a run may take."""
    worse.write("tests/test_py.py", LONG)
    run = worse.run("-vv", "--quant-underpowered=allow")

    assert 1 == run.code
    assert len(run.output) < 200_000


def test_a_test_by_hand_shows_both_models(worse):
    """By the names of the variants; once per candidate."""
    worse.write(
        "tests/test_hand.py",
        "def test_hand(quant_baseline, quant_candidate):\n"
        "    ours = quant_baseline.complete('faq 3').text\n"
        "    assert quant_candidate.complete('faq 3').text == ours\n"
        "    assert quant_candidate\n",
    )
    for workers in ((), ("-n", "2")):
        run = worse.run("--quant-underpowered=allow", "-l", *workers)

        assert run.has(
            "assert 'I forgot' == 'answer faq 3'",
            "candidate cand and baseline base part at character 1",
            "candidate cand: I forgot",
            "baseline base: answer faq 3",
            "quant_candidate = <quant_candidate cand>",
        )


def test_ordinary_tests_keep_their_failure_texts(worse):
    """Nothing of ours changes what the rest of a project shows."""
    worse.write(
        "tests/test_plain.py",
        "def test_plain():\n    assert ['\\x1b[1m', 'x' * 3000] == ['a']\n",
    )
    with_gate = worse.run("tests/test_plain.py")
    without = worse.run("tests/test_plain.py", candidate=None)

    def failure(run):
        lines = run.output.split("FAILURES")[1].splitlines()
        return [line for line in lines if line.startswith(("E   ", ">"))]

    assert failure(without) == failure(with_gate)


# --- hostile text and keys ----------------------------------------------------------------

SHOWN = (
    IMPORTS
    + """
@quant_case(cohort="py", prompt="faq 1", critical=True)
def test_case(completion):
    print(completion.text)
    assert completion.text == "answer faq 1"

def test_hand(quant_baseline, quant_candidate):
    answer = quant_candidate.complete("faq 1")
    print(answer.text)
    said = [answer.text]
    assert said == ["answer faq 1"], answer.text

def test_raises(quant_candidate):
    raise ValueError(quant_candidate.complete("faq 1").text)

def test_skips(quant_candidate):
    pytest.skip(quant_candidate.complete("faq 1").text)
"""
)


@pytest.mark.parametrize("workers", [(), ("-n", "1")], ids=["alone", "xdist"])
@pytest.mark.parametrize("colour", ["yes", "no"])
def test_hostile_text_and_keys_reach_no_report(tmp_path, workers, colour):
    """In assertions, locals, captured output, errors and reasons; keys not even in pieces."""

    def hostile(model, prompt):
        return HOSTILE + "k" * 100 + KEY + "k" * 300 if model == "cand" else f"answer {prompt}"

    with ScriptedServer(default=speaks(hostile)) as server:
        project = GateProject(tmp_path, server)
        (tmp_path / "golden" / "faq.quant.yaml").unlink()
        both = {"provider": "openai", "base_url": server.url, "api_key_env": "MY_KEY"}
        project.config(server.url, variants={n: {**both, "model": n} for n in ("base", "cand")})
        project.write("tests/test_py.py", SHOWN)
        options = ("-rA", "-l", "--junitxml=p.xml", "--quant-junit=q.xml", f"--color={colour}")
        run = project.run("--quant-underpowered=allow", *options, *workers, MY_KEY=KEY)

    assert 1 == run.code, run.output
    allowed = {"\x1b"} if colour == "yes" else set()
    assert not {"\x00", "\x07", "\u202e", "\ufffe", "\ud800", "\x1b"} & set(run.output) - allowed
    assert "\x1b]0;" not in run.output
    starts = [line.lstrip() for line in run.output.splitlines()]
    assert not any(line.startswith("::error") or "##[group" in line for line in starts)
    written = [p.read_text("utf-8") for p in (tmp_path / "p.xml", tmp_path / "q.xml")]
    for text in (run.output, *written):
        assert KEY not in text
        assert KEY[:8] not in text
        assert KEY[-8:] not in text
    for name in ("p.xml", "q.xml"):
        ElementTree.parse(tmp_path / name)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"a {KEY} b", "a [secret] b"),
        ("a sk-very-sec... b", "a [secret]... b"),
        ("a ...cret-4711 b", "a ...[secret] b"),
        ("a SK-VERY-SECRET-471X b", "a [secret]X b"),
        ("sk-very", "sk-very"),
        ("nothing", "nothing"),
    ],
)
def test_pieces_of_a_key_are_found_where_others_have_cut(text, expected):
    """pytest leaves out the middle of long values."""
    assert expected == scrub_cut(text, (KEY,))


# --- async --------------------------------------------------------------------------------

ASYNC = (
    IMPORTS
    + """
{mark}
@pytest.mark.parametrize("i", range(1, 5))
@quant_case(cohort="py", prompt="faq {{{{i}}}}")
async def test_case(completion, i{fixture}):
    await {sleep}
    assert completion.text == f"answer faq {{i}}"

{mark}
@quant_case(cohort="py")
async def test_turns(quant_model{fixture}):
    await {sleep}
    last = quant_model.complete("faq 3")
    assert last.text == "answer faq 3"

{mark}
async def test_hand(quant_baseline, quant_candidate{fixture}):
    await {sleep}
    assert quant_candidate.complete("faq 1").text == quant_baseline.complete("faq 1").text
"""
)
PLAIN = {"mark": "", "fixture": "", "sleep": "asyncio.sleep(0)"}


def found_async(run, cases=5):
    """Every case was judged; the candidate's losses are found and explained."""
    path = run._folder / "quant-report" / "report.json"
    tests = json.loads(path.read_text("utf-8"))["results"]["tests"]
    shown = {t["name"]: t.get("message") or "" for t in tests if "test_py" in t["name"]}
    lost = {name: text for name, text in shown.items() if text}
    assert cases == len(shown), run.output
    assert all('is "answer faq 3" in the baseline' in text for text in lost.values()), lost
    return len(lost)


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_async_bodies_need_no_plugin(worse, workers):
    """A loop of our own per run of the body."""
    worse.write("tests/test_py.py", ASYNC.format(**PLAIN))
    run = worse.run("--quant-underpowered=allow", "-W", "error", *workers)

    assert 2 == found_async(run)
    assert "test_hand[cand]" not in run.output


@pytest.mark.parametrize("mode", ["auto", "strict"])
def test_async_bodies_under_pytest_asyncio(worse, mode):
    """Its loop, its fixtures; in both modes, marked or not."""
    pytest.importorskip("pytest_asyncio")
    fixture = "@pytest_asyncio.fixture\nasync def loop():\n    return asyncio.get_running_loop()\n"
    text = ASYNC.format(
        mark="@pytest.mark.asyncio" if mode == "strict" else "",
        fixture=", loop",
        sleep="asyncio.sleep(0 if loop is asyncio.get_running_loop() else 'another loop')",
    )
    worse.write("tests/test_py.py", "import pytest_asyncio\n" + text + fixture)
    worse.write("pytest.ini", f"[pytest]\nasyncio_mode = {mode}\n")
    run = worse.run("--quant-underpowered=allow", PYTEST_ADDOPTS="")

    assert 2 == found_async(run)
    assert run.has("passed")
    assert "test_hand[cand]" not in run.output


def test_async_bodies_beside_pytest_asyncio_in_strict_mode(worse):
    """What it does not take as its own runs as if it were not there."""
    pytest.importorskip("pytest_asyncio")
    worse.write("tests/test_py.py", ASYNC.format(**PLAIN))
    run = worse.run("--quant-underpowered=allow", PYTEST_ADDOPTS="")

    assert 2 == found_async(run)
    assert "test_hand[cand]" not in run.output


def test_async_bodies_under_anyio(worse):
    """Its runner, once per body and arm; fixtures that are async too."""
    pytest.importorskip("anyio")
    fixture = (
        "@pytest.fixture\ndef anyio_backend():\n    return 'asyncio'\n\n"
        "@pytest.fixture\nasync def loop(anyio_backend):\n    return asyncio.get_running_loop()\n"
    )
    text = ASYNC.format(
        mark="@pytest.mark.anyio",
        fixture=", loop",
        sleep="asyncio.sleep(0 if loop is asyncio.get_running_loop() else 'another loop')",
    )
    worse.write("tests/test_py.py", text + fixture)
    run = worse.run("--quant-underpowered=allow", "-p", "anyio")

    assert 2 == found_async(run)
    assert "test_hand[cand]" not in run.output


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("await asyncio.sleep('x')", "the test raised TypeError"),
        ("assert completion\n    yield 1", "the test raised TypeError: the test yields"),
    ],
)
def test_mistakes_of_async_bodies_are_errors(worse, body, message):
    """As those of ordinary ones are."""
    worse.write(
        "tests/test_py.py",
        f"{IMPORTS}@quant_case(cohort='py', prompt='faq 1')\n"
        f"async def test_it(completion):\n    {body}\n",
    )
    run = worse.run("--quant-underpowered=allow")

    assert {"cand": "error"} == run.verdicts
    assert run.has(message)


def test_an_assertion_in_a_task_group_is_a_property(worse):
    """Several tasks may each look at a part of the answer."""
    worse.write(
        "tests/test_py.py",
        f"{IMPORTS}async def check(text):\n    assert 'answer' in text\n\n"
        "@pytest.mark.parametrize('i', range(20))\n"
        "@quant_case(cohort='py', prompt='faq 3')\nasync def test_it(completion, i):\n"
        "    async with asyncio.TaskGroup() as group:\n"
        "        group.create_task(check(completion.text))\n"
        "        group.create_task(check(completion.text))\n",
    )
    run = worse.run("--quant-underpowered=allow")

    assert {"cand": "fail"} == run.verdicts, run.output
    assert run.has("assert 'answer' in 'I forgot'")
