"""quantguard init: what it writes works as it stands, and nothing of the user's is touched."""

from __future__ import annotations

import json
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft7Validator, Draft202012Validator

from pytest_quantguard import _config, cli
from pytest_quantguard.commands import init as _init
from pytest_quantguard.commands._starter import writing
from pytest_quantguard.commands._starter.files import files, schemas
from test_ci_examples import PINS, USES

ROOT = Path(__file__).parents[1]
STARTER = ROOT / "src/pytest_quantguard/commands/_starter"
OK, USAGE = 0, 4
URL, OTHER = "http://127.0.0.1:8000/v1", "http://127.0.0.1:8001/v1"
WRITTEN = {
    ".github/workflows/quantguard.yml",
    ".gitignore",
    ".quantguard/schemas/config.schema.json",
    ".quantguard/schemas/golden.editor.schema.json",
    "golden/json-extraction.quant.yaml",
    "golden/product-questions.quant.yaml",
    "golden/tool-calling.quant.yaml",
    "golden/tools.json",
    "pytest.ini",
    "quantguard.yaml",
    "tests/test_quant_cases.py",
}


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty folder, in which commands are typed."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def present(folder: Path) -> set[str]:
    """Every file below a folder."""
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


def workflow(folder: Path) -> str:
    return (folder / ".github/workflows/quantguard.yml").read_text("utf-8")


# --- what is written ----------------------------------------------------------------------


def test_it_writes_a_set_up_and_says_what_comes_next(here, capsys):
    """In an empty folder: every file, the three next commands, and what to edit."""
    assert OK == cli.main(["init"])
    text = capsys.readouterr().out

    assert WRITTEN == present(here)
    assert "\n  quantguard doctor\n  pytest --quant-candidate=q8_0\n  quantguard plan\n" in text
    assert "golden/: cases of your own" in text
    assert ".quantguard/\nquant-report/\n" == (here / ".gitignore").read_text("ascii")


def test_a_folder_is_made_and_named_in_the_commands(here, capsys):
    """With a blank in its name, the command can be typed as it stands."""
    assert OK == cli.main(["init", "my gate/one", "--no-workflow"])

    assert "  cd 'my gate/one'\n  quantguard doctor\n" in capsys.readouterr().out
    assert WRITTEN - {".github/workflows/quantguard.yml"} == present(here / "my gate/one")


def test_what_is_written_fits_the_schemas_that_are_written(here):
    """As an editor reads them, and as the loader does: two variants, 90 cases, 3 cohorts."""
    cli.main(["init"])
    read = json.loads((here / ".quantguard/schemas/config.schema.json").read_text("utf-8"))
    golden = json.loads((here / ".quantguard/schemas/golden.editor.schema.json").read_text("utf-8"))
    config = yaml.safe_load((here / "quantguard.yaml").read_text("utf-8"))
    cases = []
    for path in sorted(here.glob("golden/*.quant.yaml")):
        document = yaml.safe_load(path.read_text("utf-8"))
        assert [] == list(Draft7Validator(golden).iter_errors(document))
        cases += [(document["cohort"], case["id"]) for case in document["cases"]]
    settings = _config.load(here / "quantguard.yaml", here, candidates=["q8_0"])

    assert [] == list(Draft202012Validator(read).iter_errors(config))
    assert 90 == len(set(cases))
    assert 3 == len({cohort for cohort, _ in cases})
    assert "f16" == settings.baseline.name


def test_own_servers_take_the_place_of_the_tiny_models(here):
    """Address, model and the key's variable; the same golden cases."""
    arguments = ["--url", URL, "--model", "big", "--candidate-url", OTHER, "--key-env", "QKEY"]
    assert OK == cli.main(["init", *arguments])
    settings = _config.load(here / "quantguard.yaml", here, candidates=["candidate"])
    (candidate,) = settings.candidates

    assert (URL, "big", "QKEY") == (
        settings.baseline.base_url,
        settings.baseline.model,
        settings.baseline.api_key_env,
    )
    assert (OTHER, "big") == (candidate.base_url, candidate.model)
    assert "QKEY: ${{ secrets.QKEY }}" in workflow(here)
    assert "llamacpp" not in workflow(here)


def test_without_a_candidate_the_baseline_is_compared_with_itself(here, capsys):
    """Until one is written where the file says."""
    assert OK == cli.main(["init", "--url", "https://models.example/v1", "--model", "big"])
    settings = _config.load(here / "quantguard.yaml", here, candidates=[], null=True)

    assert "pytest --quant-null" in capsys.readouterr().out
    assert "pytest --quant-null" in workflow(here)
    assert "baseline-again" == settings.candidates[0].name


def test_a_hostile_name_of_a_model_is_a_name(here):
    """Quotes, line ends, colons and our own placeholders: the file says what was typed."""
    name = 'a"b: {x}\n@EXTRA@ @VARIANTS@ # ${{ secrets.X }} \u202e'
    assert OK == cli.main(["init", "--url", URL, "--model", name])
    read = yaml.safe_load((here / "quantguard.yaml").read_text("utf-8"))

    assert name == read["variants"]["baseline"]["model"]
    assert "secrets" not in workflow(here)


