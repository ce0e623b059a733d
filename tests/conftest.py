"""Fixtures for the whole suite."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from gate_project import GateProject, speaks, truthful
from scripted_server import ScriptedServer

pytest_plugins = ["pytester"]

OF_JOBS = (
    *("CI", "BUILD_NUMBER", "BUILDKITE", "CIRCLECI", "JENKINS_URL", "TF_BUILD"),
    *("FORCE_COLOR", "NO_COLOR", "PY_COLORS", "PYTEST_XDIST_WORKER", "PYTHONWARNINGS"),
)
"""Variables that change what pytest and we print."""


@pytest.fixture(autouse=True, scope="session")
def _without_plugins_that_few_need() -> Iterator[None]:
    """Keep pytest-asyncio out of the runs that tests start: it prints what nobody expects."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTEST_ADDOPTS", "-p no:asyncio")
        yield


@pytest.fixture(autouse=True, scope="session")
def _outside_of_any_job() -> Iterator[None]:
    """Let no run of a test write into the summary of the job that tests us, or look as it does."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(("GITHUB_", "GITLAB_")) or name in OF_JOBS:
                patch.delenv(name)
        yield


@pytest.fixture(autouse=True, scope="session")
def _garbage_is_looked_for_among_what_tests_make() -> Iterator[None]:
    """Keep thousands of collected tests out of it: each pytest that ends here looks for it."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


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
