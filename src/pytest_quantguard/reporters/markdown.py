"""Markdown: the summary of a CI step, and a shorter text for a comment on a pull request."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from pytest_quantguard.reporters._files import write_whole
from pytest_quantguard.reporters._fitting import fitted
from pytest_quantguard.reporters._markdown_parts import (
    CASE,
    WHERE,
    candidate_pieces,
    foot_pieces,
    head_pieces,
    mark,
    route_pieces,
    table_pieces,
)
from pytest_quantguard.reporters._markdown_text import prose
from pytest_quantguard.reporters._texts import Texts
from pytest_quantguard.verdicts import GateReport, Verdict

SUMMARY_LIMIT = 900_000
"""Bytes of a summary. GitHub drops one of more than 1,048,576, with all that others added to it."""
COMMENT_LIMIT = 60_000
"""Bytes of a comment; GitHub takes 65,536 characters."""
CASES_IN_COMMENT = 10
"""Regressed cases in a comment; GitHub's own limit would hold few more."""
PROBLEMS_SHOWN = 20
"""Problems named where there is no verdict."""
SMALLEST = 2_000
"""Bytes below which a summary would say nothing."""


def summary(report: GateReport, path: Path, texts: Texts) -> None:
    """Write the summary of a CI step: at most `SUMMARY_LIMIT` bytes.

    Raises:
        QuantGuardError: when the file cannot be written; names the path.
    """
    write_whole(path, summary_text(report, texts).encode())


def comment(report: GateReport, path: Path, texts: Texts) -> None:
    """Write a comment for a pull request: at most `COMMENT_LIMIT` bytes.

    Its first line is `marker`, by which a workflow finds the comment that it wrote before.

    Raises:
        QuantGuardError: when the file cannot be written; names the path.
    """
    write_whole(path, comment_text(report, texts).encode())


def summary_text(report: GateReport, texts: Texts, limit: int = SUMMARY_LIMIT) -> str:
    """Return the summary in at most ``limit`` bytes of UTF-8, from `SMALLEST` on.

    What does not fit is left out from the end; a sentence says what, and where it is.
    """
    pieces = [*head_pieces(report), *table_pieces(report), *route_pieces(report)]
    for candidate in report.candidates:
        pieces += candidate_pieces(candidate, report, texts)
    return fitted([*pieces, *foot_pieces(report)], limit, WHERE)


def comment_text(report: GateReport, texts: Texts) -> str:
    """Return the comment: as the summary, with `CASES_IN_COMMENT` cases in all."""
    pieces = [*head_pieces(report), *table_pieces(report), *route_pieces(report)]
    room = CASES_IN_COMMENT
    for candidate in report.candidates:
        mine = candidate_pieces(candidate, report, texts, most=room)
        room -= sum(piece.kind == CASE for piece in mine)
        pieces += mine
    head = f"{marker(report)}\n"
    room = COMMENT_LIMIT - len(head)
    return head + fitted([*pieces, *foot_pieces(report)], room, WHERE)


def marker(report: GateReport) -> str:
    """Return a line that is not shown, the same for all runs of one baseline and its candidates."""
    names = [report.baseline.name, *sorted(one.variant.name for one in report.candidates)]
    digest = hashlib.sha256(json.dumps(names).encode("ascii")).hexdigest()[:12]
    return f"<!-- quantguard:comment:{digest} -->"


def no_verdict_text(problems: Sequence[str]) -> str:
    """Return the summary of a run without a verdict, and why that is so."""
    shown = [f"- {prose(problem)}\n" for problem in problems[:PROBLEMS_SHOWN]]
    more = len(problems) - PROBLEMS_SHOWN
    rest = [f"- and {more} more; the log has them all\n"] if more > 0 else []
    return "".join((f"## {mark(Verdict.ERROR)} **no verdict**: quantguard\n\n", *shown, *rest))
