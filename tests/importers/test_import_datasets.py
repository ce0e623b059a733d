"""Data sets of other tools: DeepEval goldens and Inspect samples, in the shapes they save."""

from __future__ import annotations

import pytest

from pytest_quantguard.errors import InputError

REFUND = {
    "type": "function",
    "function": {"name": "refund_order", "parameters": {"type": "object"}},
}
GOLDEN = {
    "input": "What is the refund window?",
    "actual_output": "thirty days",
    "expected_output": " 30 days. ",
    "retrieval_context": ["Refunds within 30 days.", "Shoes 14 days."],
    "context": None,
    "name": "refund window",
    "comments": "from the FAQ",
    "source_file": "faq.md",
    "tools_called": None,
    "expected_tools": None,
    "additional_metadata": {"topic": "refund", "n": 3},
}
CALLS = [{"name": "refund_order", "type": "FUNCTION", "inputParameters": {"order_id": "88213-A"}}]


def test_a_golden_with_context(read):
    """The context stands before the question, and the answer has to be grounded in it."""
    found = read("deepeval", [GOLDEN])
    (case,) = found.cases

    assert (
        "Refunds within 30 days.\n\nShoes 14 days.\n\nWhat is the refund window?" == case["prompt"]
    )
    assert ["groundedness"] == case["expect"]
    assert "30 days." == case["reference"]
    assert "refund window" == found.drafts[0].name
    assert {"metadata.topic": "refund", "metadata.n": "3", "source_file": "faq.md"} == dict(
        found.drafts[0].labels
    )


def test_what_a_golden_loses_is_told(read):
    """A model's own output, comments and metadata, each with the reason."""
    found = read("deepeval", [GOLDEN])

    assert {"actual_output", "comments", "metadata"} == {loss.what for loss in found.losses}
    assert {"source.jsonl:1"} == {loss.place for loss in found.losses}


def test_the_prompt_of_a_golden_is_the_users_to_decide(read):
    """--prompt leaves the context out: then nothing can be grounded in it, which is told."""
    found = read("deepeval", [GOLDEN], prompt="Q: {{input}}")

    assert "Q: What is the refund window?" == found.cases[0]["prompt"]
    assert found.drafts[0].bare
    assert ["the prompt does not hold it: --prompt leaves it out"] == found.lost("context")
    with pytest.raises(InputError, match="--prompt: unknown variable 'contxt'; did you mean"):
        read("deepeval", [GOLDEN], prompt="{{contxt}}")


def test_expected_tools_need_their_definitions(read):
    """A golden names tools and does not define them: without --tools no model could call one."""
    golden = {"input": "Refund order 88213-A", "expected_tools": CALLS, "tools_called": CALLS}
    without = read("deepeval", [golden])
    found = read("deepeval", [golden], tools=(REFUND,))
    twice = read("deepeval", [{**golden, "expected_tools": CALLS * 2}], tools=(REFUND,))

    assert without.drafts[0].bare
    assert "--tools FILE" in without.lost("expected_tools")[0]
    call = {"name": "refund_order", "arguments": {"order_id": "88213-A"}}
    assert [{"tool_call": call}] == found.cases[0]["expect"]
    assert [REFUND] == found.cases[0]["tools"]
    assert [{"tool_sequence": {"in_order": False, "calls": [call, call]}}] == twice.cases[0][
        "expect"
    ]


def test_goldens_in_a_table(read):
    """CSV joins contexts with | and writes maps as JSON."""
    text = (
        "input,expected_output,context,name,expected_tools,additional_metadata\n"
        'When?,Now,a|b,,,"{""topic"": ""t""}"\n'
        'Refund,,,,"[{""name"": ""refund_order"", ""inputParameters"": {""id"": 1}}]",\n'
    )
    found = read("deepeval", text, ".csv", tools=(REFUND,))

    assert "a\n\nb\n\nWhen?" == found.cases[0]["prompt"]
    assert {"metadata.topic": "t"} == dict(found.drafts[0].labels)
    assert {"tool_call": {"name": "refund_order", "arguments": {"id": 1}}} in found.cases[1][
        "expect"
    ]


