"""promptfoo configs: what the real promptfoo would ask and demand, as golden cases."""

from __future__ import annotations

import json
import re

import pytest

from import_files import Read
from pytest_quantguard._registry import Registry
from pytest_quantguard.errors import InputError
from pytest_quantguard.importers._nunjucks import TemplateError, render
from pytest_quantguard.importers._promptfoo_asserts import NotCarriedError, check_of, grouped
from pytest_quantguard.importers._promptfoo_files import expected
from pytest_quantguard.types import Completion, CompletionRequest, GoldenCase, Source

CONFIG = """
prompts:
  - 'Answer in {{language}}: {{question}}'
  - label: chat
    raw: '[{"role": "system", "content": "Speak {{language}}"},
      {"role": "user", "content": "{{question}}"}]'
providers: [{id: 'openai:m', config: {temperature: 0.2, apiKey: sk-not-to-be-seen}}]
defaultTest:
  vars: {language: English}
  assert: [{type: not-contains, value: 'as an AI'}]
tests:
  - description: opening hours
    vars: {question: 'When are you open?'}
    assert:
      - {type: icontains, value: nine}
      - {type: javascript, value: 'output.length < 9'}
  - vars: {language: [German, French], question: Hello}
    assert: [{type: equals, value: 'I speak {{language}}'}]
"""


def test_prompts_times_tests(read):
    """Each prompt with each test and each combination of its lists; templates are filled in."""
    found = read("promptfoo", CONFIG, ".yaml")

    assert [
        "Answer in English: When are you open?",
        "When are you open?",
        "Answer in German: Hello",
        "Answer in French: Hello",
        "Hello",
        "Hello",
    ] == [case["prompt"] for case in found.cases]
    assert [None, "Speak English", None, None, "Speak German", "Speak French"] == [
        case.get("system") for case in found.cases
    ]
    assert {"temperature": 0.2} == found.cases[0]["request"]


def test_assertions_become_checks_and_the_others_are_told_once(read):
    """The default test's assertions too; an assertion of one test is lost once, not per prompt."""
    found = read("promptfoo", CONFIG, ".yaml")

    assert [
        {"not_contains": {"texts": ["as an AI"]}},
        {"contains": {"texts": ["nine"], "case_sensitive": False}},
    ] == found.cases[0]["expect"]
    assert {"exact": "I speak German"} in found.cases[2]["expect"]
    assert 1 == len(found.lost("assert javascript"))
    assert "write a test function" in found.lost("assert javascript")[0]
    assert ["source.yaml:16"] == [
        loss.place for loss in found.losses if loss.what == "assert javascript"
    ]


def test_keys_of_providers_stay_where_they_are(read):
    """A config's API key is named as lost, and its value is nowhere."""
    found = read("promptfoo", CONFIG, ".yaml")

    assert found.lost("apiKey")
    assert "sk-not-to-be-seen" not in repr((found.drafts, found.losses))


@pytest.mark.parametrize(
    ("text", "expected_text"),
    [
        ("{{ a }}-{{a}}", "1-1"),
        ("{{o.k}} {{l[1]}} {{ o['k'] }}", "v y v"),
        ("{{ t | safe }}{{f}}{{none}}", "true1"),
        ("{{nested}}", "1!"),
        ("{{missing}}.", "."),
        ("{ {a} } {{", "{ {a} } {{"),
    ],
)
def test_templates_as_promptfoo_fills_them(text, expected_text):
    """Names, keys and indexes; numbers and booleans as JavaScript writes them."""
    variables = {"a": 1, "o": {"k": "v"}, "l": ["x", "y"], "t": True, "f": 1.0, "none": None}

    assert expected_text == render(text, {**variables, "nested": "{{a}}!"}, lambda name: None)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{% if a %}x{% endif %}", "{% ... %}"),
        ("{# note #}", "{# ... #}"),
        ("{{ a | upper }}", "more than a variable's name"),
        ("{{ f(1) }}", "more than a variable's name"),
        ("{{ o }}", "a list or a map"),
        ("{{ loop }}", "without end"),
        ("{{ big }}{{ big }}", "a million characters"),
    ],
)
def test_templates_that_need_nunjucks_are_refused(text, reason):
    """Rendered in another way it would be another prompt; growth is bounded."""
    variables = {"a": 1, "o": {"k": 1}, "loop": "{{loop}} ", "big": "x" * 600_000}

    with pytest.raises(TemplateError, match=reason.replace("{", r"\{").replace("}", r"\}")):
        render(text, variables, lambda name: None)


