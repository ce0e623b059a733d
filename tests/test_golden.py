"""Golden files."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import pytest

from pytest_quantguard import _cases, _golden
from pytest_quantguard._registry import Registry
from pytest_quantguard.errors import ConfigError, GoldenFileError
from pytest_quantguard.types import Completion, ToolCall

GOOD = """\
cohort: faq
system: Be brief.
request: {max_tokens: 8}
cases:
  - id: one
    prompt: "Hello?"
    expect: [{exact: Hi}]
    tags: [smoke]
  - id: two
    cohort: other
    messages: [{role: user, content: Hi}]
    request: {seed: 3, logprobs: true, top_logprobs: 20}
    reference: "Hi, ä\\n\\n- B"
    weight: 2
    critical: true
    samples: 3
    expect:
      - contains: [a, b]
      - length: {max_chars: 5}
"""


REFERENCE = '"Hi, ä\\n\\n- B"'
BLOCK = "|\n      Hi\n\n      ho"


def load(tmp_path, text, request=None):
    path = tmp_path / "g.quant.yaml"
    path.write_text(text, encoding="utf-8")
    return _golden.load(path, "g.quant.yaml", Registry(), request or {})


def problems(tmp_path, text):
    with pytest.raises(GoldenFileError) as caught:
        load(tmp_path, text)
    return list(caught.value.problems)


def test_a_good_file_becomes_cases(tmp_path):
    """Defaults of config, file and case are laid over each other, in this order."""
    one, two = load(tmp_path, GOOD, {"seed": 1, "max_tokens": 99})

    assert ("one", "faq", ("smoke",), 5) == (one.id, one.cohort, one.tags, one.source.line)
    assert {"temperature": 0, "seed": 1, "max_tokens": 8} == one.request.params
    assert ["system", "user"] == [m["role"] for m in one.request.messages]
    extra = {"seed": 3, "logprobs": True, "top_logprobs": 20}
    assert {"temperature": 0, "max_tokens": 8, **extra} == two.request.params
    assert (None, "Hi, ä\n\n- B") == (one.reference, two.reference)
    assert two.request.reference is None  # what is asked first is an answer
    assert ("other", 2.0, True, 3) == (two.cohort, two.weight, two.critical, two.samples)
    assert ["contains", "length"] == [check.key for check in two.checks]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("prompt:", "promt:"), "g.quant.yaml:6: unknown key 'promt'"),
        (("prompt:", "promt:"), "did you mean 'prompt'?"),
        (("id: two", "id: one"), "g.quant.yaml:9: the id 'one' is already at g.quant.yaml:5"),
        (("exact", "exakt"), "g.quant.yaml:7: unknown check 'exakt'; did you mean 'exact'?"),
        (("max_chars", "max_char"), "g.quant.yaml:19: length: unknown parameter 'max_char'; did"),
        (("id: two", "id: 'a b'"), 'g.quant.yaml:9: cases.id is "a b"; allowed are letters'),
        (("weight: 2", "weight: 0"), "g.quant.yaml:14: cases.weight is 0; a weight is a number"),
        (("weight: 2", "weight: no"), 'g.quant.yaml:14: cases.weight must be a number, not "no"'),
        (("cohort: faq\n", ""), "g.quant.yaml:4: case 'one' has no cohort"),
        (("    expect: [{exact: Hi}]\n", ""), "g.quant.yaml:5: case 'one' has no checks"),
        (('    prompt: "Hello?"\n', ""), "g.quant.yaml:5: case 'one' needs either 'prompt'"),
        (("[{exact: Hi}]", "[{exact: Hi}, exact]"), "the parameter 'text' is missing"),
        (("seed: 3", "sede: 3"), "g.quant.yaml:12: unknown key 'sede' in cases.request; did you"),
        (("cases:", "casses:"), "did you mean 'cases'?"),
        ((REFERENCE, "' '"), 'cases.reference is " "; a reference is a right answer, word'),
        ((REFERENCE, '" Hi"'), 'g.quant.yaml:13: cases.reference is " Hi"; a reference is a right'),
        ((REFERENCE, '"Hi\\t"'), 'g.quant.yaml:13: cases.reference is "Hi\\t"; a reference is a'),
        ((REFERENCE, BLOCK), 'g.quant.yaml:13: cases.reference is "Hi\\n\\nho\\n"; a reference is'),
        ((REFERENCE, BLOCK), "without white space around it: write `reference: |-` for a block"),
        ((REFERENCE, "[Hi]"), "cases.reference must be text"),
        (("cohort: faq", 'cohort: "faq\\n"'), 'g.quant.yaml:1: cohort is "faq\\n"; allowed are'),
        (("id: two", 'id: "two\\n"'), 'g.quant.yaml:9: cases.id is "two\\n"; allowed are letters'),
        (("[smoke]", '["smoke\\n"]'), 'g.quant.yaml:8: cases.tags is "smoke\\n"; allowed are lett'),
        (
            ("top_logprobs: 20", "top_logprobs: 21"),
            "is 21; top_logprobs is a number of tokens, 0 to",
        ),
    ],
)
def test_a_mistake_is_named_with_its_line_and_a_way_out(tmp_path, change, message):
    """What is wrong, what was given, where, and what is allowed."""
    assert change[0] in GOOD

    found = problems(tmp_path, GOOD.replace(*change))

    assert any(message in problem for problem in found), found


def test_all_mistakes_of_a_file_are_reported_at_once(tmp_path):
    """One run is enough to learn of every mistake."""
    text = GOOD.replace("exact:", "exakt:").replace("max_chars", "max_char")

    assert ["g.quant.yaml:7", "g.quant.yaml:19"] == [
        problem.split(": ")[0] for problem in problems(tmp_path, text)
    ]


@pytest.mark.parametrize("text", ["", "# only a comment\n", "- a\n", "cases: []\n", "just text\n"])
def test_a_file_without_cases_is_an_error(tmp_path, text):
    """An empty golden file is never an empty, green run."""
    assert problems(tmp_path, text)


def test_a_referenced_file_is_read_from_the_golden_folder(tmp_path):
    """{$file: ...} stands for what the file holds."""
    (tmp_path / "tools.json").write_text('[{"type": "function", "function": {"name": "f"}}]')
    text = "tools: {$file: tools.json}\n" + GOOD

    case = load(tmp_path, text)[0]

    assert "f" == case.request.tools[0]["function"]["name"]


def test_a_reference_out_of_the_golden_folder_is_refused(tmp_path):
    """Neither a path with dots nor a link leads out; the content is never shown."""
    folder = tmp_path / "golden"
    folder.mkdir()
    (tmp_path / "secret.json").write_text('["hidden"]')
    (folder / "link.json").symlink_to(tmp_path / "secret.json")

    for name in ("../secret.json", "link.json", "/etc/passwd"):
        found = problems(folder, f"tools: {{$file: {name}}}\n" + GOOD)

        assert any("outside the golden folder" in problem for problem in found)
        assert not any("hidden" in problem for problem in found)


def test_a_missing_referenced_file_is_an_error(tmp_path):
    """The reference's own line is named."""
    found = problems(tmp_path, "tools: {$file: nope.json}\n" + GOOD)

    assert found[0].startswith("g.quant.yaml:1: {$file: nope.json} cannot be used")


