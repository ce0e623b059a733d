"""Where pairs belong, and the counters of each place: cohort, check and tag.

The smallest places are counted; every wider group is their sum. What is kept grows with the number
of cohorts, checks and tags, of which there are at most `MOST` each, not with that of pairs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from pytest_quantguard._budgets import Census
from pytest_quantguard.canary.counting import Count
from pytest_quantguard.canary.measured import Plan, Sums
from pytest_quantguard.pairs import PairedMeasurement, PairedOutcome
from pytest_quantguard.verdicts import Group, LayerReading

MOST = 1000
"""Cohorts, checks and tags that are told apart, of each; more are a mistake in a rule."""


class Place:
    """The counters of one cohort, or of that part of it which has a tag."""

    __slots__ = ("checks", "layers", "sums", "whole")

    def __init__(self, plan: Plan) -> None:
        self.whole = Count()
        """Cases, their checks averaged."""
        self.checks: dict[str, Count] = {}
        self.layers: dict[tuple[str, str], Count] = {}
        """By check and layer."""
        self.sums: Sums = plan.empty()

    def add(self, outcomes: Sequence[PairedOutcome], silent: Collection[str]) -> None:
        """Count one case; ``silent``: checks of which the candidate gave no answer."""
        total = held = hidden = 0.0
        whole, wrong = self.whole, False
        for o in outcomes:
            difference, value = o.difference, o.baseline.value
            count = self.checks.get(o.check)
            if count is None:
                count = self.checks[o.check] = Count()
            count.add(difference, value)
            total += difference
            held += value
            if difference > 0:
                whole.lost += 1
            elif difference < 0:
                whole.gained += 1
            elif not value:
                wrong = True
            if o.check in silent:
                hidden += 1 - o.candidate.value
                count.hidden += 1 - o.candidate.value
            if o.baseline.layers or o.candidate.layers or o.check in silent:
                self._add_layers(o, silent)
        n = len(outcomes)
        whole.checks += n
        if n == 1:
            whole.add(total, held)
        else:
            whole.add(max(-1.0, min(1.0, round(total / n, 12))), held / n)
        whole.hidden += hidden / n
        whole.wrong += wrong and not round(total, 12)

    def _add_layers(self, outcome: PairedOutcome, silent: Collection[str]) -> None:
        known = [layer for check, layer in self.layers if check == outcome.check]
        names = dict.fromkeys((*known, *outcome.baseline.layers, *outcome.candidate.layers))
        for part in outcome.layers(names):
            count = self.layers.setdefault((outcome.check, part.layer), Count())
            count.add(part.difference, part.baseline.value)
            if outcome.check in silent:
                count.hidden += 1 - part.candidate.value


class Places:
    """All places of a run."""

    def __init__(self, plan: Plan, tags: Collection[str], *, every_tag: bool = False) -> None:
        """``tags``: those that budgets name; ``every_tag``: a budget names them all."""
        self._plan = plan
        self._tags, self._every_tag = frozenset(tags), every_tag
        self.of: dict[tuple[str | None, str], Place] = {}
        """By tag, None for all cases, and cohort."""
        self._seen: dict[str, set[str]] = {"cohort": set(), "check": set(), "tag": set()}
        self.too_many = ""
        """What there was too much of; empty while all is told apart."""

    def add(self, cohort: str, outcomes: Sequence[PairedOutcome], silent: Collection[str]) -> None:
        """Count the outcomes of one case, one at least."""
        if not self._known("cohort", cohort) or not all(
            self._known("check", o.check) for o in outcomes
        ):
            return
        self._place(None, cohort).add(outcomes, silent)
        for tag in self._asked(outcomes[0].tags):
            self._place(tag, cohort).add(outcomes, silent)

    def measure(self, found: PairedMeasurement, outcomes: Sequence[PairedOutcome]) -> None:
        """Add up what was measured of one case."""
        if not self._known("cohort", found.cohort):
            return
        self._place(None, found.cohort).sums.add(found, outcomes)
        for tag in self._asked(found.tags):
            self._place(tag, found.cohort).sums.add(found, outcomes)

    def alone(self, cohort: str, checks: Iterable[str]) -> None:
        """Count a case whose checks, one at least, have no pair: the baseline was silent."""
        if not self._known("cohort", cohort):
            return
        place = self._place(None, cohort)
        place.whole.alone += 1
        for check in checks:
            if check and self._known("check", check):
                place.checks.setdefault(check, Count()).alone += 1

    def _known(self, kind: str, name: str) -> bool:
        seen = self._seen[kind]
        if name in seen:
            return True
        if len(seen) >= MOST:
            self.too_many = self.too_many or f"more than {MOST} {kind}s: what follows was left out"
            return False
        seen.add(name)
        return True

    def _asked(self, tags: Sequence[str]) -> Iterable[str]:
        if not tags or not (self._every_tag or self._tags):
            return ()
        mine = dict.fromkeys(tags)
        return [t for t in mine if t in self._tags or (self._every_tag and self._known("tag", t))]

    def _place(self, tag: str | None, cohort: str) -> Place:
        place = self.of.get((tag, cohort))
        if place is None:
            place = self.of[tag, cohort] = Place(self._plan)
        return place

    @property
    def size(self) -> int:
        """How many counters there are."""
        return sum(2 + len(p.checks) + len(p.layers) for p in self.of.values())

    def census(self, missing: Iterable[tuple[str, str]]) -> Census:
        """Return what budgets can select from; ``missing``: cohorts and checks without a pair."""
        leaves: dict[tuple[str, str], set[str]] = {leaf: {""} for leaf in missing}
        tags: dict[str, tuple[str, ...]] = {"": ()}
        layers: dict[str, dict[str, None]] = {}
        for (tag, cohort), place in self.of.items():
            one = "" if tag is None else f"#{tag}"
            tags[one] = () if tag is None else (tag,)
            for check in place.checks:
                leaves.setdefault((cohort, check), set()).add(one)
            for check, layer in place.layers:
                layers.setdefault(check, {})[layer] = None
        return Census(leaves, tags, layers=layers)

    def count(self, group: Group) -> Count:
        """Return the counter of a group, made of its places; empty where there is none."""
        total = Count()
        for (tag, cohort), place in self.of.items():
            if tag != group.tag or group.cohort not in (None, cohort):
                continue
            if group.check is None:
                total.merge(place.whole)
            elif group.check in place.checks:
                total.merge(place.checks[group.check])
            else:
                for (check, layer), count in place.layers.items():
                    if f"{check}.{layer}" == group.check:
                        total.merge(count)
        return total

    def sums(self, group: Group) -> Sums:
        """Return what was measured in a group."""
        total = self._plan.empty()
        for (tag, cohort), place in self.of.items():
            if tag == group.tag and group.cohort in (None, cohort):
                total.merge(place.sums)
        return total

    def family(self, wanted: Iterable[Group]) -> dict[Group, Count]:
        """Return the groups that evidence is weighed in, as `_judge.grouped` has them.

        ``wanted``: the groups of budgets, of which tags and layers are in it, too.
        """
        found: dict[Group, Count] = {}
        for (tag, cohort), place in self.of.items():
            if tag is not None or not place.whole.size:
                continue
            found.setdefault(Group(), Count()).merge(place.whole)
            found[Group(cohort)] = Count().merge(place.whole)
            for check, count in place.checks.items():
                if count.size:
                    found[Group(cohort, check)] = Count().merge(count)
                    found.setdefault(Group(None, check), Count()).merge(count)
        for group in wanted:
            if group not in found and (count := self.count(group)).size:
                found[group] = count
        return found

    def layer_readings(self) -> tuple[LayerReading, ...]:
        """Return what every layer shows over all cases, and in each cohort where several are."""
        found: dict[tuple[str, str, str | None], Count] = {}
        places = {cohort: place for (tag, cohort), place in self.of.items() if tag is None}
        for cohort, place in sorted(places.items()):
            for (check, layer), count in place.layers.items():
                found.setdefault((check, layer, None), Count()).merge(count)
                if len(places) > 1:
                    found[check, layer, cohort] = count
        return tuple(
            LayerReading(
                cohort=cohort,
                check=check,
                layer=layer,
                cases=count.size,
                baseline_rate=count.rate,
                candidate_rate=count.rate - count.total / count.size,
                regressed=count.worse,
                improved=count.better,
            )
            for (check, layer, cohort), count in found.items()
        )
