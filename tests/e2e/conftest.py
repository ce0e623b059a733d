"""The example project, small enough for every test run: 20 cases a cohort, the real server."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from gate_project import GateProject

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder into which the embedded models are written, once for all tests."""
    return tmp_path_factory.mktemp("models")


class HelpdeskProject(GateProject):
    """A copy of examples/helpdesk with the smoke cases and budgets to match."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        shutil.copytree(ROOT / "golden", folder / "golden")
        config = yaml.safe_load((ROOT / "examples/helpdesk/quantguard.yaml").read_text("utf-8"))
        config["budgets"] = [{"max_drop": "5 pt"}, {"cohort": "*", "max_drop": "20 pt"}]
        # The same weights under another name: what differs is nothing but the run.
        config["variants"]["null"] = {**config["variants"]["f16"], "revision": "again"}
        self.data: dict[str, Any] = config
        self.write("quantguard.yaml", yaml.safe_dump(config, sort_keys=False))


@pytest.fixture
def helpdesk(tmp_path: Path, model_folder: Path, monkeypatch: pytest.MonkeyPatch) -> GateProject:
    """Return a fresh project; nothing is cached."""
    monkeypatch.setenv("QUANTGUARD_MODEL_DIR", str(model_folder))
    return HelpdeskProject(tmp_path)
