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
from pytest_quantguard.watch.series import FEWEST_OF_A_WEEK, Series

TTFT, TOKENS_PER_SECOND = "ttft", "tokens per second"

_ASSUMED_SPEED = 0.1
"""Standard deviation of a level's logarithm from night to night, assumed beforehand."""
_ASSUMED_LENGTH = 0.01
"""The same of the mean logarithm of the answers' lengths."""


# --- speed ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Speed:
    quantity: str
    values: Callable[[Look], list[float]]
    words: str
    unit: str


def _first_tokens(look: Look) -> list[float]:
    return [answer.ttft_s for answer in look.answers if answer.ttft_s]


def _golden_speeds(look: Look) -> list[float]:
    speeds = look.behaviour.speeds if look.behaviour else {}
    return [speed for speed in speeds.values() if speed > 0]


def _probe_speeds(look: Look) -> list[float]:
    """Of probes that were answered by more than one token."""
    found = []
    for answer in look.answers:
        writing = answer.latency_s - (answer.ttft_s or 0.0)
        if (answer.completion_tokens or 0) > 1 and answer.ttft_s and writing > 0:
            found.append(((answer.completion_tokens or 0) - 1) / writing)
    return found


_SPEEDS = (
    _Speed(quantity=TTFT, values=_first_tokens, words="time to first token", unit="s"),
    _Speed(
        quantity=TOKENS_PER_SECOND,
        values=_golden_speeds,
        words="writing speed of golden answers",
        unit="tokens a second",
    ),
    _Speed(
        quantity=TOKENS_PER_SECOND,
        values=_probe_speeds,
        words="writing speed of probes",
        unit="tokens a second",
    ),
)


def speed(series: Series, limits: Mapping[Evidence, float]) -> tuple[Finding, ...]:
    """Compare the median of today's look with the pin's medians: Student's t on logarithms.

    `Finding.value` is the ratio today / pin: of times above 1 is slower, of speeds it is faster.
    Golden answers tell the writing speed where the pin has some, being longer; else the probes do.
    """
    found = [
        _speed(kind, series, limits[Evidence("speed", kind.quantity, "look")]) for kind in _SPEEDS
    ]
    told = [finding for finding in found if finding is not None]
    first = {finding.quantity: finding for finding in reversed(told)}
    return tuple(finding for finding in told if first[finding.quantity] is finding)


def _speed(kind: _Speed, series: Series, limit: float) -> Finding | None:
    known = [_log_median(kind, look) for look in series.pin]
    past = [value for value in known if value is not None]
    now = _log_median(kind, series.now)
    if now is None or not past:
        return None
    blank = Finding(kind="speed", quantity=kind.quantity, decides=False, limit=limit)
    usual = predictive.spread(past, assumed=_ASSUMED_SPEED)
    ratio = math.exp(now - usual.mean)
    sentence = (
        f"{kind.words} is {math.exp(now):.3g} {kind.unit} (median), "
        f"{math.exp(usual.mean):.3g} in the pin: x{ratio:.2f}"
    )
    p = usual.p_apart(now)
    return replace(blank, changed=p <= limit, p=p, value=ratio, sentence=sentence)


def _log_median(kind: _Speed, look: Look) -> float | None:
    values = kind.values(look)
    return math.log(median(values)) if values else None


# --- lengths ----------------------------------------------------------------------------


def lengths(series: Series, limits: Mapping[Evidence, float]) -> tuple[Finding, ...]:
    """Compare the lengths of golden answers, case by case, with the pin's looks.

    `Finding.value` is the mean ratio today / pin (geometric). p is the larger one of two: Student's
    t over the cases, and over the looks, where the pin has enough that counted tokens.
    """
    pin = [look for look in series.pin if _same_golden(look, series) and _tokens(look)]
    if not pin or not _tokens(series.now):
        return ()
    found = _lengths(pin, [series.now], "look", limits)
    week = [look for look in series.week if _same_golden(look, series) and _tokens(look)]
    if len(week) < FEWEST_OF_A_WEEK:
        return (found,)
    return (found, _lengths(pin, week, "week", limits))


def _same_golden(look: Look, series: Series) -> bool:
    now = series.now.behaviour
    return bool(look.behaviour and now and look.behaviour.golden == now.golden)


def _tokens(look: Look) -> Mapping[str, int]:
    counts = look.behaviour.tokens if look.behaviour else {}
    return {case: count for case, count in counts.items() if count > 0}


def _lengths(
    pin: Sequence[Look], looks: Sequence[Look], window: Window, limits: Mapping[Evidence, float]
) -> Finding:
    before, after = _mean_lengths(pin), _mean_lengths(looks)
    cases = [case for case in before if case in after]
    limit = limits[Evidence("lengths", "", window)]
    blank = Finding(kind="lengths", window=window, limit=limit)
    if len(cases) < stats.MEAN_FLOOR:
        short = counted(len(cases), "case")
        sentence = f"lengths: {short} answered in both; {stats.MEAN_FLOOR} are needed"
        return replace(blank, able=False, sentence=sentence)
    ratio = math.exp(math.fsum(after[case] - before[case] for case in cases) / len(cases))
    p = max(_over_cases(before, after, cases), _over_looks(pin, ratio, len(looks)))
    when = "over the last seven days " if window == "week" else ""
    sentence = (
        f"{when}answers are x{ratio:.3f} as long as in the pin (geometric mean of "
        f"{counted(len(cases), 'case')})"
    )
    return replace(blank, changed=p <= limit, p=p, value=ratio, sentence=sentence)


def _mean_lengths(looks: Sequence[Look]) -> dict[str, float]:
    """Mean logarithm of each case's length, over the looks that have it."""
    found: dict[str, list[float]] = {}
    for look in looks:
        for case, count in _tokens(look).items():
            found.setdefault(case, []).append(math.log(count))
    return {case: math.fsum(values) / len(values) for case, values in found.items()}


def _over_cases(
    before: Mapping[str, float], after: Mapping[str, float], cases: Sequence[str]
) -> float:
    ours, theirs = ([math.exp(arm[case]) for case in cases] for arm in (before, after))
    sides: tuple[stats.Side, ...] = ("above", "below")
    found = [stats.mean_log_ratio_p(ours, theirs, limit=1.0, side=side) for side in sides]
    return min(1.0, 2 * min(found))


def _over_looks(pin: Sequence[Look], ratio: float, looks: int) -> float:
    """How far from 1 the pin's own looks are, each against the others; 0 where they are too few."""
    if len(pin) < FEWEST_LOOKS:
        return 0.0
    own = []
    for look in pin:
        others = _mean_lengths([other for other in pin if other is not look])
        mine = _mean_lengths([look])
        shared = [case for case in mine if case in others]
        if shared:
            own.append(math.fsum(mine[case] - others[case] for case in shared) / len(shared))
    usual = predictive.spread(own or [0.0], assumed=_ASSUMED_LENGTH, mean=0.0)
    return usual.p_apart(math.log(ratio), predictive.nights(looks))
