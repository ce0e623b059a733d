"""A recorded exchange becomes a draft of a golden case: what did the answer show that must hold?"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from pytest_quantguard.importers._records import Draft, Loss, Note, Recorded, Source
from pytest_quantguard.types import Completion, Json, ToolCall

COMPLETE: Json = {"length": {"complete": True}}
"""The least that holds of every good answer: it ended by itself."""
_KEPT = (
    "it was written by a model, and would favour that model as a 'reference'; --references keeps it"
)


def drafts_of(exchanges: Iterable[Recorded], source: Source, note: Note) -> Iterator[Draft]:
    """Yield a draft for each exchange that asks something new; the same again is a loss."""
    seen: set[int] = set()
    for recorded in exchanges:
        asked = hash(recorded.request.canonical())
        if asked in seen:
            why = "the same request came before: a golden case is asked once"
            note(Loss(place=recorded.place, what="a repeated request", why=why))
            continue
        seen.add(asked)
        curated = recorded.curated or source.references
        tools = recorded.tools or source.tools
        yield _draft(replace(recorded, curated=curated, tools=tools), note)


def _draft(recorded: Recorded, note: Note) -> Draft:
    expect, bare = _expected(recorded, note)
    return Draft(
        place=recorded.place,
        name=recorded.name,
        case={**asked(recorded), "expect": expect, **_reference(recorded, note)},
        cohort=recorded.route,
        labels=recorded.labels,
        bare=bare,
    )


def asked(recorded: Recorded) -> Json:
    """Return what is asked, in the words of golden files: as short as they allow."""
    messages = list(recorded.messages)
    found: Json = {}
    if messages[0]["role"] == "system" and _plain(messages[0]) and len(messages) > 1:
        found["system"] = messages.pop(0)["content"]
    if len(messages) == 1 and messages[0]["role"] == "user" and _plain(messages[0]):
        found["prompt"] = messages[0]["content"]
    else:
        found["messages"] = messages
    if recorded.tools:
        found["tools"] = list(recorded.tools)
    if recorded.params:
        found["request"] = recorded.params
    return found


def _plain(message: Json) -> bool:
    content = message["content"]
    return isinstance(content, str) and bool(content) and message.keys() == {"role", "content"}


def _expected(recorded: Recorded, note: Note) -> tuple[list[Json | str], bool]:
    """Return checks, and whether they say nothing that is particular to this case."""
    answer = recorded.answer
    if answer is None or answer.empty:
        return [COMPLETE], True
    if answer.refusal:
        return [{"refusal": {"must": True}}], False
    if answer.tool_calls:
        return _called(recorded, answer.tool_calls, note)
    found: list[Json | str] = []
    if recorded.tools:
        found.append("no_tool_call")
    if shape := _format_check(recorded.params.get("response_format")):
        found.append(shape)
    return [*found, COMPLETE], not found


def _format_check(wanted: Any) -> Json | str | None:
    if not isinstance(wanted, dict):
        return None
    inner = wanted.get("json_schema")
    if isinstance(inner, dict) and isinstance(inner.get("schema"), dict):
        return {"json_schema": {"schema": inner["schema"]}}
    return "json" if wanted.get("type") in ("json_object", "json_schema") else None


def _called(
    recorded: Recorded, calls: tuple[ToolCall, ...], note: Note
) -> tuple[list[Json | str], bool]:
    offered = {tool["function"]["name"] for tool in recorded.tools}
    unknown = [call.name for call in calls if call.name not in offered]
    if unknown:
        why = (
            f"the log does not define the tool {unknown[0]!r:.60}; give its definition with "
            "--tools FILE"
        )
        note(Loss(place=recorded.place, what="the recorded tool call", why=why))
        return [COMPLETE], True
    found = [call_spec(call.name, arguments_of(call, recorded.place, note)) for call in calls]
    return [calls_check(found)], False


def calls_check(calls: Sequence[Json]) -> Json:
    """Return the check for the calls of one answer, which come in any order."""
    if len(calls) == 1:
        return {"tool_call": calls[0]}
    return {"tool_sequence": {"in_order": False, "calls": list(calls)}}


def call_spec(name: str, arguments: Json | None) -> Json:
    """Return a call as the checks of tools describe one: every value is meant literally."""
    if arguments is None:
        return {"name": name}
    literal = {"$equals": arguments} if _has_matchers(arguments) else arguments
    return {"name": name, "arguments": literal}


def _has_matchers(value: Any) -> bool:
    """Tell whether a key in recorded arguments would be taken for a matcher."""
    level = [value]
    while level:
        maps = [one for one in level if isinstance(one, dict)]
        if any(isinstance(key, str) and key.startswith("$") for one in maps for key in one):
            return True
        lists = [one for one in level if isinstance(one, list)]
        level = [item for one in maps for item in one.values()]
        level += [item for one in lists for item in one]
    return False


def arguments_of(call: ToolCall, place: str, note: Note) -> Json | None:
    """Return a recorded call's arguments; None, and a loss, where they are no JSON object."""
    try:
        value = json.loads(call.arguments_text or "{}")
    except (ValueError, RecursionError):
        value = None
    if isinstance(value, dict):
        return value
    why = "they are no JSON object; any arguments that the tool's schema allows will do"
    note(Loss(place=place, what="the recorded arguments", why=why))
    return None


def reference_of(text: str) -> Json:
    """Return a reference as golden files take it: without blanks around it; nothing when empty."""
    return {"reference": text.strip()} if text.strip() else {}


def _reference(recorded: Recorded, note: Note) -> Json:
    answer = recorded.answer
    if answer is None or not answer.text.strip() or answer.tool_calls:
        return {}
    if not recorded.curated:
        note(Loss(place=recorded.place, what="the recorded answer", why=_KEPT))
        return {}
    return _whole(answer, recorded.place, note)


def _whole(answer: Completion, place: str, note: Note) -> Json:
    if answer.finish_reason == "length":
        why = "it was cut off at the token limit"
        note(Loss(place=place, what="the recorded answer", why=why))
        return {}
    return reference_of(answer.text)
