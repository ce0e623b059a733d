"""Did it change? What the probes say: log-probs, likeliest texts, texts drawn at random."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from pytest_quantguard._plural import counted
from pytest_quantguard.stats._special import student_tail
from pytest_quantguard.watch import draws, predictive
from pytest_quantguard.watch.distances import (
    has_tops,
    logprob_distance,
    round_distance,
    text_distance,
)
from pytest_quantguard.watch.limits import Evidence
from pytest_quantguard.watch.probes import DRAWN, FEWEST_LOOKS, GREEDY, PIN_LOOKS, mode_of
from pytest_quantguard.watch.records import Finding, Kind, Look, Window
from pytest_quantguard.watch.series import FEWEST_OF_A_WEEK, WEEK_LOOKS, Series

ASSUMED: Mapping[Window, float] = {"look": 0.45, "week": 0.3}
"""Standard deviation of a distance's logarithm from night to night, assumed beforehand. Wide for a
single night, because 3 % of nights may be three times as noisy as the others; less for a week, of
which such nights are a part (docs/statistics.md has the simulations)."""
ASSUMED_OF_A_DAY: Mapping[Window, float] = {"look": 0.6, "week": 0.7}
"""The same where the pin's looks are all of one day, and know nothing of other nights."""
TOLD = 0.01
"""p of what is only told, and spends nothing of a year's rate."""
_BLIND = (
    "the pin's looks are too few, or too far apart, for any difference to be noticed: bless on "
    f"several days, {PIN_LOOKS} looks or more"
)
LEAST_NATS = 0.001
MOST_NATS = 10.0
LEAST_TEXT = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class _Distance:
    """One way to measure how far a look is from others."""

    kind: Kind
    quantity: str
    measure: Callable[[Look, Sequence[Look]], float | None]
    least: float
    """What counts as no difference at all: numbers are printed with so many digits, and servers
    that never differed may do so by so much on a busy night."""
    words: str
    """Sentence with {now} and {usual}, and {reference} where it compares with one."""
    unit: str
    """Of the distance, in the singular; empty for a share."""
    most: float
    """What not even another model's answers exceed: where only more is noticed, nothing is."""


_LOGPROBS = _Distance(
    kind="logprobs",
    quantity="",
    measure=logprob_distance,
    least=LEAST_NATS,
    words="log-probs of first tokens are {now} from the {reference} on average, {usual} usual",
    unit="nat",
    most=MOST_NATS,
)
_ROUNDS = _Distance(
    kind="noise",
    quantity="",
    measure=round_distance,
    least=LEAST_NATS,
    words="the same probes, asked twice, differ by {now} on average, {usual} usual",
    unit="nat",
    most=MOST_NATS,
)
_TEXTS = _Distance(
    kind="sampled",
    quantity=GREEDY,
    measure=text_distance,
    least=LEAST_TEXT,
    words="{now} of the likeliest answers differ from the {reference}, {usual} usual",
    unit="",
    most=1.0,
)


def fingerprint(series: Series, limits: Mapping[Evidence, float]) -> tuple[Finding, ...]:
    """Return what the probes' answers show, for each kind of evidence that the look's mode gives.

    Today's look and the last week's against the pin decide; today's against the looks before it is
    only told. Where the pin or the week is too short, `Finding.able` is False.
    """
    if mode_of(series.now.probes) == "logprobs":
        return (*_of_distance(_LOGPROBS, series, limits), *_noise(series))
    return (*_of_distance(_TEXTS, series, limits), *_of_draws(series, limits))


def _of_distance(
    way: _Distance, series: Series, limits: Mapping[Evidence, float]
) -> tuple[Finding, ...]:
    limit = limits[Evidence(way.kind, way.quantity, "look")]
    blank = Finding(kind=way.kind, quantity=way.quantity, limit=limit)
    before = _previous(replace(blank, against="previous", decides=False), way, series)
    if problem := _unfit(way, series):
        return (replace(blank, able=False, sentence=problem), *before)
    own = _own(way, series.pin)
    today = _one_look(blank, way, series, series.pin, own)
    return (today, *_one_week(way, series, own, limits), *before)


