"""What one arm's completions of one case measure, beside its checks: pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from pytest_quantguard._comparability import counted_alike, thinks, thinks_aloud
from pytest_quantguard.contracts import Check
from pytest_quantguard.pairs import Divergence, Measurement
from pytest_quantguard.types import Completion, CompletionRequest, GoldenCase, Token
from pytest_quantguard.variants import Price

_TRUNCATED = "length"
"""The finish reason of an answer that ran into the token limit."""

_ABSURD = 1e12
"""No count of tokens, no duration and no price is so large; NaN is not below it either."""


def measurement(
    completions: Sequence[Completion],
    declines: Callable[[Completion], float],
    *,
    live: bool,
    price: Price | None,
) -> Measurement:
    """Average the repeats of one case; ``declines`` is above 0 where the model declined."""
    if len(completions) == 1:
        return _one(completions[0], declines(completions[0]), live=live, price=price)
    costs = [price.of(c.usage) if price else None for c in completions]
    return Measurement(
        live=live,
        answers=len(completions),
        latency_s=_mean(c.latency_s or None for c in completions),  # 0 is not known
        ttft_s=_mean(c.ttft_s for c in completions),
        prompt_tokens=_mean(c.usage.prompt_tokens for c in completions),
        completion_tokens=_mean(c.usage.completion_tokens for c in completions),
        characters=_mean(map(_characters, completions)) or 0.0,
        truncated=_mean(c.finish_reason == _TRUNCATED for c in completions) or 0.0,
        refused=_mean(map(declines, completions)) or 0.0,
        cost=_mean(costs),
        cached_tokens=_mean(c.usage.cached_tokens for c in completions),
        reasoned=_mean(map(thinks, completions)) or 0.0,
        aloud=_mean(map(thinks_aloud, completions)) or 0.0,
        asked_at=_mean(c.asked_at or None for c in completions),
    )


def _one(said: Completion, refused: float, *, live: bool, price: Price | None) -> Measurement:
    """Measure the only completion of a case: what the mean of one is, at a third of the time."""
    usage = said.usage
    return Measurement(
        live=live,
        latency_s=_known(said.latency_s or None),
        ttft_s=_known(said.ttft_s),
        prompt_tokens=_known(usage.prompt_tokens),
        completion_tokens=_known(usage.completion_tokens),
        characters=float(_characters(said)),
        truncated=float(said.finish_reason == _TRUNCATED),
        refused=refused,
        cost=_known(price.of(usage) if price else None),
        cached_tokens=_known(usage.cached_tokens),
        reasoned=float(thinks(said)),
        aloud=float(thinks_aloud(said)),
        asked_at=_known(said.asked_at or None),
    )


def _known(value: float | None) -> float | None:
    """Return a number that can be one, else None."""
    return float(value) if value is not None and abs(value) < _ABSURD else None


@dataclass(frozen=True, slots=True)
class Declines:
    """Tells in what share answers to one case decline it; what was said before is not read again.

    Looking for a refusal costs more than all else that is measured, and most answers of a
    quantized model are its baseline's, word for word.
    """

    refusal: Check
    """Holds where a model declined."""
    case: GoldenCase
    _known: dict[tuple[str, str | None, str | None, bool], float] = field(
        default_factory=dict, init=False, repr=False
    )

    def __call__(self, completion: Completion) -> float:
        """Return 1 where the answer declines, 0 where it does not."""
        calls = bool(completion.tool_calls)
        said = (completion.text, completion.refusal, completion.finish_reason, calls)
        found = self._known.get(said)
        if found is None:
            found = self._known[said] = self.refusal(completion, self.case).value
        return found


def probability(tokens: Iterable[Token]) -> float | None:
    """Return the probability of a whole text, from its tokens' log-probs; None without any."""
    logprobs = [token.logprob for token in tokens]
    total = math.fsum(logprobs)
    return math.exp(min(total, 0.0)) if logprobs and not math.isnan(total) else None


def not_one_reference(
    request: CompletionRequest, baseline: Completion, candidate: Completion
) -> str:
    """Return why the probabilities of a reference are not of the same thing; empty if they are."""
    ours, theirs = ([token.text for token in c.tokens] for c in (baseline, candidate))
    if ours != theirs:
        return (
            f"the reference is {len(ours)} tokens for the baseline and {len(theirs)} others for "
            "the candidate: its probabilities cannot be compared"
        )
    if counted_alike(request, baseline.usage, candidate.usage):
        return ""
    prompts = (baseline.usage.prompt_tokens, candidate.usage.prompt_tokens)
    return f"the prompt is {prompts[0]} tokens for the baseline, {prompts[1]} for the candidate"


def _mean(values: Iterable[float | None]) -> float | None:
    """Return the mean, or None where one is not known."""
    total, count = 0.0, 0
    for value in values:
        if value is None or not abs(value) < _ABSURD:
            return None
        total += value
        count += 1
    return total / count if count else None


def _characters(completion: Completion) -> float:
    return len(completion.text) + sum(len(call.arguments_text) for call in completion.tool_calls)


def divergence(baseline: Sequence[Token], candidate: Sequence[Token]) -> Divergence | None:
    """Compare two answers token by token, up to and with the first that differs.

    KL = sum p ln(p/q) over the baseline's likeliest tokens that both arms name, and one term for
    all others together. None where log-probs are missing.
    """
    pairs: list[tuple[Token, Token]] = []
    for ours, theirs in zip(baseline, candidate, strict=False):
        if not (ours.top and theirs.top):
            break
        pairs.append((ours, theirs))
        if ours.text != theirs.text:
            break
    if not pairs:
        return None
    margins = [loss for loss in (_margin_loss(*pair) for pair in pairs) if loss is not None]
    return Divergence(
        tokens=len(pairs),
        same_top=sum(_first(ours) == _first(theirs) for ours, theirs in pairs) / len(pairs),
        kl=math.fsum(_kl(*pair) for pair in pairs) / len(pairs),
        margin=math.fsum(margins) / len(margins) if margins else 0.0,
    )


def _first(token: Token) -> str:
    return max(token.top, key=lambda entry: entry[1])[0]


def _kl(ours: Token, theirs: Token) -> float:
    known = dict(theirs.top)
    shared = [
        (math.exp(logprob), math.exp(known[text])) for text, logprob in ours.top if text in known
    ]
    tiny = 1e-12
    rest = (max(tiny, 1 - sum(p for p, _ in shared)), max(tiny, 1 - sum(q for _, q in shared)))
    return max(0.0, math.fsum(p * math.log(p / max(q, tiny)) for p, q in (*shared, rest) if p > 0))


def _margin_loss(ours: Token, theirs: Token) -> float | None:
    """Return how much of the lead of the baseline's first token over its second is gone."""
    if len(ours.top) < 2:
        return None
    (first, high), (second, low) = sorted(ours.top, key=lambda entry: -entry[1])[:2]
    known = dict(theirs.top)
    if first not in known or second not in known:
        return None
    return (high - low) - (known[first] - known[second])
