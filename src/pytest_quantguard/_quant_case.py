"""The decorator that makes a test function a golden case."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest


def quant_case(
    *,
    cohort: str,
    prompt: str | None = None,
    messages: Sequence[Mapping[str, Any]] | None = None,
    system: str | None = None,
    tools: Sequence[Mapping[str, Any]] = (),
    request: Mapping[str, Any] | None = None,
    check: str = "python",
    critical: bool = False,
    weight: float = 1.0,
    samples: int = 1,
    tags: Sequence[str] = (),
    reference: str | None = None,
) -> pytest.MarkDecorator:
    """Make a test function a golden case whose body is the property.

    The body runs once on the baseline's completion and once on each candidate's, which it
    receives through the ``completion`` fixture. An AssertionError means that the property does
    not hold for that arm; any other exception is an error of the test, never the model's.

        @quant_case(cohort="tool-calling", prompt="Refund order 88213-A", tools=[REFUND])
        def test_refund(completion):
            assert completion.tool_call("refund_order").arguments["order_id"] == "88213-A"

    Args:
        cohort: the label under which the case is budgeted.
        prompt: the user message; or give ``messages``.
        messages: a whole conversation in the words of the OpenAI chat API.
        system: a system message put first.
        tools: OpenAI tool definitions.
        request: parameters for this case, over the configured ones.
        check: the name under which reports and budgets know the property, a label as a cohort is.
            Cases of a cohort that share it are judged together; one case alone can never decide a
            budget.
        critical: one regression fails this test, whatever the budgets say.
        weight: how much the case counts, above 0.
        samples: repeats asked of each arm, at least 1.
        tags: free labels.
        reference: a right answer, word for word, that no model wrote, without white space around
            it; each arm is asked how likely it finds it.
    """
    return pytest.mark.quant_case(
        cohort=cohort,
        prompt=prompt,
        messages=messages,
        system=system,
        tools=tools,
        request=request,
        check=check,
        critical=critical,
        weight=weight,
        samples=samples,
        tags=tags,
        reference=reference,
    )
