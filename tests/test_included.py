"""{$file: ...}: what other files of the golden folder hold."""

from __future__ import annotations

import json
import os
import re

import pytest

from pytest_quantguard.documents import included as _included
from pytest_quantguard.documents.included import Included
from pytest_quantguard.errors import InputError


@pytest.fixture
def folder(tmp_path):
    """A golden folder with a secret beside it."""
    (tmp_path / "secret.json").write_text('["hidden"]')
    (tmp_path / "golden" / "deep").mkdir(parents=True)
    return tmp_path / "golden"


def refused(folder, name) -> str:
    with pytest.raises(InputError) as caught:
        Included(folder).resolve({"a": [{"$file": name}]})
    message = str(caught.value)
    assert "hidden" not in message
    return message


def test_files_stand_for_their_content_wherever_they_are_named(folder):
    """Parsed for JSON and YAML, text otherwise, line ends as in every text."""
    (folder / "a.json").write_text('{"x": "\\ud83d\\ude00"}')
    (folder / "deep" / "b.yaml").write_text("- no\n- 012\n")
    (folder / "c.txt").write_bytes(b"\xef\xbb\xbftwo\r\nlines\n")

    found = Included(folder).resolve(
        {"a": {"$file": "a.json"}, "l": [1, {"$file": "deep/b.yaml"}], "t": {"$file": "./c.txt"}}
    )

    assert {"a": {"x": "😀"}, "l": [1, ["no", 12]], "t": "two\nlines\n"} == found


def test_a_file_may_name_files_beside_it(folder):
    """Names are relative to the file that they stand in, and stay inside the golden folder."""
    (folder / "a.yaml").write_text("b: {$file: deep/b.yaml}\n")
    (folder / "deep" / "b.yaml").write_text("- {$file: c.txt}\n- {$file: ../d.txt}\n")
    (folder / "deep" / "c.txt").write_text("c")
    (folder / "d.txt").write_text("d")

    assert {"b": ["c", "d"]} == Included(folder).resolve({"$file": "a.yaml"})

    (folder / "deep" / "b.yaml").write_text("- {$file: ../../secret.json}\n")
    assert "is outside the golden folder" in refused(folder, "a.yaml")


@pytest.mark.parametrize("name", ["../secret.json", "link.json", "/etc/passwd", "deep/../../x"])
def test_nothing_outside_the_folder_is_read(folder, name):
    """Neither by dots, nor by a link, nor by its absolute name."""
    (folder / "link.json").symlink_to(folder.parent / "secret.json")

    assert f"{{$file: {name}}} is outside the golden folder; move it inside" == refused(
        folder, name
    )


def test_a_link_that_stays_inside_is_followed(folder):
    """It is the same file."""
    (folder / "a.txt").write_text("x")
    (folder / "deep" / "l.txt").symlink_to(folder / "a.txt")

    assert "x" == Included(folder).resolve({"$file": "deep/l.txt"})


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("nothing.json", "{$file: nothing.json} cannot be used: there is no such file"),
        ("deep", "{$file: deep} is no ordinary file"),
        ("pipe", "{$file: pipe} is no ordinary file"),
        ("loop", "{$file: loop} cannot be used: "),
        ("a\x00b", "cannot be used: "),
        ("x" * 5000, "cannot be used: "),
        ("\ud800", "cannot be used: "),
        ("bad.json", "{$file: bad.json} cannot be used: bad.json: not valid JSON: the key 'a'"),
        ("cut.json", "{$file: cut.json} cannot be used: cut.json:2: not valid JSON: it ends"),
        ("bad.yaml", "{$file: bad.yaml} cannot be used: bad.yaml:2: the key 'a' is already on"),
        ("latin.txt", "{$file: latin.txt} cannot be used: latin.txt:1: not UTF-8 text"),
        ("", "{$file: } has to be the name of a file"),
        (["a"], "has to be the name of a file"),
        (None, "has to be the name of a file"),
    ],
    ids=range(14),
)
def test_what_cannot_be_used_is_said(folder, name, sentence):
    """A missing file, a folder, a pipe, a loop of links, odd names, wrong content."""
    os.mkfifo(folder / "pipe")
    (folder / "loop").symlink_to(folder / "loop")
    (folder / "bad.json").write_text('{"b": 1,\n"a": 1, "a": 2}')
    (folder / "cut.json").write_text("[1,\n2")
    (folder / "bad.yaml").write_text("a: 1\na: 2\n")
    (folder / "latin.txt").write_bytes(b"\xe9")

    message = refused(folder, name)

    assert sentence in message or (name == "loop" and "no ordinary" in message)


def test_a_device_is_no_file(folder):
    """Not even by a link inside the folder."""
    (folder / "null").symlink_to("/dev/null")

    assert "outside the golden folder" in refused(folder, "null")


@pytest.mark.parametrize("names", [["a"], ["a", "b"], ["a", "b", "c"]])
def test_files_that_include_each_other_are_refused(folder, names):
    """The sentence names the circle."""
    for name, other in zip(names, [*names[1:], names[0]], strict=True):
        (folder / f"{name}.yaml").write_text(f"x: {{$file: {other}.yaml}}\n")

    chain = " -> ".join(f"{name}.yaml" for name in [*names, names[0]])
    assert f"{{$file: a.yaml}} includes itself: {chain}" in refused(folder, "a.yaml")


def test_files_of_files_have_an_end(folder):
    """A chain of a thousand is no stack of a thousand."""
    for number in range(1000):
        (folder / f"{number}.yaml").write_text(f"{{$file: {number + 1}.yaml}}\n")
    (folder / "1000.yaml").write_text("x\n")

    assert "at most 8 deep" in refused(folder, "0.yaml")


def test_deep_data_in_deep_data_is_refused(folder):
    """Each file is allowed 64 levels, all together too."""
    for number in range(6):
        (folder / f"{number}.json").write_text(
            "[" * 50 + json.dumps({"$file": f"{number + 1}.json"}) + "]" * 50
        )
    (folder / "6.json").write_text("1")

    assert re.search("nested (too deep|deeper than 64 levels)", refused(folder, "0.json"))
    assert "nested deeper than 64 levels" in refused(folder, "4.json")


def test_files_that_multiply_are_refused(folder, monkeypatch):
    """Ten lists of ten lists of ten: counted, never built."""
    monkeypatch.setattr(_included, "MAX_BYTES", 10_000)
    for number in range(6):
        (folder / f"{number}.json").write_text(json.dumps([{"$file": f"{number + 1}.json"}] * 10))
    (folder / "6.json").write_text(json.dumps("x" * 100))

    assert "stands for more than" in refused(folder, "0.json")


def test_a_file_is_read_once(folder):
    """A golden file of ten thousand cases may name one schema ten thousand times."""
    (folder / "a.json").write_text("[1]")
    included = Included(folder)
    first = included.resolve({"$file": "a.json"})
    (folder / "a.json").unlink()

    assert first is included.resolve([{"$file": "a.json"}])[0]


def test_what_names_no_file_is_not_copied(folder):
    """Most data."""
    value = {"a": [1, {"b": "x"}]}

    assert value is Included(folder).resolve(value)
    assert {"$file": "a", "b": 1} == Included(folder).resolve({"$file": "a", "b": 1})
