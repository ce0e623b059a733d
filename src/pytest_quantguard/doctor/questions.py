"""What is asked of an endpoint: a dozen tiny requests, the most telling ones first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pytest_quantguard import _probe
from pytest_quantguard.doctor.records import Needs, Question
from pytest_quantguard.types import CompletionRequest, GoldenCase, Json, Source

MOST = 12
"""Requests of one endpoint, at most."""
TOKENS = 64
"""Tokens of an answer, at most, unless a golden case that is imitated has more."""

FIRST, AGAIN, LONGEST, TOOLS = "first", "again", "longest", "tools"
LOGPROBS, SEEDS = "log-probs", ("seed 1", "seed 1 again", "seed 2")

_SHORT, _LEAST = 32, 8
_LIMITS = ("max_tokens", "max_completion_tokens")
_KEPT = ("temperature", "top_p", "seed", "reasoning_effort", "chat_template_kwargs")
_ASK = "Write two short sentences about the sea."
_DRAW = "Write down ten words that have nothing to do with each other."
_TOOL: Json = {
    "type": "function",
    "function": {
        "name": "tide_table",
        "description": "Tells when the tide is high in a harbour on a day.",
        "parameters": {
            "type": "object",
            "properties": {"harbour": {"type": "string"}, "day": {"type": "string"}},
            "required": ["harbour", "day"],
        },
    },
}


def needs(cases: Iterable[GoldenCase], metrics: Iterable[str] = ()) -> Needs:
    """Return what golden cases, and budgets on these metrics, ask of servers."""
    found = tuple(case for case in cases if not case.driven)
    counts: dict[str, int] = {}
    for case in found:
        used = [*_probe.features([case])]
        used += ["tools"] if case.request.tools else []
        used += ["log-probs"] if case.request.params.get("logprobs") else []
        used += ["seed"] if "seed" in case.request.params else []
        for name in used:
            counts[name] = counts.get(name, 0) + 1
    if "reference" in metrics:  # asks how likely the server finds a given answer
        counts["log-probs"] = max(counts.get("log-probs", 0), len(found))
    longest = max(found, key=lambda case: len(case.request.canonical()), default=None)
    return Needs(cases=found, longest=longest, features=counts)


def questions(needs: Needs, defaults: Mapping[str, Any]) -> tuple[Question, ...]:
    """Return what every variant is asked; ``defaults`` are the configured request parameters.

    Parameters that a server may insist upon are those of the first golden case.
    """
    given = needs.cases[0].request.params if needs.cases else dict(defaults)
    found = [_said(FIRST, _ASK, given), _said(AGAIN, _ASK, given)]
    if needs.longest is not None:
        request = needs.longest.request
        params = {**request.params, **_limit(request.params, _LEAST)}
        found.append(Question(name=LONGEST, request=replace(request, params=params)))
    found += _shapes(needs, defaults, used=True)
    logprobs = {"logprobs": True, "top_logprobs": 3, **_limit(given, _LEAST)}
    found.append(_said(LOGPROBS, _ASK, given, logprobs))
    found.append(_said(TOOLS, _ASK, given, _limit(given, _LEAST), tools=(_TOOL,)))
    for name, seed in zip(SEEDS, (7, 7, 8), strict=True):
        found.append(_said(name, _DRAW, given, {"temperature": 1, "seed": seed}))
    found += _shapes(needs, defaults, used=False)
    return tuple(found[: MOST - 1])  # one is left for a connection that had grown old


def of_judge(defaults: Mapping[str, Any]) -> tuple[Question, ...]:
    """Return what a judge is asked: whether it is there, and says the same twice."""
    return (_said(FIRST, _ASK, defaults), _said(AGAIN, _ASK, defaults))


def _said(
    name: str,
    prompt: str,
    given: Mapping[str, Any],
    params: Mapping[str, Any] | None = None,
    *,
    tools: Sequence[Json] = (),
) -> Question:
    kept = {key: given[key] for key in _KEPT if key in given}
    request = CompletionRequest(
        messages=({"role": "user", "content": prompt},),
        tools=tuple(tools),
        params={"temperature": 0, **kept, **_limit(given, _SHORT), **(params or {})},
    )
    return Question(name=name, request=request)


def _limit(given: Mapping[str, Any], tokens: int) -> dict[str, int]:
    """Return the limit of an answer, by the name that the golden cases use."""
    return dict.fromkeys([key for key in _LIMITS if key in given] or _LIMITS[:1], tokens)


def _shapes(needs: Needs, defaults: Mapping[str, Any], *, used: bool) -> list[Question]:
    """Return the probes of what shapes answers: those that golden cases use, or the others."""
    by_feature = _probe.features(needs.cases)
    plain = GoldenCase(
        id="doctor",
        cohort="doctor",
        request=CompletionRequest(messages=(), params=dict(defaults)),
        source=Source(file="", line=0),
    )
    return [
        Question(name=feature, request=_probe.request(feature, by_feature.get(feature, plain)))
        for feature in _probe.FEATURES
        if (feature in by_feature) == used
    ]
