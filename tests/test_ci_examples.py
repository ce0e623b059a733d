"""The examples for CI systems can be copied: what they use exists, and is pinned."""

from __future__ import annotations

import os
import re
import subprocess

import pytest
import yaml

from action_runner import BASH, ROOT

EXAMPLES = sorted((ROOT / "examples/github").glob("*.yml"))
WORKFLOWS = [*EXAMPLES, *sorted((ROOT / ".github/workflows").glob("*.yml"))]
ACTIONS = {"": ROOT / "action.yml", "/comment": ROOT / "comment/action.yml"}
PINS = {
    "actions/cache": ("27d5ce7f107fe9357f9df03efb73ab90386fccae", "v5.0.5"),
    "actions/checkout": ("3d3c42e5aac5ba805825da76410c181273ba90b1", "v7.0.1"),
    "actions/download-artifact": ("3e5f45b2cfb9172054b4087a40e8e0b5a5461e7c", "v8.0.1"),
    "actions/setup-python": ("5fda3b95a4ea91299a34e894583c3862153e4b97", "v7.0.0"),
    "actions/upload-artifact": ("bbbca2ddaa5d8feaa63e36b76fdaad77386f024f", "v7.0.0"),
    "astral-sh/setup-uv": ("20cfd1bf945f4377ade1205e4dbc17946fc9a30d", "v10.0.1"),
}
"""The commits that were looked at, and the versions that they are."""
USES = re.compile(r"^ *(?:- )?uses: (\S+)(.*)", re.MULTILINE)
OURS = "OWNER/pytest-quantguard"


def name(path):
    """Return the name of a file for pytest."""
    return path.relative_to(ROOT).as_posix()


def load(path):
    """Read a workflow; ``on`` is a word here, and no truth value."""
    return yaml.load(path.read_text("utf-8"), Loader=yaml.BaseLoader)


def jobs(path):
    """Return the jobs of a workflow, by name."""
    return load(path)["jobs"].items()


def steps(path):
    """Return all steps of a workflow or an action."""
    data = load(path)
    found = data["runs"]["steps"] if "runs" in data else []
    return found or [step for job in data["jobs"].values() for step in job["steps"]]


@pytest.mark.parametrize("path", [*WORKFLOWS, *ACTIONS.values()], ids=name)
def test_others_actions_are_pinned_to_commits_that_were_looked_at(path):
    """A full commit, and the version it is beside it; our own is a place to fill in, or here."""
    for used, told in USES.findall(path.read_text("utf-8")):
        action, _, commit = used.partition("@")
        if action.startswith((OURS, "./")):
            assert commit in ("0" * 40, "")
            continue
        assert (commit, told.strip(" #")) == PINS["/".join(action.split("/")[:2])], used


@pytest.mark.parametrize("path", WORKFLOWS, ids=name)
def test_permissions_are_given_job_by_job(path):
    """A workflow has none; nobody writes to the repository; each job has its time."""
    assert load(path)["permissions"] == {}
    assert "concurrency" in load(path)
    for _, job in jobs(path):
        assert job.get("permissions", {}).get("contents") != "write"
        assert int(job["timeout-minutes"]) <= 90


@pytest.mark.parametrize("path", WORKFLOWS, ids=name)
def test_a_job_that_may_write_runs_nothing_of_the_pull_request(path):
    """It checks nothing out, and calls nothing but GitHub's own actions and ours."""
    for _, job in jobs(path):
        if "write" in job.get("permissions", {}).values():
            used = {step["uses"].partition("@")[0] for step in job["steps"] if "uses" in step}
            assert used <= {"actions/download-artifact", f"{OURS}/comment"}
            assert "secrets." not in str(job)


@pytest.mark.parametrize("path", [*WORKFLOWS, *ACTIONS.values()], ids=name)
def test_no_expression_stands_in_a_script(path):
    """Texts of strangers come to scripts through the environment; a checkout keeps no token."""
    for step in steps(path):
        assert "${{" not in step.get("run", "")
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] == "false"


