"""The answer ended for a reason that is allowed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import ClassVar

from pytest_quantguard.checks import _params
from pytest_quantguard.checks._text import listed, quote
from pytest_quantguard.errors import CheckError
from pytest_quantguard.types import Completion, GoldenCase, Outcome

_KNOWN = ("stop", "length", "tool_calls", "content_filter", "function_call")
# What other interfaces call them; the plugin sees the names above.
_OTHERS = {
    **dict.fromkeys(("end", "ended", "completed", "complete"), "stop"),
    **dict.fromkeys(("max_tokens", "max_length", "token_limit", "max_output_tokens"), "length"),
    **dict.fromkeys(("tool", "tools", "calls"), "tool_calls"),
    **dict.fromkeys(("safety", "content_filtered", "filtered", "filter"), "content_filter"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishReason:
    """The server says that the answer ended for one of the allowed reasons.

    An answer without a finish reason is no evidence: it makes the check an error, on both models
    alike. The plugin treats a stream that breaks off as a failed request, so that a missing reason
    means a server which never gives one.

    Parameters:
        allowed: one reason or several, as the server writes them: ``stop``, ``length`` (the token
            limit), ``tool_calls``, ``content_filter``, or a server's own. Those of
            other interfaces, such as ``max_tokens``, are refused.

    Example:
        expect:
          - finish_reason              # stop or tool_calls: the model ended its answer by itself
          - finish_reason: [tool_calls]

    Quantized models typically miss the end of their answer and run into the token limit:
    ``finish_reason is "length", allowed: "stop", "tool_calls"; cut off after 256 tokens, at "…and
    then, and then"``.
    """

    key: ClassVar[str] = "finish_reason"
    shorthand: ClassVar[str | None] = "allowed"

    allowed: str | Sequence[str] = ("stop", "tool_calls")

    def __post_init__(self) -> None:
        allowed = _params.texts("allowed", self.allowed)
        if not allowed:
            raise ValueError("`allowed` is an empty list; give at least one reason")
        for reason in allowed:
            if near := _meant(reason):
                raise ValueError(f"`allowed` holds {reason!r:.80}; did you mean {near!r}?")
        object.__setattr__(self, "allowed", allowed)

    def __call__(self, completion: Completion, case: GoldenCase) -> Outcome:
        """Judge the finish reason.

        Raises:
            CheckError: when the answer came without one.
        """
        reason = completion.finish_reason
        if reason is None:
            raise CheckError(
                "this answer came without a finish_reason, so that nobody can tell why it ended; "
                "take the check away where the server never gives one, or limit the `length`"
            )
        if reason in self.allowed:
            return Outcome.of([])
        return Outcome.of(
            [f"finish_reason is {quote(reason)}, allowed: {listed(self.allowed)}{_why(completion)}"]
        )


def _meant(reason: str) -> str:
    """Return the known reason that a misspelled one, or one of another API, stands for."""
    folded = reason.strip().lower().replace("-", "_").replace(" ", "_")
    known = folded if folded in _KNOWN else _OTHERS.get(folded, "")
    if not known:
        near = get_close_matches(folded, _KNOWN, n=1, cutoff=0.8)
        known = near[0] if near else ""
    return "" if reason == known else known


def _why(completion: Completion) -> str:
    if completion.finish_reason == "content_filter":
        return "; a content filter of the server ended it"
    if completion.finish_reason != "length":
        return ""
    tokens = completion.usage.completion_tokens
    after = f" after {tokens} tokens" if tokens is not None else ""
    written = completion.tool_calls[-1].arguments_text if completion.tool_calls else completion.text
    end = written.rstrip()[-40:]
    return f"; cut off{after}" + (f", at {quote('…' + end)}" if end else "")
