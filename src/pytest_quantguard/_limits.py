"""What a run may use up at most."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Upper bounds of a whole run, over all variants, judges and processes; None = no bound."""

    requests: int | None = None
    """Requests made of servers, repeated ones included."""
    cost: float | None = None
    """In the currency of the prices."""
    seconds: float | None = None
    """From the first request on."""
