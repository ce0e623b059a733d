"""A comparison of two reports as text for a terminal, as Markdown, and as JSON."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from pytest_quantguard._plural import counted
from pytest_quantguard._sanitize import one_line
from pytest_quantguard.commands._columns import Cells, fitted
from pytest_quantguard.commands._summary import row_of
from pytest_quantguard.comparing.records import CaseChange, Comparison, Direct, RowChange, Side
from pytest_quantguard.history.view import when
from pytest_quantguard.reporters._markdown_text import prose
from pytest_quantguard.reporters._measured import delta_to
from pytest_quantguard.reporters._words import (
    budget_of,
    change,
    folded,
    interval,
    label,
    odds,
    outcome_sentence,
    points,
    sentence,
)
from pytest_quantguard.types import Json
from pytest_quantguard.verdicts import BudgetVerdict, Delta, Group

_SHOWN = 20
"""Cases of one list that are printed; JSON has all."""
_LATEST = 253402300799
"""No run began after the year 9999, in seconds since the epoch."""
_WORDS = {
    "worse": "WORSE",
    "better": "BETTER",
    "not shown to be worse": "NOT SHOWN TO BE WORSE",
    "cannot be said": "CANNOT BE SAID",
}
_NAMES = ("cohort", "check")


# --- text ---------------------------------------------------------------------------------


def text(found: Comparison, width: int) -> list[str]:
    """Return the lines of one comparison, none wider than ``width`` where names allow it."""
    lines = folded(_head(found), width)
    lines += ["", *_table([_cells(row) for row in found.rows], width)]
    lines += [piece for row in _loosened(found) for piece in folded(row, width, "  ", "    ")]
    lines += ["", *_direct_lines(found.direct, width)]
    for title, cases in _lists(found):
        lines += ["", *folded(title, width)]
        for one in cases[:_SHOWN]:
            lines += folded(_case(one, found), width, "  ", "    ")
        if len(cases) > _SHOWN:
            lines.append(f"  ... and {len(cases) - _SHOWN} more; --json has all")
    for title, said in _sentences(found):
        lines += ["", f"{title}:"]
        lines += [piece for one in said for piece in folded(one, width, "  ", "    ")]
    return lines


def _table(rows: Sequence[Cells], width: int) -> list[str]:
    return fitted(rows, width, names=_NAMES, drops=((), ("budget", "n")))


def _head(found: Comparison) -> str:
    verdicts = " -> ".join(side.candidate.verdict.word for side in (found.then, found.now))
    same = "both are of one run: " if found.then.is_of_one_run_with(found.now) else ""
    return f"{_WORDS[found.answer]}: {same}{_side(found.then)} -> {_side(found.now)}: {verdicts}"


def _side(side: Side) -> str:
    started = side.report.provenance.get("started")
    at = ""
    if isinstance(started, int | float) and 0 < started < _LATEST:
        at = f", {when(started)} UTC"
    return f"{label(side.candidate.variant.name)} ({label(side.name)}{at})"


def _cells(row: RowChange) -> Cells:
    place, what = _names(row)
    return {
        "cohort": place,
        "check": what,
        "verdict": _arrow(*(_word(one) for one in (row.then, row.now))),
        "worse by": _arrow(*(_delta(one) for one in (row.then, row.now))),
        "budget": _arrow(*((one and budget_of(one)) or "none" for one in (row.then, row.now))),
    }


def _names(row: RowChange) -> tuple[str, str]:
    one = row.now or row.then
    place, what = one.group if one is not None else ("all", "all")
    return label(place), label(what)


def _word(row: BudgetVerdict | None) -> str:
    return row.verdict.word if row else "none"


def _delta(row: BudgetVerdict | None) -> str:
    return change(row.delta) if row and row.delta else "-"


def _arrow(then: str, now: str) -> str:
    return now if then == now else f"{then} -> {now}"


def _loosened(found: Comparison) -> list[str]:
    """Say what the earlier budget makes of the later answers, where that is another verdict."""
    return [
        f"{' / '.join(_names(row))}: by the budget of before ({budget_of(row.then)}) the verdict "
        f"now is {row.by_then.word}"
        for row in found.rows
        if row.by_then is not None and row.then is not None
        if row.now is None or row.by_then is not row.now.verdict
    ]


def _direct_lines(direct: Direct | None, width: int) -> list[str]:
    if direct is None:
        return folded("Candidate against candidate: no evidence that can be trusted", width)
    lines = folded(_direct_said(direct), width)
    rows: list[Cells] = [_direct_cells(group, *found) for group, found in direct.groups.items()]
    return [*lines, "", *_table(rows, width)]


def _direct_said(direct: Direct) -> str:
    delta = direct.delta
    loss = f"worse by {change(delta)}" if delta.value >= 0 else f"better by {points(-delta.value)}"
    return (
        f"Candidate against candidate, on the {counted(direct.cases, 'case')} that both runs "
        f"judged: {loss}, 90% interval of the loss {interval(delta)}. Odds that something got "
        f"worse: {odds(direct.log_evidence)}; better: {odds(direct.log_better)} (100 : 1 is taken "
        f"as shown). {direct.said}"
    )


def _direct_cells(group: Group, delta: Delta, log_evidence: float) -> Cells:
    place = f"{group.cohort or ''}{f'#{group.tag}' if group.tag else ''}"
    return {
        "cohort": label(place or "all"),
        "check": label(group.check or "all"),
        "n": f"{delta.n:.0f}",
        "worse by": change(delta),
        "90% interval": interval(delta),
        "evidence": odds(log_evidence),
    }


def _lists(found: Comparison) -> Iterator[tuple[str, Sequence[CaseChange]]]:
    if found.regressed:
        count = counted(len(found.regressed), "check")
        yield f"{count} newly regressed against the baseline:", found.regressed
    if found.recovered:
        yield f"{counted(len(found.recovered), 'check')} recovered:", found.recovered


def _case(one: CaseChange, found: Comparison) -> str:
    place = f"{label(one.now.cohort)} / {label(one.now.case)}"
    if one.now.regressed:
        said = outcome_sentence(one.now, found.now.report.baseline.name)
    else:
        values = f"{one.then.candidate.value:.2f} before, {one.now.candidate.value:.2f} now"
        said = f"{label(one.now.check)}: {values}"
    moved = " (the baseline changed, the candidate did not)" if one.baseline_moved else ""
    return f"{place}: {said}{moved}"


def _sentences(found: Comparison) -> Iterator[tuple[str, Sequence[str]]]:
    shared = []
    for count, text_of in (
        (found.only_then, "only the earlier run judged"),
        (found.only_now, "only the later run judged"),
        (found.left_out, "of one name in both runs, left out: that they ask the same is not sure"),
    ):
        if count:
            shared.append(f"{counted(count, 'case')} {text_of}")
    yield "what else changed", [sentence(one) for one in found.changes] or ["nothing that is known"]
    if notes := [*shared, *(sentence(one) for one in found.notes)]:
        yield "to be known", notes


# --- Markdown -----------------------------------------------------------------------------


def markdown(found: Sequence[Comparison]) -> str:
    """Return all comparisons for a pull request or a step summary; nothing of it is live."""
    return "\n".join(line for one in found for line in _markdown(one)) + "\n"


def _markdown(found: Comparison) -> Iterator[str]:
    yield f"### {prose(_head(found))}"
    yield ""
    yield from _grid([_cells(row) for row in found.rows])
    for said in _loosened(found):
        yield f"* {prose(said)}"
    yield ""
    if found.direct is None:
        yield "Candidate against candidate: no evidence that can be trusted."
    else:
        yield prose(_direct_said(found.direct))
        yield ""
        groups = found.direct.groups.items()
        yield from _grid([_direct_cells(group, *one) for group, one in groups])
    for title, cases in _lists(found):
        yield f"<details><summary>{prose(title)}</summary>"
        yield ""
        yield from (f"* {prose(_case(one, found))}" for one in cases[:_SHOWN])
        if len(cases) > _SHOWN:
            yield f"* ... and {len(cases) - _SHOWN} more"
        yield ""
        yield "</details>"
        yield ""
    for title, told in _sentences(found):
        yield f"**{title}**"
        yield ""
        yield from (f"* {prose(one)}" for one in told)
        yield ""


def _grid(rows: Sequence[Cells]) -> Iterator[str]:
    heads = list(rows[0])
    yield f"| {' | '.join(heads)} |"
    yield f"|{'|'.join('---' if head in _NAMES else '---:' for head in heads)}|"
    for row in rows:
        yield f"| {' | '.join(prose(row[head]) for head in heads)} |"
    yield ""


# --- JSON ---------------------------------------------------------------------------------


def to_dict(found: Comparison) -> Json:
    """Return plain JSON types, as docs/compare.md describes them."""
    direct = found.direct
    return {
        "answer": found.answer,
        "then": _side_to(found.then),
        "now": _side_to(found.now),
        "budgets": [_row_to(row) for row in found.rows],
        "direct": None if direct is None else _direct_to(direct),
        "regressed": [_case_to(one) for one in found.regressed],
        "recovered": [_case_to(one) for one in found.recovered],
        "only_then": found.only_then,
        "only_now": found.only_now,
        "left_out": found.left_out,
        "changes": [sentence(one) for one in found.changes],
        "notes": [sentence(one) for one in found.notes],
    }


def _side_to(side: Side) -> Json:
    told = side.report.provenance
    run, started, golden = (told.get(key) for key in ("run", "started", "golden_hash"))
    return {
        "file": one_line(side.name, 500),
        "candidate": label(side.candidate.variant.name),
        "baseline": label(side.report.baseline.name),
        "verdict": side.candidate.verdict.value,
        "run": one_line(run, 100) if isinstance(run, str) else None,
        "started": started if isinstance(started, int | float) else None,
        "golden_hash": one_line(golden, 100) if isinstance(golden, str) else None,
    }


def _row_to(row: RowChange) -> Json:
    return {
        **{key: None if name is None else label(name) for key, name in row.group._asdict().items()},
        "then": row_of(row.then) if row.then else None,
        "now": row_of(row.now) if row.now else None,
        "by_then": row.by_then.value if row.by_then else None,
        "worse": row.worse,
    }


def _direct_to(direct: Direct) -> Json:
    return {
        "cases": direct.cases,
        "checks": direct.checks,
        "worse": direct.worse,
        "better": direct.better,
        "delta": delta_to(direct.delta),
        "log_evidence": _finite(direct.log_evidence),
        "log_better": _finite(direct.log_better),
        "groups": [
            {
                **{k: None if name is None else label(name) for k, name in group._asdict().items()},
                "delta": delta_to(delta),
                "log_evidence": _finite(log_evidence),
            }
            for group, (delta, log_evidence) in direct.groups.items()
        ],
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _case_to(one: CaseChange) -> Json:
    return {
        "cohort": label(one.now.cohort),
        "case": label(one.now.case),
        "check": label(one.now.check),
        "critical": one.now.critical,
        "then": [one.then.baseline.value, one.then.candidate.value],
        "now": [one.now.baseline.value, one.now.candidate.value],
        "baseline_moved": one.baseline_moved,
    }
