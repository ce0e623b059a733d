"""What stands before any budget: is there evidence, is it comparable, did a critical case break?

And can the judges be believed?
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from pytest_quantguard import stats
from pytest_quantguard._comparability import places
from pytest_quantguard._plural import counted
from pytest_quantguard.errors import NO_CONNECTION
from pytest_quantguard.pairs import Mishap, PairedMeasurement, PairedOutcome
from pytest_quantguard.types import EMPTY
from pytest_quantguard.verdicts import Budget, BudgetVerdict, Group, Verdict

SWAYED = 1 / 3
"""Share of its comparisons in which a judge may contradict itself when the answers change places:
one that throws a coin does in half of them, one that goes by position alone in all."""
_SURE = 0.05
"""Of the exact binomial test that the share is larger."""
_ENOUGH = 10
"""Comparisons from which on the share itself counts; fewer can come out so by chance."""


def evidence_row(
    outcomes: Sequence[PairedOutcome],
    mishaps: Sequence[Mishap],
    *,
    planned: int,
    max_errors: float,
    interrupted: Sequence[str],
    error_groups: Sequence[Group] = (),
) -> BudgetVerdict:
    """Say whether there is evidence at all, and whether it can be trusted.

    ``error_groups`` have a budget of their own on unanswered requests of the candidate, so that
    there only the baseline's count here.
    """
    pairs = {(o.case, o.check) for o in outcomes}
    seen = pairs | {(m.case, m.check) for m in mishaps}
    faults = list(interrupted)
    if planned == 0:
        faults.append("no golden case was selected: nothing was compared")
    elif not outcomes and not any(m.incomparable for m in mishaps):
        faults.append("not one case could be compared")
    if len(seen) < planned:
        faults.append(f"{planned - len(seen)} of {planned} planned checks never reported")
    broken = [m for m in mishaps if m.of_check]
    if broken:
        first = broken[0]
        faults.append(
            f"{counted(len(broken), 'check')} crashed, first {first.check} on {first.case} "
            f"({first.source}): {first.message}"
        )
    faults += _unanswered(mishaps, planned, max_errors, error_groups)
    faults += [
        f"every answer of the {role} is empty"
        for role in ("baseline", "candidate")
        if outcomes and all(EMPTY in getattr(o, role).violations for o in outcomes)
    ]
    reason = "; ".join(faults) or f"{len(pairs)} of {planned} planned checks were compared"
    verdict = Verdict.PASS if outcomes else Verdict.NOT_COMPARABLE
    return BudgetVerdict(
        cohort=None,
        check="evidence",
        max_drop=None,
        verdict=Verdict.ERROR if faults else verdict,
        reason=reason,
        cases=len({o.case for o in outcomes}),
    )


def _unanswered(
    mishaps: Sequence[Mishap], planned: int, max_errors: float, error_groups: Sequence[Group]
) -> list[str]:
    def judged(m: Mishap) -> bool:
        covered = any(g.tag is None and g.cohort in (None, m.cohort) for g in error_groups)
        return covered and m.role == "candidate" and not m.critical

    failed = [m for m in mishaps if m.unanswered and not judged(m)]
    checks = {(m.case, m.check) for m in failed}
    if len(checks) <= max_errors * planned:
        return []
    kinds = ", ".join(f"{n} {kind}" for kind, n in Counter(m.kind for m in failed).items())
    return [
        f"{len(checks)} of {counted(planned, 'check')} had no answer to judge ({kinds}; "
        f"{100 * max_errors:g} % are allowed), first: {failed[0].message}{_remedy(failed)}"
    ]


def _remedy(failed: Sequence[Mishap]) -> str:
    """Say who knows what to do about a server that was not there."""
    if not any(NO_CONNECTION in m.message for m in failed if m.kind == "TransportError"):
        return ""
    return "; quantguard doctor says what is wrong with a server, and what to do"


def critical_rows(
    outcomes: Sequence[PairedOutcome], mishaps: Sequence[Mishap]
) -> list[BudgetVerdict]:
    """Critical cases have no budget: one that broke, or was not judged, is one too many."""
    critical = [o for o in outcomes if o.critical]
    judged = {(o.case, o.check) for o in critical}
    lost = {(m.case, m.check): m for m in mishaps if m.critical}
    missing = lost.keys() - judged
    unlike = all(lost[key].incomparable for key in missing)
    if not critical and not missing:
        return []
    broken = tuple(o for o in critical if o.confirmed)
    once = sum(o.regressed for o in critical) - len(broken)
    verdict = Verdict.FAIL if broken else Verdict.PASS
    if missing:
        verdict = Verdict.NOT_COMPARABLE if unlike else Verdict.ERROR
    reason = f"{len(broken)} of {len(critical)} critical checks regressed"
    if once:
        reason += f"; {once} failed once, but not in two of three runs"
    if missing:
        reason = f"{len(missing)} critical checks could not be compared, first {min(missing)[0]}"
    return [
        BudgetVerdict(
            cohort=None,
            check="critical",
            max_drop=None,
            verdict=verdict,
            reason=reason,
            cases=len({o.case for o in critical}),
            regressed=broken,
            improved=sum(o.improved for o in critical),
        )
    ]


def comparability_rows(
    outcomes: Sequence[PairedOutcome], mishaps: Sequence[Mishap], reasons: Sequence[str]
) -> list[BudgetVerdict]:
    """Say why the arms, or which cases, were not the same question for both; ``reasons`` first."""
    found = [m for m in mishaps if m.incomparable]
    said = list(reasons)
    cases = {m.case: m.source for m in found}
    if found:
        total = len({o.case for o in outcomes} | {m.case for m in mishaps})
        said.append(
            f"in {len(cases)} of {counted(total, 'case')}, {places(list(cases), cases)}: "
            f"{found[0].message}"
        )
    return incomparable_rows(said, len(cases))


def incomparable_rows(said: Sequence[str], cases: int) -> list[BudgetVerdict]:
    """Return the row of what was not the same question for both arms; none where nothing is said.

    ``cases`` is how many are meant.
    """
    if not said:
        return []
    return [
        BudgetVerdict(
            cohort=None,
            check="comparability",
            max_drop=None,
            verdict=Verdict.NOT_COMPARABLE,
            reason="; ".join(said),
            cases=cases,
        )
    ]


def unmatched(budget: Budget, what: str = "case") -> BudgetVerdict:
    """Return the row of a budget that nothing belongs to: an ERROR. ``what`` is judged: a case."""
    return BudgetVerdict(
        cohort=budget.cohort,
        check=budget.check,
        tag=budget.tag,
        metric=budget.metric,
        max_drop=budget.max_drop,
        max_ratio=budget.max_ratio,
        verdict=Verdict.ERROR,
        reason=f"no {what} of this budget could be judged",
    )


def without_numbers(row: BudgetVerdict, verdict: Verdict, reason: str) -> BudgetVerdict:
    """Return a row that quotes nothing but why: numbers beside it would be believed."""
    return replace(
        row,
        verdict=verdict,
        reason=reason,
        delta=None,
        baseline_rate=None,
        candidate_rate=None,
        regressed=(),
        improved=0,
        log_evidence=None,
        noise=None,
        counts=None,
    )


def withheld(
    rows: Sequence[BudgetVerdict],
    outcomes: Sequence[PairedOutcome],
    mishaps: Sequence[Mishap],
    measurements: Sequence[PairedMeasurement],
    *,
    wholly: bool,
) -> list[BudgetVerdict]:
    """Take the delta from every budget with a case that was not the same question for both.

    ``wholly``: from all of them, since it is the arms that cannot be compared.
    """
    found = [m for m in mishaps if m.incomparable]
    compared = {o.case for o in outcomes}
    tags = {m.case: m.tags for m in measurements}

    def touches(row: BudgetVerdict, mishap: Mishap) -> bool:
        if row.cohort not in (None, mishap.cohort):
            return False
        if row.tag is not None and row.tag not in tags.get(mishap.case, (row.tag,)):
            return False
        if row.metric is not None:  # a check that was not to be compared is no word on the rest
            return mishap.case not in compared
        return row.check in (None, mishap.check) or f"{row.check}".startswith(f"{mishap.check}.")

    def without(row: BudgetVerdict) -> BudgetVerdict:
        cases = len({m.case for m in found if touches(row, m)})
        if not (wholly or cases):
            return row
        few = f"{cases} of its cases cannot be compared"
        reason = f"no delta is quoted: {'the two cannot be compared' if wholly else few}"
        return without_numbers(row, Verdict.NOT_COMPARABLE, reason)

    return [without(row) for row in rows]


def judge_rows(outcomes: Sequence[PairedOutcome]) -> list[BudgetVerdict]:
    """Say of each judge that compared answers how often their order decided.

    A contradiction counts as a tie, so that a judge that goes by position hides every loss. A case
    is one comparison, however often it is asked: contradicted when half of its repeats are.
    """
    found: dict[str, list[PairedOutcome]] = {}
    for outcome in outcomes:
        if outcome.baseline.swaps is not None and outcome.baseline.swaps.compared:
            found.setdefault(outcome.baseline.swaps.by, []).append(outcome)
    return [_judge_row(name, members) for name, members in sorted(found.items())]


def _judge_row(name: str, members: Sequence[PairedOutcome]) -> BudgetVerdict:
    swaps = [o.baseline.swaps for o in members if o.baseline.swaps is not None]
    count = sum(2 * one.contradicted >= one.compared for one in swaps)
    return judge_row(name, len(swaps), count, len({o.case for o in members}))


def judge_row(name: str, n: int, count: int, cases: int) -> BudgetVerdict:
    """Say how often a judge contradicted itself: in ``count`` of ``n`` comparisons."""
    said = f"the judge {name} contradicted itself in {count} of {n} comparisons"
    remedy = "take a stronger judge, say in the rubric what a tie is, or use form: absolute"
    if stats.share_p(count, n, SWAYED) <= _SURE:
        verdict = Verdict.ERROR
        reason = f"{said} when the answers changed places: its verdicts are no evidence; {remedy}"
    elif n >= _ENOUGH and count >= SWAYED * n:
        verdict = Verdict.INCONCLUSIVE
        reason = f"{said} when the answers changed places, a third or more of them; {remedy}"
    else:
        verdict = Verdict.PASS
        reason = f"{said}, which count as ties" if count else said
    return BudgetVerdict(
        cohort=None,
        check=f"judge:{name}",
        max_drop=None,
        verdict=verdict,
        reason=reason,
        cases=cases,
    )
