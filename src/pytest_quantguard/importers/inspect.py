"""Inspect samples: JSON, JSON lines and CSV with the fields of ``inspect_ai.dataset.Sample``.

Format (https://inspect.aisi.org.uk/datasets.html): input (text or messages), target, choices, id,
metadata. A sample does not say how it is scored; it is read as Inspect's scorers ``choice()`` and
``includes()`` would.
"""

from __future__ import annotations

import string
from collections.abc import Iterator, Sequence
from typing import Any

from pytest_quantguard.importers._chat import UnusableError, messages_of
from pytest_quantguard.importers._datasets import (
    any_of,
    labels_of,
    note_metadata,
    prompt_of,
    structured,
)
from pytest_quantguard.importers._drafts import COMPLETE
from pytest_quantguard.importers._lines import records
from pytest_quantguard.importers._records import (
    Draft,
    Format,
    Loss,
    Note,
    Sample,
    Source,
    rest,
)
from pytest_quantguard.types import Json

_READ = ("input", "target", "choices", "id", "metadata")
_NEEDED = ("sandbox", "files", "setup")
_OTHER = "golden cases have nothing like it"
_OF_LOG = ("epoch", "output", "scores", "messages", "model_usage", "events", "uuid", "store")
_LETTERS = string.ascii_uppercase


def drafts(source: Source, note: Note) -> Iterator[Draft]:
    """Yield a case for each sample, of data sets and of the logs of an evaluation."""
    for path, name in source.files:
        for place, record in records(path, name, note):
            samples = record.get("samples")
            if not isinstance(samples, list):
                yield from _draft(record, place, source, note)
                continue
            for i, sample in enumerate(samples):  # a log: each sample stands there once an epoch
                if isinstance(sample, dict) and sample.get("epoch", 1) == 1:
                    yield from _draft(sample, f"{place}.samples[{i}]", source, note)


def _draft(sample: Json, place: str, source: Source, note: Note) -> Iterator[Draft]:
    try:
        for key in _NEEDED:
            if sample.get(key):
                raise UnusableError(f"it needs '{key}': a golden case is one question to a model")
        case, bare = _case(sample, place, source, note)
    except UnusableError as error:
        note(Loss(place=place, what="the sample", why=str(error)))
        return
    rest(sample, (*_READ, *_OF_LOG), place, note, _OTHER)
    metadata = structured(sample.get("metadata"))
    note_metadata(metadata, place, note)
    identity = sample.get("id")
    name = str(identity) if isinstance(identity, str | int) and identity != "" else ""
    yield Draft(place=place, name=name, case=case, labels=labels_of(metadata), bare=bare)


def _case(sample: Json, place: str, source: Source, note: Note) -> tuple[Json, bool]:
    asked = structured(sample.get("input"))
    if isinstance(asked, str):
        asked = prompt_of(source.prompt or "{{input}}", {"input": asked})
    messages = messages_of(_without_ids(asked), place, note)
    targets = _targets(sample.get("target"))
    choices = _choices(sample.get("choices"))
    if choices:
        letters = _LETTERS[: len(choices)]
        messages = _with_choices(messages, choices)
        wanted = [target.strip().upper() for target in targets]
        if not wanted or not all(target in letters and target for target in wanted):
            raise UnusableError(
                f"its target {', '.join(targets)[:60]!r} is none of the letters {letters}"
            )
        check: Json = {"choice": {"options": list(letters), "expected": wanted}}
        return {**_asked(messages), "expect": [check]}, False
    if not targets:
        return {**_asked(messages), "expect": [COMPLETE]}, True
    one = {"contains": {"texts": targets, "case_sensitive": False}}
    return {**_asked(messages), "expect": [one if len(targets) == 1 else any_of(targets)]}, False


def _asked(messages: Sequence[Json]) -> Json:
    from pytest_quantguard.importers._drafts import asked
    from pytest_quantguard.importers._records import Recorded

    return asked(Recorded(place="", messages=tuple(messages)))


def _without_ids(asked: Any) -> Any:
    """Take away what Inspect notes about each message of its own."""
    if not isinstance(asked, list):
        return asked
    own = ("id", "source", "model", "function", "error", "metadata")
    return [
        {key: value for key, value in message.items() if key not in own}
        if isinstance(message, dict)
        else message
        for message in asked
    ]


def _with_choices(messages: Sequence[Json], choices: Sequence[str]) -> tuple[Json, ...]:
    """Put the options under the question, as letters; the wording is ours."""
    *before, last = messages
    if last["role"] != "user" or not isinstance(last["content"], str):
        raise UnusableError("it has choices, and its last message is no question of a user")
    if len(choices) > len(_LETTERS):
        raise UnusableError(f"it has {len(choices)} choices; there are letters for 26")
    lines = [f"{letter}) {text}" for letter, text in zip(_LETTERS, choices, strict=False)]
    text = "\n".join([last["content"], "", *lines, "", "Answer with one letter and nothing else."])
    return (*before, {**last, "content": text})


def _targets(value: Any) -> list[str]:
    value = structured(value)
    values = value if isinstance(value, list) else [value]
    texts = (str(item) for item in values if isinstance(item, str | int | float))
    return [text for text in texts if text.strip()]


def _choices(value: Any) -> list[str]:
    """Return the options; a text holds several, parted by commas or else by blanks."""
    value = structured(value)
    if isinstance(value, str):
        parts = value.split(",")
        value = parts if len(parts) > 1 else value.split()
    texts = [str(item).strip() for item in value] if isinstance(value, list) else []
    return [text for text in texts if text]


def _sign(sample: Sample) -> str:
    first = sample.first
    if not isinstance(first, dict):
        return ""
    if isinstance(first.get("samples"), list) and "eval" in first:
        return "it is a log of Inspect"
    if "input" in first and ({"target", "choices"} & first.keys()):
        return "its records have 'input' and 'target'"
    return ""


FORMAT = Format(sign=_sign, drafts=drafts)
