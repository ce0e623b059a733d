"""The history as plain JSON types, for other programs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict

from pytest_quantguard.history.changes import Change
from pytest_quantguard.history.differences import Point
from pytest_quantguard.history.keeping import Spot
from pytest_quantguard.history.records import Arm
from pytest_quantguard.history.view import View
from pytest_quantguard.types import Json
from pytest_quantguard.verdicts import Group

VERSION = 1
"""Raised when something is taken away or means something else; more may come at any time."""


def to_json(views: Sequence[View]) -> Json:
    """Return what the text shows: per candidate its runs with their budgets, and the changes."""
    return {"version": VERSION, "candidates": [_view(view) for view in views]}


def _view(view: View) -> Json:
    rows: dict[str, list[Json]] = {point.run.id: [] for point in view.points}
    for group, spots in view.spots.items():
        for spot in spots:
            rows[spot.run].append(_spot(group, spot))
    return {
        "candidate": view.candidate,
        "baseline": view.baseline,
        "older_runs": view.older,
        "runs": [_point(point, rows[point.run.id]) for point in view.points],
        "changes": [_change(change) for change in view.changes],
    }


def _point(point: Point, rows: list[Json]) -> Json:
    run = point.run
    return {
        "run": run.id,
        "started": run.at,
        "whole": run.whole,
        "verdict": point.judged.verdict.value,
        "golden_hash": run.golden,
        "baseline": _arm(run.baseline),
        "candidate": _arm(point.judged.candidate),
        "policies": dict(run.rules.policies),
        "facts": dict(run.facts),
        "budgets": rows,
    }


def _arm(arm: Arm) -> Json:
    return {**asdict(arm), "fingerprints": list(arm.fingerprints)}


def _spot(group: Group, spot: Spot) -> Json:
    row = spot.row(group)
    delta = row.delta
    return {
        **group._asdict(),
        "verdict": row.verdict.value,
        "max_drop": row.max_drop,
        "max_ratio": row.max_ratio,
        "relative": row.relative,
        "unit": delta.unit if delta else None,
        "delta": _finite(spot.value),
        "low": _finite(spot.low),
        "high": _finite(spot.high),
        "cases": row.cases,
        "baseline_rate": _finite(spot.baseline),
        "candidate_rate": _finite(spot.candidate),
        "noise": _finite(spot.noise),
    }


def _finite(value: float | None) -> float | None:
    """Return null for an end without bound: JSON has no infinity."""
    return value if value is None or math.isfinite(value) else None


def _change(change: Change) -> Json:
    return {
        "entry": change.id,
        "run": change.run,
        "started": change.at,
        "kind": change.kind,
        "text": change.text,
        "reason": change.reason,
        "looser": change.looser,
        "budgets": [group._asdict() for group in change.groups],
    }
