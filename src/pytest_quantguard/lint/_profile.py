"""What a set of requests looks like: lengths, tools, traits; built one request at a time."""

from __future__ import annotations

import math
import random
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from pytest_quantguard.lint._shingles import words
from pytest_quantguard.types import CompletionRequest

KEPT = 10_000
"""Lengths that are kept of a longer stream: a random sample of this size, always the same one."""
_LETTERS = 2_000
"""Letters of a prompt from which its scripts are told."""


@dataclass(slots=True)
class Profile:
    """Counts over requests; memory does not grow with their number."""

    requests: int = 0
    lengths: list[int] = field(default_factory=list)
    """Words of the user's messages, of at most `KEPT` requests."""
    traits: Counter[str] = field(default_factory=Counter)
    """How many requests have it: several turns, tools, a JSON format ..."""
    tools: Counter[str] = field(default_factory=Counter)
    """How many requests offer the tool."""
    routes: Counter[str] = field(default_factory=Counter)
    """How many requests belong to the cohort, as the source calls it."""
    _random: random.Random = field(default_factory=lambda: random.Random(0))  # noqa: S311

    def add(self, request: CompletionRequest, route: str = "", called: Iterable[str] = ()) -> None:
        """Count one request; ``called`` are tools that its recorded answer called."""
        self.requests += 1
        self._keep(len(words(request.question)))
        self.traits.update(traits(request))
        self.tools.update({*_names(request.tools), *called})
        if route:
            self.routes[route] += 1

    def _keep(self, length: int) -> None:
        """Reservoir sampling (Vitter 1985, algorithm R)."""
        if len(self.lengths) < KEPT:
            self.lengths.append(length)
        elif (place := self._random.randrange(self.requests)) < KEPT:
            self.lengths[place] = length


def traits(request: CompletionRequest) -> set[str]:
    """Return what is special about a request, in words that a sentence can use."""
    found = set()
    turns = sum(message.get("role") == "user" for message in request.messages)
    if turns > 1:
        found.add("several turns")
    if any(message.get("role") in ("system", "developer") for message in request.messages):
        found.add("a system message")
    if request.tools:
        found.add("tools")
    if any(message.get("role") == "tool" for message in request.messages):
        found.add("results of tool calls")
    if "response_format" in request.params:
        found.add("a response format")
    if any(isinstance(message.get("content"), list) for message in request.messages):
        found.add("content parts, such as images")
    return found | {f"{script} script" for script in _scripts(request.question)}


def _scripts(text: str) -> set[str]:
    """Return the scripts, other than Latin, of at least a tenth of a text's letters."""
    letters = [char for char in text[:_LETTERS] if char.isalpha()]
    counts = Counter(unicodedata.name(char, "UNKNOWN").split()[0] for char in letters)
    return {
        script.capitalize()
        for script, count in counts.items()
        if script not in ("LATIN", "UNKNOWN", "FULLWIDTH") and count >= len(letters) / 10
    }


def _names(tools: Iterable[dict[str, object]]) -> set[str]:
    functions = (tool.get("function") for tool in tools)
    names = (function.get("name") for function in functions if isinstance(function, dict))
    return {name for name in names if isinstance(name, str)}


def ks_distance(one: Sequence[int], other: Sequence[int]) -> tuple[float, float]:
    """Return the two-sample Kolmogorov-Smirnov distance, in [0, 1], and its asymptotic p-value.

    p = 2 sum (-1)^(k-1) exp(-2 k^2 z^2), z = D sqrt(n m / (n + m)) (Smirnov 1948); conservative
    where there are ties.

    Raises:
        ValueError: an empty sample.
    """
    if not one or not other:
        raise ValueError("a sample is empty")
    counts = Counter(one), Counter(other)
    shares = [0.0, 0.0]
    distance = 0.0
    for value in sorted({*one, *other}):
        for place, sample in enumerate((one, other)):
            shares[place] += counts[place][value] / len(sample)
        distance = max(distance, abs(shares[0] - shares[1]))
    z = distance * math.sqrt(len(one) * len(other) / (len(one) + len(other)))
    if z < 0.2:  # the series converges slowly there, and the value is 1
        return distance, 1.0
    terms = (2 * (-1) ** (k - 1) * math.exp(-2 * k * k * z * z) for k in range(1, 101))
    return distance, min(1.0, max(0.0, math.fsum(terms)))


def quantile(sample: Sequence[int], share: float) -> int:
    """Return the smallest value that at least ``share`` of the sample does not exceed."""
    ordered = sorted(sample)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
