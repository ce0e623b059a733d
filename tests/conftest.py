"""Fixtures for the whole suite."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gate_project import GateProject, speaks, truthful
from scripted_server import ScriptedServer

pytest_plugins = ["pytester"]


@pytest.fixture
def project(tmp_path: Path) -> Iterator[GateProject]:
    """Return a project of 60 cases whose two models answer well."""
    with ScriptedServer(default=speaks(truthful)) as server:
        yield GateProject(tmp_path, server)
