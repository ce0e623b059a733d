"""``route.json``: where a router should send the requests of each cohort.

Small, whole or not there at all, and plain ASCII. ``route.schema.json`` describes it, and
docs/routing.md says how to load it. It names variants and models, and no address and no key:
how a model is reached is the router's own configuration.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from pytest_quantguard.errors import QuantGuardError
from pytest_quantguard.reporters._files import write_whole
from pytest_quantguard.reporters._routing import CohortRoute, rollout
from pytest_quantguard.reporters._texts import Texts
from pytest_quantguard.reporters._words import sentence
from pytest_quantguard.types import Json
from pytest_quantguard.variants import Variant
from pytest_quantguard.verdicts import GateReport

FORMAT = "quantguard-routes"
FORMAT_VERSION = 1
"""Raised when a router that knows the older one could be misled."""
_JOB = ("commit", "ref")
_MADE = ("started", "run", *_JOB, "golden_hash", "cases", "whole", "config", "pytest_quantguard")
"""What is told of the run and its CI job, as far as its provenance has it."""


def write(report: GateReport, path: Path, texts: Texts) -> None:
    """Write the routes of a run; ``texts`` are not used, since no model's text is in them.

    Raises:
        QuantGuardError: when the file cannot be written, or the report holds what JSON cannot say;
            names the path.
    """
    try:
        text = json.dumps(to_json(report), allow_nan=False, indent=2)
    except (TypeError, ValueError, RecursionError) as error:
        raise QuantGuardError(f"{path}: these routes are no JSON: {error}") from error
    write_whole(path, text.encode("ascii") + b"\n")


def to_json(report: GateReport) -> Json:
    """Return the routes of a run as plain JSON types."""
    found = rollout(report)
    variants = {one.variant.name: one.variant for one in report.candidates}
    variants[report.baseline.name] = report.baseline
    verdicts = {one.variant.name: one.verdict.value for one in report.candidates}
    return {
        "format": FORMAT,
        "version": FORMAT_VERSION,
        "made": _made(report.provenance),
        "verdict": report.verdict.value,
        "advice": found.advice,
        "sentence": found.sentence,
        "baseline": report.baseline.name,
        "default": report.baseline.name,
        "candidates": list(found.candidates),
        "cheapest_by": found.cheapest_by,
        "routes": {route.cohort: _route(route, variants) for route in found.routes},
        "variants": {
            name: _variant(variants[name], verdicts.get(name))
            for name in (report.baseline.name, *found.candidates)
        },
    }


def _route(route: CohortRoute, variants: dict[str, Variant]) -> Json:
    return {
        "to": route.to,
        "variant": route.variant,
        "model": variants[route.variant].model,
        "mirror": list(route.mirrored),
        "safe": list(route.safe),
        "reason": route.reason,
        "settle": route.settle,
    }


def _variant(variant: Variant, verdict: str | None) -> Json:
    return {
        "model": variant.model,
        "provider": variant.provider,
        "revision": variant.revision,
        "quantization": asdict(variant.quantization),
        "verdict": verdict,
    }


def _made(provenance: Json) -> Json:
    """Return what tells this run from others; numbers as they are, texts clean."""
    job = provenance.get("ci")
    known = {**provenance, **({key: job.get(key) for key in _JOB} if isinstance(job, dict) else {})}
    found = {key: known[key] for key in _MADE if isinstance(known.get(key), str | int | float)}
    return {k: sentence(value) if isinstance(value, str) else value for k, value in found.items()}
