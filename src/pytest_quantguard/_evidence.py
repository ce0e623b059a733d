"""One golden case, asked of every arm and judged: completions become paired outcomes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pytest_quantguard._judging import (
    Judge,
    compared,
    judged,
    pairwise,
    reads_timing,
    repeatable,
    reusable,
)
from pytest_quantguard._measurement import (
    divergence,
    measurement,
    not_one_reference,
    probability,
)
from pytest_quantguard._sanitize import one_line, scrub
from pytest_quantguard.contracts import Check
from pytest_quantguard.errors import CheckError, ProviderError
from pytest_quantguard.pairs import Measurement, Mishap, PairedMeasurement, PairedOutcome
from pytest_quantguard.types import Completion, GoldenCase, Json, Outcome, Price, Role

if TYPE_CHECKING:
    from pytest_quantguard._complete import Answer, Job

_FURTHER_RUNS = 2
"""Of a critical case that seems to have regressed."""


@dataclass(slots=True)
class Evidence:
    """What was found out about one case, for all candidates."""

    outcomes: list[PairedOutcome] = field(default_factory=list)
    mishaps: list[Mishap] = field(default_factory=list)
    measurements: list[PairedMeasurement] = field(default_factory=list)

    def to_dict(self) -> Json:
        """Return plain JSON types, fit to cross a process border."""
        return {
            "outcomes": [outcome.to_dict() for outcome in self.outcomes],
            "mishaps": [mishap.to_dict() for mishap in self.mishaps],
            "measurements": [found.to_dict() for found in self.measurements],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, list[Json]]) -> Evidence:
        """Rebuild from `to_dict`."""
        return cls(
            [PairedOutcome.from_dict(outcome) for outcome in data["outcomes"]],
            [Mishap.from_dict(mishap) for mishap in data["mishaps"]],
            [PairedMeasurement.from_dict(found) for found in data["measurements"]],
        )


@dataclass(frozen=True, slots=True)
class _Arm:
    """One arm's answers to one case: all repeats, or the error that prevented them."""

    role: Role
    completions: tuple[Completion, ...] = ()
    key: str = ""
    error: ProviderError | None = None
    live: bool = False

    def says(self, other: _Arm) -> bool:
        """Tell whether both arms gave the same answers, word for word."""
        return bool(self.completions) and self._said == other._said

    @property
    def _said(self) -> list[Json]:
        return [
            {"text": c.text, "calls": c.tool_calls, "refusal": c.refusal, "end": c.finish_reason}
            for c in self.completions
        ]

    @property
    def prompt_tokens(self) -> int | None:
        return self.completions[0].usage.prompt_tokens if self.completions else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Examiner:
    """Asks and judges; ``ask`` waits for one completion."""

    baseline: str
    candidates: tuple[str, ...]
    ask: Callable[[Job], Answer]
    refusal: Callable[[GoldenCase], Check]
    """Returns the check that tells whether an answer to a case declines it."""
    prices: Mapping[str, Price | None] = field(default_factory=dict)
    started: float = math.inf
    """When the run began, in seconds since the epoch: what was asked since then is live."""
    references: bool = False
    """Whether the arms are also asked how likely they find a case's reference."""
    secrets: tuple[str, ...] = field(default=(), repr=False)

    def examine(self, case: GoldenCase, judges: Mapping[str, Judge]) -> Evidence:
        """Judge one case by some checks, on the baseline and on every candidate."""
        __tracebackhide__ = True
        evidence = Evidence()
        baseline = self._arm("baseline", self.baseline, case)
        for name in self.candidates:
            candidate = self._arm("candidate", name, case)
            evidence.measurements.append(self._measured(name, case, baseline, candidate))
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
        # Another worker may have asked: then it is cached for this one, and yet of this run.
        live = all(
            not a.cached or (a.completion is not None and a.completion.asked_at >= self.started)
            for a in answers
        )
        return _Arm(role, completions, answers[0].key, live=live)

    def _measured(
        self, name: str, case: GoldenCase, baseline: _Arm, candidate: _Arm
    ) -> PairedMeasurement:
        parting = None
        if baseline.completions and candidate.completions:
            parting = divergence(baseline.completions[0].tokens, candidate.completions[0].tokens)
        arms = {self.baseline: baseline, name: candidate}
        found = [self._measurement(variant, case, arm) for variant, arm in arms.items()]
        if self.references and case.reference and baseline.error is None is candidate.error:
            found = self._with_references(name, case, found)
        return PairedMeasurement(
            variant=name,
            case=case.id,
            cohort=case.cohort,
            baseline=found[0],
            candidate=found[1],
            weight=case.weight,
            tags=case.tags,
            divergence=parting,
        )

    def _measurement(self, variant: str, case: GoldenCase, arm: _Arm) -> Measurement:
        if arm.error is not None:
            return Measurement(answered=False)
        refusal, price = self.refusal(case), self.prices.get(variant)
        return measurement(arm.completions, case, refusal, live=arm.live, price=price)

    def _with_references(
        self, name: str, case: GoldenCase, found: list[Measurement]
    ) -> list[Measurement]:
        """Add how likely each arm finds the reference, where both were asked the same."""
        answers = [self.ask(reference_job(case, variant)) for variant in (self.baseline, name)]
        errors = [self._safe(str(answer.error)) if answer.error else "" for answer in answers]
        scored = [answer.completion for answer in answers if answer.completion is not None]
        if len(scored) == 2 and (reason := not_one_reference(*scored)):
            errors = [reason, reason]
        if any(errors):
            pairs = zip(found, errors, strict=True)
            return [replace(arm, reference_error=error) for arm, error in pairs]
        shares = [probability(completion.tokens) for completion in scored]
        unknown = "" if None not in shares else "the server's log-probs are not numbers"
        return [
            replace(arm, reference_p=None if unknown else share, reference_error=unknown)
            for arm, share in zip(found, shares, strict=True)
        ]

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
        if reads_timing(judge) and not (baseline.live and candidate.live):
            mishap(
                "baseline" if candidate.live else "candidate",
                "NotComparable",
                f"{check} compares times, and not all answers were asked in this run: give a "
                "variant another 'revision', or use an empty cache folder",
            )
            return
        try:
            held, found = self._outcomes(baseline, candidate, case, check, judge)
            confirmation = None
            # A graded check that never holds fully cannot be counted in runs: it is as it is.
            broke = held.ok and found.value < held.value
            if case.critical and broke and candidate.error is None and repeatable(judge):
                confirmation = self._confirmed(case, check, judge, name, (held, found))
        except CheckError as error:
            mishap("candidate", type(error).__name__, str(error))
            return
        evidence.outcomes.append(
            PairedOutcome(
                variant=name,
                case=case.id,
                cohort=case.cohort,
                check=check,
                source=case.source,
                baseline=held,
                candidate=found,
                weight=case.weight,
                critical=case.critical,
                tags=case.tags,
                keys=(baseline.key, candidate.key),
                confirmation=confirmation,
            )
        )

    def _confirmed(
        self,
        case: GoldenCase,
        check: str,
        judge: Judge,
        name: str,
        first: tuple[Outcome, Outcome],
    ) -> tuple[int, int]:
        """Ask both arms again: how often does the check hold, of three runs, in each?

        A run without an answer speaks against the candidate: unknown is not unharmed.
        """
        held = [int(outcome.ok) for outcome in first]
        again = range(case.samples, case.samples + _FURTHER_RUNS)
        for place, variant in enumerate((self.baseline, name)):
            for index in again:
                answer = self.ask(_job(case, variant, index))
                if answer.completion is None:
                    held[place] += variant == self.baseline
                else:
                    held[place] += judged((answer.completion,), case, check, judge).ok
        return held[0], held[1]

    def _outcomes(
        self, baseline: _Arm, candidate: _Arm, case: GoldenCase, check: str, judge: Judge
    ) -> tuple[Outcome, Outcome]:
        # One text has one outcome: no second call of a judge, and no chance to differ.
        same = reusable(judge) and baseline.says(candidate)
        if pairwise(judge):
            if same or candidate.error is not None:
                held = Outcome.of([])
                return held, held if same else self._unanswered(candidate)
            pair = compared(baseline.completions, candidate.completions, case, check, judge)
            return self._told(pair[0]), self._told(pair[1])
        held = self._told(judged(baseline.completions, case, check, judge))
        if same:
            return held, held
        if candidate.error is not None:
            return held, self._unanswered(candidate)
        return held, self._told(judged(candidate.completions, case, check, judge))

    def _unanswered(self, arm: _Arm) -> Outcome:
        return Outcome.of([self._safe(f"no answer: {arm.error}")])

    def _told(self, outcome: Outcome) -> Outcome:
        return replace(outcome, violations=tuple(map(self._safe, outcome.violations)))

    def _safe(self, text: str) -> str:
        return one_line(scrub(text, self.secrets), 400)


def jobs_of(case: GoldenCase, variants: tuple[str, ...], *, references: bool = False) -> list[Job]:
    """Return everything that must be asked for one case, in the order in which it is needed."""
    jobs = [_job(case, variant, i) for variant in variants for i in range(case.samples)]
    if references and case.reference:
        jobs += [reference_job(case, variant) for variant in variants]
    return jobs


def _job(case: GoldenCase, variant: str, index: int) -> Job:
    from pytest_quantguard._complete import Job

    return Job(variant=variant, request=case.request.for_repeat(index), repeat=index)


def reference_job(case: GoldenCase, variant: str) -> Job:
    """Return the question how likely a variant finds the case's reference."""
    from pytest_quantguard._complete import Job

    return Job(variant=variant, request=replace(case.request, reference=case.reference))
