"""A watched endpoint for the tests of the command: blessed once, looked at many times."""

from __future__ import annotations

import shutil

import pytest
from watched_endpoint import Endpoint, WatchProject

from scripted_server import ScriptedServer


@pytest.fixture(scope="module")
def served():
    """Return a scripted endpoint and its server, which all tests of a module share."""
    endpoint = Endpoint()
    with ScriptedServer(default=endpoint) as server:
        yield endpoint, server


@pytest.fixture
def watched(tmp_path, monkeypatch, served):
    """Return a project with a scripted endpoint; nothing is blessed yet."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    endpoint, server = served
    vars(endpoint).update(vars(Endpoint()))
    return WatchProject(tmp_path, server, endpoint)


@pytest.fixture(scope="module")
def good_day(tmp_path_factory, served):
    """Return the folder of a project that was blessed, with golden cases."""
    endpoint, server = served
    vars(endpoint).update(vars(Endpoint()))
    folder = tmp_path_factory.mktemp("blessed")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        WatchProject(folder, server, endpoint).bless()
    return folder


@pytest.fixture
def blessed(good_day, watched):
    """Return a project that was blessed; its past is a copy that may be spoilt."""
    shutil.copytree(good_day / ".quantguard", watched.folder / ".quantguard")
    return watched
