"""What the gate would do, read from an active gate after collection; nothing is asked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_quantguard import _noise
from pytest_quantguard._costs import Asked, JudgeAsked, Share
from pytest_quantguard._items import CASE
from pytest_quantguard._plan import Outset
from pytest_quantguard._probe import features
from pytest_quantguard._spending import judged_at_most
from pytest_quantguard._survey import Survey, chosen
from pytest_quantguard.cache.completions import completion_key
from pytest_quantguard.engine.jobs import further_jobs, jobs_of
from pytest_quantguard.engine.limits import cost_bound, prompt_tokens
from pytest_quantguard.errors import ProviderError

if TYPE_CHECKING:
    import pytest

    from pytest_quantguard._session import GateSession
    from pytest_quantguard.engine.tasks import Job
    from pytest_quantguard.types import Completion, CompletionRequest, GoldenCase
    from pytest_quantguard.variants import Variant


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
    return replace(found, judges=_judges(gate, cases)), [
        *gate.problems,
        *survey.problems,
        *judges,
    ]


def _measured_noise(gate: GateSession) -> float | None:
    baseline = gate.settings.baseline.name
    try:
        found = _noise.load(gate.settings.cache_folder, gate.asking.providers[baseline].identity())
    except ProviderError:
        return None
    return found.expected if found else None


def _asked(gate: GateSession, name: str, cases: Sequence[GoldenCase]) -> Asked:
    """Count one variant's completions: those that are needed, and those in the cache."""
    try:
        identity = gate.asking.providers[name].identity()
    except ProviderError:  # said by the run, with its first request
        identity = {}
    known = gate.settings.cache_folder.is_dir() and bool(identity)  # opening it would make it
    variant, seen = gate.settings.variants[name], set[str]()
    found: list[Completion] = []
    shares: dict[str, Share] = {}
    for cohort, sure, job in _jobs(gate, name, cases):
        key = completion_key(job.request, identity, job.repeat)
        if key in seen:
            continue
        seen.add(key)
        completion = gate.cache.get(key) if known else None
        if completion is not None and sure:
            found.append(completion)
        old = shares.get(cohort, Share(cohort=cohort, requests=0, most_cost=0.0))
        shares[cohort] = _with(old, job.request, variant, sure=sure, cached=completion is not None)
    parts = tuple(shares.values())
    return Asked(
        requests=sum(share.requests for share in parts),
        cached=len(found),
        tokens=_mean_tokens(found),
        shares=parts,
    )


def _jobs(
    gate: GateSession, name: str, cases: Sequence[GoldenCase]
) -> Iterator[tuple[str, bool, Job]]:
    """Yield cohort, whether it is needed in any case, and request; the sure ones first."""
    for case in cases:
        for job in jobs_of(case, (name,), references=gate.references):
            yield case.cohort, True, job
    if gate.asking.answers is None:
        for feature, case in features(cases).items():
            yield "", True, gate.asking.probe_job(name, feature, case)
    for case in cases:
        for job in further_jobs(case, (name,)):
            yield case.cohort, False, job


def _with(
    share: Share, request: CompletionRequest, variant: Variant, *, sure: bool, cached: bool
) -> Share:
    """Add one request."""
    bound = 0.0 if cached else cost_bound(request, variant)
    whole = None if bound is None or share.most_cost is None else share.most_cost + bound
    return replace(
        share,
        requests=share.requests + sure,
        cached=share.cached + (sure and cached),
        further=share.further + (not sure and not cached),
        most_tokens=share.most_tokens + (0 if cached else prompt_tokens(request)),
        most_cost=whole,
    )


def _judges(gate: GateSession, cases: Sequence[GoldenCase]) -> dict[str, JudgeAsked]:
    """Count what judges may be asked, which depends on the answers: nobody knows what is cached."""
    judges, candidates = gate.services.judges, len(gate.settings.candidates)
    found: dict[str, dict[str, Share]] = {}
    variants: dict[str, Variant] = {}
    for case in cases:
        for check in judges.checks_of(case):
            model = judges.model(check.by)
            variants[model.name] = variant = model.config.variant
            calls = check.calls(case, candidates)
            tokens, cost = judged_at_most(case, variant)
            shares = found.setdefault(model.name, {})
            old = shares.get(case.cohort, Share(cohort=case.cohort, requests=0, most_cost=0.0))
            whole = None if cost is None or old.most_cost is None else old.most_cost + calls * cost
            shares[case.cohort] = replace(
                old,
                further=old.further + calls,
                most_tokens=old.most_tokens + calls * tokens,
                most_cost=whole,
            )
    return {
        name: JudgeAsked(variant=variants[name], shares=tuple(shares.values()))
        for name, shares in found.items()
    }


def _mean_tokens(completions: Sequence[Completion]) -> tuple[float, float] | None:
    pairs = [
        (usage.prompt_tokens, usage.completion_tokens)
        for usage in (completion.usage for completion in completions)
        if usage.prompt_tokens is not None and usage.completion_tokens is not None
    ]
    if not pairs:
        return None
    return sum(p for p, _ in pairs) / len(pairs), sum(c for _, c in pairs) / len(pairs)
