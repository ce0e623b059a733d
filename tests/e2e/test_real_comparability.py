"""What the real llama.cpp server makes of the parameters that are probed."""

from __future__ import annotations

import pytest

from pytest_quantguard import _probe
from pytest_quantguard._registry import Registry
from pytest_quantguard.types import CompletionRequest, GoldenCase, Source
from pytest_quantguard.variants import Variant


def test_a_grammar_makes_the_smallest_model_say_the_constant(model_folder, monkeypatch):
    """A model that knows no JSON says what the schema allows; forced calls are not supported."""
    monkeypatch.setenv("QUANTGUARD_MODEL_DIR", str(model_folder))
    make = Registry().providers.get("llamacpp")
    provider = make(Variant(name="q4_0", provider="llamacpp", model="embedded:q4_0"))
    provider.start()
    plain = CompletionRequest(messages=({"role": "user", "content": "hello"},))
    case = GoldenCase(id="a", cohort="x", request=plain, source=Source(file="x", line=1))
    found = {}
    try:
        for feature in (_probe.JSON_SCHEMA, _probe.JSON_OBJECT, _probe.NAMED):
            line = provider.connect()  # a new one each: this server hangs up after each stream
            found[feature] = _probe.read(feature, line.complete(_probe.request(feature, case)))[0]
            line.close()
    finally:
        provider.stop()

    assert found == {
        _probe.JSON_SCHEMA: "honoured",
        _probe.JSON_OBJECT: "honoured",
        _probe.NAMED: "ignored",
    }


@pytest.mark.parametrize("workers", [("-n", "2")], ids=["xdist"])
def test_a_null_run_of_one_slot_finds_no_noise(helpdesk, workers):
    """Greedy, one request at a time, the same build: not one outcome of 20 cases flips."""
    options = ("-k", "smoke and faq", "--quant-null", "--quant-underpowered=allow", *workers)
    run = helpdesk.run(*options, candidate=None)

    assert run.has("Noise floor: two runs of f16 disagree on 0.0 % of outcomes"), run.output
