"""Headers that one request carries beside those of its connection, such as ``traceparent``.

A context variable, not a parameter: a provider of the user's need not know of it. Each request is
sent by the thread that set them.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar

HEADERS: ContextVar[Mapping[str, str] | None] = ContextVar("quantguard_headers", default=None)
"""What the next request of this thread carries; None = nothing more."""


def carried() -> dict[str, str]:
    """Return the headers that a request of this thread carries now."""
    return dict(HEADERS.get() or {})
