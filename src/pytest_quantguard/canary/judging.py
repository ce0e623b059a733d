"""A million mirrored pairs, one after the other, to verdicts: counted, looked at, never kept.

    >>> from pytest_quantguard import Budget, Outcome, PairedOutcome
    >>> from pytest_quantguard.types import Source
    >>> held, broke = Outcome.of([]), Outcome.of(["not JSON"])
    >>> judge = CanaryJudge([Budget(max_drop=0.05)], sequential=True)
    >>> for line in range(1, 10_001):
    ...     after = broke if line % 8 == 0 else held
    ...     source = Source(file="mirror.jsonl", line=line)
    ...     outcome = PairedOutcome(
    ...         case=str(line), cohort="json", check="json", baseline=held, candidate=after
    ...     )
    ...     _ = judge.take(Step(cohort="json", outcomes=(outcome,), source=source))
    ...     if judge.decided():
    ...         break
    >>> judge.pairs, judge.report().verdict
    (250, <Verdict.FAIL: 'fail'>)

`docs/canary.md` explains what is looked at when; the rule itself is that of the gate.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from pytest_quantguard import _budgets
from pytest_quantguard._decide import ALPHA_FAIL, EvidenceRule, Family, weigh
from pytest_quantguard._grounds import unmatched, without_numbers
from pytest_quantguard._judge import expanded, noisy, worst_of
from pytest_quantguard._noise import Noise
from pytest_quantguard._noticed import differences_of
from pytest_quantguard._registry import built_in_metrics
from pytest_quantguard.canary.counting import Count
from pytest_quantguard.canary.feedback import FeedbackSums, feedback_metrics
from pytest_quantguard.canary.looking import Schedule, Trigger, Weights, error_of
from pytest_quantguard.canary.measured import Plan, Sums
from pytest_quantguard.canary.records import Step
from pytest_quantguard.canary.repeats import note_of, outweighed
from pytest_quantguard.canary.rows import Error, Summed, metric_rows, rate_rows, withheld
from pytest_quantguard.canary.telling import at_the_end, cut_off, group_of, rollbacks, told
from pytest_quantguard.canary.traffic import Traffic
from pytest_quantguard.errors import ConfigError
from pytest_quantguard.metrics._paired import ALPHA
from pytest_quantguard.types import Source
from pytest_quantguard.variants import Variant
from pytest_quantguard.verdicts import (
    Budget,
    BudgetVerdict,
    CandidateReport,
    CohortCounts,
    Group,
    Metric,
    Reading,
    Verdict,
)

_UNNAMED = Variant(name="candidate", provider="", model="")
_START = Source(file="", line=1)


class CanaryJudge:
    """Judges one candidate on pairs that come one after the other.

    What it keeps grows with the number of cohorts, checks and budgets, not with that of pairs.
    Without ``sequential`` it judges as `_judge.judge` judges the same pairs: the same verdicts on
    the same numbers, but that times are counted in bins of one per cent.
    """

    def __init__(
        self,
        budgets: Sequence[Budget],
        *,
        variant: Variant = _UNNAMED,
        metrics: Mapping[str, Metric] | None = None,
        max_errors: float = 0.01,
        evidence: EvidenceRule = "dual",
        sequential: bool = False,
        noise: Noise | None = None,
    ) -> None:
        """Take the terms.

        Args:
            budgets: what is allowed; those with ``*`` become one for each cohort, check or tag
                that occurs.
            variant: the candidate, for the report.
            metrics: the metrics by key, those of feedback always among them; the built-in ones
                when left out.
            max_errors: share of the checks, in [0, 1], that may have no answer to read.
            evidence: what a FAIL takes; see `_decide.EvidenceRule`.
            sequential: whether reading may stop as soon as the verdict stands.
            noise: what differs between two runs of the baseline, if known.

        Raises:
            ConfigError: two budgets for one group.
            ValueError: a share that is none.
        """
        if not 0 <= max_errors <= 1:
            raise ValueError(f"max_errors is {max_errors}; a share lies between 0 and 1")
        expanded([b for b in budgets if not _starred(b)], _budgets.Census)
        self.pairs = 0
        """Pairs, and requests of one arm, taken so far."""
        self._budgets = tuple(budgets)
        self._variant, self._noise = variant, noise
        self._max_errors, self._evidence = max_errors, evidence
        self._sequential = sequential
        self._feedback_metrics = feedback_metrics()
        self._metrics = dict(built_in_metrics() if metrics is None else metrics)
        self._metrics = {k: m for k, m in self._metrics.items() if k not in self._feedback_metrics}
        plan = Plan(self._metrics, _limits(budgets))
        self._plan = plan
        self._traffic = Traffic(plan, budgets)
        self._schedule, self._weights = Schedule(), Weights()
        self._next = self._schedule.next
        self._triggers: dict[Group, Trigger] = {}
        self._source = _START
        self._stopped: Error | None = None
        """The error that the deciding look may make; None while nothing is decided."""
        self._cut = False
        """True where a loss decided between two looks that may conclude PASS."""

    # --- taking in ------------------------------------------------------------------------------

    def take(self, step: Step) -> bool:
        """Count one pair; return whether an outcome of it is kept as an example.

        Once the verdict is decided nothing more is counted.
        """
        if self._stopped is not None:
            return False
        self.pairs += 1
        self._source = step.source
        kept = self._traffic.take(step)
        if self.pairs >= self._next:
            self._look()
        return kept

    # --- looking --------------------------------------------------------------------------------

    def decided(self) -> bool:
        """Tell whether the verdict stands, so that nothing more need be read."""
        return self._stopped is not None

    def _look(self) -> None:
        budgets = self._expanded()[0]
        cases = self._cases(budgets)
        error = error_of(self._schedule.look + 1)
        family = self._family(cases, error)
        shown = family.log_evidence >= math.log(1 / ALPHA_FAIL)
        due = self._schedule.after(
            self.pairs, self._traffic.places.size + len(budgets), shown=shown
        )
        self._next = self._schedule.next
        if not self._sequential:
            if shown:
                self._note_triggers(budgets, cases, family, Error())
            return
        if due:
            error = error_of(self._schedule.look)
        # The test of ``strict`` is one of a fixed size: it does not hold between its looks.
        lost = shown and (due or self._evidence == "dual")
        lost = lost and self._note_triggers(budgets, cases, family, error)
        if due:
            report = self._report(error, ())
            if report.verdict in (Verdict.PASS, Verdict.FAIL, Verdict.NOT_COMPARABLE):
                self._stopped = error
        elif lost:
            self._cut = True
            if self._report(error, ()).verdict is Verdict.FAIL:
                self._stopped = error
            else:
                self._cut = False

    def _family(self, cases: Mapping[Group, Count], error: Error) -> Family:
        if self._sequential:
            return self._weights.family(cases, error.failing)
        return weigh(cases)

    def _note_triggers(
        self,
        budgets: Sequence[Budget],
        cases: Mapping[Group, Count],
        family: Family,
        error: Error,
    ) -> bool:
        """Note which budgets are exceeded at this look; tell whether any is."""
        rows = self._rates(budgets, cases, family, error)
        failed = [group_of(row) for row in rows if row.verdict is Verdict.FAIL]
        for group in failed:
            found = Trigger(self.pairs, self._source, family.log_evidence)
            self._triggers.setdefault(group, found)
        return bool(failed)

    # --- judging --------------------------------------------------------------------------------

    def report(
        self,
        *,
        interrupted: Sequence[str] = (),
        incomparable: Sequence[str] = (),
        quantization_note: str = "",
        remarks: Sequence[str] = (),
    ) -> CandidateReport:
        """Judge what was taken so far.

        Args:
            interrupted: sentences that say why the evidence as a whole cannot be trusted.
            incomparable: sentences that say why no delta between the arms means anything.
            quantization_note: what is known of the candidate's precision.
            remarks: further sentences for the notes of the report.

        Raises:
            ConfigError: two budgets for one group.
        """
        error = self._stopped or Error()
        if self._sequential and self._stopped is None:
            error = error_of(self._schedule.look + 1, early=False)
        found = self._report(error, interrupted, incomparable)
        return replace(found, quantization_note=quantization_note, notes=(*found.notes, *remarks))

    def _report(
        self, error: Error, interrupted: Sequence[str], incomparable: Sequence[str] = ()
    ) -> CandidateReport:
        budgets, unmatched = self._expanded()
        cases = self._cases(budgets)
        family = self._family(cases, error)
        missing = self._traffic.missing
        unlike = missing.comparability_rows(incomparable)
        grounds = [self._evidence_row(interrupted), *unlike, *missing.judge_rows()]
        rows = [*unmatched, *self._rates(budgets, cases, family, error)]
        rows += self._measures(budgets, error)
        traffic = self._traffic
        rows = outweighed(rows, budgets, self._plan, traffic.places, traffic.again)
        rows = withheld(noisy(rows, self._noise), missing)
        here = Trigger(self.pairs, self._source, family.log_evidence)
        rows = [told(cut_off(row) if self._cut else row, self._triggers, here) for row in rows]
        unsound, wholly = any(r.verdict is Verdict.ERROR for r in grounds), bool(incomparable)
        if unsound:
            reason = "not judged: the evidence itself is in error"
            rows = [without_numbers(row, Verdict.ERROR, reason) for row in rows]
        elif wholly:
            reason = "no delta is quoted: the two cannot be compared"
            rows = [without_numbers(row, Verdict.NOT_COMPARABLE, reason) for row in rows]
        silent = unsound or wholly or Group() not in cases
        rows = grounds + rows
        return CandidateReport(
            variant=self._variant,
            verdict=worst_of(row.verdict for row in rows),
            budgets=tuple(rows),
            outcomes=tuple(sorted(self._traffic.examples, key=lambda o: (o.cohort, o.case))),
            mishaps=tuple(missing.kept),
            log_evidence=0.0 if wholly else family.log_evidence,
            readings=() if unlike else self._readings(),
            layers=() if unlike else self._traffic.places.layer_readings(),
            notes=() if silent else tuple(self._notes(cases[Group()], rows, here)),
            counted=self._counted(),
        )

    def _notes(self, suite: Count, rows: Sequence[BudgetVerdict], here: Trigger) -> list[str]:
        notes = [differences_of(suite.checks, suite.lost, suite.gained, suite)]
        repeated, places = self._traffic.repeated, self._traffic.places.of
        notes += note_of(repeated, self.pairs, {cohort for _, cohort in places})
        if self._noise:
            notes.append(self._noise.sentence())
        notes += rollbacks(rows, {**at_the_end(rows, here), **self._triggers})
        if self._stopped is not None:
            notes.append(f"Decided after {self.pairs:,} pairs, at {self._source}: not read further")
        return notes

    def _counted(self) -> tuple[CohortCounts, ...]:
        places, missing = self._traffic.places, self._traffic.missing
        sums = {cohort: place.whole for (tag, cohort), place in places.of.items() if tag is None}
        return tuple(
            CohortCounts(
                cohort=cohort,
                cases=count.size,
                regressed=count.worse,
                improved=count.better,
                both_wrong=count.wrong,
                unanswered=missing.unanswered(Group(cohort)),
            )
            for cohort, count in sorted(sums.items())
        )

    def _expanded(self) -> tuple[tuple[Budget, ...], list[BudgetVerdict]]:
        """Return the budgets without stars, and rows for stars that match nothing: an ERROR."""
        census = self._traffic.places.census(self._traffic.missing.leaves)
        found, rows = [], []
        for budget in self._budgets:
            try:
                if _starred(budget):
                    _budgets.expand([budget], census)
                found.append(budget)
            except ConfigError:
                rows.append(unmatched(budget, "pair"))
        return expanded(found, lambda: census), rows

    def _cases(self, budgets: Sequence[Budget]) -> dict[Group, Count]:
        return self._traffic.places.family(b.group for b in budgets if b.metric is None)

    def _evidence_row(self, interrupted: Sequence[str]) -> BudgetVerdict:
        faults = [*interrupted, *filter(None, [self._traffic.places.too_many])]
        if self._traffic.missing.planned and not self._budgets:
            faults.append("no budget: nothing was judged")
        row = self._traffic.missing.evidence_row(faults, self._max_errors)
        wholly_feedback = (
            bool(self._traffic.feedback) and not self._traffic.missing.planned and not faults
        )
        if not wholly_feedback:
            return row
        told = f"{self.pairs:,} requests of split traffic: only what users did can be compared"
        return replace(row, verdict=Verdict.PASS, reason=told)

    def _rates(
        self,
        budgets: Sequence[Budget],
        cases: Mapping[Group, Count],
        family: Family,
        error: Error,
    ) -> list[BudgetVerdict]:
        return rate_rows(
            [budget for budget in budgets if budget.metric is None],
            cases,
            family,
            evidence=self._evidence,
            error=error,
            pairs=self.pairs,
            missing=self._traffic.missing,
            examples=self._traffic.examples,
        )

    def _measures(self, budgets: Sequence[Budget], error: Error) -> list[BudgetVerdict]:
        return metric_rows(
            [budget for budget in budgets if budget.metric is not None],
            {**self._metrics, **self._feedback_metrics},
            self._summed,
            evidence=self._evidence,
            error=error,
            pairs=self.pairs,
        )

    def _summed(self, group: Group) -> Summed:
        """Return what a budget's metric says in its group."""
        key = str(group.metric)
        if key in self._feedback_metrics:
            empty = {key: FeedbackSums(self._feedback_metrics[key])}
            return Summed.of_feedback(group, self._traffic.feedback.get(group.cohort, empty)[key])
        sums = self._sums(group, key)
        return Summed(
            lambda alpha: sums.read(group, alpha),
            lambda limit: sums.p_over(key, limit),
            reads=key in self._plan.place,
        )

    def _sums(self, group: Group, key: str) -> Sums:
        """Return the sums of a metric: how requests were served is told of repeated ones, too."""
        sums = self._traffic.places.sums(group)
        return sums.merge(self._traffic.again.sums(group)) if key in self._plan.serving else sums

    def _readings(self) -> tuple[Reading, ...]:
        """Return what every metric shows over all pairs, then in each cohort where several are."""
        names = sorted({cohort for tag, cohort in self._traffic.places.of if tag is None})
        found: list[Reading] = []
        for cohort in (None, *names) if len(names) > 1 else (None,):
            for key in self._plan.place:
                group = Group(cohort, metric=key)
                found.append(self._sums(group, key).read(group, ALPHA))
            for key, one in self._traffic.feedback.get(cohort, {}).items():
                found.append(one.read(Group(cohort, metric=key), ALPHA))
        return tuple(r for r in found if r.delta or (r.note and r.cases))


def _starred(budget: Budget) -> bool:
    return "*" in (budget.cohort, budget.check, budget.tag)


def _limits(budgets: Sequence[Budget]) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for budget in budgets:
        if budget.metric is not None and budget.max_ratio is not None:
            found.setdefault(budget.metric, []).append(budget.max_ratio)
    return found
