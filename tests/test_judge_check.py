"""quantguard judge-check: what labels say about a judge, as a user sees it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gate_project import Run, quantguard
from judge_project import JudgeProject, by_word, rules, shown, verdict
from pytest_quantguard.commands._judge_findings import Findings, Judged, share
from scripted_server import ScriptedServer, answers, says

OK, NOT_SHOWN, USAGE = 0, 1, 4
KEY = "sk-very-secret-4711"
RUBRIC = ("--rubric", "Knows the answer.")
Check = Callable[..., Run]


@pytest.fixture
def judge() -> Iterator[ScriptedServer]:
    """A judge that is right about every answer but each seventh."""

    def mostly(prompt: str) -> str:
        wrong = int(shown(prompt, "ANSWER").rsplit(maxsplit=1)[-1]) % 7 == 0
        bad = ("forgot" in prompt) != wrong
        return verdict("fail" if bad else "pass", "so it seems")

    with ScriptedServer(default=rules(mostly)) as server:
        yield server


@pytest.fixture
def project(tmp_path: Path, judge: ScriptedServer) -> JudgeProject:
    """A project with one judge; its variants are never asked."""
    return JudgeProject(tmp_path, judge, judge)


@pytest.fixture
def check(project: JudgeProject) -> Check:
    """Measure the judge."""
    return lambda *arguments, **env: quantguard(project.folder, "judge-check", *arguments, **env)


def written(project: JudgeProject, lines: list[dict[str, Any]]) -> str:
    """Write a file of labels."""
    project.write("labels.jsonl", "\n".join(map(json.dumps, lines)) + "\n")
    return "labels.jsonl"


def single(n: int = 84, **more: Any) -> list[dict[str, Any]]:
    """Labelled answers, of which every third is bad."""
    return [
        {
            "prompt": f"question {i}",
            "answer": f"{'I forgot' if i % 3 == 0 else 'answer'} {i}",
            "label": "fail" if i % 3 == 0 else "pass",
            **more,
        }
        for i in range(n)
    ]


def pairs(n: int = 60) -> list[dict[str, Any]]:
    """Labelled pairs: b is better, a is better, equal, in turn."""
    good, bad = "answer", "I forgot"
    texts = [(bad, good, "b"), (good, bad, "a"), (good, good, "tie")]
    return [
        {"prompt": f"question {i}", "a": f"{a} a{i}", "b": f"{b} b{i}", "label": label}
        for i, (a, b, label) in ((i, texts[i % 3]) for i in range(n))
    ]


# --- what is found ------------------------------------------------------------------------


def test_agreement_with_single_answers(project, check, judge):
    """Each number with its interval; the second run asks nobody."""
    file = written(project, single())
    run = check(file, *RUBRIC)

    assert OK == run.code, run.output
    assert 84 == judge.requests
    assert run.has("agreement 85.7% [76.7%, 91.6%] 72 of 84")
    assert run.has("false passes 14.3% [5.7%, 31.5%] 4 of 28", "false fails 14.3%", "8 of 56")
    assert run.has("kappa 0.69", "Labels: 56 pass, 28 fail; about")
    assert run.has("A real loss shows at 71.4% of its size: 10 pt as 7.1 pt")
    assert run.has("Verdict: substantial agreement, of which 0.50 is shown; label more answers")
    assert run.has("labels.jsonl:8 labelled pass, judged fail: so it seems", "... and 2 more")
    again = check(file, *RUBRIC)

    assert 84 == judge.requests
    assert again.has("84 answers, 84 of them cached")


def test_the_numbers_as_json(project, check):
    """All of them, all disagreements, pure ASCII, and nothing else on the line."""
    run = check(written(project, single()), *RUBRIC, "--json")
    found = json.loads(run.output)

    assert OK == run.code
    assert ("strict", "judge", "absolute", 84) == tuple(
        found[key] for key in ("judge", "model", "kind", "judged")
    )
    assert {"pass": {"pass": 48, "fail": 8}, "fail": {"pass": 4, "fail": 24}} == found["table"]
    assert 0.6897 == pytest.approx(found["kappa"]["value"], abs=1e-4)
    assert 12 == len(found["disagreements"])
    assert {"place", "label", "verdict", "reason", "orders"} == set(found["disagreements"][0])
    assert {"answers": 84, "fresh": 84} == {k: found["asked"][k] for k in ("answers", "fresh")}


def test_json_goes_to_a_file_beside_the_text(project, check):
    """--json=FILE writes it; what cannot be written is a mistake."""
    file = written(project, single(8))
    run = check(file, *RUBRIC, "--json=found.json")

    assert run.has("Verdict:")
    assert 8 == json.loads((project.folder / "found.json").read_text("ascii"))["judged"]
    missing = check(file, *RUBRIC, "--json=found.json/found.json")
    assert USAGE == missing.code
    assert missing.has("found.json/found.json: this report cannot be written")


def test_agreement_with_pairs(project, check, judge):
    """Asked in both orders; a judge that goes by words agrees always."""
    judge.default = rules(by_word)
    run = check(written(project, pairs()), *RUBRIC)

    assert OK == run.code, run.output
    assert 120 == judge.requests
    assert run.has("agreement 100.0% [94.0%, 100.0%] 60 of 60", "consistent 100.0%")
    assert run.has("Labels: 20 a, 20 b, 20 tie", "Verdict: almost perfect agreement: fit to gate")


@pytest.mark.parametrize(("word", "row"), [("A", "by 1st place"), ("B", "by last place")])
def test_a_judge_that_goes_by_position_is_found_out(project, check, judge, word, row):
    """All ties, none of them meant."""
    judge.default = says(verdict(word))
    run = check(written(project, pairs()), *RUBRIC)

    assert OK == run.code, run.output
    assert run.has("consistent 0.0%", f"{row} 100.0%", "Verdict: of no use: it goes by the place")
    other = {"A": "b in the other", "B": "a in the other"}[word]
    assert run.has(f"labelled a, judged tie: {word.lower()} in one order, {other}")


def test_a_judge_that_says_always_the_same_is_no_better_than_chance(project, check, judge):
    """Two of three right, and worth nothing."""
    judge.default = says(verdict("pass"))
    run = check(written(project, single()), *RUBRIC, "--least-kappa", "0.1")

    assert NOT_SHOWN == run.code
    assert run.has("agreement 66.7%", "kappa 0.00", "false passes 100.0%")
    assert run.has("Verdict: no better than chance, as far as 84 labels can tell")
    assert run.has("a kappa of 0.1 is asked for (--least-kappa), and -")


def test_scores_and_votes_are_those_of_the_check(project, check, judge):
    """A score from 4 on is a pass; three votes are two answers where they agree."""
    judge.default = rules(
        lambda prompt: json.dumps({"reason": "", "score": 2 if "forgot" in prompt else 4})
    )
    run = check(
        written(project, single(12)), *RUBRIC, "--scale", "5", "--least", "4", "--votes", "3"
    )

    assert run.has("agreement 100.0%", "12 of 12")
    assert 24 == judge.requests


def test_a_line_may_bring_its_own_rubric_reference_and_messages(project, check, judge):
    """And needs no prompt at all."""
    turns = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hm?"}]
    one = {"answer": "yes 1", "label": "pass", "rubric": "Agrees.", "reference": "Yes."}
    file = written(project, [one, {**one, "messages": turns, "label": "fail", "id": "2"}])
    run = check(file)

    assert OK == run.code, run.output
    prompts = {body["messages"][1]["content"] for body in judge.bodies}
    first, second = sorted(prompts, key=len)
    assert "RUBRIC:\nAgrees." in first
    assert "Yes." == shown(first, "REFERENCE ANSWER")
    assert "CONVERSATION" not in first
    assert "system: Be kind.\nuser: Hm?" == shown(second, "CONVERSATION")


def test_the_gate_asks_the_same_question(project, check, judge):
    """What was measured is what will judge: the gate finds the verdict in the cache."""
    project.golden(1, expect=[{"judge": "Knows the answer."}])
    labels = [{"prompt": "faq 0", "answer": f"answer faq {i}", "label": "pass"} for i in (0, 1)]
    check(written(project, labels), *RUBRIC)
    before = judge.requests
    project.server.default = says("answer faq 1")
    run = project.run("--quant-underpowered=allow")

    assert before + 2 == judge.requests, f"two arms, no judge: {run.output}"


def test_a_thing_that_is_labelled_twice_is_one_thing(project, check, judge):
    """Two lines, fifty times each: two labels, which show nothing."""
    judge.default = rules(by_word)
    run = check(written(project, [line for line in single(2) for _ in range(50)]), *RUBRIC)

    assert OK == run.code, run.output
    assert 2 == judge.requests
    assert run.has("2 of 2", "Left out: 98 lines that repeat an earlier one", "Labels: 1 pass, 1")
    assert run.has("Verdict: no better than chance, as far as 2 labels can tell")
    found = json.loads(check("labels.jsonl", *RUBRIC, "--json").output)
    assert (2, 98, 0) == (found["judged"], found["repeated"], found["alike"])


def test_a_pair_and_its_mirror_image_are_one_thing(project, check, judge):
    """The judge is asked in both orders, and so is asked the same."""
    judge.default = rules(by_word)
    other = {"a": "b", "b": "a", "tie": "tie"}
    mirrored = [
        {**one, "a": one["b"], "b": one["a"], "label": other[one["label"]]} for one in pairs(9)
    ]
    run = check(written(project, [*pairs(9), *mirrored]), *RUBRIC)

    assert run.has("agreement 100.0%", "9 of 9", "Left out: 9 lines that repeat"), run.output
    assert 18 == judge.requests


def test_the_same_words_under_another_question_are_another_thing(project, check, judge):
    """Prompt, rubric and reference belong to what is labelled."""
    one = single(1)[0]
    lines = [one, {**one, "prompt": "q"}, {**one, "rubric": "R."}, {**one, "reference": "r"}]
    run = check(written(project, [*lines, {**one, "label": "fail", "note": "x"}]), *RUBRIC)

    assert run.has("4 of 4", "Left out: 1 line that repeat"), run.output
    assert 4 == judge.requests


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"answer": "x", "label": "pass"}, {"answer": "x", "label": "fail", "id": "2"}),
        ({"a": "x", "b": "y", "label": "a"}, {"a": "x", "b": "y", "label": "tie"}),
        ({"a": "x", "b": "y", "label": "a"}, {"a": "y", "b": "x", "label": "a"}),
    ],
    ids=["single", "pair", "mirrored"],
)
def test_labels_that_contradict_each_other_are_a_mistake(project, check, judge, first, second):
    """Both lines are named; nobody is asked."""
    run = check(written(project, [first, second]), *RUBRIC)

    assert USAGE == run.code, run.output
    assert run.has(
        "quantguard judge-check: labels.jsonl:2: it contradicts labels.jsonl:1, which asks the same"
    )
    assert 0 == judge.requests


def test_pairs_that_say_the_same_measure_nobody(project, check, judge):
    """The gate never asks about them, so a judge earns nothing by them."""
    judge.default = rules(by_word)
    same = [{"prompt": f"q {i}", "a": "yes", "b": "yes", "label": "tie"} for i in range(20)]
    run = check(written(project, [*pairs(6), *same]), *RUBRIC)

    assert run.has("6 of 6", "Left out: 20 pairs of answers that say the same; no judge"), (
        run.output
    )
    assert 12 == judge.requests
    alone = check(written(project, same), *RUBRIC)
    assert USAGE == alone.code
    assert alone.has("labels.jsonl: in all 20 pairs both answers say the same")
    wrong = check(written(project, [*pairs(1), {**same[0], "label": "a"}]), *RUBRIC)
    assert USAGE == wrong.code
    assert wrong.has("labels.jsonl:2: 'a' and 'b' say the same, so that 'label' can only be tie")
    assert 12 == judge.requests


# --- trouble ------------------------------------------------------------------------------


def test_a_label_without_a_verdict_is_not_passed_over(project, check, judge):
    """The others are counted, and the exit code says that something is missing."""
    file = written(project, single(12))
    judge.replies.extend([says("Hm.")])
    judge.default = rules(lambda prompt: "Hm." if "question 3\n" in prompt else by_word(prompt))
    run = check(file, *RUBRIC)

    assert NOT_SHOWN == run.code, run.output
    assert run.has("agreement 100.0%", "11 of 11", "Without a verdict: 1", "labels.jsonl:4 the")
    assert run.has("1 of 12 labels got no verdict: that shows nothing")


def test_a_judge_that_is_down(project, check):
    """No verdict at all, and why; no traceback."""
    project.config("http://x/v1", judges={"strict": project.strict(base_url="http://127.0.0.1:9")})
    run = check(written(project, single(12)), *RUBRIC)

    assert NOT_SHOWN == run.code, run.output
    assert run.has("Verdict: nothing is known: the judge gave no verdict at all")
    assert run.has("the judge strict gave no answer", "no connection")
    assert "Traceback" not in run.output


def test_a_key_is_never_told(project, check, judge):
    """A judge's server that echoes its key, in verdicts and in errors."""
    judge.replies.append(answers(400, json.dumps({"error": {"message": f"no: {KEY}"}})))
    judge.default = says(verdict("fail", f"the key is {KEY}"))
    project.config("http://x/v1", judges={"strict": project.strict(api_key_env="JUDGE_KEY")})
    run = check(written(project, single(12)), *RUBRIC, "--json=found.json", JUDGE_KEY=KEY)

    assert run.has("[secret]")
    assert KEY not in run.output
    for path in project.folder.rglob("*"):
        assert not path.is_file() or KEY.encode() not in path.read_bytes(), path


