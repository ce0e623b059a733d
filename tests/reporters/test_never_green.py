"""No dashboard is green where the gate is not: random reports, seen by each reader of them."""

from __future__ import annotations

import random
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from pytest_quantguard import _publish
from pytest_quantguard.reporters import json as report_json
from pytest_quantguard.reporters import junit
from pytest_quantguard.reporters._routing import rollout
from pytest_quantguard.verdicts import WORST_FIRST, CandidateReport, GateReport, Verdict

REPORTS = 40
"""Of each seed."""


def a_candidate(make, rng, name):
    """Any verdicts, on any rows, over any evidence; also what no run would write."""
    cohorts = rng.sample(["faq", "legal", "tools"], rng.randint(0, 3))
    outcomes = [
        make.pair(
            f"case-{i}", cohort=cohort, variant=name, check=check, critical=rng.random() < 0.1,
            lost=rng.random() < 0.2, won=rng.random() < 0.1,
        )
        for cohort in cohorts
        for i in range(rng.randint(0, 4))
        for check in ("exact", "tone")
    ]  # fmt: skip
    rows = [
        replace(
            make.row(
                outcomes, cohort=rng.choice([None, *cohorts]), check=rng.choice([None, "tone"]),
                max_drop=0.05, verdict=rng.choice(WORST_FIRST), reason="so it is", delta=(0.0, 0.1),
            ),
            metric=rng.choice([None, None, "length"]),
        )
        for _ in range(rng.choice([0, 0, 1, 2, 3]))
    ]  # fmt: skip
    mishaps = rng.sample(make.realistic_mishaps(), rng.choice([0, 0, 1]))
    found = [row.verdict for row in rows] or [rng.choice(WORST_FIRST)]
    return CandidateReport(
        variant=replace(make.AWQ, name=name),
        verdict=rng.choice([min(found, key=WORST_FIRST.index), rng.choice(WORST_FIRST)]),
        budgets=tuple(rows),
        outcomes=tuple(outcomes),
        mishaps=tuple(replace(mishap, variant=name) for mishap in mishaps),
        log_evidence=0.0,
    )


def a_report(make, rng):
    """Up to three candidates."""
    names = ("a", "b", "c")[: rng.randint(0, 3)]
    candidates = tuple(a_candidate(make, rng, name) for name in names)
    return GateReport(baseline=make.BASELINE, candidates=candidates, provenance={})


@pytest.mark.parametrize("seed", range(3))
def test_what_ends_the_run_red_is_red_for_every_reader(make, tmp_path, seed):
    """JUnit, whole and cut to almost nothing, CTRF, and routers."""
    rng = random.Random(seed)
    seen = set()
    for _ in range(REPORTS):
        report = a_report(make, rng)
        code = _publish.exit_code(report, "fail")
        seen.add(code)
        if code == 0:
            continue
        summary = report_json.to_json(report)["results"]["summary"]
        assert summary["failed"] > 0
        for nodes in (240_000, 1):
            data = junit._document(report, make.REALISTIC_TEXTS, strict=False, nodes=nodes)
            root = ElementTree.fromstring(data)
            assert int(root.get("failures")) + int(root.get("errors")) > 0
            assert root.find(".//failure") is not None or root.find(".//error") is not None
        check_routes(report)
    assert 1 in seen


def check_routes(report):
    """Nothing is served by what did not pass, or what nobody asked about."""
    found = rollout(report)
    judged = {one.variant.name: one for one in report.candidates}
    for route in found.routes:
        if route.to != "candidate":
            assert route.variant == report.baseline.name
            continue
        one = judged[route.variant]
        mine = [row.verdict for row in one.budgets if row.cohort == route.cohort]
        every = {one.verdict, *(row.verdict for row in one.budgets)}
        assert mine
        assert {*mine} == {Verdict.PASS}
        assert not every & {Verdict.ERROR, Verdict.NOT_COMPARABLE}
    verdicts = {report.verdict, *(row.verdict for one in judged.values() for row in one.budgets)}
    if Verdict.ERROR in verdicts:
        assert found.advice not in ("promote", "promote-cohorts")
    if Verdict.PASS not in {one.verdict for one in judged.values()}:
        assert found.advice != "promote"
