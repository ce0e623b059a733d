"""The answer comes soon enough."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from pytest_quantguard.checks import _params
from pytest_quantguard.errors import CheckError
from pytest_quantguard.types import Completion, GoldenCase, Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """The answer, or its first token, arrives within a time.

    Times are compared only when both models were asked in this run: an answer from the cache, or
    one that was recorded elsewhere, makes the check an error. A limit for each case suits hard
    requirements ("a tool call within 3 s"); whether the candidate is slower *than the baseline* is
    what the metrics ``latency_p50`` and ``ttft_p50`` measure, with far fewer cases.

    Parameters, at least one of them:
        max_s: longest time from sending the request to the last byte, in seconds.
        max_ttft_s: longest time from sending the request to the first token, in seconds; an answer
            that was not streamed makes the check an error.

    Example:
        expect:
          - latency: 3
          - latency: {max_s: 10, max_ttft_s: 0.5}

    Quantized models are meant to be faster, and typically are not when a kernel for their layout
    is missing, or when they ramble: ``took 12.4 s, at most 10 s are allowed (512 tokens)``.
    """

    key: ClassVar[str] = "latency"
    shorthand: ClassVar[str | None] = "max_s"
    reads_timing: ClassVar[bool] = True

    max_s: float | None = None
    max_ttft_s: float | None = None

    def __post_init__(self) -> None:
        _params.number("max_s", self.max_s)
        _params.number("max_ttft_s", self.max_ttft_s)
        if self.max_s is None and self.max_ttft_s is None:
            raise ValueError("`latency` limits nothing; give one of max_s, max_ttft_s")
        if self.max_s is not None and (self.max_ttft_s or 0.0) > self.max_s:
            raise ValueError(
                f"`max_ttft_s` is {self.max_ttft_s:g} and `max_s` {self.max_s:g}; the first token "
                "never comes after the last"
            )

    def __call__(self, completion: Completion, case: GoldenCase) -> Outcome:
        """Judge the times.

        Raises:
            CheckError: when a time that is limited is not known.
        """
        return Outcome.of(list(self._late(completion)))

    def _late(self, completion: Completion) -> Iterator[str]:
        if self.max_s is not None:
            took = _known(completion.latency_s, "how long this answer took is not known")
            if took > self.max_s:
                tokens = completion.usage.completion_tokens
                count = f" ({tokens} tokens)" if tokens is not None else ""
                yield f"took {took:.4g} s, at most {self.max_s:g} s are allowed{count}"
        if self.max_ttft_s is not None:
            missing = "the time to the first token is not known: this answer was not streamed"
            took = _known(completion.ttft_s, missing)
            if took > self.max_ttft_s:
                yield (
                    f"the first token came after {took:.4g} s, at most {self.max_ttft_s:g} s are "
                    "allowed"
                )


def _known(time_s: float | None, missing: str) -> float:
    if time_s is None or not math.isfinite(time_s) or time_s <= 0:  # 0: nobody has measured it
        raise CheckError(missing)
    return time_s
