"""What golden items keep, and how each of them is examined."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pytest

from pytest_quantguard.contracts import Check
from pytest_quantguard.errors import CheckError
from pytest_quantguard.types import GoldenCase

if TYPE_CHECKING:
    from pytest_quantguard._evidence import Evidence
    from pytest_quantguard._examiner import Examiner
    from pytest_quantguard.pairs import Mishap

CASE = pytest.StashKey[GoldenCase]()
_SAID: pytest.StashKey[dict[str, str]] = pytest.StashKey()
"""Why items could not be compared, and which said it first: a dead server is said once."""
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
        pytest.skip(f"no comparison ({first.kind}, {first.role}): {_once(item, first)}")


def _once(item: pytest.Item, mishap: Mishap) -> str:
    """Return a message in full the first time, and then where that was."""
    said = item.config.stash.setdefault(_SAID, {})
    first = said.setdefault(f"{mishap.kind} {mishap.role} {mishap.message}", item.nodeid)
    return mishap.message if first == item.nodeid else f"the same as in {first}"
