"""What metrics that are a ratio share."""

from __future__ import annotations

from pytest_quantguard.stats import Estimate
from pytest_quantguard.verdicts import Delta


def ratio_delta(found: Estimate | None) -> Delta | None:
    """Return an estimate as a delta; None where there is none."""
    if found is None:
        return None
    return Delta(value=found.value, low=found.low, high=found.high, n=found.n, unit="ratio")
