"""OpenTelemetry GenAI traffic, exported as OTLP JSON: spans, and events as log records.

Read are the conventions as they are (https://github.com/open-telemetry/semantic-conventions-genai:
``gen_ai.input.messages`` and ``gen_ai.output.messages`` on spans and on the event
``gen_ai.client.inference.operation.details``), as they were (one event for each message, up to
1.36; ``gen_ai.content.prompt``, up to 1.27), OpenLLMetry's ``gen_ai.prompt.0.content``, and what
LiteLLM's proxy makes of them (seen of 1.106.2: see `_gen_ai.py`).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from pytest_quantguard.importers._chat import (
    AlienError,
    UnusableError,
    messages_of,
    params_of,
    tools_of,
)
from pytest_quantguard.importers._drafts import drafts_of
from pytest_quantguard.importers._gen_ai import answer_of, captured, chat_of, told_of
from pytest_quantguard.importers._lines import records
from pytest_quantguard.importers._otlp import Signal, signals
from pytest_quantguard.importers._records import (
    Draft,
    Format,
    Loss,
    Note,
    Recorded,
    Sample,
    Source,
)
from pytest_quantguard.types import Json

_CHAT = ("chat", "generate_content", "text_completion", "completion", "acompletion")
"""The last two are LiteLLM's own words for a chat."""
_PARAMS = {
    "temperature": "temperature",
    "top_p": "top_p",
    "max_tokens": "max_tokens",
    "seed": "seed",
    "stop_sequences": "stop",
    "frequency_penalty": "frequency_penalty",
    "presence_penalty": "presence_penalty",
    "reasoning.level": "reasoning_effort",
    "top_k": "top_k",
    "choice.count": "n",
}
_ROUTES = ("gen_ai.prompt.name", "gen_ai.agent.name", "service.name")
_REMEMBERED = 10_000
"""Spans that are remembered, so that a span and its event are one exchange; and of those that
wait for the other one."""
_LABEL = 200


def requests(source: Source, note: Note) -> Iterator[Recorded]:
    """Yield the model calls of OTLP JSON files."""
    reader = _Reader(note, source.failures)
    for path, name in source.files:
        for place, document in records(path, name, note):
            found = False
            for signal in signals(document, place):
                found = True
                yield from reader.exchanges(signal)
            if not found:
                why = "it holds neither spans nor log records of OTLP"
                note(Loss(place=place, what="the document", why=why))
    yield from reader.rest()


def drafts(source: Source, note: Note) -> Iterator[Draft]:
    """Yield golden cases; a recorded answer shows what must hold."""
    return drafts_of(requests(source, note), source, note)


class _Reader:
    """Puts together what belongs to one exchange; remembers a bounded number of spans."""

    def __init__(self, note: Note, failures: bool) -> None:
        self._note = note
        self._failures = failures
        self._told: OrderedDict[str, None] = OrderedDict()
        self._open: OrderedDict[str, list[Json]] = OrderedDict()
        """Messages that came as events of their own, by span."""
        self._halves: OrderedDict[str, Signal] = OrderedDict()
        """Spans without messages, and events that do not name the model, by span."""

    def exchanges(self, signal: Signal) -> Iterator[Recorded]:
        """Yield what a span or log record completes, if it does."""
        whole = self._put_together(signal)
        if whole is not None:
            yield from self._exchange(whole)
        if len(self._halves) > _REMEMBERED:
            yield from self._exchange(self._halves.popitem(last=False)[1])

    def rest(self) -> Iterator[Recorded]:
        """Yield what can be made of the halves whose other half never came."""
        while self._halves:
            yield from self._exchange(self._halves.popitem(last=False)[1])

    def _put_together(self, signal: Signal) -> Signal | None:
        """Return a span with what its event tells, too; None for a half that has to wait.

        A server may leave the messages to the event, and the model, the tools and the times to the
        span; either may come first.
        """
        if not signal.span or _is_whole(signal):
            self._halves.pop(signal.span, None)
            return signal
        other = self._halves.pop(signal.span, None)
        if other is None or other.log == signal.log:
            self._halves[signal.span] = signal
            return None
        span, event = (other, signal) if signal.log else (signal, other)
        return replace(span, attributes={**event.attributes, **span.attributes})

    def _exchange(self, signal: Signal) -> Iterator[Recorded]:
        try:
            if not any(key.startswith("gen_ai.") for key in signal.attributes) and not (
                signal.name.startswith("gen_ai.")
            ):
                raise AlienError("it has no gen_ai.* attributes")
            told = told_of(signal)
            if told is not None:  # one message of an exchange, as an event
                yield from self._message(signal, *told)
                return
            operation = signal.attributes.get("gen_ai.operation.name") or "chat"
            if operation not in _CHAT:
                raise AlienError(f"its operation is {operation!r:.40}, no chat")
            recorded = _recorded(signal, self._note)
            if self._failures and recorded.answer is None:
                recorded = _with_failure(recorded, signal)
            if self._is_new(signal.span):
                yield recorded
        except UnusableError as error:
            what = "a log record" if signal.log else "a span"
            alien = isinstance(error, AlienError)
            loss = Loss(place=signal.place, what=what, why=str(error), whole=not alien, alien=alien)
            self._note(loss)

    def _message(self, signal: Signal, message: Json, last: bool) -> Iterator[Recorded]:
        messages = self._open.setdefault(signal.span, [])
        if len(self._open) > _REMEMBERED:
            self._open.popitem(last=False)
        messages.append(message)
        if last:
            self._open.pop(signal.span, None)
            yield _exchange(signal, messages[:-1], messages[-1:], self._note)

    def _is_new(self, span: str) -> bool:
        if span in self._told:
            return False
        if span:
            self._told[span] = None
        if len(self._told) > _REMEMBERED:
            self._told.popitem(last=False)
        return True


