"""Batch output files, line by line: what is an answer, and what is said about the rest."""

from __future__ import annotations

import json

import pytest

from batch_files import answered, completion
from pytest_quantguard._answers import Answers
from pytest_quantguard.errors import ConfigError, ProviderError, RefusedError, TransportError

KEYS = [f"{number:064x}" for number in range(100)]


def read(tmp_path, *lines, secrets=()):
    path = tmp_path / "a.jsonl"
    path.write_text(
        "".join(line if isinstance(line, str) else json.dumps(line) + "\n" for line in lines)
    )
    return Answers([(path, "a.jsonl")], secrets)


def failure(status, body=None, error=None, custom_id="k"):
    return {
        "id": "x",
        "custom_id": custom_id,
        "response": {"status_code": status, "body": body},
        "error": error,
    }


@pytest.mark.parametrize(
    ("line", "kind", "sentence"),
    [
        # vLLM: an ErrorResponse under 'error', no body
        (
            failure(
                400,
                None,
                {"error": {"message": "too long", "type": "BadRequestError", "code": 400}},
            ),
            RefusedError,
            "HTTP 400: too long",
        ),
        (
            failure(400, None, "Request must not be sent in stream mode"),
            RefusedError,
            "stream mode",
        ),
        # OpenAI: the API's error body in the error file
        (failure(429, {"error": {"message": "slow down"}}), TransportError, "HTTP 429: slow down"),
        (failure(500, {"error": {"message": "oops"}}), TransportError, "HTTP 500: oops"),
        (
            {
                "id": "x",
                "custom_id": "k",
                "response": None,
                "error": {"code": "batch_expired", "message": "expired"},
            },
            TransportError,
            "the batch has no answer: expired",
        ),
        (failure(200, None), TransportError, "no answer and no reason"),
        (failure(200, {"choices": []}), TransportError, "the batch has no answer"),
        (failure(200, {"choices": [5]}), ProviderError, "cannot be used: a choice is no object"),
        (
            failure(200, {"choices": {"a": 1}}),
            ProviderError,
            "cannot be used: 'choices' is no list",
        ),
        (
            failure(200, {"choices": [{"message": {"content": 5}}]}),
            ProviderError,
            "'content' is neither text nor a list of parts",
        ),
    ],
)
def test_requests_without_an_answer(tmp_path, line, kind, sentence):
    """Whatever shape a batch job gives them."""
    found = read(tmp_path, line)

    assert found.find("k") is None
    assert type(found.why_not("k")) is kind
    assert sentence in str(found.why_not("k"))
    assert "a.jsonl:1: " in str(found.why_not("k"))


def test_an_answer_as_an_api_gives_it(tmp_path):
    """Text, calls, tokens, who answered; how long it took is not known."""
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
    body = completion("hi", "m-1", tool_calls=[call], reasoning="hm")
    found = read(
        tmp_path, answered("k", body), answered("bare", {}) | {"response": completion("x")}
    )
    answer = found.find("k")

    assert answer is not None
    assert ("hi", "stop", "m-1", 5, 2) == (
        answer.text,
        answer.finish_reason,
        answer.served_as,
        answer.usage.prompt_tokens,
        answer.usage.completion_tokens,
    )
    assert ('{"a": 1}', 0.0, None, 0.0) == (
        answer.tool_calls[0].arguments_text,
        answer.latency_s,
        answer.ttft_s,
        answer.asked_at,
    )
    assert "x" == found.find("bare").text  # some runners leave the envelope out


def test_a_retried_request(tmp_path):
    """One that failed gives way to one that did not, wherever it stands."""
    good, bad = answered("k", completion("hi")), failure(500)
    for lines in ((good, bad), (bad, good), (bad, good, bad)):
        assert "hi" == read(tmp_path, *lines).find("k").text


def test_two_answers_to_one_question_are_none(tmp_path):
    """Which one was meant is not for us to say; both places are told."""
    found = read(tmp_path, answered("k", completion("a")), answered("k", completion("b")))

    assert found.find("k") is None
    assert "k" not in found
    assert "a.jsonl:1 and a.jsonl:2 answer the same request differently" == str(found.why_not("k"))


def test_keys_in_answers_are_taken_out(tmp_path):
    """A server that echoed a key into an answer or an error must not get it shown or stored."""
    key = "sk-not-to-be-seen"
    lines = [
        answered("k", completion(f"your key is {key}")),
        failure(401, {"error": {"message": key}}, None, "e"),
    ]
    found = read(tmp_path, *lines, secrets=(key,))

    assert "your key is [secret]" == found.find("k").text
    assert key not in str(found.why_not("e"))


@pytest.mark.parametrize(
    "text",
    ["x" * 10_000_000, "\x1b[31m\x00\u202e", "half \ud800", "::error::", "[" * 100_000, ""],
    ids=["10 MB", "controls", "surrogate", "command", "brackets", "empty"],
)
def test_hostile_texts_are_answers_like_any_other(tmp_path, text):
    """Checks see them raw; an empty one is an answer that says nothing."""
    answer = read(tmp_path, answered("k", completion(text))).find("k")

    assert answer is not None
    assert text == answer.text


@pytest.mark.parametrize(
    "line",
    [
        '{"custom_id": "k", "response": ' + "[" * 100_000 + "\n",
        '{"custom_id": "k", "response": {"body": ' + '{"a": ' * 50_000 + "1" + "}" * 50_002 + "\n",
        '{"custom_id": "k", "custom_id": "j", "response": {}}\n',
        '{"custom_id": ["k"], "response": {}}\n',
        '{"custom_id": "", "response": {}}\n',
        '{"custom_id": "k", "response": {"body": ' + "9" * 5000 + "}}\n",
    ],
    ids=range(6),
)
def test_hostile_lines_are_counted(tmp_path, line):
    """Deep, contradictory, numbers without measure: no answer, a remark, no traceback."""
    found = read(tmp_path, line, answered("other", completion("x")))

    assert found.find("k") is None
    assert "1 line cannot be used: a.jsonl:1: " in " ".join(found.remarks())


def test_a_file_that_changes_under_our_feet(tmp_path):
    """What was indexed is not there any more: an error, not another case's answer."""
    found = read(tmp_path, *(answered(key, completion(key[-2:])) for key in KEYS))
    path = tmp_path / "a.jsonl"
    path.write_text(path.read_text()[7:])

    assert found.find(KEYS[3]) is None
    assert "the file was changed while it was used" in str(found.why_not(KEYS[3]))


def test_packed_and_repeated_files_are_refused(tmp_path):
    """Answers are looked up in place, so that a million of them need little memory."""
    (tmp_path / "a.jsonl.gz").write_bytes(b"x")

    with pytest.raises(ConfigError, match="unpack the file first"):
        Answers.given(["a.jsonl.gz"], tmp_path, ())
    with pytest.raises(ConfigError, match=r"a\.jsonl is named twice"):
        Answers.given(["a.jsonl", "a.jsonl"], tmp_path, ())
