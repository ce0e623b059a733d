"""Golden files with variables and matrices."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pytest_quantguard import _cases, _golden
from pytest_quantguard._registry import Registry
from pytest_quantguard.errors import GoldenFileError


@pytest.fixture
def load(tmp_path):
    """Load a text as a golden file."""

    def from_text(text, name="g.quant.yaml"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return _golden.load(path, name, Registry(), {})

    return from_text


@pytest.fixture
def problems(load):
    """Return what is wrong with a text."""

    def of_text(text, name="g.quant.yaml"):
        with pytest.raises(GoldenFileError) as caught:
            load(text, name)
        return list(caught.value.problems)

    return of_text


FILE = """\
cohort: "faq-{{lang}}"
vars: {lang: en, name: Ada}
system: "Answer in {{lang}}."
prompt: "Greet {{name}}."
expect: [{contains: "{{name}}"}]
reference: "Hello {{name}}!"
cases:
  - id: ada
  - id: bob
    vars: {name: Bob, lang: de}
    tags: ["to-{{name}}", fixed]
  - id: talk
    system: "Be {{name}}."
    messages:
      - {role: user, content: "{{lang}}?"}
      - {role: assistant, content: [{type: text, text: "{{name}}"}]}
    expect: [{exact: {text: "{{n}}", strip: "{{flag}}"}}]
    vars: {n: "3", flag: false}
"""


def test_variables_are_filled_in_everywhere_a_case_has_texts(load):
    """The case's value counts before the file's; a whole placeholder keeps its type."""
    ada, bob, talk = load(FILE)

    assert ["Answer in en.", "Greet Ada."] == [m["content"] for m in ada.request.messages]
    assert ("faq-en", "Hello Ada!", ("Ada",)) == (ada.cohort, ada.reference, ada.checks[0].texts)
    assert ["Answer in de.", "Greet Bob."] == [m["content"] for m in bob.request.messages]
    assert ("faq-de", "Hello Bob!", ("Bob",)) == (bob.cohort, bob.reference, bob.checks[0].texts)
    assert ("to-Bob", "fixed") == bob.tags
    assert [
        {"role": "system", "content": "Be Ada."},
        {"role": "user", "content": "en?"},
        {"role": "assistant", "content": [{"type": "text", "text": "Ada"}]},
    ] == list(talk.request.messages)
    assert ("3", False) == (talk.checks[1].text, talk.checks[1].strip)


def test_without_variables_braces_are_braces(load):
    """Golden files written before there were templates say what they said."""
    (case,) = load(
        'cohort: a\ncases: [{id: a, prompt: "{{ x }} {{y}}", system: "{{", '
        'expect: [{exact: "{{z}}"}], reference: "{{z}}"}]'
    )

    assert "{{\n{{ x }} {{y}}" == case.request.prompt
    assert ("{{z}}", "{{z}}") == (case.checks[0].text, case.reference)


def test_a_files_prompt_serves_cases_that_have_none(load):
    """A conversation of a case stands in place of the file's prompt, and the other way round."""
    head = "cohort: a\nexpect: [json]\n"
    prompt, messages = load(
        f"{head}prompt: p\ncases:\n- id: x\n- id: y\n  messages: [{{role: user, content: q}}]\n"
    )
    (other,) = load(f"{head}messages: [{{role: user, content: q}}]\ncases:\n- id: x\n  prompt: p\n")

    assert ["p", "q", "p"] == [case.request.prompt for case in (prompt, messages, other)]


def test_numbers_are_written_out_where_a_text_belongs(load):
    """In prompts, messages, tags, cohorts and references; booleans as YAML writes them."""
    (case,) = load(
        'vars: {n: 7, yes: true}\ncases: [{id: a, cohort: "{{n}}", prompt: "{{n}}", '
        'system: "{{yes}}", tags: ["{{n}}"], reference: "{{n}}", expect: [{length: '
        '{max_chars: "{{n}}"}}]}]'
    )

    assert ["true", "7"] == [m["content"] for m in case.request.messages]
    assert ("7", ("7",), "7") == (case.cohort, case.tags, case.reference)
    assert 7 == case.checks[0].max_chars


