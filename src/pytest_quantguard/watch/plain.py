"""Looks, pins and reports as plain JSON types, and back; ``watch.schema.json`` describes them."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from pytest_quantguard.documents.document import Document, problems
from pytest_quantguard.documents.strict_json import NotStrict, loads
from pytest_quantguard.errors import InputError
from pytest_quantguard.reporters._words import budget_sentence
from pytest_quantguard.types import Json, plain
from pytest_quantguard.verdicts import CandidateReport, GateReport
from pytest_quantguard.watch.records import Behaviour, Look, Pin, ProbeAnswer, Told, WatchReport

SCHEMA = "watch.schema.json"
LARGEST = 16 * 2**20
"""Bytes of one file; a look takes a few thousand."""


def to_text(document: Json) -> bytes:
    """Return a document as JSON in pure ASCII, so that no text of a server is live in it.

    Raises:
        ValueError: it holds what JSON cannot say, such as NaN.
    """
    return json.dumps(document, allow_nan=False).encode("ascii") + b"\n"


def read(path: Path, what: str) -> Json:
    """Read one of our files; ``what`` is its definition in the schema: ``look`` or ``pin``.

    Raises:
        InputError: it cannot be read, is no such file, or is damaged; names it, and says why.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST + 1)
    except OSError as error:
        raise InputError(f"{path.name}: {error.strerror or error}") from None
    if len(raw) > LARGEST:
        raise InputError(f"{path.name}: larger than {LARGEST >> 20} MB")
    try:
        data = loads(raw.decode("ascii"))
    except (UnicodeDecodeError, NotStrict) as error:
        raise InputError(f"{path.name}: it is damaged: {error}") from None
    if found := problems(Document(path.name, data), SCHEMA, f"#/$defs/{what}"):
        raise InputError(found[0])
    return dict(data)


# --- looks and pins -----------------------------------------------------------------------


def look_to(look: Look) -> Json:
    """Return a look as plain JSON types."""
    return {"kind": "look", "version": 1, **plain(look)}


def look_from(data: Json) -> Look:
    """Rebuild a look from what fits the schema.

    Raises:
        InputError: a log-probability is none.
    """
    told: dict[str, Any] = {k: v for k, v in data.items() if k not in ("kind", "version")}
    behaviour, said = told.pop("behaviour", None), told.pop("told", None)
    answers = tuple(
        ProbeAnswer(**{**one, "top": tuple(map(_token, one["top"]))}) for one in told.pop("answers")
    )
    return Look(
        **{**told, "failures": tuple(told.get("failures", ()))},
        answers=answers,
        behaviour=None if behaviour is None else Behaviour(**behaviour),
        told=None if said is None else Told(**said),
    )


def _token(pair: Any) -> tuple[str, float]:
    # By hand: the schema would take longer for these than for all the rest of a year of looks.
    if type(pair) is list and len(pair) == 2:
        text, value = pair
        if type(text) is str and type(value) in (int, float) and -math.inf < value <= 0:
            return text, float(value)
    raise InputError(f"{pair!r:.60} is no token with its log-probability")


def pin_to(pin: Pin) -> Json:
    """Return a pin as plain JSON types."""
    return {"kind": "pin", "version": 1, **plain(pin)}


def pin_from(data: Json) -> Pin:
    """Rebuild a pin from what fits the schema."""
    return Pin(looks=tuple(data["looks"]), reason=data["reason"], at=data["at"], of=data["of"])


# --- the report ---------------------------------------------------------------------------


def report_to(report: WatchReport) -> Json:
    """Return the whole answer as plain JSON types; texts stand in it as they came, in ASCII."""
    look = look_to(report.look)
    return {
        "kind": "watch",
        "version": report.version,
        "endpoint": report.endpoint,
        "answer": report.answer.value,
        "exit_code": report.answer.exit_code,
        "reasons": list(report.reasons),
        "signature": report.signature,
        "since": report.since,
        "new": report.new,
        "findings": [plain(finding) for finding in report.findings],
        "look": look,
        "pin": None if report.pin is None else pin_to(report.pin),
        "previous": report.previous,
        "gate": None if report.gate is None else _gate(report.gate),
        "provenance": report.provenance,
    }


def _gate(gate: GateReport) -> Json:
    """Return the golden set's verdicts; the folder of its report has the cases."""
    candidate: CandidateReport | None = gate.candidates[0] if gate.candidates else None
    rows = candidate.budgets if candidate is not None else ()
    return {
        "verdict": gate.verdict.value,
        "log_evidence": candidate.log_evidence if candidate is not None else 0.0,
        "cases": gate.provenance.get("cases", 0),
        "mishaps": len(candidate.mishaps) if candidate is not None else 0,
        "notes": list(candidate.notes) if candidate is not None else [],
        "budgets": [
            {
                "cohort": row.cohort,
                "check": row.check,
                "tag": row.tag,
                "metric": row.metric,
                "verdict": row.verdict.value,
                "sentence": budget_sentence(row, candidate),
                "cases": row.cases,
                "baseline": row.baseline_rate,
                "candidate": row.candidate_rate,
                "delta": None if row.delta is None else plain(row.delta),
            }
            for row in rows
        ],
    }
