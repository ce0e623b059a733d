"""A look as Markdown, for the summary of a CI step."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_quantguard.reporters._markdown_text import code, prose
from pytest_quantguard.reporters._words import budget_sentence
from pytest_quantguard.verdicts import CandidateReport, Verdict
from pytest_quantguard.watch.records import Answer, WatchReport
from pytest_quantguard.watch.shown import (
    about,
    chance,
    gate_line,
    pinned,
    served,
    spent,
    state,
    where,
    word,
)

_MARKS = {
    Answer.UNCHANGED: "\N{WHITE HEAVY CHECK MARK}",
    Answer.CHANGED: "\N{LARGE YELLOW CIRCLE}",
    Answer.WORSE: "\N{CROSS MARK}",
    Answer.UNCLEAR: "\N{WHITE QUESTION MARK ORNAMENT}",
}
_ROWS = 200
"""Most rows of a table."""


def text(report: WatchReport, notes: Sequence[str] = ()) -> str:
    """Return the whole page; a few kilobytes, whatever the server says."""
    lines = [
        f"## {_MARKS[report.answer]} **{word(report.answer)}**: watch of {code(report.endpoint)}",
        "",
        *([f"- looks like: {prose(report.signature)}"] if report.signature else []),
        *(f"- {prose(reason)}" for reason in report.reasons),
        "",
        f"Look {prose(report.look.id)} against {prose(pinned(report.pin))}",
        "",
    ]
    if report.findings:
        lines += ["| | what | found | chance |", "|---|---|---|---|"]
        lines += [
            f"| {state(f)} | {prose(about(f))} | {prose(f.sentence)} | {prose(chance(f))} |"
            for f in report.findings[:_ROWS]
        ]
        lines += [""]
    for candidate in report.gate.candidates if report.gate is not None else ():
        lines += [f"Golden set: {prose(gate_line(report))}", "", *_budgets(candidate), ""]
    if folder := where(report):
        lines += [f"Case by case: {prose(folder)}", ""]
    if said := served(report.look):
        lines += [f"The server says: {prose(said)}", ""]
    lines += [f"Note: {prose(note)}  " for note in notes]
    lines += [f"Asked: {prose(spent(report))}", ""]
    return "\n".join(lines)


def _budgets(candidate: CandidateReport) -> list[str]:
    rows = sorted(candidate.budgets, key=lambda row: row.verdict is Verdict.PASS)
    lines = ["| verdict | cohort | check | |", "|---|---|---|---|"]
    lines += [
        f"| {row.verdict.word} | {code(row.group[0])} | {code(row.group[1])} | "
        f"{prose(budget_sentence(row, candidate))} |"
        for row in rows[:_ROWS]
    ]
    if len(rows) > _ROWS:
        lines.append(f"\n{len(rows) - _ROWS} more budgets are in the report of the gate")
    return lines