def test_variables_may_come_from_files(load, tmp_path):
    """And name files in checks; what a file holds is not filled in."""
    (tmp_path / "long.txt").write_text("long {{name}} text")
    (tmp_path / "all.yaml").write_text("name: x\nschema: s.json\n")
    (tmp_path / "s.json").write_text('{"const": "{{name}}"}')

    (case,) = load(
        "cohort: a\nvars: {$file: all.yaml}\ncases:\n- id: a\n  prompt: '{{name}}: {{doc}}'\n"
        "  vars: {doc: {$file: long.txt}}\n"
        "  expect: [{json_schema: {schema: {$file: '{{schema}}'}}}]\n"
    )

    assert "x: long {{name}} text" == case.request.prompt
    assert {"const": "{{name}}"} == case.checks[0].schema


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (("{{lang}}?", "{{lnag}}?"), "g.quant.yaml:14: unknown variable 'lnag'; did you mean"),
        (("Greet {{name}}", "Greet {{nam}}"), "g.quant.yaml:4: unknown variable 'nam'; did you"),
        (("{{n}}", "{{m}}"), "g.quant.yaml:17: unknown variable 'm'"),
        (("{{n}}", "{{m}}"), "g.quant.yaml:18: the variable 'n' is used nowhere; write {{n}}"),
        (("name: Ada}", "name: Ada, nmae: x}"), "g.quant.yaml:2: the variable 'nmae' is used now"),
        (("vars: {n:", "vars: {a b: 1, n:"), 'cases.vars is "a b"; the name of a variable has'),
        (('{n: "3", flag: false}', "[n]"), "g.quant.yaml:18: cases.vars must be a map, not"),
        (("name: Bob", 'name: ""'), "g.quant.yaml:5: contains: `texts[]` is empty; write"),
        (("to-{{name}}", "to {{name}}"), 'cases.tags is "to {{name}}"; allowed are letters'),
        (("name: Bob", "name: A b"), 'g.quant.yaml:11: tags is "to-A b"; allowed are letters'),
        (("name: Bob", "name: [1]"), "the variable 'name' is a list or a map, which cannot stand"),
        (("name: Bob", "name: {$file: no}"), "g.quant.yaml:10: {$file: no} cannot be used: there"),
    ],
)
def test_a_mistake_with_variables_is_named_with_its_line(problems, change, sentence):
    """Where the text stands that cannot be filled, or the variable that nobody uses."""
    assert change[0] in FILE
    text = FILE.replace(*change, 1)

    found = problems(text)

    assert any(sentence in problem for problem in found), found


def test_what_variables_make_has_to_fit_as_if_it_were_written(problems):
    """An empty prompt, a reference with white space around it, a cohort that is no label."""
    text = (
        "cohort: 'x{{b}}'\nexpect: [json]\nvars: {a: '', b: ' '}\ncases:\n"
        "- id: one\n  prompt: '{{a}}'\n  reference: 'x{{b}}'\n"
    )

    starts = (
        'g.quant.yaml:1: cohort is "x "; allowed are letters',
        'g.quant.yaml:6: prompt is ""; ',
        'g.quant.yaml:7: reference is "x "; a reference is a right answer',
    )
    found = sorted(problems(text))
    assert 3 == len(found)
    assert all(map(str.startswith, found, starts)), found


def test_a_placeholder_without_variables_is_no_label(problems):
    """Said with what is missing."""
    found = problems("cohort: '{{lang}}'\ncases: [{id: a, prompt: p, expect: [json]}]")

    assert [
        'g.quant.yaml:1: cohort is "{{lang}}": no label; '
        "{{...}} is filled in where there are 'vars'"
    ] == found