@pytest.mark.parametrize("path", EXAMPLES, ids=name)
def test_every_input_and_output_exists(path):
    """What an example gives to our actions is what they take."""
    for step in steps(path):
        action, _, _ = step.get("uses", "").partition("@")
        if action.startswith(OURS):
            declared = load(ACTIONS[action.removeprefix(OURS)])["inputs"]
            given = step.get("with", {})
            assert set(given) <= set(declared)
            required = {n for n, told in declared.items() if told.get("required") == "true"}
            assert required <= set(given)


@pytest.mark.parametrize("path", EXAMPLES, ids=name)
def test_named_credentials_are_in_the_step_and_nowhere_else(path):
    """A key is seen by the step that needs it, in a job with an environment of its own."""
    for _, job in jobs(path):
        assert "secrets." not in str(job.get("env", ""))
        for step in job["steps"]:
            if names := step.get("with", {}).get("credentials", ""):
                assert set(names.split()) <= set(step["env"])
            if "secrets." in str(step):
                assert job["environment"] == "quantguard"


@pytest.mark.parametrize("path", EXAMPLES, ids=name)
def test_an_example_can_be_read_at_once(path):
    """Less than 60 lines, and it begins by saying what it is for."""
    lines = path.read_text("utf-8").splitlines()

    assert len(lines) < 60
    assert lines[0].startswith("# ")


@pytest.mark.parametrize("path", EXAMPLES, ids=name)
def test_a_job_that_can_be_required_is_never_skipped(path):
    """GitHub takes a skipped job for a success: `verdict` runs always, or says nothing at all.

    In quantguard-fork.yml it is skipped without credentials: there a commit status is required.
    """
    for job_name, job in jobs(path):
        condition = job.get("if", "always()")
        if job_name == "verdict" or (job_name == "gate" and "fork" not in path.name):
            assert "always()" in condition
            assert "continue-on-error" not in str(job)


@pytest.mark.parametrize("path", EXAMPLES, ids=name)
def test_artifacts_that_are_downloaded_are_uploaded(path):
    """The pattern of a download is the name of an upload, there or in the other workflow."""
    uploads = [
        step["with"]["artifact-name"]
        for other in EXAMPLES
        for step in steps(other)
        if "artifact-name" in step.get("with", {})
    ]
    for step in steps(path):
        if step.get("uses", "").startswith("actions/download-artifact@"):
            begin = step["with"]["pattern"].removesuffix("*")
            assert any(upload.startswith(begin) for upload in uploads)


def test_the_ten_lines_of_the_docs_are_a_workflow():
    """They can be copied into a file as they are; their pins and inputs are the examples'."""
    text = (ROOT / "docs/ci.md").read_text("utf-8").split("```yaml\n")[1].split("```")[0]
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    data = yaml.load(text, Loader=yaml.BaseLoader)
    checkout, ours = data["jobs"]["gate"]["steps"]

    assert len(lines) == 10
    assert data["permissions"] == {"contents": "read"}
    assert set(data["on"]) == {"pull_request", "push"}
    assert checkout["uses"] == f"actions/checkout@{PINS['actions/checkout'][0]}"
    assert checkout["with"] == {"persist-credentials": "false"}
    assert ours["uses"].startswith(f"{OURS}@")
    assert set(ours["with"]) <= set(load(ACTIONS[""])["inputs"])
    assert set(ours["with"]["credentials"].split()) <= set(ours["env"])


def test_the_docs_name_every_input_and_output():
    """Each is explained in a table of docs/ci.md."""
    text = (ROOT / "docs/ci.md").read_text("utf-8")
    explained = {
        word
        for row in re.findall(r"^\| (`.*?) \|", text, re.MULTILINE)
        for word in re.findall(r"`([a-z-]+)`", row)
    }

    action = load(ACTIONS[""])
    assert {*action["inputs"], *action["outputs"]} <= explained


def shell(script, folder, **environment):
    """Run a step's script as GitHub does; `gh` writes down what it is called with."""
    gh = folder / "gh"
    gh.write_text('#!/bin/sh\nprintf "%s\\n" "$@" > called\n')
    gh.chmod(0o755)
    files = {name: str(folder / name) for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
    path = f"{folder}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [*BASH, "-c", script],
        cwd=folder,
        env={"PATH": path, **files, "GITHUB_REPOSITORY": "us/repo", **environment},
        capture_output=True,
        timeout=30,
        check=False,
    )
    read = {name: (folder / name) for name in ("called", *files)}
    told = {name: path.read_text("utf-8") for name, path in read.items() if path.exists()}
    return done.returncode, told


