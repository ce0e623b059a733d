"""What the golden cases at hand can decide, and what deciding takes, before the first request.

Pure functions on an `Outset`: what was collected and configured. Everything hangs on psi, the share
of outcomes that differ between two equally good arms (`_prior.py`). Shares are fractions.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field

from pytest_quantguard import _budgets, stats
from pytest_quantguard._auto import (
    LARGEST,
    POWER,
    Proposal,
    levels,
    propose,
    provable,
)
from pytest_quantguard._budgets import Census
from pytest_quantguard._costs import (
    Asked,
    CostRow,
    JudgeAsked,
    Known,
    Share,
    Who,
    known_of,
    rows_of,
)
from pytest_quantguard._decide import ALPHA_PASS, LEVEL_WEIGHTS
from pytest_quantguard._noticed import noticed
from pytest_quantguard._plural import counted
from pytest_quantguard._prior import PRIOR_NOISE, Disagreement, disagreement, largest_psi
from pytest_quantguard.types import Json
from pytest_quantguard.variants import Variant
from pytest_quantguard.verdicts import Budget, Group, Metric

__all__ = ["Asked", "Outset", "Plan", "PlanRow", "make_plan", "plan_row"]


# --- what there is ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Outset:
    """What a run would ask and judge; known without a single request."""

    census: Census
    """The selected cases."""
    budgets: tuple[Budget, ...]
    """Without ``*``."""
    variants: Mapping[str, Variant]
    """The arms of the run, baseline included."""
    baseline: str
    asked: Mapping[str, Asked] = field(default_factory=dict)
    """By variant."""
    noise: float | None = None
    """Share of outcomes that differed between two runs of the baseline; None = not measured."""
    file: str = ""
    """The configuration, for messages."""
    metrics: Mapping[str, Metric] = field(default_factory=dict)
    judges: Mapping[str, JudgeAsked] = field(default_factory=dict)


# --- what a budget takes ------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRow:
    """One budget: what it takes, and what today's cases can do for it. None = not known."""

    budget: Budget
    cases: int
    effective: float
    """Effective number of cases: fewer where weights differ."""
    decidable: bool
    """False where a run would refuse the budget."""
    floor: int | None = None
    """Fewest cases with which the budget can pass, even if nothing differs."""
    power: float | None = None
    """Chance that it passes a candidate that is as good as the baseline."""
    cases_80: int | None = None
    """Cases with which that chance is 80 %."""
    cases_95: int | None = None
    to_add: int | None = None
    """Further cases that the wanted power takes."""
    provable: float | None = None
    """Smallest budget that today's cases pass with 95 % if the candidate is equal."""
    noticed: float | None = None
    """Smallest true loss that FAILs in at least 80 % of runs; None = not even the largest."""
    note: str = ""

    def to_dict(self) -> Json:
        """Return plain JSON types."""
        row = asdict(self)
        budget = row.pop("budget")
        source = budget.pop("source")
        place = {"source": f"{source['file']}:{source['line']}" if source else None}
        return {**budget, **place, **row}


def plan_row(budget: Budget, outset: Outset, psi: float, power: float = 0.8) -> PlanRow:
    """Plan one expanded budget, for a share psi of outcomes that differ."""
    census = outset.census
    cases, effective = len(census.cases(budget.group)), census.effective(budget.group)
    refusal = _budgets.undecidable([budget], census, outset.metrics)
    if budget.metric is not None or budget.max_drop is None:
        return _metric_row(budget, outset, cases, effective, refusal)
    limit = budget.max_drop
    wanted, cases_80, cases_95 = (stats.pass_cases(limit, psi, p) for p in (power, 0.8, 0.95))
    chance = stats.pass_power(effective, limit, psi)
    per_case = cases / effective if effective else 1.0
    missing = max(0.0, wanted - effective - 1e-6)
    return PlanRow(
        budget=budget,
        cases=cases,
        effective=effective,
        decidable=not refusal,
        floor=stats.pass_floor(limit),
        power=chance,
        cases_80=cases_80,
        cases_95=cases_95,
        to_add=math.ceil(missing * per_case),
        provable=provable(effective, psi, POWER),
        noticed=noticed(effective, limit, psi, share=_evidence_share(budget.group, outset)),
        note=_refused(limit, wanted, power)
        if refusal and cases
        else _note(budget, cases, refusal, chance),
    )


