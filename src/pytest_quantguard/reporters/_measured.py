"""What was measured, as plain JSON and back: what is not known is left out."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict, fields
from typing import Any

from pytest_quantguard.pairs import Divergence, Measurement, PairedMeasurement
from pytest_quantguard.types import Json
from pytest_quantguard.verdicts import Delta, Group, Reading


def delta_to(delta: Delta | None) -> Json | None:
    """Return a delta; an upper end without bound is null, since JSON has no infinity."""
    if delta is None:
        return None
    found = asdict(delta)
    if delta.resampled is None:
        del found["resampled"]
    return {**found, "high": None} if delta.high == math.inf else found


def delta_from(data: Json | None) -> Delta | None:
    """Rebuild from `delta_to`."""
    if not data:
        return None
    high = math.inf if data["high"] is None else data["high"]
    ends = data.get("resampled")
    return Delta(**{**data, "high": high, "resampled": (ends[0], ends[1]) if ends else None})


def reading_to(reading: Reading) -> Json:
    """Return what a metric found."""
    found = asdict(reading)
    return {**found, "group": reading.group._asdict(), "delta": delta_to(reading.delta)}


def reading_from(data: Json) -> Reading:
    """Rebuild from `reading_to`."""
    group, delta = Group(**data["group"]), delta_from(data["delta"])
    return Reading(**{**data, "group": group, "delta": delta})


def measurement_to(measured: PairedMeasurement, candidate: str) -> Json:
    """Return one case; the name of the ``candidate`` whose it is need not be repeated."""
    found: Json = {"case": measured.case, "cohort": measured.cohort}
    if measured.variant != candidate:
        found["variant"] = measured.variant
    for role in ("baseline", "candidate"):
        found[role] = _known(getattr(measured, role))
    if measured.weight != 1:
        found["weight"] = measured.weight
    if measured.tags:
        found["tags"] = list(measured.tags)
    if measured.same:
        found["same"] = True
    divergence = asdict(measured.divergence) if measured.divergence else {}
    if divergence and _finite(divergence.values()):
        found["divergence"] = divergence
    return found


def measurement_from(data: Json, candidate: str) -> PairedMeasurement:
    """Rebuild from `measurement_to`."""
    found = data.get("divergence")
    return PairedMeasurement(
        variant=data.get("variant", candidate),
        case=data["case"],
        cohort=data["cohort"],
        baseline=Measurement.from_dict(data["baseline"]),
        candidate=Measurement.from_dict(data["candidate"]),
        weight=data.get("weight", 1.0),
        tags=tuple(data.get("tags", ())),
        divergence=Divergence(**found) if found else None,
        same=data.get("same", False),
    )


def _known(arm: Measurement) -> Json:
    """Leave out what says nothing; a number that is none is not known either."""
    return {
        name: value
        for name, default in _DEFAULTS.items()
        if (value := getattr(arm, name)) != default
        and not (isinstance(value, float) and not math.isfinite(value))
    }


_DEFAULTS = {field.name: field.default for field in fields(Measurement)}


def _finite(values: Iterable[Any]) -> bool:
    return all(math.isfinite(value) for value in values if isinstance(value, float))
