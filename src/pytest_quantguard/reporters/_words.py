"""The numbers and sentences that all reports share: one wording for one fact."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from functools import lru_cache
from textwrap import wrap
from unicodedata import combining, east_asian_width

from pytest_quantguard._plural import counted
from pytest_quantguard._sanitize import neutral, one_line
from pytest_quantguard.pairs import Mishap, PairedOutcome
from pytest_quantguard.reporters._views import unconfirmed
from pytest_quantguard.verdicts import BudgetVerdict, CandidateReport, Delta, Group, Unit, Verdict

MESSAGE_LIMIT = 500
"""Longest one-line message, in characters."""
LABEL_LIMIT = 100
"""Longest name of a cohort, check or case, in characters."""
UNCONFIRMED = "Critical, failed once, but not in two of three runs"
"""Heading of critical cases whose loss further runs did not confirm."""
NO_CANDIDATE = "no candidate was judged"
_RATES = {"tokens_per_second": "the time per token", "throughput": "the time per answer"}
"""Of which more is better; their ratios are baseline / candidate, which is one of times."""
_MEDIAN_RATIOS = ("latency_p50", "ttft_p50", "time_per_token_p50", "tokens_per_second")
"""Metrics whose delta is the median of the cases' ratios."""
STRONG_EVIDENCE = math.log(100)
"""Natural logarithm of the odds that a FAIL takes."""
_TOGETHER = re.compile(
    r"(?<=\d) (?=(?:pt|%|ms|s)(?!\w))|(?<=\d,) (?=[-.\dinf]+\])|(?<=\d) (?=: 1\b)|(?<=\d :) (?=1\b)"
)
"""Blanks inside a number with its unit, inside an interval, or inside odds."""
_UNBROKEN = "\N{NO-BREAK SPACE}"
_FILLER = "\uffff"
"""Stands for the second column of a wide character; clean text has none."""


def sentence(text: str, limit: int = MESSAGE_LIMIT) -> str:
    """Fold text into one clean line of at most ``limit`` characters."""
    folded = one_line(text, limit)
    return folded if len(folded) <= limit else f"{folded[: limit - 3]}..."


def label(text: str) -> str:
    """Return a name as all reports show it; names that fit the rules stay as they are."""
    return _short(text) if len(text) <= LABEL_LIMIT else sentence(text, LABEL_LIMIT)


@lru_cache(maxsize=4096)  # the same few names stand in each line of a large report
def _short(text: str) -> str:
    return sentence(text, LABEL_LIMIT) or "(unnamed)"


def folded(text: str, width: int, first: str = "", rest: str = "") -> list[str]:
    """Break a line at blanks, but not those inside of numbers; indents count in the width.

    What was harmless inside a line, such as ``::error::``, does not become a command at the
    beginning of one: such a line is a character longer.
    """
    kept = _TOGETHER.sub(_UNBROKEN, text)
    if not kept.isascii():
        kept = "".join(char + _FILLER * (columns(char) - 1) for char in kept)
    lines = wrap(kept, width, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False)
    return [neutral(line.replace(_UNBROKEN, " ").replace(_FILLER, "")) for line in lines]


def columns(char: str) -> int:
    """Return how many columns of a terminal a character takes: 0, 1 or 2."""
    if combining(char):
        return 0
    return 2 if east_asian_width(char) in "WF" else 1


def percent(share: float | None) -> str:
    """Return a rate in [0, 1] as percent, or nothing for None."""
    return "" if share is None else f"{100 * share:.1f}%"


def points(share: float, *, signed: bool = False) -> str:
    """Return a difference of two rates in percentage points; ``signed``: + = worse."""
    value = round(100 * share, 1) + 0.0  # no "-0.0"
    return f"{value:+.1f} pt" if signed and value else f"{value:.1f} pt"


def ratio(value: float) -> str:
    """Return candidate / baseline: ``x0.68``."""
    return f"x{_ratio(value)}"


