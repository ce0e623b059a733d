"""JUnit XML for dashboards: one suite per candidate and cohort, and one of budgets.

The only home of junit-xml, which builds suites and test cases. What it cannot do is done here:
text is cleaned to legal XML first (it lets lone surrogates through), ``time`` is written even
when it is zero, and the attribute ``disabled``, which the Jenkins schema forbids, is dropped.

A file that its readers would refuse for its size is shortened: passing cases are counted instead
of listed, then what regressed within its budget, then the rest of the failures.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from junit_xml import TestCase, TestSuite

from pytest_quantguard.pairs import Mishap, PairedOutcome
from pytest_quantguard.reporters._excerpts import WIDTH, budget_details, case_block
from pytest_quantguard.reporters._files import write_whole
from pytest_quantguard.reporters._room import KINDS, NODE_LIMIT, Kind, listed, standing
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
DETAILS_LIMIT = 15_000_000
"""Bytes of details in one file; beyond it failures have their message alone."""
FILE_LIMIT = 29_000_000
"""Bytes of one file; consumers refuse files of 30 MB."""
_PROPERTIES = 60
"""Properties of a suite of budgets."""
_NAMES = ("candidate", "baseline")
"""Those that all other suites have, too: of many cohorts they would fill the file."""
_FINDINGS: dict[Finding, Kind] = {
    "fail": "failure",
    "tolerated": "note",
    "pass": "pass",
    "unanswered": "error",
}
_MORE: dict[Kind, str] = {
    "failure": "more regressed checks",
    "error": "more checks without evidence",
    "note": "more checks that regressed within their budgets",
    "pass": "more checks that did not regress",
}
"""The names of the test cases that say how many are not listed."""


def write(report: GateReport, path: Path, texts: Texts, *, strict: bool = False) -> None:
    """Write the report; ``strict`` leaves out what the schema of Jenkins xUnit does not know.

    Raises:
        QuantGuardError: when the file cannot be written; names the path.
    """
    nodes = NODE_LIMIT
    while len(data := _document(report, texts, strict, nodes)) > FILE_LIMIT and nodes > 1:
        nodes //= 2  # long names and messages; it shrinks to the budgets alone
    write_whole(path, data)


def write_strict(report: GateReport, path: Path, texts: Texts) -> None:
    """Write only what the schema of Jenkins xUnit knows.

    Raises:
        QuantGuardError: as `write`.
    """
    write(report, path, texts, strict=True)


def _document(report: GateReport, texts: Texts, strict: bool, nodes: int) -> bytes:
    root = ElementTree.Element("testsuites", {"name": "quantguard"})
    for suite in _Writer(report, texts, strict, nodes).suites():
        root.append(_element(suite))
    for key in ("tests", "failures", "errors"):
        root.set(key, str(sum(int(suite.get(key, 0)) for suite in root)))
    root.set("time", f"{math.fsum(float(suite.get('time', 0)) for suite in root):.3f}")
    data: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return data


def _element(suite: TestSuite) -> ElementTree.Element:
    """Let junit-xml build the suite, and mend what it leaves out or adds."""
    element: ElementTree.Element = suite.build_xml_doc(encoding="utf-8")
    element.attrib.pop("disabled", None)
    seconds = [float(case.elapsed_sec or 0) for case in suite.test_cases]
    element.set("time", f"{math.fsum(seconds):.3f}")
    for child, elapsed in zip(element.iter("testcase"), seconds, strict=True):
        child.set("time", f"{elapsed:.3f}")
    return element


@dataclass(frozen=True, slots=True)
class _Entry:
    """A test case that is not built yet; there may be more than a file has room for."""

    kind: Kind
    build: Callable[[], TestCase]
    seconds: float = 0.0
    first: tuple[bool, float] = (True, 0.0)
    """What is listed first where not all are: critical cases, then the largest losses."""


@dataclass(frozen=True, slots=True)
class _Cohort:
    """What one candidate's suite of one cohort could list."""

    number: int
    """The candidate's, counting from 0."""
    candidate: CandidateReport
    name: str
    entries: list[_Entry]


