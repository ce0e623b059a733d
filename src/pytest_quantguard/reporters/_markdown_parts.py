"""The parts of a Markdown report, most important first: verdict, budgets, routes, cases."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

from pytest_quantguard._plural import counted
from pytest_quantguard._sanitize import quoted_block
from pytest_quantguard.pairs import PairedOutcome
from pytest_quantguard.reporters._excerpts import side_by_side
from pytest_quantguard.reporters._fitting import Piece
from pytest_quantguard.reporters._headline import EASIER, eased, headline, reason_of
from pytest_quantguard.reporters._judged import judge_sentences
from pytest_quantguard.reporters._markdown_text import code, fence, html_code, prose
from pytest_quantguard.reporters._order import place_of
from pytest_quantguard.reporters._routing import CohortRoute, rollout
from pytest_quantguard.reporters._summary import also_measured, facts, sequential, servers_say
from pytest_quantguard.reporters._table import WIDE
from pytest_quantguard.reporters._texts import Texts
from pytest_quantguard.reporters._views import (
    both_wrong,
    findings,
    regressed_groups,
    unconfirmed,
)
from pytest_quantguard.reporters._words import (
    NO_CANDIDATE,
    UNCONFIRMED,
    budget_of,
    change,
    counted_above,
    group_name,
    interval,
    mishap_sentence,
    only_first,
    row_levels,
    sentence,
    three_runs,
    violation,
    why,
)
from pytest_quantguard.types import Json
from pytest_quantguard.verdicts import (
    WORST_FIRST,
    BudgetVerdict,
    CandidateReport,
    GateReport,
    Verdict,
)

CASE = "regressed case"
"""Kind of the pieces that show a case."""
WHERE = "All of it is in `report.json` and, side by side, in `index.html`, in the report folder."
CASES_SHOWN = 100
"""Regressed cases shown of each failed budget."""
MISHAPS_SHOWN = 5
"""Mishaps named per kind."""
MEASURED_SHOWN = 6
"""Metrics without a budget of which something is said."""
_LABELS = 2
"""Columns of the table that hold names."""
_ASKED = 600
"""Characters shown of a question."""
_WIDTH = 100
"""Columns after which a line of a text goes on in the next one."""
_TABLE, _NOTES, _CASES = 1, 2, 3
"""Ranks: what is kept first where not everything fits."""
_MARKS = {
    Verdict.PASS: "\N{WHITE HEAVY CHECK MARK}",
    Verdict.FAIL: "\N{CROSS MARK}",
    Verdict.INCONCLUSIVE: "\N{LARGE YELLOW CIRCLE}",
    Verdict.NOT_COMPARABLE: "\N{NO ENTRY SIGN}",
    Verdict.ERROR: "\N{NO ENTRY}",
}


def head_pieces(report: GateReport) -> list[Piece]:
    """Return the verdict, what to do, and the reason for each candidate, the worst first."""
    lines = [f"## {_verdict(report.verdict)}: {prose(headline(report))}", ""]
    for candidate in sorted(report.candidates, key=lambda c: WORST_FIRST.index(c.verdict)):
        name = f"{code(candidate.variant.name)} against {code(report.baseline.name)}"
        lines.append(f"- {_verdict(candidate.verdict)} {name}: {prose(reason_of(candidate), 800)}")
    if not report.candidates:
        lines.append(f"- {_verdict(Verdict.ERROR)}: {NO_CANDIDATE}")
    else:
        advice = rollout(report)
        lines.append(f"- **What to do:** {prose(advice.sentence or advice.advice, 800)}")
    lines += (f"- **{EASIER.strip()}** {_change(note)}" for note in eased(report))
    return [Piece("\n".join((*lines, "")))]


def _change(note: str) -> str:
    """Return a note without how it begins; its id can be copied, as prose could not."""
    text, begin, entry = note.removeprefix(EASIER).rpartition(" (entry ")
    if not begin:
        return prose(entry, 800)
    return f"{prose(text, 800)} (entry {code(entry.removesuffix(')'))})"


def mark(verdict: Verdict) -> str:
    """Return the sign of a verdict, which never stands without a word."""
    return _MARKS[verdict]


def _verdict(verdict: Verdict) -> str:
    return f"{mark(verdict)} **{verdict.word}**"


# --- budgets and routes -------------------------------------------------------------------------


def table_pieces(report: GateReport) -> list[Piece]:
    """Return one table of all budgets of all candidates, the worst first."""
    rows = [(row, candidate) for candidate in report.candidates for row in candidate.budgets]
    rows.sort(key=lambda found: place_of(found[0]))
    if not rows:
        return []
    several = len(report.candidates) > 1
    heads = ("verdict", *(("variant",) if several else ()), *WIDE, "why")
    numbers = WIDE[_LABELS:]
    lines = (_line(heads), _line("---:" if head in numbers else "---" for head in heads))
    return [
        Piece(f"\n{''.join(lines)}", _TABLE),
        *(Piece(_row(row, candidate, several), _TABLE, "budget") for row, candidate in rows),
    ]


def _line(cells: Any) -> str:
    return f"| {' | '.join(cells)} |\n"


def _row(row: BudgetVerdict, candidate: CandidateReport, several: bool) -> str:
    delta = row.delta
    told = (row.cohort or row.tag, row.metric or row.check)
    names = (code(shown) if known else shown for shown, known in zip(row.group, told, strict=True))
    numbers = (
        str(row.cases),
        *row_levels(row),
        change(delta) if delta else "",
        interval(delta) if delta else "",
        budget_of(row),
    )
    cells = (
        _unbroken(_verdict(row.verdict)),
        *((code(candidate.variant.name),) if several else ()),
        *names,
        *map(_unbroken, numbers),
        prose(why(row, candidate)),
    )
    return _line(cells)


def _unbroken(text: str) -> str:
    return text.replace(" ", "\N{NO-BREAK SPACE}")


def route_pieces(report: GateReport) -> list[Piece]:
    """Return where the requests of each cohort should go."""
    if not report.candidates:
        return []
    found = rollout(report).routes
    heads = ("cohort", "goes to", "why", "what would settle it")
    head = Piece(f"\n{_line(heads)}{_line('---' for _ in heads)}", _TABLE)
    rows = [Piece(_route(route), _TABLE, "route") for route in found]
    return [head, *rows] if rows else []


def _route(route: CohortRoute) -> str:
    copies = f", copies to {', '.join(map(code, route.mirrored))}" if route.mirrored else ""
    to = f"{code(route.variant)}{copies}"
    return _line((code(route.cohort), to, prose(route.reason), prose(route.settle)))


# --- one candidate ------------------------------------------------------------------------------


def candidate_pieces(
    candidate: CandidateReport, report: GateReport, texts: Texts, *, most: int | None = None
) -> list[Piece]:
    """Return the cases of a candidate, what was counted, what went wrong, and the notes.

    Of each failed budget `CASES_SHOWN` cases; with ``most`` so many in all.
    """
    name = code(candidate.variant.name)
    head = [Piece(f"\n### {name}\n", _NOTES)] if len(report.candidates) > 1 else []
    return [
        *head,
        *_regressed(candidate, texts, CASES_SHOWN if most is None else most, most),
        *_unconfirmed(candidate),
        *_notes(candidate, report),
        *_mishaps(candidate),
    ]


def _regressed(
    candidate: CandidateReport, texts: Texts, each: int, most: int | None
) -> Iterator[Piece]:
    """Show the regressed cases of failed budgets; each stands under the smallest of its groups.

    Groups of which none is shown are counted in one line at the end.
    """
    counted = []
    for row, fresh in regressed_groups(candidate):
        kept, total = len(row.regressed), row.losses
        bare = row.check == "critical" and not budget_of(row)
        place = "although critical" if bare else f"in {group_name(row)}"
        above = kept - len(fresh)
        known = counted_above(above, kept) + only_first(row)
        shown = fresh[: each if most is None else max(0, min(each, most))]
        if not shown:
            counted.append(f"{prose(place)}: {total}{known}")
            continue
        yield Piece(f"\n#### Regressed {prose(place)}: {total}{known}\n\n", _CASES)
        for outcome in shown:
            yield Piece(_case(outcome, texts), _CASES, CASE)
        if most is not None:
            most -= len(shown)
        if more := total - above - len(shown):
            yield Piece(f"\n... and {more} more\n", _CASES)
    if counted:
        yield Piece(f"\nRegressed and not shown here: {'; '.join(counted)}\n", _CASES)


def _unconfirmed(candidate: CandidateReport) -> Iterator[Piece]:
    """Name the critical cases whose loss further runs did not confirm."""
    found = [outcome for outcome in candidate.outcomes if unconfirmed(outcome)]
    if found:
        yield Piece(f"\n#### {UNCONFIRMED}: {len(found)}\n\n", _CASES)
    for outcome in found[:CASES_SHOWN]:
        place = f"{code(outcome.case)} ({code(outcome.check)}), {code(str(outcome.source))}"
        yield Piece(f"- {place}: {prose(three_runs(outcome))}\n", _CASES, "critical case")
    if len(found) > CASES_SHOWN:
        yield Piece(f"- ... and {len(found) - CASES_SHOWN} more\n", _CASES)


def _case(outcome: PairedOutcome, texts: Texts) -> str:
    """Return one case: a line that says what is wrong, and unfolds to both texts."""
    marks = ", critical" if outcome.critical else ""
    title = f"{html_code(outcome.case)} ({html_code(outcome.check)}{marks})"
    place = code(sentence(str(outcome.source), 200))
    return (
        f"<details><summary>{title}: {prose(violation(outcome))}</summary>\n\n"
        f"{place}\n\n{fence(_said(outcome, texts))}\n</details>\n"
    )


def _said(outcome: PairedOutcome, texts: Texts) -> list[str]:
    """Return what else is wrong, what was asked, and both texts around their first difference."""
    more = [f"| {sentence(text, 300)}" for text in outcome.candidate.violations[1:5]]
    asked = _question(texts.request(outcome.keys[0]))
    return [
        *(["also wrong:", *more] if more else []),
        *(["asked:", *quoted_block(asked, limit=_ASKED).split("\n")] if asked else []),
        *side_by_side(outcome, texts, _WIDTH),
    ]


def _question(request: Json | None) -> str:
    """Return the last thing that the user said; a request in a report may be anything."""
    messages = request.get("messages") if isinstance(request, Mapping) else None
    for message in reversed(messages if isinstance(messages, list) else []):
        if isinstance(message, Mapping) and message.get("role") == "user":
            content = message.get("content")
            parts = content if isinstance(content, list) else [{"text": content}]
            said = (part.get("text") for part in parts if isinstance(part, Mapping))
            return "\n".join(text for text in said if isinstance(text, str))
    return ""


def _notes(candidate: CandidateReport, report: GateReport) -> list[Piece]:
    """Return counts, notes, and what was measured without a budget, as a list."""
    found = [(o, finding) for o, finding in findings(candidate) if finding != "unanswered"]
    outcomes = [outcome for outcome, _ in found]
    tolerated = sum(finding == "tolerated" for _, finding in found)
    counts = (
        f"Of {counted(len(outcomes), 'check')} {sum(o.improved for o in outcomes)} improved, "
        f"{tolerated} regressed without failing a budget, "
        f"{len(both_wrong(candidate))} are wrong in both"
    )
    measured = also_measured(candidate)[:MEASURED_SHOWN]
    quantization = candidate.quantization_note
    said = [
        counts if outcomes and candidate.counted is None else "",
        *(text for text in facts(candidate) if not text.startswith(EASIER)),  # they stand above
        f"Quantization: {quantization}" if quantization else "",
        servers_say(report.provenance, report.baseline.name, candidate.variant.name),
        f"Also measured: {'; '.join(measured)}" if measured else "",
    ]
    return _bullets(said)


def _mishaps(candidate: CandidateReport) -> list[Piece]:
    """Return the checks without evidence, grouped by kind."""
    found = sorted(candidate.mishaps, key=lambda m: m.kind)
    if not found:
        return []
    first = "" if candidate.counted is None else "the first "
    pieces = [Piece(f"\nWithout evidence: {first}{len(found)}\n\n", _NOTES)]
    for kind, group in groupby(found, lambda m: m.kind):
        same = list(group)
        pieces.append(Piece(f"- {code(kind)}: {len(same)}\n", _NOTES))
        for mishap in same[:MISHAPS_SHOWN]:
            place = f"{code(mishap.case)} ({code(mishap.check)}), {code(str(mishap.source))}"
            said = prose(mishap_sentence(mishap))
            pieces.append(Piece(f"  - {place}: {said}\n", _NOTES, "case without evidence"))
        if len(same) > MISHAPS_SHOWN:
            pieces.append(Piece(f"  - ... and {len(same) - MISHAPS_SHOWN} more\n", _NOTES))
    return pieces


def _bullets(sentences: Sequence[str]) -> list[Piece]:
    told = [Piece(f"- {prose(text, 800)}\n", _NOTES, "note") for text in sentences if text]
    return [Piece("\n", _NOTES), *told] if told else []


# --- the run ------------------------------------------------------------------------------------


def foot_pieces(report: GateReport) -> list[Piece]:
    """Return what is to be said of the whole run, what it was, and where the rest is."""
    found = report.provenance
    remarks = found.get("remarks")
    said = [
        sequential(found),
        *judge_sentences(found),
        *(str(remark) for remark in (remarks if isinstance(remarks, list) else ())),
    ]
    return [*_bullets(said), Piece(f"\n---\n\n{_run(found)}\n")]


def _run(provenance: Mapping[str, Any]) -> str:
    """Return one line: versions, the golden set, the commit, the time."""
    job = provenance.get("ci")
    commit = job.get("commit") if isinstance(job, Mapping) else ""
    golden = provenance.get("golden_hash")
    parts = [
        f"pytest-quantguard {code(str(provenance.get('pytest_quantguard', 'unknown')))}",
        f"{_number(provenance.get('cases'))} cases",
        f"golden set {code(str(golden)[:12])}" if golden else "",
        f"commit {code(str(commit)[:12])}" if commit else "",
        _time(provenance.get("started")),
    ]
    told = " · ".join(part for part in parts if part)
    return f"{told}. Side by side: `index.html`; as data: `report.json`; both in the report folder."


def _number(value: Any) -> str:
    return str(value) if type(value) is int else "?"


def _time(started: Any) -> str:
    known = isinstance(started, int | float) and 0 < started < 1e11
    return f"{datetime.fromtimestamp(started, UTC):%Y-%m-%d %H:%M} UTC" if known else ""
