"""Compare two candidates of two runs; pure.

Where both runs judged the same cases, the candidate of the one is paired with the candidate of the
other, and the evidence is weighed by the same functions as a gate's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from pytest_quantguard._decide import decide, weigh
from pytest_quantguard._judge import judge
from pytest_quantguard._layers import layered
from pytest_quantguard._noticed import differences as how_much_differs
from pytest_quantguard._plural import counted
from pytest_quantguard._rates import grouped
from pytest_quantguard.comparing.circumstances import changes, notes
from pytest_quantguard.comparing.records import (
    CaseChange,
    Comparison,
    Direct,
    RowChange,
    Shared,
    Side,
    group_of,
    limited,
)
from pytest_quantguard.errors import InputError
from pytest_quantguard.pairs import PairedOutcome
from pytest_quantguard.reporters._views import key_of, silent
from pytest_quantguard.reporters._words import label
from pytest_quantguard.verdicts import Budget, BudgetVerdict, Group, Verdict


def compare(then: Side, now: Side) -> Comparison:
    """Compare two candidates.

    Raises:
        InputError: the two runs share no case that surely asks the same, or are of mirrored
            traffic.
    """
    for side in (then, now):
        if "canary" in side.report.provenance:
            raise InputError(
                f"{label(side.name)} is of mirrored traffic, and a report keeps only the losses of "
                "it: they are no cases to compare by; see quantguard history, or judge the logs "
                "again"
            )
    shared, left_out = _shared(then, now)
    if not shared:
        raise InputError(_nothing_shared(then, now, left_out))
    cases = [{(o.cohort, o.case) for o in side.candidate.outcomes} for side in (then, now)]
    sound = then.sound and now.sound
    return Comparison(
        then=then,
        now=now,
        rows=tuple(_rows(then, now)),
        regressed=_changed(shared, now=True) if sound else (),
        recovered=_changed(shared, now=False) if sound else (),
        direct=_direct(shared, then, now) if sound else None,
        only_then=len(cases[0] - cases[1]),
        only_now=len(cases[1] - cases[0]),
        left_out=left_out,
        changes=tuple(changes(then, now)),
        notes=tuple(notes(shared, then, now)),
    )


# --- which cases both have judged ---------------------------------------------------------


def _shared(then: Side, now: Side) -> tuple[Shared, int]:
    """Pair what both runs judged; and count the cases of one name that may ask something else.

    One golden set asks the same under one name. Where it changed, a completion's key tells: it
    holds the request and who was asked, so one that is the same is the same question.
    """
    whole = _golden(then) == _golden(now) != ""
    before = {key_of(o): o for o in then.candidate.outcomes}
    found, unsure = [], set()
    for outcome in now.candidate.outcomes:
        old = before.get(key_of(outcome))
        if old is None:
            continue
        if whole or _one_question(old, outcome):
            found.append((old, outcome))
        else:
            unsure.add((outcome.cohort, outcome.case))
    return found, len(unsure)


def _golden(side: Side) -> str:
    told = side.report.provenance.get("golden_hash")
    return told if isinstance(told, str) else ""


def _one_question(one: PairedOutcome, other: PairedOutcome) -> bool:
    return any(a == b != "" for a, b in zip(one.keys, other.keys, strict=True))


def _nothing_shared(then: Side, now: Side, left_out: int) -> str:
    names = f"{label(then.name)} and {label(now.name)}"
    if not left_out:
        return (
            f"{names} judged no case in common: these are two golden sets; compare runs of one, "
            "or read each report by itself"
        )
    return (
        f"{names} have {counted(left_out, 'case')} of one name, and the golden set changed in "
        "between, and so did both models: that they ask the same cannot be told; compare runs of "
        "one golden set"
    )


# --- budgets ------------------------------------------------------------------------------


def _rows(then: Side, now: Side) -> Iterator[RowChange]:
    old, new = then.rows(), now.rows()
    changed = [
        row
        for group, row in old.items()
        if limited(row)
        and row.metric is None
        and (group not in new or _limit(row) != _limit(new[group]))
    ]
    again = _by_earlier_budgets(changed, now)
    for group in dict.fromkeys([*new, *old]):
        yield RowChange(
            group=group, then=old.get(group), now=new.get(group), by_then=again.get(group)
        )


def _by_earlier_budgets(rows: Sequence[BudgetVerdict], now: Side) -> dict[Group, Verdict]:
    """Judge the later answers by budgets of before: a looser budget must not look like progress."""
    known = {outcome.cohort for outcome in now.candidate.outcomes}
    budgets = [
        Budget(max_drop=row.max_drop, relative=row.relative, **group_of(row)._asdict())
        for row in rows
        if row.cohort is None or row.cohort in known
    ]
    if not budgets or not now.sound:
        return {}
    policies = now.report.provenance.get("policies") or {}
    strict = isinstance(policies, dict) and policies.get("evidence") == "strict"
    found = judge(
        now.candidate.outcomes,
        budgets,
        mishaps=now.candidate.mishaps,
        max_errors=1.0,
        evidence="strict" if strict else "dual",
    )
    return {group_of(row): row.verdict for row in found.budgets if limited(row)}


def _limit(row: BudgetVerdict) -> tuple[float | None, float | None, bool]:
    return (row.max_drop, row.max_ratio, row.relative)


# --- cases --------------------------------------------------------------------------------


def _changed(shared: Shared, *, now: bool) -> tuple[CaseChange, ...]:
    """Return what regressed in the later run alone, or in the earlier one alone."""
    found = [
        CaseChange(then=one, now=other)
        for one, other in shared
        if one.regressed != other.regressed and other.regressed is now
    ]
    return tuple(sorted(found, key=lambda c: (not c.now.critical, key_of(c.now))))


# --- candidate against candidate ----------------------------------------------------------


def _direct(shared: Shared, then: Side, now: Side) -> Direct | None:
    """Pair both candidates' outcomes; what one of them did not answer is no evidence."""
    mute = silent(then.candidate) | silent(now.candidate)
    pairs = [
        replace(
            other,
            baseline=one.candidate,
            candidate=other.candidate,
            keys=(one.keys[1], other.keys[1]),
            critical=False,
            confirmation=None,
        )
        for one, other in shared
        if key_of(other) not in mute
    ]
    if not pairs:
        return None
    wanted = [group for group, row in now.rows().items() if limited(row) and row.metric is None]
    cases = grouped([*pairs, *layered(pairs, wanted)], wanted)
    groups = [group for group in dict.fromkeys([Group(), *wanted]) if group in cases]
    # The limit decides nothing here: delta and evidence are the same for each.
    found = decide([Budget(max_drop=1.0, **group._asdict()) for group in groups], cases)
    turned = grouped(replace(o, baseline=o.candidate, candidate=o.baseline) for o in pairs)
    return Direct(
        cases=len(cases[Group()].differences),
        checks=len(pairs),
        worse=sum(o.regressed for o in pairs),
        better=sum(o.improved for o in pairs),
        delta=found[Group()].delta,
        log_evidence=weigh(cases).log_evidence,
        log_better=weigh(turned).log_evidence,
        groups={group: (found[group].delta, found[group].log_evidence) for group in groups},
        said=how_much_differs(pairs, cases[Group()]),
    )
