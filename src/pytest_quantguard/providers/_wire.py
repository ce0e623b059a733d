"""Chat completions as they travel: from bytes to a `Completion`; pure functions, no I/O.

Servers differ in small ways: calls without an index,
several calls under one index, arguments as an object, no usage, no ``[DONE]``, plain JSON where
a stream was asked for. All of that is read; whatever leaves the meaning open is `MalformedError`.
"""

from __future__ import annotations

import json
import math
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any

from pytest_quantguard.providers import _logprobs
from pytest_quantguard.types import Completion, Json, Token, ToolCall, Usage

MAX_BODY = 32 * 2**20
"""Longest answer that is read, in bytes after decompression."""
MAX_LINE = 16 * 2**20
"""Longest line of a stream, in bytes."""
MAX_CALLS = 1000
"""Most tool calls of an answer."""
MAX_NAME = 4096
"""Longest name of a tool, in characters."""
DONE = "[DONE]"

_BREAK = re.compile(rb"\r\n|\n|\r")


class MalformedError(Exception):
    """The bytes are no chat completion; the text says why: raw, uncut, it may hold secrets."""


class ReportedError(Exception):
    """The server answered 200 and put an error into the body.

    The text is raw; ``status`` is the HTTP status that the error names, or 500.
    """

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


# --- bytes to events --------------------------------------------------------------------


