"""What the user reads at the end of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Self

from pytest_quantguard import _screen
from pytest_quantguard._plural import counted
from pytest_quantguard._sanitize import neutral
from pytest_quantguard._screen import Screen
from pytest_quantguard.pairs import Mishap, PairedOutcome
from pytest_quantguard.reporters._closing import advice_sentences, reading_sentences
from pytest_quantguard.reporters._excerpts import (
    budget_details,
    case_line,
    side_by_side,
)
from pytest_quantguard.reporters._headline import EASIER
from pytest_quantguard.reporters._judged import judge_sentences
from pytest_quantguard.reporters._layers import layer_sentences
from pytest_quantguard.reporters._summary import (
    also_measured,
    every_reading,
    facts,
    in_cohorts,
    measured_to_differ,
    sequential,
    servers_say,
)
from pytest_quantguard.reporters._table import table
from pytest_quantguard.reporters._texts import Texts
from pytest_quantguard.reporters._views import (
    both_wrong,
    failed_rows,
    unconfirmed,
    undecided,
    unexplained,
    worst_first,
)
from pytest_quantguard.reporters._words import (
    NO_CANDIDATE,
    UNCONFIRMED,
    budget_sentence,
    counted_above,
    folded,
    group_name,
    label,
    odds,
    only_first,
    sentence,
    three_runs,
    violation,
)
from pytest_quantguard.verdicts import CandidateReport, GateReport, Verdict

__all__ = ["budget_details", "budget_sentence", "render"]

CASES_SHOWN = 10
"""Most cases named per failed budget, and of each other kind."""
CASES_TOGETHER, CASES_LEAST = 30, 3
"""Cases that the failed budgets of a candidate share, and how many each has of them at least."""
UNDECIDED_SHOWN = 5
"""Regressed cases named of budgets that are inconclusive."""
TEXTS_SHOWN = 100
"""As many with both texts, where those are asked for; the page has them all."""
MISHAPS_SHOWN = 5
"""Mishaps named per kind."""
SUMMARY_LINES = 12
"""Most lines between table and cases, in 80 columns and more; without -v."""
_COLOURS = {"PASS": "32", "INCONCLUSIVE": "33"} | dict.fromkeys(
    ("FAIL", "NOT COMPARABLE", "ERROR"), "31;1"
)


@dataclass(frozen=True, slots=True)
class _Style:
    """How lines look on this terminal."""

    width: int
    colour: bool
    encoding: str

    @classmethod
    def of(cls, screen: Screen) -> Self:
        return cls(max(screen.width, _screen.LEAST), screen.colour, screen.encoding)

    def paint(self, text: str, word: str) -> str:
        """Colour ``text`` as the verdict ``word``."""
        code = _COLOURS.get(word) if self.colour and text else None
        return f"\x1b[{code}m{text}\x1b[0m" if code else text

    def hang(self, text: str, indent: int = 2) -> list[str]:
        """Wrap a sentence; its further lines are set in by two more columns."""
        text = _screen.shown(text, self.encoding)  # before it is measured
        return folded(text, self.width, " " * indent, " " * (indent + 2))

    def finish(self, line: str) -> str:
        """Make sure that no line commands a CI system and that the terminal can encode it."""
        return _screen.shown(neutral(line).rstrip(), self.encoding)


def render(report: GateReport, screen: Screen, *, verbosity: int, texts: Texts) -> list[str]:
    """Return the lines of the report, without line ends.

    ``verbosity`` is pytest's: below 0 one line per budget that did not pass, from 1 on with the
    two texts of each regressed case.
    """
    style = _Style.of(screen)
    lines: list[str] = []
    if not report.candidates:
        lines.append(f"quantguard: {style.paint('ERROR', 'ERROR')}: {NO_CANDIDATE}")
    for candidate in report.candidates:
        if verbosity < 0:
            lines += brief_lines(candidate, style)
        else:
            lines += [""] if lines else []
            lines += candidate_lines(candidate, report, style, texts if verbosity >= 1 else None)
    if verbosity >= 0:
        run = [sequential(report.provenance), *judge_sentences(report.provenance)]
        for part in (filter(None, run), advice_sentences(report)):
            told = [line for text in part for line in style.hang(text, 0)]
            lines += ["", *told] if told else []
    return [style.finish(line) for line in lines]


def reading_lines(report: GateReport, written: Mapping[str, str], screen: Screen) -> list[str]:
    """Say where to read on; ``written`` is the path of each file, by the name of its reporter."""
    style = _Style.of(screen)
    said = reading_sentences(report, written)
    return [style.finish(line) for text in said for line in style.hang(text, 0)]


def brief_lines(candidate: CandidateReport, style: _Style) -> list[str]:
    """Return one line per budget that did not pass."""
    name = label(candidate.variant.name)
    rows = [row for row in candidate.budgets if row.verdict is not Verdict.PASS]
    lines = [
        f"{style.paint(row.verdict.word, row.verdict.word)} {name} {group_name(row)}: "
        f"{budget_sentence(row, candidate)}"
        for row in rows
    ]
    if unexplained(candidate) or candidate.verdict is Verdict.PASS:
        lines.append(f"{style.paint(candidate.verdict.word, candidate.verdict.word)} {name}")
    return lines


def candidate_lines(
    candidate: CandidateReport, report: GateReport, style: _Style, texts: Texts | None
) -> list[str]:
    """Return everything about one candidate: table, evidence, mishaps, cases."""
    baseline = report.baseline.name
    word = candidate.verdict.word
    title = f" quantguard: {label(candidate.variant.name)} against {label(baseline)} "
    heads = [title] if len(title) <= style.width else style.hang(title.strip(), 0)
    lines = [style.paint(head.center(style.width, "="), word) for head in heads]
    lines += [
        f"{line.text}{style.paint(line.verdict, line.verdict)}{line.after}"
        for line in table(candidate, style.width, style.encoding)
    ]
    said = servers_say(report.provenance, baseline, candidate.variant.name)
    lines += ["", *summary_lines(candidate, said, style, texts)]
    lines += mishap_lines(candidate.mishaps, style)
    return lines + regressed_lines(candidate, style, texts)


def summary_lines(
    candidate: CandidateReport, said: str, style: _Style, texts: Texts | None
) -> list[str]:
    """Return the verdict, what was found, what the servers say, and what was also measured.

    Where texts are not shown, this is `SUMMARY_LINES` at most: what matters least is left out,
    and counted.
    """
    verdict = verdict_lines(candidate, style)
    measured = measured_lines(candidate, style, texts)
    parts = facts(candidate)
    layers = [text for text in layer_sentences(candidate) if text in parts]
    if candidate.quantization_note:
        parts.append(f"Quantization: {sentence(candidate.quantization_note)}")
    parts += [said] if said else []
    known = (text for text in reversed(parts) if text not in layers)
    droppable = [*layers, *(text for text in known if not text.startswith(EASIER))]
    room = SUMMARY_LINES * -(-80 // style.width) - len(verdict) - len(measured)
    left_out: list[str] = []
    while True:
        kept = [text for text in parts if text not in left_out]
        rest = [f"... and {counted(len(left_out), 'more finding')} with -v"] if left_out else []
        lines = [line for text in kept for line in style.hang(text, 0)]
        gone = len(left_out) == len(droppable)
        if texts is not None or gone or len(lines) + len(rest) <= room:
            return [*verdict, *lines, *rest, *measured]
        left_out.append(droppable[len(left_out)])


def verdict_lines(candidate: CandidateReport, style: _Style) -> list[str]:
    """Return the verdict and the evidence of the whole run."""
    word = candidate.verdict.word
    if candidate.verdict is Verdict.NOT_COMPARABLE:
        found = "no delta is quoted where the two were not asked the same"
    elif candidate.compared and candidate.verdict is Verdict.ERROR:
        found = "nothing is concluded, because of what is in error above"
    elif candidate.compared:
        passed = candidate.verdict is Verdict.PASS
        found = "every budget is shown to hold; " if passed else ""
        found += f"evidence of a loss, whole run: {odds(candidate.log_evidence)}"
        by_metric = any(row.metric is not None for row in failed_rows(candidate))
        found += f" (a FAIL {'on checks ' if by_metric else ''}takes 100 : 1)"
    else:
        found = "nothing was compared"
    lines = style.hang(f"{word}  {label(candidate.variant.name)}: {found}", 0)
    lines[0] = style.paint(word, word) + lines[0].removeprefix(word)
    return lines


def measured_lines(candidate: CandidateReport, style: _Style, texts: Texts | None) -> list[str]:
    """Return in one line what no budget asked about; all of it where texts are shown too."""
    if texts is not None:
        return _every_measured(candidate, style)
    differ, every = measured_to_differ(candidate), len(also_measured(candidate))
    if not every:
        return []
    metrics = counted(every, "metric")
    nothing = f"nothing shown to be worse or better ({metrics} with -v)"
    last = f"{metrics}, see -v" if differ else nothing
    lines: list[str] = []
    for shown in range(len(differ), -1, -1):
        rest = [f"{every - shown} more with -v"] if shown < every else []
        parts = [*differ[:shown], *rest] if shown else [last]
        lines = style.hang(f"Also measured: {'; '.join(parts)}", 0)
        if len(lines) == 1:
            break
    return lines


def _every_measured(candidate: CandidateReport, style: _Style) -> list[str]:
    told = [line for text in every_reading(candidate) for line in style.hang(text, 2)]
    known = facts(candidate)
    layers = [text for text in layer_sentences(candidate, every=True) if text not in known]
    parts = [line for text in layers for line in style.hang(text, 0)]
    apart = [line for text in in_cohorts(candidate) for line in style.hang(text, 2)]
    whole = ["Measured over all cases:", *told] if told else []
    return [*parts, *whole, *(["Other than the baseline in:", *apart] if apart else [])]


def mishap_lines(mishaps: Sequence[Mishap], style: _Style) -> list[str]:
    """Return the checks without evidence, grouped by the kind of mishap."""
    if not mishaps:
        return []
    lines = ["", f"Without evidence: {len(mishaps)}"]
    for kind, found in groupby(sorted(mishaps, key=lambda m: m.kind), lambda m: m.kind):
        same = list(found)
        lines += style.hang(f"{label(kind)}: {len(same)}", 2)
        before = ""
        for mishap in same[:MISHAPS_SHOWN]:
            place = sentence(str(mishap.source), 200)
            name = f"{label(mishap.case)} ({label(mishap.check)})"
            message = sentence(f"{mishap.role}: {mishap.message}", 300)
            lines += style.hang(
                f"{place} {name}: {'the same' if message == before else message}", 4
            )
            before = message
        lines += _more(len(same) - MISHAPS_SHOWN, 4)
    return lines


def regressed_lines(candidate: CandidateReport, style: _Style, texts: Texts | None) -> list[str]:
    """Return the regressed cases of the failed budgets, then the critical; each is named once.

    Budgets on metrics have no regressed cases. Critical cases that further runs did not confirm
    come last, since somebody may want to know which they are.
    """
    lines: list[str] = []
    named: set[tuple[str, str]] = set()
    critical = tuple(o for o in candidate.outcomes if o.critical and o.confirmed)
    rows = [row for row in failed_rows(candidate) if row.metric is None]
    sections = [
        *((f"in {group_name(r)}", r.regressed, r.check is None, r) for r in rows),
        ("although critical", critical, True, None),
    ]
    most = _share(len(rows)) if texts is None else TEXTS_SHOWN
    for head, regressed, check, row in sections:
        fresh = [o for o in worst_first(regressed) if (o.case, o.check) not in named]
        if not fresh and regressed is critical:
            continue
        named.update((o.case, o.check) for o in fresh)
        above = len(regressed) - len(fresh)
        known = counted_above(above, len(regressed)) + (only_first(row) if row else "")
        total = row.losses if row else len(regressed)
        lines += ["", *style.hang(f"Regressed {head}: {total}{known}", 0)]
        for outcome in fresh[:most]:
            name = case_line(outcome, check=check)
            lines += style.hang(f"{name}  {violation(outcome)}", 2)
            lines += _text_lines(outcome, style, texts)
        lines += _more(len(fresh) - most, 2)
    noun = "check" if candidate.counted is None else "kept check"
    if texts is not None:
        others = [o for o in candidate.outcomes if o.regressed and (o.case, o.check) not in named]
        lines += _case_lines(
            "Regressed without failing a budget", worst_first(others), style, texts, noun=noun
        )
    else:
        unsure = [o for o in undecided(candidate) if (o.case, o.check) not in named]
        lines += _case_lines(
            "Regressed in inconclusive budgets", unsure, style, most=UNDECIDED_SHOWN, noun=noun
        )
    lines += _unconfirmed_lines(candidate, style)
    return lines + _both_wrong_lines(candidate, style, texts)


def _share(budgets: int) -> int:
    """Return how many cases each failed budget names: where all fail, nobody reads ten of each."""
    return max(CASES_LEAST, min(CASES_SHOWN, CASES_TOGETHER // max(1, budgets)))


def _both_wrong_lines(candidate: CandidateReport, style: _Style, texts: Texts | None) -> list[str]:
    """Return how many checks hold in neither arm; with texts, which ones."""
    found = both_wrong(candidate)
    if texts is not None or not found:
        return _case_lines("Wrong in both", found, style)
    return ["", *style.hang(f"Wrong in both: {counted(len(found), 'check')}, see -v", 0)]


def _case_lines(
    head: str,
    found: Sequence[PairedOutcome],
    style: _Style,
    texts: Texts | None = None,
    *,
    most: int = CASES_SHOWN,
    noun: str = "check",
) -> list[str]:
    """Return a heading and the first few cases; nothing where there are none."""
    lines = ["", *style.hang(f"{head}: {counted(len(found), noun)}", 0)] if found else []
    most = most if texts is None else TEXTS_SHOWN
    for outcome in found[:most]:
        lines += style.hang(f"{case_line(outcome)}  {violation(outcome)}", 2)
        lines += _text_lines(outcome, style, texts)
    return lines + _more(len(found) - most, 2)


def _unconfirmed_lines(candidate: CandidateReport, style: _Style) -> list[str]:
    found = [outcome for outcome in candidate.outcomes if unconfirmed(outcome)]
    if not found:
        return []
    lines = ["", *style.hang(f"{UNCONFIRMED}: {len(found)}", 0)]
    for outcome in found[:CASES_SHOWN]:
        lines += style.hang(f"{case_line(outcome)}  {three_runs(outcome)}", 2)
    return lines + _more(len(found) - CASES_SHOWN, 2)


def _text_lines(outcome: PairedOutcome, style: _Style, texts: Texts | None) -> list[str]:
    if texts is None:
        return []
    lines: list[str] = []
    for line in side_by_side(outcome, texts, style.width - 4):
        lines += [f"    {line}"] if line.startswith("| ") else style.hang(line, 4)
    return lines


def _more(number: int, indent: int) -> list[str]:
    return [f"{' ' * indent}... and {number} more"] if number > 0 else []
