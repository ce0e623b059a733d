"""Where a report comes from: versions, counts and what servers said, folded away."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from pytest_quantguard.reporters._judged import judge_sentences
from pytest_quantguard.reporters._summary import sequential
from pytest_quantguard.reporters._words import digits, duration, label, sentence
from pytest_quantguard.reporters.html._markup import Child, Markup, tag
from pytest_quantguard.reporters.html._pieces import Column, folded, listed, row, table
from pytest_quantguard.types import Json
from pytest_quantguard.variants import Variant
from pytest_quantguard.verdicts import GateReport

SHOWN = 40_000
"""Characters of the run's record that are shown; the whole of it is in report.json."""
_COUNTS = {
    "planned": "Requests planned",
    "cached": "Answered from the cache",
    "sent": "Requests sent",
    "answered": "Answered",
    "failed": "Without an answer",
    "attempts": "Tries in all",
}
_FACTS = {
    "seconds": "Time taken",
    "cases": "Cases",
    "checks": "Checks",
    "whole": "All cases of the golden set were asked",
    "baseline_given": "Baseline given on the command line",
    "config": "Configuration",
    "golden_hash": "SHA-256 of the golden set",
    "run": "Id of the run",
    "pytest_quantguard": "pytest-quantguard",
    "pytest": "pytest",
    "python": "Python",
    "platform": "Platform",
}
"""What the record calls a fact, and what people do; others stand under the record's own name."""


def remarks(provenance: Json) -> Markup | None:
    """Return what is to be said about the run as a whole, as the terminal says it."""
    found: Any = provenance.get("remarks")
    items = found if isinstance(found, list | tuple) else ()
    told = [sentence(text) for text in items if isinstance(text, str)]
    run = [sequential(provenance), *judge_sentences(provenance), *told]
    return listed(filter(None, run), class_="notes")


def provenance(report: GateReport) -> Markup:
    """Return the record of the run."""
    variants = [report.baseline, *(candidate.variant for candidate in report.candidates)]
    known = {**dict.fromkeys(_FACTS), **report.provenance}
    facts = [
        (_FACTS.get(key) or sentence(key.replace("_", " "), 100), _fact(key, value))
        for key, value in known.items()
        if isinstance(value, str | int | float) and value != "" and key != "started"
    ]
    terms = [[tag("dt", name), tag("dd", value)] for name, value in facts]
    return folded(
        "Where this report comes from",
        _variants(variants, report.provenance.get("requests")),
        tag("dl", terms) if terms else None,
        _whole(report.provenance),
        class_="provenance",
    )


def _fact(key: str, value: str | float) -> str:
    """Return a fact in words; numbers are rounded, the record has them in full."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return sentence(value, 300)
    if not math.isfinite(value):
        return "unknown"
    if key == "seconds":
        return duration(value)
    return f"{value:,}" if isinstance(value, int) else digits(value)


def _variants(variants: list[Variant], requests: Any) -> Markup:
    counts = requests if isinstance(requests, Mapping) else {}
    columns = (
        Column(title="Variant"),
        Column(title="Model", class_="text"),
        Column(title="Provider"),
        Column(title="Declared precision", class_="text"),
        *(Column(title=title, number=True) for title in _COUNTS.values()),
    )
    rows = []
    for variant in variants:
        found = counts.get(variant.name)
        mine = found if isinstance(found, Mapping) else {}
        cells: list[Child] = [
            label(variant.name),
            sentence(variant.model, 200),
            label(variant.provider),
            sentence(str(variant.quantization), 100) if variant.quantization else None,
            *(_number(mine.get(word)) for word in _COUNTS),
        ]
        rows.append(row(columns, cells))
    return table("What was asked of each variant", columns, rows)


def _whole(record: Json) -> Markup | None:
    if not record:
        return None
    text = json.dumps(record, indent=1, ensure_ascii=True, default=str)
    more = len(text) - SHOWN
    cut = f"\n... [{more} more characters stand in report.json]" if more > 0 else ""
    shown = tag(
        "pre", text[:SHOWN] + cut, tabindex=0, role="region", aria_label="Record of the run"
    )
    return folded("The whole record, as JSON", shown)


def _number(value: Any) -> str | None:
    return f"{value:,}" if type(value) is int else None
