"""The quantguard command, as a user types it: what is seen, and what the exit code is."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from gate_project import quantguard
from pytest_quantguard import _noise, cli
from pytest_quantguard.providers.openai import OpenAIProvider
from pytest_quantguard.variants import Variant

OK, USAGE, NOTHING = 0, 4, 5
HEAVY = {"pytest", "httpx", "yaml", "jsonschema", "diskcache", "numpy"}


@pytest.fixture
def plan(project):
    """Plan a project of 60 cases."""
    return lambda *arguments, **env: quantguard(project.folder, "plan", *arguments, **env)


def test_what_other_plugins_warn_of_is_no_part_of_an_answer(project, plan):
    """Where the cases were collected; a mistake is said, and what was said beside it."""
    project.write(
        "conftest.py",
        "import sys\ndef pytest_configure(config):\n    sys.stderr.write('a warning\\n')\n",
    )
    fine, wrong = plan(), plan("-k", "(")

    assert (0, False) == (fine.code, "a warning" in fine.output), fine.output
    assert (4, True) == (wrong.code, "a warning" in wrong.output), wrong.output


WARNING = "error::pytest.PytestAssertRewriteWarning"


@pytest.mark.parametrize("arguments", [("-W", WARNING), ("--", "golden")])
def test_a_project_whose_warnings_are_errors(project, plan, arguments):
    """That our modules are imported already is no mistake of the project."""
    project.write("pytest.ini", f"[pytest]\nfilterwarnings = {WARNING}\n")
    # In a process of its own: the modules of one that forks were imported by pytest.
    run = plan(*arguments, PYTHONHASHSEED="0")

    assert OK == run.code, run.output


def test_what_is_said_before_pytest_is_left_is_not_lost(project, plan):
    """A conftest.py that ends the process says why."""
    project.write("conftest.py", "import sys\nsys.stderr.write('no license\\n')\nsys.exit(3)\n")
    run = plan()

    assert (3, True) == (run.code, "no license" in run.output), run.output


# --- finding the command ------------------------------------------------------------------


def test_help_lists_the_commands_and_imports_next_to_nothing(tmp_path):
    """Half a line for each; no pytest, no configuration is needed."""
    code = (
        "import sys\nfrom pytest_quantguard.cli import main\ntry:\n    main(['--help'])\n"
        "finally:\n    print('MODULES', *sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    modules = set(done.stdout.partition("MODULES ")[2].split())

    assert OK == done.returncode
    assert "plan say which budgets your golden cases can decide" in " ".join(done.stdout.split())
    assert max(map(len, done.stdout.partition("MODULES ")[0].splitlines())) <= 80
    assert set() == modules & HEAVY


def test_plan_help_tells_its_options(capsys):
    """And that everything else is pytest's."""
    with pytest.raises(SystemExit) as stop:
        cli.main(["plan", "--help"])
    text = capsys.readouterr().out

    assert OK == stop.value.code
    assert "[--noise 2%|auto]" in text
    assert "Everything else goes to pytest" in text


def test_a_misspelt_command_is_a_usage_error(capsys):
    """Did you mean; exit 4, as for every mistake of the user."""
    with pytest.raises(SystemExit) as stop:
        cli.main(["plam"])

    assert USAGE == stop.value.code
    assert "unknown command 'plam'; did you mean 'plan'?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [([], USAGE, "usage: quantguard"), (["--version"], OK, "quantguard 0.")],
)
def test_without_a_command(arguments, code, text, capsys):
    """Nothing was asked for: help, and not green. The version is the package's."""
    assert code == cli.main(arguments)
    assert text in "".join(capsys.readouterr())


def test_a_wrong_option_is_a_usage_error(capsys):
    """Exit 4, not argparse's 2, which pytest has for interrupted runs."""
    with pytest.raises(SystemExit) as stop:
        cli.main(["--versoin"])

    assert USAGE == stop.value.code


# --- quantguard plan ----------------------------------------------------------------------


def test_plan_shows_each_budget_and_asks_nothing(plan, project):
    """No request, no report touched, no cache made."""
    project.write("quant-report/report.json", "the last run's")
    run = plan()

    assert OK == run.code, run.output
    assert run.has(
        "quantguard plan: 60 cases in 1 cohort (quantguard.yaml)",
        "cand against base: about 2% of outcomes differ even if nothing is lost",
        "cohort check n budget power 80% 95% add proves notices",
        "all all 60 10 pt",
        "budgets: - {max_drop:",
        "cand 60 0 60 ? ? ?",
        "the variant has no price",
    )
    assert 0 == project.server.requests
    assert "the last run's" == (project.folder / "quant-report/report.json").read_text()
    assert not (project.folder / ".quantguard").exists()
    assert "::" not in run.output


def test_plan_counts_what_is_cached(plan, project):
    """After a run nothing is left to be asked, and that costs nothing."""
    project.run()
    run = plan("--json")
    arms = json.loads(run.output)["arms"]

    assert [(60, 60, 0.0)] * 2 == [(a["requests"], a["cached"], a["cost"]) for a in arms]
    assert 120 == project.server.requests


