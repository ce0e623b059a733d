"""What of a log is no evidence: counted, and the first few of each kind named."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from pytest_quantguard._plural import counted
from pytest_quantguard._sanitize import one_line, without_keys
from pytest_quantguard.types import Role

_SHOWN = 3
_MODELS = 100
"""Different names of models that are counted."""

KINDS: Mapping[str, tuple[str, str]] = {
    "record": ("record that cannot be used", "records that cannot be used"),
    "alone": ("answer without the other model's", "answers without the other model's"),
    "early": (
        "answer that waited too long for the other model's",
        "answers that waited too long for the other model's",
    ),
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
MISSING = ("record", "alone", "early", "unplaced")
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

    def add(self, kind: str, place: str, why: str = "") -> None:
        """Count one, and keep its place if it is among the first."""
        self.counts[kind] += 1
        kept = self.places.setdefault(kind, [])
        if len(kept) < _SHOWN:
            said = one_line(without_keys(why))
            kept.append(f"{one_line(place)}: {said}" if why else one_line(place))

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
    """Remembers what was seen lately: at least ``size`` things, at most twice as many."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._new: set[int] = set()
        self._old: set[int] = set()

    def seen(self, name: str | bytes) -> bool:
        """Tell whether a name was seen before, and remember it."""
        key = hash(name)
        if key in self._new or key in self._old:
            return True
        self._new.add(key)
        if len(self._new) >= self._size:
            self._old, self._new = self._new, set()
        return False
