"""The hooks ``request`` and ``completion`` of a project: what they may and may not do."""

from __future__ import annotations

import pytest

from gate_project import GateProject, quantized, speaks
from scripted_server import ScriptedServer


@pytest.fixture
def project(tmp_path):
    """Yield twelve cases, four of which regress, and the server behind them."""
    with ScriptedServer(default=speaks(quantized)) as server:
        found = GateProject(tmp_path, server)
        found.golden(12)
        found.config(server.url, policies={"underpowered": "allow"})
        yield found


def found_by(project, *options):
    """A run, and what it judged, in words: the next run's report takes its place."""
    run = project.run(*options)
    (candidate,) = run.report["candidates"]
    return run, [(row["verdict"], row["reason"]) for row in candidate["budgets"]]


def golden_hash(run):
    """What the report says the golden set was."""
    return run.report["provenance"]["golden_hash"]


def test_a_request_is_changed_alike_for_both_variants(project):
    """The changed request is what is asked, what is cached, and what the golden hash is about."""
    plain, judged = found_by(project)
    before = golden_hash(plain)
    project.server.bodies.clear()
    project.write(
        "conftest.py",
        "from dataclasses import replace\n"
        "def pytest_quantguard_request(request, case):\n"
        "    if case.id != 'faq-1':\n"
        "        return replace(request, params={**request.params, 'user': case.cohort})\n",
    )

    changed, changed_judged = found_by(project)
    _, again_judged = found_by(project)

    asked = [(body["model"], body.get("user")) for body in project.server.bodies]
    assert 22 == len(asked), changed.output  # faq-1 is as it was, and known
    assert {("base", "faq"), ("cand", "faq")} == set(asked)
    assert before != golden_hash(changed)
    assert judged == changed_judged == again_judged


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("raise ValueError('no such tenant')", "raised ValueError: no such tenant"),
        ("import pytest; pytest.skip('not today')", "raised Skipped: not today"),
        ("return {'messages': []}", "return a CompletionRequest"),
        ("return type(request)(messages=())", "there have to be messages"),
        ("return type(request)(messages=request.messages, params={'x': {1}})", "that is no JSON"),
    ],
)
def test_a_request_hook_that_fails_is_a_usage_error(project, body, problem):
    """It says which case and where, and nothing is asked."""
    project.write("conftest.py", f"def pytest_quantguard_request(request, case):\n    {body}\n")

    run = project.run()

    assert 4 == run.code
    run.has("golden/faq.quant.yaml:2: case 'faq-0': the hook pytest_quantguard_request", problem)
    assert 0 == project.server.requests


OBSERVER = """
import json

def pytest_quantguard_completion(case, variant, completion):
    with open("seen.txt", "a") as file:
        file.write(f"{case.id} {variant.name} {completion.text}\\n")
    case.request.messages[0]["content"] = "spoiled"
    for check in case.checks:
        object.__setattr__(check, "text", "spoiled")
    object.__setattr__(completion, "text", "spoiled")
    return "PASS"
"""


def test_an_observer_sees_each_answer_once_and_changes_nothing(project):
    """What it is shown is a copy; answers from the cache are shown, too."""
    plain, judged = found_by(project)
    project.write("conftest.py", OBSERVER)

    seen, seen_judged = found_by(project)

    lines = (project.folder / "seen.txt").read_text().splitlines()
    assert 24 == len(lines) == len(set(lines)), seen.output
    assert {"faq-3 base answer faq 3", "faq-3 cand I forgot"} <= set(lines)
    assert (plain.code, judged) == (seen.code, seen_judged)
    assert "spoiled" not in (project.folder / "quant-report" / "report.json").read_text()


@pytest.mark.parametrize(
    ("raised", "said", "processes"),
    [
        ("raise ValueError('disk full')", "ValueError: disk full", "-n0"),
        ("raise ValueError('disk full')", "ValueError: disk full", "-n2"),
        ("pytest.skip('x')", "Skipped: x", "-n0"),
    ],
)
def test_an_observer_that_fails_loses_no_evidence_and_is_not_green(
    project, raised, said, processes
):
    """Every verdict stands as without it; the run fails with a row that says what happened."""
    project.config(
        project.server.url,
        policies={"underpowered": "allow", "inconclusive": "warn"},
    )
    plain, judged = found_by(project)
    text = f"import pytest\ndef pytest_quantguard_completion(case, completion):\n    {raised}\n"
    project.write("conftest.py", text)

    run, run_judged = found_by(project, processes)

    assert (0, 1) == (plain.code, run.code), run.output
    assert judged == run_judged
    run.has(
        "quantguard::hooks::pytest_quantguard_completion",
        said,
        "the evidence is whole, and the verdicts stand",
    )


def test_processes_that_ask_different_things_are_an_error(project):
    """A request made of the time is another one in each worker: that is no evidence of one set."""
    project.write(
        "conftest.py",
        "import os\nfrom dataclasses import replace\n"
        "def pytest_quantguard_request(request, case):\n"
        "    worker = os.environ['PYTEST_XDIST_WORKER']\n"
        "    return replace(request, params={**request.params, 'user': worker})\n",
    )

    run = project.run("-n2")

    assert 1 == run.code
    assert {"cand": "error"} == run.verdicts
    run.has("the processes of this run do not ask the same")
