"""What a run found, in a few words, and the reason in one sentence: the head of every report."""

from __future__ import annotations

from collections import Counter

from pytest_quantguard._noise import is_null
from pytest_quantguard.reporters._order import worst_budgets_first
from pytest_quantguard.reporters._views import unexplained
from pytest_quantguard.reporters._words import budget_of, budget_sentence, group_name, label
from pytest_quantguard.verdicts import WORST_FIRST, CandidateReport, GateReport, Verdict

_HEADLINES = {
    Verdict.PASS: "{candidate} may replace {baseline}",
    Verdict.FAIL: "{candidate} is worse than {baseline} by more than is allowed",
    Verdict.INCONCLUSIVE: "{candidate} is not yet shown to be as good as {baseline}",
    Verdict.NOT_COMPARABLE: "{candidate} and {baseline} cannot be compared",
    Verdict.ERROR: "No sound evidence about {candidate} against {baseline}",
}
_TALLY = {
    Verdict.PASS: "{} passed",
    Verdict.FAIL: "{} failed",
    Verdict.INCONCLUSIVE: "{} {are} undecided",
    Verdict.NOT_COMPARABLE: "{} {are} not comparable",
    Verdict.ERROR: "{} {are} in error",
}
EASIER = "Changed since an earlier run: "
"""How a note begins that tells why this run passes more easily than those before it."""


def eased(report: GateReport) -> list[str]:
    """Return those notes, each once: nobody should read the verdict without them."""
    notes = (note for candidate in report.candidates for note in candidate.notes)
    return list(dict.fromkeys(note for note in notes if note.startswith(EASIER)))


def headline(report: GateReport) -> str:
    """Say in a few words what the run found."""
    baseline = label(report.baseline.name)
    if not report.candidates:
        return "Nothing was judged"
    total = len(report.candidates)
    broken = sum(candidate.verdict is Verdict.ERROR for candidate in report.candidates)
    if broken and total > 1:  # nothing leaves the baseline then
        return f"{broken} of {total} candidates ended in an error"
    real = [candidate for candidate in report.candidates if not is_null(candidate.variant)]
    if not real:
        return f"{baseline} was asked once more"
    if len(real) == 1:
        name = label(real[0].variant.name)
        return _HEADLINES[real[0].verdict].format(candidate=name, baseline=baseline)
    passed = sum(candidate.verdict is Verdict.PASS for candidate in real)
    return f"{passed or 'None'} of {len(real)} candidates may replace {baseline}"


def reason_of(candidate: CandidateReport) -> str:
    """Say in one sentence what stands behind a verdict: how many budgets, and the worst of them.

    Nothing is counted where there is no sound evidence: no budget means anything then.
    """
    if unexplained(candidate):
        return f"The verdict on this candidate is {candidate.verdict.word}."
    mine = [row for row in candidate.budgets if row.verdict is candidate.verdict]
    rows = worst_budgets_first(mine)
    if candidate.verdict is Verdict.PASS or not rows:
        return _counts(candidate) or "Everything that was judged passed."
    found = f"{group_name(rows[0])}: {budget_sentence(rows[0], candidate)}"
    if not found.endswith("."):
        found += "."
    if candidate.verdict in (Verdict.ERROR, Verdict.NOT_COMPARABLE):
        return found
    if not any(budget_of(row) for row in rows):  # that budgets passed is no reason
        return f"{found} {_counts(candidate)}".rstrip()
    critical = any(row.check == "critical" and not budget_of(row) for row in rows)
    tally = _counts(candidate)
    if critical and candidate.verdict is Verdict.FAIL:  # no budget, so not counted with them
        tally = f"{tally.removesuffix('.')}; besides, a critical case regressed."
    return f"{tally} {found}"


def _counts(candidate: CandidateReport) -> str:
    """Return ``Of 11 budgets, 2 failed and 9 passed.``; nothing without a budget."""
    tally = Counter(row.verdict for row in candidate.budgets if budget_of(row))
    total = tally.total()
    if not total:
        return ""
    if total == 1:
        (verdict,) = tally
        return f"{_TALLY[verdict].format('The only budget', are='is')}."
    if len(tally) == 1:
        (verdict,) = tally
        return f"{_TALLY[verdict].format(f'All {total:,} budgets', are='are')}."
    parts = [
        _TALLY[verdict].format(f"{tally[verdict]:,}", are="is" if tally[verdict] == 1 else "are")
        for verdict in WORST_FIRST
        if tally[verdict]
    ]
    told = " and ".join(filter(None, (", ".join(parts[:-1]), parts[-1])))
    return f"Of {total:,} budgets, {told}."
