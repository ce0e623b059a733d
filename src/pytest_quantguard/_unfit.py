"""What servers would not do of what they are to be asked, found out before the first request."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from pytest_quantguard.contracts import Choosy, Omitting, Provider, offers
from pytest_quantguard.types import CompletionRequest, GoldenCase


def refusals(
    cases: Iterable[GoldenCase], providers: Mapping[str, Provider], places: Mapping[str, str]
) -> list[str]:
    """Say what cannot be asked: a sentence per variant and reason, with how many cases it is.

    ``providers`` are those of the variants that are asked, ``places`` where these are written.
    """
    cases, found = list(cases), []
    for name, provider in providers.items():
        if offers(provider, Choosy):
            found += _said(cases, provider.unfit, f"{places[name]}: variant {name!r}")
    return found


def omissions(cases: Iterable[GoldenCase], providers: Mapping[str, Provider]) -> list[str]:
    """Say what is asked without a part that only makes answers repeat."""
    cases, found = list(cases), []
    for name, provider in providers.items():
        if offers(provider, Omitting):
            found += _said(cases, provider.omitted, name)
    return found


def _said(
    cases: Iterable[GoldenCase], ask: Callable[[CompletionRequest], str], who: str
) -> list[str]:
    told: dict[str, list[GoldenCase]] = {}
    for case in cases:
        if why := ask(case.request):
            told.setdefault(why, []).append(case)
    return [
        f"{who}: {why} ({len(found)} case{'s' * (len(found) != 1)}, first {found[0].source})"
        for why, found in told.items()
    ]
