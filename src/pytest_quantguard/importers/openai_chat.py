"""OpenAI chat JSONL: fine-tuning and preference data, requests, pairs of request and response.

Formats (https://platform.openai.com/docs/guides/fine-tuning): ``{messages, tools,
parallel_tool_calls}`` where the last message is the answer; ``{input: {messages, tools},
preferred_output, non_preferred_output}``; the body of a chat request; and, as gateways mirror
traffic, ``{request: {...}, response: {...}}``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pytest_quantguard.importers._chat import (
    UnusableError,
    completion_of,
    completion_of_message,
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
    rest,
)
from pytest_quantguard.types import Completion, Json

_PAIR = ("request", "response", "id", "tags")
_NO_PART = "it is no part of what is asked or answered"


def requests(source: Source, note: Note) -> Iterator[Recorded]:
    """Yield the exchanges of chat JSONL files."""
    for path, name in source.files:
        for place, record in records(path, name, note):
            try:
                yield _exchange(record, place, note)
            except UnusableError as error:
                note(Loss(place=place, what="the line", why=str(error)))


def drafts(source: Source, note: Note) -> Iterator[Draft]:
    """Yield golden cases: the last answer of fine-tuning data becomes the reference."""
    return drafts_of(requests(source, note), source, note)


def _exchange(record: Json, place: str, note: Note) -> Recorded:
    if isinstance(record.get("request"), dict):
        rest(record, _PAIR, place, note, _NO_PART)
        answer = completion_of(record.get("response"))
        if answer is None and record.get("response"):
            note(Loss(place=place, what="response", why="it is no chat completion"))
        return exchange_of(record["request"], place, note, answer=answer, name=_id(record))
    if isinstance(record.get("input"), dict) and "preferred_output" in record:
        rest(record, ("input", "preferred_output"), place, note, "only the preferred output is")
        last = record["preferred_output"]
        message = last[-1] if isinstance(last, list) and last else None
        answer = completion_of_message(message) if isinstance(message, dict) else None
        return exchange_of(record["input"], place, note, answer=answer, curated=True)
    messages = record.get("messages")
    if isinstance(messages, list) and len(messages) > 1 and _answers(messages[-1]):
        body = {**record, "messages": messages[:-1]}
        answer = completion_of_message(messages[-1])
        return exchange_of(body, place, note, answer=answer, curated=True, name=_id(record))
    return exchange_of(record, place, note, name=_id(record))


def exchange_of(
    body: Json,
    place: str,
    note: Note,
    *,
    answer: Completion | None = None,
    curated: bool = False,
    name: str = "",
) -> Recorded:
    """Return what the body of a chat request asks, with its answer.

    Raises:
        UnusableError: it is no chat request.
    """
    model = body.get("model")
    return Recorded(
        place=place,
        messages=messages_of(body.get("messages"), place, note),
        tools=tools_of(body.get("tools") or body.get("functions"), place, note),
        params=params_of(body, place, note, but=("messages", "tools", "model", "id", "functions")),
        answer=answer,
        model=model if isinstance(model, str) else "",
        curated=curated,
        name=name,
    )


def _answers(message: Any) -> bool:
    return isinstance(message, dict) and message.get("role") == "assistant"


def _id(record: Json) -> str:
    value = record.get("id")
    return value if isinstance(value, str) else ""


def _sign(sample: Sample) -> str:
    first = sample.first
    if not isinstance(first, dict):
        return ""
    if isinstance(first.get("messages"), list):
        return "its records have 'messages'"
    inner = first.get("request", first.get("input"))
    if isinstance(inner, dict) and isinstance(inner.get("messages"), list):
        return "its records hold a request with 'messages'"
    return ""


FORMAT = Format(sign=_sign, drafts=drafts, requests=requests)
