"""What servers would not do is said before they are asked: one sentence per reason."""

from __future__ import annotations

from pytest_quantguard._unfit import omissions, refusals
from pytest_quantguard.providers.openai import OpenAIProvider
from pytest_quantguard.types import CompletionRequest, GoldenCase, Source
from pytest_quantguard.variants import Variant


def case(line, **params):
    return GoldenCase(
        id=f"c{line}",
        cohort="a",
        request=CompletionRequest(messages=({"role": "user", "content": "hi"},), params=params),
        source=Source(file="golden/a.quant.yaml", line=line),
    )


def provider(dialect):
    return OpenAIProvider(Variant(name="x", provider="openai", model="m", dialect=dialect))


PLACES = {"bf16": "quantguard.yaml:3", "awq": "quantguard.yaml:9"}


def test_a_sentence_per_variant_and_parameter():
    """With how many cases it is, and where the first one stands; not one sentence per case."""
    cases = [case(n, tool_choice="required") for n in range(1, 400)]
    cases += [case(400, tool_choice="required", n=2), case(401), case(402, n=2)]
    found = refusals(cases, {"bf16": provider("auto"), "awq": provider("ollama")}, PLACES)

    assert [
        "quantguard.yaml:9: variant 'awq': ollama ignores 'n' without a word; leave it out, or ask "
        "a server that knows it (2 cases, first golden/a.quant.yaml:400)",
        "quantguard.yaml:9: variant 'awq': ollama ignores 'tool_choice' without a word; leave it "
        "out, or ask a server that knows it (399 cases, first golden/a.quant.yaml:1)",
    ] == sorted(found)


def test_what_is_left_out_is_a_remark():
    """It does not stop a run."""
    cases = [case(1, seed=3, max_tokens=9), case(2, max_tokens=9)]
    providers = {"bf16": provider("vllm"), "awq": provider("anthropic")}

    assert [] == refusals(cases, providers, PLACES)
    assert [
        "awq: anthropic has no 'seed', which is left out: its answers may differ from one run to "
        "the next (1 case, first golden/a.quant.yaml:1)"
    ] == omissions(cases, providers)


def test_providers_that_take_anything():
    """One of the user's own need not say what it takes."""
    assert [] == refusals([case(1)], {"bf16": object()}, PLACES)
    assert [] == omissions([case(1)], {"bf16": object()})
