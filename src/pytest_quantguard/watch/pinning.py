"""Which looks become a pin, and how the next look is asked because of it."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence

from pytest_quantguard._ci import ci
from pytest_quantguard.watch import probes
from pytest_quantguard.watch.records import Look, Pin
from pytest_quantguard.watch.store import Kept


def pin_of(looks: Sequence[Look], reason: str) -> Pin:
    """Return a pin of these looks; the first is the newest one that has golden answers."""
    ranked = sorted(looks, key=lambda look: (look.behaviour is not None, look.at), reverse=True)
    job = ci(os.environ)
    who = " ".join(job[key] for key in ("commit", "url") if job.get(key))
    return Pin(looks=tuple(look.id for look in ranked), reason=reason, at=time.time(), of=who)


def mode_of_past(kept: Kept) -> probes.Mode | None:
    """Return how the pin was asked, or the newest look: looks are compared with their like."""
    for look in (*kept.pinned(), *reversed(kept.looks)):
        if mode := probes.mode_of(look.probes):
            return mode
    return None
