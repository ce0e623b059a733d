"""Recorded traffic: chat and batch JSONL, OpenTelemetry spans, LiteLLM logs."""

from __future__ import annotations

import gzip
import itertools
import json
import re
import tracemalloc

import pytest

from conftest import Read
from pytest_quantguard.errors import InputError
from pytest_quantguard.importers import recorded
from pytest_quantguard.importers._records import ignore

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}
ASKED = [{"role": "system", "content": "Be brief"}, {"role": "user", "content": "Weather?"}]
CALL = {
    "id": "c1",
    "type": "function",
    "function": {"name": "get_weather", "arguments": '{"city": "Paris"}'},
}
COMPLETE = {"length": {"complete": True}}


def body(message, finish="stop", **more):
    return {
        "model": "m-1",
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
        "usage": {"prompt_tokens": 5, "completion_tokens": 2},
        **more,
    }


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
        ({"messages": ASKED, "seed": 1.5}, "seed", "integer"),
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


# --- OpenTelemetry --------------------------------------------------------------------------


def value(thing):
    """Write a value as OTLP's AnyValue."""
    if isinstance(thing, bool):
        return {"boolValue": thing}
    if isinstance(thing, int):
        return {"intValue": str(thing)}
    if isinstance(thing, float):
        return {"doubleValue": thing}
    if isinstance(thing, list):
        return {"arrayValue": {"values": [value(item) for item in thing]}}
    if isinstance(thing, dict):
        return {"kvlistValue": {"values": attributes(thing)}}
    return {"stringValue": thing}


def attributes(found):
    return [{"key": key, "value": value(item)} for key, item in found.items()]


def spans(*found, service="shop"):
    resource = {"attributes": attributes({"service.name": service})}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": list(found)}]}]}


def span(span_id="s1", events=(), **more):
    about = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m", **more}
    return {
        "traceId": "t1",
        "spanId": span_id,
        "name": "chat m",
        "startTimeUnixNano": "1700000000000000000",
        "endTimeUnixNano": "1700000002500000000",
        "attributes": attributes(about),
        "events": [{"name": name, "attributes": attributes(inner)} for name, inner in events],
    }


def parts(role, *found, **more):
    return {"role": role, "parts": list(found), **more}


TEXT = {"type": "text", "content": "Weather?"}
INPUT = [parts("user", TEXT)]
SAID = {"type": "tool_call", "id": "c1", "name": "get_weather", "arguments": {"city": "Paris"}}
OUTPUT = [parts("assistant", SAID, finish_reason="tool_call")]
DEFINED = [{"type": "function", **WEATHER["function"]}]


@pytest.mark.parametrize("structured", [False, True], ids=["as JSON text", "structured"])
def test_a_span_with_its_messages(read, structured):
    """Request, tools, parameters, answer, tokens and times; on spans often JSON written as text."""
    content = {
        "gen_ai.system_instructions": [{"type": "text", "content": "Be brief"}],
        "gen_ai.input.messages": INPUT,
        "gen_ai.output.messages": OUTPUT,
        "gen_ai.tool.definitions": DEFINED,
    }
    content = content if structured else {k: json.dumps(v) for k, v in content.items()}
    more = {
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.max_tokens": 64,
        "gen_ai.request.stop_sequences": ["END"],
        "gen_ai.usage.input_tokens": 12,
        "gen_ai.usage.output_tokens": 7,
        "gen_ai.response.time_to_first_chunk": 0.25,
    }
    found = read("otel", [spans(span(**content, **more))])
    (case,), (exchange,) = found.cases, found.recorded

    assert "Be brief" == case["system"]
    assert "Weather?" == case["prompt"]
    assert [WEATHER] == case["tools"]
    assert {"temperature": 0.5, "max_tokens": 64, "stop": ["END"]} == case["request"]
    assert [{"tool_call": {"name": "get_weather", "arguments": {"city": "Paris"}}}] == case[
        "expect"
    ]
    assert ("tool_calls", 2.5, 0.25) == (
        exchange.answer.finish_reason,
        exchange.answer.latency_s,
        exchange.answer.ttft_s,
    )
    assert (12, 7) == (exchange.answer.usage.prompt_tokens, exchange.answer.usage.completion_tokens)
    assert ("shop", "m") == (exchange.route, exchange.model)


