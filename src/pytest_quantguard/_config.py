"""``quantguard.yaml``, or ``[tool.quantguard]`` in pyproject.toml, becomes a frozen record."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from pytest_quantguard._config_file import HISTORY, REPORT_FOLDER, document_of
from pytest_quantguard._decide import EvidenceRule
from pytest_quantguard._measures import LatencyRule
from pytest_quantguard._noise import NULL, next_number
from pytest_quantguard._registry import built_in_metrics
from pytest_quantguard._variant_reader import VariantReader
from pytest_quantguard.documents.document import Document
from pytest_quantguard.engine.limits import Limits
from pytest_quantguard.errors import ConfigError, did_you_mean
from pytest_quantguard.types import Json, Source
from pytest_quantguard.variants import Variant
from pytest_quantguard.verdicts import Budget, Metric

_POINTS = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(?:pt|points?|pp)?\Z")
_PERCENT = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*%\Z")
_LIMITS = ("max_drop", "max_rise", "max_shift", "max_ratio")


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeConfig:
    """A model that judges answers."""

    variant: Variant
    """Named ``judge:<name>``, as no variant can be called."""
    max_calls: int = 1000
    """How many of its answers a run may need at most."""
    place: str = ""
    """Where it is written, as ``file:line``."""
    problems: tuple[str, ...] = ()
    """Why it cannot be used here; said only when a check asks for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GateConfig:
    """Everything the user decided about the gate."""

    file: str
    """For messages: relative to pytest's root directory where possible."""
    baseline: Variant
    candidates: tuple[Variant, ...]
    budgets: tuple[Budget, ...] | None
    """None = ``auto``: the tightest ones that the golden set can decide."""
    request: Json
    """Default request parameters of every golden case."""
    inconclusive: Literal["fail", "warn"] = "fail"
    underpowered: Literal["refuse", "allow"] = "refuse"
    evidence: EvidenceRule = "dual"
    latency: LatencyRule = "side-by-side"
    """When times are judged: only where both arms are asked at once, or in turn too."""
    max_errors: float = 0.01
    """Share of a candidate's cases, in [0, 1], that may go without an answer."""
    judges: Mapping[str, JudgeConfig] = field(default_factory=dict)
    """Models that judge answers, by name."""
    allow_code: bool = False
    """Whether checks may run code that a model wrote."""
    sandbox: str | None = None
    """Where it runs; None = the best sandbox that works here."""
    calibration: tuple[Path, ...] = ()
    """Files that a candidate was calibrated on."""
    limits: Limits = field(default_factory=Limits)
    """What a run may use up at most."""
    policy_reason: str = ""
    """Why the policies are what they are, in the user's words."""
    cache_folder: Path
    report_folder: Path
    history: Path | None = None
    """The file that remembers each verdict; None = none does."""
    otel: Json | bool = False
    """What ``otel:`` says: whether the run is traced, and what goes along."""
    null: str | None = None
    """Name of the candidate that is the baseline once more, where there is one."""
    null_number: int = 0
    """Which null run of this baseline it is, from 1; 0 = none."""
    two_days: bool = False
    """True where both arms are one endpoint, asked on two days: what differs is a finding."""
    places: Mapping[str, str] = field(default_factory=dict)
    """Where each chosen variant is written, as ``file:line``."""

    @property
    def variants(self) -> dict[str, Variant]:
        """Baseline first, then the candidates in the order given."""
        return {v.name: v for v in (self.baseline, *self.candidates)}

    @property
    def policies(self) -> Json:
        """What verdicts and the exit code depend on, beside the budgets; plain JSON types."""
        return {
            "budgets": "auto" if self.budgets is None else "written",
            "inconclusive": self.inconclusive,
            "underpowered": self.underpowered,
            "evidence": self.evidence,
            "latency": self.latency,
            "max_errors": self.max_errors,
            "reason": self.policy_reason,
        }

    @property
    def asked(self) -> dict[str, Variant]:
        """Everything that may be asked: the variants, then the judges that can be used."""
        judges = [judge.variant for judge in self.judges.values() if not judge.problems]
        return {**self.variants, **{judge.name: judge for judge in judges}}


