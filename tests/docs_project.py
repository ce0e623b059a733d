"""The project in which the commands of the documentation are run, and what single pages need."""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from batch_files import answered, completion
from fork_server import ForkServer
from scripted_server import Exchange, ScriptedServer, told

SERVER = ForkServer()
CANDIDATES = ("awq-int4", "awq", "fp8", "q8_0")
COMMIT = "0123456789abcdef0123456789abcdef01234567"
CASES = 60


def run(folder: Path, *words: str) -> tuple[int, str]:
    """Run ``quantguard ...`` or ``pytest ...`` in a folder; return exit code and output."""
    arguments = list(words[1:]) if words[0] == "pytest" else list(words)
    env = {
        **os.environ,
        "COLUMNS": "80",
        "PYTEST_ADDOPTS": "-p no:asyncio -p no:anyio",
        # As in a job of GitLab: reports know their commit.
        "GITLAB_CI": "true",
        "CI_COMMIT_SHA": COMMIT,
        "CI_COMMIT_REF_NAME": "main",
    }
    return SERVER.run(arguments, folder, env, 120)


def make_project(folder: Path, url: str) -> None:
    """Write the project: two golden files, five variants, and the reports of one finished run."""
    common: dict[str, Any] = {"provider": "openai", "base_url": url, "timeout_s": 10}
    common["price"] = {"input": 0.1, "output": 0.4}
    variants: dict[str, Any] = {name: {**common, "model": name} for name in ("bf16", *CANDIDATES)}
    variants["awq-int4"]["quantization"] = {"method": "awq", "weight_bits": 4}
    config = {
        "baseline": "bf16",
        "request": {"temperature": 0, "max_tokens": 64},
        "variants": variants,
        "budgets": [{"max_drop": "5 pt"}, {"cohort": "*", "max_drop": "10 pt"}],
        "judges": {"strict": {"provider": "openai", "base_url": url, "model": "big-model"}},
    }
    (folder / "quantguard.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    (folder / "golden").mkdir()
    for name, cohort in {"tools": "tool-calling", "faq": "faq"}.items():
        cases = [
            {
                "id": f"{cohort}-{'smoke-' if i < 40 else ''}{i}",
                "prompt": f"{cohort} {i}: what is the order?",
                "expect": [{"contains": f"{cohort} {i}"}],
            }
            for i in range(CASES)
        ]
        text = yaml.safe_dump({"cohort": cohort, "cases": cases}, sort_keys=False)
        (folder / "golden" / f"{name}.quant.yaml").write_text(text)
    code, output = run(folder, "pytest", "--quant-candidate=awq-int4")
    assert 0 == code, output


def truthful(model: str, prompt: str) -> str:
    """Both models do what the golden cases expect; a judge misses what is said in passing."""
    if model == "big-model":
        passes = "The cause:" in prompt
        reason = "the cause is named" if passes else "the cause is named only in passing"
        return json.dumps({"reason": reason, "verdict": "pass" if passes else "fail"})
    if model == "cheap" and int(re.sub(r"\D", "", prompt)) % 3 == 0:
        return "I forgot."
    return f"It is {prompt}"


def providers(folder: Path, url: str) -> None:
    """Three endpoints that claim to be one model; one of them is not."""
    both = {"provider": "openai", "base_url": url}
    named = {name: {**both, "model": name} for name in ("official", "cheap", "fast")}
    text = yaml.safe_dump({"reference": "official", "providers": named}, sort_keys=False)
    (folder / "providers.yaml").write_text(text)


def template(folder: Path, url: str) -> None:
    """A variant whose chat template adds some tokens to every prompt."""
    path = folder / "quantguard.yaml"
    config = yaml.safe_load(path.read_text())
    config["variants"]["fp8-new-template"] = {
        **config["variants"]["fp8"],
        "model": "fp8-new-template",
    }
    path.write_text(yaml.safe_dump(config, sort_keys=False))


def on_call(folder: Path, url: str) -> None:
    """An endpoint that somebody else serves, and what a gateway logged of it."""
    path = folder / "quantguard.yaml"
    config = yaml.safe_load(path.read_text())
    config["variants"]["api"] = {**config["variants"]["fp8"], "model": "api"}
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    traffic(folder, url)


def batch(folder: Path, url: str) -> None:
    """Answers to what `quantguard export` writes."""
    run(folder, "quantguard", "export", "--all", "--candidate", "awq-int4")
    for path in (folder / "batches").glob("*.requests.jsonl"):
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        said = [
            answered(
                line["custom_id"],
                completion(truthful("", line["body"]["messages"][-1]["content"])),
            )
            for line in lines
        ]
        name = path.name.replace("requests", "answers")
        path.with_name(name).write_text("".join(json.dumps(line) + "\n" for line in said))
        path.unlink()


def shards(folder: Path, url: str) -> None:
    """What five machines wrote."""
    for number in range(1, 6):
        options = [f"--quant-shard={number}/5", f"--quant-report={folder}/shards"]
        code, output = run(folder, "pytest", "--quant-candidate=awq-int4", *options)
        assert 0 == code, output


def reports(folder: Path, url: str) -> None:
    """A copy of the report where the page has it."""
    shutil.copy(folder / "quant-report/report.json", folder / "report.json")


def history(folder: Path, url: str) -> None:
    """Artifacts of earlier runs."""
    report = folder / "quant-report/report.json"
    (folder / "artifacts").mkdir()
    (folder / "old-runs").mkdir()
    shutil.copy(report, folder / "old-runs/report.json")
    with zipfile.ZipFile(folder / "artifacts/run.zip", "w") as archive:
        archive.write(report, "report.json")


def traffic(folder: Path, url: str) -> None:
    """Requests and answers as a gateway logs them."""
    lines = [
        json.dumps(
            {
                "id": f"{cohort}-{i}",
                "model": "m",
                "messages": [{"role": "user", "content": f"{cohort} {i}: what is the order?"}],
                "response": completion(f"Order {i} is on its way."),
            }
        )
        for i in range(200)
        for cohort in ("tool-calling", "faq")
    ]
    text = "\n".join(lines) + "\n"
    (folder / "traffic.jsonl").write_text(text)
    with gzip.open(folder / "traffic.jsonl.gz", "wt") as file:
        file.write(text)


def mirrored(folder: Path, url: str) -> None:
    """Traffic that both models answered, in each format; the candidate calls wrong tools."""
    tool = {"type": "function", "function": {"name": "refund_order"}}
    path = folder / "quantguard.yaml"
    data = yaml.safe_load(path.read_text())
    data["canary"] = {
        "candidate": "awq-int4",
        "names": {"bf16": "help-desk-bf16", "awq-int4": "help-desk-awq"},
        "cohorts": [{"cohort": "tools", "tools": "offered"}, {"cohort": "rest"}],
        "budgets": [{"max_drop": "20 pt"}, {"cohort": "tools", "max_drop": "10 pt"}],
    }
    path.write_text(yaml.safe_dump(data))

    def body(model: str, called: str) -> dict[str, Any]:
        call = {"type": "function", "function": {"name": called, "arguments": "{}"}}
        message = {"role": "assistant", "content": "It is on its way.", "tool_calls": [call]}
        if not called:
            del message["tool_calls"]
        return {
            "model": model,
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 20, "completion_tokens": 5},
        }

    files: dict[str, list[Any]] = {}
    for i in range(400):
        asked = {"messages": [{"role": "user", "content": f"Where is order {i}?"}]}
        tools = {"tools": [tool]} if i % 2 else {}
        ours = body("help-desk-bf16", "refund_order" if i % 2 else "")
        good = body("help-desk-awq", "refund_order" if i % 2 else "")
        bad = body("help-desk-awq", "refund_order" if i % 4 == 1 else "refund") if i % 2 else good
        request = {**asked, **tools}
        for name, said in (("mirror", bad), ("monday", good), ("tuesday", good)):
            sides = {"baseline": {"completion": ours}, "candidate": {"completion": said}}
            pair = {"id": f"{name}-{i}", "request": request, **sides}
            files.setdefault(f"{name}.jsonl", []).append(pair)
        for said in (ours, good):
            log = {"call_type": "acompletion", "model": said["model"], "response": said}
            files.setdefault("litellm.jsonl", []).append(
                {**log, "id": f"{said['model']}-{i}", **asked, "model_parameters": tools}
            )
        where = {"method": "POST", "url": "/v1/chat/completions"}
        line = {"custom_id": str(i), **where, "body": request}
        files.setdefault("requests.jsonl", []).append(line)
        files.setdefault("out-bf16.jsonl", []).append(answered(str(i), ours))
        files.setdefault("out-awq.jsonl", []).append(answered(str(i), good))
    for name, lines in files.items():
        (folder / name).write_text("".join(json.dumps(line) + "\n" for line in lines))
    with gzip.open(folder / "monday.jsonl.gz", "wt") as file:
        file.write((folder / "monday.jsonl").read_text())