def test_hostile_words_are_shown_escaped(project, check, judge):
    """Of the judge, and of whoever wrote the labels."""
    judge.default = says(json.dumps({"reason": "\x1b[2J\n::error::\ud800", "verdict": "pass"}))
    run = check(written(project, single(6)), *RUBRIC)

    assert OK == run.code, run.output
    assert run.has(r"\x1b[2J")
    assert "\x1b" not in run.output
    assert not any(line.lstrip().startswith("::") for line in run.output.splitlines())


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("[]", "a line is a map"),
        ('{"answer": "x", "label": "pass"', "not valid JSON: it ends in the middle"),
        ('{"answer": "x", "answer": "y", "label": "pass"}', "stands twice"),
        ('{"label": "pass"}', "needs either 'answer', or 'a' and 'b'"),
        ('{"answer": "x", "a": "y", "label": "pass"}', "needs either 'answer'"),
        ('{"answer": "x", "label": "good"}', "has to be one of pass, fail, got 'good'"),
        ('{"answer": "x"}', "has to be one of pass, fail, got None"),
        ('{"answer": 5, "label": "pass"}', "'answer' has to be a text, got 5"),
        ('{"answer": " ", "label": "pass"}', "an answer is empty"),
        ('{"answer": "x", "lable": "pass", "label": "pass"}', "did you mean 'label'"),
        ('{"answer": "x", "rubric": "", "label": "pass"}', "`rubric` is empty"),
        ('{"answer": "x", "prompt": "a", "messages": [], "label": "pass"}', "not both"),
        ('{"answer": "x", "messages": ["a"], "label": "pass"}', "list of OpenAI chat messages"),
        ('{"answer": "\\ud800", "label": "pass"}', "half of a surrogate pair"),
        ("\x00\x1b[2J", "not valid JSON"),
    ],
)
def test_each_mistake_has_its_line(project, check, judge, line, said):
    """All of a file at once, and nothing was asked."""
    good = json.dumps(single(1)[0])
    project.write("labels.jsonl", f"{good}\n\n{line}\n{line}\n")
    run = check("labels.jsonl", *RUBRIC)

    assert USAGE == run.code, run.output
    assert run.has("quantguard judge-check: labels.jsonl:3: ", said)
    assert "\x1b" not in run.output
    assert 0 == judge.requests


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "there is no rubric; write one here, or give --rubric for all lines (and 5 more of"),
        ((*RUBRIC, "--votes", "2"), "`votes` has to be an odd number"),
        ((*RUBRIC, "--scale", "5"), "'least' is missing"),
        ((*RUBRIC, "--judge", "strikt"), "unknown judge 'strikt'; did you mean 'strict'?"),
        ((*RUBRIC, "--quant-config", "no.yaml"), "no.yaml: no such configuration file"),
        ((*RUBRIC, "--least-kappa", "2"), "kappa lies between -1 and 1"),
        ((*RUBRIC, "--nonsense"), "unrecognized arguments: --nonsense"),
    ],
)
def test_mistakes_of_the_command_line(project, check, judge, arguments, said):
    """A sentence and exit 4."""
    run = check(written(project, single(6)), *arguments)

    assert USAGE == run.code, run.output
    assert run.has(said)
    assert 0 == judge.requests


