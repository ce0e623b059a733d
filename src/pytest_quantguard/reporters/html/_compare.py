"""What both arms said, side by side: texts word by word, JSON and tool calls line by line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest
from typing import NamedTuple

from pytest_quantguard._sanitize import clean
from pytest_quantguard.reporters._excerpts import first_difference
from pytest_quantguard.reporters._texts import spoken
from pytest_quantguard.reporters.html._align import aligned
from pytest_quantguard.reporters.html._columns import Line, Pieces, columns
from pytest_quantguard.reporters.html._diff import CHANGED, Piece, compare
from pytest_quantguard.reporters.html._markup import Child, Markup, tag
from pytest_quantguard.reporters.html._pieces import folded
from pytest_quantguard.reporters.html._structure import Row, Value, parsed, reordered, rows
from pytest_quantguard.types import Completion, ToolCall

SHOWN = 20_000
"""Characters shown of each text."""
CALLS = 20
"""Tool calls shown."""
BEFORE = 2_000
"""Characters shown before the first difference of texts that are longer than what is shown."""
_SEAM = 40
"""Characters by which the same place is known in both texts."""
WHOLE = "report.json holds the whole text"
_ARMS = ("baseline", "candidate")


class Shown(NamedTuple):
    """Rows of a comparison, and what a reader must know about them."""

    lines: list[Line]
    notes: list[str]


def compared(baseline: Completion, candidate: Completion, heads: Sequence[Child]) -> Markup:
    """Return both completions side by side; ``heads`` stand above the columns, baseline first."""
    said = spoken(baseline), spoken(candidate)
    if said[0] == said[1]:
        shown = _alike(said[0])
    else:
        parts = [
            _texts(baseline.text, candidate.text),
            _texts(baseline.refusal or "", candidate.refusal or "", "refusal"),
            _calls(baseline.tool_calls, candidate.tool_calls),
        ]
        shown = Shown([r for p in parts for r in p.lines], [n for p in parts for n in p.notes])
    table = columns("What both arms said", heads, shown.lines)
    return tag("div", [tag("p", note, class_="note") for note in shown.notes], table)


def thoughts(baseline: Completion, candidate: Completion) -> Markup | None:
    """Return what reasoning models thought before they answered, folded; None for none."""
    if not (baseline.reasoning or candidate.reasoning):
        return None
    shown = _texts(baseline.reasoning, candidate.reasoning)
    notes = [tag("p", note, class_="note") for note in shown.notes]
    return folded("Reasoning", notes, columns("Reasoning of both arms", _ARMS, shown.lines))


def alone(completion: Completion) -> Markup:
    """Return what one arm said where the other's text is not there."""
    text, notes = _cut(spoken(completion))
    body = tag("p", "(nothing)", class_="nothing") if not text else tag("pre", text, dir="auto")
    return tag("div", body, [tag("p", note, class_="note") for note in notes], class_="alone")


def _alike(said: str) -> Shown:
    """Return one text that both arms said."""
    text, notes = _cut(said)
    told = "Both arms said the same, word for word, the first time they were asked."
    return Shown([Line("both", (Piece(text),) if text else ())], [told, *notes])


def _cut(text: str) -> tuple[str, list[str]]:
    more = len(text) - SHOWN
    notes = [f"{more:,} more characters are not shown; {WHOLE}."] if more > 0 else []
    return clean(text[:SHOWN]), notes


def _texts(one: str, other: str, name: str = "") -> Shown:
    """Compare two texts: as JSON where both are, else as words. Nothing for two empty ones."""
    if not one and not other:
        return Shown([], [])
    heading = [Line("part", name=name)] if name else []
    if max(len(one), len(other)) <= SHOWN:
        left, right = parsed(one), parsed(other)
        if left is not None and right is not None and (found := rows(left, right)) is not None:
            told = _of_json(left, right) if one != other else []
            return Shown([*heading, *_lines(found)], told)
    sides, notes = _sides(one, other)
    return Shown([*heading, Line("words", *sides)], notes)


def _lines(found: Iterable[Row]) -> Iterator[Line]:
    return (Line("line", *row) for row in found)


def _of_json(one: Value, other: Value) -> list[str]:
    if one == other:
        return ["The same JSON values, written differently."]
    if reordered(one, other):
        return ["JSON with its keys in another order; shown in that of the baseline."]
    return []


