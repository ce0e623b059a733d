"""Strict JSON, and files with one value a line."""

from __future__ import annotations

import os
import re
import time

import pytest

from pytest_quantguard.documents import strict_json as _strict_json
from pytest_quantguard.documents.strict_json import NotStrict, loads, read_lines
from pytest_quantguard.errors import InputError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"a": [1, 2.5, true, null, "x"]}', {"a": [1, 2.5, True, None, "x"]}),
        (r'"\ud83d\ude00 \/ \u00e9"', "😀 / é"),
        (" [1]\t\r\n", [1]),
        ("[" * 64 + "]" * 64, None),
        ('"' + "[{" * 1000 + '"', "[{" * 1000),
        ("1e308", 1e308),
        ('"' + "9" * 400 + '"', "9" * 400),
    ],
)
def test_json_is_read(text, expected):
    """Pairs of surrogates are one character; brackets in texts are no nesting."""
    assert expected in (None, loads(text))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1, "b": 2, "a": 3}', "the key 'a' stands twice in one object"),
        ("[NaN]", "NaN is no JSON number"),
        ("-Infinity", "-Infinity is no JSON number"),
        ("1e999", "the number 1e999 is too large"),
        ("9" * 5000, "a whole number has too many digits"),
        ('{"a": [{"b": ' + "9" * 309 + "}]}", "a whole number has too many digits"),
        ("[" * 66 + "]" * 66, "nested deeper than 64 levels"),
        ("[" * 100_000, "nested deeper than 64 levels"),
        ('{"a":' * 100_000, "nested deeper than 64 levels"),
        (r'["\ud800"]', r"\ud800 is half of a surrogate pair"),
        (r'{"\uDFFF x": 1}', r"\udfff is half of a surrogate pair"),
        ('["\udc00"]', r"\udc00 is half of a surrogate pair"),
        ("[1, 2", "it ends in the middle (column 6"),
        ('"abc', "it ends in the middle (column 1: Unterminated string"),
        ("", "it ends in the middle (column 1"),
        ("{'a': 1}", "Expecting property name enclosed in double quotes (column 2)"),
        ("[1] [2]", "Extra data (column 5)"),
        ("\ufeff[1]", "a byte order mark in the middle of the file (column 1)"),
        ('"a\nb"', "Invalid control character at (column 3)"),
    ],
    ids=range(19),
)
def test_what_readers_take_differently_is_refused(text, message):
    """One sentence for each; never a traceback."""
    with pytest.raises(NotStrict, match=re.escape(message)):
        loads(text)


def test_the_line_of_a_mistake_is_known():
    """For files of several lines."""
    with pytest.raises(NotStrict) as caught:
        loads('{\n"a": 1\n"b": 2}')

    assert 3 == caught.value.line


@pytest.mark.parametrize(
    "text",
    [
        '["' + "a" * 10_000_000 + '"]',
        "{" + ",".join(f'"k{i}": 1' for i in range(200_000)) + ', "k199999": 2}',
        "[" + "[]," * 500_000 + "1]",
        '["' + r"\ud83d\ude00" * 200_000 + '"]',
    ],
    ids=["10 MB", "many keys", "many lists", "many pairs"],
)
def test_large_values_take_a_bounded_time(text):
    """Linear in the length."""
    began = time.process_time()
    if "k199999" in text:
        with pytest.raises(NotStrict, match="'k199999' stands twice"):
            loads(text)
    else:
        assert loads(text)

    assert time.process_time() - began < 60


def lines(path, raw: bytes) -> list[tuple[int, object, str]]:
    path.write_bytes(raw)
    return [(line.number, line.value, line.problem) for line in read_lines(path, "f")]


def test_a_file_is_read_line_by_line(tmp_path):
    """Empty lines count; a byte order mark and Windows line ends do no harm."""
    found = lines(tmp_path / "f", b'\xef\xbb\xbf{"a": 1}\r\n\n \t\n[2]\n"\xe2\x80\xa8"')

    assert [(1, {"a": 1}, ""), (4, [2], ""), (5, "\u2028", "")] == found


def test_a_wrong_line_does_not_hide_the_others(tmp_path):
    """Each has its sentence; a last line without an end may be cut off."""
    found = lines(tmp_path / "f", b'[1\n"\xff"\n{}\n{"a": [1, 2')

    assert [1, 2, 3, 4] == [number for number, _, _ in found]
    assert "not valid JSON: it ends in the middle (column 3: Expecting" in found[0][2]
    assert "end of the file" not in found[0][2]
    assert "not UTF-8 text; save the file as UTF-8" == found[1][2]
    assert ({}, "") == found[2][1:]
    assert found[3][2].endswith("is the end of the file missing?")


def test_lines_and_files_have_a_limit(tmp_path, monkeypatch):
    """So that memory has one."""
    monkeypatch.setattr(_strict_json, "MAX_LINE", 20)
    with pytest.raises(InputError, match=r"f:2: a line of more than 0 MB"):
        lines(tmp_path / "f", b"[]\n[" + b" " * 30 + b"]")
    monkeypatch.setattr(_strict_json, "MAX_FILE", 10)
    with pytest.raises(InputError, match=r"f: larger than 0 MB; split the file"):
        lines(tmp_path / "f", b"[]\n" * 5)


def test_only_an_ordinary_file_is_read(tmp_path):
    """A pipe would wait for ever."""
    os.mkfifo(tmp_path / "pipe")

    for path in (tmp_path / "pipe", tmp_path, tmp_path / "nothing"):
        with pytest.raises(InputError, match=r"f: (no ordinary file|cannot be read)"):
            list(read_lines(path, "f"))