def test_plan_takes_every_candidate_unless_some_are_named(plan, project):
    """Each with what its own format lets expect."""
    both = {"provider": "openai", "base_url": project.server.url, "model": "m"}
    formats = {"base": 16, "q8": 8, "q4": 4}
    variants = {n: {**both, "quantization": {"weight_bits": bits}} for n, bits in formats.items()}
    project.config(project.server.url, variants=variants)
    everyone = json.loads(plan("--json").output)
    one = json.loads(plan("--json", "--candidate", "q4", "--noise=1%").output)

    assert {"q8": 0.025, "q4": 0.08} == {c["name"]: c["psi"] for c in everyone["candidates"]}
    assert {"q4": 0.07} == {c["name"]: round(c["psi"], 6) for c in one["candidates"]}
    assert ["base", "q8", "q4"] == [arm["name"] for arm in everyone["arms"]]


def test_plan_selects_as_a_run_does(plan, project):
    """Paths, -k and functions; a budget on a cohort that is left out is shown as such."""
    project.golden(70, cohort="tools", tags=["smoke"])
    project.config(project.server.url, budgets=[{"cohort": "*", "max_drop": "10 pt"}])
    project.write(
        "tests/test_py.py",
        "import pytest\nfrom pytest_quantguard import quant_case\n"
        "@pytest.mark.parametrize('i', range(40))\n"
        "@quant_case(cohort='py', prompt='x')\ndef test_x(completion, i): assert completion\n",
    )

    assert plan().has("170 cases in 3 cohorts", "py all 40 10 pt")
    assert plan("golden").has("130 cases in 2 cohorts")
    assert plan("-k", "smoke", "golden").has(
        "70 cases in 1 cohort", "UNDECIDABLE: none of its cases is selected"
    )


def test_plan_reports_undecidable_budgets_and_check_refuses_them(plan, project):
    """In the table with what to add; exit 4 only where it was asked for."""
    project.config(project.server.url, budgets=[{"max_drop": "1 pt"}])
    seen, checked = plan(), plan("--check")
    project.config(project.server.url, budgets=[{"max_drop": "10 pt"}])

    assert (OK, USAGE) == (seen.code, checked.code)
    assert checked.has("UNDECIDABLE: a run takes it from 629 cases on")
    assert checked.has("1 budget UNDECIDABLE: a run is refused")
    assert OK == plan("--check").code


def test_plan_writes_json_to_a_file_beside_the_table(plan, project):
    """Only --json=FILE names a file; what follows a bare --json is pytest's."""
    run = plan("--json=plan.json")
    data = json.loads((project.folder / "plan.json").read_text())
    bare = plan("--json", "golden")

    assert run.has("60 cases in 1 cohort")
    assert (1, 60, "base") == (data["version"], data["cases"], data["baseline"])
    assert data == json.loads(bare.output)


def test_a_plan_that_cannot_be_written_is_an_error(plan, project):
    """Nobody would read it."""
    run = plan("--json=quantguard.yaml/plan.json")

    assert USAGE == run.code
    assert run.has("quantguard.yaml/plan.json: this report cannot be written")


def test_plan_takes_the_noise_that_was_measured(plan, project):
    """A share that was kept for this baseline takes the place of an assumption.

    Two of 240 is planned with as 3 of 242: none of a few would be no promise of none.
    """
    base = Variant(name="base", provider="openai", model="base", base_url=project.server.url)
    cache = project.folder / ".quantguard/cache"
    found = _noise.Noise(compared=240, flipped=2)
    _noise.save(cache, OpenAIProvider(base).identity(), found)
    measured = json.loads(plan("--json").output)["candidates"][0]
    given = json.loads(plan("--json", "--noise=3%").output)["candidates"][0]

    assert "measured" == measured["noise_source"]
    assert 3 / 242 == pytest.approx(measured["noise"])
    assert ("given", 0.03) == (given["noise_source"], given["noise"])


def test_plan_knows_prices(plan, project):
    """As long as the answers that are cached."""
    variant = {"provider": "openai", "base_url": project.server.url}
    priced = {"price": {"input": 1_000_000, "output": 0}}
    project.config(
        project.server.url,
        variants={
            "base": {**variant, "model": "base"},
            "cand": {**variant, "model": "cand"},
            "next": {**variant, **priced, "model": "next"},
        },
    )
    project.run()
    arms = {arm["name"]: arm for arm in json.loads(plan("--json").output)["arms"]}
    tokens = arms["next"]["prompt_tokens"]

    assert tokens is not None
    assert pytest.approx(tokens) == arms["next"]["cost"]
    assert "taken to be as long as base's answers" == arms["next"]["note"]


