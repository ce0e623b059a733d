"""deepeval under plain pytest: it asks no models under test, so that threads do, as by hand."""

from __future__ import annotations

import asking
import pytest
from deepeval import assert_test
from deepeval.metrics import BaseMetric
from deepeval.test_case import LLMTestCase


class Contains(BaseMetric):
    """Is the expected text in the answer? No model is asked."""

    def __init__(self) -> None:
        self.threshold = 1.0
        self.async_mode = False

    def measure(self, test_case, *args, **kwargs):
        """Judge one answer."""
        self.score = float(test_case.expected_output in test_case.actual_output)
        self.success = self.score >= self.threshold
        self.reason = "" if self.success else "the order is not named"
        return self.score

    async def a_measure(self, test_case, *args, **kwargs):
        """Judge one answer."""
        return self.measure(test_case)

    def is_successful(self):
        """Tell what came of it."""
        return self.success

    @property
    def __name__(self):
        return "contains"


@pytest.fixture(scope="session")
def answers():
    """Ask for everything when the first test needs something."""
    return asking.ask_all()


@pytest.mark.parametrize("model", ["base", "cand"])
@pytest.mark.parametrize("case", asking.cases(), ids=lambda case: case["id"])
def test_case(case, model, answers):
    """Judge one model on one case; a wrong answer is a failed test here."""
    said = answers[case["id"], model].result()
    test_case = LLMTestCase(
        input=case["prompt"], actual_output=said, expected_output=case["expected"]
    )
    assert_test(test_case, [Contains()], run_async=False)
