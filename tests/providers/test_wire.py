"""Bytes to completions: odd streams and bodies are read, nonsense is called malformed."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from pytest_quantguard.providers import _events, _refusals, _wire
from pytest_quantguard.types import Completion, Token
from scripted_server import piece


def draft(*pieces: Any) -> Completion:
    """Put a completion together from stream pieces."""
    whole = _wire.Draft()
    for one in pieces:
        whole.add(json.dumps(one))
    return whole.completion(0.0, None)


def calls(*pieces: Any) -> list[tuple[str, str]]:
    """Return name and arguments of the calls that tool-call pieces add up to."""
    found = draft(*(piece({"tool_calls": [one]}) for one in pieces))
    return [(call.name, call.arguments_text) for call in found.tool_calls]


def part(index: int | None, name: str = "", arguments: Any = None, **more: Any) -> dict[str, Any]:
    function = {"name": name, "arguments": arguments}
    return {"function": function, **({} if index is None else {"index": index}), **more}


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_events_do_not_depend_on_how_the_bytes_are_cut(size: int, end: str) -> None:
    """Any chunking and any line end give the same events; comments and pings are nothing."""
    text = f"\ufeffdata: ä{end}{end}: ping{end}{end}event: x{end}data:b{end}data: c{end}{end}id: 1"
    data = text.encode()
    chunks = [data[i : i + size] for i in range(0, len(data), size)]

    assert list(_events.events(chunks)) == ["ä", "b\nc"]


def test_an_empty_line_is_not_lost_between_chunks() -> None:
    """The LF of a CRLF may come alone; the next one is a line of its own."""
    chunks = [b"data: a\r", b"\n", b"\n", b"data: b\r", b"", b"\n", b"\r\n"]

    assert list(_events.events(chunks)) == ["a", "b"]


def test_last_event_counts_without_its_empty_line() -> None:
    """Some servers end with the data of the last event."""
    assert list(_events.events([b"data: x"])) == ["x"]


def test_endless_line_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line without an end does not fill the memory."""
    monkeypatch.setattr(_events, "MAX_LINE", 100)

    with pytest.raises(_wire.MalformedError, match="longer than"):
        list(_events.events(b"x" * 60 for _ in range(1000)))


def test_compressed_bomb_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A small body that would be a large one stops at the limit, before it is in memory."""
    monkeypatch.setattr(_events, "MAX_BODY", 1000)
    bomb = gzip.compress(bytes(20 << 20))
    tracemalloc.start()
    with pytest.raises(_wire.MalformedError, match="larger than"):
        list(_events.bounded([bomb], "gzip"))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 2 << 20


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        ([part(0, "f", '{"a":', id="1"), part(0, "", "1}")], [("f", '{"a":1}')]),
        ([part(1, "g", "{}"), part(0, "f", "{}")], [("g", "{}"), ("f", "{}")]),
        ([part(0, "f", "{"), part(1, "g", "["), part(0, "", "}")], [("f", "{}"), ("g", "[")]),
        ([part(0, "f", "{}", id="1"), part(0, "g", "{}", id="2")], [("f", "{}"), ("g", "{}")]),
        ([part(0, "f", "{}", id="1"), part(0, "f", "{}", id="2")], [("f", "{}"), ("f", "{}")]),
        ([part(0, "f", "{}"), part(0, "g", "{}")], [("f", "{}"), ("g", "{}")]),
        ([part(0, "f", "{", id="1"), part(0, "f", "}", id="1")], [("f", "{}")]),
        ([part(None, "f", "{"), part(None, "", "}")], [("f", "{}")]),
        ([part(None, "f", "{}", id="1"), part(None, "", "!", id="1")], [("f", "{}!")]),
        ([part(None, "f", "{}"), part(None, "g", "{}")], [("f", "{}"), ("g", "{}")]),
        ([part(0, "get_"), part(0, "it", "{}")], [("get_it", "{}")]),
        ([part(0, "f", {"a": "ä"})], [("f", '{"a": "ä"}')]),
        ([{"index": 0, "id": None, "function": None}], [("", "")]),
    ],
)
def test_tool_calls_in_pieces(pieces: list[Any], expected: list[tuple[str, str]]) -> None:
    """Repeated, missing and shared indexes, repeated and cut names, arguments as an object."""
    assert calls(*pieces) == expected


def test_calls_are_found_by_their_id_without_a_search(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many calls without an index, in turns: each piece looks at its own call, not at all."""
    looks = []

    class Watched(_wire._Call):
        def __getattribute__(self, name: str) -> Any:
            looks.append(name)
            return super().__getattribute__(name)

    monkeypatch.setattr(_wire, "_Call", Watched)
    turns = [
        part(None, "f" if end == "{" else "", end, id=str(n)) for end in "{}" for n in range(400)
    ]

    assert [("f", "{}")] * 400 == calls(*turns)
    assert len(looks) < 20 * len(turns)


