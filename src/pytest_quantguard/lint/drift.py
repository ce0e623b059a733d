"""A golden set that no longer looks like what users ask: its verdict is about other questions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from pytest_quantguard.errors import InputError
from pytest_quantguard.lint import Finding, Outset, Severity
from pytest_quantguard.lint._profile import Profile, ks_distance, quantile

RULE = "drift"
FEWEST = 30
"""Requests on either side below which lengths are not compared."""
_COMMON = 0.01
"""Share of traffic from which a tool or a route is missed."""
_FREQUENT = 0.05
"""Share of traffic from which a trait is missed."""
_FAR = 0.2
"""Kolmogorov-Smirnov distance from which lengths differ enough to matter."""
_TOLD = 3
"""Kinds of unread things that are named."""
_SURE = 0.001
"""p-value below which they differ for sure."""


def find(outset: Outset) -> Iterator[Finding]:
    """Yield how recorded traffic differs from the golden set."""
    if not outset.against:
        return
    golden = Profile()
    for case in outset.cases:
        golden.add(case.request, case.cohort)
    for path in outset.against:
        traffic, unread = _traffic(path)
        for warning, text in [*unread, *compare(golden, traffic)]:
            severity: Severity = "warning" if warning else "note"
            yield Finding(rule=RULE, severity=severity, place=path.name, text=text)


def _traffic(path: Path) -> tuple[Profile, list[tuple[bool, str]]]:
    """Read a log; also say what of it could not be read.

    Raises:
        InputError: nothing in it is recorded traffic.
    """
    from pytest_quantguard.importers import recorded

    profile = Profile()
    lost: Counter[str] = Counter()
    for exchange in recorded(path, note=lambda loss: lost.update([f"{loss.what}: {loss.why}"])):
        called = () if exchange.answer is None else (c.name for c in exchange.answer.tool_calls)
        profile.add(exchange.request, exchange.route, called)
    if not profile.requests:
        raise InputError(f"{path.name}: holds no recorded request that could be read")
    return profile, [
        (False, f"not read, {count} times: {what}") for what, count in lost.most_common(_TOLD)
    ]


def compare(golden: Profile, traffic: Profile) -> Iterator[tuple[bool, str]]:
    """Yield (is it a warning, sentence) for each difference that matters."""
    many = f"{traffic.requests} recorded requests"
    for tool, count in traffic.tools.most_common():
        if count >= _COMMON * traffic.requests and tool not in golden.tools:
            share = _percent(count, traffic)
            yield True, f"{share} of {many} offer or call the tool {tool!r}; no golden case has it"
    for route, count in traffic.routes.most_common():
        if count >= _COMMON * traffic.requests and route not in golden.routes:
            yield (
                True,
                f"{_percent(count, traffic)} of {many} are {route!r}; no cohort has the name",
            )
    for trait, count in traffic.traits.most_common():
        if count >= _FREQUENT * traffic.requests and not golden.traits[trait]:
            yield True, f"{_percent(count, traffic)} of {many} have {trait}; no golden case has"
    for trait, count in golden.traits.most_common():
        if count >= golden.requests / 2 and not traffic.traits[trait]:
            share = _percent(count, golden)
            yield False, f"{share} of the golden cases have {trait}; of {many} none has"
    yield from _lengths(golden, traffic)


def _lengths(golden: Profile, traffic: Profile) -> Iterator[tuple[bool, str]]:
    if min(golden.requests, traffic.requests) < FEWEST:
        return
    distance, p = ks_distance(golden.lengths, traffic.lengths)
    if distance < _FAR or p > _SURE:
        return
    sizes = [
        f"half of {name} have at most {quantile(sample, 0.5)} words, nine of ten at most "
        f"{quantile(sample, 0.9)}"
        for name, sample in (("the prompts", traffic.lengths), ("the golden ones", golden.lengths))
    ]
    longest = max(golden.lengths)
    beyond = sum(length > longest for length in traffic.lengths) / len(traffic.lengths)
    also = f"; {100 * beyond:.0f} % are longer than any golden prompt" if beyond >= _COMMON else ""
    yield (
        True,
        f"prompts have another length: in {traffic.requests} recorded requests {sizes[0]}; "
        f"{sizes[1]}{also}",
    )


def _percent(count: int, profile: Profile) -> str:
    return f"{100 * count / profile.requests:.3g} %"