def test_ten_thousand_mistakes_do_not_take_for_ever(tmp_path):
    """A large broken file still answers, with everything that is wrong."""
    cases = "".join(f"  - {{id: c{i}, promt: x, expect: [json]}}\n" for i in range(300))

    assert 300 <= len(problems(tmp_path, "cohort: a\ncases:\n" + cases))


def test_another_reference_is_another_golden_set(tmp_path):
    """What is asked and what is right are both known by their hash."""
    case = load(tmp_path, GOOD)[1]

    assert _golden.content_hash_parts(case) != _golden.content_hash_parts(
        replace(case, reference="Hi")
    )


def test_a_block_without_its_last_line_break_is_a_reference(tmp_path):
    """What the message advises."""
    text = GOOD.replace(REFERENCE, BLOCK.replace("|", "|-"))

    assert "Hi\n\nho" == load(tmp_path, text)[1].reference


GOLDEN = Path(__file__).parents[1] / "golden"


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.quant.yaml")), ids=lambda path: path.stem)
def test_our_own_references_are_right(path):
    """Every case has one, and it passes the case's checks."""
    cases = _golden.load(path, path.name, Registry(), {})

    for case in cases[:20]:
        said = Completion(text=case.reference)
        if case.cohort == "tool-calling":
            call = json.loads(case.reference.split("\n")[1])
            made = ToolCall(name=call["name"], arguments_text=json.dumps(call["arguments"]))
            said = Completion(text="", tool_calls=(made,))
        assert all(check(said, case).ok for check in case.checks), case.id
    assert all(case.reference for case in cases)


