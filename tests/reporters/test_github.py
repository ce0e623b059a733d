"""What a job of GitHub Actions gets: the step's summary, and annotations that the runner reads."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gate_project import quantized, speaks
from pytest_quantguard import cli
from pytest_quantguard._github import STEP_LIMIT, Job, show, wanted
from pytest_quantguard.reporters import markdown
from pytest_quantguard.reporters.json import write

ON = {"GITHUB_ACTIONS": "true"}


def commands(output):
    """The lines that the runner obeys: those that begin with two colons."""
    return [line for line in output.splitlines() if line.lstrip().startswith("::")]


@pytest.fixture
def job(tmp_path):
    """A step whose workspace is the folder above the project."""
    environment = {"GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
                   "GITHUB_WORKSPACE": str(tmp_path)}  # fmt: skip
    return Job.of(environment, tmp_path / "project")


# --- the summary ----------------------------------------------------------------------------------


def test_the_summary_is_added_to_what_others_wrote(make, job):
    """Nothing that stands in the file is lost; the report begins on a line of its own."""
    job.summary.write_text("# from a step before", encoding="utf-8")

    job.tell(make.realistic(), make.REALISTIC_TEXTS)

    written = job.summary.read_text("utf-8")
    assert written.startswith("# from a step before\n## ")
    assert markdown.summary_text(make.realistic(), make.REALISTIC_TEXTS) in written


@pytest.mark.parametrize("room", [5_000, 2_002])
def test_a_summary_that_is_nearly_full_stays_below_the_limit(make, job, room):
    """GitHub drops all of it beyond one MiB: what is left of the room decides."""
    job.summary.write_bytes(b"x" * (STEP_LIMIT - room))

    lines = job.tell(make.realistic(), make.REALISTIC_TEXTS)

    written = job.summary.read_bytes()
    assert STEP_LIMIT - room < len(written) <= STEP_LIMIT
    assert b"**FAIL**" in written
    assert b"Left out here for its size" in written
    assert not [line for line in lines if "summary" in line]


def test_a_full_summary_is_left_as_it_is(make, job):
    """Then the log says so; the annotations come all the same."""
    job.summary.write_bytes(b"x" * (STEP_LIMIT - 1_999))

    said, *annotations = job.tell(make.realistic(), make.REALISTIC_TEXTS)

    assert STEP_LIMIT - 1_999 == job.summary.stat().st_size
    assert said.startswith("quantguard: the step's summary is full")
    assert 10 == len(annotations)


def test_a_summary_that_cannot_be_written_costs_no_verdict(make, job):
    """It is a line of the log, and no exception."""
    job.summary.mkdir()

    said, *annotations = job.tell(make.realistic(), make.REALISTIC_TEXTS)

    assert "quantguard: the step's summary cannot be written: Is a directory" == said
    assert 10 == len(annotations)


# --- places ---------------------------------------------------------------------------------------


def test_paths_are_relative_to_the_workspace(job, tmp_path):
    """A project in a folder of the repository is found; what is outside keeps its name."""
    assert "project/golden/a.quant.yaml" == job.place("golden/a.quant.yaml")
    assert "quantguard.yaml" == job.place("../quantguard.yaml")
    assert "../../elsewhere.yaml" == job.place("../../elsewhere.yaml")
    assert "a.yaml" == replace(job, workspace=None).place("a.yaml")


def test_a_path_may_be_any_text(job, hostile_text):
    """A report that was written by hand names no file that exists: nobody looks for it."""
    assert job.place(f"golden/{hostile_text}").startswith("project/golden")


def test_a_workspace_behind_a_link_is_still_the_workspace(tmp_path):
    """Where the runner's path leads through a link, pytest's does not."""
    (tmp_path / "real" / "project").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    job = Job(root=tmp_path / "real" / "project", workspace=tmp_path / "link")

    assert "project/golden/a.yaml" == job.place("golden/a.yaml")


def test_only_a_job_that_listens_is_told():
    """Nothing is said where nobody listens, or where it is switched off."""
    assert wanted("auto", ON)
    assert not wanted("off", ON)
    assert not wanted("auto", {"GITHUB_ACTIONS": "false"})
    assert not wanted("auto", {})


def test_lines_reach_a_log_of_any_encoding(monkeypatch):
    """What a terminal cannot show is escaped: it never ends a run."""
    written = []

    class Ascii:
        encoding = "ascii"
        write = written.append

        def flush(self):
            pass

    monkeypatch.setattr("sys.stdout", Ascii())

    show(["::error title=x::caf\u00e9"])

    assert ["::error title=x::caf\\xe9\n"] == written


# --- commands -------------------------------------------------------------------------------------


def test_the_report_command_tells_github(make, tmp_path, monkeypatch, capsys):
    """With --github: the summary again, and the annotations, at the beginning of lines."""
    write(make.realistic(), tmp_path / "report.json", make.REALISTIC_TEXTS)
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary"))
    monkeypatch.chdir(tmp_path)

    assert 0 == cli.main(["report", "report.json", "-q", "--github"])

    assert 10 == len([x for x in capsys.readouterr().out.splitlines() if x.startswith("::")])
    assert "**FAIL**" in (tmp_path / "summary").read_text("utf-8")


def test_a_merge_that_is_refused_is_told(tmp_path, monkeypatch, capsys):
    """There is no verdict, and the job's page says why."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary"))
    monkeypatch.chdir(tmp_path)

    assert 4 == cli.main(["merge", "missing.json"])

    (line,) = commands(capsys.readouterr().out)
    assert line.startswith("::error title=quantguard%3A no verdict::missing.json")
    assert "no verdict" in (tmp_path / "summary").read_text("utf-8")


