"""Where the requests of each cohort should go, and what to do with the candidates as a whole.

docs/routing.md holds the table of cases; worse evidence never makes the advice bolder.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from pytest_quantguard._noise import is_null
from pytest_quantguard.reporters._cheapest import Order, cheapest_first
from pytest_quantguard.reporters._views import cohorts
from pytest_quantguard.reporters._words import label, sentence
from pytest_quantguard.verdicts import (
    WORST_FIRST,
    BudgetVerdict,
    CandidateReport,
    GateReport,
    Verdict,
)

Target = Literal["candidate", "baseline", "mirror-only"]
"""``mirror-only``: the baseline serves, and the candidate gets copies until it is settled."""
Advice = Literal["promote", "promote-cohorts", "keep-mirrored", "roll-back"]

UNBUDGETED = ("no budget of its own", "no budget on the checks of the whole cohort")
"""Reasons for which nothing was lost, and yet nothing was asked: without any, and without the one
budget that counts."""
STOPPED = ("the run ended in an error", "run again without the error")
"""Reason, and what would settle it, where a candidate is safe in a run that is not sound."""
ROLLED_BACK = "rolled back as a whole"
"""Reason where a candidate is lost elsewhere and safe nowhere; what is open here comes after it."""
NAMED = 6
"""Most names in one list of a sentence."""
SETTLED_BY = 3
"""Most budgets that are told to be open, for each cohort."""
LONGEST = 1000
"""Most characters of what is said about one cohort."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Where the requests of one cohort should go, as far as one candidate is concerned."""

    cohort: str
    to: Target
    reason: str = ""
    """Why not to the candidate; empty when it may."""
    settle: str = ""
    """What would settle it; empty where nothing is open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CohortRoute:
    """Where the requests of one cohort should go, of all variants of a run."""

    cohort: str
    to: Target
    variant: str
    """Name of the variant that serves it: of the candidates that are shown to be safe here, one
    that passed as a whole goes before one that did not, and then the cheapest."""
    mirrored: tuple[str, ...] = ()
    """Candidates that get copies of its requests until they are settled, the cheapest first."""
    safe: tuple[str, ...] = ()
    """All candidates that are shown to be safe here, the cheapest first."""
    reason: str = ""
    """Why this variant and no cheaper one."""
    settle: str = ""
    """What would settle it; empty where nothing is open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """What to do after a run."""

    advice: Advice
    sentence: str
    """The advice for people, in one line."""
    routes: tuple[CohortRoute, ...]
    """One per cohort, sorted by name."""
    cheapest_by: str = ""
    """The rule by which one candidate is cheaper than another."""
    candidates: tuple[str, ...] = ()
    """Their names, the cheapest first."""


# --- one candidate --------------------------------------------------------------------------------


def routes(candidate: CandidateReport) -> tuple[Route, ...]:
    """Send a cohort to the candidate only where each of its own budgets passed.

    Those on metrics and tags of the cohort count too, but one of them must be on the checks of the
    whole cohort: to be fast enough is no reason. Budgets over all cohorts do not count, except for
    an ERROR: a candidate in error gets nothing, wherever the error is. Nor does one that cannot be
    compared, be it in a few cases: another chat template is another one for every cohort.
    """
    return _routes(candidate, cohorts(candidate))


def _routes(candidate: CandidateReport, names: Iterable[str]) -> tuple[Route, ...]:
    nowhere = _nowhere(candidate)
    if nowhere is not None:
        return tuple(replace(nowhere, cohort=name) for name in names)
    critical = {o.cohort for o in candidate.outcomes if o.critical and o.confirmed}
    swayed = _swayed(candidate)
    found = [_route(name, candidate, name in critical, swayed.get(name)) for name in names]
    if any(route.to == "candidate" for route in found) or not _lost(candidate, found):
        return tuple(found)
    return tuple(_rolled_back(route) if route.to == "mirror-only" else route for route in found)


def _lost(candidate: CandidateReport, found: Iterable[Route]) -> bool:
    """Tell whether something speaks against a candidate: a FAIL, or a critical case."""
    return _worst(candidate) is Verdict.FAIL or any(route.to == "baseline" for route in found)


def _rolled_back(route: Route) -> Route:
    """Send no copies to a candidate that the advice takes out."""
    return replace(route, to="baseline", reason=f"{ROLLED_BACK}: {route.reason}")


def _nowhere(candidate: CandidateReport) -> Route | None:
    """Return the route of all cohorts where nothing may go to the candidate."""
    if is_null(candidate.variant):
        return Route(cohort="", to="baseline", reason="the baseline asked once more")
    found = (candidate.verdict, *(row.verdict for row in candidate.budgets))
    for verdict, reason, task in (
        (Verdict.ERROR, "error", "run again without the error"),
        (Verdict.NOT_COMPARABLE, "not comparable", "ask both the same"),
    ):
        if verdict in found:
            said = (row.reason for row in candidate.budgets if row.verdict is verdict)
            settle = ": ".join(filter(None, (task, sentence(next(said, "")))))
            return Route(cohort="", to="baseline", reason=reason, settle=settle)
    return None


