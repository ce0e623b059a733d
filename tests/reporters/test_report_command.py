"""``quantguard report`` and ``quantguard check-report``: what becomes of a report.json."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from pytest_quantguard import _publish, cli
from pytest_quantguard._registry import Registry
from pytest_quantguard.reporters import _texts
from pytest_quantguard.reporters import json as report_json
from pytest_quantguard.verdicts import Verdict

OK, FAILED, USAGE, INCONCLUSIVE = 0, 1, 4, 10
SHA = "1f0c6d8e2b7a4953c1d0e9f8a7b6c5d4e3f2a1b0"


@pytest.fixture
def call(tmp_path, monkeypatch, capsys):
    """Call the command in an empty folder; return its exit code, and what it said in one line."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")

    def command(*arguments):
        code = cli.main([*map(str, arguments)])
        said = capsys.readouterr()
        return code, " ".join((said.out + said.err).split())

    return command


@pytest.fixture
def run(tmp_path, make):
    """Write what a run writes; return its folder."""

    def write(report, name="run", texts=None):
        folder = tmp_path / name
        names = Registry().reporters
        files = _publish.targets(folder, folder / "junit.xml", names)
        _publish.write(report, files, names, texts or make.REALISTIC_TEXTS, tmp_path)
        return folder

    return write


@pytest.fixture
def filed(tmp_path, make):
    """Write report.json alone; return its folder."""

    def write(report, name="run", texts=None):
        report_json.write(report, tmp_path / name / "report.json", texts or make.REALISTIC_TEXTS)
        return tmp_path / name

    return write


@pytest.fixture
def passing(make):
    """Make a report of a run in which everything passed, an hour ago."""

    def report(**provenance):
        found = make.realistic()
        (candidate,) = found.candidates
        rows = tuple(
            replace(row, verdict=Verdict.PASS)
            for row in candidate.budgets
            if row.cohort in (None, "faq")
        )
        candidate = replace(candidate, verdict=Verdict.PASS, budgets=rows, mishaps=())
        told = {"started": time.time() - 3660, "seconds": 60.0, "ci": {"commit": SHA}, **provenance}
        known = {key: value for key, value in told.items() if value is not None}
        return replace(found, candidates=(candidate,), provenance=known)

    return report


def undecided(report):
    """The same, with one budget that cannot be decided."""
    (candidate,) = report.candidates
    unsure = replace(candidate.budgets[-1], verdict=Verdict.INCONCLUSIVE)
    candidate = replace(
        candidate, verdict=Verdict.INCONCLUSIVE, budgets=(*candidate.budgets[:-1], unsure)
    )
    return replace(report, candidates=(candidate,))


# --- report -------------------------------------------------------------------------------------


def test_without_a_target_it_prints_what_the_terminal_showed(call, run, make):
    """And says nothing of its own: the exit code is 0, as rendering judges nothing."""
    folder = run(make.realistic())
    code, said = call("report", folder / "report.json")

    assert code == OK
    assert "quantguard: awq-int4 against bf16" in said
    assert "FAIL" in said
    assert "refund_order" not in said
    assert "refund_order" in call("report", folder / "report.json", "-v")[1]


@pytest.mark.parametrize("kind", ["realistic", "measured", "hostile", "crowded"])
def test_everything_rendered_again_has_the_bytes_that_the_run_wrote(
    call, run, kind, monkeypatch, make
):
    """All reporters see the texts that report.json keeps, and no others."""
    hostile = "]]>\ud800<script>::error::\x1b[31m"
    texts = make.saying(hostile) if kind == "hostile" else make.REALISTIC_TEXTS
    report = make.hostile(hostile) if kind == "hostile" else make.realistic()
    if kind == "measured":
        report = make.measured()
    if kind == "crowded":
        monkeypatch.setattr(_texts, "TEXT_LIMIT", 2_000)
    folder = run(report, texts=texts)
    first = files(folder)
    code, said = call(
        "report", folder / "report.json", "--html=again", "--markdown=again/summary.md",
        "--comment=again/comment.md", "--junit=again/junit.xml", "--routes=again/route.json",
    )  # fmt: skip

    assert code == OK, said
    again = files(folder.parent / "again")
    assert set(first) - set(again) == {"report.json"}
    assert {name: first[name] for name in again} == again


