"""Is it worse? The golden set's gate against the pin, held against a whole year's limit."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from pytest_quantguard import stats
from pytest_quantguard._plural import counted
from pytest_quantguard.reporters._words import odds
from pytest_quantguard.verdicts import CandidateReport, Verdict
from pytest_quantguard.watch.limits import Evidence
from pytest_quantguard.watch.records import Behaviour, Finding, Look
from pytest_quantguard.watch.series import FEWEST_OF_A_WEEK, Series


def behaviour(
    series: Series, gate: CandidateReport | None, limits: Mapping[Evidence, float]
) -> tuple[Finding, ...]:
    """Return what golden answers say about quality: the gate's evidence, and that of a week.

    An e-value E that a look is worse is at least 1 / a with chance a at most while nothing changes,
    so 1 / E is a p-value (Vovk and Wang 2021). `Finding.value` is the loss in [-1, 1]: positive
    where the endpoint is worse than the pin.
    """
    return (*_of_gate(gate, limits), *_of_week(series, limits))


def mean_value(behaviour: Behaviour) -> float:
    """Return the mean value of all checks, in [0, 1]; 0 where there is none."""
    values = [value for checks in behaviour.values.values() for value in checks.values()]
    return math.fsum(values) / len(values) if values else 0.0


def unsound(gate: CandidateReport) -> str:
    """Say why a gate could not judge, in words that may hold a server's; empty where it could."""
    if gate.verdict not in (Verdict.ERROR, Verdict.NOT_COMPARABLE):
        return ""
    said = [row.reason for row in gate.budgets if row.verdict is Verdict.ERROR and row.reason]
    said += [mishap.message for mishap in gate.mishaps]
    return said[0] if said else gate.verdict.word


def _of_gate(gate: CandidateReport | None, limits: Mapping[Evidence, float]) -> tuple[Finding, ...]:
    if gate is None:
        return ()
    limit = limits[Evidence("behaviour", "", "look")]
    blank = Finding(kind="behaviour", limit=limit)
    cases = counted(len({pair.case for pair in gate.outcomes}), "case")
    said = f"the gate says {gate.verdict.word} over {cases}"
    if unsound(gate) or not gate.outcomes:
        return (replace(blank, able=False, sentence=said),)
    p = p_of(gate.log_evidence)
    value = math.fsum(p.baseline.value - p.candidate.value for p in gate.outcomes)
    return (
        replace(
            blank,
            changed=gate.verdict is Verdict.FAIL and p <= limit,
            p=p,
            value=value / len(gate.outcomes),
            sentence=f"{said}, evidence that it is worse {odds(gate.log_evidence)}; "
            f"{odds(-math.log(limit))} are needed over a year of looks",
        ),
    )


def p_of(log_e: float) -> float:
    """Return min(1, 1 / e), the p-value of an e-value given by its natural logarithm."""
    return math.exp(-max(0.0, log_e))


def _of_week(series: Series, limits: Mapping[Evidence, float]) -> tuple[Finding, ...]:
    """The mean of a week's looks, case by case, against the mean of the pin's looks.

    One night may lose too little to be sure of: a loss that stays shows in the mean.
    """
    pin, week = _values(series.pin, series), _values(series.week, series)
    looks = sum(_golden(look, series) for look in series.week)
    cases = [case for case in pin if case in week]
    if looks < FEWEST_OF_A_WEEK or not cases:
        return ()
    differences = [max(-1.0, min(1.0, pin[case] - week[case])) for case in cases]
    evidence = stats.mean_evidence(differences)
    limit = limits[Evidence("behaviour", "", "week")]
    p, loss = p_of(evidence.log_e), math.fsum(differences) / len(cases)
    return (
        Finding(
            kind="behaviour",
            window="week",
            changed=p <= limit,
            p=p,
            limit=limit,
            value=loss,
            sentence=f"over the last seven days {counted(len(cases), 'case')} are worse by "
            f"{100 * loss:+.1f} points on average than in the pin, evidence "
            f"{odds(evidence.log_e)}; {odds(-math.log(limit))} are needed over a year of looks",
        ),
    )


def loss_since(looks: Sequence[Look], series: Series) -> float | None:
    """Return the natural logarithm of the evidence that today is worse than some looks.

    Case by case, against the mean of the looks; None where there is no case to compare.
    """
    before, now = _values(looks, series), _values([series.now], series)
    differences = [max(-1.0, min(1.0, before[case] - now[case])) for case in before if case in now]
    return stats.mean_evidence(differences).log_e if differences else None


def _golden(look: Look, series: Series) -> bool:
    now = series.now.behaviour
    return bool(now and look.behaviour and look.behaviour.golden == now.golden)


def _values(looks: Sequence[Look], series: Series) -> dict[str, float]:
    """Mean value of each case, over its checks first and then over the looks that have it."""
    found: dict[str, list[float]] = {}
    for look in looks:
        if look.behaviour is None or not _golden(look, series):
            continue
        for case, checks in look.behaviour.values.items():
            if checks:
                found.setdefault(case, []).append(math.fsum(checks.values()) / len(checks))
    return {case: math.fsum(values) / len(values) for case, values in found.items()}
