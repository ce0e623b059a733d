"""How fast it is and how long its answers are, against the pin.

Speed is told and decides nothing: a busy night makes an API slow and changes no weights. Lengths
decide: the same questions, answered at another length, are answered by something else.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median

from pytest_quantguard import stats
from pytest_quantguard._plural import counted
from pytest_quantguard.watch import predictive
from pytest_quantguard.watch.limits import Evidence
from pytest_quantguard.watch.probes import FEWEST_LOOKS
from pytest_quantguard.watch.records import Finding, Look, Window
from pytest_quantguard.watch.series import FEWEST_OF_A_WEEK, Series, days_of

TTFT, TOKENS_PER_SECOND = "ttft", "tokens per second"

_ASSUMED_SPEED = 0.15
"""Standard deviation of a level's logarithm from night to night, assumed beforehand."""
_ASSUMED_ALONE = 0.2
"""The same where few pinned looks have speeds, or all are of one day: the first one may have met a
cold server, and none of them another day's load."""
_ASSUMED_LENGTH = 0.01
"""The same of the mean logarithm of the answers' lengths."""

Numbers = Callable[[Look], Mapping[str, float]]
"""A number above 0 of each golden case that has one."""


# --- golden cases, each against itself --------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Paired:
    """Numbers of golden cases in some looks over those of the same cases in the pin."""

    cases: int
    above: int
    """Cases whose number grew."""
    ratio: float
    """Geometric mean over the cases; 1 where there is none."""
    p: float
    """The larger one of two: Student's t over the cases, and over the looks."""


def _paired(
    pin: Sequence[Look], looks: Sequence[Look], numbers: Numbers, assumed: float
) -> _Paired:
    before, after = _mean_logarithms(pin, numbers), _mean_logarithms(looks, numbers)
    cases = [case for case in before if case in after]
    logs = [after[case] - before[case] for case in cases]
    mean = math.fsum(logs) / len(logs) if logs else 0.0
    return _Paired(
        cases=len(cases),
        above=sum(one > 0 for one in logs),
        ratio=math.exp(mean),
        p=max(_over_cases(logs), _over_looks(pin, mean, len(looks), numbers, assumed)),
    )


def _mean_logarithms(looks: Sequence[Look], numbers: Numbers) -> dict[str, float]:
    """Mean logarithm of each case's number, over the looks that have it."""
    found: dict[str, list[float]] = {}
    for look in looks:
        for case, number in numbers(look).items():
            found.setdefault(case, []).append(math.log(number))
    return {case: math.fsum(values) / len(values) for case, values in found.items()}


def _over_cases(logs: Sequence[float]) -> float:
    """Chance of so large a mean, either way, if the cases' logarithms are 0 on average."""
    if len(logs) < stats.MEAN_FLOOR:
        return 1.0
    ones, ratios = [1.0] * len(logs), [math.exp(one) for one in logs]
    sides: tuple[stats.Side, ...] = ("above", "below")
    return min(1.0, 2 * min(stats.mean_log_ratio_p(ones, ratios, 1.0, side=s) for s in sides))


def _over_looks(
    pin: Sequence[Look], mean: float, looks: int, numbers: Numbers, assumed: float
) -> float:
    """The same, by how far the pin's own looks are apart, each against the others.

    One look alone knows nothing of that: then there is only what is assumed beforehand.
    """
    own = []
    for look in pin:
        others = _mean_logarithms([other for other in pin if other is not look], numbers)
        mine = _mean_logarithms([look], numbers)
        shared = [case for case in mine if case in others]
        if shared:
            own.append(math.fsum(mine[case] - others[case] for case in shared) / len(shared))
    usual = predictive.spread(own or [0.0], assumed=assumed, mean=0.0)
    return usual.p_apart(mean, predictive.nights(looks))


def _having(looks: Sequence[Look], series: Series, numbers: Numbers) -> list[Look]:
    """Return looks at today's golden set that have such numbers."""
    now = series.now.behaviour
    return [
        look
        for look in looks
        if look.behaviour and now and look.behaviour.golden == now.golden and numbers(look)
    ]


def _tokens(look: Look) -> Mapping[str, float]:
    counts = look.behaviour.tokens if look.behaviour else {}
    return {case: float(count) for case, count in counts.items() if count > 0}


def _speeds(look: Look) -> Mapping[str, float]:
    speeds = look.behaviour.speeds if look.behaviour else {}
    return {case: speed for case, speed in speeds.items() if speed > 0}


# --- speed ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Speed:
    quantity: str
    values: Callable[[Look], list[float]]
    words: str
    unit: str


def _first_tokens(look: Look) -> list[float]:
    return [answer.ttft_s for answer in look.answers if answer.ttft_s]


def _probe_speeds(look: Look) -> list[float]:
    """Of probes that were answered by more than one token."""
    found = []
    for answer in look.answers:
        writing = answer.latency_s - (answer.ttft_s or 0.0)
        if (answer.completion_tokens or 0) > 1 and answer.ttft_s and writing > 0:
            found.append(((answer.completion_tokens or 0) - 1) / writing)
    return found


