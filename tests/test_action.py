"""The GitHub action does what it says: its steps are run here, against scripted models."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from action_runner import ROOT, Runner, program, told
from gate_project import GateProject, quantized, speaks
from pytest_quantguard._publish import FILES

CACHE_RESTORE, CACHE_SAVE = "actions/cache/restore", "actions/cache/save"
UPLOAD = "actions/upload-artifact"


@pytest.fixture
def workspace(tmp_path, project) -> GateProject:
    """Return a project in the workspace of a job."""
    folder = tmp_path / "workspace"
    folder.mkdir()
    moved = GateProject(folder, project.server)
    moved.golden(60)
    return moved


@pytest.fixture
def runner(tmp_path, workspace) -> Runner:
    """Return what runs action.yml there."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    return Runner(workspace.folder, scratch)


@pytest.fixture(scope="module")
def gate():
    """Return the program of the steps as a module."""
    return program("gate")


def git(folder: Path, *arguments: str) -> str:
    """Run git; return what it prints."""
    who = ["-c", "user.name=a", "-c", "user.email=a@example.invalid"]
    done = subprocess.run(
        ["git", *who, *arguments], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_a_pass_is_green(runner, workspace):
    """Verdict, report and artifact are told; the commit that is checked out is the report's."""
    git(workspace.folder, "init", "--quiet")
    git(workspace.folder, "add", "golden")
    git(workspace.folder, "commit", "--quiet", "-m", "cases")
    commit = git(workspace.folder, "rev-parse", "HEAD")

    outcome = runner.run(candidates="cand", credentials="PATH", artifact_name="mine")

    assert not outcome.failed, outcome.log
    assert outcome.outputs == {
        "verdict": "pass",
        "exit-code": "0",
        "report": "quant-report/report.json",
        "artifact-name": "mine",
    }
    report = json.loads((workspace.folder / "quant-report/report.json").read_text("utf-8"))
    assert report["results"]["extra"]["quantguard"]["provenance"]["ci"]["commit"] == commit
    assert outcome.given(UPLOAD) == {"name": "mine", "path": "quant-report"}
    assert (workspace.folder / outcome.given(CACHE_RESTORE)["path"] / "cache.db").is_file()
    history = outcome.given(CACHE_RESTORE, 1)
    assert (workspace.folder / history["path"]).is_file()
    assert history["key"] == "quantguard-history-cand-123-1"
    assert history["restore-keys"] == "quantguard-history-cand-"
    assert CACHE_SAVE not in outcome.called
    assert "PASS" in outcome.summary
    assert runner.installed == ["install", str(ROOT), "--quiet", "--disable-pip-version-check"]


def test_a_fail_is_red_after_the_upload(runner, workspace):
    """The reports are uploaded first; then the action fails, with pytest's exit code."""
    workspace.server.default = speaks(quantized)

    outcome = runner.run(candidates="cand")

    assert outcome.failed
    assert outcome.outputs["verdict"] == "fail"
    assert outcome.outputs["exit-code"] == "1"
    assert outcome.given(UPLOAD)["name"] == "quantguard-gate-cand"


def test_inconclusive_has_an_exit_code_of_its_own(runner, workspace):
    """It is told as such, and is not green."""
    workspace.server.default = speaks(_somewhat)

    outcome = runner.run(candidates="cand", inconclusive="fail")

    assert outcome.outputs["verdict"] == "inconclusive", outcome.log
    assert outcome.outputs["exit-code"] == "10"
    assert outcome.failed


def test_a_configured_warning_is_green(runner, workspace):
    """Without the input the configuration's policy holds, for the check of the report too."""
    workspace.server.default = speaks(_somewhat)
    workspace.config(workspace.server.url, policies={"inconclusive": "warn"})

    outcome = runner.run(candidates="cand")

    assert outcome.outputs["verdict"] == "inconclusive"
    assert not outcome.failed, outcome.log


def test_without_credentials_nothing_is_run(runner, workspace):
    """It is said in the summary, asked of no server, uploaded nowhere, and not green."""
    runner.environment["THERE"] = "secret-key"
    runner.environment["EMPTY"] = " "

    outcome = runner.run(candidates="cand", credentials="THERE, EMPTY\nGONE")

    assert outcome.failed
    assert outcome.outputs["verdict"] == "not-run"
    assert "not run: no credentials" in outcome.summary
    assert "EMPTY, GONE." in outcome.summary
    assert "secret-key" not in outcome.summary + outcome.log
    assert outcome.called == ["actions/setup-python"]
    assert workspace.server.requests == 0


@pytest.mark.parametrize("arguments", ["-p no:quantguard", "--collect-only"])
def test_a_gate_that_is_switched_off_is_never_green(runner, workspace, arguments):
    """Reports that were committed do not help, and are uploaded nowhere; it is said once."""
    passed = {"results": {"extra": {"quantguard": {"verdict": "pass"}}}}
    for name in FILES.values():
        workspace.write(f"quant-report/{name}", json.dumps(passed))

    outcome = runner.run(candidates="cand", pytest_args=arguments)

    assert outcome.failed
    assert outcome.outputs["verdict"] == "none"
    assert outcome.outputs["exit-code"] not in ("", "0")
    assert outcome.outputs["report"] == ""
    assert outcome.summary.count("no verdict") == 1
    assert outcome.log.count("\n::error ") == 1
    assert list((workspace.folder / "quant-report").iterdir()) == []


def test_modules_of_the_project_are_not_taken_for_the_gate(runner, workspace):
    """A folder named like what is called is not called."""
    for name in ("pip", "pytest_quantguard", "json"):
        workspace.write(f"{name}/__init__.py", "import sys; sys.exit(0)")
        workspace.write(f"{name}/__main__.py", "")

    outcome = runner.run(candidates="cand, gone", pytest_args="--collect-only")

    assert runner.installed[0] == "install"
    assert outcome.failed
    assert outcome.outputs["verdict"] == "none"


def test_a_pass_beside_a_failed_test_is_told_apart(runner, workspace):
    """The models passed, the run did not: it is red, and an annotation says why."""
    workspace.write("test_other.py", "def test_it():\n    assert False\n")

    outcome = runner.run(candidates="cand")

    assert outcome.failed
    assert (outcome.outputs["verdict"], outcome.outputs["exit-code"]) == ("pass", "1")
    assert "\n::error title=quantguard%3A the run failed::the verdict is a pass" in outcome.log


def test_a_pass_that_lacks_a_cohort_is_no_verdict(runner, workspace):
    """The gate says PASS, and the step that it does not count."""
    outcome = runner.run(candidates="cand", require_cohorts="faq, legal")

    assert outcome.failed
    assert (outcome.outputs["verdict"], outcome.outputs["exit-code"]) == ("none", "1")
    assert "the cohort 'legal'" in outcome.log
    assert "no verdict" in outcome.summary


def test_hostile_inputs_are_only_texts(runner, workspace):
    """No shell reads them: nothing is expanded, and what is unknown is an error."""
    outcome = runner.run(
        candidates='cand"$(touch${IFS}pwned)',
        config="`touch pwned`",
        pytest_args="'$(touch pwned); touch pwned' \"&& touch pwned\"",
        install="'; touch pwned'",
    )

    assert outcome.failed
    assert outcome.outputs["exit-code"] == "4"
    assert list(workspace.folder.rglob("pwned*")) == []
    assert runner.installed[-1] == "; touch pwned"
    assert outcome.summary.count("no verdict") == 1
    assert outcome.log.count("\n::error ") == 1


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("candidates", " ,\n"),
        ("config", "a\nverdict=pass"),
        ("artifact_name", "a\n::error::b"),
        ("report_folder", ".hidden"),
        ("report_folder", "."),
        ("report_folder", "../up"),
        ("working_directory", "/etc"),
        ("working_directory", "gone"),
        ("merge", "/etc/*.json"),
        ("merge", "../*.json"),
        ("cache_path", "a/../../b"),
        ("cache", "yes"),
        ("upload", "True"),
        ("inconclusive", "ignore"),
        ("shard", "2 of 5"),
        ("credentials", "A B-C"),
        ("credentials", "A=1"),
        ("pytest_args", "-k 'open"),
    ],
)
def test_inputs_that_cannot_be_meant_are_refused(gate, tmp_path, monkeypatch, capsys, name, text):
    """The step fails and names the input, on one line; nothing is told to GitHub."""
    usual = {"working-directory": ".", "report-folder": "r", "cache-path": "c", "cache": "true"}
    inputs = {"candidates": "cand", "upload": "true", **usual, name.replace("_", "-"): text}
    monkeypatch.setenv("QUANTGUARD_INPUTS", json.dumps(inputs))
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path / "output"))

    assert gate.main(["look" if name != "pytest_args" else "judge"]) == 4

    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith(f"::error title=quantguard%3A input::{name.replace('_', '-')}: ")
    assert not (tmp_path / "output").exists()


