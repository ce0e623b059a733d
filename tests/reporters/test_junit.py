"""JUnit XML, as its consumers read it."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest
import xmlschema
from jenkins import SCHEMA

from pytest_quantguard import _publish
from pytest_quantguard.errors import QuantGuardError
from pytest_quantguard.reporters import junit
from pytest_quantguard.reporters._texts import Texts
from pytest_quantguard.types import Completion
from pytest_quantguard.verdicts import Verdict

NOTHING = Texts(lambda key: None)


@pytest.fixture
def written(tmp_path):
    """Write a report and parse it again."""

    def write(report, texts=NOTHING, **options):
        path = tmp_path / "junit.xml"
        junit.write(report, path, texts, **options)
        return ElementTree.parse(path).getroot()

    return write


def case_of(root, name, classname=None, candidate="awq-int4"):
    (found,) = [
        c for c in root.iter("testcase")
        if c.get("name") == f"{name} ({candidate})" and classname in (None, c.get("classname"))
    ]  # fmt: skip
    return found


def test_suites_per_candidate_and_cohort_and_one_of_budgets(written, two_candidates):
    """Suite names sort by candidate."""
    assert [
        f"quantguard.{candidate}.{part}"
        for candidate in ("awq-int4", "gptq-int4")
        for part in ("budgets", "faq", "regulated", "tool-calling")
    ] == [suite.get("name") for suite in written(two_candidates)]


def test_counts_are_those_of_the_elements(written, two_candidates):
    """Dashboards trust either; and nothing is counted as skipped or disabled."""
    root = written(two_candidates)

    for kind, tag in (("tests", "testcase"), ("failures", "failure"), ("errors", "error")):
        assert int(root.get(kind)) == len(list(root.iter(tag)))
        for suite in root:
            assert int(suite.get(kind)) == len(list(suite.iter(tag)))
    assert "disabled" not in root.attrib


def test_identities_are_unique_over_a_matrix(written, two_candidates, make):
    """(classname, name) is a test's identity for every consumer, across candidates."""
    (candidate,) = make.realistic().candidates
    twice = (*candidate.mishaps, *candidate.mishaps, *candidate.outcomes[:3])
    mishaps = tuple(m for m in twice if hasattr(m, "role"))
    doubled = replace(
        candidate,
        outcomes=(*candidate.outcomes, *candidate.outcomes[:5]),
        mishaps=mishaps,
        budgets=candidate.budgets * 2,
    )
    dotted = replace(candidate, variant=replace(candidate.variant, name="awq-int4.faq"))
    report = replace(two_candidates, candidates=(*two_candidates.candidates, doubled, dotted))

    found = [(c.get("classname"), c.get("name")) for c in written(report).iter("testcase")]
    assert len(found) == len(set(found))


def test_identities_are_unique_over_the_files_of_a_matrix(written, make, two_candidates):
    """One file per candidate: many consumers throw all files of a job together.

    Names in which dots could be read in two ways, too; and the name alone tells the candidate.
    """
    report = make.realistic()
    (candidate,) = report.candidates
    variants = [replace(candidate.variant, name=name) for name in ("awq-int4", "awq", "awq.tool")]
    cohorts = [("tool.calling",), ("tool.calling",), ("calling",)]
    found = []
    for variant, (cohort,) in zip(variants, cohorts, strict=True):
        outcomes = tuple(make.pair(f"c{i}", cohort=cohort, variant=variant.name) for i in range(3))
        each = replace(candidate, variant=variant, outcomes=outcomes, mishaps=())
        root = written(replace(report, candidates=(each,)))
        found += [(c.get("classname"), c.get("name")) for c in root.iter("testcase")]
        assert all(c.get("name").endswith(f" ({variant.name})") for c in root.iter("testcase"))

    assert len(found) == len(set(found)) == 3 * (3 + 5)


def test_a_failed_budget(written, make):
    """The message is the sentence; the text repeats it first and goes on with the cases."""
    case = case_of(
        written(make.realistic(), make.REALISTIC_TEXTS), "budget tool-calling / tool_call"
    )
    (failure,) = case

    assert case.get("classname") == "quantguard.awq-int4.budgets"
    assert (failure.tag, failure.get("type")) == ("failure", "fail")
    message = "31 of 160 regressed, 0 improved; worse by 19.4 pt, budget 10 pt"
    assert message == failure.get("message")
    assert failure.text.startswith(f"{message}\n\nrefund-order-4 (tool_call, critical)")
    assert "... and 21 more" in failure.text


def test_an_undecided_and_a_broken_budget_are_errors(written, make):
    """Neither is a pass, and neither is the model's failure."""
    report = make.realistic()
    (candidate,) = report.candidates
    broken = replace(candidate.budgets[0], verdict=Verdict.ERROR, reason="the cache is gone")
    candidate = replace(candidate, budgets=(broken, *candidate.budgets[1:]))
    root = written(replace(report, candidates=(candidate,)))

    (undecided,) = case_of(root, "budget regulated / citations")
    (error,) = case_of(root, "budget all / evidence")
    assert (undecided.tag, undecided.get("type")) == ("error", "inconclusive")
    assert (
        error.tag,
        error.get("type"),
        error.get("message"),
    ) == ("error", "error", "the cache is gone")
    (passed,) = case_of(root, "budget faq / contains")
    assert passed.tag == "system-out"


