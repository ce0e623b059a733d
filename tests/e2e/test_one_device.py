"""Two real models that cannot be held at once: in this process, and as servers of their own."""

from __future__ import annotations

import shutil
import sys
from typing import Any

import yaml

from gate_project import GateProject

DIARY = """
from pytest_quantguard.providers.llamacpp import LlamaCppProvider

def told(name):
    plain = getattr(LlamaCppProvider, name)
    def method(self):
        if self._variant.base_url is None and (name == "_launch" or self._server is not None):
            with open("diary", "a") as file:
                file.write(f"{name} {self._variant.name}\\n")
        return plain(self)
    setattr(LlamaCppProvider, name, method)

told("_launch")
told("stop")
"""
SERVE = """
import select, signal, sys, xllamacpp
from pytest_quantguard.embedded import gguf_path
from pathlib import Path
import os
over, end = os.pipe()
signal.signal(signal.SIGTERM, lambda *_: os.write(end, b"."))
params = xllamacpp.CommonParams()
params.model.path = str(gguf_path(sys.argv[1], Path(os.environ["QUANTGUARD_MODEL_DIR"])))
params.port, params.n_parallel, params.warmup, params.fit_params = int(sys.argv[2]), 1, False, False
server = xllamacpp.Server(params)
print("serving", sys.argv[1], flush=True)
select.select([over], [], [], 600)
"""


def configured(project: GateProject, variants: dict[str, Any]) -> None:
    """Write a configuration of two variants, whatever they are worth, and few cases."""
    shutil.rmtree(project.folder / "golden")
    project.golden(4, expect=[{"length": {"max_tokens": 8}}], request={"max_tokens": 8})
    data = {
        "baseline": "f16",
        "variants": variants,
        "budgets": [{"max_drop": "50 pt"}],
        "policies": {"underpowered": "allow"},  # four cases decide nothing
    }
    project.write("quantguard.yaml", yaml.safe_dump(data, sort_keys=False))


def test_two_models_take_turns_in_one_process(helpdesk: GateProject) -> None:
    """The second is loaded when the first is unloaded; what they say of themselves is kept."""
    launch = {"exclusive": True}
    configured(
        helpdesk,
        {
            name: {"provider": "llamacpp", "model": f"embedded:{name}", "launch": launch}
            for name in ("f16", "q8_0")
        },
    )
    helpdesk.write("conftest.py", DIARY)
    run = helpdesk.run("-q", candidate="q8_0")
    diary = (helpdesk.folder / "diary").read_text("utf-8").split("\n")

    assert run.verdicts == {"q8_0": "inconclusive"}, run.output
    assert diary == ["_launch f16", "stop f16", "_launch q8_0", "stop q8_0", ""]
    assert run.report["provenance"]["requests"]["f16"]["sent"] > 0


def test_real_server_started_by_a_command(helpdesk: GateProject) -> None:
    """A llama.cpp server in a program of its own, asked by the ordinary provider, with -n 2."""
    variants = {
        name: {
            "provider": "openai",
            "model": name,
            "concurrency": 1,
            "launch": {
                "command": [sys.executable, "-c", SERVE, name, "{port}"],
                "ready": "/health",
                "timeout_s": 60,
                "exclusive": True,
            },
        }
        for name in ("f16", "q8_0")
    }
    configured(helpdesk, variants)
    run = helpdesk.run("-q", "-n2", candidate="q8_0")

    assert run.verdicts == {"q8_0": "inconclusive"}, run.output
    requests = run.report["provenance"]["requests"]
    assert requests["f16"]["sent"] == requests["q8_0"]["sent"] == 4
    log = (helpdesk.folder / ".quantguard/logs/q8_0.log").read_text("utf-8", "replace")
    assert "serving q8_0" in log
