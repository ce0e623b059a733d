"""LiteLLM logs: one StandardLoggingPayload per line, or a JSON list of them.

Format: https://docs.litellm.ai/docs/proxy/logging_spec. Only what was asked and answered is read:
keys, headers, users and addresses that a log holds stay where they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from pytest_quantguard.importers._chat import (
    AlienError,
    UnusableError,
    completion_of,
    messages_of,
    params_of,
    redacted,
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
from pytest_quantguard.types import Completion, Json

_CHAT = ("completion", "acompletion")


def requests(source: Source, note: Note) -> Iterator[Recorded]:
    """Yield the chat completions of LiteLLM logs."""
    for path, name in source.files:
        for place, record in records(path, name, note):
            inner = record.get("standard_logging_object")
            try:
                log = inner if isinstance(inner, dict) else record
                yield _exchange(log, place, note, failures=source.failures)
            except UnusableError as error:
                alien, why = isinstance(error, AlienError), str(error)
                note(Loss(place=place, what="the exchange", why=why, whole=not alien, alien=alien))


def drafts(source: Source, note: Note) -> Iterator[Draft]:
    """Yield golden cases; an answer in the log shows what must hold."""
    return drafts_of(requests(source, note), source, note)


def _exchange(record: Json, place: str, note: Note, *, failures: bool) -> Recorded:
    call = record.get("call_type") or "completion"
    if call not in _CHAT:
        raise AlienError(f"it is a call of type {call!r:.40}, no chat completion")
    failure = _failure(record) if record.get("status") == "failure" else ""
    if failure and not failures:
        raise UnusableError("the call failed")
    messages = record.get("messages")
    if redacted(messages):
        raise UnusableError("LiteLLM has redacted its messages")
    params = record.get("model_parameters")
    params = params if isinstance(params, dict) else {}
    answer = None if failure else _answer(record, params)
    if answer is None and not failure:
        why = "it is redacted, or no chat completion"
        note(Loss(place=place, what="response", why=why))
    given = record.get("request_tags")
    tags = tuple(map(str, given)) if isinstance(given, list) else ()
    tag = tags[0] if tags else ""
    model, group = record.get("model"), record.get("model_group")
    cost, trace, key = (record.get(name) for name in ("response_cost", "trace_id", "id"))
    return Recorded(
        place=place,
        messages=messages_of(messages, place, note),
        tools=tools_of(params.get("tools") or params.get("functions"), place, note),
        params=params_of(params, place, note, but=("tools", "functions")),
        answer=answer,
        model=model if isinstance(model, str) else "",
        route=tag,
        tags=tags,
        labels=_labels(tag=tag, model=model, model_group=group),
        failure=failure,
        timed_out="timeout" in failure.lower(),
        cost=cost if isinstance(cost, int | float) else None,
        trace=trace if isinstance(trace, str) else "",
        key=key if isinstance(key, str) else "",
        facts=_facts(record),
    )


def _answer(record: Json, params: Json) -> Completion | None:
    """Return the answer with its times: a payload has them, and its response has not."""
    said = record.get("response")
    found = None if redacted(said) else completion_of(said)
    if found is None or record.get("cache_hit") is True:
        return found
    began, first, ended = (
        record.get(key) for key in ("startTime", "completionStartTime", "endTime")
    )
    if not isinstance(began, float) or not isinstance(ended, float) or not began < ended:
        return found
    streamed = params.get("stream") is True and isinstance(first, float) and began < first <= ended
    return replace(
        found,
        latency_s=ended - began,
        ttft_s=first - began if streamed and isinstance(first, float) else None,
        asked_at=ended,
    )


def _failure(record: Json) -> str:
    """Return why a call failed, in the words of the log."""
    about = record.get("error_information")
    about = about if isinstance(about, dict) else {}
    told = (record.get("error_str"), about.get("error_class"), about.get("error_message"))
    return " ".join(text for text in told if isinstance(text, str) and text) or "the call failed"


def _facts(record: Json) -> dict[str, Any]:
    """Return what a user wrote beside a call; the gateway's own metadata has keys and users."""
    metadata = record.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    return {
        key: value
        for inner in (metadata.get("spend_logs_metadata"), metadata.get("requester_metadata"))
        if isinstance(inner, dict)
        for key, value in inner.items()
        if isinstance(value, str | int | float)
    }


def _labels(**found: Any) -> dict[str, str]:
    return {name: value for name, value in found.items() if isinstance(value, str) and value}


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