PROMPTFOO = """\
description: help desk
prompts:
  - "Answer the customer: {{question}}"
providers: [openai:gpt-4o]
tests:
  - vars: {question: "Where is my order 88213-A?"}
    assert:
      - {type: contains, value: "88213-A"}
      - {type: regex, value: "[0-9]{5}-[A-Z]"}
      - {type: is-json, value: {type: object}}
      - {type: javascript, value: "output.length < 80"}
  - vars: {question: "Which hours do you keep?"}
    assert:
      - {type: contains, value: "9"}
      - {type: not-contains, value: "I do not know"}
      - {type: similar, value: "We are open from 9 to 5."}
  - vars: {question: "List the order as JSON."}
    assert:
      - {type: is-json, value: {type: object}}
      - {type: regex, value: "[{]"}
  - vars: {question: "May I return it?"}
    assert:
      - {type: not-contains, value: "never"}
"""


def importing(folder: Path, url: str) -> None:
    """A source of each kind that the page names."""
    traffic(folder, url)
    (folder / "promptfooconfig.yaml").write_text(PROMPTFOO)
    goldens = [
        {
            "input": f"Question {i}?",
            "expected_output": f"Answer {i}.",
            "metadata": {"topic": "hours"},
        }
        for i in range(3)
    ]
    (folder / "goldens.json").write_text(json.dumps({"goldens": goldens}))
    asked = [{"role": "user", "content": "Name a prime."}]
    request = {
        "custom_id": "one",
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": {"model": "m", "messages": asked},
    }
    (folder / "batch.requests.jsonl").write_text(json.dumps(request) + "\n")
    done = answered("one", completion("Seven."))
    (folder / "batch.answers.jsonl").write_text(json.dumps(done) + "\n")
    more = {"messages": [*asked, {"role": "assistant", "content": "Eleven."}]}
    (folder / "more.jsonl").write_text(json.dumps(more) + "\n")