def bounded(chunks: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """Undo ``Content-Encoding`` and stop at `MAX_BODY` bytes, before they are in memory.

    Raises:
        MalformedError: too large, damaged, or compressed in a way that was not asked for.
    """
    if encoding.lower() not in ("", "identity", "gzip", "deflate"):
        raise MalformedError(f"the body is compressed, which was not asked for, with {encoding}")
    unzip = zlib.decompressobj(wbits=47) if encoding.lower() in ("gzip", "deflate") else None
    left = MAX_BODY
    for raw in chunks:
        try:
            chunk = unzip.decompress(raw, left + 1) if unzip else raw
        except zlib.error:
            raise MalformedError(f"the body is no valid {encoding}") from None
        left -= len(chunk)
        if left < 0:
            raise MalformedError(f"the body is larger than {MAX_BODY >> 20} MiB")
        yield chunk


def lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield lines without their ends (LF, CR or CRLF), however the bytes were cut."""
    line = bytearray()
    skip_lf = False
    for raw in chunks:
        if not raw:
            continue
        chunk = raw.removeprefix(b"\n") if skip_lf else raw
        skip_lf = chunk.endswith(b"\r")
        *ended, rest = _BREAK.split(chunk)
        for part in ended:
            line += part
            yield bytes(line)
            line.clear()
        line += rest
        if len(line) > MAX_LINE:
            raise MalformedError(f"a line of the stream is longer than {MAX_LINE >> 20} MiB")
    if line:
        yield bytes(line)


def events(chunks: Iterable[bytes]) -> Iterator[str]:
    """Yield the data of each server-sent event; comments and other fields carry nothing."""
    data: list[bytes] = []
    for line in lines(chunks):
        name, _, value = line.removeprefix(b"\xef\xbb\xbf").partition(b":")
        if name == b"data":
            data.append(value.removeprefix(b" "))
        elif not line and data:
            yield b"\n".join(data).decode("utf-8", "replace")
            data.clear()
    if data:  # some servers end without the last empty line
        yield b"\n".join(data).decode("utf-8", "replace")


# --- events to a completion -------------------------------------------------------------


@dataclass(slots=True)
class _Call:
    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list)


class Draft:
    """A completion in the making, from one whole message or many pieces."""

    def __init__(self) -> None:
        self.finish_reason: str | None = None
        self._text: list[str] = []
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
        """Take one JSON object; return True when it holds something the model said.

        Raises:
            MalformedError: it is no piece of a chat completion.
            ReportedError: it is the server's error.
        """
        piece = json_object(data)
        if piece.get("error") or piece.get("object") == "error":
            raise ReportedError(error_text(data.encode()), _status_of(piece))
        self._usage = _usage(piece.get("usage")) or self._usage
        self._model = self._model or _text_or_none(piece.get("model"))
        self._fingerprint = _text_or_none(piece.get("system_fingerprint")) or self._fingerprint
        return self._add_choice(_first_choice(piece.get("choices")))

    def completion(self, latency_s: float, ttft_s: float | None) -> Completion:
        """Return what was put together.

        Raises:
            MalformedError: nothing in the answer was a choice.
        """
        if not self._chosen:
            raise MalformedError("the answer has no 'choices'")
        return Completion(
            text="".join(self._text),
            tool_calls=tuple(
                ToolCall(name=call.name, arguments_text="".join(call.arguments))
                for call in self._calls
            ),
            finish_reason=self.finish_reason,
            refusal="".join(self._refusal) or None,
            usage=self._usage,
            latency_s=latency_s,
            ttft_s=ttft_s,
            served_as=self._model,
            fingerprint=self._fingerprint,
            tokens=tuple(self._tokens or ()),
        )

    def _add_choice(self, choice: Json | None) -> bool:
        if choice is None:
            return False
        self._chosen = True
        self.finish_reason = _text_or_none(choice.get("finish_reason")) or self.finish_reason
        whole = "message" in choice
        message = choice.get("message" if whole else "delta") or {}
        if not isinstance(message, dict):
            raise MalformedError("'message' or 'delta' is no object")
        text = _content(message.get("content"))
        refusal = _content(message.get("refusal"))
        self._text.append(text)
        self._refusal.append(refusal)
        calls = message.get("tool_calls") or []
        if not isinstance(calls, list):
            raise MalformedError("'tool_calls' is no list")
        for call in calls:
            self._add_call(call, whole)
        self._add_tokens(choice.get("logprobs"))
        return bool(text or refusal or calls)

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


def _usage(value: Any) -> Usage | None:
    if not isinstance(value, dict):
        return None

    def count(key: str) -> int | None:
        number = value.get(key)
        return number if type(number) is int and number >= 0 else None

    return Usage(prompt_tokens=count("prompt_tokens"), completion_tokens=count("completion_tokens"))


def _text_or_none(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


# --- what a server says when it says no -------------------------------------------------


def error_text(body: bytes) -> str:
    """Return the server's own message out of an error body of any known shape; raw."""
    text = body.decode("utf-8", "replace").strip()
    try:
        found = _find_message(json.loads(text))
    except (ValueError, RecursionError):
        found = None
    if found:
        return found
    if text[:200].lower().startswith(("<!doctype", "<html", "<?xml")):
        return "an HTML page"
    return text or "no explanation"


def _find_message(value: Any) -> str | None:
    """Look into ``{error: {message}}``, ``{error: text}``, ``{message}``, ``{detail}``, a list."""
    if isinstance(value, str):
        return value or None
    if isinstance(value, list):
        return "; ".join(filter(None, map(_find_message, value))) or None
    if not isinstance(value, dict):
        return None
    keys = ("error", "message", "detail", "msg")
    return next(filter(None, (_find_message(value.get(key)) for key in keys)), None)


def _status_of(piece: Json) -> int:
    inner = piece.get("error")
    code = inner.get("code") if isinstance(inner, dict) else None
    for status in (code, piece.get("code"), piece.get("status")):
        if type(status) is int and 400 <= status < 600:
            return status
    return 500


def retry_after_s(headers: Mapping[str, str], now: float) -> float | None:
    """Return how long the server asks to wait, in seconds from 0 to a day; None when it does not.

    ``now`` is the time of day in seconds since the epoch, for the form with a date.
    """
    text = headers.get("retry-after", "").strip()
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(text).timestamp() - now
        except (ValueError, TypeError, IndexError, OverflowError):
            return None
    return min(max(seconds, 0.0), 86400.0) if math.isfinite(seconds) else None