def _calls(one: Sequence[ToolCall], other: Sequence[ToolCall]) -> Shown:
    """Compare tool calls: those of one name with each other, in their order."""
    found = Shown([], [])
    pairs = list(_paired(one, other))
    for number, (a, b) in enumerate(pairs[:CALLS], 1):
        name = f"tool call {number}" if max(len(one), len(other)) > 1 else "tool call"
        found.lines.append(Line("part", name=name))
        found.lines.extend(_call(a, b, name, found.notes))
    if (more := len(pairs) - CALLS) > 0:
        found.notes.append(f"{more:,} more tool calls are not shown; report.json holds them.")
    return found


def _paired(
    one: Sequence[ToolCall], other: Sequence[ToolCall]
) -> Iterator[tuple[ToolCall | None, ToolCall | None]]:
    ends = [*aligned([c.name for c in one], [c.name for c in other]), (len(one), len(other))]
    i = j = 0
    for at_i, at_j in ends:
        yield from zip_longest(one[i:at_i], other[j:at_j])
        if at_i < len(one):
            yield one[at_i], other[at_j]
        i, j = at_i + 1, at_j + 1


def _call(
    one: ToolCall | None, other: ToolCall | None, name: str, notes: list[str]
) -> Iterator[Line]:
    """Yield the lines of one call in both arms; what is no JSON goes as words, and is said."""
    if one is None or other is None:
        yield Line("words", *_one_sided(one, other))
        return
    names, more = _sides(one.name, other.name)
    notes += more
    yield Line("words name", *names)
    values = [
        parsed(call.arguments_text) if len(call.arguments_text) <= SHOWN else None
        for call in (one, other)
    ]
    for arm, call in zip(_ARMS, (one, other), strict=True):
        if not _is_object(call.arguments_text):
            notes.append(f"The arguments of the {name} are no JSON object in the {arm}.")
    left, right = values
    found = rows(left, right) if left is not None and right is not None else None
    if found is not None:
        yield from _lines(found)
    elif one.arguments_text or other.arguments_text:
        sides, more = _sides(one.arguments_text, other.arguments_text)
        notes += more
        yield Line("words", *sides)


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def _one_sided(one: ToolCall | None, other: ToolCall | None) -> tuple[Pieces | None, Pieces | None]:
    """Return a call that one arm alone made."""
    texts = [None if call is None else (Piece(_cut_call(call), CHANGED),) for call in (one, other)]
    return texts[0], texts[1]


def _cut_call(call: ToolCall) -> str:
    text, notes = _cut(f"{call.name}({call.arguments_text})")
    return "\n".join((text, *(f"[{note}]" for note in notes)))


# --- where to look ----------------------------------------------------------------------------


def _sides(one: str, other: str) -> tuple[tuple[Pieces, Pieces], list[str]]:
    """Compare as words what is shown of two texts, and say what is not shown."""
    start, notes = 0, []
    longest = max(len(one), len(other))
    if longest > SHOWN:
        at = first_difference(one, other)
        start = 0 if at is None else max(0, at - BEFORE)
        if start:
            notes.append(f"{start:,} characters before this, the same in both, are not shown.")
    ends = _ends(one, other, start)
    shown = [clean(text[start:end]) for text, end in zip((one, other), ends, strict=True)]
    pieces = compare(*shown)
    rest = [text[end:] for text, end in zip((one, other), ends, strict=True)]
    if any(rest):
        counts = " and ".join(
            f"{len(text):,} more characters of the {arm}"
            for text, arm in zip(rest, _ARMS, strict=True)
            if text
        )
        same = ", the same in both" if rest[0] == rest[1] else ""
        notes.append(f"Not shown: {counts}{same}; {WHOLE}.")
    elif start:
        notes[-1] = f"{notes[-1][:-1]}; {WHOLE}."
    if one != other and not any(piece.mark for side in pieces for piece in side):
        notes.append("They differ in what is not seen here, such as the ends of lines.")
    return pieces, notes


def _ends(one: str, other: str, start: int) -> tuple[int, int]:
    """Return where to cut: both texts after the same words where these are near by."""
    end = start + SHOWN
    if min(len(one), len(other)) <= end:
        return end, end
    words = one[end - _SEAM : end]
    before = other.rfind(words, max(start, end - BEFORE), end)
    after = other.find(words, end - _SEAM, end + BEFORE)
    found = [at + _SEAM for at in (before, after) if at >= 0]
    return end, min(found, key=lambda at: abs(at - end), default=end)
