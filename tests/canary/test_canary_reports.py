"""Every report tells of all pairs, and shows the losses that were kept."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import pytest
from mirrored_traffic import Traffic

from pytest_quantguard._screen import Screen
from pytest_quantguard.canary.judging import CanaryJudge
from pytest_quantguard.commands.check_report import check_report
from pytest_quantguard.reporters import json as report_json
from pytest_quantguard.reporters import junit, markdown, terminal
from pytest_quantguard.reporters._closing import reading_sentences
from pytest_quantguard.reporters._routing import routes
from pytest_quantguard.reporters._texts import Texts
from pytest_quantguard.reporters.html import index
from pytest_quantguard.variants import Variant
from pytest_quantguard.verdicts import Budget, GateReport, Verdict

PAIRS = 1500
NO_TEXTS = Texts(lambda key: None)


@pytest.fixture(scope="module")
def report():
    """1,500 pairs, a third of which are lost in one of two cohorts."""
    judge = CanaryJudge(
        [Budget(cohort="*", max_drop=0.1), Budget(metric="errors", max_drop=0.05)],
        variant=Variant(name="awq", provider="openai", model="m-awq"),
    )
    for step in Traffic(loss=0.4, losing=("tools",), noise=0.01).steps(PAIRS):
        judge.take(step)
    baseline = Variant(name="bf16", provider="openai", model="m")
    return GateReport(
        baseline=baseline,
        candidates=(judge.report(),),
        provenance={"cases": PAIRS, "started": 1_763_700_000.0, "seconds": 3.0},
    )


@pytest.fixture(scope="module")
def lost(report):
    """The failed row."""
    (row,) = [row for row in report.candidates[0].budgets if row.verdict is Verdict.FAIL]
    assert 400 == len(row.regressed) < row.losses
    return row


def test_the_terminal_counts_all_losses(report, lost):
    """It names the first few, and says how many were kept and how many there were."""
    text = "\n".join(terminal.render(report, Screen(width=100), verbosity=0, texts=NO_TEXTS))

    assert f"{lost.losses}, the first 400 of them kept" in " ".join(text.split())
    assert "Rollback trigger, tools / all: over its budget at evidence " in text
    assert "kept check" not in text  # the other cohort passed: nothing of it is shown as open


def test_markdown_and_html_count_all_losses(report, lost):
    """The summary, the comment and the page give the same number."""
    texts = NO_TEXTS
    for text in (markdown.summary_text(report, texts), markdown.comment_text(report, texts)):
        assert f"{lost.losses} of {lost.counts.checks} checks regressed" in text
        assert "shown by pair 250" in text
    assert "the first 400 of them kept" in markdown.summary_text(report, texts)


def test_the_page_counts_all_cases(report):
    """The banner and the table of cohorts are about the traffic, not about what was kept."""
    page = index.index_page(report)

    words = " ".join(re.sub(r"<[^>]+>", " ", page).split())
    assert f"{PAIRS:,} cases in 2 cohorts" in words
    for one in report.candidates[0].counted:
        held = one.cases - one.regressed - one.improved - one.both_wrong
        assert one.both_wrong > 10
        assert (
            f"{one.cohort} {one.cases:,} {one.regressed} regressed in {one.cohort} 0 "
            f"{one.improved} improved in {one.cohort} {one.both_wrong} wrong in both in "
            f"{one.cohort} {held:,}"
        ) in words


def test_readers_are_told_that_they_see_the_first_losses(report):
    """What stands side by side is a part of what was lost, and both numbers are given."""
    kept = len({(o.cohort, o.case) for o in report.candidates[0].outcomes})
    lost = sum(one.regressed for one in report.candidates[0].counted)
    said = f"the first {kept} of {lost} regressed cases side by side"
    words = " ".join(re.sub(r"<[^>]+>", " ", index.index_page(report)).split())

    assert kept < lost
    assert f"Read {said}" in words
    assert any(
        said in line for line in reading_sentences(report, {"html": "quant-report/index.html"})
    )


def test_the_json_goes_back_and_forth(report, tmp_path):
    """What was counted is in report.json, and fits its schema."""
    document = json.loads(json.dumps(report_json.to_json(report)))
    again = report_json.from_json(document)

    assert again.candidates[0].counted == report.candidates[0].counted
    assert again.candidates[0].budgets == report.candidates[0].budgets


def test_a_pass_without_any_loss_is_not_hollow(report):
    """It has no outcome to show, and was still made of pairs."""
    judge = CanaryJudge([Budget(max_drop=0.1)])
    for step in Traffic(right=1.0, noise=0.0).steps(300):
        judge.take(step)
    whole = replace(report, candidates=(judge.report(),))
    assert not whole.candidates[0].outcomes

    again = report_json.from_json(json.loads(json.dumps(report_json.to_json(whole))))

    assert Verdict.PASS is again.verdict
    empty = replace(whole.candidates[0], counted=())
    text = json.dumps(report_json.to_json(replace(whole, candidates=(empty,))))
    with pytest.raises(Exception, match="nothing was compared"):
        report_json.from_json(json.loads(text))


def test_check_report_knows_the_cohorts(report, tmp_path, capsys):
    """`--require-cohort` is about what was compared, whether or not something of it was lost."""
    path = tmp_path / "report.json"
    report_json.write(report, path, NO_TEXTS)

    assert 1 == check_report([str(path), "--require-cohort", "chat", "--require-cohort", "tools"])
    told = capsys.readouterr()
    assert "no case of the cohort" not in told.out + told.err
    assert "1500 cases in 2 cohorts" in told.out + told.err


def test_junit_and_routes_follow_the_verdicts(report, lost, tmp_path):
    """One failure for the failed budget; the other cohort may go to the candidate."""
    junit.write(report, tmp_path / "junit.xml", NO_TEXTS)
    tree = ElementTree.parse(tmp_path / "junit.xml")
    messages = [failure.get("message", "") for failure in tree.iter("failure")]

    assert any(f"{lost.losses} of {lost.counts.checks} checks regressed" in m for m in messages)
    assert {"chat": "candidate", "tools": "baseline"} == {
        route.cohort: route.to for route in routes(report.candidates[0])
    }
