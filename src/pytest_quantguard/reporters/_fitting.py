"""Documents that may not be longer than so many bytes: what counts most stays."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

_FEET = 400
"""Bytes that the sentence about what was left out may take."""


class Piece(NamedTuple):
    """A part of a document that stands whole or not at all; it brings its own line ends."""

    text: str
    rank: int = 0
    """What has the smallest rank is kept first."""
    kind: str = ""
    """One word, or two, for what it is; how many of a kind were left out is said at the end."""


def fitted(pieces: Sequence[Piece], limit: int, where: str) -> str:
    """Return the pieces in their order, in at most ``limit`` bytes of UTF-8.

    What does not fit is left out from the end of the least important, and counted in a last
    sentence; ``where`` is what follows it: where everything is. A ``limit`` below 1,000 holds
    nothing.
    """
    sizes = [len(piece.text.encode()) for piece in pieces]
    if sum(sizes) <= limit:
        return "".join(piece.text for piece in pieces)
    room = limit - _FEET - len(where.encode())
    kept: set[int] = set()
    for i in sorted(range(len(pieces)), key=lambda i: (pieces[i].rank, i)):
        room -= sizes[i]
        if room < 0:  # nothing that is less important slips in because it is short
            break
        kept.add(i)
    lost = (piece.kind for i, piece in enumerate(pieces) if i not in kept and piece.kind)
    text = "".join(pieces[i].text for i in sorted(kept))
    return f"{text}\nLeft out here for its size: {_counted(lost)}. {where}\n"


def _counted(kinds: Iterable[str]) -> str:
    found = Counter(kinds)
    said = [f"{count} {kind}{'' if count == 1 else 's'}" for kind, count in found.items()]
    return ", ".join(said) or "a part of this page"
