"""quantguard init, then the commands that it prints, typed as they stand: on the real server."""

from __future__ import annotations

import json
import os
from pathlib import Path

from fork_server import ForkServer
from gate_project import Run

SERVER = ForkServer()


def typed(folder: Path, model_folder: Path, *words: str) -> Run:
    """Run ``quantguard ...`` or ``pytest ...`` as a user does."""
    arguments = words if words[0] == "quantguard" else words[1:]
    env = {**os.environ, "QUANTGUARD_MODEL_DIR": str(model_folder), "COLUMNS": "100"}
    return Run(*SERVER.run(arguments, folder, env, 120), folder)


def test_a_new_set_up_passes_at_once(tmp_path, model_folder):
    """init, doctor, the gate, plan and lint: each ends with 0, and without a complaint."""
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
