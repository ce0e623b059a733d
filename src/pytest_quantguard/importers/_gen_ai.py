"""Messages of the GenAI conventions become messages of the chat API.

LiteLLM's spans differ from them: parts stay as the chat API has them, ``tool_calls`` stand beside
the parts, lists are written as JSON text, and the calls of an answer are numbered attributes of
their own, such as ``gen_ai.completion.0.function_call.name``.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

from pytest_quantguard.importers._chat import UnusableError, completion_of_message
from pytest_quantguard.importers._lines import NotJsonError, parse
from pytest_quantguard.importers._otlp import Signal
from pytest_quantguard.importers._records import Loss, Note
from pytest_quantguard.types import Completion, Json, Usage

_INDEXED = re.compile(r"([0-9]{1,9})\.(.+)")
_NUMBERED = re.compile(r"gen_ai\.prompt\.[0-9]")
_OLD_EVENT = re.compile(r"gen_ai\.(system|user|assistant|tool)\.message\Z|gen_ai\.choice\Z")
MOST = 1000
"""Messages of one exchange that are read from numbered attributes, or from events of their own."""


def chat_of(signal: Signal, note: Note) -> tuple[list[Json], list[Json]]:
    """Return what was asked and what was answered, in the API's words; two empty lists for none.

    Raises:
        UnusableError: it is there, and cannot be read.
    """
    found = signal.attributes
    if "gen_ai.input.messages" in found:
        system = _parts_of_system(found.get("gen_ai.system_instructions"))
        asked = _messages(_value(found["gen_ai.input.messages"]), signal.place, note)
        told = _messages(_value(found.get("gen_ai.output.messages")), signal.place, note)
        return [*system, *asked], _with_calls(told, found)
    for name, inner in signal.events:  # the same attributes, on an event of the span
        if "gen_ai.input.messages" in inner:
            asked = _messages(_value(inner["gen_ai.input.messages"]), signal.place, note)
            told = _messages(_value(inner.get("gen_ai.output.messages")), signal.place, note)
            system = _parts_of_system(inner.get("gen_ai.system_instructions"))
            return [*system, *asked], told
        if name == "gen_ai.content.prompt":
            return _plain_list(inner.get("gen_ai.prompt")), _completion_event(signal)
    asked = [message for name, inner in signal.events if (message := _old_event(name, inner))]
    if asked:
        told = [asked.pop()] if signal.events[-1][0] == "gen_ai.choice" else []
        return asked, told
    return _indexed(found, "gen_ai.prompt."), _indexed(found, "gen_ai.completion.")


def captured(signal: Signal) -> bool:
    """Tell whether a signal holds messages at all."""
    return any(
        key == "gen_ai.input.messages" or _NUMBERED.match(key) for key in signal.attributes
    ) or any(
        name == "gen_ai.content.prompt"
        or _OLD_EVENT.match(name)
        or "gen_ai.input.messages" in inner
        for name, inner in signal.events
    )


def told_of(signal: Signal) -> tuple[Json, bool] | None:
    """Return the one message that a log record of the old kind holds, and whether it ends the
    exchange; None for every other signal."""
    if not signal.log or not _OLD_EVENT.match(signal.name):
        return None
    body = signal.body if isinstance(signal.body, dict) else signal.attributes
    return _old_event(signal.name, body) or {}, signal.name == "gen_ai.choice"


def answer_of(signal: Signal, told: list[Json]) -> Completion | None:
    """Return the first answer, with the tokens and the times that the signal tells."""
    if not told:
        return None
    found = signal.attributes
    reason = told[0].pop("finish_reason", None)
    if reason is None:
        reasons = _value_or_text(found.get("gen_ai.response.finish_reasons"))
        reason = reasons[0] if isinstance(reasons, list) and reasons else None
    reason = "tool_calls" if reason == "tool_call" else reason
    completion = completion_of_message(told[0], reason if isinstance(reason, str) else None)
    if completion is None:
        return None
    began, ended = signal.seconds
    model = found.get("gen_ai.response.model")
    return replace(
        completion,
        usage=Usage(
            prompt_tokens=_count(found.get("gen_ai.usage.input_tokens")),
            completion_tokens=_count(found.get("gen_ai.usage.output_tokens")),
        ),
        latency_s=max(0.0, ended - began) if began and ended else 0.0,
        ttft_s=_seconds(found.get("gen_ai.response.time_to_first_chunk")),
        served_as=model if isinstance(model, str) else None,
        asked_at=ended,
    )


def definitions_of(signal: Signal) -> Any:
    """Return the tools that were offered, as they were recorded."""
    found = signal.attributes
    if "gen_ai.tool.definitions" in found:
        return _value_or_text(found["gen_ai.tool.definitions"])
    numbered = _numbered(found, "llm.request.functions.")
    for tool in numbered:
        if "parameters" in tool:
            tool["parameters"] = _value_or_text(tool["parameters"])
    return numbered


def _count(value: Any) -> int | None:
    return value if type(value) is int and value >= 0 else None


def _seconds(value: Any) -> float | None:
    known = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if known and value > 0 else None


def _value(value: Any) -> Any:
    """Return structured content, which on spans may be written as JSON text."""
    if not isinstance(value, str):
        return value
    try:
        return parse(value.encode("utf-8", "surrogatepass"))
    except NotJsonError as error:
        raise UnusableError(f"its messages cannot be read: {error}") from None


def _value_or_text(value: Any) -> Any:
    """Return structured content, or the text where that is all it is."""
    try:
        return _value(value)
    except UnusableError:
        return value


# --- messages made of parts ---------------------------------------------------------------


def _parts_of_system(given: Any) -> list[Json]:
    parts = _value_or_text(given)
    if isinstance(given, str) and not isinstance(parts, list):
        parts = [{"content": given}]  # a text, whatever it looks like
    if parts in (None, []):
        return []
    given = [_text(part) for part in parts] if isinstance(parts, list) else [None]
    texts = [text for text in given if isinstance(text, str)]
    if len(texts) < len(given):
        raise UnusableError("its system instructions hold something else than texts")
    return [{"role": "system", "content": "\n".join(texts)}] if any(texts) else []


def _text(part: Any) -> Any:
    """Return the text of a part, wherever it stands in it."""
    return part.get("content", part.get("text")) if isinstance(part, dict) else None


def _messages(value: Any, place: str, note: Note) -> list[Json]:
    found: list[Json] = []
    for message in value if isinstance(value, list) else ():
        if not isinstance(message, dict):
            raise UnusableError("a message is no map")
        if isinstance(message.get("parts"), list):
            found += _message(message, place, note)
        else:
            found.append(message)
    return found


def _message(message: Json, place: str, note: Note) -> list[Json]:
    content: list[Json] = []
    calls: list[Json] = []
    results: list[Json] = []
    for part in message["parts"]:
        kind = part.get("type") if isinstance(part, dict) else None
        if kind == "text" and isinstance(text := _text(part), str):
            content.append({"type": "text", "text": text})
        elif kind == "image_url":
            content.append(part)
        elif kind == "tool_call":
            calls.append(part)
        elif kind == "tool_call_response":
            results.append(_result(part))
        elif kind == "reasoning":
            why = "what a model thought is not sent back to it"
            note(Loss(place=place, what="reasoning", why=why))
        elif image := _image(part):
            content.append(image)
        else:
            raise UnusableError(f"a message has a part of type {kind!r:.40}")
    if not (content or calls) and results:
        return results
    texts_only = all(part["type"] == "text" for part in content)
    plain = content[0]["text"] if len(content) == 1 and texts_only else content or None
    beside = ("name", "finish_reason", "tool_calls", "tool_call_id")
    made: Json = {"role": message.get("role"), "content": plain}
    made |= {key: message[key] for key in beside if message.get(key)}
    if calls:
        made["tool_calls"] = [_call(call, i) for i, call in enumerate(calls, 1)]
    return [made, *results]


def _with_calls(told: list[Json], found: Json) -> list[Json]:
    """Return the answers, the first with the calls that are numbered attributes of their own."""
    numbered = [
        {key.removeprefix("function_call."): value for key, value in item.items()}
        for item in _numbered(found, "gen_ai.completion.")
        if "function_call.name" in item
    ]
    if not numbered or not told or told[0].get("tool_calls"):
        return told
    calls = [_call(call, i) for i, call in enumerate(numbered, 1)]
    return [{**told[0], "tool_calls": calls}, *told[1:]]


def _call(part: Json, number: int) -> Json:
    arguments = part.get("arguments")
    if not isinstance(arguments, str):
        arguments = json.dumps({} if arguments is None else arguments, ensure_ascii=False)
    call_id = part.get("id")
    return {
        "id": call_id if isinstance(call_id, str) and call_id else f"call_{number}",
        "type": "function",
        "function": {"name": part.get("name"), "arguments": arguments},
    }


def _result(part: Json) -> Json:
    response = part.get("response", part.get("result"))
    text = response if isinstance(response, str) else json.dumps(response, ensure_ascii=False)
    call_id = part.get("id")
    return {
        "role": "tool",
        "tool_call_id": call_id if isinstance(call_id, str) else "",
        "content": text,
    }


def _image(part: Any) -> Json | None:
    if not isinstance(part, dict) or part.get("modality") != "image":
        return None
    url = part.get("uri") if part.get("type") == "uri" else None
    if part.get("type") == "blob" and isinstance(part.get("content"), str):
        url = f"data:{part.get('mime_type') or 'image/png'};base64,{part['content']}"
    return {"type": "image_url", "image_url": {"url": url}} if isinstance(url, str) else None


# --- as it was ----------------------------------------------------------------------------


def _old_event(name: str, body: Json) -> Json | None:
    """Return the message of ``gen_ai.user.message`` and its like."""
    if not _OLD_EVENT.match(name):
        return None
    inner = body.get("message") if name == "gen_ai.choice" else body
    inner = inner if isinstance(inner, dict) else body
    role = "assistant" if name == "gen_ai.choice" else name.split(".")[1]
    made: Json = {"role": role, "content": inner.get("content")}
    if isinstance(inner.get("tool_calls"), list) and inner["tool_calls"]:
        made["tool_calls"] = inner["tool_calls"]
    if role == "tool" and isinstance(body.get("id"), str):
        made["tool_call_id"] = body["id"]
    if name == "gen_ai.choice" and isinstance(body.get("finish_reason"), str):
        made["finish_reason"] = body["finish_reason"]
    return made


def _plain_list(value: Any) -> list[Json]:
    found = _value(value)
    return (
        [message for message in found if isinstance(message, dict)]
        if isinstance(found, list)
        else []
    )


def _completion_event(signal: Signal) -> list[Json]:
    for name, inner in signal.events:
        if name == "gen_ai.content.completion":
            return _plain_list(inner.get("gen_ai.completion"))
    return []


def _numbered(found: Json, prefix: str) -> list[Json]:
    """Return ``prefix.0.key`` ... as a list of maps.

    Raises:
        UnusableError: there are too many: the rest of an exchange is another exchange.
    """
    items: dict[int, Json] = {}
    for key, value in found.items():
        if key.startswith(prefix) and (match := _INDEXED.fullmatch(key[len(prefix) :])):
            if (number := int(match[1])) >= MOST:
                raise UnusableError(f"it has more than {MOST:,} attributes {prefix}0, ...")
            items.setdefault(number, {})[match[2]] = value
    return [items[number] for number in sorted(items)]


def _indexed(found: Json, prefix: str) -> list[Json]:
    messages = []
    for item in _numbered(found, prefix):
        made: Json = {"role": item.get("role", "assistant"), "content": item.get("content")}
        calls = _numbered(item, "tool_calls.")
        if calls:
            made["tool_calls"] = [_call(call, i) for i, call in enumerate(calls, 1)]
        for key in ("tool_call_id", "finish_reason"):
            if isinstance(item.get(key), str):
                made[key] = item[key]
        messages.append(made)
    return messages
