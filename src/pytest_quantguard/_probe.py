"""Does a server honour the parameters that shape answers? Asked once, and read off the answer.

Some servers answer 200 and ignore a parameter that they do not know. So each arm is asked one
question of which the answer shows it: the prompt asks for prose, the parameter for something that
nobody would say by chance.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from pytest_quantguard._comparability import Support
from pytest_quantguard.types import Completion, CompletionRequest, GoldenCase, Json

_CONSTANT = "heron-7041"
_TOOL = "file_heron_report"
_LIMIT = 64
"""Tokens of an answer, at least."""
_LIMITS = ("max_tokens", "max_completion_tokens")
_KEPT = ("temperature", "top_p", "seed", "reasoning_effort", "chat_template_kwargs")

_THOUGHTS = re.compile(r"\A\s*<(think|thinking)>(?:.*?</\1>|.*)", re.S)

_SCHEMA: Json = {
    "type": "object",
    "properties": {"code": {"type": "string", "enum": [_CONSTANT]}},
    "required": ["code"],
    "additionalProperties": False,
}
_TOOLS: tuple[Json, ...] = (
    {
        "type": "function",
        "function": {
            "name": _TOOL,
            "description": "Files a report about a heron.",
            "parameters": _SCHEMA,
        },
    },
)

JSON_SCHEMA = "response_format: json_schema"
JSON_OBJECT = "response_format: json_object"
REQUIRED = "tool_choice: required"
NAMED = "tool_choice with a name"

_ASKED: Mapping[str, tuple[str, tuple[Json, ...], Json]] = {
    # What is asked, with which tools, and the parameter that is probed. Some services refuse
    # json_object unless the prompt has the word in it.
    JSON_SCHEMA: (
        "Write one short sentence about the sea, as plain prose.",
        (),
        {
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "probe", "strict": True, "schema": _SCHEMA},
            }
        },
    ),
    JSON_OBJECT: (
        "Write one short sentence about the sea, as plain prose, without any JSON.",
        (),
        {"response_format": {"type": "json_object"}},
    ),
    REQUIRED: (
        "Write one short sentence about the sea, as plain prose. Call no tool.",
        _TOOLS,
        {"tool_choice": "required"},
    ),
    NAMED: (
        "Write one short sentence about the sea, as plain prose. Call no tool.",
        _TOOLS,
        {"tool_choice": {"type": "function", "function": {"name": _TOOL}}},
    ),
}

FEATURES = tuple(_ASKED)
"""Every parameter that can be probed."""


def features(cases: Iterable[GoldenCase]) -> dict[str, GoldenCase]:
    """Return which parameters that shape answers the cases use, in a fixed order.

    With each the first case that uses it, by its id: every process finds the same one.
    """
    used: dict[str, GoldenCase] = {}
    for case in cases:
        for name in _used(case.request.params):
            if name not in used or case.id < used[name].id:
                used[name] = case
    return {feature: used[feature] for feature in _ASKED if feature in used}


def _used(params: Mapping[str, Any]) -> list[str]:
    found = []
    shape, choice = params.get("response_format"), params.get("tool_choice")
    kind = shape.get("type") if isinstance(shape, dict) else None
    found += {"json_schema": [JSON_SCHEMA], "json_object": [JSON_OBJECT]}.get(str(kind), [])
    if choice in ("required", "any"):
        found.append(REQUIRED)
    elif isinstance(choice, dict):
        found.append(NAMED)
    return found


def request(feature: str, case: GoldenCase) -> CompletionRequest:
    """Return what is asked, with the parameters of a case that a server may insist upon."""
    prompt, tools, params = _ASKED[feature]
    given = case.request.params
    kept = {key: given[key] for key in _KEPT if key in given}
    limits = [key for key in _LIMITS if key in given] or [_LIMITS[0]]
    for key in limits:
        kept[key] = max(_LIMIT, given.get(key) or 0)
    return CompletionRequest(
        messages=({"role": "user", "content": prompt},),
        tools=tools,
        params={"temperature": 0, **kept, **params},
    )


def read(feature: str, completion: Completion) -> tuple[Support, str]:
    """Return what an answer shows, and why where it shows nothing."""
    if feature in (REQUIRED, NAMED):
        if any(call.name == _TOOL for call in completion.tool_calls):
            return "honoured", ""
        found = bool(completion.tool_calls or completion.text.strip())
    else:
        text = _bare(completion.text)
        if _honours(feature, text, cut=completion.finish_reason == "length"):
            return "honoured", ""
        found = bool(text)
    if found:
        return "ignored", ""
    if completion.finish_reason == "length":
        return "unknown", "the answer was cut off before it said anything"
    return "unknown", "the answer is empty"


def _honours(feature: str, text: str, *, cut: bool) -> bool:
    if feature == JSON_OBJECT:  # a grammar without a schema may go on until it is cut off
        return text.startswith("{") and (cut or isinstance(_parsed(text), dict))
    if _parsed(text) == {"code": _CONSTANT}:
        return True
    packed = "".join(text.split())
    whole = json.dumps({"code": _CONSTANT}, separators=(",", ":"))
    return cut and packed.startswith('{"') and whole.startswith(packed)


def _bare(text: str) -> str:
    """Return the text without thoughts before it and a fence around it."""
    text = _THOUGHTS.sub("", text)
    match = re.fullmatch(r"```(?:json)?\s*(.*?)\s*```", text.strip(), re.S)
    return match[1] if match else text.strip()


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
