"""Mirrored traffic as a stream of pairs: our own lines, joined logs, and what is no evidence."""

from __future__ import annotations

import gzip
import json
import sqlite3
from dataclasses import replace

import pytest
from recorded_pairs import asked, call, litellm, pair, said, span

from pytest_quantguard.canary import waiting
from pytest_quantguard.canary.lost import Recent
from pytest_quantguard.canary.reading import Reader
from pytest_quantguard.canary.records import Feedback, MirroredPair, Side
from pytest_quantguard.canary.waiting import Waiting, WaitingRoom, mark, packed, unpacked
from pytest_quantguard.errors import InputError
from pytest_quantguard.importers import _lines
from pytest_quantguard.types import Completion, CompletionRequest, Source, ToolCall, Usage

BOTH = ("help-desk-bf16", "help-desk-awq")

# --- one pair a line ------------------------------------------------------------------------


def test_a_line_with_everything(canary):
    """Request, both answers, times, cost, feedback, route, tags, and labels that somebody reads."""
    canary.configure(cohorts=[{"cohort": "eu", "labels": {"region": "eu-*"}}])
    line = pair(
        7,
        route="/refunds",
        tags=["vip"],
        labels={"region": "eu-west", "user": "jane"},
        at=1700000000,
        request=asked(temperature=0, stream=True, api_key="sk-not-kept-1234", tools=None),
        baseline=said(
            latency_s=1.5, ttft_s=0.2, cost=0.001, feedback={"thumbs": "up", "retried": False}
        ),
        candidate={"tool_calls": [call()], "finish_reason": "tool_calls"},
    )
    (found,) = canary.reader(canary.write("m.jsonl", line)).pairs()

    assert ("r-7", "/refunds", ("vip",)) == (found.id, found.route, found.tags)
    assert {"region": "eu-west"} == found.labels
    assert {"temperature": 0} == found.request.params
    ours, theirs = found.baseline, found.candidate
    assert (1.5, 0.2, 0.001) == (ours.completion.latency_s, ours.completion.ttft_s, ours.cost)
    assert (1.0, False, None) == (
        ours.feedback.thumbs,
        ours.feedback.retried,
        ours.feedback.escalated,
    )
    assert "refund_order" == theirs.completion.tool_calls[0].name
    assert not theirs.feedback.known
    assert "m.jsonl:1" == str(found.source)


def test_an_error_is_no_answer(canary):
    """What a gateway says of a failed call, without the key that it quotes."""
    failed = {"error": "401 bad key: sk-abcdefgh12345 \x1b[2J\n::error::x", "timed_out": False}
    late = {"timed_out": True}
    name = canary.write("m.jsonl", pair(1, candidate=failed), pair(2, candidate=late))
    first, second = canary.reader(name).pairs()

    assert first.candidate.completion is None
    assert "sk-abc" not in first.candidate.failure
    assert "[secret]" in first.candidate.failure
    assert "\x1b" not in first.candidate.failure
    assert "\n" not in first.candidate.failure
    assert second.candidate.timed_out
    assert "it ran out of time" == second.candidate.failure


def test_a_chat_completion_in_place_of_its_parts(canary):
    """As the API gave it; the rest of the line adds what it does not know."""
    body = litellm(1, "help-desk-bf16")["response"]
    name = canary.write("m.jsonl", pair(1, baseline={"completion": body, "latency_s": 2}))
    (found,) = canary.reader(name).pairs()

    assert ("Done.", 2.0) == (found.baseline.completion.text, found.baseline.completion.latency_s)
    assert "help-desk-bf16" == found.baseline.completion.served_as


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ('{"id": "x", "request"', "it is no JSON"),
        ("[1]", "it holds no map"),
        ('{"request": {"messages": []}, "baseline": {"text": ""}}', "request.messages is []"),
        (b'{"request": "\xff"}', "it is not UTF-8 text"),
        ('{"a": 1, "a": 2}', "the key 'a' stands twice"),
        (pair(candidat=said(), candidate="left out"), "did you mean 'candidate'?"),
        (pair(baseline=None, candidate=None), "it has neither a baseline nor a candidate"),
        (pair(candidate={"model": "x"}), "the candidate has neither a text, tool_calls nor"),
        (pair(candidate={"completion": {"choices": 3}}), "is no chat completion"),
        (pair(candidate=said(latency_s="fast")), "candidate.latency_s must be a number"),
        (pair(candidate=said(feedback={"thumb": 1})), "did you mean 'thumbs'?"),
        (pair(request={"messages": [{"role": "robot"}]}), "allowed: system, developer"),
        ("[" * 5000 + "]" * 5000, "nested too deeply"),
    ],
)
def test_lines_that_cannot_be_used(canary, line, why):
    """Each is counted, and the first ones are told by their line and in one sentence."""
    reader = canary.reader(canary.write("m.jsonl", pair(1), line, pair(2)))

    assert ["r-1", "r-2"] == [found.id for found in reader.pairs()]
    (sentence,) = reader.lost.sentences()
    assert sentence.startswith("1 record that cannot be used: m.jsonl:2: ")
    assert why in sentence
    assert (3, 1) == (reader.seen, reader.lost.missing)


