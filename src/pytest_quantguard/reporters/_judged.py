"""What the judges of a run were asked, what it cost, and where they contradicted themselves."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from pytest_quantguard.reporters._words import label, percent
from pytest_quantguard.verdicts import CandidateReport

_CONSISTENT = "consistent"
"""The layer of a check that compares in both orders."""


def judge_sentences(provenance: Mapping[str, Any]) -> list[str]:
    """Return a sentence for each judge that was asked."""
    found = provenance.get("judges")
    items = found.items() if isinstance(found, Mapping) else ()
    told = [_told(str(name), numbers) for name, numbers in items if isinstance(numbers, Mapping)]
    return [text for text in told if text]


def _told(name: str, numbers: Mapping[str, Any]) -> str:
    keys = ("answers", "fresh", "sent", "second_tries", "cost", "without_cost")
    values = [numbers.get(key) for key in keys]
    if not all(isinstance(n, int | float) and math.isfinite(n) for n in values):
        return ""
    answers, fresh, sent, again, cost, unknown = (float(n) for n in values if n is not None)
    if not answers:
        return ""
    parts = [f"{answers:.0f} answers, {answers - fresh:.0f} of them cached", f"{sent:.0f} sent"]
    if again:
        parts.append(f"{again:.0f} second tries")
    if cost and not unknown:
        parts.append(f"cost {cost:.4g}")
    elif cost:
        parts.append(f"cost {cost:.4g} and {unknown:.0f} answers without a known cost")
    return f"Judge {label(name)} ({label(str(numbers.get('model')))}): {', '.join(parts)}"


def contradictions(candidate: CandidateReport) -> list[str]:
    """Say how often a judge's preference changed with the order of the answers."""
    return [
        f"Judged in both orders ({label(one.check)}): in {percent(1 - one.baseline_rate)} of "
        f"{one.cases} comparisons the order decided; they count as ties"
        for one in candidate.layers
        if one.layer == _CONSISTENT and one.cohort is None and one.baseline_rate < 1
    ]