def test_a_conversation_in_parts(read):
    """Tool results become messages of their own, thoughts are lost, pictures stay."""
    messages = [
        parts("user", TEXT, {"type": "uri", "modality": "image", "uri": "https://x/y.png"}),
        parts("assistant", {"type": "reasoning", "content": "hm"}, SAID),
        parts("tool", {"type": "tool_call_response", "id": "c1", "response": {"sky": "grey"}}),
    ]
    found = read("otel", [spans(span(**{"gen_ai.input.messages": messages}))])
    first, second, third = found.cases[0]["messages"]

    assert ["text", "image_url"] == [part["type"] for part in first["content"]]
    assert '{"city": "Paris"}' == second["tool_calls"][0]["function"]["arguments"]
    assert {"role": "tool", "tool_call_id": "c1", "content": '{"sky": "grey"}'} == third
    assert found.lost("reasoning")


def test_the_event_with_all_messages(read):
    """A log record tells the same as its span: one exchange, not two."""
    about = {"gen_ai.operation.name": "chat", "gen_ai.input.messages": INPUT}
    record = {
        "traceId": "t1",
        "spanId": "s1",
        "eventName": "gen_ai.client.inference.operation.details",
        "attributes": attributes(about),
    }
    logs = {"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}
    found = read("otel", [spans(span(**{"gen_ai.input.messages": INPUT})), logs])

    assert 1 == len(found.recorded)
    assert 1 == len(read("otel", [logs]).recorded)


def test_one_event_for_each_message(read):
    """The conventions up to 1.36: records of one span, put together when the choice comes."""

    def record(name, said):
        return {
            "traceId": "t",
            "spanId": "s",
            "attributes": attributes({"event.name": name}),
            "body": value(said),
        }

    found = read(
        "otel",
        [
            {
                "resourceLogs": [
                    {
                        "scopeLogs": [
                            {
                                "logRecords": [
                                    record("gen_ai.system.message", {"content": "Be brief"}),
                                    record("gen_ai.user.message", {"content": "Weather?"}),
                                    record(
                                        "gen_ai.choice",
                                        {
                                            "index": 0,
                                            "finish_reason": "stop",
                                            "message": {"content": "Sunny."},
                                        },
                                    ),
                                ]
                            }
                        ]
                    }
                ]
            }
        ],
    )
    (exchange,) = found.recorded

    assert ASKED == list(exchange.messages)
    assert ("Sunny.", "stop") == (exchange.answer.text, exchange.answer.finish_reason)


def test_older_spans(read):
    """Events of the span (1.27) and OpenLLMetry's numbered attributes."""
    events = [
        ("gen_ai.content.prompt", {"gen_ai.prompt": json.dumps(ASKED)}),
        (
            "gen_ai.content.completion",
            {"gen_ai.completion": '[{"role": "assistant", "content": "A"}]'},
        ),
    ]
    numbered = {
        "gen_ai.prompt.0.role": "user",
        "gen_ai.prompt.0.content": "Weather?",
        "gen_ai.completion.0.role": "assistant",
        "gen_ai.completion.0.finish_reason": "tool_calls",
        "gen_ai.completion.0.tool_calls.0.id": "c1",
        "gen_ai.completion.0.tool_calls.0.name": "get_weather",
        "gen_ai.completion.0.tool_calls.0.arguments": '{"city": "Paris"}',
        "llm.request.functions.0.name": "get_weather",
        "llm.request.functions.0.parameters": json.dumps(WEATHER["function"]["parameters"]),
    }
    found = read("otel", [spans(span("a", events=events), span("b", **numbered))])

    assert ["A", ""] == [exchange.answer.text for exchange in found.recorded]
    assert [WEATHER] == found.cases[1]["tools"]
    assert "get_weather" == found.recorded[1].answer.tool_calls[0].name


def test_spans_that_are_no_exchange(read):
    """HTTP spans, embeddings, and calls whose content was not captured, each by its reason."""
    http = {"name": "GET /", "attributes": attributes({"http.method": "GET"})}
    found = read(
        "otel",
        [
            spans(
                http,
                span("e", **{"gen_ai.operation.name": "embeddings"}),
                span("n"),
                span(
                    "f",
                    **{"gen_ai.input.messages": [parts("user", {"type": "file", "file_id": "x"})]},
                ),
                span("j", **{"gen_ai.input.messages": "[not json"}),
            ),
            {"resourceSpans": []},
        ],
    )

    assert [] == found.recorded
    assert [
        "no gen_ai.* attributes",
        "its operation is 'embeddings', no chat",
        "content was not captured",
        "a part of type 'file'",
        "cannot be read: it is no JSON",
    ] == [
        re.search(
            "no gen_ai.. attributes|its operation .*|content was not captured"
            "|a part of type 'file'|cannot be read: it is no JSON",
            why,
        )[0]
        for why in found.lost("a span")
    ]
    assert found.lost("the document")


def test_tools_that_a_log_does_not_define(read):
    """--tools brings the definitions; without them a recorded call cannot be expected."""
    told = {"gen_ai.input.messages": INPUT, "gen_ai.output.messages": OUTPUT}
    without = read("otel", [spans(span(**told))])
    found = read("otel", [spans(span(**told))], tools=(WEATHER,))

    assert without.drafts[0].bare
    assert "--tools FILE" in without.lost("the recorded tool call")[0]
    assert "tool_call" in found.cases[0]["expect"][0]


# --- LiteLLM --------------------------------------------------------------------------------


def logged(**more):
    return {
        "id": "x",
        "call_type": "acompletion",
        "status": "success",
        "model": "gpt-x",
        "model_group": "fast",
        "api_base": "https://key:hush-hush@host/v1",
        "request_tags": ["checkout"],
        "end_user": "jane@example.com",
        "requester_ip_address": "10.0.0.1",
        "metadata": {"user_api_key_hash": "hash-of-a-key", "requester_custom_headers": {"x": "y"}},
        "messages": ASKED,
        "model_parameters": {
            "temperature": 0.2,
            "tools": [WEATHER],
            "api_key": "sk-not-to-be-seen",
            "extra_headers": {"Authorization": "Bearer not-to-be-seen"},
        },
        "response": body({"role": "assistant", "content": "Sunny."}),
        **more,
    }


def test_a_litellm_log(read):
    """What was asked and answered, and the tag as cohort; no key, header, user or address."""
    found = read("litellm", [logged()])
    (draft,) = found.drafts

    assert {"temperature": 0.2} == draft.case["request"]
    assert "checkout" == draft.cohort
    assert "Sunny." == found.recorded[0].answer.text
    told = repr((found.drafts, found.losses, found.recorded))
    for secret in ("not-to-be-seen", "hush-hush", "hash-of-a-key", "jane@", "10.0.0.1"):
        assert secret not in told
    assert {"api_key", "extra_headers"} <= {loss.what for loss in found.losses}


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"status": "failure"}, "the call failed"),
        ({"call_type": "aembedding"}, "no chat completion"),
        ({"messages": [{"role": "user", "content": "redacted-by-litellm"}]}, "redacted"),
        ({"messages": "redacted-by-litellm"}, "redacted"),
        ({"messages": None}, "messages are missing"),
    ],
)
def test_litellm_calls_that_are_no_question(read, more, reason):
    """Failures, other calls, and logs without content."""
    found = read("litellm", [logged(**more)])

    assert [] == found.recorded
    assert reason in found.lost("the exchange")[0]


