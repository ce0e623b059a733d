"""A whole run, as a user starts it: what is typed, what is seen, what the exit code is.

The models are scripted here, for faults and for exact counts; tests/e2e has the real server.
"""

from __future__ import annotations

import json
import signal
import threading
import time
from xml.etree import ElementTree

import pytest

from gate_project import GateProject, quantized, speaks, stop, truthful
from scripted_server import ScriptedServer, answers, says

OK, FAILED, INTERRUPTED, USAGE, INCONCLUSIVE = 0, 1, 2, 4, 10


@pytest.fixture
def worse(tmp_path):
    """A project whose candidate is wrong on every third case."""
    with ScriptedServer(default=speaks(quantized)) as server:
        yield GateProject(tmp_path, server)


# --- verdicts -----------------------------------------------------------------------------


def test_an_equal_candidate_passes(project):
    """Exit 0, the table says PASS, and each arm was asked each case once."""
    run = project.run()

    assert OK == run.code, run.output
    assert run.has("baseline base, candidate cand (quantguard.yaml)", "60 cases, 1 cohort")
    assert {"cand": "pass"} == run.verdicts
    assert 120 == project.server.requests


def test_a_worse_candidate_fails_and_its_cases_are_named(worse):
    """Exit 1; the budget is a failed test, with the regressed cases and both answers."""
    run = worse.run()

    assert FAILED == run.code
    assert run.has(
        "FAILED quantguard::cand::all::all",
        "20 of 60 regressed, 0 improved; worse by 33.3 pt, budget 10 pt",
        "golden/faq.quant.yaml:2",
        'expected "answer faq 0", got "I forgot"',
        "1 failed, 61 passed",
    )
    assert {"cand": "fail"} == run.verdicts


def test_too_little_evidence_is_inconclusive_and_not_green(tmp_path):
    """Exit 10, an error in JUnit; under `inconclusive: warn` exit 0."""

    def three_wrong(model, prompt):
        wrong = model == "cand" and prompt in ("faq 1", "faq 2", "faq 3")
        return "no" if wrong else truthful(model, prompt)

    with ScriptedServer(default=speaks(three_wrong)) as server:
        project = GateProject(tmp_path, server)
        run = project.run("--quant-junit=ours.xml", "--junitxml=pytest.xml")
        warned = project.run("--quant-inconclusive=warn")

    assert INCONCLUSIVE == run.code, run.output
    assert run.has("_ \nINCONCLUSIVE: 3 of 60 regressed, 0 improved; ", "more such cases, or")
    assert 'type="inconclusive"' in (tmp_path / "ours.xml").read_text()
    assert 'errors="1"' in (tmp_path / "pytest.xml").read_text()
    assert OK == warned.code
    assert warned.has("INCONCLUSIVE")


def test_a_quiet_run_says_each_failed_budget_in_one_line(worse, tmp_path):
    """And pytest's summary names it: nothing is said three times, and every plugin still knows."""
    run = worse.run("-q", "--junitxml=theirs.xml", NO_COLOR="1")
    said = "20 of 60 regressed, 0 improved; worse by 33.3 pt, budget 10 pt"

    assert FAILED == run.code
    assert run.output.count(f"FAIL cand all / all: {said}\n") == 1
    assert run.output.count("20 of 60 regressed") == 2
    assert "FAILED quantguard::cand::all::all - FAIL: 20 of 60 regressed" in run.output
    assert "FAILURES" not in run.output
    assert run.has(
        "Read the 20 regressed cases side by side: quant-report/index.html", "1 failed, 61 passed"
    )
    failure = ElementTree.parse(tmp_path / "theirs.xml").find(".//failure")
    assert failure.get("message") == f"FAIL: {said}"


def test_the_second_run_asks_nothing(project):
    """Everything is answered from the cache, and the output says so."""
    project.run()
    run = project.run()

    assert OK == run.code
    assert run.has("baseline base (60/60 cached)", "candidate cand (60/60 cached)")
    assert 120 == project.server.requests


def test_a_changed_prompt_is_asked_again(project):
    """The cache never answers another question."""
    project.run()
    project.golden(61)
    project.run()

    assert 122 == project.server.requests


