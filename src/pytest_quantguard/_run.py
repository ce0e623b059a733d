"""What all processes of one run share: its id, and a folder in which they agree on things."""

from __future__ import annotations

import shutil
import tempfile
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from pytest_quantguard.types import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run, which may have several processes."""

    id: str
    """No other run has it; what was asked in this run carries it (`Completion.asked_in`)."""
    started: float
    """When it began, in seconds since the epoch; for people, not for decisions: clocks jump."""
    folder: Path
    """Lasts as long as the run; each part that coordinates processes has a subfolder of it."""
    processes: int = 1
    """How many processes run tests."""
    began: float = field(default_factory=time.monotonic, compare=False)
    """When this process began or joined it, on its monotonic clock."""

    @property
    def seconds(self) -> float:
        """How long it has been going on in this process, in seconds; no clock can change it."""
        return time.monotonic() - self.began

    @classmethod
    def begin(cls) -> Self:
        """Begin a run; the folder is removed by `end`."""
        folder = Path(tempfile.mkdtemp(prefix="quantguard-run-"))
        return cls(id=uuid.uuid4().hex, started=time.time(), folder=folder)

    @classmethod
    def joined(cls, told: Json, processes: int) -> Self:
        """Return the run that another process has begun, from its `told`."""
        started, folder = float(told["started"]), Path(told["folder"])
        return cls(id=told["id"], started=started, folder=folder, processes=processes)

    def told(self) -> Json:
        """Return plain JSON types, for a process that joins."""
        return {"id": self.id, "started": self.started, "folder": str(self.folder)}

    def part(self, name: str) -> Path:
        """Return a subfolder, made if need be."""
        path = self.folder / name
        path.mkdir(parents=True, exist_ok=True)
        return path

    def end(self) -> None:
        """Remove the folder; safe to call twice. Only who began the run does so."""
        shutil.rmtree(self.folder, ignore_errors=True)
