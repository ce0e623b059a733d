"""Whole runs whose arms cannot be compared, and null runs."""

from __future__ import annotations

import json
from collections import Counter
from xml.etree import ElementTree

import pytest

from gate_project import GateProject, speaks, truthful
from scripted_server import Exchange, ScriptedServer, says

FORMAT = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}


def shaped(exchange: Exchange) -> None:
    """Only the baseline honours response_format; both say what the golden cases expect."""
    body = json.loads(exchange.body)
    prompt = body["messages"][-1]["content"]
    prose = "The sea is wide." if body["model"] == "cand" else '{"code": "heron-7041"}'
    says(prose if "the sea" in prompt else f"answer {prompt}")(exchange)


def test_a_server_that_ignores_response_format_is_not_comparable(tmp_path):
    """Probed once for each arm, by two workers too; warm it costs nothing. Every report says so."""
    with ScriptedServer(default=shaped) as server:
        project = GateProject(tmp_path, server)
        project.golden(60, request={"response_format": FORMAT})
        run = project.run("-n", "2")
        again = project.run("--quant-junit=ours.xml")

    assert 1 == run.code == again.code, again.output
    assert 2 * (60 + 1) == server.requests
    assert {"cand": "not comparable"} == run.verdicts == again.verdicts
    assert again.has(
        "baseline base (61/61 cached)",
        "cand answers 200 and ignores response_format: json_schema, which base honours",
        "ERROR quantguard::cand::all::comparability - NOT COMPARABLE: cand answers",
        "Route: faq -> base (not comparable)",
    )
    assert "worse by 0" not in again.output
    probes = again.report["provenance"]["probes"]
    assert ["ignored", ""] == probes["cand"]["response_format: json_schema"]
    errors = ElementTree.parse(tmp_path / "ours.xml").iter("error")
    assert {"not-comparable"} == {error.get("type") for error in errors}


def test_a_probe_that_is_refused_says_nothing_where_cases_are_answered(tmp_path):
    """The candidate's service dislikes the probe, not the parameter: a remark, no verdict."""

    def picky(exchange: Exchange) -> None:
        body = json.loads(exchange.body)
        if "the sea" in body["messages"][-1]["content"] and body["model"] == "cand":
            return exchange.answer(400, json.dumps({"error": {"message": "too wet"}}))
        return shaped(exchange)

    with ScriptedServer(default=picky) as server:
        project = GateProject(tmp_path, server)
        project.golden(60, request={"response_format": FORMAT})
        run = project.run("--quant-max-requests=122")

    assert 0 == run.code, run.output
    assert run.has("whether cand honours response_format: json_schema is not known:", "too wet")


def test_one_server_under_two_names_is_not_comparable(tmp_path):
    """Every answer the same, and a fingerprint that holds the precision: no PASS."""
    reply = says_with_fingerprint("vllm-0.33.0-tp1-0a1b2c3d")
    with ScriptedServer(default=reply) as server:
        project = GateProject(tmp_path, server)
        both = {"provider": "openai", "base_url": server.url}
        quantized = {**both, "model": "cand", "quantization": {"method": "awq", "weight_bits": 4}}
        variants = {"base": {**both, "model": "base"}, "cand": quantized}
        project.config(server.url, variants=variants)
        run = project.run()

    assert 1 == run.code, run.output
    assert {"cand": "not comparable"} == run.verdicts
    assert run.has("probably one server was asked twice")
    assert {"vllm-0.33.0-tp1-0a1b2c3d": 60} == run.report["provenance"]["fingerprints"]["cand"]


def says_with_fingerprint(fingerprint: str):
    """Return a reply that is truthful, from a server that says who it is."""

    def reply(exchange: Exchange) -> None:
        text = truthful("", json.loads(exchange.body)["messages"][-1]["content"])
        choice = {"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        exchange.answer(200, json.dumps({"choices": [choice], "system_fingerprint": fingerprint}))

    return reply


@pytest.fixture
def flaky(tmp_path):
    """A project whose baseline is wrong, when it is asked again, on one case that moves on."""
    asked: Counter[tuple[str, str]] = Counter()

    def model(name: str, prompt: str) -> str:
        asked[name, prompt] += 1
        moved = asked[name, prompt] > 1 and prompt.endswith(f" {asked[name, prompt]}")
        return "no" if moved else f"answer {prompt}"

    with ScriptedServer(default=speaks(model)) as server:
        project = GateProject(tmp_path, server)
        project.golden(60)
        project.run()  # the baseline is known: what is asked next is the null run's
        yield project


def test_every_null_run_asks_afresh_and_all_are_pooled(flaky):
    """Alone and with two workers; what was cut short goes on, and a part is shown, not kept."""
    null = ["--quant-null", "--quant-underpowered=allow"]
    first = flaky.run(*null, candidate=None)
    part = flaky.run(*null, "-k", "faq-1", candidate=None)
    asked = flaky.server.requests
    second = flaky.run(*null, "-n", "2", candidate=None)

    assert 3 * 60 + 11 == asked
    assert 49 == flaky.server.requests - asked, "eleven are known from the part that was not kept"
    assert first.has("Noise floor: two runs of base disagree on 1.7 % of outcomes (1 of 60 in 1")
    assert part.has("this null run is not kept")
    assert second.has("(2 of 120 in 2 null runs, last on")

    later = flaky.run("--quant-junit=ours.xml")
    (row,) = [r for r in later.report["candidates"][0]["budgets"] if r["delta"]]
    assert 2 / 120 == pytest.approx(row["noise"])
    assert later.has("noise 1.7 %", "two runs of base disagree on 1.7 % of outcomes (2 of 120 in 2")