def test_a_value_cannot_bring_placeholders(load, problems):
    """One pass; and a label is still looked at."""
    (case,) = load(
        "cohort: a\nvars: {a: '{{b}}', b: no}\n"
        "cases: [{id: a, prompt: '{{a}} {{b}}', expect: [json]}]"
    )

    assert "{{b}} no" == case.request.prompt
    assert (
        'cohort is "{{x}}": no label'
        in problems(
            "cohort: '{{a}}'\nvars: {a: '{{x}}'}\ncases: [{id: a, prompt: p, expect: [json]}]"
        )[0]
    )


# --- matrices -----------------------------------------------------------------------------

PRODUCT = """\
cohort: "{{lang}}"
expect: [json]
cases:
  - id: greet
    prompt: "{{lang}} {{tone}}"
    matrix:
      lang: [de, en]
      tone: [formal, "very formal", 3]
"""
ROWS = """\
cohort: sums
prompt: "{{q}}"
expect: [{exact: "{{a}}"}]
cases:
  - id: sum
    weight: 2
    tags: [all]
    matrix:
      - {q: "1 + 1", a: "2"}
      - {q: "2 + 2", a: "4", id: four, weight: 3, tags: [hard, "t-{{a}}"]}
      - {q: "x", a: "y z"}
"""


def ids(cases):
    return [case.id for case in cases]


def test_a_map_of_lists_is_multiplied_out(load):
    """In the order it is written, the last list fastest; ids are made of short labels."""
    cases = load(PRODUCT)

    assert [
        f"greet-{lang}-{tone}" for lang in ("de", "en") for tone in ("formal", "tone2", "3")
    ] == ids(cases)
    assert ["de formal", "de very formal", "de 3"] == [c.request.prompt for c in cases[:3]]
    assert ["de"] * 3 + ["en"] * 3 == [case.cohort for case in cases]
    assert {4} == {case.source.line for case in cases}


def test_a_list_of_maps_is_taken_row_by_row(load):
    """A row may have an id, a weight, and tags; it is found by its own line."""
    cases = load(ROWS)

    assert ["sum-2-1", "sum-four", "sum-x-3"] == ids(cases)
    assert ["1 + 1", "2 + 2", "x"] == [case.request.prompt for case in cases]
    assert ["2", "4", "y z"] == [case.checks[0].text for case in cases]
    assert [2.0, 3.0, 2.0] == [case.weight for case in cases]
    assert [("all",), ("all", "hard", "t-4"), ("all",)] == [case.tags for case in cases]
    assert [9, 10, 11] == [case.source.line for case in cases]


def test_a_files_matrix_and_a_cases_matrix_are_crossed(load):
    """The file's first; rows of a case decide the weight."""
    cases = load(
        "cohort: a\nexpect: [json]\nmatrix: [{x: 1, weight: 5}, {x: 2, weight: 6}]\ncases:\n"
        "- id: one\n  prompt: '{{x}}'\n"
        "- id: two\n  prompt: '{{x}} {{y}}'\n  matrix: {y: [a, b]}\n"
        "- id: three\n  prompt: '{{x}} {{y}}'\n  matrix: [{y: a, weight: 7}]\n"
    )

    assert "one-1 one-2 two-1-a two-1-b two-2-a two-2-b three-1-a three-2-a" == " ".join(ids(cases))
    assert [5, 6, 5, 5, 6, 6, 7, 7] == [case.weight for case in cases]
    assert "2 b" == cases[5].request.prompt


def test_a_matrix_may_stand_in_a_file(load, tmp_path):
    """Rows that another program writes."""
    (tmp_path / "rows.json").write_text('[{"q": "1", "a": "2"}, {"q": "3", "a": "4"}]')
    head = ROWS.partition("    matrix:")[0]

    assert ["sum-1-2", "sum-3-4"] == ids(load(f"{head}    matrix: {{$file: rows.json}}\n"))


