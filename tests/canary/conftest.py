"""Fixtures for tests of mirrored traffic."""

from __future__ import annotations

from pathlib import Path

import pytest
from recorded_pairs import Canary


@pytest.fixture
def canary(tmp_path: Path) -> Canary:
    """Return a folder with a configuration of two variants."""
    return Canary(tmp_path)