def test_a_line_without_measure(canary, monkeypatch):
    """A line that is longer than the limit is passed over, whatever its length."""
    monkeypatch.setattr(_lines, "MAX_LINE", 2000)
    huge = pair(2, baseline=said("x" * 50_000))
    reader = canary.reader(canary.write("m.jsonl", pair(1), huge, pair(3)))

    assert ["r-1", "r-3"] == [found.id for found in reader.pairs()]
    assert "m.jsonl:2: the line is longer than" in reader.lost.sentences()[0]


def test_numbers_that_are_none(canary):
    """NaN is counted and not known; so is what no duration can be."""
    odd = pair(1, baseline=said(latency_s=float("nan")), candidate=said(latency_s=-1, cost=1e300))
    line = json.dumps(odd).replace("-1", "1e999")
    reader = canary.reader(canary.write("m.jsonl", line))
    (found,) = reader.pairs()

    assert (0.0, 0.0) == (found.baseline.completion.latency_s, found.candidate.completion.latency_s)
    assert found.candidate.cost is None
    assert ["1 number that is none (NaN): m.jsonl:1: NaN"] == reader.lost.sentences()
    assert 0 == reader.lost.missing


def test_a_pair_counts_once(canary):
    """Of two lines with one id the second is left out, and named."""
    reader = canary.reader(canary.write("m.jsonl", pair(1), pair(1), pair(2)))

    assert ["r-1", "r-2"] == [found.id for found in reader.pairs()]
    assert ["1 record that stands twice: m.jsonl:2: its id is 'r-1'"] == reader.lost.sentences()


def test_ids_are_remembered_for_a_while():
    """At least as many as is said; memory does not grow with the log."""
    recent = Recent(100)

    assert not any(recent.seen(str(number)) for number in range(1000))
    assert all(recent.seen(str(number)) for number in range(900, 1000))
    assert recent.forgot
    assert recent._new.held + recent._old.held <= 200


def test_hostile_names_are_cleaned(canary):
    """Ids become one clean line; a lone surrogate in a text stays what it is."""
    odd = '{"id": "\\u001b[2J::error::x\\ny", "request": {"messages": [{"role": "user", '
    odd += '"content": "\\ud800"}]}, "baseline": {"text": "\\udfff"}, "candidate": {"text": ""}}'
    (found,) = canary.reader(canary.write("m.jsonl", odd)).pairs()

    assert "\x1b" not in found.id
    assert "\n" not in found.id
    assert "\udfff" == found.baseline.completion.text


def test_packed_files_and_several(canary, tmp_path):
    """`.gz` is unpacked; several files are one stream."""
    with gzip.open(tmp_path / "a.jsonl.gz", "wt") as stream:
        stream.write(json.dumps(pair(1)) + "\n")
    reader = canary.reader("a.jsonl.gz", canary.write("b.jsonl", pair(2)))

    assert ["r-1", "r-2"] == [found.id for found in reader.pairs()]
    assert 0 == reader.size


