"""Hooks that a conftest.py or another plugin may implement. None can change a verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_quantguard._registry import Registry
    from pytest_quantguard.verdicts import GateReport


@pytest.hookspec(historic=True)
def pytest_quantguard_register(registry: Registry) -> None:
    """Add checks, providers or reporters of your own; called once, when a candidate is given.

    Works in any conftest.py, a nested one too::

        def pytest_quantguard_register(registry):
            registry.checks.add("polite", "my_package.checks:Polite")
    """


@pytest.hookspec
def pytest_quantguard_report(report: GateReport) -> None:
    """See the finished report; called once per run, on the controller, after all is judged."""
