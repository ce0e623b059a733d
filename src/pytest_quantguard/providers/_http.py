"""What every exchange over HTTP needs here: a client, addresses, bodies, and an end in time."""

from __future__ import annotations

import functools
import ssl
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx

from pytest_quantguard.providers import _wire

CONNECT_S = 5.0


class Deadline(dict[str, float]):
    """Time-outs for httpx that shrink: each step is given what is left of the whole."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._end = time.monotonic() + seconds

    def get(self, key: str, default: Any = None) -> float:
        left = max(self._end - time.monotonic(), 0.001)
        return min(left, CONNECT_S) if key == "connect" else left

    def check(self) -> None:
        """Raise `httpx.ReadTimeout` when the end is past."""
        if time.monotonic() >= self._end:
            raise httpx.ReadTimeout("the time is up")

    def trace(self, event: str, info: dict[str, Any]) -> None:
        """Hold a new connection to this deadline: for the ``trace`` extension of httpx."""
        if is_new_stream(event):
            hold(info["return_value"], lambda: self)


def is_new_stream(event: str) -> bool:
    """Tell whether an event of httpx's ``trace`` returns the stream of a new connection."""
    return event.endswith(("connect_tcp.complete", "start_tls.complete"))


def hold(stream: Any, deadline: Callable[[], Deadline]) -> None:
    """Make every read from a stream end at the deadline of the exchange that is under way.

    httpx waits its whole time-out for each byte: headers that drip would take for ever.
    """
    read = stream.read

    def bounded(max_bytes: int, timeout: float | None = None) -> bytes:
        now = deadline()
        now.check()
        data: bytes = read(max_bytes, timeout=now.get("read"))
        return data

    stream.read = bounded


def below(url: httpx.URL, path: str) -> httpx.URL:
    """Return the address with ``path`` added; a query, such as ``api-version``, stays."""
    return url.copy_with(path=f"{url.path.rstrip('/')}/{path}")


def at_root(url: httpx.URL, path: str) -> httpx.URL:
    """Return the address of what llama.cpp serves beside ``/v1``."""
    return url.copy_with(path=url.path.removesuffix("/").removesuffix("/v1") + path)


def shown(url: httpx.URL) -> str:
    """Return the address for messages: user, password and query may hold secrets."""
    return str(url.copy_with(username=None, password=None, query=None, fragment=None))


def secrets_of(key: str) -> tuple[str, ...]:
    """Return what must never be told; "none" or "x" would blot out the text."""
    return (key,) if len(key) >= 8 else ()


@functools.cache
def _tls() -> ssl.SSLContext:
    """Load the certificates once: a context costs more than a hundred local requests."""
    return httpx.create_ssl_context()


def new_client(key: str) -> httpx.Client:
    """Return a client for one connection, which sends the key and follows no redirects."""
    headers = {"Accept-Encoding": "identity", "Content-Type": "application/json"}
    if key:
        headers["Authorization"] = f"Bearer {key}"
    # A pool is searched on every request; one line to one server needs none.
    limits = httpx.Limits(max_connections=1, max_keepalive_connections=1)
    return httpx.Client(headers=headers, verify=_tls(), limits=limits, timeout=CONNECT_S)


def body_of(response: httpx.Response, deadline: Deadline) -> Iterator[bytes]:
    """Yield the body, decompressed and never more than `_wire.MAX_BODY` bytes.

    Raises:
        MalformedError: see `_wire.bounded`.
        httpx.ReadTimeout: the deadline is past.
    """
    encoding = response.headers.get("content-encoding", "").strip()
    for chunk in _wire.bounded(response.iter_raw(), encoding):
        deadline.check()
        yield chunk