def load(
    path: Path,
    root: Path,
    *,
    candidates: Sequence[str],
    metrics: Mapping[str, Metric] | None = None,
    baseline: str | None = None,
    null: bool = False,
    inconclusive: str | None = None,
    underpowered: str | None = None,
    allow_code: bool = False,
    sandbox: str | None = None,
    canary: bool = False,
) -> GateConfig:
    """Read the configuration and choose the arms; ``metrics`` are those that budgets may name, by
    default those that come along. With ``null`` the baseline, asked a second time, is one
    more candidate. With ``canary`` budgets of mirrored traffic count, where there are any.

    Raises:
        ConfigError: with every problem found, each with file:line.
    """
    document = document_of(path, root)
    name = document.name
    reader = _Reader(document, path.parent, built_in_metrics() if metrics is None else metrics)
    arms = reader.arms(baseline, candidates)
    cache_folder = path.parent / document.data.get("cache", ".quantguard/cache")
    number = next_number(cache_folder, arms[0].identity()) if arms is not None and null else 0
    if arms is not None and null:
        again = _again(arms[0], number)
        if again.name in document.data["variants"]:
            reader.problem(("variants", again.name), "--quant-null needs this name for itself")
        arms = (*arms, again)
    own = document.data.get("canary", {}).get("budgets") if canary else None
    section = ("budgets",) if own is None else ("canary", "budgets")
    written = document.data["budgets"] if own is None else own
    budgets = None
    if written != "auto":
        budgets = tuple(reader.budget((*section, i), one) for i, one in enumerate(written))
    policies: Json = document.data.get("policies", {})
    judges = reader.judges()
    code: Json = document.data.get("code", {})
    max_errors = reader.points(policies.get("max_errors", 1), ("policies", "max_errors"))
    if reader.problems or arms is None:
        raise ConfigError(reader.problems)
    return GateConfig(
        file=name,
        baseline=arms[0],
        candidates=arms[1:],
        budgets=budgets,
        request=document.data.get("request", {}),
        inconclusive=inconclusive or policies.get("inconclusive", "fail"),  # type: ignore[arg-type]
        underpowered=underpowered or policies.get("underpowered", "refuse"),  # type: ignore[arg-type]
        evidence=policies.get("evidence", "dual"),
        latency=policies.get("latency", "side-by-side"),
        max_errors=max_errors,
        policy_reason=policies.get("reason", ""),
        otel=document.data.get("otel", False),
        null=arms[-1].name if null else None,
        null_number=number,
        judges=judges,
        limits=Limits(**document.data.get("limits", {})),
        allow_code=allow_code or code.get("allow", False),
        sandbox=sandbox or code.get("sandbox"),
        calibration=tuple(path.parent / name for name in document.data.get("calibration", ())),
        cache_folder=cache_folder,
        report_folder=path.parent / document.data.get("report", REPORT_FOLDER),
        history=_history(document.data, path.parent),
        places={
            arm.name: document.where(("variants", arm.name.removesuffix(f"-{NULL}")))
            for arm in arms
        }
        | {judge.variant.name: judge.place for judge in judges.values()},
    )


def history_of(path: Path, root: Path) -> Path | None:
    """Return the file that remembers each verdict, as a configuration has it; None = none does.

    Raises:
        ConfigError: with every problem of the file's structure, each with file:line.
    """
    return _history(document_of(path, root).data, path.parent)


def _history(data: Json, folder: Path) -> Path | None:
    given = data.get("history", True)
    if given is False:
        return None
    return folder / (HISTORY if given is True else given)


def load_judges(path: Path, root: Path) -> tuple[dict[str, JudgeConfig], Path]:
    """Return the judges and the folder of the cache; variants and budgets are not looked into.

    Raises:
        ConfigError: with every problem of the file's structure, each with file:line.
    """
    document = document_of(path, root)
    judges = _Reader(document, path.parent, {}).judges()
    return judges, path.parent / document.data.get("cache", ".quantguard/cache")


def _again(baseline: Variant, number: int) -> Variant:
    """Return the baseline as a candidate that shares no answer with it, or an earlier null run."""
    revision = f"{baseline.revision or ''} {NULL} {number}".strip()
    return replace(baseline, name=f"{baseline.name}-{NULL}", revision=revision)


