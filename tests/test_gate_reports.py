"""What a run writes: project reporters, where the run comes from, and all of it rendered again."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import junitparser
import pytest
import xmlschema

from gate_project import GateProject, quantized, speaks, truthful
from pytest_quantguard import _publish, cli
from pytest_quantguard._registry import Names, Registry
from pytest_quantguard.errors import ConfigError, QuantGuardError
from pytest_quantguard.reporters import REPORTERS
from pytest_quantguard.reporters._texts import Texts
from pytest_quantguard.variants import Variant
from pytest_quantguard.verdicts import GateReport
from scripted_server import ScriptedServer

OK, FAILED, USAGE = 0, 1, 4
JENKINS = Path(__file__).with_name("reporters") / "jenkins.xsd"
SHA = "1f0c6d8e2b7a4953c1d0e9f8a7b6c5d4e3f2a1b0"
NO_GITHUB = {"GITHUB_ACTIONS": "", "GITHUB_STEP_SUMMARY": ""}
GITLAB = {
    **NO_GITHUB,
    "GITLAB_CI": "true",
    "CI_COMMIT_SHA": SHA,
    "CI_COMMIT_REF_NAME": "main",
    "CI_JOB_URL": "https://git.invalid/acme/-/jobs/7",
}
REPORTER = """
def mine(report, path, texts):
    lost = [o for c in report.candidates for o in c.outcomes if o.regressed]
    said = {texts.completion(o.keys[1]).text for o in lost}
    path.write_text(f"{len(lost)} {sorted(said)}")

mine.file = "mine.txt"

def plain(report, path, texts):
    path.write_text(report.verdict.value)

def pytest_quantguard_register(registry):
    registry.reporters.add("mine", mine)
    registry.reporters.add("plain", plain)
"""
BROKEN = """
def broken(report, path, texts):
    raise KeyError("::error::no such cohort")

def pytest_quantguard_register(registry):
    registry.reporters.add("broken", broken)
