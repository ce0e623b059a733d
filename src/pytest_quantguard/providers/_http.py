"""What every exchange over HTTP needs here: a client, addresses, bodies, and an end in time."""

from __future__ import annotations

import functools
import ipaddress
import os
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import httpx

from pytest_quantguard._sanitize import one_line, scrub
from pytest_quantguard.errors import LaunchError
from pytest_quantguard.providers import _access, _events
from pytest_quantguard.variants import Variant

if TYPE_CHECKING:
    from pytest_quantguard.providers._dialects import Dialect

CONNECT_S = 5.0


class Deadline(dict[str, float]):
    """Time-outs for httpx that shrink: each step is given what is left of the whole."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._end = time.monotonic() + seconds

    def get(self, key: str, default: Any = None) -> float:
        left = max(self._end - time.monotonic(), 0.001)
        return min(left, CONNECT_S) if key == "connect" else left

    def shorten(self, seconds: float) -> None:
        """End in ``seconds`` from now, unless the end comes before."""
        self._end = min(self._end, time.monotonic() + seconds)

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
    """Return the address of what a server has beside ``/v1``; ``path`` may bring its query."""
    path, _, query = path.partition("?")
    found = url.copy_with(path=url.path.removesuffix("/").removesuffix("/v1") + path)
    return found.copy_with(query=query.encode("ascii")) if query else found


def shown(url: httpx.URL) -> str:
    """Return the address for messages: user, password and query may hold secrets."""
    return str(url.copy_with(username=None, password=None, query=None, fragment=None))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """How one server is reached, every value looked up; shared by all connections to it."""

    url: httpx.URL
    headers: Mapping[str, str] = field(repr=False)
    """All that every request carries, the key among them."""
    proxy: str | None = field(repr=False)
    tls: ssl.SSLContext
    secrets: tuple[str, ...] = field(repr=False)
    """What must never be told."""

    @classmethod
    def of(cls, variant: Variant, dialect: Dialect) -> Self:
        """Check the address, read the key and all other values, load the certificates.

        Raises:
            LaunchError: with what is missing or cannot be used.
        """
        url = _parse_url(variant)
        key = _access.key_of(variant)
        headers = {
            "Accept-Encoding": "identity",
            "Content-Type": "application/json",
            **dialect.headers,
        }
        for name, value in _access.headers_of(variant).items():
            for ours in [one for one in headers if one.lower() == name.lower()]:
                del headers[ours]
            headers[name] = value
        if key:
            headers[dialect.key_header] = dialect.key_prefix + key
        return cls(
            url=url,
            headers=headers,
            proxy=_access.proxy_of(variant),
            tls=_trusted(variant),
            secrets=_access.secrets_of((variant,)),
        )

    def client(self) -> httpx.Client:
        """Return a client for one connection, which sends the headers and follows no redirects."""
        # A pool is searched on every request; one line to one server needs none.
        limits = httpx.Limits(max_connections=1, max_keepalive_connections=1)
        proxy = None
        if self.proxy is not None:
            secure = self.proxy.lower().startswith("https:")
            proxy = httpx.Proxy(self.proxy, ssl_context=self.tls if secure else None)
        return httpx.Client(
            headers=self.headers,
            verify=self.tls,
            limits=limits,
            timeout=CONNECT_S,
            proxy=proxy,
            # To a proxy this machine's own address is the proxy's: another machine.
            trust_env=not _is_this_machine(self.url.host),
        )


def readiness(reach: Reach, path: str, seconds: float) -> str:
    """Ask for a page of a server; return what came instead of a 200, empty when that came."""
    deadline = Deadline(seconds)
    extensions = {"timeout": deadline, "trace": deadline.trace}
    try:
        with (
            reach.client() as client,
            client.stream("GET", reach.url.join(path), extensions=extensions) as answer,
        ):
            return "" if answer.status_code == 200 else f"HTTP {answer.status_code}"
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        text = one_line(scrub(str(error) or type(error).__name__, reach.secrets), 100)
        return f"no answer ({text})"


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _parse_url(variant: Variant) -> httpx.URL:
    try:
        url = httpx.URL(variant.base_url or "")
    except httpx.InvalidURL:
        url = httpx.URL()
    if url.scheme not in ("http", "https") or not url.host:
        raise LaunchError(
            f"variant {variant.name!r}: base_url must be an address such as "
            "http://127.0.0.1:8000/v1"
        )
    if url.userinfo:
        raise LaunchError(
            f"variant {variant.name!r}: base_url holds a user name or password; use api_key_env"
        )
    return url


def _trusted(variant: Variant) -> ssl.SSLContext:
    file = variant.access.ca_file
    if file is None:
        return _tls()
    try:
        return _tls(file, os.stat(file).st_mtime_ns)
    except (OSError, ssl.SSLError) as error:
        reason = error.strerror or type(error).__name__
        raise LaunchError(
            f"variant {variant.name!r}: ca_file {file} holds no certificates that can be read: "
            f"{one_line(str(reason))}"
        ) from None


@functools.cache
def _tls(file: str | None = None, _changed: int = 0) -> ssl.SSLContext:
    """Load certificates once per file: a context costs more than a hundred local requests."""
    if file is None:
        return httpx.create_ssl_context()
    return ssl.create_default_context(cafile=file)


def body_of(response: httpx.Response, deadline: Deadline, limit: int = 0) -> Iterator[bytes]:
    """Yield the body, decompressed and never more than ``limit`` or `_events.MAX_BODY` bytes.

    Raises:
        MalformedError: see `_events.bounded`.
        httpx.ReadTimeout: the deadline is past.
    """
    encoding = response.headers.get("content-encoding", "").strip()
    for chunk in _events.bounded(response.iter_raw(), encoding, limit):
        deadline.check()
        yield chunk
