"""What a run may use up, counted before each request over all processes of the run."""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pytest_quantguard._sanitize import one_line
from pytest_quantguard.cache.claims import Claims
from pytest_quantguard.errors import LimitError, ProviderError, TransportError
from pytest_quantguard.types import Completion, CompletionRequest
from pytest_quantguard.variants import Price, Variant

_BYTES_PER_TOKEN = 2
"""Most texts have three or four bytes a token; a bound has to hold for digits and code as well."""
_TOKENS_PER_MESSAGE = 8
_TOKENS_PER_PART = 4096
"""Of an image or a sound, whose tokens nobody can count from here."""
_LOOK_AGAIN_S = 0.002
_SETTLES_S = 0.05
_RECORD = struct.Struct("<qddd")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Upper bounds of a whole run, over all variants, judges and processes; None = no bound."""

    requests: int | None = None
    """Requests made of servers, repeated ones included."""
    cost: float | None = None
    """In the currency of the prices."""
    seconds: float | None = None
    """From the first request on."""

    @property
    def given(self) -> bool:
        """Whether there is any."""
        return (self.requests, self.cost, self.seconds) != (None, None, None)

    def narrowed(self, given: Limits) -> Limits:
        """Return these limits with those that were ``given`` in their place."""
        names = ("requests", "cost", "seconds")
        found = {name: getattr(given, name) for name in names if getattr(given, name) is not None}
        return replace(self, **found)


# --- bounds -----------------------------------------------------------------------------


def prompt_tokens(request: CompletionRequest) -> int:
    """Return more tokens than a request is likely to have: one for every two bytes of it."""
    texts, parts = [request.reference or ""], 0
    for message in request.messages:
        content = message.get("content")
        if isinstance(content, list):
            parts += sum(not isinstance(part, dict) or "text" not in part for part in content)
            content = "".join(
                str(p["text"]) for p in content if isinstance(p, dict) and "text" in p
            )
        texts.append(str(content or ""))
        texts += [str(message[name]) for name in message if name not in ("role", "content")]
    texts += [str(request.tools or ""), str(request.params.get("response_format") or "")]
    size = sum(len(text.encode("utf-8", "surrogatepass")) for text in texts)
    whole = size // _BYTES_PER_TOKEN + _TOKENS_PER_MESSAGE * (len(request.messages) + 1)
    return whole + _TOKENS_PER_PART * parts


def answer_tokens(request: CompletionRequest, variant: Variant) -> int | None:
    """Return how many tokens an answer has at most; None where nothing bounds it."""
    if request.reference is not None:
        return 1
    asked: dict[str, Any] = {**request.params, **variant.options.get("extra_body", {})}
    found = [asked.get(name) for name in ("max_completion_tokens", "max_tokens")]
    counts = [count for count in found if type(count) is int and count > 0]
    return max(counts, default=None)


def cost_bound(request: CompletionRequest, variant: Variant) -> float | None:
    """Return what one attempt costs at most; None without a price or without ``max_tokens``."""
    most = answer_tokens(request, variant)
    if variant.price is None or most is None:
        return None
    return cost_of(variant.price, prompt_tokens(request), most)


def cost_of(price: Price, asked: int, answered: int) -> float:
    """Return what tokens cost, none of them found in a server's cache."""
    dearest = max(price.input, price.cached_input or 0.0)
    return (dearest * asked + price.output * answered) / 1e6


# --- counting ---------------------------------------------------------------------------


@dataclass(slots=True)
class _Spent:
    requests: int = 0
    cost: float = 0.0
    held: float = 0.0
    """Bounds of what is in flight."""
    began: float = 0.0
    """When the first request was made, on the clock that all processes of a machine share."""


