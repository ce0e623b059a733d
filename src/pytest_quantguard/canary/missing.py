"""Pairs that are no evidence, counted: silence, broken checks, questions that were not the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

from pytest_quantguard._grounds import incomparable_rows, judge_row
from pytest_quantguard._plural import counted
from pytest_quantguard.pairs import Mishap, PairedOutcome
from pytest_quantguard.types import EMPTY, Swaps
from pytest_quantguard.verdicts import BudgetVerdict, Group, Verdict

KEPT = 200
"""Mishaps of each cohort that the report names; they are all counted."""
_KINDS = 50
"""Kinds of errors that are told apart."""


class Missing:
    """What is wrong with the evidence so far."""

    def __init__(self, error_groups: Sequence[Group]) -> None:
        """``error_groups``: those that have a budget on `errors`, ``*`` for every cohort."""
        self._covered = [g for g in error_groups if g.tag in (None, "*")]
        self.planned = self.compared = 0
        """Checks that were to be compared, and that were."""
        self.pairs = 0
        """Pairs of which a check was compared."""
        self.kept: list[Mishap] = []
        self.leaves: dict[tuple[str, str], None] = {}
        """Cohorts and checks that something is missing of."""
        self._kept_of: Counter[str] = Counter()
        self._crashed = 0
        self._first_crash: Mishap | None = None
        self._silent = 0
        self._silent_kinds: Counter[str] = Counter()
        self._first_silent: Mishap | None = None
        self._unanswered: Counter[tuple[str, str | None]] = Counter()
        """Requests without an answer, by cohort and check, None for any check."""
        self._unlike: Counter[tuple[str, str | None]] = Counter()
        """Pairs that cannot be compared, likewise."""
        self._unlike_wholly: Counter[str] = Counter()
        """Those of which no check was compared, by cohort."""
        self._first_unlike: Mishap | None = None
        self._all_empty = {"baseline": True, "candidate": True}
        self._judges: dict[str, list[int]] = {}

    def add(
        self, cohort: str, outcomes: Sequence[PairedOutcome], mishaps: Sequence[Mishap]
    ) -> None:
        """Take in one pair: what was compared of it, and what was not."""
        self.planned += len(outcomes)
        self.compared += len(outcomes)
        if outcomes:
            self.pairs += 1
            self._look(outcomes)
        if mishaps:
            self._add(cohort, {o.check for o in outcomes}, mishaps)

    def _look(self, outcomes: Sequence[PairedOutcome]) -> None:
        """See whether answers are empty, and whether judges agree with themselves."""
        for role, empty in self._all_empty.items():
            if empty:
                self._all_empty[role] = all(EMPTY in getattr(o, role).violations for o in outcomes)
        for o in outcomes:
            if o.baseline.swaps is not None and o.baseline.swaps.compared:
                self._swapped(o.baseline.swaps)

    def _swapped(self, swaps: Swaps) -> None:
        found = self._judges.setdefault(swaps.by, [0, 0])
        found[0] += 1
        found[1] += 2 * swaps.contradicted >= swaps.compared

    def _add(self, cohort: str, judged: Collection[str], mishaps: Sequence[Mishap]) -> None:
        self.planned += len({m.check for m in mishaps} - set(judged))
        silent, unlike = set(), set()
        gone = {(m.role, check) for m in mishaps if m.unanswered for check in (None, m.check)}
        self._unanswered.update((cohort, check) for _, check in gone)
        for m in mishaps:
            if len(self.leaves) < 100_000 and m.check:
                self.leaves[m.cohort, m.check] = None
            if self._kept_of[cohort] < KEPT:
                self._kept_of[cohort] += 1
                self.kept.append(m)
            if m.of_check:
                self._crashed += 1
                self._first_crash = self._first_crash or m
            elif m.incomparable:
                unlike.add(m.check)
                self._first_unlike = self._first_unlike or m
            elif self._against(m):
                silent.add(m.check)
        self._silent += len(silent)
        for check in (None, *unlike) if unlike else ():
            self._unlike[cohort, check] += 1
        self._unlike_wholly[cohort] += bool(unlike and not judged)

    def _against(self, mishap: Mishap) -> bool:
        """Name a silence; tell whether it counts against the evidence."""
        covered = any(g.cohort in (None, "*", mishap.cohort) for g in self._covered)
        if covered and mishap.role == "candidate":  # it has a budget of its own
            return False
        self._first_silent = self._first_silent or mishap
        if mishap.kind in self._silent_kinds or len(self._silent_kinds) < _KINDS:
            self._silent_kinds[mishap.kind] += 1
        return True

    def unanswered(self, group: Group) -> int:
        """Count the requests of a group that got no answer; a case's checks share one."""
        return _of(self._unanswered, group)

    def unlike(self, row: BudgetVerdict) -> int:
        """Count the pairs of a row's group that were not the same question for both."""
        if row.metric is not None:  # a check that was not to be compared is no word on the rest
            return sum(
                n for cohort, n in self._unlike_wholly.items() if row.cohort in (None, cohort)
            )
        if row.check is None:
            return _of(self._unlike, Group(row.cohort))
        # One without a check is about all that could have been checked.
        names = (self._whole(row.check), "")
        return sum(_of(self._unlike, Group(row.cohort, name)) for name in names)

    def _whole(self, check: str) -> str:
        """Return the check that a layer, if it is one, belongs to."""
        known = {name for _, name in self._unlike if name is not None}
        return next((name for name in known if check.startswith(f"{name}.")), check)

    def evidence_row(self, interrupted: Sequence[str], max_errors: float) -> BudgetVerdict:
        """Say whether there is evidence at all, and whether it can be trusted."""
        faults = list(interrupted)
        if not self.planned:
            faults.append("no pair of the log has anything to compare")
        elif not self.compared and not self._first_unlike:
            faults.append("not one pair could be compared")
        if self._first_crash is not None:
            first = self._first_crash
            faults.append(
                f"{counted(self._crashed, 'check')} crashed, first {first.check} on {first.case} "
                f"({first.source}): {first.message}"
            )
        if self._first_silent is not None and self._silent > max_errors * self.planned:
            kinds = ", ".join(f"{n:,} {kind}" for kind, n in self._silent_kinds.items())
            faults.append(
                f"{self._silent:,} of {counted(self.planned, 'check')} had no answer to judge "
                f"({kinds}; {100 * max_errors:g} % are allowed), "
                f"first: {self._first_silent.message} ({self._first_silent.source})"
            )
        if self.compared:
            faults += [f"every answer of the {r} is empty" for r, e in self._all_empty.items() if e]
        verdict = Verdict.PASS if self.compared else Verdict.NOT_COMPARABLE
        told = f"{self.compared:,} checks of {counted(self.pairs, 'pair')} were compared"
        return BudgetVerdict(
            cohort=None,
            check="evidence",
            max_drop=None,
            verdict=Verdict.ERROR if faults else verdict,
            reason="; ".join(faults) or told,
            cases=self.pairs,
        )

    def comparability_rows(self, reasons: Sequence[str]) -> list[BudgetVerdict]:
        """Say why the arms, or which pairs, were not the same question for both."""
        said, found = list(reasons), _of(self._unlike, Group())
        if self._first_unlike is not None:
            first = self._first_unlike
            said.append(
                f"{counted(found, 'pair')} cannot be compared, first {first.case} "
                f"({first.source}): {first.message}"
            )
        return incomparable_rows(said, found)

    def judge_rows(self) -> list[BudgetVerdict]:
        """Say of each judge how often the order of the answers decided."""
        return [judge_row(name, n, count, n) for name, (n, count) in sorted(self._judges.items())]


def _of(found: Counter[tuple[str, str | None]], group: Group) -> int:
    return sum(
        n
        for (cohort, check), n in found.items()
        if group.cohort in (None, cohort) and check == group.check
    )