def _swayed(candidate: CandidateReport) -> dict[str, BudgetVerdict]:
    """Return, for each cohort, the row of a judge that contradicts itself too often to be sure."""
    rows = {
        str(row.check).removeprefix("judge:"): row
        for row in candidate.budgets
        if row.cohort is None
        and row.verdict is Verdict.INCONCLUSIVE
        and str(row.check).startswith("judge:")
    }
    if rows and candidate.counted is not None:  # which cohort a judge read was not kept
        return dict.fromkeys(cohorts(candidate), next(iter(rows.values())))
    judged = ((o.cohort, o.baseline.swaps) for o in candidate.outcomes) if rows else ()
    return {
        cohort: rows[swaps.by] for cohort, swaps in judged if swaps is not None and swaps.by in rows
    }


def _route(
    cohort: str, candidate: CandidateReport, critical: bool, swayed: BudgetVerdict | None
) -> Route:
    rows = [row for row in candidate.budgets if row.cohort == cohort]
    failed = any(row.verdict is Verdict.FAIL for row in rows)
    if failed or critical:
        reason = "fail" if failed else "a critical case regressed"
        return Route(cohort=cohort, to="baseline", reason=reason)
    unsettled = [row for row in (*rows, swayed) if row and row.verdict is not Verdict.PASS]
    if unsettled:
        found = [_open(row) for row in unsettled[:SETTLED_BY]]
        more = len(unsettled) - len(found)
        settle = sentence("; ".join([*found, *([f"and {more} more"] if more else [])]), LONGEST)
        return Route(cohort=cohort, to="mirror-only", reason="not shown to be safe", settle=settle)
    if any(row.metric is None and row.tag is None for row in rows):
        return Route(cohort=cohort, to="candidate")
    reason = UNBUDGETED[1] if rows else UNBUDGETED[0]
    settle = f"a budget of {label(cohort)} on its checks: {{cohort: ..., max_drop: ...}}"
    return Route(cohort=cohort, to="mirror-only", reason=reason, settle=settle)


