"""The records of a visit: what was asked of one endpoint, and what was found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Literal

from pytest_quantguard.errors import ProviderError
from pytest_quantguard.types import Completion, CompletionRequest, GoldenCase, Json
from pytest_quantguard.variants import ServedAs, Variant

Level = Literal["ok", "warn", "wrong"]

CONFIGURATION, MACHINE, COMPARISON = "configuration", "this machine", "comparison"
"""What findings are about, beside the endpoints."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at."""

    level: Level
    about: str
    """One of the words above, or the name of an endpoint."""
    topic: str
    """What was looked at, in a word or two: ``reach``, ``log-probs`` ..."""
    saw: str
    """What was seen: a sentence, perhaps with text of a server in it."""
    fix: str = ""
    """What to do: a command, a line of YAML, or a sentence; empty where nothing has to be done."""

    def to_dict(self) -> Json:
        """Return plain JSON types."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One request that is made of every endpoint."""

    name: str
    request: CompletionRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What the golden cases ask for."""

    cases: tuple[GoldenCase, ...] = ()
    longest: GoldenCase | None = None
    """The one with the longest request."""
    features: Mapping[str, int] = field(default_factory=dict)
    """What shapes answers, and how many cases use it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What one endpoint showed."""

    variant: Variant
    judge: bool = False
    fault: ProviderError | None = None
    """Why it could not be asked at all."""
    served: ServedAs = field(default_factory=ServedAs)
    answers: Mapping[str, Completion] = field(default_factory=dict)
    """By the name of the question."""
    errors: Mapping[str, ProviderError] = field(default_factory=dict)
    unfit: Mapping[str, str] = field(default_factory=dict)
    """Questions that this kind of server would not understand, and why."""
    unasked: tuple[str, ...] = ()
    """Questions for which no request was left, or which made no sense any more."""
    requests: int = 0
    clock_s: float | None = None
    """By how many seconds the server's clock is ahead of ours; None = not known."""

    @property
    def tokens(self) -> tuple[int, int]:
        """Return the tokens of all prompts and answers, as far as they were counted."""
        usages = [answer.usage for answer in self.answers.values()]
        return (
            sum(usage.prompt_tokens or 0 for usage in usages),
            sum(usage.completion_tokens or 0 for usage in usages),
        )
