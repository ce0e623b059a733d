"""Expected values as a tree: what is wrong with a given value, and what a schema says to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, islice
from typing import Any, Protocol

from pytest_quantguard._plural import counted
from pytest_quantguard.checks import _forms, _json
from pytest_quantguard.checks._text import MOST, show

_FOLDABLE = 4
"""A text this many times longer than the expected one is another text, whatever is overlooked."""
_TRIED = 3
"""Optional keys of one map of which every combination is tried on the tool's schema."""

Path = tuple[str | int, ...]


class Node(Protocol):
    """An expected value."""

    @property
    def wanted(self) -> str:
        """What is expected, as the end of a sentence."""
        ...

    def differences(self, got: Any, path: str) -> Iterator[str]:
        """Yield one sentence for each place where a JSON value is not what is expected.

        Raises:
            CheckError: when a pattern took longer than the limit.
        """
        ...

    def draft(self, sketch: Sketch, path: Path) -> Any:
        """Return a value that would hold, and tell the sketch what of it could be otherwise."""
        ...


def holds(node: Node, got: Any) -> bool:
    """Tell whether a value is what is expected."""
    return next(node.differences(got, "$"), None) is None


@dataclass(slots=True)
class Sketch:
    """What is known of an expected value while a golden file is read, for its tool's schema."""

    variant: int = 0
    """Which of several ways to write it."""
    width: int = 1
    """How many ways there are, at most."""
    loose: dict[Path, str] = field(default_factory=dict)
    """Places that are not fixed: ``any``; ``type`` when only the JSON type is; ``choice`` when the
    variants are all there is; ``open`` for a map that may have further keys; ``keys`` for one that
    is tried with all of its optional keys and with none."""

    def pick(self, path: Path, kind: str, *ways: Any) -> Any:
        """Note a place that is not fixed, and return one of the ways to fill it."""
        self.loose[path] = kind
        self.width = max(self.width, len(ways))
        return ways[min(self.variant, len(ways) - 1)]


# --- literal values ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Literal:
    """This value and no other; ``norms`` says what is overlooked (`_forms.NORMS`)."""

    value: Any
    norms: tuple[str, ...] = ()

    @property
    def wanted(self) -> str:
        """The value."""
        return show(self.value)

    def differences(self, got: Any, path: str) -> Iterator[str]:
        """Compare by value, then by form."""
        found = list(islice(_json.differences(self.value, got, path), MOST + 1))
        if found and not (self.norms and self._alike(got)):
            yield from found

    def draft(self, sketch: Sketch, path: Path) -> Any:
        """Return the value; where its spelling is overlooked, only its type is fixed."""
        value, by_number = self.value, "number" in self.norms
        if isinstance(value, str) and set(self.norms) - {"order"}:
            return sketch.pick(path, "type", value, *(numbers_of(value) if by_number else ()))
        if isinstance(value, int | float) and not isinstance(value, bool) and by_number:
            return sketch.pick(path, "type", value, str(value))
        return value

    def _alike(self, got: Any) -> bool:
        texts = isinstance(self.value, str) and isinstance(got, str)
        if texts and len(got) > _FOLDABLE * len(self.value) + 100:
            return False  # so that the golden file bounds the work
        return _forms.form(self.value, self.norms) == _forms.form(got, self.norms)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fields:
    """A map of expected values; ``open`` allows further keys."""

    items: tuple[tuple[str, Node], ...]
    spec: Any
    open: bool = False

    @property
    def wanted(self) -> str:
        """The map as it was written."""
        return show(self.spec)

    def differences(self, got: Any, path: str) -> Iterator[str]:
        """Compare key by key."""
        if not isinstance(got, Mapping):
            yield unlike(self, got, path, "object")
            return
        for key, node in self.items:
            if key in got:
                yield from node.differences(got[key], path + _json.step(key))
            elif not isinstance(node, Maybe):
                yield f"{_json.clip(path + _json.step(key))} is missing, expected {node.wanted}"
        known = {key for key, _ in self.items}
        for key in got:
            if key not in known and not self.open:
                yield f"{_json.clip(path + _json.step(key))} was not asked for: {show(got[key])}"

    def draft(self, sketch: Sketch, path: Path) -> Any:
        """Return a map with all keys, or without some that are optional."""
        drafts = {key: node.draft(sketch, (*path, key)) for key, node in self.items}
        maybe = [key for key, node in self.items if isinstance(node, Maybe)]
        fixed = not self.open and not any(place[: len(path)] == path for place in sketch.loose)
        if self.open:
            sketch.loose[path] = "open"
        if not maybe:
            return drafts
        if fixed and len(maybe) <= _TRIED:
            sizes = range(len(maybe) + 1)
            ways = [subset for size in sizes for subset in combinations(maybe, size)]
            absent = sketch.pick(path, "choice", *ways)
        else:
            absent = sketch.pick(path, "open" if self.open else "keys", (), maybe)
        return {key: value for key, value in drafts.items() if key not in absent}