def test_a_refused_input_fails_the_action(runner):
    """An output cannot be forged by a line break in an input."""
    outcome = runner.run(candidates="cand", artifact_name="a\nverdict=pass")

    assert outcome.failed
    assert (outcome.outputs["verdict"], outcome.outputs["exit-code"]) == ("none", "1")
    assert "artifact-name" in outcome.log


def test_shards_leave_the_verdict_to_the_merge(runner, workspace):
    """A shard leaves its file; the merge judges all of them, and uploads one report."""
    for number in (1, 2):
        asked = runner.run(candidates="cand", shard=f"{number}/2", pytest_args="golden")
        assert not asked.failed, asked.log
        assert asked.called.count(CACHE_RESTORE) == 1  # a shard has no verdict to remember
        assert asked.outputs["verdict"] == "shard"
        assert asked.outputs["report"] == f"quant-report/shard-{number}-of-2.json"
        assert asked.outputs["artifact-name"] == f"quantguard-gate-cand-{number}-of-2"

    merged = runner.run(candidates="cand", merge="quant-report/shard-*.json", credentials="GONE")

    assert not merged.failed, merged.log
    assert merged.outputs["verdict"] == "pass"
    assert merged.given(CACHE_RESTORE)["path"] == ".quantguard/history.sqlite"
    assert (workspace.folder / ".quantguard/history.sqlite").is_file()


