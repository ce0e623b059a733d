"""Two columns with marks: how a comparison becomes a table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, TypeAlias

from pytest_quantguard.reporters._words import label
from pytest_quantguard.reporters.html._diff import CHANGED, SAME, SHARP, Piece
from pytest_quantguard.reporters.html._markup import Child, Markup, tag
from pytest_quantguard.reporters.html._pieces import folded

_ELEMENTS = ("del", "ins")
_SHORT = 80
"""Longest mark, in characters, that is framed as the first one; of a longer one its beginning."""

SAME_SHOWN = 2_000
"""Longest text between two differences that is shown whole; the middle of more is folded."""

Pieces: TypeAlias = Sequence[Piece]


class Line(NamedTuple):
    """One row of the table: two cells, or one across both, or a name of what follows."""

    kind: str
    """``words``, ``line`` of a structure, ``both`` or ``part``: its classes."""
    baseline: Pieces | None = None
    """None: this arm has no such line."""
    candidate: Pieces | None = None
    name: str = ""

    @property
    def differs(self) -> bool:
        """True when something is marked in it."""
        return any(p.mark for side in (self.baseline, self.candidate) for p in side or ())


def columns(caption: str, heads: Iterable[Child], lines: Iterable[Line]) -> Markup:
    """Return the table, the first difference in it marked as such."""
    return tag(
        "table",
        tag("caption", caption),
        tag("thead", tag("tr", [tag("th", head, scope="col") for head in heads])),
        tag("tbody", _rows(lines)),
        class_="said",
    )


def arm_head(role: str, name: str, facts: Iterable[str]) -> list[Child]:
    """Return what stands above an arm's column: its role, its name, and what is known of it."""
    told = ", ".join(facts)
    return [
        tag("span", role, class_="role"),
        " ",
        tag("strong", label(name)),
        tag("small", told) if told else None,
    ]


def _rows(lines: Iterable[Line]) -> Iterator[Markup]:
    seen = False
    for line in lines:
        if line.kind == "part":
            yield tag("tr", tag("th", line.name, colspan=2, scope="colgroup"), class_="part")
        elif line.kind == "both":
            cell = tag("td", *_written(line.baseline or (), ""), colspan=2, dir="auto")
            yield tag("tr", cell, class_="words both")
        else:
            differs = line.differs
            yield _cells(line, first=differs and not seen)
            seen = seen or differs


def _cells(line: Line, *, first: bool) -> Markup:
    """Return a row of two cells; a side that has no such line gets an empty one."""
    kinds = [line.kind]
    if line.kind == "line":
        kinds += ["first"] if first else [] if line.differs else ["same"]
    sides = (line.baseline, line.candidate)
    cells = []
    for pieces, other, element in zip(sides, reversed(sides), _ELEMENTS, strict=True):
        if pieces is None:
            cells.append(tag("td", class_="none"))
        else:
            shown = pieces if line.kind == "line" else _with_end(pieces, other or ())
            cells.append(tag("td", *_written(shown, element, first=first), dir="auto"))
    return tag("tr", *cells, class_=" ".join(kinds))


_END = Piece("", CHANGED)
"""Stands where the other side has something more."""


def _with_end(pieces: Pieces, other: Pieces) -> Pieces:
    """Mark the place where the other side alone goes on differently."""
    if any(piece.mark for piece in pieces) or not any(piece.mark for piece in other):
        return pieces
    text = "".join(piece.text for piece in pieces)
    at = len(other[0].text) if other[0].mark == SAME else 0
    return (Piece(text[:at]), _END, Piece(text[at:]))


def _written(pieces: Pieces, element: str, *, first: bool = False) -> Iterator[Child]:
    """Yield text and marked text; the first mark has a class of its own."""
    if not any(piece.text for piece in pieces):
        yield tag("span", "(nothing)", class_="nothing")
    group: list[Piece] = []
    for piece in (*pieces, Piece("")):
        if piece.mark == SAME:
            if group:
                yield _marked(group, element, first=first)
                first, group = False, []
            yield from _same(piece.text)
        else:
            group.append(piece)


def _same(text: str) -> Iterator[Child]:
    """Yield text that both sides have; nobody has to scroll past pages of it."""
    if len(text) <= SAME_SHOWN:
        yield text
        return
    side = SAME_SHOWN // 4
    middle = text[side:-side]
    yield text[:side]
    yield folded(f"{len(middle):,} characters, the same in both", middle, class_="same")
    yield text[-side:]


def _marked(group: Sequence[Piece], element: str, *, first: bool) -> Markup:
    if group[0] is _END:
        return tag("span", class_="here")
    text = "".join(piece.text for piece in group)
    kinds = ["first"] if first else []
    kinds += ["long"] if first and len(text) > _SHORT else []
    inner = (
        tag("b", piece.text) if piece.mark == SHARP else _with_ends(piece.text) for piece in group
    )
    return tag(element, inner, class_=" ".join(kinds) or None)


def _with_ends(text: str) -> Child:
    """Make ends of lines visible where they are what differs."""
    if "\n" not in text or text.strip():
        return text
    mark = tag("span", class_="end")
    first, *others = text.split("\n")
    return [first, *((mark, f"\n{line}") for line in others)]
