"""Reports to render: a realistic one, and the parts to build hostile ones."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from types import SimpleNamespace

import pytest

from pytest_quantguard.pairs import (
    Divergence,
    Measurement,
    Mishap,
    PairedMeasurement,
    PairedOutcome,
)
from pytest_quantguard.reporters._texts import Texts
from pytest_quantguard.types import Completion, Outcome, Source, ToolCall
from pytest_quantguard.variants import Quantization, Variant
from pytest_quantguard.verdicts import (
    BudgetVerdict,
    CandidateReport,
    Delta,
    GateReport,
    Group,
    Reading,
    Verdict,
)

UNPRINTABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]"
)
HOLDS = Outcome.of([])
BASELINE = Variant(name="bf16", provider="openai", model="acme/assist-8b", base_url="http://b/v1")
AWQ = Variant(
    name="awq-int4",
    provider="openai",
    model="acme/assist-8b-awq",
    base_url="http://c/v1",
    quantization=Quantization(method="awq", scheme="W4A16", weight_bits=4),
    options={"extra_body": {"top_k": 1}},
)
PROVENANCE = {
    "started": 1_763_700_000.25,
    "seconds": 62.5,
    "python": "3.12.1",
    "pytest": "9.2.0",
    "pytest_quantguard": "0.1.0",
    "cases": 560,
    "requests": {"bf16": {"sent": 0, "cached": 560}},
}

CANARY = "\x1b]0;owned\x07"
HOSTILE = {
    "controls": "a\x00b\x08c\x0bd\x0ce\x7ff\x85g\x9b31mh",
    "surrogate": "before \ud800 between \udfff after",
    "noncharacters": "x\ufffey\uffffz\ufdd0",
    "ansi": f"\x1b[2J\x1b[31mred\x1b[0m {CANARY}",
    "cdata": "]]> <![CDATA[ ]]>",
    "html": "<script>alert(1)</script><img src=x onerror=y>&amp;&#0;",
    "github": "::error file=x,line=1::broken\n  ::set-env name=A::b\n\t::stop-commands::x",
    "azure": "##[group]x\n  ##[error]y\n##vso[task.complete result=Succeeded]\n##teamcity[x]",
    "right-to-left": "\u202eneddih\u2066x\u2069 \u200b\ufeff\u05d0\u05d1",
    "returns": "one\rtwo\r\n::error::three\r::error::four",
    "huge": "A" * 10_000_000,
    "empty": "",
}


def pair(case, *, cohort="tool-calling", check="tool_call", lost=False, won=False, **more):
    """One paired outcome; ``lost`` and ``won`` say which arm broke the check."""
    broken = Outcome.of(more.pop("violations", ["argument 'order_id' is '88213A', not '88213-A'"]))
    file = {"tool-calling": "tools", "regulated": "advice"}.get(cohort, cohort)
    return PairedOutcome(
        variant=more.pop("variant", "awq-int4"),
        case=case,
        cohort=cohort,
        check=check,
        source=more.pop("source", Source(file=f"golden/{file}.quant.yaml", line=12)),
        baseline=broken if won else HOLDS,
        candidate=broken if lost else HOLDS,
        keys=more.pop("keys", (f"b:{case}", f"c:{case}")),
        **more,
    )


def row(outcomes, *, cohort, check, max_drop, verdict, reason, delta=None, log_evidence=None):
    """A budget verdict over those outcomes that are in its group."""
    inside = [o for o in outcomes if cohort in (None, o.cohort) and check in (None, o.check)]
    n = max(1, len(inside))
    rates = {side: sum(getattr(o, side).value for o in inside) / n for side in _SIDES}
    return BudgetVerdict(
        cohort=cohort,
        check=check,
        max_drop=max_drop,
        verdict=verdict,
        reason=reason,
        delta=Delta(value=rates["baseline"] - rates["candidate"], n=n, **_ends(delta)),
        cases=len({o.case for o in inside}),
        baseline_rate=rates["baseline"],
        candidate_rate=rates["candidate"],
        regressed=tuple(o for o in inside if o.regressed),
        improved=sum(o.improved for o in inside),
        log_evidence=log_evidence,
    )


_SIDES = ("baseline", "candidate")


def _ends(delta):
    low, high = delta or (0.0, 0.0)
    return {"low": low, "high": high}


def realistic_outcomes():
    """Three cohorts: one lost, one in doubt, one fine."""
    found = [pair(f"refund-order-{i}", lost=i < 31) for i in range(160)]
    found[4] = replace(found[4], critical=True)
    citations = {"cohort": "regulated", "check": "citations"}
    missing = ["the claim 'up to 14 days' cites no source"]
    found += [pair(f"dosage-{i}", lost=i < 7, violations=missing, **citations) for i in range(158)]
    found += [pair(f"dosage-{i}", won=True, **citations) for i in range(158, 160)]
    return [*found, *(pair(f"faq-{i}", cohort="faq", check="contains") for i in range(240))]


def realistic_rows(outcomes):
    """Rows as the judge writes them: evidence first, then the budgets."""
    fail, passed, unsure = Verdict.FAIL, Verdict.PASS, Verdict.INCONCLUSIVE
    return (
        BudgetVerdict(
            cohort=None,
            check="evidence",
            max_drop=None,
            verdict=passed,
            reason="560 of 572 planned checks were compared",
            cases=560,
        ),
        row(outcomes, cohort=None, check=None, max_drop=0.02, verdict=fail, delta=(0.042, 0.089),
            reason="worse by 6.4 pt, more than the 2 pt allowed", log_evidence=math.log(52)),
        row(outcomes, cohort="faq", check="contains", max_drop=0.1, verdict=passed,
            delta=(-0.004, 0.016), reason="at most 1.6 pt worse", log_evidence=0.0),
        row(outcomes, cohort="regulated", check="citations", max_drop=0.05, verdict=unsure,
            delta=(-0.004, 0.076), log_evidence=0.7,
            reason="needs about 130 more cases, or a budget of 7.6 pt"),
        row(outcomes, cohort="tool-calling", check="tool_call", max_drop=0.1, verdict=fail,
            delta=(0.136, 0.264), reason="worse by 19.4 pt, more than the 10 pt allowed",
            log_evidence=math.log(4.1e5)),
    )  # fmt: skip


def realistic_mishaps():
    """Seven requests without an answer, and one check that broke."""
    return (
        *(
            Mishap(
                variant="awq-int4",
                case=f"refund-order-{160 + i}",
                cohort="tool-calling",
                check="tool_call",
                source=Source(file="golden/tools.quant.yaml", line=700 + i),
                role="candidate",
                kind="TransportError",
                message="no complete answer after 4 tries: timed out after 60 s",
            )
            for i in range(7)
        ),
        Mishap(
            variant="awq-int4",
            case="dosage-3",
            cohort="regulated",
            check="citations",
            source=Source(file="golden/advice.quant.yaml", line=31),
            role="baseline",
            kind="EmptyCompletion",
            message="the model said nothing",
        ),
    )


def realistic_completion(key):
    """Tool calls that differ in one argument; long prose for the rest."""
    arm, _, case = key.partition(":")
    if case.startswith("refund"):
        order = "88213-A" if arm == "b" else "88213A"
        arguments = f'{{"order_id": "{order}", "reason": "the parcel never arrived"}}'
        call = ToolCall(name="refund_order", arguments_text=arguments)
        return Completion(text="", tool_calls=(call,), finish_reason="tool_calls", latency_s=1.25)
    tail = " [1]" if arm == "b" else ""
    return Completion(text="Adults take one tablet up to 14 days" + tail + "." * 900, latency_s=0.5)


def realistic_request(key):
    """A tool call that was asked for, or a question."""
    case = key.partition(":")[2]
    question = f"Refund order 88213-A ({case})" if case.startswith("refund") else f"Dosage? {case}"
    return {
        "messages": [
            {"role": "system", "content": "You are the help desk of a shop."},
            {"role": "user", "content": question},
        ],
        "temperature": 0,
    }


REALISTIC_TEXTS = Texts(realistic_completion, realistic_request)


def realistic():
    """The report of a run with one bad, one doubtful and one good cohort."""
    outcomes = realistic_outcomes()
    candidate = CandidateReport(
        variant=AWQ,
        verdict=Verdict.FAIL,
        budgets=realistic_rows(outcomes),
        outcomes=tuple(outcomes),
        mishaps=realistic_mishaps(),
        log_evidence=math.log(2.3e4),
        quantization_note="int4 awq, confirmed by the server",
    )
    return GateReport(baseline=BASELINE, candidates=(candidate,), provenance=PROVENANCE)


SEQUENTIAL = {
    "look": 1, "looks": 5, "stopped_early": True, "cases": 60, "cases_planned": 300,
    "requests_saved": 480, "requests_planned": 600,
}  # fmt: skip


def delta(value, low, high, **more):
    """A delta of 300 cases; a ratio when ``unit`` says so."""
    return Delta(value=value, low=low, high=high, n=more.pop("n", 300), **more)


def metric_row(metric, verdict, reason, found, levels, **more):
    """A row of a budget on a metric, as the judge writes it."""
    return BudgetVerdict(
        check=None, metric=metric, verdict=verdict, reason=reason, delta=found, cases=300,
        baseline_rate=levels[0], candidate_rate=levels[1],
        **{"cohort": None, "max_drop": None, **more},
    )  # fmt: skip


def measured_rows(outcomes):
    """Budgets of every kind: on checks, a tag, a cohort's tag, relative, points and ratios."""
    fail, passed, unsure = Verdict.FAIL, Verdict.PASS, Verdict.INCONCLUSIVE
    evidence, suite, faq, *_ = realistic_rows(outcomes)
    nested = row(outcomes, cohort="tool-calling", check=None, max_drop=0.05, verdict=unsure,
                 reason="needs about 90 more cases", delta=(-0.01, 0.071))  # fmt: skip
    return (
        evidence,
        replace(suite, delta=replace(suite.delta, best=0.041, worst=0.082)),
        replace(suite, tag="pii", verdict=passed, max_drop=0.1, reason="at most 8.9 pt worse"),
        faq,
        replace(nested, tag="nested", relative=True),
        metric_row("cost_per_success", passed, "inside the limit at 95 %: x0.49",
                   delta(0.47, 0.45, 0.49, unit="ratio"), (0.00041237, 0.00019382), max_ratio=1.0),
        metric_row("latency_p50", passed, "inside the limit at 95 %: x0.77",
                   delta(0.68, 0.61, 0.77, unit="ratio"), (0.92, 0.6314), max_ratio=1.1),
        metric_row("length", unsure, "between x1.05 and x1.15: needs more cases",
                   delta(1.1, 1.05, 1.15, unit="ratio"), (142.25, 156.5), max_ratio=1.125),
        metric_row("reference", fail, "+4.1 pt, shown to be over the limit",
                   delta(0.041, 0.026, 0.056), (0.62, 0.579), max_drop=0.02),
        metric_row("ttft_p95", unsure, "the answers came from the cache", None, (1.5, 2.25),
                   max_ratio=1.5, cohort="regulated"),
    )  # fmt: skip


