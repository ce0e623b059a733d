"""Golden files of JSON lines."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path

import pytest

from gate_project import GateProject, quantized, speaks
from pytest_quantguard import _cases, _golden
from pytest_quantguard._registry import Registry
from pytest_quantguard.documents.document import packaged
from pytest_quantguard.errors import GoldenFileError
from scripted_server import ScriptedServer

NAME = "g.quant.jsonl"


def load(path: Path, *lines: object):
    """Load lines: texts as they are, other values as JSON."""
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    path = path / NAME
    path.write_text("\n".join(texts) + "\n", encoding="utf-8")
    return _golden.load(path, NAME, Registry(), {"seed": 1})


def problems(path: Path, *lines: object) -> list[str]:
    with pytest.raises(GoldenFileError) as caught:
        load(path, *lines)
    return list(caught.value.problems)


def case(number: int, **more: object) -> dict[str, object]:
    return {"id": f"c{number}", "cohort": "faq", "prompt": "p", "expect": ["json"], **more}


def test_each_line_is_a_case_with_the_keys_of_yaml(tmp_path):
    """Its own line is where it was written; empty lines count."""
    one, two = load(
        tmp_path,
        case(1, weight=2, tags=["a"], request={"seed": 3}, critical=True, samples=4),
        "",
        {
            "id": "c2",
            "cohort": "b",
            "messages": [{"role": "user", "content": "q"}],
            "expect": [{"length": {"max_chars": 5}}, "json"],
            "reference": "r",
        },
    )

    assert ("c1", "faq", 2.0, ("a",)) == (one.id, one.cohort, one.weight, one.tags)
    assert (True, 4) == (one.critical, one.samples)
    assert ["length", "json"] == [check.key for check in two.checks]
    assert {"temperature": 0, "seed": 3} == one.request.params
    assert (f"{NAME}:1", f"{NAME}:3") == (str(one.source), str(two.source))
    assert ("q", "r") == (two.request.prompt, two.reference)


def test_the_first_line_may_hold_what_is_common_to_all(tmp_path):
    """The keys that a golden file in YAML has beside its cases."""
    (tmp_path / "tools.json").write_text('[{"type": "function", "function": {"name": "f"}}]')
    head = {
        "cohort": "a",
        "system": "s {{q}}",
        "prompt": "{{q}}?",
        "vars": {"q": "none"},
        "request": {"max_tokens": 5},
        "tools": {"$file": "tools.json"},
        "expect": [{"exact": "{{a}}"}],
    }

    one, two = load(
        tmp_path,
        {"defaults": head},
        {"id": "x", "vars": {"q": "1+1", "a": "2"}},
        {"id": "y", "vars": {"a": "3"}, "cohort": "b"},
    )

    assert ("s 1+1\n1+1?", "2", "a") == (one.request.prompt, one.checks[0].text, one.cohort)
    assert ("s none\nnone?", "3", "b") == (two.request.prompt, two.checks[0].text, two.cohort)
    assert {"temperature": 0, "seed": 1, "max_tokens": 5} == two.request.params
    assert one.request.tools[0] is two.request.tools[0]


def test_a_line_may_have_a_matrix(tmp_path):
    """As in YAML."""
    cases = load(tmp_path, case(1, prompt="{{x}}", matrix={"x": ["a", "b"]}), case(2))

    assert ["c1-a", "c1-b", "c2"] == [one.id for one in cases]


def test_the_defaults_are_a_golden_files_keys_without_its_cases():
    """One schema, two places."""
    schema = packaged("golden.schema.json")
    defaults = schema["$defs"]["defaults"]["properties"]

    assert set(schema["properties"]) == {*defaults, "cases"}
    for key, part in defaults.items():
        whole = schema["properties"][key]
        assert part == {name: whole[name] for name in part}


def test_every_wrong_line_is_named_at_once(tmp_path):
    """Syntax, form and checks together, each with its line and a way out."""
    found = problems(
        tmp_path,
        case(1, promt="x"),
        '{"id": "a", "id": "b"}',
        case(2, expect=[{"exakt": "x"}]),
        '{"id": "c3", "cohort": "a", "prompt": NaN}',
        '["x"]',
        r'{"id": "c4", "cohort": "a", "prompt": "\ud800", "expect": ["json"]}',
        {"defaults": {}},
        case(2),
        case(5, weight=0),
        "[" * 100_000,
        {"id": "c6", "prompt": "p"},
        case(7, prompt="{{x}}", vars={"y": 1}),
        '{"id": "c8", "cohort": "a"',
    )

    assert [
        "1: unknown key 'promt' in the case; did you mean 'prompt'?",
        "2: not valid JSON: the key 'id' stands twice in one object",
        "3: unknown check 'exakt'; did you mean 'exact'?",
        "4: not valid JSON: NaN is no JSON number",
        '5: the case must be a map, not ["x"]',
        "6: not valid JSON: \\ud800 is half of a surrogate pair, which no text can hold",
        "7: 'defaults' has to be the file's first line",
        f"8: the id 'c2' is already at {NAME}:3; ids are unique",
        "9: weight is 0; a weight is a number above 0",
        "10: not valid JSON: nested deeper than 64 levels",
        "11: case 'c6' has no cohort; set it here or for the file",
        "11: case 'c6' has no checks; add 'expect:'",
        "12: the variable 'y' is used nowhere; write {{y}} where it belongs, or remove it",
        "12: unknown variable 'x'; did you mean 'y'? (case 'c7')",
        "13: not valid JSON: it ends in the middle (column 27: Expecting ',' delimiter)",
    ] == [
        problem.removeprefix(f"{NAME}:").replace("known: y", "did you mean 'y'?")
        for problem in found
    ]


@pytest.mark.parametrize(
    ("head", "sentence"),
    [
        ({"defaults": {"chort": "a"}}, ":1: unknown key 'chort' in defaults; did you"),
        ({"defaults": {"cases": []}}, ":1: unknown key 'cases' in defaults"),
        ({"defaults": [1]}, ":1: defaults must be a map, not [1]"),
        ({"defaults": {}, "id": "x"}, ":1: unknown key 'id' in the line; known: defaults"),
        ({"defaults": {"expect": ["jsn"]}}, ":1: unknown check 'jsn'"),
        ({"defaults": {"vars": {"a": 1}}}, ":1: the variable 'a' is used nowhere"),
        ({"defaults": {"tools": {"$file": "no"}}}, ":1: {$file: no} cannot be used"),
    ],
)  # fmt: skip
def test_wrong_defaults_are_named_and_the_cases_still_read(tmp_path, head, sentence):
    """Mistakes further down are not hidden."""
    found = problems(tmp_path, head, case(1, expect=["exakt"]))

    assert any(sentence in problem for problem in found), found
    assert f"{NAME}:2: unknown check 'exakt'; did you mean 'exact'?" in found


def test_wrong_defaults_invent_no_mistakes(tmp_path):
    """What a case lacks may be what the misspelt key was meant for."""
    lines = [{"id": f"c{i}", "prompt": "p", "expect": ["json"]} for i in range(3)]

    assert [f"{NAME}:1: unknown key 'chort' in defaults; did you mean 'cohort'?"] == problems(
        tmp_path, {"defaults": {"chort": "a"}}, *lines
    )


@pytest.mark.parametrize("lines", [[], [""], [" ", "\t"], [{"defaults": {"cohort": "a"}}, ""]])
def test_a_file_without_cases_is_an_error(tmp_path, lines):
    """Never an empty, green run."""
    (problem,) = problems(tmp_path, *lines)

    assert "write one" in problem


def test_a_file_with_very_many_wrong_lines_is_not_read_to_its_end(tmp_path):
    """It is most likely no golden file at all."""
    found = problems(tmp_path, *(["nonsense"] * 5000))

    assert _cases.MAX_PROBLEMS + 1 == len(found)
    assert f"{NAME}: not read to its end" == found[-1]


def test_memory_does_not_hold_the_file_twice(tmp_path):
    """What is kept is the cases: lines are read one by one."""
    size = 20_000
    lines = [case(i, prompt="x" * size + str(i)) for i in range(200)]

    tracemalloc.start()
    cases = load(tmp_path, *lines[:1])  # what is imported and compiled first
    texts = [json.dumps(line) for line in lines]
    (tmp_path / NAME).write_text("\n".join(texts))
    del texts, lines
    before = tracemalloc.get_traced_memory()[0]
    tracemalloc.reset_peak()
    cases = _golden.load(tmp_path / NAME, NAME, Registry(), {})
    peak = tracemalloc.get_traced_memory()[1] - before
    tracemalloc.stop()

    assert 200 == len(cases)
    assert peak < 1.5 * 200 * size


def as_lines(project: GateProject) -> None:
    """Write the project's cases as JSON lines instead."""
    cases = [
        {"id": f"faq-{i}", "prompt": f"faq {i}", "expect": [{"exact": f"answer faq {i}"}]}
        for i in range(60)
    ]
    lines = [{"defaults": {"cohort": "faq"}}, *cases]
    (project.folder / "golden/faq.quant.yaml").unlink()
    project.write("golden/faq.quant.jsonl", "\n".join(map(json.dumps, lines)))