@pytest.mark.parametrize("width", ["60", "200"])
def test_plan_fits_the_terminal(plan, width):
    """In a narrow one columns are left out."""
    run = plan(COLUMNS=width)

    assert max(map(len, run.output.splitlines())) <= int(width)


def test_the_example_in_the_docs_is_what_is_printed():
    """All but the last table, which depends on what is cached."""
    root = Path(__file__).parents[1]
    run = quantguard(root / "examples/helpdesk", "plan", "--candidate=awq-int4")
    table, _, _ = run.output.partition("\narm ")

    assert OK == run.code, run.output
    assert table in (root / "docs/plan.md").read_text("utf-8"), run.output


# --- mistakes: the same sentences as in a run ---------------------------------------------


def test_a_missing_configuration_is_said_as_in_a_run(plan, project):
    """With and without a candidate's name."""
    (project.folder / "quantguard.yaml").unlink()

    for run in (plan(), plan("--candidate=cand"), project.run()):
        assert USAGE == run.code
        assert run.has("neither quantguard.yaml nor [tool.quantguard]")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("variants: {}\nbudgets: [{max_drop: 2 pt}]\n", "quantguard.yaml:1"),
        ("baseline: [\n", "quantguard.yaml:"),
        (
            "baseline: a\nvariants: {a: {provider: openai, model: m}}\nbudgets: auto\n",
            "'a' is the only variant",
        ),
    ],
)
def test_a_broken_configuration_is_a_usage_error(plan, project, text, message):
    """No traceback."""
    project.write("quantguard.yaml", text)
    run = plan()

    assert USAGE == run.code, run.output
    assert run.has(message)
    assert "Traceback" not in run.output


@pytest.mark.parametrize("candidate", [(), ("--candidate=cand",)])
@pytest.mark.parametrize(
    ("options", "env"),
    [(("-p", "no:quantguard"), {}), ((), {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"})],
)
def test_a_plan_without_the_plugin_says_so(plan, candidate, options, env):
    """Pytest collects the cases, so the plugin has to be on."""
    run = plan(*candidate, *options, **env)

    assert USAGE == run.code, run.output
    assert run.has("quantguard: the plugin is off", "PYTEST_DISABLE_PLUGIN_AUTOLOAD")
    assert "Traceback" not in run.output
    assert "INTERNALERROR" not in run.output


def test_a_plugin_that_is_loaded_by_name_is_on(plan):
    """As the sentence above advises."""
    assert OK == plan("-p", "quantguard", PYTEST_DISABLE_PLUGIN_AUTOLOAD="1").code


def test_a_misspelt_candidate_is_a_usage_error(plan):
    """With the name that was probably meant."""
    run = plan("--candidate=candi")

    assert USAGE == run.code
    assert run.has("unknown candidate 'candi'; did you mean 'cand'?")


def test_a_broken_golden_file_is_a_usage_error(plan, project):
    """With file:line, and without a list of what could be collected."""
    project.write("golden/bad.quant.yaml", "cohort: x\ncases:\n  - id: a\n    promt: x\n")
    run = plan()

    assert USAGE == run.code, run.output
    assert run.has("golden/bad.quant.yaml:4: unknown key 'promt'", "did you mean 'prompt'?")
    assert "Traceback" not in run.output
    assert "60" not in run.output


def test_a_budget_for_an_unknown_cohort_is_a_usage_error(plan, project):
    """A plan for a misspelt budget would be a plan for another gate."""
    project.config(project.server.url, budgets=[{"cohort": "fag", "max_drop": "10 pt"}])
    run = plan()

    assert USAGE == run.code
    assert run.has("no case has the cohort 'fag'; did you mean 'faq'?")


def test_nothing_selected_is_not_green(plan):
    """Pytest's own code for it."""
    run = plan("-k", "nothing_like_it")

    assert NOTHING == run.code
    assert run.has("no golden case was selected: there is nothing to plan")


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--noise=much", "--noise: 'much' is no share below 100%"),
        ("--power=0.2", "--power: '0.2' is no share from 50% to 99.9%"),
    ],
)
def test_a_wrong_argument_is_a_usage_error(option, message, capsys):
    """Said before anything is collected."""
    with pytest.raises(SystemExit) as stop:
        cli.main(["plan", option])

    assert USAGE == stop.value.code
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("--no-such-option", "unrecognized arguments: --no-such-option"),
        ("no/such/path", "file or directory not found: no/such/path"),
    ],
)
def test_what_is_not_ours_is_refused_by_pytest(plan, argument, message):
    """In pytest's own words."""
    run = plan(argument)

    assert USAGE == run.code, run.output
    assert run.has(message)
    assert "Traceback" not in run.output


def test_a_misspelt_option_is_refused_by_pytest_with_the_nearest_of_ours(plan):
    """Everything else goes to pytest, which knows nothing of ours."""
    run = plan("--candidat=cand")

    assert USAGE == run.code
    assert run.has("unrecognized arguments: --candidat=cand", "did you mean '--candidate'?")
