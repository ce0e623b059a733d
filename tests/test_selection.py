"""Paths on the command line select; they do not make a budget's name a mistake."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from pytest_quantguard._survey import left_out

BUDGETS = [{"max_drop": "10 pt"}, {"cohort": "tools", "max_drop": "10 pt"}]


@pytest.fixture
def two(project):
    """Two cohorts in two files, one of which has a budget of its own."""
    project.config(project.server.url, budgets=BUDGETS)
    project.golden(60, "tools")
    return project


@pytest.mark.parametrize("workers", [(), ("-n2",)])
def test_a_file_alone_can_be_judged(two, workers):
    """The budget of a cohort in another file is open, and not a misspelt name."""
    run = two.run("golden/faq.quant.yaml", "--quant-underpowered=allow", *workers)

    assert 10 == run.code, run.output
    verdicts = {row["cohort"]: row["verdict"] for row in run.report["candidates"][0]["budgets"]}
    assert {None: "pass", "tools": "inconclusive"} == verdicts
    assert run.has("no case of it was selected")


def test_a_file_alone_is_too_little_for_the_other_budget(two):
    """Without --quant-underpowered=allow it is refused before the first request."""
    run = two.run("golden/faq.quant.yaml")

    assert 4 == run.code
    assert run.has("tools / all: none of its cases is selected")
    assert [] == two.server.bodies


def test_a_misspelt_cohort_is_a_mistake_in_a_whole_run(two):
    """Nothing is left out there that could have the name."""
    two.config(two.server.url, budgets=[*BUDGETS, {"cohort": "tols", "max_drop": "9 pt"}])

    run = two.run()

    assert 4 == run.code
    assert run.has("no case has the cohort 'tols'; did you mean 'tools'?")


@pytest.mark.parametrize("option", ["--quant-answers=answers.jsonl", "--quant-sequential"])
def test_options_that_need_a_candidate_are_not_green_without_one(project, option):
    """A run in which nothing is judged must not look like one."""
    project.write("test_a.py", "def test_a(): pass")

    run = project.run(option, candidate=None)

    assert 4 == run.code
    assert run.has(f"{option.partition('=')[0]} needs --quant-candidate=NAME")


DECORATED = """
from pytest_quantguard import quant_case

{decorator}
def test_a(completion):
    assert completion.text
"""


@pytest.mark.parametrize(
    ("decorator", "sentence"),
    [
        ("@quant_case(cohort='a', promt='x')", "unknown argument 'promt'; did you mean 'prompt'?"),
        ("@quant_case", "write @quant_case(cohort=..., prompt=...), with parentheses"),
        ("@quant_case('a')", "takes keyword arguments only"),
    ],
)
def test_a_decorator_that_is_written_wrongly(project, decorator, sentence):
    """A usage error with file and line, whatever the mistake."""
    project.write("tests/test_a.py", DECORATED.format(decorator=decorator))

    run = project.run()

    assert 4 == run.code, run.output
    assert run.has("tests/test_a.py:4", sentence)


def test_checks_that_are_wrong_in_both_are_counted(project):
    """The row says what to mend; which cases they are is said with -v."""
    project.write(
        "golden/faq.quant.yaml",
        json.dumps(
            {
                "cohort": "faq",
                "cases": [
                    {"id": f"c{i}", "prompt": f"faq {i}", "expect": [{"exact": "never"}]}
                    for i in range(60)
                ],
            }
        ),
    )

    run = project.run()

    assert 10 == run.code
    assert run.has("mend the cases or their checks", "Wrong in both: 60 checks, see -v")
    assert "c0 (exact)" not in run.output


@pytest.mark.parametrize(
    ("testpaths", "given", "left"),
    [
        ([], None, False),
        ([], ["golden", "tests"], True),  # who knows what else there is
        ([], ["."], False),
        (["golden", "tests"], ["tests", "golden"], False),
        (["golden/*.yaml"], ["golden"], False),
        (["golden", "tests"], ["golden"], True),
        (["golden"], ["golden/a.yaml::case"], True),
    ],
)
def test_a_run_is_whole_when_its_paths_cover_what_a_bare_pytest_collects(
    tmp_path, testpaths, given, left
):
    """Routes and history are about whole golden sets; naming all of it is no part of it."""
    for name in ("golden/a.yaml", "tests/test_a.py"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    source = pytest.Config.ArgsSource
    config = SimpleNamespace(
        args_source=source.TESTPATHS if given is None else source.ARGS,
        args=given or testpaths,
        rootpath=tmp_path,
        invocation_params=SimpleNamespace(dir=tmp_path),
        getini={"testpaths": testpaths}.__getitem__,
    )

    assert left == left_out(config)
