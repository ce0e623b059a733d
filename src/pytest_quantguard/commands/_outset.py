"""What the gate would do, read from an active gate after collection; nothing is asked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from pytest_quantguard import _noise
from pytest_quantguard._evidence import jobs_of
from pytest_quantguard._items import CASE
from pytest_quantguard._plan import Asked, Outset
from pytest_quantguard._probe import features
from pytest_quantguard._survey import Survey, chosen
from pytest_quantguard.cache.completions import completion_key
from pytest_quantguard.errors import ProviderError

if TYPE_CHECKING:
    import pytest

    from pytest_quantguard._session import GateSession
    from pytest_quantguard.types import Completion, GoldenCase


def outset(gate: GateSession, items: Iterable[pytest.Item]) -> tuple[Outset, list[str]]:
    """Return what a run of ``items`` would ask and judge, and why it would be refused.

    Budgets that cannot be decided are no reason here: the plan shows them.
    """
    # Budgets are those of the whole run, whatever shard was asked for.
    every = items if gate.cut is None else gate.cut.whole
    selected = [item for item in every if CASE in item.stash]
    survey = Survey(selected, gate.collected, gate.settings, gate.metrics, partial=gate.partial)
    cases = list(survey.cases.values())
    found = Outset(
        census=survey.census,
        budgets=survey.wanted,
        variants=gate.settings.variants,
        baseline=gate.settings.baseline.name,
        asked={name: _asked(gate, name, cases) for name in gate.settings.variants},
        noise=_measured_noise(gate),
        file=gate.settings.file,
        metrics=gate.metrics,
    )
    judges = gate.services.judges.select(chosen(selected))
    return found, [*gate.problems, *survey.problems, *judges]


def _measured_noise(gate: GateSession) -> float | None:
    baseline = gate.settings.baseline.name
    try:
        found = _noise.load(gate.settings.cache_folder, gate.asking.providers[baseline].identity())
    except ProviderError:
        return None
    return found.expected if found else None


def _asked(gate: GateSession, name: str, cases: Sequence[GoldenCase]) -> Asked:
    """Count one variant's completions: those that are needed, and those in the cache."""
    jobs = [job for case in cases for job in jobs_of(case, (name,), references=gate.references)]
    if gate.asking.answers is None:
        jobs += [gate.asking.probe_job(name, f, case) for f, case in features(cases).items()]
    try:
        identity = gate.asking.providers[name].identity()
    except ProviderError:  # said by the run, with its first request
        return Asked(requests=len({completion_key(job.request, {}, job.repeat) for job in jobs}))
    keys = dict.fromkeys(completion_key(job.request, identity, job.repeat) for job in jobs)
    if not gate.settings.cache_folder.is_dir():  # opening it would make it
        return Asked(requests=len(keys))
    found = [completion for key in keys if (completion := gate.cache.get(key)) is not None]
    return Asked(requests=len(keys), cached=len(found), tokens=_mean_tokens(found))


def _mean_tokens(completions: Sequence[Completion]) -> tuple[float, float] | None:
    pairs = [
        (usage.prompt_tokens, usage.completion_tokens)
        for usage in (completion.usage for completion in completions)
        if usage.prompt_tokens is not None and usage.completion_tokens is not None
    ]
    if not pairs:
        return None
    return sum(p for p, _ in pairs) / len(pairs), sum(c for _, c in pairs) / len(pairs)