def test_two_candidates_share_one_baseline(project):
    """Three arms, three requests a case; each candidate has its verdict."""
    url = project.server.url
    variants = {
        name: {"provider": "openai", "base_url": url, "model": name} for name in ("base", "a", "b")
    }
    project.config(url, variants=variants)
    run = project.run("--quant-candidate=b", candidate="a")

    assert OK == run.code, run.output
    assert {"a": "pass", "b": "pass"} == run.verdicts
    assert 180 == project.server.requests


# --- pytest-xdist -------------------------------------------------------------------------


def test_workers_change_nothing(worse):
    """With -n 2: same exit code, same verdict, same number of requests, each sent once."""
    alone = worse.run().report
    (worse.folder / ".quantguard").rename(worse.folder / "old")
    run = worse.run("-n", "2")

    assert FAILED == run.code
    assert {2} == set(worse.server.counts.values())  # once without workers, once with
    assert alone["candidates"][0]["budgets"] == run.report["candidates"][0]["budgets"]


def test_a_killed_worker_is_an_error(worse):
    """Evidence that died with its process is missing evidence."""
    worse.write(
        "tests/test_kill.py",
        "import os\ndef test_kill(): os._exit(9)\n",
    )
    run = worse.run("-n", "2", "--max-worker-restart=0")

    assert FAILED == run.code, run.output
    assert {"cand": "error"} == run.verdicts
    assert run.has("a worker process died, and its evidence with it")


def test_a_usage_error_in_a_worker_ends_with_exit_4(project):
    """An undecidable budget is refused under -n too, before any request."""
    project.config(project.server.url, budgets=[{"max_drop": "1 pt"}])
    run = project.run("-n", "2")

    assert USAGE == run.code, run.output
    assert run.has("60 cases cannot decide a budget of 1 pt")
    assert 0 == project.server.requests


# --- usage errors -------------------------------------------------------------------------


def test_a_misspelt_candidate_is_a_usage_error(project):
    """Did you mean; nothing is asked."""
    run = project.run(candidate="candi")

    assert USAGE == run.code
    assert run.has("unknown candidate 'candi'; did you mean 'cand'?")
    assert "Traceback" not in run.output


def test_a_candidate_without_configuration_is_a_usage_error(project):
    """The message names the folder and the two places that were looked at."""
    (project.folder / "quantguard.yaml").unlink()
    run = project.run()

    assert USAGE == run.code
    assert run.has("neither quantguard.yaml nor [tool.quantguard]")


def test_a_broken_golden_file_is_a_usage_error(project):
    """Exit 4 with file:line, no traceback, no request, no verdict."""
    project.write("golden/bad.quant.yaml", "cohort: x\ncases:\n  - id: a\n    promt: x\n")
    run = project.run()

    assert USAGE == run.code, run.output
    assert run.has("golden/bad.quant.yaml:4: unknown key 'promt'", "did you mean 'prompt'?")
    assert "Traceback" not in run.output
    assert 0 == project.server.requests


def test_a_broken_golden_file_is_a_usage_error_under_xdist_too(project):
    """The same exit code and the same sentence with workers."""
    project.write("golden/bad.quant.yaml", "cohort: x\ncases:\n  - id: a\n    promt: x\n")
    run = project.run("-n", "2")

    assert USAGE == run.code, run.output
    assert run.has("golden/bad.quant.yaml:4: unknown key 'promt'")


def test_an_id_used_in_two_files_is_a_usage_error(project):
    """Outcomes are paired by id; two cases of one name would be mixed up."""
    text = (project.folder / "golden" / "faq.quant.yaml").read_text()
    project.write("golden/twin.quant.yaml", text)
    run = project.run()

    assert USAGE == run.code
    assert run.has("the id 'faq-0' is already at golden/faq.quant.yaml:2; ids are unique")


def test_a_budget_for_an_unknown_cohort_is_a_usage_error(project):
    """With the line of the budget and the nearest cohort."""
    project.config(
        project.server.url, budgets=[{"max_drop": "10 pt"}, {"cohort": "fag", "max_drop": "10 pt"}]
    )
    run = project.run()

    assert USAGE == run.code
    assert run.has("no case has the cohort 'fag'; did you mean 'faq'?")
    assert 0 == project.server.requests