def test_goldens_that_are_no_question(read):
    """Simulated conversations and broken ones are told, and the others still come."""
    found = read(
        "deepeval",
        [{"scenario": "angry", "expected_outcome": "calm"}, {"input": 5}, {}, {"input": "Hi"}],
    )

    assert ["Hi"] == [case["prompt"] for case in found.cases]
    assert ["played by a simulated user", "is a number", "has no 'input'"] == [
        next(
            part
            for part in ("played by a simulated user", "is a number", "has no 'input'")
            if part in why
        )
        for why in found.lost("the golden")
    ]


def test_a_list_in_one_document(read):
    """JSON as DeepEval saves it; places are paths into the document."""
    found = read("deepeval", '[\n  {"input": "A"},\n  {"input": "B", "comments": "c"}\n]', ".json")

    assert ["A", "B"] == [case["prompt"] for case in found.cases]
    assert ["source.json: $[1]"] == [loss.place for loss in found.losses]


# --- Inspect ------------------------------------------------------------------------------


def test_a_sample_with_a_target(read):
    """The target has to occur, as Inspect's includes() has it; of several one is enough."""
    found = read(
        "inspect",
        [
            {"input": "2+2?", "target": "4", "id": 7, "metadata": {"topic": "math"}},
            {"input": "Sure?", "target": ["yes", "y.s"]},
            {"input": "Say something"},
        ],
    )

    assert [{"contains": {"texts": ["4"], "case_sensitive": False}}] == found.cases[0]["expect"]
    assert [{"regex": r"(?i:yes|y\.s)"}] == found.cases[1]["expect"]
    assert [False, False, True] == [draft.bare for draft in found.drafts]
    assert ["7", "", ""] == [draft.name for draft in found.drafts]


def test_a_sample_with_choices(read):
    """The options stand under the question as letters; the target is one of them."""
    found = read("inspect", [{"input": "Pick", "choices": ["red", "blue"], "target": "B"}])

    assert (
        "Pick\n\nA) red\nB) blue\n\nAnswer with one letter and nothing else."
        == (found.cases[0]["prompt"])
    )
    assert [{"choice": {"options": ["A", "B"], "expected": ["B"]}}] == found.cases[0]["expect"]


@pytest.mark.parametrize(
    ("sample", "reason"),
    [
        ({"input": "x", "choices": ["a", "b"], "target": "C"}, "none of the letters AB"),
        ({"input": "x", "choices": ["a", "b"]}, "none of the letters AB"),
        ({"input": "x", "sandbox": "docker"}, "needs 'sandbox'"),
        ({"input": "x", "files": {"a": "b"}}, "needs 'files'"),
        ({"input": ""}, "messages are missing"),
        ({"input": 5, "target": "x"}, "messages are a number"),
        ({"input": [{"role": "robot", "content": "x"}]}, "has the role 'robot'"),
    ],
)
def test_samples_that_are_no_question(read, sample, reason):
    """What needs more than one question to a model, or is broken, is told."""
    found = read("inspect", [sample])

    assert [] == found.drafts
    assert reason in found.lost("the sample")[0]


def test_a_sample_of_messages(read):
    """Tool calls come in Inspect's own shape; what Inspect notes about messages goes."""
    messages = [
        {"id": "1", "role": "system", "content": "Be brief", "source": "input"},
        {"role": "user", "content": [{"type": "text", "text": "hi"}]},
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"id": "c1", "function": "f", "arguments": {"a": 1}}],
        },
        {"role": "tool", "content": "ok", "tool_call_id": "c1", "function": "f"},
    ]
    (case,) = read("inspect", [{"input": messages, "target": "x"}]).cases

    assert "Be brief" == case["system"]
    assert [
        {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
    ] == (case["messages"][1]["tool_calls"])
    assert {"role": "tool", "content": "ok", "tool_call_id": "c1"} == case["messages"][2]


def test_samples_of_a_log(read):
    """A log holds a sample once an epoch: it is one case."""
    log = {
        "version": 2,
        "eval": {},
        "samples": [
            {"id": 1, "epoch": 1, "input": "a", "target": "b", "output": {"x": 1}},
            {"id": 1, "epoch": 2, "input": "a", "target": "b"},
        ],
    }
    found = read("inspect", [log])

    assert 1 == len(found.drafts)
    assert [] == found.losses