class _Reader:
    """Reads one configuration and collects what is wrong with it."""

    def __init__(self, document: Document, folder: Path, metrics: Mapping[str, Metric]) -> None:
        self.document = document
        self.metrics = metrics
        self.data: Json = document.data
        self.problems: list[str] = []
        self.variants = VariantReader(document, folder, self.problems)

    def problem(self, path: tuple[str | int, ...], text: str) -> None:
        self.problems.append(f"{self.document.where(path)}: {text}")

    def arms(self, baseline: str | None, candidates: Sequence[str]) -> tuple[Variant, ...] | None:
        baseline = baseline or self.data.get("baseline")
        if baseline is None:
            self.problem((), "no baseline: name one with 'baseline:' or --quant-baseline")
            return None
        names = (baseline, *dict.fromkeys(candidates))
        known = self.data["variants"]
        for name in names:
            if name not in known:
                role = "baseline" if name == baseline else "candidate"
                place = ("baseline",) if name == self.data.get("baseline") else ("variants",)
                self.problem(place, f"unknown {role} {name!r}; {did_you_mean(name, known)}")
        if baseline in candidates:
            self.problem(
                ("variants", baseline),
                f"{baseline!r} is both baseline and candidate; to measure noise, use --quant-null",
            )
        if self.problems:
            return None
        return tuple(self.variants.read(name, known[name]) for name in names)

    def judges(self) -> dict[str, JudgeConfig]:
        found = {}
        for name, data in self.data.get("judges", {}).items():
            before = len(self.problems)
            variant = self.variants.read(name, data, section="judges")
            found[name] = JudgeConfig(
                variant=replace(variant, name=f"judge:{name}"),
                max_calls=data.get("max_calls", 1000),
                place=self.document.where(("judges", name)),
                problems=tuple(self.problems[before:]),
            )
            del self.problems[before:]  # said only where a check asks for this judge
        return found

    def budget(self, path: tuple[str | int, ...], data: Mapping[str, Any]) -> Budget:
        limit = self.limit(data, path)
        budget = Budget(
            cohort=data.get("cohort"),
            check=data.get("check"),
            tag=data.get("tag"),
            metric=data.get("metric"),
            source=Source(file=self.document.name, line=self.document.line(path)),
            reason=data.get("reason", ""),
        )
        if limit is None:
            return budget
        if limit == "max_ratio":
            return self.feasible(replace(budget, max_ratio=float(data[limit])), (*path, limit))
        percent = _PERCENT.match(str(data[limit]).strip()) if limit == "max_drop" else None
        relative = percent is not None and budget.metric is None
        written = percent[1] if percent is not None and relative else data[limit]
        max_drop = self.points(written, (*path, limit))
        if max_drop in (0, 1):
            hint = "can never be shown to hold" if max_drop == 0 else "allows everything"
            self.problem((*path, limit), f"a budget of {data[limit]} {hint}")
        found = replace(budget, max_drop=max_drop, relative=relative)
        return self.feasible(found, (*path, limit)) if 0 < max_drop < 1 else found

    def feasible(self, budget: Budget, path: tuple[str | int, ...]) -> Budget:
        """Refuse a limit that makes no sense for a metric, in the metric's own words."""
        if budget.metric is not None:
            try:
                floor = self.metrics[budget.metric].floor(budget.max_ratio or budget.max_drop or 0)
                if not isinstance(floor, int):
                    raise ValueError(f"its floor is {floor!r:.40}, no whole number")
            except Exception as error:
                self.problem(path, f"the metric {budget.metric!r}: {error}")
        return budget

    def limit(self, data: Mapping[str, Any], path: tuple[str | int, ...]) -> str | None:
        """Return the one limit of a budget, if it is the one that fits what is limited."""
        metric = data.get("metric")
        wanted = "max_drop"
        if metric is not None:
            if metric not in self.metrics:
                hint = did_you_mean(metric, self.metrics)
                self.problem((*path, "metric"), f"unknown metric {metric!r}; {hint}")
                return None
            wanted = limit_name(self.metrics[metric])
            if "check" in data:
                self.problem((*path, "check"), f"the metric {metric!r} is not measured per check")
            if self.metrics[metric].report_only:
                self.problem((*path, "metric"), f"{metric!r} is reported, but cannot be budgeted")
                return None
        given = [name for name in _LIMITS if name in data]
        if given == [wanted]:
            return wanted
        what = f"the metric {metric!r}" if metric else "a pass rate"
        found = f"not by {' and '.join(map(repr, given))}" if given else "which is missing"
        self.problem(path, f"a budget on {what} is limited by {wanted!r}, {found}")
        return None

    def points(self, value: Any, path: tuple[str | int, ...]) -> float:
        """Percentage points, as ``2``, ``"2 pt"`` or ``2.5``, become a share."""
        match = _POINTS.match(str(value).strip())
        number = float(match[1]) if match else math.nan
        if type(value) is float and 0 < value < 0.1:
            self.problem(path, f"{value!r} alone could be meant as a share; write {value:g} pt")
        if type(value) in (int, float):  # 1e-07 is written without an exponent only as text
            number = value
        if not 0 <= number <= 100:
            self.problem(
                path, f"{value!r} is no number of percentage points; write 0 to 100, such as '2 pt'"
            )
            return math.nan
        return number / 100


def limit_name(metric: Metric) -> str:
    """Return the key under which a metric's limit is written."""
    if metric.unit == "ratio":
        return "max_ratio"
    if metric.key == "reference":
        return "max_drop"
    return "max_shift" if metric.both_ways else "max_rise"
