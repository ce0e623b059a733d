"""Every question that a run may ask of a variant, by its key: what a batch has to answer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pytest_quantguard.cache.completions import completion_key
from pytest_quantguard.contracts import Provider
from pytest_quantguard.engine.jobs import further_jobs, jobs_of
from pytest_quantguard.types import CompletionRequest, GoldenCase, Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One completion that is needed, or may be."""

    request: CompletionRequest
    case: str
    """The first case that needs it."""
    source: Source
    further: bool = False
    """True when it is only asked should a critical case seem to have regressed."""


def questions(cases: Iterable[GoldenCase], variant: str, provider: Provider) -> dict[str, Question]:
    """Return what one variant is asked about some cases; log-probs of references are left out.

    Raises:
        ProviderError: it is not known who is asked, such as a model file that is missing.
    """
    identity = provider.identity()
    found: dict[str, Question] = {}
    for case in cases:
        for further, jobs in (
            (False, jobs_of(case, (variant,))),
            (True, further_jobs(case, (variant,))),
        ):
            for job in jobs:
                key = completion_key(job.request, identity, job.repeat)
                question = Question(
                    request=job.request, case=case.id, source=case.source, further=further
                )
                known = found.setdefault(key, question)
                if known.further and not further:
                    found[key] = question
    return found
