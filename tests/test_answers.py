"""Answers of a batch job, judged with no server at all (`--quant-answers`)."""

from __future__ import annotations

import json

import pytest

from batch_files import answered, answers, completion, requests, write
from gate_project import quantguard, quantized, speaks, truthful
from pytest_quantguard.cache.completions import CompletionCache

USAGE = 4
KEYS = [f"{number:064x}" for number in range(100)]


@pytest.fixture
def recorded(project):
    """Export a project, answer it, and return the options; ``change`` may spoil the lines."""

    def make(model=quantized, change=lambda variant, lines: lines):
        assert 0 == quantguard(project.folder, "export").code
        return [
            write(project, f"{name}.jsonl", change(name, answers(project, name, model)))
            for name in ("base", "cand")
        ]

    return make


# --- the same as a live run -----------------------------------------------------------------


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "xdist"])
@pytest.mark.parametrize("model", [quantized, truthful])
def test_the_verdict_of_a_live_run_without_a_request(project, recorded, workers, model):
    """Outcomes to the last digit, exit code and verdict; the server is not asked."""
    options = recorded(model)
    run = project.run(*options, *workers)
    found, asked = run.report, project.server.requests
    project.server.default = speaks(model)
    live = project.run()

    assert (0, 120) == (asked, project.server.requests)
    assert live.code == run.code, run.output
    (ours,), (theirs,) = found["candidates"], live.report["candidates"]
    assert theirs["verdict"] == ours["verdict"]
    assert theirs["budgets"] == ours["budgets"]
    assert {0} == {counts["sent"] for counts in found["provenance"]["requests"].values()}
    assert run.has("answers were read from base.jsonl (60 answers), cand.jsonl (60 answers)")


def test_no_server_key_or_address_is_needed(project, recorded):
    """The variants' server may be down and their key unset: they are only known by name."""
    variants = {
        name: {
            "provider": "openai",
            "model": name,
            "base_url": "http://127.0.0.1:9/v1",
            "api_key_env": "NO_SUCH_KEY",
        }
        for name in ("base", "cand")
    }
    project.config("", variants=variants)
    run = project.run(*recorded(truthful))

    assert 0 == run.code, run.output


def test_variants_that_exist_only_as_answers(project, recorded):
    """provider: recorded; without --quant-answers it says what to do; it has no base_url."""
    variants = {name: {"provider": "recorded", "model": name} for name in ("base", "cand")}
    project.config("", variants=variants)
    run = project.run(*recorded(truthful))
    alone = project.run()
    variants["cand"]["base_url"] = "http://127.0.0.1:9/v1"
    project.config("", variants=variants)
    wrong = project.run()

    assert 0 == run.code, run.output
    assert USAGE == alone.code == wrong.code
    assert alone.has("it has no server; 'quantguard export' writes its requests")
    assert wrong.has("a recorded variant has no base_url")


def test_repeats_and_further_runs(project, recorded):
    """Every repeat has its own answer; a critical case that fails is judged by its further runs."""
    project.golden(40, samples=2, request={"seed": 3}, critical=True)
    options = recorded()
    run = project.run(*options)

    assert 0 == project.server.requests
    assert 1 == run.code
    assert run.has("critical case regressed on cand")
    assert "no recorded answer" not in run.output
    counts = run.report["provenance"]["requests"]
    assert 80 + 2 * 14 == counts["cand"]["planned"]  # every third of 40 fails, and is asked twice


def test_answers_lie_over_the_cache(project, recorded):
    """A baseline that is cached needs no file; a recorded answer wins over a cached one."""
    project.run()
    assert 120 == project.server.requests
    assert 0 == quantguard(project.folder, "export", "--all").code
    option = write(project, "cand.jsonl", answers(project, "cand", quantized))
    run = project.run(option)

    assert 120 == project.server.requests
    assert {"cand": "fail"} == run.verdicts
    assert run.has("20 of 60 regressed")


def test_a_sequential_run(project, recorded):
    """Looks are judged as ever; answers to cases that were not reached are not called unknown."""
    run = project.run(*recorded(), "--quant-sequential")

    assert 0 == project.server.requests
    assert {"cand": "fail"} == run.verdicts, run.output
    assert "to no request of this run" not in run.output


# --- what is missing, failed or odd ---------------------------------------------------------


def test_a_failed_request_is_the_error_of_its_case(project, recorded):
    """With the server's own sentence, where it stands, and never a pass."""

    def fail(variant, lines):
        if variant == "cand":
            error = {"error": {"message": "context length exceeded", "code": 400}}
            lines[3] = {**lines[3], "response": {"status_code": 400, "body": None}, "error": error}
        return lines

    run = project.run(*recorded(truthful, fail), "-v")

    assert 1 == run.code
    assert {"cand": "error"} == run.verdicts
    assert run.has("cand.jsonl:4: the batch has no answer: HTTP 400: context length exceeded")
    assert run.has("cand.jsonl (60 answers, 1 failed)")
    assert 0 == project.server.requests


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_a_missing_answer_is_the_error_of_its_case(project, recorded, workers):
    """Nothing is sent instead; the sentence says how to get what is missing."""
    run = project.run(*recorded(truthful, lambda variant, lines: lines[:-2]), *workers, "-v")

    assert 1 == run.code
    assert {"cand": "error"} == run.verdicts
    assert run.has("no recorded answer in base.jsonl, cand.jsonl (custom_id")
    assert run.has("'quantguard export' writes what is missing")
    assert 0 == project.server.requests


