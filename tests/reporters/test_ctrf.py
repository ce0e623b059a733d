"""report.json as readers of CTRF (Common Test Report Format) see it.

CTRF's own schema comes with the npm package ``ctrf``, and with none for Python. So what it asks
for stands here as facts, taken from version 0.3.0: every object is closed but for ``extra``.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from pytest_quantguard.reporters import json as report_json

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
STATUSES = ("passed", "failed", "skipped", "pending", "other")
TEXTS = {"generatedBy": str, "runId": str, "timestamp": str}
KNOWN = {
    "document": {"reportFormat": str, "specVersion": str, "results": dict, **TEXTS},
    "results": {"tool": dict, "summary": dict, "tests": list, "environment": dict, "extra": dict},
    "tool": {"name": str, "version": str, "extra": dict},
    "summary": dict.fromkeys(
        ("tests", *STATUSES, "flaky", "suites", "start", "stop", "duration"), int
    ),
    "environment": dict.fromkeys(("buildName", "buildUrl", "commit", "branchName"), str),
    "test": {
        "id": str, "name": str, "status": str, "rawStatus": str, "duration": int, "suite": list,
        "message": str, "filePath": str, "line": int, "tags": list, "extra": dict,
    },
}  # fmt: skip
"""Of what CTRF knows, what we use, and its type."""
REQUIRED = {
    "document": {"reportFormat", "specVersion", "results"},
    "results": {"tool", "summary", "tests"},
    "tool": {"name"},
    "summary": {"tests", *STATUSES, "start", "stop"},
    "test": {"name", "status", "duration"},
}


def misfits(kind, found):
    """Return what CTRF would refuse about one object."""
    unknown = found.keys() - KNOWN[kind].keys()
    missing = REQUIRED.get(kind, set()) - found.keys()
    wrong = {key for key in found.keys() & KNOWN[kind] if type(found[key]) is not KNOWN[kind][key]}
    empty = {key for key, value in found.items() if key in ("name", "runId", "suite") and not value}
    return unknown | missing | wrong | empty


@pytest.fixture
def written(tmp_path, make):
    """Write a report and read it again."""

    def write(report):
        path = tmp_path / "report.json"
        report_json.write(report, path, make.REALISTIC_TEXTS)
        return json.loads(path.read_bytes())

    return write


def check(document):
    """Assert everything that CTRF asks for."""
    results = document["results"]
    for kind, found in (
        ("document", document), ("results", results), ("tool", results["tool"]),
        ("summary", results["summary"]), ("environment", results.get("environment", {})),
        *(("test", test) for test in results["tests"]),
    ):  # fmt: skip
        assert set() == misfits(kind, found), kind
    assert document["reportFormat"] == "CTRF"
    assert re.fullmatch(r"[0-9]+\.[0-9]+\.[0-9]+", document["specVersion"])
    for test in results["tests"]:
        assert test["status"] in STATUSES
        assert UUID.fullmatch(test["id"])
        assert all(type(text) is str for text in (*test["suite"], *test.get("tags", ())))
    counts = [sum(t["status"] == status for t in results["tests"]) for status in STATUSES]
    assert counts == [results["summary"][status] for status in STATUSES]
    assert results["summary"]["tests"] == len(results["tests"]) == sum(counts)


def test_reports_are_ctrf(written, make, two_candidates, empty_report):
    """With metrics, with several candidates, without any."""
    for report in (make.realistic(), make.measured(), two_candidates, empty_report):
        check(written(report))


def test_hostile_reports_are_ctrf(written, make, hostile_text):
    """Names that are empty or no text at all included."""
    check(written(make.hostile(hostile_text)))


def test_the_run_and_its_ci_job_stand_where_ctrf_has_them(written, make):
    """What other tools group runs by; when it ended, in UTC."""
    job = {"name": "github", "commit": "1f0c6d8", "ref": "main", "url": "https://ci.invalid/7"}
    report = make.realistic()
    report = replace(report, provenance={"run": "4f2a", "ci": job, **report.provenance})
    document = written(report)

    check(document)
    assert (document["runId"], document["timestamp"]) == ("4f2a", "2025-11-21T04:41:02Z")
    assert document["results"]["environment"] == {
        "buildName": "github", "commit": "1f0c6d8", "branchName": "main",
        "buildUrl": "https://ci.invalid/7",
    }  # fmt: skip


def test_without_a_ci_job_nothing_stands_for_one(written, make):
    """No empty text, and no time that is not known."""
    document = written(replace(make.realistic(), provenance={}))

    assert not {"runId", "timestamp"} & document.keys()
    assert "environment" not in document["results"]


def test_a_case_without_an_answer_is_neither_lost_nor_green(written, make):
    """Its mishap is the failed test; the outcome that budgets count stands as other."""
    report = make.realistic()
    (candidate,) = report.candidates
    gone = next(o for o in candidate.outcomes if o.regressed and not o.critical)
    mishap = replace(
        make.realistic_mishaps()[0], cohort=gone.cohort, case=gone.case, check=gone.check
    )
    assert mishap.unanswered
    assert mishap.role == "candidate"
    rows = tuple(replace(row, regressed=()) for row in candidate.budgets)
    document = written(
        replace(report, candidates=(replace(candidate, mishaps=(mishap,), budgets=rows),))
    )
    name = f"{gone.case} / {gone.check}"
    found = {
        (t["status"], t["rawStatus"]) for t in document["results"]["tests"] if t["name"] == name
    }

    check(document)
    assert found == {("other", "unanswered"), ("failed", mishap.kind)}
    assert 1 == document["results"]["summary"]["other"]
