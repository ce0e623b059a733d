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
from dataclasses import dataclass, field, replace
from pathlib import Path

from pytest_quantguard.importers._chat import (
    UnusableError,
    messages_of,
    params_of,
    redacted,
    tools_of,
)
from pytest_quantguard.importers._drafts import drafts_of
from pytest_quantguard.importers._gen_ai import (
    MOST,
    answer_of,
    captured,
    chat_of,
    definitions_of,
    told_of,
)
from pytest_quantguard.importers._lines import records, size_of
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
from pytest_quantguard.importers._turns import in_turns
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
"""Exchanges that wait for further pieces, and exchanges that are known again, at most."""
_WAITING = 64 * 2**20
"""Characters that wait for further pieces, at most."""
_EVALUATION = "gen_ai.evaluation.result"
_LABEL = 200


def requests(source: Source, note: Note) -> Iterator[Recorded]:
    """Yield the model calls of OTLP JSON files, which are read in turns.

    Spans and events of one exchange may stand in two files.
    """
    reader = _Reader(note, source.failures)
    for found in in_turns(_documents(path, name, note) for path, name in source.files):
        for signal in found:
            yield from reader.take(signal)
    yield from reader.rest()


def _documents(path: Path, name: str, note: Note) -> Iterator[list[Signal]]:
    """Yield the signals of each document of a file."""
    for place, document in records(path, name, note):
        found = list(signals(document, place))
        if not found:
            why = "it holds neither spans nor log records of OTLP"
            note(Loss(place=place, what="the document", why=why, alien=True))
        yield found


def drafts(source: Source, note: Note) -> Iterator[Draft]:
    """Yield golden cases; a recorded answer shows what must hold."""
    return drafts_of(requests(source, note), source, note)


@dataclass(slots=True)
class _Pieces:
    """What was seen of one exchange: a span, an event with all messages, events with one each."""

    span: Signal | None = None
    event: Signal | None = None
    asked: list[Json] = field(default_factory=list)
    told: list[Json] = field(default_factory=list)
    ended: bool = True
    """False while the last message that came is one of those that were asked."""
    size: int = 0
    """About how many characters it takes."""

    def add(self, signal: Signal) -> None:
        """Take in a span or a log record."""
        message = told_of(signal)
        if not signal.log:
            self.span, self.ended = signal, True
            return
        if self.event is None or captured(signal):
            self.event = signal
        if message is not None:
            said, self.ended = message
            if len(self.asked) <= MOST:
                (self.told if self.ended else self.asked).append(said)

    @property
    def whole(self) -> bool:
        """Whether nothing more has to come: a span with its messages.

        Log records alone are no whole: the span has the times, and often the model and the tools.
        """
        if self.span is None:
            return False
        event = self.event is not None and captured(self.event)
        spoken = self.ended and bool(self.asked and self.told)
        return captured(self.span) or event or spoken

    def together(self) -> Signal:
        """Return all that was told as one signal."""
        told: Json = {}
        if self.asked:
            told = {"gen_ai.input.messages": self.asked, "gen_ai.output.messages": self.told}
        event = self.event.attributes if self.event is not None else {}
        signal = self.span or self.event
        assert signal is not None, "there are pieces of one of them at least"  # noqa: S101
        return replace(signal, attributes={**told, **event, **signal.attributes})


