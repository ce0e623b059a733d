"""Runs that stop as soon as their verdict is decided, validly at every look."""

from __future__ import annotations

from collections import Counter

import pytest

from gate_project import GateProject, speaks, truthful
from pytest_quantguard._looks import look_of_cases
from scripted_server import ScriptedServer


def broken(model: str, prompt: str) -> str:
    """The candidate is wrong on every second case."""
    number = int(prompt.rsplit(maxsplit=1)[-1])
    return "I forgot" if model == "cand" and number % 2 == 0 else f"answer {prompt}"


@pytest.fixture(params=[(), ("-n2",)], ids=["alone", "xdist"])
def workers(request):
    """With and without pytest-xdist."""
    return request.param


def sequential(run):
    """What the report says about the looks."""
    return run.report["provenance"]["sequential"]


def project_of(tmp_path, server, n=200, **config):
    (tmp_path / "tmp").mkdir()
    project = GateProject(tmp_path, server)
    project.config(server.url, **config)
    project.golden(n)
    project.golden(n // 2, cohort="tools")
    return project


def test_each_look_has_a_fair_share_of_each_cohort():
    """A fifth of every cohort in each look, whatever the order of the cases."""
    cohorts = {f"a{i}": "a" for i in range(100)} | {f"b{i}": "b" for i in range(20)}
    looks = look_of_cases(cohorts)

    shares = Counter((cohorts[case], look) for case, look in looks.items())

    assert {("a", i): 20 for i in range(5)} | {("b", i): 4 for i in range(5)} == shares
    assert looks == look_of_cases(dict(reversed(cohorts.items())))


def test_a_clear_loss_stops_at_the_first_look(tmp_path, workers):
    """A fifth of the requests is enough to see that half of the answers are wrong."""
    with ScriptedServer(default=speaks(broken)) as server:
        project = project_of(tmp_path, server)
        run = project.run("--quant-sequential", *workers, TMPDIR=str(tmp_path / "tmp"))

        assert 1 == run.code, run.output
        assert [] == list((tmp_path / "tmp").glob("quantguard-*")), "nothing is left behind"
        assert {"cand": "fail"} == run.verdicts
        assert 120 == server.requests, "60 of 300 cases, on two arms"
        assert {
            "look": 1,
            "looks": 5,
            "stopped_early": True,
            "cases": 60,
            "cases_planned": 300,
            "requests_saved": 480,
            "requests_planned": 600,
        } == sequential(run)
        assert run.has("stopped at look 1 of 5", "60 of 300 cases", "480 of 600 requests")


def test_an_equal_candidate_needs_fewer_cases_too(tmp_path, workers):
    """Not a single difference: PASS before all cases are asked, at a stricter level."""
    with ScriptedServer(default=speaks(truthful)) as server:
        project = project_of(tmp_path, server)
        run = project.run("--quant-sequential", *workers)

        assert 0 == run.code, run.output
        assert sequential(run)["stopped_early"]
        assert 1 < sequential(run)["look"] < 5, "the first look spends almost no error"
        assert 600 - sequential(run)["requests_saved"] == server.requests


def test_what_stays_open_is_asked_to_the_end(tmp_path, workers):
    """A loss near the budget takes all cases, and the number of requests of a plain run."""

    def near(model, prompt):
        cohort, number = prompt.split()
        lost = model == "cand" and int(number) % 14 == 0
        return "wrong" if lost else f"answer {cohort} {number}"

    with ScriptedServer(default=speaks(near)) as server:
        project = project_of(tmp_path, server)
        run = project.run("--quant-sequential", *workers)

        assert 600 == server.requests
        assert 5 == sequential(run)["look"]
        assert not sequential(run)["stopped_early"]


def test_the_same_cases_and_verdict_with_and_without_workers(tmp_path):
    """The second run finds every answer that it needs in the cache."""
    with ScriptedServer(default=speaks(broken)) as server:
        project = project_of(tmp_path, server)
        first = project.run("--quant-sequential")
        before = server.requests
        second = project.run("--quant-sequential", "-n2")

        assert before == server.requests
        assert sequential(first) == sequential(second)
        assert first.verdicts == second.verdicts


def test_other_tests_run_first_and_all(tmp_path):
    """Ordinary tests of the same session are not passed over."""
    with ScriptedServer(default=speaks(broken)) as server:
        project = project_of(tmp_path, server)
        project.write("test_other.py", "def test_a(): pass\ndef test_b(): pass\n")
        run = project.run("--quant-sequential", "-v")

        assert run.has("test_other.py::test_a PASSED", "test_other.py::test_b PASSED")


def test_a_distribution_that_mixes_the_order_is_refused(tmp_path):
    """Workers would wait for each other for ever."""
    with ScriptedServer(default=speaks(truthful)) as server:
        run = project_of(tmp_path, server).run("--quant-sequential", "-n2", "--dist=worksteal")

        assert 4 == run.code
        assert run.has("--quant-sequential needs --dist=load, not --dist=worksteal")
        assert 0 == server.requests


def test_a_worker_that_dies_lets_nobody_wait(tmp_path):
    """The run ends, with an error and not with a verdict."""
    with ScriptedServer(default=speaks(truthful)) as server:
        project = project_of(tmp_path, server)
        project.write(
            "conftest.py",
            "import os\n"
            "def pytest_runtest_setup(item):\n"
            "    if 'faq-7' in item.nodeid:\n"
            "        os._exit(9)\n",
        )
        run = project.run("--quant-sequential", "-n2", "--max-worker-restart=0")

        assert 1 == run.code, run.output
        assert {"cand": "error"} == run.verdicts


def test_failing_fast_ends_the_run_without_a_verdict(tmp_path):
    """-x cuts the run short: waiting workers go home."""
    with ScriptedServer(default=speaks(broken)) as server:
        project = project_of(tmp_path, server)
        project.golden(200, critical=True)
        run = project.run("--quant-sequential", "-n2", "-x")

        assert run.code not in (0, 10), run.output
        assert run.has("No verdict")


def test_no_pass_without_the_critical_cases(tmp_path):
    """They all belong to the first look: one that broke fails the run, however equal the rest."""

    def critical_broken(model, prompt):
        return "no" if model == "cand" and prompt == "rare 0" else f"answer {prompt}"

    with ScriptedServer(default=speaks(critical_broken)) as server:
        project = project_of(tmp_path, server)
        project.golden(1, cohort="rare", critical=True)
        run = project.run("--quant-sequential")

        assert 1 == run.code, run.output
        assert run.has("critical case regressed", "stopped at look 1 of 5", "open: nothing contra")


@pytest.mark.parametrize("option", ["-x", "--maxfail=1"])
def test_an_ordinary_failure_that_ends_the_run_lets_nobody_wait(tmp_path, option):
    """One worker leaves its items of the first look undone; the other must not wait for them."""
    with ScriptedServer(default=speaks(truthful)) as server:
        project = project_of(tmp_path, server)
        project.write("test_other.py", "import time\ndef test_a(): time.sleep(1); assert 0\n")
        run = project.run("--quant-sequential", "-n2", option)

        assert run.code not in (0, 10), run.output
        assert run.has("No verdict")
