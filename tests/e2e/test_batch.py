"""Recorded answers of the real llama.cpp server: the gate concludes what it concludes live."""

from __future__ import annotations

import json
import shutil

import httpx

from gate_project import quantguard
from pytest_quantguard.providers.llamacpp import LlamaCppProvider
from pytest_quantguard.variants import Variant

SMOKE = ["-k", "smoke"]
CASES = 140


def answer_batch(folder, variant, model):
    """Answer a request file one by one, without streaming, as a batch job does."""
    provider = LlamaCppProvider(Variant(name=variant, provider="llamacpp", model=model))
    url = provider.start()
    asked = folder / "batches" / f"{variant}.requests.jsonl"
    told = folder / "batches" / f"{variant}.answers.jsonl"
    try:
        with httpx.Client(timeout=60) as client, told.open("w") as out:
            for line in map(json.loads, asked.read_text().splitlines()):
                body = {**line["body"], "cache_prompt": False}
                reply = client.post(url.removesuffix("/v1") + line["url"], json=body)
                response = {
                    "status_code": reply.status_code,
                    "request_id": "r",
                    "body": reply.json(),
                }
                whole = {
                    "id": "b",
                    "custom_id": line["custom_id"],
                    "response": response,
                    "error": None,
                }
                out.write(json.dumps(whole) + "\n")
    finally:
        provider.stop()
    return f"--quant-answers=batches/{told.name}"


def test_export_answer_judge_is_the_same_as_a_live_run(helpdesk):
    """3-bit rounding: verdict, every budget and every regressed case, with no request at all."""
    live = helpdesk.run(*SMOKE, candidate="rtn3")
    (theirs,) = live.report["candidates"]
    shutil.rmtree(helpdesk.folder / ".quantguard")
    done = quantguard(helpdesk.folder, "export", "--candidate", "rtn3", *SMOKE)
    options = [answer_batch(helpdesk.folder, name, f"embedded:{name}") for name in ("f16", "rtn3")]
    run = helpdesk.run(*SMOKE, *options, candidate="rtn3")
    (ours,) = run.report["candidates"]

    assert done.has(f"batches/rtn3.requests.jsonl: {CASES} requests for embedded:rtn3")
    assert 1 == live.code == run.code, run.output
    assert theirs["budgets"] == ours["budgets"]
    counts = run.report["provenance"]["requests"]
    assert {(CASES, 0)} == {(one["cached"], one["sent"]) for one in counts.values()}
