"""What is remembered of a run: numbers and names, no text of any model."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeGuard

from pytest_quantguard._sanitize import one_line
from pytest_quantguard.errors import InputError
from pytest_quantguard.reporters._words import LABEL_LIMIT, label
from pytest_quantguard.types import Json
from pytest_quantguard.variants import Variant
from pytest_quantguard.verdicts import (
    Budget,
    BudgetVerdict,
    CandidateReport,
    GateReport,
    Group,
    Verdict,
)

_DIGITS = 16
"""Hexadecimal digits of a digest."""
_FINGERPRINTS = 8
"""A server that tells more of them than this tells one per answer: they identify nothing."""
_SERVED = ("model", "quantization", "version", "kv_cache")
_LATEST = 253402300799.0
"""No run began after the year 9999, in seconds since the epoch."""
_IDENTITY = ("provider", "model", "quantization", "revision", "options", "dialect")
"""What makes a variant another one. Its address does not: that differs from machine to machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """A variant as it was in one run."""

    name: str
    model: str
    quantization: str = ""
    revision: str = ""
    digest: str = ""
    """Of everything that makes it another variant, see `_IDENTITY`."""
    served: Mapping[str, str] = field(default_factory=dict)
    """What its server said about itself; what it did not say is not here."""
    fingerprints: tuple[str, ...] = ()
    """Of the server's answers, the most frequent first."""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a run was judged by."""

    budgets: Mapping[Group, Budget]
    policies: Mapping[str, Any]
    """As `GateConfig.policies`; empty where a report does not tell."""

    @property
    def reason(self) -> str:
        """Why the policies are what they are."""
        return str(self.policies.get("reason", ""))

    @property
    def auto(self) -> bool:
        """True when the budgets chose themselves."""
        return self.policies.get("budgets") == "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One candidate of one run."""

    candidate: Arm
    verdict: Verdict
    rows: tuple[BudgetVerdict, ...]
    """One per budget; without cases, reasons and evidence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptRun:
    """One run."""

    id: str
    at: float
    """When it began, in seconds since the epoch."""
    whole: bool
    """False when only a part of the golden cases was asked."""
    golden: str
    """Digest of the golden cases."""
    cases: frozenset[str] | None
    """A digest of each case's cohort and id; None where not every case is known."""
    rules: Rules
    baseline: Arm
    judged: tuple[Judged, ...]
    facts: Mapping[str, Any]
    """Seconds, versions, name of the configuration, number of cases, and what CI said."""

    @property
    def config(self) -> str:
        """Name of the configuration file; empty where it is not known."""
        return str(self.facts.get("config") or "")

    @property
    def course(self) -> tuple[str, str]:
        """The runs that this one is compared with: of one file, and of one baseline.

        The configuration's own baseline has no name here: it may be replaced, which is an entry.
        """
        return self.config, self.baseline.name if self.facts.get("baseline_given") else ""


def of_report(report: GateReport) -> KeptRun:
    """Return what is remembered of a report; pure.

    Raises:
        InputError: the report does not say when its run began.
    """
    told = report.provenance
    at = told.get("started")
    if not _number(at) or not 0 < at < _LATEST:
        raise InputError("the report does not say when its run began ('started')")
    return KeptRun(
        id=_name(told.get("run")) or _id(report),
        at=float(at),
        whole=told.get("whole") is not False,
        golden=_name(told.get("golden_hash")),
        cases=_cases(report),
        rules=_rules(told),
        baseline=_arm(report.baseline, told),
        judged=tuple(_judged(candidate, told) for candidate in report.candidates),
        facts=_facts(told),
    )


def _judged(candidate: CandidateReport, told: Json) -> Judged:
    return Judged(
        candidate=_arm(candidate.variant, told),
        verdict=candidate.verdict,
        rows=tuple(map(_row, filter(_limited, candidate.budgets))),
    )


def _limited(row: BudgetVerdict) -> bool:
    """Tell a budget from the rows that say whether there is any evidence."""
    return row.max_drop is not None or row.max_ratio is not None


def _row(row: BudgetVerdict) -> BudgetVerdict:
    delta = row.delta
    if delta is not None and not (_number(delta.value) and not math.isnan(delta.low + delta.high)):
        delta = None
    if delta is not None:
        delta = replace(delta, best=None, worst=None, resampled=None)
    names = _group(row.cohort, row.check, row.tag, row.metric)
    return replace(
        row, reason="", regressed=(), improved=0, log_evidence=None, delta=delta, **names._asdict()
    )