@dataclass(frozen=True, slots=True, kw_only=True)
class Maybe:
    """A value that need not be there."""

    inner: Node

    @property
    def wanted(self) -> str:
        """What it is when it is there."""
        return f"{self.inner.wanted} or nothing"

    def differences(self, got: Any, path: str) -> Iterator[str]:
        """Compare a value that is there."""
        return self.inner.differences(got, path)

    def draft(self, sketch: Sketch, path: Path) -> Any:
        """Return the value; the map that it is in leaves it out."""
        return self.inner.draft(sketch, path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Items:
    """A list of expected values, in their order."""

    items: tuple[Node, ...]
    spec: Any

    @property
    def wanted(self) -> str:
        """The list as it was written."""
        return show(self.spec)

    def differences(self, got: Any, path: str) -> Iterator[str]:
        """Compare item by item."""
        if not isinstance(got, list | tuple):
            yield unlike(self, got, path, "array")
            return
        if len(got) != len(self.items):
            yield f"{_json.clip(path)} has {counted(len(got), 'item')}, expected {len(self.items)}"
        for index, (node, item) in enumerate(zip(self.items, got, strict=False)):
            yield from node.differences(item, f"{path}[{index}]")

    def draft(self, sketch: Sketch, path: Path) -> Any:
        """Return a list of all items."""
        return [node.draft(sketch, (*path, i)) for i, node in enumerate(self.items)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unordered:
    """A list of expected values in any order; ``plain`` when none of them is a matcher."""

    items: tuple[Node, ...]
    spec: Sequence[Any]
    norms: tuple[str, ...]
    plain: bool

    @property
    def wanted(self) -> str:
        """The list as it was written."""
        return f"{show(self.spec)} in any order"

    def differences(self, got: Any, path: str) -> Iterator[str]:
        """Find each item a partner of its own."""
        if not isinstance(got, list | tuple):
            yield unlike(self, got, path, "array")
            return
        missing, extra = self._alone(got) if self.plain else self._unmatched(got)
        if len(missing) == len(extra) == 1:
            yield from self.items[missing[0]].differences(got[extra[0]], f"{path}[{extra[0]}]")
            return
        for index in missing:
            yield f"{_json.clip(path)} lacks {self.items[index].wanted}"
        for index in extra:
            yield f"{_json.clip(f'{path}[{index}]')} was not asked for: {show(got[index])}"

    def draft(self, sketch: Sketch, path: Path) -> Any:
        """Return a list, of which only the type is fixed."""
        return sketch.pick(path, "type", [])

    def _alone(self, got: Sequence[Any]) -> tuple[list[int], list[int]]:
        """Return the places of what has no partner: of the expected and of the given items."""
        places: dict[Any, list[int]] = {}
        for index, item in enumerate(got):
            places.setdefault(_forms.form(item, self.norms), []).append(index)
        forms = [_forms.form(item, self.norms) for item in self.spec]
        taken = [places[form].pop() if places.get(form) else None for form in forms]
        missing = [index for index, place in enumerate(taken) if place is None]
        return missing, sorted(place for left in places.values() for place in left)

    def _unmatched(self, got: Sequence[Any]) -> tuple[list[int], list[int]]:
        looked_at = range(min(len(got), 2 * len(self.items) + MOST))  # the others are too many
        fits = [[i for i in looked_at if holds(node, got[i])] for node in self.items]
        partner = matching(fits)
        missing = [index for index in range(len(self.items)) if index not in partner]
        taken = set(partner.values())
        return missing, [index for index in range(len(got)) if index not in taken]


# --- matching ---------------------------------------------------------------------------


def matching(fits: Sequence[Sequence[int]]) -> dict[int, int]:
    """Find as many pairs as possible: ``fits[i]`` lists what ``i`` can be paired with.

    Source: Kuhn, The Hungarian method for the assignment problem (1955): augmenting paths.
    """
    partner: dict[int, int] = {}
    owner: dict[int, int] = {}

    def place(one: int, tried: set[int]) -> bool:
        for other in fits[one]:
            if other in tried:
                continue
            tried.add(other)
            if other not in owner or place(owner[other], tried):
                owner[other], partner[one] = one, other
                return True
        return False

    for one in range(len(fits)):
        place(one, set())
    return partner


def unlike(node: Node, got: Any, path: str, kind: str) -> str:
    """Return the sentence for a value of another kind than the expected one."""
    other = _json.kind(got)
    named = other if other != kind else "no such text"
    return f"{_json.clip(path)}: expected {node.wanted}, got {show(got)} ({named})"


def numbers_of(text: str) -> list[Any]:
    """Return the number that a text is, as JSON would have it; nothing for another text."""
    value = _forms.number(text)
    if value is None:
        return []
    return [int(value) if value == value.to_integral_value() else float(value)]
