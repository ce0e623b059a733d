"""Both answers to one request, found in a log that has them one by one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from pytest_quantguard.canary.cohorts import text_of
from pytest_quantguard.canary.lost import Lost, Recent, kind_of
from pytest_quantguard.canary.pair_lines import failure_of, flag_of, identity, number, thumbs_of
from pytest_quantguard.canary.records import Feedback, MirroredPair, Side
from pytest_quantguard.canary.settings import CanaryConfig
from pytest_quantguard.canary.waiting import Waiting, WaitingRoom, mark
from pytest_quantguard.importers._lines import size_of
from pytest_quantguard.importers._records import Recorded
from pytest_quantguard.types import Role, Source

_OTHER: Mapping[Role, Role] = {"baseline": "candidate", "candidate": "baseline"}
_RECORD = 1000
"""Characters that any exchange takes at least."""


class Joiner:
    """Joins exchanges to pairs, by one rule of the configuration."""

    def __init__(self, config: CanaryConfig, lost: Lost, seen: Recent) -> None:
        """``seen``: ids by which records are told that stand twice."""
        self._config = config
        self._lost = lost
        self._seen = seen
        # Of sampled traffic most of the baseline's answers wait for ever: the last one is meant.
        self._room = WaitingRoom(config.window, newest=config.traffic == "sampled")

    def add(self, recorded: Recorded, source: Source) -> Iterator[MirroredPair]:
        """Take in one exchange; yield the pair that it completes.

        Raises:
            InputError: the disk has no room for what waits.
        """
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
        half = self._alone(role, recorded, source)
        if self._config.traffic == "split":
            yield half
            return
        key = self._key(recorded)
        if not key:
            why = f"it has no {self._config.join.removeprefix('label:')!r} to join by"
            self._lost.add("unplaced", str(source), why)
            return
        found = self._room.take(*_marks(_OTHER[role], key, recorded.trace))
        if found is not None:
            yield self._pair(role, half, found.half)
            return
        marks = _marks(role, key, recorded.trace)
        self._room.put(Waiting(role, *marks, half, _size(recorded)))

    def rest(self) -> None:
        """Count what still waits at the end of all files; nothing of it has a pair.

        Raises:
            InputError: the disk cannot be read.
        """
        for role, source in self._room.rest():
            self._lost.add(kind_of("alone", role, self._config.traffic), str(source), role)

    def close(self) -> None:
        """Give the disk back."""
        self._room.close()

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
        return recorded.request.canonical()

    # --- pairs --------------------------------------------------------------------------

    def _pair(self, role: Role, half: MirroredPair, other: MirroredPair) -> MirroredPair:
        ours, theirs = (half, other) if role == "baseline" else (other, half)
        unlike = ""
        if self._config.join != "request" and ours.request != theirs.request:
            unlike = f"the request of the candidate is another one ({theirs.source})"
        return replace(ours, candidate=theirs.candidate, unlike=unlike)

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
            "tells_tools": recorded.tells_tools,
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


def _marks(role: Role, key: str, trace: str) -> tuple[bytes, bytes]:
    """Return what tells the answers of one role to one question from others; and those of one
    trace, if the log tells it."""
    return mark(role, key), mark(role, key, trace) if trace else b""


def _size(recorded: Recorded) -> int:
    """Return about how much memory an exchange takes, in characters."""
    answer = recorded.answer
    values: list[Any] = [recorded.messages, recorded.tools, recorded.params, recorded.failure]
    values += [recorded.labels, recorded.facts, recorded.tags]
    if answer is not None:
        values += [answer.text, answer.reasoning, answer.refusal]
        values.append(tuple((call.name, call.arguments_text) for call in answer.tool_calls))
    return _RECORD + size_of(values)