def _group(*names: str | None) -> Group:
    return Group(*(None if name is None else _label(name) for name in names))


def _label(name: str) -> str:
    """Return a name as reports show it; of two that are cut alike each keeps a name of its own."""
    shown = label(name)
    return shown if len(name) <= LABEL_LIMIT else f"{shown[:80]}-{_digest(name)}"


def _rules(told: Json) -> Rules:
    budgets: dict[Group, Budget] = {}
    for data in _maps(told.get("budgets")):
        names = [data.get(key) for key in Group._fields]
        if not all(name is None or isinstance(name, str) for name in names):
            continue
        group = _group(*names)
        budgets[group] = Budget(
            max_drop=_optional(data.get("max_drop")),
            max_ratio=_optional(data.get("max_ratio")),
            relative=data.get("relative") is True,
            reason=reason_in(data.get("reason")),
            **group._asdict(),
        )
    policies = _map(told.get("policies"))
    known = {
        _label(key): value if _number(value) else _said(value)
        for key, value in policies.items()
        if isinstance(value, str) or _number(value)
    }
    if "reason" in known:
        known["reason"] = reason_in(policies["reason"])
    return Rules(budgets=budgets, policies=known)


def _arm(variant: Variant, told: Json) -> Arm:
    data = variant.to_dict()
    if data["model"].endswith(".gguf"):  # an absolute path, which differs between machines
        data["model"] = data["model"].replace("\\", "/").rsplit("/", 1)[-1]
    served = _map(_map(told.get("served_as")).get(variant.name))
    seen = _map(_map(told.get("fingerprints")).get(variant.name))
    often = sorted(seen, key=lambda key: (-seen[key] if _number(seen[key]) else 0, key))
    return Arm(
        name=_label(variant.name),
        model=_said(data["model"], 200),
        quantization=_said(str(variant.quantization)),
        revision=_said(variant.revision or ""),
        digest=_digest({key: data[key] for key in _IDENTITY}),
        served={key: _said(served[key]) for key in _SERVED if isinstance(served.get(key), str)},
        fingerprints=tuple(map(_said, often)) if len(often) <= _FINGERPRINTS else (),
        reason=reason_in(variant.reason),
    )


def _cases(report: GateReport) -> frozenset[str] | None:
    """Return a digest of each case, where the report has them all."""
    found = {
        (one.cohort, one.case)
        for candidate in report.candidates
        for kind in (candidate.outcomes, candidate.mishaps, candidate.measurements)
        for one in kind
    }
    return case_digests(found, report.provenance.get("cases"))


def case_digests(found: Collection[tuple[str, str]], expected: Any) -> frozenset[str] | None:
    """Return a digest of each cohort and case id; None where these are not all that there are."""
    if not found or len({case for _, case in found}) != expected:
        return None
    return frozenset(_digest(list(pair)) for pair in found)


def _facts(told: Json) -> Json:
    ci = {
        _label(key): _said(value)
        for key, value in _map(told.get("ci")).items()
        if isinstance(value, str)
    }
    versions = ("python", "pytest", "pytest_quantguard", "platform", "config")
    numbers = ("seconds", "cases", "checks")
    return {
        **{key: _said(told[key]) for key in versions if isinstance(told.get(key), str)},
        **{key: told[key] for key in numbers if _number(told.get(key))},
        **({"baseline_given": True} if told.get("baseline_given") is True else {}),
        **({"ci": ci} if ci else {}),
    }


def _id(report: GateReport) -> str:
    """Return an id for a report that has none: always the same for one report."""
    told = report.provenance
    names = [report.baseline.name, *(c.variant.name for c in report.candidates)]
    facts = [told.get(key) for key in ("started", "seconds", "golden_hash", "config")]
    return _digest([*names, *facts], 32)


# --- reading what may be anything ---------------------------------------------------------


def _map(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _maps(value: Any) -> Iterable[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _number(value: Any) -> TypeGuard[int | float]:
    return type(value) in (int, float) and abs(value) < 1e300


def _optional(value: Any) -> float | None:
    return float(value) if _number(value) else None


def _name(value: Any) -> str:
    return one_line(value, 100) if isinstance(value, str) else ""


def _said(value: Any, limit: int = 500) -> str:
    return one_line(value, limit) if isinstance(value, str) else ""


def reason_in(value: Any) -> str:
    """Return a reason as one clean line; empty where nothing is said, as in blanks or dots."""
    said = isinstance(value, str) and any(character.isalnum() for character in value)
    return _said(value.strip()) if said else ""


def _digest(value: Any, digits: int = _DIGITS) -> str:
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:digits]