def test_reports_of_several_candidates_become_one(runner, workspace):
    """A job for each candidate; one that left no report keeps the whole from being green."""
    asked = runner.run(candidates="cand", report_folder="reports/cand")
    joined = runner.run(candidates="cand", merge="reports/*/report.json")
    lacking = runner.run(candidates="cand other", merge="reports/*/report.json")

    assert ["pass", "pass"] == [one.outputs["verdict"] for one in (asked, joined)]
    assert joined.outputs["report"] == "quant-report/report.json"
    assert lacking.failed
    assert "other" in lacking.log


def test_a_merge_without_shards_is_red(runner, workspace):
    """The pattern that found nothing is named."""
    outcome = runner.run(candidates="cand", merge="shards/*.json")

    assert outcome.failed
    assert outcome.outputs["verdict"] == "none"
    assert "shards/*.json" in outcome.log


def test_shards_that_were_committed_are_refused(gate, workspace):
    """Whatever they say, no run of this workflow wrote them."""
    workspace.write("shards/shard-1-of-1.json", "{}")
    inputs = gate.Inputs({"merge": "shards/*.json", "report-folder": "quant-report"})
    git(workspace.folder, "init", "--quiet")

    assert gate.merge_command(inputs, workspace.folder)[-1] == "shards/shard-1-of-1.json"

    git(workspace.folder, "add", ".")
    with pytest.raises(gate.InputError, match=r"shards/shard-1-of-1\.json' is committed"):
        gate.merge_command(inputs, workspace.folder)


@pytest.mark.parametrize(("code", "told"), [(0, 0), (10, 10), (-9, 1), (256, 1), (0xC0000100, 1)])
def test_only_success_ends_with_0(gate, monkeypatch, code, told):
    """A process that was killed, or a code of Windows of which bash sees the last byte alone."""
    monkeypatch.setattr(gate.subprocess, "run", lambda *_, **__: SimpleNamespace(returncode=code))

    assert gate._python("pytest", env={}) == told


def test_what_is_installed_sees_no_key(gate, monkeypatch):
    """Nor can it speak for the step."""
    seen = []
    run = lambda *_, env, **__: seen.append(env) or SimpleNamespace(returncode=0)  # noqa: E731
    monkeypatch.setattr(gate.subprocess, "run", run)
    inputs = gate.Inputs({"credentials": "KEY"})

    assert gate.install(inputs, {"KEY": "k", "GITHUB_OUTPUT": "o", "HOME": "h"}) == 0
    assert seen == [{"HOME": "h"}]


def test_all_that_the_gate_leaves_is_removed_before(gate):
    """The action knows the names of the files without importing the gate."""
    assert set(gate.FILES) == set(FILES.values())


