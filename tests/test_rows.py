"""Verdicts as test reports, as pytest and its plugins read them."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from pytest_quantguard import _rows
from pytest_quantguard.verdicts import BudgetVerdict, Verdict


def emitted(verdict, *, message="3 of 60 regressed\nmore of it", **options):
    """Return the reports of one verdict, by phase."""
    found = []
    nothing = lambda **_: None  # noqa: E731

    def keep(report):
        found.append(report)

    hook = SimpleNamespace(
        pytest_runtest_logstart=nothing,
        pytest_runtest_logfinish=nothing,
        pytest_runtest_logreport=keep,
    )
    row = BudgetVerdict(cohort="faq", check=None, max_drop=0.1, verdict=verdict, reason="")
    session = SimpleNamespace(config=SimpleNamespace(hook=hook))
    _rows.emit(session, "cand", row, message, **{"tolerated": False, **options})
    return {report.when: report for report in found}


@pytest.mark.parametrize(
    ("verdict", "phase"),
    [
        (Verdict.FAIL, "call"),
        (Verdict.INCONCLUSIVE, "setup"),
        (Verdict.NOT_COMPARABLE, "setup"),
        (Verdict.ERROR, "setup"),
    ],
)
def test_the_first_line_of_a_section_is_the_verdict(verdict, phase):
    """Where pytest's heading says only ERROR; the line of its summary says it once, too."""
    report = emitted(verdict)[phase]
    word = verdict.word

    assert report.failed
    assert report.longreprtext == f"{word}: 3 of 60 regressed\nmore of it"
    assert report.longrepr.reprcrash.message.split("\n")[0] == f"{word}: 3 of 60 regressed"
    assert report.quantguard_verdict == str(verdict)


def test_a_report_survives_pytests_own_serialisation():
    """Plugins send reports to other processes, and write them to files."""
    report = emitted(Verdict.INCONCLUSIVE, brief=True)["setup"]
    again = pytest.TestReport._from_json(report._to_json())

    assert again.longreprtext == report.longreprtext
    assert again.outcome == "failed"


def test_what_is_tolerated_or_passed_is_no_failure():
    """An inconclusive budget under `inconclusive: warn` is green."""
    for reports in (emitted(Verdict.PASS), emitted(Verdict.INCONCLUSIVE, tolerated=True)):
        assert {"setup", "call", "teardown"} == set(reports)
        assert all(report.passed for report in reports.values())
