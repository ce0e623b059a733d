"""What holds for every check of the drawer."""

import ast
import dataclasses
import importlib
import inspect
import pickle
import textwrap
from pathlib import Path

import pytest

from pytest_quantguard import checks
from pytest_quantguard._registry import Registry
from pytest_quantguard.checks import CHECKS

SMALLEST = {
    "choice": {"options": ["a", "b"]},
    "code_parses": {"language": "python"},
    "contains": {"texts": ["a"]},
    "disclaimer": {"texts": ["a"]},
    "exact": {"text": "a"},
    "json_schema": {"schema": {}},
    "judge": {"rubric": "a"},
    "language": {"language": "en"},
    "latency": {"max_s": 1},
    "length": {"max_chars": 1},
    "not_contains": {"texts": ["a"]},
    "python_tests": {"tests": "assert f()"},
    "refusal": {"must": True},
    "regex": {"pattern": "a"},
    "similarity": {"least": 0.5},
    "tool_call": {"name": "a"},
    "tool_sequence": {"calls": ["a"]},
}
FILES = sorted(Path(checks.__file__).parent.glob("*.py"))


def load(name):
    module, _, attr = CHECKS[name].partition(":")
    return getattr(importlib.import_module(module), attr)


def test_the_table_lists_every_file_in_order():
    """One public file is one check."""
    files = {path.stem for path in FILES if not path.stem.startswith("_")}

    assert set(CHECKS) == files
    assert list(CHECKS) == sorted(CHECKS)


@pytest.mark.parametrize("name", CHECKS)
def test_follows_the_contract(name):
    """A check is a frozen keyword-only dataclass that knows its name and its shorthand."""
    cls = load(name)
    fields = {field.name: field for field in dataclasses.fields(cls) if field.init}

    assert cls.key == name
    assert cls.shorthand is None or cls.shorthand in fields
    assert cls.__dataclass_params__.frozen
    assert all(field.kw_only for field in fields.values())
    assert "__slots__" in vars(cls)


@pytest.mark.parametrize("name", CHECKS)
def test_documents_parameters_and_an_example(name):
    """The docstring names every parameter, how quantization breaks it, and an example in YAML."""
    doc = inspect.getdoc(load(name))

    for field in dataclasses.fields(load(name)):
        assert not field.init or field.name in doc
    assert "Quantized models" in doc
    assert "Example:" in doc


@pytest.mark.parametrize("name", CHECKS)
def test_the_example_is_true(name):
    """The YAML of the docstring builds the check."""
    yaml = pytest.importorskip("yaml")
    example = inspect.getdoc(load(name)).split("Example:\n")[1].split("\n\n")[0]

    entries = yaml.safe_load(textwrap.dedent(example))["expect"]

    assert entries
    for entry in entries:
        assert Registry().build_check(entry).key == name


@pytest.mark.parametrize("name", CHECKS)
def test_crosses_process_borders(name):
    """A check survives pickling, and has a stable text for fingerprints."""
    check = load(name)(**SMALLEST.get(name, {}))

    assert pickle.loads(pickle.dumps(check)) == check
    assert " at 0x" not in repr(check)


def test_model_text_reaches_sentences_through_one_door():
    """Only _text imports the sanitizer; every other file quotes through _text."""
    importers = {
        path.stem
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.module == "pytest_quantguard._sanitize"
    }

    assert importers == {"_text"}
