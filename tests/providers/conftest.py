"""What tests of providers share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from scripted_server import ScriptedServer


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    """Return a server that says what a test tells it to."""
    with ScriptedServer() as server:
        yield server
