"""Where the requests of each cohort should go, and what to do with the candidates as a whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pytest_quantguard.reporters._views import cohorts, unexplained
from pytest_quantguard.verdicts import CandidateReport, GateReport, Verdict

Target = Literal["candidate", "baseline", "mirror-only"]
"""``mirror-only``: the baseline serves, and the candidate gets copies until it is settled."""
Advice = Literal["promote", "promote-cohorts", "keep-mirrored", "roll-back"]


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
    """Name of the variant that serves it: the cheapest that is shown to be safe."""
    mirrored: tuple[str, ...] = ()
    """Candidates that get copies of its requests until they are settled."""
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


def rollout(report: GateReport) -> Rollout:
    """Return what to do, cohort by cohort and as a whole."""
    found = []
    names = sorted({cohort for candidate in report.candidates for cohort in cohorts(candidate)})
    for cohort in names:
        for candidate in report.candidates:
            mine = [route for route in routes(candidate) if route.cohort == cohort]
            if mine and mine[0].to == "candidate":
                name = candidate.variant.name
                found.append(CohortRoute(cohort=cohort, to="candidate", variant=name))
                break
        else:
            found.append(CohortRoute(cohort=cohort, to="baseline", variant=report.baseline.name))
    return Rollout(advice="keep-mirrored", sentence="", routes=tuple(found))


def routes(candidate: CandidateReport) -> tuple[Route, ...]:
    """Send a cohort to the candidate only where each of its own budgets passed.

    Those on metrics and tags of the cohort count too, but one of them must be on the checks of the
    whole cohort: to be fast enough is no reason. Budgets over all cohorts do not count, except
    that an ERROR among them spoils everything. Nor does anything go to a candidate that cannot be
    compared, be it in a few cases: another chat template is another one for every cohort.
    """
    untrusted = candidate.verdict is Verdict.ERROR and unexplained(candidate)
    if untrusted or any(r.cohort is None and r.verdict is Verdict.ERROR for r in candidate.budgets):
        return tuple(_to_baseline(cohort, "error") for cohort in cohorts(candidate))
    rows = (row.verdict for row in candidate.budgets)
    if Verdict.NOT_COMPARABLE in (candidate.verdict, *rows):
        return tuple(_to_baseline(cohort, "not comparable") for cohort in cohorts(candidate))
    critical = {o.cohort for o in candidate.outcomes if o.critical and o.confirmed}
    return tuple(_route(cohort, candidate, cohort in critical) for cohort in cohorts(candidate))


def _route(cohort: str, candidate: CandidateReport, critical: bool) -> Route:
    rows = [row for row in candidate.budgets if row.cohort == cohort]
    found = {row.verdict for row in rows}
    for verdict, reason in (
        (Verdict.ERROR, "error"),
        (Verdict.FAIL, "fail"),
        (Verdict.INCONCLUSIVE, "not shown to be safe"),
    ):
        if verdict in found:
            return _to_baseline(cohort, reason)
    if critical:
        return _to_baseline(cohort, "a critical case regressed")
    if not found:
        return _to_baseline(cohort, "no budget of its own")
    if all(row.metric is not None or row.tag is not None for row in rows):
        return _to_baseline(cohort, "no budget on the checks of the whole cohort")
    return Route(cohort=cohort, to="candidate")


def _to_baseline(cohort: str, reason: str) -> Route:
    return Route(cohort=cohort, to="baseline", reason=reason)
