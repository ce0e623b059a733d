"""Golden prompts that a candidate was calibrated on: a test that was handed out beforehand."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_quantguard.lint import Finding, Outset
from pytest_quantguard.lint._overlap import overlaps

RULE = "calibration"


def find(outset: Outset) -> Iterator[Finding]:
    """Yield a warning for each case whose prompt stands in a declared calibration file."""
    cases = {case.id: case for case in outset.cases}
    prompts = {case.id: case.request.question for case in outset.cases}
    for overlap in overlaps(prompts, outset.calibration):
        yield Finding(
            rule=RULE,
            severity="warning",
            place=str(cases[overlap.key].source),
            case=overlap.key,
            text=f"the prompt of {overlap.key} stands in calibration data ({overlap.place}, "
            f"{100 * overlap.share:.0f} % of it): the candidate was tuned on it; use another case",
        )
