"""Answers that people have labelled, read from JSONL: what a judge is measured by."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pytest_quantguard._strict_json import read_lines
from pytest_quantguard.checks.judge import Judge
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


def read_labels(path: Path, name: str, rules: Mapping[str, Any]) -> tuple[Kind, list[Label]]:
    """Return the labels of a file, and of which kind they are.

    ``rules`` are parameters of the check `judge`; a line may have a rubric of its own.

    Raises:
        InputError: with every mistake, each with file:line.
    """
    reader = _Reader(name, rules)
    labels = list(reader.labels(path))
    if reader.problems:
        raise InputError(reader.problems)
    if not labels or reader.kind is None:
        raise InputError(f"{name}: there is no label in it")
    return reader.kind, labels


class _Reader:
    def __init__(self, name: str, rules: Mapping[str, Any]) -> None:
        self.name = name
        self.rules = rules
        self.kind: Kind | None = None
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
                yield self._label(line.value, line.number)
            except ValueError as error:
                self._problems.setdefault(str(error), []).append(place)

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
