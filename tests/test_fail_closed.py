"""Ways in which a gate could be green without evidence, or say more than it may."""

from __future__ import annotations

import pytest

from gate_project import GateProject, quantized, speaks, truthful
from scripted_server import ScriptedServer, answers

KEY = "sk-very-secret-4711"


@pytest.fixture
def worse(tmp_path):
    """A project whose candidate is wrong on every third case."""
    with ScriptedServer(default=speaks(quantized)) as server:
        yield GateProject(tmp_path, server)


def test_one_server_under_two_names_is_refused(project):
    """The candidate would be judged by the baseline's own answers."""
    one = {"provider": "openai", "base_url": project.server.url, "model": "m"}
    project.config(project.server.url, variants={"base": one, "cand": one})
    run = project.run()

    assert run.code == 4, run.output
    assert run.has("quantguard.yaml:", "'cand' is the same model at the same address as 'base'")
    assert project.server.requests == 0


def test_without_pytests_terminal_the_verdict_stands(worse):
    """``-p no:terminal`` takes the option ``verbose`` away, and nothing else."""
    run = worse.run("-p", "no:terminal")

    assert run.code == 1, run.output
    assert '"verdict": "fail"' in (worse.folder / "quant-report" / "route.json").read_text()


def test_a_cohort_without_a_budget_is_refused(project):
    """It could collapse, and the run would pass."""
    project.golden(60, cohort="tools")
    project.config(project.server.url, budgets=[{"cohort": "tools", "max_drop": "10 pt"}])
    run = project.run()

    assert run.code == 4, run.output
    assert run.has("cohort 'faq', check 'exact': no budget covers it")


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_leaving_with_zero_is_not_green_and_leaves_no_older_report(project, workers):
    """pytest.exit(returncode=0) ends a run without a verdict; the last one is not this one's."""
    assert project.run().code == 0
    assert (project.folder / "quant-report" / "route.json").exists()
    project.write(
        "tests/test_exit.py", "import pytest\ndef test_exit(): pytest.exit('bye', returncode=0)\n"
    )
    run = project.run(*workers)

    assert run.code not in (0, 10), run.output
    if not workers:
        for name in ("report.json", "route.json"):
            assert not (project.folder / "quant-report" / name).exists()


def test_a_module_that_cannot_be_collected_voids_the_verdict(project):
    """pytest-xdist goes on after a collection error; the cases of that module are missing."""
    project.write("tests/test_broken.py", "import nothing_like_it\n")
    run = project.run("-n", "2")

    assert run.code == 1, run.output
    assert run.verdicts == {"cand": "error"}
    assert run.has("tests/test_broken.py could not be collected")


def test_a_critical_case_without_an_answer_is_an_error(tmp_path):
    """One failed request of 151 is tolerated, but not on a critical case."""

    def refuses(exchange):
        body = exchange.body.decode()
        if '"crit 0"' in body and '"base"' in body:
            answers(400, '{"error": {"message": "too long"}}')(exchange)
        else:
            speaks(truthful)(exchange)

    with ScriptedServer(default=refuses) as server:
        project = GateProject(tmp_path, server)
        project.golden(150)
        project.golden(1, cohort="crit", critical=True)
        run = project.run()

    assert run.code == 1, run.output
    assert run.has("1 critical checks could not be compared, first crit-0")


BODIES = """
import pytest
from pytest_quantguard import quant_case

@quant_case(cohort="faq", prompt="faq 1", check="exact")
def test_bug(completion): assert {}[completion.text]

@quant_case(cohort="faq", prompt="faq 2", check="exact")
def test_skip(completion): pytest.skip(completion.text)

@quant_case(cohort="faq", prompt="faq 3", critical=True, check="exact")
def test_critical(completion): assert completion.text == "answer faq 3"
"""


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_a_bug_in_a_test_body_shows_its_line_and_no_key(worse, workers):
    """No traceback through our code, whose arguments know the key; an error, not a lost case."""
    url = worse.server.url
    both = {"provider": "openai", "base_url": url, "api_key_env": "MY_KEY"}
    worse.config(url, variants={n: {**both, "model": n} for n in ("base", "cand")})
    worse.write("tests/test_bodies.py", BODIES)
    run = worse.run("--junitxml=j.xml", "--showlocals", "-rA", *workers, MY_KEY=KEY)

    assert run.code == 1, run.output
    assert run.verdicts == {"cand": "error"}
    assert run.has("the test raised KeyError", "(at test_bodies.py:6)", "(at test_bodies.py:9)")
    assert "_collect.py" not in run.output
    assert KEY not in run.output + (worse.folder / "j.xml").read_text("utf-8")


def test_ids_with_an_at_sign_stay_apart(project):
    """pytest-xdist's groups use it, but so may parameters."""
    project.write(
        "tests/test_at.py",
        "import pytest\nfrom pytest_quantguard import quant_case\n\n"
        "@pytest.mark.parametrize('x', [f'a@{i}' for i in range(60)])\n"
        "@quant_case(cohort='py', prompt='faq 1')\n"
        "def test_x(completion, x): assert completion.text\n",
    )
    run = project.run("-n", "2", "--dist=loadgroup")

    assert run.code == 0, run.output
    assert run.has("120 of 120 planned checks were compared")


def test_numbers_of_other_libraries_are_understood(project):
    """A check that returns numpy's one, or text where a number belongs."""
    project.write(
        "conftest.py",
        "import dataclasses, fractions\n"
        "from pytest_quantguard import Outcome\n"
        "@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)\n"
        "class Odd:\n"
        "    value: object\n"
        "    shorthand = 'value'\n"
        "    key = 'odd'\n"
        "    def __call__(self, completion, case):\n"
        "        value = fractions.Fraction(1) if self.value == 1 else self.value\n"
        "        return Outcome(value=value)\n"
        "def pytest_quantguard_register(registry):\n"
        "    registry.checks.add('odd', Odd)\n",
    )
    project.golden(60, expect=[{"odd": 1}])
    sound = project.run("-n", "2")
    project.golden(60, expect=[{"odd": "x"}])
    broken = project.run()

    assert sound.code == 0, sound.output
    assert broken.verdicts == {"cand": "error"}
    assert broken.has("the check 'odd' returned")


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "xdist"])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"base_url": None}, "base_url must be an address"),
        ({"api_key_env": "NO_SUCH_KEY"}, "NO_SUCH_KEY"),
        ({"provider": "vllm"}, "unknown provider 'vllm'"),
        ({"provider": "llamacpp", "model": "nowhere.gguf"}, "cannot read the model"),
        ({"provider": "llamacpp", "model": "embedded:q8"}, "unknown scheme 'q8'"),
    ],
)
def test_a_variant_that_cannot_work_costs_no_request(project, change, message, workers):
    """Found before the baseline is asked anything; exit 4 with the variant's line."""
    good = {"provider": "openai", "base_url": project.server.url, "model": "cand"}
    bad = {key: value for key, value in {**good, **change}.items() if value is not None}
    if bad["provider"] == "llamacpp":
        del bad["base_url"]
    project.config(project.server.url, variants={"base": {**good, "model": "base"}, "cand": bad})
    run = project.run(*workers)

    assert run.code == 4, run.output
    assert run.has("quantguard.yaml:", message)
    assert "Traceback" not in run.output
    assert project.server.requests == 0
