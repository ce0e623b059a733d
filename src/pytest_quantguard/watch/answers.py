"""Golden answers of two days: those of the pin are read and never asked for again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pytest_quantguard._answers import Unasked
from pytest_quantguard.cache.completions import CompletionCache
from pytest_quantguard.contracts import Connection, Provider
from pytest_quantguard.errors import ProviderError

if TYPE_CHECKING:
    from pytest_quantguard.types import Completion, Json


class TwoDays(CompletionCache):
    """The answers of a look, over those of the pinned one: written to the first alone."""

    def __init__(self, now: Path, pinned: Path | None, *, spare: Path | None = None) -> None:
        super().__init__(now, spare=spare)
        # A folder that is not there would be made: the pin's answers are only read.
        there = pinned is not None and pinned != now and pinned.is_dir()
        self._pinned = CompletionCache(pinned) if there and pinned is not None else None

    def get(self, key: str) -> Completion | None:
        """Return the completion of today, else the pinned one, else None."""
        found = super().get(key)
        return found if found is not None or self._pinned is None else self._pinned.get(key)

    @property
    def notices(self) -> tuple[str, ...]:
        """What was warned about, of both folders."""
        return (*super().notices, *(self._pinned.notices if self._pinned is not None else ()))

    def close(self) -> None:
        """Close this thread's connections to both databases."""
        super().close()
        if getattr(self, "_pinned", None) is not None:
            self._pinned.close()  # type: ignore[union-attr]


class Pinned(Unasked):
    """The endpoint as it was when it was pinned: its answers are there, or there are none."""

    def __init__(self, inner: Provider, look: str, content: Json) -> None:
        """``content`` is what of its identity was found, not configured (`series.content`)."""
        super().__init__(inner)
        self._look = look
        self._content = content

    def identity(self) -> Json:
        """Return what told that day's answers from others, whatever file is there today."""
        return {**super().identity(), **self._content}

    def connect(self) -> Connection:
        """Refuse to connect.

        Raises:
            ProviderError: always.
        """
        raise ProviderError(
            f"the pinned look {self._look} has no answer to this, and the endpoint of that day "
            "cannot be asked any more: its answers are damaged or were not carried along, or the "
            "case is a new one; bless again"
        )