# --- runs -----------------------------------------------------------------------------------------


@pytest.fixture
def listening(project, tmp_path):
    """Run the gate as a step of a job; return the run, and what the summary holds then."""

    def run(*options, **more):
        summary = tmp_path / "step-summary"
        told = {"GITHUB_STEP_SUMMARY": str(summary), "GITHUB_WORKSPACE": str(tmp_path), **more}
        done = project.run(*options, **{**ON, **told})
        return done, summary.read_text("utf-8") if summary.exists() else ""

    return run


def test_a_failing_run_tells_its_job(project, listening):
    """Also with -q: the summary is that of the report folder; annotations follow the last line."""
    project.server.default = speaks(
        lambda model, prompt: quantized(model, prompt).replace("forgot", "forgot\n::error::owned")
    )

    done, summary = listening("-q")

    assert 1 == done.code
    written = (project.folder / "quant-report" / "summary.md").read_text("utf-8")
    assert summary == written + "\n"
    found = commands(done.output)
    assert all(line.startswith("::") for line in found)
    assert 2 <= len(found) <= 10
    assert found[0].startswith("::error file=quantguard.yaml,line=")
    assert "title=quantguard%3A FAIL%3A cand%2C all / all::20 of 60 regressed" in found[0]
    assert "file=golden/faq.quant.yaml,line=" in found[1]
    assert r'got "I forgot\n::error::owned"' in found[1]
    assert found == done.output.splitlines()[-len(found) :]


def test_a_run_in_processes_tells_its_job_once(project, listening):
    """Workers say nothing; a pass has a summary and no annotations."""
    done, summary = listening("-n", "2")

    assert 0 == done.code
    assert [] == commands(done.output)
    assert 1 == f"\n{summary}".count("\n## ") == summary.count("## \N{WHITE HEAVY CHECK MARK} ")
    assert done.verdicts == {"cand": "pass"}


def test_a_run_without_verdict_tells_why(project, listening):
    """A golden file that is wrong: the annotation stands at its line, the summary says so."""
    project.write("golden/bad.quant.yaml", "cohort: x\ncases:\n  - {id: a, promt: b, expect: []}\n")

    done, summary = listening()

    assert 0 != done.code
    found = commands(done.output)
    assert found[0].startswith("::error file=golden/bad.quant.yaml,line=3,title=quantguard%3A no")
    assert "promt" in summary
    assert "**no verdict**" in summary


def test_a_refused_configuration_is_told(project, listening):
    """Before the first test is collected, too."""
    project.config(project.server.url, budgts=[])

    done, summary = listening()

    assert 4 == done.code
    assert "budgts" in commands(done.output)[0]
    assert "**no verdict**" in summary


def test_nothing_is_told_where_nothing_was_to_be_judged(project, listening):
    """Switched off, or only collected: neither a summary nor annotations."""
    for options in (("--quant-github=off", "-q"), ("--collect-only", "-q")):
        done, summary = listening(*options)

        assert ("", []) == (summary, commands(done.output))


def test_another_plugin_annotates_already(project, listening):
    """Where pytest-github-actions-annotate-failures is loaded the summary alone is ours."""
    project.server.default = speaks(quantized)
    project.write("pytest_github_actions_annotate_failures.py", '"""Stands in for the plugin."""\n')

    done, summary = listening("-p", "pytest_github_actions_annotate_failures", "-q")

    assert 1 == done.code
    assert [] == commands(done.output)
    assert "**FAIL**" in summary
