"""What the documentation shows of files is what the program reads: YAML, JSON, Python."""

from __future__ import annotations

import doctest
import json
import re
import textwrap
from itertools import pairwise

import pytest
import yaml

from docs_blocks import PAGES, ROOT, blocks
from pytest_quantguard import _config
from pytest_quantguard._golden import load
from pytest_quantguard._registry import Registry

ELSEWHERE = ("docs/cookbook.md", "docs/servers.md")
"""Their files have tests of their own: test_docs_golden.py, test_docs_servers.py."""
INCLUDED = {
    "tools.json": '[{"type": "function", "function": {"name": "refund_order", "parameters": {'
    '"type": "object", "properties": {"order_id": {"type": "string"}}}}}]',
    "report.txt": "Nothing unusual was reported.",
    "contract.txt": "The parties agree.",
    "vertrag.txt": "Die Parteien vereinbaren.",
    "calib.jsonl": '{"text": "What is calibrated on."}\n',
    "corpus.txt": "What is calibrated on.",
    "schema.json": '{"type": "object"}',
}
SET = dict.fromkeys(
    ("BASELINE_URL", "QUANT_NIGHT", "QUANT_API_KEY", "TEAM", "HF_TOKEN"), "http://127.0.0.1:1/v1"
)
PROMPT = """[1] Ada Brown of 12 High Street, London, paid 1,250.00 EUR on 1 March 2026.
[2] Her order is 882136644.
What did Ada Brown pay for order 882136644?"""
FILE = re.compile(r"^# (\S+\.(?:yaml|toml))$", re.MULTILINE)


def shown(language):
    """Return the blocks of a language, each with its page and number as the id of the test."""
    found = []
    for path in PAGES:
        of_page = [block for block in blocks(path) if block.language == language]
        if path.relative_to(ROOT).as_posix() not in ELSEWHERE:
            found += [
                pytest.param(block, id=f"{block.page}-{number}")
                for number, block in enumerate(of_page, 1)
                if "file" not in block.marks  # written and used in test_docs_commands.py
            ]
    return found


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder with the files that golden files include."""
    (tmp_path / "golden").mkdir()
    (tmp_path / "tests").mkdir()
    for name, text in INCLUDED.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
        (tmp_path / "golden" / name).write_text(text, encoding="utf-8")
    for name, value in SET.items():
        monkeypatch.setenv(name, value)
    return tmp_path


@pytest.mark.parametrize("block", shown("yaml"))
def test_yaml_is_read(block, project):
    """Configurations and golden files by the program's loaders, parts of them inside a whole."""
    parts = FILE.split(block.text)
    files = [parts[0], *parts[2::2]] if len(parts) > 1 else [block.text]
    for number, text in enumerate(text for text in files if text.strip()):
        _read(textwrap.dedent(text), block.marks.get("yaml", ""), project, number)


def _read(text, kind, project, number):
    data = yaml.safe_load(text)
    keys = set(data) if isinstance(data, dict) else set()
    if kind or keys & {"jobs", "steps"} or "uses:" in text:
        return  # of another program, as the mark says, or workflows: tests/test_ci_examples.py
    if isinstance(data, list):  # checks of a case
        for one in data:
            _golden({"cohort": "c", "cases": [_whole({"expect": [one]})]}, project, number)
    elif keys & {"cases", "expect"}:
        case = {"cohort": "c", **data}
        _golden(
            case if "cases" in case else {"cohort": "c", "cases": [_whole(data)]}, project, number
        )
    elif keys == {"options"}:  # of a judge
        _configuration({"judges": {"j": {**_endpoint("j"), **data}}}, project)
    else:
        _configuration(data, project)


def _whole(case):
    """Return a case in which checks find what they look for when they are read."""
    first = case["expect"][0]
    name = first if isinstance(first, str) else next(iter(first))
    needs = {
        "no_tool_call": {"tools": json.loads(INCLUDED["tools.json"])},
        "judge": {"reference": "Yes."},
        "stability": {"samples": 2},
    }
    return {"id": "c", "prompt": PROMPT, **needs.get(name, {}), **case}


