"""What the judges of a run were asked, and what it cost."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from pytest_quantguard._plural import counted
from pytest_quantguard.reporters._words import label


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
    failed = numbers.get("failed") or 0
    if not answers and not failed:
        return ""
    total = counted(round(answers), "answer")
    parts = [f"{total}, {answers - fresh:.0f} of them cached", f"{sent:.0f} sent"]
    if isinstance(failed, int) and failed:
        parts.append(f"{failed} without an answer")
    if again:
        parts.append(counted(round(again), "second try", "second tries"))
    if cost and not unknown:
        parts.append(f"cost {cost:.4g}")
    elif cost:
        without = counted(round(unknown), "answer")
        parts.append(f"cost {cost:.4g} and {without} without a known cost")
    return f"Judge {label(name)} ({label(str(numbers.get('model')))}): {', '.join(parts)}"
