"""How long the answers of both arms are, and how long they took: over all and per cohort."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pytest_quantguard.pairs import Measurement, PairedMeasurement
from pytest_quantguard.reporters._words import label
from pytest_quantguard.reporters.html._histogram import Sample, histogram
from pytest_quantguard.reporters.html._markup import Child, Markup, tag
from pytest_quantguard.reporters.html._pieces import Column, counted, folded, row, table, wide
from pytest_quantguard.reporters.html._scale import plain_number
from pytest_quantguard.verdicts import CandidateReport

DRAWN = 24
"""Cohorts that are drawn; the table has them all."""
_Value = Callable[[Measurement], float | None]
_Pairs = dict[str, list[tuple[float, float]]]


def distributions(candidate: CandidateReport, baseline: str) -> list[Child]:
    """Return both sections; empty where nothing was measured."""
    arms = (label(baseline), label(candidate.variant.name))
    answered = [m for m in candidate.measurements if m.baseline.answered and m.candidate.answered]
    found: list[Child] = []
    for title, samples, note in (_lengths(answered), _latencies(answered)):
        if samples:
            found.append(_section(title, samples, arms, note))
    return [tag("h3", "Length and latency"), _key(arms), *found] if found else []


def _lengths(answered: Sequence[PairedMeasurement]) -> tuple[str, list[Sample], str]:
    """Take tokens where the servers count them in most cases, else characters."""
    tokens = _by_cohort(answered, lambda arm: arm.completion_tokens)
    known = sum(map(len, tokens.values()))
    if 2 * known > len(answered):
        note = "" if known == len(answered) else f"{_of(known, answered)} have a token count."
        return "Length of the answers, in tokens", _samples(tokens, "tokens"), note
    characters = _by_cohort(answered, lambda arm: arm.characters)
    return "Length of the answers, in characters", _samples(characters, "characters"), ""


def _latencies(answered: Sequence[PairedMeasurement]) -> tuple[str, list[Sample], str]:
    times = _by_cohort(answered, lambda arm: arm.latency_s or None)
    known = sum(map(len, times.values()))
    live = sum(one.baseline.live and one.candidate.live for one in answered)
    parts = [] if known == len(answered) else [f"{_of(known, answered)} have a time."]
    if live < len(answered):
        parts.append(
            f"Both arms were asked in this run in {_of(live, answered)}; all other times were kept "
            "with the answers, so load and hardware may differ between the arms."
        )
    return "Latency", _samples(times, "s"), " ".join(parts)


def _of(count: int, every: Sequence[object]) -> str:
    return f"{count:,} of {counted(len(every), 'case')}"


def _by_cohort(answered: Sequence[PairedMeasurement], value: _Value) -> _Pairs:
    """Return the values of cases in which both arms have one."""
    found: _Pairs = {}
    for one in answered:
        pair = value(one.baseline), value(one.candidate)
        if pair[0] is not None and pair[1] is not None:
            found.setdefault(one.cohort, []).append((pair[0], pair[1]))
    return found


def _samples(pairs: _Pairs, unit: str) -> list[Sample]:
    """Return all cases together, then each cohort, where there are several."""
    together = [pair for cohort in pairs.values() for pair in cohort]
    named = [("all cohorts", together)] if together else []
    named += sorted(pairs.items()) if len(pairs) > 1 else []
    return [
        Sample(
            name=name,
            unit=unit,
            baseline=sorted(one for one, _ in found),
            candidate=sorted(other for _, other in found),
        )
        for name, found in named
    ]


def _section(title: str, samples: list[Sample], arms: tuple[str, str], note: str) -> Markup:
    whole, *others = samples
    drawn = [
        tag("figure", tag("figcaption", label(one.name)), histogram(one, arms, 300, 76))
        for one in others[:DRAWN]
    ]
    more = len(others) - len(drawn)
    left_out = f"{counted(more, 'further cohort')}: see the numbers." if more > 0 else ""
    return tag(
        "section",
        tag("h4", title),
        wide(histogram(whole, arms, 880, 110), title),
        tag("p", note, class_="muted") if note else None,
        folded(
            f"By cohort ({len(others):,})",
            tag("div", drawn, class_="grid"),
            tag("p", left_out, class_="muted") if left_out else None,
        )
        if others
        else None,
        folded("Numbers", _numbers(title, samples, arms)),
        class_="distribution",
    )


def _numbers(title: str, samples: Sequence[Sample], arms: tuple[str, str]) -> Markup:
    columns = (
        Column(title="Cohort"),
        Column(title="Cases", number=True),
        *(
            Column(title=f"{quantile} {arm}", number=True, class_="arm")
            for quantile in ("p50", "p95", "p99")
            for arm in arms
        ),
    )
    rows = []
    for sample in samples:
        one, other = sample.marks()
        written = plain_number(sample.unit)
        cells = [written(value) for pair in zip(one, other, strict=True) for value in pair]
        rows.append(row(columns, [label(sample.name), f"{len(sample.baseline):,}", *cells]))
    return table(f"{title}: quantiles of {arms[0]} and {arms[1]}", columns, rows)


def _key(arms: tuple[str, str]) -> Markup:
    """Say which arm is where."""
    words = (
        ("baseline", f"{arms[0]} (baseline), above the line"),
        ("candidate", f"{arms[1]} (candidate), below the line"),
    )
    items = (tag("li", tag("span", class_=f"swatch {arm}"), " ", text) for arm, text in words)
    return tag("ul", items, class_="legend", aria_label="Arms")
