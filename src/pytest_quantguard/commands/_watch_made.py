"""What a call of ``quantguard watch`` is to do, and one look that it made."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from pytest_quantguard._ci import ci
from pytest_quantguard.commands._watch_gate import GoldenRun
from pytest_quantguard.engine.limits import Limits
from pytest_quantguard.types import Json
from pytest_quantguard.watch.asking import Asked
from pytest_quantguard.watch.limits import LOOKS_A_YEAR
from pytest_quantguard.watch.records import Look


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the user asked for."""

    golden: bool = True
    """False: the fingerprint alone."""
    paths: tuple[str, ...] = ()
    """Arguments for pytest, which say which golden cases; empty = all there are."""
    limits: Limits = field(default_factory=Limits)
    looks_a_year: int = LOOKS_A_YEAR
    """At least so many looks share a year's rate of false alarms."""
    say: Callable[[str], None] = print
    """Takes lines that are shown while a look is made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A look that was made, with what it takes to judge it."""

    look: Look
    asked: Asked
    golden: GoldenRun
    cost: float | None
    notes: tuple[str, ...] = ()
    """What a reader should know."""
    problems: tuple[str, ...] = ()
    """Why it cannot say that nothing has changed; empty where it can."""

    @property
    def enough(self) -> bool:
        """Whether it is a look at all, and worth keeping."""
        return self.asked.enough


def spent_on(made: Sequence[Made]) -> Json:
    """Return what looks took: ``requests``, ``tokens``, ``cost``; None without a price."""
    costs = [one.cost for one in made if one.cost is not None]
    return {
        "requests": sum(one.look.requests for one in made),
        "tokens": sum(one.look.tokens for one in made),
        "cost": sum(costs) if costs else None,
    }


def provenance(made: Made) -> Json:
    """Return who looked, with what, and what it took."""
    from importlib.metadata import version

    job = ci(os.environ)
    return {
        "pytest_quantguard": version("pytest-quantguard"),
        "mode": made.asked.mode,
        "cost": made.cost,
        "notes": list(made.notes),
        **({"ci": job} if job else {}),
    }