"""


@pytest.fixture
def worse(tmp_path):
    """A project whose candidate is wrong on every third case."""
    with ScriptedServer(default=speaks(quantized)) as server:
        yield GateProject(tmp_path, server)


def test_a_run_writes_what_it_says_and_can_be_rendered_again(worse, tmp_path, monkeypatch):
    """Project reporters, the id of the run, the CI job, both JUnit files; then the same bytes."""
    worse.write("conftest.py", REPORTER)
    run = worse.run("--quant-junit=ours.xml", "--junitxml=theirs.xml", **GITLAB)

    assert FAILED == run.code, run.output
    folder = tmp_path / "quant-report"
    assert (folder / "mine.txt").read_text() == "20 ['I forgot']"
    assert (folder / "plain").read_text() == "fail"
    assert run.has("route.json, mine.txt, plain)", "Written: ours.xml")
    told = run.report["provenance"]
    assert len(told["run"]) == 32
    assert told["ci"] == {
        "name": "gitlab", "commit": SHA, "ref": "main", "url": GITLAB["CI_JOB_URL"],
    }  # fmt: skip
    whole = json.loads((folder / "report.json").read_text())
    assert whole["runId"] == told["run"]
    assert whole["results"]["environment"]["commit"] == SHA

    theirs = junitparser.JUnitXml.fromfile(str(tmp_path / "theirs.xml"))
    kinds = Counter(type(r).__name__ for suite in theirs for case in suite for r in case.result)
    assert {"Failure": 1} == kinds  # the budget; a case that regressed is no failed test
    xmlschema.XMLSchema(JENKINS).validate(tmp_path / "theirs.xml")

    monkeypatch.chdir(tmp_path)
    assert OK == cli.main(
        ["report", "quant-report/report.json", "--html=again", "--markdown=again/summary.md",
         "--comment=again/comment.md", "--junit=again/ours.xml", "--routes=again/route.json"]
    )  # fmt: skip
    (tmp_path / "ours.xml").rename(folder / "ours.xml")
    again = {p.relative_to("again"): p for p in Path("again").rglob("*") if p.is_file()}
    assert len(again) > 5
    for name, path in again.items():
        assert path.read_bytes() == (folder / name).read_bytes(), name
    assert FAILED == cli.main(["check-report", "quant-report/report.json", f"--commit={SHA}"])


def test_a_reporter_that_fails_ends_the_run_red_by_its_name(tmp_path):
    """Even when all cases passed: somebody counts on that file. Strict JUnit is written before."""
    with ScriptedServer(default=speaks(truthful)) as server:
        project = GateProject(tmp_path, server)
        project.write("conftest.py", BROKEN)
        run = project.run("--quant-junit=strict.xml", "--quant-junit-strict", **NO_GITHUB)

    assert USAGE == run.code, run.output
    assert run.has("the reporter 'broken' failed: KeyError: '::error::no such cohort'")
    assert not any(line.lstrip().startswith("::") for line in run.output.splitlines())
    xmlschema.XMLSchema(JENKINS).validate(tmp_path / "strict.xml")


# --- project reporters --------------------------------------------------------------------------


@pytest.fixture
def names():
    """The drawer of reporters, with the built-in ones."""
    return Registry().reporters


@pytest.fixture
def report():
    """A report of nothing."""
    variant = Variant(name="base", provider="openai", model="m")
    return GateReport(baseline=variant, candidates=(), provenance={})


NOTHING = Texts(lambda key: None)


def write(report, path, texts):
    path.write_text("written")


def test_a_projects_reporter_writes_below_the_report_folder(names, report, tmp_path):
    """Its attribute ``file``, or its name; the folder is made; after all of ours."""
    names.add("mine", write)
    files = _publish.targets(tmp_path / "a" / "b", None, names)

    assert list(files)[-1] == "mine"
    assert files["mine"] == tmp_path / "a" / "b" / "mine"
    written = _publish.write(report, {"mine": files["mine"]}, names, NOTHING, tmp_path)
    assert written == {"mine": "a/b/mine"}
    assert files["mine"].read_text() == "written"


class Named:
    """A reporter that is an object, with a file of its own."""

    def __init__(self, file):
        self.file = file

    def __call__(self, report, path, texts):
        path.write_text("written")


@pytest.mark.parametrize(
    ("thing", "message"),
    [
        (Named("../x"), "the attribute 'file' of the reporter 'mine' is"),
        (Named("a/b"), "the attribute 'file' of the reporter 'mine' is"),
        (Named(""), "the attribute 'file' of the reporter 'mine' is"),
        (Named(7), "the attribute 'file' of the reporter 'mine' is 7"),
        (Named("report.json"), "'mine' wants to write 'report.json', as another reporter does"),
        (Named("REPORT.json"), "'mine' wants to write 'REPORT.json', as another reporter does"),
        (Named("junit.xml"), "'mine' wants to write 'junit.xml', as another reporter does"),
        ("no.such.module:thing", "the reporter 'mine' cannot be imported from 'no.such.module"),
        ("json:decoder", "a reporter is called as reporter(report, path, texts)"),
    ],
)
def test_a_reporter_that_cannot_be_used_is_refused_before_the_run(names, tmp_path, thing, message):
    """By name; and nothing is written outside of the report folder."""
    names.add("mine", thing)
    with pytest.raises(ConfigError) as raised:
        _publish.targets(tmp_path, tmp_path / "junit.xml", names)

    assert message in str(raised.value)


def skips(report, path, texts):
    path.write_text("")
    pytest.skip("nothing to do")


def leaves(report, path, texts):
    raise SystemExit(0)


def forgets(report, path, texts):
    """Write nothing."""


@pytest.mark.parametrize(
    ("reporter", "message"),
    [
        (skips, "the reporter 'mine' failed: Skipped: nothing to do"),
        (leaves, "the reporter 'mine' failed: SystemExit: 0"),
        (forgets, "the reporter 'mine' has not written"),
        (lambda report: None, "the reporter 'mine' failed: TypeError"),
    ],
)
def test_a_reporter_that_ends_early_or_writes_nothing_fails(
    names, report, tmp_path, reporter, message
):
    """pytest.skip() and sys.exit(0) would end a run green."""
    names.add("mine", reporter)
    with pytest.raises(QuantGuardError) as raised:
        _publish.write(report, {"mine": tmp_path / "mine"}, names, NOTHING, tmp_path)

    assert message in str(raised.value)


def test_control_c_is_no_failure_of_a_reporter(names, report, tmp_path):
    """Whoever stops the run gets it stopped."""

    def stopped(report, path, texts):
        raise KeyboardInterrupt

    names.add("mine", stopped)
    with pytest.raises(KeyboardInterrupt):
        _publish.write(report, {"mine": tmp_path / "mine"}, names, NOTHING, tmp_path)


def test_strict_junit_is_another_reporter_of_the_same_file(names, tmp_path):
    """One of the two, never both."""
    path = tmp_path / "j.xml"

    assert _publish.targets(tmp_path, path, names)["junit"] == path
    strict = _publish.targets(tmp_path, path, names, strict=True)
    assert strict["junit-strict"] == path
    assert "junit" not in strict
    assert set(_publish.FILES) <= set(REPORTERS)
    assert isinstance(names, Names)


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        ("--quant-report=afile", "afile is no folder, or stands in none"),
        ("--quant-junit=afile/junit.xml", "afile is no folder, or stands in none"),
        ("--quant-junit=golden", "golden is a folder: name a file for the report"),
    ],
)
def test_a_report_that_cannot_be_written_is_refused_before_the_first_request(
    project, option, sentence
):
    """Finding out at the end would cost all the answers."""
    project.write("afile", "mine")

    run = project.run(option)

    assert 4 == run.code
    assert run.has(sentence)
    assert 0 == project.server.requests
    assert "mine" == (project.folder / "afile").read_text()


def test_a_refused_configuration_leaves_no_older_report(project):
    """Nobody reads yesterday's verdict where today's run was refused."""
    folder = project.folder / "quant-report"
    folder.mkdir()
    for name in ("report.json", "index.html", "route.json", "notes.txt"):
        (folder / name).write_text("yesterday")

    assert 4 == project.run("--quant-config=missing.yaml").code
    assert ["notes.txt"] == [path.name for path in folder.iterdir()]
