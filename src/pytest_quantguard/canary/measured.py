"""Which sums the metrics of a run need, and what each metric says of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Self

from pytest_quantguard.canary.costs import CostSums
from pytest_quantguard.canary.sums import LengthSums, ShareSums, TimeSums, TotalSums
from pytest_quantguard.metrics._paired import NOTHING
from pytest_quantguard.metrics._points import Share
from pytest_quantguard.metrics._timing import Timing
from pytest_quantguard.metrics._totals import Totals
from pytest_quantguard.metrics.cost_per_success import CostPerSuccess
from pytest_quantguard.metrics.errors import Errors
from pytest_quantguard.metrics.length import Length
from pytest_quantguard.metrics.timeouts import Timeouts
from pytest_quantguard.pairs import PairedMeasurement, PairedOutcome
from pytest_quantguard.verdicts import Group, Metric, Reading


class Plan:
    """What to add up for a set of metrics; metrics of one kind of time share their sums."""

    def __init__(
        self, metrics: Mapping[str, Metric], limits: Mapping[str, Iterable[float]]
    ) -> None:
        """``limits``: those that the budgets have, by the metric's key."""
        self.metrics = metrics
        self.makers: list[Callable[[], Any]] = []
        self.place: dict[str, int] = {}
        """Number of the sums that a metric reads, by its key; others cannot be read off sums."""
        times: dict[object, int] = {}
        for key, metric in metrics.items():
            made = _maker(metric, limits)
            if made is None:
                continue
            kind = type(metric)._value if isinstance(metric, Timing) else key
            if kind not in times:
                times[kind] = len(self.makers)
                self.makers.append(made)
            elif isinstance(metric, Timing) and metric.quantile == 0.5:
                self.makers[times[kind]] = made  # it alone needs to know its limits
            self.place[key] = times[kind]
        self.serving = frozenset(
            key for key in self.place if isinstance(metrics[key], Timing | Errors | Timeouts)
        )
        """Those that are about how a request was served: each is served anew, asked before or
        not."""

    def empty(self) -> Sums:
        """Return sums of nothing."""
        return Sums(self)


def _maker(metric: Metric, limits: Mapping[str, Iterable[float]]) -> Callable[[], Any] | None:
    """Return what makes a metric's sums; None where it needs the pairs themselves."""
    if isinstance(metric, Share):
        return lambda: ShareSums(metric)
    if isinstance(metric, Timing):
        mine = tuple(dict.fromkeys(limits.get(metric.key, ()))) if metric.quantile == 0.5 else ()
        return lambda: TimeSums(metric, mine)
    if isinstance(metric, Totals):
        return lambda: TotalSums(metric)
    if isinstance(metric, Length):
        return lambda: LengthSums(metric)
    if isinstance(metric, CostPerSuccess):
        return lambda: CostSums(metric)
    return None


class Sums:
    """All that is measured in one group of pairs."""

    __slots__ = ("_costs", "_parts", "_plan", "asked")

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._parts = [make() for make in plan.makers]
        self._costs = [isinstance(part, CostSums) for part in self._parts]
        self.asked = 0
        """Pairs."""

    def add(self, found: PairedMeasurement, outcomes: Sequence[PairedOutcome]) -> None:
        """Take in one pair, with the outcomes of the checks that apply to it."""
        self.asked += 1
        for part, cost in zip(self._parts, self._costs, strict=True):
            if cost:
                part.add(found, outcomes)
            else:
                part.add(found)

    def merge(self, other: Self) -> Self:
        """Add the sums of other pairs; return this one."""
        self.asked += other.asked
        for mine, theirs in zip(self._parts, other._parts, strict=True):
            mine.merge(theirs)
        return self

    def read(self, group: Group, alpha: float) -> Reading:
        """Return what the group's metric shows; ``alpha``: one-sided error of each bound.

        Raises:
            KeyError: the metric cannot be read off sums.
        """
        key = str(group.metric)
        part, metric = self._parts[self._plan.place[key]], self._plan.metrics[key]
        if not self.asked:
            return Reading(group=group, unit=metric.unit, note=NOTHING)
        if isinstance(part, TimeSums):
            return part.read(metric, group, self.asked, alpha)  # type: ignore[arg-type]
        return part.read(group, self.asked, alpha)  # type: ignore[no-any-return]

    def p_over(self, key: str, limit: float) -> float:
        """Return a metric's p-value of "the delta is not above the limit"; 1 where unknown."""
        part = self._parts[self._plan.place[key]]
        if isinstance(part, TimeSums):
            return part.p_over(self._plan.metrics[key], limit)  # type: ignore[arg-type]
        return part.p_over(limit)  # type: ignore[no-any-return]
