"""How many outcomes will differ between two arms that are equally good; pure.

That is serving noise, measured or assumed, and the two-way changes that come with each format of
weights. Shares are fractions: 0.02 is 2 %.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from pytest_quantguard.variants import Quantization, Variant

PRIOR_NOISE = 0.02
"""Share of outcomes that differ between two runs of one served model, where none was measured."""
CHURN = ((16, 0.0), (8, 0.005), (6, 0.02), (5, 0.03), (4, 0.06), (1, 0.17))
"""Bits of the weights, at least -> share of outcomes that change either way.

Measured on a tiny model (docs/plan.md): a prior, not a promise.
"""
USUAL_BITS = {"none": 16, "awq": 4, "gptq": 4}
"""Method -> bits of the weights, where nothing narrower is declared."""

_WIDEST = 32  # a larger number is of something else, such as a group's size
_BITS = (
    re.compile(r"(?<![a-z0-9])i?q(\d)(?![0-9a-z])"),  # Q4_K_M, IQ3_XS, q8_0
    re.compile(r"(?<![a-z0-9])w(\d+(?:\.\d+)?)a\d+"),  # W4A16, W1.58A8
    re.compile(r"(?:int|fp|bf|nf|(?<![a-z])f)(\d+)"),  # int4, uint8, mxfp4, bf16, f16
    re.compile(r"(\d+(?:\.\d+)?)[ -]?(?:bit|bpw)"),  # 8-bit, 1.58bit, 4.25 bpw
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Disagreement:
    """How many outcomes are expected to differ between two arms that are equally good."""

    noise: float
    """Share that differs between two runs of one model."""
    noise_source: Literal["assumed", "given", "measured"]
    churn: float
    """Share that changes with the format of the weights."""
    churn_source: str
    """The format or formats, in words."""

    @property
    def psi(self) -> float:
        """Both together, a share in [0, 1]."""
        return min(1.0, self.noise + self.churn)


def disagreement(
    candidate: Variant,
    baseline: Variant,
    *,
    given: float | None = None,
    measured: float | None = None,
) -> Disagreement:
    """Return what to expect of two arms; noise that was given wins over measured noise."""
    if given is not None:
        noise, source = given, "given"
    elif measured is not None:
        noise, source = measured, "measured"
    else:
        noise, source = PRIOR_NOISE, "assumed"
    churn, words = _churn_between(candidate, baseline)
    return Disagreement(
        noise=noise,
        noise_source=source,  # type: ignore[arg-type]
        churn=churn,
        churn_source=words,
    )


def largest_psi(candidates: Iterable[Variant], baseline: Variant) -> float:
    """Return the largest share of outcomes to expect of any candidate: what budgets must allow."""
    found = (disagreement(candidate, baseline).psi for candidate in candidates)
    return max(found, default=PRIOR_NOISE)


def _churn_between(candidate: Variant, baseline: Variant) -> tuple[float, str]:
    if (candidate.model, candidate.quantization) == (baseline.model, baseline.quantization):
        return 0.0, "the same build twice"
    own, theirs = churn_prior(candidate.quantization), churn_prior(baseline.quantization)
    if theirs[0] == 0:
        return own
    return own[0] + theirs[0], f"{own[1]} against {theirs[1]}"


def churn_prior(quantization: Quantization) -> tuple[float, str]:
    """Return the prior of a format, a share in [0, 1], and in words what it is for."""
    if quantization == Quantization():
        return 0.0, "no quantization declared"
    bits = weight_bits(quantization)
    share = next(share for least, share in CHURN if (bits or 4) >= least)
    return share, f"{bits} bit" if bits else f"{quantization.method}, taken as 4 bit"


def weight_bits(quantization: Quantization) -> int | None:
    """Return the fewest bits that a format computes with; None where it does not tell.

    A part of a bit is rounded down, to 1 at least. 16 bits named beside a method that stores fewer
    are what it computes with, not what it stores.
    """
    declared = [b for b in (quantization.weight_bits, quantization.act_bits) if b is not None]
    if declared:
        return min(declared)
    text = f"{quantization.scheme} {quantization.method}".lower()
    found = [float(bits) for pattern in _BITS for bits in pattern.findall(text)]
    named = min((max(1, int(bits)) for bits in found if 0 < bits <= _WIDEST), default=None)
    usual = USUAL_BITS.get(quantization.method.lower())
    if named is None or (usual is not None and usual < 16 <= named):
        return usual
    return named
