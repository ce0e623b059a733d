"""A real model as a judge, over real HTTP: its form is kept by the server, its quality is nil.

The embedded model has learnt nothing about judging. What it says is held to the verdict's JSON
schema by llama.cpp, so that everything but the judgement is real; and `judge-check` finds out.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import yaml

from gate_project import quantguard
from pytest_quantguard import embedded

gguf = pytest.importorskip("gguf")

CASES = 12


@pytest.fixture(scope="session")
def judge_file(model_folder: Path) -> Path:
    """The embedded model with room for a judge's question; it was made for 512 tokens."""
    path = model_folder / "judge.gguf"
    shutil.copy(embedded.gguf_path("f16", model_folder), path)
    reader = gguf.GGUFReader(path, "r+")
    field = reader.get_field("llama.context_length")
    field.parts[field.data[0]][0] = 4096
    reader.data.flush()
    return path


@pytest.fixture
def judged(helpdesk, judge_file):
    """Twelve questions of the help desk, judged by the model itself."""
    cases = [
        {"id": f"judged-{i}", "prompt": f"Where is order 4711-{i}?", "expect": []}
        for i in range(CASES)
    ]
    for case in cases:
        case["expect"] = [{"judge": "The answer is polite and names the order."}]
    helpdesk.write("golden/judged.quant.yaml", yaml.safe_dump({"cohort": "judged", "cases": cases}))
    judge = {"provider": "llamacpp", "model": str(judge_file), "options": {"n_threads": 1}}
    helpdesk.data["judges"] = {"tiny": judge}
    helpdesk.data["budgets"] = [{"max_drop": "90 pt"}]
    helpdesk.write("quantguard.yaml", yaml.safe_dump(helpdesk.data, sort_keys=False))
    return helpdesk


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_verdicts_of_a_real_server_are_read(judged, workers):
    """Structured output as llama.cpp makes it: every verdict is one; the next run asks nobody."""
    options = ("-k", "judged-", "--quant-underpowered=allow", *workers)
    run = judged.run(*options, candidate="rtn3")
    numbers = run.report["provenance"]["judges"]["tiny"]
    again = judged.run(*options, candidate="rtn3")

    assert {"rtn3": "error"} != run.verdicts, run.output
    assert CASES < numbers["sent"] <= 2 * CASES
    assert 0 == numbers["second_tries"]
    assert 0 == again.report["provenance"]["judges"]["tiny"]["sent"]
    assert run.verdicts == again.verdicts


def test_a_judge_that_knows_nothing_is_found_out(judged):
    """Labels tell what its verdicts are worth: nothing."""
    lines = [
        {
            "prompt": f"Where is order 4711-{i}?",
            "answer": f"Order 4711-{i} is on its way." if i % 2 else "No idea.",
            "label": "pass" if i % 2 else "fail",
        }
        for i in range(40)
    ]
    judged.write("labels.jsonl", "\n".join(map(json.dumps, lines)))
    rubric = ("--rubric", "The answer names the order.")
    run = quantguard(judged.folder, "judge-check", "labels.jsonl", *rubric, "--least-kappa", "0.2")

    assert 1 == run.code, run.output
    assert run.has("Verdict: no better than chance, as far as 40 labels can tell")
    assert "Without a verdict" not in run.output
