"""Golden files that tools write and edit."""

from __future__ import annotations

import json
import random
import re

import pytest
import yaml

from pytest_quantguard import _golden
from pytest_quantguard._registry import Registry
from pytest_quantguard.documents import document as _document
from pytest_quantguard.documents.rewrite import (
    append_cases,
    to_jsonl,
    to_yaml,
)
from pytest_quantguard.errors import InputError

FILE = """\
# what this is for
cohort: faq     # of all

cases:
  # the easy ones
  - id: one       # an "id"
    prompt: |
      Hello

      there
    expect: [{exact: 'it''s'}]
    # why this case is here

  # the hard ones
  -
    id: two
    prompt: "plain \\u00e9"
    weight: 2   # hard
    tags: [a, b]
    reference:
  - {id: three, prompt: x, expect: [json]}
# the end
request: {max_tokens: 8}
"""
NEW = {"id": "new", "prompt": "a\n b", "expect": [{"exact": "no"}, "json"]}

WORDS = r"""
no Yes on OFF y n null ~ true 012 0o14 0x1f 1e3 1_000 .5 +1 1:30 2026-01-01 .inf .NaN = << - ? : ,
[ ] { } # & * ! | > ' " % @ ` -- --- ... a: #b a:b a#b key: {{name}} {$file} \ / \n
"""
HOSTILE = WORDS.split()
HOSTILE += [
    "",
    " ",
    " lead",
    "trail ",
    "a: b",
    "a #b",
    "- a",
    "? a",
    "x:",
    "two\nlines",
    "\nfirst is empty",
    "last\n",
    "last\n\n",
    "mid\n\n\ndle",
    " indented\nfirst",
    "trailing \nblank",
    "tab\tin\nblock",
    "\ttab\nfirst",
    "x\n\ttab",
    "crlf\r\nline",
    "cr\rline",
    "a\n# no comment\n--- \n...\n---\nb",
    "\x00\x07\x1b[31m\x7f\x85\xa0\u2028\u2029\ufeff\ufffe\uffff",
    "nel\x85\nline",
    "😀 é 漢字 \U0001f468\u200d\U0001f469 \u202egnp.exe",
    "x" * 5000,
    "a\n" * 500 + "b",
    "'''",
    '"""',
    "%YAML 1.1",
    "!!python/object:os.system",
    "&anchor *alias",
    "{a: [1, 2]",
]


@pytest.fixture(params=["libyaml", "python"])
def reader(request, monkeypatch):
    """Both parsers that PyYAML has."""
    if request.param == "python":
        monkeypatch.setattr(_document, "_Loader", yaml.SafeLoader)


def same(one: object, other: object) -> bool:
    """Equal to the type and the order of keys."""
    return json.dumps(one) == json.dumps(other)


def data(text: str) -> object:
    return _document.parse(text.removeprefix("\ufeff"), "f").data


# --- writing ------------------------------------------------------------------------------


@pytest.mark.usefixtures("reader")
@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_every_text_is_read_back_the_same(text):
    """As a value, as a key, in a list, in brackets; and by a reader of YAML 1.1 too."""
    case = {
        "id": text,
        "list": [text, [text]],
        "flow": {"a": {"b": text}},
        "long": ["-" * 99, text],
    }
    if len(text) < 200:
        case["key"] = {text: text}

    written = to_yaml([case], {"cohort": text})

    assert same({"cohort": text, "cases": [case]}, data(written))
    assert {"cohort": text, "cases": [case]} == yaml.safe_load(written)


@pytest.mark.usefixtures("reader")
@pytest.mark.parametrize("seed", range(40))
def test_any_data_is_read_back_the_same(seed):
    """Random trees of hostile texts, numbers and empty things."""
    draw = random.Random(seed)

    def value(depth: int) -> object:
        kind = draw.randrange(8 if depth < 5 else 5)
        if kind < 3:
            return "".join(draw.choices(HOSTILE, k=draw.randrange(1, 4)))[:300]
        if kind == 3:
            return draw.choice([0, -1, 10**30, 1.5, 1e300, 1e-7, -0.0, 12345678901234567890])
        if kind == 4:
            return draw.choice([None, True, False, [], {}, ""])
        if kind < 7:
            names = draw.sample(HOSTILE[:60], k=draw.randrange(4))
            return {name: value(depth + 1) for name in names}
        return [value(depth + 1) for _ in range(draw.randrange(4))]

    cases = [{"id": f"c{i}", "a": value(0), "messages": [value(1)]} for i in range(5)]

    assert same({"cases": cases}, data(to_yaml(cases)))


def test_what_is_written_is_what_people_write():
    """Blocks for lines, brackets for short lists, quotes unless it is a plain word."""
    case = {
        "id": "refund-1",
        "prompt": "Refund 88213-A",
        "system": "One.\nTwo.\n",
        "expect": [
            {"tool_call": {"name": "refund", "arguments": {"id": "012", "count": 3}}},
            "json",
        ],
        "tags": ["smoke", "no"],
        "weight": 2.5,
        "critical": True,
    }

    assert to_yaml([case], {"cohort": "faq", "tools": {"$file": "tools.json"}}) == (
        "cohort: faq\n"
        "tools: {$file: tools.json}\n"
        "cases:\n"
        "  - id: refund-1\n"
        '    prompt: "Refund 88213-A"\n'
        "    system: |\n"
        "      One.\n"
        "      Two.\n"
        "    expect:\n"
        '      - tool_call: {name: refund, arguments: {id: "012", count: 3}}\n'
        "      - json\n"
        '    tags: [smoke, "no"]\n'
        "    weight: 2.5\n"
        "    critical: true\n"
    )


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ("\ud800", "/cases/0/x: half of a surrogate pair"),
        ("\ud800\n", "/cases/0/x: half of a surrogate pair"),
        ([1, {"a\udfff": 1}], "/cases/0/x/1: half of a surrogate pair"),
        (float("nan"), "/cases/0/x: a number has to be finite"),
        ([float("inf")], "/cases/0/x/0: a number has to be finite"),
        (10**5000, "of at most 4000 digits"),
        (object, "golden files hold texts, numbers, lists and maps, not type"),
        ({1: 2}, "/cases/0/x: the key 1 is no text"),
        ({"k" * 201: 1}, "has more than 200 characters"),
    ],
    ids=range(9),
)
def test_what_no_file_can_hold_is_refused_with_its_place(value, sentence):
    """Never written in a way that is read back as something else."""
    with pytest.raises(InputError, match=re.escape(sentence)):
        to_yaml([{"x": value}])


