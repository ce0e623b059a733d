"""Since when: which of today's changes the looks just before it showed, too, and which are new.

An endpoint that changed for good differs from its pin each night until somebody blesses it. Who is
called then has to tell yesterday's change from another one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from pytest_quantguard import stats
from pytest_quantguard._plural import counted
from pytest_quantguard._sanitize import one_line
from pytest_quantguard.watch.behaviour import loss_since
from pytest_quantguard.watch.facts import facts
from pytest_quantguard.watch.levels import lengths
from pytest_quantguard.watch.limits import Evidence
from pytest_quantguard.watch.records import NAMES, WORSE, Answer, Finding, Pin, Told
from pytest_quantguard.watch.series import Series

_FURTHER = 100.0
"""Evidence, as odds, at which golden answers count as worse than those of the looks before: the
gate's own. It only says what is new."""


def dated(
    found: Sequence[Finding], series: Series, limits: Mapping[Evidence, float]
) -> tuple[Finding, ...]:
    """Return findings with `Finding.since`, as far as the looks in a row before today's know it.

    A change counts as the same where today's look is not apart from these looks as well: log-probs
    and texts by how far looks of the pin are apart, facts exactly, lengths and golden answers case
    by case. A look that is as the pin again shows nothing new, however far it is from them.
    """
    if not series.run:
        return tuple(found)
    as_pin = replace(series, pin=series.run, week=())
    again = {one.key for one in (*facts(as_pin), *lengths(as_pin, limits)) if one.changed}
    again |= {one.key for one in found if one.against == "previous" and one.changed}
    again &= {one.key for one in found if _decisive(one) and one.window == "look"}
    again |= {WORSE} if _further_loss(series) else set()
    return tuple(
        replace(one, since=_first_seen(one.key, series))
        if _decisive(one) and one.key not in again
        else one
        for one in found
    )


def _first_seen(key: str, series: Series) -> str:
    """Id of the look that showed a change first; empty where none of the run did."""
    told = (look.told for look in reversed(series.run))
    return next((one.changed[key] for one in told if one and key in one.changed), "")


def _further_loss(series: Series) -> bool:
    """Whether golden answers are worse than those of the looks in a row before today's."""
    log_e = loss_since(series.run, series)
    return log_e is not None and stats.EValue(log_e=log_e).e >= _FURTHER


def told(answer: Answer, found: Sequence[Finding], series: Series, pin: Pin | None) -> Told | None:
    """Return what today's look is remembered to have shown; None where there is no pin."""
    if pin is None:
        return None
    changed = began(found, series, worse=answer is Answer.WORSE)
    shown = answer in (Answer.CHANGED, Answer.WORSE)
    since = {key: since or series.now.id for key, since in changed.items()}
    return Told(answer=answer.value, pin=pin.at, changed=since if shown else {})


def began(found: Sequence[Finding], series: Series, *, worse: bool) -> dict[str, str]:
    """Return `Finding.key` -> id of the look that showed this change first, empty where it is new.

    ``worse``: the golden set's gate fails, which counts as a change of golden answers.
    """
    since: dict[str, str] = {}
    for one in filter(_decisive, found):
        since[one.key] = since.get(one.key) or one.since
    if worse and not since.get(WORSE):
        since[WORSE] = "" if _further_loss(series) else _first_seen(WORSE, series)
    return since


def _decisive(one: Finding) -> bool:
    return one.changed and one.decides and one.able


# --- in words ---------------------------------------------------------------------------


def since_when(found: Sequence[Finding], series: Series, *, worse: bool) -> tuple[str, ...]:
    """Say which of a look's changes are new, and since when the others are there.

    ``worse`` as of `began`.
    """
    if not series.run:
        return _first_time(found, series)
    since = began(found, series, worse=worse)
    first = min(filter(None, since.values()), default="")
    row = counted(len(series.run), "look")
    if all(since.values()):
        week = all(one.window == "week" for one in filter(_decisive, found)) and not worse
        looks = "look" if len(series.run) == 1 else row
        said = f"nothing new: {_WEEK if week else f'as in the {looks} before it'}"
        later = [one for one in since.values() if one != first]
        last = f", what came last in the look {max(later)}" if later else ""
        rest = "it is said in each look until it is gone or blessed"
        return (f"{said}, first seen in the look {first}{last}; {rest}",)
    new = [_about(one) for one in filter(_decisive, found) if not since[one.key]]
    new += [_FAILS] if worse and not since[WORSE] else []
    rest = f"; all else was first seen in the look {first}" if first else ""
    names = ", ".join(dict.fromkeys(new))
    return (f"NEW in this look, after {row} that had changed already: {names}{rest}",)


def gone(series: Series) -> tuple[str, ...]:
    """Say of a look that is as the pin that the ones before it were not."""
    if not series.run:
        return ()
    row = counted(len(series.run), "look")
    last = series.run[-1].id
    return (f"as in the pin again, after {row} that said changed or worse, the last {last}",)


_FAILS = "the golden set's gate fails"
_WEEK = "this look alone is not shown to differ, the last seven days hold looks that did"


def _about(one: Finding) -> str:
    return f"{NAMES[one.kind]}, {one_line(one.quantity, 60)}" if one.quantity else NAMES[one.kind]


def _first_time(found: Sequence[Finding], series: Series) -> tuple[str, ...]:
    """No look before it differed: does it differ from these, too, or did it come bit by bit?"""
    # What nobody wrote down, such as by an older version, may have differed.
    untold = [one.at for one in series.before if one.told is None]
    known = [one for one in series.quiet[-1:] if one.at >= max(untold, default=one.at)]
    first = tuple(f"first seen in this look: the look {one.id} was as the pin" for one in known)
    drifts = [one for one in found if one.kind in ("logprobs", "sampled") and one.able]
    moved = any(one.changed for one in drifts if one.against == "pin")
    before = [one for one in drifts if one.against == "previous"]
    if not moved or not before:
        return first
    if any(one.changed for one in before):
        since = ("it differs from the looks just before it as well: it changed since the last one",)
        return first or since
    return (
        *first,
        "it is not shown to differ from the looks just before it, too: it may have changed "
        "earlier, or bit by bit",
    )
