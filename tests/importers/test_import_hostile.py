"""Files that nobody would write on purpose: bounded, told, and never a traceback."""

from __future__ import annotations

import json
import string

import pytest

from pytest_quantguard import _golden
from pytest_quantguard._registry import Registry
from pytest_quantguard.errors import InputError
from pytest_quantguard.importers import IMPORTERS, _lines
from pytest_quantguard.importers._detect import named
from pytest_quantguard.importers._labels import label, unique
from pytest_quantguard.importers._records import Source

GOOD = {"messages": [{"role": "user", "content": "fine"}]}


def chat(content):
    return {"messages": [{"role": "user", "content": content}]}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"messages": [', "no JSON"),
        (b'{"a": 1, "a": 2}', "the key 'a' stands twice"),
        (b"[" * 100_000 + b"]" * 100_000, "nested too deeply"),
        (b'{"a": ' * 100_000 + b"1" + b"}" * 100_000, "nested too deeply"),
        (b'{"content": ' * 300 + b"1" + b"}" * 300, "nested too deeply"),
        (b"1" * 10_000, "a number without measure"),
        (b"\xff\xfe{}", "not UTF-8"),
        (b"[1, 2]", "a list, no map"),
        (b'"text"', "a text, no map"),
        (b"null", "null, no map"),
    ],
    ids=range(10),
)
def test_lines_that_cannot_be_read(run, tmp_path, line, reason):
    """Each is told with its number; the lines around it are imported."""
    good = json.dumps(GOOD).encode()
    other = json.dumps(chat("other")).encode()
    (tmp_path / "x.jsonl").write_bytes(good + b"\n" + line + b"\n" + other + b"\n")
    done = run("x.jsonl", "--json")

    assert 0 == done.code, done.err
    assert 2 == done.told["cases"]
    (lost,) = [
        kind for kind in done.told["not_carried"] if kind["what"] == "the line cannot be read"
    ]
    assert reason in lost["why"]
    assert ["x.jsonl:2"] == lost["places"]


def test_a_last_line_that_was_cut_off(run, tmp_path):
    """Said as what it probably is."""
    (tmp_path / "x.jsonl").write_text(json.dumps(GOOD) + "\n" + json.dumps(chat("cut"))[:-9])
    done = run("x.jsonl")

    assert 0 == done.code
    assert "it is the last one and may have been cut off" in done.out


def test_a_line_longer_than_any_record(run, tmp_path, monkeypatch):
    """It is passed over without being read into memory; the next one is read."""
    monkeypatch.setattr(_lines, "MAX_LINE", 1000)
    text = (
        json.dumps(GOOD) + "\n" + json.dumps(chat("x" * 5000)) + "\n" + json.dumps(chat("y")) + "\n"
    )
    (tmp_path / "x.jsonl").write_text(text)
    done = run("x.jsonl", "--json")

    assert 2 == done.told["cases"]
    assert ["x.jsonl:2"] == done.kinds()["the line cannot be read"]["places"]


def test_a_document_too_large_to_be_read_whole(run, tmp_path, monkeypatch):
    """One sentence with the way out."""
    monkeypatch.setattr(_lines, "MAX_DOCUMENT", 100)
    (tmp_path / "x.json").write_text(json.dumps([GOOD] * 9, indent=1))
    done = run("x.json")

    assert 4 == done.code
    assert "write one record per line" in done.err


HOSTILE = {
    "controls": "\x00\x07\x1b[31mred\x1b]8;;x\x07\r\n\u2028\ufeff",
    "right to left": "\u202eevil\u200b\u00ad",
    "yaml": "no: [yes]\n- *alias\n# comment\n!!python/object:os.system",
    "workflow": "::error::boo\n##[group]x",
    "fence": "```\n---\n...\n```",
    "template": "{{name}} {% if x %} {{ a | b }}",
    "trailing": "  blanks around  \n\n",
    "long": "x" * 1_000_000,
    "one word": "NaN",
    "emoji": "\U0001f600" * 50,
}


@pytest.mark.parametrize("suffix", ["yaml", "jsonl"])
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_texts_come_through_unchanged(run, tmp_path, name, suffix):
    """What the model is asked is, letter by letter, what the log holds."""
    (tmp_path / "x.jsonl").write_text(json.dumps(chat(HOSTILE[name])) + "\n")
    target = f"golden/x.quant.{suffix}"
    done = run("x.jsonl", "--to", target)

    assert 0 == done.code, done.err
    (case,) = _golden.load(tmp_path / target, target, Registry(), {})
    assert HOSTILE[name] == case.request.messages[-1]["content"]
    assert "\x1b" not in done.out + done.err


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (chat("half \ud800"), "half of a character"),
        (
            {
                **GOOD,
                "tools": [
                    {"type": "function", "function": {"name": "f", "parameters": {"$file": "x"}}}
                ],
            },
            "$file",
        ),
        (
            chat([{"type": "text", "text": "x", "deep": json.loads("[" * 60 + "]" * 60)}]),
            "nested too deeply",
        ),
    ],
    ids=["surrogate", "include", "deep"],
)
def test_cases_that_no_golden_file_can_hold(run, tmp_path, record, reason):
    """Left out with the reason: half a character, a map that would include a file, depth."""
    (tmp_path / "x.jsonl").write_text(json.dumps(record) + "\n" + json.dumps(chat("ok")) + "\n")
    done = run("x.jsonl", "--json")

    assert 0 == done.code, done.err
    assert 1 == done.told["cases"]
    assert reason in done.kinds()["the case"]["why"]