def test_a_regressed_case_of_a_failed_budget(written, make):
    """File and line counting from 1, both texts, the first difference."""
    root = written(make.realistic(), make.REALISTIC_TEXTS)
    case = case_of(root, "refund-order-3 / tool_call")
    (failure,) = case

    assert case.get("classname") == "quant.awq-int4.tool-calling.refund-order-3"
    assert (case.get("file"), case.get("line")) == ("golden/tools.quant.yaml", "12")
    assert failure.get("type") == "regressed"
    message = failure.get("message")
    assert message == (
        "tool_call: holds in bf16, not in awq-int4 (argument 'order_id' is '88213A', not '88213-A')"
    )
    assert failure.text.startswith(message)
    assert '| call refund_order({"order_id": "88213A"' in failure.text


def test_a_regressed_case_that_no_failed_budget_counts_passes_with_a_note(written, make):
    """Losses within a budget are what the budget is for."""
    outcome = make.pair("a", lost=True)
    report = make.realistic()
    (candidate,) = report.candidates
    row = make.row(
        [outcome], cohort="tool-calling", check="tool_call", max_drop=1.0, verdict=Verdict.PASS,
        reason="", delta=(0, 1),
    )  # fmt: skip
    candidate = replace(
        candidate, verdict=Verdict.PASS, outcomes=(outcome,), mishaps=(), budgets=(row,)
    )
    root = written(replace(report, candidates=(candidate,)))

    (note,) = case_of(root, "a / tool_call")
    assert note.tag == "system-out"
    assert note.text.startswith("regressed, but no budget failed over it: tool_call: holds in bf16")
    assert (root.get("failures"), root.get("errors")) == ("0", "0")


def test_a_mishap_is_an_error_and_stands_once(written, make):
    """It takes the place of an outcome; two arms without an answer are one test."""
    report = make.realistic()
    (candidate,) = report.candidates
    other = replace(candidate.mishaps[0], role="baseline", message="and refused")
    candidate = replace(candidate, mishaps=(*candidate.mishaps, other))
    root = written(replace(report, candidates=(candidate,)))

    (error,) = case_of(root, "refund-order-160 / tool_call")
    assert (error.tag, error.get("type")) == ("error", "TransportError")
    assert error.get("message").startswith("TransportError in the candidate: no complete answer")
    assert error.text.endswith("TransportError in the baseline: and refused")
    (empty,) = case_of(root, "dosage-3 / citations")
    assert empty.get("type") == "EmptyCompletion"


def test_time_is_always_set_and_counted_once_per_completion(written, make):
    """The candidate's own time; two checks of one answer do not double it.

    As it was measured, not as a text tells it: those of cases that hold are not kept.
    """
    outcomes = [make.pair("a", check="one"), make.pair("a", check="two"), make.pair("b")]
    report = make.realistic()
    (candidate,) = report.candidates
    measured = replace(make.measurements()[0], case="a")
    candidate = replace(
        candidate, outcomes=tuple(outcomes), mishaps=(), budgets=(), measurements=(measured,)
    )
    root = written(
        replace(report, candidates=(candidate,)),
        Texts(lambda key: Completion(text="", latency_s=1.5)),
    )

    times = {
        c.get("name").removesuffix(" (awq-int4)"): c.get("time") for c in root.iter("testcase")
    }
    assert times == {
        "a / one": "0.920", "a / two": "0.000", "b / tool_call": "0.000", "verdict": "0.000",
    }  # fmt: skip
    assert root.get("time") == "0.920"


def test_suites_say_what_was_compared(written, make):
    """The budgets' variants, quantization and versions, all others the names; no test case."""
    root = written(make.realistic())
    found, *others = (
        {p.get("name"): p.get("value") for p in suite.find("properties")} for suite in root
    )

    assert all(other == {"candidate": "awq-int4", "baseline": "bf16"} for other in others)
    assert found["candidate"] == "awq-int4"
    assert found["candidate.quantization"] == "awq W4A16 4 bit"
    assert found["baseline"] == "bf16"
    assert found["pytest"] == "9.2.0"
    assert found["requests.bf16.cached"] == "560"
    assert found["quantization_note"] == "int4 awq, confirmed by the server"
    assert not list(root.iterfind(".//testcase/properties"))


def test_no_candidate_is_an_error(written, empty_report):
    """An empty file would be green."""
    root = written(empty_report)

    assert (root.get("tests"), root.get("errors")) == ("1", "1")


def test_a_verdict_that_no_row_explains_is_red(written, make):
    """A candidate that did not pass never leaves a green file."""
    report = make.realistic()
    (candidate,) = report.candidates
    bare = replace(candidate, verdict=Verdict.ERROR, budgets=(), outcomes=(), mishaps=())

    root = written(replace(report, candidates=(bare,)))
    assert root.get("errors") == "1"


