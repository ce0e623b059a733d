"""One golden case, asked of every arm and judged: completions become paired outcomes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest

from pytest_quantguard._sanitize import one_line, scrub
from pytest_quantguard.errors import CheckError, ProviderError
from pytest_quantguard.types import EMPTY, Completion, GoldenCase, Json, Outcome, Role
from pytest_quantguard.verdicts import Mishap, PairedOutcome

if TYPE_CHECKING:
    from pytest_quantguard._complete import Answer, Job

Judge = Callable[[Completion, GoldenCase], Outcome]
"""A check, or the body of a ``quant_case`` test."""


@dataclass(slots=True)
class Evidence:
    """What was found out about one case, for all candidates."""

    outcomes: list[PairedOutcome] = field(default_factory=list)
    mishaps: list[Mishap] = field(default_factory=list)

    def to_dict(self) -> Json:
        """Return plain JSON types, fit to cross a process border."""
        return {
            "outcomes": [outcome.to_dict() for outcome in self.outcomes],
            "mishaps": [mishap.to_dict() for mishap in self.mishaps],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, list[Json]]) -> Evidence:
        """Rebuild from `to_dict`."""
        return cls(
            [PairedOutcome.from_dict(outcome) for outcome in data["outcomes"]],
            [Mishap.from_dict(mishap) for mishap in data["mishaps"]],
        )


@dataclass(frozen=True, slots=True)
class _Arm:
    """One arm's answers to one case: all repeats, or the error that prevented them."""

    role: Role
    completions: tuple[Completion, ...] = ()
    key: str = ""
    error: ProviderError | None = None

    @property
    def prompt_tokens(self) -> int | None:
        return self.completions[0].usage.prompt_tokens if self.completions else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Examiner:
    """Asks and judges; ``ask`` waits for one completion."""

    baseline: str
    candidates: tuple[str, ...]
    ask: Callable[[Job], Answer]
    secrets: tuple[str, ...] = field(default=(), repr=False)

    def examine(self, case: GoldenCase, judges: Mapping[str, Judge]) -> Evidence:
        """Judge one case by some checks, on the baseline and on every candidate."""
        __tracebackhide__ = True
        evidence = Evidence()
        baseline = self._arm("baseline", self.baseline, case)
        for name in self.candidates:
            candidate = self._arm("candidate", name, case)
            for check, judge in judges.items():
                self._compare(
                    evidence, case, check, judge, name=name, baseline=baseline, candidate=candidate
                )
        return evidence

    def _arm(self, role: Role, variant: str, case: GoldenCase) -> _Arm:
        answers = [self.ask(job) for job in jobs_of(case, (variant,))]
        for answer in answers:
            if answer.error is not None:
                return _Arm(role, error=answer.error)
        completions = tuple(a.completion for a in answers if a.completion is not None)
        return _Arm(role, completions, answers[0].key)

    def _compare(
        self,
        evidence: Evidence,
        case: GoldenCase,
        check: str,
        judge: Judge,
        *,
        name: str,
        baseline: _Arm,
        candidate: _Arm,
    ) -> None:
        def mishap(role: Role, kind: str, message: str) -> None:
            evidence.mishaps.append(
                Mishap(
                    variant=name,
                    case=case.id,
                    cohort=case.cohort,
                    check=check,
                    source=case.source,
                    role=role,
                    kind=kind,
                    message=self._safe(message),
                    critical=case.critical,
                )
            )

        for arm in (baseline, candidate):
            if arm.error is not None:
                mishap(arm.role, type(arm.error).__name__, str(arm.error))
        if baseline.error is not None:
            return  # without a baseline there is nothing to compare with
        tokens = (baseline.prompt_tokens, candidate.prompt_tokens)
        if None not in tokens and tokens[0] != tokens[1]:
            mishap(
                "candidate",
                "NotComparable",
                f"the same prompt is {tokens[0]} tokens for the baseline and {tokens[1]} for the "
                "candidate: another chat template, tokenizer or hidden system prompt",
            )
            return
        try:
            outcomes = [self._outcome(arm, case, check, judge) for arm in (baseline, candidate)]
        except CheckError as error:
            mishap("candidate", "CheckError", str(error))
            return
        evidence.outcomes.append(
            PairedOutcome(
                variant=name,
                case=case.id,
                cohort=case.cohort,
                check=check,
                source=case.source,
                baseline=outcomes[0],
                candidate=outcomes[1],
                weight=case.weight,
                critical=case.critical,
                tags=case.tags,
                keys=(baseline.key, candidate.key),
            )
        )

    def _outcome(self, arm: _Arm, case: GoldenCase, check: str, judge: Judge) -> Outcome:
        if arm.error is not None:
            return Outcome.of([self._safe(f"no answer: {arm.error}")])
        outcome = Outcome.mean([_judged(c, case, check, judge) for c in arm.completions])
        return replace(outcome, violations=tuple(map(self._safe, outcome.violations)))

    def _safe(self, text: str) -> str:
        return one_line(scrub(text, self.secrets), 400)


def _judged(completion: Completion, case: GoldenCase, check: str, judge: Judge) -> Outcome:
    if completion.empty:
        return Outcome.of([EMPTY])
    try:
        outcome = judge(completion, case)
    except (CheckError, pytest.exit.Exception):
        raise
    except Exception as error:
        raise CheckError(f"the check {check!r} raised {type(error).__name__}: {error}") from None
    wrong = CheckError(f"the check {check!r} returned {outcome!r:.80}, not an Outcome in [0, 1]")
    if not isinstance(outcome, Outcome):
        raise wrong
    try:  # a user's check returns what its libraries do: numpy's numbers are no JSON
        value, violations = float(outcome.value), tuple(map(str, outcome.violations))
    except (TypeError, ValueError):
        raise wrong from None
    if not 0 <= value <= 1:
        raise wrong
    return Outcome(value=value, violations=violations)


def jobs_of(case: GoldenCase, variants: tuple[str, ...]) -> list[Job]:
    """Return everything that must be asked for one case, in the order in which it is needed."""
    from pytest_quantguard._complete import Job

    return [
        Job(variant=variant, request=case.request.for_repeat(index), repeat=index)
        for variant in variants
        for index in range(case.samples)
    ]
