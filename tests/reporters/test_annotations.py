"""Annotations: which are worth one of ten, where they stand, and that the runner reads them."""

from __future__ import annotations

import re
from dataclasses import replace

from pytest_quantguard.reporters._annotations import (
    MESSAGE_LIMIT,
    MOST,
    annotate,
    command,
    refused,
)
from pytest_quantguard.types import Source
from pytest_quantguard.verdicts import Verdict

LINE = re.compile(r"::(error|warning) ((?:[a-z]+=[^,:\r\n]*,?)+)::([^\r\n]*)")
WRITTEN = [
    {"cohort": None, "check": None, "tag": None, "metric": None,
     "source": {"file": "quantguard.yaml", "line": 32}},
    {"cohort": "tool-calling", "check": "tool_call", "tag": None, "metric": None,
     "source": {"file": "quantguard.yaml", "line": 35}},
    {"cohort": "regulated", "check": "citations", "tag": None, "metric": None, "source": None},
]  # fmt: skip


def read(line):
    """Read a command as the runner does: level, properties and message, unescaped."""
    level, properties, message = LINE.fullmatch(line).groups()
    pairs = dict(part.split("=", 1) for part in properties.split(","))
    return level, {key: plain(text) for key, text in pairs.items()}, plain(message)


def plain(text):
    for escape, char in (("%3A", ":"), ("%2C", ","), ("%0D", "\r"), ("%0A", "\n"), ("%25", "%")):
        text = text.replace(escape, char)
    return text


def test_budgets_come_first_and_each_stands_where_it_was_written(make):
    """FAIL before INCONCLUSIVE, at the configuration's lines; then cases, at the golden file's."""
    report = replace(make.realistic(), provenance={"budgets": WRITTEN})

    found = [read(command(one)) for one in annotate(report)]

    assert MOST == len(found)
    suite, tools, unsure, first, *_ = found
    assert ("error", "quantguard.yaml", "32") == (suite[0], suite[1]["file"], suite[1]["line"])
    assert "quantguard: FAIL: awq-int4, all / all" == suite[1]["title"]
    assert "quantguard.yaml" == tools[1]["file"]
    assert "31 of 160 regressed, 0 improved; worse by 19.4 pt, budget 10 pt" == tools[2]
    assert ("warning", None) == (unsure[0], unsure[1].get("file"))
    assert ("golden/tools.quant.yaml", "12") == (first[1]["file"], first[1]["line"])
    assert "quantguard: regressed in awq-int4: refund-order-4" == first[1]["title"]
    assert "tool_call: holds in bf16, not in awq-int4 (argument 'order_id'" in first[2]


def test_each_failed_budget_has_its_turn(make):
    """The worst case of each failed budget comes before the second of any."""
    report = make.realistic()

    files = [one.source.file for one in annotate(report) if one.title.startswith("quantguard: reg")]

    assert ["golden/tools.quant.yaml", "golden/advice.quant.yaml"] == files[:2]


def test_a_pass_has_no_annotations(make):
    """Nothing is said where nothing is wrong; also of cases that regressed within a budget."""
    report = make.realistic()
    (candidate,) = report.candidates
    rows = tuple(replace(row, verdict=Verdict.PASS) for row in candidate.budgets)
    passed = replace(candidate, verdict=Verdict.PASS, budgets=rows)

    assert [] == annotate(replace(report, candidates=(passed,)))


def test_more_gates_than_may_be_shown_are_counted(make):
    """At most ten in all, and the last one says how many are missing."""
    report = make.realistic()
    (candidate,) = report.candidates
    rows = candidate.budgets[1:2] * 14

    found = annotate(replace(report, candidates=(replace(candidate, budgets=rows),)))

    assert MOST == len(found)
    assert "5 more budgets did not pass" in found[-1].message


def test_no_candidate_and_no_row_are_errors(make, empty_report):
    """A verdict that no budget explains is told by itself."""
    (nothing,) = annotate(empty_report)
    (candidate,) = make.realistic().candidates
    bare = replace(candidate, verdict=Verdict.ERROR, budgets=(), outcomes=())
    (unexplained,) = annotate(replace(empty_report, candidates=(bare,)))

    assert ("error", "no candidate was judged") == (nothing.level, nothing.message)
    assert "the verdict on this candidate is error" == unexplained.message


def test_hostile_text_stays_in_its_place(make, hostile_text):
    """One command a line, with our own properties; what models say is one line of its message."""
    report = make.hostile(hostile_text)
    (candidate,) = report.candidates
    named = replace(candidate, variant=replace(candidate.variant, name=hostile_text[:300]))

    for one in annotate(replace(report, candidates=(named,))):
        line = command(one, lambda file: f"{hostile_text[:100]}{file}")
        level, properties, message = read(line)

        assert {"file", "line", "title"} >= properties.keys()
        assert level in ("error", "warning")
        assert 0 < len(message) <= MESSAGE_LIMIT
        assert not make.UNPRINTABLE.search(line)
        assert "##[" not in line


def test_percents_colons_and_commas_arrive(make):
    """What the runner would read as its own is escaped, and is the same text again for people."""
    (row,) = [r for r in make.realistic().candidates[0].budgets if r.check == "citations"]
    text = "50 %0A of all, a: b\\n::error::c"
    (candidate,) = make.realistic().candidates
    broken = replace(row, verdict=Verdict.ERROR, reason=text, cohort="a,b:c%")
    report = replace(make.realistic(), candidates=(replace(candidate, budgets=(broken,)),))

    line = command(annotate(report)[0])

    assert "title=quantguard%3A ERROR%3A awq-int4%2C a%2Cb%3Ac%25 / citations::50 %250A of" in line
    assert text == read(line)[2]


def test_problems_of_a_refused_run_stand_where_they_are():
    """``file:line:`` becomes the place; without one the annotation belongs to the run."""
    where, bare = refused(["golden/a.quant.yaml:7: unknown key 'promt'", "no case is left"])

    assert Source(file="golden/a.quant.yaml", line=7) == where.source
    assert "unknown key 'promt'" == where.message
    assert (None, "no case is left") == (bare.source, bare.message)
    many = refused([f"problem {i}" for i in range(30)])
    assert MOST == len(many)
    assert "and 21 more problems" in many[-1].message
