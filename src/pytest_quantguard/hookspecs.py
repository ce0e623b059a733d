"""Hooks that a conftest.py or another plugin may implement. None can change a verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_quantguard._registry import Registry
    from pytest_quantguard.types import Completion, CompletionRequest, GoldenCase
    from pytest_quantguard.variants import Variant
    from pytest_quantguard.verdicts import GateReport


@pytest.hookspec(historic=True)
def pytest_quantguard_register(registry: Registry) -> None:
    """Add checks, providers or reporters of your own; called once, when a candidate is given.

    Works in any conftest.py, a nested one too::

        def pytest_quantguard_register(registry):
            registry.checks.add("polite", "my_package.checks:Polite")
    """


@pytest.hookspec(firstresult=True)
def pytest_quantguard_request(
    request: CompletionRequest, case: GoldenCase
) -> CompletionRequest | None:
    """Change what a case asks, for every variant alike; called once per case, while collecting.

    The first request that is returned is taken; None leaves it as it is. The cache, the plan and
    the golden set's hash know the changed one alone. Of a test that asks for itself, turn by turn,
    it is shown what each turn begins with: parameters and tools, no messages. With pytest-xdist
    each process calls it, so it has to give the same every time: where it does not, the run is an
    ERROR, as its processes asked different things.
    """


@pytest.hookspec
def pytest_quantguard_completion(
    case: GoldenCase, variant: Variant, completion: Completion
) -> None:
    """See an answer, from a server or from the cache, before it is judged.

    Called for each answer of each variant to a case, once (with pytest-xdist once per process at
    most); not for the further runs of a critical case. What it returns is not looked at. When it
    raises, no evidence is lost and the verdicts stand, but the run fails with a row of its own.
    """


@pytest.hookspec
def pytest_quantguard_report(report: GateReport) -> None:
    """See the finished report; called once per run, on the controller, after all is judged."""