def test_numbers_that_are_none(run, tmp_path):
    """NaN and Infinity, which Python's logs hold, are as good as missing."""
    (tmp_path / "x.jsonl").write_text(
        '{"messages": [{"role": "user", "content": "x"}], "temperature": NaN, "top_p": Infinity}\n'
    )
    done = run("x.jsonl", "--json")

    assert 0 == done.code, done.err
    (case,) = _golden.load(tmp_path / "golden/x.quant.yaml", "x", Registry(), {})
    assert {"temperature": 0} == case.request.params


def test_many_different_losses_are_counted_in_bounded_memory(run, tmp_path):
    """A log whose every line loses something else: the first kinds are listed, all are counted."""
    records = [{**chat(f"q{i}"), f"key-{i}": 1} for i in range(700)]
    (tmp_path / "x.jsonl").write_text("".join(json.dumps(one) + "\n" for one in records))
    done = run("x.jsonl", "--json")

    assert 501 == len(done.told["not_carried"])
    assert 700 == sum(kind["count"] for kind in done.told["not_carried"])
    assert 200 == done.kinds()["further things"]["count"]


WRONG = [None, True, 0, -1.5, "", "text", [], [None], [[]], {}, {"a": 1}, {"role": []}]


@pytest.mark.parametrize("format", IMPORTERS)
def test_wrong_types_anywhere_break_nothing(tmp_path, format):
    """Every key that a format reads, with every kind of value: a draft or a loss, no exception."""
    keys = {
        "promptfoo": (
            "prompts",
            "tests",
            "defaultTest",
            "providers",
            "scenarios",
            "evaluateOptions",
        ),
        "deepeval": (
            "input",
            "expected_output",
            "context",
            "expected_tools",
            "additional_metadata",
            "name",
        ),
        "inspect": ("input", "target", "choices", "id", "metadata", "samples"),
        "openai-chat": (
            "messages",
            "tools",
            "request",
            "response",
            "input",
            "preferred_output",
            "id",
        ),
        "openai-batch": ("custom_id", "url", "body", "response", "error"),
        "otel": ("resourceSpans", "resourceLogs"),
        "litellm": (
            "messages",
            "response",
            "model_parameters",
            "request_tags",
            "status",
            "call_type",
        ),
    }[format]
    base = {
        "promptfoo": {"prompts": ["{{a}}"], "tests": [{"vars": {"a": "b"}}]},
        "deepeval": {"input": "x"},
        "inspect": {"input": "x", "target": "y"},
        "openai-chat": GOOD,
        "openai-batch": {"custom_id": "x", "url": "/v1/chat/completions", "body": GOOD},
        "otel": {},
        "litellm": {"call_type": "completion", "messages": GOOD["messages"]},
    }[format]
    records = [{**base, key: wrong} for key in keys for wrong in WRONG]
    told = 0
    for number, record in enumerate(records):
        path = tmp_path / f"{number}.json"
        path.write_text(json.dumps(record))
        found = []
        source = Source(paths=(path,), names=("x",))
        try:
            drafts = list(named(format).drafts(source, found.append))
        except InputError:  # a sentence for the user; anything else fails the test
            told += 1
            continue
        told += bool(drafts or found)

    assert told >= len(records) * 0.9  # what says nothing at all is an empty list of the source's


def test_otlp_values_of_every_kind(tmp_path):
    """Attributes with wrong types, without values, or nested for no reason break nothing."""
    values = [
        *WRONG,
        {"stringValue": 5},
        {"intValue": "x"},
        {"arrayValue": {"values": 3}},
        {"kvlistValue": []},
    ]
    deep = {"stringValue": "x"}
    for _ in range(40):
        deep = {"arrayValue": {"values": [deep]}}
    names = (
        "gen_ai.input.messages",
        "gen_ai.output.messages",
        "gen_ai.request.seed",
        "gen_ai.tool.definitions",
    )
    spans = [
        {
            "name": "chat",
            "attributes": [
                {"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}},
                {"key": name, "value": one},
            ],
        }
        for name in names
        for one in [*values, deep]
    ]
    path = tmp_path / "x.jsonl"
    path.write_text(json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}) + "\n")
    found = []

    assert [] == list(named("otel").drafts(Source(paths=(path,), names=("x",)), found.append))
    assert len(spans) == len(found)


def test_labels():
    """Ids out of any text: accents folded, anything else a dash, never too long, never taken."""
    allowed = set(string.ascii_letters + string.digits + "._-")

    for text in (*HOSTILE.values(), "Rückgabe: #1", "日本語", "-.-", "a" * 500):
        made = label(text)
        assert set(made) <= allowed
        assert len(made) <= 60
        assert not made or made[0].isalnum()
    assert "Ruckgabe-1" == label("Rückgabe: #1")
    assert "" == label("日本語")
    assert "a-3" == unique("a", {"a", "a-2"})