@pytest.mark.parametrize("whole", [True, False])
def test_no_answer_has_a_thousand_calls(whole: bool) -> None:
    """More is nonsense that would take long to put together."""
    many = [part(n, "f", "{}") for n in range(1001)]
    ends = {"message" if whole else "delta": {"tool_calls": many[:-1]}}

    assert len(draft({"choices": [ends]}).tool_calls) == 1000
    many_more = {"choices": [{"message" if whole else "delta": {"tool_calls": many}}]}
    with pytest.raises(_wire.MalformedError, match="more than 1000 tool calls"):
        draft(many_more)


@pytest.mark.parametrize("names", [["n" * 5000], [*"ab"] * 2500])
def test_no_tool_has_an_endless_name(names: list[str]) -> None:
    """Whole or letter by letter: putting it together would take the square of its length."""
    with pytest.raises(_wire.MalformedError, match="name is longer than 4096 characters"):
        draft(piece({"tool_calls": [part(0, name) for name in names]}))

    assert calls(part(0, "n" * 4096)) == [("n" * 4096, "")]


def test_a_character_that_a_stream_cut_in_two_is_whole() -> None:
    """Halves of UTF-16 in two pieces are one character, as they are when the answer is stored."""
    halves = ["a\ud83d", "\ude00b", "\ude00", "\ud83d"]
    draft = _wire.Draft()
    for half in halves:
        call = {"index": 0, "function": {"name": "f", "arguments": half}}
        delta = {"content": half, "refusal": half, "reasoning": half, "tool_calls": [call]}
        draft.add(json.dumps({"choices": [{"delta": delta}]}))
    found = draft.completion(1.0, None)
    said = "a\U0001f600b\ude00\ud83d"
    assert said == json.loads(json.dumps(found.text)) == found.text
    assert (said, said) == (found.refusal, found.reasoning)
    assert said == found.tool_calls[0].arguments_text


def test_whole_message_is_read_like_a_stream() -> None:
    """A plain body: calls are never merged, content parts are joined, other choices ignored."""
    message = {
        "content": [
            {"type": "text", "text": "a"},
            {"type": "image"},
            {"type": "text", "text": "b"},
        ],
        "tool_calls": [part(None, "f", "{}", id="1"), part(None, "f", "[]", id="1")],
        "refusal": "no",
        "reasoning_content": "because",
    }
    choices = [
        {"index": 1, "message": {"content": "other"}},
        {"index": 0, "message": message, "finish_reason": "stop"},
    ]
    found = draft({"choices": choices, "usage": {"prompt_tokens": True, "completion_tokens": 3}})

    assert (found.text, found.refusal, found.finish_reason) == ("ab", "no", "stop")
    assert [call.arguments_text for call in found.tool_calls] == ["{}", "[]"]
    assert (found.usage.prompt_tokens, found.usage.completion_tokens) == (None, 3)


def test_counts_that_nobody_can_count_are_not_known() -> None:
    """A number of tokens with 400 digits would break every sum and table that it gets into."""
    told = {"prompt_tokens": 10**400, "completion_tokens": 2**53}
    found = draft({"choices": [{"message": {"content": "x"}}], "usage": told})

    assert (found.usage.prompt_tokens, found.usage.completion_tokens) == (None, 2**53)


# --- log-probs --------------------------------------------------------------------------

A = {"token": "A", "logprob": -0.5, "bytes": [65], "top_logprobs": []}
B = {
    "token": "\ufffd",
    "logprob": 0,
    "bytes": [226, 130],
    "top_logprobs": [{"token": "b", "logprob": -1}, {"token": "", "logprob": -9999.0}] * 20,
}
READ = (
    Token(text="A", logprob=-0.5),
    Token(text=r"\xe2\x82", logprob=0.0, top=(("b", -1.0), ("", -9999.0)) * 10),
)


def listed(*content: Any, **more: Any) -> dict[str, Any]:
    """Return one chunk with text and log-probs."""
    chunk = piece({"content": "x"})
    chunk["choices"][0]["logprobs"] = {"content": list(content), **more}
    return chunk


def whole(*content: Any) -> dict[str, Any]:
    return {"choices": [{"message": {"content": "x"}, "logprobs": {"content": list(content)}}]}


@pytest.mark.parametrize(
    "pieces",
    [
        [listed(A), listed(B)],  # llama.cpp and vLLM: as the text comes
        [piece({"role": "assistant"}), listed(A, B, refusal=None), piece({}, "stop")],
        [listed(), listed(A), piece({"content": "y"}), listed(B)],  # SGLang: some without
        [whole(A, B)],
        [whole({**A, "bytes": None}, {**B, "id": 7})],
        [whole({**A, "bytes": [65, "x"]}, B)],
        [whole({**A, "bytes": [65, 256]}, {**B, "logprob": 1e-7})],
    ],
)
def test_log_probs_are_collected(pieces: list[Any]) -> None:
    """Streamed or whole; bytes that are no text are shown; at most 20 alternatives are kept."""
    assert READ == draft(*pieces).tokens