def _ratio(value: float) -> str:
    return f"{value:.2f}" if 0.1 <= value < 100 else digits(value, 3)


def digits(value: float, count: int = 4) -> str:
    """Return a number with up to ``count`` significant digits, without exponent up to 1e9."""
    text = f"{value:.{count}g}"
    return f"{float(text):.0f}" if "e+" in text and abs(value) < 1e9 else text


def interval(delta: Delta) -> str:
    """Return the ends of the interval, in percentage points or as ratios."""
    if delta.unit == "ratio":
        return f"[{_ratio(delta.low)}, {_ratio(delta.high)}]"
    low, high = (round(100 * end, 1) + 0.0 for end in (delta.low, delta.high))
    return f"[{low:.1f}, {high:.1f}]"


def change(delta: Delta) -> str:
    """Return how much worse the candidate is: ``+1.2 pt`` or ``x0.68``."""
    return ratio(delta.value) if delta.unit == "ratio" else points(delta.value, signed=True)


def ratio_of(metric: str | None) -> str:
    """Say what the ratio of a rate is about, since more of it is better: empty for other metrics.

    It belongs right behind `change` and `interval`: ``x0.75 [0.60, 0.90] the time per token``.
    """
    return _RATES.get(metric or "", "")


def measured_change(metric: str | None, delta: Delta) -> str:
    """Return change and interval as they stand in sentences, with what the ratio is about."""
    return " ".join(filter(None, (change(delta), interval(delta), ratio_of(metric))))


def measured(metric: str | None, delta: Delta | None, both: tuple[str, str]) -> str:
    """Say what a metric found: delta, and how both arms did, each where it is known.

    ``both`` is as `levels` returns it. The ratio of two medians is not the median ratio, so levels
    that are medians do not stand as from ... to behind a median of ratios.
    """
    paired = metric in _MEDIAN_RATIOS
    told = "the arms' medians are {} and {}" if paired else "from {} to {}"
    found = measured_change(metric, delta) if delta else ""
    if found and paired:
        found += " in the median case"
    parts = (found, told.format(*both) if all(both) else "")
    return ("; " if paired else ", ").join(part for part in parts if part)


def allowance(
    max_drop: float | None, max_ratio: float | None = None, *, relative: bool = False
) -> str:
    """Return a budget: ``2 pt``, relative ``5 %``, ``x1.10``, or nothing where a row has none."""
    if max_ratio is not None:
        fine = round(max_ratio, 2) != max_ratio
        return f"x{digits(max_ratio)}" if fine else f"x{max_ratio:.2f}"
    if max_drop is None:
        return ""
    return f"{round(100 * max_drop, 2):g} {'%' if relative else 'pt'}"


def budget_of(row: BudgetVerdict) -> str:
    """Return a row's budget, as `allowance` does; ``+-`` where both directions count."""
    text = allowance(row.max_drop, row.max_ratio, relative=row.relative)
    return f"+-{text}" if text and row.both_ways else text


def duration(seconds: float) -> str:
    """Return how long a run took: ``5.9 s``, ``2.5 min``."""
    return f"{seconds:.1f} s" if seconds < 60 else f"{seconds / 60:.1f} min"


def only_first(row: BudgetVerdict) -> str:
    """Say how many of a row's losses are kept, where there were more; empty where all are."""
    kept = len(row.regressed)
    return f", the first {kept} of them kept" if kept < row.losses else ""


def counted_above(above: int, total: int) -> str:
    """Say how many of a group's regressed cases stand under smaller groups; empty for none."""
    if not above:
        return ""
    return f", {'all' if above == total else above} of them counted above"


