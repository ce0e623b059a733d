"""A quick yes from a JSON Schema."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from pytest_quantguard.documents import document as _document
from pytest_quantguard.documents.accepts import accepts, part_of

GOLDEN = _document.packaged("golden.schema.json")
PARTS = ("#", "#/$defs/case", "#/$defs/first", "#/$defs/defaults")
OURS = sorted((Path(__file__).parents[1] / "golden").glob("*.quant.yaml"))

CASE = {
    "id": "a",
    "cohort": "faq",
    "prompt": "Hello",
    "request": {"temperature": 0, "seed": 7, "top_logprobs": 3, "logprobs": True},
    "tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}],
    "expect": ["json", {"exact": "x"}],
    "reference": "x y",
    "weight": 2.5,
    "samples": 3,
    "critical": True,
    "tags": ["smoke", "x-{{a}}"],
    "vars": {"a": 1},
    "matrix": {"b": [1]},
    "messages": [{"role": "user", "content": "x"}],
}
FILE = {"cohort": "a", "vars": {"x": [1]}, "matrix": [{"a": 1}], "cases": [CASE, {"id": "b"}]}
ODD = [None, True, 0, -1, 1.0, 2.5, 101, "", "x", "a b", "x\n", " x", [], ["x"], {}, {"a": 1}, [1]]


def truly(part: str):
    schema = {**part_of(GOLDEN, part), "$defs": GOLDEN["$defs"]}
    return Draft202012Validator(schema).is_valid


def test_our_schema_has_a_quick_yes():
    """Every keyword of it is known, for each part that is asked for."""
    for part, data in zip(PARTS, (FILE, CASE, {"defaults": {"cohort": "a"}}, {}), strict=True):
        assert accepts(GOLDEN, part)(data)
        assert truly(part)(data)


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.stem)
def test_our_own_files_get_it(path):
    """What is right is not looked at twice."""
    assert accepts(GOLDEN)(_document.read(path, path.name).data)


def changed(data: object, draw: random.Random) -> object:
    """A copy with one value somewhere replaced, removed, or added."""
    if isinstance(data, dict) and data and draw.random() < 0.85:
        key = draw.choice(list(data))
        rest = {name: item for name, item in data.items() if name != key}
        what = draw.randrange(12)
        if what == 0:
            return rest
        if what == 1:
            return {**data, draw.choice(["extra", "cohort", "a b", "$file"]): draw.choice(ODD)}
        return {**data, key: changed(data[key], draw)}
    if isinstance(data, list) and data and draw.random() < 0.85:
        index = draw.randrange(len(data))
        return [*data[:index], changed(data[index], draw), *data[index + 1 :]]
    return draw.choice(ODD)


@pytest.mark.parametrize("part", ["#", "#/$defs/case"])
def test_a_yes_is_what_the_full_validator_says(part):
    """On thousands of changed files; a no is nearly always right too."""
    quick, full, draw = accepts(GOLDEN, part), truly(part), random.Random(4)
    said = {True: 0, False: 0}
    missed = 0

    for _ in range(3000):
        data = changed(FILE if part == "#" else CASE, draw)
        valid = full(data)
        said[valid] += 1
        assert valid or not quick(data), data
        missed += valid and not quick(data)

    assert min(said.values()) > 250  # both answers were tried
    assert missed < said[True] / 10


@pytest.mark.parametrize(
    "schema",
    [
        {"not": {}},
        {"oneOf": []},
        {"patternProperties": {}},
        {"properties": {"a": {"if": {}}}},
        {"enum": [1]},
        {"const": True},
        {"$ref": "#/$defs/a", "$defs": {"a": {"multipleOf": 2}}},
    ],
    ids=str,
)
def test_a_keyword_that_is_not_known_is_no_yes(schema):
    """A schema that cannot be answered quickly is left to the full validator."""
    with pytest.raises(ValueError, match=r"unknown keyword|other than texts"):
        accepts(schema)


def test_a_schema_may_refer_to_itself():
    """Lists of lists of lists."""
    allowed = accepts({"type": "array", "items": {"$ref": "#"}})

    assert allowed([[], [[]]])
    assert not allowed([[], [[1]]])
