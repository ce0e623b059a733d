"""A run that asks one shard of its cases (``--quant-shard=2/5``): what is cut off, and when."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Generator, Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pytest

from pytest_quantguard._items import CASE, checks_of
from pytest_quantguard._plural import counted
from pytest_quantguard.errors import ConfigError, ProviderError
from pytest_quantguard.sharding.shards import Shard, selection_hash, shard_of_cases
from pytest_quantguard.types import Json
from pytest_quantguard.variants import Variant

if TYPE_CHECKING:
    from pytest_quantguard._asking import Asking
    from pytest_quantguard._config import GateConfig
    from pytest_quantguard._registry import Registry

_DIGITS = 16
"""Of a digest; enough to tell two settings apart, and no secret is among them."""


class ShardCut:
    """Leaves the items of other shards out, after everybody else has selected.

    What is no golden case is left alone: it runs in every shard.
    """

    def __init__(self, shard: Shard) -> None:
        self.shard = shard
        self.whole: list[pytest.Item] = []
        """The golden items of all shards."""
        self._mine: set[str] = set()

    @classmethod
    def wanted(cls, option: Any) -> ShardCut | None:
        """Return the cut that the options ask for, if any.

        Raises:
            ConfigError: a shard that is none, or that cannot be had together with other options.
        """
        if option.quant_shard is None:
            return None
        shard = Shard.parse(option.quant_shard)
        if option.quant_sequential:
            raise ConfigError(
                "--quant-sequential stops when the verdict of the whole run is decided, and a "
                "shard (--quant-shard) knows only its part; take one of them away"
            )
        return cls(shard)

    # Registered last and called first: what comes after the yield sees what all others selected,
    # --lf too.
    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> Generator[None, None, None]:
        """Deselect the golden items of other shards."""
        yield
        self.whole = [item for item in items if CASE in item.stash]
        cohorts = {item.stash[CASE].id: item.stash[CASE].cohort for item in self.whole}
        shards = shard_of_cases(cohorts, self.shard.of)
        self._mine = {case for case, number in shards.items() if number == self.shard.number}
        others = [item for item in self.whole if item.stash[CASE].id not in self._mine]
        gone = set(map(id, others))
        items[:] = [item for item in items if id(item) not in gone]
        if others:
            config.hook.pytest_deselected(items=others)

    def takes(self, case: str) -> bool:
        """Whether a case is of this shard."""
        return case in self._mine

    def plan(self) -> Json:
        """Return what this shard asks, of what; plain JSON types, in the order of the items."""
        whole = [(i.stash[CASE].id, check.key) for i in self.whole for check in checks_of(i)]
        return {
            "planned": [list(pair) for pair in whole if pair[0] in self._mine],
            "selection": selection_hash(whole),
        }

    def problems(self, items: Iterable[pytest.Item]) -> list[str]:
        """Return why the shard is not what the other machines think it is."""
        left = {id(item) for item in items}
        lost = [
            item
            for item in self.whole
            if item.stash[CASE].id in self._mine and id(item) not in left
        ]
        if not lost:
            return []
        return [
            f"--quant-shard: a plugin deselected {counted(len(lost), 'test')} after the shards "
            f"were drawn, first {lost[0].nodeid}; nobody would ask them: select with -k, -m or "
            "paths"
        ]


def config_digests(settings: GateConfig, registry: Registry, asking: Asking) -> Json:
    """Return key -> digest of everything that decides what is asked and how it is judged.

    Shards that differ in one of the keys are shards of different runs. No setting can be read
    from its digest, and what a variable holds that is only looked up when a server is reached
    (keys, headers) is not among them.
    """
    found: Json = {
        "baseline": settings.baseline.name,
        "variants": [variant.name for variant in settings.candidates],
        "budgets": _plain(settings.budgets),
        "request": settings.request,
        "policies.inconclusive": settings.inconclusive,
        "policies.underpowered": settings.underpowered,
        "policies.evidence": settings.evidence,
        "policies.max_errors": settings.max_errors,
        "policies.latency": settings.latency,
        "code": [settings.allow_code, settings.sandbox],
        "calibration": [path.name for path in settings.calibration],
        "recorded answers": asking.answers is not None,
    }
    for name in ("checks", "metrics", "providers"):
        found[f"registered {name}"] = sorted(getattr(registry, name))
    for variant in settings.variants.values():
        told = _of_variant(f"variants.{variant.name}", variant, asking)
        if variant.name == settings.null:  # how often noise was measured before, on this machine
            del told[f"variants.{variant.name}.revision"]
        found |= told
    for name, judge in settings.judges.items():
        found |= _of_variant(f"judges.{name}", judge.variant, asking)
        found[f"judges.{name}.max_calls"] = judge.max_calls
    return {key: _digest(value) for key, value in found.items()}


def _of_variant(place: str, variant: Variant, asking: Asking) -> Json:
    identity = variant.identity()
    with suppress(KeyError, ProviderError):  # such as a judge that cannot be used here
        identity = asking.providers[variant.name].identity()
    found = {**variant.to_dict(), **identity}
    del found["name"], found["concurrency"]
    if variant.launch is not None:  # a server of its own on each machine, wherever it listens
        found["launch"] = list(variant.launch.command)
        del found["base_url"]
    return {f"{place}.{key}": value for key, value in found.items()}


def _plain(budgets: Iterable[Any] | None) -> list[Json] | None:
    return None if budgets is None else [asdict(budget) for budget in budgets]


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, default=_told)
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]


def _told(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else repr(value)
