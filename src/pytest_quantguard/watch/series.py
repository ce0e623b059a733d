"""The looks of one endpoint, put in order: the pin's, today's, the last week's, the ones before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pytest_quantguard.types import Json
from pytest_quantguard.watch.records import Answer, Look, Pin

DAY_S = 86_400.0
WEEK_S = 7 * DAY_S
WEEK_LOOKS = 7
"""Most looks of one window."""
FEWEST_OF_A_WEEK = 3
QUIET_LOOKS = 30
_SHOWED = (Answer.CHANGED.value, Answer.WORSE.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """What today's look is compared with. All looks have the pin's probes and endpoint."""

    pin: tuple[Look, ...]
    """The reference's looks, oldest first."""
    now: Look
    week: tuple[Look, ...]
    """The last look of each of the last seven days, but none of the pin's; today's the last."""
    before: tuple[Look, ...]
    """Looks before today's, the pin's among them, oldest first: at most `WEEK_LOOKS`. None that was
    said to differ from the pin."""
    run: tuple[Look, ...] = ()
    """The looks just before today's that were all said to differ from this pin, oldest first; what
    could tell nothing is left out."""
    quiet: tuple[Look, ...] = ()
    """Looks before today's that were said to be as this pin, oldest first: so many at most as
    `QUIET_LOOKS`."""

    @property
    def days_of_pin(self) -> int:
        """How many days the pin's looks were spread over: 1 means that it knows nothing of days."""
        return days_of(self.pin)


def days_of(looks: Sequence[Look]) -> int:
    """Return over how many days, in UTC, looks were spread."""
    return len({int(look.at // DAY_S) for look in looks})


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
    after = [look for look in earlier if look.id not in pinned and _told(look, pin)]
    differed = {look.id for look in after if _told(look, pin) in _SHOWED}
    return Series(
        pin=tuple(look for look in ordered if look.id in pinned and look.answers),
        now=now,
        week=tuple(days[day] for day in sorted(days)[-WEEK_LOOKS:]),
        before=tuple([look for look in earlier if look.id not in differed][-WEEK_LOOKS:]),
        run=_run(after, pin),
        quiet=tuple([o for o in after if _told(o, pin) == Answer.UNCHANGED.value][-QUIET_LOOKS:]),
    )


def _told(look: Look, pin: Pin | None) -> str:
    """Return what a look was said to be against this pin; empty where it was another, or none."""
    return look.told.answer if look.told and pin and look.told.pin == pin.at else ""


def _run(after: Sequence[Look], pin: Pin | None) -> tuple[Look, ...]:
    """The last looks in a row that differ; one that could not tell neither adds nor ends."""
    found: list[Look] = []
    for look in reversed(after):
        said = _told(look, pin)
        if said == Answer.UNCHANGED.value:
            break
        if said in _SHOWED:
            found.append(look)
    return tuple(reversed(found))


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