CASE = GoldenCase(
    id="x", cohort="x", request=CompletionRequest(messages=()), source=Source(file="", line=1)
)


def holds(assertion, answer):
    registry = Registry()
    checks = [registry.build_check(spec) for spec in check_of(assertion, ["refund", "find"])]
    return all(check(Completion(text=answer), CASE).ok for check in checks)


@pytest.mark.parametrize(
    ("kind", "value", "good", "bad"),
    [
        ("equals", "Paris", "Paris", "paris"),
        ("equals", {"a": 1}, '{"a": 1.0}', '{"a": 2}'),
        ("equals", 1234567, "1234567", "1.23457e+06"),
        ("contains", "Paris", "In Paris.", "in paris"),
        ("icontains", "PARIS", "in paris", "in Rome"),
        ("contains-all", ["a", "b"], "b a", "b"),
        ("contains-any", "a.b, c", "x c", "axb"),
        ("icontains-any", ["X", "Y"], "y", "z"),
        ("not-contains", "x", "abc", "axc"),
        ("not-contains-any", ["x", "y"], "abc", "aby"),
        ("regex", r"(?<day>\d\d)\.", "on 12.", "on 1."),
        ("not-regex", "a+b", "ab".replace("b", "c"), "line\naab"),
        ("starts-with", "Yes", "Yes!", "No. Yes"),
        ("is-json", None, '{"a": 1}', 'x {"a": 1}'),
        ("is-json", {"type": "object", "required": ["a"]}, '{"a": 1}', "{}"),
        ("contains-json", None, '```json\n{"a": 1}\n```', "42"),
        ("is-refusal", None, "I'm sorry, but I can't help with that.", "Sure."),
        ("not-is-refusal", None, "Sure.", "I'm sorry, but I can't help with that."),
        ("word-count", {"min": 2, "max": 3}, "one two", "one"),
        ("word-count", 2, "one two", "one two three"),
    ],
)
def test_an_assertion_and_its_check_mean_the_same(kind, value, good, bad):
    """What promptfoo passes holds, and what it fails does not."""
    if kind.startswith("not-contains"):
        pytest.importorskip("pytest_quantguard.checks.not_contains")
    assertion = {"type": kind, "value": value}

    assert holds(assertion, good)
    assert not holds(assertion, bad)


@pytest.mark.parametrize(
    ("assertion", "check"),
    [
        ({"type": "latency", "threshold": 1500}, {"latency": {"max_s": 1.5}}),
        ({"type": "llm-rubric", "value": "Is polite"}, {"judge": "Is polite"}),
        ({"type": "g-eval", "value": ["a", "b"]}, {"judge": "a\nb"}),
        ({"type": "finish-reason", "value": "stop"}, {"finish_reason": ["stop"]}),
        ({"type": "tool-call-f1", "value": "refund"}, {"tool_call": "refund"}),
        (
            {"type": "is-xml", "value": {"requiredElements": ["r.c"]}},
            {"xml": {"required": ["r/c"]}},
        ),
        (
            {"type": "tool-call-f1", "value": ["refund", "find"]},
            {
                "tool_sequence": {
                    "calls": [{"name": "refund"}, {"name": "find"}],
                    "in_order": False,
                }
            },
        ),
    ],
)
def test_assertions_by_their_check(assertion, check):
    """Those that need times, tools or a judge."""
    assert [check] == check_of(assertion, ["refund", "find"])


@pytest.mark.parametrize(
    ("assertion", "reason"),
    [
        ({"type": "python", "value": "x"}, "write a test function"),
        ({"type": "similar", "value": "x"}, "embeddings"),
        ({"type": "not-equals", "value": "x"}, "no check is the opposite of 'equals'"),
        ({"type": "trajectory:tool-used", "value": "x"}, "traces"),
        ({"type": "contains", "value": "x", "transform": "output.x"}, "transform"),
        ({"type": "contains", "value": "x", "weight": 0}, "only measures"),
        ({"type": "contains", "value": {"a": 1}}, "no text"),
        ({"type": "regex", "value": "(?<n"}, "Python does not read"),
        ({"type": "is-json", "value": "file"}, "no JSON Schema"),
        ({"type": "latency"}, "milliseconds"),
        ({"type": "is-valid-openai-tools-call"}, "any of several tools"),
        ({"type": "tool-call-f1", "value": ["other"]}, "defined nowhere"),
        ({"type": "assert-set", "threshold": 0.5, "assert": []}, "a part of its assertions"),
        ({"type": "brand-new"}, "no check means the same"),
        ({"value": "x"}, "no type"),
    ],
)
def test_assertions_without_an_equal_say_why(assertion, reason):
    """And what comes near, where something does."""
    with pytest.raises(NotCarriedError, match=reason):
        check_of(assertion, ["refund", "find"])


