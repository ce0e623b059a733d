"""From gathered evidence and a plan to what is reported: of one run, or of its shards."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import TYPE_CHECKING, Self

import pytest

from pytest_quantguard import _judge, _tally
from pytest_quantguard._ci import ci
from pytest_quantguard._comparability import (
    Likeness,
    Told,
    fingerprints,
    likeness,
    quantization_note,
)
from pytest_quantguard._decide import EvidenceRule
from pytest_quantguard._measures import LatencyRule
from pytest_quantguard._noise import Noise
from pytest_quantguard.types import Json
from pytest_quantguard.variants import Launch, ServedAs, Variant
from pytest_quantguard.verdicts import CandidateReport, Group, Metric

if TYPE_CHECKING:
    from pytest_quantguard._config import GateConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What verdicts depend on, beside evidence and plan."""

    baseline: Variant
    candidates: tuple[Variant, ...]
    metrics: Mapping[str, Metric]
    max_errors: float = 0.01
    """Share of a candidate's checks, in [0, 1], that may go without an answer."""
    evidence: EvidenceRule = "dual"
    latency: LatencyRule = "side-by-side"
    null: str | None = None
    """Name of the candidate that is the baseline once more, where there is one."""
    two_days: bool = False
    """True where both arms are one endpoint on two days: how they differ is remarked upon."""

    @classmethod
    def of(cls, settings: GateConfig, metrics: Mapping[str, Metric]) -> Self:
        """Return the terms of a configuration."""
        return cls(
            baseline=settings.baseline,
            candidates=settings.candidates,
            metrics=metrics,
            max_errors=settings.max_errors,
            evidence=settings.evidence,
            latency=settings.latency,
            null=settings.null,
            two_days=settings.two_days,
        )

    def to_dict(self) -> Json:
        """Return plain JSON types; of the metrics their names."""
        variants = (self.baseline, *self.candidates)
        return {
            "baseline": self.baseline.to_dict(),
            "candidates": [variant.to_dict() for variant in self.candidates],
            "exclusive": [variant.name for variant in variants if variant.exclusive],
            "metrics": sorted(self.metrics),
            "max_errors": self.max_errors,
            "evidence": self.evidence,
            "latency": self.latency,
            "null": self.null,
        }

    @classmethod
    def from_dict(cls, data: Json, metrics: Mapping[str, Metric]) -> Self:
        """Rebuild from `to_dict`, with the metrics that are known here."""

        def variant(told: Json) -> Variant:
            found = Variant.from_dict(told)
            alone = found.name in data["exclusive"]
            return replace(found, launch=Launch(exclusive=True)) if alone else found

        return cls(
            baseline=variant(data["baseline"]),
            candidates=tuple(map(variant, data["candidates"])),
            metrics=metrics,
            **{key: data[key] for key in ("max_errors", "evidence", "latency", "null")},
        )


def candidate_reports(
    tally: _tally.Tally,
    plan: Json,
    terms: Terms,
    *,
    faults: Collection[str] = (),
    noise: Noise | None = None,
    look: tuple[int, int] = (1, 1),
    apart: Collection[str] = (),
) -> list[CandidateReport]:
    """Judge the evidence that there is, by a plan of it.

    ``faults`` say why the evidence as a whole cannot be trusted; ``noise`` is what differs between
    two runs of the baseline; ``look`` is as for `judge`; ``apart`` are candidates that were not
    asked at the same time as the baseline, whatever the clock says of the whole.
    """
    told = told_of(plan)
    budgets = [_tally.budget_from(data) for data in plan.get("budgets", ())]
    reports = []
    for variant in terms.candidates:
        outcomes, measurements = tally.outcomes(variant.name), tally.measurements(variant.name)
        null = variant.name == terms.null
        alike = likeness(
            terms.baseline,
            variant,
            measurements,
            told,
            sources={o.case: o.source for o in outcomes},
            null=null,
        )
        if terms.two_days:
            alike = Likeness(remarks=(*alike.reasons, *alike.remarks))
        remarks = [*alike.remarks, *([noise.sentence()] if noise and null else [])]
        reports.append(
            _judge.judge(
                outcomes,
                budgets,
                variant=variant,
                mishaps=tally.mishaps(variant.name),
                measurements=measurements,
                metrics=terms.metrics,
                planned=plan.get("checks", 0),
                max_errors=terms.max_errors,
                evidence=terms.evidence,
                latency=terms.latency,
                apart=variant.name in apart or (terms.baseline.exclusive and variant.exclusive),
                look=look,
                unselected=[Group(*names) for names in plan.get("unselected", ())],
                incomparable=alike.reasons,
                noise=None if null else noise,
                interrupted=list(faults),
                quantization_note=_note(variant, told.served, plan),
                remarks=remarks,
            )
        )
    return reports


def provenance(
    plan: Json,
    *,
    run: str,
    config: str,
    started: float,
    seconds: float,
    judges: Json,
    fingerprints: Json | None = None,
) -> Json:
    """Return versions, hashes, counts and times; plain JSON types.

    ``run`` is the run's id, which no other run has; ``started`` is in seconds since the epoch;
    ``judges`` is what `_judges.told` says, and ``fingerprints`` what `all_fingerprints` finds.
    """
    job = ci(os.environ)
    return {
        "run": run,
        **({"ci": job} if job else {}),
        "started": started,
        "seconds": seconds,
        "python": platform.python_version(),
        "platform": sys.platform,
        "pytest": pytest.__version__,
        "pytest_quantguard": version("pytest-quantguard"),
        "config": config,
        **({"baseline_given": True} if plan.get("baseline_given") else {}),
        "cases": plan.get("cases", 0),
        "checks": plan.get("checks", 0),
        "budgets": plan.get("budgets", []),
        "left_out": plan.get("left_out", []),
        "golden_hash": plan.get("golden_hash", ""),
        "whole": bool(plan.get("whole", True)) and not plan.get("partial"),
        "policies": plan.get("policies", {}),
        "requests": plan.get("counts", {}),
        "notices": plan.get("notices", []),
        "remarks": plan.get("remarks", []),
        "judges": judges,
        "served_as": plan.get("served_as", {}),
        "probes": plan.get("probes", {}),
        "fingerprints": fingerprints or {},
    }


def told_of(plan: Json) -> Told:
    """Return what a plan, or a report's provenance, says about the servers."""
    served = {
        name: ServedAs(**{**told, "models": tuple(told.get("models", ()))})
        for name, told in plan.get("served_as", {}).items()
    }
    probes = {
        name: {feature: (found[0], found[1]) for feature, found in told.items()}
        for name, told in plan.get("probes", {}).items()
    }
    return Told(served=served, probes=probes)


def all_fingerprints(tally: _tally.Tally, terms: Terms) -> Json:
    """Return each variant's fingerprints, and with how many cases each came."""
    names = [variant.name for variant in terms.candidates]
    found = {name: fingerprints(tally.measurements(name), "candidate") for name in names}
    first = tally.measurements(names[0]) if names else []
    found[terms.baseline.name] = fingerprints(first, "baseline")
    return {name: counts for name, counts in found.items() if counts}


def _note(variant: Variant, served: Mapping[str, ServedAs], plan: Json) -> str:
    if variant.name not in served:
        sent = plan.get("counts", {}).get(variant.name, {}).get("sent", 0)
        return f"not verified: no server {'answered' if sent else 'was asked'}"
    return quantization_note(variant.quantization, served[variant.name])[0]