def _refused(limit: float, wanted: int, power: float) -> str:
    """Say from where on a run takes a budget, and what this row itself plans for."""
    accepted = stats.pass_cases(limit, PRIOR_NOISE, power=0.5, alpha=ALPHA_PASS)
    return (
        f"a run takes it from {counted(accepted, 'case')} on (then an equal candidate passes in "
        f"half of all runs, if {100 * PRIOR_NOISE:g} % differ); for {100 * power:.3g} % of this "
        f"candidate's runs it takes {wanted}"
    )


def _metric_row(
    budget: Budget, outset: Outset, cases: int, effective: float, refusal: Sequence[str]
) -> PlanRow:
    metric = outset.metrics.get(budget.metric or "")
    limit = budget.max_drop if budget.max_ratio is None else budget.max_ratio
    floor = metric.floor(limit) if metric is not None and limit is not None else None
    return PlanRow(
        budget=budget,
        cases=cases,
        effective=effective,
        decidable=not refusal,
        floor=floor,
        to_add=None if floor is None else max(0, floor - cases),
        note=_note(budget, cases, refusal) or "how much it varies is not known before a run",
    )


def _note(budget: Budget, cases: int, refusal: Sequence[str], power: float = 1.0) -> str:
    if refusal:
        return refusal[0].rpartition("; ")[2] if cases else "none of its cases is selected"
    if power < 0.5:
        return "more often inconclusive than not, even if the candidate is equal"
    if budget.relative:
        return "a share of the baseline's rate; planned as if that were 100 %"
    return ""


def _evidence_share(group: Group, outset: Outset) -> float:
    """Return the part of the run's evidence that one group has (docs/verdicts.md)."""
    found = levels(outset.census.leaves)
    found["tag"] = [b.group for b in outset.budgets if b.tag and b.metric is None]
    total = sum(LEVEL_WEIGHTS[name] for name, groups in found.items() if groups)
    for name, groups in found.items():
        if group in groups:
            return LEVEL_WEIGHTS[name] / len(groups) / total
    return 1.0  # none of its cases is selected


# --- the whole plan -----------------------------------------------------------------------


BUDGETS = (0.01, 0.02, 0.03, 0.05, 0.1)
"""Of which every plan says how many cases they take, a share of the cases."""
_LEAST = 1e-4
"""A budget that stands in nobody's way, to find out which loss can be seen at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What today's cases of one cohort can see, or of all together. None = nothing worth saying."""

    cohort: str | None
    cases: int
    effective: float
    sees: float | None
    """Smallest true loss, in these cases alone, of which 80 % of runs are evidence of 100 : 1."""
    proves: float | None
    """Smallest budget that they pass with 95 % if the candidate is equal."""


