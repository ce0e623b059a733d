"""Our own format of mirrored traffic: one request and both answers a line.

`pair.schema.json` says what a line looks like; docs/canary.md explains it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pytest_quantguard._sanitize import one_line, without_keys
from pytest_quantguard.canary.records import Feedback, MirroredPair, Side
from pytest_quantguard.documents.document import Document, misshapen, packaged
from pytest_quantguard.importers._chat import completion_of
from pytest_quantguard.types import Completion, CompletionRequest, Json, Source, ToolCall, Usage

SCHEMA = "pair.schema.json"

_ABSURD = 1e12
"""No duration and no price is so large; NaN is not below it either."""
_FAILURE = 300
_THUMBS = {"up": 1.0, "down": 0.0, "+1": 1.0, "-1": 0.0}
_NOTHING = Feedback()
_UNKNOWN = Usage()
_PARAMS = frozenset(packaged("golden.schema.json")["$defs"]["request"]["properties"])
"""Parameters that are kept of a request: among the others are keys and headers."""
_OF_MESSAGE = ("role", "content", "name", "tool_calls", "tool_call_id")


class UnusableLineError(Exception):
    """A line cannot be used; the text says why, in one sentence."""


def pair_of(data: Json, source: Source, labels: frozenset[str]) -> MirroredPair:
    """Return the pair that a line holds; of its labels those that somebody looks at.

    Raises:
        UnusableLineError: it has another form than the schema says.
    """
    if wrong := misshapen(Document("", data), SCHEMA):
        raise UnusableLineError("; ".join(dict.fromkeys(text for _, text in wrong[:3])))
    baseline = side_of(data.get("baseline"), "baseline")
    candidate = side_of(data.get("candidate"), "candidate")
    if baseline is None and candidate is None:
        raise UnusableLineError("it has neither a baseline nor a candidate")
    found = data.get("labels") or {}
    return MirroredPair(
        id=identity(data.get("id"), source),
        request=request_of(data["request"]),
        baseline=baseline,
        candidate=candidate,
        source=source,
        route=data.get("route") or "",
        tags=tuple(data.get("tags") or ()),
        labels={name: found[name] for name in labels if name in found},
        at=number(data.get("at")) or 0.0,
    )


def identity(given: Any, source: Source) -> str:
    """Return a pair's name in reports: what the log says, clean and without keys, else its
    place."""
    if isinstance(given, str) and given.strip():
        return one_line(without_keys(given[:_FAILURE]), 80)
    return str(source)


def request_of(asked: Json) -> CompletionRequest:
    """Return what was asked, without what is no part of the question."""
    return CompletionRequest(
        messages=tuple(
            {key: message[key] for key in _OF_MESSAGE if key in message}
            for message in asked["messages"]
        ),
        tools=tuple(asked.get("tools") or ()),
        params={key: value for key, value in asked.items() if key in _PARAMS and value is not None},
    )


def side_of(data: Mapping[str, Any] | None, role: str) -> Side | None:
    """Return what one arm did; None where it was not asked.

    Raises:
        UnusableLineError: it holds neither an answer nor an error.
    """
    if data is None:
        return None
    error = data.get("error")
    completion = None
    if error is None and not data.get("timed_out"):
        completion = _completion(data, role)
    return Side(
        completion=completion,
        failure="" if completion else failure_of(error or "it ran out of time"),
        timed_out=bool(data.get("timed_out")),
        cost=number(data.get("cost")),
        feedback=feedback_of(data.get("feedback")),
    )


def failure_of(text: str) -> str:
    """Return why there is no answer, fit for a report: one line, and no keys."""
    return one_line(without_keys(text[: 4 * _FAILURE]), _FAILURE)


def _completion(data: Mapping[str, Any], role: str) -> Completion:
    latency, ttft = number(data.get("latency_s")) or 0.0, number(data.get("ttft_s"))
    if data.get("completion") is not None:
        found = completion_of(data["completion"])
        if found is None:
            raise UnusableLineError(f"the completion of the {role} is no chat completion")
        usage, calls = found.usage, found.tool_calls
        text, refusal, reason = found.text, found.refusal, found.finish_reason
        model, print_ = found.served_as, found.fingerprint
    elif data.keys().isdisjoint(("text", "tool_calls", "refusal")):
        raise UnusableLineError(
            f"the {role} has neither a text, tool_calls nor a refusal; give its 'error' where "
            "there is no answer"
        )
    else:
        usage = Usage(**_counts(data["usage"])) if data.get("usage") else _UNKNOWN
        calls = tuple(_call(call, role) for call in data.get("tool_calls") or ())
        text, refusal = data.get("text") or "", data.get("refusal")
        reason, model, print_ = data.get("finish_reason"), None, data.get("fingerprint")
    return Completion(
        text=text,
        tool_calls=calls,
        finish_reason=reason,
        refusal=refusal,
        usage=usage,
        latency_s=latency,
        ttft_s=ttft,
        served_as=data.get("model") or model,
        fingerprint=print_,
    )


def _counts(usage: Mapping[str, Any]) -> dict[str, int]:
    return {key: usage[key] for key in Usage.__slots__ if usage.get(key) is not None}


def _call(call: Mapping[str, Any], role: str) -> ToolCall:
    inner = call.get("function") or call
    name, arguments = inner.get("name"), inner.get("arguments")
    if not isinstance(name, str):
        raise UnusableLineError(f"a tool call of the {role} has no name")
    if not isinstance(arguments, str):
        arguments = "" if arguments is None else json.dumps(arguments, ensure_ascii=False)
    return ToolCall(name=name, arguments_text=arguments)


# --- numbers and feedback -----------------------------------------------------------------


def number(value: Any) -> float | None:
    """Return a duration, a cost or a time; None for what can be none."""
    usable = type(value) in (int, float) and 0 <= value < _ABSURD
    return float(value) if usable else None


def feedback_of(data: Mapping[str, Any] | None) -> Feedback:
    """Return what users did with an answer; what cannot be read is not known."""
    if not data:
        return _NOTHING
    return Feedback(
        thumbs=thumbs_of(data.get("thumbs")),
        retried=flag_of(data.get("retried")),
        escalated=flag_of(data.get("escalated")),
    )


def thumbs_of(value: Any) -> float | None:
    """Return thumbs as a share in [0, 1]: up is 1, true is 1."""
    if isinstance(value, str):
        value = _THUMBS.get(value.strip().lower(), value)
    if isinstance(value, str):
        try:
            value = float(value[:20])
        except ValueError:
            value = {"true": True, "false": False}.get(value.strip().lower())
    if isinstance(value, bool):
        return float(value)
    return float(value) if isinstance(value, int | float) and 0 <= value <= 1 else None


def flag_of(value: Any) -> bool | None:
    """Return yes or no, as logs write it."""
    if isinstance(value, bool):
        return value
    known = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
    return known.get(str(value).strip().lower()) if isinstance(value, str | int) else None
