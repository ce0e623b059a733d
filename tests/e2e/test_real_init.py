"""quantguard init, then the commands that it prints, typed as they stand: on the real server."""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path

import yaml

from fork_server import ForkServer
from gate_project import Run

SERVER = ForkServer()
COMMIT = "c" * 40


def typed(folder: Path, model_folder: Path, *words: str) -> Run:
    """Run ``quantguard ...`` or ``pytest ...`` as a user does, or a job for ``COMMIT``."""
    arguments = words if words[0] == "quantguard" else words[1:]
    job = {"GITHUB_ACTIONS": "true", "GITHUB_SHA": COMMIT, "GITHUB_STEP_SUMMARY": os.devnull}
    env = {**os.environ, **job, "QUANTGUARD_MODEL_DIR": str(model_folder), "COLUMNS": "100"}
    return Run(*SERVER.run(arguments, folder, env, 120), folder)


def test_a_new_set_up_passes_at_once(tmp_path, model_folder):
    """init, doctor, the gate, plan and lint: each ends with 0, and without a complaint.

    The workflow's question about the report is answered with a pass as well, for this commit alone.
    The candidate behind signs fails once they are away, and then that question has no verdict.
    """
    begun = typed(tmp_path, model_folder, "quantguard", "init", "gate", "--json")
    assert begun.code == 0, begun.output
    into, *commands = json.loads(begun.output)["next"]
    folder = tmp_path / into.removeprefix("cd ")
    lines = [*commands[:-1], f"{commands[-1]} --check", "quantguard lint"]
    runs = {line: typed(folder, model_folder, *line.split()) for line in lines}

    for line, run in runs.items():
        assert run.code == 0, f"{line}\n{run.output}"
    assert runs["quantguard doctor"].has(
        "quantization: confirmed by the server: Q8_0", "response_format: json_schema: honoured"
    )
    assert runs["quantguard doctor"].has("0 warn, 0 wrong; 2")
    gate = runs["pytest --quant-candidate=q8_0"]
    assert gate.has("91 cases, 3 cohorts", "PASS  q8_0: every budget is shown to hold")
    assert "Wrong in both" not in gate.output
    assert runs["quantguard lint"].has("91 cases: nothing found")

    asked = check_of(folder)
    assert typed(folder, model_folder, *asked).code == 0
    other = [word.replace(COMMIT, "d" * 40) for word in asked]
    assert typed(folder, model_folder, *other).code == 1

    take_signs_away(folder / "quantguard.yaml", "rtn3")
    lost = typed(folder, model_folder, "pytest", "--quant-candidate=rtn3")
    assert lost.code == 1
    assert lost.has("f16 (92/92 cached)", "FAIL  rtn3: evidence of a loss")
    row = "json-extraction all 30 100.0% 0.0% +100.0 [81.0, 100.0] 16 pt FAIL"
    assert row in " ".join(lost.output.split()).replace("+100.0 pt", "+100.0")
    assert lost.has("Route: json-extraction, product-questions, tool-calling -> f16 (fail)")
    assert "NOT COMPARABLE" not in lost.output
    assert "'q8_0' was not judged" in typed(folder, model_folder, *asked).output


def check_of(folder: Path) -> list[str]:
    """Return the words with which the workflow asks about the report of ``COMMIT``."""
    text = (folder / ".github/workflows/quantguard.yml").read_text("utf-8")
    steps = yaml.safe_load(text)["jobs"]["gate"]["steps"]
    (line,) = [step["run"] for step in steps if "check-report" in step.get("run", "")]
    return [word.replace("$GITHUB_SHA", COMMIT) for word in shlex.split(line)]


def take_signs_away(path: Path, name: str) -> None:
    """Make the variant ``name``, which stands behind signs, one that counts."""
    before, first, after = path.read_text("utf-8").partition(f"  # {name}:\n")
    assert first
    block, blank, rest = after.partition("\n\n")
    lines = [line.replace("# ", "", 1) for line in (first + block).splitlines()]
    path.write_text(before + "\n".join(lines) + blank + rest, encoding="utf-8")
