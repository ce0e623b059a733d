"""The Anthropic messages API, in terms of the OpenAI chat API: pure functions on JSON.

A request is encoded once; each event of a stream, or the whole message, is decoded into a piece
that `_wire.Draft` understands, so that there is one way of putting an answer together.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from pytest_quantguard.types import CompletionRequest, Json

KNOWN = frozenset(
    {
        *("max_completion_tokens", "max_tokens", "parallel_tool_calls", "response_format"),
        *("stop", "temperature", "tool_choice", "top_p"),
    }
)
"""Parameters of the OpenAI chat API that have a counterpart."""

_FINISH_OF = {
    "end_turn": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "content_filter",
    "stop_sequence": "stop",
    "tool_use": "tool_calls",
}
_CHOICE_OF: Mapping[Any, Json] = {
    "auto": {"type": "auto"},
    "none": {"type": "none"},
    "required": {"type": "any"},
}
_SYSTEM = ("system", "developer")
_DATA_URL = re.compile(r"data:(image/[a-z0-9.+-]+);base64,(.+)", re.IGNORECASE | re.DOTALL)


# --- what is asked ----------------------------------------------------------------------


def misfit(request: CompletionRequest) -> str:
    """Say what of the messages has no counterpart; empty when all has one."""
    system = [message.get("role") in _SYSTEM for message in request.messages]
    if system != sorted(system, reverse=True):
        return "takes the system text only before the first question, so not in mid-conversation"
    for message in request.messages:
        content = message.get("content")
        parts = content if isinstance(content, list) else []
        if not all(_block(part) for part in parts):
            return "takes content of text and images only"
        for call in message.get("tool_calls") or []:
            if _input(call) is None:
                return "takes only tool calls whose arguments are a JSON object"
        if message.get("role") not in _SYSTEM and not _blocks(message):
            return "takes no message without content"
    given = request.params.get("response_format")
    if given and given.get("type") != "text" and _format(given) is None:
        return "takes a 'response_format' with a JSON Schema only; give it one of type json_schema"
    return ""


def encode(body: Json) -> Json:
    """Return the body of a chat completion as one of ``/v1/messages``.

    ``body`` is one that `misfit` has no word against; parameters that are not `KNOWN` are dropped.
    """
    system = [m for m in body["messages"] if m.get("role") in _SYSTEM]
    talk = [m for m in body["messages"] if m.get("role") not in _SYSTEM]
    tools = body.get("tools") or []
    found = {
        "model": body["model"],
        "system": "\n\n".join(filter(None, map(_text, system))),
        "messages": _turns(talk),
        "max_tokens": body.get("max_tokens"),
        "temperature": body.get("temperature"),
        "top_p": body.get("top_p"),
        "stop_sequences": [body["stop"]] if isinstance(body.get("stop"), str) else body.get("stop"),
        "tools": [_tool(tool.get("function") or {}) for tool in tools],
        "tool_choice": _tool_choice(body) if tools else None,
        "output_config": _format(body.get("response_format") or {}),
    }
    return {name: value for name, value in found.items() if value not in (None, "", [])}


def _turns(messages: Iterable[Json]) -> list[Json]:
    """Return user and assistant in turns: the answers of tools are blocks of what the user says."""
    turns: list[Json] = []
    for message in messages:
        role = "assistant" if message.get("role") == "assistant" else "user"
        blocks = _blocks(message)
        if turns and turns[-1]["role"] == role:
            turns[-1]["content"] += blocks
        else:
            turns.append({"role": role, "content": blocks})
    for turn in turns:
        only = turn["content"]
        if len(only) == 1 and only[0]["type"] == "text":
            turn["content"] = only[0]["text"]
    return turns


def _blocks(message: Json) -> list[Json]:
    content = message.get("content")
    if message.get("role") == "tool":
        told = content if isinstance(content, str) else list(_contents(content))
        return [
            {"type": "tool_result", "tool_use_id": message.get("tool_call_id"), "content": told}
        ]
    calls = message.get("tool_calls") or []
    return [
        *_contents(content),
        *(
            {
                "type": "tool_use",
                "id": call.get("id"),
                "name": (call.get("function") or {}).get("name"),
                "input": _input(call),
            }
            for call in calls
        ),
    ]


def _contents(content: Any) -> Iterable[Json]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    return filter(None, map(_block, content or []))


def _block(part: Any) -> Json | None:
    """Return the counterpart of one part of a message; None where there is none."""
    kind = part.get("type") if isinstance(part, dict) else None
    if kind == "text":
        return {"type": "text", "text": part.get("text")}
    url = (part.get("image_url") or {}).get("url") if kind == "image_url" else None
    if not isinstance(url, str):
        return None
    if found := _DATA_URL.fullmatch(url):
        source = {"type": "base64", "media_type": found[1], "data": found[2]}
    else:
        source = {"type": "url", "url": url}
    return {"type": "image", "source": source}


def _text(message: Json) -> str:
    return "\n".join(block.get("text") or "" for block in _contents(message.get("content")))


def _input(call: Json) -> Json | None:
    try:
        value = json.loads((call.get("function") or {}).get("arguments") or "{}")
    except (ValueError, TypeError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _tool(function: Json) -> Json:
    found = {
        "name": function.get("name"),
        "description": function.get("description"),
        "input_schema": function.get("parameters") or {"type": "object", "properties": {}},
        "strict": function.get("strict"),
    }
    return {name: value for name, value in found.items() if value is not None}


def _tool_choice(body: Json) -> Json | None:
    given = body.get("tool_choice")
    if isinstance(given, dict):
        found: Json = {"type": "tool", "name": (given.get("function") or {}).get("name")}
    elif given is None and body.get("parallel_tool_calls", True):
        return None
    else:
        found = dict(_CHOICE_OF.get(given, _CHOICE_OF["auto"]))
    if body.get("parallel_tool_calls") is False and found["type"] != "none":
        found["disable_parallel_tool_use"] = True
    return found


def _format(given: Json) -> Json | None:
    """Return what constrains the answer; None for anything but a JSON Schema."""
    named = given.get("json_schema")
    schema = named.get("schema") if isinstance(named, dict) else None
    if given.get("type") != "json_schema" or not isinstance(schema, dict):
        return None
    return {"format": {"type": "json_schema", "schema": schema}}


# --- what comes back --------------------------------------------------------------------


def decode(event: Json) -> Json | None:
    """Return an event of the stream, or the whole message, as a piece of a chat completion.

    None where the stream ends; what carries nothing, such as a ping, is an empty piece.
    """
    kind = event.get("type")
    if kind == "content_block_delta":
        return _delta(_block_delta(event.get("index"), _object(event.get("delta"))))
    if kind == "content_block_start":
        return _delta(_block_start(event.get("index"), _object(event.get("content_block"))))
    if kind == "message_start":
        message = _object(event.get("message"))
        return {"model": message.get("model"), "usage": _usage(message.get("usage"))}
    if kind == "message_delta":
        reason = _finish(_object(event.get("delta")).get("stop_reason"))
        return {**_delta({}, reason), "usage": _usage(event.get("usage"))}
    if kind == "message_stop":
        return None
    return _whole(event) if kind == "message" else {}


def _delta(delta: Json, finish_reason: Any = None) -> Json:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}]}


def _block_start(index: Any, block: Json) -> Json:
    kind = block.get("type")
    if kind == "tool_use":
        given = block.get("input")  # filled in while it streams; some gateways give it at once
        function = {"name": block.get("name"), "arguments": given or None}
        return {"tool_calls": [{"index": index, "id": block.get("id"), "function": function}]}
    return _said(block)


def _block_delta(index: Any, delta: Json) -> Json:
    if delta.get("type") == "input_json_delta":
        return {"tool_calls": [{"index": index, "function": {"arguments": _json_of(delta)}}]}
    return _said(delta)


def _json_of(delta: Json) -> str:
    text = delta.get("partial_json")
    return text if isinstance(text, str) else ""


def _said(block: Json) -> Json:
    """Return text as text and thinking as reasoning; signatures and the like are neither."""
    if isinstance(text := block.get("text"), str):
        return {"content": text}
    if isinstance(thought := block.get("thinking"), str):
        return {"reasoning_content": thought}
    return {}


def _whole(message: Json) -> Json:
    blocks = message.get("content")
    blocks = [b for b in blocks if isinstance(b, dict)] if isinstance(blocks, list) else []
    said = [_said(block) for block in blocks]
    calls = [
        {
            "id": block.get("id"),
            "function": {"name": block.get("name"), "arguments": block.get("input") or {}},
        }
        for block in blocks
        if block.get("type") == "tool_use"
    ]
    answer = {
        "content": "".join(one.get("content", "") for one in said),
        "reasoning_content": "".join(one.get("reasoning_content", "") for one in said),
        "tool_calls": calls,
    }
    choice = {"message": answer, "finish_reason": _finish(message.get("stop_reason"))}
    return {
        "model": message.get("model"),
        "choices": [choice],
        "usage": _usage(message.get("usage")),
    }


def _finish(reason: Any) -> Any:
    return _FINISH_OF.get(reason, reason) if isinstance(reason, str) else None


def _usage(told: Any) -> Json:
    """Return the counts as the chat API names them.

    Their ``input_tokens`` are only those that no cache held; 0 of them in one event and more in the
    next is how gateways say that they do not know yet.
    """
    counts = _object(told)
    found: Json = {"completion_tokens": counts.get("output_tokens")}
    names = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
    parts = [n for n in map(counts.get, names) if type(n) is int and n >= 0]
    if sum(parts):
        cached = counts.get("cache_read_input_tokens")
        found["prompt_tokens"] = sum(parts)
        found["prompt_tokens_details"] = {"cached_tokens": cached}
    return found


def _object(value: Any) -> Json:
    return value if isinstance(value, dict) else {}