@pytest.mark.parametrize(
    ("names", "why"),
    [
        (["none.jsonl"], "no such file"),
        (["m.jsonl", "./m.jsonl"], "is given twice"),
        (["empty.jsonl"], "the file is empty"),
        (["whole.json"], "whole.json: is one JSON document; write one pair a line"),
        (["other.jsonl"], "is no mirrored traffic that is known: it begins with"),
        (
            ["m.jsonl", "lite.jsonl"],
            "one format at a time: m.jsonl is pairs, lite.jsonl is litellm",
        ),
    ],
)
def test_files_that_cannot_be_read(canary, names, why):
    """One sentence, before anything is read."""
    canary.write("m.jsonl", pair(1))
    canary.write("empty.jsonl")
    canary.write("other.jsonl", {"a": 1})
    canary.write("whole.json", json.dumps([pair(1)], indent=1))
    canary.write("lite.jsonl", litellm(1, BOTH[0]))

    with pytest.raises(InputError) as error:
        canary.reader(*names)
    assert why in str(error.value)


# --- one answer a record ----------------------------------------------------------------------


@pytest.mark.parametrize("record", [litellm, span], ids=["litellm", "otel"])
def test_both_answers_are_found(canary, record):
    """By the same request, in whatever order they come; times are those of the log."""
    ours = [record(number, BOTH[0]) for number in range(5)]
    theirs = [record(number, BOTH[1], "Gone.") for number in (3, 1, 4, 0, 2)]
    reader = canary.reader(canary.write("log.jsonl", *ours, *theirs))
    found = list(reader.pairs())

    assert [f"Question {n}" for n in (3, 1, 4, 0, 2)] == [one.request.question for one in found]
    assert {"Done."} == {one.baseline.completion.text for one in found}
    assert {"Gone."} == {one.candidate.completion.text for one in found}
    assert {1.5} == {one.baseline.completion.latency_s for one in found}
    assert [] == reader.lost.sentences()


def test_spans_and_their_messages_in_two_files(canary):
    """A collector writes logs to a file of their own; the model is known from the span alone."""
    lines = [span(number, model) for number in range(3) for model in BOTH]
    events = []
    for line in lines:
        (one,) = line["resourceSpans"][0]["scopeSpans"][0]["spans"]
        kept = [a for a in one["attributes"] if a["key"] != "gen_ai.request.model"]
        one["attributes"] = [a for a in one["attributes"] if "messages" not in a["key"]]
        event = {"traceId": one["traceId"], "spanId": one["spanId"], "attributes": kept}
        events.append({"resourceLogs": [{"scopeLogs": [{"logRecords": [event]}]}]})
    names = canary.write("logs.jsonl", *events), canary.write("traces.jsonl", *lines)
    reader = canary.reader(*names)
    found = list(reader.pairs())

    assert 3 == len(found)
    assert {1.5} == {one.candidate.completion.latency_s for one in found}
    assert [] == reader.lost.sentences()


def test_one_file_for_each_arm(canary):
    """Files are read in turns: none has to fit into the window."""
    canary.configure(window=2)
    ours = canary.write("a.jsonl", *(litellm(number, BOTH[0]) for number in range(50)))
    theirs = canary.write("b.jsonl", *(litellm(number, BOTH[1]) for number in range(50)))
    reader = canary.reader(ours, theirs)

    assert 50 == len(list(reader.pairs()))
    assert 0 == reader.lost.missing


def test_what_does_not_fit_into_the_window_waits_on_disk(canary):
    """One model's answers may come after all of the other's; what is alone is named."""
    canary.configure(window=3)
    ours = [litellm(number, BOTH[0], "Done.") for number in range(20)]
    theirs = [litellm(number, BOTH[1], "Gone.") for number in reversed(range(1, 19))]
    reader = canary.reader(canary.write("log.jsonl", *ours, *theirs))
    found = list(reader.pairs())

    assert [f"{BOTH[0]}-{n}" for n in reversed(range(1, 19))] == [one.id for one in found]
    assert [f"log.jsonl:{n + 1}" for n in reversed(range(1, 19))] == [str(f.source) for f in found]
    assert {"Done."} == {one.baseline.completion.text for one in found}
    assert {"Gone."} == {one.candidate.completion.text for one in found}
    assert [
        "2 answers without the other model's: log.jsonl:1: baseline; log.jsonl:20: baseline"
    ] == reader.lost.sentences()
    assert (38, 2) == (reader.seen, reader.lost.missing)


