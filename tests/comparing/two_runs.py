"""Reports of two runs that never were, for the tests of comparisons."""

from __future__ import annotations

from pytest_quantguard import judge
from pytest_quantguard.comparing.records import Side
from pytest_quantguard.pairs import PairedOutcome
from pytest_quantguard.types import Outcome, Source
from pytest_quantguard.variants import Variant
from pytest_quantguard.verdicts import Budget, GateReport

HOLDS, BROKE = Outcome.of([]), Outcome.of(["not JSON"])
BASELINE = Variant(name="bf16", provider="openai", model="acme/assist", base_url="http://b/v1")
GOLDEN = "a" * 64
FIRST = 1_795_000_000.0


def outcomes(n=200, lost=(), *, cohort="faq", prefix="c", keys=None, baseline_lost=()):
    """n cases of one check; ``lost`` are those in which the candidate breaks."""
    return [
        PairedOutcome(
            variant="awq-int4",
            case=f"{prefix}{i}",
            cohort=cohort,
            check="json",
            source=Source(file="g.quant.yaml", line=1),
            baseline=BROKE if i in baseline_lost else HOLDS,
            candidate=BROKE if i in lost else HOLDS,
            keys=(f"b{i}", f"k{i}") if keys is None else keys,
        )
        for i in range(n)
    ]


def candidate(found, *budgets, name="awq-int4", **variant):
    """Judge outcomes as a run does."""
    told = budgets or (Budget(max_drop=0.05), Budget(cohort="faq", max_drop=0.1))
    arm = Variant(name=name, provider="openai", model=f"acme/{name}", **variant)
    return judge(found, told, variant=arm)


def report(*candidates, number=0, golden=GOLDEN, baseline=BASELINE, **provenance):
    """Return the report of run ``number``."""
    budgets = [
        {
            "cohort": row.cohort,
            "check": row.check,
            "tag": row.tag,
            "metric": row.metric,
            "max_drop": row.max_drop,
            "max_ratio": row.max_ratio,
            "relative": row.relative,
            "source": None,
            "reason": "",
        }
        for row in candidates[0].budgets
        if row.max_drop is not None
    ]
    return GateReport(
        baseline=baseline,
        candidates=tuple(candidates),
        provenance={
            "run": f"run-{number}",
            "started": FIRST + 86400.0 * number,
            "seconds": 1.0,
            "golden_hash": golden,
            "whole": True,
            "budgets": budgets,
            "policies": {"inconclusive": "fail", "evidence": "dual"},
            "pytest_quantguard": "0.1.0",
            "python": "3.12.1",
            **provenance,
        },
    )


def side(found, *budgets, name="run.json", number=0, **fields):
    """Return one candidate of one run."""
    judged = candidate(found, *budgets)
    whole = report(judged, number=number, **fields)
    return Side(name=name, report=whole, candidate=judged)
