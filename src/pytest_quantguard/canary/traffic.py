"""What a million pairs leave behind: counters, sums, and the first few losses of each kind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

from pytest_quantguard.canary.feedback import FeedbackSums, feedback_metrics
from pytest_quantguard.canary.measured import Plan
from pytest_quantguard.canary.missing import Missing
from pytest_quantguard.canary.places import MOST, Places
from pytest_quantguard.canary.records import Feedback, Step
from pytest_quantguard.pairs import Mishap, PairedOutcome
from pytest_quantguard.verdicts import Budget

EXAMPLES = 200
"""Losses of each cohort and check that the report shows: the first ones. All are counted."""
MOST_EXAMPLES = 10_000
"""In all."""


class Traffic:
    """Everything that was counted so far."""

    def __init__(self, plan: Plan, budgets: Sequence[Budget]) -> None:
        """``budgets``: which tags to tell apart, and whose silence has a budget of its own."""
        tags = {b.tag for b in budgets if b.tag is not None}
        self.places = Places(plan, tags - {"*"}, every_tag="*" in tags)
        self.again = Places(plan, tags - {"*"}, every_tag="*" in tags)
        """What asks the same again; see `repeats`."""
        self.repeated = 0
        """Pairs of that kind."""
        self.missing = Missing([b.group for b in budgets if b.metric == "errors"])
        self.feedback: dict[str | None, dict[str, FeedbackSums]] = {}
        """By cohort, None for all, and metric."""
        self.examples: list[PairedOutcome] = []
        self._examples_of: Counter[tuple[str, str]] = Counter()
        self._feedback_metrics = feedback_metrics()

    def take(self, step: Step) -> bool:
        """Count one pair; return whether an outcome of it is kept as an example."""
        outcomes, broken = _sound(step)
        mishaps = (*step.mishaps, *broken)
        self.missing.add(step.cohort, outcomes, mishaps)
        silent: Collection[str] = ()
        if mishaps:
            unanswered = [m for m in mishaps if m.unanswered]
            # A loss that is one only since the candidate was silent.
            silent = {m.check for m in unanswered if m.role == "candidate"}
            if alone := {m.check for m in unanswered} - {o.check for o in outcomes}:
                self.places.alone(step.cohort, alone)
        places = self.again if step.again else self.places
        self.repeated += step.again
        if outcomes:
            places.add(step.cohort, outcomes, silent)
        if step.measurement is not None:
            places.measure(step.measurement, outcomes)
        ours, theirs = step.feedback
        if (ours is not None and ours.known) or (theirs is not None and theirs.known):
            self._take_feedback(step.cohort, ours, theirs)
        return not step.again and self._keep(outcomes)

    def _take_feedback(self, cohort: str, ours: Feedback | None, theirs: Feedback | None) -> None:
        for place in (None, cohort):
            sums = self.feedback.get(place)
            if sums is None:
                if len(self.feedback) > MOST:
                    self.places.too_many = f"more than {MOST} cohorts: what follows was left out"
                    continue
                sums = {k: FeedbackSums(m) for k, m in self._feedback_metrics.items()}
                self.feedback[place] = sums
            for one in sums.values():
                one.add(ours, theirs, cohort)

    def _keep(self, outcomes: Sequence[PairedOutcome]) -> bool:
        kept = False
        for o in outcomes:
            if o.difference > 0 and len(self.examples) < MOST_EXAMPLES:
                key = (o.cohort, o.check)
                if self._examples_of[key] < EXAMPLES:
                    self._examples_of[key] += 1
                    self.examples.append(o)
                    kept = True
        return kept


def _sound(step: Step) -> tuple[tuple[PairedOutcome, ...], list[Mishap]]:
    """Return the outcomes that can be counted, and a mishap for each that cannot."""
    for o in step.outcomes:
        if not (0 <= o.baseline.value <= 1 and 0 <= o.candidate.value <= 1):
            break
    else:
        return step.outcomes, []
    sound, broken = [], []
    for o in step.outcomes:
        values = (o.baseline.value, o.candidate.value)
        if all(0 <= value <= 1 for value in values):
            sound.append(o)
            continue
        broken.append(
            Mishap(
                variant=o.variant,
                case=o.case,
                cohort=o.cohort,
                check=o.check,
                source=step.source,
                role="candidate",
                kind="CheckError",
                message=f"the check returned {values[0]} and {values[1]}, not shares in [0, 1]",
            )
        )
    return tuple(sound), broken
