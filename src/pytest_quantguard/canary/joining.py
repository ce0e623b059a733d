"""Both answers to one request, found in a log that has them one by one.

What waits for its other half waits in a window of bounded length; what falls out is counted.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pytest_quantguard.canary.cohorts import text_of
from pytest_quantguard.canary.lost import Lost, Recent, kind_of
from pytest_quantguard.canary.pair_lines import failure_of, flag_of, identity, number, thumbs_of
from pytest_quantguard.canary.records import Feedback, MirroredPair, Side
from pytest_quantguard.canary.settings import CanaryConfig
from pytest_quantguard.importers._records import Recorded
from pytest_quantguard.types import Role, Source

MAX_WAITING = 256 * 2**20
"""Characters that waiting exchanges may hold, all together."""
REMEMBERED = 200_000
"""Ids by which records are told that stand twice."""

_OTHER: Mapping[Role, Role] = {"baseline": "candidate", "candidate": "baseline"}


@dataclass(slots=True)
class _Waiting:
    """One arm's exchange."""

    role: Role
    key: str
    trace: str
    recorded: Recorded
    source: Source
    size: int


class Joiner:
    """Joins exchanges to pairs, by one rule of the configuration."""

    def __init__(self, config: CanaryConfig, lost: Lost) -> None:
        self._config = config
        self._lost = lost
        self._seen = Recent(REMEMBERED)
        self._waiting: OrderedDict[int, _Waiting] = OrderedDict()
        """In the order in which they came, by number."""
        self._by_key: dict[str, list[int]] = {}
        self._number = 0
        self._size = 0

    def add(self, recorded: Recorded, source: Source) -> Iterator[MirroredPair]:
        """Take in one exchange; yield the pair that it completes, and what waited too long."""
        role = self._role(recorded)
        if role is None:
            self._lost.stranger(_model(recorded), str(source))
            return
        if recorded.key and self._seen.seen(recorded.key):
            self._lost.add("twice", str(source))
            return
        if recorded.answer is None and not recorded.failure:
            self._lost.add("record", str(source), "it holds neither an answer nor an error")
            return
        if self._config.traffic == "split":
            yield self._alone(role, recorded, source)
            return
        key = self._key(recorded)
        if not key:
            why = f"it has no {self._config.join.removeprefix('label:')!r} to join by"
            self._lost.add("unplaced", str(source), why)
            return
        new = _Waiting(role, key, recorded.trace, recorded, source, _size(recorded))
        other = self._partner(new)
        if other is not None:
            yield self._pair(new, other)
            return
        self._wait(new)
        while len(self._waiting) > self._config.window or self._size > MAX_WAITING:
            self._give_up(next(iter(self._waiting)), "early")

    def rest(self) -> Iterator[MirroredPair]:
        """Count what still waits at the end of all files; nothing of it has a pair."""
        while self._waiting:
            self._give_up(next(iter(self._waiting)), "alone")
        yield from ()

    # --- whose answer is it? ------------------------------------------------------------

    def _role(self, recorded: Recorded) -> Role | None:
        """Return the arm that an exchange belongs to: by its labels first, then by its model."""
        roles: tuple[Role, Role] = ("baseline", "candidate")
        for name in self._names(recorded):
            for role in roles:
                if name in self._config.names[role]:
                    return role
        return None

    def _names(self, recorded: Recorded) -> Iterator[str]:
        about = {**recorded.labels, **recorded.facts}
        for label in self._config.labels:
            if label in about:
                yield f"{label}={text_of(about[label])}"
        yield recorded.model
        yield recorded.labels.get("model_group", "")
        if recorded.answer is not None and recorded.answer.served_as:
            yield recorded.answer.served_as

    # --- what belongs together? ---------------------------------------------------------

    def _key(self, recorded: Recorded) -> str:
        join = self._config.join
        if join == "trace":
            return recorded.trace
        if join.startswith("label:"):
            name = join.removeprefix("label:")
            return text_of(recorded.facts.get(name, recorded.labels.get(name)))
        asked = recorded.request.canonical().encode("ascii", "backslashreplace")
        return hashlib.blake2b(asked, digest_size=16).hexdigest()

    def _partner(self, new: _Waiting) -> _Waiting | None:
        """Take out the other arm's exchange: of several the one of the same trace, else the first.

        Two users may ask the same at the same time; their answers are exchangeable.
        """
        numbers = self._by_key.get(new.key, ())
        fits = [n for n in numbers if self._waiting[n].role == _OTHER[new.role]]
        if not fits:
            return None
        same = (n for n in fits if new.trace and self._waiting[n].trace == new.trace)
        return self._take(next(same, fits[0]))

    def _wait(self, new: _Waiting) -> None:
        self._number += 1
        self._waiting[self._number] = new
        self._by_key.setdefault(new.key, []).append(self._number)
        self._size += new.size

    def _take(self, number: int) -> _Waiting:
        found = self._waiting.pop(number)
        self._size -= found.size
        numbers = self._by_key[found.key]
        numbers.remove(number)
        if not numbers:
            del self._by_key[found.key]
        return found

    def _give_up(self, number: int, kind: Literal["early", "alone"]) -> None:
        found = self._take(number)
        kind_ = kind_of(kind, found.role, self._config.traffic)
        self._lost.add(kind_, str(found.source), found.role)

    # --- pairs --------------------------------------------------------------------------

    def _pair(self, one: _Waiting, other: _Waiting) -> MirroredPair:
        ours, theirs = (one, other) if one.role == "baseline" else (other, one)
        asked = ours.recorded.request
        unlike = ""
        if self._config.join != "request" and asked != theirs.recorded.request:
            unlike = f"the request of the candidate is another one ({theirs.source})"
        found = self._described(ours.recorded, ours.source)
        return MirroredPair(
            **found,
            baseline=self._side(ours.recorded),
            candidate=self._side(theirs.recorded),
            unlike=unlike,
        )

    def _alone(self, role: Role, recorded: Recorded, source: Source) -> MirroredPair:
        side = self._side(recorded)
        return MirroredPair(
            **self._described(recorded, source),
            baseline=side if role == "baseline" else None,
            candidate=side if role == "candidate" else None,
        )

    def _described(self, recorded: Recorded, source: Source) -> dict[str, Any]:
        about = {**recorded.labels, **recorded.facts}
        return {
            "id": identity(recorded.key or recorded.name, source),
            "request": recorded.request,
            "source": source,
            "route": recorded.route,
            "tags": recorded.tags or ((recorded.route,) if recorded.route else ()),
            "labels": {name: about[name] for name in self._config.labels if name in about},
            "at": recorded.answer.asked_at if recorded.answer else 0.0,
        }

    def _side(self, recorded: Recorded) -> Side:
        about = {**recorded.labels, **recorded.facts}
        said = {name: about.get(label) for name, label in self._config.feedback.items()}
        return Side(
            completion=None if recorded.failure else recorded.answer,
            failure=failure_of(recorded.failure) if recorded.failure else "",
            timed_out=recorded.timed_out,
            cost=number(recorded.cost),
            feedback=Feedback(
                thumbs=thumbs_of(said.get("thumbs")),
                retried=flag_of(said.get("retried")),
                escalated=flag_of(said.get("escalated")),
            ),
        )


def _model(recorded: Recorded) -> str:
    served = recorded.answer.served_as if recorded.answer else None
    return recorded.model or served or ""


def _size(recorded: Recorded) -> int:
    """Return about how much memory an exchange takes, in characters."""
    contents = (message.get("content") for message in recorded.messages)
    asked = sum(len(str(content)) for content in contents if content)
    return asked + len(recorded.answer.text if recorded.answer else "") + 1000
