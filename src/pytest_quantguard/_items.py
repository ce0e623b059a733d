"""What golden items keep, and how each of them is examined."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pytest

from pytest_quantguard.contracts import Check
from pytest_quantguard.errors import CheckError
from pytest_quantguard.types import GoldenCase

if TYPE_CHECKING:
    from pytest_quantguard._evidence import Evidence, Examiner

CASE = pytest.StashKey[GoldenCase]()
EVIDENCE: pytest.StashKey[Evidence] = pytest.StashKey()


def checks_of(item: pytest.Item) -> tuple[Check, ...]:
    """Return what an item judges: one check of a golden file, or all of a test function's."""
    own: Check | None = getattr(item, "check", None)
    return item.stash[CASE].checks if own is None else (own,)


class Critical(Exception):  # noqa: N818  a finding about the model, not an error of ours
    """A critical case regressed."""


def examine(
    item: pytest.Item, examiner: Examiner, case: GoldenCase, judges: Mapping[str, Any]
) -> None:
    """Examine a case and leave the evidence with the item, to travel on its report."""
    __tracebackhide__ = True
    evidence = examiner.examine(case, judges)
    item.stash[EVIDENCE] = evidence
    for mishap in evidence.mishaps:
        if mishap.of_check:
            raise CheckError(f"{mishap.message} (case {case.id}, candidate {mishap.variant})")
    for outcome in evidence.outcomes:
        if outcome.critical and outcome.confirmed:
            why = "; ".join(outcome.candidate.violations)
            raise Critical(
                f"critical case regressed on {outcome.variant}: {outcome.check} holds in the "
                f"baseline, not in the candidate: {why}"
            )
    if evidence.mishaps:
        first = evidence.mishaps[0]
        pytest.skip(f"no comparison ({first.kind}, {first.role}): {first.message}")