def _is_whole(signal: Signal) -> bool:
    """Tell whether a signal is more than a half of an exchange, or no part of one."""
    about = signal.attributes
    if about.get("gen_ai.operation.name") not in _CHAT or told_of(signal) is not None:
        return True
    return "gen_ai.request.model" in about if signal.log else captured(signal)


def _recorded(signal: Signal, note: Note) -> Recorded:
    asked, told = chat_of(signal, note)
    if not asked:
        raise UnusableError(
            "it holds no messages: content was not captured "
            "(OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT)"
        )
    return _exchange(signal, asked, told, note)


def _exchange(signal: Signal, asked: list[Json], told: list[Json], note: Note) -> Recorded:
    found = signal.attributes
    params = {
        name: found[f"gen_ai.request.{key}"]
        for key, name in _PARAMS.items()
        if found.get(f"gen_ai.request.{key}") is not None
    }
    if found.get("gen_ai.output.type") == "json":
        why = "JSON was asked for, but spans do not hold the schema: add a response_format"
        note(Loss(place=signal.place, what="gen_ai.output.type", why=why))
    about = {**signal.resource, **found}
    labels = {k: v for k, v in about.items() if isinstance(v, str) and 0 < len(v) <= _LABEL}
    route = next((labels[key] for key in _ROUTES if key in labels), "")
    return Recorded(
        place=signal.place,
        messages=messages_of(asked, signal.place, note),
        tools=_tools(signal, note),
        params=params_of(params, signal.place, note),
        answer=answer_of(signal, told),
        model=labels.get("gen_ai.request.model", ""),
        route="" if route.startswith("unknown_service") else route,
        labels=labels,
        trace=signal.span.partition(" ")[0],
        key=signal.span,
        facts={k: v for k, v in about.items() if isinstance(v, str | int | float)},
    )


def _with_failure(recorded: Recorded, signal: Signal) -> Recorded:
    """Return an exchange without an answer with the reason for it, where the span tells one."""
    kind = signal.attributes.get("error.type")
    if not signal.failed and not isinstance(kind, str):
        return recorded
    failure = kind if isinstance(kind, str) and kind else "the call failed"
    return replace(recorded, failure=failure, timed_out="timeout" in failure.lower())


def _tools(signal: Signal, note: Note) -> tuple[Json, ...]:
    from pytest_quantguard.importers._gen_ai import definitions_of

    value: Any = definitions_of(signal)
    return tools_of(value, signal.place, note)


def _sign(sample: Sample) -> str:
    first = sample.first
    if isinstance(first, dict):
        for key in ("resourceSpans", "resourceLogs"):
            if isinstance(first.get(key), list):
                return f"it has '{key}'"
    return ""


FORMAT = Format(sign=_sign, drafts=drafts, requests=requests)