def test_a_set_of_assertions_is_taken_apart():
    """All of it has to hold, so that each may stand for itself."""
    inner = [{"type": "contains", "value": "a"}, {"type": "is-json"}]

    assert [{"contains": {"texts": ["a"]}}, "json"] == check_of(
        {"type": "assert-set", "assert": inner}, []
    )


def test_a_case_has_each_check_once():
    """Texts to contain go together; a second pattern makes a second case of the same prompt."""
    checks = [
        {"contains": {"texts": ["a"]}},
        {"regex": "x"},
        {"contains": {"texts": ["b"]}},
        {"contains": {"texts": ["c"], "case_sensitive": False}},
        {"regex": "y"},
        {"regex": "x"},
        "json",
    ]

    assert [
        [{"contains": {"texts": ["a", "b"]}}, {"regex": "x"}, "json"],
        [{"contains": {"texts": ["c"], "case_sensitive": False}}, {"regex": "y"}],
    ] == grouped(checks)


@pytest.mark.parametrize(
    ("cell", "assertion"),
    [
        ("Paris", {"type": "equals", "value": "Paris"}),
        ("contains: a", {"type": "contains", "value": "a"}),
        ("similar(0.8): hi", {"type": "similar", "threshold": 0.8, "value": "hi"}),
        ("grade: be kind", {"type": "llm-rubric", "value": "be kind"}),
        ("fn: output > 1", {"type": "javascript", "value": "output > 1"}),
        ("is-json", {"type": "is-json"}),
        ('is-json: {"type": "object"}', {"type": "is-json", "value": {"type": "object"}}),
        ("latency: 200", {"type": "latency", "threshold": 200.0}),
        ("Note: it is 5 o'clock", {"type": "equals", "value": "Note: it is 5 o'clock"}),
    ],
)
def test_expected_columns_of_tables(cell, assertion):
    """The short form of assertions in CSV files."""
    assert assertion == expected(cell)


def test_files_around_the_config(tmp_path, read):
    """Prompts, tests, variables and schemas in files of their own; globs and tables too."""
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts/one.txt").write_text("First {{q}}\n---\nSecond {{q}}\n")
    (tmp_path / "prompts/chat.yaml").write_text("- {role: user, content: 'Chat {{q}}'}\n")
    (tmp_path / "tests.csv").write_text('q,__expected,__description\nA,"contains: a",table\n')
    (tmp_path / "schema.json").write_text('{"type": "object"}')
    (tmp_path / "long.txt").write_text("long text")
    config = {
        "prompts": ["file://prompts/*"],
        "tests": [
            {
                "vars": {"q": "file://long.txt"},
                "assert": [{"type": "is-json", "value": "file://schema.json"}],
            },
            "file://tests.csv",
        ],
    }
    found = read("promptfoo", json.dumps(config), ".json")

    assert [
        "Chat long text",
        "First long text",
        "Second long text",
        "Chat A",
        "First A",
        "Second A",
    ] == [case["prompt"] for case in found.cases]
    assert {"json_schema": {"schema": {"type": "object"}}} in found.cases[0]["expect"]
    assert "table chat" == found.drafts[3].name