def test_answers_to_other_questions_stop_the_run(project, recorded):
    """A variant without a single answer: the golden cases or the parameters have changed."""
    options = recorded(truthful)
    project.config(project.server.url, request={"temperature": 0.5})
    run = project.run(*options)

    assert USAGE == run.code
    assert run.has(
        "--quant-answers: base.jsonl, cand.jsonl: none of the 60 requests of 'base' is answered "
        "there, such as that of golden/faq.quant.yaml:2 (faq-0)",
        "have changed since 'quantguard export'",
    )
    assert 0 == project.server.requests


def test_what_is_odd_about_the_files_is_counted_and_said(project, recorded):
    """Foreign answers, answers that stand twice, two that differ, and a cut last line."""

    def spoil(variant, lines):
        if variant == "base":
            return [*lines, lines[0], answered(KEYS[1], completion("x"))]
        other = answered(lines[5]["custom_id"], completion("something else"))
        return [*lines, other]

    options = recorded(truthful, spoil)
    path = project.folder / "cand.jsonl"
    path.write_text(path.read_text() + '{"custom_id": "ab", "respon')
    run = project.run(*options)

    assert 1 == run.code  # the case with two answers has none
    assert run.has(
        "1 recorded answer is to no request of this run (base.jsonl:62)",
        "1 request with two different answers: counted as unanswered (such as cand.jsonl:6 and "
        "cand.jsonl:61)",
        "given twice, and counted once: 1 recorded answer",
        "1 line cannot be used: cand.jsonl:62: it is no JSON",
        "it is the last one and may have been cut off",
    )


def test_a_check_of_times_finds_none(project, recorded):
    """A recorded answer did not take 0 seconds: how long it took is not known."""
    project.golden(60, expect=[{"contains": "answer"}, {"latency": {"max_s": 5}}])
    run = project.run(*recorded(truthful))

    assert 1 == run.code
    assert {"cand": "not comparable"} == run.verdicts
    assert run.has("latency compares times, and recorded answers have none")


def test_a_metric_of_times_finds_none(project, recorded):
    """It is not judged, and says why; all other budgets are."""
    budgets = [{"max_drop": "10 pt"}, {"metric": "latency_p50", "max_ratio": 1.1}]
    project.config(project.server.url, budgets=budgets)
    run = project.run(*recorded(truthful))
    verdicts = {row["metric"]: row["verdict"] for row in run.report["candidates"][0]["budgets"]}

    assert run.code != 0
    assert run.has(
        "120 of 120 answers were recorded elsewhere, and how long they took is not known"
    )
    assert "pass" != verdicts["latency_p50"]
    assert "pass" == verdicts[None]


def test_a_judge_is_asked_all_the_same(project, recorded):
    """Recorded are the arms; who judges them is asked live, and nobody else."""
    judge = {"provider": "openai", "base_url": project.server.url, "model": "judge"}
    project.config(project.server.url, judges={"strict": judge})
    project.golden(60, expect=[{"judge": "Is polite"}])
    verdict = json.dumps({"reason": "fine", "verdict": "pass"})
    project.server.default = speaks(lambda model, prompt: verdict)
    run = project.run(*recorded(truthful))

    assert 0 == run.code, run.output
    assert {"judge"} == {body["model"] for body in project.server.bodies}


def test_conversations_are_not_asked(project, recorded):
    """What a test asks turn by turn is in no file."""
    project.write(
        "test_talk.py",
        "from pytest_quantguard import quant_case\n\n"
        "@quant_case(cohort='talk')\ndef test_talk(quant_model):\n"
        "    assert quant_model.complete('hi').text\n",
    )
    run = project.run(*recorded(truthful), "-v")

    assert 1 == run.code
    assert run.has("no model under test is asked with --quant-answers")
    assert 0 == project.server.requests


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "x.jsonl: no such file"),
        ("", "x.jsonl: the file is empty"),
        ("\0", "is no text: it holds zero bytes"),
        ('{"a": 1}\n', "no answers: x.jsonl:1: it has no 'custom_id'"),
        ('{"custom_id": "x", "body": {}}\n', "is this the file of requests?"),
        ("[1]\n", "it holds a list, no map"),
    ],
)
def test_files_that_hold_no_answers(project, content, sentence):
    """A usage error before anything is judged."""
    if content is not None:
        project.write("x.jsonl", content)
    run = project.run("--quant-answers=x.jsonl")

    assert USAGE == run.code
    assert run.has(sentence)
    assert "Traceback" not in run.output


def test_the_requests_of_a_run_are_known_by_their_keys(project, recorded):
    """The custom_id of a request is the key of its completion: they meet without a second look."""
    recorded(truthful)
    ids = {line["custom_id"] for name in ("base", "cand") for line in requests(project, name)}
    project.run()
    cache = CompletionCache(project.folder / ".quantguard/cache")

    assert 120 == len(ids)
    assert all(key in cache for key in ids)
