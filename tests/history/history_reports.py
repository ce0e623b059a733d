"""Reports of runs that never were, for the tests of the history."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pytest_quantguard.pairs import PairedOutcome
from pytest_quantguard.types import Outcome, Source
from pytest_quantguard.variants import Quantization, Variant
from pytest_quantguard.verdicts import (
    WORST_FIRST,
    BudgetVerdict,
    CandidateReport,
    Delta,
    GateReport,
    Verdict,
)

DAY = 86400.0
FIRST = 1_795_000_000.0
"""When run 0 began; each further one is a day later."""
BASELINE = Variant(name="bf16", provider="openai", model="acme/assist", base_url="http://b/v1")
CANDIDATE = Variant(
    name="awq-int4",
    provider="openai",
    model="acme/assist-awq",
    quantization=Quantization(method="awq", scheme="W4A16", weight_bits=4),
)


def budget(cohort: str | None = "faq", **fields: Any) -> dict[str, Any]:
    """A budget as a report's provenance has it; the limit is 5 pt unless it says otherwise."""
    limit = {} if "max_ratio" in fields else {"max_drop": 0.05}
    return {
        "max_drop": None, "max_ratio": None, "relative": False, "cohort": cohort, "check": None,
        "tag": None, "metric": None, "source": None, "reason": "", **limit, **fields,
    }  # fmt: skip


def row(told: dict[str, Any], value: float | None = 0.01, spread: float = 0.02) -> BudgetVerdict:
    """A budget's verdict; ``value`` None is one without a delta."""
    names = ("cohort", "check", "tag", "metric", "max_drop", "max_ratio", "relative")
    limit = told["max_drop"] if told["max_ratio"] is None else told["max_ratio"]
    if value is None:
        verdict, delta = Verdict.ERROR, None
    else:
        unit = "points" if told["max_ratio"] is None else "ratio"
        delta = Delta(value=value, low=value - spread, high=value + spread, n=150, unit=unit)
        verdict = Verdict.PASS if value + spread <= limit else Verdict.INCONCLUSIVE
        verdict = Verdict.FAIL if value > limit else verdict
    return BudgetVerdict(
        **{name: told[name] for name in names}, verdict=verdict, reason="because", delta=delta,
        cases=150, baseline_rate=0.9, candidate_rate=0.89, noise=0.01,
    )  # fmt: skip


def outcome(case: str, cohort: str = "faq") -> PairedOutcome:
    """One case that holds in both."""
    holds = Outcome.of([])
    return PairedOutcome(
        variant=CANDIDATE.name, case=case, cohort=cohort, check="exact", baseline=holds,
        candidate=holds, keys=("b", "c"), source=Source(file="g.quant.yaml", line=1),
    )  # fmt: skip


def run(
    number: int = 0,
    *budgets: dict[str, Any],
    values: tuple[float | None, ...] = (),
    candidate: str = "awq-int4",
    baseline: dict[str, Any] | None = None,
    cases: tuple[str, ...] = (),
    **provenance: Any,
) -> GateReport:
    """The report of run ``number``; ``baseline`` replaces fields of its baseline."""
    told = budgets or (budget(),)
    rows = tuple(row(one, *values[i : i + 1]) for i, one in enumerate(told))
    found = {one.verdict for one in rows}
    judged = CandidateReport(
        variant=replace(CANDIDATE, name=candidate),
        verdict=next(verdict for verdict in WORST_FIRST if verdict in found),
        budgets=(
            BudgetVerdict(
                cohort=None, check="evidence", max_drop=None, verdict=Verdict.PASS, reason="all"
            ),
            *rows,
        ),
        outcomes=tuple(map(outcome, cases or ("one-of-many",))),
        mishaps=(),
        log_evidence=0.0,
    )
    return GateReport(
        baseline=replace(BASELINE, **(baseline or {})),
        candidates=(judged,),
        provenance={
            "run": f"run-{number}", "started": FIRST + number * DAY, "seconds": 62.5,
            "python": "3.12.1", "pytest": "9.2.0", "pytest_quantguard": "0.1.0",
            "config": "quantguard.yaml", "cases": len(cases) or 150, "checks": 150,
            "golden_hash": "a" * 64, "whole": True, "budgets": list(told), "policies": POLICIES,
            "ci": {"name": "github", "commit": f"{number:040x}", "ref": "refs/heads/main"},
            **provenance,
        },
    )  # fmt: skip


POLICIES = {
    "budgets": "written", "inconclusive": "fail", "underpowered": "refuse", "evidence": "dual",
    "latency": "side-by-side", "max_errors": 0.01, "reason": "",
}  # fmt: skip
