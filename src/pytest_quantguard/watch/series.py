"""The looks of one endpoint, put in order: the pin's, today's, the last week's, the ones before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pytest_quantguard.types import Json
from pytest_quantguard.watch.records import Look, Pin

DAY_S = 86_400.0
WEEK_S = 7 * DAY_S
WEEK_LOOKS = 7
"""Most looks of one window."""
FEWEST_OF_A_WEEK = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """What today's look is compared with. All looks have the pin's probes and endpoint."""

    pin: tuple[Look, ...]
    """The reference's looks, oldest first."""
    now: Look
    week: tuple[Look, ...]
    """The last look of each of the last seven days, but none of the pin's; today's the last."""
    before: tuple[Look, ...]
    """Looks before today's, the pin's among them, oldest first: at most `WEEK_LOOKS`."""

    @property
    def days_of_pin(self) -> int:
        """How many days the pin's looks were spread over: 1 means that it knows nothing of days."""
        return len({int(look.at // DAY_S) for look in self.pin})


def series(looks: Sequence[Look], now: Look, pin: Pin | None) -> Series:
    """Put an endpoint's looks in order, without those that asked something else than today's.

    ``looks`` are in any order, today's among them or not. Without a pin `Series.pin` is empty.
    A look that is dated later than today's, because a clock was set back, is left out.
    """
    known = {look.id: look for look in looks if comparable(look, now)}
    known.pop(now.id, None)
    ordered = sorted(known.values(), key=lambda look: (look.at, look.id))
    pinned = frozenset(pin.looks) if pin else frozenset()
    earlier = [look for look in ordered if look.at <= now.at and look.answers]
    recent = [look for look in earlier if look.id not in pinned and look.at > now.at - WEEK_S]
    # One look a day, each day's last: looks of one day share its weather, whatever their number.
    days = {int(look.at // DAY_S): look for look in (*recent, now)}
    return Series(
        pin=tuple(look for look in ordered if look.id in pinned and look.answers),
        now=now,
        week=tuple(days[day] for day in sorted(days)[-WEEK_LOOKS:]),
        before=tuple(earlier[-WEEK_LOOKS:]),
    )


def comparable(one: Look, other: Look) -> bool:
    """Tell whether two looks asked the same probes of the same endpoint, as it was configured."""
    return one.probes == other.probes and same_endpoint(one, other)


def same_endpoint(one: Look, other: Look) -> bool:
    """Tell whether two looks were at the same endpoint, whatever was found to be behind it."""

    def asked(look: Look) -> Json:
        found = content(look.identity)
        return {key: value for key, value in look.identity.items() if key not in found}

    return asked(one) == asked(other)


def content(identity: Json) -> Json:
    """Return what of an identity nobody configured: it is that of the file and of the engine.

    A model file of one's own that became another is a change, and no other question.
    """
    keys = ("model", "server") if identity.get("provider") == "llamacpp" else ()
    return {key: identity[key] for key in keys if key in identity}
