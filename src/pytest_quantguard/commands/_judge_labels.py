"""Answers that people have labelled, read from JSONL: what a judge is measured by."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pytest_quantguard.checks.judge import Judge, alike
from pytest_quantguard.documents.strict_json import read_lines
from pytest_quantguard.errors import InputError, did_you_mean
from pytest_quantguard.types import Completion, CompletionRequest, GoldenCase, Source

Kind = Literal["absolute", "pairwise"]

LABELS: dict[Kind, tuple[str, ...]] = {"absolute": ("pass", "fail"), "pairwise": ("a", "b", "tie")}
_ANSWERS: dict[Kind, tuple[str, ...]] = {"absolute": ("answer",), "pairwise": ("a", "b")}
_ALSO = ("prompt", "messages", "rubric", "reference", "label", "id", "note")


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """One answer, or pair of answers, and what people say about it."""

    case: GoldenCase
    rules: Judge
    answers: tuple[Completion, ...]
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """What a judge is measured by: each question once."""

    kind: Kind
    labels: tuple[Label, ...]
    repeated: int = 0
    """Lines that ask and say the same as an earlier one."""
    alike: int = 0
    """Pairs of which both answers say the same: a judge is never asked about them."""


def read_labels(path: Path, name: str, rules: Mapping[str, Any]) -> Labels:
    """Return the labels of a file.

    ``rules`` are parameters of the check `judge`; a line may have a rubric of its own.

    Raises:
        InputError: with every mistake, each with file:line.
    """
    reader = _Reader(name, rules)
    labels = tuple(reader.labels(path))
    if reader.problems:
        raise InputError(reader.problems)
    if reader.alike and not labels:
        raise InputError(
            f"{name}: in all {reader.alike} pairs both answers say the same; no judge is ever "
            "asked about such a pair, so label others"
        )
    if not labels or reader.kind is None:
        raise InputError(f"{name}: there is no label in it")
    return Labels(kind=reader.kind, labels=labels, repeated=reader.repeated, alike=reader.alike)


class _Reader:
    def __init__(self, name: str, rules: Mapping[str, Any]) -> None:
        self.name = name
        self.rules = rules
        self.kind: Kind | None = None
        self.repeated = 0
        self.alike = 0
        self._known: dict[str, tuple[str, Source]] = {}
        self._problems: dict[str, list[str]] = {}

    @property
    def problems(self) -> list[str]:
        """Each mistake once, where it was met first."""
        return [
            f"{places[0]}: {text}"
            + (f" (and {len(places) - 1} more of this kind)" if len(places) > 1 else "")
            for text, places in self._problems.items()
        ]

    def labels(self, path: Path) -> Iterator[Label]:
        for line in read_lines(path, self.name):
            place = f"{self.name}:{line.number}"
            try:
                if line.problem:
                    raise ValueError(line.problem)
                label = self._label(line.value, line.number)
                if self._counts(label):
                    yield label
            except ValueError as error:
                self._problems.setdefault(str(error), []).append(place)

    def _counts(self, label: Label) -> bool:
        """Tell whether a label says something new: a thing that is labelled twice is one thing."""
        if len(label.answers) == 2 and alike(*label.answers):
            if label.label != "tie":
                raise ValueError(
                    f"'a' and 'b' say the same, so that 'label' can only be tie, got "
                    f"{label.label!r}"
                )
            self.alike += 1
            return False
        question, said = _question(label)
        known, place = self._known.setdefault(question, (said, label.case.source))
        if known != said:
            raise ValueError(
                f"it contradicts {place}, which asks the same of the judge and has another label; "
                "keep the one that is right"
            )
        self.repeated += place != label.case.source
        return place == label.case.source

    def _label(self, data: Any, number: int) -> Label:
        if not isinstance(data, dict):
            raise ValueError("a line is a map with 'prompt', 'answer' and 'label'")
        kind = self._kind(data)
        known = (*_ALSO, *_ANSWERS[kind])
        for key in data:
            if key not in known:
                raise ValueError(f"unknown key {key[:80]!r}; {did_you_mean(key[:80], known)}")
        label = data.get("label")
        if label not in LABELS[kind]:
            allowed = ", ".join(LABELS[kind])
            raise ValueError(f"'label' has to be one of {allowed}, got {label!r:.60}")
        answers = tuple(Completion(text=_text(data, key)) for key in _ANSWERS[kind])
        if any(answer.empty for answer in answers):
            raise ValueError("an answer is empty; the gate judges silence without a judge")
        messages = _messages(data)
        case = GoldenCase(
            id=f"line-{number}",
            cohort="labels",
            request=CompletionRequest(messages=messages),
            source=Source(file=self.name, line=number),
            reference=_text(data, "reference") if "reference" in data else None,
        )
        return Label(case=case, rules=self._rules(data, kind), answers=answers, label=label)

    def _kind(self, data: Mapping[str, Any]) -> Kind:
        single, pair = "answer" in data, "a" in data or "b" in data
        if single == pair:
            raise ValueError("a line needs either 'answer', or 'a' and 'b'")
        kind: Kind = "absolute" if single else "pairwise"
        self.kind = self.kind or kind
        if kind != self.kind:
            raise ValueError("a file holds single answers or pairs, not both; make two files")
        return kind

    def _rules(self, data: Mapping[str, Any], kind: Kind) -> Judge:
        found = {**self.rules, "form": kind, "reference": "reference" in data}
        found["prompt"] = "prompt" in data or "messages" in data
        if "rubric" in data:
            found["rubric"] = _text(data, "rubric")
        if "rubric" not in found:
            raise ValueError("there is no rubric; write one here, or give --rubric for all lines")
        return Judge(**found)


def _question(label: Label) -> tuple[str, str]:
    """Return what a judge is asked, and the label: the same for a pair and for its mirror image."""
    if len(label.answers) == 1:
        asked = [label.rules.about(label.answers[0], label.case).canonical()]
    else:
        a, b = label.answers
        orders = ((a, b), (b, a))
        asked = [label.rules.between(*pair, label.case).canonical() for pair in orders]
    said = label.label
    if asked != sorted(asked):
        said = {"a": "b", "b": "a"}.get(said, said)
    return hashlib.sha256("\n".join(sorted(asked)).encode()).hexdigest(), said


def _text(data: Mapping[str, Any], key: str) -> str:
    if not isinstance(data.get(key), str):
        what = f"got {data[key]!r:.60}" if key in data else "which is missing"
        raise ValueError(f"{key!r} has to be a text, {what}")
    return str(data[key])


def _messages(data: Mapping[str, Any]) -> tuple[dict[str, Any], ...]:
    if "prompt" in data and "messages" in data:
        raise ValueError("give 'prompt' or 'messages', not both")
    if "prompt" in data:
        return ({"role": "user", "content": _text(data, "prompt")},)
    messages = data.get("messages", [])
    if not isinstance(messages, list) or not all(isinstance(turn, dict) for turn in messages):
        raise ValueError("'messages' has to be a list of OpenAI chat messages")
    return tuple(messages)