def test_an_undecidable_budget_is_refused_before_the_first_request(project):
    """Unless the user says that weak evidence will do."""
    project.config(project.server.url, budgets=[{"max_drop": "1 pt"}])
    run = project.run()

    assert USAGE == run.code
    assert run.has("60 cases cannot decide a budget of 1 pt", "--quant-underpowered=allow")
    assert 0 == project.server.requests
    assert INCONCLUSIVE == project.run("--quant-underpowered=allow").code


# --- fail closed --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["-k", "nothing_like_it"], "pytest found 60 golden cases; -k, -m, --lf or --deselect"),
        (["tests"], "pytest found no golden case where it looked; golden files are called *.quant"),
    ],
)
def test_zero_cases_are_an_error(project, options, why):
    """A gate that compared nothing is not green, and says where the cases are."""
    project.write("tests/test_plain.py", "def test_plain(): pass\n")
    run = project.run(*options)

    assert FAILED == run.code, run.output
    assert run.has("no golden case was selected: nothing was compared", f"Note: {why}")
    told = run.output.partition("quantguard: cand against")[2].splitlines()
    assert max(map(len, told)) <= 120  # the COLUMNS of a GateProject


@pytest.mark.parametrize("name", ["more.quant.yml", "more.quant.json", "More.Quant.YAML"])
def test_a_golden_file_of_another_name_is_not_passed_over(project, name):
    """Its cases would be missing without a word: it has to be renamed first."""
    text = "cohort: tools\ncases: [{id: m, prompt: Hi, expect: [{exact: Hi}]}]\n"
    project.write(f"golden/{name}", text)
    run = project.run()

    assert USAGE == run.code, run.output
    assert run.has(f"golden/{name}: a golden file is called *.quant.yaml or *.quant.jsonl; rename")
    assert 0 == project.server.requests


def test_a_server_that_is_down_is_an_error(project):
    """One sentence with the address and the count, after a few tries, instead of sixty failures."""
    project.config("http://127.0.0.1:9/v1")
    run = project.run()

    assert FAILED == run.code
    assert {"cand": "error"} == run.verdicts
    assert run.has("60 of 60 checks had no answer to judge")
    assert run.has("Quantization: not verified: no server answered")
    assert all(c["attempts"] < 30 for c in run.report["provenance"]["requests"].values())


def test_a_server_that_answers_500_is_an_error(tmp_path):
    """Its own words are shown; nothing is concluded about the model."""
    with ScriptedServer(default=answers(500, '{"error": {"message": "out of memory"}}')) as server:
        run = GateProject(tmp_path, server).run()

    assert FAILED == run.code
    assert {"cand": "error"} == run.verdicts
    assert run.has("500", "out of memory")


def test_every_answer_empty_is_an_error(tmp_path):
    """Two silent models agree perfectly; that shows nothing."""
    with ScriptedServer(default=says("")) as server:
        run = GateProject(tmp_path, server).run()

    assert FAILED == run.code
    assert {"cand": "error"} == run.verdicts
    assert run.has("every answer of the baseline is empty")


def test_a_check_that_crashes_is_an_error_not_a_regression(project):
    """The check's name and the case; the model is not blamed."""
    project.write(
        "conftest.py",
        "import dataclasses\n"
        "@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)\n"
        "class Broken:\n"
        "    shorthand = None\n"
        "    key = 'broken'\n"
        "    def __call__(self, completion, case): raise KeyError('oops')\n"
        "def pytest_quantguard_register(registry):\n"
        "    registry.checks.add('broken', Broken)\n",
    )
    project.golden(60, expect=["broken"])
    run = project.run()

    assert FAILED == run.code
    assert {"cand": "error"} == run.verdicts
    assert run.has("the check 'broken' raised KeyError: 'oops'")


def test_another_prompt_length_is_not_comparable(tmp_path):
    """Two chat templates are not one question: NOT COMPARABLE, never a regression."""

    def reply(exchange):
        body = exchange.body.decode()
        usage = {"prompt_tokens": 9 if '"cand"' in body else 5, "completion_tokens": 1}
        choice = {"message": {"role": "assistant", "content": "x"}, "finish_reason": "stop"}
        exchange.answer(200, json.dumps({"choices": [choice], "usage": usage}))

    with ScriptedServer(default=reply) as server:
        run = GateProject(tmp_path, server).run()

    assert FAILED == run.code
    assert {"cand": "not comparable"} == run.verdicts
    assert run.has(
        "in 60 of 60 cases, faq-0 (golden/faq.quant.yaml:2)",
        "the same prompt is 5 tokens for the baseline and 9 for the candidate",
        "NOT COMPARABLE cand: no delta is quoted",
        "Route: faq -> base (not comparable)",
    )