def reading(metric, found, levels=(None, None), note="", cases=300):
    """What a metric found over all cases."""
    unit = found.unit if found else "ratio"
    baseline, candidate = levels
    return Reading(group=Group(metric=metric), unit=unit, delta=found, baseline=baseline,
                   candidate=candidate, cases=cases, note=note)  # fmt: skip


def measured_readings():
    """Metrics with and without a budget, some of which show nothing."""
    times = (1.25, 2.5)
    return (
        reading("divergence", None, note="same likeliest token 97.2 %, KL divergence 0.031 nats"),
        reading("errors", delta(0.0, -0.009, 0.009), (0.0, 0.0)),
        reading("latency_p50", delta(0.68, 0.61, 0.77, unit="ratio"), (0.92, 0.6314)),
        reading("latency_p95", delta(0.91, 0.55, math.inf, unit="ratio"), times),
        reading("reference", delta(0.041, 0.026, 0.056), (0.62, 0.579)),
        reading("refusals", delta(0.0, -0.011, 0.011), (0.01, 0.01),
                "3 cases newly refused, 3 no longer"),
        reading("tokens_per_second", delta(0.66, 0.6, 0.75, unit="ratio"), (31.25, 47.5)),
        reading("truncation", delta(0.02, 0.004, 0.036), (0.01, 0.03)),
        reading("ttft_p50", None, times, "latency is judged only when both arms were asked"),
    )  # fmt: skip