def with_matrix(matrix: str, prompt: str = "{{a}}") -> str:
    return (
        f"cohort: c\nexpect: [json]\ncases:\n- id: one\n  prompt: '{prompt}'\n  matrix: {matrix}\n"
    )


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (with_matrix("{a: []}"), "g.quant.yaml:6: matrix: 'a' has to be a list of values that is"),
        (with_matrix("{a: x}"), "matrix: 'a' has to be a list of values"),
        (with_matrix("{a: [1, 2, 1]}"), "matrix: 'a' has '1' twice, which would make an id twice"),
        (with_matrix("{a: [1, '1']}"), "matrix: 'a' has '1' twice"),
        (with_matrix("{a: [1], b: [2]}"), "g.quant.yaml:6: the variable 'b' is used nowhere"),
        (with_matrix("{weight: [1]}"), "matrix: 'weight' belongs to the case; a list of maps may"),
        (with_matrix("{'a b': [1]}"), "matrix: 'a b' is no name of a variable; allowed are"),
        (with_matrix("[{'a b': 1}]"), "matrix: 'a b' is no name of a variable; allowed are"),
        (with_matrix("[]"), "a map of lists, which is multiplied out, or a list of maps"),
        (with_matrix("{}"), "a map of lists, which is multiplied out, or a list of maps"),
        (with_matrix("x"), "cases.matrix must be a map or a list, not"),
        (with_matrix("[1]"), "matrix: a row is a map of variables to values, not 1"),
        (with_matrix("[{}]"), "matrix: a row is a map of variables to values, not {}"),
        (with_matrix("[{a: 1, id: 'x y'}]"), "matrix: the id of a row is a short label, not 'x y'"),
        (with_matrix("[{a: 1, weight: 0}]"), "matrix: the weight of a row is a number above 0"),
        (with_matrix("[{a: 1, tags: x}]"), "matrix: the tags of a row are a list of labels"),
        (with_matrix("[{a: 1, tags: [x y]}]"), 'g.quant.yaml:6: tags is "x y"; allowed are'),
        (with_matrix("[{a: 1}, {a: 1}]"), "g.quant.yaml:4: the matrix makes 'one-1' twice; a matr"),
        (with_matrix("[{a: 1}, {b: 1}]"), "g.quant.yaml:5: unknown variable 'a'; known: b (case"),
        (with_matrix("{a: [x]}\n  vars: {a: 1}"), "g.quant.yaml:7: the variable 'a' is in 'vars'"),
        ("matrix: {a: [1]}\n" + with_matrix("{a: [2]}"), "g.quant.yaml:7: the variable 'a' is in"),
        (with_matrix("{a: [one]}").replace("id: one", f"id: {'x' * 77}"), "has 81 characters, 80"),
        (with_matrix("{a: [b]}") + "- {id: one-b, prompt: p}\n", "the id 'one-b' is already at"),
        (with_matrix("{a: [1]}", "p"), "g.quant.yaml:6: the variable 'a' is used nowhere"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_matrix_is_named_with_its_line(problems, text, sentence):
    """What is wrong, and what to do."""
    found = problems(text)

    assert any(sentence in problem for problem in found), found


def test_a_mistake_of_all_rows_is_said_once(problems):
    """With the first case that has it."""
    found = problems(with_matrix("{a: [1, 2, 3]}", "{{a}} {{b}}") + "  expect: [{exakt: '{{a}}'}]")

    assert [
        "g.quant.yaml:5: unknown variable 'b'; did you mean 'a'? (case 'one-1')",
        "g.quant.yaml:7: unknown check 'exakt'; did you mean 'exact'? (case 'one-1')",
    ] == [problem.replace("known: a", "did you mean 'a'?") for problem in found]


def test_a_matrix_that_makes_too_many_cases_is_refused_before_it_is_made(problems):
    """A sentence with the number, not a machine without memory."""
    axes = ", ".join(f"a{axis}: [{', '.join(map(str, range(50)))}]" for axis in range(9))
    texts = " ".join(f"{{{{a{axis}}}}}" for axis in range(9))

    assert [
        f"g.quant.yaml:6: this makes {50**9} cases; a file may have {_cases.MAX_CASES} in all"
    ] == problems(with_matrix(f"{{{axes}}}", texts))


def test_templates_that_write_too_much_are_refused(problems, monkeypatch):
    """A long prompt times many rows."""
    monkeypatch.setattr(_cases, "MAX_FILLED", 2**20)
    rows = ", ".join(map(str, range(1000)))

    found = problems(with_matrix(f"{{a: [{rows}]}}", "x" * 10_000 + "{{a}}"))

    assert [
        "g.quant.yaml:4: the templates write more than 1 MB; split the file",
        "g.quant.yaml: not read to its end",
    ] == found


def test_checks_that_have_no_variables_are_made_once(load):
    """Ten thousand cases of one file share what they have in common."""
    cases = load(PRODUCT)

    assert 1 == len({id(case.checks[0]) for case in cases})


# --- all at once --------------------------------------------------------------------------


def test_mistakes_of_form_and_of_checks_are_reported_together(problems):
    """One run is enough to learn of every mistake, whatever its kind."""
    found = problems(
        "chort: faq\nexpect: [jsonn]\ncases:\n"
        "- id: a\n  promt: x\n  expect: [{exakt: y}]\n"
        "- id: b\n  prompt: x\n  expect: [{length: {max_char: 3}}]\n"
        "- id: b\n  weight: -1\n  prompt: x\n"
        "- id: c\n  prompt: x\n  expect: json\n"
    )

    assert [
        "1: unknown key 'chort' in the file",
        "2: unknown check 'jsonn'",
        "5: unknown key 'promt' in cases",
        "6: unknown check 'exakt'",
        "9: length: unknown parameter 'max_char'",
        "11: cases.weight is -1",
        "15: cases.expect must be a list",
    ] == [
        re.split(r"[;,] ", problem.removeprefix("g.quant.yaml:"))[0]
        for problem in sorted(found, key=lambda problem: int(problem.split(":")[1]))
    ]


def test_what_a_broken_file_key_was_meant_for_is_not_missed_in_every_case(problems):
    """One typo in the file's cohort is one mistake, not one for each case."""
    cases = "".join(f"- {{id: c{i}, prompt: p, expect: [json]}}\n" for i in range(50))

    assert ["g.quant.yaml:1: unknown key 'cohrt' in the file; did you mean 'cohort'?"] == problems(
        f"cohrt: a\ncases:\n{cases}"
    )


def test_a_file_with_very_many_mistakes_is_not_read_to_its_end(problems):
    """A thousand are enough to know that something general is wrong."""
    cases = "".join(f"- {{id: c{i}, prompt: p, expect: [jsn]}}\n" for i in range(2000))

    found = problems(f"cohort: a\ncases:\n{cases}")

    assert _cases.MAX_PROBLEMS + 1 == len(found)
    assert "g.quant.yaml: not read to its end" == found[-1]


# --- the documentation --------------------------------------------------------------------


def test_the_files_of_the_docs_load(load, tmp_path):
    """What docs/golden-files.md shows is what the loader reads, and makes the ids it names."""
    (tmp_path / "tools.json").write_text(
        '[{"type": "function", "function": {"name": "refund_order", "parameters": {}}}]'
    )
    for name in ("contract.txt", "vertrag.txt"):
        (tmp_path / name).write_text("text")
    text = (Path(__file__).parents[1] / "docs/golden-files.md").read_text("utf-8")
    blocks = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    lines = re.findall(r"```json\n(.*?)```", text, re.DOTALL)

    found = [load(block) for block in blocks] + [load(block, "g.quant.jsonl") for block in lines]

    made = {case.id: case for cases in found for case in cases}
    assert {"greet-German-formal", "greet-German-tone3", "greet-English-formal"} <= made.keys()
    assert (3.0, ("hard",)) == (made["sum-long-carry"].weight, made["sum-long-carry"].tags)
    assert (60, 40) == tuple(made[i].checks[0].max_words for i in ("contract", "vertrag"))
    assert "Answer briefly: Where can I park?" == made["parking"].request.prompt
