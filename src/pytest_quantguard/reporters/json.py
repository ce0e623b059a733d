"""The whole report as JSON: what is archived, merged and rendered again.

The top level is a CTRF document, so that test dashboards read it; everything of ours stands under
``results.extra.quantguard`` and in each test's ``extra``. The file is pure ASCII: a lone surrogate
in model text survives as an escape. ``report.schema.json`` describes it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

from pytest_quantguard.errors import QuantGuardError
from pytest_quantguard.pairs import Mishap, PairedOutcome
from pytest_quantguard.reporters._checked import FORMAT_VERSION
from pytest_quantguard.reporters._files import write_whole
from pytest_quantguard.reporters._measured import delta_to, measurement_to, reading_to
from pytest_quantguard.reporters._read_back import both, from_json, texts_of
from pytest_quantguard.reporters._routing import routes
from pytest_quantguard.reporters._texts import Texts, kept_texts
from pytest_quantguard.reporters._views import Finding, findings, unexplained
from pytest_quantguard.reporters._words import (
    NO_CANDIDATE,
    budget_sentence,
    group_name,
    label,
    mishap_sentence,
    outcome_sentence,
    sentence,
)
from pytest_quantguard.types import Json, Source
from pytest_quantguard.verdicts import (
    BudgetVerdict,
    CandidateReport,
    GateReport,
    Verdict,
)

__all__ = ["both", "from_json", "texts_of", "to_json", "write"]

CTRF_VERSION = "0.0.0"
"""What CTRF calls itself before its first version."""
_NAMESPACE = UUID("a1b0c1ae-2d4f-5c7e-9a53-71d6c3f0e84b")
"""Makes a test's id the same in every run, for dashboards that follow tests over time."""
_LATEST = 1e14
"""Milliseconds after 1970 that are surely no time of a run."""
_STATUS: dict[Finding, str] = {
    "fail": "failed",
    "tolerated": "passed",
    "pass": "passed",
    "unanswered": "other",
}