@pytest.mark.parametrize(
    ("judges", "said"),
    [
        ({}, "quantguard.yaml: there is no judge in it; add 'judges:'"),
        ({"a": {}, "b": {}}, "there are several judges (a, b); name one with --judge"),
        ({"a": {"max_calls": 5}}, "may be asked 5 times (max_calls), and 6 labels could need 6"),
        ({"a": {"api_key_env": "NO_SUCH"}}, "variable NO_SUCH is not set"),
        ({"a": {"base_url": {"$env": "NO_SUCH"}}}, "variable NO_SUCH is not set"),
        ({"a": {"provider": "opena"}}, "unknown provider 'opena'; did you mean 'openai'?"),
    ],
)
def test_mistakes_of_the_configuration(project, check, judge, judges, said):
    """With the place; nothing was asked."""
    found = {name: project.strict(**changes) for name, changes in judges.items()}
    project.config("http://x/v1", judges=found)
    run = check(written(project, single(6)), *RUBRIC)

    assert USAGE == run.code, run.output
    assert run.has(said)
    assert 0 == judge.requests


def test_files_that_hold_no_labels(project, check):
    """Missing, empty, mixed."""
    assert check("none.jsonl", *RUBRIC).has("none.jsonl: cannot be read: No such file")
    project.write("labels.jsonl", "\n")
    assert check("labels.jsonl", *RUBRIC).has("labels.jsonl: there is no label in it")
    project.write("labels.jsonl", '{"a": "x", "label": "a", "rubric": "r"}')
    assert check("labels.jsonl").has("labels.jsonl:1: 'b' has to be a text, which is missing")
    file = written(project, [*single(1), *pairs(1)])
    assert check(file, *RUBRIC).has("labels.jsonl:2: a file holds single answers or pairs")


