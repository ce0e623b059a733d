"""Which candidate is the cheapest: by what was measured, else by what was declared."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from pytest_quantguard._noise import is_null
from pytest_quantguard.verdicts import CandidateReport, GateReport, Group

_MEASURED = Group(metric="cost_per_success")
MEASURED_COST = "measured cost per successful request"
"""The rule that goes before all others."""
FULL_BITS = 16
"""Bits of the weights of a variant that is not quantized."""
AS_GIVEN = "the order in which they were given"


@dataclass(frozen=True, slots=True)
class Order:
    """The candidates of a report, the cheapest first."""

    by: str
    """The rule, for people: what makes one cheaper than the other."""
    candidates: tuple[CandidateReport, ...]
    """Without the baseline asked once more, which is no candidate to be served."""


def cheapest_first(report: GateReport) -> Order:
    """Order the candidates by the first rule that has a number for each of them.

    The rules: measured cost per successful request, relative to the baseline's on the same cases;
    declared price; declared bits of the weights (16 where nothing is quantized); the order in which
    they were given, which also decides between equals.
    """
    asked = [one for one in report.candidates if not is_null(one.variant)]
    for by, number in _RULES:
        found = [number(candidate) for candidate in asked]
        if all(value is not None and math.isfinite(value) for value in found):
            places = sorted(range(len(asked)), key=lambda i: found[i] or 0.0)
            return Order(by, tuple(asked[i] for i in places))
    return Order(AS_GIVEN, tuple(asked))


def _measured(candidate: CandidateReport) -> float | None:
    found = (r.delta for r in candidate.readings if r.group == _MEASURED and r.delta is not None)
    return next((delta.value for delta in found), None)


def _declared(candidate: CandidateReport) -> float | None:
    """Price of a prompt token and an answer token together, per million of each."""
    price = candidate.variant.price
    return None if price is None else price.input + price.output


def _bits(candidate: CandidateReport) -> float | None:
    found = candidate.variant.quantization
    if found.weight_bits is None and found.method == "none":
        return FULL_BITS
    return found.weight_bits


_RULES: tuple[tuple[str, Callable[[CandidateReport], float | None]], ...] = (
    (MEASURED_COST, _measured),
    ("declared price", _declared),
    ("bits of the weights", _bits),
)