def _open(row: BudgetVerdict) -> str:
    """Say what would settle one budget; which one it is, unless it is on all checks."""
    about = [row.metric or row.check or "", f"#{row.tag}" if row.tag else ""]
    name = " ".join(label(part) for part in about if part)
    said = sentence(row.reason, LONGEST // 4) or "more cases"
    return f"{name}: {said}" if name else said


# --- all candidates -------------------------------------------------------------------------------


def rollout(report: GateReport) -> Rollout:
    """Return what to do, cohort by cohort and as a whole.

    A run in which anything ended in ERROR sends everything to the baseline.
    """
    order = cheapest_first(report)
    names = sorted({cohort for candidate in report.candidates for cohort in cohorts(candidate)})
    found = _Found(
        baseline=report.baseline.name,
        order=order,
        routes={
            candidate.variant.name: {route.cohort: route for route in _routes(candidate, names)}
            for candidate in order.candidates
        },
        stopped=any(_worst(candidate) is Verdict.ERROR for candidate in report.candidates)
        or not order.candidates,
        approved=frozenset(
            candidate.variant.name
            for candidate in order.candidates
            if _worst(candidate) is Verdict.PASS
        ),
    )
    chosen = tuple(_chosen(name, found) for name in names)
    advice = _advice(chosen, found, report)
    return Rollout(
        advice=advice,
        sentence=_sentence(advice, chosen, found),
        routes=chosen,
        cheapest_by=order.by,
        candidates=tuple(found.routes),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """What a whole report says about its candidates."""

    baseline: str
    order: Order
    routes: Mapping[str, Mapping[str, Route]]
    """By candidate, the cheapest first, and cohort."""
    stopped: bool
    """True where nothing may leave the baseline."""
    approved: frozenset[str]
    """Candidates that passed as a whole."""


def _worst(candidate: CandidateReport) -> Verdict:
    """Return the worst of a candidate's verdict and its rows: whichever says no counts."""
    found = (candidate.verdict, *(row.verdict for row in candidate.budgets))
    return min(found, key=WORST_FIRST.index)


def _chosen(cohort: str, found: _Found) -> CohortRoute:
    mine = {name: found.routes[name][cohort] for name in found.routes}
    if found.stopped:
        mine = {name: _stopped(route) for name, route in mine.items()}
    names = list(mine)
    safe = [name for name in names if mine[name].to == "candidate"]
    first = min(safe, key=lambda name: name not in found.approved, default=None)
    cheaper = names if first is None else names[: names.index(first)]
    mirrored = tuple(name for name in cheaper if mine[name].to == "mirror-only")
    passed_over = "shown to be safe here, but it did not pass as a whole"
    reasons = {name: mine[name].reason or passed_over for name in cheaper}
    settles = {name: mine[name].settle for name in cheaper if mine[name].settle}
    alone = len(names) == 1
    to: Target = "mirror-only" if mirrored else "baseline"
    return CohortRoute(
        cohort=cohort,
        to=to if first is None else "candidate",
        variant=found.baseline if first is None else first,
        mirrored=mirrored,
        safe=tuple(safe),
        reason=_named(reasons, alone) if names else "no candidate was judged",
        settle=_named(settles, alone),
    )


def _stopped(route: Route) -> Route:
    """Take a cohort from a candidate that is sound itself, in a run that is not."""
    if route.to != "candidate":
        return route
    return replace(route, to="mirror-only", reason=STOPPED[0], settle=STOPPED[1])


def _named(said: Mapping[str, str], alone: bool) -> str:
    parts = (text if alone else f"{label(name)}: {text}" for name, text in said.items())
    return sentence("; ".join(parts), LONGEST)


def _advice(chosen: Sequence[CohortRoute], found: _Found, report: GateReport) -> Advice:
    serving = {route.variant for route in chosen if route.to == "candidate"}
    if serving:
        whole = all(route.to == "candidate" for route in chosen)
        return "promote" if whole and serving <= found.approved else "promote-cohorts"
    if not found.order.candidates:
        return "roll-back" if report.verdict is Verdict.ERROR else "keep-mirrored"
    undecided = (Verdict.PASS, Verdict.INCONCLUSIVE)
    for candidate in found.order.candidates:
        to = {route.to for route in found.routes[candidate.variant.name].values()}
        if "candidate" in to or (_worst(candidate) in undecided and "baseline" not in to):
            return "keep-mirrored"
    return "roll-back"


# --- in words -------------------------------------------------------------------------------------


def _sentence(advice: Advice, chosen: Sequence[CohortRoute], found: _Found) -> str:
    baseline = label(found.baseline)
    if not found.routes:
        return f"No candidate was judged: {baseline} serves."
    if advice == "promote":
        text = f"Promote: {_places(chosen)}"
    elif advice == "promote-cohorts":
        rest = [route.cohort for route in chosen if route.to != "candidate"]
        serving = dict.fromkeys(route.variant for route in chosen if route.to == "candidate")
        weak = _list([name for name in serving if name not in found.approved])
        text = f"Promote these cohorts: {_places(chosen)}; keep {_list(rest)} with {baseline}"
        if not rest:
            text = f"Promote: {_places(chosen)}, although {weak} did not pass as a whole"
    elif advice == "keep-mirrored":
        text = f"Keep {baseline} serving, with copies to {_list(_mirrored(chosen))}: {_kept(found)}"
    else:
        said: dict[str, list[str]] = {}
        for one in found.order.candidates:
            said.setdefault(_GIST[_worst(one)], []).append(one.variant.name)
        text = f"Roll back to {baseline}: "
        text += "; ".join(f"{_list(names)} {gist}" for gist, names in said.items())
    text += "".join(f"; {passed}" for passed in _passed_over(chosen))
    if len(found.routes) > 1 and advice.startswith("promote"):
        text += f" (cheapest first, by {found.order.by})"
    return sentence(f"{text}.")


def _kept(found: _Found) -> str:
    """Say why nothing is promoted: to have no budget is no finding against a candidate."""
    if found.stopped:
        return "the run ended in an error"
    every = [route for mine in found.routes.values() for route in mine.values()]
    if all(route.reason in UNBUDGETED for route in every):
        return "no cohort has a budget of its own, which it needs to be routed"
    return "no cohort is shown to be safe"


_GIST = {
    Verdict.ERROR: "ended in an error",
    Verdict.NOT_COMPARABLE: "cannot be compared",
    Verdict.FAIL: "failed, and no cohort is shown to be safe",
    Verdict.INCONCLUSIVE: "lost a critical case",
    Verdict.PASS: "lost a critical case",
}
"""Why a candidate is taken out; without a failed budget only a critical case does that."""


def _mirrored(chosen: Sequence[CohortRoute]) -> list[str]:
    return list(dict.fromkeys(name for route in chosen for name in route.mirrored))


def _places(chosen: Sequence[CohortRoute]) -> str:
    places: dict[str, list[str]] = {}
    for route in chosen:
        if route.to == "candidate":
            places.setdefault(route.variant, []).append(route.cohort)
    if len(places) == 1 and all(route.to == "candidate" for route in chosen):
        return f"every cohort to {label(next(iter(places)))}"
    return "; ".join(f"{_list(names)} to {label(place)}" for place, names in places.items())


def _passed_over(chosen: Sequence[CohortRoute]) -> list[str]:
    """Say where a cheaper candidate is safe too, which others may want to mix in."""
    found: dict[str, list[str]] = {}
    for route in chosen:
        for name in route.safe[: route.safe.index(route.variant)] if route.safe else ():
            found.setdefault(name, []).append(route.cohort)
    return [
        f"{label(name)}, cheaper, is safe for {_list(places)}, but did not pass as a whole"
        for name, places in found.items()
    ]


def _list(names: Sequence[str]) -> str:
    """Return ``a, b and c``; of many the first ones and how many more there are."""
    shown = [label(name) for name in names[:NAMED]]
    more = len(names) - len(shown)
    parts = [*shown, *([f"{more} more"] if more else [])] or ["nothing"]
    return " and ".join(filter(None, [", ".join(parts[:-1]), parts[-1]]))
