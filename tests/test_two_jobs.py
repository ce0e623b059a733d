"""Two runs of pytest at once, on one cache: each question is asked once."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gate_project import GateProject, speaks, truthful
from scripted_server import ScriptedServer


def slowly(model: str, prompt: str) -> str:
    time.sleep(0.05)
    return truthful(model, prompt)


def begun(project: GateProject, *options: str) -> subprocess.Popen[str]:
    """Start a run and wait until it has asked something."""
    process, before = project.popen(*options), project.server.requests
    for _ in range(9000):
        if project.server.requests >= before + 12 or process.poll() is not None:
            return process
        time.sleep(0.01)
    raise AssertionError("it did not ask")


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[GateProject]:
    with ScriptedServer(default=speaks(slowly)) as server:
        project = GateProject(tmp_path, server)
        both = {"provider": "openai", "base_url": server.url, "concurrency": 2}
        arms = {name: {**both, "model": name} for name in ("base", "cand")}
        project.config(server.url, variants=arms)
        yield project


def test_two_jobs_ask_each_question_once(slow: GateProject) -> None:
    """Both pass, with as many requests as there are questions."""
    first = begun(slow, "--quant-report=one")
    second = slow.popen("--quant-report=two")
    outputs = [job.communicate(timeout=120)[0] for job in (first, second)]

    assert [first.returncode, second.returncode] == [0, 0], outputs
    assert slow.server.requests == 120
    assert set(slow.server.counts.values()) == {1}


def test_a_job_that_dies_holds_nobody_up(slow: GateProject) -> None:
    """Killed while it holds claims: the other asks what was in flight there, and nothing else."""
    first = begun(slow, "--quant-report=one")
    second = slow.popen("--quant-report=two")
    time.sleep(0.3)
    first.send_signal(signal.SIGKILL)
    first.communicate(timeout=120)
    output, _ = second.communicate(timeout=120)

    assert second.returncode == 0, output
    assert 120 <= slow.server.requests <= 120 + 4
    assert max(slow.server.counts.values()) <= 2