def test_variants_need_not_be_usable(project, check, tmp_path):
    """A variable that only a variant needs is not missed; a folder above has the configuration."""
    project.config("http://x/v1", baseline="x", variants={"x": {"provider": "?", "model": "m"}})
    below = tmp_path / "labels"
    below.mkdir()
    (below / "l.jsonl").write_text(json.dumps(single(1)[0]))
    run = quantguard(below, "judge-check", "l.jsonl", *RUBRIC)

    assert OK == run.code, run.output


def test_without_a_configuration(tmp_path):
    """What is looked for, and how to name another."""
    (tmp_path / "l.jsonl").write_text(json.dumps(single(1)[0]))
    run = quantguard(tmp_path, "judge-check", "l.jsonl", *RUBRIC)

    assert USAGE == run.code
    assert run.has("has no quantguard.yaml, nor has a folder above", "--quant-config=PATH names")


# --- sentences ----------------------------------------------------------------------------


def findings(table: list[list[int]]) -> Findings:
    """Findings of a table: rows are labels, columns verdicts; pass before fail."""
    words = ("pass", "fail")
    return Findings(
        "absolute",
        [
            Judged(place="l:1", label=words[i], verdict=words[j])
            for i in (0, 1)
            for j in (0, 1)
            for _ in range(table[i][j])
        ],
    )


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ([[95, 5], [4, 96]], "almost perfect agreement: fit to gate on"),
        ([[90, 10], [15, 85]], "substantial agreement: fit to gate on"),
        ([[18, 2], [3, 17]], "substantial agreement, of which 0.48 is shown"),
        ([[75, 25], [25, 75]], "moderate agreement: too weak to gate on"),
        ([[60, 40], [40, 60]], "slight agreement: too weak"),
        ([[6, 4], [4, 6]], "no better than chance, as far as 20 labels can tell"),
        ([[10, 90], [90, 10]], "worse than chance: the judge goes against the labels"),
        ([[40, 10], [0, 0]], "nothing is known: every label is 'pass'"),
        ([[0, 0], [0, 9]], "nothing is known: every label is 'fail'"),
        ([[50, 0], [10, 0]], "no better than chance"),
    ],
)
def test_what_a_judge_is_worth(table, said):
    """One sentence, by what is shown and not by what was seen."""
    assert said in findings(table).verdict


def test_a_loss_shows_by_youdens_index():
    """Right on 90 % of what passes, wrong on 20 % of what fails: 70 % of a loss is seen."""
    found = findings([[90, 10], [20, 80]])

    assert 0.7 == pytest.approx(found.sharpness)
    assert share(0, 0) is None