def _previous(told: Finding, way: _Distance, series: Series) -> tuple[Finding, ...]:
    """Today's look against those before it: of the changed endpoint, where they were changed.

    How far looks are apart by themselves is then what the pin's looks say: among the others there
    may be too few, or some of before the change.
    """
    if series.run and not _unfit(way, series):
        looks = series.run[-WEEK_LOOKS:]
        return (_one_look(told, way, series, looks, _own(way, series.pin, len(looks))),)
    if series.run or len(series.before) < FEWEST_LOOKS:
        return ()
    return (_one_look(told, way, series, series.before, _own(way, series.before)),)


def _noise(series: Series) -> tuple[Finding, ...]:
    """How far today's rounds are from each other: told, so that a noisy hour has a name."""
    finding = Finding(kind=_ROUNDS.kind, limit=TOLD, decides=False)
    now, own = round_distance(series.now), _own(_ROUNDS, series.pin)
    if now is None or len(own) < FEWEST_LOOKS:
        return ()
    usual = _usual(_ROUNDS, own, series, "look")
    return (_judged(finding, _ROUNDS, _logarithm(_ROUNDS, now), usual),)


def _unfit(way: _Distance, series: Series) -> str:
    if way is _LOGPROBS and not has_tops(series.now):
        return "the endpoint gave no log-probs in this look"
    return _too_few(series.pin)


def _too_few(pin: Sequence[Look]) -> str:
    if len(pin) >= FEWEST_LOOKS:
        return ""
    return (
        f"the pin has {counted(len(pin), 'usable look')}; {FEWEST_LOOKS} are needed to know how "
        f"far looks differ by themselves, better {PIN_LOOKS} on several days"
    )


def _own(way: _Distance, looks: Sequence[Look], others: int | None = None) -> list[float]:
    """How far each of some looks is from the others of them, or from so many others: logarithms.

    From few others it is farther than from many, whose own noise averages out.
    """
    found = []
    for place, look in enumerate(looks):
        rest = [*looks[place + 1 :], *looks[:place]]
        distance = way.measure(look, rest[:others])
        if distance is not None:
            found.append(_logarithm(way, distance))
    return found


def _usual(
    way: _Distance, own: Sequence[float], series: Series, window: Window
) -> predictive.Spread:
    assumed = ASSUMED if series.days_of_pin > 1 else ASSUMED_OF_A_DAY
    return predictive.spread(own, assumed=assumed[window], least=math.log(way.least))


def _one_look(
    finding: Finding,
    way: _Distance,
    series: Series,
    others: Sequence[Look],
    own: Sequence[float],
) -> Finding:
    """Today's look against others, of which it is known how far they are apart."""
    now = way.measure(series.now, others)
    if now is None or len(own) < FEWEST_LOOKS:
        sentence = "too few probes were answered to compare this look"
        return replace(finding, able=False, sentence=sentence)
    return _judged(finding, way, _logarithm(way, now), _usual(way, own, series, "look"))


def _one_week(
    way: _Distance, series: Series, own: Sequence[float], limits: Mapping[Evidence, float]
) -> tuple[Finding, ...]:
    """The last week's looks: the mean of their distances, which a night of bad luck hardly moves.

    Nights are taken to be alike (`predictive.nights`), so a week tells less than seven nights.
    """
    limit = limits[Evidence(way.kind, way.quantity, "week")]
    found = [way.measure(look, series.pin) for look in series.week]
    known = [_logarithm(way, distance) for distance in found if distance is not None]
    if len(known) < FEWEST_OF_A_WEEK or len(own) < FEWEST_LOOKS:
        return ()
    mean = math.fsum(known) / len(known)
    finding = Finding(kind=way.kind, quantity=way.quantity, window="week", limit=limit)
    usual = _usual(way, own, series, "week")
    return (_judged(finding, way, mean, usual, predictive.nights(len(known))),)


