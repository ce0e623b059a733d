"""The page on Python cases: its examples run, and its failure texts are the real ones."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from gate_project import GateProject
from scripted_server import USAGE, ScriptedServer, event, piece, says

PAGE = (Path(__file__).parents[1] / "docs" / "python-cases.md").read_text("utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


def call(tool, /, **arguments):
    """Answer with one tool call."""
    function = {"name": tool, "arguments": json.dumps(arguments)}
    events = [
        event(piece({"role": "assistant", "tool_calls": [{"index": 0, "function": function}]})),
        event(piece({}, "tool_calls")),
        event({"model": "scripted", "choices": [], "usage": USAGE}),
        event("[DONE]"),
    ]
    return lambda exchange: exchange.stream("".join(events))


def desk(exchange):
    """Both models do what the page expects, but for one digit and one prime."""
    body = json.loads(exchange.body)
    said, candidate = body["messages"][-1], body["model"] == "cand"
    text = said["content"]
    if said["role"] == "tool":
        found = "order_id" in text
        reply = call("refund_order", order_id="88213-A") if found else says("Refunded 88213-A.")
    elif "Ada Brown" in text:
        reply = call("find_order", name="Ada Brown")
    elif text.startswith("Refund"):
        reply = call("refund_order", order_id="88273-A" if candidate else "88213-A")
    elif "parcel" in text:
        reply = call("track_parcel", order_id="88213-A")
    elif "primes" in text:
        reply = says("2, 3 and 9" if candidate else "2, 3 and 5")
    else:
        reply = says(f"We are open from 9, closed on Sunday. {text}")
    reply(exchange)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """One run of all examples."""
    folder = tmp_path_factory.mktemp("page")
    with ScriptedServer(default=desk) as server:
        project = GateProject(folder, server)
        (folder / "golden" / "faq.quant.yaml").unlink()
        project.config(server.url, budgets=[{"max_drop": "60 pt"}])
        for number, block in enumerate(BLOCKS):
            project.write(f"tests/test_block_{number}.py", block)
        return project.run("--quant-underpowered=allow", "-rA")


def test_every_example_runs(run):
    """Eight cases and a test by hand; nothing but the digit and the prime is wrong."""
    assert 5 == len(BLOCKS)
    assert run.has("8 cases, 3 cohorts, 1 of several turns", "13 of 13 planned")
    assert ["test_refund"] == re.findall(r"REGRESSED .*::(\w+)", run.output)
    assert ["test_same_primes[cand]"] == re.findall(r"FAILED tests/.*::(\S+)", run.output)


def test_the_texts_on_the_page_are_what_is_shown(run):
    """But for the names of the models, and where lines end."""
    sentence = re.search(r"```\n(assert '88273-A'.*?)```", PAGE, re.DOTALL)[1]
    compared = re.search(r"```\n(E  .*?)```", PAGE, re.DOTALL)[1]
    names = {"candidate awq-int4": "candidate cand", "baseline bf16": "baseline base"}
    for told, real in names.items():
        compared = compared.replace(told, real)

    report = (run._folder / "quant-report" / "report.json").read_text("utf-8")
    tests = json.loads(report)["results"]["tests"]
    (told,) = [t["message"] for t in tests if "test_refund /" in t["name"]]
    assert " ".join(sentence.split()) in told
    for line in compared.splitlines():
        assert run.has(line)
