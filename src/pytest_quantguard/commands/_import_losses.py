"""What could not be carried over, counted: a log may lose the same thing a million times."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from pytest_quantguard._sanitize import one_line
from pytest_quantguard.importers._records import Loss
from pytest_quantguard.types import Json

_MOST_KINDS = 500
_MOST_PLACES = 20
_SHOWN_KINDS = 20
_SHOWN_PLACES = 3


@dataclass(slots=True)
class _Kind:
    count: int = 0
    places: list[str] = field(default_factory=list)


class Losses:
    """Losses by what was lost and why, in the order in which they were met."""

    def __init__(self) -> None:
        self._kinds: dict[tuple[str, str], _Kind] = {}

    def __len__(self) -> int:
        return sum(kind.count for kind in self._kinds.values())

    def add(self, loss: Loss) -> None:
        """Count a loss; texts of the source are made safe to print here."""
        key = (one_line(loss.what, 80), one_line(loss.why, 200))
        if key not in self._kinds and len(self._kinds) >= _MOST_KINDS:
            key = ("further things", f"more than {_MOST_KINDS} different reasons")
        kind = self._kinds.setdefault(key, _Kind())
        kind.count += 1
        if len(kind.places) < _MOST_PLACES:
            kind.places.append(one_line(loss.place, 200))

    def to_list(self) -> list[Json]:
        """Return plain JSON types: every kind, with its first places."""
        return [
            {"what": what, "why": why, "count": kind.count, "places": kind.places}
            for (what, why), kind in self._kinds.items()
        ]

    def lines(self) -> Iterator[str]:
        """Yield what a person reads: the commonest kinds first."""
        if not self._kinds:
            yield "everything was carried over"
            return
        kinds = sorted(self._kinds.items(), key=lambda item: -item[1].count)
        yield f"not carried over, or not as it was: {len(self)}"
        for (what, why), kind in kinds[:_SHOWN_KINDS]:
            yield f"  {what}{f' ({kind.count})' if kind.count > 1 else ''}: {why}"
            more = kind.count - _SHOWN_PLACES
            shown = ", ".join(dict.fromkeys(kind.places[:_SHOWN_PLACES]))
            yield f"    {shown}{f' and {more} more' if more > 0 else ''}"
        if (rest := len(kinds) - _SHOWN_KINDS) > 0:
            yield f"  ... and {rest} more kinds; --json lists them all"
