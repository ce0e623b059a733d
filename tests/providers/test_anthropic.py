"""The Anthropic messages API: conversations there, answers back, and what has no counterpart."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pytest_quantguard.providers import _anthropic
from pytest_quantguard.providers._dialects import dialect_of
from pytest_quantguard.providers._wire import Draft, MalformedError
from pytest_quantguard.types import Completion, CompletionRequest

DIALECT = dialect_of("anthropic")
CALL = {"id": "t1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}


def body(*messages: dict[str, Any], tools: Any = (), **params: Any) -> dict[str, Any]:
    request = CompletionRequest(
        messages=messages, tools=tuple(tools), params={"max_tokens": 9, **params}
    )
    assert "" == DIALECT.unfit(request, {})
    return DIALECT.body("m", request, {})


def read(*events: dict[str, Any]) -> Completion:
    draft: Draft = DIALECT.draft()
    for event in events:
        draft.add(json.dumps(event))
    return draft.completion(0.0, None)


def test_a_conversation_with_tools() -> None:
    """System apart; calls and what tools answered are blocks; two answers are one turn."""
    found = body(
        {"role": "system", "content": "Be brief."},
        {"role": "developer", "content": [{"type": "text", "text": "And kind."}]},
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": None, "tool_calls": [CALL, {**CALL, "id": "t2"}]},
        {"role": "tool", "tool_call_id": "t1", "content": "one"},
        {"role": "tool", "tool_call_id": "t2", "content": "two"},
        {"role": "user", "content": "and now?"},
        stop="END",
    )

    assert "Be brief.\n\nAnd kind." == found["system"]
    assert ["END"] == found["stop_sequences"]
    used = {"type": "tool_use", "id": "t1", "name": "f", "input": {"a": 1}}
    told = {"type": "tool_result", "tool_use_id": "t1", "content": "one"}
    assert [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": [used, {**used, "id": "t2"}]},
        {
            "role": "user",
            "content": [
                told,
                {**told, "tool_use_id": "t2", "content": "two"},
                {"type": "text", "text": "and now?"},
            ],
        },
    ] == found["messages"]


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, None),
        ({"tool_choice": "auto"}, {"type": "auto"}),
        ({"tool_choice": "none"}, {"type": "none"}),
        ({"tool_choice": "required"}, {"type": "any"}),
        (
            {"tool_choice": {"type": "function", "function": {"name": "f"}}},
            {"type": "tool", "name": "f"},
        ),
        ({"parallel_tool_calls": False}, {"type": "auto", "disable_parallel_tool_use": True}),
        ({"parallel_tool_calls": False, "tool_choice": "none"}, {"type": "none"}),
    ],
)
def test_tools_and_which_of_them(params: dict[str, Any], expected: Any) -> None:
    """A tool's parameters are its input schema; the choice has other words."""
    function = {"name": "f", "description": "d", "parameters": {"type": "object"}, "strict": True}
    tools = [{"type": "function", "function": function}, {"function": {"name": "g"}}]
    found = body({"role": "user", "content": "hi"}, tools=tools, **params)

    assert expected == found.get("tool_choice")
    assert [
        {"name": "f", "description": "d", "input_schema": {"type": "object"}, "strict": True},
        {"name": "g", "input_schema": {"type": "object", "properties": {}}},
    ] == found["tools"]


def test_answers_of_a_given_form() -> None:
    """A JSON Schema goes along, as a judge's verdicts need it; plain text is the default."""
    schema = {"type": "object", "additionalProperties": False}
    given = {"type": "json_schema", "json_schema": {"name": "x", "strict": True, "schema": schema}}
    user = {"role": "user", "content": "hi"}

    assert {"format": {"type": "json_schema", "schema": schema}} == body(
        user, response_format=given
    )["output_config"]
    assert "output_config" not in body(user, response_format={"type": "text"})


def test_images() -> None:
    """Given as data or by address."""
    urls = ("data:image/png;base64,aGk=", "https://example.test/a.png")
    parts = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
    (turn,) = body({"role": "user", "content": [{"type": "text", "text": "see"}, *parts]})[
        "messages"
    ]

    assert [
        {"type": "text", "text": "see"},
        {
            "type": "image",
            "source": {"type": "base64", "media_type": "image/png", "data": "aGk="},
        },
        {"type": "image", "source": {"type": "url", "url": urls[1]}},
    ] == turn["content"]


