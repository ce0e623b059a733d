"""The decision rule on plain numbers: differences and budgets in, verdicts out.

With positive differences meaning "candidate worse", a budget FAILS when the whole run is evidence
of at least 100 : 1 that something got worse, this group is to blame, and its estimated loss exceeds
the budget (``strict`` asks for proof that the budget itself is exceeded); it PASSES when the upper
confidence bound of its loss is inside the budget; otherwise it is INCONCLUSIVE.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

from pytest_quantguard import stats
from pytest_quantguard._plural import counted
from pytest_quantguard.verdicts import Budget, Delta, Group, Verdict

ALPHA_PASS = 0.05
"""Nominal probability that a budget passes although the loss is as large as the budget."""
ALPHA_FAIL = 0.01
"""Largest probability, over a whole run, of any FAIL without a loss: evidence of 100 : 1."""
LEVEL_WEIGHTS = {"leaf": 0.4, "cohort": 0.2, "check": 0.2, "suite": 0.2, "tag": 0.2}
"""Share of the evidence that each level of groups has; relative, split evenly inside a level."""

EvidenceRule = Literal["dual", "strict"]
"""What a FAIL takes: ``dual``, a real loss whose estimate is over the budget; ``strict``, proof
that the loss is over the budget, which takes three to four times as many cases."""


class Counted(Protocol):
    """What the rule needs of one group's cases, kept or only counted: nothing but numbers."""

    @property
    def size(self) -> int:
        """How many cases there are."""
        ...

    @property
    def rate(self) -> float:
        """Weighted share of cases that hold in the baseline, in [0, 1]."""
        ...

    @property
    def table(self) -> stats.PairedCounts:
        """The fourfold table that the differences match by their moments."""
        ...

    @property
    def signs(self) -> tuple[int, int]:
        """How many cases got worse, and how many better."""
        ...

    @property
    def whole(self) -> bool:
        """True where every difference is -1, 0 or 1."""
        ...


class Cases(NamedTuple):
    """One group's cases, one number per case: repeats and checks are averaged before."""

    differences: Sequence[float]
    """Baseline minus candidate, in [-1, 1]."""
    baseline: Sequence[float]
    """Share of the case that holds in the baseline, in [0, 1]."""
    weights: Sequence[float] | None = None

    @property
    def rate(self) -> float:
        """Weighted share of cases that hold in the baseline."""
        if self.weights is None:
            return math.fsum(self.baseline) / len(self.baseline)
        products = (b * w for b, w in zip(self.baseline, self.weights, strict=True))
        return math.fsum(products) / math.fsum(self.weights)

    @property
    def size(self) -> int:
        """How many cases there are."""
        return len(self.differences)

    @property
    def table(self) -> stats.PairedCounts:
        """The fourfold table that the differences match by their moments."""
        return stats.paired_counts(self.differences, self.weights)

    @property
    def signs(self) -> tuple[int, int]:
        """How many cases got worse, and how many better."""
        return sum(d > 0 for d in self.differences), sum(d < 0 for d in self.differences)

    @property
    def whole(self) -> bool:
        """True where every difference is -1, 0 or 1."""
        return all(d in (-1, 0, 1) for d in self.differences)


@dataclass(frozen=True, slots=True)
class Family:
    """The evidence of a whole run, and which groups it comes from."""

    log_evidence: float = 0.0
    log_of: Mapping[Group, float] | None = None
    share_of: Mapping[Group, float] | None = None
    """Part that each group has in the evidence, in (0, 1]."""
    strongest: Group | None = None
    strongest_drop: float = 0.0
    """Estimated loss of the strongest group, a share of its cases."""
    rejected: frozenset[Group] = frozenset()

    def blames(self, group: Group, limit: float) -> bool:
        """Tell whether the run is evidence enough, and this group a source of it.

        A member of the strongest group is to blame by its company only where that company as a
        whole lost more than the member's ``limit``: evidence that many cases lost a little is none
        that some few lost much.
        """
        if self.strongest is None or self.log_evidence < math.log(1 / ALPHA_FAIL):
            return False
        company = self.strongest_drop > limit and _within(group, self.strongest)
        return group in self.rejected or company


@dataclass(frozen=True, slots=True)
class Decision:
    """One budget, decided."""

    verdict: Verdict
    reason: str
    delta: Delta
    rate: float
    """Share of cases that hold in the baseline."""
    log_evidence: float
    more: int | None = None
    """About how many more cases of the group would settle it; None where that is not known."""


