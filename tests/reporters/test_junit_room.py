"""JUnit files that consumers would refuse for their size are shortened, and say so."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from xml.etree import ElementTree

import pytest
import xmlschema
from jenkins import SCHEMA

from pytest_quantguard.reporters import _room, junit
from pytest_quantguard.reporters._room import KINDS, NODES, listed, standing

STANDING = standing(budgets=4, suites=6, properties=128)
"""Nodes of `many` that are there whatever the limit."""


@pytest.fixture
def many(make):
    """A report of several cohorts and two candidates: 12 regressed of 60, and some mishaps."""

    def report(cases=60, lost=12):
        first = make.realistic()
        (candidate,) = first.candidates
        found = []
        for name in ("awq-int4", "fp8"):
            outcomes = tuple(
                make.pair(f"case-{i}", cohort=cohort, variant=name, lost=i < lost)
                for cohort in ("faq", "tool-calling")
                for i in range(cases)
            )
            row = replace(
                candidate.budgets[-1], regressed=tuple(o for o in outcomes if o.regressed)
            )
            measured = tuple(
                replace(make.measurements()[0], case=o.case, cohort=o.cohort, variant=name)
                for o in outcomes
            )
            found.append(
                replace(
                    candidate,
                    variant=replace(candidate.variant, name=name),
                    outcomes=outcomes,
                    mishaps=tuple(replace(m, variant=name) for m in candidate.mishaps[:3]),
                    budgets=(row,),
                    measurements=measured,
                )
            )
        return replace(first, candidates=tuple(found))

    return report


@pytest.fixture
def written(tmp_path, make, monkeypatch):
    """Write a report with so much room for golden cases, and parse it again."""

    def write(report, nodes, **options):
        monkeypatch.setattr(junit, "NODE_LIMIT", nodes + STANDING)
        path = tmp_path / "junit.xml"
        junit.write(report, path, make.REALISTIC_TEXTS, **options)
        return ElementTree.parse(path).getroot()

    return write


def kinds(root):
    """Count test cases by what they say; those that say how many are missing apart."""
    found = Counter()
    for case in root.iter("testcase"):
        if case.get("name").startswith("more "):
            said = case[0].get("message") or case[0].text
            found["not listed"] += int(re.search(r"not listed here: (\d+);", said)[1])
        elif not case.get("classname").endswith(".budgets"):
            found[case[0].tag if len(case) else "pass"] += 1
    return found


def test_with_room_everything_is_listed(written, many):
    """Nothing is said of a limit that is not met."""
    assert {"failure": 48, "error": 6, "pass": 192} == kinds(written(many(), 240_000))


def test_passing_cases_go_first_and_are_counted(written, many):
    """All or none: a part of them would look like the whole. Failures stay."""
    root = written(many(), 1_000)

    assert {"failure": 48, "error": 6, "not listed": 192} == kinds(root)
    (case, *_) = [c for c in root.iter("testcase") if c.get("name").startswith("more ")]
    assert case.get("name") == "more checks that did not regress (awq-int4)"
    assert case.get("classname") == "quant.awq-int4.faq"
    assert case[0].text == (
        "more checks that did not regress, not listed here: 48; this file would be too large for "
        "its readers, and report.json has them all"
    )


def test_then_every_suite_lists_the_same_number_of_failures(written, many):
    """The rest is one failure: a shortened file is never greener than the whole one."""
    root = written(many(), 160 + 4 * 50)

    assert {"failure": 4 * 5, "not listed": 48 - 20 + 6 + 192} == kinds(root)
    assert int(root.get("tests")) == len(list(root.iter("testcase")))
    rest = [c for c in root.iter("testcase") if c.get("name").startswith("more regressed")]
    assert len(rest) == 4
    assert all(c[0].tag == "failure" for c in rest)
    broken = [c for c in root.iter("testcase") if "without evidence" in c.get("name")]
    assert all(c[0].tag == "error" for c in broken)
    assert len(broken) == 2


def test_critical_cases_are_listed_first(written, many):
    """Of failures that do not all fit, the worst are shown."""
    report = many()
    first, second = report.candidates
    outcomes = list(first.outcomes)
    outcomes[11] = replace(outcomes[11], critical=True)
    row = replace(first.budgets[0], regressed=tuple(o for o in outcomes if o.regressed))
    report = replace(
        report, candidates=(replace(first, outcomes=tuple(outcomes), budgets=(row,)), second)
    )
    root = written(report, 160 + 4 * 20)

    faq = [c.get("name") for c in root.iter("testcase") if "awq-int4.faq." in c.get("classname")]
    assert faq == ["case-0 / tool_call (awq-int4)", "case-11 / tool_call (awq-int4)"]


def test_the_time_of_what_is_not_listed_is_counted(written, many):
    """Shortening a file changes no total."""
    whole, short = (written(many(), nodes).get("time") for nodes in (240_000, 1_000))

    assert whole == short == f"{240 * 0.92:.3f}"


@pytest.mark.parametrize("strict", [False, True])
def test_a_shortened_file_keeps_its_limit_and_its_form(tmp_path, written, many, strict):
    """Elements, attributes and texts, all of them."""
    root = written(many(cases=400, lost=200), 3_000, strict=strict)

    assert sum(1 + len(e.attrib) + bool(e.text) for e in root.iter()) <= 3_000 + STANDING
    assert xmlschema.XMLSchema(SCHEMA).is_valid(tmp_path / "junit.xml") is strict


def test_many_cohorts_leave_room_for_themselves(written, make):
    """Suites, their properties and their budgets are nodes, too: 200 of them say what they are."""
    report = make.realistic()
    (candidate,) = report.candidates
    names = [f"cohort-{i}" for i in range(200)]
    budgets = tuple(replace(candidate.budgets[2], cohort=name) for name in names)
    outcomes = tuple(make.pair(f"c-{i}", cohort=name) for name in names for i in range(20))
    facts = {f"fact-{i}": "known" for i in range(80)}
    crowded = replace(candidate, budgets=budgets, outcomes=outcomes, mishaps=())
    root = written(replace(report, candidates=(crowded,), provenance=facts), 20_000)

    assert len(root) == 201
    assert sum(1 + len(e.attrib) + bool(e.text) for e in root.iter()) <= 20_000 + STANDING
    assert {"not listed": 4_000} == kinds(root)
    assert len(root[0].findall("properties/property")) == 60
    assert {p.get("name") for p in root[1].iter("property")} == {"candidate", "baseline"}


def test_a_file_of_too_many_bytes_is_shortened_further(written, many, monkeypatch, tmp_path):
    """Long messages and names count, too."""
    written(many(cases=80, lost=80), 240_000)
    whole = (tmp_path / "junit.xml").stat().st_size
    monkeypatch.setattr(junit, "FILE_LIMIT", whole // 3)
    root = written(many(cases=80, lost=80), 240_000)

    assert (tmp_path / "junit.xml").stat().st_size <= whole // 3
    found = kinds(root)
    assert found["failure"] + found["error"] + found["not listed"] == 320 + 6
    assert 0 < found["failure"] < 320


def test_ten_thousand_cases_with_six_checks_of_three_candidates_fit():
    """The plan alone, as counts: writing such a file belongs to a benchmark."""
    suites = [Counter({"failure": 300, "note": 200, "pass": 9_500, "error": 10})] * 18
    found = listed(suites, _room.NODE_LIMIT)

    assert [{"failure": 300, "error": 10, "note": 200, "pass": 0}] * 18 == found
    lost = [Counter({"failure": 10_000, "note": 1, "pass": 1})] * 18
    everything = listed(lost, _room.NODE_LIMIT)
    assert {one["failure"] for one in everything} == {1_329}
    assert sum(one[kind] * NODES[kind] for one in everything for kind in KINDS) < _room.NODE_LIMIT


def test_suites_with_few_failures_leave_their_room_to_others():
    """A share is what each may have, not what each gets."""
    found = listed([Counter({"failure": 5}), Counter({"failure": 500})], 80 + 10 * 100)

    assert [5, 95] == [one["failure"] for one in found]
