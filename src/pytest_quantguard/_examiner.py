"""One golden case, asked of every arm and judged: completions become paired outcomes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from pytest_quantguard._arm import Arm, first_loss, found_in, incomparable, keys_of, request_of
from pytest_quantguard._drive import Drive
from pytest_quantguard._evidence import Evidence
from pytest_quantguard._judging import (
    Driven,
    Judge,
    Telling,
    compared,
    driven,
    judged,
    pairwise,
    repeatable,
    reusable,
)
from pytest_quantguard._measurement import (
    Declines,
    divergence,
    measurement,
    not_one_reference,
    probability,
)
from pytest_quantguard._sanitize import one_line, scrub, scrub_cut
from pytest_quantguard.contracts import Check
from pytest_quantguard.engine.jobs import FURTHER_RUNS, job_of, jobs_of, reference_job
from pytest_quantguard.engine.tasks import Answer, Job
from pytest_quantguard.errors import CheckError, ProviderError, TransportError
from pytest_quantguard.pairs import Measurement, Mishap, PairedMeasurement, PairedOutcome
from pytest_quantguard.types import UNANSWERED, Completion, GoldenCase, Outcome, Role
from pytest_quantguard.variants import Price

_Found = dict[str, tuple[Arm, Arm, PairedMeasurement]]
"""By candidate: the baseline's answers to one case, the candidate's, and both measured."""


@dataclass(slots=True)
class _Answered:
    """The case that was asked last, and what came of it."""

    case: GoldenCase | None = None
    found: _Found = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Examiner:
    """Asks and judges; ``ask`` waits for one completion."""

    baseline: str
    candidates: tuple[str, ...]
    ask: Callable[[Job], Answer]
    refusal: Callable[[GoldenCase], Check]
    """Returns the check that tells whether an answer to a case declines it."""
    prices: Mapping[str, Price | None] = field(default_factory=dict)
    run: str = ""
    """Id of the run: what was asked in it is live."""
    references: bool = False
    """Whether the arms are also asked how likely they find a case's reference."""
    two_days: bool = False
    """Whether both arms are one endpoint, on two days: then what it counts may differ."""
    secrets: tuple[str, ...] = field(default=(), repr=False)
    observe: Callable[[GoldenCase, str, Sequence[Completion]], None] | None = None
    """Shown each arm's answers to a case, before they are judged."""
    _answered: _Answered = field(default_factory=_Answered, init=False, repr=False)

    def examine(self, case: GoldenCase, judges: Mapping[str, Judge]) -> Evidence:
        """Judge one case by some checks, on the baseline and on every candidate."""
        __tracebackhide__ = True
        evidence = Evidence()
        all_judges: Iterable[object] = judges.values()
        body = next((judge for judge in all_judges if isinstance(judge, Driven)), None)
        found = self._found(case, body)
        for name, (baseline, candidate, measured) in found.items():
            evidence.measurements.append(measured)
            for check, judge in judges.items():
                self._compare(
                    evidence, case, check, judge, name=name, baseline=baseline, candidate=candidate
                )
        return evidence

    def _found(self, case: GoldenCase, body: Driven | None) -> _Found:
        """Return both arms' answers, for each candidate; the checks of a case follow each other."""
        if body is None and self._answered.case is case:
            return self._answered.found
        baseline = self._arm("baseline", self.baseline, case, body)
        arms = {name: self._arm("candidate", name, case, body) for name in self.candidates}
        if self.observe is not None:
            for variant, arm in {self.baseline: baseline, **arms}.items():
                self.observe(case, variant, arm.completions)
        declines = Declines(self.refusal(case), case)
        found = {
            name: (baseline, candidate, self._measured(name, case, baseline, candidate, declines))
            for name, candidate in arms.items()
        }
        if body is None:
            self._answered.case, self._answered.found = case, found
        return found

    def _arm(self, role: Role, variant: str, case: GoldenCase, body: Driven | None) -> Arm:
        if body is not None:
            return self._driven(role, variant, case, body)
        answers = [self.ask(job) for job in jobs_of(case, (variant,))]
        for answer in answers:
            if answer.error is not None:
                return Arm(role, error=answer.error)
        completions = tuple(a.completion for a in answers if a.completion is not None)
        return Arm(role, completions, answers[0].key, live=self._live(answers))

    def _driven(self, role: Role, variant: str, case: GoldenCase, body: Driven) -> Arm:
        drives = tuple(_drive(case, variant, self.ask, i) for i in range(case.samples))
        try:
            outcome = Outcome.mean([driven(body, drive, case) for drive in drives])
        except ProviderError as error:
            return Arm(role, error=error)
        except CheckError as error:
            return Arm(role, fault=error)
        answers = [t.answer for drive in drives for t in drive.turns if t.answer is not None]
        completions = tuple(c for drive in drives for c in drive.completions)
        live = self._live(answers)
        return Arm(role, completions, answers[0].key, live=live, drives=drives, outcome=outcome)

    def _live(self, answers: Sequence[Answer]) -> bool:
        # Another worker may have asked: then it is cached for this one, and yet of this run.
        return all(
            not a.cached or (a.completion is not None and a.completion.is_of(self.run))
            for a in answers
        )

    def _measured(
        self, name: str, case: GoldenCase, baseline: Arm, candidate: Arm, declines: Declines
    ) -> PairedMeasurement:
        parting = None
        if baseline.completions and candidate.completions:
            parting = divergence(baseline.completions[0].tokens, candidate.completions[0].tokens)
        arms = {self.baseline: baseline, name: candidate}
        found = [self._measurement(variant, declines, arm) for variant, arm in arms.items()]
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
            same=baseline.says(candidate),
        )

    def _measurement(self, variant: str, declines: Declines, arm: Arm) -> Measurement:
        if not arm.completions:
            late = isinstance(arm.error, TransportError) and arm.error.timed_out
            return Measurement(answered=arm.error is None, timed_out=late)
        price = self.prices.get(variant)
        found = measurement(arm.completions, declines, live=arm.live, price=price)
        found = replace(found, fingerprints=arm.fingerprints, signed=arm.signed)
        if arm.drives and found.cost is not None:  # a repeat costs what all its turns cost
            found = replace(found, cost=found.cost * len(arm.completions) / len(arm.drives))
        return found

    def _with_references(
        self, name: str, case: GoldenCase, found: list[Measurement]
    ) -> list[Measurement]:
        """Add how likely each arm finds the reference, where both were asked the same."""
        answers = [self.ask(reference_job(case, variant)) for variant in (self.baseline, name)]
        errors = [self._safe(str(answer.error)) if answer.error else "" for answer in answers]
        scored = [answer.completion for answer in answers if answer.completion is not None]
        if len(scored) == 2 and (reason := not_one_reference(case.request, *scored)):
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
        baseline: Arm,
        candidate: Arm,
    ) -> None:
        def mishap(role: Role, kind: str, message: str) -> None:
            evidence.mishaps.append(
                self._mishap(case, check=check, variant=name, role=role, kind=kind, message=message)
            )

        for arm in (baseline, candidate):
            for wrong in filter(None, (arm.error, arm.fault)):
                mishap(arm.role, type(wrong).__name__, str(wrong))
        if baseline.error or baseline.fault or candidate.fault:
            return  # without a baseline there is nothing to compare with
        days = self.two_days
        if unlike := incomparable(case, check, judge, baseline, candidate, two_days=days):
            mishap(unlike[0], "NotComparable", unlike[1])
            return
        try:
            outcome = self._paired(
                case, check, judge, name=name, baseline=baseline, candidate=candidate
            )
        except CheckError as error:
            mishap("candidate", type(error).__name__, str(error))
            return
        evidence.outcomes.append(outcome)
        if not outcome.both_hold:
            both = outcome.baseline, outcome.candidate
            evidence.requests[outcome.keys[0]] = request_of(case, baseline, candidate, both)

    def _paired(
        self,
        case: GoldenCase,
        check: str,
        judge: Judge,
        *,
        name: str,
        baseline: Arm,
        candidate: Arm,
    ) -> PairedOutcome:
        """Judge both arms, and ask again where that may be a critical case that broke."""
        held, found = self._outcomes(baseline, candidate, case, check, judge)
        confirmation = None
        # A graded check that never holds fully cannot be counted in runs: it is as it is.
        broke = held.ok and found.value < held.value
        if case.critical and broke and candidate.error is None and repeatable(judge):
            confirmation = self._confirmed(case, check, judge, name, (held, found))
        return PairedOutcome(
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
            keys=keys_of(baseline, candidate, (held, found)),
            confirmation=confirmation,
        )

    def _mishap(
        self, case: GoldenCase, *, check: str, variant: str, role: Role, kind: str, message: str
    ) -> Mishap:
        return Mishap(
            variant=variant,
            case=case.id,
            cohort=case.cohort,
            check=check,
            source=case.source,
            role=role,
            kind=kind,
            message=self._safe(message),
            critical=case.critical,
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
        again = range(case.samples, case.samples + FURTHER_RUNS)
        for place, variant in enumerate((self.baseline, name)):
            for index in again:
                holds = self._holds(case, check, judge, variant, index)
                held[place] += variant == self.baseline if holds is None else holds
        return held[0], held[1]

    def _holds(
        self, case: GoldenCase, check: str, judge: Judge, variant: str, index: int
    ) -> bool | None:
        """Ask once more and judge that; None without an answer."""
        if isinstance(judge, Driven):
            with suppress(ProviderError):
                return driven(judge, _drive(case, variant, self.ask, index), case).ok
            return None
        answer = self.ask(job_of(case, variant, index))
        if answer.completion is None:
            return None
        return judged((answer.completion,), case, check, judge).ok

    def _outcomes(
        self, baseline: Arm, candidate: Arm, case: GoldenCase, check: str, judge: Judge
    ) -> tuple[Outcome, Outcome]:
        # One text has one outcome: no second call of a judge, and no chance to differ.
        same = reusable(judge) and baseline.says(candidate)
        if pairwise(judge):
            if same or candidate.error is not None:
                held = Outcome.of([])
                return held, held if same else self._unanswered(candidate)
            pair = compared(baseline.completions, candidate.completions, case, check, judge)
            return self._told(pair[0]), self._told(pair[1])
        held = self._told(found_in(baseline, case, check, judge))
        if same:
            return held, held
        if candidate.error is not None:
            return held, self._unanswered(candidate)
        found = found_in(candidate, case, check, judge)
        at = first_loss(held, found)
        if at is not None and isinstance(judge, Telling):
            given = baseline.given[at], candidate.given[at]
            if told := judge.beside(*given, lambda text: scrub(text, self.secrets)):
                here = (told[1] if text == told[0] else text for text in found.violations)
                found = replace(found, violations=tuple(here))
        return held, self._told(found)

    def _unanswered(self, arm: Arm) -> Outcome:
        return Outcome.of([self._safe(f"{UNANSWERED}{arm.error}")])

    def _told(self, outcome: Outcome) -> Outcome:
        if not outcome.violations:
            return outcome
        return replace(outcome, violations=tuple(map(self._safe, outcome.violations)))

    def _safe(self, text: str) -> str:
        return one_line(scrub_cut(text, self.secrets), 400)


def _drive(case: GoldenCase, variant: str, ask: Callable[[Job], Answer], repeat: int) -> Drive:
    return Drive(variant, ask, repeat=repeat, about=(case.id, case.cohort))
