"""``quantguard lint``: each rule finds what it is for, and leaves a sound golden set alone."""

import json
import os

import pytest
import yaml

from gate_project import quantguard
from pytest_quantguard.lint import RULES

TOOL = {"type": "function", "function": {"name": "refund_order", "parameters": {"type": "object"}}}
SPARE = {"type": "function", "function": {"name": "cancel_order"}}
LONG = "Please tell me in one word which of our {} warehouses has the most {} this {} and why it is"


@pytest.fixture
def lint(project):
    """Write golden cases, run the command, return its exit code and what it said."""

    def run(cases, *options, **fields):
        text = yaml.safe_dump({"cohort": "faq", **fields, "cases": cases}, sort_keys=False)
        project.write("golden/faq.quant.yaml", text)
        done = quantguard(project.folder, "lint", "-p", "no:anyio", *options, COLUMNS="120")
        return done.code, done.output

    return run


def cases(n=60, **fields):
    return [
        {"id": f"q{i}", "prompt": f"question number {i}", "expect": [{"exact": f"a {i}"}], **fields}
        for i in range(n)
    ]


def test_a_sound_set_has_nothing_to_find(lint, project):
    """Exit 0, one line, and not one request."""
    code, said = lint(cases())

    assert (0, "60 cases: nothing found\n") == (code, said)
    assert [] == project.server.bodies


def test_the_same_request_twice(lint):
    """Both names and both places are told."""
    twice = [*cases(), {"id": "again", "prompt": "question number 7", "expect": [{"exact": "a"}]}]

    code, said = lint(twice)

    assert 1 == code
    assert "faq.quant.yaml:243: warning: again asks exactly what q7 (" in said
    assert "[near-duplicate]" in said


def test_nearly_the_same_prompt_is_a_note(lint):
    """Notes do not fail the command."""
    near = [
        {
            "id": name,
            "prompt": LONG.format(12, "stock", "week") + f" the case {word} in all of this report",
            "expect": [{"exact": name}],
        }
        for name, word in (("one", "today"), ("two", "now"))
    ]
    near[1]["prompt"] = near[0]["prompt"] + " indeed"

    code, said = lint([*cases(), *near])

    assert 0 == code
    assert "note: one asks nearly the same as two" in said


def test_other_cohorts_may_ask_the_same(lint):
    """One prompt may be asked for its format and for its facts."""
    other = {"id": "json-7", "cohort": "json", "prompt": "question number 7", "expect": ["json"]}

    code, said = lint([*cases(), other], "--quant-underpowered=allow")

    assert "near-duplicate" not in said
    assert 0 == code


@pytest.mark.parametrize(
    "check",
    [
        {"length": {"max_chars": 10_000_000}},
        {"json_schema": {"schema": {}}},
    ],
)
def test_a_check_that_cannot_fail(lint, check):
    """Only those that hold for every wrong answer are named; a schema {} still needs JSON."""
    code, said = lint([*cases(), {"id": "blind", "prompt": "p", "expect": [check]}])

    blind = "json_schema" not in check
    assert int(blind) == code
    assert blind == ("of blind holds for all of" in said)


@pytest.mark.parametrize(
    "check",
    [
        {"contains": ["9 to 5"]},
        {"regex": {"pattern": "[0-9]{5}-[A-Z]"}},
        {"length": {"max_chars": 2_000}},
        {"refusal": True},
        {"refusal": False},
        "json",
        {"citations": {"required": [], "allow_none": True}},
        "numbers_preserved",
        {"tool_call": {"name": "refund_order"}},
        {"no_tool_call": ["refund_order"]},
        {"no_tool_call": {"tools": ["refund_order"], "hidden": True}},
        {"length": {"max_tokens": 300}},
        {"regex": r"(?s)\A(?!.*\b\d{16}\b).*\Z"},
        "entities_preserved",
    ],
)
def test_ordinary_checks_are_not_called_blind(lint, check):
    """Every check that some wrong answer breaks is left alone."""
    case = {
        "id": "c",
        "prompt": "Refund order 88213-A of Ada Lovelace, London [doc-1]",
        "expect": [check],
    }

    code, said = lint([*cases(), {**case, "tools": [TOOL]}], "--rule", "blind-check")

    assert (0, "") == (code, said.replace("61 cases: nothing found\n", ""))


def test_a_reference_that_breaks_its_own_checks(lint):
    """One of the two is wrong, and both are shown."""
    wrong = {"id": "sum", "prompt": "2+2?", "reference": "five", "expect": [{"contains": ["4"]}]}

    code, said = lint([*cases(), wrong])

    assert 1 == code
    assert "the reference of sum breaks contains: " in said


def test_a_cohort_too_small_for_its_budget(lint):
    """The budget's place in the configuration is named."""
    code, said = lint(cases(12))

    assert 1 == code
    assert "quantguard.yaml:" in said
    assert "12 cases cannot decide a budget of 10 pt" in said