def test_a_redacted_response(read):
    """The question is there, the answer is not."""
    found = read("litellm", [logged(response={"text": "redacted-by-litellm"})])

    assert found.recorded[0].answer is None
    assert found.lost("response")


# --- all of them ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ({"messages": ASKED}, "openai-chat"),
        (
            {"custom_id": "x", "url": "/v1/chat/completions", "body": {"messages": ASKED}},
            "openai-batch",
        ),
        (spans(span(**{"gen_ai.input.messages": INPUT})), "otel"),
        (logged(), "litellm"),
    ],
)
def test_traffic_is_read_by_what_it_is(tmp_path, line, name):
    """`recorded` guesses the format; packed files too."""
    path = tmp_path / "traffic.jsonl.gz"
    with gzip.open(path, "wt") as stream:
        stream.write(json.dumps(line) + "\n")

    (exchange,) = recorded(path)
    (named,) = recorded(path, format=name)
    assert "Weather?" == exchange.messages[-1]["content"] == named.messages[-1]["content"]
    assert exchange.request.canonical() == named.request.canonical()


def test_questions_are_no_traffic(tmp_path):
    """A data set has no exchanges."""
    path = tmp_path / "goldens.jsonl"
    path.write_text('{"input": "x", "expected_output": "y"}\n')

    with pytest.raises(InputError, match="deepeval holds questions, and no recorded traffic"):
        recorded(path)


def test_memory_does_not_grow_with_the_file(tmp_path):
    """Twenty times the lines, the same memory: exchanges are read one by one."""
    from pytest_quantguard.importers._detect import named
    from pytest_quantguard.importers._records import Source

    peaks = []
    for lines in (500, 10_000):
        path = tmp_path / f"{lines}.jsonl"
        with path.open("w") as stream:
            for number in range(lines):
                stream.write(
                    json.dumps(
                        {
                            **logged(),
                            "messages": [{"role": "user", "content": f"{number} " + "x" * 200}],
                        }
                    )
                    + "\n"
                )
        tracemalloc.start()
        requests = named("litellm").requests
        assert requests is not None
        found = requests(Source(paths=(path,), names=("x",)), ignore)
        assert lines == sum(1 for _ in itertools.islice(found, lines + 1))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()

    assert peaks[1] < 2 * peaks[0]