def test_hostile_text_stays_text(tmp_path, make, hostile_text):
    """Well-formed, bounded, nothing raw; no line of a failure can be a workflow command."""
    path = tmp_path / "junit.xml"
    for strict in (False, True):
        junit.write(make.hostile(hostile_text), path, make.saying(hostile_text), strict=strict)
        data = path.read_bytes()
        root = ElementTree.fromstring(data)

        assert len(data) < 60_000
        for raw in (b"\x1b", b"]]>", b"<script", b"\xef\xbf\xbe", b"\xe2\x80\xae"):
            assert raw not in data
        for element in root.iter():
            for text in (element.text or "", *element.attrib.values()):
                assert re.search(r"^\s*(::|##)|##\w*\[", text, re.MULTILINE) is None
            assert len(element.text or "") <= 20_000
        for trouble in (*root.iter("failure"), *root.iter("error")):
            assert 0 < len(trouble.get("message")) <= 500
            assert trouble.text.startswith(trouble.get("message"))


@pytest.mark.parametrize("text", ["", "x", "]]>", "\ud800\ufffe\x1b[31m", "<script>"])
def test_strict_reports_fit_the_schema_of_jenkins(tmp_path, make, two_candidates, text):
    """No file, no line, three decimals in a time."""
    path = tmp_path / "junit.xml"
    for report in (make.hostile(text), two_candidates):
        junit.write(report, path, make.REALISTIC_TEXTS, strict=True)
        xmlschema.XMLSchema(SCHEMA).validate(path)


def test_the_schema_refuses_what_only_other_consumers_read(tmp_path, make):
    """The fixture is worth something: an ordinary report does not fit."""
    path = tmp_path / "junit.xml"
    junit.write(make.realistic(), path, NOTHING)

    assert not xmlschema.XMLSchema(SCHEMA).is_valid(path)


def test_a_file_of_many_long_failures_stays_below_what_consumers_accept(
    tmp_path, make, monkeypatch
):
    """Details end when the file is full; every message stays."""
    monkeypatch.setattr(junit, "DETAILS_LIMIT", 100_000)
    report = make.realistic()
    (candidate,) = report.candidates
    outcomes = tuple(make.pair(f"c{i}", lost=True, violations=["<\u4f60>"] * 5) for i in range(200))
    row = replace(candidate.budgets[-1], regressed=outcomes)
    candidate = replace(candidate, outcomes=outcomes, budgets=(row,), mishaps=())
    path = tmp_path / "junit.xml"
    words = Completion(text="<\u4f60>" * 2000)
    junit.write(replace(report, candidates=(candidate,)), path, Texts(lambda key: words))

    assert 100_000 < path.stat().st_size < 100_000 + 201 * 500
    root = ElementTree.parse(path).getroot()
    assert root.get("failures") == "201"
    assert all(
        failure.text == failure.get("message") for failure in list(root.iter("failure"))[100:]
    )


def test_a_path_that_cannot_be_written_is_named(tmp_path, make):
    """The run says which report is missing and why; nothing half-written stays."""
    (tmp_path / "file").write_text("x")
    for path in (tmp_path, tmp_path / "file" / "junit.xml"):
        with pytest.raises(QuantGuardError, match=re.escape(f"{path}: this report cannot be")):
            junit.write(make.realistic(), path, NOTHING)
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_device_or_a_pipe_is_no_place_for_a_report(tmp_path, make):
    """A file that appears whole would take its place: root has lost /dev/stdout that way."""
    pipe, link = tmp_path / "pipe", tmp_path / "stdout"
    os.mkfifo(pipe)
    link.symlink_to("/proc/self/fd/1")
    for path in (pipe, link):
        with pytest.raises(pytest.UsageError, match="is a device or a pipe: name a file"):
            _publish.begin({"junit": path})
        with pytest.raises(QuantGuardError, match="cannot be written: this is a device or a pipe"):
            junit.write(make.realistic(), path, make.REALISTIC_TEXTS)

    assert pipe.is_fifo()
    assert link.is_symlink()


def test_folders_are_made_and_an_older_report_is_replaced_whole(tmp_path, make):
    """No temporary file is left beside it."""
    path = tmp_path / "a" / "b" / "junit.xml"
    junit.write(make.realistic(), path, NOTHING)
    first = path.read_bytes()
    junit.write(make.realistic(), path, NOTHING)

    assert first == path.read_bytes()
    assert [p.name for p in path.parent.iterdir()] == ["junit.xml"]


def test_a_write_that_breaks_off_leaves_the_old_report(tmp_path, make, monkeypatch):
    """A full disk costs the new report, never the old one."""
    path = tmp_path / "junit.xml"
    path.write_text("old")

    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pytest_quantguard._whole.os.replace", full)
    with pytest.raises(QuantGuardError, match="No space left on device"):
        junit.write(make.realistic(), path, NOTHING)

    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["junit.xml"]
