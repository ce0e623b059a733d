"""What tests of providers share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pytest_quantguard.providers import _pages
from scripted_server import ScriptedServer


@pytest.fixture(autouse=True)
def _pages_come_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give a busy machine the time that all pages together take."""
    monkeypatch.setattr(_pages, "ASK_S", 60.0)


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    """Return a server that says what a test tells it to."""
    with ScriptedServer() as server:
        yield server
