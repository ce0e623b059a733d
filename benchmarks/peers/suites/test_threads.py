"""The best that was found by hand: threads with a client each, and a test a case."""

from __future__ import annotations

import asking
import pytest

LOSS = 0.05
lost = 0


@pytest.fixture(scope="session")
def answers():
    """Ask for everything when the first test needs something."""
    return asking.ask_all()


@pytest.mark.parametrize("case", asking.cases(), ids=lambda case: case["id"])
def test_case(case, answers):
    """Compare both models on one case."""
    global lost  # noqa: PLW0603
    base, cand = (
        case["expected"] in answers[case["id"], model].result() for model in ("base", "cand")
    )
    lost += base - cand


def test_loss():
    """Allow a loss, which single tests cannot."""
    assert lost <= LOSS * len(asking.cases())
