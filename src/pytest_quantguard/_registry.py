"""What can be chosen by name: checks, providers and reporters, built in or from a conftest.py.

A built-in thing is a line ``"name": "module:attr"`` in its drawer's table and is imported when it
is first asked for.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib
from collections.abc import Iterator, Mapping
from typing import Any

from pytest_quantguard.checks import CHECKS
from pytest_quantguard.contracts import Check
from pytest_quantguard.documents.labels import label_problem
from pytest_quantguard.errors import ConfigError, did_you_mean
from pytest_quantguard.metrics import METRICS
from pytest_quantguard.providers import PROVIDERS
from pytest_quantguard.reporters import REPORTERS
from pytest_quantguard.verdicts import Metric


class UnusableNameError(ConfigError, ValueError):
    """Something cannot be registered under this name; a usage error, not a crash of pytest."""


class Names:
    """One drawer: names that lead to classes."""

    def __init__(self, kind: str, table: Mapping[str, str]) -> None:
        self.kind = kind
        self._things: dict[str, Any] = dict(table)

    def add(self, name: str, thing: Any) -> None:
        """Register a class, or a ``"module:attr"`` string, under a new name.

        Raises:
            UnusableNameError: when the name is taken, or no label: no file could write it.
        """
        if problem := label_problem(f"the name of a {self.kind}", name):
            raise UnusableNameError(problem)
        if name in self._things:
            raise UnusableNameError(f"the {self.kind} {name!r} exists already; choose another name")
        self._things[name] = thing

    def get(self, name: str) -> Any:
        """Return the class, importing it if need be.

        Raises:
            LookupError: with the nearest known name, or why it cannot be imported.
        """
        if name not in self._things:
            raise LookupError(f"unknown {self.kind} {name!r:.80}; {did_you_mean(name[:80], self)}")
        thing = self._things[name]
        if isinstance(thing, str):
            module, _, attr = thing.partition(":")
            try:
                self._things[name] = getattr(importlib.import_module(module), attr)
            except (ImportError, AttributeError, ValueError) as error:
                why = f"the {self.kind} {name!r} cannot be imported from {thing!r}: {error}"
                raise LookupError(why) from error
        return self._things[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._things)


class Registry:
    """What `pytest_quantguard_register` is handed: drawers to add to."""

    def __init__(self) -> None:
        self.checks = Names("check", CHECKS)
        self.providers = Names("provider", PROVIDERS)
        self.metrics = Names("metric", METRICS)
        self.reporters = Names("reporter", REPORTERS)

    def build_check(self, spec: Any) -> Check:
        """Make a check from what stands under ``expect``: a name, or a map of one name.

        Raises:
            LookupError: unknown check.
            ValueError: wrong parameters; the message names them.
        """
        name, given = _split(spec)
        cls = self.checks.get(name)
        if not _is_check(cls):
            raise ValueError(f"{name}: a check is a dataclass that has `key` and `shorthand`")
        known, required = _parameters(cls)
        if not isinstance(given, dict):  # a map is always parameters, so that typos are seen
            if cls.shorthand is None:
                raise ValueError(f"{name}: give its parameters as a map; known: {list(known)}")
            given = {cls.shorthand: given}
        for key in given:
            if key not in known:
                near = did_you_mean(key[:80], known)
                raise ValueError(f"{name}: unknown parameter {key!r:.80}; {near}")
        missing = [key for key in required if key not in given]
        if missing:
            raise ValueError(f"{name}: the parameter {missing[0]!r} is missing")
        try:
            return cls(**given)  # type: ignore[no-any-return]
        except (ValueError, TypeError) as error:
            raise ValueError(f"{name}: {error}") from None


def _is_check(thing: Any) -> bool:
    is_class = isinstance(thing, type) and dataclasses.is_dataclass(thing)
    return is_class and hasattr(thing, "key") and hasattr(thing, "shorthand")


@functools.cache
def _parameters(cls: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names of a check's parameters, and of those that have to be given."""
    fields = [f for f in dataclasses.fields(cls) if f.init]
    required = [
        f.name
        for f in fields
        if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
    ]
    return tuple(f.name for f in fields), tuple(required)


def _split(spec: Any) -> tuple[str, Any]:
    if isinstance(spec, str):
        return spec, {}
    if isinstance(spec, dict) and len(spec) == 1:
        ((name, given),) = spec.items()
        return str(name), {} if given is None else given
    raise ValueError(f"a check is a name or a map of one name, not {spec!r:.80}")


def metrics_of(names: Names) -> dict[str, Metric]:
    """Return every metric of a drawer, ready to read; a drawer holds instances or classes."""
    found = {}
    for name in names:
        thing = names.get(name)
        try:
            metric = thing() if isinstance(thing, type) else thing
            _ = (metric.unit, metric.both_ways, metric.report_only, metric.floor, metric.p_over)
        except Exception as error:
            text = f"the metric {name!r} cannot be used: {type(error).__name__}: {error}"
            raise ConfigError(text) from None
        found[name] = metric
    return found


def built_in_metrics() -> dict[str, Metric]:
    """Return the metrics that come along."""
    return metrics_of(Names("metric", METRICS))
