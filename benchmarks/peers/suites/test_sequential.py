"""What is written first: one question after the other."""

from __future__ import annotations

import asking
import pytest

LOSS = 0.05
lost = 0


@pytest.mark.parametrize("case", asking.cases(), ids=lambda case: case["id"])
def test_case(case):
    """Compare both models on one case."""
    global lost  # noqa: PLW0603
    base, cand = (
        case["expected"] in asking.ask(model, case["prompt"]) for model in ("base", "cand")
    )
    lost += base - cand


def test_loss():
    """Allow a loss, which single tests cannot."""
    assert lost <= LOSS * len(asking.cases())
