"""Programs that teams read JUnit files with: each finds every test and every verdict."""

from __future__ import annotations

import sys
from collections import Counter

import junitparser
import pytest
from junit2htmlreport import parser as junit2html

from pytest_quantguard.reporters import junit

TESTS, FAILURES, ERRORS = 2 * (5 + 560 + 7), 2 * (31 + 6 + 2), 2 * (1 + 8)
"""Of both candidates: 31 + 6 regressed cases, 2 failed budgets; 1 undecided budget, 8 mishaps."""


@pytest.fixture
def path(tmp_path, make, two_candidates):
    """The report of a run with two candidates."""
    path = tmp_path / "junit.xml"
    junit.write(two_candidates, path, make.REALISTIC_TEXTS)
    return path


def test_junitparser(path):
    """The parser that most Python tools use, TestRail's among them."""
    xml = junitparser.JUnitXml.fromfile(str(path))
    kinds = Counter(type(r).__name__ for suite in xml for case in suite for r in case.result)

    assert xml.tests == sum(len(list(suite)) for suite in xml) == TESTS
    assert (xml.failures, xml.errors, xml.skipped) == (FAILURES, ERRORS, 0)
    assert {"Failure": FAILURES, "Error": ERRORS} == kinds


def test_junitparser_merges_the_files_of_a_matrix(path, tmp_path, make):
    """A merged file has the tests of both, and none of them twice."""
    other = tmp_path / "other.xml"
    junit.write(make.realistic(), other, make.REALISTIC_TEXTS)
    alone = junitparser.JUnitXml.fromfile(str(other))
    merged = junitparser.JUnitXml.fromfile(str(path)) + alone

    names = Counter((case.classname, case.name) for suite in merged for case in suite)
    assert len(names) == TESTS
    assert {1, 2} == set(names.values())
    assert all(n == (2 if "(awq-int4)" in name else 1) for (_, name), n in names.items())


def test_junit2html(path):
    """A page of the whole file, with the suites by name and hostile text escaped."""
    report = junit2html.Junit(str(path))
    page = report.html()

    assert [suite.name for suite in report.suites] == [
        f"quantguard.{candidate}.{part}"
        for candidate in ("awq-int4", "gptq-int4")
        for part in ("budgets", "faq", "regulated", "tool-calling")
    ]
    assert sum(len(c.cases) for s in report.suites for c in s.classes.values()) == TESTS
    assert "refund-order-3 / tool_call (gptq-int4)" in page


def test_junit2html_shows_hostile_text_as_text(tmp_path, make):
    """Whatever a model says, the page of another tool has no element of it."""
    path = tmp_path / "junit.xml"
    text = "<script>alert(1)</script>\ud800\x1b]0;x\x07]]>"
    junit.write(make.hostile(text), path, make.saying(text))

    assert "<script>alert" not in junit2html.Junit(str(path)).html()


@pytest.mark.skipif(sys.platform != "linux", reason="Codecov's parser has wheels for Linux alone")
def test_codecov(path):
    """Codecov's own parser: names, outcomes, and the message of each failure."""
    import test_results_parser

    runs = test_results_parser.parse_junit_xml(path.read_bytes()).testruns
    outcomes = Counter(str(run.outcome) for run in runs)

    assert len({(run.classname, run.name) for run in runs}) == len(runs) == TESTS
    assert sorted(outcomes.values()) == sorted([ERRORS, FAILURES, TESTS - FAILURES - ERRORS])
    (lost,) = [r for r in runs if r.name == "refund-order-3 / tool_call (awq-int4)"]
    assert lost.testsuite == "quantguard.awq-int4.tool-calling"
    assert lost.failure_message.startswith("tool_call: holds in bf16, not in awq-int4")
