"""`quantguard export`: what a batch job is asked to answer."""

from __future__ import annotations

import json
import re

import pytest

from batch_files import requests
from gate_project import GateProject, quantguard, speaks, truthful
from scripted_server import ScriptedServer

OK, USAGE, NOTHING = 0, 4, 5


@pytest.fixture
def export(project):
    return lambda *arguments: quantguard(project.folder, "export", *arguments)


def test_one_file_for_each_variant_in_the_format_of_batch_apis(project, export):
    """What OpenAI's batch API and vLLM's run-batch read; nothing is asked, no cache is made."""
    done = export()

    assert OK == done.code, done.output
    assert done.has(
        "quantguard export: 60 cases",
        "batches/base.requests.jsonl: 60 requests for base",
        "batches/cand.requests.jsonl: 60 requests for cand",
        "vllm run-batch -i batches/base.requests.jsonl -o batches/base.answers.jsonl --model base",
        "pytest --quant-candidate=cand --quant-answers=batches/base.answers.jsonl "
        "--quant-answers=batches/cand.answers.jsonl",
    )
    found = requests(project, "cand")
    assert {("custom_id", "method", "url", "body")} == {tuple(line) for line in found}
    assert {("POST", "/v1/chat/completions", "cand")} == {
        (line["method"], line["url"], line["body"]["model"]) for line in found
    }
    ids = [line["custom_id"] for line in found]
    assert len(set(ids)) == len(ids) == 60
    assert all(re.fullmatch("[0-9a-f]{64}", one) for one in ids)
    assert 0 == project.server.requests
    assert not (project.folder / ".quantguard").exists()


def test_the_body_is_what_a_server_would_be_sent(project, export):
    """Apart from streaming: tools, parameters and the variant's extra fields are all there."""
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
    project.golden(1, request={"seed": 7, "max_tokens": 9}, tools=[tool], samples=2)
    both = {
        "provider": "openai",
        "base_url": project.server.url,
        "options": {"extra_body": {"top_k": 1}},
    }
    variants = {name: {**both, "model": name} for name in ("base", "cand")}
    project.config(project.server.url, variants=variants)
    done = export()
    run = project.run("--quant-underpowered=allow")

    assert OK == done.code, done.output
    assert run.verdicts, run.output
    sent = [
        {k: v for k, v in one.items() if k not in ("stream", "stream_options")}
        for one in project.server.bodies
    ]
    asked = [line["body"] for name in variants for line in requests(project, name)]
    assert sorted(map(json.dumps, sent)) == sorted(map(json.dumps, asked))
    assert {7, 8} == {body["seed"] for body in asked}


def test_what_the_cache_knows_is_left_out(project, export):
    """A killed run, or a baseline that was asked before, is not paid for again; --all says so."""
    project.run()
    project.golden(3, cohort="new")
    done = export()
    everything = export("--all")
    (project.folder / "golden/new.quant.yaml").unlink()
    nothing = export()

    assert done.has(
        "batches/cand.requests.jsonl: 3 requests for cand; 60 left out, the cache has their answers"
    )
    assert everything.has("batches/cand.requests.jsonl: 63 requests for cand")
    assert nothing.has("cand: no file: 0 requests", "nothing has to be asked")
    assert not list((project.folder / "batches").iterdir())  # an older file is not left behind


def test_further_runs_of_critical_cases_are_asked_for(project, export):
    """A critical case that fails is asked twice more: the batch has those answers ready."""
    project.golden(2, critical=True, request={"seed": 1})
    done = export()

    assert done.has("6 requests for cand; 4 of them should a critical case seem to regress")
    assert [1, 1, 2, 2, 3, 3] == sorted(line["body"]["seed"] for line in requests(project, "cand"))


@pytest.mark.parametrize(
    ("arguments", "files"),
    [
        (["--baseline"], ["base.requests.jsonl"]),
        (["--candidate", "cand"], ["base.requests.jsonl", "cand.requests.jsonl"]),
        (
            ["--quant-null"],
            ["base-again.requests.jsonl", "base.requests.jsonl", "cand.requests.jsonl"],
        ),
    ],
)
def test_which_variants(project, export, arguments, files):
    """The baseline alone, chosen candidates, or the baseline once more."""
    done = export(*arguments, "--to", "out")

    assert OK == done.code, done.output
    assert files == sorted(path.name for path in (project.folder / "out").iterdir())


