"""Golden files that are wrong in every way: always sentences, never a traceback."""

from __future__ import annotations

import json
import random
import re
import time
from contextlib import suppress

import pytest

from pytest_quantguard import _golden
from pytest_quantguard._registry import Registry
from pytest_quantguard.documents.rewrite import to_yaml
from pytest_quantguard.errors import GoldenFileError, InputError

ODD = [
    None, True, 0, -1, 2.5, 10**400, "", " ", "x", "a b", "{{a}}", "{{nope}}", "{{a}} {{b}}",
    "a\n", "\x00\x1b[31m", [], ["x"], [[]], {}, {"a": 1}, {"$file": "../x"}, {"$file": 3},
    {"": ""}, [None], {"exact": None}, {"length": {"max_chars": "{{a}}"}},
    {"json": {"equals": {"$file": "."}}}, "x" * 99,
]  # fmt: skip
KEYS = ["id", "cohort", "vars", "matrix", "expect", "prompt", "messages", "tools", "tags", "weight"]
FILE = {
    "cohort": "a-{{a}}",
    "vars": {"a": "x", "b": 2},
    "matrix": {"m": ["u", "v"]},
    "system": "{{b}}",
    "request": {"temperature": 0},
    "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}],
    "expect": ["json", {"length": {"max_chars": "{{b}}"}}],
    "cases": [
        {"id": "one", "prompt": "{{a}} {{m}}", "expect": [{"contains": ["{{a}}"]}], "weight": 2},
        {"id": "two", "messages": [{"role": "user", "content": "{{m}}"}], "tags": ["t-{{m}}"]},
        {"id": "three", "prompt": "{{n}} {{m}}", "matrix": [{"n": 1, "weight": 3}, {"n": "a b"}]},
    ],
}


def changed(data: object, draw: random.Random) -> object:
    """Return a copy with something replaced, removed, or added somewhere."""
    if isinstance(data, dict) and data and draw.random() < 0.9:
        key = draw.choice(list(data))
        what = draw.randrange(10)
        if what == 0:
            return {name: item for name, item in data.items() if name != key}
        if what == 1:
            return {**data, draw.choice([*KEYS, "odd"]): draw.choice(ODD)}
        return {**data, key: changed(data[key], draw)}
    if isinstance(data, list) and data and draw.random() < 0.9:
        index = draw.randrange(len(data))
        return [*data[:index], changed(data[index], draw), *data[index + 1 :]]
    return draw.choice(ODD)


@pytest.fixture
def loads(tmp_path):
    """Load a text; True when it is a golden file, False when sentences say why not."""

    def load(text: str, name: str) -> bool:
        path = tmp_path / name
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
        problems: tuple[str, ...] = ()
        try:
            cases = _golden.load(path, name, Registry(), {})
        except GoldenFileError as error:
            problems = error.problems
        if problems:
            place = re.compile(rf"{re.escape(name)}(:\d+)?: \S")
            assert all(place.match(problem) for problem in problems), problems
            return False
        assert cases
        assert len({case.id for case in cases}) == len(cases)
        assert all(case.checks and case.request.messages for case in cases)
        json.dumps([case.request.body() for case in cases], ensure_ascii=False).encode("utf-8")
        return True

    return load


@pytest.mark.parametrize("seed", range(8))
def test_changed_files_load_or_say_why_not(loads, seed):
    """Some hundred, with up to three changes, in both formats, which agree."""
    draw = random.Random(seed)
    said = {True: 0, False: 0}

    for _ in range(60):
        data = FILE
        for _ in range(draw.randrange(1, 4)):
            data = changed(data, draw)
        lines = [json.dumps(FILE)]
        text = json.dumps(data)
        if isinstance(data, dict) and isinstance(data.get("cases"), list) and data["cases"]:
            head = {key: item for key, item in data.items() if key != "cases"}
            lines = [json.dumps({"defaults": head}), *map(json.dumps, data["cases"])]
            with suppress(InputError):  # where YAML would not be read back the same, JSON is
                text = to_yaml(data["cases"], head)
        good = loads(text, "g.quant.yaml")
        said[good] += 1
        if len(lines) > 1:
            assert good == loads("\n".join(lines), "g.quant.jsonl"), lines

    assert min(said.values()) > 0


