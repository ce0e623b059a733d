"""References that break their own case's checks: one of the two is wrong."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_quantguard.contracts import Bound, Check, Repeated
from pytest_quantguard.lint import Finding, Outset
from pytest_quantguard.types import Completion, GoldenCase, Usage

RULE = "reference-fails"
_TOOLS = ("tool_call", "tool_sequence", "no_tool_call")


def find(outset: Outset) -> Iterator[Finding]:
    """Yield a warning for each check that a case's own reference does not satisfy."""
    for case in outset.cases:
        # A reference to a tool call is the text in which one model writes it: no call for others.
        calls = any(check.key in _TOOLS for check in case.checks)
        if case.reference and not calls and case.id not in outset.scripted:
            for check in case.checks:
                yield from _judged(check, case, case.reference)


def _judged(check: Check, case: GoldenCase, reference: str) -> Iterator[Finding]:
    if isinstance(check, Bound | Repeated) or getattr(check, "reads_timing", False):
        return
    tokens = Usage(completion_tokens=max(1, len(reference) // 4))
    answer = Completion(text=reference, finish_reason="stop", usage=tokens)
    try:
        outcome = check(answer, case)
    except Exception as error:
        said = f"{check.key} cannot judge the reference of {case.id}: {error}"
    else:
        if outcome.ok:
            return
        said = f"the reference of {case.id} breaks {check.key}: {'; '.join(outcome.violations)}"
    yield Finding(
        rule=RULE, severity="warning", place=str(case.source), case=case.id, text=f"{said:.400}"
    )