@pytest.mark.parametrize(
    "content",
    [
        [3],
        [[]],
        [{}],
        [{**A, "token": None}],
        [{**A, "logprob": None}],
        [{**A, "logprob": "-1"}],
        [{**A, "logprob": True}],
        [{**A, "logprob": 0.5}],
        [{**A, "logprob": float("nan")}],
        [{**A, "logprob": -float("inf")}],
        [{**A, "logprob": 10**400}],
        [{**A, "top_logprobs": {"b": 1}}],
        [{**A, "top_logprobs": [3]}],
        [{**A, "top_logprobs": [{"token": "b"}]}],
        [A] * 100_001,
    ],
)
def test_log_probs_that_are_none_are_dropped(content: list[Any]) -> None:
    """All of them, for good; the answer stays."""
    for pieces in ([whole(*content)], [listed(A), listed(*content), listed(B)]):
        found = draft(*pieces)
        assert ((), "x") == (found.tokens, found.text[:1])


@pytest.mark.parametrize("logprobs", [None, 3, [], {}, {"content": None}, {"tokens": ["A"]}])
def test_no_log_probs_are_no_tokens(logprobs: Any) -> None:
    """What most servers send."""
    chunk = {"choices": [{"message": {"content": "x"}, "logprobs": logprobs}]}

    assert () == draft(chunk).tokens


def test_an_endless_answer_keeps_no_log_probs() -> None:
    """A hundred thousand tokens are enough; it does not fill the memory."""
    assert () == draft(*[listed(*[A] * 50_001)] * 2).tokens


def test_reasoning_is_no_text() -> None:
    """Neither name of the reasoning field adds to the text."""
    found = draft(piece({"reasoning": "hm"}), piece({"reasoning_content": "hm"}), piece({}, "stop"))

    assert found.text == ""
    assert found.empty


@pytest.mark.parametrize(
    "data",
    [
        "{",
        "[1]",
        "nul",
        "[" * 100_000,
        '{"choices": 3}',
        '{"choices": [3]}',
        '{"choices": [{"delta": 3}]}',
        '{"choices": [{"delta": {"content": 3}}]}',
        '{"choices": [{"delta": {"tool_calls": 3}}]}',
        '{"choices": [{"delta": {"tool_calls": [3]}}]}',
        '{"choices": [{"delta": {"tool_calls": [{"function": {"name": 3}}]}}]}',
        '{"usage": {"prompt_tokens": ' + "9" * 10_000 + "}}",
    ],
)
def test_what_is_no_completion_is_malformed(data: str) -> None:
    """Wrong types and absurd JSON never raise anything else."""
    with pytest.raises(_wire.MalformedError):
        _wire.Draft().add(data)


@pytest.mark.parametrize("data", ['{"a": "' + "x" * 200, '["' + "x" * 200 + '"]'])
def test_what_is_malformed_is_told_uncut(data: str) -> None:
    """Whoever tells it takes secrets out first: one that is cut is not found any more."""
    with pytest.raises(_wire.MalformedError) as caught:
        _wire.json_object(data)

    assert data in str(caught.value)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ('{"error": {"message": "a", "type": "t", "code": 400}}', "a"),
        ('{"object": "error", "message": "b", "code": 400}', "b"),
        ('{"error": "c", "error_type": "t"}', "c"),
        ('{"detail": "d"}', "d"),
        ('{"detail": [{"msg": "e", "loc": ["body"]}, {"msg": "f"}]}', "e; f"),
        ("<!DOCTYPE html><html>", "an HTML page"),
        ("plain", "plain"),
        ("", "no explanation"),
        ("[" * 100_000, "[" * 100_000),
    ],
)
def test_error_text_of_all_shapes(body: str, expected: str) -> None:
    """vLLM, SGLang, llama.cpp, TGI, FastAPI, proxies and nothing at all."""
    assert _refusals.error_text(body.encode()) == expected


def test_retry_after_in_seconds_or_as_a_date() -> None:
    """Seconds, a date, the past, the absurd, nonsense, nothing."""
    now = 1_800_000_000.0
    date = format_datetime(datetime.fromtimestamp(now, UTC) + timedelta(seconds=9), usegmt=True)

    def wait(text: str) -> float | None:
        return _refusals.retry_after_s({"retry-after": text}, now)

    assert [wait("2"), wait("0.5"), wait(date), wait("-3"), wait("1e9")] == [2, 0.5, 9, 0, 86400]
    assert [wait("nan"), wait("inf"), wait("soon"), wait(""), wait("99999-")] == [None] * 5
    assert _refusals.retry_after_s({}, now) is None