_FIRST = _Speed(quantity=TTFT, values=_first_tokens, words="time to first token", unit="s")
_WRITING = _Speed(
    quantity=TOKENS_PER_SECOND,
    values=_probe_speeds,
    words="writing speed of probes",
    unit="tokens a second",
)


def speed(series: Series, limits: Mapping[Evidence, float]) -> tuple[Finding, ...]:
    """Compare today's speeds with the pin's; they are told, and name what else has changed.

    `Finding.value` is the ratio today / pin: of times above 1 is slower, of speeds it is faster.
    The writing speed is that of golden answers, each case against itself in the pin and in the
    looks since then that were as the pin: one pinned look is enough, and knows less. Where there
    are none, it is that of probes.
    """
    first = _levels(_FIRST, series, limits)
    writing = _golden_speeds(series, limits) or _levels(_WRITING, series, limits)
    return tuple(finding for finding in (first, writing) if finding is not None)


def _told(quantity: str, limits: Mapping[Evidence, float]) -> Finding:
    limit = limits[Evidence("speed", quantity, "look")]
    return Finding(kind="speed", quantity=quantity, decides=False, limit=limit)


def _assumed(known: Sequence[object], days: int) -> float:
    """Return the spread to assume: by how many looks have speeds, and of how many days."""
    alone = len(known) < FEWEST_LOOKS or days == 1
    return _ASSUMED_ALONE if alone else _ASSUMED_SPEED


def _golden_speeds(series: Series, limits: Mapping[Evidence, float]) -> Finding | None:
    pin, quiet, now = (
        _having(looks, series, _speeds) for looks in (series.pin, series.quiet, [series.now])
    )
    if not pin or not now:
        return None
    # Nights that were as the pin know how far nights differ; a pin of one minute does not.
    base = [*pin, *quiet]
    found = _paired(base, now, _speeds, _assumed(base, days_of(base)))
    if found.cases < stats.MEAN_FLOOR:
        return None
    others = f" and {len(quiet)} that were as it" if quiet else ""
    sentence = (
        f"golden answers are written x{found.ratio:.2f} as fast as in the pin (geometric mean of "
        f"{counted(found.cases, 'case')}, {found.above} of them faster; "
        f"{counted(len(pin), 'look')} of the pin{others} to compare with)"
    )
    told = _told(TOKENS_PER_SECOND, limits)
    changed = found.p <= (told.limit or 0.0)
    return replace(told, changed=changed, p=found.p, value=found.ratio, sentence=sentence)


def _levels(kind: _Speed, series: Series, limits: Mapping[Evidence, float]) -> Finding | None:
    """Student's t on the logarithms of the looks' medians."""
    known = [_log_median(kind, look) for look in series.pin]
    past = [value for value in known if value is not None]
    now = _log_median(kind, series.now)
    if now is None or not past:
        return None
    usual = predictive.spread(past, assumed=_assumed(past, series.days_of_pin))
    ratio = math.exp(now - usual.mean)
    sentence = (
        f"{kind.words} is {math.exp(now):.3g} {kind.unit} (median), "
        f"{math.exp(usual.mean):.3g} in the pin: x{ratio:.2f}"
    )
    told, p = _told(kind.quantity, limits), usual.p_apart(now)
    return replace(told, changed=p <= (told.limit or 0.0), p=p, value=ratio, sentence=sentence)


def _log_median(kind: _Speed, look: Look) -> float | None:
    values = kind.values(look)
    return math.log(median(values)) if values else None


# --- lengths ----------------------------------------------------------------------------


def lengths(series: Series, limits: Mapping[Evidence, float]) -> tuple[Finding, ...]:
    """Compare the lengths of golden answers, case by case, with the pin's looks.

    `Finding.value` is the mean ratio today / pin (geometric). p is the larger one of two: Student's
    t over the cases, and over the looks.
    """
    pin, now = (_having(looks, series, _tokens) for looks in (series.pin, [series.now]))
    if not pin or not now:
        return ()
    found = _lengths(pin, now, "look", limits)
    week = _having(series.week, series, _tokens)
    if len(week) < FEWEST_OF_A_WEEK:
        return (found,)
    return (found, _lengths(pin, week, "week", limits))


def _lengths(
    pin: Sequence[Look], looks: Sequence[Look], window: Window, limits: Mapping[Evidence, float]
) -> Finding:
    found = _paired(pin, looks, _tokens, _ASSUMED_LENGTH)
    limit = limits[Evidence("lengths", "", window)]
    blank = Finding(kind="lengths", window=window, limit=limit)
    if found.cases < stats.MEAN_FLOOR:
        short = counted(found.cases, "case")
        sentence = f"lengths: {short} answered in both; {stats.MEAN_FLOOR} are needed"
        return replace(blank, able=False, sentence=sentence)
    when = "over the last seven days " if window == "week" else ""
    sentence = (
        f"{when}answers are x{found.ratio:.3f} as long as in the pin (geometric mean of "
        f"{counted(found.cases, 'case')})"
    )
    changed = found.p <= limit
    return replace(blank, changed=changed, p=found.p, value=found.ratio, sentence=sentence)
