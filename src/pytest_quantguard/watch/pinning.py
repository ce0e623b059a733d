"""Which looks become a pin, and how the next look is asked because of it."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence

from pytest_quantguard._ci import ci
from pytest_quantguard._sanitize import one_line
from pytest_quantguard.watch import probes
from pytest_quantguard.watch.behaviour import mean_value
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


def blind(look: Look) -> str:
    """Say why nothing could ever be noticed against a look; empty where something could.

    A broken endpoint may answer, too: with the same words, numbers or nothing to every question.
    """
    known = {answer.probe: (answer.text, answer.top) for answer in look.answers}
    if len(known) > 1 and len(set(known.values())) == 1:
        (text, _) = next(iter(known.values()))
        said = f"by '{one_line(text, 60)}'" if text.strip() else "by an empty text"
        return (
            f"the endpoint answered all {len(known)} probes alike, {said}: it is broken, or "
            "nothing could be told from it"
        )
    if look.behaviour is not None and look.behaviour.values and not mean_value(look.behaviour):
        return (
            "not one golden answer passes a check, so that none could get worse: mend the golden "
            "set or the endpoint, or bless with --no-golden"
        )
    return ""


def lost(before: Look | None, first: Look) -> str:
    """Say that a new pin is worse than the one before it; empty where it is not, or who knows."""
    was, now = before.behaviour if before else None, first.behaviour
    if was is None or now is None or was.golden != now.golden:
        return ""
    fell = mean_value(was) - mean_value(now)
    if fell <= 0:
        return ""
    return (
        f"WORSE THAN THE PIN BEFORE: golden answers were right to {mean_value(was):.1%} and are to "
        f"{mean_value(now):.1%}; from now on that counts as good"
    )
