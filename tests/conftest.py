"""Fixtures for the whole suite."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gate_project import GateProject, speaks, truthful
from scripted_server import ScriptedServer

pytest_plugins = ["pytester"]


@pytest.fixture(autouse=True, scope="session")
def _without_plugins_that_few_need() -> Iterator[None]:
    """Keep pytest-asyncio out of the runs that tests start: it prints what nobody expects."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTEST_ADDOPTS", "-p no:asyncio")
        yield


@pytest.fixture
def pytester(pytester: pytest.Pytester) -> pytest.Pytester:
    """Keep it out of runs inside this process, too."""
    pytester.plugins.append("no:asyncio")
    return pytester


@pytest.fixture
def project(tmp_path: Path) -> Iterator[GateProject]:
    """Return a project of 60 cases whose two models answer well."""
    with ScriptedServer(default=speaks(truthful)) as server:
        yield GateProject(tmp_path, server)
