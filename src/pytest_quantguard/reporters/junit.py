"""JUnit XML for dashboards: one suite per candidate and cohort, and one of budgets.

The only home of junit-xml, which builds suites and test cases. What it cannot do is done here:
text is cleaned to legal XML first (it lets lone surrogates through), ``time`` is written even
when it is zero, and the attribute ``disabled``, which the Jenkins schema forbids, is dropped.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from junit_xml import TestCase, TestSuite

from pytest_quantguard.pairs import Mishap, PairedOutcome
from pytest_quantguard.reporters._excerpts import budget_details, case_block
from pytest_quantguard.reporters._files import write_whole
from pytest_quantguard.reporters._texts import Texts
from pytest_quantguard.reporters._views import (
    Finding,
    cohorts,
    findings,
    unconfirmed,
    unexplained,
)
from pytest_quantguard.reporters._words import (
    NO_CANDIDATE,
    budget_sentence,
    group_name,
    label,
    mishap_sentence,
    outcome_sentence,
    sentence,
)
from pytest_quantguard.verdicts import BudgetVerdict, CandidateReport, GateReport, Verdict

BUDGET_LIMIT = 20_000
"""Longest text of a failed budget, in characters."""
CASES_SHOWN = 10
"""Regressed cases in the text of a failed budget; each also has a test case of its own."""
CASE_LIMIT = 4_000
"""Longest text of a regressed case, in characters."""
FILE_LIMIT = 15_000_000
"""Bytes of details in one file; consumers refuse files of 30 MB. Messages always stay."""
_PROPERTIES = 60


def write(report: GateReport, path: Path, texts: Texts, *, strict: bool = False) -> None:
    """Write the report; ``strict`` leaves out what the schema of Jenkins xUnit does not know.

    Raises:
        QuantGuardError: when the file cannot be written; names the path.
    """
    root = ElementTree.Element("testsuites", {"name": "quantguard"})
    for suite in _Writer(report, texts, strict).suites():
        root.append(_element(suite))
    for key in ("tests", "failures", "errors"):
        root.set(key, str(sum(int(suite.get(key, 0)) for suite in root)))
    root.set("time", f"{math.fsum(float(suite.get('time', 0)) for suite in root):.3f}")
    write_whole(path, ElementTree.tostring(root, encoding="utf-8", xml_declaration=True))


def _element(suite: TestSuite) -> ElementTree.Element:
    """Let junit-xml build the suite, and mend what it leaves out or adds."""
    element: ElementTree.Element = suite.build_xml_doc(encoding="utf-8")
    element.attrib.pop("disabled", None)
    seconds = [float(case.elapsed_sec or 0) for case in suite.test_cases]
    element.set("time", f"{math.fsum(seconds):.3f}")
    for child, elapsed in zip(element.iter("testcase"), seconds, strict=True):
        child.set("time", f"{elapsed:.3f}")
    return element


class _Writer:
    """Turns one report into suites; keeps what is used up over the whole file."""

    def __init__(self, report: GateReport, texts: Texts, strict: bool) -> None:
        self.report = report
        self.texts = texts
        self.strict = strict
        self.room = FILE_LIMIT
        self.identities: set[tuple[str, str]] = set()
        self.timed: set[tuple[int, str]] = set()

    def suites(self) -> Iterator[TestSuite]:
        if not self.report.candidates:
            case = self.case("quantguard", "report")
            case.add_error_info(NO_CANDIDATE, NO_CANDIDATE, "error")
            yield TestSuite("quantguard", [case])
        for number, candidate in enumerate(self.report.candidates):
            yield self.suite(candidate, "budgets", self.budget_cases(candidate))
            judged = findings(candidate)
            for cohort in cohorts(candidate):
                cases = list(self.cohort_cases(number, candidate, cohort, judged))
                if cases:
                    yield self.suite(candidate, label(cohort), cases)

    def suite(self, candidate: CandidateReport, part: str, cases: list[TestCase]) -> TestSuite:
        name = f"quantguard.{label(candidate.variant.name)}.{part}"
        properties = None if self.strict else _properties(self.report, candidate)
        return TestSuite(name, cases, properties=properties)

    def case(self, classname: str, name: str, **more: Any) -> TestCase:
        """Make a test case whose (classname, name) no other one has."""
        unique, number = name, 1
        while (classname, unique) in self.identities:
            number += 1
            unique = f"{name} ({number})"
        self.identities.add((classname, unique))
        return TestCase(unique, classname, **more)

    def details(self, message: str, text: str, limit: int) -> str:
        """Put the message first, since some consumers read only the text."""
        body = f"{message}\n\n{text}"[:limit]
        size = len(escape(body).encode())
        if size > self.room:
            return message
        self.room -= size
        return body

    # --- budgets ---

    def budget_cases(self, candidate: CandidateReport) -> list[TestCase]:
        cases = [self.budget_case(row, candidate) for row in candidate.budgets]
        if unexplained(candidate):
            case = self.case(f"quantguard.{label(candidate.variant.name)}.budgets", "verdict")
            message = f"the verdict on this candidate is {candidate.verdict.value}"
            case.add_error_info(message, message, _kind(candidate.verdict))
            cases.append(case)
        return cases

    def budget_case(self, row: BudgetVerdict, candidate: CandidateReport) -> TestCase:
        message = budget_sentence(row, candidate)
        kind = _kind(row.verdict)
        name = f"budget {group_name(row)}"
        case = self.case(f"quantguard.{label(candidate.variant.name)}.budgets", name)
        if row.verdict is Verdict.PASS:
            case.stdout = message
            return case
        text = budget_details(row, self.texts, CASES_SHOWN, characters=BUDGET_LIMIT - 600)
        body = self.details(message, text, BUDGET_LIMIT)
        if row.verdict is Verdict.FAIL:
            case.add_failure_info(message, body, kind)
        else:
            case.add_error_info(message, body, kind)
        return case

    # --- golden cases ---

    def cohort_cases(
        self,
        number: int,
        candidate: CandidateReport,
        cohort: str,
        judged: Iterable[tuple[PairedOutcome, Finding]],
    ) -> Iterator[TestCase]:
        """One test case per case and check; a mishap takes the place of an outcome."""
        mishaps: dict[tuple[str, str], list[Mishap]] = {}
        for mishap in candidate.mishaps:
            if mishap.cohort == cohort:
                mishaps.setdefault((mishap.case, mishap.check), []).append(mishap)
        variant = candidate.variant.name
        for outcome, finding in judged:
            if outcome.cohort == cohort and (outcome.case, outcome.check) not in mishaps:
                yield self.outcome_case(number, variant, outcome, finding)
        for found in mishaps.values():
            yield self.mishap_case(variant, found)

    def outcome_case(
        self, number: int, variant: str, outcome: PairedOutcome, finding: Finding
    ) -> TestCase:
        case = self.golden_case(variant, outcome)
        case.elapsed_sec = self.seconds(number, outcome)
        if finding == "pass":
            return case
        message = outcome_sentence(outcome, self.report.baseline.name)
        if finding == "tolerated":
            known = "" if unconfirmed(outcome) else "regressed, but no budget failed over it: "
            case.stdout = f"{known}{message}"
        else:
            block = "\n".join(case_block(outcome, self.texts, width=100))
            case.add_failure_info(message, self.details(message, block, CASE_LIMIT), "regressed")
        return case

    def mishap_case(self, variant: str, mishaps: list[Mishap]) -> TestCase:
        case = self.golden_case(variant, mishaps[0])
        message = mishap_sentence(mishaps[0])
        more = "\n".join(mishap_sentence(mishap) for mishap in mishaps[1:10])
        case.add_error_info(
            message, self.details(message, more, CASE_LIMIT), label(mishaps[0].kind)
        )
        return case

    def golden_case(self, variant: str, found: PairedOutcome | Mishap) -> TestCase:
        parts = (label(variant), label(found.cohort), label(found.case))
        place: dict[str, Any] = {}
        if not self.strict:
            place = {"file": sentence(found.source.file, 300), "line": found.source.line}
        name = f"{parts[2]} / {label(found.check)}"
        return self.case(f"quant.{'.'.join(parts)}", name, **place)

    def seconds(self, number: int, outcome: PairedOutcome) -> float:
        """Return how long the candidate took, once per completion however many checks read it."""
        key = outcome.keys[1]
        if (number, key) in self.timed:
            return 0.0
        self.timed.add((number, key))
        completion = self.texts.completion(key)
        seconds = completion.latency_s if completion else 0.0
        return seconds if 0 <= seconds < math.inf else 0.0


def _kind(verdict: Verdict) -> str:
    """Return the type of a failure or an error: no consumer expects a blank in it."""
    return verdict.value.replace(" ", "-")


def _properties(report: GateReport, candidate: CandidateReport) -> dict[str, str]:
    variant, baseline = candidate.variant, report.baseline
    found = {
        "candidate": variant.name,
        "candidate.model": variant.model,
        "candidate.quantization": str(variant.quantization),
        "baseline": baseline.name,
        "baseline.model": baseline.model,
        "baseline.quantization": str(baseline.quantization),
        "quantization_note": candidate.quantization_note,
        **dict(_flat(report.provenance)),
    }
    named = ((label(key), sentence(text, 200)) for key, text in found.items() if text)
    return dict(list(named)[:_PROPERTIES])


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Yield the plain values of nested maps as ``versions.pytest`` and its like."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(inner, f"{name}.{key}" if name else str(key))
    elif isinstance(value, str | int | float):
        yield name, str(value)
