"""How many outcomes will differ between two arms that are equally good."""

from __future__ import annotations

import pytest

from pytest_quantguard._prior import churn_prior, disagreement, largest_psi, weight_bits
from pytest_quantguard.variants import Quantization, Variant


def variant(name, **quantization):
    return Variant(
        name=name, provider="openai", model=name, quantization=Quantization(**quantization)
    )


@pytest.mark.parametrize(
    ("bits", "declared"),
    [
        (4, {"method": "gguf", "scheme": "Q4_K_M"}),
        (3, {"method": "gguf", "scheme": "IQ3_XS"}),
        (8, {"method": "gguf", "scheme": "q8_0"}),
        (4, {"method": "awq", "scheme": "W4A16 g128"}),
        (4, {"method": "awq"}),
        (8, {"method": "fp8", "scheme": "e4m3"}),
        (8, {"method": "compressed-tensors", "scheme": "W8A8"}),
        (4, {"method": "bitsandbytes", "scheme": "nf4"}),
        (4, {"method": "mxfp4"}),
        (3, {"method": "rtn", "scheme": "3 bit rounding stored as f16"}),
        (16, {"method": "none", "scheme": "bf16"}),
        (5, {"method": "gguf", "scheme": "Q4_K_M", "weight_bits": 5}),
        (4, {"method": "smooth", "weight_bits": 8, "act_bits": 4}),
        (None, {"method": "exl2"}),
        (1, {"method": "bitnet", "scheme": "1.58bit"}),
        (2, {"method": "exl2", "scheme": "2.25-bit"}),
        (4, {"method": "exl2", "scheme": "4.25 bit"}),
        (3, {"method": "exl2", "scheme": "3.5bpw"}),
        (1, {"method": "rtn", "scheme": "0.8 bit"}),
        (1, {"method": "bitnet", "scheme": "W1.58A8"}),
        (4, {"method": "awq", "scheme": "fp16"}),
        (4, {"method": "AWQ", "scheme": "bf16 activations"}),
        (4, {"method": "gptq", "scheme": "16 bit activations"}),
        (8, {"method": "gptq", "scheme": "int8"}),
        (3, {"method": "gptq", "scheme": "3bit, fp16"}),
        (None, {"method": "new", "scheme": "128 bit blocks"}),
        (4, {"method": "new", "scheme": "4 bit in 128-bit blocks"}),
        (32, {"method": "none", "scheme": "fp32"}),
        (16, {"method": "none", "kv_cache": "fp8"}),
    ],
)
def test_bits_are_read_from_what_is_declared(bits, declared):
    """The narrowest numbers count; declared bits win over a name.

    A part of a bit is rounded down. 16 bits beside AWQ or GPTQ are what it computes with.
    """
    assert bits == weight_bits(Quantization(**declared))


@pytest.mark.parametrize("scheme", ["1.58bit", "2.25-bit", "4.25 bit", "fp16", "bf16 activations"])
def test_what_is_quantized_is_never_planned_as_unquantized(scheme):
    """Churn 0 is for 16 bits and more of the weights themselves."""
    assert churn_prior(Quantization(method="awq", scheme=scheme))[0] >= 0.06


@pytest.mark.parametrize(
    ("share", "bits"),
    [(0.0, 16), (0.005, 8), (0.02, 6), (0.03, 5), (0.06, 4), (0.17, 3), (0.17, 2)],
)
def test_each_format_has_a_prior(share, bits):
    """The table of docs/plan.md."""
    assert (share, f"{bits} bit") == churn_prior(Quantization(method="x", weight_bits=bits))


def test_an_unknown_format_is_taken_as_4_bit_and_an_undeclared_one_as_none():
    """Cautious where something is declared; no guess where nothing is."""
    assert (0.06, "exl2, taken as 4 bit") == churn_prior(Quantization(method="exl2"))
    assert (0.0, "no quantization declared") == churn_prior(Quantization())


def test_noise_is_given_before_measured_before_assumed():
    """And it says which of the three it is."""
    pair = (variant("q4", weight_bits=4), variant("bf16", weight_bits=16))
    found = [
        disagreement(*pair),
        disagreement(*pair, measured=0.007),
        disagreement(*pair, measured=0.007, given=0.03),
    ]

    assert ["assumed", "measured", "given"] == [d.noise_source for d in found]
    assert pytest.approx([0.08, 0.067, 0.09]) == [d.psi for d in found]


def test_both_arms_formats_count_unless_it_is_one_build_twice():
    """Two quantized builds differ by what each differs from the original."""
    q8, q4 = variant("q8", weight_bits=8), variant("q4", weight_bits=4)

    assert pytest.approx(0.065) == disagreement(q4, q8).churn
    assert "4 bit against 8 bit" == disagreement(q4, q8).churn_source
    assert 0 == disagreement(q4, q4).churn
    assert pytest.approx(0.085) == largest_psi([q8, q4], q8)