def test_pytest_selects(project, export):
    """-k and paths go to pytest; too few cases for a verdict are no reason not to ask."""
    done = export("-k", "faq-7", "golden")

    assert OK == done.code, done.output
    assert done.has("quantguard export: 1 case", "1 request for cand")


def test_a_shard_is_exported_alone(project, export):
    """One machine's part of the batch: the parts together are all cases."""
    done = [export(f"--quant-shard={k}/2", "--baseline", "--to", f"part{k}") for k in (1, 2)]

    assert [OK, OK] == [one.code for one in done], done[0].output
    lines = [
        (project.folder / f"part{k}/base.requests.jsonl").read_text().splitlines() for k in (1, 2)
    ]
    ids = [{json.loads(line)["custom_id"] for line in part} for part in lines]
    assert (30, 30, set()) == (len(ids[0]), len(ids[1]), ids[0] & ids[1])


def test_as_json(export):
    """For scripts that start the batch job."""
    told = json.loads(export("--json").output)

    assert 60 == told["cases"]
    assert {"variant": "cand", "model": "cand", "file": "batches/cand.requests.jsonl"} == {
        key: told["batches"][1][key] for key in ("variant", "model", "file")
    }


def test_what_no_batch_can_hold_is_said(project, export):
    """Log-probs of references, and conversations that a test drives."""
    project.golden(60, reference="answer")
    project.config(
        project.server.url,
        budgets=[{"max_drop": "10 pt"}, {"metric": "reference", "max_drop": "5 pt"}],
    )
    project.write(
        "test_talk.py",
        "from pytest_quantguard import quant_case\n\n"
        "@quant_case(cohort='talk')\ndef test_talk(quant_model):\n"
        "    assert quant_model.complete('hi').text\n",
    )
    done = export()

    assert OK == done.code, done.output
    assert done.has("how likely a model finds 60 given answers: a batch cannot ask that")
    assert done.has("1 case with a conversation that a test drives")
    assert 60 == len(requests(project, "cand"))


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["-k", "nothing"], NOTHING, "no golden case was selected"),
        (["--candidate", "nobody"], USAGE, "nobody"),
        (["--to", "quantguard.yaml"], USAGE, "cannot be written"),
    ],
)
def test_mistakes(export, arguments, code, sentence):
    """One sentence, no traceback, the exit codes of the other commands."""
    done = export(*arguments)

    assert code == done.code, done.output
    assert sentence in done.output
    assert "Traceback" not in done.output


def test_a_broken_golden_file(project, export):
    """Said with its line, and nothing is written."""
    project.write("golden/bad.quant.yaml", "cohort: x\ncases: 5\n")
    done = export()

    assert USAGE == done.code
    assert "golden/bad.quant.yaml:2" in done.output
    assert not (project.folder / "batches").exists()


def test_no_key_leaves_the_environment(tmp_path, monkeypatch):
    """The key of a variant is in no request file, and is not needed to write one."""
    with ScriptedServer(default=speaks(truthful)) as server:
        project = GateProject(tmp_path, server)
        both = {"provider": "openai", "base_url": server.url, "api_key_env": "EXPORT_KEY"}
        project.config(server.url, variants={n: {**both, "model": n} for n in ("base", "cand")})
        without = quantguard(tmp_path, "export")
        monkeypatch.setenv("EXPORT_KEY", "sk-not-to-be-seen")
        done = quantguard(tmp_path, "export")

    assert OK == without.code == done.code, without.output + done.output
    written = [path.read_text() for path in (tmp_path / "batches").iterdir()]
    assert "not-to-be-seen" not in "".join(written) + done.output


def test_nothing_is_started(project, export):
    """A variant whose server the gate would start itself is exported without it, file or not."""
    variants = {
        "base": {"provider": "recorded", "model": "big"},
        "cand": {"provider": "llamacpp", "model": "nowhere.gguf"},
    }
    project.config(project.server.url, variants=variants)
    broken = export()
    variants["cand"] = {
        "provider": "recorded",
        "model": "small",
        "options": {"extra_body": {"top_k": 1}},
    }
    project.config(project.server.url, variants=variants)
    done = export()

    assert USAGE == broken.code  # its answers are known by the file's content
    assert broken.has("cannot read the model", "nowhere.gguf")
    assert OK == done.code, done.output
    assert {("small", 1)} == {
        (line["body"]["model"], line["body"]["top_k"]) for line in requests(project, "cand")
    }