def script_of(file, job):
    """Return the only script of a job."""
    steps = dict(jobs(ROOT / f"examples/github/{file}"))[job]["steps"]
    (found,) = [step["run"] for step in steps if "run" in step]
    return found


@pytest.mark.parametrize("result", ["success", "failure", "cancelled", "skipped", ""])
def test_a_forks_commit_gets_a_green_status_for_a_success_alone(tmp_path, result):
    """Skipped or cancelled is no verdict."""
    script = script_of("quantguard-fork.yml", "verdict")

    code, told = shell(script, tmp_path, GATE=result, COMMIT="c" * 40)

    assert code == 0
    state = "success" if result == "success" else "failure"
    wanted = ["api", f"repos/us/repo/statuses/{'c' * 40}", "-f", f"state={state}", "-f"]
    assert told["called"].splitlines() == [*wanted, "context=quantguard"]


@pytest.mark.parametrize(("key", "output"), [("k", "there=true\n"), ("", None)])
def test_a_fork_without_credentials_is_said_to_be_not_run(tmp_path, key, output):
    """The gate is asked for only where the key is there; the key is printed nowhere."""
    script = script_of("quantguard-fork.yml", "credentials")

    code, told = shell(script, tmp_path, KEY=key, COMMIT="c" * 40)

    assert code == 0
    assert told.get("GITHUB_OUTPUT") == output
    assert ("not run: no credentials" in told.get("GITHUB_STEP_SUMMARY", "")) is (output is None)


@pytest.mark.parametrize("commit", ["main", "c" * 39, f"{'c' * 40}\n", "../../x", ""])
def test_a_fork_is_run_by_its_full_commit_alone(tmp_path, commit):
    """A branch could move on between reading and running: nothing is asked for then."""
    script = script_of("quantguard-fork.yml", "credentials")

    code, told = shell(script, tmp_path, KEY="k", COMMIT=commit)

    assert (code, told) == (1, {})


def test_without_credentials_nobody_sets_the_status_of_a_fork():
    """Gate and verdict both hang on the look-up; only the verdict may set a status."""
    found = dict(jobs(ROOT / "examples/github/quantguard-fork.yml"))

    assert "pull_request_target" not in load(ROOT / "examples/github/quantguard-fork.yml")["on"]
    for job in ("gate", "verdict"):
        assert "needs.credentials.outputs.there == 'true'" in found[job]["if"]
    assert [j for j, d in found.items() if "statuses" in d.get("permissions", {})] == ["verdict"]


@pytest.mark.parametrize(("result", "code"), [("success", 0), ("failure", 1), ("skipped", 1)])
def test_the_matrix_is_green_for_a_success_alone(tmp_path, result, code):
    """One candidate that was skipped, cancelled or red keeps the whole from being green."""
    found, _ = shell(script_of("quantguard-matrix.yml", "verdict"), tmp_path, GATE=result)

    assert found == code


def test_the_matrix_ends_with_one_report_of_the_candidates_that_were_asked():
    """Who adds a candidate in one place is told by a red check, not by a report without it."""
    found = dict(jobs(ROOT / "examples/github/quantguard-matrix.yml"))
    (judged,) = [s["with"] for s in found["verdict"]["steps"] if "merge" in s.get("with", {})]

    assert found["gate"]["strategy"]["matrix"]["candidate"] == judged["candidates"].split()
    assert judged["merge"] == "reports/*/report.json"


@pytest.mark.parametrize("path", ["gitlab/.gitlab-ci.yml", "jenkins/Jenkinsfile"])
def test_the_other_systems_ask_for_a_verdict_as_well(path):
    """An old report is removed first, the new one is checked, and reports are kept when red."""
    text = (ROOT / "examples" / path).read_text("utf-8")
    order = [text.index(w) for w in ("rm -rf quant-report", "--quant-candidate", "check-report")]

    assert order == sorted(order)
    assert "always" in text
    assert "quant-report/junit.xml" in text
