"""What spans say, as plain attributes; pure, and the border to model text for traces.

Names follow the conventions for generative AI of OpenTelemetry, which are still in development;
what they have no name for begins with ``quantguard.``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from pytest_quantguard._sanitize import clean, neutral, one_line
from pytest_quantguard.errors import RefusedError, TransportError
from pytest_quantguard.pairs import Mishap, PairedOutcome
from pytest_quantguard.types import Completion, CompletionRequest, Json, Outcome
from pytest_quantguard.variants import Variant
from pytest_quantguard.verdicts import BudgetVerdict, CandidateReport, GateReport

Value = str | bool | int | float | list[str]
Attributes = dict[str, Value]
Scrub = Callable[[str], str]
"""Takes keys and other secrets out of a text."""

EVALUATION = "gen_ai.evaluation.result"
NAME_LIMIT = 200
"""Longest name that is sent, in characters."""
TEXT_LIMIT = 4000
"""Longest prompt or answer that is sent where content is asked for, in characters."""
_READ = 2 * TEXT_LIMIT
"""Characters of a longer text that are looked at: a key that begins in what is sent ends there."""
_MESSAGES = 50
"""Messages of one request that are sent at most; those in the middle are left out."""
_LARGEST = 2**63 - 1
"""Of the integers that the wire format has."""
_HUGE = 1e300
_NUMBERS: Mapping[str, tuple[str, type[float]]] = {
    "temperature": ("temperature", float),
    "top_p": ("top_p", float),
    "top_k": ("top_k", float),
    "frequency_penalty": ("frequency_penalty", float),
    "presence_penalty": ("presence_penalty", float),
    "max_tokens": ("max_tokens", int),
    "max_completion_tokens": ("max_tokens", int),
    "seed": ("seed", int),
}
"""Parameter of a request -> name behind ``gen_ai.request.``, and the kind that it has to be."""


def name(text: str, scrub: Scrub) -> str:
    """Return a name of the user's or of a server's as one short, harmless line."""
    return one_line(scrub(text), NAME_LIMIT)


def number(value: Any, kind: type[float] = float) -> int | float | None:
    """Return a number that the wire format can hold, else None: one of them loses a batch."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if kind is int:
        return int(value) if abs(value) <= _LARGEST and value == int(value) else None
    return float(value) if abs(value) < _HUGE else None


def present(pairs: Mapping[str, Value | None]) -> Attributes:
    """Return the attributes that are known."""
    return {key: value for key, value in pairs.items() if value not in (None, "", [])}


# --- requests -----------------------------------------------------------------------------


def provider_name(variant: Variant) -> str:
    """Return what ``gen_ai.provider.name`` is: the dialect where one is named, else the provider.

    ``openai`` says which API is spoken, not who runs the server.
    """
    return variant.dialect if variant.dialect != "auto" else variant.provider


def of_request(variant: Variant, request: CompletionRequest, scrub: Scrub) -> Attributes:
    """Return what is known of a request before it is sent."""
    found: dict[str, Value | None] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": name(provider_name(variant), scrub),
        "gen_ai.request.model": name(variant.model, scrub),
    }
    for parameter, (attribute, kind) in _NUMBERS.items():
        if (value := number(request.params.get(parameter), kind)) is not None:
            found[f"gen_ai.request.{attribute}"] = value
    stop = request.params.get("stop")
    stops = [stop] if isinstance(stop, str) else stop if isinstance(stop, list) else []
    found["gen_ai.request.stop_sequences"] = [name(str(one), scrub) for one in stops[:16]]
    wanted = request.params.get("response_format")
    if isinstance(wanted, dict) and str(wanted.get("type")).startswith("json"):
        found["gen_ai.output.type"] = "json"
    return present({**found, **_place(variant)})


def _place(variant: Variant) -> Json:
    """Return host and port: never the whole address, which may hold a password."""
    try:
        parts = urlsplit(variant.base_url or "")
        return {
            "server.address": clean(parts.hostname or "", NAME_LIMIT),
            "server.port": parts.port,
        }
    except ValueError:
        return {}


