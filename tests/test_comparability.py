"""Whether two arms can be compared: what speaks against it, and what is only remarked upon."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_quantguard._comparability import Likeness, Told, counted_alike, likeness, thinks
from pytest_quantguard.pairs import Measurement, PairedMeasurement
from pytest_quantguard.types import Completion, CompletionRequest, Source, Usage
from pytest_quantguard.variants import Quantization, ServedAs, Variant

URL = "http://127.0.0.1:1/v1"
BASE = Variant(name="base", provider="openai", model="m-bf16", base_url=URL)
CAND = replace(
    BASE, name="cand", model="m-int4", quantization=Quantization(method="awq", weight_bits=4)
)
VLLM = "vllm-0.33.0-tp2-0a1b2c3d"


def cases(
    n: int = 60,
    *,
    same: bool = False,
    prints: tuple[tuple[str, ...], tuple[str, ...]] = ((), ()),
    reasoned: tuple[int, int] = (0, 0),
) -> list[PairedMeasurement]:
    """Return n cases; in the first few of them each arm reasons."""
    return [
        PairedMeasurement(
            variant="cand",
            case=f"a-{i}",
            cohort="a",
            baseline=Measurement(fingerprints=prints[0], reasoned=float(i < reasoned[0])),
            candidate=Measurement(fingerprints=prints[1], reasoned=float(i < reasoned[1])),
            same=same,
        )
        for i in range(n)
    ]


def found(
    measurements: list[PairedMeasurement] | None = None, told: Told | None = None, **more: object
) -> Likeness:
    """Compare the two variants of these tests."""
    return likeness(BASE, CAND, measurements or cases(), told or Told(), **more)  # type: ignore[arg-type]


def test_nothing_known_speaks_against_nothing() -> None:
    """Servers that tell nothing, and answers that differ, are comparable without a remark."""
    assert Likeness() == found()


# --- reasoning ----------------------------------------------------------------------------------


def test_reasoning_in_one_arm_alone_cannot_be_compared() -> None:
    """The arm, how many cases, and the first of them with file and line."""
    sources = {"a-0": Source(file="golden/a.quant.yaml", line=3)}

    (reason,) = found(cases(reasoned=(60, 0)), sources=sources).reasons

    assert "base reasons before it answers, in 60 of 60 cases, and cand in none" in reason
    assert "a-0 (golden/a.quant.yaml:3), a-1, a-2 and 57 more" in reason


@pytest.mark.parametrize(
    ("reasoned", "reasons", "remarks"),
    [
        ((0, 30), 1, 0),
        ((0, 29), 0, 1),
        ((60, 1), 0, 1),
        ((60, 60), 0, 0),
        ((58, 60), 0, 0),
        ((0, 1), 0, 0),
    ],
)
def test_half_of_the_cases_against_none_is_gross(
    reasoned: tuple[int, int], reasons: int, remarks: int
) -> None:
    """Less is a remark, and a few cases of an adaptive model are nothing."""
    likeness = found(cases(reasoned=reasoned))

    assert (reasons, remarks) == (len(likeness.reasons), len(likeness.remarks))


@pytest.mark.parametrize(
    ("text", "reasoning", "expected"),
    [
        ("42", "", False),
        ("42", "six times seven", True),
        ("42", " \n", False),
        ("\n<think>\nsix</think>42", "", True),
        ("<thinking>six</thinking>42", "", True),
        ("six times seven</think>42", "", True),
        ("I write <think> here", "", False),
    ],
)
def test_thoughts_are_apart_or_open_the_answer(text: str, reasoning: str, expected: bool) -> None:
    """Some servers tell them apart, others leave them in the text."""
    assert expected is thinks(Completion(text=text, reasoning=reasoning))


@pytest.mark.parametrize(("aloud", "reasons"), [((0, 60), 1), ((60, 60), 0), ((0, 20), 0)])
def test_thoughts_in_the_answers_of_one_arm_are_no_regression(
    aloud: tuple[int, int], reasons: int
) -> None:
    """No check holds for an answer with thoughts in it: one server lacks its reasoning parser."""
    measurements = [
        replace(
            m,
            baseline=replace(m.baseline, aloud=float(i < aloud[0])),
            candidate=replace(m.candidate, aloud=float(i < aloud[1])),
        )
        for i, m in enumerate(cases(reasoned=(60, 60)))
    ]
    likeness = found(measurements)

    assert reasons == len(likeness.reasons)
    assert all("cand has its thoughts in its answers" in reason for reason in likeness.reasons)


def test_thoughts_that_are_only_counted_are_thoughts() -> None:
    """Hosted services hide them, and bill them."""
    assert thinks(Completion(text="42", usage=Usage(reasoning_tokens=12)))
    assert not thinks(Completion(text="42", usage=Usage(reasoning_tokens=0)))


# --- tokens of the prompt -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ours", "theirs", "alike"),
    [
        ((26, None), (26, None), True),
        ((26, None), (None, None), True),
        ((26, None), (42, None), False),
        ((26, None), (42, 16), False),
        ((26, None), (10, 16), True),
        ((26, 16), (26, 0), True),
        ((26, 20), (6, 20), True),
    ],
)
def test_prompt_tokens_from_a_cache_may_be_left_out(
    ours: tuple[int | None, int | None], theirs: tuple[int | None, int | None], alike: bool
) -> None:
    """Of (read, found in the server's cache): one server counts both, another the first alone."""
    each = [Usage(prompt_tokens=read, cached_tokens=found) for read, found in (ours, theirs)]

    request = CompletionRequest(messages=({"role": "user", "content": "?"},))
    assert alike is counted_alike(request, *each)
    assert alike is counted_alike(request, *reversed(each))


def test_tokens_of_images_are_not_compared() -> None:
    """Servers cut a picture into tokens each in their own way; a text in parts is a text."""
    each = [Usage(prompt_tokens=26), Usage(prompt_tokens=1042)]
    text, image = {"type": "text", "text": "?"}, {"type": "image_url", "image_url": {"url": "x"}}

    for parts, alike in (([text], False), ([text, image], True)):
        request = CompletionRequest(messages=({"role": "user", "content": parts},))
        assert alike is counted_alike(request, *each)


# --- one server twice ---------------------------------------------------------------------------


@pytest.mark.parametrize("fingerprint", [VLLM, "fp_50cad350e4"])
def test_the_same_answers_and_a_telling_fingerprint_are_one_server(fingerprint: str) -> None:
    """Two declared precisions cannot share a hash over the configuration and every answer."""
    prints = ((fingerprint,), (fingerprint,))

    (reason,) = found(cases(same=True, prints=prints)).reasons

    assert "all 60 answers of base and cand are the same, and so is the server's" in reason
    assert f"fingerprint, {fingerprint}: probably one server was asked twice" in reason


@pytest.mark.parametrize("fingerprint", ["fp_ollama", "b6100-3f4dbda9", "2.3.1"])
def test_a_fingerprint_that_every_server_has_tells_nothing(fingerprint: str) -> None:
    """f16 and q8_0 on one build of llama.cpp may agree on every answer: a remark, no wolf."""
    likeness = found(cases(same=True, prints=((fingerprint,), (fingerprint,))))

    assert () == likeness.reasons
    assert ("all 60 answers of base and cand are the same, word for word",) == likeness.remarks


def test_few_answers_that_are_the_same_tell_nothing() -> None:
    """Nineteen may be, of easy questions."""
    assert Likeness() == found(cases(19, same=True, prints=((VLLM,), (VLLM,))))


def test_one_answer_that_differs_is_two_servers_or_one_with_noise() -> None:
    """The rule asks for all of them."""
    measured = cases(same=True, prints=((VLLM,), (VLLM,)))

    assert Likeness() == found([*measured[1:], replace(measured[0], same=False)])


def test_a_null_run_is_one_server_twice_on_purpose() -> None:
    """Nothing is wrong with it, and nothing is said."""
    assert Likeness() == found(cases(same=True, prints=((VLLM,), (VLLM,))), null=True)


def test_the_same_precision_twice_is_remarked_upon() -> None:
    """Two revisions of one model, declared alike, may well be one server."""
    measured = cases(same=True, prints=((VLLM,), (VLLM,)))

    likeness_ = likeness(BASE, replace(BASE, name="cand"), measured, Told())

    assert () == likeness_.reasons
    assert f"so is the server's fingerprint, {VLLM}" in likeness_.remarks[0]


def test_a_server_with_one_model_ignores_the_name() -> None:
    """Both names at one address, and one model behind it: the same answers under two names."""
    served = {"base": ServedAs(models=("m.gguf",)), "cand": ServedAs(models=("m.gguf",))}

    (reason,) = found(told=Told(served=served)).reasons

    assert "ignores the model's name: it is asked for m-bf16 and for m-int4" in reason
    assert "has one model, m.gguf" in reason


@pytest.mark.parametrize(
    ("candidate", "models"),
    [
        (CAND, ("m-bf16", "m-int4")),
        (replace(CAND, base_url="http://127.0.0.1:2/v1"), ("m.gguf",)),
        (replace(CAND, model="m-bf16"), ("m.gguf",)),
        (replace(CAND, base_url=None), ("m.gguf",)),
        (CAND, ()),
    ],
)
def test_two_addresses_or_two_models_are_two(candidate: Variant, models: tuple[str, ...]) -> None:
    """Only one address, two names and one model speak against a server."""
    served = dict.fromkeys(("base", "cand"), ServedAs(models=models))

    assert () == likeness(BASE, candidate, cases(), Told(served=served)).reasons


# --- what servers say ---------------------------------------------------------------------------


@pytest.mark.parametrize("arm", ["base", "cand"])
def test_another_precision_than_declared_cannot_be_compared(arm: str) -> None:
    """Of the candidate and of the baseline alike."""
    base = replace(BASE, quantization=Quantization(method="none", weight_bits=16))
    served = {arm: ServedAs(quantization="Q8_0")}

    (reason,) = likeness(base, CAND, cases(), Told(served=served)).reasons

    assert reason.startswith(f"{arm}: declared as ")
    assert "bit, but the server says Q8_0" in reason


@pytest.mark.parametrize(
    ("scheme", "faults"), [("Q4_K_M", 1), ("IQ4_NL", 1), ("Q8_0", 0), ("W4A16", 0), ("", 0)]
)
def test_a_scheme_of_gguf_declares_the_bits(scheme: str, faults: int) -> None:
    """Where the bits themselves are not declared; W4A16 may be stored as it likes."""
    declared = Quantization(method="gguf", scheme=scheme)
    candidate, served = (
        replace(CAND, quantization=declared),
        {"cand": ServedAs(quantization="Q8_0")},
    )

    assert faults == len(likeness(BASE, candidate, cases(), Told(served=served)).reasons)


@pytest.mark.parametrize(
    ("declared", "said", "faults"),
    [
        ("fp8", "f16", 1),
        ("fp8", "fp8_e4m3", 0),
        ("fp8", "auto", 0),
        ("fp8", None, 0),
        (None, "q4_0", 0),
    ],
)
def test_another_cache_than_declared_cannot_be_compared(
    declared: str | None, said: str | None, faults: int
) -> None:
    """A quantized key-value cache is a part of what is tested."""
    candidate = replace(CAND, quantization=Quantization(method="awq", kv_cache=declared))
    served = {"cand": ServedAs(kv_cache=said)}

    assert faults == len(likeness(BASE, candidate, cases(), Told(served=served)).reasons)


def test_context_and_version_that_differ_are_remarked_upon() -> None:
    """They can change answers, and need not."""
    served = {
        "base": ServedAs(context=8192, version="b1"),
        "cand": ServedAs(context=4096, version="b2"),
    }

    likeness = found(told=Told(served=served))

    assert () == likeness.reasons
    assert (
        "the context length differs: 8192 in base, 4096 in cand",
        "the server's version differs: b1 in base, b2 in cand",
    ) == likeness.remarks


def test_a_server_that_changed_during_the_run_is_remarked_upon() -> None:
    """Two fingerprints in one arm, each with its number of cases."""
    measured = cases(40, prints=(("b1",), ())) + cases(20, prints=(("b2",), ()))

    (remark,) = found(measured).remarks

    assert "the server of base changed while it was asked" in remark
    assert "2 fingerprints (b1 in 40, b2 in 20 cases)" in remark


# --- parameters that shape answers --------------------------------------------------------------


@pytest.mark.parametrize(
    ("base", "cand", "reason", "remark"),
    [
        ("honoured", "honoured", "", ""),
        ("honoured", "ignored", "cand answers 200 and ignores shape, which base honours", ""),
        ("ignored", "honoured", "base answers 200 and ignores shape, which cand honours", ""),
        ("honoured", "refused", "cand refuses shape (why), which base honours", ""),
        ("refused", "ignored", "base refuses shape (why), which cand ignores", ""),
        ("ignored", "ignored", "", "both base and cand answer 200 and ignore shape"),
        ("refused", "refused", "", "both base and cand refuse shape"),
        ("honoured", "unknown", "", "whether cand honours shape is not known: why"),
        ("unknown", "ignored", "", "whether base honours shape is not known: why"),
    ],
)
def test_a_parameter_that_one_arm_honours_cannot_be_compared(
    base: str, cand: str, reason: str, remark: str
) -> None:
    """By one alone: a reason, with the arm. By none, or not known: a remark."""
    why = {"refused": "why", "unknown": "why"}
    probes = {
        name: {"shape": (kind, why.get(kind, ""))}
        for name, kind in (("base", base), ("cand", cand))
    }

    likeness = found(told=Told(probes=probes))  # type: ignore[arg-type]

    assert tuple(filter(None, [reason])) == likeness.reasons
    assert tuple(filter(None, [remark])) == likeness.remarks