class Ledger:
    """What all processes of a run have used up; one small file, changed under a lock."""

    def __init__(
        self, folder: Path, limits: Limits, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._limits = limits
        self._clock = clock
        self._path = folder / "spent"
        self._claims = Claims.of(folder / "spent.lock")

    @contextmanager
    def _open(self) -> Iterator[_Spent]:
        while True:
            with self._claims.claim(0) as mine:
                if mine:
                    spent = self._read()
                    yield spent
                    self._write(spent)
                    return
            time.sleep(_LOOK_AGAIN_S)

    def _read(self) -> _Spent:
        data = self._path.read_bytes() if self._path.exists() else b""
        return _Spent(*_RECORD.unpack(data)) if data else _Spent(began=self._clock())

    def _write(self, spent: _Spent) -> None:
        data = _RECORD.pack(spent.requests, spent.cost, spent.held, spent.began)
        # In place and in one piece: a process may be killed at any moment.
        with open(os.open(self._path, os.O_WRONLY | os.O_CREAT, 0o600), "wb", buffering=0) as file:
            file.write(data)

    def take(self, bound: float) -> tuple[str, bool]:
        """Count one more request that costs ``bound`` at most.

        Returns:
            Why it must not be made, or nothing; and whether it may be made when what is in flight
            has turned out to cost less.
        """
        with self._open() as spent:
            reason, later = self._against(spent, bound)
            if not reason:
                spent.requests += 1
                spent.held += bound
            return reason, later

    def _against(self, spent: _Spent, bound: float) -> tuple[str, bool]:
        most = self._limits
        if most.requests is not None and spent.requests >= most.requests:
            return f"all {most.requests} requests that the run may make have been made", False
        if most.seconds is not None and self._clock() - spent.began >= most.seconds:
            return f"the {most.seconds:g} s that the run may take are over", False
        if most.cost is not None and spent.cost + spent.held + bound > most.cost:
            return (
                f"{spent.cost:.4g} of {most.cost:g} are spent, and the next request may cost "
                f"{bound:.4g}",
                spent.cost + bound <= most.cost,
            )
        return "", False

    def settle(self, bound: float, cost: float) -> None:
        """Put what a request did cost in place of its bound."""
        with self._open() as spent:
            spent.held = max(0.0, spent.held - bound)
            spent.cost += cost

    @property
    def requests(self) -> int:
        """Requests made so far, by all processes."""
        return self._read().requests


class Purse:
    """A ledger as one variant's lane sees it."""

    def __init__(self, ledger: Ledger, limits: Limits, variant: Variant) -> None:
        self._ledger = ledger
        self._costs = limits.cost is not None
        self._variant = variant

    def take(self, request: CompletionRequest) -> float:
        """Count a request that is about to be made; return what it costs at most.

        Raises:
            LimitError: it would exceed a limit of the run.
        """
        bound = self._bound(request)
        end = time.monotonic() + self._variant.timeout_s
        while True:
            try:
                reason, later = self._ledger.take(bound)
            except OSError as error:
                reason, later = f"requests cannot be counted: {one_line(str(error))}", False
            if not reason:
                return bound
            if not later or time.monotonic() >= end:
                raise LimitError(
                    f"variant {self._variant.name!r}: a limit of the run is reached: {reason}; "
                    "raise it and run again, what has been answered is kept"
                )
            time.sleep(_SETTLES_S)

    def _bound(self, request: CompletionRequest) -> float:
        if not self._costs:
            return 0.0
        bound = cost_bound(request, self._variant)
        if bound is None:
            what = "price" if self._variant.price is None else "max_tokens in the request"
            raise LimitError(
                f"variant {self._variant.name!r}: without a {what} nobody knows what a request "
                "costs at most, and the run has a limit of cost"
            )
        return bound

    def settle(
        self, bound: float, completion: Completion | None, error: BaseException | None
    ) -> None:
        """Note what became of a request that was counted.

        An exchange that broke off, or was not waited for, may have been paid for in full.
        """
        if not self._costs:
            return
        cost = 0.0
        if completion is not None and self._variant.price is not None:
            told = self._variant.price.of(completion.usage)
            cost = bound if told is None else told
        elif isinstance(error, TransportError) and error.connected:
            cost = 0.0 if error.retry_after_s is not None else bound
        elif not isinstance(error, ProviderError):  # a provider of the user's broke
            cost = bound
        with suppress(OSError):  # the bound stays counted
            self._ledger.settle(bound, cost)
