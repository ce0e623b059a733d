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
from urllib.parse import unquote

import httpx

from pytest_quantguard._sanitize import one_line, scrub
from pytest_quantguard.errors import ProviderError, RefusedError, TransportError
from pytest_quantguard.providers import _wire
from pytest_quantguard.providers._http import (
    CONNECT_S,
    Deadline,
    at_root,
    below,
    body_of,
    hold,
    is_new_stream,
    new_client,
    secrets_of,
    shown,
)
from pytest_quantguard.providers._reference import CannotError, References
from pytest_quantguard.types import Completion, CompletionRequest, Json, ToolCall
from pytest_quantguard.variants import Variant

_RETRIED_STATUSES = (408, 409, 425, 429)

Read = Callable[[httpx.Response, Deadline], Any]
"""Makes something of a response, within what is left of the time."""


class OpenAIConnection:
    """One keep-alive connection; `complete` is one streamed exchange."""

    def __init__(self, variant: Variant, url: httpx.URL, key: str, references: References) -> None:
        self._variant = variant
        self._url = url
        self._references = references
        self._who = f"variant {variant.name!r} at {shown(url)}"
        self._secrets = secrets_of(key)
        self._client = new_client(key)
        self._exchange_lock = threading.Lock()
        self._deadline = Deadline(variant.timeout_s)
        self._stream: Any = None
        self._connects = 0
        self._sent_at = 0.0
        self._closed = False
        self._drains = True

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
                endpoint = below(self._url, "chat/completions")
                found: Completion = self._send(
                    endpoint, self._encode(request), self._read, deadline
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
        body = {
            "model": self._variant.model,
            **request.body(),
            **self._variant.options.get("extra_body", {}),
        }
        # llama.cpp refuses to stream log-probs beside tools.
        if not (body.get("logprobs") and body.get("tools")):
            body.update(stream=True, stream_options={"include_usage": True})
        return _encoded(body)

    def _send(self, url: httpx.URL, content: bytes | None, read: Read, deadline: Deadline) -> Any:
        with suppress(_StaleConnectionError):
            return self._exchange(url, content, read, deadline)
        return self._exchange(url, content, read, deadline)

    def _exchange(
        self, url: httpx.URL, content: bytes | None, read: Read, deadline: Deadline
    ) -> Any:
        if self._closed:
            raise TransportError(f"{self._who}: the connection was closed")
        connects, began = self._connects, False
        self._sent_at = time.perf_counter()
        try:
            with self._client.stream(
                "GET" if content is None else "POST",
                url,
                content=content,
                extensions={"trace": self._trace, "timeout": deadline},
            ) as response:
                began = True
                return read(response, deadline)
        except httpx.TimeoutException as error:
            raise self._too_late(isinstance(error, httpx.ConnectTimeout)) from None
        except httpx.HTTPError as error:
            # The keep-alive trap: servers hang up on idle connections, after a stream above all.
            reused = self._connects == connects and connects > 0
            if reused and not began and not self._closed and _is_hang_up(error):
                raise _StaleConnectionError from None
            raise self._broken(error) from None
        except (_wire.MalformedError, _wire.ReportedError) as error:
            raise self._unusable(error) from None
        except ProviderError:
            raise
        except Exception as error:  # a socket closed under our feet raises almost anything
            if not self._closed:
                raise
            raise self._broken(error) from None

    def _read(self, response: httpx.Response, deadline: Deadline) -> Completion:
        if not response.is_success:
            raise self._refusal(response, deadline)
        told = response.headers.get("content-type", "").partition(";")[0].strip()
        kind = told.lower()
        chunks = body_of(response, deadline)
        if kind == "text/event-stream":
            return self._scrubbed(self._read_stream(chunks))
        if kind.endswith("json"):
            draft = _wire.Draft()
            draft.add(b"".join(chunks).decode("utf-8", "replace"))
            return self._scrubbed(draft.completion(time.perf_counter() - self._sent_at, None))
        raise TransportError(
            f"{self._who}: answered with content type {self._said(told, 60)!r} instead of a chat "
            "completion; is base_url right?"
        )

    def _read_stream(self, chunks: Iterator[bytes]) -> Completion:
        draft = _wire.Draft()
        first: float | None = None
        last = self._sent_at
        for data in _wire.events(chunks):
            if data.strip() == _wire.DONE:
                self._drain(chunks)
                break
            said = draft.add(data)
            last = time.perf_counter()
            if said and first is None:
                first = last
        else:
            if not draft.finish_reason:
                raise TransportError(
                    f"{self._who}: the stream ended before the answer was complete"
                )
        ttft_s = None if first is None else first - self._sent_at
        return draft.completion(last - self._sent_at, ttft_s)

    def _drain(self, chunks: Iterator[bytes]) -> None:
        """Read to the end of the body: only then can the connection be used again."""
        if not self._drains:
            return
        start = time.monotonic()
        with suppress(httpx.HTTPError, _wire.MalformedError):  # the answer is complete
            for _ in chunks:
                pass
        # A server that keeps the stream open costs us this wait once, then the reconnects.
        self._drains = time.monotonic() - start < 1.0

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
            raise RefusedError(f"{self._who}: {self._said(str(error), 400)}", status=501) from None
        except RefusedError as error:
            error.final = False  # ordinary requests may be welcome all the same
            raise
        return self._scrubbed(replace(found, latency_s=time.perf_counter() - start))

    def _read_json(self, response: httpx.Response, deadline: Deadline) -> Json:
        """Return a JSON object; a page about the server that holds none is an empty one."""
        asked_about_itself = response.request.method == "GET"
        if not response.is_success:
            error, status = self._refusal(response, deadline), response.status_code
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
            raise CannotError(_wire.error_text(text.encode()))
        return value

    # --- what went wrong ----------------------------------------------------------------

    def _said(self, text: str, limit: int = 300) -> str:
        return one_line(scrub(text, self._secrets), limit)

    def _too_late(self, connecting: bool) -> TransportError:
        seconds = self._variant.timeout_s
        if connecting:
            seconds = min(seconds, CONNECT_S)
            what = f"no connection within {seconds:g} s"
        else:
            what = f"no complete answer within {seconds:g} s (timeout_s)"
        return TransportError(f"{self._who}: {what}", connected=not connecting)

    def _broken(self, error: Exception) -> TransportError:
        if self._closed:
            return TransportError(f"{self._who}: the exchange was cut short")
        text = self._said(str(error) or type(error).__name__)
        if isinstance(error, (httpx.ConnectError, httpx.ProxyError)):
            return TransportError(f"{self._who}: no connection: {text}", connected=False)
        return TransportError(f"{self._who}: the exchange broke off: {text}")

    def _unusable(self, error: _wire.MalformedError | _wire.ReportedError) -> ProviderError:
        if isinstance(error, _wire.MalformedError):
            text = self._said(str(error), 120)
            return TransportError(f"{self._who}: the answer cannot be used: {text}")
        return self._error(error.status, self._said(str(error)), None)

    def _refusal(self, response: httpx.Response, deadline: Deadline) -> ProviderError:
        if response.is_redirect:
            return RefusedError(
                f"{self._who}: redirected to {self._target(response)}; redirects "
                "are not followed, put the final address into base_url",
                status=response.status_code,
            )
        body = bytearray()
        with suppress(_wire.MalformedError, httpx.HTTPError):  # half an explanation will do
            for chunk in body_of(response, deadline):
                body += chunk
                if len(body) > 2**16:
                    break
        text = self._said(_wire.error_text(bytes(body)))
        wait = _wire.retry_after_s(response.headers, time.time())
        return self._error(response.status_code, text, wait)

    def _error(self, status: int, text: str, wait_s: float | None) -> ProviderError:
        message = f"{self._who}: HTTP {status}: {text}"
        if status >= 500 or status in _RETRIED_STATUSES:
            asked = "" if wait_s is None else f" (asks to wait {wait_s:.0f} s)"
            return TransportError(message + asked, retry_after_s=wait_s)
        if status in (401, 403):
            env = self._variant.api_key_env
            message += f"; the key came from {env}" if env else "; no api_key_env is configured"
        elif status == 404:
            message += f"; check base_url and the model name {self._variant.model!r}"
        return RefusedError(message, status=status)

    def _target(self, response: httpx.Response) -> str:
        location = response.headers.get("location", "")
        # An address has other capitals and escapes than what it is made of.
        if any(scrub(text, self._secrets) != text for text in (location, unquote(location))):
            return "an address that holds the key"
        try:
            return self._said(shown(response.url.join(location)))
        except httpx.InvalidURL:
            return "no valid address"

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
        names = ("text", "finish_reason", "refusal", "served_as", "fingerprint")
        texts = {name: clean(getattr(completion, name)) for name in names}
        found = replace(completion, tool_calls=calls, **texts)
        spelt = "".join(token.text for token in completion.tokens)
        others = "\n".join(text for token in completion.tokens for text, _ in token.top)
        if found == completion and (clean(spelt), clean(others)) == (spelt, others):
            return completion
        return replace(found, tokens=())  # the key may be cut among them


class _StaleConnectionError(Exception):
    """A kept-alive connection turned out to be closed; nothing was read, so ask again."""


def _encoded(body: Json) -> bytes:
    return json.dumps(body, separators=(",", ":")).encode("ascii")


def _is_hang_up(error: httpx.HTTPError) -> bool:
    return isinstance(error, (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError))
