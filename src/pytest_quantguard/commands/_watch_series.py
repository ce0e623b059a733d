"""The looks that are kept, one after the other: ``quantguard watch ENDPOINT --show``."""

from __future__ import annotations

from pytest_quantguard._screen import Screen
from pytest_quantguard.types import Json
from pytest_quantguard.watch.behaviour import mean_value
from pytest_quantguard.watch.findings import findings
from pytest_quantguard.watch.plain import pin_to
from pytest_quantguard.watch.records import Finding, Look, Pin
from pytest_quantguard.watch.shown import about, series, state
from pytest_quantguard.watch.store import Kept

SHOWN = 30
"""Looks that are compared with the pin once more; of older ones only the numbers are told."""


def lines(kept: Kept, screen: Screen) -> list[str]:
    """Return what the terminal shows: a line for each look, and what is damaged."""
    found = _found(kept)
    told = [(look, _told(look, found.get(look.id, ()), kept.pin)) for look in kept.looks]
    return series(told, kept.pin, screen, kept.problems)


def document(kept: Kept) -> Json:
    """Return the same as plain JSON types."""
    found = _found(kept)
    return {
        "kind": "watch-series",
        "version": 1,
        "pin": None if kept.pin is None else pin_to(kept.pin),
        "problems": list(kept.problems),
        "looks": [_look(look, found.get(look.id, ()), kept) for look in kept.looks],
    }


def _look(look: Look, found: tuple[Finding, ...], kept: Kept) -> Json:
    return {
        "id": look.id,
        "at": look.at,
        "pinned": kept.pin is not None and look.id in kept.pin.looks,
        "probes": look.probes,
        "answers": len(look.answers),
        "failures": len(look.failures),
        "requests": look.requests,
        "tokens": look.tokens,
        "golden": _held(look),
        "answer": look.told.answer if look.told is not None else None,
        "drift": [
            {
                "kind": one.kind,
                "quantity": one.quantity,
                "window": one.window,
                "against": one.against,
                "changed": one.changed,
                "able": one.able,
                "value": one.value,
            }
            for one in found
        ],
    }


def _found(kept: Kept) -> dict[str, tuple[Finding, ...]]:
    """Compare each of the newest looks with the pin, as it was on its day; without the gate."""
    if kept.pin is None:
        return {}
    found, looks, pinned = {}, kept.since_pin(), kept.pinned()
    for number, look in enumerate(looks):
        if number >= len(looks) - SHOWN and look not in pinned:
            before = [one for one in looks[:number] if one not in pinned]
            found[look.id] = findings([*pinned, *before], look, kept.pin, None)
    return found


def _told(look: Look, found: tuple[Finding, ...], pin: Pin | None) -> str:
    """Say in half a line what a look was said to show, and how far it is off the pin."""
    values = [
        f"{about(one)} {one.value:.3g}"
        for one in found
        if one.kind in ("logprobs", "sampled")
        and one.window == "look"
        and one.against == "pin"
        and one.value is not None
    ]
    changed = [f"{about(one)}: {state(one)}" for one in found if one.changed and one.decides]
    held = _held(look)
    golden = [f"golden set {held:.1%}"] if held is not None else []
    lost = [f"{len(look.failures)} kinds of failures"] if look.failures else []
    said = []
    if look.told is not None:
        same = pin is not None and look.told.pin == pin.at
        said = [look.told.answer if same else f"{look.told.answer} against another pin"]
    return "; ".join([*said, *values, *golden, *changed, *lost])


def _held(look: Look) -> float | None:
    """Return the mean value of all checks, in [0, 1]; None without golden answers."""
    return mean_value(look.behaviour) if look.behaviour and look.behaviour.values else None