def test_memory_is_bounded_by_all_that_a_record_holds(canary, monkeypatch):
    """Long texts go to the disk before the window is full, and so do long tools and labels."""
    monkeypatch.setattr(waiting, "MAX_WAITING", 100_000)
    tools = [{"type": "function", "function": {"name": "f", "description": "x" * 60_000}}]
    long_ = [litellm(n, BOTH[0], "x" * 60_000) for n in range(3)]
    asked_ = {"model_parameters": {"tools": tools}}
    lines = [*long_, *(litellm(n, BOTH[0], **asked_) for n in range(3, 6))]
    stored = []
    monkeypatch.setattr(waiting, "packed", lambda half: stored.append(half.id) or packed(half))
    reader = canary.reader(canary.write("log.jsonl", *lines))

    assert [] == list(reader.pairs())
    assert [f"{BOTH[0]}-{n}" for n in range(5)] == stored
    assert 6 == reader.lost.counts["alone"]


def test_a_disk_without_room_is_a_usage_error(canary, monkeypatch):
    """It says so, and what to do: half of a log is no evidence."""

    def full(half):
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(waiting, "packed", full)
    canary.configure(window=1)
    lines = [litellm(number, BOTH[0]) for number in range(3)]
    with pytest.raises(InputError, match=r"database or disk is full\); let TMPDIR name a folder"):
        list(canary.reader(canary.write("log.jsonl", *lines)).pairs())


def test_a_file_name_of_any_bytes_waits_on_disk_too(canary):
    """Such a name is no text: half characters stand in it for its bytes."""
    canary.configure(window=1)
    lines = [litellm(n, BOTH[0]) for n in range(3)] + [litellm(0, BOTH[1])]
    log = canary.write("log.jsonl", *lines)
    odd = "caf\udce9.jsonl"
    reader = Reader([(canary.folder / log, odd)], canary.config())
    (found,) = reader.pairs()

    assert f"{odd}:1" == str(found.source)
    assert {"alone": 2} == dict(reader.lost.counts)


def test_what_waits_on_disk_leaves_no_file_and_goes_when_reading_ends(canary, tmp_path):
    """However it ends: the file has no name, and the room is given back when reading is closed."""
    canary.configure(window=1)
    ours = [litellm(n, BOTH[0], "x" * 3000) for n in range(5)]
    reader = canary.reader(canary.write("log.jsonl", *ours, litellm(2, BOTH[1])))
    before = sorted(tmp_path.rglob("*"))
    closed = []

    class Disk(sqlite3.Connection):
        def close(self):
            closed.append(self)
            super().close()

    with pytest.MonkeyPatch.context() as patch:
        make = sqlite3.connect
        patch.setattr(sqlite3, "connect", lambda *a, **k: make(*a, **k, factory=Disk))
        patch.setenv("SQLITE_TMPDIR", str(tmp_path))
        pairs = reader.pairs()
        next(pairs)
        assert before == sorted(tmp_path.rglob("*"))
        assert [] == closed
        pairs.close()

    assert 1 == len(closed)


def test_one_question_that_is_asked_for_ever_does_not_fill_the_memory():
    """The first waits for ever, and each later one is there before the one before it has left."""
    room = WaitingRoom(100)
    half = MirroredPair(
        id="r",
        request=CompletionRequest(messages=()),
        baseline=None,
        candidate=None,
        source=Source(file="a", line=1),
    )
    key = mark("baseline", "ping")

    def one(number):
        trace = mark("baseline", "ping", str(number))
        room.put(Waiting("baseline", key, trace, replace(half, id=str(number)), 1))
        return trace

    one(0)
    last = one(1)
    for number in range(2, 3000):
        new = one(number)
        assert str(number - 1) == room.take(key, last).half.id
        last = new

    assert 100 > len(room._numbers[key])
    assert ["0", "2999"] == [room.take(key, b"").half.id for _ in range(2)]
    assert room.take(key, b"") is None
    assert {} == room._numbers


