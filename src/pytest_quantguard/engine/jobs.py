"""What has to be asked for one golden case: the jobs of its repeats, and what may come after."""

from __future__ import annotations

from dataclasses import replace

from pytest_quantguard.engine.tasks import Job
from pytest_quantguard.types import GoldenCase

FURTHER_RUNS = 2
"""Of a critical case that seems to have regressed."""


def jobs_of(case: GoldenCase, variants: tuple[str, ...], *, references: bool = False) -> list[Job]:
    """Return everything that must be asked for one case, in the order in which it is needed."""
    if case.driven:
        return []
    jobs = [job_of(case, variant, i) for variant in variants for i in range(case.samples)]
    if references and case.reference:
        jobs += [reference_job(case, variant) for variant in variants]
    return jobs


def further_jobs(case: GoldenCase, variants: tuple[str, ...]) -> list[Job]:
    """Return what is asked once more should a critical case seem to have regressed."""
    if case.driven or not case.critical:
        return []
    again = range(case.samples, case.samples + FURTHER_RUNS)
    return [job_of(case, variant, i) for variant in variants for i in again]


def job_of(case: GoldenCase, variant: str, index: int) -> Job:
    """Return one question of a case; repeats count from 0."""
    asked, about = case.request.for_repeat(index), (case.id, case.cohort)
    return Job(variant=variant, request=asked, repeat=index, about=about)


def reference_job(case: GoldenCase, variant: str) -> Job:
    """Return the question how likely a variant finds the case's reference."""
    asked = replace(case.request, reference=case.reference)
    return Job(variant=variant, request=asked, about=(case.id, case.cohort))
