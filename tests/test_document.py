"""Strict documents."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml

from pytest_quantguard.documents import document as _document
from pytest_quantguard.errors import InputError


def parsed(text: str) -> object:
    return _document.parse(text, "f.yaml").data


def refused(text: str) -> str:
    with pytest.raises(InputError) as caught:
        _document.parse(text, "f.yaml")
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("no", "no"),
        ("Yes", "Yes"),
        ("on", "on"),
        ("true", True),
        ("~", None),
        ("", None),
        ("012", 12),
        ("0o14", "0o14"),
        ("1:30", "1:30"),
        ("2026-01-01", "2026-01-01"),
        ("1e3", 1000.0),
        ("-4", -4),
        (".5", 0.5),
        ("1_000", "1_000"),
        ('"12"', "12"),
        ("=", "="),
        ("<<", "<<"),
    ],
)
def test_scalars_follow_yaml_1_2(text, expected):
    """Words, dates and sexagesimals of YAML 1.1 stay strings; numbers are numbers."""
    value = parsed(f"k: {text}")["k"]

    assert expected == value
    assert type(expected) is type(value)


def test_a_duplicate_key_is_an_error_with_both_lines():
    """The message has the line of the second key and names the first."""
    assert "f.yaml:3: the key 'a' is already on line 1" == refused("a: 1\nb: 2\na: 3\n")


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a: 1\n\tb: 2\n", 2, "indent with spaces, not tabs"),
        ("a:\n\t- b\n", 2, "indent with spaces, not tabs"),
        ("a: b\nc: @d\n", 2, "a text that begins with @ needs quotes"),
        ("a: Refund: 88213-A\n", 1, "a text with ': ' in it needs quotes"),
        ("a: {{b}}\n", 1, "a text that begins with { needs quotes"),
        ("a: [1, 2\nb: 3\n", 2, "not valid YAML"),
        ("a: !!python/object/apply:os.system [ls]\n", 1, "tag"),
        ("a: !secret x\n", 1, "tag"),
        ("a: *nowhere\n", 1, "anchor"),
        ("a: 1\n---\nb: 2\n", 2, "second document"),
        ("? [x]\n: 1\n", 1, "key must be plain text"),
        ("a: 1\nb: \x07\n", 2, "not valid YAML"),
        ("a: 1e999\n", 1, "too large"),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_line(text, line, words):
    """Tabs, broken flow, tags, aliases without anchor, control characters: file:line and why."""
    message = refused(text)

    assert message.startswith(f"f.yaml:{line}: ")
    assert words in message


def test_an_alias_bomb_is_refused_before_it_is_expanded():
    """Nine levels of nine aliases would be 387 million values."""
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 9)]

    assert "aliases expand to more than" in refused("\n".join(levels))


@pytest.mark.parametrize("text", ["[" * 100_000, "- " * 100_000 + "x", "{a: " * 5_000])
def test_deep_nesting_is_refused_not_crashed_into(text):
    """Nesting is bounded while parsing, so no stack overflows."""
    assert "nested deeper than 64" in refused(text)


def test_aliases_are_allowed_in_moderation():
    """A shared value is not a bomb."""
    assert {"a": [1, 2], "b": [1, 2]} == parsed("a: &x [1, 2]\nb: *x\n")


def test_a_file_that_is_not_utf8_is_refused_with_its_line(tmp_path):
    """The line of the first bad byte is named."""
    path = tmp_path / "x.yaml"
    path.write_bytes(b"a: 1\nb: \xff\xfe\n")

    with pytest.raises(InputError, match=r"x\.yaml:2: not UTF-8"):
        _document.read(path, "x.yaml")


def test_a_byte_order_mark_is_no_text(tmp_path):
    """Editors on Windows write one; it must not become part of the first key."""
    path = tmp_path / "x.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: 1\n")

    assert {"a": 1} == _document.read(path, "x.yaml").data


def test_lines_are_known_for_keys_and_items():
    """Every later error can point at the line that caused it."""
    document = _document.parse("cases:\n  - id: a\n    x: 1\n  - id: b\n", "f.yaml")

    assert 3 == document.line(("cases", 0, "x"))
    assert 4 == document.line(("cases", 1))
    assert 4 == document.line(("cases", 1, "nothing", "here"))


def test_json_is_read_as_json_where_lines_do_not_matter(tmp_path):
    """With pairs of surrogates and escaped slashes, which YAML does not know."""
    path = tmp_path / "x.json"
    path.write_text('{"a": "\\ud83d\\ude00 \\/"}')

    assert {"a": "😀 /"} == _document.read(path, "x.json", lines=False).data

    path.write_text('{"a": 1,\n"b" 2}')
    with pytest.raises(InputError, match=r"x\.json:2: not valid JSON: Expecting ':' delimiter"):
        _document.read(path, "x.json", lines=False)


def test_only_an_ordinary_file_of_a_bounded_size_is_read(tmp_path, monkeypatch):
    """A pipe would wait for ever; a device has no end."""
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, Path("/dev/zero")):
        with pytest.raises(InputError, match="x: no ordinary file"):
            _document.read_text(path, "x")
    (tmp_path / "f").write_text("x" * 11)
    monkeypatch.setattr(_document, "MAX_BYTES", 10)
    with pytest.raises(InputError, match="x: larger than 0 MB; split the file"):
        _document.read_text(tmp_path / "f", "x")


@pytest.mark.parametrize("loader", ["CSafeLoader", "SafeLoader"])
def test_half_a_surrogate_pair_is_refused(monkeypatch, loader):
    """No request could carry it; PyYAML's own reader would let it pass."""
    monkeypatch.setattr(_document, "_Loader", getattr(yaml, loader))

    for text in ('a: 1\nb: "\\ud800"\n', 'a: 1\nb: "\\U0000dfff"\n'):
        assert refused(text).startswith("f.yaml:2: ")
    assert {"a": "\\ud800"} == parsed("a: '\\ud800'")


def test_places_are_known_to_the_character():
    """For tools that edit a file: flow values with their brackets, blocks to their last value."""
    text = "a: [1, {b: 2}]   # c\nc:\n- |\n  x\n\n- 'y'\n# end\n"
    spans: dict[tuple[str | int, ...], _document.Span] = {}

    _document.parse(text, "f", spans)

    found = {path: (span.kind, text[span.start : span.end]) for path, span in spans.items()}
    assert ("flow", "[1, {b: 2}]") == found[("a",)]
    assert ("flow", "{b: 2}") == found[("a", 1)]
    assert ("scalar", "2") == found[("a", 1, "b")]
    assert ("scalar", "'y'") == found[("c", 1)]
    assert ("block", "- |\n  x\n\n- 'y'") == found[("c",)]


def test_problems_are_found_in_a_part_of_a_schema():
    """The place is told from there on."""
    document = _document.Document("f", {"id": "a", "weight": 0}, {(): 7})

    assert ["f:7: weight is 0; a weight is a number above 0"] == _document.problems(
        document, "golden.schema.json", "#/$defs/case"
    )
