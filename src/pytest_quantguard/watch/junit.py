"""A look as JUnit XML: a test case for the answer, each finding, and each of the gate's budgets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal
from xml.etree import ElementTree

from pytest_quantguard._sanitize import clean
from pytest_quantguard.reporters._words import budget_sentence, group_name, label, sentence
from pytest_quantguard.verdicts import Verdict
from pytest_quantguard.watch.records import Answer, Finding, WatchReport
from pytest_quantguard.watch.shown import about, spent, word

Kind = Literal["pass", "failure", "error", "skipped"]
_ROWS = 1000


@dataclass(frozen=True, slots=True)
class _Row:
    name: str
    kind: Kind
    message: str
    type: str = ""


def document(report: WatchReport) -> bytes:
    """Return the file; every text of a server is cleaned, and none is empty where it matters."""
    endpoint = label(report.endpoint)
    rows = [_answer(report), *map(_finding, report.findings[:_ROWS])]
    suites = {f"quantguard.watch.{endpoint}": rows}
    if report.gate is not None:
        suites[f"quantguard.watch.{endpoint}.golden"] = list(_budgets(report))[:_ROWS]
    root = ElementTree.Element("testsuites", {"name": "quantguard watch"})
    for name, found in suites.items():
        root.append(_suite(name, found, endpoint))
    for key in ("tests", "failures", "errors", "skipped"):
        root.set(key, str(sum(int(suite.get(key, 0)) for suite in root)))
    root.set("time", "0.000")
    found_: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return found_


def _answer(report: WatchReport) -> _Row:
    """Return the answer: the one test case that is as red or green as the exit code."""
    kinds: dict[Answer, Kind] = {
        Answer.UNCHANGED: "pass",
        Answer.CHANGED: "failure",
        Answer.WORSE: "failure",
        Answer.UNCLEAR: "error",
    }
    told = "; ".join(sentence(reason, 500) for reason in report.reasons)
    signature = f"; {sentence(report.signature, 300)}" if report.signature else ""
    message = f"{word(report.answer)}: {told}{signature} ({spent(report)})"
    return _Row("answer", kinds[report.answer], message, report.answer.value)


def _finding(finding: Finding) -> _Row:
    kind: Kind = "failure" if finding.changed and finding.decides else "pass"
    return _Row(about(finding), kind if finding.able else "skipped", finding.sentence, "changed")


def _budgets(report: WatchReport) -> Iterator[_Row]:
    kinds: dict[Verdict, Kind] = {
        Verdict.PASS: "pass",
        Verdict.FAIL: "failure",
        Verdict.INCONCLUSIVE: "skipped",  # what it means for the answer, the answer says
    }
    for candidate in report.gate.candidates if report.gate is not None else ():
        for row in candidate.budgets:
            message = budget_sentence(row, candidate)
            name = f"budget {group_name(row)}"
            yield _Row(name, kinds.get(row.verdict, "error"), message, row.verdict.value)


def _suite(name: str, rows: list[_Row], endpoint: str) -> ElementTree.Element:
    counts = Counter(row.kind for row in rows)
    told = {"failures": "failure", "errors": "error", "skipped": "skipped"}
    numbers = {key: str(counts[kind]) for key, kind in told.items()}  # type: ignore[index]
    suite = ElementTree.Element(
        "testsuite", {"name": clean(name), "tests": str(len(rows)), **numbers, "time": "0.000"}
    )
    seen: Counter[str] = Counter()
    for row in rows:
        title = clean(f"{row.name} ({endpoint})")
        seen[title] += 1
        title = title if seen[title] == 1 else f"{title} ({seen[title]})"
        names = {"classname": clean(name), "name": title, "time": "0.000"}
        case = ElementTree.SubElement(suite, "testcase", names)
        message = sentence(row.message, 2000) or row.kind
        if row.kind == "pass":
            ElementTree.SubElement(case, "system-out").text = message
        elif row.kind == "skipped":
            ElementTree.SubElement(case, "skipped", {"message": message})
        else:
            found = ElementTree.SubElement(
                case, row.kind, {"message": message, "type": row.type or row.kind}
            )
            found.text = message  # some readers show the text alone
    return suite
