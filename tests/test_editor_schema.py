"""The schema that editors use: golden.editor.schema.json."""

from __future__ import annotations

import json
import re
import runpy
from importlib import resources
from pathlib import Path

import pytest
from jsonschema import Draft7Validator

from pytest_quantguard.checks import CHECKS
from pytest_quantguard.documents import document as _document

ROOT = Path(__file__).parents[1]
SCHEMA = json.loads(
    resources.files("pytest_quantguard").joinpath("golden.editor.schema.json").read_text("utf-8")
)
FILES = sorted(
    path
    for folder in ("golden", "examples")
    for path in (ROOT / folder).rglob("*.quant.*")
    if path.name.endswith((".quant.yaml", ".quant.jsonl"))
)


def wrong(data: object, at: str = "") -> list[str]:
    """Return what an editor would underline."""
    schema = {"$ref": f"#/definitions/{at}", "definitions": SCHEMA["definitions"]} if at else SCHEMA
    return [error.message for error in Draft7Validator(schema).iter_errors(data)]


def with_check(check: object, **case: object) -> dict[str, object]:
    return {"cases": [{"id": "a", "prompt": "p", "expect": [check], **case}]}


def test_it_is_up_to_date():
    """It is what the loader's schema and the checks say: run tools/schema/make_editor_schema.py."""
    made = runpy.run_path(str(ROOT / "tools/schema/make_editor_schema.py"))["editor_schema"]()

    assert made == SCHEMA


def test_it_is_a_draft_07_schema():
    """Which every editor knows; there, a $ref stands alone."""
    Draft7Validator.check_schema(SCHEMA)

    assert "http://json-schema.org/draft-07/schema#" == SCHEMA["$schema"]
    assert not any("$defs" in node for node in nodes(SCHEMA))
    assert all(
        set(node) == {"$ref"} and node["$ref"].rpartition("/")[2] in SCHEMA["definitions"]
        for node in nodes(SCHEMA)
        if isinstance(node.get("$ref"), str)
    )


def nodes(value: object):
    """Every map in a JSON value."""
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    for item in value if isinstance(value, list) else ():
        yield from nodes(item)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_the_golden_files_of_the_repository_fit(path):
    """What loads is not underlined."""
    if path.suffix == ".yaml":
        assert [] == wrong(_document.read(path, path.name).data)
    else:
        for line in path.read_text("utf-8").splitlines():
            assert [] == wrong(json.loads(line), "line")


def test_the_golden_files_of_the_docs_fit():
    """Each block of YAML that has cases, and each line of JSON."""
    text = (ROOT / "docs/golden-files.md").read_text("utf-8")
    blocks = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    lines = "".join(re.findall(r"```json\n(.*?)```", text, re.DOTALL)).splitlines()

    files = [data for block in blocks if "cases" in (data := _document.parse(block, "docs").data)]

    assert files
    assert lines
    assert [] == [problem for data in files for problem in wrong(data)]
    assert [] == [problem for line in lines for problem in wrong(json.loads(line), "line")]


@pytest.mark.parametrize("name", CHECKS)
def test_every_check_is_described_with_an_example(name):
    """What it means, what each parameter means, and values to start from."""
    check = SCHEMA["definitions"][f"check-{name}"]
    (as_map, *_) = check["anyOf"]

    assert "Quantized models" in check["description"]
    assert all(part["description"] for part in as_map["properties"].values())
    assert name in SCHEMA["definitions"]["check"]["anyOf"][1]["properties"]
    for example in check["examples"]:
        assert [] == wrong(with_check({name: example}))


@pytest.mark.parametrize(
    "check",
    [
        "json",
        {"json": None},
        {"exact": "x"},
        {"exact": {"text": "x", "strip": False}},
        {"contains": ["a", "b"]},
        {"contains": {"texts": "a"}},
        {"length": {"max_chars": 3}},
        {"length": {"max_chars": "{{most}}"}},
        {"json_schema": {"schema": {"$file": "s.json"}}},
        {"json_schema": {"schema": {"type": "object"}}},
        {"exact": "{{text}}"},
        {"contains": {"$file": "texts.json"}},
        "{{check}}",
        {"$file": "check.yaml"},
        {"tool_sequence": "search"},
        {"tool_sequence": ["search", {"name": "book"}]},
    ],
    ids=str,
)
def test_what_can_be_written_is_not_underlined(check):
    """Names, maps, bare values, variables, files."""
    assert [] == wrong(with_check(check))


@pytest.mark.parametrize(
    "data",
    [
        with_check("exakt"),
        with_check("exact"),
        with_check({"exakt": "x"}),
        with_check({"exact": {"txt": "x"}}),
        with_check({"exact": {"strip": True}}),
        with_check({"exact": {"text": "x", "strip": "yes"}}),
        with_check({"length": {"max_chars": "many"}}),
        with_check({"length": 3}),
        with_check({"json": {}, "exact": "x"}),
        with_check({}),
        with_check("json", wieght=3),
        with_check("json", weight=0),
        with_check("json", id="a b"),
        with_check("json", expect={"$file": "checks.yaml"}),
        with_check("json", tools=[{"type": "function", "function": "refund"}]),
        {"cases": []},
        {},
        [],
    ],
    ids=str,
)
def test_mistakes_are_underlined(data):
    """Unknown checks and parameters, wrong types, missing and unknown keys."""
    assert wrong(data)


@pytest.mark.parametrize(
    ("line", "fits"),
    [
        ({"id": "a", "prompt": "p", "expect": ["json"]}, True),
        ({"defaults": {"cohort": "a", "vars": {"x": 1}}}, True),
        ({"defaults": {"cases": []}}, False),
        ({"id": "a", "promt": "p"}, False),
        ({"cases": [{"id": "a"}]}, False),
    ],
    ids=str,
)
def test_a_line_of_json_lines_has_a_schema_too(line, fits):
    """For tools that look at one line: #/definitions/line."""
    assert fits == (not wrong(line, "line"))


def test_tools_may_come_from_files():
    """All of them, or some."""
    tool = {"type": "function", "function": {"name": "f"}}

    assert [] == wrong(with_check("json", tools={"$file": "tools.json"}))
    assert [] == wrong(with_check("json", tools=[tool, {"$file": "tool.json"}]))
