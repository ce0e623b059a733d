"""Stopping early: which cases belong to which look, and how processes agree to go on or to stop.

The order of the cases is drawn before anything is asked, from their ids alone, so that the cases
of a look are a fair share of every cohort. A look is judged when all its cases have reported, and
nobody begins with the next one before: the same cases are judged, and the same requests are sent,
however many processes there are.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path

from pytest_quantguard.types import Json

LOOKS = 5
"""Looks at the evidence, equally spaced."""
_POLL_S = 0.02
_PLAN = "plan.json"
_STOP = "stop"


def look_of_cases(
    cohorts: Mapping[str, str], looks: int = LOOKS, *, first: Collection[str] = ()
) -> dict[str, int]:
    """Return case -> look, from 0: each look takes an equal share of each cohort.

    ``cohorts`` is case -> cohort; the cases ``first`` all belong to the first look. The order in a
    cohort is a hash of the case's id: it looks random, is the same in every run, and does not
    change for the others when a case is added.

    >>> sorted(look_of_cases({"a": "x", "b": "x", "c": "y"}, looks=2).values())
    [0, 0, 1]
    """
    members: dict[str, list[str]] = {}
    for case, cohort in cohorts.items():
        if case not in first:
            members.setdefault(cohort, []).append(case)
    return dict.fromkeys(first, 0) | {
        case: place * looks // len(cases)
        for cases in members.values()
        for place, case in enumerate(sorted(cases, key=_draw))
    }


def _draw(case: str) -> str:
    return hashlib.sha256(f"look {case}".encode("utf-8", "surrogatepass")).hexdigest()


class Looks:
    """What all processes of a run know about its looks: files in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._parent = os.getppid()

    def publish(self, plan: Json) -> None:
        """Write down what is going to be asked in which look; before anything runs."""
        path = self.folder / f"{_PLAN}.{os.getpid()}"
        path.write_text(json.dumps(plan), encoding="ascii")
        path.replace(self.folder / _PLAN)

    def plan(self) -> Json:
        """Return what was published."""
        plan: Json = json.loads((self.folder / _PLAN).read_text(encoding="ascii"))
        return plan

    def open(self, look: int) -> None:
        """Let everybody go on to a look."""
        (self.folder / f"look-{look}").touch()

    def stop(self) -> None:
        """Let nobody go on; safe to call at any time."""
        with suppress(OSError):
            (self.folder / _STOP).touch()

    def remove(self) -> None:
        """Stop, and remove the folder; whoever still waits notices that."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def stopped(self) -> bool:
        """Whether `stop` was called."""
        return (self.folder / _STOP).exists() or not self.folder.exists()

    def wait(self, look: int) -> bool:
        """Wait until a look is open; False when the run stops before."""
        while not (self.folder / f"look-{look}").exists():
            orphaned = os.getppid() != self._parent  # whoever would open it is gone
            if self.stopped or orphaned:
                return False
            time.sleep(_POLL_S)
        return not self.stopped