@pytest.mark.parametrize("name", ["my check", "", "*", "ünï", "x\n", "a" * 81, "-x", 3])
@pytest.mark.parametrize("drawer", ["checks", "metrics", "providers", "reporters"])
def test_what_no_file_could_name_is_not_registered(drawer, name):
    """A check is named in golden files, evidence and budgets; all of them hold labels."""
    registry = Registry()

    with pytest.raises(ConfigError, match=r"the name of a \w+ is .*; allowed are letters"):
        getattr(registry, drawer).add(name, object)
    with pytest.raises(ValueError, match="exists already; choose another name"):
        registry.checks.add("exact", object)


def test_a_name_that_cannot_be_registered_is_a_usage_error(project):
    """A sentence and exit 4, not a crash inside pytest."""
    project.write(
        "conftest.py",
        "def pytest_quantguard_register(registry):\n    registry.checks.add('my check', object)\n",
    )

    run = project.run()

    assert 4 == run.code
    assert run.has('ERROR: quantguard: the name of a check is "my check"; allowed are letters')
    assert "INTERNALERROR" not in run.output


@pytest.mark.parametrize(
    ("thing", "sentence"),
    [
        ("no_such_module:X", "the check 'mine' cannot be imported from 'no_such_module:X': No"),
        ("json:Nothing", "the check 'mine' cannot be imported from 'json:Nothing': module 'json'"),
        ("", "the check 'mine' cannot be imported from ''"),
        (object, "mine: a check is a dataclass that has `key` and `shorthand`"),
        (len, "mine: a check is a dataclass that has `key` and `shorthand`"),
    ],
)
def test_a_registered_check_that_is_none_is_a_mistake_with_a_sentence(tmp_path, thing, sentence):
    """Found where a case asks for it."""
    registry = Registry()
    registry.checks.add("mine", thing)
    path = tmp_path / "g.quant.yaml"
    path.write_text("cohort: a\ncases:\n- {id: a, prompt: p, expect: [mine]}\n")

    with pytest.raises(GoldenFileError, match=rf"^g\.quant\.yaml:3: {re.escape(sentence)}"):
        _golden.load(path, path.name, registry, {})


@pytest.mark.parametrize("found", ["too short", ValueError("broken"), ""])
def test_a_check_may_refuse_a_case_and_may_break_while_it_looks(tmp_path, found):
    """Both are mistakes of the file, with the line of the check."""

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Picky:
        key: ClassVar[str] = "picky"
        shorthand: ClassVar[str | None] = None

        def misfit(self, case):
            if isinstance(found, Exception):
                raise found
            return found

    registry = Registry()
    registry.checks.add("picky", Picky)
    path = tmp_path / "g.quant.yaml"
    path.write_text("cohort: a\ncases:\n- id: a\n  prompt: p\n  expect: [picky]\n")

    if found == "":
        assert 1 == len(_golden.load(path, path.name, registry, {}))
        return
    with pytest.raises(GoldenFileError) as caught:
        _golden.load(path, path.name, registry, {})
    sentence = "whether it fits the case cannot be told: ValueError: broken"
    expected = found if isinstance(found, str) else sentence
    assert (f"g.quant.yaml:5: picky: {expected}",) == caught.value.problems