def test_what_waits_on_disk_comes_back_as_it_was():
    """Every field of both kinds of sides, half characters of texts included."""
    call = ToolCall(name="f", arguments_text='{"a": "\ud800"}')
    said = Completion(
        text="Ja \ud83d", tool_calls=(call,), usage=Usage(prompt_tokens=3), ttft_s=0.1
    )
    half = MirroredPair(
        id="r",
        request=CompletionRequest(messages=({"role": "user", "content": [{"text": "\u2028"}]},)),
        baseline=Side(completion=said, cost=0.1, feedback=Feedback(thumbs=1.0, retried=False)),
        candidate=None,
        source=Source(file="a:b", line=7),
        route="x",
        tags=("x", "y"),
        labels={"n": 1, "ok": True},
        at=1.5,
    )
    failed = replace(half, baseline=None, candidate=Side(completion=None, failure="503"))

    assert half == unpacked(packed(half))
    assert failed == unpacked(packed(failed))


@pytest.mark.parametrize("window", [1, 100])
def test_of_one_question_asked_often_the_first_that_waits_is_taken(canary, window):
    """In memory as on disk; of sampled traffic the last, and always the one of the same trace."""
    same = {"messages": asked("Hi")["messages"]}
    lines = [litellm(n, BOTH[0], f"answer {n}", **same) for n in range(4)]
    lines += [litellm(n, BOTH[1], **same) for n in (2, 7, 8)]
    taken = {}
    for traffic in ("mirrored", "sampled"):
        canary.configure(window=window, traffic=traffic)
        found = canary.reader(canary.write("log.jsonl", *lines)).pairs()
        taken[traffic] = [int(one.baseline.completion.text[-1]) for one in found]

    assert {"mirrored": [2, 0, 1], "sampled": [2, 3, 1]} == taken


def test_the_same_question_of_two_users(canary):
    """The trace tells whose answer it is; without one the first that waits."""
    same = {"messages": asked("Hi")["messages"]}
    lines = [
        litellm(1, BOTH[0], "first", **same),
        litellm(2, BOTH[0], "second", **same),
        litellm(2, BOTH[1], "second", **same),
        litellm(9, BOTH[1], "other trace", **same),
    ]
    found = list(canary.reader(canary.write("log.jsonl", *lines)).pairs())

    told = [(one.baseline.completion.text, one.candidate.completion.text) for one in found]
    assert [("second", "second"), ("first", "other trace")] == told


@pytest.mark.parametrize("join", ["trace", "label:mirror"])
def test_joined_by_a_mark(canary, join):
    """Two requests of one mark that differ are no pair that can be compared."""
    canary.configure(join=join)
    mark = {"metadata": {"spend_logs_metadata": {"mirror": "m-1"}}}
    other = {"messages": asked("Something else")["messages"]}
    bare = litellm(2, BOTH[0], trace_id=None)
    lines = [litellm(1, BOTH[0], **mark), bare, litellm(1, BOTH[1], **mark, **other)]
    reader = canary.reader(canary.write("log.jsonl", *lines))
    (found,) = reader.pairs()

    assert "the request of the candidate is another one (log.jsonl:3)" == found.unlike
    assert "1 exchange that cannot be joined: log.jsonl:2" in reader.lost.sentences()[0]


def test_a_failed_call_is_an_error_of_its_arm(canary):
    """Of LiteLLM, and of spans that captured what was asked."""
    failure = {"status": "failure", "error_str": "Timeout: Bearer abcdefgh1234", "response": None}
    name = canary.write("a.jsonl", litellm(1, BOTH[0]), litellm(1, BOTH[1], **failure))
    (found,) = canary.reader(name).pairs()
    assert (None, True) == (found.candidate.completion, found.candidate.timed_out)
    assert "abcdefgh" not in found.candidate.failure

    lost = {"gen_ai.output.messages": "[]", "error.type": "timeout"}
    name = canary.write("b.jsonl", span(1, BOTH[0]), span(1, BOTH[1], **lost))
    (found,) = canary.reader(name).pairs()
    assert ("timeout", True) == (found.candidate.failure, found.candidate.timed_out)