def decide(
    budgets: Iterable[Budget],
    cases: Mapping[Group, Counted],
    *,
    evidence: EvidenceRule = "dual",
    alpha_pass: float = ALPHA_PASS,
    alpha_strict: float = ALPHA_FAIL,
    family: Family | None = None,
    early: bool | None = None,
) -> dict[Group, Decision]:
    """Decide budgets on the share of cases that hold.

    Args:
        budgets: without ``*`` and without metric; each one's group must be among the cases.
        cases: all groups of the run: every (cohort, check), cohort, check, the suite ``Group()``
            and the tags that budgets name. They are the family in which evidence is weighed.
        evidence: see `EvidenceRule`.
        alpha_pass: one-sided error of this look; less than `ALPHA_PASS` when it is one of several.
        alpha_strict: that of FAIL under ``strict``; the evidence of ``dual`` holds at every look.
        family: the evidence of the cases, where it has been weighed already.
        early: True where further looks are planned, so that what PASS would take cannot be told;
            when left out, where less than half of `ALPHA_PASS` may be spent.

    Raises:
        KeyError: a budget's group is not among the cases.
        ValueError: a difference outside [-1, 1], or a weight that is none.
    """
    family = family or weigh(cases, alpha_strict)
    early = alpha_pass < ALPHA_PASS / 2 if early is None else early
    tables: list[tuple[Budget, float, stats.PairedCounts]] = []
    for budget in budgets:
        found = cases[budget.group]
        tables.append((budget, limit_of(budget, found.rate), found.table))
    proven: frozenset[Group] = frozenset()
    if evidence == "strict" and tables:
        p_values = {budget.group: stats.loss_p(counts, limit) for budget, limit, counts in tables}
        proven = stats.holm(p_values, alpha_strict)
    decisions: dict[Group, Decision] = {}
    for budget, limit, counts in tables:
        group = budget.group
        blamed = group in proven if evidence == "strict" else family.blames(group, limit)
        verdict, reason, more = _verdict(counts, limit, blamed, alpha_pass, early)
        if verdict is Verdict.INCONCLUSIVE and counts.drop >= limit and evidence == "dual":
            reason, more = _open(group, cases, family)
        if verdict is not Verdict.FAIL and cases[group].rate <= limit:  # no number of cases helps
            verdict, reason, more = _nothing_to_lose(cases[group].rate, limit)
        low, high = stats.loss_interval(counts, confidence=1 - 2 * ALPHA_PASS)
        decisions[group] = Decision(
            verdict,
            reason,
            Delta(value=counts.drop, low=low, high=high, n=counts.n),
            cases[group].rate,
            (family.log_of or {})[group],
            more,
        )
    return decisions


def limit_of(budget: Budget, rate: float) -> float:
    """Return a budget as a share of the cases; ``rate`` is the baseline's, for relative ones.

    A relative budget is a share of the rate that the baseline reached on these cases.
    """
    if budget.max_drop is None:
        raise ValueError(f"the budget of {budget.group} has no max_drop")
    return max(budget.max_drop * rate, 1e-9) if budget.relative else budget.max_drop


def _verdict(
    counts: stats.PairedCounts, limit: float, blamed: bool, alpha_pass: float, early: bool
) -> tuple[Verdict, str, int | None]:
    value, allowed = counts.drop, f"{100 * limit:.3g} pt"
    if blamed and value > limit:
        return Verdict.FAIL, f"worse by {100 * value:.1f} pt, more than the {allowed} allowed", None
    upper = stats.loss_upper(counts, alpha=alpha_pass)
    if upper < limit:
        said = f"at most {100 * upper:.1f} pt worse, inside the {allowed} allowed"
        return Verdict.PASS, said, None
    if value >= limit:
        return (
            Verdict.INCONCLUSIVE,
            "over the budget, but this could still be chance: needs more cases",
            None,
        )
    if early:  # what it would take at the last look is not known
        return Verdict.INCONCLUSIVE, "open: nothing contradicts the budget at this early look", None
    more = stats.cases_to_pass(counts, limit, alpha_pass)
    enough = math.ceil(1000 * upper + 1e-9) / 10  # rounded up: a budget that would really pass
    if more is None:
        return (
            Verdict.INCONCLUSIVE,
            f"as large as the budget; a budget of {enough:.1f} pt would pass",
            None,
        )
    more = max(1, more)
    return (
        Verdict.INCONCLUSIVE,
        f"needs about {counted(more, 'more such case')}, or a budget of {enough:.1f} pt",
        more,
    )


