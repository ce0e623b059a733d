"""Where spans go: the application's own tracer provider, or one made of the OTEL_ environment."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from pytest_quantguard._sanitize import clean, one_line
from pytest_quantguard.errors import ConfigError

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

FLUSH_S = 5.0
"""Longest wait at the end of a run until all spans are sent, in seconds."""
_LAST_S = 0.5
"""Part of it that is left for what could not be sent to be told why, in seconds."""
_QUEUE, _BATCH = 65_536, 512
"""Spans that wait to be sent, and that are sent at once, at most; the environment goes before."""
_QUEUE_CONTENT, _BATCH_CONTENT = 4096, 64
"""The same where content goes along, of which a span may hold 200 KB: what waits fits into memory,
and what is sent at once into a request that collectors accept (20 MiB)."""
_EVENTS = 4096
"""Events of one span at most: a run has one for each budget."""
_NAME = "pytest-quantguard"


class Sent(NamedTuple):
    """What became of the spans of one process."""

    spans: int
    lost: int
    """How many could not be sent, as far as that is known."""
    why: str
    """Where, and why; empty when nothing went wrong."""


class Way:
    """The way out: a tracer, and what became of its spans; ``content``: they are large.

    Raises:
        ConfigError: OpenTelemetry is not installed, or cannot be set up; says what to do.
    """

    def __init__(self, *, content: bool = False) -> None:
        try:
            from opentelemetry import trace
        except ImportError:
            raise _missing() from None
        self._counting: Any = None
        current = trace.get_tracer_provider()
        self._ours = isinstance(current, trace.ProxyTracerProvider)
        self._provider: Any = self._made(content) if self._ours else current
        self.tracer: Tracer = self._provider.get_tracer(_NAME)
        self._count = 0
        self._lock = threading.Lock()

    def _made(self, content: bool) -> Any:
        try:
            from pytest_quantguard.tracing._own import Counting, own_provider
        except ImportError:
            raise _missing() from None
        variable, address = _given()
        if not address.lower().startswith(("http://", "https://")):
            raise ConfigError(
                f"otel: {variable} is no address that begins with http:// or https://"
            )
        try:
            self._counting = Counting()
            queue, batch = (_QUEUE_CONTENT, _BATCH_CONTENT) if content else (_QUEUE, _BATCH)
            return own_provider(
                self._counting, queue=queue, batch=batch, events=_EVENTS, name=_NAME
            )
        except Exception as error:  # whatever stands in the OTEL_ variables
            why = one_line(f"{type(error).__name__}: {error}")
            raise ConfigError(
                f"otel: OpenTelemetry cannot be set up with the OTEL_ environment variables: {why}"
            ) from None

    def count(self) -> None:
        """Note that a span was ended that has to be sent."""
        with self._lock:
            self._count += 1

    def close(self, seconds: float = FLUSH_S) -> Sent:
        """Send what waits, for so many seconds at most; return what became of all spans."""
        ending = self._provider.shutdown if self._ours else _flush_of(self._provider)
        thread = threading.Thread(target=ending, name="quantguard-spans", daemon=True)
        thread.start()
        thread.join(seconds - min(_LAST_S, seconds / 2))
        late = thread.is_alive()
        if self._counting is None:  # what an application's exporters do is not known here
            return Sent(self._count, 0, "the application's exporter is not done" if late else "")
        if late:
            self._counting.shutdown()  # ends its waiting between attempts; it then knows why
            thread.join(min(_LAST_S, seconds / 2))
        lost = max(0, self._count - self._counting.sent)
        why = self._counting.why or "they waited longer than there was time"
        return Sent(self._count, lost, f"{endpoint()}: {why}" if lost else "")


def _flush_of(provider: Any) -> Any:
    """Return what sends the spans of an application's provider, which stays open."""
    return getattr(provider, "force_flush", lambda: None)


def _missing() -> ConfigError:
    return ConfigError(
        "otel: OpenTelemetry is not installed here: pip install 'pytest-quantguard[otel]', or take "
        "--quant-otel and 'otel:' away"
    )


def _given() -> tuple[str, str]:
    """Return where spans are sent, after the name of the variable that says so."""
    names = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
    found = ((name, os.environ.get(name, "").strip()) for name in names)
    return next(((name, one) for name, one in found if one), ("", "http://localhost:4318"))


def endpoint() -> str:
    """Return where spans are sent, for people: no user, password or query."""
    try:
        parts = urlsplit(_given()[1])
        host = f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)
    except ValueError:
        return "an address that is none"
    return one_line(clean(f"{parts.scheme}://{host}{parts.path}"))