@pytest.mark.parametrize(
    ("reference", "reason"),
    [
        ("file://../outside.txt", "outside the config's folder"),
        ("file:///etc/hostname", "outside the config's folder"),
        ("file://gen.py", "code that promptfoo runs"),
        ("file://nowhere.txt", "no such file"),
        ("file://" + "x" * 5000, "no such file"),
        ("file://a\0b", "no such file"),
        ("file:///abs/*.txt", "no such file"),
        ("huggingface://datasets/x", "fetched or run by promptfoo"),
        ("https://example.com/tests.csv", "fetched or run by promptfoo"),
        ("file://binary.csv", "not UTF-8"),
        ("file://broken.yaml", "cannot be read"),
        ("file://deep.jsonl", "cannot be read|nested too deeply"),
    ],
)
def test_references_that_are_not_followed(tmp_path, read, monkeypatch, reference, reason):
    """Only files at or below the config; nothing is run or fetched; each is told with its line."""
    inner = tmp_path / "inner"
    inner.mkdir()
    monkeypatch.chdir(inner)
    (tmp_path / "outside.txt").write_text("secret")
    (inner / "gen.py").write_text("raise SystemExit")
    (inner / "binary.csv").write_bytes(b"a\n\xff\xfe\n")
    (inner / "broken.yaml").write_text("a: [")
    (inner / "deep.jsonl").write_text("[" * 60 + "]" * 60 + "\n")
    config = {"prompts": ["hi"], "tests": [reference, {"vars": {"a": "b"}}]}
    path = inner / "config.json"
    path.write_text(json.dumps(config))

    found = Read("promptfoo", path)

    assert 1 == len(found.drafts)
    assert 1 == len(found.lost("tests"))
    assert re.search(reason, found.lost("tests")[0])


def test_merge_keys_references_scenarios_and_repeats(read):
    """YAML's merge key, assertion templates, scenarios, and evaluateOptions.repeat as samples."""
    found = read(
        "promptfoo",
        """
prompts: ['{{a}} {{b}}']
assertionTemplates: {t: {type: contains, value: '{{a}}'}}
evaluateOptions: {repeat: 3}
defaultTest: {vars: &shared {b: 2}}
tests:
  - vars: {<<: *shared, a: one}
    assert: [{$ref: '#/assertionTemplates/t'}]
scenarios:
  - config: [{vars: {a: s1}}, {vars: {a: s2}}]
    tests: [{vars: {b: 9}}]
""",
        ".yaml",
    )

    assert ["one 2", "s1 9", "s2 9"] == [case["prompt"] for case in found.cases]
    assert [{"contains": {"texts": ["one"]}}] == found.cases[0]["expect"]
    assert {3} == {case["samples"] for case in found.cases}


def test_a_test_for_some_prompts_only(read):
    """Labels select; a prefix and a suffix stand around the prompt."""
    found = read(
        "promptfoo",
        """
prompts: [{label: x, raw: 'X {{a}}'}, {label: y, raw: 'Y {{a}}'}]
tests:
  - {vars: {a: 1}, prompts: [y], options: {prefix: 'p-', suffix: '-s', transform: 'x'}}
""",
        ".yaml",
    )

    assert ["p-Y 1-s"] == [case["prompt"] for case in found.cases]
    assert found.lost("option transform")


def test_lists_that_make_too_many_cases(read):
    """A product beyond 10,000 is refused before it is made."""
    lists = ", ".join(f"v{i}: [{', '.join(map(str, range(20)))}]" for i in range(5))
    found = read("promptfoo", f"prompts: [x]\ntests: [{{vars: {{{lists}}}}}]\n", ".yaml")

    assert [] == found.drafts
    assert ["its lists make 3200000 cases; at most 10000 are made"] == found.lost("the test")


def test_a_prompt_that_needs_nunjucks_is_lost_once(read):
    """At its own line, not once for every test; where none is left, the reasons are told."""
    config = """
prompts:
  - '{{a}}'
  - label: fancy
    raw: '{% if a %}x{% endif %}'
tests: [{vars: {a: 1}}, {vars: {a: 2}}]
"""
    found = read("promptfoo", config, ".yaml")

    assert ["1", "2"] == [case["prompt"] for case in found.cases]
    assert ["'fancy': it uses {% ... %} of Nunjucks"] == found.lost("prompt")
    assert ["source.yaml:4"] == [loss.place for loss in found.losses if loss.what == "prompt"]
    with pytest.raises(InputError, match=r"no prompt can be read(.|\n)*source.yaml:3: 'fancy': it"):
        read("promptfoo", config.replace("  - '{{a}}'\n", ""), ".yaml")


def test_tests_alone_need_a_prompt(read, tmp_path):
    """A file of tests has none; --prompt gives one."""
    text = "- {vars: {q: Hello}, assert: [{type: contains, value: hi}]}\n"

    with pytest.raises(InputError, match=r"source\.yaml: no prompt can be read"):
        read("promptfoo", text, ".yaml")
    found = read("promptfoo", text, ".yaml", prompt="Say {{q}}")
    assert ["Say Hello"] == [case["prompt"] for case in found.cases]