def _nothing_to_lose(rate: float, limit: float) -> tuple[Verdict, str, None]:
    """A budget that no candidate could exceed shows nothing by being kept."""
    said = (
        f"the baseline holds on only {100 * rate:.1f} % of these cases, so that no candidate could "
        f"lose more than the {100 * limit:.3g} pt allowed: mend the cases or their checks"
    )
    return Verdict.INCONCLUSIVE, said, None


def _open(group: Group, cases: Mapping[Group, Counted], family: Family) -> tuple[str, int | None]:
    """Say how many further cases of the group would settle it, if all rates went on."""
    text = "over the budget, but this could still be chance"
    shares = family.share_of or {}
    groups = {g: (shares[g], *found.signs) for g, found in cases.items()}
    needed = math.log(1 / ALPHA_FAIL)
    if family.log_evidence >= needed:  # a loss is shown; that it is this group's is not
        text = "over the budget; the run did lose, but that it was here could still be chance"
        groups, needed = {group: groups[group]}, needed - math.log(shares[group])
    stretch = stats.stretch_to_evidence(groups, needed)
    if stretch is None:
        return f"{text}: nearly as many cases got better as worse", None
    more = max(1, math.ceil((stretch - 1) * cases[group].size))
    return f"{text}: needs about {counted(more, 'more such case')}", more


# --- the family of evidence -----------------------------------------------------------------


def weights_of(groups: Iterable[Group]) -> dict[Group, float]:
    """Return each group's weight in the evidence: that of its level, split evenly inside it."""
    levels: dict[str, list[Group]] = {}
    for group in sorted(groups, key=_order):
        levels.setdefault(_level(group), []).append(group)
    return {
        group: LEVEL_WEIGHTS[level] / len(members)
        for level, members in levels.items()
        for group in members
    }


def weigh(
    cases: Mapping[Group, Counted],
    alpha_blame: float = ALPHA_FAIL,
    weights: Mapping[Group, float] | None = None,
) -> Family:
    """Weigh the evidence of all groups into one e-value, and name the groups it comes from.

    Once the run is evidence, a group of one check per case is to blame where its own sign test
    holds among all of them (Holm's procedure at ``alpha_blame``), and any group that the closed
    test rejects. ``weights``: one for each group, fixed before its cases were seen; `weights_of`
    the groups when left out.
    """
    weights = weights_of(cases) if weights is None else weights
    groups = {
        group: (weight, stats.sign_evidence_of(*cases[group].signs).log_e)
        for group, weight in weights.items()
    }
    if not groups:
        return Family()
    total = math.fsum(weight for weight, _ in groups.values())
    strongest = max(groups, key=lambda g: math.log(groups[g][0]) + groups[g][1])
    found = cases[strongest]
    return Family(
        stats.family_evidence(groups).log_e,
        {group: log_e for group, (_, log_e) in groups.items()},
        {group: weight / total for group, (weight, _) in groups.items()},
        strongest,
        found.table.drop if found.size else 0.0,
        _named(cases, alpha_blame) | frozenset(stats.closure_rejects(groups, alpha=ALPHA_FAIL)),
    )


def _named(cases: Mapping[Group, Counted], alpha: float) -> frozenset[Group]:
    """Return the groups that got worse each on its own account.

    Averages over several checks are left out: their signs drift where checks change independently.
    Where only whole cases changed, signs and means say the same.
    """
    p_values = {
        group: stats.mcnemar_exact(*found.signs)[0]
        for group, found in cases.items()
        if group.check is not None or found.whole
    }
    return stats.holm(p_values, alpha) if p_values else frozenset()


def _level(group: Group) -> str:
    if group.tag is not None:
        return "tag"
    if group.cohort is not None:
        return "cohort" if group.check is None else "leaf"
    return "suite" if group.check is None else "check"


def _order(group: Group) -> tuple[str, ...]:
    return tuple(name or "" for name in group)


def _within(inner: Group, outer: Group) -> bool:
    return all(wide in (None, narrow) for narrow, wide in zip(inner, outer, strict=True))
