"""One keep-alive connection to a chat endpoint, and one exchange over it."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import httpx

from pytest_quantguard._carried import carried
from pytest_quantguard._sanitize import scrub
from pytest_quantguard.errors import ProviderError, RefusedError, TransportError
from pytest_quantguard.providers import _events, _refusals, _wire
from pytest_quantguard.providers._complaints import Complaints
from pytest_quantguard.providers._dialects import Dialect
from pytest_quantguard.providers._http import (
    Deadline,
    Reach,
    at_root,
    below,
    body_of,
    hold,
    is_new_stream,
)
from pytest_quantguard.providers._reference import CannotError, References
from pytest_quantguard.types import Completion, CompletionRequest, Json, ToolCall
from pytest_quantguard.variants import Variant

_IDLE_S = 1.0
"""A connection that broke after less idle time, in seconds, did not grow old: the server hangs up
after each answer, and each request over such a connection would be lost."""
_DRAIN_S = 1.0
"""Longest wait for the end of a body whose answer is complete, in seconds."""

Read = Callable[[httpx.Response, Deadline], Any]
"""Makes something of a response, within what is left of the time."""


class OpenAIConnection:
    """One keep-alive connection; `complete` is one streamed exchange."""

    def __init__(
        self, variant: Variant, reach: Reach, dialect: Dialect, references: References
    ) -> None:
        self._variant = variant
        self._url = reach.url
        self._endpoint = below(reach.url, dialect.path)
        self._dialect = dialect
        self._extra: Json = variant.options.get("extra_body", {})
        self._references = references
        self._complain = Complaints(variant, reach)
        self._secrets = reach.secrets
        self._client = reach.client()
        self._exchange_lock = threading.Lock()
        self._deadline = Deadline(variant.timeout_s)
        self._stream: Any = None
        self._connects = 0
        self._sent_at = 0.0
        self._closed = False
        self._drains = True
        self._idle_since = 0.0
        self._keeps_alive = True

    def complete(self, request: CompletionRequest) -> Completion:
        """Make one attempt, within ``timeout_s`` seconds, however slowly the server answers.

        A request with a reference is a few short exchanges instead, none of them streamed.

        Raises:
            TransportError: worth another attempt.
            RefusedError: the server said no, or cannot tell how likely a reference is.
        """
        with self._exchange_lock:
            deadline = self._deadline = Deadline(self._variant.timeout_s)
            try:
                if request.reference is not None:
                    return self._refer(request, deadline)
                found: Completion = self._send(
                    self._endpoint, self._encode(request), self._read, deadline
                )
                return found
            finally:
                if self._closed:
                    self._client.close()

    def close(self) -> None:
        """Hang up; from another thread it cuts the exchange short, which then raises."""
        self._closed = True
        self._cut()
        if self._exchange_lock.acquire(blocking=False):
            try:
                self._client.close()
            finally:
                self._exchange_lock.release()

    # --- one exchange -------------------------------------------------------------------

    def _encode(self, request: CompletionRequest) -> bytes:
        # Asked again here: what a test makes up while it runs is not known before.
        if why := self._dialect.unfit(request, self._extra):
            raise RefusedError(f"{self._complain.who}: {self._complain.said(why)}", status=400)
        return _encoded(self._dialect.body(self._variant.model, request, self._extra))

    def _send(self, url: httpx.URL, content: bytes | None, read: Read, deadline: Deadline) -> Any:
        if self._closed:
            raise TransportError(f"{self._complain.who}: the connection was closed")
        connects, began = self._connects, False
        self._sent_at = time.perf_counter()
        try:
            with self._client.stream(
                "GET" if content is None else "POST",
                url,
                content=content,
                headers=carried() | ({} if self._keeps_alive else {"Connection": "close"}),
                extensions={"trace": self._trace, "timeout": deadline},
            ) as response:
                began = True
                return read(response, deadline)
        except httpx.TimeoutException as error:
            raise self._complain.too_late(isinstance(error, httpx.ConnectTimeout)) from None
        except httpx.HTTPError as error:
            # The keep-alive trap: servers hang up on idle connections, after a stream above all.
            reused = self._connects == connects and connects > 0
            problem = self._complain.broken(error, self._closed)
            problem.stale = reused and not began and not self._closed and _is_hang_up(error)
            if problem.stale and time.monotonic() - self._idle_since < _IDLE_S:
                self._keeps_alive = False
            raise problem from None
        except (_wire.MalformedError, _wire.ReportedError) as error:
            raise self._complain.unusable(error) from None
        except ProviderError:
            raise
        except Exception as error:  # a socket closed under our feet raises almost anything
            if not self._closed:
                raise
            raise self._complain.broken(error, self._closed) from None
        finally:
            self._idle_since = time.monotonic()

    def _read(self, response: httpx.Response, deadline: Deadline) -> Completion:
        if not response.is_success:
            raise self._complain.refusal(response, deadline)
        told = response.headers.get("content-type", "").partition(";")[0].strip()
        kind = told.lower()
        chunks = body_of(response, deadline)
        if kind == "text/event-stream":
            return self._scrubbed(self._read_stream(chunks))
        if kind.endswith("json"):
            draft = self._dialect.draft()
            draft.add(b"".join(chunks).decode("utf-8", "replace"))
            return self._scrubbed(draft.completion(time.perf_counter() - self._sent_at, None))
        raise TransportError(
            f"{self._complain.who}: answered with content type "
            f"{self._complain.said(told, 60)!r} instead of a chat completion; is base_url right?"
        )

    def _read_stream(self, chunks: Iterator[bytes]) -> Completion:
        draft = self._dialect.draft()
        first: float | None = None
        last = self._sent_at
        for data in _events.events(chunks):
            if data.strip() == _events.DONE:
                self._drain(chunks)
                break
            said = draft.add(data)
            last = time.perf_counter()
            if said and first is None:
                first = last
            elif draft.ended:
                self._drain(chunks)
                break
        else:
            if not draft.finish_reason:
                raise TransportError(
                    f"{self._complain.who}: the stream ended before the answer was complete"
                )
        ttft_s = None if first is None else first - self._sent_at
        return draft.completion(last - self._sent_at, ttft_s)

    def _drain(self, chunks: Iterator[bytes]) -> None:
        """Read to the end of the body: only then can the connection be used again."""
        if not self._drains:
            return
        start = time.monotonic()
        self._deadline.shorten(_DRAIN_S)  # a complete answer that is not stored yet can be lost
        with suppress(httpx.HTTPError, _wire.MalformedError):  # the answer is complete
            for _ in chunks:
                pass
        # A server that keeps the stream open costs us this wait once, then the reconnects.
        self._drains = time.monotonic() - start < _DRAIN_S

    def _trace(self, event: str, info: Json) -> None:
        if event.endswith("send_request_headers.started"):
            self._sent_at = time.perf_counter()  # do not count the handshakes as latency
        elif is_new_stream(event):
            self._stream = info["return_value"]
            hold(self._stream, lambda: self._deadline)
            self._connects += 1
            if self._closed:
                self._cut()

    def _cut(self) -> None:
        # Closing a socket does not wake a thread that waits on it; shutting it down does.
        if self._stream is not None:
            sock = self._stream.get_extra_info("socket")
            with suppress(OSError, AttributeError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)

    # --- references ---------------------------------------------------------------------

    def _refer(self, request: CompletionRequest, deadline: Deadline) -> Completion:
        start = time.perf_counter()

        def ask(path: str, body: Json | None) -> Json:
            root = path.startswith("/")
            url = at_root(self._url, path) if root else below(self._url, path)
            content = None if body is None else _encoded(body)
            found: Json = self._send(url, content, self._read_json, deadline)
            return found

        try:
            found = self._references.tell(ask, request)
        except CannotError as error:
            raise RefusedError(
                f"{self._complain.who}: {self._complain.said(str(error), 400)}", status=501
            ) from None
        except RefusedError as error:
            error.final = False  # ordinary requests may be welcome all the same
            raise
        return self._scrubbed(replace(found, latency_s=time.perf_counter() - start))

    def _read_json(self, response: httpx.Response, deadline: Deadline) -> Json:
        """Return a JSON object; a page about the server that holds none is an empty one."""
        asked_about_itself = response.request.method == "GET"
        if not response.is_success:
            error, status = self._complain.refusal(response, deadline), response.status_code
            # Not busy: it lacks the thing, or fails at this very question.
            if status == 501 or (status == 500 and not asked_about_itself):
                error = RefusedError(str(error), status=status)
            raise error
        text = b"".join(body_of(response, deadline)).decode("utf-8", "replace")
        try:
            value = _wire.json_object(text)
        except _wire.MalformedError as error:
            if asked_about_itself:
                return {}
            raise CannotError(f"the answer cannot be used: {error}") from None
        if value.get("error") and not asked_about_itself:
            raise CannotError(_refusals.error_text(text.encode()))
        return value

    def _scrubbed(self, completion: Completion) -> Completion:
        """Take our key out of an answer: a server that echoes it must not get it stored."""
        if not self._secrets:
            return completion

        def clean(text: str | None) -> Any:
            return text and scrub(text, self._secrets)

        calls = tuple(
            ToolCall(name=clean(call.name), arguments_text=clean(call.arguments_text))
            for call in completion.tool_calls
        )
        names = ("text", "reasoning", "finish_reason", "refusal", "served_as", "fingerprint")
        texts = {name: clean(getattr(completion, name)) for name in names}
        found = replace(completion, tool_calls=calls, **texts)
        spelt = "".join(token.text for token in completion.tokens)
        others = "\n".join(text for token in completion.tokens for text, _ in token.top)
        if found == completion and (clean(spelt), clean(others)) == (spelt, others):
            return completion
        return replace(found, tokens=())  # the key may be cut among them


def _encoded(body: Json) -> bytes:
    return json.dumps(body, separators=(",", ":")).encode("ascii")


def _is_hang_up(error: httpx.HTTPError) -> bool:
    return isinstance(error, (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError))
