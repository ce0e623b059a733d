"""Chat completions as they travel: from pieces to a `Completion`; pure functions, no I/O.

Servers differ in small ways: calls without an index, several calls under one index, one call in
place of a list, arguments as an object, no usage, usage in every piece, no ``[DONE]``, plain JSON
where a stream was asked for. All of that is read; whatever leaves the meaning open is
`MalformedError`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pytest_quantguard.providers import _logprobs
from pytest_quantguard.providers._events import MalformedError
from pytest_quantguard.providers._refusals import error_text, status_of
from pytest_quantguard.types import Completion, Json, Token, ToolCall, Usage

__all__ = ["Decode", "Draft", "MalformedError", "ReportedError", "json_object"]

MAX_CALLS = 1000
"""Most tool calls of an answer."""
MAX_NAME = 4096
"""Longest name of a tool, in characters."""
REASONING = ("reasoning_content", "reasoning")
"""Where servers put what a model thought; of several, the first one that holds something."""

_MOST_TOKENS = 2**53
"""A count of tokens above it is none: nothing could add it up, or write it into a report."""
_PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")
_CONSTANTS = frozenset({"fp_ollama"})  # fingerprints that are the same on every machine

Decode = Callable[[Json], Json | None]
"""Turn a piece of another API into one of the OpenAI chat API; None where the stream ends."""


class ReportedError(Exception):
    """The server answered 200 and put an error into the body.

    The text is raw; ``status`` is the HTTP status that the error names, or 500.
    """

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


@dataclass(slots=True)
class _Call:
    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list)


class Draft:
    """A completion in the making, from one whole message or many pieces.

    ``decode`` turns pieces of another API into those of the OpenAI chat API. ``reasoning`` names
    the fields that hold what the model thought. ``no_arguments`` stands for arguments of a tool
    call that nothing was written of.
    """

    def __init__(
        self,
        decode: Decode | None = None,
        reasoning: tuple[str, ...] = REASONING,
        no_arguments: str = "",
    ) -> None:
        self.finish_reason: str | None = None
        self.ended = False
        """True when a piece said that nothing more comes."""
        self._decode = decode
        self._reasoning_names = reasoning
        self._no_arguments = no_arguments
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._refusal: list[str] = []
        self._calls: list[_Call] = []
        self._by_index: dict[int, _Call] = {}
        self._by_id: dict[str, _Call] = {}
        self._usage = Usage()
        self._model: str | None = None
        self._fingerprint: str | None = None
        self._tokens: list[Token] | None = []
        self._chosen = False

    def add(self, data: str) -> bool:
        """Take one JSON object; return True when it holds something the model said or thought.

        Raises:
            MalformedError: it is no piece of a chat completion.
            ReportedError: it is the server's error.
        """
        piece = json_object(data)
        if piece.get("error") or piece.get("object") == "error":
            raise ReportedError(error_text(data.encode("utf-8", "replace")), status_of(piece))
        if self._decode is not None:
            decoded = self._decode(piece)
            if decoded is None:
                self.ended = True
                return False
            piece = decoded
        self._add_usage(piece)
        if self._model is None:
            self._model = _text_or_none(piece.get("model"))
        self._fingerprint = _text_or_none(piece.get("system_fingerprint")) or self._fingerprint
        choice = _first_choice(piece.get("choices"))
        return choice is not None and self._add_choice(choice)

    def completion(self, latency_s: float, ttft_s: float | None) -> Completion:
        """Return what was put together.

        Raises:
            MalformedError: nothing in the answer was a choice.
        """
        if not self._chosen:
            raise MalformedError("the answer has no 'choices'")
        return Completion(
            text=_joined(self._text),
            tool_calls=tuple(
                ToolCall(
                    name=call.name,
                    arguments_text=_joined(call.arguments) or self._no_arguments,
                )
                for call in self._calls
            ),
            finish_reason=self.finish_reason,
            refusal=_joined(self._refusal) or None,
            reasoning=_joined(self._reasoning),
            usage=self._usage,
            latency_s=latency_s,
            ttft_s=ttft_s,
            served_as=self._model,
            fingerprint=None if self._fingerprint in _CONSTANTS else self._fingerprint,
            tokens=tuple(self._tokens or ()),
        )

    def _add_usage(self, piece: Json) -> None:
        """Take counts from wherever they stand; those that come later are the fuller ones."""
        usage = piece.get("usage")
        if usage is None:
            elsewhere = piece.get("x_groq")
            if not isinstance(elsewhere, dict):
                return
            usage = elsewhere.get("usage")
        if isinstance(usage, dict):
            self._usage = _merged(self._usage, usage)

    def _add_choice(self, choice: Json) -> bool:
        if choice.get("error"):  # a router's word on the server behind it
            raise ReportedError(error_text(json.dumps(choice).encode()), status_of(choice))
        self._chosen = True
        self.finish_reason = _text_or_none(choice.get("finish_reason")) or self.finish_reason
        whole = "message" in choice
        message = choice.get("message" if whole else "delta") or {}
        if not isinstance(message, dict):
            raise MalformedError("'message' or 'delta' is no object")
        said = False
        if content := message.get("content"):
            self._text.append(text := _content(content))
            said = bool(text)
        if refusal := message.get("refusal"):
            self._refusal.append(text := _content(refusal))
            said = said or bool(text)
        for name in self._reasoning_names:
            thought = message.get(name)
            if thought and isinstance(thought, str):
                self._reasoning.append(thought)
                said = True
                break
        if calls := message.get("tool_calls"):
            self._add_calls(calls, whole)
            said = True
        if logprobs := choice.get("logprobs"):
            self._add_tokens(logprobs)
        return said

    def _add_calls(self, calls: Any, whole: bool) -> None:
        if isinstance(calls, dict):  # TGI before 3.0 streams the one call bare
            calls = [calls]
        if not isinstance(calls, list):
            raise MalformedError("'tool_calls' is no list")
        for call in calls:
            self._add_call(call, whole)

    def _add_tokens(self, logprobs: Any) -> None:
        """Keep log-probs; one that cannot be read takes all with it, but never the answer."""
        content = logprobs.get("content") if isinstance(logprobs, dict) else None
        if content is None or self._tokens is None:
            return
        try:
            self._tokens += _logprobs.tokens(content)
        except _logprobs.LogprobError:
            self._tokens = None
        else:
            if len(self._tokens) > _logprobs.MAX_TOKENS:
                self._tokens = None

    def _add_call(self, piece: Any, whole: bool) -> None:
        function = piece.get("function") or {} if isinstance(piece, dict) else None
        if not isinstance(function, dict):
            raise MalformedError("a tool call is no object")
        name, call_id = function.get("name") or "", piece.get("id") or ""
        if not isinstance(name, str) or not isinstance(call_id, str):
            raise MalformedError("a tool call's name or id is no text")
        call = None if whole else self._find_call(piece.get("index"), call_id, name)
        if call is None:
            call = self._begin_call(piece.get("index"), call_id)
        if name != call.name:  # some servers repeat the name, some cut it
            if len(call.name) + len(name) > MAX_NAME:
                raise MalformedError(f"a tool's name is longer than {MAX_NAME} characters")
            call.name += name
        arguments = function.get("arguments")
        if arguments is not None:
            is_text = isinstance(arguments, str)
            call.arguments.append(
                arguments if is_text else json.dumps(arguments, ensure_ascii=False)
            )

    def _begin_call(self, index: Any, call_id: str) -> _Call:
        if len(self._calls) == MAX_CALLS:
            raise MalformedError(f"the answer has more than {MAX_CALLS} tool calls")
        call = _Call(id=call_id)
        self._calls.append(call)
        if isinstance(index, int):
            self._by_index[index] = call
        if call_id:
            self._by_id.setdefault(call_id, call)
        return call

    def _find_call(self, index: Any, call_id: str, name: str) -> _Call | None:
        """Return the call that a piece continues, or None when it begins one."""
        if isinstance(index, int):
            call = self._by_index.get(index)
        elif call_id:
            call = self._by_id.get(call_id)
        else:
            call = self._calls[-1] if self._calls else None
        if call is None:
            return None
        # Several calls under one index, or under none: another id, or another name after the
        # arguments have begun, is another call.
        other_id = call_id and call.id and call_id != call.id
        other_name = name and name != call.name and call.arguments
        return None if other_id or other_name else call


def json_object(data: str) -> Json:
    """Parse one JSON object.

    Raises:
        MalformedError: it is something else.
    """
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        raise MalformedError(f"not JSON: {data}") from None
    if not isinstance(value, dict):
        raise MalformedError(f"no JSON object: {data}")
    return value


def _joined(pieces: list[str]) -> str:
    """Join what a stream cut; also a character that it cut into the two halves of UTF-16.

    Such halves would be one character again as soon as the answer was stored and read: the same
    answer would be another text from the cache than from the server.
    """
    text = "".join(pieces)
    if text.isascii() or not _PAIR.search(text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def _first_choice(choices: Any) -> Json | None:
    """Return choice 0; we never ask for more, so further ones are not ours."""
    if not isinstance(choices or [], list):
        raise MalformedError("'choices' is no list")
    for choice in choices or []:
        if not isinstance(choice, dict):
            raise MalformedError("a choice is no object")
        if not choice.get("index"):
            return choice
    return None


def _content(content: Any) -> str:
    """Return text given as text, as a list of parts, or as null."""
    if content is None or isinstance(content, str):
        return content or ""
    if isinstance(content, list):
        texts = [part.get("text") for part in content if isinstance(part, dict)]
        return "".join(text for text in texts if isinstance(text, str))
    raise MalformedError("'content' is neither text nor a list of parts")


def _merged(before: Usage, told: Json) -> Usage:
    """Return the counts with those that ``told`` holds put over them."""
    prompt, completion = told.get("prompt_tokens_details"), told.get("completion_tokens_details")
    # SGLang counts reasoning beside the others, not among the details.
    reasoning = _count(completion, "reasoning_tokens", _count(told, "reasoning_tokens", None))
    return Usage(
        prompt_tokens=_count(told, "prompt_tokens", before.prompt_tokens),
        completion_tokens=_count(told, "completion_tokens", before.completion_tokens),
        cached_tokens=_count(prompt, "cached_tokens", before.cached_tokens),
        reasoning_tokens=before.reasoning_tokens if reasoning is None else reasoning,
    )


def _count(value: Any, key: str, otherwise: int | None) -> int | None:
    number = value.get(key) if isinstance(value, dict) else None
    return number if type(number) is int and 0 <= number <= _MOST_TOKENS else otherwise


def _text_or_none(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
