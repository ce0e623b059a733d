"""OpenAI chat and batch JSONL: fine-tuning data, requests, pairs, and what answers show."""

from __future__ import annotations

import json

import pytest

from import_files import ASKED, CALL, COMPLETE, WEATHER, Read, body
from pytest_quantguard.errors import InputError

# --- OpenAI chat JSONL ----------------------------------------------------------------------


def test_fine_tuning_data_has_right_answers(read):
    """The last message is the reference; what must hold is left to say, and told."""
    found = read(
        "openai-chat", [{"messages": [*ASKED, {"role": "assistant", "content": "Sunny."}]}]
    )
    (draft,) = found.drafts

    assert {
        "system": "Be brief",
        "prompt": "Weather?",
        "expect": [COMPLETE],
        "reference": "Sunny.",
    } == (draft.case)
    assert draft.bare


def test_a_tool_call_in_the_data_is_expected(read):
    """With its arguments, which are meant literally even where they look like matchers."""
    called = {"role": "assistant", "content": None, "tool_calls": [CALL]}
    odd = json.loads(json.dumps(called))
    odd["tool_calls"][0]["function"]["arguments"] = '{"city": {"$any": true}}'
    lines = [
        {"messages": [*ASKED, one], "tools": [WEATHER], "parallel_tool_calls": False}
        for one in (called, odd)
    ]
    lines[1]["messages"] = [{"role": "user", "content": "Other"}, odd]
    found = read("openai-chat", lines)

    call = {"name": "get_weather", "arguments": {"city": "Paris"}}
    assert [{"tool_call": call}] == found.cases[0]["expect"]
    assert {"parallel_tool_calls": False} == found.cases[0]["request"]
    assert {"$equals": {"city": {"$any": True}}} == found.cases[1]["expect"][0]["tool_call"][
        "arguments"
    ]


def test_what_an_answer_shows_must_hold(read):
    """A tool that was not called, the format that was asked for, a refusal."""
    schema = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}
    lines = [
        {
            "messages": [*ASKED, {"role": "assistant", "content": "{}"}],
            "tools": [WEATHER],
            "response_format": schema,
        },
        {"messages": [*ASKED, {"role": "assistant", "content": None, "refusal": "No."}]},
        {"messages": ASKED, "temperature": 0.5, "response_format": {"type": "json_object"}},
    ]
    found = read("openai-chat", lines)

    assert ["no_tool_call", {"json_schema": {"schema": {"type": "object"}}}, COMPLETE] == (
        found.cases[0]["expect"]
    )
    assert [{"refusal": {"must": True}}] == found.cases[1]["expect"]
    assert [COMPLETE] == found.cases[2]["expect"]  # nobody answered


def test_preference_data(read):
    """The preferred output is the reference, the other one is told as lost."""
    line = {
        "input": {"messages": ASKED, "tools": []},
        "preferred_output": [{"role": "assistant", "content": "Sunny."}],
        "non_preferred_output": [{"role": "assistant", "content": "Dunno."}],
    }
    found = read("openai-chat", [line])

    assert "Sunny." == found.cases[0]["reference"]
    assert found.lost("non_preferred_output")


def test_pairs_of_request_and_response(read):
    """As a gateway mirrors them: a model's answer is no reference unless the user says so."""
    line = {
        "id": "r-1",
        "request": {"model": "m", "messages": ASKED, "stream": True, "top_k": 3},
        "response": body({"role": "assistant", "content": "Sunny."}),
    }
    found = read("openai-chat", [line])
    kept = read("openai-chat", [line], references=True)

    assert "reference" not in found.cases[0]
    assert "favour that model" in found.lost("the recorded answer")[0]
    assert "Sunny." == kept.cases[0]["reference"]
    assert "Sunny." == found.recorded[0].answer.text
    assert 2 == found.recorded[0].answer.usage.completion_tokens
    assert {"stream", "top_k", "the recorded answer"} == {loss.what for loss in found.losses}


def test_the_same_question_is_one_case(read):
    """Repeated traffic is counted, not asked again."""
    found = read("openai-chat", [{"messages": ASKED}] * 3)

    assert 1 == len(found.drafts)
    assert 2 == len(found.lost("a repeated request"))
    assert 3 == len(found.recorded)