def _logarithm(way: _Distance, distance: float) -> float:
    return math.log(max(distance, way.least))


def _judged(
    finding: Finding,
    way: _Distance,
    logarithm: float,
    usual: predictive.Spread,
    nights: float = 1.0,
) -> Finding:
    """Complete a finding, whose limit is known, with what so many nights' mean distance shows."""
    limit = finding.limit or 0.0
    now, noticed = math.exp(logarithm), math.exp(usual.above(limit, nights))
    said = way.words.format(
        now=_shown(now, way),
        usual=_shown(math.exp(usual.mean), way),
        reference="looks before it" if finding.against == "previous" else "pin",
    )
    when = "over the last seven days " if finding.window == "week" else ""
    p = usual.p_above(logarithm, nights)
    if noticed > way.most:
        sentence = f"{when}{said}; {_BLIND}"
        return replace(finding, able=False, p=p, value=now, sentence=sentence)
    sentence = f"{when}{said}; from {_number(noticed, way)} on it is noticed"
    return replace(finding, changed=p <= limit, p=p, value=now, sentence=sentence)


def _shown(distance: float, way: _Distance) -> str:
    if distance <= way.least * (1 + 1e-9):
        return f"at most {_number(way.least, way)}"
    return _number(distance, way)


def _number(distance: float, way: _Distance) -> str:
    if not way.unit:
        return f"{distance:.1%}"
    number = f"{distance:.3g}"
    return f"{number} {way.unit}{'' if number == '1' else 's'}"


# --- texts drawn at random --------------------------------------------------------------


def _of_draws(series: Series, limits: Mapping[Evidence, float]) -> tuple[Finding, ...]:
    """The draws of today's look, and of the last week's, against those of all of the pin.

    While nothing changes, `Discrepancy.guarded` stays below what Student's t allows. That looks may
    differ by more than their draws is learned from the pin's own looks, each against the others;
    over a week such differences are allowed not to average out (`predictive.nights`).
    """
    blank = Finding(kind="sampled", quantity=DRAWN)
    limit = limits[Evidence("sampled", DRAWN, "look")]
    if problem := _too_few(series.pin):
        return (replace(blank, able=False, limit=limit, sentence=problem),)
    own = [
        draws.discrepancy([look], [other for other in series.pin if other is not look])
        for look in series.pin
    ]
    usual = predictive.spread([one.guarded for one in own if one] or [0.0], assumed=1.0, mean=0.0)
    blank = replace(blank, limit=limit)
    findings = [_drawn(blank, [series.now], series.pin, usual)]
    if len(series.week) >= FEWEST_OF_A_WEEK:
        weekly = limits[Evidence("sampled", DRAWN, "week")]
        week = replace(blank, window="week", limit=weekly)
        findings.append(_drawn(week, series.week, series.pin, usual))
    if series.run:
        told = replace(blank, against="previous", decides=False)
        findings.append(_drawn(told, [series.now], series.run[-WEEK_LOOKS:], usual))
    return tuple(findings)


def _drawn(
    finding: Finding,
    looks: Sequence[Look],
    others: Sequence[Look],
    usual: predictive.Spread,
) -> Finding:
    """Complete a finding, whose limit is known, with how far some looks' draws are from others'."""
    found = draws.discrepancy(looks, others)
    if found is None:
        sentence = "too few answers were drawn to compare this look"
        return replace(finding, able=False, sentence=sentence)
    beyond = max(0.0, usual.sd**2 - 1) * len(looks) / predictive.nights(len(looks))
    p = student_tail(found.guarded / math.sqrt(1 + beyond), usual.df)
    when = "over the last seven days " if finding.window == "week" else ""
    whose = "the pin's" if finding.against == "pin" else "those of the looks before it"
    return replace(
        finding,
        changed=p <= (finding.limit or 0.0),
        p=p,
        value=found.value,
        sentence=f"{when}answers drawn at random differ from {whose} by {found.guarded:.1f} "
        f"standard deviations of chance (squared discrepancy {found.value:.3f})",
    )