@pytest.mark.parametrize("workers", [(), ("-n2",)], ids=["alone", "two workers"])
def test_a_run_on_lines_is_the_same_run(tmp_path, workers):
    """The same verdict, and every regressed case has the line it stands on."""
    with ScriptedServer(default=speaks(quantized)) as server:
        project = GateProject(tmp_path, server)
        as_lines(project)

        run = project.run(*workers)

    assert {"cand": "fail"} == run.verdicts
    assert run.has("20 of 60 regressed", "golden/faq.quant.jsonl:2")
    assert 120 == server.requests


def test_one_case_is_selected_as_in_yaml(project):
    """file::case::check."""
    as_lines(project)

    run = project.run(
        "--collect-only", "-q", "golden/faq.quant.jsonl::faq-7", "--quant-underpowered=allow"
    )

    assert run.has("golden/faq.quant.jsonl::faq-7::exact", "1 test collected")


def test_a_wrong_line_is_a_usage_error(project):
    """Exit 4, file:line, and nothing is asked."""
    project.write("golden/b.quant.jsonl", '{"id": "x", "prompt": 1}\n{"id": "faq-3"')

    run = project.run()

    assert 4 == run.code
    assert run.has(
        "golden/b.quant.jsonl:1: prompt must be text, not 1",
        "golden/b.quant.jsonl:2: not valid JSON",
    )
    assert 0 == project.server.requests