def measurements():
    """One that says everything, and one without an answer."""
    full = Measurement(
        live=True, latency_s=0.92, ttft_s=0.125, prompt_tokens=210, completion_tokens=142.5,
        characters=612, truncated=0.5, refused=0.5, cost=0.00041, reference_p=0.62,
    )  # fmt: skip
    silent = Measurement(answered=False, reference_error="HTTP 400: no log-probs of a prompt")
    parted = Divergence(tokens=12, same_top=0.75, kl=0.031, margin=0.12)
    first = PairedMeasurement(
        variant="awq-int4", case="refund-order-0", cohort="tool-calling", baseline=full,
        candidate=full, weight=2.0, tags=("pii",), divergence=parted,
    )  # fmt: skip
    return (first, replace(first, case="faq-0", cohort="faq", candidate=silent, divergence=None))


def measured():
    """The report of a run with metrics, tags, relative budgets, in looks, stopped early."""
    report = realistic()
    (first,) = report.candidates
    outcomes = list(first.outcomes)
    repeats = Outcome(value=0.5, violations=("not JSON",), repeats=(1.0, 0.0))
    outcomes[4] = replace(outcomes[4], confirmation=(3, 0))
    outcomes[160] = replace(outcomes[160], critical=True, confirmation=(3, 2))
    outcomes[167] = replace(outcomes[167], candidate=repeats, tags=("nested",))
    candidate = replace(
        first,
        outcomes=tuple(outcomes),
        budgets=measured_rows(outcomes),
        measurements=measurements(),
        readings=measured_readings(),
        notes=("39 of 560 checks got worse and 2 better: 7.3 % differ",),
    )
    report = replace(report, provenance={**PROVENANCE, "sequential": SEQUENTIAL})
    return replace(report, candidates=(candidate,))