class _Reader:
    """Puts together what belongs to one exchange; remembers a bounded number of spans."""

    def __init__(self, note: Note, failures: bool) -> None:
        self._note = note
        self._failures = failures
        self._read: OrderedDict[str, None] = OrderedDict()
        self._pieces: OrderedDict[str, _Pieces] = OrderedDict()
        """Of exchanges that are not whole yet, by span."""
        self._size = 0
        """Of these pieces, in characters."""

    def take(self, signal: Signal) -> Iterator[Recorded]:
        """Yield what a span or log record completes, and what has waited for too long."""
        if why := _alien(signal):
            self._lose(signal, why, alien=True)
        elif told_of(signal) is not None and not signal.span:
            self._lose(signal, "it is one message of an exchange, and names no span: of which one?")
        elif signal.span in self._read and (signal.log or not captured(signal)):
            self._late(signal)
        else:
            yield from self._add(signal)

    def _add(self, signal: Signal) -> Iterator[Recorded]:
        pieces = self._pieces.setdefault(signal.span, _Pieces())
        pieces.add(signal)
        if pieces.whole or not signal.span:
            yield from self._exchange(signal.span)
            return
        took = size_of([signal.attributes, signal.resource, signal.body, signal.events])
        pieces.size += took
        self._size += took
        while len(self._pieces) > _REMEMBERED or self._size > _WAITING:
            yield from self._exchange(next(iter(self._pieces)))

    def rest(self) -> Iterator[Recorded]:
        """Yield what can be made of pieces whose other ones never came."""
        while self._pieces:
            yield from self._exchange(next(iter(self._pieces)))

    def _exchange(self, span: str) -> Iterator[Recorded]:
        pieces = self._pieces.pop(span)
        self._size -= pieces.size
        signal = pieces.together()
        if span:
            self._read[span] = None
        if len(self._read) > _REMEMBERED:
            self._read.popitem(last=False)
        try:
            if len(pieces.asked) > MOST:
                raise UnusableError(f"it has more than {MOST:,} messages")
            recorded = _recorded(signal, self._note)
            if self._failures and recorded.answer is None:
                recorded = _with_failure(recorded, signal)
            yield recorded
        except UnusableError as error:
            self._lose(signal, str(error))

    def _late(self, signal: Signal) -> None:
        """Tell of a message without which an exchange was read; what else comes is known."""
        if (message := told_of(signal)) is not None and not message[1]:
            why = "it comes after the answer: its exchange is read without it"
            self._note(Loss(place=signal.place, what="a message", why=why))

    def _lose(self, signal: Signal, why: str, *, alien: bool = False) -> None:
        what = "a log record" if signal.log else "a span"
        self._note(Loss(place=signal.place, what=what, why=why, whole=not alien, alien=alien))


def _alien(signal: Signal) -> str:
    """Say why a signal is no part of an exchange with a chat model; empty when it is one."""
    named = signal.name.startswith("gen_ai.")
    if not named and not any(key.startswith("gen_ai.") for key in signal.attributes):
        return "it has no gen_ai.* attributes"
    if signal.log and signal.name == _EVALUATION:
        return "it is an evaluation"
    operation = signal.attributes.get("gen_ai.operation.name") or "chat"
    return "" if operation in _CHAT else f"its operation is {operation!r:.40}, no chat"


def _recorded(signal: Signal, note: Note) -> Recorded:
    asked, told = chat_of(signal, note)
    if not asked:
        raise UnusableError(
            "it holds no messages: content was not captured "
            "(OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT)"
        )
    if redacted(asked) or redacted(told):
        raise UnusableError("LiteLLM has redacted its messages")
    return _exchange(signal, asked, told, note)


def _exchange(signal: Signal, asked: list[Json], told: list[Json], note: Note) -> Recorded:
    found = signal.attributes
    params: Json = {
        name: found[f"gen_ai.request.{key}"]
        for key, name in _PARAMS.items()
        if found.get(f"gen_ai.request.{key}") is not None
    }
    if found.get("gen_ai.output.type") == "json":
        params["response_format"] = {"type": "json_object"}
        why = "JSON was asked for; if it was by a schema, add that: spans do not hold it"
        note(Loss(place=signal.place, what="gen_ai.output.type", why=why))
    about = {**signal.resource, **found}
    labels = {k: v for k, v in about.items() if isinstance(v, str) and 0 < len(v) <= _LABEL}
    route = next((labels[key] for key in _ROUTES if key in labels), "")
    messages = messages_of(asked, signal.place, note)
    tools = tools_of(definitions_of(signal), signal.place, note)
    answer = answer_of(signal, told)
    if told and answer is None:
        why = "it cannot be read: it is no message of an assistant"
        note(Loss(place=signal.place, what="the answer", why=why))
    return Recorded(
        place=signal.place,
        messages=messages,
        tools=tools,
        tells_tools=bool(tools),
        params=params_of(params, signal.place, note),
        answer=answer,
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


def _sign(sample: Sample) -> str:
    first = sample.first
    if isinstance(first, dict):
        for key in ("resourceSpans", "resourceLogs"):
            if isinstance(first.get(key), list):
                return f"it has '{key}'"
    return ""


FORMAT = Format(sign=_sign, drafts=drafts, requests=requests)