@pytest.mark.parametrize("name", ["g.quant.yaml", "g.quant.jsonl"])
@pytest.mark.parametrize("seed", range(4))
def test_damaged_texts_load_or_say_why_not(loads, seed, name):
    """Characters are lost, doubled, or replaced by ones that no text should hold."""
    draw = random.Random(seed)
    head = {key: item for key, item in FILE.items() if key != "cases"}
    lines = [{"defaults": head}, *FILE["cases"]]
    good = (
        to_yaml(FILE["cases"], head) if name.endswith("yaml") else "\n".join(map(json.dumps, lines))
    )
    assert loads(good, name)

    for _ in range(100):
        at = draw.randrange(len(good))
        piece = draw.choice(
            ["", good[at] * 2, "\x00", "\ud800", "\ufeff", "\u2028", "{", '"', "\t"]
        )
        loads(good[:at] + piece + good[at + 1 :], name)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("g.quant.yaml", "cases: " + "[" * 100_000),
        ("g.quant.yaml", "x" * 10_000_000),
        ("g.quant.yaml", "cohort: a\ncases:\n- id: a\n  prompt: '" + "{{" * 2_000_000 + "'\n"),
        ("g.quant.yaml", "vars: {a: 1}\ncases:\n- id: a\n  prompt: '" + "{{ " * 2_000_000 + "'\n"),
        ("g.quant.jsonl", "[" * 1_000_000),
        ("g.quant.jsonl", '{"id": "' + "a" * 10_000_000 + '"}'),
        ("g.quant.jsonl", "\n" * 2_000_000),
        ("g.quant.jsonl", "x\n" * 500_000),
        ("g.quant.jsonl", '{"id": "a", "vars": {"a": 1}, "prompt": "' + "{{a" * 2_000_000 + '"}'),
    ],
    ids=range(9),
)
def test_huge_files_are_refused_in_a_bounded_time(loads, name, text):
    """Linear in the length; a sentence never holds the whole text."""
    began = time.process_time()

    assert not loads(text, name)
    assert time.process_time() - began < 60


def test_a_sentence_is_short_whatever_it_is_about(tmp_path):
    """A value of a megabyte is shown by its beginning."""
    path = tmp_path / "g.quant.jsonl"
    big = "x y" * 300_000
    lines = [
        {"id": big},
        {"id": "a", big: 1},
        {"id": "b", "cohort": big, "prompt": "p", "expect": ["json"]},
        {"id": "c", "cohort": "{{c}}", "vars": {"c": big}, "prompt": "p", "expect": ["json"]},
        {"id": "d", "cohort": "c", "prompt": "p", "expect": [big]},
        {"id": "e", "cohort": "c", "prompt": "p", "expect": [{"exact": {big: 1}}]},
        {"id": "f", "cohort": "c", "prompt": "p", "expect": [{"exact": {"$file": big}}]},
        {"id": "g", "cohort": "c", "prompt": "p", "matrix": {big: [1]}, "expect": ["json"]},
        {"id": "h", "cohort": "c", "prompt": "p", "matrix": [{"id": big}], "expect": ["json"]},
        {"id": "i", "cohort": "c", "prompt": "p", "matrix": {"a": [big, big]}, "expect": ["json"]},
    ]
    path.write_text("\n".join(map(json.dumps, lines)))

    with pytest.raises(GoldenFileError) as caught:
        _golden.load(path, path.name, Registry(), {})

    assert set(range(1, 11)) == {int(problem.split(":")[1]) for problem in caught.value.problems}
    assert max(map(len, caught.value.problems)) < 1000
