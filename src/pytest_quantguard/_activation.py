"""Turning the gate on: options and configuration are read, and everything of a run is registered.

Whatever is wrong here is a usage error: nothing has been collected, and nobody was asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from pytest_quantguard import _config, _config_file, _github, _publish
from pytest_quantguard._express import Express
from pytest_quantguard._hooked import FaultRow
from pytest_quantguard._registry import Registry, metrics_of
from pytest_quantguard._run import Run
from pytest_quantguard._session import GateSession
from pytest_quantguard.engine.limits import Limits
from pytest_quantguard.errors import InputError
from pytest_quantguard.tracing.wanted import wanted
from pytest_quantguard.types import Json

if TYPE_CHECKING:
    from pytest_quantguard.verdicts import Metric


def activated(config: pytest.Config) -> GateSession:
    """Return the session of a run, with all that belongs to it registered but itself.

    Raises:
        pytest.UsageError: with all problems found in options, configuration and hooks.
    """
    try:
        session = _begun(config)
    except InputError as error:
        _publish.clear_refused(config)
        _github.tell_refused(config, error.problems)
        raise pytest.UsageError(f"quantguard: {error}") from None
    _register(session)
    return session


def _begun(config: pytest.Config) -> GateSession:
    registry = Registry()
    config.pluginmanager.hook.pytest_quantguard_register.call_historic(
        kwargs={"registry": registry}
    )
    metrics = metrics_of(registry.metrics)
    settings = _settings(config, metrics)
    run = _run_of(config)
    try:
        session = GateSession(config, settings, registry, metrics, run)
        if (along := wanted(config.option, settings.otel)) is not None:
            from pytest_quantguard.tracing import hooks

            hooks.register(session, along)
    except InputError:
        run.end()
        raise
    return session


def _settings(config: pytest.Config, metrics: Mapping[str, Metric]) -> _config.GateConfig:
    """Return what the configuration file says, and above it the options."""
    option = config.option
    given = option.quant_config or config.getini("quant_config") or None
    settings = _config.load(
        _config_file.find(config.rootpath, given, config.invocation_params.dir),
        config.rootpath,
        candidates=option.quant_candidate,
        baseline=option.quant_baseline,
        null=option.quant_null,
        inconclusive=option.quant_inconclusive,
        underpowered=option.quant_underpowered,
        allow_code=option.quant_allow_code,
        sandbox=option.quant_sandbox,
        metrics=metrics,
    )
    settings = replace(settings, limits=settings.limits.narrowed(_limits(option)))
    if (adapt := getattr(option, "quant_adapt", None)) is not None:  # quantguard watch
        adapted: _config.GateConfig = adapt(settings, metrics)
        return adapted
    return settings


def _limits(option: Any) -> Limits:
    """Return the limits that were given as options."""
    found = {name: getattr(option, f"quant_max_{name}") for name in ("requests", "cost", "seconds")}
    return Limits(**found)


def _run_of(config: pytest.Config) -> Run:
    """Begin a run, or join the one that this process is a worker of."""
    worker: Json = getattr(config, "workerinput", {})
    told = worker.get("quantguard_run")
    return Run.begin() if told is None else Run.joined(told, int(worker.get("workercount", 1)))


def _register(session: GateSession) -> None:
    """Register what works beside the session; a worker of pytest-xdist judges nothing."""
    plugins = session.config.pluginmanager
    if not session.in_worker:
        from pytest_quantguard._controller import GateController

        controller = GateController(session)
        plugins.register(controller, "quantguard-controller")
        plugins.register(FaultRow(session.observers), "quantguard-hooks")
        _github.watch(session.config, controller)
    session.python.register(plugins)
    plugins.register(Express(session.config), "quantguard-express")
    if session.cut is not None:
        plugins.register(session.cut, "quantguard-shard")
