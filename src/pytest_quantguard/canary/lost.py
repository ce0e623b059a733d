"""What of a log is no evidence: counted, and the first few of each kind named."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from pytest_quantguard._plural import counted
from pytest_quantguard._sanitize import one_line, without_keys
from pytest_quantguard.types import Role

REMEMBERED = 2_000_000
"""Ids and requests of a log that are known again, at least: the last ones."""

_SHOWN = 3
_MODELS = 100
"""Different names of models that are counted."""

KINDS: Mapping[str, tuple[str, str]] = {
    "record": ("record that cannot be used", "records that cannot be used"),
    "alone": ("answer without the other model's", "answers without the other model's"),
    "unplaced": ("exchange that cannot be joined", "exchanges that cannot be joined"),
    "uncopied": (
        "request that was not copied to the candidate",
        "requests that were not copied to the candidate",
    ),
    "twice": ("record that stands twice", "records that stand twice"),
    "number": ("number that is none (NaN)", "numbers that are none (NaN)"),
    "stranger": ("exchange of another model", "exchanges of other models"),
}
"""Each kind, once and several times."""
MISSING = ("record", "alone", "unplaced")
"""Those that may have been evidence: over `max_errors` of them, and there is no verdict."""


def kind_of(kind: str, role: Role, traffic: str) -> str:
    """Return the kind of an answer without a pair: of sampled traffic the baseline has many."""
    return "uncopied" if traffic == "sampled" and role == "baseline" else kind


@dataclass(slots=True)
class Lost:
    """What was passed over, by kind."""

    counts: Counter[str] = field(default_factory=Counter)
    places: dict[str, list[str]] = field(default_factory=dict)
    models: Counter[str] = field(default_factory=Counter)
    """Names of models that are neither arm."""
    aliens: Counter[str] = field(default_factory=Counter)
    """Why records are no exchange with a chat model: no loss, unless nothing is left."""

    def add(self, kind: str, place: str, why: str = "") -> None:
        """Count one, and keep its place if it is among the first."""
        self.counts[kind] += 1
        kept = self.places.setdefault(kind, [])
        if len(kept) < _SHOWN:
            said = one_line(without_keys(why))
            kept.append(f"{one_line(place)}: {said}" if why else one_line(place))

    def alien(self, why: str) -> None:
        """Count a record that is no exchange with a chat model."""
        if why in self.aliens or len(self.aliens) < _MODELS:
            self.aliens[why] += 1

    def passed_over(self) -> str:
        """Say what else stands in a log, the most frequent first; empty for nothing."""
        shown = [
            f"{one_line(without_keys(why))} ({n:,})" for why, n in self.aliens.most_common(_SHOWN)
        ]
        return f"other records: {', '.join(shown)}" if shown else ""

    def stranger(self, model: str, place: str) -> None:
        """Count an exchange with a model that is neither arm."""
        self.add("stranger", place)
        name = one_line(without_keys(model), 80) or "no name"
        if name in self.models or len(self.models) < _MODELS:
            self.models[name] += 1

    @property
    def missing(self) -> int:
        """How many records may have been evidence, and are not."""
        return sum(self.counts[kind] for kind in MISSING)

    def sentences(self) -> list[str]:
        """Say what was passed over, one sentence for each kind."""
        return [self._sentence(kind) for kind in KINDS if self.counts[kind]]

    def _sentence(self, kind: str) -> str:
        first = self.places[kind]
        text = f"{counted(self.counts[kind], *KINDS[kind])}"
        if kind == "stranger":
            shown = ", ".join(f"{name} ({n})" for name, n in self.models.most_common(_SHOWN))
            return f"{text}: {shown}"
        more = "; ..." if self.counts[kind] > len(first) else ""
        return f"{text}: {'; '.join(first)}{more}"


class Recent:
    """Remembers what was seen lately: at least ``size`` things, at most twice as many.

    Eight bytes and a half-empty table for each: 16 to 32 bytes, and no more than it takes.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._new, self._old = _Table(), _Table()
        self.forgot = False
        """True once something that was seen is not known any more."""

    def seen(self, name: str | bytes) -> bool:
        """Tell whether a name was seen before, and remember it."""
        # Python's own hash is salted anew in each process: no log can make two names collide.
        key = hash(name) or 1
        if key in self._new or key in self._old:
            return True
        self._new.add(key)
        if self._new.held >= self._size:
            self.forgot = self.forgot or self._old.held > 0
            self._old, self._new = self._new, _Table()
        return False


class _Table:
    """A set of numbers of 64 bits other than 0, open addressing in an array of them."""

    __slots__ = ("_cells", "_mask", "held")

    def __init__(self) -> None:
        self._mask = 1023
        self._cells = array("q", [0]) * 1024
        self.held = 0

    def _place(self, key: int) -> int:
        """Return where a key stands, or would stand."""
        cells, mask = self._cells, self._mask
        at = key & mask
        while (found := cells[at]) and found != key:
            at = (at + 1) & mask
        return at

    def __contains__(self, key: int) -> bool:
        return self._cells[self._place(key)] != 0

    def add(self, key: int) -> None:
        """Take in a number that is not there yet."""
        if 2 * self.held > self._mask:
            old, self._mask = self._cells, 2 * self._mask + 1
            self._cells = array("q", [0]) * (self._mask + 1)
            for one in filter(None, old):
                self._cells[self._place(one)] = one
        self._cells[self._place(key)] = key
        self.held += 1