def test_deep_nesting_is_refused_not_crashed_into():
    """In both formats."""
    deep: object = "x"
    for _ in range(100_000):
        deep = [deep]

    for write in (to_yaml, to_jsonl):
        with pytest.raises(InputError, match=r"nested deeper|cannot be written as JSON"):
            write([{"id": "a", "x": deep}])


def test_no_cases_are_no_file():
    """A golden file needs one."""
    with pytest.raises(InputError, match="no cases to write"):
        to_yaml([])


def test_json_lines_have_one_case_each():
    """The head is the first line; every value is read back."""
    cases = [{"id": "a", "x": text} for text in HOSTILE]

    lines = to_jsonl(cases, {"cohort": "faq"}).split("\n")

    assert {"defaults": {"cohort": "faq"}} == json.loads(lines[0])
    assert cases == [json.loads(line) for line in lines[1:-1]]
    assert "" == lines[-1]
    with pytest.raises(InputError, match="surrogates not allowed"):
        to_jsonl([{"x": "\ud800"}])
    with pytest.raises(InputError, match="Out of range float"):
        to_jsonl([{"x": float("nan")}])


def test_what_was_written_loads(tmp_path):
    """Through the loader's front door, in both formats."""
    for suffix, write in ((".quant.yaml", to_yaml), (".quant.jsonl", to_jsonl)):
        path = tmp_path / f"g{suffix}"
        path.write_text(write([NEW], {"cohort": "faq"}), encoding="utf-8", newline="")

        (case,) = _golden.load(path, path.name, Registry(), {})

        assert ("new", "faq", "a\n b") == (case.id, case.cohort, case.request.prompt)


# --- editing ------------------------------------------------------------------------------

VARIANTS = {
    "as written": FILE,
    "windows": "\ufeff" + FILE.replace("\n", "\r\n"),
    "no last line end": FILE.rstrip("\n"),
    "not indented": re.sub("^  ", "", FILE, flags=re.MULTILINE),
}


def case_lines(text: str) -> list[str]:
    return text.replace("\r", "").split("\n")


@pytest.mark.usefixtures("reader")
@pytest.mark.parametrize("text", VARIANTS.values(), ids=VARIANTS)
def test_appending_leaves_every_character_as_it_was(text):
    """The new case stands after the last; all that was there is there, in its order."""
    edited = append_cases(text, [NEW, {**NEW, "id": "newer"}])

    at = next(i for i, (a, b) in enumerate(zip(text, edited, strict=False)) if a != b)
    grown = len(edited) - len(text)
    assert text == edited[:at] + edited[at + grown :]
    before = data(text)
    assert same([*before["cases"], NEW, {**NEW, "id": "newer"}], data(edited)["cases"])
    assert before["request"] == data(edited)["request"]
    assert ("\r\n" in text) == ("\r\n" in edited)
    assert "\n\n" not in edited[at:].replace("\r", "")


def test_cases_that_are_kept_apart_are_appended_apart():
    """With an empty line, as the ones before."""
    text = "cases:\n- id: a\n\n- id: b\n"

    assert text + "\n- id: c\n" == append_cases(text, [{"id": "c"}])


def test_a_block_that_keeps_its_empty_lines_keeps_them():
    """They are a part of the text that the model is asked."""
    text = "cases:\n- id: a\n  prompt: |+\n    x\n\n\nvars: {a: 1}\n"

    assert "cases:\n- id: a\n  prompt: |+\n    x\n\n\n- id: c\nvars: {a: 1}\n" == append_cases(
        text, [{"id": "c"}]
    )


@pytest.mark.parametrize("text", ["", "# only a comment\n", "cohort: faq", "cohort: faq\n# end"])
def test_a_file_without_cases_gets_its_first(text):
    """The comments of the file stay."""
    edited = append_cases(text, [{"id": "c"}])

    assert edited.startswith(text)
    assert [{"id": "c"}] == data(edited)["cases"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("cases: [{id: a}]\n", "f.yaml:1: 'cases' is written in brackets or shared; write it as"),
        ("a: &x\n  - id: a\ncases: *x\n", "'cases' is written in brackets or shared"),
        ("cases:\ncohort: a\n", "f.yaml:1: 'cases' is empty; remove the line, then append"),
        ("- a\n", "f.yaml:1: is no golden file"),
        ("cases: x\n", "f.yaml:1: is no golden file"),
        ("cases: [\n", "f.yaml:2: not valid YAML"),
        ("cases:\n- id: new\n", "f.yaml: the id 'new' is there already"),
        ("cohort: x\n...\n", "f.yaml: cannot be edited without changing more than"),
    ],
)
def test_what_cannot_be_appended_to_is_said(text, sentence):
    """With its line, and what to do."""
    with pytest.raises(InputError, match=re.escape(sentence)):
        append_cases(text, [NEW], "f.yaml")