def hostile(text):
    """A report with ``text`` wherever text of a model or a server can be."""
    quoted = text[:300]
    lost = pair(
        "c" * 80,
        lost=True,
        violations=[quoted, text],
        source=Source(file="golden/" + "x" * 80 + ".quant.yaml", line=3),
        tags=(quoted,),
    )
    outcomes = [lost, pair("fine", cohort=quoted or "c", check=quoted or "k")]
    failed = row(
        outcomes, cohort="tool-calling", check="tool_call", max_drop=0.1, verdict=Verdict.FAIL,
        reason=text, delta=(0.5, 1.0), log_evidence=800.0,
    )  # fmt: skip
    broken = BudgetVerdict(
        cohort=None, check="evidence", max_drop=None, verdict=Verdict.ERROR, reason=text
    )
    mishap = replace(realistic_mishaps()[0], message=text, kind=quoted or "TransportError")
    found = delta(0.1, 0.05, 0.2, best=0.05, worst=0.2)
    told = metric_row(quoted or "m", Verdict.INCONCLUSIVE, text, found, (0.5, 0.6),
                      tag=quoted or "t", max_drop=0.01)  # fmt: skip
    sure = replace(told, metric="reference", cohort=quoted or "c", reason=quoted)
    measurement = measurements()[1]
    silent = replace(measurement.candidate, reference_error=text)
    candidate = CandidateReport(
        variant=replace(AWQ, model=quoted),
        verdict=Verdict.ERROR,
        budgets=(broken, replace(failed, delta=found), told, sure),
        outcomes=tuple(outcomes),
        mishaps=(mishap,),
        log_evidence=900.0,
        quantization_note=text,
        measurements=(replace(measurement, candidate=silent, variant=quoted, tags=(quoted,)),),
        readings=(reading(quoted, found, note=quoted[:40]), reading("divergence", None, note=text)),
        notes=(text, quoted),
    )
    provenance = {"note": quoted, "sequential": {**SEQUENTIAL, "look": quoted}}
    return GateReport(baseline=BASELINE, candidates=(candidate,), provenance=provenance)


def saying(text):
    """Completions of which the candidate's is ``text``."""
    call = ToolCall(name=text[:300], arguments_text=text)

    def completions(key):
        if key.startswith("b:"):
            return Completion(text="expected")
        return Completion(text=text, tool_calls=(call,), refusal=text, finish_reason=text[:300])

    return Texts(completions)


@pytest.fixture
def make():
    """Everything above, by name."""
    names = (name for name in globals() if name.isidentifier() and not name.startswith("_"))
    return SimpleNamespace(**{name: globals()[name] for name in names})


@pytest.fixture(params=HOSTILE)
def hostile_text(request):
    """One hostile text after the other."""
    return HOSTILE[request.param]


@pytest.fixture
def two_candidates():
    """The realistic report with a second candidate whose evidence is the same but for its name."""
    report = realistic()
    (first,) = report.candidates
    second = replace(
        first,
        variant=replace(first.variant, name="gptq-int4"),
        outcomes=tuple(replace(o, variant="gptq-int4") for o in first.outcomes),
        mishaps=tuple(replace(m, variant="gptq-int4") for m in first.mishaps),
        budgets=tuple(
            replace(b, regressed=tuple(replace(o, variant="gptq-int4") for o in b.regressed))
            for b in first.budgets
        ),
    )
    return replace(report, candidates=(first, second))


@pytest.fixture
def empty_report():
    """A report without candidates: nothing was judged."""
    return GateReport(baseline=BASELINE, candidates=(), provenance={})
