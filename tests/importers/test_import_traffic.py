"""Recorded traffic: OpenTelemetry spans and LiteLLM logs, and any of them in one way."""

from __future__ import annotations

import gzip
import itertools
import json
import re
import tracemalloc

import pytest

from import_files import ASKED, WEATHER, body
from pytest_quantguard.errors import InputError
from pytest_quantguard.importers import _gen_ai, otel, recorded
from pytest_quantguard.importers._records import ignore

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
REDACTED = "redacted-by-litellm"
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
    found = read("otel", [spans(span(**{"gen_ai.input.messages": INPUT})), logs(record)])

    assert 1 == len(found.recorded)
    assert 1 == len(read("otel", [logs(record)]).recorded)


def test_spans_of_litellm(read):
    """As its proxy writes them (1.106.2, callback `otel`): calls, a conversation, plain texts."""
    call = {"id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}
    given = [
        parts("system", {"type": "text", "content": "Be brief"}),
        parts("user", {"type": "text", "text": "Weather?"}),
        parts("assistant", tool_calls=[call]),
        parts("tool", {"type": "text", "content": "grey"}, tool_call_id="c1"),
    ]
    answered = [parts("assistant", {"type": "text", "content": ""}, finish_reason="tool_calls")]
    more = {
        "gen_ai.operation.name": "acompletion",
        "gen_ai.request.model": "f16",
        "gen_ai.response.model": "help-desk-f16",
        "gen_ai.input.messages": json.dumps(given),
        "gen_ai.output.messages": json.dumps(answered),
        "gen_ai.response.finish_reasons": '["tool_calls"]',
        "gen_ai.completion.0.function_call.name": "get_weather",
        "gen_ai.completion.0.function_call.arguments": '{"city": "Paris"}',
        "gen_ai.completion.1.function_call.name": "get_weather",
        "gen_ai.completion.1.function_call.arguments": '{"city": "Rome"}',
        "llm.request.functions.0.name": "get_weather",
        "llm.request.functions.0.parameters": json.dumps(WEATHER["function"]["parameters"]),
    }
    plain = {
        "gen_ai.operation.name": "acompletion",
        "gen_ai.system_instructions": "Be brief",
        "gen_ai.input.messages": json.dumps(INPUT),
        "gen_ai.output.messages": json.dumps([parts("assistant", TEXT)]),
        "gen_ai.response.finish_reasons": '["length"]',
    }
    found = read("otel", [spans(span("a", **more), span("b", **plain))])
    called, said = found.recorded

    assert ["system", "user", "assistant", "tool"] == [m["role"] for m in called.messages]
    assert "Weather?" == called.messages[1]["content"]
    assert (call, "c1") == (called.messages[2]["tool_calls"][0], called.messages[3]["tool_call_id"])
    assert [("Paris", "")] == [
        (one.arguments["city"], called.answer.text) for one in called.answer.tool_calls[:1]
    ]
    assert 2 == len(called.answer.tool_calls)
    assert ("tool_calls", "help-desk-f16") == (called.answer.finish_reason, called.answer.served_as)
    assert [WEATHER] == list(called.tools)
    assert ASKED == list(said.messages)
    assert ("Weather?", "length") == (said.answer.text, said.answer.finish_reason)


@pytest.mark.parametrize("first", ["span", "event"])
@pytest.mark.parametrize("silent", [False, True], ids=["messages on both", "on the event alone"])
def test_a_span_and_its_event_are_one_exchange(read, first, silent):
    """LiteLLM's event names no model, and its span may leave the messages to the event."""
    messages = {"gen_ai.input.messages": json.dumps(INPUT)}
    messages["gen_ai.output.messages"] = json.dumps([parts("assistant", TEXT)])
    record = {
        "traceId": "t1",
        "spanId": "s1",
        "attributes": attributes(
            {
                "event_name": "gen_ai.client.inference.operation.details",
                "gen_ai.operation.name": "chat",
                **messages,
            }
        ),
    }
    alone = {**record, "spanId": "s2"}
    both = [spans(span("s1", **({} if silent else messages))), logs(record)]
    found = read("otel", [*(both if first == "span" else reversed(both)), logs(alone)])
    together, apart = found.recorded

    assert ("m", "Weather?", 2.5) == (
        together.model,
        together.answer.text,
        together.answer.latency_s,
    )
    assert ("", "Weather?", 0.0) == (apart.model, apart.answer.text, apart.answer.latency_s)
    assert [] == found.lost("a span")


def test_halves_that_wait_are_bounded(read, monkeypatch):
    """Spans whose messages nobody captured: each is told of, the oldest before the end."""
    monkeypatch.setattr(otel, "_REMEMBERED", 3)
    told = {"gen_ai.input.messages": INPUT}
    found = read("otel", [spans(*(span(f"s{i}") for i in range(9)), span("whole", **told))])

    assert 9 == len(found.lost("a span"))
    assert 1 == len(found.recorded)


def message(name, said, span_id="s1", **about):
    """A log record of the conventions up to 1.36: one message."""
    return {
        "traceId": "t1",
        "spanId": span_id,
        "eventName": f"gen_ai.{name}",
        "attributes": attributes({"gen_ai.system": "openai", **about}),
        "body": value(said),
    }


def logs(*found):
    return {"resourceLogs": [{"scopeLogs": [{"logRecords": list(found)}]}]}


SPOKEN = (
    message("system.message", {"content": "Be brief"}),
    message("user.message", {"content": [{"type": "text", "text": "Weather?"}]}),
    message("choice", {"index": 0, "finish_reason": "stop", "message": {"content": "Sunny."}}),
)


def test_one_event_for_each_message(read):
    """The conventions up to 1.36: records of one span are put together."""
    (exchange,) = read("otel", [logs(*SPOKEN)]).recorded

    assert ["system", "user"] == [one["role"] for one in exchange.messages]
    assert ("Sunny.", "stop") == (exchange.answer.text, exchange.answer.finish_reason)


@pytest.mark.parametrize("order", [(0, 1, 2), (0, 2, 1), (2, 0, 1)])
def test_a_span_brings_what_the_events_of_its_messages_lack(read, order):
    """Model, parameters, times and tokens, wherever among the events it stands; and an error."""
    failed = {
        **span("s2", **{"error.type": "APIConnectionError"}),
        "status": {"code": "STATUS_CODE_ERROR"},
    }
    asked = message("user.message", {"content": "Anyone?"}, "s2")
    usage = {"gen_ai.usage.input_tokens": 7, "gen_ai.request.max_tokens": 64}
    documents = [logs(*SPOKEN[:2]), logs(SPOKEN[2], asked), spans(span("s1", **usage), failed)]
    found = read("otel", [documents[i] for i in order], failures=True)
    said, failure = sorted(found.recorded, key=lambda one: one.key)

    assert ("m", {"max_tokens": 64}) == (said.model, said.params)
    assert ("Sunny.", 2.5, 7) == (
        said.answer.text,
        said.answer.latency_s,
        said.answer.usage.prompt_tokens,
    )
    assert (None, "APIConnectionError", "m") == (failure.answer, failure.failure, failure.model)
    assert "Anyone?" == failure.messages[0]["content"]


def details(found=INPUT, **about):
    """The event with all messages."""
    return {
        "traceId": "t1",
        "spanId": "s1",
        "eventName": "gen_ai.client.inference.operation.details",
        "attributes": attributes({"gen_ai.input.messages": found}),
        **about,
    }


@pytest.mark.parametrize("no_id", [("", ""), ("0" * 32, "0" * 16)], ids=["empty", "zeros"])
def test_events_of_no_span_are_not_mixed(read, no_id):
    """How logs write that there is no span: each event stands alone, and a lone message is lost."""
    none = dict(zip(("traceId", "spanId"), no_id, strict=True))
    other = [parts("user", {"type": "text", "content": "Another?"})]
    found = read("otel", [logs(details(**none), details(other, **none))])
    assert ["Weather?", "Another?"] == [one.request.question for one in found.recorded]
    assert {""} == {one.key for one in found.recorded}

    found = read("otel", [logs(*({**one, **none} for one in SPOKEN))])
    assert [] == found.recorded
    assert ["names no span" in why for why in found.lost("a log record")] == [True] * 3


@pytest.mark.parametrize(
    "beside",
    [
        span(**{"gen_ai.prompt.name": "faq"}),
        span(events=[("gen_ai.evaluation.result", {"gen_ai.evaluation.name": "x"})]),
    ],
    ids=["the prompt's name", "an evaluation"],
)
def test_what_is_no_message_does_not_end_the_wait_for_messages(read, beside):
    """A span with other attributes and events than messages is put together with its event."""
    (found,) = read("otel", [spans(beside), logs(details())]).recorded
    assert ("Weather?", "m") == (found.request.question, found.model)

    judged = {**details(), "eventName": "gen_ai.evaluation.result", "attributes": []}
    found = read("otel", [logs(judged)])
    assert ["it is an evaluation"] == found.lost("a log record")


def test_messages_in_any_order_and_late_ones(read):
    """The answer's event may come first; a message after a whole exchange is told."""
    system, user, choice = SPOKEN
    (found,) = read("otel", [spans(span()), logs(choice, system, user)]).recorded
    assert ["system", "user"] == [one["role"] for one in found.messages]

    late = read("otel", [spans(span()), logs(system, choice), logs(user, choice)])
    assert 1 == len(late.recorded)
    assert ["read without it" in why for why in late.lost("a message")] == [True]


def test_a_span_that_stands_twice_is_not_swallowed(read):
    """Whoever reads it knows it by its key, and tells."""
    found = read("otel", [spans(span(**{"gen_ai.input.messages": INPUT}))] * 2)

    assert ["t1 s1", "t1 s1"] == [one.key for one in found.recorded]
    assert found.lost("a repeated request")


def test_an_exchange_with_too_many_messages_is_lost_as_a_whole(read, monkeypatch):
    """Half of a conversation is another question."""
    for module in (otel, _gen_ai):
        monkeypatch.setattr(module, "MOST", 2)
    more = [message("user.message", {"content": "More"}) for _ in range(2)]
    numbered = {f"gen_ai.prompt.{n}.content": "x" for n in range(3)}
    found = read("otel", [spans(span(), span("s2", **numbered)), logs(*more, *SPOKEN)])

    assert [] == found.recorded
    assert {
        "it has more than 2 attributes gen_ai.prompt.0, ...",
        "it has more than 2 messages",
    } == {*found.lost("a span")}


def test_what_waits_is_bounded_in_characters_too(read, monkeypatch):
    """Long events do not wait for their spans for ever: the oldest go on without them."""
    monkeypatch.setattr(otel, "_WAITING", 20_000)
    names = [f"s{n}" for n in range(4)]
    long = (parts("user", {"type": "text", "content": f"{name} " + "x" * 6000}) for name in names)
    events = [details([one], spanId=name) for one, name in zip(long, names, strict=True)]
    found = read("otel", [logs(*events), spans(*map(span, names))])

    assert [("t1 s0", ""), ("t1 s1", ""), ("t1 s2", "m"), ("t1 s3", "m")] == [
        (one.key, one.model) for one in found.recorded
    ]


@pytest.mark.parametrize(
    ("more", "what", "why"),
    [
        (
            {"gen_ai.output.messages": [parts("assistant", TEXT, tool_calls="x")]},
            "the answer",
            "it cannot be read",
        ),
        ({"gen_ai.tool.definitions": '[{"cut'}, "tools", "they are a text, no list"),
        (
            {"llm.request.functions.0.name": "f", "llm.request.functions.0.parameters": '{"cut'},
            "tool",
            "the parameters of 'f' are a text, no map",
        ),
        ({"gen_ai.system_instructions": [{"type": "uri"}]}, "a span", "something else than texts"),
        (
            {"gen_ai.output.messages": [parts("assistant", {**TEXT, "content": REDACTED})]},
            "a span",
            "LiteLLM has redacted its messages",
        ),
    ],
    ids=["answer", "tools", "parameters", "system", "redacted"],
)
def test_what_cannot_be_read_of_a_span_is_told(read, more, what, why):
    """Nothing of an exchange is left out in silence, and nothing is judged that is not there."""
    found = read("otel", [spans(span(**{"gen_ai.input.messages": INPUT, **more}))])

    assert [True] == [why in told for told in found.lost(what)]
    assert (what != "a span") == bool(found.recorded)


def test_numbers_and_texts_that_are_none(read):
    """A time beyond all clocks, a count of 400 digits, 1e999; a text that looks like a number."""
    about = {"gen_ai.input.messages": INPUT, "gen_ai.output.messages": [parts("assistant", TEXT)]}
    one = {**span(**about), "startTimeUnixNano": 10**400, "endTimeUnixNano": "9" * 400}
    one["attributes"] += [
        {"key": "gen_ai.usage.input_tokens", "value": {"intValue": 10**400}},
        {"key": "gen_ai.usage.output_tokens", "value": {"intValue": "7"}},
        {"key": "gen_ai.response.time_to_first_chunk", "value": {"doubleValue": "1e999"}},
        {"key": "gen_ai.system_instructions", "value": {"stringValue": "42"}},
    ]
    (found,) = read("otel", json.dumps(spans(one)).replace('"1e999"', "1e999")).recorded

    assert (0.0, None, 0.0) == (found.answer.latency_s, found.answer.ttft_s, found.answer.asked_at)
    assert (None, 7) == (found.answer.usage.prompt_tokens, found.answer.usage.completion_tokens)
    assert {"role": "system", "content": "42"} == found.messages[0]


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


def test_json_that_was_asked_for(read):
    """Of the format a span tells no more than that: no schema."""
    found = read(
        "otel", [spans(span(**{"gen_ai.input.messages": INPUT, "gen_ai.output.type": "json"}))]
    )

    assert {"response_format": {"type": "json_object"}} == found.recorded[0].params
    assert "if it was by a schema, add that" in found.lost("gen_ai.output.type")[0]


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
        "a part of type 'file'",
        "cannot be read: it is no JSON",
        "content was not captured",  # the span might have had an event with it
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