def files(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_targets_are_named_and_their_folders_made(call, run, tmp_path, make):
    """One line for each; nothing else is printed."""
    folder = run(make.realistic())
    code, said = call("report", folder / "report.json", "--junit=a/b/j.xml", "--routes=c/r.json")

    assert (code, said) == (OK, "Written: a/b/j.xml Written: c/r.json")
    assert (tmp_path / "a/b/j.xml").is_file()


def test_strict_junit_is_a_matter_of_one_option(call, run, tmp_path, make):
    """As of a run; alone it means nothing."""
    path = run(make.realistic()) / "report.json"
    call("report", path, "--junit=j.xml", "--junit-strict")
    root = ElementTree.parse(tmp_path / "j.xml").getroot()

    assert not [case for case in root.iter("testcase") if "file" in case.attrib]
    with pytest.raises(SystemExit, match="4"):
        call("report", path, "--junit-strict")


def test_one_file_is_never_two_things(call, run, tmp_path, make):
    """Least of all the report itself, which could not be rendered again."""
    path = run(make.realistic()) / "report.json"
    before = path.read_bytes()

    code, said = call("report", path, f"--junit={path.parent / '..' / 'run' / 'report.json'}")
    assert (code, "--junit and FILE are one file" in said) == (USAGE, True)
    code, said = call("report", path, "--markdown=x", "--comment=./x")
    assert (code, "--comment and --markdown are one file" in said) == (USAGE, True)
    assert before == path.read_bytes()
    assert not (tmp_path / "x").exists()


def test_a_target_that_cannot_be_written_is_an_error(call, run, tmp_path, make):
    """Named, with the reason."""
    path = run(make.realistic()) / "report.json"
    (tmp_path / "file").write_text("")
    code, said = call("report", path, "--junit=file/j.xml")

    assert code == USAGE
    assert "quantguard report: file/j.xml: this report cannot be written" in said


def test_all_targets_that_cannot_be_written_are_named(call, run, tmp_path, make):
    """Each with its reason; what can be written is."""
    path = run(make.realistic()) / "report.json"
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    code, said = call(
        "report", path, "--html=file", "--markdown=folder", "--junit=file/j.xml", "--routes=r.json"
    )

    assert code == USAGE
    assert "file/index.html: this report cannot be written: file is no folder" in said
    assert "folder: this report cannot be written" in said
    assert "file/j.xml: this report cannot be written" in said
    assert "Written: r.json" in said


BAD = {
    "missing.json": (None, "missing.json: cannot be read: No such file or directory"),
    "empty.json": (b"", "empty.json: it is empty; give the report.json of a run"),
    "packed.json": (b"\x1f\x8b\x08\xff\xfe", "packed.json: not UTF-8 text; is it packed?"),
    "cut.json": (b'{"reportFormat": "CTRF", "resu', "cut.json:1: not valid JSON: it ends in the "),
    "nan.json": (b'{"a": NaN}', "nan.json: not valid JSON: NaN is no JSON number"),
    "deep.json": (b"[" * 100_000, "deep.json: not valid JSON: nested deeper than 64 levels"),
    "twice.json": (b'{"a": 1, "a": 2}', "twice.json: not valid JSON: the key 'a' stands twice"),
    "list.json": (b"[]", "list.json: this is no report: a JSON object is missing"),
    "package.json": (b'{"name": "x"}', "but JSON of another kind; give the report.json of a run"),
    "junit.xml": (b"<testsuites/>", "junit.xml: this is no JSON, but XML or HTML; give the"),
    "conf.yaml": (b"baseline: f16", "conf.yaml: this is no JSON, but YAML; give the report.json"),
    "note.txt": (b"hello", "note.txt: this is no JSON; give the report.json of a run"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_report_is_refused_in_one_sentence(call, tmp_path, name):
    """By both commands: 4 where something was to be rendered, 1 where a verdict was expected."""
    data, message = BAD[name]
    if data is not None:
        (tmp_path / name).write_bytes(data)

    for command, expected in (("report", USAGE), ("check-report", FAILED)):
        code, said = call(command, name)
        assert code == expected
        assert said.startswith(f"quantguard {command}: {name}")
        assert message in said
        assert "Traceback" not in said


def test_a_folder_is_no_report(call, tmp_path):
    """Nor anything else that is no ordinary file."""
    assert (USAGE, "quantguard report: .: no ordinary file; give the report.json of a run") == call(
        "report", "."
    )


# --- check-report -------------------------------------------------------------------------------


def test_a_pass_is_a_pass(call, filed, passing):
    """With who passed, and on what."""
    code, said = call("check-report", filed(passing()) / "report.json")

    assert (code, said) == (OK, "awq-int4 against bf16: PASS, 560 cases in 3 cohorts")


def test_a_failure_is_none(call, filed, make):
    """Whatever else is right about it."""
    code, said = call("check-report", filed(make.realistic()) / "report.json")

    assert (code, said) == (FAILED, "awq-int4 against bf16: FAIL, 560 cases in 3 cohorts")


@pytest.mark.parametrize("verdict", [Verdict.ERROR, Verdict.NOT_COMPARABLE])
def test_no_sound_evidence_is_no_pass(call, filed, verdict, passing):
    """Also under --inconclusive=warn."""
    report = passing()
    candidate = replace(report.candidates[0], verdict=verdict)
    path = filed(replace(report, candidates=(candidate,))) / "report.json"

    assert call("check-report", path, "--inconclusive=warn")[0] == FAILED


def test_an_inconclusive_report_is_as_the_workflow_says(call, filed, passing):
    """10 where the report does not tell how the run was configured."""
    path = filed(undecided(passing())) / "report.json"

    assert call("check-report", path)[0] == INCONCLUSIVE
    assert call("check-report", path, "--inconclusive=fail")[0] == INCONCLUSIVE
    assert call("check-report", path, "--inconclusive=warn")[0] == OK


def test_by_default_an_inconclusive_report_ends_as_its_run_did(call, filed, passing):
    """The report tells the policy of the run; the option wins over it."""
    report = undecided(passing(policies={"inconclusive": "warn"}))
    path = filed(report) / "report.json"

    assert call("check-report", path)[0] == OK
    assert call("check-report", path, "--inconclusive=fail")[0] == INCONCLUSIVE


def test_no_candidate_is_no_pass(call, filed, passing):
    """Nothing was judged."""
    assert (
        call("check-report", filed(replace(passing(), candidates=())) / "report.json")[0] == FAILED
    )


def test_a_pass_without_evidence_is_none(call, filed, passing):
    """No run writes one; a file that was made by hand could be green."""
    report = passing()
    bare = replace(report.candidates[0], outcomes=(), budgets=())
    code, said = call(
        "check-report", filed(replace(report, candidates=(bare,))) / "report.json",
        "--inconclusive=warn",
    )  # fmt: skip

    assert code == FAILED
    assert "awq-int4 is said to pass, and no budget was judged: no evidence is no pass" in said


def test_an_old_report_is_none(call, filed, passing):
    """It ended an hour ago; a cache or an artifact may hold one of last week."""
    path = filed(passing()) / "report.json"

    assert call("check-report", path, "--max-age=1.5")[0] == OK
    code, said = call("check-report", path, "--max-age=0.5")
    assert code == FAILED
    assert "UTC, 1.0 hours ago; at most 30.0 minutes are allowed" in said


@pytest.mark.parametrize(
    ("started", "message"),
    [
        (None, "it does not tell when it was made, so its age is not known"),
        (4e9, "it was made at 2096-10-02 07:07 UTC, which is in the future: is a clock wrong?"),
        (1e300, "it was made 1e+300 seconds after 1970, which is in the future"),
    ],
)
def test_a_report_of_no_known_age_is_none(call, filed, started, message, passing):
    """Only where the age was asked for."""
    path = filed(passing(started=started)) / "report.json"

    assert call("check-report", path)[0] == OK
    code, said = call("check-report", path, "--max-age=1")
    assert (code, message in said) == (FAILED, True)


def test_a_report_of_another_commit_is_none(call, filed, passing):
    """The beginning of a commit is enough, in capitals, too."""
    path = filed(passing()) / "report.json"

    assert call("check-report", path, f"--commit={SHA}")[0] == OK
    assert call("check-report", path, f"--commit={SHA[:8].upper()}")[0] == OK
    code, said = call("check-report", path, "--commit=abcdef1234")
    assert (code, f"it is of commit {SHA}, and not of abcdef1234" in said) == (FAILED, True)
    code, said = call(
        "check-report", filed(passing(ci=None), "other") / "report.json", f"--commit={SHA}"
    )
    assert (code, "it does not tell of which commit it is" in said) == (FAILED, True)


def test_candidates_and_cohorts_that_are_required_must_be_there(call, filed, passing):
    """All that is missing at once, with the nearest name."""
    path = filed(passing()) / "report.json"

    assert call("check-report", path, "--candidate=awq-int4", "--require-cohort=faq")[0] == OK
    code, said = call(
        "check-report", path, "--candidate=awq-int8", "--candidate=awq-int4",
        "--require-cohort=fag", "--require-cohort=regulated",
    )  # fmt: skip
    assert code == FAILED
    assert "the candidate 'awq-int8' was not judged; did you mean 'awq-int4'?" in said
    assert "no case of the cohort 'fag' was compared for awq-int4; did you mean 'faq'?" in said
    assert "regulated" not in said


@pytest.mark.parametrize(
    "option", ["--max-age=0", "--max-age=nan", "--max-age=x", "--commit=main", "--commit=1f0c6d"]
)
def test_options_that_mean_nothing_are_usage_errors(call, filed, option, passing, capsys):
    """Not a verdict; what is said names the option, and nothing of ours."""
    path = filed(passing()) / "report.json"
    with pytest.raises(SystemExit, match="4"):
        call("check-report", path, option)
    said = capsys.readouterr().err
    assert option.partition("=")[0] in said
    assert "_hours" not in said


def test_a_failure_is_told_beside_all_that_is_wrong(call, filed, make):
    """Whoever asked for the wrong candidate should know what the others came to."""
    path = filed(make.realistic()) / "report.json"
    code, said = call("check-report", path, "--candidate=none", "--commit=abcdef1234")

    assert code == FAILED
    assert "awq-int4 against bf16: FAIL, 560 cases" in said
    assert "the candidate 'none' was not judged" in said
    assert "commit" in said


def test_hostile_names_are_shown_clean(call, filed, make):
    """A report is a file from elsewhere."""
    text = "::error::x\x1b[31m\u202e"
    path = filed(make.hostile(text), texts=make.saying(text)) / "report.json"
    data = json.loads(path.read_text())
    data["results"]["extra"]["quantguard"]["baseline"]["name"] = text
    path.write_text(json.dumps(data))
    code, said = call("check-report", path, "--candidate=none", f"--require-cohort={text}")

    assert code == FAILED
    assert not {"\x1b", "\u202e"} & set(said)


# --- as JSON ------------------------------------------------------------------------------


def test_report_prints_its_numbers_as_json(run, make, tmp_path, monkeypatch, capsys):
    """Bare: JSON alone, and what was written; no terminal text."""
    folder = run(make.realistic())
    monkeypatch.chdir(tmp_path)
    capsys.readouterr()
    code = cli.main(["report", str(folder / "report.json"), "--markdown", "s.md", "--json"])
    found = json.loads(capsys.readouterr().out)
    (candidate,) = found["candidates"]

    assert OK == code
    assert make.realistic().verdict.value == found["verdict"] == candidate["verdict"]
    assert {"summary": "s.md"} == found["written"]
    assert (tmp_path / "s.md").is_file()
    assert len(make.realistic().candidates[0].budgets) == len(candidate["budgets"])


def test_check_report_says_why_as_json(call, passing, filed, tmp_path, capsys):
    """Verdict, problems and exit code; a report that is not there has no verdict."""
    folder = filed(passing())
    code, said = call("check-report", folder / "report.json", "--candidate=nobody", "--json=c.json")
    found = json.loads((tmp_path / "c.json").read_text("ascii"))

    assert code == found["exit_code"] == FAILED
    assert "pass" == found["verdict"]
    assert ["the candidate 'nobody' was not judged"] == [
        p.partition(";")[0] for p in found["problems"]
    ]
    assert "PASS" in said
    gone, text = call("check-report", "gone.json", "--json")
    assert FAILED == gone
    assert '"verdict": null' in text


def test_json_that_cannot_be_written_is_an_error(call, passing, filed):
    """Whoever reads it would read nothing, or an old one."""
    file = filed(passing()) / "report.json"

    for command in ("report", "check-report"):
        code, said = call(command, file, f"--json={file}/x.json")
        assert USAGE == code
        assert "cannot be written" in said
