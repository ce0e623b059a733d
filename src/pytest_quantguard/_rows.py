"""Verdicts as test reports, so that exit code, terminal, JUnit and every other plugin agree.

A gate that only changes the exit code is invisible to dashboards. Each budget therefore becomes
one synthetic test, ``quantguard::<candidate>::<cohort>::<check>``: a failure for FAIL, an error for
ERROR, NOT COMPARABLE and INCONCLUSIVE.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import pytest

from pytest_quantguard.verdicts import BudgetVerdict, CandidateReport, Verdict

if TYPE_CHECKING:
    from pytest_quantguard.reporters._texts import Texts

PREFIX = "quantguard::"
_SHOWN = 3
"""Regressed cases that stand in the text of a failure."""
_Phases = dict[Literal["setup", "call", "teardown"], Any]


def node_id(candidate: str, row: BudgetVerdict) -> str:
    """Return the synthetic test's name."""
    return PREFIX + "::".join((candidate, *row.group))


def tell(
    session: pytest.Session,
    candidate: CandidateReport,
    row: BudgetVerdict,
    texts: Texts,
    *,
    warn: bool,
) -> int:
    """Report one verdict in the words of all reports; ``warn`` lets an inconclusive one pass.

    Return how many failures it added to the session's for nothing but want of proof: 0 unless it
    is INCONCLUSIVE.
    """
    from pytest_quantguard.reporters.terminal import budget_details, budget_sentence

    # The report below has more, with -v with both texts: the table should not be out of sight.
    verbosity = session.config.getoption("verbose", 0)
    full = row.verdict is Verdict.FAIL and verbosity >= 0
    details = budget_details(row, texts, _SHOWN) if full else ""
    sentence, before = budget_sentence(row, candidate), session.testsfailed
    open_ended = row.verdict is Verdict.INCONCLUSIVE
    emit(
        session,
        candidate.variant.name,
        row,
        f"{sentence}\n{details}" if details else sentence,
        tolerated=open_ended and warn,
        brief=verbosity < 0,
    )
    return session.testsfailed - before if open_ended else 0


def emit(
    session: pytest.Session,
    candidate: str,
    row: BudgetVerdict,
    message: str,
    *,
    tolerated: bool,
    brief: bool = False,
) -> None:
    """Report one verdict through pytest's own protocol.

    ``message`` becomes the failure text; its first line is the one that summaries show.
    ``tolerated`` lets an inconclusive row pass. ``brief`` keeps it out of pytest's sections ERRORS
    and FAILURES; it stands in the short summary, and in what every other plugin makes of it.
    """
    phases: _Phases = dict.fromkeys(("setup", "call", "teardown"))
    if row.verdict is Verdict.FAIL:
        phases["call"] = _longrepr(row.verdict, message)
    elif row.verdict is not Verdict.PASS and not tolerated:
        phases = {"setup": _longrepr(row.verdict, message), "teardown": None}
    _report(session, node_id(candidate, row), phases, row.verdict, brief=brief)


def emit_fault(session: pytest.Session, place: str, what: str, message: str) -> None:
    """Report something that failed beside the verdicts as a test, ``quantguard::<place>::<what>``.

    ``message`` is one sentence, and becomes the failure text.
    """
    phases: _Phases = {"setup": _longrepr(Verdict.ERROR, message), "teardown": None}
    _report(session, f"{PREFIX}{place}::{what}", phases, Verdict.ERROR)


def _report(
    session: pytest.Session,
    nodeid: str,
    phases: _Phases,
    verdict: Verdict,
    *,
    brief: bool = False,
) -> None:
    location = ("quantguard", 0, nodeid)
    hook = session.config.hook
    hook.pytest_runtest_logstart(nodeid=nodeid, location=location)
    for when, longrepr in phases.items():
        report = pytest.TestReport(
            nodeid=nodeid,
            location=location,
            keywords={},
            outcome="failed" if longrepr else "passed",
            longrepr=longrepr,
            when=when,
        )
        report.quantguard_verdict = str(verdict)  # type: ignore[attr-defined]
        if brief:
            report._pdbshown = True  # type: ignore[attr-defined]  # as one seen in the debugger
        hook.pytest_runtest_logreport(report=report)
    hook.pytest_runtest_logfinish(nodeid=nodeid, location=location)


def forget_failures(config: pytest.Config) -> None:
    """Take verdicts out of what ``--lf`` remembers: they cannot be selected and run again."""
    lastfailed = config.pluginmanager.get_plugin("lfplugin")
    for nodeid in list(getattr(lastfailed, "lastfailed", ())):
        if str(nodeid).startswith(PREFIX):
            del lastfailed.lastfailed[nodeid]  # type: ignore[union-attr]


def _longrepr(verdict: Verdict, message: str) -> Any:
    """Wrap the message as a failure without traceback; summaries show its first line.

    pytest puts the name of the exception's class before the message, but not in the text of a
    failure without traceback, where only the heading "ERROR at setup" would tell the verdict.
    """
    finding = type(verdict.word, (pytest.fail.Exception,), {"__module__": "builtins"})
    try:
        raise finding(message, pytrace=False)
    except pytest.fail.Exception:
        found = pytest.ExceptionInfo.from_current().getrepr(style="value")
    for entry in found.reprtraceback.reprentries[-1:]:
        entry.lines[0] = f"{verdict.word}: {entry.lines[0]}"  # type: ignore[index]
    return found
