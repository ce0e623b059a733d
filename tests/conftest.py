"""Fixtures for the whole suite."""

from __future__ import annotations

import os
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


@pytest.fixture(autouse=True, scope="session")
def _outside_of_any_job() -> Iterator[None]:
    """Let no run of a test write into the summary of the job that tests us."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith("GITHUB_"):
                patch.delenv(name)
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
