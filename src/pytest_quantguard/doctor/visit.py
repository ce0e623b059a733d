"""Asking one endpoint: each question once, one after the other, and never more than agreed."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from pytest_quantguard.contracts import Choosy, Connection, Launched, Provider, offers
from pytest_quantguard.doctor.questions import FIRST
from pytest_quantguard.doctor.records import Question, Seen
from pytest_quantguard.errors import LaunchError, ProviderError, RefusedError, TransportError
from pytest_quantguard.types import Completion
from pytest_quantguard.variants import Variant

_WORD_S = 2.0
"""Longest wait for word of a server of our own that may have ended, in seconds."""
_BROKEN = 2
"""Exchanges that break in a row, after which the endpoint is left alone."""


def visit(
    variant: Variant,
    provider: Provider,
    questions: Sequence[Question],
    most: int,
    *,
    judge: bool = False,
) -> Seen:
    """Reach an endpoint and ask it, with at most ``most`` requests; nothing is raised.

    A server of our own is started for it, and may be ended afterwards.
    """
    try:
        provider.identity()
        url = provider.start()
        connection = provider.connect()
    except ProviderError as error:
        return Seen(variant=variant, judge=judge, fault=error)
    except Exception as error:  # a provider of the project's own may raise anything
        return Seen(variant=variant, judge=judge, fault=_broken(variant, error))
    try:
        served = provider.served_as()
        asked = _ask(variant, provider, connection, questions, most)
        _explain(asked, provider)
        return Seen(
            variant=variant,
            judge=judge,
            served=served,
            answers=asked.answers,
            errors=asked.errors,
            unfit=asked.unfit,
            unasked=tuple(asked.unasked),
            requests=asked.requests,
            clock_s=_clock(variant, url),
        )
    finally:
        connection.close()
        if offers(provider, Launched):
            provider.rest()  # others of its group may be waiting for their turn


@dataclass(slots=True)
class _Asked:
    answers: dict[str, Completion] = field(default_factory=dict)
    errors: dict[str, ProviderError] = field(default_factory=dict)
    unfit: dict[str, str] = field(default_factory=dict)
    unasked: list[str] = field(default_factory=list)
    requests: int = 0


def _ask(
    variant: Variant,
    provider: Provider,
    connection: Connection,
    questions: Sequence[Question],
    most: int,
) -> _Asked:
    found, broken = _Asked(), 0
    for question in questions:
        why = provider.unfit(question.request) if offers(provider, Choosy) else ""
        if why:
            found.unfit[question.name] = why
        elif found.requests >= most or broken >= _BROKEN or FIRST in found.errors:
            found.unasked.append(question.name)
        else:
            fault = _attempt(found, variant, connection, question, most)
            if isinstance(fault, RefusedError) and fault.final:
                broken = _BROKEN
            elif isinstance(fault, TransportError):
                # A time-out costs a minute: whoever lets one pass will let others pass.
                broken = _BROKEN if fault.timed_out else broken + 1
            else:
                broken = 0
    return found


def _attempt(
    found: _Asked, variant: Variant, connection: Connection, question: Question, most: int
) -> ProviderError | None:
    while True:
        found.requests += 1
        try:
            found.answers[question.name] = connection.complete(question.request)
        except ProviderError as error:
            if getattr(error, "stale", False) and found.requests < most:
                continue  # a connection that had grown old says nothing about the server
            found.errors[question.name] = error
            return error
        except Exception as error:
            found.errors[question.name] = fault = _broken(variant, error)
            return fault
        return None


def _broken(variant: Variant, error: Exception) -> ProviderError:
    """Return the error of a provider that broke its promise: nothing else may be raised."""
    kind = type(error).__name__
    return LaunchError(f"variant {variant.name!r}: its provider broke: {kind}: {error}")


def _explain(asked: _Asked, provider: Provider) -> None:
    """Put why a server of our own ended in the place of an exchange that broke off."""
    broken = [name for name, error in asked.errors.items() if isinstance(error, TransportError)]
    if broken and offers(provider, Launched) and (why := provider.fault(_WORD_S)) is not None:
        asked.errors[broken[0]] = why


def _clock(variant: Variant, url: str | None) -> float | None:
    """Return by how much a server's clock is ahead, in seconds; one of our own has our clock."""
    from pytest_quantguard.providers._clock import ahead_s

    if url is None or variant.provider != "openai" or variant.launch is not None:
        return None
    with suppress(ProviderError, ValueError):
        return ahead_s(variant, url)
    return None
