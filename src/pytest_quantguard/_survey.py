"""What a run is about to ask and judge, found out before the first request."""

from __future__ import annotations

import glob
import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

import pytest

from pytest_quantguard import _budgets
from pytest_quantguard._auto import LARGEST, propose
from pytest_quantguard._golden import content_hash_parts
from pytest_quantguard._items import CASE, checks_of
from pytest_quantguard._plural import counted
from pytest_quantguard._prior import largest_psi
from pytest_quantguard.contracts import Check
from pytest_quantguard.errors import ConfigError
from pytest_quantguard.types import GoldenCase, Json
from pytest_quantguard.verdicts import Budget, Metric

if TYPE_CHECKING:
    from pytest_quantguard._config import GateConfig

_ADVICE = (
    "UNDECIDABLE: add cases, loosen the budget, or accept it with --quant-underpowered=allow; "
    "'quantguard plan' shows how many cases each budget needs"
)


def chosen(items: Iterable[pytest.Item]) -> list[tuple[GoldenCase, Check]]:
    """Return each case with each of its checks that golden items are about."""
    return [(item.stash[CASE], check) for item in items for check in checks_of(item)]


def census(items: Iterable[pytest.Item]) -> _budgets.Census:
    """Count the cases of golden items: what budgets can select from."""
    found = chosen(items)
    layers = {check.key: getattr(check, "layers", ()) for _, check in found}
    census = _budgets.Census.of(
        (((case.cohort, check.key), case.id, case.tags) for case, check in found),
        {key: names for key, names in layers.items() if names},
    )
    return replace(census, weights={case.id: case.weight for case, _ in found})


class Survey:
    """The selected cases, their budgets, and what is wrong with them."""

    def __init__(
        self,
        selected: Sequence[pytest.Item],
        collected: Sequence[pytest.Item],
        settings: GateConfig,
        metrics: Mapping[str, Metric],
        *,
        partial: bool = False,
    ) -> None:
        """``partial``: paths were given, so that ``collected`` need not be the whole set."""
        self._partial = partial
        self._policies = settings.policies
        self.cases = {item.stash[CASE].id: item.stash[CASE] for item in selected}
        self.census = census(selected)
        self.whole = len(self.cases) == len({item.stash[CASE].id for item in collected})
        """Whether all that was collected is selected."""
        self.wanted: tuple[Budget, ...] = ()
        """Every budget, those that the selection leaves without a case too."""
        self.budgets: tuple[Budget, ...] = ()
        self.problems: list[str] = []
        """Sentences: budgets that select nothing, or leave a cohort without one."""
        self.undecidable: list[str] = []
        self.left_out: tuple[str, ...] = ()
        """Groups that are too small for an automatic budget."""
        self.remarks: list[str] = []
        """Sentences that weaken the answer without being a mistake."""
        if self.census.leaves:
            try:
                self.remarks += _seen_before(self.cases, settings)
                self._choose(collected, settings, metrics)
            except ConfigError as error:
                self.problems += error.problems
        else:
            self.remarks.append(_why_none({item.stash[CASE].id for item in collected}))

    def _choose(
        self,
        collected: Sequence[pytest.Item],
        settings: GateConfig,
        metrics: Mapping[str, Metric],
    ) -> None:
        if settings.budgets is None:
            self._propose(settings)
            return
        # Names are checked against all that was collected: deselected is not misspelt.
        self.wanted = wanted = _budgets.expand(
            settings.budgets, census(collected), partial=self._partial
        )
        self.problems += [
            f"{settings.file}: {text}" for text in _budgets.uncovered(wanted, self.census)
        ]
        found = _budgets.undecidable(wanted, self.census, metrics)
        self.undecidable = [*found, _ADVICE] if found else []
        self.budgets = wanted

    def _propose(self, settings: GateConfig) -> None:
        # The prior, not a noise that was measured here: budgets must not depend on the machine.
        psi = largest_psi(settings.candidates, settings.baseline)
        proposal = propose(self.census, psi)
        self.wanted = self.budgets = proposal.budgets
        self.left_out = proposal.left_out
        if settings.underpowered == "allow" and _budgets.uncovered(self.budgets, self.census):
            # The widest that means anything: such cases hardly pass it, but a loss can break it.
            self.wanted = self.budgets = (Budget(max_drop=LARGEST), *proposal.budgets)
        self.problems += [
            f"{settings.file}: budgets: auto: {text}"
            for text in _budgets.uncovered(self.budgets, self.census)
        ]
        if not self.budgets:
            cases = counted(len(self.cases), "case")
            self.problems.append(f"budgets: auto finds nothing that {cases} could decide")

    def plan(self) -> Json:
        """Return plain JSON types that travel from a worker to the controller."""
        lines = sorted(content_hash_parts(case) for case in self.cases.values())
        return {
            "cases": len(self.cases),
            "driven": sum(case.driven for case in self.cases.values()),
            "checks": sum(map(len, self.census.leaves.values())),
            "cohorts": len({cohort for cohort, _ in self.census.leaves}),
            "budgets": [asdict(budget) for budget in self.budgets],
            "golden_hash": hashlib.sha256("\n".join(lines).encode()).hexdigest(),
            "unselected": [list(b.group) for b in self.budgets if not self.census.cases(b.group)],
            "left_out": list(self.left_out),
            "whole": self.whole,
            "partial": self._partial,
            "policies": self._policies,
            "remarks": self.remarks,
            "problems": [],
        }


def _why_none(collected: Collection[str]) -> str:
    """Say why no golden case is selected; ``collected`` are the ids before -k and -m selected."""
    if collected:
        found = counted(len(collected), "golden case")
        return f"pytest found {found}; -k, -m, --lf or --deselect left none"
    return (
        "pytest found no golden case where it looked; golden files are called *.quant.yaml or "
        "*.quant.jsonl, and 'quantguard init' writes some"
    )


def _seen_before(cases: Mapping[str, GoldenCase], settings: GateConfig) -> list[str]:
    """Say which golden prompts a candidate was calibrated on."""
    if not settings.calibration:
        return []
    from pytest_quantguard.lint._overlap import overlaps

    prompts = {key: case.request.question for key, case in cases.items()}
    found = overlaps(prompts, settings.calibration)
    if not found:
        return []
    first = found[0]
    return [
        f"{len(found)} of {len(prompts)} golden prompts stand in calibration data, first "
        f"{first.key} ({first.place}): the candidate was tuned on them, so that it looks better "
        "than it is; 'quantguard lint' lists them"
    ]


def left_out(config: pytest.Config) -> bool:
    """Tell whether paths were given that do not cover all that a bare ``pytest`` would collect.

    That is ``testpaths`` where the project has them, else the folder of its configuration.
    """
    if config.args_source is not pytest.Config.ArgsSource.ARGS:
        return False
    start, root = config.invocation_params.dir, config.rootpath
    given = [(start / argument).resolve() for argument in config.args if "::" not in argument]
    patterns: list[str] = config.getini("testpaths")
    paths = [p for one in patterns for p in glob.glob(one, root_dir=root, recursive=True)]
    whole = [(root / path).resolve() for path in paths] or [root.resolve()]
    return not all(any(path.is_relative_to(one) for one in given) for path in whole)
