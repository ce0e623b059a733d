"""A report of many cases, for sizes and costs: seeded, the same bytes every time."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

from pytest_quantguard.pairs import Measurement, PairedMeasurement, PairedOutcome
from pytest_quantguard.reporters._texts import Texts
from pytest_quantguard.types import Completion, Json, Outcome, Source, Usage
from pytest_quantguard.variants import Quantization, Variant
from pytest_quantguard.verdicts import (
    BudgetVerdict,
    CandidateReport,
    Delta,
    GateReport,
    Verdict,
)

COHORTS = (
    "billing",
    "faq",
    "json-extraction",
    "medical",
    "refunds",
    "summaries",
    "tools",
    "travel",
)
CHECKS = ("contains", "length", "numbers_preserved")
_WORDS = """
    the a of to and in that is was for on with as by at from it an be this which or are not
    customer order invoice refund parcel dose tablet delivery contract account balance payment
    within before after every between under above three seven twelve 88213-A 14 days 1,250.00
    please contact support because however therefore confirmed received arrived missing
"""
WORDS = _WORDS.split()
HOLDS = Outcome.of([])
LOST = Outcome.of(["'88213-A' is missing; the closest in the answer is '88213A'"])
BASELINE = Variant(name="bf16", provider="openai", model="m-8b", base_url="http://127.0.0.1:1/v1")
CANDIDATE = Variant(
    name="awq-int4",
    provider="openai",
    model="m-8b-awq",
    base_url="http://127.0.0.1:2/v1",
    quantization=Quantization(method="awq", scheme="W4A16", weight_bits=4),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much there is to report."""

    cases: int = 10_000
    checks: int = 1
    """Per case: 1 to 3."""
    doubtful: float = 0.1
    """Share of cases on which a check does not hold in both arms, in [0, 1]."""
    characters: int = 2_000
    """Of each answer, about."""


def texts(size: Size) -> Texts:
    """Answers of about that length, of which the candidate's differs in a few words."""

    draw = random.Random(size.characters)
    length = size.characters // 7
    pool = draw.choices(WORDS, k=20_000 + length)

    def said(case: str) -> list[str]:
        start = 7919 * int(case[-5:]) % 20_000
        return pool[start : start + length]

    def completion(key: str) -> Completion:
        arm, _, case = key.partition(":")
        words = said(case)
        if arm == "c":
            for place in range(length // 7, length, length // 6):
                words[place] = pool[place]
        usage = Usage(prompt_tokens=120, completion_tokens=len(words))
        return Completion(
            text=" ".join(words), finish_reason="stop", usage=usage, latency_s=0.5, ttft_s=0.05
        )

    def request(key: str) -> Json:
        question = f"Question of {key}: " + " ".join(said(key)[:60])
        return {
            "messages": [
                {"role": "system", "content": "You are the help desk of a shop. Be brief."},
                {"role": "user", "content": question},
            ],
            "temperature": 0,
        }

    return Texts(completion, request)


def report(size: Size) -> GateReport:
    """Return a report of one candidate; of the doubtful, three quarters regressed."""
    draw = random.Random(size.cases)
    outcomes, measurements = [], []
    for number in range(size.cases):
        case, cohort = f"case-{number:05d}", COHORTS[number % len(COHORTS)]
        doubtful = number < round(size.doubtful * size.cases)
        kind = ("lost", "lost", "lost", "won" if number % 8 == 3 else "both")[number % 4]
        arms = {"lost": (HOLDS, LOST), "won": (LOST, HOLDS), "both": (LOST, LOST)}[kind]
        source = Source(file=f"golden/{cohort}.quant.yaml", line=number // len(COHORTS) + 1)
        for check in CHECKS[: size.checks]:
            first = check == CHECKS[0]
            baseline, candidate = arms if doubtful and first else (HOLDS, HOLDS)
            outcomes.append(
                PairedOutcome(
                    variant=CANDIDATE.name,
                    case=case,
                    cohort=cohort,
                    check=check,
                    source=source,
                    baseline=baseline,
                    candidate=candidate,
                    keys=(f"b:{case}", f"c:{case}"),
                )
            )
        measurements.append(_measured(case, cohort, draw))
    rows = tuple(_row(cohort, outcomes) for cohort in (None, *COHORTS))
    candidate = CandidateReport(
        variant=CANDIDATE, verdict=Verdict.FAIL, budgets=rows, outcomes=tuple(outcomes),
        mishaps=(), log_evidence=9.0, measurements=tuple(measurements),
    )  # fmt: skip
    provenance: Json = {"started": 1.8e9, "seconds": 600.0, "cases": size.cases, "remarks": []}
    return GateReport(baseline=BASELINE, candidates=(candidate,), provenance=provenance)


def _measured(case: str, cohort: str, draw: random.Random) -> PairedMeasurement:
    slow = Measurement(
        live=True, latency_s=round(draw.lognormvariate(0, 0.4), 3),
        ttft_s=round(draw.lognormvariate(-2, 0.4), 3), prompt_tokens=120.0,
        completion_tokens=float(draw.randrange(100, 400)),
        characters=float(draw.randrange(500, 2500)),
    )  # fmt: skip
    fast = replace(slow, latency_s=round(0.6 * slow.latency_s, 3), characters=slow.characters + 3)
    return PairedMeasurement(
        variant=CANDIDATE.name, case=case, cohort=cohort, baseline=slow, candidate=fast
    )


def _row(cohort: str | None, outcomes: list[PairedOutcome]) -> BudgetVerdict:
    inside = [o for o in outcomes if cohort in (None, o.cohort)]
    rates = [
        sum(getattr(o, arm).value for o in inside) / len(inside)
        for arm in ("baseline", "candidate")
    ]
    loss = rates[0] - rates[1]
    return BudgetVerdict(
        cohort=cohort, check=None, max_drop=0.02, verdict=Verdict.FAIL, reason="worse than allowed",
        delta=Delta(value=loss, low=loss - 0.01, high=loss + 0.01, n=len(inside)),
        cases=len(inside), baseline_rate=rates[0], candidate_rate=rates[1],
        improved=sum(o.improved for o in inside),
        regressed=tuple(o for o in inside if o.regressed), log_evidence=9.0,
    )  # fmt: skip
