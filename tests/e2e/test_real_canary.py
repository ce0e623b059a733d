"""Mirrored traffic of real llama.cpp servers: what a gateway logs is judged as the gate does."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import yaml

from pytest_quantguard.providers.llamacpp import LlamaCppProvider
from pytest_quantguard.variants import Variant

CASES = 40
CANARY = {
    "canary": {
        "cohorts": [
            {"cohort": "tools", "tools": "offered"},
            {"cohort": "json", "expect": ["json", "numbers_preserved"]},
        ],
        "budgets": [{"max_drop": "10 pt"}, {"cohort": "*", "check": "*", "max_drop": "20 pt"}],
    }
}


@contextmanager
def serving(scheme: str) -> Iterator[str]:
    """The address of a real server of the embedded model."""
    provider = LlamaCppProvider(
        Variant(name=scheme, provider="llamacpp", model=f"embedded:{scheme}")
    )
    try:
        yield str(provider.start())
    finally:
        provider.stop()


def requests(folder) -> Iterator[dict]:
    """What users ask: invoices to extract, and requests with tools."""
    for name in ("json-extraction", "tool-calling"):
        golden = yaml.safe_load((folder / f"golden/{name}.quant.yaml").read_text("utf-8"))
        tools = json.loads((folder / "golden/tools.json").read_text("utf-8"))
        for case in golden["cases"][:CASES]:
            asked = {"messages": [{"role": "user", "content": case["prompt"]}], **golden["request"]}
            yield {**asked, **({"tools": tools} if "tools" in golden else {})}


def arm(client, url, request) -> dict:
    """One answer, as a gateway logs it."""
    began = time.monotonic()
    reply = client.post(f"{url}/chat/completions", json={**request, "cache_prompt": False})
    reply.raise_for_status()
    return {"completion": reply.json(), "latency_s": time.monotonic() - began}


def answers(folder, scheme) -> list[dict]:
    """One model's answers to all requests."""
    with serving(scheme) as url, httpx.Client(timeout=60) as client:
        return [arm(client, url, request) for request in requests(folder)]


def test_a_mirror_of_real_servers(helpdesk):
    """Three bits break tool calls and digits; eight bits pass the same traffic."""
    ours = answers(helpdesk.folder, "f16")
    helpdesk.write("quantguard.yaml", yaml.safe_dump({**helpdesk.data, **CANARY}, sort_keys=False))
    for scheme, code in (("rtn3", 1), ("q8_0", 0)):
        theirs = answers(helpdesk.folder, scheme)
        arms = zip(requests(helpdesk.folder), ours, theirs, strict=True)
        pairs = [{"request": r, "baseline": b, "candidate": c} for r, b, c in arms]
        helpdesk.write("mirror.jsonl", "".join(f"{json.dumps(pair)}\n" for pair in pairs))

        run = helpdesk.run("--quant-pairs=mirror.jsonl", candidate=scheme)

        assert code == run.code, run.output
        rows = {(b["cohort"], b["check"]): b for b in run.report["candidates"][0]["budgets"]}
        assert CASES == rows["tools", "tool_calls"]["cases"] == rows["json", "json"]["cases"]
        told = rows["json", "numbers_preserved"]["verdict"]
        assert ("fail" if code else "pass") == told
