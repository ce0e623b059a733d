"""What users did with the answers: thumbs down, the same asked again, a person called in.

Where each request was shown both answers the two are paired. Where traffic is split each has one
arm, and the arms are compared as two groups of requests.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import ClassVar

from pytest_quantguard import stats
from pytest_quantguard._plural import counted
from pytest_quantguard.canary.counting import Count
from pytest_quantguard.canary.records import Feedback
from pytest_quantguard.canary.windows import Windows
from pytest_quantguard.metrics._paired import (
    ALPHA,
    LEAST_SHARE,
    check_decidable,
    check_share,
    known,
    sentences,
)
from pytest_quantguard.pairs import PairedMeasurement, PairedOutcome
from pytest_quantguard.verdicts import Delta, Group, Reading, Unit

METRICS = ("thumbs_down", "retries", "escalations")
"""Keys of the metrics of feedback, which budgets of a canary may name."""


class FromFeedback:
    """A share of the requests that users were not content with. Delta: its rise, in points."""

    __slots__ = ()

    unit: ClassVar[Unit] = "points"
    both_ways: ClassVar[bool] = False
    report_only: ClassVar[bool] = False
    key: ClassVar[str]

    def value(self, found: Feedback) -> float | None:
        """Return it for one request, in [0, 1]; None = not known."""
        raise NotImplementedError

    def read(
        self,
        group: Group,
        measurements: Sequence[PairedMeasurement],
        outcomes: Sequence[PairedOutcome],
    ) -> Reading:
        """Return that nothing is known: only recorded traffic has feedback."""
        note = "only recorded traffic has feedback: pytest --quant-pairs"
        return Reading(group=group._replace(metric=self.key), unit=self.unit, note=note)

    def p_over(
        self,
        measurements: Sequence[PairedMeasurement],
        outcomes: Sequence[PairedOutcome],
        limit: float,
    ) -> float:
        """Return 1: nothing is known."""
        return 1.0

    def floor(self, limit: float) -> int:
        """Return the fewest pairs with which a budget can pass where none differs.

        Raises:
            ValueError: unless the limit is a share from 0.0001 to 1.
        """
        check_share(limit)
        check_decidable(limit, LEAST_SHARE, "0.01 pt")
        return stats.pass_floor(limit, ALPHA)


@dataclass(frozen=True, slots=True, kw_only=True)
class ThumbsDown(FromFeedback):
    """Share of rated answers that were rated badly; a rating in between counts in part.

    Example:
        budgets:
          - {metric: thumbs_down, max_rise: 1 pt}
    """

    key: ClassVar[str] = "thumbs_down"

    def value(self, found: Feedback) -> float | None:
        """Return 1 for a thumb down."""
        up = known(found.thumbs, most=1)
        return None if up is None else 1 - up


@dataclass(frozen=True, slots=True, kw_only=True)
class Retries(FromFeedback):
    """Share of requests that the user asked again.

    Example:
        budgets:
          - {metric: retries, max_rise: 1 pt}
    """

    key: ClassVar[str] = "retries"

    def value(self, found: Feedback) -> float | None:
        """Return 1 where the same was asked again."""
        return None if found.retried is None else float(found.retried)


@dataclass(frozen=True, slots=True, kw_only=True)
class Escalations(FromFeedback):
    """Share of requests that a person had to take over.

    Example:
        budgets:
          - {metric: escalations, max_rise: 0.5 pt}
    """

    key: ClassVar[str] = "escalations"

    def value(self, found: Feedback) -> float | None:
        """Return 1 where a person took over."""
        return None if found.escalated is None else float(found.escalated)


def feedback_metrics() -> dict[str, FromFeedback]:
    """Return the metrics of feedback by key."""
    return {metric.key: metric for metric in (ThumbsDown(), Retries(), Escalations())}


class FeedbackSums:
    """One metric of feedback, counted: pairs, and requests of one arm alone."""

    __slots__ = ("_metric", "_n", "_paired", "_split", "_windows")

    def __init__(self, metric: FromFeedback) -> None:
        self._metric = metric
        self._paired = Count()
        self._split = stats.SplitEvidence()
        self._n = [0, 0]
        self._windows: dict[str, Windows] = {}
        """By cohort."""

    def add(self, ours: Feedback | None, theirs: Feedback | None, cohort: str = "") -> None:
        """Take in what is known of one request in the baseline and in the candidate."""
        before = None if ours is None else self._metric.value(ours)
        after = None if theirs is None else self._metric.value(theirs)
        if before is not None and after is not None:
            self._paired.add(round(after - before, 12), before)
            return
        for arm, value in enumerate((before, after)):
            if value is not None:
                self._n[arm] += 1
                self._windows.setdefault(cohort, Windows()).add(value, arm)
                self._split.add(value, candidate=arm == 1, stratum=cohort)

    @property
    def paired(self) -> bool:
        """True where pairs are judged: there are as many as requests of an arm alone, or more.

        Which of the two there is has nothing to do with what users thought.
        """
        return self._paired.size >= min(self._n)

    def read(self, group: Group, alpha: float) -> Reading:
        """Return what users thought; ``alpha``: of each bound."""
        if self.paired:
            return self._read_paired(group, alpha)
        n_b, n_c = self._n
        pairs = counted(self._paired.size, "pair")
        table = self._table
        if table is None:
            note = "at no time both arms had requests with feedback"
            return Reading(group=group, unit=self._metric.unit, note=note, cases=n_b + n_c)
        before, after = table.count_b / table.n_b, table.count_c / table.n_c
        low, high = stats.split_interval(*table, 1 - 2 * alpha)
        return Reading(
            group=group,
            unit=self._metric.unit,
            delta=Delta(value=after - before, low=low, high=high, n=n_b + n_c),
            baseline=before,
            candidate=after,
            cases=n_b + n_c,
            note=sentences(
                f"{n_b:,} requests of the baseline, {n_c:,} others of the candidate",
                f"{pairs} left out" if self._paired.size else "",
            ),
        )

    @property
    def _table(self) -> stats.SplitTable | None:
        """Both arms, weighed as if they had had the same part of each window's traffic."""
        return stats.split_standard(chain.from_iterable(self._windows.values()))

    def _read_paired(self, group: Group, alpha: float) -> Reading:
        n, alone = self._paired.size, sum(self._n)
        if not n:
            arm = ("candidate", "baseline")[bool(self._n[1])]
            note = f"no feedback on the {arm}'s answers" if alone else "no feedback in the log"
            return Reading(group=group, unit=self._metric.unit, note=note, cases=alone)
        table = self._paired.table
        low, high = stats.loss_interval(table, 1 - 2 * alpha)
        return Reading(
            group=group,
            unit=self._metric.unit,
            delta=Delta(value=table.drop, low=low, high=high, n=table.n),
            baseline=self._paired.rate,
            candidate=self._paired.rate + self._paired.total / n,
            cases=n,
            note=f"{counted(alone, 'request')} of one arm left out" if alone else "",
        )

    @property
    def always(self) -> bool:
        """True where `p_over` with a limit of 0 holds at every look."""
        return not self.paired

    def p_over(self, limit: float) -> float:
        """Return the p-value of "the rise is not above the limit"; 1 where nothing is known.

        Of split traffic and a limit of 0 it is that of `stats.SplitEvidence`.
        """
        if self.paired:
            return stats.loss_p(self._paired.table, limit) if self._paired.size else 1.0
        if limit == 0:
            return self._split.p
        table = self._table
        return 1.0 if table is None else stats.split_p(*table, limit)
