"""The looks of one endpoint, put in order: the pin's, today's, the last week's, the ones before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pytest_quantguard.watch.records import Look, Pin

DAY_S = 86_400.0
WEEK_S = 7 * DAY_S
WEEK_LOOKS = 7
"""Most looks of one window: somebody may look more often than once a day."""
FEWEST_OF_A_WEEK = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """What today's look is compared with. All looks have the pin's probes and endpoint."""

    pin: tuple[Look, ...]
    """The reference's looks, oldest first."""
    now: Look
    week: tuple[Look, ...]
    """Looks of the last seven days that are not the pin's, oldest first, today's the last."""
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
    return Series(
        pin=tuple(look for look in ordered if look.id in pinned and look.answers),
        now=now,
        week=(*recent[-(WEEK_LOOKS - 1) :], now),
        before=tuple(earlier[-WEEK_LOOKS:]),
    )


def comparable(one: Look, other: Look) -> bool:
    """Tell whether two looks asked the same probes of the same endpoint, as it was configured."""
    return one.probes == other.probes and one.identity == other.identity
