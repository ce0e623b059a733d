"""What a canary's report says of the traffic: where a loss was shown, and what was not read."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from pytest_quantguard import _budgets
from pytest_quantguard._decide import ALPHA_FAIL
from pytest_quantguard.canary.looking import Trigger
from pytest_quantguard.reporters._words import odds
from pytest_quantguard.verdicts import BudgetVerdict, Group, Verdict

_STOPPED = "open: reading stopped, since another budget failed, before this one's next look"

_NAMED = 5
"""Budgets that are named in notes, those of the smallest groups first; their rows say it, too."""


def group_of(row: BudgetVerdict) -> Group:
    """Return what a row is about."""
    return Group(row.cohort, row.check, row.tag, row.metric)


def cut_off(row: BudgetVerdict) -> BudgetVerdict:
    """Conclude nothing that takes a look of its own where a loss ended the reading before it."""
    if row.verdict is Verdict.PASS or (row.verdict is Verdict.FAIL and row.metric is not None):
        return replace(row, verdict=Verdict.INCONCLUSIVE, reason=_STOPPED)
    return row


def told(row: BudgetVerdict, triggers: Mapping[Group, Trigger], here: Trigger) -> BudgetVerdict:
    """Say in a failed row where in the traffic its loss was shown: ``here``, if at no look."""
    if row.verdict is not Verdict.FAIL:
        return row
    found = triggers.get(group_of(row), here)
    shown = f"shown by pair {found.pair:,} ({found.source})"
    counts = row.counts and replace(row.counts, shown=shown)
    return replace(row, reason=f"{row.reason}; {shown}", counts=counts)


def at_the_end(rows: Sequence[BudgetVerdict], here: Trigger) -> dict[Group, Trigger]:
    """Return what the end of the traffic shows of its budgets: some fail at no look before it."""
    if here.log_evidence < math.log(1 / ALPHA_FAIL):  # ``strict`` takes another proof
        return {}
    failed = (row for row in rows if row.verdict is Verdict.FAIL and row.metric is None)
    return {group_of(row): here for row in failed if row.max_drop is not None}


def rollbacks(rows: Sequence[BudgetVerdict], triggers: Mapping[Group, Trigger]) -> list[str]:
    """Say which budgets ask for a rollback, and which seemed to for a while."""
    notes = []
    failed = {group_of(row) for row in rows if row.verdict is Verdict.FAIL}
    narrow = sorted(triggers.items(), key=lambda item: item[0].count(None))
    for group, found in narrow[:_NAMED]:
        said = (
            f"over its budget at evidence {odds(found.log_evidence)}, "
            f"at pair {found.pair:,} ({found.source})"
        )
        name = _budgets.name(group)
        if group in failed:
            notes.append(f"Rollback trigger, {name}: {said}")
        else:
            notes.append(f"{name} was {said}; not at the end")
    if len(narrow) > _NAMED:
        notes.append(f"{len(narrow) - _NAMED} more budgets were over at some look")
    return notes
