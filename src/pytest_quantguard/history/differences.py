"""What differs between two runs, and whether more runs can be green because of it; pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from pytest_quantguard._noise import NULL
from pytest_quantguard.history.records import Arm, Judged, KeptRun
from pytest_quantguard.reporters._words import allowance, points
from pytest_quantguard.verdicts import Budget, Group

Kind = Literal[
    "loosened", "removed", "baseline", "policy", "tightened", "added", "golden", "candidate"
]
AUTO = "budgets: auto chose it anew"
_LOOSE = {
    "inconclusive": "warn", "underpowered": "allow", "latency": "same-run", "evidence": "strict",
}  # fmt: skip
"""Policies, and the value with which more runs are green, or fewer fail."""


@dataclass(frozen=True, slots=True)
class Point:
    """One candidate in one run: what a line of the history is about."""

    run: KeptRun
    judged: Judged


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One thing that differs between two runs."""

    kind: Kind
    key: str
    """What it is about: the same for one thing in all runs."""
    old: Any
    group: Group | None = None
    text: str
    reason: str = ""
    later: str = ""
    """The reason that a later configuration has for it."""
    looser: bool = False


def differences(before: KeptRun, now: KeptRun) -> list[Difference]:
    """Return what differs between two runs, whatever their candidates; looser things first."""
    found: list[Difference] = []
    if before.rules is not now.rules:  # of runs that were judged alike they are one object
        found += [*_budgets(before, now), *_policies(before, now)]
    found += [*_baseline(before, now), *_golden(before, now)]
    return sorted(found, key=lambda difference: not difference.looser)


def _budgets(before: KeptRun, now: KeptRun) -> Iterator[Difference]:
    old, new = before.rules.budgets, now.rules.budgets
    auto = AUTO if before.rules.auto and now.rules.auto else ""
    for group in sorted(old.keys() | new.keys(), key=lambda g: [name or "" for name in g]):
        was, is_ = old.get(group), new.get(group)
        limits = _limit(was), _limit(is_)
        if limits[0] == limits[1]:
            continue
        looser = _allows_more(was, is_)
        if is_ is None:
            kind, text = "removed", f"budget removed (was {limits[0]})"
        elif was is None:
            kind, text = "added", f"budget added ({limits[1]})"
        else:
            kind = "loosened" if looser else "tightened"
            text = f"budget {kind} from {limits[0]} to {limits[1]}"
        reason = auto or _fresh(is_.reason if is_ else "", was.reason if was else "")
        yield Difference(
            kind=kind,  # type: ignore[arg-type]
            key="\n".join(["budget", *(name or "" for name in group)]),
            old=was,
            group=group,
            text=text,
            reason=reason,
            looser=looser,
        )


def _baseline(before: KeptRun, now: KeptRun) -> Iterator[Difference]:
    old, new = before.baseline, now.baseline
    if old is new:
        return
    if said := _became(old, new):
        reason = new.reason if new.name != old.name else _fresh(new.reason, old.reason)
        yield Difference(
            kind="baseline",
            key="baseline",
            old=old,
            text=f"baseline re-blessed: {'; '.join(said)}",
            reason=reason,
            looser=True,
        )


def of_candidate(before: Point, now: Point) -> Iterator[Difference]:
    """Yield how a candidate is not the one of the run before."""
    old, new = before.judged.candidate, now.judged.candidate
    if old is new or new.name == f"{now.run.baseline.name}-{NULL}":  # each null run asks afresh
        return
    if said := _became(old, new):
        yield Difference(
            kind="candidate",
            key="candidate",
            old=old,
            text=f"candidate changed: {'; '.join(said)}",
            reason=_fresh(new.reason, old.reason),
        )


def _became(old: Arm, new: Arm) -> list[str]:
    """Say in which ways a variant is another one."""
    facts = (("it", "name"), ("model", "model"), ("quantization", "quantization"))
    found = [
        f"{word} is {getattr(new, key) or 'not given'}, was {getattr(old, key) or 'not given'}"
        for word, key in (*facts, ("revision", "revision"))
        if getattr(old, key) != getattr(new, key)
    ]
    if not found and old.digest != new.digest:
        found.append("its provider, dialect or options are others")
    found += [
        f"its server says {key} {new.served[key]}, said {said}"
        for key, said in old.served.items()
        if new.served.get(key, said) != said
    ]
    seen, known = new.fingerprints, old.fingerprints
    if seen and known and seen[0] not in known:
        found.append(f"its server's fingerprint is {seen[0]}, was {known[0]}")
    return found


def _policies(before: KeptRun, now: KeptRun) -> Iterator[Difference]:
    old, new = before.rules.policies, now.rules.policies
    for key in sorted(old.keys() & new.keys() - {"reason"}):
        if old[key] == new[key]:
            continue
        values = [str(v) if isinstance(v, str) else points(v) for v in (old[key], new[key])]
        yield Difference(
            kind="policy",
            key=f"policy\n{key}",
            old=(key, old[key], before.rules.reason),
            text=f"policy {key} changed from {values[0]} to {values[1]}",
            reason=_fresh(now.rules.reason, before.rules.reason),
            looser=_eases(key, old[key], new[key]),
        )


def _golden(before: KeptRun, now: KeptRun) -> Iterator[Difference]:
    if not before.golden or not now.golden or before.golden == now.golden:
        return
    text = "golden cases changed"
    if before.cases is not None and now.cases is not None:
        added, removed = len(now.cases - before.cases), len(before.cases - now.cases)
        text += (
            f": {added} added, {removed} removed"
            if added or removed
            else ": other texts or checks under the same ids"
        )
    yield Difference(kind="golden", key="golden", old=before.golden, text=text)


# --- what is looser -----------------------------------------------------------------------


def _allows_more(old: Budget | None, new: Budget | None) -> bool:
    """Tell whether a loss may be green by the new budget that was not by the old one."""
    if old is None or new is None:
        return old is not None
    if old.max_ratio is not None and new.max_ratio is not None:
        return new.max_ratio > old.max_ratio
    if old.max_drop is None or new.max_drop is None:
        return True
    # A share of the baseline's rate is at most as many points: the other way round it may be more.
    return new.max_drop > old.max_drop or (old.relative and not new.relative)


def _eases(key: str, old: Any, new: Any) -> bool:
    if not isinstance(old, str) and not isinstance(new, str):  # max_errors
        return bool(new > old)
    return bool(_LOOSE.get(key) == new)


def looser_than(found: Difference, now: KeptRun) -> bool:
    """Tell whether a difference still is one, towards what was first."""
    rules = now.rules
    if found.group is not None:
        return _allows_more(found.old, rules.budgets.get(found.group))
    if found.kind == "baseline":
        return bool(_became(found.old, now.baseline))
    key, old, _ = found.old
    return key in rules.policies and _eases(key, old, rules.policies[key])


def reason_by(found: Difference, now: KeptRun) -> str:
    """Return the reason that the configuration of a run has for a difference, if any."""
    if found.reason:
        return found.reason
    rules = now.rules
    if found.group is not None:
        budget = rules.budgets.get(found.group)
        return _fresh(budget.reason, found.old.reason) if budget is not None else ""
    if found.kind == "baseline":
        return _fresh(now.baseline.reason, found.old.reason)
    return _fresh(rules.reason, found.old[2])


def _fresh(reason: str, old: str) -> str:
    """Return a reason, unless it is the one that was given for what was before."""
    return reason if reason != old else ""


def _limit(budget: Budget | None) -> str:
    if budget is None:
        return ""
    return allowance(budget.max_drop, budget.max_ratio, relative=budget.relative) or "no limit"