def test_maxfail_gives_no_verdict(worse):
    """A part of the evidence is no evidence; said so, and not green."""
    worse.write(
        "golden/a.quant.yaml",
        (worse.folder / "golden/faq.quant.yaml")
        .read_text()
        .replace("faq-", "crit-")
        .replace("- expect", "- critical: true\n  expect"),
    )
    run = worse.run("-x")

    assert FAILED == run.code, run.output
    assert run.has("critical case regressed on cand", "No verdict: the run was cut short")
    assert "quantguard::cand" not in run.output


def test_collect_only_asks_nothing_and_judges_nothing(project):
    """--collect-only lists file::case::check."""
    run = project.run("--collect-only", "-q")

    assert OK == run.code, run.output
    assert "golden/faq.quant.yaml::faq-0::exact" in run.output
    assert "PASS" not in run.output
    assert 0 == project.server.requests


def test_reports_that_cannot_be_written_are_an_error(project):
    """A verdict that nobody can read is not green."""
    project.write("blocked", "a file, not a folder")
    run = project.run("--quant-report=blocked")

    assert USAGE == run.code, run.output
    assert "blocked" in run.output


HOSTILE = (
    "\ud800\x00\x1b[31m\x1b]0;x\x07]]><script>alert(1)</script>\u202e\ufffe\n"
    "::error file=x::owned\n  ::add-mask::y\n##[group]z\n##vso[task.complete]\n@everyone"
)


@pytest.mark.parametrize("workers", [(), ("-n", "1")], ids=["alone", "xdist"])
def test_hostile_text_reaches_no_report_unescaped(tmp_path, workers):
    """Control characters, markup and workflow commands of a model are shown, never obeyed."""

    def hostile(model, prompt):
        return HOSTILE if model == "cand" else truthful(model, prompt)

    with ScriptedServer(default=speaks(hostile)) as server:
        run = GateProject(tmp_path, server).run(
            "-v", "--quant-junit=ours.xml", "--junitxml=pytest.xml", *workers
        )

    assert FAILED == run.code, run.output
    assert {"cand": "fail"} == run.verdicts
    assert not {"\x00", "\x1b", "\x07", "\u202e", "\ufffe", "\ud800"} & set(run.output)
    starts = [line.lstrip() for line in run.output.splitlines()]
    assert not any(line.startswith("::") or "##[" in line or "##vso" in line for line in starts)
    for name in ("ours.xml", "pytest.xml"):
        ElementTree.parse(tmp_path / name)


def test_a_worker_that_cannot_report_is_not_green(project):
    """An unserialisable report ends a worker; pytest-xdist alone would exit with 0."""
    project.write(
        "tests/test_plain.py",
        "def test_plain(record_property):\n    record_property('x', object())\n",
    )
    run = project.run("-n", "1")

    assert run.code not in (OK, INCONCLUSIVE), run.output
    assert "pass" not in run.verdicts.values()


# --- interruptions ------------------------------------------------------------------------


def wait_for(condition, seconds=90):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.02)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_run_that_is_stopped_goes_on_where_it_stopped(tmp_path, how):
    """After Ctrl-C or kill -9 no completed request is sent again."""

    stopped = threading.Event()

    def slowly(model, prompt):
        time.sleep(0.15)
        if server.requests > 100:
            stopped.wait(90)  # a busy machine may be late with the signal
        return truthful(model, prompt)

    with ScriptedServer(default=speaks(slowly)) as server:
        project = GateProject(tmp_path, server)
        variant = {"provider": "openai", "base_url": server.url, "concurrency": 2}
        project.config(
            server.url,
            variants={n: {**variant, "model": n} for n in ("base", "cand")},
        )
        process = project.popen()
        wait_for(lambda: server.requests >= 30)
        output = stop(process, how)
        in_flight = 4
        before = server.requests
        stopped.set()
        run = project.run()

        assert OK == run.code, run.output
        assert before <= 116
        assert 120 <= server.requests <= 120 + in_flight
    if how is signal.SIGINT:
        assert INTERRUPTED == process.returncode
        assert "No verdict" in output


