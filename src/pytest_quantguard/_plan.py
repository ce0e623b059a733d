"""What the golden cases at hand can decide, and what deciding takes, before the first request.

Pure functions on an `Outset`: what was collected and configured. Everything hangs on psi, the share
of outcomes that differ between two equally good arms (`_prior.py`). Shares are fractions.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

from pytest_quantguard import _budgets, stats
from pytest_quantguard._auto import POWER, Proposal, auto_budgets, levels, propose, provable
from pytest_quantguard._budgets import Census
from pytest_quantguard._decide import LEVEL_WEIGHTS
from pytest_quantguard._noticed import noticed
from pytest_quantguard._prior import Disagreement, disagreement, largest_psi
from pytest_quantguard.types import Json, Role
from pytest_quantguard.variants import Variant
from pytest_quantguard.verdicts import Budget, Group, Metric

__all__ = ["Asked", "Outset", "Plan", "PlanRow", "auto_budgets", "make_plan", "plan_row"]


# --- what there is ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The completions that one variant has to give, and what is known of them already."""

    requests: int
    cached: int = 0
    tokens: tuple[float, float] | None = None
    """Mean of the cached completions, prompt and completion; None = none is known."""


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
        note=_note(budget, cases, refusal, chance),
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


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedArm:
    """What one variant would be asked. None = not known."""

    name: str
    role: Role
    requests: int
    cached: int
    prompt_tokens: int | None = None
    """Estimated total of the requests that are not cached."""
    completion_tokens: int | None = None
    cost: float | None = None
    """Estimate, in the currency of the variant's price."""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedCandidate:
    """The budgets of one candidate."""

    name: str
    expected: Disagreement
    rows: tuple[PlanRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything that can be said before the first request."""

    file: str
    baseline: str
    power: float
    """The power that `PlanRow.to_add` is for."""
    cases: int
    cohorts: int
    arms: tuple[PlannedArm, ...]
    candidates: tuple[PlannedCandidate, ...]
    auto_psi: float
    """The largest psi of all candidates: budgets are the same for all of them."""
    auto: Proposal
    """What ``budgets: auto`` would be."""
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
            "arms": [asdict(arm) for arm in self.arms],
            "candidates": [
                {
                    "name": candidate.name,
                    "psi": candidate.expected.psi,
                    **asdict(candidate.expected),
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
        candidates.append(PlannedCandidate(name=name, expected=expected, rows=rows))
    # Those of a run: what was measured on this machine changes no budget (`_survey.py`).
    others = (variant for name, variant in outset.variants.items() if name != outset.baseline)
    psi = largest_psi(others, baseline)
    return Plan(
        file=outset.file,
        baseline=outset.baseline,
        power=power,
        cases=len(outset.census.cases(Group())),
        cohorts=len({cohort for cohort, _ in outset.census.leaves}),
        arms=tuple(_arm(name, outset) for name in outset.variants),
        candidates=tuple(candidates),
        auto_psi=psi,
        auto=propose(outset.census, psi),
    )


def _arm(name: str, outset: Outset) -> PlannedArm:
    asked = outset.asked.get(name, Asked(requests=0))
    source = _token_source(name, outset)
    known = outset.asked[source].tokens if source else None
    to_ask, price = asked.requests - asked.cached, outset.variants[name].price
    prompt, completion = (round(to_ask * mean) for mean in known or (0.0, 0.0))
    cost, note = None, ""
    if not to_ask:
        cost = 0.0
    elif price is None:
        note = "the variant has no price"
    elif known is None:
        note = "how long the answers are is not known before the first one is cached"
    else:
        cost = (price.input * prompt + price.output * completion) / 1e6
    if to_ask and source not in ("", name):
        note = "; ".join(filter(None, (note, f"taken to be as long as {source}'s answers")))
    return PlannedArm(
        name=name,
        role="baseline" if name == outset.baseline else "candidate",
        requests=asked.requests,
        cached=asked.cached,
        prompt_tokens=prompt if known or not to_ask else None,
        completion_tokens=completion if known or not to_ask else None,
        cost=cost,
        note=note,
    )


def _token_source(name: str, outset: Outset) -> str:
    """Return the variant whose answers show how long they are: the arm itself where possible."""
    known = [other for other, asked in outset.asked.items() if asked.tokens is not None]
    return name if name in known else next(iter(known), "")