def test_other_models_and_other_records(canary):
    """Counted; what was never an exchange is not missed."""
    lines = [
        litellm(1, "gpt-x"),
        litellm(1, BOTH[0], call_type="aembedding"),
        litellm(1, BOTH[0], messages=None),
        litellm(1, BOTH[0]),
        litellm(1, BOTH[0]),
    ]
    reader = canary.reader(canary.write("log.jsonl", *lines))

    assert [] == list(reader.pairs())
    assert [
        "1 record that cannot be used: log.jsonl:3: its messages are missing",
        "1 answer without the other model's: log.jsonl:4: baseline",
        "1 record that stands twice: log.jsonl:5",
        "1 exchange of another model: gpt-x (1)",
    ] == reader.lost.sentences()
    assert 2 == reader.lost.missing


def test_arms_that_share_a_model(canary):
    """A label tells them apart, and feedback is read from one too."""
    names = {"bf16": "arm=stable", "awq-int4": ["arm=canary", "arm=shadow"]}
    canary.configure(names=names, feedback={"thumbs": "app.thumbs"})
    lines = [
        span(1, "help-desk", arm="stable", **{"app.thumbs": "up"}),
        span(1, "help-desk", arm="shadow", spanId="x", **{"app.thumbs": "down"}),
    ]
    lines[1]["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["spanId"] = "other"
    (found,) = canary.reader(canary.write("log.jsonl", *lines)).pairs()

    assert (1.0, 0.0) == (found.baseline.feedback.thumbs, found.candidate.feedback.thumbs)


def test_sampled_traffic_has_baselines_alone(canary):
    """Of requests that were not copied nothing is missed; a candidate alone is, in any format."""
    canary.configure(traffic="sampled", window=3)
    lines = [litellm(number, BOTH[0]) for number in range(20)]
    name = canary.write("a.jsonl", *lines, litellm(19, BOTH[1]), litellm(77, BOTH[1]))
    joined = canary.reader(name)
    own = canary.reader(canary.write("b.jsonl", pair(1), pair(2, candidate=None)))

    assert (1, 1) == (len(list(joined.pairs())), len(list(own.pairs())))
    assert (19, 1) == (joined.lost.counts["uncopied"], joined.lost.missing)
    assert (1, 0) == (own.lost.counts["uncopied"], own.lost.missing)


@pytest.mark.parametrize("role", ["baseline", "candidate"])
def test_a_pair_with_one_arm_is_missed(canary, role):
    """In mirrored traffic each request has both: a mirror that drops requests is told."""
    reader = canary.reader(canary.write("m.jsonl", pair(1), pair(2, **{role: None})))

    assert ["r-1"] == [found.id for found in reader.pairs()]
    assert "1 answer without the other model's: m.jsonl:2" in reader.lost.sentences()[0]
    assert (2, 1) == (reader.seen, reader.lost.missing)


def test_split_traffic_has_one_arm(canary):
    """Each request is a record of its own, whose feedback counts."""
    canary.configure(traffic="split")
    lines = [litellm(1, BOTH[0]), litellm(2, BOTH[1])]
    first, second = canary.reader(canary.write("log.jsonl", *lines)).pairs()

    assert (None, None) == (first.candidate, second.baseline)
    assert second.candidate.completion.text == first.baseline.completion.text


def test_a_batch_that_both_models_answered(canary):
    """Requests, and a file of answers of each; a failed request is an error of its arm."""
    requests = [
        {
            "custom_id": f"c{n}",
            "method": "POST",
            "url": "/v1/chat/completions",
            "body": asked(str(n)),
        }
        for n in range(3)
    ]

    def answers(model, *numbers, **last):
        bodies = [litellm(n, model)["response"] for n in numbers]
        found = [
            {"custom_id": f"c{n}", "response": {"status_code": 200, "body": body}}
            for n, body in zip(numbers, bodies, strict=True)
        ]
        return [*found, *([last] if last else [])]

    failed = {"custom_id": "c1", "error": {"message": "boom"}}
    names = [
        canary.write("in.jsonl", *requests),
        canary.write("base.jsonl", *answers(BOTH[0], 0, 1)),
        canary.write("cand.jsonl", *answers(BOTH[1], 0, **failed)),
    ]
    reader = canary.reader(*names)
    first, second = reader.pairs()

    assert ("c0", "Done.") == (first.id, first.candidate.completion.text)
    assert (None, "boom") == (second.candidate.completion, second.candidate.failure)
    assert [
        "1 answer without the other model's: in.jsonl:3: there is no answer of the baseline"
    ] == (reader.lost.sentences())
    assert (3, 1) == (reader.seen, reader.lost.missing)
    with pytest.raises(InputError, match="the batch lacks the answers of the candidate awq-int4"):
        list(canary.reader(*names[:2]).pairs())


def batch(canary, *errors):
    """Six requests, of which each model answered some; and files of errors that nobody signed."""
    requests = [{"custom_id": f"c{n}", "method": "POST", "body": asked(str(n))} for n in range(6)]

    def answers(model, *numbers):
        bodies = {f"c{n}": litellm(n, model)["response"] for n in numbers}
        return [
            {"custom_id": name, "response": {"status_code": 200, "body": body}, "error": None}
            for name, body in bodies.items()
        ]

    failed = {"status_code": 400, "body": {"error": {"message": "too long"}}}
    return canary.reader(
        canary.write("in.jsonl", *requests),
        canary.write("base.jsonl", *answers(BOTH[0], 0, 1, 2, 3, 4)),
        canary.write("cand.jsonl", *answers(BOTH[1], 0, 1, 2)),
        *(
            canary.write(
                f"errors{n or ''}.jsonl", *({"custom_id": c, "response": failed} for c in e)
            )
            for n, e in enumerate(errors)
        ),
    )


def test_the_errors_of_a_batch_are_a_file_of_their_own(canary):
    """Nothing in it names the model: it is the one that did not answer these requests."""
    found = list(batch(canary, ["c3", "c4"]).pairs())

    assert ["c0", "c1", "c2", "c3", "c4"] == [one.id for one in found]
    assert ["", "", "", "too long", "too long"] == [one.candidate.failure for one in found]


@pytest.mark.parametrize(
    "errors", [(["c5"], ["c3", "c4", "c5"]), (["c3", "c4", "c5"], ["c5"])], ids=["first", "last"]
)
def test_of_two_files_of_errors_the_clear_one_is_given_away_first(canary, errors):
    """Once it is known where the candidate failed, the other file is the baseline's."""
    found = list(batch(canary, *errors).pairs())

    assert ["", "", "", "", "", "too long"] == [one.baseline.failure for one in found]
    assert ["", "", "", *["too long"] * 3] == [one.candidate.failure for one in found]


def test_what_neither_model_could_answer_stands_in_two_files_of_errors(canary):
    """They are equal, and so one of each; three of them are nobody's."""
    *_, last = batch(canary, ["c5"], ["c5"]).pairs()

    assert ("too long", "too long") == (last.baseline.failure, last.candidate.failure)
    with pytest.raises(InputError, match="both models' answers lack"):
        list(batch(canary, ["c5"], ["c5"], ["c5"]).pairs())


@pytest.mark.parametrize(
    ("errors", "why"), [(["c5"], "both models' answers lack"), (["c0"], "neither model's answers")]
)
def test_errors_that_may_be_anybodys_are_a_mistake(canary, errors, why):
    """It says what to do: whose they are decides who is to blame."""
    with pytest.raises(InputError, match=rf"errors.jsonl: no answer in it says .* {why}") as told:
        list(batch(canary, errors).pairs())

    assert "append it to the file of its model's answers" in str(told.value)


def test_a_file_without_ids_that_was_copied_counts_once(canary):
    """The same line of the same time is the same record; without a time nobody knows."""
    timed = [pair(n, id="left out", at=1000.0 + n) for n in range(3)]
    untimed = [pair(n, id="left out") for n in range(3)]
    canary.write("a.jsonl", *timed, *untimed)
    canary.write("b.jsonl", *timed, *untimed)
    reader = canary.reader("a.jsonl", "b.jsonl")

    assert 9 == len(list(reader.pairs()))
    assert {"twice": 3} == dict(reader.lost.counts)