def write(report: GateReport, path: Path, texts: Texts) -> None:
    """Write the report, with what was asked and said where a check does not hold in both arms.

    Raises:
        QuantGuardError: when the file cannot be written, or the report holds what JSON cannot
            say, such as NaN; names the path.
    """
    document = _document(report)
    document["results"]["extra"]["quantguard"].update(
        kept_texts((o for c in report.candidates for o in c.outcomes), texts)
    )
    try:
        text = json.dumps(document, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as error:
        raise QuantGuardError(f"{path}: this report is no JSON: {error}") from error
    write_whole(path, text.encode("ascii") + b"\n")


def to_json(report: GateReport) -> Json:
    """Return the report as plain JSON types, without the models' texts."""
    plain: Json = _plain(_document(report))
    return plain


def _document(report: GateReport) -> Json:
    """Return the report with tuples where records have them: JSON writes both alike."""
    tests = [test for i, c in enumerate(report.candidates) for test in _tests(i, c, report)]
    if not report.candidates:
        tests = [_test("quantguard", ["quantguard"], "failed", "error", NO_CANDIDATE)]
    return {
        "reportFormat": "CTRF",
        "specVersion": CTRF_VERSION,
        **_when(report.provenance),
        "generatedBy": "pytest-quantguard",
        "results": {
            "tool": {
                "name": "pytest-quantguard",
                "version": str(report.provenance.get("pytest_quantguard", "unknown")),
            },
            "summary": _summary(tests, report),
            "tests": tests,
            **_environment(report.provenance),
            "extra": {
                "quantguard": {
                    "version": FORMAT_VERSION,
                    "report_version": report.version,
                    "verdict": report.verdict.value,
                    "baseline": report.baseline.to_dict(),
                    "candidates": [_candidate(candidate) for candidate in report.candidates],
                    "provenance": report.provenance,
                    "completions": {},
                    "completions_left_out": 0,
                    "requests": {},
                }
            },
        },
    }


def _plain(value: Any) -> Any:
    """Turn the tuples of records into lists."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list | tuple) else value


def _summary(tests: list[Json], report: GateReport) -> Json:
    counts = {
        status: sum(test["status"] == status for test in tests)
        for status in ("passed", "failed", "skipped", "pending", "other")
    }
    start = _milliseconds(report.provenance.get("started"))
    duration = _milliseconds(report.provenance.get("seconds"))
    return {
        "tests": len(tests),
        **counts,
        "suites": len({tuple(test["suite"]) for test in tests}),
        "start": start,
        "stop": start + duration,
        "duration": duration,
    }


def _when(provenance: Json) -> Json:
    """Return CTRF's id of the run, and when it ended, where they are known."""
    found: Json = {}
    if run := provenance.get("run"):
        found["runId"] = label(str(run))
    start, length = (_milliseconds(provenance.get(key)) for key in ("started", "seconds"))
    if 0 < start < _LATEST:
        end = datetime.fromtimestamp((start + length) / 1000, UTC)
        found["timestamp"] = end.isoformat(timespec="seconds").replace("+00:00", "Z")
    return found


def _environment(provenance: Json) -> Json:
    """Return what CTRF has a place for of the CI job; nothing outside of one."""
    job = provenance.get("ci")
    known = job if isinstance(job, dict) else {}
    names = {"name": "buildName", "commit": "commit", "ref": "branchName", "url": "buildUrl"}
    found = {names[key]: sentence(str(known[key])) for key in names if known.get(key)}
    return {"environment": found} if found else {}


def _milliseconds(seconds: Any) -> int:
    known = isinstance(seconds, int | float) and 0 <= seconds < 1e11
    return round(1000 * seconds) if known else 0


# --- one candidate --------------------------------------------------------------------------


def _candidate(candidate: CandidateReport) -> Json:
    """Everything but outcomes and mishaps, which stand with their tests."""
    index = {outcome: i for i, outcome in enumerate(candidate.outcomes)}
    name = candidate.variant.name
    return {
        "variant": candidate.variant.to_dict(),
        "verdict": candidate.verdict.value,
        "log_evidence": candidate.log_evidence,
        "quantization_note": candidate.quantization_note,
        "notes": list(candidate.notes),
        "routes": [asdict(route) for route in routes(candidate)],
        "budgets": [_budget(row, index) for row in candidate.budgets],
        "layers": [asdict(layer) for layer in candidate.layers],
        "readings": [reading_to(reading) for reading in candidate.readings],
        "measurements": [measurement_to(m, name) for m in candidate.measurements],
        **({"counted": [asdict(c) for c in candidate.counted]} if candidate.counted else {}),
    }


def _budget(row: BudgetVerdict, index: dict[PairedOutcome, int]) -> Json:
    return {
        "cohort": row.cohort,
        "check": row.check,
        "tag": row.tag,
        "metric": row.metric,
        "max_drop": row.max_drop,
        "max_ratio": row.max_ratio,
        "relative": row.relative,
        "both_ways": row.both_ways,
        "verdict": row.verdict.value,
        "reason": row.reason,
        "delta": delta_to(row.delta),
        "cases": row.cases,
        "baseline_rate": row.baseline_rate,
        "candidate_rate": row.candidate_rate,
        "regressed": [index[o] if o in index else o.to_dict() for o in row.regressed],
        "improved": row.improved,
        "log_evidence": row.log_evidence,
        "noise": row.noise,
        **({} if row.counts is None else {"counts": asdict(row.counts)}),
    }


def _tests(number: int, candidate: CandidateReport, report: GateReport) -> Iterator[Json]:
    """One CTRF test per budget, per outcome and per mishap; what is not a pass is red."""
    name = label(candidate.variant.name)
    budgets = [f"quantguard.{name}.budgets"]
    for i, row in enumerate(candidate.budgets):
        status = "passed" if row.verdict is Verdict.PASS else "failed"
        said = budget_sentence(row, candidate)
        test = _test(f"budget {group_name(row)}", budgets, status, row.verdict.value, said)
        yield _with(test, number, None, budget=i)
    if unexplained(candidate):
        word = candidate.verdict.value
        yield _test("verdict", budgets, "failed", word, f"the verdict on this candidate is {word}")
    for outcome, finding in findings(candidate):
        yield _outcome_test(number, outcome, finding, report.baseline.name)
    for mishap in candidate.mishaps:
        suite, title = _named(mishap)
        kind, said = label(mishap.kind), mishap_sentence(mishap)
        test = _test(title, suite, "failed", kind, said, salt=f"{mishap.role} {kind}")
        yield _with(test, number, mishap.source, mishap=mishap.to_dict())


def _outcome_test(number: int, outcome: PairedOutcome, finding: Finding, baseline: str) -> Json:
    suite, title = _named(outcome)
    raw = {"pass": "pass", "unanswered": "unanswered"}.get(finding, "regressed")
    said = outcome_sentence(outcome, baseline) if raw == "regressed" else ""
    test = _test(title, suite, _STATUS[finding], raw, said)
    if outcome.tags:
        test["tags"] = [label(tag) for tag in outcome.tags]
    return _with(test, number, outcome.source, outcome=outcome.to_dict())


def _named(found: PairedOutcome | Mishap) -> tuple[list[str], str]:
    suite = f"quantguard.{label(found.variant)}.{label(found.cohort)}"
    return [suite], f"{label(found.case)} / {label(found.check)}"


def _test(
    name: str, suite: list[str], status: str, raw: str, message: str, *, salt: str = ""
) -> Json:
    """Make a CTRF test; ``salt`` tells apart what happened to one case in several ways."""
    # Durations belong to completions, which are asked in parallel and often come from the cache.
    test: Json = {
        "id": str(uuid5(_NAMESPACE, "\n".join([*suite, name, salt]))),
        "name": name,
        "status": status,
        "rawStatus": raw,
        "duration": 0,
        "suite": suite,
    }
    return {**test, "message": message} if message else test


def _with(test: Json, number: int, source: Source | None, **extra: Any) -> Json:
    if source is not None:
        test["filePath"] = sentence(source.file, 300)
        test["line"] = source.line
    test["extra"] = {"candidate": number, **extra}
    return test
