"""LiteLLM logs: one StandardLoggingPayload per line, or a JSON list of them.

Format: https://docs.litellm.ai/docs/proxy/logging_spec. Only what was asked and answered is read:
keys, headers, users and addresses that a log holds stay where they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pytest_quantguard.importers._chat import (
    UnusableError,
    completion_of,
    messages_of,
    params_of,
    tools_of,
)
from pytest_quantguard.importers._drafts import drafts_of
from pytest_quantguard.importers._lines import records
from pytest_quantguard.importers._records import (
    Draft,
    Format,
    Loss,
    Note,
    Recorded,
    Sample,
    Source,
)
from pytest_quantguard.types import Json

_CHAT = ("completion", "acompletion")
_REDACTED = ("redacted-by-litellm", "redacted by litellm")


def requests(source: Source, note: Note) -> Iterator[Recorded]:
    """Yield the chat completions of LiteLLM logs."""
    for path, name in source.files:
        for place, record in records(path, name, note):
            inner = record.get("standard_logging_object")
            try:
                yield _exchange(inner if isinstance(inner, dict) else record, place, note)
            except UnusableError as error:
                note(Loss(place=place, what="the exchange", why=str(error)))


def drafts(source: Source, note: Note) -> Iterator[Draft]:
    """Yield golden cases; an answer in the log shows what must hold."""
    return drafts_of(requests(source, note), source, note)


def _exchange(record: Json, place: str, note: Note) -> Recorded:
    call = record.get("call_type") or "completion"
    if call not in _CHAT:
        raise UnusableError(f"it is a call of type {call!r:.40}, no chat completion")
    if record.get("status") == "failure":
        raise UnusableError("the call failed")
    messages = record.get("messages")
    if _redacted(messages):
        raise UnusableError("LiteLLM has redacted its messages")
    params = record.get("model_parameters")
    params = params if isinstance(params, dict) else {}
    answer = None if _redacted(record.get("response")) else completion_of(record.get("response"))
    if answer is None:
        why = "it is redacted, or no chat completion"
        note(Loss(place=place, what="response", why=why))
    tags = record.get("request_tags")
    tag = str(tags[0]) if isinstance(tags, list) and tags else ""
    model, group = record.get("model"), record.get("model_group")
    return Recorded(
        place=place,
        messages=messages_of(messages, place, note),
        tools=tools_of(params.get("tools") or params.get("functions"), place, note),
        params=params_of(params, place, note, but=("tools", "functions")),
        answer=answer,
        model=model if isinstance(model, str) else "",
        route=tag,
        labels=_labels(tag=tag, model=model, model_group=group),
    )


def _labels(**found: Any) -> dict[str, str]:
    return {name: value for name, value in found.items() if isinstance(value, str) and value}


def _redacted(value: Any) -> bool:
    """Tell whether the log leaves a text out: on its own, or in a message of the usual shape."""
    if isinstance(value, dict):
        inner = (value.get(key) for key in ("text", "content", "message", "choices"))
        return any(map(_redacted, inner))
    if isinstance(value, list):
        return any(isinstance(item, dict) and _redacted(item) for item in value)
    return isinstance(value, str) and value.strip().startswith(_REDACTED)


def _sign(sample: Sample) -> str:
    first = sample.first
    if not isinstance(first, dict):
        return ""
    if isinstance(first.get("standard_logging_object"), dict):
        return "its records have a 'standard_logging_object'"
    if {"model_parameters", "messages"} <= first.keys() or {
        "call_type",
        "api_base",
    } <= first.keys():
        return "its records are LiteLLM's logging payloads"
    return ""


FORMAT = Format(sign=_sign, drafts=drafts, requests=requests)