def test_the_workflow_is_pinned_and_gives_nothing_away(here):
    """Full commits that were looked at, no permissions but reading, no expression in a script."""
    cli.main(["init"])
    text = workflow(here)
    data = yaml.load(text, Loader=yaml.BaseLoader)
    (job,) = data["jobs"].values()

    assert {} == data["permissions"]
    assert {"contents": "read"} == job["permissions"]
    assert "if" not in job
    for used, told in USES.findall(text):
        action, _, commit = used.partition("@")
        assert (commit, told.strip(" #")) == PINS["/".join(action.split("/")[:2])]
    assert not any("${{" in step.get("run", "") for step in job["steps"])


@pytest.mark.parametrize(
    ("arguments", "candidate"),
    [
        ([], "q8_0"),
        (["--url", URL, "--model", "m", "--key-env", "QKEY"], "baseline-again"),
        (["--url", URL, "--model", "m", "--candidate-url", OTHER], "candidate"),
    ],
)
def test_the_workflow_keeps_the_rules_of_the_docs(here, arguments, candidate):
    """No verdict is red; answers are kept, by the default branch alone; one step sees the key."""
    cli.main(["init", *arguments])
    (job,) = yaml.load(workflow(here), Loader=yaml.BaseLoader)["jobs"].values()
    told = [step.get("run") or step["uses"].partition("@")[0] for step in job["steps"]]
    signs = ["cache/restore", "rm -rf quant-report", "-m pytest", "check-report", "cache/save"]
    order = [next(at for at, one in enumerate(told) if sign in one) for sign in signs]
    restored, _, asked, checked, saved = (job["steps"][at] for at in order)

    assert sorted(order) == order
    assert {"run"} == set(checked)
    assert f'--commit "$GITHUB_SHA" --candidate {candidate} --max-age 2' in checked["run"]
    assert "github.event_name == 'push'" in saved["if"]
    assert (restored["with"]["path"], restored["with"]["key"]) == tuple(saved["with"].values())
    assert restored["with"]["key"].startswith(restored["with"]["restore-keys"])
    with_key = [step for step in job["steps"] if "secrets." in str(step)]
    assert with_key == ([asked] if "--key-env" in arguments else [])


# --- what is left alone -------------------------------------------------------------------


def test_a_file_that_exists_is_named_and_nothing_is_written(here, capsys):
    """All of them at once; exit 4."""
    (here / "quantguard.yaml").write_text("mine")
    (here / "golden").mkdir()
    (here / "golden/tools.json").write_text("mine")

    assert USAGE == cli.main(["init"])
    assert "quantguard.yaml, golden/tools.json; move them away" in capsys.readouterr().err
    assert {"quantguard.yaml", "golden/tools.json"} == present(here)
    assert "mine" == (here / "quantguard.yaml").read_text()


def test_force_replaces_files_and_links_but_not_what_links_lead_to(here, tmp_path_factory):
    """A link becomes a file of its own."""
    other = tmp_path_factory.mktemp("other") / "theirs"
    other.write_text("theirs")
    (here / "quantguard.yaml").symlink_to(other)
    (here / "pytest.ini").write_text("mine")

    assert USAGE == cli.main(["init"])
    assert OK == cli.main(["init", "--force"])
    assert "theirs" == other.read_text()
    assert not (here / "quantguard.yaml").is_symlink()
    assert "testpaths" in (here / "pytest.ini").read_text()


@pytest.mark.parametrize("lines", [b"node_modules", b"a\r\nb\r\n", b"\xff\n.quantguard/\n"])
def test_lines_are_added_to_a_gitignore_that_is_there(here, lines):
    """Those that are missing, with its own line ends; a second time nothing is added."""
    (here / ".gitignore").write_bytes(lines)
    cli.main(["init"])
    once = (here / ".gitignore").read_bytes()
    cli.main(["init", "--force"])

    assert once.startswith(lines)
    assert 1 == once.count(b".quantguard/") == once.count(b"quant-report/")
    assert b"\r" not in once or once.count(b"\r\n") == once.count(b"\n")
    assert once == (here / ".gitignore").read_bytes()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pyproject.toml", "[tool.pytest.ini_options]\n"),
        ("setup.cfg", "[tool:pytest]\n"),
        ("tox.ini", "[pytest]\n"),
        (".pytest.ini", ""),
    ],
)
def test_a_project_that_configures_pytest_keeps_its_configuration(here, capsys, name, text):
    """Then there is no pytest.ini, and it is said what to look after."""
    (here / name).write_text(text)

    assert OK == cli.main(["init"])
    assert not (here / "pytest.ini").exists()
    assert "'golden' among testpaths" in capsys.readouterr().out