def levels(
    metric: str | None, unit: Unit, baseline: float | None, candidate: float | None
) -> tuple[str, str]:
    """Return both arms' levels in the metric's own unit; empty where they are not known.

    Shares are in percent, times in s or ms, the same for both arms; tokens, characters and money
    have up to four significant digits.
    """
    if metric is None or unit == "points":
        return percent(baseline), percent(candidate)
    tail, factor, count = "", 1.0, 4
    if metric.startswith(("latency_", "ttft_", "time_per_token_")):
        short = max(value or 0.0 for value in (baseline, candidate)) < 1
        tail, factor, count = (" ms", 1000.0, 3) if short else (" s", 1.0, 3)
    elif metric in ("tokens_per_second", "throughput"):
        tail = "/s"
    one, other = (
        "" if value is None else f"{digits(factor * value, count)}{tail}"
        for value in (baseline, candidate)
    )
    return one, other


def row_levels(row: BudgetVerdict) -> tuple[str, str]:
    """Return the levels of a row, as `levels` does."""
    guess: Unit = "points" if row.max_ratio is None else "ratio"
    unit = row.delta.unit if row.delta else guess
    return levels(row.metric, unit, row.baseline_rate, row.candidate_rate)


def odds(log_evidence: float) -> str:
    """Return the odds of a natural logarithm, rounded down: ``137 : 1``, ``4.1e5 : 1``."""
    if math.isnan(log_evidence):
        return "unknown"
    power = log_evidence / math.log(10)
    if power > 99:
        return "> 1e99 : 1"
    if power < -1:
        return "< 0.1 : 1"
    value = 10**power * (1 + 1e-9)
    if value < 10:
        return f"{math.floor(10 * value) / 10:.1f} : 1"
    if value < 10_000:
        return f"{math.floor(value)} : 1"
    mantissa, exponent = f"{value:.1e}".split("e")
    return f"{mantissa}e{int(exponent)} : 1"


def group_name(row: BudgetVerdict) -> str:
    """Return ``cohort / check``, with ``all`` where everything is taken together."""
    cohort, check = row.group
    return f"{label(cohort)} / {label(check)}"


def why(row: BudgetVerdict, candidate: CandidateReport) -> str:
    """Return what stands behind a verdict, as short as can be; of a PASS the noise alone."""
    if row.verdict is Verdict.PASS and budget_of(row):
        return "; ".join(filter(None, (_about(row), noise_of(row))))
    if row.verdict is not Verdict.FAIL or row.log_evidence is None:
        found = sentence(row.reason)
    elif row.log_evidence >= STRONG_EVIDENCE or row.log_evidence >= candidate.log_evidence:
        found = f"evidence {odds(row.log_evidence)}"
    else:
        found = f"evidence of the run {odds(candidate.log_evidence)}"
    return "; ".join(filter(None, (found, _about(row), noise_of(row))))


def _about(row: BudgetVerdict) -> str:
    """Say what the ratio of a row is about, where its levels go the other way."""
    about = ratio_of(row.metric)
    return f"the ratio is of {about}" if about and row.delta else ""


def noise_of(row: BudgetVerdict) -> str:
    """Say how many outcomes of a row's group differ between two runs of the baseline."""
    return "" if row.noise is None else f"noise {100 * row.noise:.1f} %"


def budget_sentence(verdict: BudgetVerdict, candidate: CandidateReport | None = None) -> str:
    """Say in one line what was found: the message of a failed budget in every report.

    With ``candidate`` a group of several checks per case is counted in checks, which is what
    its regressed and improved outcomes are.
    """
    none = (Verdict.ERROR, Verdict.NOT_COMPARABLE)
    if verdict.verdict in none or verdict.delta is None:
        return sentence(verdict.reason) or f"{verdict.verdict.value}, without a reason"
    if verdict.metric is not None:
        return _metric_sentence(verdict)
    value = verdict.delta.value
    loss = f"worse by {points(value)}" if value >= 0 else f"better by {points(-value)}"
    text = f"{counts(verdict, candidate)}; {loss}"
    if budget := budget_of(verdict):
        text += f", budget {budget}" + (" of the baseline" if verdict.relative else "")
    if verdict.verdict is Verdict.INCONCLUSIVE:
        text += f"; {verdict.reason}"
    if verdict.counts is not None and verdict.counts.shown:
        text += f"; {verdict.counts.shown}"
    noise = noise_of(verdict)
    return sentence(f"{text}; {noise}" if noise else text)