def of_completion(completion: Completion, scrub: Scrub) -> Attributes:
    """Return what an answer tells about itself, apart from what it says."""
    usage = completion.usage
    counts = {
        "input_tokens": usage.prompt_tokens,
        "output_tokens": usage.completion_tokens,
        "cache_read.input_tokens": usage.cached_tokens,
        "reasoning.output_tokens": usage.reasoning_tokens,
    }
    ended = [name(completion.finish_reason, scrub)] if completion.finish_reason else []
    return present(
        {
            "gen_ai.response.model": name(completion.served_as or "", scrub),
            "gen_ai.response.finish_reasons": ended,
            "gen_ai.response.time_to_first_chunk": number(completion.ttft_s),
            "quantguard.fingerprint": name(completion.fingerprint or "", scrub),
            **{f"gen_ai.usage.{key}": number(value, int) for key, value in counts.items()},
        }
    )


def error_type(error: BaseException) -> str:
    """Return ``error.type``: the HTTP status, ``timeout``, or the name of the error's class."""
    if isinstance(error, RefusedError):
        return str(error.status)
    if isinstance(error, TransportError) and error.timed_out:
        return "timeout"
    return type(error).__name__


# --- content, only where it is asked for ----------------------------------------------------


def text(value: str, scrub: Scrub) -> str:
    """Return model text fit to be sent: no secret, nothing invisible, no command, cut."""
    shown = clean(scrub(value[:_READ])[:TEXT_LIMIT])
    more = len(value) - TEXT_LIMIT
    return neutral(f"{shown}... [{more} more characters]" if more > 0 else shown)


def input_messages(request: CompletionRequest, scrub: Scrub) -> str:
    """Return what was asked, as the conventions have it: JSON, in pure ASCII."""
    messages = list(request.messages)
    if (more := len(messages) - _MESSAGES) > 0:
        half = _MESSAGES // 2
        note = {"role": "system", "content": f"[{more} messages left out]"}
        messages = [*messages[:half], note, *messages[-half:]]
    return json.dumps([_message(one, scrub) for one in messages])


def _message(message: Json, scrub: Scrub) -> Json:
    content, role = message.get("content"), str(message.get("role", ""))
    parts: list[Json] = []
    if role == "tool":
        called = name(str(message.get("tool_call_id", "")), scrub)
        said = {"response": text(str(content), scrub)}
        return {"role": role, "parts": [{"type": "tool_call_response", "id": called, **said}]}
    for part in content if isinstance(content, list) else [{"type": "text", "text": content}]:
        if isinstance(part, dict) and isinstance(part.get("text"), str):
            parts.append({"type": "text", "content": text(part["text"], scrub)})
        elif isinstance(part, dict) and part.get("type") != "text":  # an image, a sound
            parts.append({"type": name(str(part.get("type")), scrub), "content": "[left out]"})
    calls = (call for call in message.get("tool_calls") or () if isinstance(call, dict))
    made = (call["function"] for call in calls if isinstance(call.get("function"), dict))
    parts += [_call(str(one.get("name")), str(one.get("arguments")), scrub) for one in made]
    return {"role": name(role, scrub), "parts": parts}


def _call(called: str, arguments: str, scrub: Scrub) -> Json:
    return {"type": "tool_call", "name": name(called, scrub), "arguments": text(arguments, scrub)}


def output_messages(completion: Completion, scrub: Scrub) -> str:
    """Return what was answered, as the conventions have it: JSON, in pure ASCII."""
    parts: list[Json] = []
    if completion.reasoning:
        parts.append({"type": "reasoning", "content": text(completion.reasoning, scrub)})
    said = filter(None, (completion.text, completion.refusal))
    parts += [{"type": "text", "content": text(one, scrub)} for one in said]
    parts += [_call(call.name, call.arguments_text, scrub) for call in completion.tool_calls]
    ended = name(completion.finish_reason or "", scrub)
    return json.dumps([{"role": "assistant", "parts": parts, "finish_reason": ended}])


# --- evaluations ----------------------------------------------------------------------------


def finding(outcome: PairedOutcome) -> str:
    """Say in one word what a pair shows."""
    if outcome.regressed:
        return "regressed"
    return "improved" if outcome.improved else "concordant"