class _Writer:
    """Turns one report into suites; keeps what is used up over the whole file."""

    def __init__(self, report: GateReport, texts: Texts, strict: bool, nodes: int) -> None:
        self.report = report
        self.texts = texts
        self.strict = strict
        self.nodes = nodes
        self.room = DETAILS_LIMIT
        self.identities: set[tuple[str, str]] = set()
        self.times = [
            {(m.cohort, m.case): m.candidate.latency_s for m in candidate.measurements}
            for candidate in report.candidates
        ]

    def suites(self) -> Iterator[TestSuite]:
        if not self.report.candidates:
            case = TestCase("quantguard", "report")
            case.add_error_info(NO_CANDIDATE, NO_CANDIDATE, "error")
            yield TestSuite("quantguard", [case])
        found = [
            cohort
            for number, candidate in enumerate(self.report.candidates)
            for cohort in self.cohorts(number, candidate)
        ]
        counts = [Counter(entry.kind for entry in cohort.entries) for cohort in found]
        shown = list(
            zip(found, listed(counts, self.nodes - self.standing(len(found))), strict=True)
        )
        for number, candidate in enumerate(self.report.candidates):
            facts = _properties(self.report, candidate)
            yield self.suite(candidate, "budgets", self.budget_cases(candidate), facts)
            names = {key: facts[key] for key in _NAMES if key in facts}
            for cohort, most in shown:
                if cohort.number == number and cohort.entries:
                    yield self.suite(candidate, cohort.name, self.listed(cohort, most), names)

    def standing(self, cohorts: int) -> int:
        """Return the nodes of what is there however little room there is."""
        candidates = self.report.candidates
        budgets = sum(len(candidate.budgets) + 1 for candidate in candidates)
        properties = _PROPERTIES * len(candidates) + len(_NAMES) * cohorts
        return standing(budgets, len(candidates) + cohorts, properties)

    def suite(
        self, candidate: CandidateReport, part: str, cases: list[TestCase], facts: dict[str, str]
    ) -> TestSuite:
        name = f"quantguard.{label(candidate.variant.name)}.{part}"
        return TestSuite(name, cases, properties=facts)

    def case(self, classname: str, name: str, variant: str, **more: Any) -> TestCase:
        """Make a test case whose (classname, name) no other one has, in any file of a matrix.

        Its name says of which candidate it is: some consumers show nothing else.
        """
        name = f"{name} ({label(variant)})"
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
            case = self.budgets_case(candidate, "verdict")
            message = f"the verdict on this candidate is {candidate.verdict.value}"
            case.add_error_info(message, message, _kind(candidate.verdict))
            cases.append(case)
        return cases

    def budgets_case(self, candidate: CandidateReport, name: str) -> TestCase:
        variant = candidate.variant.name
        return self.case(f"quantguard.{label(variant)}.budgets", name, variant)

    def budget_case(self, row: BudgetVerdict, candidate: CandidateReport) -> TestCase:
        message = budget_sentence(row, candidate)
        kind = _kind(row.verdict)
        case = self.budgets_case(candidate, f"budget {group_name(row)}")
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

    def cohorts(self, number: int, candidate: CandidateReport) -> Iterator[_Cohort]:
        """Yield each cohort's suite: an entry per case and check; a mishap replaces an outcome."""
        mishaps: dict[str, dict[tuple[str, str], list[Mishap]]] = {}
        for mishap in candidate.mishaps:
            of = mishaps.setdefault(mishap.cohort, {})
            of.setdefault((mishap.case, mishap.check), []).append(mishap)
        judged: dict[str, list[tuple[PairedOutcome, Finding]]] = {}
        for outcome, finding in findings(candidate):
            if (outcome.case, outcome.check) not in mishaps.get(outcome.cohort, {}):
                judged.setdefault(outcome.cohort, []).append((outcome, finding))
        for name in cohorts(candidate):
            timed: set[str] = set()
            variant = candidate.variant.name
            entries = [
                self.outcome_entry(variant, *found, self.seconds(number, found[0], timed))
                for found in judged.get(name, ())
            ]
            broken = mishaps.get(name, {}).values()
            entries += [_Entry("error", partial(self.mishap_case, variant, one)) for one in broken]
            yield _Cohort(number, candidate, label(name), entries)

    def listed(self, cohort: _Cohort, most: dict[Kind, int]) -> list[TestCase]:
        """Build as many test cases as there is room for, and say how many are not listed."""
        chosen: list[_Entry] = []
        missing: dict[Kind, list[_Entry]] = {}
        for kind in KINDS:
            entries = [entry for entry in cohort.entries if entry.kind == kind]
            if len(entries) > most[kind]:
                entries.sort(key=lambda entry: entry.first)
                missing[kind] = entries[most[kind] :]
            chosen += entries[: most[kind]]
        kept = set(map(id, chosen))
        cases = [entry.build() for entry in cohort.entries if id(entry) in kept]
        return cases + [self.not_listed(cohort, kind, rest) for kind, rest in missing.items()]

    def not_listed(self, cohort: _Cohort, kind: Kind, rest: list[_Entry]) -> TestCase:
        variant = cohort.candidate.variant.name
        case = self.case(f"quant.{label(variant)}.{cohort.name}", _MORE[kind], variant)
        message = (
            f"{_MORE[kind]}, not listed here: {len(rest)}; this file would be too large for its "
            "readers, and report.json has them all"
        )
        case.elapsed_sec = math.fsum(entry.seconds for entry in rest)
        if kind == "failure":
            case.add_failure_info(message, message, "regressed")
        elif kind == "error":
            case.add_error_info(message, message, "not-listed")
        else:
            case.stdout = message
        return case

    def outcome_entry(
        self, variant: str, outcome: PairedOutcome, finding: Finding, seconds: float
    ) -> _Entry:
        return _Entry(
            _FINDINGS[finding],
            partial(self.outcome_case, variant, outcome, finding, seconds),
            seconds,
            (not outcome.critical, -outcome.difference),
        )

    def outcome_case(
        self, variant: str, outcome: PairedOutcome, finding: Finding, seconds: float
    ) -> TestCase:
        case = self.golden_case(variant, outcome)
        case.elapsed_sec = seconds
        if finding == "pass":
            return case
        message = outcome_sentence(outcome, self.report.baseline.name)
        if finding == "tolerated":
            known = "" if unconfirmed(outcome) else "regressed, but no budget failed over it: "
            case.stdout = f"{known}{message}"
        else:
            block = "\n".join(case_block(outcome, self.texts, WIDTH))
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
        return self.case(f"quant.{'.'.join(parts)}", name, variant, **place)

    def seconds(self, number: int, outcome: PairedOutcome, timed: set[str]) -> float:
        """Return how long the candidate took, once per case however many checks read it."""
        if outcome.case in timed:
            return 0.0
        timed.add(outcome.case)
        seconds = self.times[number].get((outcome.cohort, outcome.case)) or 0.0
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