def test_a_name_of_an_artifact_can_be_one(gate, tmp_path):
    """A variant such as org/model makes no name that the upload refuses, nor an empty one."""
    output = tmp_path / "output"
    for given, expected in (("q-org/model:8b", "q-org-model-8b"), ("北京", "quantguard")):
        output.unlink(missing_ok=True)
        inputs = gate.Inputs({"artifact-name": given, "working-directory": str(tmp_path)})
        gate.look(inputs, {"GITHUB_OUTPUT": str(output)})
        assert told(output.read_text("utf-8"))["artifact-name"] == expected


def test_names_of_artifacts_differ_in_a_matrix(gate, tmp_path):
    """Whatever the matrix is about: the index of the job is in the name."""
    inputs = gate.Inputs({"candidates": "a/b, c", "shard": "2/5"})
    job = {"GITHUB_JOB": "gate", "QUANTGUARD_JOB": '{"job-index": 3, "job-total": 10}'}

    assert gate._artifact_name(inputs, job) == "quantguard-gate-a-b-c-2-of-5-3"


@pytest.mark.parametrize(
    ("event", "ref", "sha", "saves"),
    [
        ("push", "refs/heads/main", "here", True),
        ("schedule", "refs/heads/main", "here", True),
        ("workflow_dispatch", "refs/heads/main", "here", True),
        ("workflow_dispatch", "refs/heads/main", "a commit of a fork", False),
        ("push", "refs/heads/feature", "here", False),
        ("pull_request", "refs/pull/7/merge", "here", False),
        ("pull_request_target", "refs/heads/main", "here", False),
        ("workflow_run", "refs/heads/main", "here", False),
    ],
)
def test_only_the_default_branchs_own_code_fills_the_cache(
    gate, tmp_path, monkeypatch, event, ref, sha, saves
):
    """A pull request's answers, or a fork's that a maintainer started, never reach others."""
    path = tmp_path / "event.json"
    path.write_text('{"repository": {"default_branch": "main"}}')
    monkeypatch.setattr(gate, "_commit", lambda folder, environment: sha)
    environment = {"GITHUB_EVENT_PATH": str(path), "GITHUB_EVENT_NAME": event, "GITHUB_REF": ref}

    assert gate._may_save({**environment, "GITHUB_SHA": "here"}) is saves


@pytest.mark.parametrize("committed", [True, False])
def test_answers_that_were_committed_are_pointed_out(gate, workspace, capsys, committed):
    """They are a change's own words about itself; whoever reads the run's page is told."""
    git(workspace.folder, "init", "--quiet")
    workspace.write("answers/cache.db", "x")
    if committed:
        git(workspace.folder, "add", "answers")
    inputs = {"cache-path": "answers", "working-directory": str(workspace.folder)}

    gate.look(gate.Inputs(inputs), {"GITHUB_OUTPUT": str(workspace.folder / "output")})

    said = capsys.readouterr().out
    assert said.startswith("::warning title=quantguard%3A answers::answers is com") is committed


def test_without_an_event_nothing_is_saved(gate):
    """Not on GitHub, or a file that is no event: no."""
    assert gate._may_save({}) is False


def test_the_newest_answers_of_the_same_candidates_are_restored_first(gate, tmp_path):
    """The key is written once; another job's answers are better than none."""
    inputs = gate.Inputs(
        {"candidates": "cand", "cache": "true", "cache-key": "mine", "report-folder": "r"}
        | {"working-directory": "sub", "cache-path": "answers"}
    )
    output = tmp_path / "output"
    job = {"RUNNER_OS": "Linux", "GITHUB_RUN_ID": "123", "GITHUB_RUN_ATTEMPT": "2"}

    gate.look(inputs, {"GITHUB_OUTPUT": str(output), **job})

    found = told(output.read_text("utf-8"))
    assert found["cache-path"] == "sub/answers"
    assert found["cache-key"] == "mine-Linux-cand-123-2"
    assert found["restore-keys"] == "mine-Linux-cand-\nmine-Linux-"
    assert (found["restore"], found["save"]) == ("true", "false")


def _somewhat(model: str, prompt: str) -> str:
    """The candidate is wrong so often that 60 cases cannot tell."""
    number = int(prompt.rsplit(maxsplit=1)[-1])
    return "I forgot" if model == "cand" and number % 12 == 0 else f"answer {prompt}"