def test_ids_are_unique_over_both_kinds_of_files(project):
    """Evidence belongs to one case."""
    line = {"id": "faq-3", "cohort": "a", "prompt": "p", "expect": ["json"]}
    project.write("golden/b.quant.jsonl", json.dumps(line))

    run = project.run()

    assert 4 == run.code
    assert run.has("the id 'faq-3' is already at golden/b.quant.jsonl:1; ids are unique")


def test_a_first_line_that_cannot_be_read_is_one_mistake(tmp_path):
    """It may have held what every case lacks: cohort, checks, and the texts that use variables."""
    broken = '{"defaults": {"prompt": "{{q}}",}}'
    cases = [{"id": f"c{number}", "vars": {"q": "a"}} for number in range(3)]
    unknown = {"id": "a", "prompt": "{{x}}", "vars": {"y": 1}}

    (first, second) = problems(tmp_path, broken, *cases, unknown, {"id": "b", "expect": ["jsn"]})

    assert first.startswith(f"{NAME}:1: not valid JSON: ")
    assert second.startswith(f"{NAME}:6: unknown check 'jsn'")


def test_a_case_without_variables_is_told_when_a_later_line_has_some(tmp_path):
    """Lines are read one by one; what braces mean is the same for all of them."""
    head = {"defaults": {"cohort": "a", "prompt": "{{q}}", "expect": [{"contains": "{{a}}"}]}}

    one, two = load(tmp_path, head, {"id": "x"}, {"id": "y"})
    found = problems(tmp_path, head, {"id": "x"}, {"id": "y", "vars": {"q": "1", "a": "2"}})

    assert ("{{q}}", ("{{a}}",)) == (one.request.prompt, two.checks[0].texts)
    assert [
        f"{NAME}:1: unknown variable {name!r}: a case has 'vars' or a matrix, so that {{{{...}}}} "
        "is filled in throughout the file (case 'x')"
        for name in "qa"
    ] == found