@pytest.mark.parametrize(
    ("line", "what", "reason"),
    [
        ({"messages": []}, "the line", "messages are missing"),
        ({"messages": [5]}, "the line", "message 1 is a number"),
        ({"messages": [{"role": "function", "content": "x"}]}, "the line", "the role 'function'"),
        ({"messages": [{"role": "user", "content": 5}]}, "the line", "content of message 1"),
        ({"messages": [{"role": "user", "content": ["x"]}]}, "the line", "no map"),
        ({"messages": [{"role": "user"}]}, "the line", "says nothing"),
        ({"messages": [{"role": "user", "content": "x", "tool_calls": "y"}]}, "the line", "a text"),
        (
            {"messages": [{"role": "user", "content": "x", "tool_calls": [{}]}]},
            "the line",
            "names no function",
        ),
        ({"messages": ASKED, "temperature": "hot"}, "temperature", "a number"),
        ({"messages": ASKED, "seed": 1.5}, "seed", "whole number"),
        ({"messages": ASKED, "tools": [{"type": "web_search"}]}, "tool", "runs at the provider"),
        ({"messages": ASKED, "tools": {"a": 1}}, "tools", "a map, no list"),
        ({"messages": ASKED, "n": 3}, "n", "samples"),
        (
            {"messages": ASKED, "secret_header": "Bearer x"},
            "secret_header",
            "no such request parameter",
        ),
    ],
)
def test_wrong_types_everywhere(read, line, what, reason):
    """Each is told with what it is; nothing is carried over half."""
    found = read("openai-chat", [line])

    assert reason in found.lost(what)[0]
    assert "Bearer" not in repr((found.drafts, found.losses))


# --- OpenAI batch JSONL ---------------------------------------------------------------------


def batch(tmp_path, answers):
    asked = tmp_path / "requests.jsonl"
    line = {
        "custom_id": "case 1",
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": {"model": "m", "messages": ASKED, "tools": [WEATHER], "max_tokens": 9},
    }
    asked.write_text(json.dumps(line) + "\n")
    told = tmp_path / "answers.jsonl"
    told.write_text("".join(json.dumps(answer) + "\n" for answer in answers))
    return asked, told


def answered(message, custom_id="case 1"):
    response = {"status_code": 200, "request_id": "r", "body": body(message)}
    return {"id": "b", "custom_id": custom_id, "response": response, "error": None}


def test_a_batch_with_its_answers(tmp_path):
    """Requests and output are two files, in any order; they meet by custom_id."""
    files = batch(tmp_path, [answered({"role": "assistant", "tool_calls": [CALL]})])
    for paths in (files, files[::-1]):
        found = Read("openai-batch", *paths)

        assert [{"tool_call": {"name": "get_weather", "arguments": {"city": "Paris"}}}] == (
            found.cases[0]["expect"]
        )
        assert {"max_tokens": 9} == found.cases[0]["request"]
        assert "case 1" == found.drafts[0].name


def test_a_batch_without_requests_is_refused(tmp_path):
    """Answers alone do not say what was asked."""
    _, told = batch(tmp_path, [answered({"role": "assistant", "content": "x"})])

    with pytest.raises(InputError, match=r"answers\.jsonl: holds the answers of a batch, but not"):
        Read("openai-batch", told)


def test_failed_and_contradicting_answers_show_nothing(tmp_path):
    """A request that failed, and one with two different answers, are cases without evidence."""
    failed = {"custom_id": "case 1", "response": {"status_code": 500, "body": None}, "error": None}
    found = Read("openai-batch", *batch(tmp_path, [failed]))
    both = [answered({"role": "assistant", "content": text}) for text in "ab"]
    torn = Read("openai-batch", *batch(tmp_path, both))

    assert ["the request failed"] == found.lost("the answer")
    assert ["there are two that differ: answers.jsonl:1 and answers.jsonl:2"] == torn.lost(
        "the answer"
    )
    assert found.drafts[0].bare and torn.drafts[0].bare  # noqa: PT018


def test_other_endpoints_of_a_batch(read):
    """Embeddings are no question."""
    line = {"custom_id": "x", "method": "POST", "url": "/v1/embeddings", "body": {"input": "x"}}
    found = read("openai-batch", [line])

    assert ["it asks '/v1/embeddings'; golden cases ask /chat/completions"] == found.lost(
        "the line"
    )