def of_outcome(outcome: PairedOutcome, role: str, scrub: Scrub, *, content: bool) -> Attributes:
    """Return the event of one check in one arm; ``content``: with the check's own sentences.

    Those quote the model, so they go along only where content is asked for.
    """
    arm: Outcome = outcome.baseline if role == "baseline" else outcome.candidate
    why = {
        "regressed": "holds better in the baseline than in the candidate",
        "improved": "holds better in the candidate than in the baseline",
        "concordant": "holds alike in baseline and candidate",
    }[finding(outcome)]
    if content and arm.violations:
        why = text("; ".join(arm.violations), scrub)
    return present(
        {
            "gen_ai.evaluation.name": name(outcome.check, scrub),
            "gen_ai.evaluation.score.value": number(arm.value),
            "gen_ai.evaluation.score.label": "holds" if arm.ok else "does not hold",
            "gen_ai.evaluation.explanation": why,
            "quantguard.role": role,
            "quantguard.finding": finding(outcome) if role == "candidate" else None,
        }
    )


def of_mishap(mishap: Mishap, scrub: Scrub, *, content: bool) -> Attributes:
    """Return the event of a check for which there is no evidence."""
    why = "no evidence" if not content else text(mishap.message, scrub)
    return present(
        {
            "gen_ai.evaluation.name": name(mishap.check, scrub),
            "gen_ai.evaluation.score.label": "no evidence",
            "gen_ai.evaluation.explanation": why,
            "error.type": name(mishap.kind, scrub),
            "quantguard.role": mishap.role,
            "quantguard.variant": name(mishap.variant, scrub),
        }
    )


def of_budget(candidate: CandidateReport, row: BudgetVerdict, scrub: Scrub) -> Attributes:
    """Return the event of one budget's verdict; its value is the delta, positive = worse."""
    delta = row.delta
    return present(
        {
            "gen_ai.evaluation.name": name("/".join(row.group), scrub),
            "gen_ai.evaluation.score.value": None if delta is None else number(delta.value),
            "gen_ai.evaluation.score.label": row.verdict.value,
            "gen_ai.evaluation.explanation": one_line(scrub(row.reason), 1000),
            "quantguard.candidate": name(candidate.variant.name, scrub),
            "quantguard.cohort": name(row.cohort or "", scrub),
            "quantguard.delta.low": None if delta is None else number(delta.low),
            "quantguard.delta.high": None if delta is None else number(delta.high),
            "quantguard.delta.unit": None if delta is None else delta.unit,
            "quantguard.cases": number(row.cases, int),
        }
    )


def of_report(report: GateReport, scrub: Scrub) -> Attributes:
    """Return what the run's span says at its end: verdicts, and what was asked of whom."""
    found: dict[str, Value | None] = {
        "quantguard.verdict": report.verdict.value,
        "quantguard.cases": number(report.provenance.get("cases"), int),
        "quantguard.golden_hash": str(report.provenance.get("golden_hash", "")),
        "quantguard.budgets": sum(len(candidate.budgets) for candidate in report.candidates),
    }
    for candidate in report.candidates:
        called = name(candidate.variant.name, scrub)
        found[f"quantguard.verdict.{called}"] = candidate.verdict.value
    for asked, counts in report.provenance.get("requests", {}).items():
        for key in ("planned", "cached", "sent", "answered", "failed"):
            value = number(counts.get(key), int)
            found[f"quantguard.requests.{name(asked, scrub)}.{key}"] = value
    return present(found)


def of_case(outcomes: Iterable[PairedOutcome | Mishap], scrub: Scrub) -> Attributes:
    """Return what tells the case of an item: its outcomes and mishaps are all of one."""
    one = next(iter(outcomes))
    found: dict[str, Value | None] = {
        "quantguard.case": name(one.case, scrub),
        "quantguard.cohort": name(one.cohort, scrub),
        "quantguard.check": name(one.check, scrub),
        "code.file.path": name(one.source.file, scrub),
        "code.line.number": number(one.source.line, int),
        "quantguard.critical": one.critical,
    }
    if isinstance(one, PairedOutcome):
        found["quantguard.tags"] = [name(tag, scrub) for tag in one.tags]
    return present(found)