def judging(folder: Path, url: str) -> None:
    """Answers with labels that people gave: the judge misses 8 causes and sees 4 that are none."""
    lines = [
        {
            "prompt": f"Why is order {i} late?",
            "answer": f"It rained {i} times, as it does." if i in misses else f"The cause: {i}.",
            "label": label,
        }
        for label, numbers, misses in (
            ("pass", range(1, 57), {*range(8, 16)}),
            ("fail", range(57, 85), {*range(57, 81)}),
        )
        for i in numbers
    ]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (folder / "labels.jsonl").write_text(text)


def two_runs(folder: Path, url: str) -> None:
    """The report of an earlier run, which found the same."""
    text = (folder / "quant-report/report.json").read_text("ascii")
    run = json.loads(text)["results"]["extra"]["quantguard"]["provenance"]["run"]
    (folder / "tuesday.json").write_text(text.replace(run, run[::-1]), "ascii")


PREPARED: dict[str, Callable[[Path, str], None]] = {
    "docs/audit.md": providers,
    "docs/batch.md": batch,
    "docs/canary.md": mirrored,
    "docs/compare.md": two_runs,
    "docs/concepts/comparability.md": template,
    "docs/guides/on-call.md": on_call,
    "docs/history.md": history,
    "docs/importing.md": importing,
    "docs/judge.md": judging,
    "docs/lint.md": traffic,
    "docs/reports.md": reports,
    "docs/sharding.md": shards,
}
"""Page -> what writes the files that its commands need, besides those of the project."""


def scripted() -> ScriptedServer:
    """Return the server of all variants; one has a chat template that adds some tokens."""
    return ScriptedServer(default=_reply)


def _reply(exchange: Exchange) -> None:
    body = json.loads(exchange.body)
    text = truthful(body["model"], body["messages"][-1]["content"])
    answer = "".join(told(text)).replace('"scripted"', json.dumps(body["model"]))
    if body["model"].endswith("new-template"):
        answer = answer.replace('"prompt_tokens": 5', '"prompt_tokens": 14')
    exchange.stream(answer)