# --- test functions -----------------------------------------------------------------------

FUNCTIONS = """
import pytest
from pytest_quantguard import quant_case

@pytest.mark.parametrize("i", range(30))
@quant_case(cohort="py", prompt="faq 3")
def test_answer(completion, i):
    assert completion.text == "answer faq 3"
"""


def test_a_test_function_is_a_golden_case(worse):
    """Its body is the property: it fails on the candidate, so the case is a regressed one."""
    worse.config(
        worse.server.url, budgets=[{"max_drop": "50 pt"}, {"cohort": "py", "max_drop": "20 pt"}]
    )
    worse.write("tests/test_py.py", FUNCTIONS)
    run = worse.run()

    assert FAILED == run.code, run.output
    assert run.has("30 of 30 regressed", "tests/test_py.py")
    assert "FAILED tests/test_py.py" not in run.output


def test_a_test_function_is_skipped_when_the_gate_is_off(worse):
    """An ordinary pytest run stays green, says why, and asks nothing."""
    worse.write("tests/test_py.py", FUNCTIONS)
    run = worse.run("-rs", candidate=None)

    assert OK == run.code, run.output
    assert run.has("30 skipped", "the gate is off; switch it on with --quant-candidate=NAME")
    assert 0 == worse.server.requests


@pytest.mark.parametrize(
    ("decorator", "message"),
    [
        ("@quant_case(cohort='py')", "needs either 'prompt' or 'messages'"),
        ("@pytest.mark.quant_case(cohort='py', promt='x')", "unknown argument 'promt'; did you me"),
        ("@quant_case(cohort='a b', prompt='x')", 'cohort is "a b"'),
        ("@quant_case(cohort='py', prompt='x', weight=-1)", "weight is a number above 0"),
    ],
)
def test_a_wrong_marker_is_a_usage_error(project, decorator, message):
    """With the file and line of the function."""
    project.write(
        "tests/test_py.py",
        f"import pytest\nfrom pytest_quantguard import quant_case\n\n{decorator}\n"
        "def test_x(completion): assert completion\n",
    )
    run = project.run()

    assert USAGE == run.code, run.output
    assert run.has("tests/test_py.py:4: ", message)


def test_both_models_can_be_driven_by_hand(worse):
    """An ordinary test with its own assertions; once per candidate, through the same cache."""
    worse.write(
        "tests/test_hand.py",
        "def test_both(quant_baseline, quant_candidate):\n"
        "    assert quant_baseline.complete('faq 3').text == 'answer faq 3'\n"
        "    assert quant_candidate.complete('faq 3', temperature=0).text == 'I forgot'\n",
    )
    run = worse.run("tests", "-v")

    assert run.has("test_both[cand] PASSED")
    assert 2 == worse.server.requests


def test_selection_works_as_with_any_test(project):
    """By -m with a cohort, by tag, by file::case."""
    project.golden(60, cohort="tools", tags=["smoke"])
    if pytest.version_tuple >= (8, 3):  # arguments in -m came with pytest 8.3
        by_mark = project.run("-m", "quant_case(cohort='tools')")
        assert by_mark.has("60 cases, 1 cohort")
    by_tag = project.run("-k", "smoke")
    by_id = project.run("golden/tools.quant.yaml::tools-3", "--quant-underpowered=allow")

    assert by_tag.has("60 cases, 1 cohort")
    assert by_id.has("1 case, 1 cohort")


def test_no_key_is_in_anything_that_is_written(project):
    """Config, cache, reports and output are searched byte by byte for a known key."""
    key = "sk-very-secret-4711"
    url = project.server.url
    both = {"provider": "openai", "base_url": url, "api_key_env": "MY_KEY"}
    project.config(url, variants={n: {**both, "model": n} for n in ("base", "cand")})
    run = project.run("--quant-junit=ours.xml", "--junitxml=p.xml", "-l", MY_KEY=key)

    assert OK == run.code, run.output
    assert {f"Bearer {key}"} == {
        headers.get("Authorization") or headers.get("authorization")
        for headers in project.server.headers
    }
    assert key not in run.output
    for path in project.folder.rglob("*"):
        assert not path.is_file() or key.encode() not in path.read_bytes(), path