@pytest.mark.parametrize(
    ("messages", "said"),
    [
        (
            [{"role": "user", "content": "a"}, {"role": "system", "content": "b"}],
            "takes the system text only before the first question",
        ),
        (
            [{"role": "user", "content": [{"type": "input_audio"}]}],
            "takes content of text and images only",
        ),
        (
            [
                {
                    "role": "assistant",
                    "tool_calls": [{"function": {"name": "f", "arguments": "[1]"}}],
                }
            ],
            "takes only tool calls whose arguments are a JSON object",
        ),
        (
            [{"role": "user", "content": "a"}, {"role": "assistant", "content": ""}],
            "takes no message without content",
        ),
    ],
)
def test_what_has_no_counterpart(messages: list[dict[str, Any]], said: str) -> None:
    """It is refused, as anything else would be another question."""
    request = CompletionRequest(messages=tuple(messages), params={"max_tokens": 9})

    assert f"anthropic {said}" in DIALECT.unfit(request, {})


def test_extra_fields_are_sent_as_they_stand() -> None:
    """They are the server's own: the limit may be among them."""
    request = CompletionRequest(messages=({"role": "user", "content": "hi"},))
    extra = {"max_tokens": 2000, "thinking": {"type": "enabled", "budget_tokens": 1024}}

    assert "" == DIALECT.unfit(request, extra)
    assert extra.items() <= DIALECT.body("m", request, extra).items()


# --- answers ----------------------------------------------------------------------------


def test_a_whole_message() -> None:
    """As a server answers that does not stream."""
    found = read(
        {
            "type": "message",
            "model": "m1",
            "content": [
                {"type": "thinking", "thinking": "hm", "signature": "x"},
                {"type": "text", "text": "It is "},
                {"type": "text", "text": "7."},
                {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}},
                {"type": "tool_use", "id": "u", "name": "g", "input": {}},
            ],
            "stop_reason": "end_turn",
            "usage": {"input_tokens": 3, "output_tokens": 4},
        }
    )

    assert ("It is 7.", "hm", "stop", "m1") == (
        found.text,
        found.reasoning,
        found.finish_reason,
        found.served_as,
    )
    assert [('{"a": 1}'), "{}"] == [call.arguments_text for call in found.tool_calls]
    assert (3, 4) == (found.usage.prompt_tokens, found.usage.completion_tokens)


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("refusal", "content_filter"),
        ("pause_turn", "pause_turn"),
    ],
)
def test_why_an_answer_ends(reason: str, expected: str) -> None:
    """In the words of the chat API; one that has none there stays as it is."""
    delta = {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": None}

    assert expected == read(delta).finish_reason


def test_a_call_without_arguments() -> None:
    """Nothing is streamed for it; it is an empty object, not broken JSON."""
    found = read(
        {
            "type": "content_block_start",
            "index": 0,
            "content_block": {"type": "tool_use", "id": "t", "name": "f", "input": {}},
        },
        {"type": "content_block_stop", "index": 0},
    )

    assert {} == found.tool_calls[0].arguments


def test_counts_that_come_late() -> None:
    """Gateways tell 0 tokens first and the real count at the end."""
    found = read(
        {"type": "message_start", "message": {"usage": {"input_tokens": 0, "output_tokens": 0}}},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn"},
            "usage": {"input_tokens": 8, "output_tokens": 3},
        },
    )

    assert (8, 3) == (found.usage.prompt_tokens, found.usage.completion_tokens)


@pytest.mark.parametrize("junk", [3, "x", None, [1], {"type": 3}])
def test_events_full_of_nonsense(junk: Any) -> None:
    """They add nothing, or make the answer malformed; nothing else is raised."""
    draft = DIALECT.draft()
    kinds = ("message_start", "content_block_start", "content_block_delta", "message_delta")
    for kind in (*kinds, "message", "ping", junk):
        event = dict.fromkeys(("message", "delta", "content_block", "usage", "content"), junk)
        try:
            draft.add(json.dumps({**event, "type": kind, "index": junk}))
        except MalformedError:
            continue
    assert "" == draft.completion(0.0, None).text


def test_decoding_keeps_no_state() -> None:
    """An event means the same wherever it stands."""
    event = {"type": "content_block_delta", "index": 0, "delta": {"text": "a"}}

    assert _anthropic.decode(event) == _anthropic.decode(event)
    assert _anthropic.decode({"type": "message_stop"}) is None
