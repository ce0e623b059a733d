"""Conversations of several turns on the real llama.cpp server, with tools and without."""

from __future__ import annotations

import pytest
import yaml

TALK = """
import json
from pathlib import Path

import pytest

from pytest_quantguard import quant_case

TOOLS = json.loads((Path(__file__).parents[1] / "golden" / "tools.json").read_text())
pytestmark = quant_case(cohort="dialogue", request={"seed": 7, "max_tokens": 64})


@pytest.mark.parametrize("n", range(10))
@quant_case()
def test_two_questions(quant_model, n):
    chat = quant_model.chat()
    assert chat.say(f"Where is order {88213 + n}-A?").text
    assert chat.say("And order 4711-B?").text
    assert ["user", "assistant"] * 2 == [message["role"] for message in chat.messages]


@quant_case(tools=TOOLS)
def test_a_tool_and_its_result(quant_model):
    chat = quant_model.chat()
    call = chat.say("Refund 911.62 EUR on order 72487275773.").tool_call("refund_order")
    assert call.arguments == {"order_id": "72487275773", "amount": 911.62}
    chat.tool_result(call, {"status": "done"})
    assert "tool" in [message["role"] for message in chat.messages]
"""


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_conversations_are_asked_once_and_counted(helpdesk, workers):
    """22 completions per model and no more; the second run finds all of them in the cache."""
    helpdesk.data["budgets"] = [{"max_drop": "60 pt"}]
    helpdesk.write("quantguard.yaml", yaml.safe_dump(helpdesk.data, sort_keys=False))
    helpdesk.write("tests/test_talk.py", TALK)
    for sent in (22, 0):
        run = helpdesk.run("tests", "--quant-underpowered=allow", *workers, candidate="q8_0")

        assert 0 == run.code, run.output
        assert {"q8_0": "pass"} == run.verdicts
        assert run.has("11 of 11 planned checks were compared")
        requests = run.report["provenance"]["requests"]
        assert {"f16": sent, "q8_0": sent} == {name: c["sent"] for name, c in requests.items()}