def seen(outset: Outset, psi: float) -> tuple[Seen, ...]:
    """Return what the cases can see, all together and cohort by cohort, if psi of them differ."""
    cohorts = sorted({cohort for cohort, _ in outset.census.leaves})
    found = []
    for group in (Group(), *(Group(cohort=cohort) for cohort in cohorts)):
        effective = outset.census.effective(group)
        share = _evidence_share(group, outset)
        proves = provable(effective, psi, POWER)
        found.append(
            Seen(
                cohort=group.cohort,
                cases=len(outset.census.cases(group)),
                effective=effective,
                sees=noticed(effective, _LEAST, psi, share=share),
                proves=proves if proves is not None and proves <= LARGEST else None,
            )
        )
    return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedCandidate:
    """The budgets of one candidate."""

    name: str
    expected: Disagreement
    rows: tuple[PlanRow, ...]
    seen: tuple[Seen, ...] = ()
    needed: tuple[tuple[float, int], ...] = ()
    """Budget -> cases with which an equal candidate passes it with the plan's power."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything that can be said before the first request."""

    file: str
    baseline: str
    power: float
    """The power that `PlanRow.to_add` is for."""
    cases: int
    cohorts: int
    arms: tuple[CostRow, ...]
    """One for each variant and each judge that may be asked."""
    candidates: tuple[PlannedCandidate, ...]
    auto_psi: float
    """The largest psi of all candidates: budgets are the same for all of them."""
    auto: Proposal
    """What ``budgets: auto`` would be."""
    costs: tuple[CostRow, ...] = ()
    """The same as `arms`, cohort by cohort."""
    version: int = 1

    @property
    def undecidable(self) -> tuple[PlanRow, ...]:
        """The budgets for which a run would be refused."""
        rows = self.candidates[0].rows if self.candidates else ()
        return tuple(row for row in rows if not row.decidable)

    def to_dict(self) -> Json:
        """Return plain JSON types, as docs/plan.md describes them."""
        return {
            "version": self.version,
            "config": self.file,
            "baseline": self.baseline,
            "power": self.power,
            "cases": self.cases,
            "cohorts": self.cohorts,
            "undecidable": len(self.undecidable),
            "arms": [_cost(row) for row in self.arms],
            "costs": [{"cohort": row.cohort, **_cost(row)} for row in self.costs],
            "candidates": [
                {
                    "name": candidate.name,
                    "psi": candidate.expected.psi,
                    **asdict(candidate.expected),
                    "seen": [asdict(one) for one in candidate.seen],
                    "needed": [{"max_drop": b, "cases": n} for b, n in candidate.needed],
                    "budgets": [row.to_dict() for row in candidate.rows],
                }
                for candidate in self.candidates
            ],
            "auto": {
                "psi": self.auto_psi,
                "budgets": [
                    {"cohort": b.cohort, "check": b.check, "max_drop": b.max_drop}
                    for b in self.auto.budgets
                ],
                "left_out": list(self.auto.left_out),
            },
        }


def make_plan(outset: Outset, *, power: float = 0.8, noise: float | None = None) -> Plan:
    """Plan a run; ``noise`` wins over what was measured. Raises ValueError as `stats` does."""
    baseline = outset.variants[outset.baseline]
    candidates = []
    for name, variant in outset.variants.items():
        if name == outset.baseline:
            continue
        expected = disagreement(variant, baseline, given=noise, measured=outset.noise)
        rows = tuple(plan_row(b, outset, expected.psi, power) for b in outset.budgets)
        needed = tuple((b, stats.pass_cases(b, expected.psi, power)) for b in BUDGETS)
        candidates.append(
            PlannedCandidate(
                name=name,
                expected=expected,
                rows=rows,
                seen=seen(outset, expected.psi),
                needed=needed,
            )
        )
    # Those of a run: what was measured on this machine changes no budget (`_survey.py`).
    others = (variant for name, variant in outset.variants.items() if name != outset.baseline)
    psi = largest_psi(others, baseline)
    return Plan(
        file=outset.file,
        baseline=outset.baseline,
        power=power,
        cases=len(outset.census.cases(Group())),
        cohorts=len({cohort for cohort, _ in outset.census.leaves}),
        arms=tuple(row for one in _all_asked(outset) for row in one[:1]),
        candidates=tuple(candidates),
        auto_psi=psi,
        auto=propose(outset.census, psi),
        costs=tuple(row for one in _all_asked(outset) for row in one[1:]),
    )


def _all_asked(outset: Outset) -> Iterator[list[CostRow]]:
    """Yield for each variant and judge the row of all it is asked, then those of its cohorts."""
    for name, variant in outset.variants.items():
        asked = outset.asked.get(name, Asked(requests=0))
        known = known_of(name, outset.asked, variant.price)
        role: Who = "baseline" if name == outset.baseline else "candidate"
        shares = asked.shares or (Share(cohort="", requests=asked.requests, cached=asked.cached),)
        yield [known.row(name, role, None, shares), *rows_of(known, name, role, asked.shares)]
    for name, judge in outset.judges.items():
        known = Known(tokens=None, price=judge.variant.price, whose="the judge")
        yield [
            known.row(name, "judge", None, judge.shares),
            *rows_of(known, name, "judge", judge.shares),
        ]


def _cost(row: CostRow) -> Json:
    return {key: value for key, value in asdict(row).items() if key != "cohort"}
