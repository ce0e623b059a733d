"""Requests and answers in the words of the OpenAI chat API, as golden files take them."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pytest_quantguard.documents.document import Document, misshapen, packaged
from pytest_quantguard.importers._lines import MAX_DEPTH, depth_of, kind
from pytest_quantguard.importers._records import Loss, Note, rest
from pytest_quantguard.types import Completion, Json

ROLES = ("system", "developer", "user", "assistant", "tool")
_SCHEMA = "golden.schema.json"
_OF_MESSAGE = ("role", "content", "name", "tool_calls", "tool_call_id")
_REASONS = {
    "stream": "the gate decides by itself whether to stream",
    "stream_options": "the gate decides by itself whether to stream",
    "n": "write 'samples:' to ask several times",
    "functions": "tools have taken their place",
    "function_call": "tool_choice has taken its place",
    "user": "who asked is not part of a golden case",
    "metadata": "it is no part of what is asked",
    "store": "it is no part of what is asked",
    "response": "it is no part of what is asked",
}
_REDACTED = ("redacted-by-litellm", "redacted by litellm")
_OTHER = "golden files have no such request parameter; a variant's options.extra_body may have it"


class UnusableError(Exception):
    """A request cannot be made a golden case; the text says why."""


class AlienError(UnusableError):
    """A record is no exchange with a chat model at all: nothing is lost with it."""


def messages_of(value: Any, place: str, note: Note) -> tuple[Json, ...]:
    """Return messages as golden files take them.

    Raises:
        UnusableError: they are no messages, or of a kind that is not asked any more.
    """
    if isinstance(value, str) and value.strip():
        return ({"role": "user", "content": value},)
    if not isinstance(value, list) or not value:
        raise UnusableError(f"its messages are {kind(value) if value else 'missing'}")
    return tuple(_message(item, f"message {i}", place, note) for i, item in enumerate(value, 1))


def _message(item: Any, which: str, place: str, note: Note) -> Json:
    if not isinstance(item, dict):
        raise UnusableError(f"{which} is {kind(item)}, no map")
    role = item.get("role")
    if role not in ROLES:
        raise UnusableError(f"{which} has the role {role!r:.40}; known: {', '.join(ROLES)}")
    content = item.get("content")
    if content is not None and not isinstance(content, str | list):
        raise UnusableError(f"the content of {which} is {kind(content)}")
    if isinstance(content, list) and not all(isinstance(part, dict) for part in content):
        raise UnusableError(f"a part of the content of {which} is no map")
    found: Json = {"role": role, "content": content}
    for key in ("name", "tool_call_id"):
        if isinstance(item.get(key), str):
            found[key] = item[key]
    if calls := item.get("tool_calls"):
        found["tool_calls"] = _calls(calls, which)
    if content is None and not calls and role != "assistant":
        raise UnusableError(f"{which} says nothing")
    rest(item, _OF_MESSAGE, place, note, "golden messages have no such key", kind="message key ")
    return found


def _calls(calls: Any, which: str) -> list[Json]:
    if not isinstance(calls, list):
        raise UnusableError(f"the tool calls of {which} are {kind(calls)}")
    return [call_of(call, i, which) for i, call in enumerate(calls, 1)]


def call_of(call: Any, number: int, which: str) -> Json:
    """Return one tool call in the API's shape; its arguments may come as text or as a map.

    Raises:
        UnusableError: it is no call of a function.
    """
    inner = call.get("function", call) if isinstance(call, dict) else None
    if isinstance(inner, str) and isinstance(call, dict):  # inspect: {function: name, arguments: }
        inner = {"name": inner, "arguments": call.get("arguments")}
    if not isinstance(inner, dict) or not isinstance(inner.get("name"), str):
        raise UnusableError(f"a tool call of {which} names no function")
    arguments = inner.get("arguments")
    if not isinstance(arguments, str):
        arguments = json.dumps({} if arguments is None else arguments, ensure_ascii=False)
    call_id = call.get("id")
    return {
        "id": call_id if isinstance(call_id, str) and call_id else f"call_{number}",
        "type": "function",
        "function": {"name": inner["name"], "arguments": arguments},
    }


def tools_of(value: Any, place: str, note: Note) -> tuple[Json, ...]:
    """Return tool definitions as golden files take them; others are a loss."""
    found = []
    for tool in value if isinstance(value, list) else ():
        made, why = _tool(tool)
        if made is None:
            note(Loss(place=place, what="tool", why=why))
        else:
            found.append(made)
    if value and not isinstance(value, list):
        note(Loss(place=place, what="tools", why=f"they are {kind(value)}, no list"))
    return tuple(found)


def _tool(tool: Any) -> tuple[Json | None, str]:
    if not isinstance(tool, dict):
        return None, f"a definition is {kind(tool)}, no map"
    if "function" not in tool and isinstance(tool.get("name"), str):  # functions, OTel
        tool = {"type": "function", "function": {k: v for k, v in tool.items() if k != "type"}}
    inner = tool.get("function")
    if tool.get("type", "function") != "function" or not isinstance(inner, dict):
        return None, f"a tool of type {tool.get('type')!r:.40} runs at the provider"
    if not isinstance(inner.get("name"), str) or not inner["name"]:
        return None, "a definition has no name"
    if (given := inner.get("parameters", {})) is None:
        inner = {key: value for key, value in inner.items() if key != "parameters"}
    elif not isinstance(given, dict):
        return None, f"the parameters of {inner['name']!r:.60} are {kind(given)}, no map"
    if not isinstance(inner.get("description", ""), str):
        inner = {key: value for key, value in inner.items() if key != "description"}
    if depth_of(inner) > MAX_DEPTH:
        return None, f"the schema of {inner['name']!r:.60} is nested too deeply"
    return {"type": "function", "function": inner}, ""


def redacted(value: Any) -> bool:
    """Tell whether LiteLLM left a text out: on its own, or in a message of the usual shape."""
    if isinstance(value, dict):
        inner = (value.get(key) for key in ("text", "content", "message", "choices"))
        return any(map(redacted, inner))
    if isinstance(value, list):
        return any(isinstance(item, dict) and redacted(item) for item in value)
    return isinstance(value, str) and value.strip().startswith(_REDACTED)


# --- parameters ---------------------------------------------------------------------------


def params_of(
    body: Mapping[str, Any], place: str, note: Note, *, but: Sequence[str] = ()
) -> dict[str, Any]:
    """Return the parameters that golden files know; all others, except ``but``, are a loss.

    Only the names of lost parameters are told: among them are keys and headers.
    """
    found: Json = {}
    for name, value in body.items():
        if name in but or value is None:
            continue
        if name not in _known_params():
            note(Loss(place=place, what=name, why=_REASONS.get(name, _OTHER)))
        elif wrong := _wrong(name, json.dumps(value)):
            note(Loss(place=place, what=name, why=wrong))
        else:
            found[name] = value
    return found


@functools.cache
def _known_params() -> frozenset[str]:
    return frozenset(packaged(_SCHEMA)["$defs"]["request"]["properties"])


@functools.lru_cache(maxsize=4096)  # a log repeats a few settings a million times
def _wrong(name: str, written: str) -> str:
    value = json.loads(written)
    if depth_of(value) > MAX_DEPTH:
        return "it is nested too deeply"
    found = misshapen(Document("", {name: value}), _SCHEMA, "#/$defs/request")
    return found[0][1] if found else ""


# --- answers ------------------------------------------------------------------------------


def completion_of(body: Any) -> Completion | None:
    """Read a chat completion as an API gives it; None where it is none, or reports an error."""
    from pytest_quantguard.providers import _wire  # the one parser of answers

    draft = _wire.Draft()
    try:
        draft.add(json.dumps(body))
        return draft.completion(0.0, None)
    except (_wire.MalformedError, _wire.ReportedError, ValueError, RecursionError):
        return None


def completion_of_message(message: Json, finish_reason: str | None = None) -> Completion | None:
    """Read an assistant's message as a completion."""
    return completion_of({"choices": [{"message": message, "finish_reason": finish_reason}]})


def surrogates(values: Iterable[Any]) -> bool:
    """Tell whether a text holds half a character, which no file and no request can carry."""
    try:
        json.dumps(list(values), ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False