def test_a_tool_nobody_expects(lint):
    """A note: it may be there to distract."""
    call = {
        "id": "call",
        "prompt": "Refund 1",
        "tools": [TOOL, SPARE],
        "expect": [{"tool_call": {"name": "refund_order"}}],
    }

    code, said = lint([*cases(), call])

    assert 0 == code
    assert "the tool 'cancel_order' is offered" in said
    assert "refund_order' is offered" not in said


def calibrated(project):
    prompts = [f"some calibration text of no importance {i}" for i in range(5)]
    prompts.append("question number 7 about the very long and winding road to the station")
    project.write("calib.jsonl", "\n".join(json.dumps({"text": text}) for text in prompts))
    project.config(project.server.url, calibration=["calib.jsonl"])
    seen = {"id": "seen", "prompt": prompts[-1].replace("very", "Very"), "expect": ["json"]}
    return [*cases(), seen]


def test_a_prompt_that_was_calibrated_on(lint, project):
    """Found in the declared file, with its line."""
    code, said = lint(calibrated(project))

    assert 1 == code
    assert "the prompt of seen stands in calibration data (calib.jsonl:6, 100 % of it)" in said


def test_the_gate_says_so_too(lint, project):
    """Whoever reads only the verdict must know that the candidate has seen the questions."""
    lint(calibrated(project))

    run = project.run()

    assert run.has("Note: 1 of 61 golden prompts stand in calibration data, first seen")
    assert 1 == len(run.report["provenance"]["remarks"])


def test_a_calibration_file_that_is_not_there_is_a_mistake(lint, project):
    """Exit 4, for the command and for the gate."""
    project.config(project.server.url, calibration=["gone.jsonl"])

    assert (4, "calibration: gone.jsonl cannot be read") == (
        (found := lint(cases()))[0],
        found[1][found[1].index("calibration") :][:40].rstrip(": "),
    )
    assert 4 == project.run().code


def test_json_has_every_finding(lint):
    """For tools: rule, severity, place, case and text."""
    twice = [*cases(), {"id": "again", "prompt": "question number 7", "expect": [{"exact": "a"}]}]

    _, said = lint(twice, "--json")

    (finding,) = json.loads(said)["findings"]
    assert ("near-duplicate", "warning", "again") == (
        finding["rule"],
        finding["severity"],
        finding["case"],
    )


def test_one_rule_alone(lint):
    """--rule leaves the others out."""
    code, said = lint(cases(12), "--rule", "unused-tool")

    assert (0, "12 cases: nothing found\n") == (code, said)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--rule", "unused-tol"), "unknown rule 'unused-tol'; did you mean 'unused-tool'?"),
        (("--candidate", "cant"), "unknown candidate 'cant'"),
    ],
)
def test_mistakes_are_usage_errors(lint, options, sentence):
    """Exit 4, with what is known."""
    code, said = lint(cases(), *options)

    assert 4 == code
    assert sentence in said


def test_nothing_selected_is_not_all_clear(lint):
    """Exit 5, as pytest's own."""
    code, said = lint(cases(), "-k", "nothing_like_it")

    assert 5 == code
    assert "there is nothing to look at" in said


def test_a_broken_golden_file_is_told(lint, project):
    """The file's own error, exit 4."""
    project.write("golden/broken.quant.yaml", "cases: [")

    code, said = lint(cases())

    assert 4 == code
    assert "broken.quant.yaml:2: not valid YAML" in said


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_is_explained(rule):
    """docs/lint.md has a heading for each."""
    with open(os.path.join(os.path.dirname(__file__), "..", "docs", "lint.md")) as page:
        assert f"## {rule}\n" in page.read()


def traffic(project, n=40, **fields):
    body = {"messages": [{"role": "user", "content": "where is my parcel " * 20}], **fields}
    project.write("traffic.jsonl", "\n".join(json.dumps(body) for _ in range(n)))


def test_recorded_traffic_is_compared(lint, project):
    """A tool of the traffic, and its longer prompts, are missing in the golden set."""
    traffic(project, tools=[SPARE])

    code, said = lint(cases(), "--against", "traffic.jsonl")

    assert 1 == code
    assert "traffic.jsonl: warning: 100 % of 40 recorded requests offer or call the tool" in said
    assert "prompts have another length" in said


def test_traffic_that_looks_like_the_golden_set_is_fine(lint, project):
    """Nothing to say is nothing said."""
    lines = [{"messages": [{"role": "user", "content": f"question number {i}"}]} for i in range(50)]
    project.write("traffic.jsonl", "\n".join(map(json.dumps, lines)))

    code, said = lint(cases(), "--against", "traffic.jsonl")

    assert (0, "60 cases: nothing found\n") == (code, said)


@pytest.mark.parametrize("text", ["", "not json at all", '{"unrelated": 1}', None])
def test_traffic_that_cannot_be_read_is_a_mistake(lint, project, text):
    """An unread log must not look like an all-clear."""
    if text is not None:
        project.write("traffic.jsonl", text)

    code, said = lint(cases(), "--against", "traffic.jsonl")

    assert 4 == code
    assert "traffic.jsonl" in said
    assert "Traceback" not in said