def test_a_gate_in_pyproject_is_one_already(here, capsys):
    """Of two configurations one would be passed over."""
    (here / "pyproject.toml").write_text("[tool.quantguard]\nbaseline = 'x'\n")

    assert USAGE == cli.main(["init"])
    assert "pyproject.toml has [tool.quantguard] already" in capsys.readouterr().err
    assert {"pyproject.toml"} == present(here)


def test_a_folder_that_is_a_file_or_leads_out_is_refused(here, capsys, tmp_path_factory):
    """With one sentence each; nothing is written, not outside either."""
    outside = tmp_path_factory.mktemp("outside")
    (here / "golden").write_text("")
    (here / "tests").symlink_to(outside)
    (here / "quantguard.yaml").mkdir()

    assert USAGE == cli.main(["init", "--force"])
    told = capsys.readouterr().err
    assert "golden has to be a folder" in told
    assert "tests leads out of this folder" in told
    assert "quantguard.yaml has to be a file" in told
    assert [] == list(outside.iterdir())
    assert USAGE == cli.main(["init", "golden"])
    assert "golden is no folder" in capsys.readouterr().err


def test_a_disk_that_fills_up_half_way_leaves_everything_as_it_was(here, monkeypatch, capsys):
    """What was replaced is put back, what was made is taken away."""
    (here / ".gitignore").write_text("mine\n")
    (here / "pytest.ini").write_text("mine\n")
    real, calls = writing.write_whole, []

    def full(path: Path, data: bytes) -> None:
        calls.append(path)
        if len(calls) == 9:
            raise OSError(28, "No space left on device", str(path))
        real(path, data)

    monkeypatch.setattr(writing, "write_whole", full)

    assert USAGE == cli.main(["init", "--force"])
    assert "No space left on device" in capsys.readouterr().err
    assert {".gitignore", "pytest.ini"} == present(here)
    assert "mine\n" == (here / "pytest.ini").read_text()
    assert {".gitignore", "pytest.ini"} == {path.name for path in here.iterdir()}


# --- options ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--model", "m"], "--model is about a server: give --url, too"),
        (["--url", URL], "--url needs --model"),
        (["--url", "ftp://x", "--model", "m"], "must start with http://"),
        (["--url", "http://[x", "--model", "m"], "is no address"),
        (["--url", "http://me:hunter22@x/v1", "--model", "m"], "carries a user name"),
        (["--url", URL, "--model", "m", "--key-env", "sk-hunter22"], "never the key itself"),
        (["--url", URL, "--model", "m", "--candidate-url", URL], "the candidate is the baseline"),
        (["--url", URL, "--model", "m", "--json=/"], "cannot be written"),
    ],
)
def test_options_that_make_no_sense_are_refused(here, capsys, arguments, said):
    """Exit 4 and what to write; a password or a key is not repeated."""
    assert USAGE == cli.main(["init", *arguments])
    told = capsys.readouterr()

    assert said in told.err
    assert "hunter22" not in told.err + told.out


def test_json_tells_what_was_written(here, capsys):
    """And nothing else is printed."""
    assert OK == cli.main(["init", "gate", "--json"])
    told = json.loads(capsys.readouterr().out)

    assert WRITTEN == set(told["written"])
    assert ["cd gate", "quantguard doctor"] == told["next"][:2]
    assert 1 == told["version"]


def test_schemas_alone_are_written_again(here, capsys):
    """After a clone, and after an update: nothing else is looked at."""
    (here / "quantguard.yaml").write_text("mine")

    assert OK == cli.main(["init", "--schemas"])
    assert OK == cli.main(["init", "--schemas"])
    assert set(schemas()) | {"quantguard.yaml"} == present(here)
    assert "Next:" not in capsys.readouterr().out


def test_a_missing_llama_cpp_is_told_with_its_command(here, monkeypatch, capsys):
    """The files are written all the same; with own servers nobody needs it."""
    monkeypatch.setattr(_init, "find_spec", lambda name: None if name == "xllamacpp" else 1)

    assert OK == cli.main(["init", "one"])
    assert 'pip install "pytest-quantguard[llamacpp]"' in capsys.readouterr().out
    assert OK == cli.main(["init", "two", "--url", URL, "--model", "m"])
    assert "pip install" not in capsys.readouterr().out


def test_the_wheel_takes_the_templates():
    """It takes whole folders, less what git ignores: none of the files is left out."""
    target = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["hatch"]["build"]
    ignored = (ROOT / ".gitignore").read_text("utf-8").split()
    inside = [path for path in STARTER.rglob("*") if "__pycache__" not in path.parts]
    left_out = [
        path
        for path in inside
        if any(fnmatch(part, one.strip("/")) for part in path.parts[-4:] for one in ignored)
    ]

    assert {"packages": ["src/pytest_quantguard"]} == target["targets"]["wheel"]
    assert len(inside) >= len(WRITTEN)
    assert [] == left_out


def test_every_template_is_used(tmp_path):
    """None lies about; what is filled in leaves no mark behind."""
    texts = list(files(None, tmp_path, workflow=True).values())

    assert not any("@BASELINE@" in text or "@OPTION@" in text for text in texts)