def _golden(data, project, number):
    path = project / "golden" / f"shown{number}.quant.yaml"
    path.write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
    cases = load(path, f"golden/{path.name}", Registry(), {})

    assert cases
    assert all(case.checks for case in cases)


def _endpoint(model):
    return {"provider": "openai", "base_url": "http://127.0.0.1:1/v1", "model": model}


def _configuration(data, project):
    variants = data.get("variants") or {}
    baseline = data.get("baseline") or next(iter(variants), "zero")
    other = {name: _endpoint(name) for name in {"zero", "one", baseline} - set(variants)}
    whole = {
        "budgets": "auto",
        **data,
        "baseline": baseline,
        "variants": {**variants, **other},
    }
    file = project / "quantguard.yaml"
    file.write_text(yaml.safe_dump(whole, sort_keys=False), encoding="utf-8")
    candidates = [name for name in whole["variants"] if name != baseline]

    assert _config.load(file, project, candidates=candidates).candidates


@pytest.mark.parametrize("block", shown("json"))
def test_json_is_json(block):
    """A document, or one on each line."""
    try:
        json.loads(block.text)
    except json.JSONDecodeError:
        for line in block.text.splitlines():
            json.loads(line)


@pytest.mark.parametrize("block", shown("python"))
def test_python_compiles_and_imports_what_there_is(block):
    """Each name that is imported from us is there; blocks are run where pages have tests."""
    compile(block.text, block.place, "exec")
    for line in re.findall(r"^from pytest_quantguard\S* import .*$", block.text, re.MULTILINE):
        exec(line, {})


@pytest.mark.parametrize("path", [p for p in PAGES if "```pycon" in p.read_text("utf-8")])
def test_worked_examples_give_these_numbers(path):
    """What a page computes, from its first line to its last, in one session."""
    session = "\n".join(block.text for block in blocks(path) if block.language == "pycon")
    place = path.relative_to(ROOT).as_posix()
    test = doctest.DocTestParser().get_doctest(session, {}, place, str(path), 0)
    said = []
    doctest.DocTestRunner(verbose=False).run(test, out=said.append)

    assert [] == said, "".join(said)


def test_every_page_has_one_title_and_no_level_is_left_out():
    """As readers of tables of contents, and of screens, expect."""
    wrong = []
    for path in PAGES:
        text = re.sub(r"^ *```.*?^ *```$", "", path.read_text("utf-8"), flags=re.M | re.S)
        levels = [len(marks) for marks in re.findall(r"^(#+) ", text, re.MULTILINE)]
        jumps = [after for before, after in pairwise(levels) if after > before + 1]
        if levels[:1] != [1] or levels.count(1) != 1 or jumps:
            wrong.append(path.relative_to(ROOT).as_posix())

    assert [] == wrong


WORDS = {
    r"responses?(?! format)": "completion, or answer",
    r"predictions?|generations?": "completion, or answer",
    r"ground truth": "reference",
    r"thresholds?": "budget, or limit",
    r"test[ -]cases?(?! for)|eval cases?": "golden case",
    r"base model|reference model|original model|control arm": "baseline",
    r"challenger|treatment": "candidate",
    r"segments?|buckets?": "cohort",
    r"evaluators?|graders?": "check, or judge",
    r"quantis\w+": "quantiz...",
    r"behaviors?|colors?": "behaviour, colour",
}
"""What our pages do not say in sentences, and their word for it."""


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_one_word_for_each_thing(path):
    """Readers of one page find the words of another; code and links are left out."""
    text = re.sub(
        r"^ *```.*?^ *```$|`[^`]*`|\]\([^)]*\)", "", path.read_text("utf-8"), flags=re.M | re.S
    )
    found = {
        word: instead
        for pattern, instead in WORDS.items()
        for word in re.findall(rf"\b(?:{pattern})\b", text, re.IGNORECASE)
    }

    assert {} == found
