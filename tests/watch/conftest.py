"""A watched endpoint for the tests of the command."""

from __future__ import annotations

import pytest
from watched_endpoint import Endpoint, WatchProject

from scripted_server import ScriptedServer


@pytest.fixture
def watched(tmp_path, monkeypatch):
    """Return a project with a scripted endpoint; nothing is blessed yet."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    endpoint = Endpoint()
    with ScriptedServer(default=endpoint) as server:
        yield WatchProject(tmp_path, server, endpoint)