# --- cases with and without variables -----------------------------------------------------

MIXED = """\
cohort: a
prompt: "Greet {{name}}."
expect: [{contains: "{{name}}"}]
cases:
  - id: one
  - id: two
    vars: {name: Ada}
"""
FILLED = "a case has 'vars' or a matrix, so that {{...}} is filled in throughout the file"


@pytest.mark.parametrize("swapped", [False, True], ids=["before", "after"])
def test_a_case_that_forgot_its_variables_is_named(tmp_path, swapped):
    """It neither asks with the braces in it, nor gets the check of the case beside it."""
    text = MIXED
    if swapped:
        text = text.replace("  - id: one\n", "") + "  - id: one\n"

    assert [
        f"g.quant.yaml:{line}: unknown variable 'name': {FILLED} (case 'one')" for line in (2, 3)
    ] == problems(tmp_path, text)


def test_each_case_gets_the_check_that_its_variables_make(tmp_path):
    """A check of the file that has variables belongs to no second case."""
    text = MIXED.replace("id: one", "id: one\n    vars: {name: Bob}")

    assert [("Bob",), ("Ada",)] == [case.checks[0].texts for case in load(tmp_path, text)]


def test_what_filled_checks_hold_counts_as_written(tmp_path, monkeypatch):
    """A long text in a check times many rows; the file is read no further."""
    monkeypatch.setattr(_cases, "MAX_FILLED", 2**20)
    rows = ", ".join(map(str, range(1000)))
    text = (
        f"cohort: a\nprompt: p\nvars: {{t: {'x' * 10_000}}}\n"
        "expect: [{contains: '{{n}} {{t}}'}]\ncases:\n"
        f"- id: a\n  matrix: {{n: [{rows}]}}\n- id: b\n  matrix: {{n: [{rows}]}}\n"
    )
    made = []
    monkeypatch.setattr(
        Registry,
        "build_check",
        lambda self, spec, make=Registry.build_check: made.append(spec) or make(self, spec),
    )

    assert [
        "g.quant.yaml:6: the templates write more than 1 MB; split the file",
        "g.quant.yaml: not read to its end",
    ] == problems(tmp_path, text)
    assert 104 == len(made)


# --- tools in files -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tools", "sentences"),
    [
        (
            [{"type": "function", "function": "refund"}],
            ['tools[0].function must be a map, not "refund"'],
        ),
        (["refund", 7], ['tools[0] must be a map, not "refund"', "tools[1] must be a map, not 7"]),
        (
            [{"type": "function", "function": {"name": name}} for name in ("f", "g", "f")],
            ["tools[2] is called 'f', as is tools[0]; a call could mean either"],
        ),
        ({"type": "function"}, ["tools must be a list of tool definitions"]),
    ],
)
def test_tools_that_are_none_are_refused_from_a_file_too(tmp_path, tools, sentences):
    """As if they were written in the golden file; once, however many cases have them."""
    (tmp_path / "t.json").write_text(json.dumps(tools))
    text = "cohort: a\ntools: {$file: t.json}\ncases:\n" + "".join(
        f"- {{id: c{i}, prompt: p, expect: [no_tool_call]}}\n" for i in range(3)
    )

    assert [f"g.quant.yaml:2: {sentence}" for sentence in sentences] == problems(tmp_path, text)


def test_some_of_a_lists_tools_may_come_from_files(tmp_path):
    """Two of one name are refused where the second stands."""
    (tmp_path / "t.json").write_text('{"type": "function", "function": {"name": "f"}}')
    text = (
        "cohort: a\ncases:\n- id: a\n  prompt: p\n  expect: [json]\n  tools:\n"
        "  - {$file: t.json}\n  - {type: function, function: {name: g}}\n"
    )

    (case,) = load(tmp_path, text)

    assert ["f", "g"] == [tool["function"]["name"] for tool in case.request.tools]
    assert [
        "g.quant.yaml:8: tools[1] is called 'f', as is tools[0]; a call could mean either"
    ] == problems(tmp_path, text.replace("name: g", "name: f"))
