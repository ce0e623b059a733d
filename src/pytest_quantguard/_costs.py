"""What a run asks of each variant and judge in each cohort: requests, tokens, money; pure.

What is likely is taken from answers that are there; what is possible at most, from the length of
the questions and from ``max_tokens``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from pytest_quantguard.variants import Price, Variant

Who = Literal["baseline", "candidate", "judge"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What is asked in one cohort; empty = what servers are asked about themselves."""

    cohort: str
    requests: int
    """Needed in any case."""
    cached: int = 0
    further: int = 0
    """At most so many more: critical cases that seem to have regressed, and judges."""
    most_tokens: int = 0
    """Prompt tokens at most, of all that no cache has."""
    most_cost: float | None = None
    """In the currency of the price; None = without a price, or without ``max_tokens``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The completions that one variant has to give, and what is known of them already."""

    requests: int
    cached: int = 0
    tokens: tuple[float, float] | None = None
    """Mean of the cached completions, prompt and completion; None = none is known."""
    shares: tuple[Share, ...] = ()
    """By cohort; they add up to the requests."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeAsked:
    """What one judge may be asked."""

    variant: Variant
    shares: tuple[Share, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CostRow:
    """One variant or judge, in one cohort or in all. None = not known."""

    name: str
    role: Who
    cohort: str | None
    """None = all together."""
    requests: int
    cached: int
    further: int = 0
    prompt_tokens: int | None = None
    """Estimated total of the requests that are needed in any case and not cached."""
    completion_tokens: int | None = None
    cost: float | None = None
    """Estimate of these, in the currency of the price."""
    most_tokens: int = 0
    most_cost: float | None = None
    """What all of it may cost at most, with what is asked only as needed."""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What one request of a variant is likely to take."""

    tokens: tuple[float, float] | None
    """Prompt and completion; None = nothing is cached that would show it."""
    source: str = ""
    """The variant whose answers show it, where it is another one."""
    price: Price | None = None
    whose: str = "the variant"

    def row(self, name: str, role: Who, cohort: str | None, shares: Iterable[Share]) -> CostRow:
        """Add up shares into one row."""
        parts = list(shares)
        requests, cached, further = (
            sum(getattr(part, key) for part in parts) for key in ("requests", "cached", "further")
        )
        to_ask = requests - cached
        prompt, completion = (round(to_ask * mean) for mean in self.tokens or (0.0, 0.0))
        known = self.tokens is not None or not to_ask
        cost: float | None = None if to_ask else 0.0
        if to_ask and self.price is not None and self.tokens is not None:
            cost = (self.price.input * prompt + self.price.output * completion) / 1e6
        bounds = [part.most_cost for part in parts if part.requests - part.cached or part.further]
        return CostRow(
            name=name,
            role=role,
            cohort=cohort,
            requests=requests,
            cached=cached,
            further=further,
            prompt_tokens=prompt if known else None,
            completion_tokens=completion if known else None,
            cost=cost,
            most_tokens=sum(part.most_tokens for part in parts),
            most_cost=None if None in bounds else sum(filter(None, bounds), 0.0),
            note=self._note(to_ask, further),
        )

    def _note(self, to_ask: int, further: int) -> str:
        if not (to_ask or further):
            return ""
        notes = []
        if self.price is None:
            notes.append(f"{self.whose} has no price")
        elif to_ask and self.tokens is None:
            notes.append("how long the answers are is not known before the first one is cached")
        if to_ask and self.source:
            notes.append(f"taken to be as long as {self.source}'s answers")
        return "; ".join(notes)


def known_of(name: str, asked: Mapping[str, Asked], price: Price | None) -> Known:
    """Return how long a variant's answers are: by its own where it has some, else by another's."""
    having = [other for other, one in asked.items() if one.tokens is not None]
    source = name if name in having else next(iter(having), "")
    tokens = asked[source].tokens if source else None
    return Known(tokens=tokens, source="" if source == name else source, price=price)


def rows_of(known: Known, name: str, role: Who, shares: Iterable[Share]) -> list[CostRow]:
    """Return one row per cohort, in their order of names."""
    parts = sorted(shares, key=lambda share: share.cohort)
    return [known.row(name, role, part.cohort, [part]) for part in parts]
