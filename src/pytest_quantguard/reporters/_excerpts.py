"""Model text, cut to what matters and made safe to print."""

from __future__ import annotations

from pytest_quantguard._sanitize import quoted_block
from pytest_quantguard.pairs import PairedOutcome
from pytest_quantguard.reporters._texts import Texts, spoken
from pytest_quantguard.reporters._views import worst_first
from pytest_quantguard.reporters._words import MESSAGE_LIMIT, columns, folded, label, sentence
from pytest_quantguard.types import UNANSWERED, Completion
from pytest_quantguard.verdicts import BudgetVerdict

BEFORE = 120
"""Characters shown before the first difference."""
SHOWN = 480
"""Characters shown of each text."""
LINES_BEFORE = 4
"""Lines shown down to the first difference."""
LINES_SHOWN = 12
"""Lines shown of each text, before long ones are folded."""
WIDTH = 80
"""Columns of what is not made for one terminal: pytest's own sections, and JUnit."""
_PREFIX = "| "
_BLOCK = 4096


def first_difference(one: str, other: str) -> int | None:
    """Return the index of the first character that differs, or None for equal texts."""
    if one == other:
        return None
    start = 0
    while one[start : start + _BLOCK] == other[start : start + _BLOCK]:
        start += _BLOCK
    end = min(len(one), len(other), start + _BLOCK)
    return next((i for i in range(start, end) if one[i] != other[i]), end)


def side_by_side(outcome: PairedOutcome, texts: Texts, width: int) -> list[str]:
    """Show both texts around their first difference, each line prefixed with ``| ``."""
    baseline, candidate = (texts.completion(key) for key in outcome.keys)
    if candidate is None and (silence := _silence(outcome)):
        said_ = [] if baseline is None else _one_text(baseline, width)
        return [*said_, silence]
    if baseline is None or candidate is None:
        return ["the texts are not in the cache"]
    said = spoken(baseline), spoken(candidate)
    at = first_difference(*said)
    if at is None:
        head = "both arms said the same the first time they were asked"
        return [f"{head}{_size(said[0], baseline)}:", *_excerpt(said[0], 0, width, mark=False)]
    differs = f"candidate{_size(said[1], candidate)}, differs from character {at + 1:,} on:"
    return [
        *folded(f"baseline{_size(said[0], baseline)}:", width, "", "  "),
        *_excerpt(said[0], at, width, mark=False),
        *folded(differs, width, "", "  "),
        *_excerpt(said[1], at, width, mark=True),
    ]


def _silence(outcome: PairedOutcome) -> str:
    """Return why there is no answer of the candidate to show; empty where it gave one."""
    found = (text for text in outcome.candidate.violations if text.startswith(UNANSWERED))
    return next((f"candidate: {sentence(text, 300)}" for text in found), "")


def _one_text(baseline: Completion, width: int) -> list[str]:
    said = spoken(baseline)
    head = folded(f"baseline{_size(said, baseline)}:", width, "", "  ")
    return [*head, *_excerpt(said, 0, width, mark=False)]


def budget_details(
    verdict: BudgetVerdict,
    texts: Texts,
    limit: int = 10,
    *,
    characters: int = 20_000,
) -> str:
    """Return what `budget_sentence` has no room for: up to ``limit`` regressed cases, worst first.

    At most ``characters`` long, and empty when there is nothing to add.
    """
    long = len(verdict.reason) > MESSAGE_LIMIT
    blocks = [sentence(verdict.reason, characters // 2)] if long else []
    left = characters - len("\n".join(blocks))
    outcomes = worst_first(verdict.regressed)
    for number, outcome in enumerate(outcomes):
        rest = f"... and {verdict.losses - number} more"
        block = "\n".join(case_block(outcome, texts, WIDTH)) if number < limit else rest
        left -= len(block) + 2
        if left < len(rest) + 2 or number == limit:
            blocks.append(rest)
            break
        blocks.append(block)
    return "\n\n".join(blocks)[:characters]


def case_block(outcome: PairedOutcome, texts: Texts, width: int) -> list[str]:
    """Return one regressed case in full: where it stands, what is wrong, what was said."""
    found = outcome.candidate.violations[:5]
    return [
        case_line(outcome),
        *(line for text in found for line in folded(sentence(text, 300), width, "  ", "    ")),
        *(f"  {line}" for line in side_by_side(outcome, texts, width - 2)),
    ]


def case_line(outcome: PairedOutcome, *, check: bool = True) -> str:
    """Name a case and its place: ``refund-order (tool_call)  golden/tools.quant.yaml:12``."""
    marks = [label(outcome.check)] if check else []
    marks += ["critical"] if outcome.critical else []
    name = f"{label(outcome.case)} ({', '.join(marks)})" if marks else label(outcome.case)
    return f"{name}  {sentence(str(outcome.source), 200)}"


def _size(text: str, completion: Completion) -> str:
    stopped = completion.finish_reason
    ended = f", finish_reason {label(stopped)}" if stopped not in (None, "stop") else ""
    return f", {len(text):,} characters{ended}"


def _excerpt(text: str, at: int, width: int, *, mark: bool) -> list[str]:
    """Quote ``text`` around position ``at``; the mark is a caret under that character."""
    if not text:
        return [f"{_PREFIX}(nothing)"]
    start, end = _window(text, at)
    piece = text[start:end]
    after = len(text) - start - len(piece)
    lines = _quoted(piece)
    row, column = _place(piece[: at - start]) if mark else (-1, 0)
    room = max(width - len(_PREFIX), 16)
    shown = [f"{_PREFIX}[{start:,} characters before]"] if start else []
    for number, line in enumerate(lines):
        shown += _folded(line, room, column if number == row else None)
    return [*shown, f"{_PREFIX}[{after:,} more characters]"] if after else shown


def _window(text: str, at: int) -> tuple[int, int]:
    """Return start and end of what is shown: bounded in characters and in lines."""
    start = max(0, at - BEFORE)
    above = text[start:at].split("\n")
    if len(above) > LINES_BEFORE:
        start = at - len("\n".join(above[-LINES_BEFORE:]))
    lines = text[start : start + SHOWN].split("\n")
    return start, start + len("\n".join(lines[:LINES_SHOWN]))


def _quoted(piece: str) -> list[str]:
    """Clean lines without their prefix; tabs are visible, so that columns can be counted."""
    block = quoted_block(piece, _PREFIX).replace("\t", "\\t")
    return [line[len(_PREFIX) :] for line in block.split("\n")]


def _place(head: str) -> tuple[int, int]:
    """Return row and column of the end of ``head`` once it is cleaned."""
    lines = _quoted(head)
    return len(lines) - 1, len(lines[-1])


def _folded(line: str, room: int, caret: int | None) -> list[str]:
    """Break a line into pieces of ``room`` columns; a caret line follows the marked piece."""
    pieces: list[str] = []
    start = used = 0
    for i, char in enumerate(line):
        taken = columns(char)
        if used + taken > room:
            pieces.append(line[start:i])
            start, used = i, 0
        used += taken
    pieces.append(line[start:])
    shown: list[str] = []
    seen = 0
    for number, piece in enumerate(pieces):
        shown.append(f"{_PREFIX}{piece}")
        last = number == len(pieces) - 1
        if caret is not None and (caret < seen + len(piece) or last):
            blank = sum(map(columns, piece[: caret - seen]))
            shown.append(f"{_PREFIX}{' ' * blank}^")
            caret = None
        seen += len(piece)
    return shown