def _metric_sentence(row: BudgetVerdict) -> str:
    """Levels, budget, and the judge's own words, which hold the delta."""
    said = row.metric in _MEDIAN_RATIOS  # else the judge's words are enough
    found = measured(row.metric, row.delta if said else None, row_levels(row))
    parts = (
        f"{found} in {counted(row.cases, 'case')}" if found else "",
        f"budget {budget_of(row)}" if budget_of(row) else "",
        row.reason or row.verdict.value,
    )
    return sentence("; ".join(part for part in parts if part))


def counts(verdict: BudgetVerdict, candidate: CandidateReport | None) -> str:
    """Return ``31 of 160 regressed, 0 improved``; in checks where cases have several."""
    total = f"{verdict.cases}"
    if verdict.counts is not None:
        if verdict.counts.checks > verdict.cases:
            total = f"{counted(verdict.counts.checks, 'check')}"
    elif verdict.check is None and candidate is not None:
        pairs = _pairs(Group(verdict.cohort, None, verdict.tag), candidate.outcomes)
        if pairs > verdict.cases:
            total = f"{counted(pairs, 'check')}"
    return f"{verdict.losses} of {total} regressed, {verdict.improved} improved"


def _pairs(group: Group, outcomes: Sequence[PairedOutcome]) -> int:
    """Count a group's outcomes; of a large report that is done for each of its budgets."""
    if group.tag is not None:
        return sum(map(group.takes, outcomes))
    if group.cohort is None:
        return len(outcomes)
    return sum([outcome.cohort == group.cohort for outcome in outcomes])


def violation(outcome: PairedOutcome, limit: int = 200) -> str:
    """Return the first thing that is wrong with the candidate's answer."""
    for text in outcome.candidate.violations:
        return sentence(text, limit)
    return f"{outcome.baseline.value:.2f} in the baseline, {outcome.candidate.value:.2f} here"


def outcome_sentence(outcome: PairedOutcome, baseline: str) -> str:
    """Say in one line how a case regressed."""
    once = "failed once, but not in two of three runs; " if unconfirmed(outcome) else ""
    text = f"{label(outcome.check)}: {where_it_holds(outcome, baseline)}"
    return sentence(f"{once}{text} ({violation(outcome)})")


def where_it_holds(outcome: PairedOutcome, baseline: str) -> str:
    """Say how both arms did: ``holds in bf16, not in awq-int4``, or both values."""
    names = (label(baseline), label(outcome.variant))
    if outcome.both_hold:
        return "holds in both"
    if outcome.baseline.value <= 0 and outcome.candidate.value <= 0:
        return "holds in neither"
    if outcome.baseline.ok and outcome.candidate.value <= 0:
        return f"holds in {names[0]}, not in {names[1]}"
    if outcome.candidate.ok and outcome.baseline.value <= 0:
        return f"holds in {names[1]}, not in {names[0]}"
    values = f"{outcome.baseline.value:.2f}", f"{outcome.candidate.value:.2f}"
    return f"{values[0]} in {names[0]}, {values[1]} in {names[1]}"


def three_runs(outcome: PairedOutcome) -> str:
    """Say how often a critical case held in three runs; empty where it was asked once."""
    if outcome.confirmation is None:
        return ""
    held, candidate_held = outcome.confirmation
    return f"held in {held} of 3 runs of the baseline, {candidate_held} of the candidate"


def mishap_sentence(mishap: Mishap) -> str:
    """Say in one line why there is no evidence."""
    return sentence(f"{mishap.kind} in the {mishap.role}: {mishap.message}")
